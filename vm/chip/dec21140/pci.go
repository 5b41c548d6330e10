package dec21140

import "dynemu/vm/chip"

// header is the fixed part of the configuration space (9.1, 3.2).
var header = chip.Header{
	ID:        0x00091011,
	Class:     0x02000011,   // Ethernet, revision 1.1
	Status:    0x0280 << 16, // fast back-to-back, medium DEVSEL
	Command:   0x0147,       // I/O, memory, master, parity, SERR enables
	Interrupt: 0x28140100,   // maximum latency, minimum grant, pin INTA
	MemBase:   0x14,         // CBMA
	IOBase:    0x10,         // CBIO
	Size:      0x80,
}

// Register CFDA and its writable bits: sleep, snooze, a byte for the driver.
const (
	cfgPower      = 0x40
	powerWritable = 3<<30 | 0xFF<<8
)

// PCI is the writable part of the configuration space.
type PCI struct {
	chip.HeaderState
	Power uint32
}

// ID implements pci.Function.
func (c *Chip) ID() uint32 { return header.ID }

// ConfigRead implements pci.Function.
func (c *Chip) ConfigRead(reg uint8) uint32 {
	if reg == cfgPower {
		return c.State.PCI.Power
	}
	return header.Read(&c.State.PCI.HeaderState, reg)
}

// ConfigWrite implements pci.Function.
func (c *Chip) ConfigWrite(reg uint8, v uint32) {
	if reg == cfgPower {
		c.State.PCI.Power = v & powerWritable
		return
	}
	header.Write(&c.State.PCI.HeaderState, reg, v, c.cfg.Window)
}

func (c *Chip) moveWindow() { header.Place(&c.State.PCI.HeaderState, c.cfg.Window) }
