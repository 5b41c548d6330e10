package wires

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"dynemu/tests/peer"
	"dynemu/vm/wire"
)

// Frames pass unchanged between Dynamips and us, both ways, over every type of
// NIO that it has commands for. Dynamips' end is bridged to a UDP socket of the
// test.
func TestDynamips(t *testing.T) {
	debian := peer.Debian(t)
	ether := ethernetFrames()
	any := map[string][]byte{}
	for _, n := range []int{1, 53, 1600, 9000, 30000} {
		any[fmt.Sprint(n, " bytes")] = frame("88b5", n, n)
	}
	for _, c := range []struct {
		kind  string
		sizes bool // carries frames of any size
		// setup gives Dynamips what follows "nio create_" for NIO n0, and returns ours.
		setup func(s *space, m *peer.Manager, dir string) (ours wire.Wire)
		// toDynamips is what Dynamips makes of a frame that we send.
		toDynamips func(f []byte) []byte
	}{
		{"udp", true, func(s *space, m *peer.Manager, _ string) wire.Wire {
			p := peer.UDPPorts(t, 2)
			m.Do("nio create_udp n0 %d 127.0.0.1 %d", p[0], p[1])
			return s.open(fmt.Sprintf("udp:%d:127.0.0.1:%d", p[1], p[0]))
		}, nil},
		{"udp, on another machine, in batches", true, func(s *space, m *peer.Manager, _ string) wire.Wire {
			o := newSpace(t)
			veth(s, "v0", o, "v1")
			s.address("v0", "10.9.0.1/24")
			o.address("v1", "10.9.0.2/24")
			p := peer.UDPPorts(t, 2)
			m.Do("nio create_udp n0 %d 10.9.0.2 %d", p[0], p[1])
			return wire.NewBatch(o.open(fmt.Sprintf("udp:%d:10.9.0.1:%d", p[1], p[0])))
		}, nil},
		{"udp_auto", true, func(s *space, m *peer.Manager, _ string) wire.Wire {
			p := peer.UDPPorts(t, 1)[0]
			m.Do("nio create_udp_auto n0 127.0.0.1 %d %d", p, p)
			var o wire.Opened
			s.do(func() (err error) {
				o, err = wire.NIO{Type: "udp_auto", LocalHost: "127.0.0.1", PortStart: p, PortEnd: p + 100, RemoteHost: "127.0.0.1", RemotePort: p}.OpenFiles()
				return err
			})
			m.Do("nio connect_udp_auto n0 127.0.0.1 %d", o.LocalPort)
			w, err := wire.FromFiles(o.Kind, o.File, o.Keep)
			if err != nil {
				t.Fatal(err)
			}
			return w
		}, nil},
		{"unix", true, func(s *space, m *peer.Manager, dir string) wire.Wire {
			a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
			m.Do("nio create_unix n0 %s %s", a, b)
			return s.open("unix:" + b + ":" + a)
		}, nil},
		{"vde", false, func(s *space, m *peer.Manager, dir string) wire.Wire {
			sw, _ := s.vdeSwitch()
			m.Do("nio create_vde n0 %s/ctl %s", sw, filepath.Join(dir, "a"))
			return s.open("vde:" + sw + "/ctl:" + filepath.Join(dir, "b"))
		}, nil},
		{"tap", false, func(s *space, m *peer.Manager, _ string) wire.Wire {
			// Its TAP is joined to ours by two packet wires.
			m.Do("nio create_tap n0 theirs")
			w := s.open("tap:ours")
			for _, name := range []string{"theirs", "ours"} {
				s.do(func() error { return linkUp(name) })
				s.carries(name)
			}
			join(t, s.open("linux_eth:theirs"), s.open("linux_eth:ours"), nil)
			return w
		}, nil},
		{"linux_eth", false, func(s *space, m *peer.Manager, _ string) wire.Wire {
			veth(s, "v0", s, "v1")
			m.Do("nio create_linux_eth n0 v0")
			return s.open("linux_eth:v1")
		}, untagged},
		{"gen_eth", false, func(s *space, m *peer.Manager, _ string) wire.Wire {
			veth(s, "v0", s, "v1")
			if err := m.Try("nio create_gen_eth n0 v0"); err != nil {
				t.Skipf("SKIP: this dynamips has no gen_eth: %v", err)
			}
			return s.open("gen_eth:v1")
		}, nil},
	} {
		t.Run(c.kind, func(t *testing.T) {
			s := newSpace(t)
			dir := t.TempDir()
			var m *peer.Manager
			s.do(func() error {
				m = peer.StartManager(t, debian, dir)
				return nil
			})
			p := peer.UDPPorts(t, 2)
			var far *net.UDPConn
			s.do(func() (err error) {
				local := net.IPv4(127, 0, 0, 1)
				far, err = net.DialUDP("udp4", &net.UDPAddr{IP: local, Port: p[1]}, &net.UDPAddr{IP: local, Port: p[0]})
				return err
			})
			defer far.Close()
			ours := c.setup(s, m, dir)
			defer ours.Close()
			m.Do("nio create_udp far %d 127.0.0.1 %d", p[0], p[1])
			m.Do("nio_bridge create B")
			m.Do("nio_bridge add_nio B n0")
			m.Do("nio_bridge add_nio B far")

			frames := map[string][]byte{}
			for what, f := range ether {
				frames[what] = f
			}
			if c.sizes {
				for what, f := range any {
					frames[what] = f
				}
			}
			buf := make([]byte, wire.MaxFrame)
			for what, f := range frames {
				if _, err := far.Write(f); err != nil {
					t.Fatal(err)
				}
				got, err := receive(ours)
				if err != nil {
					t.Fatalf("%s, from Dynamips: %v", what, err)
				}
				if !bytes.Equal(got, f) {
					t.Errorf("%s, from Dynamips:\nsent %d bytes %s\ngot  %d bytes %s", what, len(f), brief(f), len(got), brief(got))
				}
				want := f
				if c.toDynamips != nil {
					want = c.toDynamips(f)
				}
				ours.Send(f)
				if b, ok := ours.(*wire.Batch); ok {
					b.Flush()
				}
				if err := far.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
					t.Fatal(err)
				}
				n, err := far.Read(buf)
				if err != nil {
					t.Fatalf("%s, to Dynamips: %v; sent %+v", what, err, ours.Stats())
				}
				if !bytes.Equal(buf[:n], want) {
					t.Errorf("%s, to Dynamips:\nsent %d bytes %s\ngot  %d bytes %s", what, len(f), brief(f), n, brief(buf[:n]))
				}
			}
			silent(t, "at the end", ours)
		})
	}
}

// untagged is what Dynamips' linux_eth makes of a frame: the outer tag, if the
// kernel knows it, is lost.
func untagged(f []byte) []byte {
	if h := fmt.Sprintf("%x", f[12:14]); strings.Contains("8100 88a8", h) {
		return append(bytes.Clone(f[:12]), f[16:]...)
	}
	return f
}

// Release 0.2.14 puts eight bytes before a frame on a TCP connection, of which ours,
// and those of later releases, are the first four: when that is no longer so,
// docs/fidelity.md is wrong.
func TestDynamipsTCP(t *testing.T) {
	debian := peer.Debian(t)
	s := newSpace(t)
	var l net.Listener
	s.do(func() (err error) {
		l, err = net.Listen("tcp", "127.0.0.1:0")
		return err
	})
	defer l.Close()
	p := peer.UDPPorts(t, 2)
	var far *net.UDPConn
	s.do(func() (err error) {
		local := net.IPv4(127, 0, 0, 1)
		far, err = net.DialUDP("udp4", &net.UDPAddr{IP: local, Port: p[1]}, &net.UDPAddr{IP: local, Port: p[0]})
		return err
	})
	defer far.Close()
	dir := t.TempDir()
	bridge := fmt.Sprintf("a:tcp_cli:%s\nb:udp:%d:127.0.0.1:%d\n", l.Addr(), p[0], p[1])
	if err := os.WriteFile(filepath.Join(dir, "bridge"), []byte(bridge), 0o644); err != nil {
		t.Fatal(err)
	}
	image, err := filepath.Abs("../../vm/firmware/router.elf")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(debian.Path, "-b", "bridge", "-r", "64", "-T", fmt.Sprint(peer.TCPPort(t)), image)
	cmd.Dir = dir
	s.start(cmd)
	if err := l.(*net.TCPListener).SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	f := frame("88b5", 100, 1)
	want := append([]byte{0, 0, 0, 100, 0, 0, 0, 0}, f...)
	got := make([]byte, len(want))
	for { // until both ends of the bridge are there
		if _, err := far.Write(f); err != nil && !errors.Is(err, unix.ECONNREFUSED) {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		n, err := io.ReadFull(c, got)
		if err == nil {
			break
		}
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
	if !bytes.Equal(got, want) {
		t.Errorf("Dynamips sends %s, not %s", brief(got), brief(want))
	}
	if _, err := c.Write(want); err != nil {
		t.Fatal(err)
	}
	if err := far.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 2048)
	if n, err := far.Read(buf); err != nil || !bytes.Equal(buf[:n], f) {
		t.Errorf("Dynamips received %s, %v", brief(buf[:n]), err)
	}
}
