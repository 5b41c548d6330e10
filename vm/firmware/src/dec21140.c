#include "net.h"
#include "lib.h"
#include "term.h"

/* DECchip 21140 (adapters reference, 9). */
#define CSR(n) ((n) * 8)
#define CSR0_SWR 0x00000001
#define CSR0_BLE 0x00000080       /* big-endian data buffers */
#define CSR5_TI 0x00000001
#define CSR5_RI 0x00000040
#define CSR5_ALL 0x0001ffffu
#define CSR6_SR 0x00000002
#define CSR6_FD 0x00000200
#define CSR6_ST 0x00002000
#define CSR6_PS 0x00040000        /* MII port */
#define CSR6_HBD 0x00080000
#define CSR6_SF 0x00200000
#define CSR6_MBO 0x02000000
#define CSR7_ENABLE 0x0001a1ebu   /* every cause that can happen, and the summaries */

#define DES0_OWN 0x80000000u
#define RDES0_FS 0x00000200
#define RDES0_LS 0x00000100
#define RDES0_ES 0x00008000
#define RDES0_TL 0x00000080
#define RDES0_CE 0x00000002
#define RDES0_OF 0x00000001
#define RDES1_RER 0x02000000
#define TDES0_ES 0x00008000
#define TDES1_IC 0x80000000u
#define TDES1_LS 0x40000000
#define TDES1_FS 0x20000000
#define TDES1_SET 0x08000000
#define TDES1_TER 0x02000000

/* The receive buffer must hold a full frame with a tag; its size field is
 * eleven bits. */
#define RX_SIZE 1536u
#define MAX_FRAME 1518u
#define NRX 64u
#define NTX 64u
#define RX_BUDGET 64

struct desc {
	u32 status, control, buf1, buf2;
};

struct dec {
	struct netchip chip;      /* first: the chip is found by its netchip */
	struct netport port;
	u32 regs;                 /* KSEG1 */
	volatile struct desc *rx, *tx;
	struct pkt *rx_pkt[NRX], *tx_pkt[NTX];
	u32 rx_next, tx_head, tx_tail;
	u8 *setup;                /* setup frame, KSEG1 */
	u32 spill;                /* second-buffer address that is never meant to be used */
	int phy;                  /* MII address, -1 none */
	u32 csr6;
};

static u32 csr_read(struct dec *d, u32 n)
{
	return io_r32(d->regs + CSR(n));
}

static void csr_write(struct dec *d, u32 n, u32 v)
{
	io_w32(d->regs + CSR(n), v);
}

/* MII management through CSR9 (9.7). */
#define MII_WRITE 0x00002000
#define MII_READ 0x00044000
#define MII_CLOCK 0x00010000
#define MII_DATA_OUT 0x00020000
#define MII_DATA_IN 0x00080000

static void mii_out(struct dec *d, u32 bits, u32 n)
{
	while (n--) {
		u32 v = MII_WRITE | (bits >> n & 1 ? MII_DATA_OUT : 0);

		csr_write(d, 9, v);
		csr_write(d, 9, v | MII_CLOCK);
	}
}

static u32 mii_in(struct dec *d, u32 n)
{
	u32 v = 0;

	while (n--) {
		csr_write(d, 9, MII_READ);
		csr_write(d, 9, MII_READ | MII_CLOCK);
		v = v << 1 | (csr_read(d, 9) & MII_DATA_IN ? 1 : 0);
	}
	return v;
}

static u32 mii_read(struct dec *d, u32 phy, u32 reg)
{
	mii_out(d, 0xffffffff, 32);
	mii_out(d, 0x6, 4);                  /* start, read */
	mii_out(d, phy << 5 | reg, 10);
	return mii_in(d, 17) & 0xffff;       /* turnaround, data */
}

#define BMSR 1
#define BMSR_LINK 0x0004

static int dec_carrier(struct netport *p)
{
	struct dec *d = p->chip;

	/* The link bit latches low: it shows a loss that is over, once. */
	return d->phy >= 0 && (mii_read(d, (u32)d->phy, BMSR) & BMSR_LINK) != 0;
}

static void find_phy(struct dec *d)
{
	for (u32 i = 1; i <= 32; i++)
		if (mii_read(d, i & 31, BMSR) != 0xffff) {
			d->phy = (int)(i & 31);
			return;
		}
	d->phy = -1;
}

static void arm_rx(struct dec *d, u32 i)
{
	d->rx[i].buf1 = PHYS(d->rx_pkt[i]->buf + PKT_HEADROOM);
	d->rx[i].status = DES0_OWN;
}

static void reclaim_tx(struct dec *d)
{
	while (d->tx_head != d->tx_tail) {
		u32 i = d->tx_head % NTX;

		if (d->tx[i].status & DES0_OWN)
			break;
		if (d->tx_pkt[i]) {
			if (d->tx[i].status & TDES0_ES)
				d->port.ifp->c.out_errors++;
			pkt_free(d->tx_pkt[i]);
			d->tx_pkt[i] = NULL;
		}
		d->tx_head++;
	}
}

static void dec_stop(struct netport *p)
{
	struct dec *d = p->chip;
	u32 i;

	csr_write(d, 7, 0);
	csr_write(d, 6, 0);
	csr_write(d, 0, CSR0_SWR);
	csr_write(d, 5, CSR5_ALL);
	p->running = 0;
	for (i = 0; i < NTX; i++) {
		pkt_free(d->tx_pkt[i]);
		d->tx_pkt[i] = NULL;
		d->tx[i].status = 0;
	}
	for (i = 0; i < NRX; i++) {
		d->rx[i].status = 0;
		pkt_free(d->rx_pkt[i]);
		d->rx_pkt[i] = NULL;
	}
}

/* Perfect filtering: each of the 16 entries is three longwords of which the
 * chip uses one halfword; both halves hold it, whichever the bus order. */
static void fill_setup(struct dec *d)
{
	static const u8 broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	for (u32 e = 0; e < 16; e++) {
		const u8 *mac = e == 1 ? broadcast : d->port.ifp->mac;
		u8 *s = d->setup + e * 12;

		for (u32 w = 0; w < 3; w++) {
			s[w * 4 + 0] = s[w * 4 + 2] = mac[w * 2];
			s[w * 4 + 1] = s[w * 4 + 3] = mac[w * 2 + 1];
		}
	}
}

static void queue_setup(struct dec *d)
{
	u32 i = d->tx_tail % NTX;

	fill_setup(d);
	d->tx_pkt[i] = NULL;
	d->tx[i].buf1 = PHYS(d->setup);
	d->tx[i].control = TDES1_SET | TDES1_IC | 192 | (i == NTX - 1 ? TDES1_TER : 0);
	d->tx[i].status = DES0_OWN;
	d->tx_tail++;
	csr_write(d, 1, 1);
}

static void dec_start(struct netport *p)
{
	struct dec *d = p->chip;
	u32 i;

	for (i = 0; i < NRX; i++) {
		if (!d->rx_pkt[i])
			d->rx_pkt[i] = pkt_alloc(RX_SIZE);
		d->rx[i].control = RX_SIZE | (i == NRX - 1 ? RDES1_RER : 0);
		d->rx[i].buf2 = d->spill;
		arm_rx(d, i);
	}
	for (i = 0; i < NTX; i++) {
		d->tx[i].status = 0;
		d->tx[i].control = i == NTX - 1 ? TDES1_TER : 0;
		d->tx[i].buf1 = d->tx[i].buf2 = d->spill;
	}
	d->rx_next = d->tx_head = d->tx_tail = 0;
	dec_carrier(p);                      /* what was lost while nobody looked */
	csr_write(d, 0, CSR0_SWR);
	csr_write(d, 0, CSR0_BLE);
	csr_write(d, 3, PHYS(d->rx));
	csr_write(d, 4, PHYS(d->tx));
	csr_write(d, 5, CSR5_ALL);
	csr_write(d, 7, CSR7_ENABLE);
	d->csr6 = CSR6_MBO | CSR6_SF | CSR6_PS | CSR6_HBD | CSR6_FD | CSR6_ST;
	csr_write(d, 6, d->csr6);
	queue_setup(d);
	d->csr6 |= CSR6_SR;
	csr_write(d, 6, d->csr6);
	csr_write(d, 2, 1);
	p->running = 1;
}

static void dec_set_mac(struct netport *p)
{
	struct dec *d = p->chip;

	if (!p->running)
		return;
	reclaim_tx(d);
	if (d->tx_tail - d->tx_head < NTX)
		queue_setup(d);
}

static int dec_drained(struct netport *p)
{
	struct dec *d = p->chip;

	reclaim_tx(d);
	return d->tx_head == d->tx_tail;
}

static int dec_send(struct netport *p, struct pkt *k)
{
	struct dec *d = p->chip;
	u32 i = d->tx_tail % NTX;

	reclaim_tx(d);
	/* One descriptor stays free, for a setup frame. */
	if (d->tx_tail - d->tx_head >= NTX - 1)
		return 0;
	d->tx_pkt[i] = k;
	d->tx[i].buf1 = PHYS(k->data);
	/* No interrupt: what was sent is reclaimed by the next packet. */
	d->tx[i].control = TDES1_FS | TDES1_LS | k->len | (i == NTX - 1 ? TDES1_TER : 0);
	d->tx[i].status = DES0_OWN;
	d->tx_tail++;
	csr_write(d, 1, 1);
	return 1;
}

static void dec_interrupt(struct netchip *c)
{
	struct dec *d = (struct dec *)c;
	u32 s = csr_read(d, 5) & CSR5_ALL;

	csr_write(d, 5, s);
	c->events |= s | CSR5_RI;
}

static void receive(struct dec *d, u32 i)
{
	struct iface *ifp = d->port.ifp;
	struct pkt *p = d->rx_pkt[i], *fresh;
	u32 s = d->rx[i].status, len = s >> 16 & 0x3fff;

	if ((s & (RDES0_FS | RDES0_LS)) != (RDES0_FS | RDES0_LS) || len > MAX_FRAME + 4) {
		if (s & RDES0_LS) {
			ifp->c.giants++;
			ifp->c.in_errors++;
		}
	} else if (s & RDES0_ES && s & (RDES0_CE | RDES0_OF | RDES0_TL)) {
		ifp->c.in_errors++;
		if (s & RDES0_CE)
			ifp->c.crc++;
		if (s & RDES0_OF)
			ifp->c.overrun++;
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

static int dec_service(struct netchip *c)
{
	struct dec *d = (struct dec *)c;
	int budget = RX_BUDGET;

	c->events = 0;
	if (!d->port.running)
		return 0;
	reclaim_tx(d);
	while (budget-- > 0) {
		u32 i = d->rx_next;

		if (d->rx[i].status & DES0_OWN)
			break;
		d->rx_next = (i + 1) % NRX;
		receive(d, i);
	}
	/* Resumes a receiver that ran out of descriptors. */
	csr_write(d, 2, 1);
	if (budget < 0) {
		c->events |= CSR5_RI;
		return 1;
	}
	return 0;
}

static void dec_show(struct netport *p)
{
	struct dec *d = p->chip;

	cprintf("DEC21140 at 0x%08x, MII address %d, BMSR 0x%04x\n", PHYS(d->regs), d->phy,
		d->phy >= 0 ? mii_read(d, (u32)d->phy, BMSR) : 0);
	for (u32 n = 0; n < 8; n++)
		cprintf("csr%u=0x%08x%s", n, csr_read(d, n), n % 4 == 3 ? "\n" : "  ");
	cprintf("rx ring 0x%08x, %u entries, next %u; tx ring 0x%08x, %u entries, %u in use\n",
		PHYS(d->rx), NRX, d->rx_next, PHYS(d->tx), NTX, d->tx_tail - d->tx_head);
}

static const struct port_ops dec_ops = {
	.hardware = "DEC21140",
	.start = dec_start,
	.stop = dec_stop,
	.drained = dec_drained,
	.send = dec_send,
	.carrier = dec_carrier,
	.set_mac = dec_set_mac,
	.show = dec_show,
};

struct netport *dec21140_attach(struct pci_func *f, u32 irq_port)
{
	struct dec *d = card_alloc(f->slot, sizeof(*d), 8);

	memset(d, 0, sizeof(*d));
	d->regs = KSEG1(f->bar);
	d->rx = (volatile struct desc *)KSEG1(PHYS(card_alloc(f->slot, NRX * sizeof(struct desc), 64)));
	d->tx = (volatile struct desc *)KSEG1(PHYS(card_alloc(f->slot, NTX * sizeof(struct desc), 64)));
	d->setup = (u8 *)KSEG1(PHYS(card_alloc(f->slot, 192, 64)));
	d->spill = PHYS(card_alloc(f->slot, 2048, 64));
	d->port.ops = &dec_ops;
	d->port.chip = d;
	csr_write(d, 6, 0);
	csr_write(d, 7, 0);
	csr_write(d, 5, CSR5_ALL);
	find_phy(d);
	d->chip.interrupt = dec_interrupt;
	d->chip.service = dec_service;
	netchip_register(&d->chip, (u32)f->slot, irq_port);
	return &d->port;
}
