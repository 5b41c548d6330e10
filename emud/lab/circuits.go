package lab

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Circuits of Frame Relay switches, ATM switches and ATM bridges.
//
// Source: lab-files-and-console reference, section 5, and netio-hypervisor
// reference, sections 10 and 11.

// The numbers of circuits. DLCIs 0 and 1023 belong to LMI.
const (
	minDLCI, maxDLCI = 1, 1022
	maxVPI           = 4095
	maxVCI           = 65535
)

// Circuit joins two ends in a switch, both ways: a PVC of an FRSW, a VP (both
// VCIs are -1) or VC of an ATMSW. An ATMBR's is from an Ethernet port to a VC.
type Circuit struct {
	From, To CircuitEnd
	Line     int
}

// CircuitEnd is a port, and what carries the circuit there.
type CircuitEnd struct {
	Port     int
	DLCI     int // 1 to 1022; 0: this is no Frame Relay
	VPI, VCI int // -1: none
}

// String is the circuit as lab files write it: 1:102 = 2:201.
func (c Circuit) String() string { return fmt.Sprintf("%s = %s", c.From, c.To) }

// String is the end as lab files write it: PORT, PORT:DLCI, PORT:VPI or
// PORT:VPI:VCI.
func (e CircuitEnd) String() string {
	switch {
	case e.DLCI != 0:
		return fmt.Sprintf("%d:%d", e.Port, e.DLCI)
	case e.VPI < 0:
		return strconv.Itoa(e.Port)
	case e.VCI < 0:
		return fmt.Sprintf("%d:%d", e.Port, e.VPI)
	}
	return fmt.Sprintf("%d:%d:%d", e.Port, e.VPI, e.VCI)
}

// key identifies the circuit by its ends, whichever the file has first.
func (c Circuit) key() [2]CircuitEnd {
	a, b := c.From, c.To
	if b.less(a) {
		a, b = b, a
	}
	return [2]CircuitEnd{a, b}
}

func (e CircuitEnd) less(o CircuitEnd) bool {
	if e.Port != o.Port {
		return e.Port < o.Port
	}
	if e.DLCI != o.DLCI {
		return e.DLCI < o.DLCI
	}
	if e.VPI != o.VPI {
		return e.VPI < o.VPI
	}
	return e.VCI < o.VCI
}

// circuitLine is a circuit with the places of its ends.
type circuitLine struct {
	Circuit
	fromAt, toAt pos
}

// circuit reads a line of an FRSW or ATMSW that joins two ends.
func (b *builder) circuit(sw *vswitch, o *option) {
	if sw.Type != "FRSW" && sw.Type != "ATMSW" {
		b.errorf(o.at.line, o.at.column, "unknown line %q; a line of %s is %s", short(o.key), sw.Type, switchLines[sw.Type])
		return
	}
	inKey := func(i int) pos { return pos{o.at.line, o.at.column + utf8.RuneCountInString(o.key[:i])} }
	from, ok := b.circuitEnd(sw, o.key, inKey)
	to, also := b.circuitEnd(sw, o.value, o.word)
	switch {
	case !ok || !also:
	case (from.VCI < 0) != (to.VCI < 0):
		b.errorf(o.at.line, o.at.column, "a virtual path cannot be joined to a virtual channel: expected PORT:VPI = PORT:VPI or PORT:VPI:VCI = PORT:VPI:VCI")
	default:
		b.join(sw, circuitLine{Circuit{from, to, o.at.line}, inKey(0), o.word(0)})
	}
}

// bridge reads the circuit of an Ethernet port of an ATMBR.
func (b *builder) bridge(sw *vswitch, port int, o *option, w field) {
	to, ok := b.circuitEnd(sw, w.text, func(i int) pos { return o.word(w.index + i) })
	if !ok {
		return
	}
	toAt := o.word(w.index)
	if b.carries(sw, port, Ethernet, o.at) && b.carries(sw, to.Port, ATM, toAt) {
		b.join(sw, circuitLine{Circuit{CircuitEnd{Port: port, VPI: -1, VCI: -1}, to, o.at.line}, o.at, toAt})
	}
}

// carries settles what a port of an ATMBR carries.
func (b *builder) carries(sw *vswitch, port int, k Kind, at pos) bool {
	p := sw.port(port, at.line)
	if p.Kind != "" && p.Kind != k {
		b.errorf(at.line, at.column, "port %d of %s is %s (line %d) and cannot be %s too", port, sw.Name, p.Kind, p.Line, k)
		return false
	}
	p.Kind = k
	return true
}

// circuitEnd reads PORT:DLCI, PORT:VPI or PORT:VPI:VCI, whichever the switch
// has; place gives the place of a byte of the text.
func (b *builder) circuitEnd(sw *vswitch, text string, place func(i int) pos) (CircuitEnd, bool) {
	e := CircuitEnd{VPI: -1, VCI: -1}
	type part struct {
		name      string
		low, high int
		into      *int
	}
	port := part{"port", 0, maxPort, &e.Port}
	vpi, vci := part{"VPI", 0, maxVPI, &e.VPI}, part{"VCI", 0, maxVCI, &e.VCI}
	words := strings.Split(text, ":")
	var parts []part
	form := ""
	switch {
	case sw.Type == "FRSW":
		parts, form = []part{port, {"DLCI", minDLCI, maxDLCI, &e.DLCI}}, "PORT:DLCI"
	case sw.Type == "ATMSW" && len(words) == 2:
		parts = []part{port, vpi}
	case sw.Type == "ATMSW":
		parts, form = []part{port, vpi, vci}, "PORT:VPI or PORT:VPI:VCI"
	default:
		parts, form = []part{port, vpi, vci}, "PORT:VPI:VCI"
	}
	if len(words) != len(parts) {
		at := place(0)
		b.errorf(at.line, at.column, "%q: expected %s", short(text), form)
		return e, false
	}
	i := 0
	for k, p := range parts {
		w := strings.TrimLeftFunc(words[k], isBlank)
		n, ok := unsigned(strings.TrimRightFunc(w, isBlank), p.low, p.high)
		if !ok {
			at := place(i + len(words[k]) - len(w))
			b.errorf(at.line, at.column, "%s %q: expected a number from %d to %d", p.name, short(w), p.low, p.high)
			return e, false
		}
		*p.into = n
		i += len(words[k]) + 1
	}
	return e, true
}

// join adds a circuit. One that is written in both directions is one.
func (b *builder) join(sw *vswitch, c circuitLine) {
	if c.From == c.To {
		b.errorf(c.toAt.line, c.toAt.column, "circuit %s leads back to itself", c)
		return
	}
	first, taken := sw.ends[c.From]
	if taken && first.key() == c.key() {
		return
	}
	if taken {
		b.errorf(c.fromAt.line, c.fromAt.column, "%s is already mapped to %s (line %d)", c.From, first.other(c.From), first.Line)
		return
	}
	if first, taken := sw.ends[c.To]; taken {
		b.errorf(c.toAt.line, c.toAt.column, "%s is already mapped to %s (line %d)", c.To, first.other(c.To), first.Line)
		return
	}
	sw.circuits = append(sw.circuits, c)
	for _, end := range []struct {
		CircuitEnd
		at pos
	}{{c.From, c.fromAt}, {c.To, c.toAt}} {
		sw.ends[end.CircuitEnd] = c.Circuit
		sw.port(end.Port, c.Line)
		if _, before := sw.mapped[end.Port]; !before {
			sw.mapped[end.Port] = end.at
		}
	}
}

// other returns the end of the circuit that is not e.
func (c Circuit) other(e CircuitEnd) CircuitEnd {
	if c.From == e {
		return c.To
	}
	return c.From
}

// paths lists the circuits. A channel within a path that is switched as a whole
// never sees a cell: it is left out where it leads the same way as the path, as
// with Dynamips, and refused where it leads elsewhere.
func (b *builder) paths(sw *vswitch) {
	for _, c := range sw.circuits {
		whole := func(e CircuitEnd) CircuitEnd { return CircuitEnd{Port: e.Port, VPI: e.VPI, VCI: -1} }
		from, to := whole(c.From), whole(c.To)
		path, within := sw.ends[from]
		at, end := c.fromAt, c.From
		if !within {
			path, within = sw.ends[to]
			at, end = c.toAt, c.To
		}
		switch {
		case sw.Type != "ATMSW" || c.From.VCI < 0 || !within:
			sw.Circuits = append(sw.Circuits, c.Circuit)
		case path.key() == (Circuit{From: from, To: to}).key():
			b.warnf(at.line, at.column, "this channel has no effect: the path %s (line %d) is switched as a whole", path, path.Line)
		default:
			b.errorf(at.line, at.column, "%s is in the path %s (line %d), which is switched as a whole and leads elsewhere", end, path, path.Line)
		}
	}
}
