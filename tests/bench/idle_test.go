package bench

import (
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"dynemu/tests/testlab"
)

// idle measures what idlepc = auto does: what a router costs from its prompt on, how long
// a key takes through one that sleeps, and whether one that does not sleep forwards more.
func idle(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIP: not root: no labs")
	}
	t.Run("cost", idleCost)
	t.Run("echo", idleEcho)
	t.Run("forward", idleForward)
}

const idleLab = `[localhost]
[[7200]]
ram = 64
[[ROUTER R1]]
[[ROUTER R2]]
jit = false
`

// idleCost measures the processor time of a router in each second behind its prompt.
func idleCost(t *testing.T) {
	for r, engine := range map[string]string{"R1": "translator", "R2": "interpreter"} {
		t.Run(engine, func(t *testing.T) { idleCostOf(t, r, engine) })
	}
}

func idleCostOf(t *testing.T, r, engine string) {
	d := testlab.Start(t)
	d.MustWriteLab("idle", strings.Replace(idleLab, "[[7200]]", "autostart = false\n[[7200]]", 1))
	if err := d.Write("start "+r, "labs", "idle", "ctl"); err != nil {
		t.Fatal(err)
	}
	d.Console("idle", r).Close()
	pid := d.NodePID("idle", r)
	var shares []float64
	last, at := cpuTime([]int{pid}), time.Now()
	for range 20 {
		time.Sleep(time.Until(at.Add(time.Second)))
		now := time.Now()
		used := cpuTime([]int{pid})
		shares = append(shares, 100*(used-last).Seconds()/now.Sub(at).Seconds())
		last, at = used, now
	}
	below := 1 + slices.IndexFunc(shares, func(s float64) bool { return s < 2 })
	sum := 0.0
	for _, s := range shares[10:] {
		sum += s
	}
	t.Logf("an idle router, %s: below 2 %% of a core in second %d behind its prompt, %.1f %% in seconds 11 to 20", engine, below, sum/10)
}

// idleEcho measures the time from a key on the console's TCP port to its echo.
func idleEcho(t *testing.T) {
	d := testlab.Start(t)
	d.MustWriteLab("idle", idleLab)
	for r, engine := range map[string]string{"R1": "translator", "R2": "interpreter"} {
		d.WaitState("idle", r, "running")
		d.Console("idle", r).Close()
		m := regexp.MustCompile(`(?m)^console +(\d+)`).FindStringSubmatch(d.Read("labs", "idle", r, "info"))
		if m == nil {
			t.Fatalf("info of %s names no console", r)
		}
		for _, value := range []string{"auto", "none"} {
			if err := d.Write(value, "labs", "idle", r, "idlepc", "value"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Second)
			times, err := echoes(net.JoinHostPort("127.0.0.1", m[1]), 60)
			if err != nil {
				t.Fatalf("%s, idlepc = %s: %v", engine, value, err)
			}
			slices.Sort(times)
			t.Logf("console echo, %s, idlepc = %s: median %v, most %v of %d", engine, value,
				times[len(times)/2].Round(time.Microsecond), times[len(times)-1].Round(time.Microsecond), len(times))
		}
	}
}

// echoes types keys, each a while after the echo of the one before.
func echoes(address string, count int) (times []time.Duration, err error) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	buf := make([]byte, 64<<10)
	for { // the banner, and what telnet negotiates
		c.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
		if _, err := c.Read(buf); err != nil {
			break
		}
	}
	for i := range count {
		key := byte('a' + i%26)
		start := time.Now()
		if _, err := c.Write([]byte{key}); err != nil {
			return nil, err
		}
		c.SetReadDeadline(start.Add(5 * time.Second))
		for got := false; !got; {
			n, err := c.Read(buf)
			if err != nil {
				return nil, fmt.Errorf("key %d: %w", i+1, err)
			}
			got = slices.Contains(buf[:n], key)
		}
		times = append(times, time.Since(start))
		time.Sleep(37 * time.Millisecond) // no multiple of the guest's clock
	}
	_, err = c.Write([]byte("\x15\r")) // nothing of it is to be a command
	return times, err
}

// idleForward measures the forwarding of a router that finds its idle loop and of one
// that never sleeps.
func idleForward(t *testing.T) {
	for _, value := range []string{"auto", "none"} {
		t.Run(value, func(t *testing.T) {
			f := labForwarderWith(t, "idlepc = "+value, "idlepc = "+value)
			prefer(t, f.pid)
			m, err := measureForwarding(f)
			if err != nil {
				t.Fatalf("%s: %v", f.name, err)
			}
			t.Logf("forwarding with %s, thousand frames a second: 64 bytes one way %.1f without loss, both ways %.1f; 1518 bytes both ways %.1f; latency median %v",
				f.name, m.rates[0]/1000, m.rates[2]/1000, m.rates[4]/1000, m.latency[0])
		})
	}
}
