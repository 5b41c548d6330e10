#include "probe.h"

/* The thermometers (c7200 reference, 6.3): a command to those selected by rst,
 * outbits of data, then inbits from all four. */
static void thermometer(u32 rst, u32 command, u32 outbits, u32 data, u32 inbits)
{
	u32 v = command | data << 8, n = 0;
	char text[16];

	io_w32(IO + 0x20c, 0x10);
	io_w32(IO + 0x20c, rst | 0x10);
	for (u32 i = 0; i < 8 + outbits; i++) {
		io_w32(IO + 0x20c, rst);
		io_w32(IO + 0x214, v >> i & 1);
		io_w32(IO + 0x20c, rst | 0x10);
	}
	for (; n < inbits && n < sizeof(text) - 1; n++) {
		io_w32(IO + 0x20c, rst);
		text[n] = "0123456789abcdef"[io_r32(IO + 0x22c) & 15];
		io_w32(IO + 0x20c, rst | 0x10);
	}
	text[n] = 0;
	say("thermometer %x command %02x data %03x: %s", rst, command, data, text);
}

void thermometers(void)
{
	static const struct { u8 command, out, in; u16 data; } steps[] = {
		{ 0xaa, 0, 11, 0 }, { 0xac, 0, 10, 0 }, { 0x01, 9, 2, 0x155 }, { 0xa1, 0, 11, 0 }, { 0x02, 9, 2, 0x0aa }, { 0xa2, 0, 11, 0 },
		{ 0x0c, 8, 2, 0xc3 }, { 0xac, 0, 10, 0 }, { 0xa0, 0, 11, 0 }, { 0xa9, 0, 11, 0 }, { 0xee, 0, 3, 0 }, { 0x22, 0, 3, 0 },
		{ 0x55, 0, 3, 0 }, { 0xaa, 0, 11, 0 }, { 0x0c, 8, 0, 2 },
	};
	static const u8 selections[] = { 0xf, 0x1, 0x2, 0x4, 0x8, 0x5, 0x0 };

	for (u32 s = 0; s < ARRAY_LEN(selections); s++)
		for (u32 i = 0; i < ARRAY_LEN(steps); i++)
			thermometer(selections[s], steps[i].command, steps[i].out, steps[i].data, steps[i].in);
	/* A data bit while the clock is high is not taken. */
	io_w32(IO + 0x20c, 0x10);
	io_w32(IO + 0x20c, 0x1f);
	for (u32 i = 0; i < 8; i++)
		io_w32(IO + 0x214, 0xaa >> i & 1);
	io_w32(IO + 0x20c, 0x0f);
	say("thermometer clock high: %x %x", io_r32(IO + 0x22c), io_r32(IO + 0x22c));
	io_w32(IO + 0x20c, 0);
	io_w32(IO + 0x214, 0);
}
