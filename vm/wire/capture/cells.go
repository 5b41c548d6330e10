package capture

import (
	"encoding/binary"

	"dynemu/vm/atm"
	"dynemu/vm/wire"
)

// A port of ATM carries single cells, which no program shows. What is captured are
// the AAL5 packets that they make up, when the last cell has come.

// cells puts the packets of a port's circuits together.
type cells struct {
	circuits map[circuit]*assembly
	clock    uint64
	packet   []byte // the last one, with its header
}

// circuit is a direction of a circuit.
type circuit struct {
	dir wire.Direction
	vc  atm.Header
}

// assembly is a packet that is under way.
type assembly struct {
	atm.Reassembler
	used uint64
}

// maxCircuits is how many circuits are followed at once, each with at most 64 KiB;
// the one that was idle for longest gives way.
const maxCircuits = 128

// The header of SUNATM: flags, VPI, VCI. Of VPIs it has the lower 8 bits.
//
// Source: the description of LINKTYPE_SUNATM at tcpdump.org.
const (
	sunHeader    = 4
	sunOut       = 0x80 // to the network
	sunLLC       = 2    // RFC 2684, LLC
	sunILMI      = 5
	sunSignaling = 6
)

// add takes a cell. It returns a packet, valid until the next call, when the cell
// completes one. bad says that a packet was lost, or that the cell belongs to
// none: it is not of user data, or not a cell.
func (c *cells) add(d wire.Direction, cell []byte, t LinkType) (packet []byte, bad bool) {
	if len(cell) != atm.CellSize {
		return nil, true
	}
	h := atm.ReadHeader(cell)
	if h&atm.Network != 0 {
		return nil, true
	}
	a := c.assembly(circuit{d, atm.NewHeader(h.VPI(), h.VCI())})
	data, err := a.Add(cell)
	if data == nil {
		return nil, err != nil
	}
	c.packet = c.packet[:0]
	if t == SunATM {
		c.packet = append(c.packet, sunFlags(d, h, data), byte(h.VPI()), 0, 0)
		binary.BigEndian.PutUint16(c.packet[2:], uint16(h.VCI()))
	}
	c.packet = append(c.packet, data...)
	return c.packet, false
}

// assembly returns the packet of a circuit that is under way.
func (c *cells) assembly(k circuit) *assembly {
	c.clock++
	a := c.circuits[k]
	if a == nil {
		if len(c.circuits) >= maxCircuits {
			c.forget()
		}
		if c.circuits == nil {
			c.circuits = map[circuit]*assembly{}
		}
		a = &assembly{}
		c.circuits[k] = a
	}
	a.used = c.clock
	return a
}

// forget gives up the circuit that was idle for longest.
func (c *cells) forget() {
	var oldest circuit
	used := ^uint64(0)
	for k, a := range c.circuits {
		if a.used < used {
			oldest, used = k, a.used
		}
	}
	delete(c.circuits, oldest)
}

// sunFlags returns the first byte of SUNATM's header.
func sunFlags(d wire.Direction, h atm.Header, data []byte) byte {
	var f byte
	switch {
	case h.VPI() == 0 && h.VCI() == 5:
		f = sunSignaling
	case h.VPI() == 0 && h.VCI() == 16:
		f = sunILMI
	case len(data) >= 3 && data[2] == 3 && (data[0] == 0xAA && data[1] == 0xAA || data[0] == 0xFE && data[1] == 0xFE):
		f = sunLLC
	}
	if d == wire.Out {
		f |= sunOut
	}
	return f
}
