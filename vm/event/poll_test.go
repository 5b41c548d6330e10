package event

import (
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pipe returns the two ends of a pipe.
func pipe(t *testing.T) (r, w int) {
	t.Helper()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
	return fds[0], fds[1]
}

func put(t *testing.T, fd int) {
	t.Helper()
	if _, err := unix.Write(fd, []byte{1}); err != nil {
		t.Fatal(err)
	}
}

// reader counts the bytes that it reads, one each time, while it has room.
type reader struct{ fd, got, calls, room int }

func (r *reader) ready() bool {
	r.calls++
	if r.got == r.room {
		return false
	}
	if n, _ := unix.Read(r.fd, make([]byte, 1)); n > 0 {
		r.got++
	}
	return true
}

func TestPollReadsWhatIsThere(t *testing.T) {
	l, _, _ := manual()
	fd, w := pipe(t)
	r := reader{fd: fd, room: 100}
	cancel := l.Poll(fd, r.ready)
	l.RunPending()
	if r.calls != 0 {
		t.Error("asked to read where nothing is")
	}
	put(t, w)
	put(t, w)
	l.RunPending()
	l.RunPending()
	if r.got != 2 {
		t.Errorf("%d of 2 read", r.got)
	}
	// Beyond a pause, during which time stands still.
	l.Pause()
	put(t, w)
	l.Sleep()
	if r.got != 3 {
		t.Errorf("%d of 3 read", r.got)
	}
	put(t, w)
	cancel()
	l.RunPending()
	if r.got != 3 {
		t.Error("read after cancel")
	}
}

func TestSleepEndsWhenSomethingArrives(t *testing.T) {
	l := New(new(atomic.Uint32))
	fd, w := pipe(t)
	r := reader{fd: fd, room: 100}
	go func() {
		time.Sleep(5 * time.Millisecond)
		l.Poll(fd, r.ready)
		time.Sleep(5 * time.Millisecond)
		_, _ = unix.Write(w, []byte{1})
	}()
	for r.got == 0 { // nothing else ends a sleep
		l.Sleep()
		l.RunPending()
	}
}

// A source that takes nothing more does not keep the loop awake, and is asked
// again, also while the loop sleeps.
func TestBlockedSource(t *testing.T) {
	l := New(new(atomic.Uint32))
	fd, w := pipe(t)
	other, otherW := pipe(t)
	r, o := reader{fd: fd, room: 1}, reader{fd: other, room: 100}
	l.Poll(fd, r.ready)
	l.Poll(other, o.ready)
	for range 3 {
		put(t, w)
	}
	for r.got == 0 || r.calls < 2 {
		l.RunPending()
	}
	before := r.calls
	for start := time.Now(); time.Since(start) < 50*time.Millisecond; {
		l.Sleep()
		l.RunPending()
	}
	if n := r.calls - before; n > 200 {
		t.Errorf("asked %d times in 50 ms", n)
	}
	put(t, otherW)
	l.RunPending()
	if o.got != 1 {
		t.Error("a blocked source keeps another from being read")
	}
	r.room = 3
	l.Sleep()
	l.RunPending()
	l.RunPending()
	if r.got != 3 {
		t.Errorf("%d of 3 read when there was room again", r.got)
	}
}

// What a source does may change the sources.
func TestPollFromASource(t *testing.T) {
	l, _, _ := manual()
	a, aw := pipe(t)
	b, bw := pipe(t)
	second := reader{fd: b, room: 100}
	var cancel func()
	calls := 0
	cancel = l.Poll(a, func() bool {
		calls++
		cancel()
		l.Poll(b, second.ready)
		return true
	})
	put(t, aw)
	put(t, bw)
	for range 3 {
		l.RunPending()
	}
	if calls != 1 || second.got != 1 {
		t.Errorf("the first was called %d times, the second read %d", calls, second.got)
	}
}

// A descriptor that is closed after cancel is closed for good at once, however
// long the loop would have waited for it.
func TestCancelLetsGo(t *testing.T) {
	l := New(new(atomic.Uint32))
	quit := false
	done := make(chan struct{})
	go func() {
		defer close(done)
		for l.RunPending(); !quit; l.RunPending() {
			l.Sleep()
		}
	}()
	for range 200 {
		var fds [2]int
		if err := unix.Pipe2(fds[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		cancel := l.Poll(fds[0], func() bool { return true })
		time.Sleep(200 * time.Microsecond)
		cancel()
		unix.Close(fds[0])
		// The reading end is gone exactly when a write fails.
		if _, err := unix.Write(fds[1], []byte{1}); err != unix.EPIPE {
			t.Errorf("somebody still has the descriptor: %v", err)
		}
		unix.Close(fds[1])
	}
	l.Post(func() { quit = true })
	<-done
}

func BenchmarkLook(b *testing.B) {
	l := New(new(atomic.Uint32))
	for range 8 {
		var fds [2]int
		if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
			b.Fatal(err)
		}
		defer unix.Close(fds[0])
		defer unix.Close(fds[1])
		l.Poll(fds[0], func() bool { return true })
	}
	for b.Loop() {
		l.RunPending()
	}
}
