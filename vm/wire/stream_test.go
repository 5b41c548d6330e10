package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// frameOf is a frame as it goes over a connection.
func frameOf(data string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), data...)
}

// server returns a listening wire, and how to connect to it.
func server(t *testing.T) (w Wire, dial func() net.Conn) {
	t.Helper()
	p := freePort(t)
	w, _ = openNIO(t, fmt.Sprintf("tcp_ser:%d", p))
	return w, func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", p))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
}

func readable(w Wire, wait int) bool {
	fds := []unix.PollFd{{Fd: int32(w.Descriptor()), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, wait)
	return err == nil && n > 0
}

// The bytes are those of Dynamips 0.2.24: u32, big-endian, frame.
func TestStreamBytes(t *testing.T) {
	w, dial := server(t)
	c := dial()
	if _, err := c.Write(append(append(frameOf("one"), frameOf("")...), frameOf("two")...)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"one", "two"} {
		if got := receive(t, w); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	w.Send([]byte("answer"))
	got := make([]byte, 10)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "\x00\x00\x00\x06answer" {
		t.Errorf("got %q, %v", got, err)
	}
}

// Frames that come in any pieces are whole.
func TestStreamPieces(t *testing.T) {
	w, dial := server(t)
	c := dial().(*net.TCPConn)
	var all []byte
	var want []string
	for i := range 40 {
		f := strings.Repeat(string(rune('a'+i%26)), 1+i*i*5)
		want = append(want, f)
		all = append(all, frameOf(f)...)
	}
	go func() {
		for n := 1; len(all) > 0; n = n*2%1999 + 1 {
			n = min(n, len(all))
			_, _ = c.Write(all[:n]) // the frames will be missing
			all = all[n:]
		}
	}()
	for i, f := range want {
		if got := receive(t, w); got != f {
			t.Fatalf("frame %d: got %d bytes, want %d", i, len(got), len(f))
		}
	}
}

// A listening wire takes one client after the other, and only one at a time.
func TestStreamClients(t *testing.T) {
	w, dial := server(t)
	w.Send([]byte("to nobody"))
	if s := w.Stats(); s.TxDrops != 1 || s.Dropped[Out][Unplugged] != 1 {
		t.Errorf("%+v", s)
	}
	for i := range 3 {
		c, next := dial(), dial()
		_, _ = c.Write(frameOf("first"))
		_, _ = next.Write(frameOf("second"))
		if got := receive(t, w); got != "first" {
			t.Fatalf("round %d: %q", i, got)
		}
		if n, err := w.Receive(make([]byte, MaxFrame)); n != 0 || err != nil {
			t.Errorf("somebody is connected: %d bytes, %v", n, err)
		}
		if readable(w, 20) {
			t.Error("a client that waits wakes the machine")
		}
		_, _ = c.Write([]byte{0, 0, 0}) // the beginning of a frame is lost with its client
		c.Close()
		if got := receive(t, w); got != "second" {
			t.Fatalf("round %d: %q", i, got)
		}
		w.Send([]byte("answer"))
		got := make([]byte, 10)
		if _, err := io.ReadFull(next, got); err != nil || string(got[4:]) != "answer" {
			t.Errorf("%q, %v", got, err)
		}
		next.Close()
	}
}

func TestStreamClientEnds(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for name, end := range map[string]func(c *net.TCPConn){
		"closed": func(c *net.TCPConn) { c.Close() },
		"reset": func(c *net.TCPConn) {
			_ = c.SetLinger(0)
			c.Close()
		},
		"no frame": func(c *net.TCPConn) { _, _ = c.Write([]byte{1, 0, 0, 0}) },
		"too long": func(c *net.TCPConn) { _, _ = c.Write([]byte{0, 0, 0x80, 1, 'x'}) },
	} {
		w, _ := openNIO(t, fmt.Sprintf("tcp_cli:127.0.0.1:%d", l.Addr().(*net.TCPAddr).Port))
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write(frameOf("last"))
		if got := receive(t, w); got != "last" {
			t.Errorf("%s: %q", name, got)
		}
		end(c.(*net.TCPConn))
		for range 2 {
			if _, err := receiveOrFail(w); err == nil || err.Error() == "no frame in 5 s" || errors.Is(err, net.ErrClosed) {
				t.Errorf("%s: %v", name, err)
			}
		}
		m := newMachine(t)
		p := NewPort(m.Loop, m)
		p.Plug(w)
		await(t, name+": unplugged", func() bool { return !p.Plugged() })
		p.Close()
	}
}

// With a peer that does not read, frames are dropped as a whole.
func TestStreamFull(t *testing.T) {
	w, dial := server(t)
	c := dial()
	_, _ = c.Write(frameOf("hello"))
	receive(t, w)
	const size = 30000
	number := 0
	for ; w.Stats().TxDrops < 10; number++ {
		w.Send(append(binary.BigEndian.AppendUint32(nil, uint32(number)), make([]byte, size-4)...))
		if number > 1_000_000 {
			t.Fatal("the kernel takes everything")
		}
	}
	if s := w.Stats(); s.TxFrames+s.TxDrops != uint64(number) || s.Dropped[Out][Full] != 10 {
		t.Errorf("%d frames: %+v", number, s)
	}
	sent := int(w.Stats().TxFrames)
	// Reading makes room; the rest of the frame that was under way follows without
	// another one.
	m := newMachine(t)
	p := NewPort(m.Loop, m)
	defer p.Close()
	p.Plug(w)
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	header, data := make([]byte, 4), make([]byte, size)
	for i := range sent {
		if _, err := io.ReadFull(c, header); err != nil {
			t.Fatalf("frame %d of %d: %v", i, sent, err)
		}
		if _, err := io.ReadFull(c, data); err != nil || binary.BigEndian.Uint32(header) != size || int(binary.BigEndian.Uint32(data)) != i {
			t.Fatalf("frame %d of %d: %x %x: %v", i, sent, header, data[:4], err)
		}
	}
	m.do(func() { p.Send([]byte("again")) })
	if _, err := io.ReadFull(c, data[:9]); err != nil || string(data[4:9]) != "again" {
		t.Errorf("%q, %v", data[:9], err)
	}
}

func TestTrySendStream(t *testing.T) {
	w, dial := server(t)
	c := dial()
	_, _ = c.Write(frameOf("hello"))
	receive(t, w)
	s := w.(*Stream)
	for n := 0; s.TrySend(make([]byte, 30000)); n++ {
		if n > 1_000_000 {
			t.Fatal("the kernel takes everything")
		}
	}
	if got := s.Stats(); got.TxDrops != 0 {
		t.Errorf("%+v", got)
	}
}

// Frames that wait in the wire are taken though its descriptor does not tell.
func TestStreamBurst(t *testing.T) {
	w, dial := server(t)
	m := newMachine(t)
	p := NewPort(m.Loop, m)
	defer p.Close()
	p.Plug(w)
	var all []byte
	const frames = 5000
	for range frames {
		all = append(all, frameOf("frame")...)
	}
	if _, err := dial().Write(all); err != nil {
		t.Fatal(err)
	}
	await(t, "all frames", func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return len(m.got) == frames
	})
}

func TestTCPErrors(t *testing.T) {
	p := freePort(t)
	n := NIO{Type: "tcp_cli", RemoteHost: "127.0.0.1", RemotePort: p}
	if _, err := n.OpenFiles(); err == nil || err.Error() != fmt.Sprintf("tcp_cli:127.0.0.1:%d: nobody listens there", p) {
		t.Errorf("%v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	n = NIO{Type: "tcp_ser", LocalPort: l.Addr().(*net.TCPAddr).Port}
	if _, err := n.OpenFiles(); err == nil || !strings.Contains(err.Error(), "address already in use") || !strings.HasPrefix(err.Error(), n.String()) {
		t.Errorf("%v", err)
	}
}

// FuzzStream reads anything, in pieces of any size. Frames are what the lengths
// say, up to a length that is wrong.
func FuzzStream(f *testing.F) {
	f.Add(append(frameOf("frame"), frameOf("another")...), byte(3))
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 1, 'x', 0, 1, 0, 0}, byte(1))
	f.Fuzz(func(t *testing.T, data []byte, piece byte) {
		if len(data) > 1<<15 {
			return
		}
		var want [][]byte
		wrong := false
		for rest := data; len(rest) >= 4 && !wrong; {
			n := binary.BigEndian.Uint32(rest)
			if wrong = n > MaxFrame; wrong || len(rest) < 4+int(n) {
				break
			}
			if n > 0 {
				want = append(want, rest[4:4+n])
			}
			rest = rest[4+n:]
		}
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		w, err := NewStream(os.NewFile(uintptr(fds[0]), "socket"))
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		open := true
		defer func() {
			if open {
				unix.Close(fds[1])
			}
		}()
		buf := make([]byte, MaxFrame)
		for len(data) > 0 || open {
			n := min(len(data), int(piece)*37+1)
			if n > 0 {
				if _, err := unix.Write(fds[1], data[:n]); err != nil && err != unix.EPIPE {
					t.Fatal(err)
				}
				data = data[n:]
			} else {
				unix.Close(fds[1])
				open = false
			}
			for {
				n, err := w.Receive(buf)
				if err != nil {
					if err == io.EOF == wrong || len(want) > 0 {
						t.Fatalf("%v, %d frames are missing", err, len(want))
					}
					return
				}
				if n == 0 {
					break
				}
				if len(want) == 0 || !bytes.Equal(buf[:n], want[0]) {
					t.Fatalf("got %x, want %x", buf[:n], want)
				}
				want = want[1:]
			}
		}
		t.Fatal("it does not end")
	})
}
