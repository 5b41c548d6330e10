package lab

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Connections, adapters and the ports that they need.
//
// Source: lab-files-and-console reference, sections 5 and 6.

// reference is an interface that a connection names, with its place.
type reference struct {
	device *device
	iface  iface
	at     pos
	// port is the index in the router's Ports, -1 when there is no such port.
	port int
}

// connection is a line "interface = target".
type connection struct {
	from *reference
	to   *reference // nil: no router
	lan  string     // "" : no LAN
	opt  *option
}

type portKey struct{ device, port string }

var lanID = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

var nioTypes = []string{"NIO_linux_eth", "NIO_gen_eth", "NIO_udp", "NIO_tap", "NIO_unix", "NIO_vde", "NIO_null", "NIO_host"}

// connection reads the left side of a connection; the right side waits until
// all devices are known.
func (b *builder) connection(d *device, o *option) {
	if o.value == "None" {
		return
	}
	i, err := parseInterface(o.key)
	if err != nil {
		b.errorf(o.at.line, o.at.column, "%v", err)
		return
	}
	if line, twice := d.written[i]; twice {
		b.errorf(o.at.line, o.at.column, "%s is connected twice in this section (first on line %d)", i, line)
		return
	}
	d.written[i] = o.at.line
	b.conns = append(b.conns, &connection{from: b.refer(d, i, o.at), opt: o})
}

// refer notes that an interface is named.
func (b *builder) refer(d *device, i iface, at pos) *reference {
	r := &reference{device: d, iface: i, at: at, port: -1}
	d.wanted[i.slot] = append(d.wanted[i.slot], r)
	return r
}

// connect resolves the right sides, fills empty slots and makes the links.
func (b *builder) connect() {
	for _, c := range b.conns {
		b.target(c)
	}
	for _, d := range b.order {
		b.adapters(d)
	}
	b.lans = map[string]bool{}
	b.ports = map[portKey]int{}
	for _, c := range b.conns {
		b.link(c)
	}
}

// target reads the right side of a connection.
func (b *builder) target(c *connection) {
	o := c.opt
	words := fields(o.value)
	first := words[0]
	at := o.word(first.index)
	switch {
	case len(first.text) >= 4 && strings.EqualFold(first.text[:4], "nio_"):
		b.nio(o, at)
		return
	case strings.EqualFold(first.text, "LAN"):
		if len(words) != 2 || !lanID.MatchString(words[1].text) {
			b.errorf(at.line, at.column, "a LAN is written as LAN and a name of letters, digits, _ - and .: LAN 1")
			return
		}
		c.lan = words[1].text
		return
	}
	d := b.devices[first.text]
	switch {
	case d == nil && len(words) > 2 && b.devices[strings.TrimSpace(o.value[:words[len(words)-1].index])] != nil:
		return // a bad device name with blanks, already reported
	case d == nil:
		var names []string
		if len(b.order) <= 1000 { // a search among more would take too long
			for _, d := range b.order {
				names = append(names, d.name)
			}
		}
		b.errorf(at.line, at.column, "no device %q in this file%s", short(first.text), didYouMean(first.text, names))
	case len(words) == 1:
		b.errorf(at.line, at.column, "connection to %s lacks the interface: write %s s1/0", d.name, d.name)
	case len(words) > 2:
		extra := o.word(words[2].index)
		b.errorf(extra.line, extra.column, "connection has %d words: expected DEVICE INTERFACE", len(words))
	case d.router == nil: // a switch or another emulator's device; already reported
	default:
		at := o.word(words[1].index)
		i, err := parseInterface(words[1].text)
		if err != nil {
			b.errorf(at.line, at.column, "%v", err)
			return
		}
		c.to = b.refer(d, i, at)
	}
}

// nio refuses a connection to something outside of the lab.
func (b *builder) nio(o *option, at pos) {
	typ, rest, _ := strings.Cut(o.value, ":")
	for _, t := range nioTypes {
		if !strings.EqualFold(typ, t) {
			continue
		}
		if strings.Contains(rest, `\`) {
			b.errorf(at.line, at.column, "%s names an interface of Windows; on Linux write NIO_linux_eth:eth0 with an interface that \"ip link\" lists", short(o.value))
			return
		}
		b.errorf(at.line, at.column, "%s connections are not supported yet", t)
		return
	}
	b.errorf(at.line, at.column, "unknown connection %q%s; the kinds are %s", short(typ), didYouMean(typ, nioTypes), strings.Join(nioTypes, " "))
}

// adapters settles what is in each slot of a router and lists its ports.
func (b *builder) adapters(d *device) {
	r, m := d.router, d.model
	if m == nil {
		return
	}
	r.Slots = make([]string, m.slots)
	for slot := range r.Slots {
		if v, ok := d.values["slot"+strconv.Itoa(slot)]; ok {
			r.Slots[slot] = v.text
			if accepted := d.accepts(slot); !slices.Contains(accepted, v.text) {
				at := v.opt.valueAt
				b.errorf(at.line, at.column, "%s is not supported in slot %d of a %s (%s); it takes %s",
					v.opt.value, slot, d.kind(slot), r.Name, strings.Join(accepted, " "))
			}
		}
	}
	if m.built != "" {
		r.Slots[0] = m.built
	}
	if m.wicSlots > 0 {
		r.WICs = make([]string, m.wicSlots)
		for w := range r.WICs {
			r.WICs[w] = d.values[fmt.Sprintf("wic0/%d", w)].text
		}
		b.wics(d)
	}
	for slot := range r.Slots {
		if r.Slots[slot] == "" && len(d.wanted[slot]) > 0 {
			r.Slots[slot] = b.automatic(d, slot)
		}
	}
	r.Ports = r.listPorts()
	r.Unsupported = r.unsupported()
	for _, slot := range slices.Sorted(maps.Keys(d.wanted)) {
		for _, ref := range d.wanted[slot] {
			b.locate(ref)
		}
	}
}

// automatic chooses the adapter for an empty slot from the first interface
// named there; "" after an error. A second port of Fast Ethernet named on a
// 7200 asks for the card with two.
func (b *builder) automatic(d *device, slot int) string {
	m, first := d.model, d.wanted[slot][0]
	table := m.auto
	if slot == 0 {
		table = m.auto0
	}
	a := table[first.iface.letter]
	if m.name == "7200" && first.iface.letter == "f" {
		two := "PA-2FE-TX"
		if slot == 0 {
			two = "C7200-IO-2FE"
		}
		for _, ref := range d.wanted[slot] {
			if ref.iface.letter == "f" && ref.iface.port == 1 && slices.Contains(d.accepts(slot), two) {
				return two
			}
		}
	}
	if !slices.Contains(d.accepts(slot), a) {
		return ""
	}
	return a
}

// wics puts WIC-2Ts into free WIC slots until the serial interfaces named on
// the motherboard exist, or no slot is free.
func (b *builder) wics(d *device) {
	most := -1
	for _, ref := range d.wanted[0] {
		if ref.iface.letter == "s" {
			most = max(most, ref.iface.port)
		}
	}
	for {
		have := 0
		for _, w := range d.router.WICs {
			have += adapterTable[w].ports
		}
		free := slices.Index(d.router.WICs, "")
		if have > most || free < 0 {
			return
		}
		d.router.WICs[free] = "WIC-2T"
	}
}

// listPorts lists the ports of all adapters and WICs.
func (r *Router) listPorts() []Port {
	var ports []Port
	add := func(letter string, slot, port, index int) {
		i := iface{letter, slot, port}
		ports = append(ports, Port{Name: i.String(), Kind: i.kind(), Slot: slot, Index: index})
	}
	for slot, name := range r.Slots {
		a := adapterTable[name]
		for n := range a.ports {
			add(a.letter, slot, n, n)
		}
		if slot == 0 {
			serial := 0
			for w, name := range r.WICs {
				for n := range adapterTable[name].ports {
					add("s", 0, serial, 16*(w+1)+n)
					serial++
				}
			}
		}
	}
	return ports
}

// locate finds the port that a reference names.
func (b *builder) locate(ref *reference) {
	d, i := ref.device, ref.iface
	r := d.router
	if ref.port = slices.IndexFunc(r.Ports, func(p Port) bool { return p.Name == i.String() }); ref.port >= 0 {
		return
	}
	complain := func(format string, args ...any) { b.errorf(ref.at.line, ref.at.column, format, args...) }
	switch {
	case i.slot >= len(r.Slots):
		complain("invalid slot %d in %s: %s is a %s with slots 0 to %d", i.slot, i, r.Name, r.Model, len(r.Slots)-1)
	case r.Slots[i.slot] == "":
		complain("unsupported interface %s: slot %d of a %s (%s) takes %s", i, i.slot, d.kind(i.slot), r.Name,
			strings.Join(d.accepts(i.slot), " "))
	default:
		complain("%s has no interface %s: slot %d holds %s%s%s", r.Name, i, i.slot, r.Slots[i.slot], r.portRange(i.slot), d.restriction(i.slot))
	}
}

// portRange describes the ports of a slot for a message.
func (r *Router) portRange(slot int) string {
	var names []string
	for _, p := range r.Ports {
		if p.Slot == slot {
			names = append(names, p.Name)
		}
	}
	switch len(names) {
	case 0:
		return " without ports"
	case 1, 2:
		return " with " + strings.Join(names, " and ")
	}
	return " with " + names[0] + " to " + names[len(names)-1]
}

// link makes the link of a connection whose ends are known.
func (b *builder) link(c *connection) {
	if c.from.port < 0 || c.lan == "" && (c.to == nil || c.to.port < 0) {
		return
	}
	from := End{Device: c.from.device.name, Port: c.from.iface.String()}
	l := Link{A: from, Kind: c.from.iface.kind(), Line: c.opt.at.line}
	at := c.opt.at
	if c.lan != "" {
		if l.Kind != Ethernet {
			b.errorf(at.line, at.column, "cannot connect %s (%s) to a LAN (ethernet)", c.from.iface, l.Kind)
			return
		}
		l.B = End{LAN: c.lan}
	} else {
		l.B = End{Device: c.to.device.name, Port: c.to.iface.String()}
		switch kind := c.to.iface.kind(); {
		case l.A == l.B:
			b.errorf(at.line, at.column, "%s %s is connected to itself", l.A.Device, l.A.Port)
			return
		case kind != l.Kind:
			b.errorf(at.line, at.column, "cannot connect %s (%s) to %s (%s)", c.from.iface, l.Kind, c.to.iface, kind)
			return
		}
	}
	// The same link written in both sections is one link.
	for _, e := range []End{l.A, l.B} {
		used, ok := b.ports[portKey{e.Device, e.Port}]
		if !ok || e.LAN != "" {
			continue
		}
		o := b.lab.Links[used]
		if !o.same(l) {
			where := at
			if e == l.B {
				where = c.to.at
			}
			b.errorf(where.line, where.column, "%s %s is already connected to %s (line %d)", e.Device, e.Port, o.other(e), o.Line)
		}
		return
	}
	for _, e := range []End{l.A, l.B} {
		if e.LAN == "" {
			b.ports[portKey{e.Device, e.Port}] = len(b.lab.Links)
		} else if !b.lans[e.LAN] {
			b.lans[e.LAN] = true
			b.lab.LANs = append(b.lab.LANs, &LAN{ID: e.LAN})
		}
	}
	b.lab.Links = append(b.lab.Links, l)
}

// String names the end as messages and lab files do: R1 s1/0, S1 3, LAN 1 or
// NIO_tap:tap0.
func (e End) String() string {
	switch {
	case e.LAN != "":
		return "LAN " + e.LAN
	case e.NIO != NIO{}:
		return e.NIO.String()
	}
	return e.Device + " " + e.Port
}

// same reports whether two links join the same ends, in either direction.
func (l Link) same(o Link) bool {
	return l.Kind == o.Kind && (l.A == o.A && l.B == o.B || l.A == o.B && l.B == o.A)
}

// other returns the end of the link that is not e.
func (l Link) other(e End) End {
	if l.A == e {
		return l.B
	}
	return l.A
}
