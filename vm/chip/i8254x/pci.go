package i8254x

import "dynemu/vm/chip"

// Configuration registers (3.2).
const (
	cfgCommand   = 0x04
	cfgClass     = 0x08
	cfgLatency   = 0x0C
	cfgMemBase   = 0x10
	cfgInterrupt = 0x3C

	deviceID = 0x10018086
	class    = 0x02000003 // Ethernet, revision 3

	commandWritable = 0x0157       // I/O, memory, master, write and invalidate, parity, SERR enables
	commandStatus   = 0x0220 << 16 // 66 MHz, medium DEVSEL
	latencyWritable = 0xFFFF
	interruptFixed  = 0x00FF0100 // minimum grant, pin INTA
	baseMask        = ^uint32(WindowSize - 1)
)

// PCI is the writable part of the configuration space.
type PCI struct {
	Command, Latency, MemBase, InterruptLine uint32
}

// ID implements pci.Function.
func (c *Chip) ID() uint32 { return deviceID }

// ConfigRead implements pci.Function. Registers that the chip does not have
// read 0.
func (c *Chip) ConfigRead(reg uint8) uint32 {
	p := &c.State.PCI
	switch reg {
	case 0:
		return deviceID
	case cfgCommand:
		return commandStatus | p.Command
	case cfgClass:
		return class
	case cfgLatency:
		return p.Latency
	case cfgMemBase:
		return p.MemBase
	case cfgInterrupt:
		return interruptFixed | p.InterruptLine
	}
	return 0
}

// ConfigWrite implements pci.Function. A memory base takes effect at once,
// whatever the command register enables, since router images rely on it (3.2);
// 0 and all ones, which is what sizing writes, take the window out of the map.
func (c *Chip) ConfigWrite(reg uint8, v uint32) {
	p := &c.State.PCI
	switch reg {
	case cfgCommand:
		p.Command = v & commandWritable
	case cfgLatency:
		p.Latency = v & latencyWritable
	case cfgMemBase:
		p.MemBase = v & baseMask
		c.moveWindow()
	case cfgInterrupt:
		p.InterruptLine = v & 0xFF
	}
}

func (c *Chip) moveWindow() {
	if c.cfg.Window == nil {
		return
	}
	switch base := c.State.PCI.MemBase; base {
	case 0, baseMask:
		c.cfg.Window.MoveTo(chip.Unmapped)
	default:
		c.cfg.Window.MoveTo(uint64(base))
	}
}
