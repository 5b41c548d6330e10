package vm

import (
	"sync/atomic"
	"testing"

	"dynemu/vm/card"
	"dynemu/vm/event"
)

// fakeCard is a port that takes frames as long as it has room.
type fakeCard struct {
	card.Port
	room, got int
}

func (c *fakeCard) Ready() bool { return c.got < c.room }

func (c *fakeCard) Receive([]byte) { c.got++ }

// Frames wait for the guest, but not for ever, and not for one that is suspended
// or whose card is gone.
func TestPortWaitsForTheGuest(t *testing.T) {
	var now int64
	c := &fakeCard{room: 1}
	p := newPort(&Machine{loop: event.NewWithSource(new(atomic.Uint32), func() int64 { return now })}, c)
	want := func(what string, ready bool, got int) {
		t.Helper()
		is := p.Ready()
		if is {
			p.Receive(nil)
		}
		if is != ready || c.got != got {
			t.Errorf("%s: ready %v with %d frames received, want %v with %d", what, is, c.got, ready, got)
		}
	}
	now = 1
	want("room", true, 1)
	want("full", false, 1)
	now += patience
	want("full for a while", false, 1)
	c.room = 2
	want("room again", true, 2)
	want("full again", false, 2)
	now += patience + 1
	want("full for too long", true, 3)
	want("still full", true, 4)
	c.got, c.room = 0, 1
	want("room at last", true, 1)
	want("full once more", false, 1)
	p.m.suspended = true
	want("suspended", true, 1)
	p.m.suspended = false
	want("resumed", false, 1)
	p.gone = true
	want("the card is out", true, 1)
}
