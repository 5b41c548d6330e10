package labs

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"dynemu/tests/testlab"
)

// TestATMLink joins two ATM ports as Dynagen writes it. Their routers find each
// other on a circuit that only they configure.
func TestATMLink(t *testing.T) {
	d := testlab.Start(t)
	d.MustWriteLab("atm", strings.ReplaceAll(simple1, "s1/0", "a1/0"))
	r1, r2 := d.Console("atm", "R1"), d.Console("atm", "R2")
	pvc := []string{"pvc 0/100", "exit"}
	address(t, r1, "R1", "ATM1/0", "10.0.0.1", pvc...)
	address(t, r2, "R2", "a1/0", "10.0.0.2", pvc...)
	ping(t, r1, "10.0.0.2")
	ping(t, r2, "10.0.0.1 size 1500")
	ping(t, r1, "10.0.0.2 size 18024")

	// As many packets as the line takes, each in 32 cells: none is lost.
	if got, sent, err := r1.Ping("10.0.0.2 size 1500 repeat 500", 30*time.Second); err != nil || got != sent {
		t.Errorf("%d of %d came back, %v", got, sent, err)
	}
	shows(t, r1, "show interfaces ATM1/0", ` 0 input errors, 0 CRC`, true)
	if stats := d.Read("labs", "atm", "R1", "ports", "a1-0", "stats"); !regexp.MustCompile(`rx-packets \d{5}`).MatchString(stats) {
		t.Errorf("cells are not counted:\n%s", stats)
	}

	// A router that was saved and started again is on the circuit again.
	if out := ask(t, r2, "write memory"); !strings.Contains(out, "[OK]") {
		t.Fatal(out)
	}
	if err := d.Write("reload", "labs", "atm", "R2", "ctl"); err != nil {
		t.Fatal(err)
	}
	if _, err := r2.Expect(regexp.MustCompile(`Launching IOS image`), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	ping(t, r1, "10.0.0.2 size 1500")
}
