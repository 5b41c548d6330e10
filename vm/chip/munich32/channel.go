package munich32

import (
	"dynemu/vm/chip"
	"dynemu/vm/event"
)

// Bits of descriptors. Transmit: parameters, data, next. Receive: parameters,
// status, data, next.
const (
	descFrameEnd = 1 << 31 // transmit; in the status of receive
	descHold     = 1 << 30 // do not go on to the next
	descHost     = 1 << 29 // interrupt when it is done

	descSizeShift, descSizeMask = 16, 0x1FFF

	statusComplete = 1 << 30
	statusLong     = 1 << 10 // frame longer than the action's limit, cut
	statusAbort    = 1 << 9
)

const (
	// maxFrame is the longest frame in bytes (5.4). A longer one is aborted.
	maxFrame = 8192
	// maxFragments is how many descriptors one frame may take. No driver comes
	// near it; a chain of empty descriptors without an end does.
	maxFragments = 1024
	// txBudget is how many descriptors of a channel are sent in one go, and
	// txPause the time in ns until it goes on. No line is that fast: only a
	// ring without a HOLD bit gets there.
	txBudget = 256
	txPause  = 1_000_000
)

// channel is one channel of the chip.
type channel struct {
	chip  *Chip
	n     uint32
	bell  chip.Doorbell // the HOLD bit at which the transmitter waits
	timer event.Timer
}

func (ch *channel) state() *ChannelState { return &ch.chip.State.Channel[ch.n] }

func (ch *channel) masked(bit uint32) bool { return ch.state().Flags>>channelMaskShift&bit != 0 }

// transmit sends descriptors until a HOLD bit stops it.
func (ch *channel) transmit() {
	s, c, clock := ch.state(), ch.chip, ch.chip.cfg.Clock
	if !s.Tx.On {
		s.TxPause = 0
		clock.Disarm(&ch.timer)
		ch.bell.Off()
		return
	}
	if s.TxPause != 0 {
		return
	}
	if c.sending {
		ch.pause(clock.Now()) // asked for from inside another frame
		return
	}
	c.sending = true
	defer func() { c.sending = false }()
	for budget := txBudget; budget > 0 && s.Tx.On; {
		used, held := ch.sendOne()
		if held {
			if s.Flags&commandTxHold == 0 {
				ch.bell.WaitAt(uint64(s.Tx.Current))
			} else {
				ch.bell.Off()
			}
			return
		}
		budget -= used
	}
	ch.pause(clock.Now() + txPause)
}

func (ch *channel) pause(at int64) {
	ch.bell.Off()
	ch.state().TxPause = at
	ch.chip.cfg.Clock.Arm(&ch.timer, at)
}

// sendOne sends the frame at the current descriptor and returns how many
// descriptors that took. held tells that the chip is where it was, since a
// HOLD bit is set.
func (ch *channel) sendOne() (used int, held bool) {
	c, s, mem := ch.chip, ch.state(), ch.chip.cfg.Memory
	if s.Tx.Held {
		if mem.Read32(uint64(s.Tx.Current))&descHold != 0 {
			return 0, true
		}
		ch.nextTx()
	}
	n, ok := 0, true
	for used < maxFragments {
		used++
		params := mem.Read32(uint64(s.Tx.Current))
		size := int(params >> descSizeShift & descSizeMask)
		if ok = ok && n+size <= maxFrame; ok {
			mem.ReadAt(uint64(mem.Read32(uint64(s.Tx.Current+4))), c.frame[n:n+size])
			n += size
		}
		end, hold := params&descFrameEnd != 0, params&descHold != 0
		cause := uint32(0)
		if params&descHost != 0 {
			cause |= interruptHost
		}
		switch {
		case end && ok:
			if to, looped := c.looped(ch.n); looped && n > 0 {
				c.channel[to].receive(c.frame[:n])
			}
			if !ch.masked(maskTxFrame) {
				cause |= interruptFrame
			}
		case end || hold: // too long, or the chain ends within the frame
			if !ch.masked(maskTxError) {
				cause |= interruptError
			}
		}
		if s.Tx.Held = hold; !hold {
			ch.nextTx()
		}
		c.interrupt(ch.n, cause)
		if end || hold {
			break
		}
	}
	return used, false
}

func (ch *channel) nextTx() { ch.next(&ch.state().Tx, 8, offTxCurrent) }

func (ch *channel) nextRx() { ch.next(&ch.state().Rx, 12, offRxCurrent) }

// next moves on to the descriptor whose address is link bytes into the current
// one, and tells the host in the table at current.
func (ch *channel) next(d *Direction, link, current uint32) {
	d.Current, d.Held = ch.chip.cfg.Memory.Read32(uint64(d.Current+link)), false
	ch.chip.setWord(current+4*ch.n, d.Current)
}

// receive stores a frame that came from the highway, without its CRC.
func (ch *channel) receive(frame []byte) {
	c, s, mem := ch.chip, ch.state(), ch.chip.cfg.Memory
	if !s.Rx.On {
		return
	}
	status := uint32(0)
	if limit := int(c.State.MaxFrame); limit != 0 && len(frame) > limit {
		frame, status = frame[:limit], statusLong
	}
	for used := 0; used < maxFragments; used++ {
		if s.Rx.Held {
			if mem.Read32(uint64(s.Rx.Current))&descHold != 0 {
				if !ch.masked(maskRxError) {
					c.interrupt(ch.n, interruptRx|interruptFlow)
				}
				return
			}
			ch.nextRx()
		}
		at := s.Rx.Current
		params := mem.Read32(uint64(at))
		n := min(len(frame), int(params>>descSizeShift&descSizeMask))
		mem.WriteAt(uint64(mem.Read32(uint64(at+8))), frame[:n])
		frame = frame[n:]
		end, hold := len(frame) == 0, params&descHold != 0
		if hold && !end {
			end, status = true, status|statusAbort
		}
		word, cause := statusComplete|uint32(n)<<descSizeShift, uint32(interruptRx)
		if end {
			word |= descFrameEnd | status
			if !ch.masked(maskRxFrame) {
				cause |= interruptFrame
			}
			if status != 0 && !ch.masked(maskRxError) {
				cause |= interruptError
			}
		}
		if params&descHost != 0 {
			cause |= interruptHost
		}
		mem.Write32(uint64(at+4), word)
		if s.Rx.Held = hold; !hold {
			ch.nextRx()
		}
		c.interrupt(ch.n, cause)
		if end {
			return
		}
	}
}
