package peer

import (
	"bufio"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// manager is a Dynamips that takes commands over TCP, its hypervisor mode: the
// only way to its switches, and to move cards in a running router.
type manager struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

func tcpPort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func startManager(t *testing.T, e Emulator, dir string) *manager {
	t.Helper()
	address := fmt.Sprintf("127.0.0.1:%d", tcpPort(t))
	cmd := exec.Command(e.Path, "-H", address)
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			t.Cleanup(func() { conn.Close() })
			return &manager{t, conn, bufio.NewReader(conn)}
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// do gives a command that must succeed.
func (h *manager) do(format string, args ...any) {
	h.t.Helper()
	line := fmt.Sprintf(format, args...)
	if _, err := fmt.Fprintf(h.conn, "%s\n", line); err != nil {
		h.t.Fatal(err)
	}
	_ = h.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	for {
		reply, err := h.r.ReadString('\n')
		if err != nil {
			h.t.Fatalf("%s: %v", line, err)
		}
		if strings.HasPrefix(reply, "100-") {
			return
		}
		if len(reply) > 4 && reply[3] == '-' && reply[:3] >= "200" {
			h.t.Fatalf("%s: %s", line, reply)
		}
	}
}
