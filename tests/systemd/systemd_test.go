// Package systemd runs the service under a systemd of its own, in a container, as an
// administrator does: installed by its package, driven by systemctl, journalctl and
// the tree. `make test-systemd` makes the container's root and the packages.
package systemd

import (
	"encoding/base64"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"dynemu/tests/testlab"
)

var figures = flag.Bool("figures", false, "measure the daemon's memory with 100 routers, which takes minutes")

// configuration is an option with a router's startup configuration.
func configuration(lines ...string) string {
	return "configuration = " + base64.StdEncoding.EncodeToString([]byte(strings.Join(append(lines, "end", ""), "\n"))) + "\n"
}

// labA is two routers with the machine at one side: a ping from here to R2 goes over
// a link of the kernel and over a serial wire.
var labA = "[localhost]\n[[7200]]\nram = 64\n" +
	"[[ROUTER R1]]\nf1/0 = NIO_host:lab0:10.1.0.2/24\ns2/0 = R2 s2/0\ncpu_limit = 150%\nmemory_limit = 1G\n" +
	configuration("hostname R1", "interface FastEthernet1/0", "ip address 10.1.0.1 255.255.255.0", "no shutdown",
		"interface Serial2/0", "ip address 10.3.0.1 255.255.255.0", "no shutdown") +
	"[[ROUTER R2]]\n" +
	configuration("hostname R2", "interface Serial2/0", "ip address 10.3.0.2 255.255.255.0", "no shutdown", "exit",
		"ip route 10.1.0.0 255.255.255.0 10.3.0.1")

const labB = "[localhost]\n[[7200]]\nram = 64\n[[ROUTER X1]]\nf1/0 = X2 f1/0\n[[ROUTER X2]]\n"

// reach waits until R2 answers.
func (m *machine) reach() {
	m.t.Helper()
	m.run("ip", "route", "replace", "10.3.0.0/24", "via", "10.1.0.1")
	m.wait(30*time.Second, "R2 to answer", func() bool {
		_, err := m.try("ping", "-n", "-c", "1", "-W", "1", "10.3.0.2")
		return err == nil
	})
}

// tree is what must be the same before and after another daemon has taken over: the
// names of all files of the labs, and the content of those that say what is, not
// how much of it.
func (m *machine) tree() map[string]string {
	m.t.Helper()
	stable := regexp.MustCompile(`^(state|console\.log|startup-config|private-config|nvram|ifname|netns|mac|peer|carrier|filter|link|version|mode|topology\..*|.*\.net)$`)
	ages := regexp.MustCompile(`(?m)^(uptime|since) .*$`)
	out := map[string]string{}
	err := filepath.WalkDir(m.lab(), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, m.lab())
		out[name] = ""
		if d.Name() == "info" || d.Type().IsRegular() && stable.MatchString(d.Name()) {
			text, err := os.ReadFile(path)
			if err != nil {
				text = []byte(err.Error())
			}
			out[name] = ages.ReplaceAllString(string(text), "$1")
		}
		return nil
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return out
}

func (m *machine) sameTree(what string, before map[string]string) {
	m.t.Helper()
	after := m.tree()
	for name, text := range before {
		now, ok := after[name]
		if !ok {
			m.t.Errorf("%s: %s is gone", what, name)
		} else if now != text {
			m.t.Errorf("%s: %s is\n%s\nand was\n%s", what, name, now, text)
		}
	}
	for name := range after {
		if _, ok := before[name]; !ok {
			m.t.Errorf("%s: %s is new", what, name)
		}
	}
	m.t.Logf("%s: %d files of the tree are the same", what, len(before))
}

// deb is a package by its version, inside.
func (m *machine) deb(version string) string {
	m.t.Helper()
	found, _ := filepath.Glob(filepath.Join(os.Getenv("DYNEMU_DEBS"), "dynemu_"+version+"_*.deb"))
	if len(found) != 1 {
		m.t.Fatalf("DYNEMU_DEBS has no package of version %s", version)
	}
	return "/debs/" + filepath.Base(found[0])
}

// left is what there is of a service that has ended. dynemu-netd ends after it.
func (m *machine) left() string {
	var text string
	for range 50 {
		text, _ = m.try("sh", "-c", "ls /run/netns 2>/dev/null; grep dynemu /proc/mounts; pgrep -la dynemu; ip -br link | grep lab0; systemctl list-units --all --plain --no-legend 'dynemu-*' | grep -v 'dynemu-netd.* inactive dead'")
		if text == "" {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	return text
}

// TestPackage is the life of an installed service.
// Promise: 30.
func TestPackage(t *testing.T) {
	m := newMachine(t)
	m.boot()

	// Installation: the service runs, and is there after a boot.
	m.run("dpkg", "-i", m.deb("0.0.1"))
	for property, want := range map[string]string{"ActiveState": "active", "UnitFileState": "enabled", "StatusText": "0 labs, 0 of 0 routers running"} {
		if got := m.show("dynemu", property); got != want {
			t.Errorf("after the installation %s is %q, want %q", property, got, want)
		}
	}
	m.run("getent", "group", "dynemu")
	m.run("test", "-x", "/usr/bin/dynemu-dynamips", "-a", "-f", "/usr/share/dynemu/labs/simple1.net", "-a",
		"-x", "/usr/libexec/dynemu/dynemu-netd", "-a", "-f", "/usr/share/bash-completion/completions/dynemu", "-a", "-f", "/usr/share/man/man1/dynemu.1.gz")
	m.run("systemctl", "restart", "dynemu")
	t.Logf("FIGURE start to ready with no lab: %v (aim: 0.5 s)", m.startTime())

	// Labs: a unit per router, with its limits and its journal.
	m.writeLab("a", labA)
	m.writeLab("b", labB)
	devices := [][2]string{{"a", "R1"}, {"a", "R2"}, {"b", "X1"}, {"b", "X2"}}
	for _, d := range devices {
		m.waitState(d[0], d[1], "running")
	}
	m.reach()
	m.wait(5*time.Second, "the line of status", func() bool { return m.show("dynemu", "StatusText") == "2 labs, 4 of 4 routers running" })
	limits := func(unit, cpu, memory string) {
		t.Helper()
		if c, b := m.show(unit, "CPUQuotaPerSecUSec"), m.show(unit, "MemoryMax"); c != cpu || b != memory {
			t.Errorf("limits of %s: %s, %s; want %s, %s", unit, c, b, cpu, memory)
		}
	}
	limits("dynemu-a-R1", "1.500000s", "1073741824")
	limits("dynemu-a-R2", "infinity", "infinity")
	if got := m.show("dynemu-a-R1", "Slice"); got != "dynemu.slice" {
		t.Errorf("slice %s", got)
	}
	if out := m.run("systemctl", "status", "dynemu-a-R1"); !strings.Contains(out, "Router R1 of lab a") || !strings.Contains(out, "(running)") {
		t.Errorf("status of a router:\n%s", out)
	}
	r1 := m.pid("a", "R1")
	m.writeLab("a", strings.Replace(labA, "150%", "120%", 1))
	m.wait(5*time.Second, "the new limit", func() bool { return m.show("dynemu-a-R1", "CPUQuotaPerSecUSec") == "1.200000s" })
	if now := m.pid("a", "R1"); now != r1 || r1 == "" {
		t.Errorf("R1 was process %s and is %s after a change of its limit", r1, now)
	}
	for _, q := range []struct {
		args []string
		says string
	}{
		{[]string{"-u", "dynemu-a-R1"}, "R1 of lab a started"},
		{[]string{"LAB=b", "DEVICE=X2"}, "X2 of lab b started"},
		{[]string{"-u", "dynemu", "LAB=a", "DEVICE=R2"}, "device started"},
	} {
		if out := m.run(append([]string{"journalctl", "-b", "--no-pager"}, q.args...)...); !strings.Contains(out, q.says) {
			t.Errorf("journalctl %s says nothing of %q:\n%s", strings.Join(q.args, " "), q.says, out)
		}
	}

	pids := func() (out string) {
		for _, d := range devices {
			out += m.pid(d[0], d[1]) + " "
		}
		return out
	}
	served := func(what string) {
		t.Helper()
		m.wait(20*time.Second, what, func() bool {
			_, err := os.ReadFile(m.path("/run/dynemu/version"))
			return err == nil && m.show("dynemu", "ActiveState") == "active"
		})
	}

	// Configuration: a reload, and mistakes.
	config := m.path("/etc/dynemu/dynemu.toml")
	original, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	configure := func(text string) {
		t.Helper()
		if err := os.WriteFile(config, append([]byte(text), original...), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	before := pids()
	configure("cpu_limit = \"180%\"\nmount = \"/run/elsewhere\"\n")
	m.run("systemctl", "reload", "dynemu")
	m.wait(5*time.Second, "the limit of the configuration", func() bool { return m.show("dynemu-b-X1", "CPUQuotaPerSecUSec") == "1.800000s" })
	limits("dynemu-a-R1", "1.200000s", "1073741824")
	if out := m.run("journalctl", "-u", "dynemu", "--no-pager"); !strings.Contains(out, "wait for the next start options=mount") {
		t.Errorf("the journal does not say what waits:\n%s", tail(out, 5))
	}
	configure("\nlog_level = \"loud\"\n")
	if out, err := m.try("systemctl", "reload", "dynemu"); err == nil {
		t.Errorf("a reload of a wrong configuration succeeds: %s", out)
	}
	served("the service to go on after a refused reload")
	if out, err := m.try("systemctl", "restart", "dynemu"); err == nil {
		t.Errorf("a start with a wrong configuration succeeds: %s", out)
	}
	out, _ := m.try("systemctl", "status", "dynemu")
	for _, want := range []string{`/etc/dynemu/dynemu.toml:2:13: log_level = "loud": debug, info, warn and error are accepted`, "status=78"} {
		if !strings.Contains(out, want) {
			t.Errorf("systemctl status does not say %q:\n%s", want, out)
		}
	}
	configure("")
	m.run("systemctl", "start", "dynemu")
	served("the service to start")
	if now := pids(); now != before {
		t.Errorf("routers were processes %s and are %s after a wrong configuration", before, now)
	}

	// An upgrade under traffic.
	tree := m.tree()
	ping := m.startPing("10.3.0.2")
	version, _ := os.ReadFile(m.path("/run/dynemu/version"))
	m.run("dpkg", "-i", m.deb("0.0.2"))
	served("the new version")
	ping.end("upgrade")
	if now, _ := os.ReadFile(m.path("/run/dynemu/version")); string(now) == string(version) {
		t.Errorf("the old version still runs: %s", now)
	}
	m.sameTree("upgrade", tree)

	// SIGKILL of the daemon under traffic.
	ping = m.startPing("10.3.0.2")
	m.run("systemctl", "kill", "-s", "KILL", "--kill-who=main", "dynemu")
	m.wait(5*time.Second, "another daemon", func() bool { return m.show("dynemu", "NRestarts") == "1" })
	served("the service to come back")
	ping.end("SIGKILL of the daemon")
	m.sameTree("SIGKILL of the daemon", tree)
	if now := pids(); now != before {
		t.Errorf("routers were processes %s and are %s after an upgrade and SIGKILL", before, now)
	}

	// A daemon that hangs is ended by its watchdog, and another takes over.
	dropIn := m.path("/run/systemd/system/dynemu.service.d")
	if err := os.MkdirAll(dropIn, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dropIn, "watchdog.conf"), []byte("[Service]\nWatchdogSec=3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	m.run("systemctl", "daemon-reload")
	m.run("systemctl", "restart", "dynemu")
	daemon := m.show("dynemu", "MainPID")
	time.Sleep(5 * time.Second)
	if now := m.show("dynemu", "MainPID"); now != daemon {
		t.Errorf("the watchdog ended a daemon that is well: process %s is %s", daemon, now)
	}
	m.run("systemctl", "kill", "-s", "STOP", "--kill-who=main", "dynemu")
	m.wait(20*time.Second, "the watchdog", func() bool { now := m.show("dynemu", "MainPID"); return now != daemon && now != "0" })
	served("the service after the watchdog")
	m.sameTree("watchdog", tree)
	if now := pids(); now != before {
		t.Errorf("routers were processes %s and are %s after the watchdog", before, now)
	}
	if err := os.RemoveAll(dropIn); err != nil {
		t.Fatal(err)
	}
	m.run("systemctl", "daemon-reload")

	// SIGKILL of the helper under traffic: the daemon has it done by the next.
	ping = m.startPing("10.3.0.2")
	m.run("systemctl", "kill", "-s", "KILL", "--kill-who=main", "dynemu-netd")
	for _, order := range []string{"stop", "start"} {
		if err := os.WriteFile(m.lab("b", "X2", "ctl"), []byte(order+"\n"), 0); err != nil {
			t.Errorf("%s of a router while dynemu-netd comes back: %v: %s", order, err, m.read("b", "X2", "errors"))
		}
	}
	m.waitState("b", "X2", "running")
	ping.end("SIGKILL of dynemu-netd")

	// What runs as whom, with what.
	for unit, most := range map[string]string{"dynemu": "15", "dynemu-netd": "45"} {
		m.run("systemd-analyze", "security", "--threshold="+most, "--no-pager", unit)
	}
	if got := m.show("dynemu", "User") + " " + m.show("dynemu", "CapabilityBoundingSet"); got != "dynemu " {
		t.Errorf("dynemud runs as %q", got)
	}

	// SIGKILL of a router: the others go on.
	m.run("systemctl", "kill", "-s", "KILL", "--kill-who=main", "dynemu-b-X1")
	m.waitState("b", "X1", "crashed")
	m.wait(5*time.Second, "the line of status", func() bool { return m.show("dynemu", "StatusText") == "2 labs, 3 of 4 routers running, 1 crashed" })
	if got := m.read("b", "X2", "state"); got != "running" {
		t.Errorf("X2 is %s after X1 was killed", got)
	}
	if err := os.WriteFile(m.lab("b", "X1", "ctl"), []byte("start\n"), 0); err != nil {
		t.Errorf("start of the killed router: %v: %s", err, m.read("b", "X1", "errors"))
	}
	m.waitState("b", "X1", "running")

	// Stop, and a lab that cannot be read.
	m.run("systemctl", "stop", "dynemu")
	if left := m.left(); left != "" {
		t.Errorf("after stop there is left:\n%s", left)
	}
	for _, file := range []string{"b.net", "b/applied.net"} {
		if err := os.WriteFile(m.path("/var/lib/dynemu/labs", file), []byte("[localhost]\n[[ROUTER X1]]\nno such line\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m.run("systemctl", "start", "dynemu")
	m.waitState("a", "R2", "running")
	m.wait(5*time.Second, "the line of status", func() bool {
		return m.show("dynemu", "StatusText") == "2 labs, 2 of 2 routers running; held back for errors in its file: b"
	})
	if got := m.read("b", "result"); !strings.HasPrefix(got, "b.net:3:") {
		t.Errorf("result of the lab that is held back: %s", got)
	}
	m.writeLab("b", labB)
	m.waitState("b", "X1", "running")
	m.reach()

	// Another boot: what ran comes back.
	m.powerOff()
	m.boot()
	served("the service after a boot")
	for _, d := range devices {
		m.waitState(d[0], d[1], "running")
	}
	m.reach()
	if out := m.run("journalctl", "-b", "-1", "-u", "dynemu", "--no-pager"); strings.Contains(out, "ended by itself") && strings.Contains(tail(out, 12), "ended by itself") {
		t.Errorf("the shutdown took routers from under the daemon:\n%s", tail(out, 12))
	}

	// Removal keeps the labs and the configuration, purge does not.
	m.run("dpkg", "-r", "dynemu")
	if left := m.left(); left != "" {
		t.Errorf("after the removal there is left:\n%s", left)
	}
	m.run("test", "-f", "/etc/dynemu/dynemu.toml", "-a", "-f", "/var/lib/dynemu/labs/a.net", "-a", "!", "-e", "/usr/sbin/dynemud")
	m.run("dpkg", "-i", m.deb("0.0.2"))
	served("the service that was installed again")
	m.waitState("a", "R1", "running")
	m.run("dpkg", "-P", "dynemu")
	if left := m.left(); left != "" {
		t.Errorf("after the purge there is left:\n%s", left)
	}
	files, _ := m.try("sh", "-c", "find / -xdev -name '*dynemu*' -not -path '/proc/*' -not -path '/var/lib/dpkg/*' -not -path '/var/log/*' -not -path '/debs*' -not -path '/sys/*'")
	if files != "" {
		t.Errorf("after the purge there are files:\n%s", files)
	}
}

// TestFigures measures what the service costs.
func TestFigures(t *testing.T) {
	m := newMachine(t)
	m.boot()
	m.run("dpkg", "-i", m.deb("0.0.1"))
	lab := func(routers int, more string) string {
		text := "autostart = false\n[localhost]\n[[7200]]\nram = 32\n"
		for r := 1; r <= routers; r++ {
			text += fmt.Sprintf("[[ROUTER R%d]]\nf1/0 = LAN n\n%s", r, more)
		}
		return text
	}
	for i := range 20 {
		m.writeLab(fmt.Sprintf("l%d", i), lab(5, ""))
	}
	m.wait(2*time.Minute, "the labs to be applied", func() bool { return m.show("dynemu", "StatusText") == "20 labs, 0 of 100 routers running" })
	m.run("systemctl", "restart", "dynemu")
	t.Logf("FIGURE restart to ready with 20 stopped labs of 5 routers: %v (aim: 2 s)", m.startTime())
	m.run("systemctl", "stop", "dynemu")
	m.run("systemctl", "start", "dynemu")
	t.Logf("FIGURE start to ready with 20 stopped labs of 5 routers: %v (aim: 2 s)", m.startTime())
	t.Logf("FIGURE daemon's memory with 20 stopped labs of 5 routers: %.1f MiB", m.memory())
	if !*figures {
		return
	}
	for i := range 20 {
		if err := os.WriteFile(m.lab(fmt.Sprintf("l%d", i), "ctl"), []byte("start\n"), 0); err != nil {
			t.Fatal(err)
		}
	}
	m.wait(5*time.Minute, "100 routers", func() bool { return m.show("dynemu", "StatusText") == "20 labs, 100 of 100 routers running" })
	time.Sleep(10 * time.Second)
	t.Logf("FIGURE daemon's memory with 100 running routers: %.1f MiB (aim: 60)", m.memory())
	m.run("systemctl", "restart", "dynemu")
	t.Logf("FIGURE restart to ready with 100 running routers: %v", m.startTime())
	time.Sleep(10 * time.Second)
	t.Logf("FIGURE daemon's memory with 100 adopted routers: %.1f MiB (aim: 60)", m.memory())
}

// TestQuickstart does what `make run` and `make stop` do where systemd is process 1.
func TestQuickstart(t *testing.T) {
	m := newMachine(t)
	payload := filepath.Join(m.dir, "root", "payload")
	for _, args := range [][]string{
		{"mkdir", "-p", filepath.Join(payload, "docs")},
		{"cp", "-r", testlab.Bin(t), filepath.Join(payload, "bin")},
		{"cp", "-r", "../../systemd", payload},
		{"cp", "-r", "../../docs/labs", filepath.Join(payload, "docs")},
		{"go", "build", "-o", filepath.Join(payload, "quickstart"), "../quickstart"},
	} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	m.boot()
	m.run("sh", "-c", "cd /payload && ./quickstart -bin bin")
	if got := m.show("dynemu-simple1-R1", "ActiveState"); got != "active" {
		t.Errorf("the unit of R1 is %s", got)
	}
	before := m.pid("simple1", "R1")
	m.run("systemctl", "restart", "dynemu")
	if now := m.pid("simple1", "R1"); now != before || now == "" {
		t.Errorf("R1 was process %s and is %s after a restart", before, now)
	}
	if out := m.run("sh", "-c", "cd /payload && ./quickstart -bin bin"); !strings.Contains(out, "ping R1 -> R2: 100% (5/5)") {
		t.Errorf("the second run:\n%s", out)
	}
	m.run("sh", "-c", "cd /payload && ./quickstart -bin bin -stop")
	if left := m.left(); left != "" {
		t.Errorf("after make stop there is left:\n%s", left)
	}
}
