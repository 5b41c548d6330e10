#ifndef BOARD_H
#define BOARD_H
#include "types.h"

/* Everything that differs between boards, so that chip drivers and protocols
 * know none of it. Addresses are physical. */

#define MAX_SLOTS 8

/* A serial EEPROM on bits of a register; keep is ORed into every write. */
struct eeprom_bus {
	u32 reg;
	u8 cs, clk, din, dout;
	u32 keep;
};

/* The byte of a slot in the network interrupt status and mask registers. */
struct net_irq {
	u32 status, mask;
	u8 shift;
};

struct board_slot {
	struct eeprom_bus eeprom;
	struct net_irq irq;
};

/* Where a PCI function was found: controller root and the device numbers from
 * the root bus down to it. */
#define PCI_MAX_DEPTH 4
struct pci_path {
	u8 root, depth;
	u8 dev[PCI_MAX_DEPTH];
};

/* CPU card: from its EEPROM. */
struct cpu_card {
	u8 format;
	u16 type;
	u8 topology;
	const char *name;
	u32 clock_mhz;
	u16 pem;                    /* type of the power module where the CPU's is shared; 0 any */
};

struct board {
	u32 platform;               /* ROM service 7 */
	const char *series;
	u32 duart, duart_stride;    /* first register of the console's SCN2681 */
	u32 nvram, nvram_reserved;
	u32 gt;                     /* Galileo system controller */
	u32 pci_mem, pci_mem_size;  /* where BARs go: unused and inside KSEG1 */
	struct eeprom_bus cpu_eeprom, midplane_eeprom, pem_eeprom;
	const struct cpu_card *cpu_cards;
	u32 ncpu_cards;
	const struct board_slot *slots;
	u32 nslots;
	/* Slot of a function, or -1. */
	int (*slot_of)(const struct pci_path *p, u32 topology);
	/* Quiets lines other than network, console and timer. */
	void (*other_irq)(u32 cause);
	const char *(*chassis)(const u8 *midplane);
};

extern const struct board board_c7200;

/* Found at boot. */
struct machine {
	const struct board *board;
	const struct cpu_card *cpu;
	u32 ram_size, iomem_size, nvram_size;  /* bytes */
	u32 confreg, prid;
	u8 midplane[64], cpu_eeprom[128];
	u8 base_mac[6];
	const char *chassis;
};
extern struct machine machine;

void machine_identify(void);

/* eeprom.c: reads n 16-bit words, high byte first. */
void eeprom_read(const struct eeprom_bus *bus, u8 *d, u32 n);
/* Board type of either EEPROM format; 0 when there is none. */
u16 eeprom_type(const u8 *e, u8 *format);

#endif
