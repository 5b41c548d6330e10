package runner

import (
	"cmp"
	"errors"
	"slices"
	"sync"

	"dynemu/emud/node"
	"dynemu/vm"
)

// sampler is the sampling of the guest's program counter, which outlives the request
// that began it.
type sampler struct {
	mu   sync.Mutex
	last node.IdleSamples
}

// setIdleness carries out OpIdleness.
func (d *router) setIdleness(m *node.Received) error {
	q, err := decode[vm.Idleness](m)
	if err != nil {
		return err
	}
	if q.Off && q.PC != 0 || q.Max < 0 {
		return errors.New("idleness: an address that is off, or a negative number")
	}
	d.machine.SetIdleness(q)
	d.r.mu.Lock()
	defer d.r.mu.Unlock()
	spec := *d.r.spec
	spec.Config.SetIdleness(q)
	d.r.spec = &spec
	return nil
}

// sampleIdle carries out OpSampleIdle.
func (d *router) sampleIdle(m *node.Received) error {
	q, err := decode[node.SampleRequest](m)
	if err == nil {
		err = q.Check()
	}
	if err != nil {
		return err
	}
	if d.r.getState() == node.Suspended {
		return vm.ErrSuspended
	}
	s := &d.sampler
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last.Sampling {
		return nil
	}
	s.last.Sampling, s.last.Done, s.last.Of, s.last.Error = true, 0, q.Samples, ""
	go func() {
		counts, err := d.machine.SamplePC(q.Samples, q.Every, func(done int) {
			s.mu.Lock()
			s.last.Done = done
			s.mu.Unlock()
		})
		s.mu.Lock()
		defer s.mu.Unlock()
		s.last.Sampling = false
		if err != nil {
			s.last.Error = err.Error()
			return
		}
		s.last.Counts = nil
		for pc, n := range counts {
			s.last.Counts = append(s.last.Counts, node.PCCount{PC: pc, Count: n})
		}
		slices.SortFunc(s.last.Counts, func(a, b node.PCCount) int { return cmp.Compare(a.PC, b.PC) })
	}()
	return nil
}

// samples carries out OpIdleSamples.
func (d *router) samples() node.IdleSamples {
	d.sampler.mu.Lock()
	defer d.sampler.mu.Unlock()
	return d.sampler.last
}
