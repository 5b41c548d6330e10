package netd

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"dynemu/emud/node"
	"dynemu/netns"
	"dynemu/vm/wire"
)

// served is a running server.
type served struct {
	t      testing.TB
	sys    *fake
	path   string
	server *Server
	l      *net.UnixListener
	ended  chan struct{}

	mu    sync.Mutex
	conns []*net.UnixConn // accepted
}

// serve runs a server at a path until the test ends or the server is stopped.
func serve(t testing.TB, path string, sys *fake) *served {
	t.Helper()
	s := &served{t: t, sys: sys, path: path, ended: make(chan struct{})}
	os.Remove(path)
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Net: "unixpacket", Name: path})
	must(t, err)
	must(t, os.Chmod(path, 0o666))
	s.l = l
	s.server = &Server{System: sys, Prefix: testPrefix, Mount: testMount, UID: os.Getuid(), Log: slog.New(slog.DiscardHandler)}
	go func() {
		defer close(s.ended)
		for {
			c, err := l.AcceptUnix()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, c)
			s.mu.Unlock()
			go func() {
				defer c.Close()
				s.server.serve(c)
			}()
		}
	}()
	t.Cleanup(s.stop)
	return s
}

// stop ends the server as a kill does: what it would do for connections that end, it
// does no more.
func (s *served) stop() {
	s.server.mu.Lock()
	s.server.holder = nil
	s.server.mu.Unlock()
	s.l.Close()
	<-s.ended
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		c.Close()
	}
	s.conns = nil
}

func dial(t testing.TB, path string) *Client {
	t.Helper()
	c, err := Dial(path, testPrefix, testMount)
	must(t, err)
	return c
}

func (f *fake) check(t testing.TB) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, v := range f.violations {
		t.Errorf("outside of what may be asked: %s", v)
	}
}

// listener is a socket as that of a node.
func listener(t testing.TB) *os.File {
	t.Helper()
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Net: "unixpacket", Name: filepath.Join(t.TempDir(), "s")})
	must(t, err)
	defer l.Close()
	f, err := l.File()
	must(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

// all calls every method of a System once, but for watches and the mount.
func all(t testing.TB, s System) (errs []error) {
	t.Helper()
	a, b := netns.Endpoint{Namespace: "nd-lab-R1", Ifname: "f0-0"}, netns.Endpoint{Namespace: "nd-lab-R2", Ifname: "s1-0~ab"}
	add := func(err error) { errs = append(errs, err) }
	open := func(f *os.File, err error) {
		if err == nil {
			f.Close()
		}
		add(err)
	}
	add(s.EnsureNamespace(a.Namespace))
	add(s.DeleteNamespace("nd-lab-Zürich 1"))
	add(s.EnsureTAP(a.Namespace, a.Ifname, 0))
	open(s.OpenTAP(a.Namespace, a.Ifname, 0))
	add(s.RemoveInterface(a.Namespace, a.Ifname))
	add(s.LinkVeth(a, b, true, false))
	add(s.LinkVeth(a, b, false, true))
	add(s.UnlinkVeth(a, b))
	add(s.EnsureLAN("nd-lab-LAN:1"))
	add(s.AttachLAN("nd-lab-LAN:1", a, true))
	add(s.DetachLAN("nd-lab-LAN:1", a))
	add(s.LinkHost(a, "lab0", "10.0.0.1/24", true))
	add(s.LinkHost(a, "lab0", "", false))
	add(s.UnlinkHost(a, "lab0"))
	open(s.OpenHostTAP("tap7"))
	o, err := s.OpenNIO(wire.NIO{Type: "gen_eth", Interface: "eth0.5"})
	open(o.File, err)
	open(s.OpenCable(a))
	add(s.PlugCable(a, true))
	add(s.RemoveCable(a))
	add(s.EnsureTUN(b.Namespace, b.Ifname, netns.HDLC))
	add(s.EnsureTUN(b.Namespace, b.Ifname, netns.FrameRelay))
	tun, packet, err := s.OpenTUN(b.Namespace, b.Ifname)
	open(tun, err)
	if err == nil {
		packet.Close()
	}
	log, err := os.CreateTemp(t.TempDir(), "log")
	must(t, err)
	defer log.Close()
	l := listener(t)
	add(s.Spawn(node.Spec{Lab: "lab", Device: "R 1"}, l, log))
	add(s.Spawn(node.Spec{Lab: "lab", Device: "S1", Limits: node.Limits{CPU: 50, Memory: 1 << 30}, Switch: &node.SwitchSpec{Type: node.FrameRelaySwitch}}, l, nil))
	add(s.Limit("lab", "R1", node.Limits{CPU: 7}))
	add(s.Kill("lab", "R1", 4711, 12345678901234567890))
	add(s.Kill("lab", "R1", 0, 0))
	addresses, err := s.Addresses()
	if err == nil && len(addresses) < maxAddresses {
		t.Errorf("%d addresses", len(addresses))
	}
	add(err)
	_, err = s.Restarting(os.Getpid())
	add(err)
	return errs
}

// What a client is asked arrives as it is at the server's system, and errors arrive as
// what they are.
func TestClient(t *testing.T) {
	for _, fails := range []error{nil, errFake} {
		direct, far := &fake{err: fails}, &fake{err: fails}
		s := serve(t, filepath.Join(t.TempDir(), "s"), far)
		c := dial(t, s.path)
		for _, err := range all(t, direct) {
			if !errors.Is(err, fails) {
				t.Fatal(err)
			}
		}
		for i, err := range all(t, c) {
			if (err == nil) != (fails == nil) {
				t.Errorf("call %d: %v", i, err)
			}
			if err != nil && (!errors.Is(err, netns.ErrHostDown) || !errors.Is(err, unix.EBUSY) || errors.Is(err, netns.ErrForeign) || err.Error() != fails.Error()) {
				t.Errorf("call %d: %v is not the same as %v", i, err, fails)
			}
		}
		if got, want := far.taken(), direct.taken(); !slices.Equal(got, want) {
			t.Errorf("the server was asked\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		far.check(t)
	}
}

// Calls go on side by side, and no descriptor is left behind.
func TestManyAtOnce(t *testing.T) {
	sys := &fake{}
	s := serve(t, filepath.Join(t.TempDir(), "s"), sys)
	c := dial(t, s.path)
	before := openFiles(t)
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			for range 20 {
				f, err := c.OpenTAP(fmt.Sprintf("nd-lab-R%d", i), "f0-0", 0)
				if err != nil {
					t.Error(err)
					return
				}
				f.Close()
			}
		})
	}
	wg.Wait()
	if got := len(sys.taken()); got != 64*20 {
		t.Errorf("%d calls, want %d", got, 64*20)
	}
	// Each idle connection is one here and one in the server.
	for end := time.Now().Add(5 * time.Second); openFiles(t) > before+2*maxIdle; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d descriptors, %d before", openFiles(t), before)
		}
	}
	sys.check(t)
}

func openFiles(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(entries)
}

func TestDialElsewhere(t *testing.T) {
	s := serve(t, filepath.Join(t.TempDir(), "s"), &fake{})
	if _, err := Dial(s.path, "other", testMount); err == nil || !strings.Contains(err.Error(), "is for prefix nd and mount /nowhere/mount") {
		t.Errorf("another prefix: %v", err)
	}
	c := dial(t, s.path)
	if _, err := c.Mount("/etc"); err == nil || !strings.Contains(err.Error(), "mounts at /nowhere/mount only") {
		t.Errorf("another folder: %v", err)
	}
}

// port completes a request about a port.
const onPort = `"namespace":"nd-l-R1","interface":"f0-0"`

// What is not exactly a request that is known is refused, and nothing is done for it.
func TestRefused(t *testing.T) {
	sys := &fake{}
	server := &Server{System: sys, Prefix: testPrefix, Mount: testMount, Log: slog.New(slog.DiscardHandler)}
	long := strings.Repeat("x", 300)
	for _, tt := range []struct{ request, says string }{
		{``, "EOF"},
		{`{`, "unexpected EOF"},
		{`[]`, "cannot unmarshal"},
		{`{"version":1,"op":"mount"} {"version":1,"op":"unmount"}`, "more than one value"},
		{`{"op":"mount"}`, "version 0"},
		{`{"version":2,"op":"mount"}`, "version 2"},
		{`{"version":1}`, `operation "" is unknown`},
		{`{"version":1,"op":"shell"}`, `operation "shell" is unknown`},
		{`{"version":1,"op":"mount","dir":"/etc"}`, "unknown field"},
		{`{"version":1,"op":"mount","namespace":"nd-a"}`, "more parts than it takes"},
		{`{"version":1,"op":"ensure-namespace"}`, "namespace \"\""},
		{`{"version":1,"op":"ensure-namespace","namespace":"default"}`, "nd-NAME"},
		{`{"version":1,"op":"remove-namespace","namespace":"nd-"}`, "nd-NAME"},
		{`{"version":1,"op":"remove-namespace","namespace":"ndx-R1"}`, "nd-NAME"},
		{`{"version":1,"op":"remove-namespace","namespace":"nd-/../../etc/passwd"}`, "nd-NAME"},
		{`{"version":1,"op":"remove-namespace","namespace":"nd-a\u0000b"}`, "nd-NAME"},
		{`{"version":1,"op":"remove-namespace","namespace":"nd-a\nb"}`, "nd-NAME"},
		{`{"version":1,"op":"remove-namespace","namespace":"nd-` + long + `"}`, "at most 255 bytes"},
		{"{\"version\":1,\"op\":\"remove-namespace\",\"namespace\":\"nd-\xff\"}", "nd-NAME"},
		{`{"version":1,"op":"remove-namespace","namespace":"nd-a","interface":"f0-0"}`, "more parts"},
		{`{"version":1,"op":"remove-namespace","namespace":7}`, "cannot unmarshal"},
		{`{"version":1,"op":"open-tap","namespace":"nd-a"}`, `interface ""`},
		{`{"version":1,"op":"open-tap","namespace":"nd-a","interface":"sixteen-letters-"}`, "1 to 15"},
		{`{"version":1,"op":"open-tap","namespace":"nd-a","interface":"tap%d"}`, "1 to 15"},
		{`{"version":1,"op":"open-tap","namespace":"nd-a","interface":".."}`, "1 to 15"},
		{`{"version":1,"op":"open-tap","namespace":"nd-a","interface":"a/b"}`, "1 to 15"},
		{`{"version":1,"op":"open-tap","namespace":"nd-a","interface":"a b"}`, "1 to 15"},
		{`{"version":1,"op":"open-tap","namespace":"nd-a","interface":"ä"}`, "1 to 15"},
		{`{"version":1,"op":"open-tap","interface":"f0-0"}`, `namespace ""`},
		{`{"version":1,"op":"open-tap",` + onPort + `,"up":true}`, "more parts"},
		{`{"version":1,"op":"link",` + onPort + `}`, `namespace ""`},
		{`{"version":1,"op":"link",` + onPort + `,"peer_namespace":"host","peer_interface":"eth0"}`, "nd-NAME"},
		{`{"version":1,"op":"link",` + onPort + `,"peer_namespace":"nd-b","peer_interface":"all"}`, "1 to 15"},
		{`{"version":1,"op":"attach-lan",` + onPort + `,"peer_namespace":"nd-b","peer_interface":"f0"}`, "more parts"},
		{`{"version":1,"op":"link-host",` + onPort + `,"host":"default"}`, "1 to 15"},
		{`{"version":1,"op":"link-host",` + onPort + `,"host":"h","address":"10.0.0.1"}`, "ADDRESS/LENGTH"},
		{`{"version":1,"op":"link-host",` + onPort + `,"host":"h","address":"10.0.0.1/33"}`, "ADDRESS/LENGTH"},
		{`{"version":1,"op":"link-host",` + onPort + `,"host":"h","address":"224.0.0.5/24"}`, "ADDRESS/LENGTH"},
		{`{"version":1,"op":"link-host",` + onPort + `,"host":"h","address":"fe80::1%eth0/64"}`, "ADDRESS/LENGTH"},
		{`{"version":1,"op":"open-host-tap","host":"all"}`, "1 to 15"},
		{`{"version":1,"op":"open-nio","host":"eth0"}`, "gen_eth and linux_eth are accepted"},
		{`{"version":1,"op":"open-nio","host":"/etc/shadow","nio":"fifo"}`, "are accepted"},
		{`{"version":1,"op":"open-nio","host":"eth0","nio":"unix"}`, "gen_eth and linux_eth are accepted"},
		{`{"version":1,"op":"watch-readers"}`, `namespace ""`},
		{`{"version":1,"op":"watch-host","namespace":"nd-a"}`, "more parts"},
		{`{"version":1,"op":"spawn","lab":"l","device":"R1","kind":"Router"}`, "0 descriptors: 2 are accepted"},
		{`{"version":1,"op":"spawn","lab":"l","device":"R1","kind":"/bin/sh"}`, "Router, ETHSW, FRSW, ATMSW, ATMBR, HUB are accepted"},
		{`{"version":1,"op":"spawn","lab":"../l","device":"R1","kind":"Router"}`, "without / and control"},
		{`{"version":1,"op":"spawn","lab":"l","device":"","kind":"Router"}`, `device ""`},
		{`{"version":1,"op":"spawn","lab":"l","device":"` + long + `","kind":"Router"}`, "1 to 128 bytes"},
		{`{"version":1,"op":"spawn","lab":"l","device":"R1","kind":"Router","limits":{"cpu":-1}}`, "at most 100000"},
		{`{"version":1,"op":"spawn","lab":"l","device":"R1","kind":"Router","limits":{"cpu":9223372036854775807}}`, "at most 100000"},
		{`{"version":1,"op":"spawn","lab":"l","device":"R1","kind":"Router","limits":{"memory":18446744073709551615}}`, "at most 100000"},
		{`{"version":1,"op":"spawn","lab":"l","device":"R1","kind":"Router","limits":{"exec":"x"}}`, "unknown field"},
		{`{"version":1,"op":"limit","lab":"l","device":"R1","kind":"Router"}`, "more parts"},
		{`{"version":1,"op":"kill","lab":"l","device":"R1","pid":1,"start":5}`, "process 1 "},
		{`{"version":1,"op":"kill","lab":"l","device":"R1","pid":-1,"start":5}`, "process -1 "},
		{`{"version":1,"op":"kill","lab":"l","device":"R1","pid":77}`, "process 77 "},
		{`{"version":1,"op":"kill","lab":"l","device":"R1","pid":99999999999999999999,"start":1}`, "cannot unmarshal"},
		{`{"version":1,"op":"restarting","pid":1}`, "more parts"},
	} {
		_, files, err := (&session{server: server}).handle([]byte(tt.request), nil)
		if err == nil || !strings.Contains(err.Error(), tt.says) || len(files) > 0 {
			t.Errorf("%.120s: %v, want %q", tt.request, err, tt.says)
		}
		if got := sys.taken(); len(got) > 0 {
			t.Errorf("%.120s: did %q", tt.request, got)
		}
	}
	sys.check(t)
}

// A request comes with the descriptors that it takes, and with no others.
func TestDescriptors(t *testing.T) {
	sys := &fake{}
	server := &Server{System: sys, Prefix: testPrefix, Mount: testMount, Log: slog.New(slog.DiscardHandler)}
	null, err := os.Open(os.DevNull)
	must(t, err)
	defer null.Close()
	conn, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	deaf := os.NewFile(uintptr(conn), "deaf")
	defer deaf.Close()
	l := listener(t)
	const spawn = `{"version":1,"op":"spawn","lab":"l","device":"R1","kind":"Router"}`
	for _, tt := range []struct {
		request string
		files   []*os.File
		says    string
	}{
		{spawn, []*os.File{null}, "no Unix socket of packets that listens"},
		{spawn, []*os.File{deaf}, "no Unix socket of packets that listens"},
		{spawn, []*os.File{l, null}, "no regular file"},
		{spawn, []*os.File{l, l}, "no regular file"},
		{spawn, []*os.File{l, null, null}, "3 descriptors: 2 are accepted"},
		{`{"version":1,"op":"unmount"}`, []*os.File{null}, "1 descriptors: 0 are accepted"},
	} {
		_, _, err := (&session{server: server}).handle([]byte(tt.request), tt.files)
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s with %d files: %v, want %q", tt.request, len(tt.files), err, tt.says)
		}
	}
	if got := sys.taken(); len(got) > 0 {
		t.Errorf("did %q", got)
	}
	if _, _, err := (&session{server: server}).handle([]byte(spawn), []*os.File{l}); err != nil || !slices.Equal(sys.taken(), []string{"Spawn l R1 Router {CPU:0 Memory:0}"}) {
		t.Errorf("what is right: %v", err)
	}
	sys.check(t)
}

// Datagrams that are too large, or carry too much, are answered with an error, and the
// connection goes on.
func TestDatagrams(t *testing.T) {
	sys := &fake{}
	s := serve(t, filepath.Join(t.TempDir(), "s"), sys)
	conn, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Net: "unixpacket", Name: s.path})
	must(t, err)
	defer conn.Close()
	null, err := unix.Open(os.DevNull, unix.O_RDONLY, 0)
	must(t, err)
	defer unix.Close(null)
	if _, _, err := ask(conn, Request{Op: opHello}); err != nil {
		t.Fatal(err)
	}
	before := openFiles(t)
	request := []byte(`{"version":1,"op":"restarting"}`)
	for _, tt := range []struct {
		name string
		b    []byte
		oob  []byte
		says string
	}{
		{"large", append(slices.Clone(request), make([]byte, maxMessage)...), nil, "more than 16384 bytes"},
		{"binary", []byte{0, 1, 2, 0xff}, nil, "request"},
		{"many descriptors", request, unix.UnixRights(null, null, null, null, null), "or 2 descriptors"},
		{"a descriptor", request, unix.UnixRights(null), "1 descriptors: 0 are accepted"},
	} {
		_, _, err := conn.WriteMsgUnix(tt.b, tt.oob, nil)
		must(t, err)
		_, _, err = answer(conn)
		var refused *Error
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.says)
		}
	}
	if r, _, err := ask(conn, Request{Op: opRestarting}); err != nil || !r.Restarting {
		t.Errorf("after that: %v, %v", r, err)
	}
	if got := sys.taken(); !slices.Equal(got, []string{"Restarting"}) {
		t.Errorf("did %q", got)
	}
	if after := openFiles(t); after > before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

// Nobody but root and the daemon's user may ask.
func TestPeer(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: not root: no other user's requests are tested")
	}
	dir, err := os.MkdirTemp("/tmp", "netd-test-")
	must(t, err)
	defer os.RemoveAll(dir)
	must(t, os.Chmod(dir, 0o755))
	sys := &fake{}
	s := serve(t, filepath.Join(dir, "s"), sys)
	s.server.UID = 64991
	for uid, allowed := range map[int]bool{0: true, 64991: true, 64992: false, 65534: false} {
		var err error
		done := make(chan struct{})
		go func() { // the thread ends with its user
			defer close(done)
			runtime.LockOSThread()
			if _, _, errno := syscall.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); errno != 0 {
				err = errno
				return
			}
			var conn *net.UnixConn
			if conn, err = net.DialUnix("unixpacket", nil, &net.UnixAddr{Net: "unixpacket", Name: s.path}); err == nil {
				defer conn.Close()
				_, _, err = ask(conn, Request{Op: opEnsureNamespace, Namespace: "nd-a-b"})
			}
		}()
		<-done
		calls := sys.taken()
		if allowed && (err != nil || len(calls) != 1) || !allowed && (err == nil || len(calls) > 0 || !strings.Contains(err.Error(), "only user 64991 and root may")) {
			t.Errorf("user %d: %v, did %q", uid, err, calls)
		}
	}
}

// The end of the connection that holds the mount takes the mount away, and no other
// does.
func TestMountEndsWithTheDaemon(t *testing.T) {
	sys := &fake{}
	s := serve(t, filepath.Join(t.TempDir(), "s"), sys)
	c := dial(t, s.path)
	f, err := c.Mount(testMount)
	must(t, err)
	f.Close()
	c.mu.Lock()
	hold, idle := c.hold, c.idle
	c.idle = nil
	c.mu.Unlock()
	for _, conn := range idle {
		conn.Close()
	}
	time.Sleep(20 * time.Millisecond)
	if got := sys.taken(); !slices.Equal(got, []string{"Mount"}) {
		t.Fatalf("did %q, want the mount", got)
	}
	hold()
	wait(t, "the mount to go", func() bool { return slices.Equal(sys.taken(), []string{"Unmount"}) })

	// In order: once, and what comes later is not the former daemon's to take away.
	f, err = c.Mount(testMount)
	must(t, err)
	f.Close()
	must(t, c.Unmount(testMount))
	next := dial(t, s.path)
	f, err = next.Mount(testMount)
	must(t, err)
	f.Close()
	time.Sleep(20 * time.Millisecond)
	if got := sys.taken(); !slices.Equal(got, []string{"Mount", "Unmount", "Mount"}) {
		t.Errorf("did %q", got)
	}
	must(t, next.Unmount(testMount))
}

func wait(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited for %s", what)
		}
	}
}

// Watches, the mount and calls go on with the next server.
func TestServerComesBack(t *testing.T) {
	sys := &fake{interfaces: map[string]bool{"eth0": true, "eth1": true, "eth2": false}}
	s := serve(t, filepath.Join(t.TempDir(), "s"), sys)
	c := dial(t, s.path)
	f, err := c.Mount(testMount)
	must(t, err)
	f.Close()
	var mu sync.Mutex
	var events []string
	heard := func() string {
		mu.Lock()
		defer mu.Unlock()
		e := events
		events = nil
		slices.Sort(e)
		return strings.Join(e, ", ")
	}
	add := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		events = append(events, fmt.Sprintf(format, args...))
	}
	stop, err := c.WatchHost(func(ifname string, exists, carrier bool) { add("%s %v %v", ifname, exists, carrier) })
	must(t, err)
	if got, want := heard(), "eth0 true true, eth1 true true, eth2 true false"; got != want {
		t.Errorf("heard %q, want %q", got, want)
	}
	stopReaders, err := c.WatchReaders("nd-lab-R1", func(ifname string, readers bool) { add("%s %v", ifname, readers) })
	must(t, err)
	sys.mu.Lock()
	host, readers := sys.host, sys.readers["nd-lab-R1"]
	sys.mu.Unlock()
	host("eth3", true, true)
	readers("s1-0", true)
	all := ""
	wait(t, "events", func() bool { all += heard(); return len(all) >= len("eth3 true trues1-0 true") })

	s.stop()
	called := make(chan error)
	go func() { called <- c.EnsureNamespace("nd-lab-R1") }()
	time.Sleep(100 * time.Millisecond)
	next := &fake{interfaces: map[string]bool{"eth0": false, "eth2": false, "eth3": true, "eth4": true}}
	again := serve(t, s.path, next)
	if err := <-called; err != nil {
		t.Errorf("a call over the end of the server: %v", err)
	}
	all = ""
	const want = "eth0 true false, eth1 false false, eth4 true true, s1-0 false"
	wait(t, "what has changed", func() bool {
		if h := heard(); h != "" {
			all += ", " + h
		}
		return len(all) >= len(", "+want)
	})
	parts := strings.Split(strings.TrimPrefix(all, ", "), ", ")
	slices.Sort(parts)
	if got := strings.Join(parts, ", "); got != want {
		t.Errorf("heard %q, want %q", got, want)
	}
	wait(t, "the mount to be held", func() bool {
		again.server.mu.Lock()
		defer again.server.mu.Unlock()
		return again.server.holder != nil
	})
	if got := next.taken(); slices.Contains(got, "Mount") || slices.Contains(got, "Unmount") {
		t.Errorf("did %q, but the mount was there", got)
	}
	stop()
	stopReaders()
	wait(t, "the watches to end", func() bool {
		next.mu.Lock()
		defer next.mu.Unlock()
		return next.stopped == 2
	})
	next.mu.Lock()
	host = next.host
	next.mu.Unlock()
	host("late", true, true)
	if got := heard(); got != "" {
		t.Errorf("heard %q after the end", got)
	}
	c.mu.Lock()
	hold := c.hold
	c.mu.Unlock()
	hold()
	wait(t, "the mount to go", func() bool { return slices.Contains(next.taken(), "Unmount") })
	sys.check(t)
	next.check(t)
}

// A node that was being started when the server ended is not started twice.
func TestSpawnIsNotRepeated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Net: "unixpacket", Name: path})
	must(t, err)
	defer l.Close()
	asked := make(chan string, 10)
	go func() {
		for {
			c, err := l.AcceptUnix()
			if err != nil {
				return
			}
			b, files, err := receive(c)
			closeAll(files)
			var r Request
			if err == nil {
				err = json.Unmarshal(b, &r)
			}
			asked <- fmt.Sprint(r.Op, err)
			c.Close()
		}
	}()
	c := &Client{socket: path}
	if err := c.Spawn(node.Spec{Lab: "l", Device: "R1"}, listener(t), nil); !errors.Is(err, errUnanswered) {
		t.Errorf("%v, want that it was not answered", err)
	}
	if got := <-asked; got != "spawn<nil>" || len(asked) > 0 {
		t.Errorf("asked %s and %d more", got, len(asked))
	}
}

// FuzzHandle drives the handler with all that may come in a datagram: whatever it is,
// nothing but what the operations are for reaches the system, and only from requests
// that a client could have sent.
func FuzzHandle(f *testing.F) {
	for _, op := range Operations() {
		b, err := json.Marshal(Request{Version: Version, Op: op})
		must(f, err)
		f.Add(b, uint8(0))
		for _, parts := range []string{onPort, `"namespace":"nd-l-R1"`, onPort + `,"peer_namespace":"nd-l-R2","peer_interface":"s1-0","up":true`,
			`"host":"eth0","nio":"gen_eth"`, onPort + `,"host":"eth0","address":"10.0.0.1/8"`, `"lab":"l","device":"R1","kind":"Router","limits":{"cpu":5}`,
			`"lab":"l","device":"R1","pid":77,"start":9`} {
			f.Add([]byte(fmt.Sprintf(`{"version":1,"op":%q,%s}`, op, parts)), uint8(1))
		}
	}
	l := listener(f)
	null, err := os.Open(os.DevNull)
	must(f, err)
	log, err := os.CreateTemp(f.TempDir(), "log")
	must(f, err)
	f.Fuzz(func(t *testing.T, b []byte, with uint8) {
		sys := &fake{}
		server := &Server{System: sys, Prefix: testPrefix, Mount: testMount, Log: slog.New(slog.DiscardHandler)}
		s := &session{server: server, pid: os.Getpid()}
		files := [][]*os.File{nil, {l}, {l, log}, {null}, {l, null}, {log, l}, {l, log, log}}[int(with)%7]
		reply, out, err := s.handle(b, files)
		s.end()
		calls := sys.taken()
		sys.check(t)
		if err != nil && (len(calls) > 0 || len(out) > 0) {
			t.Errorf("refused (%v), but did %q", err, calls)
		}
		if err == nil {
			// What was accepted is a request of this package, to the letter.
			var r Request
			must(t, json.Unmarshal(b, &r))
			op, ok := operations[r.Op]
			if !ok || r.Version != Version || r.check(op.takes, testPrefix) != nil || len(files) > op.files {
				t.Errorf("accepted %q", b)
			}
			limit := 1 // and what the end of the connection undoes
			if r.Op == opMount || r.Op == opHoldMount {
				limit = 2
			}
			if len(calls) > limit {
				t.Errorf("%q: did %q", b, calls)
			}
		}
		reply.Version, reply.Error = Version, errorOf(err)
		if text, err := json.Marshal(reply); err != nil || len(text) > maxMessage {
			t.Errorf("the answer is %d bytes: %v", len(text), err)
		}
		for _, f := range out {
			f.Close()
		}
	})
}
