package card

import (
	"dynemu/vm/chip"
	"dynemu/vm/chip/plx9060"
	"dynemu/vm/chip/tneta1570"
)

// atmEEPROM is the image of the PA-A1 (adapters-7200 reference, 7.3).
var atmEEPROM = []uint16{
	0x0117, 0x010F, 0xFFFF, 0xFFFF, 0x4906, 0x2E07, 0x0000, 0x0000,
	0x5000, 0x0000, 0x0010, 0x2400, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF,
}

// atmCard is the segmentation and reassembly device, which has the interrupt,
// and a bridge that nothing is known of (14.1).
func atmCard(c *built, s Slot) error {
	w := newWindow(c, s, tneta1570.WindowSize)
	p := tneta1570.New(tneta1570.Config{Memory: s.Map.Bus(), Clock: s.Clock, IRQ: s.IRQ(0), Window: w, Log: s.Log})
	w.region.Dev = p
	c.ports = append(c.ports, atmPort{p})
	if err := c.add(p); err != nil {
		return err
	}
	return c.add(plx9060.New(plx9060.Config{Model: plx9060.PCI9060ES}))
}

// atmPort is the port of a PA-A1. Its frames are cells.
type atmPort struct{ chip *tneta1570.Chip }

func (atmPort) Kind() Kind              { return ATM }
func (atmPort) Letter() string          { return "a" }
func (p atmPort) Attach(n chip.Network) { p.chip.Attach(n) }
func (p atmPort) Ready() bool           { return p.chip.Ready() }
func (p atmPort) Receive(cell []byte)   { p.chip.Receive(cell) }
