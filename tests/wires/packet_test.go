package wires

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"dynemu/vm/wire"
)

// Every frame passes from one interface to another unchanged, with its tags.
func TestPacketFrames(t *testing.T) {
	a, b := newSpace(t), newSpace(t)
	veth(a, "a0", b, "b0")
	wa, wb := a.open("linux_eth:a0"), b.open("gen_eth:b0")
	for what, f := range ethernetFrames() {
		passes(t, what, wa, wb, f)
		passes(t, what+", back", wb, wa, f)
	}
	silent(t, "own frames", wa)
	silent(t, "own frames", wb)

	// What the interface cannot carry is counted.
	before := wa.Stats()
	for _, n := range []int{1, 13, 1515, 1519, 9000} {
		wa.Send(frame("88b5", n, 1))
	}
	if s := wa.Stats(); s.TxDrops-before.TxDrops != 5 || s.TxFrames != before.TxFrames || s.Dropped[wire.Out][wire.Giant] != 3 {
		t.Errorf("runts and giants: %+v", s)
	}
	silent(t, "runts and giants", wb)
	for _, s := range []*space{a, b} {
		s.do(func() error {
			link, err := netlink.LinkByName(map[*space]string{a: "a0", b: "b0"}[s])
			if err != nil {
				return err
			}
			return netlink.LinkSetMTU(link, 9216)
		})
	}
	for _, n := range []int{1515, 9014, 9230} {
		passes(t, fmt.Sprint("jumbo of ", n), wa, wb, frame("88b5", n, 2))
		passes(t, fmt.Sprint("tagged jumbo of ", n), wb, wa, frame("81000064 88b5", n, 3))
	}
}

// Two wires on one interface hear each other, and what the host itself sends and
// gets there.
func TestPacketSharesAnInterface(t *testing.T) {
	a, b := newSpace(t), newSpace(t)
	veth(a, "a0", b, "b0")
	one, two, far := a.open("linux_eth:a0"), a.open("linux_eth:a0"), b.open("linux_eth:b0")
	f := frame("81000064 0800", 100, 1)
	passes(t, "to the neighbour", one, two, f)
	got, err := receive(far)
	if err != nil || string(got) != string(f) {
		t.Errorf("on the cable: %x, %v", got, err)
	}
	passes(t, "from afar", far, one, f)
	if got, err := receive(two); err != nil || string(got) != string(f) {
		t.Errorf("from afar, at the neighbour: %x, %v", got, err)
	}
}

// The interface goes down, comes back, and is deleted while it is in use.
func TestPacketInterfaceGoes(t *testing.T) {
	a, b := newSpace(t), newSpace(t)
	veth(a, "a0", b, "b0")
	wa, wb := a.open("linux_eth:a0"), b.open("linux_eth:b0")
	f := frame("88b5", 60, 1)
	passes(t, "up", wa, wb, f)
	set := func(up bool) {
		a.do(func() error {
			link, err := netlink.LinkByName("a0")
			if err != nil {
				return err
			}
			if up {
				return netlink.LinkSetUp(link)
			}
			return netlink.LinkSetDown(link)
		})
	}
	buf := make([]byte, wire.MaxFrame)
	quiet := func(what string) {
		t.Helper()
		if n, err := wa.Receive(buf); n != 0 || err != nil {
			t.Errorf("%s: %d bytes, %v", what, n, err)
		}
		fds := []unix.PollFd{{Fd: int32(wa.Descriptor()), Events: unix.POLLIN}}
		if n, err := unix.Poll(fds, 50); n != 0 || err != nil {
			t.Errorf("%s: the descriptor is ready: %#x, %v", what, fds[0].Revents, err)
		}
	}
	set(false)
	quiet("down")
	wa.Send(f)
	if s := wa.Stats(); s.TxDrops != 1 {
		t.Errorf("down: %+v", s)
	}
	set(true)
	quiet("up again")
	passes(t, "up again", wa, wb, f)
	passes(t, "up again, back", wb, wa, f)

	// In a port, that is the end.
	c := b.open("linux_eth:b0")
	join(t, c, wire.NewNull(), nil)
	a.do(func() error {
		link, err := netlink.LinkByName("a0")
		if err != nil {
			return err
		}
		return netlink.LinkDel(link)
	})
	for name, w := range map[string]wire.Wire{"a0": wa, "b0": wb} {
		for range 2 {
			if n, err := receive(w); len(n) > 0 || err == nil || !strings.Contains(err.Error(), "gone") {
				t.Errorf("%s was deleted: %d bytes, %v", name, len(n), err)
			}
			w.Send(f)
		}
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := c.Receive(buf); errors.Is(err, net.ErrClosed) {
			break // by the port
		}
		if time.Now().After(deadline) {
			t.Fatal("the port keeps the wire")
		}
	}
}

func TestPacketErrors(t *testing.T) {
	a := newSpace(t)
	n := wire.NIO{Type: "linux_eth", Interface: "eth7"}
	if err := a.try(func() error { _, err := n.OpenFiles(); return err }); err == nil || err.Error() != "linux_eth:eth7: there is no interface eth7" {
		t.Errorf("%v", err)
	}
	a.do(func() error {
		return netlink.LinkAdd(&netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: "eth7"}, Mode: netlink.TUNTAP_MODE_TUN})
	})
	if err := a.try(func() error { _, err := n.OpenFiles(); return err }); err == nil || !strings.Contains(err.Error(), "interface eth7 is not an Ethernet") {
		t.Errorf("%v", err)
	}
}

// checker is a monitor that looks at every frame that passes.
type checker struct {
	most   int // bytes
	frames atomic.Int64
	errs   chan error
}

func newChecker(most int) *checker { return &checker{most: most, errs: make(chan error, 1)} }

// Frame implements wire.Monitor.
func (c *checker) Frame(_ wire.Direction, _ time.Time, f []byte) {
	c.frames.Add(1)
	if err := c.check(f); err != nil {
		select {
		case c.errs <- err:
		default:
		}
	}
}

func (c *checker) check(f []byte) error {
	if len(f) > c.most {
		return fmt.Errorf("a frame of %d bytes", len(f))
	}
	p := gopacket.NewPacket(f, layers.LayerTypeEthernet, gopacket.NoCopy)
	if p.ErrorLayer() != nil {
		return fmt.Errorf("%s: %w", brief(f), p.ErrorLayer().Error())
	}
	var network gopacket.NetworkLayer
	opt := gopacket.SerializeOptions{ComputeChecksums: true, FixLengths: true}
	if ip, ok := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4); ok {
		network = ip
		length, sum := ip.Length, ip.Checksum
		if err := ip.SerializeTo(payloadOf(ip), opt); err != nil || ip.Checksum != sum || ip.Length != length {
			return fmt.Errorf("%s: header checksum %#x and length %d, want %#x and %d (%v)", brief(f), sum, length, ip.Checksum, ip.Length, err)
		}
	} else if ip, ok := p.Layer(layers.LayerTypeIPv6).(*layers.IPv6); ok {
		network = ip
		if want := len(f) - 14 - 40; int(ip.Length) != want {
			return fmt.Errorf("%s: length %d, want %d", brief(f), ip.Length, want)
		}
	}
	if tcp, ok := p.Layer(layers.LayerTypeTCP).(*layers.TCP); ok {
		sum := tcp.Checksum
		if err := errors.Join(tcp.SetNetworkLayerForChecksum(network), tcp.SerializeTo(payloadOf(tcp), opt)); err != nil || tcp.Checksum%0xFFFF != sum%0xFFFF { // zero has two forms
			return fmt.Errorf("%s: TCP checksum %#x, want %#x (%v)", brief(f), sum, tcp.Checksum, err)
		}
	}
	if udp, ok := p.Layer(layers.LayerTypeUDP).(*layers.UDP); ok {
		sum, length := udp.Checksum, udp.Length
		if err := errors.Join(udp.SetNetworkLayerForChecksum(network), udp.SerializeTo(payloadOf(udp), opt)); err != nil || udp.Checksum != sum || udp.Length != length {
			return fmt.Errorf("%s: UDP checksum %#x, want %#x (%v)", brief(f), sum, udp.Checksum, err)
		}
	}
	return nil
}

// payloadOf returns a buffer that holds the layer's payload.
func payloadOf(l gopacket.Layer) gopacket.SerializeBuffer {
	b := gopacket.NewSerializeBuffer()
	p, err := b.PrependBytes(len(l.LayerPayload()))
	if err != nil {
		panic(err)
	}
	copy(p, l.LayerPayload())
	return b
}

func (c *checker) result(t testing.TB, atLeast int64) {
	t.Helper()
	select {
	case err := <-c.errs:
		t.Error(err)
	default:
	}
	if n := c.frames.Load(); n < atLeast {
		t.Errorf("%d frames passed, want at least %d", n, atLeast)
	}
}

// superFrames counts the frames of the interface that are longer than its MTU
// allows, as a packet socket without more sees them.
func (s *space) superFrames(name string) *atomic.Int64 {
	s.t.Helper()
	fd := -1
	s.do(func() error {
		ifi, err := net.InterfaceByName(name)
		if err != nil {
			return err
		}
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: 0x0300, Ifindex: ifi.Index}) // ETH_P_ALL, big-endian
	})
	f := os.NewFile(uintptr(fd), "packet")
	s.t.Cleanup(func() { f.Close() })
	var n atomic.Int64
	go func() {
		buf := make([]byte, 1<<17)
		for {
			size, err := f.Read(buf)
			if err != nil {
				return
			}
			if size > 1518 {
				n.Add(1)
			}
		}
	}()
	return &n
}

// transfer moves bytes over TCP from one namespace to an address of another and
// back.
func transfer(t testing.TB, from, to *space, address string, size int) {
	t.Helper()
	var l net.Listener
	to.do(func() (err error) {
		l, err = net.Listen("tcp", net.JoinHostPort(address, "0"))
		return err
	})
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = io.Copy(c, c) // what is missing, the other end sees
	}()
	var c net.Conn
	from.do(func() (err error) {
		c, err = net.DialTimeout("tcp", l.Addr().String(), 20*time.Second)
		return err
	})
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	sent := make([]byte, size)
	for i := range sent {
		sent[i] = byte(i ^ i>>8 ^ i>>16)
	}
	go func() {
		_, _ = c.Write(sent) // the same
	}()
	got := make([]byte, size)
	if n, err := io.ReadFull(c, got); err != nil {
		t.Fatalf("%d of %d bytes came back: %v", n, size, err)
	}
	if string(got) != string(sent) {
		t.Error("other bytes came back")
	}
}

// TCP between two hosts whose interfaces leave checksums and segments to others:
// what passes is frames as on a cable. Half of the way are TAPs.
func TestPacketTCP(t *testing.T) {
	const megabytes = 10
	for _, far := range []string{"linux_eth", "tap"} {
		for _, v6 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, IPv6 %v", far, v6), func(t *testing.T) {
				a, b, m := newSpace(t), newSpace(t), newSpace(t)
				veth(a, "a0", m, "m0")
				name := "t0"
				var other wire.Wire
				if far == "tap" {
					other = b.open("tap:t0")
					b.do(func() error { return linkUp("t0") })
				} else {
					name = "b0"
					veth(b, "b0", m, "m1")
					other = m.open("linux_eth:m1")
				}
				host := "10.9.0.2"
				if v6 {
					host = "fd00:9::2"
					for s, ifname := range map[*space]string{a: "a0", b: name} {
						s.do(func() error {
							return os.WriteFile("/proc/sys/net/ipv6/conf/"+ifname+"/disable_ipv6", []byte("0"), 0o644)
						})
					}
					a.addressV6("a0", "fd00:9::1/64")
					b.addressV6(name, "fd00:9::2/64")
				} else {
					a.address("a0", "10.9.0.1/24")
					b.address(name, "10.9.0.2/24")
				}
				super := m.superFrames("m0")
				c := newChecker(1514)
				join(t, m.open("linux_eth:m0"), other, c)
				transfer(t, a, b, host, megabytes<<20)
				c.result(t, 2*megabytes<<20/1460)
				if super.Load() == 0 {
					t.Error("the kernel never left segments to the interface: the test shows nothing")
				}
			})
		}
	}
}

func (s *space) addressV6(name, address string) {
	s.t.Helper()
	s.do(func() error {
		link, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		a, err := netlink.ParseAddr(address)
		if err != nil {
			return err
		}
		a.Flags = unix.IFA_F_NODAD
		return netlink.AddrAdd(link, a)
	})
}

// A wire on the interface that the host itself uses sees what the host sends,
// finished: TCP, UDP, and UDP in segments. What it cannot keep up with is
// counted.
func TestPacketSeesTheHost(t *testing.T) {
	a, b := newSpace(t), newSpace(t)
	veth(a, "a0", b, "b0")
	a.address("a0", "10.9.0.1/24")
	b.address("b0", "10.9.0.2/24")
	c := newChecker(1514)
	w := a.open("linux_eth:a0")
	join(t, w, wire.NewNull(), c)
	super := a.superFrames("a0")
	transfer(t, a, b, "10.9.0.2", 2<<20)
	const frames = 2 * 2 << 20 / 1460
	arrive := func(want int64) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); c.frames.Load() < want; time.Sleep(time.Millisecond) {
			if w.Stats().Dropped[wire.In][wire.Full] > 0 {
				t.Logf("%+v", w.Stats())
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d frames, want %d: %+v", c.frames.Load(), want, w.Stats())
			}
		}
	}
	arrive(frames)
	if super.Load() == 0 {
		t.Error("the kernel never left segments to the interface: the test shows nothing")
	}

	var conn, there net.Conn
	b.do(func() (err error) {
		there, err = net.ListenUDP("udp", &net.UDPAddr{Port: 9})
		return err
	})
	defer there.Close()
	a.do(func() (err error) {
		conn, err = net.Dial("udp", "10.9.0.2:9")
		return err
	})
	defer conn.Close()
	rc, err := conn.(*net.UDPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond) // the end of TCP
	before, beforeSuper := c.frames.Load(), super.Load()
	if _, err := conn.Write(make([]byte, 777)); err != nil {
		t.Fatal(err)
	}
	if cerr := rc.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_SEGMENT, 1000) }); cerr != nil || err != nil {
		t.Fatal(cerr, err)
	}
	if _, err := conn.Write(make([]byte, 20500)); err != nil {
		t.Fatal(err)
	}
	arrive(before + 1 + 21)
	if super.Load() == beforeSuper {
		t.Log("this kernel cut the segments of UDP itself")
	}
	c.result(t, 0)
}
