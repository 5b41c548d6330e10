package vm

import (
	"dynemu/vm/card"
	"dynemu/vm/wire"
)

// port joins a card's port, which lives on the machine's goroutine, to a wire,
// which is read on a goroutine of its own.
type port struct {
	m    *Machine
	card card.Port
	wire *wire.Port
	gone bool // the card was taken out; owned by the run loop
}

func newPort(m *Machine, c card.Port) *port {
	p := &port{m: m, card: c}
	p.wire = wire.NewPort(p.deliver)
	// The chip learns of a plug, and of one whose other end went away, between
	// two instructions.
	p.wire.OnChange(func(bool) { m.loop.Post(p.attach) })
	return p
}

// attach shows the chip what is plugged in now.
func (p *port) attach() {
	if p.gone {
		return
	}
	if p.wire.Plugged() {
		p.card.Attach(p.wire)
	} else {
		p.card.Attach(nil)
	}
}

// deliver takes a frame from the wire to the chip.
func (p *port) deliver(frame []byte, done func()) {
	p.m.loop.Post(func() {
		if !p.m.suspended && !p.gone {
			p.card.Receive(frame)
		}
		done()
	})
}

// plug attaches w in place of what was there; nil unplugs.
func (p *port) plug(w wire.Wire) {
	if w == nil {
		p.wire.Unplug()
	} else {
		p.wire.Plug(w)
	}
}

func (p *port) close() { p.wire.Close() }

func (p *port) stats() PortStats {
	return PortStats{Stats: p.wire.Stats(), Plugged: p.wire.Plugged()}
}
