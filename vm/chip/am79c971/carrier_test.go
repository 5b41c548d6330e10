package am79c971

import (
	"testing"

	"dynemu/vm/chip/chiptest"
)

const phyLink = 1 << 2 // of the PHY's status

func (r *rig) readPHY(reg uint32) uint32 {
	r.setBCR(BCRMIIAddress, reg)
	return r.bcr(BCRMIIData)
}

func (r *rig) writePHY(reg, v uint32) {
	r.setBCR(BCRMIIAddress, reg)
	r.setBCR(BCRMIIData, v)
}

func TestLinkLoss(t *testing.T) {
	r := newRig(t)
	r.WantLinkLoss(&r.Wire, func() { r.chip.Attach(r) }, func() bool { return r.readPHY(phyStatus)&phyLink != 0 })
	// The other registers show the present, and take nothing away.
	r.Unplugged = true
	r.chip.Attach(r)
	r.Unplugged = false
	r.chip.Attach(r)
	r.WantWord("partner", r.readPHY(phyPartner), 0xC9E1)
	r.WantWord("status", r.readPHY(phyStatus), statusNoLink)
	r.WantWord("status", r.readPHY(phyStatus), 0x782D)
}

// CSR7.MAPINT tells of a change to those who have the chip poll its PHY.
func TestPHYInterrupt(t *testing.T) {
	const enable = phyChanged >> 1
	for _, c := range []struct {
		name       string
		bcr32, ie  uint32
		event, irq bool
	}{
		{"nobody polls", 0, enable, false, false},
		{"polled", autoPoll, 0, true, false},
		{"polled, with interrupt", autoPoll, enable, true, true},
	} {
		r := newRig(t)
		r.start(1, 0)
		r.set(CSRStatus, IENA)
		r.setBCR(BCRMII, c.bcr32)
		r.set(CSRExtended2, c.ie)
		for _, unplugged := range []bool{true, false} {
			r.WantIRQ(c.name+": no change", false)
			r.Unplugged = unplugged
			r.chip.Attach(r)
			if got := r.csr(CSRExtended2)&phyChanged != 0; got != c.event {
				t.Errorf("%s: MAPINT is %v after a change to unplugged %v", c.name, got, unplugged)
			}
			r.WantIRQ(c.name, c.irq)
			r.set(CSRExtended2, phyChanged|c.ie)
		}
		r.chip.Attach(r)
		r.WantIRQ(c.name+": attached again", false)
	}
}

func TestEnable(t *testing.T) {
	const powerDown = 0x0800
	for _, c := range []struct {
		name               string
		setUp, start, stop func(r *rig)
	}{
		{
			"STOP", func(r *rig) { r.set(CSRStatus, STOP) },
			func(r *rig) { r.start(1, 0) }, func(r *rig) { r.set(CSRStatus, STOP) },
		},
		{
			"reset register", func(r *rig) { r.chip.Read(regReset, 4) },
			func(r *rig) { r.start(1, 0) }, func(r *rig) { r.chip.Read(regReset, 4) },
		},
		{
			"both sides off", func(r *rig) { r.chip.Write(regRAP, 4, 0) },
			func(r *rig) { r.start(1, 0) }, func(r *rig) { r.set(CSRMode, rxOff|txOff) },
		},
		{
			"PHY powered down", func(r *rig) { r.bcr(BCRStyle) },
			func(r *rig) { r.start(1, 0); r.writePHY(phyControl, 0x3100) },
			func(r *rig) { r.writePHY(phyControl, 0x3100|powerDown) },
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
