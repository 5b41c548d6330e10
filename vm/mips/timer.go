package mips

import (
	"math/bits"

	"dynemu/vm/event"
)

// Count and Compare.
//
// Count is never stored: it is guest time in units of 1/CountHz plus
// State.CountBase, so it runs while the processor sleeps and is exact at every
// read. Its low 32 bits are what the guest sees. IP7 is raised by a timer at the
// guest time at which Count reaches Compare; since timers fire only between two
// calls of Run, a read of Count or Cause after that time raises it first, so that
// the guest never sees Count beyond Compare without IP7.
//
// A handler that sets Compare one period further can find that Count has passed
// even that, when the host did not run the emulator for so long. The processor
// itself would then wait for Count to wrap, nearly a minute, which no guest
// expects since it cannot happen to it on its hardware. So a write that
// acknowledges IP7 and moves Compare forward, to a value that Count has already
// passed, matches at once: missed ticks are made up for one by one, unless more
// than ten seconds are missing.
//
// With the timer250 quirk IP7 comes every 4 ms instead, as in Dynamips (cpu
// reference, 5.5).

const (
	tick250 = 4_000_000 // ns
	catchUp = 10        // s
)

type timer struct {
	c     *CPU
	event event.Timer
	at    int64 // guest time of the next match
}

func (t *timer) init(c *CPU) {
	t.c = c
	t.event.Fire = t.fire
}

// ticks returns guest time now in units of Count, without CountBase.
func (t *timer) ticks(now int64) uint64 {
	hi, lo := bits.Mul64(uint64(now), t.c.cfg.CountHz)
	q, _ := bits.Div64(hi%1_000_000_000, lo, 1_000_000_000)
	return q
}

// count returns the 64-bit counter of which Count is the low half.
func (t *timer) count() uint64 { return t.ticks(t.c.cfg.Clock.Now()) + t.c.s.CountBase }

func (t *timer) reset() {
	t.c.s.CountBase = -t.ticks(t.c.cfg.Clock.Now())
	t.program()
}

// program arms the event for the next match after a change of Count or Compare.
func (t *timer) program() {
	if t.c.quirk&QuirkTimer250 != 0 {
		if !t.event.Pending() {
			t.at = t.c.cfg.Clock.Now() + tick250
			t.c.cfg.Clock.Arm(&t.event, t.at)
		}
		return
	}
	count := t.count()
	delta := uint64(t.c.s.CP0.Compare - uint32(count))
	if delta == 0 {
		delta = 1 << 32
	}
	t.arm(count + delta)
}

// arm sets the event to the first moment at which the counter is target.
func (t *timer) arm(target uint64) {
	hi, lo := bits.Mul64(target-t.c.s.CountBase, 1_000_000_000)
	lo, carry := bits.Add64(lo, t.c.cfg.CountHz-1, 0)
	q, _ := bits.Div64((hi+carry)%t.c.cfg.CountHz, lo, t.c.cfg.CountHz)
	t.at = int64(q)
	t.c.cfg.Clock.Arm(&t.event, t.at)
}

func (t *timer) fire() {
	t.c.setLine(7, true)
	if t.c.quirk&QuirkTimer250 != 0 {
		// Missed ticks are not made up for: IP7 is a level.
		t.at = max(t.at+tick250, t.c.cfg.Clock.Now())
		t.c.cfg.Clock.Arm(&t.event, t.at)
		return
	}
	t.program()
}

// poll raises IP7 if the match has passed but the event has not fired yet.
func (t *timer) poll() {
	if t.event.Pending() && t.c.cfg.Clock.Now() >= t.at {
		t.c.cfg.Clock.Disarm(&t.event)
		t.fire()
	}
}

func (t *timer) readCount() uint32 {
	t.poll()
	return uint32(t.count())
}

func (t *timer) writeCount(v uint32) {
	t.poll()
	t.c.s.CountBase = uint64(v) - t.ticks(t.c.cfg.Clock.Now())
	t.program()
}

func (t *timer) writeCompare(v uint32) {
	old := t.c.s.CP0.Compare
	t.c.s.CP0.Compare = v
	t.program()
	late := uint32(t.count()) - v
	if t.c.s.Lines&(1<<15) != 0 && t.c.quirk&QuirkTimer250 == 0 &&
		int32(v-old) > 0 && int32(late) >= 0 && uint64(late) < catchUp*t.c.cfg.CountHz {
		t.at = t.c.cfg.Clock.Now()
		t.c.cfg.Clock.Arm(&t.event, t.at)
	}
	t.c.setLine(7, false)
}
