#include "board.h"
#include "lib.h"

/* NMC93C46 by bit-banging. Address and data travel least significant bit
 * first, and DOUT is valid only between the rising clock edge and the next
 * write (c7200 reference, 8.2). */

static void drive(const struct eeprom_bus *b, u32 pins)
{
	io_w32(KSEG1(b->reg), pins | b->keep);
}

static void clock_in(const struct eeprom_bus *b, u32 bit)
{
	u32 pins = 1u << b->cs | bit << b->din;

	drive(b, pins);
	drive(b, pins | 1u << b->clk);
}

static u16 read_word(const struct eeprom_bus *b, u32 addr)
{
	u32 v = 0, i;

	drive(b, 0);
	drive(b, 1u << b->cs);
	/* Start bit and the READ opcode. */
	clock_in(b, 1);
	clock_in(b, 1);
	clock_in(b, 0);
	for (i = 0; i < 6; i++)
		clock_in(b, addr >> i & 1);
	for (i = 0; i < 16; i++) {
		clock_in(b, 0);
		v |= (io_r32(KSEG1(b->reg)) >> b->dout & 1) << i;
	}
	drive(b, 0);
	return (u16)v;
}

void eeprom_read(const struct eeprom_bus *bus, u8 *d, u32 n)
{
	for (u32 i = 0; i < n; i++)
		put16(d + 2 * i, read_word(bus, i));
}

/* Formats 1 and 4 (c7200 reference, 8.4 and 8.5): type 0x40 is the first
 * field of format 4. */
u16 eeprom_type(const u8 *e, u8 *format)
{
	*format = e[0];
	if (e[0] == 1)
		return e[1];
	if (e[0] == 4 && e[1] == 0xff && e[2] == 0x40)
		return get16(e + 3);
	*format = 0;
	return 0;
}
