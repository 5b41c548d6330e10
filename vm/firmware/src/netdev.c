#include "net.h"
#include "cpu.h"
#include "lib.h"

/* Interrupt routing and servicing of the network chips. */
static struct netchip *chips;

void netchip_register(struct netchip *c, u32 slot, u32 irq_port)
{
	c->irq = &machine.board->slots[slot].irq;
	c->irq_bit = 1u << (c->irq->shift + irq_port);
	c->next = chips;
	chips = c;
	io_w32(KSEG1(c->irq->mask), io_r32(KSEG1(c->irq->mask)) | c->irq_bit);
}

void netchip_unregister(u32 slot)
{
	const struct net_irq *irq = &machine.board->slots[slot].irq;
	u32 s = irq_disable();

	for (struct netchip **p = &chips; *p;)
		if ((*p)->irq == irq)
			*p = (*p)->next;
		else
			p = &(*p)->next;
	io_w32(KSEG1(irq->mask), io_r32(KSEG1(irq->mask)) & ~(0xffu << irq->shift));
	irq_restore(s);
}

/* The lines are levels: each chip is quieted here and looked at later. */
void netdev_interrupt(void)
{
	for (struct netchip *c = chips; c; c = c->next)
		if (io_r32(KSEG1(c->irq->status)) & c->irq_bit)
			c->interrupt(c);
	sched_pending |= PEND_NET;
}

void netdev_service(void)
{
	int again = 0;

	for (struct netchip *c = chips; c; c = c->next)
		if (c->events)
			again |= c->service(c);
	if (again)
		sched_post(PEND_NET);
}
