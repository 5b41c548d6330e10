package frsw

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"dynemu/vm/fabric"
	"dynemu/vm/fabric/fabrictest"
)

var hex = fabrictest.Hex

// tutorial are the circuits of the lab frame_relay1.
var tutorial = [][2]Endpoint{{{1, 102}, {2, 201}}, {{1, 103}, {3, 301}}, {{2, 203}, {3, 302}}}

func newRig(t testing.TB) (*fabrictest.Rig, *Switch) {
	r := &fabrictest.Rig{TB: t}
	s := New(r.Out)
	r.Engine = s
	for _, n := range []int{1, 2, 3} {
		if err := s.AddPort(n); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range tutorial {
		if err := s.Connect(c[0], c[1]); err != nil {
			t.Fatal(err)
		}
	}
	return r, s
}

func TestForward(t *testing.T) {
	r, s := newRig(t)
	for _, c := range []struct {
		from int
		in   string
		to   int
		out  string
	}{
		{1, "1861 0800 45", 2, "3091 0800 45"}, // 102 to 201
		{2, "3091 03cc 45", 1, "1861 03cc 45"},
		{2, "30b1 03cc 45", 3, "48e1 03cc 45"}, // 203 to 302
		{3, "48e1 03", 2, "30b1 03"},
		// C/R, FECN, BECN and DE are kept (netio-hypervisor reference, 10).
		{1, "1a7f 0800", 3, "4adf 0800"},
		{1, "1879 0800", 3, "48d9 0800"},
	} {
		r.Send(c.from, hex(c.in))
		r.Expect(c.in, c.to, c.out)
	}
	got := fmt.Sprint(s.Circuits())
	if want := "[{1:102 2:201 true 1 5} {1:103 3:301 true 2 8} {2:201 1:102 true 1 5} {2:203 3:302 true 1 5} {3:301 1:103 true 0 0} {3:302 2:203 true 1 3}]"; got != want {
		t.Errorf("circuits\n%s, want\n%s", got, want)
	}
	if got, want := s.Stats(1), (fabric.Stats{RxFrames: 3, RxBytes: 13, TxFrames: 1, TxBytes: 5}); got != want {
		t.Errorf("port 1: %+v, want %+v", got, want)
	}
	if got := s.Stats(9); got != (fabric.Stats{}) {
		t.Errorf("a port that does not exist: %+v", got)
	}
	r.Send(9, hex("1861 0800"))
	r.Expect("at a port that does not exist")
}

func TestBadFrames(t *testing.T) {
	r, s := newRig(t)
	for _, c := range []struct {
		what, frame string
		why         fabric.Drop
	}{
		{"nothing", "", fabric.Runt},
		{"an address alone", "1861", fabric.Runt},
		{"too long", "1861 00*32767", fabric.Giant},
		{"an address of one octet", "1961 08", fabric.Malformed},
		{"an address of more than two octets", "1860 08", fabric.Malformed},
		{"a DLCI of another port", "3091 0800", fabric.NoCircuit},
		{"DLCI 1022", "fce1 0800", fabric.NoCircuit},
		{"data at DLCI 0", "0001 0800 45", fabric.BadLMI},
		{"data at DLCI 1023", "fcf1 0800 45", fabric.BadLMI},
	} {
		r.Dropped(c.what, 1, hex(c.frame), c.why)
	}
	s.SetUp(2, false)
	r.Dropped("to a port without a link", 1, hex("1861 0800"), fabric.Down)
	s.SetUp(2, true)
	r.Send(1, append(hex("1861"), make([]byte, fabric.MaxFrame-2)...))
	r.Expect("the longest", 2, "3091 00*32766")
}

func TestConnect(t *testing.T) {
	r, s := newRig(t)
	for _, c := range []struct {
		a, b Endpoint
		want string
	}{
		{Endpoint{1, 102}, Endpoint{3, 500}, "circuit 1:102: DLCI 102 of port 1 is mapped already, to 2:201"},
		{Endpoint{1, 500}, Endpoint{2, 201}, "circuit 2:201: DLCI 201 of port 2 is mapped already, to 1:102"},
		{Endpoint{1, 0}, Endpoint{2, 300}, "circuit 1:0: DLCI 0: wanted 1 to 1022"},
		{Endpoint{1, 300}, Endpoint{2, 1023}, "circuit 2:1023: DLCI 1023: wanted 1 to 1022"},
		{Endpoint{1, 300}, Endpoint{7, 300}, "circuit 7:300: port 7: the switch has no such port"},
		{Endpoint{-1, 300}, Endpoint{2, 300}, "circuit -1:300: port -1: the switch has no such port"},
		{Endpoint{1, 300}, Endpoint{1, 300}, "circuit 1:300 = 1:300: the two ends are the same"},
	} {
		before := fmt.Sprint(s.Circuits())
		if err := s.Connect(c.a, c.b); err == nil || err.Error() != c.want {
			t.Errorf("Connect(%v, %v): %v, want %s", c.a, c.b, err, c.want)
		}
		if after := fmt.Sprint(s.Circuits()); after != before {
			t.Errorf("Connect(%v, %v) failed and left %s", c.a, c.b, after)
		}
	}
	// Both ends at one port, and in one direction only.
	if err := s.Connect(Endpoint{1, 16}, Endpoint{1, 17}); err != nil {
		t.Fatal(err)
	}
	r.Send(1, hex("0401 55"))
	r.Expect("back to the port", 1, "0411 55")
	if err := s.ConnectOneWay(Endpoint{1, 1}, Endpoint{2, 1022}); err != nil {
		t.Fatal(err)
	}
	r.Send(1, hex("0011 55"))
	r.Expect("one way", 2, "fce1 55")
	r.Dropped("the other way", 2, hex("fce1 55"), fabric.NoCircuit)

	if err := s.Disconnect(Endpoint{1, 102}, Endpoint{2, 200}); err == nil || err.Error() != "circuit 1:102 = 2:200: there is none" {
		t.Errorf("Disconnect of what is not there: %v", err)
	}
	if err := s.DisconnectOneWay(Endpoint{1, 9999}, Endpoint{2, 200}); err == nil {
		t.Error("Disconnect of what cannot be")
	}
	if err := s.Disconnect(Endpoint{1, 102}, Endpoint{2, 201}); err != nil {
		t.Fatal(err)
	}
	r.Dropped("after Disconnect", 1, hex("1861 0800"), fabric.NoCircuit)
	r.Dropped("after Disconnect", 2, hex("3091 0800"), fabric.NoCircuit)

	s.RemovePort(3)
	s.RemovePort(3)
	if got, want := fmt.Sprint(s.Circuits()), "[{1:1 2:1022 true 1 3} {1:16 1:17 true 1 3} {1:17 1:16 true 0 0}]"; got != want {
		t.Errorf("circuits %s after a port was removed, want %s", got, want)
	}
	r.Dropped("to a port that was removed", 1, hex("1871 0800"), fabric.NoCircuit)
	if err := s.AddPort(1); err == nil {
		t.Error("a port was added twice")
	}
}

// FuzzForward sends any frames in any order: each leaves where its circuit
// ends and nowhere else, and LMI is answered where it came from.
func FuzzForward(f *testing.F) {
	for _, frame := range []string{
		"1861 0800 45", "1a7f 0800", "00010308007595 010100 03020100", "00010308007595 010101 03020201",
		"000103080075 510100 53020100", "fcf1 0309 0075 010100 03020100", "00010308007595 0101",
	} {
		b := hex(frame)
		f.Add(append([]byte{1, 0, byte(len(b)), 0}, b...))
		again := append([]byte{1, 200, byte(len(b)), 3 << 2}, b...)
		f.Add(append(append(again, 2, 10, 0, 1<<2), again...))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		build := func(out fabric.Output) fabric.Engine {
			s := New(out)
			for n := range 4 {
				if err := s.AddPort(n); err != nil {
					t.Fatal(err)
				}
			}
			for _, c := range tutorial {
				if err := s.Connect(c[0], c[1]); err != nil {
					t.Fatal(err)
				}
			}
			return s
		}
		fabrictest.Fuzz(t, input, 4, build, func(in int, frame []byte, sent []fabrictest.Frame) {
			if len(sent) > 1 {
				t.Fatalf("%x made %d frames", frame, len(sent))
			}
			for _, out := range sent {
				if out.Port == in {
					if d := dlciOf(binary.BigEndian.Uint16(frame)); d != 0 && d != 1023 || len(out.Data) > 14+5*len(tutorial)+9 {
						t.Fatalf("port %d: %x came back as %x", in, frame, out.Data)
					}
					continue
				}
				from := Endpoint{in, dlciOf(binary.BigEndian.Uint16(frame))}
				to := Endpoint{out.Port, dlciOf(binary.BigEndian.Uint16(out.Data))}
				if !slices.Contains(tutorial, [2]Endpoint{from, to}) && !slices.Contains(tutorial, [2]Endpoint{to, from}) {
					t.Fatalf("a frame of %v left as one of %v", from, to)
				}
				if !bytes.Equal(frame[2:], out.Data[2:]) || (frame[0]^out.Data[0])&3 != 0 || (frame[1]^out.Data[1])&15 != 0 {
					t.Fatalf("%x left as %x", frame, out.Data)
				}
			}
		})
	})
}

func BenchmarkForward(b *testing.B) {
	sent := 0
	s := New(func(int, []byte) { sent++ })
	for n := range 2 {
		if err := s.AddPort(n); err != nil {
			b.Fatal(err)
		}
	}
	for dlci := 100; dlci < 200; dlci++ {
		if err := s.Connect(Endpoint{0, dlci}, Endpoint{1, dlci + 100}); err != nil {
			b.Fatal(err)
		}
	}
	buf := make([]byte, fabric.Headroom+64)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		binary.BigEndian.PutUint16(buf[fabric.Headroom:], addressOf(uint16(100+i%100))|twoOctets)
		s.Forward(int64(i), 0, buf)
	}
	if sent != b.N {
		b.Fatalf("%d frames in, %d out", b.N, sent)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "frames/s")
}

func BenchmarkFullStatus(b *testing.B) {
	size := 0
	s := New(func(_ int, frame []byte) { size = len(frame) })
	for n := range 2 {
		if err := s.AddPort(n); err != nil {
			b.Fatal(err)
		}
	}
	for dlci := MinDLCI; dlci <= MaxDLCI; dlci++ {
		if err := s.Connect(Endpoint{0, dlci}, Endpoint{1, dlci}); err != nil {
			b.Fatal(err)
		}
	}
	enquiry := fabrictest.Buffer(hex("00010308007595 010100 03020100"))
	b.ReportAllocs()
	for b.Loop() {
		s.Forward(0, 0, enquiry)
	}
	if want := 14 + 5*MaxDLCI; size != want {
		b.Fatalf("%d bytes, want %d", size, want)
	}
}

func TestString(t *testing.T) {
	var words []string
	for k := NoLMI; k <= Cisco+1; k++ {
		words = append(words, k.String())
	}
	if got := strings.Join(words, " "); got != "none ansi q933a cisco LMIType(4)" {
		t.Error(got)
	}
}
