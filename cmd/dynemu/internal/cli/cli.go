// Package cli is the command line of dynemu. Each command is a few calls of
// package tree; what they return is printed here.
package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"dynemu/cmd/dynemu/internal/tree"
)

// The exit codes.
const (
	Done   = 0
	Failed = 1
	Usage  = 2
)

// Streams are the standard streams of the process.
type Streams struct {
	In  *os.File
	Out io.Writer
	Err io.Writer
}

// app is one run of the program.
type app struct {
	Streams
	tree tree.Tree
	wait time.Duration
	// shell is the management console that commands are typed at; nil for a
	// command of its own.
	shell *shell
}

// failure is an error of a command that was used rightly. quiet tells that it
// has been printed already.
type failure struct {
	error
	quiet bool
	code  int // 0: Failed
}

var errReported = failure{error: errors.New("failed"), quiet: true}

// Run runs the program with its arguments and returns the exit code.
func Run(args []string, s Streams) int {
	a := &app{Streams: s}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	err := root.Execute()
	var f failure
	switch {
	case err == nil:
		return Done
	case errors.As(err, &f):
		if !f.quiet {
			a.complain(err)
		}
		return max(f.code, Failed)
	}
	fmt.Fprintf(s.Err, "dynemu: %v\nTry \"dynemu --help\".\n", err)
	return Usage
}

// consoleVariable tells a process that the console has started it.
const consoleVariable = "DYNEMU_CONSOLE"

// atConsole reports whether what is said is read at the console.
func (a *app) atConsole() bool { return a.shell != nil || os.Getenv(consoleVariable) != "" }

// complain prints an error, as the console's have always begun or as those of
// a command do.
func (a *app) complain(err error) {
	if !a.atConsole() {
		fmt.Fprintf(a.Err, "dynemu: %v\n", err)
		return
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(a.Err, "%s %s\n", a.paint(a.Err, red, "*** Error:"), strings.TrimRight(line, "\n"))
	}
}

// root makes the commands: those of the program, or of its console.
func (a *app) root() *cobra.Command {
	var root *cobra.Command
	if a.shell == nil {
		root = a.program()
	} else {
		root = &cobra.Command{Use: "dynemu", SilenceErrors: true, SilenceUsage: true}
		root.CompletionOptions.DisableDefaultCmd = true
		root.SetHelpCommand(&cobra.Command{Use: "no-help", Hidden: true})
		root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { a.shell.syntax(cmd) })
	}
	root.SuggestionsMinimumDistance = 2
	root.AddCommand(a.list(), a.console(), a.aux(), a.up(), a.down(), a.exec(), a.send(), a.version())
	root.AddCommand(a.confReg(), a.cpuInfo(), a.save(), a.push(), a.exportConfigs(), a.importConfigs())
	root.AddCommand(a.copyCommand(), a.show(), a.idlePC(), a.python())
	root.AddCommand(a.wires()...)
	for _, v := range verbs {
		root.AddCommand(a.verb(v))
	}
	return root
}

// program is the command of the program itself, with its flags.
func (a *app) program() *cobra.Command {
	mount := os.Getenv("DYNEMU_MOUNT")
	if mount == "" {
		mount = "/run/dynemu"
	}
	root := &cobra.Command{
		Use:   "dynemu [FILE.net]",
		Short: "Run labs of emulated routers",
		Long: `dynemu runs labs of emulated routers, which dynemud serves as files under
/run/dynemu. Without a command it is the management console: of all labs, or of
the lab of FILE.net, which it loads. A device is named as in its lab file, or
LAB/DEVICE where several labs have that name. Exit codes: 0 done, 1 failed,
2 wrong usage.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || len(args) == 1 && strings.HasSuffix(args[0], ".net") {
				return nil
			}
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				return fmt.Errorf("unknown command %q; did you mean %s?", args[0], strings.Join(near, " or "))
			}
			return fmt.Errorf("unknown command %q", args[0])
		},
		DisableFlagsInUseLine: true,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"net"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: does(func(args []string) error { return a.manage(args) }),
	}
	root.PersistentFlags().StringVar(&a.tree.Mount, "mount", mount, "where dynemud serves its files; also $DYNEMU_MOUNT")
	root.PersistentFlags().StringVar(&a.tree.Lab, "lab", "", "the lab whose devices are meant by names alone and by /all")
	root.PersistentFlags().DurationVar(&a.wait, "wait", 2*time.Minute, "how long to wait for the daemon's work to be done")
	return root
}

// does wraps what a command does, so that its errors are failures and not
// wrong usage.
func does(fn func(args []string) error) func(*cobra.Command, []string) error {
	return func(_ *cobra.Command, args []string) error {
		err := fn(args)
		var f failure
		if err == nil || errors.As(err, &f) {
			return err
		}
		return failure{error: err}
	}
}

// needs checks the number of arguments; most is -1 for any number.
func needs(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || most >= 0 && len(args) > most {
			return fmt.Errorf("%s takes %s: %s", cmd.Name(), what, cmd.UseLine())
		}
		return nil
	}
}

func (a *app) version() *cobra.Command {
	return &cobra.Command{
		Use: "version", Aliases: []string{"ver"}, Short: "Print the versions of the client and the daemon",
		Args: needs(0, 0, "no arguments"),
		RunE: does(func([]string) error {
			version := "unknown"
			if b, ok := debug.ReadBuildInfo(); ok && b.Main.Version != "" {
				version = b.Main.Version
			}
			fmt.Fprintf(a.Out, "dynemu %s\n", version)
			text, err := os.ReadFile(a.tree.Path("version"))
			if err != nil {
				fmt.Fprintf(a.Out, "dynemud: not running at %s\n", a.tree.Mount)
				return nil
			}
			for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
				fmt.Fprintf(a.Out, "dynemud: %s\n", line)
			}
			return nil
		}),
	}
}

// deviceNames completes names of devices; all adds what means all of them.
func (a *app) deviceNames(one, all bool) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if one && len(args) > 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		devices, err := a.tree.Status()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		times := map[string]int{}
		for _, d := range devices {
			times[d.Name]++
		}
		var out []string
		if all {
			out = append(out, "/all")
		}
		for _, d := range devices {
			if times[d.Name] == 1 && !strings.Contains(word, "/") {
				out = append(out, d.Name)
			} else {
				out = append(out, d.ID())
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}
