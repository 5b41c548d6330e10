package mem

import "testing"

func TestWatch(t *testing.T) {
	ram := make([]byte, 4*PageSize)
	m := &Map{}
	low := &Region{Name: "ram", Base: 0x10000, Len: uint64(len(ram)), RAM: ram}
	if err := m.Add(low); err != nil {
		t.Fatal(err)
	}
	remaps := 0
	m.OnRemap(func() { remaps++ })

	type write struct{ pa, n uint64 }
	var got []write
	cancel := m.Watch(0x11004, func(pa, n uint64) { got = append(got, write{pa, n}) })
	if cancel == nil {
		t.Fatal("RAM cannot be watched")
	}
	if remaps != 1 {
		t.Errorf("a new watch without OnWatch dropped lookups %d times, want 1", remaps)
	}
	if !low.IsCode(0x1000) || low.IsCode(0) || low.IsCode(0x2000) {
		t.Error("exactly the watched page must be off the fast write path")
	}

	high := &Region{Name: "alias", Base: 0x1_0000_0000, Len: uint64(len(ram)), RAM: ram}
	if err := m.Add(high); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		do   func()
		want []write
	}{
		{"word in the page", func() { m.Write32(0x11004, 1) }, []write{{0x11004, 4}}},
		{"page before", func() { m.Write32(0x10ffc, 1) }, nil},
		{"DMA over three pages", func() { m.WriteAt(0x10ff0, make([]byte, 0x1020)) }, []write{{0x11000, 0x1000}}},
		{"through an alias", func() { m.Write32(0x1_0000_1008, 1) }, []write{{0x11008, 4}}},
		{"store by the CPU", func() { m.Written(low, 0x1010, 1) }, []write{{0x11010, 1}}},
	} {
		got = nil
		c.do()
		if len(got) != len(c.want) || len(got) > 0 && got[0] != c.want[0] {
			t.Errorf("%s: told of %x, want %x", c.name, got, c.want)
		}
	}

	low.MarkCode(0x1000)
	dropped := 0
	m.OnCodeWrite(func(uint64) { dropped++ })
	m.Write32(0x11000, 1)
	m.Write32(0x11000, 1)
	if dropped != 1 {
		t.Errorf("decoded code dropped %d times, want 1", dropped)
	}
	if !low.IsCode(0x1000) {
		t.Error("dropping code ended the watch")
	}

	cancel()
	got = nil
	m.Write32(0x11004, 2)
	m.Write32(0x1_0000_1004, 2)
	if got != nil {
		t.Error("cancelled watch was told of a write")
	}
	if low.IsCode(0x1000) || high.IsCode(0x1000) {
		t.Error("page still marked after the last watch ended")
	}

	var watched []uint64
	m.OnWatch(func(pa uint64) { watched = append(watched, pa) })
	var again func()
	again = m.Watch(0x12000, func(uint64, uint64) { again() }) // cancels itself
	if len(watched) != 2 {
		t.Errorf("OnWatch was told of %x, want the page in both regions", watched)
	}
	m.Write32(0x12000, 1)
	m.Write32(0x12000, 1)
}

func TestWatchNeedsRAM(t *testing.T) {
	m := &Map{}
	if err := m.Add(&Region{Name: "rom", Base: 0, Len: PageSize, RAM: make([]byte, PageSize), ReadOnly: true}); err != nil {
		t.Fatal(err)
	}
	for _, pa := range []uint64{0, 0x5000} {
		if m.Watch(pa, func(uint64, uint64) {}) != nil {
			t.Errorf("address %#x was watched, but holds no writable memory", pa)
		}
	}
}
