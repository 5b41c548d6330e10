#include "probe.h"

/* Configuration space: c7200 reference, 5. */
struct slot_bus slot_bus[SLOTS];
struct func funcs[MAX_FUNCS];
u32 nfuncs;

#define CLASS_BRIDGE 0x0604

static u32 select_config(u32 root, u32 bus, u32 dev, u32 fn, u32 reg)
{
	u32 va = KSEG1(GT) + (root ? 0xcf0 : 0xcf8);

	gt_write(va, 0x80000000 | bus << 16 | dev << 11 | fn << 8 | reg);
	return va + 4;
}

u32 config_read(u32 root, u32 bus, u32 dev, u32 fn, u32 reg)
{
	return gt_read(select_config(root, bus, dev, fn, reg));
}

void config_write(u32 root, u32 bus, u32 dev, u32 fn, u32 reg, u32 v)
{
	gt_write(select_config(root, bus, dev, fn, reg), v);
}

static const struct chip *find_chip(u32 id)
{
	for (u32 i = 0; i < nchips; i++)
		if (chips[i].id == id)
			return &chips[i];
	return NULL;
}

/* All 64 registers of a function in every width: the word, and the lanes of
 * the data register. */
static void show_function(const struct func *f)
{
	for (u32 reg = 0; reg < 0x100; reg += 4) {
		u32 va = select_config(f->root, f->bus, f->dev, 0, reg);

		say("pci %s reg %02x 4:%08x 2:%04x,%04x 1:%02x,%02x,%02x,%02x", f->name, reg, (u32)load(va, 4), (u32)load(va, 2),
			(u32)load(va + 2, 2), (u32)load(va, 1), (u32)load(va + 1, 1), (u32)load(va + 2, 1), (u32)load(va + 3, 1));
	}
}

/* What can be written. The base registers move windows and have steps of their
 * own, as have the bus numbers of a bridge. */
static void write_function(const struct func *f, int bridge)
{
	static const u32 patterns[] = { 0xffffffff, 0x00000000, 0x5a5a5a5a };

	for (u32 reg = 0; reg < 0x100; reg += 4) {
		u32 old, got[3];

		if (bridge ? reg == 0x18 : reg >= 0x10 && reg < 0x28)
			continue;
		old = config_read(f->root, f->bus, f->dev, 0, reg);
		for (u32 i = 0; i < ARRAY_LEN(patterns); i++) {
			config_write(f->root, f->bus, f->dev, 0, reg, patterns[i]);
			got[i] = config_read(f->root, f->bus, f->dev, 0, reg);
		}
		config_write(f->root, f->bus, f->dev, 0, reg, old);
		say("pci %s write %02x reads %08x %08x %08x", f->name, reg, got[0], got[1], got[2]);
	}
}

/* A register that stores, the bus numbers of a bridge, written in every width
 * and at every lane of the data register. */
static void narrow_writes(const struct func *f)
{
	for (u32 size = 1; size <= 4; size *= 2)
		for (u32 lane = 0; lane < 4; lane += size) {
			u32 va;

			config_write(f->root, f->bus, f->dev, 0, 0x18, 0);
			va = select_config(f->root, f->bus, f->dev, 0, 0x18);
			store(va + lane, size, 0x01020304);
			say("pci %s narrow write %u/%u reads %08x", f->name, lane, size, config_read(f->root, f->bus, f->dev, 0, 0x18));
		}
	config_write(f->root, f->bus, f->dev, 0, 0x18, 0);
}

/* Bus numbers go by one count a root; a bridge passes all higher ones while
 * what is behind it is being looked for. */
static u32 next_bus;

struct place { u32 root, depth; u8 dev[4]; };

static int slot_of(const struct place *p)
{
	for (int s = 0; s < SLOTS; s++) {
		const struct slot_path *x = &board->slots[s];
		u32 i;

		if (x->root != p->root || p->depth != (u32)x->depth + 1 || p->dev[x->depth] < x->first)
			continue;
		for (i = 0; i < x->depth && x->bridge[i] == p->dev[i]; i++)
			;
		if (i == x->depth)
			return s;
	}
	return -1;
}

static void scan(u32 root, u32 bus, struct place at)
{
	u32 level = at.depth++;

	/* Whose bus this is: that of the card whose first device is here. */
	for (u32 s = 0; s < SLOTS; s++) {
		at.dev[level] = board->slots[s].first;
		if (slot_of(&at) == (int)s) {
			slot_bus[s].root = root;
			slot_bus[s].bus = bus;
		}
	}

	for (u32 dev = 0; dev < 32; dev++) {
		u32 id = config_read(root, bus, dev, 0, 0);
		struct func *f = &funcs[nfuncs];

		at.dev[level] = (u8)dev;
		if (id == 0xffffffff) {
			u32 other = 0;

			/* Nothing there: what the other registers read. */
			for (u32 reg = 4; reg < 0x40; reg += 4)
				other |= config_read(root, bus, dev, 0, reg);
			say("pci %u.%u.%u none %08x %08x", root, bus, dev, id, other);
			continue;
		}
		if (nfuncs == MAX_FUNCS) {
			say("too many functions");
			return;
		}
		nfuncs++;
		f->root = root;
		f->bus = bus;
		f->dev = dev;
		f->id = id;
		f->chip = find_chip(id);
		f->slot = slot_of(&at);
		f->unit = f->slot < 0 ? 0 : dev - board->slots[f->slot].first;
		if (f->slot >= 0 && id)
			snprintf(f->name, sizeof(f->name), "%d.%u", f->slot, f->unit);
		else if (f->slot >= 0)
			snprintf(f->name, sizeof(f->name), "%d.%u", f->slot, f->unit);
		else
			snprintf(f->name, sizeof(f->name), "root%u-%u-%u", root, bus, dev);
		u32 class = config_read(root, bus, dev, 0, 8);
		say("pci %u.%u.%u %s id %08x %s class %08x slot %d", root, bus, dev, f->name, id, f->chip ? f->chip->name : "unknown", class, f->slot);
		for (u32 fn = 1; fn < 8; fn++)
			say("pci %s function %u: %08x %08x", f->name, fn, config_read(root, bus, dev, fn, 0), config_read(root, bus, dev, fn, 8));
		show_function(f);
		write_function(f, class >> 16 == CLASS_BRIDGE);
		if (class >> 16 != CLASS_BRIDGE)
			continue;
		narrow_writes(f);
		u32 secondary = next_bus++;
		say("bridge %s buses %08x, unprogrammed %08x", f->name, config_read(root, bus, dev, 0, 0x18), config_read(root, secondary, 0, 0, 0));
		config_write(root, bus, dev, 0, 0x18, bus | secondary << 8 | 0xff0000);
		say("bridge %s buses %08x", f->name, config_read(root, bus, dev, 0, 0x18));
		scan(root, secondary, at);
		config_write(root, bus, dev, 0, 0x18, bus | secondary << 8 | (next_bus - 1) << 16);
		say("bridge %s buses %08x", f->name, config_read(root, bus, dev, 0, 0x18));
	}
}

void pci(void)
{
	if (board->hidden)
		say("hidden bus before: %08x", config_read(0, 2, 16, 0, 0));
	for (u32 root = 0; root < board->ports; root++) {
		struct place at = { .root = root };

		next_bus = 1;
		scan(root, 0, at);
	}
	/* The latch, and an access that is not enabled (5.1). */
	say("config latch %08x", gt_read(KSEG1(GT) + 0xcf8));
	gt_write(KSEG1(GT) + 0xcf8, 0);
	say("config latch %08x data %08x", gt_read(KSEG1(GT) + 0xcf8), gt_read(KSEG1(GT) + 0xcfc));
	if (!board->hidden)
		return;
	/* The usual numbers of the slot-0 bridge bind the hidden bus (5.4). */
	config_write(0, 0, 1, 0, 0x18, 0x00020100);
	for (u32 bus = 0; bus < 4; bus++)
		for (u32 dev = 0; dev < 32; dev++) {
			u32 id = config_read(0, bus, dev, 0, 0);

			if (id != 0xffffffff)
				say("behind device 1: bus %u device %u %08x %08x", bus, dev, id, config_read(0, bus, dev, 0, 8));
		}
	for (u32 i = 0; i < nfuncs; i++)
		if (funcs[i].slot == 0)
			funcs[i].bus = 1;
}

/* Where the windows go: nothing else is there, and KSEG1 shows it. */
static u32 next_window = 0x10000000;

u32 place_window(const struct func *f, u32 bar, u32 size)
{
	u32 pa = (next_window + size - 1) & ~(size - 1);

	say("bar %s %02x fresh %08x", f->name, bar, config_read(f->root, f->bus, f->dev, 0, bar));
	config_write(f->root, f->bus, f->dev, 0, bar, 0xffffffff);
	say("bar %s %02x sized %08x", f->name, bar, config_read(f->root, f->bus, f->dev, 0, bar));
	config_write(f->root, f->bus, f->dev, 0, bar, pa);
	say("bar %s %02x at %08x", f->name, bar, config_read(f->root, f->bus, f->dev, 0, bar));
	next_window = pa + size;
	return KSEG1(pa);
}

void chip_registers(void)
{
	for (u32 i = 0; i < nfuncs; i++) {
		struct func *f = &funcs[i];

		if (!f->chip || !f->chip->bar)
			continue;
		f->regs = place_window(f, f->chip->bar, f->chip->size);
		for (u32 j = 0; j < f->chip->n; j++)
			show_reg(f->name, &f->chip->regs[j], f->regs);
	}
}
