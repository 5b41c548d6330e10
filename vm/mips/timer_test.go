package mips

import (
	"testing"

	"dynemu/vm/event"
)

// TestCount: Count follows guest time at its rate, wraps, and is set by a write.
func TestCount(t *testing.T) {
	m := newMachine(t, func(c *Config) { c.CountHz = 75_000_000 })
	s := m.State()
	for _, c := range []struct {
		now  int64
		want uint64
	}{{0, 0}, {1000, 75}, {1_000_000_000, 75_000_000}, {57_266_230_614, 0}, {57_266_230_627, 1}, {28_633_115_307, 0xffffffff80000000}} {
		m.now = c.now
		m.run(mfc0(2, 9))
		m.wantReg(2, c.want)
	}
	m.now = 1 << 55 // a year
	s.GPR[4] = 1000
	m.run(mtc0(4, 9), mfc0(2, 9))
	m.wantReg(2, 1000)
	m.now += 1000
	m.run(mfc0(2, 9))
	m.wantReg(2, 1075)
}

// TestCompare: IP7 rises at the match, stays until Compare is written, and comes
// again one wrap later (cpu reference, section 0).
func TestCompare(t *testing.T) {
	m := newMachine(t) // 10 ns a tick
	ip7 := func() bool { return m.State().Lines&(1<<15) != 0 }
	m.State().GPR[4] = 1000
	m.run(mtc0(4, 11))
	if at, ok := m.loop.NextTimer(); !ok || at != 10_000 {
		t.Fatalf("timer at %d, %v", at, ok)
	}
	m.now = 9_999
	m.loop.RunPending()
	if ip7() {
		t.Error("IP7 before the match")
	}
	m.now = 10_000
	m.loop.RunPending()
	if !ip7() {
		t.Error("no IP7 at the match")
	}
	m.status(StatusIE | 1<<15)
	m.code(nop)
	m.step(1)
	m.wantExceptionAt(excInt, codeAt)
	if at, _ := m.loop.NextTimer(); at != 10_000+10<<32 {
		t.Errorf("next match at %d", at)
	}
	m.run(mtc0(4, 11))
	if ip7() {
		t.Error("IP7 after a write of Compare")
	}
	m.now = 10_000 + 10<<32
	m.loop.RunPending()
	if !ip7() {
		t.Error("no IP7 after a wrap")
	}
	// A write of Count moves the match.
	m.State().GPR[5] = 900
	m.run(mtc0(4, 11), mtc0(5, 9))
	if at, _ := m.loop.NextTimer(); at != m.now+1000 {
		t.Errorf("match %d ns after Count was set", at-m.now)
	}
}

// TestMissedTicks: a periodic handler that the host kept from running gets every
// missed tick; writing the same Compare again only acknowledges.
func TestMissedTicks(t *testing.T) {
	m := newMachine(t) // 10 ns a tick
	ip7 := func() bool { return m.State().Lines&(1<<15) != 0 }
	compare := uint64(400_000) // 4 ms
	m.State().GPR[4] = compare
	m.run(mtc0(4, 11))
	n := 0
	for _, now := range []int64{4e6, 8e6, 27e6, 27_100_000, 28e6} {
		m.now = now
		for m.loop.RunPending(); ip7(); m.loop.RunPending() {
			n++
			compare += 400_000
			m.State().GPR[4] = compare
			m.run(mtc0(4, 11))
			if ip7() {
				t.Fatal("IP7 stays after a write of Compare")
			}
		}
		if want := int(now / 4e6); n != want {
			t.Errorf("%d ticks after %d ns, want %d", n, now, want)
		}
	}
	m.now = 32e6
	m.loop.RunPending()
	m.run(mfc0(4, 11), mtc0(4, 11))
	m.now += 1000
	if m.loop.RunPending(); ip7() {
		t.Error("IP7 after Compare was written with its own value")
	}
}

// TestCompareSeenWithCount: the guest never reads Count beyond Compare without
// IP7 in Cause, even if the timer event has not run yet.
func TestCompareSeenWithCount(t *testing.T) {
	for _, read := range []uint32{mfc0(2, 9), mfc0(2, 13)} {
		m := newMachine(t)
		m.State().GPR[4] = 1000
		m.run(mtc0(4, 11))
		m.now = 20_000
		m.run(read)
		if m.State().Lines&(1<<15) == 0 {
			t.Error("IP7 is not raised by the read")
		}
		if m.loop.RunPending(); m.State().Lines&(1<<15) == 0 {
			t.Error("IP7 is gone")
		}
	}
}

// TestTimer250 is the quirk: IP7 every 4 ms whatever Compare says.
func TestTimer250(t *testing.T) {
	m := newMachine(t, withQuirks(QuirkTimer250))
	m.State().GPR[4] = 1000
	n := 0
	for m.now < 1_000_000_000 {
		m.now += 500_000
		m.loop.RunPending()
		if m.State().Lines&(1<<15) != 0 {
			n++
			m.run(mtc0(4, 11))
		}
	}
	if n != 250 {
		t.Errorf("%d interrupts in a second", n)
	}
}

// TestInstructionTime runs the same program twice with a clock that counts
// instructions and compares everything.
func TestInstructionTime(t *testing.T) {
	run := func(budget int) (State, []uint64) {
		var c *CPU
		var seen []uint64
		m := newMachine(t, func(cfg *Config) {
			// 10 ns an instruction: Count advances by one each.
			cfg.Clock = event.NewWithSource(cfg.Attention, func() int64 {
				if c == nil {
					return 0
				}
				return int64(c.Instructions()) * 10
			})
		})
		c = m.CPU
		m.loop = m.cfg.Clock.(*event.Loop)
		m.poke(general, mfc0(26, 9), itype(oADDIU, 26, 26, 500), mtc0(26, 11), itype(oADDIU, 16, 16, 1), eret)
		m.State().GPR[4] = 500
		m.State().GPR[5] = devAt
		m.dev.hook = func(busAccess) { seen = append(seen, c.Instructions()) }
		m.code(mtc0(4, 11), mfc0(2, 9), mfc0(3, 9), itype(oSW, 5, 2, 0), 0x1000fffc, itype(oADDIU, 6, 6, 1))
		m.status(StatusIE | 1<<15)
		for range 20000 / budget {
			m.Run(budget)
			m.loop.RunPending()
			if d := uint32(m.reg(3)) - uint32(m.reg(2)); m.reg(3) != 0 && d != 1 && m.reg(3) > m.reg(2) && d > 20 {
				t.Fatalf("two reads of Count differ by %d", d)
			}
		}
		return *m.State(), seen
	}
	a, sa := run(100)
	b, sb := run(100)
	if a != b || len(sa) != len(sb) || len(sa) == 0 {
		t.Errorf("two runs differ: %+v\n%+v", a, b)
	}
	if a.GPR[16] < 20 {
		t.Errorf("%d timer interrupts", a.GPR[16])
	}
}

// TestWait: WAIT is idle until an unmasked line rises.
func TestWait(t *testing.T) {
	m := newMachine(t)
	m.status(StatusIE | 1<<10)
	m.code(wait, itype(oADDIU, 2, 2, 1))
	for range 3 {
		if e := m.Run(100); e != ExitIdle {
			t.Fatalf("exit %v", e)
		}
	}
	m.SetIRQ(3, true) // masked
	if e := m.Run(100); e != ExitIdle {
		t.Fatalf("exit %v", e)
	}
	m.SetIRQ(2, true)
	m.step(1)
	m.wantExceptionAt(excInt, codeAt+4)
	// With IE clear it goes on without the interrupt; a pending one makes it a nop.
	m.status(1 << 10)
	m.run(wait, itype(oADDIU, 2, 2, 1))
	m.wantReg(2, 1)
}

// TestIdleSelf: a branch to itself with an empty slot is idle, for each spelling
// and place; with another slot, or not taken, it is not.
func TestIdleSelf(t *testing.T) {
	for _, at := range []uint64{codeAt, codeAt + 4, codeAt + 0xff8} {
		for _, w := range []uint32{
			onlyGoOn, jtype(oJ, at), regimm(1, 0, -1), itype(oBEQ, 5, 5, -1), itype(oBNE, 5, 0, -1), itype(oBGTZL, 5, 0, -1), rtype(8, 4, 0, 0, 0),
		} {
			name := Disassemble(at, w)
			m := newMachine(t)
			s := m.State()
			m.status(StatusIE | StatusIM)
			s.PC, s.GPR[4], s.GPR[5] = at, at, 1
			m.poke(at, w, nop)
			for range 2 {
				if e := m.Run(1000); e != ExitIdle && w>>26 != 0 {
					t.Errorf("%s: exit %v", name, e)
				}
			}
			if s.PC != at {
				t.Errorf("%s: pc %#x", name, s.PC)
			}
			m.SetIRQ(5, true)
			m.step(1)
			m.wantExceptionAt(excInt, at)
			m.SetIRQ(5, false)
			m.poke(at+4, itype(oADDIU, 2, 2, 1))
			m.status(StatusIE | StatusIM)
			s.PC = at
			if e := m.Run(100); e != ExitBudget || m.reg(2) < 40 {
				t.Errorf("%s with a slot: exit %v, %d turns", name, e, m.reg(2))
			}
		}
		m := newMachine(t)
		m.State().PC, m.State().GPR[5] = at, 1
		m.poke(at, itype(oBEQ, 5, 0, -1), nop)
		if e := m.Run(100); e != ExitBudget {
			t.Errorf("not taken: exit %v", e)
		}
	}
}

// TestIdlePC: passing the idle PC often with interrupts enabled is idle; 32-bit
// values are sign-extended, an interrupt starts the count again (cpu reference,
// section 6).
func TestIdlePC(t *testing.T) {
	for _, pc := range []uint64{codeAt + 8, (codeAt + 8) & 0xffffffff} {
		m := newMachine(t)
		m.status(StatusIE | StatusIM)
		m.code(itype(oADDIU, 2, 2, 1), itype(oADDIU, 2, 2, 0), itype(oADDIU, 3, 3, 1), jtype(oJ, codeAt), nop)
		if e := m.Run(10000); e != ExitBudget {
			t.Errorf("exit %v without an idle PC", e)
		}
		m.State().PC, m.State().GPR[3] = codeAt, 0
		m.SetIdlePC(pc)
		for i := range uint64(3) {
			if e := m.Run(1 << 30); e != ExitIdle {
				t.Fatalf("exit %v", e)
			}
			m.wantReg(3, (i+1)*defaultIdleMax)
		}
		if m.IdlePC() != codeAt+8 {
			t.Errorf("idle PC %#x", m.IdlePC())
		}
		m.SetIdleMax(7)
		start := m.reg(3)
		if e := m.Run(1 << 30); e != ExitIdle {
			t.Fatalf("exit %v", e)
		}
		m.wantReg(3, start+7)
		// Interrupts disabled: never idle.
		m.status(0)
		if e := m.Run(100000); e != ExitBudget {
			t.Errorf("exit %v with interrupts disabled", e)
		}
		m.status(StatusIE | StatusIM)
		m.SetIdlePC(0)
		if e := m.Run(100000); e != ExitBudget {
			t.Errorf("exit %v with the idle PC off", e)
		}
	}
	// The idle PC at a branch, and its delay slot.
	for off := range uint64(5) {
		m := newMachine(t)
		m.status(StatusIE | StatusIM)
		m.code(itype(oADDIU, 2, 2, 1), itype(oADDIU, 2, 2, 0), itype(oADDIU, 3, 3, 1), jtype(oJ, codeAt), itype(oADDIU, 4, 4, 1))
		m.SetIdlePC(codeAt + 4*off)
		want := ExitIdle
		if off == 4 {
			want = ExitBudget // never reached by itself
		}
		if e := m.Run(100000); e != want {
			t.Errorf("idle PC at +%d: exit %v, want %v", 4*off, e, want)
		}
		if off == 4 {
			continue
		}
		m.SetIdlePC(0)
		m.Run(1000)
		if d := int64(m.reg(3) - m.reg(4)); d < 0 || d > 1 {
			t.Errorf("the loop went wrong: %d, %d", m.reg(3), m.reg(4))
		}
	}
}
