//go:build linux && amd64

package jit

import (
	"bytes"
	"encoding/binary"
	"flag"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"dynemu/vm/mips"
)

var tortureFor = flag.Duration("torture", 2*time.Second, "how long to run guests while the Go runtime is kept busy")

// Encoders of the instructions that the programs below use.
func iw(op, rs, rt uint32, imm int) uint32 { return op<<26 | rs<<21 | rt<<16 | uint32(imm)&0xffff }
func rw(fn, rs, rt, rd, sa uint32) uint32  { return rs<<21 | rt<<16 | rd<<11 | sa<<6 | fn }
func addiu(rt, rs uint32, imm int) uint32  { return iw(9, rs, rt, imm) }
func lui(rt uint32, imm int) uint32        { return iw(15, 0, rt, imm) }
func ori(rt, rs uint32, imm int) uint32    { return iw(13, rs, rt, imm) }
func lw(rt uint32, off int, b uint32) uint32 {
	return iw(35, b, rt, off)
}
func sw(rt uint32, off int, b uint32) uint32 { return iw(43, b, rt, off) }
func addu(rd, rs, rt uint32) uint32          { return rw(33, rs, rt, rd, 0) }
func bne(rs, rt uint32, off int) uint32      { return iw(5, rs, rt, off) }
func beq(rs, rt uint32, off int) uint32      { return iw(4, rs, rt, off) }
func jal(va uint64) uint32                   { return 3<<26 | uint32(va)>>2&0x3ffffff }
func jalr(rs uint32) uint32                  { return rw(9, rs, 0, 31, 0) }
func jr(rs uint32) uint32                    { return rw(8, rs, 0, 0, 0) }
func mtc0(rt, rd uint32) uint32              { return 0x10<<26 | 4<<21 | rt<<16 | rd<<11 }
func mfc0(rt, rd uint32) uint32              { return 0x10<<26 | rt<<16 | rd<<11 }

const (
	nop   = 0
	tlbwi = 0x42000002
	tlbwr = 0x42000006
	eret  = 0x42000018
	ra    = 31
)

// runBoth runs both sides in lock step in pieces of random length.
func (p *pair) runBoth(n int, seed uint64) {
	p.t.Helper()
	r := rand.New(rand.NewPCG(seed, 2))
	for n > 0 {
		k := 1 + r.IntN(700)
		if r.IntN(4) == 0 {
			k = 1 + r.IntN(20)
		}
		if _, err := p.run(k); err != nil {
			p.t.Fatal(err)
		}
		n -= k
	}
	if err := p.sameMemory(); err != nil {
		p.t.Error(err)
	}
}

func (p *pair) reg(i int) uint64 { return p.side[1].State().GPR[i] }

func (p *pair) code(va uint64, words ...uint32) {
	p.both(func(b *box) { b.poke(va, words...) })
}

// TestArenaExhausted calls some hundreds of functions in random order with code
// memory for a part of them.
func TestArenaExhausted(t *testing.T) {
	p := newPair(t, Options{CodeBytes: 80 << 10})
	r := rand.New(rand.NewPCG(1, 1))
	w := words{r}
	const functions, size = 700, 32
	for f := range functions {
		var body []uint32
		for len(body) < size-2 {
			// Anything that only uses registers, but the loop's own.
			in := rw(w.pick(0x21, 0x23, 0x24, 0x25, 0x26, 0x27, 0x2a, 0x2b, 0x2d, 0x2f), w.Uint32N(16), w.Uint32N(16), w.Uint32N(16), 0)
			if r.IntN(6) == 0 {
				in = sw(w.Uint32N(16), r.IntN(256)*4, 20)
			}
			body = append(body, in)
		}
		p.code(dataAt+0x10000+uint64(f*size*4), append(body, jr(ra), nop)...)
	}
	p.code(codeAt,
		lui(20, 0x8000), ori(20, 20, 0x8000), // s4: data
		lui(21, 0x8002),   // s5: functions
		ori(22, 0, 12345), // s6: random
		// loop: s6 = s6*5+1; s7 = s6>>7 mod 512
		rw(0, 0, 22, 23, 2), addu(22, 22, 23), addiu(22, 22, 1),
		rw(2, 0, 22, 23, 7), iw(12, 23, 23, 511), rw(0, 0, 23, 23, 7),
		addu(23, 23, 21),
		jalr(23), nop,
		beq(0, 0, -10), nop)
	p.runBoth(400_000, 1)
	s := p.e.Stats()
	t.Logf("%+v", s)
	if s.Flushes < 10 {
		t.Errorf("code memory was full %d times only", s.Flushes)
	}
}

// TestSelfModification patches code ahead in the block, elsewhere in the page, in
// another page, through kseg1, and by a bus master.
func TestSelfModification(t *testing.T) {
	// t0: address of the instruction to patch, t1: its new word, v0: result.
	patch := func(at uint64, in uint32) []uint32 {
		return []uint32{
			lui(8, int(at>>16&0xffff)), ori(8, 8, int(at&0xffff)),
			lui(9, int(in>>16)), ori(9, 9, int(in&0xffff)),
			sw(9, 0, 8),
		}
	}
	const other = codeAt + 0x2000
	for _, c := range []struct {
		name string
		at   uint64 // where the program stores
	}{
		{"block", codeAt + 4*8}, {"kseg1", codeAt + 0x20000000 + 4*8},
		{"page", codeAt + 4*40}, {"other page", other}, {"other page by kseg1", other + 0x20000000},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, Options{})
			p.code(codeAt+4*40, addiu(3, 3, 1), jr(ra), nop)
			p.code(other, addiu(3, 3, 2), jr(ra), nop)
			// Each turn stores another word: addiu v1, v1, s0.
			p.code(codeAt, append(patch(c.at, addiu(3, 3, 0)),
				iw(12, 16, 10, 0x7f), addu(9, 9, 10), sw(9, 0, 8),
				nop, // patched in the first two cases
				nop, nop,
				jal(codeAt+4*40), nop,
				jal(other), nop,
				addiu(16, 16, 1),
				beq(0, 0, -18), nop)...)
			p.runBoth(60_000, 3)
			if p.reg(3) < 10_000 {
				t.Errorf("v1 = %d: the patched code did not run", p.reg(3))
			}
		})
	}
	t.Run("bus master", func(t *testing.T) {
		p := newPair(t, Options{})
		p.code(codeAt, addiu(3, 3, 1), addiu(4, 4, 1), beq(0, 0, -3), nop)
		for i := range 200 {
			p.code(codeAt, addiu(3, 3, i))
			p.runBoth(500, uint64(i))
		}
	})
	t.Run("data beside code", func(t *testing.T) {
		p := newPair(t, Options{})
		p.code(codeAt, lui(8, 0x8000), ori(8, 8, 0x1800), // t0: in the page of the code
			sw(16, 0, 8), lw(9, 0, 8), addu(10, 10, 9), addiu(16, 16, 1), beq(0, 0, -5), nop)
		p.runBoth(50_000, 4)
		if s := p.e.Stats(); s.Dropped > 2 {
			t.Errorf("data stores dropped code %d times", s.Dropped)
		}
	})
}

// TestRemappedCode calls a function at a mapped address whose page is mapped to
// one physical page and to another in turn, by TLB writes and by the ASID.
func TestRemappedCode(t *testing.T) {
	const fn = 0x00400000
	for _, asid := range []bool{false, true} {
		p := newPair(t, Options{})
		p.code(0xffffffff80004000, addiu(3, 3, 1), jr(ra), addiu(4, 4, 1))
		p.code(0xffffffff80005000, addiu(5, 5, 1), jr(ra), addiu(4, 4, 1))
		p.code(0xffffffff80006000, addiu(3, 3, 7), jr(ra), addiu(4, 4, 1))
		if asid {
			p.both(func(b *box) {
				for i, pa := range []uint64{0x4000, 0x5000} {
					b.State().TLB[i] = mips.TLBEntry{Hi: fn | uint64(i), Lo: [2]uint64{pa>>6 | 3<<3 | 6, 0}}
				}
				b.StateChanged()
			})
			p.code(codeAt, lui(8, fn>>16), // t0: function
				iw(12, 16, 9, 1), addu(9, 9, 8), mtc0(9, 10), nop, // EntryHi: ASID s0&1
				jalr(8), nop, jalr(8), nop,
				addiu(16, 16, 1), beq(0, 0, -10), nop)
		} else {
			p.code(codeAt, lui(8, fn>>16), mtc0(8, 10), mtc0(0, 0), mtc0(0, 3),
				// EntryLo0: page 4 + (s0 & 1)
				iw(12, 16, 9, 1), addiu(9, 9, 4), rw(0, 0, 9, 9, 6), ori(9, 9, 0x1e), mtc0(9, 2), tlbwi,
				jalr(8), nop, jalr(8), nop,
				addiu(16, 16, 1), beq(0, 0, -12), nop)
		}
		p.runBoth(100_000, 5)
		if p.reg(3) < 1000 || p.reg(5) < 1000 || p.reg(3)+p.reg(5)-p.reg(4) > 1 {
			t.Errorf("asid %v: %d and %d calls, %d in all", asid, p.reg(3), p.reg(5), p.reg(4))
		}
	}
}

// TestRefillStorm walks more pages than the TLB holds, loading and storing, with
// ASID changes and pages that are clean now and then.
func TestRefillStorm(t *testing.T) {
	p := newPair(t, Options{})
	refill := []uint32{
		mfc0(26, 8), rw(2, 0, 26, 26, 13), // k0 = BadVAddr >> 13
		iw(12, 26, 26, 31), rw(0, 0, 26, 26, 7), addiu(26, 26, 0x1000), // pages from 64 KiB on
		ori(26, 26, 0x1e), mtc0(26, 2), iw(14, 26, 26, 0x40), mtc0(26, 3),
		tlbwr, eret,
	}
	p.code(0xffffffff80000000, refill...)
	p.code(0xffffffff80000180, mfc0(26, 14), addiu(26, 26, 4), mtc0(26, 14), addiu(27, 27, 1), eret)
	p.code(codeAt,
		lui(8, 0x0040), addiu(9, 0, 200),
		lw(10, 0, 8), addu(11, 11, 10), sw(11, 4, 8), iw(0x20, 8, 12, 9), iw(0x28, 8, 12, 3), // lb, sb
		addiu(8, 8, 4096), addiu(9, 9, -1), bne(9, 0, -8), iw(55, 8, 13, -4096), // ld in the slot
		addiu(16, 16, 1), iw(12, 16, 14, 3), mtc0(14, 10), // ASID s0 & 3
		beq(0, 0, -15), nop)
	p.runBoth(600_000, 6)
	if p.reg(16) < 20 {
		t.Errorf("%d turns", p.reg(16))
	}
}

// TestInterruptStorm raises a device's line at random moments; the handler counts
// and acknowledges.
func TestInterruptStorm(t *testing.T) {
	p := newPair(t, Options{})
	raised := [2]int{}
	for i, b := range p.side {
		b.dev.hook = func(write bool, off, v uint64) {
			if write && off == 0x10 {
				b.SetIRQ(3, false)
			}
		}
		_ = i
	}
	p.code(0xffffffff80000180,
		lui(26, 0xbe00), sw(0, 0x10, 26), addiu(27, 27, 1), // k1 counts
		mfc0(26, 13), iw(12, 26, 26, 0x7c), addu(28, 28, 26), eret)
	p.code(codeAt,
		addiu(8, 8, 1), iw(12, 8, 9, 15), bne(9, 0, -3), addu(10, 10, 9),
		jal(codeAt+4*20), addiu(11, 11, 1),
		mfc0(12, 12), iw(14, 12, 13, 1), mtc0(13, 12), addiu(14, 14, 1), mtc0(12, 12), // IE off, on
		beq(0, 0, -12), nop)
	p.code(codeAt+4*20, jr(ra), addiu(15, 15, 1))
	p.both(func(b *box) {
		b.State().CP0.Status |= mips.StatusIE | mips.StatusIM
		b.StateChanged()
	})
	r := rand.New(rand.NewPCG(9, 9))
	for range 4000 {
		if r.IntN(2) == 0 {
			for i, b := range p.side {
				if b.State().Lines&(1<<11) == 0 {
					b.SetIRQ(3, true)
					raised[i]++
				}
			}
		}
		if _, err := p.run(1 + r.IntN(200)); err != nil {
			t.Fatal(err)
		}
	}
	if got := int(p.reg(27)); got < raised[1]-1 || got > raised[1] || raised[1] < 1000 {
		t.Errorf("%d interrupts taken, %d raised", got, raised[1])
	}
	if p.reg(28) != 0 {
		t.Errorf("the handler saw exceptions that are no interrupts")
	}
}

// tortureProgram loads, stores, calls, reads a device, has exceptions and patches
// itself.
func tortureProgram(b *box) {
	b.poke(0xffffffff80000180, mfc0(26, 14), addiu(26, 26, 4), mtc0(26, 14), addiu(27, 27, 1), eret)
	b.poke(codeAt,
		lui(8, 0x8001), addiu(9, 0, 1000),
		lw(10, 0, 8), addu(11, 11, 10), addu(11, 11, 9), sw(11, 0, 8), iw(0x29, 8, 11, 6), // sh
		addiu(8, 8, 8), addiu(9, 9, -1), bne(9, 0, -8), nop,
		jal(codeAt+4*30), nop,
		0x0000000c,                                                  // syscall
		lui(14, codeAt>>16&0xffff), ori(14, 14, codeAt&0xffff+4*33), // the last word of the function
		iw(0x28, 14, 16, 3), // sb s0: its immediate
		addiu(16, 16, 1), beq(0, 0, -19), nop)
	b.poke(codeAt+4*30, lui(12, 0xbe00), lw(13, 0, 12), addu(11, 11, 13), addiu(15, 15, 0), jr(ra), nop)
}

// TestRuntimeTorture runs guests on several processors while the collector, the
// profiler, stack dumps and signals interrupt them all the time; the results
// must be those of the interpreter. -torture says for how long.
func TestRuntimeTorture(t *testing.T) {
	const total = 20_000_000
	want := newBox(t)
	tortureProgram(want)
	for want.Instructions() < total {
		want.Run(20000)
	}
	if s := want.State(); s.GPR[15] < 1000 || s.GPR[27] < 1000 {
		t.Fatalf("the program does not do what it should: %d patched additions, %d exceptions", s.GPR[15], s.GPR[27])
	}
	for _, c := range []struct {
		name            string
		procs, machines int
	}{{"1 processor", 1, 4}, {"2 processors", 2, 4}, {"64 processors", 64, 4}, {"50 machines", runtime.NumCPU(), 50}} {
		t.Run(c.name, func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(c.procs))
			torture(t, c.machines, want, total)
		})
	}
}

// torture has machines run at the same time until each has executed total
// instructions, again and again while there is time.
func torture(t *testing.T, machines int, want *box, total uint64) {
	defer debug.SetGCPercent(debug.SetGCPercent(1))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var sink atomic.Pointer[[]byte]
	busy := func(fn func()) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				select {
				case <-stop:
					return
				default:
					fn()
				}
			}
		}()
	}
	busy(func() { b := make([]byte, 64<<10); sink.Store(&b); time.Sleep(10 * time.Microsecond) })
	busy(func() { runtime.GC(); time.Sleep(time.Millisecond) })
	busy(func() {
		buf := make([]byte, 64<<10)
		runtime.Stack(buf, true)
		time.Sleep(2 * time.Millisecond)
	})
	busy(func() { _ = syscall.Kill(os.Getpid(), syscall.SIGURG); time.Sleep(50 * time.Microsecond) })
	f, err := os.Create(t.TempDir() + "/profile")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := pprof.StartCPUProfile(f); err == nil {
		defer pprof.StopCPUProfile()
	}
	var ms runtime.MemStats
	runtime.ReadMemStats(&ms)
	cycles := ms.NumGC
	for begin := time.Now(); time.Since(begin) < *tortureFor && !t.Failed(); {
		var cpus sync.WaitGroup
		for range machines {
			cpus.Add(1)
			go func() {
				defer cpus.Done()
				b := newBox(t)
				tortureProgram(b)
				e, err := New(b.CPU, Options{Exact: true, SharedRAM: true})
				if err != nil {
					t.Error(err)
					return
				}
				defer e.Close()
				for runs := 1; b.Instructions() < total; runs++ {
					b.Run(20000)
					if runs%64 == 0 { // translate anew, and fault anew
						e.MapChanged()
					}
				}
				x, y := b.State(), want.State()
				if x.Retired != y.Retired || x.GPR != y.GPR || !bytes.Equal(b.ram, want.ram) {
					t.Errorf("wrong result: %s", differ(y, x))
				}
			}()
		}
		cpus.Wait()
	}
	runtime.ReadMemStats(&ms)
	close(stop)
	wg.Wait()
	t.Logf("%d collections", ms.NumGC-cycles)
	if ms.NumGC == cycles {
		t.Error("the collector did not run")
	}
}

// TestResetWithinAccess has a device reset the processor, in a delay slot and
// elsewhere.
func TestResetWithinAccess(t *testing.T) {
	for _, slot := range []bool{false, true} {
		p := newPair(t, Options{})
		for _, b := range p.side {
			n := 0
			b.dev.hook = func(write bool, off, v uint64) {
				if n++; write && n%3 == 0 {
					b.Reset()
				}
			}
		}
		program := []uint32{lui(8, 0xbe00), addiu(9, 9, 1), sw(9, 0, 8), beq(0, 0, -3), nop}
		if slot {
			program = []uint32{lui(8, 0xbe00), addiu(9, 9, 1), beq(0, 0, -2), sw(9, 0, 8)}
		}
		p.both(func(b *box) {
			rom := b.m.Find(0x1fc00000, true)
			for i, w := range program {
				binary.BigEndian.PutUint32(rom.RAM[4*i:], w)
			}
			b.Reset()
		})
		p.runBoth(5000, 8)
	}
}
