package tneta1570

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"dynemu/vm/atm"
	"dynemu/vm/chip/chiptest"
)

const line = atm.Header(5<<20 | 77<<4) // circuit 5/77

// ready is the control word of a whole packet in one buffer.
const ready = txReady | txFirst | txLast | txNotify | aalAAL5

// 14.1: control memory is storage, in whole words; the rest reads 0.
func TestControlMemory(t *testing.T) {
	r := newRig(t)
	for _, off := range []uint64{0, 0x30C0, 0x3400, 0x3FFC, 0x7FFC, 0x10000, 0xFFFFC} {
		v := 0x5A000000 | uint32(off)
		r.set(off, v)
		r.WantWord(fmt.Sprintf("%05X", off), r.get(off), v)
		for _, size := range []int{1, 2, 8} {
			if got := r.chip.Read(off+1, size); got != uint64(v) {
				t.Errorf("%05X read %d wide: %X", off, size, got)
			}
		}
		r.chip.Write(off+2, 1, 0x11)
		r.WantWord(fmt.Sprintf("%05X after a byte", off), r.get(off), 0x11)
	}
	for _, off := range []uint64{0x100000, 0x180000, 0x180008, 0x1FFFFC} {
		r.set(off, 1)
		r.WantWord(fmt.Sprintf("%05X", off), r.get(off), 0)
	}
	r.WantWord("board", r.get(RegBoard), 0xA6)
}

// 14.2: a read clears what caused the interrupt.
func TestStatus(t *testing.T) {
	r := newRig(t)
	r.set(RegStatus, 0xFFFFFFFF)
	if r.IRQ {
		t.Error("interrupt without a mask")
	}
	r.set(RegMask, StatusRx)
	if !r.IRQ {
		t.Error("no interrupt")
	}
	r.WantWord("status", r.get(RegStatus), 0xFFFFFFFF)
	r.WantWord("status after a read", r.get(RegStatus), 0xFFFFFC00)
	if r.IRQ {
		t.Error("interrupt after the read")
	}
}

// 14.3: every length of packet, from one buffer at an odd address.
func TestTransmit(t *testing.T) {
	r := newRig(t)
	r.start()
	r.open(1, 5, 77, aalAAL5)
	for n := range 300 {
		data := chiptest.Pattern(n)
		buf := r.buffer(n%4, ready, 0, line|1, data)
		r.queue(1, buf)
		got, uu := r.packet(line | 1)
		if !bytes.Equal(got, data) || uu != 0xABCD {
			t.Fatalf("%d bytes: %x, control %04X", n, got, uu)
		}
		i := uint64(n % (doneLast + 1))
		r.WantWord("completion", r.Word(txDone+4*i), buf>>2)
		r.Put(txDone+4*i, ownBit)
		r.WantWord("segmentation ring", r.Word(segRing+0x400+4*i), buf>>2)
		if !r.IRQ || r.get(RegStatus) != StatusTx || r.IRQ {
			t.Errorf("packet %d: interrupt %v", n, r.IRQ)
		}
	}
}

// A packet in several buffers, which end in the middle of cells.
func TestTransmitChain(t *testing.T) {
	for _, sizes := range [][]int{{48, 48}, {1, 1, 1}, {100, 20, 30, 200}, {47, 1, 47}, {40}, {41, 7}, {96, 0}, {0, 0, 5}, {3, 0, 96}} {
		r := newRig(t)
		r.start()
		r.open(3, 5, 77, aalAAL5)
		var data []byte
		var bufs []uint32
		for k, n := range sizes {
			control := uint32(txReady | txNotify | aalAAL5)
			if k == 0 {
				control |= txFirst
			}
			next := uint32(txBuf + (k+1)*bufSize)
			if k == len(sizes)-1 {
				control |= txLast
				next = 0
			}
			part := chiptest.Pattern(n)
			data = append(data, part...)
			bufs = append(bufs, r.buffer(k, control, next, line, part))
		}
		r.queue(3, bufs[0])
		got, _ := r.packet(line)
		if !bytes.Equal(got, data) {
			t.Errorf("%v: %x, want %x", sizes, got, data)
		}
		var back []uint32
		for i := range uint64(doneLast + 1) {
			if w := r.Word(txDone + 4*i); w&ownBit == 0 {
				back = append(back, w<<2)
			}
		}
		want := slices.Clone(bufs)
		for k := len(sizes) - 2; k >= 0; k-- { // empty ones are not told of
			if sizes[k] == 0 {
				want = slices.Delete(want, k, k+1)
			}
		}
		if !slices.Equal(back, want) {
			t.Errorf("%v: buffers %X came back, want %X", sizes, back, want)
		}
	}
}

// A chain whose next buffer the guest releases later.
func TestTransmitWaits(t *testing.T) {
	r := newRig(t)
	r.start()
	r.open(2, 5, 77, aalAAL5)
	second := uint32(txBuf + bufSize)
	first := r.buffer(0, txReady|txFirst|aalAAL5, second, line, chiptest.Pattern(60))
	r.Put(uint64(second), 0)
	r.queue(2, first)
	r.wantSent(1)
	r.Advance(1e9)
	r.wantSent(1)
	r.buffer(1, txReady|txLast|aalAAL5, 0, 0, chiptest.Pattern(40))
	if got, _ := r.packet(line); !bytes.Equal(got, append(chiptest.Pattern(60), chiptest.Pattern(40)...)) {
		t.Errorf("%x", got)
	}
	if r.IRQ {
		t.Error("interrupt for the ring without")
	}
	r.WantWord("quiet ring", r.Word(txQuiet), first>>2)
	r.WantWord("quiet ring", r.Word(txQuiet+4), second>>2)
	// A ring entry whose buffer is released after it.
	buf := r.buffer(2, 0, 0, line, chiptest.Pattern(10))
	r.queue(2, buf)
	r.wantSent(0)
	r.buffer(2, ready, 0, line, chiptest.Pattern(10))
	r.wantSent(1)
}

func TestTransmitTransparent(t *testing.T) {
	for _, c := range []struct {
		types  uint32
		marked bool
	}{{aalMarked, true}, {aalPlain, false}} {
		r := newRig(t)
		r.start()
		r.open(1, 5, 77, c.types)
		data := chiptest.Pattern(100)
		buf := r.buffer(0, txReady|txFirst|txLast|txNotify|c.types, 0, line, data)
		r.queue(1, buf)
		r.wantSent(3)
		var got []byte
		for i, cell := range r.cable.Sent {
			want := line
			if i == 2 && c.marked {
				want |= atm.UserEnd
			}
			r.WantWord("header", uint32(atm.ReadHeader(cell)), uint32(want))
			got = append(got, cell[5:]...)
		}
		if !bytes.Equal(got, append(data, make([]byte, 44)...)) {
			t.Errorf("%x", got)
		}
		r.WantWord("completion", r.Word(txDone), buf>>2)
	}
}

// The data sheet: an aborted packet ends with a length of 0, and its entry says
// so.
func TestTransmitAbort(t *testing.T) {
	r := newRig(t)
	r.start()
	r.open(1, 5, 77, aalAAL5)
	second := uint32(txBuf + bufSize)
	first := r.buffer(0, txReady|txFirst|txNotify|aalAAL5, second, line, chiptest.Pattern(96))
	r.Put(uint64(second), 0)
	r.queue(1, first)
	r.wantSent(2)
	r.buffer(1, txReady|txNotify|aalAAL5|txAbort, 0, 0, chiptest.Pattern(96))
	r.wantSent(3)
	last := r.cable.Sent[2]
	if h := atm.ReadHeader(last); h != line|atm.UserEnd || !bytes.Equal(last[45:49], []byte{0xAB, 0xCD, 0, 0}) {
		t.Errorf("last cell %x", last)
	}
	r.WantWord("completion", r.Word(txDone+4), second>>2|errorBit)
	r.WantWord("segmentation ring", r.Word(segRing+0x400), first>>2)
}

// 14.2: no room in the completion ring. Nothing is lost.
func TestTransmitFreeze(t *testing.T) {
	r := newRig(t)
	r.start()
	r.set(RegMask, StatusTxFreeze)
	r.open(1, 5, 77, aalAAL5)
	for i := range doneLast + 2 {
		if r.IRQ {
			t.Fatalf("frozen after %d packets", i)
		}
		r.queue(1, r.buffer(i, ready, 0, line, chiptest.Pattern(10)))
	}
	r.wantSent(doneLast + 1)
	if !r.IRQ || r.get(RegStatus)&StatusTxFreeze == 0 {
		t.Error("no freeze")
	}
	r.Put(txDone, ownBit)
	r.wantSent(doneLast + 2)
	r.WantWord("completion", r.Word(txDone), uint32(txBuf+(doneLast+1)*bufSize)>>2)
}

// A circuit that is not in the schedule, or not on, sends nothing.
func TestSchedule(t *testing.T) {
	r := newRig(t)
	r.start()
	r.open(1, 5, 77, aalAAL5)
	r.set(TxSchedule, 0)
	queue := func() { r.queue(1, r.buffer(0, ready, 0, line, chiptest.Pattern(10))) }
	queue()
	r.Advance(1e9)
	r.wantSent(0)
	r.set(TxSchedule+4*3099, 1<<16) // the very last entry
	r.wantSent(1)
	r.set(TxSchedule+4*3100, 1)
	r.set(TxSchedule+4*3099, 0)
	r.Put(txDone, ownBit)
	queue()
	r.wantSent(1)
	r.set(TxTable+32+12, r.get(TxTable+32+12)&^txOn)
	r.set(TxSchedule, 1)
	r.wantSent(1)
	r.set(TxTable+32+12, r.get(TxTable+32+12)|txOn)
	r.wantSent(2)
	// Two circuits in one word.
	r.set(TxSchedule, 1|2<<16)
	r.nextTx = 0
	r.set(TxTable+64+12, txOn|(segRing+0x800)>>2)
	r.queue(2, r.buffer(1, ready, 0, line+16, chiptest.Pattern(10)))
	r.wantSent(3)
}

// An idle chip holds no timer.
func TestIdle(t *testing.T) {
	r := newRig(t)
	r.start()
	r.open(1, 5, 77, aalAAL5)
	r.queue(1, r.buffer(0, ready, 0, line, chiptest.Pattern(100)))
	r.WantNoTimer("after a packet")
}

// The line takes no more than its rate, and loses nothing.
func TestLineRate(t *testing.T) {
	r := newRig(t)
	r.cable.Drop = true
	r.start()
	r.set(RegMask, 0)
	r.open(1, 5, 77, aalAAL5)
	buf := r.buffer(0, ready, 0, line, chiptest.Pattern(1000))
	queued := 0
	const ms = 500
	for range ms * 10 {
		for r.Word(uint64(segRing+0x400+4*r.nextTx))&ownBit == 0 {
			r.store(1, buf)
			queued++
			for i := range uint64(doneLast + 1) {
				r.Put(txDone+4*i, ownBit)
			}
		}
		r.Advance(100_000)
	}
	const want = ms * 1_000_000 / cellTime
	if r.cable.Count < want || r.cable.Count > want+4096 {
		t.Errorf("%d cells in %d ms, want %d", r.cable.Count, ms, want)
	}
	r.Advance(1e9)
	r.wantSent(queued * 21)
}

func TestUnplugged(t *testing.T) {
	r := newRig(t)
	r.start()
	r.open(1, 5, 77, aalAAL5)
	r.cable.Unplugged = true
	buf := r.buffer(0, ready, 0, line, chiptest.Pattern(100))
	r.queue(1, buf)
	r.wantSent(0)
	r.WantWord("completion", r.Word(txDone), buf>>2)
	r.chip.Attach(nil)
	r.queue(1, buf)
	r.WantWord("completion", r.Word(txDone+4), buf>>2)
}

// fullWire refuses all but so many cells.
type fullWire struct {
	chiptest.Wire
	room int
}

func (w *fullWire) TrySend(cell []byte) bool {
	if w.room == 0 {
		return false
	}
	w.room--
	w.Send(cell)
	return true
}

// A wire without room holds cells up, in their order; when it has none for long,
// they are lost, and nothing waits for it.
func TestBackpressure(t *testing.T) {
	r := newRig(t)
	r.start()
	r.open(1, 5, 77, aalAAL5)
	w := &fullWire{room: 2}
	r.chip.Attach(w)
	data := chiptest.Pattern(400)
	r.queue(1, r.buffer(0, ready, 0, line, data))
	r.queue(1, r.buffer(1, ready, 0, line, data[:100]))
	if w.Count != 2 {
		t.Errorf("%d cells sent, want 2", w.Count)
	}
	w.room = 100
	r.Advance(retry)
	r.cable.Sent = w.Sent[:9]
	if got, _ := r.packet(line); !bytes.Equal(got, data) {
		t.Errorf("%x", got)
	}
	r.cable.Sent = w.Sent[9:]
	if got, _ := r.packet(line); !bytes.Equal(got, data[:100]) {
		t.Errorf("%x", got)
	}

	w.room, w.Count = 0, 0
	for i := range 4 {
		r.queue(1, r.buffer(i, ready, 0, line, data[:i+1]))
	}
	for range 2 * patience / retry {
		r.Advance(retry)
	}
	if w.Count != 4 { // Send, which counts them as lost
		t.Errorf("%d cells given up, want 4", w.Count)
	}
	r.WantNoTimer("after the wire was given up")
	w.room, w.Sent = 1, nil
	r.queue(1, r.buffer(0, ready, 0, line, data[:10]))
	w.room = 0
	r.queue(1, r.buffer(1, ready, 0, line, data[:11]))
	if len(w.Sent) != 1 || r.chip.State.Held == nil {
		t.Errorf("%d cells sent after there was room again", len(w.Sent))
	}
}

// 14.4: every length, and every CRC that is out there.
func TestReceive(t *testing.T) {
	r := newRig(t)
	r.start()
	r.open(1, 5, 77, aalAAL5)
	for n := 1; n < 600; n += 7 {
		for _, kind := range []crcKind{standard, routerCRC, bridgeCRC, wrongCRC} {
			data := chiptest.Pattern(n)
			all := aal5(line, data, kind)
			r.receive(all)
			if !r.IRQ || r.get(RegStatus) != StatusRx {
				t.Fatal("no interrupt")
			}
			w, ok := r.done()
			if !ok {
				t.Fatal("no completion")
			}
			r.WantWord("header", w[0], uint32(line|atm.UserEnd))
			errors, owner := uint32(doneAAL5), uint32(0)
			if kind == wrongCRC {
				errors, owner = doneAAL5|doneCRC, errorBit
			}
			r.WantWord("errors", w[1], errors)
			r.WantWord("trailer", w[3], uint32(n))
			r.WantWord("owner", w[4], owner)
			if w[2]&doneValid == 0 || w[5]|w[6]|w[7] != 0 {
				t.Errorf("completion %08X", w)
			}
			got, buffers := r.chain(w[2] << 2)
			if want := (len(all) + cells - 1) / cells; buffers != want {
				t.Errorf("%d bytes in %d buffers, want %d", n, buffers, want)
			}
			if !bytes.Equal(got[:n], data) {
				t.Errorf("%d bytes: %x", n, got[:n])
			}
			r.WantWord("first cell's header", r.Word(uint64(w[2]<<2+8)), uint32(line|atm.Header(boolBit(len(all) == 1))))
			r.refill()
		}
	}
}

func boolBit(b bool) uint32 {
	if b {
		return uint32(atm.UserEnd)
	}
	return 0
}

// Cells of other circuits, and of none.
func TestReceiveLookup(t *testing.T) {
	r := newRig(t)
	r.start()
	r.open(1, 5, 77, aalAAL5)
	none := func(what string) {
		t.Helper()
		if _, ok := r.done(); ok || r.IRQ {
			t.Errorf("%s was received", what)
		}
	}
	for _, h := range []atm.Header{atm.NewHeader(4, 77), atm.NewHeader(5, 78), atm.NewHeader(5, 1024), atm.NewHeader(5, 0xFFFF), atm.NewHeader(4095, 0xFFFF)} {
		r.receive(aal5(h, chiptest.Pattern(10), standard))
		none(fmt.Sprintf("%d/%d", h.VPI(), h.VCI()))
	}
	r.chip.Receive(make([]byte, 52))
	r.chip.Receive(append(aal5(line, chiptest.Pattern(10), standard)[0], 0))
	none("a datagram of another length")
	// Indexes that lead out of the table.
	for _, vpi := range []uint32{vpiEnable | 0xFFFF, vpiEnable | 0x7FFF<<16 | 0xFFFF, vpiEnable | 2047<<16 | 0xFFFF} {
		r.set(VPITable+4*9, vpi)
		r.receive(aal5(atm.NewHeader(9, 0), chiptest.Pattern(10), standard))
		r.receive(aal5(atm.NewHeader(9, 0xFFFF), chiptest.Pattern(10), standard))
		none("a circuit outside of the table")
	}
	// The VCI mask hides bits from the check, not from the index.
	r.set(VPITable+4*5, vpiEnable|(RxTable/entrySize+16)<<vpiBaseShift|15)
	r.receive(aal5(line, chiptest.Pattern(10), standard))
	none("a VCI beyond the last one")
	r.set(RegVCIMask, 64<<16)
	r.receive(aal5(line, chiptest.Pattern(10), standard))
	if _, ok := r.done(); !ok {
		t.Error("the VCI mask is not used")
	}
}

// OAM cells go to entries of their own, one a packet.
func TestReceiveOAM(t *testing.T) {
	r := newRig(t)
	r.start()
	r.open(1, 5, 77, aalAAL5)
	for n := range uint64(3) {
		r.set(RxTable+32*n, rxNotify|aalCount)
		r.set(RxTable+32*n+20, 1)
		r.set(RxTable+32*n+24, rxOn)
	}
	for _, h := range []atm.Header{line | 4<<1, line | 5<<1, line | 6<<1, line | 7<<1, atm.NewHeader(5, 3), atm.NewHeader(5, 4)} {
		cell := make([]byte, 53)
		h.Put(cell)
		copy(cell[5:], chiptest.Pattern(48))
		r.chip.Receive(cell)
		w, ok := r.done()
		if !ok {
			t.Fatalf("no completion for %08X", h)
		}
		r.WantWord("header", w[0], uint32(h))
		r.WantWord("errors", w[1], 0)
		if got := r.Bytes(uint64(w[2]<<2+16), 48); !bytes.Equal(got, chiptest.Pattern(48)) {
			t.Errorf("%x", got)
		}
	}
}

func TestReceiveCounted(t *testing.T) {
	r := newRig(t)
	r.start()
	r.open(1, 5, 77, aalCount)
	at := uint64(RxTable + (16+77)*32)
	r.set(at+20, 6)
	cell := make([]byte, 53)
	(line | atm.UserEnd).Put(cell) // ends nothing here
	for i := range 12 {
		if _, ok := r.done(); ok {
			t.Fatalf("completion after %d cells", i)
		}
		r.chip.Receive(cell)
		if i%6 == 5 {
			w, ok := r.done()
			if !ok {
				t.Fatalf("no completion after %d cells", i+1)
			}
			if _, buffers := r.chain(w[2] << 2); buffers != 2 {
				t.Errorf("%d buffers", buffers)
			}
		}
	}
}

func TestReceiveFIFO(t *testing.T) {
	r := newRig(t)
	r.start()
	r.open(1, 5, 77, aalAAL5|rxFIFO)
	const fifo = 0xB000
	r.set(uint64(RxTable+(16+77)*32+24), rxOn|fifo>>2)
	r.receive(aal5(line, chiptest.Pattern(20), standard))
	if _, ok := r.done(); ok {
		t.Error("received without a buffer")
	}
	r.Put(fifo, ownBit|rxBuf>>2)
	r.receive(aal5(line, chiptest.Pattern(20), standard))
	w, ok := r.done()
	if !ok {
		t.Fatal("no completion")
	}
	r.WantWord("packet", w[2], doneValid|rxBuf>>2)
	r.WantWord("owner", w[4], fifo>>2)
	r.WantWord("the FIFO's word", r.Word(fifo), ownBit|rxBuf>>2)
}

// No buffer: the packet is lost, the next one is not.
func TestReceiveStarved(t *testing.T) {
	r := newRig(t)
	r.start()
	r.open(1, 5, 77, aalAAL5)
	for i := 2; i < freeSize; i++ {
		r.Put(uint64(freeRing+4*i), 0)
	}
	r.receive(aal5(line, chiptest.Pattern(600), standard)) // needs 4
	w, ok := r.done()
	if !ok {
		t.Fatal("buffers did not come back")
	}
	r.WantWord("errors", w[1], doneStarved|doneAAL5)
	r.WantWord("owner", w[4], errorBit)
	if got, buffers := r.chain(w[2] << 2); buffers != 2 || !bytes.Equal(got, chiptest.Pattern(600)[:2*cells*48]) {
		t.Errorf("%d buffers", buffers)
	}
	if _, ok := r.done(); ok {
		t.Error("a second completion")
	}
	r.receive(aal5(line, chiptest.Pattern(10), standard)) // in one cell
	r.receive(aal5(line, chiptest.Pattern(100), standard))
	if _, ok := r.done(); ok {
		t.Error("received without a buffer")
	}
	r.Put(freeRing+4*2, ownBit|rxBuf>>2)
	r.receive(aal5(line, chiptest.Pattern(100), standard))
	if w, ok = r.done(); !ok || w[1] != doneAAL5 {
		t.Errorf("the next packet: %08X", w)
	}
}

// A cell is lost: one packet is wrong, or two are one; the next is right.
func TestReceiveLostCell(t *testing.T) {
	r := newRig(t)
	r.start()
	r.open(1, 5, 77, aalAAL5)
	a, b := aal5(line, chiptest.Pattern(100), standard), aal5(line, chiptest.Pattern(101), standard)
	r.receive(a[1:])
	if w, ok := r.done(); !ok || w[1] != doneAAL5|doneCRC {
		t.Errorf("without its first cell: %08X", w)
	}
	r.receive(a[:2])
	r.receive(b)
	if w, ok := r.done(); !ok || w[1] != doneAAL5|doneCRC {
		t.Errorf("without the end between them: %08X", w)
	}
	r.receive(b)
	if w, ok := r.done(); !ok || w[1] != doneAAL5 {
		t.Errorf("the next: %08X", w)
	}
}

// A packet that never ends is cut at the length that AAL5 allows.
func TestReceiveOverflow(t *testing.T) {
	r := newRig(t)
	r.start()
	r.open(1, 5, 77, aalAAL5)
	r.set(FreeRings+4, 2000<<freeSizeShift)
	r.Put(freeRing, ownBit|rxBuf>>2)
	cell := make([]byte, 53)
	line.Put(cell)
	for range 1366 {
		r.chip.Receive(cell)
	}
	if _, ok := r.done(); ok {
		t.Error("ended early")
	}
	r.chip.Receive(cell)
	if w, ok := r.done(); !ok || w[1] != doneAAL5|doneOverflow {
		t.Errorf("completion %08X", w)
	}
	r.chip.Receive(cell)
	(line | atm.UserEnd).Put(cell)
	r.chip.Receive(cell)
	r.receive(aal5(line, chiptest.Pattern(100), standard))
	if w, ok := r.done(); !ok || w[1] != doneAAL5 {
		t.Errorf("the next: %08X", w)
	}
}

func TestReceiveFreeze(t *testing.T) {
	r := newRig(t)
	r.start()
	r.open(1, 5, 77, aalAAL5)
	r.set(RegMask, StatusRxFreeze)
	for range doneLast + 1 {
		r.receive(aal5(line, chiptest.Pattern(10), standard))
	}
	if r.IRQ {
		t.Error("frozen early")
	}
	r.receive(aal5(line, chiptest.Pattern(11), standard))
	if !r.IRQ {
		t.Error("no interrupt")
	}
	for range doneLast + 1 {
		if w, ok := r.done(); !ok || w[3] != 10 {
			t.Errorf("completion %08X", w)
		}
	}
	r.receive(aal5(line, chiptest.Pattern(12), standard))
	if w, ok := r.done(); !ok || w[3] != 12 {
		t.Errorf("completion %08X", w)
	}
}

// Cells wait for free buffers and completion entries, and only for them.
func TestReady(t *testing.T) {
	r := newRig(t)
	if !r.chip.Ready() {
		t.Error("a chip that is off holds cells up")
	}
	r.start()
	r.open(1, 5, 77, aalAAL5)
	cell := aal5(line, chiptest.Pattern(40), standard)
	r.WantRoom(doneLast+1, r.chip.Ready, func() { r.receive(cell) })
	r.done()
	r.WantRoom(1, r.chip.Ready, func() { r.receive(cell) })
	for range doneLast + 1 {
		r.done()
	}
	for i := range freeSize {
		r.Put(uint64(freeRing+4*i), 0)
	}
	if r.chip.Ready() {
		t.Error("ready without a buffer")
	}
	r.Put(freeRing+4*(doneLast+2), ownBit|rxBuf>>2)
	long := aal5(line, chiptest.Pattern(1000), standard)
	n := 0
	r.WantRoom(cells, r.chip.Ready, func() { r.chip.Receive(long[n]); n++ })
	r.chip.Receive(long[n]) // it could not wait
	if !r.chip.Ready() {
		t.Error("the rest of a packet that found no buffer is held up")
	}
	r.set(uint64(RxTable+(16+77)*32+24), 0)
	if !r.chip.Ready() {
		t.Error("a circuit that is off holds cells up")
	}
}

func TestAbortedPacket(t *testing.T) {
	r := newRig(t)
	r.start()
	r.open(1, 5, 77, aalAAL5)
	r.receive(aal5(line, nil, standard))
	if w, ok := r.done(); !ok || w[1] != doneAAL5|doneAbort || w[4] != errorBit {
		t.Errorf("completion %08X", w)
	}
}

// 14.2: the software reset puts the completion rings back to their beginning.
func TestSoftReset(t *testing.T) {
	r := newRig(t)
	r.start()
	r.open(1, 5, 77, aalAAL5)
	r.queue(1, r.buffer(0, ready, 0, line, chiptest.Pattern(10)))
	r.receive(aal5(line, chiptest.Pattern(10), standard))
	r.get(RegReset)
	r.Put(txDone, ownBit)
	r.Put(rxDone+16, ownBit)
	buf := r.buffer(1, ready, 0, line, chiptest.Pattern(10))
	r.queue(1, buf)
	r.receive(aal5(line, chiptest.Pattern(10), standard))
	r.WantWord("completion", r.Word(txDone), buf>>2)
	r.WantWord("completion", r.Word(rxDone+12), 10)
}

func TestConfigurationSpace(t *testing.T) {
	r := newRig(t)
	if r.chip.ID() != 0xA001104C {
		t.Errorf("ID %08X", r.chip.ID())
	}
	for _, c := range []struct {
		reg         uint8
		write, read uint32
	}{
		{0x04, 0x0006, 0x0006},
		{0x08, 0xFFFFFFFF, 0},
		{0x10, 0xFFFFFFFF, 0xFFE00000},
		{0x14, 0xFFFFFFFF, 0},
		{0x3C, 0xFFFFFFFF, 0x000001FF},
	} {
		r.chip.ConfigWrite(c.reg, c.write)
		r.WantWord(fmt.Sprintf("register %02X after %08X", c.reg, c.write), r.chip.ConfigRead(c.reg), c.read)
	}
	for _, c := range []struct {
		base   uint32
		mapped bool
	}{{0xFFFFFFFF, false}, {0x4C000000, true}, {0, false}, {0x4D200000, true}} {
		r.chip.ConfigWrite(0x10, c.base)
		if r.Mapped != c.mapped || c.mapped && r.Base != uint64(c.base) {
			t.Errorf("base %08X: window at %#x, mapped %v", c.base, r.Base, r.Mapped)
		}
	}
}

func TestResetAndRestore(t *testing.T) {
	r := newRig(t)
	r.start()
	r.open(1, 5, 77, aalAAL5)
	r.chip.ConfigWrite(header.MemBase, 0x4C000000)
	second := uint32(txBuf + bufSize)
	r.Put(uint64(second), 0)
	r.queue(1, r.buffer(0, txReady|txFirst|txNotify|aalAAL5, second, line, chiptest.Pattern(60)))
	all := aal5(line, chiptest.Pattern(100), standard)
	r.receive(all)
	r.receive(all[:1])
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(r.chip.State); err != nil {
		t.Fatal(err)
	}
	saved := r.chip.State
	r.chip.Reset()
	if r.IRQ || r.Mapped || r.get(RegTxNotify) != 0 || len(r.chip.State.Packet) != 0 {
		t.Error("power-on reset leaves something")
	}
	r.buffer(1, txReady|txLast|txNotify|aalAAL5, 0, 0, chiptest.Pattern(40))
	r.wantSent(1)
	var s State
	if err := gob.NewDecoder(&b).Decode(&s); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(s, saved) {
		t.Error("state differs after encoding")
	}
	r.chip.Restore(s)
	if !r.IRQ || r.Base != 0x4C000000 {
		t.Error("interrupt or window are not restored")
	}
	if got, _ := r.packet(line); !bytes.Equal(got, append(chiptest.Pattern(60), chiptest.Pattern(40)...)) {
		t.Errorf("%x", got)
	}
	r.done()
	r.receive(all[1:])
	if w, ok := r.done(); !ok || w[1] != doneAAL5 {
		t.Errorf("completion %08X", w)
	}
}

// A cable whose cells come back at once, into a receive buffer that is the
// segmentation ring of another circuit.
func TestCableLoop(t *testing.T) {
	r := newRig(t)
	r.start()
	r.open(1, 5, 77, aalAAL5)
	r.open(2, 5, 77, aalAAL5)
	r.set(TxSchedule, 1|2<<16)
	r.Put(freeRing, ownBit|(segRing+0x800-16)>>2)
	r.chip.Attach(loop{r.chip})
	other := r.buffer(1, ready, 0, atm.NewHeader(9, 9), chiptest.Pattern(10))
	r.queue(1, r.buffer(0, ready, 0, line, []byte{0x80 | byte(other>>26), byte(other >> 18), byte(other >> 10), byte(other >> 2)}))
	r.Advance(1)
	r.WantWord("completion of the first", r.Word(txDone), uint32(txBuf)>>2)
	r.WantWord("completion of the second", r.Word(txDone+4), other>>2)
}

type loop struct{ chip *Chip }

func (l loop) Send(cell []byte) { l.chip.Receive(cell) }
func (l loop) Plugged() bool    { return true }
