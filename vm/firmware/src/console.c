#include "board.h"
#include "cpu.h"
#include "sched.h"
#include "term.h"

/* SCN2681, channel A (c7200 reference, 6.2). */
#define DUART_SR 1
#define DUART_CR 2
#define DUART_HR 3
#define DUART_IMR 5
#define SR_RXRDY 0x01
#define SR_TXRDY 0x04
#define IMR_RXRDY_A 0x02

#define RING 4096u
static u8 ring[RING];
static volatile u32 head, tail;

static u32 reg(u32 n)
{
	return KSEG1(machine.board->duart + n * machine.board->duart_stride);
}

/* Every read of the status register may drop the interrupt line, so each one
 * also takes what has arrived. */
static u8 status_and_drain(void)
{
	u8 sr;
	u32 n = 0;

	while ((sr = io_r8(reg(DUART_SR))) & SR_RXRDY) {
		u8 c = io_r8(reg(DUART_HR));

		if (head - tail < RING)
			ring[head++ % RING] = c;
		sched_pending |= PEND_CONSOLE;
		if (++n > 256)
			break;
	}
	return sr;
}

void console_init(void)
{
	io_w8(reg(DUART_CR), 0x05);  /* enable receiver and transmitter */
	io_w8(reg(DUART_IMR), IMR_RXRDY_A);
}

void console_interrupt(void)
{
	status_and_drain();
}

void console_putc(int c)
{
	u32 s = irq_disable(), tries = 0;

	while (!(status_and_drain() & SR_TXRDY) && ++tries < 100000)
		;
	io_w8(reg(DUART_HR), (u8)c);
	irq_restore(s);
}

int console_poll(void)
{
	int c = -1;
	u32 s = irq_disable();

	if (head != tail)
		c = ring[tail++ % RING];
	irq_restore(s);
	return c;
}

int console_getc(void)
{
	for (;;) {
		int c = console_poll();

		if (c >= 0)
			return c;
		sched_wait();
	}
}
