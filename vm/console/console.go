// Package console joins a serial line of a router (its console or AUX port) to
// any number of users: telnet clients, a pty, files. What the router prints is
// kept in a ring that every user reads at their own pace; a user who does not
// keep up loses text, and the router never waits. What users type goes into one
// queue; when the router does not read, typing waits, and nothing is lost.
//
// It knows nothing of UARTs and machines: it is a vm.Line on one side and
// streams of bytes on the other.
//
// Source: netio-hypervisor reference, 14.
package console

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
)

// RingSize is how much of the router's output is kept, in bytes: what a new
// user is shown, and how far a user may fall behind.
const RingSize = 64 << 10

// inputSize is the size of the queue of typed bytes; see Console.Type.
const inputSize = 4096

// Console is one serial line and its users. Its methods may be called from any
// goroutine.
type Console struct {
	waiting atomic.Int32 // length of the input queue, for Waiting

	mu      sync.Mutex
	ring    []byte // RingSize bytes once something was printed
	total   uint64 // bytes printed since the console was made
	skipped uint64
	clients int
	closed  bool

	input  [inputSize]byte
	head   int // next byte that Get takes
	count  int
	notify func()
	onEnd  map[io.Closer]struct{} // closed by Close
	subs   map[*Subscription]struct{}

	output  sync.Cond // something was printed, or the console or a reader closed
	readers int       // waiting on output
	space   sync.Cond // the queue has room again, or the console or a writer closed
	writers int       // waiting on space
}

// Stats are counters since the console was made.
type Stats struct {
	Printed uint64 // bytes printed by the router
	Skipped uint64 // bytes that users lost by not keeping up, added up over users
	Clients int    // network clients and ttys attached now
}

// New returns a console without users.
func New() *Console {
	c := &Console{onEnd: make(map[io.Closer]struct{}), subs: make(map[*Subscription]struct{})}
	c.output.L = &c.mu
	c.space.L = &c.mu
	return c
}

// WriteByte prints b: the router's output. It never blocks and never fails.
func (c *Console) WriteByte(b byte) error {
	c.mu.Lock()
	if c.ring == nil {
		c.ring = make([]byte, RingSize)
	}
	c.ring[c.total%RingSize] = b
	c.total++
	wake := c.readers > 0
	c.mu.Unlock()
	if wake {
		c.output.Broadcast()
	}
	return nil
}

// Write prints p, like WriteByte for each of its bytes.
func (c *Console) Write(p []byte) (int, error) {
	for _, b := range p {
		c.WriteByte(b)
	}
	return len(p), nil
}

// Waiting reports whether Get would find a byte.
func (c *Console) Waiting() bool { return c.waiting.Load() > 0 }

// Get takes the next byte typed, if there is one.
func (c *Console) Get() (b byte, ok bool) {
	if !c.Waiting() {
		return 0, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count == 0 {
		return 0, false
	}
	b = c.input[c.head]
	c.head = (c.head + 1) % inputSize
	c.count--
	c.waiting.Store(int32(c.count))
	// Typists are woken when there is room for much, not for each byte.
	if c.writers > 0 && c.count <= inputSize/2 {
		c.space.Broadcast()
	}
	return b, true
}

// Notify has fn called, on any goroutine, after bytes were typed.
func (c *Console) Notify(fn func()) {
	c.mu.Lock()
	c.notify = fn
	pending := c.count > 0
	c.mu.Unlock()
	if pending && fn != nil {
		fn()
	}
}

// Type puts p into the queue of typed bytes as it is, and waits while the queue is
// full. It returns how many bytes were queued; fewer than len(p) only with an
// error: ctx's, or io.ErrClosedPipe when the console was closed.
func (c *Console) Type(ctx context.Context, p []byte) (n int, err error) {
	var stop func() bool
	c.mu.Lock()
	for {
		k := c.enqueue(p[n:])
		n += k
		notify := c.notify
		switch {
		case c.closed:
			err = io.ErrClosedPipe
		case n < len(p):
			err = ctx.Err()
		}
		if k > 0 && notify != nil {
			c.mu.Unlock()
			notify()
			c.mu.Lock()
		}
		if n == len(p) || err != nil {
			break
		}
		if c.count < inputSize || c.closed {
			continue // while the lock was free
		}
		if stop == nil && ctx.Done() != nil {
			stop = context.AfterFunc(ctx, func() {
				c.mu.Lock()
				defer c.mu.Unlock()
				c.space.Broadcast()
			})
			defer stop()
		}
		c.writers++
		c.space.Wait()
		c.writers--
	}
	c.mu.Unlock()
	return n, err
}

// TryType is Type that does not wait: it returns how many bytes found room.
func (c *Console) TryType(p []byte) int {
	c.mu.Lock()
	n := c.enqueue(p)
	notify := c.notify
	c.mu.Unlock()
	if n > 0 && notify != nil {
		notify()
	}
	return n
}

// enqueue is called with the lock held.
func (c *Console) enqueue(p []byte) int {
	if c.closed {
		return 0
	}
	n := min(len(p), inputSize-c.count)
	for i, b := range p[:n] {
		c.input[(c.head+c.count+i)%inputSize] = b
	}
	c.count += n
	c.waiting.Store(int32(c.count))
	return n
}

// FlushInput forgets what was typed and not read yet, as a router that is
// switched off does.
func (c *Console) FlushInput() {
	c.mu.Lock()
	c.head, c.count = 0, 0
	c.waiting.Store(0)
	c.mu.Unlock()
	c.space.Broadcast()
}

// Snapshot returns a copy of what was printed last, RingSize bytes at most.
func (c *Console) Snapshot() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := make([]byte, min(c.total, RingSize))
	c.copyFrom(p, c.total-uint64(len(p)))
	return p
}

// copyFrom fills p from position pos of the output, which must be in the ring.
func (c *Console) copyFrom(p []byte, pos uint64) {
	if len(p) == 0 {
		return
	}
	n := copy(p, c.ring[pos%RingSize:])
	copy(p[n:], c.ring)
}

// Stats returns the counters.
func (c *Console) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	st := Stats{Printed: c.total, Skipped: c.skipped, Clients: c.clients}
	for s := range c.subs {
		st.Skipped += s.lost()
	}
	return st
}

// Close ends all subscriptions, clients and listeners. What is printed later
// goes to the ring only; closing twice is harmless.
func (c *Console) Close() error {
	c.mu.Lock()
	c.closed = true
	ends := c.onEnd
	c.onEnd = nil
	c.mu.Unlock()
	c.output.Broadcast()
	c.space.Broadcast()
	for e := range ends {
		e.Close()
	}
	return nil
}

// track has Close close e; it fails when the console is closed already.
func (c *Console) track(e io.Closer) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.onEnd[e] = struct{}{}
	return true
}

func (c *Console) untrack(e io.Closer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.onEnd, e)
}

// Subscription is one reader of a console's output. Its methods may be called
// from several goroutines, but bytes go to whoever reads first.
type Subscription struct {
	c       *Console
	pos     uint64
	skipped uint64
	closed  bool
}

// Subscribe returns a reader of what is printed from now on, after what is in
// the ring if replay is set.
func (c *Console) Subscribe(replay bool) *Subscription {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &Subscription{c: c, pos: c.total}
	if replay {
		s.pos = c.total - min(c.total, RingSize)
	}
	c.subs[s] = struct{}{}
	return s
}

// Read waits until something was printed and returns as much of it as fits in
// p. It returns io.EOF when the subscription or the console was closed.
func (s *Subscription) Read(p []byte) (int, error) { return s.ReadContext(context.Background(), p) }

// ReadContext is Read that also ends, with ctx's error, when ctx does.
func (s *Subscription) ReadContext(ctx context.Context, p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.pos == c.total && ctx.Done() != nil {
		defer context.AfterFunc(ctx, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.output.Broadcast()
		})()
	}
	for {
		switch {
		case s.closed:
			return 0, io.EOF
		case s.pos != c.total:
			lost := s.lost()
			s.pos += lost
			s.skipped += lost
			c.skipped += lost
			n := int(min(uint64(len(p)), c.total-s.pos))
			c.copyFrom(p[:n], s.pos)
			s.pos += uint64(n)
			return n, nil
		case c.closed:
			return 0, io.EOF
		case ctx.Err() != nil:
			return 0, ctx.Err()
		}
		c.readers++
		c.output.Wait()
		c.readers--
	}
}

// Pending returns how many bytes can be read without waiting.
func (s *Subscription) Pending() int {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return int(min(s.c.total-s.pos, RingSize))
}

// lost returns how many of the bytes not read yet are no longer in the ring.
// It is called with the lock held.
func (s *Subscription) lost() uint64 {
	if n := s.c.total - s.pos; n > RingSize && !s.closed {
		return n - RingSize
	}
	return 0
}

// Skipped returns how many bytes this reader lost by not keeping up.
func (s *Subscription) Skipped() uint64 {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.skipped + s.lost()
}

// Close ends a Read that waits, and all later ones. A subscription that is no
// longer used must be closed.
func (s *Subscription) Close() error {
	s.c.mu.Lock()
	if !s.closed {
		n := s.lost()
		s.skipped += n
		s.c.skipped += n
		s.closed = true
		delete(s.c.subs, s)
	}
	s.c.mu.Unlock()
	s.c.output.Broadcast()
	return nil
}
