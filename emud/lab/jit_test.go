package lab

import "testing"

// jit = false, ours, has the interpreter run a router; the nearest one counts.
func TestJIT(t *testing.T) {
	l, msgs := Parse("x", []byte("jit = false\n[localhost]\n[[7200]]\n[[ROUTER A]]\n[[ROUTER B]]\njit = true\n"))
	if l == nil {
		t.Fatal(msgs)
	}
	if a, b := l.Router("A"), l.Router("B"); !a.NoJIT || b.NoJIT {
		t.Errorf("NoJIT of A is %v, of B %v", a.NoJIT, b.NoJIT)
	}
	if _, msgs := Parse("x", []byte("[localhost]\n[[ROUTER A]]\njit = perhaps\n")); len(msgs) == 0 || msgs[0].Line != 3 {
		t.Errorf("jit = perhaps: %v", msgs)
	}
	old, _ := Parse("x", []byte("[localhost]\n[[ROUTER A]]\n"))
	now, _ := Parse("x", []byte("[localhost]\n[[ROUTER A]]\njit = off\n"))
	if plan := Diff(old, now); len(plan) != 1 {
		t.Errorf("the plan of a changed jit option is %v", plan)
	}
}
