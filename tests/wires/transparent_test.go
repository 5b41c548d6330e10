package wires

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"dynemu/vm/wire"
)

// to gives a frame another destination.
func to(mac string, f []byte) []byte {
	if _, err := fmt.Sscanf(mac, "%2x%2x%2x%2x%2x%2x", &f[0], &f[1], &f[2], &f[3], &f[4], &f[5]); err != nil {
		panic(err)
	}
	return f
}

// reserved are frames of protocols that end at the next station, which a bridge
// would keep.
func reserved() map[string][]byte {
	frames := map[string][]byte{
		"CDP":    to("01000ccccccc", frame("0060 aaaa0300000c2000", 110, 20)),
		"VTP":    to("01000ccccccc", frame("0060 aaaa0300000c2003", 110, 21)),
		"PVST":   to("01000ccccccd", frame("81000064 0032 aaaa0300000c010b", 68, 22)),
		"STP":    to("0180c2000000", frame("0026 424203", 60, 23)),
		"pause":  to("0180c2000001", frame("8808 0001ffff", 60, 24)),
		"LACP":   to("0180c2000002", frame("8809 01", 124, 25)),
		"802.1X": to("0180c2000003", frame("888e 0101", 60, 26)),
		"LLDP":   to("0180c200000e", frame("88cc 0207", 90, 27)),
		"GARP":   to("0180c2000020", frame("0026 424203", 60, 28)),
	}
	for n := range 16 {
		frames[fmt.Sprintf("0180.c200.00%02x", n)] = to(fmt.Sprintf("0180c20000%02x", n), frame("88b5", 60, 30+n))
	}
	return frames
}

// jumbo are frames that are longer than those of the standard.
func jumbo() map[string][]byte {
	return map[string][]byte{
		"baby giant":   frame("81000064 81000007 88b5", 1522, 50),
		"jumbo":        frame("88b5", 9014, 51),
		"tagged jumbo": frame("81000064 88b5", 9018, 52),
		"longest":      frame("88b5", 9216, 53),
	}
}

// inNamespace opens an interface of a device.
func (m *machine) inNamespace(lab, device, ifname string) wire.Wire {
	m.space.t.Helper()
	name := m.Prefix + "-" + lab + "-" + device
	ns, err := netns.GetFromName(name)
	if err != nil {
		m.space.t.Fatal(err)
	}
	defer ns.Close()
	var w wire.Wire
	m.do(func() (err error) {
		if err := netns.Set(ns); err != nil {
			return err
		}
		w, err = wire.NIO{Type: "linux_eth", Interface: ifname}.Open()
		return errors.Join(err, netns.Set(m.ns))
	})
	m.space.t.Cleanup(func() { w.Close() })
	return w
}

// next waits for a frame of those that the tests make; nil when there is none.
func next(w wire.Wire, timeout time.Duration) []byte {
	buf := make([]byte, wire.MaxFrame)
	for deadline := time.Now().Add(timeout); ; {
		n, err := w.Receive(buf)
		if err != nil {
			return nil
		}
		if n >= 14 && string(buf[6:12]) == "\x02\xaa\x00\x00\x00\x01" {
			return buf[:n]
		}
		left := time.Until(deadline)
		if n == 0 {
			if left <= 0 {
				return nil
			}
			fds := []unix.PollFd{{Fd: int32(w.Descriptor()), Events: unix.POLLIN}}
			_, _ = unix.Poll(fds, int(left.Milliseconds())+1) // Receive tells
		}
	}
}

// kept is what a LAN makes of a frame: those to the address of pause frames are kept.
func kept(f []byte) []byte {
	if string(f[:6]) == "\x01\x80\xc2\x00\x00\x01" {
		return nil
	}
	return f
}

// trunked is what a dot1q port makes of a frame: one that is tagged with a priority
// alone is one of the native VLAN, and there is no VLAN 4095.
func trunked(f []byte) []byte {
	if f[12] != 0x81 || f[13] != 0 {
		return f
	}
	switch (int(f[14])<<8 | int(f[15])) & 0xFFF {
	case 0:
		return append(bytes.Clone(f[:12]), f[16:]...)
	case 4095:
		return nil
	}
	return f
}

const mesh = `[localhost]
[[7200]]
ram = 64
[[HUB A]]
1 = NIO_udp:10001:127.0.0.1:11001
2 = B 2
[[HUB B]]
1 = NIO_udp:10002:127.0.0.1:11002
[[HUB C]]
1 = NIO_udp:10003:127.0.0.1:11003
2 = LAN 5
[[HUB D]]
1 = NIO_udp:10004:127.0.0.1:11004
2 = LAN 5
[[ETHSW E]]
1 = dot1q 1 NIO_udp:10005:127.0.0.1:11005
2 = dot1q 1 F 2
[[ETHSW F]]
1 = dot1q 1 NIO_udp:10006:127.0.0.1:11006
2 = dot1q 1
[[HUB G]]
1 = NIO_udp:10007:127.0.0.1:11007
2 = NIO_udp:12000:127.0.0.1:12001
[[HUB I]]
1 = NIO_udp:10009:127.0.0.1:11009
2 = NIO_linux_eth:out0
[[ROUTER R1]]
slot1 = PA-GE
g1/0 = R2 g1/0
[[ROUTER R2]]
slot1 = PA-GE
`

// Every frame passes unchanged, from what is plugged into one device to what is
// plugged into another: through a cable, a LAN, a trunk, UDP to another lab, and an
// interface of the machine. The kernel's bridge in a LAN keeps frames to the address
// of pause frames, and these alone.
func TestTransparency(t *testing.T) {
	m, outside := newMachine(t), newSpace(t)
	veth(m.space, "out0", outside, "eth0")
	m.run("ip link set out0 mtu 9300")
	outside.run("ip link set eth0 mtu 9300")
	m.MustWriteLab("t", mesh)
	m.MustWriteLab("u", "[localhost]\n[[HUB H]]\n1 = NIO_udp:10008:127.0.0.1:11008\n2 = NIO_udp:12001:127.0.0.1:12000\n")
	for _, d := range []string{"A", "B", "C", "D", "E", "F", "G", "I"} {
		m.WaitState("t", d, "running")
		m.carrier("t", d, "1", true)
		m.carrier("t", d, "2", true)
	}
	m.WaitState("u", "H", "running")
	m.carrier("u", "H", "2", true)
	for _, r := range []string{"R1", "R2"} {
		m.router("t", r).address("g1/0", "10.0.0."+r[1:])
	}
	m.carrier("t", "R1", "g1/0", true)
	m.carrier("t", "R2", "g1/0", true)

	frames := ethernetFrames()
	maps.Copy(frames, reserved())
	maps.Copy(frames, jumbo())
	at := func(port int) wire.Wire { return m.open(fmt.Sprintf("udp:%d:127.0.0.1:%d", 1000+port, port)) }
	for _, way := range []struct {
		name string
		a, b wire.Wire
		make func(f []byte) []byte // of what is sent; nil: nothing
	}{
		{"cable between hubs", at(10001), at(10002), nil},
		{"LAN", at(10003), at(10004), kept},
		{"trunk", at(10005), at(10006), trunked},
		{"UDP to another lab", at(10007), at(10008), nil},
		{"interface of the machine", at(10009), outside.open("linux_eth:eth0"), nil},
		{"cable between routers", m.inNamespace("t", "R1", "g1-0.link"), m.inNamespace("t", "R2", "g1-0"), nil},
	} {
		for _, what := range slices.Sorted(maps.Keys(frames)) {
			f := frames[what]
			for n, ends := range [][2]wire.Wire{{way.a, way.b}, {way.b, way.a}} {
				if n == 1 && way.name == "cable between routers" {
					continue // what is sent into its TAP reaches the router alone
				}
				want, wait := f, 5*time.Second
				if way.make != nil {
					want = way.make(f)
				}
				if want == nil {
					wait = 50 * time.Millisecond
				}
				ends[0].Send(f)
				if got := next(ends[1], wait); !bytes.Equal(got, want) {
					t.Errorf("%s, way %d, %s:\nsent %d bytes %s\nwant %d bytes %s\ngot  %d bytes %s", way.name, n, what, len(f), brief(f), len(want), brief(want), len(got), brief(got))
				}
			}
		}
	}
}
