package chip_test

import (
	"testing"

	"dynemu/vm/chip"
	"dynemu/vm/chip/chiptest"
)

func newEnable(t *testing.T) (*chiptest.Rig, *chip.Enable, *chip.EnableState) {
	r, s, e := chiptest.New(t), &chip.EnableState{}, &chip.Enable{}
	e.Init(s, r.Loop)
	return r, e, s
}

func TestEnable(t *testing.T) {
	r, e, s := newEnable(t)
	p := &chiptest.Port{}
	e.Attach(p)
	stop := func() { e.Update(false) }
	assign := func(v chip.EnableState) {
		*s = v
		e.Restore()
	}
	r.WantEnable(p, stop, func() { e.Update(true) }, stop,
		func() { assign(chip.EnableState{}) },
		func() { assign(chiptest.Recode(t, *s)) })
}

// Who is attached while the port is shut is told so, once, and learns of the rest
// of a hold that began before.
func TestEnableAttach(t *testing.T) {
	r, e, _ := newEnable(t)
	e.Update(true)
	e.Update(false)
	e.Attach(&chiptest.Wire{})
	for range 3 {
		r.Advance(1e9)
	}
	r.WantNoTimer("nobody listens")
	first := &chiptest.Port{}
	e.Attach(first)
	for range 10 {
		r.Advance(25e6)
		e.Attach(first)
	}
	if !first.Shut || first.Changes != 1 {
		t.Errorf("the first: %+v", first)
	}
	second := &chiptest.Port{}
	e.Attach(second)
	if !second.Shut {
		t.Error("the second was not told")
	}
	e.Update(true)
	e.Attach(nil)
	e.Update(false)
	for range 10 {
		r.Advance(25e6)
	}
	if first.Changes != 1 || second.Shut || second.Changes != 2 {
		t.Errorf("at the end: %+v, %+v", first, second)
	}
}

func TestLink(t *testing.T) {
	r, w, l := chiptest.New(t), &chiptest.Wire{}, chip.Link{Up: true}
	see := func() { l.See(w.Plugged()) }
	r.WantLinkLoss(w, see, func() bool {
		see()
		return l.Read()
	})
	if l.See(true) || !l.See(false) || l.See(false) || !l.See(true) {
		t.Error("changes are not reported as such")
	}
}

func TestTransceiversOff(t *testing.T) {
	const up, down, isolated = 0x3100, 0x3900, 0x3500
	for _, c := range []struct {
		control map[int]uint16
		want    bool
	}{
		{nil, false},
		{map[int]uint16{1: up}, false},
		{map[int]uint16{1: down}, true},
		{map[int]uint16{0: isolated}, true},
		{map[int]uint16{0: isolated, 1: up, 31: isolated}, false},
		{map[int]uint16{0: isolated, 1: down, 31: isolated}, true},
	} {
		var r [32][32]uint16
		for i, v := range c.control {
			r[i][0] = v
		}
		if got := chip.TransceiversOff(&r); got != c.want {
			t.Errorf("%#v: %v", c.control, got)
		}
	}
}
