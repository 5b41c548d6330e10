package node_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"dynemu/emud/node"
)

// conns returns the two ends of a connection; raw is the end of an untrusted peer.
func conns(t testing.TB) (conn *node.Conn, raw *net.UnixConn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]*net.UnixConn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "socket")
		c, err := net.FileConn(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		ends[i] = c.(*net.UnixConn)
		t.Cleanup(func() { c.Close() })
	}
	return node.NewConn(ends[0]), ends[1]
}

func openDescriptors(t testing.TB) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

func TestConn(t *testing.T) {
	conn, raw := conns(t)
	peer := node.NewConn(raw)
	f, err := node.MemFile("x", []byte("content"))
	must(t, err)
	defer f.Close()
	before := openDescriptors(t)
	for range 3 {
		must(t, peer.Send(node.Message{ID: 3, Op: "x", Files: []string{"a", "b", "a"}}, f, f, f))
		m, err := conn.Receive()
		must(t, err)
		if m.ID != 3 || len(m.Files) != 2 {
			t.Errorf("received %+v", m)
		}
		got, err := node.ReadFile(m.Files["a"], 100)
		if err != nil || string(got) != "content" {
			t.Errorf("file: %q, %v", got, err)
		}
		if _, err := node.ReadFile(m.Files["a"], 3); err == nil {
			t.Error("a file above the limit was read")
		}
		m.CloseFiles()
	}
	eventually(t, "no descriptor kept", func() bool { return openDescriptors(t) <= before })
	if err := peer.Send(node.Message{Op: "x", Files: []string{"a"}}); err == nil {
		t.Error("a name without file was sent")
	}
	if err := peer.Send(node.Message{Op: strings.Repeat("x", 200<<10)}); err == nil {
		t.Error("a message above the limit was sent")
	}
	peer.Close()
	if _, err := conn.Receive(); !errors.Is(err, io.EOF) {
		t.Errorf("after the peer's close: %v", err)
	}
}

// What is more than a datagram takes arrives as one message all the same.
func TestLargeMessages(t *testing.T) {
	conn, raw := conns(t)
	peer := node.NewConn(raw)
	f, err := node.MemFile("x", []byte("content"))
	must(t, err)
	defer f.Close()
	before := openDescriptors(t)
	var names []string
	var files []*os.File
	for i := range 700 {
		names, files = append(names, fmt.Sprint("port:", i)), append(files, f)
	}
	body, err := json.Marshal(strings.Repeat("x", 1<<20))
	must(t, err)
	for _, c := range []struct{ files, most int }{{0, 0}, {1, 0}, {252, 0}, {253, 253}, {254, 700}, {699, 700}, {700, 701}} {
		conn.MaxFiles = c.most
		sent := make(chan error, 1)
		go func() {
			sent <- peer.Send(node.Message{ID: 4, Op: "x", Body: body, Files: names[:c.files]}, files[:c.files]...)
		}()
		m, err := conn.Receive()
		must(t, err)
		must(t, <-sent)
		if m.ID != 4 || m.Op != "x" || string(m.Body) != string(body) || len(m.Files) != c.files {
			t.Errorf("%d files sent: received %d, body of %d bytes", c.files, len(m.Files), len(m.Body))
		}
		for _, name := range names[:c.files] {
			if got, err := node.ReadFile(m.Files[name], 100); err != nil || string(got) != "content" {
				t.Errorf("%s of %d: %q, %v", name, c.files, got, err)
			}
		}
		m.CloseFiles()
	}
	conn.MaxFiles = 0
	go peer.Send(node.Message{Op: "x", Files: names}, files...)
	if _, err := conn.Receive(); err == nil || !strings.Contains(err.Error(), "more than 253 files") {
		t.Errorf("700 files that are not wanted: %v", err)
	}
	if err := peer.Send(node.Message{Op: "x", Body: make([]byte, 17<<20)}); err == nil || !strings.Contains(err.Error(), "at most 16777216") {
		t.Errorf("a body above the limit: %v", err)
	}
	// The end of a message that began.
	must(t, send(raw, []byte(`{"version":1,"op":"files","files":["a","b"]}`), 2))
	peer.Close()
	for err = nil; err == nil; {
		var m *node.Received
		if m, err = conn.Receive(); err == nil {
			m.CloseFiles()
		}
	}
	eventually(t, "no descriptor kept", func() bool { return openDescriptors(t) <= before })
}

func TestReceiveRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		files int
		want  string
	}{
		"no JSON":            {"hello", 2, "invalid character"},
		"files without name": {`{"version":1,"op":"x"}`, 2, "2 files, 0 names"},
		"names without file": {`{"version":1,"op":"x","files":["a"]}`, 0, "0 files, 1 names"},
		"other version":      {`{"version":2,"op":"x"}`, 0, "version 2; this program speaks 1"},
		"no version":         {`{"op":"x"}`, 1, "version 0"},
		"too long":           {`{"version":1,"op":"` + strings.Repeat("x", 150<<10) + `"}`, 0, "cut short"},
	} {
		conn, raw := conns(t)
		before := openDescriptors(t)
		must(t, send(raw, []byte(c.text), c.files))
		_, err := conn.Receive()
		if err == nil || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		// Other tests' connections may still be closing.
		eventually(t, name+": no descriptor kept", func() bool { return openDescriptors(t) <= before })
	}
}

// send sends a datagram with copies of a descriptor.
func send(c *net.UnixConn, text []byte, files int) error {
	var oob []byte
	if files > 0 {
		fds := make([]int, files)
		oob = unix.UnixRights(fds...) // standard input
	}
	_, _, err := c.WriteMsgUnix(text, oob, nil)
	return err
}

func FuzzReceive(f *testing.F) {
	f.Add([]byte(`{"version":1,"id":1,"op":"event","body":{"state":"running"},"files":["a","a"]}`), byte(2))
	f.Add([]byte(`{"version":1,"files":[null]}`), byte(1))
	f.Add([]byte(`{"version":1,"op":"files","files":["a","body"]}`), byte(2))
	f.Add([]byte{}, byte(1))
	conn, raw := conns(f)
	before := openDescriptors(f)
	f.Fuzz(func(t *testing.T, text []byte, files byte) {
		if send(raw, text, int(files)) != nil || len(text) == 0 && files == 0 {
			return
		}
		must(t, send(raw, []byte(`{"version":1,"op":"end"}`), 0))
		for end := false; !end; {
			if m, err := conn.Receive(); err == nil {
				m.CloseFiles()
				end = m.Op == "end"
			}
		}
		if after := openDescriptors(t); after > before+8 { // the fuzzing engine has some of its own
			t.Fatalf("%d descriptors, were %d", after, before)
		}
	})
}
