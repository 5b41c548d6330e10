package hwprobe

import (
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// maxShown bounds how many differences of a configuration are shown.
const maxShown = 60

// allowance is a difference that is meant, and the words of docs/fidelity.md
// that give the reason.
type allowance struct {
	line         *regexp.Regexp // what both lines begin with
	theirs, here *regexp.Regexp // what each of them matches; nil: anything
	doc          string
}

// results gathers what the configurations show.
type results struct {
	mu            sync.Mutex
	lines, differ int
	used          map[int]int
	doc           string
}

func newResults(t *testing.T) *results {
	t.Helper()
	doc, err := os.ReadFile("../../../docs/fidelity.md")
	if err != nil {
		t.Fatal(err)
	}
	r := &results{used: map[int]int{}, doc: string(doc)}
	for _, a := range allowed {
		if !strings.Contains(r.doc, a.doc) {
			t.Errorf("docs/fidelity.md does not say %q", a.doc)
		}
	}
	return r
}

// allow returns the number of the allowance for a pair of lines, or -1.
func allow(theirs, here string) int {
	for i, a := range allowed {
		if a.line.MatchString(theirs) && a.line.MatchString(here) &&
			(a.theirs == nil || a.theirs.MatchString(theirs)) && (a.here == nil || a.here.MatchString(here)) {
			return i
		}
	}
	return -1
}

var values = regexp.MustCompile(`\b[0-9a-f]+\b`)

// step is what a line is about: the line without its values.
func step(line string) string { return values.ReplaceAllString(line, "#") }

// compare takes both outputs side by side. Lines that only one has are looked
// for a little ahead in the other.
func (r *results) compare(t *testing.T, theirs, here []string) {
	t.Helper()
	const ahead = 500
	lines, differ, shown := 0, 0, 0
	show := func(format string, args ...any) {
		if shown++; shown <= maxShown {
			t.Errorf(format, args...)
		}
	}
	used := map[int]int{}
	w, h := 0, 0
	for w < len(theirs) && h < len(here) {
		if theirs[w] == here[h] {
			w, h, lines = w+1, h+1, lines+1
			continue
		}
		if i := allow(theirs[w], here[h]); i >= 0 {
			used[i]++
			w, h, lines, differ = w+1, h+1, lines+1, differ+1
			continue
		}
		if step(theirs[w]) != step(here[h]) {
			if skip := find(here[h:min(h+ahead, len(here))], theirs[w]); skip > 0 {
				show("only dynemu: %q", here[h:h+skip])
				h += skip
				continue
			}
			if skip := find(theirs[w:min(w+ahead, len(theirs))], here[h]); skip > 0 {
				show("only Dynamips: %q", theirs[w:w+skip])
				w += skip
				continue
			}
		}
		show("Dynamips %q\n    dynemu   %q", theirs[w], here[h])
		w, h, lines = w+1, h+1, lines+1
	}
	if len(theirs)-w != len(here)-h {
		show("%d lines left on Dynamips, %d on dynemu", len(theirs)-w, len(here)-h)
	}
	if shown > maxShown {
		t.Errorf("and %d more differences", shown-maxShown)
	}
	t.Logf("%d lines compared, %d differ as documented", lines, differ)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines += lines
	r.differ += differ
	for i, n := range used {
		r.used[i] += n
	}
}

func find(lines []string, want string) int {
	for i, l := range lines {
		if l == want {
			return i
		}
	}
	return -1
}

// noneStale checks that every allowed difference is still there.
func (r *results) noneStale(t *testing.T) {
	t.Helper()
	for i, a := range allowed {
		if r.used[i] == 0 {
			t.Errorf("no line differs any more at %q (%s): take it out", a.line, a.doc)
		}
	}
}
