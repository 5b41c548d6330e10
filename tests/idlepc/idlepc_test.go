// Package idlepc tests idle-PC values end to end, with the bundled image on both engines.
package idlepc

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"dynemu/tests/testlab"
)

const labText = `# two routers
[localhost]
  [[7200]]
    ram = 64	# small
  [[ROUTER R1]]
  [[ROUTER R2]]
    jit = false
`

// routers starts the lab and brings both routers to their prompts.
func routers(t *testing.T) *testlab.Daemon {
	t.Helper()
	d := testlab.Start(t)
	d.MustWriteLab("idle", labText)
	for _, r := range []string{"R1", "R2"} {
		d.WaitState("idle", r, "running")
		d.Console("idle", r).Close()
	}
	return d
}

// fact is a number of a router's idlepc/stats.
func fact(t *testing.T, d *testlab.Daemon, r, name string) int {
	t.Helper()
	m := regexp.MustCompile(`(?m)^` + name + ` (\d+)`).FindStringSubmatch(d.Read("labs", "idle", r, "idlepc", "stats"))
	if m == nil {
		t.Fatalf("%s: no %s in\n%s", r, name, d.Read("labs", "idle", r, "idlepc", "stats"))
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// sleeps waits until the router sleeps again and again, or, with not, until it has not
// slept for a second.
func sleeps(t *testing.T, d *testlab.Daemon, r string, not bool) {
	t.Helper()
	d.Wait(60*time.Second, fmt.Sprintf("%s sleeping: %v", r, !not), func() bool {
		before := fact(t, d, r, "sleeps")
		time.Sleep(time.Second)
		after := fact(t, d, r, "sleeps")
		return not && after == before || !not && after > before+20
	})
}

func uptime(t *testing.T, d *testlab.Daemon, r string) float64 {
	t.Helper()
	m := regexp.MustCompile(`(?m)^uptime-seconds ([\d.]+)`).FindStringSubmatch(d.Read("labs", "idle", r, "stats"))
	if m == nil {
		t.Fatal("no uptime")
	}
	s, _ := strconv.ParseFloat(m[1], 64)
	return s
}

var tableForm = regexp.MustCompile(`^(?:[* ] [ 1]\d: 0x[0-9a-f]{8} \[\d+\]\n){1,10}Potentially better idlepc values marked with "\*"\n$`)

// TestTutorial: the tutorial's way: the values of a quiet router in about 10 s, while it
// runs on; one is chosen and in force at once; it is saved for the router, as a default
// and in the database, which the next start of another router takes it from.
//
// Promises: 45, 47, 48, 49, 50, 51.
func TestTutorial(t *testing.T) {
	d := routers(t)
	before := uptime(t, d, "R1")
	var wg sync.WaitGroup
	tables := map[string]string{}
	var mu sync.Mutex
	for _, r := range []string{"R1", "R2"} {
		wg.Go(func() {
			start := time.Now()
			out, err := exec.Command("cat", d.Path("labs", "idle", r, "idlepc", "get")).CombinedOutput()
			if err != nil || !tableForm.Match(out) {
				t.Errorf("%s: %v\n%s", r, err, out)
			}
			if took := time.Since(start); took < 5*time.Second || took > 25*time.Second {
				t.Errorf("%s: it took %v", r, took)
			}
			mu.Lock()
			tables[r] = string(out)
			mu.Unlock()
		})
	}
	time.Sleep(2 * time.Second)
	c := d.Console("idle", "R1") // it answers meanwhile
	if _, err := c.Command("show version", 20*time.Second); err != nil {
		t.Error(err)
	}
	if s := d.Read("labs", "idle", "R1", "idlepc", "stats"); !strings.Contains(s, "\ngathering ") {
		t.Errorf("stats meanwhile:\n%s", s)
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	for r, table := range tables {
		if show, err := os.ReadFile(d.Path("labs", "idle", r, "idlepc", "show")); err != nil || string(show) != table {
			t.Errorf("%s: show: %v\n%s\nget said\n%s", r, err, show, table)
		}
		sleeps(t, d, r, false) // by itself again
		if got := d.Read("labs", "idle", r, "idlepc", "value"); got != "auto" {
			t.Errorf("%s: the value is %s", r, got)
		}
		// Any of the list is a place that the idle guest passes: it sleeps with it.
		value := regexp.MustCompile(`0x[0-9a-f]+`).FindString(table)
		if err := d.Write(value, "labs", "idle", r, "idlepc", "value"); err != nil {
			t.Fatal(err)
		}
		if got := d.Read("labs", "idle", r, "idlepc", "value"); got != value {
			t.Errorf("%s: the value is %s, not %s", r, got, value)
		}
		sleeps(t, d, r, false)
		if out := mustCommand(t, d, r, "show version"); out == "" {
			t.Errorf("%s says nothing", r)
		}
	}
	value := d.Read("labs", "idle", "R1", "idlepc", "value")
	for _, place := range []string{"db", "router", "default"} {
		if err := d.Write(place, "labs", "idle", "R1", "idlepc", "save"); err != nil {
			t.Fatalf("save %s: %v: %s", place, err, d.Read("labs", "idle", "R1", "errors"))
		}
	}
	if got := d.Read("idlepc.ini"); got != "builtin = "+value {
		t.Errorf("the database is %q", got)
	}
	want := strings.NewReplacer("# small\n", "# small\n    idlepc = "+value+"\n", "[[ROUTER R1]]\n", "[[ROUTER R1]]\n  idlepc = "+value+"\n").Replace(labText)
	if got := d.Read("labs", "idle.net") + "\n"; got != want {
		t.Errorf("the lab file is\n%s\nwant\n%s", got, want)
	}
	if up := uptime(t, d, "R1"); up < before {
		t.Errorf("R1 runs for %v s, and ran for %v s before", up, before)
	}
	// The database holds for the next start of a lab without a value.
	d.MustWriteLab("other", "[localhost]\n[[ROUTER R9]]\nram = 64\n")
	d.WaitState("other", "R9", "running")
	if got := d.Read("labs", "other", "R9", "idlepc", "value"); got != value {
		t.Errorf("R9 has %s, not %s", got, value)
	}
	// All of it outlives the daemon, whose routers run on.
	d.Kill()
	d.Run()
	if got := d.Read("labs", "idle", "R1", "idlepc", "value"); got != value {
		t.Errorf("after the daemon's end R1 has %s, not %s", got, value)
	}
	if d.Read("idlepc.ini") != "builtin = "+value {
		t.Error("the database did not outlive the daemon")
	}
}

func mustCommand(t *testing.T, d *testlab.Daemon, r, line string) string {
	t.Helper()
	c := d.Console("idle", r)
	defer c.Close()
	out, err := c.Command(line, 20*time.Second)
	if err != nil {
		t.Errorf("%s: %s: %v", r, line, err)
	}
	return out
}

// TestValues: auto, none and addresses through files, commands and the lab file, at once
// and without a restart; what is wrong is refused and changes nothing.
func TestValues(t *testing.T) {
	d := routers(t)
	before := uptime(t, d, "R1")
	for _, r := range []string{"R1", "R2"} {
		sleeps(t, d, r, false)
		if s := d.Read("labs", "idle", r, "idlepc", "stats"); !regexp.MustCompile(`(?m)^found 0x[0-9a-f]{8}$`).MatchString(s) {
			t.Errorf("%s: nothing found:\n%s", r, s)
		}
	}
	if err := d.Write("none", "labs", "idle", "R1", "idlepc", "value"); err != nil {
		t.Fatal(err)
	}
	sleeps(t, d, "R1", true)
	for _, bad := range []string{"soon", "0x", "auto none"} {
		if err := d.Write(bad, "labs", "idle", "R1", "idlepc", "value"); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%q: %v", bad, err)
		}
		if text := d.Read("labs", "idle", "R1", "errors"); !strings.Contains(text, "expected auto, none or an address") {
			t.Errorf("%q: errors: %s", bad, text)
		}
	}
	for _, bad := range []string{"here", "db"} {
		if err := d.Write(bad, "labs", "idle", "R1", "idlepc", "save"); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("save %q: %v", bad, err)
		}
	}
	if got := d.Read("labs", "idle", "R1", "idlepc", "value"); got != "none" {
		t.Errorf("the value is %s", got)
	}
	d.MustWriteLab("idle", strings.Replace(labText, "[[ROUTER R1]]\n", "[[ROUTER R1]]\n    idlepc = auto\n", 1))
	d.Wait(10*time.Second, "the lab file to be applied", func() bool { return d.Read("labs", "idle", "R1", "idlepc", "value") == "auto" })
	if result := d.Read("labs", "idle", "result"); result != "R1: idlepc changed" {
		t.Errorf("result: %s", result)
	}
	sleeps(t, d, "R1", false)
	// An address where the guest never is: it does not sleep, and works.
	if err := d.Write("idlepc set 0x80000040", "labs", "idle", "R1", "ctl"); err != nil {
		t.Fatal(err)
	}
	sleeps(t, d, "R1", true)
	mustCommand(t, d, "R1", "show version")
	if err := d.Write("idlepc drop", "labs", "idle", "R1", "ctl"); err != nil {
		t.Fatal(err)
	}
	sleeps(t, d, "R1", false)
	if up := uptime(t, d, "R1"); up < before {
		t.Errorf("R1 runs for %v s, and ran for %v s before", up, before)
	}
}

// TestGetEnds: a reader of get can be interrupted, a suspended or stopped router has no
// statistics, and the reason is told.
func TestGetEnds(t *testing.T) {
	d := routers(t)
	get := d.Path("labs", "idle", "R1", "idlepc", "get")
	start := time.Now()
	out, err := exec.Command("timeout", "-s", "INT", "1", "cat", get).CombinedOutput()
	var exit *exec.ExitError
	if took := time.Since(start); !errors.As(err, &exit) || len(out) > 0 || took > 8*time.Second {
		t.Errorf("interrupted after %v: %v %s", took, err, out)
	}
	for _, c := range []struct{ command, want string }{
		{"suspend", "suspended"},
		{"stop", `router "R1" is stopped. Idle-pc functions can only be used on running routers`},
	} {
		d.Wait(30*time.Second, "the statistics to end", func() bool {
			return !strings.Contains(d.Read("labs", "idle", "R1", "idlepc", "stats"), "gathering")
		})
		if err := d.Write(c.command, "labs", "idle", "R1", "ctl"); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(get); !errors.Is(err, syscall.EPERM) || len(b) > 0 {
			t.Errorf("after %s: %v %s", c.command, err, b)
		}
		if text := d.Read("labs", "idle", "R1", "errors"); !strings.Contains(text, c.want) {
			t.Errorf("after %s, errors: %s", c.command, text)
		}
	}
	if show := d.Read("labs", "idle", "R1", "idlepc", "show"); show != "No idlepc values found" {
		t.Errorf("show of a stopped router: %s", show)
	}
}

// TestDatabase: the database is written with usual programs; what is none is refused, with
// its place, and the old one stays.
//
// Promises: 52.
func TestDatabase(t *testing.T) {
	d := testlab.Start(t)
	ini := d.Path("idlepc.ini")
	if b, err := os.ReadFile(ini); err != nil || len(b) > 0 {
		t.Fatalf("at the beginning: %v %q", err, b)
	}
	file := filepath.Join(t.TempDir(), "dynagenidledb.ini")
	const good = "# from Dynagen\nc7200-jk9o3s-mz.124-7a.image = 0x6084f068\r\nc3660-ik9o3s-mz.124-10.image = 0x605b83f4\n"
	if err := os.WriteFile(file, []byte(good), 0o644); err != nil {
		t.Fatal(err)
	}
	shell := func(line string) error {
		out, err := exec.Command("bash", "-c", line).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}
	now := func() string {
		b, err := os.ReadFile(ini)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, line := range []string{"cp " + file + " " + ini, "cat " + file + " > " + ini, "tee " + ini + " < " + file, "cp -p " + file + " " + ini} {
		if err := shell(line); err != nil || now() != good {
			t.Errorf("%s: %v; the database is %q", line, err, now())
		}
	}
	if err := shell("echo 'x.image = 0x1 # mine' >> " + ini); err != nil || now() != good+"x.image = 0x1 # mine\n" {
		t.Errorf("appended: %v; the database is %q", err, now())
	}
	if err := shell("cp " + file + " " + ini); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{"y.image = soon": "idlepc.ini:1:11: ", "x = 0x1\n[section]": "idlepc.ini:2:1: ", "x = 0x1\nx = 0x2": "idlepc.ini:2:1: "} {
		if err := os.WriteFile(file, []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := shell("cp " + file + " " + ini); err == nil {
			t.Errorf("%q was taken", text)
		}
		if got := d.Read("errors"); !strings.HasPrefix(got, want) {
			t.Errorf("%q: errors: %s", text, got)
		}
		if now() != good {
			t.Fatalf("%q: the database is %q", text, now())
		}
	}
}
