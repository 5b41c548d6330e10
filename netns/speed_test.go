package netns

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"
)

// A big lab: figures are printed, never asserted; nothing may be left over.
func TestBigLab(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIP: big lab in short mode")
	}
	const devices, lans, workers = 100, 20, 4
	m := manager(t)
	before := hostIndexes(t)
	ns := func(i int) string { return m.Name("lab", fmt.Sprint("R", i)) }
	lan := func(i int) string { return m.Name("lab", fmt.Sprint("LAN", i)) }
	var mu sync.Mutex
	taps := map[Endpoint]*os.File{}
	open := func(e Endpoint) error {
		if err := m.EnsureTAP(e.Namespace, e.Ifname, 0); err != nil {
			return err
		}
		f, err := m.OpenTAP(e.Namespace, e.Ifname, 0)
		mu.Lock()
		defer mu.Unlock()
		taps[e] = f
		return err
	}
	// Links in a ring and across it: port 0 to port 1 of the next, 2 to 3 of the one after.
	links := func(i int) [][2]Endpoint {
		return [][2]Endpoint{
			{{ns(i), "f0-0"}, {ns((i + 1) % devices), "f0-1"}},
			{{ns(i), "f1-0"}, {ns((i + 37) % devices), "f1-1"}},
		}
	}
	hub := func(i int) Endpoint { return Endpoint{ns(i), "f2-0"} }
	var total time.Duration
	step := func(name string, n int, fn func(i int) error) {
		start := time.Now()
		next := make(chan int)
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for i := range next {
					if err := fn(i); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for i := range n {
			next <- i
		}
		close(next)
		wg.Wait()
		d := time.Since(start)
		total += d
		t.Logf("%-28s %6.0f ms", name, d.Seconds()*1000)
	}
	wire := func(i int) error {
		for _, l := range links(i) {
			if err := m.LinkVeth(l[0], l[1], true, true); err != nil {
				return err
			}
		}
		return nil
	}
	attach := func(i int) error { return m.AttachLAN(lan(i%lans), hub(i), true) }
	make := func() {
		total = 0
		step("100 namespaces", devices, func(i int) error { return m.EnsureNamespace(ns(i)) })
		step("500 TAPs", devices, func(i int) error {
			for _, ifname := range []string{"f0-0", "f0-1", "f1-0", "f1-1", "f2-0"} {
				if err := open(Endpoint{ns(i), ifname}); err != nil {
					return err
				}
			}
			return nil
		})
		step("200 serial interfaces", devices, func(i int) error {
			return errors.Join(m.EnsureTUN(ns(i), "s3-0", HDLC), m.EnsureTUN(ns(i), "s3-1", HDLC))
		})
		step("200 links", devices, wire)
		step("20 LANs", lans, func(i int) error { return m.EnsureLAN(lan(i)) })
		step("100 ports of LANs", devices, attach)
		t.Logf("made in %v", total.Round(time.Millisecond))
	}
	make()
	total = 0
	step("200 links again", devices, wire)
	step("100 ports of LANs again", devices, attach)
	for _, up := range []bool{false, true} {
		step(fmt.Sprint("carrier of 200 links ", up), devices, func(i int) error {
			l := links(i)
			return errors.Join(m.LinkVeth(l[0][0], l[0][1], up, true), m.LinkVeth(l[1][0], l[1][1], true, up))
		})
	}

	for i := range devices {
		for _, l := range links(i) {
			carrier(t, m, l[0], true)
			carrier(t, m, l[1], true)
		}
		carrier(t, m, hub(i), true)
	}

	total = 0
	step("unlink 200", devices, func(i int) error {
		for _, l := range links(i) {
			if err := m.UnlinkVeth(l[0], l[1]); err != nil {
				return err
			}
		}
		return nil
	})
	step("detach 100", devices, func(i int) error { return m.DetachLAN(lan(i%lans), hub(i)) })
	step("delete 120 namespaces", devices+lans, func(i int) error {
		if i < devices {
			return m.DeleteNamespace(ns(i))
		}
		return m.DeleteNamespace(lan(i - devices))
	})
	t.Logf("removed wire by wire in %v", total.Round(time.Millisecond))
	for _, f := range taps {
		f.Close()
	}
	make()
	total = 0
	step("delete 120 namespaces, wired", devices+lans, func(i int) error {
		if i < devices {
			return m.DeleteNamespace(ns(i))
		}
		return m.DeleteNamespace(lan(i - devices))
	})
	for _, f := range taps {
		f.Close()
	}
	make()
	start := time.Now()
	must(t, m.Cleanup(nil))
	t.Logf("cleanup in %v", time.Since(start).Round(time.Millisecond))
	for _, f := range taps {
		f.Close()
	}
	left, err := m.candidates()
	must(t, err)
	if len(left) != 0 {
		t.Errorf("left in %s: %v", Dir, left)
	}
	if after := hostIndexes(t); after != before {
		t.Errorf("interfaces of the host: %s, were %s", after, before)
	}
}
