package mueslix

// Bits of word 0 of a descriptor; word 1 is the buffer's address (11.3).
const (
	descSize = 8

	descOwn     = 1 << 31 // the chip's
	descFirst   = 1 << 30
	descLast    = 1 << 29
	descOverrun = 1 << 28 // receive
	lengthMask  = 0xFFFF

	// Transmit, mode 1: the length is in longwords, and bits 25:24 are
	// subtracted from it when bit 20 is set.
	txSubtractShift = 24
	txSubtractMask  = 3
	txSubtract      = 1 << 20
	// Transmit, last descriptor: the frame is 4 - pad bytes shorter, or as it
	// is when pad is 0.
	txPadShift = 22
	txPadMask  = 3
)

const (
	// maxFrame is the longest frame in bytes that is sent or received (5.4).
	maxFrame = 18000
	// rxExtra is what the chip counts beyond payload and FCS.
	rxExtra = 1
	// maxFragments is how many descriptors one frame may take. No driver
	// comes near it; a ring of empty descriptors without an end does.
	maxFragments = 1024
	// txBudget is how much work one kick may do: 1 for a descriptor and 1 for
	// each txCostBytes of a frame. txPause is the time in ns after which the
	// scan goes on. Only a ring whose ownership bits cannot be cleared, or one
	// that the guest refills while it is scanned, gets there.
	txBudget    = 2048
	txCostBytes = 256
	txPause     = 1_000_000
	// burst is how far in ns the guest may be ahead of the rate of the line,
	// the window over which Dynamips measures it (5.3).
	burst = 300_000_000
)

// next returns the descriptor after cur in a ring.
func (c *Chip) next(cur, start, end uint32) uint32 {
	if c.cfg.Mode == Mode0 {
		if cur+descSize == end {
			return start
		}
	} else if cur == end {
		return start
	}
	return cur + descSize
}

// txLength returns the number of bytes that a transmit descriptor describes.
func (c *Chip) txLength(word uint32) int {
	n := int(word & lengthMask)
	if c.cfg.Mode == Mode0 {
		return n
	}
	n *= 4
	if word&txSubtract != 0 {
		n -= int(word >> txSubtractShift & txSubtractMask)
	}
	return max(n, 0)
}

// runs reports whether the guest has enabled the channel, in either direction.
func (ch *channel) runs() bool {
	return ch.state().Enabled && ch.chip.State.Enable>>(2*ch.n)&3 != 0
}

// txRuns reports whether the transmitter may look at its ring. Either enable
// bit of the channel will do (11.3).
func (ch *channel) txRuns() bool { return ch.runs() && ch.state().TxStart != 0 }

// transmit sends what the ring holds, as far as the rate of the line allows,
// and then waits for the next descriptor.
func (ch *channel) transmit() {
	if !ch.txRuns() {
		if s := ch.state(); s.TxResume != 0 {
			s.TxResume = 0
			ch.chip.cfg.Clock.Disarm(&ch.timer)
		}
		ch.bell.Off()
		return
	}
	c, s, clock := ch.chip, ch.state(), ch.chip.cfg.Clock
	if c.sending == ch || s.TxResume != 0 {
		return
	}
	if c.sending != nil {
		// Asked for from inside another channel's frame.
		ch.resumeAt(clock.Now())
		return
	}
	c.sending = ch
	defer func() { c.sending = nil }()
	for budget := txBudget; budget > 0; {
		if now := clock.Now(); s.Limit != 0 && s.TxFree-now >= burst {
			ch.resumeAt(max(s.TxFree-burst, now) + 1)
			return
		}
		cost, missing := ch.sendOne()
		if cost == 0 {
			ch.bell.WaitAt(uint64(missing))
			return
		}
		budget -= cost
	}
	ch.resumeAt(clock.Now() + txPause)
}

func (ch *channel) resumeAt(at int64) {
	ch.bell.Off()
	ch.state().TxResume = at
	ch.chip.cfg.Clock.Arm(&ch.timer, at)
}

// sendOne sends the frame at the current descriptor and returns the work that
// it was, in units of txBudget. 0 means that descriptor missing is not the
// chip's; nothing is consumed then.
func (ch *channel) sendOne() (cost int, missing uint32) {
	c, s, mem := ch.chip, ch.state(), ch.chip.cfg.Memory
	first := s.TxPtr
	addr := first
	word := mem.Read32(uint64(addr))
	if word&descOwn == 0 {
		return 0, addr
	}
	c.fragment = c.fragment[:0]
	n, ok := 0, true
	for {
		c.fragment = append(c.fragment, addr)
		size := c.txLength(word)
		if ok = ok && n+size <= maxFrame; ok {
			mem.ReadAt(uint64(mem.Read32(uint64(addr+4))), c.frame[n:n+size])
			n += size
		}
		addr = c.next(addr, s.TxStart, s.TxEnd)
		if word&descLast != 0 {
			break
		}
		if addr == first || len(c.fragment) == maxFragments {
			ok = false
			break
		}
		if word = mem.Read32(uint64(addr)); word&descOwn == 0 {
			return 0, addr
		}
	}
	s.TxPtr = addr
	if pad := int(word >> txPadShift & txPadMask); pad != 0 {
		n -= 4 - pad
	}
	// A frame that is too long is lost; its descriptors go back all the same.
	if ok && n > 0 {
		if ch.net != nil {
			ch.net.Send(c.frame[:n])
		}
		if s.Limit != 0 {
			s.TxFree = max(s.TxFree, c.cfg.Clock.Now()) + int64(n)*8*1_000_000_000/(int64(s.Limit)*1024)
		}
	}
	// The first descriptor goes back last: it hands over the whole frame.
	cost = len(c.fragment) + max(n, 0)/txCostBytes
	for _, a := range c.fragment[1:] {
		mem.Write32(uint64(a), 0)
	}
	mem.Write32(uint64(first), 0)
	c.interrupt(StatusTx << ch.n)
	return cost, 0
}

// roomy is what a channel that is Ready can take at least, in bytes: a datagram
// of the usual 1500 bytes with the headers and trailers of a serial line.
const roomy = 1524

// Ready reports whether a frame that arrives at channel n (0..3) now finds
// descriptors enough, or is not wanted at all, since the receiver is off.
func (c *Chip) Ready(n int) bool {
	ch := &c.channel[n]
	s, mem := ch.state(), c.cfg.Memory
	if !ch.receives() {
		return true
	}
	addr, room := s.RxPtr, 0
	for range maxFragments {
		word := mem.Read32(uint64(addr))
		if word&descOwn == 0 {
			return false
		}
		addr = c.next(addr, s.RxStart, s.RxEnd)
		if room += int(word & lengthMask); room >= roomy || addr == s.RxPtr {
			break
		}
	}
	return true // or no more than this will ever be there
}

func (ch *channel) receives() bool {
	s := ch.state()
	return s.Enabled && s.RxStart != 0 && ch.chip.State.Enable>>(2*ch.n+1)&1 != 0
}

// Receive takes a frame from the wire of channel n (0..3): the octets between
// the flags, without FCS. It is lost when the receiver is off, there is no
// descriptor for it, or it is longer than 18000 bytes.
func (c *Chip) Receive(n int, frame []byte) {
	ch := &c.channel[n]
	s, mem := ch.state(), c.cfg.Memory
	if !ch.receives() || len(frame) == 0 || len(frame) > maxFrame {
		return
	}
	first := s.RxPtr
	addr := first
	word := mem.Read32(uint64(addr))
	if word&descOwn == 0 {
		return
	}
	firstStatus := uint32(descFirst)
	for i := 1; ; i++ {
		size := min(int(word&lengthMask), len(frame))
		if size > 0 {
			mem.WriteAt(uint64(mem.Read32(uint64(addr+4))), frame[:size])
			frame = frame[size:]
		}
		next := c.next(addr, s.RxStart, s.RxEnd)
		status, done := uint32(size), len(frame) == 0
		if done {
			status = descLast | uint32(size) + s.crcSize() + rxExtra
		} else {
			word = mem.Read32(uint64(next))
			if next == first || i == maxFragments || word&descOwn == 0 {
				status |= descLast | descOverrun
				done = true
			}
		}
		if addr == first {
			firstStatus |= status
		} else {
			mem.Write32(uint64(addr), status)
		}
		addr = next
		if done {
			break
		}
	}
	s.RxPtr = addr
	mem.Write32(uint64(first), firstStatus)
	c.interrupt(StatusRx << n)
}
