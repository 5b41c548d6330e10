package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"dynemu/cmd/dynemu/internal/tree"
)

// verb is a command that acts on devices.
type verb struct {
	name, short, done string
	// fits lists the states that /all acts on; a device in another state is
	// left out.
	fits []string
}

var verbs = []verb{
	{"start", "Start devices", "started", []string{"stopped", "crashed"}},
	{"stop", "Stop devices, their NVRAM stored", "stopped", []string{"booting", "running", "suspended"}},
	{"reload", "Stop devices and start them again", "reloaded", []string{"booting", "running", "suspended"}},
	{"suspend", "Halt the processors of devices", "suspended", []string{"booting", "running"}},
	{"resume", "Let suspended devices go on", "resumed", []string{"suspended"}},
}

// acted is what a verb did to a device, for --json.
type acted struct {
	Lab    string `json:"lab"`
	Device string `json:"device"`
	Done   bool   `json:"done"`
	Error  string `json:"error,omitempty"`
}

func (a *app) verb(v verb) *cobra.Command {
	var asJSON, all bool
	cmd := &cobra.Command{
		Use: v.name + " {/all | [LAB/]DEVICE ... | LAB ...}", Short: v.short,
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     a.deviceNames(false, true),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && !all {
				return fmt.Errorf("%s takes the names of devices, or /all: %s", v.name, cmd.UseLine())
			}
			return nil
		},
		RunE: does(func(args []string) error {
			return a.act(v, args, all || slices.Contains(args, "/all"), asJSON)
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was done as JSON")
	cmd.Flags().BoolVar(&all, "all", false, "act on all devices, as /all")
	return cmd
}

// act runs a verb on devices, one after the other. A name that is wrong does
// not stop the others.
func (a *app) act(v verb, words []string, all, asJSON bool) error {
	failed := false
	report := []acted{}
	complain := func(err error) {
		failed = true
		fmt.Fprintf(a.Err, "dynemu: %v\n", err)
	}
	var devices []tree.Device
	if all {
		status, err := a.tree.Status()
		if err != nil {
			return err
		}
		for _, d := range status {
			if slices.Contains(v.fits, d.State) {
				devices = append(devices, d)
			}
		}
	} else {
		for _, w := range words {
			found, err := a.tree.Find(w)
			if err != nil {
				complain(err)
				continue
			}
			whole := len(found) > 1 || found[0].Name != w && found[0].ID() != w
			for _, d := range found {
				if (!whole || slices.Contains(v.fits, d.State)) && !slices.Contains(devices, d) {
					devices = append(devices, d)
				}
			}
		}
	}
	for _, d := range devices {
		err := a.tree.Command(a.tree.Dir(d), v.name)
		did := acted{Lab: d.Lab, Device: d.Name, Done: err == nil}
		if err != nil {
			did.Error = err.Error()
			complain(fmt.Errorf("%s %s: %w", v.name, d.ID(), err))
		} else if !asJSON {
			fmt.Fprintf(a.Out, "%s %s\n", d.ID(), v.done)
		}
		report = append(report, did)
	}
	if asJSON {
		if err := a.json(report); err != nil {
			return err
		}
	}
	if failed {
		return errReported
	}
	return nil
}

func (a *app) json(v any) error {
	e := json.NewEncoder(a.Out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func (a *app) list() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list [LAB | [LAB/]DEVICE] ...", Short: "List the devices of the labs",
		Aliases: []string{"status"}, DisableFlagsInUseLine: true,
		ValidArgsFunction: a.deviceNames(false, false),
		RunE: does(func(words []string) error {
			devices, err := a.tree.Status()
			if err != nil {
				return err
			}
			if len(words) > 0 {
				var chosen []tree.Device
				for _, w := range words {
					found, err := a.tree.Find(w)
					if err != nil {
						return err
					}
					chosen = append(chosen, found...)
				}
				devices = slices.DeleteFunc(devices, func(d tree.Device) bool { return !slices.Contains(chosen, d) })
			}
			if asJSON {
				return a.json(append([]tree.Device{}, devices...))
			}
			w := tabwriter.NewWriter(a.Out, 0, 8, 2, ' ', 0)
			fmt.Fprintln(w, "Name\tType\tState\tServer\tConsole\tLab")
			for _, d := range devices {
				console := "n/a"
				if d.Console != 0 {
					console = fmt.Sprint(d.Console)
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", d.Name, d.Type, d.State, d.Server, console, d.Lab)
			}
			return w.Flush()
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) send() *cobra.Command {
	cmd := &cobra.Command{
		Use: "send DEVICE TEXT ...", Short: "Type a line at a device's console",
		Args:                  needs(2, -1, "a device and a text"),
		DisableFlagsInUseLine: true, ValidArgsFunction: a.deviceNames(true, false),
		RunE: does(func(args []string) error {
			d, err := a.tree.FindOne(args[0])
			if err != nil {
				return err
			}
			for _, line := range strings.Split(strings.Join(args[1:], " "), "\n") {
				if err := a.tree.Command(a.tree.Dir(d), "send "+strings.TrimSuffix(line, "\r")); err != nil {
					return fmt.Errorf("send %s: %w", d.ID(), err)
				}
			}
			return nil
		}),
	}
	cmd.Flags().SetInterspersed(false)
	return cmd
}

// execve is replaced in tests.
var execve = syscall.Exec

func (a *app) exec() *cobra.Command {
	cmd := &cobra.Command{
		Use: "exec DEVICE COMMAND [ARGUMENT ...]", Short: "Run a command in a device's network namespace",
		Long: `Run a command in the network namespace of a device, where its ports are
interfaces: dynemu exec R1 tcpdump -i f0-0`,
		Args:                  needs(2, -1, "a device and a command"),
		DisableFlagsInUseLine: true, ValidArgsFunction: a.deviceNames(true, false),
		RunE: does(func(args []string) error {
			d, err := a.tree.FindOne(args[0])
			if err != nil {
				return err
			}
			ns, err := a.tree.Namespace(d)
			if err != nil {
				return err
			}
			ip, err := exec.LookPath("ip")
			if err != nil {
				return fmt.Errorf("%w: it comes with the package iproute2", err)
			}
			if err := execve(ip, append([]string{"ip", "netns", "exec", ns}, args[1:]...), os.Environ()); err != nil {
				return fmt.Errorf("%s: %w", ip, err)
			}
			return nil
		}),
	}
	cmd.Flags().SetInterspersed(false)
	return cmd
}
