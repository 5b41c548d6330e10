package mips

import "math/bits"

// IEEE 754 arithmetic with all four rounding modes and exact exception flags,
// which the host's floating point cannot give to Go code. One set of routines
// serves both formats: an operand is unpacked into sign, exponent and a 64-bit
// significand whose top bit is set; a result is rounded once, into its format.
//
// NaNs have the encoding of MIPS before the 2008 revision: the top bit of the
// fraction set means signalling. Every NaN result is the default quiet NaN.
// Tininess is detected after rounding.

// Exception flags, in the order of FCSR's fields.
const (
	fpInexact   = 1 << 0
	fpUnderflow = 1 << 1
	fpOverflow  = 1 << 2
	fpDivZero   = 1 << 3
	fpInvalid   = 1 << 4
)

// Rounding modes, as in FCSR.
const (
	roundNearest = 0
	roundZero    = 1
	roundUp      = 2
	roundDown    = 3
)

// fpEnv is the environment of one operation.
type fpEnv struct {
	rm      uint32
	flush   bool   // FS: denormal results become zero or the least normal number
	enables uint32 // trap enables
	flags   uint32 // raised so far
}

// fpFormat is a binary interchange format.
type fpFormat struct {
	frac uint // bits of the fraction field
	exp  uint // bits of the exponent field
	nan  uint64
}

var (
	single = &fpFormat{23, 8, 0x7fbfffff}
	double = &fpFormat{52, 11, 0x7ff7ffffffffffff}
)

func (f *fpFormat) bias() int        { return 1<<(f.exp-1) - 1 }
func (f *fpFormat) signBit() uint64  { return 1 << (f.frac + f.exp) }
func (f *fpFormat) maxExp() uint64   { return 1<<f.exp - 1 }
func (f *fpFormat) infinity() uint64 { return f.maxExp() << f.frac }

type fpClass uint8

const (
	fpZero fpClass = iota
	fpFinite
	fpInf
	fpQuiet
	fpSignal
)

// fpNum is an unpacked operand: (-1)^neg × sig/2^63 × 2^exp when finite.
type fpNum struct {
	class fpClass
	neg   bool
	exp   int
	sig   uint64
}

func (n *fpNum) isNaN() bool { return n.class >= fpQuiet }

func (f *fpFormat) unpack(v uint64) fpNum {
	n := fpNum{neg: v&f.signBit() != 0}
	e := v >> f.frac & f.maxExp()
	m := v & (1<<f.frac - 1)
	switch {
	case e == f.maxExp():
		switch {
		case m == 0:
			n.class = fpInf
		case m>>(f.frac-1) != 0:
			n.class = fpSignal
		default:
			n.class = fpQuiet
		}
	case e == 0 && m == 0:
	case e == 0:
		n.class = fpFinite
		z := bits.LeadingZeros64(m)
		n.sig = m << z
		n.exp = 1 - f.bias() - int(f.frac) + 63 - z
	default:
		n.class = fpFinite
		n.sig = (m | 1<<f.frac) << (63 - f.frac)
		n.exp = int(e) - f.bias()
	}
	return n
}

func (f *fpFormat) signed(neg bool, v uint64) uint64 {
	if neg {
		return v | f.signBit()
	}
	return v
}

// roundsAway tells whether a number with discarded bits rest, of which half is
// the weight of the highest, is rounded away from zero.
func roundsAway(rm uint32, neg, odd bool, rest, half uint64) bool {
	switch rm {
	case roundNearest:
		return rest > half || rest == half && odd
	case roundUp:
		return rest != 0 && !neg
	case roundDown:
		return rest != 0 && neg
	}
	return false
}

// shiftJam shifts right and keeps the fact that bits were lost in the lowest one.
func shiftJam(v uint64, n int) uint64 {
	switch {
	case n <= 0:
		return v
	case n >= 64:
		if v != 0 {
			return 1
		}
		return 0
	}
	r := v >> n
	if r<<n != v {
		r |= 1
	}
	return r
}

// pack rounds sig/2^63 × 2^exp, whose top bit is set and whose lowest bit stands
// for all lost ones, into f.
func (f *fpFormat) pack(env *fpEnv, neg bool, exp int, sig uint64) uint64 {
	drop := 63 - f.frac
	half := uint64(1) << (drop - 1)
	mask := uint64(1)<<drop - 1
	e := exp + f.bias()
	tiny := false
	if e <= 0 {
		// Would it be normal after rounding with an unbounded exponent?
		tiny = true
		if e == 0 && roundsAway(env.rm, neg, sig>>drop&1 != 0, sig&mask, half) && sig>>drop == 1<<(f.frac+1)-1 {
			tiny = false
		}
		if tiny && env.flush {
			env.flags |= fpUnderflow | fpInexact
			if env.rm == roundUp && !neg || env.rm == roundDown && neg {
				return f.signed(neg, 1<<f.frac)
			}
			return f.signed(neg, 0)
		}
		sig = shiftJam(sig, 1-e)
		e = 0
	}
	rest := sig & mask
	m := sig >> drop
	if roundsAway(env.rm, neg, m&1 != 0, rest, half) {
		m++
	}
	if rest != 0 {
		env.flags |= fpInexact
	}
	if tiny && (rest != 0 || env.enables&fpUnderflow != 0) {
		env.flags |= fpUnderflow
	}
	if e == 0 {
		return f.signed(neg, m) // a carry makes it the least normal number by itself
	}
	if m>>(f.frac+1) != 0 {
		m >>= 1
		e++
	}
	if uint64(e) >= f.maxExp() {
		env.flags |= fpOverflow | fpInexact
		if env.rm == roundZero || env.rm == roundUp && neg || env.rm == roundDown && !neg {
			return f.signed(neg, f.infinity()-1)
		}
		return f.signed(neg, f.infinity())
	}
	return f.signed(neg, uint64(e)<<f.frac|m&(1<<f.frac-1))
}

// nanResult returns the NaN that an operation with a NaN operand gives.
func (f *fpFormat) nanResult(env *fpEnv, ops ...*fpNum) uint64 {
	for _, n := range ops {
		if n.class == fpSignal {
			env.flags |= fpInvalid
		}
	}
	return f.nan
}

func (f *fpFormat) invalid(env *fpEnv) uint64 {
	env.flags |= fpInvalid
	return f.nan
}

func (f *fpFormat) add(env *fpEnv, x, y uint64) uint64 {
	a, b := f.unpack(x), f.unpack(y)
	switch {
	case a.isNaN() || b.isNaN():
		return f.nanResult(env, &a, &b)
	case a.class == fpInf:
		if b.class == fpInf && a.neg != b.neg {
			return f.invalid(env)
		}
		return x
	case b.class == fpInf:
		return y
	case a.class == fpZero && b.class == fpZero:
		if a.neg == b.neg {
			return x
		}
		return f.signed(env.rm == roundDown, 0)
	case a.class == fpZero:
		return f.pack(env, b.neg, b.exp, b.sig)
	case b.class == fpZero:
		return f.pack(env, a.neg, a.exp, a.sig)
	}
	if a.exp < b.exp || a.exp == b.exp && a.sig < b.sig {
		a, b = b, a
	}
	// The formats leave at least ten low bits free for guard bits.
	as, bs := a.sig>>1, shiftJam(b.sig>>1, a.exp-b.exp)
	exp := a.exp + 1
	var sum uint64
	if a.neg == b.neg {
		sum = as + bs
	} else {
		sum = as - bs
		if sum == 0 {
			return f.signed(env.rm == roundDown, 0)
		}
	}
	z := bits.LeadingZeros64(sum)
	return f.pack(env, a.neg, exp-z, sum<<z)
}

func (f *fpFormat) sub(env *fpEnv, x, y uint64) uint64 {
	if n := f.unpack(y); n.isNaN() {
		return f.add(env, x, y)
	}
	return f.add(env, x, y^f.signBit())
}

func (f *fpFormat) mul(env *fpEnv, x, y uint64) uint64 {
	a, b := f.unpack(x), f.unpack(y)
	neg := a.neg != b.neg
	switch {
	case a.isNaN() || b.isNaN():
		return f.nanResult(env, &a, &b)
	case a.class == fpInf && b.class == fpZero, a.class == fpZero && b.class == fpInf:
		return f.invalid(env)
	case a.class == fpInf || b.class == fpInf:
		return f.signed(neg, f.infinity())
	case a.class == fpZero || b.class == fpZero:
		return f.signed(neg, 0)
	}
	hi, lo := bits.Mul64(a.sig, b.sig)
	exp := a.exp + b.exp + 1
	if hi>>63 == 0 {
		hi = hi<<1 | lo>>63
		lo <<= 1
		exp--
	}
	if lo != 0 {
		hi |= 1
	}
	return f.pack(env, neg, exp, hi)
}

func (f *fpFormat) div(env *fpEnv, x, y uint64) uint64 {
	a, b := f.unpack(x), f.unpack(y)
	neg := a.neg != b.neg
	switch {
	case a.isNaN() || b.isNaN():
		return f.nanResult(env, &a, &b)
	case a.class == b.class && a.class != fpFinite: // 0/0, inf/inf
		return f.invalid(env)
	case a.class == fpInf:
		return f.signed(neg, f.infinity())
	case b.class == fpZero:
		env.flags |= fpDivZero
		return f.signed(neg, f.infinity())
	case b.class == fpInf, a.class == fpZero:
		return f.signed(neg, 0)
	}
	exp := a.exp - b.exp
	var q, rem uint64
	if a.sig < b.sig {
		exp--
		q, rem = bits.Div64(a.sig, 0, b.sig)
	} else {
		q, rem = bits.Div64(a.sig>>1, a.sig<<63, b.sig)
	}
	if rem != 0 {
		q |= 1
	}
	return f.pack(env, neg, exp, q)
}

func (f *fpFormat) sqrt(env *fpEnv, x uint64) uint64 {
	a := f.unpack(x)
	switch {
	case a.isNaN():
		return f.nanResult(env, &a)
	case a.class == fpZero:
		return x
	case a.neg:
		return f.invalid(env)
	case a.class == fpInf:
		return x
	}
	// The radicand as a 128-bit integer in [2^126, 2^128); its root has 64 bits.
	hi, lo := a.sig>>1, a.sig<<63
	if a.exp&1 != 0 {
		hi, lo = a.sig, 0
	}
	var root uint64
	for bit := uint64(1) << 63; bit != 0; bit >>= 1 {
		t := root | bit
		if h, l := bits.Mul64(t, t); h < hi || h == hi && l <= lo {
			root = t
		}
	}
	if h, l := bits.Mul64(root, root); h != hi || l != lo {
		root |= 1
	}
	return f.pack(env, false, a.exp>>1, root)
}

// convert turns a value of format f into format to.
func (f *fpFormat) convert(env *fpEnv, to *fpFormat, x uint64) uint64 {
	a := f.unpack(x)
	switch a.class {
	case fpZero:
		return to.signed(a.neg, 0)
	case fpInf:
		return to.signed(a.neg, to.infinity())
	case fpFinite:
		return to.pack(env, a.neg, a.exp, a.sig)
	}
	return to.nanResult(env, &a)
}

func (f *fpFormat) fromInt(env *fpEnv, v int64) uint64 {
	if v == 0 {
		return 0
	}
	neg := v < 0
	m := uint64(v)
	if neg {
		m = -m
	}
	z := bits.LeadingZeros64(m)
	return f.pack(env, neg, 63-z, m<<z)
}

// toInt rounds to a signed integer of size bits. What does not fit, and NaN, is
// invalid and gives the largest positive integer.
func (f *fpFormat) toInt(env *fpEnv, x uint64, size uint, rm uint32) uint64 {
	most := uint64(1)<<(size-1) - 1
	a := f.unpack(x)
	switch {
	case a.isNaN() || a.class == fpInf || a.class == fpFinite && a.exp >= 64:
		env.flags |= fpInvalid
		return most
	case a.class == fpZero:
		return 0
	}
	var whole, rest uint64 // rest in units of 2^-64
	switch {
	case a.exp == 63:
		whole = a.sig
	case a.exp >= 0:
		whole = a.sig >> (63 - a.exp)
		rest = a.sig << (a.exp + 1)
	default:
		rest = shiftJam(a.sig, -a.exp-1)
	}
	if roundsAway(rm, a.neg, whole&1 != 0, rest, 1<<63) {
		whole++
		if whole == 0 {
			env.flags |= fpInvalid
			return most
		}
	}
	if whole > most && !(a.neg && whole == most+1) {
		env.flags |= fpInvalid
		return most
	}
	if rest != 0 {
		env.flags |= fpInexact
	}
	if a.neg {
		return -whole
	}
	return whole
}

// compare reports how x stands to y; signalling makes quiet NaNs invalid too.
func (f *fpFormat) compare(env *fpEnv, x, y uint64, signalling bool) (less, equal, unordered bool) {
	a, b := f.unpack(x), f.unpack(y)
	if a.isNaN() || b.isNaN() {
		if signalling || a.class == fpSignal || b.class == fpSignal {
			env.flags |= fpInvalid
		}
		return false, false, true
	}
	if a.class == fpZero && b.class == fpZero {
		return false, true, false
	}
	if a.neg != b.neg {
		return a.neg, false, false
	}
	if x == y {
		return false, true, false
	}
	return (x < y) != a.neg, false, false
}
