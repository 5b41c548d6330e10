#include "probe.h"

/* PA-A1, the TNETA1570: adapters-7200 reference, 14. */
#define SCHEDULE 0x0000
#define REG(n) (0x3200 + 4 * (n))
#define CONFIG REG(0)
#define STATUS REG(1)
#define MASK REG(2)
#define TX_SIZES REG(5)
#define RX_SIZES REG(6)
#define SEGMENT_SIZE REG(7)
#define VCI_MASK REG(12)
#define RESET REG(14)
#define TX_QUIET REG(0x80)
#define TX_NOTIFY REG(0x81)
#define RX_QUIET REG(0x82)
#define RX_NOTIFY REG(0x83)
#define FREE_RING(n) (0x3800 + 8 * (n))
#define VPI(n) (0x4000 + 4 * (n))
#define TX_ENTRY(n) (0x8000 + 32 * (n))
#define RX_ENTRY(n) (0x10000 + 32 * (n))

#define OWN 0x80000000u
#define ON 0x80000000u
#define RDY 0x80000000u
#define SOP 0x40000000u
#define EOP 0x20000000u
#define TYPE(n) ((n) << 26)
#define NOTIFY 0x02000000u
#define RX_NOTIFIES 0x20000000u

static const struct func *f;
static u32 regs, segment, tx_done[2], rx_done[2], free_ring, buffers;

static u32 rd(u32 off) { return io_r32(regs + off); }
static void wr(u32 off, u32 v) { io_w32(regs + off, v); }
static u32 buffer(u32 i) { return buffers + 2048 * i; }

/* Dynamips clears at every fifth read (14.2): five of them see everything and
 * leave nothing. */
static u32 status(void)
{
	u32 v = 0;

	for (u32 i = 0; i < 5; i++)
		v |= rd(STATUS);
	return v;
}

static void show_ring(const char *what, const char *ring, u32 va)
{
	say("%s %s %s %08x %08x %08x %08x", f->name, what, ring, io_r32(va), io_r32(va + 4), io_r32(va + 8), io_r32(va + 12));
}

static void memory(void)
{
	static const u32 places[] = { 0x0000, 0x3080, 0x3210, 0x320c, 0x3220, 0x3234, 0x3300, 0x3900, 0x4ffc, 0x9000, 0x20000, 0xffffc };

	for (u32 i = 0; i < ARRAY_LEN(places); i++)
		for (u32 size = 1; size <= 4; size *= 2) {
			u32 a = regs + places[i];

			io_w32(a, 0x01020304);
			store(a, size, 0x89abcdef);
			say("%s memory %05x written in %u bytes %08x %04x,%04x %02x,%02x", f->name, places[i], size, (u32)load(a, 4), (u32)load(a, 2),
				(u32)load(a + 2, 2), (u32)load(a, 1), (u32)load(a + 3, 1));
			io_w32(a, 0);
		}
	wr(0x100000, 0x55);
	wr(0x18000c, 0x55);
	say("%s beyond %08x board %08x", f->name, rd(0x100000), rd(0x18000c));
	for (u32 i = 0; i < 8; i++) {
		wr(STATUS, 0xa5a5a5a5 + i);
		say("%s status written %08x", f->name, status());
	}
	wr(STATUS, 0);
}

/* Everything empty; circuit 1 is in the schedule. */
static void set_up(void)
{
	for (u32 off = 0; off < 0x40; off += 4)
		wr(SCHEDULE + off, 0);
	for (u32 i = 0; i < 8; i++) {
		wr(TX_ENTRY(1) + 4 * i, 0);
		wr(RX_ENTRY(5) + 4 * i, 0);
	}
	(void)rd(RESET);
	memset((void *)segment, 0, 1024);
	for (u32 r = 0; r < 2; r++) {
		memset((void *)tx_done[r], 0, 64);
		memset((void *)rx_done[r], 0, 512);
		for (u32 i = 0; i < 8; i++) {
			io_w32(tx_done[r] + 4 * i, OWN);
			io_w32(rx_done[r] + 32 * i + 16, OWN);
		}
	}
	memset((void *)buffers, 0xee, 16 * 2048);
	wr(MASK, 0);
	wr(TX_SIZES, 7 << 16 | 7);
	wr(RX_SIZES, 7 << 16 | 7);
	wr(SEGMENT_SIZE, 7 << 16 | 1);
	wr(VCI_MASK, 0);
	wr(TX_QUIET, PHYS(tx_done[0]));
	wr(TX_NOTIFY, PHYS(tx_done[1]));
	wr(RX_QUIET, PHYS(rx_done[0]));
	wr(RX_NOTIFY, PHYS(rx_done[1]));
	wr(CONFIG, 0x30);
	wr(TX_ENTRY(1) + 12, ON | (PHYS(segment) >> 2 & 0x3fffff00));
	wr(SCHEDULE, 1);
	(void)status();
}

/* A packet in buffers of the sizes given. */
struct packet {
	const char *name;
	u32 flags, header, control;
	u16 len[4];
	u8 offset, cells;
};

static const struct packet packets[] = {
	{ "aal5 of 10", TYPE(1) | NOTIFY, 0x00000050, 0x00000000, { 10 }, 0, 1 },
	{ "aal5 of 40", TYPE(1) | NOTIFY, 0x00000050, 0x12340000, { 40 }, 0, 1 },
	{ "aal5 of 41", TYPE(1) | NOTIFY, 0x00000050, 0, { 41 }, 0, 2 },
	{ "aal5 of 48", TYPE(1) | NOTIFY, 0x00000050, 0, { 48 }, 0, 2 },
	{ "aal5 of 200", TYPE(1) | NOTIFY, 0x01200640, 0, { 200 }, 0, 5 },
	{ "aal5, quiet", TYPE(1), 0x00000050, 0, { 100 }, 0, 3 },
	{ "aal5, two buffers", TYPE(1) | NOTIFY, 0x00000050, 0, { 60, 41 }, 0, 3 },
	{ "aal5, odd buffers", TYPE(1) | NOTIFY, 0x00000050, 0, { 11, 50, 96, 3 }, 0, 4 },
	{ "aal5, offset", TYPE(1) | NOTIFY, 0x00000050, 0, { 70 }, 12, 2 },
	{ "transparent", TYPE(0) | NOTIFY, 0x00000050, 0, { 96 }, 0, 2 },
	{ "transparent without PTI", TYPE(2) | NOTIFY, 0x00000050, 0, { 96 }, 0, 2 },
};

static u32 next_segment;

static void queue(const struct packet *p)
{
	u32 n = 0;

	while (n < 4 && p->len[n])
		n++;
	for (u32 i = n; i--;) {
		u32 b = buffer(i);

		fill(b + 16 + p->offset, p->len[i], i + 3);
		io_w32(b + 4, i + 1 < n ? PHYS(buffer(i + 1)) >> 2 : 0);
		io_w32(b + 8, p->header);
		io_w32(b + 12, p->control);
		io_w32(b, RDY | (i == 0 ? SOP : 0) | (i == n - 1 ? EOP : 0) | p->flags | (u32)p->offset << 16 | p->len[i]);
	}
	io_w32(segment + 4 * next_segment, OWN | PHYS(buffer(0)) >> 2);
}

static void transmit(const struct packet *p)
{
	set_up();
	next_segment = 0;
	queue(p);
	say("%s transmit %s %s", f->name, p->name, wait_clear((volatile u32 *)segment, OWN) ? "done" : "stuck");
	settle(0);
	say("%s %s status %03x", f->name, p->name, status());
	/* The partial CRC is among the words that are left out. */
	say("%s %s entry control %08x state %08x next %08x start %08x", f->name, p->name, rd(TX_ENTRY(1)), rd(TX_ENTRY(1) + 12),
		rd(TX_ENTRY(1) + 16), rd(TX_ENTRY(1) + 20));
	show_ring(p->name, "segmentation ring", segment);
	show_ring(p->name, "quiet ring", tx_done[0]);
	show_ring(p->name, "notify ring", tx_done[1]);
	for (u32 i = 0; i + 1 < p->cells; i++)
		wire_take(f, 0, 1, p->name);
	/* Dynamips' CRC is not the standard's (14.3). */
	wire_take(f, 0, 1, p->flags & TYPE(1) ? "last cell" : p->name);
}

static void transmit_rings(void)
{
	static const struct packet p = { "in turn", TYPE(1) | NOTIFY, 0x00000050, 0, { 20 }, 0, 1 };

	set_up();
	wr(SEGMENT_SIZE, 3 << 16 | 1);
	wr(TX_SIZES, 3 << 16 | 3);
	for (u32 i = 0; i < 6; i++) {
		next_segment = i % 4;
		queue(&p);
		say("%s packet %u %s", f->name, i, wait_clear((volatile u32 *)(segment + 4 * next_segment), OWN) ? "done" : "stuck");
		settle(0);
		say("%s packet %u state %08x status %03x", f->name, i, rd(TX_ENTRY(1) + 12), status());
		show_ring("in turn", "notify ring", tx_done[1]);
		io_w32(tx_done[1] + 4 * (i % 4), OWN);
		wire_take(f, 0, 1, "last cell");
	}
}

/* Receive: circuit 5 of VPI 0. */
static const char *hex_cell(u32 header, u32 seed, u32 trailer)
{
	static char text[107];
	u8 cell[53];
	u32 hec = 0;

	for (u32 i = 0; i < 4; i++) {
		cell[i] = (u8)(header >> (24 - 8 * i));
		hec ^= cell[i];
		for (u32 b = 0; b < 8; b++)
			hec = (hec << 1 ^ (hec & 0x80 ? 7 : 0)) & 0xff;
	}
	cell[4] = (u8)(hec ^ 0x55);
	for (u32 i = 0; i < 48; i++)
		cell[5 + i] = (u8)(seed * 17 + i * 7);
	if (trailer)                     /* the length, and a CRC that is not looked at on Dynamips */
		for (u32 i = 0; i < 4; i++)
			cell[45 + i] = (u8)(trailer >> (24 - 8 * i));
	for (u32 i = 0; i < 53; i++) {
		text[2 * i] = "0123456789abcdef"[cell[i] >> 4];
		text[2 * i + 1] = "0123456789abcdef"[cell[i] & 15];
	}
	return text;
}

static void cell(u32 header, u32 seed, u32 trailer) { ask("hex %d 0 %s", f->slot, hex_cell(header, seed, trailer)); }

static void open_circuit(u32 control, u32 buffers_there, u32 cells)
{
	set_up();
	wr(VPI(0), 0x80000000 | 0x800 << 16 | 31);
	memset((void *)free_ring, 0, 64);
	for (u32 i = 0; i < buffers_there; i++)
		io_w32(free_ring + 4 * i, OWN | PHYS(buffer(i)) >> 2);
	wr(FREE_RING(2), PHYS(free_ring));
	wr(FREE_RING(2) + 4, cells << 16);
	wr(RX_ENTRY(5), control);
	wr(RX_ENTRY(5) + 24, ON | 2);
}

static void show_receive(const char *what, u32 nbuffers)
{
	settle(20);
	say("%s %s status %03x", f->name, what, status());
	/* Of the entry what both keep: control and state. */
	say("%s %s entry control %08x state %08x", f->name, what, rd(RX_ENTRY(5)) & 0x80000000, rd(RX_ENTRY(5) + 24));
	say("%s %s free ring position %03x", f->name, what, rd(FREE_RING(2) + 4));
	show_ring(what, "free ring", free_ring);
	for (u32 r = 0; r < 2; r++)
		for (u32 i = 0; i < 4; i++) {
			show_ring(what, r ? "notify entry" : "quiet entry", rx_done[r] + 32 * i);
			show_ring(what, r ? "notify entry, rest" : "quiet entry, rest", rx_done[r] + 32 * i + 16);
		}
	for (u32 i = 0; i < nbuffers; i++)
		say("%s %s buffer %u header %08x %08x sum %08x", f->name, what, i, io_r32(buffer(i) + 4), io_r32(buffer(i) + 8),
			digest(buffer(i) + 16, 1024));
}

static void receive(void)
{
	open_circuit(TYPE(0) | RX_NOTIFIES, 4, 4);
	cell(0x00000052, 1, 0);
	show_receive("one cell", 2);
	open_circuit(TYPE(0) | RX_NOTIFIES, 4, 4);
	cell(0x00000050, 1, 0);
	cell(0x00000050, 2, 0);
	cell(0x00000052, 3, 0);
	show_receive("three cells", 2);
	open_circuit(TYPE(0) | RX_NOTIFIES, 4, 2);
	for (u32 i = 0; i < 5; i++)
		cell(i == 4 ? 0x00000052 : 0x00000050, i, 0);
	show_receive("three buffers", 4);
	open_circuit(TYPE(0), 4, 4);
	cell(0x00000050, 1, 0);
	cell(0x00000052, 2, 0);
	show_receive("quiet", 2);
	open_circuit(TYPE(0) | RX_NOTIFIES, 4, 4);
	for (u32 i = 0; i < 3; i++) {
		cell(0x00000050, i, 0);
		cell(0x00000052, i + 8, 0);
	}
	show_receive("three packets", 4);
	/* Not this circuit's: other VPI, VCI beyond the table, disabled. */
	open_circuit(TYPE(0) | RX_NOTIFIES, 4, 4);
	cell(0x00100052, 1, 0);
	cell(0x00000402, 2, 0);
	cell(0x00000062, 3, 0);
	show_receive("other circuits", 2);
	wr(RX_ENTRY(5) + 24, 2);
	cell(0x00000052, 4, 0);
	show_receive("circuit off", 2);
	open_circuit(TYPE(1) | RX_NOTIFIES, 4, 4);
	cell(0x00000050, 1, 0);
	cell(0x00000052, 2, 0x00000044);
	show_receive("aal5 with a wrong CRC", 2);
	/* No buffer. */
	open_circuit(TYPE(0) | RX_NOTIFIES, 0, 4);
	cell(0x00000050, 1, 0);
	cell(0x00000052, 2, 0);
	show_receive("no buffer", 1);
}

static void interrupt(void *arg)
{
	u32 before = net_status(f);

	say("%s interrupt: network %02x status %03x", f->name, before, status());
	say("%s status read: network %02x", f->name, net_status(f));
	net_mask((const struct func *)arg, 0);
}

static void interrupts(struct func *fn)
{
	open_circuit(TYPE(0) | RX_NOTIFIES, 4, 4);
	cell(0x00000052, 1, 0);
	settle(20);
	say("%s masked in the chip: network %02x lines %04x", f->name, net_status(f), lines());
	net_mask(f, 1);
	wr(MASK, 0x80);
	cell(0x00000052, 1, 0);
	say("%s taken %08x", f->name, take(ST_IM(2), interrupt, fn));
	set_up();
	net_mask(f, 1);
	wr(MASK, 0x01);
	next_segment = 0;
	queue(&packets[0]);
	say("%s transmit taken %08x", f->name, take(ST_IM(2), interrupt, fn));
	wire_take(f, 0, 1, "last cell");
	wr(MASK, 0);
}

void tneta1570(struct func *fn, int how)
{
	int full = how == FULL;
	f = fn;
	regs = fn->regs;
	/* The segmentation ring lies on 1 KiB. */
	segment = (arena(2048) + 1023) & ~1023u;
	for (u32 r = 0; r < 2; r++) {
		tx_done[r] = arena(64);
		rx_done[r] = arena(512);
	}
	free_ring = arena(64);
	buffers = arena(16 * 2048);
	if (!begin(f, how))
		return;
	/* The registers' reading has read the status seven times. */
	for (u32 i = 0; i < 3; i++)
		(void)rd(STATUS);
	if (full)
		memory();
	for (u32 i = 0; i < (full ? ARRAY_LEN(packets) : 2); i++)
		transmit(&packets[i]);
	interrupts(fn);
	if (full) {
		transmit_rings();
		receive();
	}
	/* Others will use this memory. */
	wr(SCHEDULE, 0);
	wr(TX_ENTRY(1) + 12, 0);
	wr(RX_ENTRY(5) + 24, 0);
	wr(VPI(0), 0);
	settle(30);
}
