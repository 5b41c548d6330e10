package frsw

import (
	"fmt"
	"math/bits"
	"time"

	"dynemu/vm/fabric"
)

// The local management interface. The equipment sends a STATUS ENQUIRY about
// every 10 seconds, and the switch answers each with a STATUS: whether the link
// is whole, told by sequence numbers, and, where asked for, the status of all
// circuits. In the reply to Annex D:
//
//	00 01        address: DLCI 0
//	03           unnumbered information
//	08 00 7d     protocol discriminator, call reference 0, STATUS
//	95           locking shift to codeset 5
//	01 01 tt     report type: 0 all circuits, 1 sequence numbers only
//	03 02 ss rr  sequence numbers: sent, received
//	07 03 ...    a circuit: 6 bits and 4 bits of the DLCI, status
//
// Annex A has no shift, and elements 51, 53 and 57. The consortium's LMI is at
// DLCI 1023, with protocol discriminator 09, and an element 07 of six octets:
// DLCI in 16 bits, status, and 24 bits for a rate, 0 here.
//
// A port speaks the type of the first enquiry that it answers: equipment that
// does not know the type asks with all of them at once. It changes to another
// type when that one was not heard for T392.
//
// A status that changed is told in the answer to the next enquiry, whichever
// report that asks for, and again until the equipment confirms an answer that
// had it (Q.933, A.4.2). Nothing is sent without an enquiry.
//
// Source: netio-hypervisor reference, 10.1 (Annex D, byte for byte); ANSI
// T1.617 Annex D; ITU-T Q.933 Annex A; the Frame Relay Specification with
// Extensions of 1990 (document 001-208966).

// Parameters of the network's side (T1.617, D.7; Q.933, A.7).
const (
	T392 = 15 * time.Second // an enquiry must come in this time
	N392 = 3                // errors ...
	N393 = 4                // ... in this many events, after which a port does not serve
)

// LMIType is a type of LMI.
type LMIType uint8

// The types.
const (
	NoLMI LMIType = iota // none was heard yet
	ANSI                 // T1.617 Annex D
	Q933A                // Q.933 Annex A
	Cisco                // the consortium's
)

// String returns the word that IOS has for the type.
func (t LMIType) String() string {
	switch t {
	case NoLMI:
		return "none"
	case ANSI:
		return "ansi"
	case Q933A:
		return "q933a"
	case Cisco:
		return "cisco"
	}
	return fmt.Sprintf("LMIType(%d)", uint8(t))
}

// format is what differs between the types.
type format struct {
	dlci          int
	discriminator byte
	shift         bool // a locking shift follows the type of the message
	report        byte // information elements
	sequence      byte
	circuit       byte
}

var formats = [...]format{
	ANSI:  {dlci: 0, discriminator: 0x08, shift: true, report: 0x01, sequence: 0x03, circuit: 0x07},
	Q933A: {dlci: 0, discriminator: 0x08, report: 0x51, sequence: 0x53, circuit: 0x57},
	Cisco: {dlci: 1023, discriminator: 0x09, report: 0x01, sequence: 0x03, circuit: 0x07},
}

const (
	unnumbered    = 0x03
	statusEnquiry = 0x75
	status        = 0x7D
	lockingShift  = 0x95

	fullStatus   = 0
	sequenceOnly = 1

	lastOctet = 0x80 // of an element in codeset 5
	active    = 0x02
)

// lmi is the state of LMI at a port.
type lmi struct {
	kind     LMIType
	heard    int64 // when the last enquiry of this type came
	deadline int64 // when T392 runs out; 0: not running
	sequence byte  // of the last message sent; 0 before the first
	events   uint8 // the last N393 events, the newest in bit 0; 1 is an error
	failed   bool
	changed  bool // the equipment has to be told the status of circuits
	told     bool // the last answer had it
	count    LMIStats
}

// LMIStats tells how LMI at a port fares. The counts begin with the port.
type LMIStats struct {
	Type      LMIType
	Failed    bool   // the equipment fell silent, or lost N392 of N393 messages
	Enquiries uint64 // answered
	Timeouts  uint64 // T392 ran out
	Lost      uint64 // enquiries that confirm another message than the last
}

// LMI returns how LMI at a port fares, zero for a port that does not exist.
func (s *Switch) LMI(number int) LMIStats {
	p := s.ports.Get(number)
	if p == nil {
		return LMIStats{}
	}
	c := p.lmi.count
	c.Type, c.Failed = p.lmi.kind, p.lmi.failed
	return c
}

// serves reports whether the circuits that end at a port are active.
func (p *port) serves() bool { return p.up && !p.lmi.failed }

// tell notes at the ports of circuits that end at p that their status changed,
// if it did.
func (s *Switch) tell(p *port, served bool) {
	if p.serves() == served {
		return
	}
	s.ports.All(func(_ int, from *port) bool {
		for _, c := range from.circuits {
			if c != nil && c.to == p {
				from.lmi.statusChanged()
				break
			}
		}
		return true
	})
}

func (l *lmi) statusChanged() { l.changed, l.told = true, false }

// event notes that a message came in order, or that none did. A port fails with
// N392 errors in N393 events and recovers with N392 events without any.
func (l *lmi) event(err bool) {
	l.events = l.events << 1 & (1<<N393 - 1)
	if err {
		l.events |= 1
	}
	switch {
	case bits.OnesCount8(l.events) >= N392:
		l.failed = true
	case l.events&(1<<N392-1) == 0:
		l.failed = false
	}
}

// enquiry is what a STATUS ENQUIRY has to say.
type enquiry struct {
	kind           LMIType
	report         byte
	sent, received byte // sequence numbers
}

// parse reads an enquiry; frame has minFrame bytes.
func parse(dlci int, frame []byte) (e enquiry, good bool) {
	head := frame[2:]
	switch {
	case len(head) < 5 || head[0] != unnumbered || head[2] != 0 || head[3] != statusEnquiry:
		return e, false
	case dlci == formats[Cisco].dlci:
		e.kind = Cisco
	case head[4] == lockingShift:
		e.kind = ANSI
	default:
		e.kind = Q933A
	}
	f := &formats[e.kind]
	if head[1] != f.discriminator {
		return e, false
	}
	rest := head[4:]
	if f.shift {
		rest = rest[1:]
	}
	// What is behind an element of another kind is not looked at: it may be
	// padding.
	haveReport, haveSequence := false, false
	for len(rest) >= 2 && len(rest) >= 2+int(rest[1]) {
		switch {
		case rest[0] == f.report && rest[1] == 1:
			e.report, haveReport = rest[2], true
		case rest[0] == f.sequence && rest[1] == 2:
			e.sent, e.received, haveSequence = rest[2], rest[3], true
		default:
			rest = nil
			continue
		}
		rest = rest[2+int(rest[1]):]
	}
	return e, haveReport && haveSequence && e.report <= sequenceOnly
}

// manage takes a frame at a DLCI of LMI.
func (s *Switch) manage(now int64, p *port, dlci int, frame []byte) fabric.Drop {
	e, good := parse(dlci, frame)
	if !good {
		return fabric.BadLMI
	}
	if !p.up {
		return fabric.Down
	}
	l := &p.lmi
	if e.kind != l.kind && l.kind != NoLMI && now-l.heard < int64(T392) {
		return fabric.OtherLMI
	}
	served := p.serves()
	switch {
	case e.kind != l.kind, e.received == 0:
		// The equipment has begun anew, and will ask for a full report by itself;
		// or it was there before the switch was.
		*l = lmi{kind: e.kind, changed: e.received != 0, count: l.count}
	case e.received != l.sequence:
		l.count.Lost++
		l.event(true)
	default:
		if l.told {
			l.changed, l.told = false, false
		}
		l.event(false)
	}
	l.heard, l.deadline = now, now+int64(T392)
	l.count.Enquiries++
	s.tell(p, served)
	// The number that the equipment has is what the next one counts from.
	l.sequence = e.received
	if l.sequence++; l.sequence == 0 {
		l.sequence = 1
	}
	report := e.report
	if l.changed {
		report = fullStatus
	}
	l.told = report == fullStatus
	s.reply = p.appendStatus(s.reply[:0], report, e.sent)
	s.send(p, s.reply)
	return ok
}

// appendStatus appends a STATUS message to b.
func (p *port) appendStatus(b []byte, report, received byte) []byte {
	f := &formats[p.lmi.kind]
	address := addressOf(uint16(f.dlci)) | twoOctets
	b = append(b, byte(address>>8), byte(address), unnumbered, f.discriminator, 0, status)
	if f.shift {
		b = append(b, lockingShift)
	}
	b = append(b, f.report, 1, report, f.sequence, 2, p.lmi.sequence, received)
	if report != fullStatus {
		return b
	}
	for dlci, c := range p.circuits {
		if c == nil {
			continue
		}
		state := byte(0)
		if c.active() {
			state = active
		}
		if p.lmi.kind == Cisco {
			b = append(b, f.circuit, 6, byte(dlci>>8), byte(dlci), state, 0, 0, 0)
		} else {
			b = append(b, f.circuit, 3, byte(dlci>>4), lastOctet|byte(dlci&15)<<3, lastOctet|state)
		}
	}
	return b
}

// Tick implements fabric.Engine: it watches for equipment that fell silent.
func (s *Switch) Tick(now int64) (next int64) {
	s.ports.All(func(_ int, p *port) bool {
		l := &p.lmi
		served := p.serves()
		for l.deadline != 0 && l.deadline <= now {
			l.count.Timeouts++
			l.event(true)
			l.deadline += int64(T392)
			if l.events == 1<<N393-1 {
				l.deadline = 0 // more of the same tells nothing
			}
		}
		s.tell(p, served)
		return true
	})
	return s.Next()
}

// Next implements fabric.Engine.
func (s *Switch) Next() (next int64) {
	s.ports.All(func(_ int, p *port) bool {
		if d := p.lmi.deadline; d != 0 && (next == 0 || d < next) {
			next = d
		}
		return true
	})
	return next
}
