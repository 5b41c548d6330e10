package munich32

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"dynemu/vm/chip/chiptest"
	"dynemu/vm/mem"
)

const (
	window = 0x48000000 // where the rig has the chip's memory
	queue  = 0x80000
	txDesc = 0x1000 // descriptor i: + 16*i
	rxDesc = 0x2000
	txBuf  = 0x10000 // descriptor i: + 0x1000*i
	rxBuf  = 0x40000
)

type rig struct {
	*chiptest.Rig
	chip       *Chip
	interrupts int
	limit      uint32 // longest frame received, for start
	next       uint64 // entry of the queue that is read next
}

func newRig(t *testing.T) *rig {
	r := &rig{Rig: chiptest.New(t), next: queue}
	r.chip = New(Config{Memory: r.Mem, Clock: r.Loop, Interrupt: func() { r.interrupts++ }})
	r.Add(&mem.Region{Name: "munich32", Base: window, Len: MemorySize, Dev: r.chip})
	return r
}

func (r *rig) set(off uint64, v uint32) { r.Put(window+off, v) }

// start sets up the queue, puts channel n on time slot n both ways, and starts
// both directions.
func (r *rig) start(n uint32, flags uint32) {
	r.set(offQueue, queue)
	r.set(offQueueSize, 0xFF)
	r.set(offSlots+uint64(4*n), n<<slotTxShift|n<<slotRxShift)
	at := offChannels + uint64(16*n)
	r.set(at, flags|commandRxInit|commandTxInit)
	r.set(at+4, rxDesc)
	r.set(at+8, txDesc)
	r.set(offAction, actionInit|actionQueue|n<<actionChannelShift|r.limit<<actionFrameShift)
	r.WantWord("first interrupt", r.Word(queue), interruptSet|interruptAck)
	r.next = queue + 4
}

// wantQueue checks which interrupts came since it was last called.
func (r *rig) wantQueue(when string, want ...uint32) {
	r.Helper()
	var got []uint32
	for v := r.Word(r.next); v != 0; v = r.Word(r.next) {
		got = append(got, v)
		r.Put(r.next, 0)
		r.next += 4
	}
	if fmt.Sprintf("%08X", got) != fmt.Sprintf("%08X", want) {
		r.Errorf("%s: interrupts %08X, want %08X", when, got, want)
	}
}

// tx lays out transmit descriptor i, which follows descriptor i-1.
func (r *rig) tx(i int, data []byte, bits uint32) {
	r.Mem.WriteAt(uint64(txBuf+0x1000*i), data)
	at := uint64(txDesc + 16*i)
	r.Put(at+4, uint32(txBuf+0x1000*i))
	r.Put(at+8, uint32(txDesc+16*(i+1)))
	r.Put(at, bits|uint32(len(data))<<descSizeShift)
}

func (r *rig) rx(i int, size, bits uint32) {
	at := uint64(rxDesc + 16*i)
	r.Put(at+4, 0)
	r.Put(at+8, uint32(rxBuf+0x1000*i))
	r.Put(at+12, uint32(rxDesc+16*(i+1)))
	r.Put(at, bits|size<<descSizeShift)
}

// release clears the HOLD bit of transmit descriptor i.
func (r *rig) release(i int) {
	at := uint64(txDesc + 16*i)
	r.Put(at, r.Word(at)&^descHold)
}

func TestMemory(t *testing.T) {
	r := newRig(t)
	r.chip.Write(0x1000, 8, 0x0102030405060708)
	r.chip.Write(0x1001, 1, 0xAA)
	r.chip.Write(0x1004, 2, 0xBBCC)
	for _, c := range []struct {
		off  uint64
		size int
		want uint64
	}{
		{0x1000, 8, 0x01AA0304BBCC0708}, {0x1002, 2, 0x0304}, {0x1007, 1, 8}, {0x1000, 4, 0x01AA0304},
		{MemorySize - 4, 4, 0}, {MemorySize - 2, 4, ^uint64(0)}, {MemorySize, 1, ^uint64(0)}, {^uint64(0), 4, ^uint64(0)},
		{offAction, 4, ^uint64(0)},
	} {
		if got := r.chip.Read(c.off, c.size); got != c.want {
			t.Errorf("%d bytes at %#x: %#x, want %#x", c.size, c.off, got, c.want)
		}
	}
	r.chip.Write(MemorySize-2, 4, 0xFFFFFFFF)
	if got := r.chip.Read(MemorySize-2, 2); got != 0 {
		t.Errorf("a write beyond the end left %#x", got)
	}
}

// Section 17: initialisation, its acknowledge, the tables of descriptors.
func TestAction(t *testing.T) {
	r := newRig(t)
	r.rx(0, 64, descHold)
	r.tx(0, nil, descHold|descFrameEnd)
	r.start(3, 0)
	r.wantQueue("a frame without bytes", interruptSet|interruptFrame|3)
	s := r.chip.State.Channel[3]
	if !s.Rx.On || !s.Tx.On || s.Rx.Current != rxDesc || s.Tx.Current != txDesc {
		t.Errorf("channel 3: %+v", s)
	}
	r.WantWord("current receive descriptor", r.Word(window+0x28C+12), rxDesc)
	r.WantWord("current transmit descriptor", r.Word(window+0x30C+12), txDesc)
	r.WantWord("time slot 3", r.chip.State.Slot[3], 0x03000300)

	r.set(offSlots, 0x12345678)
	r.set(offAction, actionChannel|4<<actionChannelShift)
	r.wantQueue("channel only", interruptSet|interruptAck)
	r.WantWord("time slot 0 after channel only", r.chip.State.Slot[0], 0)
	r.set(offAction, actionChannel|actionNoAck|4<<actionChannelShift)
	r.wantQueue("without acknowledge")
	r.set(offChannels+16*3, commandRxOff|commandTxOff)
	r.set(offAction, actionReset|0x123<<actionFrameShift)
	r.wantQueue("reset", interruptSet|interruptAck)
	s = r.chip.State.Channel[3]
	if s.Rx.On || s.Tx.On || r.chip.State.Slot[0] != 0x12345678 || r.chip.State.MaxFrame != 0x123 {
		t.Errorf("after reset: %+v, time slot 0 %08X, limit %#x", s, r.chip.State.Slot[0], r.chip.State.MaxFrame)
	}
	if r.interrupts != 1 {
		t.Errorf("%d interrupts, want 1: acknowledges are not told", r.interrupts)
	}
}

func TestInterruptQueue(t *testing.T) {
	r := newRig(t)
	r.set(offAction, actionChannel) // there is no queue yet
	r.WantWord("memory at 0", r.Word(0), 0)
	r.set(offQueue, queue)
	r.set(offQueueSize, 0xFFFFFF01)
	r.set(offAction, actionQueue)
	for range 33 {
		r.set(offAction, actionChannel)
	}
	r.WantWord("last entry of two units", r.Word(queue+31*4), interruptSet|interruptAck)
	r.WantWord("behind the queue", r.Word(queue+32*4), 0)
	r.WantWord("next entry", r.chip.State.QueueNext, queue+4)
}

// The chip sends a descriptor whatever its HOLD bit is, and waits at it while
// the bit is set.
func TestTransmitHold(t *testing.T) {
	r := newRig(t)
	r.tx(0, chiptest.Pattern(10), descFrameEnd)
	r.tx(1, chiptest.Pattern(10), descFrameEnd|descHost|descHold)
	r.start(0, 0)
	r.wantQueue("started", interruptSet|interruptFrame, interruptSet|interruptFrame|interruptHost)
	r.WantWord("current", r.Word(window+offTxCurrent), txDesc+16)
	r.tx(2, chiptest.Pattern(20), descFrameEnd|descHold)
	r.wantQueue("held")
	r.release(1)
	r.wantQueue("released", interruptSet|interruptFrame)
	r.WantWord("current", r.Word(window+offTxCurrent), txDesc+32)
	r.WantNoTimer("a waiting channel")
	// TH: HOLD bits are not watched; the next action looks.
	r.set(offChannels, commandTxHold)
	r.set(offAction, actionChannel|actionNoAck)
	r.tx(3, nil, descFrameEnd|descHold)
	r.release(2)
	r.wantQueue("not watched")
	r.set(offAction, actionChannel|actionNoAck)
	r.wantQueue("asked for", interruptSet|interruptFrame)
	// Off.
	r.set(offChannels, commandTxOff)
	r.set(offAction, actionChannel|actionNoAck)
	r.tx(4, nil, descFrameEnd|descHold)
	r.release(3)
	r.set(offAction, actionChannel|actionNoAck)
	r.wantQueue("off")
}

func TestTransmitErrors(t *testing.T) {
	for _, c := range []struct {
		name  string
		flags uint32
		set   func(*rig)
		want  []uint32
	}{
		{"chain ends within the frame", 0, func(r *rig) { r.tx(0, chiptest.Pattern(4), descHold) }, []uint32{interruptSet | interruptError}},
		{"its mask", maskTxError << channelMaskShift, func(r *rig) { r.tx(0, nil, descHold) }, nil},
		{"frames masked", maskTxFrame << channelMaskShift, func(r *rig) { r.tx(0, nil, descHold|descFrameEnd) }, nil},
		{"frame too long", 0, func(r *rig) {
			for i := range 3 {
				r.tx(i, nil, uint32(4000)<<descSizeShift)
			}
			r.tx(3, nil, descFrameEnd|descHold)
		}, []uint32{interruptSet | interruptError}},
	} {
		r := newRig(t)
		c.set(r)
		r.start(0, c.flags)
		r.wantQueue(c.name, c.want...)
	}
}

// A frame of three descriptors comes back in two, by each of the loops.
func TestLoops(t *testing.T) {
	for name, c := range map[string]struct {
		loop Loop
		back bool
	}{
		"none":              {LoopKeep, false},
		"whole highway":     {LoopInternal, true},
		"channel":           {LoopChannelInternal, true},
		"external":          {LoopExternal, false},
		"channel, external": {LoopChannelExternal, false},
		"off":               {LoopOff, false},
	} {
		r := newRig(t)
		if !c.back {
			r.set(offAction, uint32(LoopInternal)<<actionLoopShift) // which the other takes back
		}
		frame := chiptest.Pattern(70)
		r.tx(0, frame[:20], 0)
		r.tx(1, frame[20:31], 0)
		r.tx(2, frame[31:], descFrameEnd|descHold)
		r.rx(0, 64, descHost)
		r.rx(1, 64, descHold)
		if c.loop == LoopKeep {
			r.set(offAction, uint32(LoopOff)<<actionLoopShift)
		}
		r.set(offAction, uint32(c.loop)<<actionLoopShift|5<<actionChannelShift)
		r.start(5, maskTxFrame<<channelMaskShift)
		if !c.back {
			r.wantQueue(name)
			continue
		}
		r.wantQueue(name, interruptSet|interruptRx|interruptHost|5, interruptSet|interruptRx|interruptFrame|5)
		r.WantWord("first status", r.Word(rxDesc+4), statusComplete|64<<16)
		r.WantWord("last status", r.Word(rxDesc+16+4), descFrameEnd|statusComplete|6<<16)
		if got := append(r.Bytes(rxBuf, 64), r.Bytes(rxBuf+0x1000, 6)...); !bytes.Equal(got, frame) {
			t.Errorf("%s: in memory: %x", name, got)
		}
		if got := r.Bytes(rxBuf+0x1006, 4); !bytes.Equal(got, make([]byte, 4)) {
			t.Errorf("%s: behind the frame: %x", name, got)
		}
		r.WantWord("current receive descriptor", r.Word(window+offRxCurrent+20), rxDesc+16)
		// The chain has ended: the next frame is lost until HOLD is cleared.
		r.tx(3, frame, descFrameEnd|descHold)
		r.release(2)
		r.wantQueue(name+", no descriptor", interruptSet|interruptRx|interruptFlow|5)
		r.rx(1, 64, 0)
		r.rx(2, 128, descHold)
		r.tx(4, frame, descFrameEnd|descHold)
		r.release(3)
		r.wantQueue(name+", again", interruptSet|interruptRx|interruptFrame|5)
		r.WantWord("status", r.Word(rxDesc+32+4), descFrameEnd|statusComplete|70<<16)
	}
}

func TestReceiveErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		limit  uint32
		size   uint32
		status uint32
	}{
		{"no limit", 0, 100, descFrameEnd | statusComplete | 60<<16},
		{"as long as the limit", 60, 100, descFrameEnd | statusComplete | 60<<16},
		{"too long", 59, 100, descFrameEnd | statusComplete | statusLong | 59<<16},
		{"chain too short", 0, 16, descFrameEnd | statusComplete | statusAbort | 16<<16},
	} {
		r := newRig(t)
		r.tx(0, chiptest.Pattern(60), descFrameEnd|descHold)
		r.rx(0, c.size, descHold)
		r.limit = c.limit
		r.set(offAction, uint32(LoopChannelInternal)<<actionLoopShift)
		r.start(0, maskTxFrame<<channelMaskShift)
		r.WantWord(c.name, r.Word(rxDesc+4), c.status)
		want := uint32(interruptSet | interruptRx | interruptFrame)
		if c.status&(statusLong|statusAbort) != 0 {
			want |= interruptError
		}
		r.wantQueue(c.name, want)
	}
}

// A ring without a HOLD bit does not hold the machine up.
func TestEndlessRing(t *testing.T) {
	r := newRig(t)
	r.tx(0, nil, descFrameEnd)
	r.Put(txDesc+8, txDesc)
	r.start(0, 0)
	if r.interrupts != txBudget {
		t.Errorf("%d frames in one go, want %d", r.interrupts, txBudget)
	}
	r.set(offAction, actionChannel|1<<actionChannelShift)
	if r.interrupts != txBudget {
		t.Error("goes on before the pause is over")
	}
	r.Advance(txPause)
	if r.interrupts != 2*txBudget {
		t.Errorf("%d frames after a pause, want %d", r.interrupts, 2*txBudget)
	}
	r.chip.Reset()
	r.WantNoTimer("a chip after reset")

	// A frame without an end.
	r = newRig(t)
	r.tx(0, nil, 0)
	r.Put(txDesc+8, txDesc)
	r.start(0, 0)
	if r.interrupts != 0 {
		t.Error("a frame without an end interrupts")
	}
}

// FuzzGuest plays a guest that knows nothing, with the chip's own memory as
// memory. The chip must come back from each step.
func FuzzGuest(f *testing.F) {
	f.Add([]byte{0, 35, 0, 0x60, 0, 0, 0, 0, 0, 0, 0x80, 0x0C, 2, 0, 0xC0, 0x10, 0, 0, 3, 0, 0, 0x10, 0, 0})
	f.Add([]byte{0, 36, 0x48, 0, 0, 0, 0, 35, 0, 0x60, 0, 0, 0, 0, 0, 0, 0x80, 0x48})
	f.Add([]byte{1, 0, 0, 0x60, 0, 0, 1, 2, 0x48, 0, 0, 0x8C, 0, 0, 0, 0, 0x40, 0x0C})
	f.Fuzz(func(t *testing.T, script []byte) {
		r := newRig(t)
		r.set(offQueue, queue)
		for i := range chiptest.ROMSize / 4 {
			binary.BigEndian.PutUint32(r.ROM[4*i:], uint32(window+i*7%64*4))
		}
		chiptest.Play(script, func(op, x byte, v uint32, rest []byte) {
			before := r.interrupts
			switch op % 4 {
			case 0:
				r.chip.Write(uint64(x)*4, 1<<(op/4%4), uint64(v))
			case 1:
				r.set(offChannels+uint64(x)*4, v)
			case 2:
				r.Put(uint64(x)*4, v)
			case 3:
				r.Advance(int64(v) % 1_000_000_000)
				r.chip.Read(uint64(v), 1<<(op/4%4))
			}
			if n := r.interrupts - before; n > 100*(txBudget+maxFragments) {
				t.Fatalf("%d interrupts in one step", n)
			}
		})
	})
}
