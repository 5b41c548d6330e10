#include "probe.h"

/* PA-4B: adapters-7200 reference, 17. Dynamips prints what it does with the
 * Munich32 on its standard output; the harness leaves those lines out. */
#define CHIP 0x08                /* the Munich32's configuration in the window */
#define SID 0x40050

static const struct func *f;
static u32 regs;

static void management(void *arg UNUSED)
{
	say("%s management interrupt: %08x", f->name, io_r32(MP + 0x40));
}

static void munich(u32 action, const char *what, u32 queue)
{
	io_w32(regs + CHIP, action);
	say("%s %s action reads %08x lines %04x", f->name, what, io_r32(regs + CHIP), lines());
	for (u32 i = 0; i < 16; i += 4)
		say("%s %s queue +%02x %08x %08x %08x %08x", f->name, what, 4 * i, io_r32(queue + 4 * i), io_r32(queue + 4 * i + 4),
			io_r32(queue + 4 * i + 8), io_r32(queue + 4 * i + 12));
}

void pa4b(struct func *fn, int how)
{
	int full = how == FULL;
	static const u32 places[] = { 0x08, 0x0c, 0x94, 0x294, 0x314, 0x40000, 0x40008, 0x40020, 0x40030, 0x40040, 0x40044, 0x40060, 0x7fffc };

	f = fn;
	regs = fn->regs;
	(void)begin(f, how);
	for (u32 i = 1; i < ARRAY_LEN(places); i++) {
		io_w32(regs + places[i], 0x12345678);
		say("%s written %05x %08x %04x %02x", f->name, places[i], io_r32(regs + places[i]), (u32)load(regs + places[i] + 2, 2),
			(u32)load(regs + places[i] + 3, 1));
		io_w32(regs + places[i], 0);
	}
	for (u32 c = 0; c < 0x100; c++) {
		store(regs + SID, 1, c);
		u32 got = (u32)load(regs + SID, 1), line = lines();
		say("%s sid command %02x: %02x lines %04x", f->name, c, got, line);
		if (line & 0x0800)
			(void)io_r32(MP + 0x40);
	}
	store(regs + SID, 1, 0x20);
	(void)load(regs + SID, 1);
	say("%s taken %08x", f->name, take(ST_IM(3), management, NULL));
	if (!full)
		return;
	u32 queue = arena(64);
	io_w32(regs + CHIP + 4, PHYS(queue));
	io_w32(regs + CHIP + 8, 0);
	for (u32 i = 0; i < 32; i++)
		io_w32(regs + CHIP + 0x0c + 4 * i, 0);
	munich(0x00000004, "interrupt queue", queue);
	io_w32(regs + CHIP + 0x8c + 16 * 3, 0x00000000);
	munich(0x00008300, "channel 3", queue);
	munich(0x00004300, "channel 3 alone", queue);
	munich(0x00008380, "no interrupt", queue);
	munich(0x00000040, "reset", queue);
	(void)io_r32(MP + 0x40);
}

/* PA-MC-8TE1: 18. The second function is the bridge with all there is. */
void pa_mc8te1(struct func *fn, int how)
{
	static const u32 places[] = { 0x00, 0x04, 0x08, 0x0c, 0x10, 0x18, 0x20, 0xfff0, 0x10000, 0x10004, 0x1fffc, 0x2fffc, 0x30000, 0xfff0c, 0xfff10 };

	f = fn;
	(void)begin(f, how);
	for (u32 i = 0; i < nfuncs; i++) {
		struct func *b = &funcs[i];

		if (b->slot != f->slot || b->unit != 1)
			continue;
		static const u32 ranges[] = { 0xffffffff, 0xffff0000, 0 };
		for (u32 r = 0; r < 2; r++)
			for (u32 k = 0; k < ARRAY_LEN(ranges); k++) {
				u32 at = b->regs + (r ? 0xf0 : 0);

				io_w32(at, ranges[k]);
				say("%s range%u %08x reads %08x", b->name, r, ranges[k], io_r32(at));
			}
		io_w32(b->regs, 0xfff00000);
		io_w32(b->regs + 0xf0, 0xfff00000);
		u32 local = place_window(b, 0x18, 0x100000);
		for (u32 p = 0; p < ARRAY_LEN(places); p++) {
			u32 a = local + places[p], fresh = io_r32(a);

			for (u32 size = 1; size <= 4; size *= 2) {
				io_w32(a, 0);
				store(a, size, 0x89abcdef);
				say("%s local %05x fresh %08x written in %u bytes %08x %04x %02x", b->name, places[p], fresh, size, io_r32(a),
					(u32)load(a + 2, 2), (u32)load(a + 3, 1));
			}
			io_w32(a, 0);
		}
		for (u32 v = 1; v; v <<= 8) {
			io_w32(b->regs + 0x60, v);
			say("%s doorbell %08x lines %04x reads %08x %08x", b->name, v, lines(), io_r32(b->regs + 0x60), io_r32(b->regs + 0x64));
			say("%s doorbell taken %08x", b->name, take(ST_IM(3), management, NULL));
		}
	}
}
