// Package hub floods: what arrives at a port leaves at every other one, as in a
// hub for Ethernet. With two ports it joins what is plugged into them. It knows
// nothing of what frames mean, and drops none but those that are too long for a
// wire.
//
// Source: netio-hypervisor reference, 9 (nio_bridge).
package hub

import "dynemu/vm/fabric"

// Hub implements fabric.Engine.
type Hub struct {
	out   fabric.Output
	ports fabric.Ports[port]
}

type port struct {
	up    bool
	stats fabric.Stats
}

// New returns a hub without ports whose frames leave through out.
func New(out fabric.Output) *Hub { return &Hub{out: out} }

// AddPort adds a port with a number that is free.
func (h *Hub) AddPort(n int) error { return h.ports.Add(n, &port{up: true}) }

// RemovePort takes a port out. One that does not exist is ignored.
func (h *Hub) RemovePort(n int) { h.ports.Remove(n) }

// SetUp implements fabric.Engine.
func (h *Hub) SetUp(n int, up bool) {
	if p := h.ports.Get(n); p != nil {
		p.up = up
	}
}

// Stats implements fabric.Engine.
func (h *Hub) Stats(n int) fabric.Stats {
	if p := h.ports.Get(n); p != nil {
		return p.stats
	}
	return fabric.Stats{}
}

// Tick implements fabric.Engine: a hub has no sense of time.
func (h *Hub) Tick(int64) (next int64) { return 0 }

// Next implements fabric.Engine.
func (h *Hub) Next() int64 { return 0 }

// Forward implements fabric.Engine.
func (h *Hub) Forward(_ int64, n int, buf []byte) {
	from := h.ports.Get(n)
	if from == nil {
		return
	}
	frame := buf[fabric.Headroom:]
	from.stats.Received(len(frame))
	if len(frame) > fabric.MaxFrame {
		from.stats.Dropped[fabric.Giant]++
		return
	}
	left := false
	h.ports.All(func(to int, p *port) bool {
		if p != from && p.up {
			p.stats.Sent(len(frame))
			h.out(to, frame)
			left = true
		}
		return true
	})
	if !left {
		from.stats.Dropped[fabric.Down]++
	}
}
