package runner

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"dynemu/emud/node"
	"dynemu/vm/fabric"
	"dynemu/vm/fabric/atmbr"
	"dynemu/vm/fabric/atmsw"
	"dynemu/vm/fabric/ethsw"
	"dynemu/vm/fabric/frsw"
	"dynemu/vm/fabric/hub"
)

// engine is a switch of any type, configured as a SwitchSpec does.
type engine interface {
	fabric.Engine
	addPort(p node.SwitchPortSpec) error
	// setPort changes the configuration of a port, not its kind.
	setPort(p node.SwitchPortSpec) error
	RemovePort(number int)
	connect(c node.CircuitSpec) error
	disconnect(c node.CircuitSpec) error
	// port says what there is to say of a port, circuits tells of the circuits, a line
	// each.
	port(p node.SwitchPortSpec) string
	circuits() []string
}

// engines are the types of switches with the kinds of their ports.
var engines = map[string]struct {
	kinds []string
	build func(out fabric.Output) engine
}{
	node.EthernetSwitch:   {[]string{node.KindEthernet}, func(out fabric.Output) engine { return etherSwitch{Switch: ethsw.New(out)} }},
	node.Hub:              {[]string{node.KindEthernet}, func(out fabric.Output) engine { return etherHub{Hub: hub.New(out)} }},
	node.FrameRelaySwitch: {[]string{node.KindSerial}, func(out fabric.Output) engine { return frameRelay{frsw.New(out)} }},
	node.ATMSwitch:        {[]string{node.KindATM}, func(out fabric.Output) engine { return atmSwitch{atmsw.New(out)} }},
	node.ATMBridge:        {[]string{node.KindEthernet, node.KindATM}, func(out fabric.Output) engine { return atmBridge{atmbr.New(out)} }},
}

// newEngine returns a switch without ports.
func newEngine(kind string, out fabric.Output) (engine, error) {
	e, ok := engines[kind]
	if !ok {
		return nil, fmt.Errorf("type of switch %q: wanted %s, %s, %s, %s or %s", kind,
			node.EthernetSwitch, node.FrameRelaySwitch, node.ATMSwitch, node.ATMBridge, node.Hub)
	}
	return e.build(out), nil
}

// try tells whether a switch can be configured like that.
func try(spec node.SwitchSpec) error {
	e, err := newEngine(spec.Type, func(int, []byte) {})
	if err != nil {
		return err
	}
	for _, p := range spec.Ports {
		if kinds := engines[spec.Type].kinds; !slices.Contains(kinds, p.Kind) {
			return fmt.Errorf("port %d: kind %q: a port of an %s is %s", p.Number, p.Kind, spec.Type, strings.Join(kinds, " or "))
		}
		if err := e.addPort(p); err != nil {
			return err
		}
	}
	for _, c := range spec.Circuits {
		if err := e.connect(c); err != nil {
			return err
		}
	}
	return nil
}

// noCircuits is what a switch has that forwards by address.
type noCircuits struct{}

func (noCircuits) connect(node.CircuitSpec) error {
	return errors.New("a switch for Ethernet has no circuits")
}
func (c noCircuits) disconnect(s node.CircuitSpec) error { return c.connect(s) }
func (noCircuits) circuits() []string                    { return nil }

// noSettings is what a switch has whose ports are all alike.
type noSettings struct{}

func (noSettings) setPort(node.SwitchPortSpec) error { return nil }
func (noSettings) port(node.SwitchPortSpec) string   { return "" }

type etherSwitch struct {
	*ethsw.Switch
	noCircuits
}

func ethernetConfig(p node.SwitchPortSpec) (ethsw.Config, error) {
	mode, err := ethsw.ParseMode(p.Mode)
	if err != nil {
		return ethsw.Config{}, fmt.Errorf("port %d: %w", p.Number, err)
	}
	return ethsw.Config{Mode: mode, VLAN: p.VLAN, EtherType: etherType(p)}, nil
}

// etherType leaves out what a description may say of any port and ethsw takes of qinq
// ports only.
func etherType(p node.SwitchPortSpec) int {
	if p.EtherType == ethsw.CTag {
		return 0
	}
	return p.EtherType
}

func (s etherSwitch) addPort(p node.SwitchPortSpec) error {
	c, err := ethernetConfig(p)
	if err != nil {
		return err
	}
	return s.AddPort(p.Number, c)
}

func (s etherSwitch) setPort(p node.SwitchPortSpec) error {
	c, err := ethernetConfig(p)
	if err != nil {
		return err
	}
	return s.SetPort(p.Number, c)
}

func (s etherSwitch) port(p node.SwitchPortSpec) string {
	text := fmt.Sprintf(" %s vlan=%d", p.Mode, p.VLAN)
	if t := etherType(p); t != 0 {
		text += fmt.Sprintf(" ethertype=%#04x", t)
	}
	return text
}

func (s etherSwitch) table(now int64) (lines []string) {
	for _, st := range s.Stations(now) {
		lines = append(lines, st.String())
	}
	return lines
}

type etherHub struct {
	*hub.Hub
	noCircuits
	noSettings
}

func (h etherHub) addPort(p node.SwitchPortSpec) error { return h.AddPort(p.Number) }

// circuit is a line that tells of a circuit.
func circuit(from, to any, active bool, counts string) string {
	state := "inactive"
	if active {
		state = "active"
	}
	return fmt.Sprintf("circuit %v %v %s %s", from, to, state, counts)
}

type frameRelay struct{ *frsw.Switch }

func (s frameRelay) addPort(p node.SwitchPortSpec) error { return s.AddPort(p.Number) }
func (s frameRelay) setPort(node.SwitchPortSpec) error   { return nil }

func frameRelayEnds(c node.CircuitSpec) (from, to frsw.Endpoint) {
	end := func(e node.CircuitEnd) frsw.Endpoint { return frsw.Endpoint{Port: e.Port, DLCI: e.DLCI} }
	return end(c.From), end(c.To)
}

func (s frameRelay) connect(c node.CircuitSpec) error    { return s.Connect(frameRelayEnds(c)) }
func (s frameRelay) disconnect(c node.CircuitSpec) error { return s.Disconnect(frameRelayEnds(c)) }

func (s frameRelay) port(p node.SwitchPortSpec) string {
	l := s.LMI(p.Number)
	text := fmt.Sprintf(" lmi=%v enquiries=%d timeouts=%d lost=%d", l.Type, l.Enquiries, l.Timeouts, l.Lost)
	if l.Failed {
		text += " failed"
	}
	return text
}

func (s frameRelay) circuits() (lines []string) {
	for _, c := range s.Circuits() {
		lines = append(lines, circuit(c.From, c.To, c.Active, fmt.Sprintf("frames=%d bytes=%d", c.Frames, c.Bytes)))
	}
	return lines
}

type atmSwitch struct{ *atmsw.Switch }

func (s atmSwitch) addPort(p node.SwitchPortSpec) error { return s.AddPort(p.Number) }
func (s atmSwitch) setPort(node.SwitchPortSpec) error   { return nil }
func (s atmSwitch) port(node.SwitchPortSpec) string     { return "" }

// paths reports whether a circuit is of paths.
func paths(c node.CircuitSpec) bool { return c.From.VCI == -1 && c.To.VCI == -1 }

func pathEnds(c node.CircuitSpec) (from, to atmsw.Path) {
	end := func(e node.CircuitEnd) atmsw.Path { return atmsw.Path{Port: e.Port, VPI: e.VPI} }
	return end(c.From), end(c.To)
}

func channelEnds(c node.CircuitSpec) (from, to atmsw.Channel) {
	end := func(e node.CircuitEnd) atmsw.Channel { return atmsw.Channel{Port: e.Port, VPI: e.VPI, VCI: e.VCI} }
	return end(c.From), end(c.To)
}

func (s atmSwitch) connect(c node.CircuitSpec) error {
	if paths(c) {
		return s.ConnectPath(pathEnds(c))
	}
	return s.ConnectChannel(channelEnds(c))
}

func (s atmSwitch) disconnect(c node.CircuitSpec) error {
	if paths(c) {
		return s.DisconnectPath(pathEnds(c))
	}
	return s.DisconnectChannel(channelEnds(c))
}

func (s atmSwitch) circuits() (lines []string) {
	for _, c := range s.Circuits() {
		lines = append(lines, circuit(c.From, c.To, c.Active, fmt.Sprintf("cells=%d", c.Cells)))
	}
	return lines
}

type atmBridge struct{ *atmbr.Bridge }

func (s atmBridge) addPort(p node.SwitchPortSpec) error {
	if p.Kind == node.KindATM {
		return s.AddATM(p.Number)
	}
	return s.AddEthernet(p.Number)
}

func (s atmBridge) setPort(node.SwitchPortSpec) error { return nil }
func (s atmBridge) port(p node.SwitchPortSpec) string { return " " + p.Kind }

func bridgeEnds(c node.CircuitSpec) (ethernet int, channel atmbr.Channel) {
	return c.From.Port, atmbr.Channel{Port: c.To.Port, VPI: c.To.VPI, VCI: c.To.VCI}
}

func (s atmBridge) connect(c node.CircuitSpec) error    { return s.Connect(bridgeEnds(c)) }
func (s atmBridge) disconnect(c node.CircuitSpec) error { return s.Disconnect(bridgeEnds(c)) }

func (s atmBridge) circuits() (lines []string) {
	for _, c := range s.Circuits() {
		lines = append(lines, circuit(c.Ethernet, c.Channel, c.Active, fmt.Sprintf("to-atm=%d from-atm=%d", c.ToATM, c.FromATM)))
	}
	return lines
}
