package lab

import (
	"fmt"
	"strconv"
)

// Switch is a section of a virtual switch: [[ETHSW name]], [[FRSW name]],
// [[ATMSW name]], [[ATMBR name]] or [[HUB name]].
type Switch struct {
	Name      string
	Line      int          // of the section header
	Type      string       // ETHSW FRSW ATMSW ATMBR HUB
	Ports     []SwitchPort // those that a line names or a link ends at, by number
	Circuits  []Circuit    // of all but ETHSW and HUB, each once, in file order
	AutoStart bool
	// Window holds the options that a graphical program keeps in the section, as
	// a Router's.
	Window map[string]string
}

// SwitchPort is a port of a switch. Mode, VLAN and EtherType are an ETHSW's.
type SwitchPort struct {
	Number int // from 0
	Kind   Kind
	Mode   string // access dot1q qinq
	// VLAN is the port's VLAN (access), its native VLAN (dot1q) or that of its
	// outer tag (qinq), 1 to 4094.
	VLAN int
	// EtherType is the type of the outer tag of a qinq port, 0x8100 unless the
	// file says otherwise.
	EtherType int
	Line      int // of the file: what configures the port, else what connects it
}

// Name is the port's number in decimal, as an End has it.
func (p SwitchPort) Name() string { return strconv.Itoa(p.Number) }

// Ifname is the name of the port's network interface: p3.
func (p SwitchPort) Ifname() string { return "p" + p.Name() }

// Config is how the port of an ETHSW is configured, in the words of the lab
// file: access 10. It is empty for the ports of other switches.
func (p SwitchPort) Config() string {
	switch {
	case p.Mode == "":
		return ""
	case p.Mode == "qinq" && p.EtherType != defaultEtherType:
		return fmt.Sprintf("%s %d %#x", p.Mode, p.VLAN, p.EtherType)
	}
	return fmt.Sprintf("%s %d", p.Mode, p.VLAN)
}

// defaultEtherType is that of the outer tag of a qinq port (netio-hypervisor
// reference, section 5: ethsw set_qinq_port).
const defaultEtherType = 0x8100

// Port returns the port of that number.
func (s *Switch) Port(number int) (p SwitchPort, ok bool) {
	for _, p := range s.Ports {
		if p.Number == number {
			return p, true
		}
	}
	return SwitchPort{}, false
}

// Circuit joins two ends in a switch, both ways: a PVC of an FRSW, a VP (both
// VCIs are -1) or VC of an ATMSW. An ATMBR's is from an Ethernet port to a VC.
type Circuit struct {
	From, To CircuitEnd
	Line     int
}

// CircuitEnd is a port, and what carries the circuit there.
type CircuitEnd struct {
	Port     int
	DLCI     int // 1 to 1022; 0: this is no Frame Relay
	VPI, VCI int // -1: none
}

// String is the circuit as lab files write it: 1:102 = 2:201.
func (c Circuit) String() string { return fmt.Sprintf("%s = %s", c.From, c.To) }

// String is the end as lab files write it: PORT, PORT:DLCI, PORT:VPI or
// PORT:VPI:VCI.
func (e CircuitEnd) String() string {
	switch {
	case e.DLCI != 0:
		return fmt.Sprintf("%d:%d", e.Port, e.DLCI)
	case e.VPI < 0:
		return strconv.Itoa(e.Port)
	case e.VCI < 0:
		return fmt.Sprintf("%d:%d", e.Port, e.VPI)
	}
	return fmt.Sprintf("%d:%d:%d", e.Port, e.VPI, e.VCI)
}

// key identifies the circuit by its ends, whichever the file has first.
func (c Circuit) key() [2]CircuitEnd {
	a, b := c.From, c.To
	if b.less(a) {
		a, b = b, a
	}
	return [2]CircuitEnd{a, b}
}

func (e CircuitEnd) less(o CircuitEnd) bool {
	if e.Port != o.Port {
		return e.Port < o.Port
	}
	if e.DLCI != o.DLCI {
		return e.DLCI < o.DLCI
	}
	if e.VPI != o.VPI {
		return e.VPI < o.VPI
	}
	return e.VCI < o.VCI
}
