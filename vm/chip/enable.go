package chip

import "dynemu/vm/event"

// Enable tells an Enabler whether the guest uses a port, as the chip's registers
// show it.
//
// A port is in use from power-on, so that it has a signal while the router boots.
// It counts as shut once the guest, having run it, has kept it stopped for
// shutHold, or having set the chip up, has left it stopped for idleHold. Shorter
// stops belong to changes of filters and rings, and nobody hears of them.
//
// A chip calls Update after each access with which the guest could have started
// or stopped the port, and Restore wherever it has assigned the state.
type Enable struct {
	state *EnableState
	clock event.Clock
	out   Enabler // nil: nobody listens
	told  bool    // what out believes
	timer event.Timer
}

// EnableState is what an Enable remembers, a field of its chip's State. The zero
// value is that after power-on.
type EnableState struct {
	Ran  bool // the guest has run the port since power-on
	Shut bool
	// Looks is how many looks must still find the port stopped until it counts as
	// shut, 0 when none is needed; LookAt is the guest time in ns of the next.
	Looks  int
	LookAt int64
}

const (
	shutHold = 100_000_000   // ns
	idleHold = 1_000_000_000 // ns
	// looks divides the hold: a machine that was held up for longer than the hold
	// has a fourth of it left to start its port again.
	looks = 4
)

// Init tells where the state and the time are. It must be called once, before
// anything else.
func (e *Enable) Init(s *EnableState, c event.Clock) {
	e.state, e.clock = s, c
	e.timer.Fire = e.look
}

// Attach makes n, if it is an Enabler, the one that is told; nil: nobody is.
func (e *Enable) Attach(n Network) {
	out, _ := n.(Enabler)
	if out != e.out {
		e.out, e.told = out, true
	}
	e.Restore()
}

// Restore takes the state over after the chip has assigned it.
func (e *Enable) Restore() {
	e.clock.Disarm(&e.timer)
	if e.out == nil {
		return
	}
	if e.state.Looks != 0 {
		e.clock.Arm(&e.timer, e.state.LookAt)
	}
	e.tell()
}

// Update tells whether the port is running: whether frames could pass.
func (e *Enable) Update(running bool) {
	s := e.state
	if !running {
		if !s.Shut && s.Looks == 0 {
			s.Looks = looks
			e.wait()
		}
		return
	}
	s.Ran = true
	if s.Looks != 0 {
		s.Looks = 0
		e.clock.Disarm(&e.timer)
	}
	if s.Shut {
		s.Shut = false
		e.tell()
	}
}

func (e *Enable) wait() {
	hold := int64(idleHold)
	if e.state.Ran {
		hold = shutHold
	}
	e.state.LookAt = e.clock.Now() + hold/looks
	if e.out != nil {
		e.clock.Arm(&e.timer, e.state.LookAt)
	}
}

// look is called when the port has been stopped for another part of the hold.
func (e *Enable) look() {
	s := e.state
	if s.Looks--; s.Looks > 0 {
		e.wait()
		return
	}
	s.Shut = true
	e.tell()
}

func (e *Enable) tell() {
	if up := !e.state.Shut; e.out != nil && up != e.told {
		e.told = up
		e.out.SetEnabled(up)
	}
}
