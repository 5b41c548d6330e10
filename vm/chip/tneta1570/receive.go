package tneta1570

import (
	"encoding/binary"
	"hash/crc32"

	"dynemu/vm/atm"
)

// A word of the VPI table (14.4).
const (
	vpiEnable    = 1 << 31
	vpiBaseShift = 16
	vpiBaseMask  = 0x7FFF
	vpiLastMask  = 0xFFFF
)

// Entries of the receive table that are not for user data.
const (
	rxSegmentOAM = 0 // F5, payload types 4 and 5
	rxResource   = 1 // payload types 6 and 7
	rxPathOAM    = 2 // F4, VCI 3 and 4
	vciPathOAM   = 3
)

// Words of an entry of the receive table.
const (
	rxControl = iota
	rxData    // address of the next byte
	rxStart   // address of the buffer / 4
	rxLeft    // 31:16 cells left in a counted packet, 15:0 room in the buffer in cells
	rxPacket  // address of the first buffer / 4
	rxPreset  // CRC so far; cells of a counted packet
	rxState   // what the free buffers come from
	rxTimeout
	rxWords
)

// Bits of rxControl; the types of packet are those of txControl, but for 2,
// which is counted.
const (
	rxActive = 1 << 31
	rxNotify = 1 << 29 // completion ring with interrupt
	rxSkip   = 1 << 28 // until the end of the packet
	rxFIFO   = 1 << 25 // buffers from a FIFO, not a ring
	aalCount = 2 << 26
)

// Bits of rxState.
const (
	rxOn       = 1 << 31
	freeNumber = 0xFF // of the ring; for a FIFO: pointer
)

// The second word of a free-buffer ring, and its entries are as those of
// segmentation rings.
const (
	freeSizeShift  = 16 // cells in a buffer
	freeCountShift = 10 // entries / 16 - 1
	freeCountMask  = 0x3F
	freeIndexMask  = 0x3FF
)

// A buffer in host memory: the second word is bits and the next buffer's address
// / 4, the third the header of its first cell.
const (
	bufferFirst = 1 << 31
	bufferLast  = 1 << 30
)

// A completion entry: words and bits.
const (
	doneSize   = 32 // bytes
	doneOwner  = 16 // offset of the word with ownBit
	doneValid  = 1 << 31
	rxRingMask = 0x3FF // last index of a completion ring

	doneOverflow = 1 << 31
	doneCRC      = 1 << 30
	doneStarved  = 1 << 29
	doneAbort    = 1 << 27
	doneAAL5     = 1 << 26
)

// Ready reports whether a cell that arrives now finds room, if it is of the
// circuit that the last one came on: which rings it needs is said by its circuit.
func (c *Chip) Ready() bool {
	if c.last == 0 {
		return true
	}
	e := c.rxEntry(c.last)
	if e[rxState]&rxOn == 0 || e[rxControl]&rxSkip != 0 {
		return true
	}
	if c.cfg.Memory.Read32(uint64(c.rxRing(e).entry()+doneOwner))&ownBit == 0 {
		return false
	}
	if e[rxControl]&rxActive != 0 && e[rxLeft]&countMask != 0 {
		return true
	}
	return c.cfg.Memory.Read32(c.freeSlot(e))&ownBit != 0
}

// Receive takes a cell from the wire, 53 bytes; others are ignored, as are cells
// of circuits that the guest has not switched on. The HEC is not looked at.
func (c *Chip) Receive(cell []byte) {
	if len(cell) != atm.CellSize {
		return
	}
	h := atm.ReadHeader(cell)
	at, ok := c.lookup(h)
	if !ok {
		return
	}
	e := c.rxEntry(at)
	if e[rxState]&rxOn == 0 {
		return
	}
	c.last = at
	counted := e[rxControl]&aalMask == aalCount
	end := !counted && h&(atm.Network|atm.UserEnd) == atm.UserEnd
	if e[rxControl]&rxSkip != 0 {
		if end || counted {
			e[rxControl] &^= rxSkip
		}
		return
	}
	p := c.State.Packet[at]
	switch {
	case e[rxControl]&rxActive == 0:
		buf, size := c.freeBuffer(e, h)
		if size == 0 {
			c.skip(e, end || counted)
			return
		}
		p = Packet{}
		e[rxStart], e[rxPacket] = buf>>2, buf>>2
		e[rxData], e[rxLeft] = buf+bufferHeader, size
		if counted {
			e[rxLeft] |= e[rxPreset] << 16
		}
		e[rxControl] |= rxActive
		c.mark(e, bufferFirst)
	case e[rxControl]&aalMask == aalAAL5 && p.Cells == atm.MaxAAL5Cells:
		c.completeRx(at, e, cell, doneOverflow)
		c.skip(e, end)
		return
	case e[rxLeft]&countMask == 0:
		buf, size := c.freeBuffer(e, h)
		if size == 0 {
			c.completeRx(at, e, cell, doneStarved)
			c.skip(e, end || counted)
			return
		}
		c.mark(e, buf>>2)
		e[rxStart], e[rxData] = buf>>2, buf+bufferHeader
		e[rxLeft] = e[rxLeft]&^countMask | size
	}

	payload := cell[atm.HeaderSize:]
	c.cfg.Memory.WriteAt(uint64(e[rxData]), payload)
	e[rxData] += atm.PayloadSize
	e[rxLeft]--
	p.Cells++
	if counted {
		e[rxLeft] -= 1 << 16
		end = e[rxLeft]>>16 == 0
	}
	errors := uint32(0)
	if e[rxControl]&aalMask == aalAAL5 {
		errors = c.check(e, &p, payload, end)
	}
	c.State.Packet[at] = p
	if end {
		c.mark(e, bufferLast)
		c.completeRx(at, e, cell, errors)
	}
}

// rxEntry returns the receive entry at an offset.
func (c *Chip) rxEntry(off uint32) []uint32 {
	return c.State.Memory[off/4 : off/4+rxWords : off/4+rxWords]
}

// lookup returns the offset of the receive entry of a cell.
func (c *Chip) lookup(h atm.Header) (off uint32, ok bool) {
	vpi := *c.word(VPITable + 4*h.VPI())
	vci := h.VCI()
	switch {
	case vpi&vpiEnable == 0:
		return 0, false
	case vci == vciPathOAM || vci == vciPathOAM+1:
		return RxTable + rxPathOAM*entrySize, true
	case h&atm.Network != 0:
		n := uint32(rxSegmentOAM)
		if h.PTI() >= 6 {
			n = rxResource
		}
		return RxTable + n*entrySize, true
	}
	if vci&^(*c.word(RegVCIMask)>>16) > vpi&vpiLastMask {
		return 0, false
	}
	off = (vpi>>vpiBaseShift&vpiBaseMask + vci) * entrySize
	return off, off >= RxTable && off < MemorySize
}

// freeSlot returns the address of the word with the next free buffer of entry e.
func (c *Chip) freeSlot(e []uint32) uint64 {
	if e[rxControl]&rxFIFO != 0 {
		return uint64(e[rxState] << 2)
	}
	ring := FreeRings + e[rxState]&freeNumber*8
	return uint64(*c.word(ring) + 4*(*c.word(ring + 4)&freeIndexMask))
}

// rxRing is the completion ring of a packet.
type rxRing struct {
	base, last uint32 // address and last index
	position   *uint32
}

func (r rxRing) entry() uint32 { return r.base + doneSize*(*r.position) }

func (c *Chip) rxRing(e []uint32) rxRing {
	if e[rxControl]&rxNotify != 0 {
		return rxRing{*c.word(RegRxNotify), *c.word(RegRxRings) & rxRingMask, &c.State.RxPosition[ringNotify]}
	}
	return rxRing{*c.word(RegRxQuiet), *c.word(RegRxRings) >> 16 & rxRingMask, &c.State.RxPosition[ringQuiet]}
}

// freeBuffer takes a free buffer for entry e and prepares its header. size is
// its length in cells, 0 when there is none.
func (c *Chip) freeBuffer(e []uint32, h atm.Header) (buf, size uint32) {
	mem := c.cfg.Memory
	at := c.freeSlot(e)
	w := mem.Read32(at)
	if w&ownBit == 0 {
		return 0, 0
	}
	buf, size = w<<2, *c.word(RegSegment)&countMask
	if e[rxControl]&rxFIFO == 0 {
		state := c.word(FreeRings + e[rxState]&freeNumber*8 + 4)
		size = *state >> freeSizeShift
		index := *state&freeIndexMask + 1
		if index == (*state>>freeCountShift&freeCountMask+1)*16 {
			index = 0
		}
		*state = *state&^freeIndexMask | index&freeIndexMask
		mem.Write32(at, w&^uint32(ownBit))
	}
	mem.Write32(uint64(buf+4), 0)
	mem.Write32(uint64(buf+8), uint32(h))
	return buf, size
}

// mark adds bits to the second word of the current buffer.
func (c *Chip) mark(e []uint32, bits uint32) {
	at := uint64(e[rxStart]<<2 + 4)
	c.cfg.Memory.Write32(at, c.cfg.Memory.Read32(at)|bits)
}

// skip drops what is left of the packet; end tells that nothing is.
func (c *Chip) skip(e []uint32, end bool) {
	if !end {
		e[rxControl] |= rxSkip
	}
}

// check goes on with the CRC of an AAL5 packet. At its end, it returns what is
// wrong with the packet. Beside the standard's, it takes the two CRCs that
// Dynamips puts into packets: that of Ethernet (its bridge) and the same without
// the last inversion (its PA-A1).
func (c *Chip) check(e []uint32, p *Packet, payload []byte, end bool) (errors uint32) {
	n := atm.PayloadSize
	if end {
		n -= 4
	}
	p.CRC = atm.UpdateCRC(p.CRC, payload[:n])
	p.Other = crc32.Update(p.Other, crc32.IEEETable, payload[:n])
	e[rxPreset] = p.CRC
	if !end {
		return 0
	}
	switch binary.BigEndian.Uint32(payload[n:]) {
	case p.CRC, p.Other, ^p.Other:
	default:
		errors |= doneCRC
	}
	if trailerLength(payload) == 0 {
		errors |= doneAbort
	}
	return errors
}

func trailerLength(payload []byte) uint16 {
	return binary.BigEndian.Uint16(payload[atm.PayloadSize-atm.TrailerSize+2:])
}

// completeRx tells the guest of a packet that ended with cell, well or not.
// Where the completion ring has no room, the packet and its buffers are lost.
func (c *Chip) completeRx(at uint32, e []uint32, cell []byte, errors uint32) {
	delete(c.State.Packet, at)
	e[rxControl] &^= rxActive
	mem, r := c.cfg.Memory, c.rxRing(e)
	entry := r.entry()
	if mem.Read32(uint64(entry+doneOwner))&ownBit == 0 {
		c.interrupt(StatusRxFreeze)
		return
	}
	var b [doneSize]byte
	put := func(word int, v uint32) { binary.BigEndian.PutUint32(b[4*word:], v) }
	owner := e[rxState] & pointer
	if errors != 0 {
		owner |= errorBit
	}
	if e[rxControl]&aalMask == aalAAL5 {
		errors |= doneAAL5
	}
	put(0, uint32(atm.ReadHeader(cell)))
	put(1, errors)
	put(2, doneValid|e[rxPacket]&pointer)
	copy(b[12:], cell[atm.CellSize-atm.TrailerSize:atm.CellSize-atm.TrailerSize+4])
	put(4, owner)
	advance(r.position, r.last, rxRingMask)
	mem.WriteAt(uint64(entry), b[:])
	if e[rxControl]&rxNotify != 0 {
		c.interrupt(StatusRx)
	}
}
