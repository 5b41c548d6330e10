package dec21140

import (
	"encoding/binary"
	"hash/crc32"

	"dynemu/vm/chip"
)

// Descriptor bits common to both directions.
const (
	descOwn  = 1 << 31 // word 0: the chip's
	descEnd  = 1 << 25 // word 1: last of the ring
	descNext = 1 << 24 // word 1: word 3 is the next descriptor
	sizeMask = 0x7FF   // word 1: 10:0 first, 21:11 second buffer
)

// Bits of RDES0 (9.3).
const (
	rxFilterFail = 1 << 30
	rxLenShift   = 16
	rxError      = 1 << 15 // ES
	rxDescError  = 1 << 14 // DE
	rxMulticast  = 1 << 10 // MF
	rxFirst      = 1 << 9  // FS
	rxLast       = 1 << 8  // LS
	rxTooLong    = 1 << 7  // TL
	rxWatchdog   = 1 << 4  // RW
)

// Bits of TDES0 and TDES1 (9.5).
const (
	txError   = 1 << 15 // ES
	txJabber  = 1 << 14 // TO
	txIntr    = 1 << 31 // IC
	txLast    = 1 << 30 // LS
	txFirst   = 1 << 29 // FS
	txFilter1 = 1 << 28 // FT1
	txSetup   = 1 << 27 // SET
	txFilter0 = 1 << 22 // FT0
)

const (
	// maxFrame is the longest frame in bytes that is sent or received, above
	// which the jabber timer and the receive watchdog act.
	maxFrame = 2048
	crcSize  = 4
	// maxFragments is how many descriptors one frame may take. No driver
	// comes near it; a ring of empty descriptors without an end does.
	maxFragments = 256
	// txBudget is how many descriptors one kick may consume, and txPause the
	// time in ns after which the scan goes on. Only a ring whose ownership
	// bits cannot be cleared, or one that the guest refills while it is
	// scanned, gets there.
	txBudget = 1024
	txPause  = 1_000_000
)

type descriptor struct {
	addr uint32
	word [4]uint32
}

func (d *descriptor) size1() int { return int(d.word[1] & sizeMask) }

// size2 is 0 when the second address is a descriptor's.
func (d *descriptor) size2() int {
	if d.word[1]&descNext != 0 {
		return 0
	}
	return int(d.word[1] >> 11 & sizeMask)
}

// bigEndianDescriptors reports whether descriptor words are big-endian in
// memory as the guest sees it.
func (c *Chip) bigEndianDescriptors() bool {
	return !c.byteInvariant() || c.State.BusModeWritten && c.State.CSR[CSR0BusMode]&busBigDesc != 0
}

// swappedData reports whether the bytes of each longword of a data buffer are
// reversed. The bus of a byte-invariant machine keeps their order, and the
// chip's big-endian mode then reverses them; with a word-invariant bus natural
// order is what every known guest expects (section 4).
func (c *Chip) swappedData() bool {
	return c.byteInvariant() && c.State.BusModeWritten && c.State.CSR[CSR0BusMode]&busBigData != 0
}

func (c *Chip) readDescriptor(addr uint32) (d descriptor) {
	d.addr = addr
	b := c.scratch[:16]
	c.cfg.Memory.ReadAt(uint64(addr), b)
	big := c.bigEndianDescriptors()
	for i := range d.word {
		if big {
			d.word[i] = binary.BigEndian.Uint32(b[4*i:])
		} else {
			d.word[i] = binary.LittleEndian.Uint32(b[4*i:])
		}
	}
	return d
}

func (c *Chip) writeStatus(addr, v uint32) {
	if !c.bigEndianDescriptors() {
		v = v>>24 | v>>8&0xFF00 | v<<8&0xFF0000 | v<<24
	}
	c.cfg.Memory.Write32(uint64(addr), v)
}

func (c *Chip) owned(addr uint32) bool {
	v := c.cfg.Memory.Read32(uint64(addr))
	if !c.bigEndianDescriptors() {
		return v&0x80 != 0
	}
	return v&descOwn != 0
}

// next returns the descriptor after d: the ring's base after its end, else the
// chained one, else the one behind d.
func (c *Chip) next(d *descriptor, base uint32) uint32 {
	switch {
	case d.word[1]&descEnd != 0:
		return base
	case d.word[1]&descNext != 0:
		return d.word[3] &^ 3
	}
	return d.addr + 16 + c.skip()
}

func (c *Chip) readData(addr uint32, p []byte) {
	c.cfg.Memory.ReadAt(uint64(addr), p)
	if c.swappedData() {
		chip.SwapLanes(p)
	}
}

func (c *Chip) writeData(addr uint32, p []byte) {
	if c.swappedData() {
		b := append([]byte(nil), p...)
		chip.SwapLanes(b)
		p = b
	}
	c.cfg.Memory.WriteAt(uint64(addr), p)
}

// transmit sends what the ring holds and then suspends the transmitter.
func (c *Chip) transmit() {
	s := &c.State
	if c.sending || s.CSR[CSR6Mode]&modeTx == 0 || s.CSR[CSR4TxRing] == 0 {
		return
	}
	c.sending = true
	defer func() { c.sending = false }()
	s.TxContinue = 0
	c.cfg.Clock.Disarm(&c.txTimer)
	for budget := txBudget; budget > 0; {
		used, missing := c.sendOne()
		if used == 0 {
			c.suspendTx(missing)
			return
		}
		s.TxSuspended = false
		budget -= used
	}
	s.TxContinue = c.cfg.Clock.Now() + txPause
	c.cfg.Clock.Arm(&c.txTimer, s.TxContinue)
}

// suspendTx waits for the descriptor at addr to become the chip's.
func (c *Chip) suspendTx(addr uint32) {
	c.txBell.WaitAt(uint64(addr))
	if !c.State.TxSuspended {
		c.State.TxSuspended = true
		c.event(TU)
	}
}

// sendOne handles the frame at the current descriptor and returns how many
// descriptors it took. 0 means that descriptor missing is not the chip's;
// nothing is consumed then.
func (c *Chip) sendOne() (used int, missing uint32) {
	s := &c.State
	if !c.owned(s.TxPtr) {
		return 0, s.TxPtr
	}
	d := c.readDescriptor(s.TxPtr)
	first := d
	if d.word[1]&txSetup != 0 || d.word[1]&(txFirst|txLast) == 0 {
		if d.word[1]&txSetup != 0 {
			c.loadSetup(&d)
		}
		s.TxPtr = c.next(&d, s.CSR[CSR4TxRing]&^3)
		c.writeStatus(d.addr, 0)
		if d.word[1]&txIntr != 0 {
			c.event(TI)
		}
		return 1, 0
	}

	c.fragment = c.fragment[:0]
	n, jabber := 0, false
	take := func(addr uint32, size int) {
		if n+size > maxFrame {
			jabber = true
			return
		}
		c.readData(addr, c.frame[n:n+size])
		n += size
	}
	for {
		c.fragment = append(c.fragment, d.addr)
		take(d.word[2], d.size1())
		take(d.word[3], d.size2())
		next := c.next(&d, s.CSR[CSR4TxRing]&^3)
		if d.word[1]&(txLast|txSetup) != 0 {
			s.TxPtr = next
			break
		}
		if len(c.fragment) == maxFragments || next == first.addr {
			s.TxPtr = next
			jabber = true
			break
		}
		if !c.owned(next) {
			return 0, next
		}
		d = c.readDescriptor(next)
	}

	status := uint32(0)
	if jabber {
		status = txError | txJabber
	} else {
		c.send(c.frame[:n])
	}
	// The first descriptor goes back last: it hands over the whole frame.
	for _, addr := range c.fragment[1:] {
		if addr == d.addr {
			c.writeStatus(addr, status)
		} else {
			c.writeStatus(addr, 0)
		}
	}
	if len(c.fragment) == 1 {
		c.writeStatus(first.addr, status)
	} else {
		c.writeStatus(first.addr, 0)
	}
	events := uint32(0)
	// The data sheet has IC in the last descriptor; Dynamips looks at the
	// first (9.5).
	if (d.word[1]|first.word[1])&txIntr != 0 {
		events |= TI
	}
	if jabber {
		events |= TJT
	}
	if events != 0 {
		c.event(events)
	}
	return len(c.fragment), 0
}

func (c *Chip) loadSetup(d *descriptor) {
	var b [setupFrameSize]byte
	c.readData(d.word[2], b[:])
	ft := uint32(0)
	if d.word[1]&txFilter1 != 0 {
		ft |= 2
	}
	if d.word[1]&txFilter0 != 0 {
		ft |= 1
	}
	c.State.Filter.load(&b, ft)
}

// send puts a frame on the wire, or loops it back.
func (c *Chip) send(frame []byte) {
	if len(frame) == 0 {
		return
	}
	fixISL(frame)
	loop := c.State.CSR[CSR6Mode] >> modeLoopShift & 3
	if loop != 1 && c.net != nil {
		c.net.Send(frame)
	}
	if loop == 1 || loop == 2 {
		c.deliver(frame)
	}
}

// fixISL completes an ISL frame: the card computes the FCS of the frame
// inside, and is asked to by an otherwise unused destination address (5.1).
func fixISL(frame []byte) {
	const header = 26
	if len(frame) < header || [6]byte(frame) != [6]byte{0x01, 0x00, 0x0C, 0x00, 0x10, 0x00} {
		return
	}
	inner := int(binary.BigEndian.Uint16(frame[12:])) - 16
	if inner < 0 || header+inner > len(frame) {
		return
	}
	fcs := crc32.ChecksumIEEE(frame[header : header+inner])
	frame[4] = 0
	binary.LittleEndian.PutUint32(frame[len(frame)-4:], fcs)
}

// rxFetch looks at the current receive descriptor, as the receiver does when it
// is started, after each frame and at a poll demand.
func (c *Chip) rxFetch() {
	s := &c.State
	if s.CSR[CSR6Mode]&modeRx == 0 || s.CSR[CSR3RxRing] == 0 {
		return
	}
	if c.owned(s.RxPtr) {
		s.RxSuspended = false
		return
	}
	if !s.RxSuspended {
		s.RxSuspended = true
		c.event(RU)
	}
}

// roomy is what a chip that is Ready can take at least, in bytes: a full frame
// with a tag.
const roomy = 1518

// Ready reports whether a frame that arrives now finds descriptors enough, or
// is not wanted at all, since the receiver is off.
func (c *Chip) Ready() bool {
	s := &c.State
	if s.CSR[CSR6Mode]&modeRx == 0 || s.CSR[CSR3RxRing] == 0 {
		return true
	}
	addr, room := s.RxPtr, 0
	for range maxFragments {
		if !c.owned(addr) {
			return false
		}
		d := c.readDescriptor(addr)
		addr = c.next(&d, s.CSR[CSR3RxRing])
		if room += d.size1() + d.size2(); room >= roomy || addr == s.RxPtr {
			break
		}
	}
	return true // or no more than this will ever be there
}

// Receive takes a frame from the wire, without FCS. It is lost when the
// receiver is off, the filter refuses it or there is no descriptor for it.
func (c *Chip) Receive(frame []byte) {
	if c.State.CSR[CSR6Mode]>>modeLoopShift&3 != 1 {
		c.deliver(frame)
	}
}

func (c *Chip) deliver(frame []byte) {
	s := &c.State
	mode := s.CSR[CSR6Mode]
	if mode&modeRx == 0 || s.CSR[CSR3RxRing] == 0 || len(frame) == 0 {
		return
	}
	dst := &c.dst // not on the stack, from which it would escape
	*dst = [6]byte{}
	copy(dst[:], frame)
	status := uint32(0)
	if !s.Filter.accepts(dst, mode) {
		if mode&modeReceiveAll == 0 {
			return
		}
		status |= rxFilterFail
	}
	c.rxFetch()
	if s.RxSuspended {
		// 15:0 count, 16 overflow
		if n := s.CSR[CSR8Missed]; n&0xFFFF == 0xFFFF {
			s.CSR[CSR8Missed] = 1 << 16
		} else {
			s.CSR[CSR8Missed] = n + 1
		}
		return
	}
	if dst[0]&1 != 0 {
		status |= rxMulticast
	}
	events := uint32(RI)
	if len(frame) > maxFrame {
		frame = frame[:maxFrame]
		status |= rxError | rxTooLong | rxWatchdog
		events |= RWT
	}
	length := uint32(len(frame)+crcSize) << rxLenShift

	d := c.readDescriptor(s.RxPtr)
	first, firstStatus := d.addr, uint32(rxFirst)
	for n := 1; ; n++ {
		frame = c.fill(d.word[2], d.size1(), frame)
		frame = c.fill(d.word[3], d.size2(), frame)
		s.RxPtr = c.next(&d, s.CSR[CSR3RxRing]&^3)
		last := uint32(0)
		switch {
		case len(frame) == 0:
			last = rxLast | status | length
		case s.RxPtr == first || n == maxFragments || !c.owned(s.RxPtr):
			last = rxLast | rxDescError | rxError | status
		}
		if d.addr == first {
			firstStatus |= last
		} else {
			c.writeStatus(d.addr, last)
		}
		if last != 0 {
			break
		}
		d = c.readDescriptor(s.RxPtr)
	}
	c.writeStatus(first, firstStatus)
	s.CSR[CSR5Status] |= events
	c.rxFetch()
	c.updateIRQ()
}

// fill stores the start of frame in a buffer and returns what is left of it.
func (c *Chip) fill(addr uint32, size int, frame []byte) []byte {
	n := min(size, len(frame))
	if n > 0 {
		c.writeData(addr, frame[:n])
	}
	return frame[n:]
}
