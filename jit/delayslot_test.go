//go:build linux && amd64

package jit

import (
	"fmt"
	"testing"

	"dynemu/vm/mips"
)

// Exception codes (cpu reference, section 4).
const (
	excMod  = 1
	excTLBL = 2
	excTLBS = 3
	excAdEL = 4
	excAdES = 5
	excSys  = 8
	excBp   = 9
	excRI   = 10
	excOv   = 12
	excTr   = 13
)

// noException stands for an instruction that completes.
const noException = -1

// slotBranch is one branch or jump, with operands in a0 and a1, and its outcome.
type slotBranch struct {
	name         string
	word         uint32 // its target is 5 instructions ahead
	a, b         uint64
	taken        bool
	likely, link bool
	condition    uint32 // of the FPU
}

const branchAhead = 5

func slotBranches(at uint64) []slotBranch {
	target := at + 4*branchAhead
	var list []slotBranch
	both := func(name string, word uint32, likely, link bool, a, b, c, d uint64) {
		list = append(list,
			slotBranch{name: name + " taken", word: word, a: a, b: b, taken: true, likely: likely, link: link},
			slotBranch{name: name + " not taken", word: word, a: c, b: d, likely: likely, link: link})
	}
	n1 := ^uint64(0)
	for i, l := range []string{"", "l"} {
		likely, op, ri := i == 1, uint32(16*i), uint32(2*i)
		both("beq"+l, iw(4+op, 4, 5, branchAhead-1), likely, false, 7, 7, 7, 8)
		both("bne"+l, iw(5+op, 4, 5, branchAhead-1), likely, false, 7, 8, 7, 7)
		both("blez"+l, iw(6+op, 4, 0, branchAhead-1), likely, false, n1, 0, 1, 0)
		both("bgtz"+l, iw(7+op, 4, 0, branchAhead-1), likely, false, 1, 0, 0, 0)
		both("bltz"+l, iw(1, 4, ri, branchAhead-1), likely, false, n1, 0, 0, 0)
		both("bgez"+l, iw(1, 4, ri+1, branchAhead-1), likely, false, 0, 0, n1, 0)
		both("bltzal"+l, iw(1, 4, ri+16, branchAhead-1), likely, true, n1, 0, 0, 0)
		both("bgezal"+l, iw(1, 4, ri+17, branchAhead-1), likely, true, 0, 0, n1, 0)
		for _, truth := range []uint32{0, 1} { // bc1f, bc1t
			for _, condition := range []uint32{0, 1} {
				list = append(list, slotBranch{
					name:      fmt.Sprintf("bc1%c%s of %d", "ft"[truth], l, condition),
					word:      iw(0x11, 8, truth|uint32(i)<<1, branchAhead-1),
					taken:     truth == condition,
					likely:    likely,
					condition: condition,
				})
			}
		}
	}
	return append(list,
		slotBranch{name: "j", word: 2<<26 | uint32(target)>>2&0x3ffffff, taken: true},
		slotBranch{name: "jal", word: jal(target), taken: true, link: true},
		slotBranch{name: "jr", word: jr(4), a: target, taken: true},
		slotBranch{name: "jalr", word: jalr(4), a: target, taken: true, link: true})
}

// Registers of the programs below, beside a0 and a1 of the branch.
const (
	rGood     = 16 // s0: an aligned address of memory
	rOdd      = 17 // s1: an unaligned one
	rMiss     = 18 // s2: no TLB entry
	rReadOnly = 19 // s3: a page that may only be read
	rDevice   = 20 // s4
	rLarge    = 21 // s5: the largest 32-bit number
	rTarget   = 22 // s6: where the branch leads
)

type slotCase struct {
	name      string
	word      uint32
	exception int
}

func slotCases() []slotCase {
	const ok = noException
	return []slotCase{
		{"nop", nop, ok},
		{"reads the operand", addu(8, 4, 5), ok},
		{"writes the operand", addiu(4, 4, 3), ok},
		{"writes the other operand", addiu(5, 5, -9), ok},
		{"moves to the operand", rw(0x0a, 5, 0, 4, 0), ok}, // movz
		{"reads the link", addu(8, 31, 0), ok},
		{"writes the link", addiu(31, 31, 4), ok},
		{"load", lw(8, 4, rGood), ok},
		{"load of the operand", lw(4, 4, rGood), ok},
		{"load of the link", lw(31, 4, rGood), ok},
		{"load through the link", iw(0x20, 31, 8, 0), ok},
		{"load, unaligned", lw(8, 0, rOdd), excAdEL},
		{"load of the operand, unaligned", lw(4, 0, rOdd), excAdEL},
		{"load of the link, unaligned", lw(31, 0, rOdd), excAdEL},
		{"load, missing", lw(8, 0, rMiss), excTLBL},
		{"load of its base, missing", lw(rMiss, 0, rMiss), excTLBL},
		{"doubleword, missing", iw(0x37, rMiss, 8, 8), excTLBL},
		{"store", sw(4, 8, rGood), ok},
		{"store of the link", iw(0x3f, rGood, 31, 8), ok},
		{"store, unaligned", sw(4, 0, rOdd), excAdES},
		{"store, missing", sw(4, 0, rMiss), excTLBS},
		{"store, read-only", iw(0x28, rReadOnly, 4, 3), excMod},
		{"store over the target", sw(0, 0, rTarget), ok},
		{"device read", lw(8, 8, rDevice), ok},
		{"device read of the operand", lw(4, 8, rDevice), ok},
		{"device write", sw(4, 12, rDevice), ok},
		{"overflow", rw(0x20, rLarge, rLarge, 8, 0), excOv},
		{"overflow of the operand", rw(0x20, rLarge, rLarge, 4, 0), excOv},
		{"syscall", 0x0000000c, excSys},
		{"break", 0x0000000d, excBp},
		{"trap", rw(0x34, 0, 0, 0, 0), excTr},
		{"trap, not taken", rw(0x36, 0, 0, 0, 0), ok},
		{"reserved", 0xffffffff &^ (1 << 31), excRI},
		{"multiply", rw(0x18, 4, rGood, 0, 0), ok},
		{"mfhi of the operand", rw(0x10, 0, 0, 4, 0), ok},
		{"mfc0", mfc0(4, 12), ok},
		{"mfc0 of Count", mfc0(8, 9), ok},
		{"mtc0 of Compare", mtc0(8, 11), ok},
		{"mtc0 of Status", mtc0(12, 12), ok},
		{"lwl", iw(0x22, rOdd, 4, 0), ok},
		{"swr", iw(0x2e, rOdd, 4, 0), ok},
		{"ll", iw(0x30, rGood, 8, 0), ok},
		{"sc", iw(0x38, rGood, 8, 0), ok},
		{"add.d", 0x46220000, ok},
		{"c.eq.d", 0x46220032, ok},
		{"ldc1", iw(0x35, rGood, 4, 0), ok},
		{"sdc1, missing", iw(0x3d, rMiss, 4, 0), excTLBS},
		{"tlbp", 0x42000008, ok},
		{"tlbwi", tlbwi, ok},
		{"cache", iw(0x2f, rTarget, 0x10, 0), ok},
		{"branch", beq(0, 0, 2), ok},
	}
}

// TestDelaySlots runs each branch with each outcome and each slot, in the middle
// of a page, with the slot as its last word, and with the slot in the next page: the
// first time, when nothing is translated, and twice more.
func TestDelaySlots(t *testing.T) {
	p := newPair(t, Options{})
	// The last TLB entry is that which TLBWI writes: at 0x7ffe0000, unused.
	const data = dataAt + 0x100
	ran := 0
	for _, at := range []uint64{codeAt + 0x100, codeAt + 0xff8, codeAt + 0xffc} {
		for _, b := range slotBranches(at) {
			for _, s := range slotCases() {
				p.code(at, b.word, s.word, addiu(2, 2, 1), addiu(2, 2, 2), addiu(2, 2, 4), addiu(3, 3, 1), addiu(3, 3, 2), addiu(3, 3, 4))
				for round := range 3 {
					if err := p.delaySlot(at, data, b, s, round == 0); err != nil {
						t.Errorf("%s at %#x, slot: %s, round %d: %v", b.name, at&0xfff, s.name, round, err)
						if ran++; ran > 10 {
							t.FailNow()
						}
					}
				}
			}
		}
	}
	t.Logf("%+v", p.e.Stats())
}

// delaySlot runs one case. Only when cold is anything changed that makes the
// engine forget its translations and its view of memory.
func (p *pair) delaySlot(at, data uint64, b slotBranch, s slotCase, cold bool) error {
	retired := max(p.side[0].Instructions(), p.side[1].Instructions())
	p.both(func(x *box) {
		if cold {
			x.Reset()
		}
		x.dev.n = 0
		st := x.State()
		for i := range st.GPR {
			st.GPR[i] = uint64(i) << 20
		}
		st.GPR[0] = 0
		st.GPR[4], st.GPR[5] = b.a, b.b
		st.GPR[12] = mips.StatusCU1 | mips.StatusFR
		st.GPR[rGood], st.GPR[rOdd], st.GPR[rMiss], st.GPR[rReadOnly] = data, data+1, 0x00200000, 0x00006000
		st.GPR[rDevice], st.GPR[rLarge], st.GPR[rTarget] = devAt, 0x7fffffff, at+4*branchAhead
		st.GPR[31] = data // may be read through when it is not written
		st.HI, st.FCSR = 5, b.condition<<23
		st.FPR[0], st.FPR[2] = 0x3ff0000000000000, 0x4000000000000000
		st.CP0.Status = mips.StatusCU1 | mips.StatusFR
		st.CP0.Cause, st.CP0.EPC = 0, 0
		st.PC = at
		x.m.Write32(at&0x1fffffff+4*branchAhead, addiu(3, 3, 1))
		if !cold {
			return // what was changed is looked at when it is used
		}
		st.Retired, st.CP0.RandomBase, st.CountBase = retired, retired, 0
		st.CP0.Index, st.CP0.EntryHi = 40, 0x7ffe0000
		st.TLB[0] = mips.TLBEntry{Hi: 0x6000, Lo: [2]uint64{0x8000>>6 | 3<<3 | 2, 0x9000>>6 | 3<<3 | 2}, Global: true}
		x.StateChanged()
	})
	first := 2 // the branch and its slot
	if !b.taken && b.likely {
		first = 1
	}
	if _, err := p.run(first); err != nil {
		return err
	}
	st := p.side[1].State()
	executed := b.taken || !b.likely
	bd, code := st.CP0.Cause>>31, int(st.CP0.Cause>>2&31)
	// What is a branch in a slot is undefined: the engines must agree on it, and
	// do.
	if undefined := isBranch(s.word); !undefined {
		next := at + 8
		if b.taken {
			next = at + 4*branchAhead
		}
		switch {
		case executed && s.exception != noException:
			if code != s.exception || bd != 1 || st.CP0.EPC != at || st.CP0.Status&mips.StatusEXL == 0 {
				return fmt.Errorf("cause %d, BD %d, EPC %#x, status %#x; want cause %d in the slot", code, bd, st.CP0.EPC, st.CP0.Status, s.exception)
			}
		case st.PC != next || st.CP0.Status&mips.StatusEXL != 0:
			return fmt.Errorf("PC %#x, status %#x; want PC %#x", st.PC, st.CP0.Status, next)
		}
		if b.link && s.word>>16&31 != 31 && st.GPR[31] != at+8 {
			return fmt.Errorf("the return address is %#x", st.GPR[31])
		}
	}
	if _, err := p.run(3); err != nil {
		return err
	}
	return nil
}

// TestSlotInMissingPage has a branch as the last word of a mapped page, behind
// which nothing is mapped, and then maps it.
func TestSlotInMissingPage(t *testing.T) {
	const page, at = 0x00401000, 0x00401ffc
	p := newPair(t, Options{})
	for _, b := range slotBranches(at) {
		if b.name == "j" || b.name == "jal" {
			continue // their targets are as those of the others
		}
		p.code(0xffffffff80005ffc, b.word)
		p.code(0xffffffff80006000, addiu(2, 2, 1), addiu(3, 3, 1), nop, nop, addiu(5, 5, 1))
		p.code(0xffffffff80000000, eret)
		for round := range 3 {
			mapped := round == 1
			retired := max(p.side[0].Instructions(), p.side[1].Instructions())
			p.both(func(x *box) {
				x.Reset()
				st := x.State()
				st.GPR[4], st.GPR[5], st.FCSR = b.a, b.b, b.condition<<23
				st.Retired, st.CP0.RandomBase, st.CountBase = retired, retired, 0
				st.CP0.Status = mips.StatusCU1 | mips.StatusFR
				st.TLB[0] = mips.TLBEntry{Hi: page &^ 0x1fff, Lo: [2]uint64{0, 0x5000>>6 | 3<<3 | 6}, Global: true}
				if mapped {
					st.TLB[1] = mips.TLBEntry{Hi: page + 0x1000, Lo: [2]uint64{0x6000>>6 | 3<<3 | 6, 0}, Global: true}
				}
				st.PC = at
				x.StateChanged()
			})
			if _, err := p.run(2); err != nil {
				t.Fatalf("%s, mapped %v: %v", b.name, mapped, err)
			}
			s := p.side[1].State()
			if executed := b.taken || !b.likely; !mapped && executed {
				if s.CP0.Cause>>31 != 1 || s.CP0.Cause>>2&31 != excTLBL || s.CP0.EPC != at || s.CP0.BadVAddr != at+4 {
					t.Errorf("%s: cause %#x, EPC %#x, BadVAddr %#x", b.name, s.CP0.Cause, s.CP0.EPC, s.CP0.BadVAddr)
				}
			} else if mapped && executed && s.GPR[2] != 1 {
				t.Errorf("%s: the slot was not executed", b.name)
			}
		}
	}
}
