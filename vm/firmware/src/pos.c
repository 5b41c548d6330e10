#include "net.h"
#include "lib.h"
#include "term.h"

/* PA-POS-OC3 (adapters reference, 15 and 16): three PLX 9060 bridges, in front
 * of the receive ring, the transmit ring and the framer. */
#define PLX_RANGE 0x00
#define FRAMER_RANGE 0xffc00000u  /* 4 MiB */
#define RING_START 0x04
#define RING_CURRENT 0x08
#define FRAMER_STATUS 0x300000
#define FRAMER_CONTROL 0x300028
#define CONTROL_CRC16 0x06
/* How often the status is read at most until the interrupt goes away. */
#define STATUS_READS 20

#define OWN 0x80000000u
#define WRAP 0x40000000u
#define CONT 0x08000000u
#define LENGTH 0x1fffu
#define CRC_LEN 2u
#define RX_SIZE 1600u
#define NRX 64u
#define NTX 64u
#define RX_BUDGET 64
/* Transmit data cross the bridge with swapped byte lanes: read through the
 * swapping alias of memory they leave in order. */
#define SWAPPED(va) (PHYS(va) | 0xc0000000u)

struct desc {
	u32 control, buf;
};

struct pos {
	struct netchip chip;
	struct netport port;
	u32 rx_regs, tx_regs, framer;
	volatile struct desc *rx, *tx;
	struct pkt *rx_pkt[NRX], *tx_pkt[NTX];
	u32 rx_next, tx_head, tx_tail;
	u8 skipping;
};

static void arm_rx(struct pos *d, u32 i)
{
	d->rx[i].buf = PHYS(d->rx_pkt[i]->buf + PKT_HEADROOM);
	d->rx[i].control = OWN | (i == NRX - 1 ? WRAP : 0) | RX_SIZE;
}

static void reclaim_tx(struct pos *d)
{
	while (d->tx_head != d->tx_tail) {
		u32 i = d->tx_head % NTX;

		if (d->tx[i].control & OWN)
			break;
		pkt_free(d->tx_pkt[i]);
		d->tx_pkt[i] = NULL;
		d->tx_head++;
	}
}

/* A ring start of 0 holds an engine. */
static void pos_stop(struct netport *p)
{
	struct pos *d = p->chip;

	io_w32(d->rx_regs + RING_START, 0);
	io_w32(d->tx_regs + RING_START, 0);
	p->running = 0;
	for (u32 i = 0; i < NTX; i++) {
		d->tx[i].control = 0;
		pkt_free(d->tx_pkt[i]);
		d->tx_pkt[i] = NULL;
	}
	for (u32 i = 0; i < NRX; i++) {
		d->rx[i].control = 0;
		pkt_free(d->rx_pkt[i]);
		d->rx_pkt[i] = NULL;
	}
}

static void pos_start(struct netport *p)
{
	struct pos *d = p->chip;

	for (u32 i = 0; i < NRX; i++) {
		if (!d->rx_pkt[i])
			d->rx_pkt[i] = pkt_alloc(RX_SIZE);
		arm_rx(d, i);
	}
	for (u32 i = 0; i < NTX; i++)
		d->tx[i].control = 0;
	d->rx_next = d->tx_head = d->tx_tail = 0;
	d->skipping = 0;
	*(volatile u16 *)(d->framer + FRAMER_CONTROL) = CONTROL_CRC16;
	io_w32(d->rx_regs + RING_CURRENT, PHYS(d->rx));
	io_w32(d->rx_regs + RING_START, PHYS(d->rx));
	io_w32(d->tx_regs + RING_CURRENT, PHYS(d->tx));
	io_w32(d->tx_regs + RING_START, PHYS(d->tx));
	p->running = 1;
}

static int pos_drained(struct netport *p)
{
	struct pos *d = p->chip;

	reclaim_tx(d);
	return d->tx_head == d->tx_tail;
}

static int pos_send(struct netport *p, struct pkt *k)
{
	struct pos *d = p->chip;
	u32 i = d->tx_tail % NTX;

	reclaim_tx(d);
	if (d->tx_tail - d->tx_head >= NTX)
		return 0;
	d->tx_pkt[i] = k;
	d->tx[i].buf = SWAPPED(k->data);
	d->tx[i].control = OWN | (i == NTX - 1 ? WRAP : 0) | k->len;
	d->tx_tail++;
	/* The ring is where it was: writing its start tells the engine to look. */
	io_w32(d->tx_regs + RING_START, PHYS(d->tx));
	return 1;
}

/* No register of the framer that is known tells of the line (16). */
static int pos_carrier(struct netport *p)
{
	return p->running;
}

static void pos_interrupt(struct netchip *c)
{
	struct pos *d = (struct pos *)c;

	for (int n = 0; n < STATUS_READS && (io_r32(KSEG1(c->irq->status)) & c->irq_bit); n++)
		io_r32(d->framer + FRAMER_STATUS);
	c->events |= 1;
}

static void receive(struct pos *d, u32 i)
{
	struct iface *ifp = d->port.ifp;
	struct pkt *p = d->rx_pkt[i], *fresh;
	u32 s = d->rx[i].control, len = s & LENGTH;

	if ((s & CONT) || d->skipping) {
		d->skipping = (s & CONT) != 0;
		if (!(s & CONT)) {
			ifp->c.giants++;
			ifp->c.in_errors++;
		}
	} else if (len < CRC_LEN + 2) {
		ifp->c.runts++;
		ifp->c.in_errors++;
	} else if (!(fresh = pkt_alloc(RX_SIZE))) {
		ifp->c.no_buffer++;
		ifp->c.in_drops++;
	} else {
		d->rx_pkt[i] = fresh;
		p->data = p->buf + PKT_HEADROOM;
		p->len = len - CRC_LEN;
		arm_rx(d, i);
		link_input(ifp, p);
		return;
	}
	arm_rx(d, i);
}

static int pos_service(struct netchip *c)
{
	struct pos *d = (struct pos *)c;

	c->events = 0;
	if (!d->port.running)
		return 0;
	reclaim_tx(d);
	for (int n = 0; n < RX_BUDGET; n++) {
		u32 i = d->rx_next;

		if (!d->port.running || (d->rx[i].control & OWN))
			return 0;
		d->rx_next = (i + 1) % NRX;
		receive(d, i);
	}
	c->events |= 1;
	return 1;
}

static void pos_show(struct netport *p)
{
	struct pos *d = p->chip;

	cprintf("Packet over SONET, framer at 0x%08x, control 0x%04x\n", PHYS(d->framer),
		(u32)*(volatile u16 *)(d->framer + FRAMER_CONTROL));
	cprintf("rx ring 0x%08x, at 0x%08x; tx ring 0x%08x, at 0x%08x\n", io_r32(d->rx_regs + RING_START),
		io_r32(d->rx_regs + RING_CURRENT), io_r32(d->tx_regs + RING_START), io_r32(d->tx_regs + RING_CURRENT));
}

static const struct port_ops pos_ops = {
	.hardware = "Packet over SONET",
	.start = pos_start,
	.stop = pos_stop,
	.drained = pos_drained,
	.send = pos_send,
	.carrier = pos_carrier,
	.show = pos_show,
};

struct netport *pos_attach(struct pci_func *rx, struct pci_func *tx, struct pci_func *cs, u32 irq_port)
{
	struct pos *d = card_alloc(cs->slot, sizeof(*d), 8);

	memset(d, 0, sizeof(*d));
	/* The framer's registers reach beyond the range after reset. */
	io_w32(KSEG1(cs->bar) + PLX_RANGE, FRAMER_RANGE);
	d->rx_regs = KSEG1(rx->bar2);
	d->tx_regs = KSEG1(tx->bar2);
	d->framer = KSEG1(cs->bar2);
	d->rx = (volatile struct desc *)KSEG1(PHYS(card_alloc(cs->slot, NRX * sizeof(struct desc), 64)));
	d->tx = (volatile struct desc *)KSEG1(PHYS(card_alloc(cs->slot, NTX * sizeof(struct desc), 64)));
	d->port.ops = &pos_ops;
	d->port.chip = d;
	d->chip.interrupt = pos_interrupt;
	d->chip.service = pos_service;
	netchip_register(&d->chip, (u32)cs->slot, irq_port);
	return &d->port;
}
