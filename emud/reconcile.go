package emud

import (
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"dynemu/emud/lab"
	"dynemu/emud/node"
)

// record is what a lab has in the kernel. It names at least what exists.
type record struct {
	Namespaces map[string]bool `json:"namespaces,omitempty"` // by device
	// TAPs are the Ethernet ports that have an interface.
	TAPs  map[string]lab.End `json:"taps,omitempty"`  // by "DEVICE PORT"
	Wires map[string]wire    `json:"wires,omitempty"` // by link
	LANs  map[string]bool    `json:"lans,omitempty"`  // by LAN as written
	// Started is what each running router was started with.
	Started map[string]*lab.Router `json:"started,omitempty"`

	gone    []*Device       // devices no longer asked for, until they are stopped
	orphans map[string]Node // running nodes that no lab asks for
	saved   string          // what lies in the file
}

// wire is a link that was made.
type wire struct {
	A    lab.End  `json:"a"`
	B    lab.End  `json:"b"`
	Kind lab.Kind `json:"kind"`
	// Nodes are the identities of the nodes that hold the ends of a pipe.
	Nodes [2]string `json:"nodes,omitzero"`
}

// report gathers what an apply did, a line each.
type report struct{ lines []string }

func (r *report) addf(format string, args ...any) {
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
}

// String is the text of the result file.
func (r *report) String() string {
	if len(r.lines) == 0 {
		return "nothing changed\n"
	}
	return strings.Join(r.lines, "\n") + "\n"
}

func linkKey(k lab.Link) string {
	a, b := endKey(k.A), endKey(k.B)
	if b < a {
		a, b = b, a
	}
	return a + " = " + b
}

func endKey(e lab.End) string {
	if e.LAN != "" {
		return "LAN " + e.LAN
	}
	return e.Device + " " + e.Port
}

func (l *Lab) endpoint(e lab.End) Endpoint {
	return Endpoint{l.d.opt.Network.Namespace(l.name, e.Device), portFile(e.Port)}
}

func portFile(port string) string { return strings.ReplaceAll(port, "/", "-") }

// save writes the record where it differs from what lies there.
func (l *Lab) save() {
	text := fmt.Sprintf("%v", l.rec.comparable())
	if text == l.rec.saved {
		return
	}
	if err := writeJSON(l.recordPath(), &l.rec); err != nil {
		l.d.log.Error("cannot note what a lab has in the kernel", "lab", l.name, "err", err)
		return
	}
	l.rec.saved = text
}

// comparable is the content of the record in a form that prints the same for
// equal content.
func (r *record) comparable() []any {
	started := map[string]lab.Router{}
	for name, s := range r.Started {
		started[name] = *s
	}
	return []any{r.Namespaces, r.TAPs, r.Wires, r.LANs, started}
}

func (r *record) init() {
	if r.Namespaces == nil {
		r.Namespaces = map[string]bool{}
	}
	if r.TAPs == nil {
		r.TAPs = map[string]lab.End{}
	}
	if r.Wires == nil {
		r.Wires = map[string]wire{}
	}
	if r.LANs == nil {
		r.LANs = map[string]bool{}
	}
	if r.Started == nil {
		r.Started = map[string]*lab.Router{}
	}
}

// reconcile brings what exists in line with what is asked; see the package
// comment. The caller holds op. What fails is reported, and the rest goes on.
func (l *Lab) reconcile(rep *report) {
	l.mu.Lock()
	topo := l.topo
	l.mu.Unlock()
	if topo == nil {
		l.clear(rep)
		return
	}
	l.rec.init()
	l.dropDevices(rep)

	wanted := map[string]lab.Link{}
	lans := map[string]bool{}
	for _, k := range topo.Links {
		wanted[linkKey(k)] = k
		for _, e := range []lab.End{k.A, k.B} {
			if e.LAN != "" {
				lans[e.LAN] = true
			}
		}
	}
	for _, lan := range topo.LANs {
		lans[lan.ID] = true
	}
	l.dropWires(rep, func(key string, w wire) bool {
		k, ok := wanted[key]
		return !ok || k.Kind != w.Kind
	})
	for id := range l.rec.LANs {
		if !lans[id] {
			if err := l.d.opt.Network.RemoveLAN(l.name, id); err != nil {
				rep.addf("cannot remove LAN %s: %v", id, err)
				continue
			}
			delete(l.rec.LANs, id)
		}
	}
	l.takeCards(rep)
	l.save()
	l.dropNamespaces(rep, topo)
	l.dropTAPs(rep)

	l.makeNetwork(rep, topo, lans)
	l.putCards(rep)
	l.save()
	l.startAll(rep, topo)
	l.save()
}

// clear takes away everything that the lab has in the kernel.
func (l *Lab) clear(rep *report) {
	l.rec.init()
	l.dropDevices(rep)
	l.dropWires(rep, func(string, wire) bool { return true })
	for id := range l.rec.LANs {
		if err := l.d.opt.Network.RemoveLAN(l.name, id); err != nil {
			rep.addf("cannot remove LAN %s: %v", id, err)
			continue
		}
		delete(l.rec.LANs, id)
	}
	l.dropNamespaces(rep, &lab.Lab{})
	if len(l.rec.Namespaces)+len(l.rec.Wires)+len(l.rec.LANs) == 0 {
		os.Remove(l.recordPath())
		l.rec.saved = ""
		return
	}
	l.save()
}

// dropDevices stops the devices that are no longer asked for.
func (l *Lab) dropDevices(rep *report) {
	for _, dev := range l.rec.gone {
		if err := dev.stop(); err != nil {
			rep.addf("%s: cannot stop: %v", dev.name, err)
		}
		dev.close()
		delete(l.rec.Started, dev.name)
	}
	l.rec.gone = nil
}

func (l *Lab) dropWires(rep *report, drop func(string, wire) bool) {
	for _, key := range sortedKeys(l.rec.Wires) {
		w := l.rec.Wires[key]
		if !drop(key, w) {
			continue
		}
		if err := l.unwire(w); err != nil {
			rep.addf("%s: cannot unplug: %v", key, err)
			continue
		}
		delete(l.rec.Wires, key)
	}
}

func (l *Lab) unwire(w wire) error {
	net := l.d.opt.Network
	switch {
	case w.Kind != lab.Ethernet:
		var err error
		for i, e := range []lab.End{w.A, w.B} {
			dev := l.Device(e.Device)
			if dev == nil {
				continue
			}
			if n := dev.running(); n != nil && n.ID() == w.Nodes[i] {
				if e := n.Unplug(e.Port); err == nil {
					err = e
				}
			}
		}
		return err
	case w.A.LAN != "":
		return net.Detach(l.name, w.A.LAN, l.endpoint(w.B))
	case w.B.LAN != "":
		return net.Detach(l.name, w.B.LAN, l.endpoint(w.A))
	}
	return net.Unlink(l.endpoint(w.A), l.endpoint(w.B))
}

func (l *Lab) dropNamespaces(rep *report, topo *lab.Lab) {
	keep := map[string]bool{}
	for _, r := range topo.Routers {
		keep[r.Name] = true
	}
	for _, name := range sortedKeys(l.rec.Namespaces) {
		if keep[name] {
			continue
		}
		if err := l.d.opt.Network.RemoveNamespace(l.d.opt.Network.Namespace(l.name, name)); err != nil {
			rep.addf("%s: cannot remove its namespace: %v", name, err)
			continue
		}
		delete(l.rec.Namespaces, name)
		for key, e := range l.rec.TAPs {
			if e.Device == name {
				delete(l.rec.TAPs, key)
			}
		}
	}
}

// dropTAPs removes the interfaces of ports that neither the lab file nor a
// running router has.
func (l *Lab) dropTAPs(rep *report) {
	keep := map[string]bool{}
	for _, dev := range l.Devices() {
		for _, r := range []*lab.Router{dev.asked(), dev.Router()} {
			for _, p := range r.Ports {
				keep[dev.name+" "+p.Name] = p.Kind == lab.Ethernet
			}
		}
	}
	for _, key := range sortedKeys(l.rec.TAPs) {
		if keep[key] {
			continue
		}
		if err := l.d.opt.Network.RemoveTAP(l.endpoint(l.rec.TAPs[key])); err != nil {
			rep.addf("%s: cannot remove its interface: %v", key, err)
			continue
		}
		delete(l.rec.TAPs, key)
	}
}

// makeNetwork makes what Ethernet needs in the kernel. The network's methods
// do nothing for what is there, so all of them are called each time.
func (l *Lab) makeNetwork(rep *report, topo *lab.Lab, lans map[string]bool) {
	net := l.d.opt.Network
	for _, r := range topo.Routers {
		l.rec.Namespaces[r.Name] = true
		for _, p := range r.Ports {
			if p.Kind == lab.Ethernet {
				e := lab.End{Device: r.Name, Port: p.Name}
				l.rec.TAPs[endKey(e)] = e
			}
		}
	}
	for id := range lans {
		l.rec.LANs[id] = true
	}
	for _, k := range topo.Links {
		if k.Kind == lab.Ethernet {
			l.rec.Wires[linkKey(k)] = wire{A: k.A, B: k.B, Kind: k.Kind}
		}
	}
	l.save()
	for _, r := range topo.Routers {
		ns := net.Namespace(l.name, r.Name)
		if err := net.EnsureNamespace(ns); err != nil {
			rep.addf("%s: cannot make network namespace %s: %v", r.Name, ns, err)
		}
	}
	for _, key := range sortedKeys(l.rec.TAPs) {
		if err := net.EnsureTAP(l.endpoint(l.rec.TAPs[key])); err != nil {
			rep.addf("%s: cannot make its interface: %v", key, err)
		}
	}
	for _, id := range sortedKeys(lans) {
		if err := net.EnsureLAN(l.name, id); err != nil {
			rep.addf("cannot make LAN %s: %v", id, err)
		}
	}
	for _, key := range sortedKeys(l.rec.Wires) {
		if err := l.plug(l.rec.Wires[key]); err != nil {
			rep.addf("%s: cannot plug: %v", key, err)
		}
	}
}

// plug makes an Ethernet wire, or brings its carrier in line with the TAPs
// that are there.
func (l *Lab) plug(w wire) error {
	net := l.d.opt.Network
	switch {
	case w.Kind != lab.Ethernet:
		return nil
	case w.A.LAN != "":
		return net.Attach(l.name, w.A.LAN, l.endpoint(w.B), true)
	case w.B.LAN != "":
		return net.Attach(l.name, w.B.LAN, l.endpoint(w.A), true)
	}
	return net.Link(l.endpoint(w.A), l.endpoint(w.B), true, true)
}

// plugDevice does plug for each wire of a device whose TAPs came or went.
func (l *Lab) plugDevice(name string) error {
	var errs []error
	for _, key := range sortedKeys(l.rec.Wires) {
		w := l.rec.Wires[key]
		if w.A.Device != name && w.B.Device != name {
			continue
		}
		if err := l.plug(w); err != nil {
			errs = append(errs, fmt.Errorf("%s: cannot plug: %w", key, err))
		}
	}
	return errors.Join(errs...)
}

// parallelStarts bounds how many routers are started at a time.
const parallelStarts = 4

// startAll starts the routers that should run, and makes the pipes of the
// serial links whose two sides run.
func (l *Lab) startAll(rep *report, topo *lab.Lab) {
	starting := map[string]*Device{}
	alive := map[string]Node{}
	for _, dev := range l.Devices() {
		if n := dev.running(); n != nil {
			alive[dev.name] = n
		} else if dev.wanted() {
			starting[dev.name] = dev
		}
	}
	for name := range l.rec.Started {
		if alive[name] == nil {
			delete(l.rec.Started, name)
		}
	}

	type pipe struct {
		link lab.Link
		ends [2]*os.File
	}
	var pipes []pipe
	ends := map[string]map[string]*os.File{} // device, port
	for _, k := range topo.Links {
		if k.Kind == lab.Ethernet || k.A.LAN != "" || k.B.LAN != "" {
			continue
		}
		a, b := k.A.Device, k.B.Device
		if starting[a] == nil && alive[a] == nil || starting[b] == nil && alive[b] == nil {
			continue
		}
		if na, nb := alive[a], alive[b]; na != nil && nb != nil {
			if w, ok := l.rec.Wires[linkKey(k)]; ok && w.holds(k, na.ID(), nb.ID()) {
				continue
			}
		}
		fa, fb, err := socketpair()
		if err != nil {
			rep.addf("%s: cannot make a pipe: %v", linkKey(k), err)
			continue
		}
		pipes = append(pipes, pipe{k, [2]*os.File{fa, fb}})
		for i, e := range []lab.End{k.A, k.B} {
			if starting[e.Device] != nil {
				if ends[e.Device] == nil {
					ends[e.Device] = map[string]*os.File{}
				}
				ends[e.Device][e.Port] = pipes[len(pipes)-1].ends[i]
			}
		}
	}

	var wg sync.WaitGroup
	slots := make(chan struct{}, parallelStarts)
	for _, dev := range starting {
		wg.Add(1)
		go func() {
			defer wg.Done()
			slots <- struct{}{}
			defer func() { <-slots }()
			dev.start(ends[dev.name]) // it keeps the reason where it cannot
		}()
	}
	wg.Wait()
	for _, dev := range l.Devices() {
		if starting[dev.name] == nil {
			continue
		}
		if err := dev.ErrorText(); err != "" {
			rep.addf("%s: %s", l.place(dev), err)
		} else {
			rep.addf("%s started", dev.name)
			for _, m := range dev.foreignPorts() {
				rep.addf("%s", m)
			}
		}
	}
	for _, dev := range starting {
		if n := dev.running(); n != nil {
			l.rec.Started[dev.name] = dev.startedWith()
		}
	}

	for _, p := range pipes {
		w := wire{A: p.link.A, B: p.link.B, Kind: p.link.Kind}
		ok := true
		for i, e := range []lab.End{p.link.A, p.link.B} {
			n := alive[e.Device]
			if n == nil {
				if n = l.Device(e.Device).running(); n == nil {
					ok = false
					continue
				}
			} else if err := n.Plug(e.Port, "pipe", p.ends[i]); err != nil {
				rep.addf("%s %s: cannot plug: %v", e.Device, e.Port, err)
				ok = false
				continue
			}
			w.Nodes[i] = n.ID()
		}
		if ok {
			l.rec.Wires[linkKey(p.link)] = w
		}
		p.ends[0].Close()
		p.ends[1].Close()
	}
}

// holds reports whether the wire's ends are with the nodes a and b of link k.
func (w wire) holds(k lab.Link, a, b string) bool {
	if w.A == k.A && w.B == k.B {
		return w.Nodes == [2]string{a, b}
	}
	return w.A == k.B && w.B == k.A && w.Nodes == [2]string{b, a}
}

// place is where a device stands in the lab file, as messages begin.
func (l *Lab) place(dev *Device) string {
	return fmt.Sprintf("%s.net:%d:1: warning: %s stays stopped", l.name, dev.asked().Line, dev.name)
}

// socketpair makes the two ends of a serial wire. Each message is one frame.
func socketpair() (a, b *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "pipe"), os.NewFile(uintptr(fds[1]), "pipe"), nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// globalNames are the names of a device that no device of another lab may
// have.
func (d *Daemon) globalNames(labName, device string) []string {
	return []string{d.opt.Network.Namespace(labName, device), labName + "." + device}
}

func (dev *Device) globalNames() []string {
	return dev.lab.d.globalNames(dev.lab.name, dev.name)
}

// portSpecs describes ports to a node.
func portSpecs(ports []lab.Port, files map[string]*os.File) []node.PortSpec {
	specs := make([]node.PortSpec, 0, len(ports))
	for _, p := range ports {
		s := node.PortSpec{Name: p.Name, Slot: p.Slot, Port: p.Index, Wire: "none"}
		if files[p.Name] != nil {
			s.Wire = "pipe"
			if p.Kind == lab.Ethernet {
				s.Wire = "tap"
			}
		}
		specs = append(specs, s)
	}
	return specs
}
