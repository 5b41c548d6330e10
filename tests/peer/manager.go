package peer

import (
	"bufio"
	"bytes"
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

// StartManager runs e in dir until the test ends.
func StartManager(t testing.TB, e Emulator, dir string) *Manager {
	t.Helper()
	var said bytes.Buffer
	for range 5 { // the port may have been taken meanwhile
		said.Reset()
		if m := tryManager(t, e, dir, &said); m != nil {
			return m
		}
	}
	t.Fatalf("%s does not take commands: %s", e.Name, said.String())
	return nil
}

// tryManager returns nil when the program ended, or took no connection for a
// minute; said is what it printed.
func tryManager(t testing.TB, e Emulator, dir string, said *bytes.Buffer) *Manager {
	t.Helper()
	address := fmt.Sprintf("127.0.0.1:%d", TCPPort(t))
	cmd := exec.Command(e.Path, "-H", address)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	end := func() {
		_ = cmd.Process.Kill()
		<-ended
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if conn, err := net.Dial("tcp", address); err == nil {
			t.Cleanup(func() {
				conn.Close()
				end()
			})
			return &Manager{t, conn, bufio.NewReader(conn)}
		}
		select {
		case <-ended:
			return nil
		case <-time.After(50 * time.Millisecond):
		}
	}
	end()
	return nil
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
