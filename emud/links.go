package emud

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"dynemu/emud/lab"
	"dynemu/emud/node"
)

// Links, how they are made, and the carrier at their ends.
//
// A port is up while its device runs, its guest has not shut it and no user has cut
// its link. It has carrier when the port at the other end is up, as on a cable; a LAN
// always gives carrier, a NIO while it is open. The kernel shows it at TAPs and
// cables, and every node is told about its ports.

// madeLink is a link that was made.
type madeLink struct {
	A    lab.End  `json:"a"`
	B    lab.End  `json:"b"`
	Kind lab.Kind `json:"kind"`
	// Nodes are the identities of the nodes that hold the ends of a pipe, or, the first
	// of them, a NIO.
	Nodes [2]string `json:"nodes,omitzero"`
}

// medium is what a link is made of.
type medium int

const (
	cable  medium = iota // Ethernet ports: a veth pair between two namespaces
	shared               // Ethernet port and LAN
	host                 // Ethernet port and the host: a veth pair
	outlet               // Ethernet port and another NIO: the port's node joins the two
	pipe                 // other ports: a pair of sockets, held by two nodes
	direct               // other port and NIO, which is the port's wire
)

func (w madeLink) medium() medium {
	_, far := w.ends()
	switch {
	case w.Kind != lab.Ethernet && far.NIO.Type != "":
		return direct
	case w.Kind != lab.Ethernet:
		return pipe
	case far.LAN != "":
		return shared
	case far.NIO.Type == "host":
		return host
	case far.NIO.Type != "":
		return outlet
	}
	return cable
}

// ends returns the two ends, one that is no port last.
func (w madeLink) ends() (port, far lab.End) {
	if w.A.Device == "" {
		return w.B, w.A
	}
	return w.A, w.B
}

// holds reports whether the wire's ends are with the nodes a and b of link k.
func (w madeLink) holds(k lab.Link, a, b string) bool {
	if w.A == k.A && w.B == k.B {
		return w.Nodes == [2]string{a, b}
	}
	return w.A == k.B && w.B == k.A && w.Nodes == [2]string{b, a}
}

func linkKey(k lab.Link) string { return madeLink{A: k.A, B: k.B}.key() }

func (w madeLink) key() string {
	a, b := endKey(w.A), endKey(w.B)
	if b < a {
		a, b = b, a
	}
	return a + " = " + b
}

func endKey(e lab.End) string { return e.String() }

func (l *Lab) endpoint(e lab.End) Endpoint {
	return Endpoint{l.d.opt.Network.Namespace(l.name, e.Device), ifname(e.Port)}
}

// portState is what is known of a port of a running node.
type portState struct {
	down  bool // it was told that it has no carrier
	shut  bool // the guest has shut it
	shown bool // its frames are copied to its kernel interface
	// encapsulation is what its frames look like, empty when unknown.
	encapsulation string
	// liveDrops are frames that readers of streams did not get, since they were slow.
	liveDrops uint64
}

// portStates are those of a node that was started with spec, or adopted.
func portStates(spec node.Spec) map[string]portState {
	m := make(map[string]portState, len(spec.Ports))
	for _, p := range spec.Ports {
		m[p.Name] = portState{down: p.Down, shown: p.Interface}
	}
	return m
}

func (dev *Device) portState(port string) portState {
	dev.mu.Lock()
	defer dev.mu.Unlock()
	return dev.ports[port]
}

// knows reports whether the running node has a port: it gets those of a card, and new
// ones of a switch, while it runs.
func (dev *Device) knows(port string) bool {
	dev.mu.Lock()
	defer dev.mu.Unlock()
	_, ok := dev.ports[port]
	return ok
}

// changePort changes what is known of a port of the running node n.
func (dev *Device) changePort(n Node, port string, fn func(*portState)) {
	dev.mu.Lock()
	defer dev.mu.Unlock()
	if s, ok := dev.ports[port]; ok && dev.node == n {
		fn(&s)
		dev.ports[port] = s
	}
}

func (dev *Device) setStarting(on bool) {
	dev.mu.Lock()
	defer dev.mu.Unlock()
	dev.starting = on
}

func (dev *Device) isEnding() bool {
	dev.mu.Lock()
	defer dev.mu.Unlock()
	return dev.ending
}

// portSpecs describes ports, of which those in files are plugged in, to the node.
func (dev *Device) portSpecs(ports []lab.Port, files map[string]*os.File) []node.PortSpec {
	specs := make([]node.PortSpec, 0, len(ports))
	for _, p := range ports {
		kept := dev.portKept(p.Name)
		s := node.PortSpec{Name: p.Name, Slot: p.Slot, Port: p.Index, Kind: string(p.Kind), Wire: node.WireNone,
			Down: !dev.lab.carrier(lab.End{Device: dev.name, Port: p.Name}), Filter: kept.Filter, Impairment: kept.Impairment}
		if files[p.Name] != nil {
			s.Wire = node.WirePipe
			if hasTAP(p.Kind) {
				s.Wire = node.WireTAP
			}
		}
		specs = append(specs, s)
	}
	return specs
}

// running is the node that runs a device of the lab; nil when there is none.
func (l *Lab) running(device string) Node {
	if dev := l.Device(device); dev != nil {
		return dev.running()
	}
	return nil
}

// linksOf finds links by the ports at their ends.
func linksOf(topo *lab.Lab) map[string]int {
	m := make(map[string]int, 2*len(topo.Links))
	for i, k := range topo.Links {
		for _, e := range []lab.End{k.A, k.B} {
			if e.Device != "" {
				m[endKey(e)] = i
			}
		}
	}
	return m
}

// linkAt returns the link of a port, and its other end.
func (l *Lab) linkAt(e lab.End) (k lab.Link, far lab.End, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i, ok := l.links[endKey(e)]
	if !ok {
		return k, far, false
	}
	k = l.topo.Links[i]
	if k.A.Device == e.Device && k.A.Port == e.Port {
		return k, k.B, true
	}
	return k, k.A, true
}

// isUp reports whether a port gives the other end of its cable a carrier, unless the
// cable is cut.
func (l *Lab) isUp(e lab.End) bool {
	dev := l.Device(e.Device)
	if dev == nil {
		return false
	}
	dev.mu.Lock()
	defer dev.mu.Unlock()
	return (dev.node != nil && !dev.ending || dev.starting) && !dev.ports[e.Port].shut
}

// isCut reports whether a user has cut the link between two ends.
func (l *Lab) isCut(ends ...lab.End) bool {
	for _, e := range ends {
		if dev := l.Device(e.Device); dev != nil && dev.portKept(e.Port).Cut {
			return true
		}
	}
	return false
}

// carrier reports whether a port gets a carrier from the other end of its link.
func (l *Lab) carrier(e lab.End) bool {
	k, far, ok := l.linkAt(e)
	switch {
	case !ok || l.isCut(e, far):
		return false
	case far.LAN != "":
		return true
	case far.NIO.Type != "":
		return l.nioOpen(linkKey(k))
	}
	return l.isUp(far)
}

// tellCarriers tells the nodes of devices about the carrier of their ports.
func (l *Lab) tellCarriers(devices ...*Device) error {
	var errs []error
	for _, dev := range devices {
		dev.tellLinks()
		n := dev.running()
		if n == nil || dev.isEnding() {
			continue
		}
		for _, p := range dev.Ports() {
			up := l.carrier(lab.End{Device: dev.name, Port: p.Name})
			if dev.portState(p.Name).down == !up {
				continue
			}
			switch err := n.SetCarrier(p.Name, up); {
			case errors.Is(err, node.ErrEnded): // which is about to be noted
			case err != nil:
				errs = append(errs, fmt.Errorf("%s %s: cannot tell it about its carrier: %w", dev.name, p.Name, err))
			default:
				dev.changePort(n, p.Name, func(s *portState) { s.down = !up })
			}
		}
	}
	return errors.Join(errs...)
}

// plugAll makes the wires that want picks, or brings their carrier in line with what
// is there.
func (l *Lab) plugAll(fail func(key string, err error), want func(madeLink) bool) {
	var keys []string
	for _, key := range sortedKeys(l.rec.Wires) {
		if want(l.rec.Wires[key]) {
			keys = append(keys, key)
		}
	}
	made := make([]madeLink, len(keys))
	errs := make([]error, len(keys))
	parallel(len(keys), parallelCalls, func(i int) { made[i], errs[i] = l.plug(keys[i], l.rec.Wires[keys[i]]) })
	for i, key := range keys {
		l.rec.Wires[key] = made[i]
		if errs[i] != nil {
			l.forgetMade(key)
			fail(key, errs[i])
		}
	}
}

// plug makes a wire, or brings its carrier in line with the ports at its ends. It
// returns the wire as it is now.
func (l *Lab) plug(key string, w madeLink) (madeLink, error) {
	net := l.d.opt.Network
	port, far := w.ends()
	up := l.isUp(port) && !l.isCut(port, far)
	switch w.medium() {
	case shared:
		return w, net.Attach(l.name, far.LAN, l.endpoint(port), up)
	case host:
		l.noteNIO(key, net.LinkHost(l.endpoint(port), far.NIO.Interface, far.NIO.Address, up))
		return w, nil
	case outlet, direct:
		w = l.plugNIO(key, w)
		if w.medium() == outlet {
			return w, net.PlugCable(l.endpoint(port), up && l.nioOpen(key))
		}
	case cable:
		return w, net.Link(l.endpoint(port), l.endpoint(far), up, l.isUp(far) && !l.isCut(port, far))
	}
	return w, nil
}

// plugDevices does plug for each wire of devices that came or went or whose ports
// changed, and tells the nodes at both ends.
func (l *Lab) plugDevices(names ...string) error {
	var errs []error
	concerned := map[string]bool{}
	for _, name := range names {
		concerned[name] = true
	}
	l.plugAll(func(key string, err error) { errs = append(errs, fmt.Errorf("%s: cannot plug: %w", key, err)) },
		func(w madeLink) bool { return slices.Contains(names, w.A.Device) || slices.Contains(names, w.B.Device) })
	for _, w := range l.rec.Wires {
		if slices.Contains(names, w.A.Device) || slices.Contains(names, w.B.Device) {
			concerned[w.A.Device], concerned[w.B.Device] = true, true
		}
	}
	for name := range concerned {
		if dev := l.Device(name); dev != nil {
			errs = append(errs, l.tellCarriers(dev))
		}
	}
	return errors.Join(errs...)
}

func (l *Lab) unwire(w madeLink) error {
	l.forgetMade(w.key())
	net := l.d.opt.Network
	port, far := w.ends()
	switch w.medium() {
	case shared:
		return net.Detach(l.name, far.LAN, l.endpoint(port))
	case host:
		return net.UnlinkHost(l.endpoint(port), far.NIO.Interface)
	case cable:
		return net.Unlink(l.endpoint(w.A), l.endpoint(w.B))
	}
	var errs []error
	for i, e := range []lab.End{port, far} {
		n := l.running(e.Device)
		switch {
		case n == nil || n.ID() != w.Nodes[i]:
		case w.medium() == outlet:
			errs = append(errs, n.NoOutlet(e.Port))
		default:
			errs = append(errs, n.Unplug(e.Port))
		}
	}
	if w.medium() == outlet {
		errs = append(errs, net.RemoveCable(l.endpoint(port)))
	}
	if far.NIO.Type != "" && w.Nodes[0] != "" { // else it may be another's
		errs = append(errs, net.RemoveNIO(far.NIO))
	}
	return errors.Join(errs...)
}

// portsChanged notes that a node has something to tell about its ports. What nodes of
// the lab have to tell meanwhile is looked at together.
func (l *Lab) portsChanged(dev *Device, n Node) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.news[dev] = n
	if !l.listening {
		l.listening = true
		go l.takeNews()
	}
}

func (l *Lab) takeNews() {
	for {
		l.op.Lock()
		l.mu.Lock()
		news := l.news
		l.news = map[*Device]Node{}
		l.listening = len(news) > 0
		l.mu.Unlock()
		if len(news) > 0 {
			l.look(news)
		}
		l.op.Unlock()
		if len(news) == 0 {
			return
		}
	}
}

// look asks nodes about their ports, and brings the wires of those that changed in line.
func (l *Lab) look(news map[*Device]Node) {
	var devices []*Device
	for dev, n := range news {
		if dev.running() == n && !dev.isEnding() {
			devices = append(devices, dev)
		}
	}
	status := make([]NodeStatus, len(devices))
	errs := make([]error, len(devices))
	parallel(len(devices), parallelStops, func(i int) { status[i], errs[i] = news[devices[i]].Status() })
	changed := map[string]bool{} // by port
	for i, dev := range devices {
		if errs[i] != nil {
			continue // its end is about to be noted
		}
		n := news[dev]
		for name, p := range status[i].Ports {
			was := dev.portState(name)
			dev.changePort(n, name, func(s *portState) { s.shut, s.encapsulation = !p.Enabled, p.Encapsulation })
			if was.shut == p.Enabled {
				changed[endKey(lab.End{Device: dev.name, Port: name})] = true
			}
			for _, c := range p.Captures {
				if c.Error != "" && dev.capturing(name, c.ID) {
					dev.captureFailed(name, c.ID, c.Error)
				}
			}
		}
		for _, port := range l.checkNIOs(dev, n, status[i]) {
			changed[endKey(port)] = true
		}
		l.retype(dev)
	}
	if len(changed) == 0 {
		return
	}
	concerned := map[*Device]bool{}
	l.plugAll(func(key string, err error) { l.d.log.Error("cannot plug", "lab", l.name, "link", key, "err", err) },
		func(w madeLink) bool {
			if !changed[endKey(w.A)] && !changed[endKey(w.B)] {
				return false
			}
			for _, e := range []lab.End{w.A, w.B} {
				if dev := l.Device(e.Device); dev != nil {
					concerned[dev] = true
				}
			}
			return true
		})
	if err := l.tellCarriers(slices.Collect(maps.Keys(concerned))...); err != nil {
		l.d.log.Error("cannot bring carriers in line", "lab", l.name, "err", err)
	}
	l.save()
}
