package event

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// waiter lets the loop's goroutine sleep until somebody wakes it, a descriptor
// has something to read or a time has passed. It blocks in the kernel instead of
// on channels: an idle router wakes hundreds of times a second for its guest's
// clock, and a busy one for each burst of frames, and handing the thread over
// through Go's scheduler each time costs several times the wake-up itself.
type waiter struct {
	fd     int // eventfd; -1 when it could not be had
	asleep atomic.Bool
	alone  bool // no other goroutine could run during a short sleep

	mu      sync.Mutex
	sources []*source
	changed atomic.Bool   // sources is not what the loop's goroutine knows
	polls   atomic.Uint64 // odd while the loop's goroutine is in the kernel

	// Owned by the loop's goroutine.
	known   []*source
	fds     []unix.PollFd // fd, then those of known
	blocked int           // how many of known are blocked
}

// source is a descriptor that the loop reads.
type source struct {
	fd      int
	ready   func() bool
	gone    atomic.Bool
	blocked bool // what ready last said
}

func newWaiter() *waiter {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		fd = -1
	}
	w := &waiter{fd: fd, alone: runtime.GOMAXPROCS(0) < 2}
	w.changed.Store(true)
	return w
}

// wake ends a sleep that is under way or about to begin.
func (w *waiter) wake() {
	if w.fd >= 0 && w.asleep.Load() {
		one := [8]byte{7: 1}
		_, _ = unix.Write(w.fd, one[:]) // fails only when it is full of wake-ups
	}
}

func (w *waiter) add(s *source) {
	w.mu.Lock()
	w.sources = append(w.sources, s)
	w.mu.Unlock()
	w.changed.Store(true)
}

// remove takes s out. It waits until the kernel no longer looks at its descriptor,
// which closing would not end.
func (w *waiter) remove(s *source) {
	s.gone.Store(true)
	w.mu.Lock()
	w.sources = slices.DeleteFunc(w.sources, func(x *source) bool { return x == s })
	w.mu.Unlock()
	w.changed.Store(true)
	n := w.polls.Load()
	w.wake()
	for n%2 == 1 && w.polls.Load() == n {
		time.Sleep(10 * time.Microsecond)
	}
}

// refresh brings what the loop's goroutine knows up to date.
func (w *waiter) refresh() {
	if !w.changed.Load() || !w.changed.Swap(false) {
		return
	}
	w.mu.Lock()
	w.known = append(w.known[:0], w.sources...)
	w.mu.Unlock()
	w.fds = append(w.fds[:0], unix.PollFd{Fd: int32(w.fd), Events: unix.POLLIN})
	w.blocked = 0
	for _, s := range w.known {
		w.fds = append(w.fds, unix.PollFd{Events: unix.POLLIN})
		w.show(len(w.fds)-1, s)
		if s.blocked {
			w.blocked++
		}
	}
}

// show puts the descriptor of s at fds[i], or nothing, so that nobody wakes for
// it, while s cannot take what there is.
func (w *waiter) show(i int, s *source) {
	w.fds[i].Fd = int32(s.fd)
	if s.blocked {
		w.fds[i].Fd = -1
	}
}

// read reads the source known[i-1].
func (w *waiter) read(i int) {
	s := w.known[i-1]
	if s.gone.Load() {
		return
	}
	if blocked := !s.ready(); blocked != s.blocked {
		s.blocked = blocked
		w.show(i, s)
		if blocked {
			w.blocked++
		} else {
			w.blocked--
		}
	}
}

// look reads all sources that have something, without waiting.
func (w *waiter) look() {
	w.refresh()
	if len(w.known) == 0 {
		return
	}
	w.retry()
	if w.blocked < len(w.known) && w.poll(0) {
		w.dispatch()
	}
}

// retry asks the sources that could not take more, and reports whether one can.
func (w *waiter) retry() (progress bool) {
	for i := 1; w.blocked > 0 && i < len(w.fds); i++ {
		if w.known[i-1].blocked {
			w.read(i)
			progress = progress || !w.known[i-1].blocked
		}
	}
	return progress
}

// dispatch acts on what poll has found.
func (w *waiter) dispatch() {
	if w.fds[0].Revents != 0 {
		var count [8]byte
		_, _ = unix.Read(w.fd, count[:])
	}
	for i := 1; i < len(w.fds); i++ {
		if w.fds[i].Revents != 0 {
			w.read(i)
		}
	}
}

const (
	// shortSleep is the longest sleep during which the thread keeps its place in
	// Go's scheduler. It is less than the 10 ms after which the runtime thinks
	// that a goroutine has run for too long.
	shortSleep = 8 * time.Millisecond
	// blockedSleep is the longest sleep while a source cannot take more: nobody
	// tells when it can.
	blockedSleep = time.Millisecond
)

// sleep waits for a wake-up or something to read, at most d; a negative d has no
// end. posted is asked once more after wakers have been told that there is
// somebody to wake.
func (w *waiter) sleep(d time.Duration, posted func() bool) {
	w.asleep.Store(true)
	defer w.asleep.Store(false)
	if posted() {
		return
	}
	w.refresh()
	if w.retry() {
		return
	}
	if limit := blockedSleep; (w.blocked > 0 || w.fd < 0) && (d < 0 || d > limit) {
		d = limit
	}
	if w.poll(d) {
		w.dispatch()
	}
}

// poll waits until one of fds has something, at most d. An interrupted wait ends
// early, which is harmless. The order of its parts is what remove relies on.
//
// Go's scheduler takes a thread's place (its P) away during a system call, wakes
// its monitor thread for that, and searches for work; a guest's clock of 250 Hz
// would do all this 250 times a second. A short wait therefore does not tell the
// scheduler. It holds up nobody: other goroutines have the other places, and the
// signal with which the runtime stops its threads interrupts the wait.
func (w *waiter) poll(d time.Duration) bool {
	var timeout *unix.Timespec
	if d >= 0 {
		t := unix.NsecToTimespec(int64(d))
		timeout = &t
	}
	w.polls.Add(1)
	defer w.polls.Add(1)
	w.refresh()
	if d < 0 || d > shortSleep || d > 0 && w.alone {
		n, _ := unix.Ppoll(w.fds, timeout, nil)
		return n > 0
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&w.fds[0])), uintptr(len(w.fds)),
		uintptr(unsafe.Pointer(timeout)), 0, 0, 0)
	return errno == 0 && n > 0
}

// close gives the descriptor back; nobody may wake or sleep any more.
func (w *waiter) close() {
	if w.fd >= 0 {
		_ = unix.Close(w.fd)
		w.fd = -1
	}
}
