package console

import (
	"fmt"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func openPTY(t *testing.T) (master *os.File, slave string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals: %v", err)
	}
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	return master, fmt.Sprint("/dev/pts/", n)
}

func TestTTY(t *testing.T) {
	c := New()
	master, path := openPTY(t)
	detach, err := c.AttachTTY(master)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(c, "R1>\r\n")
	// Users come and go; each finds the line in raw mode, without echo.
	for _, want := range []string{"R1>\r\n", "again"} {
		tty, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0)
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, len(want))
		if _, err := io.ReadFull(tty, buf); err != nil || string(buf) != want {
			t.Errorf("read %q, %v; want %q", buf, err, want)
		}
		io.WriteString(tty, "sh\x03\r")
		await(t, "keys", func() bool { return queued(c) == 4 })
		if got := typed(c); got != "sh\x03\r" {
			t.Errorf("typed %q", got)
		}
		tty.Close()
		io.WriteString(c, "again")
	}
	detach()
	await(t, "detached", func() bool { return c.Stats().Clients == 0 })
}

// A tty that nobody reads does not hold up the router.
func TestTTYNobodyReads(t *testing.T) {
	c := New()
	master, _ := openPTY(t)
	if _, err := c.AttachTTY(master); err != nil {
		t.Fatal(err)
	}
	for range 4 * RingSize {
		c.WriteByte('x')
	}
	c.Close()
	await(t, "detached", func() bool { return c.Stats().Clients == 0 })
}
