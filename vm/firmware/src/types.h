#ifndef TYPES_H
#define TYPES_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed int s32;
typedef unsigned int size_t;

#define NULL ((void *)0)
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define UNUSED __attribute__((unused))

/* Unmapped segments (MIPS III, 32-bit view). */
#define KSEG0(pa) ((u32)(pa) | 0x80000000u)
#define KSEG1(pa) ((u32)(pa) | 0xa0000000u)
#define PHYS(va) ((u32)(va) & 0x1fffffffu)

static inline u8 io_r8(u32 va) { return *(volatile u8 *)va; }
static inline u32 io_r32(u32 va) { return *(volatile u32 *)va; }
static inline void io_w8(u32 va, u8 v) { *(volatile u8 *)va = v; }
static inline void io_w32(u32 va, u32 v) { *(volatile u32 *)va = v; }

static inline u32 swap32(u32 v)
{
	return v << 24 | (v & 0xff00) << 8 | (v >> 8 & 0xff00) | v >> 24;
}

/* Unaligned big-endian access to packet data. */
struct una16 { u16 v; } __attribute__((packed));
struct una32 { u32 v; } __attribute__((packed));
static inline u16 get16(const void *p) { return ((const struct una16 *)p)->v; }
static inline u32 get32(const void *p) { return ((const struct una32 *)p)->v; }
static inline void put16(void *p, u32 v) { ((struct una16 *)p)->v = (u16)v; }
static inline void put32(void *p, u32 v) { ((struct una32 *)p)->v = v; }

#endif
