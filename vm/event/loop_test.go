package event

import (
	"sync/atomic"
	"testing"
	"time"
)

// manual is a source of time that the test moves.
func manual() (*Loop, *int64, *atomic.Uint32) {
	var now int64
	var attention atomic.Uint32
	return NewWithSource(&attention, func() int64 { return now }), &now, &attention
}

func TestTimersFireInOrderAndOnce(t *testing.T) {
	l, now, _ := manual()
	var got []int
	timer := func(n int) *Timer { return &Timer{Fire: func() { got = append(got, n) }} }
	a, b, c := timer(1), timer(2), timer(3)
	l.Arm(b, 20)
	l.Arm(a, 10)
	l.Arm(c, 30)
	l.Arm(c, 5) // moved before the others
	l.Disarm(b)
	l.Disarm(b)
	l.RunPending()
	if len(got) != 0 {
		t.Fatalf("timers %v fired at time 0", got)
	}
	*now = 100
	l.RunPending()
	l.RunPending()
	if len(got) != 2 || got[0] != 3 || got[1] != 1 {
		t.Fatalf("fired %v, want [3 1]", got)
	}
	if a.Pending() || b.Pending() || c.Pending() {
		t.Error("a fired or disarmed timer is still pending")
	}
}

func TestTimerMayRearmItself(t *testing.T) {
	l, now, _ := manual()
	n := 0
	var tm Timer
	tm.Fire = func() { n++; l.Arm(&tm, l.Now()+10) }
	l.Arm(&tm, 10)
	for *now = 0; *now < 100; *now += 10 {
		l.RunPending()
	}
	if n != 9 {
		t.Fatalf("fired %d times in 9 periods", n)
	}
}

func TestPauseStopsTime(t *testing.T) {
	l, now, _ := manual()
	fired := false
	tm := Timer{Fire: func() { fired = true }}
	l.Arm(&tm, 10)
	*now = 5
	l.Pause()
	*now = 1000
	l.RunPending()
	if l.Now() != 5 || fired {
		t.Fatalf("time is %d while paused at 5 (fired: %v)", l.Now(), fired)
	}
	l.Unpause()
	if l.Now() != 5 {
		t.Fatalf("time is %d after a pause at 5", l.Now())
	}
	*now = 1005
	l.RunPending()
	if !fired {
		t.Error("the timer did not fire at 10")
	}
}

func TestPostSetsAttentionAndWakes(t *testing.T) {
	var attention atomic.Uint32
	l := New(&attention)
	ran := make(chan struct{})
	go func() {
		time.Sleep(5 * time.Millisecond)
		l.Post(func() { close(ran) })
	}()
	l.Sleep()
	if attention.Load() == 0 {
		t.Error("a post did not set attention")
	}
	l.RunPending()
	select {
	case <-ran:
	default:
		t.Fatal("the posted call did not run")
	}
	if attention.Load() != 0 {
		t.Error("attention stays set when nothing is pending")
	}
}

func TestPostFromAPostedCallIsNotLost(t *testing.T) {
	var attention atomic.Uint32
	l := New(&attention)
	n := 0
	l.Post(func() { n++; l.Post(func() { n++ }) })
	l.RunPending()
	if attention.Load() == 0 {
		t.Error("the second post is pending, attention says nothing is")
	}
	l.Sleep() // must not block
	l.RunPending()
	if n != 2 {
		t.Fatalf("%d of 2 calls ran", n)
	}
}

func TestSleepEndsAtTimer(t *testing.T) {
	var attention atomic.Uint32
	l := New(&attention)
	fired := false
	tm := Timer{Fire: func() { fired = true }}
	l.Arm(&tm, l.Now()+int64(time.Millisecond))
	for !fired {
		l.Sleep()
		l.RunPending()
	}
}

func BenchmarkPost(b *testing.B) {
	var attention atomic.Uint32
	l := New(&attention)
	fn := func() {}
	for range b.N {
		l.Post(fn)
		l.RunPending()
	}
}
