#ifndef SCHED_H
#define SCHED_H
#include "types.h"

/* Interrupt handlers only note what there is to do; everything else runs in
 * the foreground, from sched_turn. */
#define PEND_TIMER 1u
#define PEND_NET 2u
#define PEND_CONSOLE 4u
#define PEND_CARDS 8u
#define PEND_CARRIER 16u

extern volatile u32 sched_pending;

void sched_post(u32 what);
/* Runs what is pending; returns 0 when nothing was. */
u32 sched_turn(void);
/* sched_turn, and the idle point when nothing was pending. */
void sched_wait(void);

/* timer.c: 4 ms ticks, the clock of this family of routers. */
#define HZ 250u
struct timer {
	u32 due;
	int armed;
	void (*fn)(void *arg);
	void *arg;
	struct timer *next;
};
extern volatile u32 ticks, uptime_seconds;
void timer_init(void);
void timer_interrupt(void);
void timer_run(void);
void timer_set(struct timer *t, u32 delay_ms);
void timer_cancel(struct timer *t);
/* Milliseconds since the start, modulo 2^32. */
u32 time_ms(void);
static inline u32 ms_to_ticks(u32 ms) { return (ms + 3) / 4; }

#endif
