package netns

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// manager returns a Manager with a prefix of the test's own and removes its
// namespaces before (a crashed run's) and after.
func manager(t *testing.T) *Manager {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIP: needs root for network namespaces")
	}
	m := New("nt" + strings.ToLower(strings.NewReplacer("/", "", "=", "").Replace(strings.TrimPrefix(t.Name(), "Test"))))
	if err := m.Cleanup(nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Cleanup(nil); err != nil {
			t.Error(err)
		}
	})
	return m
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// port makes a namespace with one TAP.
func port(t *testing.T, m *Manager, device, ifname string) (Endpoint, *os.File) {
	t.Helper()
	e := Endpoint{m.Name("lab", device), ifname}
	must(t, m.EnsureNamespace(e.Namespace))
	f, err := m.OpenTAP(e.Namespace, ifname, MTU)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	return e, f
}

// receive reads one frame; ok is false after the timeout.
func receive(t *testing.T, f *os.File, timeout time.Duration) (frame []byte, ok bool) {
	t.Helper()
	must(t, f.SetReadDeadline(time.Now().Add(timeout)))
	buf := make([]byte, 65536)
	n, err := f.Read(buf)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, false
	}
	must(t, err)
	return buf[:n], true
}

// await sends frame into from until it arrives at to, for the time that an
// interface needs to start.
func await(t *testing.T, from, to *os.File, frame []byte) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		if _, err := from.Write(frame); err != nil {
			t.Fatal(err)
		}
		if got, ok := receive(t, to, 20*time.Millisecond); ok {
			if !bytes.Equal(got, frame) {
				t.Fatalf("got %x, sent %x", got, frame)
			}
			for ok { // copies of it
				_, ok = receive(t, to, 20*time.Millisecond)
			}
			return
		}
	}
	t.Fatalf("no frame after 5 s")
}

// frame is an Ethernet frame of size bytes that begins with the hexadecimal
// digits of head and goes on with a pattern.
func frame(head string, size int) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(head, " ", ""))
	if err != nil {
		panic(err)
	}
	for i := len(b); i < size; i++ {
		b = append(b, byte(i*7+i>>8))
	}
	return b
}

var frameKinds = []struct {
	name  string
	frame []byte
}{
	// The kinds of the platform reference, 5.1.
	{"unicast", frame("ca0100000001 ca0200000001 0800", 98)},
	{"broadcast", frame("ffffffffffff ca0200000001 88b5", 60)},
	{"broadcast ARP", frame("ffffffffffff ca0200000001 0806", 60)},
	{"IPX raw 802.3", frame("ffffffffffff ca0200000001 0026 ffff0026", 60)},
	{"MPLS", frame("ca0100000001 ca0200000001 8847 000140ff", 98)},
	{"IPv6 neighbour discovery", frame("3333ff000001 ca0200000001 86dd 6000000000203aff", 86)},
	{"CDP", frame("01000ccccccc ca0200000001 0150 aaaa0300000c2000", 350)},
	{"VTP", frame("01000ccccccc ca0200000001 0060 aaaa0300000c2003", 110)},
	{"DTP", frame("01000ccccccc ca0200000001 0022 aaaa0300000c2004", 60)},
	{"PAgP", frame("01000ccccccc ca0200000001 0050 aaaa0300000c0104", 94)},
	{"UDLD", frame("01000ccccccc ca0200000001 0050 aaaa0300000c0111", 94)},
	{"PVST+", frame("01000ccccccd ca0200000001 0032 aaaa0300000c010b", 64)},
	{"PVST+ tagged", frame("01000ccccccd ca0200000001 8100000a 0032 aaaa0300000c010b", 68)},
	{"STP", frame("0180c2000000 ca0200000001 0026 424203", 60)},
	{"PAUSE", frame("0180c2000001 ca0200000001 8808 0001ffff", 60)},
	{"LACP", frame("0180c2000002 ca0200000001 8809 0101", 124)},
	{"802.1X", frame("0180c2000003 ca0200000001 888e", 60)},
	{"provider STP", frame("0180c2000008 ca0200000001 0026 424203", 60)},
	{"LLDP", frame("0180c200000e ca0200000001 88cc", 120)},
	{"GVRP", frame("0180c2000021 ca0200000001 0026 424203", 60)},
	{"IS-IS", frame("0180c2000014 ca0200000001 05dc fefe03", 1514)},
	{"OSPF", frame("01005e000005 ca0200000001 0800 45c00044 00010000 0159d8f1 0a000001 e0000005", 82)},
	{"IPv4 with a bad checksum", frame("ca0100000001 ca0200000001 0800 4500001c 00010000 4011dead 0a000001 0a000002", 60)},
	{"loop keepalive to itself", frame("ca0200000001 ca0200000001 9000", 60)},
	{"dot1q VID 0", frame("ca0100000001 ca0200000001 8100e000 0800", 64)},
	{"dot1q VID 1", frame("ca0100000001 ca0200000001 81000001 0800", 64)},
	{"dot1q VID 10", frame("ca0100000001 ca0200000001 8100000a 0800", 1518)},
	{"dot1q VID 4094", frame("ca0100000001 ca0200000001 81000ffe 0800", 64)},
	{"dot1q VID 4095", frame("ca0100000001 ca0200000001 8100ffff 0800", 64)},
	{"dot1q DEI", frame("ca0100000001 ca0200000001 8100100a 0800", 64)},
	{"QinQ 8100 8100", frame("ca0100000001 ca0200000001 81000064 8100000a 0800", 1522)},
	{"QinQ 88a8 8100", frame("ca0100000001 ca0200000001 88a80064 8100000a 0800", 1522)},
	{"QinQ 9100 8100", frame("ca0100000001 ca0200000001 91000064 8100000a 0800", 1522)},
	{"1518 bytes untagged", frame("ca0100000001 ca0200000001 0800", 1518)},
	{"ISL", frame("01000c000000 ca0200000001 05fa aaaa03", 1548)},
	{"1600 bytes", frame("ca0100000001 ca0200000001 88b5", 1600)},
	{"jumbo 9000", frame("ca0100000001 ca0200000001 0800", 9014)},
	{"jumbo 9000 tagged", frame("ca0100000001 ca0200000001 8100000a 0800", 9018)},
	{"the largest", frame("ca0100000001 ca0200000001 88b5", MTU+14)},
	{"60 bytes", frame("ca0100000001 ca0200000001 88b5", 60)},
	{"runt of 30 bytes", frame("ca0100000001 ca0200000001 88b5", 30)},
	{"runt of 14 bytes", frame("ca0100000001 ca0200000001 88b5", 14)},
	{"source multicast", frame("ca0100000001 01005e000001 88b5", 60)},
	{"source zero", frame("ca0100000001 000000000000 88b5", 60)},
}

// passesAll sends every kind of frame from one descriptor to another.
func passesAll(t *testing.T, name string, from, to *os.File) {
	t.Helper()
	await(t, from, to, frame("ffffffffffff ca0200000001 88b5", 60))
	for _, k := range frameKinds {
		if _, err := from.Write(k.frame); err != nil {
			t.Errorf("%s, %s: %v", name, k.name, err)
			continue
		}
		got, ok := receive(t, to, 2*time.Second)
		if !ok {
			t.Errorf("%s, %s: lost", name, k.name)
		} else if !bytes.Equal(got, k.frame) {
			t.Errorf("%s, %s: got %d bytes %x…, sent %d", name, k.name, len(got), got[:min(32, len(got))], len(k.frame))
		}
	}
}

func TestLinkPassesEveryFrameUnchanged(t *testing.T) {
	m := manager(t)
	a, fa := port(t, m, "R1", "f0-0")
	b, fb := port(t, m, "R2", "f1-0")
	must(t, m.LinkVeth(a, b, true, true))
	passesAll(t, "R1 to R2", fa, fb)
	passesAll(t, "R2 to R1", fb, fa)
}

func TestLinkPassesFramesToTheKernelsOwnAddress(t *testing.T) {
	m := manager(t)
	a, fa := port(t, m, "R1", "f0-0")
	b, fb := port(t, m, "R2", "f0-0")
	must(t, m.LinkVeth(a, b, true, true))
	for _, e := range []Endpoint{a, b, {a.Namespace, LinkName(a.Ifname)}, {b.Namespace, LinkName(b.Ifname)}} {
		mac, err := m.MAC(e.Namespace, e.Ifname)
		must(t, err)
		await(t, fa, fb, frame(hex.EncodeToString(mac)+" ca0200000001 88b5", 60))
	}
}

func TestLinkOfTwoPortsOfOneRouter(t *testing.T) {
	m := manager(t)
	a, fa := port(t, m, "R1", "f0-0")
	fb, err := m.OpenTAP(a.Namespace, "f1-0", 0)
	must(t, err)
	defer fb.Close()
	b := Endpoint{a.Namespace, "f1-0"}
	must(t, m.LinkVeth(a, b, true, true))
	await(t, fa, fb, frame("ca0100000001 ca0200000001 88b5", 60))
	before := indexes(t, a.Namespace)
	must(t, m.LinkVeth(b, a, true, true))
	if after := indexes(t, a.Namespace); after != before {
		t.Errorf("linked again: interfaces %s, were %s", after, before)
	}
	must(t, m.UnlinkVeth(a, b))
	noLink(t, a, b)
}

// indexes lists the interfaces of a namespace with their indexes, which change
// when one is made anew.
func indexes(t *testing.T, ns string) string {
	t.Helper()
	h, err := open(ns)
	must(t, err)
	defer h.close()
	links, err := h.LinkList()
	must(t, err)
	var names []string
	for _, l := range links {
		filters, err := h.redirectsTo(l)
		must(t, err)
		names = append(names, fmt.Sprintf("%s=%d%v", l.Attrs().Name, l.Attrs().Index, filters))
	}
	return strings.Join(names, " ")
}

func noLink(t *testing.T, ends ...Endpoint) {
	t.Helper()
	for _, e := range ends {
		if s := indexes(t, e.Namespace); strings.Contains(s, LinkName(e.Ifname)) {
			t.Errorf("%s still has a cable: %s", e, s)
		}
	}
}

func TestEverythingTwiceChangesNothing(t *testing.T) {
	m := manager(t)
	a, fa := port(t, m, "R1", "f0-0")
	b, fb := port(t, m, "R2", "f0-0")
	c, _ := port(t, m, "R3", "f0-0")
	lan := m.Name("lab", "L")
	all := func() {
		for _, ns := range []string{a.Namespace, b.Namespace, c.Namespace} {
			must(t, m.EnsureNamespace(ns))
		}
		must(t, m.LinkVeth(a, b, true, true))
		must(t, m.EnsureLAN(lan))
		must(t, m.AttachLAN(lan, c, true))
	}
	state := func() string {
		s := ""
		for _, ns := range []string{a.Namespace, b.Namespace, c.Namespace, lan} {
			s += indexes(t, ns) + "\n"
		}
		return s
	}
	all()
	before := state()
	all()
	must(t, m.LinkVeth(b, a, true, true))
	if after := state(); after != before {
		t.Errorf("second run changed\n%sto\n%s", before, after)
	}
	await(t, fa, fb, frame("ca0100000001 ca0200000001 88b5", 60))
	must(t, m.UnlinkVeth(a, b))
	must(t, m.UnlinkVeth(a, b))
	must(t, m.DetachLAN(lan, c))
	must(t, m.DetachLAN(lan, c))
	noLink(t, a, b, c)
	must(t, m.DeleteNamespace(a.Namespace))
	must(t, m.DeleteNamespace(a.Namespace))
	must(t, m.UnlinkVeth(a, b))
}

// The first frame after LinkVeth arrives, also after a router's restart.
func TestFirstFramePasses(t *testing.T) {
	m := manager(t)
	a, fa := port(t, m, "R1", "f0-0")
	b := Endpoint{m.Name("lab", "R2"), "f0-0"}
	must(t, m.EnsureNamespace(b.Namespace))
	probe := frame("ca0100000001 ca0200000001 88b5", 60)
	for i := range 10 {
		fb, err := m.OpenTAP(b.Namespace, b.Ifname, MTU)
		must(t, err)
		must(t, m.LinkVeth(a, b, true, true))
		for _, dir := range [][2]*os.File{{fa, fb}, {fb, fa}} {
			if _, err := dir[0].Write(probe); err != nil {
				t.Fatal(err)
			}
			if _, ok := receive(t, dir[1], 2*time.Second); !ok {
				t.Errorf("round %d: the first frame is lost", i)
			}
		}
		must(t, fb.Close())
		must(t, m.LinkVeth(a, b, true, true))
	}
}

// A crash can stop LinkVeth after any of its steps; each half-made link here is
// what one of them leaves.
func TestLinkConverges(t *testing.T) {
	m := manager(t)
	a, fa := port(t, m, "R1", "f0-0")
	b, fb := port(t, m, "R2", "f0-0")
	probe := frame("ca0100000001 ca0200000001 88b5", 60)
	damage := map[string]func(h *handle, tap, end netlink.Link) error{
		"no redirect at the TAP":  func(h *handle, tap, end netlink.Link) error { return h.clearRedirect(tap) },
		"no redirect at the veth": func(h *handle, tap, end netlink.Link) error { return h.clearRedirect(end) },
		"discipline without filter": func(h *handle, tap, end netlink.Link) error {
			if err := h.clearRedirect(tap); err != nil {
				return err
			}
			return h.QdiscReplace(&netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{LinkIndex: tap.Attrs().Index,
				Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT}})
		},
		"redirect to itself": func(h *handle, tap, end netlink.Link) error { return h.redirect(tap, tap) },
		"veth down":          func(h *handle, tap, end netlink.Link) error { return h.LinkSetDown(end) },
		"no carrier":         func(h *handle, tap, end netlink.Link) error { return h.setCarrier(tap, false) },
		"no veth":            func(h *handle, tap, end netlink.Link) error { return h.LinkDel(end) },
		"another interface of that name": func(h *handle, tap, end netlink.Link) error {
			if err := h.LinkDel(end); err != nil {
				return err
			}
			return h.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: end.Attrs().Name, TxQLen: -1}})
		},
	}
	for name, fn := range damage {
		for _, e := range []Endpoint{a, b} {
			must(t, m.LinkVeth(a, b, true, true))
			h, err := open(e.Namespace)
			must(t, err)
			tap, err := h.LinkByName(e.Ifname)
			must(t, err)
			end, err := h.LinkByName(LinkName(e.Ifname))
			must(t, err)
			if err := fn(h, tap, end); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			h.close()
			if err := m.LinkVeth(a, b, true, true); err != nil {
				t.Fatalf("%s at %s: %v", name, e, err)
			}
			await(t, fa, fb, probe)
			await(t, fb, fa, probe)
		}
	}
}

func carrier(t *testing.T, m *Manager, e Endpoint, want bool) {
	t.Helper()
	got, err := m.Carrier(e.Namespace, e.Ifname)
	must(t, err)
	if got != want {
		t.Errorf("carrier of %s is %v, want %v", e, got, want)
	}
}

func TestRouterComesAndGoes(t *testing.T) {
	for _, persistent := range []bool{false, true} {
		t.Run(fmt.Sprintf("persistent=%v", persistent), func(t *testing.T) {
			m := manager(t)
			a, fa := port(t, m, "R1", "f0-0")
			b := Endpoint{m.Name("lab", "R2"), "f0-0"}
			must(t, m.EnsureNamespace(b.Namespace))
			carrier(t, m, a, false)
			if persistent {
				must(t, m.EnsureTAP(b.Namespace, b.Ifname, MTU))
				must(t, m.EnsureTAP(b.Namespace, b.Ifname, MTU))
				carrier(t, m, b, false)
			}

			must(t, m.LinkVeth(a, b, true, true)) // R2 is stopped
			carrier(t, m, a, false)
			carrier(t, m, Endpoint{a.Namespace, LinkName(a.Ifname)}, false)

			probe := frame("ca0100000001 ca0200000001 88b5", 60)
			before := indexes(t, b.Namespace)
			for range 2 {
				fb, err := m.OpenTAP(b.Namespace, b.Ifname, MTU)
				must(t, err)
				if persistent {
					must(t, m.EnsureTAP(b.Namespace, b.Ifname, MTU))
				}
				must(t, m.LinkVeth(a, b, true, true))
				carrier(t, m, a, true)
				carrier(t, m, b, true)
				await(t, fa, fb, probe)
				await(t, fb, fa, probe)

				must(t, fb.Close())
				if _, err := fa.Write(probe); err != nil {
					t.Errorf("send to a stopped router: %v", err)
				}
				must(t, m.LinkVeth(a, b, true, true))
				carrier(t, m, a, false)
				if after := indexes(t, b.Namespace); persistent && after != before {
					t.Errorf("interfaces of the stopped router: %s, were %s", after, before)
				}
			}
		})
	}
}

// A router that starts again when nobody re-links still talks: its cable is
// where it was.
func TestOpenTAPFindsItsCable(t *testing.T) {
	m := manager(t)
	a, fa := port(t, m, "R1", "f0-0")
	b, fb := port(t, m, "R2", "f0-0")
	must(t, m.LinkVeth(a, b, true, true))
	must(t, fb.Close())
	fb, err := m.OpenTAP(b.Namespace, b.Ifname, 0)
	must(t, err)
	defer fb.Close()
	carrier(t, m, b, true)
	await(t, fa, fb, frame("ca0100000001 ca0200000001 88b5", 60))
	await(t, fb, fa, frame("ca0100000001 ca0200000001 88b5", 60))
}

func TestMovedLink(t *testing.T) {
	m := manager(t)
	a, fa := port(t, m, "R1", "f0-0")
	b, fb := port(t, m, "R2", "f0-0")
	c, fc := port(t, m, "R3", "f0-0")
	probe := frame("ca0100000001 ca0200000001 88b5", 60)
	must(t, m.LinkVeth(a, b, true, true))
	await(t, fa, fb, probe)
	must(t, m.LinkVeth(a, c, true, true))
	await(t, fa, fc, probe)
	must(t, m.UnlinkVeth(a, b)) // the old link's end: the new one stays
	await(t, fc, fa, probe)
	carrier(t, m, a, true)
	carrier(t, m, b, false)
	if _, ok := receive(t, fb, 50*time.Millisecond); ok {
		t.Error("R2 still receives")
	}
	must(t, m.UnlinkVeth(c, a))
	carrier(t, m, a, false)
	noLink(t, a, c)
}

func TestLANFloods(t *testing.T) {
	m := manager(t)
	lan := m.Name("lab", "1")
	var ends []Endpoint
	var taps []*os.File
	must(t, m.EnsureLAN(lan))
	for i := range 4 {
		e, f := port(t, m, fmt.Sprintf("Router%d", i), "f0-0")
		must(t, m.AttachLAN(lan, e, true))
		carrier(t, m, e, true)
		ends, taps = append(ends, e), append(taps, f)
	}
	hello := frame("ffffffffffff ca0000000001 88b5", 60)
	start := time.Now()
	for _, to := range taps[1:] {
		await(t, taps[0], to, hello)
	}
	await(t, taps[1], taps[0], hello)
	t.Logf("flooding %v after the last port was attached", time.Since(start))
	drain := func() {
		for _, f := range taps {
			for ok := true; ok; {
				_, ok = receive(t, f, 20*time.Millisecond)
			}
		}
	}
	drain()
	// A hub sends a frame on to all others even when it has seen where its
	// destination is.
	if _, err := taps[1].Write(frame("ca0000000009 ca0000000001 88b5", 60)); err != nil {
		t.Fatal(err)
	}
	drain()
	lost := map[string]bool{"PAUSE": true, "source multicast": true, "source zero": true}
	for _, k := range frameKinds {
		if lost[k.name] { // the kernel's bridge keeps these (platform reference 5.1)
			continue
		}
		if _, err := taps[0].Write(k.frame); err != nil {
			t.Fatal(err)
		}
		for i, f := range taps[1:] {
			got, ok := receive(t, f, 2*time.Second)
			if !ok {
				t.Errorf("%s: lost at port %d", k.name, i+1)
			} else if !bytes.Equal(got, k.frame) {
				t.Errorf("%s: changed at port %d", k.name, i+1)
			}
		}
	}
	if got, ok := receive(t, taps[0], 50*time.Millisecond); ok {
		t.Errorf("the sender got its own frame back: %x", got)
	}
	must(t, m.DetachLAN(lan, ends[3]))
	carrier(t, m, ends[3], false)
	noLink(t, ends[3])
}

func TestOpenTAPTwiceIsBusy(t *testing.T) {
	m := manager(t)
	e, f := port(t, m, "R1", "f0-0")
	_, err := m.OpenTAP(e.Namespace, e.Ifname, MTU)
	if !errors.Is(err, unix.EBUSY) || !strings.Contains(fmt.Sprint(err), "held by a running node") {
		t.Errorf("second OpenTAP: %v", err)
	}
	f.Close()
	f2, err := m.OpenTAP(e.Namespace, e.Ifname, MTU)
	must(t, err)
	f2.Close()
}

func TestStatsAreTheRouters(t *testing.T) {
	m := manager(t)
	a, fa := port(t, m, "R1", "f0-0")
	b, fb := port(t, m, "R2", "f0-0")
	must(t, m.LinkVeth(a, b, true, true))
	await(t, fa, fb, frame("ca0100000001 ca0200000001 88b5", 60))
	sa, err := m.Stats(a.Namespace, a.Ifname)
	must(t, err)
	sb, err := m.Stats(b.Namespace, b.Ifname)
	must(t, err)
	if sa.TxFrames == 0 || sa.RxFrames != 0 || sb.RxFrames == 0 || sb.TxFrames != 0 || sa.TxBytes != 60*sa.TxFrames {
		t.Errorf("R1 %+v, R2 %+v", sa, sb)
	}
}

// Nothing leaks: on links and a LAN with everything up, no interface carries a
// frame that no router sent.
func TestIdleLinkIsSilent(t *testing.T) {
	m := manager(t)
	a, fa := port(t, m, "R1", "f0-0")
	b, fb := port(t, m, "R2", "f0-0")
	c, fc := port(t, m, "R3", "f0-0")
	d, fd := port(t, m, "R4", "f0-0")
	lan := m.Name("lab", "L")
	must(t, m.LinkVeth(a, b, true, true))
	must(t, m.EnsureLAN(lan))
	must(t, m.AttachLAN(lan, c, true))
	must(t, m.AttachLAN(lan, d, true))
	time.Sleep(2500 * time.Millisecond)
	for _, f := range []*os.File{fa, fb, fc, fd} {
		if got, ok := receive(t, f, time.Millisecond); ok {
			t.Errorf("%s: the kernel sent %x", f.Name(), got)
		}
	}
	for _, ns := range []string{a.Namespace, b.Namespace, c.Namespace, d.Namespace, lan} {
		h, err := open(ns)
		must(t, err)
		links, err := h.LinkList()
		must(t, err)
		for _, l := range links {
			s := l.Attrs().Statistics
			if s.RxPackets != 0 || s.TxPackets != 0 {
				t.Errorf("%s %s: %d packets in, %d out", ns, l.Attrs().Name, s.RxPackets, s.TxPackets)
			}
			if addrs, err := h.AddrList(l, netlink.FAMILY_ALL); err != nil || len(addrs) != 0 {
				t.Errorf("%s %s: addresses %v, %v", ns, l.Attrs().Name, addrs, err)
			}
		}
		h.close()
	}
}

// Two prefixes that begin alike belong to two daemons.
func TestOthersNamespacesAreNotTouched(t *testing.T) {
	m := manager(t)
	other := New(m.prefix + "-x")
	t.Cleanup(func() { must(t, other.Cleanup(nil)) })
	mine, theirs := m.Name("lab", "R1"), other.Name("lab", "R1")
	must(t, m.EnsureNamespace(mine))
	must(t, other.EnsureNamespace(theirs))
	got, err := m.Namespaces()
	must(t, err)
	if len(got) != 1 || got[0] != mine {
		t.Errorf("Namespaces: %v, want %s alone", got, mine)
	}
	must(t, m.Cleanup(nil))
	if got, err := other.Namespaces(); err != nil || len(got) != 1 {
		t.Errorf("the other's namespaces after Cleanup: %v, %v", got, err)
	}
	for _, err := range []error{m.EnsureNamespace(theirs), m.DeleteNamespace(theirs)} {
		if !errors.Is(err, ErrForeign) {
			t.Errorf("use of a foreign namespace: %v", err)
		}
	}
}

func TestCleanup(t *testing.T) {
	m := manager(t)
	a, _ := port(t, m, "R1", "f0-0")
	b, fb := port(t, m, "R2", "f0-0")
	must(t, m.LinkVeth(a, b, true, true))
	half := m.Name("lab", "half") // a crash before the mount
	must(t, os.WriteFile(path(half), nil, 0o444))
	must(t, m.Cleanup(func(ns string) bool { return ns == a.Namespace }))
	got, err := m.Namespaces()
	must(t, err)
	if len(got) != 1 || got[0] != a.Namespace {
		t.Errorf("left: %v", got)
	}
	noLink(t, a)
	if _, err := os.Lstat(path(half)); !os.IsNotExist(err) {
		t.Errorf("half-made namespace: %v", err)
	}
	if _, err := fb.Write(frame("ca0100000001 ca0200000001 88b5", 60)); !errors.Is(err, unix.EBADFD) {
		t.Errorf("write to the TAP of a removed namespace: %v, want EBADFD", err)
	}
	must(t, os.WriteFile(path(half), nil, 0o444))
	must(t, m.EnsureNamespace(half)) // completes it
}

func TestNames(t *testing.T) {
	m := New("dynemu")
	for _, c := range []struct{ got, want string }{
		{m.Name("simple1", "R1"), "dynemu-simple1-R1"},
		{LinkName("f0-0"), "f0-0.link"},
		{LinkName("g10-15"), "g10-15.link"},
		{lanPortName("dynemu-simple1-LAN", Endpoint{"dynemu-simple1-R1", "f0-0"}), "R1.f0-0"},
		{lanPortName("dynemu-simple1-LAN", Endpoint{"dynemu-simple1-R-1", "f0-0"}), "R-1.f0-0"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
	long := strings.Repeat("x", 300)
	if a, b := m.Name("lab", long+"1"), m.Name("lab", long+"2"); len(a) != 255 || a == b {
		t.Errorf("long names: %d bytes, equal %v", len(a), a == b)
	}
	a := lanPortName("dynemu-lab-LAN", Endpoint{"dynemu-lab-Distribution1", "f0-0"})
	b := lanPortName("dynemu-lab-LAN", Endpoint{"dynemu-lab-Distribution2", "f0-0"})
	if len(a) > 15 || a == b {
		t.Errorf("long LAN ports: %q, %q", a, b)
	}
	for _, bad := range []string{"", "other-lab-R1", "dynemu-../x", "dynemu-" + long} {
		if m.checkName(bad) == nil {
			t.Errorf("checkName accepts %q", bad)
		}
	}
}

// hostIndexes lists the interfaces of the host's namespace.
func hostIndexes(t *testing.T) string {
	t.Helper()
	links, err := netlink.LinkList()
	must(t, err)
	var names []string
	for _, l := range links {
		names = append(names, fmt.Sprintf("%s=%d", l.Attrs().Name, l.Attrs().Index))
	}
	return strings.Join(names, " ")
}
