#include "probe.h"

static u32 next_arena;

void arena_reset(void) { next_arena = ARENA; }

u32 arena(u32 size)
{
	u32 va = KSEG1(next_arena);

	next_arena += (size + 63) & ~63u;
	if (next_arena > ARENA + ARENA_SIZE)
		say("out of memory");
	memset((void *)va, 0, size);
	return va;
}

void fill(u32 va, u32 n, u32 seed)
{
	for (u32 i = 0; i < n; i++)
		store(va + i, 1, seed * 17 + i * 7 + (i >> 8));
}

u32 digest(u32 va, u32 n)
{
	static u32 table[256];
	u32 crc = 0xffffffff;

	if (!table[1])
		for (u32 i = 0; i < 256; i++) {
			u32 v = i;

			for (u32 b = 0; b < 8; b++)
				v = v & 1 ? v >> 1 ^ 0xedb88320 : v >> 1;
			table[i] = v;
		}
	for (u32 i = 0; i < n; i++)
		crc = crc >> 8 ^ table[(crc ^ *(volatile u8 *)(va + i)) & 0xff];
	return ~crc;
}

/* The harness makes the same pattern as fill, with the destination over its
 * first six bytes where there is one. */
void wire_send(const struct func *f, u32 port, u32 len, u32 seed, const char *dst)
{
	ask("send %d %u %u %u %s", f->slot, port, len, seed, dst);
}

void wire_take(const struct func *f, u32 port, u32 n, const char *what) { ask("take %d %u %u %s", f->slot, port, n, what); }

/* Waits until bits of a word in memory are clear; 0 when they never are.
 * Dynamips looks at its rings every 10 ms. */
int wait_clear(volatile u32 *word, u32 mask)
{
	for (u32 i = 0; i < 50000000; i++)
		if (!(*word & mask))
			return 1;
	return 0;
}

/* The byte of a slot in the network interrupt registers (c7200 reference, 7.2). */
static const struct { u8 reg, shift; } irq[SLOTS] = { { 0x10, 0 }, { 0x10, 8 }, { 0x18, 8 }, { 0x10, 24 }, { 0x10, 16 }, { 0x18, 24 }, { 0x18, 16 } };

u32 net_status(const struct func *f) { return io_r32(MP + irq[f->slot].reg) >> irq[f->slot].shift & 0xff; }

void net_mask(const struct func *f, u32 bits)
{
	io_w32(MP + 0x20, 0);
	io_w32(MP + 0x28, 0);
	io_w32(MP + irq[f->slot].reg + 0x10, bits << irq[f->slot].shift);
}

static const struct {
	const char *chip;
	void (*drive)(struct func *f, int how);
} drivers[] = {
	{ "dec21140", dec21140 },
	{ "am79c970", am79c971 },
	{ "i82543", i8254x },
	{ "mueslix", mueslix },
	{ "pos", pos },
	{ "tneta1570", tneta1570 },
	{ "pa4b", pa4b },
	{ "pm7380", pa_mc8te1 },
};

int begin(const struct func *f, int how)
{
	static const char *const names[] = { "in short", "in full", "unplugged" };

	say("%s drive %s", f->name, names[how]);
	return how != UNPLUGGED;
}

/* The harness says of each function how it is to be driven: f in full, s in
 * short, u without a wire, n not at all. */
void networks(void)
{
	for (u32 i = 0; i < nfuncs; i++) {
		struct func *f = &funcs[i];

		for (u32 d = 0; f->chip && d < ARRAY_LEN(drivers); d++)
			if (!strcmp(drivers[d].chip, f->chip->name) && f->slot >= 0) {
				int key = ask("drive %d %u", f->slot, f->unit);

				if (key == 'n')
					continue;
				f->port = f->unit;
				if (!strcmp(f->chip->name, "mueslix"))
					f->port = 4 * f->unit;
				else if (slot_card[f->slot]->ports == 1)
					f->port = 0;
				else if (f->slot == 0 && slot_card[0]->ports == 2)
					f->port = 1 - f->unit; /* the first port is the second chip */
				arena_reset();
				drivers[d].drive(f, key == 'f' ? FULL : key == 'u' ? UNPLUGGED : SHORT);
				net_mask(f, 0);
			}
	}
}
