package wires

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// dump is a tcpdump that looks at every TCP segment which passes an interface.
type dump struct {
	t        testing.TB
	cmd      *exec.Cmd
	name     string
	segments int
	bad      []string // lines about segments that are not as they should be
	longest  int      // frame in bytes
	done     chan struct{}
}

var (
	frameLength = regexp.MustCompile(`ethertype IPv4 \(0x0800\), length (\d+):`)
	checksum    = regexp.MustCompile(`cksum 0x[0-9a-f]+ \((\w+)`)
)

// tcpdump begins to look at an interface of a namespace.
func tcpdump(t testing.TB, netns, ifname string) *dump {
	t.Helper()
	if _, err := exec.LookPath("tcpdump"); err != nil {
		t.Skip("SKIP: tcpdump is not installed")
	}
	d := &dump{t: t, name: netns + " " + ifname, done: make(chan struct{})}
	d.cmd = exec.Command("ip", "netns", "exec", netns, "tcpdump", "-nevv", "-B", "65536", "-i", ifname, "tcp")
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := d.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := bufio.NewScanner(stderr)
	for ready.Scan() && !strings.Contains(ready.Text(), "listening") {
	}
	go func() { _, _ = io.Copy(io.Discard, stderr) }()
	go func() {
		defer close(d.done)
		for s := bufio.NewScanner(out); s.Scan(); {
			d.line(s.Text())
		}
	}()
	t.Cleanup(func() { _ = d.cmd.Process.Kill() })
	return d
}

func (d *dump) line(text string) {
	if m := frameLength.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1])
		d.longest = max(d.longest, n)
		if strings.Contains(text, "bad cksum") {
			d.bad = append(d.bad, text)
		}
	}
	if m := checksum.FindStringSubmatch(text); m != nil {
		if d.segments++; m[1] != "correct" {
			d.bad = append(d.bad, text)
		}
	}
}

// check ends it, and tells what was wrong.
func (d *dump) check(atLeast int) {
	d.t.Helper()
	_ = d.cmd.Process.Signal(syscall.SIGINT)
	select {
	case <-d.done:
	case <-time.After(20 * time.Second):
		d.t.Fatalf("%s: tcpdump does not end", d.name)
	}
	_ = d.cmd.Wait()
	if d.segments < atLeast || d.longest > 1514 || d.longest < 1000 || len(d.bad) > 0 {
		d.t.Errorf("%s: %d segments, want at least %d; longest frame %d bytes; wrong: %d, %.5q", d.name, d.segments, atLeast, d.longest, len(d.bad), d.bad)
	}
}

// The machine and its router reach each other by NIO_host, and by the router what is
// behind an interface of the machine: TCP that leaves checksums and segments to the
// hardware arrives as it should, in both directions.
// Promises: 66, 67, 69.
func TestHostTraffic(t *testing.T) {
	const megabytes = 10
	m, outside := newMachine(t), newSpace(t)
	veth(m.space, "out0", outside, "eth0")
	outside.address("eth0", "10.2.0.2/24")
	m.MustWriteLab("h", `[localhost]
[[7200]]
ram = 64
[[ROUTER R1]]
slot1 = PA-FE-TX
slot2 = PA-FE-TX
f1/0 = NIO_host:lab0:10.1.0.2/24
f2/0 = NIO_linux_eth:out0
[[ROUTER R2]]
slot2 = PA-FE-TX
f2/0 = NIO_gen_eth:out0
`)
	r1, r2 := m.router("h", "R1"), m.router("h", "R2")
	if out := m.run("ip -br addr show dev lab0"); !strings.Contains(out, " 10.1.0.2/24") {
		t.Errorf("the host's end has other addresses: %s", out)
	}
	r1.address("f1/0", "10.1.0.1")
	r1.address("f2/0", "10.2.0.1")
	r2.address("f2/0", "10.2.0.3")
	r1.pings("10.1.0.2")
	m.pings("10.1.0.1")
	r1.pings("10.2.0.2")
	outside.pings("10.2.0.1")
	// What shares an interface is on one wire.
	r2.pings("10.2.0.1")
	r2.pings("10.2.0.2")
	outside.pings("10.2.0.3")

	m.run("ip route add 10.2.0.0/24 via 10.1.0.1")
	outside.run("ip route add 10.1.0.0/24 via 10.2.0.1")
	outside.pings("10.1.0.2")
	netns := m.fact("h", "R1", "f1/0", "netns")
	super := outside.superFrames("eth0")
	dumps := []*dump{tcpdump(t, netns, "f1-0"), tcpdump(t, netns, "f2-0")}
	transfer(t, m.space, outside, "10.2.0.2", megabytes<<20)
	for _, d := range dumps {
		d.check(megabytes << 20 / 1460) // it may not see all
	}
	if super.Load() == 0 {
		t.Error("the kernel never left segments to the interface: the test shows nothing")
	}
	for _, name := range []string{"rx-drops", "tx-drops"} {
		for _, port := range []string{"f1/0", "f2/0"} {
			if n := m.counter("h", "R1", port, name); n > 0 {
				t.Logf("%s of %s: %d", name, port, n)
			}
		}
	}

	// The next daemon removes what one that was killed has made.
	m.Kill()
	r1.Close()
	r2.Close()
	m.Run()
	m.WaitState("h", "R1", "running")
	m.pings("10.1.0.1")
	if err := os.Remove(m.Path("labs", "h.net")); err != nil {
		t.Fatal(err)
	}
	m.Wait(20*time.Second, "the lab to go", func() bool {
		_, err := os.Stat(m.Path("labs", "h"))
		return os.IsNotExist(err)
	})
	if out := m.run("ip -br link"); strings.Contains(out, "lab0") || !strings.Contains(out, "out0") {
		t.Errorf("interfaces after the removal:\n%s", out)
	}
}
