package chassis

import (
	"errors"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"dynemu/vm/fabric"
	"dynemu/vm/fabric/ethsw"
	"dynemu/vm/fabric/fabrictest"
	"dynemu/vm/fabric/frsw"
	"dynemu/vm/wire"
)

var hex = fabrictest.Hex

// running returns a chassis that runs until the test ends.
func running(t testing.TB, build func(out fabric.Output) fabric.Engine) *Chassis {
	c := New(build)
	go c.Run()
	t.Cleanup(c.Close)
	return c
}

// pair returns two ends of a wire as sockets.
func pair(t testing.TB) (near, far *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fds[0]), "near"), os.NewFile(uintptr(fds[1]), "far")
}

// plug adds a port with a wire, and returns the wire's other end.
func plug(t testing.TB, c *Chassis, number int, add func() error) (*wire.Port, net.Conn) {
	t.Helper()
	p, err := c.AddPort(number, add)
	if err != nil {
		t.Fatal(err)
	}
	return p, connect(t, c, p)
}

// connect plugs a wire in, and returns its other end when the switch knows.
func connect(t testing.TB, c *Chassis, p *wire.Port) net.Conn {
	t.Helper()
	near, far := pair(t)
	w, err := wire.NewPipe(near)
	if err != nil {
		t.Fatal(err)
	}
	p.Plug(wire.NewBatch(w))
	conn, err := net.FileConn(far)
	far.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c.Do(func(int64) {})
	return conn
}

func send(t testing.TB, conn net.Conn, text string) {
	t.Helper()
	if _, err := conn.Write(hex(text)); err != nil {
		t.Fatal(err)
	}
}

func receive(t testing.TB, conn net.Conn, want string) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, wire.MaxFrame)
	n, err := conn.Read(buf)
	if err != nil || string(buf[:n]) != string(hex(want)) {
		t.Fatalf("received %x, %v; want %x", buf[:n], err, hex(want))
	}
}

func TestEthernet(t *testing.T) {
	var s *ethsw.Switch
	c := running(t, func(out fabric.Output) fabric.Engine {
		s = ethsw.New(out)
		return s
	})
	add := func(number int, config ethsw.Config) (*wire.Port, net.Conn) {
		return plug(t, c, number, func() error { return s.AddPort(number, config) })
	}
	_, one := add(1, ethsw.Config{Mode: ethsw.Access, VLAN: 7})
	p2, two := add(2, ethsw.Config{Mode: ethsw.Dot1Q, VLAN: 1})
	_, three := add(3, ethsw.Config{Mode: ethsw.Access, VLAN: 7})
	send(t, one, "ffffffffffff 020000000001 0806 11*46")
	receive(t, two, "ffffffffffff 020000000001 81000007 0806 11*46")
	receive(t, three, "ffffffffffff 020000000001 0806 11*46")
	send(t, two, "020000000001 020000000002 8100a007 0800 22*46")
	receive(t, one, "020000000001 020000000002 0800 22*46")
	send(t, three, "020000000002 020000000003 0800 33*9000")
	receive(t, two, "020000000002 020000000003 81000007 0800 33*9000")

	var stations []ethsw.Station
	var stats fabric.Stats
	if !c.Do(func(now int64) { stations, stats = s.Stations(now), s.Stats(2) }) || len(stations) != 3 {
		t.Errorf("stations %v", stations)
	}
	if w := p2.Stats(); w.RxFrames != stats.RxFrames || w.RxBytes != stats.RxBytes || w.TxFrames != stats.TxFrames || w.TxBytes != stats.TxBytes || stats.TxBytes != 64+9018 {
		t.Errorf("the wire counts %+v, the switch %+v", w, stats)
	}

	// A port whose other end goes away forgets its stations, and can be plugged
	// anew.
	two.Close()
	for deadline := time.Now().Add(10 * time.Second); len(stations) != 2; time.Sleep(time.Millisecond) {
		if c.Do(func(now int64) { stations = s.Stations(now) }); time.Now().After(deadline) {
			t.Fatalf("stations %v after a port's wire was cut", stations)
		}
	}
	two = connect(t, c, p2)
	send(t, two, "ffffffffffff 020000000002 81000007 0806 44*46")
	receive(t, one, "ffffffffffff 020000000002 0806 44*46")
	receive(t, three, "ffffffffffff 020000000002 0806 44*46")

	// What goes wrong leaves all as it is.
	if _, err := c.AddPort(1, func() error { return nil }); err == nil {
		t.Error("a port was added twice")
	}
	refused := errors.New("refused")
	if _, err := c.AddPort(9, func() error { return refused }); err != refused {
		t.Errorf("a port that the engine refused: %v", err)
	}
	c.RemovePort(77, func() { t.Error("a port that is not there was removed") })
	c.RemovePort(2, func() { s.RemovePort(2) })
	if _, err := two.Read(make([]byte, 1)); err == nil {
		t.Error("the wire of a removed port is open")
	}
	send(t, one, "020000000002 020000000001 0800 55*46")
	receive(t, three, "020000000002 020000000001 0800 55*46")
}

// An enquiry that waits in a wire when that is plugged in is answered.
func TestFrameRelay(t *testing.T) {
	var s *frsw.Switch
	c := running(t, func(out fabric.Output) fabric.Engine {
		s = frsw.New(out)
		return s
	})
	p1, err := c.AddPort(1, func() error { return s.AddPort(1) })
	if err != nil {
		t.Fatal(err)
	}
	p2, two := plug(t, c, 2, func() error { return s.AddPort(2) })
	c.Do(func(int64) { err = s.Connect(frsw.Endpoint{Port: 1, DLCI: 102}, frsw.Endpoint{Port: 2, DLCI: 201}) })
	if err != nil {
		t.Fatal(err)
	}
	near, far := pair(t)
	one, err := net.FileConn(far)
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	far.Close()
	send(t, one, "00010308007595 010100 03020100")
	w, err := wire.NewPipe(near)
	if err != nil {
		t.Fatal(err)
	}
	p1.Plug(w)
	receive(t, one, "00010308007d95 010100 03020101 0703 06b082")
	send(t, two, "3091 0800 45")
	receive(t, one, "1861 0800 45")
	p2.Unplug()
	c.Do(func(int64) {}) // the switch knows
	send(t, one, "00010308007595 010101 03020201")
	receive(t, one, "00010308007d95 010100 03020202 0703 06b080")
}

// timed is an engine that wants to be called each millisecond, five times.
type timed struct {
	ticks atomic.Int32
	next  int64
	early bool
	fired chan struct{}
}

func (e *timed) Forward(int64, int, []byte) {}
func (e *timed) SetUp(int, bool)            {}
func (e *timed) Stats(int) fabric.Stats     { return fabric.Stats{} }
func (e *timed) Next() int64                { return e.next }
func (e *timed) Tick(now int64) int64 {
	e.early = e.early || now < e.next
	e.next = now + 1e6
	if e.ticks.Add(1) == 5 {
		e.next = 0
		close(e.fired)
	}
	return e.next
}

func TestTimer(t *testing.T) {
	e := &timed{fired: make(chan struct{})}
	c := running(t, func(fabric.Output) fabric.Engine { return e })
	time.Sleep(20 * time.Millisecond)
	if n := e.ticks.Load(); n != 0 {
		t.Errorf("called %d times unasked", n)
	}
	c.Do(func(now int64) { e.next = now + 1e6 })
	select {
	case <-e.fired:
	case <-time.After(10 * time.Second):
		t.Fatal("never called")
	}
	time.Sleep(20 * time.Millisecond)
	c.Do(func(int64) {
		if n := e.ticks.Load(); n != 5 || e.early {
			t.Errorf("called %d times, early is %v", n, e.early)
		}
	})
}

// clock is an engine that looks at the time that it is told.
type clock struct {
	timed
	last   int64
	back   bool
	frames chan int64
}

func (e *clock) at(now int64) {
	e.back = e.back || now < e.last
	e.last = now
}

func (e *clock) Forward(now int64, _ int, _ []byte) {
	e.at(now)
	e.frames <- now
}

func (e *clock) Tick(now int64) int64 {
	e.at(now)
	return now + 100_000
}

// Time never goes back for an engine, whoever calls it, and frames that come later
// come at a later time.
func TestTime(t *testing.T) {
	e := &clock{frames: make(chan int64, 1000)}
	e.next = 1
	c := running(t, func(fabric.Output) fabric.Engine { return e })
	_, conn := plug(t, c, 0, func() error { return nil })
	late, lateConn := plug(t, c, 1, func() error { return nil })
	late.SetImpairments(wire.Impairment{Delay: time.Millisecond, Jitter: time.Millisecond}, wire.Impairment{})
	began := time.Now()
	var before int64
	c.Do(func(now int64) { before = now })
	const rounds, pause = 20, 2 * time.Millisecond
	for range rounds {
		for range 5 {
			send(t, conn, "55")
			send(t, lateConn, "66")
		}
		time.Sleep(pause)
		c.Do(e.at)
	}
	var last int64
	for range 2 * 5 * rounds {
		select {
		case last = <-e.frames:
		case <-time.After(10 * time.Second):
			t.Fatal("frames are missing")
		}
	}
	took := time.Since(began)
	if d := time.Duration(last - before); d < (rounds-1)*pause || d > took {
		t.Errorf("the last frame came %v after the beginning, %v of which have passed", d, took)
	}
	c.Do(func(int64) {
		if e.back {
			t.Error("time goes back")
		}
	})
}

func TestClose(t *testing.T) {
	c := New(func(out fabric.Output) fabric.Engine { return ethsw.New(out) })
	go c.Run()
	p, conn := plug(t, c, 0, func() error { return nil })
	c.Close()
	if _, err := conn.Read(make([]byte, 1)); err == nil || p.Plugged() {
		t.Error("a wire is open")
	}
	if c.Do(func(int64) { t.Error("called after the end") }) {
		t.Error("Do says that it ran")
	}
	if _, err := c.AddPort(1, func() error { return nil }); err == nil {
		t.Error("a port was added")
	}
	c.RemovePort(0, func() { t.Error("called after the end") })
}

// The whole way of a frame of 64 bytes: from a wire through the switch to a wire,
// which takes two system calls without batches. What the other ends of the wires
// cost is not counted.
func BenchmarkWires(b *testing.B) {
	c, s := ethernetSwitch(b)
	var fds [2]int
	var ports [2]*wire.Port
	for n := range fds {
		near, far := pair(b)
		b.Cleanup(func() { far.Close() })
		w, err := wire.NewPipe(near)
		if err != nil {
			b.Fatal(err)
		}
		ports[n], fds[n] = addAccess(b, c, s, n), int(far.Fd())
		ports[n].Plug(wire.NewBatch(w))
	}
	buf := make([]byte, 2048)
	before := threadTime(b, c)
	b.ResetTimer()
	// As many frames are under way as fit into the sockets.
	const most = 64
	for sent, got := 0, 0; got < b.N; {
		for sent < b.N && sent < got+most {
			if _, err := unix.Write(fds[0], benchFrame); err != nil {
				break
			}
			sent++
		}
		if n, _ := unix.Read(fds[1], buf); n > 0 {
			got++
		} else {
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fds[1]), Events: unix.POLLIN}}, 1)
		}
	}
	b.StopTimer()
	if d := ports[1].Stats().TxDrops; d > 0 {
		b.Errorf("%d frames dropped", d)
	}
	b.ReportMetric(float64(b.N)/(threadTime(b, c)-before).Seconds(), "frames/s-of-a-core")
}

// Between two TAPs, one of which is flooded; and what the two system calls cost
// alone, in the same place.
func BenchmarkTAPs(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("SKIP: making a network namespace needs root")
	}
	for name, start := range map[string]func(b *testing.B, taps [2]*wire.TAP) (count func() (frames uint64, used time.Duration)){
		"switch": func(b *testing.B, taps [2]*wire.TAP) func() (uint64, time.Duration) {
			c, s := ethernetSwitch(b)
			p := addAccess(b, c, s, 0)
			p.Plug(taps[0])
			addAccess(b, c, s, 1).Plug(taps[1])
			return func() (uint64, time.Duration) { return p.Stats().RxFrames, threadTime(b, c) }
		},
		"calls": func(b *testing.B, taps [2]*wire.TAP) func() (uint64, time.Duration) {
			frames, counts, end := uint64(0), make(chan func()), make(chan struct{})
			go func() {
				runtime.LockOSThread()
				buf := make([]byte, 2048)
				fds := []unix.PollFd{{Fd: int32(taps[0].Descriptor()), Events: unix.POLLIN}}
				for {
					select {
					case fn := <-counts:
						fn()
					case <-end:
						return
					default:
					}
					for range 64 {
						n, _, _ := unix.RawSyscall(unix.SYS_READ, uintptr(taps[0].Descriptor()), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)))
						if int(n) <= 0 {
							_, _ = unix.Ppoll(fds, &unix.Timespec{Nsec: 1_000_000}, nil)
							break
						}
						_, _, _ = unix.RawSyscall(unix.SYS_WRITE, uintptr(taps[1].Descriptor()), uintptr(unsafe.Pointer(&buf[0])), n)
						frames++
					}
				}
			}()
			b.Cleanup(func() { close(end) })
			return func() (n uint64, used time.Duration) {
				done := make(chan struct{})
				counts <- func() {
					n, used = frames, thisThread(b)
					close(done)
				}
				<-done
				return n, used
			}
		},
	} {
		b.Run(name, func(b *testing.B) {
			runtime.LockOSThread() // never unlocked: the thread ends with the benchmark
			ns, err := netns.New()
			if err != nil {
				b.Skipf("SKIP: no network namespaces here: %v", err)
			}
			b.Cleanup(func() { ns.Close() })
			var taps [2]*wire.TAP
			for n, name := range []string{"tap0", "tap1"} {
				if taps[n], err = wire.OpenTAP(name); err != nil {
					b.Skipf("SKIP: %v", err)
				}
			}
			count := start(b, taps)
			setUp(b, "tap1")
			fd := sender(b, setUp(b, "tap0"))
			frames, used := count()
			b.ResetTimer()
			const look = 4096 // frames, between two looks at what has arrived
			now, after := frames, used
			for now < frames+uint64(b.N) {
				for range look {
					_, _ = unix.Write(fd, benchFrame) // one that finds no room is lost
				}
				now, after = count()
			}
			b.StopTimer()
			b.ReportMetric(float64(now-frames)/(after-used).Seconds(), "frames/s-of-a-core")
		})
	}
}

var benchFrame = hex("02000000000b 02000000000a 88b5 5a*50")

// ethernetSwitch runs a switch on a thread of its own until the benchmark ends.
func ethernetSwitch(b *testing.B) (*Chassis, *ethsw.Switch) {
	var s *ethsw.Switch
	c := New(func(out fabric.Output) fabric.Engine {
		s = ethsw.New(out)
		return s
	})
	go func() {
		runtime.LockOSThread() // its processor time is measured
		c.Run()
	}()
	b.Cleanup(c.Close)
	return c, s
}

func addAccess(b *testing.B, c *Chassis, s *ethsw.Switch, n int) *wire.Port {
	p, err := c.AddPort(n, func() error { return s.AddPort(n, ethsw.Config{Mode: ethsw.Access, VLAN: 1}) })
	if err != nil {
		b.Fatal(err)
	}
	return p
}

// threadTime returns the processor time that the thread of a chassis has used.
func threadTime(b *testing.B, c *Chassis) (used time.Duration) {
	c.Do(func(int64) { used = thisThread(b) })
	return used
}

// thisThread returns the processor time that the current thread has used.
func thisThread(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		b.Error(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// setUp brings an interface up.
func setUp(b *testing.B, name string) netlink.Link {
	link, err := netlink.LinkByName(name)
	if err == nil {
		err = netlink.LinkSetUp(link)
	}
	if err != nil {
		b.Fatal(err)
	}
	return link
}

// sender returns a packet socket that only sends into an interface, past its
// queue.
func sender(b *testing.B, link netlink.Link) int {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: link.Attrs().Index}); err != nil {
		b.Fatal(err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1); err != nil {
		b.Fatal(err)
	}
	return fd
}

// A switch's port has what every port has: a link that is cut is no link to the
// engine, filters drop, and a delay delays, out of a batch too.
func TestPortRules(t *testing.T) {
	var s *ethsw.Switch
	c := running(t, func(out fabric.Output) fabric.Engine {
		s = ethsw.New(out)
		return s
	})
	add := func(n int) (*wire.Port, net.Conn) {
		return plug(t, c, n, func() error { return s.AddPort(n, ethsw.Config{Mode: ethsw.Access, VLAN: 1}) })
	}
	p1, one := add(1)
	p2, two := add(2)
	const first, second = "ffffffffffff 020000000001 0806 11*46", "ffffffffffff 020000000001 0806 22*46"

	const delay = 20 * time.Millisecond
	p1.SetImpairments(wire.Impairment{Delay: delay}, wire.Impairment{})
	p2.SetImpairments(wire.Impairment{}, wire.Impairment{Delay: delay})
	began := time.Now()
	send(t, one, first)
	send(t, one, second)
	receive(t, two, first)
	if d := time.Since(began); d < 2*delay {
		t.Errorf("a frame took %v through two delays of %v", d, delay)
	}
	receive(t, two, second)
	p1.SetImpairments(wire.Impairment{}, wire.Impairment{})
	p2.SetImpairments(wire.Impairment{}, wire.Impairment{})

	filters, err := wire.ParseFilter("freq_drop 2")
	if err != nil {
		t.Fatal(err)
	}
	p2.SetFilters(filters)
	send(t, one, first)
	send(t, one, second)
	send(t, one, first)
	receive(t, two, first)
	receive(t, two, first)
	if n := p2.Stats().Reasons(); len(n) != 1 || n["tx-filter"] != 1 {
		t.Errorf("dropped: %v", n)
	}
	p2.SetFilters(wire.Filters{})

	var up bool
	p2.SetLink(false)
	c.Do(func(int64) {}) // the switch knows
	before := p2.Stats()
	send(t, one, second)
	send(t, two, first)
	for deadline := time.Now().Add(10 * time.Second); p2.Stats().RxDrops == 0 || p1.Stats().RxFrames < 6; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%+v, %+v", p1.Stats(), p2.Stats())
		}
	}
	if after := p2.Stats(); after.TxFrames != before.TxFrames || after.RxFrames != before.RxFrames || after.Dropped[wire.In][wire.NoLink] != 1 {
		t.Errorf("without a link: %+v", after)
	}
	p2.SetLink(true)
	c.Do(func(int64) { up = c.ports.Get(2).up })
	if !up {
		t.Error("the switch knows of no link")
	}
	send(t, one, first)
	receive(t, two, first)
}
