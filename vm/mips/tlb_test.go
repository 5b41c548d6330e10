package mips

import (
	"fmt"
	"testing"
)

// TestCP0Registers: widths, masks and constants (cpu reference, section 3, 12.8
// and 12.24; section 0 for MTC0 and software interrupts).
func TestCP0Registers(t *testing.T) {
	const ones = ^uint64(0)
	for _, c := range []struct {
		name        string
		reg         int
		write       uint64
		double      bool // DMTC0
		want, dwant uint64
	}{
		{"Index", 0, ones, false, 0xffffffff8000003f, 0xffffffff8000003f},
		{"EntryLo0", 2, ones, false, 0x7fffffff, 0x7fffffff},
		{"EntryLo1", 3, ones, true, 0x7fffffff, 0x7fffffff},
		{"Context", 4, ones, true, 0xffffffffff800000, 0xffffffffff800000},
		{"PageMask", 5, 0x01ffffff, false, 0x01ffe000, 0x01ffe000},
		{"Wired", 6, ones, false, 0x3f, 0x3f},
		{"Info", 7, 0, false, 0x20000000, 0x20000000},
		{"BadVAddr", 8, ones, false, 0, 0},
		{"EntryHi", 10, 0xdeadffff, false, 0xffffffffdeade0ff, 0xc00000ffdeade0ff},
		{"Compare", 11, 0x80000000, false, 0xffffffff80000000, 0xffffffff80000000},
		{"Cause", 13, ones, false, 0x300, 0x300},
		{"EPC", 14, 0x80001234, false, 0xffffffff80001234, 0xffffffff80001234},
		{"EPC double", 14, 0x1234567880001234, true, 0xffffffff80001234, 0x1234567880001234},
		{"PRId", 15, ones, false, 0x2112, 0x2112},
		{"Config", 16, ones, false, 0xc08ff0, 0xc08ff0},
		{"XContext", 20, ones, true, 0, 0xfffffffe00000000},
		{"TagLo", 28, 0x12345678, false, 0x12345678, 0x12345678},
		{"ErrorEPC", 30, 0x80000000, false, 0xffffffff80000000, 0xffffffff80000000},
		{"31", 31, 5, false, 5, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t)
			m.State().GPR[4] = c.write
			w := mtc0(4, c.reg)
			if c.double {
				w = dmtc0(4, c.reg)
			}
			m.run(w, mfc0(2, c.reg), dmfc0(3, c.reg))
			m.wantReg(2, c.want)
			m.wantReg(3, c.dwant)
		})
	}
}

func TestSet1(t *testing.T) {
	m := newMachine(t, func(c *Config) { c.Model = RM7000 })
	m.State().GPR[4] = 0x80000001
	m.run(cop0(6, 4, 20), cop0(2, 2, 20), mfc0(3, 20)|1, cop0(6, 4, 16), cop0(2, 5, 16), cop0(2, 6, 3), mfc0(7, 15))
	m.wantReg(2, 0xffffffff80000001)
	m.wantReg(3, 0xffffffff80000001)
	m.wantReg(5, 0xfffffffffe000000)
	m.wantReg(6, 0)
	m.wantReg(7, 0x2721)
}

// TestPageSizes maps both halves of every page size (cpu reference, 2.4).
func TestPageSizes(t *testing.T) {
	for _, mask := range []uint64{0, 0x6000, 0x1e000, 0x7e000, 0x1fe000, 0x7fe000, 0x1ffe000} {
		size := (mask + 0x2000) / 2
		m := newMachine(t)
		m.m.Regions() // RAM is 1 MiB: map the even page there, the odd one to the device
		m.tlb(5, mask, 0x40000000, pfn(0, 7), pfn(devPhys, 7)|2<<3&^(1<<3))
		m.poke(0x234, 0xcafe)
		m.dev.value = 0x77
		s := m.State()
		s.TLB[5].Lo[1] = devPhys>>12<<6 & ^(size>>6-1) | 2<<3 | 6
		m.StateChanged()
		s.GPR[4], s.GPR[5] = 0x40000234, 0x40000000+size+devPhys%size
		m.run(itype(oLW, 4, 2, 0), itype(oLW, 5, 3, 0))
		m.wantReg(2, 0xcafe)
		m.wantReg(3, 0x77)
		s.GPR[4] = 0x40000000 + 2*size
		m.run(itype(oLW, 4, 2, 0))
		m.wantException(excTLBL, 0xffffffff80000000, codeAt, false)
	}
}

// TestTLBExceptions: vector, code and registers of each TLB exception (cpu
// reference, section 0 and 5.3).
func TestTLBExceptions(t *testing.T) {
	const refill, xrefill = 0xffffffff80000000, 0xffffffff80000080
	for _, c := range []struct {
		name   string
		op     int
		va     uint64
		status uint32
		quirk  Quirks
		lo     uint64 // EntryLo of the entry at 0x4000, 0 for no entry
		code   excCode
		vector uint64
	}{
		{"load miss", oLW, 0x12345678, 0, 0, 0, excTLBL, refill},
		{"store miss", oSW, 0x12345678, 0, 0, 0, excTLBS, refill},
		{"load miss, EXL", oLW, 0x12345678, StatusEXL, 0, 0, excTLBL, general},
		{"load miss, UX", oLW, 0x12345678, StatusUX, 0, 0, excTLBL, xrefill},
		{"load miss, KX", oLW, 0x12345678, StatusKX, 0, 0, excTLBL, refill},
		{"kseg3 miss, KX", oLW, 0xfffffffff2345678, StatusKX, 0, 0, excTLBL, xrefill},
		{"kseg3 miss, UX", oLW, 0xfffffffff2345678, StatusUX, 0, 0, excTLBL, refill},
		{"ksseg miss, SX", oLW, 0xffffffffc2345678, StatusSX, 0, 0, excTLBL, xrefill},
		{"load miss, BEV", oLW, 0x12345678, StatusBEV, 0, 0, excTLBL, 0xffffffffbfc00200},
		{"load miss, BEV, UX", oLW, 0x12345678, StatusBEV | StatusUX, 0, 0, excTLBL, 0xffffffffbfc00280},
		{"load miss, quirk", oLW, 0x12345678, 0, QuirkRefill180, 0, excTLBL, general},
		{"invalid load", oLW, 0x4678, 0, 0, pfn(0x8000, 5), excTLBL, general},
		{"invalid store", oSW, 0x4678, 0, 0, pfn(0x8000, 5), excTLBS, general},
		{"modified", oSW, 0x4678, 0, 0, pfn(0x8000, 3), excMod, general},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t, withQuirks(c.quirk))
			s := m.State()
			if c.lo != 0 {
				m.tlb(7, 0, 0x4000, c.lo, c.lo)
			}
			s.CP0.EntryHi = 0x42
			s.CP0.Context, s.CP0.XContext = 0xffffffff80000000, 0xfffffffe00000000
			s.CP0.EPC = 0x99
			m.status(c.status)
			s.GPR[4], s.GPR[2] = c.va, 0x77
			m.run(itype(c.op, 4, 2, 0))
			epc := uint64(codeAt)
			if c.status&StatusEXL != 0 {
				epc = 0x99
			}
			m.wantException(c.code, c.vector, epc, false)
			m.wantReg(2, 0x77)
			if s.CP0.BadVAddr != c.va {
				t.Errorf("BadVAddr %#x", s.CP0.BadVAddr)
			}
			if want := c.va&0xc00000ffffffe000 | 0x42; s.CP0.EntryHi != want {
				t.Errorf("EntryHi %#x, want %#x", s.CP0.EntryHi, want)
			}
			if want := 0xffffffff80000000 | c.va>>13&0x7ffff<<4; s.CP0.Context != want {
				t.Errorf("Context %#x, want %#x", s.CP0.Context, want)
			}
			if want := 0xfffffffe00000000 | c.va>>62<<31 | c.va>>13&0x7ffffff<<4; s.CP0.XContext != want {
				t.Errorf("XContext %#x, want %#x", s.CP0.XContext, want)
			}
		})
	}
	// The dirty quirk.
	m := newMachine(t, withQuirks(QuirkDirty))
	m.tlb(7, 0, 0x4000, pfn(0x8000, 3), pfn(0x8000, 3))
	m.State().GPR[4], m.State().GPR[2] = 0x4000, 0x55
	m.run(itype(oLW, 4, 3, 0), itype(oSW, 4, 2, 0), itype(oLW, 4, 3, 0))
	m.wantReg(3, 0x55)
	// A page that was loaded from is still protected.
	m = newMachine(t)
	m.tlb(7, 0, 0x4000, pfn(0x8000, 3), pfn(0x8000, 3))
	m.State().GPR[4] = 0x4000
	m.run(itype(oLW, 4, 3, 0))
	m.run(itype(oSW, 4, 2, 0))
	m.wantException(excMod, general, codeAt, false)
}

// TestASID: a global entry ignores the ASID, others follow it at once, for data
// and for code (cpu reference, 12.8).
func TestASID(t *testing.T) {
	m := newMachine(t)
	m.tlb(0, 0, 0x4000|1, pfn(0x8000, 6), pfn(0xa000, 6))
	m.tlb(1, 0, 0x4000|2, pfn(0x9000, 6), pfn(0xb000, 6))
	m.tlb(2, 0, 0x6000|1, pfn(0xc000, 7), pfn(0xc000, 7))
	m.poke(0x8000, 0x11)
	m.poke(0x9000, 0x22)
	m.poke(0xc000, 0x33)
	m.poke(0xa000, itype(oADDIU, 0, 3, 0x11), eret)
	m.poke(0xb000, itype(oADDIU, 0, 3, 0x22), eret)
	s := m.State()
	s.GPR[4], s.GPR[6] = 0x4000, 0x6000
	for _, asid := range []uint64{1, 2, 1, 2} {
		s.GPR[5] = asid
		m.run(mtc0(5, 10), itype(oLW, 4, 2, 0), itype(oLW, 6, 7, 0))
		m.wantReg(2, asid*0x11)
		m.wantReg(7, 0x33)
		s.PC = 0x5000
		m.step(1)
		m.wantReg(3, asid*0x11)
	}
	s.GPR[5] = 3
	m.run(mtc0(5, 10), itype(oLW, 6, 7, 0), itype(oLW, 4, 2, 0))
	m.wantException(excTLBL, 0xffffffff80000000, codeAt+8, false)
}

// TestTLBInstructions: write, read back, probe with page masks (cpu reference,
// 2.6).
func TestTLBInstructions(t *testing.T) {
	m := newMachine(t)
	s := m.State()
	s.GPR[4], s.GPR[5], s.GPR[6], s.GPR[7], s.GPR[8] = 9, 0x1e000, 0x40011234, pfn(0x10000, 7), pfn(0x20000, 6)
	write := []uint32{mtc0(4, 0), mtc0(5, 5), mtc0(6, 10), mtc0(7, 2), mtc0(8, 3), tlbwi}
	m.run(write...)
	// Only one half is global, so the entry is not; the VPN is cut to the mask.
	if e := s.TLB[9]; e.Global || e.Hi != 0x40000034 || e.Mask != 0x1e000 {
		t.Errorf("entry %+v", e)
	}
	s.GPR[9], s.GPR[10] = 0, 0x55550055
	m.run(mtc0(9, 5), mtc0(9, 2), mtc0(9, 3), mtc0(10, 10), tlbr, mfc0(2, 5), mfc0(3, 10), mfc0(11, 2), mfc0(12, 3))
	m.wantReg(2, 0x1e000)
	m.wantReg(3, 0x40000034)
	m.wantReg(11, pfn(0x10000, 6))
	m.wantReg(12, pfn(0x20000, 6))
	for _, c := range []struct{ hi, want uint64 }{
		{0x40000034, 9}, {0x4001f034, 9}, {0x40020034, 0xffffffff80000000}, {0x40000033, 0xffffffff80000000},
	} {
		s.GPR[4] = c.hi
		m.run(mtc0(4, 10), tlbp, mfc0(2, 0))
		m.wantReg(2, c.want)
	}
	// An index that is not there.
	before := s.TLB
	s.GPR[4] = 50
	m.run(mtc0(4, 0), tlbwi, tlbr)
	if s.TLB != before {
		t.Error("tlbwi with index 50 changed an entry")
	}
}

// TestRandom: Random stays between Wired and the last entry, goes down, and is
// what TLBWR uses; Wired at the size does not hurt (cpu reference, 2.6).
func TestRandom(t *testing.T) {
	for _, model := range []Model{R4700, RM7000} {
		for _, wired := range []int{0, 8, model.TLBSize - 1, 63} {
			m := newMachine(t, func(c *Config) { c.Model = model })
			s := m.State()
			s.GPR[4] = uint64(wired)
			m.run(mtc0(4, 6), mfc0(2, 1), mfc0(3, 1))
			top := uint64(model.TLBSize - 1)
			m.wantReg(2, top)
			if wired < int(top) {
				m.wantReg(3, top-1)
			}
			seen := map[uint64]bool{}
			for range 200 {
				m.run(mfc0(2, 1))
				seen[m.reg(2)] = true
			}
			for v := range seen {
				if v > top || v < min(uint64(wired), top) {
					t.Errorf("%s, wired %d: random %d", model.Name, wired, v)
				}
			}
			m.run(tlbwr)
		}
	}
}

// TestRemap: a code page moves to another physical page and back (jit reference,
// 11.6), and a TLB write drops exactly what it replaces.
func TestRemap(t *testing.T) {
	for _, mask := range []uint64{0, 0x1fe000} {
		m := newMachine(t)
		s := m.State()
		for i, pa := range []uint64{0x8000, 0x9000, 0x8000} {
			m.poke(0x8000, itype(oADDIU, 0, 2, 0x80))
			m.poke(0x9000, itype(oADDIU, 0, 2, 0x90))
			off := uint64(0)
			if mask != 0 {
				off = pa
				pa = 0
			}
			m.tlb(4, mask, 0x40000000, pfn(pa, 7), pfn(pa, 7))
			s.PC = 0x40000000 + off
			s.GPR[4] = s.PC
			m.poke(codeAt, itype(oLW, 4, 3, 0))
			m.step(1)
			want := []uint64{0x80, 0x90, 0x80}[i]
			m.wantReg(2, want)
			s.PC = codeAt
			m.step(1)
			m.wantReg(3, uint64(itype(oADDIU, 0, 2, int(want))))
		}
		m.tlb(4, 0, 0x70000000, 0, 0)
		s.PC = codeAt
		m.step(1)
		m.wantException(excTLBL, 0xffffffff80000000, codeAt, false)
	}
}

// TestRemapWhileRunning replaces the mapping of the running page; the next
// instruction comes from the new one.
func TestRemapWhileRunning(t *testing.T) {
	m := newMachine(t)
	m.tlb(4, 0, 0x4000, pfn(0x8000, 7), pfn(0x9000, 7))
	s := m.State()
	s.CP0.Index, s.CP0.EntryHi, s.CP0.EntryLo0, s.CP0.EntryLo1 = 4, 0x4000, pfn(0xa000, 7), pfn(0xb000, 7)
	m.poke(0x8000, nop, tlbwi, itype(oADDIU, 0, 2, 1))
	m.poke(0xa000, nop, nop, itype(oADDIU, 0, 2, 2))
	s.PC = 0x4000
	m.Run(3)
	m.wantReg(2, 2)
}

// TestRefillStorm walks more pages than the TLB holds through a real refill
// handler and checks every value.
func TestRefillStorm(t *testing.T) {
	m := newMachine(t)
	// Page table: EntryLo pairs at 0x8000 + 16 × (VPN2), reached through Context.
	const pages, table = 128, 0x40000
	for i := range pages {
		pa := uint64(0x80000 + i*0x1000)
		m.poke(pa, uint32(0x1000+i))
		m.m.Write32(table+uint64(i/2*16+i%2*8)+4, uint32(pfn(pa, 7)))
	}
	m.poke(0xffffffff80000000,
		mfc0(26, 4),
		itype(oLD, 26, 27, 0), mtc0(27, 2),
		itype(oLD, 26, 27, 8), mtc0(27, 3),
		tlbwr, eret)
	s := m.State()
	s.CP0.Context = 0xffffffff80000000 | table&^0x7fffff
	// The table must lie at PTEBase: a multiple of 8 MiB; so use BadVPN2 to reach it.
	base := uint64(table / 16 * 0x2000)
	s.GPR[4], s.GPR[5] = base, base+pages*0x1000
	m.code(
		itype(oLW, 4, 2, 0),
		itype(oDADDIU, 4, 4, 0x1000),
		itype(oBNE, 4, 5, -3),
		rtype(0x21, 6, 2, 6, 0),
		wait, nop)
	for range 3 {
		s.PC, s.GPR[6] = codeAt, 0
		s.GPR[4] = base
		s.Waiting = false
		for m.Run(100000) != ExitIdle {
		}
		m.wantReg(6, pages*0x1000+pages*(pages-1)/2)
	}
}

// TestNullMiss is cpu reference, 12.19.
func TestNullMiss(t *testing.T) {
	for _, jump := range []bool{false, true} {
		called := 0
		m := newMachine(t, func(c *Config) { c.NullMiss = func() { called++ } })
		if jump {
			m.code(rtype(8, 0, 0, 0, 0), nop)
		} else {
			m.code(itype(oLW, 0, 2, 0))
		}
		if e := m.Run(100); e != ExitStop || called != 1 {
			t.Errorf("exit %v, %d calls", e, called)
		}
		called = 0
		m.status(0)
		m.code(itype(oLW, 0, 2, 4))
		if m.Run(1); called != 0 {
			t.Error("called for address 4")
		}
	}
}

// Test64BitSegments: xkphys, xkuseg, xkseg and the holes (cpu reference, 2.3).
func Test64BitSegments(t *testing.T) {
	m := newMachine(t)
	m.tlb(0, 0, 0x0000001200004000, pfn(0x8000, 7), pfn(0x8000, 7))
	m.tlb(1, 0, 0xc000001200004000, pfn(0x8000, 7), pfn(0x8000, 7))
	m.tlb(2, 0, 0x4000001200004000, pfn(0x8000, 7), pfn(0x8000, 7))
	m.poke(0x8000, 0xabcd)
	m.dev.value = 0x77
	s := m.State()
	for _, c := range []struct {
		va     uint64
		status uint32
		want   uint64 // 0: address error
	}{
		{0x9000000000008000, StatusKX, 0xabcd},
		{0x9800000000008000, StatusKX, 0xabcd},
		{0x9000000000000000 + devPhys, StatusKX, 0x77},
		{0x9000001000008000, StatusKX, 0},
		{0x0000001200004000, StatusKX, 0xabcd},
		{0xc000001200004000, StatusKX, 0xabcd},
		{0x4000001200004000, StatusKX, 0xabcd},
		{0x0000011200004000, StatusKX, 0},
		{0x4000011200004000, StatusKX, 0},
		{0xc00000ff80000000, StatusKX, 0},
		{0xffffffff80008000, StatusKX, 0xabcd},
		{0xffffffff00008000, StatusKX, 0},
	} {
		m.status(c.status)
		s.GPR[4] = c.va
		m.run(itype(oLW, 4, 2, 0))
		if c.want == 0 {
			m.wantException(excAdEL, general, codeAt, false)
			continue
		}
		if m.reg(2) != c.want || s.PC != codeAt+4 {
			t.Errorf("%#x: %#x, pc %#x", c.va, m.reg(2), s.PC)
		}
	}
	// The 32-bit view takes the low word only (cpu reference, 2.1).
	m.status(0)
	for _, va := range []uint64{0x80008000, 0x9000000080008000} {
		s.GPR[4] = va
		m.run(itype(oLW, 4, 2, 0))
		m.wantReg(2, 0xabcd)
	}
	// Code in xkphys.
	m.status(StatusKX)
	m.poke(0x8100, itype(oADDIU, 0, 2, 7))
	s.PC = 0x9000000000008100
	m.step(1)
	m.wantReg(2, 7)
	if s.PC != 0x9000000000008104 {
		t.Errorf("pc %#x", s.PC)
	}
}

// TestPhysMask: bit 33 of a TLB result is dropped on a 7200 (cpu reference, 1.2).
func TestPhysMask(t *testing.T) {
	for _, mask := range []uint64{0, 0x1ffffffff} {
		m := newMachine(t, func(c *Config) { c.PhysMask = mask })
		m.tlb(0, 0, 0x4000, pfn(0x200008000, 7), pfn(0x200008000, 7))
		m.poke(0x8000, 0xabcd)
		m.State().GPR[4] = 0x4000
		m.run(itype(oLW, 4, 2, 0))
		want := uint64(0xabcd)
		if mask == 0 {
			want = 0
		}
		m.wantReg(2, want)
	}
}

// TestCoherency: which coherency attributes see devices (cpu reference, 2.4).
func TestCoherency(t *testing.T) {
	for attr := range uint64(8) {
		t.Run(fmt.Sprint(attr), func(t *testing.T) {
			m := newMachine(t)
			m.dev.value = 0x77
			m.tlb(0, 0, 0x4000, devPhys>>12<<6|attr<<3|7, devPhys>>12<<6|attr<<3|7)
			m.State().GPR[4] = 0x4000
			m.run(itype(oLW, 4, 2, 0))
			if seen := m.reg(2) == 0x77; seen != (attr == 2 || attr == 7) {
				t.Errorf("device seen: %v", seen)
			}
		})
	}
}
