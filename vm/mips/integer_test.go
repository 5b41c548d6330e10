package mips

import "testing"

// TestIntegerInstructions runs one instruction of each kind and compares the
// destination ($2), HI and LO (cpu reference, 4.3).
func TestIntegerInstructions(t *testing.T) {
	const keep = 0x5555555555555555 // HI and LO before, also when unchanged
	n1 := ^uint64(0)
	min32 := uint64(0xffffffff80000000)
	tests := []struct {
		name   string
		w      uint32
		rs, rt uint64 // $4, $5
		rd     uint64 // $2 after, $2 is 0x77 before
		hi, lo uint64
	}{
		{"addiu", itype(oADDIU, 4, 2, -1), 0, 0, n1, keep, keep},
		{"addiu wraps", itype(oADDIU, 4, 2, 1), 0x7fffffff, 0, min32, keep, keep},
		{"addiu ignores the upper word", itype(oADDIU, 4, 2, 1), 0x1234567800000001, 0, 2, keep, keep},
		{"li", itype(oADDIU, 0, 2, -5), 0, 0, n1 - 4, keep, keep},
		{"daddiu", itype(oDADDIU, 4, 2, 1), 0x7fffffff, 0, 0x80000000, keep, keep},
		{"andi zero-extends", itype(oANDI, 4, 2, 0xf0f0), n1, 0, 0xf0f0, keep, keep},
		{"ori", itype(oORI, 4, 2, 0x8001), 0x10000, 0, 0x18001, keep, keep},
		{"xori", itype(oXORI, 4, 2, 0xffff), n1, 0, n1 - 0xffff, keep, keep},
		{"lui", itype(oLUI, 0, 2, 0x8000), 0, 0, min32, keep, keep},
		{"slti signed", itype(oSLTI, 4, 2, -1), n1 - 1, 0, 1, keep, keep},
		{"slti 64-bit", itype(oSLTI, 4, 2, 0), 0x80000000, 0, 0, keep, keep},
		{"sltiu sign-extends", itype(oSLTIU, 4, 2, -1), 5, 0, 1, keep, keep},
		{"addu", rtype(0x21, 4, 5, 2, 0), 0x7fffffff, 1, min32, keep, keep},
		{"subu", rtype(0x23, 4, 5, 2, 0), 0, 1, n1, keep, keep},
		{"add", rtype(0x20, 4, 5, 2, 0), 3, 4, 7, keep, keep},
		{"sub", rtype(0x22, 4, 5, 2, 0), 3, 4, n1, keep, keep},
		{"dadd", rtype(0x2c, 4, 5, 2, 0), 0xffffffff, 1, 0x100000000, keep, keep},
		{"daddu", rtype(0x2d, 4, 5, 2, 0), n1, 1, 0, keep, keep},
		{"dsub", rtype(0x2e, 4, 5, 2, 0), 1, 2, n1, keep, keep},
		{"dsubu", rtype(0x2f, 4, 5, 2, 0), 1 << 63, 1, 1<<63 - 1, keep, keep},
		{"move", rtype(0x25, 4, 0, 2, 0), 0x123456789abcdef0, 0, 0x123456789abcdef0, keep, keep},
		{"addu with $0 sign-extends", rtype(0x21, 4, 0, 2, 0), 0x1_80000000, 0, min32, keep, keep},
		{"and", rtype(0x24, 4, 5, 2, 0), 0xff00ff00ff00ff00, 0x0ff00ff00ff00ff0, 0x0f000f000f000f00, keep, keep},
		{"or", rtype(0x25, 4, 5, 2, 0), 1 << 63, 1, 1<<63 | 1, keep, keep},
		{"xor", rtype(0x26, 4, 5, 2, 0), n1, 0xf, n1 - 0xf, keep, keep},
		{"nor", rtype(0x27, 4, 5, 2, 0), 0, 0, n1, keep, keep},
		{"slt", rtype(0x2a, 4, 5, 2, 0), n1, 0, 1, keep, keep},
		{"sltu", rtype(0x2b, 4, 5, 2, 0), n1, 0, 0, keep, keep},
		{"sll", rtype(0, 0, 5, 2, 31), 0, 1, min32, keep, keep},
		{"sll 0 sign-extends", rtype(0, 0, 5, 2, 0), 0, 0x80000000, min32, keep, keep},
		{"srl", rtype(2, 0, 5, 2, 31), 0, min32, 1, keep, keep},
		{"srl 0", rtype(2, 0, 5, 2, 0), 0, 0x80000000, min32, keep, keep},
		{"sra", rtype(3, 0, 5, 2, 31), 0, min32, n1, keep, keep},
		{"sllv uses 5 bits", rtype(4, 4, 5, 2, 0), 33, 1, 2, keep, keep},
		{"srlv", rtype(6, 4, 5, 2, 0), 4, 0xffffffff, 0x0fffffff, keep, keep},
		{"srav", rtype(7, 4, 5, 2, 0), 4, min32, 0xfffffffff8000000, keep, keep},
		{"dsll", rtype(0x38, 0, 5, 2, 31), 0, 3, 3 << 31, keep, keep},
		{"dsrl", rtype(0x3a, 0, 5, 2, 31), 0, n1, n1 >> 31, keep, keep},
		{"dsra", rtype(0x3b, 0, 5, 2, 31), 0, 1 << 63, 0xffffffff00000000, keep, keep},
		{"dsll32", rtype(0x3c, 0, 5, 2, 31), 0, 1, 1 << 63, keep, keep},
		{"dsrl32", rtype(0x3e, 0, 5, 2, 31), 0, n1, 1, keep, keep},
		{"dsra32", rtype(0x3f, 0, 5, 2, 0), 0, min32 << 32, min32, keep, keep},
		{"dsllv uses 6 bits", rtype(0x14, 4, 5, 2, 0), 65, 1, 2, keep, keep},
		{"dsrlv", rtype(0x16, 4, 5, 2, 0), 63, n1, 1, keep, keep},
		{"dsrav", rtype(0x17, 4, 5, 2, 0), 63, 1 << 63, n1, keep, keep},
		{"movz taken", rtype(0x0a, 4, 5, 2, 0), 9, 0, 9, keep, keep},
		{"movz not", rtype(0x0a, 4, 5, 2, 0), 9, 1, 0x77, keep, keep},
		{"movn taken", rtype(0x0b, 4, 5, 2, 0), 9, 1, 9, keep, keep},
		{"movn not", rtype(0x0b, 4, 5, 2, 0), 9, 0, 0x77, keep, keep},
		{"mfhi", rtype(0x10, 0, 0, 2, 0), 0, 0, keep, keep, keep},
		{"mthi", rtype(0x11, 4, 0, 0, 0), 8, 0, 0x77, 8, keep},
		{"mtlo", rtype(0x13, 4, 0, 0, 0), 8, 0, 0x77, keep, 8},
		{"mult", rtype(0x18, 4, 5, 0, 0), n1, 2, 0x77, n1, n1 - 1},
		{"mult of the least", rtype(0x18, 4, 5, 0, 0), min32, min32, 0x77, 0x40000000, 0},
		{"multu", rtype(0x19, 4, 5, 0, 0), n1, n1, 0x77, n1 - 1, 1},
		{"div", rtype(0x1a, 4, 5, 0, 0), n1 - 6, 2, 0x77, n1, n1 - 2},
		{"div overflow", rtype(0x1a, 4, 5, 0, 0), min32, n1, 0x77, 0, min32},
		{"div by 0", rtype(0x1a, 4, 5, 0, 0), 7, 0, 0x77, 7, n1},
		{"div negative by 0", rtype(0x1a, 4, 5, 0, 0), n1, 0, 0x77, n1, 1},
		{"divu", rtype(0x1b, 4, 5, 0, 0), n1, 2, 0x77, 1, 0x7fffffff},
		{"divu sign-extends", rtype(0x1b, 4, 5, 0, 0), n1, 1, 0x77, 0, n1},
		{"divu by 0", rtype(0x1b, 4, 5, 0, 0), 7, 0, 0x77, 7, n1},
		{"dmult", rtype(0x1c, 4, 5, 0, 0), n1, 2, 0x77, n1, n1 - 1},
		{"dmult of the least", rtype(0x1c, 4, 5, 0, 0), 1 << 63, 1 << 63, 0x77, 1 << 62, 0},
		{"dmultu", rtype(0x1d, 4, 5, 0, 0), n1, n1, 0x77, n1 - 1, 1},
		{"ddiv", rtype(0x1e, 4, 5, 0, 0), n1 - 6, 2, 0x77, n1, n1 - 2},
		{"ddiv overflow", rtype(0x1e, 4, 5, 0, 0), 1 << 63, n1, 0x77, 0, 1 << 63},
		{"ddiv by 0", rtype(0x1e, 4, 5, 0, 0), 7, 0, 0x77, 7, n1},
		{"ddivu", rtype(0x1f, 4, 5, 0, 0), n1, 16, 0x77, 15, n1 >> 4},
		{"ddivu by 0", rtype(0x1f, 4, 5, 0, 0), 7, 0, 0x77, 7, n1},
		{"mul leaves HI and LO", special2(2, 4, 5, 2), 0x10000, 0x18000, min32, keep, keep},
		{"madd", special2(0, 4, 5, 0), n1, 1, 0x77, 0x55555555, 0x55555554},
		{"maddu", special2(1, 4, 5, 0), 0xffffffff, 0xffffffff, 0x77, 0x55555553, 0x55555556},
		{"msub", special2(4, 4, 5, 0), n1, 1, 0x77, 0x55555555, 0x55555556},
		{"msubu", special2(5, 4, 5, 0), 2, 0x80000000, 0x77, 0x55555554, 0x55555555},
		{"clz", special2(0x20, 4, 2, 2), 0x0000ffff, 0, 16, keep, keep},
		{"clz of 0", special2(0x20, 4, 2, 2), 0, 0, 32, keep, keep},
		{"clo", special2(0x21, 4, 2, 2), 0xffff0000, 0, 16, keep, keep},
		{"dclz", special2(0x24, 4, 2, 2), 1, 0, 63, keep, keep},
		{"dclo", special2(0x25, 4, 2, 2), n1, 0, 64, keep, keep},
		{"sync", 0x0f, 0, 0, 0x77, keep, keep},
		{"pref", itype(oPREF, 0, 0, 0), 0, 0, 0x77, keep, keep},
		{"prefx", 0x13<<26 | 0x0f, 0, 0, 0x77, keep, keep},
		{"cache", itype(oCACHE, 4, 1, 0), 0, 0, 0x77, keep, keep},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t)
			s := m.State()
			s.GPR[4], s.GPR[5], s.GPR[2], s.HI, s.LO = c.rs, c.rt, 0x77, keep, keep
			m.run(c.w)
			m.wantReg(2, c.rd)
			if s.HI != c.hi || s.LO != c.lo {
				t.Errorf("HI, LO = %#x, %#x, want %#x, %#x", s.HI, s.LO, c.hi, c.lo)
			}
			if s.PC != codeAt+4 {
				t.Errorf("pc = %#x", s.PC)
			}
		})
	}
}

// TestZeroRegister writes $0 in every way that Dynamips' translator got wrong
// (cpu reference, 4.3 and 12.11).
func TestZeroRegister(t *testing.T) {
	for _, w := range []uint32{
		itype(oLW, 4, 0, 0), itype(oLBU, 4, 0, 0), itype(oLD, 4, 0, 0), itype(oLWL, 4, 0, 1), itype(oLDR, 4, 0, 1),
		itype(oLL, 4, 0, 0), itype(oSC, 4, 0, 0), itype(oADDIU, 4, 0, 1), itype(oADDI, 4, 0, 1), itype(oLUI, 0, 0, 1),
		rtype(0x21, 4, 4, 0, 0), rtype(0x20, 6, 6, 0, 0), rtype(0x2c, 4, 4, 0, 0), rtype(0, 0, 4, 0, 1),
		rtype(0x10, 0, 0, 0, 0), rtype(0x12, 0, 0, 0, 0), special2(2, 4, 4, 0), special2(0x20, 4, 0, 0),
		mfc0(0, 15), dmfc0(0, 15), fp(0, 0, 0, 3, 0) /* mfc1 */, fp(2, 0, 0, 31, 0) /* cfc1 */, rtype(9, 5, 0, 0, 0), /* jalr */
	} {
		m := newMachine(t)
		m.poke(dataAt, 0x11223344, 0x55667788)
		s := m.State()
		s.GPR[4], s.GPR[5], s.HI, s.LO, s.FPR[3], s.FCSR = dataAt, codeAt+16, 7, 8, 9, 3
		m.code(w, nop)
		m.step(1)
		if m.reg(0) != 0 {
			t.Errorf("%s: $zero = %#x", Disassemble(codeAt, w), m.reg(0))
		}
		if s.PC>>12 != codeAt>>12 {
			t.Errorf("%s: pc = %#x", Disassemble(codeAt, w), s.PC)
		}
	}
}

func TestOverflow(t *testing.T) {
	tests := []struct {
		name   string
		w      uint32
		rs, rt uint64
		quiet  uint64 // result with the overflow quirk
	}{
		{"add", rtype(0x20, 4, 5, 2, 0), 0x7fffffff, 1, 0xffffffff80000000},
		{"addi", itype(oADDI, 4, 2, -1), 0xffffffff80000000, 0, 0x7fffffff},
		{"sub", rtype(0x22, 4, 5, 2, 0), 0xffffffff80000000, 1, 0x7fffffff},
		{"dadd", rtype(0x2c, 4, 5, 2, 0), 1<<63 - 1, 1, 1 << 63},
		{"daddi", itype(oDADDI, 4, 2, 1), 1<<63 - 1, 0, 1 << 63},
		{"dsub", rtype(0x2e, 4, 5, 2, 0), 1 << 63, 1, 1<<63 - 1},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			for _, rd0 := range []bool{false, true} {
				m := newMachine(t)
				s := m.State()
				s.GPR[4], s.GPR[5], s.GPR[2] = c.rs, c.rt, 0x77
				w := c.w
				if rd0 { // the trap does not depend on the destination
					if w>>26 == 0 {
						w &^= 31 << 11
					} else {
						w &^= 31 << 16
					}
				}
				m.run(w)
				m.wantException(excOv, general, codeAt, false)
				m.wantReg(2, 0x77)
			}
			m := newMachine(t, withQuirks(QuirkOverflow))
			s := m.State()
			s.GPR[4], s.GPR[5] = c.rs, c.rt
			m.run(c.w)
			m.wantReg(2, c.quiet)
		})
	}
}

func TestTraps(t *testing.T) {
	n1 := ^uint64(0)
	tests := []struct {
		name         string
		fn, imm      int // rt field of the immediate form, -1 for none
		a, hit, miss uint64
	}{
		{"tge", 0x30, 8, 5, 5, 6},
		{"tgeu", 0x31, 9, 5, 5, n1},
		{"tlt", 0x32, 10, n1, 0, n1 - 1},
		{"tltu", 0x33, 11, 5, n1, 5},
		{"teq", 0x34, 12, 5, 5, 6},
		{"tne", 0x36, 14, 5, 6, 5},
	}
	for _, c := range tests {
		for _, imm := range []bool{false, true} {
			word := func(b uint64) uint32 {
				if imm {
					return regimm(c.imm, 4, int(int16(b)))
				}
				return rtype(c.fn, 4, 5, 0, 0)
			}
			m := newMachine(t)
			m.State().GPR[4], m.State().GPR[5] = c.a, c.miss
			m.run(word(c.miss))
			if m.State().PC != codeAt+4 {
				t.Errorf("%s (immediate %v) trapped", c.name, imm)
			}
			m.State().GPR[5] = c.hit
			m.run(word(c.hit))
			m.wantException(excTr, general, codeAt, false)
		}
	}
}

// TestReserved checks that bits outside an instruction's pattern make it
// reserved (cpu reference, 4.1), and the nop quirk.
func TestReserved(t *testing.T) {
	for _, w := range []uint32{
		rtype(0, 1, 5, 2, 1),       // sll with rs
		rtype(0x21, 4, 5, 2, 1),    // addu with sa
		rtype(0x10, 1, 0, 2, 0),    // mfhi with rs
		rtype(0x18, 4, 5, 2, 0),    // mult with rd
		rtype(8, 4, 1, 0, 0),       // jr with rt
		rtype(9, 4, 1, 31, 0),      // jalr with rt
		itype(oLUI, 1, 2, 0),       // lui with rs
		itype(oBLEZ, 4, 1, 0),      // blez with rt
		rtype(0x05, 0, 0, 0, 0),    // not defined
		itype(0x1d, 0, 0, 0),       // not defined
		0x7000003f,                 // SDBBP
		itype(0x12, 0, 0, 0),       // COP2
		0x42000003,                 // COP0 function that is none
		regimm(0x1f, 0, 0),         // SYNCI
		0x11<<26 | 0x1f<<21 | 0x3f, // COP1 with a format that is none
	} {
		m := newMachine(t)
		m.run(w)
		m.wantException(excRI, general, codeAt, false)
		m = newMachine(t, withQuirks(QuirkNop))
		m.run(w)
		if m.State().PC != codeAt+4 {
			t.Errorf("%#08x with the nop quirk: pc = %#x", w, m.State().PC)
		}
	}
}

func TestParseQuirks(t *testing.T) {
	q, err := ParseQuirks([]string{"unaligned", " dirty", "", "NOFPU"})
	if err != nil || q != QuirkUnaligned|QuirkDirty|QuirkNoFPU {
		t.Errorf("got %v, %v", q, err)
	}
	if q.String() != "unaligned,dirty,nofpu" {
		t.Errorf("String: %q", q)
	}
	if _, err := ParseQuirks([]string{"fast"}); err == nil {
		t.Error("an unknown quirk is accepted")
	}
	for _, name := range quirkNames {
		if q, err := ParseQuirks([]string{name}); err != nil || q.String() != name {
			t.Errorf("%s: %v, %v", name, q, err)
		}
	}
}
