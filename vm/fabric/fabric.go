// Package fabric is the ground of the virtual switches: ETHSW (ethsw), FRSW
// (frsw), ATMSW (atmsw), ATMBR (atmbr) and HUB (hub). A switch is pure: frames in,
// frames out. It knows nothing of sockets, Linux or lab files; who runs one gives it
// frames and the time, and takes away what comes out.
//
// Frames are those of Dynamips' NIOs: Ethernet from the destination address
// without FCS, Frame Relay from the address field without flags and FCS, ATM as
// one cell of 53 bytes (netio-hypervisor reference, 7, 10 and 11).
package fabric

import "fmt"

// MaxFrame is the longest frame in bytes that a switch takes: what a wire
// carries.
const MaxFrame = 32768

// Headroom is the number of bytes before a frame that a switch may write to,
// so that it pushes a tag without a copy.
const Headroom = 4

// MaxPort is the highest number of a port. Ports are numbered as the lab file
// does, from 0.
const MaxPort = 1023

// Output is called for each frame that leaves a switch. The frame is valid
// during the call only, and is not to be changed.
type Output func(port int, frame []byte)

// Engine is a switch, whichever kind. It is not safe for concurrent use: all
// methods are called by one goroutine, or under one lock.
type Engine interface {
	// Forward takes the frame buf[Headroom:] that arrived at a port at time now
	// (nanoseconds of a clock that never goes back, from 0) and calls the
	// engine's Output, before it returns, for each frame that leaves. It changes
	// buf. Frames for ports that the switch does not have are ignored.
	Forward(now int64, port int, buf []byte)
	// Tick does what is due at time now and returns Next.
	Tick(now int64) (next int64)
	// Next returns the time at which Tick must be called, 0 for never. A frame
	// may move it, but never to an earlier time than it was, unless that was 0.
	Next() int64
	// SetUp tells whether a port has a link. Nothing is sent to a port without
	// one. Ports have a link when they are made.
	SetUp(port int, up bool)
	// Stats returns the counters of a port, zero for one that does not exist.
	Stats(port int) Stats
}

// Drop is a reason for which a frame that arrived was not passed on.
type Drop uint8

// The reasons. Filtered, NoPort and Down are no errors of the sender.
const (
	Runt          Drop = iota // shorter than the shortest frame of its kind
	Giant                     // longer than MaxFrame, or than AAL5 of an ATM bridge takes
	Malformed                 // the header is not one: tag cut off, VLAN 4095, address of a length other than 2
	GroupSource               // Ethernet: the source is a group address
	Untagged                  // Ethernet: a QinQ port takes tagged frames only
	Filtered                  // Ethernet: the destination is where the frame came from
	NoPort                    // Ethernet: no other port carries the VLAN, or the destination's port does not carry such frames
	NoCircuit                 // no circuit for this DLCI, VPI or VCI
	Down                      // the circuit's far port has no link
	BadLMI                    // not a status enquiry, or one with wrong elements
	OtherLMI                  // an enquiry of another type than the one that the port speaks
	Operation                 // ATM bridge: a cell of operation and maintenance
	BadCRC                    // AAL5: wrong CRC
	BadLength                 // AAL5: the length does not fit the number of cells, or the packet was aborted
	Encapsulation             // ATM bridge: not a bridged Ethernet frame of RFC 2684
	Drops                     // how many reasons there are
)

var dropNames = [Drops]string{
	"runt", "giant", "malformed", "group-source", "untagged", "filtered", "no-port", "no-circuit", "down",
	"bad-lmi", "other-lmi", "oam", "bad-crc", "bad-length", "encapsulation",
}

// String returns a word for the reason, as statistics show it.
func (d Drop) String() string {
	if d < Drops {
		return dropNames[d]
	}
	return fmt.Sprintf("Drop(%d)", uint8(d))
}

// Stats counts frames (cells at a port of ATM) and bytes of a port since it was
// made, as seen from the switch: Rx arrived, dropped ones included, Tx was sent.
// Dropped counts arrived frames that were not passed on, by reason.
type Stats struct {
	RxFrames, RxBytes uint64
	TxFrames, TxBytes uint64
	Dropped           [Drops]uint64
}

// Received counts an arrived frame of n bytes.
func (s *Stats) Received(n int) {
	s.RxFrames++
	s.RxBytes += uint64(n)
}

// Sent counts a sent frame of n bytes.
func (s *Stats) Sent(n int) {
	s.TxFrames++
	s.TxBytes += uint64(n)
}

// Ports holds the ports of a switch by number. P is what a switch keeps for
// one. The zero value has none.
type Ports[P any] struct {
	byNumber []*P
}

// Get returns a port, nil when there is none of this number.
func (p *Ports[P]) Get(n int) *P {
	if uint(n) < uint(len(p.byNumber)) {
		return p.byNumber[n]
	}
	return nil
}

// Find is Get for what a user wrote.
func (p *Ports[P]) Find(n int) (*P, error) {
	if port := p.Get(n); port != nil {
		return port, nil
	}
	return nil, fmt.Errorf("port %d: the switch has no such port", n)
}

// Add puts a port at number n, 0 to MaxPort, which must be free.
func (p *Ports[P]) Add(n int, port *P) error {
	if n < 0 || n > MaxPort {
		return fmt.Errorf("port %d: the number of a port is 0 to %d", n, MaxPort)
	}
	if p.Get(n) != nil {
		return fmt.Errorf("port %d: the switch has this port already", n)
	}
	for len(p.byNumber) <= n {
		p.byNumber = append(p.byNumber, nil)
	}
	p.byNumber[n] = port
	return nil
}

// Remove takes the port out. One that does not exist is ignored.
func (p *Ports[P]) Remove(n int) {
	if p.Get(n) != nil {
		p.byNumber[n] = nil
	}
}

// All returns the ports in the order of their numbers; fn returns false to end.
func (p *Ports[P]) All(fn func(n int, port *P) bool) {
	for n, port := range p.byNumber {
		if port != nil && !fn(n, port) {
			return
		}
	}
}
