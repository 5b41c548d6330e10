//go:build linux && amd64

package jit

// Decoding for translation. Only encodings that are exactly what the manual
// says are taken; whatever else there is, reserved encodings among them, is left
// to the interpreter.

// op is what an instruction does.
type op uint8

const (
	opInterp op = iota // the interpreter executes it
	opNop
	opLI    // rd = imm
	opMove  // rd = rs
	opADDIU // rd = rs + imm, and so on
	opDADDIU
	opADDI
	opDADDI
	opSLTI
	opSLTIU
	opANDI
	opORI
	opXORI
	opADDU
	opSUBU
	opDADDU
	opDSUBU
	opADD
	opSUB
	opDADD
	opDSUB
	opAND
	opOR
	opXOR
	opNOR
	opSLT
	opSLTU
	opSLL // rd = rs << imm
	opSRL
	opSRA
	opDSLL
	opDSRL
	opDSRA
	opSLLV // rd = rt << rs
	opSRLV
	opSRAV
	opDSLLV
	opDSRLV
	opDSRAV
	opMOVZ
	opMOVN
	opMULT
	opMULTU
	opDMULT
	opDMULTU
	opMUL
	opDIV
	opDIVU
	opDDIV
	opDDIVU
	opTrap // imm is the condition
	opTrapImm

	opLoad // imm is the offset, w>>26 the kind
	opStore
	opLoadPair // LWL and LWR, or LDL and LDR, of one unaligned unit
	opStorePair
	opLoadPart // LWL, LWR, LDL, LDR alone; rt is rd, part of which remains
	opStorePart

	opMFC0
	opMTC0

	// What ends a block.
	opBranch // conditional
	opJump   // J, B
	opCall   // JAL, BAL
	opJR
	opJALR
	opSyscall
	opERET
	opTLBW // TLBWI, TLBWR with imm 1
	opWord // FPU operations and rare loads and stores, which package mips executes
)

// HI and LO lie behind the general registers in the state and are treated as
// two more of them.
const (
	regHI = 32
	regLO = 33
	nRegs = 34
)

// insn is one decoded instruction.
type insn struct {
	op         op
	rs, rt, rd uint8 // rd is the destination, 0 for none
	imm        int32
	w          uint32
	pc         uint32
	wide       bool // a pair, or part, of 8 bytes
}

// decoder knows the mode that code is translated for.
type decoder struct {
	wide     bool // addresses have 64 bits
	narrow   bool // 64-bit operations are reserved
	kernel   bool
	overflow bool // ADD and the like do not trap
}

var special = [64]op{
	0x04: opSLLV, 0x06: opSRLV, 0x07: opSRAV, 0x0a: opMOVZ, 0x0b: opMOVN,
	0x14: opDSLLV, 0x16: opDSRLV, 0x17: opDSRAV,
	0x20: opADD, 0x21: opADDU, 0x22: opSUB, 0x23: opSUBU, 0x24: opAND, 0x25: opOR, 0x26: opXOR, 0x27: opNOR,
	0x2a: opSLT, 0x2b: opSLTU, 0x2c: opDADD, 0x2d: opDADDU, 0x2e: opDSUB, 0x2f: opDSUBU,
	0x18: opMULT, 0x19: opMULTU, 0x1a: opDIV, 0x1b: opDIVU, 0x1c: opDMULT, 0x1d: opDMULTU, 0x1e: opDDIV, 0x1f: opDDIVU,
}

func (d *decoder) decode(pc, w uint32) insn {
	in := d.decode1(pc, w)
	in.w, in.pc = w, pc
	return in
}

func (d *decoder) decode1(pc, w uint32) insn {
	rs, rt, rd, sa := uint8(w>>21&31), uint8(w>>16&31), uint8(w>>11&31), uint8(w>>6&31)
	simm := int32(int16(w))
	uimm := int32(w & 0xffff)
	interp := insn{op: opInterp}
	if d.narrow && needs64(w) {
		return interp
	}
	// alu drops operations whose result goes to register 0.
	alu := func(o op, rs, rt, rd uint8, imm int32) insn {
		if rd == 0 {
			return insn{op: opNop}
		}
		return insn{op: o, rs: rs, rt: rt, rd: rd, imm: imm}
	}
	switch w >> 26 {
	case 0:
		fn := w & 0x3f
		switch fn {
		case 0x00, 0x02, 0x03:
			if rs != 0 {
				return interp
			}
			return alu([]op{opSLL, opNop, opSRL, opSRA}[fn], rt, 0, rd, int32(sa))
		case 0x38, 0x3a, 0x3b, 0x3c, 0x3e, 0x3f:
			if rs != 0 {
				return interp
			}
			n := int32(sa)
			if fn >= 0x3c {
				n += 32
			}
			return alu([]op{opDSLL, opNop, opDSRL, opDSRA}[fn&3], rt, 0, rd, n)
		case 0x08:
			if rt != 0 || rd != 0 {
				return interp
			}
			return insn{op: opJR, rs: rs}
		case 0x09:
			if rt != 0 || rd == rs {
				return interp
			}
			return insn{op: opJALR, rs: rs, rd: rd}
		case 0x0c:
			return insn{op: opSyscall}
		case 0x0f:
			return insn{op: opNop}
		case 0x10, 0x12:
			if rs != 0 || rt != 0 || sa != 0 {
				return interp
			}
			return alu(opMove, regHI+uint8(fn>>1&1), 0, rd, 0)
		case 0x11, 0x13:
			if rt != 0 || rd != 0 || sa != 0 {
				return interp
			}
			return insn{op: opMove, rs: rs, rd: regHI + uint8(fn>>1&1)}
		case 0x30, 0x31, 0x32, 0x33, 0x34, 0x36:
			return insn{op: opTrap, rs: rs, rt: rt, imm: int32(fn & 7)}
		}
		o := special[fn]
		switch {
		case o == opInterp:
			return interp
		case o >= opMULT && o <= opDMULTU || o >= opDIV && o <= opDDIVU:
			if rd != 0 || sa != 0 {
				return interp
			}
			return insn{op: o, rs: rs, rt: rt}
		case sa != 0:
			return interp
		}
		if o == opADD || o == opSUB || o == opDADD || o == opDSUB {
			if !d.overflow {
				return insn{op: o, rs: rs, rt: rt, rd: rd}
			}
			switch fn {
			case 0x20:
				o = opADDU
			case 0x22:
				o = opSUBU
			case 0x2c:
				o = opDADDU
			default:
				o = opDSUBU
			}
		}
		if (o == opOR || o == opDADDU) && rt == 0 {
			return alu(opMove, rs, 0, rd, 0)
		}
		if (o == opOR || o == opDADDU) && rs == 0 {
			return alu(opMove, rt, 0, rd, 0)
		}
		return alu(o, rs, rt, rd, 0)
	case 1:
		switch rt {
		case 0, 1, 2, 3:
			if rt == 1 && rs == 0 {
				return insn{op: opJump, imm: simm}
			}
			return insn{op: opBranch, rs: rs, imm: simm}
		case 0x11:
			if rs == 0 {
				return insn{op: opCall, rd: 31, imm: simm}
			}
		case 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0e:
			return insn{op: opTrapImm, rs: rs, imm: simm}
		}
		return interp
	case 2:
		return insn{op: opJump}
	case 3:
		return insn{op: opCall, rd: 31}
	case 4, 5, 20, 21:
		if w>>26 == 4 && rs == rt {
			return insn{op: opJump, imm: simm}
		}
		return insn{op: opBranch, rs: rs, rt: rt, imm: simm}
	case 6, 7, 22, 23:
		if rt != 0 {
			return interp
		}
		return insn{op: opBranch, rs: rs, imm: simm}
	case 0x08, 0x18:
		if d.overflow {
			if w>>26 == 0x08 {
				return alu(opADDIU, rs, 0, rt, simm)
			}
			return alu(opDADDIU, rs, 0, rt, simm)
		}
		if w>>26 == 0x08 {
			return insn{op: opADDI, rs: rs, rd: rt, imm: simm}
		}
		return insn{op: opDADDI, rs: rs, rd: rt, imm: simm}
	case 0x09, 0x19:
		if rs == 0 {
			return alu(opLI, 0, 0, rt, simm)
		}
		if w>>26 == 0x09 {
			return alu(opADDIU, rs, 0, rt, simm)
		}
		if simm == 0 {
			return alu(opMove, rs, 0, rt, 0)
		}
		return alu(opDADDIU, rs, 0, rt, simm)
	case 0x0a:
		return alu(opSLTI, rs, 0, rt, simm)
	case 0x0b:
		return alu(opSLTIU, rs, 0, rt, simm)
	case 0x0c:
		return alu(opANDI, rs, 0, rt, uimm)
	case 0x0d:
		if rs == 0 {
			return alu(opLI, 0, 0, rt, uimm)
		}
		if uimm == 0 {
			return alu(opMove, rs, 0, rt, 0)
		}
		return alu(opORI, rs, 0, rt, uimm)
	case 0x0e:
		return alu(opXORI, rs, 0, rt, uimm)
	case 0x0f:
		if rs != 0 {
			return interp
		}
		return alu(opLI, 0, 0, rt, int32(w<<16))
	case 0x10:
		if !d.kernel {
			return interp
		}
		switch {
		case w == 0x42000018:
			return insn{op: opERET}
		case w == 0x42000002:
			return insn{op: opTLBW}
		case w == 0x42000006:
			return insn{op: opTLBW, imm: 1}
		case rs == 0 && w&0x7ff == 0:
			if plainRead(rd) {
				return alu(opMFC0, rd, 0, rt, 0)
			}
		case rs == 4 && w&0x7ff == 0:
			if plainWrite(rd) {
				return insn{op: opMTC0, rs: rt, imm: int32(rd)}
			}
		}
		return interp
	case 0x11:
		if rs != 8 { // not BC1
			return insn{op: opWord}
		}
		return interp
	case 0x13:
		if w&0x3f >= 0x20 {
			return insn{op: opWord}
		}
		return interp
	case 0x1a, 0x1b, 0x22, 0x26:
		if rt == 0 {
			return insn{op: opWord}
		}
		return insn{op: opLoadPart, rs: rs, rt: rt, rd: rt, imm: simm, wide: w>>26 < 0x20}
	case 0x2a, 0x2c, 0x2d, 0x2e:
		return insn{op: opStorePart, rs: rs, rt: rt, imm: simm, wide: w>>26 == 0x2c || w>>26 == 0x2d}
	case 0x30, 0x31, 0x34, 0x35, 0x38, 0x39, 0x3c, 0x3d:
		return insn{op: opWord}
	case 0x1c:
		if w&0x3f == 2 && sa == 0 {
			return alu(opMUL, rs, rt, rd, 0)
		}
		return interp
	case 0x20, 0x21, 0x23, 0x24, 0x25, 0x27, 0x37:
		return insn{op: opLoad, rs: rs, rd: rt, imm: simm}
	case 0x28, 0x29, 0x2b, 0x3f:
		return insn{op: opStore, rs: rs, rt: rt, imm: simm}
	case 0x2f: // CACHE: stores find translated code by themselves
		if d.kernel {
			return insn{op: opNop}
		}
		return interp
	case 0x33:
		return insn{op: opNop}
	}
	return interp
}

// needs64 tells whether w is reserved where 64-bit operations are.
func needs64(w uint32) bool {
	switch w >> 26 {
	case 0:
		switch fn := w & 0x3f; {
		case fn == 0x14, fn == 0x16, fn == 0x17, fn >= 0x1c && fn <= 0x1f, fn >= 0x2c && fn <= 0x2f, fn >= 0x38:
			return true
		}
	case 0x18, 0x19, 0x1a, 0x1b, 0x27, 0x2c, 0x2d, 0x34, 0x37, 0x3c, 0x3f:
		return true
	}
	return false
}

// target returns where branch or jump in goes.
func (in *insn) target() uint32 {
	if o := in.w >> 26; o == 2 || o == 3 {
		return (in.pc+4)&0xf0000000 | in.w&0x03ffffff<<2
	}
	return in.pc + 4 + uint32(in.imm)<<2
}

// likely tells whether the delay slot of conditional branch in is skipped when
// it is not taken.
func (in *insn) likely() bool {
	if in.w>>26 == 1 {
		return in.w>>17&1 != 0
	}
	return in.w>>26 >= 20
}

// branches tells whether in has a delay slot.
func (in *insn) branches() bool { return in.op >= opBranch && in.op <= opJALR }

// dest returns the register that in writes, -1 for none.
func (in *insn) dest() int {
	switch in.op {
	case opInterp, opNop, opStore, opStorePair, opStorePart, opBranch, opJump, opJR, opTrap, opTrapImm, opMTC0, opSyscall, opERET, opTLBW, opWord:
		return -1
	}
	if in.rd == 0 {
		return -1
	}
	return int(in.rd)
}

// isBranch tells whether w has a delay slot, whatever it is.
func isBranch(w uint32) bool {
	switch w >> 26 {
	case 0:
		return w&0x3f == 8 || w&0x3f == 9
	case 1:
		return w>>16&31&^0x13 == 0
	case 2, 3, 4, 5, 6, 7, 20, 21, 22, 23:
		return true
	case 17:
		return w>>21&31 == 8
	}
	return false
}

// width returns the bytes of a load or store by its major opcode.
func width(major uint32) int {
	switch major {
	case 0x20, 0x24, 0x28:
		return 1
	case 0x21, 0x25, 0x29:
		return 2
	case 0x37, 0x3f:
		return 8
	}
	return 4
}

// uses returns the registers that in reads; 0 may be among them.
func (in *insn) uses() []uint8 {
	switch in.op {
	case opInterp, opNop, opLI, opJump, opCall, opSyscall, opERET, opMFC0:
		return nil
	case opMOVZ, opMOVN:
		return []uint8{in.rs, in.rt, in.rd}
	}
	return []uint8{in.rs, in.rt}
}

// defines returns the registers that in writes; 0 may be among them.
func (in *insn) defines() []uint8 {
	switch in.op {
	case opMULT, opMULTU, opDMULT, opDMULTU, opDIV, opDIVU, opDDIV, opDDIVU:
		return []uint8{regHI, regLO}
	}
	if d := in.dest(); d > 0 {
		return []uint8{uint8(d)}
	}
	return nil
}

// accessKind is what a load or store does.
type accessKind struct {
	align         uint64 // address bits that must be 0
	size          uint8  // bytes
	shift         uint8  // 64 less the bits of it
	signed, store bool
}

// extend returns what a load makes of v, of which the bytes of the access count.
func (k *accessKind) extend(v uint64) uint64 {
	v <<= k.shift & 63
	if k.signed {
		return uint64(int64(v) >> (k.shift & 63))
	}
	return v >> (k.shift & 63)
}

// kinds are those of loads and stores by their major opcode.
var kinds = func() (t [64]accessKind) {
	for i := range t {
		n := width(uint32(i))
		t[i] = accessKind{align: uint64(n - 1), size: uint8(n), shift: uint8(64 - 8*n),
			signed: i == 0x20 || i == 0x21 || i == 0x23, store: i >= 0x28 && i != 0x37}
	}
	return t
}()

// unalignedPair makes one unaligned access of two instructions that load or store the two
// parts of a unit, in either order.
func unalignedPair(pc, w, next uint32) (insn, bool) {
	if (w^next)&0x03ff0000 != 0 {
		return insn{}, false
	}
	rs, rt := uint8(w>>21&31), uint8(w>>16&31)
	a, b := w>>26, next>>26
	left, right := int32(int16(w)), int32(int16(next))
	if a > b {
		a, b, left, right = b, a, right, left
	}
	o, size := opLoadPair, int32(4)
	switch {
	case a == 0x22 && b == 0x26:
	case a == 0x1a && b == 0x1b:
		size = 8
	case a == 0x2a && b == 0x2e:
		o = opStorePair
	case a == 0x2c && b == 0x2d:
		o, size = opStorePair, 8
	default:
		return insn{}, false
	}
	if right != left+size-1 || o == opLoadPair && (rt == rs || rt == 0) {
		return insn{}, false
	}
	in := insn{op: o, rs: rs, imm: left, w: w, pc: pc, wide: size == 8}
	if o == opLoadPair {
		in.rd = rt
	} else {
		in.rt = rt
	}
	return in, true
}

// canExit tells whether the code of in can leave the region, which needs all
// registers to be what the guest would see.
func (in *insn) canExit() bool {
	switch in.op {
	case opLoad, opStore, opLoadPair, opStorePair, opLoadPart, opStorePart, opADD, opADDI, opSUB, opDADD, opDADDI, opDSUB,
		opDIV, opDIVU, opDDIV, opDDIVU, opTrap, opTrapImm, opMFC0, opMTC0, opInterp:
		return true
	}
	return false
}

// Kinds of operations by what they make of the upper halves of their operands.
const (
	upperMatters = iota // they need all 64 bits
	upperIgnored        // they read 32 bits, and sign-extend a result of 32
	upperKept           // each bit of the result depends on the same bits of the operands
)

func (in *insn) upper() int {
	switch in.op {
	case opADDIU, opADDU, opSUBU, opSLL, opSRL, opSRA, opSLLV, opSRLV, opSRAV, opMUL:
		return upperIgnored
	case opMULT, opMULTU, opANDI, opNop, opLI:
		return upperIgnored
	case opAND, opOR, opXOR, opNOR, opORI, opXORI, opMove:
		return upperKept
	}
	return upperMatters
}

// overwritten tells whether what body[i] computes is overwritten within the block
// and no exit can come before, so that nobody sees the upper half of it.
func overwritten(body []insn, i int) bool {
	d := body[i].dest()
	if d <= 0 || d >= regHI {
		return false
	}
	for j := i + 1; j < len(body); j++ {
		if body[j].canExit() {
			return false
		}
		if body[j].dest() == d && body[j].op != opMOVZ && body[j].op != opMOVN {
			return true
		}
	}
	return false
}
