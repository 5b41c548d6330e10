package pci

import "testing"

// address builds a configuration address.
func address(bus, device, function, reg int) uint32 {
	return 1<<31 | uint32(bus)<<16 | uint32(device)<<11 | uint32(function)<<8 | uint32(reg)
}

func read(p *Port, bus, device, reg int) uint32 {
	p.SetAddress(address(bus, device, 0, reg))
	return p.ReadData()
}

func write(p *Port, bus, device, reg int, v uint32) {
	p.SetAddress(address(bus, device, 0, reg))
	p.WriteData(v)
}

func add(t *testing.T, b *Bus, device int, f Function) {
	t.Helper()
	if err := b.Add(device, 0, f); err != nil {
		t.Fatal(err)
	}
}

// tree is a root with a bridge at 1 and 2, each with a function at device 4
// behind it.
func tree(t *testing.T) (*Port, *Bus, *Bus) {
	root, a, b := &Bus{}, &Bus{}, &Bus{}
	add(t, root, 1, &Bridge{DeviceID: DEC21150, Behind: a})
	add(t, root, 2, &Bridge{DeviceID: DEC21050, Behind: b})
	add(t, a, 4, IDOnly(0xAAAA1111))
	add(t, b, 4, IDOnly(0xBBBB1111))
	return &Port{Root: root}, a, b
}

func TestAbsent(t *testing.T) {
	p, _, _ := tree(t)
	for _, c := range []struct {
		what             string
		bus, device, reg int
		want             uint32
	}{
		{"ID of an absent device", 0, 9, 0, 0xFFFFFFFF},
		{"other register of an absent device", 0, 9, 8, 0},
		{"ID on an absent bus", 7, 0, 0, 0xFFFFFFFF},
		{"other register on an absent bus", 7, 0, 4, 0},
		{"register number 1 is not register 0", 0, 9, 1, 0},
	} {
		if got := read(p, c.bus, c.device, c.reg); got != c.want {
			t.Errorf("%s: %#x, want %#x", c.what, got, c.want)
		}
	}
	write(p, 0, 9, 0x10, 1) // ignored
}

func TestBridgeRegisters(t *testing.T) {
	p, _, _ := tree(t)
	if got := read(p, 0, 1, 0); got != 0x00231011 {
		t.Errorf("ID %#x", got)
	}
	if got := read(p, 0, 1, 8); got != 0x06040000 {
		t.Errorf("class %#x", got)
	}
	if got := read(p, 0, 1, 0x18); got != 0 {
		t.Errorf("bus numbers before programming %#x", got)
	}
	write(p, 0, 1, 0x18, 0x40050100)
	if got := read(p, 0, 1, 0x18); got != 0x40050100 {
		t.Errorf("bus numbers read back %#x", got)
	}
	write(p, 0, 1, 0x04, 7)
	write(p, 0, 1, 0x00, 7)
	if got := read(p, 0, 1, 4); got != 0 {
		t.Errorf("command register reads %#x", got)
	}
	if got := read(p, 0, 1, 0); got != 0x00231011 {
		t.Errorf("ID after a write %#x", got)
	}
}

func TestUnprogrammedBridgeHidesItsBus(t *testing.T) {
	p, _, _ := tree(t)
	for bus := 1; bus < 256; bus++ {
		if got := read(p, bus, 4, 0); got != 0xFFFFFFFF {
			t.Fatalf("bus %d answers %#x", bus, got)
		}
	}
}

func TestRenumbering(t *testing.T) {
	p, _, _ := tree(t)
	write(p, 0, 1, 0x18, 0x00010100)
	write(p, 0, 2, 0x18, 0x00020200)
	if got := read(p, 1, 4, 0); got != 0xAAAA1111 {
		t.Errorf("bus 1: %#x", got)
	}
	if got := read(p, 2, 4, 0); got != 0xBBBB1111 {
		t.Errorf("bus 2: %#x", got)
	}
	write(p, 0, 1, 0x18, 0x00090900)
	if got := read(p, 1, 4, 0); got != 0xFFFFFFFF {
		t.Errorf("old number still answers %#x", got)
	}
	if got := read(p, 9, 4, 0); got != 0xAAAA1111 {
		t.Errorf("new number: %#x", got)
	}
}

func TestOverlapGoesToTheBridgeAddedLast(t *testing.T) {
	p, _, _ := tree(t)
	write(p, 0, 1, 0x18, 0x00010100)
	write(p, 0, 2, 0x18, 0x00010100)
	if got := read(p, 1, 4, 0); got != 0xBBBB1111 {
		t.Errorf("%#x", got)
	}
}

func TestTwoLevels(t *testing.T) {
	p, a, _ := tree(t)
	deep := &Bus{}
	add(t, deep, 0, IDOnly(0xDEE91111))
	add(t, a, 7, &Bridge{DeviceID: DEC21150, Behind: deep})
	write(p, 0, 1, 0x18, 0x00030100)
	write(p, 1, 7, 0x18, 0x00020201)
	if got := read(p, 2, 0, 0); got != 0xDEE91111 {
		t.Errorf("second level: %#x", got)
	}
	write(p, 0, 1, 0x18, 0x00010100) // subordinate shrunk: cut off
	if got := read(p, 2, 0, 0); got != 0xFFFFFFFF {
		t.Errorf("beyond the subordinate number: %#x", got)
	}
}

func TestBridgeWithNothingBehind(t *testing.T) {
	root := &Bus{}
	add(t, root, 1, &Bridge{DeviceID: DEC21050})
	p := &Port{Root: root}
	write(p, 0, 1, 0x18, 0x00FF0100)
	if got := read(p, 1, 0, 0); got != 0xFFFFFFFF {
		t.Errorf("%#x", got)
	}
}

// The hidden bridge binds its bus to the first number that is looked for at or
// behind the bus that it sits on, until reset (c7200 reference, 5.4).
func TestHiddenBridge(t *testing.T) {
	p, a, _ := tree(t)
	hidden := &Bus{}
	add(t, hidden, 16, IDOnly(0x11001013))
	a.SetHidden(hidden)
	steps := []struct {
		what        string
		program     uint32
		bus, device int
		want        uint32
	}{
		{"not reachable before programming", 0, 2, 16, 0xFFFFFFFF},
		{"the bus itself", 0x00030100, 1, 4, 0xAAAA1111},
		{"the first other number binds", 0, 2, 16, 0x11001013},
		{"a second number does not", 0, 3, 16, 0xFFFFFFFF},
		{"the first stays", 0, 2, 16, 0x11001013},
	}
	for _, s := range steps {
		if s.program != 0 {
			write(p, 0, 1, 0x18, s.program)
		}
		if got := read(p, s.bus, s.device, 0); got != s.want {
			t.Errorf("%s: %#x, want %#x", s.what, got, s.want)
		}
	}
	p.Reset()
	write(p, 0, 1, 0x18, 0x00030100)
	if got := read(p, 3, 16, 0); got != 0x11001013 {
		t.Errorf("after reset another number may bind: %#x", got)
	}
}

func TestAddRefuses(t *testing.T) {
	b := &Bus{}
	add(t, b, 3, IDOnly(1))
	for _, c := range [][2]int{{3, 0}, {32, 0}, {-1, 0}, {0, 8}, {0, -1}} {
		if err := b.Add(c[0], c[1], IDOnly(2)); err == nil {
			t.Errorf("device %d function %d accepted", c[0], c[1])
		}
	}
	b.Remove(3, 0)
	add(t, b, 3, IDOnly(2))
}

func TestRemoveBridge(t *testing.T) {
	p, _, _ := tree(t)
	write(p, 0, 1, 0x18, 0x00010100)
	p.Root.Remove(1, 0)
	if got := read(p, 1, 4, 0); got != 0xFFFFFFFF {
		t.Errorf("bus behind a removed bridge answers %#x", got)
	}
}

func TestResetClearsBridges(t *testing.T) {
	p, _, _ := tree(t)
	write(p, 0, 1, 0x18, 0x00010100)
	p.Reset()
	if p.Address() != 0 {
		t.Errorf("latch %#x", p.Address())
	}
	if got := read(p, 0, 1, 0x18); got != 0 {
		t.Errorf("bus numbers %#x", got)
	}
	if got := read(p, 1, 4, 0); got != 0xFFFFFFFF {
		t.Errorf("bus 1 answers %#x", got)
	}
}
