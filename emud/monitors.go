package emud

import (
	"os"

	"dynemu/emud/lab"
	"dynemu/emud/node"
	"dynemu/vm/wire/capture"
)

// The kernel interfaces of serial and POS ports show frames only while somebody reads
// them: the daemon is told of readers, and has the node copy what passes.

// watchReaders begins to watch for readers in the namespace of a device that has such
// ports.
func (l *Lab) watchReaders(s section) {
	name := s.name()
	has := false
	for _, p := range s.ports() {
		has = has || hasTUN(p.Kind)
	}
	if !has || l.watchers[name] != nil {
		return
	}
	stop, err := l.d.opt.Network.WatchReaders(l.d.opt.Network.Namespace(l.name, name), func(ifname string, readers bool) {
		l.mu.Lock()
		l.readers[name+" "+ifname] = readers
		l.mu.Unlock()
		go l.showFrames(name)
	})
	if err != nil {
		l.d.log.Error("cannot see who reads the serial interfaces", "lab", l.name, "device", name, "err", err)
		return
	}
	l.watchers[name] = stop
}

// stopWatching ends that.
func (l *Lab) stopWatching(device string) {
	if stop := l.watchers[device]; stop != nil {
		stop()
		delete(l.watchers, device)
	}
}

func (l *Lab) stopAllWatching() {
	for name := range l.watchers {
		l.stopWatching(name)
	}
}

// showFrames has the frames of a device's serial ports shown, or no longer.
func (l *Lab) showFrames(device string) {
	l.op.Lock()
	defer l.op.Unlock()
	if dev := l.Device(device); dev != nil {
		dev.showFrames()
	}
}

func (dev *Device) showFrames() {
	n := dev.running()
	if n == nil {
		return
	}
	for _, p := range dev.Ports() {
		if !hasTUN(p.Kind) {
			continue
		}
		dev.lab.mu.Lock()
		want := dev.lab.readers[dev.name+" "+ifname(p.Name)]
		dev.lab.mu.Unlock()
		if want == dev.portState(p.Name).shown {
			continue
		}
		var err error
		if want {
			err = dev.show(n, p)
		} else {
			err = n.NoInterface(p.Name)
		}
		if err != nil {
			dev.lab.d.log.Error("cannot show the frames of a serial port", "lab", dev.lab.name, "device", dev.name, "port", p.Name, "err", err)
			continue
		}
		dev.changePort(n, p.Name, func(s *portState) { s.shown = want })
	}
}

func (dev *Device) show(n Node, p lab.Port) error {
	var own owned
	defer own.close()
	tun, packet, err := dev.lab.d.opt.Network.OpenTUN(dev.endpoint(p))
	if err != nil {
		return err
	}
	own = append(own, []*os.File{tun, packet}...)
	return n.Interface(p.Name, tun, packet)
}

// framesLookLikeFrameRelay tells which of two link types the interface of a serial port
// has: what was seen, and until then what the port is for.
func (l *Lab) framesLookLikeFrameRelay(e lab.End) bool {
	dev := l.Device(e.Device)
	if dev == nil {
		return false
	}
	switch dev.portState(e.Port).encapsulation {
	case string(capture.EncapsulationFrameRelay):
		return true
	case "":
		if _, far, ok := l.linkAt(e); ok && far.Device != "" {
			if peer := l.Device(far.Device); peer != nil && peer.Switch() != nil {
				return peer.Switch().Type == node.FrameRelaySwitch
			}
		}
		return dev.Switch() != nil && dev.Switch().Type == node.FrameRelaySwitch
	}
	return false
}

// retype gives the interfaces of a device's serial ports the link types of the frames
// that were seen. Who reads one that changes has to begin anew.
func (l *Lab) retype(dev *Device) {
	n := dev.running()
	for _, p := range dev.Ports() {
		if !hasTUN(p.Kind) || dev.portState(p.Name).encapsulation == "" {
			continue
		}
		e := lab.End{Device: dev.name, Port: p.Name}
		fr := l.framesLookLikeFrameRelay(e)
		if was, known := l.frameRelay[endKey(e)]; known && was == fr {
			continue
		}
		if err := l.d.opt.Network.EnsureTUN(l.endpoint(e), fr); err != nil {
			l.d.log.Error("cannot change the link type of a serial interface", "lab", l.name, "device", dev.name, "port", p.Name, "err", err)
			continue
		}
		l.frameRelay[endKey(e)] = fr
		if dev.portState(p.Name).shown { // the old descriptors may be of an older interface
			if err := dev.show(n, p); err != nil {
				l.d.log.Error("cannot show the frames of a serial port", "lab", l.name, "device", dev.name, "port", p.Name, "err", err)
			}
		}
	}
}
