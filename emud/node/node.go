// Package node starts, supervises and adopts node processes, and holds the
// protocol between the daemon and a node. Each node is one process,
// dynemu-node, that runs one device. It knows nothing of labs files, FUSE or
// netlink.
//
// A node's socket is RUNTIME/nodes/LAB.DEVICE.sock; the description it was
// started with lies beside it as LAB.DEVICE.json, so that a new daemon can
// adopt what runs (Adopt). Messages are JSON with a version; descriptors go
// along with SCM_RIGHTS.
package node

import (
	"cmp"
	"os"
	"slices"
	"strconv"

	"dynemu/vm"
)

// Spec is the description a node is started with.
type Spec struct {
	Version int       `json:"version"` // of this structure
	Lab     string    `json:"lab"`
	Device  string    `json:"device"`
	Config  vm.Config `json:"config"` // of a router
	// Switch makes the device a virtual switch, which has no image, NVRAM or
	// consoles.
	Switch *SwitchSpec `json:"switch,omitempty"`
	// ConsolePort is the TCP port that the console listener is on, 0 for none.
	// AUXPort likewise.
	ConsolePort int `json:"console_port,omitempty"`
	AUXPort     int `json:"aux_port,omitempty"`
	// TTY is the path of the console's pty slave.
	TTY string `json:"tty,omitempty"`
	// Image is the path of the image, for people; the node gets a descriptor.
	Image string `json:"image"`
	// Log is the path of the log, which the last lines before a crash are read
	// from. Empty: Start takes it from Files.Log.
	Log string `json:"log,omitempty"`
	// Limits bound the process, where a unit of systemd holds it.
	Limits Limits `json:"limits,omitzero"`
	// Ports names every port and what it was plugged into at the start.
	Ports []PortSpec `json:"ports"`
}

// WithCard returns the description of the router with another card, "" for
// none, in a slot; ports are those of the card.
func (s Spec) WithCard(slot int, card string, ports []PortSpec) Spec {
	s.Config.Slots = slices.Clone(s.Config.Slots)
	for len(s.Config.Slots) <= slot {
		s.Config.Slots = append(s.Config.Slots, "")
	}
	s.Config.Slots[slot] = card
	s.Ports = slices.DeleteFunc(slices.Clone(s.Ports), func(p PortSpec) bool { return p.Slot == slot })
	s.Ports = append(s.Ports, ports...)
	slices.SortStableFunc(s.Ports, func(a, b PortSpec) int { return cmp.Or(a.Slot-b.Slot, a.Port-b.Port) })
	return s
}

// WithSwitch returns the description of the switch with another configuration: ports
// that stay keep what they are plugged into and what was set for them.
func (s Spec) WithSwitch(c SwitchSpec) Spec {
	ports := make([]PortSpec, 0, len(c.Ports))
	for _, p := range c.Ports {
		name := strconv.Itoa(p.Number)
		if i := s.port(name); i >= 0 && s.Ports[i].Kind == p.Kind {
			ports = append(ports, s.Ports[i])
		} else {
			ports = append(ports, PortSpec{Name: name, Port: p.Number, Kind: p.Kind, Wire: cmp.Or(p.Wire, WireNone)})
		}
	}
	s.Switch, s.Ports = &c, ports
	return s
}

// kind is what the device is, for people.
func (s *Spec) kind() string {
	if s.Switch != nil {
		return s.Switch.Type
	}
	return "Router"
}

// port finds a port by name, -1 for none.
func (s *Spec) port(name string) int {
	return slices.IndexFunc(s.Ports, func(p PortSpec) bool { return p.Name == name })
}

// forgetCapture removes what a port says of a capture.
func (s *Spec) forgetCapture(id string) {
	for i := range s.Ports {
		p := &s.Ports[i]
		p.Captures = slices.DeleteFunc(slices.Clone(p.Captures), func(c CaptureRequest) bool { return c.ID == id })
	}
}

// note takes over what an event of a port tells.
func (s *Spec) note(e Event) {
	i := s.port(e.Port)
	if i < 0 {
		return
	}
	p := &s.Ports[i]
	if e.Enabled != nil {
		p.Shut = !*e.Enabled
	}
	if e.Encapsulation != "" {
		p.Encapsulation = e.Encapsulation
	}
	if e.NIO != "" && p.Outlet == "" {
		p.Wire = WireNone
	}
	if e.Capture != "" {
		s.forgetCapture(e.Capture)
	}
}

// withClaims returns the description with what its node says that it has now: a node
// that was taken over by its guest cannot make a daemon believe in another device.
func (s Spec) withClaims(claimed Spec) Spec {
	s.Ports = slices.Clone(s.Ports)
	for i := range s.Ports {
		if j := claimed.port(s.Ports[i].Name); j >= 0 {
			was := s.Ports[i]
			s.Ports[i] = claimed.Ports[j]
			s.Ports[i].Slot, s.Ports[i].Port, s.Ports[i].Kind = was.Slot, was.Port, was.Kind
		}
	}
	return s
}

// PortSpec describes a port of the device to the node, and from the node to a daemon
// that adopts it. Down, Filter and Impairment are taken at a start (and, with a card, at
// its insertion); Outlet, Interface and Captures come and go with their requests.
type PortSpec struct {
	Name string `json:"name"` // f0/0; of a switch: its number
	Slot int    `json:"slot"`
	Port int    `json:"port"`
	Kind string `json:"kind,omitempty"` // KindEthernet and so on; empty: not told
	Wire string `json:"wire"`           // what it is plugged into: WireTAP and so on, WireNone
	// Down: the port has no carrier.
	Down       bool             `json:"down,omitempty"`
	Filter     string           `json:"filter,omitempty"`
	Impairment string           `json:"impairment,omitempty"`
	Outlet     string           `json:"outlet,omitempty"` // kind of its NIO
	Interface  bool             `json:"interface,omitempty"`
	Captures   []CaptureRequest `json:"captures,omitempty"`
	// Shut, that the guest has shut the port, and Encapsulation, of serial frames, are
	// the node's to tell, as in its events.
	Shut          bool   `json:"shut,omitempty"`
	Encapsulation string `json:"encapsulation,omitempty"`
}

// Files are the descriptors that a node is given at its start; a switch gets Log and
// Ports. The caller keeps ownership of them and closes its copies after Start.
type Files struct {
	Image *os.File // the ELF file, read-only
	NVRAM *os.File // the NVRAM store, read and write
	Log   *os.File // append
	Vars  *os.File // ROMMON variables, read and write
	// Bootflash, Disk0 and Disk1 are the files behind them, read and write; nil
	// where the router has none.
	Bootflash, Disk0, Disk1 *os.File
	// ConsoleListener and AUXListener are listening TCP sockets, or nil.
	ConsoleListener, AUXListener *os.File
	// PTYMaster and PTYSlave are the two ends of the console pty, or nil.
	PTYMaster, PTYSlave *os.File
	// Ports holds the descriptor of each plugged port, by port name.
	Ports map[string]*os.File
}

// State is a device's state as the tree shows it.
type State string

// The states of a device.
const (
	Stopped   State = "stopped"
	Booting   State = "booting"
	Running   State = "running"
	Suspended State = "suspended"
	Crashed   State = "crashed"
)
