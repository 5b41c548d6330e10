package wire

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
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

// collector is a machine that takes frames and keeps them until released.
type collector struct {
	mu    sync.Mutex
	got   []string
	dones []func()
	hold  bool
}

func (c *collector) deliver(frame []byte, done func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got = append(c.got, string(frame))
	if c.hold {
		c.dones = append(c.dones, done)
		return
	}
	done()
}

func (c *collector) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.got)
}

func (c *collector) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hold = false
	for _, d := range c.dones {
		d()
	}
	c.dones = nil
}

func TestPortCarriesFrames(t *testing.T) {
	var c collector
	p := NewPort(c.deliver)
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
	await(t, "three frames", func() bool { return c.count() == 3 })
	if c.got[0] != "in" || c.got[1] != string(big) || c.got[2] != "short again" {
		t.Errorf("received %.40q", c.got)
	}
	want := Stats{RxFrames: 3, RxBytes: 9013, TxFrames: 1, TxBytes: 3, TxDrops: 1}
	if got := p.Stats(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	// The counters go on over the next wire.
	next, far2 := pipes(t)
	p.Plug(next)
	far2.Send([]byte("x"))
	await(t, "a frame of the new wire", func() bool { return c.count() == 4 })
	want.RxFrames++
	want.RxBytes++
	await(t, "old wire retired", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return len(p.plugs) == 1 })
	if got := p.Stats(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if _, err := near.Receive(make([]byte, MaxFrame)); err == nil {
		t.Error("the old wire is still open")
	}
}

// A machine that does not take frames has InFlight of them at most; the others
// wait in the kernel and come later, in order.
func TestPortBackPressure(t *testing.T) {
	c := collector{hold: true}
	p := NewPort(c.deliver)
	defer p.Close()
	near, far := pipes(t)
	p.Plug(near)
	const n = InFlight + 30
	for i := range n {
		far.Send([]byte(fmt.Sprint("frame ", i)))
	}
	await(t, "frames in flight", func() bool { return c.count() == InFlight })
	time.Sleep(20 * time.Millisecond)
	if got := c.count(); got != InFlight {
		t.Errorf("%d frames in flight", got)
	}
	c.mu.Lock()
	for i, f := range c.got {
		if want := fmt.Sprint("frame ", i); f != want {
			t.Errorf("frame %d is %q: a buffer was used again too early", i, f)
		}
	}
	c.mu.Unlock()
	c.release()
	await(t, "all frames", func() bool { return c.count() == n })
	if c.got[n-1] != fmt.Sprint("frame ", n-1) {
		t.Errorf("the last frame is %q", c.got[n-1])
	}
}

// Unplug ends a reader that waits for the machine.
func TestUnplugWhileWaitingForTheMachine(t *testing.T) {
	c := collector{hold: true}
	p := NewPort(c.deliver)
	near, far := pipes(t)
	p.Plug(near)
	for range InFlight + 1 {
		far.Send([]byte("x"))
	}
	await(t, "frames in flight", func() bool { return c.count() == InFlight })
	p.Unplug()
	await(t, "reader ended", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return len(p.plugs) == 0 })
	c.release()
	near, far = pipes(t)
	p.Plug(near)
	far.Send([]byte("works again"))
	await(t, "next frame", func() bool { return c.count() == InFlight+1 })
	p.Close()
	closed, _ := pipes(t)
	p.Plug(closed)
	if p.Plugged() {
		t.Error("plugged into a closed port")
	}
}

func TestPortTellsOfChanges(t *testing.T) {
	p := NewPort(func(_ []byte, done func()) { done() })
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
	p := NewPort(func(_ []byte, done func()) { done() })
	defer p.Close()
	w := &broken{Null: NewNull(), fail: make(chan struct{})}
	p.Plug(w)
	if !p.Plugged() {
		t.Fatal("not plugged")
	}
	close(w.fail)
	await(t, "unplugged", func() bool { return !p.Plugged() })
}

type broken struct {
	*Null
	fail chan struct{}
}

func (b *broken) Receive([]byte) (int, error) { <-b.fail; return 0, fmt.Errorf("broken") }

// Wires change while frames flow both ways; for the race detector.
func TestPlugWhileFramesFlow(t *testing.T) {
	var c collector
	p := NewPort(c.deliver)
	stop := make(chan struct{})
	var all sync.WaitGroup
	all.Add(2)
	go func() {
		defer all.Done()
		for {
			select {
			case <-stop:
				return
			default:
				p.Send([]byte("out"))
				p.Stats()
			}
		}
	}()
	go func() {
		defer all.Done()
		for i := range 50 {
			p.SetCarrier(i%2 == 0)
			time.Sleep(time.Millisecond)
		}
	}()
	for i := range 50 {
		near, far := pipes(t)
		p.Plug(near)
		go func() {
			for {
				if _, err := far.Receive(make([]byte, MaxFrame)); err != nil {
					return
				}
				far.Send([]byte("in"))
			}
		}()
		before := c.count()
		await(t, "a frame", func() bool { return c.count() > before })
		if i%3 == 0 {
			p.Unplug()
		}
		far.Close()
	}
	close(stop)
	all.Wait()
	p.Close()
	await(t, "readers ended", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return len(p.plugs) == 0 })
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
		if _, err := far.Receive(buf); err != nil {
			b.Fatal(err)
		}
	}
}
