#include "probe.h"

/* The console's DUART: c7200 reference, 6.2. The harness types when it is
 * told "later". Bytes it sends outside the lines are seen by the harness
 * as a line of their own. */

static void wait_lines(u32 bit)
{
	for (u32 i = 0; i < 20000000 && !(lines() & bit); i++)
		;
}

static void pause(void)
{
	for (u32 i = 0; i < 2000000; i++)
		turn();
}

static void state(const char *what) { say("duart %s: lines %04x isr %08x", what, lines(), io_r32(IO + 0x42c)); }

static void receive_handler(void *arg UNUSED)
{
	u32 isr = io_r32(IO + 0x42c), sra = io_r32(IO + 0x40c), key = io_r32(IO + 0x41c);

	say("duart interrupt: isr %08x sra %08x rhra %08x sra %08x", isr, sra, key, io_r32(IO + 0x40c));
}

static void transmit_handler(void *arg UNUSED)
{
	say("duart transmit interrupt: isr %08x", io_r32(IO + 0x42c));
	io_w32(IO + 0x42c, 0);
	(void)io_r32(IO + 0x40c);
}

/* The other channel, where the harness has a line on it. */
static void auxiliary(void)
{
	if (ask("aux xyz") != 'k')
		return;
	for (u32 i = 0; i < 3; i++) {
		u32 srb;

		for (u32 n = 0; n < 100000000 && !((srb = io_r32(IO + 0x44c)) & 1); n++)
			turn();
		say("aux polled: srb %08x rhrb %08x", srb, io_r32(IO + 0x45c));
	}
	say("aux empty: srb %08x rhrb %08x", io_r32(IO + 0x44c), io_r32(IO + 0x45c));
	for (const char *s = "from the guest\n"; *s; s++)
		io_w32(IO + 0x45c, (u32)*s);
	ask("auxread");
}

void duart(void)
{
	auxiliary();
	state("idle");
	tell("later 0 abc");
	for (u32 i = 0; i < 3; i++) {
		while (!(io_r32(IO + 0x40c) & 1))
			;
		u32 sra = io_r32(IO + 0x40c), key = io_r32(IO + 0x41c);
		say("duart polled: sra %08x rhra %08x", sra, key);
	}
	say("duart empty: sra %08x rhra %08x %04x %02x", io_r32(IO + 0x40c), io_r32(IO + 0x41c), (u32)load(IO + 0x41c, 2), (u32)load(IO + 0x41c, 1));
	say("duart channel B: srb %08x rhrb %08x", io_r32(IO + 0x44c), io_r32(IO + 0x45c));

	for (u32 i = 0; i < 3; i++) {
		/* Dynamips may tell of a byte a little after it can be read. */
		settle(0);
		pause();
		io_w32(IO + 0x42c, 2);
		tell("later 50 %c", 'x' + (int)i);
		say("duart taken: %08x", take(ST_IM(5), receive_handler, NULL));
		state("read");
		io_w32(IO + 0x42c, 0);
	}
	for (u32 imr = 1; imr <= 0x11; imr += 0x10) {
		io_w32(IO + 0x42c, imr);
		say("duart transmit taken: %08x", take(ST_IM(5), transmit_handler, NULL));
		state("quiet");
	}
	io_w32(IO + 0x42c, 1);
	wait_lines(0x2000);
	state("ready to send");
	say("duart srb %08x", io_r32(IO + 0x44c));
	state("SRB read");
	(void)io_r32(IO + 0x40c);
	io_w32(IO + 0x42c, 0);
	state("SRA read");
	/* These are the letters before the next line. */
	io_w32(IO + 0x41c, 'A');
	store(IO + 0x41c, 1, 'B');
	store(IO + 0x41c, 2, 'C');
	store(IO + 0x41f, 1, 'D');
	store(IO + 0x41d, 1, 'E');
	io_w32(IO + 0x45c, 'F');
	io_w32(IO + 0x41c, '~');
	io_w32(IO + 0x41c, '\n');
	state("THRA written");
	io_w32(IO + 0x414, 8);
	io_w32(IO + 0x454, 8);
	state("flushed");
}
