package mips

import (
	"bufio"
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	host "syscall"
	"testing"
	"time"

	"dynemu/vm/event"
	"dynemu/vm/mem"
)

// The fixed guest benchmark: a program that needs a DUART, one GT-64120 register
// and a halt register. DYNEMU_BENCH_GUEST names the directory that holds it.

// guestBench returns the directory of the benchmark, or skips the test.
func guestBench(t testing.TB) string {
	dir := os.Getenv("DYNEMU_BENCH_GUEST")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "bench", "guest")
	}
	if _, err := os.Stat(filepath.Join(dir, "bench-c7200.elf")); err != nil {
		t.Skipf("guest benchmark not there: %v (set DYNEMU_BENCH_GUEST)", err)
	}
	return dir
}

type benchLine struct {
	insns, turns uint64
	checksum     string
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
		insns, err1 := strconv.ParseUint(w[1], 10, 64)
		turns, err2 := strconv.ParseUint(w[2], 16, 64)
		if err1 != nil || err2 != nil {
			t.Fatalf("%s: bad line %q", name, line)
		}
		table[w[0]] = benchLine{insns, turns, w[3]}
	}
	return table
}

// duart is the part of the SCN2681 that the benchmark uses.
type duart struct {
	line []byte
	out  func(line string)
}

func (d *duart) Read(off uint64, size int) uint64 {
	if off == 0x40c {
		return 4 // status: transmitter ready
	}
	return 0
}

func (d *duart) Write(off uint64, size int, v uint64) {
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

// plainRegs is a device that stores words.
type plainRegs map[uint64]uint64

func (p plainRegs) Read(off uint64, size int) uint64     { return p[off] }
func (p plainRegs) Write(off uint64, size int, v uint64) { p[off] = v }

// haltReg stops the processor on a write at 0x34.
type haltReg struct{ cpu *CPU }

func (h *haltReg) Read(off uint64, size int) uint64 { return 0 }
func (h *haltReg) Write(off uint64, size int, v uint64) {
	if off == 0x34 {
		h.cpu.Stop()
	}
}

// benchMachine builds the board and loads the program.
func benchMachine(t testing.TB, file string, out func(string)) (*CPU, *event.Loop) {
	var m mem.Map
	ram := make([]byte, 128<<20)
	att := new(atomic.Uint32)
	loop := event.New(att)
	halt := &haltReg{}
	for _, r := range []*mem.Region{
		{Name: "ram", Len: uint64(len(ram)), RAM: ram, Cacheable: true},
		{Name: "gt", Base: 0x14000000, Len: 0x1000, Dev: plainRegs{}},
		{Name: "remote", Base: 0x16000000, Len: 0x1000, Dev: halt},
		{Name: "duart", Base: 0x1e840000, Len: 0x1000, Dev: &duart{out: out}},
	} {
		if err := m.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	f, err := elf.Open(file)
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
	c := New(Config{Model: RM7000, Map: &m, Clock: loop, Attention: att, CountHz: 100_000_000})
	halt.cpu = c
	c.State().PC = sext32(f.Entry)
	return c, loop
}

// cpuTime returns the processor time that this process has used. On a shared host
// it says more than the wall clock.
func cpuTime(t testing.TB) time.Duration {
	var u host.Rusage
	if err := host.Getrusage(host.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func runBench(t testing.TB, only string) {
	dir := guestBench(t)
	epoch := time.Now()
	table := readBenchTable(t, filepath.Join(dir, "insns.txt"))
	var begin, startCPU time.Duration
	var startCount uint64
	seen := map[string]bool{}
	var c *CPU
	out := func(line string) {
		w := strings.Fields(line)
		switch {
		case len(w) == 2 && w[0] == "B":
			begin, startCPU, startCount = time.Since(epoch), cpuTime(t), c.Instructions()
		case len(w) == 5 && w[0] == "E":
			d := (time.Since(epoch) - begin).Seconds()
			busy := (cpuTime(t) - startCPU).Seconds()
			want := table[w[1]]
			turns, _ := strconv.ParseUint(w[3], 16, 64)
			seen[w[1]] = true
			n := c.Instructions() - startCount
			fmt.Printf("%-8s %8.3f s %8.3f s of CPU %8.1f M/s %11d instructions %10.0f turns/s  %s\n",
				w[1], d, busy, float64(n)/busy/1e6, n, float64(turns)/busy, w[2])
			if w[2] != want.checksum {
				t.Errorf("%s: checksum %s, want %s", w[1], w[2], want.checksum)
			}
			if w[1] == only {
				c.Stop()
			}
		case len(w) > 0 && w[0] == "FATAL":
			t.Errorf("guest: %s", line)
			c.Stop()
		}
	}
	c, loop := benchMachineFor(t, filepath.Join(dir, "bench-c7200.elf"), out, &c)
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); {
		exit := c.Run(20000)
		loop.RunPending()
		if exit == ExitStop {
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

func benchMachineFor(t testing.TB, file string, out func(string), p **CPU) (*CPU, *event.Loop) {
	c, loop := benchMachine(t, file, out)
	*p = c
	return c, loop
}

// TestGuestBenchmark runs the whole benchmark, prints its table and checks every
// checksum. It takes half a minute, so it must be asked for.
func TestGuestBenchmark(t *testing.T) {
	if os.Getenv("DYNEMU_BENCH") == "" {
		t.Skip("set DYNEMU_BENCH=1 to run the guest benchmark")
	}
	runBench(t, os.Getenv("DYNEMU_BENCH_ONLY"))
}
