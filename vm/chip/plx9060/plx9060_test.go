package plx9060

import (
	"encoding/binary"
	"testing"

	"dynemu/vm/chip/chiptest"
)

// space records where a local address space is.
type space struct {
	base, size uint64
	places     int
}

func (s *space) Place(base, size uint64) { s.base, s.size, s.places = base, size, s.places+1 }

type rig struct {
	*chiptest.Rig
	chip  *Chip
	space [Spaces]space
	rung  []uint32
}

func newRig(t *testing.T, m Model) *rig {
	r := &rig{Rig: chiptest.New(t)}
	r.chip = New(Config{
		Model: m, Window: r, Space: [Spaces]Space{&r.space[0], &r.space[1]},
		Doorbell: func(v uint32) { r.rung = append(r.rung, v) },
	})
	return r
}

func (r *rig) wantSpace(when string, i int, base, size uint64) {
	r.Helper()
	if s := r.space[i]; s.base != base || s.size != size {
		r.Errorf("%s: space %d is %#x bytes at %#x, want %#x at %#x", when, i, s.size, s.base, size, base)
	}
}

// Section 15; the ranges are those of section 22, item 21.
func TestLocalSpace(t *testing.T) {
	r := newRig(t, PCI9060)
	r.WantWord("range after reset", uint32(r.chip.Read(RegRange0, 4)), 0xFFF00000)
	r.wantSpace("after reset", 0, 0, 0)
	r.chip.ConfigWrite(0x18, 0x48500000)
	r.wantSpace("with a base", 0, 0x48500000, 0x100000)
	r.chip.Write(RegRange0, 4, 0xFFC00000)
	r.wantSpace("with a greater range", 0, 0x48500000, 0x400000)
	r.WantWord("range", uint32(r.chip.Read(RegRange0, 4)), 0xFFC00000)
	r.chip.Write(RegRange0, 4, 0xFFFF000F) // attributes in the low bits
	r.wantSpace("with attributes", 0, 0x48500000, 0x10000)
	r.WantWord("range", uint32(r.chip.Read(RegRange0, 4)), 0xFFFF000F)
	r.chip.ConfigWrite(0x18, 0xFFFFFFFF)
	r.wantSpace("while sized", 0, 0, 0)
	r.WantWord("size mask", r.chip.ConfigRead(0x18), 0xFFFF0000)
	r.chip.ConfigWrite(0x18, 0x4850000F)
	r.WantWord("base", r.chip.ConfigRead(0x18), 0x48500000)
	r.wantSpace("again", 0, 0x48500000, 0x10000)
	r.chip.Write(RegRange0, 4, 0) // the whole bus: Dynamips' length overflows to 0
	r.wantSpace("with an empty range", 0, 0x48500000, 0)
	r.chip.Write(RegRange0, 4, 0x80000000)
	r.wantSpace("with the greatest range", 0, 0x48500000, 0x80000000)
	r.chip.ConfigWrite(0x18, 0)
	r.wantSpace("with base 0", 0, 0, 0)
	r.chip.ConfigWrite(0x18, 0x48500000)
	r.chip.Reset()
	r.wantSpace("after reset", 0, 0, 0)
	r.WantWord("range after reset", uint32(r.chip.Read(RegRange0, 4)), 0xFFF00000)
}

func TestSecondSpace(t *testing.T) {
	for _, c := range []struct {
		model Model
		size  uint64
		want  uint32
	}{{PCI9060, 0, 0}, {PCI9054, 0x20000, 0xFFFE0000}} {
		r := newRig(t, c.model)
		r.chip.ConfigWrite(0x1C, 0x49000000)
		r.chip.Write(RegRange1, 4, 0xFFFE0000)
		r.WantWord("range 1", uint32(r.chip.Read(RegRange1, 4)), c.want)
		if got := r.space[1].size; got != c.size {
			t.Errorf("model %d: space 1 is %#x bytes, want %#x", c.model, got, c.size)
		}
		r.wantSpace("not touched", 0, 0, 0)
	}
}

func TestDoorbells(t *testing.T) {
	r := newRig(t, PCI9054)
	r.chip.Write(RegToLocal, 4, 0x12345678)
	if len(r.rung) != 1 || r.rung[0] != 0x12345678 {
		t.Errorf("rung with %08X", r.rung)
	}
	r.WantWord("doorbell to local", uint32(r.chip.Read(RegToLocal, 4)), 0)
	r.chip.State.ToPCI = 0xF0
	r.WantWord("doorbell to PCI", uint32(r.chip.Read(RegToPCI, 4)), 0xF0)
	r.chip.Write(RegToPCI, 4, 0x30)
	r.WantWord("doorbell to PCI after a clear", uint32(r.chip.Read(RegToPCI, 4)), 0xC0)
	for _, off := range []uint64{0x04, 0x40, 0x68, 0x6C, 0xFFC} {
		r.chip.Write(off, 4, 0xFFFFFFFF)
		r.WantWord("other register", uint32(r.chip.Read(off, 4)), 0)
	}
}

func TestConfigurationSpace(t *testing.T) {
	for model, id := range map[Model]uint32{PCI9060: 0x906010B5, PCI9054: 0x905410B5} {
		r := newRig(t, model)
		r.WantConfig(r.chip, id, 0x10, 0x1000, map[uint8]uint32{0x04: 0x0147, 0x08: 0, 0x14: 0, 0x20: 0, 0x2C: 0})
	}
}

// The PCI 9060ES is an ID and nothing else.
func TestPCI9060ES(t *testing.T) {
	r := newRig(t, PCI9060ES)
	r.WantWord("ID", r.chip.ID(), 0x906E10B5)
	for _, reg := range []uint8{0x08, 0x10, 0x14, 0x18, 0x1C, 0x3C} {
		r.chip.ConfigWrite(reg, 0x48000000)
		r.WantWord("register", r.chip.ConfigRead(reg), 0)
	}
	if r.Mapped {
		t.Error("registers in the map")
	}
}

// FuzzGuest plays a guest that knows nothing: no space is ever larger than the
// bus of 4 GiB.
func FuzzGuest(f *testing.F) {
	f.Add(true, []byte{1, 0x18, 0x48, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0xF0, 0, 0, 0, 1, 1, 0x1C, 1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, second bool, script []byte) {
		m := PCI9060
		if second {
			m = PCI9054
		}
		r := newRig(t, m)
		chiptest.Play(script, func(op, x byte, v uint32, rest []byte) {
			switch op % 2 {
			case 0:
				r.chip.Write(uint64(x), 1<<(op/2%4), uint64(v))
				r.chip.Read(uint64(binary.BigEndian.Uint16(append(rest[:len(rest):len(rest)], 0, 0))), 4)
			case 1:
				r.chip.ConfigWrite(x, v)
				r.chip.ConfigRead(x)
			}
			for i, s := range r.space {
				if s.base+s.size > 1<<33 || s.size != 0 && s.base == 0 {
					t.Fatalf("space %d is %#x bytes at %#x", i, s.size, s.base)
				}
			}
		})
	})
}
