#include "cli.h"
#include "board.h"

/* The configuration file system in NVRAM (c7200 reference, 9.4), raw format.
 * Offsets are from its start, behind what the ROM monitor keeps. */
#define FS_MAGIC_AT 0x06
#define FS_MAGIC 0xf0a5
#define SC_MAGIC_AT 0x08
#define SC_MAGIC 0xabcd
#define SC_FORMAT 0x0a
#define SC_CHECKSUM 0x0c
#define SC_0C04 0x0e
#define SC_START 0x10
#define SC_END 0x14
#define SC_LENGTH 0x18
#define SC_DATA 0x2c
#define FORMAT_RAW 1
#define PC_MAGIC 0xfedc
#define PC_HEADER 16u
#define SECTOR 0x400u

static u32 base(void)
{
	return KSEG1(machine.board->nvram + machine.board->nvram_reserved);
}

static u32 size(void)
{
	u32 s = machine.nvram_size - machine.board->nvram_reserved;

	return machine.nvram_size > machine.board->nvram_reserved ? s & ~(SECTOR - 1) : 0;
}

static u16 nv16(u32 off) { return *(volatile u16 *)(base() + off); }
static void set16(u32 off, u32 v) { *(volatile u16 *)(base() + off) = (u16)v; }
static u32 nv32(u32 off) { return (u32)nv16(off) << 16 | nv16(off + 2); }
static void set32(u32 off, u32 v) { set16(off, v >> 16); set16(off + 2, v); }

static u16 checksum(void)
{
	u32 sum = 0, n = size();

	for (u32 off = SC_MAGIC_AT; off < n; off += 2)
		if (off != SC_CHECKSUM)
			sum += nv16(off);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u16)~sum;
}

u32 nvram_config_space(void)
{
	return size() ? size() - SC_DATA - PC_HEADER - 4 : 0;
}

int nvram_valid(void)
{
	return size() && nv16(FS_MAGIC_AT) == FS_MAGIC;
}

int nvram_read_config(char *d, u32 max)
{
	u32 len, i;

	if (!nvram_valid() || nv16(SC_MAGIC_AT) != SC_MAGIC)
		return 0;
	len = nv32(SC_LENGTH);
	if (nv16(SC_FORMAT) != FORMAT_RAW || nv16(SC_CHECKSUM) != checksum() || len > max || len > nvram_config_space())
		return -1;
	for (i = 0; i < len; i++)
		d[i] = (char)io_r8(base() + SC_DATA + i);
	return (int)len;
}

/* The private configuration, which is kept when the startup one changes. */
static u32 read_private(u8 *d, u32 max)
{
	u32 at, len, i;

	if (!nvram_valid() || nv16(SC_MAGIC_AT) != SC_MAGIC || nv32(SC_LENGTH) > nvram_config_space())
		return 0;
	at = (SC_DATA + nv32(SC_LENGTH) + 3) & ~3u;
	if (at + PC_HEADER > size() || nv16(at) != PC_MAGIC)
		return 0;
	len = nv32(at + 12);
	if (len > max || at + PC_HEADER + len > size())
		return 0;
	for (i = 0; i < len; i++)
		d[i] = io_r8(base() + at + PC_HEADER + i);
	return len;
}

/* Bytes used by both configurations, in whole sectors. */
static u32 used(void)
{
	u32 at;

	if (!nvram_valid() || nv16(SC_MAGIC_AT) != SC_MAGIC || nv32(SC_LENGTH) > nvram_config_space())
		return SECTOR;
	at = (SC_DATA + nv32(SC_LENGTH) + 3) & ~3u;
	if (at + PC_HEADER <= size() && nv16(at) == PC_MAGIC && nv32(at + 12) < size())
		at += PC_HEADER + nv32(at + 12);
	at = (at + SECTOR - 1) & ~(SECTOR - 1);
	return at < size() ? at : size();
}

static void format(void)
{
	for (u32 off = 0; off < size(); off += 2)
		set16(off, 0);
	set16(FS_MAGIC_AT, FS_MAGIC);
	set16(SC_CHECKSUM, 0xffff);
}

static void put_bytes(u32 off, const void *d, u32 len)
{
	const u8 *s = d;

	while (len--)
		io_w8(base() + off++, *s++);
}

int nvram_write_config(const char *d, u32 len)
{
	static u8 private[4096];
	u32 phys = machine.board->nvram + machine.board->nvram_reserved;
	u32 plen, at, old, off;

	if (!size())
		return 0;
	plen = read_private(private, sizeof(private));
	if (len + plen > nvram_config_space())
		return 0;
	if (!nvram_valid())
		format();
	old = used();
	/* No magic while the contents are inconsistent. */
	set16(SC_MAGIC_AT, 0);
	for (off = SC_FORMAT; off < old; off += 2)
		set16(off, 0);
	put_bytes(SC_DATA, d, len);
	set16(SC_FORMAT, FORMAT_RAW);
	set16(SC_0C04, 0x0c04);
	set32(SC_START, phys + SC_DATA);
	set32(SC_END, phys + SC_DATA + len);
	set32(SC_LENGTH, len);
	at = (SC_DATA + len + 3) & ~3u;
	set16(at, PC_MAGIC);
	set16(at + 2, FORMAT_RAW);
	set32(at + 4, phys + at + PC_HEADER);
	set32(at + 8, phys + at + PC_HEADER + plen);
	set32(at + 12, plen);
	put_bytes(at + PC_HEADER, private, plen);
	set16(SC_MAGIC_AT, SC_MAGIC);
	set16(SC_CHECKSUM, checksum());
	return 1;
}

int nvram_erase(void)
{
	if (!size())
		return 0;
	format();
	return 1;
}
