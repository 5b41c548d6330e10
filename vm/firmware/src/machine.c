#include "board.h"
#include "cpu.h"
#include "lib.h"
#include "term.h"

struct machine machine;

static const struct board *const boards[] = { &board_c7200 };

/* Identification through the ROM alone: nothing else is known to exist yet.
 * Runs before exceptions are taken over, since the services need BEV. */
void machine_identify(void)
{
	u32 platform = rom_call(ROM_PLATFORM, 0, 0, 0);
	u32 i;

	machine.board = boards[0];
	for (i = 0; i < ARRAY_LEN(boards); i++)
		if (boards[i]->platform == platform)
			machine.board = boards[i];
	machine.ram_size = rom_call(ROM_MEM_SIZE, 0, 0, 0);
	machine.iomem_size = rom_call(ROM_IOMEM_SIZE, 0, 0, 0);
	machine.nvram_size = rom_call(ROM_NVRAM_SIZE, 0, 0, 0);
	machine.confreg = rom_call(ROM_CONFREG, 0, 0, 0) & 0xffff;
	machine.prid = cp0_prid();

	/* Tools that read the NVRAM tell the 7200 by this name (c7200
	 * reference, 9.5). */
	if (strncmp((const char *)rom_call(ROM_GET_BOOTLDR, 0, 0, 0), machine.board->series,
		    strlen(machine.board->series)) != 0)
		rom_call(ROM_SET_BOOTLDR, (u32)machine.board->series, 0, 0);

	eeprom_read(&machine.board->cpu_eeprom, machine.cpu_eeprom, sizeof(machine.cpu_eeprom) / 2);
	eeprom_read(&machine.board->midplane_eeprom, machine.midplane, sizeof(machine.midplane) / 2);
	u8 pem[8], format, pem_format;
	u16 type = eeprom_type(machine.cpu_eeprom, &format), pem_type;

	eeprom_read(&machine.board->pem_eeprom, pem, sizeof(pem) / 2);
	pem_type = eeprom_type(pem, &pem_format);
	machine.cpu = &machine.board->cpu_cards[machine.board->ncpu_cards - 1];
	for (i = 0; i < machine.board->ncpu_cards; i++) {
		const struct cpu_card *c = &machine.board->cpu_cards[i];

		if (c->format == format && c->type == type && (!c->pem || c->pem == pem_type))
			machine.cpu = c;
	}
	machine.chassis = machine.board->chassis(machine.midplane);
	memcpy(machine.base_mac, machine.midplane + 12, 6);
	random_seed(get32(machine.base_mac + 2) * 2654435761u);
}

void machine_reload(void)
{
	irq_disable();
	rom_call(ROM_RELOAD, 0, 0, 0);
	for (;;)
		;
}
