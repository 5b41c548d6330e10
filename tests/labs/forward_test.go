package labs

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"dynemu/tests/testlab"
	"dynemu/tests/traffic"
)

// forwardPorts are ports of all Ethernet controllers.
var forwardPorts = []string{"f0/0", "f1/0", "f2/0", "e3/0", "g4/0"}

const forwardLab = `
[localhost]
[[7200]]
ram = 128
[[ROUTER R1]]
slot0 = C7200-IO-FE
slot1 = PA-FE-TX
slot2 = PA-2FE-TX
slot3 = PA-4E
slot4 = PA-GE
f0/0 = LAN 0
f1/0 = LAN 1
f2/0 = LAN 2
e3/0 = LAN 3
g4/0 = LAN 4
`

// A router forwards every frame, unchanged and in order, between ports of every
// kind; when far more is offered than it can take, it still forwards in order, and
// then all of them again.
func TestForwarding(t *testing.T) {
	d := testlab.Start(t)
	d.MustWriteLab("fwd", forwardLab)
	c := d.Console("fwd", "R1")
	var ports []*traffic.Port
	var hosts []traffic.Host
	var gateways [][6]byte
	for i, name := range forwardPorts {
		err := c.Configure("interface "+name, fmt.Sprintf("ip address 10.0.%d.1 255.255.255.0", i), "no shutdown")
		if err != nil {
			t.Fatal(err)
		}
		p, err := traffic.Open("/run/netns/"+d.Prefix+"-fwd-R1", strings.ReplaceAll(name, "/", "-"))
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		h := traffic.Host{MAC: [6]byte{2, 0, 0, 0, 0, byte(i)}, IP: [4]byte{10, 0, byte(i), 2}}
		mac, err := p.Resolve(h, [4]byte{10, 0, byte(i), 1}, 10*time.Second)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		ports, hosts, gateways = append(ports, p), append(hosts, h), append(gateways, mac)
	}
	stream := func(from, to, size int) *traffic.Stream {
		return &traffic.Stream{From: ports[from], To: ports[to], Src: hosts[from], Dst: hosts[to], Gateway: gateways[from], Size: size}
	}
	all := func(when string) {
		t.Helper()
		var streams []*traffic.Stream
		for i := range ports {
			streams = append(streams, stream(i, (i+1)%len(ports), []int{60, 61, 512, 1499, 1514}[i]))
		}
		if err := traffic.Run(traffic.Options{Rate: 200, Duration: 2 * time.Second, Drain: time.Second}, streams...); err != nil {
			t.Fatal(err)
		}
		for i, s := range streams {
			if r := s.Result; r.Sent < 100 || r.Lost()+r.Reordered+r.Wrong != 0 || r.Received != r.Sent {
				t.Errorf("%s, from %s, %d bytes: of %d frames %d arrived, %d out of order, %d changed",
					when, forwardPorts[i], s.Size, r.Sent, r.Received, r.Reordered, r.Wrong)
			}
		}
	}
	all("at first")
	for i := range ports {
		a, b := stream(i, (i+1)%len(ports), 60), stream((i+1)%len(ports), i, 60)
		if err := traffic.Run(traffic.Options{Rate: 300_000, Duration: 100 * time.Millisecond, Drain: 2 * time.Second}, a, b); err != nil {
			t.Fatal(err)
		}
		for _, s := range []*traffic.Stream{a, b} {
			if r := s.Result; r.Received == 0 || r.Received > r.Sent || r.Reordered+r.Wrong != 0 {
				t.Errorf("overloaded at %s: of %d frames %d arrived, %d out of order, %d changed",
					forwardPorts[i], r.Sent, r.Received, r.Reordered, r.Wrong)
			}
		}
	}
	all("after the overload")
}
