package labs

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"dynemu/tests/console"
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

// A port has room for 64 circuits, on 29 paths: what is beyond is refused, and the
// others work, each with its own inverse ARP.
func TestManyATMCircuits(t *testing.T) {
	d := testlab.Start(t)
	d.MustWriteLab("atm", strings.ReplaceAll(simple1, "s1/0", "a1/0"))
	r1, r2 := d.Console("atm", "R1"), d.Console("atm", "R2")
	circuit := func(n int) (vpi, vci int) {
		if n < 30 {
			return 8 * n, 1023 - 33*n
		}
		return 0, n
	}
	var pvcs []string
	for n := range 65 {
		vpi, vci := circuit(n)
		pvcs = append(pvcs, fmt.Sprintf("pvc %d/%d", vpi, vci))
	}
	for i, c := range []*console.Console{r1, r2} {
		address(t, c, fmt.Sprint("R", i+1), "a1/0", fmt.Sprint("10.0.0.", i+1))
		// The last one is refused, which a configuration by lines would take ill.
		if err := c.Configure(append([]string{"interface a1/0"}, pvcs[:64]...)...); err != nil {
			t.Fatal(err)
		}
	}
	if out := ask(t, r1, "configure terminal") + ask(t, r1, "interface a1/0") + ask(t, r1, pvcs[64]) + ask(t, r1, "end"); !strings.Contains(out, "has 64 PVCs already") {
		t.Errorf("circuit 65: %s", out)
	}
	for _, pvc := range []string{"256/1", "0/1024", "0/0", "1/2/3", "x/1"} {
		if out := ask(t, r1, "configure terminal") + ask(t, r1, "interface a1/0") + ask(t, r1, "pvc "+pvc) + ask(t, r1, "end"); !strings.Contains(out, "Invalid input") {
			t.Errorf("pvc %s: %s", pvc, out)
		}
	}
	vpi, vci := circuit(29)
	shows(t, r1, "show logging", fmt.Sprintf("no room for VC %d/%d", vpi, vci), true)
	shows(t, r1, "show atm pvc", fmt.Sprintf(`%d +%d +PVC .* INAC`, vpi, vci), true)
	for n := range 64 {
		vpi, vci := circuit(n)
		shows(t, r2, fmt.Sprintf("show atm pvc %d/%d", vpi, vci), `InPkts: [1-9]`, n != 29)
	}
	// A path that is given up is there for another.
	if err := r1.Configure("interface a1/0", "no pvc 224/99", fmt.Sprintf("no pvc %d/%d", vpi, vci), fmt.Sprintf("pvc %d/%d", vpi, vci)); err != nil {
		t.Fatal(err)
	}
	shows(t, r1, "show atm pvc", fmt.Sprintf(`%d +%d +PVC .* UP`, vpi, vci), true)
}
