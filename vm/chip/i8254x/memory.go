package i8254x

import (
	"encoding/binary"
	"math/bits"
)

// descriptor is one entry of a ring: 16 bytes, four words.
type descriptor struct {
	addr uint64
	word [4]uint32
}

func (d *descriptor) buffer() uint64 { return uint64(d.word[1])<<32 | uint64(d.word[0]) }

func (c *Chip) descriptorAt(base uint64, n uint32) (d descriptor) {
	d.addr = base + 16*uint64(n)
	b := c.scratch[:]
	c.cfg.Memory.ReadAt(d.addr, b)
	little := c.byteInvariant()
	for i := range d.word {
		if little {
			d.word[i] = binary.LittleEndian.Uint32(b[4*i:])
		} else {
			d.word[i] = binary.BigEndian.Uint32(b[4*i:])
		}
	}
	return d
}

func (c *Chip) putWord(pa uint64, v uint32) {
	if c.byteInvariant() {
		v = bits.ReverseBytes32(v)
	}
	c.cfg.Memory.Write32(pa, v)
}

// behind returns where the bytes at pa are to be found in natural order, if
// anywhere.
func (c *Chip) behind(pa uint64, n int) (uint64, bool) {
	if c.byteInvariant() {
		return pa, true
	}
	if c.cfg.Unswap != nil {
		return c.cfg.Unswap(pa, n)
	}
	return 0, false
}

// readData fills p from a buffer of the guest. On a word-invariant bus byte a
// of the chip's memory is byte a XOR 3 of the bus (section 4).
func (c *Chip) readData(pa uint64, p []byte) {
	if at, ok := c.behind(pa, len(p)); ok {
		c.cfg.Memory.ReadAt(at, p)
		return
	}
	for len(p) > 0 {
		skip := int(pa & 3)
		n := min(len(p), len(c.lanes)-8)
		b := c.lanes[:(skip+n+3)&^3]
		c.cfg.Memory.ReadAt(pa&^3, b)
		swapLanes(b)
		copy(p[:n], b[skip:])
		pa, p = pa+uint64(n), p[n:]
	}
}

// writeData stores p in a buffer of the guest; see readData. Nothing but the
// bytes of p is written.
func (c *Chip) writeData(pa uint64, p []byte) {
	if at, ok := c.behind(pa, len(p)); ok {
		c.cfg.Memory.WriteAt(at, p)
		return
	}
	for len(p) > 0 {
		n := 1
		if pa&3 == 0 && len(p) >= 4 {
			n = min(len(p), len(c.lanes)) &^ 3
		}
		b := c.lanes[:copy(c.lanes[:n], p)]
		if n == 1 {
			c.cfg.Memory.WriteAt(pa^3, b)
		} else {
			swapLanes(b)
			c.cfg.Memory.WriteAt(pa, b)
		}
		pa, p = pa+uint64(n), p[n:]
	}
}

// swapLanes reverses the bytes of each longword of p.
func swapLanes(p []byte) {
	for ; len(p) >= 4; p = p[4:] {
		p[0], p[1], p[2], p[3] = p[3], p[2], p[1], p[0]
	}
}
