package card

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"dynemu/vm/chip"
	"dynemu/vm/chip/bswap"
	"dynemu/vm/event"
	"dynemu/vm/mem"
	"dynemu/vm/pci"
)

// bay is a slot of a board with a little of the machine around it.
type bay struct {
	*testing.T
	slot Slot
	port pci.Port
	irq  uint8
	// How often the board's other interrupts were raised.
	network, management int
}

func newBay(t *testing.T, number, device int) *bay {
	b := &bay{T: t}
	m := &mem.Map{}
	if err := m.Add(&mem.Region{Name: "ram", Len: 1 << 20, RAM: make([]byte, 1<<20), Cacheable: true}); err != nil {
		t.Fatal(err)
	}
	var attention atomic.Uint32
	b.port.Root = &pci.Bus{}
	b.slot = Slot{
		Number: number, Device: device, Bus: b.port.Root, Map: m,
		Clock: event.NewWithSource(&attention, func() int64 { return 0 }),
		IRQ: func(n int) chip.IRQ {
			return func(on bool) {
				b.irq &^= 1 << n
				if on {
					b.irq |= 1 << n
				}
			}
		},
		RaiseNetwork:    func() { b.network++ },
		RaiseManagement: func() { b.management++ },
	}
	return b
}

func (b *bay) insert(name string) Card {
	b.Helper()
	c, err := New(name, b.slot)
	if err != nil {
		b.Fatal(err)
	}
	return c
}

func (b *bay) config(device int, reg uint8) uint32 {
	b.port.SetAddress(1<<31 | uint32(device)<<11 | uint32(reg))
	return b.port.ReadData()
}

func (b *bay) setConfig(device int, reg uint8, v uint32) {
	b.port.SetAddress(1<<31 | uint32(device)<<11 | uint32(reg))
	b.port.WriteData(v)
}

type cable struct{ sent [][]byte }

func (c *cable) Send(frame []byte) { c.sent = append(c.sent, bytes.Clone(frame)) }
func (c *cable) Plugged() bool     { return true }

// EEPROM images: adapters-7200 reference, 7.3. PCI devices and ports: section 20.
func TestCards(t *testing.T) {
	for _, c := range []struct {
		name    string
		slot    int
		device  int
		kind    Kind
		letter  string
		ports   int
		ids     []uint32
		barSize uint32
		bar     uint8
		eeprom  string
	}{
		{"C7200-IO-FE", 0, 6, Ethernet, "f", 1, []uint32{0x00091011}, 0x80, 0x14,
			"0183 010E FFFF FFFF 490B 8C02 0000 0000 5000 0000 9812 2800 00FF FFFF FFFF FFFF"},
		{"PA-FE-TX", 1, 0, Ethernet, "f", 1, []uint32{0x00091011}, 0x80, 0x14,
			"0111 0102 FFFF FFFF 4906 9804 0000 0000 6000 0000 9812 1700 FFFF FFFF FFFF FFFF"},
		{"C7200-IO-2FE", 0, 0, Ethernet, "f", 2, slices.Repeat([]uint32{0x10018086}, 2), 0x20000, 0x10,
			"04FF 4002 1541 0201 C046 0320 001B CA06 8249 138B 0642 4230 C18B 3030 3030 3030 3030 0000 0004 0002 0385 1C0D 7F03 CB8F 4337 3230 302D 492F 4F2D 3246 452F 4580 0000 0000 FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF"},
		{"PA-2FE-TX", 1, 0, Ethernet, "f", 2, slices.Repeat([]uint32{0x10018086}, 2), 0x20000, 0x10,
			"04FF 4002 2441 0100 C18B 5858 5830 3030 3030 3030 3082 4915 2C04 4241 3003 0081 0000 0000 0400 8000 0000 00CB 9450 412D 3246 452D 4658 2020 2020 2020 2020 2020 20C0 4603 2000 20A0 04FF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF"},
		{"PA-GE", 2, 0, Ethernet, "g", 1, []uint32{0x10018086}, 0x20000, 0x10,
			"0198 0100 0000 0000 000C 4803 0000 0000 5000 0000 9906 0300 0001 FFFF FFFF FFFF"},
		{"PA-4E", 4, 0, Ethernet, "e", 4, slices.Repeat([]uint32{0x20001022}, 4), 0x20, 0x14,
			"0102 010E FFFF FFFF 4906 1404 0000 0000 5000 0000 FFFF FFFF FFFF FFFF FFFF FFFF"},
		{"PA-8E", 5, 0, Ethernet, "e", 8, slices.Repeat([]uint32{0x20001022}, 8), 0x20, 0x14,
			"0101 010E FFFF FFFF 4906 1404 0000 0000 5000 0000 FFFF FFFF FFFF FFFF FFFF FFFF"},
		{"PA-4T+", 3, 0, Serial, "s", 4, []uint32{0x00011137}, 0x4000, 0x10,
			"010C 010F FFFF FFFF 4906 2E07 0000 0000 5000 0000 0010 2400 FFFF FFFF FFFF FFFF"},
		{"PA-8T", 6, 0, Serial, "s", 8, []uint32{0x00011137, 0x00011137}, 0x4000, 0x10,
			"010E 010F FFFF FFFF 4906 2E07 0000 0000 5000 0000 0010 2400 FFFF FFFF FFFF FFFF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBay(t, c.slot, c.device)
			card := b.insert(c.name)
			if card.Name() != c.name {
				t.Errorf("name %q", card.Name())
			}
			wantEEPROM(t, card, c.eeprom)
			card.EEPROM()[0] = 0
			if card.EEPROM()[0] == 0 {
				t.Error("the image is shared")
			}
			ports := card.Ports()
			if len(ports) != c.ports {
				t.Fatalf("%d ports, want %d", len(ports), c.ports)
			}
			for _, p := range ports {
				if p.Kind() != c.kind || p.Letter() != c.letter {
					t.Errorf("port of kind %v, letter %q", p.Kind(), p.Letter())
				}
			}
			for dev := range 32 {
				want := uint32(0xFFFFFFFF)
				if i := dev - c.device; i >= 0 && i < len(c.ids) {
					want = c.ids[i]
				}
				if got := b.config(dev, 0); got != want {
					t.Errorf("PCI device %d: %08X, want %08X", dev, got, want)
				}
			}
			regions := len(b.slot.Map.Regions())
			for i := range c.ids {
				b.setConfig(c.device+i, c.bar, 0xFFFFFFFF)
				if got := b.config(c.device+i, c.bar); got != -c.barSize {
					t.Errorf("size mask %08X, want %08X", got, -c.barSize)
				}
				if len(b.slot.Map.Regions()) != regions+i {
					t.Error("sizing the window mapped it")
				}
				base := uint64(0x48000000 + i*0x40000)
				b.setConfig(c.device+i, c.bar, uint32(base))
				for _, pa := range []uint64{base, base + uint64(c.barSize) - 1} {
					if r := b.slot.Map.Find(pa, false); r == nil || r.Dev == nil {
						t.Errorf("no registers at %#x", pa)
					}
				}
				if b.slot.Map.Find(base, true) != nil {
					t.Error("registers answer cached accesses")
				}
				if b.slot.Map.Find(base+uint64(c.barSize), false) != nil {
					t.Error("window is too long")
				}
			}
			// A window that moves is only at its new place.
			b.setConfig(c.device, c.bar, 0x4A000000)
			if b.slot.Map.Find(0x48000000, false) != nil || b.slot.Map.Find(0x4A000000, false) == nil {
				t.Error("the window did not move")
			}
			card.Reset()
			if len(b.slot.Map.Regions()) != regions {
				t.Error("a reset leaves windows in the map")
			}
			b.setConfig(c.device, c.bar, 0x48000000)
			card.Remove()
			if len(b.slot.Map.Regions()) != regions || b.config(c.device, 0) != 0xFFFFFFFF {
				t.Error("a removed card is still there")
			}
			b.insert(c.name)
		})
	}
}

// wantEEPROM compares the image of a card, its words in hexadecimal.
func wantEEPROM(t *testing.T, c Card, want string) {
	t.Helper()
	var words []string
	for _, w := range c.EEPROM() {
		words = append(words, fmt.Sprintf("%04X", w))
	}
	if got := strings.Join(words, " "); got != want {
		t.Errorf("EEPROM\n%s, want\n%s", got, want)
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		name string
		slot int
		want []string
	}{
		{"C7200-IO-2FE", 1, []string{"C7200-IO-2FE", "slot 0", "slot 1"}},
		{"C7200-IO-GE-E", 3, []string{"C7200-IO-GE-E", "slot 0", "slot 3"}},
		{"PA-GE", 0, []string{"PA-GE", "slot 0", "I/O card"}},
		{"PA-9X", 1, append([]string{`"PA-9X"`}, Names()...)},
		{"pa-fe-tx", 1, []string{`"pa-fe-tx"`, "PA-FE-TX"}},
		{"", 1, []string{`""`}},
		{"C7200-IO-FE", 2, []string{"C7200-IO-FE", "slot 0", "slot 2"}},
		{"PA-8T", 0, []string{"PA-8T", "slot 0", "I/O card"}},
	} {
		b := newBay(t, c.slot, 0)
		card, err := New(c.name, b.slot)
		if err == nil || card != nil {
			t.Errorf("%s in slot %d: no error", c.name, c.slot)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s in slot %d: error %q does not say %q", c.name, c.slot, err, w)
			}
		}
	}
	if want := []string{"C7200-IO-FE", "C7200-IO-2FE", "C7200-IO-GE-E", "PA-FE-TX", "PA-2FE-TX", "PA-GE", "PA-4E", "PA-8E", "PA-4T+", "PA-8T", "PA-A1", "PA-POS-OC3", "PA-4B", "PA-MC-8TE1", "C7200-JC-PA"}; !slices.Equal(Names(), want) {
		t.Errorf("names %q, want %q", Names(), want)
	}
}

// The second chip of a card does not fit: nothing of the first may stay.
func TestDeviceTaken(t *testing.T) {
	b := newBay(t, 1, 0)
	if err := b.slot.Bus.Add(1, 0, pci.IDOnly(0x12345678)); err != nil {
		t.Fatal(err)
	}
	if _, err := New("PA-8T", b.slot); err == nil || !strings.Contains(err.Error(), "slot 1") {
		t.Fatalf("error %v", err)
	}
	if b.config(0, 0) != 0xFFFFFFFF || b.config(1, 0) != 0x12345678 {
		t.Error("the bus is not as it was")
	}
}

// Port p of a PA-8T is channel p%4 of chip p/4, which has interrupt bit p/4.
func TestSerialPorts(t *testing.T) {
	b := newBay(t, 1, 0)
	c := b.insert("PA-8T")
	cables := make([]cable, 8)
	for i, p := range c.Ports() {
		p.Attach(&cables[i])
	}
	m := b.slot.Map
	for dev := range 2 {
		b.setConfig(dev, 0x10, uint32(0x48000000+dev*0x10000))
	}
	for i, p := range c.Ports() {
		base := uint64(0x48000000 + i/4*0x10000)
		ch := base + 0x100 + uint64(i%4)*0x100
		const ring, buf = 0x1000, 0x2000
		m.WriteAt(buf, []byte{0x0F, 0, 0x08, byte(i)})
		m.Write32(ring+4, buf)
		m.Write32(ring+8, 0x80000040)
		m.Write32(ring+12, buf+0x100)
		m.Write32(ch+0x80, ring)
		m.Write32(ch+0x84, ring)
		m.Write32(ch+0x88, ring+8)
		m.Write32(ch+0x8C, ring+8)
		m.Write32(base+0x2C24, uint32(i%4))
		m.Write32(base+0x14, 3<<(2*(i%4)))
		m.Write32(base+0x10, 0xFF)
		m.Write32(ring, 0xE0000001)
		for j := range cables {
			want := 0
			if j <= i {
				want = 1
			}
			if len(cables[j].sent) != want {
				t.Fatalf("after port %d sent: port %d has %d frames", i, j, len(cables[j].sent))
			}
		}
		if !bytes.Equal(cables[i].sent[0], []byte{0x0F, 0, 0x08, byte(i)}) {
			t.Errorf("port %d sent %x", i, cables[i].sent[0])
		}
		if want := uint8(1) << (i / 4); b.irq != want {
			t.Errorf("port %d: interrupt bits %02x, want %02x", i, b.irq, want)
		}
		if got := m.Read32(base); got != 1<<(i%4) {
			t.Errorf("port %d: status %08X", i, got)
		}
		m.Write32(base, 0xFFFFFFFF)
		p.Receive([]byte{0x0F, 0, 0x08, 0x00, 0xAA})
		if got := m.Read32(base); got != 0x10<<(i%4) {
			t.Errorf("port %d: status after a frame %08X", i, got)
		}
		if got := m.Read32(ring + 8); got != 0x60000008 {
			t.Errorf("port %d: receive descriptor %08X", i, got)
		}
		m.Write32(base, 0xFFFFFFFF)
		m.Write32(base+0x2C24, 0x30000|uint32(i%4))
	}
	if b.irq != 0 {
		t.Errorf("interrupt bits %02x stay", b.irq)
	}
}

// A frame through a FastEthernet port both ways; removing the card while it
// interrupts takes the interrupt away.
func TestFastEthernet(t *testing.T) {
	b := newBay(t, 2, 0)
	c := b.insert("PA-FE-TX")
	var wire cable
	p := c.Ports()[0]
	p.Attach(&wire)
	m := b.slot.Map
	const base, rx, tx = 0x48000000, 0x1000, 0x2000
	b.setConfig(0, 0x14, base)
	for i, w := range []uint32{0x80000000, 0x02000600, 0x10000, 0} {
		m.Write32(rx+uint64(4*i), w)
	}
	for i, w := range []uint32{0x80000000, 0xE200003C, 0x20000, 0} {
		m.Write32(tx+uint64(4*i), w)
	}
	m.Write32(base+8*3, rx)
	m.Write32(base+8*4, tx)
	m.Write32(base+8*7, 0x10040)
	m.Write32(base+8*6, 0x2042)
	if len(wire.sent) != 1 || len(wire.sent[0]) != 60 {
		t.Errorf("sent %x", wire.sent)
	}
	if b.irq != 0 {
		t.Error("a masked event interrupts")
	}
	p.Receive(make([]byte, 60))
	if got := m.Read32(rx); got != 0x00400300 {
		t.Errorf("RDES0 %08X, want 00400300", got)
	}
	if b.irq != 1 {
		t.Errorf("interrupt bits %02x, want 01", b.irq)
	}
	c.Remove()
	if b.irq != 0 {
		t.Error("a removed card interrupts")
	}
	p.Receive(make([]byte, 60)) // a frame that was under way
}

// Port p of a PA-8E is PCI device p with interrupt bit p.
func TestEthernetPorts(t *testing.T) {
	b := newBay(t, 1, 0)
	c := b.insert("PA-8E")
	m := b.slot.Map
	cables := make([]cable, 8)
	for i, p := range c.Ports() {
		p.Attach(&cables[i])
		base := uint64(0x48000000 + i*0x800)
		b.setConfig(i, 0x14, uint32(base))
		set := func(csr, v uint32) {
			m.Write32(base+0x14, csr)
			m.Write32(base+0x10, v)
		}
		const block, rx, tx, buf = 0x800, 0x1000, 0x2000, 0x3000
		for k, w := range []uint32{0x8000, 0, 0, 0, 0, rx, tx} {
			m.Write32(block+uint64(4*k), w)
		}
		for k, w := range []uint32{buf, 0x8000FA00, 0, 0} {
			m.Write32(rx+uint64(4*k), w)
		}
		for k, w := range []uint32{buf, 0x8300FFC4, 0, 0} { // 60 bytes
			m.Write32(tx+uint64(4*k), w)
		}
		m.Write32(base+0x14, 20)
		m.Write32(base+0x1C, 2)
		set(1, block)
		set(0, 0x0001)
		set(0, 0x0142)
		for j := range cables {
			want := 0
			if j <= i {
				want = 1
			}
			if len(cables[j].sent) != want {
				t.Fatalf("after port %d sent: port %d has %d frames", i, j, len(cables[j].sent))
			}
		}
		if want := uint8(1) << i; b.irq != want {
			t.Errorf("port %d: interrupt bits %02x, want %02x", i, b.irq, want)
		}
		p.Receive(make([]byte, 60))
		if got := m.Read32(rx + 4); got != 0x0300FA00 {
			t.Errorf("port %d: receive descriptor %08X", i, got)
		}
		set(0, 0x0004)
		if b.irq != 0 {
			t.Errorf("port %d: interrupt bits %02x stay", i, b.irq)
		}
	}
}

// The I/O cards with two ports cannot be where slot 0 is PCI device 6.
func TestIOCardNeedsItsOwnBus(t *testing.T) {
	for _, name := range []string{"C7200-IO-2FE", "C7200-IO-GE-E"} {
		b := newBay(t, 0, 6)
		_, err := New(name, b.slot)
		if err == nil {
			t.Fatalf("%s: no error", name)
		}
		for _, w := range []string{name, "slot 0", "npe-100", "npe-150", "npe-200", "C7200-IO-FE"} {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: error %q does not say %q", name, err, w)
			}
		}
		for dev := range 32 {
			if b.config(dev, 0) != 0xFFFFFFFF {
				t.Errorf("%s: something stays at PCI device %d", name, dev)
			}
		}
	}
}

// Which PCI device and interrupt bit belong to which port: section 20. Frames
// go both ways, in natural order through the window that swaps bytes.
func TestGigabitPorts(t *testing.T) {
	for _, c := range []struct {
		name    string
		slot    int
		letters string
		devices []int
	}{
		{"C7200-IO-2FE", 0, "ff", []int{1, 0}},
		{"C7200-IO-GE-E", 0, "ge", []int{1, 0}},
		{"PA-2FE-TX", 1, "ff", []int{0, 1}},
		{"PA-GE", 2, "g", []int{0}},
	} {
		b := newBay(t, c.slot, 0)
		m := b.slot.Map
		const swapped = 0xC0000000
		if err := m.Add(&mem.Region{Name: "swapped", Base: swapped, Len: 1 << 20, Dev: &bswap.Window{Mem: m}}); err != nil {
			t.Fatal(err)
		}
		ports := b.insert(c.name).Ports()
		if len(ports) != len(c.devices) {
			t.Fatalf("%s: %d ports", c.name, len(ports))
		}
		for i, p := range ports {
			if p.Letter() != c.letters[i:i+1] {
				t.Errorf("%s: port %d is of letter %s", c.name, i, p.Letter())
			}
			var wire cable
			p.Attach(&wire)
			dev := c.devices[i]
			base := uint64(0x48000000 + dev*0x20000)
			b.setConfig(dev, 0x10, uint32(base))
			const rx, tx, buf = 0x1000, 0x2000, 0x3000
			frame := []byte("a frame of a length that is no multiple of four, in natural order")
			m.WriteAt(buf+1, frame)
			for k, w := range []uint32{swapped | (buf + 1), 0, 0x09000000 | uint32(len(frame)), 0} {
				m.Write32(tx+uint64(4*k), w)
			}
			for k, w := range []uint32{swapped | 0x4002, 0, 0, 0} {
				m.Write32(rx+uint64(4*k), w)
			}
			// The places of the 82542, which PA-GE's driver uses.
			for off, v := range map[uint64]uint32{0x110: rx, 0x118: 128, 0x128: 4, 0x420: tx, 0x428: 128, 0xD0: 0xFFFF} {
				m.Write32(base+off, v)
			}
			m.Write32(base+0x100, 2)
			m.Write32(base+0x400, 2)
			m.Write32(base+0x438, 1)
			if len(wire.sent) != 1 || !bytes.Equal(wire.sent[0], frame) {
				t.Errorf("%s port %d: sent %q", c.name, i, wire.sent)
			}
			if want := uint8(1) << dev; b.irq != want {
				t.Errorf("%s port %d: interrupt bits %02x, want %02x", c.name, i, b.irq, want)
			}
			p.Receive(frame)
			got := make([]byte, len(frame))
			m.ReadAt(0x4002, got)
			if !bytes.Equal(got, frame) || m.Read32(rx+12) != 7 {
				t.Errorf("%s port %d: received %q", c.name, i, got)
			}
			if got := m.Read32(base + 0xC0); got != 0x83 {
				t.Errorf("%s port %d: ICR %08X", c.name, i, got)
			}
			if b.irq != 0 {
				t.Errorf("%s port %d: interrupt bits %02x stay", c.name, i, b.irq)
			}
		}
	}
}
