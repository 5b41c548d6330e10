package wire

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"
)

// Frames that pass a host's interface may be unfinished: the host leaves
// checksums to the interface, and many segments of a connection go through it as
// one frame. What follows makes them what stands on the cable.
//
// Source: linux reference, 7.1; for the header, the kernel's
// Documentation/networking and the virtio specification, 5.1.6.

// offload tells what is unfinished about a frame: the kernel's struct
// virtio_net_hdr.
type offload struct {
	flags     uint8
	kind      uint8  // of segments
	size      uint16 // of the payload of each segment but the last, in bytes
	sumStart  uint16 // where the checksum begins
	sumOffset uint16 // where it is stored, from there
}

const (
	offloadSize = 10
	needsSum    = 1 // flag

	segmentsNone = 0
	segmentsTCP4 = 1
	segmentsTCP6 = 4
	segmentsUDP  = 5
	segmentsECN  = 0x80 // with TCP: the first segment alone has CWR
)

// readOffload reads the header, which is in the byte order of the host.
func readOffload(b []byte) offload {
	u16 := binary.NativeEndian.Uint16
	return offload{flags: b[0], kind: b[1], size: u16(b[4:]), sumStart: u16(b[6:]), sumOffset: u16(b[8:])}
}

// Ethernet, IPv4, IPv6, TCP and UDP (RFC 791, 8200, 9293, 768).
const (
	tagAt       = 12 // where a VLAN tag stands
	tagSize     = 4
	ethernet    = 14
	typeIPv4    = 0x0800
	typeIPv6    = 0x86DD
	protoTCP    = 6
	protoUDP    = 17
	protoSCTP   = 132
	tcpFIN      = 0x01
	tcpPSH      = 0x08
	tcpCWR      = 0x80
	tcpSumAt    = 16
	udpSumAt    = 6
	sctpSumAt   = 8
	ipv6Size    = 40
	minTCP      = 20
	udpSize     = 8
	maxIPv6Exts = 8

	// noSum is how UDP writes a checksum of zero, which means none.
	noSum = 0xFFFF
)

// isTag reports whether an Ethernet type is that of a VLAN tag.
func isTag(t uint16) bool { return t == 0x8100 || t == 0x88A8 || t == 0x9100 || t == 0x9200 }

// headers is where the headers of a frame are.
type headers struct {
	ip, transport int // offsets
	end           int // of the IP packet
	v6            bool
	proto         uint8
}

// parse finds the headers of a frame that carries a whole packet of IPv4 or IPv6
// behind any number of tags.
func parse(f []byte) (l headers, ok bool) {
	be := binary.BigEndian
	at := tagAt
	for at+2 <= len(f) && isTag(be.Uint16(f[at:])) {
		at += tagSize
	}
	if at+2 > len(f) {
		return l, false
	}
	l.ip = at + 2
	p := f[l.ip:]
	switch be.Uint16(f[at:]) {
	case typeIPv4:
		if len(p) < 20 || p[0]>>4 != 4 {
			return l, false
		}
		size, total := int(p[0]&15)*4, int(be.Uint16(p[2:]))
		if total == 0 {
			total = len(p)
		}
		if size < 20 || size > total || total > len(p) || be.Uint16(p[6:])&0x3FFF != 0 { // a fragment
			return l, false
		}
		l.transport, l.end, l.proto = l.ip+size, l.ip+total, p[9]
		return l, true
	case typeIPv6:
		if len(p) < ipv6Size || p[0]>>4 != 6 {
			return l, false
		}
		total := ipv6Size + int(be.Uint16(p[4:]))
		if total == ipv6Size {
			total = len(p)
		}
		if total > len(p) {
			return l, false
		}
		l.v6, l.end = true, l.ip+total
		next, at := p[6], ipv6Size
		for range maxIPv6Exts {
			switch next {
			case 0, 43, 60: // hop-by-hop, routing, destination options
				if at+8 > total {
					return l, false
				}
				next, at = p[at], at+8+int(p[at+1])*8
				continue
			case 44: // a fragment
				return l, false
			}
			break
		}
		if at > total {
			return l, false
		}
		l.transport, l.proto = l.ip+at, next
		return l, true
	}
	return l, false
}

// sum adds up b in words of 16 bits, to v.
func sum(b []byte, v uint64) uint64 {
	var carry uint64
	for len(b) >= 8 {
		v, carry = bits.Add64(v, binary.BigEndian.Uint64(b), carry)
		b = b[8:]
	}
	v, carry = bits.Add64(v, 0, carry)
	v += carry
	if len(b) > 0 {
		var rest [8]byte
		copy(rest[:], b)
		v, carry = bits.Add64(v, binary.BigEndian.Uint64(rest[:]), 0)
		v += carry
	}
	return v
}

// fold makes the Internet checksum of a sum (RFC 1071).
func fold(v uint64) uint16 {
	v = v>>32 + v&0xFFFFFFFF
	v = v>>32 + v&0xFFFFFFFF
	v = v>>16 + v&0xFFFF
	v = v>>16 + v&0xFFFF
	return ^uint16(v)
}

// transportSum returns the checksum of a packet of TCP or UDP whose addresses
// and transport part, with a zero checksum in it, are in these places.
func transportSum(addresses, transport []byte, proto uint8) uint16 {
	v := sum(addresses, uint64(proto)+uint64(len(transport)))
	s := fold(sum(transport, v))
	if s == 0 && proto == protoUDP {
		s = noSum
	}
	return s
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// finish completes the checksum of a frame. It reports false when o does not fit
// the frame.
func (o offload) finish(f []byte) bool {
	if o.flags&needsSum == 0 {
		return true
	}
	start, at := int(o.sumStart), int(o.sumStart)+int(o.sumOffset)
	if o.sumOffset == sctpSumAt { // nothing else has a checksum there
		if at+4 > len(f) {
			return false
		}
		clear(f[at : at+4])
		binary.LittleEndian.PutUint32(f[at:], crc32.Checksum(f[start:], castagnoli)) // RFC 9260, appendix A
		return true
	}
	if at+2 > len(f) || start >= len(f) {
		return false
	}
	s := fold(sum(f[start:], 0)) // the field holds the sum of the pseudo header
	if s == 0 && o.sumOffset == udpSumAt {
		s = noSum
	}
	binary.BigEndian.PutUint16(f[at:], s)
	return true
}

// segments cuts a frame that holds many segments.
type segments struct {
	l       headers // of each
	header  []byte
	payload []byte // what is left
	size    int    // of payload in each
	count   int    // that were made
	bare    bool   // UDP without checksums
}

// start begins with a frame; next then returns its segments. It reports false
// when the frame is not what o says, or of a kind that cannot be cut: other
// protocols than TCP and UDP, tunnels.
func (s *segments) start(f []byte, o offload) bool {
	l, ok := parse(f)
	if !ok || o.size == 0 || o.flags&needsSum != 0 && int(o.sumStart) != l.transport {
		return false
	}
	header := l.transport
	switch kind := o.kind &^ segmentsECN; {
	case kind == segmentsTCP4 && !l.v6 && l.proto == protoTCP, kind == segmentsTCP6 && l.v6 && l.proto == protoTCP:
		if l.transport+minTCP > l.end {
			return false
		}
		n := int(f[l.transport+12]>>4) * 4
		if n < minTCP {
			return false
		}
		header += n
	case kind == segmentsUDP && l.proto == protoUDP:
		header += udpSize
	default:
		return false
	}
	if header > l.end || header+int(o.size) > MaxFrame {
		return false
	}
	s.l, s.header, s.payload, s.size, s.count = l, f[:header], f[header:l.end], int(o.size), 0
	s.bare = l.proto == protoUDP && o.flags&needsSum == 0 && f[l.transport+udpSumAt] == 0 && f[l.transport+udpSumAt+1] == 0
	return len(s.payload) > 0
}

// more reports whether there is another segment.
func (s *segments) more() bool { return len(s.payload) > 0 }

// next writes the next segment to buf, which has room for MaxFrame bytes, and
// returns its length.
func (s *segments) next(buf []byte) int {
	be := binary.BigEndian
	size := min(s.size, len(s.payload))
	n := copy(buf, s.header)
	n += copy(buf[n:], s.payload[:size])
	offset := s.count * s.size
	first, last := s.count == 0, size == len(s.payload)
	s.payload = s.payload[size:]

	ip, transport := buf[s.l.ip:n], buf[s.l.transport:n]
	addresses := ip[8:ipv6Size]
	if s.l.v6 {
		be.PutUint16(ip[4:], uint16(len(ip)-ipv6Size))
	} else {
		addresses = ip[12:20]
		be.PutUint16(ip[2:], uint16(len(ip)))
		be.PutUint16(ip[4:], be.Uint16(ip[4:])+uint16(s.count))
		clear(ip[10:12])
		be.PutUint16(ip[10:], fold(sum(ip[:s.l.transport-s.l.ip], 0)))
	}
	at := udpSumAt
	if s.l.proto == protoTCP {
		at = tcpSumAt
		be.PutUint32(transport[4:], be.Uint32(transport[4:])+uint32(offset))
		if !last {
			transport[13] &^= tcpFIN | tcpPSH
		}
		if !first {
			transport[13] &^= tcpCWR
		}
	} else {
		be.PutUint16(transport[4:], uint16(len(transport)))
	}
	clear(transport[at : at+2])
	if !s.bare {
		be.PutUint16(transport[at:], transportSum(addresses, transport, s.l.proto))
	}
	s.count++
	return n
}

// insertTag puts a VLAN tag into the frame buf[:n], which has room for it.
func insertTag(buf []byte, n int, tpid, tci uint16) int {
	copy(buf[tagAt+tagSize:], buf[tagAt:n])
	binary.BigEndian.PutUint16(buf[tagAt:], tpid)
	binary.BigEndian.PutUint16(buf[tagAt+2:], tci)
	return n + tagSize
}
