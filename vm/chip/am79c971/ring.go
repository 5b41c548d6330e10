package am79c971

import (
	"encoding/binary"
	"hash/crc32"

	"dynemu/vm/chip"
)

// Software styles, BCR20 bits 7:0 (10.4). Other values carry no traffic.
const (
	styleLANCE = 0 // 16-bit words, 8-byte descriptors
	style2     = 2 // 32-bit words
	style3     = 3 // as 2, buffer address last

	styleMask = 0xFF
	wide      = 1 << 8 // SSIZE32: 32-bit initialisation block
)

// Bits of the status word of a descriptor (10.7). In style 0 they are the
// high byte of the second 16-bit word.
const (
	descOwn   = 1 << 31
	descErr   = 1 << 30
	descStart = 1 << 25 // STP
	descEnd   = 1 << 24 // ENP

	rxNoBuffer = 1 << 26 // BUFF
	rxStatus   = descErr | 0x3FF<<20

	txAddFCS  = 1 << 29
	txRequest = 1 << 28 // LTINT

	txLostCarrier = 1 << 27 // LCAR, in the word with the message count

	lengthMask = 0xFFF
)

const (
	// maxFrame is the longest frame in bytes that is sent or received.
	maxFrame = 2048
	crcSize  = 4
	// minFrame is what APAD_XMT pads to, without FCS.
	minFrame = 60
	// maxFragments is how many descriptors one frame may take. No driver
	// comes near it.
	maxFragments = 256
	// txBudget is how many descriptors one kick may consume, and txPause the
	// time in ns after which the scan goes on. Only a ring whose ownership
	// bits cannot be cleared, or one that the guest refills while it is
	// scanned, gets there.
	txBudget = 1024
	txPause  = 1_000_000
)

// style returns the software style and whether it is one of the three.
func (c *Chip) style() (n uint32, ok bool) {
	n = c.State.BCR[BCRStyle] & styleMask
	return n, n == styleLANCE || n == style2 || n == style3
}

// words reads n 32-bit words at pa as the chip sees them.
func (c *Chip) words(pa uint32, w []uint32) {
	b := c.scratch[:4*len(w)]
	c.cfg.Memory.ReadAt(uint64(pa), b)
	little := c.byteInvariant()
	for i := range w {
		if little {
			w[i] = binary.LittleEndian.Uint32(b[4*i:])
		} else {
			w[i] = binary.BigEndian.Uint32(b[4*i:])
		}
	}
}

func (c *Chip) putWord(pa, v uint32) {
	if c.byteInvariant() {
		v = v>>24 | v>>8&0xFF00 | v<<8&0xFF0000 | v<<24
	}
	c.cfg.Memory.Write32(uint64(pa), v)
}

// initialise reads the initialisation block (10.5).
func (c *Chip) initialise() {
	s := &c.State
	addr := s.CSR[CSRInitLow]&0xFFFF | s.CSR[CSRInitHigh]<<16
	if addr == 0 {
		return
	}
	var mode, rlen, tlen, rx, tx uint32
	var mac [3]uint32
	var filter [4]uint32
	if s.BCR[BCRStyle]&wide != 0 || s.BCR[BCRStyle]&styleMask != styleLANCE {
		var w [7]uint32
		c.words(addr, w[:])
		mode, rlen, tlen = w[0]&0xFFFF, w[0]>>20&0xF, w[0]>>28
		mac = [3]uint32{w[1] & 0xFFFF, w[1] >> 16, w[2] & 0xFFFF}
		filter = [4]uint32{w[3] & 0xFFFF, w[3] >> 16, w[4] & 0xFFFF, w[4] >> 16}
		rx, tx = w[5], w[6]
	} else {
		var w [6]uint32
		c.words(addr, w[:])
		high := s.CSR[CSRInitHigh] & 0xFF00 << 16 // address bits 31:24 of everything
		mode, rlen, tlen = w[0]&0xFFFF, w[4]>>29, w[5]>>29
		mac = [3]uint32{w[0] >> 16, w[1] & 0xFFFF, w[1] >> 16}
		filter = [4]uint32{w[2] & 0xFFFF, w[2] >> 16, w[3] & 0xFFFF, w[3] >> 16}
		rx, tx = w[4]&0xFFFFFF|high, w[5]&0xFFFFFF|high
	}
	s.CSR[CSRMode] = mode
	s.CSR[CSRRingLengths] = tlen<<12 | rlen<<8
	c.setRingLengths(rlen, tlen)
	copy(s.CSR[CSRAddress:], mac[:])
	copy(s.CSR[CSRFilter:], filter[:])
	s.CSR[CSRRxRingLow], s.CSR[CSRRxRingHigh] = rx&0xFFFF, rx>>16
	s.CSR[CSRTxRingLow], s.CSR[CSRTxRingHigh] = tx&0xFFFF, tx>>16
	s.RxPos, s.TxPos = 0, 0
	c.updateRunning()
	c.event(IDON)
}

// setRingLengths takes base-2 logarithms; rings have at most 512 entries then.
func (c *Chip) setRingLengths(rx, tx uint32) {
	c.State.CSR[CSRRxRingLength] = -(1 << min(rx, 9)) & 0xFFFF
	c.State.CSR[CSRTxRingLength] = -(1 << min(tx, 9)) & 0xFFFF
}

// ring is one of the two rings as the CSRs describe it.
type ring struct {
	base, length uint32
}

func (c *Chip) rxRing() ring {
	csr := &c.State.CSR
	return ring{csr[CSRRxRingLow]&0xFFFF | csr[CSRRxRingHigh]<<16, ringLength(csr[CSRRxRingLength])}
}

func (c *Chip) txRing() ring {
	csr := &c.State.CSR
	return ring{csr[CSRTxRingLow]&0xFFFF | csr[CSRTxRingHigh]<<16, ringLength(csr[CSRTxRingLength])}
}

// ringLength takes a length in two's complement, 16 bits; 0 is 65536.
func ringLength(v uint32) uint32 { return 0x10000 - v&0xFFFF }

// next returns the position after pos, which may lie beyond a ring that has
// become shorter.
func (r ring) next(pos uint32) uint32 {
	if pos+1 >= r.length {
		return 0
	}
	return pos + 1
}

// descriptor is one entry of a ring in whatever style.
type descriptor struct {
	addr   uint32
	word   [4]uint32 // as in memory; two words in style 0
	buffer uint32
	status uint32 // flags in 31:20, length in 11:0
}

// length returns the size of the buffer in bytes. A field of 0 is an empty
// buffer, as in Dynamips, and not the 4096 bytes of the data sheet.
func (d *descriptor) length() int { return int(-d.status & lengthMask) }

func (c *Chip) descriptorAt(r ring, pos uint32) (d descriptor) {
	style, _ := c.style()
	if style == styleLANCE {
		d.addr = r.base&^7 + 8*pos
		c.words(d.addr, d.word[:2])
		w := d.word[0]
		d.buffer = w&0xFFFFFF | c.State.CSR[CSRInitHigh]&0xFF00<<16
		d.status = w&0xFF000000 | d.word[1]&lengthMask
		return d
	}
	d.addr = r.base&^15 + 16*pos
	c.words(d.addr, d.word[:])
	d.buffer, d.status = d.word[0], d.word[1]
	if style == style3 {
		d.buffer = d.word[2]
	}
	return d
}

// ownWord returns the address of the word with the ownership bit.
func (c *Chip) ownWord(r ring, pos uint32) uint32 {
	if style, _ := c.style(); style == styleLANCE {
		return r.base&^7 + 8*pos
	}
	return r.base&^15 + 16*pos + 4
}

func (c *Chip) owned(r ring, pos uint32) bool {
	v := c.cfg.Memory.Read32(uint64(c.ownWord(r, pos)))
	if c.byteInvariant() {
		return v&0x80 != 0
	}
	return v&descOwn != 0
}

// giveBack writes the flags of d, which hand it to the driver.
func (c *Chip) giveBack(d *descriptor) {
	if style, _ := c.style(); style == styleLANCE {
		c.putWord(d.addr, d.status&0xFF000000|d.word[0]&0xFFFFFF)
		return
	}
	c.putWord(d.addr+4, d.status)
}

// setMisc replaces the bits of mask in the word with the message count and the
// transmit errors.
func (c *Chip) setMisc(d *descriptor, mask, v uint32) {
	switch style, _ := c.style(); style {
	case styleLANCE:
		// The 16-bit word of the count is the high half of the second word.
		// Errors are its top bits, where the other styles have bits 31:26.
		if v > 0xFFFF {
			mask, v = mask>>16, v>>16
		}
		d.word[1] = d.word[1]&^(mask<<16) | v<<16
		c.putWord(d.addr+4, d.word[1])
	case style2:
		c.putWord(d.addr+8, d.word[2]&^mask|v)
	case style3:
		c.putWord(d.addr, d.word[0]&^mask|v)
	}
}

// swappedData reports whether the bytes of each longword of a data buffer are
// reversed: a byte-invariant bus keeps their order, and the chip's big-endian
// mode then reverses them. With a word-invariant bus natural order is what
// every known guest expects (section 4).
func (c *Chip) swappedData() bool {
	return c.byteInvariant() && c.State.CSR[CSRMask]&busSwap != 0
}

func (c *Chip) readData(addr uint32, p []byte) {
	c.cfg.Memory.ReadAt(uint64(addr), p)
	if c.swappedData() {
		chip.SwapLanes(p)
	}
}

func (c *Chip) writeData(addr uint32, p []byte) {
	if c.swappedData() {
		b := c.lanes[:copy(c.lanes[:], p)]
		chip.SwapLanes(b)
		p = b
	}
	c.cfg.Memory.WriteAt(uint64(addr), p)
}

// transmit sends what the ring holds, and then waits for more.
func (c *Chip) transmit() {
	s := &c.State
	r := c.txRing()
	_, known := c.style()
	if c.sending || !known || r.base == 0 || s.CSR[CSRStatus]&TXON == 0 || s.CSR[CSRExtended]&suspended != 0 {
		return
	}
	c.sending = true
	defer func() { c.sending = false }()
	s.TxContinue = 0
	c.cfg.Clock.Disarm(&c.txTimer)
	if s.TxPos >= r.length {
		s.TxPos = 0
	}
	for budget := txBudget; budget > 0; {
		used, missing := c.sendOne(r)
		if used == 0 {
			if s.CSR[CSRFeatures]&noTxPoll != 0 {
				c.txBell.Off()
			} else {
				c.txBell.WaitAt(uint64(c.ownWord(r, missing)))
			}
			return
		}
		budget -= used
	}
	s.TxContinue = c.cfg.Clock.Now() + txPause
	c.cfg.Clock.Arm(&c.txTimer, s.TxContinue)
}

// sendOne handles the frame at the current descriptor and returns how many
// descriptors it took. 0 means that the descriptor at position missing is not
// the chip's; nothing is consumed then.
func (c *Chip) sendOne(r ring) (used int, missing uint32) {
	s := &c.State
	if !c.owned(r, s.TxPos) {
		return 0, s.TxPos
	}
	d := c.descriptorAt(r, s.TxPos)
	if d.status&descStart == 0 {
		// In search of the start of a frame, the chip gives back and skips.
		d.status &^= descOwn
		c.giveBack(&d)
		s.TxPos = r.next(s.TxPos)
		return 1, 0
	}
	first, pos := s.TxPos, s.TxPos
	c.fragment = c.fragment[:0]
	n, babble, addFCS := 0, false, false
	for {
		c.fragment = append(c.fragment, d)
		if size := d.length(); n+size > maxFrame {
			babble = true
		} else {
			c.readData(d.buffer, c.frame[n:n+size])
			n += size
		}
		addFCS = addFCS || d.status&txAddFCS != 0
		pos = r.next(pos)
		if d.status&descEnd != 0 {
			break
		}
		if len(c.fragment) == maxFragments || pos == first {
			babble = true
			break
		}
		if !c.owned(r, pos) {
			return 0, pos
		}
		d = c.descriptorAt(r, pos)
	}
	s.TxPos = pos

	lost := false
	if !babble {
		lost = !c.send(n, addFCS)
	}
	last := len(c.fragment) - 1
	if lost {
		c.setMisc(&c.fragment[last], 0xFC000000, txLostCarrier)
		c.fragment[last].status |= descErr
	}
	// The first descriptor goes back last: it hands over the whole frame.
	for i := 1; i <= last; i++ {
		c.fragment[i].status &^= descOwn
		c.giveBack(&c.fragment[i])
	}
	c.fragment[0].status &^= descOwn
	c.giveBack(&c.fragment[0])

	events := uint32(0)
	if c.wantsTINT(d.status, lost || babble) {
		events |= TINT
	}
	if babble {
		events |= BABL
	}
	s.CSR[CSRFeatures] |= txStart
	c.event(events)
	return last + 1, 0
}

// wantsTINT applies TOKINTD and LTINTEN to the last descriptor of a frame.
func (c *Chip) wantsTINT(status uint32, failed bool) bool {
	mode := c.State.CSR[CSRExtended]
	switch {
	case failed:
		return true
	case mode&onErrorOnly != 0:
		return false
	}
	return mode&onRequest == 0 || status&txRequest != 0
}

// send puts the n bytes of c.frame on the wire, or loops them back, and reports
// whether there was a carrier.
func (c *Chip) send(n int, addFCS bool) bool {
	s := &c.State
	mode := s.CSR[CSRMode]
	if mode&noFCS != 0 && !addFCS && s.CSR[CSRFeatures]&padTx == 0 {
		n = max(0, n-crcSize) // the driver's own FCS
	}
	if n == 0 {
		return true
	}
	if s.CSR[CSRFeatures]&padTx != 0 && n < minFrame {
		clear(c.frame[n:minFrame])
		n = minFrame
	}
	frame := c.frame[:n]
	fixISL(frame)
	if mode&loop != 0 {
		if mode&internal == 0 && c.net != nil {
			c.net.Send(frame)
		}
		c.deliver(frame)
		return true
	}
	if c.net != nil {
		c.net.Send(frame)
	}
	return c.plugged()
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

// roomy is what a chip that is Ready can take at least, in bytes: a full frame
// with tag and FCS.
const roomy = 1522

// Ready reports whether a frame that arrives now finds descriptors enough, or
// is not wanted at all, since the receiver is off.
func (c *Chip) Ready() bool {
	r := c.rxRing()
	if !c.receiving(r) {
		return true
	}
	start, room := c.State.RxPos, 0
	if start >= r.length {
		start = 0
	}
	for pos := start; ; {
		if !c.owned(r, pos) {
			return false
		}
		d := c.descriptorAt(r, pos)
		pos = r.next(pos)
		if room += d.length(); room >= roomy || pos == start {
			return true // or no more than this will ever be there
		}
	}
}

// Receive takes a frame from the wire, without FCS. It is lost when the
// receiver is off, the filter refuses it or there is no descriptor for it.
func (c *Chip) Receive(frame []byte) {
	if c.State.CSR[CSRMode]&(loop|internal) != loop|internal {
		c.deliver(frame)
	}
}

var broadcast = [6]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}

// accepts applies the filter (10.6) to destination a.
func (c *Chip) accepts(a *[6]byte) bool {
	csr := &c.State.CSR
	mode := csr[CSRMode]
	switch {
	case mode&promiscuous != 0:
		return true
	case *a == broadcast:
		return mode&noBroadcast == 0
	case a[0]&1 != 0:
		// The top six bits of the CRC-32, without its final inversion.
		n := ^crc32.ChecksumIEEE(a[:]) >> 26
		return csr[CSRFilter+n/16]>>(n%16)&1 != 0
	case mode&noPhysical != 0:
		return false
	}
	for i := range 3 {
		if w := csr[CSRAddress+i]; a[2*i] != byte(w) || a[2*i+1] != byte(w>>8) {
			return false
		}
	}
	return true
}

// receiving reports whether the receiver is on and has a ring.
func (c *Chip) receiving(r ring) bool {
	csr := &c.State.CSR
	_, known := c.style()
	return known && r.base != 0 && csr[CSRStatus]&RXON != 0 && csr[CSRExtended]&suspended == 0
}

func (c *Chip) deliver(frame []byte) {
	s := &c.State
	r := c.rxRing()
	if !c.receiving(r) || len(frame) == 0 {
		return
	}
	dst := &c.dst // not on the stack, from which it would escape
	*dst = [6]byte{}
	copy(dst[:], frame)
	if !c.accepts(dst) {
		return
	}
	if s.RxPos >= r.length {
		s.RxPos = 0
	}
	if !c.owned(r, s.RxPos) {
		s.CSR[CSRMissed] = (s.CSR[CSRMissed] + 1) & 0xFFFF
		if s.CSR[CSRMissed] == 0 {
			s.CSR[CSRFeatures] |= missedOver
		}
		c.event(MISS)
		return
	}
	frame = frame[:min(len(frame), maxFrame)]
	count := uint32(len(frame) + crcSize)
	if s.CSR[CSRFeatures]&stripRx != 0 && len(frame) >= 14 {
		if n := 14 + int(binary.BigEndian.Uint16(frame[12:])); n < minFrame && n <= len(frame) {
			frame, count = frame[:n], uint32(n)
		}
	}

	start := s.RxPos
	first := c.descriptorAt(r, start)
	d := &first
	first.status = first.status&^(rxStatus|descOwn) | descStart
	for n := 1; ; n++ {
		size := min(d.length(), len(frame))
		if size > 0 {
			c.writeData(d.buffer, frame[:size])
		}
		frame = frame[size:]
		s.RxPos = r.next(s.RxPos)
		last := true
		switch {
		case len(frame) == 0:
			c.setMisc(d, lengthMask, count)
			d.status |= descEnd
		case n == maxFragments || s.RxPos == start || !c.owned(r, s.RxPos):
			d.status |= descErr | rxNoBuffer | descEnd
		default:
			last = false
		}
		if n > 1 {
			c.giveBack(d)
		}
		if last {
			break
		}
		more := c.descriptorAt(r, s.RxPos)
		more.status &^= rxStatus | descOwn
		d = &more
	}
	c.giveBack(&first)
	c.event(RINT)
}
