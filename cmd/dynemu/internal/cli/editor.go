package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/peterh/liner"
	"github.com/spf13/cobra"
)

// editor reads lines from the terminal: with history and completion.
type editor struct {
	line    *liner.State
	outside liner.ModeApplier // of the terminal, as commands expect it
	inside  liner.ModeApplier
	history string // a file; empty: none
}

func newEditor(s *shell) *editor {
	e := &editor{}
	if m, err := liner.TerminalMode(); err == nil {
		e.outside = m
	}
	e.line = liner.NewLiner()
	if m, err := liner.TerminalMode(); err == nil {
		e.inside = m
	}
	e.line.SetCtrlCAborts(true)
	e.line.SetTabCompletionStyle(liner.TabPrints)
	e.line.SetWordCompleter(s.complete)
	e.line.SetBeep(false)
	if file, err := historyFile(); err == nil && ensureDir(file) == nil {
		e.history = file
		if f, err := os.Open(file); err == nil {
			_, _ = e.line.ReadHistory(f) // a line that is too long ends it: the rest is not missed
			f.Close()
		}
	}
	return e
}

func (e *editor) Line(prompt string) (string, error) {
	line, err := e.line.Prompt(prompt)
	switch {
	case errors.Is(err, liner.ErrPromptAborted):
		fmt.Println()
		return "", errInterrupted
	case errors.Is(err, io.EOF):
		fmt.Println()
		return "", io.EOF
	case err == nil && strings.TrimSpace(line) != "":
		e.line.AppendHistory(line)
	}
	return line, err
}

func (e *editor) Around(fn func()) {
	if e.outside != nil && e.inside != nil {
		_ = e.outside.ApplyMode()
		defer e.inside.ApplyMode()
	}
	fn()
}

// Close sets the terminal back and keeps the history, the newest lines of it.
func (e *editor) Close() {
	e.line.Close()
	if e.history == "" {
		return
	}
	temp, err := os.CreateTemp(filepath.Dir(e.history), ".history-*")
	if err != nil {
		return
	}
	_, err = e.line.WriteHistory(temp)
	if closing := temp.Close(); err != nil || closing != nil || os.Rename(temp.Name(), e.history) != nil {
		os.Remove(temp.Name())
	}
}

// complete completes the word before the cursor.
func (s *shell) complete(line string, pos int) (head string, completions []string, tail string) {
	runes := []rune(line)
	pos = min(pos, len(runes))
	head, tail = string(runes[:pos]), string(runes[pos:])
	start := strings.LastIndexAny(head, blanks) + 1
	head, word := head[:start], head[start:]
	before := strings.Fields(head)
	for _, c := range s.candidates(before, word) {
		if strings.HasPrefix(c, word) && !slices.Contains(completions, c) {
			completions = append(completions, c)
		}
	}
	slices.Sort(completions)
	if len(completions) == 1 && !strings.HasSuffix(completions[0], "/") && tail == "" {
		completions[0] += " "
	}
	return head, completions, tail
}

// candidates are the words that may stand behind those before, and begin with
// word.
func (s *shell) candidates(before []string, word string) []string {
	if len(s.levels) > 0 {
		return s.levels[len(s.levels)-1].words(s, before)
	}
	root := s.a.root()
	if len(before) == 0 {
		return s.commandNames(root)
	}
	switch before[0] {
	case "help", "?":
		if len(before) == 1 {
			return s.commandNames(root)
		}
		return nil
	case "conf":
		return s.servers()
	}
	if strings.EqualFold(before[0], "con") {
		before[0] = "console"
	}
	if _, ok := builtins[before[0]]; ok {
		return nil
	}
	out, directive := s.ask(root, before, word)
	switch {
	case directive&cobra.ShellCompDirectiveFilterFileExt != 0 && len(out) > 0:
		return files(word, "."+out[0])
	case directive&cobra.ShellCompDirectiveNoFileComp == 0:
		return append(out, files(word, "")...)
	}
	return out
}

// ask has cobra complete, as it does for the shells of the host.
func (s *shell) ask(root *cobra.Command, before []string, word string) ([]string, cobra.ShellCompDirective) {
	var b strings.Builder
	root.SetOut(&b)
	root.SetErr(io.Discard)
	root.SetArgs(append(append([]string{cobra.ShellCompNoDescRequestCmd}, before...), word))
	if root.Execute() != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []string
	directive := cobra.ShellCompDirectiveDefault
	for line := range strings.Lines(b.String()) {
		line = strings.TrimSuffix(line, "\n")
		if n, ok := strings.CutPrefix(line, ":"); ok {
			v, _ := strconv.Atoi(n)
			directive = cobra.ShellCompDirective(v)
			continue
		}
		if line != "" {
			out = append(out, line)
		}
	}
	return out, directive
}

// files are the paths that begin with word; only those that end in ext, where it
// is not empty, and folders.
func files(word, ext string) []string {
	dir, base := filepath.Split(word)
	from := dir
	if from == "" {
		from = "."
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		name := e.Name()
		switch {
		case !strings.HasPrefix(name, base) || strings.HasPrefix(name, ".") && base == "" || strings.ContainsAny(name, blanks):
		case e.IsDir():
			out = append(out, dir+name+"/")
		case ext == "" || strings.HasSuffix(name, ext):
			out = append(out, dir+name)
		}
	}
	return out
}
