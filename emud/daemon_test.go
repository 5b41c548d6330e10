package emud_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"dynemu/emud"
	"dynemu/emud/emudtest"
	"dynemu/emud/node"
)

// host is a machine that outlives its daemons.
type host struct {
	t     *testing.T
	dir   string
	net   *emudtest.Network
	nodes *emudtest.Nodes
	d     *emud.Daemon
	check func(string, []byte) error
}

func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{t: t, dir: t.TempDir(), net: emudtest.NewNetwork(), nodes: emudtest.NewNodes(),
		check: func(string, []byte) error { return nil }}
	h.start()
	t.Cleanup(func() { h.d.Shutdown(t.Context()) })
	return h
}

func (h *host) options() emud.Options {
	return emud.Options{
		Mount: "/nowhere/tree", State: filepath.Join(h.dir, "state"), Runtime: filepath.Join(h.dir, "run"),
		Network: h.net, Nodes: h.nodes, Group: -1, Quiet: 10 * time.Millisecond,
		Log:        slog.New(slog.NewTextHandler(io.Discard, nil)),
		Builtin:    func() []byte { return []byte("builtin image") },
		CheckImage: func(model string, image []byte) error { return h.check(model, image) },
	}
}

// start starts a daemon, which finds what earlier ones left.
func (h *host) start() {
	h.t.Helper()
	d, err := emud.New(h.options())
	if err != nil {
		h.t.Fatal(err)
	}
	d.Run()
	h.d = d
}

// apply writes and applies a lab file, and returns the result.
func (h *host) apply(name, text string) (string, error) {
	h.t.Helper()
	l := h.d.EnsureLab(name)
	if err := os.WriteFile(l.TextPath(), []byte(text), 0o644); err != nil {
		h.t.Fatal(err)
	}
	err := l.Apply([]byte(text))
	result, _ := l.Result()
	return result, err
}

func (h *host) mustApply(name, text string) string {
	h.t.Helper()
	result, err := h.apply(name, text)
	if err != nil {
		h.t.Fatal(err)
	}
	return result
}

func (h *host) device(lab, name string) *emud.Device {
	h.t.Helper()
	l := h.d.Lab(lab)
	if l == nil || l.Device(name) == nil {
		h.t.Fatalf("there is no device %s in lab %s", name, lab)
	}
	return l.Device(name)
}

func (h *host) state(lab, name string) node.State {
	h.t.Helper()
	s, _ := h.device(lab, name).State()
	return s
}

func (h *host) eventually(what string, fn func() bool) {
	h.t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if fn() {
			return
		}
	}
	h.t.Fatalf("never happened: %s", what)
}

// base is the first of a few TCP ports that nobody uses.
var base = freePorts(16)

func freePorts(count int) int {
next:
	for base := 20000 + os.Getpid()%20000; ; base += count {
		for p := base; p < base+count; p++ {
			ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p))
			if err != nil {
				continue next
			}
			ln.Close()
		}
		return base
	}
}

var server = fmt.Sprintf("[localhost]\nconsole = %d\n", base)

var (
	serial = server + "[[ROUTER R1]]\ns1/0 = R2 s1/0\n[[ROUTER R2]]\n"
	mixed  = server + "[[ROUTER R1]]\nf1/0 = R2 f1/0\nf2/0 = LAN 7\ns3/0 = R3 s3/0\n[[ROUTER R2]]\nf2/0 = LAN 7\n[[ROUTER R3]]\n"
)

func TestApplyMakesWhatIsAsked(t *testing.T) {
	h := newHost(t)
	h.mustApply("m", mixed)
	want := []string{
		"lan m/7",
		"link test-m-R1/f1-0 test-m-R2/f1-0",
		"link test-m-R1/f2-0 LAN m/7",
		"link test-m-R2/f2-0 LAN m/7",
		"ns test-m-R1", "ns test-m-R2", "ns test-m-R3",
		"tap test-m-R1/f1-0", "tap test-m-R1/f2-0", "tap test-m-R2/f1-0", "tap test-m-R2/f2-0",
	}
	if got := h.net.Inventory(); !reflect.DeepEqual(got, want) {
		t.Errorf("in the network: %q\nwant %q", got, want)
	}
	r1, r3 := h.nodes.Get("m", "R1"), h.nodes.Get("m", "R3")
	if got, err := r1.Exchange("s3/0", r3, "s3/0", "frame"); got != "frame" || err != nil {
		t.Errorf("R3 received %q %v", got, err)
	}
	for _, p := range r1.Spec().Ports {
		want := map[string]string{"f1/0": "tap", "f2/0": "tap", "s3/0": "pipe"}[p.Name]
		if want == "" {
			want = "none"
		}
		if p.Wire != want {
			t.Errorf("port %s has the wire %s, want %s", p.Name, p.Wire, want)
		}
	}
}

// TestReconcileTwice: what is there already is not made again.
func TestReconcileTwice(t *testing.T) {
	h := newHost(t)
	h.mustApply("m", mixed)
	changes, starts := h.net.Count(), h.nodes.Starts.Load()
	if err := h.d.Lab("m").Command("apply"); err != nil {
		t.Fatal(err)
	}
	if result, _ := h.d.Lab("m").Result(); result != "nothing changed\n" {
		t.Errorf("result: %q", result)
	}
	if h.net.Count() != changes || h.nodes.Starts.Load() != starts || h.nodes.Get("m", "R1").Plugs() != 0 {
		t.Error("the second apply changed something")
	}
}

func TestApplyDifference(t *testing.T) {
	h := newHost(t)
	h.mustApply("m", mixed)
	ids := func() (ids []string) {
		for _, name := range []string{"R1", "R2", "R3"} {
			if n := h.nodes.Get("m", name); n != nil {
				ids = append(ids, n.ID())
			}
		}
		return ids
	}
	before := ids()

	// A router written above the others renumbers nobody.
	mac := h.device("m", "R1").Info()
	h.mustApply("m", strings.Replace(mixed, "[[ROUTER R1]]", "[[ROUTER R0]]\n[[ROUTER R1]]", 1))
	if !reflect.DeepEqual(ids(), before) {
		t.Error("a router whose section did not change was restarted")
	}
	if got := h.device("m", "R1").Info(); got != mac {
		t.Errorf("R1 changed:\n%s\nto\n%s", mac, got)
	}
	if h.state("m", "R0") != node.Running {
		t.Error("R0 does not run")
	}

	// A moved link is rewired under running routers.
	h.mustApply("m", strings.Replace(mixed, "s3/0 = R3 s3/0", "s3/1 = R3 s3/0", 1))
	if !reflect.DeepEqual(ids(), before) {
		t.Error("moving a link restarted a router")
	}
	r1, r3 := h.nodes.Get("m", "R1"), h.nodes.Get("m", "R3")
	if got, err := r1.Exchange("s3/1", r3, "s3/0", "moved"); got != "moved" || err != nil {
		t.Errorf("over the moved link: %q %v", got, err)
	}
	if _, err := r1.Exchange("s3/0", r3, "s3/0", "x"); err == nil {
		t.Error("the old end is still plugged")
	}

	// A removed router is stopped, its storage kept.
	if err := h.device("m", "R3").SetConfig(false, []byte("hostname fry\n")); err != nil {
		t.Fatal(err)
	}
	h.mustApply("m", server+"[[ROUTER R1]]\n")
	if h.nodes.Get("m", "R3") != nil {
		t.Error("R3 runs after it was removed")
	}
	// The cards that its links had brought went with them.
	if got := h.net.Inventory(); !reflect.DeepEqual(got, []string{"ns test-m-R1"}) {
		t.Errorf("left in the network: %q", got)
	}
	before[0] = h.nodes.Get("m", "R1").ID()
	h.mustApply("m", mixed)
	if startup, _, err := h.device("m", "R3").Configs(); string(startup) != "hostname fry\n" || err != nil {
		t.Errorf("configuration of R3: %q %v", startup, err)
	}

	// What cannot change under a running router waits for its next start.
	result := h.mustApply("m", strings.Replace(mixed, "[[ROUTER R2]]", "[[ROUTER R2]]\nram = 128", 1))
	if !strings.Contains(result, "ram") || h.nodes.Get("m", "R2").Spec().Config.RAM == 128 {
		t.Errorf("result: %q, RAM %d", result, h.nodes.Get("m", "R2").Spec().Config.RAM)
	}
	if info := h.device("m", "R2").Info(); !strings.Contains(info, "at next start  ram") {
		t.Errorf("info does not tell: %s", info)
	}
	if err := h.device("m", "R2").Reload(); err != nil {
		t.Fatal(err)
	}
	if got := h.nodes.Get("m", "R2").Spec().Config.RAM; got != 128 {
		t.Errorf("RAM after the reload: %d", got)
	}
}

func TestErrorChangesNothing(t *testing.T) {
	h := newHost(t)
	h.mustApply("m", serial)
	inventory, changes, starts := h.net.Inventory(), h.net.Count(), h.nodes.Starts.Load()
	result, err := h.apply("m", server+"[[ROUTER R1]]\nwhat = 1\ns1/0 = R9 s1/0\n")
	if emud.Errno(err) != syscall.EINVAL {
		t.Errorf("error: %v", err)
	}
	if lines := strings.Split(strings.TrimSpace(result), "\n"); len(lines) < 2 || !strings.HasPrefix(lines[0], "m.net:4:1: ") || !strings.HasPrefix(lines[1], "m.net:5:") {
		t.Errorf("result: %q", result)
	}
	if !reflect.DeepEqual(h.net.Inventory(), inventory) || h.net.Count() != changes || h.nodes.Starts.Load() != starts {
		t.Error("something changed")
	}
	for _, tt := range []struct{ router, says string }{
		{"result", "result"},
		{strings.Repeat("x", 65), "xxx"},
	} {
		result, err := h.apply("n", server+"[[ROUTER "+tt.router+"]]\n")
		if err == nil || !strings.Contains(result, tt.says) {
			t.Errorf("router %s: %q %v", tt.router, result, err)
		}
	}
	// PREFIX-LAB-DEVICE names one device only.
	h.mustApply("a-b", server+"[[ROUTER c]]\nautostart = false\n")
	if result, err := h.apply("a", server+"[[ROUTER b-c]]\nautostart = false\n"); err == nil || !strings.Contains(result, "test-a-b-c") {
		t.Errorf("a namespace of two devices: %q %v", result, err)
	}
}

// TestBadImage: a router without a usable image stays stopped and says why, and
// the others start.
func TestBadImage(t *testing.T) {
	h := newHost(t)
	h.check = func(_ string, image []byte) error {
		if string(image) != "builtin image" {
			return errors.New("not an ELF file")
		}
		return nil
	}
	images := filepath.Join(h.dir, "state", "images")
	for name, content := range map[string]string{"empty.bin": "", "text.bin": "hello"} {
		if err := os.WriteFile(filepath.Join(images, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(images, "fifo.bin"), 0o644); err != nil {
		t.Fatal(err)
	}
	for image, says := range map[string]string{
		"missing.bin":                "not found",
		`C:\Dynamips\images\none.im`: "looked for none.im",
		`C:\Dynamips\text.bin`:       "not an ELF file",
		"/nowhere/empty.bin":         "is empty",
		"fifo.bin":                   "not a regular file",
		"../../device.json":          "not found",
	} {
		t.Run(image, func(t *testing.T) {
			result := h.mustApply("m", server+"[[ROUTER R1]]\nimage = "+image+"\n[[ROUTER R2]]\n")
			if !strings.Contains(result, "m.net:3:1: warning: R1") || !strings.Contains(result, says) {
				t.Errorf("result: %q, want %q", result, says)
			}
			if got := h.device("m", "R1").ErrorText(); !strings.Contains(got, says) {
				t.Errorf("errors: %q, want %q", got, says)
			}
			if h.state("m", "R1") != node.Stopped || h.state("m", "R2") != node.Running {
				t.Errorf("R1 is %s, R2 is %s", h.state("m", "R1"), h.state("m", "R2"))
			}
			if err := h.device("m", "R1").Start(); emud.Errno(err) != syscall.EINVAL || !strings.Contains(err.Error(), says) {
				t.Errorf("start: %v", err)
			}
		})
	}
	// A file of the lab's folder may be named relative, or by its path in the tree.
	if err := os.WriteFile(filepath.Join(h.d.Lab("m").FilesDir(), "good.bin"), []byte("builtin image"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, image := range []string{"good.bin", "/nowhere/tree/labs/m/files/good.bin", "builtin"} {
		h.mustApply("m", server+"[[ROUTER R1]]\nimage = "+image+"\n[[ROUTER R2]]\n")
		if h.state("m", "R1") != node.Running {
			t.Errorf("R1 does not run with the image %s: %s", image, h.device("m", "R1").ErrorText())
		}
		h.device("m", "R1").Stop()
		h.device("m", "R1").Start()
	}
}

// TestCrash: kill -9 of a node leaves that router crashed and touches no other.
// TestLongLog: a log that has grown long is put aside at the next start.
func TestLongLog(t *testing.T) {
	h := newHost(t)
	h.mustApply("m", server+"[[ROUTER R1]]\n")
	dev := h.device("m", "R1")
	if err := os.Truncate(dev.LogPath(), 5<<20); err != nil {
		t.Fatal(err)
	}
	if err := dev.Reload(); err != nil {
		t.Fatal(err)
	}
	if log, err := os.ReadFile(dev.LogPath()); err != nil || string(log) != "R1 started\n" {
		t.Errorf("the log has %d bytes, %v", len(log), err)
	}
	if st, err := os.Stat(dev.LogPath() + ".old"); err != nil || st.Size() != 5<<20 {
		t.Errorf("the old log: %v", err)
	}
}

// TestConfReg: a value set by hand holds for later starts, until the file asks for
// another.
func TestConfReg(t *testing.T) {
	h := newHost(t)
	text := server + "[[ROUTER R1]]\nconfreg = 0x2102\n"
	h.mustApply("m", text)
	check := func(what string, want uint16) {
		t.Helper()
		if got := h.nodes.Get("m", "R1").Spec().Config.ConfReg; got != want {
			t.Errorf("%s: %#x, want %#x", what, got, want)
		}
		if info := h.device("m", "R1").Info(); !strings.Contains(info, fmt.Sprintf("confreg        0x%04x\n", want)) {
			t.Errorf("%s: info has not %#x:\n%s", what, want, info)
		}
	}
	check("of the file", 0x2102)
	if err := h.device("m", "R1").Command("confreg 0x2142"); err != nil {
		t.Fatal(err)
	}
	check("at once", 0x2142)
	if err := h.device("m", "R1").Reload(); err != nil {
		t.Fatal(err)
	}
	check("after a reload", 0x2142)
	h.d.Release()
	h.start()
	h.mustApply("m", strings.Replace(text, "0x2102", "0x2101", 1))
	if err := h.device("m", "R1").Reload(); err != nil {
		t.Fatal(err)
	}
	check("when the file asks for another", 0x2101)
	for _, bad := range []string{"confreg", "confreg 0x12345", "confreg all", "confreg 1 2"} {
		if err := h.device("m", "R1").Command(bad); emud.Errno(err) != syscall.EINVAL || !strings.Contains(err.Error(), "0x2102") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestCrash(t *testing.T) {
	h := newHost(t)
	h.mustApply("m", serial)
	if err := h.device("m", "R1").SetConfig(false, []byte("hostname zapp\n")); err != nil {
		t.Fatal(err)
	}
	r2 := h.nodes.Get("m", "R2")
	h.nodes.Get("m", "R1").Kill()
	h.eventually("R1 is crashed", func() bool { return h.state("m", "R1") == node.Crashed })
	if got := h.device("m", "R1").ErrorText(); !strings.Contains(got, "signal: killed") {
		t.Errorf("errors: %q", got)
	}
	if startup, _, err := h.device("m", "R1").Configs(); string(startup) != "hostname zapp\n" || err != nil {
		t.Errorf("NVRAM: %q %v", startup, err)
	}
	// It is left crashed until somebody starts it.
	if err := h.d.Lab("m").Command("apply"); err != nil || h.state("m", "R1") != node.Crashed {
		t.Errorf("after an apply: %s %v", h.state("m", "R1"), err)
	}
	if h.nodes.Get("m", "R2") != r2 || r2.Plugs() != 0 {
		t.Error("R2 noticed")
	}
	if err := h.device("m", "R1").Command("start"); err != nil {
		t.Fatal(err)
	}
	if got, err := h.nodes.Get("m", "R1").Exchange("s1/0", r2, "s1/0", "again"); got != "again" || err != nil {
		t.Errorf("over the new pipe: %q %v", got, err)
	}
	if h.device("m", "R1").ErrorText() != "" {
		t.Errorf("errors: %q", h.device("m", "R1").ErrorText())
	}
}

// TestAdopt: a daemon that was killed is followed by one that takes over what
// runs and touches no wire that is up.
func TestAdopt(t *testing.T) {
	h := newHost(t)
	h.mustApply("m", mixed)
	if err := h.device("m", "R2").Stop(); err != nil {
		t.Fatal(err)
	}
	r1, r3 := h.nodes.Get("m", "R1"), h.nodes.Get("m", "R3")
	changes, starts := h.net.Count(), h.nodes.Starts.Load()
	h.d.Release()
	h.start()
	if h.nodes.Get("m", "R1").ID() != r1.ID() || h.nodes.Starts.Load() != starts {
		t.Error("a router was started")
	}
	if h.net.Count() != changes || h.nodes.Get("m", "R1").Plugs() != 0 {
		t.Error("a wire was touched")
	}
	if got := []node.State{h.state("m", "R1"), h.state("m", "R2"), h.state("m", "R3")}; !reflect.DeepEqual(got, []node.State{node.Running, node.Stopped, node.Running}) {
		t.Errorf("states: %v", got)
	}
	if got, err := r1.Exchange("s3/0", r3, "s3/0", "still"); got != "still" || err != nil {
		t.Errorf("over the old pipe: %q %v", got, err)
	}

	// A router that died meanwhile comes back, with a pipe to its live peer.
	h.d.Release()
	h.nodes.Get("m", "R3").Kill()
	h.start()
	if h.state("m", "R3") != node.Running {
		t.Errorf("R3 is %s", h.state("m", "R3"))
	}
	if got, err := h.nodes.Get("m", "R1").Exchange("s3/0", h.nodes.Get("m", "R3"), "s3/0", "new"); got != "new" || err != nil {
		t.Errorf("over the new pipe: %q %v", got, err)
	}

	// A lab file that went away with no daemon running takes its lab with it.
	text := h.d.Lab("m").TextPath()
	h.d.Release()
	os.Remove(text)
	os.RemoveAll(filepath.Join(h.dir, "state", "labs", "m"))
	h.start()
	if h.nodes.Get("m", "R1") != nil || len(h.net.Inventory()) != 0 || h.d.Lab("m") != nil {
		t.Errorf("left behind: %q", h.net.Inventory())
	}
}

// TestShutdown: the labs end with their storage, leave nothing, and come back
// in the state they were left in.
func TestShutdown(t *testing.T) {
	h := newHost(t)
	h.mustApply("m", mixed)
	if err := h.device("m", "R2").Stop(); err != nil {
		t.Fatal(err)
	}
	mac := h.nodes.Get("m", "R1").Spec().Config.MAC
	if err := h.d.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := h.net.Inventory(); len(got) != 0 {
		t.Errorf("left in the network: %q", got)
	}
	if h.nodes.Get("m", "R1") != nil {
		t.Error("R1 runs")
	}
	h.start()
	if h.state("m", "R1") != node.Running || h.state("m", "R2") != node.Stopped {
		t.Errorf("R1 is %s, R2 is %s", h.state("m", "R1"), h.state("m", "R2"))
	}
	if got := h.nodes.Get("m", "R1").Spec().Config.MAC; got != mac {
		t.Errorf("MAC address %s, before %s", got, mac)
	}
}

// TestBadTextAtStart: a text with an error that was written before the daemon
// ended is shown and refused, and the lab runs as it was applied last.
func TestBadTextAtStart(t *testing.T) {
	h := newHost(t)
	h.mustApply("m", serial)
	h.apply("m", server+"[[ROUTER R1]]\nwhat = 1\n")
	h.d.Shutdown(t.Context())
	h.start()
	if h.state("m", "R2") != node.Running {
		t.Error("R2 does not run")
	}
	if result, _ := h.d.Lab("m").Result(); !strings.HasPrefix(result, "m.net:4:1: ") {
		t.Errorf("result: %q", result)
	}
}

func TestTwoDaemons(t *testing.T) {
	h := newHost(t)
	_, err := emud.New(h.options())
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("process number %d", os.Getpid())) {
		t.Errorf("a second daemon with the same runtime directory: %v", err)
	}
}

// TestPortsOfTwoLabs: a console port that another lab has is replaced, and stays
// what it was replaced by.
func TestPortsOfTwoLabs(t *testing.T) {
	h := newHost(t)
	h.mustApply("m", serial)
	result := h.mustApply("n", serial)
	if !strings.Contains(result, fmt.Sprintf("console port %d of R1 is in use by another lab; it has %d", base, base+2)) {
		t.Errorf("result: %q", result)
	}
	if h.state("n", "R1") != node.Running || h.nodes.Get("n", "R2").Spec().ConsolePort != base+3 {
		t.Errorf("R1 is %s, console of R2 %d", h.state("n", "R1"), h.nodes.Get("n", "R2").Spec().ConsolePort)
	}
	h.d.Lab("n").Command("reload")
	if got := h.nodes.Get("n", "R2").Spec().ConsolePort; got != base+3 {
		t.Errorf("console of R2 after a reload: %d", got)
	}
}

// TestFailures: what fails is reported, the rest goes on, and the next apply
// makes up for it.
// TestPortsOfOtherPrograms: a port that another program has, and the lab file does
// not name, is replaced; one that it names keeps its router stopped.
func TestPortsOfOtherPrograms(t *testing.T) {
	h := newHost(t)
	first := freePorts(8)
	listen := func(port int) net.Listener {
		t.Helper()
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ln.Close() })
		return ln
	}
	foreign, second := listen(first), listen(first+2)
	text := fmt.Sprintf("[localhost]\nconsole = %d\n[[ROUTER R1]]\n[[ROUTER R2]]\n[[ROUTER R3]]\nconsole = %d\n", first, first+2)
	result := h.mustApply("m", text)
	ports := func() (got [3]int) {
		for i := range got {
			if n := h.nodes.Get("m", fmt.Sprintf("R%d", i+1)); n != nil {
				got[i] = n.Spec().ConsolePort - first
			} else {
				got[i] = -1
			}
		}
		return got
	}
	// 1 is R2's and 2 R3's.
	if got, want := ports(), [3]int{3, 1, -1}; got != want {
		t.Errorf("ports from the base on are %v, want %v", got, want)
	}
	for _, want := range []string{
		fmt.Sprintf("m.net:3:1: warning: console port %d of R1 is in use by another program; it has %d\n", first, first+3),
		fmt.Sprintf("m.net:5:1: warning: R3 stays stopped: console port %d: another program listens on it\n", first+2),
	} {
		if !strings.Contains(result, want) {
			t.Errorf("result:\n%swant:\n%s", result, want)
		}
	}
	if status := emud.Status(h.d.Lab("m")); !strings.Contains(status, fmt.Sprint(first+3)) {
		t.Errorf("status:\n%s", status)
	}
	id := h.nodes.Get("m", "R1").ID()
	calm := func(what string) {
		t.Helper()
		if err := h.d.Lab("m").Command("apply"); err != nil {
			t.Fatal(err)
		}
		result, _ := h.d.Lab("m").Result()
		if strings.Contains(result, "changed") || h.nodes.Get("m", "R1").ID() != id || strings.Contains(h.device("m", "R1").Info(), "at next start") {
			t.Errorf("%s: result %q\n%s", what, result, h.device("m", "R1").Info())
		}
	}
	calm("applied again")
	h.d.Release()
	h.start()
	calm("with a new daemon")
	// Free again, the port is taken at the next start.
	foreign.Close()
	second.Close()
	for _, name := range []string{"R1", "R3"} {
		if err := h.device("m", name).Reload(); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := ports(), [3]int{0, 1, 2}; got != want {
		t.Errorf("ports from the base on are %v, want %v", got, want)
	}
}

func TestFailures(t *testing.T) {
	for _, method := range []string{"EnsureNamespace", "EnsureTAP", "Link", "Attach", "EnsureLAN", "OpenTAP"} {
		t.Run(method, func(t *testing.T) {
			h := newHost(t)
			h.net.Fail = method
			if result := h.mustApply("m", mixed); !strings.Contains(result, "told to fail") {
				t.Errorf("result: %q", result)
			}
			h.net.Fail = ""
			if err := h.d.Lab("m").Command("apply"); err != nil {
				t.Fatal(err)
			}
			if got := h.net.Inventory(); len(got) != 11 {
				t.Errorf("in the network after the second apply: %q", got)
			}
			for _, r := range []string{"R1", "R2", "R3"} {
				if h.state("m", r) != node.Running {
					t.Errorf("%s is %s", r, h.state("m", r))
				}
			}
		})
	}
}

func TestQuiet(t *testing.T) {
	h := newHost(t)
	l := h.d.EnsureLab("m")
	os.WriteFile(l.TextPath(), []byte(serial), 0o644)
	l.Schedule([]byte("[localhost]\n"))
	l.Schedule([]byte(serial))
	l.Wait(t.Context())
	if h.state("m", "R1") != node.Running {
		t.Error("R1 does not run")
	}
	// A file that is gone for a moment, as editors do it, does not end the lab.
	r1 := h.nodes.Get("m", "R1")
	l.ScheduleRemoval()
	l.Schedule([]byte(serial))
	l.Wait(t.Context())
	if h.nodes.Get("m", "R1") != r1 {
		t.Error("R1 was restarted")
	}
	// A removal is not forgotten when the daemon ends before it is due.
	l.ScheduleRemoval()
	h.d.Release()
	h.start()
	if h.d.Lab("m") != nil || h.nodes.Get("m", "R1") != nil || len(h.net.Inventory()) != 0 {
		t.Errorf("after the removal: %q", h.net.Inventory())
	}
}
