package fs

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"dynemu/emud"
	"dynemu/emud/emudtest"
)

// tempPrefix begins the names of the directories of these tests, so that a
// later run can take away the mounts of a crashed one.
const tempPrefix = "dynemu-fs-test-"

func TestMain(m *testing.M) {
	if path := os.Getenv(readerVariable); path != "" {
		readFile(path)
		return
	}
	stale, _ := filepath.Glob(filepath.Join(os.TempDir(), tempPrefix+"*"))
	for _, dir := range stale {
		// A mount whose server is gone answers ENOTCONN; one of a test that runs
		// now does not.
		mnt := filepath.Join(dir, "mnt")
		if _, err := os.Stat(mnt); errors.Is(err, syscall.ENOTCONN) {
			unix.Unmount(mnt, unix.MNT_DETACH)
			os.RemoveAll(dir)
		}
	}
	awayTime = 300 * time.Millisecond
	os.Exit(m.Run())
}

// world is a daemon with a mounted tree over a network and nodes in memory.
type world struct {
	t     testing.TB
	dir   string
	mnt   string
	net   *emudtest.Network
	nodes *emudtest.Nodes
	d     *emud.Daemon
	tree  *Tree
}

func newWorld(t testing.TB) *world {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIP: mounting a FUSE file system needs root")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skip("SKIP: this machine has no /dev/fuse")
	}
	dir, err := os.MkdirTemp("", tempPrefix)
	if err != nil {
		t.Fatal(err)
	}
	os.Chmod(dir, 0o755)
	w := &world{t: t, dir: dir, mnt: filepath.Join(dir, "mnt"), net: emudtest.NewNetwork(), nodes: emudtest.NewNodes()}
	w.start()
	t.Cleanup(func() {
		w.tree.Unmount()
		w.d.Shutdown(t.Context())
		os.RemoveAll(dir)
	})
	return w
}

func (w *world) start() {
	w.t.Helper()
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	d, err := emud.New(emud.Options{
		State: filepath.Join(w.dir, "state"), Runtime: filepath.Join(w.dir, "run"), Version: "test",
		Network: w.net, Nodes: w.nodes, Group: 12345, Log: logger,
		Mount: w.mnt, Quiet: 60 * time.Millisecond,
		Builtin:    func() []byte { return []byte("\x7fELF image") },
		CheckImage: func(string, []byte) error { return nil },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	tree, err := Mount(w.mnt, d, logger)
	if err != nil {
		w.t.Fatal(err)
	}
	d.Run()
	w.d, w.tree = d, tree
}

// kill ends the daemon as SIGKILL does, as far as the tree can tell: nothing is
// stopped or removed.
func (w *world) kill() {
	w.t.Helper()
	if err := w.tree.Unmount(); err != nil {
		w.t.Fatal(err)
	}
	w.d.Release()
}

func (w *world) path(name string) string { return filepath.Join(w.mnt, name) }

func (w *world) read(name string) string {
	w.t.Helper()
	b, err := os.ReadFile(w.path(name))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(b)
}

func (w *world) write(name, text string) error {
	f, err := os.OpenFile(w.path(name), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// eventually waits until fn is true: for what happens after the quiet time.
func (w *world) eventually(what string, fn func() bool) {
	w.t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if fn() {
			return
		}
	}
	w.t.Fatalf("never happened: %s", what)
}

// sh runs a script in the mounted tree and returns its output and exit code.
//
// This process serves the tree, so between fork and exec a child of it must not
// touch the tree: neither change to a directory of it nor have to close a file.
func (w *world) sh(shell, script string) (string, int) {
	w.t.Helper()
	cmd := exec.Command(shell, "-c", "cd "+w.mnt+" && "+script)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// console0 is the first of a few TCP ports that nobody uses.
var console0 = freePorts(8)

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

var (
	server = fmt.Sprintf("[localhost]\nconsole = %d\n", console0)
	good   = server + "[[7200]]\nimage = builtin\n[[ROUTER R1]]\ns1/0 = R2 s1/0\n[[ROUTER R2]]\n"
	one    = server + "[[ROUTER R1]]\nf0/0 = LAN 1\n"
	bad    = server + "[[ROUTER R1]]\nnonsense = 1\n"
)

func (w *world) apply(name, text string) {
	w.t.Helper()
	if err := w.write("labs/"+name+".net", text); err != nil {
		w.t.Fatal(err)
	}
	w.read("labs/" + name + "/result") // waits until it is applied
}

func TestTop(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"README", "version", "status", "ctl", "errors"} {
		st, err := os.Stat(w.path(name))
		if err != nil {
			t.Fatal(err)
		}
		if got := len(w.read(name)); int64(got) != st.Size() {
			t.Errorf("%s: size %d, content of %d bytes", name, st.Size(), got)
		}
		if age := time.Since(st.ModTime()); age < -time.Second || age > time.Minute {
			t.Errorf("%s: modified %v ago", name, age)
		}
	}
	entries, err := os.ReadDir(w.mnt)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if got := strings.Join(names, " "); got != "README ctl errors events idlepc.ini images labs metrics status version" {
		t.Errorf("top of the tree: %s", got)
	}
	if out, _ := w.sh("sh", "tail -n 1 README; head -c 6 README; wc -c < README"); !strings.HasPrefix(out, "Root and the group") {
		t.Errorf("tail: %q", out)
	}
}

func TestApply(t *testing.T) {
	w := newWorld(t)
	w.apply("simple1", good)
	if got := w.read("labs/simple1/R1/state"); got != "running\n" {
		t.Errorf("state of R1 is %q", got)
	}
	if got := w.read("labs/simple1/result"); !strings.Contains(got, "R1 started") {
		t.Errorf("result: %q", got)
	}
	lines := strings.Split(w.read("status"), "\n")
	if got := strings.Fields(lines[0]); strings.Join(got, " ") != "Name Type State Server Console Lab" {
		t.Errorf("header of status: %q", got)
	}
	if got := strings.Fields(lines[1]); strings.Join(got, " ") != fmt.Sprintf("R1 7200 running localhost %d simple1", console0) {
		t.Errorf("first row of status: %q", got)
	}
	if got := w.read("labs/simple1/R1/ports/s1-0/peer"); got != "R2 s1/0\n" {
		t.Errorf("peer of R1 s1/0: %q", got)
	}
	if got := w.read("labs/simple1/R1/ports/s1-0/ifname"); got != "s1-0\n" {
		t.Errorf("ifname of a serial port: %q", got)
	}
	if got := w.read("images/builtin"); !strings.Contains(got, "size           10\n") || !strings.Contains(got, "used by        simple1/R1 simple1/R2\n") {
		t.Errorf("images/builtin: %q", got)
	}
	if got := w.read("labs/simple1/topology.dot"); !strings.Contains(got, `"R1" -- "R2"`) {
		t.Errorf("topology.dot: %q", got)
	}
	if got := w.read("labs/simple1/topology.svg"); !strings.Contains(got, "<svg") || !strings.HasSuffix(got, "</svg>\n") {
		t.Errorf("topology.svg: %q", got)
	}
	if got := w.read("labs/simple1.net"); got != good {
		t.Errorf("lab file: %q", got)
	}
	if err := os.Remove(w.path("labs/simple1.net")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(w.path("labs/simple1")); !os.IsNotExist(err) {
		t.Errorf("directory of a removed lab: %v", err)
	}
	if w.nodes.Get("simple1", "R1") != nil {
		t.Error("R1 runs after its lab was removed")
	}
	if inv := w.net.Inventory(); len(inv) != 0 {
		t.Errorf("left behind: %q", inv)
	}
}

// TestEditors writes lab files in the ways of the programs that people use,
// well-formed and not. The wanted exit codes are those that each program gives
// when its close or rename fails.
func TestEditors(t *testing.T) {
	for _, tt := range []struct {
		name, shell, script string
		bad                 int  // exit code for a text with an error
		keeps               bool // the old text stays when the new one is refused
	}{
		{"cp onto", "sh", `cp "$new" labs/x.net`, 1, false},
		{"cp -p onto", "sh", `cp -p "$new" labs/x.net`, 1, false},
		{"cat > in sh", "sh", `cat "$new" > labs/x.net`, 1, false},
		{"cat > in bash", "bash", `cat "$new" > labs/x.net`, 1, false},
		{"tee", "sh", `tee labs/x.net < "$new" > /dev/null`, 1, false},
		{"dd", "sh", `dd if="$new" of=labs/x.net bs=7 2>/dev/null`, 1, false},
		{"install", "sh", `install -m 644 "$new" labs/x.net`, 1, false},
		{"mv from another file system", "sh", `cp "$new" "$new.2" && mv "$new.2" labs/x.net`, 1, false},
		{"mv within", "sh", `cp "$new" labs/x.tmp && mv labs/x.tmp labs/x.net`, 1, true},
		// A shell cannot report what the close behind its builtins says.
		{"echo in bash", "bash", `echo "$(cat "$new")" > labs/x.net`, 0, false},
		{"echo in dash", "dash", `echo "$(cat "$new")" > labs/x.net`, 0, false},
		{"printf by lines", "bash", `while read -r l; do printf '%s\n' "$l"; done < "$new" > labs/x.net`, 0, false},
		{"children in turn", "sh", `(while read -r l; do /bin/echo "$l"; done) < "$new" > labs/x.net`, 1, false},
		{"append", "sh", `: > labs/x.net; while read -r l; do echo "$l" >> labs/x.net; done < "$new"`, 0, false},
		{"editor with backup", "sh", `mv labs/x.net labs/x.net~ && cat "$new" > labs/x.net && rm labs/x.net~`, 1, false},
		{"editor by rename", "sh", `cat "$new" > labs/.x.new && mv labs/.x.new labs/x.net`, 1, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			dir := t.TempDir()
			run := func(text string) int {
				t.Helper()
				file := filepath.Join(dir, "text")
				if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
				out, code := w.sh(tt.shell, "new="+file+"; "+tt.script)
				if out != "" {
					t.Logf("%s", out)
				}
				return code
			}
			w.apply("x", one)
			w.read("labs/x/result")
			r1 := w.nodes.Get("x", "R1")
			if code := run(good); code != 0 {
				t.Fatalf("exit code %d for a good text", code)
			}
			w.eventually("R2 runs", func() bool { return w.nodes.Get("x", "R2") != nil })
			if w.nodes.Get("x", "R1") != r1 {
				t.Error("R1 was started anew")
			}
			if code := run(bad); code != tt.bad {
				t.Errorf("exit code %d for a text with an error, want %d", code, tt.bad)
			}
			want := "x.net:4:1: "
			w.eventually("result says "+want, func() bool { return strings.HasPrefix(w.read("labs/x/result"), want) })
			if w.nodes.Get("x", "R2") == nil || w.nodes.Get("x", "R1") != r1 {
				t.Error("a text with an error changed what runs")
			}
			wantText := bad
			if tt.keeps {
				wantText = good
			}
			if got := w.read("labs/x.net"); strings.TrimSpace(got) != strings.TrimSpace(wantText) {
				t.Errorf("text after the refusal: %q", got)
			}
			if code := run(one); code != 0 {
				t.Errorf("exit code %d for a good text after the bad one", code)
			}
			w.eventually("R2 is gone", func() bool { return w.nodes.Get("x", "R2") == nil })
			if w.nodes.Get("x", "R1") != r1 {
				t.Error("R1 was started anew")
			}
		})
	}
}

func TestSedInPlace(t *testing.T) {
	w := newWorld(t)
	w.apply("x", good)
	if out, code := w.sh("sh", "sed -i 's/R2/R3/g' labs/x.net"); code != 0 {
		t.Fatalf("sed: %d %s", code, out)
	}
	w.eventually("R3 runs", func() bool { return w.nodes.Get("x", "R3") != nil && w.nodes.Get("x", "R2") == nil })
	out, code := w.sh("sh", "sed -i 's/s1.0 = R3 s1.0/what = ever/' labs/x.net")
	if code == 0 || !strings.Contains(out, "Invalid argument") {
		t.Errorf("sed to an error: %d %s", code, out)
	}
	if got := w.read("labs/x.net"); !strings.Contains(got, "s1/0 = R3 s1/0") {
		t.Errorf("a refused rename changed the text: %q", got)
	}
	if left, _ := filepath.Glob(w.path("labs/sed*")); len(left) > 1 {
		t.Errorf("temporary files: %q", left)
	}
}

func TestVim(t *testing.T) {
	vim, err := exec.LookPath("vim")
	if err != nil {
		t.Skip("SKIP: vim is not installed")
	}
	w := newWorld(t)
	w.apply("x", good)
	r1 := w.nodes.Get("x", "R1")
	edit := func(command string) int {
		cmd := exec.Command(vim, "-N", "-u", "NONE", "-i", "NONE", "-es", "-c", "set writebackup backupcopy=auto backupskip= ", "-c", command, "-c", "wq", w.path("labs/x.net"))
		cmd.Run()
		return cmd.ProcessState.ExitCode()
	}
	if code := edit("%s/R2/R3/g"); code != 0 {
		t.Fatalf("vim exits %d", code)
	}
	w.eventually("R3 runs", func() bool { return w.nodes.Get("x", "R3") != nil && w.nodes.Get("x", "R2") == nil })
	if w.nodes.Get("x", "R1") != r1 {
		t.Error("R1 was started anew")
	}
	edit("$s/$/\\rwhat = ever/")
	time.Sleep(300 * time.Millisecond)
	if w.nodes.Get("x", "R1") != r1 || w.nodes.Get("x", "R3") == nil {
		t.Error("an error written by vim changed what runs")
	}
}

// TestOpenWriter checks that nothing is applied while the file is open, and
// that a copy of the descriptor closed by another process is not the end.
func TestOpenWriter(t *testing.T) {
	w := newWorld(t)
	whole := server + "[[ROUTER R1]]\n"
	out, code := w.sh("bash", `exec 3> labs/x.net
printf '%s' '`+whole+`half' >&3
/bin/true >&3 || exit 2
sleep 0.4
cat labs/x/R1/state 2> /dev/null && exit 3
truncate -s `+fmt.Sprint(len(whole))+` /dev/fd/3
exec 3>&-
cat labs/x/R1/state`)
	if code != 0 || out != "running\n" {
		t.Errorf("exit %d: %q", code, out)
	}
}

// TestDup closes a copy of a descriptor while the text has an error.
func TestDup(t *testing.T) {
	w := newWorld(t)
	fd, err := unix.Open(w.path("labs/x.net"), unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Write(fd, []byte(bad)); err != nil {
		t.Fatal(err)
	}
	second, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Close(second); err != nil {
		t.Errorf("close of a copy: %v", err)
	}
	if err := unix.Close(fd); err != unix.EINVAL {
		t.Errorf("the last close: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	err := w.write("labs/x.net", bad)
	if !errors.Is(err, syscall.EINVAL) {
		t.Errorf("close of a lab file with an error: %v", err)
	}
	if got := w.read("labs/x/errors"); !strings.HasPrefix(got, "x.net:4:1: ") || strings.Count(got, "\n") != 1 {
		t.Errorf("errors: %q", got)
	}
	for _, name := range []string{"labs/a b.net", "labs/ü.net", "labs/.net", "labs/" + strings.Repeat("x", 100) + ".net"} {
		err := w.write(name, good)
		if name == "labs/.net" {
			// A hidden file is an editor's own and does not count.
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	// A refused rename leaves both names as they were.
	w.apply("y", good)
	if err := w.write("labs/new", bad); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(w.path("labs/new"), w.path("labs/y.net")); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("rename of a text with an error: %v", err)
	}
	if w.read("labs/new") != bad || w.read("labs/y.net") != good {
		t.Error("a refused rename changed a file")
	}
	if w.nodes.Get("y", "R1") == nil {
		t.Error("a refused rename stopped a router")
	}
	if err := os.Mkdir(w.path("other"), 0o755); err == nil {
		t.Error("a directory was made at the top")
	}
	if f, err := os.OpenFile(w.path("status"), os.O_WRONLY, 0); err == nil {
		f.Close()
		t.Error("status was opened for writing")
	}
}

func TestControl(t *testing.T) {
	w := newWorld(t)
	w.apply("x", good)
	if !strings.Contains(w.read("labs/x/R1/ctl"), "suspend") {
		t.Error("reading ctl does not print the commands")
	}
	for _, tt := range []struct {
		file, command string
		errno         syscall.Errno
		state         string // of R1
		says          string
	}{
		{"labs/x/R1/ctl", "suspend", 0, "suspended", ""},
		{"labs/x/R1/ctl", "resume\n", 0, "running", ""},
		{"labs/x/R1/ctl", "stop", 0, "stopped", ""},
		{"labs/x/R1/ctl", "stop", 0, "stopped", ""},
		{"labs/x/R1/ctl", "suspend", syscall.EPERM, "stopped", "start it first"},
		{"labs/x/R1/ctl", "fly", syscall.EINVAL, "stopped", `unknown command "fly"`},
		{"labs/x/R1/ctl", "start now", syscall.EINVAL, "stopped", "takes nothing"},
		{"labs/x/ctl", "start R1", 0, "running", ""},
		{"labs/x/ctl", "stop R9", syscall.ENOENT, "running", "R1, R2"},
		{"labs/x/ctl", "stop", 0, "stopped", ""},
		{"labs/x/ctl", "suspend", 0, "stopped", ""},
		{"ctl", "start x/R1", 0, "running", ""},
		{"ctl", "stop y", syscall.ENOENT, "running", `no lab "y"`},
		{"ctl", "stop x/R7", syscall.ENOENT, "running", "R1, R2"},
		{"ctl", "stop x", 0, "stopped", ""},
		{"ctl", "start", 0, "running", ""},
		{"labs/x/R1/ctl", "reload", 0, "running", ""},
	} {
		before := w.nodes.Get("x", "R2")
		f, err := os.OpenFile(w.path(tt.file), os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteString(tt.command)
		f.Close()
		var errno syscall.Errno
		errors.As(err, &errno)
		if errno != tt.errno {
			t.Errorf("%q > %s: %v, want %v", tt.command, tt.file, err, tt.errno)
		}
		if got := w.read("labs/x/R1/state"); got != tt.state+"\n" {
			t.Errorf("%q > %s: R1 is %q, want %s", tt.command, tt.file, got, tt.state)
		}
		says := w.read(filepath.Join(filepath.Dir(tt.file), "errors"))
		if tt.says == "" && says != "" || !strings.Contains(says, tt.says) {
			t.Errorf("%q > %s: errors has %q, want %q", tt.command, tt.file, says, tt.says)
		}
		if strings.Contains(tt.file, "R1") && w.nodes.Get("x", "R2") != before {
			t.Errorf("%q > %s touched R2", tt.command, tt.file)
		}
	}
}

// TestShellControl checks what a shell reports of a refused command.
// Promises: 6, 39, 40, 43.
func TestShellControl(t *testing.T) {
	w := newWorld(t)
	w.apply("x", good)
	for _, tt := range []struct {
		shell, script string
		code          int
		out           string
	}{
		{"bash", "echo fly > labs/x/R1/ctl", 1, "Invalid argument"},
		{"dash", "echo fly > labs/x/R1/ctl", 1, "error"},
		{"sh", "/bin/echo fly > labs/x/R1/ctl", 1, "Invalid argument"},
		{"sh", "echo fly | tee labs/x/R1/ctl >/dev/null", 1, "Invalid argument"},
		{"sh", "printf 'stop\\nstart\\n' > labs/x/R1/ctl", 0, ""},
		{"bash", "(echo stop; echo start) > labs/x/R1/ctl", 0, ""},
		{"sh", "echo stop >> labs/x/R1/ctl && cat labs/x/R1/state", 0, "stopped\n"},
		{"sh", "touch labs/x/R1/start && cat labs/x/R1/state", 0, "running\n"},
		{"sh", "touch -c labs/x/R1/suspend && cat labs/x/R1/state", 0, "suspended\n"},
		{"sh", ": > labs/x/R1/resume && cat labs/x/R1/state", 0, "running\n"},
		{"sh", "touch labs/x/R1/stop && cat labs/x/R1/state", 0, "stopped\n"},
		{"sh", "touch labs/x/R1/suspend", 1, "Operation not permitted"},
		{"sh", "cat labs/x/R1/start labs/x/R1/stop && cat labs/x/R1/state", 0, "stopped\n"},
	} {
		out, code := w.sh(tt.shell, tt.script)
		if code != tt.code || !strings.Contains(out, tt.out) {
			t.Errorf("%s -c %q: exit %d %q, want %d %q", tt.shell, tt.script, code, out, tt.code, tt.out)
		}
	}
	// A touch sends an open and a time: one restart, not two.
	starts := w.nodes.Starts.Load()
	if out, code := w.sh("sh", "touch labs/x/R1/reload"); code != 0 {
		t.Fatal(out)
	}
	if got := w.nodes.Starts.Load() - starts; got != 1 {
		t.Errorf("touch reload started %d nodes", got)
	}
}

func TestConsole(t *testing.T) {
	w := newWorld(t)
	w.apply("x", one)
	path := w.path("labs/x/R1/console")
	n := w.nodes.Get("x", "R1")

	// A blocked reader is interrupted by a signal.
	cat := exec.Command("timeout", "-s", "INT", "0.3", "cat", path)
	if err := cat.Run(); err == nil || cat.ProcessState.ExitCode() != 124 {
		t.Errorf("a blocked cat ends with %v", err)
	}

	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n.Print("Router>")
	buf := make([]byte, 100)
	k, err := f.Read(buf)
	if got := string(buf[:k]); err != nil || got != "Router>" {
		t.Errorf("console: %q %v", got, err)
	}
	if _, err := f.WriteString("enable\r"); err != nil {
		t.Fatal(err)
	}
	w.eventually("keys arrive", func() bool { return n.Typed() == "enable\r" })
	if err := w.write("labs/x/R1/ctl", "send show version\n"); err != nil {
		t.Fatal(err)
	}
	w.eventually("send arrives", func() bool { return n.Typed() == "enable\rshow version\r" })
	if got := w.read("labs/x/R1/console.log"); got != "booting R1\r\nRouter>" {
		t.Errorf("console.log: %q", got)
	}
	if tty, err := os.Readlink(w.path("labs/x/R1/tty")); err != nil || !strings.HasPrefix(tty, "/dev/pts/") {
		t.Errorf("tty: %q %v", tty, err)
	}

	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Read(fd, buf); err != unix.EAGAIN {
		t.Errorf("read without waiting: %v", err)
	}

	// The stream goes on over a restart.
	if err := w.write("labs/x/R1/reload", ""); err != nil {
		t.Fatal(err)
	}
	w.eventually("output of the next run", func() bool {
		w.nodes.Get("x", "R1").Print("again")
		k, _ := unix.Read(fd, buf)
		return strings.Contains(string(buf[:max(k, 0)]), "again")
	})
	unix.Close(fd)
	if err := w.write("labs/x/R1/stop", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("hi"); !errors.Is(err, syscall.EPERM) {
		t.Errorf("typing to a stopped router: %v", err)
	}
	if _, err := os.Lstat(w.path("labs/x/R1/tty")); !os.IsNotExist(err) {
		t.Errorf("tty of a stopped router: %v", err)
	}
	if got := w.read("labs/x/R1/console.log"); !strings.Contains(got, "again") {
		t.Errorf("console.log of a stopped router: %q", got)
	}
}

func TestStartupConfig(t *testing.T) {
	w := newWorld(t)
	w.apply("x", one)
	conf := "!\nhostname zapp\nend\n"
	for _, state := range []string{"running", "stopped"} {
		if state == "stopped" {
			w.sh("sh", "touch labs/x/R1/stop")
			if got := w.read("labs/x/R1/startup-config"); got != conf {
				t.Errorf("startup-config after the stop: %q", got)
			}
			conf += "! more\n"
		}
		if got := w.read("labs/x/R1/state"); got != state+"\n" {
			t.Fatalf("state %q", got)
		}
		for _, script := range []string{
			`printf '%s' "$conf" > labs/x/R1/startup-config`,
			`printf '%s' "$conf" | tee labs/x/R1/startup-config > /dev/null`,
			`printf '%s' "$conf" > "$tmp"; cp "$tmp" labs/x/R1/startup-config`,
			`printf '%s' "$conf" > "$tmp"; dd if="$tmp" of=labs/x/R1/startup-config bs=5 2> /dev/null`,
		} {
			out, code := w.sh("sh", "tmp="+filepath.Join(t.TempDir(), "conf")+"; conf='"+conf+script[:1]+"'; "+script)
			if code != 0 {
				t.Errorf("%s: %d %s", script, code, out)
			}
			if got := w.read("labs/x/R1/startup-config"); got != conf+script[:1] {
				t.Errorf("%s: startup-config is %q", script, got)
			}
		}
		if err := w.write("labs/x/R1/startup-config", conf); err != nil {
			t.Fatal(err)
		}
		st, err := os.Stat(w.path("labs/x/R1/startup-config"))
		if err != nil || st.Size() != int64(len(conf)) {
			t.Errorf("size of startup-config: %v %v", st, err)
		}
	}
	if err := w.write("labs/x/R1/private-config", "key\n"); err != nil {
		t.Fatal(err)
	}
	if w.read("labs/x/R1/private-config") != "key\n" || w.read("labs/x/R1/startup-config") != conf {
		t.Error("writing private-config changed startup-config, or did not take")
	}
	if err := w.write("labs/x/R1/startup-config", strings.Repeat("! far too long\n", 100000)); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("a configuration larger than the NVRAM: %v", err)
	}
	if w.read("labs/x/R1/startup-config") != conf {
		t.Error("a refused configuration changed the old one")
	}
	nv := w.read("labs/x/R1/nvram")
	w.sh("sh", "touch labs/x/R1/start")
	if err := w.write("labs/x/R1/nvram", nv); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("nvram of a running router opened for writing: %v", err)
	}
	w.sh("sh", "touch labs/x/R1/stop")
	if err := w.write("labs/x/R1/nvram", nv[:100]); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("a short NVRAM: %v", err)
	}
	if err := w.write("labs/x/R1/nvram", nv); err != nil {
		t.Errorf("the same NVRAM: %v", err)
	}
}

// Flash and disks are read and written in place while the router is stopped.
func TestRawStorage(t *testing.T) {
	w := newWorld(t)
	w.apply("x", one)
	w.sh("sh", "touch labs/x/R1/stop")
	if got := w.read("labs/x/R1/disk0"); got != "" {
		t.Errorf("a disk that was never used holds %d bytes", len(got))
	}
	if err := w.write("labs/x/R1/disk0", "an image"); err != nil {
		t.Fatal(err)
	}
	if got := w.read("labs/x/R1/disk0"); got != "an image" {
		t.Errorf("disk0 holds %q", got)
	}
	w.sh("sh", "touch labs/x/R1/start")
	for _, name := range []string{"bootflash", "disk0"} {
		if err := w.write("labs/x/R1/"+name, "x"); !errors.Is(err, syscall.EBUSY) {
			t.Errorf("%s of a running router opened for writing: %v", name, err)
		}
	}
	if got := w.read("labs/x/R1/disk0"); got != "an image" {
		t.Errorf("disk0 of the running router holds %q", got)
	}
	w.sh("sh", "touch labs/x/R1/stop")
	if err := w.write("labs/x/R1/bootflash", "new"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(w.path("labs/x/R1/disk1")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a disk without a size is shown: %v", err)
	}
}

// as runs a script in the tree as somebody else, and returns its exit code.
func (w *world) as(uid, gid uint32, script string) int {
	cmd := exec.Command("sh", "-c", "cd "+w.mnt+" && "+script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	cmd.Run()
	return cmd.ProcessState.ExitCode()
}

func TestPermissions(t *testing.T) {
	w := newWorld(t)
	w.apply("x", one)
	for _, tt := range []struct {
		script        string
		other, member bool
	}{
		{"cat status labs/x/status labs/x/result labs/x/R1/state", true, true},
		{"cat labs/x/R1/startup-config", false, true},
		{"cat labs/x/R1/console.log", false, true},
		{"cat labs/x/R1/log", false, true},
		{"cat labs/x/topology.dot > /dev/null", false, true},
		{"cat metrics > /dev/null; dd if=events count=0", true, true},
		{"cat labs/x/R1/nvram", false, true},
		{"dd if=labs/x/R1/console count=0", false, true},
		{"/bin/echo suspend > labs/x/R1/ctl", false, true},
		{"touch labs/x/R1/resume", false, true},
		{"echo '[localhost]' > labs/mine.net", false, true},
		{"echo >> labs/x.net", false, true},
		{"echo conf > labs/x/files/r1.cfg", false, true},
		{"rm labs/mine.net", false, true},
	} {
		if got := w.as(54321, 54321, tt.script) == 0; got != tt.other {
			t.Errorf("somebody: %s: %v", tt.script, got)
		}
		if got := w.as(54322, 12345, tt.script) == 0; got != tt.member {
			t.Errorf("member of the group: %s: %v", tt.script, got)
		}
	}
}

func TestFilesFolder(t *testing.T) {
	w := newWorld(t)
	out, code := w.sh("sh", `mkdir labs/x && mkdir labs/x/files/configs && echo hostname fry > labs/x/files/configs/r1.cfg && cat labs/x/files/configs/r1.cfg &&
printf '%s[[ROUTER R1]]\ncnfg = configs/r1.cfg\n' '`+server+`' > labs/x.net && cat labs/x/result && cat labs/x/R1/startup-config &&
mv labs/x/files/configs/r1.cfg labs/x/files/r2.cfg && ls labs/x/files && rm -r labs/x/files/configs`)
	if code != 0 || !strings.Contains(out, "hostname fry\nconfigs\nr2.cfg\n") {
		t.Errorf("exit %d: %s", code, out)
	}
	if out, code := w.sh("sh", "rmdir labs/x"); code == 0 {
		t.Errorf("rmdir of a lab with a file: %s", out)
	}
}

func TestRestart(t *testing.T) {
	w := newWorld(t)
	w.apply("x", good)
	w.sh("sh", "touch labs/x/R2/stop; chmod 600 labs/x.net; chown 54321 labs/x.net")
	before, err := os.Stat(w.path("labs/x.net"))
	if err != nil {
		t.Fatal(err)
	}
	r1 := w.nodes.Get("x", "R1").ID()
	w.kill()
	w.start()
	if got := w.nodes.Get("x", "R1").ID(); got != r1 {
		t.Error("R1 was started anew")
	}
	if got := w.read("labs/x/R1/state") + w.read("labs/x/R2/state"); got != "running\nstopped\n" {
		t.Errorf("states: %q", got)
	}
	after, err := os.Stat(w.path("labs/x.net"))
	if err != nil {
		t.Fatal(err)
	}
	if after.Size() != before.Size() || after.Sys().(*syscall.Stat_t).Uid != 54321 {
		t.Errorf("lab file before %v, after %v", before.Sys(), after.Sys())
	}
}

func TestRenameLab(t *testing.T) {
	w := newWorld(t)
	w.apply("x", one)
	if err := w.write("labs/x/R1/startup-config", "hostname moved\n"); err != nil {
		t.Fatal(err)
	}
	if out, code := w.sh("sh", "mv labs/x.net labs/y.net"); code != 0 {
		t.Fatal(out)
	}
	if got := w.read("labs/y/R1/startup-config"); got != "hostname moved\n" {
		t.Errorf("configuration after the lab was renamed: %q", got)
	}
	w.eventually("lab x is gone", func() bool { _, err := os.Stat(w.path("labs/x")); return os.IsNotExist(err) })
	if w.nodes.Get("x", "R1") != nil || w.nodes.Get("y", "R1") == nil {
		t.Error("the routers did not move")
	}
}

// TestStaleMount takes over from a daemon that died with its mount in place.
func TestStaleMount(t *testing.T) {
	w := newWorld(t)
	w.kill()
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	opts := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", fd)
	if err := unix.Mount("dynemu", w.mnt, "fuse.dynemu", 0, opts); err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
	if _, err := os.Stat(w.mnt); !errors.Is(err, syscall.ENOTCONN) {
		t.Fatalf("the mount is not dead: %v", err)
	}
	w.start()
	w.read("version")
	if _, err := Mount(w.mnt, w.d, slog.Default()); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("a second mount at the same place: %v", err)
	}
}
