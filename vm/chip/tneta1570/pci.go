package tneta1570

import "dynemu/vm/chip"

// header is the fixed part of the configuration space (3.2).
var header = chip.Header{
	ID:        0xA001104C,
	Command:   0x0146,
	Interrupt: 0x0100, // pin INTA
	MemBase:   0x10,
	Size:      WindowSize,
}

// ID implements pci.Function.
func (c *Chip) ID() uint32 { return header.ID }

// ConfigRead implements pci.Function.
func (c *Chip) ConfigRead(reg uint8) uint32 { return header.Read(&c.State.PCI, reg) }

// ConfigWrite implements pci.Function.
func (c *Chip) ConfigWrite(reg uint8, v uint32) { header.Write(&c.State.PCI, reg, v, c.cfg.Window) }
