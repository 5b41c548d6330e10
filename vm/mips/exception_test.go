package mips

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestExceptionEntry is cpu reference, 12.9: codes, EPC, EXL, vectors with and
// without BEV, and that a second exception keeps EPC.
func TestExceptionEntry(t *testing.T) {
	for _, c := range []struct {
		name string
		w    uint32
		code excCode
	}{
		{"syscall", syscall, excSys},
		{"syscall with code", syscall | 0x1234<<6, excSys},
		{"break", brk, excBp},
		{"break with code", brk | 7<<16, excBp},
		{"teq", rtype(0x34, 0, 0, 0, 0), excTr},
		{"teqi", regimm(12, 0, 0), excTr},
		{"reserved", 0x7c000000 | 0x3f, excRI},
	} {
		for _, bev := range []uint32{0, StatusBEV} {
			vector := uint64(general)
			if bev != 0 {
				vector = 0xffffffffbfc00380
			}
			m := newMachine(t)
			m.status(bev)
			m.run(c.w)
			m.wantException(c.code, vector, codeAt, false)
			// Again, with EXL set.
			m.poke(vector, c.w)
			copy(m.rom[0x380:], []byte{byte(c.w >> 24), byte(c.w >> 16), byte(c.w >> 8), byte(c.w)})
			m.step(1)
			m.wantException(c.code, vector, codeAt, false)
			// In a delay slot.
			m.status(bev)
			m.code(0x10000010, c.w)
			m.step(1)
			m.wantException(c.code, vector, codeAt, true)
		}
	}
}

// TestDelaySlotFaults is cpu reference, 12.10: a load in the slot of every branch
// faults, the handler repairs the mapping, and ERET runs the branch again with
// the right outcome. Also with the slot in the next page.
func TestDelaySlotFaults(t *testing.T) {
	const page = 0x4000 // kuseg page that the slot reads
	for _, c := range branchCases() {
		for _, at := range []uint64{codeAt + 0x100, codeAt + 0xffc} {
			for _, off := range []int{0x20, 0x900} {
				t.Run(fmt.Sprintf("%s at %#x by %#x", c.name, at&0xfff, off), func(t *testing.T) {
					m := newMachine(t)
					s := m.State()
					s.GPR[4], s.GPR[5], s.GPR[6] = c.a, c.b, page
					m.poke(0x8000, 0x1234)
					m.poke(at, c.word(off), itype(oLW, 6, 7, 0))
					s.PC = at
					m.step(1)
					target := at + 4 + uint64(off*4)
					if !c.taken && c.likely {
						if s.PC != at+8 {
							t.Fatalf("pc = %#x", s.PC)
						}
						return
					}
					m.wantException(excTLBL, 0xffffffff80000000, at, true)
					if s.CP0.BadVAddr != page {
						t.Errorf("BadVAddr %#x", s.CP0.BadVAddr)
					}
					m.tlb(3, 0, page, pfn(0x8000, 7), pfn(0, 1))
					m.poke(0xffffffff80000000, eret)
					m.step(2)
					want := at + 8
					if c.taken {
						want = target
					}
					if s.PC != want {
						t.Errorf("pc = %#x, want %#x", s.PC, want)
					}
					m.wantReg(7, 0x1234)
				})
			}
		}
	}
}

// TestSlotFetchFault: the slot of a branch at the end of a page is in a page that
// is not mapped.
func TestSlotFetchFault(t *testing.T) {
	m := newMachine(t)
	m.tlb(0, 0, 0x4000, pfn(0x8000, 7), pfn(0, 1))
	m.poke(0x8ffc, 0x10000010)
	s := m.State()
	s.PC = 0x4ffc
	m.step(1)
	m.wantException(excTLBL, general, 0x4ffc, true) // invalid, so the general vector
	if s.CP0.BadVAddr != 0x5000 {
		t.Errorf("BadVAddr %#x", s.CP0.BadVAddr)
	}
	m.tlb(0, 0, 0x4000, pfn(0x8000, 7), pfn(0x9000, 7))
	m.poke(0x9000, itype(oADDIU, 0, 2, 9))
	m.poke(general, eret)
	m.step(2)
	m.wantReg(2, 9)
	if s.PC != 0x4ffc+0x44 {
		t.Errorf("pc = %#x", s.PC)
	}
}

func TestMisalignedPC(t *testing.T) {
	m := newMachine(t)
	m.State().GPR[4] = codeAt + 0x102
	m.code(rtype(8, 4, 0, 0, 0), nop)
	m.step(2)
	m.wantException(excAdEL, general, codeAt+0x102, false)
	if got := m.State().CP0.BadVAddr; got != codeAt+0x102 {
		t.Errorf("BadVAddr %#x", got)
	}
}

// TestModes checks the segments and privileges of user and supervisor mode.
func TestModes(t *testing.T) {
	const user, super = 2 << 3, 1 << 3
	for _, c := range []struct {
		status uint32
		va     uint64
		ok     bool
	}{
		{user, 0x4000, true}, {user, dataAt, false}, {user, 0xffffffffa0010000, false}, {user, 0xffffffffc0004000, false}, {user, 0xffffffffe0004000, false},
		{super, 0x4000, true}, {super, dataAt, false}, {super, 0xffffffffa0010000, false}, {super, 0xffffffffc0004000, true}, {super, 0xffffffffe0004000, false},
		{0, 0x4000, true}, {0, dataAt, true}, {0, 0xffffffffa0010000, true}, {0, 0xffffffffc0004000, true}, {0, 0xffffffffe0004000, true},
	} {
		for _, op := range []int{oLW, oSW} {
			m := newMachine(t)
			m.tlb(0, 0, 0x4000, pfn(0x8000, 7), pfn(0x9000, 7))
			m.tlb(1, 0, 0xffffffffc0004000, pfn(0x8000, 7), pfn(0x9000, 7))
			m.tlb(2, 0, 0xffffffffe0004000, pfn(0x8000, 7), pfn(0x9000, 7))
			m.poke(0x9000, itype(op, 4, 2, 0))
			s := m.State()
			s.GPR[4] = c.va
			s.PC = 0x5000
			m.status(c.status)
			m.step(1)
			if c.ok {
				if s.PC != 0x5004 {
					t.Errorf("status %#x, %#x: pc %#x, cause %#x", c.status, c.va, s.PC, s.CP0.Cause)
				}
				continue
			}
			code := excAdEL
			if op == oSW {
				code = excAdES
			}
			m.wantException(code, general, 0x5000, false)
			if s.CP0.BadVAddr != c.va {
				t.Errorf("BadVAddr %#x, want %#x", s.CP0.BadVAddr, c.va)
			}
		}
	}
	// Jumping above the user's segment.
	m := newMachine(t)
	m.State().PC = codeAt
	m.status(user)
	m.step(1)
	m.wantException(excAdEL, general, codeAt, false)
}

func TestCoprocessorUnusable(t *testing.T) {
	const user = 2 << 3
	for _, c := range []struct {
		name   string
		status uint32
		w      uint32
		unit   int // -1: allowed
	}{
		{"mfc0 user", user, mfc0(2, 15), 0},
		{"mfc0 user with CU0", user | StatusCU0, mfc0(2, 15), -1},
		{"mfc0 kernel", 0, mfc0(2, 15), -1},
		{"cache user", user, itype(oCACHE, 0, 0, 0), 0},
		{"tlbp user", user, tlbp, 0},
		{"eret user", user, eret, 0},
		{"mtc1", 0, fp(4, 0, 0, 0, 0), 1},
		{"add.s", 0, fp(16, 0, 0, 0, 0), 1},
		{"lwc1", 0, itype(oLWC1, 0, 0, 0x100), 1},
		{"sdc1", 0, itype(oSDC1, 0, 0, 0x100), 1},
		{"bc1t", 0, 0x45010000, 1},
		{"movf", 0, rtype(1, 0, 0, 2, 0), 1},
		{"madd.d", 0, 0x13<<26 | 0x21, 1},
		{"mtc1 usable", StatusCU1, fp(4, 0, 0, 0, 0), -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t)
			m.tlb(0, 0, 0x4000, pfn(0x8000, 7), pfn(0x9000, 7))
			m.poke(0x8000, c.w)
			m.State().PC = 0x4000
			m.status(c.status)
			m.step(1)
			if c.unit < 0 {
				if m.State().PC != 0x4004 {
					t.Errorf("pc %#x", m.State().PC)
				}
				return
			}
			m.wantException(excCpU, general, 0x4000, false)
			if got := int(m.State().CP0.Cause >> 28 & 3); got != c.unit {
				t.Errorf("CE = %d, want %d", got, c.unit)
			}
		})
	}
	m := newMachine(t, func(c *Config) { c.Model.FPU = false })
	m.run(fp(4, 0, 0, 0, 0))
	m.wantException(excCpU, general, codeAt, false)
}

// TestNarrowModes: 64-bit operations are reserved in user mode without UX.
func TestNarrowModes(t *testing.T) {
	for _, w := range []uint32{
		itype(oDADDIU, 0, 2, 1), rtype(0x2d, 0, 0, 2, 0), rtype(0x38, 0, 2, 2, 1), rtype(0x1d, 0, 0, 0, 0), itype(oLD, 4, 2, 0),
		itype(oSD, 4, 2, 0), itype(oLDL, 4, 2, 0), itype(oLLD, 4, 2, 0), special2(0x24, 0, 2, 2), fp(1, 0, 2, 0, 0), fp(5, 0, 2, 0, 0),
	} {
		for _, ux := range []uint32{0, StatusUX} {
			m := newMachine(t)
			m.tlb(0, 0, 0x4000, pfn(0x8000, 7), pfn(0x9000, 7))
			m.poke(0x8000, w, w)
			s := m.State()
			s.PC, s.GPR[4] = 0x4000, 0x5000
			// The same words are first decoded in kernel mode.
			m.step(1)
			s.PC = 0x4000
			m.status(2<<3 | StatusCU1 | StatusFR | ux)
			m.step(1)
			if ux != 0 {
				if s.PC != 0x4004 {
					t.Errorf("%s with UX: pc %#x", Disassemble(0, w), s.PC)
				}
				continue
			}
			m.wantException(excRI, general, 0x4000, false)
		}
	}
}

func TestERET(t *testing.T) {
	m := newMachine(t)
	s := m.State()
	s.CP0.EPC, s.CP0.ErrorEPC = codeAt+0x40, codeAt+0x80
	m.status(StatusEXL | StatusERL)
	m.run(eret)
	if s.PC != codeAt+0x80 || s.CP0.Status != StatusEXL {
		t.Errorf("pc %#x, status %#x", s.PC, s.CP0.Status)
	}
	m.run(eret)
	if s.PC != codeAt+0x40 || s.CP0.Status != 0 {
		t.Errorf("pc %#x, status %#x", s.PC, s.CP0.Status)
	}
}

// TestErrorLevel: with ERL kuseg is unmapped and uncached.
func TestErrorLevel(t *testing.T) {
	m := newMachine(t)
	m.poke(0x8000, 0xabcd)
	m.status(StatusERL)
	m.State().GPR[4], m.State().GPR[5] = 0x8000, devPhys
	m.dev.value = 7
	m.run(itype(oLW, 4, 2, 0), itype(oLW, 5, 3, 0))
	m.wantReg(2, 0xabcd)
	m.wantReg(3, 7)
	m.status(0)
	m.run(itype(oLW, 4, 2, 0))
	m.wantException(excTLBL, 0xffffffff80000000, codeAt, false)
}

// TestInterrupts: every line, masked and unmasked, is taken before the next
// instruction after what made it deliverable (cpu reference, section 0).
func TestInterrupts(t *testing.T) {
	for line := 2; line <= 6; line++ {
		m := newMachine(t)
		m.status(StatusIE | 1<<(8+line))
		m.code(nop, nop)
		m.SetIRQ(line, true)
		m.step(1)
		m.wantExceptionAt(excInt, codeAt)
		if m.State().CP0.Cause&causeIP != 0 {
			t.Error("the line is stored in Cause")
		}
		if got := uint32(m.readCP0(cp0Cause)) & causeIP; got != 1<<(8+line) {
			t.Errorf("Cause.IP %#x", got)
		}
		for name, st := range map[string]uint32{
			"masked": StatusIE | StatusIM&^(1<<(8+line)), "IE": StatusIM, "EXL": StatusIE | StatusIM | StatusEXL, "ERL": StatusIE | StatusIM | StatusERL,
		} {
			m.status(st)
			m.code(nop, nop)
			m.step(1)
			if m.State().PC != codeAt+4 {
				t.Errorf("line %d, %s: taken", line, name)
			}
		}
		m.SetIRQ(line, false)
		m.status(StatusIE | StatusIM)
		m.code(nop, nop)
		m.step(1)
		if m.State().PC != codeAt+4 {
			t.Error("taken after the line was cleared")
		}
	}
	m := newMachine(t)
	m.SetIRQ(7, true)
	m.SetIRQ(0, true)
	m.SetIRQ(-1, true)
	if m.State().Lines != 0 {
		t.Errorf("lines %#x", m.State().Lines)
	}
}

// wantExceptionAt checks an interrupt that was taken before epc; the first
// instruction of the handler (a nop) has run.
func (m *machine) wantExceptionAt(code excCode, epc uint64) {
	m.t.Helper()
	if m.State().PC == general+4 {
		m.State().PC = general
	}
	m.wantException(code, general, epc, false)
}

// TestInterruptBecomesDeliverable: MTC0 to Status and Cause, ERET, and a device
// that raises its line when it is written, also from a delay slot.
func TestInterruptBecomesDeliverable(t *testing.T) {
	const enable = StatusIE | StatusIM
	t.Run("status", func(t *testing.T) {
		m := newMachine(t)
		m.SetIRQ(2, true)
		m.State().GPR[4] = enable
		m.code(mtc0(4, 12), itype(oADDIU, 2, 2, 1))
		m.Run(2)
		m.wantExceptionAt(excInt, codeAt+4)
		m.wantReg(2, 0)
	})
	t.Run("cause", func(t *testing.T) {
		for _, bit := range []uint64{1 << 8, 1 << 9} {
			m := newMachine(t)
			m.status(enable)
			m.State().GPR[4] = bit
			m.code(mtc0(4, 13), itype(oADDIU, 2, 2, 1))
			m.Run(2)
			m.wantExceptionAt(excInt, codeAt+4)
			if got := m.State().CP0.Cause & causeIP; uint64(got) != bit {
				t.Errorf("Cause.IP %#x", got)
			}
		}
	})
	t.Run("eret", func(t *testing.T) {
		m := newMachine(t)
		m.State().CP0.EPC = codeAt + 0x40
		m.status(enable | StatusEXL)
		m.SetIRQ(3, true)
		m.code(eret)
		m.Run(2)
		m.wantExceptionAt(excInt, codeAt+0x40)
	})
	t.Run("device", func(t *testing.T) {
		m := newMachine(t)
		m.status(enable)
		m.dev.hook = func(a busAccess) { m.SetIRQ(4, true) }
		m.State().GPR[4] = devAt
		m.code(itype(oSW, 4, 0, 0), itype(oADDIU, 2, 2, 1))
		m.Run(2)
		m.wantExceptionAt(excInt, codeAt+4)
	})
	t.Run("device in a delay slot", func(t *testing.T) {
		for _, off := range []int{0x10, 0x1000} {
			m := newMachine(t)
			m.status(enable)
			m.dev.hook = func(a busAccess) { m.SetIRQ(4, true) }
			m.State().GPR[4] = devAt
			m.code(itype(oBEQ, 0, 0, off), itype(oSW, 4, 0, 0), itype(oADDIU, 2, 2, 1))
			m.Run(3)
			m.wantExceptionAt(excInt, codeAt+4+uint64(off*4))
		}
	})
}

// TestInterruptStorm raises a line at random moments; the handler reads the
// device, which lowers it. Every assertion is served once, the interrupted
// program computes what it would have computed alone, and an interrupt is never
// taken between a branch and its slot.
func TestInterruptStorm(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	m := newMachine(t)
	raised, up := 0, false
	m.dev.hook = func(busAccess) {
		m.dev.log = nil
		up = false
		m.SetIRQ(2, false)
	}
	m.poke(general,
		mfc0(27, 14), itype(oLW, 16, 26, 0),
		itype(oADDIU, 17, 17, 1), // served
		eret)
	s := m.State()
	s.GPR[16] = devAt
	// A loop in which each iteration adds 3 to $2 and 1 to $3, in slots too.
	m.poke(codeAt+0x1000, rtype(8, 31, 0, 0, 0), itype(oADDIU, 2, 2, 1))
	m.code(
		itype(oADDIU, 3, 3, 1),
		jtype(oJAL, codeAt+0x1000), itype(oADDIU, 2, 2, 1),
		itype(oBEQ, 0, 0, -4), itype(oADDIU, 2, 2, 1))
	m.status(StatusIE | StatusIM)
	for range 20000 {
		if !up && r.IntN(2) == 0 {
			up = true
			raised++
			m.SetIRQ(2, true)
		}
		if e := m.Run(1 + r.IntN(40)); e != ExitBudget {
			t.Fatal(e)
		}
	}
	for s.CP0.Status&StatusEXL != 0 || up || s.PC != codeAt {
		m.step(1)
	}
	if got := int(m.reg(17)); got != raised {
		t.Errorf("%d interrupts served, %d raised", got, raised)
	}
	if m.reg(2) != 3*m.reg(3) {
		t.Errorf("the program counted %d in %d turns", m.reg(2), m.reg(3))
	}
}

// TestStop: a device handler stops the processor after its instruction.
func TestStop(t *testing.T) {
	m := newMachine(t)
	m.dev.hook = func(busAccess) { m.Stop() }
	m.State().GPR[4] = devAt
	m.code(itype(oSW, 4, 0, 0), nop, nop)
	if e := m.Run(100); e != ExitStop {
		t.Errorf("exit %v", e)
	}
	if m.State().PC != codeAt+4 {
		t.Errorf("pc %#x", m.State().PC)
	}
	if e := m.Run(1); e != ExitBudget {
		t.Errorf("exit %v after the stop", e)
	}
}

// TestAttention: a tight loop of direct branches is not deaf (cpu reference, 5.6
// and 12.13).
func TestAttention(t *testing.T) {
	for _, prog := range [][]uint32{{onlyGoOn, itype(oADDIU, 2, 2, 1)}, {0x1000ffff, itype(oLW, 4, 2, 0)}} {
		m := newMachine(t)
		m.State().GPR[4] = dataAt
		m.code(prog...)
		m.step(100)
		done := false
		m.loop.Post(func() { done = true })
		if e := m.Run(1 << 40); e != ExitAttention {
			t.Errorf("exit %v", e)
		}
		m.loop.RunPending()
		if !done {
			t.Error("the post did not run")
		}
	}
}

// TestReset: cpu reference, 1.3; also from within a device access.
func TestReset(t *testing.T) {
	check := func(m *machine) {
		t.Helper()
		s := m.State()
		if s.PC != 0xffffffffbfc00000 || s.GPR[29] != 0xffffffff80004000 || s.CP0.Status != 0x00400000 || s.CP0.Cause != 0 || s.LL {
			t.Errorf("pc %#x, sp %#x, status %#x, cause %#x", s.PC, s.GPR[29], s.CP0.Status, s.CP0.Cause)
		}
		if s.TLB != [MaxTLB]TLBEntry{} {
			t.Error("the TLB is not empty")
		}
		if got := m.readCP0(cp0Config); got != 0x00c08ff0 {
			t.Errorf("Config %#x", got)
		}
		if got := m.readCP0(cp0Count); got != 0 {
			t.Errorf("Count %#x", got)
		}
	}
	m := newMachine(t)
	m.now = 12345
	m.run(syscall)
	m.tlb(0, 0, 0x4000, pfn(0, 7), pfn(0, 7))
	m.Reset()
	check(m)
	m = newMachine(t)
	m.dev.hook = func(busAccess) { m.Reset() }
	m.State().GPR[4] = devAt
	m.code(itype(oSW, 4, 0, 0), nop)
	m.Run(1)
	check(m)
}
