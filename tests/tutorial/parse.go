package tutorial

import (
	"fmt"
	"regexp"
	"strings"
)

// step is a command of the text with what it prints.
type step struct {
	line int    // in the text
	kind string // sh, console, router or system
	on   string // of a router: LAB/NAME
	// command is a script, a command, or a line for a router.
	command string
	// input is what is typed at the console that the command opens.
	input string
	// output is what the text shows; of a script, nothing is.
	output []string
}

var (
	fence  = regexp.MustCompile("^```([a-z]+)(?: (.*))?$")
	prompt = regexp.MustCompile(`^[A-Za-z0-9_.-]+(?:\([a-z0-9-]+\))?[>#] ?`)
)

// parse reads the steps of a text.
func parse(text string) ([]step, error) {
	var steps []step
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		if !strings.HasPrefix(lines[i], "```") {
			continue
		}
		m := fence.FindStringSubmatch(lines[i])
		if m == nil {
			return nil, fmt.Errorf("line %d: %q does not say what the block is", i+1, lines[i])
		}
		first := i + 1
		for i++; i < len(lines) && lines[i] != "```"; i++ {
		}
		if i == len(lines) {
			return nil, fmt.Errorf("line %d: the block does not end", first)
		}
		block := lines[first:i]
		switch {
		case m[1] == "sh" && m[2] == "":
			steps = append(steps, step{line: first, kind: "sh", command: strings.Join(block, "\n") + "\n"})
		case m[1] == "sh" && m[2] == "system":
			for n, l := range block {
				steps = append(steps, step{line: first + n + 1, kind: "system", command: l})
			}
		case m[1] == "console" && m[2] == "", m[1] == "router" && strings.Count(m[2], "/") == 1:
			found, err := session(m[1], m[2], first, block)
			if err != nil {
				return nil, err
			}
			steps = append(steps, found...)
		default:
			return nil, fmt.Errorf("line %d: unknown block %q", first, lines[first-1])
		}
	}
	return steps, nil
}

// session reads a block of commands with what they print.
func session(kind, on string, first int, block []string) ([]step, error) {
	var steps []step
	for n, l := range block {
		typed := prompt.FindString(l)
		if kind == "console" {
			typed = ""
			if strings.HasPrefix(l, "$ ") {
				typed = "$ "
			}
		}
		switch {
		case typed != "":
			steps = append(steps, step{line: first + n + 1, kind: kind, on: on, command: l[len(typed):]})
		case len(steps) == 0:
			return nil, fmt.Errorf("line %d: a block begins with a command", first+n+1)
		case kind == "console" && strings.HasPrefix(l, "=> "):
			steps[len(steps)-1].input += l[len("=> "):] + "\n"
		default:
			s := &steps[len(steps)-1]
			s.output = append(s.output, l)
		}
	}
	return steps, nil
}

var blanks = regexp.MustCompile(`[ \t]+`)

// plain is a line without the number of its blanks.
func plain(s string) string { return strings.TrimSpace(blanks.ReplaceAllString(s, " ")) }

// matches reports whether a text is what is shown.
func matches(shown []string, text string) bool {
	pattern := "^"
	for _, l := range shown {
		if l = plain(l); l == "…" {
			pattern += `(?:.*\n)*?`
			continue
		}
		pattern += strings.ReplaceAll(regexp.QuoteMeta(l), "…", ".*") + `\n`
	}
	var got strings.Builder
	for l := range strings.Lines(text) {
		got.WriteString(plain(l) + "\n")
	}
	return regexp.MustCompile(pattern + "$").MatchString(got.String())
}
