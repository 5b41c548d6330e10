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

// Manager is a Dynamips that takes commands over TCP, its hypervisor mode: the
// only way to its switches, and to move cards in a running router.
type Manager struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

// TCPPort returns a TCP port of the loopback address that is free now.
func TCPPort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// StartManager runs e in dir until the test ends.
func StartManager(t testing.TB, e Emulator, dir string) *Manager {
	t.Helper()
	address := fmt.Sprintf("127.0.0.1:%d", TCPPort(t))
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
			return &Manager{t, conn, bufio.NewReader(conn)}
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// Do gives a command that must succeed.
func (h *Manager) Do(format string, args ...any) {
	h.t.Helper()
	if err := h.Try(format, args...); err != nil {
		h.t.Fatal(err)
	}
}

// Try gives a command. It fails with the reply when that is no success.
func (h *Manager) Try(format string, args ...any) error {
	line := fmt.Sprintf(format, args...)
	if _, err := fmt.Fprintf(h.conn, "%s\n", line); err != nil {
		return err
	}
	_ = h.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	for {
		reply, err := h.r.ReadString('\n')
		if err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
		if strings.HasPrefix(reply, "100-") {
			return nil
		}
		if len(reply) > 4 && reply[3] == '-' && reply[:3] >= "200" {
			return fmt.Errorf("%s: %s", line, reply)
		}
	}
}
