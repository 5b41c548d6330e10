package wire

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"dynemu/vm/event"
)

// sockets are the wires that a Batch can be made of, a pair each.
var sockets = map[string]func(t *testing.T) (a, b Wire){
	"pipe": func(t *testing.T) (Wire, Wire) { a, b := pipes(t); return a, b },
	"socket pair": func(t *testing.T) (Wire, Wire) {
		a, b := pair(t, unix.SOCK_DGRAM)
		return must(NewDatagram(a))(t), must(NewDatagram(b))(t)
	},
	"udp": func(t *testing.T) (Wire, Wire) {
		p, q := freePort(t), freePort(t)
		return must(NewUDP(p, "127.0.0.1", q))(t), must(NewUDP(q, "127.0.0.1", p))(t)
	},
}

func batch(t *testing.T, w Wire) *Batch {
	t.Helper()
	b, ok := NewBatch(w).(*Batch)
	if !ok {
		t.Fatalf("no batch of %T", w)
	}
	return b
}

func flush(w Wire) {
	if b, ok := w.(*Batch); ok {
		b.Flush()
	}
}

// Frames of all sizes in all orders come unchanged, in order, and counted,
// whichever end is a batch.
func TestBatch(t *testing.T) {
	for name, open := range sockets {
		for _, who := range []string{"sender", "receiver", "both"} {
			t.Run(name+", "+who, func(t *testing.T) {
				a, b := open(t)
				if who != "receiver" {
					a = batch(t, a)
				}
				if who != "sender" {
					b = batch(t, b)
				}
				random := rand.New(rand.NewPCG(1, 2))
				sizes := []int{1, 2, 60, 64, 64, 64, 64, 1399, 1400, 1400, 1401, 1514, 9216, MaxFrame}
				var frames, octets uint64
				for range 50 {
					var want [][]byte
					size := 0
					for range 1 + random.IntN(12) {
						if random.IntN(3) == 0 || size == 0 {
							size = sizes[random.IntN(len(sizes))]
						}
						frame := bytes.Repeat([]byte{byte(random.Int())}, size)
						frame[0] = byte(len(want))
						if want = append(want, frame); len(want)*size > 100_000 {
							break // more than a socket holds
						}
					}
					for _, frame := range want {
						a.Send(frame)
						frames++
						octets += uint64(len(frame))
					}
					flush(a)
					for i, frame := range want {
						if got := receive(t, b); got != string(frame) {
							t.Fatalf("frame %d of %d bytes came as %d bytes", i, len(frame), len(got))
						}
					}
				}
				if n, err := b.Receive(make([]byte, MaxFrame)); n != 0 || err != nil {
					t.Errorf("a frame too many: %d, %v", n, err)
				}
				if got, want := a.Stats(), (Stats{TxFrames: frames, TxBytes: octets}); got != want {
					t.Errorf("sender: %+v, want %+v", got, want)
				}
				if got, want := b.Stats(), (Stats{RxFrames: frames, RxBytes: octets}); got != want {
					t.Errorf("receiver: %+v, want %+v", got, want)
				}
			})
		}
	}
}

// Many frames of one length are one message over UDP, and come out of it in one
// call.
func TestBatchSegments(t *testing.T) {
	x, y := sockets["udp"](t)
	a, b := batch(t, x), batch(t, y)
	if !a.udp || !b.udp {
		t.Skip("SKIP: this kernel has no UDP_SEGMENT or UDP_GRO")
	}
	for i := range batchFrames {
		a.Send(bytes.Repeat([]byte{byte(i)}, 100))
	}
	a.Flush()
	for i := range batchFrames {
		if got := receive(t, b); got != string(bytes.Repeat([]byte{byte(i)}, 100)) {
			t.Fatalf("frame %d is %x", i, got)
		}
		if b.rx.count != 1 {
			t.Fatalf("%d messages were received", b.rx.count)
		}
		if b.Waiting() != (i < batchFrames-1) {
			t.Errorf("after %d frames, Waiting is %v", i+1, b.Waiting())
		}
	}
}

// A way that does not take many datagrams as one gets each on its own.
func TestBatchWithoutSegments(t *testing.T) {
	x, y := sockets["udp"](t)
	a := batch(t, x)
	a.udp = true
	// The kernel makes no segments without checksums.
	if err := unix.SetsockoptInt(a.d.fd, unix.SOL_SOCKET, unix.SO_NO_CHECK, 1); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for i := range 10 {
			a.Send(bytes.Repeat([]byte{byte(i)}, 100-i/9))
		}
		a.Flush()
		for i := range 10 {
			if got := receive(t, y); got != string(bytes.Repeat([]byte{byte(i)}, 100-i/9)) {
				t.Fatalf("frame %d is %x", i, got)
			}
		}
		if a.udp {
			t.Error("the next ones are sent as one again")
		}
	}
	if got, want := a.Stats(), (Stats{TxFrames: 20, TxBytes: 2*1000 - 2}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestBatchEnd(t *testing.T) {
	x, y := pipes(t)
	a := batch(t, x)
	y.Send([]byte("one"))
	if err := y.control(func(fd int) error { return unix.Send(fd, nil, 0) }); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, a); got != "one" {
		t.Errorf("received %q", got)
	}
	if n, err := a.Receive(make([]byte, MaxFrame)); n != 0 || err != nil {
		t.Errorf("an empty packet is %d, %v", n, err)
	}
	for range 40 {
		y.Send([]byte("last"))
	}
	y.Close()
	for range 40 {
		if got := receive(t, a); got != "last" {
			t.Errorf("received %q", got)
		}
	}
	if _, err := receiveOrFail(a); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	a.Send([]byte("lost"))
	a.Flush()
	a.Close()
	a.Send([]byte("lost"))
	a.Flush()
	a.Send(nil)
	a.Send(make([]byte, MaxFrame+1))
	want := Stats{RxFrames: 41, RxBytes: 163}
	want.drop(Out, Refused, 1)
	want.drop(Out, Unplugged, 1)
	want.drop(Out, Giant, 2)
	if got := a.Stats(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if _, err := a.Receive(make([]byte, MaxFrame)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// What the other side cannot take is dropped and counted.
func TestBatchDrops(t *testing.T) {
	for name, open := range sockets {
		t.Run(name, func(t *testing.T) {
			x, b := open(t)
			a := batch(t, x)
			const all = 5000
			for i := range all {
				a.Send([]byte{byte(i), byte(i >> 8), 3})
			}
			a.Flush()
			s := a.Stats()
			if s.TxFrames+s.TxDrops != all || s.TxFrames == 0 || name != "udp" && s.TxDrops == 0 {
				t.Fatalf("%+v", s)
			}
			got, buf := uint64(0), make([]byte, MaxFrame)
			for {
				n, err := b.Receive(buf)
				if n == 0 || err != nil {
					break
				}
				got++
			}
			if got != s.TxFrames && name != "udp" || got > s.TxFrames || got == 0 {
				t.Errorf("%d of %d came", got, s.TxFrames)
			}
		})
	}
}

// A peer that is not there yet is no reason not to send to it later.
func TestBatchRefused(t *testing.T) {
	p, q := freePort(t), freePort(t)
	a := batch(t, must(NewUDP(p, "127.0.0.1", q))(t))
	for range 3 {
		a.Send([]byte("nobody"))
		a.Flush()
	}
	if n, err := a.Receive(make([]byte, MaxFrame)); n != 0 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	b := batch(t, must(NewUDP(q, "127.0.0.1", p))(t))
	for range 2 {
		a.Send([]byte("somebody"))
		a.Flush()
		if got := receive(t, b); got != "somebody" {
			t.Errorf("received %q", got)
		}
	}
	b.Send([]byte("back"))
	b.Flush()
	if got := receive(t, a); got != "back" {
		t.Errorf("received %q", got)
	}
}

func TestNoBatch(t *testing.T) {
	null := NewNull()
	dir := t.TempDir()
	named := must(NewUnix(filepath.Join(dir, "a"), filepath.Join(dir, "b")))(t)
	if NewBatch(null) != Wire(null) || NewBatch(named) != Wire(named) {
		t.Error("a wire that is no connected socket was made a batch")
	}
}

// hungry is a machine that takes every frame.
type hungry struct{ got int }

func (m *hungry) Ready() Readiness { return Take }
func (m *hungry) Receive([]byte)   { m.got++ }

// A port leaves nothing in a batch, of which its descriptor does not tell.
func TestPortEmptiesBatch(t *testing.T) {
	x, y := sockets["udp"](t)
	m := &hungry{}
	loop := event.New(new(atomic.Uint32))
	t.Cleanup(loop.Close)
	p := NewPort(loop, m)
	t.Cleanup(p.Close)
	p.Plug(batch(t, x))
	other := batch(t, y)
	for range 3 * burst {
		other.Send([]byte("frame"))
	}
	other.Flush()
	loop.RunPending()
	if b := x.(*Datagram); m.got < burst || other.udp && m.got != 3*burst {
		t.Errorf("%d frames of %d were taken, %+v", m.got, 3*burst, b.Stats())
	}
	for range 10 {
		p.Send([]byte("back"))
	}
	p.Flush()
	for range 10 {
		if got := receive(t, other); got != "back" {
			t.Errorf("received %q", got)
		}
	}
	p.Unplug()
	p.Flush()
}
