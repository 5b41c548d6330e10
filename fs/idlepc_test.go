package fs

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestIdlePCFiles: the folder idlepc of a router, which a switch does not have, and the
// lab file that save edits: not while somebody writes it, and not over what was written
// meanwhile.
func TestIdlePCFiles(t *testing.T) {
	w := newWorld(t)
	const text = "[localhost]\n[[ROUTER R1]] # one\n[[ETHSW S1]]\n1 = access 1\n"
	file := w.path("labs/l.net")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	dir := w.path("labs/l/R1/idlepc") + "/"
	entries, err := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if got := strings.Join(names, " "); err != nil || got != "get save show stats value" {
		t.Fatalf("%v: %s", err, got)
	}
	if _, err := os.Stat(w.path("labs/l/S1/idlepc")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("of a switch: %v", err)
	}
	read := func(name string) string {
		b, err := os.ReadFile(dir + name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		return string(b)
	}
	write := func(name, word string) error { return os.WriteFile(dir+name, []byte(word+"\n"), 0o644) }
	if read("value") != "auto\n" || read("show") != "No idlepc values found\n" || read("stats") != "value auto\n" {
		t.Errorf("at first: %q %q %q", read("value"), read("show"), read("stats"))
	}
	for _, name := range []string{"get", "show", "stats"} {
		if err := write(name, "x"); !errors.Is(err, os.ErrPermission) {
			t.Errorf("a write to %s: %v", name, err)
		}
	}
	// A look at the folder gathers nothing.
	if out, err := exec.Command("ls", "-l", dir).CombinedOutput(); err != nil || read("show") != "No idlepc values found\n" {
		t.Errorf("after ls: %v %s", err, out)
	}
	fd, err := syscall.Open(dir+"get", syscall.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	var table []byte
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		buf := make([]byte, 64)
		n, err := syscall.Read(fd, buf)
		if err == nil && n == 0 {
			break
		}
		if err != nil && err != syscall.EAGAIN || time.Now().After(end) {
			t.Fatalf("read without waiting: %v", err)
		}
		table = append(table, buf[:max(n, 0)]...)
	}
	out, err := exec.Command("cat", dir+"get").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "*  2: 0x60001010 [51]\n") || string(out) != string(table) || string(out) != read("show") {
		t.Errorf("get: %v\n%s, without waiting\n%s, show\n%s", err, out, table, read("show"))
	}
	if err := write("value", "0x60001010"); err != nil || read("value") != "0x60001010\n" {
		t.Errorf("value: %v %q", err, read("value"))
	}
	if err := write("value", "soon"); !errors.Is(err, syscall.EINVAL) || read("value") != "0x60001010\n" {
		t.Errorf("a bad value: %v %q", err, read("value"))
	}

	open, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := write("save", "router"); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("saved into a file that is being written: %v", err)
	}
	open.Close()
	for end := time.Now().Add(10 * time.Second); write("save", "router") != nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not saved")
		}
	}
	const want = "[localhost]\n[[ROUTER R1]] # one\nidlepc = 0x60001010\n[[ETHSW S1]]\n1 = access 1\n"
	if b, err := os.ReadFile(file); err != nil || string(b) != want {
		t.Errorf("the lab file: %v\n%s", err, b)
	}
	// It is the text of the next daemon too, and the lab goes on with it.
	if b, err := os.ReadFile(w.d.Lab("l").TextPath()); err != nil || string(b) != want {
		t.Errorf("stored: %v\n%s", err, b)
	}
	if n := w.nodes.Starts.Load(); n != 2 {
		t.Errorf("%d starts", n)
	}
}
