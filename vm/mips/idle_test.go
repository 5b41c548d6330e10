package mips

import "testing"

// steadyDevice is a device whose register at 0 is steady.
type steadyDevice struct{ *busDevice }

func (d steadyDevice) Steady(off uint64, size int) bool { return off == 0 && size == 4 }

// The registers of the idle guests: t0 points to data, t1 and up are scratch.
const (
	t0, t1, t2, t3 = 8, 9, 10, 11
	sp, raReg      = 29, 31
)

// scheduler is an idle loop as operating systems have them: it calls a function
// that saves registers, has interrupts off for a while and looks at two queues.
var scheduler = []uint32{
	jtype(oJAL, codeAt+0x100), // loop: jal look
	nop,
	itype(oBEQ, 2, 0, -3), // beqz v0, loop
	nop,
	itype(oADDIU, t3, t3, 1), // work
	itype(oSW, t0, 0, 0),     // the queue is empty again
	jtype(oJ, codeAt),
	nop,
}

var look = []uint32{
	itype(oADDIU, sp, sp, -16), // look:
	itype(oSW, sp, raReg, 12),
	mfc0(t1, 12),
	itype(oADDIU, 0, t2, -2),
	rtype(0x24, t1, t2, t2, 0), // and t2, t1, t2
	mtc0(t2, 12),               // interrupts off
	nop,
	itype(oLW, t0, 2, 0), // lw v0, 0(t0)
	itype(oLW, t0, 3, 4), // lw v1, 4(t0)
	rtype(0x25, 2, 3, 2, 0),
	mtc0(t1, 12), // and on
	itype(oLW, sp, raReg, 12),
	rtype(8, raReg, 0, 0, 0), // jr ra
	itype(oADDIU, sp, sp, 16),
}

// idleMachine has code at codeAt, and looks for its idle loop.
func idleMachine(t *testing.T, code ...uint32) *machine {
	m := newMachine(t)
	m.m.Find(devPhys, false).Dev = steadyDevice{m.dev}
	m.poke(codeAt, code...)
	m.poke(codeAt+0x100, look...)
	s := m.State()
	s.CP0.Status = StatusCU1 | StatusFR | StatusIE | StatusIM
	s.GPR[t0], s.GPR[sp] = dataAt, dataAt+0x1000
	m.StateChanged()
	m.SetIdleAuto(true)
	return m
}

// untilIdle executes the guest as a machine does, and reports whether it slept.
func (m *machine) untilIdle(n int) bool {
	for end := m.Instructions() + uint64(n); m.Instructions() < end; {
		if m.Run(50_000) == ExitIdle {
			return true
		}
		m.loop.RunPending()
	}
	return false
}

// TestIdleFound gives the finder loops that are idle and some that are not.
// Promise: 14.
func TestIdleFound(t *testing.T) {
	lw := func(off int) uint32 { return itype(oLW, t0, t1, off) }
	for _, c := range []struct {
		name string
		code []uint32
		idle bool
	}{
		{"poll of memory", []uint32{lw(0), itype(oBEQ, t1, 0, -2), nop}, true},
		{"scheduler", scheduler, true},
		{"a count of turns", []uint32{lw(0), itype(oADDIU, t1, t1, 1), itype(oSW, t0, t1, 0), itype(oADDIU, 0, t1, 0), jtype(oJ, codeAt), nop}, true},
		{"a count in memory that ends", []uint32{lw(0), itype(oADDIU, t1, t1, -1), itype(oSW, t0, t1, 0), itype(oBNE, t1, 0, -4),
			itype(oADDIU, 0, t1, 0), itype(oLUI, 0, t3, 1), itype(oSW, t0, t3, 0), jtype(oJ, codeAt), nop}, false},
		{"a limit for a count in memory", []uint32{lw(0), itype(oADDIU, t1, t1, 1), itype(oSW, t0, t1, 0), itype(oLW, t0, t2, 4), rtype(0x2b, t1, t2, t2, 0),
			itype(oADDIU, 0, t1, 0), itype(oBEQ, t2, 0, -7), itype(oADDIU, 0, t2, 0), jtype(oJ, codeAt), nop}, false},
		{"a pointer in memory", []uint32{lw(0), itype(oADDIU, t1, t1, 4), itype(oSW, t0, t1, 0), itype(oLUI, 0, t2, 0x8000), rtype(0x21, t1, t2, t1, 0),
			itype(oLW, t1, t1, 0), itype(oADDIU, 0, t1, 0), jtype(oJ, codeAt), itype(oADDIU, 0, t2, 0)}, false},
		{"two counts", []uint32{lw(0), itype(oADDIU, t1, t1, 1), itype(oSW, t0, t1, 0), itype(oLW, t0, t2, 12), itype(oADDIU, t2, t2, -3),
			itype(oSW, t0, t2, 12), itype(oADDIU, 0, t1, 0), jtype(oJ, codeAt), itype(oADDIU, 0, t2, 0)}, true},
		{"store of the same", []uint32{itype(oSW, t0, t0, 0), jtype(oJ, codeAt), nop}, true},
		{"poll of a steady register", []uint32{itype(oLUI, 0, t1, 0xbe00), itype(oLW, t1, t2, 0), itype(oBEQ, t2, 0, -2), nop}, true},
		{"poll of another register", []uint32{itype(oLUI, 0, t1, 0xbe00), itype(oLW, t1, t2, 4), itype(oBEQ, t2, 0, -2), nop}, false},
		{"store to a device", []uint32{itype(oLUI, 0, t1, 0xbe00), itype(oSW, t1, 0, 0), itype(oBEQ, 0, 0, -2), nop}, false},
		{"wait for Count", []uint32{mfc0(t1, 9), itype(oLUI, 0, t1, 0), jtype(oJ, codeAt), nop}, false},
		{"look at Random", []uint32{mfc0(t1, 1), itype(oLUI, 0, t1, 0), jtype(oJ, codeAt), nop}, false},
		{"count in a register", []uint32{itype(oADDIU, t1, t1, 1), jtype(oJ, codeAt), nop}, false},
		{"memory that changes unevenly", []uint32{lw(0), rtype(0, 0, t1, t2, 1), rtype(0x21, t1, t2, t1, 0), itype(oADDIU, t1, t1, 7),
			itype(oSW, t0, t1, 0), itype(oLUI, 0, t1, 0), itype(oLUI, 0, t2, 0), jtype(oJ, codeAt), nop}, false},
		{"system calls", []uint32{syscall, jtype(oJ, codeAt), nop}, false},
		{"too long", []uint32{itype(oADDIU, 0, t1, maxIdleTurn/2+1), itype(oADDIU, t1, t1, -1), itype(oBNE, t1, 0, -2), nop,
			jtype(oJ, codeAt), nop}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := idleMachine(t, c.code...)
			m.poke(0xffffffff80000180, mfc0(26, 14), itype(oADDIU, 26, 26, 4), mtc0(26, 14), eret)
			idle := m.untilIdle(3 * idleTryMin)
			if idle != c.idle {
				t.Errorf("idle: %v, want %v; %+v", idle, c.idle, m.IdleStats())
			}
			// Once found, it takes a few turns only.
			if c.idle {
				before := m.Instructions()
				for range 10 {
					if !m.untilIdle(10_000) {
						t.Fatalf("not idle any more after %d instructions: %+v", m.Instructions()-before, m.IdleStats())
					}
				}
				if n := m.Instructions() - before; n > 2000 {
					t.Errorf("10 sleeps took %d instructions", n)
				}
			}
		})
	}
}

// TestIdleWakes has something put into the queue of the scheduler while it sleeps.
func TestIdleWakes(t *testing.T) {
	m := idleMachine(t, scheduler...)
	if !m.untilIdle(20_000_000) {
		t.Fatal("not idle")
	}
	if pc := m.IdleStats().PC; pc&^0xff != codeAt {
		t.Errorf("the idle PC %#x is not in the outermost loop", pc)
	}
	for i := 1; i <= 50; i++ {
		m.m.Write32(dataAt&0x1fffffff, 1)
		if !m.untilIdle(10_000) {
			t.Fatalf("not idle after work %d", i)
		}
		if done := m.State().GPR[t3]; done != uint64(i) {
			t.Fatalf("%d pieces of work done, want %d", done, i)
		}
	}
}

// TestIdleTick has the time go on in a handler of interrupts, as it does in all
// guests, and a loop that looks at it.
func TestIdleTick(t *testing.T) {
	m := idleMachine(t, scheduler...)
	m.poke(0xffffffff80000180,
		itype(oLUI, 0, 26, 0x8001),
		itype(oLW, 26, 27, 8),
		itype(oADDIU, 27, 27, 1),
		itype(oSW, 26, 27, 8),
		itype(oLUI, 0, 27, 0xbe00),
		itype(oSW, 27, 0, 8), // acknowledge
		eret,
	)
	m.dev.hook = func(a busAccess) {
		if a.write {
			m.SetIRQ(2, false)
		}
	}
	if !m.untilIdle(20_000_000) {
		t.Fatal("not idle")
	}
	before := m.Instructions()
	const ticks = 1000
	for range ticks {
		m.SetIRQ(2, true)
		if !m.untilIdle(100_000) {
			t.Fatalf("not idle: %+v", m.IdleStats())
		}
	}
	if n := m.m.Read32(dataAt&0x1fffffff + 8); n != ticks {
		t.Errorf("%d ticks, want %d", n, ticks)
	}
	if n := m.Instructions() - before; n > ticks*500 {
		t.Errorf("%d instructions for %d ticks; %+v", n, ticks, m.IdleStats())
	}
}

// TestIdleGivenUp changes the loop into one that works all the time.
func TestIdleGivenUp(t *testing.T) {
	m := idleMachine(t, itype(oLW, t0, t1, 0), itype(oBEQ, t1, 0, -2), nop, // idle
		itype(oADDIU, t3, t3, 1), jtype(oJ, codeAt), nop)
	if !m.untilIdle(20_000_000) {
		t.Fatal("not idle")
	}
	m.m.Write32(dataAt&0x1fffffff, 1)
	if m.untilIdle(20_000_000) {
		t.Fatal("idle while it works")
	}
	if s := m.IdleStats(); s.PC != 0 || s.Lost != 1 {
		t.Errorf("the idle PC was not given up: %+v", s)
	}
	m.m.Write32(dataAt&0x1fffffff, 0)
	if !m.untilIdle(200_000_000) {
		t.Errorf("not found again: %+v", m.IdleStats())
	}
}
