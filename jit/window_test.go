//go:build linux && amd64

package jit

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"unsafe"

	"dynemu/vm/mem"
)

// windowPair is a pair that must have the window.
func windowPair(t *testing.T) *pair {
	t.Helper()
	p := newPair(t, Options{})
	if p.e.win == nil || len(p.e.win.spans) == 0 {
		t.Fatal("there is no window")
	}
	return p
}

// faults tells how often generated code has faulted so far.
func (p *pair) faults() uint64 { return p.e.stats.Exits[exitFault] }

// TestWindowFaults has one load and one store that at first go to memory and then
// elsewhere: to a device, to nothing, to a page with code, to a mapped address.
func TestWindowFaults(t *testing.T) {
	for _, c := range []struct {
		name   string
		second uint32 // where they go the second time
		faults uint64
	}{
		{"memory", 0x80012000, 0},
		{"device", 0xbe000000, 2},
		{"nothing", 0x9f000000, 2},
		{"uncached memory", 0xa0012000, 1},
		{"code", 0x80001800, 1},
		{"mapped", 0x00400000, 1},
		{"unaligned", 0x80012002, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := windowPair(t)
			p.both(func(b *box) { b.State().GPR[8] = dataAt; b.State().GPR[9] = sext(uint64(c.second)) })
			p.code(codeAt,
				0x8d0a0000, // lw t2, 0(t0)
				0x254a0001, // addiu t2, t2, 1
				0xad0a0004, // sw t2, 4(t0)
				0x1480fffc, // bne a0, zero, -4: the second time
				0x24840001, // addiu a0, a0, 1
				0x01204025, // move t0, t1
				0x1000fff9, // b start
				0x24840001, // addiu a0, a0, 1
			)
			p.both(func(b *box) { b.poke(0xffffffff80000180, 0x42000018) })
			p.runBoth(400, 7)
			if got := p.faults(); got < c.faults || got > 2 {
				t.Errorf("%d faults, want %d", got, c.faults)
			}
		})
	}
}

// TestWindowMapped has a page of the TLB, of several sizes, shown in the window, and
// moved, taken the right to write, and made local while it is.
func TestWindowMapped(t *testing.T) {
	const (
		at         = 0x60000000
		valid      = 1<<1 | 3<<3 // cached
		dirty      = 1 << 2
		global     = 1
		tlbwi      = 0x42000002
		mtc0Lo0    = 0x40911000 // mtc0 s1, EntryLo0
		entry      = 3
		pa0, pa1   = 0x40000, 0x80000
		lo         = pa0>>6 | valid | dirty | global
		difference = pa0 ^ pa1
	)
	for _, c := range []struct {
		name   string
		size   uint32 // of a page
		flip   uint64 // what changes in EntryLo0 after some turns
		g      uint64 // of EntryLo1
		shown  bool
		faults uint64
	}{
		{"fixed", 64 << 10, 0, global, true, 1},
		{"large", 256 << 10, 0, global, true, 1},
		{"small", 16 << 10, 0, global, false, 2},
		{"moved", 64 << 10, difference >> 6, global, false, maxShown + 3},
		{"clean", 64 << 10, dirty, global, false, maxShown + 3},
		{"local", 64 << 10, 0, 0, false, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := windowPair(t)
			p.both(func(b *box) {
				s := b.State()
				s.GPR[8], s.GPR[17], s.GPR[18] = at, lo, c.flip
				s.CP0.Index, s.CP0.PageMask, s.CP0.EntryHi = entry, c.size*2-0x2000, at
				s.CP0.EntryLo0, s.CP0.EntryLo1 = lo&^1|c.g, c.g
				b.poke(0xffffffff80000180, 0x401a7000, 0x275a0004, 0x409a7000, 0, 0x42000018) // skip what is refused
			})
			p.code(codeAt,
				mtc0Lo0,
				0,
				tlbwi,
				0x8d0a0000, // lw t2, 0(t0)
				0x254a0001, // addiu t2, t2, 1
				0xad0a0000, // sw t2, 0(t0)
				0x24a50001, // addiu a1, a1, 1
				0x30a60007, // andi a2, a1, 7
				0x14c0fffa, // bne a2, zero, the load
				0x00000000,
				0x1000fff5, // b start
				0x02328826, // xor s1, s1, s2
			)
			p.runBoth(4000, 3)
			if shown := p.e.win.at(at) != nil; shown != c.shown {
				t.Errorf("in the window: %v, want %v", shown, c.shown)
			}
			if n := p.faults(); n == 0 || n > c.faults {
				t.Errorf("%d faults, want %d", n, c.faults)
			}
		})
	}
}

// TestWindowWatched has the page of a store watched while it runs, and given back.
func TestWindowWatched(t *testing.T) {
	p := windowPair(t)
	p.both(func(b *box) { b.State().GPR[8] = dataAt })
	p.code(codeAt,
		0xad0a0000, // sw t2, 0(t0)
		0x1000fffe, // b start
		0x254a0001, // addiu t2, t2, 1
	)
	p.runBoth(3000, 1)
	if p.faults() != 0 {
		t.Fatalf("%d faults before the page was watched", p.faults())
	}
	var told [2]int
	cancel := [2]func(){}
	for i, b := range p.side {
		cancel[i] = b.m.Watch(dataAt&0x1fffffff, func(pa, n uint64) { told[i]++ })
	}
	p.runBoth(3000, 1)
	if p.faults() != 1 || told[0] < 1000 || told[1] != told[0] {
		t.Errorf("%d faults, %v writes seen", p.faults(), told)
	}
	seen := told
	for _, fn := range cancel {
		fn()
	}
	p.runBoth(3000, 1)
	if told != seen {
		t.Errorf("%v writes seen after the watch ended", told)
	}
}

// TestWindowFollowsMap has the guest read through the window while the board
// changes what is there.
func TestWindowFollowsMap(t *testing.T) {
	p := windowPair(t)
	p.both(func(b *box) { b.State().GPR[8] = dataAt })
	p.code(codeAt,
		0x8d0a0000, // lw t2, 0(t0)
		0x1000fffe, // b start
		0x016a5821, // addu t3, t3, t2
	)
	p.both(func(b *box) { b.m.Write32(dataAt&0x1fffffff, 7) })
	p.runBoth(300, 1)
	var over [2]*mem.Region
	for i, b := range p.side {
		over[i] = &mem.Region{Name: "over", Base: dataAt & 0x1fffffff, Len: 16, Dev: b.dev, Cacheable: true}
		if err := b.m.Add(over[i]); err != nil {
			t.Fatal(err)
		}
	}
	p.runBoth(300, 1)
	if p.side[1].dev.n == 0 {
		t.Error("the device laid over the memory was not asked")
	}
	asked := p.side[1].dev.n
	for i, b := range p.side {
		b.m.Remove(over[i])
	}
	p.runBoth(300, 1)
	if p.side[1].dev.n != asked {
		t.Error("the device was asked after it was removed")
	}
	p.both(func(b *box) { b.m.Remove(b.m.Find(0, true)) })
	p.runBoth(30, 1)
}

// TestGoFaults checks that faults of Go code still are what they were: a nil
// pointer panics, a wild one ends the process with a traceback.
func TestGoFaults(t *testing.T) {
	windowPair(t)
	func() {
		defer func() {
			if err := recover(); err == nil || !strings.Contains(err.(error).Error(), "nil pointer") {
				t.Errorf("a nil pointer gave %v", err)
			}
		}()
		var p *pair
		p.t.Error(p.e)
	}()
	if os.Getenv("DYNEMU_WILD") != "" {
		wild := uintptr(0x123456789000)
		_ = **(**byte)(unsafe.Pointer(&wild))
		t.Fatal("read from nowhere")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestGoFaults$")
	cmd.Env = append(os.Environ(), "DYNEMU_WILD=1")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "unexpected fault address") || !strings.Contains(string(out), "TestGoFaults") {
		t.Errorf("a wild pointer: %v\n%s", err, out)
	}
}
