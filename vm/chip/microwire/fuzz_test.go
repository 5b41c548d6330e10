package microwire

import "testing"

// FuzzPins clocks commands of any shape. Words change only while writing is
// enabled, and the EEPROM answers afterwards.
func FuzzPins(f *testing.F) {
	f.Add([]byte{1, 3, 5, 7, 5, 7, 1, 3})
	f.Fuzz(func(t *testing.T, ops []byte) {
		d := &driver{New(0x1234)}
		for _, b := range ops {
			before, enabled := d.Word, d.Enabled
			d.Pins(b&1 != 0, b&2 != 0, b&4 != 0)
			if !enabled && d.Word != before {
				t.Fatal("written while disabled")
			}
		}
		d.want(t, "afterwards", 0, d.Word[0])
	})
}
