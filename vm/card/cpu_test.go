package card

import (
	"testing"

	"dynemu/vm/mips"
)

// A guest's plain stores to RAM start transmissions, also where the processor
// had cached the way to the page before the chip began to watch it, through
// both unmapped segments.
func TestGuestStoreTransmits(t *testing.T) {
	const (
		code = 0x8000
		ring = 0x1000
		buf  = 0x2000
	)
	type driver struct {
		card    string
		control uint32 // of a descriptor with a whole frame, word 0
		start   func(b *bay, base uint64)
	}
	drivers := []driver{
		{"PA-4T+", 0xE0000010, func(b *bay, base uint64) {
			m := b.slot.Map
			m.Write32(ring+4, buf)
			m.Write32(base+0x180, ring)
			m.Write32(base+0x184, ring)
			m.Write32(base+0x2C24, 0)
			m.Write32(base+0x14, 1)
		}},
		{"PA-FE-TX", 0x80000000, func(b *bay, base uint64) {
			m := b.slot.Map
			m.Write32(ring+4, 0x62000040)
			m.Write32(ring+8, buf)
			m.Write32(base+8*4, ring)
			m.Write32(base+8*6, 1<<13)
		}},
		{"PA-4E", 0x83000000 | buf, func(b *bay, base uint64) { // 16-bit software style
			m := b.slot.Map
			m.Write32(ring+4, 0xFFC4)
			for _, w := range [][2]uint32{{30, ring}, {78, 0xFFFF}, {0, 2}} {
				m.Write32(base+0x14, w[0])
				m.Write32(base+0x10, w[1])
			}
		}},
	}
	for _, d := range drivers {
		for _, segment := range []uint32{0x80000000, 0xA0000000} {
			b := newBay(t, 1, 0)
			c := b.insert(d.card)
			var wire cable
			c.Ports()[0].Attach(&wire)
			const base = 0x48000000
			b.setConfig(0, 0x10, base)
			b.setConfig(0, 0x14, base)

			const frames = 50
			const t0, t1, t2, t3 = 8, 9, 10, 11
			program := []uint32{
				0x3C000000 | t0<<16 | segment>>16,   // lui t0, segment
				0x35000000 | t0<<21 | t0<<16 | ring, // ori t0, t0, ring
				0x3C000000 | t1<<16 | d.control>>16, // lui t1, control
				0x35000000 | t1<<21 | t1<<16 | d.control&0xFFFF,
				0x24000000 | t3<<16 | frames,          // li t3, frames
				0xAC000000 | t0<<21 | t1<<16,          // 1: sw t1, 0(t0)
				0x8C000000 | t0<<21 | t2<<16,          // 2: lw t2, 0(t0)
				0x04000000 | t2<<21 | 0xFFFE,          //    bltz t2, 2b
				0x24000000 | t3<<21 | t3<<16 | 0xFFFF, //    addiu t3, t3, -1 (delay slot, runs per look)
				0x1C000000 | t3<<21 | 0xFFFB,          //    bgtz t3, 1b
				0,
				0x1000FFFF, // b .
				0,
			}
			for i, w := range program {
				b.slot.Map.Write32(code+uint64(4*i), w)
			}
			cpu := mips.New(mips.Config{Map: b.slot.Map, Clock: b.slot.Clock})
			at := func(pc uint32) {
				cpu.State().PC = uint64(int64(int32(pc)))
				cpu.StateChanged()
			}
			// The processor stores to the page before anybody watches it. A
			// stopped chip never takes the word back, so end after some turns.
			at(0x80000000 | code)
			cpu.Run(200)
			if b.slot.Map.Read32(ring) != d.control {
				t.Fatalf("%s: the guest's store is not in memory", d.card)
			}
			b.slot.Map.Write32(ring, 0)
			d.start(b, base)
			at(0x80000000 | code)
			cpu.Run(2000)
			if len(wire.sent) != frames {
				t.Errorf("%s, segment %08X: %d frames sent, want %d", d.card, segment, len(wire.sent), frames)
			}
		}
	}
}
