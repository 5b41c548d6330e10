package wire

import (
	"fmt"
	"strconv"
	"strings"
)

// Filter decides which frames pass. It may count, so that each is for one port
// only; it is called on the machine's goroutine.
type Filter interface {
	// Pass reports whether a frame passes. The frame is not to be changed or kept.
	Pass(frame []byte) bool
	// String returns the filter as ParseFilter reads it, without direction.
	String() string
}

// Filters are what the frames of a port have to pass. Both has the frames of both
// directions to decide on: of those that arrive, what In has let pass, and of those
// that leave, what Out has let pass. Each may be nil, which lets all pass.
//
// Source: netio-hypervisor reference, 8.
type Filters struct {
	In, Out, Both Filter
}

// FreqDrop is Dynamips' freq_drop: -1 drops every frame, 0 none, N every Nth from
// the moment that it was set.
//
// Source: netio-hypervisor reference, 8.
type FreqDrop struct {
	n, count int
}

// NewFreqDrop returns a filter that drops every nth frame, none for 0 and all for
// -1.
func NewFreqDrop(n int) (*FreqDrop, error) {
	if n < -1 {
		return nil, fmt.Errorf("freq_drop %d; wanted: %s", n, freqDropForm)
	}
	return &FreqDrop{n: n}, nil
}

const (
	freqDropForm = "freq_drop N, which drops every Nth frame, none for 0 and all for -1"
	filterForm   = "none, or [in|out|both] " + freqDropForm + "; more than one by lines or ';'"
)

// Pass implements Filter.
func (f *FreqDrop) Pass([]byte) bool {
	switch f.n {
	case -1:
		return false
	case 0:
		return true
	}
	if f.count++; f.count == f.n {
		f.count = 0
		return false
	}
	return true
}

// String implements Filter.
func (f *FreqDrop) String() string { return "freq_drop " + strconv.Itoa(f.n) }

// ParseFilter reads filters in text form: "none", or a filter each line (or parted
// by ';'), with the direction that it is for in front: "in freq_drop 3". Without
// one it is for both directions together, as Dynagen has it. Each direction, and
// both, may have one filter. Case and empty lines do not matter, and no text at
// all is "none".
func ParseFilter(text string) (Filters, error) {
	var f Filters
	err := eachClause(text, "filter", filterForm, func(dir string, words []string) error {
		slot := &f.Both
		switch dir {
		case "in":
			slot = &f.In
		case "out":
			slot = &f.Out
		}
		if *slot != nil {
			return fmt.Errorf("there are two filters for %q; wanted: one each for in, out and both", dir)
		}
		if words[0] != "freq_drop" || len(words) != 2 {
			return fmt.Errorf("wanted: %s", filterForm)
		}
		n, err := strconv.Atoi(words[1])
		if err != nil {
			return fmt.Errorf("%q is not a number of frames; wanted: %s", words[1], freqDropForm)
		}
		*slot, err = NewFreqDrop(n)
		return err
	}, "both")
	if err != nil {
		return Filters{}, err
	}
	return f, nil
}

// String returns the filters as ParseFilter reads them, in a line.
func (f Filters) String() string {
	return joinClauses([]string{"in", "out", "both"}, []fmt.Stringer{stringer(f.In), stringer(f.Out), stringer(f.Both)})
}

// stringer keeps an interface that is nil from becoming one that is not.
func stringer(f Filter) fmt.Stringer {
	if f == nil {
		return nil
	}
	return f
}

// pass reports whether a frame passes.
func (f *Filters) pass(d Direction, frame []byte) bool {
	own := f.In
	if d == Out {
		own = f.Out
	}
	return (own == nil || own.Pass(frame)) && (f.Both == nil || f.Both.Pass(frame))
}

// eachClause calls fn for each clause of a text: clauses stand on lines of their
// own or are parted by ';', and begin with a direction, dir when it is left out. A
// text that is "none" or empty has no clause. what names the text in errors, and
// form what it has to be.
func eachClause(text, what, form string, fn func(dir string, words []string) error, dir string) error {
	clauses, none := 0, false
	for clause := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == ';' }) {
		words := strings.Fields(strings.ToLower(clause))
		if len(words) == 0 {
			continue
		}
		clause = strings.TrimSpace(clause)
		clauses++
		if len(words) == 1 && words[0] == "none" {
			none = true
			continue
		}
		d := dir
		switch words[0] {
		case "in", "out", "both":
			d, words = words[0], words[1:]
		}
		if len(words) == 0 {
			return fmt.Errorf("%s %q: nothing follows the direction; wanted: %s", what, clause, form)
		}
		if err := fn(d, words); err != nil {
			return fmt.Errorf("%s %q: %w", what, clause, err)
		}
	}
	if none && clauses > 1 {
		return fmt.Errorf("%s %q: none stands alone; wanted: %s", what, strings.TrimSpace(text), form)
	}
	return nil
}

// joinClauses is the reverse of eachClause; nil has no clause.
func joinClauses(dirs []string, clauses []fmt.Stringer) string {
	var all []string
	for i, c := range clauses {
		if c != nil {
			all = append(all, dirs[i]+" "+c.String())
		}
	}
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, "; ")
}
