package wire

import (
	"slices"
	"time"
)

// rules are what the frames of a port meet on their way, beside the wire. They do
// not change: what changes is replaced.
type rules struct {
	filters  *Filters
	impair   [Directions]*Impairment
	watchers []*watcher
	down     bool // the link
	shut     bool // the machine's side
	// draining says that there was an impairment, of which frames still wait.
	draining bool
}

var noRules rules

// publish makes p.want what frames meet; p.mu is held.
func (p *Port) publish() {
	w := p.want
	if w.filters == nil && w.impair == noRules.impair && len(w.watchers) == 0 && !w.down && !w.shut && !w.draining {
		p.rules.Store(nil)
		return
	}
	p.rules.Store(&w)
}

// SetFilters sets the filters of the port in place of those that it has; none when
// all are nil. The port takes them over. They hold from the next frame on, also
// for frames that an impairment holds.
func (p *Port) SetFilters(f Filters) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.want.filters = nil
	if f != (Filters{}) {
		p.want.filters = &f
	}
	p.publish()
}

// SetImpairments sets what the link does to the frames of each direction. Frames
// that wait keep their order and leave as they would have under the new rule, at
// once when there is none.
func (p *Port) SetImpairments(in, out Impairment) {
	p.mu.Lock()
	was := p.want.impair
	for d, m := range [Directions]Impairment{in, out} {
		p.want.impair[d] = nil
		if m.active() {
			p.want.impair[d] = &m
		}
	}
	p.want.draining = p.want.draining || was != noRules.impair
	p.publish()
	p.mu.Unlock()
	p.loop.Post(p.settle)
}

// AddMonitor has m see the frames of the port until remove is called; of one that is
// under way then, it may still be told. A monitor that is there twice is told
// twice.
func (p *Port) AddMonitor(m Monitor) (remove func()) {
	w := &watcher{m}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.want.watchers = append(slices.Clip(p.want.watchers), w)
	p.publish()
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.want.watchers = slices.DeleteFunc(slices.Clone(p.want.watchers), func(x *watcher) bool { return x == w })
		p.publish()
	}
}

// watch tells the monitors of a frame.
func (r *rules) watch(d Direction, frame []byte) {
	if len(r.watchers) == 0 {
		return
	}
	now := time.Now()
	for _, w := range r.watchers {
		w.Frame(d, now, frame)
	}
}

// pass reports whether the filters let a frame pass.
func (r *rules) pass(d Direction, frame []byte) bool {
	return r.filters == nil || r.filters.pass(d, frame)
}

// settle brings frames that wait in line with rules that have changed. It runs on
// the machine's goroutine.
func (p *Port) settle() {
	r := p.rules.Load()
	if r == nil {
		return
	}
	for d := range p.queues {
		q := &p.queues[d]
		q.follow(r)
		if r.down {
			q.clear(NoLink)
		}
		q.run()
	}
	p.Flush()
	p.drained()
}

// drained takes note of queues that have become empty, so that frames need not look
// at them any more.
func (p *Port) drained() {
	r := p.rules.Load()
	if r == nil || !r.draining || len(p.queues[In].frames)+len(p.queues[Out].frames) > 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rules.Load() == r {
		p.want.draining = false
		p.publish()
	}
}

// arrive reads a frame from w, where the rules have to be asked. more is false when
// there was none, or when the machine has to be waited for, which wait tells.
func (p *Port) arrive(w Wire, r *rules, ready Readiness) (more, wait bool, err error) {
	if r == nil {
		r = &noRules
	}
	q := &p.queues[In]
	q.follow(r)
	m := r.impair[In]
	if len(q.frames) > 0 {
		q.run()
		ready = p.machine.Ready()
	}
	// An impairment that holds frames takes them in any case, and drops what is too
	// much; elsewhere they wait where they are.
	if (ready == Wait || ready == Take && len(q.frames) > 0) && (m == nil || !m.holds()) && !r.down && !r.shut {
		return false, true, nil
	}
	p.counting.Lock()
	size, err := w.Receive(p.buf)
	if err != nil || size == 0 {
		p.counting.Unlock()
		return false, false, err
	}
	frame := p.buf[:size]
	pass := false
	switch {
	case ready == Discard:
		p.drops.drop(In, Suspended)
	case r.down:
		p.drops.drop(In, NoLink)
	case r.shut:
		p.drops.drop(In, Shut)
	case m != nil && q.offer(frame, false) != direct:
	case !r.pass(In, frame):
		p.drops.drop(In, Filtered)
	default:
		pass = true
	}
	if !pass {
		p.held.frames++
		p.held.bytes += uint64(size)
	}
	p.counting.Unlock()
	if pass {
		r.watch(In, frame)
		p.machine.Receive(frame)
	}
	q.run()
	return true, false, nil
}

// deliver gives a frame that has waited to the machine. It reports false when that
// does not take it now; a machine that is suspended finds it when it goes on.
func (p *Port) deliver(f *waiting) bool {
	plugged := p.current.Load() != nil
	if plugged && p.machine.Ready() != Take {
		return false
	}
	r := p.rules.Load()
	if r == nil {
		r = &noRules
	}
	p.counting.Lock()
	p.waiting[In]--
	pass := false
	switch {
	case !plugged:
		p.drops.drop(In, Unplugged)
	case r.down:
		p.drops.drop(In, NoLink)
	case r.shut:
		p.drops.drop(In, Shut)
	case !r.pass(In, f.data):
		p.drops.drop(In, Filtered)
	default:
		pass = true
		p.held.frames--
		p.held.bytes -= uint64(len(f.data))
	}
	p.counting.Unlock()
	if pass {
		r.watch(In, f.data)
		p.machine.Receive(f.data)
	}
	return true
}

// depart sends a frame by the rules. It reports false when try is set and there is
// no room for the frame.
func (p *Port) depart(r *rules, data []byte, try bool) bool {
	q := &p.queues[Out]
	q.follow(r)
	p.counting.Lock()
	n := p.current.Load()
	through := r.impair[Out] != nil || len(q.frames) > 0
	passed, seen, ok := p.passed == r, false, true
	p.passed = nil
	switch {
	case n == nil:
		p.drops.drop(Out, Unplugged)
	case r.down:
		p.drops.drop(Out, NoLink)
	case len(data) == 0 || len(data) > MaxFrame:
		p.drops.drop(Out, Giant)
	case through && try && q.full(len(data)):
		ok = false
		if passed {
			p.passed = r
		}
	case !passed && !r.pass(Out, data):
		p.drops.drop(Out, Filtered)
	case !passed && through && q.offer(data, try) != direct:
		seen = true
	case passed && len(q.frames) > 0:
		q.hold(data, try)
		seen = true
	case !try:
		n.wire.Send(data)
		seen = true
	default:
		if ok = trySend(n.wire, data); !ok {
			p.passed = r
		}
		seen = ok
	}
	p.counting.Unlock()
	if seen {
		r.watch(Out, data)
	}
	q.run()
	return ok
}

// transmit gives a frame that has waited to the wire. It reports false when that has
// no room for one that need not be dropped.
func (p *Port) transmit(f *waiting) bool {
	p.counting.Lock()
	defer p.counting.Unlock()
	n := p.current.Load()
	switch {
	case n == nil:
		p.drops.drop(Out, Unplugged)
	case f.try:
		if !trySend(n.wire, f.data) {
			return false
		}
	default:
		n.wire.Send(f.data)
	}
	p.waiting[Out]--
	return true
}
