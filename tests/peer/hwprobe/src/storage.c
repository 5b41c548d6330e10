#include "probe.h"

/* NVRAM and calendar: c7200 reference, 9.1 and 9.2. */
#define CALENDAR (NVRAM + 3)

static void arm_calendar(void)
{
	u64 pattern = 0x5CA33AC55CA33AC5ull;

	for (u32 i = 0; i < 64; i++)
		store(CALENDAR, 1, pattern >> i);
}

void nvram(void)
{
	u32 lo = 0, hi = 0, size = io_r32(REMOTE + 0x1c) << 10;

	/* What is there before anybody writes: a configuration, or nothing (9.4). */
	for (u32 o = 0x800; o < 0x900; o += 16)
		say("nvram %04x %08x %08x %08x %08x", o, io_r32(NVRAM + o), io_r32(NVRAM + o + 4), io_r32(NVRAM + o + 8), io_r32(NVRAM + o + 12));
	say("calendar idle %02x", (u32)load(CALENDAR, 1));
	store(CALENDAR, 1, 0xff);
	io_w32(NVRAM, 0x11223344);
	say("nvram word 0 %08x half 2 %04x byte 3 %02x", io_r32(NVRAM), (u32)load(NVRAM + 2, 2), (u32)load(CALENDAR, 1));
	arm_calendar();
	for (u32 i = 0; i < 64; i++) {
		u32 bit = (u32)load(CALENDAR, 1);

		if (bit & ~1u)
			say("calendar bit %u: %02x", i, bit);
		if (i < 32)
			lo |= (bit & 1) << i;
		else
			hi |= (bit & 1) << (i - 32);
	}
	say("calendar year %02x", hi >> 24);
	/* The day may change between the two runs: only the shape. */
	say("calendar month %d day %d weekday %d hundredths %02x", (hi >> 16 & 0xff) <= 0x12, (hi >> 8 & 0xff) <= 0x31, (hi & 0xff) < 7, lo & 0xff);
	say("calendar after %02x", (u32)load(CALENDAR, 1));
	/* A wrong bit keeps it locked. */
	for (u32 i = 0; i < 63; i++)
		store(CALENDAR, 1, 0x5CA33AC55CA33AC5ull >> i);
	store(CALENDAR, 1, 1);
	say("calendar wrong key %02x", (u32)load(CALENDAR, 1));
	io_w32(NVRAM, 0);

	static const u32 at[] = { 0x004, 0x400, 0x7fc, 0x800, 0x1000, 0x10000 };
	for (u32 i = 0; i < ARRAY_LEN(at); i++) {
		u32 va = NVRAM + at[i];

		io_w32(va, 0x01020304);
		say("nvram %05x word %08x halves %04x %04x bytes %02x %02x %02x %02x", at[i], io_r32(va), (u32)load(va, 2), (u32)load(va + 2, 2),
			(u32)load(va, 1), (u32)load(va + 1, 1), (u32)load(va + 2, 1), (u32)load(va + 3, 1));
		store(va + 1, 1, 0xaa);
		store(va + 2, 2, 0xbbcc);
		say("nvram %05x written %08x", at[i], io_r32(va));
		io_w32(va, 0);
	}
	say("nvram end %08x beyond %08x", io_r32(NVRAM + size - 4), io_r32(NVRAM + size));
	io_w32(NVRAM + size, 0x55);
	say("nvram beyond written %08x", io_r32(NVRAM + size));
	say("nvram digest %08x", digest(NVRAM + 4, 0x7c));
}

/* Bootflash: c7200 reference, 10. */
static void show_flash(const char *what, u32 off)
{
	say("flash %s at %06x: 4:%08x 2:%04x,%04x 1:%02x,%02x,%02x,%02x", what, off, io_r32(FLASH + off), (u32)load(FLASH + off, 2),
		(u32)load(FLASH + off + 2, 2), (u32)load(FLASH + off, 1), (u32)load(FLASH + off + 1, 1), (u32)load(FLASH + off + 2, 1),
		(u32)load(FLASH + off + 3, 1));
}

#define ALL(c) ((c) * 0x01010101u)

void flash(void)
{
	static const u32 places[] = { 0x000000, 0x03fffc, 0x040000, 0x080000, 0x400000, 0x7ffffc };
	static const u8 commands[] = { 0xff, 0x90, 0x70, 0x50, 0x98, 0xb0, 0x60, 0x00, 0xfb };

	for (u32 i = 0; i < ARRAY_LEN(places); i++)
		show_flash("fresh", places[i]);
	for (u32 i = 0; i < ARRAY_LEN(commands); i++) {
		char name[16];

		snprintf(name, sizeof(name), "command %02x", commands[i]);
		io_w32(FLASH, ALL(commands[i]));
		show_flash(name, 0);
		show_flash(name, 4);
		show_flash(name, 8);
		show_flash(name, 0x40000);
		io_w32(FLASH, ALL(0xff));
		show_flash("array", 0);
	}
	/* Erase, its confirmation and what is no confirmation. */
	io_w32(FLASH + 0x40000, ALL(0x20));
	show_flash("erase set up", 0x40000);
	io_w32(FLASH + 0x40000, ALL(0x11));
	show_flash("not confirmed", 0x40000);
	io_w32(FLASH + 0x40000, ALL(0xd0));
	show_flash("erased", 0x40000);
	show_flash("erased", 0x40000);
	io_w32(FLASH + 0x40000, ALL(0x70));
	show_flash("status", 0x40000);
	io_w32(FLASH + 0x40000, ALL(0x50));
	io_w32(FLASH + 0x40000, ALL(0xff));
	for (u32 i = 0; i < ARRAY_LEN(places); i++)
		show_flash("after erase", places[i]);
	/* Program: both commands, words and single chips, over what is there. */
	for (u32 i = 0; i < 2; i++) {
		u32 a = FLASH + 0x40000 + 16 * i;

		io_w32(a, ALL(i ? 0x10 : 0x40));
		io_w32(a, 0x12345678);
		show_flash("programmed", 0x40000 + 16 * i);
		io_w32(a, ALL(0xff));
		show_flash("programmed, array", 0x40000 + 16 * i);
	}
	for (u32 b = 0; b < 4; b++) {
		store(FLASH + 0x40020 + b, 1, 0x40);
		store(FLASH + 0x40020 + b, 1, 0xa0 + b);
		show_flash("one chip", 0x40020);
		store(FLASH + 0x40020 + b, 1, 0xff);
	}
	show_flash("four chips", 0x40020);
	store(FLASH + 0x40030, 2, 0x4040);
	store(FLASH + 0x40030, 2, 0xbeef);
	store(FLASH + 0x40030, 2, 0xffff);
	show_flash("half", 0x40030);
	static const u32 over[] = { 0xffffffff, 0x12345678, 0x00000000 };
	for (u32 i = 0; i < ARRAY_LEN(over); i++) {
		io_w32(FLASH + 0x40000, ALL(0x40));
		io_w32(FLASH + 0x40000, over[i]);
		io_w32(FLASH + 0x40000, ALL(0xff));
		show_flash("overwritten", 0x40000);
	}
	/* The write buffer: full, short, abandoned, beyond its range. */
	static const u8 counts[] = { 32, 1, 5, 32 };
	for (u32 i = 0; i < ARRAY_LEN(counts); i++) {
		u32 off = 0x41000 + 0x100 * i;

		io_w32(FLASH + off, ALL(0xe8));
		show_flash("buffer set up", off);
		io_w32(FLASH + off, ALL((u32)counts[i] - 1));
		for (u32 w = 0; w < counts[i]; w++)
			io_w32(FLASH + off + 4 * w, 0x01020304 * (w + 1));
		show_flash("buffer filled", off);
		io_w32(FLASH + off, ALL(i == 3 ? 0xffu : 0xd0u));
		show_flash("buffer confirmed", off);
		io_w32(FLASH + off, ALL(0xff));
		say("flash buffer %u digest %08x", counts[i], digest(FLASH + off, 0x100));
	}
	show_flash("end", 0x7ffffc);
}

/* PCMCIA: c7200 reference, 11. */
static u32 ports, disk;

static u32 pd_read(u32 index)
{
	store(ports + 0x403, 1, index);
	return (u32)load(ports + 0x402, 1);
}

static void pd_write(u32 index, u32 v)
{
	store(ports + 0x403, 1, index);
	store(ports + 0x402, 1, v);
}

static u32 cell(u32 i) { return (u32)load(disk + (2 * (i ^ 1)), 2); }
static void set_cell(u32 i, u32 v) { store(disk + (2 * (i ^ 1)), 2, v); }

#define ATA_COUNT 0x80001
#define ATA_CYL 0x80002
#define ATA_CMD 0x80003
#define ATA_DATA 0x80200

static u32 ata_status(void) { return cell(ATA_CMD) >> 8; }

static void ata_command(u32 count, u32 lba, u32 drive, u32 command)
{
	set_cell(ATA_COUNT, count | (lba & 0xff) << 8);
	set_cell(ATA_CYL, lba >> 8 & 0xffff);
	set_cell(ATA_CMD, command << 8 | drive | (lba >> 24 & 15));
}

static void ata_read(const char *what)
{
	u16 w[256];

	for (u32 i = 0; i < 256; i++)
		w[i] = (u16)cell(ATA_DATA);
	say("%s digest %08x status %02x", what, digest((u32)w, sizeof(w)), ata_status());
}

/* The boot sector without what is free to differ: its maker's name and the
 * number of the volume. */
static void boot_sector(u32 n)
{
	u8 b[512];

	for (u32 i = 0; i < 512; i += 2) {
		u32 v = cell(ATA_DATA);

		b[i] = (u8)v;
		b[i + 1] = (u8)(v >> 8);
	}
	say("disk%u volume %02x%02x%02x%02x", n, b[39], b[40], b[41], b[42]);
	say("disk%u total %02x%02x%02x%02x", n, b[35], b[34], b[33], b[32]);
	memset(b + 3, 0, 8);
	memset(b + 32, 0, 4);
	memset(b + 39, 0, 4);
	say("disk%u boot sector digest %08x status %02x", n, digest((u32)b, sizeof(b)), ata_status());
}

static void show_ata(const char *what)
{
	say("%s status %02x count %04x cylinder %04x drive %04x", what, ata_status(), cell(ATA_COUNT), cell(ATA_CYL), cell(ATA_CMD));
}

static void ata(u32 n)
{
	char name[24];

	/* The rest Dynamips answers with whatever it last had in hand. */
	for (u32 i = 0; i < 0xbd; i++)
		say("disk%u cis %02x %02x 1:%02x,%02x", n, i, cell(i) & 0xff, (u32)load(disk + 2 * (i ^ 1), 1), (u32)load(disk + 2 * (i ^ 1) + 1, 1));
	say("disk%u pin replacement %04x", n, cell(0x102));
	show_ata("disk idle");
	ata_command(1, 0, 0xe0, 0xec);
	show_ata("identify");
	for (u32 i = 0; i < 256; i += 8) {
		u32 w[8];

		/* Any address of the port is the same. */
		for (u32 j = 0; j < 8; j++)
			w[j] = cell(ATA_DATA + (j * 37 & 0xff));
		say("disk%u identify %u %04x %04x %04x %04x %04x %04x %04x %04x", n, i, w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]);
	}
	show_ata("identified");
	/* By LBA and by CHS, one sector and several. */
	ata_command(1, 0, 0xe0, 0x20);
	show_ata("read set up");
	ata_read("mbr");
	ata_command(1, 0x000001, 0xa0, 0x20); /* cylinder 0, head 0, sector 1 */
	ata_read("mbr by chs");
	ata_command(1, 0x000001, 0xa1, 0x20); /* head 1, sector 1: LBA 32 */
	boot_sector(n);
	/* Writes, then reads of the same. */
	for (u32 s = 0; s < 3; s++) {
		u32 count = s == 1 ? 3 : 1, lba = 1000 + 10 * s;

		ata_command(count, lba, 0xe0, 0x30);
		show_ata("write set up");
		for (u32 i = 0; i < 256 * count; i++)
			set_cell(ATA_DATA + (i & 0xff), (i * 0x1357 + s) & 0xffff);
		show_ata("written");
		ata_command(count, lba, 0xe0, 0x20);
		for (u32 k = 0; k < count; k++) {
			snprintf(name, sizeof(name), "read back %u", lba + k);
			ata_read(name);
		}
		snprintf(name, sizeof(name), "after %u", lba);
		ata_command(1, lba + count, 0xe0, 0x20);
		ata_read(name);
	}
	/* Head and cylinder of CHS: LBA 1010 is cylinder 7, head 3, sector 19. */
	ata_command(1, 0x000713, 0xa3, 0x20);
	ata_read("1010 by chs");
	/* What is no command changes nothing; data with none to come. */
	static const u8 others[] = { 0x00, 0x10, 0x40, 0x90, 0xef, 0xe0, 0x21, 0xc4 };
	for (u32 i = 0; i < ARRAY_LEN(others); i++) {
		snprintf(name, sizeof(name), "command %02x", others[i]);
		ata_command(1, 0, 0xe0, others[i]);
		show_ata(name);
	}
	/* 256 sectors: a count of 0. */
	ata_command(0, 2000, 0xe0, 0x20);
	for (u32 i = 0; i < 255 * 256; i++)
		(void)cell(ATA_DATA);
	show_ata("255 of 256");
	ata_read("the last");
}

void pcmcia(void)
{
	ports = map(3, 0x100000000ull, 0);
	for (u32 i = 0; i < 0x88; i++)
		say("pd6729 %02x %02x index %02x", i, pd_read(i), (u32)load(ports + 0x403, 1));
	for (u32 i = 0; i < 0x88; i += 3) {
		pd_write(i, 0xa5);
		say("pd6729 write %02x reads %02x, index %02x, wide %04x %08x", i, pd_read(i), (u32)load(ports + 0x403, 1),
			(u32)load(ports + 0x402, 2), (u32)load(ports + 0x400, 4));
	}
	for (u32 p = 0x3fe; p < 0x408; p++)
		if (p != 0x402 && p != 0x403)
			say("pci io port %x %02x", p, (u32)load(ports + p, 1));
	for (u32 n = 0; n < 2; n++) {
		disk = map(4, 0x40000000 + n * 0x04000000, 0);
		ata(n);
	}
}
