package wires

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/pcapgo"
)

const impairLab = `[localhost]
[[7200]]
ram = 64
[[ROUTER R1]]
f0/0 = R2 f0/0
s1/0 = R2 s1/0
f2/0 = S1 1
[[ROUTER R2]]
f2/0 = S1 2
[[ETHSW S1]]
1 = access 1
2 = access 1
`

// flood has a router send echo requests of size bytes of IP and not wait for the
// replies.
func (l *running) flood(name, to string, size, count int) {
	l.t.Helper()
	out, err := l.router(name).Command(fmt.Sprintf("ping %s size %d repeat %d timeout 0", to, size, count), time.Minute)
	if err != nil || !strings.Contains(out, fmt.Sprintf("/%d)", count)) {
		l.t.Fatalf("%s: flood of %s: %v\n%s", name, to, err, out)
	}
}

// rest waits until the counters of ports, each a device and a port, no longer change.
func (l *running) rest(ports ...string) {
	l.t.Helper()
	now, same := "", 0
	for end := time.Now().Add(20 * time.Second); same < 3; time.Sleep(100 * time.Millisecond) {
		was := now
		now = ""
		for _, p := range ports {
			device, port, _ := strings.Cut(p, " ")
			now += p + ":\n" + l.port(device, port, "stats") + "\n"
		}
		if now == was {
			same++
		} else {
			same = 0
		}
		if time.Now().After(end) {
			l.t.Fatalf("counters do not come to rest:\n%s", now)
		}
	}
}

// settled are the counters of a port once they no longer change.
func (l *running) settled(device, port string) map[string]uint64 {
	l.t.Helper()
	l.rest(device + " " + port)
	return l.stats(device, port)
}

// since is how much more the counters of a port are than they were, once they no
// longer change.
func (l *running) since(was map[string]uint64, device, port string) map[string]uint64 {
	l.t.Helper()
	now := l.settled(device, port)
	for key, n := range was {
		now[key] -= n
	}
	return now
}

var roundTrip = regexp.MustCompile(`\((\d+)/(\d+)\), round-trip min/avg/max = (\d+)/(\d+)/(\d+) ms`)

// span is the time from the first to the last frame of a capture that are as long as
// the longest, and how many they are.
func span(t *testing.T, path string) (time.Duration, int, int) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pcapgo.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var first, last time.Time
	size, count := 0, 0
	for {
		_, ci, err := r.ReadPacketData()
		if err == io.EOF {
			return last.Sub(first), count, size
		}
		if err != nil {
			t.Fatal(err)
		}
		if ci.Length > size {
			size, count, first = ci.Length, 0, ci.Timestamp
		}
		if ci.Length == size {
			count++
			last = ci.Timestamp
		}
	}
}

// What a user has done to frames at a port is done, on every kind of port, and ends.
func TestFiltersAndImpairments(t *testing.T) {
	t.Parallel()
	l := run(t, "impair", impairLab)
	for i := 1; i <= 2; i++ {
		name := fmt.Sprint("R", i)
		l.address(name, "f0/0", fmt.Sprint("10.0.0.", i))
		l.address(name, "s1/0", fmt.Sprint("10.1.0.", i), "no keepalive")
		l.address(name, "f2/0", fmt.Sprint("10.2.0.", i))
	}
	for _, c := range []struct {
		device, port string // where requests of R1 come in and replies of R2 go out
		to           string
		near         string // the port of R1
	}{
		{"R2", "f0/0", "10.0.0.2", "f0/0"},
		{"R2", "s1/0", "10.1.0.2", "s1/0"},
		{"S1", "1", "10.2.0.2", "f2/0"},
	} {
		t.Run(c.device+" "+c.port, func(t *testing.T) {
			whole := l.t
			l.t = t
			defer func() { l.t = whole }()
			setting := func(file, text string) {
				t.Helper()
				l.set(c.device, c.port, file, text)
				if got := l.port(c.device, c.port, file); got != text {
					t.Errorf("%s reads %q after %q was written", file, got, text)
				}
			}
			l.pings("R1", c.to)

			was := l.settled(c.device, c.port)
			setting("filter", "in freq_drop 3")
			l.flood("R1", c.to, 100, 300)
			d := l.since(was, c.device, c.port)
			if total := d["rx-packets"] + d["rx-drops"]; total < 100 || d["dropped-rx-filter"] != total/3 || d["rx-drops"] != total/3 {
				t.Errorf("freq_drop 3 of %d frames that come in: %v", total, d)
			}
			was = l.settled(c.device, c.port)
			setting("filter", "out freq_drop -1")
			l.silent("R1", c.to, "all replies are dropped")
			if d = l.since(was, c.device, c.port); d["rx-packets"] < 2 || d["tx-packets"] != 0 || d["dropped-tx-filter"] < 2 {
				t.Errorf("freq_drop -1 of what goes out: %v", d)
			}
			setting("filter", "none")

			was = l.settled(c.device, c.port)
			setting("link", "in loss 30%")
			for range 6 { // as many as a queue has room for
				l.flood("R1", c.to, 36, 500)
				l.settled(c.device, c.port)
			}
			d = l.since(was, c.device, c.port)
			total := d["rx-packets"] + d["rx-drops"]
			// Five times the standard deviation of 1000 frames is 7 %.
			if share := float64(d["dropped-rx-loss"]) / float64(total); total < 1000 || share < 0.23 || share > 0.37 {
				t.Errorf("loss 30%% of what comes in: %.1f %% of %d frames were lost: %v", 100*share, total, d)
			}

			for _, delay := range []struct {
				text string
				ms   int
			}{{"out delay 50ms", 50}, {"both delay 50ms", 100}} {
				setting("link", delay.text)
				m := roundTrip.FindStringSubmatch(l.show("R1", "ping "+c.to))
				if m == nil {
					t.Fatalf("%s: no ping comes back", delay.text)
				}
				if least, _ := strconv.Atoi(m[3]); m[1] != "5" || least < delay.ms || least > delay.ms+49 {
					t.Errorf("%s: %s", delay.text, m[0])
				}
			}

			setting("link", "out rate 1mbit")
			l.command("capture", "R1", c.near, "rate.cap")
			const frames = 60
			l.flood("R1", c.to, 1500, frames)
			l.settled(c.device, c.port)
			took, count, size := span(t, l.Path("labs", l.name, "captures", "rate.cap"))
			l.command("no", "capture", "R1", c.near)
			// Requests are as long as replies; they were sent at once, at the beginning.
			want := time.Duration(frames*size*8) * time.Microsecond
			if count != 2*frames || took < want*9/10 || took > 3*want {
				t.Errorf("rate 1mbit: %d frames of %d bytes took %v, want %v", count-frames, size, took, want)
			}

			was, near := l.settled(c.device, c.port), l.settled("R1", c.near)
			setting("link", "in duplicate 100%")
			if got, sent, err := l.router("R1").Ping(c.to+" repeat 50", time.Minute); err != nil || got != sent {
				t.Errorf("with duplicates, %d of %d pings came back, %v", got, sent, err)
			}
			if d, e := l.since(was, c.device, c.port), l.since(near, "R1", c.near); d["rx-packets"] != 100 || d["tx-packets"] != 100 || e["tx-packets"] != 50 || e["rx-packets"] != 100 {
				t.Errorf("duplicate 100%% of 50 requests: %v; at R1 %v", d, e)
			}

			// Settings that change while frames flow do no harm to what comes after them.
			if err := l.router("R1").Send("ping " + c.to + " repeat 1000000 timeout 1\r"); err != nil {
				t.Fatal(err)
			}
			for i := range 60 {
				l.set(c.device, c.port, "link", []string{"in delay 5ms jitter 2ms loss 1%", "out duplicate 10% rate 10mbit", "both delay 3ms reorder 20%", "none"}[i%4])
				l.set(c.device, c.port, "filter", []string{"none", "in freq_drop 50", "both freq_drop 70"}[i%3])
			}
			setting("link", "none")
			setting("filter", "none")
			router := l.router("R1")
			if _, err := router.Expect(regexp.MustCompile(`\n!{70}\r?\n!{70}\r?\n!{70}`), 20*time.Second); err != nil {
				t.Errorf("after none, pings are lost: %v", err)
			}
			if err := router.Send("\x1e"); err != nil {
				t.Fatal(err)
			}
			if err := router.Login(20 * time.Second); err != nil {
				t.Fatal(err)
			}
			was = l.settled(c.device, c.port)
			if got, sent, err := router.Ping(c.to+" repeat 500", time.Minute); err != nil || got != sent {
				t.Errorf("without settings, %d of %d pings came back, %v", got, sent, err)
			}
			if d := l.since(was, c.device, c.port); d["rx-packets"] != 500 || d["tx-packets"] != 500 || d["rx-drops"]+d["tx-drops"] != 0 {
				t.Errorf("500 pings without settings: %v", d)
			}
		})
	}
}
