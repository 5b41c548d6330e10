#include "net.h"
#include "lib.h"
#include "term.h"

/* Configuration mechanism of the Galileo controllers: registers are
 * little-endian (c7200 reference, 4.1 and 5). */
#define GT_PCI0_ADDR 0xcf8
#define GT_PCI1_ADDR 0xcf0
#define CONFIG_ENABLE 0x80000000u

#define PCI_ID 0x00
#define PCI_COMMAND 0x04
#define PCI_CLASS 0x08
#define PCI_HEADER 0x0c
#define PCI_BUSES 0x18
#define PCI_BRIDGE_IO 0x1c
#define PCI_BRIDGE_MEM 0x20
#define PCI_BRIDGE_PREFETCH 0x24
#define CMD_MEM_MASTER 0x06
#define CLASS_BRIDGE 0x0604

struct pci_func pci_funcs[MAX_PCI];
u32 pci_count;

/* Windows by chip: most of these chips cannot be sized (5.2). */
static const struct window {
	u32 id;
	u8 bar;
	u32 size;
	const char *name;
} windows[] = {
	{ 0x00091011, 0x14, 0x20000, "DEC 21140 Ethernet" },
	{ 0x00011137, 0x10, 0x4000, "Mueslix serial controller" },
	{ 0x20001022, 0x14, 0x4000, "AMD Am79C971 Ethernet" },
	{ 0xa001104c, 0x10, 0x200000, "TI TNETA1570 ATM segmentation and reassembly" },
	{ 0x906010b5, 0x10, 0x1000, "PLX 9060 bridge" },
	{ 0x906010b5, 0x18, 0x100000, "PLX 9060 bridge" },
	{ 0x10018086, 0x10, 0x20000, "Intel 82543 Gigabit Ethernet" },
};

static u32 next_mem, mem_end, next_bus;
static int no_room;     /* something got no window */

/* What is behind the bridge of a slot, for cards that come later: its bus, and
 * the memory that the bridge passes. */
static struct bay {
	u8 bus;                 /* 0: the slot has no bridge of its own */
	struct pci_func bridge;
	u32 start, end;
} bays[MAX_SLOTS];
static u32 top_mem, end_mem;  /* what no bridge has */

static u32 select_reg(u32 root, u32 addr)
{
	u32 base = KSEG1(machine.board->gt) + (root ? GT_PCI1_ADDR : GT_PCI0_ADDR);

	io_w32(base, swap32(addr));
	return base + 4;
}

static u32 config_addr(const struct pci_func *f, u32 reg)
{
	return CONFIG_ENABLE | (u32)f->bus << 16 | (u32)f->dev << 11 | (u32)f->fn << 8 | reg;
}

u32 pci_read(const struct pci_func *f, u32 reg)
{
	return swap32(io_r32(select_reg(f->root, config_addr(f, reg))));
}

void pci_write(const struct pci_func *f, u32 reg, u32 v)
{
	io_w32(select_reg(f->root, config_addr(f, reg)), swap32(v));
}

static u32 align_up(u32 v, u32 a)
{
	return (v + a - 1) & ~(a - 1);
}

static void assign(struct pci_func *f)
{
	for (u32 i = 0; i < ARRAY_LEN(windows); i++) {
		const struct window *w = &windows[i];

		if (w->id != f->id)
			continue;
		u32 size = w->size;

		/* The third of a PA-POS-OC3 is programmed for more (adapters
		 * reference, 16). */
		if (w->bar == 0x18 && f->dev == 2)
			size = 0x400000;
		next_mem = align_up(next_mem, size);
		if (next_mem + size > mem_end) {
			no_room = 1;
			return;
		}
		if (f->bar)
			f->bar2 = next_mem;
		else
			f->bar = next_mem;
		pci_write(f, w->bar, next_mem);
		next_mem += size;
		pci_write(f, PCI_COMMAND, CMD_MEM_MASTER);
	}
}

static void scan_bus(u32 root, u32 bus, struct pci_path path);

static void set_window(struct pci_func *f, u32 start, u32 end)
{
	if (end > start)
		pci_write(f, PCI_BRIDGE_MEM, (start >> 16 & 0xfff0) | ((end - 1) & 0xfff00000));
	else
		pci_write(f, PCI_BRIDGE_MEM, 0x0000fff0);
}

static void note_bay(const struct pci_func *f, struct pci_path path, u32 bus, u32 start, u32 end)
{
	int slot;

	if (path.depth >= PCI_MAX_DEPTH)
		return;
	path.dev[path.depth++] = 0;
	slot = machine.board->slot_of(&path, machine.cpu->topology);
	if (slot >= 0 && slot < MAX_SLOTS)
		bays[slot] = (struct bay){ (u8)bus, *f, start, end };
}

/* Depth first: the bridge passes every higher bus number while what is behind
 * it is being counted. Its memory window covers exactly what was assigned. */
static void scan_bridge(struct pci_func *f, struct pci_path path)
{
	u32 bus = ++next_bus, start;

	pci_write(f, PCI_BUSES, f->bus | bus << 8 | 0xff0000);
	next_mem = align_up(next_mem, 0x100000);
	start = next_mem;
	scan_bus(f->root, bus, path);
	next_mem = align_up(next_mem, 0x100000);
	pci_write(f, PCI_BUSES, f->bus | bus << 8 | next_bus << 16);
	set_window(f, start, next_mem);
	note_bay(f, path, bus, start, next_mem);
	pci_write(f, PCI_BRIDGE_IO, 0x000000f0);
	pci_write(f, PCI_BRIDGE_PREFETCH, 0x0000fff0);
	pci_write(f, PCI_COMMAND, CMD_MEM_MASTER);
}

static void scan_bus(u32 root, u32 bus, struct pci_path path)
{
	u8 level = path.depth++;

	if (level >= PCI_MAX_DEPTH)
		return;
	for (u32 dev = 0; dev < 32; dev++) {
		u32 functions = 1;

		for (u32 fn = 0; fn < functions; fn++) {
			struct pci_func *f = &pci_funcs[pci_count];

			if (pci_count == MAX_PCI)
				return;
			memset(f, 0, sizeof(*f));
			f->root = (u8)root;
			f->bus = (u8)bus;
			f->dev = (u8)dev;
			f->fn = (u8)fn;
			f->id = pci_read(f, PCI_ID);
			if (f->id == 0xffffffff || f->id == 0)
				continue;
			pci_count++;
			path.dev[level] = (u8)dev;
			f->path = path;
			f->class_rev = pci_read(f, PCI_CLASS);
			f->slot = machine.board->slot_of(&path, machine.cpu->topology);
			if (fn == 0 && pci_read(f, PCI_HEADER) & 0x00800000)
				functions = 8;
			if (f->class_rev >> 16 == CLASS_BRIDGE)
				scan_bridge(f, path);
			else
				assign(f);
		}
	}
}

void pci_scan(void)
{
	next_mem = machine.board->pci_mem;
	mem_end = next_mem + machine.board->pci_mem_size;
	for (u32 root = 0; root < 2; root++) {
		struct pci_path path = { .root = (u8)root };

		next_bus = 0;
		scan_bus(root, 0, path);
	}
	top_mem = align_up(next_mem, 0x100000);
	end_mem = mem_end;
}

void pci_forget_slot(u32 slot)
{
	u32 n = 0;

	for (u32 i = 0; i < pci_count; i++)
		if (pci_funcs[i].slot != (int)slot)
			pci_funcs[n++] = pci_funcs[i];
	pci_count = n;
}

/* Behind the bridge there is what a card before this one had, or else what is
 * left. */
void pci_scan_slot(u32 slot)
{
	struct bay *b = &bays[slot];
	u32 first = pci_count;

	if (!b->bus)
		return;
	next_mem = b->start;
	mem_end = b->end;
	no_room = 0;
	scan_bus(b->bridge.root, b->bus, b->bridge.path);
	if (!no_room)
		return;
	pci_count = first;
	next_mem = top_mem;
	mem_end = end_mem;
	scan_bus(b->bridge.root, b->bus, b->bridge.path);
	b->start = top_mem;
	b->end = top_mem = align_up(next_mem, 0x100000);
	set_window(&b->bridge, b->start, b->end);
}

void pci_show(void)
{
	cprintf("Root Bus Dev Fn  Vendor:Device  Class     Address     Description\n");
	for (u32 i = 0; i < pci_count && !term_quit(); i++) {
		const struct pci_func *f = &pci_funcs[i];
		const char *name = f->class_rev >> 16 == CLASS_BRIDGE ? "PCI bridge" : "";

		for (u32 j = 0; j < ARRAY_LEN(windows); j++)
			if (windows[j].id == f->id)
				name = windows[j].name;
		cprintf("%4u %3u %3u %2u  %04x:%04x      %06x    ", f->root, f->bus, f->dev, f->fn,
			f->id & 0xffff, f->id >> 16, f->class_rev >> 8);
		if (f->bar)
			cprintf("0x%08x  ", f->bar);
		else
			cprintf("%-12s", "-");
		if (f->slot >= 0 && f->bar)
			cprintf("slot %d: %s\n", f->slot, name);
		else
			cprintf("%s\n", name);
	}
}
