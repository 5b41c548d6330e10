package posoc3

// Bits of word 0 of a descriptor; word 1 is the buffer's address.
const (
	descSize = 8

	descOwn    = 1 << 31 // the engine's
	descWrap   = 1 << 30 // the next descriptor is the first of the ring
	descCont   = 1 << 27 // the frame continues
	lengthMask = 0x1FFF
)

const (
	// maxFrame is the longest frame in bytes that is sent or received (5.4).
	maxFrame = 8192
	// maxFragments is how many descriptors one frame may take. No driver comes
	// near it; a ring of empty descriptors without an end does.
	maxFragments = 1024
	// txBudget is how much work one look at the ring may do: 1 for a descriptor
	// and 1 for each txCostBytes of a frame. txPause is the time in ns after
	// which the scan goes on. Only a ring whose ownership bits cannot be
	// cleared, or one that the guest refills while it is scanned, gets there.
	txBudget    = 2048
	txCostBytes = 256
	txPause     = 1_000_000
)

// next returns the descriptor after the one at addr, whose word 0 is word.
func (r *Ring) next(addr, word uint32) uint32 {
	if word&descWrap != 0 {
		return r.Start
	}
	return addr + descSize
}

// transmit sends what the ring holds and then waits for the next descriptor.
func (c *Chip) transmit() {
	s, clock := &c.State, c.cfg.Clock
	if s.Tx.Start == 0 {
		s.TxResume = 0
		clock.Disarm(&c.timer)
		c.bell.Off()
		return
	}
	if c.sending || s.TxResume != 0 {
		return
	}
	c.sending = true
	defer func() { c.sending = false }()
	for budget := txBudget; budget > 0; {
		cost, missing := c.sendOne()
		if s.Tx.Start == 0 { // a descriptor lay over the ring's registers
			c.bell.Off()
			return
		}
		if cost == 0 {
			c.bell.WaitAt(uint64(missing))
			return
		}
		budget -= cost
	}
	c.bell.Off()
	s.TxResume = clock.Now() + txPause
	clock.Arm(&c.timer, s.TxResume)
}

// sendOne sends the frame at the current descriptor and returns the work that
// it was, in units of txBudget. 0 means that descriptor missing is not the
// engine's; nothing is consumed then.
func (c *Chip) sendOne() (cost int, missing uint32) {
	tx, mem := &c.State.Tx, c.cfg.Memory
	first := tx.Current
	firstWord := mem.Read32(uint64(first))
	if firstWord&descOwn == 0 {
		return 0, first
	}
	c.fragment = c.fragment[:0]
	n, ok := 0, true
	for addr, word := first, firstWord; ; {
		c.fragment = append(c.fragment, addr)
		size := int(word & lengthMask)
		if ok = ok && n+size <= maxFrame; ok {
			c.lanes.ReadAt(uint64(mem.Read32(uint64(addr+4))), c.frame[n:n+size])
			n += size
		}
		addr = tx.next(addr, word)
		if word&descCont == 0 {
			tx.Current = addr
			break
		}
		if addr == first || len(c.fragment) == maxFragments {
			ok, tx.Current = false, addr
			break
		}
		if word = mem.Read32(uint64(addr)); word&descOwn == 0 {
			return 0, addr
		}
	}
	// A frame that is too long is lost; its descriptors go back all the same.
	if ok && n > 0 && c.net != nil {
		c.net.Send(c.frame[:n])
	}
	// The first descriptor goes back last: it hands over the whole frame.
	for _, a := range c.fragment[1:] {
		mem.Write32(uint64(a), 0)
	}
	mem.Write32(uint64(first), firstWord&^descOwn)
	c.setIRQ(true)
	return len(c.fragment) + n/txCostBytes, 0
}

// roomy is what a chip that is Ready can take at least, in bytes: a datagram of
// 4470 bytes, the usual size on such lines, with its header and FCS.
const roomy = 4478

// Ready reports whether a frame that arrives now finds descriptors enough, or
// is not wanted at all, since the receiver is off.
func (c *Chip) Ready() bool {
	ring, mem := &c.State.Rx, c.cfg.Memory
	if ring.Start == 0 {
		return true
	}
	addr, room := ring.Current, 0
	for range maxFragments {
		word := mem.Read32(uint64(addr))
		if word&descOwn == 0 {
			return false
		}
		addr = ring.next(addr, word)
		if room += int(word & lengthMask); room >= roomy || addr == ring.Current {
			break
		}
	}
	return true // or no more than this will ever be there
}

// Receive takes a frame from the wire: address field to payload, without FCS
// (11.5). It is lost when the receiver is off, there is no descriptor for it,
// or it is longer than 8192 bytes.
func (c *Chip) Receive(frame []byte) {
	s, mem := &c.State, c.cfg.Memory
	if s.Rx.Start == 0 || len(frame) == 0 || len(frame) > maxFrame {
		return
	}
	first := s.Rx.Current
	addr := first
	word := mem.Read32(uint64(addr))
	if word&descOwn == 0 {
		return
	}
	var firstStatus uint32
	for i := 1; ; i++ {
		n := min(int(word&lengthMask), len(frame))
		mem.WriteAt(uint64(mem.Read32(uint64(addr+4))), frame[:n])
		frame = frame[n:]
		next := s.Rx.next(addr, word)
		status, done := uint32(n), len(frame) == 0
		if done {
			status += s.CRC
		} else {
			word = mem.Read32(uint64(next))
			if done = next == first || i == maxFragments || word&descOwn == 0; !done {
				status |= descCont
			}
		}
		if addr == first {
			firstStatus = status
		} else {
			mem.Write32(uint64(addr), status)
		}
		addr = next
		if done {
			break
		}
	}
	s.Rx.Current = addr
	mem.Write32(uint64(first), firstStatus)
	c.setIRQ(true)
}
