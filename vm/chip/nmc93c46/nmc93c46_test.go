package nmc93c46

import "testing"

// Pins of the test's two EEPROMs in one register.
var pins = [2]Socket{{CS: 2, CLK: 1, DIN: 0, DOUT: 6}, {CS: 5, CLK: 4, DIN: 3, DOUT: 7}}

func newGroup(words ...[]uint16) *Group {
	g := &Group{}
	for i, w := range words {
		s := pins[i]
		s.EEPROM = &EEPROM{Content: w}
		g.Sockets = append(g.Sockets, s)
	}
	return g
}

// driver clocks an EEPROM as a guest does: DIN is set up with CLK low, and
// DOUT is sampled while CLK is high.
type driver struct {
	g *Group
	s Socket
}

func (d driver) clock(din bool) (dout bool) {
	v := uint32(1) << d.s.CS
	if din {
		v |= 1 << d.s.DIN
	}
	d.g.Write(v)
	d.g.Write(v | 1<<d.s.CLK)
	dout = d.g.Read()>>d.s.DOUT&1 != 0
	d.g.Write(v)
	return dout
}

func (d driver) deselect() { d.g.Write(0) }

func (d driver) send(bits ...int) {
	for _, b := range bits {
		d.clock(b != 0)
	}
}

func (d driver) word() (w uint16) {
	for i := range 16 {
		if d.clock(false) {
			w |= 1 << i
		}
	}
	return w
}

func (d driver) read(addr int) uint16 {
	d.deselect()
	d.g.Write(1 << d.s.CS)
	d.send(1, 1, 0)
	for i := range 6 {
		d.send(addr >> i & 1)
	}
	return d.word()
}

func image(n int) []uint16 {
	w := make([]uint16, n)
	for i := range w {
		w[i] = uint16(0x1357*i + 0x8001)
	}
	return w
}

func TestRead(t *testing.T) {
	img := image(64)
	g := newGroup(img, image(16))
	d := driver{g, g.Sockets[0]}
	for a := range 64 {
		if got := d.read(a); got != img[a] {
			t.Errorf("word %d: %04x, want %04x", a, got, img[a])
		}
	}
	d = driver{g, g.Sockets[1]}
	for a := range 64 {
		want := uint16(0xFFFF) // beyond the stored length
		if a < 16 {
			want = image(16)[a]
		}
		if got := d.read(a); got != want {
			t.Errorf("short image, word %d: %04x, want %04x", a, got, want)
		}
	}
}

func TestEmptySocket(t *testing.T) {
	g := newGroup(nil)
	d := driver{g, g.Sockets[0]}
	if got := d.read(0); got != 0xFFFF {
		t.Errorf("%04x", got)
	}
}

func TestLeadingZerosAreSkipped(t *testing.T) {
	g := newGroup(image(64))
	d := driver{g, g.Sockets[0]}
	g.Write(1 << d.s.CS)
	d.send(0, 0, 0, 1, 1, 0, 1, 0, 1, 0, 0, 0)
	if got := d.word(); got != image(64)[5] {
		t.Errorf("%04x", got)
	}
}

// After CLK is taken low again DOUT is high whatever the bit was.
func TestDOUTIsLostWithTheNextWrite(t *testing.T) {
	g := newGroup([]uint16{0})
	d := driver{g, g.Sockets[0]}
	g.Write(1 << d.s.CS)
	d.send(1, 1, 0, 0, 0, 0, 0, 0, 0)
	for i := range 16 {
		g.Write(1<<d.s.CS | 1<<d.s.CLK)
		if g.Read()>>d.s.DOUT&1 != 0 {
			t.Errorf("bit %d with CLK high: 1", i)
		}
		g.Write(1 << d.s.CS)
		if g.Read()>>d.s.DOUT&1 != 1 {
			t.Errorf("bit %d with CLK low: 0", i)
		}
	}
	if d.clock(false) != true {
		t.Error("after 16 bits DOUT is not high: the address went on by itself")
	}
}

func TestWriteCommandsDoNothing(t *testing.T) {
	img := image(64)
	g := newGroup(img)
	d := driver{g, g.Sockets[0]}
	for _, op := range [][2]int{{0, 1}, {1, 1}, {0, 0}} { // WRITE, ERASE, WREN
		d.deselect()
		g.Write(1 << d.s.CS)
		d.send(1, op[0], op[1], 0, 0, 0, 0, 0, 0)
		d.word()
		if got := d.word(); got != 0xFFFF {
			t.Errorf("opcode %v puts out %04x", op, got)
		}
	}
	for a := range 64 {
		if got := d.read(a); got != image(64)[a] {
			t.Errorf("word %d became %04x", a, got)
		}
	}
}

func TestRegisterRead(t *testing.T) {
	g := newGroup(image(16), image(16))
	for _, c := range []struct {
		what        string
		write, want uint32
	}{
		{"not selected: the written bits", 0x000000C1, 0x000000C1},
		{"not selected: DOUT bit clear", 0x00000002, 0x00000002},
		{"first selected: ready", 0x00000004, 0x00000044},
		{"second selected: ready", 0x00000020, 0x000000A0},
		{"other bits are stored", 0xFF000100, 0xFF000100},
	} {
		g.Reset()
		g.Write(c.write)
		if got := g.Read(); got != c.want {
			t.Errorf("%s: wrote %#x, read %#x, want %#x", c.what, c.write, got, c.want)
		}
	}
}

func TestBothAtOnce(t *testing.T) {
	g := newGroup([]uint16{0x0F0F}, []uint16{0x5A5A})
	a, b := g.Sockets[0], g.Sockets[1]
	cs, clk := uint32(1<<a.CS|1<<b.CS), uint32(1<<a.CLK|1<<b.CLK)
	g.Write(cs)
	for _, bit := range []int{1, 1, 0, 0, 0, 0, 0, 0, 0} {
		v := cs
		if bit != 0 {
			v |= 1<<a.DIN | 1<<b.DIN
		}
		g.Write(v)
		g.Write(v | clk)
		g.Write(v)
	}
	var wa, wb uint32
	for i := range 16 {
		g.Write(cs | clk)
		wa |= g.Read() >> a.DOUT & 1 << i
		wb |= g.Read() >> b.DOUT & 1 << i
		g.Write(cs)
	}
	if wa != 0x0F0F || wb != 0x5A5A {
		t.Errorf("%04x %04x", wa, wb)
	}
}
