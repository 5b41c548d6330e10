package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func pair(t *testing.T, kind int) (a, b *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fds[0]), "a"), os.NewFile(uintptr(fds[1]), "b")
}

func pipes(t *testing.T) (a, b *Pipe) {
	t.Helper()
	fa, fb := pair(t, unix.SOCK_SEQPACKET)
	return must(NewPipe(fa))(t), must(NewPipe(fb))(t)
}

func must[W Wire](w W, err error) func(t *testing.T) W {
	return func(t *testing.T) W {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { w.Close() })
		return w
	}
}

// freePort returns a UDP port that nobody uses now.
func freePort(t *testing.T) int {
	t.Helper()
	c, err := net.ListenUDP("udp", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).Port
}

// receive waits for a frame.
func receive(t *testing.T, w Wire) string {
	t.Helper()
	frame, err := receiveOrFail(w)
	if err != nil {
		t.Fatalf("Receive: %v", err)
	}
	return string(frame)
}

func receiveOrFail(w Wire) ([]byte, error) {
	buf := make([]byte, MaxFrame)
	for {
		if n, err := w.Receive(buf); n > 0 || err != nil {
			return buf[:n], err
		}
		fds := []unix.PollFd{{Fd: int32(w.Descriptor()), Events: unix.POLLIN}}
		if n, err := unix.Poll(fds, 5000); err != nil && err != unix.EINTR {
			return nil, err
		} else if n == 0 {
			return nil, errors.New("no frame in 5 s")
		}
	}
}

// Each kind carries frames of all sizes, unchanged, both ways, counts them, and
// neither brings nor takes any once it was closed.
func TestWires(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(t *testing.T) (a, b Wire)
		max  int
	}{
		{"pipe", func(t *testing.T) (Wire, Wire) { a, b := pipes(t); return a, b }, MaxFrame},
		{"socket pair", func(t *testing.T) (Wire, Wire) {
			a, b := pair(t, unix.SOCK_DGRAM)
			return must(NewDatagram(a))(t), must(NewDatagram(b))(t)
		}, MaxFrame},
		{"udp", func(t *testing.T) (Wire, Wire) {
			p, q := freePort(t), freePort(t)
			return must(NewUDP(p, "127.0.0.1", q))(t), must(NewUDP(q, "localhost", p))(t)
		}, MaxFrame},
		{"udp over IPv6", func(t *testing.T) (Wire, Wire) {
			if c, err := net.ListenPacket("udp", "[::1]:0"); err != nil {
				t.Skipf("SKIP: no IPv6 here: %v", err)
			} else {
				c.Close()
			}
			p, q := freePort(t), freePort(t)
			return must(NewUDP(p, "::1", q))(t), must(NewUDP(q, "::1", p))(t)
		}, MaxFrame},
		{"unix", func(t *testing.T) (Wire, Wire) {
			dir := t.TempDir()
			p, q := filepath.Join(dir, "a"), filepath.Join(dir, "b")
			return must(NewUnix(p, q))(t), must(NewUnix(q, p))(t)
		}, MaxFrame},
		{"udp_auto", func(t *testing.T) (Wire, Wire) {
			a, p := openNIO(t, "udp_auto:127.0.0.1:20000:40000")
			b, _ := openNIO(t, fmt.Sprintf("udp_auto:127.0.0.1:20000:40000:127.0.0.1:%d", p))
			return b, a
		}, MaxFrame},
		{"tcp", func(t *testing.T) (Wire, Wire) {
			p := freePort(t)
			b, _ := openNIO(t, fmt.Sprintf("tcp_ser:%d", p))
			a, _ := openNIO(t, fmt.Sprintf("tcp_cli:127.0.0.1:%d", p))
			return a, b
		}, MaxFrame},
		{"fifo", func(t *testing.T) (Wire, Wire) {
			a, _ := openNIO(t, "fifo:test")
			b, _ := openNIO(t, "fifo:test")
			return a, b
		}, MaxFrame},
		{"vde", func(t *testing.T) (Wire, Wire) {
			s := newVDESwitch(t)
			a, _ := openNIO(t, fmt.Sprintf("vde:%s:%s", s.dir, filepath.Join(t.TempDir(), "a")))
			b, _ := openNIO(t, fmt.Sprintf("vde:%s/ctl:%s", s.dir, filepath.Join(t.TempDir(), "b")))
			return a, b
		}, MaxFrame},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := c.make(t)
			var frames, bytes uint64
			for _, n := range []int{1, 60, 1514, 9216, c.max} {
				frame := strings.Repeat(fmt.Sprint(n%10), n)
				a.Send([]byte(frame))
				if got := receive(t, b); got != frame {
					t.Errorf("%d bytes became %d", n, len(got))
				}
				b.Send([]byte(frame))
				if got := receive(t, a); got != frame {
					t.Errorf("%d bytes became %d on the way back", n, len(got))
				}
				frames, bytes = frames+1, bytes+uint64(n)
			}
			a.Send(nil)
			a.Send(make([]byte, MaxFrame+1))
			want := Stats{RxFrames: frames, RxBytes: bytes, TxFrames: frames, TxBytes: bytes}
			want.drop(Out, Giant, 2)
			if got := a.Stats(); got != want {
				t.Errorf("counted %+v, want %+v", got, want)
			}
			buf := make([]byte, MaxFrame)
			if n, err := a.Receive(buf); n != 0 || err != nil {
				t.Errorf("Receive with nothing there: %d bytes, %v", n, err)
			}
			a.Close()
			if _, err := a.Receive(buf); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Receive after Close: %v", err)
			}
			a.Send([]byte("after the end"))
			if d := a.Stats().TxDrops; d != 3 {
				t.Errorf("%d drops", d)
			}
			if err := a.Close(); err != nil {
				t.Errorf("closing twice: %v", err)
			}
		})
	}
}

// A wire whose other side does not read drops, and never waits.
func TestSendNeverWaits(t *testing.T) {
	a, _ := pipes(t)
	u := must(NewUnix(filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "none")))(t)
	for _, w := range []Wire{a, u} {
		for range 20000 {
			w.Send(make([]byte, 1500))
		}
		if s := w.Stats(); s.TxDrops == 0 || s.TxDrops+s.TxFrames != 20000 {
			t.Errorf("%T: %+v", w, s)
		}
	}
}

// Another process shares the open socket, and may make it blocking.
func TestSharedDescriptorMadeBlocking(t *testing.T) {
	fa, fb := pair(t, unix.SOCK_SEQPACKET)
	defer fb.Close()
	other, err := unix.Dup(int(fa.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(other)
	a := must(NewPipe(fa))(t)
	if err := unix.SetNonblock(other, false); err != nil {
		t.Fatal(err)
	}
	for range 5000 {
		a.Send(make([]byte, 1500))
	}
	if n, err := a.Receive(make([]byte, MaxFrame)); n != 0 || err != nil {
		t.Errorf("Receive with nothing there: %d bytes, %v", n, err)
	}
}

func TestPipePeerGone(t *testing.T) {
	a, b := pipes(t)
	b.Send([]byte("last"))
	a.Send([]byte("never read"))
	b.Close()
	if got := receive(t, a); got != "last" {
		t.Errorf("got %q", got)
	}
	for range 2 {
		if _, err := receiveOrFail(a); err != io.EOF {
			t.Errorf("Receive: %v", err)
		}
	}
	a.Send([]byte("nobody there"))
	if s := a.Stats(); s.TxDrops != 1 {
		t.Errorf("%+v", s)
	}
}

// A descriptor that is in use stays open until it no longer is.
func TestCloseWhileInUse(t *testing.T) {
	a, b := pipes(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 1000 {
				a.Send([]byte("x"))
				_, _ = b.Receive(make([]byte, MaxFrame))
			}
		})
	}
	err := a.control(func(fd int) error {
		a.Close()
		_, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
		return err
	})
	if err != nil {
		t.Errorf("closed under a user: %v", err)
	}
	all.Wait()
	if _, err := unix.GetsockoptInt(a.fd, unix.SOL_SOCKET, unix.SO_TYPE); err == nil {
		t.Error("not closed")
	}
}

// An empty packet is not the end of a pipe.
func TestPipeEmptyPacket(t *testing.T) {
	fa, fb := pair(t, unix.SOCK_SEQPACKET)
	a := must(NewPipe(fa))(t)
	defer fb.Close()
	for _, p := range []string{"", "frame"} {
		if err := unix.Send(int(fb.Fd()), []byte(p), 0); err != nil {
			t.Fatal(err)
		}
	}
	if got := receive(t, a); got != "frame" {
		t.Errorf("got %q", got)
	}
}

// A peer that is not there, and comes, goes and comes back.
func TestUDPPeerComesAndGoes(t *testing.T) {
	p, q := freePort(t), freePort(t)
	a := must(NewUDP(p, "127.0.0.1", q))(t)
	for range 3 {
		a.Send([]byte("to nobody")) // answered by ECONNREFUSED
		time.Sleep(time.Millisecond)
		b, err := NewUDP(q, "127.0.0.1", p)
		if err != nil {
			t.Fatal(err)
		}
		a.Send([]byte("hello"))
		if s := receive(t, b); s != "hello" {
			t.Errorf("got %q", s)
		}
		b.Send([]byte("back"))
		if s := receive(t, a); s != "back" {
			t.Errorf("got %q", s)
		}
		b.Close()
	}
	if n, err := a.Receive(make([]byte, MaxFrame)); n != 0 || err != nil {
		t.Errorf("a frame from nowhere: %d bytes, %v", n, err)
	}
}

// Others' datagrams are not frames of this wire.
func TestUDPOnlyFromPeer(t *testing.T) {
	p, q := freePort(t), freePort(t)
	a := must(NewUDP(p, "127.0.0.1", q))(t)
	stranger, err := net.DialUDP("udp", nil, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: p})
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	stranger.Write([]byte("forged"))
	b := must(NewUDP(q, "127.0.0.1", p))(t)
	b.Send([]byte("true"))
	if got := receive(t, a); got != "true" {
		t.Errorf("got %q", got)
	}
}

func TestUnixSocketFiles(t *testing.T) {
	dir := t.TempDir()
	local, remote := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := NewUnix(local, remote)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ local, remote, want string }{
		{local, remote, local + " exists"},
		{filepath.Join(dir, "file"), remote, "file exists"},
		{filepath.Join(dir, "none", "a"), remote, "no such file"},
		{strings.Repeat("x", 108), remote, "1 to 107 bytes, this one has 108"},
		{filepath.Join(dir, "c"), "", "this one has 0"},
	} {
		if _, err := NewUnix(c.local, c.remote); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want …%s…", c.local, err, c.want)
		}
	}
	w.Close()
	if _, err := os.Lstat(local); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
	// A program that was killed leaves its socket; the next one takes its place.
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: local}); err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
	must(NewUnix(local, remote))(t)
}

func TestNull(t *testing.T) {
	w := NewNull()
	w.Send([]byte("gone"))
	if s := w.Stats(); s != (Stats{TxFrames: 1, TxBytes: 4}) {
		t.Errorf("%+v", s)
	}
	if n, err := w.Receive(nil); n != 0 || err != nil || w.Descriptor() != -1 {
		t.Errorf("%d bytes, %v, descriptor %d", n, err, w.Descriptor())
	}
	w.Close()
	w.Close()
	if _, err := w.Receive(nil); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

func TestNotATAP(t *testing.T) {
	f, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewTAP(f); err == nil || !strings.Contains(err.Error(), "not a TAP") {
		t.Errorf("got %v", err)
	}
	if _, err := OpenTAP(string(bytes.Repeat([]byte("x"), 16))); err == nil || !strings.Contains(err.Error(), "1 to 15 bytes") {
		t.Errorf("got %v", err)
	}
}
