/*
 * A guest that prints what it sees in every register of the 7200's board, then
 * drives the devices as drivers do, then reads and writes registers at random
 * (SEED). It runs on Dynamips and on dynemu; the two outputs are compared.
 * Lines are "WHAT ADDRESS/SIZE VALUE". Output goes through the remote-control
 * device.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define REG32(a) (*(volatile u32 *)(a))
#define REG16(a) (*(volatile u16 *)(a))
#define REG8(a) (*(volatile u8 *)(a))
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define GT 0xB4000000u
#define REMOTE 0xB6000000u
#define NVRAM 0xBE000000u
#define MP 0xBE800000u
#define IO 0xBE840000u
#define RAM 0xA0000000u

static void put(int c) { REG32(REMOTE + 0x40) = c; }

static void text(const char *s)
{
	while (*s)
		put(*s++);
}

static void hex(u32 v, int digits)
{
	while (digits--)
		put("0123456789abcdef"[v >> (4 * digits) & 15]);
}

static void word(u32 v)
{
	put(' ');
	hex(v, 8);
}

static u32 swap(u32 v) { return v >> 24 | (v >> 8 & 0xff00) | (v << 8 & 0xff0000) | v << 24; }

static u32 load(u32 a, int size) { return size == 1 ? REG8(a) : size == 2 ? REG16(a) : REG32(a); }

static void store(u32 a, int size, u32 v)
{
	if (size == 1)
		REG8(a) = v;
	else if (size == 2)
		REG16(a) = v;
	else
		REG32(a) = v;
}

static u32 gt(u32 off) { return swap(REG32(GT + off)); }
static void set_gt(u32 off, u32 v) { REG32(GT + off) = swap(v); }

/* The interrupt lines 2 to 6 in Cause. The write of Status makes Dynamips
 * bring Cause up to date. */
static u32 lines(void)
{
	u32 v;
	asm volatile("mtc0 $0,$12; nop; nop; nop; mfc0 %0,$13; nop" : "=r"(v));
	return v & 0x7c00;
}

static void show(const char *what, u32 a, int size)
{
	text(what);
	put(' ');
	hex(a, 8);
	put('/');
	put('0' + size);
	put(' ');
	hex(load(a, size), 2 * size);
	put('\n');
}

/* Every address of a range that does not read 0. */
static void show_range(const char *what, u32 a, u32 end, int size)
{
	for (; a < end; a += size)
		if (load(a, size))
			show(what, a, size);
}

static void config(u32 latch, u32 bus, u32 dev, u32 reg) { set_gt(latch, 0x80000000 | bus << 16 | dev << 11 | reg); }

static u32 next_bus;

static void scan(u32 latch, u32 bus)
{
	for (u32 dev = 0; dev < 32; dev++) {
		config(latch, bus, dev, 0);
		u32 id = gt(latch + 4);
		if (id == 0xffffffff)
			continue;
		text("pci ");
		hex(latch, 3);
		put(' ');
		hex(bus, 2);
		put('.');
		hex(dev, 2);
		word(id);
		config(latch, bus, dev, 8);
		u32 class = gt(latch + 4);
		word(class);
		put('\n');
		if (class >> 16 != 0x0604)
			continue;
		u32 secondary = next_bus++;
		config(latch, bus, dev, 0x18);
		set_gt(latch + 4, bus | secondary << 8 | 0xff0000);
		scan(latch, secondary);
		config(latch, bus, dev, 0x18);
		set_gt(latch + 4, bus | secondary << 8 | (next_bus - 1) << 16);
		text("bridge");
		for (u32 reg = 4; reg < 0x40; reg += 4) {
			config(latch, bus, dev, reg);
			if (reg != 0x18)
				set_gt(latch + 4, 0xffffffff);
			word(gt(latch + 4));
		}
		put('\n');
	}
}

/* The 64 words of an EEPROM behind the pins of a register. Bits in keep stay
 * set. */
static void eeprom(const char *what, u32 reg, u32 keep, int cs, int clk, int din, int dout)
{
	u32 select = keep | 1u << cs;
	text(what);
	for (u32 addr = 0; addr < 64; addr++) {
		u32 command = 3 | addr << 3, w = 0;
		REG32(reg) = keep;
		REG32(reg) = select;
		for (int i = 0; i < 9; i++) {
			u32 v = select | (command >> i & 1) << din;
			REG32(reg) = v;
			REG32(reg) = v | 1u << clk;
			REG32(reg) = v;
		}
		for (int i = 0; i < 16; i++) {
			REG32(reg) = select | 1u << clk;
			w |= (REG32(reg) >> dout & 1) << i;
			REG32(reg) = select;
		}
		REG32(reg) = keep;
		put(' ');
		hex(w, 4);
	}
	put('\n');
}

static void record(u32 at, u32 count, u32 source, u32 dest, u32 next)
{
	REG32(RAM + at) = swap(count);
	REG32(RAM + at + 4) = swap(source);
	REG32(RAM + at + 8) = swap(dest);
	REG32(RAM + at + 12) = swap(next);
}

static void dma(void)
{
	static const u32 control[] = {0x3000, 0x3200, 0x2000, 0x1000};

	for (int i = 0; i < 64; i++)
		REG32(RAM + 0x301000 + 4 * i) = 0x11223344u * (u32)(i + 1);
	record(0x300000, 32, 0x301000, 0x302000, 0x300010);
	record(0x300010, 7, 0x301021, 0x302041, 0);
	for (int i = 0; i < COUNT(control); i++) {
		for (int j = 0; j < 64; j++)
			REG32(RAM + 0x302000 + 4 * j) = 0;
		set_gt(0xc18, 0);
		set_gt(0xc1c, i & 1 ? 0xffffffff : 0x20);
		for (int ch = 0; ch < 4; ch++) {
			set_gt(0x830 + 4 * ch, 0x300000);
			set_gt(0x840 + 4 * ch, control[i]);
			text("dma");
			for (u32 reg = 0x810; reg <= 0x840; reg += 0x10)
				word(gt(reg + 4 * ch));
			word(gt(0xc18));
			word(lines());
			put('\n');
		}
		text("copied");
		for (int j = 0; j < 24; j++)
			word(REG32(RAM + 0x302000 + 4 * j));
		put('\n');
	}
	static const u32 bad[][2] = {{0x10000000, 0x302000}, {0x301000, 0x1e000100}, {0x301000, 0x10000000}};
	for (int i = 0; i < COUNT(bad); i++) {
		record(0x300020, 32, bad[i][0], bad[i][1], 0);
		REG32(RAM + 0x302000) = 0x55;
		set_gt(0xc18, 0);
		set_gt(0x830, 0x300020);
		set_gt(0x840, 0x3000);
		text("bad dma");
		word(REG32(RAM + 0x302000));
		word(REG32(NVRAM + 0x100));
		word(gt(0xc18));
		put('\n');
	}
	set_gt(0xc18, 0);
	set_gt(0x830, 0);
	set_gt(0x840, 0x3000);
	text("null dma");
	word(gt(0x840));
	word(gt(0xc18));
	put('\n');
	set_gt(0xc1c, 0);
}

/* A command to the thermometers selected by rst, with outbits of data sent and
 * inbits read from all four. */
static void thermometer(u32 rst, u32 command, int outbits, u32 data, int inbits)
{
	u32 v = command | data << 8;
	REG32(IO + 0x20c) = 0x10;
	REG32(IO + 0x20c) = rst | 0x10;
	for (int i = 0; i < 8 + outbits; i++) {
		REG32(IO + 0x20c) = rst;
		REG32(IO + 0x214) = v >> i & 1;
		REG32(IO + 0x20c) = rst | 0x10;
	}
	text("thermometer ");
	hex(command, 2);
	for (int i = 0; i < inbits; i++) {
		REG32(IO + 0x20c) = rst;
		put(' ');
		hex(REG32(IO + 0x22c), 1);
		REG32(IO + 0x20c) = rst | 0x10;
	}
	put('\n');
}

static void thermometers(void)
{
	thermometer(0xf, 0xaa, 0, 0, 10);
	thermometer(0xf, 0xac, 0, 0, 9);
	thermometer(0xf, 0x01, 9, 0x155, 2);
	thermometer(0xf, 0xa1, 0, 0, 10);
	thermometer(0x5, 0x02, 9, 0x0aa, 2);
	thermometer(0xf, 0xa2, 0, 0, 10);
	thermometer(0xf, 0x0c, 8, 0xc3, 2);
	thermometer(0xf, 0xac, 0, 0, 9);
	thermometer(0xf, 0xa0, 0, 0, 10);
	thermometer(0xf, 0xa9, 0, 0, 10);
	thermometer(0xf, 0xee, 0, 0, 3);
	thermometer(0xf, 0x22, 0, 0, 3);
	thermometer(0xf, 0x55, 0, 0, 3);
	thermometer(0xa, 0xaa, 0, 0, 10);
	thermometer(0xf, 0x0c, 8, 2, 0);
}

static void nvram(void)
{
	u64 pattern = 0x5CA33AC55CA33AC5ull, now = 0;

	show("calendar", NVRAM + 3, 1);
	REG8(NVRAM + 3) = 0xff;
	REG32(NVRAM) = 0x11223344;
	show("nvram", NVRAM, 4);
	show("nvram", NVRAM + 2, 2);
	show("calendar", NVRAM + 3, 1);
	for (int i = 0; i < 64; i++)
		REG8(NVRAM + 3) = pattern >> i;
	for (int i = 0; i < 64; i++)
		now |= (u64)(REG8(NVRAM + 3) & 1) << i;
	text("year ");
	hex(now >> 56, 2);
	text("\nmonth day weekday hundredths");
	word(now >> 32 & 0xffffff);
	hex(now, 2);
	put('\n');
	show("calendar", NVRAM + 3, 1);
	REG32(NVRAM) = 0;

	REG32(NVRAM + 0x400) = 0x01020304;
	REG8(NVRAM + 0x405) = 0xaa;
	REG16(NVRAM + 0x406) = 0xbbcc;
	for (int size = 1; size <= 4; size *= 2)
		show_range("nvram", NVRAM + 0x400, NVRAM + 0x410, size);
}

static void wait_line(void)
{
	for (int i = 0; i < 100000000 && !(lines() & 0x2000); i++)
		;
}

static void duart_state(const char *what)
{
	text(what);
	word(lines());
	word(REG32(IO + 0x42c));
	put('\n');
}

/* The user types three keys after each PROMPT. */
static void duart(void)
{
	text("PROMPT polled");
	for (int i = 0; i < 3; i++) {
		while (!(REG32(IO + 0x40c) & 1))
			;
		word(REG32(IO + 0x41c));
	}
	put('\n');
	show("sra", IO + 0x40c, 4);
	show("rhra", IO + 0x41c, 4);

	REG32(IO + 0x42c) = 2;
	text("PROMPT by interrupt");
	for (int i = 0; i < 3;) {
		wait_line();
		while (REG32(IO + 0x40c) & 1) {
			word(REG32(IO + 0x41c));
			i++;
		}
	}
	put('\n');
	duart_state("all read");
	REG32(IO + 0x42c) = 0;

	REG32(IO + 0x42c) = 1;
	wait_line();
	duart_state("ready to send");
	REG32(IO + 0x44c);
	REG32(IO + 0x44c + 3);
	duart_state("SRB read");
	REG32(IO + 0x40c);
	REG32(IO + 0x42c) = 0;
	duart_state("SRA read");
	REG32(IO + 0x41c) = 'A';
	REG8(IO + 0x41c) = 'B';
	REG8(IO + 0x41f) = 'C';
	duart_state("THRA written");
}

static u32 seed = SEED;

static u32 next_random(void)
{
	seed = seed * 1664525u + 1013904223u;
	return seed >> 8;
}

/* Reads and writes of registers of a device at random. Bits in keep are set
 * in what is written at offset guarded. */
static void random_registers(const char *what, u32 base, const u16 *offsets, int n, int rounds, u32 guarded, u32 keep)
{
	while (rounds--) {
		u32 off = offsets[next_random() % n], pick = next_random(), size = 1u << pick % 3;
		u32 v = next_random() | next_random() << 16;
		if (off & (size - 1))
			size = 1;
		if (off == guarded)
			v |= keep;
		text(what);
		if (pick & 0x100) {
			store(base + off, size, v);
			text(" write ");
		} else {
			v = load(base + off, size);
			text(" read ");
		}
		hex(off, 3);
		put('/');
		put('0' + size);
		word(v);
		word(lines());
		put('\n');
	}
}

static const u16 mp_offsets[] = {0x10, 0x11, 0x12, 0x13, 0x18, 0x1b, 0x20, 0x28, 0x38, 0x40, 0x48, 0x50, 0x58,
	0x60, 0x60, 0x60, 0x68, 0x68, 0x70, 0x78, 0x7b, 0x100, 0x14};
/* Not the thermometers' pins (see peer_test.go), the DUART's data and IMR. */
static const u16 io_offsets[] = {0x204, 0x21c, 0x21c, 0x21c, 0x22c, 0x234, 0x23c, 0x244, 0x254, 0x257, 0x294, 0x2a4,
	0x2d4, 0x2e4, 0x2f4, 0x388, 0x390, 0x338, 0x3c0, 0x3d6, 0x404, 0x40c, 0x414, 0x424, 0x434, 0x43c, 0x444, 0x44c,
	0x454, 0x46c, 0x474, 0x47c, 0x41f, 0x500};
static const u16 gt_offsets[] = {0x8, 0x10, 0x18, 0x20, 0x400, 0x404, 0x40c, 0x41c, 0x810, 0x824, 0x838, 0xc00, 0xc08,
	0xc0c, 0xc18, 0xc1c, 0xcf0, 0xcf8, 0x850, 0x864, 0x28, 0xc30};

void run(void)
{
	show_range("remote", REMOTE, REMOTE + 0x28, 4);
	show("remote", REMOTE + 0x2c, 4);
	show("remote", REMOTE + 0x44, 4);
	show("boot string", NVRAM + 0x80, 4);
	show("boot string", NVRAM + 0x200, 4);
	show_range("gt", GT, GT + 0x1000, 4);
	show_range("gt2", GT + 0x1000000, GT + 0x1001000, 4);
	for (int size = 1; size <= 4; size *= 2) {
		show_range("mp", MP, MP + 0x1000, size);
		show_range("io", IO, IO + 0x1000, size);
	}

	show("hidden bus", GT + 0xcfc, 4);
	next_bus = 1;
	scan(0xcf8, 0);
	next_bus = 1;
	scan(0xcf0, 0);
	config(0xcf8, 0, 1, 0x18);
	set_gt(0xcfc, 0x00020100);
	for (u32 bus = 0; bus < 4; bus++)
		for (u32 dev = 0; dev < 32; dev++) {
			config(0xcf8, bus, dev, 0);
			if (gt(0xcfc) != 0xffffffff) {
				text("behind device 1:");
				word(bus << 8 | dev);
				word(gt(0xcfc));
				put('\n');
			}
		}

	eeprom("cpu", IO + 0x21c, 0, 2, 1, 0, 6);
	eeprom("midplane", IO + 0x21c, 0, 5, 4, 3, 7);
	eeprom("pem", IO + 0x388, 0, 1, 0, 2, 3);
	eeprom("bay 0", MP + 0x60, 0, 1, 3, 4, 6);
	eeprom("bay 1", MP + 0x60, 0, 9, 11, 12, 14);
	eeprom("bay 4", MP + 0x60, 0, 17, 19, 20, 22);
	eeprom("bay 3", MP + 0x60, 0, 25, 27, 28, 30);
	eeprom("bay 2", MP + 0x68, 3, 9, 11, 12, 14);
	eeprom("bay 6", MP + 0x68, 3, 17, 19, 20, 22);
	eeprom("bay 5", MP + 0x68, 3, 25, 27, 28, 30);
	eeprom("bay 7", IO + 0x2e4, 0, 25, 27, 28, 30);

	dma();
	thermometers();
	for (u32 mux = 0; mux < 16; mux++) {
		REG32(IO + 0x214) = mux;
		show("voltage", IO + 0x257, 1);
		show("voltage", IO + 0x254, 4);
	}
	nvram();

	show("undefined", 0xB0000000, 4);
	show("second controller", 0xB5000c00, 4);
	show("zero window", 0xBF000000, 4);
	show("cached FPGA", 0x9E84023C, 4);
	show("cached NVRAM", 0x9E000400, 4);

	duart();

	random_registers("mp", MP, mp_offsets, COUNT(mp_offsets), 2000, 0x68, 3);
	random_registers("io", IO, io_offsets, COUNT(io_offsets), 2000, 0xffff, 0);
	random_registers("gt", GT, gt_offsets, COUNT(gt_offsets), 1000, 0xffff, 0);
	text("END\n");
	REG32(REMOTE + 0x34) = 0;
	for (;;)
		;
}

void start(void) __attribute__((section(".text.start")));
void start(void)
{
	asm volatile("la $29,0x80300000; la $25,run; jalr $25; nop");
	for (;;)
		;
}
