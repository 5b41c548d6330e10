package lab

import (
	"strings"
	"testing"
)

// jit = false, ours, has the interpreter run a router; the nearest one counts.
// jit = check has both do the same.
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
	if _, msgs := Parse("x", []byte("[localhost]\n[[ROUTER A]]\njit = chek\n")); len(msgs) == 0 || !strings.Contains(msgs[0].Text, "check") {
		t.Errorf("jit = chek: %v", msgs)
	}
	checked, _ := Parse("x", []byte("perf_map = yes\n[localhost]\n[[ROUTER A]]\njit = check\n[[ROUTER B]]\nperf_map = no\n"))
	if a, b := checked.Router("A"), checked.Router("B"); a.NoJIT || !a.CheckJIT || !a.PerfMap || b.NoJIT || b.CheckJIT || b.PerfMap {
		t.Errorf("checked routers: %+v, %+v", a, b)
	}
	old, _ := Parse("x", []byte("[localhost]\n[[ROUTER A]]\n"))
	for _, option := range []string{"jit = off", "jit = check", "perf_map = true"} {
		now, _ := Parse("x", []byte("[localhost]\n[[ROUTER A]]\n"+option+"\n"))
		if plan := Diff(old, now); len(plan) != 1 {
			t.Errorf("the plan of a changed %s is %v", option, plan)
		}
	}
}
