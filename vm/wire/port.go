package wire

import (
	"sync"
	"sync/atomic"
)

// InFlight is how many received frames of one port may be on their way to the
// machine; then the port stops reading, and what more arrives waits, or is
// dropped, in the kernel.
const InFlight = 64

// slotSize is the size of a frame buffer in bytes to begin with: a full
// Ethernet frame.
const slotSize = 2048

// Port is a socket into which a wire can be plugged while the machine runs.
//
// Send is for the machine's goroutine. Everything else may be called from any.
type Port struct {
	deliver func(frame []byte, done func())
	free    chan *slot // buffers not in use; nil entries are not made yet

	current atomic.Pointer[plug]
	drops   atomic.Uint64 // sent while nothing was plugged in

	mu      sync.Mutex
	plugs   []*plug // the current one and those whose reader has not ended
	past    Stats   // of the others
	carrier bool
	changed func(plugged bool)
	closed  bool
}

// plug is a wire with its reader.
type plug struct {
	wire Wire
	stop chan struct{} // closed when the wire is taken out
}

type slot struct {
	buf  []byte
	done func()
}

// NewPort returns a port with nothing plugged in. deliver is called for each
// frame that arrives, on a goroutine of the port; the frame stays valid until
// done is called, once, from any goroutine.
func NewPort(deliver func(frame []byte, done func())) *Port {
	p := &Port{deliver: deliver, free: make(chan *slot, InFlight), carrier: true}
	for range InFlight {
		p.free <- nil
	}
	return p
}

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
	n := &plug{wire: w, stop: make(chan struct{})}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		w.Close()
		return
	}
	old := p.current.Swap(n)
	p.plugs = append(p.plugs, n)
	p.applyCarrier(w)
	p.mu.Unlock()
	if old != nil {
		old.end()
	}
	go p.run(n)
	if g, ok := w.(interface{ Gone() <-chan struct{} }); ok {
		go p.watch(n, g.Gone())
	}
	p.tell()
}

// Unplug takes out what is plugged in and closes it.
func (p *Port) Unplug() {
	if old := p.current.Swap(nil); old != nil {
		old.end()
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

func (n *plug) end() {
	close(n.stop)
	n.wire.Close()
}

// remove takes n out when it is what is plugged in.
func (p *Port) remove(n *plug) {
	if p.current.CompareAndSwap(n, nil) {
		n.end()
		p.tell()
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

// watch takes n out when the other end of its wire is gone.
func (p *Port) watch(n *plug, gone <-chan struct{}) {
	select {
	case <-gone:
		p.remove(n)
	case <-n.stop:
	}
}

// run reads n's wire until it is taken out or fails.
func (p *Port) run(n *plug) {
	defer p.retire(n)
	buf := make([]byte, MaxFrame)
	for {
		size, err := n.wire.Receive(buf)
		if err != nil {
			p.remove(n)
			return
		}
		var s *slot
		select {
		case s = <-p.free:
		case <-n.stop:
			return
		}
		if s == nil {
			s = &slot{buf: make([]byte, slotSize)}
			s.done = func() { p.free <- s }
		}
		if size > len(s.buf) {
			s.buf = make([]byte, size)
		}
		p.deliver(s.buf[:copy(s.buf, buf[:size])], s.done)
	}
}

// retire keeps the counters of a wire that is no longer used.
func (p *Port) retire(n *plug) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, x := range p.plugs {
		if x == n {
			p.plugs = append(p.plugs[:i], p.plugs[i+1:]...)
			break
		}
	}
	p.past.add(n.wire.Stats())
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
	for _, n := range p.plugs {
		s.add(n.wire.Stats())
	}
	return s
}
