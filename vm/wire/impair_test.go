package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dynemu/vm/event"
)

// bench is a port between a machine and a wire that stand still until the test
// moves the time.
type bench struct {
	now   int64
	loop  *event.Loop
	port  *Port
	ready Readiness
	got   []passed // by the machine
	wire  *shelf
	on    func(frame []byte) // what the machine does beside
}

// passed is a frame that came out, and when.
type passed struct {
	at   int64
	data []byte
}

// shelf is a wire that keeps what it is sent, and has what the test puts there.
type shelf struct {
	counters
	b    *bench
	put  [][]byte
	sent []passed
	room int // -1: without limit
}

func (w *shelf) Send(frame []byte) {
	if !w.TrySend(frame) {
		w.drop(Out, Full)
	}
}

func (w *shelf) TrySend(frame []byte) bool {
	if w.room == 0 {
		return false
	}
	w.room--
	w.counters.sent(len(frame))
	w.sent = append(w.sent, passed{w.b.now, slices.Clone(frame)})
	return true
}

func (w *shelf) Receive(buf []byte) (int, error) {
	if len(w.put) == 0 {
		return 0, nil
	}
	n := copy(buf, w.put[0])
	w.put = w.put[1:]
	w.received(n)
	return n, nil
}

func (w *shelf) Descriptor() int { return -1 }
func (w *shelf) Close() error    { return nil }

func (b *bench) Ready() Readiness { return b.ready }
func (b *bench) Receive(frame []byte) {
	b.got = append(b.got, passed{b.now, slices.Clone(frame)})
	if b.on != nil {
		b.on(frame)
	}
}

func newBench(t testing.TB) *bench {
	b := &bench{ready: Take}
	b.loop = event.NewWithSource(new(atomic.Uint32), func() int64 { return b.now })
	t.Cleanup(b.loop.Close)
	b.port = NewPort(b.loop, b)
	b.wire = &shelf{b: b, room: -1}
	b.port.Plug(b.wire)
	return b
}

// settle does what is due now.
func (b *bench) settle() { b.loop.RunPending() }

// until moves the guest's time to at, step by step.
func (b *bench) until(at int64) {
	for {
		b.settle()
		next, ok := b.loop.NextTimer()
		if !ok || next > at {
			break
		}
		b.now += max(0, next-b.loop.Now())
	}
	b.now += at - b.loop.Now()
}

// pass gives a frame to the port in a direction.
func (b *bench) pass(d Direction, frame []byte) {
	if d == Out {
		b.port.Send(frame)
		return
	}
	b.wire.put = append(b.wire.put, slices.Clone(frame))
	b.read()
}

// read has the port look at its wire.
func (b *bench) read() { b.port.read(b.port.current.Load()) }

// out returns what came out in a direction.
func (b *bench) out(d Direction) []passed {
	if d == Out {
		return b.wire.sent
	}
	return b.got
}

func (b *bench) impair(d Direction, m Impairment) {
	both := [Directions]Impairment{}
	both[d] = m
	b.port.SetImpairments(both[In], both[Out])
	b.settle()
}

// numbered returns a frame of n bytes that tells its number and when it was sent.
func numbered(i int, at int64, n int) []byte {
	f := make([]byte, max(n, 12))
	binary.BigEndian.PutUint32(f, uint32(i))
	binary.BigEndian.PutUint64(f[4:], uint64(at))
	return f
}

func number(p passed) int      { return int(binary.BigEndian.Uint32(p.data)) }
func (p passed) waited() int64 { return p.at - int64(binary.BigEndian.Uint64(p.data[4:])) }
func numbers(all []passed) []int {
	var n []int
	for _, p := range all {
		n = append(n, number(p))
	}
	return n
}

// flow passes n frames of size bytes, one each interval, and waits until all are
// through.
func (b *bench) flow(d Direction, n, size int, interval time.Duration) {
	for i := range n {
		b.until(b.now + int64(interval))
		b.pass(d, numbered(i, b.now, size))
	}
	b.until(b.now + int64(2*time.Hour))
}

// sums checks that no frame of n is lost without being counted.
func (b *bench) sums(t *testing.T, d Direction, n int) Stats {
	t.Helper()
	s := b.port.Stats()
	frames, drops, waiting, twice := s.RxFrames, s.RxDrops, s.RxWaiting, s.RxDuplicated
	if d == Out {
		frames, drops, waiting, twice = s.TxFrames, s.TxDrops, s.TxWaiting, s.TxDuplicated
	}
	var octets uint64
	for _, p := range b.out(d) {
		octets += uint64(len(p.data))
	}
	if frames+drops+waiting-twice != uint64(n) || frames != uint64(len(b.out(d))) {
		t.Errorf("%d frames became %d, with %d dropped, %d waiting and %d made; %d came out", n, frames, drops, waiting, twice, len(b.out(d)))
	}
	if got := [Directions]uint64{s.RxBytes, s.TxBytes}[d]; got != octets {
		t.Errorf("%d bytes are counted of %d", got, octets)
	}
	var sum uint64
	for _, v := range s.Dropped[d] {
		sum += v
	}
	if sum != drops {
		t.Errorf("%d drops by reason, %d in all", sum, drops)
	}
	return s
}

// near reports whether a share of n that was met k times is what was asked for,
// within five times its standard deviation.
func near(k, n int, share float64) bool {
	return math.Abs(float64(k)-share*float64(n)) <= 5*math.Sqrt(float64(n)*share*(1-share))
}

// Each impairment is measured against what was asked for, both ways.
func TestImpairments(t *testing.T) {
	const n = 50_000
	for d := range Directions {
		measure := func(name string, m Impairment, frames, size int, interval time.Duration, check func(t *testing.T, b *bench, all []passed, s Stats)) {
			m.Seed = 1
			t.Run(fmt.Sprint(d, ", ", name), func(t *testing.T) {
				b := newBench(t)
				b.impair(d, m)
				b.flow(d, frames, size, interval)
				s := b.sums(t, d, frames)
				if s.RxWaiting+s.TxWaiting > 0 {
					t.Errorf("%d frames wait for ever", s.RxWaiting+s.TxWaiting)
				}
				check(t, b, b.out(d), s)
			})
		}
		inOrder := func(t *testing.T, all []passed) {
			t.Helper()
			if !slices.IsSorted(numbers(all)) {
				t.Error("frames are out of order")
			}
		}
		measure("delay", Impairment{Delay: 10 * time.Millisecond}, 1000, 60, time.Millisecond/10, func(t *testing.T, _ *bench, all []passed, _ Stats) {
			for _, p := range all {
				if p.waited() != 10e6 {
					t.Fatalf("frame %d took %d ns", number(p), p.waited())
				}
			}
			inOrder(t, all)
		})
		jitter := Impairment{Delay: 10 * time.Millisecond, Jitter: 4 * time.Millisecond}
		measure("jitter", jitter, n, 60, 20*time.Millisecond, func(t *testing.T, _ *bench, all []passed, _ Stats) {
			// Evenly spread: as many frames in each tenth.
			var tenths [10]int
			for _, p := range all {
				w := p.waited()
				if w < 6e6 || w > 14e6 {
					t.Fatalf("frame %d took %d ns", number(p), w)
				}
				tenths[min(9, (w-6e6)*10/8e6)]++
			}
			for i, k := range tenths {
				if !near(k, n, 0.1) {
					t.Errorf("%d frames of %d in tenth %d", k, n, i)
				}
			}
			inOrder(t, all)
		})
		measure("jitter of many at once", jitter, 10_000, 60, 50*time.Microsecond, func(t *testing.T, _ *bench, all []passed, _ Stats) {
			for _, p := range all {
				if w := p.waited(); w < 6e6 || w > 14e6 {
					t.Fatalf("frame %d took %d ns", number(p), w)
				}
			}
			inOrder(t, all)
		})
		for _, share := range []float64{0.001, 0.01, 0.3, 1} {
			measure(fmt.Sprint("loss ", share), Impairment{Loss: share}, n, 60, time.Millisecond, func(t *testing.T, _ *bench, all []passed, s Stats) {
				if k := int(s.Dropped[d][Lost]); !near(k, n, share) || k != n-len(all) {
					t.Errorf("%d of %d frames lost", k, n)
				}
				inOrder(t, all)
			})
			measure(fmt.Sprint("duplicate ", share), Impairment{Duplicate: share}, n, 60, time.Millisecond, func(t *testing.T, _ *bench, all []passed, s Stats) {
				k := int(s.RxDuplicated + s.TxDuplicated)
				if !near(k, n, share) || len(all) != n+k {
					t.Errorf("%d of %d frames twice, %d in all", k, n, len(all))
				}
				inOrder(t, all)
			})
		}
		measure("reorder", Impairment{Delay: 10 * time.Millisecond, Reorder: 0.05}, n, 60, time.Millisecond, func(t *testing.T, _ *bench, all []passed, _ Stats) {
			overtook := 0
			most := -1
			for _, p := range all {
				switch p.waited() {
				case 0:
					overtook++
				case 10e6:
					if number(p) < most {
						t.Fatalf("frame %d is late", number(p))
					}
					most = number(p)
				default:
					t.Fatalf("frame %d took %d ns", number(p), p.waited())
				}
			}
			if !near(overtook, n, 0.05) {
				t.Errorf("%d of %d frames overtook", overtook, n)
			}
		})
		// A frame of 1250 bytes is 10,000 bits.
		measure("rate", Impairment{Rate: 2_000_000, Limit: n}, 1000, 1250, 0, func(t *testing.T, _ *bench, all []passed, _ Stats) {
			for i, p := range all {
				if want := int64(i+1) * 5e6; p.at != want {
					t.Fatalf("frame %d came at %d ns, want %d", i, p.at, want)
				}
			}
			inOrder(t, all)
		})
		measure("rate that does not divide", Impairment{Rate: 1_544_000, Limit: n}, 5000, 64, 0, func(t *testing.T, _ *bench, all []passed, _ Stats) {
			want := 5000 * 64 * 8 / 1.544e6
			if got := float64(all[len(all)-1].at) / 1e9; math.Abs(got-want) > 1e-5 {
				t.Errorf("it took %.7f s, want %.7f", got, want)
			}
		})
		measure("rate and its queue", Impairment{Rate: 1_000_000, Limit: 20}, 2000, 1250, time.Millisecond, func(t *testing.T, _ *bench, all []passed, s Stats) {
			// 1000 frames/s come, 100 go, and 20 wait.
			if k := len(all); k < 200+19 || k > 200+21 {
				t.Errorf("%d frames came through in 2 s", k)
			}
			if s.Dropped[d][Queue] != uint64(2000-len(all)) {
				t.Errorf("%d were dropped", s.Dropped[d][Queue])
			}
			inOrder(t, all)
		})
		measure("rate below what comes does nothing", Impairment{Rate: 10_000_000}, 1000, 1250, time.Millisecond, func(t *testing.T, _ *bench, all []passed, _ Stats) {
			for _, p := range all {
				if p.waited() != 1e6 {
					t.Fatalf("frame %d took %d ns, want the time of its bits", number(p), p.waited())
				}
			}
		})
		measure("rate and delay", Impairment{Rate: 2_000_000, Delay: 30 * time.Millisecond}, 100, 1250, 0, func(t *testing.T, _ *bench, all []passed, _ Stats) {
			for i, p := range all {
				if want := int64(i+1)*5e6 + 30e6; p.at != want {
					t.Fatalf("frame %d came at %d ns, want %d", i, p.at, want)
				}
			}
		})
		all := Impairment{Delay: 20 * time.Millisecond, Jitter: 5 * time.Millisecond, Loss: 0.1, Duplicate: 0.1, Reorder: 0.1, Rate: 10_000_000, Limit: 15}
		measure("all of them", all, n, 625, time.Millisecond, func(t *testing.T, b *bench, first []passed, s Stats) {
			if k := int(s.Dropped[d][Lost]); !near(k, n, 0.1) {
				t.Errorf("%d of %d lost", k, n)
			}
			if k := int(s.RxDuplicated + s.TxDuplicated); !near(k, n-int(s.Dropped[d][Lost]), 0.1) {
				t.Errorf("%d of %d twice", k, n)
			}
			if s.Dropped[d][Queue] == 0 {
				t.Error("the queue was never full")
			}
			// The same seed does the same.
			again := newBench(t)
			all.Seed = 1
			again.impair(d, all)
			again.flow(d, n, 625, time.Millisecond)
			if !slices.EqualFunc(first, again.out(d), func(x, y passed) bool { return x.at == y.at && number(x) == number(y) }) {
				t.Error("another run went another way")
			}
			all.Seed = 2
			other := newBench(t)
			other.impair(d, all)
			other.flow(d, n, 625, time.Millisecond)
			if slices.Equal(numbers(first), numbers(other.out(d))) {
				t.Error("another seed made no difference")
			}
		})
	}
}

// Directions have impairments of their own.
func TestImpairmentOfEachDirection(t *testing.T) {
	b := newBench(t)
	b.port.SetImpairments(Impairment{Delay: 1000}, Impairment{Delay: 2000})
	b.settle()
	b.pass(In, numbered(1, 0, 60))
	b.pass(Out, numbered(2, 0, 60))
	b.until(1e6)
	if len(b.got) != 1 || b.got[0].at != 1000 || len(b.wire.sent) != 1 || b.wire.sent[0].at != 2000 {
		t.Errorf("received %v, sent %v", b.got, b.wire.sent)
	}
}

// What waits when the impairment changes keeps its order, and leaves by the new one.
func TestChangeOfImpairment(t *testing.T) {
	type step struct {
		at int64 // ms
		m  Impairment
	}
	ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
	slow := Impairment{Rate: 1_000_000} // a frame of 1250 bytes in 10 ms
	for _, c := range []struct {
		name  string
		steps []step
		want  []int64 // ms, of five frames that are sent at 0, 1, 2, 3 and 4 ms
	}{
		{"longer", []step{{0, Impairment{Delay: ms(10)}}, {3, Impairment{Delay: ms(20)}}}, []int64{20, 21, 22, 23, 24}},
		{"shorter", []step{{0, Impairment{Delay: ms(10)}}, {3, Impairment{Delay: ms(1)}}}, []int64{3, 3, 3, 4, 5}},
		{"none", []step{{0, Impairment{Delay: ms(10)}}, {3, Impairment{}}}, []int64{3, 3, 3, 3, 4}},
		{"only loss", []step{{0, Impairment{Delay: ms(10)}}, {3, Impairment{Loss: 1e-9}}}, []int64{3, 3, 3, 3, 4}},
		{"rate to none", []step{{0, slow}, {3, Impairment{}}}, []int64{3, 3, 3, 3, 4}},
		// The first is half through after 5 ms, and goes on twice as fast.
		{"rate to double", []step{{0, slow}, {5, Impairment{Rate: 2_000_000}}}, []int64{7, 12, 17, 22, 27}},
		{"rate to half", []step{{0, slow}, {5, Impairment{Rate: 500_000}}}, []int64{15, 35, 55, 75, 95}},
		{"rate to delay", []step{{0, slow}, {15, Impairment{Delay: ms(3)}}}, []int64{10, 18, 18, 18, 18}},
		{"delay to rate", []step{{0, Impairment{Delay: ms(10)}}, {3, slow}}, []int64{3, 3, 3, 13, 23}},
		{"again and again", []step{{0, slow}, {2, slow}, {4, slow}, {6, slow}, {8, slow}}, []int64{10, 20, 30, 40, 50}},
	} {
		for d := range Directions {
			b := newBench(t)
			sent := 0
			for at := int64(0); at < 200; at++ {
				b.until(at * 1e6)
				for _, s := range c.steps {
					if s.at == at {
						b.impair(d, s.m)
					}
				}
				if sent < 5 {
					b.pass(d, numbered(sent, b.now, 1250))
					sent++
				}
			}
			b.sums(t, d, 5)
			var got []int64
			for _, p := range b.out(d) {
				got = append(got, p.at/1e6)
			}
			if !slices.Equal(got, c.want) || !slices.IsSorted(numbers(b.out(d))) {
				t.Errorf("%s, %s: frames %v came after %v ms, want %v", d, c.name, numbers(b.out(d)), got, c.want)
			}
			if last := c.steps[len(c.steps)-1].m; !last.active() && b.port.rules.Load() != nil {
				t.Errorf("%s, %s: frames are still looked at", d, c.name)
			}
		}
	}
}

// The guest's time is what counts: frames of a suspended machine wait, what comes
// meanwhile is counted as dropped, and memory has its bounds.
func TestImpairmentOfSuspendedMachine(t *testing.T) {
	b := newBench(t)
	b.impair(In, Impairment{Delay: time.Second})
	b.pass(In, numbered(0, 0, 60))
	b.loop.Pause()
	b.ready = Discard
	b.now += 10e9
	b.settle()
	b.pass(In, numbered(1, 0, 60))
	if s := b.port.Stats(); len(b.got) != 0 || s.RxWaiting != 1 || s.Dropped[In][Suspended] != 1 || s.RxFrames != 0 {
		t.Errorf("%d frames received, %+v", len(b.got), s)
	}
	// A change does not lose it either.
	b.port.SetImpairments(Impairment{}, Impairment{})
	b.settle()
	b.pass(In, numbered(2, 0, 60))
	if s := b.port.Stats(); s.RxWaiting != 1 || s.Dropped[In][Suspended] != 2 {
		t.Errorf("%+v", s)
	}
	b.ready = Take
	b.loop.Unpause()
	b.until(10e9)
	if len(b.got) != 1 {
		t.Errorf("%d frames received after resuming", len(b.got))
	}
	b.sums(t, In, 3)
}

func TestImpairmentHasBounds(t *testing.T) {
	for d := range Directions {
		b := newBench(t)
		b.impair(d, Impairment{Delay: time.Hour, Limit: maxLimit})
		const n = 2 * maxHeld / MaxFrame
		for i := range n {
			b.pass(d, numbered(i, 0, MaxFrame))
		}
		if q := &b.port.queues[d]; q.bytes > maxHeld || len(q.frames) != n/2 {
			t.Errorf("%s: %d bytes of %d frames wait", d, q.bytes, len(q.frames))
		}
		b.sums(t, d, n)
	}
}

// A machine without room makes frames wait, in the wire where nothing delays them.
func TestImpairmentAndBackPressure(t *testing.T) {
	b := newBench(t)
	b.impair(In, Impairment{Duplicate: 1})
	b.ready = Wait
	b.pass(In, numbered(0, 0, 60))
	b.pass(In, numbered(1, 0, 60))
	if len(b.wire.put) != 2 {
		t.Errorf("%d frames are left in the wire", len(b.wire.put))
	}
	b.ready = Take
	b.on = func([]byte) { b.ready = Wait } // has room for one
	b.read()
	if len(b.got) != 1 || len(b.wire.put) != 1 {
		t.Errorf("%d frames received, %d left", len(b.got), len(b.wire.put))
	}
	for len(b.got) < 4 && b.now < 1e9 {
		b.ready = Take
		b.until(b.now + retryAfter)
		b.read()
	}
	if got := numbers(b.got); !slices.Equal(got, []int{0, 0, 1, 1}) {
		t.Errorf("received %v", got)
	}
	b.sums(t, In, 2)

	b = newBench(t)
	b.impair(In, Impairment{Delay: time.Millisecond, Limit: 10})
	b.ready = Wait
	for i := range 15 {
		b.pass(In, numbered(i, 0, 60))
	}
	b.until(50e6)
	if s := b.sums(t, In, 15); s.Dropped[In][Queue] != 5 || s.RxWaiting != 10 {
		t.Errorf("%+v", s)
	}
	b.port.SetImpairments(Impairment{}, Impairment{})
	b.until(60e6)
	b.pass(In, numbered(15, 0, 60))
	if len(b.wire.put) != 1 {
		t.Error("a frame was taken that has to wait behind others")
	}
	b.ready = Take
	b.until(70e6)
	b.read()
	if got := numbers(b.got); !slices.Equal(got, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15}) {
		t.Errorf("received %v", got)
	}
	b.sums(t, In, 16)
	if b.port.rules.Load() != nil {
		t.Error("frames are still looked at")
	}
}

// A sender that waits for room (ATM) loses nothing: not in a queue that is full, nor
// in a wire that is.
func TestImpairmentAndTrySend(t *testing.T) {
	b := newBench(t)
	b.impair(Out, Impairment{Rate: 1_000_000, Limit: 5})
	const n = 100
	sent := 0
	for b.now < 10e9 {
		for sent < n && b.port.TrySend(numbered(sent, b.now, 53)) {
			sent++
		}
		if sent < n && b.port.Stats().TxWaiting != 5 {
			t.Fatalf("refused with %+v", b.port.Stats())
		}
		// The wire takes three frames each 10 ms.
		b.wire.room = 3
		b.until(b.now + 10e6)
	}
	if s := b.sums(t, Out, n); s.TxFrames != n || s.TxDrops != 0 {
		t.Errorf("%+v", s)
	}
	if !slices.IsSorted(numbers(b.wire.sent)) {
		t.Error("out of order")
	}

	// A filter and the dice are asked once for a frame, however often it is tried.
	b = newBench(t)
	f, err := ParseFilter("out freq_drop 3")
	if err != nil {
		t.Fatal(err)
	}
	b.port.SetFilters(f)
	b.impair(Out, Impairment{Loss: 0.5, Seed: 7})
	tries := 0
	for i := range 3000 {
		b.wire.room = 0
		for tries = 1; !b.port.TrySend(numbered(i, 0, 53)); tries++ {
			if tries == 3 {
				b.wire.room = 1
			}
		}
	}
	s := b.sums(t, Out, 3000)
	if s.Dropped[Out][Filtered] != 1000 || !near(int(s.Dropped[Out][Lost]), 2000, 0.5) || s.Dropped[Out][Full] != 0 {
		t.Errorf("%v", s.Reasons())
	}
}

// Text is read, printed and read again.
func TestParseImpairments(t *testing.T) {
	ms := time.Millisecond
	for text, want := range map[string][2]Impairment{
		"":                {},
		"none\n":          {},
		"delay 10ms":      {{Delay: 10 * ms}, {}},
		"in DELAY 10MS\n": {{Delay: 10 * ms}, {}},
		"out loss 1%":     {{}, {Loss: 0.01}},
		"both delay 10ms": {{Delay: 10 * ms}, {Delay: 10 * ms}},
		"in delay 1s; out delay 1.5s jitter 500us": {{Delay: time.Second}, {Delay: 1500 * ms, Jitter: 500 * time.Microsecond}},
		"in delay 10ms jitter 2ms loss 1% duplicate 0.1% reorder 5% rate 2mbit limit 1000 seed 9": {
			{Delay: 10 * ms, Jitter: 2 * ms, Loss: 0.01, Duplicate: 0.001, Reorder: 0.05, Rate: 2e6, Limit: 1000, Seed: 9}, {}},
		"rate 1.544mbit":    {{Rate: 1_544_000}, {}},
		"rate 9600":         {{Rate: 9600}, {}},
		"rate 64kbit/s":     {{Rate: 64_000}, {}},
		"rate 1gbit":        {{Rate: 1e9}, {}},
		"loss 0.07%":        {{Loss: 0.0007}, {}},
		"loss 33.3333333%":  {{Loss: 0.333333333}, {}},
		"loss 0.0000001%":   {{Loss: 1e-9}, {}},
		"limit 5\n\n\n":     {{Limit: 5}, {}},
		"out delay 0s":      {},
		"\tout  loss\t100%": {{}, {Loss: 1}},
	} {
		in, out, err := ParseImpairments(text)
		if err != nil || in != want[0] || out != want[1] {
			t.Errorf("%q: %+v, %+v, %v", text, in, out, err)
			continue
		}
		again := FormatImpairments(in, out)
		in, out, err = ParseImpairments(again)
		if err != nil || in != want[0] || out != want[1] {
			t.Errorf("%q became %q: %+v, %+v, %v", text, again, in, out, err)
		}
	}
	for text, want := range map[string]string{
		"none":                         "none",
		"in delay 10ms":                "in delay 10ms",
		"both loss 5% delay 10ms":      "both delay 10ms loss 5%",
		"out rate 1.5mbit; in limit 3": "in limit 3; out rate 1500kbit",
	} {
		in, out, _ := ParseImpairments(text)
		if got := FormatImpairments(in, out); got != want {
			t.Errorf("%q is printed as %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"delay":                      "has no value",
		"delay 10":                   `delay 10: wanted: a time with its unit`,
		"delay -1ms":                 "at most 1h",
		"delay 2h":                   "at most 1h",
		"loss 5":                     "loss 5: wanted: a share in percent",
		"loss 101%":                  "0% to 100%",
		"loss NaN%":                  "0% to 100%",
		"loss 1e-9%":                 "steps of 0.0000001%",
		"rate 0":                     "such as 9600bit",
		"rate 5furlongs":             "rate 5furlongs: wanted",
		"rate 1e300gbit":             "at most 1000gbit",
		"limit 0":                    "1 to 100000",
		"limit 1000000":              "1 to 100000",
		"seed -1":                    "wanted: a number",
		"speed 10":                   `"speed" is unknown; wanted: none, or [in|out|both]`,
		"in":                         "nothing follows the direction",
		"none none":                  `"none" has no value`[:6],
		"none; loss 1%":              "none stands alone",
		"delay 1ms delay 2ms":        "delay is there twice",
		"in delay 1ms; both loss 1%": "two for direction in",
		"jitter 5ms":                 "jitter 5ms is more than delay 0s",
		"reorder 5%":                 "nothing to overtake",
	} {
		_, _, err := ParseImpairments(text)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "link ") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzParseImpairments(f *testing.F) {
	f.Add("both delay 10ms jitter 2ms loss 1% duplicate 0.1% reorder 5% rate 2mbit limit 1000")
	f.Add("in rate 1.544mbit; out seed 5 loss 33.333333%")
	f.Add("none")
	f.Fuzz(func(t *testing.T, text string) {
		in, out, err := ParseImpairments(text)
		if err != nil {
			return
		}
		again := FormatImpairments(in, out)
		in2, out2, err := ParseImpairments(again)
		if err != nil || in2 != in || out2 != out || FormatImpairments(in2, out2) != again {
			t.Errorf("%q became %q and then %+v, %+v, %v", text, again, in2, out2, err)
		}
	})
}
