package node_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"dynemu/emud/node"
	"dynemu/emud/node/store"
	"dynemu/netns"
	"dynemu/vm"
)

// fakeNode is the path of a node program with a machine for tests.
var fakeNode string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "nodetest")
	if err != nil {
		panic(err)
	}
	// The node runs as nobody and must still be found.
	os.Chmod(dir, 0o755)
	fakeNode = filepath.Join(dir, "fakenode")
	if path := os.Getenv("NODE_TEST_PROGRAM"); path != "" { // of the test that started this process
		fakeNode = path
		os.Exit(m.Run())
	}
	build := exec.Command("go", "build", "-o", fakeNode, "./testdata/fakenode")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the node for tests: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// bench is a daemon's surroundings of one node.
type bench struct {
	t     *testing.T
	dir   string
	opt   node.Options
	spec  node.Spec
	image string
	files node.Files
	dead  []node.Spec
}

const nvramSize = 128 << 10

func setup(t *testing.T) *bench {
	t.Helper()
	dir := t.TempDir()
	b := &bench{t: t, dir: dir, image: "image"}
	b.opt = node.Options{
		RuntimeDir: filepath.Join(dir, "run"), Binary: fakeNode, Prefix: "nodetest", Spawn: node.SpawnDirect,
		Log:  t.Logf,
		Dead: func(s node.Spec) { b.dead = append(b.dead, s) },
	}
	b.spec = node.Spec{
		Version: 1, Lab: "lab", Device: "R1",
		Config: vm.Config{Name: "R1", Platform: "c7200", RAM: 64, NVRAM: nvramSize >> 10},
		Ports: []node.PortSpec{
			{Name: "f0/0", Slot: 0, Port: 0, Wire: "none"},
			{Name: "f0/1", Slot: 0, Port: 1, Wire: "none"},
		},
	}
	b.files = node.Files{NVRAM: b.open("nvram"), Vars: b.open("vars"), Log: b.open("log"), Ports: map[string]*os.File{}}
	return b
}

// open opens a file of the bench as root would and closes it with the test.
func (b *bench) open(name string) *os.File {
	b.t.Helper()
	f, err := os.OpenFile(filepath.Join(b.dir, name), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if name == "nvram" || name == "vars" { // the store writes at offsets
		f, err = os.OpenFile(filepath.Join(b.dir, name), os.O_RDWR|os.O_CREATE, 0o600)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { f.Close() })
	return f
}

func (b *bench) start() *node.Node {
	b.t.Helper()
	n, err := b.tryStart()
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { n.Kill() })
	return n
}

func (b *bench) tryStart() (*node.Node, error) {
	b.t.Helper()
	path := filepath.Join(b.dir, "image")
	if err := os.WriteFile(path, []byte(b.image), 0o600); err != nil {
		b.t.Fatal(err)
	}
	b.spec.Image = path
	f, err := os.Open(path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	b.files.Image = f
	return node.Start(b.opt, b.spec, b.files)
}

func (b *bench) readLog() string {
	text, err := os.ReadFile(filepath.Join(b.dir, "log"))
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

func (b *bench) runtimeFiles() []string {
	var names []string
	entries, err := os.ReadDir(filepath.Join(b.opt.RuntimeDir, "nodes"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		b.t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func ctx(t *testing.T, d time.Duration) context.Context {
	c, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits for a condition that comes soon.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("not within 10 s: %s", what)
}

// expect reads from a console until it has printed text, and returns all it read.
func expect(t *testing.T, c net.Conn, text string) string {
	t.Helper()
	must(t, c.SetReadDeadline(time.Now().Add(10*time.Second)))
	var got []byte
	buf := make([]byte, 4096)
	for !bytes.Contains(got, []byte(text)) {
		n, err := c.Read(buf)
		got = append(got, buf[:n]...)
		if err != nil {
			t.Fatalf("console printed %q and then %v, want %q", got, err, text)
		}
	}
	return string(got)
}

// lastEvent returns the event that tells how the node ended.
func lastEvent(t *testing.T, n *node.Node) (last node.Event) {
	t.Helper()
	timeout := time.After(10 * time.Second)
	for {
		select {
		case e, ok := <-n.Events():
			if !ok {
				return last
			}
			last = e
		case <-timeout:
			t.Fatal("the node's events did not end within 10 s")
		}
	}
}

func alive(pid int) bool { return unix.Kill(pid, 0) == nil }

func TestStartAndStop(t *testing.T) {
	b := setup(t)
	n := b.start()
	if got := n.Spec(); got.Device != "R1" || got.Log != filepath.Join(b.dir, "log") {
		t.Errorf("Spec: %+v", got)
	}
	if n.State() != node.Booting {
		t.Errorf("state after Start: %s", n.State())
	}
	eventually(t, "state running", func() bool { return n.State() == node.Running })
	st, err := n.Status()
	must(t, err)
	if st.State != node.Running || st.PID != n.PID() || st.Uptime <= 0 || st.RSS == 0 {
		t.Errorf("Status: %+v", st)
	}
	if own := st.RSS - st.Shared - st.GuestMemory; own > 48<<20 {
		t.Errorf("the node uses %d MiB of its own", own>>20)
	}
	// Who asks for a state finds it, whatever the guest does meanwhile.
	is := func(want node.State) {
		t.Helper()
		if s := n.State(); s != want {
			t.Errorf("the state is %s, want %s", s, want)
		}
	}
	for range 50 {
		must(t, n.Suspend())
		is(node.Suspended)
		must(t, n.Resume())
		if s := n.State(); s != node.Running && s != node.Booting { // it may be told of its restart late
			t.Errorf("the state is %s after Resume", s)
		}
		must(t, n.Reset())
		is(node.Booting)
	}
	eventually(t, "state running", func() bool { return n.State() == node.Running })

	pid := n.PID()
	must(t, n.Stop(ctx(t, 10*time.Second)))
	if alive(pid) {
		t.Error("the process lives after Stop")
	}
	if e := lastEvent(t, n); e.State != node.Stopped || e.Reason != "stopped" {
		t.Errorf("last event: %+v", e)
	}
	if n.State() != node.Stopped {
		t.Errorf("state after Stop: %s", n.State())
	}
	if left := b.runtimeFiles(); len(left) != 0 {
		t.Errorf("left in the runtime directory: %v", left)
	}
	must(t, n.Stop(ctx(t, time.Second))) // again
	if _, err := n.Status(); !errors.Is(err, node.ErrEnded) {
		t.Errorf("Status after Stop: %v", err)
	}
	if log := b.readLog(); !strings.Contains(log, "FAKE: started [2J\n") {
		t.Errorf("log, where control characters are blanked:\n%q", log)
	}
}

func TestSandbox(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: needs root to see privileges dropped")
	}
	b := setup(t)
	n := b.start()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.PID()))
	must(t, err)
	for _, want := range []string{"Uid:\t65534\t65534\t65534\t65534", "Gid:\t65534\t65534\t65534\t65534", "Groups:\t ",
		"CapInh:\t0000000000000000", "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "CapAmb:\t0000000000000000",
		"NoNewPrivs:\t1", "Seccomp:\t2"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("/proc/PID/status lacks %q", want)
		}
	}
	// Every thread, not only the first, is confined.
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", n.PID()))
	must(t, err)
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		must(t, err)
		if !strings.Contains(string(text), "Seccomp:\t2") || !strings.Contains(string(text), "CapEff:\t0000000000000000") {
			t.Errorf("%s:\n%s", task, text)
		}
	}
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", n.PID()))
	must(t, err)
	if regexp.MustCompile(`(?m)^\S+ .wx`).Match(maps) {
		t.Errorf("memory that is writable and executable:\n%s", maps)
	}
	for _, ns := range []string{"net", "ipc"} {
		own, err := os.Readlink("/proc/self/ns/" + ns)
		must(t, err)
		theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", n.PID(), ns))
		must(t, err)
		if own == theirs {
			t.Errorf("the node is in the daemon's %s namespace", ns)
		}
	}

	log, err := n.ConsoleLog()
	must(t, err)
	for _, what := range []string{"open", "create", "socket", "exec", "fork", "kill", "ioctl", "ptrace", "sockopt", "wx"} {
		line := regexp.MustCompile(`(?m)^` + what + `: (.*)\r$`).FindSubmatch(log)
		if line == nil || !regexp.MustCompile(`(not permitted|permission denied)$`).Match(line[1]) {
			t.Errorf("%s is not refused: %q", what, line)
		}
	}
	if !bytes.Contains(log, []byte("user: 65534\r\n")) {
		t.Errorf("console log: %s", log)
	}
}

func TestBadImageIsAnError(t *testing.T) {
	b := setup(t)
	for image, want := range map[string]string{
		"ELF?":               "image: not an ELF file",
		"":                   "image: the file is empty",
		"image that crashes": "crash while building",
	} {
		b.image = image
		n, err := b.tryStart()
		if err == nil {
			n.Kill()
			t.Errorf("image %q: started", image)
		} else if !strings.Contains(err.Error(), want) && !strings.Contains(b.readLog(), want) {
			t.Errorf("image %q: %v", image, err)
		}
		if left := b.runtimeFiles(); len(left) != 0 {
			t.Errorf("image %q left %v", image, left)
		}
	}
	b.opt.Binary = filepath.Join(b.dir, "none")
	if _, err := b.tryStart(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing program: %v", err)
	}
	b.opt.Binary = "/bin/true" // ends before it says hello
	if _, err := b.tryStart(); err == nil || !strings.Contains(err.Error(), "ended at once") {
		t.Errorf("wrong program: %v", err)
	}
}

func TestStartTwice(t *testing.T) {
	b := setup(t)
	n := b.start()
	if _, err := b.tryStart(); err == nil || !strings.Contains(err.Error(), "runs already") {
		t.Errorf("second start: %v", err)
	}
	if _, err := n.Status(); err != nil {
		t.Errorf("the first node after a second start: %v", err)
	}
}

func TestCrashIsNoticedAtOnce(t *testing.T) {
	for _, c := range []struct {
		name, exit, log string
		crash           func(n *node.Node)
	}{
		{"killed", "signal: killed", "", func(n *node.Node) { unix.Kill(n.PID(), unix.SIGKILL) }},
		{"panic", "exit status 2", "the fake router crashed", func(n *node.Node) { typeKeys(t, n, "!") }},
		{"failure", "exit status 1", "the fake router failed", func(n *node.Node) { typeKeys(t, n, "e") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := setup(t)
			n := b.start()
			start := time.Now()
			c.crash(n)
			e := lastEvent(t, n)
			t.Logf("noticed after %v: %+v", time.Since(start), e.Reason)
			if e.State != node.Crashed || e.Exit != c.exit || n.State() != node.Crashed {
				t.Errorf("last event: %+v", e)
			}
			if !strings.Contains(strings.Join(e.Log, "\n")+b.readLog(), c.log) {
				t.Errorf("log: %q", e.Log)
			}
			select {
			case <-n.Done():
				if n.End().Exit != c.exit {
					t.Errorf("End: %+v", n.End())
				}
			case <-time.After(10 * time.Second):
				t.Error("Done is not closed")
			}
			if left := b.runtimeFiles(); len(left) != 0 {
				t.Errorf("left in the runtime directory: %v", left)
			}
			must(t, b.start().Stop(ctx(t, 10*time.Second))) // start works again
		})
	}
}

func typeKeys(t *testing.T, n *node.Node, keys string) {
	t.Helper()
	c, err := n.Console(false, false)
	must(t, err)
	defer c.Close()
	_, err = c.Write([]byte(keys))
	must(t, err)
}

func TestStopKillsANodeThatDoesNotAnswer(t *testing.T) {
	b := setup(t)
	n := b.start()
	pid := n.PID()
	must(t, unix.Kill(pid, unix.SIGSTOP))
	err := n.Stop(ctx(t, 200*time.Millisecond))
	if err == nil || !strings.Contains(err.Error(), "was killed") || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Stop: %v", err)
	}
	if alive(pid) || n.State() != node.Stopped {
		t.Errorf("the process is alive: %v; state %s", alive(pid), n.State())
	}
}

func TestGuestPowersOff(t *testing.T) {
	b := setup(t)
	n := b.start()
	typeKeys(t, n, "q")
	if e := lastEvent(t, n); e.State != node.Stopped || !strings.Contains(e.Reason, "switched the router off") || e.Exit != "exit status 0" ||
		!bytes.Contains(e.Console, []byte("fake router\r\n")) {
		t.Errorf("last event: %+v", e)
	}
	if log := b.readLog(); !strings.Contains(log, "NODE: the guest switched the router off; the console ended with:") || !strings.Contains(log, "CONSOLE: fake router") {
		t.Errorf("log:\n%s", log)
	}
}

func TestSIGTERMSavesNVRAM(t *testing.T) {
	b := setup(t)
	n := b.start()
	must(t, unix.Kill(n.PID(), unix.SIGTERM))
	if e := lastEvent(t, n); e.State != node.Stopped || e.Reason != "terminated" {
		t.Errorf("last event: %+v", e)
	}
	if got, err := store.Read(b.files.NVRAM); err != nil || len(got) != nvramSize {
		t.Errorf("NVRAM: %d bytes, %v", len(got), err)
	}
}

func TestNVRAM(t *testing.T) {
	b := setup(t)
	content := bytes.Repeat([]byte("config"), nvramSize/6+1)[:nvramSize]
	must(t, store.Write(b.files.NVRAM, content)) // while it is stopped
	n := b.start()
	if got, err := n.NVRAM(); err != nil || !bytes.Equal(got, content) {
		t.Fatalf("NVRAM of the running router: %d bytes, %v", len(got), err)
	}
	content[5] = 'X'
	must(t, n.SetNVRAM(content))
	if got, err := store.Read(b.files.NVRAM); err != nil || !bytes.Equal(got, content) {
		t.Errorf("NVRAM on disk after SetNVRAM: %d bytes, %v", len(got), err)
	}
	if err := n.SetNVRAM(content[:10]); err == nil || !strings.Contains(err.Error(), "not 10") {
		t.Errorf("SetNVRAM of the wrong size: %v", err)
	}
	typeKeys(t, n, "s")
	content[0]++
	eventually(t, "the guest's change on disk", func() bool {
		got, err := store.Read(b.files.NVRAM)
		return err == nil && bytes.Equal(got, content)
	})
	must(t, unix.Kill(n.PID(), unix.SIGKILL))
	<-n.Done()
	n = b.start()
	if got, err := n.NVRAM(); err != nil || !bytes.Equal(got, content) {
		t.Errorf("NVRAM after a crash: %d bytes, %v", len(got), err)
	}
}

func TestConsole(t *testing.T) {
	b := setup(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	b.files.ConsoleListener, err = l.(*net.TCPListener).File()
	must(t, err)
	defer b.files.ConsoleListener.Close()
	n := b.start()

	c, err := n.Console(false, true)
	must(t, err)
	defer c.Close()
	expect(t, c, "fake router")
	_, err = c.Write([]byte("a"))
	must(t, err)
	expect(t, c, "<a>")

	now, err := n.Console(false, false)
	must(t, err)
	defer now.Close()
	_, err = now.Write([]byte("b"))
	must(t, err)
	if got := expect(t, now, "<b>"); strings.Contains(got, "fake router") {
		t.Errorf("history without replay: %q", got)
	}
	expect(t, c, "<b>")

	tcp, err := net.Dial("tcp", l.Addr().String())
	must(t, err)
	defer tcp.Close()
	expect(t, tcp, "<b>")

	log, err := n.ConsoleLog()
	must(t, err)
	if !strings.HasPrefix(string(log), "fake router\r\n") || !strings.HasSuffix(string(log), "<a><b>") {
		t.Errorf("console log: %q", log)
	}
	aux, err := n.Console(true, true)
	must(t, err)
	aux.Close()
}

// Promise: 34.
func TestTTY(t *testing.T) {
	b := setup(t)
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	must(t, err)
	defer master.Close()
	must(t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	num, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	must(t, err)
	b.files.PTYMaster = master
	b.start()
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", num), os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	must(t, err)
	defer tty.Close()
	_, err = tty.Write([]byte("k"))
	must(t, err)
	var got []byte
	eventually(t, "the key's echo on the terminal", func() bool {
		buf := make([]byte, 4096)
		tty.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		n, _ := tty.Read(buf)
		got = append(got, buf[:max(n, 0)]...)
		return bytes.Contains(got, []byte("<k>"))
	})
}

// pair is a serial cable: one end for the node, one for the test.
func pair(t *testing.T) (theirs *os.File, ours net.Conn) {
	return socketPair(t, unix.SOCK_SEQPACKET)
}

// echoes sends a frame and waits for the fake router's answer.
func echoes(t *testing.T, c io.ReadWriter, setDeadline func(time.Time) error) {
	t.Helper()
	frame := bytes.Repeat([]byte{0x0f, 0x00, 0x80, 0x35}, 20)
	_, err := c.Write(frame)
	must(t, err)
	must(t, setDeadline(time.Now().Add(10*time.Second)))
	buf := make([]byte, 2048)
	n, err := c.Read(buf)
	must(t, err)
	frame[0] = 0xee
	if !bytes.Equal(buf[:n], frame) {
		t.Errorf("got %x, want %x", buf[:n], frame)
	}
}

func TestPlugAndUnplug(t *testing.T) {
	b := setup(t)
	first, firstEnd := pair(t)
	b.files.Ports["f0/0"] = first
	b.spec.Ports[0].Wire = "pipe"
	n := b.start()
	first.Close()
	echoes(t, firstEnd, firstEnd.SetReadDeadline)

	second, secondEnd := pair(t)
	must(t, n.Plug("f0/1", "pipe", second))
	echoes(t, secondEnd, secondEnd.SetReadDeadline)

	// In place of the first wire, which is closed.
	third, thirdEnd := pair(t)
	must(t, n.Plug("f0/0", "pipe", third))
	echoes(t, thirdEnd, thirdEnd.SetReadDeadline)
	must(t, firstEnd.SetReadDeadline(time.Now().Add(10*time.Second)))
	if n, err := firstEnd.Read(make([]byte, 10)); n != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the replaced wire: %d bytes, %v", n, err)
	}

	// The answer can be here before its sender has counted it.
	eventually(t, "counters of f0/0", func() bool {
		st, err := n.Status()
		must(t, err)
		p := st.Ports["f0/0"]
		return p.Plugged && p.RxFrames == 2 && p.RxBytes == 160 && p.TxFrames == 2 && p.TxBytes == 160 // of both wires
	})
	must(t, n.Unplug("f0/1"))
	if st, err := n.Status(); err != nil || st.Ports["f0/1"].Plugged {
		t.Errorf("status of f0/1 after Unplug: %+v, %v", st.Ports["f0/1"], err)
	}
	for _, c := range []struct{ port, kind, want string }{
		{"f9/0", "pipe", `no port "f9/0"; there are f0/0, f0/1`},
		{"f0/0", "fiber", `"fiber": unknown; wanted: tap, pipe`},
		{"f0/0", "tap", "not a TAP"},
	} {
		f, _ := pair(t)
		if err := n.Plug(c.port, c.kind, f); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Plug(%q, %q): %v, want %q", c.port, c.kind, err, c.want)
		}
	}
	echoes(t, thirdEnd, thirdEnd.SetReadDeadline) // untouched by the errors
}

func TestTAPs(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: needs root for network namespaces")
	}
	m := netns.New("ntnode")
	must(t, m.Cleanup(nil))
	t.Cleanup(func() { m.Cleanup(nil) })
	a, z := netns.Endpoint{Namespace: m.Name("lab", "R1"), Ifname: "f0-0"}, netns.Endpoint{Namespace: m.Name("lab", "R2"), Ifname: "f0-0"}
	must(t, m.EnsureNamespace(a.Namespace))
	must(t, m.EnsureNamespace(z.Namespace))
	far, err := m.OpenTAP(z.Namespace, z.Ifname, 0)
	must(t, err)
	defer far.Close()

	b := setup(t)
	n := b.start()
	for range 2 { // a TAP at runtime, past the sandbox, and again in its place
		tap, err := m.OpenTAP(a.Namespace, a.Ifname, 0)
		must(t, err)
		must(t, m.LinkVeth(a, z, true, true))
		must(t, n.Plug("f0/0", "tap", tap))
		tap.Close()
		echoes(t, far, far.SetReadDeadline)
		if _, err := m.OpenTAP(a.Namespace, a.Ifname, 0); !errors.Is(err, unix.EBUSY) {
			t.Errorf("TAP of a running node: %v", err)
		}
		must(t, n.Unplug("f0/0"))
	}
}

// A node whose daemon died before it said what to run ends when the next daemon
// has seen it.
func TestOrphanEnds(t *testing.T) {
	b := setup(t)
	dir := filepath.Join(b.opt.RuntimeDir, "nodes")
	must(t, os.MkdirAll(dir, 0o700))
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Net: "unixpacket", Name: filepath.Join(dir, "lab.R1.sock")})
	must(t, err)
	l.SetUnlinkOnClose(false)
	f, err := l.File()
	must(t, err)
	l.Close()
	cmd := exec.Command(fakeNode, "--uid", "65534", "--gid", "65534")
	cmd.Stdin = f
	must(t, cmd.Start())
	f.Close()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { cmd.Process.Kill() })
	nodes, err := node.Adopt(b.opt)
	must(t, err)
	if len(nodes) != 0 {
		t.Errorf("adopted %v", nodes)
	}
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the orphan is still there")
	}
}

// A new daemon finds what a dead one left.
func TestAdopt(t *testing.T) {
	b := setup(t)
	wireFile, end := pair(t)
	b.files.Ports["f0/0"] = wireFile
	b.spec.Ports[0].Wire = "pipe"
	old := b.start()
	eventually(t, "state running", func() bool { return old.State() == node.Running })
	old.Release() // all that is left of a killed daemon's connection
	select {
	case <-old.Done():
	default:
		t.Error("Done is open after Release")
	}

	nodes, err := node.Adopt(b.opt)
	must(t, err)
	if len(nodes) != 1 {
		t.Fatalf("adopted %d nodes", len(nodes))
	}
	n := nodes[0]
	defer n.Kill()
	if n.PID() != old.PID() || n.ID() != old.ID() || n.State() != node.Running {
		t.Errorf("adopted %s in state %s, want %s running", n.ID(), n.State(), old.ID())
	}
	if got, want := fmt.Sprint(n.Spec()), fmt.Sprint(old.Spec()); got != want {
		t.Errorf("adopted spec %s, want %s", got, want)
	}
	echoes(t, end, end.SetReadDeadline)
	must(t, n.Unplug("f0/0"))
	if c, err := n.Console(false, true); err != nil {
		t.Error(err)
	} else {
		expect(t, c, "fake router")
		c.Close()
	}

	n.Release()
	nodes, err = node.Adopt(b.opt)
	must(t, err)
	n = nodes[0]
	if w := n.Spec().Ports[0].Wire; w != "none" {
		t.Errorf("wire of the unplugged port in the adopted spec: %q", w)
	}
	must(t, unix.Kill(n.PID(), unix.SIGKILL))
	if e := lastEvent(t, n); e.State != node.Crashed {
		t.Errorf("an adopted node's end: %+v", e)
	}
}

func TestAdoptFindsTheDead(t *testing.T) {
	b := setup(t)
	n := b.start()
	n.Release()
	must(t, unix.Kill(n.PID(), unix.SIGKILL))
	eventually(t, "the socket refused", func() bool {
		c, err := net.Dial("unixpacket", filepath.Join(b.opt.RuntimeDir, "nodes", "lab.R1.sock"))
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	// Half of a start, and half of a write.
	for _, name := range []string{"lab.R2.sock", "lab.R3.json.new"} {
		must(t, os.WriteFile(filepath.Join(b.opt.RuntimeDir, "nodes", name), nil, 0o600))
	}
	nodes, err := node.Adopt(b.opt)
	must(t, err)
	if len(nodes) != 0 || len(b.dead) != 1 || b.dead[0].Device != "R1" {
		t.Errorf("adopted %d, dead %v", len(nodes), b.dead)
	}
	if left := b.runtimeFiles(); len(left) != 0 {
		t.Errorf("left in the runtime directory: %v", left)
	}
}

// The daemon dies with SIGKILL: its nodes run on.
func TestNodeOutlivesItsDaemon(t *testing.T) {
	b := setup(t)
	if os.Getenv("NODE_TEST_DAEMON") != "" {
		// This is the daemon: start a node, say so, and wait to be killed.
		b.opt.RuntimeDir = os.Getenv("NODE_TEST_DAEMON")
		b.files.Log = nil
		n, err := b.tryStart()
		must(t, err)
		fmt.Printf("PID=%d\n", n.PID())
		select {}
	}
	dir := t.TempDir()
	daemon := exec.Command(os.Args[0], "-test.run", "^TestNodeOutlivesItsDaemon$")
	daemon.Env = append(os.Environ(), "NODE_TEST_DAEMON="+dir, "NODE_TEST_PROGRAM="+fakeNode)
	out, err := daemon.StdoutPipe()
	must(t, err)
	must(t, daemon.Start())
	var pid int
	if _, err := fmt.Fscanf(out, "PID=%d\n", &pid); err != nil {
		t.Fatal(err)
	}
	must(t, daemon.Process.Kill())
	daemon.Wait()
	b.opt.RuntimeDir = dir
	nodes, err := node.Adopt(b.opt)
	must(t, err)
	if len(nodes) != 1 || nodes[0].PID() != pid {
		t.Fatalf("adopted %d nodes", len(nodes))
	}
	if _, err := nodes[0].Status(); err != nil {
		t.Error(err)
	}
	must(t, nodes[0].Stop(ctx(t, 10*time.Second)))
}

func TestOtherVersionIsLeftAlone(t *testing.T) {
	b := setup(t)
	dir := filepath.Join(b.opt.RuntimeDir, "nodes")
	must(t, os.MkdirAll(dir, 0o700))
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Net: "unixpacket", Name: filepath.Join(dir, "lab.R9.sock")})
	must(t, err)
	defer l.Close()
	go func() {
		for {
			c, err := l.AcceptUnix()
			if err != nil {
				return
			}
			c.Read(make([]byte, 1000))
			c.Write([]byte(`{"version":99,"op":"reply"}`))
		}
	}()
	nodes, err := node.Adopt(b.opt)
	var version *node.VersionError
	if len(nodes) != 0 || !errors.As(err, &version) || version.Version != 99 || !strings.Contains(err.Error(), "lab.R9") {
		t.Errorf("adopted %d, %v", len(nodes), err)
	}
	if left := b.runtimeFiles(); len(left) != 1 {
		t.Errorf("left in the runtime directory: %v", left)
	}
}

// A daemon's connection can break: the node is reached again.
func TestSecondConnection(t *testing.T) {
	b := setup(t)
	n := b.start()
	c, err := net.Dial("unixpacket", filepath.Join(b.opt.RuntimeDir, "nodes", "lab.R1.sock"))
	must(t, err)
	conn := node.NewConn(c.(*net.UnixConn))
	defer conn.Close()
	ask := func(m node.Message) *node.Received {
		t.Helper()
		must(t, conn.Send(m))
		for {
			r, err := conn.Receive()
			must(t, err)
			if r.Op == node.OpReply {
				return r
			}
		}
	}
	if r := ask(node.Message{ID: 7, Op: "dance"}); r.ID != 7 || !strings.Contains(r.Error, `unknown operation "dance"`) {
		t.Errorf("unknown operation: %+v", r.Message)
	}
	if r := ask(node.Message{Op: node.OpStart, Body: json.RawMessage("{}")}); !strings.Contains(r.Error, "started already") {
		t.Errorf("second start: %+v", r.Message)
	}
	select {
	case <-n.Done():
	case <-time.After(100 * time.Millisecond):
	}
	if _, err := n.Status(); err != nil {
		t.Errorf("the node after a second start was refused: %v", err)
	}
	_, err = c.Write([]byte("not JSON"))
	must(t, err)
	if _, err := conn.Receive(); err == nil {
		t.Error("the connection outlives a message that is none")
	}
	if _, err := n.Status(); err != nil {
		t.Errorf("the node after garbage on another connection: %v", err)
	}
}

func TestLongNames(t *testing.T) {
	b := setup(t)
	b.opt.RuntimeDir = filepath.Join(b.dir, strings.Repeat("d", 100))
	b.spec.Device = strings.Repeat("R", 200)
	n := b.start()
	n.Release()
	nodes, err := node.Adopt(b.opt)
	must(t, err)
	if len(nodes) != 1 || nodes[0].PID() != n.PID() {
		t.Fatalf("adopted %v", nodes)
	}
	must(t, nodes[0].Stop(ctx(t, 10*time.Second)))
}

func TestUnitName(t *testing.T) {
	if got, want := node.UnitName("dynemu", "my lab", "R-1"), `dynemu-my\x20lab-R-1.service`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
