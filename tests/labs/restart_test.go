package labs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"dynemu/tests/testlab"
)

// A guest that restarts is booting again, and its log keeps what its console
// said last; the configuration register that was set meanwhile is in force.
func TestGuestRestarts(t *testing.T) {
	d := testlab.Start(t)
	d.MustWriteLab("again", "[localhost]\n[[ROUTER R1]]\nram = 64\n")
	d.WaitState("again", "R1", "running")
	r1 := d.Console("again", "R1")
	if err := d.Write("confreg 0x2142", "labs", "again", "R1", "ctl"); err != nil {
		t.Fatal(err)
	}
	pid := d.NodePID("again", "R1")
	if err := r1.Send("reload\r\r"); err != nil {
		t.Fatal(err)
	}
	if _, err := r1.Expect(regexp.MustCompile(`Launching IOS image`), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	d.WaitState("again", "R1", "running")
	r1 = d.Console("again", "R1")
	if out := ask(t, r1, "show version"); !strings.Contains(out, "Configuration register is 0x2142") {
		t.Errorf("show version:\n%s", out)
	}
	if d.NodePID("again", "R1") != pid {
		t.Error("a restart of the guest is no end of its process")
	}
	log := d.Read("labs", "again", "R1", "log")
	for _, want := range []string{"NODE: the guest restarted the router; the console ended with:", "CONSOLE: Router#reload", "VM: reload: restarting the router"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log has not %q:\n%s", want, log)
		}
	}
}

// The calendar is there for the guest, and what
// a stopped router printed last stays to be read.
func TestConsoleLogOfAStoppedRouter(t *testing.T) {
	d := testlab.Start(t)
	d.MustWriteLab("past", "[localhost]\n[[ROUTER R1]]\nram = 64\n")
	r1 := d.Console("past", "R1")
	if out := ask(t, r1, "show clock"); !strings.Contains(out, time.Now().UTC().Format("2006")) {
		t.Errorf("show clock: %s", out)
	}
	if err := d.Write("stop", "labs", "past", "R1", "ctl"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(d.Path("labs", "past", "R1"), "console.log"))
	if err != nil || !strings.Contains(string(text), "show clock") {
		t.Errorf("console.log of a stopped router: %v\n%s", err, text)
	}
}
