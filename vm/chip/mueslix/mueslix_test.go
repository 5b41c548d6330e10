package mueslix

import (
	"bytes"
	"fmt"
	"testing"

	"dynemu/vm/chip/chiptest"
)

// Section 22, item 14, and 11.1, 11.2.
func TestFixedRegisters(t *testing.T) {
	r := newRig(t, Mode1)
	for off, want := range map[uint64]uint32{
		0x0000: 0, 0x0010: 0, 0x0014: 0,
		0x0018: 0x7F7F7F7F, 0x0048: 0, 0x007C: 0x00000492,
		0x2C00: 0, 0x2C24: 0, 0x2C2C: 0x0000FFFF,
		0x0004: 0, 0x0019: 0, 0x3FFC: 0, 0x0500: 0,
	} {
		r.WantWord(fmt.Sprintf("register %04X", off), r.get(off), want)
		r.set(off, 0)
		r.WantWord(fmt.Sprintf("register %04X after a write", off), r.get(off), want)
	}
	for ch := range Channels {
		for off, want := range map[uint64]uint32{0x64: 0x7B, 0x90: 0x11111111, 0x04: 0, 0x94: 0} {
			r.set(reg(ch, off), 0x5A5A5A5A)
			r.WantWord(fmt.Sprintf("channel %d register %02X", ch, off), r.get(reg(ch, off)), want)
		}
		for _, off := range []uint64{0x00, 0x40, 0x44, 0x80, 0x84, 0x88, 0x8C} {
			v := uint32(0x1000*ch) + uint32(off)
			r.set(reg(ch, off), v)
			r.WantWord(fmt.Sprintf("channel %d register %02X", ch, off), r.get(reg(ch, off)), v)
		}
	}
}

func TestModemSignals(t *testing.T) {
	r := newRig(t, Mode1)
	r.cable[2].Unplugged = true
	r.chip.Attach(3, nil)
	for ch, want := range []uint32{0xFFFFFFFF, 0xFFFFFFFF, 0, 0} {
		r.WantWord(fmt.Sprintf("modem signals of channel %d", ch), r.get(reg(ch, 0x60)), want)
	}
}

func TestMemories(t *testing.T) {
	r := newRig(t, Mode1)
	for _, m := range []struct{ base, size uint64 }{{0x2000, 0x800}, {0x2A00, 0x100}, {0x2B00, 0x100}} {
		last := m.base + m.size - 8
		r.chip.Write(last, 8, 0x0102030405060708)
		r.chip.Write(last+1, 1, 0xAA)
		r.chip.Write(last+4, 2, 0xBBCC)
		for _, c := range []struct {
			off  uint64
			size int
			want uint64
		}{
			{last, 8, 0x01AA0304BBCC0708},
			{last, 4, 0x01AA0304},
			{last + 2, 2, 0x0304},
			{last + 7, 1, 0x08},
			{m.base, 4, 0},
		} {
			if got := r.chip.Read(c.off, c.size); got != c.want {
				t.Errorf("%d bytes at %#x: %#x, want %#x", c.size, c.off, got, c.want)
			}
		}
		r.chip.Write(m.base+m.size-1, 4, 0xFFFFFFFF) // beyond the end
		if got := r.chip.Read(last+7, 1); got != 0x08 {
			t.Errorf("a write beyond the end of %#x changed the last byte to %#x", m.base, got)
		}
	}
}

func TestCommands(t *testing.T) {
	for _, c := range []struct {
		mode   Mode
		opcode uint32
		before bool
		after  bool
	}{
		{Mode0, 0x00, false, true},
		{Mode0, 0x10, true, false},
		{Mode0, 0x30, true, true},
		{Mode0, 0x50, true, true},
		{Mode1, 0x00, false, true},
		{Mode1, 0x10, true, true},
		{Mode1, 0x30, true, false},
		{Mode1, 0x50, true, false},
		{Mode1, 0xFF, false, false},
	} {
		r := newRig(t, c.mode)
		for ch := range r.chip.State.Channel {
			r.chip.State.Channel[ch].Enabled = c.before
		}
		r.set(RegCommand, 0xFFF00000|c.opcode<<12|0xFFC|2)
		for ch := range r.chip.State.Channel {
			want := c.before
			if ch == 2 {
				want = c.after
			}
			if got := r.chip.State.Channel[ch].Enabled; got != want {
				t.Errorf("mode %d opcode %02X: channel %d enabled %v, want %v", c.mode, c.opcode, ch, got, want)
			}
		}
	}
}

// Section 11.3, probed on Dynamips; mode 0 from section 22, item 15.
func TestTransmitVector(t *testing.T) {
	for _, c := range []struct {
		mode          Mode
		first, second uint32
	}{
		{Mode1, 0xC0000005, 0xA1100003},
		{Mode0, 0xC0000014, 0xA000000B},
	} {
		r := newRig(t, c.mode)
		r.start(0, 64)
		frame := chiptest.Pattern(31)
		r.Mem.WriteAt(uint64(r.txBuf(0, 0)), frame[:20])
		r.Mem.WriteAt(uint64(r.txBuf(0, 1)), frame[20:])
		r.Put(txRing+8, c.second)
		r.Put(txRing, c.first)
		if len(r.cable[0].Sent) != 1 || !bytes.Equal(r.cable[0].Sent[0], frame) {
			t.Errorf("mode %d: sent %x, want %x", c.mode, r.cable[0].Sent, frame)
		}
		r.WantWord("first descriptor", r.Word(txRing), 0)
		r.WantWord("second descriptor", r.Word(txRing+8), 0)
		r.WantWord("status", r.get(RegStatus), StatusTx)
	}
}

func TestTransmitLength(t *testing.T) {
	for _, c := range []struct {
		mode Mode
		word uint32
		want int // bytes on the wire
	}{
		{Mode1, 0x00000005, 20},
		{Mode1, 0x01000005, 20}, // subtraction not enabled
		{Mode1, 0x01100005, 19},
		{Mode1, 0x03100005, 17},
		{Mode1, 0x00400005, 17}, // pad 1: 3 bytes less
		{Mode1, 0x00800005, 18},
		{Mode1, 0x00C00005, 19},
		{Mode1, 0x03D00005, 16},
		{Mode1, 0x03100000, 0},
		{Mode1, 0x00000001, 4},
		{Mode0, 0x00000005, 5},
		{Mode0, 0x03100005, 5},
		{Mode0, 0x00C00005, 4},
		{Mode0, 0x00400002, 0},
		{Mode0, 0x0000FFFF, 0}, // too long: lost
		{Mode0, 18000, 18000},
		{Mode0, 18001, 0},
		{Mode1, 4500, 18000},
		{Mode1, 4501, 0},
	} {
		r := newRig(t, c.mode)
		r.start(0, 64)
		r.Put(txRing, descOwn|descFirst|descLast|c.word)
		got := 0
		for _, f := range r.cable[0].Sent {
			got += len(f)
		}
		if got != c.want {
			t.Errorf("mode %d control %08X: %d bytes, want %d", c.mode, c.word, got, c.want)
		}
		r.WantWord("descriptor", r.Word(txRing), 0)
		r.WantWord("status", r.get(RegStatus), StatusTx)
	}
}

// Section 11.3, probed on Dynamips.
func TestReceiveVector(t *testing.T) {
	bothModes(t, func(t *testing.T, mode Mode) {
		for crc, last := range map[uint32]uint32{0x08: 0x20000009, 0x0A: 0x2000000B, 0x55: 0x20000009} {
			r := newRig(t, mode)
			r.start(1, 64)
			r.set(reg(1, RegCRC), crc)
			frame := chiptest.Pattern(70)
			r.chip.Receive(1, frame)
			for i, want := range []uint32{0x40000040, last, 0x80000040} {
				r.WantWord(fmt.Sprintf("descriptor %d", i), r.Word(rxRing+0x100+uint64(8*i)), want)
			}
			if got := append(r.Bytes(uint64(r.rxBuf(1, 0)), 64), r.Bytes(uint64(r.rxBuf(1, 1)), 6)...); !bytes.Equal(got, frame) {
				t.Errorf("in memory: %x", got)
			}
			if got := r.Bytes(uint64(r.rxBuf(1, 1))+6, 8); !bytes.Equal(got, make([]byte, 8)) {
				t.Errorf("bytes behind the frame: %x", got)
			}
			r.WantWord("status", r.get(RegStatus), StatusRx<<1)
			if !r.IRQ {
				t.Error("no interrupt")
			}
			r.set(RegStatus, StatusRx<<1)
			if r.IRQ || r.get(RegStatus) != 0 {
				t.Error("interrupt stays after it was acknowledged")
			}
		}
	})
}

func TestReceiveOverrun(t *testing.T) {
	r := newRig(t, Mode1)
	r.start(0, 64)
	r.Put(rxRing+16, 0) // the third is not the chip's
	frame := chiptest.Pattern(200)
	r.chip.Receive(0, frame)
	r.WantWord("first", r.Word(rxRing), 0x40000040)
	r.WantWord("last", r.Word(rxRing+8), 0x30000040)
	r.WantWord("not the chip's", r.Word(rxRing+16), 0)
	r.WantWord("status", r.get(RegStatus), StatusRx)
	r.set(RegStatus, StatusRx)
	r.chip.Receive(0, frame)
	r.WantWord("status after a frame without a buffer", r.get(RegStatus), 0)

	// All buffers together are too small: the ring must not be walked twice.
	r = newRig(t, Mode1)
	r.start(0, 16)
	r.chip.Receive(0, frame)
	for i, want := range []uint32{0x40000010, 0x10, 0x10, 0x30000010} {
		r.WantWord(fmt.Sprintf("descriptor %d", i), r.Word(rxRing+uint64(8*i)), want)
	}
	// One descriptor only.
	r = newRig(t, Mode1)
	r.start(0, 16)
	r.set(reg(0, RegRxEnd), rxRing)
	r.chip.Receive(0, frame)
	r.WantWord("only descriptor", r.Word(rxRing), 0x70000010)
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
		{"longest", func(r *rig) { r.Put(rxRing, descOwn|0xFFFF) }, 18000, true},
		{"too long", func(r *rig) { r.Put(rxRing, descOwn|0xFFFF) }, 18001, false},
		{"channel disabled", func(r *rig) { r.set(RegCommand, 0x30000) }, 60, false},
		{"receiver disabled", func(r *rig) { r.set(RegEnable, 1) }, 60, false},
		{"transmitter disabled", func(r *rig) { r.set(RegEnable, 2) }, 60, true},
		{"no ring", func(r *rig) { r.set(reg(0, RegRxStart), 0) }, 60, false},
	} {
		r := newRig(t, Mode1)
		r.start(0, 1024)
		c.change(r)
		r.chip.Receive(0, chiptest.Pattern(c.size))
		if got := r.get(RegStatus)&StatusRx != 0; got != c.want {
			t.Errorf("%s: received %v, want %v", c.name, got, c.want)
		}
	}
}

func TestTransmitConditions(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*rig)
		want   bool
	}{
		{"running", func(*rig) {}, true},
		{"only the receiver enabled", func(r *rig) { r.set(RegEnable, 2) }, true},
		{"channel disabled", func(r *rig) { r.set(RegCommand, 0x30000) }, false},
		{"another channel enabled", func(r *rig) { r.set(RegEnable, 0xFC) }, false},
		{"no ring", func(r *rig) { r.set(reg(0, RegTxStart), 0) }, false},
	} {
		r := newRig(t, Mode1)
		r.start(0, 64)
		c.change(r)
		r.queue(0, 0, chiptest.Pattern(40))
		if got := len(r.cable[0].Sent) == 1; got != c.want {
			t.Errorf("%s: sent %v, want %v", c.name, got, c.want)
		}
	}
}

// Frames leave in the guest's own store, in order, ring after ring, on all
// channels (section 22, item 16).
func TestRingWrap(t *testing.T) {
	bothModes(t, func(t *testing.T, mode Mode) {
		r := newRig(t, mode)
		for ch := range Channels {
			r.start(ch, 2048)
		}
		for k := range 3*ringSize + 1 {
			for ch := range Channels {
				frame := chiptest.Pattern(36 + 4*k + ch)
				r.queue(ch, k%ringSize, frame)
				if len(r.cable[ch].Sent) != k+1 || !bytes.Equal(r.cable[ch].Sent[k], frame) {
					t.Fatalf("channel %d: frame %d was not sent", ch, k)
				}
				r.WantWord("transmit descriptor", r.Word(uint64(txRing+0x100*ch+8*(k%ringSize))), 0)
				r.chip.Receive(ch, frame)
				d := uint64(rxRing + 0x100*ch + 8*(k%ringSize))
				r.WantWord("receive descriptor", r.Word(d), uint32(0x60000000+len(frame)+3))
				if !bytes.Equal(r.Bytes(uint64(r.rxBuf(ch, k%ringSize)), len(frame)), frame) {
					t.Fatalf("channel %d: frame %d was not received", ch, k)
				}
				r.Put(d, descOwn|2048)
				want := uint32(StatusTx|StatusRx) << ch
				r.WantWord("status", r.get(RegStatus)&want, want)
				r.set(RegStatus, want)
			}
		}
	})
}

// A frame whose first descriptor is handed over before the others is not torn.
func TestTransmitWaitsForWholeFrame(t *testing.T) {
	r := newRig(t, Mode1)
	r.start(0, 64)
	r.Put(txRing, 0xC0000005)
	r.get(RegStatus)
	r.WantWord("first descriptor", r.Word(txRing), 0xC0000005)
	r.Put(txRing+8, 0xA0000001)
	if len(r.cable[0].Sent) != 1 || len(r.cable[0].Sent[0]) != 24 {
		t.Errorf("sent %x", r.cable[0].Sent)
	}
}

// Any access to the window makes the chip look at its rings.
func TestWindowAccessKicks(t *testing.T) {
	for _, access := range []func(*rig){
		func(r *rig) { r.get(RegStatus) },
		func(r *rig) { r.set(RegMask, 0) },
		func(r *rig) { r.get(reg(2, RegModem)) },
	} {
		r := newRig(t, Mode1)
		r.start(0, 64)
		r.chip.channel[0].bell.Off() // as if the memory told nothing
		r.queue(0, 0, chiptest.Pattern(40))
		if len(r.cable[0].Sent) != 0 {
			t.Fatal("sent without a sign")
		}
		access(r)
		if len(r.cable[0].Sent) != 1 {
			t.Error("access to the window did not start the transmission")
		}
	}
}

// Descriptors in memory that cannot be watched are looked at every millisecond.
func TestTransmitFromUnwatchableMemory(t *testing.T) {
	r := newRig(t, Mode1)
	r.start(0, 64)
	r.set(reg(0, RegTxStart), chiptest.ROMBase)
	r.set(reg(0, RegTxEnd), chiptest.ROMBase+8)
	r.putROM(0, r.control(40, descFirst|descLast), txBuf)
	r.Advance(1_000_000)
	if r.cable[0].Count == 0 {
		t.Error("frame was not sent after a millisecond")
	}
	r.set(RegCommand, r.disable())
	if _, armed := r.Loop.NextTimer(); armed {
		t.Error("a stopped channel keeps a timer")
	}
}

func TestIdleChannelsKeepNoTimer(t *testing.T) {
	r := newRig(t, Mode1)
	for ch := range Channels {
		r.start(ch, 64)
		r.queue(ch, 0, chiptest.Pattern(40))
	}
	if at, armed := r.Loop.NextTimer(); armed {
		t.Errorf("a timer is armed for %d ns on an idle chip", at)
	}
}

func TestEndlessRing(t *testing.T) {
	// Descriptors whose ownership cannot be cleared.
	r := newRig(t, Mode1)
	r.cable[0].Drop = true
	r.putROM(0, r.control(40, descFirst|descLast), txBuf)
	r.putROM(1, r.control(40, descFirst|descLast), txBuf)
	r.start(0, 64)
	r.set(reg(0, RegTxEnd), chiptest.ROMBase+8)
	r.set(reg(0, RegTxStart), chiptest.ROMBase)
	if r.cable[0].Count != txBudget {
		t.Fatalf("%d frames in one go, want %d", r.cable[0].Count, txBudget)
	}
	r.get(RegStatus) // no kick while the channel pauses
	r.Advance(txPause)
	if r.cable[0].Count != 2*txBudget {
		t.Errorf("%d frames after the pause, want %d", r.cable[0].Count, 2*txBudget)
	}

	// A frame without end, in a ring and without one.
	for _, end := range []uint32{chiptest.ROMBase + 8, 0xFFFFFFF0} {
		r := newRig(t, Mode1)
		for i := range chiptest.ROMSize / 8 {
			r.putROM(i, descOwn|descFirst, txBuf)
		}
		r.start(0, 64)
		r.set(reg(0, RegTxEnd), end)
		r.set(reg(0, RegTxStart), chiptest.ROMBase)
		if r.cable[0].Count != 0 || r.get(RegStatus) != StatusTx {
			t.Errorf("end %#x: %d frames sent, status %X", end, r.cable[0].Count, r.get(RegStatus))
		}
	}

	// A receive ring of empty buffers.
	r = newRig(t, Mode1)
	for i := range chiptest.ROMSize / 8 {
		r.putROM(i, descOwn, rxBuf)
	}
	r.start(0, 64)
	r.set(reg(0, RegRxEnd), 0xFFFFFFF0)
	r.set(reg(0, RegRxStart), chiptest.ROMBase)
	r.chip.Receive(0, chiptest.Pattern(60))
	r.WantWord("status", r.get(RegStatus), StatusRx)
}

// A cable to nowhere takes the frames and gives the descriptors back.
func TestUnplugged(t *testing.T) {
	for _, unplug := range []func(*rig){
		func(r *rig) { r.chip.Attach(0, nil) },
		func(r *rig) { r.cable[0].Unplugged = true },
	} {
		r := newRig(t, Mode1)
		unplug(r)
		r.start(0, 64)
		r.queue(0, 0, chiptest.Pattern(40))
		r.WantWord("descriptor", r.Word(txRing), 0)
		r.WantWord("status", r.get(RegStatus), StatusTx)
		if len(r.cable[0].Sent) != 0 {
			t.Error("a frame left an unplugged port")
		}
	}
}

func TestInterruptMask(t *testing.T) {
	for ch := range Channels {
		for _, bit := range []uint32{StatusTx << ch, StatusRx << ch} {
			r := newRig(t, Mode1)
			r.start(ch, 64)
			r.set(RegMask, ^bit)
			if bit == StatusTx<<ch {
				r.queue(ch, 0, chiptest.Pattern(20))
			} else {
				r.chip.Receive(ch, chiptest.Pattern(20))
			}
			if r.IRQ {
				t.Errorf("event %02X interrupts while it is masked", bit)
			}
			r.WantWord("status", r.get(RegStatus), bit)
			r.set(RegMask, bit)
			if !r.IRQ {
				t.Errorf("event %02X does not interrupt", bit)
			}
			r.set(RegStatus, ^bit)
			if !r.IRQ {
				t.Errorf("acknowledging other events cleared %02X", bit)
			}
			r.set(RegStatus, bit)
			if r.IRQ {
				t.Errorf("event %02X stays", bit)
			}
		}
	}
}

// Section 11.4.
func TestClock(t *testing.T) {
	for _, c := range []struct {
		shift, div uint32
		limit      uint32
	}{
		{0, 3, 2017},
		{8, 3, 2017},
		{2, 0, 2017},
		{7, 62, 2},
		{40, 0, 1},
		{0, 0xFFFFFFFF, 1},
	} {
		r := newRig(t, Mode1)
		r.set(reg(0, RegClockDiv), c.div)
		if r.chip.State.Channel[0].Limit != 0 {
			t.Error("the divider alone set the rate")
		}
		r.set(reg(0, RegClockShift), c.shift)
		r.WantWord(fmt.Sprintf("limit for shift %d divider %d", c.shift, c.div), r.chip.State.Channel[0].Limit, c.limit)
	}
	r := newRig(t, Mode1)
	r.set(reg(0, RegClockDiv), 3)
	r.get(reg(0, RegClockShift))
	r.WantWord("limit after reading the shift", r.chip.State.Channel[0].Limit, 2017)
}

// The line takes no more than its rate, and loses nothing.
func TestLineRate(t *testing.T) {
	r := newRig(t, Mode1)
	r.cable[0].Drop = true
	r.start(0, 64)
	r.set(reg(0, RegClockDiv), 62)
	r.set(reg(0, RegClockShift), 0) // 128 kb/s: limit 129
	const limit = 129 * 1024        // bits per second
	frame := chiptest.Pattern(1500)
	queued := 0
	const seconds = 10
	for range seconds * 1000 {
		for r.Word(uint64(txRing+8*(queued%ringSize)))&descOwn == 0 {
			r.queue(0, queued%ringSize, frame)
			queued++
		}
		r.Advance(1_000_000)
	}
	got := float64(r.cable[0].Count*len(frame)*8) / limit
	if got < seconds || got > seconds+0.5 {
		t.Errorf("%d frames in %d s are %.2f s worth of the line", r.cable[0].Count, seconds, got)
	}
	// What waits is sent in the end.
	r.Advance(1_000_000_000)
	if r.cable[0].Count != queued {
		t.Errorf("%d of %d frames sent", r.cable[0].Count, queued)
	}
}

func TestConfigurationSpace(t *testing.T) {
	r := newRig(t, Mode1)
	r.WantConfig(r.chip, 0x00011137, 0x10, 0x4000, map[uint8]uint32{
		0x04: 0x0147, 0x08: 0x02800001, 0x0C: 0xFFFF, 0x14: 0, 0x3C: 0x000001FF, 0x11: 0,
	})
	r.chip.ConfigWrite(0x04, 6)
	r.WantWord("command", r.chip.ConfigRead(0x04), 6)
}

func TestResetAndRestore(t *testing.T) {
	r := newRig(t, Mode1)
	r.start(3, 64)
	r.chip.Write(RegX, 4, 0x12345678)
	r.chip.ConfigWrite(header.MemBase, 0x4C000000)
	r.chip.Receive(3, chiptest.Pattern(20))
	saved := chiptest.Recode(t, r.chip.State)
	r.chip.Reset()
	if r.IRQ || r.Mapped || r.chip.State != (State{}) {
		t.Error("power-on reset leaves something")
	}
	r.Put(txRing+0x300, r.control(20, descFirst|descLast))
	if r.cable[3].Count != 0 {
		t.Error("a frame left after the reset")
	}
	r.chip.Restore(saved)
	if !r.IRQ || r.Base != 0x4C000000 {
		t.Error("interrupt or window are not restored")
	}
	if r.cable[3].Count != 1 {
		t.Error("the channel did not go on")
	}
}

// A frame that comes back at once, to the same chip and over the descriptors
// of another channel, upsets nothing.
func TestCableLoop(t *testing.T) {
	r := newRig(t, Mode1)
	r.start(0, 64)
	r.start(1, 64)
	r.chip.Attach(0, loop{r.chip, 1})
	// Channel 1 receives into its own transmit ring: an owned descriptor.
	r.Put(rxRing+0x100+4, txRing+0x100)
	frame := make([]byte, 8)
	copy(frame, []byte{0xE0, 0, 0, 5, 0, 2, 0, 0})
	r.queue(0, 0, frame)
	r.Advance(0)
	if len(r.cable[1].Sent) != 1 || len(r.cable[1].Sent[0]) != 20 {
		t.Errorf("channel 1 sent %x", r.cable[1].Sent)
	}
	r.WantWord("channel 0's descriptor", r.Word(txRing), 0)
	r.WantWord("channel 1's descriptor", r.Word(txRing+0x100), 0)
}

type loop struct {
	chip *Chip
	to   int
}

func (l loop) Send(frame []byte) { l.chip.Receive(l.to, frame) }
func (l loop) Plugged() bool     { return true }
