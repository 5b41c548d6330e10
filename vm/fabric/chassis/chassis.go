// Package chassis runs a virtual switch: it gives an engine (ethsw, frsw, atmsw
// or atmbr) the frames of the wires that are plugged into its ports, and the
// time, on one goroutine that sleeps when there is nothing to do. It knows
// nothing of how an engine switches, and opens nothing.
package chassis

import (
	"fmt"
	"sync/atomic"

	"dynemu/vm/event"
	"dynemu/vm/fabric"
	"dynemu/vm/wire"
)

// Chassis is a switch with its ports. All methods may be called from any
// goroutine, but Do and those that use it not from within Do.
type Chassis struct {
	loop   *event.Loop
	engine fabric.Engine
	done   chan struct{}

	// Owned by the goroutine of Run.
	ports fabric.Ports[port]
	timer event.Timer
	dirty []*port // frames that they were sent may wait in their wires
	buf   []byte  // a frame, with headroom
	now   int64   // for the engine, of what happens at once; 0: not known
	end   bool
}

// port is a place for a wire.
type port struct {
	c      *Chassis
	number int
	wire   *wire.Port

	// Owned by the goroutine of Run.
	gone  bool // taken out
	up    bool // what the engine was told
	dirty bool // in the list
}

// New returns a chassis without ports. build makes the engine, without ports
// too, whose frames leave through out.
func New(build func(out fabric.Output) fabric.Engine) *Chassis {
	c := &Chassis{
		loop: event.New(new(atomic.Uint32)),
		done: make(chan struct{}),
		buf:  make([]byte, fabric.Headroom+fabric.MaxFrame),
	}
	c.engine = build(c.out)
	c.timer.Fire = func() {
		c.now = c.loop.Now()
		c.arm(c.engine.Tick(c.now))
	}
	return c
}

// Run switches frames until Close is called.
func (c *Chassis) Run() {
	defer close(c.done)
	for !c.end {
		c.loop.Sleep()
		c.flush()
		c.loop.RunPending()
		c.flush()
	}
	c.loop.Close()
	c.ports.All(func(_ int, p *port) bool {
		p.wire.Close()
		return true
	})
}

// Close ends Run, which closes the wires of all ports. It waits for that, so Run
// must be running.
func (c *Chassis) Close() {
	c.loop.Post(func() { c.end = true })
	<-c.done
}

// Do calls fn between two frames, to change the engine's configuration or look
// at it; now is the engine's time in nanoseconds. After Close it does nothing and
// reports false.
func (c *Chassis) Do(fn func(now int64)) bool {
	ran := make(chan struct{})
	c.loop.Post(func() {
		c.now = c.loop.Now()
		fn(c.now)
		c.rearm()
		close(ran)
	})
	select {
	case <-ran:
		return true
	case <-c.done:
		select {
		case <-ran:
			return true
		default:
			return false
		}
	}
}

// AddPort adds a port with nothing plugged in. add gives it to the engine. A
// wire that is a socket is best plugged in as a batch, see wire.NewBatch.
func (c *Chassis) AddPort(number int, add func() error) (*wire.Port, error) {
	p := &port{c: c, number: number}
	p.wire = wire.NewPort(c.loop, p)
	err := fmt.Errorf("port %d: the switch has ended", number)
	c.Do(func(int64) {
		if err = c.ports.Add(number, p); err != nil {
			return
		}
		if err = add(); err != nil {
			c.ports.Remove(number)
			return
		}
		c.engine.SetUp(number, false)
	})
	if err != nil {
		return nil, err
	}
	p.wire.OnChange(func(bool) { c.loop.Post(p.changed) })
	return p.wire, nil
}

// RemovePort takes a port out and closes its wire. remove takes it out of the
// engine. A port that does not exist is ignored.
func (c *Chassis) RemovePort(number int, remove func()) {
	var p *port
	c.Do(func(int64) {
		if p = c.ports.Get(number); p != nil {
			p.gone = true
			c.ports.Remove(number)
			remove()
		}
	})
	if p != nil {
		p.wire.Close()
	}
}

// out is the engine's Output.
func (c *Chassis) out(number int, frame []byte) {
	p := c.ports.Get(number)
	if p == nil {
		return
	}
	p.wire.Send(frame)
	if !p.dirty {
		p.dirty = true
		c.dirty = append(c.dirty, p)
	}
}

// flush sends what waits in wires for more.
func (c *Chassis) flush() {
	c.now = 0
	for i, p := range c.dirty {
		p.wire.Flush()
		p.dirty = false
		c.dirty[i] = nil
	}
	c.dirty = c.dirty[:0]
}

// rearm sets the timer if it is not set: what is due later than that is asked
// for when it fires.
func (c *Chassis) rearm() {
	if !c.timer.Pending() {
		c.arm(c.engine.Next())
	}
}

func (c *Chassis) arm(next int64) {
	if next != 0 {
		c.loop.Arm(&c.timer, next)
	}
}

// changed tells the engine whether something is plugged in now.
func (p *port) changed() {
	if !p.gone {
		p.up = p.wire.Plugged()
		p.c.engine.SetUp(p.number, p.up)
		p.c.rearm()
	}
}

// Ready implements wire.Machine: a switch takes every frame.
func (p *port) Ready() wire.Readiness {
	if p.gone {
		return wire.Discard
	}
	return wire.Take
}

// Receive implements wire.Machine.
func (p *port) Receive(frame []byte) {
	if !p.up {
		p.changed() // the frame was faster than the news of its wire
	}
	c := p.c
	n := copy(c.buf[fabric.Headroom:], frame)
	if c.now == 0 {
		c.now = c.loop.Now()
	}
	c.engine.Forward(c.now, p.number, c.buf[:fabric.Headroom+n])
	c.rearm()
}
