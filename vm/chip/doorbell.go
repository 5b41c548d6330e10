package chip

import "dynemu/vm/event"

// Doorbell tells a chip that the guest has written a word of RAM, such as the
// word with the ownership bit of the descriptor at which a transmitter waits.
//
// It watches the page when the memory is a Watcher, which costs nothing while
// the guest does nothing. Where the word cannot be watched (a descriptor in
// device memory), it rings once every PollPeriod instead.
type Doorbell struct {
	// Ring is called after a write to the word, or every PollPeriod. It is not
	// called from inside itself.
	Ring func()

	mem     Memory
	clock   event.Clock
	addr    uint64
	armed   bool
	ringing bool
	page    uint64
	cancel  func()
	timer   event.Timer
}

// PollPeriod is the time between two rings in nanoseconds where the word that
// a Doorbell waits for cannot be watched.
const PollPeriod = 1_000_000

const pageMask = 1<<12 - 1

// Init tells the doorbell where the memory and the time are. It must be called
// once, before anything else.
func (d *Doorbell) Init(m Memory, c event.Clock) {
	d.mem, d.clock = m, c
	d.timer.Fire = func() {
		d.ring()
		if d.armed && d.cancel == nil && !d.timer.Pending() {
			d.clock.Arm(&d.timer, d.clock.Now()+PollPeriod)
		}
	}
}

// WaitAt arms the doorbell for the 32-bit word at addr, in place of an earlier
// one.
func (d *Doorbell) WaitAt(addr uint64) {
	d.addr = addr
	if d.armed && d.page == addr&^pageMask {
		return
	}
	d.Off()
	d.armed, d.page = true, addr&^pageMask
	if w, ok := d.mem.(Watcher); ok {
		d.cancel = w.Watch(addr, d.written)
	}
	if d.cancel == nil {
		d.clock.Arm(&d.timer, d.clock.Now()+PollPeriod)
	}
}

// Off disarms the doorbell.
func (d *Doorbell) Off() {
	d.armed = false
	if d.cancel != nil {
		d.cancel()
		d.cancel = nil
	}
	d.clock.Disarm(&d.timer)
}

func (d *Doorbell) written(pa, n uint64) {
	if pa < d.addr+4 && pa+n > d.addr {
		d.ring()
	}
}

func (d *Doorbell) ring() {
	if d.armed && !d.ringing {
		d.ringing = true
		d.Ring()
		d.ringing = false
	}
}
