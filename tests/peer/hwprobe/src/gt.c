#include "probe.h"

/* The system controller's DMA, and memory seen through windows (c7200
 * reference, 2.3, 2.4, 3, 4.4). */

static u32 G(u32 off) { return gt_read(KSEG1(GT) + off); }
static void set_gt(u32 off, u32 v) { gt_write(KSEG1(GT) + off, v); }

static void record(u32 at, u32 count, u32 source, u32 dest, u32 next)
{
	u32 va = KSEG1(at);

	gt_write(va, count);
	gt_write(va + 4, source);
	gt_write(va + 8, dest);
	gt_write(va + 12, next);
}

static void show_words(const char *what, u32 va, u32 n)
{
	for (u32 i = 0; i < n; i += 8)
		say("%s +%03x %08x %08x %08x %08x %08x %08x %08x %08x", what, 4 * i, io_r32(va + 4 * i), io_r32(va + 4 * i + 4),
			io_r32(va + 4 * i + 8), io_r32(va + 4 * i + 12), io_r32(va + 4 * i + 16), io_r32(va + 4 * i + 20),
			io_r32(va + 4 * i + 24), io_r32(va + 4 * i + 28));
}

#define RECORDS (ARENA + 0x0000)
#define SOURCE (ARENA + 0x1000)
#define DEST (ARENA + 0x2000)

static void show_channel(const char *what, u32 ch)
{
	say("%s channel %u source %08x dest %08x next %08x control %08x cause %08x lines %04x", what, ch, G(0x810 + 4 * ch),
		G(0x820 + 4 * ch), G(0x830 + 4 * ch), G(0x840 + 4 * ch), G(0xc18), lines());
}

static void dma_handler(void *arg UNUSED)
{
	say("dma interrupt: cause %08x mask %08x", G(0xc18), G(0xc1c));
	set_gt(0xc18, 0);
}

void controller(void)
{
	static const u32 control[] = { 0x3000, 0x3200, 0x2000, 0x1000, 0x0000, 0x3e00, 0x13000 };

	for (u32 i = 0; i < 256; i++)
		io_w32(KSEG1(SOURCE) + 4 * i, 0x11223344u * (i + 1));
	for (u32 i = 0; i < ARRAY_LEN(control); i++) {
		record(RECORDS, 32, SOURCE, DEST, RECORDS + 0x10);
		record(RECORDS + 0x10, 7, SOURCE + 0x21, DEST + 0x41, 0);
		for (u32 j = 0; j < 64; j++)
			io_w32(KSEG1(DEST) + 4 * j, 0);
		set_gt(0xc18, 0);
		set_gt(0xc1c, i & 1 ? 0xffffffff : 0x20);
		for (u32 ch = 0; ch < 4; ch++) {
			set_gt(0x830 + 4 * ch, RECORDS);
			set_gt(0x840 + 4 * ch, control[i]);
			show_channel("dma", ch);
		}
		show_words("dma copied", KSEG1(DEST), 24);
		set_gt(0xc18, ~0x30u);
		say("dma cause after a clear %08x lines %04x", G(0xc18), lines());
	}
	/* Lengths, a page crossed, a count above 16 bits. */
	static const u32 counts[] = { 0, 1, 3, 4, 5, 63, 0x800, 0x1001, 0x10010 };
	for (u32 i = 0; i < ARRAY_LEN(counts); i++) {
		memset((void *)KSEG1(DEST), 0x55, 0x1400);
		record(RECORDS, counts[i], SOURCE + (i & 3), DEST + 0x10 + (i >> 1 & 3), 0);
		set_gt(0xc18, 0);
		set_gt(0x830, RECORDS);
		set_gt(0x840, 0x3000);
		say("dma count %x: cause %08x digest %08x", counts[i], G(0xc18), digest(KSEG1(DEST), 0x1400));
	}
	/* To and from what is no memory. */
	static const u32 bad[][2] = { { 0x17000000, DEST }, { SOURCE, 0x1e000100 }, { SOURCE, 0x17000000 } };
	for (u32 i = 0; i < ARRAY_LEN(bad); i++) {
		record(RECORDS, 32, bad[i][0], bad[i][1], 0);
		io_w32(KSEG1(DEST), 0x55);
		set_gt(0xc18, 0);
		set_gt(0x830, RECORDS);
		set_gt(0x840, 0x3000);
		say("dma %08x to %08x: %08x %08x cause %08x", bad[i][0], bad[i][1], io_r32(KSEG1(DEST)), io_r32(NVRAM + 0x100), G(0xc18));
	}
	record(RECORDS, 32, SOURCE, 0xc0000000 | DEST, 0);
	memset((void *)KSEG1(DEST), 0x55, 64);
	set_gt(0xc18, 0);
	set_gt(0x830, RECORDS);
	set_gt(0x840, 0x3000);
	say("dma cause of a swapped one %08x", G(0xc18));
	show_words("dma swapped", KSEG1(DEST), 8);
	set_gt(0xc18, 0);
	set_gt(0x830, 0);
	set_gt(0x840, 0x3000);
	show_channel("null dma", 0);

	for (u32 ch = 0; ch < 4; ch++) {
		record(RECORDS, 4, SOURCE, DEST, 0);
		set_gt(0xc18, 0);
		set_gt(0xc1c, 0x10u << ch);
		set_gt(0x830 + 4 * ch, RECORDS);
		set_gt(0x840 + 4 * ch, 0x3000);
		say("dma interrupt %u taken: %08x", ch, take(ST_IM(4), dma_handler, NULL));
	}
	set_gt(0xc1c, 0);
	set_gt(0xc18, 0);
	if (!board->second)
		return;
	/* The second controller has no interrupt (4.5). */
	gt_write(KSEG1(GT2) + 0xc1c, 0xffffffff);
	gt_write(KSEG1(GT2) + 0x830, RECORDS);
	gt_write(KSEG1(GT2) + 0x840, 0x3000);
	say("gt2 dma control %08x cause %08x lines %04x", gt_read(KSEG1(GT2) + 0x840), gt_read(KSEG1(GT2) + 0xc18), lines());
	gt_write(KSEG1(GT2) + 0xc18, 0);
	gt_write(KSEG1(GT2) + 0xc1c, 0);
}

/* What memory looks like through another address, in every width. */
static void view(const char *what, u32 direct, u32 other)
{
	for (u32 i = 0; i < 16; i++)
		store(direct + i, 1, 0x10 + 7 * i);
	for (u32 size = 1; size <= 4; size *= 2)
		for (u32 o = 0; o < 16; o += size)
			say("%s read %u/%u %08x", what, o, size, (u32)load(other + o, size));
	for (u32 size = 1; size <= 4; size *= 2)
		for (u32 o = 0; o < 8; o += size) {
			store(direct, 4, 0);
			store(direct + 4, 4, 0);
			store(other + o, size, 0x89abcdef);
			say("%s write %u/%u %08x%08x", what, o, size, (u32)load(direct, 4), (u32)load(direct + 4, 4));
		}
}

void windows(void)
{
	struct { const char *name; u64 pa; } places[] = {
		{ "undefined", 0x17000000 }, { "zero window", 0x1f000000 }, { "zero window end", 0x1fbffffc }, { "rom", 0x1fc00000 },
		{ "rom end", 0x1ffffffc }, { "beyond ram", 0x08000000 }, { "iomem", 0x20000000 }, { "pci io", 0x100000000ull },
		{ "pci io end", 0x1001ffffcull }, { "sram", 0x4b000000 }, { "sram alias", 0x14b000000ull }, { "above 1 GB", 0x80000000 },
		{ "disk1", 0x44000000 },
	};

	for (u32 i = 0; i < ARRAY_LEN(places); i++) {
		/* What the ROM holds is its own affair. */
		if (places[i].pa == 0x1fc00000)
			continue;
		for (int cached = 0; cached < 2; cached++) {
			u32 va = map(0, places[i].pa, cached);

			if (places[i].pa == 0x44000000)
				continue;
			say("place %s cached %d %08x %04x %02x", places[i].name, cached, (u32)load(va, 4), (u32)load(va + 2, 2), (u32)load(va + 3, 1));
			store(va, 4, 0x01020304);
			say("place %s cached %d written %08x", places[i].name, cached, (u32)load(va, 4));
		}
	}
	/* Devices are not to be seen through cached addresses (3.2). */
	static const u32 devices[] = { 0x14000c00, 0x16000000, 0x1a000000, 0x1e000080, 0x1e800050, 0x1e84023c, 0x1f000000, 0x1fc00000 };
	for (u32 i = 0; i < ARRAY_LEN(devices) - 1; i++)
		say("cached %08x %08x", devices[i], io_r32(KSEG0(devices[i])));

	view("ram", KSEG1(ARENA), KSEG1(ARENA));
	view("ram cached", KSEG1(ARENA), KSEG0(ARENA));
	view("ram mapped", KSEG1(ARENA), map(1, ARENA, 0));
	view("swapped", KSEG1(ARENA), map(1, 0xc0000000 | ARENA, 0));
	view("swapped, bit 33", KSEG1(ARENA), map(1, 0x2c0000000ull | ARENA, 0));
	if (!board->sram)
		return;
	for (u32 bank = 0; bank < 2; bank++) {
		u64 pa = 0x4b000000 + bank * board->sram;

		view("sram", map(1, pa, 0), map(2, pa, 1));
		view("sram alias", map(1, pa, 0), map(2, 0x100000000ull | pa, 0));
		view("sram swapped", map(1, pa, 0), map(2, pa + 0x800000, 0));
		view("sram end", map(1, pa + board->sram - 16, 0), map(2, pa + board->sram - 16, 0));
	}
	/* DMA from one bank to the other. */
	u32 va = map(1, 0x4b000000, 0);
	for (u32 i = 0; i < 16; i++)
		io_w32(va + 4 * i, 0x01020304 * i);
	record(RECORDS, 64, 0x4b000000, 0x4b000000 + board->sram, 0);
	set_gt(0x830, RECORDS);
	set_gt(0x840, 0x3000);
	say("sram dma cause %08x", G(0xc18));
	show_words("sram dma", map(1, 0x4b000000 + board->sram, 0), 16);
	set_gt(0xc18, 0);
}
