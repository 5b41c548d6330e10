package netns

import (
	"fmt"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

// events collects what a watcher tells.
type events struct {
	mu  sync.Mutex
	got []string
}

func (e *events) add(s string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.got = append(e.got, s)
}

// expect waits for the events, in this order, and no others until then.
func (e *events) expect(t *testing.T, want ...string) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		e.mu.Lock()
		got := e.got
		if len(got) >= len(want) {
			e.got = nil
		}
		e.mu.Unlock()
		if len(got) >= len(want) || time.Now().After(end) {
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("events %q, want %q", got, want)
			}
			return
		}
	}
}

func TestWatchReaders(t *testing.T) {
	m := manager(t)
	e, _, _ := serial(t, m, HDLC)
	must(t, m.EnsureTUN(e.Namespace, "s1-1", HDLC))
	tap, err := m.OpenTAP(e.Namespace, "f0-0", 0)
	must(t, err)
	defer tap.Close()
	first := read(t, e.Namespace, "-i", "s1-1")
	var ev events
	stop, err := m.WatchReaders(e.Namespace, func(ifname string, readers bool) { ev.add(fmt.Sprintf("%s %v", ifname, readers)) })
	must(t, err)
	ev.expect(t, "s1-1 true")

	second := read(t, e.Namespace, "-i", e.Ifname)
	ev.expect(t, "s1-0 true")
	third := read(t, e.Namespace, "-i", e.Ifname) // another of the same tells nothing
	other := read(t, e.Namespace, "-i", "f0-0")
	other.end()
	second.end()
	ev.expect(t)
	third.end()
	ev.expect(t, "s1-0 false")

	// An interface that goes takes its readers along.
	must(t, m.EnsureTUN(e.Namespace, "s1-1", FrameRelay))
	ev.expect(t, "s1-1 false")
	first.end()

	fourth := read(t, e.Namespace, "-i", "s1-1")
	ev.expect(t, "s1-1 true")
	stop()
	stop()
	fourth.end()
	time.Sleep(100 * time.Millisecond)
	ev.expect(t)
	if _, err := m.WatchReaders(m.Name("lab", "none"), func(string, bool) {}); err == nil {
		t.Error("a namespace that is not there is watched")
	}
}

// A watcher that was told of more than a socket holds still ends with the truth.
func TestWatchReadersOverflow(t *testing.T) {
	m := manager(t)
	e, _, _ := serial(t, m, HDLC)
	var ev events
	block, blocked := make(chan bool), make(chan bool)
	var once sync.Once
	stop, err := m.WatchReaders(e.Namespace, func(ifname string, readers bool) {
		once.Do(func() { close(blocked); <-block })
		ev.add(fmt.Sprintf("%s %v", ifname, readers))
	})
	must(t, err)
	defer stop()
	h, l, err := openLink(e.Namespace, e.Ifname)
	must(t, err)
	defer h.close()
	must(t, h.SetPromiscOn(l))
	<-blocked
	for i := range 3000 { // more than a megabyte of notifications
		must(t, h.LinkSetAlias(l, fmt.Sprint(i)))
	}
	must(t, h.SetPromiscOff(l))
	for i := range 3000 {
		must(t, h.LinkSetAlias(l, fmt.Sprint(i)))
	}
	close(block)
	ev.expect(t, "s1-0 true", "s1-0 false")
}

func TestWatchHost(t *testing.T) {
	m := manager(t)
	var ev events
	name := "ntwatch0"
	known := make(chan bool, 100)
	stop, err := m.WatchHost(func(ifname string, exists, carrier bool) {
		if ifname == "lo" {
			known <- exists && carrier
		}
		if ifname == name || ifname == name+"x" {
			ev.add(fmt.Sprintf("%s %v %v", ifname, exists, carrier))
		}
	})
	must(t, err)
	defer stop()
	if !<-known {
		t.Error("loopback is not there or has no carrier")
	}
	f, err := m.OpenHostTAP(name)
	must(t, err)
	ev.expect(t, name+" true false", name+" true true")
	must(t, exec.Command("ip", "link", "set", name, "down").Run())
	ev.expect(t, name+" true false")
	l, err := netlink.LinkByName(name)
	must(t, err)
	must(t, netlink.LinkSetName(l, name+"x"))
	ev.expect(t, name+" false false", name+"x true false")
	must(t, exec.Command("ip", "link", "set", name+"x", "up").Run())
	ev.expect(t, name+"x true true")
	must(t, f.Close())
	ev.expect(t, name+"x true false", name+"x false false")
}
