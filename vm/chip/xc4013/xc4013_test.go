package xc4013

import (
	"fmt"
	"testing"

	"dynemu/vm/chip/chiptest"
)

// munich records the accesses to what is behind the array.
type munich struct{ got []string }

func (m *munich) Read(off uint64, size int) uint64 {
	m.got = append(m.got, fmt.Sprintf("read %d at %#x", size, off))
	return 0x55
}

func (m *munich) Write(off uint64, size int, v uint64) {
	m.got = append(m.got, fmt.Sprintf("write %d at %#x: %#x", size, off, v))
}

type rig struct {
	*chiptest.Rig
	chip   *Chip
	munich munich
	active int
}

func newRig(t *testing.T) *rig {
	r := &rig{Rig: chiptest.New(t)}
	r.chip = New(Config{Munich: &r.munich, Window: r, Activated: func() { r.active++ }})
	return r
}

func (r *rig) get(off uint64) uint32 { return uint32(r.chip.Read(off, 4)) }

// Section 17.
func TestRegisters(t *testing.T) {
	r := newRig(t)
	for off, want := range map[uint64]uint32{
		0x40000: 0xFFFF, 0x40008: 0xFF, 0x40020: 0xFFFFFFFF, 0x40021: 0xFF, 0x40023: 0xFF, 0x40030: 0xFF,
		0x40040: 0x04, 0x40044: 0xFF, 0: 0xFFFFFFFF, 7: 0xFFFFFFFF, 0x40004: 0xFFFFFFFF, 0x7FFFFC: 0xFFFFFFFF,
	} {
		r.chip.Write(off, 4, 0)
		r.WantWord(fmt.Sprintf("register %06X", off), r.get(off), want)
	}
	if len(r.munich.got) != 0 {
		t.Errorf("reached the Munich32: %q", r.munich.got)
	}
}

func TestMunich(t *testing.T) {
	r := newRig(t)
	r.WantWord("the first word", r.get(8), 0x55)
	r.chip.Write(0x3FFFF, 1, 0xAA)
	if want := `["read 4 at 0x0" "write 1 at 0x3fff7: 0xaa"]`; fmt.Sprintf("%q", r.munich.got) != want {
		t.Errorf("%q, want %s", r.munich.got, want)
	}
}

func TestSID(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct{ command, answer uint32 }{{0x00, 0x03}, {0x20, 0x0C}, {0x92, 0xB0}, {0xFF, 0x03}} {
		before := r.active
		r.chip.Write(0x40050, 1, uint64(c.command))
		r.WantWord(fmt.Sprintf("answer to %02X", c.command), r.get(0x40050), c.answer)
		if told := r.active - before; (told == 1) != (c.command == 0x20) {
			t.Errorf("command %02X: told %d times", c.command, told)
		}
	}
}

func TestConfigurationSpace(t *testing.T) {
	r := newRig(t)
	r.chip.Write(0x40050, 1, 0x20)
	r.WantConfig(r.chip, 0x401310EE, 0x10, 0x800000, map[uint8]uint32{0x04: 0x0147, 0x08: 0, 0x14: 0, 0x2C: 0})
	r.WantWord("answer after a reset", r.get(0x40050), 0x03)
}

// FuzzGuest plays a guest that knows nothing: what it reaches of the Munich32
// is inside of it.
func FuzzGuest(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 8, 1, 0, 0, 4, 0, 0x50, 2, 0x10, 0x48, 0, 0, 0})
	f.Fuzz(func(t *testing.T, script []byte) {
		r := newRig(t)
		chiptest.Play(script, func(op, x byte, v uint32, rest []byte) {
			switch size := 1 << (x % 4); op % 3 {
			case 0:
				r.chip.Read(uint64(v)%WindowSize, size)
			case 1:
				r.chip.Write(uint64(v)%WindowSize, size, uint64(v))
			case 2:
				r.chip.ConfigWrite(x, v)
				r.chip.ConfigRead(x)
			}
			for _, access := range r.munich.got {
				var size int
				var off uint64
				if _, err := fmt.Sscanf(access, "read %d at 0x%x", &size, &off); err == nil && off >= lenMunich {
					t.Fatal(access)
				}
			}
			r.munich.got = nil
		})
	})
}
