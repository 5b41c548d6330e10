package emud_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dynemu/emud"
	"dynemu/emud/lab"
	"dynemu/emud/node"
)

// TestHeldBack: a lab of which no text can be read any more is held back with its
// message. What runs of it goes on, other labs start, and a text that can be read
// takes over what runs.
func TestHeldBack(t *testing.T) {
	h := newHost(t)
	h.mustApply("m", serial)
	h.mustApply("n", server+"[[ROUTER S1]]\n")
	before := h.nodes.Get("m", "R1").ID()
	h.d.Release()
	bad := server + "[[ROUTER R1]]\nwhat = 1\n"
	for _, path := range []string{"m.net", "m/applied.net"} {
		if err := os.WriteFile(filepath.Join(h.dir, "state/labs", path), []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h.start()
	if result, _ := h.d.Lab("m").Result(); !strings.HasPrefix(result, "m.net:4:1: unknown option \"what\"") {
		t.Errorf("result: %q", result)
	}
	if got := h.d.Summary(); got != "2 labs, 1 of 1 router running; held back for errors in its file: m" {
		t.Errorf("summary: %s", got)
	}
	if n := h.nodes.Get("m", "R1"); n == nil || n.ID() != before {
		t.Error("R1 of the lab that is held back was stopped")
	}
	if h.state("n", "S1") != node.Running {
		t.Error("the other lab does not run")
	}
	h.mustApply("m", serial)
	if h.state("m", "R1") != node.Running || h.nodes.Get("m", "R1").ID() != before {
		t.Error("R1 was started anew by the text that is read again")
	}
	// Without any text that was applied, too.
	h.d.Release()
	if err := os.WriteFile(filepath.Join(h.dir, "state/labs/m.net"), []byte(bad), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(h.dir, "state/labs/m/applied.net")); err != nil {
		t.Fatal(err)
	}
	h.start()
	if n := h.nodes.Get("m", "R2"); n == nil {
		t.Error("R2 of the lab that is held back was stopped")
	}
	if err := h.d.Lab("m").Remove(); err != nil {
		t.Fatal(err)
	}
	if h.nodes.Get("m", "R1") != nil {
		t.Error("R1 runs on after its lab was removed")
	}
}

// TestPortsOfTwoLabsStay: two labs that ask for the same TCP ports have those that they
// had after every start of the daemon, in whatever order it reads them.
func TestPortsOfTwoLabsStay(t *testing.T) {
	h := newHost(t)
	h.mustApply("m", serial)
	h.mustApply("n", serial)
	ports := func() string {
		out := ""
		for _, name := range []string{"m", "n"} {
			for _, device := range []string{"R1", "R2"} {
				info := h.d.Lab(name).Device(device).Info()
				if strings.Contains(info, "at next start") {
					t.Errorf("%s of %s waits for its next start:\n%s", device, name, info)
				}
				_, rest, _ := strings.Cut(info, "\nconsole ")
				out += strings.Fields(rest)[0] + " "
			}
		}
		return out
	}
	before := ports()
	for range 8 {
		h.d.Release()
		h.start()
		if now := ports(); now != before {
			t.Fatalf("ports %s, before %s", now, before)
		}
	}
}

// TestDeafNode: a node that lives and does not answer a new daemon keeps nothing else
// from being taken over, and is not started twice.
func TestDeafNode(t *testing.T) {
	h := newHost(t)
	h.mustApply("m", serial)
	before := h.nodes.Get("m", "R2").ID()
	h.d.Release()
	h.nodes.Deaf = "m.R1"
	h.start()
	if h.state("m", "R2") != node.Running || h.nodes.Get("m", "R2").ID() != before {
		t.Error("R2 was not taken over")
	}
	if got := h.d.Lab("m").Device("R1").ErrorText(); h.state("m", "R1") != node.Stopped || !strings.Contains(got, "runs already") {
		t.Errorf("R1 is %s: %s", h.state("m", "R1"), got)
	}
	// The next daemon hears it again.
	h.d.Release()
	h.nodes.Deaf = ""
	h.start()
	if h.state("m", "R1") != node.Running {
		t.Errorf("R1 is %s", h.state("m", "R1"))
	}
}

// TestLimits: limits of a router come from its section, or the settings; both
// change those of a running one at once.
func TestLimits(t *testing.T) {
	h := newHost(t)
	text := server + "[[ROUTER R1]]\n[[ROUTER R2]]\ncpu_limit = 150%\nmemory_limit = 1G\n"
	if result := h.mustApply("m", text); !strings.Contains(result, "m.net:4:1: note: cpu_limit and memory_limit of R2 have no effect") {
		t.Errorf("result without systemd: %q", result)
	}
	h.d.Shutdown(t.Context())

	opt := h.options()
	opt.Units = true
	opt.Settings.Limits = lab.Limits{CPU: 50}
	d, err := emud.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	d.Run()
	h.d = d
	limits := func(device string) node.Limits { return h.nodes.Get("m", device).Spec().Limits }
	if a, b := limits("R1"), limits("R2"); a != (node.Limits{CPU: 50}) || b != (node.Limits{CPU: 150, Memory: 1 << 30}) {
		t.Errorf("at the start: R1 %+v, R2 %+v", a, b)
	}
	pid := h.nodes.Get("m", "R2").PID()
	result := h.mustApply("m", strings.Replace(text, "150%", "none", 1))
	if got := limits("R2"); got != (node.Limits{Memory: 1 << 30}) || h.nodes.Get("m", "R2").PID() != pid || strings.Contains(result, "no effect") {
		t.Errorf("after an edit: %+v; %q", got, result)
	}
	if err := d.Configure(emud.Settings{Limits: lab.Limits{Memory: 300}}); err != nil {
		t.Fatal(err)
	}
	if a, b := limits("R1"), limits("R2"); a != (node.Limits{Memory: 300 << 20}) || b != (node.Limits{Memory: 1 << 30}) {
		t.Errorf("after a change of the settings: R1 %+v, R2 %+v", a, b)
	}
}

// TestTreeConsoles: with consoles in the tree alone no router listens on TCP, and no
// file says that one does.
func TestTreeConsoles(t *testing.T) {
	h := newHost(t)
	if err := h.d.Configure(emud.Settings{TreeConsoles: true}); err != nil {
		t.Fatal(err)
	}
	h.mustApply("m", serial)
	if spec := h.nodes.Get("m", "R1").Spec(); spec.ConsolePort != 0 || spec.AUXPort != 0 {
		t.Errorf("ports %d and %d", spec.ConsolePort, spec.AUXPort)
	}
	dev := h.d.Lab("m").Device("R1")
	check := func() {
		t.Helper()
		if info := dev.Info(); strings.Contains(info, "\nconsole ") {
			t.Errorf("info:\n%s", info)
		}
		if table := emud.Status(h.d.Lab("m")); !strings.Contains(table, "n/a") {
			t.Errorf("status:\n%s", table)
		}
	}
	check()
	dev.Command("stop")
	check()
	if result := h.mustApply("m", serial+"\n"); result != "nothing changed\n" {
		t.Errorf("a second apply: %q", result)
	}
}

// TestCheck: work on a lab that does not come on is found.
func TestCheck(t *testing.T) {
	h := newHost(t)
	h.mustApply("m", serial)
	if err := h.d.Check(time.Minute); err != nil {
		t.Errorf("idle: %v", err)
	}
	stuck, goOn := make(chan struct{}), make(chan struct{})
	h.check = func(string, []byte) error {
		close(stuck)
		<-goOn
		return nil
	}
	done := make(chan error)
	go func() { done <- h.d.Lab("m").Apply([]byte(serial + "[[ROUTER R3]]\n")) }()
	<-stuck
	time.Sleep(2 * time.Millisecond)
	if err := h.d.Check(time.Millisecond); err == nil || !strings.Contains(err.Error(), "work on lab m has not come on") {
		t.Errorf("stuck: %v", err)
	}
	if err := h.d.Check(time.Minute); err != nil {
		t.Errorf("within its patience: %v", err)
	}
	close(goOn)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := h.d.Check(time.Millisecond); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
