package emud

import (
	"errors"
	"maps"
	"slices"

	"dynemu/emud/lab"
	"dynemu/emud/node"
)

// Cards go into and out of running routers in two steps of a reconcile: those
// that leave are taken out before the interfaces of their ports are removed,
// those that come are put in once theirs are there. What cannot be done is
// reported and happens at the router's next start.

// moves are the cards that the running router has and the lab file does not, or
// the other way round; none where that takes a restart.
func (dev *Device) moves() []lab.Move {
	dev.mu.Lock()
	defer dev.mu.Unlock()
	if dev.node == nil || dev.started == nil {
		return nil
	}
	return lab.Moves(dev.started, dev.section.router)
}

// setCard notes what is in a slot of the running router now.
func (dev *Device) setCard(slot int, card string) {
	dev.mu.Lock()
	defer dev.mu.Unlock()
	if dev.started == nil {
		return
	}
	if card == "" {
		for _, p := range dev.started.Ports {
			if p.Slot == slot {
				delete(dev.ports, p.Name)
			}
		}
	}
	dev.started = dev.started.WithCard(slot, card)
}

// takeCards takes out of the running routers what their sections do not have.
func (l *Lab) takeCards(rep *report) {
	for _, dev := range l.Devices() {
		for _, m := range dev.moves() {
			if m.Old == "" {
				continue
			}
			n := dev.running()
			if n == nil {
				break
			}
			l.dropPipes(dev, m.Slot)
			if err := n.Remove(m.Slot); err != nil {
				rep.addf("%s: cannot take %s out of slot %d, it stays until the next start: %v", dev.name, m.Old, m.Slot, err)
				continue
			}
			dev.setCard(m.Slot, "")
			l.rec.Started[dev.name] = dev.startedWith()
			l.d.log.Info("card taken out", "lab", l.name, "device", dev.name, "slot", m.Slot, "card", m.Old)
		}
	}
}

// dropPipes forgets what the node holds for the ports of a slot, pipes and NIOs, which
// end with the card.
func (l *Lab) dropPipes(dev *Device, slot int) {
	for key, w := range l.rec.Wires {
		m := w.medium()
		if m != pipe && m != direct && m != outlet {
			continue
		}
		for _, e := range []lab.End{w.A, w.B} {
			p, ok := dev.Port(lab.Port{Name: e.Port}.FileName())
			switch {
			case !ok || e.Device != dev.name || p.Slot != slot:
			case m == pipe:
				delete(l.rec.Wires, key)
			default:
				l.closedNIO(&w)
				l.rec.Wires[key] = w
				l.forgetNIO(key)
			}
		}
	}
}

// putCards puts into the running routers what their sections have and they have
// not.
func (l *Lab) putCards(rep *report) {
	for _, dev := range l.Devices() {
		for _, m := range dev.moves() {
			if m.Old != "" || m.New == "" { // what could not be taken out stays
				continue
			}
			if err := dev.putCard(m); err != nil {
				rep.addf("%s: cannot put %s into slot %d, it waits for the next start: %v", dev.name, m.New, m.Slot, err)
				continue
			}
			l.rec.Started[dev.name] = dev.startedWith()
			l.d.log.Info("card put in", "lab", l.name, "device", dev.name, "slot", m.Slot, "card", m.New)
		}
	}
}

// putCard puts one card in, with the interfaces of its ports plugged in.
func (dev *Device) putCard(m lab.Move) error {
	n := dev.running()
	if n == nil {
		return errors.New("it has just ended")
	}
	ports := slices.DeleteFunc(slices.Clone(dev.asked().Ports), func(p lab.Port) bool { return p.Slot != m.Slot })
	var own owned
	defer own.close()
	files, err := dev.openPorts(ports, nil, &own)
	if err != nil {
		return err
	}
	specs := dev.portSpecs(ports, files)
	if err := n.Insert(m.Slot, m.New, specs, files); err != nil {
		return err
	}
	dev.setCard(m.Slot, m.New)
	dev.mu.Lock()
	maps.Copy(dev.ports, portStates(node.Spec{Ports: specs}))
	dev.mu.Unlock()
	// The card is in, whatever becomes of captures.
	if err := dev.restorePorts(n, ports); err != nil {
		dev.lab.d.log.Error("a port does not have all that was set", "lab", dev.lab.name, "device", dev.name, "slot", m.Slot, "err", err)
	}
	return dev.lab.plugDevices(dev.name)
}

// withCards is r with the cards that its running node says it has. They differ
// where a daemon died while it moved one.
func withCards(r *lab.Router, spec node.Spec) *lab.Router {
	if r == nil {
		return nil
	}
	for slot, card := range spec.Config.Slots {
		if slot < len(r.Slots) && r.Slots[slot] != card && r.Swappable(slot) {
			r = r.WithCard(slot, card)
		}
	}
	return r
}
