//go:build linux && amd64

package jit

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"dynemu/vm/mips"
)

// Registers of a device that requests interrupts: the handler acknowledges there,
// and reports what must not happen.
const (
	ackAt  = 0x10
	failAt = 0x14
)

// interruptProgram runs code of all kinds with interrupts enabled, and sections in
// which they are disabled by IE, by IM, by EXL and by ERL. In these s0 is not 0,
// which the handler reports.
func interruptProgram(b *box) {
	const on = mips.StatusCU1 | mips.StatusFR | mips.StatusIM | mips.StatusIE
	b.poke(0xffffffff80000180,
		lui(26, 0xbe00), sw(0, ackAt, 26), addiu(27, 27, 1),
		beq(16, 0, 2), nop, sw(16, failAt, 26),
		eret)
	li := func(r uint32, v uint32) []uint32 { return []uint32{lui(r, int(v>>16)), ori(r, r, int(v&0xffff))} }
	code := []uint32{}
	at := func() uint64 { return codeAt + 4*uint64(len(code)) }
	add := func(w ...uint32) { code = append(code, w...) }
	add(li(20, on)...)
	add(li(21, on&^mips.StatusIE)...)
	add(li(22, on&^mips.StatusIM)...)
	add(li(23, on|mips.StatusEXL)...)
	add(li(24, on|mips.StatusERL)...)
	add(lui(15, 0x8001)) // t7: data
	loop := at()
	// Loops, calls, likely branches, loads and stores in slots.
	add(mtc0(20, 12), addiu(9, 0, 20))
	add(lw(10, 0, 15), addu(10, 10, 9), sw(10, 0, 15), addiu(9, 9, -1), bne(9, 0, -5), lw(11, 4, 15))
	add(jal(codeAt+0x800), sw(11, 8, 15))
	add(iw(0x15, 9, 10, 2), addiu(12, 12, 1), nop) // bnel
	add(iw(0x14, 9, 9, 2), addiu(12, 12, 1), nop)  // beql
	for _, off := range []uint32{21, 22, 23, 24} {
		add(mtc0(off, 12), nop, addiu(16, 0, int(off)), addiu(9, 0, 6))
		add(addiu(9, 9, -1), bne(9, 0, -2), sw(9, 12, 15))
		add(addiu(16, 0, 0), mtc0(20, 12))
	}
	add(2<<26|uint32(loop)>>2&0x3ffffff, addiu(17, 17, 1))
	b.poke(codeAt, code...)
	b.poke(codeAt+0x800, addiu(13, 13, 1), jr(ra), addu(14, 14, 13))
	b.State().CP0.Status = on
	b.StateChanged()
}

// TestAsynchronousInterrupts has another goroutine raise a line at random moments,
// each time after the last one was acknowledged. Each is handled, once, never where
// interrupts are disabled and never between a branch and its slot.
func TestAsynchronousInterrupts(t *testing.T) {
	for _, translated := range []bool{false, true} {
		b := newBox(t)
		interruptProgram(b)
		if translated {
			e, err := New(b.CPU, Options{SharedRAM: true})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
		}
		acked := make(chan bool, 1)
		handled := 0
		b.dev.hook = func(write bool, off, v uint64) {
			s := b.State()
			switch {
			case write && off == ackAt:
				handled++
				b.SetIRQ(3, false)
				// EPC is a branch with BD, and no slot without it. What is jumped to
				// is no slot.
				epc := s.CP0.EPC
				if s.CP0.Cause>>31 != 0 {
					t.Errorf("an interrupt between the branch at %#x and its slot", epc)
				}
				if w, ok := b.Core().Word(epc - 4); ok && isBranch(w) {
					t.Errorf("an interrupt in the slot at %#x", epc)
				}
				acked <- true
			case write && off == failAt:
				t.Errorf("an interrupt where they are disabled by s0 = %d, at %#x", v, s.CP0.EPC)
			}
		}
		const count = 1000
		done := make(chan bool)
		go func() {
			defer close(done)
			r := rand.New(rand.NewPCG(3, 3))
			for i := range count {
				if r.IntN(3) != 0 {
					for begin, wait := time.Now(), time.Duration(r.IntN(60))*time.Microsecond; time.Since(begin) < wait; {
					}
				}
				b.loop.Post(func() { b.SetIRQ(3, true) })
				select {
				case <-acked:
				case <-time.After(20 * time.Second):
					t.Errorf("interrupt %d was lost", i)
					return
				}
			}
		}()
		for running := true; running; {
			select {
			case <-done:
				running = false
			default:
				b.Run(20000)
				b.loop.RunPending()
			}
		}
		if int(b.State().GPR[27]) != count || handled != count {
			t.Errorf("translated %v: %d interrupts were handled, %d raised", translated, handled, count)
		}
	}
}

// BenchmarkInterrupt measures the time from a device's raising its line, from
// another goroutine, to its being acknowledged by the guest's handler, which is busy
// otherwise.
func BenchmarkInterrupt(b *testing.B) {
	box := newBox(b)
	interruptProgram(box)
	e, err := New(box.CPU, Options{SharedRAM: true})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	acked := make(chan time.Time, 1)
	box.dev.hook = func(write bool, off, v uint64) {
		if write && off == ackAt {
			box.SetIRQ(3, false)
			acked <- time.Now()
		}
	}
	var took []time.Duration
	done := make(chan bool)
	go func() {
		defer close(done)
		for range b.N {
			time.Sleep(50 * time.Microsecond)
			begin := time.Now()
			box.loop.Post(func() { box.SetIRQ(3, true) })
			took = append(took, (<-acked).Sub(begin))
		}
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
			box.Run(20000)
			box.loop.RunPending()
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1e3, "median-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds())/1e3, "p99-µs")
}
