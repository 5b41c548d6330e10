/* Integer work as compilers make it: hashes, sorting, long division, bit
   twiddling, unaligned structures, jump tables, function pointers. */
#include "run.h"

static u32 crc_table[256];

static u32 crc32(const u8 *p, u64 n)
{
	u32 c = ~0u;
	while (n--)
		c = crc_table[(c ^ *p++) & 255] ^ c >> 8;
	return ~c;
}

static u32 rol(u32 x, int n) { return x << n | x >> (32 - n); }

static void sha1_block(u32 *h, const u8 *p)
{
	u32 w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
	for (int i = 0; i < 16; i++)
		w[i] = (u32)p[4 * i] << 24 | p[4 * i + 1] << 16 | p[4 * i + 2] << 8 | p[4 * i + 3];
	for (int i = 16; i < 80; i++)
		w[i] = rol(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	for (int i = 0; i < 80; i++) {
		u32 f, k;
		if (i < 20)
			f = (b & c) | (~b & d), k = 0x5a827999;
		else if (i < 40)
			f = b ^ c ^ d, k = 0x6ed9eba1;
		else if (i < 60)
			f = (b & c) | (b & d) | (c & d), k = 0x8f1bbcdc;
		else
			f = b ^ c ^ d, k = 0xca62c1d6;
		u32 t = rol(a, 5) + f + e + k + w[i];
		e = d, d = c, c = rol(b, 30), b = a, a = t;
	}
	h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
}

static void sort(i64 *a, int lo, int hi)
{
	while (lo < hi) {
		i64 pivot = a[(lo + hi) / 2];
		int i = lo, j = hi;
		while (i <= j) {
			while (a[i] < pivot)
				i++;
			while (a[j] > pivot)
				j--;
			if (i <= j) {
				i64 t = a[i];
				a[i++] = a[j];
				a[j--] = t;
			}
		}
		sort(a, lo, j);
		lo = i;
	}
}

struct packed {
	u8 tag;
	u32 word;
	u64 wide;
	u16 half;
} __attribute__((packed));

static u64 op_add(u64 a, u64 b) { return a + b; }
static u64 op_mul(u64 a, u64 b) { return a * b; }
static u64 op_div(u64 a, u64 b) { return a / (b | 1); }
static u64 op_rem(u64 a, u64 b) { return (i64)a % ((i64)(b >> 2) | 1); }
static u64 (*const ops[])(u64, u64) = {op_add, op_mul, op_div, op_rem};

static u64 state_machine(int n)
{
	u64 acc = 0;
	int st = 0;
	for (int i = 0; i < n; i++) {
		switch (st) {
		case 0: acc += next() & 15; st = acc & 7; break;
		case 1: acc ^= acc << 3; st = 4; break;
		case 2: acc = (u32)acc * 2654435761u; st = acc >> 3 & 7; break;
		case 3: acc -= i; st = 5; break;
		case 4: acc = acc >> 1 | acc << 63; st = 2; break;
		case 5: acc += (int)acc / 3; st = 6; break;
		case 6: acc ^= (u64)(i64)(short)acc; st = 7; break;
		default: acc += (u16)i; st = 0;
		}
	}
	return acc;
}

static u8 buf[8192];
static i64 numbers[2000];

int main(void)
{
	for (u32 i = 0; i < 256; i++) {
		u32 c = i;
		for (int k = 0; k < 8; k++)
			c = c & 1 ? 0xedb88320 ^ c >> 1 : c >> 1;
		crc_table[i] = c;
	}
	for (u64 i = 0; i < sizeof buf; i++)
		buf[i] = next();
	for (int r = 0; r < 8; r++)
		hex("crc32", crc32(buf + r, sizeof buf - 2 * r));
	u32 h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
	for (u64 i = 0; i + 64 <= sizeof buf; i += 63)
		sha1_block(h, buf + i);
	for (int i = 0; i < 5; i++)
		hex("sha1", h[i]);
	for (int i = 0; i < 2000; i++)
		numbers[i] = next() >> (i % 40);
	sort(numbers, 0, 1999);
	u64 sum = 0;
	for (int i = 0; i < 2000; i++)
		sum = sum * 31 + numbers[i];
	hex("sort", sum);
	u64 v = 1;
	for (int i = 0; i < 20000; i++)
		v = ops[i & 3](v, next() >> (i & 31)) + i;
	hex("ops", v);
	hex("state", state_machine(100000));
	struct packed *p = (struct packed *)(buf + 1);
	for (int i = 0; i < 500; i++) {
		p[i].tag = i;
		p[i].word += p[i].wide;
		p[i].wide ^= (u64)p[i].word << 20;
		p[i].half -= p[i].tag;
	}
	hex("packed", crc32(buf, sizeof buf));
	for (int i = 0; i < 40; i++) {
		int a = next(), b = next() >> 40 | 1;
		hex("div32", (u64)(u32)(a / b) << 32 | (u32)(a % b));
		hex("mulhi", ((__int128)(i64)next() * (i64)next()) >> 64);
	}
	return 0;
}
