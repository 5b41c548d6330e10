package mips

// Floating-point coprocessor: MIPS IV instruction set, IEEE 754 arithmetic
// (softfloat.go).
//
// With Status.FR = 1 there are 32 registers of 64 bits. With FR = 0 there are 16:
// an even register holds a double, its halves are the single-precision registers
// of its own and the next number, and a 64-bit operand in an odd register is
// reserved. The upper half of a register that receives a 32-bit value keeps its
// content.
//
// With the nofpu quirk, only moves, LDC1 and SDC1 exist, CU1 is not checked and
// FR counts as 1 (cpu reference, 4.6).

// Fields of FCSR.
const (
	fcsrRM     = 3
	fcsrFlags  = 2  // shift
	fcsrEnable = 7  // shift
	fcsrCause  = 12 // shift; the sixth bit is Unimplemented Operation
	fcsrFS     = 1 << 24
	fcsrMask   = 0xff83ffff
)

// fccBit returns the FCSR bit of condition code n.
func fccBit(n uint32) uint32 {
	if n == 0 {
		return 1 << 23
	}
	return 1 << (24 + n)
}

// fpuUsable checks that word w may use the FPU, or raises the exception.
func (c *CPU) fpuUsable(w uint32) bool {
	if c.quirk&QuirkNoFPU != 0 {
		return true
	}
	if !c.cfg.Model.FPU || c.s.CP0.Status&StatusCU1 == 0 {
		c.raiseCpU(1)
		return false
	}
	return true
}

// fr reports whether all 32 registers are 64 bits wide.
func (c *CPU) fr() bool { return c.s.CP0.Status&StatusFR != 0 || c.quirk&QuirkNoFPU != 0 }

func (c *CPU) fpr32(i uint32) uint64 {
	if !c.fr() && i&1 != 0 {
		return c.s.FPR[i-1] >> 32
	}
	return c.s.FPR[i&31] & 0xffffffff
}

func (c *CPU) setFPR32(i uint32, v uint64) {
	v &= 0xffffffff
	switch {
	case c.quirk&QuirkNoFPU != 0:
		c.s.FPR[i&31] = v
	case !c.fr() && i&1 != 0:
		c.s.FPR[i-1] = c.s.FPR[i-1]&0xffffffff | v<<32
	default:
		c.s.FPR[i&31] = c.s.FPR[i&31]&^0xffffffff | v
	}
}

// memFPU executes the loads and stores of the FPU.
func (c *CPU) memFPU(w uint32) bool {
	if !c.fpuUsable(w) {
		return false
	}
	base := c.s.GPR[w>>21&31]
	op := w >> 26
	va := base + uint64(int64(int16(w)))
	reg := w >> 16 & 31
	double, isStore := op&4 != 0, op&8 != 0
	if op == 0x13 { // COP1X, indexed
		va = base + c.s.GPR[w>>16&31]
		double, isStore = w&1 != 0, w&8 != 0
		reg = w >> 6 & 31
		if isStore {
			reg = w >> 11 & 31
			if w>>6&31 != 0 {
				return !c.raiseReserved(w)
			}
		} else if w>>11&31 != 0 {
			return !c.raiseReserved(w)
		}
	}
	if double && !c.fr() && reg&1 != 0 || !(double && op != 0x13) && c.quirk&QuirkNoFPU != 0 {
		return !c.raiseReserved(w)
	}
	switch {
	case isStore && double:
		return c.store(va, 8, c.s.FPR[reg])
	case isStore:
		return c.store(va, 4, c.fpr32(reg))
	case double:
		v, ok := c.load(va, 8)
		if ok {
			c.s.FPR[reg] = v
		}
		return ok
	}
	v, ok := c.load(va, 4)
	if ok {
		c.setFPR32(reg, v)
	}
	return ok
}

// cop1 executes COP1 and COP1X instructions other than branches, loads and
// stores, and MOVF and MOVT. It returns false when an exception was raised.
func (c *CPU) cop1(w uint32) bool {
	if !c.fpuUsable(w) {
		return false
	}
	rt, fs := w>>16&31, w>>11&31
	setGPR := func(r uint32, v uint64) {
		if r != 0 {
			c.s.GPR[r] = v
		}
	}
	switch w >> 26 {
	case 0: // MOVF, MOVT
		if (c.s.FCSR&fccBit(w>>18&7) != 0) == (w>>16&1 != 0) {
			setGPR(fs, c.s.GPR[w>>21&31])
		}
		return true
	case 0x13:
		return c.fpMulAdd(w)
	}
	if rs := w >> 21 & 31; rs < 8 {
		if w&0x7ff != 0 {
			return !c.raiseReserved(w)
		}
		wide := rs&1 != 0
		if wide && (c.narrow || !c.fr() && fs&1 != 0) {
			return !c.raiseReserved(w)
		}
		switch rs {
		case 0:
			setGPR(rt, sext32(c.fpr32(fs)))
			return true
		case 1:
			setGPR(rt, c.s.FPR[fs])
			return true
		case 4:
			c.setFPR32(fs, c.s.GPR[rt])
			return true
		case 5:
			c.s.FPR[fs] = c.s.GPR[rt]
			return true
		}
		if c.quirk&QuirkNoFPU == 0 {
			switch rs {
			case 2:
				setGPR(rt, sext32(uint64(c.readFCR(fs))))
				return true
			case 6:
				return c.writeFCR(fs, uint32(c.s.GPR[rt]))
			}
		}
		return !c.raiseReserved(w)
	}
	if c.quirk&QuirkNoFPU != 0 {
		return !c.raiseReserved(w)
	}
	return c.fpArith(w)
}

func (c *CPU) readFCR(reg uint32) uint32 {
	f := c.s.FCSR
	switch reg {
	case 0: // implementation and revision, those of PRId (cpu reference, 1.1)
		return c.cfg.Model.PRId & 0xffff
	case 25:
		return f>>24&0xfe | f>>23&1
	case 26:
		return f & 0x0003f07c
	case 28:
		return f&0x00000f83 | f>>22&4
	case 31:
		return f
	}
	return 0
}

func (c *CPU) writeFCR(reg uint32, v uint32) bool {
	f := c.s.FCSR
	switch reg {
	case 25:
		f = f&^0xfe800000 | v&0xfe<<24 | v&1<<23
	case 26:
		f = f&^0x0003f07c | v&0x0003f07c
	case 28:
		f = f&^0x01000f83 | v&0x00000f83 | v&4<<22
	case 31:
		f = v & fcsrMask
	default:
		return true
	}
	c.s.FCSR = f
	// A cause with its enable set traps at once; Unimplemented always does.
	if f>>fcsrCause&(f>>fcsrEnable&0x1f|0x20) != 0 {
		c.raise(excFPE)
		return false
	}
	return true
}

func (c *CPU) fpEnv() fpEnv {
	f := c.s.FCSR
	return fpEnv{rm: f & fcsrRM, flush: f&fcsrFS != 0, enables: f >> fcsrEnable & 0x1f}
}

// fpDone records the exceptions of an operation. It returns false when one of
// them traps; the result must not be stored then.
func (c *CPU) fpDone(env *fpEnv) bool {
	c.s.FCSR = c.s.FCSR&^(0x3f<<fcsrCause) | env.flags<<fcsrCause
	if env.flags&env.enables != 0 {
		c.raise(excFPE)
		return false
	}
	c.s.FCSR |= env.flags << fcsrFlags
	return true
}

// Formats of operands, as in the instruction.
const (
	fmtS = 16
	fmtD = 17
	fmtW = 20
	fmtL = 21
)

// fpRegOK tells whether a register can hold an operand of 64 bits if wide.
func (c *CPU) fpRegOK(i uint32, wide bool) bool { return !wide || i&1 == 0 || c.fr() }

func (c *CPU) fpGet(i uint32, wide bool) uint64 {
	if wide {
		return c.s.FPR[i&31]
	}
	return c.fpr32(i)
}

func (c *CPU) fpSet(i uint32, wide bool, v uint64) {
	if wide {
		c.s.FPR[i&31] = v
	} else {
		c.setFPR32(i, v)
	}
}

// fpArith executes the arithmetic instructions, conversions and compares.
func (c *CPU) fpArith(w uint32) bool {
	fm, ft, fs, fd, fn := w>>21&31, w>>16&31, w>>11&31, w>>6&31, w&0x3f
	f, wide := single, false
	switch fm {
	case fmtS:
	case fmtD:
		f, wide = double, true
	case fmtW, fmtL:
		return c.fpFromInt(w)
	default:
		return !c.raiseReserved(w)
	}
	env := c.fpEnv()
	one := uint64(f.bias()) << f.frac
	two := fn < 4 || fn >= 48
	if !two && ft != 0 && (fn < 17 || fn > 19) {
		return !c.raiseReserved(w)
	}
	if !c.fpRegOK(fs, wide) || two && !c.fpRegOK(ft, wide) {
		return !c.raiseReserved(w)
	}
	a := c.fpGet(fs, wide)
	var b uint64
	if two {
		b = c.fpGet(ft, wide)
	}
	if fn >= 48 {
		if w>>6&3 != 0 {
			return !c.raiseReserved(w)
		}
		less, equal, unordered := f.compare(&env, a, b, fn&8 != 0)
		if !c.fpDone(&env) {
			return false
		}
		bit := fccBit(w >> 8 & 7)
		c.s.FCSR &^= bit
		if fn&1 != 0 && unordered || fn&2 != 0 && equal || fn&4 != 0 && less {
			c.s.FCSR |= bit
		}
		return true
	}
	to := wide // width of the result
	var v uint64
	switch fn {
	case 0:
		v = f.add(&env, a, b)
	case 1:
		v = f.sub(&env, a, b)
	case 2:
		v = f.mul(&env, a, b)
	case 3:
		v = f.div(&env, a, b)
	case 4:
		v = f.sqrt(&env, a)
	case 5, 6, 7, 17, 18, 19: // ABS MOV NEG MOVF/MOVT MOVZ MOVN: no arithmetic
		if !c.fpRegOK(fd, wide) {
			return !c.raiseReserved(w)
		}
		switch fn {
		case 5:
			a &^= f.signBit()
		case 7:
			a ^= f.signBit()
		case 17:
			if w>>17&1 != 0 {
				return !c.raiseReserved(w)
			}
			if (c.s.FCSR&fccBit(w>>18&7) != 0) != (w>>16&1 != 0) {
				return true
			}
		case 18:
			if c.s.GPR[ft] != 0 {
				return true
			}
		case 19:
			if c.s.GPR[ft] == 0 {
				return true
			}
		}
		c.fpSet(fd, wide, a)
		return true
	case 8, 9, 10, 11: // ROUND.L TRUNC.L CEIL.L FLOOR.L
		to = true
		v = f.toInt(&env, a, 64, fn&3)
	case 12, 13, 14, 15:
		to = false
		v = f.toInt(&env, a, 32, fn&3)
	case 21: // RECIP
		v = f.div(&env, one, a)
	case 22: // RSQRT
		v = f.div(&env, one, f.sqrt(&env, a))
	case 32, 33: // CVT.S, CVT.D
		if fn&1 == fm&1 {
			return !c.raiseReserved(w)
		}
		to = fn == 33
		t := single
		if to {
			t = double
		}
		v = f.convert(&env, t, a)
	case 36: // CVT.W
		to = false
		v = f.toInt(&env, a, 32, env.rm)
	case 37: // CVT.L
		to = true
		v = f.toInt(&env, a, 64, env.rm)
	default:
		return !c.raiseReserved(w)
	}
	if !c.fpRegOK(fd, to) {
		return !c.raiseReserved(w)
	}
	if !c.fpDone(&env) {
		return false
	}
	c.fpSet(fd, to, v)
	return true
}

// fpFromInt executes CVT.S and CVT.D of fixed-point operands.
func (c *CPU) fpFromInt(w uint32) bool {
	fs, fd, fn := w>>11&31, w>>6&31, w&0x3f
	from, to := w>>21&31 == fmtL, fn == 33
	if fn&^1 != 32 || w>>16&31 != 0 || !c.fpRegOK(fs, from) || !c.fpRegOK(fd, to) {
		return !c.raiseReserved(w)
	}
	v := int64(c.fpGet(fs, from))
	if !from {
		v = int64(int32(v))
	}
	f := single
	if to {
		f = double
	}
	env := c.fpEnv()
	r := f.fromInt(&env, v)
	if !c.fpDone(&env) {
		return false
	}
	c.fpSet(fd, to, r)
	return true
}

// fpMulAdd executes MADD, MSUB, NMADD and NMSUB: a product and a sum, each
// rounded.
func (c *CPU) fpMulAdd(w uint32) bool {
	fr, ft, fs, fd := w>>21&31, w>>16&31, w>>11&31, w>>6&31
	f, wide := single, false
	switch w & 7 {
	case 0:
	case 1:
		f, wide = double, true
	default:
		return !c.raiseReserved(w)
	}
	if w&0x20 == 0 || c.quirk&QuirkNoFPU != 0 ||
		!c.fpRegOK(fr, wide) || !c.fpRegOK(ft, wide) || !c.fpRegOK(fs, wide) || !c.fpRegOK(fd, wide) {
		return !c.raiseReserved(w)
	}
	env := c.fpEnv()
	v := f.mul(&env, c.fpGet(fs, wide), c.fpGet(ft, wide))
	if w&8 != 0 {
		v = f.sub(&env, v, c.fpGet(fr, wide))
	} else {
		v = f.add(&env, v, c.fpGet(fr, wide))
	}
	if w&0x10 != 0 {
		v ^= f.signBit()
	}
	if !c.fpDone(&env) {
		return false
	}
	c.fpSet(fd, wide, v)
	return true
}
