package wires

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gopacket/gopacket/pcapgo"

	"dynemu/tests/console"
	"dynemu/tests/testlab"
)

// running is a lab on a machine of its own, as far as the network goes, with the
// consoles of its routers.
type running struct {
	*testlab.Daemon
	host     *space
	t        *testing.T
	name     string
	text     string
	consoles map[string]*console.Console
}

// run has a daemon run a lab.
func run(t *testing.T, name, text string) *running {
	t.Helper()
	return runOn(t, newSpace(t), name, text)
}

func runOn(t *testing.T, host *space, name, text string) *running {
	t.Helper()
	l := &running{Daemon: testlab.StartWhere(t, host.try), host: host, t: t, name: name, consoles: map[string]*console.Console{}}
	l.edit(text)
	return l
}

// edit applies a text as the lab's file and returns the outcome.
func (l *running) edit(text string) string {
	l.t.Helper()
	l.text = text
	l.MustWriteLab(l.name, text)
	return l.Read("labs", l.name, "result")
}

// change is edit with one text for another.
func (l *running) change(from, to string) string {
	l.t.Helper()
	if !strings.Contains(l.text, from) {
		l.t.Fatalf("the lab has no %q:\n%s", from, l.text)
	}
	return l.edit(strings.Replace(l.text, from, to, 1))
}

// router is the console of a router.
func (l *running) router(name string) *console.Console {
	l.t.Helper()
	if l.consoles[name] == nil {
		l.open(name)
	}
	return l.consoles[name]
}

// open opens the console anew, after a start of the router or of the daemon.
func (l *running) open(name string) {
	l.t.Helper()
	l.consoles[name] = l.Console(l.name, name)
	// What the router tells must not get between what is typed.
	l.configure(name, "hostname "+name, "no logging console")
}

func (l *running) configure(name string, lines ...string) {
	l.t.Helper()
	if err := l.router(name).Configure(lines...); err != nil {
		l.t.Fatalf("%s: %v", name, err)
	}
}

// address gives an interface an address and brings it up.
func (l *running) address(name, port, ip string, more ...string) {
	l.t.Helper()
	lines := append([]string{"interface " + port}, more...)
	l.configure(name, append(lines, "ip address "+ip+" 255.255.255.0", "no shutdown")...)
}

// show is what a command prints.
func (l *running) show(name, line string) string {
	l.t.Helper()
	out, err := l.router(name).Command(line, 20*time.Second)
	if err != nil {
		l.t.Fatalf("%s: %v", name, err)
	}
	return out
}

// shows waits until the output of a command matches.
func (l *running) shows(name, line, want string) string {
	l.t.Helper()
	re, out := regexp.MustCompile(`(?m)`+want), ""
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if out = l.show(name, line); re.MatchString(out) {
			return out
		}
		if time.Now().After(end) {
			l.t.Fatalf("%s: %q shows no %q:\n%s", name, line, want, out)
		}
	}
}

// pings until all five echoes come back, since the first go while lines, LMI and ARP
// come up.
func (l *running) pings(name, to string) {
	l.t.Helper()
	var got, sent int
	for end := time.Now().Add(40 * time.Second); time.Now().Before(end); {
		var err error
		if got, sent, err = l.router(name).Ping(to+" timeout 1", 30*time.Second); err != nil {
			l.t.Fatalf("%s: %v", name, err)
		}
		if got == sent && sent == 5 {
			return
		}
	}
	l.t.Fatalf("%s: ping %s: %d of %d came back\n%s%s", name, to, got, sent, l.show(name, "show ip interface brief"), l.command("ports", l.name))
}

// silent expects that no echo comes back.
func (l *running) silent(name, to, why string) {
	l.t.Helper()
	got, sent, err := l.router(name).Ping(to+" repeat 2 timeout 1", 30*time.Second)
	if err != nil || got != 0 {
		l.t.Errorf("%s: %s: %d of %d echoes came back, %v", name, why, got, sent, err)
	}
}

// file is the path of a port's file in the tree.
func (l *running) file(device, port, name string) []string {
	return []string{"labs", l.name, device, "ports", strings.ReplaceAll(port, "/", "-"), name}
}

func (l *running) port(device, port, name string) string {
	l.t.Helper()
	return l.Read(l.file(device, port, name)...)
}

func (l *running) set(device, port, name, text string) {
	l.t.Helper()
	if err := l.Write(text, l.file(device, port, name)...); err != nil {
		l.t.Fatalf("%s %s: %q into %s: %v: %s", device, port, text, name, err, l.Read("labs", l.name, device, "errors"))
	}
}

// ctl writes a command to the ctl of a device, which must be accepted.
func (l *running) ctl(device, command string) {
	l.t.Helper()
	if err := l.Write(command, "labs", l.name, device, "ctl"); err != nil {
		l.t.Fatalf("%s: %s: %v: %s", device, command, err, l.Read("labs", l.name, device, "errors"))
	}
}

// start starts a device that does not run.
func (l *running) start(device string) {
	l.t.Helper()
	l.ctl(device, "start")
	l.WaitState(l.name, device, "running")
	delete(l.consoles, device)
}

// command runs the program dynemu.
func (l *running) command(words ...string) string {
	l.t.Helper()
	out, err := exec.Command(filepath.Join(testlab.Bin(l.t), "dynemu"), append([]string{"--mount", l.Mount}, words...)...).CombinedOutput()
	if err != nil {
		l.t.Fatalf("dynemu %s: %v: %s", strings.Join(words, " "), err, out)
	}
	return string(out)
}

// stats are the counters of a port.
func (l *running) stats(device, port string) map[string]uint64 {
	l.t.Helper()
	m := map[string]uint64{}
	for line := range strings.Lines(l.port(device, port, "stats")) {
		line = strings.TrimSpace(line)
		i := strings.LastIndexByte(line, ' ')
		n, err := strconv.ParseUint(line[i+1:], 10, 64)
		if err != nil {
			l.t.Fatalf("stats of %s %s: %q", device, port, line)
		}
		m[line[:i]] = n
	}
	return m
}

func (l *running) netns(device string) string { return l.Prefix + "-" + l.name + "-" + device }

// link is how the kernel shows an interface of a device.
func (l *running) link(device, ifname string) string {
	out, err := exec.Command("ip", "-n", l.netns(device), "-d", "link", "show", "dev", ifname).CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%v: %s", err, out)
	}
	return string(out)
}

// carrier waits until the tree and, for Ethernet ports, the kernel show the state of a
// port's link.
func (l *running) carrier(device, port, want string) {
	l.t.Helper()
	path := l.Path(l.file(device, port, "carrier")...)
	ifname, shown, kernel := strings.ReplaceAll(port, "/", "-"), "", ""
	if _, err := strconv.Atoi(port); err == nil {
		ifname = "p" + port
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(path)
		shown = strings.TrimSpace(string(text))
		ok := err == nil && shown == want
		if strings.ContainsAny(port[:1], "feg0123456789") && l.ethernet(device, port) {
			kernel = l.link(device, ifname)
			ok = ok && strings.Contains(kernel, "NO-CARRIER") == (want != "up")
		}
		if ok {
			return
		}
		if time.Now().After(end) {
			l.t.Fatalf("carrier of %s %s is %q (%v), want %s; the kernel shows:\n%s", device, port, shown, err, want, kernel)
		}
	}
}

// ethernet reports whether a port has a TAP.
func (l *running) ethernet(device, port string) bool {
	ifname, err := os.ReadFile(l.Path(l.file(device, port, "ifname")...))
	return err == nil && strings.Contains(l.link(device, strings.TrimSpace(string(ifname))), "tun type tap")
}

// stream is a pcap stream that is read as it comes.
type stream struct {
	frames   chan []byte
	linktype chan int
}

// live opens the stream of a port.
func (l *running) live(device, port string) *stream {
	l.t.Helper()
	// A read of a stream that waits is only ended by a signal, so it must be able to
	// end by itself: cat is one that can be killed.
	cat := exec.Command("cat", l.Path(l.file(device, port, "live.pcap")...))
	cat.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cat.StdoutPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	if err := cat.Start(); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() {
		_ = cat.Process.Kill() // it may have ended
		_ = cat.Wait()
	})
	s := &stream{frames: make(chan []byte, 1<<16), linktype: make(chan int, 1)}
	go func() {
		defer close(s.frames)
		r, err := pcapgo.NewReader(out)
		if err != nil {
			return
		}
		s.linktype <- int(r.LinkType())
		for {
			data, _, err := r.ReadPacketData()
			if err != nil {
				return
			}
			s.frames <- data
		}
	}()
	select {
	case n := <-s.linktype:
		s.linktype <- n
	case <-time.After(10 * time.Second):
		l.t.Fatalf("live.pcap of %s %s has no header after 10 s", device, port)
	}
	return s
}

// until returns the next frame that ok picks.
func (s *stream) until(timeout time.Duration, ok func([]byte) bool) []byte {
	end := time.After(timeout)
	for {
		select {
		case f, more := <-s.frames:
			if !more {
				return nil
			}
			if ok(f) {
				return f
			}
		case <-end:
			return nil
		}
	}
}

// readPcap reads a capture file to its end.
func readPcap(path string) (linktype int, frames [][]byte, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, nil, err
	}
	r, err := pcapgo.NewReader(bytes.NewReader(b))
	if err != nil {
		return 0, nil, err
	}
	for {
		data, _, err := r.ReadPacketData()
		if err == io.EOF {
			return int(r.LinkType()), frames, nil
		}
		if err != nil {
			return int(r.LinkType()), frames, err
		}
		frames = append(frames, data)
	}
}
