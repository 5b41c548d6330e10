package fs

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"dynemu/emud"
)

func TestEventsFile(t *testing.T) {
	w := newWorld(t)
	path := w.path("events")
	cat := exec.Command("timeout", "-s", "INT", "0.3", "cat", path)
	if err := cat.Run(); err == nil || cat.ProcessState.ExitCode() != 124 {
		t.Errorf("a blocked cat ends with %v", err)
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	buf := make([]byte, 1<<16)
	if _, err := unix.Read(fd, buf); err != unix.EAGAIN {
		t.Errorf("read without waiting: %v", err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w.apply("x", one)
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var e emud.Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		if e.Event == emud.EventApply {
			if e.OK == nil || !*e.OK || !strings.Contains(strings.Join(e.Messages, "\n"), "R1 started") {
				t.Errorf("apply: %q", lines.Text())
			}
			break
		}
	}
	// Each reader has them all.
	k, err := unix.Read(fd, buf)
	if err != nil || !strings.Contains(string(buf[:k]), `"state":"running"`) {
		t.Errorf("the other reader: %q %v", buf[:max(k, 0)], err)
	}
	if err := os.WriteFile(path, []byte("x"), 0); err == nil {
		t.Error("events can be written")
	}
}
