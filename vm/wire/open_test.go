package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openNIO opens a NIO as two processes do, and returns its port, too.
func openNIO(t *testing.T, spec string) (w Wire, port int) {
	t.Helper()
	n, err := ParseNIO(spec)
	if err != nil {
		t.Fatal(err)
	}
	o, err := n.OpenFiles()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Remove(); err != nil {
			t.Error(err)
		}
	})
	if word, _, _ := strings.Cut(o.Kind, ":"); !slices.Contains(Kinds(), word) {
		t.Errorf("%s is of kind %q", spec, o.Kind)
	}
	w, err = FromFiles(o.Kind, o.File, o.Keep)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w, o.LocalPort
}

// vdeSwitch is the control socket of a switch that floods, as Dynamips and VDE's
// clients see it.
type vdeSwitch struct {
	dir string
	l   *net.UnixListener
	mu  sync.Mutex
	// By client.
	control []net.Conn
	data    []*net.UnixConn
}

func newVDESwitch(t *testing.T) *vdeSwitch {
	t.Helper()
	s := &vdeSwitch{dir: t.TempDir()}
	var err error
	if s.l, err = net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(s.dir, "ctl"), Net: "unix"}); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := s.l.Accept()
			if err != nil {
				return
			}
			if err := s.serve(c, &all); err != nil {
				t.Error(err)
			}
		}
	})
	t.Cleanup(func() {
		s.end()
		all.Wait()
	})
	return s
}

func (s *vdeSwitch) end() {
	s.l.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.control {
		s.control[i].Close()
		s.data[i].Close()
	}
}

func (s *vdeSwitch) serve(c net.Conn, all *sync.WaitGroup) error {
	request := make([]byte, 4+4+4+2+108)
	if _, err := io.ReadFull(c, request); err != nil {
		return err
	}
	u32 := binary.NativeEndian.Uint32
	if u32(request) != 0xfeedface || u32(request[4:]) != 3 || u32(request[8:]) != 0 || binary.NativeEndian.Uint16(request[12:]) != unix.AF_UNIX {
		return fmt.Errorf("request %x", request)
	}
	client, _, _ := bytes.Cut(request[14:], []byte{0})
	s.mu.Lock()
	defer s.mu.Unlock()
	path := filepath.Join(s.dir, fmt.Sprintf("port%d", len(s.data)))
	d, err := net.DialUnix("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"}, &net.UnixAddr{Name: string(client), Net: "unixgram"})
	if err != nil {
		return err
	}
	if err := d.SetWriteBuffer(1 << 20); err != nil {
		return err
	}
	answer := binary.NativeEndian.AppendUint16(nil, unix.AF_UNIX)
	answer = append(answer, path...)
	if _, err := c.Write(append(answer, make([]byte, 110-len(answer))...)); err != nil {
		return err
	}
	s.control, s.data = append(s.control, c), append(s.data, d)
	all.Go(func() {
		buf := make([]byte, MaxFrame)
		for {
			n, err := d.Read(buf)
			if err != nil {
				return
			}
			s.mu.Lock()
			for _, other := range s.data {
				if other != d {
					_, _ = other.Write(buf[:n]) // a client that left
				}
			}
			s.mu.Unlock()
		}
	})
	return nil
}

func TestVDESwitchEnds(t *testing.T) {
	s := newVDESwitch(t)
	w, _ := openNIO(t, fmt.Sprintf("vde:%s:%s", s.dir, filepath.Join(t.TempDir(), "a")))
	if n, err := w.Receive(make([]byte, MaxFrame)); n != 0 || err != nil {
		t.Errorf("Receive with nothing there: %d bytes, %v", n, err)
	}
	s.end()
	if _, err := receiveOrFail(w); err != io.EOF {
		t.Errorf("the end of the switch: %v", err)
	}
	w.Send([]byte("frame"))
	if got := w.Stats(); got.TxDrops != 1 {
		t.Errorf("%+v", got)
	}
}

func TestVDEErrors(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "ctl"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	local := filepath.Join(t.TempDir(), "a")
	for _, c := range []struct{ answer, want string }{
		{"", "the switch gives no port"},
		{strings.Repeat("\x00", 110), "address of family 0"},
		{"\x01\x00/nowhere" + strings.Repeat("\x00", 100), "no such file"},
	} {
		go func() {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.ReadFull(conn, make([]byte, 122)) // what is wrong with the request, another test tells
			_, _ = io.WriteString(conn, c.answer)
			conn.Close()
		}()
		n := NIO{Type: "vde", Remote: l.Addr().String(), Local: local}
		if _, err := n.OpenFiles(); err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), n.String()) {
			t.Errorf("answer %q: %v, want …%s…", c.answer, err, c.want)
		}
		if _, err := os.Lstat(local); err == nil {
			t.Error("the socket is left")
		}
	}
}

func TestFromFilesRefuses(t *testing.T) {
	file := func() *os.File {
		f, err := os.Open("/dev/null")
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	dgram, other := pair(t, unix.SOCK_DGRAM)
	defer other.Close()
	for _, c := range []struct {
		kind       string
		file, keep *os.File
		want       string
	}{
		{"", nil, nil, "its descriptor is missing"},
		{"bogus", file(), file(), "unknown; wanted: tap, pipe"},
		{"tap", nil, nil, "its descriptor is missing"},
		{"vde", file(), nil, "control connection is missing"},
		{"packet", file(), nil, "packet: "},
		{"packet", dgram, nil, "not a packet socket"},
		{"tcp", file(), nil, "tcp: "},
		{"unix:" + strings.Repeat("x", 200), file(), nil, "1 to 107 bytes"},
	} {
		w, err := FromFiles(c.kind, c.file, c.keep)
		if err == nil || w != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, %v; want …%s…", c.kind, w, err, c.want)
		}
		for _, f := range []*os.File{c.file, c.keep} {
			if f != nil && f.Close() == nil {
				t.Errorf("%q: a descriptor is left open", c.kind)
			}
		}
	}
	if w, err := FromFiles("null", nil, nil); err != nil || w.Descriptor() != -1 {
		t.Errorf("null: %v", err)
	}
}

func TestUDPAutoPorts(t *testing.T) {
	first := freePort(t)
	n := NIO{Type: "udp_auto", LocalHost: "127.0.0.1", PortStart: first, PortEnd: first}
	o, err := n.OpenFiles()
	if err != nil || o.LocalPort != first {
		t.Fatalf("%d, %v", o.LocalPort, err)
	}
	defer o.Close()
	if _, err := n.OpenFiles(); err == nil || !strings.Contains(err.Error(), "no port of the range is free") {
		t.Errorf("the port is taken: %v", err)
	}
	// Frames are dropped until it is told, or hears, of the other end.
	other := must(NewUDP(freePort(t), "127.0.0.1", first))(t)
	w := must(FromFiles(o.Kind, o.File, nil))(t)
	w.Send([]byte("to nobody"))
	if s := w.Stats(); s.TxDrops != 1 {
		t.Errorf("%+v", s)
	}
	other.Send([]byte("here"))
	if got := receive(t, w); got != "here" {
		t.Errorf("%q", got)
	}
	w.Send([]byte("there"))
	if got := receive(t, other); got != "there" {
		t.Errorf("%q", got)
	}
}

func TestConnectUDPLater(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		o, err := NIO{Type: "udp_auto", LocalHost: host, PortStart: 20000, PortEnd: 40000}.OpenFiles()
		if err != nil {
			t.Fatal(err)
		}
		shared, err := unix.Dup(int(o.File.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		f := os.NewFile(uintptr(shared), "shared")
		defer f.Close()
		w := must(FromFiles(o.Kind, o.File, nil))(t)
		p := freePort(t)
		other, stranger := must(NewUDP(p, host, o.LocalPort))(t), must(NewUDP(freePort(t), host, o.LocalPort))(t)
		if err := ConnectUDP(f, host, p); err != nil {
			t.Fatal(err)
		}
		stranger.Send([]byte("from somebody"))
		w.Send([]byte("first"))
		if got := receive(t, other); got != "first" {
			t.Errorf("%q", got)
		}
		other.Send([]byte("second"))
		if got := receive(t, w); got != "second" {
			t.Errorf("%q", got)
		}
	}
}

// A process that may not use the path of the other end sends over the
// connection.
func TestUnixFollow(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIP: to lose a permission needs root")
	}
	defer func(d time.Duration) { reachInterval = d }(reachInterval)
	reachInterval = time.Millisecond
	dir := t.TempDir()
	n := NIO{Type: "unix", Local: filepath.Join(dir, "a"), Remote: filepath.Join(dir, "b")}
	o, err := n.OpenFiles()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Follow(o); err != nil {
		t.Fatal(err)
	}
	w := must(FromFiles(o.Kind, o.File, nil))(t).(*Datagram)
	named := w.write
	w.write = func(fd int, p []byte) (n int, err error) {
		return asNobody(func() (int, error) { return named(fd, p) })
	}
	w.Send([]byte("nobody is there"))
	if s := w.Stats(); s.TxDrops != 1 {
		t.Errorf("%+v", s)
	}
	for range 3 {
		b := must(NewUnix(n.Remote, n.Local))(t)
		if err := os.Chmod(n.Remote, 0o700); err != nil {
			t.Fatal(err)
		}
		frames := w.Stats().TxFrames
		await(t, "the frame is sent", func() bool {
			w.Send([]byte("frame"))
			return w.Stats().TxFrames > frames
		})
		if got := receive(t, b); got != "frame" {
			t.Errorf("%q", got)
		}
		b.Send([]byte("back"))
		if got := receive(t, w); got != "back" {
			t.Errorf("%q", got)
		}
		b.Close()
	}
	// With its path, the interest ends: nobody holds the socket any more.
	if err := n.Remove(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	await(t, "the socket ends", func() bool {
		b, err := NIO{Type: "unix", Local: n.Local, Remote: n.Remote}.OpenFiles()
		if err != nil {
			return false
		}
		b.Close()
		return true
	})
}

// asNobody calls fn on a thread without privilege, which then ends.
func asNobody(fn func() (int, error)) (int, error) {
	type result struct {
		n   int
		err error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread()
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, 65534, 65534, 65534); errno != 0 {
			done <- result{0, errno}
			return
		}
		n, err := fn()
		done <- result{n, err}
	}()
	r := <-done
	return r.n, r.err
}

func TestUnixLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s := newVDESwitch(t)
	for _, n := range []NIO{{Type: "unix", Local: filepath.Join(dir, "a"), Remote: filepath.Join(dir, "b")}, {Type: "vde", Remote: s.dir, Local: filepath.Join(dir, "a")}} {
		w, err := n.Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat(n.Local); err != nil {
			t.Error(err)
		}
		w.Close()
		if _, err := os.Lstat(n.Local); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s after Close: %v", n, err)
		}
	}
}

func TestFIFOs(t *testing.T) {
	a, _ := openNIO(t, "fifo:x")
	other, _ := openNIO(t, "fifo:y")
	b, _ := openNIO(t, "fifo:x")
	a.Send([]byte("frame"))
	if got := receive(t, b); got != "frame" {
		t.Errorf("%q", got)
	}
	if n, err := other.Receive(make([]byte, MaxFrame)); n != 0 || err != nil {
		t.Errorf("another pair: %d bytes, %v", n, err)
	}
	other.Close()
	// A pair whose first end is gone is not joined with.
	c, _ := openNIO(t, "fifo:y")
	d, _ := openNIO(t, "fifo:y")
	c.Send([]byte("frame"))
	if got := receive(t, d); got != "frame" {
		t.Errorf("%q", got)
	}
}
