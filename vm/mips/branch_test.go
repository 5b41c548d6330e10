package mips

import (
	"fmt"
	"testing"
)

// branchCase is one branch with its outcome for $4 = a, $5 = b.
type branchCase struct {
	name         string
	word         func(off int) uint32
	a, b         uint64
	taken        bool
	likely, link bool
}

func branchCases() []branchCase {
	n1 := ^uint64(0)
	var list []branchCase
	add := func(name string, likely, link bool, word func(off int) uint32, a, b uint64, taken bool) {
		list = append(list, branchCase{fmt.Sprintf("%s %v", name, taken), word, a, b, taken, likely, link})
	}
	two := func(op int) func(int) uint32 { return func(off int) uint32 { return itype(op, 4, 5, off) } }
	one := func(op int) func(int) uint32 { return func(off int) uint32 { return itype(op, 4, 0, off) } }
	ri := func(rt int) func(int) uint32 { return func(off int) uint32 { return regimm(rt, 4, off) } }
	for i, likely := range []bool{false, true} {
		l, r := i*16, i*2
		add("beq", likely, false, two(oBEQ+l), 7, 7, true)
		add("beq", likely, false, two(oBEQ+l), 7, 8, false)
		add("bne", likely, false, two(oBNE+l), 7, 8, true)
		add("bne", likely, false, two(oBNE+l), 7, 7, false)
		add("blez", likely, false, one(oBLEZ+l), 0, 0, true)
		add("blez", likely, false, one(oBLEZ+l), 1, 0, false)
		add("bgtz", likely, false, one(oBGTZ+l), 1, 0, true)
		add("bgtz", likely, false, one(oBGTZ+l), 0, 0, false)
		add("bltz", likely, false, ri(r), n1, 0, true)
		add("bltz", likely, false, ri(r), 0, 0, false)
		add("bgez", likely, false, ri(r+1), 0, 0, true)
		add("bgez", likely, false, ri(r+1), n1, 0, false)
		add("bltzal", likely, true, ri(r+16), n1, 0, true)
		add("bltzal", likely, true, ri(r+16), 0, 0, false)
		add("bgezal", likely, true, ri(r+17), 0, 0, true)
		add("bgezal", likely, true, ri(r+17), n1, 0, false)
	}
	return list
}

// TestBranches runs each branch near and far, at each place where the decoder
// treats it differently: within a page, out of it, as its last word and as the
// last but one. The delay slot changes the branch's operand and must not matter.
func TestBranches(t *testing.T) {
	for _, c := range branchCases() {
		for _, at := range []uint64{codeAt + 0x100, codeAt + 0xff8, codeAt + 0xffc} {
			for _, off := range []int{4, -0x30, 0x800, -0x800} {
				t.Run(fmt.Sprintf("%s at %#x by %d", c.name, at&0xfff, off), func(t *testing.T) {
					m := newMachine(t)
					s := m.State()
					s.GPR[4], s.GPR[5] = c.a, c.b
					m.poke(at, c.word(off), itype(oADDIU, 4, 4, 3))
					s.PC = at
					m.step(1)
					want, slot := at+8, true
					if c.taken {
						want = at + 4 + uint64(off*4)
					} else if c.likely {
						slot = false
					}
					if c.link {
						m.wantReg(31, at+8)
					}
					if !c.taken && slot {
						// Not taken: the slot may run in this Run or the next.
						m.wantReg(4, c.a+3)
					} else if slot {
						m.wantReg(4, c.a+3)
					} else {
						m.wantReg(4, c.a)
					}
					if s.PC != want {
						t.Errorf("pc = %#x, want %#x", s.PC, want)
					}
				})
			}
		}
	}
}

func TestJumps(t *testing.T) {
	for _, at := range []uint64{codeAt + 0x100, codeAt + 0xff8, codeAt + 0xffc} {
		for _, c := range []struct {
			name   string
			w      uint32
			target uint64
			link   int
		}{
			{"j in the page", jtype(oJ, codeAt+0x40), codeAt + 0x40, 0},
			{"j out of it", jtype(oJ, codeAt+0x40000), codeAt + 0x40000, 0},
			{"jal", jtype(oJAL, codeAt+0x40), codeAt + 0x40, 31},
			{"jal far", jtype(oJAL, codeAt+0x40000), codeAt + 0x40000, 31},
			{"jr", rtype(8, 4, 0, 0, 0), dataAt, 0},
			{"jalr", rtype(9, 4, 0, 31, 0), dataAt, 31},
			{"jalr rd", rtype(9, 4, 0, 7, 0), dataAt, 7},
			{"b", 0x10000010, at + 0x44, 0},
			{"bal", regimm(0x11, 0, 0x10), at + 0x44, 31},
		} {
			m := newMachine(t)
			s := m.State()
			s.GPR[4] = dataAt
			m.poke(at, c.w, rtype(0x21, 4, 0, 4, 0))
			m.poke(at+4, itype(oADDIU, 4, 4, 16))
			s.PC = at
			m.step(1)
			if s.PC != c.target {
				t.Errorf("%s at %#x: pc %#x, want %#x", c.name, at, s.PC, c.target)
			}
			m.wantReg(4, dataAt+16)
			if c.link != 0 {
				m.wantReg(c.link, at+8)
			}
		}
	}
}

// TestJumpRegion: the upper bits of J come from its delay slot (cpu reference,
// 4.3), here across a 256 MiB border in mapped memory.
func TestJumpRegion(t *testing.T) {
	m := newMachine(t)
	m.tlb(0, 0x1ffe000, 0x0e000000, pfn(0, 7), pfn(0, 7)) // 16 MiB pages at 0x0e000000 and 0x0f000000
	m.tlb(1, 0x1ffe000, 0x10000000, pfn(0, 7), pfn(0, 7))
	// The physical page before the border is the last of 16 MiB, which RAM lacks;
	// map that one by itself.
	m.tlb(0, 0, 0x0fffe000, pfn(0x4000, 7), pfn(0x5000, 7))
	m.poke(0x5ffc, jtype(oJ, 0x00001234&^3))
	m.poke(0, nop)
	m.State().PC = 0x0ffffffc
	m.step(1)
	if got := m.State().PC; got != 0x10001234 {
		t.Errorf("pc = %#x", got)
	}
}

// TestDelaySlotEntry is cpu reference, 12.22.
func TestDelaySlotEntry(t *testing.T) {
	m := newMachine(t)
	m.poke(codeAt+0x100, 0x10000002, itype(oADDIU, 2, 2, 5), itype(oADDIU, 2, 2, 16), nop)
	m.code(jtype(oJ, codeAt+0x104), nop)
	m.step(3)
	m.wantReg(2, 0x15)
	if m.State().PC != codeAt+0x10c {
		t.Errorf("pc = %#x", m.State().PC)
	}
	// The same after the branch has run through its slot once.
	m.State().PC = codeAt + 0x100
	m.step(1)
	m.wantReg(2, 0x1a)
	m.poke(codeAt+0x104, syscall)
	m.State().PC = codeAt + 0x104
	m.step(1)
	m.wantException(excSys, general, codeAt+0x104, false)
}

// TestBranchToOwnSlot: the slot runs once as a slot and once as the target.
func TestBranchToOwnSlot(t *testing.T) {
	m := newMachine(t)
	m.code(0x10000000, itype(oADDIU, 2, 2, 1), nop)
	m.step(3)
	m.wantReg(2, 2)
}

// TestBranchInSlot: unpredictable on the hardware; here a reserved instruction.
func TestBranchInSlot(t *testing.T) {
	m := newMachine(t)
	m.code(0x10000010, 0x10000010, nop)
	m.step(1)
	m.wantException(excRI, general, codeAt, true)
	// Pairs that are not executed as such do no harm.
	m.State().CP0.Status &^= StatusEXL
	m.StateChanged()
	m.State().PC = codeAt + 4
	m.step(1)
	if m.State().PC != codeAt+4+0x44 {
		t.Errorf("pc = %#x", m.State().PC)
	}
}

// TestInstructionCount: the count is exact, also within a device access.
func TestInstructionCount(t *testing.T) {
	m := newMachine(t)
	var at uint64
	m.dev.hook = func(busAccess) { at = m.Instructions() }
	m.State().GPR[4] = devAt
	m.code(nop, nop, 0x10000002, itype(oLW, 4, 2, 0), nop, nop, onlyGoOn, itype(oADDIU, 3, 3, 1))
	start := m.Instructions()
	if e := m.Run(10); e != ExitBudget {
		t.Fatal(e)
	}
	if at-start != 3 {
		t.Errorf("%d instructions before the access, want 3", at-start)
	}
	if got := m.Instructions() - start; got != 11 { // the tenth is a branch
		t.Errorf("%d instructions, want 11", got)
	}
	for _, n := range []int{1, 7, 1000, 5000} {
		start = m.Instructions()
		m.Run(n)
		if got := m.Instructions() - start; got < uint64(n) || got > uint64(n)+1 {
			t.Errorf("Run(%d) ran %d", n, got)
		}
	}
}
