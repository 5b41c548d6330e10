package fabric

import (
	"strings"
	"testing"

	"dynemu/vm/wire"
)

func TestMaxFrameIsThatOfWires(t *testing.T) {
	if MaxFrame != wire.MaxFrame {
		t.Errorf("MaxFrame is %d, that of wires %d", MaxFrame, wire.MaxFrame)
	}
}

func TestDropNames(t *testing.T) {
	seen := map[string]bool{}
	for d := range Drops {
		name := d.String()
		if name == "" || seen[name] || strings.ContainsAny(name, " \t\n") {
			t.Errorf("reason %d is called %q", d, name)
		}
		seen[name] = true
	}
	if got := Drops.String(); got != "Drop(15)" {
		t.Errorf("no reason is called %q", got)
	}
}

func TestPorts(t *testing.T) {
	var p Ports[int]
	for _, n := range []int{7, 0, MaxPort} {
		if err := p.Add(n, &n); err != nil {
			t.Fatal(err)
		}
	}
	for n, want := range map[int]string{
		-1: "0 to 1023", MaxPort + 1: "0 to 1023", 7: "already",
	} {
		if err := p.Add(n, new(int)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Add(%d): %v, want an error with %q", n, err, want)
		}
	}
	if p.Get(-1) != nil || p.Get(1) != nil || p.Get(MaxPort+1) != nil || *p.Get(7) != 7 {
		t.Error("Get finds what is not there, or not what is")
	}
	if _, err := p.Find(3); err == nil {
		t.Error("Find(3) has no error")
	}
	p.Remove(3)
	p.Remove(-1)
	p.Remove(0)
	var got []int
	p.All(func(n int, _ *int) bool {
		got = append(got, n)
		return true
	})
	if len(got) != 2 || got[0] != 7 || got[1] != MaxPort {
		t.Errorf("ports %v, want 7 and %d", got, MaxPort)
	}
	got = nil
	p.All(func(n int, _ *int) bool {
		got = append(got, n)
		return false
	})
	if len(got) != 1 {
		t.Errorf("ports %v after the end was asked for", got)
	}
}
