package vm

import (
	"strings"
	"sync"
	"testing"
	"time"

	"dynemu/vm/wire"
)

func lw(rt, off, base uint32) uint32 { return 35<<26 | base<<21 | rt<<16 | off }

// attentive clears the OIR status of the midplane FPGA for ever, as a router's
// interrupt handler does.
func attentive() []uint32 {
	return []uint32{lui(8, 0xbe80), lw(9, 0x70, 8), nop, sw(9, 0x70, 8), 0x1000fffc, nop}
}

// fakeWire is a wire on which nothing arrives.
type fakeWire struct {
	*wire.Null
	closed chan struct{}
	once   sync.Once
}

func newFakeWire() *fakeWire { return &fakeWire{Null: wire.NewNull(), closed: make(chan struct{})} }

func (w *fakeWire) Close() error {
	w.once.Do(func() { close(w.closed) })
	return w.Null.Close()
}

func TestInsertAndRemoveCards(t *testing.T) {
	m, _ := start(t, config(), Host{Image: image(attentive()...)})
	ports := func() (n int) {
		for k := range m.Stats().Ports {
			if strings.HasPrefix(k, "2/") {
				n++
			}
		}
		return n
	}

	for range 3 {
		if err := m.Insert(2, "PA-8T"); err != nil {
			t.Fatal(err)
		}
		if got := m.Cards()[2]; got != "PA-8T" || ports() != 8 {
			t.Fatalf("slot 2 holds %q, with %d ports", got, ports())
		}
		w := newFakeWire()
		if err := m.Plug(2, 7, w); err != nil {
			t.Fatal(err)
		}
		if err := m.Remove(2); err != nil {
			t.Fatal(err)
		}
		select {
		case <-w.closed:
		case <-time.After(time.Second):
			t.Error("the wire of a card that was taken out is not closed")
		}
		if got := m.Cards()[2]; got != "" || ports() != 0 {
			t.Fatalf("after the removal slot 2 holds %q, with %d ports", got, ports())
		}
		if err := m.Plug(2, 7, newFakeWire()); err == nil || !strings.Contains(err.Error(), "slot 2") {
			t.Errorf("plugged into a slot without a card: %v", err)
		}
	}
	for what, err := range map[string]error{
		"slot 0": m.Insert(0, "C7200-IO-FE"), "slot 9": m.Insert(9, "PA-8T"), "empty slot": m.Remove(3),
		"unknown card": m.Insert(1, "PA-9T"), "card of slot 0": m.Insert(1, "C7200-IO-FE"),
	} {
		if err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	m.Stop()
	if err := m.Insert(2, "PA-8T"); err == nil {
		t.Error("a card was put into a router that has ended")
	}
}

// A guest that never looks at the event keeps nobody from moving cards, nor
// does one that stands still.
func TestMoveWithoutNotice(t *testing.T) {
	m, _ := start(t, config(), Host{Image: image(forever, nop)})
	for slot := 1; slot <= 2; slot++ {
		if err := m.Insert(slot, "PA-FE-TX"); err != nil {
			t.Fatal(err)
		}
	}
	m.Suspend()
	begin := time.Now()
	if err := m.Remove(1); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(begin); d >= noticeTime {
		t.Errorf("waited %v for a guest that stands still", d)
	}
	if got := m.Cards(); got[1] != "" || got[2] != "PA-FE-TX" {
		t.Errorf("cards are %q", got)
	}
}
