package wires

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// tally are frames and bytes in both directions, as a device sees them.
type tally struct{ rx, rxBytes, tx, txBytes uint64 }

func (a tally) minus(b tally) tally {
	return tally{a.rx - b.rx, a.rxBytes - b.rxBytes, a.tx - b.tx, a.txBytes - b.txBytes}
}

// turned is what the other end of a cable should count.
func (a tally) turned() tally { return tally{a.tx, a.txBytes, a.rx, a.rxBytes} }

// counted is the tally of a port's stats.
func (l *running) counted(device, port string) tally {
	l.t.Helper()
	s := l.stats(device, port)
	return tally{s["rx-packets"], s["rx-bytes"], s["tx-packets"], s["tx-bytes"]}
}

var guestCounters = regexp.MustCompile(`(\d+) packets input, (\d+) bytes(?s:.*?)(\d+) packets output, (\d+) bytes`)

// shown is what a router shows of its interface.
func (l *running) shown(name, port string) (n tally) {
	l.t.Helper()
	out := l.show(name, "show interfaces "+port)
	m := guestCounters.FindStringSubmatch(out)
	if m == nil {
		l.t.Fatalf("%s shows no counters of %s:\n%s", name, port, out)
	}
	fmt.Sscan(strings.Join(m[1:], " "), &n.rx, &n.rxBytes, &n.tx, &n.txBytes)
	return n
}

// kernel is what the kernel counts at a device's TAP, of which it sees the other side,
// and how many frames for the device it has dropped.
func (l *running) kernel(device, ifname string) (tally, uint64) {
	l.t.Helper()
	out, err := exec.Command("ip", "-n", l.netns(device), "-s", "-j", "link", "show", "dev", ifname).Output()
	var links []struct {
		Stats64 struct {
			RX, TX struct{ Bytes, Packets, Dropped uint64 }
		}
	}
	if err == nil {
		err = json.Unmarshal(out, &links)
	}
	if err != nil || len(links) != 1 {
		l.t.Fatalf("counters of %s %s: %v\n%s", device, ifname, err, out)
	}
	rx, tx := links[0].Stats64.RX, links[0].Stats64.TX
	return tally{tx.Packets, tx.Bytes, rx.Packets, rx.Bytes}, tx.Dropped
}

// All who count count the same.
func TestStatistics(t *testing.T) {
	t.Parallel()
	ports := []struct{ port, far string }{
		{"f0/0", "R2 f0/0"}, {"e1/0", "R2 e1/0"}, {"g2/0", "R2 g2/0"}, {"s3/0", "R2 s3/0"}, {"p4/0", "R2 p4/0"}, {"f5/0", "S1 1"},
	}
	text := "[localhost]\n[[7200]]\nram = 64\n[[ROUTER R1]]\nslot3 = PA-4T+\n"
	for _, p := range ports {
		text += p.port + " = " + p.far + "\n"
	}
	l := run(t, "stats", text+"[[ROUTER R2]]\nslot3 = PA-4T+\nf5/0 = S1 2\n[[ETHSW S1]]\n1 = access 1\n2 = access 1\n")
	for i := 1; i <= 2; i++ {
		for n, p := range ports {
			l.address(fmt.Sprint("R", i), p.port, fmt.Sprintf("10.%d.0.%d", n, i), "no keepalive")
		}
	}
	for n, p := range ports {
		ifname := strings.ReplaceAll(p.port, "/", "-")
		to := fmt.Sprintf("10.%d.0.2", n)
		l.pings("R1", to)
		all := func() map[string]tally {
			m := map[string]tally{}
			l.rest("R1 "+p.port, "R2 "+p.port)
			for _, name := range []string{"R1", "R2"} {
				m[name+" port"] = l.counted(name, p.port)
				m[name+" guest"] = l.shown(name, p.port)
				if strings.ContainsAny(p.port[:1], "feg") {
					m[name+" TAP"], _ = l.kernel(name, ifname)
				}
			}
			if strings.HasPrefix(p.far, "S1") {
				m["S1 port 1"], m["S1 port 2"] = l.counted("S1", "1"), l.counted("S1", "2")
				m["S1 TAP 1"], _ = l.kernel("S1", "p1")
				m["S1 TAP 2"], _ = l.kernel("S1", "p2")
			}
			return m
		}
		before := all()
		const count = 300
		for _, size := range []int{36, 100, 1500} {
			if got, sent, err := l.router("R1").Ping(fmt.Sprintf("%s size %d repeat %d timeout 5", to, size, count), 5*60e9); err != nil || got != count {
				t.Errorf("%s: %d of %d pings came back, %v", p.port, got, sent, err)
			}
		}
		after := all()
		one := after["R1 port"].minus(before["R1 port"])
		if one.tx != 3*count || one.rx != 3*count {
			t.Errorf("%s: for %d pings R1's port counts %+v", p.port, 3*count, one)
		}
		for who, n := range after {
			got, want := n.minus(before[who]), one
			if strings.HasPrefix(who, "R2") || strings.HasSuffix(who, "1") && strings.HasPrefix(who, "S1") {
				want = one.turned()
			}
			if got != want {
				t.Errorf("%s: R1's port counts %+v, %s %+v", p.port, one, who, got)
			}
		}
		for _, name := range []string{"R1", "R2"} {
			if s := l.stats(name, p.port); s["rx-drops"]+s["tx-drops"] != 0 {
				t.Errorf("%s of %s has drops: %v", p.port, name, s)
			}
		}

		// What is dropped on purpose, and what does not fit.
		before = all()
		was := l.stats("R2", p.port)
		l.set("R2", p.port, "filter", "in freq_drop 4")
		l.flood("R1", to, 100, 200)
		after = all()
		d := l.since(was, "R2", p.port)
		one, two := after["R1 port"].minus(before["R1 port"]), after["R2 port"].minus(before["R2 port"])
		guest := after["R2 guest"].minus(before["R2 guest"])
		if one.tx != 200 || d["dropped-rx-filter"] != 50 || two.rx != 150 || guest != two || two.tx != one.rx {
			t.Errorf("%s: R1 sent %+v, R2 dropped %v, has %+v, its guest %+v", p.port, one, d, two, guest)
		}
		if tap := after["R2 TAP"].minus(before["R2 TAP"]); tap.rx != 0 && tap.rx != 200 {
			t.Errorf("%s: R1 sent 200 frames, the TAP of R2 counts %+v", p.port, tap)
		}
		l.set("R2", p.port, "filter", "none")

		before = all()
		var dropped, now uint64
		if _, tap := before["R2 TAP"]; tap {
			_, dropped = l.kernel("R2", ifname)
		}
		wasOne, wasTwo := l.stats("R1", p.port), l.stats("R2", p.port)
		l.ctl("R2", "suspend")
		l.WaitState("stats", "R2", "suspended")
		l.flood("R1", to, 1500, 4000)
		l.ctl("R2", "resume")
		l.WaitState("stats", "R2", "running")
		e := l.since(wasOne, "R1", p.port)
		d = l.since(wasTwo, "R2", p.port)
		if _, tap := before["R2 TAP"]; tap {
			_, now = l.kernel("R2", ifname)
		}
		lost := e["tx-drops"] + d["rx-drops"] + now - dropped
		if strings.HasPrefix(p.far, "S1") {
			continue // what the switch loses is its own business
		}
		if e["tx-packets"]+e["tx-drops"] != 4000 || d["rx-packets"]+lost != 4000 || lost == 0 || d["tx-packets"] != e["rx-packets"] {
			t.Errorf("%s: R1 sent 4000 frames to a router that is suspended; R1 %v, R2 %v, R2's TAP dropped %d", p.port, e, d, now-dropped)
		}
		if guest := l.shown("R2", p.port).minus(before["R2 guest"]); guest.rx != d["rx-packets"] || guest.tx != d["tx-packets"] {
			t.Errorf("%s: R2's port counts %v, its guest %+v", p.port, d, guest)
		}
	}
}
