//go:build linux && amd64

package jit

import (
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"dynemu/vm/mem"
	"dynemu/vm/mips"
)

var (
	fuzzPrograms = flag.Int("programs", 1000, "random kernel programs to run on both engines")
	fuzzSeed     = flag.Uint64("seed", 0, "first seed; 0 takes one from the clock")
)

// words makes random instructions: mostly real ones, with branches that stay near
// and accesses that hit memory, the device, mapped and unmapped pages.
type words struct{ *rand.Rand }

func (r words) reg() uint32 { return r.Uint32N(32) }

func (r words) pick(v ...uint32) uint32 { return v[r.IntN(len(v))] }

func (r words) word(at, n int) uint32 {
	i := func(op, rs, rt, imm uint32) uint32 { return op<<26 | rs<<21 | rt<<16 | imm&0xffff }
	s := func(rs, rt, rd, sa, fn uint32) uint32 { return rs<<21 | rt<<16 | rd<<11 | sa<<6 | fn }
	near := func() uint32 { // offset of a branch to a word of the program
		return uint32(r.IntN(n) - at - 1)
	}
	switch r.IntN(40) {
	case 0, 1, 2: // loads
		return i(r.pick(0x20, 0x21, 0x23, 0x24, 0x25, 0x27, 0x37), r.reg(), r.reg(), r.Uint32N(64)*4-64)
	case 3, 4:
		return i(r.pick(0x28, 0x29, 0x2b, 0x3f), r.reg(), r.reg(), r.Uint32N(64)*4-64)
	case 5: // unaligned, linked
		return i(r.pick(0x1a, 0x1b, 0x22, 0x26, 0x2a, 0x2c, 0x2d, 0x2e, 0x30, 0x34, 0x38, 0x3c), r.reg(), r.reg(), r.Uint32N(256)-128)
	case 6, 7, 8: // branches
		return i(r.pick(4, 5, 20, 21), r.reg(), r.reg(), near())
	case 9, 10:
		return i(r.pick(6, 7, 22, 23), r.reg(), 0, near())
	case 11, 12:
		return i(1, r.reg(), r.pick(0, 1, 2, 3, 16, 17, 18, 19), near())
	case 13:
		to := uint32(codeAt&0xffffffff) + uint32(r.IntN(n))*4
		return r.pick(2, 3)<<26 | to>>2&0x3ffffff
	case 14:
		return s(r.reg(), 0, 0, 0, 8)
	case 15:
		return s(r.reg(), 0, r.reg(), 0, 9)
	case 16: // system
		return r.pick(0x42000001, 0x42000002, 0x42000006, 0x42000008, 0x42000018, 0x42000020, 0x0000000c, 0x0000000d)
	case 17, 18: // mfc0, mtc0
		return 0x10<<26 | r.pick(0, 0, 1, 4, 4, 5)<<21 | r.reg()<<16 | r.pick(0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 13, 14, 15, 16, 17, 20, 30)<<11
	case 19:
		return 0x11<<26 | r.Uint32()&0x3ffffff
	case 20:
		return i(0x2f, r.reg(), r.reg(), r.Uint32())
	case 21:
		return r.Uint32()
	case 22: // traps
		return s(r.reg(), r.reg(), 0, 0, r.pick(0x30, 0x31, 0x32, 0x33, 0x34, 0x36))
	case 23:
		return i(1, r.reg(), r.pick(8, 9, 10, 11, 12, 14), r.Uint32())
	case 24, 25: // shifts
		return s(0, r.reg(), r.reg(), r.Uint32N(32), r.pick(0, 2, 3, 0x38, 0x3a, 0x3b, 0x3c, 0x3e, 0x3f))
	case 26:
		return s(r.reg(), r.reg(), r.reg(), 0, r.pick(4, 6, 7, 0x14, 0x16, 0x17))
	case 27:
		return s(r.reg(), r.reg(), 0, 0, r.pick(0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f))
	case 28:
		return r.pick(s(0, 0, r.reg(), 0, 0x10), s(0, 0, r.reg(), 0, 0x12), s(r.reg(), 0, 0, 0, 0x11), s(r.reg(), 0, 0, 0, 0x13))
	case 29:
		return 0x1c<<26 | s(r.reg(), r.reg(), r.reg(), 0, r.pick(0, 1, 2, 4, 5, 0x20, 0x21, 0x24, 0x25))
	case 30, 31, 32:
		return i(r.pick(8, 9, 10, 11, 12, 13, 14, 0x18, 0x19), r.reg(), r.reg(), r.Uint32())
	case 33:
		return i(15, 0, r.reg(), r.pick(0x8000, 0x8001, 0xa000, 0xbe00, 0, r.Uint32()))
	case 34:
		return i(9, r.reg(), r.reg(), r.Uint32N(64))
	}
	return s(r.reg(), r.reg(), r.reg(), 0, r.pick(0xa, 0xb, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f))
}

// randomTLB makes TLB entries: pages of 4 to 256 KiB, of memory, code, the device,
// the ROM and nothing, some invalid, clean, or of another address space.
func randomTLB(r *rand.Rand) []mips.TLBEntry {
	list := make([]mips.TLBEntry, r.IntN(12))
	for i := range list {
		e := &list[i]
		e.Mask = uint64(1<<(2*r.IntN(4))-1) << 13
		e.Hi = uint64(i+1)<<20 | uint64(r.IntN(2))
		if r.IntN(4) == 0 {
			e.Hi |= 0xffffffffc0000000
		}
		e.Global = r.IntN(2) == 0
		for j := range e.Lo {
			pa := []uint64{codeAt & 0x1fffffff, dataAt & 0x1fffffff, devPhys, 0x1fc00000, 0x10000000, uint64(r.IntN(boxRAM))}[r.IntN(6)]
			pa += uint64(r.IntN(4)) << 12
			e.Lo[j] = (pa&^(e.Mask>>1|0xfff))>>6 | uint64(2+r.IntN(2))<<3 | uint64([]int{6, 6, 6, 2, 0}[r.IntN(5)])
		}
	}
	return list
}

// seedPair gives both machines the same random start.
func seedPair(p *pair, r *rand.Rand, status uint32) {
	entries := randomTLB(r)
	bases := []uint64{dataAt, codeAt, dataAt, devAt, codeAt + 0x1000, 0x4000, 0x5ff8, 0x70000000, 0xffffffffc0004000, 0x9000000000008000, 0, 0xffffffffa0001000}
	for _, e := range entries { // in both pages, and behind them
		bases = append(bases, e.Hi&^0xff+(e.Mask|0x1fff)/2*uint64(r.IntN(3)))
	}
	var gpr [32]uint64
	for i := 1; i < 32; i++ {
		switch r.IntN(5) {
		case 0:
			gpr[i] = r.Uint64()
		case 1:
			gpr[i] = sext(r.Uint64())
		case 2:
			gpr[i] = bases[r.IntN(len(bases))] + uint64(r.IntN(64))
		case 3:
			gpr[i] = []uint64{0, 1, ^uint64(0), 1 << 63, 0x7fffffff, 0xffffffff80000000, 0x80000000}[r.IntN(7)]
		default:
			gpr[i] = bases[r.IntN(len(bases))] + uint64(r.IntN(256)*8)
		}
	}
	hi, lo := r.Uint64(), r.Uint64()
	asid := uint64(r.IntN(2))
	retired := max(p.side[0].Instructions(), p.side[1].Instructions())
	p.both(func(b *box) {
		b.Reset()
		b.dev.n = 0
		s := b.State()
		s.GPR, s.HI, s.LO = gpr, hi, lo
		s.Retired, s.CP0.RandomBase = retired, retired
		s.CountBase = 0
		s.CP0.Status = status
		tlb := func(i int, mask, va, pa0, f0, pa1, f1 uint64) {
			s.TLB[i] = mips.TLBEntry{Mask: mask, Hi: va, Lo: [2]uint64{pa0>>6 | 3<<3 | f0, pa1>>6 | 3<<3 | f1}, Global: i%2 == 0}
		}
		tlb(0, 0, 0x4000, 0x8000, 6, 0x9000, 2)
		tlb(1, 0x6000, 0xc0000000&0xffffffff|0xffffffff00000000, 0xc000, 6, devPhys, 6)
		s.TLB[1].Lo[1] = devPhys>>6 | 2<<3 | 6
		tlb(2, 0, 0x70000000, 0x1000, 6, 0x2000, 6) // the code, at another address
		tlb(3, 0, 0x6000, 0x10000, 6, 0x11000, 0)
		copy(s.TLB[8:], entries)
		s.CP0.EntryHi = asid
		s.PC = codeAt
		b.StateChanged()
	})
}

// TestRandomPrograms runs random kernel code, with random TLBs, exceptions,
// devices and self-modification, on both engines.
func TestRandomPrograms(t *testing.T) {
	first := *fuzzSeed
	if first == 0 {
		first = uint64(time.Now().UnixNano()) % 1_000_000_000
	}
	t.Logf("first seed %d (repeat with -args -seed %d)", first, first)
	check := Options{Check: func(report string) { t.Errorf("check: %s", report) }}
	lenient := func(c *mips.Config) {
		c.Quirks = mips.QuirkUnaligned | mips.QuirkDirty | mips.QuirkRefill180 | mips.QuirkOverflow | mips.QuirkNop
		c.Model = mips.RM7000
	}
	for _, o := range []struct {
		Options
		change []func(*mips.Config)
	}{{}, {Options: Options{CodeBytes: tablesOnly}}, {Options: check}, {change: []func(*mips.Config){lenient}}} {
		p := newPair(t, o.Options, o.change...)
		var n uint64
		for s := first; s < first+uint64(*fuzzPrograms); s++ {
			err := randomProgram(p, s, 1<<20)
			if t.Failed() {
				t.Fatalf("seed %d", s)
			}
			if err == nil {
				continue
			}
			// Once more in shorter runs, to see where.
			for _, step := range []int{30, 10, 3, 1} {
				if e := randomProgram(p, s, step); e != nil {
					err = e
				}
			}
			t.Fatalf("seed %d: %v", s, err)
		}
		n = p.side[0].Instructions()
		t.Logf("%d instructions, no difference; %+v", n, p.e.Stats())
	}
}

func randomProgram(p *pair, seed uint64, step int) error {
	r := rand.New(rand.NewPCG(seed, 1))
	w := words{r}
	code := make([]byte, 4*(20+r.IntN(200)))
	for i := 0; i < len(code); i += 4 {
		if r.IntN(30) == 0 { // one part of an unaligned access
			op := []uint32{0x22, 0x26, 0x1a, 0x1b, 0x2a, 0x2e, 0x2c, 0x2d}[r.IntN(8)]
			binary.BigEndian.PutUint32(code[i:], op<<26|r.Uint32N(1024)<<16|r.Uint32N(200))
			continue
		}
		if r.IntN(25) == 0 && i+8 <= len(code) { // the two parts of an unaligned access
			ops := [][3]uint32{{0x22, 0x26, 3}, {0x1a, 0x1b, 7}, {0x2a, 0x2e, 3}, {0x2c, 0x2d, 7}}[r.IntN(4)]
			regs, off := r.Uint32N(1024)<<16, r.Uint32N(200)
			a, b := ops[0]<<26|regs|off, ops[1]<<26|regs|(off+ops[2])
			if r.IntN(3) == 0 {
				a, b = b, a
			}
			binary.BigEndian.PutUint32(code[i:], a)
			binary.BigEndian.PutUint32(code[i+4:], b)
			i += 4
			continue
		}
		binary.BigEndian.PutUint32(code[i:], w.word(i/4, len(code)/4))
	}
	return runProgram(p, r, code, step)
}

// handlers are placed at the exception vectors: skip the instruction and return,
// or fall into the code.
var handlers = []uint32{
	0x401a7000, // mfc0 k0, EPC
	0x275a0004, // addiu k0, k0, 4
	0x409a7000, // mtc0 k0, EPC
	0x42000018, // eret
}

// runProgram runs code in runs of at most step instructions.
func runProgram(p *pair, r *rand.Rand, code []byte, step int) error {
	status := uint32(mips.StatusCU1 | mips.StatusFR)
	switch r.IntN(6) {
	case 0:
		status |= mips.StatusIE | mips.StatusIM
	case 1:
		status |= mips.StatusKX
	case 2:
		status |= mips.StatusCU0 | 2<<3 // user mode
	}
	data := make([]byte, 0x2000)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	bare := r.IntN(4) == 0
	p.both(func(b *box) {
		clear(b.ram)
		b.m.WriteAt(0, make([]byte, boxRAM))
		b.m.WriteAt(dataAt&0x1fffffff, data)
		b.m.WriteAt(codeAt&0x1fffffff, code)
		if !bare {
			for _, v := range []uint64{0, 0x80, 0x180} {
				b.poke(0xffffffff80000000+v, handlers...)
			}
		}
	})
	seedPair(p, r, status)
	if status&mips.StatusKSU != 0 {
		p.both(func(b *box) { b.State().PC = 0x70000000 })
	}
	for range 12 {
		if r.IntN(8) == 0 {
			line, on := 2+r.IntN(5), r.IntN(2) == 0
			p.both(func(b *box) { b.SetIRQ(line, on) })
		}
		if r.IntN(8) == 0 { // a bus master writes code
			at := uint64(r.IntN(len(code))) &^ 3
			word := words{r}.word(int(at/4), len(code)/4)
			p.both(func(b *box) { b.m.Write32(codeAt&0x1fffffff+at, word) })
		}
		n := 1 + r.IntN(120)
		for n > 0 {
			exit, err := p.run(min(n, step))
			if err != nil {
				return err
			}
			if exit == mips.ExitIdle {
				return nil
			}
			n -= step
		}
	}
	if err := p.sameMemory(); err != nil {
		return fmt.Errorf("%w\n%s", err, p.listing(codeAt))
	}
	return nil
}

// tablesOnly is a size of code memory with which there is no window.
const tablesOnly = 2 << slotShift

// FuzzPages runs arbitrary pages as code on both engines, with random registers and
// TLBs, and with so little code memory that it is full all the time.
func FuzzPages(f *testing.F) {
	f.Add([]byte{0x42, 0, 0, 2, 0x42, 0, 0, 6, 0x40, 0x84, 0x60, 0}, uint64(1))
	f.Add([]byte{0x10, 0, 0xff, 0xff, 0, 0, 0, 0}, uint64(2))
	f.Add([]byte{0x03, 0xe0, 0, 8, 0x10, 0, 0xff, 0xff}, uint64(3))
	// With the window, and with tables alone.
	pairs := []*pair{newPair(f, Options{CodeBytes: 64 << 10}), newPair(f, Options{CodeBytes: tablesOnly})}
	if pairs[0].e.win == nil || pairs[1].e.win != nil {
		f.Fatal("these are not the two ways to memory")
	}
	f.Fuzz(func(t *testing.T, code []byte, seed uint64) {
		code = code[:min(len(code)&^3, 4*mem.PageSize)]
		if len(code) == 0 {
			return
		}
		for _, p := range pairs {
			if err := runProgram(p, rand.New(rand.NewPCG(seed, 0)), code, 1<<20); err != nil {
				t.Fatal(err)
			}
		}
	})
}
