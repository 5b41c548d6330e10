// Package chiptest is what the tests of chips share: the surroundings of a
// chip, with which a test plays its guest.
package chiptest

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"testing"

	"dynemu/vm/chip"
	"dynemu/vm/event"
	"dynemu/vm/mem"
)

// The memory of a Rig: RAM at 0 and a ROM, whose descriptors a chip cannot
// give back.
const (
	RAMSize = 1 << 20
	ROMBase = 0x1FC00000
	ROMSize = 0x4000
	// Self is where MapSelf puts a chip.
	Self = 0x48000000
)

// Rig is a guest's surroundings: memory, time and an interrupt line. It is a
// chip.Window, which maps nothing: a test calls the chip itself.
type Rig struct {
	testing.TB
	Mem  *mem.Map
	Loop *event.Loop
	ROM  []byte // content of the ROM
	IRQ  bool   // level of the interrupt line

	Base   uint64 // where the chip's window is
	Mapped bool   // whether it is anywhere

	now int64
}

// New returns a rig at guest time 0.
func New(t testing.TB) *Rig {
	r := &Rig{TB: t, Mem: &mem.Map{}, ROM: make([]byte, ROMSize)}
	r.Add(&mem.Region{Name: "ram", Len: RAMSize, RAM: make([]byte, RAMSize), Cacheable: true})
	r.Add(&mem.Region{Name: "rom", Base: ROMBase, Len: ROMSize, RAM: r.ROM, ReadOnly: true})
	var attention atomic.Uint32
	r.Loop = event.NewWithSource(&attention, func() int64 { return r.now })
	return r
}

// Add puts a region into the memory map.
func (r *Rig) Add(region *mem.Region) {
	r.Helper()
	if err := r.Mem.Add(region); err != nil {
		r.Fatal(err)
	}
}

// MapSelf puts size bytes of a chip's window into the memory map, so that what
// the chip writes to memory can reach the chip.
func (r *Rig) MapSelf(d mem.Device, size uint64) {
	r.Helper()
	r.Add(&mem.Region{Name: "self", Base: Self, Len: size, Dev: d})
}

// SetIRQ is the chip's interrupt output, a chip.IRQ.
func (r *Rig) SetIRQ(on bool) { r.IRQ = on }

// MoveTo implements chip.Window.
func (r *Rig) MoveTo(base uint64) { r.Base, r.Mapped = base, base != chip.Unmapped }

// Word returns the longword at physical address pa.
func (r *Rig) Word(pa uint64) uint32 { return r.Mem.Read32(pa) }

// Put stores a longword as the CPU does, with what watches it being told.
func (r *Rig) Put(pa uint64, v uint32) { r.Mem.Write32(pa, v) }

// Bytes returns n bytes from physical address pa on.
func (r *Rig) Bytes(pa uint64, n int) []byte {
	b := make([]byte, n)
	r.Mem.ReadAt(pa, b)
	return b
}

// Advance lets ns of guest time pass.
func (r *Rig) Advance(ns int64) {
	r.now += ns
	r.Loop.RunPending()
}

// WantWord reports an error where got is not want.
func (r *Rig) WantWord(what string, got, want uint32) {
	r.Helper()
	if got != want {
		r.Errorf("%s = %08X, want %08X", what, got, want)
	}
}

// WantWords compares longwords from physical address pa on.
func (r *Rig) WantWords(what string, pa uint64, want ...uint32) {
	r.Helper()
	for i, w := range want {
		r.WantWord(fmt.Sprintf("%s: word %d", what, i), r.Word(pa+uint64(4*i)), w)
	}
}

// WantIRQ compares the level of the interrupt line.
func (r *Rig) WantIRQ(when string, want bool) {
	r.Helper()
	if r.IRQ != want {
		r.Errorf("%s: interrupt line is %v, want %v", when, r.IRQ, want)
	}
}

// WantNoTimer reports an error where a timer is armed.
func (r *Rig) WantNoTimer(when string) {
	r.Helper()
	if at, armed := r.Loop.NextTimer(); armed {
		r.Errorf("%s: a timer is armed for %d ns", when, at)
	}
}

// Wire is one end of a wire, a chip.Network.
type Wire struct {
	Sent      [][]byte // copies of the frames sent
	Count     int      // of frames sent
	Drop      bool     // count frames, do not keep them
	Unplugged bool     // nothing is at the other end: frames are lost
	Lost      int      // of those sent
}

// Send implements chip.Network.
func (w *Wire) Send(frame []byte) {
	if w.Unplugged {
		w.Lost++
		return
	}
	w.Count++
	if !w.Drop {
		w.Sent = append(w.Sent, bytes.Clone(frame))
	}
}

// Plugged implements chip.Network.
func (w *Wire) Plugged() bool { return !w.Unplugged }

// Pattern returns n bytes, no two neighbours of which are alike.
func Pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + n)
	}
	return b
}
