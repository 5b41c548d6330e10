package i8254x

import "encoding/binary"

// Bits of word 3 of a receive descriptor (12.2).
const (
	rxDone    = 1 << 0
	rxEnd     = 1 << 1 // EOP
	rxNoSum   = 1 << 2 // IXSM: checksums were not looked at
	rxTagged  = 1 << 3 // VP
	rxSpecial = 16     // shift of the VLAN tag
)

// maxNormal is the longest frame with FCS that is received without RCTL.LPE.
const maxNormal = 1522

// rxBufferSize returns the size of every receive buffer in bytes; 0 for a
// reserved value.
func (c *Chip) rxBufferSize() int {
	rctl := c.State.Reg[RCTL]
	n := rctl >> rxSizeShift & 3
	if rctl&rxBigSize == 0 {
		return 2048 >> n
	}
	return [4]int{0, 16384, 8192, 4096}[n]
}

// Ready reports whether a frame that arrives now finds descriptors enough, or
// is not wanted at all, since the receiver is off.
func (c *Chip) Ready() bool {
	size := c.rxBufferSize()
	if c.State.Reg[RCTL]&rxEnable == 0 || size == 0 {
		return true
	}
	ring, _, free := c.rxRing()
	return ring == 0 || int(free)*size >= maxNormal
}

// rxRing returns the number of descriptors in the ring, the position of the next
// to be used, and how many there are to be used.
func (c *Chip) rxRing() (size, head, free uint32) {
	s := &c.State
	size, head = s.Reg[RDLEN]/16, s.Reg[RDH]
	if tail := s.Reg[RDT]; head < size && tail < size {
		free = (tail + size - head) % size
	}
	return size, head, free
}

// Receive takes a frame from the wire, without FCS. It is lost when the
// receiver is off, the filter refuses it or there is no descriptor for it.
func (c *Chip) Receive(frame []byte) {
	if c.State.Reg[RCTL]&rxLoopback == 0 {
		c.deliver(frame)
	}
}

// programmed reports whether the guest has set up the receive addresses.
func (c *Chip) programmed() bool {
	for i := 1; i < raWords; i += 2 {
		if c.State.RA[i]&rahValid != 0 {
			return true
		}
	}
	return false
}

// accepts applies the address filter to destination a.
func (c *Chip) accepts(a *[6]byte) bool {
	s := &c.State
	rctl := s.Reg[RCTL]
	if c.cfg.Profile == Router && !c.programmed() {
		return true
	}
	low := binary.LittleEndian.Uint32(a[:])
	high := uint32(binary.LittleEndian.Uint16(a[4:])) | rahValid
	for i := 0; i < raWords; i += 2 {
		// Bits 17:16 of RAH choose source or destination; both chips and
		// drivers of the family leave them 0.
		if s.RA[i] == low && s.RA[i+1]&^0x7FFF0000 == high {
			return true
		}
	}
	if a[0]&1 == 0 {
		return rctl&rxUnicast != 0
	}
	if rctl&rxMulticast != 0 || *a == [6]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF} && rctl&rxBroadcast != 0 {
		return true
	}
	// Twelve bits of the address, which of them RCTL.MO says.
	shift := [4]uint32{4, 3, 2, 0}[rctl>>rxOffset&3]
	n := (uint32(a[4]) | uint32(a[5])<<8) >> shift & 0xFFF
	return s.MTA[n/32]>>(n%32)&1 != 0
}

func (c *Chip) deliver(frame []byte) {
	s := &c.State
	bufferSize := c.rxBufferSize()
	if s.Reg[RCTL]&rxEnable == 0 || bufferSize == 0 || len(frame) == 0 {
		return
	}
	dst := &c.dst // not on the stack, from which it would escape
	*dst = [6]byte{}
	copy(dst[:], frame)
	c.count(statTPR)
	c.countOctets(statTOR, len(frame)+crcSize)
	if !c.accepts(dst) {
		return
	}
	if len(frame)+crcSize > maxNormal && s.Reg[RCTL]&rxLong == 0 && c.cfg.Profile == Adapter || len(frame) > maxFrame-crcSize {
		c.count(statROC)
		return
	}
	status := uint32(rxNoSum | rxDone)
	if s.Reg[CTRL]&ctrlVLAN != 0 && len(frame) >= 16 && uint32(binary.BigEndian.Uint16(frame[12:])) == s.Reg[VET] {
		tag := uint32(binary.BigEndian.Uint16(frame[14:]))
		if s.Reg[RCTL]&rxVLANFilter != 0 && s.VFTA[tag&0xFFF/32]>>(tag%32)&1 == 0 {
			return
		}
		b := c.untagged[:len(frame)-4]
		copy(b, frame[:12])
		copy(b[12:], frame[16:])
		frame = b
		status |= rxTagged | tag<<rxSpecial
	}

	base := uint64(s.Reg[RDBAH])<<32 | uint64(s.Reg[RDBAL]&^15)
	size, head, free := c.rxRing()
	need := uint32(len(frame)+bufferSize-1) / uint32(bufferSize)
	if free == 0 || need > free && c.cfg.Profile == Adapter {
		c.miss()
		return
	}
	c.countReceived(frame)
	left := free
	for rest := frame; ; {
		if left == 0 {
			s.Reg[RDH] = head
			c.miss()
			return
		}
		d := c.descriptorAt(base, head)
		n := min(bufferSize, len(rest))
		c.writeData(d.buffer(), rest[:n])
		rest = rest[n:]
		length, word := uint32(n), status
		if len(rest) == 0 {
			length += crcSize
			word |= rxEnd
		}
		c.putWord(d.addr+8, length)
		c.putWord(d.addr+12, word)
		if head++; head == size {
			head = 0
		}
		left--
		if len(rest) == 0 {
			break
		}
	}
	s.Reg[RDH] = head
	causes := uint32(RXT0)
	if threshold := size >> (1 + s.Reg[RCTL]>>rxThreshold&3); free > threshold && left <= threshold {
		causes |= RXDMT0
	}
	c.event(causes)
}

// miss records a frame without descriptors.
func (c *Chip) miss() {
	c.count(statMPC)
	c.count(statRNBC)
	c.event(RXO)
}
