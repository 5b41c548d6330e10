#include "cpu.h"
#include "board.h"
#include "lib.h"
#include "net.h"
#include "sched.h"
#include "term.h"

#define IRQ_NETWORK 2
#define IRQ_CONSOLE 5
#define IRQ_TIMER 7

extern u8 vector_stub[], vector_stub_end[];

static void flush_line(u32 va)
{
	/* Hit_Writeback_Invalidate_D, Hit_Invalidate_I. */
	__asm__ volatile("cache 0x15, 0(%0)\n\tcache 0x10, 0(%0)" : : "r"(va) : "memory");
}

/* The same code at every vector: nothing here maps memory through the TLB, so
 * any TLB exception is a fault. */
void trap_init(void)
{
	static const u32 vectors[] = { 0x000, 0x080, 0x100, 0x180 };
	u32 i, o;

	for (i = 0; i < ARRAY_LEN(vectors); i++) {
		memcpy((void *)KSEG1(vectors[i]), vector_stub, (size_t)(vector_stub_end - vector_stub));
		for (o = 0; o < 0x80; o += 32)
			flush_line(KSEG0(vectors[i] + o));
	}
	cp0_set_status(ST_IM(2) | ST_IM(3) | ST_IM(4) | ST_IM(5) | ST_IM(6) | ST_IM(7));
}

static void fault(struct trap_frame *f)
{
	static const char *const names[32] = {
		[1] = "TLB modified", [2] = "TLB load", [3] = "TLB store", [4] = "address error, load",
		[5] = "address error, store", [6] = "bus error, fetch", [7] = "bus error, data",
		[8] = "system call", [9] = "breakpoint", [10] = "reserved instruction",
		[11] = "coprocessor unusable", [12] = "overflow", [13] = "trap",
	};
	const char *name = names[CAUSE_CODE(f->cause)];

	term_panic();
	cprintf("\n%%SYS-1-CRASH: unexpected exception (%s), PC 0x%08x\n", name ? name : "unknown", f->epc);
	cprintf("Cause 0x%08x Status 0x%08x BadVAddr 0x%08x\n", f->cause, f->status, f->badva);
	for (u32 i = 1; i < 32; i++)
		cprintf("$%-2u 0x%08x%s", i, f->reg[i], i % 4 == 3 ? "\n" : "  ");
	machine_reload();
}

void exception_dispatch(struct trap_frame *f)
{
	u32 lines;

	if (CAUSE_CODE(f->cause) != 0)
		fault(f);
	lines = f->cause & f->status & 0xff00;
	if (lines & CAUSE_IP(IRQ_TIMER)) {
		timer_interrupt();
		console_interrupt();
	}
	if (lines & CAUSE_IP(IRQ_CONSOLE))
		console_interrupt();
	if (lines & CAUSE_IP(IRQ_NETWORK))
		netdev_interrupt();
	if (lines & (CAUSE_IP(3) | CAUSE_IP(4) | CAUSE_IP(6)))
		machine.board->other_irq(lines);
	/* See idle_turn. */
	if (f->epc >= (u32)idle_turn && f->epc <= (u32)dynemu_idle)
		f->epc = (u32)idle_turn;
}
