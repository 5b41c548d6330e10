package wire

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func filters(t testing.TB, text string) Filters {
	t.Helper()
	f, err := ParseFilter(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// freq_drop as it was measured with Dynamips, for each direction.
func TestFreqDrop(t *testing.T) {
	seven := []int{1, 2, 3, 4, 5, 6, 7}
	for _, c := range []struct {
		text    string
		in, out []int // that come through
	}{
		{"none", seven, seven},
		{"in freq_drop 3", []int{1, 2, 4, 5, 7}, seven},
		{"out freq_drop 3", seven, []int{1, 2, 4, 5, 7}},
		{"in freq_drop -1", nil, seven},
		{"in freq_drop 0", seven, seven},
		{"in freq_drop 1; out freq_drop 2", nil, []int{1, 3, 5, 7}},
		// One count for both: in 1 is the first, out 1 the second, in 2 the third.
		{"both freq_drop 3", []int{1, 3, 4, 6, 7}, []int{1, 2, 4, 5, 7}},
		{"freq_drop -1", nil, nil},
		// What one has dropped, the other does not count.
		{"in freq_drop 2; both freq_drop 3", []int{1, 3, 5, 7}, []int{1, 3, 5, 7}},
	} {
		b := newBench(t)
		b.port.SetFilters(filters(t, c.text))
		for _, i := range seven {
			b.pass(In, numbered(i, 0, 60))
			b.pass(Out, numbered(i, 0, 60))
		}
		in, out := numbers(b.got), numbers(b.wire.sent)
		if !slices.Equal(in, c.in) || !slices.Equal(out, c.out) {
			t.Errorf("%s: received %v, sent %v, want %v and %v", c.text, in, out, c.in, c.out)
		}
		b.sums(t, In, 7)
		s := b.sums(t, Out, 7)
		if s.Dropped[In][Filtered] != uint64(7-len(in)) || s.Dropped[Out][Filtered] != uint64(7-len(out)) {
			t.Errorf("%s: %v", c.text, s.Reasons())
		}
	}
	// Setting it again starts the count again.
	b := newBench(t)
	for i := 1; i <= 9; i++ {
		if i%3 == 1 {
			b.port.SetFilters(filters(t, "in freq_drop 3"))
		}
		if i != 3 {
			b.pass(In, numbered(i, 0, 60))
		}
	}
	if got := numbers(b.got); !slices.Equal(got, []int{1, 2, 4, 5, 7, 8}) {
		t.Errorf("received %v", got)
	}
	b.port.SetFilters(Filters{})
	if b.port.rules.Load() != nil {
		t.Error("frames are still looked at")
	}
}

func TestParseFilter(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "none",
		"None\n":                           "none",
		"freq_drop 5":                      "both freq_drop 5",
		"in FREQ_DROP -1\n":                "in freq_drop -1",
		"out freq_drop 0; in freq_drop 7":  "in freq_drop 7; out freq_drop 0",
		"in freq_drop 1\nboth freq_drop 2": "in freq_drop 1; both freq_drop 2",
	} {
		f, err := ParseFilter(text)
		if err != nil || f.String() != want {
			t.Errorf("%q: %q, %v, want %q", text, f, err, want)
		}
	}
	for text, want := range map[string]string{
		"freq_drop":                     "wanted: none, or [in|out|both] freq_drop N",
		"freq_drop 1 2":                 "wanted: none",
		"freq_drop -2":                  "freq_drop -2; wanted: freq_drop N, which drops every Nth frame",
		"freq_drop many":                `"many" is not a number`,
		"monitor 5":                     `filter "monitor 5": wanted`,
		"up freq_drop 5":                "wanted: none",
		"both":                          "nothing follows the direction",
		"in freq_drop 1;in freq_drop 2": `two filters for "in"`,
		"none; in freq_drop 2":          "none stands alone",
	} {
		_, err := ParseFilter(text)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "filter ") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzParseFilter(f *testing.F) {
	f.Add("in freq_drop 3; out freq_drop -1")
	f.Add("none")
	f.Fuzz(func(t *testing.T, text string) {
		fs, err := ParseFilter(text)
		if err != nil {
			return
		}
		again, err := ParseFilter(fs.String())
		if err != nil || again.String() != fs.String() {
			t.Errorf("%q became %q and then %q, %v", text, fs, again, err)
		}
	})
}

// log is a monitor that notes what it sees.
type log []string

func (l *log) Frame(d Direction, at time.Time, frame []byte) {
	*l = append(*l, fmt.Sprintf("%s %d", d, number(passed{data: frame})))
	if time.Since(at) > time.Minute {
		*l = append(*l, at.String())
	}
}

// Monitors see what the machine receives and sends, behind its filters, and before
// the link's impairment of what leaves and behind that of what arrives.
func TestMonitors(t *testing.T) {
	b := newBench(t)
	var one, two log
	remove := b.port.AddMonitor(&one)
	removeTwo := b.port.AddMonitor(&two)
	b.port.SetFilters(filters(t, "freq_drop 4"))
	b.impair(In, Impairment{Loss: 1})
	b.pass(In, numbered(1, 0, 60)) // lost
	b.impair(Out, Impairment{Loss: 1})
	b.pass(Out, numbered(2, 0, 60)) // lost later
	b.port.SetImpairments(Impairment{Delay: 5}, Impairment{Delay: 5})
	b.settle()
	b.pass(In, numbered(3, 0, 60))
	b.pass(Out, numbered(4, 0, 60))
	b.until(10)
	removeTwo()
	b.pass(Out, numbered(5, 0, 60)) // the fourth that the filter sees
	b.until(20)
	b.port.SetFilters(Filters{})
	b.pass(Out, numbered(6, 0, 60))
	remove()
	remove()
	b.pass(In, numbered(7, 0, 60))
	b.until(30)
	if want := (log{"out 2", "out 4", "in 3", "out 6"}); !slices.Equal(one, want) {
		t.Errorf("saw %v, want %v", one, want)
	}
	if want := (log{"out 2", "out 4", "in 3"}); !slices.Equal(two, want) {
		t.Errorf("saw %v, want %v", two, want)
	}
	// A frame that the wire had no room for was not sent.
	b = newBench(t)
	var three log
	b.port.AddMonitor(&three)
	b.wire.room = 0
	if b.port.TrySend(numbered(1, 0, 53)) {
		t.Error("there was room")
	}
	b.wire.room = 1
	if !b.port.TrySend(numbered(1, 0, 53)) || !slices.Equal(three, log{"out 1"}) {
		t.Errorf("saw %v", three)
	}
}

// A link that is cut is no link: nothing passes, nothing stays on it, and the
// machine learns of it.
func TestLink(t *testing.T) {
	b := newBench(t)
	var told []bool
	b.port.OnChange(func(up bool) { told = append(told, up) })
	b.port.SetImpairments(Impairment{Delay: 10}, Impairment{Delay: 10})
	b.settle()
	for d := range Directions {
		b.pass(d, numbered(1, 0, 60))
	}
	b.port.SetLink(false)
	b.port.SetLink(false)
	b.settle()
	if b.port.Plugged() || b.port.Link() {
		t.Error("still plugged")
	}
	for d := range Directions {
		b.pass(d, numbered(2, 0, 60))
	}
	b.until(100)
	for d := range Directions {
		if s := b.sums(t, d, 2); s.Dropped[d][NoLink] != 2 || s.RxWaiting+s.TxWaiting != 0 {
			t.Errorf("%s: %+v", d, s)
		}
	}
	b.port.SetLink(true)
	b.port.SetImpairments(Impairment{}, Impairment{})
	b.settle()
	for d := range Directions {
		b.pass(d, numbered(3, 0, 60))
		if got := numbers(b.out(d)); !slices.Equal(got, []int{3}) {
			t.Errorf("%s: %v", d, got)
		}
	}
	if b.port.rules.Load() != nil {
		t.Error("frames are still looked at")
	}
	b.port.SetLink(false)
	b.port.Unplug()
	b.port.SetLink(true)
	if want := []bool{true, false, true, false, false}; !slices.Equal(told, want) || b.port.Plugged() {
		t.Errorf("told %v, want %v", told, want)
	}
	// Frames that wait for a wire that was taken out are counted.
	b = newBench(t)
	b.port.SetImpairments(Impairment{Delay: 10}, Impairment{Delay: 10})
	b.settle()
	b.pass(In, numbered(1, 0, 60))
	b.pass(Out, numbered(1, 0, 60))
	b.port.Unplug()
	b.until(100)
	for d := range Directions {
		if s := b.sums(t, d, 1); s.Dropped[d][Unplugged] != 1 {
			t.Errorf("%s: %+v", d, s)
		}
	}
}

// carrier is a wire that shows one.
type carrier struct {
	*Null
	up bool
}

func (c *carrier) SetCarrier(up bool) error {
	c.up = up
	return nil
}

// What the machine does not want is dropped, and others learn that its port is shut.
func TestShutPort(t *testing.T) {
	b := newBench(t)
	var told []bool
	b.port.OnEnabled(func(up bool) { told = append(told, up) })
	b.port.SetEnabled(true)
	b.port.SetEnabled(false)
	b.port.SetEnabled(false)
	b.ready = Wait // it has no room, and needs none
	b.pass(In, numbered(1, 0, 60))
	if s := b.sums(t, In, 1); s.Dropped[In][Shut] != 1 || b.port.Enabled() || !b.port.Plugged() {
		t.Errorf("%+v", s)
	}
	w := &carrier{NewNull(), true}
	b.port.Plug(w)
	if w.up {
		t.Error("a carrier of a port that is shut")
	}
	b.port.SetEnabled(true)
	if !w.up {
		t.Error("no carrier")
	}
	b.port.SetLink(false)
	if w.up {
		t.Error("a carrier of a link that is cut")
	}
	if !slices.Equal(told, []bool{false, true}) {
		t.Errorf("told %v", told)
	}
}

// What the machine does not take is counted even where no rule is.
func TestSuspendedMachine(t *testing.T) {
	b := newBench(t)
	b.ready = Discard
	b.pass(In, numbered(1, 0, 60))
	b.ready = Take
	b.pass(In, numbered(2, 0, 60))
	if s := b.sums(t, In, 2); s.Dropped[In][Suspended] != 1 || s.RxFrames != 1 {
		t.Errorf("%+v", s)
	}
	if m := b.port.Stats(); fmt.Sprint(m.Reasons()) != "map[rx-suspended:1]" {
		t.Errorf("%v", m.Reasons())
	}
}

// A port in a batch: what leaves late is sent nevertheless.
func TestImpairedBatch(t *testing.T) {
	m := newMachine(t)
	p := NewPort(m.Loop, m)
	defer p.Close()
	near, far := pipes(t)
	p.Plug(batch(t, near))
	p.SetImpairments(Impairment{Delay: time.Millisecond}, Impairment{Delay: time.Millisecond})
	m.do(func() {
		p.Send([]byte("one"))
		p.Send([]byte("two"))
	})
	far.Send([]byte("three"))
	for _, want := range []string{"one", "two"} {
		if got := receive(t, far); got != want {
			t.Errorf("received %q, want %q", got, want)
		}
	}
	await(t, "a frame", func() bool { return slices.Equal(m.frames(), []string{"three"}) })
	if s := p.Stats(); s.TxFrames != 2 || s.RxFrames != 1 || s.TxWaiting != 0 {
		t.Errorf("%+v", s)
	}
}

// Without rules a frame costs no memory, and with a monitor or a filter none either.
func TestFramesCostNoMemory(t *testing.T) {
	b := newBench(t)
	b.port.Plug(NewNull())
	frame := make([]byte, 64)
	for _, set := range []func(){func() {}, func() { b.port.SetFilters(filters(t, "freq_drop 3")) }, func() { b.port.AddMonitor(idle{}) },
		func() { b.impair(Out, Impairment{Loss: 0.5}) }} {
		set()
		if n := testing.AllocsPerRun(1000, func() { b.port.Send(frame) }); n != 0 {
			t.Errorf("%v allocations a frame", n)
		}
	}
}

type idle struct{}

func (idle) Frame(Direction, time.Time, []byte) {}

// All that can change changes while frames flow both ways, and at the end every
// frame is accounted for; for the race detector too.
func TestRulesChangeWhileFramesFlow(t *testing.T) {
	m := newMachine(t)
	p := NewPort(m.Loop, m)
	near, far := pipes(t)
	p.Plug(near)
	var sent, stop atomic.Int64
	var all sync.WaitGroup
	all.Go(func() {
		for stop.Load() == 0 {
			m.do(func() {
				for range 10 {
					p.Send([]byte("out"))
					p.TrySend([]byte("cell"))
					sent.Add(2)
				}
			})
			time.Sleep(50 * time.Microsecond)
		}
		// TrySend may have refused; what it took is what counts.
	})
	var back atomic.Int64
	all.Go(func() {
		for stop.Load() == 0 {
			for range 10 {
				far.Send([]byte("in"))
			}
			back.Store(int64(far.Stats().TxFrames))
			time.Sleep(50 * time.Microsecond)
		}
	})
	got := 0
	all.Go(func() {
		buf := make([]byte, MaxFrame)
		for stop.Load() < 2 {
			n, err := far.Receive(buf)
			if err != nil {
				t.Error(err)
				return
			}
			if n == 0 {
				time.Sleep(20 * time.Microsecond)
				continue
			}
			got++
		}
	})
	random := rand.New(rand.NewPCG(1, 2))
	var removes []func()
	for range 300 {
		switch random.IntN(6) {
		case 0:
			p.SetFilters(filters(t, []string{"none", "freq_drop 3", "in freq_drop -1", "out freq_drop 2"}[random.IntN(4)]))
		case 1, 2:
			pick := func() Impairment {
				return []Impairment{{}, {Loss: 0.2}, {Delay: time.Millisecond, Jitter: time.Millisecond, Reorder: 0.1}, {Rate: 1_000_000, Limit: 50}, {Duplicate: 0.5}}[random.IntN(5)]
			}
			p.SetImpairments(pick(), pick())
		case 3:
			removes = append(removes, p.AddMonitor(idle{}))
			if len(removes) > 3 {
				removes[0]()
				removes = removes[1:]
			}
		case 4:
			p.SetLink(random.IntN(3) > 0)
		case 5:
			p.SetEnabled(random.IntN(3) > 0)
		}
		before := p.Stats()
		time.Sleep(500 * time.Microsecond)
		if after := p.Stats(); after.RxFrames < before.RxFrames || after.TxFrames < before.TxFrames {
			t.Fatalf("counters went back from %+v to %+v", before, after)
		}
	}
	stop.Store(1)
	p.SetFilters(Filters{})
	p.SetImpairments(Impairment{}, Impairment{})
	p.SetLink(true)
	p.SetEnabled(true)
	for _, remove := range removes {
		remove()
	}
	await(t, "all frames", func() bool {
		s := p.Stats()
		return s.RxFrames+s.RxDrops-s.RxDuplicated == far.Stats().TxFrames && s.RxWaiting+s.TxWaiting == 0
	})
	await(t, "rules to be gone", func() bool { return p.rules.Load() == nil })
	stop.Store(2)
	all.Wait()
	for buf := make([]byte, MaxFrame); ; got++ {
		if n, err := far.Receive(buf); n == 0 || err != nil {
			break
		}
	}
	s := p.Stats()
	if s.RxFrames != uint64(len(m.frames())) || s.TxFrames != uint64(got) {
		t.Errorf("%d frames received, %d sent: %+v", len(m.frames()), got, s)
	}
	if n := s.TxFrames + s.TxDrops - s.TxDuplicated; n > uint64(sent.Load()) || n < uint64(sent.Load()/2) {
		t.Errorf("%d frames of %d sent: %+v", n, sent.Load(), s)
	}
	p.Close()
}

// What a frame pays for what a port does to it; the wire costs nothing.
func BenchmarkPort(b *testing.B) {
	for _, c := range []struct {
		name string
		set  func(*Port)
	}{
		{"nothing", func(*Port) {}},
		{"a filter", func(p *Port) { p.SetFilters(filters(b, "out freq_drop 1000")) }},
		{"a monitor", func(p *Port) { p.AddMonitor(idle{}) }},
		{"loss", func(p *Port) { p.SetImpairments(Impairment{}, Impairment{Loss: 0.01}) }},
		{"delay", func(p *Port) { p.SetImpairments(Impairment{}, Impairment{Delay: time.Microsecond}) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			bench := newBench(b)
			bench.port.Plug(NewNull())
			c.set(bench.port)
			bench.settle()
			frame := make([]byte, 64)
			b.ReportAllocs()
			for b.Loop() {
				bench.now += 100
				bench.port.Send(frame)
			}
		})
	}
}
