#include "probe.h"

/* The processor's timer: cpu reference, 5.5. How fast Count runs is each
 * emulator's own; that the interrupt comes, stays and goes is not. */

static void tick(void *arg)
{
	u32 before = pending() & 0x8000;

	cp0_set_compare(cp0_count() + 100000000);
	say("timer interrupt: %04x, Compare written: %04x", before, pending() & 0x8000);
	++*(u32 *)arg;
}

void timer(void)
{
	u32 n = 0;

	for (u32 i = 0; i < 3; i++) {
		cp0_set_compare(cp0_count() + 1000000);
		say("timer taken %08x", take(ST_IM(7), tick, &n));
	}
	say("timer ticks %u", n);
	/* It is pending while it is masked. */
	cp0_set_compare(cp0_count() + 1000000);
	for (u32 i = 0; i < 400000000 && !(pending() & 0x8000); i++)
		turn();
	say("timer masked: pending %04x", pending() & 0x8000);
	cp0_set_compare(cp0_count() + 100000000);
	say("timer compare written: pending %04x", pending() & 0x8000);
	/* Count goes on, and can be set. */
	u32 a = cp0_count();
	for (u32 i = 0; i < 1000; i++)
		turn();
	say("timer count %d", (s32)(cp0_count() - a) > 0);
	cp0_set_compare(0xffffffff);
}
