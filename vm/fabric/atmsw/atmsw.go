// Package atmsw is the ATM switch of a lab, ATMSW: virtual paths and virtual
// channels from a port to another, on raw cells. It is pure: cells in, cells
// out; see package fabric.
//
// Source: netio-hypervisor reference, 11.1 and 11.2, which is Dynamips' switch.
// The VPI has 12 bits at every port. Payload type and CLP are the users' own;
// the HEC is made anew and never checked. There is no signalling, no ILMI, and
// no OAM of the switch's own: such cells pass along their path, or channel, or
// are dropped where there is none.
package atmsw

import (
	"fmt"
	"maps"
	"slices"

	"dynemu/vm/atm"
	"dynemu/vm/fabric"
)

// The highest identifiers.
const (
	MaxVPI = 4095
	MaxVCI = 65535
)

// Path is an end of a virtual path.
type Path struct {
	Port int
	VPI  int // 0 to MaxVPI
}

// String returns the form of lab files, PORT:VPI.
func (p Path) String() string { return fmt.Sprintf("%d:%d", p.Port, p.VPI) }

// Channel is an end of a virtual channel.
type Channel struct {
	Port int
	VPI  int // 0 to MaxVPI
	VCI  int // 0 to MaxVCI
}

// String returns the form of lab files, PORT:VPI:VCI.
func (c Channel) String() string { return fmt.Sprintf("%d:%d:%d", c.Port, c.VPI, c.VCI) }

// Switch is an ATM switch. It implements fabric.Engine.
type Switch struct {
	out   fabric.Output
	ports fabric.Ports[port]
}

type port struct {
	number   int
	up       bool
	stats    fabric.Stats
	paths    map[uint32]*circuit // by VPI of cells that arrive here
	channels map[uint32]*circuit // by VPI and VCI, as in a cell's header
	ofPath   map[uint32]int      // how many channels are in a path
}

// circuit is one direction of a path or channel.
type circuit struct {
	to     *port
	header atm.Header // VPI, and VCI of a channel
	cells  uint64     // passed on
}

// Circuit is what Circuits tells of one direction of a path or channel. From and To
// are of type Path or Channel, both the same.
type Circuit struct {
	From, To fmt.Stringer
	Active   bool   // the port at To has a link
	Cells    uint64 // passed on
}

// The parts of a header that a switch changes.
const (
	vpiMask = atm.Header(0xFFF00000)
	vciMask = atm.Header(0x000FFFF0)
)

// New returns a switch without ports, whose cells leave through out.
func New(out fabric.Output) *Switch { return &Switch{out: out} }

// AddPort adds a port, number 0 to fabric.MaxPort.
func (s *Switch) AddPort(number int) error {
	return s.ports.Add(number, &port{
		number: number, up: true,
		paths: map[uint32]*circuit{}, channels: map[uint32]*circuit{}, ofPath: map[uint32]int{},
	})
}

// RemovePort takes a port out, with all that begins or ends there. One that
// does not exist is ignored.
func (s *Switch) RemovePort(number int) {
	gone := s.ports.Get(number)
	if gone == nil {
		return
	}
	s.ports.Remove(number)
	s.ports.All(func(_ int, p *port) bool {
		for vpi, c := range p.paths {
			if c.to == gone {
				delete(p.paths, vpi)
			}
		}
		for h, c := range p.channels {
			if c.to == gone {
				p.removeChannel(atm.Header(h))
			}
		}
		return true
	})
}

// ConnectPath makes a virtual path in both directions. It fails, and changes
// nothing, when one of the ends is not one or is in use.
func (s *Switch) ConnectPath(a, b Path) error {
	return both(a, b, s.ConnectPathOneWay, s.DisconnectPathOneWay)
}

// ConnectChannel makes a virtual channel in both directions, as ConnectPath.
func (s *Switch) ConnectChannel(a, b Channel) error {
	return both(a, b, s.ConnectChannelOneWay, s.DisconnectChannelOneWay)
}

// both connects both ways, or none.
func both[End any](a, b End, connect, disconnect func(from, to End) error) error {
	if err := connect(a, b); err != nil {
		return err
	}
	if err := connect(b, a); err != nil {
		_ = disconnect(a, b) // it is there
		return err
	}
	return nil
}

// ConnectPathOneWay makes a virtual path for cells that arrive at from.
func (s *Switch) ConnectPathOneWay(from, to Path) error {
	in, err := s.find(from, from.Port, from.VPI, 0)
	if err != nil {
		return err
	}
	out, err := s.find(to, to.Port, to.VPI, 0)
	if err != nil {
		return err
	}
	vpi := uint32(from.VPI)
	switch c := in.paths[vpi]; {
	case from == to:
		return fmt.Errorf("path %v = %v: the two ends are the same", from, to)
	case c != nil:
		return fmt.Errorf("path %v: VPI %d of port %d is mapped already, to %v", from, from.VPI, from.Port, c.path())
	case in.ofPath[vpi] > 0:
		return fmt.Errorf("path %v: VPI %d of port %d has virtual channels that are mapped", from, from.VPI, from.Port)
	}
	in.paths[vpi] = &circuit{to: out, header: atm.NewHeader(uint32(to.VPI), 0)}
	return nil
}

// ConnectChannelOneWay makes a virtual channel for cells that arrive at from.
func (s *Switch) ConnectChannelOneWay(from, to Channel) error {
	in, err := s.find(from, from.Port, from.VPI, from.VCI)
	if err != nil {
		return err
	}
	out, err := s.find(to, to.Port, to.VPI, to.VCI)
	if err != nil {
		return err
	}
	h := from.header()
	switch c, p := in.channels[uint32(h)], in.paths[h.VPI()]; {
	case from == to:
		return fmt.Errorf("channel %v = %v: the two ends are the same", from, to)
	case c != nil:
		return fmt.Errorf("channel %v: VPI %d VCI %d of port %d is mapped already, to %v", from, from.VPI, from.VCI, from.Port, c.channel())
	case p != nil:
		return fmt.Errorf("channel %v: VPI %d of port %d is mapped as a whole, to %v", from, from.VPI, from.Port, p.path())
	}
	in.channels[uint32(h)] = &circuit{to: out, header: to.header()}
	in.ofPath[h.VPI()]++
	return nil
}

// DisconnectPath ends what ConnectPath did.
func (s *Switch) DisconnectPath(a, b Path) error {
	return twice(a, b, s.DisconnectPathOneWay)
}

// DisconnectChannel ends what ConnectChannel did.
func (s *Switch) DisconnectChannel(a, b Channel) error {
	return twice(a, b, s.DisconnectChannelOneWay)
}

// twice disconnects both ways.
func twice[End any](a, b End, disconnect func(from, to End) error) error {
	if err := disconnect(a, b); err != nil {
		return err
	}
	return disconnect(b, a)
}

// DisconnectPathOneWay removes a virtual path for cells that arrive at from.
func (s *Switch) DisconnectPathOneWay(from, to Path) error {
	in, err := s.find(from, from.Port, from.VPI, 0)
	if err != nil {
		return err
	}
	if c := in.paths[uint32(from.VPI)]; c == nil || c.path() != to {
		return fmt.Errorf("path %v = %v: there is none", from, to)
	}
	delete(in.paths, uint32(from.VPI))
	return nil
}

// DisconnectChannelOneWay removes a virtual channel for cells that arrive at
// from.
func (s *Switch) DisconnectChannelOneWay(from, to Channel) error {
	in, err := s.find(from, from.Port, from.VPI, from.VCI)
	if err != nil {
		return err
	}
	if c := in.channels[uint32(from.header())]; c == nil || c.channel() != to {
		return fmt.Errorf("channel %v = %v: there is none", from, to)
	}
	in.removeChannel(from.header())
	return nil
}

func (p *port) removeChannel(h atm.Header) {
	delete(p.channels, uint32(h))
	if p.ofPath[h.VPI()]--; p.ofPath[h.VPI()] == 0 {
		delete(p.ofPath, h.VPI())
	}
}

func (s *Switch) find(end fmt.Stringer, port, vpi, vci int) (*port, error) {
	switch {
	case vpi < 0 || vpi > MaxVPI:
		return nil, fmt.Errorf("%v: VPI %d: wanted 0 to %d", end, vpi, MaxVPI)
	case vci < 0 || vci > MaxVCI:
		return nil, fmt.Errorf("%v: VCI %d: wanted 0 to %d", end, vci, MaxVCI)
	}
	p, err := s.ports.Find(port)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", end, err)
	}
	return p, nil
}

func (c Channel) header() atm.Header { return atm.NewHeader(uint32(c.VPI), uint32(c.VCI)) }

func (c *circuit) path() Path { return Path{c.to.number, int(c.header.VPI())} }

func (c *circuit) channel() Channel {
	return Channel{c.to.number, int(c.header.VPI()), int(c.header.VCI())}
}

// Circuits returns both directions of all paths and then channels, by port, VPI and
// VCI.
func (s *Switch) Circuits() []Circuit {
	var paths, channels []Circuit
	s.ports.All(func(n int, p *port) bool {
		for _, vpi := range slices.Sorted(maps.Keys(p.paths)) {
			c := p.paths[vpi]
			paths = append(paths, Circuit{Path{n, int(vpi)}, c.path(), c.to.up, c.cells})
		}
		for _, h := range slices.Sorted(maps.Keys(p.channels)) {
			c := p.channels[h]
			from := Channel{n, int(atm.Header(h).VPI()), int(atm.Header(h).VCI())}
			channels = append(channels, Circuit{from, c.channel(), c.to.up, c.cells})
		}
		return true
	})
	return append(paths, channels...)
}

// SetUp implements fabric.Engine.
func (s *Switch) SetUp(number int, up bool) {
	if p := s.ports.Get(number); p != nil {
		p.up = up
	}
}

// Stats implements fabric.Engine.
func (s *Switch) Stats(number int) fabric.Stats {
	if p := s.ports.Get(number); p != nil {
		return p.stats
	}
	return fabric.Stats{}
}

// Tick implements fabric.Engine. The switch has nothing to do in time.
func (s *Switch) Tick(int64) int64 { return 0 }

// Next implements fabric.Engine.
func (s *Switch) Next() int64 { return 0 }

// Forward implements fabric.Engine.
func (s *Switch) Forward(_ int64, number int, buf []byte) {
	in := s.ports.Get(number)
	if in == nil {
		return
	}
	cell := buf[fabric.Headroom:]
	in.stats.Received(len(cell))
	if why := s.pass(in, cell); why != ok {
		in.stats.Dropped[why]++
	}
}

// ok is no reason to drop a cell.
const ok = fabric.Drops

func (s *Switch) pass(in *port, cell []byte) fabric.Drop {
	switch {
	case len(cell) < atm.CellSize:
		return fabric.Runt
	case len(cell) > atm.CellSize:
		return fabric.Giant
	}
	h, changed := atm.ReadHeader(cell), vpiMask
	c := in.paths[h.VPI()]
	if c == nil {
		c, changed = in.channels[uint32(h&(vpiMask|vciMask))], vpiMask|vciMask
	}
	switch {
	case c == nil:
		return fabric.NoCircuit
	case !c.to.up:
		return fabric.Down
	}
	(h&^changed | c.header).Put(cell)
	c.cells++
	c.to.stats.Sent(len(cell))
	s.out(c.to.number, cell)
	return ok
}
