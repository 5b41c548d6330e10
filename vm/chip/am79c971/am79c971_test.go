package am79c971

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"testing"

	"dynemu/vm/chip"
	"dynemu/vm/chip/chiptest"
)

// Values after power-on: adapters-7200 reference, 10.3 and 10.4.
func TestResetValues(t *testing.T) {
	r := newRig(t)
	for n := range uint32(256) {
		want := map[uint32]uint32{0: 0x0004, 4: 0x0115, 88: 0x02621003, 89: 0x0262}[n]
		r.WantWord(fmt.Sprintf("CSR%d", n), r.csr(n), want)
		want = map[uint32]uint32{9: 1, 34: 0x1000}[n]
		r.WantWord(fmt.Sprintf("BCR%d", n), r.bcr(n), want)
	}
	for off := uint64(0); off < 0x40; off++ {
		if off != regRDP && off != regRAP && off != regBDP {
			if v := r.chip.Read(off, 4); v != 0 {
				t.Errorf("offset %#x reads %#x, want 0", off, v)
			}
		}
	}
	r.WantWord("RAP, 8 bits", func() uint32 { r.chip.Write(regRAP, 4, 0x1FF); return uint32(r.chip.Read(regRAP, 4)) }(), 0xFF)
	r = newRig(t, func(c *Config) { c.Model = Am79C971 })
	r.WantWord("CSR88 of an Am79C971", r.csr(88), 0x02623003)
}

func TestStorageRegisters(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct{ n, write, read uint32 }{
		{1, 0x12345678, 0x12345678}, // 32 bits, as in Dynamips
		{2, 0x12345678, 0x12345678},
		{3, 0x00005F40, 0x00005F40},
		{4, 0x00000915, 0x00000915},
		{4, 0x0000FFFF, 0x0000FD55}, // events are cleared; UINTCMD sets UINT
		{5, 0x0000FFFF, 0x0000F56F},
		{6, 0x0000FFFF, 0x0000FF00},
		{7, 0x0000FFFF, 0x0000F555},
		{8, 0x00001234, 0x00001234},
		{12, 0x00001100, 0x00001100},
		{15, 0x00008000, 0x00008000},
		{76, 0x0000FFF8, 0x0000FFF8},
		{88, 0x00000000, 0x02621003},
		{112, 0x00000007, 0x00000007},
		{255, 0xDEADBEEF, 0xDEADBEEF},
	} {
		r.set(c.n, c.write)
		r.WantWord(fmt.Sprintf("CSR%d after %08X", c.n, c.write), r.csr(c.n), c.read)
	}
	for _, c := range []struct{ n, write, read uint32 }{
		{2, 0x1002, 0x1002}, {9, 0, 1}, {18, 0x0860, 0x0860}, {19, 0xFFFF, 0xFFFF}, {20, 0x0102, 0x0102}, {33, 0x3E2, 0x3E2}, {34, 5, 0xFFFF}, {255, 1, 1},
	} {
		r.setBCR(c.n, c.write)
		r.WantWord(fmt.Sprintf("BCR%d after %08X", c.n, c.write), r.bcr(c.n), c.read)
	}
	r.WantWord("CSR58 is BCR20", r.csr(58), 0x0102)
	r.set(58, 0x0203)
	r.WantWord("BCR20 is CSR58", r.bcr(20), 0x0203)
}

// Section 22, items 9 to 13.
func TestStatusRegister(t *testing.T) {
	r := newRig(t)
	for i, w := range []uint32{0x10200000, 0x33221100, 0x00005544, 0x76543210, 0xFEDCBA98, rxRing, txRing} {
		r.Put(block+uint64(4*i), w)
	}
	r.setBCR(BCRStyle, style2)
	r.set(CSRStatus, INIT)
	r.WantWord("CSR0 after INIT without a block", r.csr(0), 0x0001)
	r.set(CSRStatus, STOP)
	r.set(CSRInitLow, block)
	r.set(CSRStatus, INIT)
	r.WantWord("CSR0 after INIT", r.csr(0), 0x0181)
	r.WantIRQ("without IENA", false)
	for n, want := range map[uint32]uint32{6: 0x1200, 8: 0x3210, 9: 0x7654, 10: 0xBA98, 11: 0xFEDC, 12: 0x1100, 13: 0x3322, 14: 0x5544, 15: 0,
		24: rxRing, 25: 0, 30: txRing, 31: 0, 76: 0xFFFC, 78: 0xFFFE} {
		r.WantWord(fmt.Sprintf("CSR%d", n), r.csr(n), want)
	}
	r.set(CSRStatus, STRT|IENA)
	r.WantWord("CSR0 after STRT and IENA", r.csr(0), 0x01F3)
	r.WantIRQ("IDON", true)
	r.set(CSRMask, IDON)
	r.WantIRQ("IDON masked", false)
	r.WantWord("CSR0 with IDON masked", r.csr(0), 0x0173)
	r.set(CSRMask, 0)
	r.WantIRQ("IDON unmasked", true)
	r.set(CSRStatus, IDON) // leaves IENA 0
	r.WantWord("CSR0 after acknowledging", r.csr(0), 0x0033)
	r.WantIRQ("after acknowledging", false)
	r.set(CSRStatus, STOP|STRT|INIT|IENA)
	r.WantWord("CSR0: STOP wins", r.csr(0), 0x0004)
	for _, c := range []struct{ mode, want uint32 }{{rxOff, STRT | TXON}, {txOff, STRT | RXON}, {rxOff | txOff, STRT}} {
		r.set(CSRStatus, STOP)
		r.set(CSRMode, c.mode)
		r.set(CSRStatus, STRT)
		r.WantWord(fmt.Sprintf("CSR0 started with mode %X", c.mode), r.csr(0), c.want)
	}
	r.set(CSRMode, 0)
	r.WantWord("CSR0 after the mode was written", r.csr(0), STRT|RXON|TXON)
}

// ERR is the OR of four events; every event but CERR interrupts unless masked.
func TestInterruptSources(t *testing.T) {
	for _, c := range []struct {
		event    uint32
		err, irq bool
	}{
		{BABL, true, true}, {CERR, true, false}, {MISS, true, true}, {MERR, true, true},
		{RINT, false, true}, {TINT, false, true}, {IDON, false, true},
	} {
		r := newRig(t)
		r.set(CSRStatus, IENA)
		r.chip.event(c.event)
		if got := r.csr(0)&ERR != 0; got != c.err {
			t.Errorf("event %04X: ERR is %v", c.event, got)
		}
		if got := r.csr(0)&INTR != 0; got != c.irq {
			t.Errorf("event %04X: INTR is %v", c.event, got)
		}
		r.WantIRQ(fmt.Sprintf("event %04X", c.event), c.irq)
		r.set(CSRMask, c.event)
		r.WantIRQ(fmt.Sprintf("event %04X masked", c.event), false)
		r.set(CSRMask, 0)
		r.set(CSRStatus, c.event|IENA)
		r.WantIRQ(fmt.Sprintf("event %04X acknowledged", c.event), false)
		r.WantWord("CSR0", r.csr(0), STOP|IENA)
	}
	r := newRig(t)
	r.set(CSRStatus, IENA)
	r.set(CSRFeatures, 0x0115|userCmd)
	r.WantIRQ("user interrupt", true)
	r.set(CSRFeatures, 0x0115|userIntr)
	r.WantIRQ("user interrupt acknowledged", false)
}

// The chip's own receive vector: section 10.7.
func TestReceiveTwoDescriptors(t *testing.T) {
	r := newRig(t)
	r.start(2, promiscuous)
	for i := range uint64(4) {
		r.desc(rxRing+16*i, uint32(rxBuf+0x100*i), 0x8000FFC0, 0xFFFF0000, 0x12345678)
	}
	r.set(CSRStatus, IENA)
	frame := chiptest.Frame(station, 70)
	r.chip.Receive(frame)
	r.WantWords("first", rxRing, rxBuf, 0x0200FFC0, 0xFFFF0000, 0x12345678)
	r.WantWords("second", rxRing+16, rxBuf+0x100, 0x0100FFC0, 0xFFFF004A, 0x12345678)
	r.WantWords("third", rxRing+32, rxBuf+0x200, 0x8000FFC0)
	if got := append(r.Bytes(rxBuf, 64), r.Bytes(rxBuf+0x100, 6)...); !bytes.Equal(got, frame) {
		t.Errorf("in memory: %x, want %x", got, frame)
	}
	if got := r.Bytes(rxBuf+0x106, 8); !bytes.Equal(got, make([]byte, 8)) {
		t.Errorf("bytes behind the frame: %x; the FCS is not stored", got)
	}
	r.WantWord("CSR0", r.csr(0), 0x04F3)
	r.WantIRQ("RINT", true)
	r.set(CSRStatus, RINT|IENA)
	r.WantIRQ("RINT acknowledged", false)
}

// Two fragments: section 10.7.
func TestTransmitTwoFragments(t *testing.T) {
	r := newRig(t)
	r.start(2, 0)
	frame := chiptest.Frame(stranger, 70)
	r.Mem.WriteAt(txBuf, frame[:40])
	r.Mem.WriteAt(txBuf+0x800, frame[40:])
	r.desc(txRing+16, txBuf+0x800, 0x8100FFE2, 0x1234, 0)
	r.desc(txRing, txBuf, 0x8200FFD8, 0x1234, 0)
	r.set(CSRStatus, TDMD|IENA)
	if len(r.Sent) != 1 || !bytes.Equal(r.Sent[0], frame) {
		t.Fatalf("on the wire: %x, want one frame %x", r.Sent, frame)
	}
	r.WantWords("first", txRing, txBuf, 0x0200FFD8, 0x1234)
	r.WantWords("second", txRing+16, txBuf+0x800, 0x0100FFE2, 0x1234)
	r.WantWord("CSR0", r.csr(0), 0x02F3)
	r.WantIRQ("TINT", true)
	r.set(CSRStatus, TINT|IENA)
	r.WantIRQ("TINT acknowledged", false)
	r.WantWord("CSR4: TXSTRT", r.csr(4), 0x0115|txStart)
}

// Three rings full of frames in each software style and ring shape.
func TestStyles(t *testing.T) {
	type format struct {
		name         string
		style        uint32
		size         uint64
		put          func(r *rig, pa uint64, addr uint32, flags uint32, length int)
		flags, count func(r *rig, pa uint64) uint32
	}
	formats := []format{
		{"16 bits", 0, 8,
			func(r *rig, pa uint64, addr, flags uint32, n int) {
				r.Put(pa+4, neg(n))
				r.Put(pa, flags&0xFF000000|addr)
			},
			func(r *rig, pa uint64) uint32 { return r.Word(pa) >> 24 },
			func(r *rig, pa uint64) uint32 { return r.Word(pa+4) >> 16 }},
		{"style 2", 2, 16,
			func(r *rig, pa uint64, addr, flags uint32, n int) { r.desc(pa, addr, flags|neg(n), 0, 0) },
			func(r *rig, pa uint64) uint32 { return r.Word(pa+4) >> 24 },
			func(r *rig, pa uint64) uint32 { return r.Word(pa + 8) }},
		{"style 3", 3, 16,
			func(r *rig, pa uint64, addr, flags uint32, n int) { r.desc(pa, 0, flags|neg(n), addr, 0) },
			func(r *rig, pa uint64) uint32 { return r.Word(pa+4) >> 24 },
			func(r *rig, pa uint64) uint32 { return r.Word(pa) }},
	}
	for _, f := range formats {
		for _, log := range []uint32{0, 1, 3} {
			t.Run(fmt.Sprintf("%s, %d descriptors", f.name, 1<<log), func(t *testing.T) {
				r := newRig(t)
				n := 1 << log
				at := func(ring uint64, k int) uint64 { return ring + f.size*uint64(k%n) }
				for k := range n {
					f.put(r, at(rxRing, k), uint32(rxBuf+0x800*k), descOwn, 0x600)
					f.put(r, at(txRing, k), uint32(txBuf+0x800*k), 0, 0)
				}
				words := []uint32{log<<20 | log<<28, 0x33221100, 0x00005544, 0, 0, rxRing, txRing}
				if f.style == 0 {
					words = []uint32{0x11000000, 0x55443322, 0, 0, log<<29 | rxRing, log<<29 | txRing}
				}
				for i, w := range words {
					r.Put(block+uint64(4*i), w)
				}
				r.setBCR(BCRStyle, f.style)
				r.set(CSRInitLow, block)
				r.set(CSRStatus, INIT)
				r.set(CSRStatus, STRT|IDON)
				for k := range 3*n + 1 {
					frame := chiptest.Frame(station, 60+k)
					r.chip.Receive(frame)
					if got := r.Bytes(uint64(rxBuf+0x800*(k%n)), 60+k); !bytes.Equal(got, frame) {
						t.Fatalf("frame %d is not in its buffer", k)
					}
					r.WantWord("flags", f.flags(r, at(rxRing, k)), 0x03)
					r.WantWord("count", f.count(r, at(rxRing, k)), uint32(64+k))
					f.put(r, at(rxRing, k), uint32(rxBuf+0x800*(k%n)), descOwn, 0x600)

					r.Mem.WriteAt(uint64(txBuf+0x800*(k%n)), frame)
					f.put(r, at(txRing, k), uint32(txBuf+0x800*(k%n)), descOwn|descStart|descEnd, 60+k)
					if len(r.Sent) != k+1 || !bytes.Equal(r.Sent[k], frame) {
						t.Fatalf("frame %d was not sent", k)
					}
					r.WantWord("flags", f.flags(r, at(txRing, k)), 0x03)
				}
			})
		}
	}
}

// Styles that the chip does not have carry no traffic.
func TestUnknownStyle(t *testing.T) {
	r := newRig(t)
	r.start(2, 0)
	r.setBCR(BCRStyle, 1)
	r.give(0, 60)
	r.set(CSRStatus, TDMD)
	r.chip.Receive(chiptest.Frame(station, 60))
	if len(r.Sent) != 0 || r.csr(0)&(RINT|TINT|MISS) != 0 {
		t.Errorf("%d frames sent, CSR0 %04X", len(r.Sent), r.csr(0))
	}
}

// The rings may be given in CSRs, of any length, without an initialisation
// block.
func TestRingsInCSRs(t *testing.T) {
	r := newRig(t)
	r.setBCR(BCRStyle, style2)
	for n, v := range map[uint32]uint32{24: rxRing, 25: 1, 30: txRing, 31: 1, 76: 0xFFFD, 78: 0xFFFD, 12: 0x1100, 13: 0x3322, 14: 0x5544} {
		r.set(n, v)
	}
	for i := range uint64(3) {
		r.desc(0x10000+rxRing+16*i, uint32(rxBuf+0x3000+0x800*i), descOwn|neg(0x600), 0, 0)
	}
	r.set(CSRStatus, STRT)
	for k := range uint64(7) {
		d := 0x10000 + txRing + 16*(k%3)
		r.desc(d, txBuf, descOwn|descStart|descEnd|neg(60), 0, 0)
		if len(r.Sent) != int(k+1) {
			t.Fatalf("frame %d was not sent", k)
		}
		r.chip.Receive(chiptest.Frame(station, 60))
		r.WantWord("RMD1", r.Word(0x10000+rxRing+16*(k%3)+4), 0x03000000|neg(0x600))
		r.Put(0x10000+rxRing+16*(k%3)+4, descOwn|neg(0x600))
	}
}

func TestReceiveWithoutBuffer(t *testing.T) {
	r := newRig(t)
	r.start(2, 0)
	frame := chiptest.Frame(station, 100)
	r.desc(rxRing, rxBuf, descOwn|neg(64), 0, 0)
	r.Put(rxRing+16+4, neg(64))
	r.chip.Receive(frame)
	r.WantWord("RMD1 where the ring ended in mid-frame", r.Word(rxRing+4), descErr|rxNoBuffer|descStart|descEnd|neg(64))
	r.WantWord("CSR0", r.csr(0), RINT|INTR|STRT|INIT|RXON|TXON)
	r.set(CSRStatus, RINT|IENA)
	r.chip.Receive(frame)
	r.WantWord("CSR0 after a missed frame", r.csr(0), ERR|MISS|INTR|IENA|STRT|INIT|RXON|TXON)
	r.WantIRQ("MISS", true)
	r.chip.Receive(frame)
	r.WantWord("CSR112", r.csr(CSRMissed), 2)
	r.set(CSRMissed, 0xFFFF)
	r.chip.Receive(frame)
	r.WantWord("CSR112 wraps", r.csr(CSRMissed), 0)
	r.WantWord("CSR4: MFCO", r.csr(4), 0x0115|missedOver)
	r.set(CSRFeatures, missedOver)
	r.WantWord("CSR4: MFCO acknowledged", r.csr(4), 0)
	r.Put(rxRing+16+4, descOwn|neg(0x600))
	r.chip.Receive(frame)
	r.WantWord("RMD1 of the descriptor given back", r.Word(rxRing+16+4), descStart|descEnd|neg(0x600))
}

func TestFrameSizes(t *testing.T) {
	for _, n := range []int{1, 2, 59, 60, 1514, 1518, 2047, 2048, 2049, 9000} {
		r := newRig(t)
		r.start(1, promiscuous)
		r.desc(rxRing, rxBuf, descOwn|neg(1024), 0, 0)
		r.desc(rxRing+16, rxBuf+1024, descOwn|neg(1024), 0, 0)
		frame := chiptest.Frame(station, n)
		r.chip.Receive(frame)
		stored := min(n, 2048)
		last := uint64(rxRing)
		if stored > 1024 {
			last += 16
		}
		r.WantWord(fmt.Sprintf("message count of %d bytes", n), r.Word(last+8), uint32(stored+4))
		if got := r.Bytes(rxBuf, stored+16); !bytes.Equal(got, append(bytes.Clone(frame[:stored]), make([]byte, 16)...)) {
			t.Errorf("%d bytes: memory differs", n)
		}
	}
	for _, n := range []int{1, 60, 1518, 2048, 2049, 4000} {
		r := newRig(t)
		r.start(1, 0)
		frame := chiptest.Frame(stranger, n)
		r.Mem.WriteAt(txBuf, frame)
		half := n / 2
		r.desc(txRing+16, uint32(txBuf+half), descOwn|descEnd|neg(n-half), 0, 0)
		r.desc(txRing, txBuf, descOwn|descStart|neg(half), 0, 0)
		if n > 2048 {
			if len(r.Sent) != 0 || r.csr(0)&(BABL|TINT) != BABL|TINT || r.Word(txRing+4)&descOwn != 0 || r.Word(txRing+20)&descOwn != 0 {
				t.Errorf("%d bytes: %d frames sent, CSR0 %04X", n, len(r.Sent), r.csr(0))
			}
			continue
		}
		if len(r.Sent) != 1 || !bytes.Equal(r.Sent[0], frame) {
			t.Errorf("%d bytes: sent %x", n, r.Sent)
		}
	}
}

// A transmitter without TDMD learns of descriptors by their ownership bit,
// unless automatic polling is off.
func TestTransmitWithoutDemand(t *testing.T) {
	r := newRig(t)
	r.start(2, 0)
	for k := range 9 {
		r.give(k%4, 60)
		if len(r.Sent) != k+1 {
			t.Fatalf("frame %d was not sent", k)
		}
	}
	r.set(CSRFeatures, 0x0115|noTxPoll)
	r.give(1, 60)
	if len(r.Sent) != 9 {
		t.Error("sent with polling off")
	}
	r.set(CSRStatus, TDMD)
	if len(r.Sent) != 10 {
		t.Error("not sent on demand")
	}
	r.set(CSRStatus, STOP)
	r.give(2, 60)
	if len(r.Sent) != 10 {
		t.Error("a stopped transmitter sent a frame")
	}
}

// A frame is sent when its last descriptor is there; descriptors before the
// start of a frame are given back.
func TestTransmitStartAndEnd(t *testing.T) {
	r := newRig(t)
	r.start(2, 0)
	r.Put(txRing+4, descOwn|descEnd|neg(60))
	r.WantWord("descriptor without STP", r.Word(txRing+4), descEnd|neg(60))
	r.Put(txRing+20, descOwn|descStart|neg(40))
	r.WantWord("first half", r.Word(txRing+20), descOwn|descStart|neg(40))
	r.Put(txRing+36, descOwn|descEnd|neg(20))
	if len(r.Sent) != 1 || len(r.Sent[0]) != 60 {
		t.Errorf("sent %x", r.Sent)
	}
	r.WantWord("CSR0", r.csr(0)&TINT, TINT)
}

func TestTransmitInterruptModes(t *testing.T) {
	for _, c := range []struct {
		name   string
		csr5   uint32
		status uint32
		plug   bool
		want   bool
	}{
		{"every frame", 0, 0, true, true},
		{"on request, not asked for", onRequest, 0, true, false},
		{"on request, asked for", onRequest, txRequest, true, true},
		{"on error, sent", onErrorOnly, 0, true, false},
		{"on error, no carrier", onErrorOnly, 0, false, true},
		{"on request, no carrier", onRequest, 0, false, true},
	} {
		r := newRig(t)
		r.Unplugged = !c.plug
		r.start(1, 0)
		r.set(CSRExtended, c.csr5)
		r.Put(txRing+4, descOwn|descStart|descEnd|c.status|neg(60))
		if got := r.csr(0)&TINT != 0; got != c.want {
			t.Errorf("%s: TINT is %v", c.name, got)
		}
		if c.plug {
			r.WantWords(c.name, txRing+4, descStart|descEnd|c.status|neg(60), 0)
		} else {
			r.WantWords(c.name, txRing+4, descErr|descStart|descEnd|c.status|neg(60), txLostCarrier)
		}
	}
}

func TestPadAndStrip(t *testing.T) {
	frame := chiptest.Frame(station, 42)
	r := newRig(t)
	r.start(2, 0)
	r.Mem.WriteAt(txBuf, frame)
	r.Mem.WriteAt(txBuf+0x800, frame)
	r.give(0, 42)
	r.set(CSRFeatures, 0x0115|padTx)
	r.give(1, 42)
	if len(r.Sent) != 2 || !bytes.Equal(r.Sent[0], frame) || !bytes.Equal(r.Sent[1], append(bytes.Clone(frame), make([]byte, 18)...)) {
		t.Errorf("sent %x", r.Sent)
	}
	padded := append(chiptest.Frame(station, 60), 0)[:60]
	for i, c := range []struct {
		length uint16
		count  uint32
	}{{20, 34}, {45, 59}, {46, 64}, {0x800, 64}} {
		r := newRig(t)
		r.start(2, 0)
		r.set(CSRFeatures, 0x0115|stripRx)
		binary.BigEndian.PutUint16(padded[12:], c.length)
		r.chip.Receive(padded)
		r.WantWord(fmt.Sprintf("case %d: message count", i), r.Word(rxRing+8), c.count)
	}
}

// With DXMTFCS the driver appends the FCS, which does not go on this wire.
func TestDriverFCS(t *testing.T) {
	for _, c := range []struct {
		mode, status uint32
		want         int
	}{{0, 0, 64}, {noFCS, 0, 60}, {noFCS, txAddFCS, 64}} {
		r := newRig(t)
		r.start(1, c.mode)
		r.Put(txRing+4, descOwn|descStart|descEnd|c.status|neg(64))
		if len(r.Sent) != 1 || len(r.Sent[0]) != c.want {
			t.Errorf("mode %X, status %08X: sent %x", c.mode, c.status, r.Sent)
		}
	}
}

func TestLoopback(t *testing.T) {
	for _, c := range []struct {
		mode               uint32
		wire, self, remote bool // sent; received own frame; received from the wire
	}{
		{0, true, false, true},
		{internal, true, false, true},
		{loop, true, true, true},
		{loop | internal, false, true, false},
	} {
		r := newRig(t)
		r.start(2, c.mode)
		r.Mem.WriteAt(txBuf, chiptest.Frame(station, 64))
		r.give(0, 64)
		self := r.csr(0)&RINT != 0
		r.set(CSRStatus, RINT)
		r.chip.Receive(chiptest.Frame(station, 64))
		remote := r.csr(0)&RINT != 0
		if wire := len(r.Sent) == 1; wire != c.wire || self != c.self || remote != c.remote {
			t.Errorf("mode %X: sent %v, looped %v, received %v; want %v, %v, %v", c.mode, wire, self, remote, c.wire, c.self, c.remote)
		}
	}
}

// ladrf sets the bit of an address as the drivers compute it, bit by bit.
func ladrf(addrs ...[6]byte) (w [4]uint32) {
	for _, a := range addrs {
		crc := uint32(0xFFFFFFFF)
		for _, x := range a {
			for range 8 {
				bit := (crc ^ uint32(x)) & 1
				crc >>= 1
				if bit != 0 {
					crc ^= 0xEDB88320
				}
				x >>= 1
			}
		}
		w[crc>>30] |= 1 << (crc >> 26 & 15)
	}
	return w
}

func TestFilter(t *testing.T) {
	for _, c := range []struct {
		name   string
		mode   uint32
		filter [4]uint32
		accept map[[6]byte]bool
	}{
		{"station only", 0, [4]uint32{}, map[[6]byte]bool{station: true, stranger: false, chiptest.GroupCDP: false, broadcast: true}},
		{"hash", 0, ladrf(chiptest.GroupCDP), map[[6]byte]bool{station: true, chiptest.GroupCDP: true, chiptest.GroupOSPF: false, broadcast: true}},
		{"all multicast", 0, [4]uint32{0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF}, map[[6]byte]bool{stranger: false, chiptest.GroupCDP: true, chiptest.GroupOSPF: true}},
		{"promiscuous", promiscuous, [4]uint32{}, map[[6]byte]bool{stranger: true, chiptest.GroupCDP: true, broadcast: true}},
		{"no broadcast", noBroadcast, [4]uint32{}, map[[6]byte]bool{station: true, broadcast: false}},
		{"no physical", noPhysical, [4]uint32{}, map[[6]byte]bool{station: false, broadcast: true}},
	} {
		r := newRig(t)
		r.start(3, c.mode)
		for i, w := range c.filter {
			r.set(CSRFilter+uint32(i), w)
		}
		for dst, want := range c.accept {
			r.set(CSRStatus, RINT)
			r.chip.Receive(chiptest.Frame(dst, 60))
			if got := r.csr(0)&RINT != 0; got != want {
				t.Errorf("%s: frame to %x accepted: %v, want %v", c.name, dst, got, want)
			}
		}
	}
}

func TestSuspend(t *testing.T) {
	r := newRig(t)
	r.start(2, 0)
	r.set(CSRExtended, suspended)
	r.WantWord("CSR5", r.csr(5), suspended)
	r.give(0, 60)
	r.chip.Receive(chiptest.Frame(station, 60))
	if len(r.Sent) != 0 || r.csr(0)&(RINT|MISS) != 0 {
		t.Error("frames pass a suspended chip")
	}
	r.set(CSRExtended, 0)
	r.chip.Receive(chiptest.Frame(station, 60))
	if len(r.Sent) != 1 || r.csr(0)&RINT == 0 {
		t.Error("the chip does not go on")
	}
}

func TestISL(t *testing.T) {
	inner := chiptest.Frame(stranger, 64)
	frame := append([]byte{0x01, 0x00, 0x0C, 0x00, 0x10, 0x00, 0xCA, 1, 2, 3, 4, 5, 0, 64 + 16, 0xAA, 0xAA, 3, 0, 0, 0xC, 0, 5, 0, 0, 0, 0}, inner...)
	frame = append(frame, 0, 0, 0, 0)
	r := newRig(t)
	r.start(1, 0)
	r.Mem.WriteAt(txBuf, frame)
	r.give(0, len(frame))
	want := bytes.Clone(frame)
	want[4] = 0
	binary.LittleEndian.PutUint32(want[len(want)-4:], crc32.ChecksumIEEE(inner))
	if len(r.Sent) != 1 || !bytes.Equal(r.Sent[0], want) {
		t.Errorf("sent %x, want %x", r.Sent, want)
	}
	if !bytes.Equal(r.Bytes(txBuf, len(frame)), frame) {
		t.Error("the guest's buffer was changed")
	}
}

// MII registers: 10.4. The link follows the wire.
func TestPHY(t *testing.T) {
	r := newRig(t)
	mii := func(phy, reg uint32) uint32 {
		r.setBCR(BCRMIIAddress, phy<<5|reg)
		return r.bcr(BCRMIIData)
	}
	for reg, want := range []uint32{0x1000, 0x782D, 0x0013, 0x78E2, 0x01E1, 0xC9E1, 0x000F, 0x2001, 0,
		0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0x0104, 0x4780, 0, 0, 0, 0, 0, 0, 0, 0, 0x00C8, 0, 0xFFFF, 0, 0, 0} {
		r.WantWord(fmt.Sprintf("register %d", reg), mii(0, uint32(reg)), want)
	}
	r.WantWord("an absent PHY", mii(31, 2), 0xFFFF)
	r.Unplugged = true
	for reg, want := range map[uint32]uint32{0: 0x1000, 1: 0x7809, 2: 0x0013, 5: 0, 6: 0, 17: 0x0100} {
		r.WantWord(fmt.Sprintf("register %d without a link", reg), mii(0, reg), want)
	}
	r.setBCR(BCRMIIAddress, 0)
	r.setBCR(BCRMIIData, 0x2300)
	r.WantWord("control: restart is done", mii(0, 0), 0x2100)
	r.setBCR(BCRMIIData, 0x8000)
	r.WantWord("control: reset is done", mii(0, 0), 0x1000)
	r.setBCR(BCRMIIAddress, 1)
	r.setBCR(BCRMIIData, 0)
	r.WantWord("status is read-only", mii(0, 1), 0x7809)
}

func TestSoftwareTimer(t *testing.T) {
	r := newRig(t)
	r.set(CSRStatus, IENA)
	r.set(CSRExtended2, softTimer>>1)
	r.setBCR(BCRTimer, 100)
	r.Advance(99 * timerTick)
	r.WantIRQ("before the time", false)
	for range 3 {
		r.Advance(100 * timerTick)
		r.WantIRQ("expired", true)
		r.WantWord("CSR7", r.csr(7), softTimer|softTimer>>1)
		r.set(CSRExtended2, softTimer|softTimer>>1)
		r.WantIRQ("acknowledged", false)
	}
	r.setBCR(BCRTimer, 0)
	if _, armed := r.Loop.NextTimer(); armed {
		t.Error("timer runs after 0 was written")
	}
}

// Reading the reset register stops the chip; bus configuration stays.
func TestSoftwareReset(t *testing.T) {
	r := newRig(t)
	r.start(2, 0)
	r.set(CSRStatus, IENA)
	r.chip.ConfigWrite(header.MemBase, 0x48000000)
	r.chip.Receive(chiptest.Frame(station, 60))
	r.WantIRQ("frame received", true)
	if v := r.chip.Read(regReset, 4); v != 0 {
		t.Errorf("reset register reads %#x", v)
	}
	r.WantIRQ("reset", false)
	r.WantWord("RAP", uint32(r.chip.Read(regRAP, 4)), 0)
	r.WantWord("CSR0", r.csr(0), STOP)
	r.WantWord("CSR12", r.csr(12), 0)
	r.WantWord("BCR20", r.bcr(20), style2)
	if r.Base != 0x48000000 {
		t.Error("the window moved")
	}
	r.give(0, 60)
	r.chip.Receive(chiptest.Frame(station, 60))
	if len(r.Sent) != 0 || r.csr(0) != STOP {
		t.Error("frames pass after the reset")
	}
}

// A ring that never ends must neither hold up the machine nor stop for good.
func TestEndlessRing(t *testing.T) {
	r := newRig(t)
	r.start(0, promiscuous)
	for i := range 4 {
		binary.BigEndian.PutUint32(r.ROM[16*i+4:], descOwn|descStart|descEnd|neg(60))
	}
	r.set(CSRTxRingHigh, chiptest.ROMBase>>16)
	r.set(CSRTxRingLow, chiptest.ROMBase&0xFFFF)
	if len(r.Sent) != txBudget {
		t.Fatalf("%d frames in one go, want %d", len(r.Sent), txBudget)
	}
	r.set(CSRStatus, TDMD)
	r.Advance(txPause)
	if len(r.Sent) != 3*txBudget {
		t.Errorf("%d frames after a demand and the pause, want %d", len(r.Sent), 3*txBudget)
	}
	r.set(CSRStatus, STOP)
	if _, armed := r.Loop.NextTimer(); armed {
		t.Error("a stopped transmitter keeps a timer")
	}

	// A frame without an end.
	r = newRig(t)
	r.start(2, 0)
	for i := 3; i >= 0; i-- {
		r.Put(uint64(txRing+16*i+4), descOwn|descStart|neg(60))
	}
	if len(r.Sent) != 0 || r.csr(0)&BABL == 0 || r.Word(txRing+4)&descOwn != 0 {
		t.Errorf("frame without an end: %d frames sent, CSR0 %04X", len(r.Sent), r.csr(0))
	}
}

func TestConfigurationSpace(t *testing.T) {
	r := newRig(t)
	r.WantConfig(r.chip, 0x20001022, 0x14, 0x20, map[uint8]uint32{
		0x04: 0x02800147, 0x08: 0x02000002, 0x0C: 0x0000FFFF, 0x10: 0xFFFFFFE1, 0x18: 0, 0x2C: 0, 0x30: 0,
		0x3C: 0x181801FF, 0xFF: 0,
	})
}

// The steps of the Linux driver on a byte-invariant bus, where registers and
// descriptors are little-endian: section 21.2.
func TestLinuxDriver(t *testing.T) {
	mac := [6]byte{0x02, 0x00, 0x5E, 0x10, 0x20, 0x30}
	r := newRig(t, func(c *Config) {
		c.ByteInvariant = func() bool { return true }
		c.MAC = mac
	})
	le32 := func(v uint32) uint64 { return uint64(v>>24 | v>>8&0xFF00 | v<<8&0xFF0000 | v<<24) }
	le16 := func(v uint16) uint64 { return uint64(v>>8 | v<<8) }
	in16 := func(off uint64) uint16 { v := uint16(r.chip.Read(off, 2)); return v>>8 | v<<8 }
	out16 := func(off uint64, v uint16) { r.chip.Write(off, 2, le16(v)) }
	in32 := func(off uint64) uint32 { return uint32(le32(uint32(r.chip.Read(off, 4)))) }
	out32 := func(off uint64, v uint32) { r.chip.Write(off, 4, le32(v)) }
	csr16 := func(n uint16) uint16 { out16(wordRAP, n); return in16(wordRDP) }

	// Word access works: reset, CSR0 4, RAP reads back.
	in16(wordReset)
	if got := csr16(0); got != 4 {
		t.Fatalf("CSR0 after a reset by word access: %04X", got)
	}
	out16(wordRAP, 88)
	if got := in16(wordRAP); got != 88 {
		t.Fatalf("RAP reads %d", got)
	}
	if id := uint32(csr16(88)) | uint32(csr16(89))<<16; id&0xFFF != 3 || id>>12&0xFFFF != 0x2621 {
		t.Errorf("chip id %08X", id)
	}
	for i := range 6 {
		if got := byte(r.chip.Read(uint64(i), 1)); got != mac[i] {
			t.Errorf("APROM byte %d: %02X", i, got)
		}
	}
	if r.chip.Read(14, 1) != 'W' || r.chip.Read(15, 1) != 'W' || r.chip.Read(14, 2) != 'W'<<8|'W' {
		t.Error("APROM signature")
	}
	for i := range 3 {
		if got, want := csr16(uint16(12+i)), uint16(mac[2*i])|uint16(mac[2*i+1])<<8; got != want {
			t.Errorf("CSR%d %04X, want %04X", 12+i, got, want)
		}
	}
	// EEPROM through its pins.
	out16(wordRAP, BCREEPROM)
	if got := in16(wordBDP); got&(eepromValid|eepromPresent) != eepromValid|eepromPresent {
		t.Errorf("BCR19 %04X", got)
	}
	pins := func(in, clock uint16) uint16 {
		out16(wordBDP, eepromPins|eepromCS|in|clock)
		return in16(wordBDP) & eepromData
	}
	out16(wordBDP, eepromPins)
	out16(wordBDP, eepromPins|eepromCS)
	for i := 8; i >= 0; i-- { // 1 10 000001: read word 1
		b := uint16(0b110_000001) >> i & 1
		pins(b, 0)
		pins(b, eepromClock)
	}
	w := uint16(0)
	for range 16 {
		pins(0, 0)
		w = w<<1 | pins(0, eepromClock)
	}
	if want := uint16(mac[2]) | uint16(mac[3])<<8; w != want {
		t.Errorf("EEPROM word 1: %04X, want %04X", w, want)
	}

	// Double-word access from the first 32-bit write of RDP on.
	out32(regRDP, 0)
	out32(regRAP, BCRBurst)
	if got := in32(regBDP); got&burstDWIO == 0 {
		t.Errorf("BCR18 %08X", got)
	}
	out32(regRAP, BCRStyle)
	out32(regBDP, 2)
	put := func(pa uint64, words ...uint32) {
		for i := len(words) - 1; i >= 0; i-- {
			var b [4]byte
			binary.LittleEndian.PutUint32(b[:], words[i])
			r.Mem.WriteAt(pa+uint64(4*i), b[:])
		}
	}
	get := func(pa uint64) uint32 { return binary.LittleEndian.Uint32(r.Bytes(pa, 4)) }
	put(block, 1<<20|1<<28, 0x105E0002, 0x3020, 0, 0, rxRing, txRing)
	for i := range uint64(2) {
		put(rxRing+16*i, uint32(rxBuf+0x800*i), descOwn|neg(1544), 0, 0)
		put(txRing+16*i, uint32(txBuf+0x800*i), 0, 0, 0)
	}
	csr := func(n uint32) uint32 { out32(regRAP, n); return in32(regRDP) }
	set := func(n, v uint32) { out32(regRAP, n); out32(regRDP, v) }
	set(CSRFeatures, 0x0915)
	set(CSRInitLow, block)
	set(CSRInitHigh, 0)
	set(CSRStatus, INIT)
	if csr(0)&IDON == 0 {
		t.Fatal("no IDON")
	}
	set(CSRStatus, STRT|IENA)
	frame := chiptest.Frame(mac, 42)
	r.Mem.WriteAt(txBuf, frame)
	put(txRing+4, descOwn|descStart|descEnd|neg(42))
	set(CSRStatus, IENA|TDMD)
	if len(r.Sent) != 1 || len(r.Sent[0]) != 60 || !bytes.Equal(r.Sent[0][:42], frame) {
		t.Errorf("sent %x", r.Sent)
	}
	r.chip.Receive(chiptest.Frame(mac, 99))
	if got := get(rxRing + 4); got != descStart|descEnd|neg(1544) {
		t.Errorf("RMD1 %08X", got)
	}
	if got := get(rxRing + 8); got != 103 {
		t.Errorf("RMD2 %08X", got)
	}
	if !bytes.Equal(r.Bytes(rxBuf, 99), chiptest.Frame(mac, 99)) {
		t.Error("frame is not in natural order")
	}
	set(CSRStatus, csr(0)&^0x4F) // acknowledge with IENA 0
	r.WantIRQ("handled", false)

	// The chip's big-endian mode reverses the bytes of data buffers only.
	set(CSRMask, busSwap)
	r.chip.Receive(chiptest.Frame(mac, 64))
	want := chiptest.Frame(mac, 64)
	chip.SwapLanes(want)
	if !bytes.Equal(r.Bytes(rxBuf+0x800, 64), want) || get(rxRing+24) != 68 {
		t.Error("BSWP has no effect")
	}
}

// BSWP has no effect on a word-invariant bus.
func TestEndianBitIgnored(t *testing.T) {
	r := newRig(t)
	r.start(1, 0)
	r.set(CSRMask, busSwap)
	r.chip.Receive(chiptest.Frame(station, 61))
	if !bytes.Equal(r.Bytes(rxBuf, 61), chiptest.Frame(station, 61)) {
		t.Error("not in natural order")
	}
}

// State is plain data: encoding and restoring it continues the run.
func TestRestore(t *testing.T) {
	r := newRig(t)
	r.start(2, 0)
	r.set(CSRStatus, IENA)
	r.setBCR(BCRTimer, 100)
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
	r.set(CSRStatus, RINT|IENA)
	r.give(0, 60)
	r.chip.Receive(chiptest.Frame(station, 60))
	r.Advance(100 * timerTick)
	if len(r.Sent) != 1 || r.csr(0)&RINT == 0 || r.csr(7)&softTimer == 0 {
		t.Errorf("after restoring: %d frames sent, CSR0 %04X, CSR7 %04X", len(r.Sent), r.csr(0), r.csr(7))
	}
}
