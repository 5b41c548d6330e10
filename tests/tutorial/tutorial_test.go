package tutorial

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"dynemu/tests/console"
	"dynemu/tests/testlab"
)

const text = "../../docs/tutorial.md"

// patience is how long what a command prints may take to be what the text shows:
// routers boot, lines and circuits come up.
const patience = 40 * time.Second

// reader is a machine on which the tutorial is followed.
type reader struct {
	*testlab.Daemon
	t        *testing.T
	home     string
	space    testlab.Space
	consoles map[string]*console.Console
}

// TestTutorial follows the tutorial.
// Promises: 3, 26, 31, 33, 39, 40, 43, 52, 58, 60, 62, 63, 65, 66, 69, 73, 88, 89.
func TestTutorial(t *testing.T) {
	b, err := os.ReadFile(text)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := parse(string(b))
	if err != nil {
		t.Fatal(err)
	}
	if len(steps) < 50 {
		t.Fatalf("%d steps in %s", len(steps), text)
	}
	r := newReader(t)
	t.Cleanup(r.leave)
	for _, s := range steps {
		r.follow(s)
		if t.Failed() {
			return // what follows builds on it
		}
	}
}

// newReader makes a machine with an interface eth0, behind which 192.0.2.1 answers,
// and runs a daemon on it.
func newReader(t *testing.T) *reader {
	t.Helper()
	r := &reader{t: t, home: t.TempDir(), space: testlab.NewSpace(t), consoles: map[string]*console.Console{}}
	outside := testlab.NewSpace(t)
	r.sh(strings.NewReplacer("HERE", r.space.Name, "OUTSIDE", outside.Name).Replace(`
ip link add eth0 netns HERE type veth peer name eth0 netns OUTSIDE
ip -n HERE link set eth0 up
ip -n OUTSIDE link set eth0 up
ip -n OUTSIDE addr add 192.0.2.1/24 dev eth0`))
	r.Daemon = testlab.StartWhere(t, r.space.Do)
	return r
}

func (r *reader) sh(script string) {
	r.t.Helper()
	if out, err := exec.Command("sh", "-ec", script).CombinedOutput(); err != nil {
		r.t.Fatalf("%s: %v\n%s", script, err, out)
	}
}

// here writes a text of the tutorial with the paths and names of this machine; text
// is the way back.
func (r *reader) here(s string) string {
	return strings.NewReplacer("/run/dynemu", r.Mount, "/var/lib/dynemu", r.State, "exec dynemu-", "exec "+r.Prefix+"-").Replace(s)
}

func (r *reader) text(s string) string {
	return strings.NewReplacer(r.Mount, "/run/dynemu", r.State, "/var/lib/dynemu", r.Prefix+"-", "dynemu-").Replace(s)
}

// follow does a step and compares what it prints.
func (r *reader) follow(s step) {
	r.t.Helper()
	at := fmt.Sprintf("%s:%d: %s", filepath.Base(text), s.line, s.command)
	switch s.kind {
	case "system":
		r.system(s, at)
		return
	case "router":
		r.atRouter(s, at)
		return
	}
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		out, err := r.shell(s)
		switch {
		case s.kind == "sh":
			if err != nil {
				r.t.Errorf("%s: %v\n%s", at, err, out)
			}
			return
		case matches(s.output, out):
			return
		case !again(s.command) || time.Now().After(end):
			r.t.Errorf("%s: it prints (%v)\n%s\nthe text shows\n%s", at, err, out, strings.Join(s.output, "\n"))
			return
		}
	}
}

// again reports whether a command only looks, so that it can be given until it shows
// what the text shows.
func again(command string) bool {
	return regexp.MustCompile(`^(cat|grep|ls|show|ping|tcpdump|dynemu (list|ports|show|version|idlepc (show|get))|ip netns exec \S+ (ip|tcpdump))\b`).MatchString(command)
}

func (r *reader) shell(s step) (string, error) {
	cmd := exec.Command("nsenter", "--net=/run/netns/"+r.space.Name, "bash", "-ec", r.here(s.command))
	cmd.Dir = r.home
	cmd.Env = append(os.Environ(), "DYNEMU_MOUNT="+r.Mount, "PATH="+testlab.Bin(r.t)+":"+os.Getenv("PATH"), "HOME="+r.home, "LC_ALL=C.UTF-8")
	cmd.Stdin = strings.NewReader(s.input)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Start()
	if err == nil {
		late := time.AfterFunc(2*time.Minute, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
		err = cmd.Wait()
		late.Stop()
	}
	return r.text(out.String()), err
}

// atRouter types a line at a router's console.
func (r *reader) atRouter(s step, at string) {
	r.t.Helper()
	lab, name, _ := strings.Cut(s.on, "/")
	c := r.consoles[s.on]
	if c == nil || s.command == "enable" { // the text begins anew
		var err error
		if c, err = console.Open(r.Path("labs", lab, name)); err == nil {
			// What the router tells by itself must not get between what is typed.
			err = errors.Join(c.Login(60*time.Second), c.Configure("no logging console"))
		}
		if err != nil {
			r.t.Fatalf("%s: %v", at, err)
		}
		r.consoles[s.on] = c
	}
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		out, err := c.Command(s.command, 30*time.Second)
		if err != nil {
			r.t.Errorf("%s: %v", at, err)
			return
		}
		if len(s.output) == 0 || matches(s.output, out) {
			return
		}
		if !again(s.command) || time.Now().After(end) {
			r.t.Errorf("%s: the router prints\n%s\nthe text shows\n%s", at, out, strings.Join(s.output, "\n"))
			return
		}
	}
}

// leave closes all consoles, which end with the daemon.
func (r *reader) leave() {
	for _, c := range r.consoles {
		c.Close()
	}
	clear(r.consoles)
}

// system does for this daemon what a command for the service does, and looks whether
// what a command for the machine itself names is there; tests of the package, which
// have a machine for it, run such commands.
func (r *reader) system(s step, at string) {
	r.t.Helper()
	words := strings.Fields(s.command)
	root := "../.."
	switch words[0] {
	case "make":
		cmd := exec.Command("make", append([]string{"-n", "-C", root}, words[1:]...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			r.t.Errorf("%s: %v\n%s", at, err, out)
		}
	case "systemctl":
		unit := words[len(words)-1]
		switch words[1] { // what the service does then, tests/systemd has for real
		case "restart":
			r.leave()
			r.Kill()
			r.Run()
		case "stop":
			r.leave()
			r.Stop()
		case "start":
			r.Run()
		}
		if _, err := os.Stat(filepath.Join(root, "systemd", unit+".service")); err != nil {
			r.t.Errorf("%s: %v", at, err)
		}
	case "apt":
		b, err := os.ReadFile(filepath.Join(root, "packaging", "deb.sh"))
		if err != nil || !strings.HasPrefix(words[len(words)-1], "./bin/dynemu_") || !bytes.Contains(b, []byte("nfpm")) {
			r.t.Errorf("%s: is that where the package is made? %v", at, err)
		}
	default:
		r.t.Errorf("%s: nothing is known of this command", at)
	}
}
