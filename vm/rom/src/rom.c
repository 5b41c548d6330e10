/*
 * The boot ROM: launches the image that the loader put into RAM and serves its
 * monitor calls. It talks to the emulator through the remote-control device.
 *
 * Sources: cpu reference, 8.1 (device), 8.2 (launch), 8.3 (exceptions),
 * 8.4 (services).
 */
#include <stdint.h>

/* Remote-control device. */
#define REMOTE		0xb6000000
#define R_ID		0x00
#define R_RAM_MIB	0x14
#define R_NVRAM_KIB	0x1c
#define R_IOMEM_MIB	0x20
#define R_CONFREG	0x24
#define R_ENTRY		0x28
#define R_MACHINE	0x2c
#define R_RESTART	0x30
#define R_STOP		0x34
#define R_LOG_CHAR	0x3c
#define R_CONSOLE	0x40
#define R_NVRAM_BASE	0x44
#define R_SMART_INIT	0x48
#define R_COOKIE_INDEX	0x4c
#define R_COOKIE	0x50
#define R_VAR_CHAR	0x54
#define R_VAR_COMMAND	0x58
#define R_RELOAD	0x5c

#define REMOTE_ID	0x1e94b3df

#define VAR_SET		1
#define VAR_GET		2
#define VAR_REWIND	3

/* Areas of NVRAM that belong to the ROM (c7200 reference, 9.3). */
#define NV_IMAGE	0x080
#define NV_BOOTLDR	0x200
#define NV_CRASH	0x400
#define NV_CRASH_SIZE	0x380
#define NV_ADDR_780	0x780
#define NV_IOMEM	0x7e0

#define SR_IE		0x00000001
#define SR_EXL		0x00000002
#define SR_KSU		0x00000018
#define SR_IM		0x0000ff00
#define SR_IM0		0x00000100
#define SR_IM7		0x00008000
#define CAUSE_BD	0x80000000

/* The ROM's timer interrupt has no use; this only keeps it from coming often. */
#define TIMER_PERIOD	1000000

#define COOKIE_WORDS	64

#define REG_V0 2
#define REG_A0 4
#define REG_A1 5
#define REG_A2 6
#define REG_A3 7

typedef struct {
	int32_t high;
	uint32_t low;
} reg_t;

struct frame {
	reg_t reg[32];
	uint32_t sr, pad0;
	reg_t lo, hi, badvaddr;
	uint32_t cause, pad1;
	reg_t epc, errorepc;
};

extern const uint32_t exception_table[35];
extern void launch(uint32_t entry) __attribute__((noreturn));
extern void halt(void) __attribute__((noreturn));
extern uint32_t get_status(void), get_cause(void), get_count(void);
extern void set_status(uint32_t), set_cause(uint32_t), set_count(uint32_t), set_compare(uint32_t);

static const char banner[] = "\n\nROMMON Emulation Microcode\n";

static uint32_t rd(unsigned reg)
{
	return *(volatile uint32_t *)(REMOTE + reg);
}

static void wr(unsigned reg, uint32_t v)
{
	*(volatile uint32_t *)(REMOTE + reg) = v;
}

/*
 * A formatter of %s, %x and %0Nx; reg is the register that takes a character.
 */
static void print(unsigned reg, const char *fmt, ...)
{
	__builtin_va_list ap;

	__builtin_va_start(ap, fmt);
	for (; *fmt; fmt++) {
		const char *s;
		uint32_t v;
		int digits = 1, n;

		if (*fmt != '%') {
			wr(reg, (unsigned char)*fmt);
			continue;
		}
		fmt++;
		if (*fmt == '0') {
			digits = fmt[1] - '0';
			fmt += 2;
		}
		switch (*fmt) {
		case 's':
			for (s = __builtin_va_arg(ap, const char *); *s; s++)
				wr(reg, (unsigned char)*s);
			break;
		case 'x':
			v = __builtin_va_arg(ap, uint32_t);
			for (n = 8; n > 1 && n > digits && v >> (4 * n - 4) == 0; n--)
				;
			while (n-- > 0)
				wr(reg, (unsigned char)"0123456789abcdef"[v >> (4 * n) & 15]);
			break;
		}
	}
	__builtin_va_end(ap);
}

#define console(...)	print(R_CONSOLE, __VA_ARGS__)
#define log(...)	print(R_LOG_CHAR, __VA_ARGS__)

static uint32_t nvram(uint32_t off)
{
	return rd(R_NVRAM_BASE) + off;
}

/* Copies s without its NUL: a shorter string leaves the tail of a longer one
 * in place, and images have come to live with it. */
static void store_string(uint32_t off, uint32_t size, const char *s)
{
	volatile char *p = (volatile char *)nvram(off);

	for (; *s && size > 1; size--)
		*p++ = *s++;
}

static void __attribute__((noreturn)) stop(void)
{
	wr(R_STOP, 1);
	halt();
}

static void __attribute__((noreturn)) start_image(void)
{
	uint32_t entry = rd(R_ENTRY);

	console("Launching IOS image at 0x%08x...\n", entry);
	launch(entry);
}

void __attribute__((noreturn)) boot(void)
{
	console("ROMMON emulation microcode.\n\n");
	if (rd(R_ID) != REMOTE_ID) {
		console("This ROM and the emulator are of different versions: upgrade the ROM.\n");
		halt();
	}
	log("Microcode has started.\n");
	store_string(NV_IMAGE, NV_BOOTLDR - NV_IMAGE, "IOS");
	store_string(NV_BOOTLDR, NV_CRASH - NV_BOOTLDR, "BOOTLDR");
	set_count(0);
	set_compare(TIMER_PERIOD);
	set_status(get_status() | SR_IM7 | SR_IM0 | SR_IE);
	start_image();
}

void __attribute__((noreturn)) image_returned(void)
{
	if (rd(R_RESTART))
		start_image();
	console("Image returned to ROM.\n");
	stop();
}

/*
 * A reload is a reset of the whole machine, which the emulator does; Dynamips
 * has no such register and only ever stops.
 */
static void __attribute__((noreturn)) reload(void)
{
	console("\n\nROM: reload requested...\n");
	wr(R_RELOAD, 1);
	halt();
}

static uint32_t set_variable(const char *assignment)
{
	const char *s;

	log("set variable '%s'\n", assignment);
	wr(R_VAR_COMMAND, VAR_REWIND);
	for (s = assignment; *s; s++)
		wr(R_VAR_CHAR, (unsigned char)*s);
	wr(R_VAR_COMMAND, VAR_SET);
	return 0x800;
}

static uint32_t get_variable(const char *name, volatile char *buf, uint32_t len)
{
	const char *s;
	uint32_t n = 0;
	char c;

	log("get variable '%s'\n", name);
	wr(R_VAR_COMMAND, VAR_REWIND);
	for (s = name; *s; s++)
		wr(R_VAR_CHAR, (unsigned char)*s);
	wr(R_VAR_COMMAND, VAR_GET);
	if (rd(R_VAR_COMMAND) != 0)
		return -1;
	/* A length of 1 still yields a character, and a value that is shorter than
	 * the buffer gets a second NUL, as Dynamips does (cpu reference, 8.4). */
	do {
		c = rd(R_VAR_CHAR);
		buf[n++] = c;
	} while (c && n + 1 < len);
	buf[n] = 0;
	return 0;
}

static uint32_t smart_init(void)
{
	uint32_t v = rd(R_SMART_INIT), stored;

	if (v & 0x8000)
		return v & ~0x8000u;
	stored = *(volatile uint32_t *)nvram(NV_IOMEM);
	return stored ? stored : v;
}

static uint32_t service(struct frame *f)
{
	uint32_t a1 = f->reg[REG_A1].low, a2 = f->reg[REG_A2].low, a3 = f->reg[REG_A3].low;
	uint32_t i;

	switch (f->reg[REG_A0].low) {
	case 1:
		wr(R_CONSOLE, a1 & 0xff);
		return 0;
	case 2:
		return 0xc00;
	case 4:
	case 132:
		return rd(R_RAM_MIB) << 20;
	case 6:
		return ~rd(R_CONFREG);
	case 7:
		return rd(R_MACHINE);
	case 8:
		reload();
	case 10:
		return (uint32_t)banner;
	case 13:
		return nvram(NV_ADDR_780);
	case 24:
		return rd(R_NVRAM_KIB) << 10;
	case 27:
		return rd(R_IOMEM_MIB) << 20;
	case 28:
		return rd(R_CONFREG);
	case 34:
		return nvram(NV_IMAGE);
	case 35:
		store_string(NV_BOOTLDR, NV_CRASH - NV_BOOTLDR, (const char *)a1);
		return 1;
	case 36:
		return nvram(NV_BOOTLDR);
	case 37:
		store_string(NV_IMAGE, NV_BOOTLDR - NV_IMAGE, (const char *)a1);
		return 1;
	case 42:
		return (uint32_t)exception_table;
	case 43:
		wr(R_STOP, 1);
		return 0;
	case 44:
		for (i = 0; i < COOKIE_WORDS; i++) {
			wr(R_COOKIE_INDEX, i);
			((volatile uint16_t *)a1)[i] = rd(R_COOKIE);
		}
		return 0;
	case 45:
		return set_variable((const char *)a1);
	case 46:
		return get_variable((const char *)a1, (volatile char *)a2, a3);
	case 47:
		return 0x800;
	case 48:
	case 49:
		return 0;
	case 54:
		return nvram(NV_CRASH);
	case 55:
		return NV_CRASH_SIZE;
	case 58:
	case 74:
		return -1;
	case 59:
		*(volatile uint32_t *)nvram(NV_IOMEM) = a1;
		return 1;
	case 60:
		return smart_init();
	}
	log("unhandled syscall 0x%x at pc=0x%x (a1=0x%x,a2=0x%x,a3=0x%x)\n",
	    f->reg[REG_A0].low, f->epc.low, a1, a2, a3);
	return -1;
}

static void state(struct frame *f)
{
	console("PC = 0x%08x, Cause = 0x%08x, Status Reg = 0x%08x\n", f->epc.low, f->cause, f->sr);
}

/* One line an exception code, MIPS III order; empty: reserved. */
static const char *exception_name(uint32_t code)
{
	switch (code) {
	case 1: return "TLB Modification";
	case 2: return "TLB Load/Fetch";
	case 3: return "TLB Store";
	case 4: return "Address Error (load/fetch)";
	case 5: return "Address Error (store)";
	case 6: return "Bus Error (fetch)";
	case 7: return "Bus Error (data)";
	case 9: return "Breakpoint";
	case 10: return "Reserved Instruction";
	case 11: return "Coprocessor Unusable";
	case 12: return "Arithmetic Overflow";
	case 13: return "Trap";
	case 15: return "Floating-Point";
	case 23: return "Watch";
	}
	return "Unknown";
}

static void interrupt(struct frame *f)
{
	uint32_t pending = f->cause & f->sr & SR_IM;
	uint32_t n;

	for (n = 0; n < 2; n++)
		if (pending & 0x100u << n) {
			set_cause(get_cause() & ~(0x100u << n));
			console("\n*** Software Interrupt %x ***\n", n);
			state(f);
		}
	if (pending & 0x8000) {
		set_cause(get_cause() & ~0x8000u);
		set_compare(get_count() + TIMER_PERIOD);
	}
	if (pending & 0x4000)
		state(f);
	if (pending & 0x3c00) {
		console("\n*** Unknown IRQ ***\n");
		state(f);
	}
}

/* Every exception but cache errors, while Status.BEV is set or an image
 * passes one on. */
void exception(struct frame *f)
{
	uint32_t code = f->cause >> 2 & 31;
	uint32_t v;

	switch (code) {
	case 0:
		interrupt(f);
		return;
	case 8:
		set_status((f->sr & ~(SR_IM | SR_EXL | SR_KSU)) | SR_IM7 | SR_IE);
		v = service(f);
		set_status(get_status() & ~SR_IE);
		f->reg[REG_V0].low = v;
		f->reg[REG_V0].high = (int32_t)v >> 31;
		if (f->cause & CAUSE_BD) {
			log("syscall in a branch delay slot at pc=0x%x\n", f->epc.low);
			f->epc.low += 4;
		}
		f->epc.low += 4;
		return;
	}
	console("\n*** %s Exception ***\n", exception_name(code));
	state(f);
	/* Dynamips' processor halts at address 0. */
	if (code == 2 && f->epc.low == 0)
		stop();
}

void cache_error(struct frame *f)
{
	console("\nCache Exception:\n");
	state(f);
}
