package runner

import (
	"fmt"
	"sync"

	"dynemu/emud/node"
	"dynemu/vm/fabric"
	"dynemu/vm/fabric/chassis"
	"dynemu/vm/fabric/hub"
	"dynemu/vm/wire"
)

// outlet moves frames between the end of a port's cable and a NIO, on a goroutine of
// its own.
type outlet struct {
	chassis    *chassis.Chassis
	cable, nio *wire.Port

	mu      sync.Mutex
	kind    string
	plugged wire.Wire // of that kind; nil when it is gone
	err     error     // why
}

// The ports of the hub in an outlet.
const (
	cableEnd = 0
	nioEnd   = 1
)

// newOutlet returns an outlet with nothing plugged in. broken is told, on any goroutine,
// when the NIO's wire ends by itself.
func newOutlet(broken func(kind string, err error)) (*outlet, error) {
	o := &outlet{}
	var h *hub.Hub
	o.chassis = chassis.New(func(out fabric.Output) fabric.Engine {
		h = hub.New(out)
		return h
	})
	go o.chassis.Run()
	var err error
	for n, place := range []**wire.Port{cableEnd: &o.cable, nioEnd: &o.nio} {
		if *place, err = o.chassis.AddPort(n, func() error { return h.AddPort(n) }); err != nil {
			o.chassis.Close()
			return nil, err
		}
	}
	o.nio.OnBroken(func(w wire.Wire, err error) {
		o.mu.Lock()
		current, kind := o.plugged == w, o.kind
		if current {
			o.plugged, o.err = nil, err
		}
		o.mu.Unlock()
		if current { // and not one that another has replaced
			broken(kind, err)
		}
	})
	return o, nil
}

// plug gives the outlet a NIO in place of what it had, and a cable unless that is nil.
func (o *outlet) plug(kind string, cable, nio wire.Wire) {
	nio = wire.NewBatch(nio)
	o.mu.Lock()
	o.kind, o.plugged, o.err = kind, nio, nil
	o.mu.Unlock()
	if cable != nil {
		o.cable.Plug(cable)
	}
	o.nio.Plug(nio)
	o.chassis.Do(func(int64) {}) // it knows of them now
}

func (o *outlet) status() *node.OutletStatus {
	w := o.nio.Stats()
	s := &node.OutletStatus{
		RxFrames: w.RxFrames, RxBytes: w.RxBytes, RxDrops: w.RxDrops,
		TxFrames: w.TxFrames, TxBytes: w.TxBytes, TxDrops: w.TxDrops,
		Dropped: w.Reasons(),
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	s.Kind = o.kind
	if o.err != nil {
		s.Error = o.err.Error()
	}
	return s
}

// setOutlet carries out OpOutlet. A request without cable leaves the one of the outlet
// that is there.
func (r *runner) setOutlet(m *node.Received) error {
	q, p, err := portOf(r, m, func(q node.OutletRequest) string { return q.Port })
	if err != nil {
		return err
	}
	fail := func(err error) error { return fmt.Errorf("port %s: %w", q.Port, err) }
	if p.spec.Kind != "" && p.spec.Kind != node.KindEthernet {
		return fail(fmt.Errorf("an outlet is for Ethernet ports; this one's kind is %s", p.spec.Kind))
	}
	var cable wire.Wire
	if p.outlet == nil || m.Files[node.FileCable] != nil {
		f, err := file(m, node.FileCable)
		if err != nil {
			return fail(err)
		}
		if cable, err = wire.FromFiles(node.WireTAP, f, nil); err != nil {
			return fail(fmt.Errorf("cable: %w", err))
		}
	}
	nio, err := wire.FromFiles(q.Kind, m.Take(node.FileNIO), m.Take(node.FileKeep))
	if err == nil && p.outlet == nil {
		p.outlet, err = newOutlet(p.nioBroken)
		if err != nil {
			nio.Close()
		}
	}
	if err != nil {
		if cable != nil {
			cable.Close()
		}
		return fail(err)
	}
	p.outlet.plug(q.Kind, cable, nio)
	p.note(func(s *node.PortSpec) { s.Outlet = q.Kind })
	return nil
}

// endOutlet carries out OpNoOutlet.
func (r *runner) endOutlet(m *node.Received) error {
	_, p, err := portOf(r, m, func(q node.PortRequest) string { return q.Port })
	if err != nil {
		return err
	}
	p.endOutlet()
	return nil
}

func (p *port) endOutlet() {
	if p.outlet != nil {
		p.outlet.chassis.Close()
		p.outlet = nil
		p.note(func(s *node.PortSpec) { s.Outlet = "" })
	}
}

// nioBroken tells that the NIO of the port's outlet has ended for good.
func (p *port) nioBroken(kind string, err error) {
	p.r.tell(node.Event{Port: p.spec.Name, NIO: kind, Error: err.Error()})
}
