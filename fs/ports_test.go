package fs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"dynemu/vm/wire"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// wires is a lab with a switch and every kind of port.
var wires = server + `[[7200]]
slot1 = PA-4T+
slot2 = PA-A1
slot3 = PA-POS-OC3
[[ROUTER R1]]
f0/0 = S1 1
s1/0 = F1 1
[[ROUTER R2]]
f0/0 = S1 2
s1/0 = F1 2
[[ETHSW S1]]
1 = access 1
2 = access 1
10 = dot1q 1 NIO_udp:` + fmt.Sprint(console0+6) + `:127.0.0.1:` + fmt.Sprint(console0+7) + `
[[FRSW F1]]
1:102 = 2:201
`

func (w *world) list(name string) string {
	w.t.Helper()
	out, code := w.sh("sh", "ls -U "+name)
	if code != 0 {
		w.t.Fatal(out)
	}
	return strings.Join(strings.Fields(out), " ")
}

func TestPortFolders(t *testing.T) {
	w := newWorld(t)
	w.apply("x", wires)
	const all = "peer carrier stats filter link live.pcap"
	for folder, want := range map[string]string{
		"labs/x/R1/ports/f0-0": "ifname netns mac " + all,
		"labs/x/R1/ports/s1-0": "ifname netns " + all,
		"labs/x/R1/ports/a2-0": "netns " + all,
		"labs/x/R1/ports/p3-0": "ifname netns " + all,
		"labs/x/S1/ports/10":   "ifname netns " + all,
		"labs/x/F1/ports/1":    "ifname netns " + all,
		"labs/x/R1/ports":      "f0-0 s1-0 s1-1 s1-2 s1-3 a2-0 p3-0",
		"labs/x/S1/ports":      "1 2 10",
		"labs/x/S1":            "ctl errors status state info stats mac log ports",
		"labs/x/F1":            "ctl errors status state info stats log ports",
		"labs/x/captures":      "",
		"labs/x/files":         "",
		"labs/x":               "status ctl errors result topology.dot topology.svg captures files live.pcapng R1 R2 S1 F1",
	} {
		got := w.list(folder)
		if got != want {
			t.Errorf("%s: %s\nwant %s", folder, got, want)
		}
	}
	for file, want := range map[string]string{
		"R1/ports/f0-0/ifname": "f0-0", "R1/ports/f0-0/peer": "S1 1", "R1/ports/f0-0/carrier": "up", "R1/ports/f0-0/filter": "none", "R1/ports/f0-0/link": "none",
		"R1/ports/s1-0/ifname": "s1-0", "R1/ports/s1-0/peer": "F1 1", "R1/ports/s1-1/peer": "none", "R1/ports/s1-1/carrier": "none",
		"S1/ports/1/ifname": "p1", "S1/ports/1/peer": "R1 f0/0", "S1/ports/1/carrier": "up", "S1/state": "running",
		"F1/ports/2/ifname": "p2", "F1/ports/2/peer": "R2 s1/0",
	} {
		if got := w.read("labs/x/" + file); got != want+"\n" {
			t.Errorf("%s: %q, want %q", file, got, want)
		}
	}
	if got := w.read("labs/x/S1/ctl"); strings.Contains(got, "confreg") || !strings.Contains(got, "clear mac") {
		t.Errorf("ctl of a switch: %s", got)
	}
	if got := w.read("labs/x/S1/status"); !strings.HasPrefix(got, "type     ETHSW\nstate    running\nport 1   R1 f0/0") {
		t.Errorf("status of a switch: %s", got)
	}
	if got := w.read("labs/x/R1/ports/f0-0/stats"); !strings.HasPrefix(got, "rx-packets 7\n") {
		t.Errorf("stats: %s", got)
	}

	// A name that was a router's becomes a switch's while the folder is in use.
	w.sh("sh", "touch labs/x/R1/stop")
	hold := exec.Command("sh", "-c", "cd "+w.path("labs/x/R2")+" && exec sleep 60")
	if err := hold.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { hold.Process.Kill(); hold.Wait() }()
	w.apply("x", server+"[[ETHSW R2]]\n1 = access 1\n[[ROUTER R1]]\nf0/0 = R2 1\n")
	if got := w.list("labs/x/R2"); got != "ctl errors status state info stats mac log ports" {
		t.Errorf("folder of a router that became a switch: %s", got)
	}
	if out, code := w.sh("sh", "cat labs/x/R2/nvram"); code == 0 {
		t.Errorf("nvram of a switch: %s", out)
	}
}

func TestPortSettings(t *testing.T) {
	w := newWorld(t)
	w.apply("x", wires)
	port := "labs/x/R1/ports/f0-0/"
	for _, tt := range []struct {
		script string
		code   int
		filter string
		says   string // errors of R1
	}{
		{"echo freq_drop 50 > $p/filter", 0, "both freq_drop 50\n", ""},
		{"printf 'in freq_drop 3\\nout freq_drop -1\\n' > $p/filter", 0, "in freq_drop 3\nout freq_drop -1\n", ""},
		{"echo freq_drop > $p/filter", 1, "in freq_drop 3\nout freq_drop -1\n", "freq_drop N"},
		{"echo none > $p/filter", 0, "none\n", ""},
		{"echo in freq_drop 2 >> $p/filter; echo out freq_drop 4 >> $p/filter", 0, "in freq_drop 2\nout freq_drop 4\n", ""},
		{"echo 'filter f0/0 in freq_drop 5; both freq_drop 6' > labs/x/R1/ctl", 0, "in freq_drop 5\nboth freq_drop 6\n", ""},
		{"echo 'filter f9/0 none' > labs/x/R1/ctl", 1, "in freq_drop 5\nboth freq_drop 6\n", "f0/0"},
	} {
		out, code := w.sh("bash", "p="+port+"; "+tt.script)
		if got := w.read(port + "filter"); code != tt.code || got != tt.filter {
			t.Errorf("%s: exit %d %s, filter %q", tt.script, code, out, got)
		}
		if says := w.read("labs/x/R1/errors"); tt.says == "" && says != "" || !strings.Contains(says, tt.says) {
			t.Errorf("%s: errors %q, want %q", tt.script, says, tt.says)
		}
	}
	if got := w.nodes.Get("x", "R1").Port("f0/0").Filter; got != "in freq_drop 5; both freq_drop 6" {
		t.Errorf("the node has filter %q", got)
	}
	if err := w.write(port+"link", "in delay 10ms jitter 2ms loss 1%\nout rate 2mbit\n"); err != nil {
		t.Fatal(err)
	}
	if got := w.read(port + "link"); strings.Count(got, "\n") != 2 || !strings.Contains(got, "delay 10ms") || !strings.Contains(got, "out rate 2") {
		t.Errorf("link: %q", got)
	}
	// What is read can be written.
	if out, code := w.sh("sh", "cd "+port+" && cat link > /tmp/dynemu-link-$$ && echo none > link && cat /tmp/dynemu-link-$$ > link && cmp link /tmp/dynemu-link-$$; e=$?; rm /tmp/dynemu-link-$$; exit $e"); code != 0 {
		t.Error(out)
	}
	if err := w.write(port+"link", "loss much\n"); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("nonsense in link: %v", err)
	}

	// A cut link has no carrier at either end, until it is mended.
	for _, tt := range [][2]string{{"link down f0/0", "cut\n"}, {"link up FastEthernet0/0", "up\n"}, {"link up f0/0", "up\n"}} {
		if err := w.write("labs/x/R1/ctl", tt[0]); err != nil {
			t.Fatal(err)
		}
		if got := w.read(port+"carrier") + w.read("labs/x/S1/ports/1/carrier"); got != tt[1]+tt[1] {
			t.Errorf("%s: carrier %q", tt[0], got)
		}
	}
	w.nodes.Get("x", "R1").Shut("f0/0", true)
	w.eventually("shut", func() bool {
		return w.read(port+"carrier")+w.read("labs/x/S1/ports/1/carrier") == "shut\ndown\n"
	})
	w.nodes.Get("x", "R1").Shut("f0/0", false)
	w.eventually("up again", func() bool { return w.read(port+"carrier") == "up\n" })
}

func TestMACTable(t *testing.T) {
	w := newWorld(t)
	w.apply("x", wires)
	if got := w.read("labs/x/S1/mac"); !strings.Contains(got, "aabb.cc00.0100") {
		t.Errorf("table: %q", got)
	}
	if err := w.write("labs/x/S1/mac", "clear\n"); err != nil {
		t.Error(err)
	}
	if err := w.write("labs/x/S1/mac", "forget\n"); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("nonsense written to the table: %v", err)
	}
	if got := w.read("labs/x/S1/errors"); !strings.Contains(got, "accepted: clear") {
		t.Errorf("errors: %q", got)
	}
	w.nodes.Get("x", "S1").Kill()
	w.eventually("S1 has crashed", func() bool { return w.read("labs/x/S1/state") == "crashed\n" })
	if got := w.read("labs/x/S1/mac"); got != "" {
		t.Errorf("table of a switch that does not run: %q", got)
	}
	if err := w.write("labs/x/S1/mac", "clear\n"); err == nil {
		t.Error("the table of a switch that does not run was cleared")
	}
	w.eventually("S1 runs again", func() bool { return w.read("labs/x/S1/state") == "running\n" })
}

// frames reads a pcap file to its end.
func frames(t *testing.T, pcap []byte) (link layers.LinkType, frames []string) {
	t.Helper()
	r, err := pcapgo.NewReader(bytes.NewReader(pcap))
	if err != nil {
		t.Fatal(err)
	}
	for {
		data, ci, err := r.ReadPacketData()
		if err == io.EOF {
			return r.LinkType(), frames
		}
		if err != nil {
			t.Fatal(err)
		}
		if age := time.Since(ci.Timestamp); age < 0 || age > time.Minute {
			t.Errorf("a frame of %v ago", age)
		}
		frames = append(frames, string(data))
	}
}

func TestPortCapture(t *testing.T) {
	w := newWorld(t)
	w.apply("x", wires)
	file := "labs/x/R1/ports/f0-0/capture.pcap"
	r1 := w.nodes.Get("x", "R1")
	if _, err := os.Stat(w.path(file)); !os.IsNotExist(err) {
		t.Fatalf("a capture that nobody made: %v", err)
	}
	if out, code := w.sh("sh", "touch "+file); code != 0 {
		t.Fatal(out)
	}
	if got := w.list(filepath.Dir(file)); !strings.HasSuffix(got, " capture.pcap") {
		t.Errorf("folder: %s", got)
	}
	grown := func(n int64) func() bool {
		return func() bool { st, err := os.Stat(w.path(file)); return err == nil && st.Size() == n }
	}
	w.eventually("the header", grown(24))
	r1.Pass("f0/0", wire.In, []byte("frame one"))
	w.eventually("a frame", grown(24+16+9))
	link, got := frames(t, []byte(w.read(file)))
	if link != layers.LinkTypeEthernet || strings.Join(got, ",") != "frame one" {
		t.Errorf("%v %q", link, got)
	}
	// A second touch changes nothing, and what is captured cannot be written.
	if out, code := w.sh("sh", "touch "+file+" && test $(stat -c %s "+file+") = 49"); code != 0 {
		t.Error(out)
	}
	if out, code := w.sh("sh", "echo x >> "+file); code == 0 || !strings.Contains(out, "rror") && !strings.Contains(out, "permitted") {
		t.Errorf("written: %d %s", code, out)
	}
	// It goes on over a restart, with one header, and can be followed.
	w.sh("sh", "touch labs/x/R1/reload")
	r1 = w.nodes.Get("x", "R1")
	r1.Pass("f0/0", wire.Out, []byte("two"))
	w.eventually("a frame of the next run", grown(49+16+3))
	if _, got := frames(t, []byte(w.read(file))); strings.Join(got, ",") != "frame one,two" {
		t.Errorf("after a restart: %q", got)
	}
	tail, end := w.follow("tail", "-c", "+0", "-s", "0.02", "-f", w.path(file))
	r1.Pass("f0/0", wire.Out, []byte("three"))
	w.eventually("tail -f shows it", func() bool { return strings.HasSuffix(tail.String(), "three") })
	end()

	// Emptied, it begins anew; removed, it ends, and the file of the folder goes.
	if out, code := w.sh("sh", ": > "+file); code != 0 {
		t.Error(out)
	}
	w.eventually("anew", grown(24))
	r1.Pass("f0/0", wire.In, []byte("four"))
	w.eventually("a frame of the new one", grown(24+16+4))
	if got := w.list("labs/x/captures"); got != "R1.f0-0.pcap" {
		t.Errorf("captures: %s", got)
	}
	if err := os.Remove(w.path(file)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(w.path(file)); !os.IsNotExist(err) {
		t.Errorf("after its removal: %v", err)
	}
	if err := os.Remove(w.path(file)); !os.IsNotExist(err) {
		t.Errorf("removed twice: %v", err)
	}
	if got := w.list("labs/x/captures") + fmt.Sprint(r1.Port("f0/0").Captures); got != "[]" {
		t.Errorf("left behind: %s", got)
	}

	// Made by a program that keeps it open for reading and writing.
	f, err := os.OpenFile(w.path(file), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("x")); !errors.Is(err, syscall.EPERM) {
		t.Errorf("write: %v", err)
	}
	r1.Pass("f0/0", wire.In, []byte("five"))
	w.eventually("a frame", grown(24+16+4))
	if b, err := io.ReadAll(f); err != nil || len(b) != 24+16+4 {
		t.Errorf("read by its maker: %d bytes, %v", len(b), err)
	}
	f.Close()
	// Moved away, it ends and leaves its frames with the user.
	there := filepath.Join(t.TempDir(), "moved.pcap")
	if out, code := w.sh("sh", "mv "+file+" "+there); code != 0 {
		t.Fatal(out)
	}
	b, err := os.ReadFile(there)
	if _, got := frames(t, b); err != nil || strings.Join(got, ",") != "five" {
		t.Errorf("moved: %v %q", err, got)
	}
	if len(r1.Port("f0/0").Captures) != 0 {
		t.Error("a capture goes on after its file was moved away")
	}
	// One of a stopped router waits for it.
	w.sh("sh", "touch labs/x/R1/stop; touch "+file+"; touch labs/x/R1/start")
	w.nodes.Get("x", "R1").Pass("f0/0", wire.In, []byte("six"))
	w.eventually("a frame of a router that was started later", grown(24+16+3))

	// What takes the place of its file in the folder is not read.
	for _, script := range []string{"rm labs/x/captures/R1.f0-0.pcap && test $(cat " + file + " | wc -c) = 0 && test $(stat -c %s " + file + ") = 0",
		"ln -s /etc/passwd labs/x/captures/R1.f0-0.pcap && ! cat " + file + " && test $(stat -c %s " + file + ") = 0",
		"rm labs/x/captures/R1.f0-0.pcap && mkfifo labs/x/captures/R1.f0-0.pcap && ! timeout 5 cat " + file + " && rm labs/x/captures/R1.f0-0.pcap"} {
		if out, code := w.sh("sh", script); code != 0 || strings.Contains(out, "root:") {
			t.Errorf("%s: %d %s", script, code, out)
		}
	}

	for _, script := range []string{"touch labs/x/R1/ports/f0-0/other", "rm -f labs/x/R1/ports/f0-0/stats", "rm -f labs/x/R1/ctl", "rmdir labs/x/R1", "rmdir labs/x/R1/ports/f0-0",
		"mkdir labs/x/R1/ports/f0-0/d", "chmod 777 " + file, "truncate -s 5 " + file, "rm -rf labs/x/R1/ports", "ln -s a labs/x/R1/ports/f0-0/l"} {
		if out, code := w.sh("sh", script); code == 0 {
			t.Errorf("%s: %s", script, out)
		}
	}
}

// A capture by name is in the lab's folder, where its file stays.
func TestNamedCapture(t *testing.T) {
	w := newWorld(t)
	w.apply("x", wires)
	r1 := w.nodes.Get("x", "R1")
	if out, code := w.sh("bash", "echo capture s1/0 r1.cap HDLC > labs/x/R1/ctl && echo capture f0/0 eth.cap > labs/x/R1/ctl"); code != 0 {
		t.Fatalf("%s: %s", out, w.read("labs/x/R1/errors"))
	}
	r1.Pass("s1/0", wire.Out, []byte("hdlc"))
	w.eventually("a frame", func() bool { return len(w.read("labs/x/captures/r1.cap")) == 44 })
	if link, got := frames(t, []byte(w.read("labs/x/captures/r1.cap"))); link != layers.LinkTypeC_HDLC || strings.Join(got, ",") != "hdlc" {
		t.Errorf("%v %q", link, got)
	}
	if err := w.write("labs/x/R1/ctl", "no capture s1/0"); err != nil {
		t.Error(err)
	}
	if len(r1.Port("s1/0").Captures) != 0 || len(r1.Port("f0/0").Captures) != 1 {
		t.Error("no capture ended the wrong one")
	}
	if out, code := w.sh("sh", "cmp labs/x/captures/r1.cap labs/x/captures/r1.cap && mkdir labs/x/captures/old && mv labs/x/captures/r1.cap labs/x/captures/old && rm -r labs/x/captures/old"); code != 0 {
		t.Error(out)
	}
	if err := w.write("labs/x/R1/ctl", "capture s1/0 ../up.cap"); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("a capture out of the folder: %v", err)
	}
}

// follow runs a program that reads a file of the tree to its end. (This process
// serves the tree, so it must not have a file of it open while it starts others:
// see sh.)
func (w *world) follow(name string, args ...string) (out *syncBuffer, end func()) {
	w.t.Helper()
	cmd, out := exec.Command(name, args...), &syncBuffer{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	end = func() {
		w.t.Helper()
		cmd.Process.Signal(syscall.SIGINT)
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			w.t.Errorf("Ctrl-C does not end %s", name)
			cmd.Process.Kill()
		}
	}
	w.t.Cleanup(func() { cmd.Process.Kill(); <-ended })
	return out, end
}

func TestLive(t *testing.T) {
	w := newWorld(t)
	w.apply("x", wires)
	r1 := w.nodes.Get("x", "R1")
	path := w.path("labs/x/R1/ports/f0-0/live.pcap")
	raw, _ := w.follow("cat", path)
	w.eventually("the header", func() bool { return len(raw.String()) == 24 })
	dump, err := exec.LookPath("tcpdump")
	if err != nil {
		t.Skip("SKIP: tcpdump is not installed")
	}
	text, end := w.follow(dump, "-l", "-n", "-t", "-e", "-r", path)
	w.eventually("tcpdump reads", func() bool { return len(r1.Port("f0/0").Captures) == 2 })
	frame := append([]byte("\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x88\xb5"), make([]byte, 46)...)
	shown := func(n int) func() bool {
		return func() bool { return strings.Count(text.String(), "02:00:00:00:00:02 > 02:00:00:00:00:01") == n }
	}
	r1.Pass("f0/0", wire.Out, frame)
	w.eventually("tcpdump shows the frame", shown(1))
	// Both readers go on over a restart.
	w.sh("sh", "touch labs/x/R1/reload")
	next := w.nodes.Get("x", "R1")
	w.eventually("the next run gives frames", func() bool { return len(next.Port("f0/0").Captures) == 2 })
	next.Pass("f0/0", wire.In, frame)
	w.eventually("tcpdump shows both", shown(2))
	w.eventually("so does cat", func() bool { return len(raw.String()) == 24+2*(16+60) })
	if _, got := frames(t, []byte(raw.String())); len(got) != 2 || got[1] != string(frame) {
		t.Errorf("frames: %q", got)
	}
	// Ctrl-C ends the one, the end of the router the other.
	end()
	w.eventually("its capture ends", func() bool { return len(next.Port("f0/0").Captures) == 1 })
	last, _ := w.follow("sh", "-c", "cat "+path+" > /dev/null; echo ended $?")
	w.eventually("another reads", func() bool { return len(next.Port("f0/0").Captures) == 2 })
	if err := os.Remove(w.path("labs/x.net")); err != nil {
		t.Fatal(err)
	}
	w.eventually("the end", func() bool { return last.String() == "ended 0\n" })
}

// All ports of a lab in one stream, by name.
func TestLiveLab(t *testing.T) {
	w := newWorld(t)
	w.apply("x", wires)
	raw, _ := w.follow("cat", w.path("labs/x/live.pcapng"))
	w.eventually("it is read", func() bool {
		return len(w.nodes.Get("x", "R1").Port("f0/0").Captures) == 1 && len(w.nodes.Get("x", "S1").Port("1").Captures) == 1 &&
			len(w.nodes.Get("x", "F1").Port("2").Captures) == 1
	})
	w.nodes.Get("x", "R1").Pass("f0/0", wire.Out, []byte("from R1"))
	w.nodes.Get("x", "S1").Pass("1", wire.In, []byte("into S1"))
	w.nodes.Get("x", "F1").Pass("2", wire.Out, []byte("from F1"))
	w.eventually("three frames", func() bool {
		all := raw.String()
		return strings.Contains(all, "from R1") && strings.Contains(all, "into S1") && strings.Contains(all, "from F1")
	})
	all := []byte(raw.String())
	r, err := pcapgo.NewNgReader(bytes.NewReader(all), pcapgo.NgReaderOptions{WantMixedLinkType: true})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for {
		data, ci, err := r.ReadPacketData()
		if err != nil {
			break
		}
		i, err := r.Interface(ci.InterfaceIndex)
		if err != nil {
			t.Fatal(err)
		}
		got[string(data)] = fmt.Sprintf("%s %d", i.Name, i.LinkType)
	}
	for frame, want := range map[string]string{"from R1": "R1 f0/0 1", "into S1": "S1 1 1", "from F1": "F1 2 107"} {
		if got[frame] != want {
			t.Errorf("%s is of %q, want %q", frame, got[frame], want)
		}
	}
}

// Looking at the whole tree starts nothing and waits for nothing.
func TestFind(t *testing.T) {
	w := newWorld(t)
	w.apply("x", wires)
	out, code := w.sh("sh", "timeout 60 find . -type f -newermt 2000-01-01 && timeout 60 ls -lR . && timeout 60 du -a .")
	if code != 0 || !strings.Contains(out, "./labs/x/R1/ports/f0-0/live.pcap\n") {
		t.Errorf("exit %d %s", code, out)
	}
	for _, dev := range []string{"R1", "R2", "S1", "F1"} {
		for _, p := range w.nodes.Get("x", dev).Spec().Ports {
			if len(p.Captures) != 0 {
				t.Errorf("%s %s is being captured: %v", dev, p.Name, p.Captures)
			}
		}
	}
}

func TestWirePermissions(t *testing.T) {
	w := newWorld(t)
	w.apply("x", wires)
	for _, tt := range []struct {
		script        string
		other, member bool
	}{
		{"cat labs/x/R1/ports/f0-0/stats labs/x/R1/ports/f0-0/carrier labs/x/S1/status labs/x/S1/mac", true, true},
		{"cat labs/x/R1/ports/f0-0/filter", false, true},
		{"cat labs/x/R1/ports/f0-0/link", false, true},
		{"echo none > labs/x/R1/ports/f0-0/filter", false, true},
		{"/bin/echo clear > labs/x/S1/mac", false, true},
		{"head -c 24 labs/x/R1/ports/f0-0/live.pcap", false, true},
		{"head -c 24 labs/x/live.pcapng", false, true},
		{"touch labs/x/R1/ports/f0-0/capture.pcap", false, true},
		{"cat labs/x/R1/ports/f0-0/capture.pcap", false, true},
		{"ls labs/x/captures", false, true},
		{"cat labs/x/captures/R1.f0-0.pcap", false, true},
		{"rm labs/x/R1/ports/f0-0/capture.pcap", false, true},
	} {
		if got := w.as(54321, 54321, tt.script) == 0; got != tt.other {
			t.Errorf("somebody: %s: %v", tt.script, got)
		}
		if got := w.as(54322, 12345, tt.script) == 0; got != tt.member {
			t.Errorf("member of the group: %s: %v", tt.script, got)
		}
	}
}
