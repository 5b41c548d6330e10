package hwprobe

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"dynemu/tests/peer"
	vmcard "dynemu/vm/card"
)

var (
	full = flag.Bool("full", false, "every configuration, not a few; also checks that no allowed difference is stale")
	dump = flag.String("dump", "", "folder to write the lines of both emulators to")
	only = flag.String("only", "", "expression that names the configurations to run")
)

// config is one router: what is in its slots, and how its functions are driven.
type config struct {
	name  string
	npe   string
	slots [7]string
	// thorough names the functions, "slot.unit", that go through every step of
	// their driver; the others through a short one.
	thorough map[string]bool
}

// drive answers how the guest is to drive a function of a card: f, s or n.
func (c config) drive(slot, unit int) byte {
	if c.thorough[fmt.Sprintf("%d.%d", slot, unit)] {
		return 'f'
	}
	return 's'
}

func cardByName(name string) card {
	for _, c := range slices.Concat(ioCards, portAdapters) {
		if c.name == name {
			return c
		}
	}
	panic("no card " + name)
}

// configs returns the configurations: every board with every card, each card in
// every slot of some board, and in each configuration one function of each kind
// of chip for the thorough steps.
func configs(adapters []card) []config {
	var all []config
	for n, b := range boards {
		io := append([]string{"C7200-IO-FE"}, b.ioCards...)
		for first := 0; first < len(adapters); first += 6 {
			c := config{name: fmt.Sprintf("%s-%d", b.name, first/6+1), npe: b.name, thorough: map[string]bool{}}
			c.slots[0] = io[(n+first/6)%len(io)]
			for i := first; i < min(first+6, len(adapters)); i++ {
				c.slots[1+(i+n)%6] = adapters[i].name
			}
			seen := map[string]bool{}
			for slot, name := range c.slots {
				if name == "" {
					continue
				}
				for unit, chip := range cardByName(name).chips {
					if !seen[chip] {
						seen[chip] = true
						c.thorough[fmt.Sprintf("%d.%d", slot, unit)] = true
					}
				}
			}
			all = append(all, c)
		}
	}
	return all
}

// implemented returns the adapters that dynemu has, and names the others.
func implemented(t *testing.T) []card {
	var have []card
	for _, c := range portAdapters {
		if slices.Contains(vmcard.Names(), c.name) {
			have = append(have, c)
		} else {
			t.Logf("SKIP: dynemu has no %s: it is not compared", c.name)
		}
	}
	return have
}

func TestHardware(t *testing.T) {
	debian := peer.Debian(t)
	ours := peer.Dynemu(t)
	image := buildGuest(t)
	all := configs(implemented(t))
	switch {
	case *only != "":
		re := regexp.MustCompile(*only)
		all = slices.DeleteFunc(all, func(c config) bool { return !re.MatchString(c.name) })
	case !*full:
		all = slices.DeleteFunc(all, func(c config) bool { return !slices.Contains(reduced, c.name) })
	}
	if len(all) == 0 {
		t.Fatal("no configuration")
	}
	results := newResults(t)
	t.Run("board", func(t *testing.T) {
		for _, c := range all {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				var theirs, here []string
				var both sync.WaitGroup
				both.Go(func() { theirs = runGuest(t, debian, c, image) })
				both.Go(func() { here = runGuest(t, ours, c, image) })
				both.Wait()
				if *dump != "" {
					write(t, c.name+".dynamips", theirs)
					write(t, c.name+".dynemu", here)
				}
				if theirs == nil || here == nil {
					t.FailNow() // said why
				}
				covers(t, c, theirs)
				results.compare(t, theirs, here)
			})
		}
	})
	t.Logf("%d lines compared in %d configurations, %d of them differ as documented", results.lines, len(all), results.differ)
	if *full && *only == "" && !t.Failed() {
		results.noneStale(t)
	}
}

// reduced are the configurations that plain tests run: one of each arrangement
// of buses.
var reduced = []string{"npe-200-1", "npe-300-1", "npe-400-1", "npe-400-2"}

func write(t *testing.T, name string, lines []string) {
	if err := os.WriteFile(filepath.Join(*dump, name), []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// covers checks that the guest has seen the board and the cards that it was
// given.
func covers(t *testing.T, c config, lines []string) {
	t.Helper()
	want := []string{"board " + c.npe}
	for slot, name := range c.slots {
		if name == "" {
			name = "none"
		}
		want = append(want, fmt.Sprintf("card %d %s", slot, name))
	}
	for _, w := range want {
		if !slices.Contains(lines, w) {
			t.Errorf("the guest did not say %q", w)
		}
	}
}
