package netns

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func cable(t *testing.T, m *Manager, e Endpoint) *os.File {
	t.Helper()
	f, err := m.OpenCable(e)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

func TestCablePassesEveryFrameUnchanged(t *testing.T) {
	m := manager(t)
	e, tap := port(t, m, "R1", "f0-0")
	must(t, m.PlugCable(e, true)) // there is none yet
	end := cable(t, m, e)
	carrier(t, m, e, false)
	must(t, m.PlugCable(e, true))
	passesAll(t, "out", tap, end)
	passesAll(t, "in", end, tap)
	drain(t, tap, end)
	for _, name := range []string{e.Ifname, LinkName(e.Ifname)} {
		mac, err := m.MAC(e.Namespace, name)
		must(t, err)
		probe := append([]byte(mac), frame("ca0200000001 88b5", 54)...)
		await(t, tap, end, probe)
		await(t, end, tap, probe)
	}
}

func TestCarrierOfCable(t *testing.T) {
	m := manager(t)
	e, tap := port(t, m, "R1", "f0-0")
	end := cable(t, m, e)
	probe := frame("ca0100000001 ca0200000001 88b5", 60)
	for i := range 6 {
		up := i%2 == 0
		must(t, m.PlugCable(e, up))
		carrier(t, m, e, up)
		shows(t, e, up)
		for _, dir := range [][2]*os.File{{tap, end}, {end, tap}} {
			if _, err := dir[0].Write(probe); err != nil {
				t.Fatal(err)
			}
			if _, ok := receive(t, dir[1], 100*time.Millisecond); ok != up {
				t.Errorf("round %d: the first frame passes: %v, want %v", i, ok, up)
			}
		}
	}
	must(t, m.PlugCable(e, true))
	if _, err := m.OpenCable(e); !errors.Is(err, unix.EBUSY) || !strings.Contains(err.Error(), "held by a running node") {
		t.Errorf("second OpenCable: %v", err)
	}

	// The node ends, with both descriptors, and another begins.
	must(t, end.Close())
	must(t, m.PlugCable(e, true))
	carrier(t, m, e, false)
	must(t, tap.Close())
	must(t, m.EnsureTAP(e.Namespace, e.Ifname, 0))
	end = cable(t, m, e)
	must(t, m.PlugCable(e, true))
	carrier(t, m, e, false)
	tap, err := m.OpenTAP(e.Namespace, e.Ifname, 0)
	must(t, err)
	defer tap.Close()
	must(t, m.PlugCable(e, true))
	carrier(t, m, e, true)
	if _, err := tap.Write(probe); err != nil {
		t.Fatal(err)
	}
	if _, ok := receive(t, end, time.Second); !ok {
		t.Error("the first frame of the new node is lost")
	}
}

// What a crash or somebody's hand left is put right.
func TestCableConverges(t *testing.T) {
	m := manager(t)
	e, tap := port(t, m, "R1", "f0-0")
	end := cable(t, m, e)
	probe := frame("ca0100000001 ca0200000001 88b5", 60)
	for name, damage := range map[string]func(h *handle, tap, end netlink.Link) error{
		"no redirect at the port": func(h *handle, tap, end netlink.Link) error { return h.clearRedirect(tap) },
		"no redirect at the end":  func(h *handle, tap, end netlink.Link) error { return h.clearRedirect(end) },
		"end down":                func(h *handle, tap, end netlink.Link) error { return h.LinkSetDown(end) },
		"end without carrier":     func(h *handle, tap, end netlink.Link) error { return h.setCarrier(end, false) },
		"port without carrier":    func(h *handle, tap, end netlink.Link) error { return h.setCarrier(tap, false) },
	} {
		must(t, m.PlugCable(e, true))
		h, err := open(e.Namespace)
		must(t, err)
		p, err := h.join(e.Ifname)
		must(t, err)
		if err := damage(h, p.tap, p.end); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		h.close()
		must(t, m.PlugCable(e, true))
		for _, dir := range [][2]*os.File{{tap, end}, {end, tap}} {
			if _, err := dir[0].Write(probe); err != nil {
				t.Fatal(err)
			}
			if _, ok := receive(t, dir[1], time.Second); !ok {
				t.Errorf("%s: the first frame is lost", name)
			}
		}
	}

	// A cable that was made and not held, with neither label nor joints.
	must(t, m.RemoveCable(e))
	must(t, inNamespace(e.Namespace, func() error { return makePersistentTAP(LinkName(e.Ifname)) }))
	end = cable(t, m, e)
	must(t, m.PlugCable(e, true))
	await(t, tap, end, probe)
	await(t, end, tap, probe)
}

func TestCableTakesThePlaceOfAnother(t *testing.T) {
	m := manager(t)
	a, fa := port(t, m, "R1", "f0-0")
	b, fb := port(t, m, "R2", "f0-0")
	probe := frame("ca0100000001 ca0200000001 88b5", 60)
	must(t, m.LinkVeth(a, b, true, true))
	await(t, fa, fb, probe)
	end := cable(t, m, a)
	must(t, m.PlugCable(a, true))
	await(t, fa, end, probe)
	must(t, m.UnlinkVeth(a, b)) // of the former link: the cable stays
	carrier(t, m, a, true)
	carrier(t, m, b, false)
	await(t, end, fa, probe)
	must(t, m.LinkVeth(a, b, true, true))
	if _, err := end.Write(probe); !errors.Is(err, unix.EBADFD) {
		t.Errorf("write to a cable that was pulled out: %v, want EBADFD", err)
	}
	await(t, fa, fb, probe)
	must(t, m.RemoveCable(a)) // there is none: the link stays
	await(t, fb, fa, probe)
	if err := m.PlugCable(a, true); err == nil || !strings.Contains(err.Error(), "not the end of a cable") {
		t.Errorf("PlugCable without a cable: %v", err)
	}
	must(t, m.UnlinkVeth(a, b))
	end = cable(t, m, a)
	must(t, m.PlugCable(a, true))
	must(t, m.RemoveCable(a))
	must(t, m.RemoveCable(a))
	carrier(t, m, a, false)
	noLink(t, a)
	if _, err := end.Write(probe); !errors.Is(err, unix.EBADFD) {
		t.Errorf("write to a removed cable: %v, want EBADFD", err)
	}
	must(t, m.RemoveCable(Endpoint{m.Name("lab", "none"), "f0-0"}))
}
