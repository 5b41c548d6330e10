package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// inNetns runs the test on a thread in a network namespace of its own.
func inNetns(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIP: making a network namespace needs root")
	}
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	ns, err := netns.New()
	if err != nil {
		t.Skipf("SKIP: no network namespaces here: %v", err)
	}
	t.Cleanup(func() { ns.Close() })
}

func openTAP(t *testing.T, name string) *TAP {
	t.Helper()
	w, err := OpenTAP(name)
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("SKIP: %v", err)
	}
	return must(w, err)(t)
}

func setUp(t *testing.T, name string) netlink.Link {
	t.Helper()
	link, err := netlink.LinkByName(name)
	if err == nil {
		err = netlink.LinkSetUp(link)
	}
	if err != nil {
		t.Fatal(err)
	}
	return link
}

// packetSocket returns a socket that sees and sends frames of the interface.
func packetSocket(t *testing.T, link netlink.Link) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	proto := binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL})
	err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: proto, Ifindex: link.Attrs().Index})
	if err == nil {
		err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5})
	}
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

var frame = append([]byte("\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x01\x88\xb5"), bytes.Repeat([]byte("x"), 60)...)

func TestTAP(t *testing.T) {
	inNetns(t)
	w := openTAP(t, "f0-0")
	if w.Name() != "f0-0" {
		t.Errorf("name %q", w.Name())
	}
	w.Send(frame) // the interface is down
	if s := w.Stats(); s.TxDrops != 1 {
		t.Errorf("interface down: %+v", s)
	}
	sock := packetSocket(t, setUp(t, "f0-0"))

	w.Send(frame)
	buf := make([]byte, MaxFrame)
	for {
		n, from, err := unix.Recvfrom(sock, buf, 0)
		if err != nil {
			t.Fatalf("the frame did not come out of the TAP: %v", err)
		}
		// What the kernel itself sends is of no interest.
		if from.(*unix.SockaddrLinklayer).Pkttype != unix.PACKET_OUTGOING {
			if !bytes.Equal(buf[:n], frame) {
				t.Errorf("got %q", buf[:n])
			}
			break
		}
	}
	if _, err := unix.Write(sock, frame); err != nil {
		t.Fatal(err)
	}
	for receive(t, w) != string(frame) { // before it, the kernel's own
	}

	if err := w.SetCarrier(false); err != nil {
		t.Skipf("SKIP: carrier: this kernel has no TUNSETCARRIER: %v", err)
	}
	carrier := func() bool {
		link, err := netlink.LinkByName("f0-0")
		if err != nil {
			t.Fatal(err)
		}
		return link.Attrs().RawFlags&unix.IFF_LOWER_UP != 0
	}
	if carrier() {
		t.Error("carrier is on")
	}
	if err := w.SetCarrier(true); err != nil || !carrier() {
		t.Errorf("carrier is off: %v", err)
	}
}

func TestTAPGoesWithItsWire(t *testing.T) {
	inNetns(t)
	w := openTAP(t, "f0-0")
	w.Close()
	if _, err := w.Receive(make([]byte, MaxFrame)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Receive after Close: %v", err)
	}
	if _, err := netlink.LinkByName("f0-0"); err == nil {
		t.Error("the interface is still there")
	}
}

func TestTAPDeleted(t *testing.T) {
	inNetns(t)
	w := openTAP(t, "f0-0")
	m := newMachine(t)
	p := NewPort(m.Loop, m)
	defer p.Close()
	p.Plug(w)
	if err := netlink.LinkDel(setUp(t, "f0-0")); err != nil {
		t.Fatal(err)
	}
	await(t, "unplugged", func() bool { return !p.Plugged() })
}

func TestOpenTAPErrors(t *testing.T) {
	inNetns(t)
	openTAP(t, "tap0")
	if _, err := OpenTAP("tap0"); err == nil || !strings.Contains(err.Error(), "another program has it open") {
		t.Errorf("busy: %v", err)
	}
	if _, err := OpenTAP("lo"); err == nil || !strings.Contains(err.Error(), "not a TAP") {
		t.Errorf("lo: %v", err)
	}
}
