package chip

import (
	"sync/atomic"
	"testing"

	"dynemu/vm/event"
	"dynemu/vm/mem"
)

// ringer is a chip that takes words of a ring of 8 which are not 0, and a guest
// that writes them.
type ringer struct {
	*testing.T
	d    Doorbell
	m    mem.Map
	ram  *mem.Region
	loop *event.Loop
	now  int64
	next uint64 // the word that the chip waits for
	last uint64 // the word that the guest writes
	sent int
}

func newRinger(t *testing.T) *ringer {
	r := &ringer{T: t, ram: &mem.Region{Name: "ram", Len: 0x3000, RAM: make([]byte, 0x3000)}}
	if err := r.m.Add(r.ram); err != nil {
		t.Fatal(err)
	}
	var attention atomic.Uint32
	r.loop = event.NewWithSource(&attention, func() int64 { return r.now })
	r.d.Ring = r.look
	r.d.Init(&r.m, r.loop)
	r.look()
	return r
}

func (r *ringer) word(n uint64) uint64 { return 0x1000 + n%8*4 }

func (r *ringer) look() {
	for r.m.Read32(r.word(r.next)) != 0 {
		r.m.Write32(r.word(r.next), 0)
		r.next++
		r.sent++
	}
	r.d.WaitAt(r.word(r.next))
}

func (r *ringer) demand() {
	r.d.Demanded()
	r.look()
}

// give writes the next word.
func (r *ringer) give() {
	r.m.Write32(r.word(r.last), 1)
	r.last++
}

func (r *ringer) wait(ns int64) {
	r.now += ns
	r.loop.RunPending()
}

// want checks whether the page is watched, and that everything has been taken
// but for what the guest has not asked for.
func (r *ringer) want(when string, watched bool, left int) {
	r.Helper()
	if got := r.ram.IsWatched(0x1000); got != watched {
		r.Fatalf("%s: watched is %v", when, got)
	}
	if n := int(r.last) - r.sent; n != left {
		r.Fatalf("%s: %d words are left, want %d", when, n, left)
	}
}

// A guest that asks after each word need not be watched.
func TestDoorbellTrustsDemands(t *testing.T) {
	r := newRinger(t)
	r.want("at first", true, 0)
	for range trustDemands {
		r.want("before there is trust", true, 0)
		r.give()
		r.demand()
	}
	for range 1000 {
		r.give()
		r.want("a word", false, 1)
		if r.sent%7 == 0 {
			r.wait(PollPeriod) // a look between the word and the demand
			r.want("a word at the end of a period", false, 0)
		}
		r.demand()
		r.want("a demand", false, 0)
		r.wait(PollPeriod / 100)
	}
	// Several words with one demand are all asked for.
	for range 5 {
		r.give()
	}
	r.demand()
	r.want("five words", false, 0)
	// Nothing is asked for any more: nothing ticks, and no word is missed.
	r.wait(PollPeriod)
	r.wait(PollPeriod)
	r.want("after a quiet period", true, 0)
	if _, armed := r.loop.NextTimer(); armed {
		t.Error("a timer is armed where nothing happens")
	}
	r.give()
	r.want("a word after a quiet period", true, 0)
}

// A guest that no longer asks is watched again after two periods at most, and for
// longer than before.
func TestDoorbellDistrusts(t *testing.T) {
	r := newRinger(t)
	for range trustDemands {
		r.give()
		r.demand()
	}
	r.want("asked for", false, 0)
	r.give()
	r.wait(PollPeriod)
	r.want("not asked for", false, 0)
	r.give()
	r.wait(PollPeriod)
	r.want("not asked for again", true, 0)
	for range disgrace {
		r.give()
		r.want("in disgrace", true, 0)
		r.demand()
	}
	for range trustDemands {
		r.give()
		r.demand()
	}
	r.want("long asked for", false, 0)
	r.d.Off()
	if _, armed := r.loop.NextTimer(); armed || r.ram.IsWatched(0x1000) {
		t.Error("something stays when it is off")
	}
	r.look()
	r.want("on again", true, 0)
}

// A guest that asks for some words only is never trusted.
func TestDoorbellOfCarelessGuest(t *testing.T) {
	r := newRinger(t)
	for range 500 {
		r.give()
		r.give()
		r.want("two words", true, 0)
		r.demand()
	}
	r.want("at last", true, 0)
}

type plain struct{ Memory } // hides Watch

func TestDoorbell(t *testing.T) {
	m := &mem.Map{}
	ram := &mem.Region{Name: "ram", Len: 0x6000, RAM: make([]byte, 0x6000)}
	if err := m.Add(ram); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		mem     Memory
		watched bool
	}{
		{"watched", m, true},
		{"polled", plain{m}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var attention atomic.Uint32
			now := int64(0)
			loop := event.NewWithSource(&attention, func() int64 { return now })
			rings := 0
			var d Doorbell
			d.Ring = func() {
				rings++
				m.Write32(0x1008, 0) // the chip takes the word; no ring from inside
			}
			d.Init(c.mem, loop)
			step := func(what string, want int, do func()) {
				t.Helper()
				rings = 0
				do()
				if rings != want {
					t.Errorf("%s: rang %d times, want %d", what, rings, want)
				}
			}
			watched, polled := 0, 1
			if c.watched {
				watched, polled = 1, 0
			}
			tick := func() { now += PollPeriod; loop.RunPending() }

			step("before it is armed", 0, func() { m.Write32(0x1008, 1); tick() })
			d.WaitAt(0x1008)
			step("the word", watched, func() { m.Write32(0x1008, 1) })
			step("its last byte", watched, func() { m.WriteAt(0x100B, []byte{1}) })
			step("the word before", 0, func() { m.Write32(0x1004, 1) })
			step("the word behind", 0, func() { m.Write32(0x100C, 1) })
			step("a store of the CPU", watched, func() { m.Written(ram, 0x1008, 8) })
			step("a period", polled, tick)
			step("the next period", polled, tick)
			d.WaitAt(0x100C)
			step("the word before after moving on", 0, func() { m.Write32(0x1008, 1) })
			step("the word after moving on", watched, func() { m.Write32(0x100C, 1) })
			d.WaitAt(0x2000)
			step("the page that was left", 0, func() { m.Write32(0x100C, 1) })
			step("the new page", watched, func() { m.Write32(0x2000, 1) })
			if c.watched != ram.IsCode(0x2000) || c.watched != ram.IsCode(0x1000) || ram.IsCode(0) {
				t.Error("marks of the pages are wrong")
			}
			for _, pa := range []uint64{0x3000, 0x4000, 0x5000, 0x2000} {
				d.WaitAt(pa)
				step("another page", watched, func() { m.Write32(pa, 1) })
			}
			if ram.IsCode(0x1000) {
				t.Error("the oldest page is still watched")
			}
			d.Off()
			step("after it is off", 0, func() { m.Write32(0x2000, 1); tick() })
			if _, armed := loop.NextTimer(); armed || ram.IsCode(0x2000) {
				t.Error("something stays when it is off")
			}
		})
	}
}
