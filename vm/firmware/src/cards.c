#include "net.h"
#include "cpu.h"
#include "lib.h"
#include "term.h"

/* Cards are told by the EEPROM in their bay, their ports by what PCI shows
 * behind the bay's bridge (c7200 reference, 8.6 and 15.2). */
struct card_info cards[MAX_SLOTS];

static const struct card_type {
	u8 format;
	u16 type;
	const char *name, *long_name;
} types[] = {
	{ 1, 0x83, "C7200-IO-FE", "I/O controller with FastEthernet" },
	{ 1, 0x11, "PA-FE-TX", "FastEthernet (TX-ISL)" },
	{ 1, 0x0c, "PA-4T+", "Serial (4T+)" },
	{ 1, 0x0e, "PA-8T", "Serial (8T X.21)" },
	{ 1, 0x0d, "PA-8T", "Serial (8T V.35)" },
	{ 1, 0x0f, "PA-8T", "Serial (8T 232)" },
	{ 1, 0x02, "PA-4E", "Ethernet" },
	{ 1, 0x01, "PA-8E", "Ethernet" },
	{ 1, 0x98, "PA-GE", "GigabitEthernet" },
	{ 1, 0x17, "PA-A1", "ATM" },
	{ 1, 0x96, "PA-POS-OC3", "POS OC3" },
	{ 1, 0x3d, "PA-4B", "BRI" },
	{ 4, 0x215, "C7200-IO-2FE", "I/O controller with 2 FastEthernet" },
	{ 4, 0x216, "C7200-IO-GE-E", "I/O controller with GigabitEthernet" },
	{ 4, 0x224, "PA-2FE-TX", "2 FastEthernet" },
	{ 4, 0x34e, "PA-MC-8TE1", "8 T1/E1" },
};

#define ID_DEC21140 0x00091011
#define ID_AM79C971 0x20001022
#define ID_I8254X 0x10018086
#define ID_TNETA1570 0xa001104c
#define ID_PLX9060 0x906010b5
#define ID_MUESLIX 0x00011137
#define PORTS_PER_MUESLIX 4

static void identify(u32 slot)
{
	struct card_info *c = &cards[slot];
	u8 format;
	u16 type;

	eeprom_read(&machine.board->slots[slot].eeprom, c->eeprom, sizeof(c->eeprom) / 2);
	type = eeprom_type(c->eeprom, &format);
	if (!format)
		return;
	c->present = 1;
	c->name = "unknown card";
	c->long_name = "";
	for (u32 i = 0; i < ARRAY_LEN(types); i++)
		if (types[i].format == format && types[i].type == type) {
			c->name = types[i].name;
			c->long_name = types[i].long_name;
		}
}

static int is_card(const struct pci_func *f, const char *name)
{
	return strcmp(cards[f->slot].name, name) == 0;
}

/* The I/O controllers number their ports against PCI, and the second port of
 * the Gigabit one is an Ethernet with a numbering of its own (adapters
 * reference, 20). */
static void attach_i8254x(struct pci_func *f)
{
	u32 irq = f->dev & 7, unit = f->slot ? f->dev : 1u - (f->dev & 1);
	int io_ge = f->slot == 0 && is_card(f, "C7200-IO-GE-E"), pa_ge = f->slot && is_card(f, "PA-GE");
	struct netport *p = i8254x_attach(f, irq, pa_ge);
	struct iface *ifp;

	if (io_ge && unit == 1) {
		ifp = iface_add(IF_ETHERNET, "Ethernet", 10000, (u32)f->slot, unit, p);
		snprintf(ifp->name, sizeof(ifp->name), "%s%u/0", ifp->type, f->slot);
	} else if (io_ge || pa_ge) {
		iface_add(IF_ETHERNET, "GigabitEthernet", 1000000, (u32)f->slot, unit, p);
	} else {
		iface_add(IF_ETHERNET, "FastEthernet", 100000, (u32)f->slot, unit, p);
	}
}

static void attach(struct pci_func *f)
{
	if (f->slot < 0 || !f->bar)
		return;
	if (f->id == ID_DEC21140) {
		struct netport *p = dec21140_attach(f, 0);

		if (p)
			iface_add(IF_ETHERNET, "FastEthernet", 100000, (u32)f->slot, 0, p);
	} else if (f->id == ID_AM79C971) {
		iface_add(IF_ETHERNET, "Ethernet", 10000, (u32)f->slot, f->dev, am79c971_attach(f, f->dev & 7));
	} else if (f->id == ID_I8254X) {
		attach_i8254x(f);
	} else if (f->id == ID_TNETA1570) {
		iface_add(IF_ATM, "ATM", 155000, (u32)f->slot, 0, ti1570_attach(f, 0));
	} else if (f->id == ID_PLX9060) {
		/* Three in a row make a port; the last completes it. */
		if (f->dev == 2 && f - pci_funcs >= 2 && f->bar2 && is_card(f, "PA-POS-OC3"))
			iface_add(IF_SERIAL, "POS", 155000, (u32)f->slot, 0, pos_attach(f - 2, f - 1, f, 0));
	} else if (f->id == ID_MUESLIX) {
		struct netport *ports[PORTS_PER_MUESLIX];
		int n = mueslix_attach(f, f->dev, ports);

		for (int i = 0; i < n; i++)
			iface_add(IF_SERIAL, "Serial", 1544, (u32)f->slot, (u32)f->dev * PORTS_PER_MUESLIX + (u32)i, ports[i]);
	}
}

static void attach_slot(u32 slot)
{
	for (u32 i = 0; i < pci_count; i++)
		if (pci_funcs[i].slot == (int)slot)
			attach(&pci_funcs[i]);
}

static volatile u32 moved;
static int held;

void cards_event(u32 bays)
{
	moved |= bays;
	sched_pending |= PEND_CARDS;
}

void cards_hold(int on)
{
	held = on;
	if (!on && moved)
		sched_post(PEND_CARDS);
}

static void card_gone(u32 slot)
{
	struct iface *next;

	log_msg("%%OIR-6-REMCARD: Card removed from slot %u, interfaces disabled", slot);
	for (struct iface *i = iface_list; i; i = next) {
		next = i->next;
		if (i->port && i->slot == slot)
			iface_detach(i);
	}
	netchip_unregister(slot);
	pci_forget_slot(slot);
	card_free((int)slot);
	memset(&cards[slot], 0, sizeof(cards[slot]));
}

/* The event says where something moved; the bay says what is there now. A card
 * that came in place of another has lost its state even if it is of the same
 * type. */
void cards_service(void)
{
	u32 s, bays;

	if (held)
		return;
	s = irq_disable();
	bays = moved;
	moved = 0;
	irq_restore(s);
	for (u32 slot = 0; slot < machine.board->nslots; slot++) {
		if (!(bays >> slot & 1))
			continue;
		if (cards[slot].present)
			card_gone(slot);
		identify(slot);
		if (!cards[slot].present)
			continue;
		log_msg("%%OIR-6-INSCARD: Card inserted in slot %u, interfaces administratively shut down", slot);
		pci_scan_slot(slot);
		attach_slot(slot);
	}
}

void cards_init(void)
{
	u32 slot;

	for (slot = 0; slot < machine.board->nslots; slot++)
		identify(slot);
	pci_scan();
	for (slot = 0; slot < machine.board->nslots; slot++)
		attach_slot(slot);
}
