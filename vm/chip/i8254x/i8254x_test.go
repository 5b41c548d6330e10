package i8254x

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"dynemu/vm/chip/chiptest"
)

// Values after power-on: adapters-7200 reference, 12.1.
func TestResetValues(t *testing.T) {
	r := newRig(t)
	for off := uint64(0); off < WindowSize; off += 4 {
		want := map[uint64]uint32{0x08: 3, 0x20: 0x10000000}[off]
		if got := r.get(off); got != want {
			t.Errorf("register %05X = %08X, want %08X", off, got, want)
		}
	}
	for _, off := range []uint64{1, 2, 3, WindowSize} {
		r.set(off, 0xFFFFFFFF)
		if got := r.get(off); got != 0 {
			t.Errorf("offset %X reads %08X", off, got)
		}
	}
	if r.get(0) != 0 {
		t.Error("a write between the registers changed one")
	}
	r.Unplugged = true
	r.WantWord("STATUS without a link", r.get(8), 1)
}

// What is written reads back, through both offsets of registers that have two.
func TestStorageRegisters(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		name     string
		off, old uint64
		mask     uint32
	}{
		{"FCAL", 0x28, 0x28, 0xFFFFFFFF}, {"FCAH", 0x2C, 0x2C, 0xFFFF}, {"FCT", 0x30, 0x30, 0xFFFF},
		{"VET", 0x38, 0x38, 0xFFFF}, {"ITR", 0xC4, 0xC4, 0xFFFF}, {"TXCW", 0x178, 0x178, 0xFFFFFFFF},
		{"TIPG", 0x410, 0x410, 0xFFFFFFFF}, {"PBA", 0x1000, 0x1000, 0xFFFFFFFF},
		{"FCRTL", 0x2160, 0x168, 0xFFFFFFFF}, {"FCRTH", 0x2168, 0x160, 0xFFFFFFFF},
		{"RDBAL", 0x2800, 0x110, 0xFFFFFFFF}, {"RDBAH", 0x2804, 0x114, 0xFFFFFFFF}, {"RDLEN", 0x2808, 0x118, 0x000FFF80},
		{"RDH", 0x2810, 0x120, 0xFFFF}, {"RDT", 0x2818, 0x128, 0xFFFF}, {"RDTR", 0x2820, 0x108, 0xFFFF},
		{"TDBAL", 0x3800, 0x420, 0xFFFFFFFF}, {"TDBAH", 0x3804, 0x424, 0xFFFFFFFF}, {"TDLEN", 0x3808, 0x428, 0x000FFF80},
		{"TDH", 0x3810, 0x430, 0xFFFF}, {"TDT", 0x3818, 0x438, 0xFFFF}, {"TIDV", 0x3820, 0x440, 0xFFFF},
		{"RCTL", 0x100, 0x100, 0xFFFFFFFF}, {"TCTL", 0x400, 0x400, 0xFFFFFFFF}, {"RXCSUM", 0x5000, 0x5000, 0xFFFFFFFF},
		{"RAL1", 0x5408, 0x48, 0xFFFFFFFF}, {"RAH15", 0x547C, 0xBC, 0xFFFFFFFF},
		{"MTA0", 0x5200, 0x200, 0xFFFFFFFF}, {"MTA127", 0x53FC, 0x3FC, 0xFFFFFFFF},
		{"VFTA0", 0x5600, 0x600, 0xFFFFFFFF}, {"VFTA127", 0x57FC, 0x7FC, 0xFFFFFFFF},
	} {
		r.set(c.off, 0xFFFFFFFF)
		r.WantWord(c.name, r.get(c.off), c.mask)
		r.WantWord(c.name+" at its other place", r.get(c.old), c.mask)
		r.set(c.old, 0x12345680&c.mask)
		r.WantWord(c.name+" written at its other place", r.get(c.off), 0x12345680&c.mask)
	}
}

func TestInterrupts(t *testing.T) {
	r := newRig(t)
	r.set(0xC8, TXDW|RXT0)
	r.WantIRQ("with everything masked", false)
	r.set(0xD0, RXT0)
	r.set(0xD0, RXO)
	r.WantWord("IMS", r.get(0xD0), RXT0|RXO)
	r.WantIRQ("unmasked", true)
	r.set(0xD8, RXT0)
	r.WantWord("IMS after IMC", r.get(0xD0), RXO)
	r.WantIRQ("masked", false)
	r.set(0xD0, RXT0)
	r.WantWord("ICR", r.get(0xC0), TXDW|RXT0)
	r.WantIRQ("ICR read", false)
	r.WantWord("ICR read again", r.get(0xC0), 0)
	r.set(0xC8, RXT0|RXO)
	r.set(0xC0, RXO)
	r.WantWord("ICR after a bit was written", r.get(0xC0), RXT0)
}

// ITR keeps the line down for a while after it rose.
func TestThrottle(t *testing.T) {
	r := newRig(t)
	r.set(0xD0, RXT0)
	r.set(0xC4, 100)
	r.set(0xC8, RXT0)
	r.WantIRQ("first", true)
	r.get(0xC0)
	r.set(0xC8, RXT0)
	r.WantIRQ("too soon", false)
	r.Advance(100*itrTick - 1)
	r.WantIRQ("still too soon", false)
	r.Advance(1)
	r.WantIRQ("after the interval", true)
	r.get(0xC0)
	r.set(0xC8, RXT0)
	r.get(0xC0)
	r.Advance(100 * itrTick)
	r.WantIRQ("cause gone meanwhile", false)
}

// Section 22, items 18 to 20.
func TestTransmitAndReceive(t *testing.T) {
	r := newRig(t)
	r.start(3 << rxSizeShift) // 256 bytes
	r.set(0xD0, 0xFFFF)
	frame := chiptest.Frame(stranger, 70)
	r.give(0, frame, txEnd|txReport)
	if len(r.Sent) != 1 || !bytes.Equal(r.Sent[0], frame) {
		t.Fatalf("on the wire: %x, want %x", r.Sent, frame)
	}
	r.WantWords("transmit descriptor", txRing, swap|txBuf, 0, txEnd|txReport|70, descDone)
	r.WantWord("TDH", r.get(0x3810), 1)
	r.WantIRQ("sent", true)
	r.chip.Receive(frame)
	r.WantWords("receive descriptor", rxRing, swap|rxBuf, 0, 0x0000004A, 0x00000007)
	if got := r.Bytes(rxBuf, 72); !bytes.Equal(got, append(bytes.Clone(frame), 0, 0)) {
		t.Errorf("in memory: %x", got)
	}
	r.WantWord("RDH", r.get(0x2810), 1)
	r.WantWord("ICR", r.get(0xC0), TXDW|TXQE|RXT0)
	r.WantWord("ICR again", r.get(0xC0), 0)

	// One descriptor for a frame of 400 bytes.
	r.set(0x2818, 2)
	r.chip.Receive(chiptest.Frame(station, 400))
	r.WantWords("receive descriptor", rxRing+16+8, 0x00000100, 0x00000005)
	r.WantWord("RDH", r.get(0x2810), 2)
	r.WantWord("ICR", r.get(0xC0), RXO)
	r.chip.Receive(frame)
	r.WantWord("ICR without any descriptor", r.get(0xC0), RXO)
	r.WantWord("missed frames", r.get(0x4010), 2)
	r.set(0x2818, 3)
	r.chip.Receive(frame)
	r.WantWords("receive descriptor", rxRing+32+8, 0x0000004A, 0x00000007)
}

// At plain addresses byte n of a frame is at address n XOR 3, and nothing
// beside the frame is written; through the window it is in natural order, with
// any alignment, whether the chip knows the way behind the window or not.
func TestByteLanes(t *testing.T) {
	known := func(c *Config) {
		c.Unswap = func(pa uint64, n int) (uint64, bool) {
			return pa - swap, pa >= swap && pa+uint64(n) <= swap+chiptest.RAMSize
		}
	}
	for name, options := range map[string][]func(*Config){"window": nil, "behind the window": {known}} {
		for offset := range uint64(4) {
			for n := 60; n < 65; n++ {
				for _, window := range []uint64{0, swap} {
					r := newRig(t, options...)
					r.start(0)
					frame := chiptest.Frame(stranger, n)
					at := func(buf uint64, i int) uint64 {
						a := buf + offset + uint64(i)
						if window == 0 {
							a ^= 3
						}
						return a
					}
					for i, b := range frame {
						r.Mem.WriteAt(at(txBuf, i), []byte{b})
					}
					r.desc(txRing, uint32(window+txBuf+offset), 0, txEnd|uint32(n), 0)
					r.set(0x3818, 1)
					if len(r.Sent) != 1 || !bytes.Equal(r.Sent[0], frame) {
						t.Errorf("%s, offset %d, %d bytes at %X: sent %x", name, offset, n, window, r.Sent)
					}
					r.Put(rxRing, uint32(window+rxBuf+offset))
					fence := bytes.Repeat([]byte{0xEE}, 128)
					r.Mem.WriteAt(rxBuf-32, fence)
					r.chip.Receive(frame)
					want := bytes.Clone(fence)
					for i, b := range frame {
						want[at(rxBuf, i)-rxBuf+32] = b
					}
					if got := r.Bytes(rxBuf-32, 128); !bytes.Equal(got, want) {
						t.Errorf("%s, offset %d, %d bytes at %X: received\n%x, want\n%x", name, offset, n, window, got, want)
					}
				}
			}
		}
	}
}

func TestRingWraps(t *testing.T) {
	r := newRig(t)
	r.start(0)
	for k := range uint32(3*ringSize + 1) {
		frame := chiptest.Frame(stranger, 60+int(k))
		r.give(k, frame, txEnd|txReport)
		if len(r.Sent) != int(k+1) || !bytes.Equal(r.Sent[k], frame) {
			t.Fatalf("frame %d was not sent", k)
		}
		r.chip.Receive(frame)
		i := uint64(k % ringSize)
		r.WantWords("receive descriptor", rxRing+16*i+8, 64+k, 7)
		if !bytes.Equal(r.Bytes(rxBuf+0x800*i, 60+int(k)), frame) {
			t.Fatalf("frame %d is not in its buffer", k)
		}
		r.Put(rxRing+16*i+12, 0)
		r.set(0x2818, k%ringSize)
	}
}

func TestReceiveBufferSizes(t *testing.T) {
	for _, c := range []struct {
		rctl uint32
		size int
	}{
		{0, 2048}, {1 << 16, 1024}, {2 << 16, 512}, {3 << 16, 256},
		{rxBigSize, 0}, {rxBigSize | 1<<16, 16384}, {rxBigSize | 2<<16, 8192}, {rxBigSize | 3<<16, 4096},
	} {
		r := newRig(t)
		r.start(c.rctl)
		frame := chiptest.Frame(stranger, 1500)
		r.chip.Receive(frame)
		if c.size == 0 {
			r.WantWord("RDH with a reserved buffer size", r.get(0x2810), 0)
			continue
		}
		n := (1500 + c.size - 1) / c.size
		r.WantWord(fmt.Sprintf("RDH with %d-byte buffers", c.size), r.get(0x2810), uint32(n))
		r.WantWords("last descriptor", uint64(rxRing+16*(n-1)+8), uint32(1500-(n-1)*c.size+4), rxDone|rxNoSum|rxEnd)
	}
}

// Frames from several descriptors; a frame whose end is not there yet waits.
func TestTransmitFragments(t *testing.T) {
	r := newRig(t)
	r.start(0)
	frame := chiptest.Frame(stranger, 100)
	r.give(0, frame[:33], 0)
	r.WantWord("TDH while the end is missing", r.get(0x3810), 0)
	r.give(1, frame[33:60], txReport)
	r.give(2, frame[60:], txEnd)
	if len(r.Sent) != 1 || !bytes.Equal(r.Sent[0], frame) {
		t.Fatalf("sent %x", r.Sent)
	}
	for i, want := range []uint32{0, descDone, 0} {
		r.WantWord(fmt.Sprintf("status of descriptor %d", i), r.Word(uint64(txRing+16*i+12)), want)
	}
	r.WantWord("TDH", r.get(0x3810), 3)
	r.WantWord("ICR", r.get(0xC0), TXDW|TXQE)

	// A frame above every limit is dropped, and the ring goes on.
	for i := range uint32(6) {
		r.desc(uint64(txRing+16*((3+i)%ringSize)), swap|txBuf, 0, 0xFFFF, 0)
	}
	r.Put(uint64(txRing+16*((3+5)%ringSize)+8), txEnd|0xFFFF)
	r.set(0x3818, (3+6)%ringSize)
	r.give((3+6)%ringSize, frame, txEnd)
	if len(r.Sent) != 2 || !bytes.Equal(r.Sent[1], frame) {
		t.Errorf("%d frames sent", len(r.Sent))
	}
}

func TestPadding(t *testing.T) {
	for _, c := range []struct {
		tctl uint32
		want int
	}{{txEnable, 42}, {txEnable | txPad, 60}} {
		r := newRig(t)
		r.start(0)
		r.set(0x400, c.tctl)
		frame := chiptest.Frame(stranger, 42)
		r.give(0, chiptest.Frame(stranger, 200), txEnd) // leaves its bytes behind
		r.give(1, frame, txEnd)
		want := append(frame, make([]byte, c.want-42)...)
		if len(r.Sent) != 2 || !bytes.Equal(r.Sent[1], want) {
			t.Errorf("TCTL %X: sent %x", c.tctl, r.Sent)
		}
	}
}

// udp returns an Ethernet frame with an IPv4 header and n bytes of UDP data.
func ipFrame(protocol byte, l4 []byte) []byte {
	f := append(chiptest.Frame(stranger, 12), 0x08, 0x00)
	ip := []byte{0x45, 0, 0, 0, 0x12, 0x34, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}
	binary.BigEndian.PutUint16(ip[2:], uint16(20+len(l4)))
	return append(append(f, ip...), l4...)
}

// checked reports whether the sum over b and a pseudo header is right.
func checked(b []byte, pseudo ...uint32) bool {
	s := uint32(0)
	for _, p := range pseudo {
		s += p
	}
	for i, x := range b {
		if i%2 == 0 {
			s += uint32(x) << 8
		} else {
			s += uint32(x)
		}
	}
	for s > 0xFFFF {
		s = s&0xFFFF + s>>16
	}
	return s == 0xFFFF
}

const (
	pseudoAddresses = 0x0A00 + 0x0001 + 0x0A00 + 0x0002
	context         = txExtended | txTypeContext
	data            = txExtended | txTypeData
)

// The insertion of a checksum that a legacy descriptor asks for.
func TestLegacyChecksum(t *testing.T) {
	r := newRig(t)
	r.start(0)
	frame := ipFrame(17, make([]byte, 41))
	r.Put(txRing+12, 14<<8)                        // CSS
	r.give(0, frame[:34], txEnd|txSum|(14+10)<<16) // the header alone: CSS has no end
	if len(r.Sent) != 1 || !checked(r.Sent[0][14:34]) {
		t.Errorf("sent %x", r.Sent)
	}
}

// Context and data descriptors, as the Linux driver writes them for a UDP
// datagram: section 21.3.
func TestChecksumOffload(t *testing.T) {
	r := newRig(t)
	r.start(0)
	l4 := append([]byte{0, 1, 0, 2, 0, 41, 0, 0}, chiptest.Frame(stranger, 33)...)
	frame := ipFrame(17, l4)
	// The driver seeds the field with the sum of the pseudo header.
	binary.BigEndian.PutUint16(frame[34+6:], sum(pseudoAddresses+17+41, nil))
	r.desc(txRing, 14|24<<8|33<<16, 34|40<<8, context|txReport, 0)
	r.Mem.WriteAt(txBuf+0x800, frame)
	r.desc(txRing+16, swap|(txBuf+0x800), 0, data|34, txIPSum|txTCSum)
	r.desc(txRing+32, swap|(txBuf+0x800+34), 0, data|txEnd|txReport|uint32(len(frame)-34), 0)
	r.set(0x3818, 3)
	if len(r.Sent) != 1 || len(r.Sent[0]) != len(frame) {
		t.Fatalf("sent %x", r.Sent)
	}
	got := r.Sent[0]
	if !checked(got[14:34]) {
		t.Errorf("IP checksum of %x", got)
	}
	if !checked(got[34:], pseudoAddresses, 17, 41) {
		t.Errorf("UDP checksum of %x", got)
	}
	copy(got[24:26], frame[24:])
	copy(got[40:42], frame[40:])
	if !bytes.Equal(got, frame) {
		t.Errorf("more than the checksums changed: %x", got)
	}
	for i, want := range []uint32{descDone, txIPSum | txTCSum, descDone} {
		r.WantWord(fmt.Sprintf("descriptor %d", i), r.Word(uint64(txRing+16*i+12)), want)
	}
}

func TestSegmentation(t *testing.T) {
	r := newRig(t)
	r.start(0)
	const mss, total = 1000, 2500
	tcp := make([]byte, 20+total)
	binary.BigEndian.PutUint32(tcp[4:], 0xFFFFFF00)
	tcp[12], tcp[13] = 0x50, 0x19 // ACK PSH FIN
	copy(tcp[20:], bytes.Repeat([]byte("segmented "), total/10))
	frame := ipFrame(6, tcp)
	frame[16], frame[17] = 0, 0
	binary.BigEndian.PutUint16(frame[34+16:], sum(pseudoAddresses+6, nil))
	r.desc(txRing, 14|24<<8|33<<16, 34|50<<8, context|1<<24|1<<25|txSegment|uint32(20+total), mss<<16|54<<8)
	r.Mem.WriteAt(0x60000, frame)
	r.desc(txRing+16, swap|0x60000, 0, data|txSegment|txEnd|txReport|uint32(len(frame)), txIPSum|txTCSum)
	r.set(0x3818, 2)
	if len(r.Sent) != 3 {
		t.Fatalf("%d frames sent, want 3", len(r.Sent))
	}
	var payload []byte
	for k, f := range r.Sent {
		n := min(mss, total-k*mss)
		if len(f) != 54+n || int(binary.BigEndian.Uint16(f[16:])) != 40+n {
			t.Errorf("segment %d: %d bytes, total length %d", k, len(f), binary.BigEndian.Uint16(f[16:]))
		}
		if id := binary.BigEndian.Uint16(f[18:]); id != uint16(0x1234+k) {
			t.Errorf("segment %d: identification %04X", k, id)
		}
		if seq := binary.BigEndian.Uint32(f[38:]); seq != 0xFFFFFF00+uint32(k*mss) {
			t.Errorf("segment %d: sequence %08X", k, seq)
		}
		if want := byte(0x10); k < 2 && f[47] != want || k == 2 && f[47] != 0x19 {
			t.Errorf("segment %d: flags %02X", k, f[47])
		}
		if !checked(f[14:34]) || !checked(f[34:], pseudoAddresses, 6, uint32(20+n)) {
			t.Errorf("segment %d: checksums", k)
		}
		payload = append(payload, f[54:]...)
	}
	if !bytes.Equal(payload, tcp[20:]) {
		t.Error("payload differs")
	}
}

// A frame that asks for segments of a byte is not sent, and its descriptors come
// back.
func TestTinySegments(t *testing.T) {
	for _, mss := range []uint32{1, 63, 64} {
		r := newRig(t)
		r.Drop = true
		r.start(0)
		r.desc(txRing, 14|24<<8|33<<16, 34|50<<8, context|1<<24|1<<25|txSegment, mss<<16|54<<8)
		r.desc(txRing+16, swap|txBuf, 0, data|txSegment|txEnd|txReport|60000, 0)
		r.set(0x3818, 2)
		want := 0
		if mss == 64 {
			want = (60000 - 54 + 63) / 64
		}
		if r.Count != want || r.Word(txRing+28)&descDone == 0 {
			t.Errorf("MSS %d: %d frames sent, want %d", mss, r.Count, want)
		}
	}
}

func TestVLAN(t *testing.T) {
	r := newRig(t)
	r.start(0)
	r.set(0x38, 0x8100)
	r.set(0, ctrlVLAN)
	frame := chiptest.Frame(stranger, 60)
	tagged := append(append(bytes.Clone(frame[:12]), 0x81, 0x00, 0x60, 0x05), frame[12:]...)
	r.Put(txRing+12, 0x6005<<16)
	r.give(0, frame, txEnd|txTagged)
	if len(r.Sent) != 1 || !bytes.Equal(r.Sent[0], tagged) {
		t.Errorf("sent %x, want %x", r.Sent, tagged)
	}
	r.chip.Receive(tagged)
	r.WantWords("receive descriptor", rxRing+8, 64, 0x6005<<16|rxTagged|rxNoSum|rxEnd|rxDone)
	if !bytes.Equal(r.Bytes(rxBuf, 60), frame) {
		t.Error("the tag was not taken out")
	}
	r.set(0x100, rxEnable|rxVLANFilter)
	r.chip.Receive(tagged)
	r.WantWord("RDH after another VLAN's frame", r.get(0x2810), 1)
	r.set(0x5600, 1<<5)
	r.chip.Receive(tagged)
	r.WantWord("RDH after this VLAN's frame", r.get(0x2810), 2)
	r.set(0, 0)
	r.give(1, tagged, txEnd|txTagged)
	if len(r.Sent) != 2 || !bytes.Equal(r.Sent[1], tagged) {
		t.Error("tagged without CTRL.VME")
	}
}

func TestLoopback(t *testing.T) {
	r := newRig(t)
	r.start(rxLoopback)
	frame := chiptest.Frame(stranger, 60)
	r.give(0, frame, txEnd)
	r.chip.Receive(chiptest.Frame(station, 99)) // from the wire
	if len(r.Sent) != 0 {
		t.Error("a looped frame is on the wire")
	}
	r.WantWords("first receive descriptor", rxRing+8, 64, 7)
	r.WantWord("RDH", r.get(0x2810), 1)
}

// hashOf sets the bit of an address in a table for a value of RCTL.MO.
func hashOf(mo int, a [6]byte) (index, bit uint32) {
	// The address as one number, byte 5 highest: bits 47:36, 46:35, 45:34, 43:32.
	v := uint64(a[5])<<40 | uint64(a[4])<<32
	n := v >> [4]uint{36, 35, 34, 32}[mo] & 0xFFF
	return uint32(n / 32), 1 << (n % 32)
}

func TestFilter(t *testing.T) {
	bcast := [6]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}
	type setup struct {
		rctl    uint32
		address [][6]byte
		hash    [][6]byte
	}
	for _, c := range []struct {
		name    string
		profile Profile
		setup   setup
		accept  map[[6]byte]bool
	}{
		{"router, nothing programmed", Router, setup{}, map[[6]byte]bool{station: true, stranger: true, chiptest.GroupCDP: true, bcast: true}},
		{"adapter, nothing programmed", Adapter, setup{}, map[[6]byte]bool{station: false, chiptest.GroupCDP: false, bcast: false}},
		{"router with an address", Router, setup{0, [][6]byte{station}, nil}, map[[6]byte]bool{station: true, stranger: false, chiptest.GroupCDP: false, bcast: false}},
		{"two addresses", Adapter, setup{0, [][6]byte{station, chiptest.GroupCDP}, nil}, map[[6]byte]bool{station: true, chiptest.GroupCDP: true, stranger: false, chiptest.GroupOSPF: false}},
		{"broadcast accept", Adapter, setup{rxBroadcast, [][6]byte{station}, nil}, map[[6]byte]bool{station: true, stranger: false, bcast: true, chiptest.GroupCDP: false}},
		{"unicast promiscuous", Adapter, setup{rxUnicast, nil, nil}, map[[6]byte]bool{stranger: true, chiptest.GroupCDP: false, bcast: false}},
		{"multicast promiscuous", Adapter, setup{rxMulticast, nil, nil}, map[[6]byte]bool{stranger: false, chiptest.GroupCDP: true, bcast: true}},
		{"hash, 47:36", Adapter, setup{0, nil, [][6]byte{chiptest.GroupOSPF}}, map[[6]byte]bool{chiptest.GroupOSPF: true, chiptest.GroupCDP: false, stranger: false}},
		{"hash, 46:35", Adapter, setup{1 << rxOffset, nil, [][6]byte{chiptest.GroupOSPF}}, map[[6]byte]bool{chiptest.GroupOSPF: true, chiptest.GroupCDP: false}},
		{"hash, 45:34", Adapter, setup{2 << rxOffset, nil, [][6]byte{chiptest.GroupOSPF}}, map[[6]byte]bool{chiptest.GroupOSPF: true, chiptest.GroupCDP: false}},
		{"hash, 43:32", Adapter, setup{3 << rxOffset, nil, [][6]byte{chiptest.GroupOSPF}}, map[[6]byte]bool{chiptest.GroupOSPF: true, chiptest.GroupCDP: false}},
	} {
		r := newRig(t, func(cfg *Config) { cfg.Profile = c.profile })
		r.start(c.setup.rctl)
		for i, a := range c.setup.address {
			r.set(uint64(0x5400+8*i), binary.LittleEndian.Uint32(a[:]))
			r.set(uint64(0x5404+8*i), uint32(binary.LittleEndian.Uint16(a[4:]))|rahValid)
		}
		for _, a := range c.setup.hash {
			index, bit := hashOf(int(c.setup.rctl>>rxOffset&3), a)
			r.set(uint64(0x5200+4*index), bit)
		}
		for dst, want := range c.accept {
			r.get(0xC0)
			r.chip.Receive(chiptest.Frame(dst, 60))
			if got := r.get(0xC0)&RXT0 != 0; got != want {
				t.Errorf("%s: frame to %x accepted: %v, want %v", c.name, dst, got, want)
			}
		}
	}
}

func TestReceiveThreshold(t *testing.T) {
	for rdmts, threshold := range []uint32{4, 2, 1} {
		r := newRig(t)
		r.start(uint32(rdmts) << rxThreshold)
		for free := uint32(ringSize - 2); free > 0; free-- {
			r.chip.Receive(chiptest.Frame(station, 60))
			if got := r.get(0xC0)&RXDMT0 != 0; got != (free == threshold) {
				t.Errorf("RDMTS %d, %d descriptors left: RXDMT0 is %v", rdmts, free, got)
			}
		}
	}
}

// Long frames, and frames for which the ring is too short, by profile.
func TestProfiles(t *testing.T) {
	for _, c := range []struct {
		name     string
		profile  Profile
		rctl     uint32
		size     int
		rdh      uint32
		oversize uint32
	}{
		{"router, long frame", Router, 0, 3000, 2, 0},
		{"adapter, long frame", Adapter, rxUnicast, 3000, 0, 1},
		{"adapter, long frame enabled", Adapter, rxUnicast | rxLong, 3000, 2, 0},
		{"adapter, longest normal frame", Adapter, rxUnicast, 1518, 1, 0},
		{"router, ring too short", Router, 0, 16000, 7, 0},
		{"adapter, ring too short", Adapter, rxUnicast | rxLong, 16000, 0, 0},
		{"above every limit", Router, 0, 17000, 0, 1},
	} {
		r := newRig(t, func(cfg *Config) { cfg.Profile = c.profile })
		r.start(c.rctl)
		r.chip.Receive(chiptest.Frame(station, c.size))
		r.WantWord(c.name+": RDH", r.get(0x2810), c.rdh)
		r.WantWord(c.name+": too long", r.get(0x40AC), c.oversize)
	}
}

func TestStatistics(t *testing.T) {
	r := newRig(t)
	r.start(0)
	bcast := [6]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}
	sizes := []int{60, 61, 123, 124, 1019, 1020}
	for i, n := range sizes {
		r.chip.Receive(chiptest.Frame([][6]byte{station, chiptest.GroupCDP, bcast}[i%3], n))
		r.give(uint32(i), chiptest.Frame([][6]byte{station, chiptest.GroupCDP, bcast}[i%3], n), txEnd)
	}
	octets := uint32(0)
	for _, n := range sizes {
		octets += uint32(n + 4)
	}
	for _, c := range []struct {
		name string
		off  uint64
		want uint32
	}{
		{"PRC64", 0x405C, 1}, {"PRC127", 0x4060, 2}, {"PRC255", 0x4064, 1}, {"PRC511", 0x4068, 0}, {"PRC1023", 0x406C, 1}, {"PRC1522", 0x4070, 1},
		{"GPRC", 0x4074, 6}, {"BPRC", 0x4078, 2}, {"MPRC", 0x407C, 2}, {"GPTC", 0x4080, 6},
		{"GORCL", 0x4088, octets}, {"GORCH", 0x408C, 0}, {"GOTCL", 0x4090, octets}, {"TORL", 0x40C0, octets}, {"TOTL", 0x40C8, octets},
		{"TPR", 0x40D0, 6}, {"TPT", 0x40D4, 6}, {"PTC64", 0x40D8, 1}, {"PTC127", 0x40DC, 2}, {"PTC1522", 0x40EC, 1}, {"MPTC", 0x40F0, 2}, {"BPTC", 0x40F4, 2},
	} {
		r.WantWord(c.name, r.get(c.off), c.want)
	}
	r.WantWord("GPRC is cleared by reading", r.get(0x4074), 0)
	r.WantWord("GORCL is cleared by reading GORCH", r.get(0x4088), 0)
	r.WantWord("GOTCL is not cleared by reading it", r.get(0x4090), octets)
}

// A management frame as router images clock it through SDP6 and SDP7, and as
// drivers of copper adapters do through CTRL: section 12.4.
func TestMDIO(t *testing.T) {
	type pins struct {
		name                  string
		off                   uint64
		clock, data, dir, set uint32
	}
	for _, p := range []pins{
		{"CTRL_EXT", 0x18, extMDC, extMDIO, extMDIODir, 1 << 10},
		{"CTRL", 0x00, ctrlMDC, ctrlMDIO, ctrlMDIODir, ctrlMDCDir},
	} {
		r := newRig(t)
		send := func(v uint32, n int) {
			for n--; n >= 0; n-- {
				bits := p.set | p.dir
				if v>>n&1 != 0 {
					bits |= p.data
				}
				r.set(p.off, bits)
				r.set(p.off, bits|p.clock)
				r.set(p.off, bits)
			}
		}
		receive := func() bool {
			r.set(p.off, p.set|p.clock)
			bit := r.get(p.off)&p.data != 0
			r.set(p.off, p.set)
			return bit
		}
		read := func(phy, reg uint32) (v uint32) {
			send(0xFFFFFFFF, 32)
			send(0b0110<<10|phy<<5|reg, 14)
			if receive() != (reg&1 != 0) {
				t.Errorf("%s: the turnaround does not show the last bit sent", p.name)
			}
			for range 16 {
				v <<= 1
				if receive() {
					v |= 1
				}
			}
			return v
		}
		write := func(phy, reg, v uint32) {
			send(0xFFFFFFFF, 32)
			send(0b0101<<28|phy<<23|reg<<18|2<<16|v, 32)
		}
		for reg, want := range map[uint32]uint32{0: 0x2000, 1: 0x782C, 2: 0x0013, 3: 0x61D4, 4: 0, 5: 0x41E1, 6: 1, 17: 0x4700, 31: 0} {
			for _, phy := range []uint32{0, 1, 31} {
				r.WantWord(fmt.Sprintf("%s: PHY %d register %d", p.name, phy, reg), read(phy, reg), want)
			}
		}
		write(1, 0, 0xB300)
		r.WantWord(p.name+": control", read(1, 0), 0x3100)
		write(1, 4, 0x01E1)
		write(2, 4, 0x1234)
		r.WantWord(p.name+": PHY 1 register 4", read(1, 4), 0x01E1)
		r.WantWord(p.name+": PHY 2 register 4", read(2, 4), 0x1234)
		write(1, 1, 0)
		r.WantWord(p.name+": status is read-only", read(1, 1), 0x782C)
		r.Unplugged = true
		for reg, want := range map[uint32]uint32{1: 0x7808, 5: 0, 17: 0x0100} {
			r.WantWord(fmt.Sprintf("%s: register %d without a link", p.name, reg), read(1, reg), want)
		}
	}
}

func TestMDIC(t *testing.T) {
	r := newRig(t)
	r.set(0x20, mdicRead|1<<21|2<<16)
	r.WantWord("MDIC after a read", r.get(0x20), mdicReady|mdicRead|1<<21|2<<16|0x0013)
	r.set(0x20, mdicWrite|mdicIntr|1<<21|4<<16|0x1234)
	r.WantWord("ICR", r.get(0xC0), MDAC)
	r.set(0x20, mdicRead|1<<21|4<<16)
	r.WantWord("MDIC after a write and a read", r.get(0x20)&mdicData, 0x1234)
}

func TestReset(t *testing.T) {
	r := newRig(t)
	r.start(0)
	r.set(0xD0, 0xFFFF)
	r.chip.ConfigWrite(header.MemBase, 0x48000000)
	r.chip.Receive(chiptest.Frame(station, 60))
	r.WantIRQ("frame received", true)
	r.set(0, ctrlReset|1)
	r.WantIRQ("reset", false)
	for _, off := range []uint64{0, 0xC0, 0xD0, 0x100, 0x400, 0x2800, 0x2808, 0x2810, 0x3800, 0x4074} {
		r.WantWord(fmt.Sprintf("register %04X", off), r.get(off), 0)
	}
	if r.Base != 0x48000000 {
		t.Error("the window moved")
	}
	r.give(0, chiptest.Frame(station, 60), txEnd)
	if len(r.Sent) != 0 {
		t.Error("frames pass after the reset")
	}
}

func TestUnplugged(t *testing.T) {
	r := newRig(t)
	r.start(0)
	r.Unplugged = true
	r.give(0, chiptest.Frame(station, 60), txEnd|txReport)
	r.WantWord("transmit descriptor", r.Word(txRing+12), descDone)
	if len(r.Sent) != 0 {
		t.Error("sent without a wire")
	}
}

// LSC tells of a link that changes, but not to a router's guest that did not
// ask for it.
func TestLinkChange(t *testing.T) {
	for _, c := range []struct {
		profile Profile
		ims     uint32
		want    uint32
	}{{Router, 0, 0}, {Router, LSC, LSC}, {Adapter, 0, LSC}} {
		r := newRig(t, func(cfg *Config) { cfg.Profile = c.profile })
		r.get(0xC0)
		r.set(0xD0, c.ims)
		r.chip.Attach(nil)
		r.WantWord("ICR after unplugging", r.get(0xC0), c.want)
		r.WantWord("STATUS.LU", r.get(8)&statusLU, 0)
		r.chip.Attach(r)
		r.WantWord("ICR after plugging", r.get(0xC0), c.want)
		r.Unplugged = true
		r.get(8)
		r.WantWord("ICR after the peer went", r.get(0xC0), c.want)
	}
}

func TestConfigurationSpace(t *testing.T) {
	r := newRig(t)
	r.WantConfig(r.chip, 0x10018086, 0x10, 0x20000, map[uint8]uint32{
		0x04: 0x02200157, 0x08: 0x02000003, 0x0C: 0x0000FFFF, 0x14: 0, 0x2C: 0, 0x3C: 0x00FF01FF,
	})
}

// The steps of the Linux driver on a byte-invariant bus: section 21.3.
func TestLinuxDriver(t *testing.T) {
	mac := [6]byte{0x02, 0x00, 0x5E, 0x10, 0x20, 0x30}
	r := newRig(t, func(c *Config) {
		c.ByteInvariant = func() bool { return true }
		c.MAC, c.Profile = mac, Adapter
	})
	le := func(v uint32) uint32 { return v>>24 | v>>8&0xFF00 | v<<8&0xFF0000 | v<<24 }
	get := func(off uint64) uint32 { return le(r.get(off)) }
	set := func(off uint64, v uint32) { r.set(off, le(v)) }
	put := func(pa uint64, words ...uint32) {
		for i, w := range words {
			r.Put(pa+uint64(4*i), le(w))
		}
	}

	set(0xD8, 0xFFFFFFFF)
	set(0, ctrlReset)
	if get(0)&ctrlReset != 0 {
		t.Fatal("the reset is never done")
	}
	get(0xC0)
	if got := get(8); got != 0xA3 {
		t.Errorf("STATUS %08X: fibre, link, full duplex, 1000 Mb/s wanted", got)
	}
	word := func(n uint32) (v uint32) {
		pin := func(bits uint32) { set(0x10, bits); set(0x10, bits|eecdClock); set(0x10, bits) }
		set(0x10, eecdCS)
		for i := 8; i >= 0; i-- {
			pin(eecdCS | (6<<6|n)>>i&1*eecdIn)
		}
		for range 16 {
			set(0x10, eecdCS|eecdClock)
			v = v<<1 | get(0x10)/eecdOut&1
			set(0x10, eecdCS)
		}
		set(0x10, 0)
		return v
	}
	total := uint32(0)
	for n := range uint32(64) {
		total += word(n)
	}
	if total&0xFFFF != 0xBABA {
		t.Errorf("EEPROM checksum %04X", total&0xFFFF)
	}
	for i := range 3 {
		if got, want := word(uint32(i)), uint32(mac[2*i])|uint32(mac[2*i+1])<<8; got != want {
			t.Errorf("EEPROM word %d: %04X, want %04X", i, got, want)
		}
	}
	if get(0x5400) != 0x105E0002 || get(0x5404) != 0x80003020 {
		t.Errorf("receive address %08X %08X", get(0x5404), get(0x5400))
	}
	if got := get(0x180); got != rxcwAgreed {
		t.Errorf("RXCW %08X", got)
	}

	for i := range uint64(8) {
		put(rxRing+16*i, uint32(rxBuf+0x800*i), 0, 0, 0)
	}
	for off, v := range map[uint64]uint32{0x2800: rxRing, 0x2808: 128, 0x2818: 7, 0x3800: txRing, 0x3808: 128} {
		set(off, v)
	}
	set(0x400, txEnable|txPad)
	set(0x100, rxEnable|rxBroadcast)
	set(0xD0, 0x9D)
	frame := chiptest.Frame(mac, 99)
	r.Mem.WriteAt(txBuf+1, frame)
	put(txRing, 14|24<<8|33<<16, 34|50<<8, context|txReport, 0)
	put(txRing+16, txBuf+1, 0, data|txEnd|txReport|99, 0)
	set(0x3818, 2)
	if len(r.Sent) != 1 || !bytes.Equal(r.Sent[0], frame) {
		t.Errorf("sent %x", r.Sent)
	}
	if le(r.Word(txRing+12))&descDone == 0 || le(r.Word(txRing+28))&descDone == 0 {
		t.Error("descriptors are not done")
	}
	r.chip.Receive(frame)
	if le(r.Word(rxRing+8)) != 103 || le(r.Word(rxRing+12)) != 7 || !bytes.Equal(r.Bytes(rxBuf, 99), frame) {
		t.Error("frame was not received")
	}
	r.WantIRQ("done", true)
	if got := get(0xC0); got != TXDW|TXQE|RXT0 {
		t.Errorf("ICR %08X", got)
	}
}

// A ring that never ends must not hold up the machine.
func TestLongRing(t *testing.T) {
	r := newRig(t)
	r.Drop = true
	r.start(0)
	r.set(0x3800, chiptest.ROMBase)
	r.set(0x3808, 0xFFF80)
	for i := range 256 {
		binary.BigEndian.PutUint32(r.ROM[16*i+8:], txEnd|60)
	}
	r.set(0x3810, 0)
	r.set(0x3818, 0x8000) // reads as zeros behind the ROM: one endless frame at a time
	before := r.Count
	r.Advance(txPause)
	if before == 0 || before > txBudget {
		t.Errorf("%d frames in one go", before)
	}
	r.set(0x400, 0)
	r.Advance(10 * txPause)
	if _, armed := r.Loop.NextTimer(); armed {
		t.Error("a stopped transmitter keeps a timer")
	}
}

// State is plain data: encoding and restoring it continues the run.
func TestRestore(t *testing.T) {
	r := newRig(t)
	r.start(0)
	r.set(0xD0, RXT0)
	r.chip.ConfigWrite(header.MemBase, 0x48000000)
	r.chip.Receive(chiptest.Frame(station, 60))
	saved := chiptest.Recode(t, r.chip.State)
	r.chip.Reset()
	r.WantIRQ("reset", false)
	r.chip.Restore(saved)
	r.WantIRQ("restored", true)
	if r.Base != 0x48000000 {
		t.Error("window is not where it was")
	}
	r.get(0xC0)
	r.give(0, chiptest.Frame(station, 60), txEnd)
	r.chip.Receive(chiptest.Frame(station, 60))
	if len(r.Sent) != 1 || r.get(0xC0)&RXT0 == 0 {
		t.Error("the run does not continue")
	}
}
