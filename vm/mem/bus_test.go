package mem

import (
	"bytes"
	"testing"
)

// untouched is a device that must not be reached.
type untouched struct{ t *testing.T }

func (r untouched) Read(off uint64, size int) uint64 {
	r.t.Errorf("read of %d bytes at %#x", size, off)
	return ^uint64(0)
}

func (r untouched) Write(off uint64, size int, v uint64) {
	r.t.Errorf("write of %d bytes at %#x", size, off)
}

// view shows the memory at base as it is.
type view struct {
	untouched
	base uint64
}

func (v view) ReadThrough(b *Bus, off uint64, p []byte)  { b.ReadAt(v.base+off, p) }
func (v view) WriteThrough(b *Bus, off uint64, p []byte) { b.WriteAt(v.base+off, p) }

func TestBus(t *testing.T) {
	m := &Map{}
	ram, rom := make([]byte, 0x3000), bytes.Repeat([]byte{0x77}, 0x1000)
	for _, r := range []*Region{
		{Name: "ram", Len: 0x3000, RAM: ram},
		{Name: "rom", Base: 0x4000, Len: 0x1000, RAM: rom, ReadOnly: true},
		{Name: "over the ram", Base: 0x1004, Len: 6, Dev: untouched{t}},
		{Name: "registers", Base: 0x8000, Len: 0x100, Dev: untouched{t}},
		{Name: "view", Base: 0x10000, Len: 0x9000, Dev: view{untouched{t}, 0}},
	} {
		if err := m.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	b := m.Bus()
	written := 0
	cancel := b.Watch(0x1000, func(pa, n uint64) { written += int(n) })
	defer cancel()
	b.WriteAt(0x1000, []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
	got := make([]byte, 12)
	b.ReadAt(0x1000, got)
	if want := []byte{1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 11, 12}; !bytes.Equal(got, want) || !bytes.Equal(ram[0x1004:0x100A], make([]byte, 6)) {
		t.Errorf("around registers: % x, want % x", got, want)
	}
	if written != 6 {
		t.Errorf("%d bytes were told to the watch, want 6", written)
	}
	b.ReadAt(0x11000, got)
	if want := []byte{1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 11, 12}; !bytes.Equal(got, want) {
		t.Errorf("through the view: % x, want % x", got, want)
	}
	b.Write32(0x12000, 0xA1A2A3A4)
	b.Write32(0x8000, 1)
	b.Write32(0x4000, 1)
	b.Write32(0x20000, 1)
	for pa, want := range map[uint64]uint32{
		0x2000: 0xA1A2A3A4, 0x12000: 0xA1A2A3A4, 0x8000: 0, 0x18000: 0, 0x80FC: 0, 0x4000: 0x77777777, 0x20000: 0, 0x18FFE: 0,
	} {
		if got := b.Read32(pa); got != want {
			t.Errorf("word at %#x: %08X, want %08X", pa, got, want)
		}
	}
}
