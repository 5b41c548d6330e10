// Package testlab runs a daemon of its own for an end-to-end test: its own
// mount, state, runtime folder and prefix, so that tests run beside a live
// daemon and side by side. It cleans up after itself and after runs that
// crashed, and never touches what it did not make.
package testlab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"dynemu/tests/console"
)

// folders of test daemons are /tmp/dynemu-test-PID-N; prefixes are dtPIDnN.
const folderPattern = "/tmp/dynemu-test-*"

var (
	buildOnce sync.Once
	buildErr  error
	binDir    string
	counter   atomic.Int32
)

// Bin returns the folder of the programs: $DYNEMU_BIN, which `make test` sets, or
// a folder of this test process, built when a test first asks.
func Bin(t testing.TB) string {
	t.Helper()
	buildOnce.Do(func() {
		if binDir = os.Getenv("DYNEMU_BIN"); binDir != "" {
			return
		}
		out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
		if err != nil {
			buildErr = err
			return
		}
		root := strings.TrimSpace(string(out))
		sweep()
		binDir = fmt.Sprintf("/tmp/dynemu-bin-%d", os.Getpid())
		for _, p := range []string{"dynemud", "dynemu-netd", "dynemu", "dynemu-node", "dynamips"} {
			cmd := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(binDir, p), "./cmd/"+p)
			cmd.Dir = root
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
			if out, err := cmd.CombinedOutput(); err != nil {
				buildErr = fmt.Errorf("building %s: %w\n%s", p, err, out)
				return
			}
		}
	})
	if buildErr != nil {
		t.Fatal(buildErr)
	}
	return binDir
}

// Daemon is a running dynemud of a test.
type Daemon struct {
	t                             testing.TB
	bin                           string
	where                         func(func() error) error
	Mount, State, Runtime, Prefix string
	cmd                           *exec.Cmd
	exited                        chan struct{}
	helper                        *helper // nil: the daemon does all itself, as root
}

// Start runs a daemon until the test ends. The test is skipped, with a line
// that says so, when it does not run as root.
func Start(t testing.TB) *Daemon { t.Helper(); return StartIn(t, "") }

// StartIn is Start for programs in a folder of the test's own; empty: those of Bin.
func StartIn(t testing.TB, bin string) *Daemon {
	t.Helper()
	return start(t, bin, nil, withHelper())
}

// StartWhere is Start for a daemon on another machine: where calls a function in a
// network namespace of the test's own. What connects to the daemon's ports must do
// so there.
func StartWhere(t testing.TB, where func(func() error) error) *Daemon {
	t.Helper()
	return start(t, "", where, withHelper())
}

func start(t testing.TB, bin string, where func(func() error) error, unprivileged bool) *Daemon {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIP: not root: no daemon with mounts and namespaces is tested")
	}
	sweep()
	if where == nil {
		ConsolePorts(t)
		where = func(fn func() error) error { return fn() }
	}
	n := counter.Add(1)
	dir := fmt.Sprintf("/tmp/dynemu-test-%d-%d", os.Getpid(), n)
	d := &Daemon{
		t:       t,
		bin:     bin,
		where:   where,
		Mount:   filepath.Join(dir, "mount"),
		State:   filepath.Join(dir, "state"),
		Runtime: filepath.Join(dir, "runtime"),
		Prefix:  fmt.Sprintf("dt%dn%d", os.Getpid(), n),
	}
	for _, p := range []string{d.Mount, d.State, d.Runtime} {
		if err := os.MkdirAll(p, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if unprivileged {
		d.startHelper(dir)
	}
	d.Run()
	t.Cleanup(func() {
		if t.Failed() {
			text, _ := os.ReadFile(filepath.Join(dir, "dynemud.log"))
			t.Logf("log of the daemon:\n%s", text)
		}
		d.Stop()
		d.stopHelper()
		if left := d.Leftovers(); len(left) > 0 {
			t.Errorf("the daemon left behind: %v", left)
		}
		clean(dir)
	})
	return d
}

// ConsolePorts makes the test the only one on this machine that has routers with
// the usual console ports, 2000 and up, until it ends: lab files that name no
// port are tested as they are, and warn of nothing.
func ConsolePorts(t testing.TB) {
	t.Helper()
	f, err := os.OpenFile("/tmp/dynemu-test-ports.lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
}

// Run starts the daemon process, anew after Kill or Stop, and waits until the
// tree is served.
func (d *Daemon) Run() {
	d.t.Helper()
	bin := d.bin
	if bin == "" {
		bin = Bin(d.t)
	}
	d.cmd = exec.Command(filepath.Join(bin, "dynemud"), "--mount", d.Mount, "--state", d.State,
		"--runtime", d.Runtime, "--prefix", d.Prefix, "--spawn", "direct", "--config", os.DevNull, "--hypervisor", "", "--log-level", "debug")
	logFile, err := os.OpenFile(filepath.Join(d.State, "..", "dynemud.log"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	d.cmd.Stdout, d.cmd.Stderr = logFile, logFile
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if d.helper != nil {
		d.cmd.Args = append(d.cmd.Args, "--netd", d.helper.socket)
		d.cmd.SysProcAttr.Credential = &syscall.Credential{Uid: DaemonUID, Gid: daemonGID()}
	}
	if err := d.where(d.cmd.Start); err != nil {
		d.t.Fatal(err)
	}
	d.exited = make(chan struct{})
	logFile.Close()
	go func() {
		_ = d.cmd.Wait()
		close(d.exited)
	}()
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.ReadFile(filepath.Join(d.Mount, "version")); err == nil {
			return
		}
		select {
		case <-d.exited:
			text, _ := os.ReadFile(logFile.Name())
			d.t.Fatalf("dynemud ended at its start:\n%s", text)
		default:
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(logFile.Name())
			d.t.Fatalf("%s is not served after 15 s:\n%s", d.Mount, text)
		}
	}
}

// PID is the daemon's process number.
func (d *Daemon) PID() int { return d.cmd.Process.Pid }

// Kill ends the daemon with SIGKILL; its routers go on.
func (d *Daemon) Kill() {
	_ = d.cmd.Process.Kill()
	<-d.exited
}

// Stop ends the daemon and its labs as an administrator does.
func (d *Daemon) Stop() {
	d.t.Helper()
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.exited:
	case <-time.After(30 * time.Second):
		d.t.Errorf("dynemud does not end 30 s after SIGTERM")
		d.Kill()
	}
}

// Leftovers names the processes, mounts and namespaces of this daemon that
// there still are.
func (d *Daemon) Leftovers() []string {
	var left []string
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	if bytes.Contains(mounts, []byte(d.Mount+" ")) {
		left = append(left, "mount "+d.Mount)
	}
	spaces, _ := filepath.Glob("/run/netns/" + d.Prefix + "-*")
	left = append(left, spaces...)
	for _, pid := range processes(filepath.Dir(d.State)) {
		left = append(left, fmt.Sprintf("process %d", pid))
	}
	var links bytes.Buffer
	list := exec.Command("ip", "link")
	list.Stdout = &links
	if err := errors.Join(d.where(list.Start), list.Wait()); err == nil && bytes.Contains(links.Bytes(), []byte("for "+d.Prefix+":")) {
		left = append(left, "an interface")
	}
	return left
}

// Path is a path in the tree.
func (d *Daemon) Path(elem ...string) string {
	return filepath.Join(append([]string{d.Mount}, elem...)...)
}

// WriteLab writes a lab file as `cp` does, and returns the error of its close.
func (d *Daemon) WriteLab(name, text string) error {
	return os.WriteFile(d.Path("labs", name+".net"), []byte(text), 0o644)
}

// MustWriteLab is WriteLab for a file that must be accepted.
func (d *Daemon) MustWriteLab(name, text string) {
	d.t.Helper()
	if err := d.WriteLab(name, text); err != nil {
		result, _ := os.ReadFile(d.Path("labs", name, "result"))
		d.t.Fatalf("%s.net: %v\n%s", name, err, result)
	}
	// What looks at the lab's folder waits for it, but not for ever.
	d.Wait(time.Minute, name+".net is applied", func() bool {
		result, err := os.ReadFile(d.Path("labs", name, "result"))
		return err == nil && len(result) > 0
	})
}

// Read returns a file of the tree, trimmed.
func (d *Daemon) Read(elem ...string) string {
	d.t.Helper()
	text, err := os.ReadFile(d.Path(elem...))
	if err != nil {
		d.t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// Write writes to a file of the tree as `echo TEXT >` does.
func (d *Daemon) Write(text string, elem ...string) error {
	f, err := os.OpenFile(d.Path(elem...), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text + "\n")
	return errors.Join(err, f.Close())
}

// WaitState waits until a device is in the state.
func (d *Daemon) WaitState(lab, device, state string) {
	d.t.Helper()
	d.Wait(20*time.Second, fmt.Sprintf("%s to be %s", device, state), func() bool {
		text, err := os.ReadFile(d.Path("labs", lab, device, "state"))
		return err == nil && strings.TrimSpace(string(text)) == state
	})
}

// Wait waits until ok, and fails the test with what it waited for.
func (d *Daemon) Wait(timeout time.Duration, what string, ok func() bool) {
	d.t.Helper()
	for deadline := time.Now().Add(timeout); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			d.t.Fatalf("waited %v for %s", timeout, what)
		}
	}
}

// Console opens a device's console and brings it to its enabled prompt.
func (d *Daemon) Console(lab, device string) *console.Console {
	d.t.Helper()
	c, err := console.Open(d.Path("labs", lab, device))
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(c.Close)
	if err := c.Login(20 * time.Second); err != nil {
		d.t.Fatalf("%s: %v", device, err)
	}
	return c
}

// NodePID returns the process number of a device's node, found by its socket's
// name among the processes' arguments or in the device's info file.
func (d *Daemon) NodePID(lab, device string) int {
	d.t.Helper()
	m := regexp.MustCompile(`(?mi)^pid:?\s+(\d+)`).FindStringSubmatch(d.Read("labs", lab, device, "info"))
	if m == nil {
		d.t.Fatalf("info of %s names no pid", device)
	}
	pid, _ := strconv.Atoi(m[1])
	return pid
}

// processes returns the processes that were started with a path under dir, or
// have a file open there.
func processes(dir string) []int {
	var pids []int
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		exe, err := os.Readlink(filepath.Join("/proc", e.Name(), "exe"))
		if err != nil || !strings.Contains(filepath.Base(exe), "dynemu") {
			continue
		}
		if uses(e.Name(), dir) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func uses(pid, dir string) bool {
	args, _ := os.ReadFile(filepath.Join("/proc", pid, "cmdline"))
	if bytes.Contains(args, []byte(dir+"/")) {
		return true
	}
	fds, _ := filepath.Glob(filepath.Join("/proc", pid, "fd", "*"))
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err == nil && strings.HasPrefix(to, dir+"/") {
			return true
		}
	}
	return false
}

// sweep removes what test runs that crashed left: those whose process is gone.
func sweep() {
	bins, _ := filepath.Glob("/tmp/dynemu-bin-*")
	for _, dir := range bins {
		var pid int
		if _, err := fmt.Sscanf(filepath.Base(dir), "dynemu-bin-%d", &pid); err == nil && syscall.Kill(pid, 0) != nil {
			_ = os.RemoveAll(dir)
		}
	}
	spaces, _ := filepath.Glob("/run/netns/dspace*")
	for _, s := range spaces {
		var pid, n int
		if _, err := fmt.Sscanf(filepath.Base(s), "dspace%dn%d", &pid, &n); err == nil && syscall.Kill(pid, 0) != nil {
			_ = exec.Command("ip", "netns", "del", filepath.Base(s)).Run()
		}
	}
	dirs, _ := filepath.Glob(folderPattern)
	for _, dir := range dirs {
		var pid, n int
		if _, err := fmt.Sscanf(filepath.Base(dir), "dynemu-test-%d-%d", &pid, &n); err != nil {
			continue
		}
		if syscall.Kill(pid, 0) == nil {
			continue
		}
		for _, p := range processes(dir) {
			_ = syscall.Kill(p, syscall.SIGKILL)
		}
		_ = syscall.Unmount(filepath.Join(dir, "mount"), syscall.MNT_DETACH)
		spaces, _ := filepath.Glob(fmt.Sprintf("/run/netns/dt%dn%d-*", pid, n))
		for _, s := range spaces {
			_ = exec.Command("ip", "netns", "del", filepath.Base(s)).Run()
		}
		clean(dir)
	}
}

// clean removes the folder of a daemon that has ended.
func clean(dir string) {
	_ = syscall.Unmount(filepath.Join(dir, "mount"), syscall.MNT_DETACH)
	_ = os.RemoveAll(dir)
}
