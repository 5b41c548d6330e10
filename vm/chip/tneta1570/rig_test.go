package tneta1570

import (
	"encoding/binary"
	"hash/crc32"
	"testing"

	"dynemu/vm/atm"
	"dynemu/vm/chip/chiptest"
)

// rig is a chip with its cable, and the places of its driver in the rings.
type rig struct {
	*chiptest.Rig
	chip     *Chip
	cable    chiptest.Wire
	nextTx   int
	nextDone int
}

const (
	segRing  = 0x1000 // circuit i: + 0x400*i
	segLast  = 7
	txDone   = 0x8000 // with interrupt
	txQuiet  = 0x8100
	doneLast = 7
	rxDone   = 0x9000
	rxQuietR = 0x9200
	freeRing = 0xA000
	freeSize = 16 // entries
	cells    = 4  // a receive buffer holds
	txBuf    = 0x20000
	rxBuf    = 0x40000
	bufSize  = 0x1000
)

func newRig(t testing.TB) *rig {
	r := &rig{Rig: chiptest.New(t)}
	r.chip = New(Config{Memory: r.Mem, Clock: r.Loop, IRQ: r.SetIRQ, Window: r})
	r.chip.Attach(&r.cable)
	return r
}

func (r *rig) get(off uint64) uint32    { return uint32(r.chip.Read(off, 4)) }
func (r *rig) set(off uint64, v uint32) { r.chip.Write(off, 4, uint64(v)) }

func (r *rig) wantSent(n int) {
	r.Helper()
	if r.cable.Count != n {
		r.Fatalf("%d cells sent, want %d", r.cable.Count, n)
	}
}

// start sets up rings and interrupts as a driver does.
func (r *rig) start() {
	r.set(RegReset, 0)
	r.set(RegTxRings, doneLast|doneLast<<16)
	r.set(RegRxRings, doneLast|doneLast<<16)
	r.set(RegSegment, segLast<<16|cells)
	r.set(RegTxNotify, txDone)
	r.set(RegTxQuiet, txQuiet)
	r.set(RegRxNotify, rxDone)
	r.set(RegRxQuiet, rxQuietR)
	for i := range uint64(doneLast + 1) {
		r.Put(txDone+4*i, ownBit)
		r.Put(txQuiet+4*i, ownBit)
		r.Put(rxDone+32*i+16, ownBit)
		r.Put(rxQuietR+32*i+16, ownBit)
	}
	r.set(FreeRings, freeRing)
	r.set(FreeRings+4, cells<<freeSizeShift)
	for i := range freeSize {
		r.Put(uint64(freeRing+4*i), ownBit|uint32(rxBuf+i*bufSize)>>2)
	}
	r.set(RegMask, StatusTx|StatusRx)
	r.set(RegConfig, 0x30)
}

// open switches circuit vpi/vci on in both directions, with transmit entry i.
// types are bits 27:26 of both control words.
func (r *rig) open(i, vpi, vci, types uint32) {
	ring := uint32(segRing + 0x400*i)
	r.set(uint64(TxTable+32*i), types)
	r.set(uint64(TxTable+32*i+12), txOn|ring>>2)
	r.set(TxSchedule, r.get(TxSchedule)&^indexMask|i)
	const base = RxTable/entrySize + 16
	r.set(uint64(VPITable+4*vpi), vpiEnable|base<<vpiBaseShift|1023)
	at := uint64(base+vci) * entrySize
	r.set(at, rxNotify|types)
	r.set(at+24, rxOn) // free-buffer ring 0
}

// buffer writes transmit buffer n (0..) and returns its address.
func (r *rig) buffer(n int, bits uint32, next uint32, h atm.Header, data []byte) uint32 {
	at := uint32(txBuf + n*bufSize)
	const offset = 5
	r.Mem.WriteAt(uint64(at+bufferHeader+offset), data)
	r.Put(uint64(at+4), next>>2)
	r.Put(uint64(at+8), uint32(h))
	r.Put(uint64(at+12), 0xABCD0000) // UU and CPI
	r.Put(uint64(at), bits|offset<<offsetShift|uint32(len(data)))
	return at
}

// queue puts a buffer into the segmentation ring of circuit i, and lets time pass
// in which the line is idle again.
func (r *rig) queue(i uint32, buf uint32) {
	r.store(i, buf)
	r.Advance(1_000_000)
}

func (r *rig) store(i uint32, buf uint32) {
	at := uint64(segRing+0x400*i) + 4*uint64(r.nextTx)
	r.nextTx = (r.nextTx + 1) % (segLast + 1)
	r.Put(at, ownBit|buf>>2)
}

// packet takes the AAL5 packet out of what was sent.
func (r *rig) packet(h atm.Header) (data []byte, uu uint16) {
	r.Helper()
	var pdu []byte
	for i, cell := range r.cable.Sent {
		want := h
		if i == len(r.cable.Sent)-1 {
			want |= atm.UserEnd
		}
		if got := atm.ReadHeader(cell); got != want || cell[4] != want.HEC() || len(cell) != 53 {
			r.Fatalf("cell %d of %d is %d bytes: %x, want header %08X", i, len(r.cable.Sent), len(cell), cell, want)
		}
		pdu = append(pdu, cell[5:]...)
	}
	r.cable.Sent, r.cable.Count = nil, 0
	if len(pdu) == 0 {
		r.Fatal("nothing was sent")
	}
	trailer := pdu[len(pdu)-8:]
	if got, want := binary.BigEndian.Uint32(trailer[4:]), atm.UpdateCRC(0, pdu[:len(pdu)-4]); got != want {
		r.Errorf("CRC %08X, want %08X", got, want)
	}
	n := int(binary.BigEndian.Uint16(trailer[2:]))
	if n > len(pdu)-8 || len(pdu)-8-n >= 48 {
		r.Fatalf("length %d in %d cells", n, len(pdu)/48)
	}
	for _, b := range pdu[n : len(pdu)-8] {
		if b != 0 {
			r.Errorf("padding %x", pdu[n:len(pdu)-8])
			break
		}
	}
	return pdu[:n], binary.BigEndian.Uint16(trailer)
}

type crcKind int

const (
	standard crcKind = iota
	routerCRC
	bridgeCRC
	wrongCRC
)

// aal5 cuts data into cells.
func aal5(h atm.Header, data []byte, kind crcKind) (all [][]byte) {
	n := (len(data) + atm.TrailerSize + atm.PayloadSize - 1) / atm.PayloadSize * atm.PayloadSize
	pdu := make([]byte, n)
	copy(pdu, data)
	binary.BigEndian.PutUint16(pdu[n-6:], uint16(len(data)))
	crc := atm.UpdateCRC(0, pdu[:n-4])
	switch kind {
	case routerCRC:
		crc = ^crc32.ChecksumIEEE(pdu[:n-4])
	case bridgeCRC:
		crc = crc32.ChecksumIEEE(pdu[:n-4])
	case wrongCRC:
		crc ^= 1
	}
	binary.BigEndian.PutUint32(pdu[n-4:], crc)
	for i := 0; i < n; i += 48 {
		cell := make([]byte, 53)
		hdr := h
		if i+48 == n {
			hdr |= atm.UserEnd
		}
		hdr.Put(cell)
		copy(cell[5:], pdu[i:])
		all = append(all, cell)
	}
	return all
}

func (r *rig) receive(cells [][]byte) {
	for _, c := range cells {
		r.chip.Receive(c)
	}
}

// done returns the next receive completion entry and gives it back.
func (r *rig) done() (words [8]uint32, ok bool) {
	at := uint64(rxDone + 32*r.nextDone)
	for i := range words {
		words[i] = r.Word(at + 4*uint64(i))
	}
	if words[4]&ownBit != 0 {
		return words, false
	}
	r.Put(at+16, ownBit)
	r.nextDone = (r.nextDone + 1) % (doneLast + 1)
	return words, true
}

// chain collects the content of a chain of receive buffers and gives the
// buffers back.
func (r *rig) chain(first uint32) (data []byte, buffers int) {
	r.Helper()
	for at := first; ; {
		w := r.Word(uint64(at + 4))
		if (w&bufferFirst != 0) != (at == first) {
			r.Errorf("buffer %X has word %08X", at, w)
		}
		data = append(data, r.Bytes(uint64(at+16), cells*48)...)
		if buffers++; w&bufferLast != 0 || w&pointer == 0 {
			return data, buffers
		}
		at = w << 2
	}
}

// refill gives all receive buffers back.
func (r *rig) refill() {
	for i := range freeSize {
		r.Put(uint64(freeRing+4*i), ownBit|uint32(rxBuf+i*bufSize)>>2)
	}
}
