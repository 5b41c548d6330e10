package i8254x

import (
	"testing"

	"dynemu/vm/chip/chiptest"
)

func (r *rig) mdic(op, reg, v uint32) uint32 {
	r.set(0x20, op|1<<21|reg<<16|v)
	return r.get(0x20) & mdicData
}

func TestLinkLoss(t *testing.T) {
	r := newRig(t)
	r.WantLinkLoss(&r.Wire, func() { r.chip.Attach(r) }, func() bool { return r.mdic(mdicRead, phyStatus, 0) == statusUp })
	r.Unplugged = true
	r.chip.Attach(r)
	r.Unplugged = false
	r.chip.Attach(r)
	r.WantWord("STATUS shows the present", r.get(8), 3)
	r.WantWord("as the partner does", r.mdic(mdicRead, phyPartner, 0), 0x41E1)
	r.WantWord("the PHY's status does not", r.mdic(mdicRead, phyStatus, 0), statusDown)
	r.WantWord("until it was read", r.mdic(mdicRead, phyStatus, 0), statusUp)
}

// A link that comes or goes while LSC is enabled interrupts at once.
func TestLinkInterrupt(t *testing.T) {
	r := newRig(t)
	r.set(0xD0, LSC)
	for _, unplugged := range []bool{true, false} {
		r.WantIRQ("no change", false)
		r.Unplugged = unplugged
		r.chip.Attach(r)
		r.WantIRQ("the link has changed", true)
		r.WantWord("ICR", r.get(0xC0), LSC)
	}
	r.chip.Attach(r)
	r.WantIRQ("attached again", false)
}

func TestEnable(t *testing.T) {
	const powerDown = 0x0800
	for _, c := range []struct {
		name               string
		setUp, start, stop func(r *rig)
	}{
		{
			"RCTL and TCTL", func(r *rig) { r.set(0xD8, 0xFFFFFFFF) },
			func(r *rig) { r.start(0) }, func(r *rig) { r.set(0x100, 0); r.set(0x400, 0) },
		},
		{
			"CTRL.RST", func(r *rig) { r.set(0, ctrlReset) },
			func(r *rig) { r.start(0) }, func(r *rig) { r.set(0, ctrlReset) },
		},
		{
			"PHY powered down", func(r *rig) { r.set(0x38, 0) },
			func(r *rig) { r.start(0); r.mdic(mdicWrite, phyControl, 0x3100) },
			func(r *rig) { r.mdic(mdicWrite, phyControl, 0x3100|powerDown) },
		},
		{
			"PHY powered down and reset", func(r *rig) { r.set(0x38, 0) },
			func(r *rig) { r.start(0); r.set(0, ctrlPHY) },
			func(r *rig) { r.mdic(mdicWrite, phyControl, powerDown) },
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
