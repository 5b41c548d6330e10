// Package emudtest has a network and nodes that exist in memory only, for tests
// of the daemon and of the tree. They check the order of calls as the real ones
// would: a link needs its namespaces, a node needs its descriptors.
package emudtest

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"dynemu/emud"
	"dynemu/emud/lab"
	"dynemu/emud/node"
	"dynemu/emud/node/store"
	"dynemu/vm/chip/nvram"
	"dynemu/vm/wire"
	"dynemu/vm/wire/capture"
)

// Network is an emud.Network that remembers what was made.
type Network struct {
	mu    sync.Mutex
	ns    map[string]bool
	taps  map[string]bool
	links map[string]bool
	lans  map[string]bool
	tuns  map[string]bool // with the link type
	host  func(ifname string, exists, carrier bool)
	read  map[string]func(ifname string, readers bool) // by namespace
	// FailNIO has OpenNIO fail, with this text.
	FailNIO string
	// Up is the carrier that each port was given last, by endpoint.
	Up map[string]bool
	// Changes counts what was made or taken away, without what was there.
	Changes int
	// Fail names a method that fails.
	Fail string
}

// NewNetwork returns an empty network.
func NewNetwork() *Network {
	return &Network{ns: map[string]bool{}, taps: map[string]bool{}, links: map[string]bool{}, lans: map[string]bool{}, tuns: map[string]bool{},
		read: map[string]func(string, bool){}, Up: map[string]bool{}}
}

func (n *Network) set(m map[string]bool, key string, on bool) {
	if m[key] == on {
		return
	}
	n.Changes++
	if on {
		m[key] = true
	} else {
		delete(m, key)
	}
}

func (n *Network) begin(method string, namespaces ...string) error {
	if n.Fail == method {
		return errors.New("told to fail")
	}
	for _, ns := range namespaces {
		if !n.ns[ns] {
			return fmt.Errorf("%s: no namespace %s", method, ns)
		}
	}
	return nil
}

// Namespace names a namespace.
func (n *Network) Namespace(lab, device string) string { return "test-" + lab + "-" + device }

// EnsureNamespace makes a namespace.
func (n *Network) EnsureNamespace(name string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.begin("EnsureNamespace"); err != nil {
		return err
	}
	n.set(n.ns, name, true)
	return nil
}

// RemoveNamespace removes a namespace.
func (n *Network) RemoveNamespace(name string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.begin("RemoveNamespace"); err != nil {
		return err
	}
	n.set(n.ns, name, false)
	for _, m := range []map[string]bool{n.taps, n.tuns} {
		for e := range m {
			if strings.HasPrefix(e, name+"/") {
				delete(m, e)
			}
		}
	}
	return nil
}

// EnsureTAP makes a TAP.
func (n *Network) EnsureTAP(e emud.Endpoint) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.begin("EnsureTAP", e.Namespace); err != nil {
		return err
	}
	n.set(n.taps, e.String(), true)
	return nil
}

// RemoveInterface removes a TAP or TUN.
func (n *Network) RemoveInterface(e emud.Endpoint) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.set(n.taps, e.String(), false)
	n.set(n.tuns, e.String(), false)
	return n.begin("RemoveInterface")
}

// OpenTAP returns one end of a pair of sockets.
func (n *Network) OpenTAP(e emud.Endpoint) (*os.File, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.begin("OpenTAP", e.Namespace); err != nil {
		return nil, err
	}
	if !n.taps[e.String()] {
		return nil, fmt.Errorf("OpenTAP: no TAP %s", e)
	}
	return socket(e.Interface)
}

func pair(a, b emud.Endpoint) string {
	s := []string{a.String(), b.String()}
	sort.Strings(s)
	return s[0] + " " + s[1]
}

// Link joins two ports.
func (n *Network) Link(a, b emud.Endpoint, aUp, bUp bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.begin("Link", a.Namespace, b.Namespace); err != nil {
		return err
	}
	n.set(n.links, pair(a, b), true)
	n.Up[a.String()], n.Up[b.String()] = aUp && bUp, aUp && bUp
	return nil
}

// Unlink undoes Link.
func (n *Network) Unlink(a, b emud.Endpoint) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.set(n.links, pair(a, b), false)
	return n.begin("Unlink")
}

// EnsureLAN makes a LAN.
func (n *Network) EnsureLAN(lab, id string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.begin("EnsureLAN"); err != nil {
		return err
	}
	n.set(n.lans, lab+"/"+id, true)
	return nil
}

// RemoveLAN removes a LAN.
func (n *Network) RemoveLAN(lab, id string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.set(n.lans, lab+"/"+id, false)
	return n.begin("RemoveLAN")
}

// Attach joins a port to a LAN.
func (n *Network) Attach(lab, id string, e emud.Endpoint, up bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.lans[lab+"/"+id] {
		return fmt.Errorf("attach: no LAN %s in %s", id, lab)
	}
	if err := n.begin("Attach", e.Namespace); err != nil {
		return err
	}
	n.set(n.links, e.String()+" LAN "+lab+"/"+id, true)
	n.Up[e.String()] = up
	return nil
}

// Detach undoes Attach.
func (n *Network) Detach(lab, id string, e emud.Endpoint) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.set(n.links, e.String()+" LAN "+lab+"/"+id, false)
	return n.begin("Detach")
}

// LinkHost joins a port to the host.
func (n *Network) LinkHost(e emud.Endpoint, hostIf, address string, up bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.begin("LinkHost", e.Namespace); err != nil {
		return err
	}
	n.set(n.links, e.String()+" host "+hostIf, true)
	n.Up[e.String()] = up
	return nil
}

// UnlinkHost undoes LinkHost.
func (n *Network) UnlinkHost(e emud.Endpoint, hostIf string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.set(n.links, e.String()+" host "+hostIf, false)
	return n.begin("UnlinkHost")
}

// OpenNIO returns one end of a pair of sockets.
func (n *Network) OpenNIO(nio lab.NIO) (wire.Opened, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.FailNIO != "" {
		return wire.Opened{}, errors.New(n.FailNIO)
	}
	f, err := socket(nio.Type)
	return wire.Opened{Kind: nio.Type, File: f}, err
}

// RemoveNIO has nothing to do.
func (n *Network) RemoveNIO(lab.NIO) error { return nil }

// OpenCable puts a cable into a port.
func (n *Network) OpenCable(e emud.Endpoint) (*os.File, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.begin("OpenCable", e.Namespace); err != nil {
		return nil, err
	}
	n.set(n.links, e.String()+" cable", true)
	return socket("cable")
}

// PlugCable sets the carrier of a port with a cable.
func (n *Network) PlugCable(e emud.Endpoint, up bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.Up[e.String()] = up && n.links[e.String()+" cable"]
	return n.begin("PlugCable", e.Namespace)
}

// RemoveCable pulls the cable out.
func (n *Network) RemoveCable(e emud.Endpoint) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.set(n.links, e.String()+" cable", false)
	delete(n.Up, e.String())
	return n.begin("RemoveCable")
}

// Carrier is what a port was given last.
func (n *Network) Carrier(e emud.Endpoint) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.Up[e.String()]
}

// WatchHost keeps fn for Host.
func (n *Network) WatchHost(fn func(ifname string, exists, carrier bool)) (func(), error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.host = fn
	return func() {}, nil
}

// Host has an interface of the host come (exists) or go.
func (n *Network) Host(ifname string, exists, carrier bool) {
	n.mu.Lock()
	fn := n.host
	n.mu.Unlock()
	fn(ifname, exists, carrier)
}

// EnsureTUN makes a TUN.
func (n *Network) EnsureTUN(e emud.Endpoint, frameRelay bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.begin("EnsureTUN", e.Namespace); err != nil {
		return err
	}
	n.set(n.tuns, e.String(), true)
	return nil
}

// OpenTUN returns two sockets.
func (n *Network) OpenTUN(e emud.Endpoint) (tun, packet *os.File, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.begin("OpenTUN", e.Namespace); err != nil {
		return nil, nil, err
	}
	if tun, err = socket("tun"); err == nil {
		packet, err = socket("packet")
	}
	return tun, packet, err
}

// WatchReaders keeps fn for Read.
func (n *Network) WatchReaders(ns string, fn func(ifname string, readers bool)) (func(), error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.begin("WatchReaders", ns); err != nil {
		return nil, err
	}
	n.read[ns] = fn
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.read, ns)
	}, nil
}

// Read has somebody begin or cease to read an interface.
func (n *Network) Read(e emud.Endpoint, readers bool) {
	n.mu.Lock()
	fn := n.read[e.Namespace]
	n.mu.Unlock()
	fn(e.Interface, readers)
}

// socket returns one end of a pair whose other end is closed.
func socket(name string) (*os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	unix.Close(fds[1])
	return os.NewFile(uintptr(fds[0]), name), nil
}

// Count returns the number of changes so far.
func (n *Network) Count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.Changes
}

// Serial lists the interfaces of serial ports, sorted.
func (n *Network) Serial() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Sorted(maps.Keys(n.tuns))
}

// Inventory lists everything else that exists, sorted.
func (n *Network) Inventory() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []string
	for k := range n.ns {
		all = append(all, "ns "+k)
	}
	for k := range n.taps {
		all = append(all, "tap "+k)
	}
	for k := range n.links {
		all = append(all, "link "+k)
	}
	for k := range n.lans {
		all = append(all, "lan "+k)
	}
	sort.Strings(all)
	return all
}

// Nodes is an emud.Nodes whose nodes are structures. They outlive a Daemon, as
// processes do.
type Nodes struct {
	mu      sync.Mutex
	running map[string]*Node
	next    atomic.Int64
	// Starts counts nodes that were started.
	Starts atomic.Int64
	// Fail has Start fail for the device of this name, and FailCard moves of the
	// card of this name.
	Fail, FailCard string
	// Deaf names a node, LAB.DEVICE, that lives and cannot be adopted.
	Deaf string
}

// NewNodes returns a host with no node.
func NewNodes() *Nodes { return &Nodes{running: map[string]*Node{}} }

// process is what outlives a daemon.
type process struct {
	nodes *Nodes
	spec  node.Spec
	id    string
	pid   int

	mu      sync.Mutex
	state   node.State
	nvram   []byte
	store   *os.File
	console terminal
	aux     terminal
	plugged map[string]*os.File
	plugs   int
	done    chan struct{}
	shut    map[string]bool
	broken  map[string]string // NIOs by port
	news    func()
	hang    chan struct{}
	reason  string
	idle    node.IdleSamples
	// captures are those that write, by ID.
	captures map[string]*capture.File
}

// Node is a daemon's connection to a process.
type Node struct {
	*process
	released chan struct{}
	once     sync.Once
}

func dup(f *os.File) *os.File {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		panic(err)
	}
	return os.NewFile(uintptr(fd), f.Name())
}

// Start starts a node, which prints that it boots.
func (h *Nodes) Start(spec node.Spec, files node.Files) (emud.Node, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := spec.Lab + "." + spec.Device
	switch {
	case h.Fail == spec.Device:
		return nil, errors.New("told to fail")
	case h.running[key] != nil:
		return nil, fmt.Errorf("%s runs already", key)
	case spec.Switch != nil && (files.Image != nil || files.Log == nil):
		return nil, fmt.Errorf("%s: descriptors of a switch: %+v", key, files)
	case spec.Switch != nil:
	case files.Image == nil || files.NVRAM == nil || files.Log == nil || files.PTYMaster == nil || files.PTYSlave == nil:
		return nil, fmt.Errorf("%s: descriptors are missing: %+v", key, files)
	}
	p := &process{nodes: h, spec: spec, pid: int(h.next.Add(1)), state: node.Running, plugged: map[string]*os.File{}, shut: map[string]bool{}, broken: map[string]string{}, done: make(chan struct{}),
		captures: map[string]*capture.File{}}
	p.id = fmt.Sprintf("fake-%d", p.pid)
	for port, f := range files.Ports {
		p.plugged[port] = dup(f)
	}
	if spec.Switch == nil {
		p.store = dup(files.NVRAM)
		stored, err := store.Read(p.store)
		if err != nil {
			return nil, err
		}
		p.nvram = make([]byte, spec.Config.NVRAM<<10)
		copy(p.nvram, stored)
	}
	fmt.Fprintf(files.Log, "%s started\n", spec.Device)
	p.console.log = []byte("booting " + spec.Device + "\r\n")
	n := &Node{process: p, released: make(chan struct{})}
	h.running[key] = n
	h.Starts.Add(1)
	return n, nil
}

// Adopt returns a new connection to each process.
func (h *Nodes) Adopt() ([]emud.Node, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var nodes []emud.Node
	var err error
	for key, old := range h.running {
		if key == h.Deaf {
			err = fmt.Errorf("node %s: told not to answer", key)
			continue
		}
		n := &Node{process: old.process, released: make(chan struct{})}
		h.running[key] = n
		nodes = append(nodes, n)
	}
	return nodes, err
}

// Get returns the running node of a device, or nil.
func (h *Nodes) Get(lab, device string) *Node {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.running[lab+"."+device]
}

// end ends the process.
func (p *process) end(state node.State, reason string) {
	p.nodes.mu.Lock()
	defer p.nodes.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.done:
		return
	default:
	}
	p.state, p.reason = state, reason
	for _, f := range p.plugged {
		f.Close()
	}
	for _, c := range p.captures {
		c.Close()
	}
	for _, v := range slices.Concat(p.console.viewers, p.aux.viewers) {
		v.Close()
	}
	if p.store != nil {
		p.store.Close()
	}
	delete(p.nodes.running, p.spec.Lab+"."+p.spec.Device)
	close(p.done)
}

// Kill ends the process as kill -9 does.
func (n *Node) Kill() { n.end(node.Crashed, "killed (signal: killed)") }

// Print has the guest print text.
func (n *Node) Print(text string) { n.print(&n.console, text) }

// PrintAUX is Print for the AUX port.
func (n *Node) PrintAUX(text string) { n.print(&n.aux, text) }

func (n *Node) print(t *terminal, text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	t.log = append(t.log, text...)
	for _, v := range t.viewers {
		v.Write([]byte(text))
	}
}

// Typed is what was typed at the console so far.
func (n *Node) Typed() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return string(n.console.typed)
}

// TypedAUX is Typed for the AUX port.
func (n *Node) TypedAUX() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return string(n.aux.typed)
}

// Plugs counts calls of Plug.
func (n *Node) Plugs() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.plugs
}

// Exchange sends a frame from a port and returns what arrives at port of other.
func (n *Node) Exchange(port string, other *Node, otherPort, frame string) (string, error) {
	n.mu.Lock()
	a := n.plugged[port]
	n.mu.Unlock()
	other.mu.Lock()
	b := other.plugged[otherPort]
	other.mu.Unlock()
	if a == nil || b == nil {
		return "", errors.New("a port is not plugged")
	}
	if _, err := unix.Write(int(a.Fd()), []byte(frame)); err != nil {
		return "", err
	}
	buf := make([]byte, 100)
	k, err := unix.Read(int(b.Fd()), buf)
	return string(buf[:max(k, 0)]), err
}

// Spec is what the process was started with, with the cards that it has now.
func (n *Node) Spec() node.Spec {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.spec
}

// ID names the process.
func (n *Node) ID() string { return n.id }

// PID is a number.
func (n *Node) PID() int { return n.pid }

// State is the state of the process.
func (n *Node) State() node.State {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.state
}

// Status counts nothing.
func (n *Node) Status() (emud.NodeStatus, error) {
	n.mu.Lock()
	hang := n.hang
	n.mu.Unlock()
	if hang != nil {
		<-hang
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	ports := map[string]node.PortStatus{}
	for _, p := range n.spec.Ports {
		s := node.PortStatus{Plugged: p.Wire != node.WireNone && n.broken[p.Name] == "", Enabled: !n.shut[p.Name], Carrier: !p.Down}
		if p.Outlet != "" {
			s.Outlet = &node.OutletStatus{Kind: p.Outlet, Error: n.broken[p.Name]}
		}
		if p.Name == "f0/0" {
			s.RxFrames, s.RxDrops, s.Dropped = 7, 3, map[string]uint64{"in-filter": 3}
		}
		if n.spec.Switch != nil && n.spec.Switch.Type == node.FrameRelaySwitch {
			s.Encapsulation = string(capture.EncapsulationFrameRelay)
		}
		ports[p.Name] = s
	}
	return emud.NodeStatus{Stats: []emud.Fact{{Name: "uptime-seconds", Value: "1"}}, Ports: ports, Counters: emud.Counters{Uptime: time.Second, Instructions: 42}}, nil
}

// Hang has the node answer nothing about its status until release.
func (n *Node) Hang() (release func()) {
	hang := make(chan struct{})
	set := func(c chan struct{}) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.hang = c
	}
	set(hang)
	return func() { set(nil); close(hang) }
}

// Watch keeps fn.
func (n *Node) Watch(fn func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.news = fn
}

// Shut has the guest shut a port, or use it again; Break has the NIO of a port end.
func (n *Node) Shut(port string, shut bool) {
	n.mu.Lock()
	n.shut[port] = shut
	fn := n.news
	n.mu.Unlock()
	fn()
}

// Break has the NIO of a port end.
func (n *Node) Break(port, reason string) {
	n.mu.Lock()
	n.broken[port] = reason
	fn := n.news
	n.mu.Unlock()
	fn()
}

// port changes what the node says of a port.
func (n *Node) port(name string, fn func(p *node.PortSpec)) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.spec.Ports = slices.Clone(n.spec.Ports)
	for i := range n.spec.Ports {
		if n.spec.Ports[i].Name == name {
			fn(&n.spec.Ports[i])
			return nil
		}
	}
	return fmt.Errorf("there is no port %q", name)
}

// Configure changes a switch.
func (n *Node) Configure(spec node.SwitchSpec, files map[string]*os.File) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.spec.Switch == nil {
		return errors.New("it is a router")
	}
	n.spec = n.spec.WithSwitch(spec)
	for port, f := range files {
		n.plugged[port] = dup(f)
	}
	return nil
}

// Table has one station.
func (n *Node) Table() ([]byte, error) { return []byte("aabb.cc00.0100  1  1\n"), nil }

// ClearTable has nothing to clear.
func (n *Node) ClearTable() error { return nil }

// SwitchStatus says that all is well.
func (n *Node) SwitchStatus() ([]byte, error) { return []byte("well\n"), nil }

// Outlet keeps the kind.
func (n *Node) Outlet(port, kind string, cable, nio, keep *os.File) error {
	return n.port(port, func(p *node.PortSpec) {
		p.Outlet = kind
		delete(n.broken, port)
	})
}

// NoOutlet ends the outlet.
func (n *Node) NoOutlet(port string) error {
	return n.port(port, func(p *node.PortSpec) { p.Outlet = "" })
}

// SetCarrier keeps it.
func (n *Node) SetCarrier(port string, up bool) error {
	return n.port(port, func(p *node.PortSpec) { p.Down = !up })
}

// Capture writes what Pass passes.
func (n *Node) Capture(r node.CaptureRequest, f *os.File) error {
	t := capture.Ethernet
	if r.LinkType != "" {
		var err error
		if t, err = capture.ParseLinkType(r.LinkType); err != nil {
			return err
		}
	}
	c, err := capture.New(dup(f), capture.Options{LinkType: t, Format: capture.Format(r.Format)})
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.captures[r.ID] = c
	n.mu.Unlock()
	return n.port(r.Port, func(p *node.PortSpec) { p.Captures = append(slices.Clone(p.Captures), r) })
}

// Pass has a frame pass the port, for its captures to write.
func (n *Node) Pass(port string, d wire.Direction, frame []byte) {
	for _, r := range n.Port(port).Captures {
		n.mu.Lock()
		c := n.captures[r.ID]
		n.mu.Unlock()
		if c != nil {
			c.Frame(d, time.Now(), frame)
		}
	}
}

// NoCapture ends a capture.
func (n *Node) NoCapture(id string) error {
	n.mu.Lock()
	c := n.captures[id]
	delete(n.captures, id)
	n.mu.Unlock()
	if c != nil {
		c.Close()
	}
	for _, p := range n.Spec().Ports {
		err := n.port(p.Name, func(p *node.PortSpec) {
			p.Captures = slices.DeleteFunc(slices.Clone(p.Captures), func(c node.CaptureRequest) bool { return c.ID == id })
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Interface keeps that frames are shown.
func (n *Node) Interface(port string, tun, packet *os.File) error {
	return n.port(port, func(p *node.PortSpec) { p.Interface = true })
}

// NoInterface ends that.
func (n *Node) NoInterface(port string) error {
	return n.port(port, func(p *node.PortSpec) { p.Interface = false })
}

// SetFilter keeps the text.
func (n *Node) SetFilter(port, text string) error {
	return n.port(port, func(p *node.PortSpec) { p.Filter = text })
}

// SetImpairment keeps the text.
func (n *Node) SetImpairment(port, text string) error {
	return n.port(port, func(p *node.PortSpec) { p.Impairment = text })
}

// Port is what the node says of a port.
func (n *Node) Port(name string) node.PortSpec {
	for _, p := range n.Spec().Ports {
		if p.Name == name {
			return p
		}
	}
	return node.PortSpec{}
}

// Limit changes what the description says.
func (n *Node) Limit(l node.Limits) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.spec.Limits = l
	return nil
}

// Suspend suspends.
func (n *Node) Suspend() error { return n.become(node.Suspended) }

// Resume resumes.
func (n *Node) Resume() error { return n.become(node.Running) }

func (n *Node) become(s node.State) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.state = s
	return nil
}

// Stop ends the process in order.
func (n *Node) Stop() error {
	n.end(node.Stopped, "stop")
	return nil
}

// Plug keeps a copy of f.
func (n *Node) Plug(port, kind string, f *os.File) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !slices.ContainsFunc(n.spec.Ports, func(p node.PortSpec) bool { return p.Name == port }) {
		return fmt.Errorf("there is no port %q", port)
	}
	if old := n.plugged[port]; old != nil {
		old.Close()
	}
	n.plugged[port] = dup(f)
	n.plugs++
	delete(n.broken, port)
	n.spec.Ports = slices.Clone(n.spec.Ports)
	for i := range n.spec.Ports {
		if n.spec.Ports[i].Name == port {
			n.spec.Ports[i].Wire = kind
		}
	}
	return nil
}

// Unplug closes the port's wire.
func (n *Node) Unplug(port string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if old := n.plugged[port]; old != nil {
		old.Close()
		delete(n.plugged, port)
	}
	return nil
}

// terminal is a console line: what was printed and typed at it, and who looks.
type terminal struct {
	log, typed []byte
	viewers    []net.Conn
}

// Console opens a console.
func (n *Node) Console(replay bool) (emud.Conn, error) { return n.open(&n.console, replay) }

// AUX opens the AUX port.
func (n *Node) AUX(replay bool) (emud.Conn, error) { return n.open(&n.aux, replay) }

func (n *Node) open(t *terminal, replay bool) (emud.Conn, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	var conns [2]net.Conn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "console")
		conns[i], err = net.FileConn(f)
		f.Close()
		if err != nil {
			return nil, err
		}
	}
	n.mu.Lock()
	if replay {
		_, _ = conns[1].Write(t.log) // to a reader that is gone
	}
	t.viewers = append(t.viewers, conns[1])
	n.mu.Unlock()
	go func() {
		buf := make([]byte, 100)
		for {
			k, err := conns[1].Read(buf)
			n.mu.Lock()
			t.typed = append(t.typed, buf[:k]...)
			n.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return conns[0], nil
}

// ConsoleLog is what was printed.
func (n *Node) ConsoleLog() ([]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]byte(nil), n.console.log...), nil
}

// NVRAM is the content of the NVRAM.
func (n *Node) NVRAM() ([]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]byte(nil), n.nvram...), nil
}

// SetNVRAM replaces and stores it.
func (n *Node) SetNVRAM(content []byte) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.nvram = append([]byte(nil), content...)
	return store.Write(n.store, content)
}

// SetConfig replaces a configuration in NVRAM and stores it.
func (n *Node) SetConfig(private bool, text []byte) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	var startup, priv []byte
	if private {
		priv = text
	} else {
		startup = text
	}
	if err := nvram.WriteConfigs(n.nvram, nvram.C7200, startup, priv); err != nil {
		return err
	}
	return store.Write(n.store, n.nvram)
}

// SetConfReg keeps the value.
func (n *Node) SetConfReg(v uint16) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.spec.Config.ConfReg = v
	return nil
}

// Insert puts a card into an empty slot.
func (n *Node) Insert(slot int, card string, ports []node.PortSpec, wires map[string]*os.File) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.nodes.FailCard == card:
		return errors.New("told to fail")
	case n.spec.Config.Slots[slot] != "":
		return fmt.Errorf("slot %d holds %s", slot, n.spec.Config.Slots[slot])
	}
	for _, p := range ports {
		if (wires[p.Name] != nil) != (p.Wire != "none") {
			return fmt.Errorf("port %s: wire %q, descriptor %v", p.Name, p.Wire, wires[p.Name])
		}
		if f := wires[p.Name]; f != nil {
			n.plugged[p.Name] = dup(f)
		}
	}
	n.spec = n.spec.WithCard(slot, card, ports)
	return nil
}

// Remove takes a card out of its slot.
func (n *Node) Remove(slot int) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch card := n.spec.Config.Slots[slot]; card {
	case "":
		return fmt.Errorf("slot %d is empty", slot)
	case n.nodes.FailCard:
		return errors.New("told to fail")
	}
	for _, p := range n.spec.Ports {
		if f := n.plugged[p.Name]; p.Slot == slot && f != nil {
			f.Close()
			delete(n.plugged, p.Name)
		}
	}
	n.spec = n.spec.WithCard(slot, "", nil)
	return nil
}

// Done is closed when the process has ended or the connection was released.
func (n *Node) Done() <-chan struct{} {
	c := make(chan struct{})
	go func() {
		select {
		case <-n.done:
		case <-n.released:
		}
		close(c)
	}()
	return c
}

// Reason tells how the process ended.
func (n *Node) Reason() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.reason
}

// LastConsole is known of a process that was not killed.
func (n *Node) LastConsole() []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.state == node.Crashed {
		return nil
	}
	return n.console.log
}

// Release gives the connection up.
func (n *Node) Release() { n.once.Do(func() { close(n.released) }) }

var (
	_ emud.Network = (*Network)(nil)
	_ emud.Nodes   = (*Nodes)(nil)
	_ emud.Node    = (*Node)(nil)
)
