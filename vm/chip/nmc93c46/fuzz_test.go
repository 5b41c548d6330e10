package nmc93c46

import (
	"encoding/binary"
	"slices"
	"testing"
)

// FuzzPins lets a guest do anything with the register: the contents stay, and
// an EEPROM can be read afterwards.
func FuzzPins(f *testing.F) {
	f.Add([]byte{0, 0, 0, 4, 0, 0, 0, 6, 0, 0, 0, 0x36, 0xFF, 0xFF, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, ops []byte) {
		a := image(64)
		g := newGroup(slices.Clone(a), nil)
		for ; len(ops) >= 4; ops = ops[4:] {
			g.Write(binary.BigEndian.Uint32(ops))
			g.Read()
		}
		if got := (driver{g, pins[0]}).read(17); got != a[17] {
			t.Errorf("word 17 reads %04X, want %04X", got, a[17])
		}
	})
}
