package c7200

import "testing"

// The jacket card is no I/O card: IO FPGA 0x390 does not show one (c7200
// reference, 6.1 and 15.2).
func TestJacketCardIsNoIOCard(t *testing.T) {
	for _, c := range []struct {
		slot0 string
		want  uint64
	}{
		{"", 0x01000102}, // an empty slot 0 gets a C7200-IO-FE
		{"C7200-IO-FE", 0x01000102},
		{"C7200-JC-PA", 0x00000102},
	} {
		g := newGuest(t, func(p *Params) { p.Slots = []string{c.slot0} })
		if got := g.io.Read(0x390, 4); got != c.want {
			t.Errorf("slot 0 %q: 0x390 reads %#x, want %#x", c.slot0, got, c.want)
		}
	}
}
