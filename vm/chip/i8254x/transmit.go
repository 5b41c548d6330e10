package i8254x

import "encoding/binary"

// Bits of word 2 of a transmit descriptor (12.2).
const (
	txTagged   = 1 << 30 // VLE
	txExtended = 1 << 29 // DEXT: a context or data descriptor
	txReportS  = 1 << 28 // RPS
	txReport   = 1 << 27 // RS
	txSum      = 1 << 26 // IC, legacy descriptors
	txSegment  = 1 << 26 // TSE, the others
	txEnd      = 1 << 24 // EOP

	txType        = 0xF << 20 // DTYP
	txTypeContext = 0
	txTypeData    = 1 << 20

	legacyLength   = 0xFFFF
	extendedLength = 0xFFFFF
)

// Bits of word 3.
const (
	descDone = 1 << 0

	txIPSum = 1 << 8 // POPTS.IXSM of a data descriptor
	txTCSum = 1 << 9 // POPTS.TXSM
)

const (
	crcSize  = 4
	minFrame = 60 // without FCS
	// maxFrame is the longest frame in bytes, without FCS.
	maxFrame = 16384
	// maxGather is the longest frame in bytes that is cut into segments.
	maxGather = 1<<16 + 512
	// maxFragments is how many descriptors one frame may take.
	maxFragments = 256
	// minSegment is the least MSS in bytes that a frame is cut by. A frame that
	// asks for less is not sent.
	minSegment = 64
	// txBudget is the work that one kick may do, and txPause the time in ns
	// after which the scan goes on. A descriptor, a segment and workUnit bytes
	// count one each.
	txBudget = 1024
	workUnit = 2048
	txPause  = 1_000_000
)

// Context is what the last context descriptor said about the frames behind it:
// where checksums are, and how to cut a frame into segments.
type Context struct {
	IPStart, IPOffset int // IPCSS, IPCSO
	IPEnd             int // IPCSE, inclusive; 0 is the end of the frame
	TCStart, TCOffset int // TUCSS, TUCSO
	TCEnd             int // TUCSE
	TCP, IPv4         bool
	HeaderLen, MSS    int
}

func contextOf(d *descriptor) Context {
	w := &d.word
	return Context{
		IPStart: int(w[0] & 0xFF), IPOffset: int(w[0] >> 8 & 0xFF), IPEnd: int(w[0] >> 16),
		TCStart: int(w[1] & 0xFF), TCOffset: int(w[1] >> 8 & 0xFF), TCEnd: int(w[1] >> 16),
		TCP: w[2]&(1<<24) != 0, IPv4: w[2]&(1<<25) != 0,
		HeaderLen: int(w[3] >> 8 & 0xFF), MSS: int(w[3] >> 16),
	}
}

// transmit sends what the ring holds.
func (c *Chip) transmit() {
	s := &c.State
	if c.sending || s.Reg[TCTL]&txEnable == 0 {
		return
	}
	c.sending = true
	defer func() { c.sending = false }()
	s.TxContinue = 0
	c.cfg.Clock.Disarm(&c.txTimer)
	for budget := txBudget; budget > 0; {
		work := c.sendOne()
		if work == 0 {
			return
		}
		budget -= work
	}
	s.TxContinue = c.cfg.Clock.Now() + txPause
	c.cfg.Clock.Arm(&c.txTimer, s.TxContinue)
}

// sendOne handles the frame or the context at the head of the ring and returns
// the work that it took. 0 means that the ring holds nothing more, or only the
// beginning of a frame.
func (c *Chip) sendOne() int {
	s := &c.State
	base := uint64(s.Reg[TDBAH])<<32 | uint64(s.Reg[TDBAL]&^15)
	size, head, tail := s.Reg[TDLEN]/16, s.Reg[TDH], s.Reg[TDT]
	if head >= size || tail >= size || head == tail {
		return 0
	}
	next := func() {
		if head++; head == size {
			head = 0
		}
	}
	d := c.descriptorAt(base, head)
	if d.word[2]&(txExtended|txType) == txExtended|txTypeContext {
		s.Context = contextOf(&d)
		next()
		c.fragment = append(c.fragment[:0], d)
		c.finish(head)
		return 1
	}

	c.fragment = c.fragment[:0]
	n, tooLong := 0, false
	for {
		c.fragment = append(c.fragment, d)
		length := int(d.word[2] & legacyLength)
		if d.word[2]&txExtended != 0 {
			length = int(d.word[2] & extendedLength)
		}
		if tooLong = tooLong || n+length > maxGather; !tooLong {
			c.readData(d.buffer(), c.frame[n:n+length])
			n += length
		}
		next()
		if d.word[2]&txEnd != 0 {
			break
		}
		if len(c.fragment) == maxFragments {
			tooLong = true
			break
		}
		if head == tail {
			return 0
		}
		d = c.descriptorAt(base, head)
	}
	work := len(c.fragment) + n/workUnit
	if !tooLong && n > 0 {
		work += c.sendFrame(n)
	}
	c.finish(head)
	return work
}

// finish gives the descriptors of c.fragment back and moves the head.
func (c *Chip) finish(head uint32) {
	s := &c.State
	causes := uint32(0)
	for i := range c.fragment {
		if d := &c.fragment[i]; d.word[2]&(txReport|txReportS) != 0 {
			c.putWord(d.addr+12, d.word[3]|descDone)
			causes |= TXDW
		}
	}
	s.Reg[TDH] = head
	if head == s.Reg[TDT] {
		causes |= TXQE
	}
	c.event(causes)
}

// sendFrame sends the n bytes that were gathered from c.fragment and returns
// how many frames they became.
func (c *Chip) sendFrame(n int) int {
	s := &c.State
	first, last := &c.fragment[0], &c.fragment[len(c.fragment)-1]
	tag, tagged := uint16(0), false
	for i := range c.fragment {
		if d := &c.fragment[i]; d.word[2]&txTagged != 0 && s.Reg[CTRL]&ctrlVLAN != 0 {
			tag, tagged = uint16(d.word[3]>>16), true
			break
		}
	}
	ctx := &s.Context
	switch {
	case first.word[2]&txExtended == 0:
		if last.word[2]&txSum != 0 {
			insertSum(c.frame[:n], int(last.word[3]>>8&0xFF), int(last.word[2]>>16&0xFF), 0)
		}
	case first.word[2]&txSegment != 0 && ctx.MSS > 0 && ctx.HeaderLen > 0 && ctx.HeaderLen < n:
		return c.sendSegments(n, first.word[3], tag, tagged)
	default:
		c.insertSums(c.frame[:n], first.word[3])
	}
	if n <= maxFrame {
		c.put(c.frame[:n], tag, tagged)
	}
	return 1
}

// insertSums computes the checksums that the options of a data descriptor ask
// for.
func (c *Chip) insertSums(frame []byte, options uint32) {
	ctx := &c.State.Context
	if options&txIPSum != 0 {
		insertSum(frame, ctx.IPStart, ctx.IPOffset, ctx.IPEnd)
	}
	if options&txTCSum != 0 {
		insertSum(frame, ctx.TCStart, ctx.TCOffset, ctx.TCEnd)
	}
}

// insertSum puts the Internet checksum of frame[start:end+1] at offset at. What
// the driver left there is part of the sum. An end of 0 is the end of the frame.
func insertSum(frame []byte, start, at, end int) {
	if end == 0 || end >= len(frame) {
		end = len(frame) - 1
	}
	if start > end || at+2 > len(frame) {
		return
	}
	binary.BigEndian.PutUint16(frame[at:], ^sum(0, frame[start:end+1]))
}

// sum adds the 16-bit words of b to s in ones' complement.
func sum(s uint32, b []byte) uint16 {
	for ; len(b) >= 2; b = b[2:] {
		s += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	for s > 0xFFFF {
		s = s&0xFFFF + s>>16
	}
	return uint16(s)
}

// sendSegments cuts a frame with headers and n bytes in all into frames with at
// most MSS bytes behind the headers, and brings the headers up to date. It returns how many.
func (c *Chip) sendSegments(n int, options uint32, tag uint16, tagged bool) (frames int) {
	ctx := &c.State.Context
	if ctx.MSS < minSegment {
		return 0
	}
	header := c.frame[:ctx.HeaderLen]
	payload := c.frame[ctx.HeaderLen:n]
	mss := min(ctx.MSS, maxFrame-ctx.HeaderLen)
	c.count(statTSCTC)
	for k, at := 0, 0; at < len(payload); k, at = k+1, at+mss {
		piece := payload[at:min(at+mss, len(payload))]
		f := c.segment[:copy(c.segment, header)]
		f = append(f, piece...)
		ip, l4 := ctx.IPStart, ctx.TCStart
		if ctx.IPv4 {
			add16(f, ip+2, 0, len(f)-ip) // total length
			if ip+6 <= len(header) {
				add16(f, ip+4, int(binary.BigEndian.Uint16(header[ip+4:])), k) // identification
			}
		} else {
			add16(f, ip+4, 0, len(f)-ip-40) // payload length
		}
		if ctx.TCP {
			if l4+14 <= len(header) {
				seq := binary.BigEndian.Uint32(header[l4+4:])
				binary.BigEndian.PutUint32(f[l4+4:], seq+uint32(at))
				if at+mss < len(payload) {
					f[l4+13] &^= 0x09 // FIN and PSH go with the last
				}
			}
		} else {
			add16(f, l4+4, 0, len(f)-l4) // UDP length
		}
		if at := ctx.TCOffset; options&txTCSum != 0 && at+2 <= len(header) {
			// The driver's pseudo-header sum lacks the length.
			v := uint32(binary.BigEndian.Uint16(header[at:])) + uint32(len(f)-l4)
			binary.BigEndian.PutUint16(f[at:], uint16(v&0xFFFF+v>>16))
		}
		c.insertSums(f, options)
		c.put(f, tag, tagged)
		frames++
	}
	return frames
}

// add16 stores a + b at f[at:], if there is room.
func add16(f []byte, at, a, b int) {
	if at >= 0 && at+2 <= len(f) {
		binary.BigEndian.PutUint16(f[at:], uint16(a+b))
	}
}

// put pads and tags a frame, and puts it on the wire or loops it back.
func (c *Chip) put(frame []byte, tag uint16, tagged bool) {
	s := &c.State
	if s.Reg[TCTL]&txPad != 0 && len(frame) < minFrame {
		n := len(frame)
		frame = frame[:minFrame]
		clear(frame[n:])
	}
	if tagged && len(frame) >= 12 && len(frame)+4 <= maxFrame {
		b := c.untagged[:len(frame)+4]
		copy(b, frame[:12])
		binary.BigEndian.PutUint16(b[12:], uint16(s.Reg[VET]))
		binary.BigEndian.PutUint16(b[14:], tag)
		copy(b[16:], frame[12:])
		frame = b
	}
	c.countSent(frame)
	if s.Reg[RCTL]&rxLoopback != 0 {
		c.deliver(frame)
		return
	}
	if c.net != nil {
		c.net.Send(frame)
	}
}
