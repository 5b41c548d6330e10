package dec21140

import (
	"fmt"
	"testing"
)

// clocking is how a driver makes one period of MDC. out sends a bit, in
// returns one.
type clocking struct {
	name string
	out  func(r *rig, bit uint32)
	in   func(r *rig) uint32
	// turnaround is how many bits are read before the first data bit.
	turnaround int
}

func cycle(r *rig, low, high uint32) {
	r.set(CSR9SROMAndMII, low)
	r.set(CSR9SROMAndMII, high)
}

var (
	// dataBook is the pattern that Dynamips decodes; the bit is sampled after
	// the rising edge.
	dataBook = clocking{
		name: "data book",
		out:  func(r *rig, bit uint32) { cycle(r, 0x2000|bit<<17, 0x12000|bit<<17) },
		in: func(r *rig) uint32 {
			cycle(r, 0x44000, 0x54000)
			return r.csr(9) >> 19 & 1
		},
		turnaround: 1,
	}
	// levelOnly is the same without a falling edge of the clock.
	levelOnly = clocking{
		name: "data book, clock never lowered",
		out:  func(r *rig, bit uint32) { r.set(CSR9SROMAndMII, 0x12000|bit<<17) },
		in: func(r *rig) uint32 {
			r.set(CSR9SROMAndMII, 0x54000)
			return r.csr(9) >> 19 & 1
		},
		turnaround: 1,
	}
	// tulip is what Linux does: RD and WR clear, the bit sampled before the
	// rising edge.
	tulip = clocking{
		name: "tulip driver",
		out:  func(r *rig, bit uint32) { cycle(r, bit<<17, 0x10000|bit<<17) },
		in: func(r *rig) uint32 {
			r.set(CSR9SROMAndMII, 0x40000)
			bit := r.csr(9) >> 19 & 1
			r.set(CSR9SROMAndMII, 0x50000)
			return bit
		},
		turnaround: 2,
	}
)

func (c clocking) send(r *rig, bits string) {
	for _, b := range bits {
		c.out(r, uint32(b-'0'))
	}
}

const preamble = "11111111111111111111111111111111"

func (c clocking) read(r *rig, phy, reg int) uint16 {
	c.send(r, preamble+"0110"+fmt.Sprintf("%05b%05b", phy, reg))
	for range c.turnaround {
		c.in(r)
	}
	v := uint16(0)
	for range 16 {
		v = v<<1 | uint16(c.in(r))
	}
	c.in(r)
	c.in(r)
	return v
}

func (c clocking) write(r *rig, phy, reg int, v uint16) {
	c.send(r, preamble+"0101"+fmt.Sprintf("%05b%05b", phy, reg)+"10"+fmt.Sprintf("%016b", v))
}

// Section 9.7: what Dynamips shows to a router image.
func TestMIIDataBook(t *testing.T) {
	for _, c := range []clocking{dataBook, levelOnly} {
		for _, phy := range []int{0, 1, 7, 31} {
			r := newRig(t)
			if v := c.read(r, phy, phyStatus); v != 0x0004 {
				t.Errorf("%s: PHY %d BMSR with a link %04X, want 0004", c.name, phy, v)
			}
			r.Unplugged = true
			if v := c.read(r, phy, phyStatus); v != 0 {
				t.Errorf("%s: PHY %d BMSR without a link %04X, want 0000", c.name, phy, v)
			}
			r.chip.Attach(nil)
			if v := c.read(r, phy, phyStatus); v != 0 {
				t.Errorf("%s: PHY %d BMSR unplugged %04X, want 0000", c.name, phy, v)
			}
			for _, reg := range []int{0, 2, 3, 4, 31} {
				if v := c.read(r, phy, reg); v != 0 {
					t.Errorf("%s: PHY %d register %d %04X at first, want 0000", c.name, phy, reg, v)
				}
				c.write(r, phy, reg, 0xA5C3)
				if v := c.read(r, phy, reg); v != 0xA5C3 {
					t.Errorf("%s: PHY %d register %d %04X, want A5C3 as written", c.name, phy, reg, v)
				}
				if v := c.read(r, (phy+1)%32, reg); v != 0 {
					t.Errorf("%s: a write to PHY %d changed PHY %d", c.name, phy, (phy+1)%32)
				}
			}
		}
	}
}

func TestMIITurnaround(t *testing.T) {
	r := newRig(t)
	dataBook.send(r, "0110"+"00001"+"00001")
	if dataBook.in(r) != 0 {
		t.Error("the first bit of a read must be 0")
	}
	// A write whose turnaround is not 10 is dropped.
	dataBook.send(r, preamble+"0101"+"00001"+"00100"+"01"+"1111111111111111")
	if v := dataBook.read(r, 1, 4); v != 0 {
		t.Errorf("register 4 is %04X after a bad write", v)
	}
	// 0 where the second start bit should be starts again; opcode 11 is none.
	dataBook.send(r, preamble+"0"+"0101"+"00001"+"00100"+"10"+"0001001000110100")
	if v := dataBook.read(r, 1, 4); v != 0x1234 {
		t.Errorf("register 4 is %04X, want 1234", v)
	}
	dataBook.send(r, preamble+"0111"+"00001"+"00100"+"10"+"1111111111111111")
	if v := dataBook.read(r, 1, 4); v != 0x1234 {
		t.Errorf("register 4 is %04X after a frame with opcode 11, want 1234", v)
	}
}

func TestMIITulip(t *testing.T) {
	r := newRig(t)
	for phy := range 32 {
		want := uint16(0xFFFF)
		if phy == phyAddress {
			want = 0x7809 | statusLink | statusAutoneg
		}
		if v := tulip.read(r, phy, phyStatus); v != want {
			t.Errorf("PHY %d BMSR %04X, want %04X", phy, v, want)
		}
	}
	for _, c := range []struct {
		reg         int
		plug        bool
		write, read uint16
	}{
		{phyControl, true, 0x3300, 0x3100}, // restart is done at once
		{phyControl, true, 0x2100, 0x2100},
		{phyControl, true, 0x8000, 0x3100}, // reset
		{phyStatus, true, 0xFFFF, 0x782D},
		{phyStatus, false, 0xFFFF, 0x7809},
		{phyID1, true, 0xFFFF, 0x2000},
		{phyID2, true, 0xFFFF, 0x5C01},
		{phyAdvertise, true, 0x0061, 0x0061},
		{phyPartner, true, 0xFFFF, 0x45E1},
		{phyPartner, false, 0xFFFF, 0x0000},
	} {
		r.Unplugged = !c.plug
		tulip.write(r, phyAddress, c.reg, c.write)
		if v := tulip.read(r, phyAddress, c.reg); v != c.read {
			t.Errorf("register %d after writing %04X, plugged %v: %04X, want %04X", c.reg, c.write, c.plug, v, c.read)
		}
	}
	tulip.write(r, 5, phyAdvertise, 0x0021)
	if v := tulip.read(r, phyAddress, phyAdvertise); v != 0x0061 {
		t.Error("a write to an absent PHY reached the one that is there")
	}
	if v := dataBook.read(r, phyAddress, phyAdvertise); v != 0 {
		t.Error("the two views of the PHYs share a register")
	}
}

// readSROM reads a word as the tulip drivers do. The answer holds the bits that
// came out during the command as well.
func readSROM(r *rig, location uint32, addrBits int) uint32 {
	const enable = 0x4800 | romCS
	r.set(CSR9SROMAndMII, 0x4800)
	r.set(CSR9SROMAndMII, enable)
	command := location | 6<<addrBits
	got := uint32(0)
	for i := 4 + addrBits; i >= 0; i-- {
		in := command >> i & 1 * romIn
		r.set(CSR9SROMAndMII, enable|in)
		r.set(CSR9SROMAndMII, enable|in|romClock)
		got = got<<1 | r.csr(9)>>3&1
	}
	r.set(CSR9SROMAndMII, enable)
	for range 16 {
		r.set(CSR9SROMAndMII, enable|romClock)
		got = got<<1 | r.csr(9)>>3&1
		r.set(CSR9SROMAndMII, enable)
	}
	r.set(CSR9SROMAndMII, 0x4800)
	return got
}

func TestSROM(t *testing.T) {
	r := newRig(t)
	if readSROM(r, 0xFF, 8)&0x40000 != 0 {
		t.Error("six address bits are not recognised")
	}
	var b [128]byte
	for i := range 64 {
		w := readSROM(r, uint32(i), 6)
		b[2*i], b[2*i+1] = byte(w), byte(w>>8)
	}
	if b[18] != 3 || b[19] != 1 {
		t.Errorf("format %d with %d controllers, want 3 with 1", b[18], b[19])
	}
	if mac := [6]byte(b[20:]); mac != [6]byte{2, 0, 0, 0x12, 0x34, 0x56} {
		t.Errorf("address %x", mac)
	}
	if b[27] != 30 || b[30+3] != 1 || b[30+4] != 0x80|12 || b[30+5] != 1 {
		t.Errorf("controller information: % x", b[27:48])
	}

	blank := newRig(t, func(c *Config) { c.MAC = [6]byte{} })
	if w := readSROM(blank, 10, 6) & 0xFFFF; w != 0xFFFF {
		t.Errorf("blank ROM holds %04X", w)
	}
}

// Every pin of the ROM is wired: a driver can write to it.
func TestSROMWrite(t *testing.T) {
	r := newRig(t)
	for _, command := range []string{"0" + "100" + "110000", "0" + "101" + "001001" + "0001001000110100"} { // enable, write
		r.set(CSR9SROMAndMII, romSelect|romWrite)
		for _, b := range command {
			in := uint32(b-'0') * romIn
			r.set(CSR9SROMAndMII, romSelect|romWrite|romCS|in)
			r.set(CSR9SROMAndMII, romSelect|romWrite|romCS|in|romClock)
		}
		r.set(CSR9SROMAndMII, romSelect)
	}
	if got := readSROM(r, 9, 6) & 0xFFFF; got != 0x1234 {
		t.Errorf("word 9 is %04X, want 1234", got)
	}
}
