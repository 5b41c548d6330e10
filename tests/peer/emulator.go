package peer

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"dynemu/tests/console"
	"dynemu/vm/firmware"
)

// Emulator is a program with the command line of Dynamips.
type Emulator struct {
	Name, Path string
}

// Debian returns Debian's dynamips. The test is skipped, with a line that says
// so, where it is not installed.
func Debian(t testing.TB) Emulator {
	t.Helper()
	path, err := exec.LookPath("/usr/bin/dynamips")
	if err != nil {
		t.Skip("SKIP: dynamips is not installed (Debian package dynamips, component non-free)")
	}
	return Emulator{"Dynamips", path}
}

// Dynemu returns this project's program, from the folder $DYNEMU_BIN, which
// `make test` sets, or built for the test.
func Dynemu(t testing.TB) Emulator {
	t.Helper()
	if bin := os.Getenv("DYNEMU_BIN"); bin != "" {
		return Emulator{"dynemu", filepath.Join(bin, "dynamips")}
	}
	path := filepath.Join(t.TempDir(), "dynamips")
	if out, err := exec.Command("go", "build", "-o", path, "dynemu/cmd/dynamips").CombinedOutput(); err != nil {
		t.Fatalf("go build dynemu/cmd/dynamips: %v\n%s", err, out)
	}
	return Emulator{"dynemu", path}
}

// OpenTerminal returns a new pseudo-terminal that passes every byte through.
// Dynamips reads and writes its console on one.
func OpenTerminal(t testing.TB) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("SKIP: no pseudo-terminals: %v", err)
	}
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	tio, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	tio.Iflag, tio.Oflag, tio.Lflag = 0, 0, 0
	if err := unix.IoctlSetTermios(int(slave.Fd()), unix.TCSETS, tio); err != nil {
		t.Fatal(err)
	}
	return master, slave
}

// UDPPorts returns n UDP ports of the loopback address that are free now.
func UDPPorts(t testing.TB, n int) []int {
	t.Helper()
	ports := make([]int, n)
	for i := range ports {
		ports[i] = freePort(t, func(address string) (io.Closer, error) { return net.ListenPacket("udp4", address) })
	}
	return ports
}

// TCPPort returns a TCP port of the loopback address that is free now.
func TCPPort(t testing.TB) int {
	t.Helper()
	return freePort(t, func(address string) (io.Closer, error) { return net.Listen("tcp4", address) })
}

// given are the ports that freePort has returned: a program that was told to use
// one may not have opened it yet.
var given sync.Map

// freePort returns a port that listen can open. It lies below those that the kernel
// gives to sockets without one, so that no other program gets it meanwhile.
func freePort(t testing.TB, listen func(address string) (io.Closer, error)) int {
	t.Helper()
	var last error
	for range 1000 {
		port := 12000 + rand.IntN(20000)
		if _, taken := given.LoadOrStore(port, true); taken {
			continue
		}
		c, err := listen(fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			c.Close()
			return port
		}
		last = err
	}
	t.Fatal("no free port: ", last)
	return 0
}

// Launch starts the bundled router image on a 7200, with cards ("slot:name") and what
// is bound to them, in dir, which keeps its NVRAM. start starts the process. The
// channel is closed when it has ended.
func Launch(t testing.TB, e Emulator, dir string, instance int, start func(*exec.Cmd) error, cards []string, args ...string) (*console.Console, *exec.Cmd, chan struct{}) {
	t.Helper()
	image := filepath.Join(dir, "router.elf")
	if err := os.WriteFile(image, firmware.Router(), 0o644); err != nil {
		t.Fatal(err)
	}
	master, slave := OpenTerminal(t)
	defer slave.Close()
	all := []string{"-P", "7200", "-X", "-r", "128", "-i", fmt.Sprint(instance), "--noctrl",
		"--idle-pc", fmt.Sprintf("%#x", firmware.IdlePC())}
	// Dynamips wants cards before what is bound to them.
	for _, c := range cards {
		all = append(all, "-p", c)
	}
	all = append(all, args...)
	cmd := exec.Command(e.Path, append(all, image)...)
	cmd.Dir = dir
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	if err := start(cmd); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ends is its own affair: it is killed, or a reload ends it
		close(done)
	}()
	return console.New(master, master), cmd, done
}
