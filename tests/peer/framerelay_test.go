package peer

import (
	"fmt"
	"testing"
	"time"

	"dynemu/vm/fabric"
	"dynemu/vm/fabric/chassis"
	"dynemu/vm/fabric/frsw"
	vmwire "dynemu/vm/wire"
)

// TestFrameRelayRouters joins a router on dynemu and one on Dynamips by our
// Frame Relay switch. The router's side of LMI is the bundled image's own; it
// speaks all three types with the switch and sees circuits come and go.
func TestFrameRelayRouters(t *testing.T) {
	ours, debian := Dynemu(t), Debian(t)
	p := UDPPorts(t, 4)
	var s *frsw.Switch
	c := chassis.New(func(out fabric.Output) fabric.Engine {
		s = frsw.New(out)
		return s
	})
	go c.Run()
	defer c.Close()
	var ports [2]*vmwire.Port
	plug := func(n int) {
		t.Helper()
		w, err := vmwire.NewUDP(p[2*n], "127.0.0.1", p[2*n+1])
		if err != nil {
			t.Fatal(err)
		}
		ports[n].Plug(vmwire.NewBatch(w))
	}
	for n := range ports {
		var err error
		if ports[n], err = c.AddPort(n, func() error { return s.AddPort(n) }); err != nil {
			t.Fatal(err)
		}
		plug(n)
	}
	one, two := frsw.Endpoint{Port: 0, DLCI: 102}, frsw.Endpoint{Port: 1, DLCI: 201}
	change := func(fn func(a, b frsw.Endpoint) error) {
		t.Helper()
		var err error
		if c.Do(func(int64) { err = fn(one, two) }); err != nil {
			t.Fatal(err)
		}
	}
	change(s.Connect)

	start := func(e Emulator, n int) *router {
		r := boot(t, e, fmt.Sprintf("R%d", n+1), t.TempDir(), n+1, []string{"0:C7200-IO-FE", "1:PA-4T+"},
			"-s", fmt.Sprintf("1:0:udp:%d:127.0.0.1:%d", p[2*n+1], p[2*n]))
		r.configure("interface s1/0", fmt.Sprintf("ip address 10.0.0.%d 255.255.255.0", n+1), "encapsulation frame-relay", "keepalive 2", "no shutdown")
		return r
	}
	r1, r2 := start(ours, 0), start(debian, 1)
	const patience = 30 * time.Second
	// Each has found the other by inverse ARP.
	found := func() {
		r1.eventually("show frame-relay map", `ip 10\.0\.0\.2 dlci 102.*dynamic`, patience)
		r2.eventually("show frame-relay map", `ip 10\.0\.0\.1 dlci 201.*dynamic`, patience)
	}
	found()
	r1.shows("show frame-relay lmi", `LMI TYPE = ANSI`)
	r1.pings("10.0.0.2 size 1500 repeat 20")
	r2.pings("10.0.0.1")

	for _, kind := range []struct{ word, name string }{{"q933a", "ITU-T Q.933 Annex A"}, {"cisco", "CISCO"}, {"ansi", "ANSI Annex D"}} {
		r1.configure("interface s1/0", "frame-relay lmi-type "+kind.word)
		ports[0].Unplug()
		plug(0)
		r1.eventually("show frame-relay pvc", `DLCI = 102, .*PVC STATUS = ACTIVE`, patience)
		r1.shows("show frame-relay lmi", "LMI TYPE = "+kind.name, "Invalid messages 0 ")
		found()
		r1.pings("10.0.0.2")
	}

	// The far end goes, and comes back; so does the circuit.
	ports[1].Unplug()
	r1.eventually("show frame-relay pvc", `DLCI = 102, .*PVC STATUS = INACTIVE`, patience)
	plug(1)
	r1.eventually("show frame-relay pvc", `DLCI = 102, .*PVC STATUS = ACTIVE`, patience)
	change(s.Disconnect)
	r1.eventually("show frame-relay pvc", `^PVC Statistics for interface [^\n]*\n\s*\z`, patience)
	change(s.Connect)
	r1.eventually("show frame-relay pvc", `DLCI = 102, .*PVC STATUS = ACTIVE`, patience)
	found()
	r1.pings("10.0.0.2")
	var lmi frsw.LMIStats
	if c.Do(func(int64) { lmi = s.LMI(0) }); lmi.Type != frsw.ANSI || lmi.Failed || lmi.Lost > 3 {
		t.Errorf("LMI at the router's port: %+v", lmi)
	}
}
