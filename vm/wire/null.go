package wire

import "sync/atomic"

// Null is a wire that takes every frame and never brings one: the NIO of type
// null.
type Null struct {
	counters
	closed atomic.Bool
}

// NewNull returns a null wire.
func NewNull() *Null { return &Null{} }

// Send implements Wire.
func (w *Null) Send(frame []byte) { w.sent(len(frame)) }

// Receive implements Wire: there is never anything.
func (w *Null) Receive([]byte) (int, error) {
	if w.closed.Load() {
		return 0, errClosed
	}
	return 0, nil
}

// Descriptor implements Wire.
func (w *Null) Descriptor() int { return -1 }

// Close implements Wire.
func (w *Null) Close() error {
	w.closed.Store(true)
	return nil
}
