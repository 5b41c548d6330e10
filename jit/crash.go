//go:build linux && amd64

package jit

import (
	"fmt"
	"runtime"
	"strings"
)

// explain, deferred around generated code, says where the guest was when that code
// has faulted: a bug of the translator. It takes debug.SetPanicOnFault for the
// fault to be a panic. Other panics pass.
func (e *Engine) explain() {
	p := recover()
	if p == nil {
		return
	}
	if err, ok := p.(runtime.Error); ok && inGeneratedCode() {
		p = fmt.Errorf("generated code has faulted, entered at guest address %#x: %w", e.entered(), err)
	}
	panic(p)
}

// inGeneratedCode tells whether the panic that is being recovered comes from enter.
func inGeneratedCode() bool {
	pcs := make([]uintptr, 16)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(0, pcs)])
	for fault := false; ; {
		f, more := frames.Next()
		if fault {
			return strings.HasSuffix(f.Function, "jit.enter")
		}
		fault = f.Function == "runtime.sigpanic"
		if !more {
			return false
		}
	}
}

// entered returns the guest address of the region that was last entered from Go.
func (e *Engine) entered() uint32 {
	off := int(e.words.entry - e.arena.base())
	var last *region
	for _, r := range e.regions {
		if r.entry <= off && (last == nil || r.entry > last.entry) {
			last = r
		}
	}
	if last == nil {
		return 0
	}
	return last.pc
}
