//go:build linux && amd64

package jit

// enter calls the generated code at code with the biased address of the
// guest's state, and returns why it came back.
//
//go:noescape
func enter(state, code uintptr) uint64

// cpuid executes CPUID.
func cpuid(leaf, sub uint32) (a, b, c, d uint32)

// features tells which instructions beyond the x86-64 base this processor has.
func features() (movbe, bmi2 bool) {
	_, _, c, _ := cpuid(1, 0)
	movbe = c>>22&1 != 0
	if most, _, _, _ := cpuid(0, 0); most >= 7 {
		_, b, _, _ := cpuid(7, 0)
		bmi2 = b>>8&1 != 0
	}
	return movbe, bmi2
}
