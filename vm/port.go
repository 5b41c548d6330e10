package vm

import (
	"dynemu/vm/card"
	"dynemu/vm/wire"
)

// port joins a card's port to a wire. Both are used on the machine's goroutine;
// the wire is read there whenever the loop finds that it has something.
type port struct {
	m    *Machine
	card card.Port
	wire *wire.Port
	gone bool // the card was taken out; owned by the run loop
	// fullAt is the guest time in ns since when the chip has had no room for a
	// frame, 0 when it has; owned by the run loop.
	fullAt int64
}

// patience is how long frames wait for a guest that makes no room for them, in
// ns. Then they are given to the chip, which counts them as missed.
const patience = 100_000_000

func newPort(m *Machine, c card.Port) *port {
	p := &port{m: m, card: c}
	p.wire = wire.NewPort(m.loop, p)
	// The chip keeps the socket, also while it is empty, and tells it whether the
	// guest uses the port. It learns of a plug, and of one whose other end went
	// away, between two instructions.
	p.attach()
	p.wire.OnChange(func(bool) { m.loop.Post(p.attach) })
	return p
}

// attach has the chip look at what is plugged in now.
func (p *port) attach() {
	if !p.gone {
		p.card.Attach(p.wire)
	}
}

// Ready implements wire.Machine. A router that is suspended or has lost the card
// takes no frame, and none waits for it.
func (p *port) Ready() wire.Readiness {
	switch {
	case p.m.suspended || p.gone:
		p.fullAt = 0
		return wire.Discard
	case p.card.Ready():
		p.fullAt = 0
		return wire.Take
	}
	now := p.m.loop.Now()
	if p.fullAt == 0 {
		p.fullAt = now
	}
	if now-p.fullAt > patience {
		return wire.Take
	}
	return wire.Wait
}

// Receive implements wire.Machine.
func (p *port) Receive(frame []byte) { p.card.Receive(frame) }

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
