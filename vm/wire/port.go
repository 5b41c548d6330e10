package wire

import (
	"sync"
	"sync/atomic"
)

// burst is how many frames a port takes in a row before others have their turn.
const burst = 64

// Machine is what a port's frames go to.
type Machine interface {
	// Poll has ready called on the machine's goroutine when descriptor fd has
	// something to read, until cancel is called; see event.Loop.Poll.
	Poll(fd int, ready func() (more bool)) (cancel func())
	// Ready reports whether the machine takes a frame now. While it does not,
	// frames wait, or are dropped, in the kernel. It is called on the machine's
	// goroutine.
	Ready() bool
	// Receive takes a frame, which is valid during the call only. It is called
	// on the machine's goroutine.
	Receive(frame []byte)
}

// Port is a socket into which a wire can be plugged while the machine runs.
//
// Send is for the machine's goroutine. Everything else may be called from any.
type Port struct {
	machine Machine
	buf     []byte // owned by the machine's goroutine

	current atomic.Pointer[plug]
	drops   atomic.Uint64 // sent while nothing was plugged in

	mu      sync.Mutex
	taken   []Wire // out, the last of them latest
	past    Stats  // of those before
	carrier bool
	changed func(plugged bool)
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

// NewPort returns a port of m with nothing plugged in.
func NewPort(m Machine) *Port { return &Port{machine: m, carrier: true} }

// OnChange has fn called whenever the port becomes plugged or unplugged, also
// because the other end went away. It is called on any goroutine, without
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
		n.cancel = p.machine.Poll(fd, func() bool { return p.read(n) })
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

// remove takes n out if it is what is plugged in.
func (p *Port) remove(n *plug) {
	p.mu.Lock()
	is := p.current.CompareAndSwap(n, nil)
	if is {
		p.retire(n)
	}
	p.mu.Unlock()
	if is {
		p.tell()
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
	batch, _ := n.wire.(*Batch)
	for i := 0; i < burst || batch != nil && batch.Waiting(); i++ {
		if p.current.Load() != n {
			return true
		}
		if !p.machine.Ready() {
			return false
		}
		size, err := n.wire.Receive(p.buf)
		if err != nil {
			p.remove(n)
			return true
		}
		if size == 0 {
			return true
		}
		p.machine.Receive(p.buf[:size])
	}
	return true
}

func (s *Stats) add(o Stats) {
	s.RxFrames += o.RxFrames
	s.RxBytes += o.RxBytes
	s.TxFrames += o.TxFrames
	s.TxBytes += o.TxBytes
	s.TxDrops += o.TxDrops
}

// Send transmits a frame. It never blocks; with nothing plugged in, the frame
// is dropped.
func (p *Port) Send(frame []byte) {
	n := p.current.Load()
	if n == nil {
		p.drops.Add(1)
		return
	}
	n.wire.Send(frame)
}

// Flush sends what waits in a wire that is a Batch.
func (p *Port) Flush() {
	if n := p.current.Load(); n != nil {
		if b, ok := n.wire.(*Batch); ok {
			b.Flush()
		}
	}
}

// TrySend is Send, but reports false where the wire has no room for the frame
// now. It implements chip.Backpressure.
func (p *Port) TrySend(frame []byte) bool {
	if n := p.current.Load(); n != nil {
		if w, ok := n.wire.(interface{ TrySend(frame []byte) bool }); ok {
			return w.TrySend(frame)
		}
	}
	p.Send(frame)
	return true
}

// Plugged reports whether something is plugged in.
func (p *Port) Plugged() bool { return p.current.Load() != nil }

// SetCarrier tells whether the router's interface is up, for wires that can
// show it (a TAP shows no carrier when it is not). It holds for wires that are
// plugged in later as well; at first, it is.
func (p *Port) SetCarrier(up bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.carrier = up
	if n := p.current.Load(); n != nil {
		p.applyCarrier(n.wire)
	}
}

func (p *Port) applyCarrier(w Wire) {
	if c, ok := w.(interface{ SetCarrier(up bool) error }); ok {
		c.SetCarrier(p.carrier) // a kernel without TUNSETCARRIER always shows one
	}
}

// Stats returns the counters over all wires that were ever plugged in.
func (p *Port) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.past
	s.TxDrops += p.drops.Load()
	for _, w := range p.taken {
		s.add(w.Stats())
	}
	if n := p.current.Load(); n != nil {
		s.add(n.wire.Stats())
	}
	return s
}
