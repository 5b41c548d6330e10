/*
 * The functions that GCC calls for what a MIPS III CPU without FPU and without
 * 64-bit division cannot do. (The cross compiler's own library is for MIPS32
 * and for shared objects.) Doubles are IEEE 754, rounded to nearest even; NaNs
 * are all the same quiet one.
 */
#include <stdint.h>

typedef uint32_t u32;
typedef int32_t s32;
typedef uint64_t u64;
typedef int64_t s64;

/* ---- bits -------------------------------------------------------------- */

int __clzsi2(u32 v)
{
    int n = 0;

    if (!v)
        return 32;
    if (!(v >> 16)) { n += 16; v <<= 16; }
    if (!(v >> 24)) { n += 8; v <<= 8; }
    if (!(v >> 28)) { n += 4; v <<= 4; }
    if (!(v >> 30)) { n += 2; v <<= 2; }
    return n + !(v >> 31);
}

int __clzdi2(u64 v) { return v >> 32 ? __clzsi2((u32)(v >> 32)) : 32 + __clzsi2((u32)v); }
int __ctzsi2(u32 v) { return 31 - __clzsi2(v & -v); }
int __ctzdi2(u64 v) { return (u32)v ? __ctzsi2((u32)v) : 32 + __ctzsi2((u32)(v >> 32)); }
int __ffssi2(u32 v) { return v ? __ctzsi2(v) + 1 : 0; }
int __ffsdi2(u64 v) { return v ? __ctzdi2(v) + 1 : 0; }

int __popcountsi2(u32 v)
{
    v -= v >> 1 & 0x55555555;
    v = (v & 0x33333333) + (v >> 2 & 0x33333333);
    v = (v + (v >> 4)) & 0x0f0f0f0f;
    return (int)(v * 0x01010101 >> 24);
}

u32 __bswapsi2(u32 v) { return v << 24 | (v & 0xff00) << 8 | (v >> 8 & 0xff00) | v >> 24; }
u64 __bswapdi2(u64 v) { return (u64)__bswapsi2((u32)v) << 32 | __bswapsi2((u32)(v >> 32)); }

/* Shifts, which GCC expands in place except in code that is seldom run. The
 * optimiser must not make them calls of themselves again. */
u64 __lshrdi3(u64 v, int n)
{
    u32 hi = (u32)(v >> 32), lo = (u32)v;

    if (n >= 32)
        return hi >> (n - 32);
    return n ? (u64)(hi >> n) << 32 | (lo >> n | hi << (32 - n)) : v;
}

u64 __ashldi3(u64 v, int n)
{
    u32 hi = (u32)(v >> 32), lo = (u32)v;

    if (n >= 32)
        return (u64)(lo << (n - 32)) << 32;
    return n ? (u64)(hi << n | lo >> (32 - n)) << 32 | lo << n : v;
}

s64 __ashrdi3(s64 v, int n)
{
    s32 hi = (s32)(v >> 32);
    u32 lo = (u32)v;

    if (n >= 32)
        return hi >> (n - 32);
    return n ? (s64)((u64)(u32)(hi >> n) << 32 | (lo >> n | (u32)hi << (32 - n))) : v;
}

/* ---- division ---------------------------------------------------------- */

/* A 64-bit by a 32-bit number whose quotient fits 32 bits: Knuth's algorithm D
 * with 16-bit digits. */
static u32 divide(u64 n, u32 d, u32 *rest)
{
    int s = __clzsi2(d);
    u32 d1, d0, q1, q0, r, n1, n0;

    d <<= s;
    n <<= s;
    d1 = d >> 16;
    d0 = d & 0xffff;
    n1 = (u32)n >> 16;
    n0 = (u32)n & 0xffff;
    r = (u32)(n >> 32);
    q1 = r / d1;
    r -= q1 * d1;
    while (q1 >> 16 || q1 * d0 > (r << 16 | n1)) {
        q1--;
        r += d1;
        if (r >> 16)
            break;
    }
    r = (u32)(n >> 16) - q1 * d;
    q0 = r / d1;
    n1 = r;
    r -= q0 * d1;
    while (q0 >> 16 || q0 * d0 > (r << 16 | n0)) {
        q0--;
        r += d1;
        if (r >> 16)
            break;
    }
    r = (n1 << 16 | n0) - q0 * d;
    *rest = r >> s;
    return q1 << 16 | q0;
}

static u64 divmod(u64 n, u64 d, u64 *rest)
{
    u32 hi = (u32)(n >> 32), r;
    u64 q;

    if (!(d >> 32)) {
        u32 q1 = 0;
        if (hi >= (u32)d) {
            q1 = hi / (u32)d;
            hi %= (u32)d;
        }
        q = (u64)q1 << 32 | divide((u64)hi << 32 | (u32)n, (u32)d, &r);
        *rest = r;
        return q;
    }
    if (n < d) {
        *rest = n;
        return 0;
    }
    /* An estimate from the leading 32 bits of d that is at most one too large. */
    {
        int s = __clzdi2(d);
        q = (u64)divide(n >> 1, (u32)(d << s >> 32), &r) << s >> 31;
        if (q)
            q--;
        n -= q * d;
        if (n >= d) {
            q++;
            n -= d;
        }
        *rest = n;
        return q;
    }
}

u64 __udivdi3(u64 n, u64 d) { u64 r; return divmod(n, d, &r); }
u64 __umoddi3(u64 n, u64 d) { u64 r; divmod(n, d, &r); return r; }

s64 __divdi3(s64 n, s64 d)
{
    u64 r, q = divmod(n < 0 ? -(u64)n : (u64)n, d < 0 ? -(u64)d : (u64)d, &r);
    return (s64)((n ^ d) < 0 ? -q : q);
}

s64 __moddi3(s64 n, s64 d)
{
    u64 r;
    divmod(n < 0 ? -(u64)n : (u64)n, d < 0 ? -(u64)d : (u64)d, &r);
    return (s64)(n < 0 ? -r : r);
}

/* With -mfix-vr4120, which is here for Dynamips (its DIV takes a negative
 * dividend for a large positive one), GCC calls these for every division. */
u32 __udivsi3(u32 n, u32 d) { return n / d; }
u32 __umodsi3(u32 n, u32 d) { return n % d; }

s32 __vr4120_divsi3(s32 n, s32 d)
{
    u32 q = (n < 0 ? -(u32)n : (u32)n) / (d < 0 ? -(u32)d : (u32)d);
    return (s32)((n ^ d) < 0 ? -q : q);
}

s32 __vr4120_modsi3(s32 n, s32 d)
{
    u32 r = (n < 0 ? -(u32)n : (u32)n) % (d < 0 ? -(u32)d : (u32)d);
    return (s32)(n < 0 ? -r : r);
}

/* ---- double ------------------------------------------------------------ */

#define SIGN ((u64)1 << 63)
#define INF ((u64)0x7ff << 52)
#define QNAN (INF | (u64)1 << 51)

#define is_nan(v) (((v) & ~SIGN) > INF)
#define is_inf(v) (((v) & ~SIGN) == INF)
#define is_zero(v) (!((v) & ~SIGN))

/* A finite number but zero: 1.x * 2^(exp-1023), bit 63 of m is the 1. */
static u64 unpack(u64 v, int *exp)
{
    u64 m = v << 12 >> 1;

    *exp = (int)(v >> 52) & 0x7ff;
    if (*exp)
        return m | SIGN;
    *exp = 1 - __clzdi2(m);
    return m << (1 - *exp);
}

static u64 shift_sticky(u64 m, int n)
{
    if (n <= 0)
        return m;
    if (n > 63)
        return m != 0;
    return m >> n | (m << (64 - n) != 0);
}

/* The number sign, m * 2^(exp-1023-63), rounded; m need not be normalised. */
static u64 pack(u64 sign, int exp, u64 m)
{
    int s, rest;

    if (!m)
        return sign;
    s = __clzdi2(m);
    m <<= s;
    exp -= s;
    if (exp >= 0x7ff)
        return sign | INF;
    if (exp < 1) {
        m = shift_sticky(m, 1 - exp);
        exp = 1;
        if (!(m >> 63))
            exp = 0;
    }
    rest = (int)m & 0x7ff;
    m >>= 11;
    if (rest > 0x400 || (rest == 0x400 && (m & 1)))
        m++;
    /* The leading 1 of m adds one to the exponent, its overflow another. */
    return sign | (((u64)(exp ? exp - 1 : 0) << 52) + m);
}

u64 __adddf3(u64 a, u64 b)
{
    int ea, eb;
    u64 ma, mb;

    if (is_nan(a) || is_nan(b))
        return QNAN;
    if (is_inf(a))
        return is_inf(b) && a != b ? QNAN : a;
    if (is_inf(b))
        return b;
    if (is_zero(a))
        return is_zero(b) ? a & b : b;
    if (is_zero(b))
        return a;
    if ((a & ~SIGN) < (b & ~SIGN)) {
        u64 t = a;
        a = b;
        b = t;
    }
    ma = unpack(a, &ea) >> 1;
    mb = unpack(b, &eb) >> 1;
    mb = shift_sticky(mb, ea - eb);
    if ((a ^ b) & SIGN) {
        ma -= mb;
        return ma ? pack(a & SIGN, ea + 1, ma) : 0;
    }
    return pack(a & SIGN, ea + 1, ma + mb);
}

u64 __subdf3(u64 a, u64 b) { return __adddf3(a, b ^ SIGN); }
u64 __negdf2(u64 a) { return a ^ SIGN; }

u64 __muldf3(u64 a, u64 b)
{
    u64 sign = (a ^ b) & SIGN, ma, mb, mid1, mid2, lo, hi;
    int ea, eb;

    if (is_nan(a) || is_nan(b))
        return QNAN;
    if (is_inf(a) || is_inf(b))
        return is_zero(a) || is_zero(b) ? QNAN : sign | INF;
    if (is_zero(a) || is_zero(b))
        return sign;
    ma = unpack(a, &ea);
    mb = unpack(b, &eb);
    lo = (u64)(u32)ma * (u32)mb;
    mid1 = (ma >> 32) * (u32)mb + (lo >> 32);
    mid2 = (u64)(u32)ma * (mb >> 32) + (u32)mid1;
    hi = (ma >> 32) * (mb >> 32) + (mid1 >> 32) + (mid2 >> 32);
    return pack(sign, ea + eb - 1022, hi | (((u32)lo | (u32)mid2) != 0));
}

/* One digit of 32 bits of n / d, where n < d and d has bit 63: algorithm D
 * again. n becomes what remains. */
static u32 digit(u64 *n, u64 d)
{
    u32 d1 = (u32)(d >> 32), d0 = (u32)d, q, r32;
    u64 r;

    if (*n >> 32 >= d1) {
        q = ~(u32)0;
        r = *n - (u64)q * d1;
    } else {
        q = divide(*n, d1, &r32);
        r = r32;
    }
    while (!(r >> 32) && (u64)q * d0 > r << 32) {
        q--;
        r += d1;
    }
    *n = (*n << 32) - q * d;
    return q;
}

u64 __divdf3(u64 a, u64 b)
{
    u64 sign = (a ^ b) & SIGN, ma, mb, q;
    int ea, eb;

    if (is_nan(a) || is_nan(b))
        return QNAN;
    if (is_inf(a))
        return is_inf(b) ? QNAN : sign | INF;
    if (is_inf(b))
        return sign;
    if (is_zero(b))
        return is_zero(a) ? QNAN : sign | INF;
    if (is_zero(a))
        return sign;
    ma = unpack(a, &ea);
    mb = unpack(b, &eb);
    if (ma >= mb) {
        ma >>= 1;
        ea++;
    }
    q = (u64)digit(&ma, mb) << 32;
    q |= digit(&ma, mb);
    return pack(sign, ea - eb + 1022, q | (ma != 0));
}

static int compare(u64 a, u64 b, int unordered)
{
    if (is_nan(a) || is_nan(b))
        return unordered;
    if (is_zero(a) && is_zero(b))
        return 0;
    if ((a ^ b) & SIGN)
        return a & SIGN ? -1 : 1;
    if (a == b)
        return 0;
    return (a < b) == !(a & SIGN) ? -1 : 1;
}

int __eqdf2(u64 a, u64 b) { return compare(a, b, 1); }
int __nedf2(u64 a, u64 b) { return compare(a, b, 1); }
int __ltdf2(u64 a, u64 b) { return compare(a, b, 1); }
int __ledf2(u64 a, u64 b) { return compare(a, b, 1); }
int __gtdf2(u64 a, u64 b) { return compare(a, b, -1); }
int __gedf2(u64 a, u64 b) { return compare(a, b, -1); }
int __unorddf2(u64 a, u64 b) { return is_nan(a) || is_nan(b); }

/* Out of range: the nearest number that there is. */
u64 __fixunsdfdi(u64 a)
{
    int e;
    u64 m;

    if (is_zero(a) || (a & SIGN) || is_nan(a))
        return 0;
    m = unpack(a, &e);
    e -= 1023;
    return e < 0 ? 0 : e > 63 ? ~(u64)0 : m >> (63 - e);
}

s64 __fixdfdi(u64 a)
{
    u64 m = __fixunsdfdi(a & ~SIGN);

    if (m >> 63)
        return a & SIGN ? INT64_MIN : INT64_MAX;
    return (s64)(a & SIGN ? -m : m);
}

s32 __fixdfsi(u64 a)
{
    s64 v = __fixdfdi(a);
    return v > INT32_MAX ? INT32_MAX : v < INT32_MIN ? INT32_MIN : (s32)v;
}

u32 __fixunsdfsi(u64 a)
{
    u64 v = __fixunsdfdi(a);
    return v >> 32 ? ~(u32)0 : (u32)v;
}

u64 __floatundidf(u64 v) { return pack(0, 1023 + 63, v); }
u64 __floatdidf(s64 v) { return v < 0 ? pack(SIGN, 1023 + 63, -(u64)v) : pack(0, 1023 + 63, (u64)v); }
u64 __floatunsidf(u32 v) { return __floatundidf(v); }
u64 __floatsidf(s32 v) { return __floatdidf(v); }

/* ---- float: by way of double, which is exact enough to round once -------- */

u64 __extendsfdf2(u32 a)
{
    u64 sign = (u64)(a >> 31) << 63;
    int e = (int)(a >> 23) & 0xff;
    u64 m = (u64)(a & 0x7fffff) << 40;

    if (e == 0xff)
        return m ? QNAN : sign | INF;
    return e ? pack(sign, e + 1023 - 127, m | SIGN) : pack(sign, 1 + 1023 - 127, m);
}

u32 __truncdfsf2(u64 a)
{
    u32 sign = (u32)(a >> 32) & 0x80000000u;
    int e;
    u64 m, rest;

    if (is_nan(a))
        return 0x7fc00000;
    if (is_inf(a))
        return sign | 0x7f800000;
    if (is_zero(a))
        return sign;
    m = unpack(a, &e);
    e += 127 - 1023;
    if (e >= 0xff)
        return sign | 0x7f800000;
    if (e < 1) {
        m = shift_sticky(m, 1 - e);
        e = m >> 63 ? 1 : 0;
    }
    rest = m << 24;
    m >>= 40;
    if (rest > SIGN || (rest == SIGN && (m & 1)))
        m++;
    return sign | (((u32)(e ? e - 1 : 0) << 23) + (u32)m);
}

u32 __addsf3(u32 a, u32 b) { return __truncdfsf2(__adddf3(__extendsfdf2(a), __extendsfdf2(b))); }
u32 __subsf3(u32 a, u32 b) { return __truncdfsf2(__subdf3(__extendsfdf2(a), __extendsfdf2(b))); }
u32 __mulsf3(u32 a, u32 b) { return __truncdfsf2(__muldf3(__extendsfdf2(a), __extendsfdf2(b))); }
u32 __divsf3(u32 a, u32 b) { return __truncdfsf2(__divdf3(__extendsfdf2(a), __extendsfdf2(b))); }
int __eqsf2(u32 a, u32 b) { return __eqdf2(__extendsfdf2(a), __extendsfdf2(b)); }
int __nesf2(u32 a, u32 b) { return __nedf2(__extendsfdf2(a), __extendsfdf2(b)); }
int __ltsf2(u32 a, u32 b) { return __ltdf2(__extendsfdf2(a), __extendsfdf2(b)); }
int __lesf2(u32 a, u32 b) { return __ledf2(__extendsfdf2(a), __extendsfdf2(b)); }
int __gtsf2(u32 a, u32 b) { return __gtdf2(__extendsfdf2(a), __extendsfdf2(b)); }
int __gesf2(u32 a, u32 b) { return __gedf2(__extendsfdf2(a), __extendsfdf2(b)); }
int __unordsf2(u32 a, u32 b) { return __unorddf2(__extendsfdf2(a), __extendsfdf2(b)); }
s32 __fixsfsi(u32 a) { return __fixdfsi(__extendsfdf2(a)); }
u32 __fixunssfsi(u32 a) { return __fixunsdfsi(__extendsfdf2(a)); }
u32 __floatsisf(s32 v) { return __truncdfsf2(__floatsidf(v)); }
u32 __floatunsisf(u32 v) { return __truncdfsf2(__floatunsidf(v)); }

/* Bits that a double would lose are gathered in one, so that only the last step
 * rounds. */
u32 __floatundisf(u64 v)
{
    if (v >> 53 && (v & 0x7ff))
        v = (v & ~(u64)0x7ff) | 0x800;
    return __truncdfsf2(__floatundidf(v));
}

u32 __floatdisf(s64 v) { return v < 0 ? __floatundisf(-(u64)v) | 0x80000000u : __floatundisf((u64)v); }
