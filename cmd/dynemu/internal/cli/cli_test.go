package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

const status = `Name       Type       State      Server          Console Lab
R1         7200       running    localhost       2000    simple1
R2         7200       stopped    localhost       2001    simple1
S1         ETHSW      always on  localhost       n/a     simple1
R1         7200       suspended  localhost       2000    other
`

// fake makes a tree of plain files, with the devices of status.
func fake(t *testing.T) string {
	t.Helper()
	ownHome(t)
	dir := t.TempDir()
	put(t, status, dir, "status")
	put(t, "version 1.2\ntranslator off\n", dir, "version")
	for _, d := range []string{"simple1/R1", "simple1/R2", "simple1/S1", "other/R1"} {
		put(t, "", dir, "labs", d, "ctl")
		put(t, "", dir, "labs", d, "errors")
		lab, name, _ := strings.Cut(d, "/")
		put(t, "[localhost]\n", dir, "labs", lab+".net")
		put(t, "dynemu-"+lab+"-"+name+"\n", dir, "labs", d, "ports", "f0-0", "netns")
	}
	return dir
}

// ownHome keeps what the user of this machine has set away from the test.
func ownHome(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("XDG_STATE_HOME", "")
	return home
}

func put(t *testing.T, text string, elem ...string) {
	t.Helper()
	path := filepath.Join(elem...)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, elem ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// refuses makes writes to a ctl file fail, as the daemon does, with a reason
// beside it.
func refuses(t *testing.T, reason string, elem ...string) {
	t.Helper()
	dir := filepath.Join(elem...)
	put(t, reason+"\n", dir, "errors")
	os.Remove(filepath.Join(dir, "ctl"))
	if err := os.Symlink("/dev/full", filepath.Join(dir, "ctl")); err != nil {
		t.Fatal(err)
	}
}

// lockedBuffer is written by a command's goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func run(t *testing.T, mount string, args ...string) (code int, out, errs string) {
	t.Helper()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	var o, e lockedBuffer
	code = Run(append([]string{"--mount", mount}, args...), Streams{null, &o, &e})
	return code, o.String(), e.String()
}

// Promise: 33.
func TestList(t *testing.T) {
	mount := fake(t)
	code, out, errs := run(t, mount, "list")
	want := `Name       Type       State      Server          Console Lab
R1         7200       running    localhost       2000    simple1
R2         7200       stopped    localhost       2001    simple1
S1         ETHSW      always on  localhost       n/a     simple1
R1         7200       suspended  localhost       2000    other
`
	if code != Done || out != want || errs != "" {
		t.Errorf("list: %d\n%s%s", code, out, errs)
	}
	code, out, _ = run(t, mount, "list", "--json", "other", "S1")
	want = `[
  {
    "name": "S1",
    "type": "ETHSW",
    "state": "always on",
    "server": "localhost",
    "lab": "simple1"
  },
  {
    "name": "R1",
    "type": "7200",
    "state": "suspended",
    "server": "localhost",
    "console": 2000,
    "lab": "other"
  }
]
`
	if code != Done || out != want {
		t.Errorf("list --json: %d\n%s", code, out)
	}
	put(t, strings.SplitAfter(status, "\n")[0], mount, "status")
	if code, out, _ := run(t, mount, "list", "--json"); code != Done || out != "[]\n" {
		t.Errorf("list --json of nothing: %d %q", code, out)
	}
}

// What each command line writes to which ctl, and what it says.
// Promises: 39, 40, 42, 43, 63.
func TestVerbs(t *testing.T) {
	for _, c := range []struct {
		args             string
		code             int
		ctl, out, errors string
	}{
		{"start R2", Done, "simple1/R2: start", "simple1/R2 started", ""},
		{"stop simple1/R1 other/R1", Done, "other/R1: stop; simple1/R1: stop", "simple1/R1 stopped; other/R1 stopped", ""},
		{"reload R1", Failed, "", "", "dynemu: device R1 is in several labs: write one of simple1/R1, other/R1"},
		{"start R9 R2", Failed, "simple1/R2: start", "simple1/R2 started",
			"dynemu: no device or lab R9; there are simple1/R1, simple1/R2, simple1/S1, other/R1"},
		{"start R2 simple1/R2", Done, "simple1/R2: start", "simple1/R2 started", ""},
		{"start /all", Done, "simple1/R2: start", "simple1/R2 started", ""},
		{"stop --all", Done, "other/R1: stop; simple1/R1: stop", "simple1/R1 stopped; other/R1 stopped", ""},
		{"suspend simple1", Done, "simple1/R1: suspend", "simple1/R1 suspended", ""},
		{"resume /all", Done, "other/R1: resume", "other/R1 resumed", ""},
		{"send R2 show version", Done, "simple1/R2: send show version", "", ""},
		{"send R2 -x", Done, "simple1/R2: send -x", "", ""},
		{"send simple1 x", Failed, "", "", "dynemu: simple1 is a lab: write one of simple1/R1, simple1/R2, simple1/S1"},
		{"start", Usage, "", "", `dynemu: start takes the names of devices, or /all: dynemu start {/all | [LAB/]DEVICE ... | LAB ...}; Try "dynemu --help".`},
		{"send R2", Usage, "", "", `dynemu: send takes a device and a text: dynemu send DEVICE TEXT ...; Try "dynemu --help".`},
		{"strat R2", Usage, "", "", `dynemu: unknown command "strat"; did you mean start?; Try "dynemu --help".`},
		{"simple1.net R1", Usage, "", "", `dynemu: unknown command "simple1.net"; Try "dynemu --help".`},
		{"nolab.net", Failed, "", "", "dynemu: stat nolab.net: no such file or directory"},
		{"start simple1/R1", Failed, "", "", `dynemu: start simple1/R1: router "R1" is already running`},
		{"start other/R1", Failed, "", "", `dynemu: start other/R1: router "R1" is suspended and cannot be started. Use Resume.`},
		{"stop R2", Failed, "", "", `dynemu: stop simple1/R2: router "R2" is already stopped`},
		{"suspend other/R1 R2", Failed, "", "", `dynemu: suspend other/R1: router "R1" is already suspended; dynemu: suspend simple1/R2: router "R2" is stopped and cannot be suspended`},
		{"resume simple1/R1 R2", Failed, "", "", `dynemu: resume simple1/R1: router "R1" is already running; dynemu: resume simple1/R2: router "R2" is stopped and cannot be resumed`},
		{"stop S1", Failed, "", "", "dynemu: stop simple1/S1: device S1 is always on"},
		{"--lab simple1 stop /all", Done, "simple1/R1: stop", "simple1/R1 stopped", ""},
		{"--lab simple1 stop R1", Done, "simple1/R1: stop", "simple1/R1 stopped", ""},
		{"--lab simple1 stop R7", Failed, "", "", "dynemu: no device or lab R7; there are simple1/R1, simple1/R2, simple1/S1"},
		{"confreg R2 simple1/R1 0x2142", Done, "simple1/R1: confreg 0x2142; simple1/R2: confreg 0x2142", "", ""},
		{"confreg R2 2142", Failed, "", "", `dynemu: No confreg value specified: the last word is "2142", not 0x0 to 0xffff`},
		{"py print 1", Failed, "", "", `dynemu: py is not offered: dynemu runs no Python. Scripts use the files under MOUNT, or commands such as "dynemu list --json"`},
		{"copy start run", Usage, "", "", `dynemu: invalid copy command: dynemu copy run start; Try "dynemu --help".`},
		{"send localhost:7200 vm list", Failed, "", "", "dynemu: send types at the console of a device; localhost:7200 is none. Commands of the hypervisor go to the TCP port that dynemud --hypervisor names"},
		{"list --bogus", Usage, "", "", `dynemu: unknown flag: --bogus; Try "dynemu --help".`},
	} {
		t.Run(c.args, func(t *testing.T) {
			mount := fake(t)
			code, out, errs := run(t, mount, strings.Fields(c.args)...)
			var ctl []string
			for _, d := range []string{"other/R1", "simple1/R1", "simple1/R2", "simple1/S1"} {
				if text := content(t, mount, "labs", d, "ctl"); text != "" {
					ctl = append(ctl, d+": "+strings.TrimSpace(text))
				}
			}
			flat := func(s string) string {
				return strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(s), "\n", "; "), mount, "MOUNT")
			}
			if got := strings.Join(ctl, "; "); code != c.code || got != c.ctl || flat(out) != c.out || flat(errs) != c.errors {
				t.Errorf("code %d\nctl    %s\nout    %s\nerrors %s", code, got, flat(out), flat(errs))
			}
		})
	}
}

// A refused write shows the reason that errors gives, and the others go on.
func TestRefusedCommand(t *testing.T) {
	mount := fake(t)
	refuses(t, "R1: no image", mount, "labs/simple1/R1")
	put(t, strings.Replace(status, "stopped ", "running ", 1), mount, "status")
	code, out, errs := run(t, mount, "stop", "simple1/R1", "R2")
	if code != Failed || out != "simple1/R2 stopped\n" || errs != "dynemu: stop simple1/R1: R1: no image\n" {
		t.Errorf("%d %q %q", code, out, errs)
	}
	code, out, _ = run(t, mount, "stop", "--json", "simple1/R1", "R2")
	want := `[
  {
    "lab": "simple1",
    "device": "R1",
    "done": false,
    "error": "R1: no image"
  },
  {
    "lab": "simple1",
    "device": "R2",
    "done": true
  }
]
`
	if code != Failed || out != want {
		t.Errorf("%d %s", code, out)
	}
}

func TestNoDaemon(t *testing.T) {
	dir := t.TempDir()
	put(t, "[localhost]\n", dir, "x.net")
	for _, args := range [][]string{{"list"}, {"start", "R1"}, {"up", filepath.Join(dir, "x.net")}, {"down", "x"}, {"console", "R1"}} {
		code, _, errs := run(t, filepath.Join(dir, "tree"), args...)
		if code != Failed || !strings.Contains(errs, "no dynemud serves "+dir) {
			t.Errorf("%v: %d %q", args, code, errs)
		}
	}
	if code, out, _ := run(t, dir, "version"); code != Done || !strings.Contains(out, "dynemud: not running at "+dir) {
		t.Errorf("version: %d %q", code, out)
	}
}

func TestMountFromEnvironment(t *testing.T) {
	t.Setenv("DYNEMU_MOUNT", fake(t))
	var o, e bytes.Buffer
	if code := Run([]string{"version"}, Streams{os.Stdin, &o, &e}); code != Done || !strings.Contains(o.String(), "dynemud: version 1.2\n") {
		t.Errorf("%d %q %q", code, o.String(), e.String())
	}
}

// Promises: 37, 38.
func TestHelp(t *testing.T) {
	code, out, errs := run(t, fake(t), "--help")
	if code != Done || !strings.Contains(out, "Available Commands") || errs != "" {
		t.Errorf("%d %q %q", code, out, errs)
	}
	code, out, _ = run(t, fake(t), "__complete", "start", "")
	if code != Done || !strings.HasPrefix(out, "/all\nsimple1/R1\nR2\nS1\nother/R1\n") {
		t.Errorf("completion: %d %q", code, out)
	}
}

// The manual page has every command.
func TestManual(t *testing.T) {
	page := content(t, "../../../../docs/man/dynemu.1")
	page = strings.NewReplacer(`\fR`, "", `\fP`, "", `"`, "", `\-`, "-").Replace(page)
	words := strings.FieldsFunc(page, func(r rune) bool { return strings.ContainsRune(" \n,", r) })
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			if sub.Name() != "help" && !sub.Hidden && !slices.Contains(words, sub.Name()) {
				t.Errorf("docs/man/dynemu.1 says nothing of %s", sub.CommandPath())
			}
			walk(sub)
		}
	}
	walk((&app{}).root())
}

// A daemon's part of loading a lab, on plain files.
func serveUp(t *testing.T, mount, name, result string) {
	done := make(chan struct{})
	t.Cleanup(func() { <-done })
	go func() {
		defer close(done)
		for range 500 {
			if _, err := os.Stat(filepath.Join(mount, "labs", name+".net")); err == nil {
				break
			}
			time.Sleep(2 * time.Millisecond)
		}
		os.MkdirAll(filepath.Join(mount, "labs", name), 0o755)
		os.WriteFile(filepath.Join(mount, "labs", name, "result"), []byte(result), 0o644)
	}()
}

// Promise: 31.
func TestUp(t *testing.T) {
	mount, home := fake(t), t.TempDir()
	text := "[localhost]\n[[ROUTER R1]]\ncnfg = configs\\R1.cfg\n[[ROUTER R2]]\ncnfg = configs/R2.cfg\n[[ROUTER R3]]\ncnfg = /abs.cfg\n[[ROUTER R4]]\ncnfg = ../x.cfg\n"
	put(t, text, home, "lab1.net")
	put(t, "hostname R1\n", home, "configs", "R1.cfg")
	serveUp(t, mount, "lab1", "R1: router 7200 added\n")
	code, out, errs := run(t, mount, "up", filepath.Join(home, "lab1.net"))
	wantErrs := fmt.Sprintf("dynemu: %[1]s/lab1.net: %[1]s/configs/R2.cfg is not there: its routers start with an empty NVRAM\n"+
		"dynemu: %[1]s/lab1.net: ../x.cfg leads out of the lab's folder and is not brought along\n", home)
	if code != Done || out != "R1: router 7200 added\n" || errs != wantErrs {
		t.Errorf("%d %q\n%s\nwant\n%s", code, out, errs, wantErrs)
	}
	if got := content(t, mount, "labs/lab1.net"); got != text {
		t.Errorf("the lab file is %q", got)
	}
	if got := content(t, mount, "labs/lab1/files/configs/R1.cfg"); got != "hostname R1\n" {
		t.Errorf("the configuration is %q", got)
	}
	left, _ := filepath.Glob(filepath.Join(mount, "labs", ".lab1*"))
	if left != nil {
		t.Errorf("left behind: %v", left)
	}
}

// A refused rename shows the messages and leaves nothing behind.
func TestUpRefused(t *testing.T) {
	mount, home := fake(t), t.TempDir()
	put(t, "[localhost]\n[[ROUTER R1]]\nram = lots\ncnfg = R1.cfg\n", home, "bad.net")
	put(t, "hostname R1\n", home, "R1.cfg")
	// A directory of the name makes the rename fail.
	put(t, "", mount, "labs/bad.net/x")
	code, out, errs := run(t, mount, "up", filepath.Join(home, "bad.net"))
	if code != Failed || out != "" || errs != "bad.net:3:7: ram = \"lots\": expected a whole number from 1 to 1048576\n" {
		t.Errorf("%d %q %q", code, out, errs)
	}
	if left, _ := filepath.Glob(filepath.Join(mount, "labs", ".bad*")); left != nil {
		t.Errorf("left behind: %v", left)
	}
	if code, _, errs := run(t, mount, "up", filepath.Join(home, "none.net")); code != Failed || !strings.Contains(errs, "none.net: no such file") {
		t.Errorf("missing file: %d %q", code, errs)
	}
}

func TestDown(t *testing.T) {
	mount := fake(t)
	done := make(chan struct{})
	go func() { // the daemon's part
		defer close(done)
		for range 500 {
			if _, err := os.Stat(filepath.Join(mount, "labs/simple1.net")); errors.Is(err, os.ErrNotExist) {
				os.RemoveAll(filepath.Join(mount, "labs/simple1"))
				return
			}
			time.Sleep(2 * time.Millisecond)
		}
	}()
	code, out, errs := run(t, mount, "down", "simple1.net")
	<-done
	if code != Done || out != "simple1 removed\n" || errs != "" {
		t.Errorf("%d %q %q", code, out, errs)
	}
	code, _, errs = run(t, mount, "down", "simple1")
	if code != Failed || errs != "dynemu: no lab simple1; there are other\n" {
		t.Errorf("%d %q", code, errs)
	}
	code, _, errs = run(t, mount, "--wait", "20ms", "down", "other")
	if code != Failed || errs != "dynemu: lab other is still stopping after 20ms\n" {
		t.Errorf("%d %q", code, errs)
	}
}

func TestExec(t *testing.T) {
	mount := fake(t)
	defer func(old func(string, []string, []string) error) { execve = old }(execve)
	var got []string
	execve = func(path string, args, env []string) error { got = args; return nil }
	code, _, errs := run(t, mount, "exec", "R2", "tcpdump", "-i", "f0-0", "--count", "1")
	if want := "ip netns exec dynemu-simple1-R2 tcpdump -i f0-0 --count 1"; code != Done || strings.Join(got, " ") != want {
		t.Errorf("%d %q %v", code, errs, got)
	}
	os.RemoveAll(filepath.Join(mount, "labs/simple1/S1/ports"))
	put(t, "", mount, "labs/simple1/S1/ports/.keep")
	put(t, "name   S1\nnetns  dynemu-x\n", mount, "labs/simple1/S1/info")
	if code, _, errs := run(t, mount, "exec", "S1", "true"); code != Done || got[3] != "dynemu-x" {
		t.Errorf("%d %q %v", code, errs, got)
	}
	execve = func(string, []string, []string) error { return syscall.EPERM }
	if code, _, errs := run(t, mount, "exec", "R2", "true"); code != Failed || !strings.Contains(errs, "operation not permitted") {
		t.Errorf("%d %q", code, errs)
	}
}

// echoConsole makes a console that prints what is typed.
func echoConsole(t *testing.T, mount, device string) {
	t.Helper()
	if err := unix.Mkfifo(filepath.Join(mount, "labs", device, "console"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestConsolePipe(t *testing.T) {
	mount := fake(t)
	echoConsole(t, mount, "simple1/R1")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	fmt.Fprint(w, "enable\nshow version\r\n")
	w.Close()
	var out, errs lockedBuffer
	code := Run([]string{"--mount", mount, "console", "--linger", "100ms", "simple1/R1"}, Streams{r, &out, &errs})
	if code != Done || out.String() != "enable\rshow version\r" || errs.String() != "" {
		t.Errorf("%d %q %q", code, out.String(), errs.String())
	}
}

// openPTY returns the two ends of a pseudo-terminal.
func openPTY(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	return master, slave
}

// On a terminal, keys go through as they are, and Ctrl-] q leaves with the
// terminal as it was.
// Promise: 35.
func TestConsoleTerminal(t *testing.T) {
	mount := fake(t)
	echoConsole(t, mount, "simple1/R1")
	master, slave := openPTY(t)
	before, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	var out, errs lockedBuffer
	code := make(chan int)
	go func() {
		code <- Run([]string{"--mount", mount, "con", "simple1/R1"}, Streams{slave, &out, &errs})
	}()
	eventually(t, func() bool { return strings.Contains(errs.String(), "Connected to simple1/R1") }, "no greeting")
	eventually(t, func() bool {
		now, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
		return err == nil && now.Lflag&unix.ICANON == 0
	}, "the terminal is not raw")
	master.WriteString("sh\x03\t\x1d\x1d\r")
	eventually(t, func() bool { return out.String() == "sh\x03\t\x1d\r" }, "keys do not come through")
	master.WriteString("\x1d?")
	eventually(t, func() bool { return strings.Contains(errs.String(), "Ctrl-] Ctrl-] types") }, "no help")
	master.WriteString("\x1dq")
	select {
	case c := <-code:
		if c != Done {
			t.Errorf("code %d: %s", c, errs.String())
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the escape does not leave")
	}
	after, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	if err != nil || *after != *before {
		t.Errorf("the terminal is not as it was: %v", err)
	}
}

func eventually(t *testing.T, ok func() bool, what string) {
	t.Helper()
	for range 1000 {
		if ok() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal(what)
}

func TestConsoleErrors(t *testing.T) {
	mount := fake(t)
	if code, _, errs := run(t, mount, "console", "simple1/R1"); code != Failed || !strings.Contains(errs, "console: no such file") {
		t.Errorf("%d %q", code, errs)
	}
	if code, _, errs := run(t, mount, "console", "R2"); code != Failed || errs != "Skipping stopped device: R2\n" {
		t.Errorf("%d %q", code, errs)
	}
	if code, _, errs := run(t, mount, "console"); code != Usage || !strings.Contains(errs, "console takes the names of routers, or /all") {
		t.Errorf("%d %q", code, errs)
	}
}
