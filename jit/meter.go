//go:build linux && amd64

package jit

import "time"

// meter estimates how an engine's time divides between generated code and the
// interpreter. A look at the clock takes as long as some hundred instructions, so
// only a few runs, and within any run only a few steps of the interpreter, are
// measured, at random intervals.
type meter struct {
	run, step   sample
	cost        time.Duration // of a look at the clock
	total       time.Duration // of all runs, estimated
	interpreter time.Duration // of which in the interpreter
	start       time.Time     // of the run that is measured
	weight      int           // runs that it stands for, 0 when it is not measured
}

// sample picks one event in 64, on average.
type sample struct {
	left, weight int
	seed         uint32
}

// take returns how many events this one stands for, 0 when it is not measured.
func (s *sample) take() int {
	if s.left--; s.left > 0 {
		return 0
	}
	w := s.weight
	s.seed = s.seed*1664525 + 1013904223
	s.weight = 32 + int(s.seed>>26)
	s.left = s.weight
	return w
}

func newMeter() meter {
	m := meter{run: sample{seed: 1}, step: sample{seed: 2}, cost: time.Second}
	for range 8 {
		m.cost = min(m.cost, time.Since(time.Now()))
	}
	return m
}

// What takes longer was not the engine alone: the host did something else
// meanwhile.
const (
	longestRun  = time.Millisecond
	longestStep = 20 * time.Microsecond
)

// since is what a measurement that began at t stands for.
func (m *meter) since(t time.Time, weight int, most time.Duration) time.Duration {
	d := max(time.Since(t)-m.cost, 0)
	if d > most {
		return 0
	}
	return d * time.Duration(weight)
}

// begin and end stand around a run.
func (m *meter) begin() {
	if m.weight = m.run.take(); m.weight != 0 {
		m.start = time.Now()
	}
}

func (m *meter) end() {
	if m.weight != 0 {
		m.total += m.since(m.start, m.weight, longestRun)
	}
}

// interpret has the interpreter run n instructions, or with n = 0 all that are
// left.
func (e *Engine) interpret(n int) {
	before := e.core.Left()
	weight, t := e.meter.beginStep()
	if n == 0 {
		e.core.Interpret()
	} else {
		e.core.Step(n)
	}
	e.stats.Stepped += uint64(before - e.core.Left())
	e.meter.endStep(weight, t)
}

// execute has the interpreter execute instruction w.
func (e *Engine) execute(w uint32) bool {
	weight, t := e.meter.beginStep()
	ok := e.core.Execute(w)
	e.stats.Stepped++
	e.meter.endStep(weight, t)
	return ok
}

// beginStep and endStep stand around what the interpreter does.
func (m *meter) beginStep() (weight int, t time.Time) {
	if weight = m.step.take(); weight != 0 {
		t = time.Now()
	}
	return weight, t
}

func (m *meter) endStep(weight int, t time.Time) {
	if weight != 0 {
		m.interpreter += m.since(t, weight, longestStep)
	}
}
