#include "probe.h"

/* Am79C970A: adapters-7200 reference, 10. */
#define RDP 0x10
#define RAP 0x14
#define RESET 0x18
#define BDP 0x1c

#define OWN 0x80000000u
#define STP 0x02000000u
#define ENP 0x01000000u
#define ONES 0x0000f000u

static const struct func *f;
static u32 regs, style, groups;
static u32 tx, rx, block, buffers;   /* KSEG1 */

static void rap(u32 n) { io_w32(regs + RAP, n); }

static u32 csr(u32 n)
{
	rap(n);
	return io_r32(regs + RDP);
}

static void set_csr(u32 n, u32 v)
{
	rap(n);
	io_w32(regs + RDP, v);
}

static u32 bcr(u32 n)
{
	rap(n);
	return io_r32(regs + BDP);
}

static void set_bcr(u32 n, u32 v)
{
	rap(n);
	io_w32(regs + BDP, v);
}

static u32 buffer(u32 i) { return buffers + 4096 * i; }

/* Word w of descriptor i in the order of style 2; style 3 has the buffer's
 * address third (10.7). */
static volatile u32 *word(u32 ring, u32 i, u32 w)
{
	if (style == 3 && w != 1 && w != 3)
		w = 2 - w;
	return (volatile u32 *)(ring + 16 * i + 4 * w);
}

static void show_ring(const char *what, u32 ring, u32 n)
{
	for (u32 i = 0; i < n; i++)
		say("%s %s descriptor %u %08x %08x", f->name, what, i, *word(ring, i, 1), *word(ring, i, 2));
}

/* Dynamips clears RINT and TINT at every third write only, and never IENA:
 * both of these in a line of their own. */
static void show_status(const char *what)
{
	u32 v = csr(0);

	say("%s %s csr0 on %02x done %u run %u", f->name, what, v >> 4 & 3, v >> 8 & 1, v & 7);
	say("%s %s csr0 events %02x intr %u iena %u", f->name, what, v >> 9 & 0x7f, v >> 7 & 1, v >> 6 & 1);
}

static void stop(void)
{
	set_csr(0, 4);
	set_csr(4, 0x0115); /* no padding */
}

/* A frame's destination address as the block holds it. */
static void init_block(u32 mode, u32 rlen, u32 tlen)
{
	io_w32(block, mode | rlen << 20 | tlen << 28);
	io_w32(block + 4, 0x0d0c0b0a);   /* 0a 0b 0c 0d 0e 0f */
	io_w32(block + 8, 0x00000f0e);
	io_w32(block + 12, groups);      /* logical address filter */
	io_w32(block + 16, groups);
	io_w32(block + 20, PHYS(rx));
	io_w32(block + 24, PHYS(tx));
	set_csr(1, PHYS(block) & 0xffff);
	set_csr(2, PHYS(block) >> 16);
}

static void start(u32 mode, u32 rlen, u32 tlen)
{
	stop();
	init_block(mode, rlen, tlen);
	set_bcr(20, style);
	set_csr(3, 0);
	set_csr(0, 1);
	set_csr(0, 0x0102);
}

static void storage_registers(void)
{
	static const u32 patterns[] = { 0xffffffff, 0x00000000, 0x5a5a5a5a };
	static const u8 no_csr[] = { 0, 4, 5, 7, 58, 88 };

	for (u32 n = 0; n < 128; n++) {
		u32 got[3], i;

		say("%s csr%u fresh %08x bcr%u %08x", f->name, n, csr(n), n, bcr(n));
		for (i = 0; i < ARRAY_LEN(no_csr) && no_csr[i] != n; i++)
			;
		if (i == ARRAY_LEN(no_csr)) {
			for (u32 p = 0; p < 3; p++) {
				set_csr(n, patterns[p]);
				got[p] = csr(n);
			}
			say("%s csr%u written %08x %08x %08x", f->name, n, got[0], got[1], got[2]);
			set_csr(n, 0);
		}
		if (n == 19 || n == 33 || n == 34)
			continue;
		for (u32 p = 0; p < 3; p++) {
			set_bcr(n, patterns[p]);
			got[p] = bcr(n);
		}
		say("%s bcr%u written %08x %08x %08x", f->name, n, got[0], got[1], got[2]);
		set_bcr(n, 0);
	}
	for (u32 n = 0xff; n < 0x102; n++) {
		rap(n);
		say("%s rap %x reads %08x", f->name, n, io_r32(regs + RAP));
	}
	for (u32 p = 0; p < 3; p++) {
		set_csr(4, patterns[p]);
		u32 a = csr(4);
		set_csr(5, patterns[p] & ~1u);
		u32 b = csr(5);
		set_csr(7, patterns[p]);
		say("%s csr4 written %08x reads %08x csr5 %08x csr7 %08x", f->name, patterns[p], a, b, csr(7));
	}
	set_csr(4, 0);
	set_csr(5, 0);
	set_csr(7, 0);
	/* Narrow accesses, and the ports of word mode. */
	for (u32 size = 1; size <= 4; size *= 2) {
		store(regs + RAP, size, 8);
		store(regs + RDP, size, 0x89abcdef);
		say("%s csr8 written in %u bytes %08x %04x %02x", f->name, size, io_r32(regs + RDP), (u32)load(regs + RDP, 2), (u32)load(regs + RDP, 1));
		io_w32(regs + RDP, 0);
	}
	store(regs + 0x12, 2, 8);
	say("%s word mode %04x %04x %04x", f->name, (u32)load(regs + 0x12, 2), (u32)load(regs + 0x14, 2), (u32)load(regs + 0x16, 2));
}

static void mii(void)
{
	static const u8 phys[] = { 0, 1, 31 };

	for (u32 i = 0; i < ARRAY_LEN(phys); i++)
		for (u32 reg = 0; reg < 32; reg++) {
			set_bcr(33, (u32)phys[i] << 5 | reg);
			say("%s mii phy %u reg %u %04x", f->name, phys[i], reg, bcr(34));
		}
	set_bcr(33, 4);
	set_bcr(34, 0x1234);
	say("%s mii reg 4 written %04x", f->name, bcr(34));
	set_bcr(34, 0x01e1);
}

static void initialise(void)
{
	/* Without a block. */
	stop();
	set_bcr(20, style);
	set_csr(1, 0);
	set_csr(2, 0);
	set_csr(0, 1);
	show_status("no block");
	stop();
	for (u32 mode = 0; mode < 4; mode++) {
		stop();
		init_block(mode, 2, 3);
		set_csr(0, 1);
		show_status("initialised");
		say("%s mode %u: csr15 %04x csr6 %04x address %04x %04x %04x", f->name, mode, csr(15), csr(6), csr(12), csr(13), csr(14));
		set_csr(0, 0x0142);
		show_status("started");
		set_csr(15, 3);
		show_status("off by csr15");
		set_csr(15, 0);
		show_status("on by csr15");
		set_csr(0, 0x7f00);
		show_status("acknowledged");
	}
	stop();
	show_status("stopped");
	(void)io_r32(regs + RESET);
	show_status("reset");
	stop();
}

struct shape {
	const char *name;
	struct { u32 flags; u16 len; u8 skew; } d[5];
	u8 pad;
};

static const struct shape shapes[] = {
	{ "60 bytes", { { STP | ENP, 60, 0 } }, 0 },
	{ "14 bytes", { { STP | ENP, 14, 0 } }, 0 },
	{ "1 byte", { { STP | ENP, 1, 0 } }, 0 },
	{ "1514 bytes", { { STP | ENP, 1514, 0 } }, 0 },
	{ "1518 bytes", { { STP | ENP, 1518, 0 } }, 0 },
	{ "2000 bytes", { { STP | ENP, 2000, 0 } }, 0 },
	{ "two descriptors", { { STP, 40, 0 }, { ENP, 30, 0 } }, 0 },
	{ "odd, unaligned", { { STP, 21, 1 }, { ENP, 43, 3 } }, 0 },
	{ "four descriptors", { { STP, 11, 1 }, { 0, 22, 2 }, { 0, 33, 3 }, { ENP, 44, 0 } }, 0 },
	{ "add FCS", { { STP | ENP | 0x20000000, 60, 0 } }, 0 },
	{ "other bits", { { STP | ENP | 0x18800000, 60, 0 } }, 0 },
	{ .name = "padded", .d = { { STP | ENP, 20, 0 } }, .pad = 1 },
};

static void transmit(const struct shape *s)
{
	u32 n = 0;

	memset((void *)tx, 0, 16 * 16);
	for (; n < 5 && s->d[n].len; n++) {
		u32 b = buffer(n) + s->d[n].skew;

		fill(b, s->d[n].len, n + 1);
		*word(tx, n, 0) = PHYS(b);
		*word(tx, n, 2) = 0x00c0ffee;
		*word(tx, n, 1) = s->d[n].flags | ONES | (-(u32)s->d[n].len & 0xfff);
	}
	start(0, 2, 3);
	if (s->pad)
		set_csr(4, 0x0915);
	for (u32 i = n; i--;)
		*word(tx, i, 1) |= OWN;
	set_csr(0, 8);
	say("%s transmit %s %s", f->name, s->name, wait_clear(word(tx, 0, 1), OWN) ? "done" : "stuck");
	settle(0);
	show_ring(s->name, tx, n);
	show_status(s->name);
	wire_take(f, f->port, 1, s->name);
	stop();
}

static void transmit_rings(void)
{
	memset((void *)tx, 0, 16 * 16);
	start(0, 2, 2);
	for (u32 i = 0; i < 6; i++) {
		u32 n = i % 4;

		fill(buffer(n), 64 + i, i);
		*word(tx, n, 0) = PHYS(buffer(n));
		*word(tx, n, 1) = OWN | STP | ENP | ONES | (-(64 + i) & 0xfff);
		set_csr(0, 8);
		say("%s ring turn %u %s", f->name, i, wait_clear(word(tx, n, 1), OWN) ? "done" : "stuck");
		wire_take(f, f->port, 1, "ring turn");
	}
	show_ring("ring turned", tx, 4);
	stop();
	memset((void *)tx, 0, 16 * 16);
	for (u32 i = 0; i < 4; i++) {
		fill(buffer(i), 100 + i, 9 + i);
		*word(tx, i, 0) = PHYS(buffer(i));
		*word(tx, i, 1) = OWN | STP | ENP | ONES | (-(100 + i) & 0xfff);
	}
	start(0, 2, 2);
	set_csr(0, 8);
	say("%s full ring %s", f->name, wait_clear(word(tx, 3, 1), OWN) ? "done" : "stuck");
	show_ring("full ring", tx, 4);
	show_status("full ring");
	wire_take(f, f->port, 4, "full ring");
	stop();
	/* A transmitter that is off. */
	*word(tx, 0, 1) = OWN | STP | ENP | ONES | (-(u32)64 & 0xfff);
	start(2, 2, 2);
	set_csr(0, 8);
	settle(30);
	show_ring("transmitter off", tx, 1);
	stop();
	/* The rest of a frame comes late. */
	memset((void *)tx, 0, 16 * 16);
	for (u32 i = 0; i < 2; i++) {
		fill(buffer(i), 40, 1 + i);
		*word(tx, i, 0) = PHYS(buffer(i));
	}
	*word(tx, 0, 1) = OWN | STP | ONES | (-(u32)40 & 0xfff);
	*word(tx, 1, 1) = ENP | ONES | (-(u32)40 & 0xfff);
	start(0, 2, 2);
	set_csr(0, 8);
	settle(30);
	show_ring("half a frame", tx, 2);
	*word(tx, 1, 1) |= OWN;
	set_csr(0, 8);
	settle(30);
	show_ring("late half", tx, 2);
	wire_take(f, f->port, 1, "late half");
	stop();
}

static const char own[] = "0a0b0c0d0e0f", other[] = "0a0b0c0d0e10", broadcast[] = "ffffffffffff", group1[] = "01005e000001";

static void arm(u32 n, u32 size)
{
	memset((void *)rx, 0, 16 * 16);
	memset((void *)tx, 0, 16 * 16);
	for (u32 i = 0; i < n; i++) {
		memset((void *)buffer(i), 0xee, 4096);
		*word(rx, i, 0) = PHYS(buffer(i));
		*word(rx, i, 2) = 0x12345678;
		*word(rx, i, 1) = OWN | ONES | (-size & 0xfff);
	}
}

static void show_buffers(const char *what, u32 n)
{
	for (u32 i = 0; i < n; i++)
		say("%s %s buffer %u sum %08x", f->name, what, i, digest(buffer(i), 4096));
}

static void receive(const char *what, u32 n, u32 size, u32 len, const char *dst)
{
	arm(n, size);
	start(0, 3, 2);
	wire_send(f, f->port, len, len, dst);
	say("%s receive %s %s", f->name, what, wait_clear(word(rx, 0, 1), OWN) ? "done" : "none");
	settle(0);
	show_ring(what, rx, n);
	show_buffers(what, n);
	show_status(what);
	stop();
}

static void filter(const char *what, u32 mode)
{
	static const char *const to[] = { own, other, broadcast, group1 };
	u32 i;

	arm(8, 256);
	start(mode, 3, 2);
	for (i = 0; i < ARRAY_LEN(to); i++)
		wire_send(f, f->port, 60 + i, i, to[i]);
	wire_send(f, f->port, 80, 7, own);
	for (u32 turns = 0; turns < 50000000; turns++) {
		for (i = 0; i < 8 && (*word(rx, i, 1) & OWN || (*word(rx, i, 2) & 0xfff) != 84); i++)
			;
		if (i < 8)
			break;
	}
	for (u32 j = 0; j < 6; j++)
		say("%s filter %s descriptor %u %08x %08x", f->name, what, j, *word(rx, j, 1), *word(rx, j, 2));
	stop();
}

static void receive_rings(void)
{
	arm(4, 256);
	start(0, 2, 2);
	for (u32 i = 0; i < 7; i++) {
		u32 n = i % 4;

		wire_send(f, f->port, 64 + i, i, own);
		wait_clear(word(rx, n, 1), OWN);
		settle(0);
		say("%s receive turn %u %08x %08x sum %08x", f->name, i, *word(rx, n, 1), *word(rx, n, 2), digest(buffer(n), 256));
		*word(rx, n, 1) = OWN | ONES | (-(u32)256 & 0xfff);
	}
	stop();
	/* Four frames for two descriptors. */
	arm(2, 256);
	start(0, 2, 2);
	for (u32 i = 0; i < 4; i++)
		wire_send(f, f->port, 64 + i, i, own);
	settle(50);
	show_ring("overrun", rx, 3);
	show_status("overrun");
	say("%s overrun csr112 %08x", f->name, csr(112));
	*word(rx, 2, 0) = PHYS(buffer(2));
	*word(rx, 2, 1) = OWN | ONES | (-(u32)256 & 0xfff);
	wire_send(f, f->port, 70, 5, own);
	wait_clear(word(rx, 2, 1), OWN);
	settle(0);
	show_ring("after an overrun", rx, 3);
	stop();
	arm(1, 64);
	start(0, 2, 2);
	wire_send(f, f->port, 200, 1, own);
	settle(50);
	show_ring("ends in mid-frame", rx, 2);
	show_buffers("ends in mid-frame", 1);
	stop();
	/* Receiver off. */
	arm(2, 256);
	start(1, 2, 2);
	wire_send(f, f->port, 64, 1, own);
	settle(50);
	show_ring("receiver off", rx, 2);
	stop();
}

static void interrupt(void *arg)
{
	u32 v = csr(0);

	say("%s interrupt: network %02x csr0 events %02x intr %u", f->name, net_status(f), v >> 9 & 3, v >> 7 & 1);
	/* Three times, for Dynamips. */
	for (u32 i = 0; i < 3; i++)
		set_csr(0, v & 0x7f40);
	v = csr(0);
	say("%s acknowledged: network %02x csr0 events %02x intr %u", f->name, net_status(f), v >> 9 & 3, v >> 7 & 1);
	net_mask((const struct func *)arg, 0);
}

static void interrupts(struct func *fn)
{
	arm(4, 256);
	start(0, 2, 2);
	net_mask(f, 1u << f->unit);
	wire_send(f, f->port, 64, 1, own);
	wait_clear(word(rx, 0, 1), OWN);
	settle(0);
	say("%s not enabled: network %02x lines %04x", f->name, net_status(f), lines());
	set_csr(3, 0x0400);
	set_csr(0, 0x40);
	say("%s masked by csr3: network %02x lines %04x", f->name, net_status(f), lines());
	net_mask(f, 0);
	set_csr(3, 0);
	set_csr(0, 0x40);
	say("%s masked outside: network %02x lines %04x", f->name, net_status(f), lines());
	net_mask(f, 1u << f->unit);
	say("%s unmasked: network %02x lines %04x", f->name, net_status(f), lines());
	say("%s taken %08x", f->name, take(ST_IM(2), interrupt, fn));
	net_mask(f, 1u << f->unit);
	wire_send(f, f->port, 65, 2, own);
	say("%s second taken %08x", f->name, take(ST_IM(2), interrupt, fn));
	net_mask(f, 1u << f->unit);
	fill(buffer(5), 64, 3);
	*word(tx, 0, 0) = PHYS(buffer(5));
	*word(tx, 0, 1) = OWN | STP | ENP | ONES | (-(u32)64 & 0xfff);
	set_csr(0, 0x48);
	say("%s transmit taken %08x", f->name, take(ST_IM(2), interrupt, fn));
	wire_take(f, f->port, 1, "interrupt");
	stop();
	say("%s stopped: network %02x lines %04x", f->name, net_status(f), lines());
}

static void loopback(void)
{
	arm(2, 256);
	fill(buffer(4), 64, 3);
	memcpy((void *)buffer(4), "\x0a\x0b\x0c\x0d\x0e\x0f", 6);
	*word(tx, 0, 0) = PHYS(buffer(4));
	*word(tx, 0, 1) = OWN | STP | ENP | ONES | (-(u32)64 & 0xfff);
	start(0x0044, 2, 2);
	set_csr(0, 8);
	wait_clear(word(tx, 0, 1), OWN);
	settle(20);
	show_ring("loopback", rx, 2);
	wire_take(f, f->port, 1, "loopback");
	stop();
}

static void unplugged(void)
{
	arm(1, 256);
	*word(tx, 0, 0) = PHYS(buffer(4));
	*word(tx, 0, 1) = OWN | STP | ENP | ONES | (-(u32)64 & 0xfff);
	start(0, 2, 2);
	set_csr(0, 8);
	settle(30);
	show_ring("nowhere", tx, 1);
	stop();
}

/* An ISL frame, whose inner FCS the chip makes (5.1). */
static void isl(void)
{
	memset((void *)tx, 0, 256);
	fill(buffer(0), 100, 1);
	memcpy((void *)buffer(0), "\x01\x00\x0c\x00\x10\x00", 6);
	store(buffer(0) + 12, 2, 90);
	*word(tx, 0, 0) = PHYS(buffer(0));
	*word(tx, 0, 1) = OWN | STP | ENP | ONES | (-(u32)100 & 0xfff);
	start(0, 2, 2);
	set_csr(0, 8);
	say("%s isl %s", f->name, wait_clear(word(tx, 0, 1), OWN) ? "done" : "stuck");
	wire_take(f, f->port, 1, "isl");
	stop();
}

void am79c971(struct func *fn, int how)
{
	int full = how == FULL;
	f = fn;
	regs = fn->regs;
	tx = arena(256);
	rx = arena(256);
	block = arena(64);
	buffers = arena(16 * 4096);
	style = 2;
	if (!begin(f, how)) {
		set_bcr(33, 1);
		say("%s link %04x", f->name, bcr(34));
		unplugged();
		return;
	}
	say("%s id %08x", f->name, csr(88));
	if (full) {
		storage_registers();
		mii();
		initialise();
	}
	for (u32 i = 0; i < (full ? ARRAY_LEN(shapes) : 2); i++)
		transmit(&shapes[i]);
	if (full)
		transmit_rings();
	receive("60 bytes", 2, 256, 60, own);
	interrupts(fn);
	if (!full)
		return;
	filter("address", 0);
	filter("promiscuous", 0x8000);
	filter("no broadcast", 0x4000);
	filter("no address", 0x2000 | 0x8000);
	receive("14 bytes", 2, 256, 14, own);
	receive("1514 bytes", 2, 1600, 1514, own);
	receive("1518 bytes", 2, 1600, 1518, own);
	receive("2000 bytes", 2, 2044, 2000, own);
	receive("3000 bytes", 4, 1024, 3000, own);
	groups = 0xffffffff;
	filter("every group", 0);
	receive("multicast", 2, 256, 70, group1);
	groups = 0;
	receive("exact", 2, 64, 64, own);
	receive("one more", 2, 64, 65, own);
	receive("four descriptors", 4, 64, 250, own);
	receive_rings();
	isl();
	loopback();
	style = 3;
	transmit(&shapes[0]);
	transmit(&shapes[8]);
	receive("style 3", 3, 64, 150, own);
	style = 0;
	set_bcr(20, 0);
	stop();
}
