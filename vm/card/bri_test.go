package card

import "testing"

// Sections 7.3, 17 and 20: one PCI function. The controller is set up, sends,
// and interrupts past the bits of the slot.
func TestBRICard(t *testing.T) {
	b := newBay(t, 2, 0)
	c := b.insert("PA-4B")
	wantEEPROM(t, c, "013D 0202 FFFF FFFF 490C 7806 0000 0000 5000 0000 0208 1900 0000 FFFF FFFF FFFF")
	if id, other := b.config(0, 0), b.config(1, 0); id != 0x401310EE || other != 0xFFFFFFFF {
		t.Errorf("PCI devices %08X %08X", id, other)
	}
	wantDeafPort(t, c)
	m := b.slot.Map
	regions := len(m.Regions())
	const base, queue, desc = 0x48800000, 0x1000, 0x2000
	b.setConfig(0, 0x10, base)
	m.Write32(base+8+4, queue)
	m.Write32(base+8+0x8C+2*16, 1<<21) // channel 2: start to transmit
	m.Write32(base+8+0x8C+2*16+8, desc)
	m.Write32(desc, 0xC0000000)
	m.Write32(base+8, 1<<14|2<<8|1<<2)
	if ack, sent := m.Read32(queue), m.Read32(queue+4); ack != 0x80008000 || sent != 0x80001002 {
		t.Errorf("interrupts %08X %08X", ack, sent)
	}
	if b.network != 1 || b.irq != 0 {
		t.Errorf("network interrupt raised %d times, interrupt bits %02x", b.network, b.irq)
	}
	m.WriteAt(base+0x40050, []byte{0x20})
	if got := m.Read32(base + 0x40050); got != 0x0C || b.management != 1 {
		t.Errorf("power up: answer %02X, management interrupt raised %d times", got, b.management)
	}
	c.Reset()
	if len(m.Regions()) != regions {
		t.Error("a reset leaves the window")
	}
	b.setConfig(0, 0x10, base)
	if got := m.Read32(base + 8 + 4); got != 0 {
		t.Errorf("a reset leaves %08X in the controller", got)
	}
	c.Remove()
	if len(m.Regions()) != regions || b.config(0, 0) != 0xFFFFFFFF {
		t.Error("a removed card is still there")
	}
}

// wantDeafPort checks the port of a card that passes no traffic.
func wantDeafPort(t *testing.T, c Card) {
	t.Helper()
	ports := c.Ports()
	if len(ports) != 1 || ports[0].Letter() != "" {
		t.Fatalf("ports %v", ports)
	}
	var wire cable
	ports[0].Attach(&wire)
	ports[0].Receive([]byte{1, 2, 3})
	ports[0].Attach(nil)
	if len(wire.sent) != 0 {
		t.Errorf("sent %x", wire.sent)
	}
}
