package wires

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// NIOs carry frames on while the daemon is away, and the next one takes them over:
// none is lost, and what broke meanwhile is seen.
func TestNIOsWithoutDaemon(t *testing.T) {
	m, outside := newMachine(t), newSpace(t)
	for i := range 3 {
		veth(m.space, fmt.Sprint("out", i), outside, fmt.Sprint("eth", i))
		outside.address(fmt.Sprint("eth", i), fmt.Sprintf("10.1.%d.2/24", i))
	}
	dir := t.TempDir()
	text := `[localhost]
[[7200]]
ram = 64
[[ROUTER R1]]
slot1 = PA-8E
slot2 = PA-4T
e1/0 = NIO_linux_eth:out0
e1/1 = NIO_linux_eth:out1
e1/2 = NIO_linux_eth:out2
e1/3 = NIO_unix:A:B
e1/4 = NIO_host:lab0:10.1.4.2/24
e1/5 = NIO_tap:tap7
s2/0 = NIO_tcp_ser:10001
[[ROUTER R2]]
slot1 = PA-8E
slot2 = PA-4T
e1/3 = NIO_unix:B:A
s2/0 = NIO_tcp_cli:127.0.0.1:10001
`
	text = strings.NewReplacer("A:B", dir+"/a:"+dir+"/b", "B:A", dir+"/b:"+dir+"/a").Replace(text)
	m.MustWriteLab("a", text)
	r1, r2 := m.router("a", "R1"), m.router("a", "R2")
	for i := range 6 {
		r1.address(fmt.Sprintf("e1/%d", i), fmt.Sprintf("10.1.%d.1", i))
	}
	r1.address("s2/0", "10.2.0.1")
	r2.address("e1/3", "10.1.3.2")
	r2.address("s2/0", "10.2.0.2")
	m.address("tap7", "10.1.5.2/24")
	targets := map[*space][]string{m.space: {"10.1.4.1", "10.1.5.1"}, outside: {"10.1.0.1", "10.1.2.1"}}
	reach := func() {
		t.Helper()
		for s, addresses := range targets {
			for _, a := range addresses {
				s.pings(a)
			}
		}
	}
	reach()
	r2.pings("10.1.3.1")
	r2.pings("10.2.0.1")

	// Pings of the kernel, and of the routers, whose consoles go with the daemon.
	lost := make(chan error, 4)
	for s, addresses := range targets {
		for _, a := range addresses {
			go func() {
				out, err := s.output("ping", "-n", "-q", "-c", "150", "-i", "0.02", "-W", "5", a)
				if err == nil && !strings.Contains(out, " 0% packet loss") {
					err = fmt.Errorf("%s: %s", a, out)
				}
				lost <- err
			}()
		}
	}
	if err := r1.Send("ping 10.1.3.2 repeat 2000\r"); err != nil {
		t.Fatal(err)
	}
	if err := r2.Send("ping 10.2.0.1 repeat 2000\r"); err != nil {
		t.Fatal(err)
	}
	m.Kill()
	outside.run("ip link del eth1")
	outside.run("ip link set eth2 down")
	outside.run("ip link set eth2 up")
	m.Run()
	for range 4 {
		if err := <-lost; err != nil && !strings.Contains(err.Error(), "10.1.2.1") {
			t.Errorf("pings that went on without the daemon: %v", err)
		}
	}
	for _, name := range []string{"R1", "R2"} {
		m.Wait(60*time.Second, name+"'s pings to end", func() bool {
			return strings.Contains(m.Read("labs", "a", name, "console.log"), "/2000)")
		})
		if text := m.Read("labs", "a", name, "console.log"); !strings.Contains(text, "(2000/2000)") {
			t.Errorf("%s lost pings while there was no daemon: %s", name, text[max(0, len(text)-200):])
		}
	}
	for port, up := range map[string]bool{"e1/0": true, "e1/1": false, "e1/2": true, "e1/3": true, "e1/4": true, "e1/5": true, "s2/0": true} {
		m.carrier("a", "R1", port, up)
	}
	reach()

	// What it took over it manages: interfaces that come again, routers that stop.
	veth(m.space, "out1", outside, "eth1")
	outside.address("eth1", "10.1.1.2/24")
	m.carrier("a", "R1", "e1/1", true)
	outside.pings("10.1.1.1")
	if err := m.Write("stop", "labs", "a", "R1", "ctl"); err != nil {
		t.Fatal(err)
	}
	m.WaitState("a", "R1", "stopped")
	m.Wait(10*time.Second, "TAP and link of the stopped router to go", func() bool {
		links := m.run("ip -br link")
		return !strings.Contains(links, "tap7") && !strings.Contains(m.run("ip link show dev lab0"), "LOWER_UP")
	})
	m.carrier("a", "R2", "s2/0", false)
	if err := m.Write("start", "labs", "a", "R1", "ctl"); err != nil {
		t.Fatal(err)
	}
	r1 = m.router("a", "R1")
	for i := range 6 {
		r1.address(fmt.Sprintf("e1/%d", i), fmt.Sprintf("10.1.%d.1", i))
	}
	r1.address("s2/0", "10.2.0.1")
	m.carrier("a", "R2", "s2/0", true)
	m.Wait(10*time.Second, "tap7 to be there again", func() bool { return strings.Contains(m.run("ip -br link"), "tap7") })
	m.address("tap7", "10.1.5.2/24")
	reach()
	r1.pings("10.1.3.2")
	r1.pings("10.2.0.2")
}
