package card

import (
	"fmt"
	"slices"
	"strings"

	"dynemu/vm/chip"
	"dynemu/vm/chip/am79c971"
	"dynemu/vm/chip/bswap"
	"dynemu/vm/chip/dec21140"
	"dynemu/vm/chip/i8254x"
	"dynemu/vm/chip/mueslix"
	"dynemu/vm/mem"
	"dynemu/vm/pci"
)

// model describes one card. Its chips are PCI devices Slot.Device, Slot.Device
// + 1 … and drive the slot's interrupt bits 0, 1 … (section 20). The cards carry
// no MAC addresses: the guest takes them from the chassis (section 8).
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
	{"C7200-IO-2FE", true, []uint16{
		0x04FF, 0x4002, 0x1541, 0x0201, 0xC046, 0x0320, 0x001B, 0xCA06,
		0x8249, 0x138B, 0x0642, 0x4230, 0xC18B, 0x3030, 0x3030, 0x3030,
		0x3030, 0x0000, 0x0004, 0x0002, 0x0385, 0x1C0D, 0x7F03, 0xCB8F,
		0x4337, 0x3230, 0x302D, 0x492F, 0x4F2D, 0x3246, 0x452F, 0x4580,
		0x0000, 0x0000, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF,
		0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF,
		0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF,
		0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF,
	}, func(c *built, s Slot) error { return c.addIO82543(s, "f", "f") }},
	{"C7200-IO-GE-E", true, []uint16{
		0x04FF, 0x4002, 0x1641, 0x0201, 0xC046, 0x0320, 0x001B, 0xCA06,
		0x8249, 0x138B, 0x0642, 0x4230, 0xC18B, 0x3030, 0x3030, 0x3030,
		0x3030, 0x0000, 0x0004, 0x0002, 0x0385, 0x1C0D, 0x7F03, 0xCB8F,
		0x4337, 0x3230, 0x302D, 0x492F, 0x4F2D, 0x3246, 0x452F, 0x4580,
		0x0000, 0x0000, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF,
		0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF,
		0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF,
		0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF,
	}, func(c *built, s Slot) error { return c.addIO82543(s, "g", "e") }},
	{"PA-FE-TX", false, []uint16{
		0x0111, 0x0102, 0xFFFF, 0xFFFF, 0x4906, 0x9804, 0x0000, 0x0000,
		0x6000, 0x0000, 0x9812, 0x1700, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF,
	}, oneDEC21140},
	{"PA-2FE-TX", false, []uint16{
		0x04FF, 0x4002, 0x2441, 0x0100, 0xC18B, 0x5858, 0x5830, 0x3030,
		0x3030, 0x3030, 0x3082, 0x4915, 0x2C04, 0x4241, 0x3003, 0x0081,
		0x0000, 0x0000, 0x0400, 0x8000, 0x0000, 0x00CB, 0x9450, 0x412D,
		0x3246, 0x452D, 0x4658, 0x2020, 0x2020, 0x2020, 0x2020, 0x2020,
		0x20C0, 0x4603, 0x2000, 0x20A0, 0x04FF, 0xFFFF, 0xFFFF, 0xFFFF,
		0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF,
		0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF,
		0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF,
	}, func(c *built, s Slot) error { return c.add82543(s, "f", "f") }},
	{"PA-GE", false, []uint16{
		0x0198, 0x0100, 0x0000, 0x0000, 0x000C, 0x4803, 0x0000, 0x0000,
		0x5000, 0x0000, 0x9906, 0x0300, 0x0001, 0xFFFF, 0xFFFF, 0xFFFF,
	}, func(c *built, s Slot) error { return c.add82543(s, "g") }},
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
	{"PA-A1", false, atmEEPROM, atmCard},
	{"PA-POS-OC3", false, posEEPROM, posCard},
	{"PA-4B", false, briEEPROM, briCard},
	{"PA-MC-8TE1", false, mc8te1EEPROM, mc8te1Card},
	{"C7200-JC-PA", true, jacketEEPROM, jacketCard},
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
	p := dec21140.New(dec21140.Config{Memory: s.Map.Bus(), Clock: s.Clock, IRQ: s.IRQ(0), Window: w})
	w.region.Dev = p
	c.ports = append(c.ports, ethernet{p, "f"})
	return c.add(p)
}

// addAm79C970A adds 10BASE-T ports, one a chip.
func (c *built) addAm79C970A(s Slot, ports int) error {
	for i := range ports {
		w := newWindow(c, s, am79c971.WindowSize)
		p := am79c971.New(am79c971.Config{
			Model: am79c971.Am79C970A, Memory: s.Map.Bus(), Clock: s.Clock, IRQ: s.IRQ(i), Window: w,
		})
		w.region.Dev = p
		c.ports = append(c.ports, ethernet{p, "e"})
		if err := c.add(p); err != nil {
			return err
		}
	}
	return nil
}

// add82543 adds ports of the given letters, one a chip.
func (c *built) add82543(s Slot, letters ...string) error {
	for i, letter := range letters {
		w := newWindow(c, s, i8254x.WindowSize)
		p := i8254x.New(i8254x.Config{
			Profile: i8254x.Router, Memory: s.Map.Bus(), Clock: s.Clock, IRQ: s.IRQ(i), Window: w,
			Unswap: func(pa uint64, n int) (uint64, bool) { return unswap(s.Map, pa, n) },
		})
		w.region.Dev = p
		c.ports = append(c.ports, ethernet{p, letter})
		if err := c.add(p); err != nil {
			return err
		}
	}
	return nil
}

// addIO82543 adds the two ports of an I/O card, of which the first is the second
// chip (section 20). Where slot 0 shares its bus with the system controller and
// the bridges, their device numbers are those of the chips (c7200 reference,
// 15.2).
func (c *built) addIO82543(s Slot, first, second string) error {
	if s.Device != 0 {
		return fmt.Errorf("its chips are PCI devices 0 and 1 of the slot's bus, which npe-100, npe-150 and npe-200 use themselves; these take C7200-IO-FE")
	}
	err := c.add82543(s, second, first)
	slices.Reverse(c.ports)
	return err
}

// unswap finds the memory that a byte-swapped window of m shows at pa.
func unswap(m *mem.Map, pa uint64, n int) (uint64, bool) {
	r := m.Find(pa, false)
	if r == nil {
		return 0, false
	}
	w, ok := r.Dev.(*bswap.Window)
	off := pa - r.Base
	if !ok || off+uint64(n) > r.Len {
		return 0, false
	}
	return w.Base + off, true
}

func (c *built) addMueslix(s Slot, chips int) error {
	for i := range chips {
		w := newWindow(c, s, mueslix.WindowSize)
		p := mueslix.New(mueslix.Config{Mode: mueslix.Mode1, Memory: s.Map.Bus(), Clock: s.Clock, IRQ: s.IRQ(i), Window: w, Log: s.Log})
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

// Place implements plx9060.Space.
func (w *window) Place(base, size uint64) {
	w.MoveTo(chip.Unmapped)
	if w.region.Len = size; size != 0 {
		w.MoveTo(base)
	}
}

// ethernet is the port of a chip that has only one.
type ethernet struct {
	chip interface {
		Attach(n chip.Network)
		Ready() bool
		Receive(frame []byte)
	}
	letter string
}

func (ethernet) Kind() Kind              { return Ethernet }
func (p ethernet) Letter() string        { return p.letter }
func (p ethernet) Attach(n chip.Network) { p.chip.Attach(n) }
func (p ethernet) Ready() bool           { return p.chip.Ready() }
func (p ethernet) Receive(frame []byte)  { p.chip.Receive(frame) }

// serial is a channel of a Mueslix.
type serial struct {
	chip    *mueslix.Chip
	channel int
}

func (serial) Kind() Kind              { return Serial }
func (serial) Letter() string          { return "s" }
func (p serial) Attach(n chip.Network) { p.chip.Attach(p.channel, n) }
func (p serial) Ready() bool           { return p.chip.Ready(p.channel) }
func (p serial) Receive(frame []byte)  { p.chip.Receive(p.channel, frame) }
