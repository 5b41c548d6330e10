/* What the compared programs share: output through write(2), nothing else. */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef long i64;

static void write_out(const void *p, u64 n)
{
	register u64 v0 __asm__("$2") = 5001;
	register u64 a0 __asm__("$4") = 1;
	register u64 a1 __asm__("$5") = (u64)p;
	register u64 a2 __asm__("$6") = n;
	__asm__ volatile("syscall" : "+r"(v0) : "r"(a0), "r"(a1), "r"(a2)
			 : "$3", "$7", "$8", "$9", "$10", "$11", "$12", "$13", "$14", "$15", "$24", "$25", "memory");
}

static void hex(const char *name, u64 v)
{
	char line[64];
	int n = 0;
	while (name[n] && n < 40) {
		line[n] = name[n];
		n++;
	}
	line[n++] = ' ';
	for (int i = 60; i >= 0; i -= 4)
		line[n++] = "0123456789abcdef"[v >> i & 15];
	line[n++] = '\n';
	write_out(line, n);
}

static u64 seed = 0x9e3779b97f4a7c15ul;
static inline u64 next(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

void *memset(void *d, int c, u64 n)
{
	u8 *p = d;
	while (n--)
		*p++ = c;
	return d;
}

void *memcpy(void *d, const void *s, u64 n)
{
	u8 *p = d;
	const u8 *q = s;
	while (n--)
		*p++ = *q++;
	return d;
}
