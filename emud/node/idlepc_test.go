package node_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dynemu/emud/node"
	"dynemu/vm"
)

// TestIdleness: a value reaches the machine at once, and a later daemon knows of it, also
// when the description beside the socket is behind.
func TestIdleness(t *testing.T) {
	b := setup(t)
	n := b.start()
	c, err := n.Console(false, true)
	must(t, err)
	defer c.Close()
	path := filepath.Join(b.opt.RuntimeDir, "nodes", "lab.R1.json")
	before, err := os.ReadFile(path)
	must(t, err)
	want := vm.Idleness{PC: 0x60719b98, Max: 7}
	must(t, n.SetIdleness(want))
	expect(t, c, "idleness: 0x60719b98 false 7\r\n")
	for _, bad := range []vm.Idleness{{PC: 1, Off: true}, {Max: -1}} {
		if err := n.SetIdleness(bad); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
	for name, behind := range map[string]bool{"kept": false, "behind": true} {
		n.Release()
		if behind {
			must(t, os.WriteFile(path, before, 0o600))
		}
		nodes, err := node.Adopt(b.opt)
		must(t, err)
		n = nodes[0]
		spec := n.Spec()
		if got := spec.Config.Idleness(); got != want {
			t.Errorf("description %s: %+v, want %+v", name, got, want)
		}
	}
	n.Kill()
}

// TestSampleIdle: the node samples on its own, answers meanwhile, and keeps what it saw.
func TestSampleIdle(t *testing.T) {
	b := setup(t)
	n := b.start()
	if s, err := n.IdleSamples(); err != nil || fmt.Sprint(s) != fmt.Sprint(node.IdleSamples{}) {
		t.Errorf("before: %+v, %v", s, err)
	}
	must(t, n.SampleIdle(50, 10*time.Millisecond))
	must(t, n.SampleIdle(50, 10*time.Millisecond)) // joins it
	result := func() node.IdleSamples {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			s, err := n.IdleSamples()
			must(t, err)
			if !s.Sampling {
				return s
			}
			if s.Done > s.Of || time.Now().After(deadline) {
				t.Fatalf("after all the time %+v", s)
			}
		}
	}
	counts := []node.PCCount{{PC: 0x60001234, Count: 50}}
	if s := result(); s.Done != 50 || s.Error != "" || fmt.Sprint(s.Counts) != fmt.Sprint(counts) {
		t.Errorf("got %+v", s)
	}
	must(t, n.SampleIdle(13, time.Millisecond))
	if s := result(); !strings.Contains(s.Error, "suspended") || fmt.Sprint(s.Counts) != fmt.Sprint(counts) {
		t.Errorf("after a failure %+v", s)
	}
	for _, bad := range []struct {
		samples int
		every   time.Duration
	}{{0, time.Second}, {-1, time.Second}, {1 << 30, time.Second}, {1, 0}, {1, time.Hour}} {
		if err := n.SampleIdle(bad.samples, bad.every); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
	must(t, n.Suspend())
	if err := n.SampleIdle(5, time.Millisecond); err == nil || !strings.Contains(err.Error(), "suspended") {
		t.Errorf("of a suspended router: %v", err)
	}
}
