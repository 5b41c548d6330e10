package mips

import (
	"sync/atomic"
	"testing"

	"dynemu/vm/event"
	"dynemu/vm/mem"
)

// Encoders of the instruction formats.

func rtype(fn, rs, rt, rd, sa int) uint32 {
	return uint32(rs<<21 | rt<<16 | rd<<11 | sa<<6 | fn)
}
func special2(fn, rs, rt, rd int) uint32 { return 0x1c<<26 | rtype(fn, rs, rt, rd, 0) }
func itype(op, rs, rt, imm int) uint32 {
	return uint32(op)<<26 | uint32(rs)<<21 | uint32(rt)<<16 | uint32(uint16(imm))
}
func jtype(op int, target uint64) uint32 { return uint32(op)<<26 | uint32(target)>>2&0x3ffffff }
func regimm(rt, rs, imm int) uint32      { return itype(1, rs, rt, imm) }
func cop0(rs, rt, rd int) uint32         { return 0x10<<26 | uint32(rs<<21|rt<<16|rd<<11) }
func mfc0(rt, rd int) uint32             { return cop0(0, rt, rd) }
func dmfc0(rt, rd int) uint32            { return cop0(1, rt, rd) }
func mtc0(rt, rd int) uint32             { return cop0(4, rt, rd) }
func dmtc0(rt, rd int) uint32            { return cop0(5, rt, rd) }
func fp(fmt, fn, ft, fs, fd int) uint32 {
	return 0x11<<26 | uint32(fmt<<21|ft<<16|fs<<11|fd<<6|fn)
}

const (
	nop     = 0
	tlbr    = 0x42000001
	tlbwi   = 0x42000002
	tlbwr   = 0x42000006
	tlbp    = 0x42000008
	eret    = 0x42000018
	wait    = 0x42000020
	syscall = 0x0000000c
	brk     = 0x0000000d
)

// Major opcodes.
const (
	oJ, oJAL, oBEQ, oBNE, oBLEZ, oBGTZ                                = 2, 3, 4, 5, 6, 7
	oADDI, oADDIU, oSLTI, oSLTIU, oANDI, oORI, oXORI, oLUI            = 8, 9, 10, 11, 12, 13, 14, 15
	oBEQL, oBNEL, oBLEZL, oBGTZL, oDADDI, oDADDIU, oLDL, oLDR         = 20, 21, 22, 23, 24, 25, 26, 27
	oLB, oLH, oLWL, oLW, oLBU, oLHU, oLWR, oLWU                       = 32, 33, 34, 35, 36, 37, 38, 39
	oSB, oSH, oSWL, oSW, oSDL, oSDR, oSWR, oCACHE                     = 40, 41, 42, 43, 44, 45, 46, 47
	oLL, oLWC1, oPREF, oLLD, oLDC1, oLD, oSC, oSWC1, oSCD, oSDC1, oSD = 48, 49, 51, 52, 53, 55, 56, 57, 60, 61, 63
)

const (
	ramSize  = 1 << 20
	codeAt   = 0xffffffff80001000
	dataAt   = 0xffffffff80010000 // kseg0
	devPhys  = 0x1e000000
	devAt    = 0xffffffffbe000000 // kseg1
	romAt    = 0xffffffffbfc00000
	onlyGoOn = 0x1000ffff // b .
)

// busDevice records the accesses to it.
type busDevice struct {
	log   []busAccess
	value uint64
	hook  func(a busAccess)
}

type busAccess struct {
	write bool
	off   uint64
	size  int
	v     uint64
}

func (d *busDevice) Read(off uint64, size int) uint64 {
	a := busAccess{off: off, size: size}
	d.log = append(d.log, a)
	if d.hook != nil {
		d.hook(a)
	}
	return d.value
}

func (d *busDevice) Write(off uint64, size int, v uint64) {
	a := busAccess{true, off, size, v}
	d.log = append(d.log, a)
	if d.hook != nil {
		d.hook(a)
	}
}

// machine is a processor with RAM, a ROM and a device, and a hand-wound clock.
type machine struct {
	*CPU
	t    testing.TB
	m    *mem.Map
	ram  []byte
	rom  []byte
	dev  *busDevice
	loop *event.Loop
	now  int64
	att  atomic.Uint32
}

func newMachine(t testing.TB, change ...func(*Config)) *machine {
	m := &machine{t: t, m: new(mem.Map), ram: make([]byte, ramSize), rom: make([]byte, 64<<10), dev: &busDevice{}}
	for _, r := range []*mem.Region{
		{Name: "ram", Len: ramSize, RAM: m.ram, Cacheable: true},
		{Name: "rom", Base: 0x1fc00000, Len: uint64(len(m.rom)), RAM: m.rom, ReadOnly: true, Cacheable: true},
		{Name: "dev", Base: devPhys, Len: 0x1000, Dev: m.dev},
	} {
		if err := m.m.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	m.loop = event.NewWithSource(&m.att, func() int64 { return m.now })
	cfg := Config{Model: R4700, Map: m.m, Clock: m.loop, Attention: &m.att, CountHz: 100_000_000}
	for _, fn := range change {
		fn(&cfg)
	}
	m.CPU = New(cfg)
	m.status(StatusCU1 | StatusFR)
	m.State().PC = codeAt
	return m
}

func withQuirks(q Quirks) func(*Config) { return func(c *Config) { c.Quirks = q } }

// status sets Status.
func (m *machine) status(v uint32) {
	m.State().CP0.Status = v
	m.StateChanged()
}

// poke stores instructions at va, without regard to mappings beyond kseg0/1.
func (m *machine) poke(va uint64, words ...uint32) {
	for i, w := range words {
		m.m.Write32(va&0x1fffffff+uint64(i)*4, w)
	}
}

// code stores a program at codeAt and starts it there.
func (m *machine) code(words ...uint32) {
	m.poke(codeAt, words...)
	m.State().PC = codeAt
}

// step runs n instructions.
func (m *machine) step(n int) {
	m.t.Helper()
	for range n {
		if e := m.Run(1); e != ExitBudget && e != ExitIdle {
			m.t.Fatalf("Run stopped: %v", e)
		}
	}
}

// run executes a program of straight code at codeAt.
func (m *machine) run(words ...uint32) {
	m.t.Helper()
	m.code(words...)
	m.step(len(words))
}

func (m *machine) reg(i int) uint64 { return m.State().GPR[i] }

func (m *machine) wantReg(i int, want uint64) {
	m.t.Helper()
	if got := m.reg(i); got != want {
		m.t.Errorf("$%d (%s) = %#x, want %#x", i, RegName(i), got, want)
	}
}

// wantException checks that the processor is at the vector with the given code.
func (m *machine) wantException(code excCode, vector, epc uint64, bd bool) {
	m.t.Helper()
	s := m.State()
	if s.PC != vector {
		m.t.Fatalf("pc = %#x, want vector %#x (cause %#x)", s.PC, vector, s.CP0.Cause)
	}
	if got := excCode(s.CP0.Cause >> 2 & 31); got != code {
		m.t.Errorf("exception code %d, want %d", got, code)
	}
	if s.CP0.EPC != epc {
		m.t.Errorf("EPC = %#x, want %#x", s.CP0.EPC, epc)
	}
	if got := s.CP0.Cause&CauseBD != 0; got != bd {
		m.t.Errorf("BD = %v, want %v", got, bd)
	}
	if s.CP0.Status&StatusEXL == 0 {
		m.t.Error("EXL is clear")
	}
}

const general = 0xffffffff80000180

// tlb writes an entry directly.
func (m *machine) tlb(i int, mask, hi, lo0, lo1 uint64) {
	p := &m.State().CP0
	saved := *p
	p.PageMask, p.EntryHi, p.EntryLo0, p.EntryLo1 = uint32(mask), hi, lo0, lo1
	m.tlbWrite(uint32(i))
	p.PageMask, p.EntryHi, p.EntryLo0, p.EntryLo1 = saved.PageMask, saved.EntryHi, saved.EntryLo0, saved.EntryLo1
}

// pfn returns an EntryLo for physical address pa with coherency 3.
func pfn(pa uint64, flags uint64) uint64 { return pa>>12<<6 | 3<<3 | flags }
