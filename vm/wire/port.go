package wire

import (
	"sync"
	"sync/atomic"

	"dynemu/vm/event"
)

// burst is how many frames a port takes in a row before others have their turn.
const burst = 64

// Machine is what a port's frames go to. It is called on the goroutine of its loop.
type Machine interface {
	// Ready tells what becomes of a frame now.
	Ready() Readiness
	// Receive takes a frame, which is valid during the call only.
	Receive(frame []byte)
}

// Readiness is what a machine does with the next frame.
type Readiness uint8

// A machine that does not take frames leaves them waiting, or dropped, in the
// kernel; one that discards them has them taken out of there and counted.
const (
	Wait Readiness = iota
	Take
	Discard
)

// Port is a socket into which a wire can be plugged while the machine runs.
//
// What arrives passes the impairment of its direction, the filters and the monitors
// before the machine has it; what the machine sends passes the filters, the monitors
// and the impairment. Where there is none of these, a frame pays for one look at a
// pointer.
//
// Send, TrySend and Flush are for the machine's goroutine. Everything else may be
// called from any.
type Port struct {
	loop    *event.Loop
	machine Machine
	buf     []byte // owned by the machine's goroutine

	current atomic.Pointer[plug]
	rules   atomic.Pointer[rules] // nil when there are none
	drops   drops

	// Owned by the machine's goroutine.
	queues [Directions]queue
	passed *rules // they have let the frame pass for which the wire had no room

	// counting keeps what a wire and the port count of a frame together. It is not
	// used without rules.
	counting   sync.Mutex
	held       struct{ frames, bytes uint64 } // came from a wire, and not to the machine
	duplicated [Directions]uint64
	waiting    [Directions]uint64

	mu      sync.Mutex
	taken   []Wire // out, the last of them latest
	past    Stats  // of those before
	want    rules  // what rules points to, unless it is the zero value
	changed func(plugged bool)
	enabled func(up bool)
	broken  func(w Wire, err error)
	closed  bool
}

// plug is a wire in its port.
type plug struct {
	wire   Wire
	cancel func() // ends the machine's interest; nil when there is none
}

// maxTaken is how many wires a port remembers after they were taken out, since a
// frame that was under way may still be counted.
const maxTaken = 4

// NewPort returns a port of m with nothing plugged in, whose link and machine are up.
// loop is the machine's: its goroutine, and its time.
func NewPort(loop *event.Loop, m Machine) *Port {
	p := &Port{loop: loop, machine: m}
	for d := range p.queues {
		p.queues[d].init(p, Direction(d))
	}
	return p
}

// OnChange has fn called whenever the port becomes plugged or unplugged, also
// because the other end went away or the link was cut. It is called on any goroutine, without
// locks held, and once at the start when something is plugged in already.
func (p *Port) OnChange(fn func(plugged bool)) {
	p.mu.Lock()
	p.changed = fn
	p.mu.Unlock()
	if fn != nil && p.Plugged() {
		fn(true)
	}
}

// Plug puts w in the place of what is plugged in, which is closed. The port
// takes w over and closes it when it is taken out.
func (p *Port) Plug(w Wire) {
	n := &plug{wire: w}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		w.Close()
		return
	}
	if fd := w.Descriptor(); fd >= 0 {
		n.cancel = p.loop.Poll(fd, func() bool { return p.read(n) })
	}
	old := p.current.Swap(n)
	p.retire(old)
	p.applyCarrier(w)
	p.mu.Unlock()
	p.tell()
}

// Unplug takes out what is plugged in and closes it.
func (p *Port) Unplug() {
	p.mu.Lock()
	old := p.current.Swap(nil)
	p.retire(old)
	p.mu.Unlock()
	if old != nil {
		p.tell()
	}
}

// Close is Unplug for good.
func (p *Port) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.Unplug()
}

// OnBroken has fn called when a wire that is plugged in ends by itself, with what it
// says of that: its interface was deleted, the other end has closed. The port is
// unplugged by then. It is called on the machine's goroutine, without locks held.
func (p *Port) OnBroken(fn func(w Wire, err error)) {
	p.mu.Lock()
	p.broken = fn
	p.mu.Unlock()
}

// remove takes n out, which has failed, if it is what is plugged in.
func (p *Port) remove(n *plug, err error) {
	p.mu.Lock()
	is := p.current.CompareAndSwap(n, nil)
	if is {
		p.retire(n)
	}
	fn := p.broken
	p.mu.Unlock()
	if is {
		p.tell()
		if fn != nil {
			fn(n.wire, err)
		}
	}
}

// retire closes what was taken out and keeps its counters; p.mu is held.
func (p *Port) retire(old *plug) {
	if old == nil {
		return
	}
	if old.cancel != nil {
		old.cancel()
	}
	old.wire.Close()
	p.taken = append(p.taken, old.wire)
	if len(p.taken) > maxTaken {
		p.past.add(p.taken[0].Stats())
		p.taken = append(p.taken[:0], p.taken[1:]...)
	}
}

func (p *Port) tell() {
	p.mu.Lock()
	fn := p.changed
	p.mu.Unlock()
	if fn != nil {
		fn(p.Plugged())
	}
}

// read takes the frames that have arrived at n. It reports false when there may
// be more but the machine takes none now.
func (p *Port) read(n *plug) bool {
	if p.buf == nil {
		p.buf = make([]byte, MaxFrame)
	}
	held, _ := n.wire.(interface{ Waiting() bool })
	for i := 0; i < burst || held != nil && held.Waiting(); i++ {
		if p.current.Load() != n {
			return true
		}
		ready, r := p.machine.Ready(), p.rules.Load()
		if r != nil || ready == Discard {
			more, wait, err := p.arrive(n.wire, r, ready)
			if err != nil {
				p.remove(n, err)
			}
			if !more || err != nil {
				return !wait
			}
			continue
		}
		if ready == Wait {
			return false
		}
		size, err := n.wire.Receive(p.buf)
		if err != nil {
			p.remove(n, err)
			return true
		}
		if size == 0 {
			return true
		}
		p.machine.Receive(p.buf[:size])
	}
	return true
}

// Send transmits a frame. It never blocks; with nothing plugged in, the frame
// is dropped.
func (p *Port) Send(frame []byte) {
	if r := p.rules.Load(); r != nil {
		p.depart(r, frame, false)
		return
	}
	n := p.current.Load()
	if n == nil {
		p.drops.drop(Out, Unplugged)
		return
	}
	n.wire.Send(frame)
}

// TrySend is Send, but reports false, with nothing sent or counted, where there is no
// room for the frame now. It implements chip.Backpressure.
func (p *Port) TrySend(frame []byte) bool {
	if r := p.rules.Load(); r != nil {
		return p.depart(r, frame, true)
	}
	if n := p.current.Load(); n != nil {
		return trySend(n.wire, frame)
	}
	p.Send(frame)
	return true
}

// trySend is Send for wires that never say that they have no room.
func trySend(w Wire, frame []byte) bool {
	if t, ok := w.(interface{ TrySend(frame []byte) bool }); ok {
		return t.TrySend(frame)
	}
	w.Send(frame)
	return true
}

// Flush sends what waits in a wire that is a Batch.
func (p *Port) Flush() {
	if n := p.current.Load(); n != nil {
		if b, ok := n.wire.(*Batch); ok {
			b.Flush()
		}
	}
}

// Plugged reports whether something is plugged in and the link is up.
func (p *Port) Plugged() bool {
	r := p.rules.Load()
	return p.current.Load() != nil && (r == nil || !r.down)
}

// SetLink tells whether the link has a signal, as far as that is known from
// elsewhere: whether it is cut, and whether the port at the other end is up. While it
// has none, Plugged reports false and frames are dropped both ways, those that
// wait too. At first, it has one.
func (p *Port) SetLink(up bool) { p.setState(&p.want.down, !up, nil) }

// Link reports what SetLink has told last.
func (p *Port) Link() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.want.down
}

// SetEnabled tells whether the machine uses the port: whether the guest has not
// shut its interface. While it does not, what arrives is dropped, and the wire shows
// no carrier where it can (a TAP). It holds for wires that are plugged in later as
// well; at first, it does.
func (p *Port) SetEnabled(up bool) {
	p.mu.Lock()
	fn := p.enabled
	p.mu.Unlock()
	p.setState(&p.want.shut, !up, func() {
		if fn != nil {
			fn(up)
		}
	})
}

// Enabled reports what SetEnabled has told last.
func (p *Port) Enabled() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.want.shut
}

// OnEnabled has fn called whenever SetEnabled tells something new, on its goroutine
// and without locks held.
func (p *Port) OnEnabled(fn func(up bool)) {
	p.mu.Lock()
	p.enabled = fn
	p.mu.Unlock()
}

// setState sets one of the states of p.want, which ends a carrier, and tells of it.
func (p *Port) setState(state *bool, off bool, tell func()) {
	p.mu.Lock()
	if *state == off {
		p.mu.Unlock()
		return
	}
	before := p.Plugged()
	*state = off
	p.publish()
	plugged := p.Plugged()
	if n := p.current.Load(); n != nil {
		p.applyCarrier(n.wire)
	}
	p.mu.Unlock()
	p.loop.Post(p.settle)
	if plugged != before {
		p.tell()
	}
	if tell != nil {
		tell()
	}
}

func (p *Port) applyCarrier(w Wire) {
	if c, ok := w.(interface{ SetCarrier(up bool) error }); ok {
		c.SetCarrier(!p.want.shut && !p.want.down) // a kernel without TUNSETCARRIER always shows one
	}
}

// Stats returns the counters over all wires that were ever plugged in.
func (p *Port) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counting.Lock()
	defer p.counting.Unlock()
	s := p.past
	p.drops.addTo(&s)
	for _, w := range p.taken {
		s.add(w.Stats())
	}
	if n := p.current.Load(); n != nil {
		s.add(n.wire.Stats())
	}
	s.RxFrames -= p.held.frames
	s.RxBytes -= p.held.bytes
	s.RxDuplicated, s.TxDuplicated = p.duplicated[In], p.duplicated[Out]
	s.RxWaiting, s.TxWaiting = p.waiting[In], p.waiting[Out]
	return s
}
