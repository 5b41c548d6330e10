package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"golang.org/x/sys/unix"
)

// Spawner starts and ends the processes of nodes for who may not do so itself.
type Spawner interface {
	// Units reports whether nodes are units of systemd.
	Units() bool
	// Spawn starts the process of the node of spec, of which only what it is called, its
	// kind and its limits count, with its listening socket as standard input. What it
	// says of itself goes to log, which may be nil. It does not wait for the node to be
	// ready.
	Spawn(spec Spec, listener, log *os.File) error
	// Limit changes what the node of a device may use.
	Limit(lab, device string, l Limits) error
	// Kill ends the node of a device at once: the process pid that was started at start
	// (in clock ticks since boot), or with pid 0 whatever was spawned last. That it has
	// ended already is no error.
	Kill(lab, device string, pid int, start uint64) error
}

// NewSpawner returns the Spawner that starts processes of this one, or has systemd
// start them. Of opt it uses Binary, Prefix, Spawn, UID and GID.
func NewSpawner(opt Options) Spawner { return &spawner{opt: opt, children: map[string]*exec.Cmd{}} }

type spawner struct {
	opt Options

	mu       sync.Mutex
	children map[string]*exec.Cmd // that have not ended, by baseName
}

func (s *spawner) Units() bool { return s.opt.Units() }

func (s *spawner) Spawn(spec Spec, listener, log *os.File) error {
	cmd, err := s.opt.spawn(spec, listener, log)
	if err != nil || cmd == nil {
		return err
	}
	base := baseName(spec.Lab, spec.Device)
	s.mu.Lock()
	s.children[base] = cmd
	s.mu.Unlock()
	go func() {
		_ = cmd.Wait() // the daemon sees the end
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.children[base] == cmd {
			delete(s.children, base)
		}
	}()
	return nil
}

func (s *spawner) Limit(lab, device string, l Limits) error { return s.opt.limit(lab, device, l) }

func (s *spawner) Kill(lab, device string, pid int, start uint64) error {
	if s.opt.Units() {
		return s.opt.killUnit(lab, device)
	}
	if pid == 0 {
		s.mu.Lock()
		cmd := s.children[baseName(lab, device)]
		s.mu.Unlock()
		if cmd == nil {
			return nil
		}
		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
		return nil
	}
	p, err := openProcess(pid)
	if errors.Is(err, unix.ESRCH) || errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer p.fd.Close()
	if p.start != start {
		return nil // another process has its number by now
	}
	if !s.opt.isNode(pid, lab, device) {
		return fmt.Errorf("process %d is not the node of %s of lab %s", pid, device, lab)
	}
	if err := p.kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// user is what nodes run as.
func (opt Options) user() (uid, gid int) {
	const nobody = 65534
	uid, gid = opt.UID, opt.GID
	if uid == 0 {
		uid = nobody
	}
	if gid == 0 {
		gid = nobody
	}
	return uid, gid
}

// arguments is the command line of a node. Lab and device are there for whoever looks
// at the list of processes.
func (opt Options) arguments(lab, device string) []string {
	uid, gid := opt.user()
	return []string{opt.Binary, "--uid", strconv.Itoa(uid), "--gid", strconv.Itoa(gid), "--lab", lab, "--device", device}
}

// isNode reports whether the process was started as the node of the device, and runs
// as the user of nodes or still as root, which nobody else can make of a process.
func (opt Options) isNode(pid int, lab, device string) bool {
	args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return false
	}
	have := strings.Split(strings.TrimSuffix(string(args), "\x00"), "\x00")
	if want := opt.arguments(lab, device); !slices.Equal(have, want) {
		return false
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false
	}
	uid, _ := opt.user()
	for line := range strings.Lines(string(status)) {
		var real int
		if n, _ := fmt.Sscanf(line, "Uid: %d", &real); n == 1 {
			return real == 0 || real == uid
		}
	}
	return false
}

// killUnit ends all processes of the unit of a device. That there is none is no error.
func (opt Options) killUnit(lab, device string) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	conn, err := connectSystemd(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	name := UnitName(opt.Prefix, lab, device)
	if err := conn.KillUnitWithTarget(ctx, name, systemd.All, int32(unix.SIGKILL)); err != nil && !isNoUnit(err) {
		return fmt.Errorf("kill unit %s: %w", name, err)
	}
	return nil
}
