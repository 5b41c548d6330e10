package node

import (
	"os"
	"slices"
)

// The requests of wires and switches; their bodies are below. Wherever a request
// names a port that the device does not have, or lacks a descriptor, the answer is
// an error and nothing has changed.
const (
	OpConfigure    = "configure"     // body: SwitchSpec, with the descriptors of ports that are new
	OpTable        = "table"         // reply with a file that holds the MAC table of an ETHSW
	OpClearTable   = "clear-table"   //
	OpSwitchStatus = "switch-status" // reply with a file that holds the switch's state in words
	OpOutlet       = "outlet"        // body: OutletRequest, with the files cable, nio and, for vde, keep
	OpNoOutlet     = "no-outlet"     // body: PortRequest
	OpCarrier      = "carrier"       // body: CarrierRequest
	OpCapture      = "capture"       // body: CaptureRequest, with a file that the frames are written to
	OpNoCapture    = "no-capture"    // body: CaptureEnd
	OpInterface    = "interface"     // body: PortRequest, with the files tun and packet
	OpNoInterface  = "no-interface"  // body: PortRequest
	OpFilter       = "filter"        // body: TextRequest, as wire.ParseFilter reads it
	OpImpair       = "impair"        // body: TextRequest, as wire.ParseImpairments reads it
)

// More names in Message.Files. FileKeep is what the NIO's wire has to hold open beside
// its descriptor (of vde: the connection to the switch's control socket).
const (
	FileCable  = "cable"
	FileNIO    = "nio"
	FileKeep   = "keep"
	FileTUN    = "tun"
	FilePacket = "packet"
)

// The kinds of wire in PortSpec.Wire, PlugRequest.Kind and OutletRequest.Kind, which
// are those of wire.FromFiles, and WireNone for a port without one.
const (
	WireTAP    = "tap"
	WirePipe   = "pipe"
	WireUDP    = "udp"
	WireUnix   = "unix"
	WireVDE    = "vde"
	WireTCP    = "tcp"
	WirePacket = "packet"
	WireNull   = "null"
	WireNone   = "none"
)

// The types of a virtual switch.
const (
	EthernetSwitch   = "ETHSW"
	FrameRelaySwitch = "FRSW"
	ATMSwitch        = "ATMSW"
	ATMBridge        = "ATMBR"
	Hub              = "HUB"
)

// The kinds of a port in PortSpec.Kind and SwitchPortSpec.Kind.
const (
	KindEthernet = "ethernet"
	KindSerial   = "serial"
	KindATM      = "atm"
	KindPOS      = "pos" // of a router only
)

// SwitchSpec describes a virtual switch.
type SwitchSpec struct {
	Type     string           `json:"type"`
	Ports    []SwitchPortSpec `json:"ports"`
	Circuits []CircuitSpec    `json:"circuits,omitempty"`
}

// SwitchPortSpec is the configuration of a port of a virtual switch. Its name is
// its number in decimal.
type SwitchPortSpec struct {
	Number int    `json:"number"`
	Kind   string `json:"kind"` // as that of PortSpec; an ATMBR has ports of two kinds
	// Mode is access, dot1q or qinq, VLAN and EtherType what ethsw.Config has: of an
	// ETHSW.
	Mode      string `json:"mode,omitempty"`
	VLAN      int    `json:"vlan,omitempty"`
	EtherType int    `json:"ethertype,omitempty"`
	// Wire is what comes along for a port that OpConfigure adds, none if empty. The
	// other wires are in Spec.Ports.
	Wire string `json:"wire,omitempty"`
}

// CircuitSpec is a circuit for frames in both directions: FRSW, ends with a DLCI;
// ATMSW, ends with VPI and VCI, both VCIs -1 for a path; ATMBR, from an Ethernet
// port (VPI and VCI -1) to a channel of an ATM port.
type CircuitSpec struct {
	From CircuitEnd `json:"from"`
	To   CircuitEnd `json:"to"`
}

// CircuitEnd is an end of a circuit.
type CircuitEnd struct {
	Port int `json:"port"`
	DLCI int `json:"dlci,omitempty"`
	VPI  int `json:"vpi"` // -1: none
	VCI  int `json:"vci"` // -1: none
}

// PortRequest names a port.
type PortRequest struct {
	Port string `json:"port"`
}

// OutletRequest asks for an outlet of an Ethernet port: frames go between the end of
// its cable, a TAP, and the wire of a NIO of some kind, in place of the outlet that
// the port had.
type OutletRequest struct {
	Port string `json:"port"`
	Kind string `json:"kind"`
}

// CarrierRequest tells whether a port has carrier.
type CarrierRequest struct {
	Port string `json:"port"`
	Up   bool   `json:"up"`
}

// Formats of CaptureRequest.
const (
	FormatPCAP   = "pcap"   // a pcap file, also the default
	FormatStream = "stream" // what package capture's Stream writes, with directions
)

// CaptureRequest has the frames of a port written to the file that comes along.
type CaptureRequest struct {
	// ID names the capture, once per device.
	ID   string `json:"id"`
	Port string `json:"port"`
	// LinkType is a name that package capture knows (HDLC, FR, EN10MB ...), empty
	// for the default of the port's kind.
	LinkType string `json:"link_type,omitempty"`
	// Snaplen bounds the bytes of a frame that are written; 0: all.
	Snaplen int    `json:"snaplen,omitempty"`
	Format  string `json:"format,omitempty"`
}

// CaptureEnd names a capture that is to end.
type CaptureEnd struct {
	ID string `json:"id"`
}

// TextRequest is a setting of a port in the words of its file in the tree.
type TextRequest struct {
	Port string `json:"port"`
	Text string `json:"text"`
}

// CaptureStatus tells how a capture fares.
type CaptureStatus struct {
	CaptureRequest
	Frames  uint64 `json:"frames"`
	Bytes   uint64 `json:"bytes"`   // written
	Dropped uint64 `json:"dropped"` // frames that the reader was too slow for
	// Error tells why nothing is written any more.
	Error string `json:"error,omitempty"`
}

// OutletStatus tells how the outlet of a port fares.
type OutletStatus struct {
	Kind string `json:"kind"` // of the NIO's wire
	// Error tells why the NIO is gone: its interface vanished, the peer closed.
	Error string `json:"error,omitempty"`
	// The frames that came from the NIO (Rx) and went to it (Tx), and drops as in
	// PortStatus.
	RxFrames uint64            `json:"rx_frames"`
	RxBytes  uint64            `json:"rx_bytes"`
	TxFrames uint64            `json:"tx_frames"`
	TxBytes  uint64            `json:"tx_bytes"`
	RxDrops  uint64            `json:"rx_drops"`
	TxDrops  uint64            `json:"tx_drops"`
	Dropped  map[string]uint64 `json:"dropped,omitempty"`
}

// Configure changes a running switch: ports and circuits that are not in spec go,
// new ones come, and what stays keeps its wires, MAC entries, state of LMI and
// counters. files are the wires of new ports by name, of which the caller closes its
// copies. A spec that the switch does not take changes nothing.
func (n *Node) Configure(spec SwitchSpec, files map[string]*os.File) error {
	names, sent := portFiles(files)
	err := n.do(OpConfigure, spec, names, sent...)
	if err == nil {
		n.change(func(s *Spec) { *s = s.WithSwitch(spec) })
		n.remember()
	}
	return err
}

// Table returns the MAC table of an ETHSW, a line a station.
func (n *Node) Table() ([]byte, error) { return n.blob(OpTable) }

// ClearTable empties the MAC table of an ETHSW.
func (n *Node) ClearTable() error { return n.do(OpClearTable, nil, nil) }

// SwitchStatus returns the state of a switch in words, a line a port and a circuit.
func (n *Node) SwitchStatus() ([]byte, error) { return n.blob(OpSwitchStatus) }

// Outlet joins the end of a port's cable and the wire of a NIO, in place of the outlet
// that the port had. cable may be nil where there was one: it stays, for it can be
// opened once only. keep is nil but for vde, nio for null. The caller closes its copies.
func (n *Node) Outlet(port, kind string, cable, nio, keep *os.File) error {
	names, files := someFiles([]string{FileCable, FileNIO, FileKeep}, cable, nio, keep)
	err := n.do(OpOutlet, OutletRequest{Port: port, Kind: kind}, names, files...)
	if err == nil {
		n.changePort(port, func(p *PortSpec) { p.Outlet = kind })
	}
	return err
}

// NoOutlet ends the outlet of a port; none is no error.
func (n *Node) NoOutlet(port string) error {
	err := n.do(OpNoOutlet, PortRequest{Port: port}, nil)
	if err == nil {
		n.changePort(port, func(p *PortSpec) { p.Outlet = "" })
	}
	return err
}

// SetCarrier tells the device whether a port has carrier. Ports have when they come.
func (n *Node) SetCarrier(port string, up bool) error {
	err := n.do(OpCarrier, CarrierRequest{Port: port, Up: up}, nil)
	if err == nil {
		n.changePort(port, func(p *PortSpec) { p.Down = !up })
	}
	return err
}

// Capture has the frames of a port written to f (a file, a pipe or a socket) until
// NoCapture, or until the port goes. A reader of f that is slow loses frames, and holds
// nothing up. The caller closes its copy of f.
func (n *Node) Capture(r CaptureRequest, f *os.File) error {
	err := n.do(OpCapture, r, []string{FileContent}, f)
	if err == nil {
		n.changePort(r.Port, func(p *PortSpec) { p.Captures = append(slices.Clone(p.Captures), r) })
	}
	return err
}

// NoCapture ends a capture, with all that it was given written as far as the reader
// takes it within a second.
func (n *Node) NoCapture(id string) error {
	err := n.do(OpNoCapture, CaptureEnd{ID: id}, nil)
	if err == nil {
		n.change(func(s *Spec) { s.forgetCapture(id) })
	}
	return err
}

// Interface has the frames of a serial or POS port copied to its kernel interface, given
// a queue of the TUN and a packet socket bound to it. The caller closes its copies.
func (n *Node) Interface(port string, tun, packet *os.File) error {
	names, files := someFiles([]string{FileTUN, FilePacket}, tun, packet)
	err := n.do(OpInterface, PortRequest{Port: port}, names, files...)
	if err == nil {
		n.changePort(port, func(p *PortSpec) { p.Interface = true })
	}
	return err
}

// NoInterface ends that; where it was not begun it is no error.
func (n *Node) NoInterface(port string) error {
	err := n.do(OpNoInterface, PortRequest{Port: port}, nil)
	if err == nil {
		n.changePort(port, func(p *PortSpec) { p.Interface = false })
	}
	return err
}

// SetFilter gives a port filters in the words of wire.ParseFilter; "none" or an empty
// text removes them.
func (n *Node) SetFilter(port, text string) error {
	err := n.do(OpFilter, TextRequest{Port: port, Text: text}, nil)
	if err == nil {
		n.changePort(port, func(p *PortSpec) { p.Filter = text })
	}
	return err
}

// SetImpairment impairs what a port sends and receives in the words of
// wire.ParseImpairments; "none" or an empty text ends it.
func (n *Node) SetImpairment(port, text string) error {
	err := n.do(OpImpair, TextRequest{Port: port, Text: text}, nil)
	if err == nil {
		n.changePort(port, func(p *PortSpec) { p.Impairment = text })
	}
	return err
}

// change changes the description that Spec returns; what earlier calls of Spec
// returned stays as it was.
func (n *Node) change(fn func(s *Spec)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.spec.Ports = slices.Clone(n.spec.Ports)
	fn(&n.spec)
}

func (n *Node) changePort(name string, fn func(p *PortSpec)) {
	n.change(func(s *Spec) {
		if i := s.port(name); i >= 0 {
			fn(&s.Ports[i])
		}
	})
}

// remember keeps the description beside the socket in line with Spec.
func (n *Node) remember() {
	spec := n.Spec()
	if err := n.opt.remember(spec, n.proc); err != nil {
		n.opt.log("cannot describe %s of lab %s: %v", spec.Device, spec.Lab, err)
	}
}

// portFiles names the wires of ports for a message.
func portFiles(files map[string]*os.File) (names []string, sent []*os.File) {
	for name, f := range files {
		names, sent = append(names, FilePort+name), append(sent, f)
	}
	return names, sent
}

// someFiles leaves out the files that are nil.
func someFiles(names []string, files ...*os.File) (some []string, sent []*os.File) {
	for i, f := range files {
		if f != nil {
			some, sent = append(some, names[i]), append(sent, f)
		}
	}
	return some, sent
}
