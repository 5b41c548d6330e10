#include "sched.h"
#include "cpu.h"
#include "net.h"

volatile u32 sched_pending;

void sched_post(u32 what)
{
	u32 s = irq_disable();

	sched_pending |= what;
	irq_restore(s);
}

u32 sched_turn(void)
{
	u32 s = irq_disable();
	u32 p = sched_pending;

	sched_pending = 0;
	irq_restore(s);
	if (p & PEND_CARDS)
		cards_service();
	if (p & PEND_CARRIER)
		iface_poll_carriers();
	if (p & PEND_NET)
		netdev_service();
	if (p & PEND_TIMER)
		timer_run();
	return p;
}

void sched_wait(void)
{
	/* A call through a pointer, as dynemu_idle is entered (start.S). */
	static void (*volatile idle)(void) = idle_turn;

	if (!sched_turn())
		idle();
}
