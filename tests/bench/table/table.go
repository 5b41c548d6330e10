// Package table keeps tables of measured figures in a Markdown document, and finds
// what has become slower since the one that was committed.
//
// A table is in a document between the lines
//
//	<!-- table NAME -->
//	<!-- end of table -->
//
// and has the processor's name in its first cell. Anything between these lines is
// replaced by Update.
package table

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Table is figures by row and column; NaN is a figure that there is not.
type Table struct {
	Machine string // the processor
	Columns []string
	Rows    []Row
}

// Row is one line. Unit says what its figures are, such as "MIPS".
type Row struct {
	Name, Unit string
	Values     []float64
}

// Add appends a row.
func (t *Table) Add(name, unit string, values ...float64) {
	t.Rows = append(t.Rows, Row{name, unit, values})
}

// Get returns a figure, NaN when there is none.
func (t *Table) Get(row, column string) float64 {
	c := slices.Index(t.Columns, column)
	for _, r := range t.Rows {
		if r.Name == row && c >= 0 && c < len(r.Values) {
			return r.Values[c]
		}
	}
	return math.NaN()
}

// Markdown returns t as a Markdown table.
func (t *Table) Markdown() string {
	var b strings.Builder
	name, unit := len(t.Machine), len("unit")
	for _, r := range t.Rows {
		name, unit = max(name, len(r.Name)), max(unit, len(r.Unit))
	}
	fmt.Fprintf(&b, "| %-*s | %-*s |", name, t.Machine, unit, "unit")
	for _, c := range t.Columns {
		fmt.Fprintf(&b, " %s |", c)
	}
	fmt.Fprintf(&b, "\n|%s|%s|", strings.Repeat("-", name+2), strings.Repeat("-", unit+2))
	for _, c := range t.Columns {
		fmt.Fprintf(&b, "%s:|", strings.Repeat("-", len(c)+1))
	}
	b.WriteByte('\n')
	for _, r := range t.Rows {
		fmt.Fprintf(&b, "| %-*s | %-*s |", name, r.Name, unit, r.Unit)
		for i, v := range r.Values {
			fmt.Fprintf(&b, " %*s |", len(t.Columns[i]), number(v))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// number writes v with three significant digits or more, nothing for NaN.
func number(v float64) string {
	switch {
	case math.IsNaN(v):
		return ""
	case math.Abs(v) >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case math.Abs(v) >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// Mean returns the geometric mean of a column over the rows that have a figure
// there, NaN when none has.
func (t *Table) Mean(column string) float64 {
	c, n, sum := slices.Index(t.Columns, column), 0, 0.0
	for _, r := range t.Rows {
		if c >= 0 && c < len(r.Values) && r.Values[c] > 0 {
			n++
			sum += math.Log(r.Values[c])
		}
	}
	if n == 0 {
		return math.NaN()
	}
	return math.Exp(sum / float64(n))
}

// Tolerance is by how much a figure may be below the committed one.
const Tolerance = 0.10

// Slower names the rows of now in which a figure is more than Tolerance below that
// of old, and the lines that say so. The ratio column, to a peer measured in the
// same run, decides. Where the processor is the same, the figure column must show
// it as well: then it is not the peer that has become faster. A row that old has
// and now has not counts as slower.
func Slower(old, now *Table, figure, ratio string) (rows, report []string) {
	below := func(row, column string) bool { return now.Get(row, column) < (1-Tolerance)*old.Get(row, column) }
	for _, r := range old.Rows {
		was, is := old.Get(r.Name, ratio), now.Get(r.Name, ratio)
		switch {
		case math.IsNaN(was):
		case math.IsNaN(is):
			rows = append(rows, r.Name)
			report = append(report, fmt.Sprintf("%s: no figure any more; %s was %.2f", r.Name, ratio, was))
		case below(r.Name, ratio) && (old.Machine != now.Machine || below(r.Name, figure) || math.IsNaN(old.Get(r.Name, figure))):
			rows = append(rows, r.Name)
			report = append(report, fmt.Sprintf("%s: %s is %.2f, was %.2f; %s is %.0f, was %.0f",
				r.Name, ratio, is, was, figure, now.Get(r.Name, figure), old.Get(r.Name, figure)))
		}
	}
	return rows, report
}

// ErrNone is returned for a document without the table, or with an empty one.
var ErrNone = errors.New("there is no such table in the document")

func find(document []byte, name string) (start, end int, err error) {
	begin := []byte("<!-- table " + name + " -->\n")
	start = bytes.Index(document, begin)
	if start < 0 {
		return 0, 0, fmt.Errorf("%s: %w", name, ErrNone)
	}
	start += len(begin)
	n := bytes.Index(document[start:], []byte("<!-- end of table -->"))
	if n < 0 {
		return 0, 0, fmt.Errorf("table %s has no end", name)
	}
	return start, start + n, nil
}

// Read returns the table of the given name in the document at path.
func Read(path, name string) (*Table, error) {
	document, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	start, end, err := find(document, name)
	if err != nil {
		return nil, err
	}
	t := &Table{}
	for _, line := range strings.Split(string(document[start:end]), "\n") {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case len(cells) < 2:
			return nil, fmt.Errorf("table %s: line %q", name, line)
		case t.Columns == nil:
			t.Machine, t.Columns = cells[0], cells[2:]
			continue
		case strings.HasPrefix(cells[0], "-"):
			continue
		}
		r := Row{Name: cells[0], Unit: cells[1]}
		for _, c := range cells[2:] {
			v := math.NaN()
			if c != "" {
				if v, err = strconv.ParseFloat(c, 64); err != nil {
					return nil, fmt.Errorf("table %s, %s: %w", name, r.Name, err)
				}
			}
			r.Values = append(r.Values, v)
		}
		t.Rows = append(t.Rows, r)
	}
	if t.Columns == nil {
		return nil, fmt.Errorf("%s: %w", name, ErrNone)
	}
	return t, nil
}

// Update puts t in the place of the table of the given name in the document at
// path.
func Update(path, name string, t *Table) error {
	document, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	start, end, err := find(document, name)
	if err != nil {
		return err
	}
	return os.WriteFile(path, slices.Concat(document[:start], []byte("\n"+t.Markdown()+"\n"), document[end:]), 0o644)
}

// Machine names this machine's processor as /proc/cpuinfo does.
func Machine() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for _, line := range strings.Split(string(text), "\n") {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.ReplaceAll(strings.TrimSpace(value), "|", "/")
		}
	}
	return "unknown processor"
}
