package testlab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/vishvananda/netns"
)

// Space is a network namespace of a test's own, with a name: a machine, as far as the
// network goes, whose ports and interfaces nobody else has.
type Space struct{ Name string }

// NewSpace makes a namespace with its loopback interface up, which ends with the test.
func NewSpace(t testing.TB) Space {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIP: not root: no network namespace can be made")
	}
	sweep()
	s := Space{fmt.Sprintf("dspace%dn%d", os.Getpid(), counter.Add(1))}
	for _, args := range [][]string{{"netns", "add", s.Name}, {"-n", s.Name, "link", "set", "lo", "up"}} {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %v: %v\n%s", args, err, out)
		}
	}
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", s.Name).Run() }) // with all that is in it
	return s
}

// Do calls a function in the namespace.
func (s Space) Do(fn func() error) error {
	done := make(chan error)
	go func() { done <- s.do(fn) }()
	return <-done
}

func (s Space) do(fn func() error) error {
	runtime.LockOSThread() // a thread that cannot be moved back ends with its goroutine
	here, err := netns.Get()
	if err != nil {
		return err
	}
	defer here.Close()
	there, err := netns.GetFromName(s.Name)
	if err != nil {
		return err
	}
	defer there.Close()
	if err := netns.Set(there); err != nil {
		return err
	}
	err = fn()
	back := netns.Set(here)
	if back == nil {
		runtime.UnlockOSThread()
	}
	return errors.Join(err, back)
}
