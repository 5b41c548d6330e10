package bench

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dynemu/tests/bench/table"
	"dynemu/tests/testlab"
)

var (
	guest    = flag.String("guest", "../../../shared/bench/guest", "folder of the CPU benchmark's guests")
	rounds   = flag.Int("rounds", 3, "times that each CPU benchmark runs; the best counts")
	gate     = flag.Bool("gate", false, "fail when a CPU benchmark is slower than in the committed table")
	update   = flag.Bool("update", false, "put the tables of the CPU benchmarks into the document")
	document = flag.String("document", "../../docs/performance.md", "where the committed tables are")
)

// Columns of the tables of CPU benchmarks.
const (
	colTranslator  = "translator"
	colInterpreter = "interpreter"
	colDynamips    = "Dynamips"
	colDynamipsJ   = "Dynamips -j"
	colQEMU        = "QEMU"
	colRatio       = "ratio"             // translator to the better of Dynamips and QEMU
	colRatioJ      = "interpreter ratio" // interpreter to Dynamips' own
)

// extraRounds is how many more rounds a line gets that is slower than the
// committed one, so that a busy moment of the machine is not taken for a
// regression.
const extraRounds = 3

// cpuTest is a line of insns.txt.
type cpuTest struct {
	name         string
	insns, turns float64
	checksum     string
}

// figure returns the unit and the value of a run of the test in d seconds.
func (c cpuTest) figure(d float64) (string, float64) {
	switch c.name {
	case "exc", "mmio":
		return "M/s", c.turns / d / 1e6
	case "smc":
		return "k/s", c.turns / d / 1e3
	case "tlbmiss":
		return "turns/s", c.turns / d
	}
	return "MIPS", c.insns / d / 1e6
}

// readCPUTests reads the insns.txt of a folder.
func readCPUTests(t *testing.T, folder, hint string) []cpuTest {
	f, err := os.Open(filepath.Join(folder, "insns.txt"))
	if err != nil {
		t.Skipf("SKIP: no CPU benchmark at %s: %s", folder, hint)
	}
	defer f.Close()
	var tests []cpuTest
	for s := bufio.NewScanner(f); s.Scan(); {
		var c cpuTest
		var turns uint64
		if k, _ := fmt.Sscanf(s.Text(), "%s %g %x %s", &c.name, &c.insns, &turns, &c.checksum); k == 4 && c.name != "#" {
			c.turns = float64(turns)
			tests = append(tests, c)
		}
	}
	return tests
}

// contender is one program that runs the CPU benchmark.
type contender struct {
	column string
	peer
	best map[string]float64 // seconds, by test
}

func contenders(t *testing.T) []*contender {
	names := map[string]string{"dynemu": colTranslator, "dynemu, interpreter": colInterpreter, "dynamips -j": colDynamipsJ, "dynamips, JIT": colDynamips}
	all := peers(t)
	if path, err := exec.LookPath("qemu-system-mips64"); err == nil {
		names["qemu"] = colQEMU
		all = append(all, peer{"qemu", []string{path, "-M", "malta", "-cpu", "5Kc", "-m", "128", "-nographic", "-no-reboot", "-net", "none", "-nic", "none", "-vga", "none", "-kernel"}, "bench-malta.elf"})
	} else {
		t.Log("qemu-system-mips64 is not installed: no comparison with it")
	}
	var list []*contender
	for _, p := range all {
		list = append(list, &contender{column: names[p.name], peer: p, best: map[string]float64{}})
	}
	return list
}

// longestRun is what a slow interpreter takes for all kernels, and more.
const longestRun = 20 * time.Minute

// run runs the benchmark elf once. A fast wrong answer does not count.
func (c *contender) run(t *testing.T, elf string, tests []cpuTest) {
	elf, err := filepath.Abs(elf)
	if err != nil {
		t.Fatal(err)
	}
	// Lines that are read late are times that are too short, so the reader goes before
	// all others, and only then are processor times to be trusted.
	exact := testlab.SetNice(os.Getpid(), -20) == nil
	tty, cmd := session(t, append(slices.Clone(c.args), elf)...)
	if err := testlab.SetNice(cmd.Process.Pid, 0); err != nil {
		t.Error(err)
	}
	hung := time.AfterFunc(longestRun, func() { _ = cmd.Process.Kill() })
	defer func() {
		hung.Stop()
		_ = cmd.Process.Kill()
		tty.Close()
	}()
	var begin time.Time
	var used float64
	for s := bufio.NewScanner(tty); s.Scan(); {
		f := strings.Fields(s.Text())
		switch {
		case len(f) == 2 && f[0] == "B":
			begin, used = time.Now(), processorTime(cmd.Process.Pid)
		case len(f) >= 4 && f[0] == "E":
			// What others do on this machine does not count, nor does what the program
			// does on a second processor.
			d := time.Since(begin).Seconds()
			// The time of a thread that has ended is lost: what is far too little is no time.
			if spent := processorTime(cmd.Process.Pid) - used; exact && spent > d/2 {
				d = min(d, spent)
			}
			i := slices.IndexFunc(tests, func(x cpuTest) bool { return x.name == f[1] })
			switch old, ok := c.best[f[1]]; {
			case i < 0:
			case tests[i].checksum != f[2]:
				t.Errorf("%s, %s: the checksum is %s, want %s", c.name, f[1], f[2], tests[i].checksum)
			case !ok || d < old:
				c.best[f[1]] = d
			}
		case len(f) > 0 && f[0] == "FATAL":
			t.Errorf("%s: %s", c.name, s.Text())
			return
		case len(f) > 0 && f[0] == "DONE":
			return
		}
	}
	t.Errorf("%s: %s did not end", c.name, filepath.Base(elf))
}

// processorTime returns for how many seconds the threads of a process have run, 0
// where the kernel does not say.
func processorTime(pid int) (seconds float64) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, f := range files {
		text, _ := os.ReadFile(f)
		var ns float64
		if _, err := fmt.Sscan(string(text), &ns); err == nil {
			seconds += ns / 1e9
		}
	}
	return seconds
}

// cpu runs the fixed guest benchmark.
func cpu(t *testing.T) {
	tests, all := readCPUTests(t, *guest, "-guest names its folder"), contenders(t)
	measure := func(rounds int) *table.Table {
		for range rounds {
			for _, c := range all {
				c.run(t, filepath.Join(*guest, c.elf), tests)
			}
		}
		return cpuTable(tests, all)
	}
	now := measure(*rounds)
	t.Logf("best of %d, interleaved\n\n%s", *rounds, now.Markdown())
	judge(t, "cpu", now, func() *table.Table { return measure(1) })
}

// shortest is the least time in seconds that is taken for a figure: what lies between
// a line's being printed and its being read is some part of a millisecond.
const shortest = 0.005

func cpuTable(tests []cpuTest, all []*contender) *table.Table {
	tab := &table.Table{Machine: table.Machine(), Columns: []string{colTranslator, colInterpreter, colDynamips, colDynamipsJ, colQEMU, colRatio, colRatioJ}}
	for _, c := range tests {
		unit, _ := c.figure(1)
		values := make([]float64, 5, 7)
		for i := range values {
			values[i] = math.NaN()
			for _, x := range all {
				if d, ok := x.best[c.name]; ok && d >= shortest && x.column == tab.Columns[i] {
					_, values[i] = c.figure(d)
				}
			}
		}
		better := values[2]
		if !(better > values[4]) && !math.IsNaN(values[4]) {
			better = values[4]
		}
		tab.Add(c.name, unit, append(values, values[0]/better, values[1]/values[3])...)
	}
	none := math.NaN()
	tab.Add(geometricMean, "", none, none, none, none, none, tab.Mean(colRatio), tab.Mean(colRatioJ))
	return tab
}

// geometricMean is the name of the row with the means of ratios.
const geometricMean = "geometric mean"

// judge compares a table with the committed one of the same name, as -gate asks:
// what is slower is measured again before the test fails. With -update it becomes
// the committed one.
func judge(t *testing.T, name string, now *table.Table, again func() *table.Table) {
	t.Helper()
	if *update {
		if err := table.Update(*document, name, now); err != nil {
			t.Error(err)
		}
		return
	}
	if !*gate {
		return
	}
	old, err := table.Read(*document, name)
	if errors.Is(err, table.ErrNone) {
		t.Errorf("%s has no table %s to compare with: -update makes it", *document, name)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	slower := func() []string {
		_, a := table.Slower(old, now, colTranslator, colRatio)
		if slices.Contains(old.Columns, colRatioJ) {
			_, b := table.Slower(old, now, colInterpreter, colRatioJ)
			a = append(a, b...)
		}
		return a
	}
	report := slower()
	for extra := 1; len(report) > 0 && extra <= extraRounds; extra++ {
		t.Logf("slower than the committed table: %s; measured once more", strings.Join(report, "; "))
		now = again()
		report = slower()
	}
	for _, line := range report {
		t.Errorf("more than %.0f %% slower than in %s: %s", 100*table.Tolerance, *document, line)
	}
	if len(report) > 0 {
		t.Logf("\n\n%s", now.Markdown())
	}
}
