package i8254x

import "dynemu/vm/chip"

// What the chip is, in the configuration space and in the EEPROM.
const (
	idDevice = 0x1001
	idVendor = 0x8086
)

// header is the fixed part of the configuration space (3.2).
var header = chip.Header{
	ID:        idDevice<<16 | idVendor,
	Class:     0x02000003,   // Ethernet, revision 3
	Status:    0x0220 << 16, // 66 MHz, medium DEVSEL
	Command:   0x0157,       // I/O, memory, master, write and invalidate, parity, SERR enables
	Interrupt: 0x00FF0100,   // minimum grant, pin INTA
	MemBase:   0x10,
	Size:      WindowSize,
}

// ID implements pci.Function.
func (c *Chip) ID() uint32 { return header.ID }

// ConfigRead implements pci.Function.
func (c *Chip) ConfigRead(reg uint8) uint32 { return header.Read(&c.State.PCI, reg) }

// ConfigWrite implements pci.Function.
func (c *Chip) ConfigWrite(reg uint8, v uint32) { header.Write(&c.State.PCI, reg, v, c.cfg.Window) }

func (c *Chip) moveWindow() { header.Place(&c.State.PCI, c.cfg.Window) }
