package emud_test

import (
	"reflect"
	"strings"
	"testing"

	"dynemu/emud/node"
)

// withSlots is a lab of two routers with more lines in R1's section.
func withSlots(lines ...string) string {
	return server + "[[ROUTER R1]]\n" + strings.Join(lines, "\n") + "\n[[ROUTER R2]]\nslot1 = PA-8T\nf0/0 = LAN 7\n"
}

// TestMoveCards: cards go into and out of running routers with their links.
func TestMoveCards(t *testing.T) {
	h := newHost(t)
	h.mustApply("m", withSlots("slot1 = PA-4T+", "s1/0 = R2 s1/0"))
	r1, r2 := h.nodes.Get("m", "R1"), h.nodes.Get("m", "R2")
	starts := h.nodes.Starts.Load()
	check := func(what string, slots string, network ...string) {
		t.Helper()
		if h.nodes.Starts.Load() != starts || h.nodes.Get("m", "R1").ID() != r1.ID() {
			t.Fatalf("%s: a router was restarted", what)
		}
		if got := strings.Join(h.nodes.Get("m", "R1").Spec().Config.Slots, ","); got != slots {
			t.Errorf("%s: R1 holds %s, want %s", what, got, slots)
		}
		if got := h.net.Inventory(); !reflect.DeepEqual(got, network) {
			t.Errorf("%s: in the network: %q\nwant %q", what, got, network)
		}
		if info := h.device("m", "R1").Info(); strings.Contains(info, "at next start") {
			t.Errorf("%s: something waits:\n%s", what, info)
		}
	}
	common := []string{"lan m/7", "link test-m-R2/f0-0 LAN m/7", "ns test-m-R1", "ns test-m-R2", "tap test-m-R2/f0-0"}
	check("at the start", ",PA-4T+,,,,,", common...)

	result := h.mustApply("m", withSlots("slot1 = PA-4T+", "s1/0 = R2 s1/0", "slot3 = PA-2FE-TX", "f3/0 = LAN 7"))
	if want := "R1: PA-2FE-TX put into slot 3\nR1: link f3/0 - LAN 7 added\n"; result != want {
		t.Errorf("result:\n%swant:\n%s", result, want)
	}
	both := []string{"lan m/7", "link test-m-R1/f3-0 LAN m/7", "link test-m-R2/f0-0 LAN m/7", "ns test-m-R1", "ns test-m-R2",
		"tap test-m-R1/f3-0", "tap test-m-R1/f3-1", "tap test-m-R2/f0-0"}
	check("Ethernet put in", ",PA-4T+,,PA-2FE-TX,,,", both...)
	if p, ok := h.device("m", "R1").Port("f3-1"); !ok || p.Name != "f3/1" {
		t.Errorf("the new port is %+v, %v", p, ok)
	}
	if got, err := r1.Exchange("s1/0", r2, "s1/0", "undisturbed"); got != "undisturbed" || err != nil {
		t.Errorf("over the link that was there: %q %v", got, err)
	}

	// The same link on another card.
	result = h.mustApply("m", withSlots("slot1 = PA-8T", "s1/0 = R2 s1/0", "s1/7 = R2 s1/7", "slot3 = PA-2FE-TX", "f3/0 = LAN 7"))
	if want := "R1: PA-4T+ in slot 1 replaced by PA-8T\nR1: link s1/7 - R2 s1/7 added\n"; result != want {
		t.Errorf("result:\n%swant:\n%s", result, want)
	}
	check("serial replaced", ",PA-8T,,PA-2FE-TX,,,", both...)
	for _, port := range []string{"s1/0", "s1/7"} {
		if got, err := r1.Exchange(port, r2, port, "through"); got != "through" || err != nil {
			t.Errorf("over %s after the exchange: %q %v", port, got, err)
		}
	}

	// What is asked is there; nothing is done twice.
	changes := h.net.Count()
	if err := h.d.Lab("m").Command("apply"); err != nil {
		t.Fatal(err)
	}
	if result, _ := h.d.Lab("m").Result(); result != "nothing changed\n" || h.net.Count() != changes {
		t.Errorf("a second apply: %q", result)
	}

	// A new daemon goes on from there.
	h.d.Release()
	h.start()
	h.mustApply("m", withSlots())
	check("all taken out", ",,,,,,", common...)
	if n := h.nodes.Get("m", "R1"); len(n.Spec().Ports) != 0 {
		t.Errorf("R1 has the ports %+v", n.Spec().Ports)
	}
}

// TestCardThatCannotMove: it stays until the next start, and everything else is
// done.
func TestCardThatCannotMove(t *testing.T) {
	h := newHost(t)
	h.mustApply("m", withSlots("slot1 = PA-4E", "slot2 = PA-8T", "s2/0 = R2 s1/0"))
	h.nodes.FailCard = "PA-4E"
	result := h.mustApply("m", withSlots("slot1 = PA-FE-TX", "slot2 = PA-4T+", "s2/0 = R2 s1/0"))
	if want := "R1: cannot take PA-4E out of slot 1, it stays until the next start: told to fail\n"; !strings.Contains(result, want) {
		t.Errorf("result:\n%swant:\n%s", result, want)
	}
	r1 := h.nodes.Get("m", "R1")
	if got := strings.Join(r1.Spec().Config.Slots, ","); got != ",PA-4E,PA-4T+,,,," {
		t.Errorf("R1 holds %s", got)
	}
	if got, err := r1.Exchange("s2/0", h.nodes.Get("m", "R2"), "s1/0", "x"); got != "x" || err != nil {
		t.Errorf("over the card that could: %q %v", got, err)
	}
	if info := h.device("m", "R1").Info(); !strings.Contains(info, "at next start  slot1\n") {
		t.Errorf("info does not say what waits:\n%s", info)
	}
	// A card that does not go in.
	h.nodes.FailCard = "PA-GE"
	result = h.mustApply("m", withSlots("slot1 = PA-4E", "slot4 = PA-GE"))
	if want := "R1: cannot put PA-GE into slot 4, it waits for the next start: told to fail\n"; !strings.Contains(result, want) {
		t.Errorf("result:\n%swant:\n%s", result, want)
	}
	h.nodes.FailCard = ""
	if err := h.device("m", "R1").Reload(); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(h.nodes.Get("m", "R1").Spec().Config.Slots, ","); got != ",PA-4E,,,PA-GE,," {
		t.Errorf("after a reload R1 holds %s", got)
	}
	// The I/O card waits for a start.
	result = h.mustApply("m", withSlots("slot0 = C7200-IO-2FE", "slot1 = PA-4E"))
	if want := "R1: PA-GE taken out of slot 4; slots changed, in effect at the next start\n"; result != want {
		t.Errorf("result:\n%swant:\n%s", result, want)
	}
}

// TestDaemonDiesWhileMoving: the node has moved a card, the record has not.
func TestDaemonDiesWhileMoving(t *testing.T) {
	h := newHost(t)
	with, without := withSlots("slot1 = PA-FE-TX", "f1/0 = LAN 7"), withSlots()
	h.mustApply("m", with)
	n := h.nodes.Get("m", "R1")
	for _, c := range []struct {
		before func() error
		text   string
		slots  string
	}{
		{func() error { return n.Remove(1) }, with, ",PA-FE-TX,,,,,"},
		{func() error { return n.Remove(1) }, without, ",,,,,,"},
		{func() error {
			return n.Insert(2, "PA-4T+", []node.PortSpec{{Name: "s2/0", Slot: 2, Wire: "none"}}, nil)
		}, without, ",,,,,,"},
	} {
		h.d.Release()
		if err := c.before(); err != nil {
			t.Fatal(err)
		}
		h.start()
		h.mustApply("m", c.text)
		if got := strings.Join(h.nodes.Get("m", "R1").Spec().Config.Slots, ","); got != c.slots {
			t.Errorf("R1 holds %s, want %s", got, c.slots)
		}
	}
	if got := h.net.Inventory(); len(got) != 5 {
		t.Errorf("in the network: %q", got)
	}
}
