package vm

import (
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/vishvananda/netns"

	"dynemu/vm/card"
	"dynemu/vm/chip"
	"dynemu/vm/event"
	"dynemu/vm/wire"
)

// fakeCard is a port that takes frames as long as it has room.
type fakeCard struct {
	card.Port
	room, got int
	net       chip.Network
	looks     []bool // what Plugged reported whenever Attach was called
}

func (c *fakeCard) Attach(n chip.Network) {
	c.net = n
	c.looks = append(c.looks, n.Plugged())
}

func (c *fakeCard) Ready() bool { return c.got < c.room }

func (c *fakeCard) Receive([]byte) { c.got++ }

// Frames wait for the guest, but not for ever, and not for one that is suspended
// or whose card is gone.
func TestPortWaitsForTheGuest(t *testing.T) {
	var now int64
	c := &fakeCard{room: 1}
	p := newPort(&Machine{loop: event.NewWithSource(new(atomic.Uint32), func() int64 { return now })}, c)
	want := func(what string, ready wire.Readiness, got int) {
		t.Helper()
		is := p.Ready()
		if is == wire.Take {
			p.Receive(nil)
		}
		if is != ready || c.got != got {
			t.Errorf("%s: readiness %v with %d frames received, want %v with %d", what, is, c.got, ready, got)
		}
	}
	now = 1
	want("room", wire.Take, 1)
	want("full", wire.Wait, 1)
	now += patience
	want("full for a while", wire.Wait, 1)
	c.room = 2
	want("room again", wire.Take, 2)
	want("full again", wire.Wait, 2)
	now += patience + 1
	want("full for too long", wire.Take, 3)
	want("still full", wire.Take, 4)
	c.got, c.room = 0, 1
	want("room at last", wire.Take, 1)
	want("full once more", wire.Wait, 1)
	p.m.suspended = true
	want("suspended", wire.Discard, 1)
	p.m.suspended = false
	want("resumed", wire.Wait, 1)
	p.gone = true
	want("the card is out", wire.Discard, 1)
}

// A card looks at its wire after each change, keeps the socket while it is empty,
// and tells it whether the guest uses the port.
func TestPortCarrier(t *testing.T) {
	c := &fakeCard{}
	loop := event.New(new(atomic.Uint32))
	p := newPort(&Machine{loop: loop}, c)
	var told []bool
	p.wire.OnEnabled(func(up bool) { told = append(told, up) })
	want := func(what string, plugged bool) {
		t.Helper()
		loop.RunPending()
		if n := len(c.looks); n == 0 || c.looks[n-1] != plugged {
			t.Errorf("%s: the card has seen %v, want %v", what, c.looks, plugged)
		}
		c.looks = nil
	}
	enabled, ok := c.net.(chip.Enabler)
	if _, cells := c.net.(chip.Backpressure); !ok || !cells {
		t.Fatalf("the card was given a %T", c.net)
	}
	want("made", false)
	p.plug(wire.NewNull())
	want("plugged", true)
	p.wire.SetLink(false)
	want("no link", false)
	enabled.SetEnabled(false)
	p.wire.SetLink(true)
	want("link", true)
	p.wire.SetLink(false)
	want("no link again", false)
	p.plug(nil)
	enabled.SetEnabled(true) // the daemon must learn of it, or there will never be a link
	p.wire.SetLink(true)
	p.plug(wire.NewNull())
	want("link and plugged", true)
	p.plug(nil)
	want("unplugged", false)
	if !slices.Equal(told, []bool{false, true}) || !p.wire.Enabled() {
		t.Errorf("in use, as the wire was told: %v", told)
	}
	p.gone = true
	p.plug(wire.NewNull())
	loop.RunPending()
	if len(c.looks) != 0 {
		t.Error("a card that was taken out has looked at a wire")
	}
}

// A TAP that was unplugged, or whose card was taken out, is nobody's at once,
// although the machine sleeps until something arrives at it.
func TestUnpluggedTAPIsFree(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIP: not root: no TAPs")
	}
	m, _ := start(t, config(), Host{Image: image(attentive()...)})
	m.Suspend()
	// Locked for good: the thread ends with the test.
	runtime.LockOSThread()
	ns, err := netns.New()
	if err != nil {
		t.Skipf("SKIP: no network namespaces here: %v", err)
	}
	defer ns.Close()
	open := func() wire.Wire {
		t.Helper()
		w, err := wire.OpenTAP("tap0")
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	for range 20 {
		if err := m.Plug(0, 0, open()); err != nil {
			t.Fatal(err)
		}
		if err := m.Plug(0, 0, nil); err != nil {
			t.Fatal(err)
		}
		if err := m.Insert(2, "PA-FE-TX"); err != nil {
			t.Fatal(err)
		}
		if err := m.Plug(2, 0, open()); err != nil {
			t.Fatal(err)
		}
		if err := m.Remove(2); err != nil {
			t.Fatal(err)
		}
	}
}
