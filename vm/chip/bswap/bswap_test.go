package bswap

import (
	"bytes"
	"testing"

	"dynemu/vm/mem"
)

// device records the last access.
type device struct {
	off, v uint64
	size   int
}

func (d *device) Read(off uint64, size int) uint64     { d.off, d.size = off, size; return d.v }
func (d *device) Write(off uint64, size int, v uint64) { d.off, d.size, d.v = off, size, v }

func fixture(t *testing.T) (*mem.Map, *Window, *device) {
	m, d := &mem.Map{}, &device{}
	for _, r := range []*mem.Region{
		{Name: "ram", Base: 0, Len: 0x1000, RAM: make([]byte, 0x1000)},
		{Name: "dev", Base: 0x2000, Len: 0x100, Dev: d},
	} {
		if err := m.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	return m, &Window{Mem: m}, d
}

// The values measured for RAM word 0x11223344 (c7200 reference, 2.4).
func TestReads(t *testing.T) {
	m, w, _ := fixture(t)
	m.Write32(0x100, 0x11223344)
	m.Write32(0x104, 0x55667788)
	for _, c := range []struct {
		off  uint64
		size int
		want uint64
	}{
		{0x100, 4, 0x44332211},
		{0x100, 2, 0x4433}, {0x102, 2, 0x2211},
		{0x100, 1, 0x44}, {0x101, 1, 0x33}, {0x102, 1, 0x22}, {0x103, 1, 0x11},
		{0x100, 8, 0x4433221188776655},
	} {
		if got := w.Read(c.off, c.size); got != c.want {
			t.Errorf("read of %d at %#x: %#x, want %#x", c.size, c.off, got, c.want)
		}
	}
}

func TestWrites(t *testing.T) {
	for _, c := range []struct {
		off  uint64
		size int
		v    uint64
		want uint32
	}{
		{0x100, 2, 0xAABB, 0x1122BBAA},
		{0x102, 2, 0xAABB, 0xBBAA3344},
		{0x100, 1, 0xAA, 0x112233AA},
		{0x103, 1, 0xAA, 0xAA223344},
		{0x100, 4, 0xAABBCCDD, 0xDDCCBBAA},
		{0x100, 8, 0xAABBCCDD00112233, 0xDDCCBBAA},
	} {
		m, w, _ := fixture(t)
		m.Write32(0x100, 0x11223344)
		w.Write(c.off, c.size, c.v)
		if got := m.Read32(0x100); got != c.want {
			t.Errorf("write of %d at %#x: RAM word %#x, want %#x", c.size, c.off, got, c.want)
		}
		if got := m.Read32(0x104); c.size == 8 && got != 0x33221100 {
			t.Errorf("second word %#x", got)
		}
	}
}

func TestDevicesAreServed(t *testing.T) {
	_, w, d := fixture(t)
	d.v = 0x01020304
	if got := w.Read(0x2010, 4); got != 0x04030201 || d.off != 0x10 || d.size != 4 {
		t.Errorf("word read %#x, device saw offset %#x size %d", got, d.off, d.size)
	}
	w.Write(0x2021, 1, 0x5A)
	if d.off != 0x22 || d.size != 1 || d.v != 0x5A {
		t.Errorf("byte write: device saw %+v", *d)
	}
	w.Write(0x2030, 2, 0x1234)
	if d.off != 0x32 || d.size != 2 || d.v != 0x3412 {
		t.Errorf("half-word write: device saw %+v", *d)
	}
}

func TestUndefined(t *testing.T) {
	_, w, _ := fixture(t)
	for _, size := range []int{1, 2, 4, 8} {
		w.Write(0x8000, size, 0xFF)
		if got := w.Read(0x8000, size); got != 0 {
			t.Errorf("size %d: %#x", size, got)
		}
	}
}

func TestBase(t *testing.T) {
	m, _, _ := fixture(t)
	m.Write32(0x104, 0x11223344)
	w := &Window{Mem: m, Base: 0x100}
	if got := w.Read(4, 4); got != 0x44332211 {
		t.Errorf("%#x", got)
	}
}

// Bus masters see through the window, but not to devices.
func TestBusMaster(t *testing.T) {
	m, w, d := fixture(t)
	if err := m.Add(&mem.Region{Name: "swapped", Base: 0xC0000000, Len: 0x4000, Dev: w}); err != nil {
		t.Fatal(err)
	}
	b := m.Bus()
	m.Write32(0x100, 0x11223344)
	m.Write32(0x104, 0x55667788)
	got := make([]byte, 5)
	b.ReadAt(0xC0000101, got)
	if want := []byte{0x33, 0x22, 0x11, 0x88, 0x77}; !bytes.Equal(got, want) {
		t.Errorf("read % x, want % x", got, want)
	}
	b.WriteAt(0xC0000102, []byte{0xAA, 0xBB, 0xCC})
	if a, c := m.Read32(0x100), m.Read32(0x104); a != 0xBBAA3344 || c != 0x556677CC {
		t.Errorf("written: %08X %08X", a, c)
	}
	d.v = 0x12345678
	if b.Write32(0xC0002000, 1); d.v != 0x12345678 || b.Read32(0xC0002000) != 0 {
		t.Error("a device answers a bus master")
	}
}
