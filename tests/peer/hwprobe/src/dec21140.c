#include "probe.h"

/* DEC 21140: adapters-7200 reference, 9. */
#define SR 0x00000002u
#define ST 0x00002000u
#define PR 0x00000040u
#define PM 0x00000080u
#define MODE 0x022c0200u          /* MII port, store and forward, full duplex */

#define OWN 0x80000000u
#define IC 0x80000000u
#define LS 0x40000000u
#define FS 0x20000000u
#define FT1 0x10000000u
#define SET 0x08000000u
#define AC 0x04000000u
#define END 0x02000000u           /* of the ring, either kind */
#define CHAIN 0x01000000u
#define DPD 0x00800000u
#define FT0 0x00400000u

struct desc { u32 status, control, buf1, buf2; };

static const struct func *f;
static u32 regs;

static u32 csr(u32 n) { return io_r32(regs + 8 * n); }
static void set_csr(u32 n, u32 v) { io_w32(regs + 8 * n, v); }

/* The events that Dynamips knows, and on a line of their own those that the
 * part has besides. */
static void show_status(const char *what)
{
	u32 v = csr(5);

	say("%s %s csr5 events %02x top %02x", f->name, what, v & 0x41, v >> 26);
	say("%s %s csr5 more %04x summary %u rs %u ts %u eb %u", f->name, what, v & 0x7fbe, v >> 15 & 3, v >> 17 & 7, v >> 20 & 7, v >> 23 & 7);
}

static void stop(void)
{
	set_csr(6, MODE);
	set_csr(7, 0);
	set_csr(5, 0x0001ffff);
}

static void show_ring(const char *what, volatile struct desc *d, u32 n)
{
	for (u32 i = 0; i < n; i++)
		say("%s %s descriptor %u %08x %08x", f->name, what, i, d[i].status, d[i].control);
}

/* MII management in the pattern that router images use (9.7). */
static void mii_out(u32 bits, u32 n)
{
	while (n--) {
		u32 v = 0x2000 | (bits >> n & 1) << 17;

		set_csr(9, v);
		set_csr(9, v | 0x10000);
	}
}

static u32 mii_in(u32 n)
{
	u32 v = 0;

	while (n--) {
		set_csr(9, 0x44000);
		set_csr(9, 0x54000);
		v = v << 1 | (csr(9) >> 19 & 1);
	}
	return v;
}

static u32 mii_read(u32 phy, u32 reg)
{
	mii_out(0xffffffff, 32);
	mii_out(6, 4);
	mii_out(phy << 5 | reg, 10);
	return mii_in(17);
}

static void mii_write(u32 phy, u32 reg, u32 v)
{
	mii_out(0xffffffff, 32);
	mii_out(5, 4);
	mii_out(phy << 5 | reg, 10);
	mii_out(2, 2);
	mii_out(v, 16);
}

static void mii(void)
{
	static const u8 phys[] = { 0, 1, 2, 31 };
	static const u8 written[] = { 0, 4, 5, 9, 16, 31 };

	for (u32 phy = 0; phy < 32; phy++)
		say("%s mii phy %u bmsr %05x id %05x", f->name, phy, mii_read(phy, 1), mii_read(phy, 2));
	for (u32 i = 0; i < ARRAY_LEN(phys); i++)
		for (u32 reg = 0; reg < 32; reg++)
			say("%s mii phy %u reg %u %05x", f->name, phys[i], reg, mii_read(phys[i], reg));
	for (u32 i = 0; i < ARRAY_LEN(written); i++) {
		mii_write(1, written[i], 0x5a3c + i);
		say("%s mii phy 1 reg %u written %05x, of phy 2 %05x", f->name, written[i], mii_read(1, written[i]), mii_read(2, written[i]));
		mii_write(1, written[i], 0);
	}
	mii_write(1, 1, 0xffff);
	say("%s mii bmsr written %05x", f->name, mii_read(1, 1));
	/* No start, a broken opcode, then a good frame. */
	mii_out(0, 16);
	mii_out(0xf, 4);
	mii_out(0x5, 3);
	say("%s mii after nonsense %05x", f->name, mii_read(3, 1));
	/* The plain pattern of the data book: the clock alone counts. */
	u32 v = 0;
	for (u32 i = 0; i < 46; i++) {
		u32 bit = i < 32 ? 1 : (0x1822u >> (45 - i)) & 1; /* 01 10 00001 00010 */

		set_csr(9, bit << 17);
		set_csr(9, bit << 17 | 0x10000);
	}
	for (u32 i = 0; i < 18; i++) {
		set_csr(9, 0x40000);
		v = v << 1 | (csr(9) >> 19 & 1);
		set_csr(9, 0x50000);
	}
	say("%s mii plain pattern phy 1 reg 2 %05x", f->name, v);
}

/* The serial ROM on bits 0 to 3: READ of some words. */
static void srom(void)
{
	static const u8 words[] = { 0, 1, 10, 13, 31, 63 };

	for (u32 w = 0; w < ARRAY_LEN(words); w++) {
		u32 command = 6u << 6 | words[w], v = 0;

		set_csr(9, 0x4800);
		set_csr(9, 0x4801);
		for (u32 i = 9; i--;) {
			u32 bit = (command >> i & 1) << 2;

			set_csr(9, 0x4801 | bit);
			set_csr(9, 0x4803 | bit);
			set_csr(9, 0x4801 | bit);
		}
		for (u32 i = 0; i < 16; i++) {
			set_csr(9, 0x4803);
			v = v << 1 | (csr(9) >> 3 & 1);
			set_csr(9, 0x4801);
		}
		set_csr(9, 0x4800);
		say("%s srom word %u %04x", f->name, words[w], v);
	}
	set_csr(9, 0);
}

static void storage_registers(void)
{
	static const u8 regs_of[] = { 0, 1, 2, 3, 4, 7, 8, 10, 12, 13, 14, 15 };
	static const u32 patterns[] = { 0xffffffff, 0, 0xa5a5a5a4, 0x12345678 };

	for (u32 i = 0; i < ARRAY_LEN(regs_of); i++) {
		u32 n = regs_of[i];

		for (u32 p = 0; p < ARRAY_LEN(patterns); p++) {
			set_csr(n, n ? patterns[p] : patterns[p] & ~1u);
			say("%s csr%u written %08x reads %08x", f->name, n, patterns[p], csr(n));
		}
		set_csr(n, 0);
		store(regs + 8 * n, 1, 0x44);
		store(regs + 8 * n + 2, 2, 0x7788);
		say("%s csr%u narrow writes %08x", f->name, n, csr(n));
		set_csr(n, 0);
	}
	/* Without the bits that start things. */
	for (u32 p = 0; p < ARRAY_LEN(patterns); p++) {
		set_csr(6, patterns[p] & ~(SR | ST));
		say("%s csr6 written %08x reads %08x", f->name, patterns[p] & ~(SR | ST), csr(6));
	}
	set_csr(6, 0);
	for (u32 b = 0; b < 20; b++) {
		if (b == 16 || b == 0)
			continue;
		set_csr(9, 1u << b);
		say("%s csr9 bit %u reads %08x", f->name, b, csr(9));
	}
	set_csr(9, 0);
	set_csr(11, 0x1ffff);
	say("%s csr11 mode %05x", f->name, csr(11) & 0x10000);
	set_csr(11, 0);
	say("%s csr11 stopped %08x", f->name, csr(11));
	set_csr(6, MODE | SR | ST);
	show_status("started without rings");
	set_csr(6, MODE);
	show_status("stopped");
	set_csr(7, 0x1ffff);
	set_csr(0, 1);
	say("%s software reset csr0 %08x csr6 %08x csr7 %08x", f->name, csr(0), csr(6), csr(7));
	set_csr(0, 0);
	stop();
}

/* Transmit: up to four descriptors a frame. */
struct shape {
	const char *name;
	struct { u32 control; u16 len1, len2; u8 skew; } d[4];
};

static volatile struct desc *tx, *rx;
static u32 buffers;

static u32 buffer(u32 i) { return buffers + 4096 * i; }

static void transmit(const struct shape *s)
{
	u32 n = 0;

	memset((void *)tx, 0, 16 * 16);
	for (; n < 4 && s->d[n].control; n++) {
		u32 b = buffer(n) + s->d[n].skew;

		fill(b, s->d[n].len1, n + 1);
		fill(b + 2048, s->d[n].len2, n + 5);
		tx[n].control = s->d[n].control | s->d[n].len1 | (u32)s->d[n].len2 << 11;
		tx[n].buf1 = PHYS(b);
		tx[n].buf2 = s->d[n].control & CHAIN ? PHYS(&tx[n + 1]) : PHYS(b + 2048);
	}
	set_csr(4, PHYS(tx));
	set_csr(7, 0x1ffff);
	for (u32 i = n; i--;)
		tx[i].status = OWN;
	set_csr(6, MODE | ST);
	set_csr(1, 1);
	say("%s transmit %s %s", f->name, s->name, wait_clear(&tx[0].status, OWN) ? "done" : "stuck");
	show_ring(s->name, tx, n);
	show_status(s->name);
	wire_take(f, f->port, 1, s->name);
	stop();
}

static const struct shape shapes[] = {
	{ "60 bytes", { { FS | LS | IC, 60, 0, 0 } } },
	{ "14 bytes", { { FS | LS | IC, 14, 0, 0 } } },
	{ "1 byte", { { FS | LS | IC, 1, 0, 0 } } },
	{ "1514 bytes", { { FS | LS | IC, 1514, 0, 0 } } },
	{ "1518 bytes", { { FS | LS | IC, 1518, 0, 0 } } },
	{ "2000 bytes", { { FS | LS | IC, 2000, 0, 0 } } },
	{ "two buffers", { { FS | LS | IC, 30, 34, 0 } } },
	{ "two buffers, odd", { { FS | LS | IC, 1, 63, 1 } } },
	{ "second buffer only", { { FS | LS | IC, 0, 64, 0 } } },
	{ "two large buffers", { { FS | LS | IC, 700, 814, 3 } } },
	{ "two descriptors", { { FS | IC, 20, 0, 0 }, { LS | IC, 44, 0, 0 } } },
	{ "cause in the first", { { FS | IC, 20, 0, 0 }, { LS, 44, 0, 0 } } },
	{ "cause in the last", { { FS, 20, 0, 0 }, { LS | IC, 44, 0, 0 } } },
	{ "no cause", { { FS | LS, 60, 0, 0 } } },
	{ "chained", { { FS | IC | CHAIN, 40, 0, 0 }, { LS | IC | CHAIN, 24, 0, 0 } } },
	{ "chained with a size", { { FS | LS | IC | CHAIN, 64, 32, 0 } } },
	{ "four descriptors", { { FS | IC, 11, 12, 1 }, { IC, 13, 14, 2 }, { IC, 15, 16, 3 }, { LS | IC, 17, 18, 0 } } },
	{ "empty middle", { { FS | IC, 30, 0, 0 }, { IC, 0, 0, 0 }, { LS | IC, 34, 0, 0 } } },
	{ "no CRC", { { FS | LS | IC | AC, 60, 0, 0 } } },
	{ "no padding", { { FS | LS | IC | DPD, 20, 0, 0 } } },
	{ "neither first nor last", { { IC, 60, 0, 0 }, { FS | LS | IC, 61, 0, 0 } } },
	{ "end of a ring of one", { { FS | LS | IC | END, 62, 0, 0 } } },
};

/* An ISL frame, whose inner FCS the chip makes (5.1). */
static void isl(void)
{
	static const u16 lengths[] = { 100, 1000, 0x7000 };

	for (u32 i = 0; i < ARRAY_LEN(lengths); i++) {
		u32 b = buffer(0), n = lengths[i] > 2000 ? 100 : lengths[i];

		fill(b, n, i);
		memcpy((void *)b, "\x01\x00\x0c\x00\x10\x00", 6);
		store(b + 12, 2, lengths[i] > 2000 ? lengths[i] : n - 26 + 16);
		memset((void *)tx, 0, 64);
		tx[0].buf1 = PHYS(b);
		tx[0].control = FS | LS | n;
		tx[0].status = OWN;
		set_csr(4, PHYS(tx));
		set_csr(6, MODE | ST);
		set_csr(1, 1);
		say("%s isl %u %s", f->name, lengths[i], wait_clear(&tx[0].status, OWN) ? "done" : "stuck");
		wire_take(f, f->port, 1, "isl");
		stop();
	}
}

static void transmit_rings(void)
{
	isl();
	/* Once and a half round a ring of four, a frame at a time. */
	memset((void *)tx, 0, 16 * 16);
	set_csr(4, PHYS(tx));
	set_csr(6, MODE | ST);
	for (u32 i = 0; i < 6; i++) {
		u32 n = i % 4;

		fill(buffer(n), 64 + i, i);
		tx[n].buf1 = PHYS(buffer(n));
		tx[n].control = FS | LS | IC | (n == 3 ? END : 0) | (64 + i);
		tx[n].status = OWN;
		set_csr(1, 1);
		say("%s ring turn %u %s", f->name, i, wait_clear(&tx[n].status, OWN) ? "done" : "stuck");
		wire_take(f, f->port, 1, "ring turn");
	}
	show_ring("ring turned", tx, 4);
	stop();
	/* A full ring at once. */
	set_csr(4, PHYS(tx));
	for (u32 i = 0; i < 4; i++) {
		fill(buffer(i), 100 + i, 9 + i);
		tx[i].buf1 = PHYS(buffer(i));
		tx[i].control = FS | LS | (i == 3 ? END | IC : 0) | (100 + i);
		tx[i].status = OWN;
	}
	set_csr(7, 0x1ffff);
	set_csr(6, MODE | ST);
	set_csr(1, 1);
	say("%s full ring %s", f->name, wait_clear(&tx[3].status, OWN) ? "done" : "stuck");
	show_ring("full ring", tx, 4);
	show_status("full ring");
	wire_take(f, f->port, 4, "full ring");
	stop();
	/* A gap of four longwords between descriptors. */
	memset((void *)tx, 0, 16 * 16);
	set_csr(0, 4 << 2);
	set_csr(4, PHYS(tx));
	for (u32 i = 0; i < 3; i++) {
		fill(buffer(i), 70 + i, i);
		tx[i].buf1 = PHYS(buffer(i));
		tx[i].control = FS | LS | (70 + i);
	}
	tx[2].status = tx[1].status = tx[0].status = OWN;
	set_csr(6, MODE | ST);
	set_csr(1, 1);
	wait_clear(&tx[0].status, OWN);
	settle(30);
	show_ring("skip length", tx, 3);
	wire_take(f, f->port, 3, "skip length");
	stop();
	set_csr(0, 0);
	settle(0);
	/* The rest of a frame comes late. */
	memset((void *)tx, 0, 16 * 16);
	set_csr(4, PHYS(tx));
	fill(buffer(0), 40, 1);
	fill(buffer(1), 40, 2);
	tx[0].buf1 = PHYS(buffer(0));
	tx[0].control = FS | IC | 40;
	tx[1].buf1 = PHYS(buffer(1));
	tx[1].control = LS | IC | 40;
	tx[0].status = OWN;
	set_csr(6, MODE | ST);
	set_csr(1, 1);
	settle(30);
	show_ring("half a frame", tx, 2);
	tx[1].status = OWN;
	set_csr(1, 1);
	settle(30);
	show_ring("late half", tx, 2);
	wire_take(f, f->port, 1, "late half");
	stop();
	/* Not owned at all. */
	memset((void *)tx, 0, 16 * 16);
	set_csr(4, PHYS(tx));
	set_csr(6, MODE | ST);
	set_csr(1, 1);
	settle(20);
	show_status("nothing to send");
	stop();
}

static const char own[] = "0a0b0c0d0e0f", other[] = "0a0b0c0d0e10", broadcast[] = "ffffffffffff", group1[] = "01005e000001",
	group2[] = "01005e000002";

/* Perfect filtering: 16 addresses, two bytes a longword; here in both halves. */
static void setup_frame(u32 va, const char *const *addresses, u32 n)
{
	for (u32 e = 0; e < 16; e++) {
		const char *a = addresses[e < n ? e : 0];

		for (u32 i = 0; i < 6; i++) {
			u32 v = 0;

			for (u32 k = 0; k < 2; k++) {
				char c = a[2 * i + k];

				v = v << 4 | (u32)(c <= '9' ? c - '0' : c - 'a' + 10);
			}
			store(va + 12 * e + 4 * (i / 2) + i % 2, 1, v);
			store(va + 12 * e + 4 * (i / 2) + i % 2 + 2, 1, v);
		}
	}
}

static void send_setup(const char *what, u32 flags)
{
	memset((void *)tx, 0, 16 * 4);
	tx[0].buf1 = PHYS(buffer(0));
	tx[0].control = SET | IC | flags | 192;
	tx[0].status = OWN;
	set_csr(4, PHYS(tx));
	set_csr(7, 0x1ffff);
	set_csr(6, MODE | ST);
	set_csr(1, 1);
	say("%s setup %s %s", f->name, what, wait_clear(&tx[0].status, OWN) ? "done" : "stuck");
	show_ring(what, tx, 1);
	show_status(what);
	stop();
}

static void arm(u32 n, u32 size1, u32 size2, u32 flags)
{
	memset((void *)rx, 0, 16 * 16);
	for (u32 i = 0; i < n; i++) {
		memset((void *)buffer(i), 0xee, 4096);
		rx[i].control = flags | size1 | size2 << 11 | (i == n - 1 ? END : 0);
		rx[i].buf1 = PHYS(buffer(i));
		rx[i].buf2 = flags & CHAIN ? PHYS(&rx[(i + 1) % n]) : PHYS(buffer(i) + 2048);
		rx[i].status = OWN;
	}
	set_csr(3, PHYS(rx));
	set_csr(5, 0x0001ffff);
	set_csr(7, 0x1ffff);
}

static void show_buffers(const char *what, u32 n)
{
	for (u32 i = 0; i < n; i++)
		say("%s %s buffer %u sum %08x", f->name, what, i, digest(buffer(i), 4096));
}

/* A frame of some length into descriptors of some sizes. */
static void receive(const char *what, u32 n, u32 size1, u32 size2, u32 flags, u32 len, const char *dst)
{
	arm(n, size1, size2, flags);
	set_csr(6, MODE | SR);
	set_csr(2, 1);
	wire_send(f, f->port, len, len, dst);
	say("%s receive %s %s", f->name, what, wait_clear(&rx[0].status, OWN) ? "done" : "none");
	show_ring(what, rx, n);
	show_buffers(what, n);
	show_status(what);
	stop();
}

/* Frames to each kind of address, then one to an address that is surely taken:
 * what came. */
static void filter(const char *what, u32 mode, const char *sure)
{
	static const char *const to[] = { own, other, broadcast, group1, group2 };
	u32 i;

	arm(8, 256, 0, 0);
	set_csr(6, mode | SR);
	set_csr(2, 1);
	for (i = 0; i < ARRAY_LEN(to); i++)
		wire_send(f, f->port, 60 + i, i, to[i]);
	wire_send(f, f->port, 80, 7, sure);
	for (u32 turns = 0; turns < 50000000; turns++) {
		for (i = 0; i < 8 && (rx[i].status & OWN || (rx[i].status >> 16 & 0x3fff) != 84); i++)
			;
		if (i < 8)
			break;
	}
	for (u32 j = 0; j < 6; j++)
		say("%s filter %s descriptor %u %08x", f->name, what, j, rx[j].status);
	stop();
}

static void receive_rings(void)
{
	/* Round a ring of three. */
	arm(3, 256, 0, 0);
	set_csr(6, MODE | SR);
	set_csr(2, 1);
	for (u32 i = 0; i < 7; i++) {
		wire_send(f, f->port, 64 + i, i, own);
		wait_clear(&rx[i % 3].status, OWN);
		say("%s receive turn %u %08x sum %08x", f->name, i, rx[i % 3].status, digest(buffer(i % 3), 256));
		rx[i % 3].status = OWN;
	}
	stop();
	/* Four frames for two descriptors. */
	(void)csr(8);
	arm(2, 256, 0, 0);
	set_csr(6, MODE | SR);
	set_csr(2, 1);
	for (u32 i = 0; i < 4; i++)
		wire_send(f, f->port, 64 + i, i, own);
	settle(50);
	show_ring("overrun", rx, 2);
	show_buffers("overrun", 2);
	show_status("overrun");
	say("%s overrun csr8 %08x then %08x", f->name, csr(8), csr(8));
	rx[0].status = rx[1].status = OWN;
	set_csr(2, 1);
	wire_send(f, f->port, 70, 5, own);
	wait_clear(&rx[0].status, OWN);
	show_ring("after an overrun", rx, 2);
	stop();
	/* The ring ends in mid-frame. */
	arm(2, 64, 0, 0);
	rx[1].status = 0;
	set_csr(6, MODE | SR);
	wire_send(f, f->port, 200, 1, own);
	settle(50);
	show_ring("ends in mid-frame", rx, 2);
	show_buffers("ends in mid-frame", 2);
	stop();
	/* Receiver off. */
	arm(2, 256, 0, 0);
	wire_send(f, f->port, 64, 1, own);
	settle(50);
	show_ring("receiver off", rx, 2);
	set_csr(6, MODE | SR);
	wire_send(f, f->port, 66, 1, own);
	wait_clear(&rx[0].status, OWN);
	show_ring("receiver on", rx, 2);
	stop();
}

static void interrupt(void *arg)
{
	u32 quiet = *(u32 *)arg, v = csr(5);

	say("%s interrupt: network %02x csr5 %02x", f->name, net_status(f), v & 0x41);
	set_csr(5, v & 0x1ffff);
	say("%s acknowledged: network %02x csr5 %02x", f->name, net_status(f), csr(5) & 0x41);
	if (quiet)
		net_mask(f, 0);
}

static void interrupts(void)
{
	u32 quiet = 1;

	/* Nothing enabled in the chip, then in the FPGA, then all. */
	arm(4, 256, 0, 0);
	set_csr(7, 0);
	net_mask(f, 1);
	set_csr(6, MODE | SR);
	set_csr(2, 1);
	wire_send(f, f->port, 64, 1, own);
	wait_clear(&rx[0].status, OWN);
	say("%s masked in the chip: network %02x lines %04x", f->name, net_status(f), lines());
	net_mask(f, 0);
	set_csr(7, 0x1ffff);
	say("%s masked outside: network %02x lines %04x", f->name, net_status(f), lines());
	net_mask(f, 1u << f->unit);
	say("%s unmasked: network %02x lines %04x", f->name, net_status(f), lines());
	say("%s taken %08x", f->name, take(ST_IM(2), interrupt, &quiet));
	net_mask(f, 1u << f->unit);
	wire_send(f, f->port, 65, 2, own);
	say("%s second taken %08x", f->name, take(ST_IM(2), interrupt, &quiet));
	show_ring("interrupts", rx, 2);
	stop();
	net_mask(f, 1u << f->unit);
	memset((void *)tx, 0, 64);
	tx[0].buf1 = PHYS(buffer(4));
	tx[0].control = FS | LS | IC | 64;
	fill(buffer(4), 64, 3);
	tx[0].status = OWN;
	set_csr(4, PHYS(tx));
	set_csr(7, 0x1ffff);
	set_csr(6, MODE | ST);
	set_csr(1, 1);
	say("%s transmit taken %08x", f->name, take(ST_IM(2), interrupt, &quiet));
	wire_take(f, f->port, 1, "interrupt");
	stop();
}

/* Buffers that are no plain memory: the byte-swapped window, and packet SRAM
 * with its windows where there is one. */
static void other_memory(void)
{
	static const struct { const char *name; u32 base, behind; } places[] = {
		{ "swapped", 0xc0000000 | ARENA, ARENA }, { "sram", 0x4b000000, 0x4b000000 }, { "swapped sram", 0x4b800000, 0x4b000000 },
		{ "second sram", 0, 0 },
	};

	for (u32 i = 0; i < ARRAY_LEN(places); i++) {
		u32 base = places[i].base, behind = places[i].behind;

		if (i && !board->sram)
			return;
		if (!base)
			base = behind = 0x4b000000 + board->sram;
		/* At the end of the arena, so that nothing else lies there. */
		u32 off = i ? 0x1000 : ARENA_SIZE - 0x2000, va = map(5, behind + off, 0);
		fill(va, 64, 20 + i);
		memset((void *)(va + 0x1000), 0xee, 128);
		memset((void *)tx, 0, 64);
		tx[0].buf1 = base + off;
		tx[0].control = FS | LS | 64;
		tx[0].status = OWN;
		set_csr(4, PHYS(tx));
		set_csr(6, MODE | ST);
		set_csr(1, 1);
		say("%s transmit from %s %s", f->name, places[i].name, wait_clear(&tx[0].status, OWN) ? "done" : "stuck");
		wire_take(f, f->port, 1, places[i].name);
		stop();
		arm(2, 256, 0, 0);
		rx[0].buf1 = base + off + 0x1000;
		set_csr(6, MODE | SR);
		set_csr(2, 1);
		wire_send(f, f->port, 64, 30 + i, own);
		wait_clear(&rx[0].status, OWN);
		settle(0);
		say("%s receive into %s %08x sum %08x", f->name, places[i].name, rx[0].status, digest(va + 0x1000, 128));
		stop();
	}
}

/* A frame in internal loopback. */
static void loopback(void)
{
	arm(2, 256, 0, 0);
	memset((void *)tx, 0, 64);
	fill(buffer(4), 64, 3);
	memcpy((void *)buffer(4), "\x0a\x0b\x0c\x0d\x0e\x0f", 6);
	tx[0].buf1 = PHYS(buffer(4));
	tx[0].control = FS | LS | IC | 64;
	tx[0].status = OWN;
	set_csr(4, PHYS(tx));
	set_csr(6, MODE | ST | SR | 1u << 10);
	set_csr(1, 1);
	wait_clear(&tx[0].status, OWN);
	settle(20);
	show_ring("loopback", rx, 2);
	wire_take(f, f->port, 1, "loopback");
	stop();
}

static void unplugged(void)
{
	memset((void *)tx, 0, 64);
	tx[0].buf1 = PHYS(buffer(0));
	tx[0].control = FS | LS | IC | 64;
	tx[0].status = OWN;
	set_csr(4, PHYS(tx));
	set_csr(6, MODE | ST);
	set_csr(1, 1);
	settle(30);
	show_ring("nowhere", tx, 1);
	stop();
}

void dec21140(struct func *fn, int how)
{
	int full = how == FULL;
	static const char *const list[] = { own, group1, broadcast };

	f = fn;
	regs = fn->regs;
	tx = (volatile struct desc *)arena(256);
	rx = (volatile struct desc *)arena(256);
	buffers = arena(16 * 4096);
	if (!begin(f, how)) {
		say("%s link %05x", f->name, mii_read(0, 1));
		unplugged();
		return;
	}
	if (full) {
		storage_registers();
		mii();
		srom();
		filter("before any setup", MODE, broadcast);
	}
	say("%s link %05x", f->name, mii_read(0, 1));
	for (u32 i = 0; i < (full ? ARRAY_LEN(shapes) : 2); i++)
		transmit(&shapes[i]);
	if (full)
		transmit_rings();
	setup_frame(buffer(0), list, ARRAY_LEN(list));
	send_setup("perfect", FT1 & 0);
	receive("60 bytes", 2, 256, 0, 0, 60, own);
	interrupts();
	if (!full)
		return;
	filter("perfect", MODE, own);
	filter("promiscuous", MODE | PR, own);
	filter("all multicast", MODE | PM, own);
	receive("14 bytes", 2, 256, 0, 0, 14, own);
	receive("1514 bytes", 2, 1600, 0, 0, 1514, own);
	receive("1518 bytes", 2, 1600, 0, 0, 1518, own);
	receive("2000 bytes", 2, 2044, 0, 0, 2000, own);
	receive("3000 bytes", 4, 1024, 0, 0, 3000, own);
	receive("multicast", 2, 64, 0, 0, 70, group1);
	receive("exact", 2, 64, 0, 0, 64, own);
	receive("one more", 2, 64, 0, 0, 65, own);
	receive("two buffers", 2, 64, 64, 0, 100, own);
	receive("two buffers, full", 2, 64, 64, 0, 128, own);
	receive("two buffers, two descriptors", 2, 64, 64, 0, 200, own);
	receive("four descriptors", 4, 64, 64, 0, 500, own);
	receive("chained", 3, 64, 0, CHAIN, 150, own);
	receive("first size and bit 10", 1, 0x450, 0, 0, 1110, own);
	receive_rings();
	setup_frame(buffer(0), &list[1], 2);
	send_setup("other addresses", 0);
	filter("no own address", MODE, broadcast);
	setup_frame(buffer(0), list, ARRAY_LEN(list));
	send_setup("inverse", FT1);
	filter("inverse", MODE | PR, own);
	/* Hash: bit 9 of the table for group1, and the one perfect address. */
	memset((void *)buffer(0), 0, 192);
	for (u32 i = 0; i < 6; i++)
		store(buffer(0) + 156 + 4 * (i / 2) + i % 2, 1, 10 + i);
	send_setup("hash", FT0);
	filter("hash", MODE, own);
	memset((void *)buffer(0), 0xff, 192);
	send_setup("hash only", FT0 | FT1);
	filter("hash only, every bit", MODE | PR, own);
	setup_frame(buffer(0), list, ARRAY_LEN(list));
	send_setup("perfect again", 0);
	filter("perfect again", MODE, own);
	other_memory();
	loopback();
	/* Last, since Dynamips keeps even what is always one. */
	set_csr(5, 0xffffffff);
	show_status("all written");
}
