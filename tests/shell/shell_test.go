// Package shell tests the management console as a user has it: typed at, on a
// terminal, with a daemon and routers that run.
package shell

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"dynemu/tests/console"
	"dynemu/tests/testlab"
)

// terminal is the console on a terminal.
type terminal struct {
	t *testing.T
	*console.Console
	cmd    *exec.Cmd
	exited chan error
}

// patience is how long a command may take; the machine may be busy.
const patience = 60 * time.Second

// run starts dynemu on a terminal, with a home of the test's own.
func run(t *testing.T, d *testlab.Daemon, home string, args ...string) *terminal {
	t.Helper()
	user, program, err := console.Terminal()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { user.Close() })
	if err := unix.IoctlSetWinsize(int(user.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 100}); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(testlab.Bin(t), "dynemu"), append([]string{"--mount", d.Mount}, args...)...)
	cmd.Dir = home
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME=", "XDG_STATE_HOME=", "TERM=xterm", "NO_COLOR=1", "SHELL=/bin/sh")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	program.Close()
	term := &terminal{t: t, Console: console.New(&plain{r: user}, user), cmd: cmd, exited: make(chan error, 1)}
	go func() { term.exited <- cmd.Wait() }()
	t.Cleanup(func() { cmd.Process.Kill() })
	return term
}

// plain takes the escape sequences out of what a program prints, and the carriage
// returns before line ends.
type plain struct {
	r    io.Reader
	rest []byte // an unfinished sequence
}

var sequence = regexp.MustCompile(`\x1b\[[0-9;?]*[ -/]*[@-~]`)

func (p *plain) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	text := sequence.ReplaceAll(append(p.rest, b[:n]...), nil)
	p.rest = nil
	if i := bytes.LastIndexByte(text, 0x1b); i >= 0 {
		text, p.rest = text[:i], bytes.Clone(text[i:])
	}
	return copy(b, text), err
}

// prompt is the console's behind the end of a line: what is typed is shown behind
// a prompt too, but in the same line.
var prompt = regexp.MustCompile(`(?s)\n(?:.*[\r\n])?=>(\(config[^)]*\))? $`)

// ready waits for the prompt and returns what was printed before it.
func (s *terminal) ready() string {
	s.t.Helper()
	out, err := s.Expect(prompt, patience)
	if err != nil {
		s.t.Fatal(err)
	}
	_, out, _ = strings.Cut(strings.ReplaceAll(out, "\r", ""), "\n")
	return out[:strings.LastIndex(out, "=>")]
}

// line types a line and returns what the command printed.
func (s *terminal) line(line string) string {
	s.t.Helper()
	if err := s.Send(line + "\r"); err != nil {
		s.t.Fatal(err)
	}
	return s.ready()
}

// says types a line, whose command must print all of want.
func (s *terminal) says(line string, want ...string) string {
	s.t.Helper()
	out := s.line(line)
	for _, w := range want {
		if !strings.Contains(out, w) {
			s.t.Errorf("%s: no %q in what it prints:\n%s", line, w, out)
		}
	}
	return out
}

// expect waits for a text.
func (s *terminal) expect(text string) {
	s.t.Helper()
	if _, err := s.Expect(regexp.MustCompile(regexp.QuoteMeta(text)), patience); err != nil {
		s.t.Fatal(err)
	}
}

// ends waits for the end of the console.
func (s *terminal) ends() {
	s.t.Helper()
	select {
	case err := <-s.exited:
		if err != nil {
			s.t.Errorf("the console ends with %v:\n%s", err, s.Text())
		}
	case <-time.After(patience):
		s.t.Fatalf("the console does not end:\n%s", s.Text())
	}
}

const simple1 = `# Simple lab

[localhost]

    [[7200]]
    image = builtin
    # On Linux / Unix use forward slashes:
    # image = /opt/7200-images/c7200-jk9o3s-mz.124-7a.image
    npe = npe-400
    ram = 160

    [[ROUTER R1]]
    s1/0 = R2 s1/0

    [[router R2]]
    # No need to specify an adapter here, it is taken care of
    # by the interface specification under Router R1
`

// The tutorial's session with simple1.net, typed from its start to its end.
//
// Promises: 31, 33, 35, 37, 38, 39, 40, 42, 43, 44, 88, 89, 92.
func TestTutorial(t *testing.T) {
	d := testlab.Start(t)
	home := t.TempDir()
	file := filepath.Join(home, "simple1.net")
	if err := os.WriteFile(file, []byte(simple1), 0o644); err != nil {
		t.Fatal(err)
	}
	s := run(t, d, home, "simple1.net")
	start := s.ready()
	for _, want := range []string{"Reading configuration file...\n\n", "Network successfully started\n", "Dynagen's management console"} {
		if !strings.Contains(start, want) {
			t.Errorf("no %q at the start:\n%s", want, start)
		}
	}
	out := s.says("list", "Name       Type       State      Server          Console Lab\n", "R1         7200       ", "R2         7200       ")
	if !regexp.MustCompile(`(?m)^R1         7200       (booting|running)    localhost       2\d\d\d    simple1$`).MatchString(out) {
		t.Errorf("list:\n%s", out)
	}
	s.says("help", "Documented commands (type help <topic>):\n", "idlepc", "suspend")
	s.says("help stop", "stop  {/all | [LAB/]DEVICE")
	if s.line("stop ?") != s.line("help stop") {
		t.Error("stop ? and help stop differ")
	}
	s.says("stop R1", "100-VM 'R1' stopped\n")
	s.says("list", "R1         7200       stopped ")
	s.says("stop R1", "*** Error: router \"R1\" is already stopped\n")
	s.says("start R1", "100-VM 'R1' started\n")
	s.says("reload /all", "100-VM 'R1' stopped\n100-VM 'R1' started\n", "100-VM 'R2' stopped\n100-VM 'R2' started\n")
	s.says("suspend R1", "100-VM 'R1' suspended\n")
	s.says("list", "R1         7200       suspended ")
	s.says("resume R1", "100-VM 'R1' resumed\n")

	// Tab: a command, a device; an arrow: the line before.
	s.Send("susp\tR2")
	s.expect("=> suspend R2")
	if out := s.line(""); !strings.Contains(out, "100-VM 'R2' suspended\n") {
		t.Errorf("suspend by tab: %s", out)
	}
	s.Send("resume /a\t\r")
	if out := s.ready(); !strings.Contains(out, "100-VM 'R2' resumed\n") || strings.Contains(out, "R1") {
		t.Errorf("resume /all by tab: %s", out)
	}

	// The router's console in the terminal, and back.
	s.Send("con R1\r")
	s.expect("Connected to simple1/R1. Ctrl-] q leaves.")
	d.WaitState("simple1", "R1", "running")
	for deadline := time.Now().Add(patience); ; {
		s.Send("\r")
		if _, err := s.Expect(regexp.MustCompile(`\n\r?[A-Za-z0-9_-]+[>#]`), time.Second); err == nil {
			break
		} else if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	s.Send("show version\r")
	s.expect("7206")
	s.Send("\x1dq")
	s.expect("Disconnected.")
	if out := s.ready(); strings.Contains(out, "*** Error") {
		t.Errorf("after console: %s", out)
	}
	before := len(s.Text())
	s.says("send R1 show clock")
	time.Sleep(300 * time.Millisecond)
	if text := s.Text()[before:]; strings.Contains(text, "UTC") {
		t.Errorf("what the router prints comes after its console was left:\n%s", text)
	}

	s.says("capture R1 s1/0 r1.cap HDLC", "simple1/R1 s1/0 is captured into ")
	s.says("no capture R1 s1/0")
	if _, err := os.Stat(filepath.Join(d.Mount, "labs/simple1/captures/r1.cap")); err != nil {
		t.Error(err)
	}
	s.says("filter R1 s1/0 freq_drop in 50")
	s.says("filter R1 s1/0", "in freq_drop 50\n")
	s.says("filter R1 s1/0 none in")
	s.says("confreg R1 0x2142")
	s.says("show device R1", "Router R1 is running\n", "Hardware is dynemu emulated Cisco 7206VXR NPE-400 with 160 MB RAM\n",
		"slot 1 hardware is PA-8T with 8 interfaces\n", "Serial1/0 is connected to router R2 Serial1/0\n", "Serial1/1 is empty\n")
	s.says("show run R2", "    [[router R2]]\n")
	s.says("ver", "dynemu ", "dynemud: ")
	s.says("!echo a  b", "a b\n")
	s.says("bogus", "*** Error: unknown command\n")
	s.says("py 1", "*** Error: py is not offered")
	s.says("hist", "stop R1\n", "suspend R2\n", "bogus\n")
	s.says("cpuinfo R1", "R1:\n")

	// The configuration of R1, by way of its NVRAM.
	os.Mkdir(filepath.Join(home, "in"), 0o755)
	if err := os.WriteFile(filepath.Join(home, "in/R1.cfg"), []byte("hostname Alpha\nend\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.says(`import R1 "in"`, "Importing R1 from \"R1.cfg\"\n")
	s.says("save R1", "saved configuration from: R1\n")
	own, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(own), "    s1/0 = R2 s1/0\n    configuration = ") || strings.TrimSpace(string(own)) != strings.TrimSpace(d.Read("labs", "simple1.net")) {
		t.Errorf("the lab file after save: %v\n%s", err, own)
	}
	s.says(`export /all cfg`, "Exporting R1 to \"cfg/R1.cfg\"\n")
	if got, err := os.ReadFile(filepath.Join(home, "cfg/R1.cfg")); err != nil || !strings.Contains(string(got), "hostname Alpha") {
		t.Errorf("exported: %q, %v", got, err)
	}
	s.Send("export R1 cfg\r")
	s.expect("Ok to overwrite (Y/N)? ")
	s.Send("y\r")
	if out := s.ready(); !strings.Contains(out, "Exporting R1") {
		t.Errorf("export over another: %s", out)
	}
	s.says("push R1", "Pushed config to: R1\n")

	s.says("exit ?")
	s.Send("exit\r")
	s.expect("Exiting...")
	s.expect(`Lab simple1 goes on running; "dynemu down simple1" ends it.`)
	s.ends()
	if got := d.Read("labs", "simple1", "R1", "state"); got != "running" {
		t.Errorf("after exit R1 is %s", got)
	}
	history, err := os.ReadFile(filepath.Join(home, ".local/state/dynemu/history"))
	if err != nil || !strings.Contains(string(history), "suspend R2\n") || !strings.HasSuffix(string(history), "exit\n") {
		t.Errorf("history: %v\n%s", err, history)
	}

	// Another console has the history; Ctrl-D and Ctrl-C leave it.
	for _, key := range []string{"\x04", "\x03"} {
		s = run(t, d, home)
		s.ready()
		s.Send("\x1b[A")
		s.expect("=> exit")
		s.Send("\x15" + key)
		s.expect("Exiting...")
		s.ends()
	}
}

// The configuration mode changes a lab that runs.
func TestConfigurationMode(t *testing.T) {
	d := testlab.Start(t)
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, "lab.net"), []byte(simple1), 0o644); err != nil {
		t.Fatal(err)
	}
	s := run(t, d, home, "lab.net")
	s.ready()
	pid := d.NodePID("lab", "R1")
	s.says("conf localhost")
	s.says("router R3", "R3")
	s.says("f2/0 = R1 f2/0", "f2/0")
	s.says("f2/0 = R2 f2/0", "*** Error: semantic error in: f2/0 = R2 f2/0 this connection already exists")
	s.says("f1/0 = R9 f0/0", "*** Error: ", "R9")
	s.says("bogus = 1", "*** Error: ", "bogus")
	if text := d.Read("labs", "lab.net"); !strings.HasSuffix(text, "\n\n    [[ROUTER R3]]\n    f2/0 = R1 f2/0") {
		t.Errorf("the lab file:\n%s", text)
	}
	if got := d.Read("labs", "lab", "R1", "ports", "f2-0", "peer"); got != "R3 f2/0" {
		t.Errorf("R1 f2/0 leads to %s", got)
	}
	s.says("no f2/0 = R1 f2/0")
	s.says("exit", "Exiting...\n")
	s.says("no router R3", "Router R3 on localhost deleted\n")
	s.says("end", "Exiting...\n")
	s.says("end", "Exiting...\n")
	if out := s.line("list"); strings.Contains(out, "R3") || !strings.Contains(out, "R2") {
		t.Errorf("list: %s", out)
	}
	if now := d.NodePID("lab", "R1"); now != pid {
		t.Errorf("R1 was process %d and is %d", pid, now)
	}
	s.Send("\x04")
	s.ends()
}

// The manual page of the tree has every file that there is.
func TestTreeManual(t *testing.T) {
	d := testlab.Start(t)
	d.MustWriteLab("lab", "autostart = false\n[localhost]\n[[ROUTER R1]]\ndisk1 = 16\nf0/0 = S1 1\n[[ETHSW S1]]\n1 = access 1\n")
	page, err := os.ReadFile("../../docs/man/dynemu-tree.7")
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, w := range strings.FieldsFunc(strings.ReplaceAll(string(page), `\-`, "-"), func(r rune) bool { return strings.ContainsRune(" \n\",;/", r) }) {
		have[w] = true
	}
	for _, dir := range []string{"", "labs/lab", "labs/lab/R1", "labs/lab/R1/idlepc", "labs/lab/R1/ports/f0-0", "labs/lab/S1", "labs/lab/S1/ports/1"} {
		entries, err := os.ReadDir(filepath.Join(d.Mount, dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if name := e.Name(); !have[name] && name != "R1" && name != "S1" {
				t.Errorf("docs/man/dynemu-tree.7 says nothing of %s", filepath.Join(dir, name))
			}
		}
	}
}
