package wires

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// space is a network namespace without a name that ends with the test: a thread
// that is in it.
type space struct {
	t     testing.TB
	ns    netns.NsHandle
	calls chan func()
}

// newSpace returns a namespace where the kernel sends nothing by itself.
func newSpace(t testing.TB) *space {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIP: making a network namespace needs root")
	}
	s := &space{t: t, calls: make(chan func())}
	made := make(chan error)
	go func() {
		runtime.LockOSThread()
		here, err := netns.Get()
		if err == nil {
			defer here.Close()
			s.ns, err = netns.New()
		}
		made <- err
		for fn := range s.calls {
			fn()
		}
		// A thread that ended would take children that it has started along: consoles
		// of other tests. It stays locked, and ends, only where it cannot be moved back.
		if netns.Set(here) == nil {
			runtime.UnlockOSThread()
		}
	}()
	if err := <-made; err != nil {
		close(s.calls)
		t.Skipf("SKIP: no network namespaces here: %v", err)
	}
	t.Cleanup(func() {
		close(s.calls)
		s.ns.Close()
	})
	s.do(func() error {
		for _, conf := range []string{"all", "default"} {
			if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+conf+"/disable_ipv6", []byte("1"), 0o644); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
		return linkUp("lo")
	})
	return s
}

// do calls fn in the namespace. The test ends when it fails.
func (s *space) do(fn func() error) {
	s.t.Helper()
	if err := s.try(fn); err != nil {
		s.t.Fatal(err)
	}
}

func (s *space) try(fn func() error) error {
	done := make(chan error)
	s.calls <- func() { done <- fn() }
	return <-done
}

// veth makes a pair of interfaces, one in each namespace, brings them up, and
// waits until they carry frames.
func veth(a *space, nameA string, b *space, nameB string) {
	a.t.Helper()
	a.do(func() error {
		link := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: nameA}, PeerName: nameB, PeerNamespace: netlink.NsFd(int(b.ns))}
		if err := netlink.LinkAdd(link); err != nil {
			return err
		}
		return linkUp(nameA)
	})
	b.do(func() error { return linkUp(nameB) })
	a.carries(nameA)
	b.carries(nameB)
}

// carries waits until the kernel has seen that an interface has a carrier: until
// then, it drops what is sent.
func (s *space) carries(name string) {
	s.t.Helper()
	s.do(func() error {
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			link, err := netlink.LinkByName(name)
			if err != nil {
				return err
			}
			// It is unknown of a TAP, which has one at once.
			if state := link.Attrs().OperState; state == netlink.OperUp || state == netlink.OperUnknown {
				return nil
			}
		}
		return fmt.Errorf("interface %s has no carrier", name)
	})
}

func linkUp(name string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	return netlink.LinkSetUp(link)
}

// address gives an interface an address with the length of its prefix.
func (s *space) address(name, address string) {
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
		return netlink.AddrAdd(link, a)
	})
}

// start runs a program in the namespace until the test ends.
func (s *space) start(cmd *exec.Cmd) {
	s.t.Helper()
	s.do(cmd.Start)
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
}
