package capture

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/gopacket/gopacket/pcapgo"

	"dynemu/vm/atm"
	"dynemu/vm/wire"
)

// cellsOf returns the cells of an AAL5 packet.
func cellsOf(vpi, vci uint32, data []byte) [][]byte {
	all := atm.AppendAAL5(nil, atm.NewHeader(vpi, vci), data)
	var cells [][]byte
	for ; len(all) > 0; all = all[atm.CellSize:] {
		cells = append(cells, all[:atm.CellSize])
	}
	return cells
}

// llc is an IP packet as RFC 2684 has it on a circuit.
var llc = append([]byte{0xAA, 0xAA, 3, 0, 0, 0, 8, 0}, ping...)

// Cells of circuits that come mixed are shown as the packets that they are, with
// their circuit and direction, and tcpdump decodes them.
func TestCells(t *testing.T) {
	long := append(bytes.Clone(llc), make([]byte, 1000)...)
	for _, lt := range []LinkType{SunATM, ATMRFC1483} {
		f := create(t)
		c := start(t, f, Options{LinkType: lt})
		a, b, back := cellsOf(1, 100, long), cellsOf(0, 32, llc), cellsOf(1, 100, llc)
		for i := range a {
			c.Frame(wire.In, noon, a[i])
			if i < len(back) {
				c.Frame(wire.Out, noon, back[i]) // the same circuit, the other way
			}
			if i < len(b) {
				c.Frame(wire.In, noon, b[i])
			}
		}
		// A cell of operation, one that is none, and a packet that came damaged.
		oam := bytes.Clone(a[0])
		(atm.NewHeader(1, 100) | atm.Network).Put(oam)
		broken := bytes.Clone(back[len(back)-1])
		broken[20] ^= 1
		for _, cell := range [][]byte{oam, oam[:52], broken} {
			c.Frame(wire.In, noon, cell)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if s := c.Stats(); s.Frames != 3 || s.Skipped != 3 {
			t.Errorf("%+v", s)
		}
		r, err := pcapgo.NewReader(bytes.NewReader(content(t, f.Name())))
		if err != nil || uint16(r.LinkType()) != uint16(lt) {
			t.Fatal(r, err)
		}
		for i, want := range []struct {
			head string
			data []byte
		}{{"\x82\x01\x00\x64", llc}, {"\x02\x00\x00\x20", llc}, {"\x02\x01\x00\x64", long}} {
			if lt != SunATM {
				want.head = ""
			}
			data, _, err := r.ReadPacketData()
			if err != nil || string(data) != want.head+string(want.data) {
				t.Errorf("%s: packet %d is %.30x, %v", lt, i, data, err)
			}
		}
		got := tcpdump(t, f.Name())
		if strings.Count(got, "10.0.0.1 > 10.0.0.2: ICMP echo request") != 3 {
			t.Errorf("%s: %s", lt, got)
		}
		if lt == SunATM && (!strings.Contains(got, "VPI:1 VCI:100") || !strings.Contains(got, "VPI:0 VCI:32") || !strings.Contains(got, "Tx:")) {
			t.Errorf("%s: %s", lt, got)
		}
	}
}

func TestSunFlags(t *testing.T) {
	for _, c := range []struct {
		vpi, vci uint32
		data     string
		want     byte
	}{{0, 5, "\x09", 6}, {0, 16, "\x30", 5}, {1, 5, "\x45\x00\x00", 0}, {0, 100, "\xfe\xfe\x03\xcc", 2}, {0, 100, "\xaa\xaa\x03", 2}, {0, 100, "\xaa", 0}} {
		if got := sunFlags(wire.In, atm.NewHeader(c.vpi, c.vci), []byte(c.data)); got != c.want {
			t.Errorf("%d/%d %x: %#x, want %#x", c.vpi, c.vci, c.data, got, c.want)
		}
	}
}

// FuzzCells gives any cells: what is kept has its bounds, and a packet on a circuit
// of its own comes through.
func FuzzCells(f *testing.F) {
	f.Add(bytes.Join(cellsOf(1, 2, llc), nil), []byte("x"))
	f.Add(make([]byte, 400), []byte("packet"))
	f.Fuzz(func(t *testing.T, any, data []byte) {
		var c cells
		for k := 0; len(any) >= atm.CellSize; k++ {
			cell := bytes.Clone(any[:atm.CellSize])
			cell[0] &^= 0x80 // VPI below 2048
			any = any[atm.CellSize:]
			c.add(wire.Direction(k%2), cell, SunATM)
			if len(c.circuits) > maxCircuits {
				t.Fatalf("%d circuits are kept", len(c.circuits))
			}
		}
		if len(data) == 0 || len(data) > 65535 {
			return
		}
		all := cellsOf(4000, 1, data)
		for i, cell := range all {
			packet, bad := c.add(wire.Out, cell, SunATM)
			if bad || (packet != nil) != (i == len(all)-1) || packet != nil && !bytes.Equal(packet[sunHeader:], data) {
				t.Fatalf("cell %d of %d: %x, %v", i, len(all), packet, bad)
			}
		}
	})
}

// Circuits without end are not followed without end.
func TestManyCircuits(t *testing.T) {
	var c cells
	cell := make([]byte, atm.CellSize)
	for i := range 100_000 {
		binary.BigEndian.PutUint32(cell, uint32(i)<<4)
		c.add(wire.In, cell, SunATM)
	}
	if n := len(c.circuits); n != maxCircuits {
		t.Errorf("%d circuits are kept", n)
	}
}
