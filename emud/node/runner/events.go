package runner

import (
	"encoding/json"
	"time"

	"dynemu/emud/node"
)

// maxEvents is how many events wait for a daemon that does not read. The oldest give
// way to new ones; who connects anew is told the state of everything.
const maxEvents = 1000

// event is one on its way to the daemon.
type event struct {
	node.Event
	sent chan struct{} // closed behind it; nil: nobody waits
}

// tell tells everyone of an event. It never waits: what tells of most of them is the
// goroutine that carries the frames.
func (r *runner) tell(e node.Event) {
	e.Time = time.Now()
	r.enqueue(event{Event: e})
}

func (r *runner) enqueue(e event) {
	for {
		select {
		case r.events <- e:
			return
		default:
		}
		select {
		case <-r.events:
		default:
		}
	}
}

// tellLast tells everyone of the node's end, and waits a second at most until they
// have been.
func (r *runner) tellLast(e node.Event) {
	last := event{e, make(chan struct{})}
	r.enqueue(last)
	last.wait()
}

// wait waits a second at most until the event has been sent.
func (e event) wait() {
	select {
	case <-e.sent:
	case <-time.After(time.Second):
	}
}

// deliver sends the events.
func (r *runner) deliver() {
	for e := range r.events {
		r.broadcast(e.Event)
		if e.sent != nil {
			close(e.sent)
		}
	}
}

func (r *runner) broadcast(e node.Event) {
	b, err := json.Marshal(e)
	if err != nil {
		return
	}
	r.mu.Lock()
	conns := make([]*node.Conn, 0, len(r.conns))
	for c := range r.conns {
		conns = append(conns, c)
	}
	r.mu.Unlock()
	for _, c := range conns {
		if c.Send(node.Message{Op: node.OpEvent, Body: b}) != nil {
			c.Close() // it has missed something, and has to ask anew
		}
	}
}
