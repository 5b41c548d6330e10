package event

import (
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// waiter lets the loop's goroutine sleep until somebody wakes it or a time has
// passed. It blocks in the kernel on an eventfd instead of on a channel: an idle
// router wakes hundreds of times a second for its guest's clock, and handing the
// thread over through Go's scheduler each time costs several times the wake-up
// itself.
type waiter struct {
	fd     int // eventfd; -1 when it could not be had, and chan is used
	asleep atomic.Bool
	wakeup chan struct{}
	alone  bool // no other goroutine could run during a short sleep
}

func newWaiter() *waiter {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		fd = -1
	}
	return &waiter{fd: fd, wakeup: make(chan struct{}, 1), alone: runtime.GOMAXPROCS(0) < 2}
}

// wake ends a sleep that is under way or about to begin.
func (w *waiter) wake() {
	if w.fd < 0 {
		select {
		case w.wakeup <- struct{}{}:
		default:
		}
		return
	}
	if w.asleep.Load() {
		one := [8]byte{7: 1}
		_, _ = unix.Write(w.fd, one[:]) // fails only when it is full of wake-ups
	}
}

// sleep waits for a wake-up, at most d; a negative d has no end. ready is asked
// once more after wakers have been told that there is somebody to wake.
func (w *waiter) sleep(d time.Duration, ready func() bool) {
	if w.fd < 0 {
		w.sleepOnChannel(d)
		return
	}
	w.asleep.Store(true)
	defer w.asleep.Store(false)
	if ready() {
		return
	}
	fds := []unix.PollFd{{Fd: int32(w.fd), Events: unix.POLLIN}}
	var timeout *unix.Timespec
	if d >= 0 {
		t := unix.NsecToTimespec(int64(d))
		timeout = &t
	}
	if w.poll(fds, d, timeout) {
		var count [8]byte
		_, _ = unix.Read(w.fd, count[:])
	}
}

// shortSleep is the longest sleep during which the thread keeps its place in Go's
// scheduler. It is less than the 10 ms after which the runtime thinks that a
// goroutine has run for too long.
const shortSleep = 8 * time.Millisecond

// poll waits for a wake-up. An interrupted wait ends early, which is harmless.
//
// Go's scheduler takes a thread's place (its P) away during a system call, wakes
// its monitor thread for that, and searches for work; a guest's clock of 250 Hz
// would do all this 250 times a second. A short wait therefore does not tell the
// scheduler. It holds up nobody: other goroutines have the other places, and the
// signal with which the runtime stops its threads interrupts the wait.
func (w *waiter) poll(fds []unix.PollFd, d time.Duration, timeout *unix.Timespec) bool {
	if d < 0 || d > shortSleep || w.alone {
		n, _ := unix.Ppoll(fds, timeout, nil)
		return n > 0
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&fds[0])), uintptr(len(fds)),
		uintptr(unsafe.Pointer(timeout)), 0, 0, 0)
	return errno == 0 && n > 0
}

func (w *waiter) sleepOnChannel(d time.Duration) {
	if d < 0 {
		<-w.wakeup
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-w.wakeup:
	case <-t.C:
	}
}

// close gives the descriptor back; nobody may wake or sleep any more.
func (w *waiter) close() {
	if w.fd >= 0 {
		_ = unix.Close(w.fd)
		w.fd = -1
	}
}
