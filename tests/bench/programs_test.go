package bench

import (
	"flag"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dynemu/tests/bench/table"
)

var (
	programFolder = flag.String("programs", "../../.cache/programs", "folder where `make -C tests/bench/programs` leaves what it builds")
	programNames  = flag.String("program", "", "regular expression of the programs to run, all when empty")
	engineNames   = flag.String("engine", "", "regular expression of the columns of the programs' table to measure, all when empty")
)

// programs runs real programs, each an ELF of its own per board.
func programs(t *testing.T) {
	tests, all := readCPUTests(t, *programFolder, "`make bench-programs` builds it"), contenders(t)
	tests = slices.DeleteFunc(tests, func(c cpuTest) bool { return !matches(t, *programNames, c.name) })
	all = slices.DeleteFunc(all, func(c *contender) bool { return !matches(t, *engineNames, c.column) })
	if len(tests) == 0 || len(all) == 0 {
		t.Fatalf("no program is like %q or no engine is like %q", *programNames, *engineNames)
	}
	measure := func(rounds int) *table.Table {
		for _, c := range tests {
			for round := range rounds {
				for _, x := range all {
					if round > 0 && (x.column == colInterpreter || x.column == colDynamipsJ) {
						continue // slow, and so less noisy: once is enough
					}
					x.run(t, filepath.Join(*programFolder, strings.Replace(x.elf, "bench", c.name, 1)), []cpuTest{c})
				}
			}
		}
		return cpuTable(tests, all)
	}
	now := measure(*rounds)
	t.Logf("best of %d, interleaved\n\n%s", *rounds, now.Markdown())
	judge(t, "programs", now, func() *table.Table { return measure(1) })
}

func matches(t *testing.T, expr, s string) bool {
	re, err := regexp.Compile("^(?:" + expr + ")$")
	if err != nil {
		t.Fatal(err)
	}
	return expr == "" || re.MatchString(s)
}
