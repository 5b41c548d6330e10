package atmsw

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"dynemu/vm/atm"
	"dynemu/vm/fabric"
	"dynemu/vm/fabric/fabrictest"
)

var hex = fabrictest.Hex

func newRig(t testing.TB) (*fabrictest.Rig, *Switch) {
	r := &fabrictest.Rig{TB: t}
	s := New(r.Out)
	r.Engine = s
	for n := range 3 {
		if err := s.AddPort(n); err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range []error{
		s.ConnectPath(Path{0, 5}, Path{1, 6}),
		s.ConnectChannel(Channel{0, 1, 100}, Channel{2, 2, 200}),
		s.ConnectChannel(Channel{1, 4095, 65535}, Channel{2, 0, 32}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return r, s
}

const payload = " 5a*48"

// Cells measured: netio-hypervisor reference, 11.2. The HEC of what arrives is
// not looked at.
func TestForward(t *testing.T) {
	r, s := newRig(t)
	for _, c := range []struct {
		from int
		in   string
		to   int
		out  string
	}{
		{0, "0010064300", 2, "00200c836a"}, // 1/100 to 2/200, payload type 1, CLP 1
		{0, "0050309000", 1, "0060309090"}, // path 5 to 6, VCI 777
		{2, "00200c836a", 0, "001006436b"},
		{0, "005000300a", 1, "00600030ff"}, // OAM of the path: VCI 3
		{1, "fffffffaff", 2, "0000020a57"}, // the highest identifiers; payload type 5
		{2, "000002000f", 1, "fffffff0a4"},
	} {
		out := hex(c.out + payload)
		out[4] = slowHEC(out)
		r.Send(c.from, hex(c.in+payload))
		if len(r.Sent) != 1 || r.Sent[0].Port != c.to || !bytes.Equal(r.Sent[0].Data, out) {
			t.Errorf("%s at port %d: %v, want %x at port %d", c.in, c.from, r.Sent, out, c.to)
		}
		r.Sent = nil
	}
	// The two of the reference, with the HEC that it tells.
	r.Send(0, hex("0010064300"+payload))
	r.Expect("through a channel", 2, "00200c836a"+payload)
	r.Send(0, hex("0050309000"+payload))
	r.Expect("through a path", 1, "0060309090"+payload)
	if got, want := s.Stats(0), (fabric.Stats{RxFrames: 5, RxBytes: 265, TxFrames: 1, TxBytes: 53}); got != want {
		t.Errorf("port 0: %+v, want %+v", got, want)
	}
	if s.Tick(1) != 0 || s.Next() != 0 {
		t.Error("the switch wants to be woken")
	}
}

// slowHEC is the definition (I.432.1): the remainder of the header times x^8 by
// x^8+x^2+x+1, plus 01010101.
func slowHEC(cell []byte) byte {
	var r uint16
	for _, b := range append(bytes.Clone(cell[:4]), 0) {
		for bit := 7; bit >= 0; bit-- {
			if r = r<<1 | uint16(b>>bit&1); r&0x100 != 0 {
				r ^= 0x107
			}
		}
	}
	return byte(r) ^ 0x55
}

func TestBadCells(t *testing.T) {
	r, s := newRig(t)
	r.Dropped("nothing", 0, nil, fabric.Runt)
	r.Dropped("52 bytes", 0, hex("0010064300 5a*47"), fabric.Runt)
	r.Dropped("54 bytes", 0, hex("0010064300 5a*49"), fabric.Giant)
	r.Dropped("unassigned", 0, hex("0000000055"+payload), fabric.NoCircuit)
	r.Dropped("another VCI", 0, hex("0010065300"+payload), fabric.NoCircuit)
	r.Dropped("another VPI", 0, hex("0020064300"+payload), fabric.NoCircuit)
	r.Dropped("a channel of another port", 0, hex("00200c836a"+payload), fabric.NoCircuit)
	r.Dropped("a path of another port", 0, hex("0060309090"+payload), fabric.NoCircuit)
	s.SetUp(1, false)
	r.Dropped("to a port without a link", 0, hex("0050309000"+payload), fabric.Down)
	s.SetUp(1, true)
	r.Send(0, hex("0050309000"+payload))
	r.Expect("with a link", 1, "0060309090"+payload)
	s.SetUp(7, true)
	r.Send(7, hex("0050309000"+payload))
	r.Expect("at a port that does not exist")
	if got := s.Stats(7); got != (fabric.Stats{}) {
		t.Errorf("a port that does not exist: %+v", got)
	}
}

func TestConnect(t *testing.T) {
	r, s := newRig(t)
	path := func(a, b Path) func() error { return func() error { return s.ConnectPath(a, b) } }
	channel := func(a, b Channel) func() error { return func() error { return s.ConnectChannel(a, b) } }
	for _, c := range []struct {
		connect func() error
		want    string
	}{
		{path(Path{0, 5}, Path{2, 9}), "path 0:5: VPI 5 of port 0 is mapped already, to 1:6"},
		{path(Path{2, 9}, Path{0, 5}), "path 0:5: VPI 5 of port 0 is mapped already, to 1:6"},
		{path(Path{0, 1}, Path{2, 9}), "path 0:1: VPI 1 of port 0 has virtual channels that are mapped"},
		{path(Path{2, 9}, Path{0, 1}), "path 0:1: VPI 1 of port 0 has virtual channels that are mapped"},
		{path(Path{0, 4096}, Path{2, 9}), "0:4096: VPI 4096: wanted 0 to 4095"},
		{path(Path{0, 9}, Path{2, -1}), "2:-1: VPI -1: wanted 0 to 4095"},
		{path(Path{3, 9}, Path{2, 9}), "3:9: port 3: the switch has no such port"},
		{path(Path{2, 9}, Path{2, 9}), "path 2:9 = 2:9: the two ends are the same"},
		{channel(Channel{0, 1, 100}, Channel{1, 1, 100}), "channel 0:1:100: VPI 1 VCI 100 of port 0 is mapped already, to 2:2:200"},
		{channel(Channel{1, 1, 100}, Channel{0, 1, 100}), "channel 0:1:100: VPI 1 VCI 100 of port 0 is mapped already, to 2:2:200"},
		{channel(Channel{0, 5, 100}, Channel{1, 1, 100}), "channel 0:5:100: VPI 5 of port 0 is mapped as a whole, to 1:6"},
		{channel(Channel{1, 1, 100}, Channel{0, 5, 100}), "channel 0:5:100: VPI 5 of port 0 is mapped as a whole, to 1:6"},
		{channel(Channel{0, 9, 65536}, Channel{1, 9, 9}), "0:9:65536: VCI 65536: wanted 0 to 65535"},
		{channel(Channel{0, 9, 9}, Channel{1, 9, -1}), "1:9:-1: VCI -1: wanted 0 to 65535"},
		{channel(Channel{0, 9, 9}, Channel{-1, 9, 9}), "-1:9:9: port -1: the switch has no such port"},
		{channel(Channel{0, 9, 9}, Channel{0, 9, 9}), "channel 0:9:9 = 0:9:9: the two ends are the same"},
	} {
		if err := c.connect(); err == nil || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	// What failed left nothing behind: the ends are free, and can go to other
	// kinds.
	for _, connect := range []func() error{
		path(Path{2, 9}, Path{0, 9}), channel(Channel{1, 1, 100}, Channel{0, 8, 100}),
		channel(Channel{0, 2, 1}, Channel{0, 2, 2}),
	} {
		if err := connect(); err != nil {
			t.Error(err)
		}
	}
	r.Send(0, hex("0020001000"+payload))
	r.Sent[0].Data[4] = 0
	r.Expect("back to the port", 0, "0020002000"+payload)

	if err := s.DisconnectPathOneWay(Path{0, 5}, Path{1, 7}); err == nil || err.Error() != "path 0:5 = 1:7: there is none" {
		t.Error(err)
	}
	if err := s.DisconnectChannelOneWay(Channel{0, 1, 100}, Channel{2, 2, 201}); err == nil || err.Error() != "channel 0:1:100 = 2:2:201: there is none" {
		t.Error(err)
	}
	if s.DisconnectPathOneWay(Path{7, 7}, Path{0, 5}) == nil || s.DisconnectChannelOneWay(Channel{0, 0, -1}, Channel{}) == nil {
		t.Error("what cannot be was removed")
	}
	for _, err := range []error{
		s.DisconnectPathOneWay(Path{0, 5}, Path{1, 6}),
		s.DisconnectChannelOneWay(Channel{0, 1, 100}, Channel{2, 2, 200}),
		s.ConnectPathOneWay(Path{0, 1}, Path{1, 1}), // its last channel is gone
		s.ConnectChannelOneWay(Channel{0, 5, 1}, Channel{2, 77, 77}),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	r.Send(1, hex("0060309090"+payload)) // the other direction is there
	r.Sent[0].Data[4] = 0
	r.Expect("the other direction", 0, "0050309000"+payload)

	s.RemovePort(1)
	s.RemovePort(1)
	r.Dropped("along a path to a port that was removed", 0, hex("0010064300"+payload), fabric.NoCircuit)
	r.Dropped("along a channel to a port that was removed", 2, hex("0000020000"+payload), fabric.NoCircuit)
	if err := s.AddPort(1); err != nil {
		t.Fatal(err)
	}
	if err := s.ConnectPath(Path{2, 0}, Path{1, 4095}); err != nil {
		t.Errorf("after its channel went with a port: %v", err)
	}
}

// FuzzForward sends any cells in any order: each leaves where its path or
// channel ends and nowhere else.
func FuzzForward(f *testing.F) {
	for _, header := range []string{"0010064300", "0050309000", "00200c836a", "fffffffaff", "0000020a57"} {
		for port := range byte(4) {
			f.Add(append([]byte{port, 0, 53, 0}, hex(header+payload)...))
		}
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		build := func(out fabric.Output) fabric.Engine {
			_, s := newRig(t)
			s.out = out
			return s
		}
		fabrictest.Fuzz(t, input, 3, build, func(in int, cell []byte, sent []fabrictest.Frame) {
			if len(sent) > 1 {
				t.Fatalf("%x made %d cells", cell, len(sent))
			}
			for _, out := range sent {
				a, b := atm.ReadHeader(cell), atm.ReadHeader(out.Data)
				from, to := Channel{in, int(a.VPI()), int(a.VCI())}, Channel{out.Port, int(b.VPI()), int(b.VCI())}
				vci := a.VCI() == b.VCI()
				switch [2]Path{{in, from.VPI}, {out.Port, to.VPI}} {
				case [2]Path{{0, 5}, {1, 6}}, [2]Path{{1, 6}, {0, 5}}:
				case [2]Path{{0, 1}, {2, 2}}:
					vci = from.VCI == 100 && to.VCI == 200
				case [2]Path{{2, 2}, {0, 1}}:
					vci = from.VCI == 200 && to.VCI == 100
				case [2]Path{{1, 4095}, {2, 0}}:
					vci = from.VCI == 65535 && to.VCI == 32
				case [2]Path{{2, 0}, {1, 4095}}:
					vci = from.VCI == 32 && to.VCI == 65535
				default:
					vci = false
				}
				if !vci || (a^b)&15 != 0 || slowHEC(out.Data) != out.Data[4] || !bytes.Equal(cell[5:], out.Data[5:]) {
					t.Fatalf("%v: %x left as %v: %x", from, cell, to, out.Data)
				}
			}
		})
	})
}

func BenchmarkForward(b *testing.B) {
	for name, header := range map[string]atm.Header{"channel": atm.NewHeader(1, 100), "path": atm.NewHeader(5, 777)} {
		b.Run(name, func(b *testing.B) {
			_, s := newRig(b)
			sent := 0
			s.out = func(int, []byte) { sent++ }
			buf := make([]byte, fabric.Headroom+atm.CellSize)
			b.ReportAllocs()
			for b.Loop() {
				header.Put(buf[fabric.Headroom:])
				s.Forward(0, 0, buf)
			}
			if sent != b.N {
				b.Fatalf("%d cells in, %d out", b.N, sent)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "cells/s")
		})
	}
}

func TestCircuits(t *testing.T) {
	r, s := newRig(t)
	r.Send(0, hex("0010064300"+payload))
	r.Send(0, hex("0010064300"+payload))
	s.SetUp(1, false)
	text := func() string {
		var b strings.Builder
		for _, c := range s.Circuits() {
			fmt.Fprintf(&b, "%v>%v %v %d\n", c.From, c.To, c.Active, c.Cells)
		}
		return b.String()
	}
	if got, want := text(), "0:5>1:6 false 0\n1:6>0:5 true 0\n"+
		"0:1:100>2:2:200 true 2\n1:4095:65535>2:0:32 true 0\n2:0:32>1:4095:65535 false 0\n2:2:200>0:1:100 true 0\n"; got != want {
		t.Errorf("circuits:\n%swant:\n%s", got, want)
	}
	for _, err := range []error{s.DisconnectPath(Path{1, 6}, Path{0, 5}), s.DisconnectChannel(Channel{0, 1, 100}, Channel{2, 2, 200})} {
		if err != nil {
			t.Error(err)
		}
	}
	if err := s.DisconnectPath(Path{1, 6}, Path{0, 5}); err == nil {
		t.Error("a path was disconnected twice")
	}
	if got, want := text(), "1:4095:65535>2:0:32 true 0\n2:0:32>1:4095:65535 false 0\n"; got != want {
		t.Errorf("circuits:\n%swant:\n%s", got, want)
	}
}
