package card

import "testing"

// Sections 7.3 and 19: 64 words, product 0511, no PCI function and no port.
func TestJacketCard(t *testing.T) {
	b := newBay(t, 0, 0)
	c := b.insert("C7200-JC-PA")
	image := c.EEPROM()
	if len(image) != 64 || image[1] != 0x4005 || image[2] != 0x1141 || image[63] != 0xFFFF {
		t.Errorf("EEPROM %04X", image)
	}
	var text []byte
	for _, w := range image[22:28] {
		text = append(text, byte(w>>8), byte(w))
	}
	if string(text) != "\x8BC7200-JC-PA" {
		t.Errorf("product name %q", text)
	}
	if n := len(c.Ports()); n != 0 {
		t.Errorf("%d ports", n)
	}
	for device := range 32 {
		if id := b.config(device, 0); id != 0xFFFFFFFF {
			t.Errorf("PCI device %d has id %08X", device, id)
		}
	}
	c.Reset()
	c.Remove()
	b.slot.Number = 1
	if _, err := New("C7200-JC-PA", b.slot); err == nil {
		t.Error("slot 1 takes the jacket card")
	}
}
