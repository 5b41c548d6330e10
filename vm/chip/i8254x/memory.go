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

// readData fills p from a buffer of the guest.
func (c *Chip) readData(pa uint64, p []byte) {
	if c.byteInvariant() {
		c.cfg.Memory.ReadAt(pa, p)
	} else {
		c.lanes.ReadAt(pa, p)
	}
}

// writeData stores p in a buffer of the guest.
func (c *Chip) writeData(pa uint64, p []byte) {
	if c.byteInvariant() {
		c.cfg.Memory.WriteAt(pa, p)
	} else {
		c.lanes.WriteAt(pa, p)
	}
}
