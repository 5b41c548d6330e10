#include "probe.h"

u32 sched_pending; /* of the idle loop in start.S, which is not used */

static void put(int c) { io_w32(REMOTE + 0x40, (u32)c); }

/* Every line ends with a sum of its characters, so that one that was lost on
 * the way shows. */
static void put_line(const char *s)
{
	u32 sum = 0;

	for (; *s; s++) {
		put(*s);
		sum += (u8)*s;
	}
	put('~');
	put("0123456789abcdef"[sum >> 4 & 15]);
	put("0123456789abcdef"[sum & 15]);
	put('\n');
}

static char line[1024];
static u32 unread; /* bytes printed since the harness was last heard of */
static int getkey(void);

void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	put_line(line);
	/* Not more than a terminal holds. */
	unread += strlen(line) + 4;
	if (unread > 8192) {
		put_line("@wait 0");
		(void)getkey();
		unread = 0;
	}
}

void turn(void) { __asm__ volatile(""); }

/* The key that waits, or 0. The call lets Dynamips stop the processor in a loop
 * of these, as it does when a card is moved (cpu reference, 5.6). */
static int key(void)
{
	turn();
	return io_r32(IO + 0x40c) & 1 ? (int)(io_r32(IO + 0x41c) & 0xff) : 0;
}

static int getkey(void)
{
	int c;

	while (!(c = key()))
		;
	return c;
}

/* Says that it is there until the harness has heard it: a console on a TCP port
 * may be opened late. */
static void wait_for_harness(void)
{
	for (;;) {
		tell("start");
		for (u32 i = 0; i < 1000000; i++)
			if (key())
				return;
	}
}

static void command(const char *fmt, va_list ap)
{
	line[0] = '@';
	vsnprintf(line + 1, sizeof(line) - 1, fmt, ap);
	put_line(line);
}

void tell(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	command(fmt, ap);
	va_end(ap);
}

int ask(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	command(fmt, ap);
	va_end(ap);
	unread = 0;
	return getkey();
}

void settle(u32 ms) { ask("wait %u", ms); }

/* The o32 compiler has no 64-bit accesses. */
static u64 load64(u32 va)
{
	u32 hi, lo;

	__asm__ volatile(".set push\n\t.set gp=64\n\t.set noreorder\n\tld $8, 0(%2)\n\tnop\n\tdsra32 %0, $8, 0\n\t"
		"sll %1, $8, 0\n\t.set pop" : "=&r"(hi), "=r"(lo) : "r"(va) : "$8", "memory");
	return (u64)hi << 32 | lo;
}

static void store64(u32 va, u64 v)
{
	u32 hi = (u32)(v >> 32), lo = (u32)v;

	__asm__ volatile(".set push\n\t.set gp=64\n\t.set noreorder\n\tdsll32 $8, %0, 0\n\tdsll32 $9, %1, 0\n\t"
		"dsrl32 $9, $9, 0\n\tor $8, $8, $9\n\tsd $8, 0(%2)\n\t.set pop" : : "r"(hi), "r"(lo), "r"(va) : "$8", "$9", "memory");
}

u64 load(u32 va, u32 size)
{
	switch (size) {
	case 1: return *(volatile u8 *)va;
	case 2: return *(volatile u16 *)va;
	case 4: return *(volatile u32 *)va;
	}
	return load64(va);
}

void store(u32 va, u32 size, u64 v)
{
	switch (size) {
	case 1: *(volatile u8 *)va = (u8)v; break;
	case 2: *(volatile u16 *)va = (u16)v; break;
	case 4: *(volatile u32 *)va = (u32)v; break;
	default: store64(va, v);
	}
}

/* The write of Status makes Dynamips bring Cause up to date (cpu reference,
 * 5.6). */
u32 pending(void)
{
	u32 v;

	__asm__ volatile("mfc0 %0, $12\n\tnop\n\tmtc0 %0, $12\n\tnop\n\tnop\n\tnop\n\tmfc0 %0, $13\n\tnop" : "=r"(v));
	return v;
}

u32 lines(void) { return pending() & 0x7c00; }

u32 gt_read(u32 va) { return swap32(io_r32(va)); }
void gt_write(u32 va, u32 v) { io_w32(va, swap32(v)); }

/* The windows are at 32 MiB each from 0x10000000 in kuseg: a pair of pages of
 * 16 MiB. */
u32 map(u32 window, u64 pa, int cached)
{
	u32 va = 0x10000000 + window * 0x02000000, lo = (u32)(pa >> 24) << 18 | (cached ? 3 : 2) << 3 | 7;

	__asm__ volatile(".set push\n\t.set noreorder\n\tmtc0 %0, $0\n\tmtc0 %1, $10\n\tmtc0 %2, $5\n\tmtc0 %3, $2\n\t"
		"mtc0 %4, $3\n\tnop\n\tnop\n\ttlbwi\n\tnop\n\tnop\n\t.set pop"
		: : "r"(window), "r"(va), "r"(0x01ffe000), "r"(lo), "r"(1) : "memory");
	return va + (u32)(pa & 0x00ffffff);
}

void show_reg(const char *where, const struct reg *r, u32 va)
{
	u32 a = va + r->off;

	if (a & 3) {
		say("%s %s %03x 1:%02x", where, r->name, r->off, (u32)load(a, 1));
		return;
	}
	say("%s %s %03x 4:%08x 2:%04x,%04x 1:%02x,%02x,%02x,%02x", where, r->name, r->off, (u32)load(a, 4), (u32)load(a, 2),
		(u32)load(a + 2, 2), (u32)load(a, 1), (u32)load(a + 1, 1), (u32)load(a + 2, 1), (u32)load(a + 3, 1));
	if (!(a & 7))
		say("%s %s %03x 8:%016llx", where, r->name, r->off, load(a, 8));
}

/* Exceptions. */
static void (*on_interrupt)(void *);
static void *on_interrupt_arg;
static volatile u32 taken;
extern u8 vector_stub[], vector_stub_end[];

static void install_vectors(void)
{
	static const u32 vectors[] = { 0x000, 0x080, 0x100, 0x180 };

	for (u32 i = 0; i < ARRAY_LEN(vectors); i++) {
		memcpy((void *)KSEG1(vectors[i]), vector_stub, (size_t)(vector_stub_end - vector_stub));
		for (u32 o = 0; o < 0x80; o += 32)
			__asm__ volatile("cache 0x15, 0(%0)\n\tcache 0x10, 0(%0)" : : "r"(KSEG0(vectors[i] + o)) : "memory");
	}
}

void exception_dispatch(struct trap_frame *f)
{
	if (CAUSE_CODE(f->cause) || !on_interrupt) {
		say("unexpected exception: PC %08x Cause %08x Status %08x BadVAddr %08x", f->epc, f->cause, f->status, f->badva);
		io_w32(REMOTE + 0x34, 0);
		for (;;)
			;
	}
	taken = f->cause;
	on_interrupt(on_interrupt_arg);
	/* Off until the next step wants them; what returns does not touch Status. */
	cp0_set_status(cp0_status() & ~(ST_IE | 0xff00u));
}

/* Dynamips looks for interrupts at writes of Status, and once in a thousand
 * register jumps for its timer (cpu reference, 5.5). */
u32 take(u32 mask, void (*handler)(void *), void *arg)
{
	on_interrupt = handler;
	on_interrupt_arg = arg;
	taken = 0;
	for (u32 i = 0; i < 400000000 && !taken; i++) {
		if (i % 1024 == 0)
			cp0_set_status(mask | ST_IE);
		turn();
	}
	cp0_set_status(0);
	on_interrupt = NULL;
	return taken & (0x7c | (mask & 0xff00));
}

void router_main(u32 a0, u32 a1, u32 a2) __attribute__((noreturn));
void router_main(u32 a0, u32 a1, u32 a2)
{
	io_w32(IO + 0x42c, 0);
	wait_for_harness();
	say("HWPROBE %08x %08x %08x", a0, a1, a2);
	identity();
	install_vectors();
	cp0_set_status(0);
	find_board();
	registers();
	eeproms();
	pci();
	find_cards();
	chip_registers();
	controller();
	windows();
	thermometers();
	nvram();
	flash();
	pcmcia();
	networks();
	oir();
	duart();
	timer();
	writes();
	random_registers();
	say("END");
	io_w32(REMOTE + 0x34, 0);
	for (;;)
		;
}
