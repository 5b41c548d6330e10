package emud

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"dynemu/emud/lab"
	"dynemu/emud/node"
	"dynemu/vm/wire"
)

// What a user does to the wires of a device: filters, impairments, cut links. It is
// kept, and given to each node that runs the device.

// portKept is what a user set for a port.
type portKept struct {
	Filter     string `json:"filter,omitempty"`
	Impairment string `json:"impairment,omitempty"`
	// Cut tells that the link is cut. It ends with the link.
	Cut      bool          `json:"cut,omitempty"`
	Captures []captureKept `json:"captures,omitempty"`
}

func (dev *Device) portKept(port string) portKept {
	dev.mu.Lock()
	defer dev.mu.Unlock()
	return dev.keep.Ports[port]
}

// setPort changes what is kept of a port; the lab's op is held.
func (dev *Device) setPort(port string, fn func(*portKept)) error {
	return dev.setKept(func(k *kept) {
		p := k.Ports[port]
		p.Captures = slices.Clone(p.Captures)
		fn(&p)
		if k.Ports == nil {
			k.Ports = map[string]portKept{}
		}
		if p.Filter == "" && p.Impairment == "" && !p.Cut && len(p.Captures) == 0 {
			delete(k.Ports, port)
		} else {
			k.Ports[port] = p
		}
		if len(k.Ports) == 0 {
			k.Ports = nil
		}
	})
}

// hasPort refuses a port that the device does not have.
func (dev *Device) hasPort(p lab.Port) error {
	if slices.ContainsFunc(dev.Ports(), func(q lab.Port) bool { return q.Name == p.Name }) {
		return nil
	}
	return dev.noPort(p.Name)
}

func (dev *Device) noPort(name string) error {
	var names []string
	for _, p := range dev.Ports() {
		names = append(names, p.Name)
	}
	if names == nil {
		names = []string{"none"}
	}
	return refuse(syscall.ENOENT, "%s has no port %q; it has %s", dev.name, name, strings.Join(names, " "))
}

// PortNamed returns the port that a user names: f0/0, F0/0, FastEthernet0/0, f0-0, or
// the number of a switch's.
func (dev *Device) PortNamed(name string) (lab.Port, error) {
	want := lab.PortName(name)
	for _, p := range dev.Ports() {
		if p.Name == want || p.FileName() == name {
			return p, nil
		}
	}
	return lab.Port{}, dev.noPort(name)
}

// setting changes something of a port: on disk first, and then with the running node.
func (dev *Device) setting(p lab.Port, change func(*portKept), tell func(n Node) error) error {
	return dev.command(func() error {
		if err := dev.hasPort(p); err != nil {
			return err
		}
		if err := dev.setPort(p.Name, change); err != nil {
			return err
		}
		if n := dev.running(); n != nil {
			return tell(n)
		}
		return nil
	})
}

// settingText is a setting as its file shows it.
func settingText(text string) string {
	if text == "" {
		return "none\n"
	}
	return strings.TrimRight(text, "\n") + "\n"
}

// Filter is the text of the port's packet filters, a line each: what SetFilter
// takes.
func (dev *Device) Filter(p lab.Port) string { return settingText(dev.portKept(p.Name).Filter) }

// SetFilter gives the port other packet filters, also while frames flow.
func (dev *Device) SetFilter(p lab.Port, text string) error {
	f, err := wire.ParseFilter(text)
	if err != nil {
		return dev.badSetting(err)
	}
	if text = f.String(); text == "none" {
		text = ""
	}
	return dev.setting(p, func(k *portKept) { k.Filter = text }, func(n Node) error { return n.SetFilter(p.Name, text) })
}

func (dev *Device) badSetting(err error) error {
	return dev.command(func() error { return refuse(syscall.EINVAL, "%v", err) })
}

// Impairment is the text of what is done to frames at the port: what
// SetImpairment takes.
func (dev *Device) Impairment(p lab.Port) string {
	return settingText(dev.portKept(p.Name).Impairment)
}

// SetImpairment changes what is done to frames at the port, also while they
// flow.
func (dev *Device) SetImpairment(p lab.Port, text string) error {
	in, out, err := wire.ParseImpairments(text)
	if err != nil {
		return dev.badSetting(err)
	}
	if text = wire.FormatImpairments(in, out); text == "none" {
		text = ""
	}
	return dev.setting(p, func(k *portKept) { k.Impairment = text }, func(n Node) error { return n.SetImpairment(p.Name, text) })
}

// SetLink cuts the link of the port, or mends it: both ends lose their carrier.
func (dev *Device) SetLink(p lab.Port, up bool) error {
	return dev.command(func() error {
		if err := dev.hasPort(p); err != nil {
			return err
		}
		e := lab.End{Device: dev.name, Port: p.Name}
		_, far, ok := dev.lab.linkAt(e)
		if !ok {
			return refuse(syscall.ENOENT, "nothing is plugged into %s", e)
		}
		if !up {
			if err := dev.setPort(p.Name, func(k *portKept) { k.Cut = true }); err != nil {
				return err
			}
		} else if err := dev.lab.uncut(e, far); err != nil {
			return err
		}
		names := []string{dev.name}
		if far.Device != "" {
			names = append(names, far.Device)
		}
		err := dev.lab.plugDevices(names...)
		dev.lab.save()
		return err
	})
}

// uncut forgets that a user has cut the link between two ends.
func (l *Lab) uncut(ends ...lab.End) error {
	var errs []error
	for _, e := range ends {
		if dev := l.Device(e.Device); dev != nil && dev.portKept(e.Port).Cut {
			errs = append(errs, dev.setPort(e.Port, func(k *portKept) { k.Cut = false }))
		}
	}
	return errors.Join(errs...)
}

// mend is uncut for a link that is no more.
func (l *Lab) mend(w madeLink) {
	if err := l.uncut(w.A, w.B); err != nil {
		l.d.log.Error("cannot forget that a link is cut", "lab", l.name, "link", w.key(), "err", err)
	}
}

// linkUp is the state of a port that has carrier, noLink that of one with nothing
// plugged in or of a device that does not run.
const (
	linkUp = "up"
	noLink = "none"
)

// LinkState is up, down (the other end is not up), shut (the guest has shut the
// port), cut (by SetLink) or none (nothing is plugged in, or the device does not run).
func (dev *Device) LinkState(p lab.Port) string {
	e := lab.End{Device: dev.name, Port: p.Name}
	_, far, ok := dev.lab.linkAt(e)
	switch {
	case !ok || dev.running() == nil:
		return noLink
	case dev.lab.isCut(e, far):
		return "cut"
	case dev.portState(p.Name).shut:
		return "shut"
	case dev.lab.carrier(e):
		return linkUp
	}
	return "down"
}

// Ifname is the name of the port's kernel interface; empty when it has none, as ATM
// ports.
func (dev *Device) Ifname(p lab.Port) string {
	if hasTAP(p.Kind) || hasTUN(p.Kind) {
		return ifname(p.Name)
	}
	return ""
}

// ofSwitch calls fn with the node of a switch that runs.
func (dev *Device) ofSwitch(types []string, fn func(n Node) error) error {
	s := dev.Switch()
	switch {
	case s == nil:
		return refuse(syscall.EINVAL, "%s is a router, not a switch", dev.name)
	case types != nil && !slices.Contains(types, s.Type):
		return refuse(syscall.EINVAL, "%s is of type %s; only %s has a table of stations", dev.name, s.Type, strings.Join(types, ", "))
	}
	n, err := dev.need("asked")
	if err != nil {
		return err
	}
	return fn(n)
}

// Table is the table of stations of an Ethernet switch, a line each, as Dynagen's
// show mac prints it. It is empty while the switch does not run.
func (dev *Device) Table() ([]byte, error) {
	if dev.running() == nil {
		return nil, nil
	}
	var text []byte
	err := dev.ofSwitch([]string{node.EthernetSwitch}, func(n Node) (err error) {
		text, err = n.Table()
		return err
	})
	return text, err
}

// ClearTable forgets the stations.
func (dev *Device) ClearTable() error {
	return dev.command(func() error { return dev.ofSwitch([]string{node.EthernetSwitch}, Node.ClearTable) })
}

// TableCommand runs a line written to the table of stations: clear.
func (dev *Device) TableCommand(line string) error {
	switch words := strings.Fields(line); {
	case len(words) == 0:
		return nil
	case len(words) == 1 && words[0] == "clear":
		return dev.ClearTable()
	}
	return dev.command(func() error { return unknown(line, "clear") })
}

// SwitchStatus describes a virtual switch: its type and state, ports and circuits, a line
// each.
func (dev *Device) SwitchStatus() ([]byte, error) {
	var b strings.Builder
	state, _ := dev.State()
	fmt.Fprintf(&b, "%-8s %s\n%-8s %s\n", "type", dev.wants().kind(), "state", state)
	for _, p := range dev.Ports() {
		config := ""
		if sp, ok := dev.Switch().Port(p.Index); ok && sp.Config() != "" {
			config = ", " + sp.Config()
		}
		fmt.Fprintf(&b, "%-8s %s, link %s%s\n", "port "+strconv.Itoa(p.Index), dev.Peer(p), dev.LinkState(p), config)
	}
	if dev.running() == nil {
		return []byte(b.String()), nil
	}
	err := dev.ofSwitch(nil, func(n Node) error {
		text, err := n.SwitchStatus()
		b.Write(text)
		return err
	})
	return []byte(b.String()), err
}

// restorePorts gives a node that was just started, or ports that it got, what their
// users have set beyond what came with the start. nil means all ports.
func (dev *Device) restorePorts(n Node, ports []lab.Port) error {
	all := ports == nil
	if all {
		ports = dev.Ports()
	}
	var errs []error
	for _, p := range ports {
		kept := dev.portKept(p.Name)
		if !all && kept.Filter != "" {
			errs = append(errs, n.SetFilter(p.Name, kept.Filter))
		}
		if !all && kept.Impairment != "" {
			errs = append(errs, n.SetImpairment(p.Name, kept.Impairment))
		}
		for _, c := range kept.Captures {
			if err := dev.capture(n, p, c, false); err != nil {
				errs = append(errs, fmt.Errorf("%s: capture %s: %w", p.Name, c.Name, err))
			}
		}
	}
	dev.showFrames()
	return errors.Join(errs...)
}

// PortStats counts what passed the port since its device was started.
func (dev *Device) PortStats(p lab.Port) (PortStats, error) {
	n := dev.running()
	if n == nil {
		return PortStats{}, nil
	}
	st, err := n.Status()
	return PortStats{st.Ports[p.Name], dev.portState(p.Name).liveDrops}, err
}

// PortStats counts frames and bytes of a port as its device sees them. Drops are frames
// that arrived or were sent and went nowhere. At an Ethernet port, what passes its NIO
// counts beside that.
type PortStats struct {
	node.PortStatus
	// LiveDrops counts frames that a reader of a stream was too slow for, once for each
	// reader.
	LiveDrops uint64
}

// String renders the counters, a line each.
func (s PortStats) String() string {
	var b strings.Builder
	line := func(name string, n uint64) { fmt.Fprintf(&b, "%s %d\n", name, n) }
	line("rx-packets", s.RxFrames)
	line("rx-bytes", s.RxBytes)
	line("rx-drops", s.RxDrops)
	line("tx-packets", s.TxFrames)
	line("tx-bytes", s.TxBytes)
	line("tx-drops", s.TxDrops)
	for _, reason := range slices.Sorted(maps.Keys(s.Dropped)) {
		line("dropped-"+reason, s.Dropped[reason])
	}
	if o := s.Outlet; o != nil {
		line("nio-rx-packets", o.RxFrames)
		line("nio-rx-bytes", o.RxBytes)
		line("nio-rx-drops", o.RxDrops)
		line("nio-tx-packets", o.TxFrames)
		line("nio-tx-bytes", o.TxBytes)
		line("nio-tx-drops", o.TxDrops)
		for _, reason := range slices.Sorted(maps.Keys(o.Dropped)) {
			line("nio-dropped-"+reason, o.Dropped[reason])
		}
	}
	if s.LiveDrops > 0 {
		line("live-drops", s.LiveDrops)
	}
	for _, c := range s.Captures {
		if !strings.HasPrefix(c.ID, liveID) {
			line("capture "+c.ID+" packets", c.Frames)
			line("capture "+c.ID+" drops", c.Dropped)
		}
	}
	return b.String()
}
