// Package frsw is the Frame Relay switch of a lab, FRSW: permanent virtual
// circuits from a port and DLCI to another, and the network's side of the local
// management interface (LMI) at each port. It is pure: frames in, frames out;
// see package fabric.
//
// Source: netio-hypervisor reference, section 10, which is Dynamips' switch. It
// tells a router that every circuit is active, whatever is at the other end;
// here a circuit is inactive while its far port has no link, or when the
// equipment there spoke LMI and fell silent. Dynamips knows one type of LMI,
// ANSI T1.617 Annex D; here there are also ITU-T Q.933 Annex A and the
// consortium's of 1990, which IOS calls "cisco" (see lmi.go).
package frsw

import (
	"encoding/binary"
	"fmt"

	"dynemu/vm/fabric"
)

// DLCIs of circuits. 0 and 1023 belong to LMI.
const (
	MinDLCI = 1
	MaxDLCI = 1022
)

// minFrame is an address and at least one octet (ITU-T Q.922, A.5.1, without
// FCS).
const minFrame = 3

// Endpoint is where a circuit begins or ends.
type Endpoint struct {
	Port int
	DLCI int // MinDLCI to MaxDLCI
}

// String returns the form of lab files, PORT:DLCI.
func (e Endpoint) String() string { return fmt.Sprintf("%d:%d", e.Port, e.DLCI) }

// Circuit is what Circuits tells of one direction of a circuit.
type Circuit struct {
	From, To      Endpoint
	Active        bool   // as the equipment at From is told
	Frames, Bytes uint64 // passed on
}

// Switch is a Frame Relay switch. It implements fabric.Engine.
type Switch struct {
	out   fabric.Output
	ports fabric.Ports[port]
	reply []byte // an LMI message is made here
}

type port struct {
	number   int
	up       bool
	stats    fabric.Stats
	circuits [MaxDLCI + 1]*circuit // by the DLCI of frames that arrive here
	lmi      lmi
}

// circuit is one direction of a circuit.
type circuit struct {
	to            *port
	dlci          uint16
	frames, bytes uint64
}

// New returns a switch without ports, whose frames leave through out.
func New(out fabric.Output) *Switch { return &Switch{out: out} }

// AddPort adds a port, number 0 to fabric.MaxPort.
func (s *Switch) AddPort(number int) error {
	return s.ports.Add(number, &port{number: number, up: true})
}

// RemovePort takes a port out, with all circuits that begin or end there. One
// that does not exist is ignored.
func (s *Switch) RemovePort(number int) {
	gone := s.ports.Get(number)
	if gone == nil {
		return
	}
	s.ports.All(func(_ int, p *port) bool {
		for dlci, c := range p.circuits {
			if c != nil && c.to == gone {
				p.set(dlci, nil)
			}
		}
		return true
	})
	s.ports.Remove(number)
}

// Connect makes a circuit for frames in both directions. It fails, and changes
// nothing, when one of the ends is not one or has a circuit already.
func (s *Switch) Connect(a, b Endpoint) error {
	if err := s.ConnectOneWay(a, b); err != nil {
		return err
	}
	if err := s.ConnectOneWay(b, a); err != nil {
		s.ports.Get(a.Port).set(a.DLCI, nil)
		return err
	}
	return nil
}

// ConnectOneWay makes a circuit for frames that arrive at from. The equipment
// there is told of it.
func (s *Switch) ConnectOneWay(from, to Endpoint) error {
	in, err := s.find(from)
	if err != nil {
		return err
	}
	out, err := s.find(to)
	if err != nil {
		return err
	}
	if from == to {
		return fmt.Errorf("circuit %v = %v: the two ends are the same", from, to)
	}
	if c := in.circuits[from.DLCI]; c != nil {
		return fmt.Errorf("circuit %v: DLCI %d of port %d is mapped already, to %v", from, from.DLCI, from.Port, c.end())
	}
	in.set(from.DLCI, &circuit{to: out, dlci: uint16(to.DLCI)})
	return nil
}

// Disconnect removes both directions of a circuit.
func (s *Switch) Disconnect(a, b Endpoint) error {
	if err := s.DisconnectOneWay(a, b); err != nil {
		return err
	}
	return s.DisconnectOneWay(b, a)
}

// DisconnectOneWay removes a circuit for frames that arrive at from.
func (s *Switch) DisconnectOneWay(from, to Endpoint) error {
	in, err := s.find(from)
	if err != nil {
		return err
	}
	if c := in.circuits[from.DLCI]; c == nil || c.end() != to {
		return fmt.Errorf("circuit %v = %v: there is none", from, to)
	}
	in.set(from.DLCI, nil)
	return nil
}

func (s *Switch) find(e Endpoint) (*port, error) {
	if e.DLCI < MinDLCI || e.DLCI > MaxDLCI {
		return nil, fmt.Errorf("circuit %v: DLCI %d: wanted %d to %d", e, e.DLCI, MinDLCI, MaxDLCI)
	}
	p, err := s.ports.Find(e.Port)
	if err != nil {
		return nil, fmt.Errorf("circuit %v: %w", e, err)
	}
	return p, nil
}

func (c *circuit) end() Endpoint { return Endpoint{c.to.number, int(c.dlci)} }

// active is the status of a circuit that ends at c.
func (c *circuit) active() bool { return c.to.serves() }

// set puts a circuit, or none, at a DLCI.
func (p *port) set(dlci int, c *circuit) {
	p.circuits[dlci] = c
	p.lmi.statusChanged()
}

// Circuits returns both directions of all circuits, by port and DLCI.
func (s *Switch) Circuits() []Circuit {
	var all []Circuit
	s.ports.All(func(n int, p *port) bool {
		for dlci, c := range p.circuits {
			if c != nil {
				all = append(all, Circuit{Endpoint{n, dlci}, c.end(), c.active(), c.frames, c.bytes})
			}
		}
		return true
	})
	return all
}

// SetUp implements fabric.Engine. Circuits that end at a port without a link
// are inactive. A port that gets a link begins LMI anew.
func (s *Switch) SetUp(number int, up bool) {
	p := s.ports.Get(number)
	if p == nil || p.up == up {
		return
	}
	served := p.serves()
	p.up = up
	p.lmi = lmi{count: p.lmi.count}
	s.tell(p, served)
}

// Stats implements fabric.Engine.
func (s *Switch) Stats(number int) fabric.Stats {
	if p := s.ports.Get(number); p != nil {
		return p.stats
	}
	return fabric.Stats{}
}

// Forward implements fabric.Engine.
func (s *Switch) Forward(now int64, number int, buf []byte) {
	in := s.ports.Get(number)
	if in == nil {
		return
	}
	frame := buf[fabric.Headroom:]
	in.stats.Received(len(frame))
	if why := s.pass(now, in, frame); why != ok {
		in.stats.Dropped[why]++
	}
}

// ok is no reason to drop a frame.
const ok = fabric.Drops

// The address field of two octets, big-endian: 15:10 and 7:4 DLCI; 9 C/R, 8
// extension (0), 3 FECN, 2 BECN, 1 DE, 0 extension (1).
const (
	dlciHigh  = 0xFC00
	dlciLow   = 0x00F0
	extension = 0x0101
	twoOctets = 0x0001
)

func dlciOf(address uint16) int { return int(address&dlciHigh>>6 | address&dlciLow>>4) }

func addressOf(dlci uint16) uint16 { return dlci<<6&dlciHigh | dlci<<4&dlciLow }

func (s *Switch) pass(now int64, in *port, frame []byte) fabric.Drop {
	switch {
	case len(frame) < minFrame:
		return fabric.Runt
	case len(frame) > fabric.MaxFrame:
		return fabric.Giant
	}
	address := binary.BigEndian.Uint16(frame)
	if address&extension != twoOctets {
		return fabric.Malformed
	}
	dlci := dlciOf(address)
	if dlci < MinDLCI || dlci > MaxDLCI {
		return s.manage(now, in, dlci, frame)
	}
	c := in.circuits[dlci]
	switch {
	case c == nil:
		return fabric.NoCircuit
	case !c.to.up:
		return fabric.Down
	}
	// C/R, FECN, BECN and DE are the users' own.
	binary.BigEndian.PutUint16(frame, address&^(dlciHigh|dlciLow)|addressOf(c.dlci))
	c.frames++
	c.bytes += uint64(len(frame))
	s.send(c.to, frame)
	return ok
}

func (s *Switch) send(out *port, frame []byte) {
	out.stats.Sent(len(frame))
	s.out(out.number, frame)
}
