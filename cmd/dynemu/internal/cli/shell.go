package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"dynemu/cmd/dynemu/internal/tree"
)

// shell is the management console: Dynagen's, on the tree.
type shell struct {
	a *app
	// file is the user's own lab file that the console was started with.
	file        string
	interactive bool
	lines       lineReader
	typed       []string // all lines, for hist
	code        int      // the worst of the lines so far
	levels      []level  // of the configuration mode; none outside of it
	stop        chan os.Signal
	ended       bool
}

// lineReader gives the lines of the console: from a terminal or from a script.
type lineReader interface {
	// Line returns the next line. It fails with io.EOF at the end and with
	// errInterrupted at Ctrl-C.
	Line(prompt string) (string, error)
	// Around runs a command, with the terminal as commands expect it.
	Around(func())
	Close()
}

var errInterrupted = errors.New("interrupted")

// script reads lines without a terminal.
type script struct{ *bufio.Scanner }

func newScript(in io.Reader) script {
	s := bufio.NewScanner(in)
	s.Buffer(nil, 1<<20)
	return script{s}
}

func (s script) Line(string) (string, error) {
	if !s.Scan() {
		if err := s.Err(); err != nil {
			return "", err
		}
		return "", io.EOF
	}
	return s.Text(), nil
}

func (script) Around(fn func()) { fn() }
func (script) Close()           {}

// manage is the management console: of all labs, or of that of a file, which is
// loaded.
func (a *app) manage(args []string) error {
	s := &shell{a: a, interactive: term.IsTerminal(int(a.In.Fd())) && onTerminal(a.Out)}
	a.shell = s
	defer func() { a.shell = nil }()
	if len(args) > 0 {
		if err := s.load(args[0]); err != nil {
			return err
		}
	} else if _, err := a.tree.Status(); err != nil {
		return err
	}
	if s.interactive {
		fmt.Fprint(a.Out, "\nDynagen's management console for dynemu\n\n")
		s.lines = newEditor(s)
	} else {
		s.lines = newScript(a.In)
		null, err := os.Open(os.DevNull) // the lines are not the input of the commands
		if err != nil {
			return err
		}
		defer null.Close()
		a.In = null
	}
	defer s.lines.Close()
	if err := s.run(); err != nil {
		return err
	}
	if s.code != Done && !s.interactive { // the user has seen what failed
		return failure{error: errReported, quiet: true, code: s.code}
	}
	return nil
}

// load brings the file of the console into the tree; a lab that is there already
// is meant by its name alone.
func (s *shell) load(file string) error {
	a := s.a
	name := tree.LabName(file)
	if _, err := os.Stat(file); err != nil {
		if _, lerr := a.tree.LabText(name); lerr != nil {
			return err
		}
		a.tree.Lab = name
		return nil
	}
	s.file = file
	if s.interactive {
		fmt.Fprint(a.Out, "\nReading configuration file...\n\n")
	}
	result, err := a.tree.Up(file, a.wait, a.warner(file))
	if err != nil {
		return err
	}
	a.tree.Lab = name
	for line := range strings.Lines(result) {
		if strings.HasPrefix(line, name+".net:") {
			fmt.Fprintf(a.Err, "*** Warning:  %s", line)
		}
	}
	devices, err := a.tree.Status()
	if err != nil {
		return err
	}
	what := "loaded"
	for _, d := range devices {
		if d.Router() && d.Runs() {
			what = "started"
			a.warnIdlePC(d)
		}
	}
	if s.interactive {
		fmt.Fprintf(a.Out, "Network successfully %s\n", what)
	}
	return nil
}

// run reads and runs lines until the end of the input, or of the console.
func (s *shell) run() error {
	s.stop = make(chan os.Signal, 1)
	signal.Notify(s.stop, os.Interrupt)
	defer signal.Stop(s.stop)
	for !s.ended {
		line, err := s.lines.Line(s.prompt())
		switch {
		case errors.Is(err, io.EOF):
			s.levels = nil
			s.exit()
			continue
		case errors.Is(err, errInterrupted):
			s.levels = nil
			s.exit()
			continue
		case err != nil:
			return err
		}
		s.lines.Around(func() { s.line(line) })
	}
	return nil
}

// line runs one line.
func (s *shell) line(line string) {
	select {
	case <-s.stop: // a Ctrl-C of before
	default:
	}
	if strings.TrimSpace(line) != "" {
		s.typed = append(s.typed, line)
	}
	in, err := parseInput(line)
	if err != nil {
		s.fail(Usage, err)
		return
	}
	if len(s.levels) > 0 && in.kind != nothing && in.kind != hostShell {
		s.configure(in, strings.Trim(line, blanks))
		return
	}
	switch in.kind {
	case help:
		s.help(in.words)
	case hostShell:
		s.hostShell(in.text)
	case command:
		s.command(in.words)
	}
}

func (s *shell) fail(code int, err error) {
	s.code = max(s.code, code)
	s.a.complain(err)
}

// command runs a command of the console itself, or of the program.
func (s *shell) command(w []string) {
	if b, ok := builtins[w[0]]; ok {
		b.run(s, w[1:])
		return
	}
	root := s.a.root()
	cmd, _, err := root.Find(w)
	if err != nil || cmd == root {
		s.unknown(root, w[0])
		return
	}
	if ownProcess(w) {
		s.foreground(w)
		return
	}
	root.SetArgs(w)
	root.SetIn(s.a.In)
	root.SetOut(s.a.Out)
	root.SetErr(s.a.Err)
	cmd, err = root.ExecuteC()
	var f failure
	switch {
	case err == nil:
	case errors.As(err, &f):
		s.code = max(s.code, Failed)
		if !f.quiet {
			s.a.complain(err)
		}
	case len(w) == 1: // a command that needs arguments: how it is written
		s.code = max(s.code, Usage)
		s.syntax(cmd)
	default:
		s.fail(Usage, errors.New(strings.ReplaceAll(err.Error(), ": dynemu ", ": ")))
	}
}

func (s *shell) unknown(root *cobra.Command, word string) {
	text := "unknown command"
	var near []string
	for _, name := range s.commandNames(root) {
		if len(name) > 2 && (strings.HasPrefix(name, word) || closeTo(name, word)) {
			near = append(near, name)
		}
	}
	if len(near) > 0 {
		text = fmt.Sprintf("unknown command %q; did you mean %s?", word, strings.Join(near, " or "))
	}
	s.fail(Usage, errors.New(text))
}

// closeTo reports whether two words differ by one letter, or by two that changed
// places.
func closeTo(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 || len(a) < 2 {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if i == len(a) {
		return true
	}
	if len(a) < len(b) {
		return a[i:] == b[i+1:]
	}
	return a[i+1:] == b[i+1:] || i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}

// ownProcess reports whether a command becomes another program, or goes on until
// the user's Ctrl-C: it runs in a process of its own.
func ownProcess(w []string) bool {
	switch w[0] {
	case "exec":
		return len(w) > 2
	case "idlepc":
		return len(w) == 3 && w[1] == "get"
	case "capture":
		return len(w) > 3 && (w[3] == "-" || strings.Contains(w[3], "/"))
	}
	return false
}

// foreground runs a command in a process of its own.
func (s *shell) foreground(w []string) {
	a := s.a
	args := []string{"--wait", a.wait.String()}
	if a.tree.Lab != "" {
		args = append(args, "--lab", a.tree.Lab)
	}
	if err := a.child(append(args, w...)...); err != nil {
		s.code = max(s.code, Failed)
	}
}

// child runs the program itself and waits for it; the signals of the terminal
// are its own.
func (a *app) child(args ...string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, append([]string{"--mount", a.tree.Mount}, args...)...)
	cmd.Env = append(os.Environ(), consoleVariable+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = a.In, a.Out, a.Err
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return errReported // it has said why
	}
	return err
}

// interrupted reports whether the user has pressed Ctrl-C since the command
// began. Without a console, the process is gone then.
func (a *app) interrupted() bool {
	if a.shell == nil {
		return false
	}
	select {
	case <-a.shell.stop:
		a.complain(errInterrupted)
		return true
	default:
		return false
	}
}

// ask asks the user and returns the answer; empty at the end of the input.
func (a *app) ask(question string) (string, error) {
	fmt.Fprint(a.Out, question)
	var answer []byte
	for one := make([]byte, 1); ; {
		n, err := a.In.Read(one)
		if n > 0 && one[0] != '\n' {
			answer = append(answer, one[0])
		}
		if n > 0 && one[0] == '\n' || errors.Is(err, io.EOF) {
			return strings.TrimSpace(string(answer)), nil
		}
		if err != nil {
			return "", err
		}
	}
}

// builtin is a command that only the console has.
type builtin struct {
	use, short string
	run        func(s *shell, args []string)
}

var builtins map[string]builtin

func init() { // not a literal: help lists them
	builtins = map[string]builtin{
		"exit": {"exit", "Leave the console; labs go on running", func(s *shell, _ []string) { s.exit() }},
		"end":  {"end", "Leave the console; labs go on running", func(s *shell, _ []string) { s.exit() }},
		"hist": {"hist", "Show the lines typed so far", func(s *shell, _ []string) {
			for i, line := range s.typed {
				fmt.Fprintf(s.a.Out, "%4d  %s\n", i+1, line)
			}
		}},
		"conf": {"conf [HOST[:PORT]]", `Change the lab: enter the configuration mode`,
			func(s *shell, args []string) { s.enter(args) }},
		"shell": {"shell [COMMAND]", "Run a command of this machine, or a shell; !COMMAND is the same", nil},
		"help":  {"help [COMMAND]", "List the commands, or tell how one is written; COMMAND ? is the same", nil},
	}
}

// exit leaves the console.
func (s *shell) exit() {
	s.ended = true
	if !s.interactive {
		return
	}
	fmt.Fprintln(s.a.Out, "Exiting...")
	devices, err := s.a.tree.Status()
	if err != nil {
		return
	}
	var labs []string
	for _, d := range devices {
		if d.Router() && d.Runs() && !slices.Contains(labs, d.Lab) {
			labs = append(labs, d.Lab)
		}
	}
	switch len(labs) {
	case 0:
	case 1:
		fmt.Fprintf(s.a.Out, "Lab %s goes on running; \"dynemu down %s\" ends it.\n", labs[0], labs[0])
	default:
		fmt.Fprintf(s.a.Out, "Labs %s go on running; \"dynemu down LAB\" ends one.\n", strings.Join(labs, ", "))
	}
}

// hostShell runs a line of the host's shell, or the shell itself.
func (s *shell) hostShell(line string) {
	shell := os.Getenv("SHELL")
	if shell == "" {
		shell = "/bin/sh"
	}
	cmd := exec.Command(shell)
	if line != "" {
		cmd = exec.Command(shell, "-c", line)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.a.In, s.a.Out, s.a.Err
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		s.code = max(s.code, Failed)
	case err != nil:
		s.fail(Failed, err)
	}
}

// commandNames are the words that a line can begin with, in order.
func (s *shell) commandNames(root *cobra.Command) []string {
	var out []string
	for name := range builtins {
		out = append(out, name)
	}
	for _, c := range root.Commands() {
		if c.Hidden {
			continue
		}
		out = append(out, c.Name())
		for _, alias := range c.Aliases {
			if alias != "con" {
				out = append(out, alias)
			}
		}
	}
	slices.Sort(out)
	return out
}

// help lists the commands, or tells about one.
func (s *shell) help(topic []string) {
	root := s.a.root()
	if len(topic) == 0 {
		title := "Documented commands (type help <topic>):"
		fmt.Fprintf(s.a.Out, "\n%s\n%s\n%s\n", title, strings.Repeat("=", len(title)), inColumns(s.commandNames(root), 79))
		return
	}
	if b, ok := builtins[topic[0]]; ok {
		fmt.Fprintf(s.a.Out, "%s\n\t%s\n", b.use, b.short)
		return
	}
	if strings.EqualFold(topic[0], "con") {
		topic[0] = "console"
	}
	cmd, _, err := root.Find(topic)
	if err != nil || cmd == root {
		s.fail(Usage, fmt.Errorf("no help on %s: unknown command", strings.Join(topic, " ")))
		return
	}
	s.syntax(cmd)
}

// syntax tells how a command is written.
func (s *shell) syntax(cmd *cobra.Command) {
	if cmd.HasSubCommands() {
		for i, sub := range cmd.Commands() {
			if i > 0 {
				fmt.Fprintln(s.a.Out)
			}
			s.syntax(sub)
		}
		return
	}
	path := strings.TrimPrefix(cmd.CommandPath(), "dynemu ")
	_, rest, _ := strings.Cut(cmd.Use, " ")
	fmt.Fprintln(s.a.Out, strings.TrimSpace(path+"  "+rest))
	text := cmd.Long
	if text == "" {
		text = cmd.Short
	}
	for line := range strings.Lines(text + "\n") {
		if strings.TrimSpace(line) == "" {
			fmt.Fprintln(s.a.Out)
			continue
		}
		fmt.Fprint(s.a.Out, "\t"+strings.ReplaceAll(line, "dynemu "+cmd.Name(), cmd.Name()))
	}
	if flag := cmd.Flags().Lookup("json"); flag != nil {
		fmt.Fprintln(s.a.Out, "\t--json prints JSON.")
	}
}

// inColumns lays words out in columns as narrow as they can be, top to bottom.
func inColumns(all []string, width int) string {
	for rows := 1; ; rows++ {
		lines := make([]string, rows)
		total := 0
		for from := 0; from < len(all); from += rows {
			column := all[from:min(from+rows, len(all))]
			widest := 0
			for _, w := range column {
				widest = max(widest, len(w))
			}
			for i, w := range column {
				lines[i] += fmt.Sprintf("%-*s", widest+2, w)
			}
			total += widest + 2
		}
		if total-2 <= width || rows >= len(all) {
			var b strings.Builder
			for _, l := range lines {
				fmt.Fprintln(&b, strings.TrimRight(l, " "))
			}
			return b.String()
		}
	}
}

// ensureDir makes the folder of a file that only its user may read.
func ensureDir(file string) error { return os.MkdirAll(filepath.Dir(file), 0o700) }
