package bench

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"dynemu/tests/console"
	"dynemu/tests/testlab"
	"dynemu/tests/traffic"
)

var trial = flag.Duration("trial", 500*time.Millisecond, "how long each trial of the forwarding benchmark sends")

// forwarder is a router with two PA-FE-TX whose TAPs are t0 (slot 1) and t1
// (slot 2) of a network namespace, or what they are called there.
type forwarder struct {
	name      string
	namespace string // path
	taps      [2]string
	console   *console.Console
	pid       int
	end       func()
}

const forwardLab = `
[localhost]
[[7200]]
ram = 128
[[ROUTER R1]]
slot1 = PA-FE-TX
slot2 = PA-FE-TX
f1/0 = LAN a
f2/0 = LAN b
`

// forward measures how fast the bundled image forwards between two Fast
// Ethernet ports: frames between two hosts, one on each port's TAP.
func forward(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIP: not root: no TAPs")
	}
	kinds := []func(*testing.T) *forwarder{labForwarder}
	for _, p := range peers(t) {
		if p.name != "dynamips -j" { // its interpreter
			kinds = append(kinds, func(t *testing.T) *forwarder { return commandForwarder(t, p) })
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "forwarding between two PA-FE-TX, thousand frames a second, sum of the directions\n%-22s %27s %27s %27s %19s\n%-22s %13s %13s %13s %13s %13s %13s %9s %9s",
		"", "64 bytes, one way", "64 bytes, both ways", "1518 bytes, both ways", "latency in µs",
		"router", "without loss", "overloaded", "without loss", "overloaded", "without loss", "overloaded", "median", "99 %")
	var all []forwarding
	for _, kind := range kinds {
		f := kind(t)
		prefer(t, f.pid)
		m, err := measureForwarding(f)
		f.end()
		if err != nil {
			t.Fatalf("%s: %v", f.name, err)
		}
		fmt.Fprintf(&b, "\n%-22s", f.name)
		for _, r := range m.rates {
			fmt.Fprintf(&b, " %13.1f", r/1000)
		}
		for _, l := range m.latency {
			fmt.Fprintf(&b, " %9.1f", float64(l.Nanoseconds())/1000)
		}
		all = append(all, m)
	}
	// Debian's is the last.
	if last := all[len(all)-1]; len(all) == len(kinds) && strings.HasPrefix(peers(t)[len(peers(t))-1].name, "dynamips") {
		for i, m := range all[:len(all)-1] {
			fmt.Fprintf(&b, "\ntimes as fast, row %d   ", i+1)
			for j, r := range m.rates {
				fmt.Fprintf(&b, "%13.1f ", r/last.rates[j])
			}
		}
	}
	t.Logf("\n%s", b.String())
}

// preferred is the nice value of all routers under test: other work of the
// machine has to wait.
const preferred = -15

// prefer sets the priority of a router, also that of its session among the
// sessions of the machine, which share the processor before processes do
// (sched(7), autogroup).
func prefer(t *testing.T, pid int) {
	err := testlab.SetNice(pid, preferred)
	group := os.WriteFile(fmt.Sprintf("/proc/%d/autogroup", pid), []byte(strconv.Itoa(preferred)), 0)
	if err := errors.Join(err, group); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Logf("process %d keeps its priority: %v", pid, err)
	}
}

func labForwarder(t *testing.T) *forwarder { return labForwarderWith(t, "dynemu, in a lab", "") }

// labForwarderWith is labForwarder with an option more.
func labForwarderWith(t *testing.T, name, option string) *forwarder {
	d := testlab.Start(t)
	d.MustWriteLab("fwd", forwardLab+option+"\n")
	return &forwarder{
		name: name, namespace: "/run/netns/" + d.Prefix + "-fwd-R1", taps: [2]string{"f1-0", "f2-0"},
		console: d.Console("fwd", "R1"), pid: d.NodePID("fwd", "R1"), end: func() {},
	}
}

func commandForwarder(t *testing.T, p peer) *forwarder {
	elf, err := filepath.Abs("../../vm/firmware/router.elf")
	if err != nil {
		t.Fatal(err)
	}
	ns := fmt.Sprintf("dynemu-bench-%d", os.Getpid())
	ip := func(args ...string) error {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
		}
		return nil
	}
	if err := ip("netns", "add", ns); err != nil {
		t.Fatal(err)
	}
	remove := func() { _ = ip("netns", "del", ns) }
	t.Cleanup(remove)
	args := append([]string{"ip", "netns", "exec", ns}, p.args...)
	args = append(args, "-r", "128", "-p", "1:PA-FE-TX", "-p", "2:PA-FE-TX", "-s", "1:0:tap:t0", "-s", "2:0:tap:t1", elf)
	tty, cmd := session(t, args...)
	c := console.New(tty, tty)
	if err := c.Login(20 * time.Second); err != nil {
		t.Fatalf("%s: %v", p.name, err)
	}
	for _, tap := range []string{"t0", "t1"} {
		err := errors.Join(ip("netns", "exec", ns, "sysctl", "-qw", "net.ipv6.conf."+tap+".disable_ipv6=1"),
			ip("-n", ns, "link", "set", tap, "up"))
		if err != nil {
			t.Fatal(err)
		}
	}
	return &forwarder{
		name: p.name, namespace: "/run/netns/" + ns, taps: [2]string{"t0", "t1"}, console: c, pid: cmd.Process.Pid,
		end: func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			remove()
		},
	}
}

// forwarding is what a router does.
type forwarding struct {
	rates   []float64        // frames/s: without loss and overloaded, in the order of the table
	latency [2]time.Duration // median and 99th percentile
}

func measureForwarding(f *forwarder) (m forwarding, err error) {
	err = f.console.Configure(
		"interface f1/0", "ip address 10.0.1.1 255.255.255.0", "no shutdown",
		"interface f2/0", "ip address 10.0.2.1 255.255.255.0", "no shutdown")
	if err != nil {
		return m, err
	}
	var ports [2]*traffic.Port
	var hosts [2]traffic.Host
	var gateways [2][6]byte
	for i := range ports {
		if ports[i], err = traffic.Open(f.namespace, f.taps[i]); err != nil {
			return m, err
		}
		defer ports[i].Close()
		hosts[i] = traffic.Host{MAC: [6]byte{2, 0, 0, 0, 0, byte(i + 1)}, IP: [4]byte{10, 0, byte(i + 1), 2}}
		if gateways[i], err = ports[i].Resolve(hosts[i], [4]byte{10, 0, byte(i + 1), 1}, 10*time.Second); err != nil {
			return m, err
		}
	}
	stream := func(from, size int) *traffic.Stream {
		to := 1 - from
		return &traffic.Stream{From: ports[from], To: ports[to], Src: hosts[from], Dst: hosts[to], Gateway: gateways[from], Size: size}
	}
	for _, streams := range [][]*traffic.Stream{
		{stream(0, traffic.MinFrame)},
		{stream(0, traffic.MinFrame), stream(1, traffic.MinFrame)},
		{stream(0, 1514), stream(1, 1514)},
	} {
		lossFree, overloaded, err := capacity(streams)
		if err != nil {
			return m, err
		}
		m.rates = append(m.rates, lossFree, overloaded)
	}
	s := stream(0, traffic.MinFrame)
	if _, _, err := run(traffic.Options{Rate: 1000, Duration: 3 * time.Second, Latency: true}, s); err != nil {
		return m, err
	}
	l := s.Result.Latency
	if len(l) < 10 {
		return m, fmt.Errorf("%d frames of %d arrived at 1000 frames/s", len(l), s.Result.Sent)
	}
	m.latency = [2]time.Duration{median(l), l[len(l)*99/100]}
	return m, nil
}

// tolerated is the share of frames that may be lost in a trial that counts as
// one without loss: what the host's scheduler costs now and then.
const tolerated = 1e-4

// capacity finds the highest rate, of the streams together, at which nothing is
// lost in one of rounds trials, and the highest that arrives when more is offered
// than can be forwarded.
func capacity(streams []*traffic.Stream) (lossFree, overloaded float64, err error) {
	try := func(offered float64) (rate, lost float64, err error) {
		return run(traffic.Options{Rate: offered / float64(len(streams)), Duration: *trial}, streams...)
	}
	// Twice what comes through, until no more does: a load far above would take
	// the processor from the router.
	for offered, more := 2000.0, true; more; offered = max(2*offered, 2*overloaded) {
		more = false
		for n := 0; n < *rounds && !more; n++ {
			rate, lost, err := try(offered)
			if err != nil {
				return 0, 0, err
			}
			overloaded = max(overloaded, rate)
			if lost <= tolerated {
				lossFree = max(lossFree, rate)
			}
			more = rate > 0.8*offered
		}
	}
	for low, high := lossFree, 1.1*overloaded; high-low > 0.04*high; {
		middle, free := (low+high)/2, false
		for n := 0; n < *rounds && !free; n++ {
			rate, lost, err := try(middle)
			if err != nil {
				return 0, 0, err
			}
			// The generator leaves frames out where it is itself held up.
			if free = lost <= tolerated && rate > 0.95*middle; free {
				lossFree = max(lossFree, rate)
			}
		}
		if free {
			low = middle
		} else {
			high = middle
		}
	}
	return lossFree, max(lossFree, overloaded), nil
}

// run returns how many frames arrived a second and the share that was lost. A
// frame that arrives changed or out of order is an error.
func run(o traffic.Options, streams ...*traffic.Stream) (rate, lost float64, err error) {
	o.Drain, o.RealTime = 50*time.Millisecond, true
	if err := traffic.Run(o, streams...); err != nil {
		return 0, 0, err
	}
	var sent, missing uint64
	for _, s := range streams {
		r := &s.Result
		if r.Reordered+r.Wrong > 0 || r.Received > r.Sent {
			return 0, 0, fmt.Errorf("of %d frames %d arrived, %d out of order, %d changed", r.Sent, r.Received, r.Reordered, r.Wrong)
		}
		rate += r.Rate()
		sent += r.Sent
		missing += r.Lost()
	}
	return rate, float64(missing) / float64(sent), nil
}
