package emud_test

import (
	"os/exec"
	"strings"
	"testing"
)

func TestTopology(t *testing.T) {
	h := newHost(t)
	h.mustApply("m", switched+`[[ROUTER R3]]
x = -100.5
y = 40
f0/0 = LAN 7
`)
	if err := h.device("m", "R1").SetConfig(false, []byte("hostname R1\n!\ninterface FastEthernet1/0\n ip address 10.1.1.1 255.255.255.0\n"+
		" ip address 10.9.9.9 255.255.0.0 secondary\n!\ninterface Serial2/0\n no ip address\n!\ninterface FastEthernet1/0.5\n ip address 10.5.5.5 255.255.255.252\n!\nend\n")); err != nil {
		t.Fatal(err)
	}
	p := port(t, h.device("m", "R2"), "s2/0")
	if err := h.device("m", "R2").SetLink(p, false); err != nil {
		t.Fatal(err)
	}
	if err := h.device("m", "R3").Stop(); err != nil {
		t.Fatal(err)
	}
	dot := string(h.d.Lab("m").DOT())
	line := func(parts ...string) {
		t.Helper()
		for l := range strings.Lines(dot) {
			ok := true
			for _, p := range parts {
				ok = ok && strings.Contains(l, p)
			}
			if ok {
				return
			}
		}
		t.Errorf("no line with %q in\n%s", parts, dot)
	}
	up, cut, off := "#2e7d32", "✂", "#9e9e9e"
	line(`m: 2 of 3 routers run`)
	line(`"R1" [shape=cylinder`, `R1\n7200\nrunning`, up)
	line(`"R3" [shape=cylinder`, `R3\n7200\nstopped`, `pos="-100.5,-40.0!"`)
	line(`"S1" [shape=box3d`, `S1\nETHSW`)
	line(`"LAN 7" [shape=ellipse, class=cloud`)
	line(`[shape=ellipse, class=cloud`, `label="NIO_udp\n10000:127.0.0.1:10001"`)
	line(`"R1" -- "S1"`, up, "f1/0", "10.1.1.1/24", "10.9.9.9/16", "10.5.5.5/30", ">1<", "access 1")
	line(`"R2" -- "F1"`, cut, "s2/0")
	line(`"R3" -- "LAN 7"`, off, "f0/0")
	if n := strings.Count(dot, " -- "); n != 6 {
		t.Errorf("%d links in\n%s", n, dot)
	}
	svg := string(h.d.Lab("m").SVG())
	if _, err := exec.LookPath("dot"); err != nil {
		t.Log("SKIP: no dot here (Debian: graphviz): the picture was not laid out")
		line := "apt install graphviz"
		if !strings.Contains(svg, line) {
			t.Errorf("no %q in %s", line, svg)
		}
		return
	}
	if !strings.Contains(svg, ">10.1.1.1/24<") || !strings.Contains(svg, "</svg>") {
		t.Errorf("the picture:\n%s", svg)
	}
	if err := h.device("m", "R1").SetConfig(false, []byte("interface FastEthernet1/0\n ip address 10.2.2.2 255.255.255.0\nend\n")); err != nil {
		t.Fatal(err)
	}
	if svg := string(h.d.Lab("m").SVG()); !strings.Contains(svg, ">10.2.2.2/24<") || strings.Contains(svg, "10.1.1.1") {
		t.Errorf("the picture with another configuration:\n%s", svg)
	}
}
