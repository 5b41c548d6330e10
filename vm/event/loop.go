// Package event is the machine's sense of time and its single entrance for the
// outside world.
//
// A machine is single-threaded: the CPU, every chip and every timer run on the
// one goroutine that calls the machine's run loop. Whatever comes from outside
// (a frame, a key, a management command) is posted to the loop with Post and
// runs there between two guest instructions. What arrives at a descriptor (a
// frame) the loop reads itself, see Poll. Chips therefore need no locks, and a
// run whose posts, reads and times are the same is the same run.
//
// Package event knows nothing of CPUs or chips.
package event

import (
	"container/heap"
	"sync"
	"sync/atomic"
	"time"
)

// Clock is what a chip sees of the loop: guest time and timers. All methods
// may be called on the loop's goroutine only.
type Clock interface {
	// Now returns guest time in nanoseconds since the machine was created.
	// It never goes back and stands still while the machine is suspended.
	Now() int64
	// Arm makes t fire at guest time at (nanoseconds), replacing an earlier
	// setting. A time in the past fires at the next opportunity.
	Arm(t *Timer, at int64)
	// Disarm makes t not fire. Disarming an idle timer does nothing.
	Disarm(t *Timer)
}

// Timer is one pending call. The zero value with Fire set is an idle timer.
// Deadlines that belong to a chip's state are kept in the chip's own struct;
// the Timer is only the means to be called.
type Timer struct {
	Fire func()

	at    int64
	index int // position in the heap + 1; 0 when idle
}

// Pending reports whether t is armed.
func (t *Timer) Pending() bool { return t.index != 0 }

// Loop is a Clock with the queue of posted calls. The zero value is not usable;
// see New.
type Loop struct {
	source func() int64 // raw time in ns; host or instruction clock
	offset int64        // guest time = source() - offset
	frozen int64        // guest time while paused
	paused bool
	timers timerHeap

	mu        sync.Mutex
	posted    []func()
	spare     []func()
	closed    bool
	attention *atomic.Uint32
	waiter    *waiter
	looked    bool // Sleep has just read what there was
}

// New returns a loop whose time follows the host's monotonic clock, starting
// at 0. attention is set to 1 whenever something is posted, so that the CPU
// can leave its inner loop.
func New(attention *atomic.Uint32) *Loop {
	start := time.Now()
	return NewWithSource(attention, func() int64 { return int64(time.Since(start)) })
}

// NewWithSource is New with another source of time, in nanoseconds, for runs
// that must be repeatable.
func NewWithSource(attention *atomic.Uint32, source func() int64) *Loop {
	return &Loop{source: source, offset: source(), attention: attention, waiter: newWaiter()}
}

// Now implements Clock.
func (l *Loop) Now() int64 {
	if l.paused {
		return l.frozen
	}
	return l.source() - l.offset
}

// Pause makes guest time stand still until Unpause.
func (l *Loop) Pause() {
	if !l.paused {
		l.frozen = l.Now()
		l.paused = true
	}
}

// Unpause lets guest time go on from where Pause stopped it.
func (l *Loop) Unpause() {
	if l.paused {
		l.paused = false
		l.offset = l.source() - l.frozen
	}
}

// Arm implements Clock.
func (l *Loop) Arm(t *Timer, at int64) {
	t.at = at
	if t.index != 0 {
		heap.Fix(&l.timers, t.index-1)
		return
	}
	heap.Push(&l.timers, t)
}

// Disarm implements Clock.
func (l *Loop) Disarm(t *Timer) {
	if t.index != 0 {
		heap.Remove(&l.timers, t.index-1)
	}
}

// Post queues fn to run on the loop's goroutine and wakes it. It may be called
// from any goroutine and never blocks. After Close, fn never runs.
func (l *Loop) Post(fn func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.posted = append(l.posted, fn)
	l.attention.Store(1)
	l.waiter.wake()
}

// Close ends the loop: what is posted from now on is dropped.
func (l *Loop) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		l.waiter.close()
	}
}

// Poll has ready called on the loop's goroutine whenever descriptor fd has
// something to read, or an error, until cancel is called. When cancel returns, fd
// can be closed; a call of ready may still be under way, but the kernel has let go
// of fd. ready reads some of what there is, without blocking. It reports
// false when it cannot take more for now: it is then asked again at every
// opportunity, and what there is wakes nobody. The loop looks at its descriptors
// in RunPending and Sleep. Poll and cancel may be called from any goroutine.
func (l *Loop) Poll(fd int, ready func() bool) (cancel func()) {
	s := &source{fd: fd, ready: ready}
	l.waiter.add(s)
	l.Post(func() {}) // to look at the sources anew
	return func() { l.waiter.remove(s) }
}

// RunPending runs every posted call and every timer that is due, and reads what
// has arrived at descriptors. It clears the attention flag first, so that a post
// that arrives meanwhile sets it again.
func (l *Loop) RunPending() {
	l.attention.Store(0)
	l.mu.Lock()
	todo := l.posted
	l.posted = l.spare[:0]
	l.mu.Unlock()
	for i, fn := range todo {
		fn()
		todo[i] = nil
	}
	l.spare = todo[:0]
	for !l.paused && len(l.timers) > 0 {
		t := l.timers[0]
		if t.at > l.Now() {
			break
		}
		heap.Pop(&l.timers)
		t.Fire()
	}
	if !l.looked {
		l.waiter.look()
	}
	l.looked = false
}

// NextTimer returns the guest time of the earliest armed timer.
func (l *Loop) NextTimer() (at int64, ok bool) {
	if len(l.timers) == 0 {
		return 0, false
	}
	return l.timers[0].at, true
}

// Sleep blocks until something is posted, a descriptor has something to read, or
// the earliest timer is due (not when paused). What there is to read is read. It
// is for a CPU that has nothing to do. It may also end for no reason.
func (l *Loop) Sleep() {
	if l.hasPosts() {
		return
	}
	d := time.Duration(-1)
	if at, ok := l.NextTimer(); ok && !l.paused {
		if d = time.Duration(at - l.Now()); d <= 0 {
			return
		}
	}
	l.waiter.sleep(d, l.hasPosts)
	l.looked = true
}

func (l *Loop) hasPosts() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.posted) > 0
}

type timerHeap []*Timer

func (h timerHeap) Len() int           { return len(h) }
func (h timerHeap) Less(i, j int) bool { return h[i].at < h[j].at }
func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i+1, j+1
}
func (h *timerHeap) Push(x any) {
	t := x.(*Timer)
	t.index = len(*h) + 1
	*h = append(*h, t)
}
func (h *timerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	t.index = 0
	*h = old[:len(old)-1]
	return t
}
