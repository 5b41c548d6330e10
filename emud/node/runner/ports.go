package runner

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dynemu/emud/node"
	"dynemu/vm/wire"
)

// port is a port of the device with all that hangs on it.
type port struct {
	r    *runner
	spec node.PortSpec // changed with r.mu held; Name, Slot, Port and Kind stay
	wire *wire.Port
	// plugged is what the spec's Wire is about; changed with r.mu held.
	plugged wire.Wire

	// Used with r.wiring held.
	outlet  *outlet
	mirror  *mirror
	unwatch func() // ends watchEncapsulation; nil: it is not on
}

// opened is a port that is to come, with all that may fail done.
type opened struct {
	spec    node.PortSpec
	wire    wire.Wire // nil: none
	filters wire.Filters
	in, out wire.Impairment
}

// openPorts makes the wires of ports of the descriptors in m and reads what is set for
// them. After an error none is open.
func (r *runner) openPorts(specs []node.PortSpec, m *node.Received) (ports []opened, err error) {
	defer func() {
		if err != nil {
			closeOpened(ports)
		}
	}()
	seen := map[string]bool{}
	for _, s := range specs {
		o := opened{spec: s}
		o.spec.Outlet, o.spec.Interface, o.spec.Captures, o.spec.Shut, o.spec.Encapsulation = "", false, nil, false, ""
		fail := func(err error) ([]opened, error) { return ports, fmt.Errorf("port %s: %w", s.Name, err) }
		if seen[s.Name] {
			return fail(errors.New("the device has it twice"))
		}
		seen[s.Name] = true
		if o.filters, err = wire.ParseFilter(s.Filter); err != nil {
			return fail(err)
		}
		if o.in, o.out, err = wire.ParseImpairments(s.Impairment); err != nil {
			return fail(err)
		}
		f := m.Take(node.FilePort + s.Name)
		if f == nil && (s.Wire == node.WireNone || s.Wire == "") {
			o.spec.Wire = node.WireNone
		} else if o.wire, err = wire.FromFiles(s.Wire, f, nil); err != nil {
			return fail(err)
		}
		ports = append(ports, o)
	}
	return ports, nil
}

func closeOpened(ports []opened) {
	for _, o := range ports {
		if o.wire != nil {
			o.wire.Close()
		}
	}
}

// addPorts makes ports of the device known and plugs their wires in. A port that the
// device does not have is left out, and the error tells.
func (r *runner) addPorts(ports []opened) error {
	var errs []error
	for _, o := range ports {
		if err := r.addPort(o); err != nil {
			if o.wire != nil {
				o.wire.Close()
			}
			errs = append(errs, fmt.Errorf("port %s: %w", o.spec.Name, err))
		}
	}
	return errors.Join(errs...)
}

func (r *runner) addPort(o opened) error {
	place, err := r.device.place(o.spec)
	if err != nil {
		return err
	}
	p := &port{r: r, spec: o.spec, wire: place}
	r.mu.Lock()
	r.ports = append(r.ports, p)
	slices.SortFunc(r.ports, func(a, b *port) int {
		return cmp.Or(a.spec.Slot-b.spec.Slot, a.spec.Port-b.spec.Port)
	})
	r.mu.Unlock()
	place.OnEnabled(p.enabled)
	if !place.Enabled() { // the guest was faster
		p.enabled(false)
	}
	place.OnBroken(p.broken)
	place.SetLink(!o.spec.Down)
	place.SetFilters(o.filters)
	place.SetImpairments(o.in, o.out)
	if o.spec.Kind == node.KindSerial || o.spec.Kind == node.KindPOS {
		p.watchEncapsulation()
	}
	if o.wire != nil {
		p.plug(o.spec.Wire, o.wire)
	}
	return nil
}

// plug gives the port a wire of a kind.
func (p *port) plug(kind string, w wire.Wire) {
	w = p.r.device.wrap(w)
	p.note(func(s *node.PortSpec) { s.Wire, p.plugged = kind, w })
	p.wire.Plug(w)
	p.r.device.settle()
}

// dropPorts forgets ports that the device has no more, with what hangs on them.
func (r *runner) dropPorts(gone func(node.PortSpec) bool) {
	var dropped []*port
	r.mu.Lock()
	r.ports = slices.DeleteFunc(r.ports, func(p *port) bool {
		if !gone(p.spec) {
			return false
		}
		dropped = append(dropped, p)
		return true
	})
	r.mu.Unlock()
	for _, p := range dropped {
		for _, id := range p.end() {
			r.tell(node.Event{Port: p.spec.Name, Capture: id, Error: "the port is gone"})
		}
	}
}

// end ends what hangs on a port, and returns the captures that were there.
func (p *port) end() (captures []string) {
	for id, c := range p.r.captures {
		if c.port == p {
			p.r.endCapture(c)
			captures = append(captures, id)
		}
	}
	if p.unwatch != nil {
		p.unwatch()
	}
	p.endOutlet()
	p.endInterface()
	return captures
}

// endWires ends what hangs on all ports, at the end of the node, and waits for captures
// to be written.
func (r *runner) endWires() {
	r.wiring.Lock()
	for _, p := range r.ports {
		p.end()
	}
	r.wiring.Unlock()
	r.closing.Wait()
}

// port finds a port by name; r.wiring is held.
func (r *runner) port(name string) (*port, error) {
	var names []string
	for _, p := range r.ports {
		if p.spec.Name == name {
			return p, nil
		}
		names = append(names, p.spec.Name)
	}
	return nil, fmt.Errorf("there is no port %q; there are %s", name, strings.Join(names, ", "))
}

// portOf reads a request and finds the port that it names.
func portOf[T any](r *runner, m *node.Received, name func(T) string) (T, *port, error) {
	q, err := decode[T](m)
	if err != nil {
		return q, nil, err
	}
	p, err := r.port(name(q))
	return q, p, err
}

// note changes what the node says of the port.
func (p *port) note(fn func(s *node.PortSpec)) {
	p.r.mu.Lock()
	defer p.r.mu.Unlock()
	fn(&p.spec)
}

// plug gives a port another wire.
func (r *runner) plug(m *node.Received) error {
	q, p, err := portOf(r, m, func(q node.PlugRequest) string { return q.Port })
	if err != nil {
		return err
	}
	w, err := wire.FromFiles(q.Kind, m.Take(node.FileWire), nil)
	if err != nil {
		return fmt.Errorf("port %s: %w", q.Port, err)
	}
	p.plug(q.Kind, w)
	return nil
}

// unplug leaves a port without wire.
func (r *runner) unplug(m *node.Received) error {
	_, p, err := portOf(r, m, func(q node.PlugRequest) string { return q.Port })
	if err != nil {
		return err
	}
	p.note(func(s *node.PortSpec) { s.Wire, p.plugged = node.WireNone, nil })
	p.wire.Unplug()
	r.device.settle()
	return nil
}

// setCarrier gives a port carrier, or takes it.
func (r *runner) setCarrier(m *node.Received) error {
	q, p, err := portOf(r, m, func(q node.CarrierRequest) string { return q.Port })
	if err != nil {
		return err
	}
	p.note(func(s *node.PortSpec) { s.Down = !q.Up })
	p.wire.SetLink(q.Up)
	r.device.settle()
	return nil
}

func (r *runner) setFilter(m *node.Received) error {
	q, p, err := portOf(r, m, func(q node.TextRequest) string { return q.Port })
	if err != nil {
		return err
	}
	filters, err := wire.ParseFilter(q.Text)
	if err != nil {
		return fmt.Errorf("port %s: %w", q.Port, err)
	}
	p.note(func(s *node.PortSpec) { s.Filter = unlessNone(filters.String()) })
	p.wire.SetFilters(filters)
	return nil
}

func (r *runner) setImpairment(m *node.Received) error {
	q, p, err := portOf(r, m, func(q node.TextRequest) string { return q.Port })
	if err != nil {
		return err
	}
	in, out, err := wire.ParseImpairments(q.Text)
	if err != nil {
		return fmt.Errorf("port %s: %w", q.Port, err)
	}
	p.note(func(s *node.PortSpec) { s.Impairment = unlessNone(wire.FormatImpairments(in, out)) })
	p.wire.SetImpairments(in, out)
	return nil
}

// unlessNone is the text of settings in a description, where none are left out.
func unlessNone(text string) string {
	if text == "none" {
		return ""
	}
	return text
}

// enabled notes that the guest has opened or shut the port.
func (p *port) enabled(up bool) {
	changed := false
	p.note(func(s *node.PortSpec) {
		changed = s.Shut == up
		s.Shut = !up
	})
	if changed {
		p.r.tell(node.Event{Port: p.spec.Name, Enabled: &up})
	}
}

// broken notes that a wire of the port has ended for good.
func (p *port) broken(w wire.Wire, err error) {
	kind := ""
	p.note(func(s *node.PortSpec) {
		if p.plugged == w { // and not one that came after it
			kind, s.Wire, p.plugged = s.Wire, node.WireNone, nil
		}
	})
	if kind != "" {
		p.r.tell(node.Event{Port: p.spec.Name, NIO: kind, Error: err.Error()})
	}
}

func (p *port) status() node.PortStatus {
	w := p.wire.Stats()
	p.r.mu.Lock()
	spec := p.spec
	p.r.mu.Unlock()
	s := node.PortStatus{
		Plugged: spec.Wire != node.WireNone, Carrier: !spec.Down, Enabled: !spec.Shut,
		RxFrames: w.RxFrames, RxBytes: w.RxBytes, RxDrops: w.RxDrops,
		TxFrames: w.TxFrames, TxBytes: w.TxBytes, TxDrops: w.TxDrops,
		Dropped: w.Reasons(), Filter: spec.Filter, Impairment: spec.Impairment,
		Encapsulation: spec.Encapsulation, Interface: spec.Interface,
	}
	for _, c := range spec.Captures {
		s.Captures = append(s.Captures, p.r.captures[c.ID].status())
	}
	if p.outlet != nil {
		s.Outlet = p.outlet.status()
	}
	return s
}
