//go:build linux && amd64

package jit

import (
	"fmt"
	"strings"

	"dynemu/vm/mem"
	"dynemu/vm/mips"
)

// Checking.
//
// With Options.Check, what generated code does between two exits is undone and
// done again by the interpreter, and the results are compared: registers, system
// registers and every byte stored. Accesses to devices and to watched memory
// cannot be repeated, so the comparison comes before them. No page is
// in the table of stores then, so that every store leaves and can be noted.

// undo is a store that was made since the last comparison.
type undo struct {
	r         *mem.Region
	off       uint64
	size      int
	old, made [8]byte
}

type checker struct {
	failed func(report string)
	start  mips.State
	left   int // of the budget at start
	stores []undo
	skip   bool // what follows is not compared
}

// begin notes where the interpreter will start.
func (c *checker) begin(e *Engine) {
	c.start = *e.state
	c.left = e.core.Left()
	c.stores = c.stores[:0]
}

// access is Engine.access with a comparison before what cannot be repeated.
func (c *checker) access(e *Engine, v *view) uintptr {
	desc := uint32(e.words.desc)
	va, pc := e.words.address, e.state.PC
	if !v.wide {
		va = sext(va)
	}
	slot, major := desc&descSlot != 0, desc&0x3f
	repeatable := c.note(e, va, width(major), major >= 0x28 && major != 0x37)
	if !repeatable {
		c.compare(e, slot)
	}
	code := e.access(v)
	switch {
	case code == 0:
		if repeatable {
			c.compare(e, false)
		}
		return 0
	case repeatable:
	case slot:
		c.skip = true // until the branch is done
	default:
		c.begin(e)
		c.start.PC = sext(pc + 4)
		c.left--
	}
	e.resumed = true
	return code
}

// note tells whether an access can be repeated, and notes what a store changes.
func (c *checker) note(e *Engine, va uint64, size int, store bool) bool {
	p, ok := e.core.Data(va)
	if !ok || va&uint64(size-1) != 0 {
		return false
	}
	r, off := e.core.Memory(p)
	if r == nil || r.RAM == nil || store && (!p.Write || r.ReadOnly || r.IsCode(off)) {
		return false
	}
	if store {
		off += va & (mem.PageSize - 1)
		u := undo{r: r, off: off, size: size}
		copy(u.old[:], r.RAM[off:off+uint64(size)])
		c.stores = append(c.stores, u)
	}
	return true
}

// compare repeats on the interpreter what was executed since begin, and begins
// again. slot tells that State.PC is a delay slot, the branch of which was counted
// but shows no effect other than on its link register.
func (c *checker) compare(e *Engine, slot bool) {
	k := e.core
	n := c.left - k.Left()
	after := *e.state
	if slot {
		n--
		after.PC -= 4
	}
	// A call whose slot leaves has stored its return address already.
	link := uint32(0)
	if w, ok := k.Word(after.PC); ok && isBranch(w) {
		switch w >> 26 {
		case 0:
			link = w >> 11 & 31
		case 1, 3:
			link = 31
		}
		if after.GPR[link] != after.PC+8 {
			link = 0
		}
	}
	if n <= 0 || c.skip {
		c.skip = false
		c.begin(e)
		return
	}
	for i := range c.stores {
		u := &c.stores[i]
		copy(u.made[:], u.r.RAM[u.off:u.off+uint64(u.size)])
	}
	for i := len(c.stores) - 1; i >= 0; i-- {
		u := &c.stores[i]
		copy(u.r.RAM[u.off:], u.old[:u.size])
	}
	left := k.Left()
	*e.state = c.start
	k.SetLeft(c.left)
	k.Step(n)
	got := *e.state
	done := c.left - k.Left()
	if link != 0 {
		got.GPR[link] = after.GPR[link]
	}
	_, wide, _, _ := k.Mode()
	if !wide {
		got.PC, after.PC = sext(got.PC), sext(after.PC)
	}
	bad := ""
	if done != n {
		bad += fmt.Sprintf("\n  the interpreter executed %d instructions, the translator %d", done, n)
	}
	if got != after {
		bad += Differences(&got, &after)
	}
	for i := range c.stores {
		u := &c.stores[i]
		if now := u.r.RAM[u.off : u.off+uint64(u.size)]; string(now) != string(u.made[:u.size]) {
			bad += fmt.Sprintf("\n  memory at %#x: interpreter %x, translator %x", u.r.Base+u.off, now, u.made[:u.size])
		}
	}
	if bad != "" {
		var code strings.Builder
		for i := range uint64(min(n, 64)) {
			if w, ok := k.Word(c.start.PC + 4*i); ok {
				fmt.Fprintf(&code, "\n  %08x: %08x  %s", uint32(c.start.PC+4*i), w, mips.Disassemble(c.start.PC+4*i, w))
			}
		}
		c.failed(fmt.Sprintf("the translator differs from the interpreter after %d instructions from %#x:%s\ncode:%s\nboth states:%s",
			n, c.start.PC, bad, code.String(), registers(&got, &after, true)))
	}
	// Back to where generated code is.
	if link != 0 {
		e.state.GPR[link] = after.GPR[link]
	}
	if slot {
		e.state.PC = after.PC + 4
	}
	k.SetLeft(left)
	c.begin(e)
}

// Differences names the registers in which two states differ, one a line.
func Differences(interpreter, translator *mips.State) string {
	s := registers(interpreter, translator, false)
	if s == "" {
		s = fmt.Sprintf("\n  interpreter %+v\n  translator  %+v", interpreter.CP0, translator.CP0)
	}
	return s
}

// registers shows registers of two states side by side, one a line: all of them, with
// a mark at those that differ, or only these.
func registers(interpreter, translator *mips.State, all bool) string {
	var s strings.Builder
	add := func(name string, x, y uint64) {
		switch {
		case x != y:
			fmt.Fprintf(&s, "\n  %-8s interpreter %016x translator %016x", name, x, y)
			if all {
				s.WriteString(" <")
			}
		case all:
			fmt.Fprintf(&s, "\n  %-8s interpreter %016x translator %016x", name, x, y)
		}
	}
	a, b := interpreter, translator
	add("pc", a.PC, b.PC)
	for i := range a.GPR {
		add(mips.RegName(i), a.GPR[i], b.GPR[i])
	}
	add("hi", a.HI, b.HI)
	add("lo", a.LO, b.LO)
	for i := range a.FPR {
		if all && a.FPR[i] == 0 && b.FPR[i] == 0 {
			continue
		}
		add(fmt.Sprintf("f%d", i), a.FPR[i], b.FPR[i])
	}
	add("fcsr", uint64(a.FCSR), uint64(b.FCSR))
	add("retired", a.Retired, b.Retired)
	add("status", uint64(a.CP0.Status), uint64(b.CP0.Status))
	add("cause", uint64(a.CP0.Cause), uint64(b.CP0.Cause))
	add("epc", a.CP0.EPC, b.CP0.EPC)
	add("badvaddr", a.CP0.BadVAddr, b.CP0.BadVAddr)
	add("entryhi", a.CP0.EntryHi, b.CP0.EntryHi)
	add("entrylo0", a.CP0.EntryLo0, b.CP0.EntryLo0)
	add("entrylo1", a.CP0.EntryLo1, b.CP0.EntryLo1)
	add("context", a.CP0.Context, b.CP0.Context)
	add("index", uint64(a.CP0.Index), uint64(b.CP0.Index))
	add("compare", uint64(a.CP0.Compare), uint64(b.CP0.Compare))
	return s.String()
}
