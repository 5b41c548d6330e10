package table

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func sample() *Table {
	t := &Table{Machine: "CPU @ 2 GHz", Columns: []string{"dynemu", "peer", "ratio"}}
	t.Add("alu", "MIPS", 2140, 1852, 1.155)
	t.Add("call", "MIPS", 1136, 452, 2.513)
	t.Add("odd", "k/s", 12.34, math.NaN(), math.NaN())
	t.Add("geometric mean", "", math.NaN(), math.NaN(), t.Mean("ratio"))
	return t
}

func TestUpdateAndRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "doc.md")
	before, after := "# Figures\n\n<!-- table other -->\n<!-- end of table -->\n<!-- table cpu -->\n", "<!-- end of table -->\nThe end.\n"
	if err := os.WriteFile(path, []byte(before+"old\n"+after), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Update(path, "cpu", sample()); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(path)
	if !strings.HasPrefix(string(text), before) || !strings.HasSuffix(string(text), after) || strings.Contains(string(text), "old") {
		t.Errorf("the document is\n%s", text)
	}
	got, err := Read(path, "cpu")
	if err != nil {
		t.Fatal(err)
	}
	if got.Machine != "CPU @ 2 GHz" || !slices.Equal(got.Columns, []string{"dynemu", "peer", "ratio"}) || len(got.Rows) != 4 {
		t.Errorf("read %+v", got)
	}
	if got.Get("alu", "dynemu") != 2140 || got.Get("odd", "dynemu") != 12.3 || !math.IsNaN(got.Get("odd", "peer")) || got.Get("geometric mean", "ratio") != 1.70 {
		t.Errorf("read %+v", got)
	}
	if _, err := Read(path, "other"); !errors.Is(err, ErrNone) {
		t.Errorf("an empty table: %v", err)
	}
	if _, err := Read(path, "none"); !errors.Is(err, ErrNone) {
		t.Errorf("a table that is not there: %v", err)
	}
}

func TestSlower(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(*Table)
		machine string
		want    []string
	}{
		{"the same", func(*Table) {}, "", nil},
		{"within tolerance", func(n *Table) { n.Rows[0].Values = []float64{1950, 1852, 1.05} }, "", nil},
		{"slower", func(n *Table) { n.Rows[0].Values = []float64{1800, 1852, 0.97} }, "", []string{"alu"}},
		{"the peer is faster", func(n *Table) { n.Rows[0].Values = []float64{2140, 2300, 0.93} }, "", nil},
		{"slower on a faster machine", func(n *Table) { n.Rows[1].Values = []float64{2000, 1000, 2} }, "other", []string{"call"}},
		{"the mean", func(n *Table) { n.Rows[3].Values[2] = 1.4 }, "", []string{"geometric mean"}},
		{"gone", func(n *Table) { n.Rows = n.Rows[1:] }, "", []string{"alu"}},
	} {
		now := sample()
		c.change(now)
		if c.machine != "" {
			now.Machine = c.machine
		}
		if rows, report := Slower(sample(), now, "dynemu", "ratio"); !slices.Equal(rows, c.want) || len(rows) != len(report) {
			t.Errorf("%s: %q: %q", c.name, rows, report)
		}
	}
}
