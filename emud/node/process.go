package node

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// process is a node's process. The pidfd refers to it and to no later process
// with the same number.
type process struct {
	pid   int
	start uint64 // start time in clock ticks since boot, as /proc has it
	fd    *os.File

	mu   sync.Mutex
	exit string
}

// openProcess takes hold of the process pid. The caller makes sure afterwards
// that it is the one that it means.
func openProcess(pid int) (*process, error) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("process %d: %w", pid, err)
	}
	p := &process{pid: pid, fd: os.NewFile(uintptr(fd), "pidfd")}
	fields, err := procStat(pid)
	if err != nil {
		p.fd.Close()
		return nil, err
	}
	p.start, _ = strconv.ParseUint(fields[statStart], 10, 64)
	return p, nil
}

func (p *process) id() string { return fmt.Sprintf("%d.%d", p.pid, p.start) }

// wait returns when the process has ended: its pidfd is then readable.
func (p *process) wait() {
	c, err := p.fd.SyscallConn()
	if err != nil {
		return
	}
	c.Read(func(fd uintptr) bool {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, 0)
		return err == nil && n > 0
	})
}

func (p *process) kill() error {
	fd, err := Descriptor(p.fd)
	if err == nil {
		err = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	}
	if errors.Is(err, unix.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

func (p *process) setExit(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.exit = text
}

// exitText is how the process ended; empty for one that was no child.
func (p *process) exitText() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.exit
}

// Indexes into the fields of /proc/PID/stat after the name in parentheses
// (proc(5)).
const (
	statUTime = 11
	statSTime = 12
	statStart = 19
)

func procStat(pid int) ([]string, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	// The name may hold anything, also parentheses.
	s := string(b)
	fields := strings.Fields(s[strings.LastIndexByte(s, ')')+1:])
	if len(fields) <= statStart {
		return nil, fmt.Errorf("/proc/%d/stat: %d fields", pid, len(fields))
	}
	return fields, nil
}

// clockTick is USER_HZ, the unit of times in /proc, on every Linux that Go runs
// on.
const clockTick = 10 * time.Millisecond

// usage returns the processor time and the memory in bytes that the process
// uses, zeros when it has ended: all but shared memory, which it maps twice, and the
// part of it that is of files.
func (p *process) usage() (cpu time.Duration, rss, files uint64) {
	fields, err := procStat(p.pid)
	if err != nil {
		return 0, 0, 0
	}
	user, _ := strconv.ParseUint(fields[statUTime], 10, 64)
	system, _ := strconv.ParseUint(fields[statSTime], 10, 64)
	cpu = time.Duration(user+system) * clockTick
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	if err != nil {
		return cpu, 0, 0
	}
	var anonymous uint64
	for line := range strings.Lines(string(b)) {
		var kib uint64
		if n, _ := fmt.Sscanf(line, "RssAnon: %d kB", &kib); n == 1 {
			anonymous = kib << 10
		}
		if n, _ := fmt.Sscanf(line, "RssFile: %d kB", &kib); n == 1 {
			files = kib << 10
		}
	}
	return cpu, anonymous + files, files
}
