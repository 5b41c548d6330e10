package emud

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"dynemu/emud/lab"
)

// NIOs, what leads out of a lab. The daemon opens them and hands them to the node that
// has the port. One that cannot be opened, or breaks, takes the carrier from its port
// and is tried again: when an interface of the host comes, and every few seconds.

// nioRetry is how long a NIO that failed is left alone.
const nioRetry = 3 * time.Second

// nioState is what is known of a NIO: why it has no connection, since when.
type nioState struct {
	err    string // empty when it has one
	failed time.Time
}

// noteNIO notes whether a NIO is open, by link.
func (l *Lab) noteNIO(key string, err error) {
	text := errorText(err)
	l.mu.Lock()
	old, known := l.nios[key]
	was := old.err
	l.nios[key] = nioState{text, time.Now()}
	l.mu.Unlock()
	switch {
	case text != "" && text != was:
		l.d.log.Warn("NIO has no connection", "lab", l.name, "link", key, "reason", text)
	case text == "" && known && was != "":
		l.d.log.Info("NIO is connected", "lab", l.name, "link", key)
	}
	if text != "" {
		l.retryNIOs(nioRetry)
	}
}

// forgetNIO forgets what is known of a link's NIO.
func (l *Lab) forgetNIO(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.nios, key)
}

// nioOpen reports whether the NIO of a link is open, and what it leads to has a carrier.
func (l *Lab) nioOpen(key string) bool {
	l.mu.Lock()
	s, known := l.nios[key]
	l.mu.Unlock()
	return known && s.err == ""
}

// nioError says why the NIO of a link has no connection; empty when it has, or was not
// tried.
func (l *Lab) nioError(key string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.nios[key].err
}

// nioRests reports whether the NIO of a link has failed a moment ago and is not to be
// tried yet.
func (l *Lab) nioRests(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.nios[key]
	return s.err != "" && time.Since(s.failed) < nioRetry*9/10
}

// hurryNIOs has NIOs that have failed tried at once, all of them if none is named.
func (l *Lab) hurryNIOs(keys ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, s := range l.nios {
		if keys == nil || slices.Contains(keys, key) {
			s.failed = time.Time{}
			l.nios[key] = s
		}
	}
}

// plugNIO opens the NIO of a wire and hands it to the node of the port, unless that was
// done. It returns the wire as it is now.
func (l *Lab) plugNIO(key string, w madeLink) madeLink {
	port, far := w.ends()
	n := l.running(port.Device)
	if n == nil || !l.Device(port.Device).knows(port.Port) {
		l.closedNIO(&w)
		l.forgetNIO(key)
		return w
	}
	if w.Nodes[0] == n.ID() && l.nioError(key) == "" {
		adopted := !l.nioOpen(key) // an earlier daemon has opened it
		l.noteNIO(key, nil)
		if adopted && far.NIO.Type == "unix" {
			go l.followAdopted(key, n, far.NIO.Remote)
		}
		return w
	}
	if l.nioRests(key) {
		return w
	}
	l.closedNIO(&w)
	if i := hostInterface(far.NIO); i != "" && !l.d.hostCarrier(i) {
		l.noteNIO(key, fmt.Errorf("this machine has no interface %s that is up", i))
		return w
	}
	err := l.openNIO(w.medium(), n, port, far.NIO)
	if err == nil {
		w.Nodes[0] = n.ID()
	}
	l.noteNIO(key, err)
	return w
}

// closedNIO notes that a wire has no NIO any more, and removes what that has left.
func (l *Lab) closedNIO(w *madeLink) {
	if w.Nodes[0] == "" {
		return
	}
	w.Nodes[0] = ""
	_, far := w.ends()
	if err := l.d.opt.Network.RemoveNIO(far.NIO); err != nil {
		l.d.log.Error("cannot remove what a NIO has left", "lab", l.name, "link", w.key(), "err", err)
	}
}

// hostInterface is the interface of the host that must be there for the NIO.
func hostInterface(n lab.NIO) string {
	if n.Type == "linux_eth" || n.Type == "gen_eth" {
		return n.Interface
	}
	return ""
}

func (l *Lab) openNIO(m medium, n Node, port lab.End, nio lab.NIO) error {
	var own owned
	defer own.close()
	net := l.d.opt.Network
	if m == outlet { // one whose NIO broke still holds the cable
		if err := n.NoOutlet(port.Port); err != nil {
			return err
		}
	}
	o, err := net.OpenNIO(nio)
	if err != nil {
		return err
	}
	own.add(o.File, nil)
	own.add(o.Keep, nil)
	if m == direct {
		err = n.Plug(port.Port, o.Kind, o.File)
	} else if f, e := own.add(net.OpenCable(l.endpoint(port))); e != nil {
		err = e
	} else {
		err = n.Outlet(port.Port, o.Kind, f, o.File, o.Keep)
	}
	if err != nil {
		err = errors.Join(err, net.RemoveNIO(nio))
	}
	return err
}

// followAdopted opens a NIO anew when another socket comes to be at the path that it
// sends to, which its node cannot reach by itself. For NIOs that this daemon has opened,
// the opener does that without a loss.
func (l *Lab) followAdopted(key string, n Node, path string) {
	was, _ := os.Lstat(path)
	for ; ; time.Sleep(time.Second) {
		now, err := os.Lstat(path)
		if !l.nioOpen(key) {
			return // what comes next is opened by this daemon
		}
		if err != nil || was != nil && os.SameFile(was, now) && was.ModTime().Equal(now.ModTime()) {
			continue
		}
		l.op.Lock()
		defer l.op.Unlock()
		w, ok := l.rec.Wires[key]
		port, _ := w.ends()
		if !ok || w.Nodes[0] != n.ID() || l.running(port.Device) != n {
			return
		}
		if w.medium() == direct {
			if err := n.Unplug(port.Port); err != nil {
				l.d.log.Error("cannot unplug", "lab", l.name, "link", key, "err", err)
				return
			}
		}
		l.closedNIO(&w)
		l.rec.Wires[key] = w
		l.plugAll(func(key string, err error) { l.d.log.Error("cannot plug", "lab", l.name, "link", key, "err", err) },
			func(w madeLink) bool { return w.key() == key })
		if err := l.tellCarriers(l.Devices()...); err != nil {
			l.d.log.Error("cannot bring carriers in line", "lab", l.name, "err", err)
		}
		l.save()
		return
	}
}

// checkNIOs notes which NIOs a node has lost, and returns their ports.
func (l *Lab) checkNIOs(dev *Device, n Node, status NodeStatus) (lost []lab.End) {
	for key, w := range l.rec.Wires {
		port, _ := w.ends()
		m := w.medium()
		if m != outlet && m != direct || port.Device != dev.name || w.Nodes[0] != n.ID() {
			continue
		}
		p := status.Ports[port.Port]
		reason := ""
		switch {
		case m == outlet && p.Outlet == nil, m == direct && !p.Plugged:
			reason = "it was closed by the other side"
		case m == outlet:
			reason = p.Outlet.Error
		}
		if reason != "" {
			l.closedNIO(&w)
			l.rec.Wires[key] = w
			l.noteNIO(key, errors.New(reason))
			lost = append(lost, port)
		}
	}
	return lost
}

// retryNIOs tries the NIOs that have no connection again, after a while.
func (l *Lab) retryNIOs(after time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.retry != nil {
		if after > 0 || !l.retry.Stop() {
			return
		}
	}
	l.retry = time.AfterFunc(after, func() {
		l.op.Lock()
		defer l.op.Unlock()
		l.mu.Lock()
		l.retry = nil
		ended := l.topo == nil
		l.mu.Unlock()
		if ended {
			return
		}
		failed := func(w madeLink) bool { return l.nioError(w.key()) != "" }
		l.plugAll(func(string, error) {}, failed)
		for _, w := range l.rec.Wires {
			if failed(w) { // also one that failed so lately that it was left alone
				l.retryNIOs(nioRetry)
				break
			}
		}
		if err := l.tellCarriers(l.Devices()...); err != nil {
			l.d.log.Error("cannot bring carriers in line", "lab", l.name, "err", err)
		}
		l.save()
	})
}

// reportNIOs says which NIOs of the lab file have no connection, and why.
func (l *Lab) reportNIOs(rep *report) {
	l.mu.Lock()
	topo := l.topo
	l.mu.Unlock()
	for _, k := range topo.Links {
		text := l.nioError(linkKey(k))
		if text == "" {
			continue
		}
		port, far := madeLink{A: k.A, B: k.B}.ends()
		m := lab.Message{File: l.name + ".net", Line: k.Line, Column: k.Column, Severity: lab.Warning,
			Text: fmt.Sprintf("%s: %s has no carrier: %s", far, port, text)}
		rep.addf("%s", m)
	}
}

// hostChanged notes that an interface of the host came, went, or got or lost its
// carrier.
func (d *Daemon) hostChanged(ifname string, exists, carrier bool) {
	d.mu.Lock()
	was := d.hostUp[ifname]
	if exists && carrier {
		d.hostUp[ifname] = true
	} else {
		delete(d.hostUp, ifname)
	}
	now := d.hostUp[ifname]
	d.mu.Unlock()
	if was == now {
		return
	}
	for _, l := range d.Labs() {
		if l.usesHost(ifname) {
			go l.hostChanged(ifname, now)
		}
	}
}

// hostCarrier reports whether an interface of the host is there and has carrier.
func (d *Daemon) hostCarrier(ifname string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.hostUp[ifname]
}

func (l *Lab) usesHost(ifname string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.topo == nil {
		return false
	}
	for _, k := range l.topo.Links {
		if _, far := (madeLink{A: k.A, B: k.B}).ends(); far.NIO.Interface == ifname {
			return true
		}
	}
	return false
}

// hostChanged takes the carrier from the ports that are joined to an interface of the
// host, or gives it to them. An interface that the daemon makes, it makes again.
func (l *Lab) hostChanged(ifname string, up bool) {
	l.op.Lock()
	defer l.op.Unlock()
	uses := func(w madeLink) bool {
		_, far := w.ends()
		return far.NIO.Interface == ifname
	}
	for key, w := range l.rec.Wires {
		if !uses(w) {
			continue
		}
		if port, far := w.ends(); !up && hostInterface(far.NIO) != "" && l.running(port.Device) != nil {
			l.closedNIO(&w)
			l.rec.Wires[key] = w
			l.noteNIO(key, fmt.Errorf("this machine has no interface %s that is up", ifname))
		}
		l.hurryNIOs(key)
	}
	l.plugAll(func(key string, err error) { l.d.log.Error("cannot plug", "lab", l.name, "link", key, "err", err) }, uses)
	if err := l.tellCarriers(l.Devices()...); err != nil {
		l.d.log.Error("cannot bring carriers in line", "lab", l.name, "err", err)
	}
	l.save()
}
