package cli

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"dynemu/cmd/dynemu/internal/tree"
	"dynemu/emud/lab"
)

func (a *app) show() *cobra.Command {
	return group("show", "Show devices, lab files, MAC tables and the time",
		a.showMAC(), a.showDevice(), a.showLabFile("run"), a.showLabFile("start"), a.showClock())
}

func (a *app) showClock() *cobra.Command {
	return &cobra.Command{
		Use: "clock", Short: "Show the time of this machine", Args: needs(0, 0, "no arguments"),
		RunE: does(func([]string) error {
			now := time.Now()
			fmt.Fprintf(a.Out, "Current date is %s\nCurrent time is %s\n", now.Format("02/01/2006"), now.Format("15:04:05"))
			return nil
		}),
	}
}

// showLabFile prints lab files: as they run, or as they are stored where the
// console was started with a file.
func (a *app) showLabFile(word string) *cobra.Command {
	use, short := "run [LAB | [LAB/]DEVICE]", "Show the lab that runs as a lab file"
	if word == "start" {
		use, short = "start", "Show the lab file that is stored"
	}
	return &cobra.Command{
		Use: use, Short: short,
		Long: short + `, or the section of a device. Saved configurations are left
out.`,
		Args: needs(0, 1, "a device or nothing"), DisableFlagsInUseLine: true, ValidArgsFunction: a.deviceNames(true, false),
		RunE: does(func(args []string) error {
			if word == "start" && len(args) == 0 && a.shell != nil && a.shell.file != "" {
				text, err := os.ReadFile(a.shell.file)
				if err != nil {
					return err
				}
				a.printLab(text)
				return nil
			}
			labs, err := a.tree.Labs()
			if err != nil {
				return err
			}
			if a.tree.Lab != "" {
				labs = []string{a.tree.Lab}
			}
			if len(args) == 1 && slices.Contains(labs, args[0]) {
				labs, args = args, nil
			}
			if len(args) == 1 {
				d, err := a.tree.FindOne(args[0])
				if err != nil {
					return a.device(err)
				}
				text, err := a.tree.LabText(d.Lab)
				if err != nil {
					return err
				}
				e := lab.NewEditor(text)
				a.printLab([]byte(e.Lines(deviceSection(e, d.Name)...)))
				return nil
			}
			for i, name := range labs {
				text, err := a.tree.LabText(name)
				if err != nil {
					return err
				}
				if len(labs) > 1 {
					fmt.Fprintf(a.Out, "%s# %s.net\n", strings.Repeat("\n", min(i, 1)), name)
				}
				a.printLab(text)
			}
			return nil
		}),
	}
}

// printLab prints the text of a lab file but for the configurations in it.
func (a *app) printLab(text []byte) {
	e := lab.NewEditor(text)
	for _, server := range e.Sections() {
		for _, s := range e.Sections(server) {
			e.Remove("configuration", server, s)
		}
	}
	fmt.Fprint(a.Out, strings.ReplaceAll(string(e.Text()), "\r\n", "\n"))
}

// shown is a device for show device --json.
type shown struct {
	tree.Device
	Info  map[string]string `json:"info"`
	Ports []tree.Port       `json:"ports"`
}

func (a *app) showDevice() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "device [/all | [LAB/]DEVICE ... | LAB ...]", Short: "Show what devices are made of and plugged into",
		Args: needs(0, -1, "devices or nothing"), DisableFlagsInUseLine: true,
		ValidArgsFunction: a.deviceNames(false, true),
		RunE: does(func(words []string) error {
			devices, _, failed, err := a.choose(words, len(words) == 0 || slices.Contains(words, "/all"))
			if err != nil {
				return err
			}
			slices.SortStableFunc(devices, func(x, y tree.Device) int { return strings.Compare(x.ID(), y.ID()) })
			all, err := a.tree.Status()
			if err != nil {
				return err
			}
			out := []shown{}
			for _, d := range devices {
				info, err := a.tree.Info(d)
				if err != nil {
					return err
				}
				ports, err := a.tree.Ports(d)
				if err != nil {
					return err
				}
				if !asJSON {
					fmt.Fprintln(a.Out, describe(d, info, ports, all, time.Now()))
					continue
				}
				s := shown{d, map[string]string{}, ports}
				for _, f := range info {
					s.Info[f.Name] = f.Value
				}
				out = append(out, s)
			}
			if asJSON {
				if err := a.json(out); err != nil {
					return err
				}
			}
			if failed {
				return errReported
			}
			return nil
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// describe is the block of show device about a device (lab-files-and-console
// reference, 12.7). all are the devices that its ports can lead to.
func describe(d tree.Device, info tree.Facts, ports []tree.Port, all []tree.Device, now time.Time) string {
	var b strings.Builder
	say := func(indent int, format string, args ...any) {
		fmt.Fprintf(&b, "%s%s\n", strings.Repeat(" ", indent), fmt.Sprintf(format, args...))
	}
	if !d.Router() {
		say(0, "%s %s is %s", switchNames[d.Type].title, d.Name, strings.Replace(d.State, "always on", "always-on", 1))
		for _, p := range ports {
			say(2, "port %s %s", p.Name, peerText(p.Peer, d.Lab, all))
			counters(say, 4, p)
		}
		return b.String()
	}
	say(0, "Router %s is %s", d.Name, d.State)
	say(2, "Hardware is %s with %s RAM", hardware(info), info.Get("ram"))
	if since, err := time.Parse(time.RFC3339, info.Get("since")); err == nil {
		word := "running"
		if d.State == "suspended" || !d.Runs() {
			word = d.State
		}
		say(2, "Router is %s for %s", word, duration(now.Sub(since)))
	}
	lines := "console on port " + orNone(info.Get("console"))
	if aux := info.Get("aux"); aux != "" {
		lines += ", aux on port " + aux
	}
	say(2, "Router is on %s, %s", d.Server, lines)
	idle := "with no idlepc value"
	if pc := info.Get("idlepc"); pc != "" && pc != "none" {
		idle = "with idlepc value " + pc
	}
	say(2, "Image is %s %s", info.Get("image"), idle)
	storage := info.Get("nvram") + " NVRAM"
	for _, name := range []string{"disk0", "disk1"} {
		if size := info.Get(name); size != "" {
			storage += ", " + size + " " + name
		}
	}
	say(2, "%s, configuration register is %s", storage, info.Get("confreg"))
	if waiting := info.Get("at next start"); waiting != "" {
		say(2, "At the next start: %s", waiting)
	}
	slotOf := func(p tree.Port) string {
		slot, _, _ := strings.Cut(strings.TrimLeft(p.Name, "abcdefghijklmnopqrstuvwxyz"), "/")
		return "slot " + slot
	}
	for _, f := range info {
		if !strings.HasPrefix(f.Name, "slot ") {
			continue
		}
		if f.Value == "empty" {
			say(3, "%s is empty", f.Name)
			continue
		}
		mine := slices.DeleteFunc(slices.Clone(ports), func(p tree.Port) bool { return slotOf(p) != f.Name })
		plural := "s"
		if len(mine) == 1 {
			plural = ""
		}
		say(3, "%s hardware is %s with %d interface%s", f.Name, f.Value, len(mine), plural)
		for _, p := range mine {
			say(6, "%s %s", interfaceName(p.Name), peerText(p.Peer, d.Lab, all))
			if p.Peer != "none" {
				counters(say, 8, p)
			}
		}
	}
	return b.String()
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// hardware is the model as Dynagen names it: of a 7200 with midplane and NPE.
func hardware(info tree.Facts) string {
	model := info.Get("model")
	if model == "7200" {
		model = "7206" + strings.ToUpper(strings.TrimPrefix(info.Get("midplane"), "std")) + " " + strings.ToUpper(info.Get("npe"))
	}
	return "dynemu emulated Cisco " + model
}

// switchNames are the words for switches, of the peer and at the start of a line.
var switchNames = map[string]struct{ word, title string }{
	"FRSW":  {"frame-relay switch", "Frame-relay switch"},
	"ATMSW": {"ATM switch", "ATM switch"},
	"ATMBR": {"ATM bridge", "ATM bridge"},
	"ETHSW": {"ethernet switch", "Ethernet switch"},
}

// peerText tells what a port is plugged into, from the text of its file peer.
func peerText(peer, inLab string, all []tree.Device) string {
	if peer == "" || peer == "none" {
		return "is empty"
	}
	name, port, ok := strings.Cut(peer, " ")
	if name == "LAN" {
		return "is connected to bridged LAN " + port
	}
	for _, d := range all {
		switch {
		case !ok || d.Name != name || d.Lab != inLab:
		case d.Router():
			return fmt.Sprintf("is connected to router %s %s", name, interfaceName(port))
		default:
			return fmt.Sprintf("is connected to %s %s port %s", switchNames[d.Type].word, name, port)
		}
	}
	return "is connected to " + peer
}

// interfaceName is the full name of an interface: Serial1/0 for s1/0.
func interfaceName(port string) string {
	letter := strings.TrimRight(port, "0123456789/")
	if name, ok := map[string]string{"e": "Ethernet", "f": "FastEthernet", "g": "GigabitEthernet", "s": "Serial", "a": "ATM",
		"p": "POS", "i": "IDS-Sensor", "an": "Analysis-Module"}[letter]; ok {
		return name + port[len(letter):]
	}
	return port
}

func counters(say func(int, string, ...any), indent int, p tree.Port) {
	say(indent, "%d packets in / %d packets out (%s in / %s out)", p.Stats["rx-packets"], p.Stats["tx-packets"],
		volume(p.Stats["rx-bytes"]), volume(p.Stats["tx-bytes"]))
}

// volume is a number of bytes in the unit that fits.
func volume(n uint64) string {
	if n < 1024 {
		return fmt.Sprintf("%d bytes", n)
	}
	v, unit := float64(n), ""
	for _, unit = range []string{"KB", "MB", "GB", "TB"} {
		if v /= 1024; v < 1024 {
			break
		}
	}
	return fmt.Sprintf("%.2f %s", v, unit)
}

// duration is a time in days, hours and minutes.
func duration(d time.Duration) string {
	minutes := int(max(d, 0) / time.Minute)
	var parts []string
	for _, u := range []struct {
		name    string
		minutes int
	}{{"day", 24 * 60}, {"hour", 60}, {"min", 1}} {
		n := minutes / u.minutes
		minutes %= u.minutes
		if n == 0 && (u.name != "min" || parts != nil) {
			continue
		}
		if n != 1 {
			u.name += "s"
		}
		parts = append(parts, fmt.Sprintf("%d %s", n, u.name))
	}
	return strings.Join(parts, ", ")
}
