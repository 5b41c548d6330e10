package capture

import (
	"encoding/binary"
	"time"

	"dynemu/vm/wire"
)

// Encapsulation is what the frames of a serial or POS port look like, by the word
// of IOS; "" is unknown.
type Encapsulation string

// The encapsulations.
const (
	EncapsulationHDLC       Encapsulation = "hdlc"
	EncapsulationPPP        Encapsulation = "ppp"
	EncapsulationFrameRelay Encapsulation = "frame-relay"
)

// LinkType returns the link type of a serial port; HDLC where it is not known.
func (e Encapsulation) LinkType() LinkType {
	switch e {
	case EncapsulationPPP:
		return PPPSerial
	case EncapsulationFrameRelay:
		return FrameRelay
	}
	return CHDLC
}

// ethertypes are those that stand in frames of Cisco's HDLC and Frame Relay.
var ethertypes = map[uint16]bool{
	0x0800: true,                                           // IPv4
	0x0806: true,                                           // ARP
	0x2000: true,                                           // CDP
	0x8035: true,                                           // SLARP; on Frame Relay reverse ARP
	0x86DD: true,                                           // IPv6
	0x8847: true,                                           // MPLS
	0x8848: true,                                           // MPLS multicast
	0x6558: true,                                           // bridged Ethernet
	0x6001: true, 0x6002: true, 0x6003: true, 0x6004: true, // DEC
	0x809B: true, 0x80F3: true, // AppleTalk
	0x8137: true, // IPX
	0xFEFE: true, // OSI
	0x9000: true, // loopback
}

// Guess tells from one frame, without flags and FCS, of which encapsulation it is;
// "" when it says nothing.
//
// HDLC begins with 0F or 8F and 00, PPP with FF 03 (RFC 1662), and Frame Relay with
// a Q.922 address of two bytes, of which the second only has its lowest bit set
// (netio-hypervisor reference, 10 and 11.4). What follows is looked at too.
func Guess(frame []byte) Encapsulation {
	if len(frame) < 4 {
		return ""
	}
	next := binary.BigEndian.Uint16(frame[2:])
	switch {
	case frame[0] == 0xFF && frame[1] == 0x03:
		// A PPP protocol has an even byte and an odd one (RFC 1661, 2).
		if frame[2]&1 == 0 && frame[3]&1 == 1 {
			return EncapsulationPPP
		}
	case (frame[0] == 0x0F || frame[0] == 0x8F) && frame[1] == 0:
		if ethertypes[next] {
			return EncapsulationHDLC
		}
	case frame[0]&1 == 0 && frame[1]&1 == 1:
		dlci := uint16(frame[0]&0xFC)<<2 | uint16(frame[1]>>4)
		switch {
		case dlci == 0 && next == 0x0308, // LMI of ANSI and Q.933
			dlci == 1023 && next == 0x0309, // LMI of Cisco
			ethertypes[next]:
			return EncapsulationFrameRelay
		case frame[2] == 0x03: // UI, and an NLPID (RFC 2427), maybe behind a pad
			switch frame[3] {
			case 0x00, 0x80, 0x81, 0x82, 0x83, 0x8E, 0xB0, 0xB1, 0xCC, 0xCF:
				return EncapsulationFrameRelay
			}
		}
	}
	return ""
}

// votes are what a sample of frames says. What the machine itself sends decides,
// where it sends anything: it is how its interface is configured.
type votes struct {
	frames int
	count  [wire.Directions]map[Encapsulation]int
	done   chan Encapsulation // has room for one
}

// How many frames a sample has: of each direction that say something, and in all.
var (
	enough = [wire.Directions]int{wire.In: 8, wire.Out: 2}
	most   = 64
)

func newVotes() *votes {
	v := &votes{done: make(chan Encapsulation, 1)}
	for d := range v.count {
		v.count[d] = map[Encapsulation]int{}
	}
	return v
}

// Frame implements wire.Monitor.
func (v *votes) Frame(d wire.Direction, _ time.Time, frame []byte) {
	v.frames++
	if e := Guess(frame); e != "" {
		v.count[d][e]++
	}
	for _, d := range []wire.Direction{wire.Out, wire.In} {
		e, sum := winner(v.count[d])
		if sum >= enough[d] || sum > 0 && v.frames >= most {
			v.decide(e)
			return
		}
	}
	if v.frames >= most {
		v.decide("")
	}
}

func (v *votes) decide(e Encapsulation) {
	select {
	case v.done <- e:
	default:
	}
}

// winner returns what was met most often, and how often anything was.
func winner(count map[Encapsulation]int) (best Encapsulation, sum int) {
	for e, n := range count {
		sum += n
		if n > count[best] || n == count[best] && e < best {
			best = e
		}
	}
	return best, sum
}

// Watch calls fn with the encapsulation of a serial or POS port once it is known
// and whenever it has become another one, on a goroutine of its own. It looks at a few
// frames each interval, so that the others pay nothing. stop ends it, and waits for
// a call that is under way.
func Watch(p *wire.Port, interval time.Duration, fn func(Encapsulation)) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		var known Encapsulation
		for {
			v := newVotes()
			remove := p.AddMonitor(v)
			select {
			case e := <-v.done:
				remove()
				if e != "" && e != known {
					known = e
					fn(e)
				}
			case <-quit:
				remove()
				return
			}
			select {
			case <-time.After(interval):
			case <-quit:
				return
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}
