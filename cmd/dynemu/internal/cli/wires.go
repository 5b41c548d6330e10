package cli

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"dynemu/cmd/dynemu/internal/tree"
)

// wires are the commands about ports and what they are plugged into.
func (a *app) wires() []*cobra.Command {
	no := group("no", "End captures", a.noCapture())
	clear := group("clear", "Clear the MAC table of an Ethernet switch", a.clearMAC())
	return []*cobra.Command{a.ports(), a.link(), a.capture(), no, a.filter(), a.impair(), clear}
}

// group is a word that is a command only with another after it.
func group(word, short string, commands ...*cobra.Command) *cobra.Command {
	var forms []string
	for _, c := range commands {
		forms = append(forms, "dynemu "+word+" "+c.Use)
	}
	g := &cobra.Command{
		Use: word, Short: short,
		Args: func(_ *cobra.Command, args []string) error {
			return fmt.Errorf("unknown command %q; there is %s", strings.Join(append([]string{word}, args...), " "), strings.Join(forms, ", "))
		},
		RunE: func(*cobra.Command, []string) error { return nil }, // never: see Args
	}
	g.AddCommand(commands...)
	return g
}

// portOf finds a device and a port of it.
func (a *app) portOf(device, port string) (tree.Port, error) {
	d, err := a.tree.FindOne(device)
	if err != nil {
		return tree.Port{}, a.device(err)
	}
	return a.tree.FindPort(d, port)
}

// tell writes a command to the ctl file of the port's device.
func (a *app) tell(p tree.Port, what string, words ...string) error {
	if err := a.tree.Command(a.tree.Dir(p.Device), strings.Join(words, " ")); err != nil {
		return fmt.Errorf("%s %s %s: %w", what, p.Device.ID(), p.Name, err)
	}
	return nil
}

// portNames completes a device and then a port of it, after skip other words.
func (a *app) portNames(skip int) cobra.CompletionFunc {
	devices := a.deviceNames(false, false)
	return func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(args) < skip {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		switch args = args[skip:]; len(args) {
		case 0:
			return devices(cmd, args, word)
		case 1:
			var names []string
			if d, err := a.tree.FindOne(args[0]); err == nil {
				ports, _ := a.tree.Ports(d)
				for _, p := range ports {
					names = append(names, p.Name)
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		}
		return nil, cobra.ShellCompDirectiveDefault
	}
}

func (a *app) ports() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "ports {[LAB/]DEVICE | LAB} ...", Short: "List the ports of devices",
		Long: `List the ports of devices: the network interface that shows a port's frames
and its namespace, what is at the other end, the carrier (up; down: the other
end is not up; shut: by the router; cut: by "dynemu link down"; none: nothing is
plugged in or the device does not run), and the frames that came in, went out
and were dropped.`,
		Args: needs(1, -1, "devices or labs"), DisableFlagsInUseLine: true,
		ValidArgsFunction: a.deviceNames(false, false),
		RunE: does(func(words []string) error {
			var ports []tree.Port
			for _, w := range words {
				found, err := a.tree.Find(w)
				if err != nil {
					return a.device(err)
				}
				for _, d := range found {
					of, err := a.tree.Ports(d)
					if err != nil {
						return err
					}
					ports = append(ports, of...)
				}
			}
			if asJSON {
				type row struct {
					Lab    string `json:"lab"`
					Device string `json:"device"`
					tree.Port
				}
				rows := []row{}
				for _, p := range ports {
					rows = append(rows, row{p.Device.Lab, p.Device.Name, p})
				}
				return a.json(rows)
			}
			t := a.table(0, "Device", 0, "Port", 0, "Interface", 0, "Namespace", 0, "Peer", 0, "Carrier", 0, "In", 0, "Out", 0, "Drops")
			for _, p := range ports {
				ifname := p.Interface
				if ifname == "" {
					ifname = "n/a"
				}
				t.row(p.Device.Name, p.Name, ifname, p.Namespace, p.Peer, p.Carrier,
					fmt.Sprint(p.Stats["rx-packets"]), fmt.Sprint(p.Stats["tx-packets"]), fmt.Sprint(p.Stats["rx-drops"]+p.Stats["tx-drops"]))
			}
			return t.print()
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, with all counters")
	return cmd
}

func (a *app) link() *cobra.Command {
	return &cobra.Command{
		Use: "link {down | up} DEVICE PORT", Short: "Cut the link of a port, or mend it",
		Long: `Cut the link of a port as if its cable were pulled out, or mend it. Both ends
lose their carrier.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 3 || args[0] != "down" && args[0] != "up" {
				return fmt.Errorf("link takes down or up, a device and a port: %s", cmd.UseLine())
			}
			return nil
		},
		DisableFlagsInUseLine: true,
		ValidArgsFunction: func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return []string{"down", "up"}, cobra.ShellCompDirectiveNoFileComp
			}
			return a.portNames(1)(cmd, args, word)
		},
		RunE: does(func(args []string) error {
			p, err := a.portOf(args[1], args[2])
			if err != nil {
				return err
			}
			return a.tell(p, "link "+args[0], "link", args[0], p.Name)
		}),
	}
}

func (a *app) capture() *cobra.Command {
	return &cobra.Command{
		Use: "capture DEVICE PORT FILE [TYPE]", Short: "Capture the frames of a port",
		Long: `Capture what passes a port, both ways, in pcap format.

A FILE without a slash is kept in the folder captures of the lab and goes on,
over restarts of the device, until "dynemu no capture". TYPE is its link type:
HDLC, PPP, FR or ATM, or a name of libpcap's; a port has a usual one.

With a slash in FILE the frames are written to that path, or for - to standard
output, until Ctrl-C:
  dynemu capture R1 f0/0 ./r1.pcap
  dynemu capture R1 f0/0 - | wireshark -k -i -`,
		Args: needs(3, 4, "a device, a port, a file and perhaps a link type"), DisableFlagsInUseLine: true,
		ValidArgsFunction: a.portNames(0),
		RunE: does(func(args []string) error {
			p, err := a.portOf(args[0], args[1])
			if err != nil {
				return err
			}
			file := args[2]
			if file == "-" || strings.Contains(file, "/") {
				if len(args) > 3 {
					return fmt.Errorf("%s: a link type can be chosen for a file in the lab's folder captures; write its name without a slash", args[3])
				}
				return a.follow(p, file)
			}
			if strings.ContainsAny(file, " \t\r\n") {
				return fmt.Errorf("file name %q has blanks; write one without", file)
			}
			if err := a.tell(p, "capture", append([]string{"capture", p.Name}, args[2:]...)...); err != nil {
				return err
			}
			fmt.Fprintf(a.Out, "%s %s is captured into %s\n", p.Device.ID(), p.Name, a.tree.Path("labs", p.Device.Lab, "captures", file))
			return nil
		}),
	}
}

// follow copies the live frames of a port to a file until the user ends it.
func (a *app) follow(p tree.Port, file string) error {
	in, err := a.tree.OpenLive(p)
	if err != nil {
		return err
	}
	defer in.Close()
	out, where := a.Out, "standard output"
	if file != "-" {
		f, err := os.Create(file)
		if err != nil {
			return err
		}
		defer f.Close()
		out, where = f, file
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(ended)
	fmt.Fprintf(a.Err, "Capturing %s %s into %s. Ctrl-C ends.\n", p.Device.ID(), p.Name, where)
	w := &gate{to: out}
	copied := make(chan error, 1)
	go func() {
		_, err := io.Copy(w, in)
		copied <- err
	}()
	select {
	case err = <-copied:
		if err == nil {
			fmt.Fprintf(a.Err, "%s %s is gone.\n", p.Device.ID(), p.Name)
		}
	case <-ended:
		// A read that waits cannot be called back: the process's end does it.
	}
	fmt.Fprintf(a.Err, "%d bytes captured.\n", w.shut())
	return err
}

// gate passes writes on, each as a whole, until it is shut.
type gate struct {
	to io.Writer

	mu      sync.Mutex
	written int64
	closed  bool
}

func (g *gate) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return 0, os.ErrClosed
	}
	n, err := g.to.Write(p)
	g.written += int64(n)
	return n, err
}

// shut ends the writing and tells how many bytes were written.
func (g *gate) shut() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	return g.written
}

func (a *app) noCapture() *cobra.Command {
	return &cobra.Command{
		Use: "capture DEVICE PORT [FILE]", Short: "End the captures of a port, or the one into FILE",
		Args: needs(2, 3, "a device, a port and perhaps a file"), DisableFlagsInUseLine: true,
		ValidArgsFunction: a.portNames(0),
		RunE: does(func(args []string) error {
			p, err := a.portOf(args[0], args[1])
			if err != nil {
				return err
			}
			return a.tell(p, "no capture", append([]string{"no", "capture", p.Name}, args[2:]...)...)
		}),
	}
}

func (a *app) filter() *cobra.Command {
	cmd := &cobra.Command{
		Use: "filter DEVICE PORT [FILTER {in | out | both} [OPTION] | none]", Short: "Set or show the packet filters of a port",
		Long: `Set or show the packet filters of a port. Each of in, out and both has one:
  dynemu filter R1 f0/0 freq_drop in 50    drop every 50th frame that comes in
  dynemu filter R1 f0/0 freq_drop out -1   drop all that go out
  dynemu filter R1 f0/0 none in            no filter for what comes in
  dynemu filter R1 f0/0 none               no filter at all
  dynemu filter R1 f0/0                    show them`,
		Args: needs(2, -1, "a device, a port and perhaps a filter"), DisableFlagsInUseLine: true,
		ValidArgsFunction: a.portNames(0),
		RunE: does(func(args []string) error {
			p, err := a.portOf(args[0], args[1])
			if err != nil {
				return err
			}
			now, err := a.tree.Setting(p, "filter")
			if err != nil || len(args) == 2 {
				fmt.Fprint(a.Out, now)
				return err
			}
			text, err := withFilter(now, args[2:])
			if err != nil {
				return err
			}
			return a.tell(p, "filter", "filter", p.Name, text)
		}),
	}
	cmd.Flags().SetInterspersed(false) // -1 is no flag
	return cmd
}

var directions = []string{"in", "out", "both"}

// withFilter is the text of a port's filters with one of them changed: words are
// in Dynagen's order, NAME DIRECTION [OPTION ...].
func withFilter(now string, words []string) (string, error) {
	name, direction, options := words[0], "", words[1:]
	if len(options) > 0 && slices.Contains(directions, options[0]) {
		direction, options = options[0], options[1:]
	}
	switch {
	case name == "capture" || name == "monitor":
		return "", fmt.Errorf("no filter %q; frames are captured with \"dynemu capture DEVICE PORT FILE\"", name)
	case name == "none" && len(options) > 0:
		return "", fmt.Errorf("filter none takes in, out, both or nothing, found %q", strings.Join(options, " "))
	case name == "none" && direction == "":
		return "none", nil
	case direction == "":
		return "", fmt.Errorf("filter %s: no direction: write %s in, out or both, and then what it takes", name, name)
	}
	var clauses []string
	for clause := range strings.FieldsFuncSeq(now, func(r rune) bool { return r == '\n' || r == ';' }) {
		w := strings.Fields(clause)
		if len(w) == 0 || w[0] == "none" {
			continue
		}
		if !slices.Contains(directions, w[0]) { // a filter for both
			w = append([]string{"both"}, w...)
		}
		if w[0] != direction {
			clauses = append(clauses, strings.Join(w, " "))
		}
	}
	if name != "none" {
		clauses = append(clauses, strings.Join(append([]string{direction, name}, options...), " "))
	}
	if clauses == nil {
		return "none", nil
	}
	return strings.Join(clauses, "; "), nil
}

func (a *app) impair() *cobra.Command {
	cmd := &cobra.Command{
		Use: "impair DEVICE PORT [TEXT ... | none]", Short: "Set or show what the link of a port does to frames",
		Long: `Set or show what the link of a port does to frames: delay, jitter, loss,
duplication, reordering and rate of what arrives, or of what the direction in
front names (in, out, both); a ; parts two directions.
  dynemu impair R1 f0/0 delay 10ms jitter 2ms loss 1% rate 2mbit
  dynemu impair R1 s1/0 'in loss 5%; out delay 100ms'
  dynemu impair R1 f0/0 none`,
		Args: needs(2, -1, "a device, a port and perhaps a text"), DisableFlagsInUseLine: true,
		ValidArgsFunction: a.portNames(0),
		RunE: does(func(args []string) error {
			p, err := a.portOf(args[0], args[1])
			if err != nil {
				return err
			}
			if len(args) == 2 {
				now, err := a.tree.Setting(p, "link")
				fmt.Fprint(a.Out, now)
				return err
			}
			return a.tell(p, "impair", append([]string{"impair", p.Name}, strings.Fields(strings.Join(args[2:], " "))...)...)
		}),
	}
	cmd.Flags().SetInterspersed(false)
	return cmd
}

func (a *app) showMAC() *cobra.Command {
	return &cobra.Command{
		Use: "mac SWITCH", Short: "Show the MAC table of an Ethernet switch",
		Args: needs(1, 1, "an Ethernet switch"), DisableFlagsInUseLine: true, ValidArgsFunction: a.deviceNames(true, false),
		RunE: does(func(args []string) error {
			d, err := a.tree.FindOne(args[0])
			if err != nil {
				return a.device(err)
			}
			table, err := a.tree.MACTable(d)
			fmt.Fprint(a.Out, table)
			return err
		}),
	}
}

func (a *app) clearMAC() *cobra.Command {
	return &cobra.Command{
		Use: "mac SWITCH", Short: "Clear the MAC table of an Ethernet switch",
		Args: needs(1, 1, "an Ethernet switch"), DisableFlagsInUseLine: true, ValidArgsFunction: a.deviceNames(true, false),
		RunE: does(func(args []string) error {
			d, err := a.tree.FindOne(args[0])
			if err != nil {
				return a.device(err)
			}
			return a.tree.ClearMACTable(d)
		}),
	}
}
