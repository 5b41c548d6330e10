package card

import "testing"

// Sections 7.3, 18 and 20: the ID of the PM7380, and a PLX 9054 in front of
// memory.
func TestMC8TE1Card(t *testing.T) {
	b := newBay(t, 3, 0)
	c := b.insert("PA-MC-8TE1")
	wantEEPROM(t, c, "04FF 4003 4E41 0200 C18B 4A41 4530 3834 3159 3251 3082 491D 7D02 4241 3003 0081 "+
		"0000 0000 0400 8000 0127 9BCB 9450 412D 4D43 2D38 5445 312B 2020 2020 2020 2020 20C0 4603 2000 4BBB 02FF "+
		"FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF FFFF")
	for device, want := range []uint32{0x738011F8, 0x905410B5, 0xFFFFFFFF} {
		if got := b.config(device, 0); got != want {
			t.Errorf("PCI device %d: %08X, want %08X", device, got, want)
		}
	}
	wantDeafPort(t, c)
	m := b.slot.Map
	regions := len(m.Regions())
	b.setConfig(0, 0x10, 0x48000000)
	if got := b.config(0, 0x10); got != 0 || len(m.Regions()) != regions {
		t.Errorf("the PM7380 has a window, base %08X", got)
	}
	const registers, local = 0x48000000, 0x48100000
	b.setConfig(1, 0x10, registers)
	b.setConfig(1, 0x18, local)
	for pa, want := range map[uint64]uint32{registers: 0xFFF00000, local + 0xFFF0C: 0xDEADBEEF, local + 0xFFF10: 0xBEEFFEED, local: 0, local + 0x10: 0} {
		if got := m.Read32(pa); got != want {
			t.Errorf("%#x reads %08X, want %08X", pa, got, want)
		}
		if pa != registers {
			m.Write32(pa, 0x5A5A5A5A)
		}
		if got := m.Read32(pa); got != want {
			t.Errorf("%#x reads %08X after a write, want %08X", pa, got, want)
		}
	}
	for _, off := range []uint64{0x10000, 0x2FFFC} {
		m.WriteAt(local+off, []byte{1, 2, 3, 4})
		m.WriteAt(local+off+1, []byte{0xAA})
		if got := m.Read32(local + off); got != 0x01AA0304 {
			t.Errorf("memory at %#x reads %08X", off, got)
		}
	}
	if before, behind := m.Read32(local+0xFFFC), m.Read32(local+0x30000); before != 0 || behind != 0 {
		t.Errorf("around the memory: %08X %08X", before, behind)
	}
	m.Write32(registers+0x60, 1)
	if b.management != 1 {
		t.Errorf("doorbell: management interrupt raised %d times", b.management)
	}
	c.Remove()
	if len(m.Regions()) != regions || b.config(0, 0) != 0xFFFFFFFF || b.config(1, 0) != 0xFFFFFFFF {
		t.Error("a removed card is still there")
	}
}
