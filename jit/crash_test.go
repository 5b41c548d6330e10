//go:build linux && amd64

package jit

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

// TestPanicInDevice has a device fail as Go code does, called from the engine: it is
// an ordinary panic with an ordinary traceback, and the engine can go on.
func TestPanicInDevice(t *testing.T) {
	p := newPair(t, Options{})
	p.code(codeAt, lui(8, 0xbe00), lw(9, 0, 8), addiu(10, 10, 1), beq(0, 0, -3), nop)
	p.runBoth(400, 1)
	b := p.side[1]
	var nothing *recorder
	b.dev.hook = func(bool, uint64, uint64) { nothing.n++ }
	func() {
		defer func() {
			err, _ := recover().(runtime.Error)
			if err == nil || !strings.Contains(err.Error(), "nil pointer") {
				t.Errorf("recovered %v", err)
			}
			if stack := string(debug.Stack()); !strings.Contains(stack, "TestPanicInDevice") || !strings.Contains(stack, "Execute") {
				t.Errorf("the traceback does not show the way:\n%s", stack)
			}
		}()
		b.Run(100)
	}()
	b.dev.hook = nil
	before := b.State().GPR[10]
	b.Run(100)
	if b.State().GPR[10] == before {
		t.Error("the guest does not go on")
	}
}

// breakCode makes the generated code of the loop at codeAt read address 0x10.
func breakCode(b *box, e *Engine) {
	b.poke(codeAt, addiu(8, 8, 1), bne(8, 0, -2), addiu(9, 9, 0x1234))
	b.Run(300)
	for _, r := range e.regions {
		copy(e.arena.rw[r.entry:], []byte{0x8b, 0x04, 0x25, 0x10, 0, 0, 0}) // mov eax, [0x10]
	}
}

// TestFaultInGeneratedCode breaks generated code. With debug.SetPanicOnFault it is a
// panic that names the guest's address; without, the process ends with a traceback.
func TestFaultInGeneratedCode(t *testing.T) {
	if os.Getenv("DYNEMU_CRASH") != "" {
		b := newBox(t)
		e, err := New(b.CPU, Options{})
		if err != nil {
			t.Fatal(err)
		}
		breakCode(b, e)
		b.Run(300)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestFaultInGeneratedCode$")
	cmd.Env = append(os.Environ(), "DYNEMU_CRASH=1")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !strings.Contains(string(out), "SIGSEGV") || !strings.Contains(string(out), "TestFaultInGeneratedCode") {
		t.Errorf("the process ended with %v:\n%s", err, out)
	}

	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	b := newBox(t)
	e, err := New(b.CPU, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	breakCode(b, e)
	defer func() {
		text := fmt.Sprint(recover())
		if !strings.Contains(text, "generated code") || !strings.Contains(text, "80001000") {
			t.Errorf("recovered %q", text)
		}
	}()
	b.Run(300)
}
