#include "probe.h"

const struct board *board;
const struct card *slot_card[SLOTS];

/* The state in which the boot ROM hands over (cpu reference, 1.3, 3, 8.2). */
void identity(void)
{
#define CP0(n) ({ u32 v; __asm__ volatile("mfc0 %0, $" #n "\n\tnop" : "=r"(v)); v; })
	say("cp0 prid %08x config %08x info %08x", CP0(15), CP0(16), CP0(7));
	say("cp0 index %08x wired %08x pagemask %08x entryhi %08x lo %08x %08x", CP0(0), CP0(6), CP0(5), CP0(10), CP0(2), CP0(3));
	say("cp0 context %08x badvaddr %08x compare %08x watch %08x %08x", CP0(4), CP0(8), CP0(11), CP0(18), CP0(19));
	say("cp0 ecc %08x cacheerr %08x tag %08x %08x errorepc %08x", CP0(26), CP0(27), CP0(28), CP0(29), CP0(30));
	for (u32 i = 0; i < 64; i++) {
		__asm__ volatile(".set push\n\t.set noreorder\n\tmtc0 %0, $0\n\tnop\n\tnop\n\ttlbr\n\tnop\n\tnop\n\t.set pop" : : "r"(i));
		say("tlb %u %08x %08x %08x %08x", i, CP0(5), CP0(10), CP0(2), CP0(3));
	}
#undef CP0
	for (u32 n = 0; n <= 134; n++) {
		/* Those that stop, or write through a pointer. */
		if (n == 8 || n == 43 || n == 1 || n == 35 || n == 37 || n == 44 || n == 45 || n == 46 || n == 42 || n == 10)
			continue;
		say("rom service %u %08x", n, rom_call(n, 0, 0, 0));
	}
	for (u32 n = 0; n < 16; n++)
		say("rom string %u %.16s / %.16s", n, (const char *)NVRAM + 0x80, (const char *)NVRAM + 0x200);
}

/* 9 bits out, 16 in, least significant first; DOUT counts while the clock is
 * high (c7200 reference, 8.2). */
static void shift_out(const struct socket *s, u32 bits, u32 n)
{
	u32 select = s->keep | 1u << s->cs;

	for (u32 i = 0; i < n; i++) {
		u32 v = select | (bits >> i & 1) << s->din;

		io_w32(KSEG1(s->reg), v);
		io_w32(KSEG1(s->reg), v | 1u << s->clk);
		io_w32(KSEG1(s->reg), v);
	}
}

static u32 shift_in(const struct socket *s, u32 n)
{
	u32 select = s->keep | 1u << s->cs, w = 0;

	for (u32 i = 0; i < n; i++) {
		io_w32(KSEG1(s->reg), select | 1u << s->clk);
		w |= (io_r32(KSEG1(s->reg)) >> s->dout & 1) << i;
		io_w32(KSEG1(s->reg), select);
	}
	return w;
}

static void select_eeprom(const struct socket *s)
{
	io_w32(KSEG1(s->reg), s->keep);
	io_w32(KSEG1(s->reg), s->keep | 1u << s->cs);
}

u16 eeprom_word(const struct socket *s, u32 addr)
{
	u32 w;

	select_eeprom(s);
	shift_out(s, 3 | addr << 3, 9);
	w = shift_in(s, 16);
	io_w32(KSEG1(s->reg), s->keep);
	return (u16)w;
}

static void eeprom(const struct socket *s)
{
	for (u32 a = 0; a < 64; a += 8) {
		u16 w[8];

		for (u32 i = 0; i < 8; i++)
			w[i] = eeprom_word(s, a + i);
		say("eeprom %s %u %04x %04x %04x %04x %04x %04x %04x %04x", s->name, a, w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]);
	}
	/* The protocol's corners: idle, every opcode, leading zeros, no end of
	 * selection between two commands, data beyond the word. */
	select_eeprom(s);
	say("eeprom %s selected %08x", s->name, io_r32(KSEG1(s->reg)));
	for (u32 op = 0; op < 4; op++)
		for (u32 zeros = 0; zeros < 3; zeros++) {
			u32 a, b;

			select_eeprom(s);
			shift_out(s, (1 | op << 1 | 5 << 3) << zeros, 9 + zeros);
			a = shift_in(s, 20);
			shift_out(s, 3, 9);
			b = shift_in(s, 16);
			io_w32(KSEG1(s->reg), s->keep);
			say("eeprom %s opcode %u after %u zeros %05x then %04x", s->name, op, zeros, a, b);
		}
	for (u32 bit = 0; bit < 32; bit++) {
		io_w32(KSEG1(s->reg), s->keep | 1u << bit);
		say("eeprom %s pin %u reads %08x", s->name, bit, io_r32(KSEG1(s->reg)));
	}
	io_w32(KSEG1(s->reg), s->keep);
}

void eeproms(void)
{
	for (u32 i = 0; i < nboard_sockets; i++)
		eeprom(&board_sockets[i]);
	for (u32 i = 0; i < nslot_sockets; i++)
		eeprom(&slot_sockets[i]);
}

void find_board(void)
{
	const struct socket *cpu = &board_sockets[0], *pem = &board_sockets[2];

	for (u32 i = 0; i < nboards; i++) {
		const struct board *b = &boards[i];

		if (eeprom_word(cpu, 0) == b->cpu[0] && eeprom_word(cpu, 1) == b->cpu[1] && (!b->pem || eeprom_word(pem, 0) == b->pem))
			board = b;
	}
	if (!board) {
		say("unknown board");
		board = &boards[0];
	}
	say("board %s", board->name);
}

void find_cards(void)
{
	for (u32 s = 0; s < SLOTS; s++) {
		u16 w0 = eeprom_word(&slot_sockets[s], 0), w1 = eeprom_word(&slot_sockets[s], 1), w2 = eeprom_word(&slot_sockets[s], 2);

		if (w0 == 0x04ff) {
			w0 = w1;
			w1 = w2;
		}
		for (u32 i = 0; i < ncards; i++)
			if (w0 == cards[i].eeprom[0] && w1 == cards[i].eeprom[1])
				slot_card[s] = &cards[i];
		say("card %u %s", s, slot_card[s] ? slot_card[s]->name : w0 == 0xffff ? "none" : "unknown");
	}
}

/* Everything that does not read 0 in a page of registers, a line a 256 bytes.
 * The data registers of the DUART stay out: the harness answers through them. */
static void scan(const char *where, u32 va, u32 size)
{
	for (u32 at = 0; at < 0x1000; at += 0x100) {
		char text[600];
		int n = 0;

		text[0] = 0;
		for (u32 o = at; o < at + 0x100 && n < 560; o += size) {
			u64 v;

			if (va == REMOTE && o >= 0x34 && o < 0x60)
				continue;
			v = load(va + o, size);
			if (v)
				n += snprintf(text + n, sizeof(text) - (size_t)n, " %03x=%llx", o, v);
		}
		say("scan %s/%u %03x%s", where, size, at, text);
	}
}

/* Every register of the board in every width, then whatever else there is. */
void registers(void)
{
	for (u32 i = 0; i < nblocks; i++)
		for (u32 j = 0; j < blocks[i].n; j++)
			show_reg(blocks[i].name, &blocks[i].regs[j], KSEG1(blocks[i].base));
	for (u32 i = 0; i < ngt_regs; i++) {
		struct reg r = { "", gt_regs[i] };

		show_reg("gt", &r, KSEG1(GT));
		show_reg("gt2", &r, KSEG1(GT2));
	}
	for (u32 size = 1; size <= 4; size *= 2) {
		scan("mp", MP, size);
		scan("io", IO, size);
		scan("remote", REMOTE, size);
	}
	scan("gt", KSEG1(GT), 4);
	scan("gt2", KSEG1(GT2), 4);
	for (u32 mux = 0; mux < 32; mux++) {
		io_w32(IO + 0x214, mux);
		say("voltage %02x %02x %02x %08x", mux, (u32)load(IO + 0x257, 1), (u32)load(IO + 0x256, 1), (u32)load(IO + 0x254, 4));
	}
	io_w32(IO + 0x214, 0);
}

/* Patterns into the registers that store, in every width, and back; then those
 * that should not. */
static void pattern(const char *where, u32 va, u32 off, u32 keep)
{
	static const u32 patterns[] = { 0xffffffff, 0x00000000, 0xa5a5a5a5, 0x12345678 };

	for (u32 size = 1; size <= 4; size *= 2)
		for (u32 i = 0; i < ARRAY_LEN(patterns); i++) {
			store(va + off, size, patterns[i] | keep);
			say("write %s %03x/%u %08x reads %08x", where, off, size, patterns[i] | keep, io_r32(va + off));
		}
	store(va + off, 4, keep);
}

void writes(void)
{
	static const u16 mp[] = { 0x10, 0x14, 0x18, 0x20, 0x28, 0x38, 0x40, 0x48, 0x50, 0x58, 0x60, 0x70, 0x78, 0x80 };
	static const u16 io[] = { 0x200, 0x204, 0x20c, 0x21c, 0x234, 0x23c, 0x244, 0x254, 0x294, 0x2a4, 0x2d4, 0x2e4,
		0x2f4, 0x338, 0x388, 0x390, 0x3c0, 0x404, 0x424, 0x434, 0x43c, 0x444, 0x464, 0x46c, 0x474, 0x47c };
	static const u16 gt[] = { 0x000, 0x008, 0x010, 0x018, 0x020, 0x028, 0x400, 0x404, 0x408, 0x41c, 0x80c, 0x810, 0x814, 0x828,
		0x83c, 0x850, 0x860, 0x864, 0x870, 0xc00, 0xc04, 0xc08, 0xc0c, 0xc18, 0xc1c, 0xc24, 0xc28, 0xc98, 0xc9c };

	for (u32 i = 0; i < ARRAY_LEN(mp); i++)
		pattern("mp", MP, mp[i], 0);
	pattern("mp", MP, 0x68, 3);
	for (u32 i = 0; i < ARRAY_LEN(io); i++)
		pattern("io", IO, io[i], 0);
	for (u32 i = 0; i < ARRAY_LEN(gt); i++)
		pattern("gt", KSEG1(GT), gt[i], 0);
	/* One supply, the other, both. */
	for (u32 power = 1; power <= 3; power++) {
		io_w32(MP + 0x68, power);
		for (u32 mux = 0; mux < 4; mux += 2) {
			io_w32(IO + 0x214, mux);
			say("power %u: status %08x, supply %u: %02x", power, io_r32(MP + 0x68), mux / 2, (u32)load(IO + 0x257, 1));
		}
	}
	/* The remote-control device: cookies, and a ROM monitor variable. */
	for (u32 i = 0; i < 66; i++) {
		io_w32(REMOTE + 0x4c, i);
		say("cookie %u: %08x %08x", i, io_r32(REMOTE + 0x4c), io_r32(REMOTE + 0x50));
	}
	static const char *const vars[] = { "PROBE=first value", "PROBE=2", "OTHER=", "=empty", "nothing", "PROBE", "OTHER", "NONE" };
	for (u32 i = 0; i < ARRAY_LEN(vars); i++) {
		u32 command = i < 5 ? 1 : 2, status;
		char value[40];

		io_w32(REMOTE + 0x58, 3);
		for (const char *s = vars[i]; *s; s++)
			io_w32(REMOTE + 0x54, (u32)*s);
		io_w32(REMOTE + 0x58, command);
		status = io_r32(REMOTE + 0x58);
		if (status == 0 && command == 2) {
			u32 n = 0;

			while (n < sizeof(value) - 1 && (value[n] = (char)io_r32(REMOTE + 0x54)))
				n++;
			value[n] = 0;
			say("variable %s: %08x %s", vars[i], status, value);
		} else {
			say("variable %s: %08x", vars[i], status);
		}
	}
}

/* Reads and writes in a random order, where the order may matter: pins,
 * masks, controllers. */
static u32 seed = 4711;

static u32 next_random(void)
{
	seed = seed * 1664525u + 1013904223u;
	return seed >> 8;
}

static void random(const char *where, u32 va, const u16 *offsets, u32 n, u32 rounds, u32 guarded, u32 keep)
{
	while (rounds--) {
		u32 off = offsets[next_random() % n], pick = next_random(), size = 1u << pick % 3;
		u32 v = next_random() | next_random() << 16;

		if (off & (size - 1))
			size = 1;
		if (off == guarded)
			v |= keep;
		if (pick & 0x100)
			store(va + off, size, v);
		else
			v = (u32)load(va + off, size);
		say("random %s %s %03x/%u %08x lines %04x", where, pick & 0x100 ? "write" : "read", off, size, v, lines());
	}
}

void random_registers(void)
{
	static const u16 mp[] = { 0x10, 0x11, 0x12, 0x13, 0x18, 0x1b, 0x20, 0x28, 0x38, 0x40, 0x48, 0x50, 0x58,
		0x60, 0x60, 0x60, 0x68, 0x68, 0x70, 0x78, 0x7b, 0x100, 0x14 };
	/* Not the thermometers' pins and not the DUART's data and mask. */
	static const u16 io[] = { 0x204, 0x21c, 0x21c, 0x21c, 0x22c, 0x234, 0x23c, 0x244, 0x254, 0x257, 0x294, 0x2a4,
		0x2d4, 0x2e4, 0x2f4, 0x388, 0x390, 0x338, 0x3c0, 0x3d6, 0x404, 0x40c, 0x414, 0x424, 0x434, 0x43c, 0x444, 0x44c,
		0x454, 0x46c, 0x474, 0x47c, 0x41f, 0x500 };
	static const u16 gt[] = { 0x8, 0x10, 0x18, 0x20, 0x400, 0x404, 0x40c, 0x41c, 0x810, 0x824, 0x838, 0xc00, 0xc08,
		0xc0c, 0xc18, 0xc1c, 0xcf0, 0xcf8, 0x850, 0x864, 0x28, 0xc30 };

	for (const char *s = board->name; *s; s++)
		seed = seed * 31 + (u8)*s;
	random("mp", MP, mp, ARRAY_LEN(mp), 300, 0x68, 3);
	random("io", IO, io, ARRAY_LEN(io), 300, 0xffff, 0);
	random("gt", KSEG1(GT), gt, ARRAY_LEN(gt), 200, 0xffff, 0);
}
