package posoc3

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"dynemu/vm/chip/bswap"
	"dynemu/vm/chip/chiptest"
	"dynemu/vm/mem"
)

// Where the rig has the local address spaces, and where the swapping window.
const (
	rxSpace = 0x48000000
	txSpace = 0x48100000
	framerS = 0x48400000
	swapped = 0xC0000000

	ringSize = 4
	rxRing   = 0x1000
	txRing   = 0x2000
	rxBuf    = 0x10000 // descriptor i: + 0x2000*i
	txBuf    = 0x20000
)

type rig struct {
	*chiptest.Rig
	chip *Chip
	wire chiptest.Wire
}

func newRig(t *testing.T) *rig {
	r := &rig{Rig: chiptest.New(t)}
	r.chip = New(Config{Memory: r.Mem, Clock: r.Loop, IRQ: r.SetIRQ, Window: r})
	r.chip.Attach(&r.wire)
	r.Add(&mem.Region{Name: "rx", Base: rxSpace, Len: 0x100000, Dev: r.chip.RxRing()})
	r.Add(&mem.Region{Name: "tx", Base: txSpace, Len: 0x100000, Dev: r.chip.TxRing()})
	r.Add(&mem.Region{Name: "framer", Base: framerS, Len: 0x400000, Dev: r.chip.Framer()})
	r.Add(&mem.Region{Name: "swapped", Base: swapped, Len: chiptest.RAMSize, Dev: &bswap.Window{Mem: r.Mem}})
	return r
}

// start brings both directions up with receive buffers of size bytes, and with
// a CRC of 32 bits.
func (r *rig) start(size uint32) {
	for i := range uint32(ringSize) {
		wrap := uint32(0)
		if i == ringSize-1 {
			wrap = descWrap
		}
		r.Put(uint64(rxRing+8*i), descOwn|wrap|size)
		r.Put(uint64(rxRing+8*i+4), rxBuf+0x2000*i)
		r.Put(uint64(txRing+8*i), 0)
		r.Put(uint64(txRing+8*i+4), swapped|(txBuf+0x2000*i))
	}
	r.Put(framerS+RegControl, 7)
	for space, ring := range map[uint64]uint32{rxSpace: rxRing, txSpace: txRing} {
		r.Put(space+RegCurrent, ring)
		r.Put(space+RegStart, ring)
	}
}

// queue gives transmit descriptor i with a frame to the engine.
func (r *rig) queue(i int, frame []byte, bits uint32) {
	r.Mem.WriteAt(uint64(txBuf+0x2000*i), frame)
	r.Put(uint64(txRing+8*i), descOwn|bits|uint32(len(frame)))
}

// acknowledge takes the interrupt away as guests do.
func (r *rig) acknowledge() {
	for range statusReads {
		r.Word(framerS + RegStatus0)
	}
}

// Section 16.
func TestRegisters(t *testing.T) {
	r := newRig(t)
	for off, want := range map[uint64]uint32{0x404: 0xFFFFFFFF, 0x406: 0xFFFFFFFF, 0x407: 0xFFFFFFFF, 0x400: 0, 0x405: 0, 0: 0} {
		r.chip.Write(off, 4, 0x5A5A5A5A)
		r.WantWord(fmt.Sprintf("register %03X", off), uint32(r.chip.Read(off, 4)), want)
	}
	for off, want := range map[uint64]uint32{0x300000: 0xFFF, 0x300004: 0xFFF, 0x30001C: 0xFFF, 0x300008: 0x7F, 0x300028: 0x5A5A, 0x30000C: 0, 0x28: 0} {
		r.Put(framerS+off, 0x5A5A5A5A)
		r.WantWord(fmt.Sprintf("framer register %06X", off), r.Word(framerS+off), want)
	}
	for _, space := range []uint64{rxSpace, txSpace} {
		for off, want := range map[uint64]uint32{0x00: 0, 0x04: 0x5A5A5A50, 0x08: 0x5A5A5A50, 0x0C: 0} {
			r.Put(space+off, 0x5A5A5A50)
			r.WantWord(fmt.Sprintf("ring register %02X", off), r.Word(space+off), want)
		}
	}
	r.chip.Reset()
	r.WantWord("control after reset", r.Word(framerS+RegControl), 0)
	r.WantWord("ring after reset", r.Word(rxSpace+RegStart), 0)
}

func TestConfigurationSpace(t *testing.T) {
	r := newRig(t)
	r.WantConfig(r.chip, 0, 0x10, 0x10000, map[uint8]uint32{0x04: 0, 0x08: 0, 0x14: 0, 0x18: 0, 0x2C: 0})
}

// Probed on Dynamips (16): 70 bytes into buffers of 64.
func TestReceiveVector(t *testing.T) {
	for control, last := range map[uint32]uint32{0: 8, 6: 8, 7: 0xA, 5: 8} {
		r := newRig(t)
		r.start(64)
		r.Put(framerS+RegControl, control)
		frame := chiptest.Pattern(70)
		r.chip.Receive(frame)
		r.WantWord("first", r.Word(rxRing), 0x08000040)
		r.WantWord(fmt.Sprintf("last with control %d", control), r.Word(rxRing+8), last)
		r.WantWord("unused", r.Word(rxRing+16), descOwn|64)
		if got := append(r.Bytes(rxBuf, 64), r.Bytes(rxBuf+0x2000, 6)...); !bytes.Equal(got, frame) {
			t.Errorf("in memory: %x", got)
		}
		if got := r.Bytes(rxBuf+0x2000+6, 8); !bytes.Equal(got, make([]byte, 8)) {
			t.Errorf("bytes behind the frame: %x", got)
		}
		r.WantWord("current descriptor", r.Word(rxSpace+RegCurrent), rxRing+16)
		r.WantIRQ("after a frame", true)
	}
	r := newRig(t)
	r.start(64)
	r.chip.State.CRC = 0 // before the control register is written
	r.chip.Receive(chiptest.Pattern(20))
	r.WantWord("length without a CRC length", r.Word(rxRing), 20)
}

// The interrupt goes away at the 20th status read, whichever the register.
func TestInterrupt(t *testing.T) {
	r := newRig(t)
	r.start(64)
	for round := range 3 {
		r.chip.Receive(chiptest.Pattern(20))
		for i := range statusReads {
			r.WantIRQ(fmt.Sprintf("round %d, before status read %d", round, i), true)
			r.Word(framerS + []uint64{RegStatus0, RegStatus1, RegStatus2}[i%3])
		}
		r.WantIRQ("after the last read", false)
	}
	r.chip.Receive(chiptest.Pattern(20))
	r.chip.Reset()
	r.WantIRQ("after reset", false)
}

func TestReceiveConditions(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*rig)
		size   int
		want   bool
	}{
		{"running", func(*rig) {}, 60, true},
		{"one byte", func(*rig) {}, 1, true},
		{"nothing", func(*rig) {}, 0, false},
		{"longest", func(*rig) {}, maxFrame, true},
		{"too long", func(*rig) {}, maxFrame + 1, false},
		{"no ring", func(r *rig) { r.Put(rxSpace+RegStart, 0) }, 60, false},
		{"no descriptor", func(r *rig) { r.Put(rxRing, 4096) }, 60, false},
	} {
		r := newRig(t)
		r.start(4096)
		c.change(r)
		r.chip.Receive(chiptest.Pattern(c.size))
		if r.IRQ != c.want {
			t.Errorf("%s: received %v, want %v", c.name, r.IRQ, c.want)
		}
	}
}

// A ring that ends within a frame looks like a short frame (16).
func TestReceiveOverrun(t *testing.T) {
	r := newRig(t)
	r.start(64)
	r.Put(rxRing+16, 64)
	r.chip.Receive(chiptest.Pattern(200))
	r.WantWord("first", r.Word(rxRing), 0x08000040)
	r.WantWord("last", r.Word(rxRing+8), 0x40)
	r.WantWord("not the engine's", r.Word(rxRing+16), 64)
	// All buffers together are too small: the ring is not walked twice.
	r = newRig(t)
	r.start(16)
	r.chip.Receive(chiptest.Pattern(200))
	for i, want := range []uint32{0x08000010, 0x08000010, 0x08000010, 0x10} {
		r.WantWord(fmt.Sprintf("descriptor %d", i), r.Word(uint64(rxRing+8*i)), want)
	}
}

// Probed on Dynamips (16): the first descriptor keeps its other bits.
func TestTransmitVector(t *testing.T) {
	r := newRig(t)
	r.start(64)
	frame := chiptest.Pattern(31)
	r.queue(1, frame[20:], descWrap) // the ring is two long
	r.queue(0, frame[:20], descCont)
	if len(r.wire.Sent) != 1 || !bytes.Equal(r.wire.Sent[0], frame) {
		t.Errorf("sent %x, want %x", r.wire.Sent, frame)
	}
	r.WantWord("first", r.Word(txRing), 0x08000014)
	r.WantWord("second", r.Word(txRing+8), 0)
	r.WantWord("current descriptor", r.Word(txSpace+RegCurrent), txRing)
	r.WantIRQ("after a frame", true)
}

// Through plain addresses the bytes of each longword are reversed (section 4).
func TestTransmitLanes(t *testing.T) {
	r := newRig(t)
	r.start(64)
	for _, c := range []struct {
		addr uint32
		want string
	}{
		{txBuf, "dcbahgf"},
		{txBuf + 1, "cbahgfe"},
		{swapped | txBuf, "abcdefg"},
		{swapped | (txBuf + 1), "bcdefgh"},
	} {
		r.Mem.WriteAt(txBuf, []byte("abcdefgh"))
		r.wire.Sent = nil
		r.Put(txSpace+RegCurrent, txRing)
		r.Put(txRing+4, c.addr)
		r.Put(txRing, descOwn|7)
		if len(r.wire.Sent) != 1 || string(r.wire.Sent[0]) != c.want {
			t.Errorf("from %#x: sent %q, want %q", c.addr, r.wire.Sent, c.want)
		}
	}
}

func TestRingWrap(t *testing.T) {
	r := newRig(t)
	r.start(4096)
	for k := range 3*ringSize + 1 {
		i, wrap := k%ringSize, uint32(0)
		if i == ringSize-1 {
			wrap = descWrap
		}
		frame := chiptest.Pattern(36 + k)
		r.queue(i, frame, wrap)
		if len(r.wire.Sent) != k+1 || !bytes.Equal(r.wire.Sent[k], frame) {
			t.Fatalf("frame %d was not sent", k)
		}
		r.chip.Receive(frame)
		r.WantWord("receive descriptor", r.Word(uint64(rxRing+8*i)), uint32(len(frame))+4)
		if !bytes.Equal(r.Bytes(uint64(rxBuf+0x2000*i), len(frame)), frame) {
			t.Fatalf("frame %d was not received", k)
		}
		r.Put(uint64(rxRing+8*i), descOwn|wrap|4096)
		r.acknowledge()
	}
	r.WantNoTimer("an idle engine")
}

func TestTransmitConditions(t *testing.T) {
	for _, c := range []struct {
		name       string
		change     func(*rig)
		size       int
		sent, back bool
	}{
		{"running", func(*rig) {}, 60, true, true},
		{"longest descriptor", func(*rig) {}, lengthMask, true, true},
		{"nothing", func(*rig) {}, 0, false, true},
		{"no ring", func(r *rig) { r.Put(txSpace+RegStart, 0) }, 60, false, false},
		{"no cable", func(r *rig) { r.wire.Unplugged = true }, 60, false, true},
		{"nothing attached", func(r *rig) { r.chip.Attach(nil) }, 60, false, true},
	} {
		r := newRig(t)
		r.start(64)
		c.change(r)
		r.queue(0, chiptest.Pattern(c.size), 0)
		if sent := len(r.wire.Sent) == 1; sent != c.sent {
			t.Errorf("%s: sent %v, want %v", c.name, sent, c.sent)
		}
		if back := r.Word(txRing)&descOwn == 0; back != c.back || r.IRQ != c.back {
			t.Errorf("%s: descriptor given back %v, interrupt %v, want %v", c.name, back, r.IRQ, c.back)
		}
	}
}

// A frame longer than the engine takes is lost, its descriptors come back.
func TestTransmitTooLong(t *testing.T) {
	r := newRig(t)
	r.start(64)
	r.queue(1, chiptest.Pattern(4097), 0)
	r.queue(0, chiptest.Pattern(4096), descCont)
	r.queue(2, chiptest.Pattern(10), 0)
	if len(r.wire.Sent) != 1 || len(r.wire.Sent[0]) != 10 {
		t.Errorf("%d frames sent", len(r.wire.Sent))
	}
	r.WantWord("first", r.Word(txRing), descCont|4096)
	r.WantWord("second", r.Word(txRing+8), 0)
}

// A frame whose first descriptor is handed over before the others is not torn.
func TestTransmitWaitsForWholeFrame(t *testing.T) {
	r := newRig(t)
	r.start(64)
	r.queue(0, chiptest.Pattern(20), descCont)
	r.Put(txSpace+RegStart, txRing) // look again
	r.WantWord("first", r.Word(txRing), descOwn|descCont|20)
	r.queue(1, chiptest.Pattern(4), 0)
	if len(r.wire.Sent) != 1 || len(r.wire.Sent[0]) != 24 {
		t.Errorf("sent %x", r.wire.Sent)
	}
}

// putROM stores a descriptor in the ROM, where it cannot be given back.
func (r *rig) putROM(i int, control, addr uint32) {
	binary.BigEndian.PutUint32(r.ROM[8*i:], control)
	binary.BigEndian.PutUint32(r.ROM[8*i+4:], addr)
}

// Descriptors whose ownership cannot be cleared do not hold the machine up; a
// write to the ring's registers makes the engine look.
func TestEndlessRing(t *testing.T) {
	r := newRig(t)
	r.wire.Drop = true
	r.putROM(0, descOwn|descWrap|40, txBuf)
	r.Put(txSpace+RegCurrent, chiptest.ROMBase)
	r.Put(txSpace+RegStart, chiptest.ROMBase)
	if r.wire.Count != txBudget {
		t.Errorf("%d frames at one look, want %d", r.wire.Count, txBudget)
	}
	r.Put(txSpace+RegStart, chiptest.ROMBase)
	if r.wire.Count != txBudget {
		t.Error("looked again before the pause was over")
	}
	r.Advance(txPause)
	if r.wire.Count != 2*txBudget {
		t.Errorf("%d frames after the pause, want %d", r.wire.Count, 2*txBudget)
	}
	r.Put(txSpace+RegStart, 0)
	r.WantNoTimer("a stopped engine")

	// A frame without an end.
	r = newRig(t)
	r.putROM(0, descOwn|descWrap|descCont, txBuf)
	r.Put(txSpace+RegCurrent, chiptest.ROMBase)
	r.Put(txSpace+RegStart, chiptest.ROMBase)
	if r.wire.Count != 0 {
		t.Error("a frame without an end was sent")
	}
}

func TestRestore(t *testing.T) {
	r := newRig(t)
	r.start(64)
	r.chip.Receive(chiptest.Pattern(20))
	r.chip.ConfigWrite(0x10, 0x48030000)
	s := chiptest.Recode(t, r.chip.State)
	r.chip.Reset()
	r.queue(0, chiptest.Pattern(30), 0)
	if len(r.wire.Sent) != 0 {
		t.Fatal("sent after a reset")
	}
	r.chip.Restore(s)
	r.WantIRQ("restored", true)
	if len(r.wire.Sent) != 1 || r.Base != 0x48030000 || !r.Mapped {
		t.Errorf("restored: %d frames sent, window at %#x", len(r.wire.Sent), r.Base)
	}
}

// FuzzGuest plays a guest that knows nothing: register writes, descriptors,
// frames and time in any order, with the engine's own registers as memory. The
// engine must come back from each.
func FuzzGuest(f *testing.F) {
	f.Add([]byte{0, 3, 0, 0, 0, 0, 1, 0, 0x80, 0, 0, 60, 0, 2, 0, 0, 0, 8})
	f.Add([]byte{0, 1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 4, 1, 2, 0x80, 0, 0, 60, 2, 0, 0, 0, 0, 60})
	f.Add([]byte{0, 3, 0x48, 0x10, 0, 0, 0, 2, 0x48, 0x10, 0, 4, 3, 0, 0, 0, 0xFF, 0xFF})
	registers := []uint64{
		rxSpace + RegStart, rxSpace + RegCurrent, txSpace + RegStart, txSpace + RegCurrent,
		framerS + RegControl, framerS + RegStatus0, framerS + RegStatus2, txSpace,
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		r := newRig(t)
		r.wire.Drop = true
		for i := range chiptest.ROMSize / 8 {
			r.putROM(i, descOwn|descCont&uint32(i<<24)|uint32(i), txSpace+uint32(i))
		}
		frame := make([]byte, 2*maxFrame)
		chiptest.Play(script, func(op, x byte, v uint32, rest []byte) {
			before := r.wire.Count
			switch op % 6 {
			case 0:
				r.Put(registers[x%8], v)
			case 1:
				r.Put(uint64(x)*4, v) // rings at 0
			case 2:
				copy(frame, rest)
				r.chip.Receive(frame[:int(v)%len(frame)])
			case 3:
				r.Advance(int64(v) % 1_000_000_000)
			case 4:
				r.wire.Unplugged = op&0x80 != 0
				r.Word(registers[x%8])
			case 5:
				r.chip.ConfigWrite(x, v)
				r.chip.ConfigRead(x)
			}
			if n := r.wire.Count - before; n > 2*txBudget {
				t.Fatalf("%d frames sent at once", n)
			}
		})
	})
}
