// Package ethsw is the Ethernet switch of a lab, ETHSW: ports in one VLAN
// (access), ports that carry all VLANs (dot1q) and ports of a provider's
// customers (qinq), and a table of stations for each VLAN. It is pure: frames
// in, frames out; see package fabric.
//
// Source: netio-hypervisor reference, section 9, which is Dynamips' switch;
// IEEE 802.1Q where that one is wrong:
//
//   - the customer's tag survives from one qinq port to another;
//   - stations that are silent for AgeingTime are forgotten;
//   - there is a table for each VLAN, and group addresses are not learned;
//   - frames stay in their VLAN: what follows the tag of the native VLAN may be
//     a tag itself (it entered at an access port, or was tagged twice), and such
//     a frame leaves a dot1q port with the native VLAN's tag in front;
//   - priority-tagged frames (VLAN 0) belong to the port's own VLAN and keep
//     their priority where they leave with a tag.
//
// As there, an access port does not look at the tags of other VLANs: a tagged
// frame is the payload of one in the port's VLAN. Reserved group addresses
// (spanning tree, pause, LACP, LLDP) are flooded like any other.
package ethsw

import (
	"encoding/binary"
	"fmt"

	"dynemu/vm/fabric"
)

// Mode is what a port does with tags.
type Mode uint8

// The modes.
const (
	// Access: frames of one VLAN, without its tag.
	Access Mode = iota
	// Dot1Q: frames of all VLANs with tag, those of the native one without.
	Dot1Q
	// QinQ: tagged frames of a customer, all of them in one outer VLAN, whose tag
	// they have on dot1q ports only. Frames without tag are refused.
	QinQ
)

var modeNames = [...]string{"access", "dot1q", "qinq"}

// String returns the word of lab files.
func (m Mode) String() string {
	if int(m) < len(modeNames) {
		return modeNames[m]
	}
	return fmt.Sprintf("Mode(%d)", uint8(m))
}

// ParseMode returns the mode that a lab file's word means.
func ParseMode(word string) (Mode, error) {
	for m, name := range modeNames {
		if word == name {
			return Mode(m), nil
		}
	}
	return 0, fmt.Errorf("port type %q: wanted access, dot1q or qinq", word)
}

// Tag protocol identifiers: what begins a tag.
const (
	CTag      = 0x8100 // IEEE 802.1Q
	STag      = 0x88A8 // IEEE 802.1ad
	OldTag    = 0x9100 // before 802.1ad
	OlderTag  = 0x9200
	tagSize   = 4
	addresses = 12 // bytes of destination and source before the type
	header    = addresses + 2
	vidMask   = 0xFFF
)

func isTag(ethertype uint16) bool {
	switch ethertype {
	case CTag, STag, OldTag, OlderTag:
		return true
	}
	return false
}

// Config is the configuration of a port.
type Config struct {
	Mode Mode
	// VLAN is the port's VLAN (access), the native VLAN (dot1q) or the outer
	// VLAN (qinq): 1 to 4094.
	VLAN int
	// EtherType begins the outer tag (qinq): CTag, which 0 stands for, STag,
	// OldTag or OlderTag. Other modes have none.
	EtherType int
}

// Check tells what is wrong with c.
func (c Config) Check() error {
	switch {
	case int(c.Mode) >= len(modeNames):
		return fmt.Errorf("port type %v: wanted access, dot1q or qinq", c.Mode)
	case c.VLAN < 1 || c.VLAN > 4094:
		return fmt.Errorf("VLAN %d: wanted 1 to 4094", c.VLAN)
	case c.EtherType == 0:
		return nil
	case c.Mode != QinQ:
		return fmt.Errorf("ethertype %#04x: only a qinq port has one", c.EtherType)
	case c.EtherType < 0 || c.EtherType > 0xFFFF || !isTag(uint16(c.EtherType)):
		return fmt.Errorf("ethertype %#04x: wanted 0x8100, 0x88a8, 0x9100 or 0x9200", c.EtherType)
	}
	return nil
}

// Switch is an Ethernet switch. It implements fabric.Engine.
type Switch struct {
	out   fabric.Output
	ports fabric.Ports[port]
	list  []*port // in the order of their numbers, for flooding
	table table
	now   uint32 // seconds
}

type port struct {
	number    int
	mode      Mode
	vlan      uint16
	ethertype uint16
	up        bool
	stats     fabric.Stats
}

// New returns a switch without ports, whose frames leave through out.
func New(out fabric.Output) *Switch { return &Switch{out: out} }

// AddPort adds a port, number 0 to fabric.MaxPort.
func (s *Switch) AddPort(number int, c Config) error {
	if err := c.Check(); err != nil {
		return fmt.Errorf("port %d: %w", number, err)
	}
	p := &port{number: number, up: true}
	p.configure(c)
	if err := s.ports.Add(number, p); err != nil {
		return err
	}
	s.relist()
	return nil
}

// SetPort changes a port's configuration. The switch forgets the stations
// behind it when that changes something.
func (s *Switch) SetPort(number int, c Config) error {
	p, err := s.ports.Find(number)
	if err != nil {
		return err
	}
	if err := c.Check(); err != nil {
		return fmt.Errorf("port %d: %w", number, err)
	}
	was := *p
	p.configure(c)
	if p.mode != was.mode || p.vlan != was.vlan {
		s.table.forget(number)
	}
	return nil
}

func (p *port) configure(c Config) {
	p.mode, p.vlan, p.ethertype = c.Mode, uint16(c.VLAN), CTag
	if c.EtherType != 0 {
		p.ethertype = uint16(c.EtherType)
	}
}

// RemovePort takes a port out and forgets the stations behind it. One that does
// not exist is ignored.
func (s *Switch) RemovePort(number int) {
	s.ports.Remove(number)
	s.table.forget(number)
	s.relist()
}

func (s *Switch) relist() {
	s.list = s.list[:0]
	s.ports.All(func(_ int, p *port) bool {
		s.list = append(s.list, p)
		return true
	})
}

// SetUp implements fabric.Engine. The stations behind a port that loses its
// link are forgotten.
func (s *Switch) SetUp(number int, up bool) {
	p := s.ports.Get(number)
	if p == nil || p.up == up {
		return
	}
	p.up = up
	if !up {
		s.table.forget(number)
	}
}

// Stats implements fabric.Engine.
func (s *Switch) Stats(number int) fabric.Stats {
	if p := s.ports.Get(number); p != nil {
		return p.stats
	}
	return fabric.Stats{}
}

// Tick implements fabric.Engine. The switch has nothing to do in time: stations
// are forgotten when somebody looks for them.
func (s *Switch) Tick(now int64) int64 {
	s.setNow(now)
	return 0
}

// Next implements fabric.Engine.
func (s *Switch) Next() int64 { return 0 }

func (s *Switch) setNow(now int64) { s.now = uint32(now / 1e9) }

// packet is a frame inside the switch. It has two forms, one with the tag of
// its VLAN and one without, and is made into one or the other in place.
type packet struct {
	buf      []byte // the frame is buf[at:]
	at       int
	isTagged bool   // the form that it has
	tpid     uint16 // the tag of the other form, or of this one
	tci      uint16
	vlan     uint16
	nested   bool // the form without tag begins with a tag of somebody else
	customer bool // it came from a qinq port
	trunk    bool // it came with a tag from a dot1q port
}

// form returns the frame with or without the tag of its VLAN.
func (f *packet) form(tagged bool) []byte {
	switch {
	case tagged && !f.isTagged:
		f.at -= tagSize
		copy(f.buf[f.at:], f.buf[f.at+tagSize:][:addresses])
		binary.BigEndian.PutUint16(f.buf[f.at+addresses:], f.tpid)
		binary.BigEndian.PutUint16(f.buf[f.at+addresses+2:], f.tci)
	case !tagged && f.isTagged:
		copy(f.buf[f.at+tagSize:], f.buf[f.at:][:addresses])
		f.at += tagSize
	}
	f.isTagged = tagged
	return f.buf[f.at:]
}

// typeAt returns the 16 bits after n bytes of the frame, 0 behind its end.
func (f *packet) typeAt(n int) uint16 {
	if b := f.buf[f.at:]; len(b) >= n+2 {
		return binary.BigEndian.Uint16(b[n:])
	}
	return 0
}

// Forward implements fabric.Engine.
func (s *Switch) Forward(now int64, number int, buf []byte) {
	in := s.ports.Get(number)
	if in == nil {
		return
	}
	s.setNow(now)
	size := len(buf) - fabric.Headroom
	in.stats.Received(size)
	f := packet{buf: buf, at: fabric.Headroom}
	if why := s.admit(in, &f, size); why != ok {
		in.stats.Dropped[why]++
		return
	}
	head := f.buf[f.at:]
	destination, source := address(head), address(head[6:])
	s.table.learn(key(source, f.vlan), number, s.now)
	if destination&group == 0 {
		if n, known := s.table.find(key(destination, f.vlan), s.now); known {
			out := s.ports.Get(n)
			switch {
			case out == in:
				in.stats.Dropped[fabric.Filtered]++
			case !s.send(out, &f):
				in.stats.Dropped[fabric.NoPort]++
			}
			return
		}
	}
	sent := false
	for _, out := range s.list {
		if out != in && s.send(out, &f) {
			sent = true
		}
	}
	if !sent {
		in.stats.Dropped[fabric.NoPort]++
	}
}

// ok is no reason to drop a frame.
const ok = fabric.Drops

// admit finds out in which VLAN a frame is, or why it is dropped.
func (s *Switch) admit(in *port, f *packet, size int) fabric.Drop {
	switch {
	case size < header:
		return fabric.Runt
	case size > fabric.MaxFrame-tagSize: // it may get a tag
		return fabric.Giant
	case f.buf[f.at+6]&1 != 0:
		return fabric.GroupSource
	}
	f.tpid, f.vlan, f.tci = in.ethertype, in.vlan, in.vlan
	first := f.typeAt(addresses)
	f.nested = isTag(first)
	whole := size >= header+tagSize // room for a tag and a type behind it
	vid := f.typeAt(header) & vidMask
	switch {
	case in.mode == QinQ && !f.nested:
		return fabric.Untagged
	case in.mode != Access && f.nested && !whole:
		return fabric.Malformed
	case in.mode == QinQ:
		f.customer = true
	case f.nested && whole && vid == 0: // the priority is all that it tells
		f.tci |= f.typeAt(header) &^ vidMask
		f.isTagged = true
		f.form(false)
		f.nested = isTag(f.typeAt(addresses))
	case in.mode == Dot1Q && f.nested:
		if vid == vidMask {
			return fabric.Malformed
		}
		f.tpid, f.tci, f.vlan = first, f.typeAt(header), vid
		f.isTagged, f.trunk = true, true
		f.nested = isTag(f.typeAt(addresses + tagSize))
	}
	return ok
}

// send lets a frame out of a port, if that carries it and has a link.
func (s *Switch) send(out *port, f *packet) bool {
	tagged := false
	carries := out.vlan == f.vlan
	switch out.mode {
	case Access:
		carries = carries && !f.customer
	case Dot1Q:
		tagged = !carries || f.nested
		carries = true
	case QinQ:
		carries = carries && (f.customer || f.trunk)
	}
	if !carries || !out.up {
		return false
	}
	frame := f.form(tagged)
	out.stats.Sent(len(frame))
	s.out(out.number, frame)
	return true
}
