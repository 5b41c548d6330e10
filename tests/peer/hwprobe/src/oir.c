#include "probe.h"

/* Cards that come and go in a running router: c7200 reference, 15.3. The
 * harness moves them, where it can. */

static u32 moved;

static void event(void *arg UNUSED)
{
	moved = io_r32(MP + 0x70);
	say("oir interrupt: status %08x lines %04x", moved, lines());
	io_w32(MP + 0x70, moved);
	say("oir acknowledged: status %08x lines %04x", io_r32(MP + 0x70), lines());
}

static void show(const char *what, u32 slot)
{
	const struct socket *s = &slot_sockets[slot];

	say("oir %s %u: pa status %08x management %08x", what, slot, io_r32(MP + 0x50), io_r32(MP + 0x40));
	say("oir %s %u: eeprom %04x %04x %04x %04x %04x", what, slot, eeprom_word(s, 0), eeprom_word(s, 1), eeprom_word(s, 2),
		eeprom_word(s, 4), eeprom_word(s, 5));
	for (u32 dev = 0; dev < 9; dev++)
		say("oir %s %u: device %u %08x class %08x", what, slot, dev, config_read(slot_bus[slot].root, slot_bus[slot].bus, dev, 0, 0),
			config_read(slot_bus[slot].root, slot_bus[slot].bus, dev, 0, 8));
}

static u32 place(u32 slot, const char *card)
{
	struct func f = { .root = slot_bus[slot].root, .bus = slot_bus[slot].bus };
	u32 id = config_read(f.root, f.bus, 0, 0, 0);

	for (u32 i = 0; i < nchips; i++)
		if (chips[i].id == id && chips[i].bar) {
			snprintf(f.name, sizeof(f.name), "%u.0", slot);
			f.chip = &chips[i];
			f.regs = place_window(&f, chips[i].bar, chips[i].size);
			for (u32 r = 0; r < chips[i].n; r++)
				show_reg(f.name, &chips[i].regs[r], f.regs);
			return f.regs;
		}
	say("oir %s: no chip is known", card);
	return 0;
}

void oir(void)
{
	static const struct { u32 slot; const char *card; } moves[] = {
		{ 3, "PA-FE-TX" }, { 5, "PA-8T" }, { 2, "PA-4E" }, { 4, "PA-GE" }, { 6, "PA-4T+" },
	};

	if (ask("moves") != 'k')
		return;
	for (u32 i = 0; i < ARRAY_LEN(moves); i++) {
		u32 slot = moves[i].slot;

		if (slot_card[slot])
			continue;
		ask("insert %u %s", slot, moves[i].card);
		say("oir inserted %s: lines %04x", moves[i].card, lines());
		say("oir taken %08x", take(ST_IM(6), event, NULL));
		show("inserted", slot);
		u32 regs = place(slot, moves[i].card);
		ask("remove %u", slot);
		say("oir removed %s: lines %04x", moves[i].card, lines());
		say("oir taken %08x", take(ST_IM(6), event, NULL));
		show("removed", slot);
		if (regs)
			say("oir removed %s: registers %08x %08x", moves[i].card, io_r32(regs), io_r32(regs + 0x28));
	}
	/* Twice before anybody looks: the later event stands for both (15.3). */
	ask("insert 3 PA-FE-TX");
	settle(1100);
	ask("remove 3");
	say("oir taken %08x", take(ST_IM(6), event, NULL));
	show("removed", 3);
}
