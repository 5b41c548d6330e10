package mips

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// special are operands that exercise the corners of double precision; the
// single-precision tests convert them.
var special = []float64{
	0, math.Copysign(0, -1), 1, -1, 1.5, 3, -7, 0.1, math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64,
	math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64, 0x1p-1022, 0x1p-1023, 0x1.fffffffffffffp-1023, 1 << 52, 1<<53 - 1, 1 << 62, -(1 << 63), 1 << 63,
	math.MaxFloat32, 0x1p-126, 0x1p-149, 0x1p-150, 0x1.000001p0, 0x1.0000008p0, 2147483647, 2147483648, -2147483648, -2147483649, 0.5, 2.5, -0.5, -1.5, 4294967295.5,
}

func randDouble(r *rand.Rand) uint64 {
	switch r.IntN(4) {
	case 0:
		return math.Float64bits(special[r.IntN(len(special))])
	case 1:
		return r.Uint64()
	case 2: // near 1, few bits
		return uint64(1023-3+r.IntN(6))<<52 | r.Uint64()&(1<<52-1)&^(1<<r.IntN(50)-1) | uint64(r.IntN(2))<<63
	}
	return math.Float64bits(math.Ldexp(r.Float64()-0.5, r.IntN(2098)-1073))
}

func randSingle(r *rand.Rand) uint64 {
	switch r.IntN(3) {
	case 0:
		return uint64(math.Float32bits(float32(special[r.IntN(len(special))])))
	case 1:
		return uint64(r.Uint32())
	}
	return uint64(127-3+r.IntN(6))<<23 | uint64(r.Uint32()>>9&^(1<<r.IntN(20)-1))
}

// hostNaN turns a NaN of the host's encoding into the result expected here.
func host64(f float64) uint64 {
	if f != f {
		return double.nan
	}
	return math.Float64bits(f)
}

func host32(f float32) uint64 {
	if f != f {
		return single.nan
	}
	return uint64(math.Float32bits(f))
}

func isNaN(f *fpFormat, v uint64) bool {
	n := f.unpack(v)
	return n.isNaN()
}

// toHost makes a NaN of ours a NaN of the host.
func d64(v uint64) float64 {
	if isNaN(double, v) {
		return math.NaN()
	}
	return math.Float64frombits(v)
}

func d32(v uint64) float32 {
	if isNaN(single, v) {
		return float32(math.NaN())
	}
	return math.Float32frombits(uint32(v))
}

// TestSoftfloatAgainstHost compares round-to-nearest results with the host's.
func TestSoftfloatAgainstHost(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	check := func(op string, a, b, got, want uint64) {
		if got != want {
			t.Fatalf("%s %#x, %#x = %#x, want %#x", op, a, b, got, want)
		}
	}
	for range 300_000 {
		a, b := randDouble(r), randDouble(r)
		x, y := d64(a), d64(b)
		var env fpEnv
		check("add.d", a, b, double.add(&env, a, b), host64(x+y))
		check("sub.d", a, b, double.sub(&env, a, b), host64(x-y))
		check("mul.d", a, b, double.mul(&env, a, b), host64(x*y))
		check("div.d", a, b, double.div(&env, a, b), host64(x/y))
		check("sqrt.d", a, 0, double.sqrt(&env, a), host64(math.Sqrt(x)))
		check("cvt.s.d", a, 0, double.convert(&env, single, a), host32(float32(x)))
		check("cvt.d.l", a, 0, double.fromInt(&env, int64(a)), host64(float64(int64(a))))
		check("cvt.s.l", a, 0, single.fromInt(&env, int64(a)), host32(float32(int64(a))))
		less, equal, un := double.compare(&env, a, b, false)
		if less != (x < y) || equal != (x == y) || un != (x != x || y != y) {
			t.Fatalf("compare.d %#x, %#x: %v %v %v", a, b, less, equal, un)
		}
		for rm, round := range []func(float64) float64{math.RoundToEven, math.Trunc, math.Ceil, math.Floor} {
			for _, size := range []uint{32, 64} {
				want := uint64(1)<<(size-1) - 1
				if v := round(x); v >= -math.Ldexp(1, int(size)-1) && v < math.Ldexp(1, int(size)-1) {
					want = uint64(int64(v))
				}
				env = fpEnv{}
				check("toInt.d", a, uint64(rm), double.toInt(&env, a, size, uint32(rm)), want)
			}
		}
		a, b = randSingle(r), randSingle(r)
		u, v := d32(a), d32(b)
		check("add.s", a, b, single.add(&env, a, b), host32(u+v))
		check("sub.s", a, b, single.sub(&env, a, b), host32(u-v))
		check("mul.s", a, b, single.mul(&env, a, b), host32(u*v))
		check("div.s", a, b, single.div(&env, a, b), host32(u/v))
		check("sqrt.s", a, 0, single.sqrt(&env, a), host32(float32(math.Sqrt(float64(u)))))
		check("cvt.d.s", a, 0, single.convert(&env, double, a), host64(float64(u)))
		less, equal, un = single.compare(&env, a, b, false)
		if less != (u < v) || equal != (u == v) || un != (u != u || v != v) {
			t.Fatalf("compare.s %#x, %#x: %v %v %v", a, b, less, equal, un)
		}
	}
}

// exactResult rounds an exact number into f in mode rm by plain definition and
// returns the flags too.
func exactResult(f *fpFormat, x *big.Float, rm uint32) (uint64, uint32) {
	mode := []big.RoundingMode{big.ToNearestEven, big.ToZero, big.ToPositiveInf, big.ToNegativeInf}[rm]
	prec := f.frac + 1
	emin := 1 - f.bias()
	exp := x.MantExp(nil) - 1
	normal := new(big.Float).SetPrec(prec).SetMode(mode).Set(x)
	tiny := normal.MantExp(nil)-1 < emin
	n := prec
	if exp < emin {
		d := emin - exp
		if uint(d) >= prec {
			// Less than one bit is left: round by comparing with the least number.
			least := new(big.Float).SetMantExp(big.NewFloat(1), emin-int(f.frac))
			abs := new(big.Float).Abs(x)
			half := new(big.Float).Quo(least, big.NewFloat(2))
			up := false
			switch rm {
			case roundNearest:
				up = abs.Cmp(half) > 0
			case roundUp:
				up = x.Sign() > 0
			case roundDown:
				up = x.Sign() < 0
			}
			var v uint64
			if up {
				v = 1
			}
			return f.signed(x.Sign() < 0, v), fpInexact | fpUnderflow
		}
		n = prec - uint(d)
	}
	y := new(big.Float).SetPrec(n).SetMode(mode).Set(x)
	var flags uint32
	if y.Cmp(x) != 0 {
		flags |= fpInexact
		if tiny {
			flags |= fpUnderflow
		}
	}
	neg := x.Sign() < 0
	e := y.MantExp(nil) - 1
	if e > f.bias() {
		v := f.infinity()
		if rm == roundZero || rm == roundUp && neg || rm == roundDown && !neg {
			v--
		}
		return f.signed(neg, v), fpInexact | fpOverflow
	}
	scaled := new(big.Float).SetMantExp(y, int(f.frac)-max(e, emin))
	m, _ := scaled.Abs(scaled).Uint64()
	if e < emin {
		return f.signed(neg, m), flags
	}
	return f.signed(neg, uint64(e+f.bias())<<f.frac|m&(1<<f.frac-1)), flags
}

// TestSoftfloatRounding compares all rounding modes and the flags with exact
// arithmetic.
func TestSoftfloatRounding(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	num := func(f *fpFormat, v uint64) *big.Float {
		if f == single {
			return new(big.Float).SetPrec(3000).SetFloat64(float64(math.Float32frombits(uint32(v))))
		}
		return new(big.Float).SetPrec(3000).SetFloat64(math.Float64frombits(v))
	}
	finite := func(f *fpFormat, v uint64) bool {
		n := f.unpack(v)
		return n.class == fpFinite
	}
	for i := range 12_000 {
		f, a, b := double, randDouble(r), randDouble(r)
		if i%2 == 0 {
			f, a, b = single, randSingle(r), randSingle(r)
		}
		if i%8 < 2 { // close exponents, so that sums cancel
			b = a ^ f.signBit() ^ uint64(r.IntN(1<<10))
		}
		if !finite(f, a) || !finite(f, b) {
			continue
		}
		x, y := num(f, a), num(f, b)
		for rm := range uint32(4) {
			check := func(op string, exact *big.Float, got func(*fpEnv) uint64) {
				if exact.Sign() == 0 {
					return
				}
				want, flags := exactResult(f, exact, rm)
				env := fpEnv{rm: rm}
				if v := got(&env); v != want || env.flags != flags {
					t.Fatalf("%s %#x, %#x in mode %d = %#x flags %#x, want %#x flags %#x", op, a, b, rm, v, env.flags, want, flags)
				}
			}
			z := func() *big.Float { return new(big.Float).SetPrec(3000) }
			check("add", z().Add(x, y), func(e *fpEnv) uint64 { return f.add(e, a, b) })
			check("sub", z().Sub(x, y), func(e *fpEnv) uint64 { return f.sub(e, a, b) })
			check("mul", z().Mul(x, y), func(e *fpEnv) uint64 { return f.mul(e, a, b) })
			check("div", z().Quo(x, y), func(e *fpEnv) uint64 { return f.div(e, a, b) })
			if x.Sign() > 0 && i%8 == 1 {
				check("sqrt", z().Sqrt(x), func(e *fpEnv) uint64 { return f.sqrt(e, a) })
			}
			if f == double {
				want, flags := exactResult(single, x, rm)
				env := fpEnv{rm: rm}
				if v := double.convert(&env, single, a); v != want || env.flags != flags {
					t.Fatalf("cvt.s.d %#x in mode %d = %#x flags %#x, want %#x flags %#x", a, rm, v, env.flags, want, flags)
				}
			}
		}
	}
	// Zero from cancellation has the sign of the rounding mode.
	for rm := range uint32(4) {
		env := fpEnv{rm: rm}
		want := uint64(0)
		if rm == roundDown {
			want = 1 << 63
		}
		if v := double.sub(&env, 1<<62, 1<<62); v != want || env.flags != 0 {
			t.Errorf("x - x in mode %d = %#x", rm, v)
		}
	}
}

// Encodings of interest.
const (
	dOne   = 0x3ff0000000000000
	dTwo   = 0x4000000000000000
	dInf   = 0x7ff0000000000000
	dMax   = 0x7fefffffffffffff
	dMin   = 0x0010000000000000 // least normal
	dQNaN  = 0x7ff7ffffffffffff
	dQNaN2 = 0x7ff0000000000001
	dSNaN  = 0x7ff8000000000000
	sOne   = 0x3f800000
	sQNaN  = 0x7fbfffff
	sSNaN  = 0x7fc00000
)

// TestFPExceptions: flags and cause of each exception, the default results, and
// the trap when enabled, which leaves the destination alone.
func TestFPExceptions(t *testing.T) {
	for _, c := range []struct {
		name  string
		w     uint32 // fd = $f2, fs = $f4, ft = $f6
		a, b  uint64
		want  uint64
		flags uint32
	}{
		{"inexact", fp(fmtD, 3, 6, 4, 2), dOne, 0x4008000000000000, 0x3fd5555555555555, fpInexact},
		{"exact", fp(fmtD, 0, 6, 4, 2), dOne, dOne, dTwo, 0},
		{"overflow", fp(fmtD, 2, 6, 4, 2), dMax, dTwo, dInf, fpOverflow | fpInexact},
		{"underflow", fp(fmtD, 2, 6, 4, 2), dMin, 0x3fdfffffffffffff, 0x0008000000000000, fpUnderflow | fpInexact},
		{"denormal exact", fp(fmtD, 2, 6, 4, 2), dMin, 0x3fe0000000000000, 0x0008000000000000, 0},
		{"division by zero", fp(fmtD, 3, 6, 4, 2), dOne, 0, dInf, fpDivZero},
		{"0/0", fp(fmtD, 3, 6, 4, 2), 0, 0, dQNaN, fpInvalid},
		{"inf-inf", fp(fmtD, 1, 6, 4, 2), dInf, dInf, dQNaN, fpInvalid},
		{"0*inf", fp(fmtD, 2, 6, 4, 2), 0, dInf, dQNaN, fpInvalid},
		{"sqrt -1", fp(fmtD, 4, 0, 4, 2), 1<<63 | dOne, 0, dQNaN, fpInvalid},
		{"sqrt -0", fp(fmtD, 4, 0, 4, 2), 1 << 63, 0, 1 << 63, 0},
		{"qnan", fp(fmtD, 0, 6, 4, 2), dQNaN2, dOne, dQNaN, 0},
		{"snan", fp(fmtD, 0, 6, 4, 2), dOne, dSNaN, dQNaN, fpInvalid},
		{"snan single", fp(fmtS, 2, 6, 4, 2), sOne, sSNaN, sQNaN, fpInvalid},
		{"cvt.s.d of snan", fp(fmtD, 32, 0, 4, 2), dSNaN, 0, sQNaN, fpInvalid},
		{"cvt.d.s of qnan", fp(fmtS, 33, 0, 4, 2), sQNaN, 0, dQNaN, 0},
		{"trunc.w", fp(fmtD, 13, 0, 4, 2), 0xc0091eb851eb851f, 0, 0xfffffffd, fpInexact},
		{"trunc.w too large", fp(fmtD, 13, 0, 4, 2), 0xc1e0000000200000, 0, 0x7fffffff, fpInvalid},
		{"trunc.w least", fp(fmtD, 13, 0, 4, 2), 0xc1e0000000000000, 0, 0x80000000, 0},
		{"trunc.w nan", fp(fmtD, 13, 0, 4, 2), dQNaN, 0, 0x7fffffff, fpInvalid},
		{"trunc.l inf", fp(fmtD, 9, 0, 4, 2), 1<<63 | dInf, 0, 0x7fffffffffffffff, fpInvalid},
		{"round.w ties to even", fp(fmtD, 12, 0, 4, 2), 0x4004000000000000, 0, 2, fpInexact},
		{"ceil.w", fp(fmtD, 14, 0, 4, 2), 0x4004000000000000, 0, 3, fpInexact},
		{"floor.w", fp(fmtS, 15, 0, 4, 2), 0xbf000000, 0, 0xffffffff, fpInexact},
		{"ceil.l", fp(fmtS, 10, 0, 4, 2), 0xbf000000, 0, 0, fpInexact},
		{"recip", fp(fmtD, 21, 0, 4, 2), dTwo, 0, 0x3fe0000000000000, 0},
		{"rsqrt", fp(fmtD, 22, 0, 4, 2), 0x4010000000000000, 0, 0x3fe0000000000000, 0},
		{"rsqrt 0", fp(fmtD, 22, 0, 4, 2), 0, 0, dInf, fpDivZero},
		{"cvt.s.w", fp(fmtW, 32, 0, 4, 2), 0x01000001, 0, 0x4b800000, fpInexact},
		{"cvt.d.w", fp(fmtW, 33, 0, 4, 2), 0xffffffff, 0, 0xbff0000000000000, 0},
		{"cvt.d.l", fp(fmtL, 33, 0, 4, 2), ^uint64(0), 0, 0xbff0000000000000, 0},
		{"cvt.s.l", fp(fmtL, 32, 0, 4, 2), 1 << 40, 0, 0x53800000, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t)
			s := m.State()
			s.FPR[4], s.FPR[6] = c.a, c.b
			s.FCSR = 0x3f<<fcsrCause | 1<<fcsrFlags // the cause of before is replaced, flags add up
			m.run(c.w)
			if s.FPR[2] != c.want {
				t.Errorf("result %#x, want %#x", s.FPR[2], c.want)
			}
			if want := c.flags<<fcsrCause | (c.flags|1)<<fcsrFlags; s.FCSR != want {
				t.Errorf("FCSR %#x, want %#x", s.FCSR, want)
			}
			if c.flags == 0 {
				return
			}
			s.FPR[2], s.FCSR = 0x1234, 0x1f<<fcsrEnable
			m.run(c.w)
			m.wantException(excFPE, general, codeAt, false)
			if s.FPR[2] != 0x1234 {
				t.Errorf("destination %#x", s.FPR[2])
			}
			if want := c.flags<<fcsrCause | 0x1f<<fcsrEnable; s.FCSR != want {
				t.Errorf("FCSR %#x, want %#x", s.FCSR, want)
			}
		})
	}
	// FS: tiny results become zero, or the least normal number upwards.
	m := newMachine(t)
	s := m.State()
	s.FPR[4], s.FPR[6], s.FCSR = dMin, 0x3fe0000000000000, fcsrFS
	m.run(fp(fmtD, 2, 6, 4, 2))
	if s.FPR[2] != 0 || s.FCSR != fcsrFS|3<<fcsrCause|3<<fcsrFlags {
		t.Errorf("flushed: %#x, FCSR %#x", s.FPR[2], s.FCSR)
	}
	s.FCSR = fcsrFS | roundUp
	m.run(fp(fmtD, 2, 6, 4, 2))
	if s.FPR[2] != dMin {
		t.Errorf("flushed upwards: %#x", s.FPR[2])
	}
}

// TestFPCompare: all sixteen predicates, both condition code ranges, branches
// and conditional moves on them.
func TestFPCompare(t *testing.T) {
	one, two := uint64(dOne), uint64(dTwo)
	for cond := range 16 {
		for _, c := range []struct {
			a, b uint64
			bits int // unordered 1, equal 2, less 4
		}{{one, two, 4}, {two, one, 0}, {one, one, 2}, {one, dQNaN, 1}, {dSNaN, one, 1}, {0, 1 << 63, 2}} {
			for _, cc := range []int{0, 1, 7} {
				m := newMachine(t)
				s := m.State()
				s.FPR[4], s.FPR[6] = c.a, c.b
				s.GPR[5], s.FPR[8], s.FPR[9] = 9, 0x88, 0x99
				m.run(fp(fmtD, 48+cond, 6, 4, 0)|uint32(cc)<<8,
					rtype(1, 5, cc<<2|1, 2, 0), rtype(1, 5, cc<<2, 3, 0), // movt, movf
					fp(fmtD, 17, cc<<2|1, 9, 8)) // movt.d
				want := cond&c.bits&7 != 0
				if got := s.FCSR&fccBit(uint32(cc)) != 0; got != want {
					t.Errorf("c.%d %#x, %#x: %v", cond, c.a, c.b, got)
				}
				m.wantReg(2, 9*b2u(want))
				m.wantReg(3, 9*b2u(!want))
				if got := s.FPR[8]; got != 0x88+0x11*b2u(want) {
					t.Errorf("movt.d: %#x", got)
				}
				invalid := c.bits == 1 && (cond&8 != 0 || c.a == dSNaN)
				if got := s.FCSR&(fpInvalid<<fcsrFlags) != 0; got != invalid {
					t.Errorf("c.%d %#x, %#x: invalid %v", cond, c.a, c.b, got)
				}
				for tf := range 2 {
					m.code(0x45000000|uint32(cc<<18|tf<<16)|0x10, itype(oADDIU, 6, 6, 1))
					m.step(1)
					dest := uint64(codeAt + 8)
					if want == (tf == 1) {
						dest = codeAt + 0x44
					}
					if s.PC != dest {
						t.Errorf("bc1 %d: pc %#x", tf, s.PC)
					}
				}
			}
		}
	}
}

// TestFPRegisters: both register modes, moves, loads and stores.
func TestFPRegisters(t *testing.T) {
	m := newMachine(t)
	s := m.State()
	m.poke(dataAt, 0x11223344, 0x55667788)
	s.GPR[4], s.GPR[5] = dataAt, 0xaabbccdd
	// FR = 1: registers are independent; the upper half is kept by 32-bit writes.
	s.FPR[3] = 0x9999999999999999
	m.run(itype(oLDC1, 4, 2, 0), fp(4, 0, 5, 3, 0), itype(oLWC1, 4, 5, 4), fp(0, 0, 6, 3, 0), fp(1, 0, 7, 2, 0), fp(5, 0, 4, 9, 0))
	if s.FPR[2] != 0x1122334455667788 || s.FPR[3] != 0x99999999aabbccdd || s.FPR[5] != 0x55667788 || s.FPR[9] != dataAt {
		t.Errorf("%#x %#x %#x %#x", s.FPR[2], s.FPR[3], s.FPR[5], s.FPR[9])
	}
	m.wantReg(6, 0xffffffffaabbccdd)
	m.wantReg(7, 0x1122334455667788)
	// FR = 0: odd singles are upper halves.
	m.status(StatusCU1)
	s.FPR[2] = 0
	m.run(fp(4, 0, 5, 3, 0), itype(oLWC1, 4, 2, 0), fp(0, 0, 6, 3, 0), itype(oSDC1, 4, 2, 8), itype(oSWC1, 4, 3, 16))
	if s.FPR[2] != 0xaabbccdd11223344 {
		t.Errorf("$f2 %#x", s.FPR[2])
	}
	m.wantReg(6, 0xffffffffaabbccdd)
	if v, _ := m.Read(dataAt+8, 8); v != 0xaabbccdd11223344 {
		t.Errorf("sdc1 %#x", v)
	}
	if v, _ := m.Read(dataAt+16, 4); v != 0xaabbccdd {
		t.Errorf("swc1 %#x", v)
	}
	for _, w := range []uint32{itype(oLDC1, 4, 3, 0), itype(oSDC1, 4, 3, 0), fp(1, 0, 2, 3, 0), fp(fmtD, 0, 2, 3, 4), fp(fmtD, 0, 2, 2, 3), fp(fmtS, 33, 0, 2, 3)} {
		m.status(StatusCU1)
		m.run(w)
		m.wantException(excRI, general, codeAt, false)
	}
	// Indexed.
	m.status(StatusCU1 | StatusFR)
	s.GPR[5] = 4
	m.run(0x13<<26|rtype(0, 4, 5, 0, 11), 0x13<<26|rtype(8, 4, 0, 11, 0), 0x13<<26|rtype(1, 4, 0, 0, 12), 0x13<<26|rtype(9, 4, 0, 12, 0))
	if s.FPR[11] != 0x55667788 || s.FPR[12] != 0x5566778855667788 {
		t.Errorf("indexed: %#x %#x", s.FPR[11], s.FPR[12])
	}
	// Moves and signs.
	s.FPR[4] = dSNaN
	m.run(fp(fmtD, 6, 0, 4, 2), fp(fmtD, 7, 0, 4, 3), fp(fmtD, 5, 0, 3, 1), fp(fmtD, 18, 0, 3, 5), fp(fmtD, 19, 5, 3, 6), fp(fmtD, 19, 0, 2, 6))
	if s.FPR[2] != dSNaN || s.FPR[3] != dSNaN|1<<63 || s.FPR[1] != dSNaN || s.FPR[5] != dSNaN|1<<63 || s.FPR[6] != dSNaN|1<<63 || s.FCSR != 0 {
		t.Errorf("moves: %#x", s.FPR[:7])
	}
}

func TestFPMultiplyAdd(t *testing.T) {
	d := math.Float64bits
	for _, c := range []struct {
		fn   int
		want float64
	}{{0x21, 2*3 + 10}, {0x29, 2*3 - 10}, {0x31, -(2*3 + 10)}, {0x39, -(2*3 - 10)}} {
		m := newMachine(t)
		s := m.State()
		s.FPR[4], s.FPR[6], s.FPR[8] = d(2), d(3), d(10)
		m.run(0x13<<26 | rtype(c.fn, 8, 6, 4, 2))
		if s.FPR[2] != d(c.want) {
			t.Errorf("function %#x: %v", c.fn, math.Float64frombits(s.FPR[2]))
		}
	}
	// The product is rounded by itself.
	m := newMachine(t)
	s := m.State()
	x := 1 + 0x1p-30
	s.FPR[4], s.FPR[6], s.FPR[8] = d(x), d(x), d(-(1 + 0x1p-29))
	m.run(0x13<<26 | rtype(0x21, 8, 6, 4, 2))
	if p := x * x; s.FPR[2] != d(p-(1+0x1p-29)) {
		t.Errorf("madd.d: %#x", s.FPR[2])
	}
}

// TestFCSR: control registers, rounding mode, and a trap by writing a cause.
func TestFCSR(t *testing.T) {
	m := newMachine(t)
	s := m.State()
	s.GPR[4] = 0xffffffff &^ (0x3f << fcsrCause)
	m.run(fp(6, 0, 4, 31, 0), fp(2, 0, 2, 31, 0), fp(2, 0, 3, 0, 0), fp(2, 0, 5, 25, 0))
	m.wantReg(2, sext32(0xff83ffff&^(0x3f<<fcsrCause)))
	m.wantReg(3, 0x2112)
	m.wantReg(5, 0xff)
	s.GPR[4] = fpInvalid<<fcsrCause | fpInvalid<<fcsrEnable
	m.run(fp(6, 0, 4, 31, 0))
	m.wantException(excFPE, general, codeAt, false)
	m.status(StatusCU1 | StatusFR)
	s.GPR[4] = fpInvalid << fcsrCause
	m.run(fp(6, 0, 4, 31, 0), nop)
	if s.PC != codeAt+8 {
		t.Errorf("pc %#x", s.PC)
	}
	for rm, want := range []uint64{0x3fd5555555555555, 0x3fd5555555555555, 0x3fd5555555555556, 0x3fd5555555555555} {
		s.GPR[4], s.FPR[4], s.FPR[6] = uint64(rm), dOne, 0x4008000000000000
		m.run(fp(6, 0, 4, 31, 0), fp(fmtD, 3, 6, 4, 2))
		if s.FPR[2] != want {
			t.Errorf("1/3 in mode %d: %#x", rm, s.FPR[2])
		}
	}
}

// TestNoFPUQuirk is cpu reference, 4.6.
func TestNoFPUQuirk(t *testing.T) {
	m := newMachine(t, withQuirks(QuirkNoFPU))
	m.status(0)
	s := m.State()
	m.poke(dataAt, 0x11223344, 0x55667788)
	s.GPR[4], s.GPR[5], s.FPR[3] = dataAt, 0xaabbccdd, ^uint64(0)
	m.run(itype(oLDC1, 4, 5, 0), itype(oSDC1, 4, 5, 8), fp(4, 0, 5, 3, 0), fp(0, 0, 2, 3, 0), fp(1, 0, 6, 5, 0), fp(5, 0, 4, 7, 0))
	if s.FPR[3] != 0xaabbccdd || s.FPR[5] != 0x1122334455667788 || s.FPR[7] != dataAt {
		t.Errorf("%#x", s.FPR[:8])
	}
	m.wantReg(2, 0xffffffffaabbccdd)
	for _, w := range []uint32{fp(fmtD, 0, 2, 2, 2), fp(2, 0, 2, 31, 0), itype(oLWC1, 4, 2, 0), 0x13<<26 | 0x21} {
		m.status(0)
		m.run(w)
		m.wantException(excRI, general, codeAt, false)
	}
}
