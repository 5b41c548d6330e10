#include "cli.h"
#include "cpu.h"
#include "term.h"
#include "version.h"

void router_main(void) __attribute__((noreturn));

static void banner(void)
{
	cprintf("\n\n              dynemu router software, version %s\n\n", FIRMWARE_VERSION);
	cprintf("%s (%s) processor with %uK/%uK bytes of memory.\n", machine.chassis, machine.cpu->name,
		machine.ram_size >> 10, machine.iomem_size >> 10);
	for (u32 s = 0; s < machine.board->nslots; s++)
		if (cards[s].present)
			cprintf("Slot %u: %s\n", s, cards[s].name);
	cprintf("%uK bytes of NVRAM, configuration register 0x%x\n", machine.nvram_size >> 10, machine.confreg);
}

void router_main(void)
{
	machine_identify();
	console_init();
	pkt_init();
	trap_init();
	timer_init();
	arp_init();
	ip_init();
	cards_init();
	banner();
	exec_init();
	show_init();
	config_init();
	cp0_set_status(cp0_status() | ST_IE);
	iface_poll_init();
	config_load();
	if (!nvram_valid() || (machine.confreg & 0x0040))
		log_msg("%%SYS-6-NVRAM: no startup configuration is used");
	log_msg("%%SYS-5-RESTART: System restarted");
	cli_main();
	machine_reload();
}
