/* The guest of the hardware probe: what its parts share. It runs with
 * interrupts off but for the steps that take them, prints a line a step, and
 * does nothing whose outcome depends on time. */
#ifndef PROBE_H
#define PROBE_H
#include "lib.h"
#include "cpu.h"

/* The tables (tables.go). */
struct reg { const char *name; u32 off; };
struct block { const char *name; u32 base; const struct reg *regs; u32 n; };
struct socket { const char *name; u32 reg; u8 cs, clk, din, dout; u32 keep; };
struct chip { const char *name; u32 id; u8 bar; u32 size; const struct reg *regs; u32 n; };
struct card { const char *name; u16 eeprom[2]; u32 ports; };
struct slot_path { u8 root, depth, bridge[2], first; };
struct board {
	const char *name;
	u16 cpu[2], pem;
	u8 ports, second, hidden;
	u32 sram;
	struct slot_path slots[7];
};

extern const struct block blocks[];
extern const u32 nblocks, gt_regs[], ngt_regs;
extern const struct socket slot_sockets[], board_sockets[];
extern const u32 nslot_sockets, nboard_sockets;
extern const struct chip chips[];
extern const struct card cards[];
extern const struct board boards[];
extern const u32 nchips, ncards, nboards;

#define REMOTE KSEG1(0x16000000)
#define GT 0x14000000u
#define GT2 0x15000000u
#define FLASH KSEG1(0x1a000000)
#define NVRAM KSEG1(0x1e000000)
#define MP KSEG1(0x1e800000)
#define IO KSEG1(0x1e840000)
#define SLOTS 7

/* Memory for descriptors and frames, physical; nothing else is there. */
#define ARENA 0x00800000u
#define ARENA_SIZE 0x00400000u

/* A PCI function that was found. */
struct func {
	const struct chip *chip;
	u32 root, bus, dev, id;
	int slot;
	u32 unit;        /* number of the function on its card, and of its interrupt */
	u32 port;        /* first port that it is */
	u32 regs;        /* KSEG1 address of the registers, 0 for none */
	char name[16];   /* slot.unit chip */
};
#define MAX_FUNCS 64
extern struct func funcs[MAX_FUNCS];
extern u32 nfuncs;
extern const struct board *board;
extern const struct card *slot_card[SLOTS];
/* The bus of each slot, once PCI has been walked. */
extern struct slot_bus { u32 root, bus; } slot_bus[SLOTS];

/* lib.c */
void say(const char *fmt, ...) PRINTF(1, 2);
/* Tells the harness something that is no line to compare; returns the key with
 * which it answers. */
int ask(const char *fmt, ...) PRINTF(1, 2);
/* The same where there is no answer to wait for. */
void tell(const char *fmt, ...) PRINTF(1, 2);
void settle(u32 ms);
/* Returns by a register jump, between which Dynamips sees to its timer, to
 * interrupts and to commands (cpu reference, 5.5 and 5.6). */
void __attribute__((noinline)) turn(void);
u64 load(u32 va, u32 size);
void store(u32 va, u32 size, u64 v);
/* Interrupt lines 2 to 6 as Cause shows them now. */
u32 lines(void);
u32 pending(void);
/* Maps 16 MiB around a 33-bit physical address, uncached unless cached is set;
 * returns the address for it. Window is 0 to 7. */
u32 map(u32 window, u64 pa, int cached);
u32 gt_read(u32 va);
void gt_write(u32 va, u32 v);
/* What a register reads in every width, and its other bytes and halfword. */
void show_reg(const char *where, const struct reg *r, u32 va);
/* Enables interrupt lines until one is taken, at most a while; returns Cause, 0
 * when none came. In the handler the functions given look and quieten. */
u32 take(u32 mask, void (*handler)(void *), void *arg);

/* The parts. */
void identity(void);
void registers(void);
void writes(void);
void eeproms(void);
void controller(void);
void windows(void);
void thermometers(void);
void nvram(void);
void flash(void);
void pcmcia(void);
void duart(void);
void timer(void);
void random_registers(void);
void pci(void);
void find_board(void);
void find_cards(void);
void chip_registers(void);
void networks(void);
void oir(void);

u32 config_read(u32 root, u32 bus, u32 dev, u32 fn, u32 reg);
void config_write(u32 root, u32 bus, u32 dev, u32 fn, u32 reg, u32 v);
/* Puts a base register at a place of its own; returns the KSEG1 address. */
u32 place_window(const struct func *f, u32 bar, u32 size);
u16 eeprom_word(const struct socket *s, u32 addr);

/* net.c: what the drivers of network chips share. */
u32 arena(u32 size);                   /* KSEG1, zeroed, 64-byte aligned */
void arena_reset(void);
void fill(u32 va, u32 n, u32 seed);    /* the pattern of frame seed */
u32 digest(u32 va, u32 n);             /* CRC-32 */
void wire_send(const struct func *f, u32 port, u32 len, u32 seed, const char *dst);
void wire_take(const struct func *f, u32 port, u32 n, const char *what);
int wait_clear(volatile u32 *word, u32 mask);
u32 net_status(const struct func *f);  /* the byte of the slot */
void net_mask(const struct func *f, u32 bits);

/* How a function is driven: a few steps, all of them, or as one that nothing is
 * plugged into. */
enum { SHORT, FULL, UNPLUGGED };
/* Says so; returns whether it is to be driven at all. */
int begin(const struct func *f, int how);

void dec21140(struct func *f, int how);
void am79c971(struct func *f, int how);
void i8254x(struct func *f, int how);
void mueslix(struct func *f, int how);
void pos(struct func *f, int how);
void tneta1570(struct func *f, int how);
void pa4b(struct func *f, int how);
void pa_mc8te1(struct func *f, int how);
#endif
