//go:build linux && amd64

package jit

import (
	"bufio"
	"debug/elf"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dynemu/vm/event"
	"dynemu/vm/mem"
	"dynemu/vm/mips"
)

// The fixed guest benchmark: a program that needs a DUART, one GT-64120 register
// and a halt register. DYNEMU_BENCH_GUEST names the directory that holds it.

func guestBench(t testing.TB) string {
	dir := os.Getenv("DYNEMU_BENCH_GUEST")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "bench", "guest")
	}
	if _, err := os.Stat(filepath.Join(dir, "bench-c7200.elf")); err != nil {
		t.Skipf("SKIP: guest benchmark not there: %v (set DYNEMU_BENCH_GUEST)", err)
	}
	return dir
}

type benchLine struct {
	insns    uint64
	checksum string
}

func readBenchTable(t testing.TB, name string) map[string]benchLine {
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	table := map[string]benchLine{}
	for sc := bufio.NewScanner(f); sc.Scan(); {
		line, _, _ := strings.Cut(sc.Text(), "#")
		w := strings.Fields(line)
		if len(w) < 4 {
			continue
		}
		n, err := strconv.ParseUint(w[1], 10, 64)
		if err != nil {
			t.Fatalf("%s: bad line %q", name, line)
		}
		table[w[0]] = benchLine{n, w[3]}
	}
	return table
}

// uart is the part of the SCN2681 that the benchmark uses.
type uart struct {
	line []byte
	out  func(line string)
}

func (d *uart) Read(off uint64, _ int) uint64 {
	if off == 0x40c {
		return 4 // transmitter ready
	}
	return 0
}

func (d *uart) Write(off uint64, _ int, v uint64) {
	if off != 0x41c {
		return
	}
	switch b := byte(v); b {
	case '\r':
	case '\n':
		d.out(string(d.line))
		d.line = d.line[:0]
	default:
		d.line = append(d.line, b)
	}
}

type plainRegs [0x400]uint64

func (p *plainRegs) Read(off uint64, _ int) uint64     { return p[off>>2&0x3ff] }
func (p *plainRegs) Write(off uint64, _ int, v uint64) { p[off>>2&0x3ff] = v }

// haltReg stops the processor on a write at 0x34.
type haltReg struct{ cpu *mips.CPU }

func (h *haltReg) Read(uint64, int) uint64 { return 0 }
func (h *haltReg) Write(off uint64, _ int, _ uint64) {
	if off == 0x34 {
		h.cpu.Stop()
	}
}

// benchGuest runs the tests named in only, or all, and returns whether each
// checksum was right. It prints a table when show is set.
func benchGuest(t testing.TB, o *Options, only string, show bool, between ...func(c *mips.CPU, e *Engine)) {
	dir := guestBench(t)
	table := readBenchTable(t, filepath.Join(dir, "insns.txt"))
	var begin time.Time
	var start uint64
	var c *mips.CPU
	var e *Engine
	var last Stats
	seen := map[string]bool{}
	out := func(line string) {
		w := strings.Fields(line)
		switch {
		case len(w) == 2 && w[0] == "B":
			begin, start = time.Now(), c.Instructions()
		case len(w) == 5 && w[0] == "E":
			d := time.Since(begin).Seconds()
			turns, _ := strconv.ParseUint(w[3], 16, 64)
			seen[w[1]] = true
			n := c.Instructions() - start
			if show {
				if e != nil {
					x := e.Stats()
					for i := range x.Exits {
						x.Exits[i] -= last.Exits[i]
					}
					fmt.Printf("  exits %d blocks %d dropped %d\n", x.Exits, x.Blocks-last.Blocks, x.Dropped-last.Dropped)
					last = e.Stats()
				}
				fmt.Printf("%-8s %8.3f s %9.1f MIPS %12d insns %12.0f turns/s\n", w[1], d, float64(n)/d/1e6, n, float64(turns)/d)
			}
			if w[2] != table[w[1]].checksum {
				t.Errorf("%s: checksum %s, want %s", w[1], w[2], table[w[1]].checksum)
			}
			if w[1] == only {
				c.Stop()
			}
		case len(w) > 0 && w[0] == "FATAL":
			t.Errorf("guest: %s", line)
			c.Stop()
		}
	}
	var m mem.Map
	ram := sharedRAM(t, 128<<20)
	att := new(atomic.Uint32)
	loop := event.New(att)
	halt := &haltReg{}
	for _, r := range []*mem.Region{
		{Name: "ram", Len: uint64(len(ram)), RAM: ram, Cacheable: true},
		{Name: "gt", Base: 0x14000000, Len: 0x1000, Dev: &plainRegs{}},
		{Name: "remote", Base: 0x16000000, Len: 0x1000, Dev: halt},
		{Name: "duart", Base: 0x1e840000, Len: 0x1000, Dev: &uart{out: out}},
	} {
		if err := m.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	entry := loadELF(t, &m)
	c = mips.New(mips.Config{Model: mips.RM7000, Map: &m, Clock: loop, Attention: att, CountHz: 100_000_000})
	halt.cpu = c
	c.State().PC = entry
	if o != nil {
		var err error
		if e, err = New(c, *o); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if show {
				fmt.Printf("%+v\n", e.Stats())
			}
			e.Close()
		}()
	}
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); {
		for _, fn := range between {
			fn(c, e)
		}
		exit := c.Run(20000)
		loop.RunPending()
		if exit == mips.ExitStop {
			for name := range table {
				if only == "" && !seen[name] {
					t.Errorf("%s did not run", name)
				}
			}
			return
		}
	}
	t.Error("guest benchmark did not end")
}

var full = flag.Bool("full", false, "run what takes minutes")

// TestGuestChecksums runs the whole benchmark and checks what it computes: with
// little code memory; on both engines in turns; with -full also on each alone.
func TestGuestChecksums(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIP: takes long; -short leaves it out")
	}
	turn := 0
	for _, c := range []struct {
		name    string
		full    bool
		options *Options
		between []func(*mips.CPU, *Engine)
	}{
		{name: "256 KiB of code memory", options: &Options{CodeBytes: 256 << 10, SharedRAM: true}},
		{name: "both in turns", options: &Options{SharedRAM: true}, between: []func(*mips.CPU, *Engine){func(c *mips.CPU, e *Engine) {
			// Ten runs of 300 belong to the interpreter. What the engine was not
			// told of meanwhile it must forget.
			switch turn++; turn % 300 {
			case 0:
				c.SetEngine(nil)
			case 10:
				if turn > 300 {
					c.SetEngine(e)
					e.MapChanged()
					e.CodeChanged()
				}
			}
		}}},
		{name: "translator", full: true, options: &Options{SharedRAM: true}},
		{name: "translator, tables", full: true, options: &Options{}},
		{name: "interpreter", full: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.full && !*full {
				t.Skip("SKIP: takes minutes; -full runs it")
			}
			benchGuest(t, c.options, "", false, c.between...)
		})
	}
}

// TestGuestBenchmark runs the benchmark and prints its table: DYNEMU_BENCH=1 on
// the translator, DYNEMU_BENCH=interpreter on the interpreter.
func TestGuestBenchmark(t *testing.T) {
	which := os.Getenv("DYNEMU_BENCH")
	if which == "" {
		t.Skip("set DYNEMU_BENCH=1 to run the guest benchmark")
	}
	o := &Options{SharedRAM: true}
	if os.Getenv("DYNEMU_PERF") != "" {
		f, err := CreatePerfMap(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		o.PerfMap = f
	}
	if which == "interpreter" {
		o = nil
	}
	benchGuest(t, o, os.Getenv("DYNEMU_BENCH_ONLY"), true)
}

// loadELF puts the benchmark into memory and returns its entry.
func loadELF(t testing.TB, m *mem.Map) uint64 {
	f, err := elf.Open(filepath.Join(guestBench(t), "bench-c7200.elf"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type != elf.PT_LOAD {
			continue
		}
		b := make([]byte, p.Filesz)
		if _, err := p.ReadAt(b, 0); err != nil {
			t.Fatal(err)
		}
		m.WriteAt(p.Paddr&0x1fffffff, b)
	}
	return sext(f.Entry)
}

// loadBench makes b a machine with the benchmark.
func loadBench(t testing.TB, b *box) {
	more := sharedRAM(t, 128<<20)
	if err := b.m.Add(&mem.Region{Name: "more", Base: boxRAM, Len: 127 << 20, RAM: more[boxRAM:], Cacheable: true}); err != nil {
		t.Fatal(err)
	}
	if err := b.m.Add(&mem.Region{Name: "gt", Base: 0x14000000, Len: 0x1000, Dev: &plainRegs{}}); err != nil {
		t.Fatal(err)
	}
	if err := b.m.Add(&mem.Region{Name: "duart", Base: 0x1e840000, Len: 0x1000, Dev: &uart{out: func(s string) { t.Log(s) }}}); err != nil {
		t.Fatal(err)
	}
	b.State().PC = loadELF(t, b.m)
	b.StateChanged()
}
