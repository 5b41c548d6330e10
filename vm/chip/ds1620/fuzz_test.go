package ds1620

import "testing"

// FuzzPins lets a guest do anything with the three wires: the temperature stays
// and can be read afterwards.
func FuzzPins(f *testing.F) {
	f.Add([]byte{1, 5, 1, 7, 9, 8, 0})
	f.Fuzz(func(t *testing.T, ops []byte) {
		s := sensor()
		for _, b := range ops {
			s.Pins(b&1 != 0, b&2 != 0)
			if b&8 != 0 {
				s.SetDQ(b&4 != 0)
			} else {
				s.DQ()
			}
		}
		s.Pins(false, false)
		send(s, CmdReadTemp)
		if got := receive(s, 9); got != 2*PowerOnCelsius {
			t.Errorf("temperature %d, want %d", got, 2*PowerOnCelsius)
		}
	})
}
