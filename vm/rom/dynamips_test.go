package rom_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// services.txt is what Dynamips prints with its own ROM.
func TestServicesOnDynamips(t *testing.T) {
	dynamips, err := exec.LookPath("dynamips")
	if err != nil {
		t.Skip("SKIP: dynamips is not installed (Debian package dynamips, component non-free)")
	}
	image, err := filepath.Abs("testdata/services.elf")
	if err != nil {
		t.Fatal(err)
	}
	// It reads and writes its console on descriptor 0, so that must be a
	// terminal (netio-hypervisor reference, 14).
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("SKIP: no pseudo-terminals: %v", err)
	}
	defer master.Close()
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, dynamips, "-P", "7200", "-X", "-r", "256", image)
	cmd.Dir = t.TempDir()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	out, _ := io.ReadAll(master) // ends with EIO when dynamips does
	_ = cmd.Wait()               // it is killed by a signal of its own at times

	text := strings.ReplaceAll(string(out), "\r", "")
	_, text, _ = strings.Cut(text, "ROMMON")
	want := testdata(t, "services.txt")
	if got := "ROMMON" + text; !bytes.HasPrefix([]byte(got), want) {
		t.Errorf("Dynamips prints\n%s\ntestdata/services.txt differs", got)
	}
}
