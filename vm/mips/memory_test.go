package mips

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
)

// TestUnalignedVectors are the vectors of cpu reference, 4.4.
func TestUnalignedVectors(t *testing.T) {
	tests := []struct {
		op, off int
		want    uint64
	}{
		{oLWL, 0, 0x00000000_11223344}, {oLWL, 1, 0x00000000_223344bb}, {oLWL, 2, 0x00000000_3344bbbb}, {oLWL, 3, 0x00000000_44bbbbbb},
		{oLWR, 0, 0xaaaaaaaa_bbbbbb11}, {oLWR, 1, 0xaaaaaaaa_bbbb1122}, {oLWR, 2, 0xaaaaaaaa_bb112233}, {oLWR, 3, 0x00000000_11223344},
		{oLDL, 3, 0x44556677_88bbbbbb}, {oLDL, 6, 0x7788aaaa_bbbbbbbb}, {oLDL, 0, 0x11223344_55667788},
		{oLDR, 3, 0xaaaaaaaa_11223344}, {oLDR, 6, 0xaa112233_44556677}, {oLDR, 7, 0x11223344_55667788},
	}
	for _, c := range tests {
		m := newMachine(t)
		m.poke(dataAt, 0x11223344, 0x55667788)
		m.State().GPR[4], m.State().GPR[2] = dataAt, 0xaaaaaaaa_bbbbbbbb
		m.run(itype(c.op, 4, 2, c.off))
		if got := m.reg(2); got != c.want {
			t.Errorf("%s at %d: %#x, want %#x", Disassemble(0, itype(c.op, 4, 2, c.off)), c.off, got, c.want)
		}
	}
}

// TestUnalignedStores checks every offset of SWL, SWR, SDL and SDR in RAM and
// that a device sees only the lanes written.
func TestUnalignedStores(t *testing.T) {
	const v = 0x0102030405060708
	for _, op := range []int{oSWL, oSWR, oSDL, oSDR} {
		size := 4
		if op == oSDL || op == oSDR {
			size = 8
		}
		for off := range size {
			var want [8]byte
			for i := range want {
				want[i] = 0xee
			}
			var reg [8]byte
			for i := range size {
				reg[i] = byte(uint64(v) >> (8 * (size - 1 - i)))
			}
			if op == oSWL || op == oSDL {
				copy(want[off:size], reg[:])
			} else {
				copy(want[:off+1], reg[size-1-off:size])
			}
			t.Run(fmt.Sprintf("%d at %d", op, off), func(t *testing.T) {
				m := newMachine(t)
				m.poke(dataAt, 0xeeeeeeee, 0xeeeeeeee)
				m.State().GPR[4], m.State().GPR[5] = dataAt, v
				m.run(itype(op, 4, 5, off))
				if got := [8]byte(m.ram[dataAt&0xfffff:]); got != want {
					t.Errorf("RAM % x, want % x", got, want)
				}
				m.State().GPR[4] = devAt
				m.run(itype(op, 4, 5, off))
				var got [8]byte
				for i := range got {
					got[i] = 0xee
				}
				for _, a := range m.dev.log {
					if !a.write {
						t.Error("the device was read")
					}
					if a.off%uint64(a.size) != 0 {
						t.Errorf("access of %d bytes at %d", a.size, a.off)
					}
					for i := range a.size {
						got[int(a.off)+i] = byte(a.v >> (8 * (a.size - 1 - i)))
					}
				}
				if got != want {
					t.Errorf("device % x, want % x", got, want)
				}
			})
		}
	}
}

func TestLoadsAndStores(t *testing.T) {
	m := newMachine(t)
	m.poke(dataAt, 0x8182f3f4, 0xf5f6f7f8)
	loads := []struct {
		op, off int
		want    uint64
	}{
		{oLB, 0, 0xffffffffffffff81}, {oLBU, 0, 0x81}, {oLH, 0, 0xffffffffffff8182}, {oLHU, 2, 0xf3f4},
		{oLW, 0, 0xffffffff8182f3f4}, {oLWU, 0, 0x8182f3f4}, {oLD, 0, 0x8182f3f4f5f6f7f8},
		{oLL, 4, 0xfffffffff5f6f7f8}, {oLLD, 0, 0x8182f3f4f5f6f7f8},
	}
	for range 2 { // once through the slow path, once through the fast one
		for _, c := range loads {
			m.State().GPR[4] = dataAt
			m.run(itype(c.op, 4, 2, c.off))
			m.wantReg(2, c.want)
		}
	}
	stores := []struct {
		op   int
		want uint64
	}{{oSB, 0x88ffffffffffffff}, {oSH, 0x7788ffffffffffff}, {oSW, 0x55667788ffffffff}, {oSD, 0x1122334455667788}}
	for _, at := range []uint64{dataAt, dataAt + 0x2000} {
		for _, c := range stores {
			m.poke(at, 0xffffffff, 0xffffffff)
			m.State().GPR[4], m.State().GPR[5] = at, 0x1122334455667788
			m.run(itype(c.op, 4, 5, 0))
			if got, err := m.Read(at, 8); err != nil || got != c.want {
				t.Errorf("op %d: %#x, %v, want %#x", c.op, got, err, c.want)
			}
		}
	}
}

// TestDeviceAccess checks offset, size and value of device accesses, that
// kseg0 does not show devices, and that undefined addresses read 0 (cpu
// reference, 2.2 and 12.5).
func TestDeviceAccess(t *testing.T) {
	m := newMachine(t)
	m.dev.value = 0xfedcba9876543210
	s := m.State()
	s.GPR[4], s.GPR[5] = devAt+0x10, 0x1122334455667788
	var prog []uint32
	for i, op := range []int{oLB, oLHU, oLW, oLD} {
		prog = append(prog, itype(op, 4, 8+i, 8))
	}
	for _, op := range []int{oSB, oSH, oSW, oSD} {
		prog = append(prog, itype(op, 4, 5, 16))
	}
	m.run(prog...)
	m.wantReg(8, 0x10)
	m.wantReg(9, 0x3210)
	m.wantReg(10, 0x76543210)
	m.wantReg(11, 0xfedcba9876543210)
	want := []busAccess{
		{false, 0x18, 1, 0}, {false, 0x18, 2, 0}, {false, 0x18, 4, 0}, {false, 0x18, 8, 0},
		{true, 0x20, 1, 0x88}, {true, 0x20, 2, 0x7788}, {true, 0x20, 4, 0x55667788}, {true, 0x20, 8, 0x1122334455667788},
	}
	if !reflect.DeepEqual(m.dev.log, want) {
		t.Errorf("accesses %v", m.dev.log)
	}
	m.dev.log = nil
	s.GPR[4], s.GPR[2] = devAt&^0x20000000, 9
	m.run(itype(oLW, 4, 2, 0), itype(oSW, 4, 2, 0))
	m.wantReg(2, 0)
	s.GPR[4], s.GPR[2] = 0xffffffffaf000000, 9
	m.run(itype(oLW, 4, 2, 0), itype(oSW, 4, 2, 0))
	m.wantReg(2, 0)
	if len(m.dev.log) != 0 {
		t.Errorf("accesses %v", m.dev.log)
	}
}

func TestReadOnlyMemory(t *testing.T) {
	m := newMachine(t)
	copy(m.rom[0x100:], []byte{1, 2, 3, 4})
	m.State().GPR[4] = romAt + 0x100
	m.run(itype(oLW, 4, 2, 0), itype(oSW, 4, 0, 0), itype(oLW, 4, 3, 0))
	m.wantReg(2, 0x01020304)
	m.wantReg(3, 0x01020304)
}

// TestAddressErrors checks unaligned accesses in both settings of the quirk.
func TestAddressErrors(t *testing.T) {
	for _, c := range []struct {
		op, off int
		code    excCode
	}{
		{oLH, 1, excAdEL}, {oLHU, 3, excAdEL}, {oLW, 2, excAdEL}, {oLWU, 1, excAdEL}, {oLD, 4, excAdEL}, {oLL, 2, excAdEL}, {oLLD, 4, excAdEL},
		{oSH, 1, excAdES}, {oSW, 2, excAdES}, {oSD, 4, excAdES}, {oSC, 1, excAdES}, {oSCD, 4, excAdES},
		{oLWC1, 2, excAdEL}, {oLDC1, 4, excAdEL}, {oSWC1, 2, excAdES}, {oSDC1, 4, excAdES},
	} {
		for range 2 {
			m := newMachine(t)
			m.poke(dataAt, 0x11223344, 0x55667788)
			m.State().GPR[4], m.State().GPR[2] = dataAt, 0x77
			m.run(itype(oLW, 4, 3, 0)) // the page is in the soft TLB
			m.run(itype(c.op, 4, 2, c.off))
			m.wantException(c.code, general, codeAt, false)
			if got := m.State().CP0.BadVAddr; got != dataAt+uint64(c.off) {
				t.Errorf("op %d: BadVAddr %#x", c.op, got)
			}
			m.wantReg(2, 0x77)
			if v, _ := m.Read(dataAt, 8); v != 0x1122334455667788 {
				t.Errorf("op %d changed memory: %#x", c.op, v)
			}
		}
	}
	m := newMachine(t, withQuirks(QuirkUnaligned))
	m.poke(dataAt, 0x11223344, 0x55667788)
	s := m.State()
	s.GPR[4], s.GPR[5] = dataAt, 0xaabbccdd
	m.run(itype(oLW, 4, 2, 1), itype(oLH, 4, 3, 1), itype(oSW, 4, 5, 3))
	m.wantReg(2, 0x22334455)
	m.wantReg(3, 0x2233)
	if v, _ := m.Read(dataAt, 8); v != 0x112233aabbccdd88 {
		t.Errorf("unaligned store: %#x", v)
	}
	// Across a page.
	m.poke(dataAt+0xffc, 0x01020304, 0x05060708)
	s.GPR[4] = dataAt + 0xffe
	m.run(itype(oLW, 4, 2, 0))
	m.wantReg(2, 0x03040506)
}

// TestLinked is cpu reference, 12.7, and the rules of 4.4.
func TestLinked(t *testing.T) {
	setup := func() *machine {
		m := newMachine(t)
		m.poke(dataAt, 5, 6)
		m.State().GPR[4], m.State().GPR[5] = dataAt, 0x99
		return m
	}
	m := setup()
	m.run(itype(oLL, 4, 2, 0), itype(oSW, 4, 0, 8), itype(oSC, 4, 5, 0), rtype(0x25, 5, 0, 6, 0), itype(oSC, 4, 5, 4))
	m.wantReg(6, 1)
	m.wantReg(5, 0) // SC clears LLbit
	if v, _ := m.Read(dataAt, 8); v != 0x99<<32|6 {
		t.Errorf("memory %#x", v)
	}
	m = setup()
	m.State().CP0.EPC = codeAt + 8
	m.run(itype(oLL, 4, 2, 0), eret, itype(oSC, 4, 5, 0))
	m.wantReg(5, 0)
	m = setup()
	m.poke(general, eret)
	m.code(itype(oLL, 4, 2, 0), syscall, nop)
	m.step(2)
	if m.State().LL {
		t.Error("LLbit survives an exception")
	}
	m = setup()
	m.run(itype(oLLD, 4, 2, 0), itype(oSCD, 4, 5, 0))
	m.wantReg(5, 1)
	if v, _ := m.Read(dataAt, 8); v != 0x99 {
		t.Errorf("memory %#x", v)
	}
}

// TestSelfModifyingCode is cpu reference, 12.14: new code runs after a store,
// with and without CACHE, through the other alias, and after DMA.
func TestSelfModifyingCode(t *testing.T) {
	old, fresh := itype(oADDIU, 0, 2, 1), itype(oADDIU, 0, 2, 2)
	for _, alias := range []uint64{codeAt, codeAt | 0x20000000} {
		for _, cache := range []uint32{nop, itype(oCACHE, 4, 0x10, 0x100)} {
			m := newMachine(t)
			m.poke(codeAt+0x100, old, jtype(oJ, codeAt+0x80), nop)
			m.poke(codeAt+0x80, nop)
			s := m.State()
			s.GPR[4], s.GPR[5] = alias, uint64(fresh)
			m.code(jtype(oJ, codeAt+0x100), nop)
			m.step(3)
			m.wantReg(2, 1)
			m.code(itype(oSW, 4, 5, 0x100), cache, jtype(oJ, codeAt+0x100), nop)
			m.step(5)
			m.wantReg(2, 2)
		}
	}
	// The very next instruction, and again after decoding once more.
	m := newMachine(t)
	s := m.State()
	s.GPR[4] = codeAt
	for i := range 5 {
		w := itype(oADDIU, 0, 2, 10+i)
		s.GPR[5] = uint64(w)
		m.poke(codeAt, itype(oSW, 4, 5, 4), old)
		s.PC = codeAt
		m.step(2)
		m.wantReg(2, uint64(10+i))
	}
	// A bus master.
	m.m.WriteAt(codeAt&0x1fffffff, []byte{0x24, 0x02, 0, 77})
	s.PC = codeAt
	m.step(1)
	m.wantReg(2, 77)
	// Data beside code is stored at full speed again once the code is gone.
	s.GPR[4] = codeAt
	m.code(itype(oSW, 4, 5, 0x800), itype(oSW, 4, 5, 0x804))
	m.step(2)
	if v, _ := m.Read(codeAt+0x804, 4); v != s.GPR[5]&0xffffffff {
		t.Errorf("store beside code: %#x", v)
	}
}

// TestDataBesideCode: stores into a page that holds code elsewhere leave the
// decoded words alone; stores to their neighbours do not.
func TestDataBesideCode(t *testing.T) {
	m := newMachine(t)
	s := m.State()
	s.GPR[4] = codeAt
	decoded := func() bool {
		p := m.CPU.code.phys[codeAt&0x1fffffff]
		return p.marked && p.pages[0].rec[0].op != opDecode
	}
	m.code(itype(oSB, 4, 5, 0x400), itype(oSD, 4, 5, 0x408), nop, nop)
	m.step(2)
	if !decoded() {
		t.Error("a store to data dropped the code")
	}
	m.code(itype(oSB, 4, 5, 11), nop, nop, nop) // the word behind the next one
	m.step(1)
	if !decoded() {
		t.Error("a store to a word that was not decoded dropped the code")
	}
	m.code(nop, itype(oSB, 4, 5, 11), nop, nop)
	m.step(2)
	if decoded() {
		t.Error("a store beside a decoded word did not drop the code")
	}
}

// TestWatchedMemory: a watched page tells of every store, also when it holds code
// and when it was stored to before.
func TestWatchedMemory(t *testing.T) {
	m := newMachine(t)
	s := m.State()
	s.GPR[4], s.GPR[5] = codeAt, dataAt
	m.poke(codeAt, itype(oSW, 4, 0, 0x408), itype(oSW, 5, 0, 8), nop)
	run := func() {
		s.PC = codeAt
		m.step(2)
	}
	run()
	var seen []uint64
	for _, pa := range []uint64{codeAt & 0x1fffffff, dataAt & 0x1fffffff} {
		m.m.Watch(pa, func(pa, n uint64) { seen = append(seen, pa, n) })
	}
	run()
	run()
	want := []uint64{0x1408, 4, 0x10008, 4, 0x1408, 4, 0x10008, 4}
	if !slices.Equal(seen, want) {
		t.Errorf("seen %#x, want %#x", seen, want)
	}
}

// TestExecuteFromDevice runs a word that a device delivers.
func TestExecuteFromDevice(t *testing.T) {
	m := newMachine(t)
	m.dev.value = uint64(itype(oADDIU, 2, 2, 1))
	m.State().PC = devAt
	m.step(3)
	m.wantReg(2, 3)
	if m.dev.log[2].off != 8 || m.dev.log[2].size != 4 {
		t.Errorf("fetches %v", m.dev.log)
	}
	m.dev.value = uint64(itype(oADDIU, 2, 2, 5))
	m.State().PC = devAt
	m.step(1)
	m.wantReg(2, 8)
}

func TestDebuggerAccess(t *testing.T) {
	m := newMachine(t)
	if err := m.Write(dataAt+0xffe, 4, 0x01020304); err != nil {
		t.Fatal(err)
	}
	if v, err := m.Read(dataAt+0xffe, 4); err != nil || v != 0x01020304 {
		t.Errorf("%#x, %v", v, err)
	}
	before := m.State().CP0
	if _, err := m.Read(0x1000, 4); err == nil {
		t.Error("an unmapped address was read")
	}
	if _, err := m.Read(dataAt, 3); err == nil {
		t.Error("3 bytes were read")
	}
	if m.State().CP0 != before {
		t.Error("CP0 changed")
	}
	m.dev.value = 0xabcd
	if v, err := m.Read(devAt+4, 2); err != nil || v != 0xabcd || m.dev.log[0].off != 4 {
		t.Errorf("%#x, %v, %v", v, err, m.dev.log)
	}
}
