package wires

import (
	"bufio"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// sniffer is a tcpdump that runs.
type sniffer struct {
	t    *testing.T
	cmd  *exec.Cmd
	what string
	mu   sync.Mutex
	text strings.Builder
	link string // link-type, as tcpdump names it
	done chan struct{}
}

// tcpdump reads an interface of a device, in a direction or, if empty, both.
func (l *running) tcpdump(device, ifname, direction string, filter ...string) *sniffer {
	l.t.Helper()
	if _, err := exec.LookPath("tcpdump"); err != nil {
		l.t.Skip("SKIP: tcpdump is not installed: interfaces are not looked at with it")
	}
	args := []string{"netns", "exec", l.netns(device), "tcpdump", "-i", ifname, "-n", "-l", "-U", "--immediate-mode"}
	if direction != "" {
		args = append(args, "-Q", direction)
	}
	d := &sniffer{t: l.t, cmd: exec.Command("ip", append(args, filter...)...), what: device + " " + ifname + " " + direction, done: make(chan struct{})}
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	notes, err := d.cmd.StderrPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(d.end)
	listening := make(chan string, 1)
	go func() {
		for s := bufio.NewScanner(notes); s.Scan(); {
			if m := regexp.MustCompile(`listening on .*link-type (\S+)`).FindStringSubmatch(s.Text()); m != nil {
				listening <- m[1]
			}
			d.add("# " + s.Text())
		}
	}()
	go func() {
		defer close(d.done)
		for s := bufio.NewScanner(out); s.Scan(); {
			d.add(s.Text())
		}
	}()
	select {
	case d.link = <-listening:
	case <-time.After(20 * time.Second):
		l.t.Fatalf("tcpdump of %s does not begin:\n%s", d.what, d.output())
	}
	return d
}

func (d *sniffer) add(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.text.WriteString(line + "\n")
}

func (d *sniffer) output() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.String()
}

// end ends it.
func (d *sniffer) end() {
	_ = d.cmd.Process.Kill() // it may have ended
	<-d.done
	_ = d.cmd.Wait()
}

// sees waits until it has printed a line that matches. again has the frames sent
// another time: the first may pass before the daemon knows of the reader.
func (d *sniffer) sees(re string, again func()) {
	d.t.Helper()
	r := regexp.MustCompile(`(?m)` + re)
	for end := time.Now().Add(10 * time.Second); !r.MatchString(d.output()); time.Sleep(20 * time.Millisecond) {
		again()
		if time.Now().After(end) {
			d.t.Fatalf("tcpdump of %s (link type %s) shows no %q:\n%s", d.what, d.link, re, d.output())
		}
	}
}

func (d *sniffer) not(re string) {
	d.t.Helper()
	if regexp.MustCompile(`(?m)` + re).MatchString(d.output()) {
		d.t.Errorf("tcpdump of %s (link type %s) shows %q:\n%s", d.what, d.link, re, d.output())
	}
}

// counters are those of a kernel interface: packets received and sent.
func (l *running) counters(device, ifname string) (rx, tx uint64) {
	l.t.Helper()
	out, err := exec.Command("ip", "-n", l.netns(device), "-s", "link", "show", "dev", ifname).Output()
	m := regexp.MustCompile(`RX:.*\n\s+\d+\s+(\d+)(?s:.*)TX:.*\n\s+\d+\s+(\d+)`).FindSubmatch(out)
	if err != nil || m == nil {
		l.t.Fatalf("counters of %s %s: %v\n%s", device, ifname, err, out)
	}
	fmt.Sscan(string(m[1]), &rx)
	fmt.Sscan(string(m[2]), &tx)
	return rx, tx
}

const serialLab = `[localhost]
[[7200]]
ram = 64
[[ROUTER R1]]
slot1 = PA-4T+
s1/0 = R2 s1/0
s1/1 = F1 1
p2/0 = R2 p2/0
[[ROUTER R2]]
slot1 = PA-4T+
s1/1 = F1 2
[[FRSW F1]]
1:102 = 2:201
`

// The kernel's interfaces of serial ports show their frames while somebody looks.
func TestSerialInterfaces(t *testing.T) {
	t.Parallel()
	l := run(t, "serial", serialLab)
	for i := 1; i <= 2; i++ {
		name := fmt.Sprint("R", i)
		l.address(name, "s1/0", fmt.Sprint("10.0.0.", i), "keepalive 1")
		l.address(name, "s1/1", fmt.Sprint("10.1.0.", i), "encapsulation frame-relay", "keepalive 1")
		l.address(name, "p2/0", fmt.Sprint("10.2.0.", i), "keepalive 1")
	}
	for i := range 3 {
		l.pings("R1", fmt.Sprintf("10.%d.0.2", i))
	}
	idle := func(when string, was map[string][2]uint64) map[string][2]uint64 {
		t.Helper()
		now := map[string][2]uint64{}
		for _, e := range []string{"R1 s1-0", "R1 s1-1", "R1 p2-0", "R2 s1-0", "R2 s1-1", "F1 p1", "F1 p2"} {
			device, ifname, _ := strings.Cut(e, " ")
			rx, tx := l.counters(device, ifname)
			now[e] = [2]uint64{rx, tx}
			if now[e] != was[e] {
				t.Errorf("%s: %s counts %v frames that nobody reads, %v before", when, e, now[e], was[e])
			}
		}
		return now
	}
	idle("before anybody reads", nil)
	all := func() {
		for i := range 3 {
			l.pings("R1", fmt.Sprintf("10.%d.0.2", i))
		}
	}
	first := func() { l.pings("R1", "10.0.0.2") }

	type pair struct{ in, out *sniffer }
	open := func(device, ifname, link string) pair {
		t.Helper()
		p := pair{l.tcpdump(device, ifname, "in"), l.tcpdump(device, ifname, "out")}
		if p.in.link != link {
			t.Errorf("link type of %s %s is %s, want %s", device, ifname, p.in.link, link)
		}
		return p
	}
	// Of each port, what its device sent comes in, as at an Ethernet port.
	one, two := open("R1", "s1-0", "C_HDLC"), open("R2", "s1-0", "C_HDLC")
	fr, sw := open("R1", "s1-1", "FRELAY"), open("F1", "p2", "FRELAY")
	pos := open("R1", "p2-0", "C_HDLC")
	request := func(net int) string {
		return fmt.Sprintf(`IP 10\.%d\.0\.1 > 10\.%d\.0\.2: ICMP echo request`, net, net)
	}
	reply := func(net int) string { return fmt.Sprintf(`IP 10\.%d\.0\.2 > 10\.%d\.0\.1: ICMP echo reply`, net, net) }
	for _, c := range []struct {
		d         *sniffer
		sees, not string
	}{
		{one.in, request(0), reply(0)}, {one.out, reply(0), request(0)},
		{two.in, reply(0), request(0)}, {two.out, request(0), reply(0)},
		{pos.in, request(2), reply(2)}, {pos.out, reply(2), request(2)},
		{fr.in, request(1), reply(1)}, {fr.out, reply(1), request(1)},
		// The switch sends R2 what it has from R1.
		{sw.in, request(1), reply(1)}, {sw.out, reply(1), request(1)},
	} {
		c.d.sees(c.sees, all)
		c.d.not(c.not)
	}
	for _, d := range []*sniffer{one.in, one.out, two.in, pos.in, pos.out} {
		d.sees(`(?i)slarp.*keepalive|keepalive`, func() {})
	}
	for _, d := range []*sniffer{fr.in, fr.out, sw.in} {
		d.sees(`(?i)status`, func() {}) // LMI
	}
	for _, p := range []pair{one, two, fr, sw, pos} {
		p.in.end()
		p.out.end()
	}
	before := map[string][2]uint64{}
	l.Wait(10*time.Second, "the copying to end with its readers", func() bool {
		again := map[string][2]uint64{}
		for _, e := range []string{"R1 s1-0", "R1 s1-1", "R1 p2-0", "R2 s1-0", "R2 s1-1", "F1 p1", "F1 p2"} {
			device, ifname, _ := strings.Cut(e, " ")
			rx, tx := l.counters(device, ifname)
			again[e] = [2]uint64{rx, tx}
		}
		same := fmt.Sprint(before) == fmt.Sprint(again)
		before = again
		time.Sleep(100 * time.Millisecond)
		return same
	})
	all()
	idle("after the last reader", before)

	// The link type follows the encapsulation.
	for i := 1; i <= 2; i++ {
		l.configure(fmt.Sprint("R", i), "interface s1/0", "encapsulation frame-relay", "no keepalive",
			fmt.Sprintf("frame-relay map ip 10.0.0.%d 55 broadcast", 3-i))
	}
	// What passes the port is looked at from time to time.
	becomes := func(link string) {
		t.Helper()
		for _, name := range []string{"R1", "R2"} {
			l.Wait(20*time.Second, "the interface of "+name+" to be one of "+link, func() bool {
				l.pings("R1", "10.0.0.2")
				return strings.Contains(l.link(name, "s1-0"), "link/"+link)
			})
		}
	}
	becomes("frad")
	p := open("R1", "s1-0", "FRELAY")
	p.in.sees(request(0), first)
	p.out.sees(reply(0), first)
	for i := 1; i <= 2; i++ {
		l.configure(fmt.Sprint("R", i), "interface s1/0", "encapsulation hdlc", "keepalive 1")
	}
	becomes("hdlc")
	p = open("R1", "s1-0", "C_HDLC")
	p.in.sees(request(0), first)

	// A reader goes on over the end of a daemon, and the next one serves new ones.
	l.Kill()
	l.Run()
	clear(l.consoles)
	l.WaitState(l.name, "R1", "running")
	was := strings.Count(p.in.output(), "echo request")
	l.pings("R1", "10.0.0.2")
	l.Wait(10*time.Second, "the reader to see more pings", func() bool { return strings.Count(p.in.output(), "echo request") > was })
	q := open("R2", "s1-0", "C_HDLC")
	q.in.sees(reply(0), first)
}
