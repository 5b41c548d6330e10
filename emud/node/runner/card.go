package runner

import (
	"encoding/json"
	"errors"
	"fmt"

	"dynemu/emud/node"
	"dynemu/emud/node/store"
	"dynemu/vm/wire"
)

// moveCard carries out OpInsert and OpRemove. A card whose wires cannot be
// opened is not inserted.
func (r *runner) moveCard(m *node.Received) error {
	var q node.CardRequest
	if err := json.Unmarshal(m.Body, &q); err != nil {
		return err
	}
	r.cards.Lock()
	defer r.cards.Unlock()
	if m.Op == node.OpRemove {
		if err := r.machine.Remove(q.Slot); err != nil {
			return err
		}
		r.noteCard(q.Slot, "", nil)
		return nil
	}
	wires, err := openWires(q.Ports, m)
	if err != nil {
		return err
	}
	if err := r.machine.Insert(q.Slot, q.Card); err != nil {
		closeWires(wires)
		return err
	}
	var errs []error
	for i, w := range wires {
		p := &q.Ports[i]
		if err := r.machine.Plug(q.Slot, p.Port, w); err != nil {
			w.Close()
			p.Wire = wireNone
			errs = append(errs, fmt.Errorf("port %s: %w", p.Name, err))
		}
	}
	r.noteCard(q.Slot, q.Card, q.Ports)
	return errors.Join(errs...)
}

func closeWires(wires map[int]wire.Wire) {
	for _, w := range wires {
		w.Close()
	}
}

// noteCard keeps what the node says of itself in line with the router.
func (r *runner) noteCard(slot int, card string, ports []node.PortSpec) {
	r.mu.Lock()
	defer r.mu.Unlock()
	spec := r.spec.WithCard(slot, card, ports)
	r.spec = &spec
}

// setConfig carries out OpSetConfig.
func (r *runner) setConfig(m *node.Received) error {
	var q node.ConfigRequest
	if err := json.Unmarshal(m.Body, &q); err != nil {
		return err
	}
	f := m.Files[node.FileContent]
	if f == nil {
		return errors.New("no content came along")
	}
	text, err := node.ReadFile(f, store.MaxSize)
	if err != nil {
		return err
	}
	if q.Private {
		return r.machine.SetConfigs(nil, text)
	}
	return r.machine.SetConfigs(text, nil)
}
