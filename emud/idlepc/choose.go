package idlepc

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// How the guest's program counter is sampled, as Dynamips does it (cpu reference, 6.1).
const (
	Samples = 1000
	Every   = 10 * time.Millisecond
)

// The counts of Samples that make an address a proposal, the least and the most, and
// how many are proposed at most (cpu reference, 6.1).
const (
	least = 20
	most  = 80
	Most  = 10
)

// Value is an address that was seen, of Samples, so many times.
type Value struct {
	PC    uint64 `json:"pc"`
	Count int    `json:"count"`
}

// Best reports whether the value is likely a good one, by the rule of Dynagen: more than
// 50 and fewer than 60 times (cpu reference, 6.1).
func (v Value) Best() bool { return 50 < v.Count && v.Count < 60 }

// String is the address as users write it.
func (v Value) String() string { return Format(v.PC) }

// Format writes an address as lab files have it: without the sign extension.
func Format(pc uint64) string {
	if pc == uint64(int64(int32(pc))) {
		pc &= 0xffffffff
	}
	return fmt.Sprintf("0x%08x", pc)
}

// Choose picks the proposals, Most at most, in the order of their addresses: those seen
// 20 to 80 times. Of more than that it takes the likely ones first, those nearest to a
// count of 55. A small idle loop has none of these: its addresses are seen more often, and
// those seen most are taken. There are none when the guest was in no place at least 20
// times: it was not idle.
func Choose(counts map[uint64]int) []Value {
	var fit, often []Value
	for pc, n := range counts {
		switch {
		case n > most:
			often = append(often, Value{pc, n})
		case n >= least:
			fit = append(fit, Value{pc, n})
		}
	}
	rank := func(v Value) int { return max(v.Count-55, 55-v.Count) }
	if fit == nil {
		fit, rank = often, func(v Value) int { return -v.Count }
	}
	slices.SortFunc(fit, func(a, b Value) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.PC, b.PC)) })
	fit = fit[:min(len(fit), Most)]
	slices.SortFunc(fit, func(a, b Value) int { return cmp.Compare(a.PC, b.PC) })
	return fit
}

// The lines of Dynagen's console around the table (lab-files-and-console reference,
// 12.6).
const (
	NoValues = "No idlepc values found"
	Legend   = `Potentially better idlepc values marked with "*"`
)

// Table is the list of Dynagen's console, a value a line, with its legend.
func Table(values []Value) string {
	if len(values) == 0 {
		return NoValues + "\n"
	}
	var b strings.Builder
	for i, v := range values {
		mark := ' '
		if v.Best() {
			mark = '*'
		}
		fmt.Fprintf(&b, "%c %2d: %s [%d]\n", mark, i+1, v, v.Count)
	}
	b.WriteString(Legend + "\n")
	return b.String()
}
