package capture

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"dynemu/vm/wire"
)

// openTUN makes the interface s1-0 with a link type, in a network namespace that
// ends with the test, and returns its descriptor and its index.
func openTUN(t *testing.T, link int) (tun *os.File, index int) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIP: not root: no TUN")
	}
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	ns, err := netns.New()
	if err != nil {
		t.Skipf("SKIP: no network namespaces here: %v", err)
	}
	t.Cleanup(func() { ns.Close() })
	ifr, err := unix.NewIfreq("s1-0")
	if err != nil {
		t.Fatal(err)
	}
	ifr.SetUint16(unix.IFF_TUN)
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("SKIP: %v", err)
	}
	tun = os.NewFile(uintptr(fd), "s1-0")
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetInt(fd, unix.TUNSETLINK, link); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("/proc/sys/net/ipv6/conf/s1-0/disable_ipv6", []byte("1"), 0); err != nil {
		t.Logf("IPv6 stays on: %v", err)
	}
	l, err := netlink.LinkByName("s1-0")
	if err == nil {
		err = netlink.LinkSetMTU(l, 4470)
	}
	if err == nil {
		err = netlink.LinkSetUp(l)
	}
	if err != nil {
		t.Fatal(err)
	}
	return tun, l.Attrs().Index
}

// packetSocket returns a packet socket at an interface.
func packetSocket(t *testing.T, index int, protocol uint16) int {
	t.Helper()
	var p [2]byte
	binary.BigEndian.PutUint16(p[:], protocol)
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: binary.NativeEndian.Uint16(p[:]), Ifindex: index})
	}
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// What the machine sends shows as coming in, what it receives as going out, byte for
// byte, whatever it is; the interface never fills up.
func TestInterface(t *testing.T) {
	const hdlc = 513
	tun, index := openTUN(t, hdlc)
	packet := packetSocket(t, index, 0x0019)
	watch := packetSocket(t, index, unix.ETH_P_ALL)
	defer unix.Close(watch)
	i, err := NewInterface(tun, os.NewFile(uintptr(packet), "packet"))
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	frames := [][]byte{unhex("8f00 8035 0000 0002 0000 0000 0000 0000 ffff 0000"), append(unhex("0f00 0800"), ping...),
		append(unhex("ff03 0021"), ping...), unhex("1861 0300 8000 80c2"), make([]byte, 4470), unhex("0f00 2000")}
	var want, got []string
	buf := make([]byte, wire.MaxFrame)
	for round := range 400 { // more than the interface's queue holds
		for k, frame := range frames {
			d := wire.Direction((k + round) % 2)
			i.Frame(d, time.Now(), frame)
			want = append(want, fmt.Sprintf("%s %x", d, frame))
			n, from, err := unix.Recvfrom(watch, buf, 0)
			if err != nil {
				t.Fatalf("frame %d of round %d, %s: %v", k, round, d, err)
			}
			d = wire.Out
			if from.(*unix.SockaddrLinklayer).Pkttype == unix.PACKET_OUTGOING {
				d = wire.In
			}
			got = append(got, fmt.Sprintf("%s %x", d, buf[:n]))
		}
	}
	if !slices.Equal(got, want) {
		for k := range got {
			if got[k] != want[k] {
				t.Fatalf("frame %d: %.80s, want %.80s", k, got[k], want[k])
			}
		}
	}
	if frames, dropped := i.Stats(); frames != uint64(len(want)) || dropped != 0 {
		t.Errorf("%d frames, %d dropped", frames, dropped)
	}
	i.Frame(wire.In, time.Now(), make([]byte, 9000))
	if _, dropped := i.Stats(); dropped != 1 {
		t.Errorf("%d frames dropped of one that is longer than the MTU", dropped)
	}
	for range 2 {
		if err := i.Close(); err != nil {
			t.Error(err)
		}
	}
	i.Frame(wire.In, time.Now(), frames[0])
	if _, err := netlink.LinkByName("s1-0"); err == nil {
		t.Error("the interface's descriptor is still open")
	}
}
