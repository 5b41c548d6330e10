package netns

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// shows fails unless "ip link" shows the interface with carrier or without.
func shows(t *testing.T, e Endpoint, carrier bool) {
	t.Helper()
	out, err := exec.Command("ip", "-n", e.Namespace, "-o", "link", "show", "dev", e.Ifname).CombinedOutput()
	must(t, err)
	if got := strings.Contains(string(out), ",LOWER_UP") && !strings.Contains(string(out), "NO-CARRIER"); got != carrier {
		t.Errorf("carrier of %s is %v, want %v: %s", e, got, carrier, out)
	}
}

// drain reads away what is in the descriptors.
func drain(t *testing.T, files ...*os.File) {
	t.Helper()
	for _, f := range files {
		for ok := true; ok; {
			_, ok = receive(t, f, 10*time.Millisecond)
		}
	}
}

func TestCarrierIsThatOfBothPorts(t *testing.T) {
	m := manager(t)
	a, fa := port(t, m, "R1", "f0-0")
	b, fb := port(t, m, "R2", "f0-0")
	probe := frame("ca0100000001 ca0200000001 88b5", 60)
	must(t, m.LinkVeth(a, b, true, true))
	before := indexes(t, a.Namespace) + indexes(t, b.Namespace)
	for _, c := range []struct{ a, b bool }{
		{true, true}, {false, true}, {true, true}, {true, false}, {true, false}, {false, false}, {false, false}, {true, true}, {false, true}, {true, false}, {true, true},
	} {
		t.Run(fmt.Sprintf("%v,%v", c.a, c.b), func(t *testing.T) {
			start := time.Now()
			must(t, m.LinkVeth(a, b, c.a, c.b))
			took := time.Since(start)
			for _, e := range []Endpoint{a, b, {a.Namespace, LinkName(a.Ifname)}, {b.Namespace, LinkName(b.Ifname)}} {
				carrier(t, m, e, c.a && c.b)
				shows(t, e, c.a && c.b)
			}
			t.Logf("took %v", took)
			for _, dir := range [][2]*os.File{{fa, fb}, {fb, fa}} {
				if _, err := dir[0].Write(probe); err != nil {
					t.Fatal(err)
				}
				if _, ok := receive(t, dir[1], 100*time.Millisecond); ok != (c.a && c.b) {
					t.Errorf("a frame from %s passes: %v", dir[0].Name(), ok)
				}
			}
		})
	}
	if after := indexes(t, a.Namespace) + indexes(t, b.Namespace); after != before {
		t.Errorf("interfaces: %s, were %s", after, before)
	}
}

// A link that is cut stays cut when a router restarts.
func TestCutLinkStaysCut(t *testing.T) {
	m := manager(t)
	a, _ := port(t, m, "R1", "f0-0")
	b, fb := port(t, m, "R2", "f0-0")
	must(t, m.LinkVeth(a, b, true, true))
	must(t, m.LinkVeth(a, b, false, false))
	must(t, fb.Close())
	fb, err := m.OpenTAP(b.Namespace, b.Ifname, 0)
	must(t, err)
	defer fb.Close()
	carrier(t, m, a, false)
	carrier(t, m, b, false)
}

func TestCarrierOfLANPort(t *testing.T) {
	m := manager(t)
	lan := m.Name("lab", "LAN")
	must(t, m.EnsureLAN(lan))
	a, fa := port(t, m, "R1", "f0-0")
	b, fb := port(t, m, "R2", "f0-0")
	must(t, m.AttachLAN(lan, b, true))
	probe := frame("ffffffffffff ca0200000001 88b5", 60)
	for i := range 6 {
		up := i%2 == 0
		must(t, m.AttachLAN(lan, a, up))
		carrier(t, m, a, up)
		shows(t, a, up)
		carrier(t, m, b, true)
		carrier(t, m, Endpoint{lan, lanPortName(lan, a)}, up)
		for _, dir := range [][2]*os.File{{fa, fb}, {fb, fa}} {
			if _, err := dir[0].Write(probe); err != nil {
				t.Fatal(err)
			}
			if _, ok := receive(t, dir[1], 200*time.Millisecond); ok != up {
				t.Errorf("round %d: the first frame passes: %v, want %v", i, ok, up)
			}
		}
	}
}

// The first thread of a process cannot end, so it must never be in a namespace of
// ours.
func TestFirstThreadStaysWithTheHost(t *testing.T) {
	m := manager(t)
	want, err := os.Readlink("/proc/self/ns/net")
	must(t, err)
	ns := m.Name("lab", "R1")
	must(t, m.EnsureNamespace(ns))
	for range 200 {
		must(t, inNamespace(ns, func() error {
			if unix.Gettid() == unix.Getpid() {
				t.Error("runs on the first thread")
			}
			return nil
		}))
	}
	if got, err := os.Readlink("/proc/self/ns/net"); err != nil || got != want {
		t.Errorf("the process is in %s, was in %s (%v)", got, want, err)
	}
}

// A namespace goes, and its ends of cables with it, while the ports at the far ends
// get new cables.
func TestNeighbourGoesMeanwhile(t *testing.T) {
	m := manager(t)
	b, fb := port(t, m, "R2", "f0-0")
	c, fc := port(t, m, "R3", "f0-0")
	a := Endpoint{m.Name("lab", "R1"), "f0-0"}
	lan := m.Name("lab", "LAN")
	must(t, m.EnsureLAN(lan))
	probe := frame("ca0100000001 ca0200000001 88b5", 60)
	for i := range 15 {
		must(t, m.EnsureNamespace(a.Namespace))
		must(t, m.EnsureTAP(a.Namespace, a.Ifname, 0))
		must(t, m.LinkVeth(a, b, true, true))
		gone := make(chan error)
		go func() { gone <- m.DeleteNamespace(a.Namespace) }()
		time.Sleep(time.Duration(i) * 200 * time.Microsecond)
		switch i % 3 {
		case 0:
			must(t, m.LinkVeth(b, c, true, true))
			must(t, <-gone)
			await(t, fb, fc, probe)
			must(t, m.UnlinkVeth(b, c))
		case 1:
			must(t, m.AttachLAN(lan, b, true))
			must(t, <-gone)
			carrier(t, m, b, true)
			must(t, m.DetachLAN(lan, b))
		case 2:
			must(t, m.UnlinkVeth(a, b))
			must(t, <-gone)
		}
		carrier(t, m, b, false)
		noLink(t, b, c)
	}
}
