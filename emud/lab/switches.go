package lab

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Sections of virtual switches.
//
// Source: lab-files-and-console reference, sections 4 and 5.

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

// maxPort is the highest number of a switch's port.
const maxPort = 1023

// The modes of an ETHSW's port, and the types of the outer tag of a qinq port
// (netio-hypervisor reference, section 5: ethsw set_qinq_port).
var (
	modes      = []string{"access", "dot1q", "qinq"}
	etherTypes = []int{defaultEtherType, 0x88a8, 0x9100, 0x9200}
)

// switchLines tells for each type of switch what its lines may be.
var switchLines = map[string]string{
	"ETHSW": "PORT = access VLAN, PORT = dot1q VLAN or PORT = qinq VLAN, with what it connects to behind it or not",
	"FRSW":  "PORT:DLCI = PORT:DLCI or PORT = DEVICE INTERFACE",
	"ATMSW": "PORT:VPI = PORT:VPI, PORT:VPI:VCI = PORT:VPI:VCI or PORT = DEVICE INTERFACE",
	"ATMBR": "PORT = PORT:VPI:VCI or PORT = DEVICE INTERFACE",
	"HUB":   "PORT = DEVICE INTERFACE",
}

// vswitch is a switch that is being read.
type vswitch struct {
	*Switch
	ports map[int]*SwitchPort
	// defined is the place of the line "PORT = ..." of a port.
	defined map[int]pos
	// named are the ports that a connection names, whether it could be made or
	// not.
	named    map[int]bool
	circuits []circuitLine
	ends     map[CircuitEnd]Circuit
	// mapped is the first place of each port in a circuit.
	mapped map[int]pos
}

// virtual reads the section of a switch.
func (b *builder) virtual(d *device, s *section, typ string, server settings) {
	sw := &vswitch{
		Switch: &Switch{Name: d.name, Line: s.at.line, Type: typ, AutoStart: autoStart(b.top, server)},
		ports:  map[int]*SwitchPort{}, defined: map[int]pos{}, named: map[int]bool{},
		ends: map[CircuitEnd]Circuit{}, mapped: map[int]pos{},
	}
	d.vswitch = sw
	b.lab.Switches = append(b.lab.Switches, sw.Switch)
	own := settings{}
	for _, o := range s.options {
		switch {
		case o.key[0] < '0' || o.key[0] > '9':
			b.check(o, inSwitch, nil, own, func(o *option, format string, args ...any) {
				b.optionError(o, "%s; a line of %s is %s", fmt.Sprintf(format, args...), typ, switchLines[typ])
			})
		case o.value == "None": // written by programs for "not set"
		case strings.Contains(o.key, ":"):
			b.circuit(sw, o)
		default:
			b.portLine(d, o)
		}
	}
	sw.Window = window(own)
}

// portLine reads a line "PORT = ...".
func (b *builder) portLine(d *device, o *option) {
	sw := d.vswitch
	n, ok := parsePort(o.key)
	if !ok {
		b.errorf(o.at.line, o.at.column, "%q is not the number of a port: the ports of a switch are 0 to %d", short(o.key), maxPort)
		b.outside(o.value)
		return
	}
	if first, twice := sw.defined[n]; twice {
		b.errorf(o.at.line, o.at.column, "port %d is written twice in this section (first on line %d)", n, first.line)
		return
	}
	sw.defined[n] = o.at
	p := sw.port(n, o.at.line)
	words := fields(o.value)
	switch {
	case sw.Type == "ETHSW":
		words = b.mode(p, o, words)
	case sw.Type == "ATMBR" && strings.Contains(words[0].text, ":") && !isNIO(words[0].text):
		b.bridge(sw, n, o, words[0])
		words = words[1:]
	}
	if len(words) > 0 {
		b.conns = append(b.conns, &connection{from: d.refer(n, o.at), opt: o, words: words})
	}
}

// mode reads how a port of an ETHSW is configured, and returns the words of
// what it connects to, if any.
func (b *builder) mode(p *SwitchPort, o *option, words []field) []field {
	at := o.word(words[0].index)
	mode := strings.ToLower(words[0].text)
	if !slices.Contains(modes, mode) {
		b.errorf(at.line, at.column, "unknown port type %q%s; the types are %s: write %s = access 1", short(words[0].text),
			didYouMean(mode, modes), strings.Join(modes, " "), o.key)
		b.outside(o.value)
		return nil
	}
	if len(words) < 2 {
		b.errorf(at.line, at.column, "%s lacks the VLAN: write %s = %s 1", mode, o.key, mode)
		return nil
	}
	p.Mode = mode
	vlan, ok := unsigned(words[1].text, 1, 4094)
	if !ok {
		at := o.word(words[1].index)
		b.errorf(at.line, at.column, "VLAN %q: expected a number from 1 to 4094", short(words[1].text))
	}
	p.VLAN = vlan
	if mode == "qinq" {
		p.EtherType = defaultEtherType
	}
	words = words[2:]
	if len(words) == 0 || !strings.HasPrefix(strings.ToLower(words[0].text), "0x") {
		return words
	}
	at = o.word(words[0].index)
	t, err := strconv.ParseUint(words[0].text, 0, 16)
	switch {
	case mode != "qinq":
		b.errorf(at.line, at.column, "%s: only a qinq port has an Ethernet type", short(words[0].text))
	case err != nil || !slices.Contains(etherTypes, int(t)):
		b.errorf(at.line, at.column, "Ethernet type %q: expected 0x8100, 0x88a8, 0x9100 or 0x9200", short(words[0].text))
	}
	p.EtherType = int(t)
	return words[1:]
}

// unsigned reads a number without sign.
func unsigned(text string, low, high int) (int, bool) {
	n, err := strconv.ParseUint(text, 10, 31)
	return int(n), err == nil && int(n) >= low && int(n) <= high
}

// parsePort reads the number of a switch's port.
func parsePort(text string) (int, bool) { return unsigned(strings.TrimSpace(text), 0, maxPort) }

// port returns the port of that number, and makes it when this is the first
// line that has to do with it.
func (sw *vswitch) port(n, line int) *SwitchPort {
	p := sw.ports[n]
	if p == nil {
		p = &SwitchPort{Number: n, Line: line}
		if k := sw.kinds(n); len(k) == 1 {
			p.Kind = k[0]
		}
		sw.ports[n] = p
	}
	return p
}

// refer notes that a port of a switch is named.
func (d *device) refer(n int, at pos) *reference {
	d.vswitch.named[n] = true
	return &reference{device: d, port: n, at: at}
}

// kinds are what the port may carry.
func (sw *vswitch) kinds(n int) []Kind {
	switch sw.Type {
	case "FRSW":
		return []Kind{Serial}
	case "ATMSW":
		return []Kind{ATM}
	case "ATMBR":
		if p := sw.ports[n]; p != nil && p.Kind != "" {
			return []Kind{p.Kind}
		}
		return []Kind{Ethernet, ATM}
	}
	return []Kind{Ethernet}
}

// plug notes that a link ends at a port.
func (sw *vswitch) plug(n int, l Link) { sw.port(n, l.Line).Kind = l.Kind }

// finish lists the ports and circuits when all links are known, and tells what
// does not fit them.
func (b *builder) finish(sw *vswitch) {
	for n, at := range sw.mapped {
		if !sw.named[n] {
			b.errorf(at.line, at.column, "nothing is connected to port %d of %s; write %d = DEVICE INTERFACE in this section, or INTERFACE = %s %d in another",
				n, sw.Name, n, sw.Name, n)
		}
	}
	b.paths(sw)
	for _, n := range slices.Sorted(maps.Keys(sw.ports)) {
		p := sw.ports[n]
		if sw.Type == "ETHSW" {
			if at := sw.defined[n]; p.Mode != "" && !sw.named[n] {
				b.warnf(at.line, at.column, "port %d of %s is defined, but not used: nothing is connected to it", n, sw.Name)
			}
			if p.Mode == "" { // as Dynamips adds ports
				p.Mode, p.VLAN = "access", 1
			}
		}
		if p.Kind != "" { // else it belongs to a connection that was not made
			sw.Ports = append(sw.Ports, *p)
		}
	}
}
