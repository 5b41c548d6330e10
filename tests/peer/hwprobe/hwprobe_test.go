package hwprobe

import (
	"errors"
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
	// unplugged leaves the ports without wires.
	unplugged bool
	// args replace the usual sizes of memory and disks.
	args []string
	// managed has cards moved while the router runs: Dynamips takes commands,
	// and the machine of dynemu is within the test. It has midplane and RAM.
	managed  bool
	midplane string
	ram      int  // MiB
	aux      bool // a line on AUX
}

// Files that runGuest makes in the emulator's folder.
const (
	startup = "startup.cfg"
	private = "private.cfg"
)

var configFiles = map[string]string{startup: "hostname R1\n!\nend\n", private: "priv\n"}

// drive answers how the guest is to drive a function of a card: f, s, u or n.
func (c config) drive(slot, unit int) byte {
	if c.unplugged {
		return 'u'
	}
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
	for _, c := range all[len(all)-2:] {
		c.name += "-unplugged"
		c.unplugged = true
		all = append(all, c)
	}
	// Other sizes: of memory, of NVRAM, of disks; another register, a serial
	// number, configurations in NVRAM, a line on AUX.
	for i, args := range [][]string{
		{"-r", "128", "-n", "64", "-c", "0x2142", "--disk0", "0", "-I", "12345678"},
		{"-r", "256", "-n", "512", "-c", "0x0101", "--disk0", "8", "--disk1", "300", "-I", "4000000000", "-C", startup, "--private-config", private},
	} {
		c := config{name: fmt.Sprintf("sizes-%d", i+1), npe: boards[len(boards)-1-i].name, args: args, unplugged: true, aux: true}
		c.slots[0] = "C7200-IO-FE"
		all = append(all, c)
	}
	// The other midplane, which Dynamips' command line cannot choose (C 17), RAM
	// that an npe-400 splits, and cards that move.
	for _, c := range []config{
		{name: "moves-1", npe: "npe-400", midplane: "std", ram: 512},
		{name: "moves-2", npe: "npe-200", midplane: "std", ram: 64},
		{name: "moves-3", npe: "npe-300", midplane: "vxr", ram: 64},
	} {
		c.managed, c.unplugged = true, true
		c.slots[0], c.slots[1] = "C7200-IO-FE", "PA-8E"
		all = append(all, c)
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
				var errs [2]error
				if c.managed {
					there := startManaged(t, debian, c, image)
					both.Go(func() { theirs, errs[0] = there() })
					both.Go(func() { here, errs[1] = runInside(c, image) })
				} else {
					m1, s1 := peer.OpenTerminal(t)
					m2, s2 := peer.OpenTerminal(t)
					both.Go(func() { theirs, errs[0] = runGuest(t, debian, c, image, m1, s1) })
					both.Go(func() { here, errs[1] = runGuest(t, ours, c, image, m2, s2) })
				}
				both.Wait()
				if err := errors.Join(errs[:]...); err != nil {
					t.Fatal(err)
				}
				if *dump != "" {
					write(t, c.name+".dynamips", theirs)
					write(t, c.name+".dynemu", here)
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
var reduced = []string{"npe-200-1", "npe-300-2", "npe-400-1", "moves-1"}

// driven reports whether the guest has a driver for a chip; those that it has
// none for are driven with their cards.
func driven(chip string) bool { return !strings.HasPrefix(chip, "plx") }

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
		if name == "none" {
			continue
		}
		for unit, chip := range cardByName(name).chips {
			if how := map[byte]string{'f': "in full", 's': "in short", 'u': "unplugged"}[c.drive(slot, unit)]; driven(chip) {
				want = append(want, fmt.Sprintf("%d.%d drive %s", slot, unit, how))
			}
		}
	}
	for _, w := range want {
		if !slices.Contains(lines, w) {
			t.Errorf("the guest did not say %q", w)
		}
	}
}
