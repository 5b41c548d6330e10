package vm

import (
	"errors"
	"math/rand/v2"
	"time"
)

// Idleness says how a machine knows that its guest has nothing to do.
type Idleness struct {
	// PC is an address that the guest passes again and again while it is idle; 32-bit
	// values are sign-extended. 0: the machine finds the idle loop by itself.
	PC uint64 `json:"pc,omitempty"`
	// Off makes the guest run at full speed always; PC is then 0.
	Off bool `json:"off,omitempty"`
	// Max is how often PC must be passed without an interrupt in between; 0: 100 times.
	Max int `json:"max,omitempty"`
}

// SetIdleness changes it at once, and for restarts of the guest.
func (m *Machine) SetIdleness(i Idleness) {
	m.do(func() {
		m.idleness.Store(&i)
		m.applyIdleness()
	})
}

// applyIdleness has the processor do what is in force.
func (m *Machine) applyIdleness() {
	i := m.idleness.Load()
	auto := i.PC == 0 && !i.Off
	if !auto {
		m.idleStats.Store(nil)
	}
	if m.sampling {
		m.cpu.SetIdlePC(0)
		return
	}
	m.cpu.SetIdlePC(i.PC)
	m.cpu.SetIdleMax(i.Max)
	if auto {
		m.cpu.SetIdleAuto(true)
	}
}

// budget is how many instructions the CPU runs before the loop looks around. While it
// is sampled they are never the same number, or an idle loop whose length divides it
// would always be seen at the same instruction.
func (m *Machine) budget() int {
	if m.sampling {
		return 1 + rand.IntN(quantum)
	}
	return quantum
}

// The reasons for which SamplePC ends early.
var (
	ErrSampling  = errors.New("the router's program counter is being sampled already")
	ErrSuspended = errors.New("the router is suspended: its program counter stands still")
)

// SamplePC looks where the guest is, so many times, every so often, and counts the
// addresses (mips.CPU.SamplePC). The guest runs on meanwhile, at full speed: what it
// does when it is idle is to be seen. seen is called after each look with the number of
// looks so far; it must not block. SamplePC returns after half as long again at most.
func (m *Machine) SamplePC(samples int, every time.Duration, seen func(done int)) (counts map[uint64]int, err error) {
	err = errEnded
	m.do(func() {
		switch {
		case m.sampling:
			err = ErrSampling
		case m.suspended:
			err = ErrSuspended
		default:
			err, m.sampling = nil, true
			m.applyIdleness()
		}
	})
	if err != nil {
		return nil, err
	}
	defer m.do(func() {
		m.sampling = false
		m.applyIdleness()
	})
	counts = map[uint64]int{}
	tick := time.NewTicker(every)
	defer tick.Stop()
	end := time.After(time.Duration(samples) * every * 3 / 2)
	for done := 1; done <= samples; done++ {
		select {
		case <-tick.C:
		case <-end:
			return counts, nil
		}
		suspended := false
		if !m.do(func() {
			if suspended = m.suspended; !suspended {
				if pc, ok := m.cpu.SamplePC(); ok {
					counts[pc]++
				}
			}
		}) {
			return nil, errEnded
		}
		if suspended {
			return nil, ErrSuspended
		}
		seen(done)
	}
	return counts, nil
}

// Idleness is what the configuration says of it.
func (c *Config) Idleness() Idleness { return Idleness{PC: c.IdlePC, Off: c.NoIdle, Max: c.IdleMax} }

// SetIdleness puts i into the configuration.
func (c *Config) SetIdleness(i Idleness) { c.IdlePC, c.NoIdle, c.IdleMax = i.PC, i.Off, i.Max }
