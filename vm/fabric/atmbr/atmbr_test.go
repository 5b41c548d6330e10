package atmbr

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"dynemu/vm/atm"
	"dynemu/vm/fabric"
	"dynemu/vm/fabric/fabrictest"
)

var hex = fabrictest.Hex

// Ethernet port 2 is joined to channel 0/201 of ATM port 1, as in test case 42 of
// the lab files reference, and 3 to 4095/65535 of it.
func newRig(t testing.TB) (*fabrictest.Rig, *Bridge) {
	r := &fabrictest.Rig{TB: t}
	b := New(r.Out)
	r.Engine = b
	for _, err := range []error{
		b.AddATM(1), b.AddEthernet(2), b.AddEthernet(3), b.AddEthernet(4), b.AddATM(0),
		b.Connect(2, Channel{1, 0, 201}), b.Connect(3, Channel{1, 4095, 65535}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return r, b
}

const frame60 = "ffffffffffff 020000000001 0800 5a*46"

// A frame of 60 bytes is two cells (netio-hypervisor reference, 11.3): 10 bytes
// of encapsulation, 60 of the frame, 18 zeros, and a trailer with length 70.
func TestFrameToCells(t *testing.T) {
	r, b := newRig(t)
	first := "aaaa0300 80c20007 0000 ffffffffffff 020000000001 0800 5a*24"
	second := "5a*22 00*18 0000 0046"
	crc := crcOf(append(hex(first), hex(second)...))
	r.Send(2, hex(frame60))
	r.Expect("60 bytes", 1, "00000c90 50 "+first, 1, fmt.Sprintf("00000c92 5e %s %08x", second, crc))
	if got, want := b.Stats(1), (fabric.Stats{TxFrames: 2, TxBytes: 106}); got != want {
		t.Errorf("ATM port: %+v, want %+v", got, want)
	}
	if got, want := b.Stats(2), (fabric.Stats{RxFrames: 1, RxBytes: 60}); got != want {
		t.Errorf("Ethernet port: %+v, want %+v", got, want)
	}
}

// crcOf is the CRC of AAL5 by its definition (I.363.5).
func crcOf(p []byte) uint32 {
	crc := ^uint32(0)
	for _, octet := range p {
		crc ^= uint32(octet) << 24
		for range 8 {
			top := crc >> 31
			crc <<= 1
			if top != 0 {
				crc ^= 0x04C11DB7
			}
		}
	}
	return ^crc
}

// cells sends the cells of a packet to a port, and expects nothing before the
// last one.
func cells(r *fabrictest.Rig, port int, h atm.Header, packet []byte) (last []byte) {
	r.Helper()
	all := atm.AppendAAL5(nil, h, packet)
	for ; len(all) > atm.CellSize; all = all[atm.CellSize:] {
		r.Send(port, all[:atm.CellSize])
		r.Expect("before the last cell")
	}
	return all
}

func TestCellsToFrame(t *testing.T) {
	r, b := newRig(t)
	h, other := atm.NewHeader(0, 201), atm.NewHeader(4095, 65535)
	packet := hex("aaaa0300 80c20007 0000" + frame60)
	r.Send(1, cells(r, 1, h, packet))
	r.Expect("60 bytes", 2, frame60)
	r.Send(1, cells(r, 1, other|atm.EFCI|1, packet))
	r.Expect("with congestion and CLP", 3, frame60)

	// The cells that Dynamips made of a frame, with its CRC.
	r.Send(1, hex("00000c9050 aaaa0300 80c20007 0000 020000000002 020000000001 0800 50*24"))
	r.Send(1, hex("00000c925e 50*22 00*18 00000046 db82d694"))
	r.Expect("from Dynamips", 2, "020000000002 020000000001 0800 50*46")

	// Packets of two channels between each other, and cells of maintenance.
	long := append(hex("aaaa0300 80c20007 0000 020000000002 020000000001 88b5"), make([]byte, 8000)...)
	a, c := atm.AppendAAL5(nil, h, long), atm.AppendAAL5(nil, other, packet)
	r.Send(1, a[:atm.CellSize])
	r.Send(1, c[:atm.CellSize])
	oam := make([]byte, atm.CellSize)
	(h | atm.Network | atm.UserEnd).Put(oam)
	r.Dropped("a cell of maintenance", 1, oam, fabric.Operation)
	r.Send(1, c[atm.CellSize:])
	r.Expect("the other", 3, frame60)
	for a = a[atm.CellSize:]; len(a) > 0; a = a[atm.CellSize:] {
		r.Send(1, a[:atm.CellSize])
	}
	r.Expect("the long one", 2, "020000000002 020000000001 88b5 00*8000")

	// With FCS.
	fcs := binary.LittleEndian.AppendUint32(hex("aaaa0300 80c20001 0000"+frame60), crc32.ChecksumIEEE(hex(frame60)))
	r.Send(1, cells(r, 1, h, fcs))
	r.Expect("with FCS", 2, frame60)
	fcs[20]++
	r.Dropped("with a wrong FCS", 1, cells(r, 1, h, fcs), fabric.BadCRC)

	if got, want := b.Stats(2), (fabric.Stats{TxFrames: 4, TxBytes: 60 + 60 + 8014 + 60}); got != want {
		t.Errorf("Ethernet port: %+v, want %+v", got, want)
	}
}

func TestBadPackets(t *testing.T) {
	r, b := newRig(t)
	h := atm.NewHeader(0, 201)
	for _, c := range []struct {
		what, packet string
		why          fabric.Drop
	}{
		{"routed IP", "aaaa0300 00000800 45*20", fabric.Encapsulation},
		{"bridged token ring", "aaaa0300 80c20009 0000" + frame60, fabric.Encapsulation},
		{"padding that is not zero", "aaaa0300 80c20007 0100" + frame60, fabric.Encapsulation},
		{"nothing but a part of the encapsulation", "aaaa0300 80c20007 00", fabric.Encapsulation},
		{"13 bytes", "aaaa0300 80c20007 0000 5a*13", fabric.Runt},
		{"13 bytes and FCS", "aaaa0300 80c20001 0000 5a*17", fabric.Runt},
		{"too long", "aaaa0300 80c20007 0000 5a*16351", fabric.Giant},
	} {
		r.Dropped(c.what, 1, cells(r, 1, h, hex(c.packet)), c.why)
	}
	packet := hex("aaaa0300 80c20007 0000" + frame60)
	last := cells(r, 1, h, packet)
	last[5] ^= 1
	r.Dropped("wrong CRC", 1, last, fabric.BadCRC)
	r.Dropped("an aborted packet", 1, atm.AppendAAL5(nil, h), fabric.BadLength)

	r.Dropped("no cell", 1, last[:52], fabric.Runt)
	r.Dropped("no cell", 1, append(last, 0), fabric.Giant)
	r.Dropped("another channel", 1, cells(r, 1, atm.NewHeader(0, 202), hex("55")), fabric.NoCircuit)
	r.Dropped("another path", 1, cells(r, 1, atm.NewHeader(1, 201), hex("55")), fabric.NoCircuit)
	r.Dropped("another port", 0, cells(r, 0, h, hex("55")), fabric.NoCircuit)

	r.Dropped("a runt", 2, hex("5a*13"), fabric.Runt)
	r.Dropped("a giant", 2, hex("5a*16351"), fabric.Giant)
	r.Dropped("from a port that is not joined", 4, hex(frame60), fabric.NoCircuit)
	b.SetUp(1, false)
	r.Dropped("to an ATM port without a link", 2, hex(frame60), fabric.Down)
	b.SetUp(1, true)
	b.SetUp(2, false)
	r.Dropped("to an Ethernet port without a link", 1, cells(r, 1, h, packet), fabric.Down)
	b.SetUp(2, true)

	// A packet whose link was lost does not spoil the next one.
	cells(r, 1, h, packet)
	b.SetUp(1, false)
	b.SetUp(1, true)
	r.Send(1, cells(r, 1, h, packet))
	r.Expect("after the link was lost", 2, frame60)

	b.SetUp(9, true)
	r.Send(9, hex(frame60))
	r.Expect("at a port that does not exist")
	if got := b.Stats(9); got != (fabric.Stats{}) {
		t.Errorf("a port that does not exist: %+v", got)
	}
	if b.Tick(1) != 0 || b.Next() != 0 {
		t.Error("the bridge wants to be woken")
	}
}

// Two bridges back to back pass on all sizes of frames.
func TestThrough(t *testing.T) {
	near, b := newRig(t)
	far, _ := newRig(t)
	if MaxFrame != 16350 {
		t.Errorf("the longest frame has %d bytes", MaxFrame)
	}
	for _, n := range []int{14, 29, 30, 31, 60, 1514, 1518, 9018, MaxFrame} {
		frame := make([]byte, n)
		for i := range frame {
			frame[i] = byte(i*11 + n)
		}
		near.Send(3, frame)
		for _, cell := range near.Sent {
			far.Send(cell.Port, cell.Data)
		}
		near.Sent = nil
		far.Expect(fmt.Sprintf("%d bytes", n), 3, fmt.Sprintf("%x", frame))
	}
	if cap(b.cells) > 2*maxCells*atm.CellSize {
		t.Errorf("%d bytes are kept", cap(b.cells))
	}
}

func TestConnect(t *testing.T) {
	r, b := newRig(t)
	for _, c := range []struct {
		ethernet int
		channel  Channel
		want     string
	}{
		{2, Channel{1, 0, 300}, "port 2: it is bridged already, to 1:0:201"},
		{4, Channel{1, 0, 201}, "channel 1:0:201: VPI 0 VCI 201 of port 1 is bridged already, to port 2"},
		{4, Channel{1, 4096, 1}, "channel 1:4096:1: VPI 4096: wanted 0 to 4095"},
		{4, Channel{1, 1, 65536}, "channel 1:1:65536: VCI 65536: wanted 0 to 65535"},
		{4, Channel{7, 1, 1}, "channel 7:1:1: port 7: the switch has no such port"},
		{7, Channel{1, 1, 1}, "port 7: the switch has no such port"},
		{0, Channel{1, 1, 1}, "port 0: an ATM port; wanted an Ethernet port"},
		{4, Channel{2, 1, 1}, "channel 2:1:1: port 2 is an Ethernet port; wanted an ATM port"},
	} {
		if err := b.Connect(c.ethernet, c.channel); err == nil || err.Error() != c.want {
			t.Errorf("Connect(%d, %v): %v, want %s", c.ethernet, c.channel, err, c.want)
		}
	}
	if err := b.Disconnect(3, Channel{1, 0, 201}); err == nil || !strings.Contains(err.Error(), "not bridged") {
		t.Error(err)
	}
	if err := b.Disconnect(9, Channel{1, 0, 201}); err == nil {
		t.Error("what cannot be was removed")
	}
	if err := b.Disconnect(2, Channel{1, 0, 201}); err != nil {
		t.Fatal(err)
	}
	r.Dropped("after Disconnect", 2, hex(frame60), fabric.NoCircuit)
	r.Dropped("after Disconnect", 1, atm.AppendAAL5(nil, atm.NewHeader(0, 201), []byte{1}), fabric.NoCircuit)
	if err := b.Connect(4, Channel{1, 0, 201}); err != nil {
		t.Fatal(err)
	}
	b.RemovePort(4)
	b.RemovePort(4)
	r.Dropped("to a port that was removed", 1, atm.AppendAAL5(nil, atm.NewHeader(0, 201), []byte{1}), fabric.NoCircuit)
	b.RemovePort(1)
	r.Dropped("to an ATM port that was removed", 3, hex(frame60), fabric.NoCircuit)
	if b.AddATM(3) == nil || b.AddEthernet(0) == nil {
		t.Error("a port was added twice")
	}
}

// FuzzForward sends any frames and cells in any order: frames leave as cells of
// their own channel, and frames of cells at the port of theirs.
func FuzzForward(f *testing.F) {
	f.Add(append([]byte{2, 0, 60, 0}, hex(frame60)...))
	var seed []byte
	for c := atm.AppendAAL5(nil, atm.NewHeader(0, 201), withoutFCS, hex(frame60)); len(c) > 0; c = c[atm.CellSize:] {
		seed = append(append(seed, 1, 0, atm.CellSize, 0), c[:atm.CellSize]...)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, input []byte) {
		build := func(out fabric.Output) fabric.Engine {
			_, b := newRig(t)
			b.out = out
			return b
		}
		fabrictest.Fuzz(t, input, 5, build, func(in int, frame []byte, sent []fabrictest.Frame) {
			var r atm.Reassembler
			for i, out := range sent {
				switch in {
				case 1:
					want := map[uint32]int{201: 2, 65535: 3}[atm.ReadHeader(frame).VCI()]
					if len(frame) != atm.CellSize || len(sent) != 1 || out.Port != want || len(out.Data) < minFrame || len(out.Data) > MaxFrame {
						t.Fatalf("cell %x left as %v", frame, sent)
					}
				case 2, 3:
					want := map[int]atm.Header{2: atm.NewHeader(0, 201), 3: atm.NewHeader(4095, 65535)}[in]
					if out.Port != 1 || len(out.Data) != atm.CellSize || atm.ReadHeader(out.Data)&^atm.UserEnd != want {
						t.Fatalf("frame %x left as %v", frame, out)
					}
					packet, err := r.Add(out.Data)
					if err != nil || (i == len(sent)-1) != bytes.Equal(packet, append(bytes.Clone(withoutFCS), frame...)) {
						t.Fatalf("frame %x left as %x, %v", frame, packet, err)
					}
				default:
					t.Fatalf("port %d is not joined to any, %x left as %v", in, frame, sent)
				}
			}
		})
	})
}

func BenchmarkForward(b *testing.B) {
	for _, n := range []int{64, 1518} {
		b.Run(fmt.Sprintf("%d bytes and back", n), func(b *testing.B) {
			near, far := New(nil), New(nil)
			back := 0
			buf := make([]byte, fabric.Headroom+atm.CellSize)
			near.out = func(_ int, cell []byte) {
				copy(buf[fabric.Headroom:], cell)
				far.Forward(0, 1, buf)
			}
			far.out = func(int, []byte) { back++ }
			for _, x := range []*Bridge{near, far} {
				if x.AddATM(1) != nil || x.AddEthernet(2) != nil || x.Connect(2, Channel{1, 0, 201}) != nil {
					b.Fatal("no circuit")
				}
			}
			frame := fabrictest.Buffer(make([]byte, n))
			b.ReportAllocs()
			b.SetBytes(int64(n))
			for b.Loop() {
				near.Forward(0, 2, frame)
			}
			if back != b.N {
				b.Fatalf("%d frames in, %d back", b.N, back)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "frames/s")
		})
	}
}

func TestCircuits(t *testing.T) {
	r, b := newRig(t)
	r.Send(2, hex(frame60))
	r.Send(2, hex(frame60))
	r.Sent = nil
	r.Send(1, cells(r, 1, atm.NewHeader(4095, 65535), hex("aaaa0300 80c20007 0000"+frame60)))
	r.Sent = nil
	b.SetUp(3, false)
	want := []Circuit{{2, Channel{1, 0, 201}, true, 2, 0}, {3, Channel{1, 4095, 65535}, false, 0, 1}}
	if got := b.Circuits(); !slices.Equal(got, want) {
		t.Errorf("circuits %v, want %v", got, want)
	}
}
