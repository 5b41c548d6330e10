#include "net.h"
#include "lib.h"
#include "term.h"

/* Mueslix serial controller, as on PA-4T+ and PA-8T: ring-end registers name
 * the last descriptor and transmit lengths count words (adapters reference,
 * 11, mode 1). */
#define REG_STATUS 0x0000
#define REG_MASK 0x0010
#define REG_ENABLE 0x0014
#define REG_TPU_COMMAND 0x2c24
#define TPU_ENABLE 0x00000
#define TPU_DISABLE 0x30000

#define CH_CRC 0x00
#define CH_CLOCK_SHIFT 0x40
#define CH_CLOCK_DIV 0x44
#define CH_SIGNALS 0x60
#define CH_CABLE 0x64
#define CH_TX_START 0x80
#define CH_TX_END 0x84
#define CH_RX_START 0x88
#define CH_RX_END 0x8c
#define CRC_16 0x08
#define CLOCK_HZ 8064000u

#define OWN 0x80000000u
#define FS 0x40000000u
#define LS 0x20000000u
#define RX_OVERRUN 0x10000000u
#define RX_ABORT 0x04000000u
#define RX_CRC 0x02000000u
#define TX_SUBTRACT 0x00100000u
/* The reported length counts two CRC bytes and a status byte. */
#define RX_EXTRA 3u

#define NCHAN 4u
#define NRX 64u
#define NTX 64u
#define RX_SIZE 1600u
#define RX_BUDGET 64

struct mdesc {
	u32 control, buf;
};

struct channel {
	struct netport port;
	struct mueslix *chip;
	u32 regs;
	volatile struct mdesc *rx, *tx;
	struct pkt *rx_pkt[NRX], *tx_pkt[NTX];
	u32 rx_next, tx_head, tx_tail;
	u8 skipping;              /* inside a frame that spans descriptors */
};

struct mueslix {
	struct netchip chip;
	u32 regs;
	u32 enable;
	struct channel ch[NCHAN];
};

static void ch_write(struct channel *c, u32 reg, u32 v)
{
	io_w32(c->regs + reg, v);
}

/* The enable register holds a transmit and a receive bit a channel; writing it
 * again also tells the chip to look at its rings. */
static void kick(struct mueslix *m)
{
	io_w32(m->regs + REG_ENABLE, m->enable);
}

static void arm_rx(struct channel *c, u32 i)
{
	c->rx[i].buf = PHYS(c->rx_pkt[i]->buf + PKT_HEADROOM);
	c->rx[i].control = OWN | RX_SIZE;
}

static void reclaim_tx(struct channel *c)
{
	while (c->tx_head != c->tx_tail) {
		u32 i = c->tx_head % NTX;

		if (c->tx[i].control & OWN)
			break;
		pkt_free(c->tx_pkt[i]);
		c->tx_pkt[i] = NULL;
		c->tx_head++;
	}
}

static void mx_stop(struct netport *p)
{
	struct channel *c = p->chip;
	struct mueslix *m = c->chip;

	m->enable &= ~(3u << (p->unit * 2));
	kick(m);
	io_w32(m->regs + REG_TPU_COMMAND, TPU_DISABLE | p->unit);
	p->running = 0;
	for (u32 i = 0; i < NTX; i++) {
		pkt_free(c->tx_pkt[i]);
		c->tx_pkt[i] = NULL;
		c->tx[i].control = 0;
	}
	for (u32 i = 0; i < NRX; i++) {
		c->rx[i].control = 0;
		pkt_free(c->rx_pkt[i]);
		c->rx_pkt[i] = NULL;
	}
}

static void mx_start(struct netport *p)
{
	struct channel *c = p->chip;
	struct mueslix *m = c->chip;

	for (u32 i = 0; i < NRX; i++) {
		if (!c->rx_pkt[i])
			c->rx_pkt[i] = pkt_alloc(RX_SIZE);
		arm_rx(c, i);
	}
	for (u32 i = 0; i < NTX; i++)
		c->tx[i].control = 0;
	c->rx_next = c->tx_head = c->tx_tail = 0;
	c->skipping = 0;
	ch_write(c, CH_CRC, CRC_16);
	ch_write(c, CH_RX_START, PHYS(c->rx));
	ch_write(c, CH_RX_END, PHYS(&c->rx[NRX - 1]));
	ch_write(c, CH_TX_START, PHYS(c->tx));
	ch_write(c, CH_TX_END, PHYS(&c->tx[NTX - 1]));
	io_w32(m->regs + REG_TPU_COMMAND, TPU_ENABLE | p->unit);
	m->enable |= 3u << (p->unit * 2);
	p->running = 1;
	kick(m);
}

/* A frame of len bytes is sent as whole words of which the last may be
 * partial: the subtract count takes the excess off. */
static int mx_send(struct netport *p, struct pkt *k)
{
	struct channel *c = p->chip;
	u32 i = c->tx_tail % NTX;
	u32 excess = (4 - (k->len & 3)) & 3;

	reclaim_tx(c);
	if (c->tx_tail - c->tx_head >= NTX)
		return 0;
	c->tx_pkt[i] = k;
	c->tx[i].buf = PHYS(k->data);
	c->tx[i].control = OWN | FS | LS | (k->len + 3) / 4 | (excess ? TX_SUBTRACT | excess << 24 : 0);
	c->tx_tail++;
	kick(c->chip);
	return 1;
}

static int mx_drained(struct netport *p)
{
	struct channel *c = p->chip;

	reclaim_tx(c);
	return c->tx_head == c->tx_tail;
}

static int mx_carrier(struct netport *p)
{
	struct channel *c = p->chip;

	return io_r32(c->regs + CH_SIGNALS) != 0;
}

/* Touching the shift register makes the new rate take effect (11.4). */
static void mx_set_clock(struct netport *p, u32 bps)
{
	struct channel *c = p->chip;
	u32 shift = 0, div;

	if (!bps)
		bps = 2016000;
	for (div = CLOCK_HZ / bps; div > 256 && shift < 7; shift++)
		div >>= 1;
	ch_write(c, CH_CLOCK_DIV, div ? div - 1 : 0);
	ch_write(c, CH_CLOCK_SHIFT, shift);
}

/* Written even when it reads 0: Dynamips lowers the line only at a later
 * write of the status register (11.1). */
static void mx_interrupt(struct netchip *n)
{
	struct mueslix *m = (struct mueslix *)n;
	u32 s = io_r32(m->regs + REG_STATUS);

	io_w32(m->regs + REG_STATUS, s);
	n->events |= s;
}

static void receive(struct channel *c, u32 i)
{
	struct iface *ifp = c->port.ifp;
	struct pkt *p = c->rx_pkt[i], *fresh;
	u32 s = c->rx[i].control, len = s & 0xffff;

	if (s & (RX_OVERRUN | RX_ABORT | RX_CRC)) {
		ifp->c.in_errors++;
		ifp->c.overrun += s & RX_OVERRUN ? 1 : 0;
		ifp->c.abort += s & RX_ABORT ? 1 : 0;
		ifp->c.crc += s & RX_CRC ? 1 : 0;
	} else if (!(s & FS) || !(s & LS)) {
		/* More than a buffer: counted at its end. */
		if (s & LS) {
			ifp->c.giants++;
			ifp->c.in_errors++;
		}
	} else if (len < RX_EXTRA + 2 || len > RX_SIZE + RX_EXTRA) {
		ifp->c.runts++;
		ifp->c.in_errors++;
	} else if (!(fresh = pkt_alloc(RX_SIZE))) {
		ifp->c.no_buffer++;
		ifp->c.in_drops++;
	} else {
		c->rx_pkt[i] = fresh;
		p->data = p->buf + PKT_HEADROOM;
		p->len = len - RX_EXTRA;
		arm_rx(c, i);
		link_input(ifp, p);
		return;
	}
	arm_rx(c, i);
}

static int mx_service(struct netchip *n)
{
	struct mueslix *m = (struct mueslix *)n;
	int more = 0;

	n->events = 0;
	for (u32 k = 0; k < NCHAN; k++) {
		struct channel *c = &m->ch[k];
		int budget = RX_BUDGET;

		if (!c->port.running)
			continue;
		reclaim_tx(c);
		while (budget > 0 && c->port.running && !(c->rx[c->rx_next].control & OWN)) {
			u32 i = c->rx_next;

			c->rx_next = (i + 1) % NRX;
			receive(c, i);
			budget--;
		}
		if (!budget)
			more = 1;
	}
	if (more)
		n->events |= 1;
	return more;
}

static void mx_show(struct netport *p)
{
	struct channel *c = p->chip;

	cprintf("M4T at 0x%08x channel %u, signals 0x%08x, cable 0x%08x, status 0x%08x mask 0x%08x\n",
		PHYS(c->chip->regs), p->unit, io_r32(c->regs + CH_SIGNALS), io_r32(c->regs + CH_CABLE),
		io_r32(c->chip->regs + REG_STATUS), io_r32(c->chip->regs + REG_MASK));
	cprintf("rx ring 0x%08x, %u entries, next %u; tx ring 0x%08x, %u entries, %u in use\n",
		PHYS(c->rx), NRX, c->rx_next, PHYS(c->tx), NTX, c->tx_tail - c->tx_head);
}

static const struct port_ops mx_ops = {
	.hardware = "M4T",
	.start = mx_start,
	.stop = mx_stop,
	.drained = mx_drained,
	.send = mx_send,
	.carrier = mx_carrier,
	.set_clock = mx_set_clock,
	.show = mx_show,
};

int mueslix_attach(struct pci_func *f, u32 irq_port, struct netport **ports)
{
	struct mueslix *m = card_alloc(f->slot, sizeof(*m), 8);

	memset(m, 0, sizeof(*m));
	m->regs = KSEG1(f->bar);
	for (u32 k = 0; k < NCHAN; k++) {
		struct channel *c = &m->ch[k];

		c->chip = m;
		c->regs = m->regs + 0x100 * (k + 1);
		c->rx = (volatile struct mdesc *)KSEG1(PHYS(card_alloc(f->slot, NRX * sizeof(struct mdesc), 64)));
		c->tx = (volatile struct mdesc *)KSEG1(PHYS(card_alloc(f->slot, NTX * sizeof(struct mdesc), 64)));
		c->port.ops = &mx_ops;
		c->port.chip = c;
		c->port.unit = k;
		ports[k] = &c->port;
	}
	kick(m);
	io_w32(m->regs + REG_STATUS, 0xffffffff);
	m->chip.interrupt = mx_interrupt;
	m->chip.service = mx_service;
	netchip_register(&m->chip, (u32)f->slot, irq_port);
	io_w32(m->regs + REG_MASK, 0xff);
	return (int)NCHAN;
}
