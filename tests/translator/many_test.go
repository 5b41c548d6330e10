package translator

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dynemu/tests/testlab"
)

// many is how many routers run at the same time (jit reference, 11).
const many = 50

// TestFiftyRouters runs fifty routers on the bundled image, each of which must come
// to its prompt and do as it is told, and beside them fifty that are busy all the
// time. The memory that translations take is in the log.
// Promise: 95.
func TestFiftyRouters(t *testing.T) {
	d := testlab.Start(t)
	ports := freePorts(t, 2*many)
	start := time.Now()
	d.MustWriteLab("idle", manyRouters("", many, ports))
	var code, own []float64
	for i := range many {
		device := fmt.Sprintf("R%d", i+1)
		d.Wait(60*time.Second, device+" to run", func() bool { return d.Read("labs", "idle", device, "state") == "running" })
		c := d.Console("idle", device)
		name := fmt.Sprintf("Fifty%d", i)
		if err := c.Configure("hostname " + name); err != nil {
			t.Fatal(err)
		}
		if out, err := c.Command("show running-config", 20*time.Second); err != nil || !strings.Contains(out, "hostname "+name) {
			t.Fatalf("%s: %v\n%s", device, err, out)
		}
		c.Close()
	}
	for i := range many {
		m := testlab.Resident(t, d.NodePID("idle", fmt.Sprintf("R%d", i+1)))
		code, own = append(code, m.Code), append(own, m.Own)
	}
	t.Logf("%d routers have answered after %v; together they have %.1f MiB of translated code and %.0f MiB of their own", many, time.Since(start).Round(time.Millisecond), sum(code), sum(own))

	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	busy := assemble(t, dir, "loop")
	d.MustWriteLab("busy", manyRouters(busy, many, ports+many))
	before := make([]float64, many)
	for i := range before {
		name := fmt.Sprintf("R%d", i+1)
		d.Wait(60*time.Second, name+" to run", func() bool { before[i] = stat(d, "busy", name, "guest-instructions"); return before[i] > 0 })
		giveWay(t, d.NodePID("busy", name))
	}
	// All of them get on, while a router that is idle still answers.
	for i, was := range before {
		name := fmt.Sprintf("R%d", i+1)
		d.Wait(60*time.Second, name+" to get on", func() bool { return stat(d, "busy", name, "guest-instructions") > was+1e6 })
	}
	c := d.Console("idle", "R7")
	if out, err := c.Command("show version", 60*time.Second); err != nil || out == "" {
		t.Errorf("an idle router beside %d busy ones: %v", many, err)
	}
	for _, lab := range []string{"busy", "idle"} {
		start := time.Now()
		if err := os.Remove(d.Path("labs", lab+".net")); err != nil {
			t.Fatal(err)
		}
		d.Wait(60*time.Second, "lab "+lab+" to end", func() bool { return !fileExists(filepath.Join(d.Mount, "labs", lab)) })
		t.Logf("lab %s ended in %v", lab, time.Since(start).Round(time.Millisecond))
	}
}

// freePorts returns the first of n free TCP ports in a row.
func freePorts(t *testing.T, n int) int {
	for first := 20000; first+n < 32000; first += n {
		free := 0
		for free < n {
			l, err := net.Listen("tcp", fmt.Sprintf(":%d", first+free))
			if err != nil {
				break
			}
			l.Close()
			free++
		}
		if free == n {
			return first
		}
	}
	t.Fatalf("no %d free ports in a row", n)
	return 0
}

// manyRouters is a lab of n routers with consoles at ports from the given one on.
func manyRouters(image string, n, console int) string {
	var s strings.Builder
	s.WriteString(fmt.Sprintf("[localhost]\nconsole = %d\n[[7200]]\nram = 64\n", console))
	if image != "" {
		fmt.Fprintf(&s, "image = %s\n", image)
	}
	for i := range n {
		fmt.Fprintf(&s, "[[ROUTER R%d]]\n", i+1)
	}
	return s.String()
}

func sum(v []float64) (s float64) {
	for _, x := range v {
		s += x
	}
	return s
}
