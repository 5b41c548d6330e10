package emud_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dynemu/emud"
	"dynemu/emud/lab"
	"dynemu/emud/node"
)

const switched = `[localhost]
[[ROUTER R1]]
f1/0 = S1 1
s2/0 = F1 1
[[ROUTER R2]]
f1/0 = S1 2
s2/0 = F1 2
[[ETHSW S1]]
1 = access 1
2 = access 20
3 = dot1q 1 NIO_udp:10000:127.0.0.1:10001
[[FRSW F1]]
1:102 = 2:201
`

func port(t *testing.T, dev *emud.Device, name string) lab.Port {
	t.Helper()
	p, err := dev.PortNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (h *host) carrier(lab, device, name string) bool {
	h.t.Helper()
	return h.net.Carrier(emud.Endpoint{Namespace: "test-" + lab + "-" + device, Interface: strings.ReplaceAll(name, "/", "-")})
}

// want waits until every port has the state that is told.
func (h *host) want(what string, states map[string]string) {
	h.t.Helper()
	got := ""
	h.t.Log(what)
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		got = ""
		for key, want := range states {
			name, p, _ := strings.Cut(key, " ")
			dev := h.device("m", name)
			if s := dev.LinkState(port(h.t, dev, p)); s != want {
				got += key + ": " + s + ", want " + want + "\n"
			}
		}
		if got == "" {
			return
		}
		if time.Now().After(end) {
			h.t.Fatalf("%s: %s", what, got)
		}
	}
}

func TestSwitches(t *testing.T) {
	h := newHost(t)
	result := h.mustApply("m", switched)
	if !strings.Contains(result, "S1: ETHSW added") || !strings.Contains(result, "F1: FRSW added") {
		t.Errorf("result: %s", result)
	}
	all := map[string]string{"R1 f1/0": "up", "R1 s2/0": "up", "R2 s2/0": "up", "S1 1": "up", "S1 2": "up", "S1 3": "up", "F1 1": "up", "F1 2": "up"}
	h.want("all run", all)
	s1, f1, r2 := h.nodes.Get("m", "S1"), h.nodes.Get("m", "F1"), h.nodes.Get("m", "R2")
	if s1 == nil || s1.Spec().Switch == nil || s1.Spec().Switch.Type != "ETHSW" || s1.Port("2").Wire != node.WireTAP {
		t.Fatalf("S1 runs as %+v", s1.Spec())
	}
	if f1.Port("1").Wire != node.WirePipe || f1.Port("1").Down {
		t.Errorf("port 1 of F1: %+v", f1.Port("1"))
	}
	if status := emud.Status(h.d.Lab("m")); !strings.Contains(status, "S1         ETHSW      always on") {
		t.Errorf("status:\n%s", status)
	}
	// The guest of R2 shuts both ports; the other ends see it.
	r2.Shut("s2/0", true)
	r2.Shut("f1/0", true)
	h.want("R2 shut", map[string]string{"R2 s2/0": "shut", "F1 2": "down", "F1 1": "up", "R2 f1/0": "shut", "S1 2": "down", "S1 1": "up"})
	if h.carrier("m", "S1", "p2") || !f1.Port("2").Down || f1.Port("1").Down {
		t.Errorf("carriers: S1 p2 %v, F1 %+v", h.carrier("m", "S1", "p2"), f1.Spec().Ports)
	}
	r2.Shut("s2/0", false)
	r2.Shut("f1/0", false)
	h.want("R2 no shut", all)
	// A router that stops.
	if err := h.device("m", "R2").Stop(); err != nil {
		t.Fatal(err)
	}
	h.want("R2 stopped", map[string]string{"R2 s2/0": "none", "F1 2": "down", "S1 2": "down"})
	if err := h.device("m", "R2").Start(); err != nil {
		t.Fatal(err)
	}
	h.want("R2 started", all)
	// A cut link, mended from the other side; it survives the daemon.
	dev := h.device("m", "R1")
	if err := dev.Command("link down f1/0"); err != nil {
		t.Fatal(err)
	}
	cut := map[string]string{"R1 f1/0": "cut", "S1 1": "cut", "S1 2": "up"}
	h.want("cut", cut)
	h.d.Release()
	h.start()
	h.want("cut, after a restart of the daemon", cut)
	if err := h.device("m", "S1").Command("link up 1"); err != nil {
		t.Fatal(err)
	}
	h.want("mended", all)
	if n := h.nodes.Starts.Load(); n != 5 {
		t.Errorf("%d nodes were started, want 5", n)
	}
}

func TestSwitchChanges(t *testing.T) {
	h := newHost(t)
	h.mustApply("m", switched)
	id := h.nodes.Get("m", "S1").ID()
	text := strings.Replace(switched, "2 = access 20", "2 = access 30\n4 = dot1q 1 R1 f3/0", 1)
	result := h.mustApply("m", text)
	if !strings.Contains(result, "S1: port 2 is access 30 now, was access 20; port 4 added") && !strings.Contains(result, "port 4 added") {
		t.Errorf("result: %s", result)
	}
	s1 := h.nodes.Get("m", "S1")
	if s1.ID() != id || len(s1.Spec().Switch.Ports) != 4 || s1.Spec().Switch.Ports[1].VLAN != 30 || s1.Port("4").Wire != node.WireTAP {
		t.Errorf("S1 runs as %+v", s1.Spec().Switch)
	}
	h.want("port 4", map[string]string{"S1 4": "up"})
	before := h.net.Count()
	h.mustApply("m", text+"\n")
	if now := h.net.Count(); now != before {
		t.Errorf("applying the same again made %d changes", now-before)
	}
	h.mustApply("m", "[localhost]\n[[ROUTER R1]]\n[[ROUTER R2]]\n")
	if h.nodes.Get("m", "S1") != nil || h.nodes.Get("m", "F1") != nil {
		t.Error("a switch that is no longer asked for runs")
	}
	for _, e := range h.net.Inventory() {
		if strings.Contains(e, "S1") || strings.Contains(e, "F1") || strings.Contains(e, "link") {
			t.Errorf("left over: %s", e)
		}
	}
}

const outside = `[localhost]
[[ROUTER R1]]
f0/0 = NIO_linux_eth:eth7
f1/0 = NIO_udp:10000:127.0.0.1:10001
f2/0 = NIO_host:lab0:10.0.0.1/24
s3/0 = NIO_udp:10002:127.0.0.1:10003
`

func TestNIOs(t *testing.T) {
	h := newHost(t)
	result := h.mustApply("m", outside)
	if !strings.Contains(result, "m.net:3:1: warning: NIO_linux_eth:eth7: R1 f0/0 has no carrier: this machine has no interface eth7 that is up") {
		t.Errorf("result: %s", result)
	}
	h.want("without eth7", map[string]string{"R1 f0/0": "down", "R1 f1/0": "up", "R1 f2/0": "up", "R1 s3/0": "up"})
	n := h.nodes.Get("m", "R1")
	if p := n.Port("f1/0"); p.Outlet != "udp" || p.Wire != node.WireTAP || p.Down {
		t.Errorf("f1/0: %+v", p)
	}
	if p := n.Port("s3/0"); p.Wire != "udp" {
		t.Errorf("s3/0: %+v", p)
	}
	h.net.Host("eth7", true, true)
	h.want("with eth7", map[string]string{"R1 f0/0": "up"})
	h.net.Host("eth7", true, false)
	h.want("eth7 without carrier", map[string]string{"R1 f0/0": "down", "R1 f1/0": "up"})
	h.net.Host("eth7", true, true)
	h.want("with eth7 again", map[string]string{"R1 f0/0": "up"})
	h.net.Host("eth7", false, false)
	h.want("eth7 gone", map[string]string{"R1 f0/0": "down"})
	// One that breaks is opened again.
	n.Break("f1/0", "the peer is gone")
	h.want("f1/0 broken", map[string]string{"R1 f1/0": "down"})
	h.want("f1/0 again", map[string]string{"R1 f1/0": "up"})
	n.Break("s3/0", "the peer is gone")
	h.want("s3/0 broken", map[string]string{"R1 s3/0": "down"})
	h.want("s3/0 again", map[string]string{"R1 s3/0": "up"})
	// A new daemon leaves them as they are.
	changes := h.net.Count()
	h.d.Release()
	h.start()
	h.want("adopted", map[string]string{"R1 f1/0": "up", "R1 f2/0": "up", "R1 s3/0": "up"})
	if now := h.net.Count(); now != changes {
		t.Errorf("a new daemon made %d changes", now-changes)
	}
	h.mustApply("m", "[localhost]\n[[ROUTER R1]]\nf1/0 = LAN 1\n")
	for _, e := range h.net.Inventory() {
		if strings.Contains(e, "cable") || strings.Contains(e, "host") {
			t.Errorf("left over: %s", e)
		}
	}
}

// Filters, impairments and captures are kept over restarts of routers and daemons.
func TestSettings(t *testing.T) {
	h := newHost(t)
	h.mustApply("m", switched)
	dev := h.device("m", "R1")
	for _, c := range []string{"filter f1/0 in freq_drop 3", "impair FastEthernet1/0 in delay 10ms", "capture s2/0 a.cap HDLC", "capture f1/0 b.cap"} {
		if err := dev.Command(c); err != nil {
			t.Fatalf("%s: %v", c, err)
		}
	}
	check := func(what string) {
		t.Helper()
		dev := h.device("m", "R1")
		f, s := port(t, dev, "f1/0"), port(t, dev, "s2/0")
		if got := dev.Filter(f); got != "in freq_drop 3\n" {
			t.Errorf("%s: filter %q", what, got)
		}
		if got := dev.Impairment(f); !strings.Contains(got, "delay 10ms") {
			t.Errorf("%s: impairment %q", what, got)
		}
		if got := dev.Captures(s); !slices.Equal(got, []string{"a.cap"}) {
			t.Errorf("%s: captures %q", what, got)
		}
		n := h.nodes.Get("m", "R1")
		if p := n.Port("f1/0"); p.Filter != "in freq_drop 3" || !strings.Contains(p.Impairment, "delay") || len(p.Captures) != 1 {
			t.Errorf("%s: node has %+v", what, p)
		}
		if p := n.Port("s2/0"); len(p.Captures) != 1 || p.Captures[0].ID != "a.cap" || p.Captures[0].LinkType != "HDLC" {
			t.Errorf("%s: node has %+v", what, p)
		}
	}
	check("set")
	if err := dev.Reload(); err != nil {
		t.Fatal(err)
	}
	check("reloaded")
	h.d.Release()
	h.start()
	check("new daemon")
	dev = h.device("m", "R1")
	for _, c := range []string{"capture f1/0 a.cap", "capture f1/0 ../x", "capture f1/0", "capture f9/0 z.cap", "capture f1/0 z.cap TOKENRING", "filter f1/0 freq_drop x",
		"impair f1/0 delay", "link sideways f1/0", "no capture f0/0", "clear mac", "clear all", "link down f3/0"} {
		if err := dev.Command(c); err == nil {
			t.Errorf("%s: accepted", c)
		} else if dev.ErrorText() == "" {
			t.Errorf("%s: no reason noted", c)
		}
	}
	check("after refused commands")
	if err := dev.Command("no capture s2/0"); err != nil {
		t.Fatal(err)
	}
	if got := h.nodes.Get("m", "R1").Port("s2/0").Captures; len(got) != 0 {
		t.Errorf("captures after the end: %+v", got)
	}
	f := port(t, dev, "f1/0")
	if err := dev.StartPortCapture(f); err != nil {
		t.Fatal(err)
	}
	path := dev.PortCapture(f)
	if _, err := os.Stat(path); err != nil || filepath.Dir(path) != h.d.Lab("m").CapturesDir() {
		t.Errorf("capture.pcap is %q: %v", path, err)
	}
	if err := dev.StopPortCapture(f); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) || dev.PortCapture(f) != "" {
		t.Errorf("after its end: %v", err)
	}
	check2 := dev.Captures(f)
	if !slices.Equal(check2, []string{"b.cap"}) {
		t.Errorf("captures of f1/0: %q", check2)
	}
}

// Serial ports have an interface, which shows frames while somebody reads it.
func TestReaders(t *testing.T) {
	h := newHost(t)
	h.mustApply("m", switched)
	serial := h.net.Serial()
	for _, want := range []string{"test-m-R1/s2-0", "test-m-F1/p1"} {
		if !slices.Contains(serial, want) {
			t.Fatalf("interfaces of serial ports: %q, want %s", serial, want)
		}
	}
	e := emud.Endpoint{Namespace: "test-m-R1", Interface: "s2-0"}
	shown := func() bool { return h.nodes.Get("m", "R1").Port("s2/0").Interface }
	if shown() {
		t.Error("frames are shown to nobody")
	}
	h.net.Read(e, true)
	h.eventually("frames are shown", shown)
	if err := h.device("m", "R1").Reload(); err != nil {
		t.Fatal(err)
	}
	h.eventually("frames are shown after a reload", shown)
	h.net.Read(e, false)
	h.eventually("frames are not shown any more", func() bool { return !shown() })
	h.mustApply("m", "[localhost]\n[[ROUTER R1]]\n")
	if got := h.net.Serial(); len(got) != 0 {
		t.Errorf("left over: %q", got)
	}
}

// A switch is always on: nobody starts or stops it, and it comes back after a crash.
// Promise: 63.
func TestSwitchIsAlwaysOn(t *testing.T) {
	h := newHost(t)
	h.mustApply("m", "autostart = false\n"+switched)
	if s := h.state("m", "R1"); s != node.Stopped {
		t.Errorf("R1 is %s", s)
	}
	if s := h.state("m", "S1"); s != node.Running {
		t.Fatalf("S1 is %s", s)
	}
	dev := h.device("m", "S1")
	for _, c := range []string{"start", "stop", "reload", "suspend", "resume", "confreg 0x2102", "send x"} {
		if err := dev.Command(c); err == nil || !strings.Contains(err.Error(), "always on") {
			t.Errorf("%s: %v", c, err)
		}
	}
	if err := h.d.Lab("m").Command("stop"); err != nil {
		t.Errorf("stop of all: %v", err)
	}
	if s := h.state("m", "S1"); s != node.Running {
		t.Fatalf("S1 is %s after the lab was stopped", s)
	}
	h.nodes.Get("m", "S1").Kill()
	h.eventually("S1 has crashed", func() bool { return h.state("m", "S1") == node.Crashed })
	h.eventually("S1 runs again", func() bool { return h.state("m", "S1") == node.Running })
	h.want("its ports", map[string]string{"S1 1": "down", "S1 3": "up"})
}
