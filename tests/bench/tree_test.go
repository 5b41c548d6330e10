package bench

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"dynemu/emud/lab"
	"dynemu/tests/testlab"
)

var treeRouters = flag.Int("routers", 100, "of the lab that is looked at and changed")

// labText is a lab of routers in a grid, 3 links a router: serial to the next one, and
// Ethernet to those further on.
func labText(routers int) string {
	var b strings.Builder
	b.WriteString("[localhost]\n[[7200]]\nimage = builtin\nnpe = npe-400\nram = 96\nnvram = 64\n")
	for i := range routers {
		fmt.Fprintf(&b, "[[ROUTER r%d]]\n", i)
		fmt.Fprintf(&b, "s1/0 = r%d s1/1\nf2/0 = r%d f3/0\nf4/0 = r%d f5/0\n", (i+1)%routers, (i+7)%routers, (i+31)%routers)
	}
	return b.String()
}

// tree measures what a lab of many routers takes: parsing it, looking at it, changing it.
func tree(t *testing.T) {
	t.Logf("%-52s %12s %12s", "", "median", "worst")
	row := func(what string, rounds int, fn func(i int)) {
		t.Helper()
		took := make([]time.Duration, rounds)
		for i := range took {
			start := time.Now()
			fn(i)
			took[i] = time.Since(start)
		}
		slices.Sort(took)
		t.Logf("%-52s %12s %12s", what, took[rounds/2].Round(10*time.Microsecond), took[rounds-1].Round(10*time.Microsecond))
	}
	big := []byte(labText(1000))
	row("parse and check 1,000 routers, 3,000 links", 10, func(int) {
		topo, msgs := lab.Parse("big", big)
		if topo == nil || len(topo.Links) != 3000 {
			t.Fatalf("not a lab: %v", msgs[:min(len(msgs), 5)])
		}
	})

	routers := *treeRouters
	d := testlab.Start(t)
	text := labText(routers)
	start := time.Now()
	d.MustWriteLab("grid", text)
	started := func() bool { return strings.Count(d.Read("labs", "grid", "result"), " started") == routers }
	d.Wait(3*time.Minute, "all routers to be started", started)
	t.Logf("%-52s %12s", fmt.Sprintf("apply a lab of %d routers, all started", routers), time.Since(start).Round(time.Millisecond))
	d.Wait(3*time.Minute, "all routers to run", func() bool { return strings.Count(d.Read("labs", "grid", "status"), " running ") == routers })
	time.Sleep(5 * time.Second)

	row("cat status, the program", 50, func(int) {
		if out, err := exec.Command("cat", d.Path("status")).Output(); err != nil || strings.Count(string(out), "\n") != routers+1 {
			t.Fatal(err)
		}
	})
	row("read status", 200, func(int) { d.Read("status") })
	row("read labs/grid/status", 200, func(int) { d.Read("labs", "grid", "status") })
	row("ls -l of the lab", 10, func(int) {
		if err := exec.Command("ls", "-l", d.Path("labs", "grid")).Run(); err != nil {
			t.Fatal(err)
		}
	})
	row("ls -l of a router", 10, func(int) {
		if err := exec.Command("ls", "-l", d.Path("labs", "grid", "r5")).Run(); err != nil {
			t.Fatal(err)
		}
	})
	row("read metrics", 10, func(int) { d.Read("metrics") })
	row("read topology.dot", 10, func(int) { d.Read("labs", "grid", "topology.dot") })
	row("read topology.svg", 3, func(i int) {
		if err := d.Write([]string{"link down f2/0", "link up f2/0"}[i%2], "labs", "grid", "r1", "ctl"); err != nil {
			t.Fatal(err)
		}
		d.Read("labs", "grid", "topology.svg")
	})
	write := func(file string, lines ...string) func(int) {
		return func(i int) {
			if err := d.Write(lines[i%len(lines)], "labs", "grid", "r9", file); err != nil {
				t.Fatal(err)
			}
		}
	}
	row("control write: suspend, resume", 40, write("ctl", "suspend", "resume"))
	row("control write: confreg", 40, write("ctl", "confreg 0x2102", "confreg 0x2142"))
	row("control write: link down, up", 40, write("ctl", "link down s1/0", "link up s1/0"))
	row("control write: filter", 40, write("ports/f2-0/filter", "out freq_drop 5", "none"))
	row("control write: one that is refused", 40, func(int) {
		if d.Write("nonsense", "labs", "grid", "r9", "ctl") == nil {
			t.Fatal("accepted")
		}
	})

	pid := d.NodePID("grid", "r3")
	edit := func(i int) {
		changed := strings.Replace(text, "[[ROUTER r7]]\n", fmt.Sprintf("[[ROUTER r7]]\nidlepc = 0x6000%04x\n", 4*i), 1)
		if i%2 != 0 {
			changed = strings.Replace(text, "f2/0 = r14 f3/0\n", "f2/0 = LAN x\n", 1)
		}
		d.MustWriteLab("grid", changed)
		if result := d.Read("labs", "grid", "result"); !strings.Contains(result, "r7") || strings.Count(result, "\n") > 10 {
			t.Fatalf("result:\n%s", result)
		}
	}
	row("edit that changes one router, until applied", 10, edit)
	if now := d.NodePID("grid", "r3"); now != pid {
		t.Errorf("an untouched router was process %d and is %d", pid, now)
	}
	row("rm of the lab", 1, func(int) {
		if err := os.Remove(d.Path("labs", "grid.net")); err != nil {
			t.Fatal(err)
		}
		d.Wait(2*time.Minute, "the lab to be gone", func() bool {
			_, err := os.Stat(d.Path("labs", "grid"))
			return err != nil
		})
	})
}
