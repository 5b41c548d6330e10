package c7200

import (
	"encoding/binary"
	"testing"
	"time"

	"dynemu/vm/card"
	"dynemu/vm/chip/chiptest"
	"dynemu/vm/pci"
)

// setCard writes a configuration register of the card in a bay.
func (g *guest) setCard(bay, device int, reg uint8, v uint32) {
	p := pci.Port{Root: g.bayBus[bay]}
	p.SetAddress(uint32(device&31)<<11 | uint32(reg))
	p.WriteData(v)
}

// Interrupts without a bit of the slot (12.1): the PA-4B's at the network line,
// and the management line of PA-4B and PA-MC-8TE1.
func TestRaisedInterrupts(t *testing.T) {
	g := newGuest(t, func(p *Params) { p.RAMMiB, p.Slots = 4, []string{1: "PA-MC-8TE1", 2: "PA-4B"} })
	const plx, bri, queue = 0x48000000, 0x48800000, 0x1000
	g.setCard(1, 1, 0x10, plx)
	g.setCard(2, 0, 0x10, bri)

	g.put(plx+0x60, 1)
	g.wantIRQ("doorbell of the PA-MC-8TE1", irqManagement, true)
	g.get(mp + 0x40)
	g.wantIRQ("after a read of MP 0x40", irqManagement, false)
	g.put(bri+0x40050, 0x20)
	g.get(bri + 0x40050)
	g.wantIRQ("power up of a line of the PA-4B", irqManagement, true)
	g.put(mp+0x40, 0)
	g.wantIRQ("after a write of MP 0x40", irqManagement, false)

	g.put(bri+0x0C, queue)
	g.put(bri+0x08+0x8C, 1<<21)
	g.put(bri+0x08+0x94, queue+0x100)
	g.put(queue+0x100, 0xC0000000)
	g.put(bri+0x08, 1<<14|1<<2)
	if got := g.get(queue + 4); got != 0x80001000 {
		t.Fatalf("interrupt %08X in the queue", got)
	}
	g.wantIRQ("a frame sent", irqNetwork, true)
	if a, b := g.get(mp+0x10), g.get(mp+0x18); a != 0 || b != 0 {
		t.Errorf("status %08X %08X", a, b)
	}
	g.put(mp+0x20, 0)
	g.wantIRQ("after the board looked at the bits", irqNetwork, false)
	g.put(plx+0x60, 1)
	g.Reset()
	g.wantIRQ("after reset", irqManagement, false)
}

// FuzzCards lets a guest do anything with every card: windows anywhere, chips
// that reach each other and themselves, nonsense in descriptors. Nothing
// panics, hangs, or stays behind a reset.
func FuzzCards(f *testing.F) {
	f.Add(uint8(0), []byte{0, 0x10, 0x48, 0, 0, 0, 1, 4, 0x48, 0, 0, 0, 2, 0, 0x80, 0, 0, 0x10, 3, 0, 0, 0, 1, 0})
	f.Add(uint8(9), []byte{0, 0x10, 0, 0, 0, 0x40, 0, 0x18, 0, 0, 0x20, 0, 1, 0, 0xFF, 0xF0, 0, 0})
	f.Add(uint8(7), []byte{0, 0x10, 0x14, 0, 0, 0, 1, 1, 0, 0, 0, 9, 5, 0x20, 0x80, 0, 0, 0x40})
	bays := [][]string{
		{"PA-FE-TX", "PA-4E", "PA-GE"}, {"PA-8T", "PA-POS-OC3", "PA-4B"}, {"PA-MC-8TE1", "PA-2FE-TX", "PA-POS-OC3"},
	}
	var others []string
	for _, name := range card.Names() {
		if name[:2] == "PA" {
			others = append(others, name)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, script []byte) {
		cards := bays[int(which)%len(bays)]
		g := newGuest(t, func(p *Params) {
			p.RAMMiB = 1
			p.Slots = []string{1: cards[0], 2: cards[1], 3: cards[2], 4: others[int(which)%len(others)]}
		})
		var wire chiptest.Wire
		wire.Drop = true
		for bay := 1; bay <= 4; bay++ {
			for _, port := range g.cards[bay].Ports() {
				port.Attach(&wire)
			}
		}
		regions := len(g.mem.Regions())
		base := uint32(0)
		chiptest.Play(script, func(op, x byte, v uint32, rest []byte) {
			bay, size := 1+int(op/8%4), 1<<(x&3)
			switch op % 8 {
			case 0:
				g.setCard(bay, int(op>>5), x, v)
				base = v &^ 0xF
			case 1:
				g.write(uint64(base)+uint64(x)*4, 4, uint64(v))
			case 2:
				g.put(uint64(x)*4, v)
			case 3:
				g.write(uint64(v)&^7, size, uint64(v)*0x1_00000001)
			case 4:
				g.read(uint64(v)&^7, size)
			case 5:
				g.put(addrController+uint64(x)*16, v)
			case 6:
				g.pass(time.Duration(v % uint32(time.Second)))
			case 7:
				frame := append(binary.BigEndian.AppendUint32(nil, v), rest...)
				for _, port := range g.cards[bay].Ports() {
					port.Receive(frame)
				}
			}
		})
		for bay := 1; bay <= 4; bay++ {
			g.cards[bay].Reset()
		}
		if n := len(g.mem.Regions()); n != regions {
			t.Errorf("%d windows stay after a reset", n-regions)
		}
	})
}
