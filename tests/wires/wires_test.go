package wires

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"dynemu/vm/fabric"
	"dynemu/vm/fabric/chassis"
	"dynemu/vm/fabric/hub"
	"dynemu/vm/wire"
)

// open opens a NIO in the namespace.
func (s *space) open(spec string) wire.Wire {
	s.t.Helper()
	n, err := wire.ParseNIO(spec)
	if err != nil {
		s.t.Fatal(err)
	}
	var w wire.Wire
	s.do(func() (err error) {
		w, err = n.Open()
		return err
	})
	s.t.Cleanup(func() { w.Close() })
	return w
}

// receive waits for a frame.
func receive(w wire.Wire) ([]byte, error) {
	buf := make([]byte, wire.MaxFrame)
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		if n, err := w.Receive(buf); n > 0 || err != nil {
			return buf[:n], err
		}
		fds := []unix.PollFd{{Fd: int32(w.Descriptor()), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, 1000); err != nil && err != unix.EINTR {
			return nil, err
		}
	}
	return nil, errors.New("no frame in 20 s")
}

// passes sends a frame into one wire and expects it at another.
func passes(t testing.TB, what string, from, to wire.Wire, frame []byte) {
	t.Helper()
	from.Send(frame)
	got, err := receive(to)
	if err != nil {
		t.Fatalf("%s: %v; sent: %+v", what, err, from.Stats())
	}
	if !bytes.Equal(got, frame) {
		t.Errorf("%s:\nsent %d bytes %s\ngot  %d bytes %s", what, len(frame), brief(frame), len(got), brief(got))
	}
}

func brief(b []byte) string { return fmt.Sprintf("%x", b[:min(len(b), 40)]) }

// silent expects that nothing more arrives.
func silent(t testing.TB, what string, w wire.Wire) {
	t.Helper()
	time.Sleep(20 * time.Millisecond)
	if n, err := w.Receive(make([]byte, wire.MaxFrame)); n != 0 || err != nil {
		t.Errorf("%s: %d bytes more, %v", what, n, err)
	}
}

// frame makes an Ethernet frame of size bytes: addresses, header in hexadecimal,
// and bytes that differ from frame to frame.
func frame(header string, size, number int) []byte {
	var b []byte
	if _, err := fmt.Sscanf(strings.ReplaceAll("ffffffffffff 02aa00000001"+header, " ", ""), "%x", &b); err != nil {
		panic(err)
	}
	for len(b) < size {
		b = append(b, byte(number+len(b)*13/7))
	}
	return b[:size]
}

// ethernetFrames are frames of every kind that an Ethernet carries, up to its
// MTU.
func ethernetFrames() map[string][]byte {
	return map[string][]byte{
		"shortest":             frame("88b5", 60, 1),
		"longest":              frame("88b5", 1514, 2),
		"header only":          frame("88b5", 14, 3),
		"runt":                 frame("88b5", 33, 4),
		"802.3":                frame("0030 aaaa03", 62, 5),
		"IPv4":                 frame("0800 4500", 98, 6),
		"tagged":               frame("81000064 0800", 64, 7),
		"priority-tagged":      frame("8100e000 0800", 64, 8),
		"VLAN 4095, DEI":       frame("81001fff 0800", 64, 9),
		"802.1ad":              frame("88a80064 0800", 64, 10),
		"QinQ":                 frame("88a80064 81000007 0800", 100, 11),
		"two tags of 802.1Q":   frame("81000064 81000007 0800", 100, 12),
		"tag 0x9100":           frame("91000064 0800", 100, 13),
		"tagged, longest":      frame("81000064 88b5", 1518, 14),
		"MPLS":                 frame("8847 00010140", 64, 15),
		"no type, all zero":    frame("0000", 60, 16),
		"longest of 802.1Q, 2": frame("81000064 81000007 88b5", 1518, 17),
	}
}

// join joins two wires as an outlet does. The monitor sees what passes the first.
func join(t testing.TB, a, b wire.Wire, monitor wire.Monitor) {
	t.Helper()
	var h *hub.Hub
	c := chassis.New(func(out fabric.Output) fabric.Engine {
		h = hub.New(out)
		return h
	})
	go c.Run()
	t.Cleanup(c.Close)
	for n, w := range []wire.Wire{a, b} {
		p, err := c.AddPort(n, func() error { return h.AddPort(n) })
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 && monitor != nil {
			p.AddMonitor(monitor)
		}
		p.Plug(w)
	}
}
