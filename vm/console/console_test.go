package console

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// What vm.Line asks for.
var _ interface {
	io.ByteWriter
	Get() (b byte, ok bool)
	Waiting() bool
	Notify(fn func())
} = (*Console)(nil)

func typed(c *Console) string {
	var s []byte
	for {
		b, ok := c.Get()
		if !ok {
			return string(s)
		}
		s = append(s, b)
	}
}

func queued(c *Console) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count
}

// await polls for what happens on another goroutine.
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

func TestOutputAndReplay(t *testing.T) {
	c := New()
	late := c.Subscribe(false)
	io.WriteString(c, "hello")
	early := c.Subscribe(true)
	now := c.Subscribe(false)
	io.WriteString(c, " world")
	for _, s := range []struct {
		name string
		sub  *Subscription
		want string
	}{{"from the start", late, "hello world"}, {"with replay", early, "hello world"}, {"without replay", now, " world"}} {
		buf := make([]byte, 100)
		if n, err := s.sub.Read(buf); err != nil || string(buf[:n]) != s.want {
			t.Errorf("%s: %q, %v; want %q", s.name, buf[:n], err, s.want)
		}
	}
	if got := string(c.Snapshot()); got != "hello world" {
		t.Errorf("snapshot %q", got)
	}
}

func TestSlowReaderSkips(t *testing.T) {
	c := New()
	sub := c.Subscribe(true)
	text := strings.Repeat("0123456789", RingSize/4)
	io.WriteString(c, text)
	got := make([]byte, len(text))
	n, err := sub.Read(got)
	if err != nil || string(got[:n]) != text[len(text)-RingSize:] {
		t.Errorf("read %d bytes, %v; want the last %d", n, err, RingSize)
	}
	if want := uint64(len(text) - RingSize); sub.Skipped() != want || c.Stats().Skipped != want {
		t.Errorf("skipped %d, %d in all; want %d", sub.Skipped(), c.Stats().Skipped, want)
	}
	if !bytes.Equal(c.Snapshot(), []byte(text[len(text)-RingSize:])) {
		t.Error("snapshot is not the last bytes")
	}
}

func TestReadEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	for _, x := range []struct {
		name string
		end  func(c *Console, s *Subscription)
		want error
	}{
		{"subscription closed", func(c *Console, s *Subscription) { s.Close() }, io.EOF},
		{"console closed", func(c *Console, s *Subscription) { c.Close() }, io.EOF},
		{"cancelled", func(c *Console, s *Subscription) { cancel() }, context.Canceled},
	} {
		c := New()
		s := c.Subscribe(false)
		got := make(chan error)
		go func() { _, err := s.ReadContext(ctx, make([]byte, 1)); got <- err }()
		await(t, "the reader waits", func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.readers == 1 })
		x.end(c, s)
		if err := <-got; !errors.Is(err, x.want) {
			t.Errorf("%s: %v, want %v", x.name, err, x.want)
		}
	}
}

func TestReadAfterCloseDrains(t *testing.T) {
	c := New()
	s := c.Subscribe(false)
	io.WriteString(c, "last words")
	c.Close()
	if got, err := io.ReadAll(s); string(got) != "last words" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// Typing more than the queue holds waits and loses nothing.
func TestBackPressure(t *testing.T) {
	c := New()
	var calls sync.WaitGroup
	calls.Add(1)
	var once sync.Once
	c.Notify(func() { once.Do(calls.Done) })
	text := strings.Repeat("interface Loopback0\r", 2000)
	done := make(chan error)
	go func() {
		n, err := c.Type(context.Background(), []byte(text))
		if n != len(text) {
			t.Errorf("typed %d of %d", n, len(text))
		}
		done <- err
	}()
	calls.Wait()
	var got strings.Builder
	for got.Len() < len(text) {
		if b, ok := c.Get(); ok {
			got.WriteByte(b)
		} else {
			time.Sleep(10 * time.Microsecond)
		}
	}
	if err := <-done; err != nil || got.String() != text {
		t.Errorf("%v; the text differs: %v", err, got.String() != text)
	}
	if c.Waiting() {
		t.Error("still waiting")
	}
}

func TestTypeEnds(t *testing.T) {
	for _, x := range []struct {
		name string
		end  func(c *Console, cancel func())
		want error
	}{
		{"cancelled", func(c *Console, cancel func()) { cancel() }, context.Canceled},
		{"closed", func(c *Console, cancel func()) { c.Close() }, io.ErrClosedPipe},
		{"flushed", func(c *Console, cancel func()) { c.FlushInput() }, nil},
	} {
		c := New()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		if n := c.TryType(make([]byte, inputSize+1)); n != inputSize {
			t.Errorf("queued %d bytes", n)
		}
		got := make(chan error)
		go func() { _, err := c.Type(ctx, []byte("x")); got <- err }()
		await(t, "the typist waits", func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.writers == 1 })
		x.end(c, cancel)
		if err := <-got; !errors.Is(err, x.want) {
			t.Errorf("%s: %v, want %v", x.name, err, x.want)
		}
	}
}

func TestNotifyOfWhatWasTypedBefore(t *testing.T) {
	c := New()
	c.TryType([]byte("x"))
	called := false
	c.Notify(func() { called = true })
	if !called {
		t.Error("not told of the byte that waits")
	}
}

func TestKeys(t *testing.T) {
	for _, x := range []struct{ name, in, want string }{
		{"telnet's Enter", "a\r\x00b", "a\rb"},
		{"a terminal's Enter", "a\rb\r\rc", "a\rb\r\rc"},
		{"nc's Enter", "a\nb\n\n", "a\rb\r\r"},
		{"Windows' Enter", "a\r\nb\r\n\r\n", "a\rb\r\r"},
		{"NUL", "\x00a\x00", "a"},
		{"arrows", "\x1b[A\x1b[B\x1b[C\x1b[D", "\x10\x0e\x06\x02"},
		{"other sequences", "\x1b[3~\x1bb\x1b\x1b[A\x1bOP", "\x1b[3~\x1bb\x1b\x10\x1bOP"},
		{"sequence cut by Enter", "\x1b\r\n\x1b[\r\x00", "\x1b\r\x1b[\r"},
		{"high bytes", "\xff\xb3é", "\xff\xb3é"},
	} {
		var k Keys
		if got := string(k.Append(nil, []byte(x.in))); got != x.want {
			t.Errorf("%s: %q, want %q", x.name, got, x.want)
		}
		// In single bytes, as a person types.
		var one Keys
		var got []byte
		for i := range len(x.in) {
			got = one.Append(got, []byte(x.in[i:i+1]))
		}
		if string(got) != x.want {
			t.Errorf("%s, byte by byte: %q, want %q", x.name, got, x.want)
		}
	}
}

func TestTelnetParser(t *testing.T) {
	for _, x := range []struct{ name, in, data, reply, ttype string }{
		{"plain", "show\r\n", "show\r\n", "", ""},
		{"doubled IAC", "a\xff\xffb", "a\xffb", "", ""},
		{"options without answer", "\xff\xfd\x01\xff\xfd\x03\xff\xfb\x1f\xff\xfc\x22\xff\xfe\x05x", "x", "", ""},
		{"terminal type offered", "\xff\xfb\x18", "", "\xff\xfa\x18\x01\xff\xf0", ""},
		{"terminal type refused", "\xff\xfc\x18", "", "", ""},
		{"terminal type", "\xff\xfa\x18\x00xterm\xff\xf0y", "y", "", "xterm"},
		{"doubled IAC in a suboption", "\xff\xfa\x18\x00x\xff\xffy\xff\xf0", "", "", "x\xffy"},
		{"window size is not a terminal type", "\xff\xfa\x1f\x00\x50\x00\x18\xff\xf0z", "z", "", ""},
		{"overlong suboption", "\xff\xfa\x18\x00" + strings.Repeat("v", 200) + "\xff\xf0", "", "", strings.Repeat("v", maxSub-2)},
		{"break, are you there, no operation", "\xff\xf3\xff\xf6\xff\xf1k", "k", "", ""},
	} {
		for _, step := range []int{len(x.in), 1, 2} {
			var reply, ttype string
			p := &telnetParser{reply: func(b []byte) { reply += string(b) }, ttype: func(s string) { ttype = s }}
			var got []byte
			for i := 0; i < len(x.in); i += step {
				got = p.appendData(got, []byte(x.in[i:min(i+step, len(x.in))]))
			}
			if string(got) != x.data || reply != x.reply || ttype != x.ttype {
				t.Errorf("%s by %d: data %q, reply %q, type %q", x.name, step, got, reply, ttype)
			}
		}
	}
}

func FuzzTelnet(f *testing.F) {
	f.Add([]byte("show\r\n\xff\xfa\x18\x00xterm\xff\xf0\xff\xff\xff\xfb\x18"), 3)
	f.Fuzz(func(t *testing.T, in []byte, cut int) {
		parse := func(chunks ...[]byte) (data []byte, events string) {
			p := &telnetParser{reply: func(b []byte) { events += string(b) }, ttype: func(s string) { events += s }}
			for _, c := range chunks {
				data = p.appendData(data, c)
				if len(p.sub) > maxSub {
					t.Fatal("suboption too long")
				}
			}
			return
		}
		a, ae := parse(in)
		k := 0
		if len(in) > 0 {
			k = int(uint(cut) % uint(len(in)))
		}
		if b, be := parse(in[:k], in[k:]); !bytes.Equal(a, b) || ae != be {
			t.Errorf("cut at %d: %q/%q, whole %q/%q", k, b, be, a, ae)
		}
		// What was doubled comes back as it was.
		if back, _ := parse(appendTelnet(nil, in)); !bytes.Equal(back, in) {
			t.Errorf("%q came back as %q", in, back)
		}
		var k1, k2 Keys
		if x, y := k1.Append(nil, a), k2.Append(k2.Append(nil, a[:len(a)/2]), a[len(a)/2:]); !bytes.Equal(x, y) {
			t.Errorf("keys: %q and %q", x, y)
		}
	})
}

// client is a TCP client that collects what it gets.
type client struct {
	net.Conn
	mu  sync.Mutex
	got []byte
	end chan struct{}
}

func dial(t *testing.T, addr string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	cl := &client{Conn: conn, end: make(chan struct{})}
	go func() {
		defer close(cl.end)
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			cl.mu.Lock()
			cl.got = append(cl.got, buf[:n]...)
			cl.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return cl
}

func (cl *client) text() string {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return string(cl.got)
}

func serve(t *testing.T, c *Console, info Info) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- c.ServeTelnet(l, info) }()
	t.Cleanup(func() {
		c.Close()
		if err := <-done; err != nil {
			t.Errorf("ServeTelnet: %v", err)
		}
	})
	return l.Addr().String()
}

const options = "\xff\xfd\x18\xff\xfb\x01\xff\xfb\x03\xff\xfe\x22"

func TestTelnetServer(t *testing.T) {
	banner := "Connected to Dynamips VM \"R1\" (ID 3, type c7200) - Console port\r\nPress ENTER to get the prompt.\r\n"
	info := Info{Name: "R1", ID: 3, Type: "c7200", Port: "Console"}
	stopped, quiet, aux := info, info, info
	stopped.Status = func() (int, bool) { return 0, false }
	quiet.Quiet = true
	aux.Port = "AUX"
	for _, x := range []struct {
		name string
		info Info
		want string
	}{
		{"greeting and replay", info, options + banner + "R1>\xff\xff"},
		{"stopped router", stopped, options + banner + "R1>\xff\xff" +
			"\r\n!!! WARNING - VM is not running, will be unresponsive (status=0) !!!\r\n"},
		{"quiet", quiet, options},
		{"AUX", aux, options + strings.Replace(banner, "Console port", "AUX port", 1) + "R1>\xff\xff"},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := New()
			io.WriteString(c, "R1>\xff")
			cl := dial(t, serve(t, c, x.info))
			await(t, "greeting", func() bool { return len(cl.text()) >= len(x.want) })
			await(t, "client counted", func() bool { return c.Stats().Clients == 1 })
			io.WriteString(c, "more\xff")
			await(t, "output", func() bool { return strings.HasSuffix(cl.text(), "more\xff\xff") })
			if got := cl.text(); got != x.want+"more\xff\xff" {
				t.Errorf("got  %q\nwant %q", got, x.want+"more\xff\xff")
			}
			cl.Write([]byte("en\r\x00\xff\xfb\x18\xff\xfa\x18\x00XTERM\xff\xf0sh\r\n"))
			await(t, "keys", func() bool { return queued(c) == 6 })
			if got := typed(c); got != "en\rsh\r" {
				t.Errorf("typed %q", got)
			}
			await(t, "terminal type asked, title set", func() bool {
				return strings.HasSuffix(cl.text(), "\xff\xfa\x18\x01\xff\xf0\x1b]0;R1\a")
			})
			cl.Close()
			await(t, "client gone", func() bool { return c.Stats().Clients == 0 })
		})
	}
}

func TestManyClientsOneStalled(t *testing.T) {
	c := New()
	addr := serve(t, c, Info{Name: "R1"})
	stalled, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer stalled.Close()
	stalled.(*net.TCPConn).SetReadBuffer(4096)
	good := []*client{dial(t, addr), dial(t, addr)}
	await(t, "three clients", func() bool { return c.Stats().Clients == 3 })
	line := strings.Repeat("x", 62) + "\r\n"
	for i := range 16 { // 1 MiB, more than the socket of the stalled client takes
		for range 1024 {
			io.WriteString(c, line)
		}
		// The others keep up, so they are shown everything.
		for _, cl := range good {
			await(t, "a good client", func() bool {
				cl.mu.Lock()
				defer cl.mu.Unlock()
				return len(cl.got) >= (i+1)*1024*len(line)
			})
		}
	}
	stalled.Write([]byte("still typing\r"))
	await(t, "keys of the stalled client", func() bool { return c.Waiting() })
	if got := c.Stats().Skipped; got == 0 {
		t.Error("the stalled client lost nothing: it was not stalled, or the router waited for it")
	}
	c.Close()
	for _, cl := range good {
		<-cl.end
	}
	await(t, "clients end", func() bool { return c.Stats().Clients == 0 })
}

func TestTooManyClients(t *testing.T) {
	c := New()
	addr := serve(t, c, Info{Name: "R1"})
	for range maxClients {
		dial(t, addr)
	}
	await(t, "all in", func() bool { return c.Stats().Clients == maxClients })
	cl := dial(t, addr)
	<-cl.end
	if got := cl.text(); got != "The console of R1 has 64 clients already.\r\n" {
		t.Errorf("refused with %q", got)
	}
}

func TestRawTCP(t *testing.T) {
	c := New()
	io.WriteString(c, "R1>\xff")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go c.ServeTCP(l)
	defer c.Close()
	cl := dial(t, l.Addr().String())
	await(t, "replay as it is", func() bool { return cl.text() == "R1>\xff" })
	cl.Write([]byte("en\n"))
	await(t, "keys", func() bool { return c.Waiting() })
	if got := typed(c); got != "en\r" {
		t.Errorf("typed %q", got)
	}
}

func TestAttach(t *testing.T) {
	c := New()
	io.WriteString(c, "old ")
	r, w := io.Pipe()
	var out bytes.Buffer
	done := make(chan error)
	go func() { done <- c.Attach(context.Background(), r, &out, true) }()
	io.WriteString(w, "show\n")
	w.Close() // the end of typing is not the end of reading
	await(t, "keys", func() bool { return c.Waiting() })
	io.WriteString(c, "new")
	c.Close()
	if err := <-done; err != nil || out.String() != "old new" {
		t.Errorf("%v, printed %q", err, out.String())
	}
	if got := typed(c); got != "show\r" {
		t.Errorf("typed %q", got)
	}
}

// Many goroutines on all methods, for the race detector.
func TestConcurrency(t *testing.T) {
	c := New()
	var users sync.WaitGroup
	for range 4 {
		users.Add(2)
		go func() {
			defer users.Done()
			io.Copy(io.Discard, c.Subscribe(true))
		}()
		go func() {
			defer users.Done()
			for {
				if _, err := c.Type(context.Background(), []byte("some text")); err != nil {
					return
				}
			}
		}()
	}
	c.Notify(func() {})
	for range 20000 {
		if b, ok := c.Get(); ok {
			c.WriteByte(b)
		}
		c.Snapshot()
	}
	c.Close()
	users.Wait()
}

// leaver is a user who types, and is gone before what the router prints arrives.
type leaver struct {
	keys   string
	failed chan struct{} // closed when sending has failed
	closed chan struct{}
}

func (l *leaver) Close() error {
	select {
	case <-l.closed:
	default:
		close(l.closed)
	}
	return nil
}

func (l *leaver) Read(p []byte) (int, error) {
	<-l.failed
	select {
	case <-l.closed:
		return 0, net.ErrClosed
	case <-time.After(20 * time.Millisecond): // whoever closes has had the time to
	}
	n := copy(p, l.keys)
	l.keys = l.keys[n:]
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// What was typed by a user who left at once counts, also when the router prints
// meanwhile.
func TestLastKeys(t *testing.T) {
	c := New()
	c.Write([]byte("%LINK-3-UPDOWN\r\n"))
	u := &leaver{keys: "show version\r", failed: make(chan struct{}), closed: make(chan struct{})}
	c.pump(u, u, c.Subscribe(true), verbatim, func([]byte) error {
		close(u.failed)
		return io.ErrClosedPipe
	}, verbatim)
	if got := typed(c); got != "show version\r" {
		t.Errorf("the router gets %q", got)
	}
}
