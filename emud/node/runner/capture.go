package runner

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"dynemu/emud/node"
	"dynemu/vm/wire/capture"
)

// capturing is a capture at a port.
type capturing struct {
	port    *port
	request node.CaptureRequest
	file    *capture.File
	remove  func()
}

func (c *capturing) status() node.CaptureStatus {
	s := c.file.Stats()
	out := node.CaptureStatus{CaptureRequest: c.request, Frames: s.Frames, Bytes: s.Bytes, Dropped: s.Dropped}
	if s.Err != nil {
		out.Error = s.Err.Error()
	}
	return out
}

// startCapture carries out OpCapture.
func (r *runner) startCapture(m *node.Received) error {
	q, p, err := portOf(r, m, func(q node.CaptureRequest) string { return q.Port })
	if err != nil {
		return err
	}
	fail := func(err error) error { return fmt.Errorf("capture %q: %w", q.ID, err) }
	if q.ID == "" {
		return fail(errors.New("a capture needs a name"))
	}
	if old := r.captures[q.ID]; old != nil {
		return fail(fmt.Errorf("there is one of this name, at port %s", old.port.spec.Name))
	}
	options := capture.Options{Snaplen: q.Snaplen, Format: capture.Format(q.Format)}
	if q.LinkType != "" {
		options.LinkType, err = capture.ParseLinkType(q.LinkType)
	} else {
		options.LinkType, err = capture.DefaultLinkType(p.spec.Kind, capture.Encapsulation(p.encapsulation()))
	}
	if err != nil {
		return fail(err)
	}
	f, err := file(m, node.FileContent)
	if err != nil {
		return fail(err)
	}
	c := &capturing{port: p, request: q}
	if c.file, err = capture.New(f, options); err != nil {
		return fail(err)
	}
	c.remove = p.wire.AddMonitor(c.file)
	r.captures[q.ID] = c
	p.note(func(s *node.PortSpec) { s.Captures = append(slices.Clone(s.Captures), q) })
	go r.watchCapture(c)
	return nil
}

// watchCapture waits for the end of a capture, and tells of one that nobody asked for.
func (r *runner) watchCapture(c *capturing) {
	<-c.file.Done()
	r.wiring.Lock()
	defer r.wiring.Unlock()
	if r.captures[c.request.ID] != c {
		return
	}
	r.endCapture(c)
	e := node.Event{Port: c.port.spec.Name, Capture: c.request.ID, Error: "it has ended"}
	if err := c.file.Stats().Err; err != nil {
		e.Error = err.Error()
	}
	r.tell(e)
}

// endCapture ends a capture. What it has is still written after that, until done is
// closed.
func (r *runner) endCapture(c *capturing) (done <-chan struct{}) {
	id := c.request.ID
	c.remove()
	delete(r.captures, id)
	c.port.note(func(s *node.PortSpec) {
		s.Captures = slices.DeleteFunc(slices.Clone(s.Captures), func(q node.CaptureRequest) bool { return q.ID == id })
	})
	closed := make(chan struct{})
	r.closing.Add(1)
	go func() {
		defer r.closing.Done()
		defer close(closed)
		if err := c.file.Close(); err != nil {
			r.log.line("NODE", fmt.Sprintf("capture %q: %v", id, err))
		}
	}()
	return closed
}

// stopCapture carries out OpNoCapture. It is called without wiring held, since a slow
// reader may be waited for.
func (r *runner) stopCapture(m *node.Received) error {
	q, err := decode[node.CaptureEnd](m)
	if err != nil {
		return err
	}
	r.wiring.Lock()
	c := r.captures[q.ID]
	if c == nil {
		r.wiring.Unlock()
		return fmt.Errorf("capture %q: there is none of this name", q.ID)
	}
	done := r.endCapture(c)
	r.wiring.Unlock()
	<-done
	return nil
}

// mirror copies the frames of a port to its kernel interface.
type mirror struct {
	iface  *capture.Interface
	remove func()
}

// startInterface carries out OpInterface.
func (r *runner) startInterface(m *node.Received) error {
	q, p, err := portOf(r, m, func(q node.PortRequest) string { return q.Port })
	if err != nil {
		return err
	}
	fail := func(err error) error { return fmt.Errorf("port %s: %w", q.Port, err) }
	if p.spec.Kind != node.KindSerial && p.spec.Kind != node.KindPOS {
		return fail(fmt.Errorf("frames are copied to the interface of serial and POS ports; this one's kind is %q", p.spec.Kind))
	}
	tun, err := file(m, node.FileTUN)
	if err != nil {
		return fail(err)
	}
	packet, err := file(m, node.FilePacket)
	if err != nil {
		tun.Close()
		return fail(err)
	}
	i, err := capture.NewInterface(tun, packet)
	if err != nil {
		return fail(err)
	}
	p.endInterface()
	p.mirror = &mirror{i, p.wire.AddMonitor(i)}
	p.note(func(s *node.PortSpec) { s.Interface = true })
	return nil
}

// stopInterface carries out OpNoInterface.
func (r *runner) stopInterface(m *node.Received) error {
	_, p, err := portOf(r, m, func(q node.PortRequest) string { return q.Port })
	if err != nil {
		return err
	}
	p.endInterface()
	return nil
}

func (p *port) endInterface() {
	if p.mirror != nil {
		p.mirror.remove()
		p.mirror.iface.Close()
		p.mirror = nil
		p.note(func(s *node.PortSpec) { s.Interface = false })
	}
}

// encapsulationInterval is how often a few frames of a serial port are looked at for
// their encapsulation.
const encapsulationInterval = 5 * time.Second

// watchEncapsulation has the encapsulation of a serial port noted and told.
func (p *port) watchEncapsulation() {
	if e := p.r.device.encapsulation(); e != "" {
		p.note(func(s *node.PortSpec) { s.Encapsulation = string(e) })
		return
	}
	p.unwatch = capture.Watch(p.wire, encapsulationInterval, func(e capture.Encapsulation) {
		p.note(func(s *node.PortSpec) { s.Encapsulation = string(e) })
		p.r.tell(node.Event{Port: p.spec.Name, Encapsulation: string(e)})
	})
}

func (p *port) encapsulation() string {
	p.r.mu.Lock()
	defer p.r.mu.Unlock()
	return p.spec.Encapsulation
}
