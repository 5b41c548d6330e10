package dec21140

import (
	"testing"

	"dynemu/vm/chip/chiptest"
)

func TestLinkLoss(t *testing.T) {
	for _, c := range []clocking{dataBook, tulip} {
		r := newRig(t)
		r.WantLinkLoss(&r.Wire, func() { r.chip.Attach(r) }, func() bool {
			return c.read(r, phyAddress, phyStatus)&statusLink != 0
		})
		r.Unplugged = true
		r.chip.Attach(r)
		r.chip.Reset()
		r.Unplugged = false
		r.chip.Attach(r)
		if c.read(r, phyAddress, phyStatus)&statusLink == 0 {
			t.Errorf("%s: a loss from before the reset is left", c.name)
		}
	}
}

func TestEnable(t *testing.T) {
	const powerDown, isolate = 0x0800, 0x0400
	for _, c := range []struct {
		name               string
		setUp, start, stop func(r *rig)
	}{
		{
			"operating mode", func(r *rig) { r.set(CSR7Mask, 0) },
			func(r *rig) { r.set(CSR6Mode, modeRx|modeTx) }, func(r *rig) { r.set(CSR6Mode, 0) },
		},
		{
			"transmitter alone", func(r *rig) { r.set(CSR6Mode, 0) },
			func(r *rig) { r.set(CSR6Mode, modeTx) }, func(r *rig) { r.set(CSR6Mode, 0) },
		},
		{
			"software reset", func(r *rig) { r.set(CSR0BusMode, busSoftReset) },
			func(r *rig) { r.set(CSR6Mode, modeRx) }, func(r *rig) { r.set(CSR0BusMode, busSoftReset) },
		},
		{
			"PHY powered down", func(r *rig) { r.set(CSR5Status, 0) },
			func(r *rig) { tulip.write(r, phyAddress, phyControl, 0x3100); r.set(CSR6Mode, modeRx|modeTx) },
			func(r *rig) { tulip.write(r, phyAddress, phyControl, 0x3100|powerDown) },
		},
		{
			"PHY isolated, as a router image does it", func(r *rig) { dataBook.write(r, 3, phyControl, isolate) },
			func(r *rig) { dataBook.write(r, 3, phyControl, 0x3100); r.set(CSR6Mode, modeRx|modeTx) },
			func(r *rig) { dataBook.write(r, 3, phyControl, isolate) },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, p := newRig(t), &chiptest.Port{}
			r.chip.Attach(p)
			r.WantEnable(p, func() { c.setUp(r) }, func() { c.start(r) }, func() { c.stop(r) },
				r.chip.Reset, func() { r.chip.Restore(chiptest.Recode(t, r.chip.State)) })
		})
	}
}

// A PHY beside the one in use may be off.
func TestOtherPHYOff(t *testing.T) {
	r, p := newRig(t), &chiptest.Port{}
	r.chip.Attach(p)
	r.set(CSR6Mode, modeRx|modeTx)
	dataBook.write(r, 1, phyControl, 0x3100)
	dataBook.write(r, 2, phyControl, 0x0400)
	for range 20 {
		r.Advance(25e6)
	}
	if p.Shut {
		t.Error("shut by an isolated PHY that is not in use")
	}
}
