#include "probe.h"

/* 82543: adapters-7200 reference, 12. */
#define CTRL 0x0000
#define STATUS 0x0008
#define EECD 0x0010
#define CTRL_EXT 0x0018
#define MDIC 0x0020
#define ICR 0x00c0
#define ICS 0x00c8
#define IMS 0x00d0
#define IMC 0x00d8
#define RCTL 0x0100
#define TCTL 0x0400
#define RDBAL 0x2800
#define TDBAL 0x3800
#define BASE_HIGH 4
#define LEN 8
#define HEAD 0x10
#define TAIL 0x18

#define EOP 0x01000000u
#define IFCS 0x02000000u
#define RS 0x08000000u
#define DD 1u

#define RX_ON 2u
#define TX_ON 2u
#define SWAPPED 0xc0000000u

struct desc { u32 addr, high, length, status; };

static const struct func *f;
static u32 regs, buffers;
static volatile struct desc *tx, *rx;
#define RING 8u                          /* the shortest there is */

static u32 rd(u32 off) { return io_r32(regs + off); }
static void wr(u32 off, u32 v) { io_w32(regs + off, v); }
static u32 buffer(u32 i) { return buffers + 4096 * i; }

static void stop(void)
{
	wr(RCTL, 0);
	wr(TCTL, 0);
	wr(IMC, 0xffffffff);
	/* Dynamips tells of each frame once more (12.3). */
	for (u32 i = 0; i < 40; i++)
		(void)rd(ICR);
}

static void start_tx(void)
{
	wr(TDBAL, PHYS(tx));
	wr(TDBAL + BASE_HIGH, 0);
	wr(TDBAL + LEN, RING * 16);
	wr(TDBAL + HEAD, 0);
	wr(TDBAL + TAIL, 0);
	wr(TCTL, TX_ON);
}

static void start_rx(u32 control, u32 tail)
{
	wr(RDBAL, PHYS(rx));
	wr(RDBAL + BASE_HIGH, 0);
	wr(RDBAL + LEN, RING * 16);
	wr(RDBAL + HEAD, 0);
	wr(RDBAL + TAIL, tail);
	wr(RCTL, control | RX_ON);
}

static void show_tx(const char *what, u32 n)
{
	for (u32 i = 0; i < n; i++)
		say("%s %s descriptor %u %08x %08x", f->name, what, i, tx[i].length, tx[i].status);
	say("%s %s head %u tail %u", f->name, what, rd(TDBAL + HEAD), rd(TDBAL + TAIL));
}

static void show_rx(const char *what, u32 n)
{
	for (u32 i = 0; i < n; i++)
		say("%s %s descriptor %u %08x %08x", f->name, what, i, rx[i].length, rx[i].status);
	say("%s %s head %u tail %u", f->name, what, rd(RDBAL + HEAD), rd(RDBAL + TAIL));
}

static void show_causes(const char *what)
{
	u32 a = rd(ICR), b = rd(ICR), c = rd(ICR);

	say("%s %s icr %08x", f->name, what, a);
	say("%s %s icr again %08x %08x", f->name, what, b, c);
}

static int wait_head(u32 base, u32 want)
{
	for (u32 i = 0; i < 20000000; i++)
		if (rd(base + HEAD) == want)
			return 1;
	return 0;
}

static void storage_registers(void)
{
	static const struct { u16 off; u32 not; } list[] = {
		{ CTRL, 0x87f00000 }, { STATUS, 0 }, { CTRL_EXT, 0x40 }, { 0x28, 0 }, { 0x2c, 0 }, { 0x30, 0 }, { 0x38, 0 }, { 0xc4, 0 },
		{ RCTL, 2 }, { 0x170, 0 }, { 0x178, 0 }, { 0x180, 0 }, { TCTL, 2 }, { 0x410, 0 }, { 0x458, 0 }, { 0xe00, 0 }, { 0x1000, 0 },
		{ 0x2160, 0 }, { 0x2168, 0 }, { 0x2800, 0 }, { 0x2804, 0 }, { 0x2808, 0 }, { 0x2810, 0 }, { 0x2818, 0 }, { 0x2820, 0 },
		{ 0x2828, 0 }, { 0x282c, 0 }, { 0x3800, 0 }, { 0x3804, 0 }, { 0x3808, 0 }, { 0x3810, 0 }, { 0x3818, 0 }, { 0x3820, 0 },
		{ 0x3828, 0 }, { 0x4074, 0 }, { 0x5000, 0 }, { 0x5200, 0 }, { 0x5400, 0 }, { 0x5404, 0 }, { 0x5600, 0 },
		{ 0x108, 0 }, { 0x110, 0 }, { 0x114, 0 }, { 0x118, 0 }, { 0x120, 0 }, { 0x128, 0 }, { 0x420, 0 }, { 0x424, 0 }, { 0x428, 0 },
		{ 0x430, 0 }, { 0x438, 0 }, { 0x44, 0 }, { 0x1234, 0 }, { 0x7000, 0 },
	};
	static const u32 patterns[] = { 0xffffffff, 0x00000000, 0x5a5a5a5a };

	for (u32 i = 0; i < ARRAY_LEN(list); i++) {
		u32 got[3], old = rd(list[i].off);

		for (u32 p = 0; p < 3; p++) {
			wr(list[i].off, patterns[p] & ~list[i].not);
			got[p] = rd(list[i].off);
		}
		say("%s register %04x written %08x %08x %08x", f->name, list[i].off, got[0], got[1], got[2]);
		wr(list[i].off, 0);
		for (u32 size = 1; size <= 2; size++) {
			store(regs + list[i].off, size, 0x89abcd00 | (0xef & ~list[i].not));
			say("%s register %04x written in %u bytes %08x", f->name, list[i].off, size, rd(list[i].off));
		}
		wr(list[i].off, old);
	}
	/* One register under both of its offsets (12.1). */
	wr(0x2800, 0x12345670);
	wr(0x438, 0x55);
	say("%s alias %08x %08x", f->name, rd(0x110), rd(0x3818));
	wr(0x2800, 0);
	wr(0x438, 0);
	/* The interrupt registers. */
	wr(IMC, 0xffffffff);
	(void)rd(ICR);
	wr(IMS, 0x83);
	say("%s ims %08x imc %08x", f->name, rd(IMS), rd(IMC));
	wr(IMS, 0x40);
	say("%s ims more %08x", f->name, rd(IMS));
	wr(IMC, 0x3);
	say("%s ims less %08x", f->name, rd(IMS));
	wr(IMC, 0xffffffff);
	wr(ICS, 0x212);
	say("%s ics reads %08x", f->name, rd(ICS));
	show_causes("set by ics");
	wr(MDIC, 0x08210000);
	say("%s mdic %08x", f->name, rd(MDIC) & 0x10000000);
	say("%s mdic data %08x", f->name, rd(MDIC));
	stop();
}

/* The transceiver through SDP6 (clock) and SDP7 (data) of CTRL_EXT (12.4). */
static void mdio_out(u32 bits, u32 n)
{
	while (n--) {
		u32 v = 0xc00 | (bits >> n & 1) << 7;

		wr(CTRL_EXT, v);
		wr(CTRL_EXT, v | 0x40);
	}
}

static u32 mdio_in(u32 n)
{
	u32 v = 0;

	while (n--) {
		wr(CTRL_EXT, 0x400);
		wr(CTRL_EXT, 0x440);
		v = v << 1 | (rd(CTRL_EXT) >> 7 & 1);
	}
	return v;
}

static u32 mdio_read(u32 phy, u32 reg)
{
	mdio_out(0xffffffff, 32);
	mdio_out(6, 4);
	mdio_out(phy << 5 | reg, 10);
	return mdio_in(17);
}

static void mdio_write(u32 phy, u32 reg, u32 v)
{
	mdio_out(0xffffffff, 32);
	mdio_out(5, 4);
	mdio_out(phy << 5 | reg, 10);
	mdio_out(2, 2);
	mdio_out(v, 16);
}

static void mii(void)
{
	static const u8 phys[] = { 0, 1, 31 };
	static const u8 written[] = { 0, 1, 2, 4, 9, 16, 17, 30 };

	for (u32 i = 0; i < ARRAY_LEN(phys); i++)
		for (u32 reg = 0; reg < 32; reg++)
			say("%s mii phy %u reg %u %05x", f->name, phys[i], reg, mdio_read(phys[i], reg));
	for (u32 i = 0; i < ARRAY_LEN(written); i++) {
		mdio_write(1, written[i], 0xb300 + i);
		say("%s mii reg %u written %05x of another %05x", f->name, written[i], mdio_read(1, written[i]), mdio_read(2, written[i]));
		mdio_write(1, written[i], 0);
	}
	/* READ of word 0 of the EEPROM: 110, address, 16 bits. */
	u32 v = 0;
	wr(EECD, 0x42);
	for (u32 i = 9; i--;) {
		u32 bit = (0x180u >> i & 1) << 2;

		wr(EECD, 0x42 | bit);
		wr(EECD, 0x43 | bit);
	}
	for (u32 i = 0; i < 16; i++) {
		wr(EECD, 0x42);
		wr(EECD, 0x43);
		v = v << 1 | (rd(EECD) >> 3 & 1);
	}
	wr(EECD, 0);
	say("%s eeprom word 0 %04x", f->name, v);
}

struct shape {
	const char *name;
	struct { u32 flags; u16 len; u8 skew; } d[5];
	u8 plain;                            /* not through the swapped window */
};

static const struct shape shapes[] = {
	{ "60 bytes", { { EOP | RS | IFCS, 60, 0 } }, 0 },
	{ "14 bytes", { { EOP | RS | IFCS, 14, 0 } }, 0 },
	{ "1514 bytes", { { EOP | RS | IFCS, 1514, 0 } }, 0 },
	{ "1518 bytes", { { EOP | RS | IFCS, 1518, 0 } }, 0 },
	{ "4000 bytes", { { EOP | RS | IFCS, 4000, 0 } }, 0 },
	{ "plain address", { { EOP | RS | IFCS, 64, 0 } }, 1 },
	{ "plain address, odd", { { EOP | RS | IFCS, 61, 0 } }, 1 },
	{ "unaligned", { { EOP | RS | IFCS, 65, 2 } }, 0 },
	{ "two descriptors", { { RS, 24, 0 }, { EOP | RS | IFCS, 40, 0 } }, 0 },
	{ "status of the last", { { 0, 24, 0 }, { EOP | RS | IFCS, 40, 0 } }, 0 },
	{ "status of the first", { { RS, 24, 0 }, { EOP | IFCS, 40, 0 } }, 0 },
	{ "no status", { { EOP | IFCS, 60, 0 } }, 0 },
	{ "odd pieces", { { RS, 11, 1 }, { 0, 22, 2 }, { RS, 33, 3 }, { EOP | RS | IFCS, 44, 0 } }, 0 },
	{ "FCS by the chip", { { EOP | RS, 60, 0 } }, 0 },
};

static void transmit(const struct shape *s)
{
	u32 n = 0;

	memset((void *)tx, 0, RING * 16);
	for (; n < 5 && s->d[n].len; n++) {
		u32 b = buffer(n) + s->d[n].skew;

		fill(b, s->d[n].len, n + 1);
		tx[n].addr = PHYS(b) | (s->plain ? 0 : SWAPPED);
		tx[n].length = s->d[n].flags | s->d[n].len;
	}
	start_tx();
	wr(TDBAL + TAIL, n);
	say("%s transmit %s %s", f->name, s->name, wait_head(TDBAL, n) ? "done" : "stuck");
	show_tx(s->name, n);
	show_causes(s->name);
	wire_take(f, f->port, 1, s->name);
	stop();
}

static void transmit_rings(void)
{
	memset((void *)tx, 0, RING * 16);
	start_tx();
	for (u32 i = 0; i < 11; i++) {
		u32 n = i % RING;

		fill(buffer(n), 64 + i, i);
		tx[n].addr = PHYS(buffer(n)) | SWAPPED;
		tx[n].length = EOP | RS | IFCS | (64 + i);
		tx[n].status = 0;
		wr(TDBAL + TAIL, (n + 1) % RING);
		say("%s ring turn %u %s", f->name, i, wait_head(TDBAL, (n + 1) % RING) ? "done" : "stuck");
		wire_take(f, f->port, 1, "ring turn");
	}
	show_tx("ring turned", RING);
	show_causes("ring turned");
	stop();
	/* Seven at once, all that a ring of eight holds. */
	for (u32 i = 0; i < 7; i++) {
		fill(buffer(i), 100 + i, 9 + i);
		tx[i].addr = PHYS(buffer(i)) | SWAPPED;
		tx[i].length = EOP | (i & 1 ? RS : 0) | IFCS | (100 + i);
		tx[i].status = 0;
	}
	start_tx();
	wr(TDBAL + TAIL, 7);
	say("%s full ring %s", f->name, wait_head(TDBAL, 7) ? "done" : "stuck");
	show_tx("full ring", RING);
	show_causes("full ring");
	wire_take(f, f->port, 7, "full ring");
	stop();
	/* Transmitter off, then on. */
	start_tx();
	wr(TCTL, 0);
	tx[0].status = 0;
	wr(TDBAL + TAIL, 1);
	settle(30);
	show_tx("transmitter off", 1);
	wr(TCTL, TX_ON);
	wait_head(TDBAL, 1);
	show_tx("transmitter on", 1);
	wire_take(f, f->port, 1, "transmitter on");
	stop();
	/* The rest of a frame comes late. */
	memset((void *)tx, 0, RING * 16);
	for (u32 i = 0; i < 2; i++) {
		fill(buffer(i), 40, 1 + i);
		tx[i].addr = PHYS(buffer(i)) | SWAPPED;
		tx[i].length = (i ? EOP | RS | IFCS : 0) | 40;
	}
	start_tx();
	wr(TDBAL + TAIL, 1);
	settle(30);
	show_tx("half a frame", 2);
	wr(TDBAL + TAIL, 2);
	settle(30);
	show_tx("late half", 2);
	wire_take(f, f->port, 1, "late half");
	stop();
}

static const char own[] = "0a0b0c0d0e0f", other[] = "0a0b0c0d0e10", broadcast[] = "ffffffffffff", group1[] = "01005e000001";

static void arm(int plain)
{
	memset((void *)rx, 0, RING * 16);
	for (u32 i = 0; i < RING; i++) {
		memset((void *)buffer(i), 0xee, 4096);
		rx[i].addr = PHYS(buffer(i)) | (plain ? 0 : SWAPPED);
		rx[i].length = 0x55555555;
		rx[i].status = 0xaaaa0000;
	}
}

/* What was stored of a frame, and how much was written behind it: Dynamips
 * rounds up to four bytes. Through plain addresses byte n is at n XOR 3 (4). The
 * FCS counts in the last length. */
static void show_buffer(const char *what, u32 i, int plain)
{
	static u8 in_order[4096];
	u32 n = rx[i].status & DD ? rx[i].length & 0xffff : 0, beyond = 0;

	if (rx[i].status & 2)
		n -= 4;
	for (u32 k = 0; k < sizeof(in_order); k++) {
		in_order[k] = (u8)load(buffer(i) + (plain ? k ^ 3 : k), 1);
		beyond += k >= n && in_order[k] != 0xee;
	}
	say("%s %s buffer %u %u bytes sum %08x", f->name, what, i, n, digest((u32)in_order, n));
	say("%s %s buffer %u beyond: %u bytes", f->name, what, i, beyond);
}

static void show_buffers(const char *what, u32 n, int plain)
{
	for (u32 i = 0; i < n; i++)
		show_buffer(what, i, plain);
}

#define SIZE_256 (3u << 16)
#define SIZE_512 (2u << 16)
#define SIZE_1024 (1u << 16)
#define SIZE_2048 0u
#define SIZE_4096 (3u << 16 | 1u << 25)

static void receive(const char *what, u32 control, u32 tail, u32 len, const char *dst, int plain)
{
	u32 i;

	arm(plain);
	start_rx(control, tail);
	wire_send(f, f->port, len, len, dst);
	for (i = 0; i < 5000000 && !(rd(RDBAL + HEAD)); i++)
		;
	settle(0);
	show_rx(what, RING);
	show_buffers(what, RING, plain);
	show_causes(what);
	stop();
}

static void filter(const char *what, u32 control)
{
	static const char *const to[] = { own, other, broadcast, group1 };
	u32 i, n;

	arm(0);
	start_rx(control | SIZE_256, 7);
	for (i = 0; i < ARRAY_LEN(to); i++)
		wire_send(f, f->port, 60 + i, i, to[i]);
	wire_send(f, f->port, 80, 7, own);
	for (u32 turns = 0; turns < 20000000; turns++) {
		for (n = 0; n < RING && !(rx[n].status & DD && (rx[n].length & 0xffff) == 84); n++)
			;
		if (n < RING)
			break;
	}
	for (u32 j = 0; j < 6; j++)
		say("%s filter %s descriptor %u %08x %08x", f->name, what, j, rx[j].length, rx[j].status);
	stop();
}

static void receive_rings(void)
{
	/* Round the ring, the tail always behind. */
	arm(0);
	start_rx(SIZE_256, 7);
	for (u32 i = 0; i < 11; i++) {
		u32 n = i % RING;

		rx[n].status = 0;
		memset((void *)buffer(n), 0xee, 4096);
		wire_send(f, f->port, 64 + i, i, own);
		wait_head(RDBAL, (n + 1) % RING);
		say("%s receive turn %u %08x %08x", f->name, i, rx[n].length, rx[n].status);
		show_buffer("receive turn", n, 0);
		wr(RDBAL + TAIL, n);
	}
	show_causes("ring turned");
	stop();
	/* Four frames for two descriptors. */
	arm(0);
	start_rx(SIZE_256, 2);
	for (u32 i = 0; i < 4; i++)
		wire_send(f, f->port, 64 + i, i, own);
	settle(50);
	show_rx("overrun", 4);
	show_causes("overrun");
	wr(RDBAL + TAIL, 5);
	wire_send(f, f->port, 70, 5, own);
	wait_head(RDBAL, 3);
	show_rx("after an overrun", 4);
	stop();
	arm(0);
	start_rx(SIZE_256, 1);
	wire_send(f, f->port, 400, 1, own);
	settle(50);
	show_rx("ends in mid-frame", 3);
	show_buffers("ends in mid-frame", 2, 0);
	show_causes("ends in mid-frame");
	stop();
	/* Receiver off. */
	arm(0);
	start_rx(SIZE_256, 4);
	wr(RCTL, SIZE_256);
	wire_send(f, f->port, 64, 1, own);
	settle(50);
	show_rx("receiver off", 2);
	stop();
}

static void interrupt(void *arg)
{
	u32 status = net_status(f), causes = rd(ICR);

	say("%s interrupt: network %02x icr %02x", f->name, status, causes & 0x7f);
	wr(IMC, 0xffffffff);
	say("%s masked: network %02x ims %08x", f->name, net_status(f), rd(IMS));
	net_mask((const struct func *)arg, 0);
	for (u32 i = 0; i < 10; i++)
		(void)rd(ICR);
}

static void interrupts(struct func *fn)
{
	static const u32 causes[] = { 0x01, 0x02, 0x04, 0x10, 0x40, 0x80, 0x200 };

	for (u32 i = 0; i < ARRAY_LEN(causes); i++) {
		net_mask(f, 1u << f->unit);
		wr(IMS, causes[i]);
		wr(ICS, ~causes[i]);
		say("%s cause %03x others set: network %02x lines %04x", f->name, causes[i], net_status(f), lines());
		wr(ICS, causes[i]);
		say("%s cause %03x set: network %02x lines %04x", f->name, causes[i], net_status(f), lines());
		say("%s cause %03x taken %08x", f->name, causes[i], take(ST_IM(2), interrupt, fn));
	}
	arm(0);
	start_rx(SIZE_256, 6);
	net_mask(f, 1u << f->unit);
	wr(IMS, 0x80);
	wire_send(f, f->port, 64, 1, own);
	say("%s receive taken %08x", f->name, take(ST_IM(2), interrupt, fn));
	stop();
	memset((void *)tx, 0, RING * 16);
	fill(buffer(5), 64, 3);
	tx[0].addr = PHYS(buffer(5)) | SWAPPED;
	tx[0].length = EOP | RS | IFCS | 64;
	start_tx();
	net_mask(f, 1u << f->unit);
	wr(IMS, 0x01);
	wr(TDBAL + TAIL, 1);
	say("%s transmit taken %08x", f->name, take(ST_IM(2), interrupt, fn));
	wire_take(f, f->port, 1, "interrupt");
	stop();
}

static void loopback(void)
{
	arm(0);
	memset((void *)tx, 0, RING * 16);
	fill(buffer(9), 64, 3);
	tx[0].addr = PHYS(buffer(9)) | SWAPPED;
	tx[0].length = EOP | RS | IFCS | 64;
	start_rx(SIZE_256 | 0xc0, 4);
	start_tx();
	wr(TDBAL + TAIL, 1);
	wait_head(TDBAL, 1);
	settle(20);
	show_rx("loopback", 2);
	wire_take(f, f->port, 1, "loopback");
	stop();
}

static void unplugged(void)
{
	memset((void *)tx, 0, RING * 16);
	tx[0].addr = PHYS(buffer(9)) | SWAPPED;
	tx[0].length = EOP | RS | IFCS | 64;
	start_tx();
	wr(TDBAL + TAIL, 1);
	settle(30);
	show_tx("nowhere", 1);
	stop();
}

void i8254x(struct func *fn, int how)
{
	int full = how == FULL;
	f = fn;
	regs = fn->regs;
	tx = (volatile struct desc *)arena(256);
	rx = (volatile struct desc *)arena(256);
	buffers = arena(16 * 4096);
	if (!begin(f, how)) {
		say("%s status %08x", f->name, rd(STATUS));
		say("%s bmsr %05x", f->name, mdio_read(0, 1));
		unplugged();
		return;
	}
	say("%s status %08x bmsr %05x", f->name, rd(STATUS), mdio_read(0, 1));
	stop();
	if (full) {
		storage_registers();
		mii();
	}
	for (u32 i = 0; i < (full ? ARRAY_LEN(shapes) : 2); i++)
		transmit(&shapes[i]);
	if (full)
		transmit_rings();
	receive("60 bytes", SIZE_256, 4, 60, own, 0);
	interrupts(fn);
	if (!full)
		return;
	filter("no filter", 0);
	filter("promiscuous", 0x8018);
	receive("14 bytes", SIZE_256, 4, 14, own, 0);
	receive("plain address", SIZE_256, 4, 70, own, 1);
	receive("plain address, odd", SIZE_256, 4, 71, own, 1);
	receive("1514 bytes", SIZE_2048, 4, 1514, own, 0);
	receive("1518 bytes", SIZE_2048, 4, 1518, own, 0);
	receive("exact", SIZE_256, 4, 256, own, 0);
	receive("one more", SIZE_256, 4, 257, own, 0);
	receive("five descriptors", SIZE_256, 7, 1100, own, 0);
	receive("512", SIZE_512, 7, 1100, own, 0);
	receive("1024", SIZE_1024, 7, 1100, own, 0);
	receive("large", SIZE_4096, 7, 3500, own, 0);
	receive("long frame", SIZE_2048 | 0x20, 7, 3500, own, 0);
	receive("multicast", SIZE_256, 4, 70, group1, 0);
	receive("no size", 1u << 25, 4, 60, own, 0);
	receive_rings();
	loopback();
	wr(CTRL, 0x04000000);
	say("%s reset ctrl %08x rctl %08x", f->name, rd(CTRL), rd(RCTL));
	wr(CTRL, 0);
	stop();
}
