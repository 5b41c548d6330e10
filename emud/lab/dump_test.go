package lab

import (
	"fmt"
	"strings"
)

// dump writes a lab in a few stable lines: a router a line with its slots and
// console, a switch a line with its ports and circuits, then the links.
func dump(l *Lab) string {
	var b strings.Builder
	for _, r := range l.Routers {
		fmt.Fprintf(&b, "%s %s", r.Name, r.Model)
		for i, a := range r.Slots {
			if a != "" {
				fmt.Fprintf(&b, " %d:%s", i, a)
			}
		}
		for i, w := range r.WICs {
			if w != "" {
				fmt.Fprintf(&b, " w%d:%s", i, w)
			}
		}
		fmt.Fprintf(&b, " console %d", r.Console)
		if r.AUX != 0 {
			fmt.Fprintf(&b, " aux %d", r.AUX)
		}
		b.WriteByte('\n')
	}
	for _, s := range l.Switches {
		fmt.Fprintf(&b, "%s %s", s.Name, s.Type)
		for i, p := range s.Ports {
			what := p.Config()
			if what == "" {
				what = string(p.Kind)
			}
			fmt.Fprintf(&b, "%s %s %s", strings.Repeat(",", min(i, 1)), p.Name(), what)
		}
		for _, c := range s.Circuits {
			fmt.Fprintf(&b, "; %s", c)
		}
		b.WriteByte('\n')
	}
	for _, l := range l.Links {
		fmt.Fprintf(&b, "%s - %s\n", l.A, l.B)
	}
	return b.String()
}

// outcome is what a user gets from a file: the messages, then the lab.
func outcome(text string) string {
	l, messages := Parse("x.net", []byte(text))
	var b strings.Builder
	for _, m := range messages {
		fmt.Fprintln(&b, strings.TrimPrefix(m.String(), "x.net:"))
	}
	if l != nil {
		b.WriteString(dump(l))
	}
	return b.String()
}

// lines trims the indentation that a test's text has.
func lines(s string) string {
	var out []string
	for _, l := range strings.Split(strings.TrimSpace(s), "\n") {
		out = append(out, strings.TrimSpace(l))
	}
	return strings.Join(out, "\n") + "\n"
}
