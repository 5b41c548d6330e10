package peer

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"math/bits"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"dynemu/vm/atm"
	"dynemu/vm/fabric"
	"dynemu/vm/fabric/atmbr"
	"dynemu/vm/fabric/atmsw"
	"dynemu/vm/fabric/ethsw"
	"dynemu/vm/fabric/fabrictest"
	"dynemu/vm/fabric/frsw"
)

// step is frames, in hexadecimal, that arrive at a port of both switches one
// after the other. What leaves must be the same, or, where there is a reason why
// not, different.
type step struct {
	port    int
	frames  string // separated by commas
	because string
}

// comparison is a switch of Dynamips and one of ours.
type comparison struct {
	ports    int      // n0, n1 ... with Dynamips
	commands []string // that make Dynamips' switch
	engine   func(out fabric.Output) (fabric.Engine, error)
	// last returns a frame with mark in it that leaves at the lowest port, of those
	// where it leaves, the same way from both switches when it arrives at port.
	last func(port int) string
	// clear, if set, clears what is different in each frame, for a reason.
	clear func(frame []byte)
}

// mark is in the frames that end a step, and in no others.
var mark = []byte{0x1A, 0x1A, 0x1A, 0x1A}

// run sends the frames of steps to both switches.
func (c comparison) run(t *testing.T, steps []step) {
	debian := Debian(t)
	p := UDPPorts(t, 2*c.ports)
	var commands []string
	socket := make([]*net.UDPConn, c.ports)
	for n := range socket {
		commands = append(commands, fmt.Sprintf("nio create_udp n%d %d 127.0.0.1 %d", n, p[2*n], p[2*n+1]))
		conn, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: p[2*n+1]}, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: p[2*n]})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		socket[n] = conn
	}
	h := StartManager(t, debian, t.TempDir())
	for _, command := range append(commands, c.commands...) {
		h.Do("%s", command)
	}

	var ours []fabrictest.Frame
	if c.clear == nil {
		c.clear = func([]byte) {}
	}
	engine, err := c.engine(func(port int, frame []byte) {
		frame = bytes.Clone(frame)
		c.clear(frame)
		ours = append(ours, fabrictest.Frame{Port: port, Data: frame})
	})
	if err != nil {
		t.Fatal(err)
	}
	feed := func(port int, frame []byte) {
		engine.Forward(0, port, fabrictest.Buffer(frame))
		if _, err := socket[port].Write(frame); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range steps {
		ours = nil
		for frame := range strings.SplitSeq(s.frames, ",") {
			feed(s.port, fabrictest.Hex(frame))
		}
		want := describe(ours)
		// Dynamips takes and sends the frames of a port one after the other: when
		// the last one has left, all that there is of the others has.
		ours = nil
		feed(s.port, fabrictest.Hex(c.last(s.port)))
		if len(ours) == 0 {
			t.Fatalf("port %d: the last frame did not leave", s.port)
		}
		end := ours[0]
		var theirs []fabrictest.Frame
		buf := make([]byte, fabric.MaxFrame)
		read := func(n int, wait time.Duration) (frame []byte) {
			_ = socket[n].SetReadDeadline(time.Now().Add(wait)) // an error shows in the read
			size, err := socket[n].Read(buf)
			if err != nil {
				return nil
			}
			frame = bytes.Clone(buf[:size])
			c.clear(frame)
			if !bytes.Contains(frame, mark) {
				theirs = append(theirs, fabrictest.Frame{Port: n, Data: frame})
			}
			return frame
		}
		for {
			frame := read(end.Port, 20*time.Second)
			if frame == nil {
				t.Fatalf("port %d: %s: the frame after it did not come back: %s", s.port, s.frames, describe(theirs))
			}
			if bytes.Equal(frame, end.Data) {
				break
			}
		}
		for n := range socket {
			for read(n, time.Millisecond) != nil {
			}
		}
		got := describe(theirs)
		switch {
		case s.because == "" && got != want:
			t.Errorf("port %d: %s\nDynamips %s\ndynemu   %s", s.port, s.frames, got, want)
		case s.because != "" && got == want:
			t.Errorf("port %d: %s\nboth     %s\nthough %s", s.port, s.frames, got, s.because)
		}
	}
}

// describe lists frames by port.
func describe(frames []fabrictest.Frame) string {
	all := slices.Clone(frames)
	slices.SortStableFunc(all, func(a, b fabrictest.Frame) int { return a.Port - b.Port })
	var s []string
	for _, f := range all {
		s = append(s, fmt.Sprintf("%d:%x", f.Port, f.Data))
	}
	return strings.Join(s, " ")
}

// first returns the first error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestEthernetSwitch(t *testing.T) {
	const (
		access1 = iota
		access10
		access10too
		native1
		native10
		qinq10
		qinq10too
		qinq20
		ports
	)
	c := comparison{
		ports: ports,
		commands: []string{"ethsw create S",
			"ethsw add_nio S n0", "ethsw add_nio S n1", "ethsw add_nio S n2", "ethsw add_nio S n3", "ethsw add_nio S n4", "ethsw add_nio S n5",
			"ethsw add_nio S n6", "ethsw add_nio S n7",
			"ethsw set_access_port S n0 1", "ethsw set_access_port S n1 10", "ethsw set_access_port S n2 10",
			"ethsw set_dot1q_port S n3 1", "ethsw set_dot1q_port S n4 10",
			"ethsw set_qinq_port S n5 10", "ethsw set_qinq_port S n6 10", "ethsw set_qinq_port S n7 20",
		},
		engine: func(out fabric.Output) (fabric.Engine, error) {
			s := ethsw.New(out)
			return s, first(s.AddPort(access1, ethsw.Config{Mode: ethsw.Access, VLAN: 1}),
				s.AddPort(access10, ethsw.Config{Mode: ethsw.Access, VLAN: 10}), s.AddPort(access10too, ethsw.Config{Mode: ethsw.Access, VLAN: 10}),
				s.AddPort(native1, ethsw.Config{Mode: ethsw.Dot1Q, VLAN: 1}), s.AddPort(native10, ethsw.Config{Mode: ethsw.Dot1Q, VLAN: 10}),
				s.AddPort(qinq10, ethsw.Config{Mode: ethsw.QinQ, VLAN: 10}), s.AddPort(qinq10too, ethsw.Config{Mode: ethsw.QinQ, VLAN: 10}),
				s.AddPort(qinq20, ethsw.Config{Mode: ethsw.QinQ, VLAN: 20}))
		},
		last: func(port int) string {
			if port >= qinq10 {
				return "0180c200000e 0200000000fe 81000007 88b6 1a*4"
			}
			return "0180c200000e 0200000000fe 88b6 1a*4"
		},
	}
	const all, data = "ffffffffffff ", " 0800 45*46"
	// station names one that the switch has not seen.
	number := 0
	station := func() string {
		number++
		return fmt.Sprintf("0200%04x%04x ", number*7, number)
	}
	hop := "with Dynamips, the frame changes its VLAN: its inner tag is taken for the outer one"
	var steps []step
	flood := func(port int, tags, because string) {
		steps = append(steps, step{port, all + station() + tags + data, because})
	}
	for port := range ports {
		for _, tags := range []string{"", "81000001", "8100000a", "8100600a", "81000014", "8100000a 81000007", "88a80014 81000007", "9100000a", "9200000a", "81000fee"} {
			because := ""
			switch {
			case port <= access10too && tags != "", port == native1 && tags == "8100000a 81000007":
				because = hop
			case tags != "" && !strings.HasPrefix(tags, "8100"):
				because = "release 0.2.14 knows tags of type 8100 only; later ones know all"
			case (port == qinq10 || port == qinq10too) && tags != "":
				because = "Dynamips loses the customer's tag between two qinq ports"
			}
			flood(port, tags, because)
		}
	}
	// Priority-tagged.
	flood(native1, "8100a000", "Dynamips drops priority-tagged frames at a dot1q port")
	flood(access1, "8100a000", "Dynamips takes a priority tag for payload")
	// Stations, known and moving.
	a, b := station(), station()
	steps = append(steps,
		step{access10, b + a + data, ""}, step{native10, a + b + data, ""}, step{access10, b + a + data, ""},
		step{access10too, b + a + data, ""}, step{native10, a + b + data, ""}, step{native1, b + a + "81000014" + data, ""},
		step{access10, "5a*13", ""}, step{access10, all + station() + "0800", ""}, step{access10, all + station() + "5a*1502", ""},
		step{access10, all + "010203040506" + data, "a group cannot send"},
	)
	c.run(t, steps)
}

func TestFrameRelaySwitch(t *testing.T) {
	circuits := [][2]frsw.Endpoint{{{Port: 0, DLCI: 102}, {Port: 1, DLCI: 201}}, {{Port: 0, DLCI: 103}, {Port: 2, DLCI: 301}}, {{Port: 1, DLCI: 203}, {Port: 2, DLCI: 302}}}
	commands := []string{"frsw create F"}
	for _, c := range circuits {
		for _, e := range [][2]frsw.Endpoint{c, {c[1], c[0]}} {
			commands = append(commands, fmt.Sprintf("frsw create_vc F n%d %d n%d %d", e[0].Port, e[0].DLCI, e[1].Port, e[1].DLCI))
		}
	}
	c := comparison{
		ports: 3, commands: commands,
		engine: func(out fabric.Output) (fabric.Engine, error) {
			s := frsw.New(out)
			err := first(s.AddPort(0), s.AddPort(1), s.AddPort(2))
			for _, c := range circuits {
				err = first(err, s.Connect(c[0], c[1]))
			}
			return s, err
		},
		last: func(port int) string { return []string{"1861 1a*4", "3091 1a*4", "48d1 1a*4"}[port] },
	}
	var steps []step
	for _, s := range []string{
		"1861 0800 45*20", "1a7f 0800", "1879 03cc", "1871 00*8000", "3091 0800", "fce1 0800", "1861 55",
		"00010308007595 010100 03020100", "00010308007595 010101 03020201", "00010308007595 010101 03020302 00*20",
		"00010308007595 010101 03020402", "00010308007595 010100 030205fe", "00010308007595 010100 030206ff", "00010308007595 010100 03020701",
		"00010308007595", "00010308007595 010100", "00010308007595 010102 03020100", "00010308007d95 010100 03020100", "00010309007595 010100 03020100",
	} {
		steps = append(steps, step{0, s, ""})
	}
	other := "Dynamips knows Annex D only"
	steps = append(steps,
		step{1, "3091 0800", ""}, step{1, "30b1 0800", ""}, step{1, "1861 0800", ""}, step{1, "000103080075 510100 53020100", other},
		step{0, "1860 0800", "Dynamips takes an address that goes on for one of two octets"},
		step{0, "1961 0800", "Dynamips takes an address of one octet for one of two"},
		step{2, "48d1 0800", ""}, step{2, "48e1 0800", ""}, step{2, "fcf103090075 010100 03020100", other},
	)
	c.run(t, steps)
}

func TestATMSwitch(t *testing.T) {
	c := comparison{
		ports: 3,
		commands: []string{"atmsw create S",
			"atmsw create_vpc S n0 5 n1 6", "atmsw create_vpc S n1 6 n0 5",
			"atmsw create_vcc S n0 1 100 n2 2 200", "atmsw create_vcc S n2 2 200 n0 1 100",
			"atmsw create_vcc S n1 4095 65535 n2 0 32", "atmsw create_vcc S n2 0 32 n1 4095 65535"},
		engine: func(out fabric.Output) (fabric.Engine, error) {
			s := atmsw.New(out)
			return s, first(s.AddPort(0), s.AddPort(1), s.AddPort(2), s.ConnectPath(atmsw.Path{Port: 0, VPI: 5}, atmsw.Path{Port: 1, VPI: 6}),
				s.ConnectChannel(atmsw.Channel{Port: 0, VPI: 1, VCI: 100}, atmsw.Channel{Port: 2, VPI: 2, VCI: 200}),
				s.ConnectChannel(atmsw.Channel{Port: 1, VPI: 4095, VCI: 65535}, atmsw.Channel{Port: 2, VPI: 0, VCI: 32}))
		},
		last: func(port int) string { return []string{"0050000000", "0060000000", "00200c8000"}[port] + " 1a*48" },
	}
	var steps []step
	for _, s := range []struct {
		port    int
		headers string
	}{
		{0, "0010064300 0050309000 005000300a 0010064eff 0010065300 0020064300 0000000055 0000000100"},
		{1, "0060309090 fffffff0a4 fffffffaff 0010064300"},
		{2, "00200c836a 0000020057 0000020fff 0000021000"},
	} {
		for h := range strings.FieldsSeq(s.headers) {
			steps = append(steps, step{s.port, h + " 5a*48", ""})
		}
		steps = append(steps, step{s.port, "0010064300 5a*47", ""}, step{s.port, "0010064300 5a*49", ""}, step{s.port, "5a", ""})
	}
	c.run(t, steps)
}

func TestATMBridge(t *testing.T) {
	const ethernet, cells = 0, 1
	h := atm.NewHeader(0, 201)
	c := comparison{
		ports:    2,
		commands: []string{"atm_bridge create B", "atm_bridge configure B n0 n1 0 201"},
		engine: func(out fabric.Output) (fabric.Engine, error) {
			b := atmbr.New(out)
			return b, first(b.AddEthernet(ethernet), b.AddATM(cells), b.Connect(ethernet, atmbr.Channel{Port: cells, VPI: 0, VCI: 201}))
		},
		last: func(port int) string {
			if port == ethernet {
				return "1a*20"
			}
			return fmt.Sprintf("%x", atm.AppendAAL5(nil, h, fabrictest.Hex("aaaa0300 80c20007 0000 1a*20")))
		},
		// Dynamips makes another CRC, which ours takes (see vm/atm).
		clear: func(cell []byte) {
			if len(cell) == atm.CellSize && atm.ReadHeader(cell)&atm.UserEnd != 0 {
				clear(cell[atm.CellSize-4:])
			}
		},
	}
	var steps []step
	for _, n := range []int{14, 29, 30, 31, 60, 64, 1514, 4000} {
		steps = append(steps, step{ethernet, fmt.Sprintf("0200000000%02x 5a*%d", n&0xFF, n-6), ""})
	}
	packet := func(text, because string, change func(all []byte) []byte) {
		all := atm.AppendAAL5(nil, h, fabrictest.Hex(text))
		if change != nil {
			all = change(all)
		}
		var frames []string
		for ; len(all) > 0; all = all[atm.CellSize:] {
			frames = append(frames, fmt.Sprintf("%x", all[:atm.CellSize]))
		}
		steps = append(steps, step{cells, strings.Join(frames, ","), because})
	}
	const plain = "aaaa0300 80c20007 0000 "
	for _, n := range []int{14, 20, 21, 22, 60} {
		packet(fmt.Sprintf("%s 5b*%d", plain, n), "", nil)
	}
	// The cells that Dynamips made of a frame (netio-hypervisor reference, 11.3).
	steps = append(steps, step{cells, "00000c9050 " + plain + "020000000002 020000000001 0800 50*24," +
		"00000c925e 50*22 00*18 00000046 db82d694", ""})
	packet("aaaa0300 00000800 45*20", "", nil)
	const frame = "020000000002 020000000001 0800 50*46 "
	packet(fmt.Sprintf("aaaa0300 80c20001 0000 %s %08x", frame, bits.ReverseBytes32(crc32.ChecksumIEEE(fabrictest.Hex(frame)))),
		"Dynamips takes no frames with FCS", nil)
	packet(plain+"5c*60", "Dynamips does not check the CRC", func(all []byte) []byte {
		all[30]++
		return all
	})
	c.run(t, steps)
}
