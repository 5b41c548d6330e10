package wire

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"dynemu/vm/event"
)

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 5000 {
		if ok() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("timed out: %s", what)
}

// machine keeps the frames that it gets, as far as it has room.
type machine struct {
	*event.Loop
	mu   sync.Mutex
	got  []string
	room int
}

// do runs fn on the machine's goroutine.
func (m *machine) do(fn func()) {
	done := make(chan struct{})
	m.Post(func() {
		fn()
		close(done)
	})
	<-done
}

// newMachine returns a machine whose loop runs until the test ends, with room for
// many frames.
func newMachine(t *testing.T) *machine {
	m := &machine{Loop: event.New(new(atomic.Uint32)), room: 1 << 30}
	quit := false
	var done sync.WaitGroup
	done.Go(func() {
		for m.RunPending(); !quit; m.RunPending() {
			m.Sleep()
		}
	})
	t.Cleanup(func() {
		m.Post(func() { quit = true })
		done.Wait()
		m.Close()
	})
	return m
}

func (m *machine) Ready() Readiness {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.got) < m.room {
		return Take
	}
	return Wait
}

func (m *machine) Receive(frame []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.got = append(m.got, string(frame))
}

func (m *machine) setRoom(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.room = n
}

// frames returns what has been received.
func (m *machine) frames() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.got...)
}

func TestPortCarriesFrames(t *testing.T) {
	m := newMachine(t)
	p := NewPort(m.Loop, m)
	defer p.Close()
	p.Send([]byte("nothing plugged in"))
	near, far := pipes(t)
	p.Plug(near)
	p.Send([]byte("out"))
	if got := receive(t, far); got != "out" {
		t.Errorf("sent %q", got)
	}
	big := make([]byte, 9000)
	for _, f := range [][]byte{[]byte("in"), big, []byte("short again")} {
		far.Send(f)
	}
	await(t, "three frames", func() bool { return len(m.frames()) == 3 })
	if got := m.frames(); got[0] != "in" || got[1] != string(big) || got[2] != "short again" {
		t.Errorf("received %.40q", got)
	}
	want := Stats{RxFrames: 3, RxBytes: 9013, TxFrames: 1, TxBytes: 3}
	want.drop(Out, Unplugged, 1)
	if got := p.Stats(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if _, err := near.Receive(make([]byte, MaxFrame)); err != nil {
		t.Errorf("the wire is closed: %v", err)
	}
	// The counters go on over further wires.
	for i := range 2 * maxTaken {
		next, far2 := pipes(t)
		p.Plug(next)
		far2.Send([]byte("x"))
		await(t, "a frame of the new wire", func() bool { return len(m.frames()) == 4+i })
		want.RxFrames++
		want.RxBytes++
		if got := p.Stats(); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	if _, err := near.Receive(make([]byte, MaxFrame)); err == nil {
		t.Error("the old wire is still open")
	}
}

// What a machine has no room for waits in the kernel and comes later, in order;
// meanwhile the machine's loop sleeps.
// A port tells of a wire without room; nothing is lost by asking.
func TestPortTrySend(t *testing.T) {
	m := newMachine(t)
	p := NewPort(m.Loop, m)
	defer p.Close()
	if !p.TrySend([]byte("x")) || p.Stats().TxDrops != 1 {
		t.Errorf("with nothing plugged in: %+v", p.Stats())
	}
	p.Plug(NewNull())
	if !p.TrySend([]byte("x")) || p.Stats().TxFrames != 1 {
		t.Errorf("into a null wire: %+v", p.Stats())
	}
	near, far := pipes(t)
	p.Plug(near)
	n := uint64(1)
	for p.TrySend([]byte("cell")) {
		if n++; n > 1<<20 {
			t.Fatal("the wire is never full")
		}
	}
	if s := p.Stats(); s.TxFrames != n || s.TxDrops != 1 {
		t.Errorf("%d frames were taken: %+v", n, s)
	}
	receive(t, far)
	if !p.TrySend([]byte("cell")) {
		t.Error("no room after a frame was read")
	}
}

func TestPortBackPressure(t *testing.T) {
	m := newMachine(t)
	m.setRoom(50)
	p := NewPort(m.Loop, m)
	defer p.Close()
	near, far := pipes(t)
	p.Plug(near)
	const n = 130
	for i := range n {
		far.Send([]byte(fmt.Sprint("frame ", i)))
	}
	if s := far.Stats(); s.TxDrops != 0 {
		t.Fatalf("the kernel did not take %d frames", s.TxDrops)
	}
	await(t, "50 frames", func() bool { return len(m.frames()) == 50 })
	time.Sleep(20 * time.Millisecond)
	if got := len(m.frames()); got != 50 {
		t.Errorf("%d frames in room for 50", got)
	}
	m.setRoom(1000)
	await(t, "all frames", func() bool { return len(m.frames()) == n })
	for i, f := range m.frames() {
		if want := fmt.Sprint("frame ", i); f != want {
			t.Errorf("frame %d is %q", i, f)
		}
	}
}

// A port can be unplugged, and used again, while the machine takes nothing.
func TestUnplugWhileTheMachineIsFull(t *testing.T) {
	m := newMachine(t)
	m.setRoom(1)
	p := NewPort(m.Loop, m)
	near, far := pipes(t)
	p.Plug(near)
	far.Send([]byte("taken"))
	far.Send([]byte("lost"))
	await(t, "a frame", func() bool { return len(m.frames()) == 1 })
	p.Unplug()
	m.setRoom(2)
	near, far = pipes(t)
	p.Plug(near)
	far.Send([]byte("works again"))
	await(t, "the next frame", func() bool { return len(m.frames()) == 2 })
	if got := m.frames()[1]; got != "works again" {
		t.Errorf("received %q", got)
	}
	p.Close()
	closed, _ := pipes(t)
	p.Plug(closed)
	if p.Plugged() {
		t.Error("plugged into a closed port")
	}
}

func TestPortTellsOfChanges(t *testing.T) {
	m := newMachine(t)
	p := NewPort(m.Loop, m)
	defer p.Close()
	changes := make(chan bool, 10)
	p.OnChange(func(plugged bool) { changes <- plugged })
	near, far := pipes(t)
	for _, step := range []struct {
		name string
		do   func()
		want bool
	}{
		{"plugged", func() { p.Plug(near) }, true},
		{"the other end goes", func() { far.Close() }, false},
		{"a null wire", func() { p.Plug(NewNull()) }, true},
		{"unplugged", p.Unplug, false},
	} {
		step.do()
		if got := <-changes; got != step.want || p.Plugged() != step.want {
			t.Errorf("%s: told %v, is %v", step.name, got, p.Plugged())
		}
	}
	p.Unplug()
	select {
	case <-changes:
		t.Error("told of a change that was none")
	default:
	}
}

// A wire that fails for good counts as unplugged.
func TestPortWithBrokenWire(t *testing.T) {
	m := newMachine(t)
	p := NewPort(m.Loop, m)
	defer p.Close()
	near, far := pipes(t)
	w := &broken{Pipe: near}
	p.Plug(w)
	if !p.Plugged() {
		t.Fatal("not plugged")
	}
	w.fail.Store(true)
	far.Send([]byte("x"))
	await(t, "unplugged", func() bool { return !p.Plugged() })
}

type broken struct {
	*Pipe
	fail atomic.Bool
}

func (b *broken) Receive(buf []byte) (int, error) {
	if b.fail.Load() {
		return 0, fmt.Errorf("broken")
	}
	return b.Pipe.Receive(buf)
}

// Wires change while frames flow both ways; for the race detector.
func TestPlugWhileFramesFlow(t *testing.T) {
	m := newMachine(t)
	p := NewPort(m.Loop, m)
	stop := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				m.do(func() { p.Send([]byte("out")) })
				p.Stats()
			}
		}
	})
	all.Go(func() {
		for i := range 50 {
			p.SetEnabled(i%3 != 0)
			p.SetLink(i%5 != 0)
			time.Sleep(time.Millisecond)
		}
	})
	for i := range 50 {
		near, far := pipes(t)
		p.Plug(near)
		all.Go(func() {
			for {
				if _, err := receiveOrFail(far); err != nil {
					return
				}
				far.Send([]byte("in"))
			}
		})
		before := len(m.frames())
		await(t, "a frame", func() bool { return len(m.frames()) > before })
		if i%3 == 0 {
			p.Unplug()
		}
		far.Close()
	}
	close(stop)
	p.Close()
	all.Wait()
}

func BenchmarkPipe(b *testing.B) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET, 0)
	if err != nil {
		b.Fatal(err)
	}
	near, err := NewPipe(os.NewFile(uintptr(fds[0]), "near"))
	if err != nil {
		b.Fatal(err)
	}
	defer near.Close()
	far, err := NewPipe(os.NewFile(uintptr(fds[1]), "far"))
	if err != nil {
		b.Fatal(err)
	}
	defer far.Close()
	frame := make([]byte, 1500)
	buf := make([]byte, MaxFrame)
	b.ReportAllocs()
	for b.Loop() {
		near.Send(frame)
		if n, err := far.Receive(buf); n != len(frame) {
			b.Fatal(n, err)
		}
	}
}

// A wire that ends by itself is told of; one that is taken out is not.
func TestPortOnBroken(t *testing.T) {
	m := newMachine(t)
	p := NewPort(m.Loop, m)
	defer p.Close()
	type end struct {
		wire    Wire
		err     error
		plugged bool
	}
	ends := make(chan end, 10)
	p.OnBroken(func(w Wire, err error) { ends <- end{w, err, p.Plugged()} })
	first, _ := pipes(t)
	p.Plug(first)
	second, _ := pipes(t)
	p.Plug(second)
	p.Unplug()
	for _, filters := range []Filters{{}, {In: &FreqDrop{n: 1}}} {
		p.SetFilters(filters)
		near, far := pipes(t)
		p.Plug(near)
		far.Close()
		select {
		case e := <-ends:
			if e.wire != Wire(near) || !errors.Is(e.err, io.EOF) || e.plugged {
				t.Errorf("told of %+v", e)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("nobody was told within 10 s")
		}
	}
	if len(ends) > 0 {
		t.Errorf("told of %+v too", <-ends)
	}
}
