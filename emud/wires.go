package emud

import (
	"strings"
	"syscall"

	"dynemu/emud/lab"
)

// What a user does to the wires of a device: filters, impairments, cut links.

// Ports are the ports of the device, of a router or of a switch, in order.
func (dev *Device) Ports() []lab.Port { return dev.Router().Ports }

// Filter is the text of the port's packet filters, a line each: what SetFilter
// takes.
func (dev *Device) Filter(p lab.Port) string { return "none\n" }

// SetFilter gives the port other packet filters, also while frames flow.
func (dev *Device) SetFilter(p lab.Port, text string) error { return errNotYet }

// Impairment is the text of what is done to frames at the port: what
// SetImpairment takes.
func (dev *Device) Impairment(p lab.Port) string { return "none\n" }

// SetImpairment changes what is done to frames at the port, also while they
// flow.
func (dev *Device) SetImpairment(p lab.Port, text string) error { return errNotYet }

// SetLink cuts the link of the port, or mends it: both ends lose their carrier.
func (dev *Device) SetLink(p lab.Port, up bool) error { return errNotYet }

// LinkState is up, down (the other end is not up), shut (the guest has shut the
// port), cut (by SetLink) or none (nothing is plugged in, or the device does not run).
func (dev *Device) LinkState(p lab.Port) string { return "none" }

// Switch is the section of a virtual switch, nil for a router.
func (dev *Device) Switch() *lab.Switch { return nil }

// Table is the table of stations of an Ethernet switch, a line each, as Dynagen's
// show mac prints it.
func (dev *Device) Table() ([]byte, error) { return nil, errNotYet }

// ClearTable forgets the stations.
func (dev *Device) ClearTable() error { return errNotYet }

// SwitchStatus describes a virtual switch: its state, ports and circuits, a line
// each.
func (dev *Device) SwitchStatus() ([]byte, error) { return nil, errNotYet }

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

// Ifname is the name of the port's network interface in the device's namespace:
// f0-0, or p3 of a switch. An ATM port has none.
func (dev *Device) Ifname(p lab.Port) string {
	switch {
	case p.Kind == lab.ATM:
		return ""
	case dev.Switch() != nil:
		return "p" + p.Name
	}
	return p.FileName()
}

var errNotYet = refuse(syscall.ENOSYS, "not yet")
