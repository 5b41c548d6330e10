// Package atmbr is the ATM bridge of a lab, ATMBR: Ethernet ports, each joined
// to a virtual channel of an ATM port that carries its frames as bridged PDUs of
// RFC 2684 (RFC 1483) over AAL5. It is pure: frames and cells in, cells and
// frames out; see package fabric.
//
// Source: netio-hypervisor reference, 11.3, which is Dynamips' bridge; RFC 2684,
// 5.2. Beside what that one does, the CRC of AAL5 is the standard's and is
// checked (Dynamips' own are taken too), a packet that is too long is dropped as
// a whole, bridged frames with FCS are taken as well (their FCS checked), and a
// bridge has any number of Ethernet ports and channels.
package atmbr

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"dynemu/vm/atm"
	"dynemu/vm/fabric"
)

const (
	// maxCells is the number of cells of the longest packet: Dynamips puts
	// packets of up to 16384 bytes together, padding and trailer included.
	maxCells = 16384 / atm.PayloadSize
	// MaxFrame is the longest Ethernet frame that goes through, in bytes.
	MaxFrame = maxCells*atm.PayloadSize - atm.TrailerSize - encapsulation
	minFrame = 14
	fcsSize  = 4

	encapsulation = 10 // bytes before the frame
)

// What is before a bridged Ethernet frame: LLC and SNAP of organization
// 00-80-C2, protocol 00-07 without FCS or 00-01 with it, and two octets that
// align the frame (RFC 2684, 5.2).
var (
	withoutFCS = []byte{0xAA, 0xAA, 0x03, 0x00, 0x80, 0xC2, 0x00, 0x07, 0x00, 0x00}
	withFCS    = []byte{0xAA, 0xAA, 0x03, 0x00, 0x80, 0xC2, 0x00, 0x01, 0x00, 0x00}
)

// Channel is an end of a virtual channel.
type Channel struct {
	Port int
	VPI  int // 0 to 4095
	VCI  int // 0 to 65535
}

// String returns the form of lab files, PORT:VPI:VCI.
func (c Channel) String() string { return fmt.Sprintf("%d:%d:%d", c.Port, c.VPI, c.VCI) }

// Bridge is an ATM bridge. It implements fabric.Engine.
type Bridge struct {
	out   fabric.Output
	ports fabric.Ports[port]
	cells []byte // of a packet that is sent
}

type port struct {
	number   int
	up       bool
	stats    fabric.Stats
	isATM    bool
	circuit  *circuit                // of an Ethernet port; nil: none
	circuits map[atm.Header]*circuit // of an ATM port, by VPI and VCI
}

// circuit joins an Ethernet port to a channel.
type circuit struct {
	ethernet, atm *port
	header        atm.Header
	packet        atm.Reassembler
	// Frames that were passed on.
	toATM, fromATM uint64
}

// Circuit is what Circuits tells of an Ethernet port and its channel.
type Circuit struct {
	Ethernet       int
	Channel        Channel
	Active         bool   // both ports have a link
	ToATM, FromATM uint64 // frames that were passed on
}

// New returns a bridge without ports, whose frames and cells leave through out.
func New(out fabric.Output) *Bridge { return &Bridge{out: out} }

// AddEthernet adds an Ethernet port, number 0 to fabric.MaxPort.
func (b *Bridge) AddEthernet(number int) error {
	return b.ports.Add(number, &port{number: number, up: true})
}

// AddATM adds an ATM port, number 0 to fabric.MaxPort.
func (b *Bridge) AddATM(number int) error {
	return b.ports.Add(number, &port{number: number, up: true, isATM: true, circuits: map[atm.Header]*circuit{}})
}

// RemovePort takes a port out, with what joins it to others. One that does not
// exist is ignored.
func (b *Bridge) RemovePort(number int) {
	p := b.ports.Get(number)
	if p == nil {
		return
	}
	if p.circuit != nil {
		p.circuit.remove()
	}
	for _, c := range p.circuits {
		c.remove()
	}
	b.ports.Remove(number)
}

// Connect joins an Ethernet port to a channel of an ATM port. Neither may be
// joined to another.
func (b *Bridge) Connect(ethernet int, channel Channel) error {
	e, a, err := b.find(ethernet, channel)
	if err != nil {
		return err
	}
	h := channel.header()
	switch c := a.circuits[h]; {
	case e.circuit != nil:
		return fmt.Errorf("port %d: it is bridged already, to %v", ethernet, e.circuit.channel())
	case c != nil:
		return fmt.Errorf("channel %v: VPI %d VCI %d of port %d is bridged already, to port %d",
			channel, channel.VPI, channel.VCI, channel.Port, c.ethernet.number)
	}
	c := &circuit{ethernet: e, atm: a, header: h, packet: atm.Reassembler{MaxCells: maxCells}}
	e.circuit, a.circuits[h] = c, c
	return nil
}

// Disconnect ends what Connect did.
func (b *Bridge) Disconnect(ethernet int, channel Channel) error {
	e, a, err := b.find(ethernet, channel)
	if err != nil {
		return err
	}
	c := a.circuits[channel.header()]
	if c == nil || c.ethernet != e {
		return fmt.Errorf("port %d = channel %v: they are not bridged", ethernet, channel)
	}
	c.remove()
	return nil
}

func (b *Bridge) find(ethernet int, channel Channel) (e, a *port, err error) {
	switch {
	case channel.VPI < 0 || channel.VPI > 4095:
		return nil, nil, fmt.Errorf("channel %v: VPI %d: wanted 0 to 4095", channel, channel.VPI)
	case channel.VCI < 0 || channel.VCI > 65535:
		return nil, nil, fmt.Errorf("channel %v: VCI %d: wanted 0 to 65535", channel, channel.VCI)
	}
	if e, err = b.ports.Find(ethernet); err != nil {
		return nil, nil, err
	}
	if a, err = b.ports.Find(channel.Port); err != nil {
		return nil, nil, fmt.Errorf("channel %v: %w", channel, err)
	}
	switch {
	case e.isATM:
		return nil, nil, fmt.Errorf("port %d: an ATM port; wanted an Ethernet port", ethernet)
	case !a.isATM:
		return nil, nil, fmt.Errorf("channel %v: port %d is an Ethernet port; wanted an ATM port", channel, channel.Port)
	}
	return e, a, nil
}

func (c *circuit) remove() {
	c.ethernet.circuit = nil
	delete(c.atm.circuits, c.header)
}

func (c Channel) header() atm.Header { return atm.NewHeader(uint32(c.VPI), uint32(c.VCI)) }

func (c *circuit) channel() Channel {
	return Channel{c.atm.number, int(c.header.VPI()), int(c.header.VCI())}
}

// Circuits returns the Ethernet ports that are bridged, by number.
func (b *Bridge) Circuits() []Circuit {
	var all []Circuit
	b.ports.All(func(n int, p *port) bool {
		if c := p.circuit; c != nil {
			all = append(all, Circuit{n, c.channel(), p.up && c.atm.up, c.toATM, c.fromATM})
		}
		return true
	})
	return all
}

// SetUp implements fabric.Engine. Packets that are not complete are forgotten
// when an ATM port loses its link.
func (b *Bridge) SetUp(number int, up bool) {
	p := b.ports.Get(number)
	if p == nil {
		return
	}
	p.up = up
	if !up {
		for _, c := range p.circuits {
			c.packet.Reset()
		}
	}
}

// Stats implements fabric.Engine. An ATM port counts cells, but packets where
// AAL5 or what is in it is the reason for a drop.
func (b *Bridge) Stats(number int) fabric.Stats {
	if p := b.ports.Get(number); p != nil {
		return p.stats
	}
	return fabric.Stats{}
}

// Tick implements fabric.Engine. The bridge has nothing to do in time: a packet
// whose end was lost ends with the next one.
func (b *Bridge) Tick(int64) int64 { return 0 }

// Next implements fabric.Engine.
func (b *Bridge) Next() int64 { return 0 }

// ok is no reason to drop a frame.
const ok = fabric.Drops

// Forward implements fabric.Engine.
func (b *Bridge) Forward(_ int64, number int, buf []byte) {
	in := b.ports.Get(number)
	if in == nil {
		return
	}
	data := buf[fabric.Headroom:]
	in.stats.Received(len(data))
	take := b.frame
	if in.isATM {
		take = b.cell
	}
	if why := take(in, data); why != ok {
		in.stats.Dropped[why]++
	}
}

// frame takes a frame from Ethernet.
func (b *Bridge) frame(in *port, frame []byte) fabric.Drop {
	c := in.circuit
	switch {
	case len(frame) < minFrame:
		return fabric.Runt
	case len(frame) > MaxFrame:
		return fabric.Giant
	case c == nil:
		return fabric.NoCircuit
	case !c.atm.up:
		return fabric.Down
	}
	c.toATM++
	b.cells = atm.AppendAAL5(b.cells[:0], c.header, withoutFCS, frame)
	for cells := b.cells; len(cells) > 0; cells = cells[atm.CellSize:] {
		b.send(c.atm, cells[:atm.CellSize])
	}
	return ok
}

// cell takes a cell from ATM.
func (b *Bridge) cell(in *port, cell []byte) fabric.Drop {
	switch {
	case len(cell) < atm.CellSize:
		return fabric.Runt
	case len(cell) > atm.CellSize:
		return fabric.Giant
	}
	h := atm.ReadHeader(cell)
	c := in.circuits[atm.NewHeader(h.VPI(), h.VCI())]
	switch {
	case c == nil:
		return fabric.NoCircuit
	case h&atm.Network != 0:
		return fabric.Operation
	}
	packet, err := c.packet.Add(cell)
	switch {
	case errors.Is(err, atm.ErrCRC):
		return fabric.BadCRC
	case errors.Is(err, atm.ErrLength):
		return fabric.BadLength
	case errors.Is(err, atm.ErrTooLong):
		return fabric.Giant
	case packet == nil:
		return ok
	}
	frame, why := bridged(packet)
	switch {
	case why != ok:
		return why
	case !c.ethernet.up:
		return fabric.Down
	}
	c.fromATM++
	b.send(c.ethernet, frame)
	return ok
}

// bridged returns the Ethernet frame in a packet.
func bridged(packet []byte) ([]byte, fabric.Drop) {
	frame, plain := bytes.CutPrefix(packet, withoutFCS)
	if !plain {
		var sealed bool
		if frame, sealed = bytes.CutPrefix(packet, withFCS); !sealed {
			return nil, fabric.Encapsulation
		}
		if len(frame) < minFrame+fcsSize {
			return nil, fabric.Runt
		}
		end := len(frame) - fcsSize
		if crc32.ChecksumIEEE(frame[:end]) != binary.LittleEndian.Uint32(frame[end:]) {
			return nil, fabric.BadCRC
		}
		frame = frame[:end]
	}
	if len(frame) < minFrame {
		return nil, fabric.Runt
	}
	return frame, ok
}

func (b *Bridge) send(out *port, data []byte) {
	out.stats.Sent(len(data))
	b.out(out.number, data)
}
