#include "net.h"
#include "lib.h"
#include "term.h"

/* PA-A1: TNETA1570 segmentation and reassembly (adapters reference, 14). Tables
 * and registers lie in its control memory. */
#define TX_SCHEDULE 0x0000
#define FREE_RINGS 0x3800
#define VPI_TABLE 0x4000
#define TX_TABLE 0x8000
#define RX_TABLE 0x10000
#define ENTRY 32u

#define REG_CONFIG 0x3200
#define REG_STATUS 0x3204
#define REG_MASK 0x3208
#define REG_TX_RINGS 0x3214
#define REG_RX_RINGS 0x3218
#define REG_SEGMENT 0x321c
#define REG_VCI_MASK 0x3230
#define REG_SCHEDULE 0x3234
#define REG_RESET 0x3238
#define REG_TX_QUIET 0x3400
#define REG_TX_NOTIFY 0x3404
#define REG_RX_NOTIFY 0x340c
#define CONFIG_ON 0x30        /* receive, transmit */
#define STAT_TX 0x001
#define STAT_RX 0x080
/* Dynamips clears the status at every fifth read. */
#define STATUS_READS 5

#define OWN 0x80000000u
#define ON 0x80000000u
#define POINTER 0x3fffffffu
#define AAL5 0x04000000u
#define PLAIN 0x08000000u     /* transmit: cells as they are; receive: so many cells */
#define RX_NOTIFY 0x20000000u
#define RX_ACTIVE 0x80000000u /* a packet is being put together */
#define RX_SKIP 0x10000000u   /* the rest of a packet that found no buffer */
#define NETWORK 0x8u          /* in the header of a cell: the first bit of its type */
#define RX_DONE_ERROR 0x40000000u
#define DONE_CRC 0x40000000u
#define DONE_STARVED 0x20000000u
#define DONE_ABORT 0x08000000u

/* The header of a buffer. */
#define HEADER 16u
#define TX_PACKET 0xe0000000u /* ready, first and last buffer */
#define TX_NOTIFY 0x02000000u
#define RX_LAST 0x40000000u
#define TX_ROOM (HEADER + 3)  /* before a packet: a header at a multiple of four */

#define NRX 128u              /* free buffers */
#define RX_CELLS 44u          /* in a buffer: what a packet buffer takes behind its headroom */
#define CELL 48u
#define TRAILER 8u
#define NDONE 256u            /* entries of a completion ring */
#define NSEG 32u              /* packets of a circuit waiting */
#define RX_BUDGET 64

/* A path has entries for this many channels in the receive table, which has
 * room for so many paths. */
#define VCIS ATM_MAX_VCI
#define FIRST_ENTRY 0x800u    /* of the receive table */
#define RESERVED_ENTRIES 32u  /* OAM */
#define MAX_PATHS 29u
/* Entries of the schedule: the line is shared among the circuits. */
#define SLOTS 64u

struct seg_ring {
	volatile u32 entry[256];  /* NSEG are used; a ring is aligned to all */
};

struct done {
	volatile u32 header, errors, packet, trailer, owner, reserved[3];
};

struct circuit {
	u8 open, skipping, path;
	u16 vpi, vci;
	u32 head, tail;
	struct pkt *pkt[NSEG];
	u32 rx_entry;             /* address */
};

struct ti1570 {
	struct netchip chip;
	struct netport port;
	u32 regs;
	struct circuit vc[ATM_MAX_VC];
	struct seg_ring *seg;     /* one a circuit */
	volatile u32 *tx_done[2], *free;
	struct done *rx_done;
	struct pkt *rx_pkt[NRX];
	u32 tx_at[2], rx_at, fill;
	u32 in_flight;
};

static void wr(struct ti1570 *d, u32 off, u32 v)
{
	io_w32(d->regs + off, v);
}

static u32 rd(struct ti1570 *d, u32 off)
{
	return io_r32(d->regs + off);
}

/* A receive buffer begins with its header; the payload is where other drivers
 * put theirs. */
static volatile u32 *rx_header(const struct pkt *p)
{
	return (volatile u32 *)(p->buf + PKT_HEADROOM - HEADER);
}

/* Gives buffer k to the chip. The header's last word is ours and tells which it
 * is, since buffers come back in the order in which packets end. */
static void give_rx(struct ti1570 *d, u32 k)
{
	volatile u32 *h = rx_header(d->rx_pkt[k]);

	h[3] = k;
	d->free[d->fill] = OWN | PHYS(h) >> 2;
	d->fill = (d->fill + 1) % NRX;
}

/* OAM cells of all circuits come through entries of their own, a packet each:
 * for F5, payload types 4 and 5, the first. */
static void open_oam(struct ti1570 *d)
{
	for (u32 w = 0; w < ENTRY; w += 4)
		wr(d, RX_TABLE + w, 0);
	wr(d, RX_TABLE, RX_NOTIFY | PLAIN);
	wr(d, RX_TABLE + 20, 1);
	wr(d, RX_TABLE + 24, ON);
}

static void reclaim_vc(struct ti1570 *d, u32 n)
{
	struct circuit *v = &d->vc[n];

	while (v->head != v->tail) {
		u32 i = v->head % NSEG;

		if (d->seg[n].entry[i] & OWN)
			break;
		pkt_free(v->pkt[i]);
		v->pkt[i] = NULL;
		v->head++;
		d->in_flight--;
	}
}

/* Entries of the completion rings go back; which packets are done is told by
 * the segmentation rings. */
static void reclaim_tx(struct ti1570 *d)
{
	for (u32 r = 0; r < 2; r++)
		while (!(d->tx_done[r][d->tx_at[r]] & OWN)) {
			d->tx_done[r][d->tx_at[r]] = OWN;
			d->tx_at[r] = (d->tx_at[r] + 1) % NDONE;
		}
	for (u32 n = 0; n < ATM_MAX_VC; n++)
		reclaim_vc(d, n);
}

/* The schedule names the open circuits in turn. */
static void schedule(struct ti1570 *d)
{
	u32 slot[SLOTS], n = 0, used = 0;

	memset(slot, 0, sizeof(slot));
	for (u32 i = 0; i < ATM_MAX_VC; i++)
		used += d->vc[i].open;
	for (u32 s = 0; used && s < SLOTS; s++) {
		while (!d->vc[n % ATM_MAX_VC].open)
			n++;
		slot[s] = n++ % ATM_MAX_VC + 1;
	}
	for (u32 s = 0; s < SLOTS; s += 2)
		wr(d, TX_SCHEDULE + 2 * s, slot[s] | slot[s + 1] << 16);
}

/* The place of a path in the receive table, for a circuit that is about to open;
 * MAX_PATHS when there is none left. */
static u32 path_of(const struct ti1570 *d, u32 vpi)
{
	u8 taken[MAX_PATHS];
	u32 i;

	memset(taken, 0, sizeof(taken));
	for (const struct circuit *v = d->vc; v < d->vc + ATM_MAX_VC; v++) {
		if (v->open && v->vpi == vpi)
			return v->path;
		if (v->open)
			taken[v->path] = 1;
	}
	for (i = 0; i < MAX_PATHS && taken[i]; i++)
		;
	return i;
}

static int ti_vc_open(struct netport *p, u32 n, u32 vpi, u32 vci)
{
	struct ti1570 *d = p->chip;
	struct circuit *v = &d->vc[n];
	u32 path, first, tx = TX_TABLE + (n + 1) * ENTRY;

	if (!p->running || v->open)
		return v->open;
	path = path_of(d, vpi);
	if (path == MAX_PATHS)
		return 0;
	first = FIRST_ENTRY + RESERVED_ENTRIES + path * (VCIS + 1);
	v->path = (u8)path;
	v->vpi = (u16)vpi;
	v->vci = (u16)vci;
	v->head = v->tail = 0;
	v->skipping = 0;
	v->rx_entry = (first + vci) * ENTRY;
	for (u32 i = 0; i < NSEG; i++)
		d->seg[n].entry[i] = 0;
	for (u32 w = 0; w < ENTRY; w += 4) {
		wr(d, tx + w, 0);
		wr(d, v->rx_entry + w, 0);
	}
	wr(d, v->rx_entry, RX_NOTIFY | AAL5);
	wr(d, v->rx_entry + 24, ON);    /* free-buffer ring 0 */
	wr(d, VPI_TABLE + 4 * vpi, ON | first << 16 | VCIS);
	wr(d, tx, AAL5);
	wr(d, tx + 12, ON | PHYS(&d->seg[n]) >> 2);
	v->open = 1;
	schedule(d);
	return 1;
}

static void ti_vc_close(struct netport *p, u32 n)
{
	struct ti1570 *d = p->chip;
	struct circuit *v = &d->vc[n];

	if (!v->open)
		return;
	v->open = 0;
	schedule(d);
	wr(d, v->rx_entry + 24, 0);
	wr(d, TX_TABLE + (n + 1) * ENTRY + 12, 0);
	for (; v->head != v->tail; v->head++) {
		pkt_free(v->pkt[v->head % NSEG]);
		v->pkt[v->head % NSEG] = NULL;
		d->in_flight--;
	}
	for (u32 i = 0; i < NSEG; i++)
		d->seg[n].entry[i] = 0;
}

static void quiet(struct ti1570 *d)
{
	wr(d, REG_MASK, 0);
	wr(d, REG_CONFIG, 0);
	for (u32 s = 0; s < SLOTS; s += 2)
		wr(d, TX_SCHEDULE + 2 * s, 0);
	for (u32 vpi = 0; vpi < 256; vpi++)
		wr(d, VPI_TABLE + 4 * vpi, 0);
	wr(d, RX_TABLE + 24, 0);
	io_r32(d->regs + REG_RESET);
}

static void ti_stop(struct netport *p)
{
	struct ti1570 *d = p->chip;

	p->running = 0;
	for (u32 n = 0; n < ATM_MAX_VC; n++)
		ti_vc_close(p, n);
	quiet(d);
	/* A packet that was being put together holds buffers that no ring knows. */
	for (u32 i = 0; i < NRX; i++)
		d->free[i] = 0;
	for (u32 i = 0; i < NRX; i++) {
		pkt_free(d->rx_pkt[i]);
		d->rx_pkt[i] = NULL;
	}
}

static void ti_start(struct netport *p)
{
	struct ti1570 *d = p->chip;

	quiet(d);
	d->tx_at[0] = d->tx_at[1] = d->rx_at = d->fill = 0;
	for (u32 i = 0; i < NDONE; i++) {
		d->tx_done[0][i] = d->tx_done[1][i] = OWN;
		d->rx_done[i].owner = OWN;
	}
	for (u32 i = 0; i < NRX; i++) {
		d->rx_pkt[i] = pkt_alloc(RX_CELLS * CELL);
		if (!d->rx_pkt[i])
			return;
		give_rx(d, i);
	}
	wr(d, REG_TX_RINGS, (NDONE - 1) | (NDONE - 1) << 16);
	wr(d, REG_RX_RINGS, NDONE - 1);
	wr(d, REG_SEGMENT, (NSEG - 1) << 16);
	wr(d, REG_VCI_MASK, 0);
	wr(d, REG_SCHEDULE, SLOTS);
	wr(d, REG_TX_QUIET, PHYS(d->tx_done[0]));
	wr(d, REG_TX_NOTIFY, PHYS(d->tx_done[1]));
	wr(d, REG_RX_NOTIFY, PHYS(d->rx_done));
	wr(d, FREE_RINGS, PHYS(d->free));
	open_oam(d);
	wr(d, FREE_RINGS + 4, RX_CELLS << 16 | (NRX / 16 - 1) << 10);
	wr(d, REG_MASK, STAT_TX | STAT_RX);
	wr(d, REG_CONFIG, CONFIG_ON);
	p->running = 1;
}

static int ti_drained(struct netport *p)
{
	struct ti1570 *d = p->chip;

	reclaim_tx(d);
	return d->in_flight == 0;
}

static int ti_send(struct netport *p, struct pkt *k)
{
	struct ti1570 *d = p->chip;
	struct circuit *v = &d->vc[k->circuit];
	u32 i = v->tail % NSEG, notify;
	struct pkt *whole = NULL;
	volatile u32 *h;

	if (d->in_flight >= NDONE / 2 || v->tail - v->head >= NSEG)
		reclaim_tx(d);
	if (!v->open || d->in_flight >= NDONE - 1 || v->tail - v->head >= NSEG)
		return 0;
	if ((u32)(k->data - k->buf) < TX_ROOM) {
		whole = pkt_copy(k);
		if (!whole)
			return 0;
		pkt_free(k);
		k = whole;
	}
	/* Small buffers are many and come back when the next packet is sent. */
	notify = k->size == PKT_SMALL ? 0 : TX_NOTIFY;
	h = (volatile u32 *)(((u32)k->data - HEADER) & ~3u);
	h[1] = 0;
	h[2] = (u32)v->vpi << 20 | (u32)v->vci << 4 | (u32)k->cell << 1;
	h[3] = 0;
	h[0] = TX_PACKET | (k->cell ? PLAIN : AAL5) | notify | ((u32)k->data - (u32)h - HEADER) << 16 | k->len;
	v->pkt[i] = k;
	v->tail++;
	d->in_flight++;
	d->seg[k->circuit].entry[i] = OWN | PHYS(h) >> 2;
	return 1;
}

/* Lists the buffers of a packet, of which the first is at an address. */
static u32 chain(struct ti1570 *d, u32 at, u16 *place)
{
	u32 n = 0;

	while (n < NRX) {
		volatile u32 *h = (volatile u32 *)KSEG1(at);
		u32 k = h[3];

		if (k >= NRX || PHYS(rx_header(d->rx_pkt[k])) != at)
			break;
		place[n++] = (u16)k;
		if ((h[1] & RX_LAST) || !(h[1] & POINTER))
			break;
		at = h[1] << 2;
	}
	return n;
}

static u16 place[NRX];        /* for chain */

/* A circuit that skips to the end of a packet for a second has met an emulator
 * that never ends doing so, or a peer that never ends its packet. It begins
 * anew, and what it had of the packet goes back to the other circuits. */
static void unstick(struct ti1570 *d)
{
	for (u32 n = 0; n < ATM_MAX_VC; n++) {
		struct circuit *v = &d->vc[n];
		u32 control = v->open ? rd(d, v->rx_entry) : 0, buffers = 0;

		if (!(control & RX_SKIP) || !v->skipping) {
			v->skipping = (control & RX_SKIP) != 0;
			continue;
		}
		v->skipping = 0;
		wr(d, v->rx_entry + 24, 0);
		if (control & RX_ACTIVE)
			buffers = chain(d, rd(d, v->rx_entry + 16) << 2, place);
		wr(d, v->rx_entry, RX_NOTIFY | AAL5);
		for (u32 i = 0; i < buffers; i++)
			give_rx(d, place[i]);
		wr(d, v->rx_entry + 24, ON);
	}
}

static void ti_second(struct netport *p)
{
	struct ti1570 *d = p->chip;

	reclaim_tx(d);
	unstick(d);
}

/* Nothing that is known tells of the line. */
static int ti_carrier(struct netport *p)
{
	return p->running;
}

static void ti_interrupt(struct netchip *c)
{
	struct ti1570 *d = (struct ti1570 *)c;

	for (int n = 0; n < STATUS_READS && (io_r32(KSEG1(c->irq->status)) & c->irq_bit); n++)
		rd(d, REG_STATUS);
	c->events |= 1;
}

static struct circuit *circuit_of(struct ti1570 *d, u32 header, u32 *n)
{
	for (*n = 0; *n < ATM_MAX_VC; ++*n) {
		struct circuit *v = &d->vc[*n];

		if (v->open && v->vpi == header >> 20 && v->vci == (header >> 4 & 0xffff))
			return v;
	}
	return NULL;
}

static u32 round_up_div(u32 a, u32 b)
{
	return (a + b - 1) / b;
}

/* Puts a packet of len bytes in n buffers together. Their contents are taken, or
 * copied, and all of them given back to the chip. */
static struct pkt *collect(struct ti1570 *d, const u16 *place, u32 n, u32 len)
{
	u32 room = RX_CELLS * CELL, done = 0;
	struct pkt *p = pkt_alloc(n == 1 ? room : len), *q;

	if (p && n == 1) {
		q = d->rx_pkt[place[0]];
		d->rx_pkt[place[0]] = p;
		p = q;
		p->data = p->buf + PKT_HEADROOM;
		p->len = len;
	} else if (p) {
		for (u32 i = 0; i < n; i++, done += room)
			memcpy(p->data + done, d->rx_pkt[place[i]]->buf + PKT_HEADROOM, len - done < room ? len - done : room);
	}
	for (u32 i = 0; i < n; i++)
		give_rx(d, place[i]);
	return p;
}

static void receive(struct ti1570 *d, const struct done *e)
{
	struct if_counters *c = &d->port.ifp->c;
	u32 n = chain(d, e->packet << 2, place), len = e->trailer & 0xffff, vc;
	int bad = 0, oam = (e->header & NETWORK) != 0;
	struct pkt *p;

	if (oam)
		len = CELL;
	if (e->owner & RX_DONE_ERROR) {
		bad = 1;
		if (e->errors & DONE_STARVED) {
			c->no_buffer++;
		} else {
			c->in_errors++;
			c->crc += e->errors & DONE_CRC ? 1 : 0;
			c->abort += e->errors & DONE_ABORT ? 1 : 0;
		}
	} else if (!len || (!oam && n != round_up_div(round_up_div(len + TRAILER, CELL), RX_CELLS))) {
		/* Cells were lost. An emulator without a check of the CRC does not say so. */
		bad = 1;
		c->in_errors++;
		c->crc++;
	} else if (!circuit_of(d, e->header, &vc)) {
		bad = 1;
	}
	if (bad) {
		for (u32 i = 0; i < n; i++)
			give_rx(d, place[i]);
		return;
	}
	p = collect(d, place, n, len);
	if (!p) {
		c->no_buffer++;
		c->in_drops++;
		return;
	}
	p->circuit = (u16)vc;
	p->cell = oam ? (u8)(e->header >> 1 & 7) : 0;
	link_input(d->port.ifp, p);
}

static int ti_service(struct netchip *c)
{
	struct ti1570 *d = (struct ti1570 *)c;

	c->events = 0;
	if (!d->port.running)
		return 0;
	reclaim_tx(d);
	for (int n = 0; n < RX_BUDGET; n++) {
		struct done *e = &d->rx_done[d->rx_at], copy;

		if (!d->port.running || (e->owner & OWN))
			return 0;
		d->rx_at = (d->rx_at + 1) % NDONE;
		copy = *e;
		e->owner = OWN;
		receive(d, &copy);
	}
	c->events |= 1;
	return 1;
}

static void ti_show(struct netport *p)
{
	struct ti1570 *d = p->chip;
	u32 open = 0;

	for (u32 n = 0; n < ATM_MAX_VC; n++)
		open += d->vc[n].open;
	cprintf("TI1570 at 0x%08x, configuration 0x%08x, interrupt mask 0x%08x\n", PHYS(d->regs), rd(d, REG_CONFIG), rd(d, REG_MASK));
	cprintf("%u of %u circuits open, %u packets to be sent\n", open, ATM_MAX_VC, d->in_flight);
	cprintf("free buffer ring 0x%08x, %u entries of %u cells; completion rings of %u entries, receive at %u\n", PHYS(d->free),
		NRX, RX_CELLS, NDONE, d->rx_at);
}

static const struct port_ops ti_ops = {
	.hardware = "TI1570",
	.start = ti_start,
	.stop = ti_stop,
	.drained = ti_drained,
	.send = ti_send,
	.carrier = ti_carrier,
	.second = ti_second,
	.show = ti_show,
	.vc_open = ti_vc_open,
	.vc_close = ti_vc_close,
};

static void *ring(int slot, u32 size, u32 align)
{
	return (void *)KSEG1(PHYS(card_alloc(slot, size, align)));
}

struct netport *ti1570_attach(struct pci_func *f, u32 irq_port)
{
	struct ti1570 *d = card_alloc(f->slot, sizeof(*d), 8);

	memset(d, 0, sizeof(*d));
	d->regs = KSEG1(f->bar);
	d->seg = ring(f->slot, ATM_MAX_VC * sizeof(struct seg_ring), sizeof(struct seg_ring));
	for (u32 r = 0; r < 2; r++)
		d->tx_done[r] = ring(f->slot, NDONE * 4, 64);
	d->rx_done = ring(f->slot, NDONE * sizeof(struct done), 32);
	d->free = ring(f->slot, NRX * 4, 64);
	d->port.ops = &ti_ops;
	d->port.chip = d;
	wr(d, REG_MASK, 0);
	d->chip.interrupt = ti_interrupt;
	d->chip.service = ti_service;
	netchip_register(&d->chip, (u32)f->slot, irq_port);
	return &d->port;
}
