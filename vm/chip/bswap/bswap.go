// Package bswap is the byte-swapped window through which a big-endian CPU sees
// memory and devices in little-endian order within each 32-bit word.
//
// Source: c7200 reference 2.4: byte a of the window is byte a XOR 3 of the
// target.
package bswap

import (
	"encoding/binary"
	"math/bits"

	"dynemu/vm/chip"
	"dynemu/vm/mem"
)

// Window shows the physical memory at Base byte-swapped. It has no state.
type Window struct {
	Mem  chip.Memory
	Base uint64 // physical address of the target, a multiple of 8

	lanes chip.Lanes
}

// ReadThrough implements mem.View.
func (w *Window) ReadThrough(b *mem.Bus, off uint64, p []byte) {
	w.lanes.Memory = b
	w.lanes.ReadAt(w.Base+off, p)
}

// WriteThrough implements mem.View.
func (w *Window) WriteThrough(b *mem.Bus, off uint64, p []byte) {
	w.lanes.Memory = b
	w.lanes.WriteAt(w.Base+off, p)
}

// Read implements mem.Device. A 64-bit access, which the reference leaves
// open, is two 32-bit ones: byte a is still byte a XOR 3.
func (w *Window) Read(off uint64, size int) uint64 {
	var b [8]byte
	pa := w.Base + off
	switch size {
	case 1:
		w.Mem.ReadAt(pa^3, b[:1])
		return uint64(b[0])
	case 2:
		w.Mem.ReadAt(pa^2, b[:2])
		return uint64(binary.LittleEndian.Uint16(b[:2]))
	case 4:
		return uint64(bits.ReverseBytes32(w.Mem.Read32(pa)))
	}
	return uint64(bits.ReverseBytes32(w.Mem.Read32(pa)))<<32 | uint64(bits.ReverseBytes32(w.Mem.Read32(pa+4)))
}

// Write implements mem.Device.
func (w *Window) Write(off uint64, size int, v uint64) {
	var b [8]byte
	pa := w.Base + off
	switch size {
	case 1:
		b[0] = byte(v)
		w.Mem.WriteAt(pa^3, b[:1])
	case 2:
		binary.LittleEndian.PutUint16(b[:2], uint16(v))
		w.Mem.WriteAt(pa^2, b[:2])
	case 4:
		w.Mem.Write32(pa, bits.ReverseBytes32(uint32(v)))
	default:
		w.Mem.Write32(pa, bits.ReverseBytes32(uint32(v>>32)))
		w.Mem.Write32(pa+4, bits.ReverseBytes32(uint32(v)))
	}
}
