package cpu

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
)

// stateSize is the size of a register dump: 32 GPRs, HI, LO, FCR31 (and a
// word of padding), 32 FPRs.
const (
	offHI     = 256
	offLO     = 264
	offFCR31  = 272
	offFPR    = 288
	stateSize = offFPR + 32*8
	// Beside the dump: where the next inputs are, and passes left.
	offInput = 0x400
	offPass  = 0x408
)

const inputStates = 509 // prime: every pass pairs sequences with other inputs

// generator makes programs of random instruction sequences. Each sequence loads
// all registers from an input state, runs a few dozen random instructions with
// branches, loops and memory accesses, and writes all registers out. What the
// architecture leaves unpredictable is avoided: 32-bit operations get canonical
// operands, divisors are not zero, trapping adds do not overflow.
type generator struct {
	*rand.Rand
	code []uint32
}

func (g *generator) emit(w ...uint32) { g.code = append(g.code, w...) }

func (g *generator) pc() uint32 { return codeVA + 4*uint32(len(g.code)) }

// reg returns a register that random code may write; 0 now and then.
func (g *generator) reg() uint32 {
	for {
		if r := g.Uint32N(32); r != counter && r != base && r != state {
			return r
		}
	}
}

// src returns any register that may be read.
func (g *generator) src() uint32 { return g.Uint32N(32) }

func (g *generator) imm() int { return int(int16(g.Uint32())) }

func (g *generator) pick(v ...uint32) uint32 { return v[g.IntN(len(v))] }

// unit is a run of instructions that is only entered at its start.
type unit struct {
	words []uint32
	// branch is the index in words of a branch whose offset is filled in with
	// the distance to unit target; -1 when there is none. absolute is the index
	// of a lui/ori pair that gets the target's address.
	branch, absolute, target int
}

func plain(words ...uint32) unit { return unit{words: words, branch: -1, absolute: -1} }

// sequence makes n units and resolves the branches among them.
func (g *generator) sequence(n int) {
	units := make([]unit, 0, n+8)
	for len(units) < n {
		switch k := g.IntN(100); {
		case k < 62:
			units = append(units, g.operation())
		case k < 78:
			units = append(units, g.memory())
		case k < 90:
			units = append(units, g.forward(len(units), n))
		case k < 93 && len(units)+6 < n:
			// A loop of 2 to 5 turns over 1 to 4 units.
			units = append(units, plain(addiu(counter, zero, 2+g.IntN(4))))
			start := len(units)
			for range 1 + g.IntN(4) {
				units = append(units, g.operation())
			}
			// bgtz or bgtzl
			units = append(units, unit{
				words:  []uint32{daddiu(counter, counter, -1), iType(g.pick(7, 23), counter, 0, 0), g.slot()},
				branch: 1, absolute: -1, target: start,
			})
		default:
			units = append(units, g.operation())
		}
	}
	starts := make([]uint32, len(units)+1)
	pc := g.pc()
	for i, u := range units {
		starts[i] = pc
		pc += 4 * uint32(len(u.words))
	}
	starts[len(units)] = pc
	for i, u := range units {
		to := starts[min(u.target, len(units))]
		if u.branch >= 0 {
			from := starts[i] + 4*uint32(u.branch) + 4
			u.words[u.branch] |= uint32(uint16(int32(to-from) >> 2))
		}
		if u.absolute >= 0 {
			u.words[u.absolute] |= to >> 16
			u.words[u.absolute+1] |= to & 0xffff
		}
		g.emit(u.words...)
	}
}

// forward is a branch or jump to a later unit.
func (g *generator) forward(at, n int) unit {
	u := unit{branch: 0, absolute: -1, target: min(at+1+g.IntN(6), n+7)}
	s, t := g.src(), g.src()
	if g.IntN(4) == 0 {
		t = s
	}
	switch g.IntN(12) {
	case 0, 1, 2, 3: // beq bne blez bgtz and likely
		op := g.pick(4, 5, 6, 7, 20, 21, 22, 23)
		if op&3 >= 2 {
			t = 0
		}
		u.words = []uint32{iType(op, s, t, 0), g.slot()}
	case 4, 5, 6: // bltz bgez bltzl bgezl and linking forms
		rt := g.pick(0, 1, 2, 3, 16, 17, 18, 19)
		if s == 31 {
			s = 1
		}
		u.words = []uint32{iType(1, s, rt, 0), g.slot()}
	case 7, 8: // bc1f bc1t bc1fl bc1tl
		u.words = []uint32{rType(17, 8, 0, 0, 0, 0) | g.Uint32N(8)<<18 | g.Uint32N(4)<<16, g.slot()}
	default: // jr, jalr
		r := 1 + g.Uint32N(24)
		fn, rd := uint32(8), uint32(0)
		if g.IntN(2) == 0 {
			fn = 9
			for rd = g.reg(); rd == r; rd = g.reg() {
			}
		}
		u.branch = -1
		u.absolute = 0
		u.words = []uint32{lui(r, 0), ori(r, r, 0), rType(0, r, 0, rd, 0, fn), g.slot()}
	}
	return u
}

// slot is one instruction for a delay slot.
func (g *generator) slot() uint32 {
	for {
		if u := g.operation(); len(u.words) == 1 {
			return u.words[0]
		}
	}
}

// operation is one integer or floating-point operation, with what makes its
// operands acceptable before it.
func (g *generator) operation() unit {
	if g.IntN(3) == 0 {
		return g.floating()
	}
	s, t, d := g.src(), g.src(), g.reg()
	// canonical makes registers hold sign-extended 32-bit values.
	canonical := func(w uint32, regs ...uint32) unit {
		var words []uint32
		for _, r := range regs {
			if r != base && r != state && r != counter && r != 0 {
				words = append(words, sll0(r))
			}
		}
		return plain(append(words, w)...)
	}
	switch g.IntN(26) {
	case 0, 1: // addu subu
		return canonical(rType(0, s, t, d, 0, g.pick(33, 35)), s, t)
	case 2: // add sub addi of operands that cannot overflow
		s, t = g.reg(), g.reg()
		words := []uint32{sll0(s), sll0(t), rType(0, 0, s, s, 2, 3), rType(0, 0, t, t, 2, 3)}
		return plain(append(words, rType(0, s, t, d, 0, g.pick(32, 34)))...)
	case 3: // dadd dsub daddi
		s, t = g.reg(), g.reg()
		words := []uint32{rType(0, 0, s, s, 2, 59), rType(0, 0, t, t, 2, 59)}
		if g.IntN(3) == 0 {
			return plain(append(words, iType(24, s, d, g.imm()))...)
		}
		return plain(append(words, rType(0, s, t, d, 0, g.pick(44, 46)))...)
	case 4: // and or xor nor
		return plain(rType(0, s, t, d, 0, g.pick(36, 37, 38, 39)))
	case 5: // slt sltu
		return plain(rType(0, s, t, d, 0, g.pick(42, 43)))
	case 6, 7: // daddu dsubu
		return plain(rType(0, s, t, d, 0, g.pick(45, 47)))
	case 8: // addiu
		return canonical(iType(9, s, d, g.imm()), s)
	case 9: // slti sltiu andi ori xori daddiu
		return plain(iType(g.pick(10, 11, 12, 13, 14, 25), s, d, g.imm()))
	case 10:
		return plain(iType(15, 0, d, g.imm())) // lui
	case 11, 12: // sll srl sra
		return canonical(rType(0, 0, t, d, g.Uint32N(32), g.pick(0, 2, 3)), t)
	case 13: // sllv srlv srav
		return canonical(rType(0, s, t, d, 0, g.pick(4, 6, 7)), t)
	case 14, 15: // dsll dsrl dsra and +32
		return plain(rType(0, 0, t, d, g.Uint32N(32), g.pick(56, 58, 59, 60, 62, 63)))
	case 16: // dsllv dsrlv dsrav
		return plain(rType(0, s, t, d, 0, g.pick(20, 22, 23)))
	case 17: // mult multu
		return canonical(rType(0, s, t, 0, 0, g.pick(24, 25)), s, t)
	case 18: // dmult dmultu
		return plain(rType(0, s, t, 0, 0, g.pick(28, 29)))
	case 19: // div divu by an odd number; 0x80000000/-1 does not occur: dividends are halved
		s, t = g.reg(), g.reg()
		if s == t || t == 0 {
			return plain(nop)
		}
		return plain(sll0(s), rType(0, 0, s, s, 1, 3), sll0(t), ori(t, t, 1), rType(0, s, t, 0, 0, g.pick(26, 27)))
	case 20: // ddiv ddivu
		s, t = g.reg(), g.reg()
		if s == t || t == 0 {
			return plain(nop)
		}
		return plain(rType(0, 0, s, s, 1, 59), ori(t, t, 1), rType(0, s, t, 0, 0, g.pick(30, 31)))
	case 21: // mfhi mflo mthi mtlo
		if g.IntN(2) == 0 {
			return plain(rType(0, 0, 0, d, 0, g.pick(16, 18)))
		}
		return plain(rType(0, s, 0, 0, 0, g.pick(17, 19)))
	case 22: // movz movn movf movt
		if g.IntN(2) == 0 {
			return plain(rType(0, s, t, d, 0, g.pick(10, 11)))
		}
		return plain(rType(0, s, g.Uint32N(8)<<2|g.Uint32N(2), d, 0, 1))
	case 23: // mul clz clo, madd maddu msub msubu
		switch g.IntN(3) {
		case 0:
			return canonical(rType(28, s, t, d, 0, 2), s, t)
		case 1: // rt must equal rd in clz and clo
			return canonical(rType(28, s, d, d, 0, g.pick(32, 33)), s)
		default: // on canonical HI and LO
			words := []uint32{}
			for _, fn := range []uint32{16, 18} { // mfhi, mflo into r1, back as 32-bit values
				words = append(words, rType(0, 0, 0, 1, 0, fn), sll0(1), rType(0, 1, 0, 0, 0, fn+1))
			}
			u := canonical(rType(28, s, t, 0, 0, g.pick(0, 1, 4, 5)), s, t)
			return plain(append(words, u.words...)...)
		}
	case 24: // dclz dclo
		return plain(rType(28, s, d, d, 0, g.pick(36, 37)))
	default: // traps that are not taken; sync, pref
		switch g.IntN(3) {
		case 0: // teq 0, r|1
			t = g.reg()
			if t == 0 {
				return plain(nop)
			}
			return plain(ori(t, t, 1), rType(0, 0, t, 0, 0, 52))
		case 1:
			return plain(rType(0, s, s, 0, 0, 54)) // tne r, r
		default:
			return plain(iType(51, base, g.Uint32N(2), g.IntN(256))) // pref
		}
	}
}

// Formats of floating-point operations.
const (
	fmtS = 16
	fmtD = 17
	fmtW = 20
	fmtL = 21
)

func cop1(format, ft, fs, fd, fn uint32) uint32 { return rType(17, format, ft, fs, fd, fn) }

// single makes the upper half of fd, which a 32-bit result leaves undefined,
// defined: the sign-extended lower half. It uses r1.
func single(fd uint32, words ...uint32) unit {
	return plain(append(words, rType(17, 0, 1, fd, 0, 0), rType(17, 5, 1, fd, 0, 0))...)
}

func (g *generator) floating() unit {
	fs, ft, fd := g.Uint32N(32), g.Uint32N(32), g.Uint32N(32)
	result := func(format uint32, words ...uint32) unit {
		if format == fmtS || format == fmtW {
			return single(fd, words...)
		}
		return plain(words...)
	}
	f := g.pick(fmtS, fmtD)
	switch g.IntN(16) {
	case 0, 1, 2: // add sub mul div
		return result(f, cop1(f, ft, fs, fd, g.pick(0, 1, 2, 3)))
	case 3: // sqrt abs mov neg
		return result(f, cop1(f, 0, fs, fd, g.pick(4, 5, 6, 7)))
	case 4: // round trunc ceil floor to long, to word
		if g.IntN(2) == 0 {
			return plain(cop1(f, 0, fs, fd, 8+g.Uint32N(4)))
		}
		return result(fmtW, cop1(f, 0, fs, fd, 12+g.Uint32N(4)))
	case 5: // cvt.s, cvt.d from all
		if g.IntN(2) == 0 {
			return result(fmtS, cop1(g.pick(fmtD, fmtW, fmtL), 0, fs, fd, 32))
		}
		return plain(cop1(g.pick(fmtS, fmtW, fmtL), 0, fs, fd, 33))
	case 6: // cvt.w, cvt.l
		if g.IntN(2) == 0 {
			return result(fmtW, cop1(f, 0, fs, fd, 36))
		}
		return plain(cop1(f, 0, fs, fd, 37))
	case 7, 8: // c.cond
		return plain(cop1(f, ft, fs, g.Uint32N(8)<<2, 48+g.Uint32N(16)))
	case 9: // movz movn movf movt
		if g.IntN(2) == 0 {
			return result(f, cop1(f, g.src(), fs, fd, g.pick(18, 19)))
		}
		return result(f, cop1(f, g.Uint32N(8)<<2|g.Uint32N(2), fs, fd, 17))
	case 10: // madd msub nmadd nmsub
		return result(f, rType(19, g.Uint32N(32), ft, fs, fd, g.pick(32, 40, 48, 56)|(f-fmtS)))
	case 11: // mfc1 dmfc1 mtc1 dmtc1
		r := g.reg()
		switch g.IntN(4) {
		case 0:
			return plain(rType(17, 0, r, fs, 0, 0))
		case 1:
			return plain(rType(17, 1, r, fs, 0, 0))
		case 2:
			return single(fd, rType(17, 4, g.src(), fd, 0, 0))
		default:
			return plain(rType(17, 5, g.src(), fd, 0, 0))
		}
	case 12: // cfc1 $31
		return plain(rType(17, 2, g.reg(), 31, 0, 0))
	case 13: // ctc1 $31: a rounding mode and condition bits, no enables
		r := 1 + g.Uint32N(24)
		return plain(lui(r, g.Uint32N(0x10000)&0xfe80), ori(r, r, g.Uint32N(4)), rType(17, 6, r, 31, 0, 0))
	case 14: // recip rsqrt
		return result(f, cop1(f, 0, fs, fd, g.pick(21, 22)))
	default: // lwc1 ldc1 swc1 sdc1 and indexed
		off := g.IntN(0xff00) - 0x7f80
		switch g.IntN(6) {
		case 0:
			return single(fd, iType(49, base, fd, off&^3))
		case 1:
			return plain(iType(53, base, fd, off&^7))
		case 2:
			return plain(iType(57, base, fs, off&^3))
		case 3:
			return plain(iType(61, base, fs, off&^7))
		case 4: // lwxc1 ldxc1
			r := 1 + g.Uint32N(24)
			if g.IntN(2) == 0 {
				return single(fd, addiu(r, zero, off&^3), rType(19, base, r, 0, fd, 0))
			}
			return plain(addiu(r, zero, off&^7), rType(19, base, r, 0, fd, 1))
		default: // swxc1 sdxc1
			r := 1 + g.Uint32N(24)
			if g.IntN(2) == 0 {
				return plain(addiu(r, zero, off&^3), rType(19, base, r, fs, 0, 8))
			}
			return plain(addiu(r, zero, off&^7), rType(19, base, r, fs, 0, 9))
		}
	}
}

// memory is one load or store of the scratch memory.
func (g *generator) memory() unit {
	off := g.IntN(0xff00) - 0x7f80
	aligned := func(op uint32, size int, r uint32) unit { return plain(iType(op, base, r, off&^(size-1))) }
	switch g.IntN(12) {
	case 0:
		return aligned(g.pick(32, 36), 1, g.reg()) // lb lbu
	case 1:
		return aligned(g.pick(33, 37), 2, g.reg()) // lh lhu
	case 2:
		return aligned(g.pick(35, 39), 4, g.reg()) // lw lwu
	case 3:
		return aligned(55, 8, g.reg()) // ld
	case 4:
		return aligned(40, 1, g.src()) // sb
	case 5:
		return aligned(41, 2, g.src()) // sh
	case 6:
		return aligned(43, 4, g.src()) // sw
	case 7:
		return aligned(63, 8, g.src()) // sd
	case 8: // lwl lwr into a canonical register, ldl ldr
		r := g.reg()
		if g.IntN(2) == 0 {
			return plain(sll0(r), iType(g.pick(34, 38), base, r, off), sll0(r))
		}
		return aligned(g.pick(26, 27), 1, r)
	case 9: // swl swr sdl sdr
		return aligned(g.pick(42, 46, 44, 45), 1, g.src())
	case 10: // ll sc
		r, s := g.reg(), g.reg()
		return plain(iType(48, base, r, off&^3), g.slotOrNop(), iType(56, base, s, off&^3))
	default: // lld scd
		r, s := g.reg(), g.reg()
		return plain(iType(52, base, r, off&^7), g.slotOrNop(), iType(60, base, s, off&^7))
	}
}

// slotOrNop is an instruction between ll and sc.
func (g *generator) slotOrNop() uint32 {
	if g.IntN(2) == 0 {
		return nop
	}
	return daddiu(g.reg(), g.src(), g.imm())
}

// inputs makes the table of register states.
func (g *generator) inputs() []byte {
	b := make([]byte, inputStates*stateSize)
	for i := range inputStates {
		s := b[i*stateSize:]
		for r := uint64(0); r < 32; r++ {
			binary.BigEndian.PutUint64(s[8*r:], g.integer())
			f := g.double()
			if r%2 == 1 {
				f = uint64(int64(int32(g.float())))
			}
			binary.BigEndian.PutUint64(s[offFPR+8*r:], f)
		}
		binary.BigEndian.PutUint64(s[8*counter:], 0)
		binary.BigEndian.PutUint64(s[offHI:], uint64(int64(int32(g.Uint32()))))
		binary.BigEndian.PutUint64(s[offLO:], uint64(int64(int32(g.Uint32()))))
		binary.BigEndian.PutUint32(s[offFCR31:], g.Uint32()&0xfe800003)
	}
	return b
}

func (g *generator) integer() uint64 {
	switch g.IntN(6) {
	case 0:
		return g.Uint64()
	case 1:
		return uint64(int64(int32(g.Uint32())))
	case 2:
		return uint64(int64(int8(g.Uint32())))
	case 3:
		return 1 << g.IntN(64)
	case 4:
		return 1<<g.IntN(64) - 1
	default:
		return []uint64{0, 1, math.MaxUint64, 1 << 63, 1<<63 - 1, 0xffffffff80000000, 0x7fffffff, 0x80000000, 0xffffffff}[g.IntN(9)]
	}
}

func (g *generator) double() uint64 {
	switch g.IntN(7) {
	case 0:
		return g.Uint64()
	case 1: // special: zeros, infinities, both kinds of NaN, limits, subnormals
		return []uint64{0, 1 << 63, 0x7ff0 << 48, 0xfff0 << 48, 0x7ff7ffffffffffff, 0x7ff8000000000001, 0xfff0000000000001,
			1, 0x000fffffffffffff, 0x0010000000000000, 0x7fefffffffffffff, 0x41dfffffffc00000, 0xc1e0000000000000, 0x43e0000000000000}[g.IntN(14)]
	case 2:
		return math.Float64bits(float64(int32(g.Uint32())) / 2)
	case 3:
		return math.Float64bits(float64(g.IntN(2000)-1000) / 8)
	case 4:
		return math.Float64bits(math.Ldexp(g.Float64()+1, g.IntN(200)-100))
	case 5:
		return math.Float64bits(math.Ldexp(g.Float64()+1, g.IntN(40)-1060))
	default:
		return math.Float64bits(math.Ldexp(g.Float64()-0.5, 66))
	}
}

func (g *generator) float() uint32 {
	switch g.IntN(5) {
	case 0:
		return g.Uint32()
	case 1:
		return []uint32{0, 1 << 31, 0x7f800000, 0xff800000, 0x7fbfffff, 0x7fc00001, 0xff800001,
			1, 0x007fffff, 0x00800000, 0x7f7fffff, 0x4f000000, 0xcf000000, 0x5f000000}[g.IntN(14)]
	case 2:
		return math.Float32bits(float32(g.IntN(4000)-2000) / 16)
	case 3:
		return math.Float32bits(float32(math.Ldexp(g.Float64()+1, g.IntN(30)-145)))
	default:
		return math.Float32bits(float32(math.Ldexp(g.Float64()-0.5, g.IntN(80)-40)))
	}
}

// random makes a program of n sequences that is run through passes times.
// starts holds the address of each sequence, for messages.
func random(seed uint64, n, passes int) (p program, starts []uint32, code []uint32) {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0))}

	// A state block that says where the inputs are and how many passes remain.
	block := make([]byte, 0x1000)
	binary.BigEndian.PutUint64(block[offInput:], inputVA)
	binary.BigEndian.PutUint64(block[offPass:], uint64(passes))

	scratch := make([]byte, 0x10000)
	for i := range scratch {
		scratch[i] = byte(g.Uint32())
	}

	write := func(va uint32, size uint32) {
		g.emit(ori(v0, zero, sysWrite), ori(a0, zero, 1))
		g.emit(li(a1, va)...)
		g.emit(li(a2, size)...)
		g.emit(syscall)
	}
	begin := g.pc()
	for range n {
		starts = append(starts, g.pc())
		g.emit(li(state, stateVA)...)
		g.emit(ld(1, offInput, state))
		// HI, LO, FCR31, FPRs, then GPRs with r1, the pointer, last.
		g.emit(ld(2, offHI, 1), rType(0, 2, 0, 0, 0, 17), ld(2, offLO, 1), rType(0, 2, 0, 0, 0, 19))
		g.emit(lw(2, offFCR31, 1), rType(17, 6, 2, 31, 0, 0))
		for r := uint32(0); r < 32; r++ {
			g.emit(ldc1(r, offFPR+8*int(r), 1))
		}
		for r := uint32(2); r < 32; r++ {
			if r != base && r != state {
				g.emit(ld(r, 8*int(r), 1))
			}
		}
		g.emit(li(base, scratchVA+0x8000)...)
		g.emit(ld(1, 8, 1))

		g.sequence(20 + g.IntN(60))

		for r := uint32(0); r < 32; r++ {
			g.emit(sd(r, 8*int(r), state))
		}
		g.emit(rType(0, 0, 0, 2, 0, 16), sd(2, offHI, state), rType(0, 0, 0, 2, 0, 18), sd(2, offLO, state))
		g.emit(rType(17, 2, 2, 31, 0, 0), sw(2, offFCR31, state))
		for r := uint32(0); r < 32; r++ {
			g.emit(sdc1(r, offFPR+8*int(r), state))
		}
		write(stateVA, stateSize)
		// The next input, round the table.
		g.emit(ld(1, offInput, state), daddiu(1, 1, stateSize))
		g.emit(li(2, inputVA+inputStates*stateSize)...)
		g.emit(iType(5, 1, 2, 3), nop) // bne 1, 2, over the reset
		g.emit(li(1, inputVA)...)
		g.emit(sd(1, offInput, state))
	}
	g.emit(ld(1, offPass, state), daddiu(1, 1, -1), sd(1, offPass, state))
	g.emit(iType(6, 1, 0, 3), nop) // blez 1, over the jump back
	g.emit(2<<26|begin>>2&0x03ffffff, nop)
	write(scratchVA, 0x10000)
	g.emit(ori(v0, zero, sysExit), ori(a0, zero, 0), syscall)

	text := make([]byte, 4*len(g.code))
	for i, w := range g.code {
		binary.BigEndian.PutUint32(text[4*i:], w)
	}
	code = g.code
	return program{entry: begin, segments: []segment{
		{codeVA, text},
		{inputVA, g.inputs()},
		{scratchVA, scratch},
		{stateVA, block},
	}}, starts, code
}
