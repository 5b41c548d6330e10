// Package xc4013 models the gate array of the PA-4B: the PCI function of the
// card, with a window in which its Munich32 and its registers are, and the way
// to the TP3420A of each basic rate line (National's S interface device).
//
// Source: adapters-7200 reference, section 17: what Dynamips knows, which is
// constants but for one register.
package xc4013

import (
	"dynemu/vm/chip"
	"dynemu/vm/mem"
)

// WindowSize is the length of the register window in bytes.
const WindowSize = 0x800000

// The Munich32 in the window: its memory starts at offMunich.
const (
	offMunich = 0x00008
	lenMunich = 0x40000 - offMunich
)

// regSID takes commands for a TP3420A, and reads as its answer.
const regSID = 0x40050

// Commands and answers of the TP3420A.
const (
	sidPowerUp = 0x20 // PUP
	sidState   = 0x92 // ENST: put the device's state out

	sidActivated   = 0x0C // AI, activation indication
	sidPending     = 0x03 // AP, activation pending
	sidDeviceState = 0xB0
)

// elsewhere is what the window reads where nothing is known to be.
const elsewhere = 0xFFFFFFFF

// constants are the registers that always read the same.
var constants = map[uint64]uint32{
	0x40000: 0xFFFF,
	0x40008: 0xFF,
	0x40020: 0xFFFFFFFF,
	0x40021: 0xFF,
	0x40023: 0xFF,
	0x40030: 0xFF,
	0x40040: 0x04,
	0x40044: 0xFF, // the channels that are there
}

// header is the fixed part of the configuration space; the class reads 0 (3.2).
var header = chip.Header{ID: 0x401310EE, Command: 0x0147, MemBase: 0x10, Size: WindowSize}

// Config is what a chip is built from. Munich must be set.
type Config struct {
	Munich mem.Device  // the controller behind the array
	Window chip.Window // moved when BAR 0 is written; nil: none
	// Activated is called when a line tells that it is active: the card's
	// management interrupt. nil: nothing is called.
	Activated func()
}

// State is everything that the chip remembers.
type State struct {
	Command uint32 // last command to a TP3420A
	PCI     chip.HeaderState
}

// Chip is one gate array. Its methods belong on the machine's goroutine.
type Chip struct {
	State State

	cfg Config
}

// New returns a chip after power-on.
func New(cfg Config) *Chip {
	c := &Chip{cfg: cfg}
	c.Reset()
	return c
}

// Reset is a power-on reset. The window leaves the map.
func (c *Chip) Reset() {
	c.State = State{}
	header.Place(&c.State.PCI, c.cfg.Window)
}

// ID implements pci.Function.
func (c *Chip) ID() uint32 { return header.ID }

// ConfigRead implements pci.Function.
func (c *Chip) ConfigRead(reg uint8) uint32 { return header.Read(&c.State.PCI, reg) }

// ConfigWrite implements pci.Function.
func (c *Chip) ConfigWrite(reg uint8, v uint32) { header.Write(&c.State.PCI, reg, v, c.cfg.Window) }

// Read implements mem.Device. Registers answer at their exact offset with their
// whole value whatever the width, the Munich32's memory byte by byte.
func (c *Chip) Read(off uint64, size int) uint64 {
	if off-offMunich < lenMunich {
		return c.cfg.Munich.Read(off-offMunich, size)
	}
	if off == regSID {
		return uint64(c.answer())
	}
	if v, ok := constants[off]; ok {
		return uint64(v)
	}
	return elsewhere
}

// Write implements mem.Device; see Read.
func (c *Chip) Write(off uint64, size int, v uint64) {
	switch {
	case off-offMunich < lenMunich:
		c.cfg.Munich.Write(off-offMunich, size, v)
	case off == regSID:
		c.State.Command = uint32(v)
	}
}

// answer is what a TP3420A says to the last command. A line that is powered up
// is active at once.
func (c *Chip) answer() uint32 {
	switch c.State.Command {
	case sidPowerUp:
		if c.cfg.Activated != nil {
			c.cfg.Activated()
		}
		return sidActivated
	case sidState:
		return sidDeviceState
	}
	return sidPending
}
