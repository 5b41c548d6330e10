package wires

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

const captureLab = `[localhost]
[[7200]]
ram = 64
[[ROUTER R1]]
slot1 = PA-4T+
f0/0 = R2 f0/0
s1/0 = R2 s1/0
s1/1 = R2 s1/1
s1/2 = R2 s1/2
a2/0 = R2 a2/0
[[ROUTER R2]]
slot1 = PA-4T+
`

// captures are ports, with what is written at them.
var captures = []struct{ port, file, kind string }{
	{"f0/0", "eth.cap", ""},
	{"f0/0", "again.cap", "EN10MB"},
	{"s1/0", "hdlc.cap", "HDLC"},
	{"s1/1", "fr.cap", "FR"},
	{"s1/2", "ppp.cap", "PPP"},
	{"a2/0", "atm.cap", "ATM"},
}

var capturePorts = []string{"f0/0", "s1/0", "s1/1", "s1/2", "a2/0"}

func captured(t *testing.T) *running {
	t.Helper()
	l := run(t, "cap", captureLab)
	for i := 1; i <= 2; i++ {
		name := fmt.Sprint("R", i)
		for n, more := range [][]string{
			nil, {"keepalive 1"},
			{"encapsulation frame-relay", "no keepalive", fmt.Sprintf("frame-relay map ip 10.2.0.%d 55", 3-i)},
			{"encapsulation ppp"}, {"pvc 0/100", "exit"},
		} {
			l.address(name, capturePorts[n], fmt.Sprintf("10.%d.0.%d", n, i), more...)
		}
		if out := l.show(name, "write memory"); !strings.Contains(out, "OK") {
			t.Fatalf("%s: write memory: %s", name, out)
		}
	}
	l.all()
	return l
}

// all has R1 ping R2 over every link.
func (l *running) all() {
	l.t.Helper()
	for n := range capturePorts {
		l.pings("R1", fmt.Sprintf("10.%d.0.2", n))
	}
}

// echoes are how many echo requests and replies between R1 and R2 a capture holds, as
// tcpdump reads it.
func echoes(t *testing.T, path string) (requests, replies int, text string) {
	t.Helper()
	if _, err := exec.LookPath("tcpdump"); err != nil {
		t.Skip("SKIP: tcpdump is not installed: captures are not read with it")
	}
	out, err := exec.Command("tcpdump", "-n", "-r", path).CombinedOutput()
	if err != nil {
		t.Fatalf("tcpdump -r %s: %v\n%s", path, err, out)
	}
	return bytes.Count(out, []byte("ICMP echo request")), bytes.Count(out, []byte("ICMP echo reply")), string(out)
}

// Promises: 88, 89, 90, 91.
func TestCaptures(t *testing.T) {
	t.Parallel()
	l := captured(t)
	path := func(file string) string { return l.Path("labs", l.name, "captures", file) }
	for _, c := range captures {
		words := []string{"capture", "R1", c.port, c.file}
		if c.kind != "" {
			words = append(words, c.kind)
		}
		if out := l.command(words...); !strings.Contains(out, path(c.file)) {
			t.Errorf("dynemu %s does not say where: %s", strings.Join(words, " "), out)
		}
	}
	count := func() map[string]int {
		t.Helper()
		m := map[string]int{}
		for _, c := range captures {
			_, frames, err := readPcap(path(c.file))
			if err != nil {
				t.Fatalf("%s is not a whole capture after %d frames: %v", c.file, len(frames), err)
			}
			m[c.file] = len(frames)
		}
		return m
	}
	// grown has pings pass and waits until the files that go on have them, and the
	// others nothing.
	grown := func(when string, ended ...string) {
		t.Helper()
		before := count()
		l.all()
		for _, c := range captures {
			if strings.Contains(strings.Join(ended, " "), c.file) {
				continue
			}
			l.Wait(10*time.Second, c.file+" to grow "+when, func() bool {
				_, frames, err := readPcap(path(c.file))
				return err == nil && len(frames) >= before[c.file]+10
			})
		}
		after := count()
		for _, file := range ended {
			if after[file] != before[file] {
				t.Errorf("%s: %s goes on: %d frames, were %d", when, file, after[file], before[file])
			}
		}
	}
	grown("at first")
	for _, c := range captures {
		requests, replies, text := echoes(t, path(c.file))
		if requests < 5 || replies < 5 {
			t.Errorf("%s holds %d echo requests and %d replies, as tcpdump reads it:\n%s", c.file, requests, replies, text)
		}
	}
	// What the statistics say is what the file holds, once nothing passes.
	stats := l.stats("R1", "s1/1")
	if n := count()["fr.cap"]; stats["capture fr.cap packets"] != uint64(n) || stats["capture fr.cap drops"] != 0 {
		t.Errorf("fr.cap holds %d frames; the statistics of s1/1 are %v", n, stats)
	}

	pid, was := l.NodePID(l.name, "R1"), count()["hdlc.cap"]
	l.Kill()
	noDaemon := filepath.Join(l.State, "labs", l.name, "captures", "hdlc.cap") // without the tree
	alive := false
	for end := time.Now().Add(10 * time.Second); !alive && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		_, frames, err := readPcap(noDaemon)
		alive = err == nil && len(frames) > was
	}
	l.Run()
	if !alive {
		t.Error("without a daemon, keepalives are not captured")
	}
	clear(l.consoles)
	grown("with a daemon that was started anew")
	if got := l.NodePID(l.name, "R1"); got != pid {
		t.Errorf("R1 is process %d, was %d", got, pid)
	}

	l.ctl("R1", "reload")
	clear(l.consoles)
	l.WaitState(l.name, "R1", "running")
	grown("after R1 was started anew")
	for _, c := range captures { // of all runs, in one file
		if requests, replies, text := echoes(t, path(c.file)); requests < 15 || replies < 15 {
			t.Errorf("%s holds %d echo requests and %d replies, as tcpdump reads it:\n%s", c.file, requests, replies, text)
		}
	}
	l.command("no", "capture", "R1", "f0/0", "again.cap")
	grown("after the second capture of f0/0 was ended", "again.cap")
	l.command("no", "capture", "R1", "f0/0")
	l.command("no", "capture", "R1", "a2/0")
	grown("after captures were ended", "again.cap", "eth.cap", "atm.cap")

	// capture.pcap is there from touch to rm.
	file := l.Path(l.file("R2", "s1/0", "capture.pcap")...)
	if out, err := exec.Command("touch", file).CombinedOutput(); err != nil {
		t.Fatalf("touch: %v: %s", err, out)
	}
	first := func() (int, int) {
		kind, frames, err := readPcap(file)
		if err != nil {
			t.Fatal(err)
		}
		return kind, len(frames)
	}
	l.pings("R1", "10.1.0.2")
	l.Wait(10*time.Second, "ten frames in capture.pcap", func() bool { _, n := first(); return n >= 10 })
	if kind, _ := first(); kind != int(layers.LinkTypeC_HDLC) {
		t.Errorf("the link type of capture.pcap of s1/0 is %d", kind)
	}
	if requests, replies, text := echoes(t, file); requests < 5 || replies < 5 {
		t.Errorf("capture.pcap as tcpdump reads it:\n%s", text)
	}
	if out, err := exec.Command("rm", file).CombinedOutput(); err != nil {
		t.Fatalf("rm: %v: %s", err, out)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("capture.pcap after rm: %v", err)
	}
	if stats := l.port("R2", "s1/0", "stats"); strings.Contains(stats, "capture") {
		t.Errorf("after rm, R2 still writes:\n%s", stats)
	}
}

// Streams: several readers, one that does not read, and all ports in one.
func TestLiveStreams(t *testing.T) {
	t.Parallel()
	l := captured(t)
	one, two := l.live("R1", "f0/0"), l.live("R1", "f0/0")
	// This one opens the stream and never reads it.
	lazy := exec.Command("sh", "-c", "exec 3< "+l.Path(l.file("R1", "f0/0", "live.pcap")...)+"; echo open; exec sleep 600")
	lazy.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := lazy.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := lazy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = lazy.Process.Kill() // it may have ended
		_ = lazy.Wait()
	})
	if _, err := io.ReadFull(out, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}

	// Less than a stream holds for a reader that has no time.
	const few = 1000
	if got, sent, err := l.router("R1").Ping(fmt.Sprintf("10.0.0.2 size 1500 repeat %d timeout 5", few), time.Minute); err != nil || got != sent || sent != few {
		t.Errorf("with three readers, %d of %d pings came back, %v", got, sent, err)
	}
	for i, s := range []*stream{one, two} {
		requests, replies := 0, 0
		for requests < few || replies < few {
			f := s.until(20*time.Second, func(f []byte) bool { return len(f) == 1514 && f[23] == 1 })
			if f == nil {
				break
			}
			switch f[34] {
			case 8:
				requests++
			case 0:
				replies++
			}
		}
		if requests != few || replies != few {
			t.Errorf("reader %d got %d echo requests and %d replies of %d each", i+1, requests, replies, few)
		}
	}
	if stats := l.stats("R1", "f0/0"); stats["live-drops"] != 0 {
		t.Errorf("frames were dropped for which there was room: %v", stats)
	}
	// And much more.
	const count = 4000
	got, sent, err := l.router("R1").Ping(fmt.Sprintf("10.0.0.2 size 1500 repeat %d timeout 5", count), 5*time.Minute)
	if err != nil || got != sent || sent != count {
		t.Errorf("with a reader that does not read, %d of %d pings came back, %v", got, sent, err)
	}
	// The others have time, more or less, and go on.
	for i, s := range []*stream{one, two} {
		l.pings("R1", "10.0.0.2 size 200")
		if s.until(20*time.Second, func(f []byte) bool { return len(f) == 214 && f[23] == 1 && f[34] == 0 }) == nil {
			t.Errorf("reader %d gets nothing more", i+1)
		}
	}
	// A stream holds 4 MiB; what is more was left out and counted.
	const most = few + count - 4<<20/2/1514
	if stats := l.stats("R1", "f0/0"); stats["live-drops"] < 2*most {
		t.Errorf("of %d frames of 1514 bytes, at least %d were dropped for a reader that does not read: %v", 2*(few+count), 2*most, stats)
	}

	// All ports of the lab in one stream.
	cat := exec.Command("cat", l.Path("labs", l.name, "live.pcapng"))
	cat.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	all, err := cat.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cat.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cat.Process.Kill() // it may have ended
		_ = cat.Wait()
	})
	r, err := pcapgo.NewNgReader(all, pcapgo.NgReaderOptions{WantMixedLinkType: true})
	if err != nil {
		t.Fatal(err)
	}
	type seen struct {
		kind   layers.LinkType
		frames int
	}
	ports := make(chan map[string]seen, 1)
	want := map[string]layers.LinkType{
		"f0/0": layers.LinkTypeEthernet, "s1/0": layers.LinkTypeC_HDLC, "s1/1": layers.LinkTypeFRelay, "s1/2": 50, "a2/0": 123,
	}
	go func() {
		m := map[string]seen{}
		defer func() { ports <- m }()
		for {
			_, ci, err := r.ReadPacketData()
			if err != nil {
				return
			}
			i, err := r.Interface(ci.InterfaceIndex)
			if err != nil {
				return
			}
			m[i.Name] = seen{i.LinkType, m[i.Name].frames + 1}
			enough := true
			for port := range want {
				enough = enough && m["R1 "+port].frames >= 10 && m["R2 "+port].frames >= 10
			}
			if enough {
				return
			}
		}
	}()
	var m map[string]seen
	for end := time.Now().Add(30 * time.Second); m == nil; {
		l.all()
		select {
		case m = <-ports:
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(end) {
			_ = cat.Process.Kill()
			m = <-ports
			t.Fatalf("not all ports are in live.pcapng: %v", m)
		}
	}
	for port, kind := range want {
		for _, name := range []string{"R1 ", "R2 "} {
			if m[name+port].kind != kind {
				t.Errorf("%s%s has link type %v, want %v", name, port, m[name+port].kind, kind)
			}
		}
	}
}
