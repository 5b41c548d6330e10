package card

import (
	"dynemu/vm/chip"
	"dynemu/vm/chip/plx9060"
	"dynemu/vm/chip/posoc3"
	"dynemu/vm/mem"
)

// posEEPROM is the image of the PA-POS-OC3 (adapters-7200 reference, 7.3).
var posEEPROM = []uint16{
	0x0196, 0x0202, 0xFFFF, 0xFFFF, 0x490C, 0x7806, 0x0000, 0x0000,
	0x5000, 0x0000, 0x0208, 0x1900, 0x0000, 0xFFFF, 0xFFFF, 0xFFFF,
}

// posCard is three bridges, in front of the receive ring, the transmit ring and
// the framer, and the function that has the interrupt (section 16).
func posCard(c *built, s Slot) error {
	w := newWindow(c, s, posoc3.WindowSize)
	p := posoc3.New(posoc3.Config{
		Memory: s.Map.Bus(), Clock: s.Clock, IRQ: s.IRQ(0), Window: w,
		Unswap: func(pa uint64, n int) (uint64, bool) { return unswap(s.Map, pa, n) },
	})
	w.region.Dev = p
	for _, local := range []mem.Device{p.RxRing(), p.TxRing(), p.Framer()} {
		if err := c.addBridge(s, plx9060.Config{Model: plx9060.PCI9060}, local); err != nil {
			return err
		}
	}
	c.ports = append(c.ports, pos{p})
	return c.add(p)
}

// addBridge adds a PLX bridge with local in its first local address space.
func (c *built) addBridge(s Slot, cfg plx9060.Config, local mem.Device) error {
	registers, space := newWindow(c, s, plx9060.WindowSize), newWindow(c, s, 0)
	space.region.Dev = local
	cfg.Window, cfg.Space[0] = registers, space
	b := plx9060.New(cfg)
	registers.region.Dev = b
	return c.add(b)
}

// pos is the port of a PA-POS-OC3.
type pos struct{ chip *posoc3.Chip }

func (pos) Kind() Kind              { return POS }
func (pos) Letter() string          { return "p" }
func (p pos) Attach(n chip.Network) { p.chip.Attach(n) }
func (p pos) Ready() bool           { return p.chip.Ready() }
func (p pos) Receive(frame []byte)  { p.chip.Receive(frame) }
