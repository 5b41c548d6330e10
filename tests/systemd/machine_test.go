package systemd

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// machine is a Debian with systemd as its process 1, in a container whose disk
// outlives its boots.
type machine struct {
	t      *testing.T
	dir    string
	boots  int
	cmd    *exec.Cmd
	out    bytes.Buffer
	leader int // its process 1, seen from here
	done   chan struct{}
}

// newMachine makes the disk: what is written lies over the container's root.
func newMachine(t *testing.T) *machine {
	t.Helper()
	root := os.Getenv("DYNEMU_SYSTEMD_ROOT")
	if root == "" {
		t.Skip("SKIP: no container root: the service is not tried under systemd; `make test-systemd` does it")
	}
	m := &machine{t: t, dir: t.TempDir()}
	disk, merged := filepath.Join(m.dir, "disk"), filepath.Join(m.dir, "root")
	for _, d := range []string{disk, merged} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mount := func(kind, at, options string) {
		t.Helper()
		if err := syscall.Mount(kind, at, kind, 0, options); err != nil {
			t.Fatalf("mount %s: %v", kind, err)
		}
		t.Cleanup(func() { syscall.Unmount(at, syscall.MNT_DETACH) })
	}
	mount("tmpfs", disk, "mode=755")
	upper, work := filepath.Join(disk, "upper"), filepath.Join(disk, "work")
	for _, d := range []string{upper, work} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mount("overlay", merged, fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", root, upper, work))
	t.Cleanup(func() {
		m.kill()
	})
	return m
}

func (m *machine) name() string { return fmt.Sprintf("dynemu-test-%d-%d", os.Getpid(), m.boots) }

// kill ends the machine as a power cut does. (It would go on without systemd-nspawn
// alone.)
func (m *machine) kill() {
	if m.cmd == nil || m.cmd.Process == nil {
		return
	}
	if leader := m.findLeader(); leader != 0 {
		syscall.Kill(leader, syscall.SIGKILL)
	} else {
		m.cmd.Process.Kill()
	}
	<-m.done
	m.ended()
}

// ended removes the control groups of a machine that is down.
func (m *machine) ended() {
	m.cmd = nil
	for range 50 { // its processes take a moment to be gone
		left := exec.Command("sh", "-c", "for h in /sys/fs/cgroup /sys/fs/cgroup/*; do [ ! -d $h/$0 ] || find $h/$0 -depth -type d -exec rmdir {} +; done", m.name())
		if left.Run() == nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	m.t.Logf("control groups of %s are left", m.name())
}

// boot starts the machine and waits until it is up.
func (m *machine) boot() {
	m.t.Helper()
	m.boots++
	args := []string{"-q", "-D", filepath.Join(m.dir, "root"), "--boot", "--register=no", "--keep-unit", "--private-network",
		"--console=pipe", "--machine=" + m.name(), "--capability=all",
		"--bind=/dev/net/tun", "--bind=/dev/fuse"}
	if debs := os.Getenv("DYNEMU_DEBS"); debs != "" {
		args = append(args, "--bind-ro="+debs+":/debs")
	}
	// A machine has control groups of its own: the units of two that run at the same time
	// would share theirs otherwise.
	m.cmd = exec.Command("sh", append([]string{"-c", `name=$0
		for h in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
			[ ! -f $h/cgroup.procs ] || { mkdir -p $h/$name && echo $$ >$h/$name/cgroup.procs; } || exit
		done
		exec systemd-nspawn "$@"`, m.name()}, args...)...)
	m.done = make(chan struct{})
	m.cmd.Env = append(os.Environ(), "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1")
	m.out.Reset()
	m.cmd.Stdout, m.cmd.Stderr = &m.out, &m.out
	// When this process ends without its cleanup, so does the machine. The signal is tied
	// to the thread that started it.
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := m.cmd.Start()
		started <- err
		if err == nil {
			m.cmd.Wait()
			close(m.done)
		}
	}()
	if err := <-started; err != nil {
		m.t.Fatal(err)
	}
	m.wait(20*time.Second, "the machine to boot", func() bool {
		select {
		case <-m.done:
			m.t.Fatalf("the machine ended:\n%s", m.out.String())
		default:
		}
		if m.leader = m.findLeader(); m.leader == 0 {
			return false
		}
		state, _ := m.try("systemctl", "is-system-running")
		return state == "running" || state == "degraded"
	})
}

// findLeader finds the child of systemd-nspawn that is process 1 inside.
func (m *machine) findLeader() int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", m.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for _, f := range strings.Fields(string(text)) {
		name, _ := os.ReadFile("/proc/" + f + "/comm")
		if strings.TrimSpace(string(name)) == "systemd" {
			pid, _ := strconv.Atoi(f)
			return pid
		}
	}
	return 0
}

// powerOff shuts the machine down in order, as its key does.
func (m *machine) powerOff() {
	m.t.Helper()
	m.run("systemctl", "poweroff")
	select {
	case <-m.done:
		m.ended()
	case <-time.After(40 * time.Second):
		m.t.Fatalf("the machine does not go down:\n%s", m.out.String())
	}
}

// command is a command inside.
func (m *machine) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, "nsenter", append([]string{"-t", strconv.Itoa(m.leader), "-a", "--"}, args...)...)
	c.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive", "SYSTEMD_PAGER="}
	return c
}

// try runs a command inside and returns all that it prints.
func (m *machine) try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(m.t.Context(), time.Minute)
	defer cancel()
	out, err := m.command(ctx, args...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// run is try for a command that must succeed.
func (m *machine) run(args ...string) string {
	m.t.Helper()
	out, err := m.try(args...)
	if err != nil {
		journal, _ := m.try("journalctl", "-b", "--no-pager", "-n", "60")
		m.t.Fatalf("%s: %v\n%s\njournal:\n%s", strings.Join(args, " "), err, out, journal)
	}
	return out
}

// path is a path inside, as this process reaches it.
func (m *machine) path(elem ...string) string {
	return fmt.Sprintf("/proc/%d/root%s", m.leader, filepath.Join(elem...))
}

// lab is a path in the tree's folder of labs.
func (m *machine) lab(elem ...string) string {
	return m.path(append([]string{"/run/dynemu/labs"}, elem...)...)
}

// read returns a file of a lab, trimmed; empty when it cannot be read.
func (m *machine) read(elem ...string) string {
	text, _ := os.ReadFile(m.lab(elem...))
	return strings.TrimSpace(string(text))
}

func (m *machine) writeLab(name, text string) {
	m.t.Helper()
	if err := os.WriteFile(m.lab(name+".net"), []byte(text), 0o644); err != nil {
		m.t.Fatalf("%s.net: %v\n%s", name, err, m.read(name, "result"))
	}
}

// wait waits until ok.
func (m *machine) wait(timeout time.Duration, what string, ok func() bool) {
	m.t.Helper()
	for deadline := time.Now().Add(timeout); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			text := ""
			if m.leader != 0 {
				text, _ = m.try("journalctl", "-b", "--no-pager", "-n", "60")
			}
			m.t.Fatalf("waited %v for %s; journal:\n%s", timeout, what, text)
		}
	}
}

// waitState waits until a device has the state.
func (m *machine) waitState(lab, device, state string) {
	m.t.Helper()
	m.wait(20*time.Second, device+" of "+lab+" to be "+state, func() bool { return m.read(lab, device, "state") == state })
}

// pid is the number of a device's process inside, which is another after each start.
func (m *machine) pid(lab, device string) string {
	for _, line := range strings.Split(m.read(lab, device, "info"), "\n") {
		if f := strings.Fields(line); len(f) == 2 && f[0] == "pid" {
			return f[1]
		}
	}
	return ""
}

// show returns a property of a unit.
func (m *machine) show(unit, property string) string {
	m.t.Helper()
	return m.run("systemctl", "show", "-P", property, unit)
}

// startTime is how long the service took from its start to ready, at its last start.
func (m *machine) startTime() time.Duration {
	m.t.Helper()
	var at [2]int64
	for i, p := range []string{"InactiveExitTimestampMonotonic", "ActiveEnterTimestampMonotonic"} {
		n, err := strconv.ParseInt(m.show("dynemu", p), 10, 64)
		if err != nil {
			m.t.Fatal(err)
		}
		at[i] = n
	}
	return time.Duration(at[1]-at[0]) * time.Microsecond
}

// memory is the resident memory of the daemon in MiB.
func (m *machine) memory() float64 {
	m.t.Helper()
	text := m.run("sh", "-c", "grep VmRSS /proc/$(systemctl show -P MainPID dynemu)/status")
	n, err := strconv.Atoi(strings.Fields(text)[1])
	if err != nil {
		m.t.Fatal(err)
	}
	return float64(n) / 1024
}

// traffic pings an address every 10 ms until it is ended.
type traffic struct {
	m   *machine
	cmd *exec.Cmd
	out bytes.Buffer
}

func (m *machine) startPing(address string) *traffic {
	m.t.Helper()
	p := &traffic{m: m}
	p.cmd = m.command(m.t.Context(), "ping", "-n", "-i", "0.01", address)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	return p
}

// end ends it: every echo up to the last one seen must have come back, and there
// must have been some.
func (p *traffic) end(during string) {
	p.m.t.Helper()
	time.Sleep(300 * time.Millisecond)
	p.m.run("pkill", "-INT", "ping")
	p.cmd.Wait()
	seen, last := map[int]bool{}, 0
	for _, line := range strings.Split(p.out.String(), "\n") {
		_, rest, ok := strings.Cut(line, "icmp_seq=")
		if !ok || !strings.Contains(line, "bytes from") {
			continue
		}
		n, _ := strconv.Atoi(strings.Fields(rest)[0])
		seen[n], last = true, max(last, n)
	}
	if lost := last - len(seen); lost != 0 || last < 20 {
		p.m.t.Errorf("%s: %d of %d echoes were lost\n%s", during, lost, last, tail(p.out.String(), 3))
	} else {
		p.m.t.Logf("%s: %d echoes, none lost", during, last)
	}
}

func tail(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
