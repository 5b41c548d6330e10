package tneta1570

import (
	"testing"

	"dynemu/vm/chip/chiptest"
)

func TestEnable(t *testing.T) {
	for _, c := range []struct {
		name        string
		start, stop func(r *rig)
	}{
		{"configuration", func(r *rig) { r.start() }, func(r *rig) { r.set(RegConfig, 0) }},
		// As a driver for an emulator that does not look at the enable bits.
		{"schedule", func(r *rig) { r.open(1, 5, 77, aalAAL5) }, func(r *rig) { r.set(TxSchedule, 0) }},
		{
			"both",
			func(r *rig) { r.start(); r.open(1, 5, 77, aalAAL5) },
			func(r *rig) { r.set(TxSchedule, 0); r.set(RegConfig, 0) },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, p := newRig(t), &chiptest.Port{}
			r.chip.Attach(p)
			restore := func() {
				s := chiptest.Recode(t, r.chip.State)
				r.chip.Restore(s)
			}
			r.WantEnable(p, func() { r.set(RegMask, 0) }, func() { c.start(r) }, func() { c.stop(r) }, r.chip.Reset, restore)
		})
	}
}

// One of several circuits going does not shut the port, nor do the enable bits
// while others are there.
func TestEnableCircuits(t *testing.T) {
	r, p := newRig(t), &chiptest.Port{}
	r.chip.Attach(p)
	wait := func() {
		for range 10 {
			r.Advance(25e6)
		}
	}
	r.open(1, 5, 77, aalAAL5)
	r.set(TxSchedule+4, 2<<16|1)
	r.set(TxSchedule, 0)
	wait()
	if p.Shut {
		t.Error("shut with a circuit in the schedule")
	}
	r.chip.Restore(chiptest.Recode(t, r.chip.State))
	r.set(TxSchedule+4, 2<<16)
	wait()
	if p.Shut {
		t.Error("shut with the last circuit in the schedule")
	}
	r.set(TxSchedule+4, 0)
	wait()
	if !p.Shut {
		t.Error("not shut without a circuit")
	}
}
