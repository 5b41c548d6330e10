package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"dynemu/cmd/dynemu/internal/tree"
)

func (a *app) up() *cobra.Command {
	return &cobra.Command{
		Use: "up FILE.net ...", Short: "Load labs, or apply their changed files",
		Long: `Bring lab files, and the configurations that they name by relative paths, to
dynemud and show what changed. A file with errors changes nothing.`,
		Args:                  needs(1, -1, "lab files"),
		DisableFlagsInUseLine: true,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"net"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: does(func(files []string) error {
			failed := false
			for _, file := range files {
				result, err := a.tree.Up(file, a.wait, a.warner(file))
				var refused *tree.Refused
				switch {
				case errors.As(err, &refused):
					fmt.Fprintln(a.Err, refused)
					failed = true
				case err != nil:
					a.complain(err)
					failed = true
				default:
					fmt.Fprint(a.Out, result)
				}
			}
			if failed {
				return errReported
			}
			return nil
		}),
	}
}

// warner returns what prints warnings about a lab file.
func (a *app) warner(file string) func(format string, args ...any) {
	return func(format string, args ...any) {
		if a.shell != nil {
			fmt.Fprintf(a.Err, "*** Warning:  %s\n", fmt.Sprintf(format, args...))
			return
		}
		fmt.Fprintf(a.Err, "dynemu: %s: %s\n", file, fmt.Sprintf(format, args...))
	}
}

func (a *app) down() *cobra.Command {
	return &cobra.Command{
		Use: "down LAB ...", Short: "Stop labs and remove them",
		Args:                  needs(1, -1, "names of labs"),
		DisableFlagsInUseLine: true,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			labs, _ := a.tree.Labs()
			return labs, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: does(func(names []string) error {
			failed := false
			for _, n := range names {
				name := tree.LabName(n)
				if err := a.tree.Down(name, a.wait); err != nil {
					a.complain(err)
					failed = true
					continue
				}
				fmt.Fprintf(a.Out, "%s removed\n", name)
			}
			if failed {
				return errReported
			}
			return nil
		}),
	}
}
