package dec21140

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"testing"

	"dynemu/vm/chip"
	"dynemu/vm/chip/chiptest"
)

// Values after power-on: adapters-7200 reference, 9.2.
func TestResetValues(t *testing.T) {
	r := newRig(t)
	for n, want := range [16]uint32{0: 0xFFF80000, 5: 0xFC000000} {
		r.WantWord(fmt.Sprintf("CSR%d", n), r.csr(n), want)
	}
	for _, off := range []uint64{1, 4, 0x2C, 0x80, 0x1000} {
		if v := r.chip.Read(off, 4); v != 0 {
			t.Errorf("offset %#x reads %#x, want 0", off, v)
		}
		r.chip.Write(off, 4, 0xFFFFFFFF)
	}
	if want := New(Config{Memory: r.Mem, Clock: r.Loop}).State.CSR; r.chip.State.CSR != want {
		t.Error("writes between the registers changed one")
	}
}

func TestStorageRegisters(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		n           int
		write, read uint32
	}{
		{0, 0x00204080, 0x00204080},
		{1, 0x12345678, 0x12345678},
		{2, 0x12345678, 0x12345678},
		{3, 0x12345677, 0x12345677},
		{4, 0x12345677, 0x12345677},
		{6, 0x320000C0, 0x320000C0},
		{7, 0xFFFFFFFF, 0xFFFFFFFF},
		{8, 0xFFFFFFFF, 0},
		{9, 0x00002000, 0x00002000},
		{10, 0xDEADBEEF, 0xDEADBEEF},
		{12, 0xDEADBEEF, 0xDEADBEEF},
		{15, 0xDEADBEEF, 0xDEADBEEF},
	} {
		r.set(c.n, c.write)
		r.WantWord(fmt.Sprintf("CSR%d after %08X", c.n, c.write), r.csr(c.n), c.read)
	}
}

// Section 22, items 4 and 5: setup frame and a frame of two fragments.
func TestTransmitTwoFragments(t *testing.T) {
	r := newRig(t)
	frame := chiptest.Frame(stranger, 70)
	r.Mem.WriteAt(txBuf, setupFrame(station))
	r.Mem.WriteAt(txBuf+0x1000, frame[:60])
	r.Mem.WriteAt(txBuf+0x1100, frame[60:])
	r.desc(txRing, 0x80000000, 0x080000C0, txBuf, 0)
	r.desc(txRing+16, 0x80000000, 0x2000003C, txBuf+0x1000, 0)
	r.desc(txRing+32, 0x80000000, 0xC200000A, txBuf+0x1100, 0)
	r.set(CSR4TxRing, txRing)
	r.set(CSR7Mask, NIS|TI)
	r.set(CSR6Mode, modeTx)
	if len(r.Sent) != 1 || !bytes.Equal(r.Sent[0], frame) {
		t.Fatalf("on the wire: %x, want one frame %x", r.Sent, frame)
	}
	for i := range 3 {
		r.WantWord(fmt.Sprintf("TDES0 of descriptor %d", i), r.Word(txRing+uint64(16*i)), 0)
	}
	// TS 6: suspended at descriptor 0, to which the ring wrapped.
	r.WantWord("CSR5", r.csr(5), 0xFC610005)
	r.WantIRQ("after TI", true)
	r.set(CSR5Status, 0x0001FFFF)
	r.WantWord("CSR5 after acknowledging", r.csr(5), 0xFC600000)
	r.WantIRQ("after acknowledging", false)
	if !r.chip.State.Filter.listed(&station) {
		t.Error("setup frame was not loaded")
	}
}

// Section 9.4: two 64-byte buffers, a group frame of 70 bytes.
func TestReceiveTwoDescriptors(t *testing.T) {
	r := newRig(t)
	for i := range 3 {
		end := uint32(0)
		if i == 2 {
			end = descEnd
		}
		r.desc(rxRing+uint64(16*i), 0x80000000, end|64, uint32(rxBuf+0x100*i), 0)
	}
	r.set(CSR3RxRing, rxRing)
	r.set(CSR6Mode, modeRx)
	frame := chiptest.Frame(chiptest.GroupCDP, 70)
	r.chip.Receive(frame)
	for i, want := range []uint32{0x00000200, 0x004A0500, 0x80000000} {
		r.WantWord(fmt.Sprintf("RDES0 of descriptor %d", i), r.Word(rxRing+uint64(16*i)), want)
	}
	if got := append(r.Bytes(rxBuf, 64), r.Bytes(rxBuf+0x100, 6)...); !bytes.Equal(got, frame) {
		t.Errorf("in memory: %x, want %x", got, frame)
	}
	if got := r.Bytes(rxBuf+0x106, 8); !bytes.Equal(got, make([]byte, 8)) {
		t.Errorf("bytes behind the frame: %x; the FCS is not stored", got)
	}
	r.WantWord("CSR5", r.csr(5), 0xFC060040)
	r.WantIRQ("with everything masked", false)
	r.set(CSR7Mask, NIS|RI)
	r.WantIRQ("RI enabled", true)
	r.WantWord("CSR5 with RI enabled", r.csr(5), 0xFC070040)
	r.set(CSR5Status, RI)
	r.WantIRQ("RI acknowledged", false)
}

// Section 9.3 and 9.4: no phantom second buffer, no second descriptor.
func TestReceiveOverflow(t *testing.T) {
	r := newRig(t)
	r.desc(rxRing, descOwn, 0x450, rxBuf, rxBuf+0x8000)
	r.desc(rxRing+16, 0, descEnd|0x450, rxBuf+0x1000, 0)
	r.set(CSR3RxRing, rxRing)
	r.set(CSR6Mode, modeRx|modePromiscuous)
	r.set(CSR7Mask, AIS|NIS|RU|RI)
	frame := chiptest.Frame(station, 1200)
	r.chip.Receive(frame)
	// DE and, as the data sheet has it, ES; FL is not valid.
	r.WantWord("RDES0", r.Word(rxRing), 0x0000C300)
	r.WantWord("RDES0 of the next descriptor", r.Word(rxRing+16), 0)
	if !bytes.Equal(r.Bytes(rxBuf, 0x450), frame[:0x450]) {
		t.Error("start of the frame is not in the buffer")
	}
	if b := r.Bytes(rxBuf+0x8000, 1); b[0] != 0 {
		t.Error("a byte was written to a second buffer of no length")
	}
	if b := r.Bytes(rxBuf+0x450, 16); !bytes.Equal(b, make([]byte, 16)) {
		t.Error("bytes were written behind the buffer")
	}
	r.WantWord("CSR5: RI, RU, RS suspended", r.csr(5), 0xFC0980C0|NIS)
	r.WantWord("CSR8", r.csr(8), 0)

	r.set(CSR5Status, RI|RU)
	r.chip.Receive(frame)
	r.chip.Receive(frame)
	r.WantWord("CSR5 after lost frames: no new RU while suspended", r.csr(5), 0xFC080000)
	r.WantWord("CSR8 counts lost frames", r.csr(8), 2)
	r.WantWord("CSR8 is cleared by reading", r.csr(8), 0)

	// A descriptor given back is found at the next frame, or at a poll demand.
	r.desc(rxRing+16, descOwn, descEnd|0x600, rxBuf+0x1000, 0)
	r.set(CSR2RxPoll, 1)
	r.WantWord("CSR5 after a poll demand", r.csr(5), 0xFC060000)
	r.chip.Receive(frame)
	r.WantWord("RDES0 of the frame", r.Word(rxRing+16), (1200+4)<<16|rxFirst|rxLast)
}

func TestMissedCounterOverflow(t *testing.T) {
	r := newRig(t)
	r.start(1)
	r.Put(rxRing, 0)
	r.chip.State.CSR[CSR8Missed] = 0xFFFF
	r.chip.Receive(chiptest.Frame(chiptest.GroupCDP, 60))
	r.WantWord("CSR8", r.csr(8), 0x10000)
}

func TestReceiveSecondBuffer(t *testing.T) {
	for _, c := range []struct {
		name         string
		rdes1, rdes3 uint32
		size         int
		second       int // bytes in the second buffer
	}{
		{"used when the first is full", descEnd | 40<<11 | 64, rxBuf + 0x1000, 100, 36},
		{"unused when the frame fits", descEnd | 40<<11 | 64, rxBuf + 0x1000, 64, 0},
		{"a chained descriptor is none", descEnd | descNext | 40<<11 | 64, rxBuf + 0x1000, 64, 0},
		{"first buffer of no length", descEnd | 70<<11, rxBuf + 0x1000, 70, 70},
	} {
		r := newRig(t)
		r.desc(rxRing, descOwn, c.rdes1, rxBuf, c.rdes3)
		r.set(CSR3RxRing, rxRing)
		r.set(CSR6Mode, modeRx)
		frame := chiptest.Frame(chiptest.GroupCDP, c.size)
		r.chip.Receive(frame)
		r.WantWord(c.name+": RDES0", r.Word(rxRing), uint32(c.size+4)<<16|rxMulticast|rxFirst|rxLast)
		if got := r.Bytes(rxBuf+0x1000, 100); !bytes.Equal(got, append(bytes.Clone(frame[c.size-c.second:]), make([]byte, 100-c.second)...)) {
			t.Errorf("%s: second buffer holds %x", c.name, got)
		}
	}
}

func TestReceiveSizes(t *testing.T) {
	for _, n := range []int{1, 2, 59, 60, 1514, 1518, 2047, 2048, 2049, 9000} {
		r := newRig(t)
		r.desc(rxRing, descOwn, descEnd|1024<<11|1024, rxBuf, rxBuf+1024)
		r.set(CSR3RxRing, rxRing)
		r.set(CSR6Mode, modeRx|modePromiscuous)
		frame := chiptest.Frame(station, n)
		r.chip.Receive(frame)
		stored := min(n, 2048)
		want := uint32(stored+4)<<16 | rxFirst | rxLast
		if n > 2048 {
			want |= rxError | rxTooLong | rxWatchdog
		}
		if n >= 1 && frame[0]&1 != 0 {
			want |= rxMulticast
		}
		r.WantWord(fmt.Sprintf("RDES0 of %d bytes", n), r.Word(rxRing), want)
		if got := r.Bytes(rxBuf, stored+16); !bytes.Equal(got, append(bytes.Clone(frame[:stored]), make([]byte, 16)...)) {
			t.Errorf("%d bytes: memory differs", n)
		}
		if got := r.csr(5)&RWT != 0; got != (n > 2048) {
			t.Errorf("%d bytes: RWT is %v", n, got)
		}
	}
}

// walk sends and receives three rings full of frames over rings that are laid
// out in the given way.
func TestRingLayouts(t *testing.T) {
	const n = 5
	for _, c := range []struct {
		name string
		csr0 uint32
		at   func(i int) uint32 // offset of descriptor i
		link func(i int) (rdes1, offset uint32)
	}{
		{"ring", 0, func(i int) uint32 { return uint32(16 * i) }, func(i int) (uint32, uint32) {
			if i == n-1 {
				return descEnd, 0
			}
			return 0, 0
		}},
		{"ring with a skip length of 4 longwords", 4 << busSkipShift, func(i int) uint32 { return uint32(32 * i) }, func(i int) (uint32, uint32) {
			if i == n-1 {
				return descEnd, 0
			}
			return 0, 0
		}},
		{"chain", 4 << busSkipShift, func(i int) uint32 { return uint32(0x40 * (i * 3 % n)) }, func(i int) (uint32, uint32) {
			return descNext, uint32(0x40 * ((i + 1) % n * 3 % n))
		}},
		{"chain that ends with the end bit", 0, func(i int) uint32 { return uint32(0x40 * (i * 3 % n)) }, func(i int) (uint32, uint32) {
			if i == n-1 {
				return descEnd | descNext, 0x500 // the end wins
			}
			return descNext, uint32(0x40 * ((i + 1) % n * 3 % n))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			for i := range n {
				bits, link := c.link(i)
				r.desc(rxRing+uint64(c.at(i)), descOwn, bits|0x600, uint32(rxBuf+0x800*i), rxRing+link)
				r.desc(txRing+uint64(c.at(i)), 0, bits, uint32(txBuf+0x800*i), txRing+link)
			}
			r.set(CSR0BusMode, c.csr0)
			r.set(CSR3RxRing, rxRing)
			r.set(CSR4TxRing, txRing)
			r.set(CSR6Mode, modeRx|modeTx|modePromiscuous)
			for k := range 3 * n {
				i := k % n
				frame := chiptest.Frame(station, 60+k)
				bits, _ := c.link(i)
				r.Mem.WriteAt(uint64(txBuf+0x800*i), frame)
				d := txRing + uint64(c.at(i))
				r.Put(d+4, bits|txFirst|txLast|txIntr|uint32(len(frame)))
				r.Put(d, descOwn)
				r.set(CSR1TxPoll, 1)
				if len(r.Sent) != k+1 || !bytes.Equal(r.Sent[k], frame) {
					t.Fatalf("frame %d was not sent", k)
				}
				r.WantWord("TDES0", r.Word(d), 0)

				r.chip.Receive(frame)
				d = rxRing + uint64(c.at(i))
				r.WantWord("RDES0", r.Word(d), uint32(len(frame)+4)<<16|rxFirst|rxLast)
				if !bytes.Equal(r.Bytes(uint64(rxBuf+0x800*i), len(frame)), frame) {
					t.Fatalf("frame %d was not received", k)
				}
				r.Put(d, descOwn)
			}
		})
	}
}

func TestTransmitBuffers(t *testing.T) {
	frame := chiptest.Frame(stranger, 100)
	for _, c := range []struct {
		name  string
		tdes1 uint32
		tdes3 uint32
		want  []byte
	}{
		{"one buffer", txFirst | txLast | descEnd | 100, 0, frame},
		{"two buffers", txFirst | txLast | descEnd | 40<<11 | 60, txBuf + 60, frame},
		{"size 2 of a chained descriptor does not count", txFirst | txLast | descNext | 40<<11 | 60, txRing, frame[:60]},
		{"first buffer of no length", txFirst | txLast | descEnd | 40<<11, txBuf, frame[:40]},
		{"last without first", txLast | descEnd | 100, 0, frame},
		{"odd start", txFirst | txLast | descEnd | 33, 0, frame[:33]},
	} {
		r := newRig(t)
		r.Mem.WriteAt(txBuf, frame)
		r.desc(txRing, descOwn, c.tdes1, txBuf, c.tdes3)
		r.set(CSR4TxRing, txRing)
		r.set(CSR6Mode, modeTx)
		if len(r.Sent) != 1 || !bytes.Equal(r.Sent[0], c.want) {
			t.Errorf("%s: sent %x, want %x", c.name, r.Sent, c.want)
		}
		r.WantWord(c.name+": TDES0", r.Word(txRing), 0)
	}
}

// The interrupt of a frame may be asked for in its last descriptor (data sheet)
// or in its first (Dynamips), and in descriptors without a frame.
func TestTransmitInterrupt(t *testing.T) {
	for _, c := range []struct {
		name string
		ic   [3]bool
		want bool
	}{
		{"nowhere", [3]bool{}, false},
		{"first", [3]bool{0: true}, true},
		{"middle", [3]bool{1: true}, false},
		{"last", [3]bool{2: true}, true},
	} {
		r := newRig(t)
		for i, bits := range []uint32{txFirst, 0, txLast | descEnd} {
			if c.ic[i] {
				bits |= txIntr
			}
			r.desc(txRing+uint64(16*i), descOwn, bits|20, txBuf, 0)
		}
		r.set(CSR4TxRing, txRing)
		r.set(CSR6Mode, modeTx)
		if got := r.csr(5)&TI != 0; got != c.want {
			t.Errorf("IC in %s descriptor: TI is %v, want %v", c.name, got, c.want)
		}
		if len(r.Sent) != 1 || len(r.Sent[0]) != 60 {
			t.Errorf("IC in %s descriptor: sent %x", c.name, r.Sent)
		}
	}
	r := newRig(t)
	r.desc(txRing, descOwn, txIntr|descEnd, 0, 0)
	r.set(CSR4TxRing, txRing)
	r.set(CSR6Mode, modeTx)
	r.WantWord("TDES0 of a descriptor without a frame", r.Word(txRing), 0)
	if r.csr(5)&TI == 0 || len(r.Sent) != 0 {
		t.Error("a descriptor without a frame must interrupt and send nothing")
	}
}

func TestTransmitWaitsForWholeFrame(t *testing.T) {
	r := newRig(t)
	r.desc(txRing, descOwn, txFirst|40, txBuf, 0)
	r.desc(txRing+16, 0, txLast|descEnd|20, txBuf+40, 0)
	r.Mem.WriteAt(txBuf, chiptest.Frame(stranger, 60))
	r.set(CSR4TxRing, txRing)
	r.set(CSR6Mode, modeTx)
	r.WantWord("TDES0 of the first half", r.Word(txRing), descOwn)
	r.WantWord("CSR5", r.csr(5), 0xFC600000|TU)
	r.Put(txRing+16, descOwn) // no register access
	if len(r.Sent) != 1 || !bytes.Equal(r.Sent[0], chiptest.Frame(stranger, 60)) {
		t.Errorf("sent %x", r.Sent)
	}
}

// A guest made for an emulator that scans the rings writes OWN and nothing else.
func TestTransmitWithoutPollDemand(t *testing.T) {
	r := newRig(t)
	r.start(4)
	for k := range 9 {
		d := uint64(txRing + 16*(k%4))
		r.Put(d+4, r.Word(d+4)&descEnd|txFirst|txLast|60)
		if len(r.Sent) != k {
			t.Fatal("sent before the descriptor was the chip's")
		}
		r.Put(d, descOwn)
		if len(r.Sent) != k+1 {
			t.Fatalf("frame %d was not sent", k)
		}
	}
	r.set(CSR6Mode, 0)
	r.Put(txRing+16, descOwn)
	if len(r.Sent) != 9 {
		t.Error("a stopped transmitter sent a frame")
	}
	r.WantWord("CSR5: stopped", r.csr(5)&^(TI|TU), 0xFC000000|TPS|RPS)
}

// Memory without watches is looked at every millisecond.
func TestTransmitFromUnwatchableMemory(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Memory = struct{ plainMemory }{plainMemory{c.Memory.(memory)}} })
	r.start(4)
	r.Put(txRing+4, txFirst|txLast|60)
	r.Put(txRing, descOwn)
	if len(r.Sent) != 0 {
		t.Fatal("the memory told of the write")
	}
	r.Advance(1_000_000)
	if len(r.Sent) != 1 {
		t.Error("frame was not sent after a millisecond")
	}
	r.set(CSR6Mode, 0)
	if _, armed := r.Loop.NextTimer(); armed {
		t.Error("a stopped transmitter keeps a timer")
	}
}

type memory interface {
	ReadAt(pa uint64, p []byte)
	WriteAt(pa uint64, p []byte)
	Read32(pa uint64) uint32
	Write32(pa uint64, v uint32)
}

// plainMemory hides Watch.
type plainMemory struct{ memory }

func TestJabber(t *testing.T) {
	for _, n := range []int{2047, 2048, 2049, 4000} {
		r := newRig(t)
		first := min(n, 2047)
		r.desc(txRing, descOwn, txFirst|uint32(first), txBuf, 0)
		r.desc(txRing+16, descOwn, txLast|txIntr|descEnd|uint32(n-first), txBuf, 0)
		r.set(CSR4TxRing, txRing)
		r.set(CSR6Mode, modeTx)
		status, frames := uint32(0), 1
		if n > 2048 {
			status, frames = txError|txJabber, 0
		}
		r.WantWord(fmt.Sprintf("%d bytes: first TDES0", n), r.Word(txRing), 0)
		r.WantWord(fmt.Sprintf("%d bytes: last TDES0", n), r.Word(txRing+16), status)
		if len(r.Sent) != frames || r.csr(5)&TI == 0 || r.csr(5)&TJT != 0 != (n > 2048) {
			t.Errorf("%d bytes: %d frames sent, CSR5 %08X", n, len(r.Sent), r.csr(5))
		}
	}
}

// A ring that never ends must neither hold up the machine nor stop for good.
func TestEndlessRing(t *testing.T) {
	r := newRig(t)
	binary.BigEndian.PutUint32(r.ROM, descOwn)
	binary.BigEndian.PutUint32(r.ROM[4:], txFirst|txLast|descEnd|60)
	r.set(CSR4TxRing, chiptest.ROMBase)
	r.set(CSR6Mode, modeTx)
	if len(r.Sent) != txBudget {
		t.Fatalf("%d frames in one go, want %d", len(r.Sent), txBudget)
	}
	r.set(CSR1TxPoll, 1)
	r.Advance(txPause)
	if len(r.Sent) != 3*txBudget {
		t.Errorf("%d frames after a poll demand and the pause, want %d", len(r.Sent), 3*txBudget)
	}
	r.set(CSR6Mode, 0)
	if _, armed := r.Loop.NextTimer(); armed {
		t.Error("a stopped transmitter keeps a timer")
	}

	// Descriptors that form a loop without a last one.
	for _, base := range []uint64{chiptest.ROMBase, txRing} {
		r := newRig(t)
		for i := range 4 {
			end := uint32(0)
			if i == 3 {
				end = descEnd
			}
			d := []uint32{descOwn, txFirst | end, txBuf, 0}
			r.desc(txRing+uint64(16*i), d...)
			for j, w := range d {
				binary.BigEndian.PutUint32(r.ROM[16*i+4*j:], w)
			}
		}
		r.set(CSR4TxRing, uint32(base))
		r.set(CSR6Mode, modeTx)
		if len(r.Sent) != 0 || r.csr(5)&TJT == 0 {
			t.Errorf("endless frame at %#x: %d frames sent, CSR5 %08X", base, len(r.Sent), r.csr(5))
		}
	}

	// A receive ring of empty buffers.
	for i := range 4 {
		end := uint32(0)
		if i == 3 {
			end = descEnd
		}
		for j, w := range []uint32{descOwn, end, 0, 0} {
			binary.BigEndian.PutUint32(r.ROM[16*i+4*j:], w)
		}
	}
	r.set(CSR3RxRing, chiptest.ROMBase+16) // not the ring's base: the walk never returns to it
	r.chip.State.CSR[CSR3RxRing] = chiptest.ROMBase
	r.set(CSR6Mode, modeRx|modePromiscuous)
	r.chip.Receive(chiptest.Frame(station, 60))
	if r.csr(5)&RI == 0 {
		t.Error("frame without room was not reported")
	}
}

func TestUnplugged(t *testing.T) {
	for _, c := range []struct {
		name   string
		unplug func(*rig)
	}{
		{"no wire", func(r *rig) { r.chip.Attach(nil) }},
		{"wire without a peer", func(r *rig) { r.Unplugged = true }},
	} {
		r := newRig(t)
		c.unplug(r)
		r.start(4)
		r.Put(txRing+4, txFirst|txLast|txIntr|60)
		r.Put(txRing, descOwn)
		r.WantWord(c.name+": TDES0", r.Word(txRing), 0)
		if len(r.Sent) != 0 || r.csr(5)&TI == 0 {
			t.Errorf("%s: descriptor must come back without a frame sent", c.name)
		}
	}
}

func TestLoopback(t *testing.T) {
	for _, c := range []struct {
		om                 uint32
		wire, self, remote bool // sent; received own frame; received from the wire
	}{
		{0, true, false, true},
		{1, false, true, false},
		{2, true, true, true},
	} {
		r := newRig(t)
		r.start(4, station)
		r.set(CSR6Mode, modeRx|modeTx|c.om<<modeLoopShift)
		r.Mem.WriteAt(txBuf, chiptest.Frame(station, 64))
		r.Put(txRing+4, txFirst|txLast|64)
		r.Put(txRing, descOwn)
		self := r.csr(5)&RI != 0
		r.set(CSR5Status, RI)
		r.chip.Receive(chiptest.Frame(station, 64))
		remote := r.csr(5)&RI != 0
		if wire := len(r.Sent) == 1; wire != c.wire || self != c.self || remote != c.remote {
			t.Errorf("OM %d: sent %v, looped %v, received %v; want %v, %v, %v", c.om, wire, self, remote, c.wire, c.self, c.remote)
		}
	}
}

func TestISL(t *testing.T) {
	inner := chiptest.Frame(stranger, 64)
	frame := append([]byte{0x01, 0x00, 0x0C, 0x00, 0x10, 0x00, 0xCA, 1, 2, 3, 4, 5, 0, 64 + 16, 0xAA, 0xAA, 3, 0, 0, 0xC, 0, 5, 0, 0, 0, 0}, inner...)
	frame = append(frame, 0, 0, 0, 0)
	for _, c := range []struct {
		name   string
		change func([]byte)
		fixed  bool
	}{
		{"ISL", func([]byte) {}, true},
		{"another destination", func(b []byte) { b[5] = 1 }, false},
		{"length beyond the frame", func(b []byte) { b[12], b[13] = 0, 64+16+5 }, false},
		{"length below the header", func(b []byte) { b[12], b[13] = 0, 3 }, false},
	} {
		r := newRig(t)
		b := bytes.Clone(frame)
		c.change(b)
		r.Mem.WriteAt(txBuf, b)
		r.start(2)
		r.Put(txRing+4, txFirst|txLast|uint32(len(b)))
		r.Put(txRing, descOwn)
		want := bytes.Clone(b)
		if c.fixed {
			want[4] = 0
			binary.LittleEndian.PutUint32(want[len(want)-4:], crc32.ChecksumIEEE(inner))
		}
		if len(r.Sent) != 1 || !bytes.Equal(r.Sent[0], want) {
			t.Errorf("%s: sent %x, want %x", c.name, r.Sent, want)
		}
		if got := r.Bytes(txBuf, len(b)); !bytes.Equal(got, b) {
			t.Errorf("%s: the guest's buffer was changed", c.name)
		}
	}
}

// The interrupt line is (CSR5 & CSR7) with both summary enables.
func TestInterruptMask(t *testing.T) {
	for _, c := range []struct {
		events, mask uint32
		want         bool
		summary      uint32
	}{
		{RI, 0, false, 0},
		{RI, RI, false, NIS},
		{RI, NIS, false, 0},
		{RI, NIS | RI, true, NIS},
		{RI, NIS | AIS | TI, false, 0},
		{RI, AIS | RI, false, NIS},
		{RU, AIS | RU, true, AIS},
		{RU, NIS | RU, false, AIS},
		{RU | RI, NIS | AIS | RU | RI, true, NIS | AIS},
		{GTE, AIS | GTE, true, AIS},
		{TU, NIS | TU, true, NIS},
		{TPS, AIS | TPS, true, AIS},
	} {
		r := newRig(t)
		r.set(CSR7Mask, c.mask)
		r.chip.event(c.events)
		r.WantIRQ(fmt.Sprintf("events %X, mask %X", c.events, c.mask), c.want)
		r.WantWord(fmt.Sprintf("events %X, mask %X: summaries", c.events, c.mask), r.csr(5)&(NIS|AIS), c.summary)
		r.set(CSR5Status, c.events)
		r.WantIRQ("acknowledged", false)
	}
}

func TestStopAndStart(t *testing.T) {
	r := newRig(t)
	r.start(4)
	r.WantWord("running", r.csr(5), 0xFC660000)
	r.set(CSR6Mode, 0)
	r.WantWord("stopped", r.csr(5), 0xFC000000|TPS|RPS)
	r.set(CSR6Mode, 0)
	r.chip.Receive(chiptest.Frame(chiptest.GroupCDP, 60))
	r.WantWord("nothing is received", r.Word(rxRing), descOwn)
	r.set(CSR5Status, TPS|RPS)
	r.Put(rxRing, 0)
	r.set(CSR6Mode, modeRx)
	r.WantWord("started without a buffer", r.csr(5), 0xFC080000|RU)
}

func TestSoftwareReset(t *testing.T) {
	r := newRig(t)
	r.start(4, station)
	r.set(CSR7Mask, NIS|RI)
	r.set(CSR11Timer, timerContinuous|5)
	r.chip.ConfigWrite(header.MemBase, 0x48000000)
	r.chip.Receive(chiptest.Frame(station, 60))
	r.WantIRQ("frame received", true)
	r.set(CSR0BusMode, busSoftReset)
	r.WantIRQ("reset", false)
	for n, want := range [16]uint32{0: 0xFFF80000, 5: 0xFC000000} {
		r.WantWord(fmt.Sprintf("CSR%d", n), r.csr(n), want)
	}
	if r.chip.State.Filter.Mode != NoFilter {
		t.Error("the filter survived the reset")
	}
	if r.Base != 0x48000000 || r.chip.ConfigRead(header.MemBase) != 0x48000000 {
		t.Error("the window moved")
	}
	if _, armed := r.Loop.NextTimer(); armed {
		t.Error("a timer survived the reset")
	}
	r.Put(txRing+4, txFirst|txLast|60)
	r.Put(txRing, descOwn)
	r.chip.Receive(chiptest.Frame(station, 60))
	if len(r.Sent) != 0 || r.csr(5)&RI != 0 {
		t.Error("frames pass after the reset")
	}
}

// hashFrame is what the tulip drivers send for a hash filter.
func hashFrame(physical [6]byte, groups ...[6]byte) []byte {
	b := make([]byte, setupFrameSize)
	for _, a := range groups {
		// The drivers' loop, bit by bit, against the chip's table look-up.
		crc := uint32(0xFFFFFFFF)
		for _, x := range a {
			for k := 0; k < 8; k++ {
				bit := (crc ^ uint32(x)) & 1
				crc >>= 1
				if bit != 0 {
					crc ^= 0xEDB88320
				}
				x >>= 1
			}
		}
		n := crc & 0x1FF
		b[n/16*4+n%16/8] |= 1 << (n % 8)
	}
	for j := range 3 {
		copy(b[156+4*j:], physical[2*j:2*j+2])
	}
	return b
}

func TestFilter(t *testing.T) {
	bcast := broadcast
	for _, c := range []struct {
		name   string
		setup  []byte // nil: none
		ft     uint32
		mode   uint32
		accept map[[6]byte]bool
	}{
		{"no setup frame", nil, 0, 0,
			map[[6]byte]bool{station: false, stranger: false, chiptest.GroupCDP: true, bcast: true}},
		{"perfect", setupFrame(station, chiptest.GroupCDP), 0, 0,
			map[[6]byte]bool{station: true, stranger: false, chiptest.GroupCDP: true, chiptest.GroupOSPF: false, bcast: true}},
		{"perfect, all multicast", setupFrame(station), 0, modeAllMulticast,
			map[[6]byte]bool{station: true, stranger: false, chiptest.GroupOSPF: true, bcast: true}},
		{"perfect, promiscuous", setupFrame(station), 0, modePromiscuous,
			map[[6]byte]bool{station: true, stranger: true, chiptest.GroupOSPF: true}},
		{"hash and one perfect", hashFrame(station, chiptest.GroupOSPF), txFilter0, 0,
			map[[6]byte]bool{station: true, stranger: false, chiptest.GroupOSPF: true, chiptest.GroupCDP: false, bcast: true}},
		{"inverse", setupFrame(station, chiptest.GroupCDP), txFilter1, 0,
			map[[6]byte]bool{station: false, stranger: true, chiptest.GroupCDP: false, chiptest.GroupOSPF: true}},
		{"hash only", hashFrame(station, chiptest.GroupOSPF, stranger), txFilter1 | txFilter0, 0,
			map[[6]byte]bool{station: false, stranger: true, chiptest.GroupOSPF: true, chiptest.GroupCDP: false}},
	} {
		r := newRig(t)
		r.start(16)
		if c.setup != nil {
			r.Mem.WriteAt(txBuf, c.setup)
			r.desc(txRing, descOwn, txSetup|c.ft|setupFrameSize, txBuf, 0)
		}
		r.set(CSR6Mode, modeRx|modeTx|c.mode)
		for dst, want := range c.accept {
			r.set(CSR5Status, RI)
			r.chip.Receive(chiptest.Frame(dst, 60))
			if got := r.csr(5)&RI != 0; got != want {
				t.Errorf("%s: frame to %x accepted: %v, want %v", c.name, dst, got, want)
			}
		}
	}
}

func TestFilterReplaced(t *testing.T) {
	r := newRig(t)
	r.start(4, station, stranger)
	r.Mem.WriteAt(txBuf, setupFrame(chiptest.GroupCDP))
	r.desc(txRing, descOwn, txSetup|setupFrameSize, txBuf, 0)
	r.chip.Receive(chiptest.Frame(station, 60))
	if r.csr(5)&RI != 0 {
		t.Error("an address of the setup frame before still passes")
	}
}

// CSR6 shows the kind of filter.
func TestFilterModeBits(t *testing.T) {
	for ft, want := range map[uint32]uint32{0: 0, txFilter0: 1, txFilter1: 0x10, txFilter0 | txFilter1: 5} {
		r := newRig(t)
		r.start(2)
		r.desc(txRing, descOwn, txSetup|ft|setupFrameSize, txBuf, 0)
		r.set(CSR6Mode, 0x15)
		r.WantWord(fmt.Sprintf("CSR6 after setup %08X", ft), r.csr(6), want)
	}
}

func TestReceiveAll(t *testing.T) {
	r := newRig(t)
	r.start(4, station)
	r.set(CSR6Mode, modeRx|modeReceiveAll)
	r.chip.Receive(chiptest.Frame(stranger, 60))
	r.WantWord("RDES0 of a frame that failed the filter", r.Word(rxRing), rxFilterFail|64<<16|rxFirst|rxLast)
	r.chip.Receive(chiptest.Frame(station, 60))
	r.WantWord("RDES0 of a frame that passed", r.Word(rxRing+16), 64<<16|rxFirst|rxLast)
}

func TestTimer(t *testing.T) {
	r := newRig(t)
	r.set(CSR7Mask, AIS|GTE)
	r.set(CSR11Timer, 10)
	r.WantWord("CSR11", r.csr(11), 10)
	r.Advance(9 * timerTick)
	r.WantWord("CSR11 after 9 ticks", r.csr(11), 1)
	r.WantIRQ("before the time", false)
	r.Advance(timerTick)
	r.WantIRQ("expired", true)
	r.set(CSR5Status, GTE)
	r.Advance(100 * timerTick)
	r.WantIRQ("a single shot came again", false)

	r.set(CSR11Timer, timerContinuous|2)
	for range 3 {
		r.Advance(2 * timerTick)
		r.WantIRQ("continuous", true)
		r.set(CSR5Status, GTE)
	}
	r.set(CSR11Timer, 0)
	if _, armed := r.Loop.NextTimer(); armed {
		t.Error("timer runs after 0 was written")
	}
}

func TestConfigurationSpace(t *testing.T) {
	r := newRig(t)
	r.WantConfig(r.chip, 0x00091011, 0x14, 0x80, map[uint8]uint32{
		0x04: 0x02800147, 0x08: 0x02000011, 0x0C: 0x0000FFFF, 0x10: 0xFFFFFF81, 0x18: 0, 0x2C: 0, 0x30: 0,
		0x3C: 0x281401FF, 0x40: 0xC000FF00, 0x15: 0, 0xFF: 0,
	})
	r.chip.ConfigWrite(0x04, 7)
	r.WantWord("command", r.chip.ConfigRead(0x04), 0x02800007)
}

// A byte-invariant bus and the chip's endian modes: section 4.
func TestByteInvariantBus(t *testing.T) {
	for _, c := range []struct {
		name     string
		csr0     uint32
		descBig  bool
		dataSwap bool
	}{
		{"little-endian", 0, false, false},
		{"BLE", busBigData, false, true},
		{"DBO", busBigDesc, true, false},
	} {
		r := newRig(t, func(cfg *Config) { cfg.ByteInvariant = func() bool { return true } })
		le := func(n int, v uint32) {
			r.chip.Write(uint64(8*n), 4, uint64(v>>24|v>>8&0xFF00|v<<8&0xFF0000|v<<24))
		}
		put := func(pa uint64, words ...uint32) {
			for i := len(words) - 1; i >= 0; i-- {
				var b [4]byte
				binary.LittleEndian.PutUint32(b[:], words[i])
				if c.descBig {
					binary.BigEndian.PutUint32(b[:], words[i])
				}
				r.Mem.WriteAt(pa+uint64(4*i), b[:])
			}
		}
		frame := chiptest.Frame(station, 64)
		swapped := bytes.Clone(frame)
		if c.dataSwap {
			chip.SwapLanes(swapped)
		}
		r.Mem.WriteAt(txBuf, swapped)
		le(CSR0BusMode, c.csr0)
		put(txRing, descOwn, txFirst|txLast|descEnd|64, txBuf, 0)
		put(rxRing, descOwn, descEnd|128, rxBuf, 0)
		le(CSR3RxRing, rxRing)
		le(CSR4TxRing, txRing)
		le(CSR6Mode, modeRx|modeTx|modePromiscuous)
		r.chip.Receive(frame)
		if len(r.Sent) != 1 || !bytes.Equal(r.Sent[0], frame) {
			t.Errorf("%s: sent %x", c.name, r.Sent)
		}
		if got := r.Bytes(rxBuf, 64); !bytes.Equal(got, swapped) {
			t.Errorf("%s: received %x, want %x", c.name, got, swapped)
		}
		status := r.Bytes(rxRing, 4)
		got := binary.LittleEndian.Uint32(status)
		if c.descBig {
			got = binary.BigEndian.Uint32(status)
		}
		r.WantWord(c.name+": RDES0", got, 68<<16|rxFirst|rxLast)
	}
}

// BLE and DBO have no effect on a word-invariant bus.
func TestEndianBitsIgnored(t *testing.T) {
	r := newRig(t)
	r.set(CSR0BusMode, busBigData|busBigDesc)
	checkNaturalOrder(t, r)
	r = newRig(t)
	checkNaturalOrder(t, r)
}

// checkNaturalOrder sends one frame in natural order.
func checkNaturalOrder(t *testing.T, r *rig) {
	t.Helper()
	frame := chiptest.Frame(stranger, 61)
	r.Mem.WriteAt(txBuf+1, frame)
	r.desc(txRing, descOwn, txFirst|txLast|descEnd|61, txBuf+1, 0)
	r.set(CSR4TxRing, txRing)
	r.set(CSR6Mode, modeTx)
	if len(r.Sent) != 1 || !bytes.Equal(r.Sent[0], frame) {
		t.Errorf("sent %x", r.Sent)
	}
}

// State is plain data: encoding and restoring it continues the run.
func TestRestore(t *testing.T) {
	r := newRig(t)
	r.start(4, station)
	r.set(CSR7Mask, NIS|RI)
	r.set(CSR11Timer, 100)
	r.chip.ConfigWrite(header.MemBase, 0x48000000)
	r.chip.Receive(chiptest.Frame(station, 60))
	saved := chiptest.Recode(t, r.chip.State)
	r.chip.Reset()
	r.WantIRQ("reset", false)
	r.chip.Restore(saved)
	r.WantIRQ("restored", true)
	if r.Base != 0x48000000 {
		t.Error("window is not where it was")
	}
	r.set(CSR5Status, RI)
	r.Put(txRing+4, txFirst|txLast|60)
	r.Put(txRing, descOwn)
	r.chip.Receive(chiptest.Frame(station, 60))
	r.Advance(100 * timerTick)
	if len(r.Sent) != 1 || r.csr(5)&(RI|GTE) != RI|GTE {
		t.Errorf("after restoring: %d frames sent, CSR5 %08X", len(r.Sent), r.csr(5))
	}
}
