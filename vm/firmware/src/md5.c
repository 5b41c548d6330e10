#include "lib.h"
#include "md5.h"

/* MD5 (RFC 1321) and the password hash "$1$salt$hash" built on it, which
 * configurations carry as "enable secret 5". */

struct md5 {
	u32 state[4];
	u8 block[64];
	u32 fill, total;
};

static const u8 shifts[4][4] = { { 7, 12, 17, 22 }, { 5, 9, 14, 20 }, { 4, 11, 16, 23 }, { 6, 10, 15, 21 } };

/* floor(2^32 * |sin(i + 1)|) */
static const u32 sines[64] = {
	0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
	0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
	0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
	0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
	0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
	0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
	0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
	0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

static void md5_block(struct md5 *m)
{
	u32 a = m->state[0], b = m->state[1], c = m->state[2], d = m->state[3], w[16], i;

	for (i = 0; i < 16; i++)
		w[i] = swap32(get32(m->block + i * 4));
	for (i = 0; i < 64; i++) {
		u32 f, k, t, s = shifts[i / 16][i % 4];

		if (i < 16) {
			f = (b & c) | (~b & d);
			k = i;
		} else if (i < 32) {
			f = (d & b) | (~d & c);
			k = 5 * i + 1;
		} else if (i < 48) {
			f = b ^ c ^ d;
			k = 3 * i + 5;
		} else {
			f = c ^ (b | ~d);
			k = 7 * i;
		}
		t = a + f + sines[i] + w[k % 16];
		a = d;
		d = c;
		c = b;
		b += t << s | t >> (32 - s);
	}
	m->state[0] += a;
	m->state[1] += b;
	m->state[2] += c;
	m->state[3] += d;
	m->fill = 0;
}

static void md5_init(struct md5 *m)
{
	static const u32 start[4] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 };

	memset(m, 0, sizeof(*m));
	memcpy(m->state, start, sizeof(start));
}

static void md5_add(struct md5 *m, const void *data, u32 n)
{
	const u8 *p = data;

	m->total += n;
	while (n--) {
		m->block[m->fill++] = *p++;
		if (m->fill == 64)
			md5_block(m);
	}
}

static void md5_end(struct md5 *m, u8 *digest)
{
	u32 bits = m->total * 8;

	md5_add(m, "\x80", 1);
	while (m->fill != 56)
		md5_add(m, "", 1);
	put32(m->block + 56, swap32(bits));
	put32(m->block + 60, 0);
	md5_block(m);
	for (u32 i = 0; i < 4; i++)
		put32(digest + i * 4, swap32(m->state[i]));
}

static char *put64(char *d, u32 v, int n)
{
	static const char digits[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

	for (; n--; v >>= 6)
		*d++ = digits[v & 63];
	return d;
}

void md5_crypt(const char *password, const char *salt, u32 saltlen, char *out)
{
	struct md5 m;
	u8 f[16];
	u32 n = strlen(password), i;
	char *d;

	md5_init(&m);
	md5_add(&m, password, n);
	md5_add(&m, salt, saltlen);
	md5_add(&m, password, n);
	md5_end(&m, f);

	md5_init(&m);
	md5_add(&m, password, n);
	md5_add(&m, "$1$", 3);
	md5_add(&m, salt, saltlen);
	for (i = n; i; i -= i > 16 ? 16 : i)
		md5_add(&m, f, i > 16 ? 16 : i);
	memset(f, 0, sizeof(f));
	for (i = n; i; i >>= 1)
		md5_add(&m, i & 1 ? (const void *)f : (const void *)password, 1);
	md5_end(&m, f);

	for (i = 0; i < 1000; i++) {
		md5_init(&m);
		if (i & 1)
			md5_add(&m, password, n);
		else
			md5_add(&m, f, 16);
		if (i % 3)
			md5_add(&m, salt, saltlen);
		if (i % 7)
			md5_add(&m, password, n);
		if (i & 1)
			md5_add(&m, f, 16);
		else
			md5_add(&m, password, n);
		md5_end(&m, f);
	}
	memcpy(out, "$1$", 3);
	memcpy(out + 3, salt, saltlen);
	d = out + 3 + saltlen;
	*d++ = '$';
	for (i = 0; i < 5; i++)
		d = put64(d, (u32)f[i] << 16 | (u32)f[i + 6] << 8 | f[i == 4 ? 5 : i + 12], 4);
	d = put64(d, f[11], 2);
	*d = 0;
}

int md5_crypt_matches(const char *password, const char *hash)
{
	char out[64];
	const char *salt = hash + 3;
	u32 n = 0;

	if (strncmp(hash, "$1$", 3) != 0)
		return 0;
	while (n < 8 && salt[n] && salt[n] != '$')
		n++;
	md5_crypt(password, salt, n, out);
	return strcmp(out, hash) == 0;
}
