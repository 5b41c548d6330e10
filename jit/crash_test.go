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
	"unsafe"
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

// TestFaultInGeneratedCode breaks generated code, where faults are expected and where
// they are not. With debug.SetPanicOnFault it is a panic that names the guest's
// address; without, the process ends with a traceback.
func TestFaultInGeneratedCode(t *testing.T) {
	run := func(window bool) {
		b := newBox(t)
		e, err := New(b.CPU, Options{SharedRAM: window})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		if (e.win != nil) != window {
			t.Fatal("no window")
		}
		breakCode(b, e)
		b.Run(300)
	}
	const crash = "DYNEMU_CRASH"
	if how := os.Getenv(crash); how != "" {
		run(how == "window")
		return
	}
	for _, how := range []string{"window", "tables"} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestFaultInGeneratedCode$")
		cmd.Env = append(os.Environ(), crash+"="+how)
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || !strings.Contains(string(out), "goroutine") || !strings.Contains(string(out), "TestFaultInGeneratedCode") {
			t.Errorf("%s: the process ended with %v:\n%s", how, err, out)
		}
		func() {
			defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
			defer func() {
				text := fmt.Sprint(recover())
				if !strings.Contains(text, "generated code") || !strings.Contains(text, "80001000") {
					t.Errorf("%s: recovered %q", how, text)
				}
			}()
			run(how == "window")
		}()
	}
}

// TestWildPointer has Go code read where nothing is, while the translator handles
// SIGSEGV: the process ends as if it did not.
func TestWildPointer(t *testing.T) {
	const crash = "DYNEMU_WILD"
	if os.Getenv(crash) != "" {
		b := newBox(t)
		e, err := New(b.CPU, Options{SharedRAM: true})
		if err != nil || e.win == nil {
			t.Fatalf("no window: %v", err)
		}
		breakCode(b, e)
		address := uintptr(0x10000)
		t.Log(**(**int)(unsafe.Pointer(&address)))
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestWildPointer$")
	cmd.Env = append(os.Environ(), crash+"=1")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !strings.Contains(string(out), "unexpected fault address 0x10000") || !strings.Contains(string(out), "TestWildPointer") {
		t.Errorf("the process ended with %v:\n%s", err, out)
	}
}
