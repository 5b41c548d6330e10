package wire

import (
	"fmt"
	"sync/atomic"
)

// Direction is which way a frame goes, as the machine sees it.
type Direction uint8

// The directions.
const (
	In         Direction = iota // arrives at the machine
	Out                         // leaves it
	Directions                  // how many there are
)

// String returns "in" or "out".
func (d Direction) String() string {
	switch d {
	case In:
		return "in"
	case Out:
		return "out"
	}
	return fmt.Sprintf("Direction(%d)", uint8(d))
}

// Drop is a reason for which a frame was not passed on.
type Drop uint8

// The reasons.
const (
	Filtered  Drop = iota // by a filter
	Lost                  // by the loss of an impairment
	Queue                 // an impairment has as many frames waiting as it may
	NoLink                // the link is cut, or the port at its other end is down
	Shut                  // the machine does not use its port
	Unplugged             // nothing is plugged in
	Suspended             // the machine is suspended, or has lost the card
	Full                  // the other side of the wire takes no more now
	Giant                 // longer than MaxFrame, or empty
	Refused               // the kernel did not take it, for another reason
	Malformed             // not a frame of what the wire carries
	Drops                 // how many reasons there are
)

var dropNames = [Drops]string{
	"filter", "loss", "queue", "no-link", "shut", "unplugged", "suspended", "full", "giant", "refused", "malformed",
}

// String returns a word for the reason, as statistics show it.
func (d Drop) String() string {
	if d < Drops {
		return dropNames[d]
	}
	return fmt.Sprintf("Drop(%d)", uint8(d))
}

// Stats counts frames and bytes of one end of a link, as seen from the machine:
// Rx is what it received, Tx is what it sent and the wire took.
//
// Nothing is lost without being counted. What came from the wire is RxFrames +
// RxDrops + RxWaiting - RxDuplicated; what the machine sent is TxFrames + TxDrops +
// TxWaiting - TxDuplicated.
type Stats struct {
	RxFrames, RxBytes uint64
	TxFrames, TxBytes uint64
	RxDrops, TxDrops  uint64 // of all reasons
	// Dropped counts the same by direction and reason.
	Dropped [Directions][Drops]uint64
	// Duplicated are frames that an impairment made, Waiting those that it holds
	// now.
	RxDuplicated, TxDuplicated uint64
	RxWaiting, TxWaiting       uint64
}

// Reasons returns how many frames were dropped, by direction and reason: the keys
// are "rx-filter", "tx-full" and so on. Reasons for which none was are left out.
func (s Stats) Reasons() map[string]uint64 {
	m := map[string]uint64{}
	for d, prefix := range [Directions]string{In: "rx-", Out: "tx-"} {
		for reason, n := range s.Dropped[d] {
			if n > 0 {
				m[prefix+Drop(reason).String()] = n
			}
		}
	}
	return m
}

// add adds the counters of o.
func (s *Stats) add(o Stats) {
	s.RxFrames += o.RxFrames
	s.RxBytes += o.RxBytes
	s.TxFrames += o.TxFrames
	s.TxBytes += o.TxBytes
	s.RxDuplicated += o.RxDuplicated
	s.TxDuplicated += o.TxDuplicated
	s.RxWaiting += o.RxWaiting
	s.TxWaiting += o.TxWaiting
	for d := range s.Dropped {
		for reason, n := range o.Dropped[d] {
			s.drop(Direction(d), Drop(reason), n)
		}
	}
}

// drop counts n frames that were dropped.
func (s *Stats) drop(d Direction, reason Drop, n uint64) {
	s.Dropped[d][reason] += n
	if d == In {
		s.RxDrops += n
	} else {
		s.TxDrops += n
	}
}

// drops counts what was dropped; it may be read while frames flow.
type drops [Directions][Drops]atomic.Uint64

func (d *drops) drop(dir Direction, reason Drop) { d[dir][reason].Add(1) }

func (d *drops) addTo(s *Stats) {
	for dir := range d {
		for reason := range d[dir] {
			if n := d[dir][reason].Load(); n > 0 {
				s.drop(Direction(dir), Drop(reason), n)
			}
		}
	}
}

// counters are the Stats of a wire; they may be read while frames flow.
type counters struct {
	rxFrames, rxBytes, txFrames, txBytes atomic.Uint64
	drops
}

// Stats implements Wire.
func (c *counters) Stats() Stats {
	s := Stats{
		RxFrames: c.rxFrames.Load(), RxBytes: c.rxBytes.Load(),
		TxFrames: c.txFrames.Load(), TxBytes: c.txBytes.Load(),
	}
	c.addTo(&s)
	return s
}

func (c *counters) received(n int) {
	c.rxFrames.Add(1)
	c.rxBytes.Add(uint64(n))
}

func (c *counters) sent(n int) {
	c.txFrames.Add(1)
	c.txBytes.Add(uint64(n))
}
