package traffic

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"dynemu/vm/wire"
)

// router forwards between two TAPs of a network namespace of its own: what a
// router does to a frame, and faults where it is asked for.
type router struct {
	namespace string
	taps      [2]*wire.TAP
	done      chan struct{}
	stop      chan struct{}
	fault     func(n int, frame []byte) (out [][]byte) // nil: none
}

var (
	gateway = [2][6]byte{{2, 0, 0, 0, 1, 0}, {2, 0, 0, 0, 1, 1}}
	hosts   = [2]Host{{[6]byte{2, 0, 0, 0, 0, 1}, [4]byte{10, 0, 1, 2}}, {[6]byte{2, 0, 0, 0, 0, 2}, [4]byte{10, 0, 2, 2}}}
)

func newRouter(t *testing.T, fault func(n int, frame []byte) [][]byte) *router {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIP: not root: no TAPs")
	}
	name := fmt.Sprintf("dynemu-traffic-%d", os.Getpid())
	r := &router{namespace: "/run/netns/" + name, done: make(chan struct{}), stop: make(chan struct{}), fault: fault}
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %v: %v: %s", args, err, out)
		}
	}
	run("netns", "add", name)
	t.Cleanup(func() { run("netns", "del", name) })
	err := inNamespace(r.namespace, func() (err error) {
		for i := range r.taps {
			if r.taps[i], err = wire.OpenTAP(fmt.Sprintf("t%d", i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.taps {
		run("netns", "exec", name, "sysctl", "-qw", fmt.Sprintf("net.ipv6.conf.t%d.disable_ipv6=1", i))
		run("-n", name, "link", "set", fmt.Sprintf("t%d", i), "up")
	}
	go r.run()
	t.Cleanup(func() {
		close(r.stop)
		<-r.done
		for _, w := range r.taps {
			w.Close()
		}
	})
	return r
}

func (r *router) run() {
	defer close(r.done)
	buf := make([]byte, wire.MaxFrame)
	seen := 0
	for {
		select {
		case <-r.stop:
			return
		default:
		}
		fds := []unix.PollFd{{Fd: int32(r.taps[0].Descriptor()), Events: unix.POLLIN}, {Fd: int32(r.taps[1].Descriptor()), Events: unix.POLLIN}}
		_, _ = unix.Poll(fds, 10)
		for i, w := range r.taps {
			for {
				n, err := w.Receive(buf)
				if n == 0 || err != nil {
					break
				}
				f := buf[:n]
				if f[12] == 8 && f[13] == 6 { // ARP request: answered with our address
					r.answer(i, f)
					continue
				}
				if _, ok := ours(f); !ok {
					continue
				}
				copy(f, hosts[1-i].MAC[:])
				copy(f[6:], gateway[1-i][:])
				f[22]--
				out := [][]byte{f}
				if r.fault != nil {
					out = r.fault(seen, f)
				}
				seen++
				for _, o := range out {
					r.taps[1-i].Send(o)
				}
			}
		}
	}
}

func (r *router) answer(i int, request []byte) {
	f := append([]byte(nil), request[:60]...)
	copy(f, request[6:12])
	copy(f[6:], gateway[i][:])
	f[21] = 2
	copy(f[22:], gateway[i][:])
	copy(f[28:], request[38:42])
	copy(f[32:], request[22:32])
	r.taps[i].Send(f)
}

func (r *router) ports(t *testing.T) (p [2]*Port) {
	t.Helper()
	for i := range p {
		var err error
		if p[i], err = Open(r.namespace, fmt.Sprintf("t%d", i)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p[i].Close() })
	}
	return p
}

func stream(p [2]*Port, from, size int) *Stream {
	return &Stream{From: p[from], To: p[1-from], Src: hosts[from], Dst: hosts[1-from], Gateway: gateway[from], Size: size}
}

// options send 1000 frames.
var options = Options{Rate: 5000, Duration: 200 * time.Millisecond, Drain: 100 * time.Millisecond}

func TestStreams(t *testing.T) {
	r := newRouter(t, nil)
	p := r.ports(t)
	mac, err := p[0].Resolve(hosts[0], [4]byte{10, 0, 1, 1}, 5*time.Second)
	if err != nil || mac != gateway[0] {
		t.Fatalf("resolved % x, %v", mac, err)
	}
	a, b := stream(p, 0, MinFrame), stream(p, 1, 1514)
	o := options
	o.Latency = true
	if err := Run(o, a, b); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Stream{a, b} {
		// The generator leaves frames out only where it is itself held up.
		if r := s.Result; r.Sent == 0 || r.Sent > 1000 || r.Received != r.Sent || r.Reordered+r.Wrong+r.Lost() != 0 || len(r.Latency) != int(r.Received) || r.Latency[0] <= 0 {
			t.Errorf("%+v", r)
		}
	}
	if err := Run(o, stream(p, 0, MinFrame-1)); err == nil {
		t.Error("a frame that is too short for its content was sent")
	}
}

func TestFaultsAreSeen(t *testing.T) {
	var held []byte
	for _, c := range []struct {
		name  string
		fault func(n int, f []byte) [][]byte
		check func(r Result) bool
	}{
		{"loss", func(n int, f []byte) [][]byte {
			if n%10 == 9 {
				return nil
			}
			return [][]byte{f}
		}, func(r Result) bool { return r.Lost() == r.Sent/10 && r.Reordered == 0 && r.Wrong == 0 }},
		{"order", func(n int, f []byte) [][]byte {
			if n%2 == 0 {
				held = append(held[:0], f...)
				return nil
			}
			return [][]byte{f, held}
		}, func(r Result) bool { return r.Lost() <= 1 && r.Reordered == r.Received/2 && r.Wrong == 0 }},
		{"change", func(n int, f []byte) [][]byte {
			if n%4 == 3 {
				f[22]-- // another hop
			}
			return [][]byte{f}
		}, func(r Result) bool { return r.Lost() == 0 && r.Reordered == 0 && r.Wrong == r.Sent/4 }},
		{"of another run", func(n int, f []byte) [][]byte {
			old := append([]byte(nil), f...)
			binary.BigEndian.PutUint32(old[atStream:], (runs.Load()-1)<<8)
			return [][]byte{old, f}
		}, func(r Result) bool { return r.Received == r.Sent && r.Reordered == 0 && r.Wrong == 0 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newRouter(t, c.fault).ports(t)
			s := stream(p, 0, MinFrame)
			if err := Run(options, s); err != nil {
				t.Fatal(err)
			}
			if !c.check(s.Result) {
				t.Errorf("%+v", s.Result)
			}
		})
	}
}

func TestOpenErrors(t *testing.T) {
	if _, err := Open("/run/netns/none-such", "t0"); err == nil {
		t.Error("opened a port of a namespace that there is not")
	}
	if _, err := Open("", "none-such"); err == nil {
		t.Error("opened a port that there is not")
	}
}
