package translator

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dynemu/tests/testlab"
)

// hang is how long the service may take for what takes it milliseconds before a
// test calls it hanging; `make bench` measures how long it takes.
const hang = 15 * time.Second

// alone is for measuring: with all at the same time they also wait for each other.
var alone = flag.Bool("alone", false, "run hostile guests one after the other")

// TestHostileGuests runs guests that do what no router's software does, all at the
// same time, and asks of each that the tree and its console answer, that it stops
// when told, and that its memory stays bounded.
func TestHostileGuests(t *testing.T) {
	d := testlab.Start(t)
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if !*alone {
		hostile(t, d, dir, guests(t))
		return
	}
	for _, name := range guests(t) {
		hostile(t, d, dir, []string{name})
	}
}

func hostile(t *testing.T, d *testlab.Daemon, dir string, names []string) {
	const lab = "hostile"
	var text strings.Builder
	text.WriteString("[localhost]\n[[7200]]\nram = 64\n")
	for _, name := range names {
		fmt.Fprintf(&text, "[[ROUTER %s]]\nimage = %s\n", name, assemble(t, dir, name))
	}
	d.MustWriteLab(lab, text.String())
	for _, name := range names {
		d.Wait(20*time.Second, name+" to run", func() bool { return stat(d, lab, name, "guest-instructions") > 0 })
		if !*alone {
			giveWay(t, d.NodePID(lab, name))
		}
	}
	var waits, stops []time.Duration
	measured := func(what string, fn func()) {
		start := time.Now()
		fn()
		took := time.Since(start)
		waits = append(waits, took)
		if took > hang {
			t.Errorf("%s took %v", what, took)
		}
	}
	before := map[string]float64{}
	const rounds = 6
	for round := range rounds {
		for _, name := range names {
			for _, file := range []string{"state", "stats", "info"} {
				measured(file+" of "+name, func() { d.Read("labs", lab, name, file) })
			}
			measured("the console of "+name, func() {
				f, err := os.OpenFile(d.Path("labs", lab, name, "console"), os.O_WRONLY, 0)
				if err != nil {
					t.Errorf("console of %s: %v", name, err)
					return
				}
				if _, err := f.WriteString("x"); err != nil {
					t.Errorf("console of %s: %v", name, err)
				}
				f.Close()
			})
			n := stat(d, lab, name, "guest-instructions")
			if round == 2 {
				before[name] = n
			}
			// spin waits for what never comes.
			if round == rounds-1 && n == before[name] && name != "spin" {
				t.Errorf("%s stands still at %.0f instructions", name, n)
			}
			if state := d.Read("labs", lab, name, "state"); state != "booting" && state != "running" {
				t.Errorf("%s is %s; its log: %.2000s", name, state, d.Read("labs", lab, name, "log"))
			}
		}
		time.Sleep(400 * time.Millisecond)
	}
	for _, name := range names {
		own := testlab.Resident(t, d.NodePID(lab, name)).Own
		if own > 250 {
			t.Errorf("%s: its process has %.0f MiB of its own", name, own)
		}
		t.Logf("%-9s %5.1f MiB of its own, %s", name, own, summary(d.Read("labs", lab, name, "stats")))
		measured("stopping "+name, func() {
			if err := d.Write("stop", "labs", lab, name, "ctl"); err != nil {
				t.Errorf("stop %s: %v", name, err)
			}
		})
		stops = append(stops, waits[len(waits)-1])
		waits = waits[:len(waits)-1]
		d.WaitState(lab, name, "stopped")
	}
	slices.Sort(waits)
	slices.Sort(stops)
	t.Logf("the tree and consoles of %s: median %v, 99th percentile %v, longest %v of %d; stopping: median %v, longest %v", strings.Join(names, ", "),
		waits[len(waits)/2].Round(10*time.Microsecond), waits[len(waits)*99/100].Round(10*time.Microsecond), waits[len(waits)-1].Round(10*time.Microsecond), len(waits),
		stops[len(stops)/2].Round(10*time.Microsecond), stops[len(stops)-1].Round(10*time.Microsecond))
	if err := os.Remove(d.Path("labs", lab+".net")); err != nil {
		t.Error(err)
	}
}

// giveWay makes a router that is busy on purpose leave some time to tests that run
// beside this one.
func giveWay(t *testing.T, pid int) {
	t.Helper()
	if err := testlab.SetNice(pid, 5); err != nil {
		t.Error(err)
	}
}

var statLine = regexp.MustCompile(`(?m)^(\S+?):?\s+([0-9.]+)`)

// stat is a number of a device's stats file, -1 when it is not there.
func stat(d *testlab.Daemon, lab, device, name string) float64 {
	text, err := os.ReadFile(d.Path("labs", lab, device, "stats"))
	if err != nil {
		return -1
	}
	for _, m := range statLine.FindAllStringSubmatch(string(text), -1) {
		if m[1] == name {
			v, _ := strconv.ParseFloat(m[2], 64)
			return v
		}
	}
	return -1
}

// summary is what matters of a stats file on one line.
func summary(stats string) string {
	var s []string
	for _, m := range statLine.FindAllStringSubmatch(stats, -1) {
		if strings.HasPrefix(m[1], "guest-instructions") || strings.HasPrefix(m[1], "translated") || strings.HasPrefix(m[1], "interpreter") {
			s = append(s, m[1]+" "+m[2])
		}
	}
	return strings.Join(s, ", ")
}
