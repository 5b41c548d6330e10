package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"dynemu/cmd/dynemu/internal/tree"
	"dynemu/emud/lab"
)

// The idle-PC commands: Dynagen's (lab-files-and-console reference, 12.6), on the
// folder idlepc of a router.
func (a *app) idlePC() *cobra.Command {
	var asJSON bool
	router := func(use, short, long string, least, most int, what string, run func(d tree.Device, args []string) error) *cobra.Command {
		return &cobra.Command{
			Use: use, Short: short, Long: long, Args: needs(least, most, what), DisableFlagsInUseLine: true,
			ValidArgsFunction: a.deviceNames(true, false),
			RunE: does(func(args []string) error {
				d, err := a.tree.FindOne(args[0])
				if err != nil {
					return a.device(err)
				}
				if !d.Router() {
					return fmt.Errorf("%s is a switch: it has no idle-pc", d.Name)
				}
				return run(d, args[1:])
			}),
		}
	}
	g := group("idlepc", "Find, set and save idle-PC values",
		router("get ROUTER", "Find values while a router is idle", `Gather statistics of a router that is booted and idle, for some 10 s, and show
the values that may mark its idle loop; the likely ones with a star. On a
terminal one of them can be chosen. With idlepc = auto, as usual, none of this is
needed: the idle loop is found by itself.`, 1, 1, "a router", func(d tree.Device, _ []string) error { return a.getIdlePC(d, asJSON) }),
		router("show ROUTER", "Show the values that were found last", "", 1, 1, "a router",
			func(d tree.Device, _ []string) error {
				table, err := a.tree.Read(d, "idlepc/show")
				if err != nil {
					return err
				}
				if value, verr := a.tree.Read(d, "idlepc/value"); verr == nil && !asJSON && !strings.Contains(table, "[") && strings.HasPrefix(value, "0x") {
					fmt.Fprintf(a.Out, "%s has an idlepc value of: %s\n", d.Name, strings.TrimSpace(value))
					return nil
				}
				return a.chooseIdlePC(d, table, asJSON)
			}),
		router("set ROUTER {0xVALUE | auto | none}", "Set the value of a router at once", "", 2, 2, "a router and a value",
			func(d tree.Device, args []string) error { return a.setIdlePC(d, args[0]) }),
		router("drop ROUTER", "Have the idle loop found by itself again", "", 1, 1, "a router",
			func(d tree.Device, _ []string) error { return a.tree.Command(a.tree.Dir(d), "idlepc drop") }),
		router("copy ROUTER {/all | ROUTER ...}", "Set the value of a router at others with the same image", "", 2, -1, "a router and others",
			a.copyIdlePC),
		router("save ROUTER [db | default]", "Save the value of a router", `Save the value in force: in the router's section of the lab file, with "default"
in the defaults section of its model, with "db" in the database, where it
holds for all routers with the same image.`, 1, 2, "a router and perhaps db or default", a.saveIdlePC),
		router("stats ROUTER", "Tell how a router sleeps, and what was found", "", 1, 1, "a router",
			func(d tree.Device, _ []string) error { return a.idlePCStats(d, asJSON) }),
		a.idleOption("idlemax"), a.idleOption("idlesleep"),
		router("showdrift ROUTER", "Show how a router sleeps", "", 1, 1, "a router", func(d tree.Device, _ []string) error {
			text, err := a.tree.Read(d, "idlepc/stats")
			fmt.Fprint(a.Out, text)
			return err
		}),
	)
	for _, c := range g.Commands() {
		switch c.Name() {
		case "get", "show", "stats":
			c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
		case "save":
			c.ValidArgsFunction = a.routerThen("db", "default")
		case "set":
			c.ValidArgsFunction = a.routerThen("auto", "none")
		case "copy":
			c.ValidArgsFunction = a.deviceNames(false, true)
		}
	}
	return g
}

// routerThen completes a device and then one of some words.
func (a *app) routerThen(words ...string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		switch len(args) {
		case 0:
			return a.deviceNames(true, false)(cmd, args, word)
		case 1:
			return words, cobra.ShellCompDirectiveNoFileComp
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// gathering is how long statistics take, about.
const gathering = 10 * time.Second

func (a *app) getIdlePC(d tree.Device, asJSON bool) error {
	if !d.Runs() {
		return fmt.Errorf("router %q is %s. Idle-pc functions can only be used on running routers", d.Name, d.State)
	}
	if !asJSON {
		fmt.Fprintln(a.Out, "Please wait while gathering statistics...")
	}
	stop := a.clock(gathering)
	table, err := a.tree.Read(d, "idlepc/get")
	stop()
	if err != nil {
		return a.tree.Reason(a.tree.Dir(d), err)
	}
	return a.chooseIdlePC(d, table, asJSON)
}

// clock shows on a terminal how a time passes, until it is stopped.
func (a *app) clock(d time.Duration) (stop func()) {
	if !onTerminal(a.Err) || !onTerminal(a.Out) {
		return func() {}
	}
	const steps = 50
	bar := progressbar.NewOptions(steps, progressbar.OptionSetWriter(a.Err), progressbar.OptionSetWidth(30),
		progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false), progressbar.OptionClearOnFinish())
	ended, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		tick := time.NewTicker(d / steps)
		defer tick.Stop()
		for n := 0; ; {
			select {
			case <-ended:
				_ = bar.Clear()
				return
			case <-tick.C:
				if n++; n < steps {
					_ = bar.Set(n)
				}
			}
		}
	}()
	return func() {
		close(ended)
		<-gone
	}
}

// canAsk tells whether somebody can answer; it is replaced in tests.
var canAsk = func(a *app) bool { return term.IsTerminal(int(a.In.Fd())) }

// chooseIdlePC prints the table of values, and on a terminal asks for one.
func (a *app) chooseIdlePC(d tree.Device, table string, asJSON bool) error {
	values := tree.ParseIdlePC(table)
	if asJSON {
		err := a.json(struct {
			Lab    string             `json:"lab"`
			Device string             `json:"device"`
			Values []tree.IdlePCValue `json:"values"`
		}{d.Lab, d.Name, append([]tree.IdlePCValue{}, values...)})
		if err != nil {
			return err
		}
	} else {
		fmt.Fprint(a.Out, table)
	}
	if len(values) == 0 {
		return errReported // the table has said that there are none
	}
	if asJSON || !canAsk(a) {
		return nil
	}
	answer, err := a.ask(fmt.Sprintf("Enter the number of the idlepc value to apply [1-%d] or ENTER for no change: ", len(values)))
	if err != nil {
		return err
	}
	if answer == "" {
		fmt.Fprintln(a.Out, "No changes made")
		return nil
	}
	n, err := strconv.Atoi(answer)
	if err != nil || n < 1 || n > len(values) {
		return fmt.Errorf("Invalid selection: %q is not one of 1 to %d", answer, len(values)) //lint:ignore ST1005 Dynagen's words
	}
	return a.setIdlePC(d, values[n-1].PC)
}

// idlePCStats prints how a router sleeps.
func (a *app) idlePCStats(d tree.Device, asJSON bool) error {
	text, err := a.tree.Read(d, "idlepc/stats")
	if err != nil {
		return err
	}
	if !asJSON {
		fmt.Fprint(a.Out, text)
		return nil
	}
	facts := map[string]string{"lab": d.Lab, "device": d.Name}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		facts[name] = value
	}
	return a.json(facts)
}

// image is the base name of a router's image as the lab file has it.
func (a *app) image(d tree.Device) string {
	info, _ := a.tree.Info(d)
	name := lab.Base(info.Get("image"))
	if strings.HasPrefix(name, "builtin-") && strings.HasSuffix(name, ".elf") {
		return "builtin" // where the daemon keeps the bundled image
	}
	return name
}

func (a *app) setIdlePC(d tree.Device, value string) error {
	if err := a.tree.Command(a.tree.Dir(d), "idlepc set "+value); err != nil {
		return err
	}
	fmt.Fprintf(a.Out, "Applied idlepc value %s to %s\n\n", value, d.Name)
	return nil
}

func (a *app) copyIdlePC(from tree.Device, words []string) error {
	value, err := a.tree.Read(from, "idlepc/value")
	if err != nil {
		return err
	}
	value = strings.TrimSpace(value)
	if !strings.HasPrefix(value, "0x") {
		return fmt.Errorf("device %s has no idlepc value to copy: it is %s", from.Name, value)
	}
	all := slices.Contains(words, "/all")
	return a.eachRouter(words, func(d tree.Device) error {
		switch {
		case d.ID() == from.ID():
			return nil
		case a.image(d) != a.image(from) && all:
			return nil
		case a.image(d) != a.image(from):
			return fmt.Errorf("its image is %s, that of %s is %s", a.image(d), from.Name, a.image(from))
		}
		if err := a.tree.Command(a.tree.Dir(d), "idlepc set "+value); err != nil {
			return err
		}
		fmt.Fprintf(a.Out, "%s: idlepc set to %s\n", d.Name, value)
		return nil
	})
}

func (a *app) saveIdlePC(d tree.Device, args []string) error {
	place := "router"
	if len(args) == 1 {
		place = args[0]
	}
	before, err := a.tree.LabText(d.Lab)
	if err != nil {
		return err
	}
	if err := a.tree.Command(a.tree.Dir(d), "idlepc save "+place); err != nil {
		return err
	}
	info, err := a.tree.Info(d)
	if err != nil {
		return err
	}
	switch place {
	case "db":
		fmt.Fprintf(a.Out, "idlepc value for image %q written to the database\n", a.image(d))
		return nil
	case "default":
		fmt.Fprintf(a.Out, "idlepc value saved to section: %s\n", info.Get("model"))
	default:
		fmt.Fprintf(a.Out, "idlepc value saved to section: ROUTER %s\n", d.Name)
	}
	return a.keepOwn(d.Lab, before)
}

// keepOwn gives the file that the console was started with the text of the lab, where it
// had that before.
func (a *app) keepOwn(name string, before []byte) error {
	if a.shell == nil || a.shell.file == "" || a.tree.Lab != name {
		return nil
	}
	own, err := os.ReadFile(a.shell.file)
	if err != nil || string(own) != string(before) {
		return nil // it is not the lab's any more
	}
	now, err := a.tree.LabText(name)
	if err != nil {
		return err
	}
	return replaceFile(a.shell.file, now)
}

// idleOption sets one of the numbers about sleeping, in the lab file.
func (a *app) idleOption(option string) *cobra.Command {
	return &cobra.Command{
		Use: option + " {/all | ROUTER ...} NUMBER", Short: "Set " + option + " of routers, in the lab file",
		Args: needs(2, -1, "routers and a number"), DisableFlagsInUseLine: true, ValidArgsFunction: a.deviceNames(false, true),
		RunE: does(func(words []string) error {
			value := words[len(words)-1]
			if n, err := strconv.Atoi(value); err != nil || n < 1 {
				return fmt.Errorf("%s takes a number from 1 up as its last word, found %q", option, value)
			}
			return a.eachRouter(words[:len(words)-1], func(d tree.Device) error {
				text, err := a.tree.LabText(d.Lab)
				if err != nil {
					return err
				}
				e := lab.NewEditor(text)
				section := deviceSection(e, d.Name)
				if section == nil {
					return errors.New("it has no section in the lab file")
				}
				if err := e.Set(option, value, section...); err != nil {
					return err
				}
				if _, err := a.apply(d.Lab, e.Text()); err != nil {
					return err
				}
				fmt.Fprintf(a.Out, "%s: %s set to %s\n", d.Name, option, value)
				return nil
			})
		}),
	}
}
