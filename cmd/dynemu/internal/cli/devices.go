package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"

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

// unfit says why the verb cannot be done to a device in its state; empty when it
// can. The words are Dynagen's (lab-files-and-console reference, 12.4).
func (v verb) unfit(d tree.Device) string {
	router := fmt.Sprintf("router %q is ", d.Name)
	switch {
	case !d.Router():
		return fmt.Sprintf("device %s is always on", d.Name)
	case slices.Contains(v.fits, d.State):
		return ""
	case v.name == "start" && d.State == "suspended":
		return router + "suspended and cannot be started. Use Resume."
	case v.name == "start", v.name == "resume" && d.Runs():
		return router + "already running"
	case v.name == "suspend" && d.Runs():
		return router + "already suspended"
	case v.name == "stop":
		return router + "already stopped"
	}
	return router + "stopped and cannot be " + v.done
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

// choose finds the devices that words name, each once, and complains about those
// that name none. named tells which were named by themselves, not as a part of all.
func (a *app) choose(words []string, all bool) (devices []tree.Device, named map[string]bool, failed bool, err error) {
	named = map[string]bool{}
	if all {
		devices, err = a.tree.Status()
		return devices, named, false, err
	}
	for _, w := range words {
		found, err := a.tree.Find(w)
		if err != nil {
			a.complain(a.device(err))
			failed = true
			continue
		}
		alone := len(found) == 1 && (found[0].Name == w || found[0].ID() == w)
		for _, d := range found {
			named[d.ID()] = named[d.ID()] || alone
			if !slices.Contains(devices, d) {
				devices = append(devices, d)
			}
		}
	}
	return devices, named, failed, nil
}

// device turns the error about a name into the words of the console.
func (a *app) device(err error) error {
	var none *tree.NoDevice
	if a.atConsole() && errors.As(err, &none) {
		return fmt.Errorf("invalid device: %s%s", none.Word, none.Have())
	}
	return err
}

// act runs a verb on devices, one after the other. A name that is wrong does
// not stop the others.
func (a *app) act(v verb, words []string, all, asJSON bool) error {
	devices, named, failed, err := a.choose(words, all)
	if err != nil {
		return err
	}
	devices = slices.DeleteFunc(devices, func(d tree.Device) bool { return !named[d.ID()] && v.unfit(d) != "" })
	report := []acted{}
	clear, step := a.progress(len(devices), v.name)
	for _, d := range devices {
		if a.interrupted() {
			clear()
			failed = true
			break
		}
		err := a.actOn(v, d, asJSON, clear)
		did := acted{Lab: d.Lab, Device: d.Name, Done: err == nil}
		if err != nil {
			failed = true
			did.Error = err.Error()
			if a.shell == nil {
				err = fmt.Errorf("%s %s: %w", v.name, d.ID(), err)
			}
			clear()
			a.complain(err)
		}
		report = append(report, did)
		step()
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

// actOn runs a verb on a device. clear is called before something is printed.
func (a *app) actOn(v verb, d tree.Device, quiet bool, clear func()) error {
	if why := v.unfit(d); why != "" {
		return errors.New(why)
	}
	if v.name == "start" || v.name == "reload" {
		clear()
		a.warnIdlePC(d)
	}
	if err := a.tree.Command(a.tree.Dir(d), v.name); err != nil {
		return err
	}
	clear()
	switch {
	case quiet:
	case a.shell == nil:
		fmt.Fprintf(a.Out, "%s %s\n", d.ID(), v.done)
	case v.name == "reload": // what Dynamips said: that is two replies
		fmt.Fprintf(a.Out, "100-VM '%s' stopped\n100-VM '%s' started\n", d.Name, d.Name)
	default:
		fmt.Fprintf(a.Out, "100-VM '%s' %s\n", d.Name, v.done)
	}
	return nil
}

// warnIdlePC tells of a router that is about to run without an idle-PC.
func (a *app) warnIdlePC(d tree.Device) {
	if value, err := a.tree.Read(d, "idlepc/value"); err == nil && strings.TrimSpace(value) == "none" {
		fmt.Fprintf(a.Err, "Warning: Starting %s with no idle-pc value\n", d.Name)
	}
}

func (a *app) json(v any) error {
	e := json.NewEncoder(a.Out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func (a *app) list() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list [LAB | [LAB/]DEVICE | REGEXP] ...", Short: "List the devices of the labs",
		Long: `List the devices of the labs, or those that are named: by a lab, a device or a
regular expression that their names match. LANs are not listed.`,
		Aliases: []string{"status"}, DisableFlagsInUseLine: true,
		ValidArgsFunction: a.deviceNames(false, false),
		RunE: does(func(words []string) error {
			devices, err := a.listed(words)
			if err != nil {
				return err
			}
			if asJSON {
				return a.json(append([]tree.Device{}, devices...))
			}
			t := a.table(10, "Name", 10, "Type", 10, "State", 15, "Server", 7, "Console", 0, "Lab")
			for _, d := range devices {
				console := "n/a"
				if d.Console != 0 {
					console = fmt.Sprint(d.Console)
				}
				t.row(d.Name, d.Type, a.paint(a.Out, stateColours[d.State], d.State), d.Server, console, d.Lab)
			}
			return t.print()
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// listed are the devices that the words of list mean, by labs, and in a lab by
// console port; those without one come last.
func (a *app) listed(words []string) ([]tree.Device, error) {
	devices, err := a.tree.Status()
	if err != nil {
		return nil, err
	}
	if len(words) > 0 {
		var chosen []tree.Device
		for _, w := range words {
			found, err := a.tree.Find(w)
			if err != nil {
				re, rerr := regexp.Compile(w)
				if rerr == nil {
					found = slices.DeleteFunc(slices.Clone(devices), func(d tree.Device) bool { return !re.MatchString(d.Name) })
				}
				if len(found) == 0 {
					return nil, a.device(err)
				}
			}
			chosen = append(chosen, found...)
		}
		devices = slices.DeleteFunc(devices, func(d tree.Device) bool { return !slices.Contains(chosen, d) })
	}
	slices.SortStableFunc(devices, func(x, y tree.Device) int {
		switch {
		case x.Lab != y.Lab:
			return 0 // together already
		case x.Console == 0 || y.Console == 0:
			return y.Console - x.Console
		}
		return x.Console - y.Console
	})
	return devices, nil
}

func (a *app) send() *cobra.Command {
	cmd := &cobra.Command{
		Use: "send DEVICE TEXT ...", Short: "Type a line at a device's console",
		Args:                  needs(2, -1, "a device and a text"),
		DisableFlagsInUseLine: true, ValidArgsFunction: a.deviceNames(true, false),
		RunE: does(func(args []string) error {
			d, err := a.tree.FindOne(args[0])
			if err != nil {
				if host, _, _ := strings.Cut(strings.ToLower(args[0]), ":"); host == "localhost" || host == "127.0.0.1" {
					return fmt.Errorf("send types at the console of a device; %s is none. "+
						"Commands of the hypervisor go to the TCP port that dynemud --hypervisor names", args[0])
				}
				return a.device(err)
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
				return a.device(err)
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
