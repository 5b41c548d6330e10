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

	"dynemu/vm"
)

// Spec is the description a node is started with.
type Spec struct {
	Version int       `json:"version"` // of this structure
	Lab     string    `json:"lab"`
	Device  string    `json:"device"`
	Config  vm.Config `json:"config"`
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

// PortSpec describes a port of the device to the node.
type PortSpec struct {
	Name string `json:"name"` // f0/0
	Slot int    `json:"slot"`
	Port int    `json:"port"`
	Wire string `json:"wire"` // kind of descriptor: tap, pipe, none
}

// Files are the descriptors that a node is given at its start. The caller
// keeps ownership of them and closes its copies after Start.
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
