package mueslix

import (
	"testing"

	"dynemu/vm/chip/chiptest"
)

// The modem signals follow the cable while the channel runs.
func TestModemSignalsChange(t *testing.T) {
	r := newRig(t, Mode1)
	r.start(2, 64)
	for _, plugged := range []bool{true, false, true} {
		r.cable[2].Unplugged = !plugged
		r.chip.Attach(2, &r.cable[2])
		want := uint32(0)
		if plugged {
			want = 0xFFFFFFFF
		}
		r.WantWord("signals", r.get(reg(2, RegModem)), want)
		r.WantWord("signals of another channel", r.get(reg(1, RegModem)), 0xFFFFFFFF)
	}
}

func TestEnable(t *testing.T) {
	bothModes(t, func(t *testing.T, mode Mode) {
		const ch = 1
		for _, c := range []struct {
			name string
			stop func(r *rig)
		}{
			{"command", func(r *rig) { r.set(RegCommand, r.disable()|ch) }},
			{"enable bits", func(r *rig) { r.set(RegEnable, r.get(RegEnable)&^(3<<(2*ch))) }},
		} {
			t.Run(c.name, func(t *testing.T) {
				r, p, other := newRig(t, mode), &chiptest.Port{}, &chiptest.Port{}
				r.chip.Attach(ch, p)
				r.chip.Attach(3, other)
				// The driver of the chip starts another channel.
				setUp := func() { r.start(3, 64) }
				r.WantEnable(p, setUp, func() { r.start(ch, 64) }, func() { c.stop(r) },
					r.chip.Reset, func() { r.chip.Restore(chiptest.Recode(t, r.chip.State)) })
				if other.Shut {
					t.Error("the other channel counts as shut")
				}
			})
		}
	})
}
