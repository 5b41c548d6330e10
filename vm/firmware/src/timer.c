#include "sched.h"
#include "board.h"
#include "cpu.h"

volatile u32 ticks, uptime_seconds;

static u32 period;          /* Count steps a tick */
static u32 next_compare;
static u32 second_ticks;
static volatile u32 next_due;
static volatile int any_armed;
static struct timer *timers;

/* The tick is 4 ms on every model; Count runs at half the pipeline clock. */
void timer_init(void)
{
	period = machine.cpu->clock_mhz * 1000 / 2 * 4;
	next_compare = cp0_count() + period;
	cp0_set_compare(next_compare);
}

static void one_tick(void)
{
	ticks++;
	if (++second_ticks == HZ) {
		second_ticks = 0;
		uptime_seconds++;
	}
}

/* Re-arms from Compare, so that no time is lost to interrupt latency. When
 * Count is already past the new value (the machine was held up) the missed
 * ticks are made good, up to ten seconds' worth. */
void timer_interrupt(void)
{
	u32 behind = 0;

	one_tick();
	next_compare += period;
	cp0_set_compare(next_compare);
	while ((s32)(cp0_count() - next_compare) >= 0) {
		if (++behind > 10 * HZ) {
			next_compare = cp0_count() + period;
			cp0_set_compare(next_compare);
			break;
		}
		one_tick();
		next_compare += period;
		cp0_set_compare(next_compare);
	}
	if (any_armed && (s32)(ticks - next_due) >= 0)
		sched_pending |= PEND_TIMER;
}

static void recompute_due(void)
{
	u32 s = irq_disable();

	any_armed = timers != NULL;
	if (timers)
		next_due = timers->due;
	irq_restore(s);
}

void timer_cancel(struct timer *t)
{
	struct timer **p;

	if (!t->armed)
		return;
	t->armed = 0;
	for (p = &timers; *p; p = &(*p)->next)
		if (*p == t) {
			*p = t->next;
			break;
		}
	recompute_due();
}

void timer_set(struct timer *t, u32 delay_ms)
{
	struct timer **p;

	timer_cancel(t);
	t->due = ticks + ms_to_ticks(delay_ms);
	t->armed = 1;
	for (p = &timers; *p && (s32)((*p)->due - t->due) <= 0; p = &(*p)->next)
		;
	t->next = *p;
	*p = t;
	recompute_due();
	if (!delay_ms)
		sched_post(PEND_TIMER);
}

void timer_run(void)
{
	while (timers && (s32)(ticks - timers->due) >= 0) {
		struct timer *t = timers;

		timers = t->next;
		t->armed = 0;
		t->fn(t->arg);
	}
	recompute_due();
	if (any_armed && (s32)(ticks - next_due) >= 0)
		sched_post(PEND_TIMER);
}

u32 time_ms(void)
{
	static u32 last;
	u32 s = irq_disable();
	u32 into = cp0_count() - (next_compare - period);
	u32 part = into / (period / 4), now;

	now = ticks * 4 + (part > 3 ? 3 : part);
	irq_restore(s);
	if ((s32)(now - last) < 0)
		now = last;
	last = now;
	return now;
}
