package ethsw

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"dynemu/vm/fabric"
	"dynemu/vm/fabric/fabrictest"
)

var hex = fabrictest.Hex

// Addresses of the tests.
const (
	a    = "02000000000a "
	b    = "02000000000b "
	all  = "ffffffffffff "
	data = "0800 45*46"
)

func newRig(t testing.TB, ports ...Config) (*fabrictest.Rig, *Switch) {
	r := &fabrictest.Rig{TB: t}
	s := New(r.Out)
	r.Engine = s
	for n, c := range ports {
		if err := s.AddPort(n, c); err != nil {
			t.Fatal(err)
		}
	}
	return r, s
}

// What leaves at each kind of port, for each kind of port and tag that a frame
// arrives with (netio-hypervisor reference, 9).
func TestTags(t *testing.T) {
	in := map[string]Config{
		"access 10":      {Access, 10, 0},
		"dot1q 1":        {Dot1Q, 1, 0},
		"dot1q 10":       {Dot1Q, 10, 0},
		"qinq 10":        {QinQ, 10, 0},
		"qinq 10 0x88a8": {QinQ, 10, STag},
		"qinq 10 0x9100": {QinQ, 10, OldTag},
		"qinq 10 0x9200": {QinQ, 10, OlderTag},
	}
	out := []Config{
		{Access, 10, 0}, {Access, 20, 0}, {Dot1Q, 10, 0}, {Dot1Q, 20, 0}, {QinQ, 10, 0}, {QinQ, 20, STag},
	}
	for _, c := range []struct {
		in, tags string
		want     [6]string // the tags at each port of out; "-" for no frame
	}{
		{"access 10", "", [6]string{"", "-", "", "8100000a", "-", "-"}},
		// A tag at an access port is payload, and stays one.
		{"access 10", "81000014", [6]string{"81000014", "-", "8100000a 81000014", "8100000a 81000014", "-", "-"}},
		{"access 10", "8100000a", [6]string{"8100000a", "-", "8100000a 8100000a", "8100000a 8100000a", "-", "-"}},
		{"access 10", "88a80014", [6]string{"88a80014", "-", "8100000a 88a80014", "8100000a 88a80014", "-", "-"}},
		// Priority-tagged: priority 5, drop eligible.
		{"access 10", "8100b000", [6]string{"", "-", "", "8100b00a", "-", "-"}},
		{"access 10", "8100b000 8100000f", [6]string{"8100000f", "-", "8100b00a 8100000f", "8100b00a 8100000f", "-", "-"}},

		{"dot1q 10", "", [6]string{"", "-", "", "8100000a", "-", "-"}},
		{"dot1q 10", "8100e000", [6]string{"", "-", "", "8100e00a", "-", "-"}},
		{"dot1q 10", "8100000a", [6]string{"", "-", "", "8100000a", "", "-"}},
		{"dot1q 10", "8100000a 81000014", [6]string{"81000014", "-", "8100000a 81000014", "8100000a 81000014", "81000014", "-"}},
		// Type and priority of the tag are kept.
		{"dot1q 1", "8100600a", [6]string{"", "-", "", "8100600a", "", "-"}},
		{"dot1q 1", "9100600a", [6]string{"", "-", "", "9100600a", "", "-"}},
		{"dot1q 1", "9200600a", [6]string{"", "-", "", "9200600a", "", "-"}},
		{"dot1q 1", "88a8600a", [6]string{"", "-", "", "88a8600a", "", "-"}},
		{"dot1q 1", "88a8000a 810007d7", [6]string{"810007d7", "-", "88a8000a 810007d7", "88a8000a 810007d7", "810007d7", "-"}},
		{"dot1q 1", "81000014", [6]string{"-", "", "81000014", "", "-", ""}},
		{"dot1q 1", "", [6]string{"-", "-", "81000001", "81000001", "-", "-"}},
		{"dot1q 1", "81000fee", [6]string{"-", "-", "81000fee", "81000fee", "-", "-"}},

		{"qinq 10", "810007d7", [6]string{"-", "-", "8100000a 810007d7", "8100000a 810007d7", "810007d7", "-"}},
		{"qinq 10", "8100a000", [6]string{"-", "-", "8100000a 8100a000", "8100000a 8100a000", "8100a000", "-"}},
		{"qinq 10 0x88a8", "81000007", [6]string{"-", "-", "88a8000a 81000007", "88a8000a 81000007", "81000007", "-"}},
		{"qinq 10 0x9100", "81000007", [6]string{"-", "-", "9100000a 81000007", "9100000a 81000007", "81000007", "-"}},
		{"qinq 10 0x9200", "88a80007 81000008", [6]string{"-", "-", "9200000a 88a80007 81000008", "9200000a 88a80007 81000008", "88a80007 81000008", "-"}},
	} {
		t.Run(c.in+" "+c.tags, func(t *testing.T) {
			r, s := newRig(t, out...)
			if err := s.AddPort(9, in[c.in]); err != nil {
				t.Fatal(err)
			}
			var want []any
			for n, tags := range c.want {
				if tags != "-" {
					want = append(want, n, all+a+tags+" "+data)
				}
			}
			r.Send(9, hex(all+a+c.tags+" "+data))
			r.Expect("flooded", want...)

			// The same to a station that each of the ports has in turn.
			for n, tags := range c.want {
				if tags == "-" {
					continue
				}
				s.Clear()
				back := tags
				if out[n].Mode == QinQ && tags == "" {
					back = "81000001" // a customer sends no other frames
				}
				r.Send(n, hex(all+b+back+" "+data))
				r.Sent = nil
				r.Send(9, hex(b+a+c.tags+" "+data))
				r.Expect(fmt.Sprintf("to a station behind port %d", n), n, b+a+tags+" "+data)
			}
		})
	}
}

// The lab ethsw1 of the tutorial (lab files reference, 18, item 14).
func TestTutorial(t *testing.T) {
	r, s := newRig(t, Config{Access, 1, 0}, Config{Access, 20, 0}, Config{Dot1Q, 1, 0}, Config{Dot1Q, 1, 0})
	r.Send(0, hex(all+a+data))
	r.Expect("from access 1", 2, all+a+data, 3, all+a+data)
	r.Send(1, hex(all+b+data))
	r.Expect("from access 20", 2, all+b+"81000014"+data, 3, all+b+"81000014"+data)
	var got []string
	for _, e := range s.Stations(r.Now) {
		got = append(got, e.String())
	}
	if text := strings.Join(got, "\n"); text != "0200.0000.000a  1  0\n0200.0000.000b  20  1" {
		t.Errorf("stations:\n%s", text)
	}
	s.Clear()
	if left := s.Stations(r.Now); len(left) != 0 {
		t.Errorf("stations %v after Clear", left)
	}
}

func TestLearning(t *testing.T) {
	trunk := Config{Dot1Q, 1, 0}
	r, s := newRig(t, trunk, trunk, trunk)
	send := func(port int, text string) { r.Send(port, hex(text)) }

	send(1, all+b+"81000005"+data)
	r.Expect("broadcast", 0, all+b+"81000005"+data, 2, all+b+"81000005"+data)
	send(0, b+a+"81000005"+data)
	r.Expect("to a station that is known", 1, b+a+"81000005"+data)
	send(0, b+a+"81000006"+data)
	r.Expect("to the same station in another VLAN", 1, b+a+"81000006"+data, 2, b+a+"81000006"+data)
	r.Dropped("to a station at its own port", 1, hex(b+a+"81000005"+data), fabric.Filtered)

	// The last frame moved a to port 1; b moves to port 2.
	send(2, a+b+"81000005"+data)
	r.Expect("to a station that moved", 1, a+b+"81000005"+data)
	send(0, b+"020000000001"+"81000005"+data)
	r.Expect("to the other that moved", 2, b+"020000000001"+"81000005"+data)

	// Group addresses are flooded, whichever.
	for _, group := range []string{"0180c2000000", "0180c2000001", "0180c200000e", "01000ccccccc", "333300000001", "010203040506"} {
		send(0, group+a+data)
		r.Expect("to group "+group, 1, group+a+data, 2, group+a+data)
	}
	r.Dropped("from a group", 0, hex(a+"010203040506"+data), fabric.GroupSource)
	if got := fmt.Sprint(s.Stations(r.Now)); strings.Contains(got, "0102.0304.0506") {
		t.Errorf("a group was learned: %s", got)
	}

	// What is behind a port is forgotten with its link, its VLAN or itself.
	for name, change := range map[string]func(){
		"link": func() { s.SetUp(2, false); s.SetUp(2, true) },
		"VLAN": func() {
			for _, vlan := range []int{2, 1} {
				if err := s.SetPort(2, Config{Dot1Q, vlan, 0}); err != nil {
					t.Fatal(err)
				}
			}
		},
		"port": func() {
			s.RemovePort(2)
			if err := s.AddPort(2, trunk); err != nil {
				t.Fatal(err)
			}
		},
	} {
		send(2, all+b+data)
		r.Sent = nil
		send(0, b+a+data)
		r.Expect("before a change of the "+name, 2, b+a+data)
		change()
		send(0, b+a+data)
		r.Expect("after a change of the "+name, 1, b+a+data, 2, b+a+data)
	}
	// A change to the same keeps it.
	send(2, all+b+data)
	r.Sent = nil
	if err := s.SetPort(2, trunk); err != nil {
		t.Fatal(err)
	}
	send(0, b+a+data)
	r.Expect("after no change", 2, b+a+data)

	s.SetUp(1, false)
	send(0, all+a+data)
	r.Expect("with a port down", 2, all+a+data)
	s.RemovePort(2)
	r.Dropped("with no other port", 0, hex(all+a+data), fabric.NoPort)
	r.Send(2, hex(all+a+data))
	r.Expect("from a port that was removed")
	s.SetUp(2, true)
	s.RemovePort(77)
}

func TestAgeing(t *testing.T) {
	access := Config{Access, 1, 0}
	r, s := newRig(t, access, access, access)
	r.Now = 7e9
	r.Send(1, hex(all+b+data))
	r.Sent = nil
	r.Now += int64(AgeingTime) - 1e9
	if got := s.Stations(r.Now); len(got) != 1 || got[0].Silent.Seconds() != 299 {
		t.Errorf("stations after 299 s: %v", got)
	}
	r.Send(0, hex(b+a+data))
	r.Expect("after 299 s", 1, b+a+data)
	r.Now += 1e9
	r.Send(0, hex(b+a+data))
	r.Expect("after 300 s", 1, b+a+data, 2, b+a+data)
	if got := s.Stations(r.Now); len(got) != 1 || got[0].Address[5] != 0x0a {
		t.Errorf("stations after 300 s: %v", got)
	}
	// Each frame begins the time anew.
	for range 4 {
		r.Send(1, hex(a+b+data))
		r.Sent = nil
		r.Now += 299e9
		r.Send(0, hex(b+a+data))
		r.Expect("after 299 s with frames between", 1, b+a+data)
	}
	if s.Tick(r.Now) != 0 || s.Next() != 0 {
		t.Error("the switch wants to be woken")
	}
}

// However many stations there are, the table keeps its size, the newest station
// is known, and none is found where it is not.
func TestManyStations(t *testing.T) {
	const ports = 5
	var access []Config
	for range ports {
		access = append(access, Config{Access, 1, 0})
	}
	r, s := newRig(t, access...)
	const stations = 50_000
	name := func(i int) string { return fmt.Sprintf("02%010x ", i*0x10001) }
	for i := range stations {
		r.Send(i%ports, hex(all+name(i)+"0800"))
		r.Sent = nil
		r.Send((i+1)%ports, hex(name(i)+"0200ffffffff 0800"))
		r.Expect("to the newest", i%ports, name(i)+"0200ffffffff 0800")
		r.Now += 1e6
	}
	if got := len(s.Stations(r.Now)); got > ways<<setBits || got < ways<<setBits*3/4 {
		t.Errorf("%d stations are known, the table has room for %d", got, ways<<setBits)
	}
	for _, e := range s.Stations(r.Now) {
		i := int(address(e.Address[:])&^(2<<40)) / 0x10001
		if e.Address != [6]byte{2, 0, 255, 255, 255, 255} && e.Port != i%ports {
			t.Fatalf("station %v is at port %d", e, i%ports)
		}
	}
}

func TestBadFrames(t *testing.T) {
	r, _ := newRig(t, Config{Access, 1, 0}, Config{Dot1Q, 1, 0}, Config{QinQ, 1, 0}, Config{Dot1Q, 1, 0}, Config{QinQ, 1, 0})
	for port := range 3 {
		r.Dropped("nothing", port, nil, fabric.Runt)
		r.Dropped("13 bytes", port, hex(all+a+"08"), fabric.Runt)
		r.Dropped("too long", port, hex(all+a+"8100 0001 00*32749"), fabric.Giant)
	}
	r.Dropped("VLAN 4095", 1, hex(all+a+"8100efff"+data), fabric.Malformed)
	for _, tag := range []string{"8100", "88a8", "9100 00", "9200 0001", "8100 0001 08"} {
		r.Dropped("tag cut off", 1, hex(all+a+tag), fabric.Malformed)
		r.Dropped("tag cut off", 2, hex(all+a+tag), fabric.Malformed)
	}
	r.Dropped("untagged", 2, hex(all+a+data), fabric.Untagged)

	// The shortest and the longest.
	r.Send(0, hex(all+a+"0800"))
	r.Expect("14 bytes", 1, all+a+"0800", 3, all+a+"0800")
	r.Send(0, hex(all+a+"8100")) // a payload of nothing, in a type that is taken for a tag
	r.Expect("14 bytes with the type of a tag", 1, all+a+"81000001 8100", 3, all+a+"81000001 8100")
	r.Send(1, hex(all+a+"8100 0001 0800"))
	r.Expect("14 bytes and a tag", 0, all+a+"0800", 2, all+a+"0800", 3, all+a+"0800", 4, all+a+"0800")
	r.Send(2, hex(all+a+"8100 0007 5a*32748"))
	long := all + a + "8100 0001 8100 0007 5a*32748"
	r.Expect("the longest", 1, long, 3, long, 4, all+a+"8100 0007 5a*32748")
}

func TestStats(t *testing.T) {
	r, s := newRig(t, Config{Access, 10, 0}, Config{Dot1Q, 1, 0}, Config{Access, 20, 0})
	r.Send(0, hex(all+a+data))
	r.Send(0, hex(all+a+data))
	r.Send(1, hex(a+b+"8100000a"+data))
	for port, want := range []fabric.Stats{
		{RxFrames: 2, RxBytes: 120, TxFrames: 1, TxBytes: 60},
		{RxFrames: 1, RxBytes: 64, TxFrames: 2, TxBytes: 128},
		{},
	} {
		if got := s.Stats(port); got != want {
			t.Errorf("port %d: %+v, want %+v", port, got, want)
		}
	}
	if got := s.Stats(5); got != (fabric.Stats{}) {
		t.Errorf("a port that does not exist: %+v", got)
	}
}

func TestConfig(t *testing.T) {
	for word, want := range map[string]Mode{"access": Access, "dot1q": Dot1Q, "qinq": QinQ} {
		if m, err := ParseMode(word); err != nil || m != want || m.String() != word {
			t.Errorf("%s is %v, %v", word, m, err)
		}
	}
	if _, err := ParseMode("trunk"); err == nil || err.Error() != `port type "trunk": wanted access, dot1q or qinq` {
		t.Error(err)
	}
	r, s := newRig(t, Config{Access, 1, 0}, Config{QinQ, 4094, OldTag})
	for _, c := range []struct {
		Config
		want string
	}{
		{Config{Access, 0, 0}, "port 7: VLAN 0: wanted 1 to 4094"},
		{Config{Dot1Q, 4095, 0}, "port 7: VLAN 4095: wanted 1 to 4094"},
		{Config{QinQ, -1, 0}, "port 7: VLAN -1: wanted 1 to 4094"},
		{Config{QinQ, 1, 0x1234}, "port 7: ethertype 0x1234: wanted 0x8100, 0x88a8, 0x9100 or 0x9200"},
		{Config{QinQ, 1, 0x18100}, "port 7: ethertype 0x18100: wanted 0x8100, 0x88a8, 0x9100 or 0x9200"},
		{Config{Dot1Q, 1, STag}, "port 7: ethertype 0x88a8: only a qinq port has one"},
		{Config{Mode(3), 1, 0}, "port 7: port type Mode(3): wanted access, dot1q or qinq"},
	} {
		if err := s.AddPort(7, c.Config); err == nil || err.Error() != c.want {
			t.Errorf("%+v: %v, want %s", c.Config, err, c.want)
		}
		if err := s.SetPort(0, c.Config); err == nil || err.Error() != strings.Replace(c.want, "7", "0", 1) {
			t.Errorf("%+v: %v", c.Config, err)
		}
	}
	if err := s.AddPort(1, Config{Access, 1, 0}); err == nil {
		t.Error("a port was added twice")
	}
	if err := s.SetPort(7, Config{Access, 1, 0}); err == nil {
		t.Error("a port that does not exist was set")
	}
	r.Send(1, hex(all+a+"8100 0001"+data))
	r.Expect("after all that was refused")
}

// FuzzForward sends any frames in any order: none leaves at the port where it
// came from, or where its VLAN is not, and all that changes are tags.
func FuzzForward(f *testing.F) {
	configs := []Config{{Access, 1, 0}, {Access, 2, 0}, {Access, 1, 0}, {Dot1Q, 1, 0}, {Dot1Q, 2, 0}, {QinQ, 2, STag}, {QinQ, 2, 0}, {QinQ, 1, 0}}
	for port := range byte(len(configs)) {
		for _, tags := range []string{"", "81000001", "81000002", "8100e000", "88a80002 81000001"} {
			frame := hex(all + a + tags + data)
			f.Add(append([]byte{port, 1, byte(len(frame)), 0}, frame...))
		}
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		build := func(out fabric.Output) fabric.Engine {
			s := New(out)
			for n, c := range configs {
				if err := s.AddPort(n, c); err != nil {
					t.Fatal(err)
				}
			}
			return s
		}
		fabrictest.Fuzz(t, input, len(configs), build, func(in int, frame []byte, sent []fabrictest.Frame) {
			seen := map[int]bool{in: true}
			for _, out := range sent {
				if seen[out.Port] {
					t.Fatalf("port %d: %x left twice, or where it came from (%d)", out.Port, frame, in)
				}
				seen[out.Port] = true
				if vlan := vlanOf(configs[in], frame); configs[out.Port].Mode != Dot1Q && configs[out.Port].VLAN != vlan {
					t.Fatalf("%x of VLAN %d left in VLAN %d", frame, vlan, configs[out.Port].VLAN)
				} else if configs[out.Port].Mode == Dot1Q && vlanOf(configs[out.Port], out.Data) != vlan {
					t.Fatalf("%x of VLAN %d left a trunk as %x", frame, vlan, out.Data)
				}
				if !bytes.Equal(out.Data[:12], frame[:12]) || !bytes.Equal(untagged(out.Data), untagged(frame)) {
					t.Fatalf("%x left as %x", frame, out.Data)
				}
			}
		})
	})
}

// vlanOf is the VLAN of a frame at a port.
func vlanOf(c Config, frame []byte) int {
	if c.Mode == Dot1Q && len(frame) >= 18 && isTag(uint16(frame[12])<<8|uint16(frame[13])) {
		if vid := int(frame[14]&15)<<8 | int(frame[15]); vid != 0 {
			return vid
		}
	}
	return c.VLAN
}

// untagged is what follows the addresses and all tags.
func untagged(frame []byte) []byte {
	rest := frame[12:]
	for len(rest) >= 6 && isTag(uint16(rest[0])<<8|uint16(rest[1])) {
		rest = rest[4:]
	}
	return rest
}

func BenchmarkForward(b *testing.B) {
	access, trunk, qinq := Config{Access, 1, 0}, Config{Dot1Q, 2, 0}, Config{QinQ, 1, STag}
	for _, c := range []struct {
		name     string
		from, to Config
		tags     string
		ports    int // in all; frames are flooded with more than 2
	}{
		{"access to access", access, access, "", 2},
		{"access to trunk", access, trunk, "", 2},
		{"trunk to access", trunk, access, "81000001", 2},
		{"qinq to trunk", qinq, trunk, "81000007", 2},
		{"flooded to 8", access, trunk, "", 9},
	} {
		b.Run(c.name, func(b *testing.B) {
			sent := 0
			s := New(func(int, []byte) { sent++ })
			for n := range c.ports {
				config := c.to
				if n == 0 {
					config = c.from
				}
				if err := s.AddPort(n, config); err != nil {
					b.Fatal(err)
				}
			}
			// 1000 stations at each side, unknown where frames are flooded.
			frame := hex("02000000000b 02000000000a" + c.tags + "0800")
			frame = append(frame, make([]byte, 64-len(frame))...)
			if c.ports == 2 {
				for i := range 1000 {
					back := fabrictest.Buffer(frame)
					copy(back[4:], []byte{2, 0, 0, 0, 0, 10, 2, 0, 0, byte(i >> 8), byte(i), 11})
					s.Forward(0, 1, back)
				}
				sent = 0
			}
			buf := make([]byte, fabric.Headroom+len(frame))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				copy(buf[fabric.Headroom:], frame)
				at := i % 1000
				buf[fabric.Headroom+3], buf[fabric.Headroom+4] = byte(at>>8), byte(at)
				buf[fabric.Headroom+9], buf[fabric.Headroom+10] = byte(at>>8), byte(at)
				s.Forward(int64(i), 0, buf)
			}
			if sent != b.N*(c.ports-1) {
				b.Fatalf("%d frames in, %d out", b.N, sent)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "frames/s")
		})
	}
}
