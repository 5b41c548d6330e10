// Package plx9060 models the bridges PCI 9060 and PCI 9054 of PLX, which stand
// between PCI and the local bus of a port adapter: a window of registers, one or
// two windows ("local address spaces") through which the CPU reaches the local
// bus, and two doorbells. The PCI 9060ES only says that it is there.
//
// Source: adapters-7200 reference, section 15. It has what Dynamips has of the
// parts: mailboxes, interrupt and DMA registers read 0 and take no writes.
//
// # Against Dynamips
//
// A local address space can be sized through its base address register, and it
// is nowhere while that register holds 0 or all ones; Dynamips puts it at 0.
package plx9060

import "dynemu/vm/chip"

// WindowSize is the length of the register window in bytes.
const WindowSize = 0x1000

// Spaces is the greatest number of local address spaces.
const Spaces = 2

// Registers (15).
const (
	RegRange0       = 0x00 // local address space 0: range
	RegToLocal      = 0x60 // doorbell from PCI to local
	RegToPCI        = 0x64 // doorbell from local to PCI, write one to clear
	RegRange1       = 0xF0 // local address space 1: range, PCI 9054 only
	RangeAfterReset = 0xFFF00000
	// rangeMask are the bits of a range and of a base that decode addresses.
	rangeMask = 0xFFFFFFF0
)

// Base address registers of the local address spaces.
const (
	cfgSpace0 = 0x18
	cfgSpace1 = 0x1C
)

// Model is the part.
type Model int

// The parts.
const (
	PCI9060   Model = iota // one local address space
	PCI9054                // two
	PCI9060ES              // neither spaces nor registers (14.1)
)

// spaces is the number of local address spaces of each part.
var spaces = [...]uint8{PCI9060: 1, PCI9054: 2, PCI9060ES: 0}

var headers = [...]chip.Header{
	PCI9060:   header(0x9060),
	PCI9054:   header(0x9054),
	PCI9060ES: {ID: 0x906E10B5},
}

// header is the fixed part of the configuration space, whose class reads 0
// (3.2).
func header(device uint32) chip.Header {
	return chip.Header{ID: device<<16 | 0x10B5, Command: 0x0147, MemBase: 0x10, Size: WindowSize}
}

// Space is the window in which a local address space appears.
type Space interface {
	// Place maps the window at physical address base, size bytes long; it takes
	// it away when size is 0.
	Place(base, size uint64)
}

// Config is what a chip is built from. All of it may be left out.
type Config struct {
	Model    Model
	Window   chip.Window // of the registers, moved when BAR 0 is written
	Space    [Spaces]Space
	Doorbell func(v uint32) // called when the guest writes RegToLocal
}

// State is everything that the chip remembers.
type State struct {
	Range [Spaces]uint32
	Base  [Spaces]uint32
	ToPCI uint32 // doorbell bits that the local bus has rung
	PCI   chip.HeaderState
}

// Chip is one bridge. Its methods belong on the machine's goroutine.
type Chip struct {
	State State

	cfg    Config
	header *chip.Header
}

// New returns a chip after power-on.
func New(cfg Config) *Chip {
	c := &Chip{cfg: cfg, header: &headers[cfg.Model]}
	c.Reset()
	return c
}

// Reset is a power-on reset. All windows leave the map.
func (c *Chip) Reset() {
	c.State = State{Range: [Spaces]uint32{RangeAfterReset, RangeAfterReset}}
	c.header.Place(&c.State.PCI, c.cfg.Window)
	for i := range Spaces {
		c.place(i)
	}
}

// place maps local address space i where its base and range say.
func (c *Chip) place(i int) {
	w := c.cfg.Space[i]
	if w == nil {
		return
	}
	base, mask := c.State.Base[i], c.State.Range[i]&rangeMask
	if base == 0 || base == rangeMask {
		w.Place(0, 0)
		return
	}
	w.Place(uint64(base), uint64(-mask))
}

// rangeAt returns which space's range is the register at off, if any's.
func (c *Chip) rangeAt(off uint64) (i int, ok bool) {
	switch {
	case off == RegRange0:
		return 0, true
	case off == RegRange1 && c.cfg.Model == PCI9054:
		return 1, true
	}
	return 0, false
}

// Read implements mem.Device. Registers answer at their exact offset with their
// whole value whatever the width.
func (c *Chip) Read(off uint64, size int) uint64 {
	if i, ok := c.rangeAt(off); ok {
		return uint64(c.State.Range[i])
	}
	if off == RegToPCI {
		return uint64(c.State.ToPCI)
	}
	return 0
}

// Write implements mem.Device; see Read.
func (c *Chip) Write(off uint64, size int, v uint64) {
	if i, ok := c.rangeAt(off); ok {
		c.State.Range[i] = uint32(v)
		c.place(i)
		return
	}
	switch off {
	case RegToLocal:
		if c.cfg.Doorbell != nil {
			c.cfg.Doorbell(uint32(v))
		}
	case RegToPCI:
		c.State.ToPCI &^= uint32(v)
	}
}

// ID implements pci.Function.
func (c *Chip) ID() uint32 { return c.header.ID }

// spaceAt returns which space's base is the configuration register, if any's.
func (c *Chip) spaceAt(reg uint8) (i int, ok bool) {
	n := (reg - cfgSpace0) / (cfgSpace1 - cfgSpace0)
	return int(n), reg%4 == 0 && n < spaces[c.cfg.Model]
}

// ConfigRead implements pci.Function. A base of all ones reads as the range,
// which tells the size.
func (c *Chip) ConfigRead(reg uint8) uint32 {
	i, ok := c.spaceAt(reg)
	if !ok {
		return c.header.Read(&c.State.PCI, reg)
	}
	if c.State.Base[i] == rangeMask {
		return c.State.Range[i] & rangeMask
	}
	return c.State.Base[i]
}

// ConfigWrite implements pci.Function.
func (c *Chip) ConfigWrite(reg uint8, v uint32) {
	i, ok := c.spaceAt(reg)
	if !ok {
		c.header.Write(&c.State.PCI, reg, v, c.cfg.Window)
		return
	}
	c.State.Base[i] = v & rangeMask
	c.place(i)
}
