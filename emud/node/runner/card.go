package runner

import (
	"errors"

	"dynemu/emud/node"
)

// insert carries out OpInsert. A card whose wires cannot be opened is not inserted.
func (d *router) insert(m *node.Received) error {
	q, err := decode[node.CardRequest](m)
	if err != nil {
		return err
	}
	for _, p := range q.Ports {
		if p.Slot != q.Slot {
			return errors.New("port " + p.Name + ": it is in another slot than the card")
		}
		if old, err := d.r.port(p.Name); err == nil && old.spec.Slot != q.Slot {
			return errors.New("port " + p.Name + ": the router has it already")
		}
	}
	ports, err := d.r.openPorts(q.Ports, m)
	if err != nil {
		return err
	}
	if err := d.machine.Insert(q.Slot, q.Card); err != nil {
		closeOpened(ports)
		return err
	}
	d.noteCard(q.Slot, q.Card)
	if err := d.r.addPorts(ports); err != nil {
		return errors.Join(err, d.take(q.Slot))
	}
	return nil
}

// remove carries out OpRemove.
func (d *router) remove(m *node.Received) error {
	q, err := decode[node.CardRequest](m)
	if err != nil {
		return err
	}
	return d.take(q.Slot)
}

// take takes the card out of a slot.
func (d *router) take(slot int) error {
	if err := d.machine.Remove(slot); err != nil {
		return err
	}
	d.noteCard(slot, "")
	d.r.dropPorts(func(p node.PortSpec) bool { return p.Slot == slot })
	return nil
}

// noteCard keeps what the node says of itself in line with the router.
func (d *router) noteCard(slot int, card string) {
	d.r.mu.Lock()
	defer d.r.mu.Unlock()
	spec := d.r.spec.WithCard(slot, card, nil)
	d.r.spec = &spec
}
