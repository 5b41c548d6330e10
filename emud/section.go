package emud

import (
	"cmp"
	"slices"
	"strings"

	"dynemu/emud/lab"
	"dynemu/emud/node"
)

// section is what a lab file says of a device, a router or a virtual switch: one of
// the two is set.
type section struct {
	router *lab.Router
	sw     *lab.Switch
}

// sections are those of all devices, in the order of the file.
func sections(topo *lab.Lab) []section {
	var all []section
	for _, r := range topo.Routers {
		all = append(all, section{router: r})
	}
	for _, s := range topo.Switches {
		all = append(all, section{sw: s})
	}
	slices.SortStableFunc(all, func(a, b section) int { return cmp.Compare(a.line(), b.line()) })
	return all
}

func (s section) name() string {
	if s.sw != nil {
		return s.sw.Name
	}
	return s.router.Name
}

func (s section) line() int {
	if s.sw != nil {
		return s.sw.Line
	}
	return s.router.Line
}

// kind is what the device is, for people: 7200, ETHSW.
func (s section) kind() string {
	if s.sw != nil {
		return s.sw.Type
	}
	return s.router.Model
}

// kindChanged reports whether now, a section of the same name, is another kind of device.
func (s section) kindChanged(now section) bool {
	if s.sw != nil && now.sw != nil {
		return s.sw.Type != now.sw.Type
	}
	return (s.sw == nil) != (now.sw == nil)
}

// runs reports whether the device is started when the lab is. A switch always is:
// there is nothing to start it for.
func (s section) runs() bool { return s.sw != nil || s.router.AutoStart }

// ports are the device's ports in order. A switch's have slot 0.
func (s section) ports() []lab.Port {
	if s.sw == nil {
		return s.router.Ports
	}
	ports := make([]lab.Port, len(s.sw.Ports))
	for i, p := range s.sw.Ports {
		ports[i] = lab.Port{Name: p.Name(), Kind: p.Kind, Index: p.Number}
	}
	return ports
}

// ifname is the name of a port's kernel interface: f0-0, or p3 for port 3 of a
// switch.
func ifname(port string) string {
	if strings.Trim(port, "0123456789") == "" {
		return "p" + port
	}
	return strings.ReplaceAll(port, "/", "-")
}

// hasTAP and hasTUN tell which kernel interface a port has: a TAP that frames pass, or
// a TUN that shows them.
func hasTAP(k lab.Kind) bool { return k == lab.Ethernet }
func hasTUN(k lab.Kind) bool { return k == lab.Serial || k == lab.POS }

// switchSpec describes a switch to its node.
func switchSpec(s *lab.Switch) *node.SwitchSpec {
	spec := &node.SwitchSpec{Type: s.Type}
	for _, p := range s.Ports {
		spec.Ports = append(spec.Ports, node.SwitchPortSpec{Number: p.Number, Kind: string(p.Kind), Mode: p.Mode, VLAN: p.VLAN, EtherType: p.EtherType})
	}
	for _, c := range s.Circuits {
		spec.Circuits = append(spec.Circuits, node.CircuitSpec{From: circuitEnd(c.From), To: circuitEnd(c.To)})
	}
	return spec
}

func circuitEnd(e lab.CircuitEnd) node.CircuitEnd {
	return node.CircuitEnd{Port: e.Port, DLCI: e.DLCI, VPI: e.VPI, VCI: e.VCI}
}

// sameSwitch reports whether two descriptions are one, wires aside.
func sameSwitch(a, b node.SwitchSpec) bool {
	same := func(p, q node.SwitchPortSpec) bool {
		p.Wire, q.Wire = "", ""
		return p == q
	}
	return a.Type == b.Type && slices.EqualFunc(a.Ports, b.Ports, same) && slices.Equal(a.Circuits, b.Circuits)
}
