package mips

import (
	"fmt"
	"strings"
)

// Quirks is a set of leniencies of Dynamips. The zero value is the hardware's
// behaviour (cpu reference, section 0).
type Quirks uint32

const (
	QuirkUnaligned Quirks = 1 << iota // unaligned loads and stores are done silently
	QuirkDirty                        // a store to a page with D = 0 is allowed
	QuirkRefill180                    // every exception uses the general vector
	QuirkOverflow                     // ADD and the like do not trap
	QuirkNop                          // an opcode that the part does not have runs as NOP
	QuirkTimer250                     // IP7 at 250 Hz, whatever Compare says
	QuirkNoFPU                        // register moves, LDC1 and SDC1 only; CU1 is not checked
)

var quirkNames = []string{"unaligned", "dirty", "refill180", "overflow", "nop", "timer250", "nofpu"}

// ParseQuirks turns the words of a lab file's quirks option into a set. Empty
// words are ignored; an unknown word is an error that names those accepted.
func ParseQuirks(words []string) (Quirks, error) {
	var q Quirks
next:
	for _, w := range words {
		w = strings.TrimSpace(w)
		if w == "" {
			continue
		}
		for i, name := range quirkNames {
			if strings.EqualFold(w, name) {
				q |= 1 << i
				continue next
			}
		}
		return 0, fmt.Errorf("unknown quirk %q: accepted are %s", w, strings.Join(quirkNames, ", "))
	}
	return q, nil
}

// String lists the words of q, separated by commas, as ParseQuirks takes them.
func (q Quirks) String() string {
	var words []string
	for i, name := range quirkNames {
		if q&(1<<i) != 0 {
			words = append(words, name)
		}
	}
	return strings.Join(words, ",")
}
