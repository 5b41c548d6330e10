//go:build linux && amd64

package jit

import (
	"dynemu/jit/amd64"
	"dynemu/vm/mem"
)

// insn translates one instruction that is not a branch.
func (m *emitter) insn(in *insn) {
	d := in.dest()
	low := m.result(in)
	// The upper half of the result is loose when those of all operands are.
	_, kept := m.mapped(in.rd)
	kept = kept && in.upper() == upperKept
	some := false
	for _, g := range in.uses() {
		kept = kept && (m.loose[g] || g == 0)
		some = some || m.loose[g]
	}
	kept = kept && some
	for _, g := range in.uses() {
		if m.loose[g] && !kept && in.upper() != upperIgnored {
			h, _ := m.mapped(g)
			m.Movsxd(h, h)
			m.loose[g] = false
		}
	}
	if d >= 0 {
		m.loose[d] = false
	}
	m.insn1(in)
	if kept {
		if m.loosely {
			m.loose[d] = true
		} else {
			h, _ := m.mapped(uint8(d))
			m.Movsxd(h, h)
		}
	}
	if d >= 0 {
		m.residues[d] = low
		switch in.op {
		case opLI:
		default:
			m.known[d] = false
		}
	}
	switch in.op {
	case opMULT, opMULTU, opDMULT, opDMULTU, opDIV, opDIVU, opDDIV, opDDIVU:
		m.known[regHI], m.known[regLO] = false, false
	}
}

// residueOf returns what is known of the low bits of register g.
func (m *emitter) residueOf(g uint8) residue {
	if v, ok := m.isKnown(g); ok {
		return residue{8, uint8(v & 7)}
	}
	return m.residues[g]
}

// result returns what is known of the low bits of what in computes.
func (m *emitter) result(in *insn) residue {
	var a, b residue
	switch in.op {
	case opMove:
		return m.residueOf(in.rs)
	case opADDIU, opDADDIU:
		a, b = m.residueOf(in.rs), residue{8, uint8(in.imm & 7)}
	case opADDU, opDADDU:
		a, b = m.residueOf(in.rs), m.residueOf(in.rt)
	case opSUBU, opDSUBU:
		a, b = m.residueOf(in.rs), m.residueOf(in.rt)
		b.val = -b.val
	case opSLL, opDSLL:
		return residue{uint8(1) << min(in.imm, 3), 0}
	case opANDI:
		switch {
		case in.imm&7 == 0:
			return residue{8, 0}
		case in.imm&3 == 0:
			return residue{4, 0}
		}
	}
	mod := min(a.mod, b.mod)
	if mod == 0 {
		return residue{}
	}
	return residue{mod, (a.val + b.val) & (mod - 1)}
}

func (m *emitter) insn1(in *insn) {
	const (
		rax = amd64.RAX
		rcx = amd64.RCX
		rdx = amd64.RDX
	)
	rs, rt, rd := in.rs, in.rt, in.rd
	if m.fold(in) {
		return
	}
	switch in.op {
	case opNop:
	case opLI:
		m.constant(rd, uint64(int64(in.imm)))
	case opMove:
		if h, ok := m.mapped(rd); ok {
			m.fill(true, h, rs)
		} else {
			m.Store(true, home(int(rd)), m.src(rs, rax))
		}
	case opADDIU:
		if h, ok := m.mapped(rs); ok {
			if in.imm == 0 {
				m.putSX(rd, h)
				return
			}
			m.Lea(false, rax, amd64.At(h, in.imm))
		} else {
			m.Load(false, rax, home(int(rs)))
			m.OpImm(amd64.ADD, false, rax, in.imm)
		}
		m.putSX(rd, rax)
	case opDADDIU:
		h, ok := m.mapped(rs)
		t := m.dst(rd)
		if ok {
			if h == t {
				m.OpImm(amd64.ADD, true, t, in.imm)
			} else {
				m.Lea(true, t, amd64.At(h, in.imm))
			}
		} else {
			if _, mapped := m.mapped(rd); !mapped && rs == rd {
				m.OpMemImm(amd64.ADD, true, home(int(rd)), in.imm)
				return
			}
			m.fill(true, t, rs)
			m.OpImm(amd64.ADD, true, t, in.imm)
		}
		m.put(rd, t)
	case opADDI:
		m.fill(false, rax, rs)
		m.OpImm(amd64.ADD, false, rax, in.imm)
		m.toInterp(m.Jcc(amd64.O, 0))
		if rd != 0 {
			m.putSX(rd, rax)
		}
	case opDADDI:
		m.fill(true, rax, rs)
		m.OpImm(amd64.ADD, true, rax, in.imm)
		m.toInterp(m.Jcc(amd64.O, 0))
		if rd != 0 {
			m.put(rd, rax)
		}
	case opADD, opSUB, opDADD, opDSUB:
		w := in.op == opDADD || in.op == opDSUB
		op := amd64.ADD
		if in.op == opSUB || in.op == opDSUB {
			op = amd64.SUB
		}
		m.fill(w, rax, rs)
		m.with(op, w, rax, rt)
		m.toInterp(m.Jcc(amd64.O, 0))
		if rd != 0 {
			if w {
				m.put(rd, rax)
			} else {
				m.putSX(rd, rax)
			}
		}
	case opADDU:
		if rs == 0 {
			rs, rt = rt, rs
		}
		if rt == 0 {
			if rs == 0 {
				m.constant(rd, 0)
				m.known[rd] = false
				return
			}
			if h, ok := m.mapped(rs); ok {
				m.putSX(rd, h)
			} else {
				t := m.dst(rd)
				m.LoadSX32(t, home(int(rs)))
				m.put(rd, t)
			}
			return
		}
		x, ok1 := m.mapped(rs)
		y, ok2 := m.mapped(rt)
		switch {
		case ok1 && ok2:
			m.Lea(false, rax, amd64.Indexed(x, y, 1, 0))
		case ok1:
			m.Load(false, rax, home(int(rt)))
			m.Op(amd64.ADD, false, rax, x)
		default:
			m.fill(false, rax, rs)
			m.with(amd64.ADD, false, rax, rt)
		}
		m.putSX(rd, rax)
	case opSUBU:
		m.fill(false, rax, rs)
		if rt != 0 {
			m.with(amd64.SUB, false, rax, rt)
		}
		m.putSX(rd, rax)
	case opDADDU:
		x, ok1 := m.mapped(rs)
		y, ok2 := m.mapped(rt)
		t := m.dst(rd)
		switch {
		case ok1 && ok2 && t != x && t != y:
			m.Lea(true, t, amd64.Indexed(x, y, 1, 0))
			m.put(rd, t)
		default:
			m.binary(amd64.ADD, in, true)
		}
	case opDSUBU:
		m.binary(amd64.SUB, in, false)
	case opAND:
		m.binary(amd64.AND, in, true)
	case opOR:
		m.binary(amd64.OR, in, true)
	case opXOR:
		m.binary(amd64.XOR, in, true)
	case opNOR:
		t := m.dst(rd)
		if rt == 0 {
			rs, rt = rt, rs
		}
		if rs == 0 {
			m.fill(true, t, rt)
		} else {
			if h, ok := m.mapped(rt); ok && h == t {
				rs, rt = rt, rs
			}
			m.fill(true, t, rs)
			m.with(amd64.OR, true, t, rt)
		}
		m.Not(true, t)
		m.put(rd, t)
	case opANDI:
		t := m.dst(rd)
		switch {
		case in.imm == 0xff:
			if h, ok := m.mapped(rs); ok {
				m.MovZX8(t, h)
			} else {
				m.LoadZX8(t, home(int(rs)))
			}
		case in.imm == 0xffff:
			if h, ok := m.mapped(rs); ok {
				m.MovZX16(t, h)
			} else {
				m.LoadZX16(t, home(int(rs)))
			}
		default:
			m.fill(false, t, rs)
			m.OpImm(amd64.AND, false, t, in.imm)
		}
		m.put(rd, t)
	case opORI, opXORI:
		op := amd64.OR
		if in.op == opXORI {
			op = amd64.XOR
		}
		t := m.dst(rd)
		m.fill(true, t, rs)
		m.OpImm(op, true, t, in.imm)
		m.put(rd, t)
	case opSLT, opSLTU, opSLTI, opSLTIU:
		m.setLess(in)
	case opSLL, opSRL, opSRA:
		if in.imm == 0 {
			if h, ok := m.mapped(rs); ok {
				m.putSX(rd, h)
			} else if rs == 0 {
				m.fill(true, rax, 0)
				m.put(rd, rax)
			} else {
				t := m.dst(rd)
				m.LoadSX32(t, home(int(rs)))
				m.put(rd, t)
			}
			return
		}
		m.fill(false, rax, rs)
		m.ShiftImm(shiftOf(in.op), false, rax, uint8(in.imm))
		m.putSX(rd, rax)
	case opDSLL, opDSRL, opDSRA:
		t := m.dst(rd)
		m.fill(true, t, rs)
		if in.imm != 0 {
			m.ShiftImm(shiftOf(in.op), true, t, uint8(in.imm))
		}
		m.put(rd, t)
	case opSLLV, opSRLV, opSRAV:
		if m.e.bmi2 {
			m.ShiftX(shiftOf(in.op), false, rax, m.src(rt, rax), m.src(rs, rcx))
		} else {
			m.fill(false, rcx, rs)
			m.fill(false, rax, rt)
			m.ShiftCL(shiftOf(in.op), false, rax)
		}
		m.putSX(rd, rax)
	case opDSLLV, opDSRLV, opDSRAV:
		if m.e.bmi2 {
			t := m.dst(rd)
			m.ShiftX(shiftOf(in.op), true, t, m.src(rt, rax), m.src(rs, rcx))
			m.put(rd, t)
			return
		}
		m.fill(true, rcx, rs)
		m.fill(true, rax, rt)
		m.ShiftCL(shiftOf(in.op), true, rax)
		m.put(rd, rax)
	case opMOVZ, opMOVN:
		c := amd64.E
		if in.op == opMOVN {
			c = amd64.NE
		}
		t := rax
		if h, ok := m.mapped(rd); ok {
			t = h
		} else {
			m.fill(true, rax, rd)
		}
		from, ok := m.mapped(rs)
		if !ok && rs == 0 {
			from, ok = rcx, true
			m.Zero(rcx)
		}
		if h, mapped := m.mapped(rt); mapped {
			m.Test(true, h, h)
		} else if rt == 0 {
			m.MovImm(rdx, 0)
			m.Test(true, rdx, rdx)
		} else {
			m.OpMemImm(amd64.CMP, true, home(int(rt)), 0)
		}
		if ok {
			m.Cmov(c, t, from)
		} else {
			m.CmovMem(c, t, home(int(rs)))
		}
		m.put(rd, t)
	case opMULT, opMULTU:
		if in.op == opMULT {
			m.sx32(rax, rs)
			m.sx32(rcx, rt)
		} else {
			m.fill(false, rax, rs)
			m.fill(false, rcx, rt)
		}
		m.Imul(true, rax, rcx)
		if h, ok := m.mapped(regLO); ok {
			m.Movsxd(h, rax)
		} else {
			m.Movsxd(rcx, rax)
			m.Store(true, home(regLO), rcx)
		}
		m.ShiftImm(amd64.SAR, true, rax, 32)
		m.put(regHI, rax)
	case opDMULT, opDMULTU:
		m.fill(true, rax, rs)
		m.MulWide(in.op == opDMULT, true, m.src(rt, rcx))
		m.put(regLO, rax)
		m.put(regHI, rdx)
	case opMUL:
		m.fill(false, rax, rs)
		m.Imul(false, rax, m.src(rt, rcx))
		m.putSX(rd, rax)
	case opDIV, opDIVU, opDDIV, opDDIVU:
		m.divide(in)
	case opTrap, opTrapImm:
		m.trap(in)
	case opLoad:
		m.load(in)
	case opStore:
		m.store(in)
	case opLoadPair, opStorePair:
		m.unaligned(in)
	case opLoadPart, opStorePart:
		m.part(in)
	case opMFC0:
		r := cp0Regs[rs]
		if rs == 13 {
			m.OpMemImm8(amd64.CMP, m.e.word(wordCause), 0)
			m.toInterp(m.Jcc(amd64.E, 0))
			m.cold[len(m.cold)-1].desc = 1
			m.Load(false, rax, stateCause)
			m.OpMem(amd64.OR, false, rax, stateLines)
			m.putSX(rd, rax)
			return
		}
		t := m.dst(rd)
		m.LoadSX32(t, field(r.off))
		m.put(rd, t)
	case opMTC0:
		r := cp0Regs[in.imm]
		if in.imm == 12 {
			m.moveToStatus(rs)
			return
		}
		m.sx32(rax, rs)
		if in.imm == 10 {
			// A change of the ASID has consequences.
			m.Mov(false, rcx, rax)
			m.OpMem(amd64.XOR, false, rcx, field(r.off))
			m.TestImm(rcx, 0xff)
			m.toInterp(m.Jcc(amd64.NE, 0))
			m.MovImm(rcx, entryHiBits)
			m.Op(amd64.AND, true, rax, rcx)
			m.Store(true, field(r.off), rax)
			return
		}
		if r.write != 0xffffffff {
			m.OpImm(amd64.AND, false, rax, int32(r.write))
		}
		m.Store(r.bits == 64, field(r.off), rax)
	default:
		panic("jit: instruction without translation")
	}
}

// fold replaces an instruction on constants by its result.
func (m *emitter) fold(in *insn) bool {
	a, ok := m.isKnown(in.rs)
	if !ok {
		return false
	}
	var v uint64
	switch in.op {
	case opADDIU:
		v = sext(a + uint64(int64(in.imm)))
	case opORI:
		v = a | uint64(in.imm)
	case opDADDIU:
		v = a + uint64(int64(in.imm))
	case opMove:
		v = a
	case opSLL:
		v = sext(a << uint(in.imm))
	default:
		return false
	}
	m.constant(in.rd, v)
	in.op = opLI
	return true
}

func shiftOf(o op) amd64.Shift {
	switch o {
	case opSLL, opDSLL, opSLLV, opDSLLV:
		return amd64.SHL
	case opSRL, opDSRL, opSRLV, opDSRLV:
		return amd64.SHR
	}
	return amd64.SAR
}

// sx32 sets h to the sign-extended low half of guest register g.
func (m *emitter) sx32(h amd64.Reg, g uint8) {
	if x, ok := m.mapped(g); ok {
		m.Movsxd(h, x)
	} else if g == 0 {
		m.MovImm(h, 0)
	} else {
		m.LoadSX32(h, home(int(g)))
	}
}

// binary translates rd = rs op rt in 64 bits.
func (m *emitter) binary(op amd64.ALU, in *insn, commutes bool) {
	rs, rt, rd := in.rs, in.rt, in.rd
	h, ok := m.mapped(rd)
	if !ok {
		if rs == rd && rt != 0 {
			m.OpToMem(op, true, home(int(rd)), m.src(rt, amd64.RAX))
			return
		}
		m.fill(true, amd64.RAX, rs)
		m.with(op, true, amd64.RAX, rt)
		m.Store(true, home(int(rd)), amd64.RAX)
		return
	}
	switch {
	case rd == rs:
		m.with(op, true, h, rt)
	case rd == rt && commutes:
		m.with(op, true, h, rs)
	case rd == rt:
		m.fill(true, amd64.RAX, rs)
		m.with(op, true, amd64.RAX, rt)
		m.Mov(true, h, amd64.RAX)
	default:
		m.fill(true, h, rs)
		m.with(op, true, h, rt)
	}
}

func (m *emitter) setLess(in *insn) {
	c := amd64.L
	if in.op == opSLTU || in.op == opSLTIU {
		c = amd64.B
	}
	t := amd64.RAX
	if h, ok := m.mapped(in.rd); ok && in.rd != in.rs && in.rd != in.rt {
		t = h
	}
	m.Zero(t)
	switch {
	case in.op == opSLTI || in.op == opSLTIU:
		if h, ok := m.mapped(in.rs); ok || in.rs == 0 {
			if !ok {
				h = amd64.RCX
				m.MovImm(h, 0)
			}
			m.OpImm(amd64.CMP, true, h, in.imm)
		} else {
			m.OpMemImm(amd64.CMP, true, home(int(in.rs)), in.imm)
		}
	default:
		m.with(amd64.CMP, true, m.src(in.rs, amd64.RCX), in.rt)
	}
	m.Set(c, t)
	m.put(in.rd, t)
}

func (m *emitter) divide(in *insn) {
	const (
		rax = amd64.RAX
		rcx = amd64.RCX
		rdx = amd64.RDX
	)
	w := in.op == opDDIV || in.op == opDDIVU
	signed := in.op == opDIV || in.op == opDDIV
	m.fill(w, rcx, in.rt)
	// What x86 faults on is left to the interpreter: 0 and, since the quotient
	// may not fit, -1.
	if signed {
		m.Lea(w, rax, amd64.At(rcx, 1))
		m.OpImm(amd64.CMP, w, rax, 1)
		m.toInterp(m.Jcc(6, 0)) // below or equal
	} else {
		m.Test(w, rcx, rcx)
		m.toInterp(m.Jcc(amd64.E, 0))
	}
	m.fill(w, rax, in.rs)
	if signed {
		m.Cdq(w)
	} else {
		m.MovImm(rdx, 0)
	}
	m.Div(signed, w, rcx)
	if w {
		m.put(regLO, rax)
		m.put(regHI, rdx)
		return
	}
	m.Movsxd(rdx, rdx)
	m.put(regHI, rdx)
	m.putSX(regLO, rax)
}

func (m *emitter) trap(in *insn) {
	var cond int32
	if in.op == opTrap {
		cond = in.imm
		m.with(amd64.CMP, true, m.src(in.rs, amd64.RAX), in.rt)
	} else {
		cond = int32(in.w >> 16 & 7)
		m.OpImm(amd64.CMP, true, m.copy(in.rs), in.imm)
	}
	m.toInterp(m.Jcc([]amd64.Cond{amd64.GE, amd64.AE, amd64.L, amd64.B, amd64.E, 0, amd64.NE, 0}[cond], 0))
}

// copy returns a register with guest register g that is only read.
func (m *emitter) copy(g uint8) amd64.Reg { return m.src(g, amd64.RAX) }

// address computes the address of an access of size bytes and translates it
// through table. It returns the operand of host memory and the cold entry.
func (m *emitter) address(in *insn, size int, table int32) (amd64.Mem, *cold) {
	const (
		rax = amd64.RAX
		rcx = amd64.RCX
		rdx = amd64.RDX
	)
	m.cold = append(m.cold, cold{kind: coldMem, pc: m.pc, refund: m.pcRefund,
		desc: in.w>>26 | uint32(in.rd|in.rt)<<8 | uint32(m.pcRefund)<<24})
	c := &m.cold[len(m.cold)-1]
	if m.inSlot {
		c.desc |= descSlot
	}
	w := m.v.wide
	v, known := m.isKnown(in.rs)
	if known {
		v += uint64(int64(in.imm))
		if w && sext(v) != v {
			known = false
		}
	}
	if known {
		a := uint32(v)
		if w {
			m.MovImm(rax, v)
		} else {
			m.MovImm(rax, uint64(a))
		}
		if a&uint32(size-1) != 0 {
			c.from[0] = m.Jmp(0)
		}
		if m.windowAt(a) && m.throughWindow() {
			return m.inWindow(), c
		}
		m.Load(true, rcx, amd64.Abs(table+int32(a>>12)*8))
	} else {
		if h, ok := m.mapped(in.rs); ok {
			if in.imm == 0 {
				m.Mov(w, rax, h)
			} else {
				m.Lea(w, rax, amd64.At(h, in.imm))
			}
		} else {
			m.fill(w, rax, in.rs)
			if in.imm != 0 {
				m.OpImm(amd64.ADD, w, rax, in.imm)
			}
		}
		if w {
			m.Movsxd(rcx, rax)
			m.Op(amd64.CMP, true, rcx, rax)
			c.from[2] = m.Jcc(amd64.NE, 0)
		}
		low := m.residues[in.rs]
		if size > 1 && !(int(low.mod) >= size && (int(low.val)+int(in.imm))&(size-1) == 0) {
			m.TestAL(byte(size - 1))
			c.from[0] = m.Jcc(amd64.NE, 0)
		}
		if size > int(low.mod) && size > 1 && !m.lenient {
			// What is not aligned does not come behind the access.
			m.residues[in.rs] = residue{uint8(size), uint8(-int(in.imm) & (size - 1))}
		}
		if m.throughWindow() {
			return m.inWindow(), c
		}
		m.Mov(false, rcx, rax)
		m.ShiftImm(amd64.SHR, false, rcx, 12)
		m.Load(true, rcx, amd64.Indexed(amd64.None, rcx, 8, table))
	}
	m.Test(true, rcx, rcx)
	c.from[1] = m.Jcc(amd64.E, 0)
	if w {
		m.Mov(false, rdx, rax)
		m.Op(amd64.ADD, true, rcx, rdx)
		return amd64.At(rcx, 0), c
	}
	return amd64.Indexed(rcx, rax, 1, 0), c
}

// effective sets RAX to the address of an access to a part of a unit, and leaves for
// c when it has no place in the tables. It changes RCX.
func (m *emitter) effective(in *insn, c *cold) {
	w := m.v.wide
	m.fill(w, amd64.RAX, in.rs)
	if in.imm != 0 {
		m.OpImm(amd64.ADD, w, amd64.RAX, in.imm)
	}
	if w {
		m.Movsxd(amd64.RCX, amd64.RAX)
		m.Op(amd64.CMP, true, amd64.RCX, amd64.RAX)
		c.from[2] = m.Jcc(amd64.NE, 0)
	}
}

// inWindow returns the operand of the window at address RAX. Of 64 bits it takes
// the low half, to RCX.
func (m *emitter) inWindow() amd64.Mem {
	if !m.v.wide {
		return amd64.Indexed(rWindow, amd64.RAX, 1, 0)
	}
	m.Mov(false, amd64.RCX, amd64.RAX)
	return amd64.Indexed(rWindow, amd64.RCX, 1, 0)
}

func (m *emitter) load(in *insn) {
	major := in.w >> 26
	at, c := m.address(in, width(major), m.v.read)
	if at.Base == rWindow {
		m.mayFault(c, false)
	}
	t := amd64.RAX
	if in.rd != 0 {
		t = m.dst(in.rd)
	}
	switch major {
	case 0x20:
		m.LoadSX8(t, at)
	case 0x24:
		m.LoadZX8(t, at)
	case 0x21, 0x25:
		m.LoadZX16(t, at)
		m.Rol16(t)
		if major == 0x21 {
			m.MovSX16(t, t)
		}
	case 0x23, 0x27, 0x37:
		w := major == 0x37
		if m.e.movbe {
			m.LoadBE(w, t, at)
		} else {
			m.Load(w, t, at)
			m.Bswap(w, t)
		}
		if major == 0x23 {
			m.Movsxd(t, t)
		}
	}
	if in.rd != 0 {
		m.put(in.rd, t)
	}
	c.back = m.N
}

func (m *emitter) store(in *insn) {
	major := in.w >> 26
	at, c := m.address(in, width(major), m.v.write)
	v := m.src(in.rt, amd64.RDX)
	w := major == 0x3f
	if !m.e.movbe && major != 0x28 {
		if v != amd64.RDX {
			m.Mov(true, amd64.RDX, v)
		}
		if major == 0x29 {
			m.Rol16(amd64.RDX)
		} else {
			m.Bswap(w, amd64.RDX)
		}
	}
	if at.Base == rWindow {
		m.mayFault(c, true)
	}
	switch {
	case major == 0x28:
		m.Store8(at, v)
	case m.e.movbe && major == 0x29:
		m.StoreBE16(at, v)
	case m.e.movbe:
		m.StoreBE(w, at, v)
	case major == 0x29:
		m.Store16(at, amd64.RDX)
	default:
		m.Store(w, at, amd64.RDX)
	}
	c.back = m.N
}

// unaligned translates two instructions that access the parts of one unit, when
// that lies in one page; otherwise the interpreter executes the first of them.
func (m *emitter) unaligned(in *insn) {
	const (
		rax = amd64.RAX
		rcx = amd64.RCX
		rdx = amd64.RDX
	)
	table, size := m.v.read, int32(4)
	if in.op == opStorePair {
		table = m.v.write
	}
	if in.wide {
		size = 8
	}
	c := cold{kind: coldPart, pc: m.pc, refund: m.pcRefund}
	m.effective(in, &c)
	at := amd64.At(rcx, 0)
	window := m.throughWindow()
	m.Mov(false, rcx, rax)
	if window {
		at = amd64.Indexed(rWindow, rcx, 1, 0)
	} else {
		m.OpImm(amd64.AND, false, rcx, mem.PageSize-1)
		m.OpImm(amd64.CMP, false, rcx, mem.PageSize-size)
		c.from[0] = m.Jcc(amd64.G, 0)
		m.Mov(false, rcx, rax)
		m.ShiftImm(amd64.SHR, false, rcx, mem.PageShift)
		m.Load(true, rcx, amd64.Indexed(amd64.None, rcx, 8, table))
		m.Test(true, rcx, rcx)
		c.from[1] = m.Jcc(amd64.E, 0)
		m.Mov(false, rdx, rax)
		m.Op(amd64.ADD, true, rcx, rdx)
	}
	m.cold = append(m.cold, c)
	if in.op == opStorePair {
		m.fill(in.wide, rdx, in.rt)
		m.Bswap(in.wide, rdx)
		if window {
			m.mayFault(&m.cold[len(m.cold)-1], true)
		}
		m.Store(in.wide, at, rdx)
		return
	}
	t := m.dst(in.rd)
	if window {
		m.mayFault(&m.cold[len(m.cold)-1], false)
	}
	m.Load(in.wide, t, at)
	m.Bswap(in.wide, t)
	if in.wide {
		m.put(in.rd, t)
	} else {
		m.putSX(in.rd, t)
	}
}

// part translates an instruction that accesses a part of an aligned unit of memory.
// Elsewhere the interpreter executes it, with the branch if it is in a slot.
func (m *emitter) part(in *insn) {
	const (
		rax = amd64.RAX
		rcx = amd64.RCX
		rdx = amd64.RDX
	)
	store := in.op == opStorePart
	table, size := m.v.read, int32(4)
	if store {
		table = m.v.write
	}
	if in.wide {
		size = 8
	}
	// The left part of a unit is from the address to its end, the right one from its
	// start to the address.
	left := in.w>>26 == 0x22 || in.w>>26 == 0x1a || in.w>>26 == 0x2a || in.w>>26 == 0x2c
	c := cold{kind: coldPart, pc: m.pc, refund: m.pcRefund}
	if m.inSlot {
		c.pc, c.refund = m.branchPC, c.refund+1
	}
	m.effective(in, &c)
	window := m.throughWindow()
	if !window {
		m.Mov(false, rcx, rax)
		m.ShiftImm(amd64.SHR, false, rcx, mem.PageShift)
		m.Load(true, rdx, amd64.Indexed(amd64.None, rcx, 8, table))
		m.Test(true, rdx, rdx)
		c.from[1] = m.Jcc(amd64.E, 0)
	}
	m.cold = append(m.cold, c)
	// The shift of the part in the unit, in bits.
	m.Mov(false, rcx, rax)
	m.OpImm(amd64.AND, false, rax, -size)
	m.OpImm(amd64.AND, false, rcx, size-1)
	if !left {
		m.OpImm(amd64.XOR, false, rcx, size-1)
	}
	m.ShiftImm(amd64.SHL, false, rcx, 3)
	at := amd64.At(rax, 0)
	if window {
		at = amd64.Indexed(rWindow, rax, 1, 0)
		m.mayFault(&m.cold[len(m.cold)-1], false)
	} else {
		m.Op(amd64.ADD, true, rax, rdx)
	}
	if m.e.movbe {
		m.LoadBE(in.wide, rdx, at)
	} else {
		m.Load(in.wide, rdx, at)
		m.Bswap(in.wide, rdx)
	}
	if store {
		address := m.e.word(wordSpare)
		m.Store(true, address, rax)
		if left {
			m.ShiftCL(amd64.ROL, in.wide, rdx)
		} else {
			m.ShiftCL(amd64.ROR, in.wide, rdx)
		}
		m.fill(in.wide, rax, in.rt)
		m.ShiftDoubleCL(!left, in.wide, rax, rdx)
		m.Mov(true, rdx, rax)
		m.Load(true, rax, address)
		if !m.e.movbe {
			m.Bswap(in.wide, rdx)
		}
		if window {
			m.mayFault(&m.cold[len(m.cold)-1], true)
		}
		if m.e.movbe {
			m.StoreBE(in.wide, at, rdx)
		} else {
			m.Store(in.wide, at, rdx)
		}
		return
	}
	shift := amd64.SHR
	if left {
		shift = amd64.SHL
	}
	if in.wide {
		m.MovImm(rax, ^uint64(0))
	} else {
		m.MovImm(rax, 0xffffffff)
	}
	m.ShiftCL(shift, in.wide, rax)
	keepUpper := in.wide || !left // LWR keeps the upper half, but for a whole word
	m.Not(keepUpper, rax)
	m.with(amd64.AND, keepUpper, rax, in.rd)
	m.ShiftCL(shift, in.wide, rdx)
	m.Op(amd64.OR, true, rax, rdx)
	switch {
	case in.wide:
	case left:
		m.Movsxd(rax, rax)
	default:
		m.Movsxd(rdx, rax)
		m.Test(false, rcx, rcx)
		m.Cmov(amd64.E, rax, rdx)
	}
	m.put(in.rd, rax)
}
