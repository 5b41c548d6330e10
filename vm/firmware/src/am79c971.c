#include "net.h"
#include "cpu.h"
#include "lib.h"
#include "term.h"

/* Am79C971 and Am79C970A (adapters reference, 10), in 32-bit mode. */
#define RDP 0x10
#define RAP 0x14
#define BDP 0x1c
#define CSR0_CAUSES 0x7f00u
#define CSR0_IENA 0x0040
#define CSR0_TDMD 0x0008
#define CSR0_STOP 0x0004
#define CSR0_STRT 0x0002
#define CSR0_INIT 0x0001
#define CSR3_BSWP 0x0004
#define BCR20_STYLE2 0x0002
#define OWN 0x80000000u
#define ERR 0x40000000u
#define TX_ADD_FCS 0x20000000u
#define RX_OFLO 0x10000000u
#define RX_CRC 0x08000000u
#define STP 0x02000000u
#define ENP 0x01000000u
#define ONES 0x0000f000u
#define RX_SIZE 1536u
#define MAX_FRAME 1518u
#define RING_LOG2 6u
#define NRX (1u << RING_LOG2)
#define NTX (1u << RING_LOG2)
#define RX_BUDGET 64
#define BMSR 1
#define BMSR_LINK 0x0004

struct desc {
	u32 buf, status, misc, user;
};

struct pcnet {
	struct netchip chip;
	struct netport port;
	u32 regs;
	volatile struct desc *rx, *tx;
	volatile u32 *init;       /* initialisation block, 7 words */
	struct pkt *rx_pkt[NRX], *tx_pkt[NTX];
	u32 rx_next, tx_head, tx_tail;
};

/* The address port is shared with the interrupt handler. */
static u32 reg_read(struct pcnet *d, u32 port, u32 n)
{
	u32 s = irq_disable(), v;

	io_w32(d->regs + RAP, n);
	v = io_r32(d->regs + port);
	irq_restore(s);
	return v;
}

static void reg_write(struct pcnet *d, u32 port, u32 n, u32 v)
{
	u32 s = irq_disable();

	io_w32(d->regs + RAP, n);
	io_w32(d->regs + port, v);
	irq_restore(s);
}

static u32 mii_read(struct pcnet *d, u32 reg)
{
	reg_write(d, BDP, 33, reg);
	return reg_read(d, BDP, 34) & 0xffff;
}

static int am_carrier(struct netport *p)
{
	struct pcnet *d = p->chip;

	/* The link bit latches low: it shows a loss that is over, once. */
	return mii_read(d, BMSR) & BMSR_LINK ? 1 : 0;
}

static void arm_rx(struct pcnet *d, u32 i)
{
	d->rx[i].buf = PHYS(d->rx_pkt[i]->buf + PKT_HEADROOM);
	d->rx[i].misc = 0;
	d->rx[i].status = OWN | ONES | (-RX_SIZE & 0xfff);
}

static void reclaim_tx(struct pcnet *d)
{
	while (d->tx_head != d->tx_tail) {
		u32 i = d->tx_head % NTX;

		if (d->tx[i].status & OWN)
			break;
		if (d->tx[i].status & ERR)
			d->port.ifp->c.out_errors++;
		pkt_free(d->tx_pkt[i]);
		d->tx_pkt[i] = NULL;
		d->tx_head++;
	}
}

static void am_stop(struct netport *p)
{
	struct pcnet *d = p->chip;

	reg_write(d, RDP, 0, CSR0_STOP);
	p->running = 0;
	for (u32 i = 0; i < NTX; i++) {
		pkt_free(d->tx_pkt[i]);
		d->tx_pkt[i] = NULL;
		d->tx[i].status = 0;
	}
	for (u32 i = 0; i < NRX; i++) {
		d->rx[i].status = 0;
		pkt_free(d->rx_pkt[i]);
		d->rx_pkt[i] = NULL;
	}
}

static void am_start(struct netport *p)
{
	struct pcnet *d = p->chip;
	const u8 *mac = p->ifp->mac;

	reg_write(d, RDP, 0, CSR0_STOP);
	for (u32 i = 0; i < NRX; i++) {
		if (!d->rx_pkt[i])
			d->rx_pkt[i] = pkt_alloc(RX_SIZE);
		arm_rx(d, i);
	}
	for (u32 i = 0; i < NTX; i++)
		d->tx[i].status = 0;
	d->rx_next = d->tx_head = d->tx_tail = 0;
	d->init[0] = RING_LOG2 << 28 | RING_LOG2 << 20;
	d->init[1] = (u32)mac[3] << 24 | (u32)mac[2] << 16 | (u32)mac[1] << 8 | mac[0];
	d->init[2] = (u32)mac[5] << 8 | mac[4];
	d->init[3] = d->init[4] = 0;
	d->init[5] = PHYS(d->rx);
	d->init[6] = PHYS(d->tx);
	reg_write(d, BDP, 20, BCR20_STYLE2);
	reg_write(d, RDP, 1, PHYS(d->init) & 0xffff);
	reg_write(d, RDP, 2, PHYS(d->init) >> 16);
	reg_write(d, RDP, 3, CSR3_BSWP);
	mii_read(d, BMSR);                   /* what was lost while nobody looked */
	reg_write(d, RDP, 0, CSR0_INIT);
	reg_write(d, RDP, 0, CSR0_STRT | CSR0_IENA);
	p->running = 1;
}

static void am_set_mac(struct netport *p)
{
	if (!p->running)
		return;
	am_stop(p);
	am_start(p);
}

static int am_drained(struct netport *p)
{
	struct pcnet *d = p->chip;

	reclaim_tx(d);
	return d->tx_head == d->tx_tail;
}

static int am_send(struct netport *p, struct pkt *k)
{
	struct pcnet *d = p->chip;
	u32 i = d->tx_tail % NTX;

	reclaim_tx(d);
	if (d->tx_tail - d->tx_head >= NTX)
		return 0;
	d->tx_pkt[i] = k;
	d->tx[i].buf = PHYS(k->data);
	d->tx[i].misc = 0;
	d->tx[i].status = OWN | TX_ADD_FCS | STP | ENP | ONES | (-k->len & 0xfff);
	d->tx_tail++;
	reg_write(d, RDP, 0, CSR0_TDMD | CSR0_IENA);
	return 1;
}

/* Dynamips clears receive and transmit causes at every third write only
 * (10.3). */
static void am_interrupt(struct netchip *c)
{
	struct pcnet *d = (struct pcnet *)c;

	for (int n = 0; n < 3; n++) {
		u32 s = reg_read(d, RDP, 0) & CSR0_CAUSES;

		if (!s)
			break;
		reg_write(d, RDP, 0, s | CSR0_IENA);
	}
	c->events |= 1;
}

static void receive(struct pcnet *d, u32 i)
{
	struct iface *ifp = d->port.ifp;
	struct pkt *p = d->rx_pkt[i], *fresh;
	u32 s = d->rx[i].status, len = d->rx[i].misc & 0xfff;

	if ((s & (STP | ENP)) != (STP | ENP) || len > MAX_FRAME + 4) {
		if (s & ENP) {
			ifp->c.giants++;
			ifp->c.in_errors++;
		}
	} else if (s & ERR) {
		ifp->c.in_errors++;
		ifp->c.crc += s & RX_CRC ? 1 : 0;
		ifp->c.overrun += s & RX_OFLO ? 1 : 0;
	} else if (len < 14 + 4) {
		ifp->c.runts++;
		ifp->c.in_errors++;
	} else if (!(fresh = pkt_alloc(RX_SIZE))) {
		ifp->c.no_buffer++;
		ifp->c.in_drops++;
	} else {
		d->rx_pkt[i] = fresh;
		p->data = p->buf + PKT_HEADROOM;
		p->len = len - 4;
		arm_rx(d, i);
		link_input(ifp, p);
		return;
	}
	arm_rx(d, i);
}

static int am_service(struct netchip *c)
{
	struct pcnet *d = (struct pcnet *)c;

	c->events = 0;
	if (!d->port.running)
		return 0;
	reclaim_tx(d);
	for (int n = 0; n < RX_BUDGET; n++) {
		u32 i = d->rx_next;

		if (!d->port.running || (d->rx[i].status & OWN))
			return 0;
		d->rx_next = (i + 1) % NRX;
		receive(d, i);
	}
	c->events |= 1;
	return 1;
}

static void am_show(struct netport *p)
{
	struct pcnet *d = p->chip;

	cprintf("AmdP2 at 0x%08x, part 0x%08x, BMSR 0x%04x\n", PHYS(d->regs), reg_read(d, RDP, 88), mii_read(d, BMSR));
	cprintf("csr0=0x%04x  csr3=0x%04x  csr15=0x%04x\n", reg_read(d, RDP, 0), reg_read(d, RDP, 3), reg_read(d, RDP, 15));
	cprintf("rx ring 0x%08x, %u entries, next %u; tx ring 0x%08x, %u entries, %u in use\n",
		PHYS(d->rx), NRX, d->rx_next, PHYS(d->tx), NTX, d->tx_tail - d->tx_head);
}

static const struct port_ops am_ops = {
	.hardware = "AmdP2",
	.start = am_start,
	.stop = am_stop,
	.drained = am_drained,
	.send = am_send,
	.carrier = am_carrier,
	.set_mac = am_set_mac,
	.show = am_show,
};

struct netport *am79c971_attach(struct pci_func *f, u32 irq_port)
{
	struct pcnet *d = card_alloc(f->slot, sizeof(*d), 8);

	memset(d, 0, sizeof(*d));
	d->regs = KSEG1(f->bar);
	d->rx = (volatile struct desc *)KSEG1(PHYS(card_alloc(f->slot, NRX * sizeof(struct desc), 64)));
	d->tx = (volatile struct desc *)KSEG1(PHYS(card_alloc(f->slot, NTX * sizeof(struct desc), 64)));
	d->init = (volatile u32 *)KSEG1(PHYS(card_alloc(f->slot, 64, 64)));
	d->port.ops = &am_ops;
	d->port.chip = d;
	/* A longword write to the data port first selects the 32-bit layout. */
	io_w32(d->regs + RDP, 0);
	reg_write(d, RDP, 0, CSR0_STOP);
	d->chip.interrupt = am_interrupt;
	d->chip.service = am_service;
	netchip_register(&d->chip, (u32)f->slot, irq_port);
	return &d->port;
}
