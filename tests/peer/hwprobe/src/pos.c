#include "probe.h"

/* PA-POS-OC3: adapters-7200 reference, 15 and 16. Three bridges, in front of
 * the receive ring, the transmit ring and the framer, then the function that
 * has the interrupt. */
#define RANGE 0x00
#define RANGE1 0xf0
#define TO_LOCAL 0x60
#define TO_PCI 0x64
#define START 0x04
#define CURRENT 0x08
#define FRAMER 0x300000
#define CONTROL 0x300028

#define OWN 0x80000000u
#define WRAP 0x40000000u
#define CONT 0x08000000u
#define SWAPPED 0xc0000000u

struct desc { u32 control, addr; };

static const struct func *f;
static u32 buffers, rx_regs, tx_regs, framer;
static volatile struct desc *tx, *rx;

static u32 buffer(u32 i) { return buffers + 4096 * i; }

/* The registers of a bridge, then its first local space of some size. */
static u32 bridge(struct func *b, u32 size)
{
	static const u32 ranges[] = { 0xffffffff, 0xfff00000, 0xffff0000, 0x00000000 };
	u32 space;

	say("%s range %08x", b->name, io_r32(b->regs + RANGE));
	for (u32 i = 0; i < ARRAY_LEN(ranges); i++) {
		io_w32(b->regs + RANGE, ranges[i]);
		say("%s range %08x reads %08x", b->name, ranges[i], io_r32(b->regs + RANGE));
	}
	io_w32(b->regs + RANGE, -size);
	space = place_window(b, 0x18, size);
	io_w32(b->regs + TO_PCI, 0xffffffff);
	say("%s doorbells %08x %08x", b->name, io_r32(b->regs + TO_LOCAL), io_r32(b->regs + TO_PCI));
	return space;
}

static void show(const char *what, volatile struct desc *d, u32 n)
{
	for (u32 i = 0; i < n; i++)
		say("%s %s descriptor %u %08x", f->name, what, i, d[i].control);
}

/* Twenty reads take the interrupt away on Dynamips (16). */
static void quiet(void)
{
	for (u32 i = 0; i < 20; i++)
		(void)io_r32(framer + FRAMER);
}

static void stop(void)
{
	io_w32(rx_regs + START, 0);
	io_w32(tx_regs + START, 0);
	memset((void *)tx, 0, 128);
	memset((void *)rx, 0, 128);
	quiet();
}

static void start(volatile struct desc *d, u32 space)
{
	io_w32(space + CURRENT, PHYS(d));
	io_w32(space + START, PHYS(d));
}

struct shape {
	const char *name;
	struct { u32 flags; u16 len; u8 skew; } d[5];
	u8 plain;
};

static const struct shape shapes[] = {
	{ "60 bytes", { { 0, 60, 0 } }, 0 },
	{ "31 bytes", { { 0, 31, 0 } }, 0 },
	{ "1 byte", { { 0, 1, 0 } }, 0 },
	{ "1500 bytes", { { 0, 1500, 0 } }, 0 },
	{ "4000 bytes", { { 0, 4000, 0 } }, 0 },
	{ "plain address", { { 0, 64, 0 } }, 1 },
	{ "two descriptors", { { CONT, 20, 0 }, { 0, 44, 0 } }, 0 },
	{ "odd pieces", { { CONT, 11, 0 }, { CONT, 22, 1 }, { CONT, 33, 2 }, { 0, 44, 3 } }, 0 },
	{ "other bits", { { 0x00ffe000, 60, 0 } }, 0 },
};

static void transmit(const struct shape *s)
{
	u32 n = 0;

	stop();
	for (; n < 5 && s->d[n].len; n++) {
		u32 b = buffer(n) + s->d[n].skew;

		fill(b, s->d[n].len, n + 1);
		tx[n].addr = PHYS(b) | (s->plain ? 0 : SWAPPED);
		tx[n].control = s->d[n].flags | s->d[n].len;
	}
	for (u32 i = n; i--;)
		tx[i].control |= OWN;
	start(tx, tx_regs);
	say("%s transmit %s %s", f->name, s->name, wait_clear(&tx[0].control, OWN) ? "done" : "stuck");
	settle(0);
	show(s->name, tx, n);
	say("%s %s current %u network %02x", f->name, s->name, (io_r32(tx_regs + CURRENT) - PHYS(tx)) / 8, net_status(f));
	wire_take(f, 0, 1, s->name);
	stop();
}

static void arm(u32 n, u32 size)
{
	for (u32 i = 0; i < n; i++) {
		memset((void *)buffer(i), 0xee, 4096);
		rx[i].addr = PHYS(buffer(i));
		rx[i].control = OWN | size | (i == n - 1 ? WRAP : 0);
	}
}

static void show_buffers(const char *what, u32 n)
{
	for (u32 i = 0; i < n; i++)
		say("%s %s buffer %u sum %08x", f->name, what, i, digest(buffer(i), 4096));
}

static void receive(const char *what, u32 n, u32 size, u32 len, u32 crc)
{
	stop();
	store(framer + CONTROL, 2, crc);
	arm(n, size);
	start(rx, rx_regs);
	wire_send(f, 0, len, len, "-");
	say("%s receive %s %s", f->name, what, wait_clear(&rx[0].control, OWN) ? "done" : "none");
	settle(0);
	show(what, rx, n);
	show_buffers(what, n);
	say("%s %s current %u network %02x", f->name, what, (io_r32(rx_regs + CURRENT) - PHYS(rx)) / 8, net_status(f));
	stop();
}

static void rings(void)
{
	stop();
	start(tx, tx_regs);
	for (u32 i = 0; i < 6; i++) {
		u32 n = i % 4;

		fill(buffer(n), 64 + i, i);
		tx[n].addr = PHYS(buffer(n)) | SWAPPED;
		tx[n].control = OWN | (n == 3 ? WRAP : 0) | (64 + i);
		say("%s ring turn %u %s", f->name, i, wait_clear(&tx[n].control, OWN) ? "done" : "stuck");
		wire_take(f, 0, 1, "ring turn");
	}
	show("ring turned", tx, 4);
	stop();
	for (u32 i = 0; i < 4; i++) {
		fill(buffer(i), 100 + i, 9 + i);
		tx[i].addr = PHYS(buffer(i)) | SWAPPED;
		tx[i].control = OWN | (i == 3 ? WRAP : 0) | (100 + i);
	}
	start(tx, tx_regs);
	say("%s full ring %s", f->name, wait_clear(&tx[3].control, OWN) ? "done" : "stuck");
	show("full ring", tx, 4);
	wire_take(f, 0, 4, "full ring");
	stop();
	arm(3, 256);
	start(rx, rx_regs);
	for (u32 i = 0; i < 5; i++) {
		u32 n = i % 3;

		wire_send(f, 0, 64 + i, i, "-");
		wait_clear(&rx[n].control, OWN);
		settle(0);
		say("%s receive turn %u %08x sum %08x", f->name, i, rx[n].control, digest(buffer(n), 256));
		rx[n].control = OWN | 256 | (n == 2 ? WRAP : 0);
	}
	stop();
	arm(2, 256);
	start(rx, rx_regs);
	for (u32 i = 0; i < 3; i++)
		wire_send(f, 0, 64 + i, i, "-");
	settle(50);
	show("overrun", rx, 2);
	stop();
	arm(2, 64);
	rx[1].control = WRAP | 64;
	start(rx, rx_regs);
	wire_send(f, 0, 200, 1, "-");
	settle(50);
	show("ends in mid-frame", rx, 2);
	show_buffers("ends in mid-frame", 2);
	stop();
	arm(2, 256);
	wire_send(f, 0, 64, 1, "-");
	settle(50);
	show("no ring", rx, 2);
	stop();
}

static void interrupt(void *arg)
{
	say("%s interrupt: network %02x", f->name, net_status(f));
	quiet();
	say("%s status read: network %02x", f->name, net_status(f));
	net_mask((const struct func *)arg, 0);
}

static void interrupts(struct func *fn)
{
	stop();
	arm(4, 256);
	start(rx, rx_regs);
	wire_send(f, 0, 64, 1, "-");
	wait_clear(&rx[0].control, OWN);
	settle(0);
	say("%s masked outside: network %02x lines %04x", f->name, net_status(f), lines());
	net_mask(f, 1);
	say("%s unmasked: network %02x lines %04x", f->name, net_status(f), lines());
	say("%s taken %08x", f->name, take(ST_IM(2), interrupt, fn));
	stop();
	net_mask(f, 1);
	fill(buffer(5), 64, 3);
	tx[0].addr = PHYS(buffer(5)) | SWAPPED;
	tx[0].control = OWN | 64;
	start(tx, tx_regs);
	say("%s transmit taken %08x", f->name, take(ST_IM(2), interrupt, fn));
	wire_take(f, 0, 1, "interrupt");
	stop();
}

void pos(struct func *fn, int how)
{
	int full = how == FULL;
	static const struct reg registers[] = { { "r0", 0 }, { "r404", 0x404 }, { "r406", 0x406 }, { "r407", 0x407 }, { "r408", 0x408 } };
	static const struct reg framer_registers[] = { { "s0", 0x300000 }, { "s4", 0x300004 }, { "s8", 0x300008 }, { "s1c", 0x30001c },
		{ "control", 0x300028 }, { "s10", 0x300010 }, { "f0", 0 } };
	static const struct reg ring_registers[] = { { "r0", 0 }, { "start", 4 }, { "current", 8 }, { "rc", 12 } };
	u32 spaces[3];

	f = fn;
	tx = (volatile struct desc *)arena(128);
	rx = (volatile struct desc *)arena(128);
	buffers = arena(16 * 4096);
	if (!begin(f, how))
		return;
	for (u32 i = 0; i < nfuncs; i++)
		if (funcs[i].slot == f->slot && funcs[i].unit < 3)
			spaces[funcs[i].unit] = bridge(&funcs[i], funcs[i].unit == 2 ? 0x400000 : 0x100000);
	rx_regs = spaces[0];
	tx_regs = spaces[1];
	framer = spaces[2];
	for (u32 i = 0; i < ARRAY_LEN(registers); i++)
		show_reg(f->name, &registers[i], f->regs);
	for (u32 s = 0; s < 2; s++)
		for (u32 i = 0; i < ARRAY_LEN(ring_registers); i++)
			show_reg(s ? "pos tx" : "pos rx", &ring_registers[i], spaces[s]);
	for (u32 i = 0; i < ARRAY_LEN(framer_registers); i++)
		show_reg("pos framer", &framer_registers[i], framer);
	for (u32 v = 0; v < 0x20; v++) {
		store(framer + CONTROL, 2, v * 0x0841);
		say("pos framer control %04x reads %04x %08x", v * 0x0841, (u32)load(framer + CONTROL, 2), io_r32(framer + CONTROL));
	}
	for (u32 s = 0; s < 2; s++)
		for (u32 r = START; r <= CURRENT; r += 4) {
			io_w32(spaces[s] + r, 0x12345678);
			say("pos %s register %u written %08x", s ? "tx" : "rx", r, io_r32(spaces[s] + r));
			io_w32(spaces[s] + r, 0);
		}
	for (u32 i = 0; i < (full ? ARRAY_LEN(shapes) : 2); i++)
		transmit(&shapes[i]);
	receive("60 bytes", 2, 256, 60, 6);
	interrupts(fn);
	if (!full)
		return;
	receive("1 byte", 2, 256, 1, 6);
	receive("1500 bytes", 2, 1600, 1500, 6);
	receive("long CRC", 2, 256, 61, 7);
	receive("other CRC", 2, 256, 61, 0);
	receive("exact", 2, 64, 64, 6);
	receive("one more", 2, 64, 65, 6);
	receive("four descriptors", 4, 64, 250, 7);
	receive("4000 bytes", 4, 2048, 4000, 6);
	rings();
}
