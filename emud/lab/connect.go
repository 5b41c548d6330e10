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

// reference is a port that a connection names, with its place.
type reference struct {
	device *device
	at     pos
	iface  iface // of a router
	// port is the index in the router's Ports, -1 when there is no such port, or
	// the number of the switch's port.
	port int
}

// end is the end of a link that the reference means.
func (r *reference) end() End {
	if r.device.vswitch != nil {
		return End{Device: r.device.name, Port: strconv.Itoa(r.port)}
	}
	return End{Device: r.device.name, Port: r.iface.String()}
}

// kinds are what the port may carry: one kind, except for the ports of an ATMBR
// that no circuit names.
func (r *reference) kinds() []Kind {
	if r.device.vswitch != nil {
		return r.device.vswitch.kinds(r.port)
	}
	return []Kind{r.iface.kind()}
}

// String names the port in a message about its kind.
func (r *reference) String() string {
	if r.device.vswitch != nil {
		return r.end().String()
	}
	return r.iface.String()
}

// connection is a line "interface = target", or such a part of a switch's line.
type connection struct {
	from  *reference
	opt   *option
	words []field // of the target
	// One of these is set when the target could be read.
	to  *reference
	lan string
	nio NIO
}

type portKey struct{ device, port string }

var lanID = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// connection reads the left side of a connection; the right side waits until
// all devices are known.
func (b *builder) connection(d *device, o *option) {
	if o.value == "None" {
		return
	}
	i, err := parseInterface(o.key)
	if err != nil {
		b.errorf(o.at.line, o.at.column, "%v", err)
		b.outside(o.value)
		return
	}
	if line, twice := d.written[i]; twice {
		b.errorf(o.at.line, o.at.column, "%s is connected twice in this section (first on line %d)", i, line)
		return
	}
	d.written[i] = o.at.line
	b.conns = append(b.conns, &connection{from: b.refer(d, i, o.at), opt: o, words: fields(o.value)})
}

// refer notes that an interface is named.
func (b *builder) refer(d *device, i iface, at pos) *reference {
	r := &reference{device: d, iface: i, at: at, port: -1}
	d.wanted[i.slot] = append(d.wanted[i.slot], r)
	return r
}

// outside notes the target of a connection that is not made: when it is the
// port of a switch, no complaint follows that nothing is connected there.
func (b *builder) outside(target string) {
	if w := fields(target); len(w) == 2 {
		b.left = append(b.left, portKey{w[0].text, w[1].text})
	}
}

// connect resolves the right sides, fills empty slots, makes the links and
// then checks what the switches do with them.
func (b *builder) connect() {
	for _, c := range b.conns {
		b.target(c)
	}
	for _, p := range b.left {
		if d := b.devices[p.device]; d != nil && d.vswitch != nil {
			if n, ok := parsePort(p.port); ok {
				d.vswitch.named[n] = true
			}
		}
	}
	for _, d := range b.order {
		if d.router != nil {
			b.adapters(d)
		}
	}
	b.lans = map[string]bool{}
	b.ports = map[portKey]int{}
	b.claims = map[string]Link{}
	for _, c := range b.conns {
		b.link(c)
	}
	for _, d := range b.order {
		if d.vswitch != nil {
			b.finish(d.vswitch)
		}
	}
}

// target reads the right side of a connection.
func (b *builder) target(c *connection) {
	o, words := c.opt, c.words
	first := words[0]
	at := o.word(first.index)
	switch {
	case isNIO(first.text):
		b.nio(c)
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
	last := words[len(words)-1]
	switch {
	case d == nil && len(words) > 2 && b.devices[strings.TrimSpace(o.value[first.index:last.index])] != nil:
		return // a bad device name with blanks, already reported
	case d == nil:
		var names []string
		if len(b.order) <= 1000 { // a search among more would take too long
			for _, d := range b.order {
				names = append(names, d.name)
			}
		}
		b.errorf(at.line, at.column, "no device %q in this file%s", short(first.text), didYouMean(first.text, names))
	case len(words) == 1 && d.vswitch != nil:
		b.errorf(at.line, at.column, "connection to %s lacks the number of the port: write %s 1", d.name, d.name)
	case len(words) == 1:
		b.errorf(at.line, at.column, "connection to %s lacks the interface: write %s s1/0", d.name, d.name)
	case len(words) > 2 && d.vswitch != nil:
		extra := o.word(words[2].index)
		b.errorf(extra.line, extra.column, "connection has %d words: expected %s and the number of a port", len(words), d.name)
	case len(words) > 2:
		extra := o.word(words[2].index)
		b.errorf(extra.line, extra.column, "connection has %d words: expected DEVICE INTERFACE", len(words))
	case d.vswitch != nil:
		at := o.word(words[1].index)
		n, ok := parsePort(words[1].text)
		if !ok {
			b.errorf(at.line, at.column, "%q is not the number of a port: the ports of %s %s are 0 to %d", short(words[1].text), d.vswitch.Type, d.name, maxPort)
			return
		}
		c.to = d.refer(n, at)
	case d.router == nil: // another emulator's or machine's device; already reported
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
	if c.from.port < 0 || c.to != nil && c.to.port < 0 {
		return
	}
	l := Link{A: c.from.end(), Line: c.opt.at.line, Column: c.opt.at.column}
	at, targetAt := c.opt.at, c.opt.word(c.words[0].index)
	var what string
	var kinds []Kind
	switch {
	case c.to != nil:
		l.B, what, kinds, targetAt = c.to.end(), c.to.String(), c.to.kinds(), c.to.at
		if l.A == l.B {
			b.errorf(at.line, at.column, "%s is connected to itself", l.A)
			return
		}
	case c.lan != "":
		l.B, what, kinds = End{LAN: c.lan}, "a LAN", []Kind{Ethernet}
	case c.nio != NIO{}:
		at = targetAt
		l.B, what, kinds = End{NIO: c.nio}, c.nio.String(), slices.DeleteFunc([]Kind{Ethernet, Serial, ATM, POS}, func(k Kind) bool { return !c.nio.Carries(k) })
	default:
		return
	}
	var common []Kind
	for _, k := range c.from.kinds() {
		if slices.Contains(kinds, k) {
			common = append(common, k)
		}
	}
	switch len(common) {
	case 0:
		b.errorf(at.line, at.column, "cannot connect %s (%s) to %s (%s)", c.from, orKinds(c.from.kinds()), what, orKinds(kinds))
		return
	case 1:
		l.Kind = common[0]
	default:
		b.errorf(c.from.at.line, c.from.at.column, "cannot tell whether port %d of %s is ethernet or atm: no circuit names it; write %d = PORT:VPI:VCI or PORT = %d:VPI:VCI",
			c.from.port, c.from.device.name, c.from.port, c.from.port)
		return
	}
	// The same link written in both sections is one link.
	for _, e := range []End{l.A, l.B} {
		used, ok := b.ports[portKey{e.Device, e.Port}]
		if !ok || e.Device == "" {
			continue
		}
		o := b.lab.Links[used]
		if !o.same(l) {
			where := c.from.at
			if e == l.B {
				where = targetAt
			}
			b.errorf(where.line, where.column, "%s is already connected to %s (line %d)", e, o.other(e), o.Line)
		}
		return
	}
	if l.B.LAN != "" && !b.lans[l.B.LAN] {
		b.lans[l.B.LAN] = true
		b.lab.LANs = append(b.lab.LANs, &LAN{ID: l.B.LAN})
	}
	for _, r := range []*reference{c.from, c.to} {
		if r == nil {
			continue
		}
		e := r.end()
		b.ports[portKey{e.Device, e.Port}] = len(b.lab.Links)
		if r.device.vswitch != nil {
			r.device.vswitch.plug(r.port, l)
		}
	}
	b.claim(c, l)
	b.lab.Links = append(b.lab.Links, l)
}

// orKinds lists kinds for a message: ethernet or atm.
func orKinds(kinds []Kind) string {
	var words []string
	for _, k := range kinds {
		words = append(words, string(k))
	}
	return strings.Join(words, " or ")
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
