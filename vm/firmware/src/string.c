#include "lib.h"

void *memcpy(void *d, const void *s, size_t n)
{
	u8 *dp = d;
	const u8 *sp = s;

	if ((((u32)dp ^ (u32)sp) & 3) == 0) {
		for (; n && ((u32)dp & 3); n--)
			*dp++ = *sp++;
		for (; n >= 16; n -= 16, dp += 16, sp += 16) {
			u32 a = ((const u32 *)sp)[0], b = ((const u32 *)sp)[1];
			u32 c = ((const u32 *)sp)[2], e = ((const u32 *)sp)[3];
			((u32 *)dp)[0] = a;
			((u32 *)dp)[1] = b;
			((u32 *)dp)[2] = c;
			((u32 *)dp)[3] = e;
		}
		for (; n >= 4; n -= 4, dp += 4, sp += 4)
			*(u32 *)dp = *(const u32 *)sp;
	}
	while (n--)
		*dp++ = *sp++;
	return d;
}

void *memmove(void *d, const void *s, size_t n)
{
	u8 *dp = d;
	const u8 *sp = s;

	if (dp <= sp || dp >= sp + n)
		return memcpy(d, s, n);
	while (n--)
		dp[n] = sp[n];
	return d;
}

void *memset(void *d, int c, size_t n)
{
	u8 *p = d;
	u32 w = (u8)c;

	w |= w << 8;
	w |= w << 16;
	for (; n && ((u32)p & 3); n--)
		*p++ = (u8)c;
	for (; n >= 4; n -= 4, p += 4)
		*(u32 *)p = w;
	while (n--)
		*p++ = (u8)c;
	return d;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n && *a && *a == *b; n--)
		a++, b++;
	return n ? (u8)*a - (u8)*b : 0;
}

int to_lower(int c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }
int is_digit(int c) { return c >= '0' && c <= '9'; }
int is_alpha(int c) { c = to_lower(c); return c >= 'a' && c <= 'z'; }
int is_space(int c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

int strcasecmp(const char *a, const char *b)
{
	while (*a && to_lower(*a) == to_lower(*b))
		a++, b++;
	return to_lower((u8)*a) - to_lower((u8)*b);
}

int strncasecmp(const char *a, const char *b, size_t n)
{
	for (; n && *a && to_lower(*a) == to_lower(*b); n--)
		a++, b++;
	return n ? to_lower((u8)*a) - to_lower((u8)*b) : 0;
}

char *strchr(const char *s, int c)
{
	for (; *s; s++)
		if (*s == c)
			return (char *)s;
	return c ? NULL : (char *)s;
}

char *strstr(const char *s, const char *needle)
{
	size_t n = strlen(needle);

	for (; ; s++) {
		if (strncmp(s, needle, n) == 0)
			return (char *)s;
		if (!*s)
			return NULL;
	}
}

void strlcpy(char *d, const char *s, size_t size)
{
	while (size > 1 && *s) {
		*d++ = *s++;
		size--;
	}
	if (size)
		*d = 0;
}

void strlcat(char *d, const char *s, size_t size)
{
	size_t n = strlen(d);

	if (n < size)
		strlcpy(d + n, s, size - n);
}

int parse_u32(const char *s, u32 *v)
{
	u32 n = 0;

	if (!*s)
		return 0;
	for (; *s; s++) {
		u32 digit = (u32)*s - '0';

		if (digit > 9 || n > 429496729u || (n == 429496729u && digit > 5))
			return 0;
		n = n * 10 + digit;
	}
	*v = n;
	return 1;
}

int parse_hex(const char *s, u32 *v)
{
	u32 n = 0, len = 0;

	for (; *s; s++, len++) {
		int c = to_lower(*s);

		if (is_digit(c))
			n = n << 4 | (u32)(c - '0');
		else if (c >= 'a' && c <= 'f')
			n = n << 4 | (u32)(c - 'a' + 10);
		else
			return 0;
	}
	*v = n;
	return len > 0 && len <= 8;
}

/* Long division in base 2^16: each partial dividend fits 32 bits as long as
 * the divisor does not exceed 16 bits; larger divisors go bit by bit. */
u64 udiv64(u64 n, u32 d, u32 *rem)
{
	u32 hi = (u32)(n >> 32), lo = (u32)n, r = 0, i;
	u64 q = 0;

	if (d <= 0xffff) {
		u32 part[4] = { hi >> 16, hi & 0xffff, lo >> 16, lo & 0xffff };

		for (i = 0; i < 4; i++) {
			u32 cur = r << 16 | part[i];

			q = q << 16 | cur / d;
			r = cur % d;
		}
	} else {
		for (i = 0; i < 64; i++) {
			u32 carry = r >> 31;

			r = r << 1 | hi >> 31;
			hi = hi << 1 | lo >> 31;
			lo <<= 1;
			q <<= 1;
			if (carry || r >= d) {
				r -= d;
				q |= 1;
			}
		}
	}
	if (rem)
		*rem = r;
	return q;
}

static u32 random_state = 0x2545f491;

void random_seed(u32 s)
{
	random_state ^= s;
	if (!random_state)
		random_state = 1;
}

u32 random32(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state;
}
