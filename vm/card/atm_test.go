package card

import (
	"bytes"
	"testing"
)

// Sections 7.3, 14.1 and 20: two PCI functions, of which the first works.
func TestATMCard(t *testing.T) {
	b := newBay(t, 3, 0)
	c := b.insert("PA-A1")
	wantEEPROM(t, c, "0117 010F FFFF FFFF 4906 2E07 0000 0000 5000 0000 0010 2400 FFFF FFFF FFFF FFFF")
	for device, want := range []uint32{0xA001104C, 0x906E10B5, 0xFFFFFFFF} {
		if got := b.config(device, 0); got != want {
			t.Errorf("PCI device %d: %08X, want %08X", device, got, want)
		}
	}
	ports := c.Ports()
	if len(ports) != 1 || ports[0].Kind() != ATM || ports[0].Letter() != "a" {
		t.Errorf("ports %v", ports)
	}
	m := b.slot.Map
	regions := len(m.Regions())
	const base = 0x48000000
	b.setConfig(0, 0x10, base)
	b.setConfig(1, 0x10, base)
	b.setConfig(1, 0x18, base)
	if got := len(m.Regions()) - regions; got != 1 || b.config(1, 0x10) != 0 {
		t.Errorf("%d windows, want that of the first function", got)
	}
	if got := m.Read32(base + 0x18000C); got != 0xA6 {
		t.Errorf("board register %08X", got)
	}

	// One cell out and in: transparent, one to a packet.
	var wire cable
	ports[0].Attach(&wire)
	const ring, txBuf, rxDone, free, rxBuf = 0x1000, 0x2000, 0x3000, 0x4000, 0x5000
	cell := append([]byte{0x00, 0x10, 0x02, 0x02, 0x00}, bytes.Repeat([]byte{0xA5}, 48)...) // 1/32, end
	cell[4] = 0xD3
	m.WriteAt(txBuf+16, cell[5:])
	m.Write32(txBuf+8, 0x00100200)
	m.Write32(txBuf, 0xE0000030)
	m.Write32(base+0x8020+12, 0x80000000|ring>>2)
	m.Write32(base, 1)
	m.Write32(ring, 0x80000000|txBuf>>2)
	if len(wire.sent) != 1 || !bytes.Equal(wire.sent[0], cell) {
		t.Errorf("sent %x, want %x", wire.sent, cell)
	}

	m.Write32(rxDone+16, 0x80000000)
	m.Write32(free, 0x80000000|rxBuf>>2)
	m.Write32(base+0x320C, 0)
	m.Write32(base+0x3208, 0x80)        // interrupt mask
	m.Write32(base+0x340C, rxDone)      // completion ring
	m.Write32(base+0x3800, free)        // free-buffer ring 0
	m.Write32(base+0x3804, 1<<16)       // buffers of one cell
	m.Write32(base+0x4004, 0x880003FF)  // VPI 1: entries from 0x800
	m.Write32(base+0x10400, 0x20000000) // VCI 32
	m.Write32(base+0x10418, 0x80000000)
	ports[0].Receive(cell)
	got := make([]byte, 48)
	m.ReadAt(rxBuf+16, got)
	if !bytes.Equal(got, cell[5:]) || m.Read32(rxDone+8) != 0x80000000|rxBuf>>2 || b.irq != 1 {
		t.Errorf("received %x, completion %08X, interrupt bits %02x", got, m.Read32(rxDone+8), b.irq)
	}
	if m.Read32(base+0x3204) != 0x80 || b.irq != 0 {
		t.Error("the interrupt stays after the status was read")
	}

	c.Reset()
	if len(m.Regions()) != regions {
		t.Error("a reset leaves windows")
	}
	b.setConfig(0, 0x10, base)
	c.Remove()
	if len(m.Regions()) != regions || b.config(0, 0) != 0xFFFFFFFF || b.config(1, 0) != 0xFFFFFFFF {
		t.Error("a removed card is still there")
	}
	b.insert("PA-A1")
}
