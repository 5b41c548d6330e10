package wires

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// vdeSwitch runs Debian's vde_switch, which floods, and returns the directory of
// its sockets and how to end it.
func (s *space) vdeSwitch() (dir string, end func()) {
	s.t.Helper()
	path, err := exec.LookPath("vde_switch")
	if err != nil {
		s.t.Skip("SKIP: vde_switch is not installed (Debian package vde2)")
	}
	dir = filepath.Join(s.t.TempDir(), "switch")
	cmd := exec.Command(path, "-hub", "-sock", dir)
	in, err := cmd.StdinPipe() // its console, whose end is its end
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { in.Close() })
	s.start(cmd)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		// The socket is there before the switch listens.
		if c, err := net.Dial("unix", filepath.Join(dir, "ctl")); err == nil {
			c.Close()
			break
		}
		if time.Now().After(deadline) {
			s.t.Fatal("vde_switch makes no control socket")
		}
	}
	return dir, func() { _ = cmd.Process.Kill() }
}

func TestVDESwitch(t *testing.T) {
	s := newSpace(t)
	sw, end := s.vdeSwitch()
	dir := t.TempDir()
	a, b := s.open("vde:"+sw+":"+filepath.Join(dir, "a")), s.open("vde:"+sw+"/ctl:"+filepath.Join(dir, "b"))
	c := s.open("vde:" + sw + ":" + filepath.Join(dir, "c"))
	for what, f := range ethernetFrames() {
		passes(t, what, a, b, f)
		if got, err := receive(c); err != nil || string(got) != string(f) {
			t.Errorf("%s: at the third port: %x, %v", what, got, err)
		}
		passes(t, what+", back", b, a, f)
		if got, err := receive(c); err != nil || string(got) != string(f) {
			t.Errorf("%s: back, at the third port: %x, %v", what, got, err)
		}
	}
	c.Close()
	f := frame("88b5", 60, 1)
	passes(t, "without the third", a, b, f)
	silent(t, "own frames", a)
	end()
	for name, w := range map[string]interface{ Receive([]byte) (int, error) }{"a": a, "b": b} {
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
			if _, err := w.Receive(make([]byte, 1<<16)); err != nil {
				break
			}
			if time.Now().After(deadline) {
				t.Errorf("%s does not see that the switch has ended", name)
				break
			}
		}
	}
}

// Two switches, one after the other, at the same path.
func TestVDEAgain(t *testing.T) {
	s := newSpace(t)
	for range 2 {
		sw, end := s.vdeSwitch()
		local := filepath.Join(t.TempDir(), "a")
		w := s.open("vde:" + sw + ":" + local)
		end()
		if _, err := receive(w); err == nil || strings.Contains(err.Error(), "no frame") {
			t.Errorf("the end of the switch: %v", err)
		}
		w.Close()
		if _, err := os.Lstat(local); err == nil {
			t.Error("our socket is left")
		}
	}
}
