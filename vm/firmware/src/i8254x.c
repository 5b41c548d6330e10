#include "net.h"
#include "lib.h"
#include "term.h"

/* Intel 82543 (adapters reference, 12). Rings are given by their plain
 * addresses, frames through the byte-swapping alias of memory, so that both
 * read naturally (section 4). */
#define SWAPPED(va) (PHYS(va) | 0xc0000000u)
#define CTRL 0x0000
#define CTRL_FD 0x00000001u
#define CTRL_SLU 0x00000040u
#define STATUS 0x0008
#define CTRL_EXT 0x0018
#define ICR 0x00c0
#define IMS 0x00d0
#define IMC 0x00d8
#define IRQ_LSC 0x04u
#define IRQ_RXDMT0 0x10u
#define IRQ_RXO 0x40u
#define IRQ_RXT0 0x80u
#define RCTL 0x0100
#define RCTL_EN 0x00000002u
#define RCTL_MPE 0x00000010u
#define RCTL_BAM 0x00008000u
#define TCTL 0x0400
#define TCTL_EN 0x00000002u
#define TCTL_PSP 0x00000008u
#define TCTL_COLLISION 0x000400f0u
#define RDBAL 0x2800
#define RDBAH 0x2804
#define RDLEN 0x2808
#define RDH 0x2810
#define RDT 0x2818
#define TDBAL 0x3800
#define TDBAH 0x3804
#define TDLEN 0x3808
#define TDH 0x3810
#define TDT 0x3818
#define RAL0 0x5400
#define RAH0 0x5404
#define RAH_AV 0x80000000u
#define DD 0x01u
#define RX_EOP 0x02u
#define RX_ERRORS 0x9700u         /* CE, SE, SEQ, CXE, RXE */
#define TX_RS 0x08000000u
#define TX_IFCS 0x02000000u
#define TX_EOP 0x01000000u

#define RX_SIZE 2048u             /* what RCTL.BSIZE 0 means */
#define MAX_FRAME 1518u
#define NRX 64u
#define NTX 64u
#define RX_BUDGET 64

struct desc {
	u32 buf, buf_high, length, status;
};

struct intel {
	struct netchip chip;
	struct netport port;
	u32 regs;
	volatile struct desc *rx, *tx;
	struct pkt *rx_pkt[NRX], *tx_pkt[NTX];
	u32 rx_next, tx_head, tx_tail;
	u8 skipping;
};

static u32 rd(struct intel *d, u32 reg)
{
	return io_r32(d->regs + reg);
}

static void wr(struct intel *d, u32 reg, u32 v)
{
	io_w32(d->regs + reg, v);
}

/* The transceiver's management interface is wired to two pins (12.4). */
#define MDC 0x0040u
#define MDIO 0x0080u
#define MDC_OUT 0x0400u
#define MDIO_OUT 0x0800u
#define PHY 1u                /* every address answers */

static void mii_out(struct intel *d, u32 bits, u32 n)
{
	while (n--) {
		u32 v = MDC_OUT | MDIO_OUT | (bits >> n & 1 ? MDIO : 0);

		wr(d, CTRL_EXT, v);
		wr(d, CTRL_EXT, v | MDC);
	}
}

static u32 mii_read(struct intel *d, u32 reg)
{
	u32 v = 0;

	mii_out(d, 0xffffffff, 32);
	mii_out(d, 0x6, 4);                  /* start, read */
	mii_out(d, PHY << 5 | reg, 10);
	for (u32 n = 0; n < 17; n++) {       /* turnaround, data */
		wr(d, CTRL_EXT, MDC_OUT);
		wr(d, CTRL_EXT, MDC_OUT | MDC);
		v = v << 1 | (rd(d, CTRL_EXT) & MDIO ? 1 : 0);
	}
	return v & 0xffff;
}

#define BMSR 1
#define BMSR_LINK 0x0004

static int in_carrier(struct netport *p)
{
	/* The link bit latches low: it shows a loss that is over, once. */
	return mii_read(p->chip, BMSR) & BMSR_LINK ? 1 : 0;
}

static void arm_rx(struct intel *d, u32 i)
{
	d->rx[i].buf = SWAPPED(d->rx_pkt[i]->buf + PKT_HEADROOM);
	d->rx[i].buf_high = 0;
	d->rx[i].length = 0;
	d->rx[i].status = 0;
}

static void reclaim_tx(struct intel *d)
{
	while (d->tx_head != d->tx_tail) {
		u32 i = d->tx_head % NTX;

		if (!(d->tx[i].status & DD))
			break;
		pkt_free(d->tx_pkt[i]);
		d->tx_pkt[i] = NULL;
		d->tx_head++;
	}
}

static void in_stop(struct netport *p)
{
	struct intel *d = p->chip;

	wr(d, IMC, 0xffffffff);
	wr(d, RCTL, 0);
	wr(d, TCTL, 0);
	rd(d, ICR);
	p->running = 0;
	for (u32 i = 0; i < NTX; i++) {
		pkt_free(d->tx_pkt[i]);
		d->tx_pkt[i] = NULL;
	}
	for (u32 i = 0; i < NRX; i++) {
		pkt_free(d->rx_pkt[i]);
		d->rx_pkt[i] = NULL;
	}
}

static void in_set_mac(struct netport *p)
{
	struct intel *d = p->chip;
	const u8 *m = p->ifp->mac;

	wr(d, RAL0, (u32)m[3] << 24 | (u32)m[2] << 16 | (u32)m[1] << 8 | m[0]);
	wr(d, RAH0, RAH_AV | (u32)m[5] << 8 | m[4]);
}

static void in_start(struct netport *p)
{
	struct intel *d = p->chip;

	wr(d, IMC, 0xffffffff);
	wr(d, RCTL, 0);
	wr(d, TCTL, 0);
	for (u32 i = 0; i < NRX; i++) {
		if (!d->rx_pkt[i])
			d->rx_pkt[i] = pkt_alloc(RX_SIZE);
		arm_rx(d, i);
	}
	d->rx_next = d->tx_head = d->tx_tail = 0;
	d->skipping = 0;
	wr(d, CTRL, CTRL_FD | CTRL_SLU);
	mii_read(d, BMSR);                   /* what was lost while nobody looked */
	in_set_mac(p);
	wr(d, RDBAL, PHYS(d->rx));
	wr(d, RDBAH, 0);
	wr(d, RDLEN, NRX * sizeof(struct desc));
	wr(d, RDH, 0);
	wr(d, RDT, 0);
	wr(d, TDBAL, PHYS(d->tx));
	wr(d, TDBAH, 0);
	wr(d, TDLEN, NTX * sizeof(struct desc));
	wr(d, TDH, 0);
	wr(d, TDT, 0);
	rd(d, ICR);
	wr(d, TCTL, TCTL_EN | TCTL_PSP | TCTL_COLLISION);
	wr(d, RCTL, RCTL_EN | RCTL_MPE | RCTL_BAM);
	wr(d, RDT, NRX - 1);
	p->running = 1;
	/* None for transmission: what was sent is reclaimed by the next packet. */
	wr(d, IMS, IRQ_LSC | IRQ_RXDMT0 | IRQ_RXO | IRQ_RXT0);
}

static int in_drained(struct netport *p)
{
	struct intel *d = p->chip;

	reclaim_tx(d);
	return d->tx_head == d->tx_tail;
}

static int in_send(struct netport *p, struct pkt *k)
{
	struct intel *d = p->chip;
	u32 i = d->tx_tail % NTX;

	reclaim_tx(d);
	/* Head equal to tail means empty: one descriptor stays free. */
	if (d->tx_tail - d->tx_head >= NTX - 1)
		return 0;
	d->tx_pkt[i] = k;
	d->tx[i].buf = SWAPPED(k->data);
	d->tx[i].buf_high = 0;
	d->tx[i].length = TX_RS | TX_IFCS | TX_EOP | k->len;
	d->tx[i].status = 0;
	d->tx_tail++;
	wr(d, TDT, d->tx_tail % NTX);
	return 1;
}

static void in_interrupt(struct netchip *c)
{
	struct intel *d = (struct intel *)c;

	if (rd(d, ICR) & IRQ_LSC)
		sched_pending |= PEND_CARRIER;
	c->events |= 1;
}

static void receive(struct intel *d, u32 i)
{
	struct iface *ifp = d->port.ifp;
	struct pkt *p = d->rx_pkt[i], *fresh;
	u32 s = d->rx[i].status, len = d->rx[i].length & 0xffff;

	if (!(s & RX_EOP) || d->skipping || len > MAX_FRAME + 4) {
		d->skipping = !(s & RX_EOP);
		if (s & RX_EOP) {
			ifp->c.giants++;
			ifp->c.in_errors++;
		}
	} else if (s & RX_ERRORS) {
		ifp->c.in_errors++;
		ifp->c.crc++;
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

static int in_service(struct netchip *c)
{
	struct intel *d = (struct intel *)c;
	int n;

	c->events = 0;
	if (!d->port.running)
		return 0;
	reclaim_tx(d);
	for (n = 0; n < RX_BUDGET && d->port.running; n++) {
		u32 i = d->rx_next;

		if (!(d->rx[i].status & DD))
			break;
		d->rx_next = (i + 1) % NRX;
		receive(d, i);
		wr(d, RDT, i);
	}
	if (n < RX_BUDGET)
		return 0;
	c->events |= 1;
	return 1;
}

static void in_show(struct netport *p)
{
	struct intel *d = p->chip;

	cprintf("%s at 0x%08x, CTRL 0x%08x, STATUS 0x%08x, BMSR 0x%04x\n", p->ops->hardware, PHYS(d->regs), rd(d, CTRL),
		rd(d, STATUS), mii_read(d, BMSR));
	cprintf("RCTL 0x%08x, RDH %u, RDT %u; TCTL 0x%08x, TDH %u, TDT %u\n", rd(d, RCTL), rd(d, RDH), rd(d, RDT), rd(d, TCTL),
		rd(d, TDH), rd(d, TDT));
	cprintf("rx ring 0x%08x, %u entries, next %u; tx ring 0x%08x, %u entries, %u in use\n",
		PHYS(d->rx), NRX, d->rx_next, PHYS(d->tx), NTX, d->tx_tail - d->tx_head);
}

/* The two names that routers print (adapters reference, 20). */
#define OPS(name) { .hardware = name, .start = in_start, .stop = in_stop, .drained = in_drained, .send = in_send, \
	.carrier = in_carrier, .set_mac = in_set_mac, .show = in_show }
static const struct port_ops in_ops = OPS("i82543 (Livengood)"), ge_ops = OPS("82543");

struct netport *i8254x_attach(struct pci_func *f, u32 irq_port, int pa_ge)
{
	struct intel *d = card_alloc(f->slot, sizeof(*d), 8);

	memset(d, 0, sizeof(*d));
	d->regs = KSEG1(f->bar);
	d->rx = (volatile struct desc *)KSEG1(PHYS(card_alloc(f->slot, NRX * sizeof(struct desc), 128)));
	d->tx = (volatile struct desc *)KSEG1(PHYS(card_alloc(f->slot, NTX * sizeof(struct desc), 128)));
	d->port.ops = pa_ge ? &ge_ops : &in_ops;
	d->port.chip = d;
	wr(d, IMC, 0xffffffff);
	rd(d, ICR);
	d->chip.interrupt = in_interrupt;
	d->chip.service = in_service;
	netchip_register(&d->chip, (u32)f->slot, irq_port);
	return &d->port;
}
