package cli

import (
	"errors"
	"strings"
)

// words splits a line of the console at blanks. Quotes, single or double, keep
// blanks in a word; inside a word they are characters like others ("don't").
func words(line string) ([]string, error) {
	var out []string
	for {
		line = strings.TrimLeft(line, blanks)
		if line == "" {
			return out, nil
		}
		if q := line[0]; q == '"' || q == '\'' {
			end := strings.IndexByte(line[1:], q)
			if end < 0 {
				return nil, errors.New("the quote is not closed: " + line)
			}
			out = append(out, line[1:end+1])
			line = line[end+2:]
			if line != "" && !strings.ContainsRune(blanks, rune(line[0])) {
				return nil, errors.New("a blank is missing behind the quote: " + line)
			}
			continue
		}
		end := strings.IndexAny(line, blanks)
		if end < 0 {
			end = len(line)
		}
		out = append(out, line[:end])
		line = line[end:]
	}
}

const blanks = " \t\r\n"

// input is what a line asks for.
type input struct {
	// kind is the way the line is to be run.
	kind inputKind
	// words are the command and its arguments, or what help is asked about.
	words []string
	// text is the line of a host's shell, or of the configuration mode.
	text string
}

type inputKind int

const (
	nothing   inputKind = iota
	command             // words
	help                // about words
	hostShell           // text
)

// parseInput reads a line of the console (lab-files-and-console reference,
// 12.2). Lines that begin with # are comments.
func parseInput(line string) (input, error) {
	line = strings.Trim(line, blanks)
	if line == "" || line[0] == '#' {
		return input{}, nil
	}
	if line[0] == '!' {
		return input{kind: hostShell, text: strings.Trim(line[1:], blanks)}, nil
	}
	first, rest := cutWord(line)
	if strings.EqualFold(first, "con") {
		first = "console"
	}
	switch {
	case first == "?" || first == "help":
		topic := strings.Fields(strings.ReplaceAll(rest, "?", " "))
		return input{kind: help, words: topic}, nil
	case first == "shell" && !asksHelp(rest):
		return input{kind: hostShell, text: rest}, nil
	case first == "send" && !asksHelp(rest): // the text is typed as it stands
		device, text := cutWord(rest)
		out := input{kind: command, words: []string{first}}
		for _, w := range []string{device, text} {
			if w != "" {
				out.words = append(out.words, w)
			}
		}
		return out, nil
	}
	all, err := words(line)
	if err != nil {
		return input{}, err
	}
	all[0] = first
	for i, w := range all {
		if strings.Contains(w, "?") {
			topic := all[:i]
			if before, _, _ := strings.Cut(w, "?"); i == 0 && before != "" {
				topic = []string{before}
			}
			return input{kind: help, words: topic}, nil
		}
	}
	return input{kind: command, words: all}, nil
}

// asksHelp reports whether an argument is one that asks for help. In a text,
// a question mark is one only by itself.
func asksHelp(rest string) bool { return rest == "?" || rest == "/?" }

// cutWord returns the first word of a line and the rest behind it.
func cutWord(line string) (word, rest string) {
	i := strings.IndexAny(line, blanks)
	if i < 0 {
		return line, ""
	}
	return line[:i], strings.Trim(line[i:], blanks)
}
