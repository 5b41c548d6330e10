package vm

import (
	"errors"
	"time"

	"dynemu/vm/card"
)

// Online insertion and removal of cards (c7200 reference, 15.3).

// noticeTime is how long a card waits for the guest to see what moved before
// it. A router's software reads the event in its interrupt handler; one that
// never does keeps nobody from moving cards.
const noticeTime = time.Second

// errEnded refuses what needs a running router.
var errEnded = errors.New("the router has ended")

// Insert puts a card into an empty slot, with nothing plugged into its ports,
// and tells the guest. It fails when the slot does not take the card, holds one
// or is not made for such a change; the router goes on as it was then.
func (m *Machine) Insert(slot int, name string) error {
	return m.move(func() error {
		if err := m.board.Insert(slot, name); err != nil {
			return err
		}
		m.addPorts(slot)
		return nil
	})
}

// Remove takes a card out of a slot and tells the guest. What was plugged into
// its ports is closed. It fails when the slot is empty or not made for such a
// change.
func (m *Machine) Remove(slot int) error {
	var gone []*port
	err := m.move(func() error {
		if err := m.board.Remove(slot); err != nil {
			return err
		}
		gone = m.takePorts(slot)
		return nil
	})
	for _, p := range gone {
		p.close()
	}
	return err
}

// move runs fn on the machine's goroutine once the guest has noticed the move
// before, or had the time to.
func (m *Machine) move(fn func() error) error {
	m.moving.Lock()
	defer m.moving.Unlock()
	for deadline := time.Now().Add(noticeTime); ; time.Sleep(time.Millisecond) {
		waiting := false
		if !m.do(func() { waiting = !m.suspended && m.started.Load() != 0 && !m.board.Noticed() }) {
			return errEnded
		}
		if !waiting || time.Now().After(deadline) {
			break
		}
	}
	var err error
	if !m.do(func() { err = fn() }) {
		return errEnded
	}
	return err
}

// addPorts makes the ports of the card in a slot.
func (m *Machine) addPorts(slot int) {
	c := m.board.Slots()[slot]
	if c == nil {
		return
	}
	m.portsMu.Lock()
	defer m.portsMu.Unlock()
	for i, p := range c.Ports() {
		m.ports[portKey{slot, i}] = newPort(m, p)
	}
}

// takePorts forgets the ports of a slot and returns them. Frames on their way
// to the card are lost. It runs on the machine's goroutine.
func (m *Machine) takePorts(slot int) (gone []*port) {
	m.portsMu.Lock()
	defer m.portsMu.Unlock()
	for k, p := range m.ports {
		if k.slot == slot {
			p.gone = true
			gone = append(gone, p)
			delete(m.ports, k)
		}
	}
	return gone
}

// slots returns the cards by slot, also while they are moved.
func (m *Machine) slots() (s []card.Card) {
	read := func() { s = m.board.Slots() }
	if !m.do(read) {
		read()
	}
	return s
}
