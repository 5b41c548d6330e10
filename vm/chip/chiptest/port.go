package chiptest

// Port is a Wire, and a chip.Enabler.
type Port struct {
	Wire
	Shut    bool // the guest has shut the port, the chip says
	Changes int  // of Shut
}

// SetEnabled implements chip.Enabler.
func (p *Port) SetEnabled(up bool) {
	if p.Shut != up {
		panic("told what is known")
	}
	p.Shut = !up
	p.Changes++
}

const millisecond = 1_000_000

// pass lets time pass in small steps, in which the guest could do something.
func (r *Rig) pass(ms int) {
	for range ms {
		r.Advance(millisecond)
	}
}

// WantEnable checks that a chip tells p whether its guest uses the port. p is
// attached, the chip after its power-on. setUp is what a driver does that finds the
// chip and leaves it alone, start and stop what it does for "no shutdown" and
// "shutdown"; restore makes the chip go on from an encoded state.
func (r *Rig) WantEnable(p *Port, setUp, start, stop, reset, restore func()) {
	r.Helper()
	want := func(when string, shut bool, changes int) {
		r.Helper()
		if p.Shut != shut || p.Changes != changes {
			r.Fatalf("%s: shut is %v after %d changes, want %v after %d", when, p.Shut, p.Changes, shut, changes)
		}
	}
	r.pass(5000)
	want("no driver", false, 0)
	setUp()
	r.pass(900)
	want("a driver has just come", false, 0)
	restore()
	r.pass(200)
	want("the driver has left the port stopped", true, 1)
	start()
	want("started", false, 2)
	for range 20 {
		stop()
		r.pass(90)
		start()
		r.pass(1)
	}
	r.pass(1000)
	want("stopped for moments", false, 2)
	stop()
	r.Advance(500 * millisecond)
	start()
	r.pass(1000)
	want("stopped for a moment while the machine was held up", false, 2)
	stop()
	r.pass(50)
	restore()
	r.pass(60)
	want("shut", true, 3)
	stop()
	restore()
	r.pass(1000)
	want("shut once more", true, 3)
	start()
	want("started again", false, 4)
	stop()
	r.pass(50)
	reset()
	r.pass(2000)
	want("reset while it was stopped", false, 4)
	start()
	stop()
	r.pass(110)
	want("shut after the reset", true, 5)
	reset()
	want("reset", false, 6)
	r.WantNoTimer("reset")
}

// WantLinkLoss checks that the link bit that read returns shows each loss once,
// also one that is over; attach has the chip look at the wire.
func (r *Rig) WantLinkLoss(w *Wire, attach func(), read func() bool) {
	r.Helper()
	want := func(when string, link bool) {
		r.Helper()
		if got := read(); got != link {
			r.Errorf("%s: link bit is %v", when, got)
		}
	}
	want("plugged", true)
	w.Unplugged = true
	attach()
	want("lost", false)
	want("still lost", false)
	w.Unplugged = false
	attach()
	want("back", true)
	w.Unplugged = true
	attach()
	w.Unplugged = false
	attach()
	want("back before it was read", false)
	want("read twice", true)
	w.Unplugged = true
	want("lost, and read before the chip was told", false)
	attach()
	w.Unplugged = false
	want("back, and read before the chip was told", true)
}
