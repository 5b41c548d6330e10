package posoc3

import (
	"testing"

	"dynemu/vm/chip/chiptest"
)

func TestEnable(t *testing.T) {
	r, p := newRig(t), &chiptest.Port{}
	r.chip.Attach(p)
	stop := func() {
		r.Put(rxSpace+RegStart, 0)
		r.Put(txSpace+RegStart, 0)
	}
	r.WantEnable(p, func() { r.Put(framerS+RegControl, 6) }, func() { r.start(64) }, stop,
		r.chip.Reset, func() { r.chip.Restore(chiptest.Recode(t, r.chip.State)) })
}
