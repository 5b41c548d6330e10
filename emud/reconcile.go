package emud

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"dynemu/emud/lab"
	"dynemu/emud/node"
)

// record is what a lab has in the kernel. It names at least what exists.
type record struct {
	Namespaces map[string]bool `json:"namespaces,omitempty"` // by device
	// TAPs and TUNs are the ports that have such an interface, by "DEVICE PORT".
	TAPs  map[string]lab.End  `json:"taps,omitempty"`
	TUNs  map[string]lab.End  `json:"tuns,omitempty"`
	Wires map[string]madeLink `json:"wires,omitempty"` // by link
	LANs  map[string]bool     `json:"lans,omitempty"`  // by LAN as written
	// Started is what each running router was started with.
	Started map[string]*lab.Router `json:"started,omitempty"`

	gone    []*Device       // devices no longer asked for, until they are stopped
	orphans map[string]Node // running nodes that no lab asks for
	saved   string          // what lies in the file
}

// report gathers what an apply did, a line each.
type report struct {
	mu    sync.Mutex
	lines []string
}

func (r *report) addf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
}

// String is the text of the result file.
func (r *report) String() string {
	if len(r.lines) == 0 {
		return "nothing changed\n"
	}
	return strings.Join(r.lines, "\n") + "\n"
}

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
	return []any{r.Namespaces, r.TAPs, r.TUNs, r.Wires, r.LANs, started}
}

func (r *record) init() {
	if r.Namespaces == nil {
		r.Namespaces = map[string]bool{}
	}
	if r.TAPs == nil {
		r.TAPs = map[string]lab.End{}
	}
	if r.TUNs == nil {
		r.TUNs = map[string]lab.End{}
	}
	if r.Wires == nil {
		r.Wires = map[string]madeLink{}
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
	l.hurryNIOs()
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
	l.dropWires(rep, func(key string, w madeLink) bool {
		k, ok := wanted[key]
		return !ok || k.Kind != w.Kind
	})
	l.dropLANs(rep, lans)
	l.op.step()
	l.takeCards(rep)
	l.save()
	l.dropNamespaces(rep, topo)
	l.dropInterfaces(rep)

	l.op.step()
	l.makeNetwork(rep, topo, lans)
	l.op.step()
	l.putCards(rep)
	l.configureSwitches(rep)
	l.changeIdleness(rep)
	l.dropInterfaces(rep)
	l.save()
	l.limit(rep)
	l.op.step()
	l.startAll(rep, topo)
	l.op.step()
	l.reportNIOs(rep)
	if err := l.tellCarriers(l.Devices()...); err != nil {
		rep.addf("%v", err)
	}
	l.save()
}

// clear takes away everything that the lab has in the kernel.
func (l *Lab) clear(rep *report) {
	l.rec.init()
	l.dropDevices(rep)
	// What lies between namespaces goes with them.
	l.dropWires(rep, func(_ string, w madeLink) bool { return w.medium() != cable && w.medium() != shared })
	l.dropLANs(rep, nil)
	l.dropNamespaces(rep, &lab.Lab{})
	if len(l.rec.Namespaces) == 0 {
		l.dropWires(rep, func(string, madeLink) bool { return true })
	}
	if len(l.rec.Namespaces)+len(l.rec.Wires)+len(l.rec.LANs) == 0 {
		os.Remove(l.recordPath())
		l.rec.saved = ""
		return
	}
	l.save()
}

// dropDevices stops the devices that are no longer asked for.
func (l *Lab) dropDevices(rep *report) {
	gone := l.rec.gone
	parallel(len(gone), parallelStops, func(i int) {
		if err := gone[i].halt(); err != nil {
			rep.addf("%s: cannot stop: %v", gone[i].name, err)
		}
		l.op.step()
	})
	for _, dev := range gone {
		dev.close()
		delete(l.rec.Started, dev.name)
	}
	l.rec.gone = nil
}

func (l *Lab) dropWires(rep *report, drop func(string, madeLink) bool) {
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
		l.forgetNIO(key)
		l.mend(w)
	}
}

// dropLANs removes the LANs that are not to be kept.
func (l *Lab) dropLANs(rep *report, keep map[string]bool) {
	for id := range l.rec.LANs {
		if keep[id] {
			continue
		}
		l.forgetMade("LAN " + id)
		if err := l.d.opt.Network.RemoveLAN(l.name, id); err != nil {
			rep.addf("cannot remove LAN %s: %v", id, err)
			continue
		}
		delete(l.rec.LANs, id)
	}
}

func (l *Lab) dropNamespaces(rep *report, topo *lab.Lab) {
	keep := map[string]bool{}
	for _, s := range sections(topo) {
		keep[s.name()] = true
	}
	var names []string
	for _, name := range sortedKeys(l.rec.Namespaces) {
		if !keep[name] {
			names = append(names, name)
			l.forgetMade(name)
			l.stopWatching(name)
		}
	}
	gone := make([]bool, len(names))
	parallel(len(names), parallelCalls, func(i int) {
		err := l.d.opt.Network.RemoveNamespace(l.d.opt.Network.Namespace(l.name, names[i]))
		if err != nil {
			rep.addf("%s: cannot remove its namespace: %v", names[i], err)
		}
		gone[i] = err == nil
	})
	for i, name := range names {
		if !gone[i] {
			continue
		}
		delete(l.rec.Namespaces, name)
		of := func(_ string, e lab.End) bool { return e.Device == name }
		maps.DeleteFunc(l.rec.TAPs, of)
		maps.DeleteFunc(l.rec.TUNs, of)
	}
}

// dropInterfaces removes the interfaces of ports that neither the lab file nor a
// running device has.
func (l *Lab) dropInterfaces(rep *report) {
	taps, tuns := map[string]bool{}, map[string]bool{}
	for _, dev := range l.Devices() {
		ports := slices.Concat(dev.wants().ports(), dev.Ports())
		for _, p := range ports {
			taps[dev.name+" "+p.Name] = hasTAP(p.Kind)
			tuns[dev.name+" "+p.Name] = hasTUN(p.Kind)
		}
		if n := dev.running(); n != nil && n.Spec().Switch != nil {
			for _, p := range n.Spec().Ports { // which may have to give one up yet
				taps[dev.name+" "+p.Name] = taps[dev.name+" "+p.Name] || p.Wire == node.WireTAP
			}
		}
	}
	drop := func(have map[string]lab.End, keep map[string]bool) {
		for _, key := range sortedKeys(have) {
			if keep[key] {
				continue
			}
			l.forgetMade(have[key].Device)
			if err := l.d.opt.Network.RemoveInterface(l.endpoint(have[key])); err != nil {
				rep.addf("%s: cannot remove its interface: %v", key, err)
				continue
			}
			delete(have, key)
		}
	}
	drop(l.rec.TAPs, taps)
	drop(l.rec.TUNs, tuns)
}

// makeNetwork makes what the lab needs in the kernel. The network's methods do
// nothing for what is there, but looking takes its time in a large lab: what was made, and
// is wanted as it was, is looked at again only by a new daemon and the command apply.
func (l *Lab) makeNetwork(rep *report, topo *lab.Lab, lans map[string]bool) {
	net := l.d.opt.Network
	devices := sections(topo)
	for _, s := range devices {
		l.rec.Namespaces[s.name()] = true
		for _, p := range s.ports() {
			e := lab.End{Device: s.name(), Port: p.Name}
			switch {
			case hasTAP(p.Kind):
				l.rec.TAPs[endKey(e)] = e
			case hasTUN(p.Kind):
				l.rec.TUNs[endKey(e)] = e
			}
		}
	}
	for id := range lans {
		l.rec.LANs[id] = true
	}
	for _, k := range topo.Links {
		key, w := linkKey(k), madeLink{A: k.A, B: k.B, Kind: k.Kind}
		if w.medium() == pipe {
			continue // made with the nodes at its ends
		}
		if old, ok := l.rec.Wires[key]; ok && old.A == k.A && old.B == k.B {
			w.Nodes = old.Nodes
		}
		l.rec.Wires[key] = w
	}
	l.save()
	parallel(len(devices), parallelCalls, func(i int) {
		defer l.op.step()
		name := devices[i].name()
		if l.isMade(name, l.looks(devices[i])) {
			return
		}
		whole := true
		ns := net.Namespace(l.name, name)
		if err := net.EnsureNamespace(ns); err != nil {
			rep.addf("%s: cannot make network namespace %s: %v", name, ns, err)
			return
		}
		for _, p := range devices[i].ports() {
			e := lab.End{Device: name, Port: p.Name}
			var err error
			switch {
			case hasTAP(p.Kind):
				err = net.EnsureTAP(l.endpoint(e))
			case hasTUN(p.Kind):
				err = net.EnsureTUN(l.endpoint(e), l.framesLookLikeFrameRelay(e))
			}
			if err != nil {
				rep.addf("%s: cannot make its interface: %v", endKey(e), err)
				whole = false
			}
		}
		if whole {
			l.noteMade(name, l.looks(devices[i]))
		}
	})
	for _, s := range devices {
		l.watchReaders(s)
	}
	for _, id := range sortedKeys(lans) {
		if l.isMade("LAN "+id, "made") {
			continue
		}
		if err := net.EnsureLAN(l.name, id); err != nil {
			rep.addf("cannot make LAN %s: %v", id, err)
			continue
		}
		l.noteMade("LAN "+id, "made")
	}
	failed := map[string]bool{}
	l.plugAll(func(key string, err error) {
		failed[key] = true
		rep.addf("%s: cannot plug: %v", key, err)
	}, func(w madeLink) bool { return !l.isMade(w.key(), l.joins(w)) })
	for key, w := range l.rec.Wires {
		if m := w.medium(); !failed[key] && (m == cable || m == shared) {
			l.noteMade(key, l.joins(w))
		}
	}
}

// isMade reports whether something in the kernel was made as it is wanted now.
func (l *Lab) isMade(what, how string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.made[what] == how
}

func (l *Lab) noteMade(what, how string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.made[what] = how
}

// forgetMade has something looked at again, or everything.
func (l *Lab) forgetMade(what ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if what == nil {
		clear(l.made)
	}
	for _, w := range what {
		delete(l.made, w)
	}
}

// looks tells which interfaces a device has.
func (l *Lab) looks(s section) string {
	var b strings.Builder
	b.WriteString("made")
	for _, p := range s.ports() {
		fmt.Fprintf(&b, " %s %s %v", p.Name, p.Kind, hasTUN(p.Kind) && l.framesLookLikeFrameRelay(lab.End{Device: s.name(), Port: p.Name}))
	}
	return b.String()
}

// joins tells how a cable in the kernel lies, and between which nodes.
func (l *Lab) joins(w madeLink) string {
	var b strings.Builder
	fmt.Fprintf(&b, "cut %v", l.isCut(w.A, w.B))
	for _, e := range []lab.End{w.A, w.B} {
		id := ""
		if n := l.running(e.Device); n != nil {
			id = n.ID()
		}
		fmt.Fprintf(&b, " %v %s", l.isUp(e), id)
	}
	return b.String()
}

// configureSwitches brings the running switches in line with their sections.
func (l *Lab) configureSwitches(rep *report) {
	for _, dev := range l.Devices() {
		s, n := dev.Switch(), dev.running()
		if s == nil || n == nil || n.Spec().Switch == nil {
			continue
		}
		now, want := *n.Spec().Switch, *switchSpec(s)
		if sameSwitch(now, want) {
			continue
		}
		if err := dev.configure(n, now, want); err != nil {
			rep.addf("%s: cannot be changed: %v", dev.name, err)
		}
	}
}

// configure changes a running switch from now to want.
func (dev *Device) configure(n Node, now, want node.SwitchSpec) error {
	var own owned
	defer own.close()
	had := map[int]string{}
	for _, p := range now.Ports {
		had[p.Number] = p.Kind
	}
	var fresh []lab.Port // those that change their kind lose their wire too
	for _, p := range dev.wants().ports() {
		if had[p.Index] != string(p.Kind) {
			fresh = append(fresh, p)
		}
	}
	files, err := dev.openPorts(fresh, nil, &own)
	if err != nil {
		return err
	}
	for i := range want.Ports {
		p := &want.Ports[i]
		if files[strconv.Itoa(p.Number)] != nil {
			p.Wire = node.WireTAP
		}
	}
	if err := n.Configure(want, files); err != nil {
		return err
	}
	dev.mu.Lock()
	maps.DeleteFunc(dev.ports, func(name string, _ portState) bool {
		return !slices.ContainsFunc(want.Ports, func(p node.SwitchPortSpec) bool { return strconv.Itoa(p.Number) == name })
	})
	for _, p := range fresh {
		dev.ports[p.Name] = portState{}
	}
	dev.mu.Unlock()
	return errors.Join(dev.restorePorts(n, fresh), dev.lab.plugDevices(dev.name))
}

// How many calls of the network run side by side, and how many devices are started, and
// stopped, which is mostly waiting, at a time.
const (
	parallelCalls  = 4
	parallelStarts = 4
	parallelStops  = 16
)

// parallel calls fn for 0 to n-1 on some goroutines.
func parallel(n, goroutines int, fn func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, goroutines) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				fn(i)
			}
		}()
	}
	wg.Wait()
}

// startAll starts the devices that should run, and makes the pipes of the
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

	type pair struct {
		link lab.Link
		ends [2]*os.File
	}
	var pipes []pair
	ends := map[string]map[string]*os.File{} // device, port
	for _, k := range topo.Links {
		if (madeLink{A: k.A, B: k.B, Kind: k.Kind}).medium() != pipe {
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
		pipes = append(pipes, pair{k, [2]*os.File{fa, fb}})
		for i, e := range []lab.End{k.A, k.B} {
			if starting[e.Device] != nil {
				if ends[e.Device] == nil {
					ends[e.Device] = map[string]*os.File{}
				}
				ends[e.Device][e.Port] = pipes[len(pipes)-1].ends[i]
			}
		}
	}

	for _, dev := range starting {
		dev.setStarting(true)
	}
	queue := slices.Collect(maps.Values(starting))
	parallel(len(queue), parallelStarts, func(i int) {
		queue[i].start(ends[queue[i].name]) // it keeps the reason where it cannot
		l.op.step()
	})
	for _, dev := range starting {
		dev.setStarting(false)
	}
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
		if n := dev.running(); n != nil && dev.Switch() == nil {
			l.rec.Started[dev.name] = dev.startedWith()
		}
	}

	for _, p := range pipes {
		w := madeLink{A: p.link.A, B: p.link.B, Kind: p.link.Kind}
		ok := true
		for i, e := range []lab.End{p.link.A, p.link.B} {
			n := alive[e.Device]
			if n == nil {
				if n = l.Device(e.Device).running(); n == nil {
					ok = false
					continue
				}
			} else if err := n.Plug(e.Port, node.WirePipe, p.ends[i]); err != nil {
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
	if len(starting) == 0 {
		return
	}
	l.plugAll(func(key string, err error) { rep.addf("%s: cannot plug: %v", key, err) },
		func(w madeLink) bool { return starting[w.A.Device] != nil || starting[w.B.Device] != nil })
	for _, dev := range starting {
		n := dev.running()
		if n == nil {
			continue
		}
		if err := dev.restorePorts(n, nil); err != nil {
			rep.addf("%s: %v", dev.name, err)
		}
	}
}

// place is where a device stands in the lab file, as messages begin.
func (l *Lab) place(dev *Device) string {
	return fmt.Sprintf("%s.net:%d:1: warning: %s stays stopped", l.name, dev.wants().line(), dev.name)
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
