//go:build linux && amd64

package jit

import "testing"

// TestMeter runs guests whose instructions are all for generated code, and half of
// them for the interpreter: the counters must tell them apart.
func TestMeter(t *testing.T) {
	for _, c := range []struct {
		name        string
		interpreted bool
		code        []uint32
	}{
		{"integer", false, []uint32{addiu(8, 8, 1), addu(9, 9, 8), beq(0, 0, -3), nop}},
		{"floating point", true, []uint32{0x46220000, 0x46220002, beq(0, 0, -3), nop}}, // add.d, mul.d
	} {
		b := newBox(t)
		e, err := New(b.CPU, Options{SharedRAM: true})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		b.poke(codeAt, c.code...)
		for b.Instructions() < 20_000_000 {
			b.Run(20000)
			b.loop.RunPending()
		}
		s := e.Stats()
		stepped := float64(s.Stepped) / float64(b.Instructions())
		if c.interpreted != (stepped > 0.4) || s.Total == 0 || c.interpreted && s.Interpreter == 0 {
			t.Errorf("%s: %.3f of the instructions were the interpreter's; %v of %v", c.name, stepped, s.Interpreter, s.Total)
		}
		t.Logf("%s: %.3f of the instructions, %.3f of the time", c.name, stepped, float64(s.Interpreter)/float64(s.Total))
	}
}
