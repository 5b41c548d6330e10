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
	polled  bool // the word cannot be watched
	watched []watchedPage
	timer   event.Timer
}

type watchedPage struct {
	page   uint64
	cancel func()
}

// maxWatched is how many pages a Doorbell watches at most. A ring that crosses
// a page keeps all of its pages watched, since the beginning of a watch is
// costly for a CPU that has cached the way to the page.
const maxWatched = 4

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
		if d.armed && d.polled && !d.timer.Pending() {
			d.clock.Arm(&d.timer, d.clock.Now()+PollPeriod)
		}
	}
}

// WaitAt arms the doorbell for the 32-bit word at addr, in place of an earlier
// one.
func (d *Doorbell) WaitAt(addr uint64) {
	d.addr, d.armed = addr, true
	polled := !d.watch(addr)
	switch {
	case polled && !d.timer.Pending():
		d.clock.Arm(&d.timer, d.clock.Now()+PollPeriod)
	case !polled && d.polled:
		d.clock.Disarm(&d.timer)
	}
	d.polled = polled
}

// watch makes sure that the page of addr is watched.
func (d *Doorbell) watch(addr uint64) bool {
	page := addr &^ pageMask
	for i := range d.watched {
		if d.watched[i].page == page {
			return true
		}
	}
	w, ok := d.mem.(Watcher)
	if !ok {
		return false
	}
	cancel := w.Watch(addr, d.written)
	if cancel == nil {
		return false
	}
	if len(d.watched) == maxWatched {
		d.watched[0].cancel()
		d.watched = append(d.watched[:0], d.watched[1:]...)
	}
	d.watched = append(d.watched, watchedPage{page, cancel})
	return true
}

// Off disarms the doorbell and ends its watches.
func (d *Doorbell) Off() {
	d.armed, d.polled = false, false
	for _, w := range d.watched {
		w.cancel()
	}
	d.watched = d.watched[:0]
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
