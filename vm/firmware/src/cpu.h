#ifndef CPU_H
#define CPU_H
#include "types.h"

#define ST_IE 0x00000001u
#define ST_BEV 0x00400000u
#define ST_IM(n) (0x100u << (n))
#define CAUSE_IP(n) (0x100u << (n))
#define CAUSE_CODE(c) ((c) >> 2 & 31)

static inline u32 cp0_status(void)
{
	u32 v;
	__asm__ volatile("mfc0 %0, $12\n\tnop" : "=r"(v));
	return v;
}

static inline void cp0_set_status(u32 v)
{
	__asm__ volatile("mtc0 %0, $12\n\tnop\n\tnop\n\tnop" : : "r"(v) : "memory");
}

static inline u32 cp0_count(void)
{
	u32 v;
	__asm__ volatile("mfc0 %0, $9\n\tnop" : "=r"(v));
	return v;
}

static inline void cp0_set_compare(u32 v)
{
	__asm__ volatile("mtc0 %0, $11\n\tnop\n\tnop" : : "r"(v) : "memory");
}

static inline u32 cp0_compare(void)
{
	u32 v;
	__asm__ volatile("mfc0 %0, $11\n\tnop" : "=r"(v));
	return v;
}

static inline u32 cp0_prid(void)
{
	u32 v;
	__asm__ volatile("mfc0 %0, $15\n\tnop" : "=r"(v));
	return v;
}

static inline void cp0_set_cause(u32 v)
{
	__asm__ volatile("mtc0 %0, $13\n\tnop\n\tnop" : : "r"(v) : "memory");
}

static inline u32 irq_disable(void)
{
	u32 s = cp0_status();
	cp0_set_status(s & ~ST_IE);
	return s;
}

static inline void irq_restore(u32 s) { cp0_set_status(s); }

/* Registers saved by exception_entry (start.S). */
struct trap_frame {
	u32 reg[32];
	u32 hi, lo, status, cause, epc, badva;
};

/* trap.c */
void trap_init(void);
void exception_dispatch(struct trap_frame *f);

/* start.S */
u32 rom_call(u32 service, u32 a1, u32 a2, u32 a3);
void idle_turn(void);
void dynemu_idle(void);

/* Services of the boot ROM (cpu reference, 8.4). */
enum rom_service {
	ROM_MEM_SIZE = 4,
	ROM_PLATFORM = 7,
	ROM_RELOAD = 8,
	ROM_NVRAM_SIZE = 24,
	ROM_IOMEM_SIZE = 27,
	ROM_CONFREG = 28,
	ROM_SET_BOOTLDR = 35,
	ROM_GET_BOOTLDR = 36,
};

/* Restarts the machine the way that its ROM offers. */
void machine_reload(void) __attribute__((noreturn));

#endif
