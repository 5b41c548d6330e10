package node_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/pcapgo"
	"golang.org/x/sys/unix"

	"dynemu/emud/node"
	"dynemu/netns"
	"dynemu/vm/wire"
	"dynemu/vm/wire/capture"
)

// startPair starts a switch of two ports in one VLAN.
func startPair(t *testing.T) (b *bench, n *node.Node, ends map[int]far) {
	b, ends = setupSwitch(t, node.SwitchSpec{Type: node.EthernetSwitch, Ports: access(10, 10)})
	return b, b.startSwitch(), ends
}

// through sends a frame from port 1 that must come out of port 2.
func through(ends map[int]far, payload string) {
	ends[1].t.Helper()
	ends[1].send(ether(0xffff, 1, payload))
	ends[2].expect(ether(0xffff, 1, payload))
}

// frames returns the frames in a capture file as it is now.
func frames(t *testing.T, path string) (all []string) {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	r, err := pcapgo.NewReader(f)
	must(t, err)
	for {
		data, _, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return all
		}
		must(t, err)
		all = append(all, fmt.Sprintf("%x", data))
	}
}

func compact(text string) string { return strings.ReplaceAll(text, " ", "") }

func (b *bench) create(name string) *os.File {
	b.t.Helper()
	f, err := os.Create(filepath.Join(b.dir, name))
	must(b.t, err)
	return f
}

// A capture can be read while it grows, goes on when its daemon dies, and ends with
// all that passed.
func TestCaptureFile(t *testing.T) {
	b, n, ends := startPair(t)
	f := b.create("1.cap")
	must(t, n.Capture(node.CaptureRequest{ID: "1.cap", Port: "1"}, f))
	f.Close()
	path := f.Name()
	through(ends, "01")
	eventually(t, "the first frame in the file", func() bool { return len(frames(t, path)) == 1 })
	short := b.create("short.cap")
	must(t, n.Capture(node.CaptureRequest{ID: "short", Port: "2", LinkType: "EN10MB", Snaplen: 14, Format: node.FormatPCAP}, short))
	short.Close()
	n.Release() // the daemon dies
	through(ends, "02")
	nodes, err := node.Adopt(b.opt)
	must(t, err)
	n = nodes[0]
	t.Cleanup(func() { n.Kill() })
	if s := n.Spec(); len(s.Ports[0].Captures) != 1 || s.Ports[0].Captures[0].ID != "1.cap" || len(s.Ports[1].Captures) != 1 || s.Ports[1].Captures[0].Snaplen != 14 {
		t.Errorf("captures of the adopted node: %+v", s.Ports)
	}
	for _, id := range []string{"1.cap", "short", ""} {
		err := n.Capture(node.CaptureRequest{ID: id, Port: "2"}, os.Stdin)
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("capture %q", id)) {
			t.Errorf("a capture %q: %v", id, err)
		}
	}
	through(ends, "03")
	must(t, n.NoCapture("1.cap"))
	through(ends, "04")
	if got, want := frames(t, path), []string{compact(ether(0xffff, 1, "01")), compact(ether(0xffff, 1, "02")), compact(ether(0xffff, 1, "03"))}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("captured %v, want %v", got, want)
	}
	eventually(t, "three frames in the other file", func() bool {
		st, err := n.Status()
		must(t, err)
		c := st.Ports["2"].Captures
		return len(st.Ports["1"].Captures) == 0 && len(c) == 1 && c[0].Frames == 3 && c[0].ID == "short" && c[0].Bytes == 24+3*(16+14)
	})
	if err := n.NoCapture("1.cap"); err == nil || !strings.Contains(err.Error(), `capture "1.cap": there is none`) {
		t.Errorf("a capture that is over: %v", err)
	}
	// The end of the node is that of its captures.
	must(t, n.Stop(ctx(t, 10*time.Second)))
	want := compact(ether(0xffff, 1, ""))
	if got := frames(t, short.Name()); fmt.Sprint(got) != fmt.Sprint([]string{want, want, want}) {
		t.Errorf("captured %v, want %s thrice", got, want)
	}
}

// A reader that does not read loses frames; the wire does not.
func TestCaptureWithoutReader(t *testing.T) {
	_, n, ends := startPair(t)
	r, w, err := os.Pipe()
	must(t, err)
	defer r.Close()
	must(t, n.Capture(node.CaptureRequest{ID: "slow", Port: "1", Format: node.FormatStream}, w))
	w.Close()
	const sent, size = 3000, 1500
	payload := strings.Repeat("00", size-18)
	for i := range sent {
		through(ends, fmt.Sprintf("%08x%s", i, payload))
	}
	var c node.CaptureStatus
	eventually(t, "all frames counted", func() bool {
		st, err := n.Status()
		must(t, err)
		c = st.Ports["1"].Captures[0]
		return st.Ports["2"].TxFrames == sent && st.Ports["2"].TxDrops == 0
	})
	if c.Dropped == 0 || c.Error != "" {
		t.Errorf("capture: %+v", c)
	}
	// What it reads then is what there was first, and the record behind the gap says how
	// many are missing.
	s, err := capture.NewReader(r)
	must(t, err)
	next := uint32(0)
	read := func() capture.Record {
		rec, err := s.Next()
		must(t, err)
		next += uint32(rec.Dropped)
		if got := binary.BigEndian.Uint32(rec.Data[14:]); got != next || rec.Length != size || rec.Direction != wire.In {
			t.Fatalf("frame %d of %d bytes, %v; want %d", got, rec.Length, rec.Direction, next)
		}
		next++
		return rec
	}
	for uint64(next) < sent-c.Dropped {
		read()
	}
	through(ends, fmt.Sprintf("%08x%s", sent, payload))
	if rec := read(); uint64(rec.Dropped) != c.Dropped {
		t.Errorf("%d frames are missing, want %d", rec.Dropped, c.Dropped)
	}
	// A reader that goes away ends it.
	r.Close()
	through(ends, "01")
	for e := range n.Events() {
		if e.Capture == "slow" {
			if e.Port != "1" || !strings.Contains(e.Error, "nobody reads it") {
				t.Errorf("event: %+v", e)
			}
			break
		}
	}
	if s := n.Spec(); len(s.Ports[0].Captures) != 0 {
		t.Errorf("captures after their end: %+v", s.Ports[0])
	}
	through(ends, "02")
}

// The link type of a capture follows the kind of port and what is seen there.
func TestCaptureLinkTypes(t *testing.T) {
	b := setup(t)
	b.spec.Ports = b.spec.Ports[:1]
	b.spec.Ports[0].Name, b.spec.Ports[0].Kind, b.spec.Ports[0].Wire = "s0/0", node.KindSerial, node.WirePipe
	f, conn := pair(t)
	b.files.Ports["s0/0"] = f
	n := b.start()
	linkType := func(request string) uint32 {
		f := b.create("x.cap")
		must(t, n.Capture(node.CaptureRequest{ID: "x", Port: "s0/0", LinkType: request}, f))
		must(t, n.NoCapture("x"))
		head := make([]byte, 24)
		_, err := f.ReadAt(head, 0)
		must(t, err)
		f.Close()
		return binary.LittleEndian.Uint32(head[20:])
	}
	if got := linkType(""); got != 104 { // C_HDLC
		t.Errorf("link type %d of a new serial port", got)
	}
	// PPP: configure-requests of LCP. The fake router sends what it got, with another
	// first byte.
	for range 8 {
		far{conn, t}.send("ff03 c021 01 01 0004")
	}
	for e := range n.Events() {
		if e.Encapsulation != "" {
			if e.Port != "s0/0" || e.Encapsulation != "ppp" {
				t.Errorf("event: %+v", e)
			}
			break
		}
	}
	if got := linkType(""); got != 50 { // PPP_SERIAL
		t.Errorf("link type %d of a port with PPP", got)
	}
	if got := linkType("FR"); got != 107 {
		t.Errorf("link type %d of FR", got)
	}
	if err := n.Capture(node.CaptureRequest{ID: "x", Port: "s0/0", LinkType: "TOKEN"}, os.Stdin); err == nil || !strings.Contains(err.Error(), `"TOKEN" is unknown; wanted: ETH, HDLC`) {
		t.Errorf("an unknown link type: %v", err)
	}
	st, err := n.Status()
	must(t, err)
	if e := st.Ports["s0/0"].Encapsulation; e != "ppp" || n.Spec().Ports[0].Encapsulation != e {
		t.Errorf("encapsulation %q, %q", e, n.Spec().Ports[0].Encapsulation)
	}
}

func TestFilterAndImpairment(t *testing.T) {
	b, n, ends := startPair(t)
	must(t, n.SetFilter("1", "in freq_drop 3"))
	for i := range 9 {
		payload := fmt.Sprintf("%02x", i)
		if ends[1].send(ether(0xffff, 1, payload)); i%3 != 2 {
			ends[2].expect(ether(0xffff, 1, payload))
		}
	}
	eventually(t, "the last frame filtered", func() bool {
		st, err := n.Status()
		must(t, err)
		return st.Ports["1"].Dropped["rx-filter"] == 3
	})
	for _, port := range []string{"1", "2"} {
		must(t, n.SetFilter(port, "none"))
	}
	through(ends, "aa")
	must(t, n.SetFilter("2", "out freq_drop -1"))
	ends[1].send(ether(0xffff, 1, "ab"))
	eventually(t, "the filtered frames counted", func() bool {
		st, err := n.Status()
		must(t, err)
		return st.Ports["1"].Dropped["rx-filter"] == 3 && st.Ports["1"].RxDrops == 3 && st.Ports["1"].Filter == "" &&
			st.Ports["2"].Dropped["tx-filter"] == 1 && st.Ports["2"].Filter == "out freq_drop -1"
	})
	must(t, n.SetFilter("2", ""))
	through(ends, "ac")

	must(t, n.SetImpairment("2", "out delay 300ms"))
	start := time.Now()
	through(ends, "bb")
	if d := time.Since(start); d < 300*time.Millisecond {
		t.Errorf("a frame with a delay of 300 ms took %v", d)
	}
	must(t, n.SetImpairment("1", "loss 100%"))
	ends[1].send(ether(0xffff, 1, "bc"))
	eventually(t, "the lost frame counted", func() bool {
		st, err := n.Status()
		must(t, err)
		return st.Ports["1"].Dropped["rx-loss"] == 1 && st.Ports["1"].Impairment == "in loss 100%" && st.Ports["2"].Impairment == "out delay 300ms"
	})
	for _, bad := range []error{n.SetFilter("1", "drop 5"), n.SetImpairment("1", "delay"), n.SetFilter("9", "none"), n.SetImpairment("9", "none")} {
		if bad == nil || !strings.Contains(bad.Error(), "wanted") && !strings.Contains(bad.Error(), `no port "9"`) {
			t.Errorf("%v", bad)
		}
	}
	// A new daemon knows of them.
	n.Release()
	nodes, err := node.Adopt(b.opt)
	must(t, err)
	n = nodes[0]
	adopted := n
	t.Cleanup(func() { adopted.Kill() })
	if p := n.Spec().Ports; p[0].Impairment != "in loss 100%" || p[1].Impairment != "out delay 300ms" || p[0].Filter != "" {
		t.Errorf("ports of the adopted node: %+v", p)
	}
	must(t, n.SetImpairment("1", "none"))
	must(t, n.SetImpairment("2", "none"))
	through(ends, "cc")

	// They can be there from the start.
	b.spec.Device = "SW2"
	for i, p := range b.spec.Ports {
		theirs, ours := pair(t)
		b.files.Ports[p.Name], ends[i+1] = theirs, far{ours, t}
	}
	b.spec.Ports[0].Filter, b.spec.Ports[1].Impairment, b.spec.Ports[1].Down = "in freq_drop 2", "loss 10%", true
	n = b.startSwitch()
	st, err := n.Status()
	must(t, err)
	if p := st.Ports; p["1"].Filter != "in freq_drop 2" || p["2"].Impairment != "loss 10%" || p["2"].Carrier {
		t.Errorf("ports at the start: %+v", p)
	}
	if s := text(t, n.SwitchStatus); !strings.Contains(s, "port 2 down") {
		t.Errorf("status:\n%s", s)
	}
}

// rootNetwork returns a network of its own, and a namespace in it.
func rootNetwork(t *testing.T) (m *netns.Manager, ns string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIP: needs root for network namespaces")
	}
	m = netns.New("ntwire")
	must(t, m.Cleanup(nil))
	t.Cleanup(func() { m.Cleanup(nil) })
	ns = m.Name("lab", "SW")
	must(t, m.EnsureNamespace(ns))
	return m, ns
}

// udpPair is a NIO of type udp, and a socket at its other side.
func udpPair(t *testing.T) (f *os.File, peer far) {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	defer c.Close()
	p, err := net.DialUDP("udp", nil, c.LocalAddr().(*net.UDPAddr))
	must(t, err)
	t.Cleanup(func() { p.Close() })
	must(t, err)
	rc, err := c.SyscallConn()
	must(t, err)
	to := p.LocalAddr().(*net.UDPAddr)
	must(t, rc.Control(func(fd uintptr) {
		err = unix.Connect(int(fd), &unix.SockaddrInet4{Port: to.Port, Addr: [4]byte{127, 0, 0, 1}})
	}))
	must(t, err)
	f, err = c.File()
	must(t, err)
	t.Cleanup(func() { f.Close() })
	return f, far{p, t}
}

// tcpPair is a NIO of type tcp, and its other side.
func tcpPair(t *testing.T) (f *os.File, peer net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	must(t, err)
	defer c.Close()
	peer, err = l.Accept()
	must(t, err)
	f, err = c.(*net.TCPConn).File()
	must(t, err)
	t.Cleanup(func() { f.Close(); peer.Close() })
	return f, peer
}

// socketPair returns a file and the other end.
func socketPair(t *testing.T, kind int) (theirs *os.File, ours net.Conn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	must(t, err)
	theirs = os.NewFile(uintptr(fds[0]), "socket")
	f := os.NewFile(uintptr(fds[1]), "socket")
	defer f.Close()
	ours, err = net.FileConn(f)
	must(t, err)
	t.Cleanup(func() { theirs.Close(); ours.Close() })
	return theirs, ours
}

// An Ethernet port reaches a NIO through the end of its cable, and any NIO in its place
// later.
func TestOutlet(t *testing.T) {
	m, ns := rootNetwork(t)
	b, ends := setupSwitch(t, node.SwitchSpec{Type: node.EthernetSwitch, Ports: access(10, 10)})
	port := netns.Endpoint{Namespace: ns, Ifname: "p2"}
	tap, err := m.OpenTAP(ns, port.Ifname, 0)
	must(t, err)
	b.files.Ports["2"].Close()
	b.files.Ports["2"], b.spec.Ports[1].Wire = tap, node.WireTAP
	n := b.startSwitch()

	nio, peer := udpPair(t)
	if err := n.Outlet("2", node.WireUDP, nil, nio, nil); err == nil || !strings.Contains(err.Error(), `"cable" did not come along`) {
		t.Errorf("an outlet without cable: %v", err)
	}
	cable, err := m.OpenCable(port)
	must(t, err)
	must(t, n.Outlet("2", node.WireUDP, cable, nio, nil))
	cable.Close()
	must(t, m.PlugCable(port, true))
	ends[1].send(ether(0xffff, 1, "01"))
	peer.expect(ether(0xffff, 1, "01"))
	peer.send(ether(1, 2, "02"))
	ends[1].expect(ether(1, 2, "02"))
	eventually(t, "the counters of the NIO", func() bool {
		st, err := n.Status()
		must(t, err)
		p, o := st.Ports["2"], st.Ports["2"].Outlet
		return p.RxFrames == 1 && p.TxFrames == 1 && o != nil && o.Kind == node.WireUDP &&
			o.RxFrames == 1 && o.TxFrames == 1 && o.RxBytes == 15 && o.TxBytes == 15 && o.Error == ""
	})

	// What cannot be opened leaves the one that is there alone.
	for _, bad := range []error{
		n.Outlet("2", node.WireVDE, nil, nio, nil), n.Outlet("2", "fiber", nil, nio, nil), n.Outlet("2", node.WireUDP, nio, nio, nil),
		n.Outlet("2", node.WireUDP, nil, nil, nil), n.Outlet("9", node.WireUDP, nil, nio, nil), n.NoOutlet("9"),
	} {
		if bad == nil {
			t.Error("a bad outlet was made")
		}
	}
	ends[1].send(ether(0xffff, 1, "03"))
	peer.expect(ether(0xffff, 1, "03"))

	// A new daemon gives it another NIO; the cable stays, for it can be opened once only.
	n.Release()
	nodes, err := node.Adopt(b.opt)
	must(t, err)
	n = nodes[0]
	t.Cleanup(func() { n.Kill() })
	if o := n.Spec().Ports[1].Outlet; o != node.WireUDP {
		t.Errorf("outlet of the adopted node: %q", o)
	}
	tcp, client := tcpPair(t)
	must(t, n.Outlet("2", node.WireTCP, nil, tcp, nil))
	tcp.Close()
	ends[1].send(ether(0xffff, 1, "04"))
	frame := fromHex(t, ether(0xffff, 1, "04"))
	want := append(binary.BigEndian.AppendUint32(nil, uint32(len(frame))), frame...)
	got := make([]byte, len(want))
	must(t, client.SetReadDeadline(time.Now().Add(10*time.Second)))
	if _, err := io.ReadFull(client, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("over TCP: %x, %v; want %x", got, err, want)
	}
	// Its end is told, and the next one takes its place.
	client.Close()
	for e := range n.Events() {
		if e.NIO != "" {
			if e.Port != "2" || e.NIO != node.WireTCP || e.Error == "" {
				t.Errorf("event: %+v", e)
			}
			break
		}
	}
	st, err := n.Status()
	must(t, err)
	if o := st.Ports["2"].Outlet; o == nil || o.Error == "" || !st.Ports["2"].Plugged {
		t.Errorf("status after the end of the NIO: %+v", st.Ports["2"])
	}
	nio, peer = udpPair(t)
	must(t, n.Outlet("2", node.WireUDP, nil, nio, nil))
	ends[1].send(ether(0xffff, 1, "05"))
	peer.expect(ether(0xffff, 1, "05"))

	// A VDE switch whose control connection ends.
	data, far1 := socketPair(t, unix.SOCK_DGRAM)
	control, far2 := socketPair(t, unix.SOCK_STREAM)
	must(t, n.Outlet("2", node.WireVDE, nil, data, control))
	control.Close()
	ends[1].send(ether(0xffff, 1, "06"))
	far{far1, t}.expect(ether(0xffff, 1, "06"))
	far2.Close()
	for e := range n.Events() {
		if e.NIO != "" {
			if e.NIO != node.WireVDE {
				t.Errorf("event: %+v", e)
			}
			break
		}
	}

	// An interface of the host.
	o, err := wire.NIO{Type: "linux_eth", Interface: "lo"}.OpenFiles()
	must(t, err)
	defer o.Close()
	must(t, n.Outlet("2", o.Kind, nil, o.File, nil))
	ends[1].send(ether(0xffff, 1, "07"))
	eventually(t, "frames of the interface", func() bool {
		conn, err := net.Dial("udp", "127.0.0.1:9")
		must(t, err)
		defer conn.Close()
		conn.Write([]byte("x"))
		st, err := n.Status()
		must(t, err)
		out := st.Ports["2"].Outlet
		return out.Kind == node.WirePacket && out.TxFrames == 6 && out.RxFrames > 1 && out.Error == ""
	})
	must(t, n.NoOutlet("2"))
	must(t, n.NoOutlet("2"))
	eventually(t, "the cable free again", func() bool {
		f, err := m.OpenCable(port)
		if err == nil {
			f.Close()
		}
		return err == nil
	})
}

// The frames of a serial port show at its kernel interface, both directions.
func TestInterface(t *testing.T) {
	m, ns := rootNetwork(t)
	b, ends := setupSwitch(t, node.SwitchSpec{Type: node.FrameRelaySwitch, Ports: serials(2), Circuits: []node.CircuitSpec{pvc(1, 102, 2, 201)}})
	n := b.startSwitch()
	must(t, m.EnsureTUN(ns, "p1", netns.FrameRelay))
	for range 2 { // again in its place, and after its end
		tun, packet, err := m.OpenTUN(ns, "p1")
		must(t, err)
		if err := n.Interface("1", tun, nil); err == nil || !strings.Contains(err.Error(), `"packet" did not come along`) {
			t.Errorf("an interface without packet socket: %v", err)
		}
		must(t, n.Interface("1", tun, packet))
		must(t, n.Interface("1", tun, packet))
		tun.Close()
		packet.Close()
		before, err := m.Stats(ns, "p1")
		must(t, err)
		ends[1].send("1861 03 cc 45")
		ends[2].expect("3091 03 cc 45")
		ends[2].send("3091 03 cc 46 47")
		ends[1].expect("1861 03 cc 46 47")
		eventually(t, "both frames at the interface", func() bool {
			s, err := m.Stats(ns, "p1")
			must(t, err)
			return s.TxFrames == before.TxFrames+1 && s.RxFrames == before.RxFrames+1 &&
				s.RxBytes >= before.RxBytes+5 && s.TxBytes >= before.TxBytes+6
		})
		if st, err := n.Status(); err != nil || !st.Ports["1"].Interface || st.Ports["2"].Interface || !n.Spec().Ports[0].Interface {
			t.Errorf("status: %+v, %v", st.Ports, err)
		}
		must(t, n.NoInterface("1"))
		ends[1].send("1861 03 cc 45")
		ends[2].expect("3091 03 cc 45")
	}
}

// Whatever is asked for, wrong requests are answered with an error, change nothing and
// keep no descriptor.
func TestMalformedRequests(t *testing.T) {
	for what, start := range map[string]func() (*bench, *node.Node, map[int]far){
		"switch": func() (*bench, *node.Node, map[int]far) { return startPair(t) },
		"router": func() (*bench, *node.Node, map[int]far) {
			b := setup(t)
			b.spec.Device = "SW"
			f, end := pair(t)
			b.files.Ports["f0/0"], b.spec.Ports[0].Wire = f, node.WirePipe
			return b, b.start(), map[int]far{1: {end, t}}
		},
	} {
		b, n, ends := start()
		works := func() {
			if what == "switch" {
				through(ends, "01")
			} else {
				echoes(t, ends[1], ends[1].SetReadDeadline)
			}
		}
		works()
		c, err := net.Dial("unixpacket", filepath.Join(b.opt.RuntimeDir, "nodes", "lab.SW.sock"))
		must(t, err)
		conn := node.NewConn(c.(*net.UnixConn))
		t.Cleanup(func() { conn.Close() })
		ask := func(m node.Message, files ...*os.File) *node.Received {
			t.Helper()
			must(t, conn.Send(m, files...))
			for {
				r, err := conn.Receive()
				must(t, err)
				if r.Op == node.OpReply {
					return r
				}
			}
		}
		hello := func() string { return string(ask(node.Message{Op: node.OpHello}).Body) }
		eventually(t, "state running", func() bool { return n.State() == node.Running })
		if what == "router" {
			must(t, n.SetCarrier("f0/1", false)) // what the only request that is right below asks for
		}
		before, open := hello(), nodeDescriptors(n)
		null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		must(t, err)
		defer null.Close()
		names := []string{node.FileWire, node.FileCable, node.FileNIO, node.FileKeep, node.FileTUN, node.FilePacket, node.FileContent, node.FilePort + "1", node.FilePort + "3"}
		for _, op := range []string{node.OpPlug, node.OpUnplug, node.OpConsole, node.OpSetNVRAM, node.OpSetConfig, node.OpConfReg, node.OpInsert, node.OpRemove,
			node.OpConfigure, node.OpOutlet, node.OpNoOutlet, node.OpCarrier, node.OpCapture, node.OpNoCapture, node.OpInterface, node.OpNoInterface, node.OpFilter,
			node.OpImpair, node.OpStart, "dance"} {
			bodies := []string{``, `null`, `7`, `"x"`, `[]`, `{"port":7}`, `{"port":""}`, `{"port":"9","kind":"pipe","id":"x"}`, `{"port":"f0/1","kind":"x","id":"","text":"x"}`,
				`{"slot":-1,"card":"x"}`, `{"slot":99999999999999999999}`, `{"type":"ETHSW","ports":[{"number":-1}]}`, `{"type":"ETHSW","ports":7}`,
				`{"type":"ETHSW","ports":[{"number":3,"kind":"ethernet","mode":"access","vlan":1,"wire":"tcp"}]}`}
			for _, body := range bodies {
				for _, files := range [][]string{nil, names} {
					sent := make([]*os.File, len(files))
					for i := range sent {
						sent[i] = null
					}
					r := ask(node.Message{Op: op, Body: json.RawMessage(body), Files: files}, sent...)
					if r.Error == "" {
						// A value is taken for one of nothing: no harm is done by those.
						switch op {
						case node.OpConfReg, node.OpConsole, node.OpSetConfig:
							continue
						case node.OpUnplug, node.OpNoOutlet, node.OpNoInterface, node.OpCarrier:
							if strings.Contains(body, "f0/1") { // it has said enough
								continue
							}
						}
						t.Errorf("%s: %s %s with %d files was done", what, op, body, len(files))
					}
				}
			}
		}
		if after := hello(); after != before {
			t.Errorf("%s after bad requests:\n%s\nbefore:\n%s", what, after, before)
		}
		works()
		eventually(t, what+": no descriptor kept", func() bool { return nodeDescriptors(n) <= open })
	}
}

// nodeDescriptors counts the descriptors that a node holds.
func nodeDescriptors(n *node.Node) int {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", n.PID()))
	if err != nil {
		return 0 // not root: it cannot be seen
	}
	return len(entries)
}

// What happened while a daemon's connection was broken it is told when it has another.
func TestEventsAreCaughtUp(t *testing.T) {
	_, n, ends := startPair(t)
	n.BreakConnection()
	ends[2].Close()
	for e := range n.Events() {
		if e.NIO != "" {
			if e.Port != "2" || e.NIO != node.WirePipe || e.Error == "" || e.State != node.Running {
				t.Errorf("event: %+v", e)
			}
			break
		}
	}
	if p := n.Spec().Ports; p[0].Wire != node.WirePipe || p[1].Wire != node.WireNone {
		t.Errorf("ports: %+v", p)
	}
}

// Every kind of wire can be plugged in behind the sandbox, and carries frames.
func TestKindsOfWires(t *testing.T) {
	_, n, ends := startPair(t)
	plug := func(nio wire.NIO) wire.Opened {
		t.Helper()
		o, err := nio.OpenFiles()
		must(t, err)
		t.Cleanup(func() { o.Close(); nio.Remove() })
		must(t, n.Plug("2", o.Kind, o.File))
		return o
	}
	carries := func(kind string, far wire.Wire) {
		t.Helper()
		defer far.Close()
		buf := make([]byte, wire.MaxFrame)
		far.Send(fromHex(t, ether(1, 2, "02")))
		ends[1].expect(ether(1, 2, "02"))
		ends[1].send(ether(0xffff, 1, "01"))
		eventually(t, kind+": a frame", func() bool {
			k, err := far.Receive(buf)
			must(t, err)
			return bytes.Equal(buf[:k], fromHex(t, ether(0xffff, 1, "01")))
		})
		if p := n.Spec().Ports[1]; strings.Split(p.Wire, ":")[0] != kind {
			t.Errorf("%s: port %+v", kind, p)
		}
	}
	open := func(nio wire.NIO) wire.Wire {
		t.Helper()
		w, err := nio.Open()
		must(t, err)
		return w
	}

	f, c := udpPair(t)
	must(t, n.Plug("2", node.WireUDP, f))
	rc, err := c.Conn.(*net.UDPConn).File()
	must(t, err)
	far, err := wire.FromFiles(node.WireUDP, rc, nil)
	must(t, err)
	carries(node.WireUDP, far)

	// The peer of a socket with a path must be one that the node's user may write to.
	dir, err := os.MkdirTemp("", "nodewire")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	a, z := filepath.Join(dir, "a"), filepath.Join(dir, "z")
	far = open(wire.NIO{Type: "unix", Local: z, Remote: a})
	must(t, os.Chmod(z, 0o777))
	plug(wire.NIO{Type: "unix", Local: a, Remote: z})
	carries(node.WireUnix, far)

	listening := wire.NIO{Type: "tcp_ser", LocalPort: freePort(t)}
	plug(listening)
	carries(node.WireTCP, open(wire.NIO{Type: "tcp_cli", RemoteHost: "127.0.0.1", RemotePort: listening.LocalPort}))

	must(t, n.Plug("2", node.WireNull, nil))
	ends[1].send(ether(0xffff, 1, "03"))
	eventually(t, "a frame taken by a null wire", func() bool {
		st, err := n.Status()
		must(t, err)
		return st.Ports["2"].TxFrames == 4 && st.Ports["2"].TxDrops == 0
	})
}

// freePort returns a TCP port that nobody listens at.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
