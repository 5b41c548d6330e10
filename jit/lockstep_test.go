//go:build linux && amd64

package jit

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"dynemu/vm/event"
	"dynemu/vm/mem"
	"dynemu/vm/mips"
)

// pair is two equal machines, one of which has the translator. They run in
// lock step: after each call of Run their states must be the same.
type pair struct {
	t    testing.TB
	side [2]*box // interpreter, translator
	e    *Engine
}

// box is one machine of a pair: RAM, ROM and a device, and time that follows
// executed instructions.
type box struct {
	*mips.CPU
	m    *mem.Map
	ram  []byte
	dev  *recorder
	loop *event.Loop
	att  atomic.Uint32
}

// recorder is a device that answers with what it was last asked.
type recorder struct {
	n    uint64
	hook func(write bool, off, v uint64)
}

func (d *recorder) Read(off uint64, size int) uint64 {
	d.n = d.n*6364136223846793005 + off + uint64(size)
	if d.hook != nil {
		d.hook(false, off, 0)
	}
	return d.n
}

func (d *recorder) Write(off uint64, size int, v uint64) {
	d.n = d.n*6364136223846793005 + off + uint64(size) + v
	if d.hook != nil {
		d.hook(true, off, v)
	}
}

const (
	boxRAM  = 1 << 20
	codeAt  = 0xffffffff80001000
	dataAt  = 0xffffffff80010000
	devPhys = 0x1e000000
	devAt   = 0xffffffffbe000000
)

func newBox(t testing.TB, change ...func(*mips.Config)) *box {
	b := &box{m: new(mem.Map), ram: sharedRAM(t, boxRAM), dev: &recorder{}}
	for _, r := range []*mem.Region{
		{Name: "ram", Len: boxRAM, RAM: b.ram, Cacheable: true},
		{Name: "rom", Base: 0x1fc00000, Len: 64 << 10, RAM: make([]byte, 64<<10), ReadOnly: true, Cacheable: true},
		{Name: "dev", Base: devPhys, Len: 0x1000, Dev: b.dev},
	} {
		if err := b.m.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	b.loop = event.NewWithSource(&b.att, func() int64 {
		if b.CPU == nil {
			return 0
		}
		return int64(b.Instructions()) * 3
	})
	cfg := mips.Config{Model: mips.R4700, Map: b.m, Clock: b.loop, Attention: &b.att, CountHz: 100_000_000}
	for _, fn := range change {
		fn(&cfg)
	}
	b.CPU = mips.New(cfg)
	b.State().CP0.Status = mips.StatusCU1 | mips.StatusFR
	b.State().PC = codeAt
	b.StateChanged()
	return b
}

// sharedRAM is guest memory that the translator can map once more.
func sharedRAM(t testing.TB, size int) []byte {
	b, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(b) })
	return b
}

func newPair(t testing.TB, o Options, change ...func(*mips.Config)) *pair {
	p := &pair{t: t}
	for i := range p.side {
		p.side[i] = newBox(t, change...)
	}
	o.Exact, o.eager, o.SharedRAM = true, true, true
	e, err := New(p.side[1].CPU, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	p.e = e
	return p
}

// both does fn on both machines.
func (p *pair) both(fn func(b *box)) {
	for _, b := range p.side {
		fn(b)
	}
}

// poke stores instructions at va of kseg0 or kseg1.
func (b *box) poke(va uint64, words ...uint32) {
	for i, w := range words {
		b.m.Write32(va&0x1fffffff+uint64(i)*4, w)
	}
}

// run runs both by n instructions and compares.
func (p *pair) run(n int) (exit mips.Exit, err error) {
	a, b := p.side[0], p.side[1]
	before := *b.State()
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w\nin %d instructions from:%s", err, n, p.listing(before.PC))
		}
	}()
	x, y := a.Run(n), b.Run(n)
	if x != y {
		return x, fmt.Errorf("exit: interpreter %v, translator %v; %s", x, y, differ(a.State(), b.State()))
	}
	a.loop.RunPending()
	b.loop.RunPending()
	return x, p.same()
}

func (p *pair) same() error {
	a, b := p.side[0], p.side[1]
	// An address behind a jump may still have its upper half.
	a.State().PC, b.State().PC = sextIf(a, a.State().PC), sextIf(b, b.State().PC)
	if *a.State() != *b.State() {
		return fmt.Errorf("states differ: %s", differ(a.State(), b.State()))
	}
	if a.dev.n != b.dev.n {
		return fmt.Errorf("device accesses differ at %#x", a.State().PC)
	}
	return nil
}

func sextIf(b *box, pc uint64) uint64 {
	if _, wide, _, _ := b.Core().Mode(); wide {
		return pc
	}
	return sext(pc)
}

func (p *pair) sameMemory() error {
	a, b := p.side[0], p.side[1]
	if bytes.Equal(a.ram, b.ram) {
		return nil
	}
	for i := range a.ram {
		if a.ram[i] != b.ram[i] {
			i &^= 3
			return fmt.Errorf("memory differs at %#x: interpreter %x, translator %x", i,
				binary.BigEndian.Uint32(a.ram[i:]), binary.BigEndian.Uint32(b.ram[i:]))
		}
	}
	return nil
}

// differ names what differs.
func differ(a, b *mips.State) string {
	return fmt.Sprintf("at pc %x%s", a.PC, Differences(a, b))
}

// TestLockstepBenchmark runs the start of each test of the guest benchmark on
// both engines.
func TestLockstepBenchmark(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIP: takes long; -short leaves it out")
	}
	p := newPair(t, Options{})
	p.both(func(b *box) {
		loadBench(t, b)
	})
	var text []byte
	for i := 0; i < 400000; i++ {
		if _, err := p.run(200 + i%13); err != nil {
			t.Fatalf("after %d instructions: %v", p.side[0].Instructions(), err)
		}
	}
	_ = text
	if err := p.sameMemory(); err != nil {
		t.Error(err)
	}
	t.Logf("%+v", p.e.Stats())
}

// listing disassembles the code at pc.
func (p *pair) listing(pc uint64) string {
	s := ""
	for i := range uint64(48) {
		w, err := p.side[0].Read(pc+4*i, 4)
		if err != nil {
			break
		}
		s += fmt.Sprintf("\n  %x: %08x %s", pc+4*i, w, mips.Disassemble(pc+4*i, uint32(w)))
	}
	return s
}

// TestCheck breaks generated code and expects a report.
func TestCheck(t *testing.T) {
	var report string
	p := newPair(t, Options{Check: func(s string) { report = s }})
	p.code(codeAt, addiu(8, 8, 1), addiu(9, 9, 0x1234), sw(9, 0, 29), bne(8, 0, -4), nop)
	p.both(func(b *box) { b.State().GPR[29] = dataAt })
	if _, err := p.run(100); err != nil || report != "" {
		t.Fatalf("before anything was broken: %v %s", err, report)
	}
	code := p.e.arena.rw[:p.e.pos]
	i := bytes.LastIndex(code, []byte{0x34, 0x12, 0, 0})
	if i < 0 {
		t.Fatal("the constant is not in the code")
	}
	code[i]++
	p.side[1].Run(100)
	if !strings.Contains(report, "t1 ") || !strings.Contains(report, "memory at 0x10000") || !strings.Contains(report, "addiu") || !strings.Contains(report, "sp ") {
		t.Errorf("report: %s", report)
	}
}

// TestIdleFound has the processor find the idle loop of a guest that the translator
// runs.
func TestIdleFound(t *testing.T) {
	b := newBox(t)
	e, err := New(b.CPU, Options{SharedRAM: true})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	b.poke(codeAt, 0x3c088001, 0x8d090000, bne(9, 0, 3), nop, 0x1000fffb, nop, addiu(10, 10, 1), sw(0, 0, 8), 0x1000fff7, nop)
	b.SetIdleAuto(true)
	sleeps := 0
	for i := 0; i < 5000 && sleeps < 100; i++ {
		if b.Run(100_000) == mips.ExitIdle {
			sleeps++
			b.m.Write32(0x10000, 1)
		}
	}
	if sleeps < 100 || b.State().GPR[10] < 98 {
		t.Errorf("%d sleeps, %d pieces of work; %+v", sleeps, b.State().GPR[10], b.IdleStats())
	}
}

// TestUpperHalves has operations on the bits of a value whose sign extension is not
// needed yet and one that is not a sign-extended word at all.
func TestUpperHalves(t *testing.T) {
	for _, op := range []uint32{0x00571024, 0x00571025, 0x00571026, 0x00571027, 0x02e21025} { // and, or, xor, nor v0, v0, s7; or v0, s7, v0
		p := newPair(t, Options{})
		p.both(func(b *box) { b.State().GPR[23], b.State().GPR[3] = 0x0123456789abcdef, 0xfedcba98 })
		p.code(codeAt,
			0x00031000, // sll v0, v1, 0
			op,
			0x0002183e, // dsrl32 v1, v0, 0
			0x24630001, // addiu v1, v1, 1
			0x1000fffb, 0)
		p.runBoth(500, 1)
	}
}
