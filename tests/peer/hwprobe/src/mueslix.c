#include "probe.h"

/* Mueslix, mode 1: adapters-7200 reference, 11. */
#define STATUS 0x0000
#define MASK 0x0010
#define ENABLE 0x0014
#define COMMAND 0x2c24
#define CHANNEL(n) (0x100 * ((n) + 1))
#define CRC 0x00
#define SHIFT 0x40
#define DIVIDER 0x44
#define MODEM 0x60
#define TX_START 0x80
#define TX_END 0x84
#define RX_START 0x88
#define RX_END 0x8c

#define OWN 0x80000000u
#define FS 0x40000000u
#define LS 0x20000000u
#define SUBTRACT 0x00100000u

struct desc { u32 control, addr; };

static const struct func *f;
static u32 regs, ch, buffers;
static volatile struct desc *tx, *rx;

static u32 rd(u32 off) { return io_r32(regs + off); }
static void wr(u32 off, u32 v) { io_w32(regs + off, v); }
static u32 rdc(u32 off) { return rd(CHANNEL(ch) + off); }
static void wrc(u32 off, u32 v) { wr(CHANNEL(ch) + off, v); }
static u32 buffer(u32 i) { return buffers + 4096 * i; }
static u32 port(void) { return f->port + ch; }

/* A number of bytes as the length field of a transmit descriptor. */
static u32 length(u32 n)
{
	u32 words = (n + 3) / 4, less = words * 4 - n;

	return words | (less ? SUBTRACT | less << 24 : 0);
}

static void stop(void)
{
	wr(COMMAND, 0x30000 | ch);
	wr(ENABLE, 0);
	wr(MASK, 0);
	wr(STATUS, 0xffffffff);
	memset((void *)tx, 0, 16 * 8);
	memset((void *)rx, 0, 16 * 8);
}

static void start(u32 ntx, u32 nrx, u32 crc)
{
	wrc(CRC, crc);
	wrc(TX_START, PHYS(tx));
	wrc(TX_END, PHYS(&tx[ntx - 1]));
	wrc(RX_START, PHYS(rx));
	wrc(RX_END, PHYS(&rx[nrx - 1]));
	wr(COMMAND, ch);
	wr(ENABLE, 3u << 2 * ch);
}

static void show(const char *what, volatile struct desc *d, u32 n)
{
	for (u32 i = 0; i < n; i++)
		say("%s ch%u %s descriptor %u %08x", f->name, ch, what, i, d[i].control);
	say("%s ch%u %s status %08x", f->name, ch, what, rd(STATUS));
}

static void registers_of_chip(void)
{
	static const u16 list[] = { 0x0000, 0x0010, 0x0014, 0x0018, 0x0048, 0x007c, 0x2c00, 0x2c2c, 0x2c30, 0x0500, 0x3000 };
	static const u16 memory[] = { 0x2000, 0x2004, 0x27fc, 0x2a00, 0x2afc, 0x2b00, 0x2bfc, 0x2800, 0x29fc };
	static const u8 channel[] = { CRC, SHIFT, DIVIDER, MODEM, 0x64, TX_START, TX_END, RX_START, RX_END, 0x90, 0x04, 0x50, 0xfc };
	static const u32 patterns[] = { 0xffffffff, 0x00000000, 0x5a5a5a5a };

	for (u32 i = 0; i < ARRAY_LEN(list); i++) {
		u32 got[3];

		for (u32 p = 0; p < 3; p++) {
			wr(list[i], patterns[p]);
			got[p] = rd(list[i]);
		}
		wr(list[i], 0);
		say("%s register %04x written %08x %08x %08x", f->name, list[i], got[0], got[1], got[2]);
	}
	for (u32 i = 0; i < ARRAY_LEN(memory); i++)
		for (u32 size = 1; size <= 4; size *= 2) {
			u32 a = regs + memory[i];

			io_w32(a, 0);
			store(a + (4 - size), size, 0x89abcdef);
			say("%s memory %04x written in %u bytes %08x %04x %02x %02x", f->name, memory[i], size, (u32)load(a, 4), (u32)load(a + 2, 2),
				(u32)load(a + 3, 1), (u32)load(a + 1, 1));
		}
	for (ch = 0; ch < 4; ch++)
		for (u32 i = 0; i < ARRAY_LEN(channel); i++) {
			u32 got[3];

			for (u32 p = 0; p < 3; p++) {
				wrc(channel[i], patterns[p]);
				got[p] = rdc(channel[i]);
			}
			wrc(channel[i], 0);
			say("%s ch%u register %02x written %08x %08x %08x", f->name, ch, channel[i], got[0], got[1], got[2]);
		}
	ch = 0;
	/* Commands, of which the response is always the same. */
	for (u32 op = 0; op < 0x100; op += 0x10) {
		wr(COMMAND, op << 12);
		say("%s command %02x response %08x", f->name, op, rd(0x2c2c));
	}
	/* A rate that lets everything through. */
	for (u32 n = 0; n < 4; n++) {
		wr(CHANNEL(n) + DIVIDER, 0);
		wr(CHANNEL(n) + SHIFT, 0);
	}
}

struct shape {
	const char *name;
	struct { u32 flags; u16 len; u8 skew; } d[5];
};

static const struct shape shapes[] = {
	{ "60 bytes", { { FS | LS, 60, 0 } } },
	{ "31 bytes", { { FS | LS, 31, 0 } } },
	{ "4 bytes", { { FS | LS, 4, 0 } } },
	{ "1 byte", { { FS | LS, 1, 0 } } },
	{ "1500 bytes", { { FS | LS, 1500, 0 } } },
	{ "4093 bytes", { { FS | LS, 4093, 0 } } },
	{ "two descriptors", { { FS, 20, 0 }, { LS, 11, 0 } } },
	{ "odd pieces", { { FS, 17, 0 }, { 0, 18, 0 }, { 0, 19, 0 }, { LS, 21, 0 } } },
	{ "unaligned", { { FS, 21, 1 }, { LS, 22, 2 } } },
	{ "pad code 1", { { FS | LS | 1u << 22, 40, 0 } } },
	{ "pad code 2", { { FS | LS | 2u << 22, 40, 0 } } },
	{ "pad code 3", { { FS | LS | 3u << 22, 40, 0 } } },
	{ "pad code in the first", { { FS | 1u << 22, 40, 0 }, { LS, 8, 0 } } },
	{ "no first", { { LS, 44, 0 } } },
};

static void transmit(const struct shape *s)
{
	u32 n = 0;

	stop();
	for (; n < 5 && s->d[n].len; n++) {
		u32 b = buffer(n) + s->d[n].skew;

		fill(b, s->d[n].len, n + 1);
		tx[n].addr = PHYS(b);
		tx[n].control = s->d[n].flags | length(s->d[n].len);
	}
	for (u32 i = n; i--;)
		tx[i].control |= OWN;
	start(8, 8, 8);
	say("%s ch%u transmit %s %s", f->name, ch, s->name, wait_clear(&tx[0].control, OWN) ? "done" : "stuck");
	settle(0);
	show(s->name, tx, n);
	wire_take(f, port(), 1, s->name);
	stop();
}

static void transmit_rings(void)
{
	stop();
	start(4, 4, 8);
	for (u32 i = 0; i < 6; i++) {
		u32 n = i % 4;

		fill(buffer(n), 64 + i, i);
		tx[n].addr = PHYS(buffer(n));
		tx[n].control = OWN | FS | LS | length(64 + i);
		say("%s ch%u ring turn %u %s", f->name, ch, i, wait_clear(&tx[n].control, OWN) ? "done" : "stuck");
		wire_take(f, port(), 1, "ring turn");
	}
	show("ring turned", tx, 4);
	stop();
	for (u32 i = 0; i < 4; i++) {
		fill(buffer(i), 100 + i, 9 + i);
		tx[i].addr = PHYS(buffer(i));
		tx[i].control = OWN | FS | LS | length(100 + i);
	}
	start(4, 4, 8);
	say("%s ch%u full ring %s", f->name, ch, wait_clear(&tx[3].control, OWN) ? "done" : "stuck");
	show("full ring", tx, 4);
	wire_take(f, port(), 4, "full ring");
	stop();
	/* Not enabled in each of the two ways. */
	fill(buffer(0), 64, 3);
	start(4, 4, 8);
	stop();
	tx[0].addr = PHYS(buffer(0));
	wr(ENABLE, 3u << 2 * ch);
	tx[0].control = OWN | FS | LS | length(64);
	settle(30);
	show("channel off", tx, 1);
	wr(ENABLE, 0);
	wr(COMMAND, ch);
	wr(STATUS, 0);
	settle(30);
	show("transmitter off", tx, 1);
	wr(ENABLE, 1u << 2 * ch);
	wr(STATUS, 0);
	wait_clear(&tx[0].control, OWN);
	show("transmitter on", tx, 1);
	wire_take(f, port(), 1, "transmitter on");
	stop();
}

static void arm(u32 n, u32 size)
{
	for (u32 i = 0; i < n; i++) {
		memset((void *)buffer(i), 0xee, 4096);
		rx[i].addr = PHYS(buffer(i));
		rx[i].control = OWN | size;
	}
}

static void show_buffers(const char *what, u32 n)
{
	for (u32 i = 0; i < n; i++)
		say("%s ch%u %s buffer %u sum %08x", f->name, ch, what, i, digest(buffer(i), 4096));
}

static void receive(const char *what, u32 n, u32 size, u32 len, u32 crc)
{
	stop();
	arm(n, size);
	start(8, n, crc);
	wire_send(f, port(), len, len, "-");
	say("%s ch%u receive %s %s", f->name, ch, what, wait_clear(&rx[0].control, OWN) ? "done" : "none");
	settle(0);
	show(what, rx, n);
	show_buffers(what, n);
	stop();
}

static void receive_rings(void)
{
	stop();
	arm(4, 256);
	start(4, 4, 8);
	for (u32 i = 0; i < 7; i++) {
		u32 n = i % 4;

		wire_send(f, port(), 64 + i, i, "-");
		wait_clear(&rx[n].control, OWN);
		settle(0);
		say("%s ch%u receive turn %u %08x sum %08x", f->name, ch, i, rx[n].control, digest(buffer(n), 256));
		rx[n].control = OWN | 256;
	}
	stop();
	arm(2, 256);
	start(4, 2, 8);
	for (u32 i = 0; i < 4; i++)
		wire_send(f, port(), 64 + i, i, "-");
	settle(50);
	show("overrun", rx, 2);
	show_buffers("overrun", 2);
	rx[0].control = rx[1].control = OWN | 256;
	wire_send(f, port(), 70, 5, "-");
	wait_clear(&rx[0].control, OWN);
	settle(0);
	show("after an overrun", rx, 2);
	stop();
	arm(1, 64);
	start(4, 2, 8);
	wire_send(f, port(), 200, 1, "-");
	settle(50);
	show("ends in mid-frame", rx, 2);
	show_buffers("ends in mid-frame", 1);
	stop();
	arm(2, 256);
	start(4, 2, 8);
	wr(ENABLE, 1u << 2 * ch);
	wire_send(f, port(), 64, 1, "-");
	settle(50);
	show("receiver off", rx, 2);
	stop();
}

static void interrupt(void *arg)
{
	u32 v = rd(STATUS);

	say("%s ch%u interrupt: network %02x status %08x mask %08x", f->name, ch, net_status(f), v, rd(MASK));
	/* Dynamips drops the line at every third look. */
	for (u32 i = 0; i < 3; i++)
		wr(STATUS, v);
	say("%s ch%u acknowledged: network %02x status %08x", f->name, ch, net_status(f), rd(STATUS));
	net_mask((const struct func *)arg, 0);
}

static void interrupts(struct func *fn)
{
	stop();
	arm(4, 256);
	start(4, 4, 8);
	net_mask(f, 1u << f->unit);
	wire_send(f, port(), 64, 1, "-");
	wait_clear(&rx[0].control, OWN);
	settle(0);
	say("%s ch%u masked in the chip: network %02x lines %04x", f->name, ch, net_status(f), lines());
	net_mask(f, 0);
	wr(MASK, 0x10u << ch);
	say("%s ch%u masked outside: network %02x lines %04x", f->name, ch, net_status(f), lines());
	net_mask(f, 1u << f->unit);
	say("%s ch%u unmasked: network %02x lines %04x", f->name, ch, net_status(f), lines());
	say("%s ch%u taken %08x", f->name, ch, take(ST_IM(2), interrupt, fn));
	net_mask(f, 1u << f->unit);
	wire_send(f, port(), 65, 2, "-");
	say("%s ch%u second taken %08x", f->name, ch, take(ST_IM(2), interrupt, fn));
	net_mask(f, 1u << f->unit);
	wr(MASK, 1u << ch);
	fill(buffer(5), 64, 3);
	tx[0].addr = PHYS(buffer(5));
	tx[0].control = OWN | FS | LS | length(64);
	say("%s ch%u transmit taken %08x", f->name, ch, take(ST_IM(2), interrupt, fn));
	wire_take(f, port(), 1, "interrupt");
	stop();
}

void mueslix(struct func *fn, int how)
{
	int full = how == FULL;
	f = fn;
	regs = fn->regs;
	tx = (volatile struct desc *)arena(128);
	rx = (volatile struct desc *)arena(128);
	buffers = arena(16 * 4096);
	ch = 0;
	if (!begin(f, how)) {
		for (; ch < 4; ch++) {
			say("%s ch%u modem %08x cable %08x", f->name, ch, rdc(MODEM), rdc(0x64));
			stop();
			tx[0].addr = PHYS(buffer(0));
			tx[0].control = OWN | FS | LS | length(64);
			start(4, 4, 8);
			settle(30);
			show("nowhere", tx, 1);
			stop();
		}
		ch = 0;
		return;
	}
	if (full)
		registers_of_chip();
	for (ch = 0; ch < 4; ch++) {
		int all = full && ch == 0;

		say("%s ch%u modem %08x", f->name, ch, rdc(MODEM));
		for (u32 i = 0; i < (all ? ARRAY_LEN(shapes) : 2); i++)
			transmit(&shapes[i]);
		if (all)
			transmit_rings();
		receive("60 bytes", 2, 256, 60, 8);
		interrupts(fn);
		if (!all)
			continue;
		receive("1 byte", 2, 256, 1, 8);
		receive("1500 bytes", 2, 1600, 1500, 8);
		receive("long CRC", 2, 256, 61, 10);
		receive("other CRC", 2, 256, 61, 0);
		receive("exact", 2, 64, 64, 8);
		receive("one more", 2, 64, 65, 8);
		receive("four descriptors", 4, 64, 250, 8);
		receive("large", 4, 2048, 4000, 8);
		receive_rings();
	}
	ch = 0;
}
