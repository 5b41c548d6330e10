package chip

import "dynemu/vm/event"

// Doorbell tells a chip that the guest has written a word of RAM, such as the
// word with the ownership bit of the descriptor at which a transmitter waits.
//
// It watches the page when the memory is a Watcher, which costs nothing while
// the guest does nothing. Where the word cannot be watched (a descriptor in
// device memory), it rings once every PollPeriod instead.
//
// A watched page is slow to write, and the chip may have a register that asks it
// to look. A guest that has used it trustDemands times in a row, each time after
// it had written the word, is trusted to go on: nothing is watched then, and the
// Doorbell rings every PollPeriod in case that it does not. It watches again when
// there was something that the guest did not ask for, or after a period in which
// it asked for nothing.
type Doorbell struct {
	// Ring is called after a write to the word, or every PollPeriod. It is not
	// called from inside itself.
	Ring func()

	mem     Memory
	clock   event.Clock
	addr    uint64
	armed   bool
	ringing bool
	polled  bool // the word is not watched
	rings   int  // without a demand after them
	demands int  // in a row after one ring each; below 0: in disgrace
	trusted bool
	quiet   bool // no demand since the timer was set
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

const (
	trustDemands = 16
	// disgrace is how many demands more it takes for a guest that has broken its
	// habit.
	disgrace = 1024
)

const pageMask = 1<<12 - 1

// Init tells the doorbell where the memory and the time are. It must be called
// once, before anything else.
func (d *Doorbell) Init(m Memory, c event.Clock) {
	d.mem, d.clock = m, c
	d.timer.Fire = d.period
}

// period looks whether the word was written where nobody tells.
func (d *Doorbell) period() {
	before := d.addr
	d.ring()
	switch {
	case !d.trusted || !d.armed:
	case d.addr != before:
		// It may have been about to ask.
		if d.rings++; d.rings > 1 {
			d.distrust(-disgrace)
		}
	case d.quiet:
		d.distrust(0)
	}
	d.quiet = true
	if d.armed && d.polled && !d.timer.Pending() {
		d.clock.Arm(&d.timer, d.clock.Now()+PollPeriod)
	}
}

func (d *Doorbell) distrust(demands int) {
	d.trusted, d.demands, d.rings = false, demands, 0
	d.WaitAt(d.addr)
}

// Demanded tells that the guest has asked, by a register, for a look at the
// word; the chip then looks by itself.
func (d *Doorbell) Demanded() {
	switch {
	case d.rings == 1:
		d.demands++
	case d.rings > 1:
		d.demands = min(d.demands, 0)
	}
	d.rings, d.quiet = 0, false
	if !d.trusted && d.demands >= trustDemands {
		d.trusted = true
		d.unwatch()
	}
}

// WaitAt arms the doorbell for the 32-bit word at addr, in place of an earlier
// one.
func (d *Doorbell) WaitAt(addr uint64) {
	d.addr, d.armed = addr, true
	polled := d.trusted || !d.watch(addr)
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
	d.armed, d.polled, d.trusted = false, false, false
	d.demands, d.rings = 0, 0
	d.unwatch()
	d.clock.Disarm(&d.timer)
}

func (d *Doorbell) unwatch() {
	for _, w := range d.watched {
		w.cancel()
	}
	d.watched = d.watched[:0]
}

func (d *Doorbell) written(pa, n uint64) {
	if pa < d.addr+4 && pa+n > d.addr && !d.ringing { // when ringing, it is the chip's own
		d.rings++
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
