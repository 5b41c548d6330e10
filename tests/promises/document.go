package main

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

const head = `# What the tutorial promises

The tutorial of Dynamips and Dynagen that this project started from makes 95 promises. Here they are in our own words,
with what dynemu does for each, and the tests that show it. ` + "`make promises`" + ` writes this page from
` + "`tests/promises`" + ` and from the comments above the tests; a test fails when it is out of date, and when a promise
has neither a test nor a reason to wait.
`

// document makes the page of the promises and of the tests that show them. With an
// error, the page has what is known all the same.
func document(chapters []chapter, tests []shown) (string, error) {
	shows := map[int][]shown{}
	for _, t := range tests {
		for _, n := range t.promises {
			shows[n] = append(shows[n], t)
		}
	}
	var errs []error
	var b strings.Builder
	b.WriteString(head)
	n, kept, waiting := 0, 0, 0
	for _, c := range chapters {
		fmt.Fprintf(&b, "\n## %s\n\n| | promised | dynemu | shown by |\n|---|---|---|---|\n", c.title)
		for _, p := range c.promises {
			n++
			var by []string
			for _, t := range shows[n] {
				by = append(by, fmt.Sprintf("[%s.%s](../%s)", path.Base(path.Dir(t.file)), t.name, t.file))
			}
			switch {
			case p.waiting != "":
				waiting++
				by = append(by, "*waiting*: "+p.waiting)
			case len(by) == 0:
				errs = append(errs, fmt.Errorf("promise %d has no test and no reason to wait: %s", n, p.text))
			default:
				kept++
			}
			fmt.Fprintf(&b, "| %d | %s | %s | %s |\n", n, cell(p.text), cell(p.how), strings.Join(by, ", "))
			delete(shows, n)
		}
	}
	for _, t := range tests {
		for _, p := range t.promises {
			if p < 1 || p > n {
				errs = append(errs, fmt.Errorf("%s: %s names promise %d; they are 1 to %d", t.file, t.name, p, n))
			}
		}
	}
	fmt.Fprintf(&b, "\n%d promises: %d kept and shown by tests, %d waiting, in whole or in part.\n", n, kept, waiting)
	return b.String(), errors.Join(errs...)
}

// cell is a text as a cell of a table takes it.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
