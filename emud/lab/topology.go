// Package lab turns a lab file (.net) into a checked topology, and the
// difference of two topologies into a plan. It is pure: no I/O.
//
// Source: lab-files-and-console reference sections 1 to 10; the decisions of
// the design, part 1.4, come first.
package lab

import (
	"fmt"
	"strings"
)

// Lab is a checked lab file.
type Lab struct {
	Name     string // file name without .net
	Routers  []*Router
	Switches []*Switch
	LANs     []*LAN
	Links    []Link // each once, whichever side's section has it
}

// Router is a [[ROUTER name]] section with all defaults applied.
type Router struct {
	Name     string
	Line     int    // of the section header
	Instance int    // order of creation over the whole file, from 0
	Model    string // 7200 2691 3620 3640 3660 3725 3745
	// Unsupported says why this router cannot run yet; empty when it can.
	Unsupported   string
	NPE, Midplane string
	Image         string // as written; "builtin" when none is named
	RAM, NVRAM    int    // MiB, KiB
	Disk0, Disk1  int    // MiB
	ConfReg       uint16
	Console       int    // TCP port
	AUX           int    // TCP port, 0 for none
	MAC           string // empty: chosen by the emulator
	IdlePC        string // "auto", "none" or 0x…; "": the file has none
	Quirks        []string
	NoJIT         bool // jit = false: the interpreter runs it
	CheckJIT      bool // jit = check: it stops when interpreter and translator differ
	PerfMap       bool // perf_map = true: perf can name the guest addresses of its code
	AutoStart     bool
	Limits        Limits
	Config        string // cnfg: path as written
	// Configuration is the text of configuration = (base64 in the file), to be
	// put into an empty NVRAM.
	Configuration string
	IdleMax       int      // 0: the emulator's default
	IdleSleep     int      // ms, 0: the emulator's default
	ExecArea      int      // translation cache in MiB, 0: the emulator's default
	Slots         []string // adapter name per slot (Dynamips driver names), "" for empty; includes automatic ones
	WICs          []string // WIC name per WIC slot of the motherboard, "" for empty; nil where there are none
	Ports         []Port   // every port of every adapter, in slot and port order
	// Window holds the options that a graphical program keeps in the section
	// (x, y, symbol ...), by lower-case name.
	Window map[string]string

	consoleSet, auxSet   bool // written in the file, in the section or its defaults
	consoleBase, auxBase int  // of the server section; auxBase 0: no AUX port unless written
}

// ConsoleNamed and AUXNamed report whether the file names the TCP port, rather
// than leave it to the emulator.
func (r *Router) ConsoleNamed() bool { return r.consoleSet }

// AUXNamed is ConsoleNamed for the AUX port.
func (r *Router) AUXNamed() bool { return r.auxSet }

// Kind tells what a port carries.
type Kind string

// The kinds of port. The internal ports of an NM-CIDS or NM-NAM are Ethernet.
const (
	Ethernet Kind = "ethernet"
	Serial   Kind = "serial"
	ATM      Kind = "atm"
	POS      Kind = "pos"
)

// Port is one interface of a router.
type Port struct {
	Name  string // f0/0
	Kind  Kind
	Slot  int
	Index int // port number in the slot; a WIC's port p in WIC slot w is 16*(w+1)+p
}

// FileName is the name of the port in file and interface names: f0-0.
func (p Port) FileName() string { return fileName(p.Name) }

// LAN is a shared Ethernet, made by naming it on the right side of a
// connection.
type LAN struct {
	ID string
}

// End is one end of a link. Device is a router's or switch's name; Port is the
// router's interface, or the switch's port in decimal. A LAN's end has LAN set
// instead, and the outside end of a link that leaves the lab has NIO.
type End struct {
	Device string
	Port   string
	LAN    string
	NIO    NIO `json:",omitzero"`
}

// Link joins two ends of the same kind.
type Link struct {
	A, B End
	Kind Kind
	// Line and Column are where the file has it, of two places the first.
	Line, Column int
}

// Message is an error or warning about a place in the file. Lines and columns
// count from 1; column 0 means the whole line.
type Message struct {
	File     string
	Line     int
	Column   int
	Severity Severity
	Text     string
}

// Severity of a Message.
type Severity int

// An Error refuses the file; a Warning is reported and the lab applied; a
// Notice says that an accepted option has no effect here.
const (
	Error Severity = iota
	Warning
	Notice
)

// String renders the message as result files show it: NAME.net:LINE:COL: text.
func (m Message) String() string {
	w := ""
	switch m.Severity {
	case Warning:
		w = "warning: "
	case Notice:
		w = "note: "
	}
	return fmt.Sprintf("%s:%d:%d: %s%s", m.File, m.Line, max(m.Column, 1), w, m.Text)
}

func fileName(port string) string {
	b := []byte(port)
	for i, c := range b {
		if c == '/' {
			b[i] = '-'
		}
	}
	return string(b)
}

// Router returns the router of that name, or nil.
func (l *Lab) Router(name string) *Router {
	for _, r := range l.Routers {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// Switch returns the switch of that name, or nil.
func (l *Lab) Switch(name string) *Switch {
	for _, s := range l.Switches {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// LinkAt returns the link on the port of a router or switch, and the end that
// is not that port.
func (l *Lab) LinkAt(device, port string) (link Link, peer End, ok bool) {
	e := End{Device: device, Port: port}
	for _, link := range l.Links {
		if link.A == e || link.B == e {
			return link, link.other(e), true
		}
	}
	return Link{}, End{}, false
}

// Base returns the last element of a path as lab files write them, with / or
// \ between the elements: \images\c7200.bin is c7200.bin.
func Base(path string) string {
	return path[strings.LastIndexAny(path, `/\`)+1:]
}
