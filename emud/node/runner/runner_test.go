package runner

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"dynemu/vm"
)

func TestLogLine(t *testing.T) {
	var b bytes.Buffer
	l := &logger{w: &b}
	l.line("VM", "two\nlines \x1b[31mred\x7f\r\n")
	if !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z VM: two lines  \[31mred $`).MatchString(strings.TrimSuffix(b.String(), "\n")) {
		t.Errorf("line: %q", b.String())
	}
}

// A log that is written to without end grows slowly, and says what is missing.
func TestLogIsBounded(t *testing.T) {
	var b bytes.Buffer
	now := time.Unix(1000, 0)
	l := &logger{w: &b, now: func() time.Time { return now }}
	for range 2 * logBurst {
		l.line("VM", "again")
	}
	if got := strings.Count(b.String(), "\n"); got != logBurst {
		t.Errorf("%d lines at once, want %d", got, logBurst)
	}
	now = now.Add(time.Minute)
	l.line("VM", strings.Repeat("x", 5000))
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if got, want := lines[logBurst], " NODE: 2000 lines were left out"; !strings.HasSuffix(got, want) {
		t.Errorf("line %q, want %q", got, want)
	}
	if got := len([]rune(lines[len(lines)-1])); got > maxLogged+50 {
		t.Errorf("a line of %d characters", got)
	}
}

func TestRates(t *testing.T) {
	var m rateMeter
	for _, c := range []struct {
		uptime, asleep time.Duration
		instructions   uint64
		rate, idle     float64
	}{
		{0, 0, 0, 0, 0},
		{time.Second, 500 * time.Millisecond, 1000, 1000, 0.5},
		{1100 * time.Millisecond, 500 * time.Millisecond, 9000, 1000, 0.5}, // too soon: as before
		{3 * time.Second, 500 * time.Millisecond, 21000, 10000, 0},
		{4 * time.Second, 1600 * time.Millisecond, 21000, 0, 1}, // counters read at different moments
	} {
		rate, idle := m.update(vm.Stats{Uptime: c.uptime, Asleep: c.asleep, Instructions: c.instructions})
		if rate != c.rate || idle != c.idle {
			t.Errorf("after %v: %v instructions/s, idle %v; want %v, %v", c.uptime, rate, idle, c.rate, c.idle)
		}
	}
}

// Every name in the list is a system call of this machine: LoadFilter would
// refuse an unknown one only when a node starts.
func TestAllowedCallsStartNothing(t *testing.T) {
	for _, name := range []string{"open", "openat", "openat2", "socket", "socketpair", "connect", "bind", "execve", "execveat",
		"fork", "vfork", "clone", "clone3", "ptrace", "process_vm_writev", "ioctl", "mprotect", "setsockopt", "mount", "setuid", "kill", "tgkill", "io_uring_setup", "bpf"} {
		for _, a := range allowed {
			if a == name {
				t.Errorf("%s is allowed without conditions", name)
			}
		}
	}
}

func TestPrompts(t *testing.T) {
	for _, c := range []struct {
		parts  []string
		prompt bool
	}{
		{[]string{"Press RETURN\r\n", "Rou", "ter>"}, true},
		{[]string{"Router#\r\nRouter# "}, true},
		{[]string{"Continue? [yes/no]: "}, true},
		{[]string{"Loading ....\r\n"}, false},
		{[]string{"Loading ...."}, false},
		{[]string{strings.Repeat("x", 500), "rommon 1 >"}, true},
		{[]string{""}, false},
	} {
		var tail []byte
		for _, p := range c.parts {
			tail = lastLine(tail, []byte(p))
		}
		if len(tail) > tailSize {
			t.Errorf("%q: %d bytes are kept", c.parts, len(tail))
		}
		if got := looksLikePrompt(tail); got != c.prompt {
			t.Errorf("%q: %v, want %v", c.parts, got, c.prompt)
		}
	}
}

// Lines go to the journal without a time of their own, and are dropped when it does
// not take them: the router does not wait.
func TestJournal(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	if err := unix.SetNonblock(fds[0], true); err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	l := &logger{w: &file, journal: journal(fds[0])}
	l.line("VM", "first")
	p := make([]byte, 100)
	if n, err := unix.Read(fds[1], p); err != nil || string(p[:n]) != "VM: first\n" {
		t.Errorf("the journal got %q, %v", p[:max(n, 0)], err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range logBurst {
			l.line("VM", strings.Repeat("x", maxLogged))
		}
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("the logger waits for the journal")
	}
	if got := strings.Count(file.String(), "\n"); got < logBurst {
		t.Errorf("%d lines in the file, want %d at least", got, logBurst)
	}
}
