package emud

import (
	"os"
	"time"

	"dynemu/emud/lab"
	"dynemu/emud/node"
	"dynemu/vm"
	"dynemu/vm/wire"
)

// Endpoint names a port of a device by its interface in a namespace.
type Endpoint struct {
	Namespace string // PREFIX-LAB-DEVICE
	Interface string // f0-0
}

// String is the endpoint as messages name it.
func (e Endpoint) String() string { return e.Namespace + "/" + e.Interface }

// Network makes namespaces, interfaces and the wires between them. It is
// everything of the daemon that needs privilege over the network. Each method
// looks at what is there first and does only what is missing, and none of them
// disturbs a wire that is up.
type Network interface {
	// Namespace is the name of the namespace of a device.
	Namespace(lab, device string) string
	// EnsureNamespace makes a named network namespace with nothing in it.
	EnsureNamespace(name string) error
	// RemoveNamespace removes it with all its interfaces; none is no error.
	RemoveNamespace(name string) error
	// EnsureTAP makes the TAP of a port. It stays while no node holds it, and
	// has no carrier then.
	EnsureTAP(e Endpoint) error
	// RemoveInterface removes the TAP or TUN of a port; none is no error.
	RemoveInterface(e Endpoint) error
	// OpenTAP opens the TAP; the descriptor is for the node.
	OpenTAP(e Endpoint) (*os.File, error)
	// Link joins two ports so that every frame passes. A port that is not up, shut
	// or cut from its link, takes the carrier from both. Link is called again when
	// a node opened a TAP or ended, to bring the carrier of both ends in line.
	Link(a, b Endpoint, aUp, bUp bool) error
	// Unlink undoes Link; not linked is no error.
	Unlink(a, b Endpoint) error
	// EnsureLAN makes a shared Ethernet that floods every frame.
	EnsureLAN(lab, id string) error
	// RemoveLAN removes it; none is no error.
	RemoveLAN(lab, id string) error
	// Attach joins a port to a LAN, and is called again as Link is.
	Attach(lab, id string, e Endpoint, up bool) error
	// Detach undoes Attach; not attached is no error.
	Detach(lab, id string, e Endpoint) error

	// LinkHost joins a port to an interface of the host that it makes, with an
	// address unless that is empty; UnlinkHost undoes it.
	LinkHost(e Endpoint, hostIf, address string, up bool) error
	UnlinkHost(e Endpoint, hostIf string) error
	// OpenNIO opens the outside end of a link.
	OpenNIO(n lab.NIO) (wire.Opened, error)
	// RemoveNIO removes what an opened NIO leaves in the file system.
	RemoveNIO(n lab.NIO) error
	// OpenCable puts a cable into a port, whose other end the descriptor is.
	// PlugCable gives it carrier or takes it; none is no error. RemoveCable pulls it
	// out; none is no error.
	OpenCable(e Endpoint) (*os.File, error)
	PlugCable(e Endpoint, up bool) error
	RemoveCable(e Endpoint) error
	// WatchHost has fn called for each interface of the host and at each change.
	WatchHost(fn func(ifname string, exists, carrier bool)) (stop func(), err error)

	// EnsureTUN makes the interface that shows the frames of a serial port, as Frame
	// Relay or else as Cisco HDLC.
	EnsureTUN(e Endpoint, frameRelay bool) error
	// OpenTUN opens it for a node.
	OpenTUN(e Endpoint) (tun, packet *os.File, err error)
	// WatchReaders has fn called when somebody begins or ceases to read an
	// interface of a namespace.
	WatchReaders(namespace string, fn func(ifname string, readers bool)) (stop func(), err error)
}

// Nodes starts node processes and finds those that a former daemon left.
type Nodes interface {
	Start(spec node.Spec, files node.Files) (Node, error)
	// Adopt connects to every node that runs.
	Adopt() ([]Node, error)
}

// Node is a running device.
type Node interface {
	Spec() node.Spec
	// ID names this very process: no other has it, before or after.
	ID() string
	PID() int
	// State is what the node last said of itself: booting, running or
	// suspended.
	State() node.State
	// Status asks the node for its facts and counters.
	Status() (NodeStatus, error)
	// Limit changes what the node may use.
	Limit(node.Limits) error
	Suspend() error
	Resume() error
	// Stop ends the node with its NVRAM and variables stored.
	Stop() error
	// Plug gives a port a new wire in place of what it had; the caller closes
	// its copy of f.
	Plug(port, kind string, f *os.File) error
	// Unplug leaves the port without a wire.
	Unplug(port string) error
	// Console opens a connection that carries what the console prints from now
	// on, after what it printed before if replay is set, and takes keystrokes.
	Console(replay bool) (Conn, error)
	// AUX is Console for the AUX port.
	AUX(replay bool) (Conn, error)
	// ConsoleLog is what the console printed so far.
	ConsoleLog() ([]byte, error)
	NVRAM() ([]byte, error)
	SetNVRAM(content []byte) error
	// SetConfig replaces the startup configuration, or the private one, in the
	// NVRAM, in one step for the guest.
	SetConfig(private bool, text []byte) error
	SetConfReg(v uint16) error
	SetIdleness(i vm.Idleness) error
	// SampleIdle begins to look where the guest is; IdleSamples then tells more.
	SampleIdle(samples int, every time.Duration) error
	IdleSamples() (node.IdleSamples, error)
	// Insert puts a card into an empty slot of the running router, with the wires
	// of its ports by port name, of which the caller closes its copies. Remove
	// takes one out.
	Insert(slot int, card string, ports []node.PortSpec, wires map[string]*os.File) error
	Remove(slot int) error
	// Watch has fn called when the node has something new to tell about its state or
	// ports, which State and Status then do. It must not block.
	Watch(fn func())
	// The rest is what node.Node says of it.
	Configure(spec node.SwitchSpec, files map[string]*os.File) error
	Table() ([]byte, error)
	ClearTable() error
	SwitchStatus() ([]byte, error)
	Outlet(port, kind string, cable, nio, keep *os.File) error
	NoOutlet(port string) error
	SetCarrier(port string, up bool) error
	Capture(r node.CaptureRequest, f *os.File) error
	NoCapture(id string) error
	Interface(port string, tun, packet *os.File) error
	NoInterface(port string) error
	SetFilter(port, text string) error
	SetImpairment(port, text string) error
	// Done is closed when the process has ended. State is then stopped or
	// crashed, and Reason tells how it ended.
	Done() <-chan struct{}
	Reason() string
	// LastConsole is what the console of a router that ended by itself had printed,
	// as far as that is known.
	LastConsole() []byte
	// Release drops the connection and leaves the process running.
	Release()
}

// Conn is a console connection.
type Conn interface {
	Read(p []byte) (int, error)
	Write(p []byte) (int, error)
	Close() error
}

// Fact is a named value of a status or a set of counters.
type Fact struct{ Name, Value string }

// NodeStatus is what a node says of itself.
type NodeStatus struct {
	// Info and Stats are facts in the order to show them.
	Info, Stats []Fact
	// Idle are facts about the guest's idle time.
	Idle []Fact
	// Ports holds the state and counters of each port by port name.
	Ports map[string]node.PortStatus
	Counters
}

// Counters are the numbers of a node's process and of its device. What tells of a guest
// is zero for a switch.
type Counters struct {
	Uptime, CPU  time.Duration // since the device was started; processor time used
	CPUShare     float64       // of one processor, lately: 1 is all of it
	Instructions uint64        // of the guest
	IdleShare    float64       // 0 to 1: how much of the time the guest had nothing to do, lately
	// Memory that the process uses, of which Shared is backed by files and Guest is the
	// guest's, in bytes.
	Memory, Shared, Guest uint64
}
