package emudtest

import (
	"errors"
	"time"

	"dynemu/emud/node"
	"dynemu/vm"
)

// SetIdleness keeps the value.
func (n *Node) SetIdleness(i vm.Idleness) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.spec.Config.SetIdleness(i)
	return nil
}

// SampleIdle keeps the request; a suspended guest is not looked at.
func (n *Node) SampleIdle(samples int, _ time.Duration) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.state == node.Suspended {
		return errors.New("suspended")
	}
	n.idle = node.IdleSamples{Sampling: true, Of: samples}
	return nil
}

// IdleSamples ends what SampleIdle began when it was asked for the second time: the guest
// was in a loop of five places.
func (n *Node) IdleSamples() (node.IdleSamples, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.idle
	if s.Sampling {
		if n.idle.Done = s.Of / 2; s.Done > 0 {
			n.idle = node.IdleSamples{}
			for i, count := range []int{49, 51, 59, 60, 81} {
				n.idle.Counts = append(n.idle.Counts, node.PCCount{PC: 0x60001000 + 16*uint64(i), Count: count})
			}
			return n.idle, nil
		}
	}
	return s, nil
}
