//go:build linux && amd64

package jit

import (
	"fmt"
	"testing"

	"dynemu/vm/mips"
)

// access is a kind of load or store.
type access struct {
	name  string
	op    uint32
	size  int
	store bool
	part  bool // may be unaligned
	fpu   bool
}

var accesses = []access{
	{"lb", 0x20, 1, false, false, false}, {"lbu", 0x24, 1, false, false, false},
	{"lh", 0x21, 2, false, false, false}, {"lhu", 0x25, 2, false, false, false},
	{"lw", 0x23, 4, false, false, false}, {"lwu", 0x27, 4, false, false, false}, {"ld", 0x37, 8, false, false, false},
	{"lwl", 0x22, 4, false, true, false}, {"lwr", 0x26, 4, false, true, false},
	{"ldl", 0x1a, 8, false, true, false}, {"ldr", 0x1b, 8, false, true, false},
	{"ll", 0x30, 4, false, false, false}, {"lld", 0x34, 8, false, false, false},
	{"lwc1", 0x31, 4, false, false, true}, {"ldc1", 0x35, 8, false, false, true},
	{"sb", 0x28, 1, true, false, false}, {"sh", 0x29, 2, true, false, false},
	{"sw", 0x2b, 4, true, false, false}, {"sd", 0x3f, 8, true, false, false},
	{"swl", 0x2a, 4, true, true, false}, {"swr", 0x2e, 4, true, true, false},
	{"sdl", 0x2c, 8, true, true, false}, {"sdr", 0x2d, 8, true, true, false},
	{"sc", 0x38, 4, true, false, false}, {"scd", 0x3c, 8, true, false, false},
	{"swc1", 0x39, 4, true, false, true}, {"sdc1", 0x3d, 8, true, false, true},
}

// fault is what is wrong with an access.
type fault struct {
	name string
	va   uint64
	code func(a access) int // noException when it succeeds
	tlb  bool               // loads Context and EntryHi
	user bool               // only user mode has it
}

// The mapped pages of these tests: the odd one of the pair is clean.
const (
	mappedAt  = 0x00404000
	invalidAt = 0x00406000
	missingAt = 0x00410000
)

func kind(a access, load, store int) int {
	if a.store {
		return store
	}
	return load
}

var faults = []fault{
	{"unaligned", mappedAt + 0x101, func(a access) int {
		if a.size == 1 || a.part {
			return noException
		}
		return kind(a, excAdEL, excAdES)
	}, false, false},
	{"missing", missingAt + 0x120, func(a access) int { return kind(a, excTLBL, excTLBS) }, true, false},
	{"invalid", invalidAt + 0x140, func(a access) int { return kind(a, excTLBL, excTLBS) }, true, false},
	{"read-only", mappedAt + 0x1160, func(a access) int { return kind(a, noException, excMod) }, true, false},
	{"kernel's", dataAt, func(a access) int { return kind(a, excAdEL, excAdES) }, false, true},
}

// TestPreciseFaults makes each kind of load and store fault in each way, in a delay
// slot and elsewhere, with the base as the register loaded, in kernel mode with
// addresses of 32 and of 64 bits and in user mode; before, the same code has
// succeeded with another base. Nothing but what the architecture says may change.
func TestPreciseFaults(t *testing.T) {
	const code = 0x00400000 // where the program is mapped
	modes := []struct {
		name   string
		status uint32
	}{{"kernel", 0}, {"kernel, 64 bits", mips.StatusKX}, {"kernel and user, 64 bits", mips.StatusKX | mips.StatusUX}, {"user, 64 bits", 2<<3 | mips.StatusUX}}
	p := newPair(t, Options{})
	failures := 0
	for _, mode := range modes {
		for _, a := range accesses {
			for _, f := range faults {
				if f.user && mode.status&mips.StatusKSU == 0 {
					continue
				}
				for variant := range 4 {
					slot, same := variant&1 != 0, variant&2 != 0
					if same && a.fpu {
						continue
					}
					if err := p.preciseFault(code, mode.status, a, f, slot, same); err != nil {
						t.Errorf("%s, %s, %s, slot %v, base loaded %v: %v", mode.name, a.name, f.name, slot, same, err)
						if failures++; failures > 10 {
							t.FailNow()
						}
					}
				}
			}
		}
	}
	t.Logf("%+v", p.e.Stats())
}

func (p *pair) preciseFault(code uint64, mode uint32, a access, f fault, slot, same bool) error {
	const base, value = 8, 9
	reg := uint32(value)
	if same {
		reg = base
	}
	word := iw(a.op, base, reg, 0)
	program := []uint32{addiu(2, 2, 1), word, addiu(3, 3, 1), beq(0, 0, -4), nop}
	at := code + 4
	if slot {
		program = []uint32{addiu(2, 2, 1), bne(0, 2, 2), word, nop, addiu(3, 3, 1), beq(0, 0, -6), nop}
		at = code + 8
	}
	const status = mips.StatusCU1 | mips.StatusFR
	retired := max(p.side[0].Instructions(), p.side[1].Instructions())
	p.code(0xffffffff80008000, program...)
	p.both(func(x *box) {
		x.Reset()
		for i := range uint64(0x2000) {
			x.ram[0xa000+i] = byte(i*7 + 1)
		}
		s := x.State()
		for i := range s.GPR {
			s.GPR[i] = uint64(i)<<33 | uint64(i)
			s.FPR[i] = uint64(i) << 40
		}
		s.GPR[0], s.GPR[base] = 0, mappedAt+0x40
		s.HI, s.LO = 11, 12
		s.LL = true
		s.Retired, s.CP0.RandomBase, s.CountBase = retired, retired, 0
		s.CP0.Status = status | mode
		entry := func(i int, va, pa0, f0, pa1, f1 uint64) {
			s.TLB[i] = mips.TLBEntry{Hi: va, Lo: [2]uint64{pa0>>6 | 3<<3 | f0, pa1>>6 | 3<<3 | f1}, Global: true}
		}
		entry(0, code, 0x8000, 6, 0x9000, 6)
		entry(1, mappedAt, 0xa000, 6, 0xb000, 2)
		entry(2, invalidAt, 0xc000, 0, 0xd000, 0)
		s.PC = code
		x.StateChanged()
	})
	// Some turns that succeed; SC needs its LL bit each time.
	for range 3 {
		p.both(func(x *box) {
			s := x.State()
			s.GPR[base], s.LL, s.PC = mappedAt+0x40, true, code
		})
		if _, err := p.run(len(program)); err != nil {
			return err
		}
	}
	s := p.side[1].State()
	for round := range 2 {
		p.both(func(x *box) {
			s := x.State()
			s.GPR[base], s.GPR[value] = f.va, 0x0123456789abcdef
			s.LL, s.PC = true, code
		})
		before := *s
		count := 2
		if slot {
			count = 3
		}
		if _, err := p.run(count); err != nil {
			return err
		}
		want := f.code(a)
		if want == noException {
			if s.CP0.Status&mips.StatusEXL != 0 {
				return fmt.Errorf("exception %d", s.CP0.Cause>>2&31)
			}
			return p.sameMemory()
		}
		epc, bd := at, uint32(0)
		if slot {
			epc, bd = at-4, 1
		}
		c := &s.CP0
		if int(c.Cause>>2&31) != want || c.Cause>>31 != bd || c.EPC != epc || c.BadVAddr != f.va || c.Status&mips.StatusEXL == 0 {
			return fmt.Errorf("round %d: cause %#x, EPC %#x, BadVAddr %#x, status %#x; want exception %d, BD %d, EPC %#x, BadVAddr %#x",
				round, c.Cause, c.EPC, c.BadVAddr, c.Status, want, bd, epc, f.va)
		}
		vector := uint64(0xffffffff80000180)
		if f.name == "missing" {
			vector = 0xffffffff80000000
			if mode&mips.StatusUX != 0 { // the segment of the address decides
				vector += 0x80
			}
		}
		if s.PC != vector {
			return fmt.Errorf("round %d: at vector %#x, want %#x", round, s.PC, vector)
		}
		if f.tlb && (c.EntryHi&^0xff != f.va&^0x1fff || c.Context&0x7fffff != f.va>>13<<4) {
			return fmt.Errorf("round %d: EntryHi %#x, Context %#x", round, c.EntryHi, c.Context)
		}
		if !f.tlb && (c.EntryHi != before.CP0.EntryHi) {
			return fmt.Errorf("round %d: EntryHi %#x was changed", round, c.EntryHi)
		}
		now := *s
		before.GPR[2]++ // the instruction before
		if now.GPR != before.GPR || now.FPR != before.FPR || now.HI != before.HI || now.LO != before.LO || now.FCSR != before.FCSR {
			return fmt.Errorf("round %d: registers were changed: %s", round, Differences(&before, &now))
		}
		if err := p.sameMemory(); err != nil {
			return err
		}
		// Back: what the exception changed is undone.
		p.both(func(x *box) {
			s := x.State()
			s.CP0.Status = status | mode
			s.CP0.Cause, s.CP0.EPC = 0, 0
			x.StateChanged()
		})
	}
	for i := range uint64(0x1000) { // the clean page was not written
		if p.side[1].ram[0xb000+i] != byte((0x1000+i)*7+1) {
			return fmt.Errorf("memory at %#x was changed", 0xb000+i)
		}
	}
	return nil
}
