package gt64k

import (
	"bytes"
	"math/bits"
	"testing"

	"dynemu/vm/chip/bswap"
	"dynemu/vm/mem"
	"dynemu/vm/pci"
)

// bench is a controller with RAM at 0..0x3FFFFF and a byte-swapped window at
// 0xC0000000. Registers are accessed as a big-endian CPU does, byte-reversed.
type bench struct {
	*Controller
	mem  *mem.Map
	ram  []byte
	irq  bool
	logs int
}

func newBench(t *testing.T, model Model) *bench {
	b := &bench{mem: &mem.Map{}, ram: make([]byte, 0x400000)}
	for _, r := range []*mem.Region{
		{Name: "ram", Len: 0x400000, RAM: b.ram},
		{Name: "bswap", Base: 0xC0000000, Len: 0x40000000, Dev: &bswap.Window{Mem: b.mem}},
	} {
		if err := b.mem.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	root0, root1 := &pci.Bus{}, &pci.Bus{}
	b.Controller = New(Config{
		Model:  model,
		Memory: b.mem,
		Backed: func(pa uint64) bool { return pa < 0x400000 || pa >= 0xC0000000 && pa < 0xC0400000 },
		PCI:    [2]*pci.Port{{Root: root0}, {Root: root1}},
		IRQ:    func(on bool) { b.irq = on },
		Log:    func(string, ...any) { b.logs++ },
	})
	if err := root0.Add(0, 0, b.Function()); err != nil {
		t.Fatal(err)
	}
	if err := root1.Add(7, 0, pci.IDOnly(0x12345678)); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) get(off uint64) uint32 { return bits.ReverseBytes32(uint32(b.Read(off, 4))) }
func (b *bench) set(off uint64, v uint32) {
	b.Write(off, 4, uint64(bits.ReverseBytes32(v)))
}

// record stores a DMA record, little-endian words.
func (b *bench) record(at uint64, count, src, dst, next uint32) {
	for i, v := range []uint32{count, src, dst, next} {
		b.mem.Write32(at+uint64(4*i), bits.ReverseBytes32(v))
	}
}

// The register table of c7200 reference 4.2.
func TestFixedRegisters(t *testing.T) {
	for _, c := range []struct {
		off            uint64
		gt010, gt120   uint32
		unchangedAfter bool
	}{
		{0x008, 0x000, 0x000, true}, {0x010, 0x7F, 0x7F, true},
		{0x018, 0x080, 0x100, true}, {0x020, 0x7F, 0x7F, true},
		{0x400, 0x00, 0x00, true}, {0x404, 0xFF, 0xFF, true}, {0x408, 0x7F, 0x7F, true}, {0x40C, 0x00, 0x00, true},
		{0x410, 0x00, 0x00, true}, {0x414, 0xFF, 0xFF, true}, {0x418, 0x7F, 0x7F, true}, {0x41C, 0x00, 0x00, true},
		{0xC00, 0x8001, 0x8001, true}, {0xC08, 0xFFF, 0xFFF, true}, {0xC0C, 0xFFF, 0xFFF, true},
		{0x000, 0, 0, true}, {0x048, 0, 0, true}, {0x850, 0, 0, true}, {0x864, 0, 0, true}, {0x870, 0, 0, true},
		{0xC04, 0, 0, true}, {0xC24, 0, 0, true}, {0xC98, 0, 0, true},
	} {
		for model, want := range map[Model]uint32{GT64010: c.gt010, GT64120: c.gt120} {
			b := newBench(t, model)
			if got := b.get(c.off); got != want {
				t.Errorf("model %d, %#x: %#x, want %#x", model, c.off, got, want)
			}
			b.set(c.off, 0x5A5A5A5A)
			if got := b.get(c.off); got != want {
				t.Errorf("model %d, %#x after a write: %#x, want %#x", model, c.off, got, want)
			}
		}
	}
}

func TestStoredRegisters(t *testing.T) {
	b := newBench(t, GT64120)
	for _, base := range []uint64{RegDMACount, RegDMASource, RegDMADest, RegDMANext} {
		for ch := uint64(0); ch < 4; ch++ {
			b.set(base+4*ch, uint32(base<<16+ch))
		}
	}
	for _, base := range []uint64{RegDMACount, RegDMASource, RegDMADest, RegDMANext} {
		for ch := uint64(0); ch < 4; ch++ {
			if got := b.get(base + 4*ch); got != uint32(base<<16+ch) {
				t.Errorf("%#x: %#x", base+4*ch, got)
			}
		}
	}
	b.Write(RegMask, 4, 0x11223344)
	if b.State.Mask != 0x44332211 {
		t.Errorf("mask %#x: the CPU's bytes are reversed", b.State.Mask)
	}
	if got := b.Read(RegCause, 8); got != 0x11223344 {
		t.Errorf("64-bit read of cause and mask %#x", got)
	}
	if got := b.get(RegMask + 1); got != 0 {
		t.Errorf("off the exact offset: %#x", got)
	}
}

func TestConfigPorts(t *testing.T) {
	for _, c := range []struct {
		model    Model
		id       uint32
		class    uint32
		on1      uint32
		latch1   uint32
		absent1  uint32
		absentID uint32
	}{
		{GT64010, 0x014611AB, 0, 0, 0, 0, 0},
		{GT64120, 0x462011AB, 0x03008005, 0x12345678, 0x80003800, 0xFFFFFFFF, 0xFFFFFFFF},
	} {
		b := newBench(t, c.model)
		b.set(RegConfig0Addr, 0x80000000)
		if got := b.get(RegConfig0Data); got != c.id {
			t.Errorf("model %d: ID %#x", c.model, got)
		}
		b.set(RegConfig0Addr, 0x80000008)
		if got := b.get(RegConfig0Data); got != c.class {
			t.Errorf("model %d: class %#x", c.model, got)
		}
		if got := b.get(RegConfig0Addr); got != 0x80000008 {
			t.Errorf("model %d: latch %#x", c.model, got)
		}
		b.set(RegConfig1Addr, 0x80000000)
		if got := b.get(RegConfig1Data); got != c.absentID {
			t.Errorf("model %d: device 0 of bus root 1 answers %#x", c.model, got)
		}
		b.set(RegConfig1Addr, 0x80003800) // device 7
		if got := b.get(RegConfig1Data); got != c.on1 {
			t.Errorf("model %d: device 7 of bus root 1 %#x", c.model, got)
		}
		if got := b.get(RegConfig1Addr); got != c.latch1 {
			t.Errorf("model %d: latch of bus root 1 %#x", c.model, got)
		}
	}
}

// The measured example of c7200 reference 4.4, on every channel.
func TestDMARecord(t *testing.T) {
	for ch := uint64(0); ch < 4; ch++ {
		b := newBench(t, GT64120)
		for i := range 64 {
			b.ram[0x301000+i] = byte(i + 1)
		}
		b.record(0x300000, 32, 0x301000, 0x302000, 0)
		b.set(RegDMANext+4*ch, 0x300000)
		b.set(RegDMAControl+4*ch, 0x3000)
		for _, r := range []struct {
			name string
			off  uint64
			want uint32
		}{
			{"control", RegDMAControl + 4*ch, 0x1000}, {"source", RegDMASource + 4*ch, 0x301000},
			{"destination", RegDMADest + 4*ch, 0x302000}, {"next", RegDMANext + 4*ch, 0},
			{"cause", RegCause, 0x10 << ch},
		} {
			if got := b.get(r.off); got != r.want {
				t.Errorf("channel %d, %s: %#x, want %#x", ch, r.name, got, r.want)
			}
		}
		want := append(bytes.Clone(b.ram[0x301000:0x301020]), make([]byte, 32)...)
		if !bytes.Equal(b.ram[0x302000:0x302040], want) {
			t.Errorf("channel %d copied % x", ch, b.ram[0x302000:0x302040])
		}
	}
}

func TestDMAChain(t *testing.T) {
	for _, c := range []struct {
		what              string
		control, readback uint32
		second            bool
		next              uint32
	}{
		{"chained", 0x3000, 0x1000, true, 0},
		{"not chained: one record", 0x3200, 0x1200, false, 0x300010},
		{"fetched and not enabled", 0x2000, 0x0000, false, 0x300010},
	} {
		b := newBench(t, GT64120)
		b.ram[0x301000], b.ram[0x301004] = 0xAA, 0xBB
		b.record(0x300000, 4, 0x301000, 0x302000, 0x300010)
		b.record(0x300010, 4, 0x301004, 0x302004, 0)
		b.set(RegDMANext, 0x300000)
		b.set(RegDMAControl, c.control)
		if got := b.get(RegDMAControl); got != c.readback {
			t.Errorf("%s: control %#x, want %#x", c.what, got, c.readback)
		}
		if got := b.get(RegDMANext); got != c.next {
			t.Errorf("%s: next %#x, want %#x", c.what, got, c.next)
		}
		if got := b.ram[0x302004] == 0xBB; got != c.second {
			t.Errorf("%s: second record copied: %t", c.what, got)
		}
		wantCause := uint32(0x10)
		if c.control&DMAEnable == 0 {
			wantCause = 0
		}
		if got := b.get(RegCause); got != wantCause {
			t.Errorf("%s: cause %#x", c.what, got)
		}
	}
}

func TestDMANullNext(t *testing.T) {
	b := newBench(t, GT64120)
	b.set(RegDMAControl, 0x3000)
	if got := b.get(RegDMAControl); got != 0x3000 {
		t.Errorf("control %#x", got)
	}
	if got := b.get(RegCause); got != 0 {
		t.Errorf("cause %#x", got)
	}
	if b.logs != 1 {
		t.Errorf("%d log lines", b.logs)
	}
}

// Bit 12 alone repeats the channel's previous transfer.
func TestDMARepeat(t *testing.T) {
	b := newBench(t, GT64120)
	b.record(0x300000, 4, 0x301000, 0x302000, 0)
	b.set(RegDMANext, 0x300000)
	b.set(RegDMAControl, 0x3000)
	b.set(RegCause, 0)
	b.mem.Write32(0x301000, 0xCAFEF00D)
	b.set(RegDMAControl, 0x1000)
	if got := b.mem.Read32(0x302000); got != 0xCAFEF00D {
		t.Errorf("%#x", got)
	}
	if got := b.get(RegCause); got != 0x10 {
		t.Errorf("cause %#x", got)
	}
}

func TestDMACountIs16Bits(t *testing.T) {
	b := newBench(t, GT64120)
	for i := range 0x20 {
		b.ram[0x301000+i] = 0xEE
	}
	b.record(0x300000, 0xABCD0010, 0x301000, 0x302000, 0)
	b.set(RegDMANext, 0x300000)
	b.set(RegDMAControl, 0x3000)
	if b.ram[0x30200F] != 0xEE || b.ram[0x302010] != 0 {
		t.Errorf("% x", b.ram[0x302000:0x302020])
	}
}

func TestDMALargeAndUnaligned(t *testing.T) {
	b := newBench(t, GT64120)
	for i := range 0xFFFF {
		b.ram[0x101003+i] = byte(i * 7)
	}
	b.record(0x300000, 0xFFFF, 0x101003, 0x201FFE, 0)
	b.set(RegDMANext, 0x300000)
	b.set(RegDMAControl, 0x3000)
	if !bytes.Equal(b.ram[0x201FFE:0x201FFE+0xFFFF], b.ram[0x101003:0x101003+0xFFFF]) {
		t.Error("copy differs")
	}
}

func TestDMAThroughTheByteSwappedWindow(t *testing.T) {
	b := newBench(t, GT64120)
	b.mem.Write32(0x301000, 0x11223344)
	b.record(0x300000, 4, 0x301000, 0xC0302000, 0)
	b.set(RegDMANext, 0x300000)
	b.set(RegDMAControl, 0x3000)
	if got := b.mem.Read32(0x302000); got != 0x44332211 {
		t.Errorf("%#x", got)
	}
}

func TestDMAOutOfMemory(t *testing.T) {
	for _, c := range []struct {
		what     string
		src, dst uint32
		copied   int
	}{
		{"source", 0x10000000, 0x302000, 0},
		{"destination", 0x301000, 0x10000000, 0},
		{"source runs out", 0x3FFFF8, 0x302000, 8},
	} {
		b := newBench(t, GT64120)
		for i := 0x301000; i < 0x301020; i++ {
			b.ram[i] = 0x77
		}
		for i := 0x3FFFF8; i < 0x400000; i++ {
			b.ram[i] = 0x77
		}
		b.record(0x300000, 32, c.src, c.dst, 0)
		b.set(RegDMANext, 0x300000)
		b.set(RegDMAControl, 0x3000)
		if got := bytes.Count(b.ram[0x302000:0x302020], []byte{0x77}); got != c.copied {
			t.Errorf("%s: %d bytes copied, want %d", c.what, got, c.copied)
		}
		if got := b.get(RegCause); got != 0x10 {
			t.Errorf("%s: cause %#x", c.what, got)
		}
		if b.logs != 1 {
			t.Errorf("%s: %d log lines", c.what, b.logs)
		}
	}
}

// A list that never ends must not hang the machine.
func TestDMACircular(t *testing.T) {
	b := newBench(t, GT64120)
	b.record(0x300000, 4, 0x301000, 0x302000, 0x300010)
	b.record(0x300010, 4, 0x301004, 0x302004, 0x300000)
	b.mem.Write32(0x301004, 1)
	b.set(RegDMANext, 0x300000)
	b.set(RegDMAControl, 0x3000)
	if b.mem.Read32(0x302004) != 1 || b.get(RegCause) != 0x10 || b.logs != 1 {
		t.Errorf("copied %#x, cause %#x, %d log lines", b.mem.Read32(0x302004), b.get(RegCause), b.logs)
	}
	// A list that writes its own next records moves on for ever as well: each
	// record copies itself, with nothing new, over the next one.
	b = newBench(t, GT64120)
	b.record(0x300000, 0, 0, 0, 0x300000)
	b.set(RegDMANext, 0x300000)
	b.set(RegDMAControl, 0x3000)
	if b.get(RegCause) != 0x10 {
		t.Error("record that names itself")
	}
}

// A list of more bytes than a store may take is cut, and one bad record is told
// of, not a thousand.
func TestDMALongList(t *testing.T) {
	const records = maxBytes/countMask + 10
	b := newBench(t, GT64120)
	list := func(count, src uint32) {
		for i := range uint64(records) {
			b.record(0x300000+16*i, count, src, 0x200000, uint32(0x300000+16*(i+1)))
		}
		b.record(0x300000+16*records, 1, 0x100000, 0x2FFFFF, 0)
		b.ram[0x2FFFFF], b.logs = 0, 0
		b.set(RegDMANext, 0x300000)
		b.set(RegDMAControl, 0x3000)
	}
	b.ram[0x100000] = 0x55
	for _, c := range []struct {
		what       string
		count, src uint32
		last       byte
		logs       int
	}{
		{"many bytes", countMask, 0x100000, 0, 1},
		{"few bytes", 16, 0x100000, 0x55, 0},
		{"no memory", 16, 0x3FFF0000, 0x55, 1},
	} {
		list(c.count, c.src)
		if got := b.ram[0x2FFFFF]; got != c.last || b.logs != c.logs {
			t.Errorf("%s: last byte %#x, %d lines in the log; want %#x, %d", c.what, got, b.logs, c.last, c.logs)
		}
		if b.get(RegCause)&CauseDMA0 == 0 {
			t.Errorf("%s: not completed", c.what)
		}
	}
}

func TestInterrupt(t *testing.T) {
	b := newBench(t, GT64120)
	b.record(0x300000, 0, 0, 0, 0)
	fire := func() { b.set(RegDMANext, 0x300000); b.set(RegDMAControl, 0x3000) }
	for _, s := range []struct {
		what string
		do   func()
		want bool
	}{
		{"masked", fire, false},
		{"unmasked", func() { b.set(RegMask, 0x10) }, true},
		{"writing ones keeps the cause", func() { b.set(RegCause, 0xFFFFFFFF) }, true},
		{"writing 0 to the bit clears it", func() { b.set(RegCause, 0xFFFFFFEF) }, false},
		{"again", fire, true},
		{"masked again", func() { b.set(RegMask, 0xE0) }, false},
		{"other channel", func() { b.set(RegDMANext+4, 0x300000); b.set(RegDMAControl+4, 0x3000) }, true},
		{"reset", b.Reset, false},
	} {
		s.do()
		if b.irq != s.want {
			t.Errorf("%s: IRQ %t", s.what, b.irq)
		}
	}
}

func FuzzRegisters(f *testing.F) {
	f.Add(uint32(0x3000), uint32(0x300000), []byte{32, 0, 0, 0, 0, 0x10, 0x30, 0, 0, 0x20, 0x30, 0, 0, 0, 0x30, 0})
	f.Fuzz(func(t *testing.T, control, next uint32, record []byte) {
		b := newBench(t, GT64120)
		b.mem.WriteAt(uint64(next), record)
		b.set(RegDMANext, next)
		b.set(RegDMAControl, control)
		if control&DMAEnable != 0 && (control&DMAFetchNext == 0 || next != 0) && b.get(RegCause) != 0x10 {
			t.Errorf("cause %#x", b.get(RegCause))
		}
	})
}
