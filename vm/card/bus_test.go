package card

import (
	"bytes"
	"testing"
)

// Cards reach memory and no registers, other cards' or their own: a guest cannot
// have them feed each other.
func TestCardsReachMemoryOnly(t *testing.T) {
	b := newBay(t, 1, 0)
	pos := b.insert("PA-POS-OC3").Ports()[0]
	b.slot.Device = 8
	b.insert("PA-4T+")
	var wire cable
	pos.Attach(&wire)
	m := b.slot.Map
	const rx, tx, serial, txRing, rxRing = 0x48100000, 0x48200000, 0x48000000, 0x1000, 0x1100
	b.setConfig(0, 0x18, rx)
	b.setConfig(1, 0x18, tx)
	b.setConfig(8, 0x10, serial)
	if got := m.Read32(serial + 0x18); got != 0x7F7F7F7F {
		t.Fatalf("the CPU reads %08X", got)
	}
	m.Write32(txRing, 0xC0000004) // 4 bytes of a register
	m.Write32(txRing+4, serial+0x18)
	m.Write32(tx+8, txRing)
	m.Write32(tx+4, txRing)
	if len(wire.sent) != 1 || !bytes.Equal(wire.sent[0], make([]byte, 4)) {
		t.Errorf("sent %x, want zeros", wire.sent)
	}
	for _, pa := range []uint64{serial + 0x10, rx + 4} {
		m.Write32(rxRing, 0xC0000004)
		m.Write32(rxRing+4, uint32(pa))
		m.Write32(rx+8, rxRing)
		m.Write32(rx+4, rxRing)
		before := m.Read32(pa)
		pos.Receive([]byte{1, 2, 3, 4})
		if got := m.Read32(pa); got != before {
			t.Errorf("a received frame changed the register at %#x to %08X", pa, got)
		}
		if got := m.Read32(rxRing); got != 4 {
			t.Errorf("receive descriptor %08X", got)
		}
	}
}
