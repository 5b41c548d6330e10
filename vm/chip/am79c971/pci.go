package am79c971

import "dynemu/vm/chip"

// header is the fixed part of the configuration space (10.1, 3.2).
var header = chip.Header{
	ID:        0x20001022,
	Class:     0x02000002,   // Ethernet; the revision that Dynamips shows
	Status:    0x0280 << 16, // fast back-to-back, medium DEVSEL
	Command:   0x0147,       // I/O, memory, master, parity, SERR enables
	Interrupt: 0x18180100,   // maximum latency, minimum grant, pin INTA
	MemBase:   0x14,
	IOBase:    0x10,
	Size:      WindowSize,
}

// ID implements pci.Function.
func (c *Chip) ID() uint32 { return header.ID }

// ConfigRead implements pci.Function.
func (c *Chip) ConfigRead(reg uint8) uint32 { return header.Read(&c.State.PCI, reg) }

// ConfigWrite implements pci.Function.
func (c *Chip) ConfigWrite(reg uint8, v uint32) { header.Write(&c.State.PCI, reg, v, c.cfg.Window) }

func (c *Chip) moveWindow() { header.Place(&c.State.PCI, c.cfg.Window) }
