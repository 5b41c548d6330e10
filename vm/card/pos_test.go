package card

import (
	"bytes"
	"testing"
)

// Sections 7.3, 16 and 20: four PCI functions, the fourth without an ID.
func TestPOSCard(t *testing.T) {
	b := newBay(t, 5, 0)
	c := b.insert("PA-POS-OC3")
	wantEEPROM(t, c, "0196 0202 FFFF FFFF 490C 7806 0000 0000 5000 0000 0208 1900 0000 FFFF FFFF FFFF")
	for device, want := range []uint32{0x906010B5, 0x906010B5, 0x906010B5, 0, 0xFFFFFFFF} {
		if got := b.config(device, 0); got != want {
			t.Errorf("PCI device %d: %08X, want %08X", device, got, want)
		}
	}
	ports := c.Ports()
	if len(ports) != 1 || ports[0].Kind() != POS || ports[0].Letter() != "p" {
		t.Errorf("ports %v", ports)
	}
	m := b.slot.Map
	regions := len(m.Regions())

	// As a driver finds it: registers, local spaces, a longer one for the framer.
	const registers, rx, tx, framer, function = 0x48000000, 0x48100000, 0x48200000, 0x48400000, 0x48030000
	for device, local := range []uint32{rx, tx, framer} {
		b.setConfig(device, 0x10, registers+uint32(device)*0x1000)
		b.setConfig(device, 0x18, local)
	}
	b.setConfig(3, 0x10, function)
	if got := m.Read32(framer + 0x300008); got != 0 {
		t.Errorf("beyond the range after reset: %08X", got)
	}
	m.Write32(registers+0x2000, 0xFFC00000)
	for pa, want := range map[uint64]uint32{framer + 0x300000: 0xFFF, framer + 0x300008: 0x7F, registers: 0xFFF00000, function + 0x404: 0xFFFFFFFF} {
		if got := m.Read32(pa); got != want {
			t.Errorf("%#x reads %08X, want %08X", pa, got, want)
		}
	}

	var wire cable
	ports[0].Attach(&wire)
	const rxRing, txRing, rxBuf, txBuf = 0x1000, 0x2000, 0x3000, 0x4000
	m.Write32(rxRing, 0xC0000040)
	m.Write32(rxRing+4, rxBuf)
	m.Write32(framer+0x300028, 6)
	m.Write32(rx+8, rxRing)
	m.Write32(rx+4, rxRing)
	m.Write32(tx+8, txRing)
	m.Write32(tx+4, txRing)
	m.WriteAt(txBuf, []byte{0x00, 0x08, 0x00, 0x0F, 0x00, 0x00, 0xBB, 0xAA}) // lanes reversed
	m.Write32(txRing+4, txBuf)
	m.Write32(txRing, 0xC0000006)
	if len(wire.sent) != 1 || !bytes.Equal(wire.sent[0], []byte{0x0F, 0x00, 0x08, 0x00, 0xAA, 0xBB}) {
		t.Errorf("sent %x", wire.sent)
	}
	if b.irq != 1 {
		t.Errorf("interrupt bits %02x, want 01", b.irq)
	}
	for range 20 {
		m.Read32(framer + 0x300000)
	}
	if b.irq != 0 {
		t.Error("the interrupt stays after 20 status reads")
	}
	ports[0].Receive([]byte{0x0F, 0x00, 0x08, 0x00, 1, 2, 3})
	if got := m.Read32(rxRing); got != 9 {
		t.Errorf("receive descriptor %08X, want 9", got)
	}
	got := make([]byte, 8)
	m.ReadAt(rxBuf, got)
	if !bytes.Equal(got, []byte{0x0F, 0x00, 0x08, 0x00, 1, 2, 3, 0}) || b.irq != 1 {
		t.Errorf("received %x, interrupt bits %02x", got, b.irq)
	}

	c.Reset()
	if len(m.Regions()) != regions || b.irq != 0 {
		t.Error("a reset leaves windows or the interrupt")
	}
	b.setConfig(0, 0x18, rx)
	b.setConfig(3, 0x10, function)
	c.Remove()
	if len(m.Regions()) != regions || b.config(0, 0) != 0xFFFFFFFF || b.config(3, 0) != 0xFFFFFFFF {
		t.Error("a removed card is still there")
	}
	b.insert("PA-POS-OC3")
}
