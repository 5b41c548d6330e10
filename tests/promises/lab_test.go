package main

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"dynemu/tests/console"
	"dynemu/tests/testlab"
)

// command runs the program dynemu, which must do it.
func command(t *testing.T, d *testlab.Daemon, words ...string) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(testlab.Bin(t), "dynemu"), words...)
	cmd.Env = append(os.Environ(), "DYNEMU_MOUNT="+d.Mount)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("dynemu %s: %v\n%s", strings.Join(words, " "), err, out)
	}
	return string(out)
}

// The programs need nothing but the kernel: no library, no loader, no runtime.
// Promises: 5, 7.
func TestProgramsStandAlone(t *testing.T) {
	for _, name := range []string{"dynemud", "dynemu", "dynemu-node", "dynamips"} {
		f, err := elf.Open(filepath.Join(testlab.Bin(t), name))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range f.Progs {
			if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
				t.Errorf("%s is linked dynamically: it has %v", name, p.Type)
			}
		}
		if libraries, err := f.ImportedLibraries(); err == nil && len(libraries) > 0 {
			t.Errorf("%s needs %v", name, libraries)
		}
		f.Close()
	}
}

// A first lab, as its user meets it: loaded without a warning, listed, its consoles
// on the ports from 2000 up, on loopback alone, each with a line that says whose it
// is.
// Promises: 14, 31, 32, 33, 34, 36, 44, 59, 81.
func TestFirstLab(t *testing.T) {
	space := testlab.NewSpace(t)
	d := testlab.StartWhere(t, space.Do)
	file := filepath.Join(t.TempDir(), "first.net")
	text := "[localhost]\n[[7200]]\nram = 64\n[[ROUTER R1]]\ns1/0 = R2 s1/0\n[[ROUTER R2]]\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	out := command(t, d, "up", file)
	if !strings.Contains(out, "R1 started") || !strings.Contains(out, "R2 started") {
		t.Errorf("up says\n%s", out)
	}
	if said := out + d.Read("labs", "first", "result"); regexp.MustCompile(`(?i)warning|idle`).MatchString(said) {
		t.Errorf("it warns:\n%s", said)
	}
	for _, name := range []string{"R1", "R2"} {
		d.WaitState("first", name, "running")
	}
	for _, table := range []string{command(t, d, "list"), d.Read("status")} {
		for i, name := range []string{"R1", "R2"} {
			want := fmt.Sprintf(`(?m)^%s +7200 +running +localhost +%d\b`, name, 2000+i)
			if !regexp.MustCompile(want).MatchString(table) {
				t.Errorf("no %q in\n%s", want, table)
			}
		}
	}
	for i, name := range []string{"R1", "R2"} {
		var conn net.Conn
		var at []string
		err := space.Do(func() (err error) {
			at = listeners(t, 2000+i)
			conn, err = net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", 2000+i))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		c := console.New(conn, conn)
		defer c.Close()
		banner := fmt.Sprintf(`^(?s:.{0,20}?)Connected to Dynamips VM "%s" \(ID \d+, type c7200\) - Console port\r\n`, name)
		if got, err := c.Expect(regexp.MustCompile(banner), 5*time.Second); err != nil {
			t.Errorf("the first line is not the router's: %q", got)
		}
		if err := c.Login(30 * time.Second); err != nil {
			t.Error(err)
		}
		if len(at) != 1 || at[0] != "0100007F" {
			t.Errorf("port %d listens at %v, want 127.0.0.1 alone", 2000+i, at)
		}
		d.Wait(20*time.Second, name+" to find its idle loop", func() bool {
			return regexp.MustCompile(`(?m)^idle-loops-found +[1-9]`).MatchString(d.Read("labs", "first", name, "stats"))
		})
	}

	// Leaving the console leaves the lab.
	shell := exec.Command(filepath.Join(testlab.Bin(t), "dynemu"), "--mount", d.Mount)
	shell.Stdin = strings.NewReader("list\nexit\n")
	if out, err := shell.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("R1")) {
		t.Errorf("the console: %v\n%s", err, out)
	}
	if got := d.Read("labs", "first", "R1", "state"); got != "running" {
		t.Errorf("R1 is %s after the console was left", got)
	}
	command(t, d, "down", "first")
	if _, err := os.Stat(d.Path("labs", "first")); !os.IsNotExist(err) {
		t.Errorf("the lab is there after down: %v", err)
	}
}

// listeners are the addresses at which a TCP port listens in this thread's network
// namespace, as the kernel writes them.
func listeners(t *testing.T, port int) (at []string) {
	t.Helper()
	for _, table := range []string{"/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err != nil && !os.IsNotExist(err) {
			t.Error(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^ *\d+: ([0-9A-F]+):([0-9A-F]{4}) \S+ 0A `).FindAllStringSubmatch(string(text), -1) {
			if m[2] == fmt.Sprintf("%04X", port) {
				at = append(at, m[1])
			}
		}
	}
	return at
}

// Images lie anywhere: at an absolute path with blanks in it, beside the lab, or in
// the folder of images, wherever another machine had them.
// Promises: 2, 8, 22.
func TestImagesAnywhere(t *testing.T) {
	d := testlab.Start(t)
	image, err := os.ReadFile("../../vm/firmware/router.elf")
	if err != nil {
		t.Fatal(err)
	}
	spaced := filepath.Join(t.TempDir(), "my images", "a.image")
	for _, path := range []string{spaced, filepath.Join(d.State, "images", "b.image"), d.Path("labs", "here", "files", "c.image")} {
		if path == d.Path("labs", "here", "files", "c.image") {
			d.MustWriteLab("here", "autostart = false\n[localhost]\n")
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, image, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d.MustWriteLab("here", `[localhost]
[[7200]]
ram = 64
[[ROUTER R1]]
image = `+spaced+`
[[ROUTER R2]]
image = \Program Files\Dynamips\images\b.image
[[ROUTER R3]]
image = c.image
`)
	for _, name := range []string{"R1", "R2", "R3"} {
		if why := d.Read("labs", "here", name, "errors"); why != "" {
			t.Errorf("%s: %s", name, why)
		}
		d.Console("here", name)
	}
}

// Memory is what the guests touch: no file of its size, and none of a ghost, with and
// without the options that once made the difference.
// Promises: 11, 12, 13, 84, 85.
func TestMemory(t *testing.T) {
	d := testlab.Start(t)
	image, err := filepath.Abs("../../vm/firmware/router.elf")
	if err != nil {
		t.Fatal(err)
	}
	d.MustWriteLab("memory", `[localhost]
[[7200]]
image = `+image+`
ram = 256
exec_area = 64
[[ROUTER R1]]
[[ROUTER R2]]
mmap = false
sparsemem = true
ghostios = true
`)
	for _, name := range []string{"R1", "R2"} {
		d.Console("memory", name)
		stats := d.Read("labs", "memory", name, "stats")
		used := 0
		if m := regexp.MustCompile(`(?m)^memory-guest-bytes (\d+)`).FindStringSubmatch(stats); m != nil {
			fmt.Sscan(m[1], &used)
		}
		if used == 0 || used > 64<<20 {
			t.Errorf("%s uses %d bytes of its 256 MiB:\n%s", name, used, stats)
		}
	}
	for _, dir := range []string{d.State, d.Runtime, filepath.Dir(image)} {
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			st, err := e.Info()
			if err == nil && (st.Size() >= 256<<20 || strings.HasSuffix(path, ".ghost")) {
				t.Errorf("%s has %d bytes", path, st.Size())
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// LANs are not listed, switches are, and a switch has no state to change. Two Frame
// Relay switches, one behind the other, carry what one alone does.
// Promises: 33, 58, 60, 62, 63, 64.
func TestListOfDevices(t *testing.T) {
	d := testlab.Start(t)
	d.MustWriteLab("many", `autostart = false
[localhost]
[[7200]]
ram = 64
[[ROUTER R1]]
s1/0 = F1 1
f0/0 = LAN office
[[ROUTER R2]]
s1/0 = F2 1
f0/0 = LAN office
[[FRSW F1]]
1:102 = 2:500
2 = F2 2
[[FRSW F2]]
2:500 = 1:201
`)
	d.WaitState("many", "R2", "stopped")
	table := command(t, d, "list")
	for _, want := range []string{`(?m)^R1 +7200 +stopped`, `(?m)^R2 +7200 +stopped`, `(?m)^F1 +FRSW +always on .*n/a`, `(?m)^F2 +FRSW +always on`} {
		if !regexp.MustCompile(want).MatchString(table) {
			t.Errorf("no %q in\n%s", want, table)
		}
	}
	if strings.Contains(table+d.Read("status"), "office") || strings.Contains(table, "LAN") {
		t.Errorf("a LAN is listed:\n%s", table)
	}
	for _, verb := range []string{"start", "stop", "suspend", "resume"} {
		cmd := exec.Command(filepath.Join(testlab.Bin(t), "dynemu"), "--mount", d.Mount, verb, "F1")
		if out, err := cmd.CombinedOutput(); err == nil || !bytes.Contains(out, []byte("always on")) {
			t.Errorf("%s F1: %v: %s", verb, err, out)
		}
	}
	command(t, d, "start", "/all")
	var routers []*console.Console
	for i, name := range []string{"R1", "R2"} {
		c := d.Console("many", name)
		if err := c.Configure("interface s1/0", "encapsulation frame-relay", fmt.Sprintf("ip address 10.0.0.%d 255.255.255.0", i+1), "no shutdown"); err != nil {
			t.Fatal(err)
		}
		routers = append(routers, c)
	}
	pings(t, routers[0], "10.0.0.2")
}

// pings until all echoes come back: the first are lost while lines come up.
func pings(t *testing.T, c *console.Console, to string) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); {
		got, sent, err := c.Ping(to+" timeout 1", 60*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if got == sent && sent == 5 {
			return
		}
	}
	t.Fatalf("%s does not answer", to)
}

// Several daemons run on one machine, each with its labs, and nothing is asked of
// their users but a folder each.
// Promise: 95.
func TestTwoDaemons(t *testing.T) {
	first := testlab.Start(t)
	second := testlab.StartWhere(t, func(start func() error) error { return start() })
	const text = "[localhost]\n[[ROUTER R1]]\nram = 64\nf0/0 = R2 f0/0\n[[ROUTER R2]]\nram = 64\n"
	for _, d := range []*testlab.Daemon{first, second} {
		d.MustWriteLab("same", text)
	}
	var routers []*console.Console
	for n, d := range []*testlab.Daemon{first, second} {
		for i, name := range []string{"R1", "R2"} {
			c := d.Console("same", name)
			if err := c.Configure("interface f0/0", fmt.Sprintf("ip address 10.%d.0.%d 255.255.255.0", n, i+1), "no shutdown"); err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				routers = append(routers, c)
			}
		}
	}
	for n, c := range routers {
		pings(t, c, fmt.Sprintf("10.%d.0.2", n))
		if got, _, err := c.Ping(fmt.Sprintf("10.%d.0.2 repeat 2 timeout 1", 1-n), 30*time.Second); err != nil || got != 0 {
			t.Errorf("the labs of two daemons are joined: %d echoes, %v", got, err)
		}
	}
}

// The idle-PC of a running router, as the tutorial finds it: about ten seconds, in
// which the router goes on, a table, and a value that is in force at once.
// Promises: 45, 46, 47, 48, 54.
func TestFindIdlePC(t *testing.T) {
	d := testlab.Start(t)
	d.MustWriteLab("idle", "[localhost]\n[[ROUTER R1]]\nram = 64\n")
	c := d.Console("idle", "R1")
	got := make(chan string, 1)
	go func() {
		// It may find none; then one tries again.
		get := filepath.Join(testlab.Bin(t), "dynemu") + " --mount " + d.Mount + " idlepc get R1"
		cmd := exec.Command("sh", "-c", get+" || "+get+" || "+get)
		out, err := cmd.CombinedOutput()
		got <- fmt.Sprintf("%s%v", out, err)
	}()
	start, table := time.Now(), ""
	for table == "" {
		if _, err := c.Command("show version", 10*time.Second); err != nil {
			t.Fatalf("the router does not go on: %v", err)
		}
		select {
		case table = <-got:
		case <-time.After(500 * time.Millisecond):
		}
		if time.Since(start) > 2*time.Minute {
			t.Fatal("no table after two minutes")
		}
	}
	rows := regexp.MustCompile(`(?m)^([* ]) +\d+: (0x8[0-9a-f]{7}) \[(\d+)\]$`).FindAllStringSubmatch(table, -1)
	if len(rows) == 0 || !strings.Contains(table, `Potentially better idlepc values marked with "*"`) {
		t.Fatalf("the table is\n%s", table)
	}
	for _, row := range rows {
		var n int
		fmt.Sscan(row[3], &n)
		if (row[1] == "*") != (n > 50 && n < 60) {
			t.Errorf("a star in the wrong place: %q", row[0])
		}
	}
	if shown := d.Read("labs", "idle", "R1", "idlepc", "show"); !strings.Contains(table, shown) {
		t.Errorf("shown again as\n%s\nit was\n%s", shown, table)
	}
	command(t, d, "idlepc", "set", "R1", rows[0][2])
	if value := d.Read("labs", "idle", "R1", "idlepc", "value"); value != rows[0][2] {
		t.Errorf("the value is %s, want %s", value, rows[0][2])
	}
	if _, err := c.Command("show version", 10*time.Second); err != nil {
		t.Error(err)
	}
}
