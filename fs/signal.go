package fs

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// threadStatus returns fields of /proc/TID/status of the thread that made a
// request; ok is false where it is not known or gone.
func threadStatus(ctx context.Context, fields ...string) (values []string, ok bool) {
	c, ok := fuse.FromContext(ctx)
	if !ok || c.Pid == 0 { // 0: a process of another PID namespace
		return nil, false
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.Pid))
	if err != nil {
		return nil, false
	}
	values = make([]string, len(fields))
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		for i, f := range fields {
			if name == f {
				values[i] = strings.TrimSpace(value)
			}
		}
	}
	return values, true
}

// Any signal that reaches a thread in a call to the tree makes the kernel send
// INTERRUPT, once a call; the answer EINTR then ends the call, whatever
// SA_RESTART says. A program in Go sends itself SIGURG all the time, to have its
// threads take turns, and so do not all callers expect that a call fails for it:
// SIGURG can wait until there is an answer. Any other signal is for the program
// to act on, and a thread that has none is being stopped or was a process's
// choice for a signal that another thread took.
const urgent = 1 << (uint(syscall.SIGURG) - 1)

// signalled reports whether the thread of a request has a signal to act on, or
// is gone.
func signalled(ctx context.Context) bool {
	fields, ok := threadStatus(ctx, "SigPnd", "ShdPnd", "SigBlk")
	if !ok {
		return true
	}
	var masks [3]uint64
	for i, f := range fields {
		m, err := strconv.ParseUint(f, 16, 64)
		if err != nil {
			return true
		}
		masks[i] = m
	}
	return (masks[0]|masks[1])&^masks[2] != urgent
}

// signalPoll is how often a thread that was interrupted for nothing is looked at
// again, since the kernel does not tell of further signals.
const signalPoll = 100 * time.Millisecond

// untilSignal returns the context of a wait in a request: it ends when the
// caller has a signal to act on. release is to be called after the wait.
func untilSignal(ctx context.Context) (wait context.Context, release func()) {
	wait, end := context.WithCancel(context.Background())
	stop := context.AfterFunc(ctx, func() {
		for !signalled(ctx) {
			select {
			case <-wait.Done():
				return
			case <-time.After(signalPoll):
			}
		}
		end()
	})
	return wait, func() { stop(); end() }
}
