package tneta1570

import (
	"bytes"
	"encoding/binary"

	"dynemu/vm/atm"
	"dynemu/vm/chip"
)

// Words of an entry of the transmit table (14.3).
const (
	txControl = iota
	txData    // address of the next byte
	txHeader  // of the cells
	txState
	txNext  // address of the next buffer
	txStart // address of the buffer
	txCRC
	txTrailer // 31:16 UU and CPI, 15:0 length so far
	txWords
)

// Bits of the first word of a buffer in host memory, and of txControl, where
// bit 31 says that a packet is under way.
const (
	txReady     = 1 << 31
	txFirst     = 1 << 30
	txLast      = 1 << 29
	txAbort     = 1 << 28
	txNotify    = 1 << 25 // completion ring with interrupt
	aalMask     = 3 << 26
	aalMarked   = 0 << 26 // transparent, the last cell is marked
	aalAAL5     = 1 << 26
	aalPlain    = 2 << 26 // transparent
	offsetShift = 16
	offsetMask  = 0xFF
	countMask   = 0xFFFF

	bufferHeader = 16 // bytes
)

// Bits of txState.
const (
	txOn       = 1 << 31
	ringBase   = 0x3FFFFF00 // address of the segmentation ring / 4
	ringIndex  = 0xFF
	pointer    = 0x3FFFFFFF // in ring entries: address / 4
	ownBit     = 1 << 31    // in ring entries: the chip's
	errorBit   = 1 << 30    // in completion entries
	trailerLen = 0xFFFF
	txRingMask = 0x1FFF // last index of a completion ring
)

// The line is an OC-3c: 149.76 Mb/s of cells of 424 bits. The times are in ns.
const (
	cellTime = 2831
	// burst is how far the chip may be ahead of the line, and catchUp how much of
	// that is regained before it goes on. A socket with the kernel's default
	// buffer, which is what Dynamips receives from, holds some 270 cells.
	burst   = 96 * cellTime
	catchUp = 48 * cellTime
	// retry is the time after which a cell that the wire did not take is tried
	// again, and patience that after which it is lost, as are those behind it
	// until one is taken.
	retry    = 200_000
	patience = 100_000_000
	// maxSteps is how many cells and buffers one look at the schedule handles at
	// most: a chain of empty buffers need not have an end.
	maxSteps = 4096
)

// look is a look at the schedule.
type look struct {
	cells int64 // that may be sent
	sent  int64
	steps int
}

func (c *Chip) over(l *look) bool {
	return l.sent >= l.cells || l.steps >= maxSteps || c.State.Held != nil
}

// open begins a look at the schedule. It is refused (nil) while one is under way,
// and while what is left of one waits for its time.
func (c *Chip) open() *look {
	s, now := &c.State, c.cfg.Clock.Now()
	if s.TxResume != 0 {
		return nil
	}
	if c.sending {
		c.resumeAt(now)
		return nil
	}
	c.sending = true
	if cell := s.Held; cell != nil {
		s.Held = nil
		if c.transmit(cell); s.Held != nil {
			c.sending = false
			c.resumeAt(now + retry)
			return nil
		}
	}
	s.TxFree = max(s.TxFree, now)
	return &look{cells: (now + burst - s.TxFree) / cellTime}
}

func (c *Chip) close(l *look) {
	c.sending = false
	c.State.TxFree += l.sent * cellTime
	switch {
	case c.State.Held != nil:
		c.resumeAt(c.cfg.Clock.Now() + retry)
	case c.over(l):
		c.resumeAt(max(c.State.TxFree-burst, c.cfg.Clock.Now()) + catchUp)
	}
}

func (c *Chip) resumeAt(at int64) {
	c.State.TxResume = max(at, 1)
	c.cfg.Clock.Arm(&c.timer, at)
}

// serveAll looks at every circuit of the schedule.
func (c *Chip) serveAll() {
	l := c.open()
	if l == nil {
		return
	}
	defer c.close(l)
	for first, k := c.State.TxNext, uint32(0); k < txEntries && !c.over(l); k++ {
		c.spend((first+k)&indexMask, l)
	}
}

// serve looks at one circuit, if the schedule names it.
func (c *Chip) serve(i uint32) {
	if c.circuit[i] == nil {
		return
	}
	if l := c.open(); l != nil {
		defer c.close(l)
		c.spend(i, l)
	}
}

// spend sends what circuit i has, as far as it may, and then waits for more.
func (c *Chip) spend(i uint32, l *look) {
	for c.circuit[i] != nil {
		if c.over(l) {
			c.State.TxNext = i + 1 // the others first
			return
		}
		l.steps++
		o, addr := c.step(i)
		switch v := c.circuit[i]; {
		case o == cellSent:
			l.sent++
		case v == nil: // taken out of the schedule from inside
		case o == off:
			v.bell.Off()
			return
		case o == waiting:
			v.bell.WaitAt(uint64(addr))
			return
		}
	}
}

// txEntry returns entry i of the transmit table. It is control memory: a chip
// that reaches its own registers by DMA changes it.
func (c *Chip) txEntry(i uint32) []uint32 {
	at := (TxTable + i*entrySize) / 4
	return c.State.Memory[at : at+txWords : at+txWords]
}

// segment returns the address of the segmentation ring entry that e is at.
func segment(e []uint32) uint32 { return (e[txState]&ringBase + e[txState]&ringIndex) << 2 }

// outcome is what became of a step.
type outcome int

const (
	progress outcome = iota
	cellSent
	waiting // until the guest changes a word of host memory
	off     // the circuit is off, or has a packet of no known type
)

// step is what the schedule does for circuit i in a cell time. addr is the
// address of the word that it waits for.
func (c *Chip) step(i uint32) (o outcome, addr uint32) {
	e, mem := c.txEntry(i), c.cfg.Memory
	if e[txState]&txOn == 0 {
		return off, 0
	}
	if e[txControl]&txReady == 0 {
		at := segment(e)
		w := mem.Read32(uint64(at))
		if w&ownBit == 0 {
			return waiting, at
		}
		delete(c.State.Partial, i)
		return c.acquire(e, w<<2)
	}
	count, last := e[txControl]&countMask, e[txControl]&txLast != 0
	if e[txControl]&aalMask == aalMask {
		c.logf("transmit circuit %d: packet of unknown type, control %08X", i, e[txControl])
		return off, 0
	}
	aborted := e[txControl]&txAbort != 0
	if count == 0 && !last && !aborted {
		return c.acquire(e, e[txNext])
	}

	// What goes into this cell, and what ends with it.
	have := c.State.Partial[i]
	room := uint32(atm.PayloadSize - len(have))
	n := min(count, room)
	aal5 := e[txControl]&aalMask == aalAAL5
	var packetEnd bool
	switch {
	case aborted:
		n, packetEnd = 0, true
	case last && aal5:
		packetEnd = count+atm.TrailerSize <= room
	case last:
		packetEnd = count <= room
	}
	bufferEnd := packetEnd || n == count && !last
	if bufferEnd {
		if at, frozen := c.frozen(e); frozen {
			return waiting, at
		}
	}

	payload := c.cell[atm.HeaderSize:]
	copy(payload, have)
	mem.ReadAt(uint64(e[txData]), payload[len(have):len(have)+int(n)])
	clear(payload[len(have)+int(n):])
	e[txData] += n
	e[txControl] = e[txControl]&^countMask | (count - n)
	e[txTrailer] = e[txTrailer]&^trailerLen | (e[txTrailer]+n)&trailerLen
	o = progress
	if n < room && !last && !aborted {
		c.State.Partial[i] = append(have, payload[len(have):len(have)+int(n)]...)
	} else {
		delete(c.State.Partial, i)
		if aborted {
			e[txTrailer] &^= trailerLen
		}
		c.send(e, packetEnd, aal5)
		o = cellSent
	}
	if bufferEnd {
		c.completeTx(e, packetEnd)
	}
	return o, 0
}

// acquire makes the buffer at address buf the current one of entry e, or waits
// until the guest releases it.
func (c *Chip) acquire(e []uint32, buf uint32) (outcome, uint32) {
	mem := c.cfg.Memory
	var b [bufferHeader]byte
	mem.ReadAt(uint64(buf), b[:])
	control := binary.BigEndian.Uint32(b[:])
	if control&txReady == 0 {
		return waiting, buf
	}
	e[txControl] = control
	e[txNext] = binary.BigEndian.Uint32(b[4:]) << 2
	if control&txFirst != 0 {
		e[txHeader] = binary.BigEndian.Uint32(b[8:])
		e[txTrailer] = binary.BigEndian.Uint32(b[12:])
		e[txCRC] = 0
	}
	e[txData] = buf + bufferHeader + control>>offsetShift&offsetMask
	e[txStart] = buf
	return progress, 0
}

// send sends the cell whose payload has been put together.
func (c *Chip) send(e []uint32, packetEnd, aal5 bool) {
	h := atm.Header(e[txHeader])
	if packetEnd && e[txControl]&aalMask != aalPlain {
		h = h&^atm.Network | atm.UserEnd
	}
	h.Put(c.cell[:])
	payload := c.cell[atm.HeaderSize:]
	switch {
	case packetEnd && aal5:
		trailer := payload[atm.PayloadSize-atm.TrailerSize:]
		binary.BigEndian.PutUint32(trailer, e[txTrailer])
		e[txCRC] = atm.UpdateCRC(e[txCRC], payload[:atm.PayloadSize-4])
		binary.BigEndian.PutUint32(trailer[4:], e[txCRC])
	case aal5:
		e[txCRC] = atm.UpdateCRC(e[txCRC], payload)
	}
	c.transmit(c.cell[:])
}

// transmit gives a cell to the wire, or holds it until there is room.
func (c *Chip) transmit(cell []byte) {
	s := &c.State
	if c.net == nil {
		return
	}
	b, ok := c.net.(chip.Backpressure)
	if !ok {
		c.net.Send(cell)
		return
	}
	if b.TrySend(cell) {
		s.StuckAt = 0
		return
	}
	now := c.cfg.Clock.Now()
	if s.StuckAt == 0 {
		s.StuckAt = max(now, 1)
	}
	if now-s.StuckAt >= patience {
		b.Send(cell) // which counts it as lost
		return
	}
	s.Held = bytes.Clone(cell)
}

// txRing is the completion ring of a packet.
type txRing struct {
	base, last uint32 // address and last index
	position   *uint32
}

func (c *Chip) txRing(e []uint32) txRing {
	if e[txControl]&txNotify != 0 {
		return txRing{*c.word(RegTxNotify), *c.word(RegTxRings) & txRingMask, &c.State.TxPosition[ringNotify]}
	}
	return txRing{*c.word(RegTxQuiet), *c.word(RegTxRings) >> 16 & txRingMask, &c.State.TxPosition[ringQuiet]}
}

// frozen reports that the next completion entry, at addr, is not the chip's.
// Nothing is completed until it is. A guest that has no ring is not waited for.
func (c *Chip) frozen(e []uint32) (addr uint32, yes bool) {
	r := c.txRing(e)
	addr = r.base + 4*(*r.position)
	if r.base == 0 || c.cfg.Memory.Read32(uint64(addr))&ownBit != 0 {
		return 0, false
	}
	c.interrupt(StatusTxFreeze)
	return addr, true
}

// completeTx gives the buffer back to the guest, and at the end of a packet the
// segmentation ring entry as well.
func (c *Chip) completeTx(e []uint32, packetEnd bool) {
	mem := c.cfg.Memory
	notify := e[txControl]&txNotify != 0
	if r := c.txRing(e); r.base != 0 {
		w := e[txStart] >> 2
		if e[txControl]&txAbort != 0 {
			w |= errorBit
		}
		mem.Write32(uint64(r.base+4*(*r.position)), w)
		advance(r.position, r.last, txRingMask)
	}
	if packetEnd {
		e[txControl] &^= txReady
		at := segment(e)
		mem.Write32(uint64(at), mem.Read32(uint64(at))&^uint32(ownBit))
		next := e[txState]&ringIndex + 1
		if next > *c.word(RegSegment)>>16&ringIndex {
			next = 0
		}
		e[txState] = e[txState]&^ringIndex | next
	}
	if notify && (packetEnd || *c.word(RegConfig)&configBuffer != 0) {
		c.interrupt(StatusTx)
	}
}

// advance moves the position in a completion ring on; mask is the width of the
// register that holds the last one.
func advance(position *uint32, last, mask uint32) {
	if *position == last {
		*position = 0
	} else {
		*position = (*position + 1) & mask
	}
}
