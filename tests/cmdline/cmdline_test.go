// Package cmdline tests the dynamips command: one router in the foreground,
// as scripts written for Dynamips start it.
package cmdline

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"dynemu/tests/console"
	"dynemu/tests/testlab"
	"dynemu/vm/chip/nvram"
)

func image(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../vm/firmware/router.elf")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// run is a running dynamips with its console on pipes.
type run struct {
	*exec.Cmd
	console *console.Console
	stderr  bytes.Buffer
}

func start(t *testing.T, dir string, args ...string) *run {
	t.Helper()
	r := &run{Cmd: exec.Command(filepath.Join(testlab.Bin(t), "dynamips"), args...)}
	r.Dir = dir
	r.Stderr = &r.stderr
	in, err := r.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := r.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	r.console = console.New(out, in)
	t.Cleanup(func() {
		if r.ProcessState == nil {
			_ = r.Process.Kill()
			_ = r.Wait()
		}
	})
	return r
}

func (r *run) login(t *testing.T) *console.Console {
	t.Helper()
	if err := r.console.Login(20 * time.Second); err != nil {
		t.Fatalf("%v\n%s", err, r.stderr.String())
	}
	return r.console
}

// end stops the router as a user does and checks that it ends well.
func (r *run) end(t *testing.T) {
	t.Helper()
	_ = r.Process.Signal(syscall.SIGTERM)
	if err := r.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v\n%s", err, r.stderr.String())
	}
}

// Promise: 80.
func TestConfigurationAndFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "r.cfg"), []byte("hostname FromFile\n!\ninterface FastEthernet0/0\n ip address 10.0.0.1 255.255.255.0\n!\nend\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := start(t, dir, "-P", "7200", "-j", "-X", "-r", "64", "-i", "4", "-l", "router.log", "--startup-config", "r.cfg", image(t))
	c := r.login(t)
	out, err := c.Command("show running-config", 5*time.Second)
	if err != nil || !strings.Contains(out, "hostname FromFile") {
		t.Errorf("the startup-config was not used (%v):\n%s", err, out)
	}
	if out, err := c.Command("show version", 5*time.Second); err != nil || !strings.Contains(out, "0x2102") {
		t.Errorf("the configuration register is not 0x2102 (%v):\n%s", err, out)
	}
	if err := c.Configure("hostname Saved"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Command("write memory", 5*time.Second); err != nil {
		t.Fatal(err)
	}

	// A second router of the same instance is refused and harms nothing.
	second := start(t, dir, "-r", "64", "-i", "4", image(t))
	if err := second.Wait(); err == nil || !strings.Contains(second.stderr.String(), "-i") {
		t.Errorf("a second instance 4: %v, %s", err, second.stderr.String())
	}
	r.end(t)

	// What was saved is in the file that Dynamips would have made.
	content, err := os.ReadFile(filepath.Join(dir, "c7200_i4_nvram"))
	if err != nil || len(content) != 128<<10 {
		t.Fatalf("NVRAM file of %d bytes (%v)", len(content), err)
	}
	if startup, _, err := nvram.ReadConfigs(content, nvram.C7200); err != nil || !bytes.Contains(startup, []byte("hostname Saved")) {
		t.Errorf("startup-config in the NVRAM file (%v):\n%s", err, startup)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "router.log")); err != nil || !bytes.Contains(text, []byte("ROM: ")) {
		t.Errorf("log (%v):\n%s", err, text)
	}
	if _, err := os.Stat(filepath.Join(dir, "c7200_i4_lock")); err == nil {
		t.Error("the lock file was left behind")
	}

	r = start(t, dir, "-P", "7200", "-r", "64", "-i", "4", image(t))
	if out, err := r.login(t).Command("show running-config", 5*time.Second); err != nil || !strings.Contains(out, "hostname Saved") {
		t.Errorf("the next start does not have what was saved (%v):\n%s", err, out)
	}
	r.end(t)
}

// Promise: 36.
func TestConsoleOnTCP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	r := start(t, t.TempDir(), "-r", "64", "-T", fmt.Sprint(port), image(t))
	var conn net.Conn
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if conn, err = net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v\n%s", err, r.stderr.String())
		}
	}
	c := console.New(conn, conn)
	defer c.Close()
	if _, err := c.Expect(regexp.MustCompile(`Connected to Dynamips VM "default" \(ID 0, type c7200\) - Console port`), 5*time.Second); err != nil {
		t.Error(err)
	}
	if err := c.Login(10 * time.Second); err != nil {
		t.Error(err)
	}
	r.end(t)
}

// ping pings until all echoes come back; the first go while ARP and keepalives
// do their work.
func ping(t *testing.T, c *console.Console, to string) {
	t.Helper()
	for range 10 {
		if got, sent, err := c.Ping(to, 30*time.Second); err != nil {
			t.Fatal(err)
		} else if sent == 5 && got == 5 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("%s does not answer", to)
}

func configure(t *testing.T, c *console.Console, ifname, address string) {
	t.Helper()
	if err := c.Configure("interface "+ifname, "ip address "+address+" 255.255.255.0", "no shutdown"); err != nil {
		t.Fatal(err)
	}
}

func TestWires(t *testing.T) {
	for _, c := range []struct{ name, ifname, port, a, b string }{
		{"udp", "s1/0", "1:0", "udp:42101:127.0.0.1:42102", "udp:42102:127.0.0.1:42101"},
		{"unix", "f0/0", "0:0", "unix:a.sock:b.sock", "unix:b.sock:a.sock"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			a := start(t, dir, "-r", "64", "-i", "1", "-p", "1:PA-8T", "-s", c.port+":"+c.a, "-s", "1:7:null", image(t))
			b := start(t, dir, "-r", "64", "-i", "2", "-p", "1:PA-8T", "-s", c.port+":"+c.b, image(t))
			configure(t, a.login(t), c.ifname, "10.0.0.1")
			configure(t, b.login(t), c.ifname, "10.0.0.2")
			ping(t, a.console, "10.0.0.2")
			a.end(t)
			b.end(t)
		})
	}
}

// A TAP of the host: the machine itself pings the router.
func TestHostTAP(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIP: not root: no TAP is made")
	}
	name := fmt.Sprintf("dt%d", os.Getpid()%100000)
	r := start(t, t.TempDir(), "-r", "64", "-s", "0:0:tap:"+name, image(t))
	c := r.login(t)
	configure(t, c, "f0/0", "10.219.7.2")
	for _, args := range [][]string{{"address", "add", "10.219.7.1/24", "dev", name}, {"link", "set", name, "up"}} {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %v: %v: %s", args, err, out)
		}
	}
	ping(t, c, "10.219.7.1")
	r.end(t)
	if _, err := net.InterfaceByName(name); err == nil {
		t.Error("the TAP outlives the router")
	}
}

// On a terminal, keys go to the router as they are, and Ctrl-] q ends it.
func TestTerminal(t *testing.T) {
	master, slave, err := console.Terminal()
	if err != nil {
		t.Skipf("SKIP: no pseudo-terminal: %v", err)
	}
	defer slave.Close()
	before, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(testlab.Bin(t), "dynamips"), "-r", "64", image(t))
	cmd.Dir = t.TempDir()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := console.New(master, master)
	if err := c.Login(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	// Ctrl-C is a key of the router's, not a signal.
	if err := c.Send("show ver\x03"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Command("show clock", 5*time.Second); err != nil {
		t.Error(err)
	}
	if err := c.Send("\x1dq"); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after Ctrl-] q: %v", err)
	}
	after, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	if err != nil || *after != *before {
		t.Errorf("the terminal was not put back (%v)", err)
	}
}

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "text"), []byte("no image at all, just text\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"missing.image", 1, "missing.image"},
		{"text", 1, "ELF"},
		{"-t npe-999 " + image(t), 1, "npe-400"},
		{"-t npe-g2 " + image(t), 1, `"npe-g2" is not emulated; accepted are npe-100`},
		{"-t npe-200 -p 0:C7200-IO-2FE " + image(t), 1, "C7200-IO-FE"},
		{"-m 01:23 " + image(t), 1, "aabb.ccdd.eeff"},
		{"-p 1:PA-99 " + image(t), 1, "PA-8T"},
		{"-s 5:0:null " + image(t), 1, "slot 5"},
		{"-s 0:0:carrier:pigeon " + image(t), 2, "udp"},
		{"--bogus " + image(t), 2, "bogus"},
		{"", 2, "image"},
	} {
		cmd := exec.Command(filepath.Join(testlab.Bin(t), "dynamips"), strings.Fields(c.args)...)
		cmd.Dir = dir
		var stderr strings.Builder
		cmd.Stderr = io.MultiWriter(&stderr)
		_ = cmd.Run()
		if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(stderr.String(), c.want) {
			t.Errorf("dynamips %s: exit code %d, %q; want %d and %q", c.args, code, stderr.String(), c.code, c.want)
		}
	}
}

// The guest's own reload restarts the router; what the guest switches off ends.
func TestReload(t *testing.T) {
	r := start(t, t.TempDir(), "-r", "64", image(t))
	c := r.login(t)
	if err := c.Send("reload\r"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Expect(regexp.MustCompile(`confirm`), 5*time.Second); err != nil {
		t.Fatal(err)
	}
	if err := c.Send("\r"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Expect(regexp.MustCompile(`Launching IOS image`), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	r.login(t)
	r.end(t)
}
