package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"net"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// serialize makes a frame, with lengths and checksums.
func serialize(t testing.TB, parts ...gopacket.SerializableLayer) []byte {
	t.Helper()
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, parts...); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// counting returns n bytes that differ from their neighbours.
func counting(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7 / 3)
	}
	return b
}

// host is what the test's frames are made of.
type host struct {
	tags     []uint16 // Ethernet types of VLAN tags
	v6, udp  bool
	options  int // bytes of IP options or extension headers, of TCP options
	flags    uint8
	payload  int
	size     int // of a segment's payload
	sequence uint32
	id       uint16
}

// frame returns the frame with one payload: what the cable would carry.
func (h host) frame(t testing.TB, payload []byte, first, last bool, number int) []byte {
	t.Helper()
	ipType := layers.EthernetTypeIPv4
	if h.v6 {
		ipType = layers.EthernetTypeIPv6
	}
	eth := &layers.Ethernet{DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, EthernetType: ipType}
	parts := []gopacket.SerializableLayer{eth}
	for i, tag := range h.tags {
		vlan := &layers.Dot1Q{Priority: 5, VLANIdentifier: uint16(100 + i), Type: ipType}
		if i == 0 {
			eth.EthernetType = layers.EthernetType(tag)
		} else {
			parts[i].(*layers.Dot1Q).Type = layers.EthernetType(tag)
		}
		parts = append(parts, vlan)
	}
	proto := layers.IPProtocolTCP
	if h.udp {
		proto = layers.IPProtocolUDP
	}
	var network gopacket.NetworkLayer
	if h.v6 {
		ip := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: proto, FlowLabel: 0x12345, SrcIP: net.ParseIP("2001:db8::1"), DstIP: net.ParseIP("2001:db8::2")}
		parts = append(parts, ip)
		network = ip
	} else {
		ip := &layers.IPv4{Version: 4, TTL: 64, Id: h.id + uint16(number), Flags: layers.IPv4DontFragment, Protocol: proto, SrcIP: net.IP{10, 0, 0, 1}, DstIP: net.IP{10, 0, 0, 2}}
		for range h.options / 4 {
			ip.Options = append(ip.Options, layers.IPv4Option{OptionType: 1}, layers.IPv4Option{OptionType: 1}, layers.IPv4Option{OptionType: 1}, layers.IPv4Option{OptionType: 1})
		}
		parts = append(parts, ip)
		network = ip
	}
	if h.udp {
		u := &layers.UDP{SrcPort: 1000, DstPort: 2000}
		if err := u.SetNetworkLayerForChecksum(network); err != nil {
			t.Fatal(err)
		}
		return serialize(t, append(parts, u, gopacket.Payload(payload))...)
	}
	flags := h.flags
	if !last {
		flags &^= tcpFIN | tcpPSH
	}
	if !first {
		flags &^= tcpCWR
	}
	tcp := &layers.TCP{SrcPort: 1000, DstPort: 2000, Seq: h.sequence + uint32(number*h.size), Ack: 77, Window: 500,
		FIN: flags&tcpFIN != 0, PSH: flags&tcpPSH != 0, CWR: flags&tcpCWR != 0, ACK: true}
	for range h.options {
		tcp.Options = append(tcp.Options, layers.TCPOption{OptionType: layers.TCPOptionKindNop})
	}
	if err := tcp.SetNetworkLayerForChecksum(network); err != nil {
		t.Fatal(err)
	}
	return serialize(t, append(parts, tcp, gopacket.Payload(payload))...)
}

// unfinish leaves the checksum to the interface, as the kernel does: its field
// holds the sum of the pseudo header.
func unfinish(t testing.TB, f []byte) offload {
	t.Helper()
	l, ok := parse(f)
	if !ok {
		t.Fatalf("%x is not parsed", f[:60])
	}
	o := offload{flags: needsSum, sumStart: uint16(l.transport), sumOffset: tcpSumAt}
	if l.proto == protoUDP {
		o.sumOffset = udpSumAt
	}
	addresses := f[l.ip+12 : l.ip+20]
	if l.v6 {
		addresses = f[l.ip+8 : l.ip+40]
	}
	v := uint32(l.proto) + uint32(l.end-l.transport)
	for ; len(addresses) > 0; addresses = addresses[2:] {
		v += uint32(binary.BigEndian.Uint16(addresses))
	}
	for v>>16 != 0 {
		v = v>>16 + v&0xFFFF
	}
	binary.BigEndian.PutUint16(f[l.transport+int(o.sumOffset):], uint16(v))
	return o
}

func TestFinishChecksums(t *testing.T) {
	for _, h := range []host{
		{payload: 1}, {payload: 0}, {payload: 1460, tags: []uint16{0x8100}}, {payload: 99, v6: true},
		{udp: true, payload: 3}, {udp: true, v6: true, payload: 1000, tags: []uint16{0x88A8, 0x8100}}, {payload: 9000, options: 8},
	} {
		want := h.frame(t, counting(h.payload), true, true, 0)
		got := bytes.Clone(want)
		o := unfinish(t, got)
		if bytes.Equal(got, want) {
			t.Fatalf("%+v: the frame is finished", h)
		}
		if !o.finish(got) || !bytes.Equal(got, want) {
			t.Errorf("%+v:\ngot  %x\nwant %x", h, got, want)
		}
	}
	sctp := append(make([]byte, 34), counting(40)...)
	o := offload{flags: needsSum, sumStart: 34, sumOffset: sctpSumAt}
	want := bytes.Clone(sctp)
	clear(want[42:46])
	binary.LittleEndian.PutUint32(want[42:], crc32.Checksum(want[34:], castagnoli))
	if !o.finish(sctp) || !bytes.Equal(sctp, want) {
		t.Errorf("SCTP:\ngot  %x\nwant %x", sctp, want)
	}
	// CRC32c has a check value.
	if got := crc32.Checksum([]byte("123456789"), castagnoli); got != 0xE3069283 {
		t.Errorf("CRC32c is %#x", got)
	}
	for _, o := range []offload{{flags: needsSum, sumStart: 100}, {flags: needsSum, sumStart: 58, sumOffset: 1}, {flags: needsSum, sumStart: 65535, sumOffset: 65535}, {flags: needsSum, sumStart: 60, sumOffset: sctpSumAt}} {
		if f := make([]byte, 60); o.finish(f) || !bytes.Equal(f, make([]byte, 60)) {
			t.Errorf("%+v fits a frame of 60 bytes: %x", o, f)
		}
	}
}

func TestZeroChecksumHasAnotherForm(t *testing.T) {
	// A UDP packet whose checksum comes out as zero, which would mean none.
	h := host{udp: true, payload: 2}
	for v := range 65536 {
		f := h.frame(t, []byte{byte(v >> 8), byte(v)}, true, true, 0)
		if l, _ := parse(f); binary.BigEndian.Uint16(f[l.transport+udpSumAt:]) != 0xFFFF {
			continue
		}
		want := bytes.Clone(f)
		o := unfinish(t, f)
		if !o.finish(f) || !bytes.Equal(f, want) {
			t.Errorf("got  %x\nwant %x", f, want)
		}
		return
	}
	t.Fatal("no payload makes that checksum")
}

func TestSegments(t *testing.T) {
	for _, h := range []host{
		{payload: 64000, size: 1448, flags: tcpPSH | tcpFIN | tcpCWR, sequence: 0xFFFFF000, id: 0xFFF0, options: 12},
		{payload: 1448 * 4, size: 1448, flags: tcpPSH},
		{payload: 1449, size: 1448, v6: true, tags: []uint16{0x8100}},
		{payload: 3, size: 1, tags: []uint16{0x88A8, 0x8100}, sequence: 9},
		{payload: 100, size: 100},
		{payload: 100, size: 1000, v6: true},
		{payload: 65000, size: 1428, v6: true, flags: tcpCWR},
		{payload: 30001, size: 1472, udp: true, id: 5},
		{payload: 5000, size: 1000, udp: true, v6: true, tags: []uint16{0x9100}},
	} {
		t.Run(fmt.Sprintf("%+v", h), func(t *testing.T) {
			payload := counting(h.payload)
			super := h.frame(t, payload, true, true, 0)
			o := unfinish(t, super)
			o.size = uint16(h.size)
			switch {
			case h.udp:
				o.kind = segmentsUDP
			case h.v6:
				o.kind = segmentsTCP6
			default:
				o.kind = segmentsTCP4
			}
			if h.flags&tcpCWR != 0 {
				o.kind |= segmentsECN
			}
			var s segments
			if !s.start(super, o) {
				t.Fatal("not taken")
			}
			buf := make([]byte, MaxFrame)
			for n := 0; len(payload) > 0; n++ {
				if !s.more() {
					t.Fatalf("%d segments, and %d bytes are missing", n, len(payload))
				}
				part := payload[:min(h.size, len(payload))]
				payload = payload[len(part):]
				want := h.frame(t, part, n == 0, len(payload) == 0, n)
				if got := buf[:s.next(buf)]; !bytes.Equal(got, want) {
					t.Fatalf("segment %d:\ngot  %x\nwant %x", n, got, want)
				}
			}
			if s.more() {
				t.Error("there are more segments")
			}
		})
	}
}

func TestSegmentsWithoutChecksumOfUDP(t *testing.T) {
	f := host{udp: true}.frame(t, counting(2500), true, true, 0)
	l, _ := parse(f)
	clear(f[l.transport+udpSumAt:][:2])
	var s segments
	if !s.start(f, offload{kind: segmentsUDP, size: 1000}) {
		t.Fatal("not taken")
	}
	buf := make([]byte, MaxFrame)
	for _, want := range []int{1042, 1042, 542} {
		if n := s.next(buf); n != want || buf[40] != 0 || buf[41] != 0 {
			t.Errorf("%d bytes with checksum %x, want %d without", n, buf[40:42], want)
		}
	}
}

func TestWhatIsNotCut(t *testing.T) {
	good := host{}.frame(t, counting(4000), true, true, 0)
	o := unfinish(t, good)
	o.kind, o.size = segmentsTCP4, 1000
	var s segments
	if !s.start(bytes.Clone(good), o) {
		t.Fatal("the frame to start from is not taken")
	}
	change := func(at int, v byte) []byte {
		f := bytes.Clone(good)
		f[at] = v
		return f
	}
	with := func(fn func(o *offload)) offload {
		o := o
		fn(&o)
		return o
	}
	for name, c := range map[string]struct {
		frame []byte
		o     offload
	}{
		"a fragment":           {change(20, 0x20), o},
		"another protocol":     {change(23, 47), o},
		"IPv6":                 {good, with(func(o *offload) { o.kind = segmentsTCP6 })},
		"UDP":                  {good, with(func(o *offload) { o.kind = segmentsUDP })},
		"fragments of UDP":     {good, with(func(o *offload) { o.kind = 3 })},
		"no size":              {good, with(func(o *offload) { o.size = 0 })},
		"a size too large":     {good, with(func(o *offload) { o.size = 32768 })},
		"another start":        {good, with(func(o *offload) { o.sumStart = 84 })}, // a tunnel
		"options before":       {change(14, 0x4F), o},
		"no header":            {change(14, 0x44), o},
		"TCP options too long": {change(46, 0x10), o},
		"cut off":              {good[:50], o},
		"a type":               {change(12, 0x86), o},
		"nothing":              {nil, o},
		"longer than there is": {change(16, 0xFF), o},
	} {
		if s.start(c.frame, c.o) {
			t.Errorf("%s: is cut", name)
		}
	}
}

// FuzzOffload cuts and finishes any frame. What comes out has all of the payload,
// and checksums that are right.
func FuzzOffload(f *testing.F) {
	for _, h := range []host{{payload: 3000, tags: []uint16{0x8100}}, {payload: 2000, v6: true}, {payload: 1000, udp: true}, {payload: 500, udp: true, v6: true, options: 8}} {
		frame := h.frame(f, counting(h.payload), true, true, 0)
		o := unfinish(f, frame)
		for _, kind := range []uint8{0, segmentsTCP4, segmentsTCP6 | segmentsECN, segmentsUDP} {
			f.Add(frame, o.flags, kind, uint16(700), o.sumStart, o.sumOffset)
		}
	}
	f.Fuzz(func(t *testing.T, frame []byte, flags, kind uint8, size, start, offset uint16) {
		o := offload{flags, kind, size, start, offset}
		if len(frame) > 8192 { // more takes long, and shows nothing new
			return
		}
		var s segments
		if s.start(bytes.Clone(frame), o) {
			l, _ := parse(frame)
			payload, got := frame[len(s.header):l.end], []byte(nil)
			buf := make([]byte, MaxFrame)
			for s.more() {
				out := buf[:s.next(buf)]
				m, ok := parse(out)
				if !ok || m.transport != l.transport || m.end != len(out) {
					t.Fatalf("segment %x has no headers", out)
				}
				if !s.bare {
					checkSum(t, out, m)
				}
				if ip := out[m.ip:m.transport]; !m.v6 && onesComplement(ip) != 0xFFFF {
					t.Fatalf("header %x has a wrong checksum", ip)
				}
				got = append(got, out[len(s.header):]...)
			}
			if !bytes.Equal(got, payload) {
				t.Fatalf("payload %x became %x", payload, got)
			}
		}
		again := bytes.Clone(frame)
		if !o.finish(again) && !bytes.Equal(again, frame) {
			t.Fatal("a frame that is refused was changed")
		}
	})
}

func onesComplement(b []byte) uint16 {
	var v uint32
	for i, c := range b {
		v += uint32(c) << (8 * uint(1-i&1))
		v = v>>16 + v&0xFFFF
	}
	return uint16(v)
}

// checkSum checks the transport checksum the slow way.
func checkSum(t *testing.T, f []byte, l headers) {
	t.Helper()
	addresses := f[l.ip+12 : l.ip+20]
	if l.v6 {
		addresses = f[l.ip+8 : l.ip+40]
	}
	n := l.end - l.transport
	pseudo := append(bytes.Clone(addresses), byte(n>>24), byte(n>>16), byte(n>>8), byte(n), 0, l.proto)
	if got := onesComplement(append(pseudo, f[l.transport:l.end]...)); got != 0xFFFF {
		t.Fatalf("segment %x has a wrong checksum: %#x", f, got)
	}
}
