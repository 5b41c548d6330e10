package wires

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const keptLab = `[localhost]
[[7200]]
ram = 64
[[ROUTER R1]]
slot1 = PA-4E
slot2 = PA-4T+
f0/0 = R2 f0/0
e1/0 = R2 e1/0
s2/0 = R2 s2/0
[[ROUTER R2]]
slot1 = PA-4E
slot2 = PA-4T+
`

// What a user has set for ports holds over restarts of the router and of the daemon,
// and while a card is out.
func TestSettingsAreKept(t *testing.T) {
	t.Parallel()
	l := run(t, "kept", keptLab)
	ports := []string{"f0/0", "e1/0", "s2/0"}
	for i := 1; i <= 2; i++ {
		name := fmt.Sprint("R", i)
		for n, p := range ports {
			l.address(name, p, fmt.Sprintf("10.%d.0.%d", n, i))
		}
		if out := l.show(name, "write memory"); !strings.Contains(out, "OK") {
			t.Fatalf("%s: write memory: %s", name, out)
		}
	}
	for n := range ports {
		l.pings("R1", fmt.Sprintf("10.%d.0.2", n))
	}
	path := l.Path("labs", "kept", "captures", "e1.cap")
	l.command("capture", "R1", "e1/0", "e1.cap")
	l.command("filter", "R1", "e1/0", "freq_drop", "out", "5")
	l.command("impair", "R1", "s2/0", "in", "delay", "30ms")
	l.command("link", "down", "R1", "f0/0")
	see := l.tcpdump("R1", "s2-0", "in")
	request := func() { l.pings("R1", "10.2.0.2") }
	see.sees("ICMP echo request", request)
	seen := func(when string) {
		t.Helper()
		n := strings.Count(see.output(), "ICMP echo request")
		for end := time.Now().Add(10 * time.Second); strings.Count(see.output(), "ICMP echo request") == n; {
			request()
			if time.Now().After(end) {
				t.Fatalf("%s, tcpdump sees nothing more:\n%s", when, see.output())
			}
		}
	}
	holds := func(when string) {
		t.Helper()
		t.Log(when)
		l.carrier("R1", "f0/0", "cut")
		l.carrier("R2", "f0/0", "cut")
		if got := l.port("R1", "e1/0", "filter"); got != "out freq_drop 5" {
			t.Errorf("%s, filter reads %q", when, got)
		}
		_, frames, err := readPcap(path)
		if err != nil {
			t.Fatalf("%s: capture: %v", when, err)
		}
		l.shows("R1", "show ip interface brief", `Ethernet1/0 .* up +up`)
		l.shows("R1", "ping 10.1.0.2 repeat 2 timeout 1", `\([12]/2\)`) // and R2's address is known
		was := l.settled("R1", "e1/0")
		l.flood("R1", "10.1.0.2", 100, 100)
		d := l.since(was, "R1", "e1/0")
		if sent := d["tx-packets"] + d["dropped-tx-filter"]; sent < 100 || d["dropped-tx-filter"] < sent/5-1 || d["dropped-tx-filter"] > sent/5+1 {
			t.Errorf("%s, of %d frames the filter drops %d: %v", when, sent, d["dropped-tx-filter"], d)
		}
		l.Wait(10*time.Second, "frames in the capture, "+when, func() bool { _, now, err := readPcap(path); return err == nil && len(now) > len(frames) })
		l.pings("R1", "10.2.0.2")
		m := roundTrip.FindStringSubmatch(l.show("R1", "ping 10.2.0.2"))
		var least int
		if m != nil {
			fmt.Sscan(m[3], &least)
		}
		if least < 30 {
			t.Errorf("%s, a ping over a link with a delay of 30 ms: %q", when, m)
		}
	}
	holds("at first")
	l.ctl("R1", "suspend")
	l.WaitState("kept", "R1", "suspended")
	l.carrier("R2", "e1/0", "up")
	l.carrier("R2", "s2/0", "up")
	l.ctl("R1", "resume")
	l.WaitState("kept", "R1", "running")
	holds("after R1 was suspended")
	l.ctl("R1", "stop")
	l.WaitState("kept", "R1", "stopped")
	l.start("R1")
	holds("after a restart of R1")
	seen("after a restart of R1")
	l.Kill()
	l.Run()
	clear(l.consoles)
	l.WaitState("kept", "R1", "running")
	holds("with another daemon")
	seen("with another daemon")
	see.end()

	l.change("slot1 = PA-4E\n", "")
	l.change("slot2 = PA-4T+\n", "")
	l.change("e1/0 = R2 e1/0\ns2/0 = R2 s2/0\n", "")
	l.carrier("R2", "e1/0", "none")
	l.carrier("R2", "s2/0", "none")
	l.edit(keptLab)
	l.carrier("R2", "e1/0", "up")
	l.carrier("R2", "s2/0", "up")
	holds("after the cards were out")

	// A cut goes with its link.
	l.change("f0/0 = R2 f0/0", "f0/0 = R2 e1/1")
	l.carrier("R1", "f0/0", "down") // since R2 does not use its port
	l.address("R2", "e1/1", "10.9.0.2")
	l.configure("R1", "interface f0/0", "ip address 10.9.0.1 255.255.255.0")
	l.carrier("R1", "f0/0", "up")
	l.carrier("R2", "e1/1", "up")
	l.carrier("R2", "f0/0", "none")
	l.pings("R1", "10.9.0.2")
	l.change("f0/0 = R2 e1/1", "f0/0 = R2 f0/0")
	l.carrier("R1", "f0/0", "up")
	l.carrier("R2", "e1/1", "none")

	l.command("no", "capture", "R1", "e1/0")
	l.command("filter", "R1", "e1/0", "none")
	l.command("impair", "R1", "s2/0", "none")
	l.pings("R1", "10.1.0.2")
	if got := l.port("R1", "e1/0", "filter") + l.port("R1", "s2/0", "link"); got != "nonenone" {
		t.Errorf("settings that were taken back read %q", got)
	}
}
