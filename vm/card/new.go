package card

import (
	"fmt"
	"slices"
	"strings"

	"dynemu/vm/chip"
	"dynemu/vm/chip/am79c971"
	"dynemu/vm/chip/dec21140"
	"dynemu/vm/chip/mueslix"
	"dynemu/vm/mem"
	"dynemu/vm/pci"
)

// model describes one card. Its chips are PCI devices Slot.Device, Slot.Device
// + 1 … and drive the slot's interrupt bits 0, 1 … (section 20).
type model struct {
	name   string
	io     bool // an I/O card, for slot 0 only; others go anywhere else
	eeprom []uint16
	build  func(*built, Slot) error
}

// models is in the order of section 1. The images are those of section 7.3.
var models = []model{
	{"C7200-IO-FE", true, []uint16{
		0x0183, 0x010E, 0xFFFF, 0xFFFF, 0x490B, 0x8C02, 0x0000, 0x0000,
		0x5000, 0x0000, 0x9812, 0x2800, 0x00FF, 0xFFFF, 0xFFFF, 0xFFFF,
	}, oneDEC21140},
	{"PA-FE-TX", false, []uint16{
		0x0111, 0x0102, 0xFFFF, 0xFFFF, 0x4906, 0x9804, 0x0000, 0x0000,
		0x6000, 0x0000, 0x9812, 0x1700, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF,
	}, oneDEC21140},
	{"PA-4E", false, []uint16{
		0x0102, 0x010E, 0xFFFF, 0xFFFF, 0x4906, 0x1404, 0x0000, 0x0000,
		0x5000, 0x0000, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF,
	}, func(c *built, s Slot) error { return c.addAm79C970A(s, 4) }},
	{"PA-8E", false, []uint16{
		0x0101, 0x010E, 0xFFFF, 0xFFFF, 0x4906, 0x1404, 0x0000, 0x0000,
		0x5000, 0x0000, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF,
	}, func(c *built, s Slot) error { return c.addAm79C970A(s, 8) }},
	{"PA-4T+", false, []uint16{
		0x010C, 0x010F, 0xFFFF, 0xFFFF, 0x4906, 0x2E07, 0x0000, 0x0000,
		0x5000, 0x0000, 0x0010, 0x2400, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF,
	}, func(c *built, s Slot) error { return c.addMueslix(s, 1) }},
	{"PA-8T", false, []uint16{
		0x010E, 0x010F, 0xFFFF, 0xFFFF, 0x4906, 0x2E07, 0x0000, 0x0000,
		0x5000, 0x0000, 0x0010, 0x2400, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF,
	}, func(c *built, s Slot) error { return c.addMueslix(s, 2) }},
}

// Names returns the names that New knows, in the order in which Dynamips lists
// its drivers.
func Names() []string {
	names := make([]string, len(models))
	for i := range models {
		names[i] = models[i].name
	}
	return names
}

// New puts the card called name into slot s. It fails when there is no such
// card, when it does not fit into that slot, or when one of its PCI device
// numbers is taken; nothing is left behind then.
func New(name string, s Slot) (Card, error) {
	i := slices.IndexFunc(models, func(m model) bool { return m.name == name })
	if i < 0 {
		return nil, fmt.Errorf("unknown card %q: the cards are %s", name, strings.Join(Names(), ", "))
	}
	m := &models[i]
	switch {
	case m.io && s.Number != 0:
		return nil, fmt.Errorf("%s is an I/O card and fits into slot 0 only, not into slot %d", name, s.Number)
	case !m.io && s.Number == 0:
		return nil, fmt.Errorf("%s is a port adapter and does not fit into slot 0, which takes an I/O card", name)
	}
	c := &built{model: m, bus: s.Bus, firstDevice: s.Device}
	if err := m.build(c, s); err != nil {
		c.Remove()
		return nil, fmt.Errorf("%s in slot %d: %w", name, s.Number, err)
	}
	return c, nil
}

// part is a chip of a card.
type part interface {
	pci.Function
	mem.Device
	Reset()
}

// built is a card in its slot.
type built struct {
	model       *model
	bus         *pci.Bus
	firstDevice int
	parts       []part
	ports       []Port
}

func (c *built) Name() string { return c.model.name }

func (c *built) EEPROM() []uint16 { return slices.Clone(c.model.eeprom) }

func (c *built) Ports() []Port { return slices.Clone(c.ports) }

func (c *built) Reset() {
	for _, p := range c.parts {
		p.Reset()
	}
}

// Remove unplugs the ports as well. The reset makes each chip take its window
// out of the map, its timers out of the clock and its interrupt away.
func (c *built) Remove() {
	for _, p := range c.ports {
		p.Attach(nil)
	}
	for i, p := range c.parts {
		c.bus.Remove(c.firstDevice+i, 0)
		p.Reset()
	}
	c.parts, c.ports = nil, nil
}

// add puts a chip at the next PCI device number.
func (c *built) add(p part) error {
	if err := c.bus.Add(c.firstDevice+len(c.parts), 0, p); err != nil {
		return err
	}
	c.parts = append(c.parts, p)
	return nil
}

func oneDEC21140(c *built, s Slot) error {
	w := newWindow(c, s, dec21140.WindowSize)
	p := dec21140.New(dec21140.Config{Memory: s.Map, Clock: s.Clock, IRQ: s.IRQ(0), Window: w})
	w.region.Dev = p
	c.ports = append(c.ports, ethernet{p, "f"})
	return c.add(p)
}

// addAm79C970A adds 10BASE-T ports, one a chip.
func (c *built) addAm79C970A(s Slot, ports int) error {
	for i := range ports {
		w := newWindow(c, s, am79c971.WindowSize)
		p := am79c971.New(am79c971.Config{
			Model: am79c971.Am79C970A, Memory: s.Map, Clock: s.Clock, IRQ: s.IRQ(i), Window: w,
		})
		w.region.Dev = p
		c.ports = append(c.ports, ethernet{p, "e"})
		if err := c.add(p); err != nil {
			return err
		}
	}
	return nil
}

func (c *built) addMueslix(s Slot, chips int) error {
	for i := range chips {
		w := newWindow(c, s, mueslix.WindowSize)
		p := mueslix.New(mueslix.Config{Mode: mueslix.Mode1, Memory: s.Map, Clock: s.Clock, IRQ: s.IRQ(i), Window: w, Log: s.Log})
		w.region.Dev = p
		for n := range mueslix.Channels {
			c.ports = append(c.ports, serial{p, n})
		}
		if err := c.add(p); err != nil {
			return err
		}
	}
	return nil
}

// window is a register window in the physical map.
type window struct {
	m      *mem.Map
	region mem.Region
	mapped bool
	log    chip.Logf
}

func newWindow(c *built, s Slot, size uint64) *window {
	name := fmt.Sprintf("%s(%d)", c.model.name, s.Number)
	return &window{m: s.Map, region: mem.Region{Name: name, Len: size}, log: s.Log}
}

// MoveTo implements chip.Window.
func (w *window) MoveTo(base uint64) {
	switch {
	case base == chip.Unmapped:
		if w.mapped {
			w.m.Remove(&w.region)
			w.mapped = false
		}
	case !w.mapped || base != w.region.Base:
		w.mapped = true
		if err := w.m.Move(&w.region, base); err != nil {
			w.mapped = false
			if w.log != nil {
				w.log("registers: %v", err)
			}
		}
	}
}

// ethernet is the port of a chip that has only one.
type ethernet struct {
	chip interface {
		Attach(n chip.Network)
		Receive(frame []byte)
	}
	letter string
}

func (ethernet) Kind() Kind              { return Ethernet }
func (p ethernet) Letter() string        { return p.letter }
func (p ethernet) Attach(n chip.Network) { p.chip.Attach(n) }
func (p ethernet) Receive(frame []byte)  { p.chip.Receive(frame) }

// serial is a channel of a Mueslix.
type serial struct {
	chip    *mueslix.Chip
	channel int
}

func (serial) Kind() Kind              { return Serial }
func (serial) Letter() string          { return "s" }
func (p serial) Attach(n chip.Network) { p.chip.Attach(p.channel, n) }
func (p serial) Receive(frame []byte)  { p.chip.Receive(p.channel, frame) }
