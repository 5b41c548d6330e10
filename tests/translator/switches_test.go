package translator

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"golang.org/x/sys/unix"

	"dynemu/jit"
	"dynemu/tests/testlab"
)

// refuse makes this test program stand in for a node's: it has the kernel refuse
// memory for code, as a hardened kernel does, and becomes the real program, which it
// names.
const refuse = "DYNEMU_REFUSE_CODE"

func TestMain(m *testing.M) {
	if program := os.Getenv(refuse); program != "" {
		err := seccomp.LoadFilter(seccomp.Filter{
			NoNewPrivs: true, Flag: seccomp.FilterFlagTSync,
			Policy: seccomp.Policy{DefaultAction: seccomp.ActionAllow, Syscalls: []seccomp.SyscallGroup{{
				Action: seccomp.ActionErrno,
				NamesWithCondtions: []seccomp.NameWithConditions{{Name: "mmap",
					Conditions: seccomp.ArgumentConditions{{Argument: 2, Operation: seccomp.BitsSet, Value: unix.PROT_EXEC}}}},
			}}},
		})
		if err == nil {
			err = syscall.Exec(program, append([]string{program}, os.Args[1:]...), []string{})
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func needTranslator(t *testing.T) {
	if !jit.Supported {
		t.Skipf("SKIP: there is no translator for %s/%s", runtime.GOOS, runtime.GOARCH)
	}
}

// line returns the value of a line of a device's stats file.
func line(d *testlab.Daemon, lab, device, name string) string {
	m := regexp.MustCompile(`(?m)^` + name + `:?\s+(.*)$`).FindStringSubmatch(d.Read("labs", lab, device, "stats"))
	if m == nil {
		return ""
	}
	return m[1]
}

// TestEngineOfRouters runs routers on the translator, on the interpreter, and on
// both with their results compared, and pings between them; stats tell what they
// run on.
func TestEngineOfRouters(t *testing.T) {
	needTranslator(t)
	d := testlab.Start(t)
	d.MustWriteLab("engines", `
[localhost]
[[7200]]
ram = 64
[[ROUTER R1]]
f0/0 = LAN 1
[[ROUTER R2]]
jit = false
f0/0 = LAN 1
[[ROUTER R3]]
jit = check
f0/0 = LAN 1
`)
	for i, name := range []string{"R1", "R2", "R3"} {
		c := d.Console("engines", name)
		if err := c.Configure("interface f0/0", fmt.Sprintf("ip address 10.0.0.%d 255.255.255.0", i+1), "no shutdown"); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			continue
		}
		got := 0
		for range 12 {
			var err error
			if got, _, err = c.Ping("10.0.0.1", 30*time.Second); err != nil {
				t.Fatal(err)
			}
			if got == 5 {
				break
			}
		}
		if got != 5 {
			t.Errorf("%s: ping of R1: %d of 5 came back", name, got)
		}
	}
	for name, want := range map[string]string{"R1": "on", "R2": "off", "R3": "on"} {
		if got := line(d, "engines", name, "translator"); got != want {
			t.Errorf("%s: stats say the translator is %q, want %q", name, got, want)
		}
	}
	stats := d.Read("labs", "engines", "R1", "stats")
	for _, want := range []string{`translated-blocks\s+[1-9]`, `translated-bytes\s+[1-9]`, `exits-budget\s+[1-9]`, `exits-memory\s+[1-9]`, `exits-indirect\s+[1-9]`, `interpreter-share\s+[0-9.]+%`} {
		if !regexp.MustCompile(want).MatchString(stats) {
			t.Errorf("stats do not show %s:\n%s", want, stats)
		}
	}
	// The guest's memory, which the process maps twice, counts once.
	if guest, all := stat(d, "engines", "R1", "memory-guest-bytes"), stat(d, "engines", "R1", "memory-bytes"); guest < 1<<18 || guest > 64<<20 || all < guest || all > guest+64<<20 {
		t.Errorf("stats say that the guest uses %.0f bytes, and the process %.0f", guest, all)
	}
	if strings.Contains(d.Read("labs", "engines", "R2", "stats"), "translated") {
		t.Error("stats of a router on the interpreter count translations")
	}
}

// TestPerfMap has a router's code named for perf, and records a profile where perf
// is there and may.
func TestPerfMap(t *testing.T) {
	needTranslator(t)
	d := testlab.Start(t)
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	d.MustWriteLab("perf", fmt.Sprintf(`
[localhost]
[[7200]]
ram = 64
[[ROUTER R1]]
perf_map = true
image = %s
[[ROUTER R2]]
`, assemble(t, dir, "loop")))
	pid := d.NodePID("perf", "R1")
	path := jit.PerfMapPath(pid)
	t.Cleanup(func() { os.Remove(path) })
	named := regexp.MustCompile(`(?m)^[0-9a-f]+ [0-9a-f]+ guest_800100[0-9a-f]{2}$`)
	d.Wait(10*time.Second, "names in "+path, func() bool {
		text, _ := os.ReadFile(path)
		return named.Match(text)
	})
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil || int(st.Uid) != os.Geteuid() || st.Mode&0o077 != 0 {
		t.Errorf("%s belongs to user %d with mode %o: %v", path, st.Uid, st.Mode&0o777, err)
	}
	if other := jit.PerfMapPath(d.NodePID("perf", "R2")); fileExists(other) {
		t.Errorf("%s was made unasked", other)
	}

	perf, err := exec.LookPath("perf")
	if err != nil {
		t.Log("SKIP: perf (Debian package linux-perf) is not installed: no profile is taken")
		return
	}
	data := filepath.Join(dir, "perf.data")
	if out, err := exec.Command(perf, "record", "-e", "cpu-clock", "-o", data, "-p", fmt.Sprint(pid), "--", "sleep", "2").CombinedOutput(); err != nil {
		t.Logf("SKIP: perf may not record here: %v: %.300s", err, out)
		return
	}
	out, err := exec.Command(perf, "report", "--stdio", "-i", data, "--sort", "symbol").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "guest_800100") {
		t.Errorf("the profile names no guest address: %v\n%s", err, out)
	}
	for _, l := range strings.Split(string(out), "\n") {
		if strings.Contains(l, "guest_") {
			t.Log(l)
			break
		}
	}
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, os.ErrNotExist)
}

// TestCodeMemoryRefused starts routers where the kernel gives no memory for code:
// the interpreter runs them, log and stats say so.
func TestCodeMemoryRefused(t *testing.T) {
	needTranslator(t)
	real := testlab.Bin(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// Programs of our own: the daemon finds the node's beside itself.
	dir := t.TempDir()
	copyProgram(t, filepath.Join(real, "dynemud"), filepath.Join(dir, "dynemud"))
	script := fmt.Sprintf("#!/bin/sh\n%s=%s exec %s \"$@\"\n", refuse, filepath.Join(real, "dynemu-node"), self)
	if err := os.WriteFile(filepath.Join(dir, "dynemu-node"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	d := testlab.StartIn(t, dir)
	d.MustWriteLab("refused", "[localhost]\n[[7200]]\nram = 64\n[[ROUTER R1]]\n")
	d.Console("refused", "R1")
	if got := line(d, "refused", "R1", "translator"); got != "off" {
		t.Errorf("stats say the translator is %q", got)
	}
	if log := d.Read("labs", "refused", "R1", "log"); !strings.Contains(log, "the interpreter runs the guest: code memory") {
		t.Errorf("the log does not say that code memory was refused:\n%s", log)
	}
}

func copyProgram(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}
