package wires

import (
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"dynemu/tests/peer"
	"dynemu/tests/testlab"
)

// A router's ports lead over UDP to a router on another machine, be it Dynamips' or
// ours.
// Promise: 77.
func TestOtherMachines(t *testing.T) {
	here, there := newSpace(t), newSpace(t)
	veth(here, "eth0", there, "eth0")
	here.address("eth0", "192.0.2.1/24")
	there.address("eth0", "192.0.2.2/24")
	m := &machine{here, testlab.StartWhere(t, here.try)}
	other := &machine{there, testlab.StartWhere(t, there.try)}

	// The address of this machine is accepted as its name, another one is not.
	err := m.WriteLab("a", "\n[192.0.2.2:7200]\n[[ROUTER R1]]\n")
	if result := m.Read("labs", "a", "result"); !errors.Is(err, syscall.EINVAL) || !strings.Contains(result, "a.net:2:2: ") || !strings.Contains(result, "other machines are not supported") {
		t.Errorf("a section of another machine: %v\n%s", err, result)
	}
	m.MustWriteLab("a", `[192.0.2.1:7200]
[[7200]]
ram = 64
[[ROUTER R1]]
slot1 = PA-8E
slot2 = PA-4T+
e1/0 = NIO_udp:10000:192.0.2.2:10001
s2/0 = NIO_udp:10002:192.0.2.2:10003
e1/1 = NIO_udp:10004:192.0.2.2:10005
s2/1 = NIO_udp:10006:192.0.2.2:10007
`)
	other.MustWriteLab("b", `[localhost]
[[7200]]
ram = 64
[[ROUTER R3]]
slot1 = PA-8E
slot2 = PA-4T+
e1/1 = NIO_udp:10005:192.0.2.1:10004
s2/1 = NIO_udp:10007:192.0.2.1:10006
`)
	r1, r3 := m.router("a", "R1"), other.router("b", "R3")
	for port, ip := range map[string]string{"e1/0": "10.0.0.1", "s2/0": "10.0.1.1", "e1/1": "10.0.2.1", "s2/1": "10.0.3.1"} {
		r1.address(port, ip)
	}
	r3.address("e1/1", "10.0.2.2")
	r3.address("s2/1", "10.0.3.2")
	for _, to := range []string{"10.0.2.2", "10.0.3.2"} {
		r1.pings(to + " size 1500")
	}
	r3.pings("10.0.2.1")
	r3.pings("10.0.3.1")

	c, cmd, ended := peer.Launch(t, peer.Debian(t), t.TempDir(), 2,
		func(cmd *exec.Cmd) error { return there.try(cmd.Start) }, []string{"0:C7200-IO-FE", "1:PA-8E", "2:PA-4T+"},
		"-s", "1:0:udp:10001:192.0.2.1:10000", "-s", "2:0:udp:10003:192.0.2.1:10002")
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		c.Close()
	})
	if err := c.Login(60 * time.Second); err != nil {
		t.Fatal(err)
	}
	r2 := &router{c, t, "Dynamips"}
	r2.address("e1/0", "10.0.0.2")
	r2.address("s2/0", "10.0.1.2")
	for _, to := range []string{"10.0.0.2", "10.0.1.2"} {
		r1.pings(to + " size 1500")
	}
	r2.pings("10.0.0.1")
	r2.pings("10.0.1.1")
}
