package c7200

import (
	"bytes"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"dynemu/vm/chip/ds1620"
	"dynemu/vm/chip/nvram"
	"dynemu/vm/event"
)

// line is a terminal.
type line struct {
	typed, out string
	notify     func()
}

func (l *line) WriteByte(b byte) error { l.out += string(rune(b)); return nil }
func (l *line) Waiting() bool          { return l.typed != "" }
func (l *line) Notify(fn func())       { l.notify = fn }
func (l *line) Get() (byte, bool) {
	if l.typed == "" {
		return 0, false
	}
	b := l.typed[0]
	l.typed = l.typed[1:]
	return b, true
}

func (l *line) key(s string) {
	l.typed += s
	for range s {
		l.notify()
	}
}

// guest is a board as a guest's driver sees it: uncached accesses to physical
// addresses.
type guest struct {
	*Board
	t            *testing.T
	console, aux *line
	now          int64
	saves        [][]byte
	logged       []string
}

var testMAC = [6]byte{0xCA, 0x00, 0x6F, 0xDB, 0x00, 0x00}

func params(t *testing.T) Params {
	return Params{
		RAMMiB: 32, NVRAMKiB: 128, ConfReg: 0x2102, MAC: testMAC,
		AllocRAM: func(n int) ([]byte, error) {
			b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
			if err == nil {
				t.Cleanup(func() { _ = unix.Munmap(b) })
			}
			return b, err
		},
		Now: func() time.Time { return time.Date(2026, 11, 24, 12, 59, 7, 0, time.UTC) },
	}
}

func newGuest(t *testing.T, change func(*Params)) *guest {
	t.Helper()
	g := &guest{t: t, console: &line{}, aux: &line{}}
	p := params(t)
	p.Console, p.AUX = g.console, g.aux
	p.SaveNVRAM = func(c []byte) { g.saves = append(g.saves, bytes.Clone(c)) }
	p.Log = func(module, text string) { g.logged = append(g.logged, module+": "+text) }
	if change != nil {
		change(&p)
	}
	var attention atomic.Uint32
	loop := event.NewWithSource(&attention, func() int64 { return g.now })
	var err error
	if g.Board, err = New(p, loop, &attention); err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *guest) pass(d time.Duration) {
	g.now += int64(d)
	g.loop.RunPending()
}

func (g *guest) read(pa uint64, size int) uint64 {
	r := g.mem.Find(pa, false)
	switch {
	case r == nil:
		return 0
	case r.Dev != nil:
		v := r.Dev.Read(pa-r.Base, size)
		if size < 8 {
			v &= 1<<(8*size) - 1
		}
		return v
	}
	var v uint64
	for _, b := range r.RAM[pa-r.Base:][:size] {
		v = v<<8 | uint64(b)
	}
	return v
}

func (g *guest) write(pa uint64, size int, v uint64) {
	r := g.mem.Find(pa, false)
	if r != nil && r.Dev != nil {
		r.Dev.Write(pa-r.Base, size, v)
		return
	}
	p := make([]byte, size)
	for i := range p {
		p[i] = byte(v >> (8 * (size - 1 - i)))
	}
	g.mem.WriteAt(pa, p)
}

func (g *guest) get(pa uint64) uint32    { return uint32(g.read(pa, 4)) }
func (g *guest) put(pa uint64, v uint32) { g.write(pa, 4, uint64(v)) }

// gt and setGT access a system controller's register, byte-reversed.
func (g *guest) gt(off uint64) uint32 { return bits.ReverseBytes32(g.get(addrController + off)) }
func (g *guest) setGT(off uint64, v uint32) {
	g.put(addrController+off, bits.ReverseBytes32(v))
}

// irq reports the level of a CPU interrupt line.
func (g *guest) irq(n int) bool { return g.cpu.State().Lines>>(8+n)&1 != 0 }

func (g *guest) wantIRQ(what string, n int, want bool) {
	g.t.Helper()
	if got := g.irq(n); got != want {
		g.t.Errorf("%s: IRQ %d is %t", what, n, got)
	}
}

const (
	mp  = addrMPFPGA
	iof = addrIOFPGA
)

// Section 18 checks 1, 15 and 19; the map of section 2.1.
func TestMap(t *testing.T) {
	g := newGuest(t, func(p *Params) { p.RAMMiB = 256 })
	for _, c := range []struct {
		name      string
		base, len uint64
		cacheable bool
	}{
		{"ram", 0, 256 * mib, true},
		{"gt", 0x14000000, 0x1000, false},
		{"remote", 0x16000000, 0x1000, false},
		{"nvram", 0x1E000000, 0x20000, false},
		{"mp_fpga", 0x1E800000, 0x1000, false},
		{"io_fpga", 0x1E840000, 0x1000, false},
		{"zero", 0x1F000000, 0xC00000, false},
		{"rom", 0x1FC00000, 0x400000, true},
		{"mem_bswap", 0xC0000000, 0x40000000, false},
		{"pci_io", 0x1_00000000, 0x200000, false},
	} {
		for _, pa := range []uint64{c.base, c.base + c.len - 1} {
			r := g.mem.Find(pa, false)
			if r == nil || r.Name != c.name || r.Base != c.base || r.Len != c.len {
				t.Errorf("%#x: %+v, want %s", pa, r, c.name)
				continue
			}
			if got := g.mem.Find(pa, true) != nil; got != c.cacheable {
				t.Errorf("%s: answers cached accesses: %t", c.name, got)
			}
		}
	}
	for _, pa := range []uint64{0x10000000, 0x15000000, 0x1A000000, 0x20000000, 0x30000000, 0x4B000000, 0x1_4B000000} {
		if r := g.mem.Find(pa, false); r != nil {
			t.Errorf("%#x belongs to %s", pa, r.Name)
		}
		g.put(pa, 0x12345678)
		if got := g.get(pa); got != 0 {
			t.Errorf("undefined %#x reads %#x", pa, got)
		}
	}
	g.put(0x1F000100, 5)
	g.put(0x1_00000400, 5)
	if g.get(0x1F000100) != 0 || g.get(0x1_00000400) != 0 {
		t.Error("zero window or PCI I/O keeps a value")
	}
	first := g.get(0x1FC00000)
	g.put(0x1FC00000, ^first)
	if got := g.get(0x1FC00000); got != first || first == 0 {
		t.Errorf("ROM: first word %#x, after a write %#x", first, got)
	}
}

func TestRAMSizes(t *testing.T) {
	for _, c := range []struct {
		npe                   string
		ramMiB, main, ioMem   int
		logged                bool
		wantErr               string
		remoteMain, remoteIOM uint32
	}{
		{npe: "npe-400", ramMiB: 128, main: 128},
		{npe: "npe-400", ramMiB: 256, main: 256},
		{npe: "npe-400", ramMiB: 320, main: 256, ioMem: 64},
		{npe: "npe-400", ramMiB: 512, main: 256, ioMem: 256},
		{npe: "npe-400", ramMiB: 1024, main: 256, ioMem: 256, logged: true},
		{npe: "npe-300", ramMiB: 128, main: 128, ioMem: 32},
		{npe: "npe-200", ramMiB: 512, main: 256, logged: true},
		{npe: "npe-400", ramMiB: 0, wantErr: "1 to 512"},
		{npe: "npe-200", ramMiB: -1, wantErr: "1 to 256"},
	} {
		var lines []string
		p := params(t)
		p.NPE, p.RAMMiB = c.npe, c.ramMiB
		p.Log = func(_, text string) { lines = append(lines, text) }
		var attention atomic.Uint32
		b, err := New(p, event.New(&attention), &attention)
		if c.wantErr != "" {
			if err == nil || !strings.Contains(err.Error(), c.wantErr) {
				t.Errorf("%s, %d MiB: %v", c.npe, c.ramMiB, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		g := &guest{Board: b, t: t}
		if got := g.get(addrRemote + 0x14); got != uint32(c.main) {
			t.Errorf("%s, %d MiB: main memory %d", c.npe, c.ramMiB, got)
		}
		if got := g.get(addrRemote + 0x20); got != uint32(c.ioMem) {
			t.Errorf("%s, %d MiB: I/O memory %d", c.npe, c.ramMiB, got)
		}
		if r := g.mem.Find(0, true); r.Len != uint64(c.main)*mib {
			t.Errorf("%s, %d MiB: RAM of %#x", c.npe, c.ramMiB, r.Len)
		}
		r := g.mem.Find(0x20000000, true)
		if (r != nil) != (c.ioMem > 0) || r != nil && r.Len != uint64(c.ioMem)*mib {
			t.Errorf("%s, %d MiB: I/O memory region %+v", c.npe, c.ramMiB, r)
		}
		if (len(lines) > 0) != c.logged {
			t.Errorf("%s, %d MiB: log %q", c.npe, c.ramMiB, lines)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(*Params)
		want   []string
	}{
		{"unknown NPE", func(p *Params) { p.NPE = "npe-500" }, []string{`"npe-500"`, "npe-100", "npe-400"}},
		{"NPE-G1", func(p *Params) { p.NPE = "npe-g1" }, []string{`"npe-g1" is not emulated`, "npe-400"}},
		{"NPE-G2", func(p *Params) { p.NPE = "npe-g2" }, []string{`"npe-g2" is not emulated`, "npe-400"}},
		{"unknown midplane", func(p *Params) { p.Midplane = "vrx" }, []string{`"vrx"`, "std", "vxr"}},
		{"NVRAM too small", func(p *Params) { p.NVRAMKiB = 3 }, []string{"3 KiB", "4 to 8191"}},
		{"NVRAM too large", func(p *Params) { p.NVRAMKiB = 8192 }, []string{"8192 KiB", "4 to 8191"}},
		{"port adapter in slot 0", func(p *Params) { p.Slots = []string{"PA-FE-TX"} }, []string{"slot 0", "PA-FE-TX"}},
		{"I/O card in slot 1", func(p *Params) { p.Slots = []string{"", "C7200-IO-FE"} }, []string{"slot 1", "C7200-IO-FE"}},
		{"unknown card", func(p *Params) { p.Slots = []string{"", "", "PA-9T"} }, []string{"slot 2", "PA-9T"}},
		{"slot 7", func(p *Params) { p.Slots = []string{7: "PA-8T"} }, []string{"slot 7", "0 to 6"}},
		{"no memory", func(p *Params) {
			p.AllocRAM = func(int) ([]byte, error) { return nil, fmt.Errorf("out of memory") }
		}, []string{"out of memory", "32 MiB"}},
	} {
		p := params(t)
		c.change(&p)
		var attention atomic.Uint32
		_, err := New(p, event.New(&attention), &attention)
		if err == nil {
			t.Errorf("%s: accepted", c.what)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q does not say %q", c.what, err, w)
			}
		}
	}
}

func TestRemote(t *testing.T) {
	g := newGuest(t, func(p *Params) { p.RAMMiB = 256 })
	g.SetEntry(0x80008000)
	for off, want := range map[uint64]uint32{
		0x00: 0x1E94B3DF, 0x14: 0x100, 0x18: 4, 0x1C: 0x80, 0x20: 0, 0x24: 0x2142, 0x28: 0x80008000, 0x2C: 0x19, 0x44: 0xBE000000,
	} {
		if got := g.get(addrRemote + off); got != want {
			t.Errorf("%#x: %#x, want %#x", off, got, want)
		}
	}
	for _, c := range "ok" {
		g.put(addrRemote+0x40, uint32(c))
	}
	if g.console.out != "ok" {
		t.Errorf("console %q", g.console.out)
	}
	off, reload := 0, 0
	g.OnPowerOff(func() { off++ })
	g.OnReload(func() { reload++ })
	g.put(addrRemote+0x34, 0)
	g.put(addrRemote+0x5C, 0)
	if off != 1 || reload != 1 {
		t.Errorf("power off %d, reload %d", off, reload)
	}
}

// Check 1: blank NVRAM sets bit 6 of the register in force.
func TestConfReg(t *testing.T) {
	content := make([]byte, 128<<10)
	if err := nvram.WriteConfigs(content, nvram.C7200, []byte("hostname R1\n"), nil); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		nvram []byte
		want  uint32
	}{{nil, 0x2142}, {make([]byte, 128<<10), 0x2142}, {content, 0x2102}, {content[:0x900], 0x2102}} {
		g := newGuest(t, func(p *Params) { p.NVRAM = c.nvram })
		if got := g.get(addrRemote + 0x24); got != c.want {
			t.Errorf("%d bytes of NVRAM: %#x, want %#x", len(c.nvram), got, c.want)
		}
	}
	g := newGuest(t, nil)
	g.SetConfReg(0x2100)
	if got := g.get(addrRemote + 0x24); got != 0x2100 {
		t.Errorf("set: %#x", got)
	}
	g.put(addrNVRAM+0x80, 0x494F5300)
	g.Reset()
	if got := g.get(addrRemote + 0x24); got != 0x2100 {
		t.Errorf("after reset: %#x", got)
	}
}

func TestNVRAM(t *testing.T) {
	g := newGuest(t, nil)
	g.put(addrNVRAM+0x100, 0x01020304)
	g.write(addrNVRAM+0x1FFFF, 1, 0x55)
	if got := g.read(addrNVRAM+0x101, 1); got != 2 {
		t.Errorf("byte %#x", got)
	}
	g.pass(time.Second)
	if len(g.saves) != 1 || g.saves[0][0x103] != 4 || g.saves[0][0x1FFFF] != 0x55 || len(g.saves[0]) != 0x20000 {
		t.Fatalf("%d saves", len(g.saves))
	}
	g.put(addrNVRAM+0x100, 5)
	g.Reset()
	if g.get(addrNVRAM+0x100) != 5 {
		t.Error("reset lost NVRAM")
	}
	g.Flush()
	if len(g.saves) != 2 {
		t.Errorf("%d saves after Flush", len(g.saves))
	}
	if err := g.SetNVRAM(make([]byte, 5)); err == nil {
		t.Error("wrong size accepted")
	}
	if err := g.SetNVRAM(make([]byte, 0x20000)); err != nil || g.get(addrNVRAM+0x100) != 0 {
		t.Errorf("SetNVRAM: %v", err)
	}
	// The calendar, opened through byte 3.
	for i := range 64 {
		g.write(addrNVRAM+3, 1, uint64(0x5CA33AC55CA33AC5)>>i&1)
	}
	var v uint64
	for i := range 64 {
		v |= g.read(addrNVRAM+3, 1) & 1 << i
	}
	if v != 0x2611240212590700 {
		t.Errorf("calendar %016x", v)
	}
}

// Check 2, on every NPE.
func TestSystemController(t *testing.T) {
	for _, c := range []struct {
		npe        string
		dram, id   uint32
		idOnRoot1  uint32
		controller int
	}{
		{"npe-100", 0x080, 0x014611AB, 0, 1}, {"npe-150", 0x080, 0x014611AB, 0, 1}, {"npe-200", 0x080, 0x014611AB, 0, 1},
		{"npe-175", 0x100, 0x462011AB, 0xFFFFFFFF, 1}, {"npe-225", 0x100, 0x462011AB, 0xFFFFFFFF, 1},
		{"npe-300", 0x100, 0x462011AB, 0xFFFFFFFF, 2}, {"npe-400", 0x100, 0x462011AB, 0xFFFFFFFF, 1},
	} {
		g := newGuest(t, func(p *Params) { p.NPE, p.RAMMiB = c.npe, 32 })
		if got := g.gt(0x018); got != c.dram {
			t.Errorf("%s: RAS[3:2] low %#x", c.npe, got)
		}
		g.setGT(0xCF8, 0x80000000)
		if got := g.gt(0xCFC); got != c.id {
			t.Errorf("%s: ID %#x", c.npe, got)
		}
		g.setGT(0xCF0, 0x80000000)
		if got := g.gt(0xCF4); got != c.idOnRoot1 {
			t.Errorf("%s: device 0 of root 1 %#x", c.npe, got)
		}
		second := bits.ReverseBytes32(g.get(addrController2 + 0xC00))
		if got := second == 0x8001; got != (c.controller == 2) {
			t.Errorf("%s: second controller's PCI command %#x", c.npe, second)
		}
		if c.controller == 2 { // the address latch belongs to the bus
			g.setGT(0xCF8, 0x80000008)
			if got := bits.ReverseBytes32(g.get(addrController2 + 0xCFC)); got != 0x03008005 {
				t.Errorf("%s: class through the second controller %#x", c.npe, got)
			}
		}
	}
}

// found is a PCI function as a scan lists it.
type found struct {
	root, bus, device int
	id                uint32
}

// scan is a guest's depth-first scan of a root: every bridge gets the next bus
// number, and a subordinate number that is closed when its buses are known.
func (g *guest) scan(root int) (list []found) {
	addr, data := uint64(0xCF8), uint64(0xCFC)
	if root == 1 {
		addr, data = 0xCF0, 0xCF4
	}
	get := func(bus, dev, reg int) uint32 {
		g.setGT(addr, 1<<31|uint32(bus)<<16|uint32(dev)<<11|uint32(reg))
		return g.gt(data)
	}
	set := func(bus, dev, reg int, v uint32) {
		g.setGT(addr, 1<<31|uint32(bus)<<16|uint32(dev)<<11|uint32(reg))
		g.setGT(data, v)
	}
	next := 1
	var walk func(bus int)
	walk = func(bus int) {
		for dev := range 32 {
			id := get(bus, dev, 0)
			if id == 0xFFFFFFFF {
				continue
			}
			list = append(list, found{root, bus, dev, id})
			if get(bus, dev, 8)>>16 != 0x0604 {
				continue
			}
			sec := next
			next++
			set(bus, dev, 0x18, uint32(bus)|uint32(sec)<<8|0xFF<<16)
			walk(sec)
			set(bus, dev, 0x18, uint32(bus)|uint32(sec)<<8|uint32(next-1)<<16)
		}
	}
	walk(0)
	return list
}

const (
	d21050 = 0x00011011
	d21150 = 0x00231011
	d21140 = 0x00091011
	mux    = 0x00011137
	sram   = 0x00051137
	clpd   = 0x11001013
)

// Check 3: the tables of 5.5, with PA-FE-TX in bay 1, PA-8T in bay 2, and PA-4T+
// in bay 6.
func TestPCIScan(t *testing.T) {
	slots := []string{"", "PA-FE-TX", "PA-8T", "", "", "", "PA-4T+"}
	gt010 := func(bay uint32, withSRAM bool) []found {
		l := []found{
			{0, 0, 0, 0x014611AB}, {0, 0, 1, d21050}, {0, 0, 2, d21050},
			{0, 2, 0, sram}, {0, 2, 1, bay}, {0, 3, 0, d21140}, {0, 2, 2, bay}, {0, 2, 3, bay},
			{0, 0, 3, d21050}, {0, 0, 4, d21050},
			{0, 7, 0, sram}, {0, 7, 1, bay}, {0, 8, 0, mux}, {0, 8, 1, mux}, {0, 7, 2, bay}, {0, 7, 3, bay}, {0, 10, 0, mux},
			{0, 0, 5, clpd}, {0, 0, 6, d21140},
		}
		if !withSRAM {
			l = slices.DeleteFunc(l, func(f found) bool { return f.id == sram })
		}
		return l
	}
	gt120 := func(head, bay uint32) []found {
		return []found{
			{0, 0, 0, 0x462011AB}, {0, 0, 1, head}, {0, 1, 0, d21140},
			{0, 0, 7, bay}, {0, 2, 0, d21140}, {0, 0, 8, bay}, {0, 0, 9, bay},
			{1, 0, 7, bay}, {1, 1, 0, mux}, {1, 1, 1, mux}, {1, 0, 8, bay}, {1, 0, 9, bay}, {1, 3, 0, mux},
		}
	}
	npe300 := func(bay uint32) []found {
		return []found{
			{0, 0, 0, 0x462011AB}, {0, 0, 1, d21150}, {0, 1, 0, d21140},
			{0, 0, 2, d21150}, {0, 2, 1, bay}, {0, 3, 0, d21140}, {0, 2, 2, bay}, {0, 2, 3, bay},
			{1, 0, 1, d21150}, {1, 1, 1, bay}, {1, 2, 0, mux}, {1, 2, 1, mux}, {1, 1, 2, bay}, {1, 1, 3, bay}, {1, 4, 0, mux},
		}
	}
	for midplane, bay := range map[string]uint32{"std": d21050, "vxr": d21150} {
		for npe, want := range map[string][]found{
			"npe-100": gt010(bay, false), "npe-150": gt010(bay, true), "npe-200": gt010(bay, true),
			"npe-175": gt120(d21150, bay), "npe-225": gt120(d21150, bay), "npe-400": gt120(d21050, bay),
			"npe-300": npe300(bay),
		} {
			g := newGuest(t, func(p *Params) { p.NPE, p.Midplane, p.RAMMiB, p.Slots = npe, midplane, 32, slots })
			got := g.scan(0)
			if len(want) > 0 && slices.ContainsFunc(want, func(f found) bool { return f.root == 1 }) {
				got = append(got, g.scan(1)...)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s, %s:\n got %x\nwant %x", npe, midplane, got, want)
			}
			g.Reset() // nothing behind a bridge is reachable again
			g.setGT(0xCF8, 0x80010000)
			if id := g.gt(0xCFC); id != 0xFFFFFFFF {
				t.Errorf("%s: bus 1 answers %#x after reset", npe, id)
			}
		}
	}
}

// The PCMCIA controller behind the bridge that is no PCI function.
func TestHiddenBus(t *testing.T) {
	for _, npe := range []string{"npe-175", "npe-225", "npe-300", "npe-400"} {
		g := newGuest(t, func(p *Params) { p.NPE, p.RAMMiB = npe, 32 })
		id := func(addr uint32) uint32 { g.setGT(0xCF8, addr); return g.gt(0xCFC) }
		if got := id(0x80028000); got != 0xFFFFFFFF {
			t.Errorf("%s: bus 2 device 16 before programming %#x", npe, got)
		}
		id(0x80000818) // bus 0 device 1 register 0x18
		g.setGT(0xCFC, 0x00020100)
		if got := id(0x80010000); got != 0x00091011 {
			t.Errorf("%s: bus 1 device 0 %#x", npe, got)
		}
		if got := id(0x80028000); got != 0x11001013 {
			t.Errorf("%s: bus 2 device 16 %#x", npe, got)
		}
	}
}

// Check 4: the record of 4.4 on the board, with IRQ 4, between RAM and I/O
// memory and through the byte-swapped window.
func TestDMA(t *testing.T) {
	for _, c := range []struct {
		what     string
		src, dst uint64
		swapped  bool
	}{
		{"RAM to RAM", 0x301000, 0x302000, false},
		{"RAM to I/O memory", 0x301000, 0x20001000, false},
		{"I/O memory to RAM", 0x20001000, 0x301000, false},
		{"RAM to the byte-swapped window", 0x301000, 0xC0302000, true},
	} {
		g := newGuest(t, func(p *Params) { p.RAMMiB = 260 })
		for i := range uint64(8) {
			g.put(c.src+4*i, uint32(0x11223344*(i+1)))
		}
		for i, v := range []uint32{32, uint32(c.src), uint32(c.dst), 0} {
			g.put(0x300000+4*uint64(i), bits.ReverseBytes32(v))
		}
		g.setGT(0xC1C, 0x10)
		g.setGT(0x830, 0x300000)
		g.setGT(0x840, 0x3000)
		if got := g.gt(0x840); got != 0x1000 {
			t.Errorf("%s: control %#x", c.what, got)
		}
		dst := c.dst
		if c.swapped {
			dst -= addrSwapped
		}
		for i := range uint64(8) {
			want := uint32(0x11223344 * (i + 1))
			if c.swapped {
				want = bits.ReverseBytes32(want)
			}
			if got := g.get(dst + 4*i); got != want {
				t.Errorf("%s: word %d %#x, want %#x", c.what, i, got, want)
			}
		}
		if got := g.get(dst + 32); got != 0 {
			t.Errorf("%s: byte 32 copied too", c.what)
		}
		g.wantIRQ(c.what, irqController, true)
		g.setGT(0xC18, 0xFFFFFFEF)
		g.wantIRQ("cause cleared", irqController, false)
	}
}

// Check 5.
func TestByteSwap(t *testing.T) {
	g := newGuest(t, func(p *Params) { p.RAMMiB = 260 })
	for _, base := range []uint64{0x300000, 0x20001000, 0x0FFFFFF0} {
		g.put(base, 0x11223344)
		w := addrSwapped + base
		for _, c := range []struct {
			off  uint64
			size int
			want uint64
		}{{0, 4, 0x44332211}, {0, 2, 0x4433}, {2, 2, 0x2211}, {0, 1, 0x44}, {1, 1, 0x33}, {3, 1, 0x11}} {
			if got := g.read(w+c.off, c.size); got != c.want {
				t.Errorf("%#x: read of %d: %#x, want %#x", w+c.off, c.size, got, c.want)
			}
		}
		g.write(w, 2, 0xAABB)
		if got := g.get(base); got != 0x1122BBAA {
			t.Errorf("%#x: RAM word %#x", w, got)
		}
	}
	// Devices too: the controller's registers are in CPU order there.
	if got := g.get(addrSwapped + addrController + 0xC00); got != 0x8001 {
		t.Errorf("PCI command through the window %#x", got)
	}
	if got := g.get(addrSwapped + 0x30000000); got != 0 {
		t.Errorf("undefined memory through the window %#x", got)
	}
}

func TestPacketSRAM(t *testing.T) {
	for npe, c := range map[string]struct{ bank1, swapped1, size uint64 }{
		"npe-150": {0x4B080000, 0x4B880000, 0x80000},
		"npe-200": {0x4B200000, 0x4BA00000, 0x200000},
	} {
		g := newGuest(t, func(p *Params) { p.NPE, p.RAMMiB = npe, 32 })
		for bank, at := range [][2]uint64{{0x4B000000, 0x4B800000}, {c.bank1, c.swapped1}} {
			last := c.size - 4
			for _, off := range []uint64{0, last} {
				g.put(at[0]+off, 0x11223344)
				if got := g.get(at[1] + off); got != 0x44332211 {
					t.Errorf("%s bank %d: swapped view %#x", npe, bank, got)
				}
				if got := g.get(at[0] + off + 0x1_00000000); got != 0x11223344 {
					t.Errorf("%s bank %d: alias %#x", npe, bank, got)
				}
			}
			if !g.backed(at[0]) || !g.backed(at[1]) {
				t.Errorf("%s bank %d: DMA does not reach it", npe, bank)
			}
		}
	}
}

// eepromPins are where an EEPROM hangs (8.1).
type eepromPins struct {
	reg                uint64
	cs, clk, din, dout uint
	keep               uint32 // bits that must stay set
}

// readEEPROM reads a word as a guest does: start bit, READ, address and data
// least significant bit first.
func (g *guest) readEEPROM(e eepromPins, addr int) (w uint16) {
	base := e.keep | 1<<e.cs
	g.put(e.reg, e.keep)
	g.put(e.reg, base)
	for _, bit := range []int{1, 1, 0, addr & 1, addr >> 1 & 1, addr >> 2 & 1, addr >> 3 & 1, addr >> 4 & 1, addr >> 5 & 1} {
		v := base
		if bit != 0 {
			v |= 1 << e.din
		}
		g.put(e.reg, v)
		g.put(e.reg, v|1<<e.clk)
		g.put(e.reg, v)
	}
	for i := range 16 {
		g.put(e.reg, base|1<<e.clk)
		w |= uint16(g.get(e.reg)>>e.dout&1) << i
		g.put(e.reg, base)
		if g.get(e.reg)>>e.dout&1 != 1 {
			g.t.Errorf("register %#x: DOUT is low with CLK low", e.reg)
		}
	}
	g.put(e.reg, e.keep)
	return w
}

func (g *guest) dump(e eepromPins) string {
	var s []string
	for a := range 64 {
		s = append(s, fmt.Sprintf("%04X", g.readEEPROM(e, a)))
	}
	return strings.Join(s, " ")
}

// padded returns the listed words followed by FFFF up to 64 words.
func padded(words string) string {
	w := strings.Fields(words)
	for len(w) < 64 {
		w = append(w, "FFFF")
	}
	return strings.Join(w, " ")
}

var (
	cpuPins      = eepromPins{reg: iof + 0x21C, cs: 2, clk: 1, din: 0, dout: 6}
	midplanePins = eepromPins{reg: iof + 0x21C, cs: 5, clk: 4, din: 3, dout: 7}
	pemPins      = eepromPins{reg: iof + 0x388, cs: 1, clk: 0, din: 2, dout: 3}
	bayPins      = []eepromPins{
		{mp + 0x60, 1, 3, 4, 6, 0}, {mp + 0x60, 9, 11, 12, 14, 0}, {mp + 0x68, 9, 11, 12, 14, 3}, {mp + 0x60, 25, 27, 28, 30, 0},
		{mp + 0x60, 17, 19, 20, 22, 0}, {mp + 0x68, 25, 27, 28, 30, 3}, {mp + 0x68, 17, 19, 20, 22, 3},
		{iof + 0x2E4, 25, 27, 28, 30, 0},
	}
)

// Check 7: the contents of 8.7, 8.8 and 8.9.
func TestEEPROMs(t *testing.T) {
	const npe175 = "01C2 0203 FF10 45C5 4906 0004 0000 0000 6000 0000 9901 0600"
	for _, c := range []struct{ npe, cpu, pem string }{
		{"npe-100", "0135 0203 FF10 45C5 4906 0004 0000 0000 6000 0000 9901 0600", ""},
		{"npe-150", "0115 0203 FF10 45C5 4906 0004 0000 0000 6000 0000 9901 0600", ""},
		{"npe-175", npe175, "01C3 0100 FFFF FFFF 490D 8A04 0000 0000 5000 0000 9906 0400 0000"},
		{"npe-225", npe175, "01D5 0100 FFFF FFFF 490D 8A04 0000 0000 5000 0000 9906 0400 0000"},
		{"npe-200", "0169 0200 FF10 45C5 4909 8902 0000 0000 6800 0000 9710 2200", ""},
		{"npe-300", "01AE 0402 FF10 45C5 490D 5108 0000 0000 5000 0000 0012 1000 0000 FFFF FFFF FF00", ""},
		{"npe-400", `04FF 4001 F841 0100 C046 0320 001F C802 8249 14BC 0242 4230 C18B 3131 3131 3131
			3131 0000 0004 0002 0285 1C0F F602 CB87 4E50 452D 3430 3080 0000 0000`, ""},
	} {
		g := newGuest(t, func(p *Params) { p.NPE, p.RAMMiB = c.npe, 32 })
		if got := g.dump(cpuPins); got != padded(c.cpu) {
			t.Errorf("%s CPU:\n got %s\nwant %s", c.npe, got, padded(c.cpu))
		}
		if got := g.dump(pemPins); got != padded(c.pem) {
			t.Errorf("%s PEM:\n got %s\nwant %s", c.npe, got, padded(c.pem))
		}
	}
	for midplane, second := range map[string]string{"std": "0101", "vxr": "0201"} {
		g := newGuest(t, func(p *Params) { p.Midplane, p.RAMMiB = midplane, 32 })
		want := func(mac string) string {
			return padded("0106 " + second + " FF10 45C5 4906 0303 " + mac + ` 0400 0000 0000 4C09 10B0 FFFF 00FF
				0000 0000 6335 8B28 631D 0000 608E 6D1C 62BB 0000 6335 8B28 0000 0000 6335 8B28`)
		}
		if got := g.dump(midplanePins); got != want("CA00 6FDB 0000") {
			t.Errorf("%s:\n got %s\nwant %s", midplane, got, want("CA00 6FDB 0000"))
		}
		g.SetMAC([6]byte{1, 2, 3, 4, 5, 6})
		if got := g.dump(midplanePins); got != want("0102 0304 0506") {
			t.Errorf("%s after SetMAC:\n got %s", midplane, got)
		}
	}
}

// The system id is the serial number in both EEPROMs, where the NPE has one
// (8.11).
func TestSystemID(t *testing.T) {
	for _, c := range []struct{ npe, id, serial string }{
		{"npe-200", "", "FF10 45C5"},
		{"npe-200", "305419896", "1234 5678"},
		{"npe-150", "4294967295", "FFFF FFFF"},
		{"npe-300", "FTX0945W0MY", "0000 0000"},
		{"npe-100", "4294967296", "0000 0000"},
	} {
		g := newGuest(t, func(p *Params) { p.NPE, p.SystemID, p.RAMMiB = c.npe, c.id, 8 })
		for name, pins := range map[string]eepromPins{"NPE": cpuPins, "midplane": midplanePins} {
			if got := strings.Join(strings.Fields(g.dump(pins))[2:4], " "); got != c.serial {
				t.Errorf("%s, system id %q: the %s's serial number is %s, want %s", c.npe, c.id, name, got, c.serial)
			}
		}
	}
	// Format 4 keeps its own; another router of the same NPE is not touched.
	g := newGuest(t, func(p *Params) { p.SystemID, p.RAMMiB = "305419896", 8 })
	if got := g.dump(midplanePins); !strings.HasPrefix(got, "0106 0201 FF10 45C5") {
		t.Errorf("npe-400: the midplane's EEPROM is %s", got)
	}
	g = newGuest(t, func(p *Params) { p.NPE, p.RAMMiB = "npe-200", 8 })
	if got := g.dump(cpuPins); !strings.HasPrefix(got, "0169 0200 FF10 45C5") {
		t.Errorf("an npe-200 without system id: %s", got)
	}
}

// Bays read the EEPROM of their card, and all ones when empty (8.1, 8.10).
func TestBayEEPROMs(t *testing.T) {
	const (
		ioFE = "0183 010E FFFF FFFF 490B 8C02 0000 0000 5000 0000 9812 2800 00FF"
		feTX = "0111 0102 FFFF FFFF 4906 9804 0000 0000 6000 0000 9812 1700"
		pa8t = "010E 010F FFFF FFFF 4906 2E07 0000 0000 5000 0000 0010 2400"
		pa4t = "010C 010F FFFF FFFF 4906 2E07 0000 0000 5000 0000 0010 2400"
	)
	image := map[string]string{"PA-FE-TX": feTX, "PA-8T": pa8t, "PA-4T+": pa4t}
	for bay := 1; bay < numSlots; bay++ {
		for name, want := range image {
			slots := make([]string, numSlots)
			slots[bay] = name
			g := newGuest(t, func(p *Params) { p.Slots, p.RAMMiB = slots, 32 })
			for other, pins := range bayPins {
				wantWords := padded("")
				switch other {
				case 0:
					wantWords = padded(ioFE)
				case bay:
					wantWords = padded(want)
				}
				if got := g.dump(pins); got != wantWords {
					t.Errorf("%s in bay %d, bay %d:\n got %s\nwant %s", name, bay, other, got, wantWords)
				}
			}
		}
	}
}

// The registers of 6.1 and 7.1 that have nothing behind them.
func TestFPGARegisters(t *testing.T) {
	for _, c := range []struct {
		pa          uint64
		size        int
		start       uint64
		write, read uint64
	}{
		{iof + 0x204, 4, 0x04, 0xA0, 0xA4},
		{iof + 0x20C, 4, 0, 0x0F, 0},
		{iof + 0x22C, 4, 0xF, 0, 0xF},
		{iof + 0x234, 4, 0, 1, 0},
		{iof + 0x23C, 4, 0x2704, 1, 0x2704},
		{iof + 0x23C, 1, 0x04, 1, 0x04}, // the low-order bits
		{iof + 0x23D, 1, 0, 1, 0},
		{iof + 0x244, 4, 0, 0xF, 0},
		{iof + 0x254, 4, 0xFFFFFFFF, 0, 0xFFFFFFFF},
		{iof + 0x294, 4, 0, 0xFF, 0},
		{iof + 0x2A4, 4, 0, 0xFF000000, 0xFF000000},
		{iof + 0x2D4, 4, 0, 1, 0},
		{iof + 0x2DC, 4, 0, 0x1234, 0x1234},
		{iof + 0x2F4, 4, 0, 1, 0},
		{iof + 0x338, 4, 0, 1, 0},
		{iof + 0x390, 4, 0x01000102, 0, 0x01000102},
		{iof + 0x3D6, 2, 0x33, 0, 0x33},
		{iof + 0x500, 4, 0, 1, 0},
		{mp + 0x20, 4, 0, 0x11223344, 0x11223344},
		{mp + 0x28, 4, 0, 0x11223344, 0x11223344},
		{mp + 0x10, 4, 0, 1, 0},
		{mp + 0x18, 4, 0, 1, 0},
		{mp + 0x38, 4, 0, 1, 0},
		{mp + 0x40, 4, 0, 1, 0},
		{mp + 0x48, 4, 0xFFFFFFFF, 0, 0xFFFFFFFF},
		{mp + 0x50, 4, 0x6, 0, 0x6},
		{mp + 0x58, 4, 0, 0x77, 0x77},
		{mp + 0x70, 4, 0, 1, 0},
		{mp + 0x78, 4, 0, 1, 0},
		{mp + 0x7B, 1, 0, 1, 0},
		{mp + 0x68, 4, 3, 3, 3},
	} {
		g := newGuest(t, func(p *Params) { p.RAMMiB = 4 })
		if got := g.read(c.pa, c.size); got != c.start {
			t.Errorf("%#x: %#x, want %#x", c.pa, got, c.start)
		}
		g.write(c.pa, c.size, c.write)
		if got := g.read(c.pa, c.size); got != c.read {
			t.Errorf("%#x after writing %#x: %#x, want %#x", c.pa, c.write, got, c.read)
		}
		g.Reset()
		if got := g.read(c.pa, c.size); got != c.start {
			t.Errorf("%#x after reset: %#x, want %#x", c.pa, got, c.start)
		}
	}
}

// Check 8: the fields of 7.3.
func TestPAStatus(t *testing.T) {
	for _, c := range []struct {
		bays       []int
		want, mgmt uint32
	}{
		{nil, 0x6, 0},
		{[]int{1}, 0x606, 0x600}, {[]int{2}, 0x6006, 0x6000}, {[]int{3}, 0x6000006, 0x6000000},
		{[]int{4}, 0x60006, 0x60000}, {[]int{5}, 0x60000006, 0x60000000}, {[]int{6}, 0x600006, 0x600000},
		{[]int{1, 2, 5}, 0x60006606, 0x60006600},
	} {
		slots := make([]string, numSlots)
		for _, b := range c.bays {
			slots[b] = "PA-FE-TX"
		}
		g := newGuest(t, func(p *Params) { p.Slots, p.RAMMiB = slots, 4 })
		if got := g.get(mp + 0x50); got != c.want {
			t.Errorf("bays %v: %#x, want %#x", c.bays, got, c.want)
		}
		if got := g.get(mp + 0x40); got != c.mgmt {
			t.Errorf("bays %v: PA management %#x, want %#x", c.bays, got, c.mgmt)
		}
	}
}

// Check 10: the bytes of 7.2, for every interrupt of every slot.
func TestNetworkInterrupts(t *testing.T) {
	g := newGuest(t, func(p *Params) { p.RAMMiB = 4 })
	where := map[int]struct {
		status, mask uint64
		shift        int
	}{
		0: {mp + 0x10, mp + 0x20, 0}, 1: {mp + 0x10, mp + 0x20, 8}, 4: {mp + 0x10, mp + 0x20, 16}, 3: {mp + 0x10, mp + 0x20, 24},
		2: {mp + 0x18, mp + 0x28, 8}, 6: {mp + 0x18, mp + 0x28, 16}, 5: {mp + 0x18, mp + 0x28, 24},
	}
	for slot, w := range where {
		for bit := range 8 {
			what := fmt.Sprintf("slot %d interrupt %d", slot, bit)
			line := g.net.line(slot, bit)
			want := uint32(1) << (w.shift + bit)
			line(true)
			if got := g.get(w.status); got != want {
				t.Errorf("%s: status %#x, want %#x", what, got, want)
			}
			if got := g.read(w.status+3, 1); got != uint64(want&0xFF) {
				t.Errorf("%s: byte read %#x", what, got)
			}
			g.wantIRQ(what+" masked", irqNetwork, false)
			g.put(w.mask, ^want)
			g.wantIRQ(what+" with the other bits unmasked", irqNetwork, false)
			g.put(w.mask, want)
			g.wantIRQ(what+" unmasked", irqNetwork, true)
			g.put(w.status, 0)
			g.wantIRQ(what+", status is not cleared by writing", irqNetwork, true)
			line(false)
			g.wantIRQ(what+" released", irqNetwork, false)
			g.put(w.mask, 0)
		}
	}
}

// Check 9: cards that come and go under a running guest (15.3).
func TestInsertAndRemove(t *testing.T) {
	g := newGuest(t, func(p *Params) { p.RAMMiB = 4 })
	step := func(what string, err error, status uint32) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		g.wantIRQ(what, irqOIR, true)
		if got := g.get(mp + 0x70); got != 0x08 {
			t.Errorf("%s: OIR status %#x", what, got)
		}
		g.wantIRQ(what+", after the read", irqOIR, false)
		g.put(mp+0x70, 0x08)
		if got := g.get(mp + 0x70); got != 0 {
			t.Errorf("%s: OIR status %#x after clearing", what, got)
		}
		if got := g.get(mp + 0x50); got != status {
			t.Errorf("%s: PA status %#x, want %#x", what, got, status)
		}
	}
	step("insert", g.Insert(3, "PA-FE-TX"), 0x06000006)
	if got := g.readEEPROM(bayPins[3], 0); got != 0x0111 {
		t.Errorf("EEPROM word 0 %#x", got)
	}
	if got := g.Slots()[3].Name(); got != "PA-FE-TX" {
		t.Errorf("slot 3 holds %s", got)
	}
	g.net.line(3, 0)(true)
	g.put(mp+0x20, 0xFFFFFFFF)
	step("remove", g.Remove(3), 0x00000006)
	g.wantIRQ("interrupt of the removed card", irqNetwork, false)
	if got := g.readEEPROM(bayPins[3], 0); got != 0xFFFF {
		t.Errorf("EEPROM word 0 %#x after removal", got)
	}
	step("insert again", g.Insert(3, "PA-8T"), 0x06000006)
	for what, err := range map[string]error{
		"slot 0": g.Insert(0, "PA-FE-TX"), "slot 7": g.Insert(7, "PA-FE-TX"), "taken": g.Insert(3, "PA-FE-TX"),
		"unknown": g.Insert(4, "PA-9"), "remove slot 0": g.Remove(0), "remove empty": g.Remove(4),
	} {
		if err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	g.wantIRQ("refused", irqOIR, false)

	// Events of two bays before the guest looks.
	if err := errors.Join(g.Insert(1, "PA-FE-TX"), g.Remove(3)); err != nil {
		t.Fatal(err)
	}
	if got := g.get(mp + 0x70); got != 0x0A || g.Noticed() {
		t.Errorf("two events: OIR status %#x, noticed %v", got, g.Noticed())
	}
	g.put(mp+0x70, 0x08)
	if got := g.get(mp + 0x70); got != 0x02 {
		t.Errorf("one event cleared: OIR status %#x", got)
	}
	g.put(mp+0x70, 0x02)
	if !g.Noticed() {
		t.Error("both events cleared, and not noticed")
	}
}

// Check 11: the console through the IO FPGA.
func TestDUART(t *testing.T) {
	g := newGuest(t, func(p *Params) { p.RAMMiB = 4 })
	const sra, thra, imr = iof + 0x40C, iof + 0x41C, iof + 0x42C
	if got := g.get(sra); got != 0x04 {
		t.Errorf("idle SRA %#x", got)
	}
	if got := g.get(thra); got != 0xFFFFFFFF {
		t.Errorf("empty RHRA %#x", got)
	}
	if got := g.read(sra, 1); got != 0x04 {
		t.Errorf("SRA as a byte %#x", got)
	}
	if got := g.read(sra+3, 1); got != 0 {
		t.Errorf("byte at 0x40F %#x", got)
	}
	g.write(thra, 1, 'A')
	g.write(thra+3, 1, 'B')
	g.write(iof+0x45C, 1, 'C')
	if g.console.out != "A" || g.aux.out != "C" {
		t.Errorf("console %q, AUX %q", g.console.out, g.aux.out)
	}

	// Typed on another goroutine's account: nothing happens until the loop
	// runs, then the interrupt is there.
	g.put(imr, 0x02)
	g.console.key("xyz")
	g.wantIRQ("before the loop runs", irqDUART, false)
	g.loop.RunPending()
	g.wantIRQ("typed", irqDUART, true)
	if got := g.get(imr); got != 0x02 {
		t.Errorf("ISR %#x", got)
	}
	var got []byte
	for g.get(sra)&1 != 0 {
		got = append(got, byte(g.read(thra, 1)))
	}
	if string(got) != "xyz" {
		t.Errorf("received %q", got)
	}
	g.wantIRQ("all read", irqDUART, false)

	g.put(imr, 0x20)
	g.aux.key("q")
	g.loop.RunPending()
	g.wantIRQ("typed at AUX", irqDUART, true)
	if got := g.read(iof+0x45C, 1); got != 'q' {
		t.Errorf("AUX received %#x", got)
	}
	g.wantIRQ("AUX read", irqDUART, false)

	g.put(imr, 0x01)
	g.pass(20 * time.Millisecond)
	g.wantIRQ("TxRDY", irqDUART, true)
	if got := g.get(imr); got != 0x11 {
		t.Errorf("ISR %#x", got)
	}
	g.get(sra)
	g.wantIRQ("SRA read", irqDUART, false)
}

// Check 12: the thermometers through the IO FPGA's pins.
func TestThermometers(t *testing.T) {
	g := newGuest(t, func(p *Params) { p.RAMMiB = 4 })
	const pins, out, in = iof + 0x20C, iof + 0x214, iof + 0x22C
	ask := func(rst uint32, cmd uint32, n int) (v [4]uint32) {
		g.put(pins, 0x10)
		g.put(pins, rst|0x10)
		for i := range 8 {
			g.put(pins, rst)
			g.put(out, cmd>>i&1)
			g.put(pins, rst|0x10)
		}
		for i := range n {
			g.put(pins, rst)
			bits := g.get(in)
			for s := range v {
				v[s] |= bits >> s & 1 << i
			}
			g.put(pins, rst|0x10)
		}
		return v
	}
	if got := ask(0xF, ds1620.CmdReadTemp, 9); got != [4]uint32{0x2C, 0x2C, 0x2C, 0x2C} {
		t.Errorf("temperatures %x", got)
	}
	if got := ask(0xF, ds1620.CmdReadConfig, 8); got != [4]uint32{2, 2, 2, 2} {
		t.Errorf("configurations %x", got)
	}
	if err := g.SetTemperature(2, 45); err != nil {
		t.Fatal(err)
	}
	if got := ask(0xF, ds1620.CmdReadTemp, 9); got != [4]uint32{0x2C, 0x2C, 0x5A, 0x2C} {
		t.Errorf("after setting sensor 2: %x", got)
	}
	if got := ask(0x4, ds1620.CmdReadTemp, 9); got != [4]uint32{0x1FF, 0x1FF, 0x5A, 0x1FF} {
		t.Errorf("only sensor 2 selected: %x", got)
	}
	for _, err := range []error{g.SetTemperature(4, 20), g.SetTemperature(-1, 20), g.SetTemperature(0, 200)} {
		if err == nil {
			t.Error("accepted")
		}
	}
}

// Check 13.
func TestVoltages(t *testing.T) {
	g := newGuest(t, func(p *Params) { p.RAMMiB = 4 })
	ad := func(mux uint32) uint64 {
		g.put(iof+0x214, mux)
		return g.read(iof+0x257, 1)
	}
	for mux, want := range map[uint32]uint64{0: 127, 2: 127, 4: 127, 8: 127, 0xA: 127, 0xC: 127, 6: 0, 1: 0, 0xE: 0} {
		if got := ad(mux); got != want {
			t.Errorf("mux %#x: %d, want %d", mux, got, want)
		}
	}
	if err := g.SetPowerSupply(1, false); err != nil {
		t.Fatal(err)
	}
	if ad(2) != 0 || ad(0) != 127 || g.get(mp+0x68)&3 != 1 {
		t.Errorf("without supply 1: mux 2 %d, mux 0 %d, MP 0x68 %#x", ad(2), ad(0), g.get(mp+0x68))
	}
	if err := g.SetPowerSupply(2, true); err == nil {
		t.Error("supply 2 accepted")
	}
}

// Check 14.
func TestPowerOff(t *testing.T) {
	g := newGuest(t, func(p *Params) { p.RAMMiB = 4 })
	n := 0
	g.OnPowerOff(func() { n++ })
	for _, v := range []uint32{3, 2, 1, 0xFF03} {
		g.put(mp+0x68, v)
		if got := g.get(mp+0x68) & 3; got != v&3 {
			t.Errorf("wrote %#x, reads %#x", v, got)
		}
	}
	if n != 0 {
		t.Fatal("off with a supply on")
	}
	g.put(mp+0x68, 0)
	if n != 1 {
		t.Errorf("called %d times", n)
	}
	g.Reset()
	if got := g.get(mp + 0x68); got != 3 {
		t.Errorf("after reset %#x", got)
	}
}

func TestSlots(t *testing.T) {
	g := newGuest(t, func(p *Params) { p.RAMMiB, p.Slots = 4, []string{"", "PA-8T", "", "PA-FE-TX"} })
	var got []string
	for _, c := range g.Slots() {
		if c == nil {
			got = append(got, "")
			continue
		}
		got = append(got, c.Name())
	}
	if want := []string{"C7200-IO-FE", "PA-8T", "", "PA-FE-TX", "", "", ""}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// FuzzRegisters lets a guest do anything with every device: nothing panics or
// hangs. Four bytes are an access: device, register, kind and size, value.
func FuzzRegisters(f *testing.F) {
	f.Add([]byte{0, 0x3E, 0x82, 0xFF, 2, 0x03, 0x01, 0x55, 3, 0x18, 0x82, 3})
	f.Fuzz(func(t *testing.T, in []byte) {
		g := newGuest(t, func(p *Params) { p.RAMMiB, p.Slots = 1, []string{1: "PA-FE-TX", 2: "PA-8T"} })
		bases := []uint64{addrController, addrRemote, addrNVRAM, addrMPFPGA, addrIOFPGA, addrSwapped, addrZero, 0, addrIOFPGA + 0x400}
		for len(in) >= 4 {
			base, size := bases[int(in[0])%len(bases)], 1<<(in[2]&3)
			off := (uint64(in[1])*16 + uint64(in[2]>>2&7)*4) &^ uint64(size-1) % 0x1000
			v := uint64(in[3]) * 0x0101010101010101
			if in[2]&0x80 != 0 {
				g.write(base+off, size, v)
			} else {
				g.read(base+off, size)
			}
			g.pass(time.Duration(in[3]) * time.Microsecond)
			in = in[4:]
		}
		g.Reset()
		if got := g.get(mp + 0x50); got != 0x6606 {
			t.Errorf("PA status after reset %#x", got)
		}
	})
}
