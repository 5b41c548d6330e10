package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// What things are painted in, on a terminal.
var (
	red    = text.Colors{text.FgRed}
	yellow = text.Colors{text.FgYellow}
	green  = text.Colors{text.FgGreen}
	cyan   = text.Colors{text.FgCyan}

	stateColours = map[string]text.Colors{
		"running": green, "booting": cyan, "suspended": yellow, "crashed": red,
	}
)

// onTerminal reports whether w is a terminal.
func onTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// paint colours a text where w is a terminal that can show it and the user has
// not asked for none (no-color.org).
func (a *app) paint(w io.Writer, c text.Colors, s string) string {
	if c == nil || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" || !onTerminal(w) {
		return s
	}
	return c.EscapeSeq() + s + text.EscapeReset
}

// columns is a table without lines.
type columns struct {
	a *app
	w table.Writer
}

// table makes a table; each column has its least width and its name. Columns of
// width 0 are parted by two blanks, the others, as Dynagen's are, by one.
func (a *app) table(widthAndName ...any) columns {
	w := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format = table.FormatOptions{}
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	var head table.Row
	var config []table.ColumnConfig
	for i := 0; i < len(widthAndName); i += 2 {
		width := widthAndName[i].(int)
		if width > 0 {
			style.Box.PaddingRight = " "
		}
		head = append(head, widthAndName[i+1])
		config = append(config, table.ColumnConfig{Number: i/2 + 1, WidthMin: width})
	}
	w.SetStyle(style)
	w.SetColumnConfigs(config)
	w.AppendHeader(head)
	w.SuppressTrailingSpaces()
	return columns{a, w}
}

func (c columns) row(cells ...string) {
	var row table.Row
	for _, cell := range cells {
		row = append(row, cell)
	}
	c.w.AppendRow(row)
}

func (c columns) print() error {
	_, err := fmt.Fprintln(c.a.Out, c.w.Render())
	return err
}

// progress shows how far long work is, on a terminal and where there is much of
// it. clear takes it away before something else is printed, and step, after each
// of n steps, shows it again.
func (a *app) progress(n int, what string) (clear, step func()) {
	const much = 5
	if n < much || !onTerminal(a.Err) || !onTerminal(a.Out) {
		return func() {}, func() {}
	}
	bar := progressbar.NewOptions(n, progressbar.OptionSetWriter(a.Err), progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(), progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish())
	return func() { _ = bar.Clear() }, func() { _ = bar.Add(1) }
}
