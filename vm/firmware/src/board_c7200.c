#include "board.h"
#include "lib.h"
#include "net.h"

/* c7200 reference: 2.1 (map), 6 (IO FPGA), 7 (midplane FPGA), 8 (EEPROMs). */
#define IO_FPGA 0x1e840000u
#define MP_FPGA 0x1e800000u
#define GT_REGS 0x14000000u
#define GT_CAUSE 0xc18
#define GT_CPU_MASK 0xc1c
#define MP_PA_MGMT 0x40
#define MP_ERR_STAT 0x70
#define OIR_BAYS 0x7eu   /* bit n: bay n, 15.3 */

/* EEPROM pins, 8.1. Bits 1:0 of the second register are the power supplies:
 * writing both as 0 switches the chassis off (7.4). */
#define BAY(reg, first, keep) { MP_FPGA + (reg), (first) + 1, (first) + 3, (first) + 4, (first) + 6, keep }
#define EEPROM_LOW 0x60
#define EEPROM_HIGH 0x68
#define POWER_ON 3

/* Interrupt status and mask, 7.2. */
#define IRQ_LOW(shift) { MP_FPGA + 0x10, MP_FPGA + 0x20, shift }
#define IRQ_HIGH(shift) { MP_FPGA + 0x18, MP_FPGA + 0x28, shift }

static const struct board_slot slots[] = {
	{ BAY(EEPROM_LOW, 0, 0), IRQ_LOW(0) },
	{ BAY(EEPROM_LOW, 8, 0), IRQ_LOW(8) },
	{ BAY(EEPROM_HIGH, 8, POWER_ON), IRQ_HIGH(8) },
	{ BAY(EEPROM_LOW, 24, 0), IRQ_LOW(24) },
	{ BAY(EEPROM_LOW, 16, 0), IRQ_LOW(16) },
	{ BAY(EEPROM_HIGH, 24, POWER_ON), IRQ_HIGH(24) },
	{ BAY(EEPROM_HIGH, 16, POWER_ON), IRQ_HIGH(16) },
};

/* PCI topologies, 5.5. */
enum { TOPO_ONE_ROOT, TOPO_TWO_ROOTS, TOPO_TWO_HEADS };

static const struct cpu_card cpu_cards[] = {
	{ 1, 0x35, TOPO_ONE_ROOT, "NPE100", 100, 0 },
	{ 1, 0x15, TOPO_ONE_ROOT, "NPE150", 150, 0 },
	{ 1, 0x69, TOPO_ONE_ROOT, "NPE200", 200, 0 },
	{ 1, 0xc2, TOPO_TWO_ROOTS, "NPE175", 200, 0xc3 },
	{ 1, 0xc2, TOPO_TWO_ROOTS, "NPE225", 262, 0xd5 },
	{ 1, 0xae, TOPO_TWO_HEADS, "NPE300", 262, 0 },
	{ 4, 0x1f8, TOPO_TWO_ROOTS, "NPE400", 350, 0 },
};

static int bay_of(u8 root, u8 index)
{
	return index > 2 ? -1 : index * 2 + (root ? 2 : 1);
}

static int slot_of(const struct pci_path *p, u32 topology)
{
	switch (topology) {
	case TOPO_ONE_ROOT:
		if (p->depth == 1)
			return p->dev[0] == 6 ? 0 : -1;
		if (p->depth != 3 || (p->dev[0] != 2 && p->dev[0] != 4))
			return -1;
		return bay_of(p->dev[0] == 4, (u8)(p->dev[1] - 1));
	case TOPO_TWO_ROOTS:
		if (p->depth != 2)
			return -1;
		if (p->root == 0 && p->dev[0] == 1)
			return 0;
		return bay_of(p->root, (u8)(p->dev[0] - 7));
	case TOPO_TWO_HEADS:
		if (p->root == 0 && p->dev[0] == 1)
			return p->depth == 2 ? 0 : -1;
		if (p->depth != 3 || p->dev[0] != (p->root ? 1 : 2))
			return -1;
		return bay_of(p->root, (u8)(p->dev[1] - 1));
	}
	return -1;
}

static void other_irq(u32 lines)
{
	if (lines & 0x0800)
		io_r32(KSEG1(MP_FPGA + MP_PA_MGMT));
	if (lines & 0x1000) {
		io_w32(KSEG1(GT_REGS + GT_CPU_MASK), 0);
		io_w32(KSEG1(GT_REGS + GT_CAUSE), 0);
	}
	if (lines & 0x4000) {
		u32 status = io_r32(KSEG1(MP_FPGA + MP_ERR_STAT));

		io_w32(KSEG1(MP_FPGA + MP_ERR_STAT), status);
		cards_event(status & OIR_BAYS);
	}
}

/* Hardware version byte of the midplane, 1.2. */
static const char *chassis(const u8 *midplane)
{
	return midplane[2] >= 2 ? "7206VXR" : "7206";
}

const struct board board_c7200 = {
	.platform = 0x19,
	.series = "7200",
	.duart = IO_FPGA + 0x404,
	.duart_stride = 8,
	.nvram = 0x1e000000,
	.nvram_reserved = 0x800,
	.gt = GT_REGS,
	.pci_mem = 0x18000000,
	.pci_mem_size = 0x02000000,
	.cpu_eeprom = { IO_FPGA + 0x21c, 2, 1, 0, 6, 0 },
	.midplane_eeprom = { IO_FPGA + 0x21c, 5, 4, 3, 7, 0 },
	.pem_eeprom = { IO_FPGA + 0x388, 1, 0, 2, 3, 0 },
	.cpu_cards = cpu_cards,
	.ncpu_cards = ARRAY_LEN(cpu_cards),
	.slots = slots,
	.nslots = ARRAY_LEN(slots),
	.slot_of = slot_of,
	.other_irq = other_irq,
	.chassis = chassis,
};
