package mem

import (
	"bytes"
	"testing"
)

// register is a device of one 32-bit register at offset 4.
type register struct {
	v     uint32
	sizes []int
}

func (r *register) Read(off uint64, size int) uint64 {
	r.sizes = append(r.sizes, size)
	if off == 4 {
		return uint64(r.v)
	}
	return 0
}

func (r *register) Write(off uint64, size int, v uint64) {
	r.sizes = append(r.sizes, size)
	if off == 4 {
		r.v = uint32(v)
	}
}

func newMap(t *testing.T, regions ...*Region) *Map {
	t.Helper()
	m := &Map{}
	for _, r := range regions {
		if err := m.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func ram(name string, base uint64, pages int) *Region {
	n := pages * PageSize
	return &Region{Name: name, Base: base, Len: uint64(n), RAM: make([]byte, n), Cacheable: true}
}

func TestLookup(t *testing.T) {
	main := ram("ram", 0, 16)
	dev := &Region{Name: "device", Base: 0x2000, Len: 0x100, Dev: &register{}}
	m := newMap(t, main, dev)
	for _, c := range []struct {
		pa     uint64
		cached bool
		want   *Region
	}{
		{0, false, main},
		{0x2000, false, dev}, // a device lies over RAM
		{0x2000, true, main}, // and is not seen by cached accesses
		{0x20ff, false, dev},
		{0x2100, false, main},
		{0x10000, false, nil},
		{^uint64(0), false, nil},
	} {
		if got := m.Find(c.pa, c.cached); got != c.want {
			t.Errorf("Find(%#x, cached=%v) = %v", c.pa, c.cached, got)
		}
	}
}

func TestBusMasterAccess(t *testing.T) {
	reg := &register{}
	m := newMap(t, ram("ram", 0, 2),
		&Region{Name: "device", Base: 0x1000, Len: 0x10, Dev: reg},
		&Region{Name: "rom", Base: 0x4000, Len: PageSize, RAM: bytes.Repeat([]byte{7}, PageSize), ReadOnly: true})

	m.Write32(0x100, 0x11223344)
	if got := m.Read32(0x100); got != 0x11223344 {
		t.Errorf("Read32 = %#x", got)
	}
	b := make([]byte, 6)
	m.ReadAt(0xff, b)
	if want := []byte{0, 0x11, 0x22, 0x33, 0x44, 0}; !bytes.Equal(b, want) {
		t.Errorf("ReadAt = % x, want % x: RAM is big-endian", b, want)
	}

	// A transfer that runs from RAM over the device and into RAM again.
	p := bytes.Repeat([]byte{0xee}, 0x20)
	copy(p[0x0c:], []byte{1, 2, 3, 4})
	m.WriteAt(0x0ff8, p)
	if reg.v != 0x01020304 {
		t.Errorf("device register = %#x, want 0x01020304", reg.v)
	}
	m.ReadAt(0x1010, b[:4])
	if !bytes.Equal(b[:4], []byte{0xee, 0xee, 0xee, 0xee}) {
		t.Errorf("RAM behind the device = % x", b[:4])
	}
	for _, s := range reg.sizes {
		if s != 4 {
			t.Errorf("aligned device bytes were accessed in units of %d", s)
		}
	}

	m.Write32(0x4000, 1)
	m.WriteAt(0x4004, []byte{1})
	if m.Read32(0x4000) != 0x07070707 || m.Read32(0x4004) != 0x07070707 {
		t.Error("a ROM was written")
	}
	m.WriteAt(0x9000, []byte{1, 2, 3})
	if m.Read32(0x9000) != 0 {
		t.Error("an undefined address does not read 0")
	}
}

func TestCodeMarks(t *testing.T) {
	main := ram("ram", 0x10000, 4)
	m := newMap(t, main)
	var dropped []uint64
	m.OnCodeWrite(func(pa uint64) { dropped = append(dropped, pa) })
	main.MarkCode(0x1234)
	m.Write32(0x10000, 1) // another page
	if len(dropped) != 0 {
		t.Fatalf("a write to another page dropped %#x", dropped)
	}
	m.WriteAt(0x10ffe, []byte{1, 2, 3, 4}) // into the marked page from before it
	m.Write32(0x11008, 1)                  // the mark is gone by now
	if len(dropped) != 1 || dropped[0] != 0x11000 {
		t.Fatalf("dropped %#x, want [0x11000] once", dropped)
	}
	if main.IsCode(0x1234) {
		t.Error("the mark is still set")
	}
}

func TestMoveRemaps(t *testing.T) {
	dev := &Region{Name: "window", Base: 0x1000, Len: 0x80, Dev: &register{}}
	m := newMap(t, dev)
	n := 0
	m.OnRemap(func() { n++ })
	if err := m.Move(dev, 0x48000000); err != nil {
		t.Fatal(err)
	}
	if n == 0 {
		t.Error("nobody was told of the move")
	}
	if m.Find(0x1000, false) != nil || m.Find(0x48000010, false) != dev {
		t.Error("the window is not where it was moved")
	}
	m.Remove(dev)
	m.Remove(dev)
	if m.Find(0x48000010, false) != nil {
		t.Error("a removed region still answers")
	}
}

func TestAddRefuses(t *testing.T) {
	for name, r := range map[string]*Region{
		"empty":           {Name: "x", Dev: &register{}},
		"nothing behind":  {Name: "x", Len: 4},
		"both":            {Name: "x", Len: PageSize, RAM: make([]byte, PageSize), Dev: &register{}},
		"short memory":    {Name: "x", Len: 2 * PageSize, RAM: make([]byte, PageSize)},
		"unaligned":       {Name: "x", Base: 0x10, Len: PageSize, RAM: make([]byte, PageSize)},
		"length not page": {Name: "x", Len: 100, RAM: make([]byte, 100)},
	} {
		if err := (&Map{}).Add(r); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// FuzzBusMaster checks that a bus master's transfer at any address is the same
// as the bytes read back one by one.
func FuzzBusMaster(f *testing.F) {
	f.Add(uint64(0xff8), []byte("across a device and back into memory, and past the end"))
	f.Fuzz(func(t *testing.T, pa uint64, p []byte) {
		pa %= 0x5000
		m := newMap(t, ram("ram", 0, 2), ram("more", 0x3000, 1))
		m.WriteAt(pa, p)
		q := make([]byte, len(p))
		m.ReadAt(pa, q)
		for i := range p {
			var one [1]byte
			m.ReadAt(pa+uint64(i), one[:])
			want := p[i]
			if m.Find(pa+uint64(i), false) == nil {
				want = 0
			}
			if q[i] != want || one[0] != want {
				t.Fatalf("byte %#x is %#x, alone %#x, want %#x", pa+uint64(i), q[i], one[0], want)
			}
		}
	})
}

// What bus masters find follows every change of the map.
func TestBusMasterSeesChangesOfTheMap(t *testing.T) {
	low, high := ram("low", 0, 2), ram("high", 0x8000, 2)
	reg := &register{v: 0xdddddddd}
	dev := &Region{Name: "device", Base: 0x900, Len: 0x10, Dev: reg}
	m := newMap(t, low, high)
	m.Write32(0x904, 0x11111111)
	m.Write32(0x8904, 0x22222222)
	want := func(when string, at904, at8904 uint32) {
		t.Helper()
		for pa, w := range map[uint64]uint32{0x904: at904, 0x8904: at8904} {
			b := make([]byte, 4)
			if m.ReadAt(pa, b); m.Read32(pa) != w || getBE(b) != uint64(w) {
				t.Errorf("%s: %#x reads %#x and % x, want %#x", when, pa, m.Read32(pa), b, w)
			}
		}
	}
	want("at first", 0x11111111, 0x22222222)
	if err := m.Add(dev); err != nil {
		t.Fatal(err)
	}
	want("device over RAM", 0xdddddddd, 0x22222222)
	// The rest of its page is RAM still, up to its edges.
	p := bytes.Repeat([]byte{7}, PageSize)
	m.WriteAt(0, p)
	if low.RAM[0x8ff] != 7 || low.RAM[0x900] != 0 || low.RAM[0x90f] != 0 || low.RAM[0x910] != 7 || reg.v != 0x07070707 {
		t.Error("a page with a device in it was not written right")
	}
	if err := m.Move(dev, 0x8900); err != nil {
		t.Fatal(err)
	}
	want("device over other RAM", 0x11111111, 0x07070707)
	if err := m.Move(high, 0x20000); err != nil {
		t.Fatal(err)
	}
	m.Remove(dev)
	want("RAM is gone", 0x11111111, 0)
	if m.Read32(0x20904) != 0x22222222 {
		t.Error("RAM that was moved is not found")
	}
	high.ReadOnly = true // a flash locks
	m.Write32(0x20904, 1)
	m.WriteAt(0x20908, []byte{1})
	if m.Read32(0x20904) != 0x22222222 || m.Read32(0x20908) != 0 {
		t.Error("locked memory was written")
	}
}

func BenchmarkBusMaster(b *testing.B) {
	m := &Map{}
	for i := range 30 { // as many as a router has
		r := &Region{Name: "device", Base: uint64(0x1000_0000 + i<<16), Len: 0x100, Dev: &register{}}
		if err := m.Add(r); err != nil {
			b.Fatal(err)
		}
	}
	if err := m.Add(ram("ram", 0, 64)); err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 64)
	for b.Loop() {
		m.Read32(0x4000)
		m.ReadAt(0x8000, buf)
		m.WriteAt(0x9000, buf)
		m.Write32(0x4000, 0)
	}
}
