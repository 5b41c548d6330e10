package wires

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"
)

// The tutorial's labs, on the bundled image and with the interface of the test in place
// of that of Windows.
const (
	simple2 = `# Another simple dynagen configuration file
#
# All the f0/0 interfaces are on VLAN 1 and the F1/0 interfaces are on VLAN 2

[localhost]

    [[7200]]
    image = builtin
    # On Linux / Unix use forward slashes:
    # image = /opt/7200-images/c7200-jk9o3s-mz.124-7a.image
    npe = npe-400
    ram = 160
    
    [[ROUTER Zapp]]
    console = 2001
    f0/0 = LAN 1
    f1/0 = LAN 2

    [[ROUTER Leela]]
    console = 2002
    f0/0 = LAN 1
    f1/0 = LAN 2
    
    [[ROUTER Kif]]
    console = 2003
    f0/0 = LAN 1
    f1/0 = LAN 2

`
	frameRelay1 = `# A Simple frame relay lab 

autostart = false 

[localhost]

    [[7200]]
    image = builtin
    # On Linux / Unix use forward slashes:
    #image = /opt/7200-images/c7200-jk9o3s-mz.124-7a.image
    npe = npe-400
    ram = 160
        
    [[ROUTER R1]]
    s1/0 = F1 1
    
    [[ROUTER R2]]
    s1/0 = F1 2

    [[ROUTER R3]]
    s1/0 = F1 3
    
    [[FRSW F1]]
    1:102 = 2:201
    1:103 = 3:301
    2:203 = 3:302

`
	ethsw1 = `# Simple Ethernet Switch lab
autostart = false

[localhost]

    [[7200]]
    image = builtin
    # On Linux / Unix use forward slashes:
    #image = /opt/7200-images/c7200-ik9o3s-mz.124-5a.image
    npe = npe-400
    ram = 160
        
    [[ROUTER R1]]
    F1/0 = S1 1
    
    [[router R2]]
    F1/0 = S1 2
    
    [[router R3]]
    F1/0 = S1 3
    
    [[ethsw S1]]
    1 = access 1
    2 = access 20
    3 = dot1q 1
    #4 = dot1q 1 NIO_gen_eth:eth0
    4 = dot1q 1 NIO_gen_eth:INTERFACE`
)

// startAll starts the routers of a lab that does not start by itself.
func (l *running) startAll(names ...string) {
	l.t.Helper()
	for _, name := range names {
		if got := l.Read("labs", l.name, name, "state"); got != "stopped" {
			l.t.Errorf("%s is %s in a lab with autostart = false", name, got)
		}
	}
	if err := l.Write("start", "labs", l.name, "ctl"); err != nil {
		l.t.Fatalf("start: %v: %s", err, l.Read("labs", l.name, "errors"))
	}
	for _, name := range names {
		l.WaitState(l.name, name, "running")
	}
}

// Promises: 3, 55, 56.
func TestSimple2(t *testing.T) {
	t.Parallel()
	l := run(t, "simple2", simple2)
	names := []string{"Zapp", "Leela", "Kif"}
	for i, name := range names {
		l.address(name, "f0/0", fmt.Sprintf("10.1.0.%d", i+1))
		l.address(name, "f1/0", fmt.Sprintf("10.2.0.%d", i+1))
	}
	for i, name := range names {
		for j := range names {
			if i != j {
				l.pings(name, fmt.Sprintf("10.1.0.%d", j+1))
				l.pings(name, fmt.Sprintf("10.2.0.%d", j+1))
			}
		}
	}
	// The two LANs are apart: what goes to all on one is not on the other.
	other := l.live("Kif", "f1/0")
	mark := []byte("\x0a\x01\x00\x63")
	one := l.live("Kif", "f0/0")
	l.silent("Zapp", "10.1.0.99", "nobody has this address")
	asks := func(f []byte) bool { return len(f) >= 42 && f[12] == 8 && f[13] == 6 && bytes.Equal(f[38:42], mark) }
	if one.until(10*time.Second, asks) == nil {
		t.Error("an ARP request of Zapp's f0/0 does not arrive at Kif's f0/0")
	}
	if f := other.until(200*time.Millisecond, asks); f != nil {
		t.Errorf("LAN 2 carries a frame of LAN 1: %x", f)
	}
}

// Promises: 3, 60, 61, 62.
func TestFrameRelay1(t *testing.T) {
	t.Parallel()
	l := run(t, "fr", frameRelay1)
	l.startAll("R1", "R2", "R3")
	for i := 1; i <= 3; i++ {
		l.address(fmt.Sprintf("R%d", i), "s1/0", fmt.Sprintf("10.0.0.%d", i), "encapsulation frame-relay")
	}
	for _, p := range []struct {
		from, to int
		dlci     string
	}{{1, 2, "102"}, {1, 3, "103"}, {2, 3, "203"}, {3, 1, "301"}} {
		from := fmt.Sprintf("R%d", p.from)
		l.shows(from, "show frame-relay pvc", "DLCI = "+p.dlci+", .* PVC STATUS = ACTIVE")
		l.pings(from, fmt.Sprintf("10.0.0.%d", p.to))
	}
	l.shows("R1", "show frame-relay lmi", `LMI TYPE = ANSI`)
	l.shows("R1", "show frame-relay lmi", `Num Status msgs Rcvd [1-9]`)
	if out := l.Read("labs", "fr", "F1", "status"); !strings.Contains(out, "FRSW") || !strings.Contains(out, "102") {
		t.Errorf("status of F1:\n%s", out)
	}
}

// Promises: 3, 66, 70, 71, 72, 73.
func TestEthsw1(t *testing.T) {
	t.Parallel()
	s, host := newSpace(t), newSpace(t)
	veth(host, "eth7", s, "far")
	l := runOn(t, host, "ethsw", strings.Replace(ethsw1, "INTERFACE", "eth7", 1))
	l.startAll("R1", "R2", "R3")
	far := s.open("linux_eth:far")
	for i := 1; i <= 3; i++ {
		l.address(fmt.Sprintf("R%d", i), "f1/0", fmt.Sprintf("10.0.0.%d", i))
	}
	l.pings("R1", "10.0.0.3")
	l.pings("R3", "10.0.0.1")
	l.silent("R1", "10.0.0.2", "VLAN 1 to VLAN 20")
	l.silent("R2", "10.0.0.3", "VLAN 20 to the native VLAN of a trunk")

	// What leaves by the host's interface is what the router sent, untagged from VLAN 1,
	// tagged from VLAN 20.
	macOf := func(name string) []byte {
		mac, err := hex.DecodeString(strings.ReplaceAll(l.port(name, "f1/0", "mac"), ":", ""))
		if err != nil {
			t.Fatal(err)
		}
		return mac
	}
	arp := func(f []byte) bool {
		return len(f) >= 42 && bytes.Equal(f[:14], append(bytes.Repeat([]byte{255}, 6), f[6:14]...)) && f[38+3] == 99
	}
	for _, c := range []struct{ router, tag string }{{"R1", ""}, {"R2", "81000014"}, {"R3", ""}} {
		sent := l.live(c.router, "f1/0")
		for { // what came before
			if n, _ := far.Receive(make([]byte, 1<<16)); n == 0 {
				break
			}
		}
		l.silent(c.router, "10.0.0.99", "nobody has this address")
		f := sent.until(10*time.Second, func(f []byte) bool { return arp(f) && bytes.Equal(f[6:12], macOf(c.router)) })
		if f == nil {
			t.Fatalf("%s sends no ARP request", c.router)
		}
		tag, _ := hex.DecodeString(c.tag)
		want := append(append(bytes.Clone(f[:12]), tag...), f[12:]...)
		got, err := receive(far)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s sent %x,\nout of the trunk comes %x, %v\nwant %x", c.router, f, got, err, want)
		}
	}

	// And back: a frame for everyone in one of the two VLANs arrives there alone, as it
	// was sent.
	streams := map[string]*stream{"R1": l.live("R1", "f1/0"), "R2": l.live("R2", "f1/0"), "R3": l.live("R3", "f1/0")}
	for n, c := range []struct {
		what, header, tag, trunk string
		size                     int
		at                       string // the routers that get it
	}{
		{"native, untagged", "", "", "", 60, "R1 R3"},
		{"native, longest", "", "", "", 1514, "R1 R3"},
		{"VLAN 20", "81000014", "", "81000014", 64, "R2 R3"},
		{"VLAN 20, longest", "81000014", "", "81000014", 1518, "R2 R3"},
		{"VLAN 30", "8100001e", "", "8100001e", 64, "R3"},
	} {
		f := frame(c.header+"88b5", c.size, 40+n)
		far.Send(f)
		for name, st := range streams {
			want := bytes.Clone(f)
			if name != "R3" && c.header != "" { // an access port has no tags
				want = append(bytes.Clone(f[:12]), f[16:]...)
			}
			body := f[len(f)-20:]
			wait := 200 * time.Millisecond
			there := strings.Contains(c.at, name)
			if there {
				wait = 10 * time.Second
			}
			got := st.until(wait, func(g []byte) bool { return bytes.HasSuffix(g, body) })
			switch {
			case there && !bytes.Equal(got, want):
				t.Errorf("%s: at %s arrives %x\nwant %x", c.what, name, got, want)
			case !there && got != nil:
				t.Errorf("%s: %s has it: %x", c.what, name, got)
			}
		}
	}
	if table := l.command("show", "mac", "S1"); !strings.Contains(table, "02aa.0000.0001") {
		t.Errorf("the table does not have the station behind the NIO:\n%s", table)
	}
}
