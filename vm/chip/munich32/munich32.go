// Package munich32 models the PEB 20320 of Siemens, the Multichannel Network
// Interface Controller for HDLC: 32 channels on a PCM highway of 32 time slots,
// each with a chain of descriptors per direction, and one queue of interrupts in
// memory.
//
// Source: adapters-7200 reference, section 17, which follows the public manual;
// the bits of the action and channel specifications that it leaves out (loops,
// channel commands, interrupt mask) are those that public drivers of the
// part's PCI successor, the MUNICH32X, use. Of the channel modes there is HDLC.
//
// # The highway
//
// Nothing is known of what a port of the PA-4B would carry on a wire, and no
// other end of a basic rate line is emulated: a frame that leaves on the highway
// is lost. A channel receives what loops bring back.
//
// # Against Dynamips
//
// Dynamips dumps frames to its standard output and receives nothing. It takes
// the HOLD bit the wrong way round; here a descriptor is sent whatever its HOLD
// bit is, and the chip waits at it while the bit is set. It starts a channel at
// any initialisation; here the channel's commands start and stop it.
package munich32

import (
	"encoding/binary"

	"dynemu/vm/chip"
	"dynemu/vm/event"
)

// Sizes.
const (
	// MemorySize is the length in bytes of the memory that the chip and the
	// host share, with the control block at its start.
	MemorySize = 0x40000 - 8
	Channels   = 32
	Slots      = 32 // of the highway
)

// Offsets in the memory.
const (
	offAction    = 0x00 // a write is an action request
	offQueue     = 0x04 // address of the interrupt queue
	offQueueSize = 0x08 // bits 7:0: units of 16 words, less 1
	offSlots     = 0x0C // a word a time slot
	offChannels  = 0x8C // four words a channel
	offRxCurrent = 0x28C
	offTxCurrent = 0x30C
)

// Bits of an action request.
const (
	actionInit    = 1 << 15 // time slots and one channel
	actionChannel = 1 << 14 // one channel
	actionNoAck   = 1 << 7
	actionReset   = 1 << 6 // time slots and all channels
	actionQueue   = 1 << 2 // a new interrupt queue

	actionChannelShift, actionChannelMask = 8, 0x1F
	actionFrameShift, actionFrameMask     = 16, 0x1FFF // longest frame received; 0: no limit
	actionLoopShift, actionLoopMask       = 3, 7
)

// Loop is the loop command of an action request.
type Loop uint32

// The loops. What external loops send back to the highway is lost.
const (
	LoopKeep            Loop = 0
	LoopInternal        Loop = 1 // the whole highway
	LoopExternal        Loop = 2
	LoopOff             Loop = 3
	LoopChannelInternal Loop = 5 // one channel
	LoopChannelExternal Loop = 6
)

// Bits of a time slot's assignment.
const (
	slotTxInhibit = 1 << 29
	slotRxInhibit = 1 << 13

	slotTxShift, slotRxShift, slotChannelMask = 24, 8, 0x1F
)

// Bits of the first word of a channel specification.
const (
	channelMaskShift = 24 // interrupts that are masked, by their bits below
	commandRxInit    = 1 << 22
	commandTxInit    = 1 << 21
	commandTxOff     = 1 << 20
	commandTxHold    = 1 << 18 // do not watch HOLD bits
	commandRxOff     = 1 << 17

	maskTxFrame = 1 << 0
	maskRxFrame = 1 << 1
	maskRxError = 1 << 2
	maskTxError = 1 << 3
)

// Bits of an interrupt.
const (
	interruptSet   = 1 << 31
	interruptAck   = 1 << 15
	interruptHost  = 1 << 13 // asked for by the descriptor
	interruptFrame = 1 << 12
	interruptError = 1 << 9
	interruptFlow  = 1 << 8 // no descriptor for what was received
	interruptRx    = 1 << 5 // the direction
)

// Config is what a chip is built from. Memory and Clock must be set.
type Config struct {
	Memory chip.Memory
	Clock  event.Clock
	// Interrupt is called when an interrupt has entered the queue, but for
	// acknowledges of actions, which hosts wait for; nil: nothing is called.
	Interrupt func()
}

// State is everything that the chip remembers.
type State struct {
	Memory    [MemorySize]byte
	Queue     uint32 // address; 0: interrupts are lost
	QueueNext uint32
	QueueSize uint32 // bytes
	MaxFrame  uint32
	Loop      Loop // LoopInternal or LoopKeep
	Slot      [Slots]uint32
	Channel   [Channels]ChannelState
}

// ChannelState is the part of one channel.
type ChannelState struct {
	Flags   uint32 // first word of the specification
	Loop    bool   // what it sends comes back
	Rx, Tx  Direction
	TxPause int64 // guest time in ns at which a cut scan goes on; 0: none was
}

// Direction is where one direction of a channel is in its descriptors.
type Direction struct {
	On      bool
	Current uint32 // address
	// Held tells that the descriptor has been used, and that its HOLD bit
	// keeps the chip from the next one.
	Held bool
}

// Chip is one controller. Its methods belong on the machine's goroutine.
type Chip struct {
	State State

	cfg     Config
	channel [Channels]channel
	sending bool
	frame   [maxFrame]byte
}

// New returns a chip after power-on.
func New(cfg Config) *Chip {
	c := &Chip{cfg: cfg}
	for i := range c.channel {
		ch := &c.channel[i]
		ch.chip, ch.n = c, uint32(i)
		ch.bell.Ring = ch.transmit
		ch.bell.Init(cfg.Memory, cfg.Clock)
		ch.timer.Fire = func() {
			ch.state().TxPause = 0
			ch.transmit()
		}
	}
	return c
}

// Reset is a power-on reset.
func (c *Chip) Reset() {
	c.State = State{}
	for i := range c.channel {
		c.channel[i].transmit()
	}
}

// bytes returns the part of the memory that an access touches, nil beyond its
// end.
func (c *Chip) bytes(off uint64, size int) []byte {
	if off >= MemorySize || uint64(size) > MemorySize-off {
		return nil
	}
	return c.State.Memory[off : off+uint64(size)]
}

// Read implements mem.Device. The action request cannot be read.
func (c *Chip) Read(off uint64, size int) uint64 {
	b := c.bytes(off, size)
	if b == nil || off == offAction {
		return ^uint64(0)
	}
	v := uint64(0)
	for _, x := range b {
		v = v<<8 | uint64(x)
	}
	return v
}

// Write implements mem.Device.
func (c *Chip) Write(off uint64, size int, v uint64) {
	b := c.bytes(off, size)
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = byte(v)
		v >>= 8
	}
	if off == offAction {
		c.action(c.word(offAction))
	}
}

func (c *Chip) word(off uint32) uint32 { return binary.BigEndian.Uint32(c.State.Memory[off:]) }

func (c *Chip) setWord(off, v uint32) { binary.BigEndian.PutUint32(c.State.Memory[off:], v) }

// action carries out an action request.
func (c *Chip) action(a uint32) {
	s := &c.State
	if a&actionQueue != 0 {
		s.Queue = c.word(offQueue)
		s.QueueNext = s.Queue
		s.QueueSize = (c.word(offQueueSize)&0xFF + 1) * 16 * 4
	}
	n := a >> actionChannelShift & actionChannelMask
	c.setLoop(Loop(a>>actionLoopShift&actionLoopMask), n)
	if a&(actionInit|actionChannel|actionReset) == 0 {
		return
	}
	if a&(actionInit|actionReset) != 0 {
		s.MaxFrame = a >> actionFrameShift & actionFrameMask
		for i := range s.Slot {
			s.Slot[i] = c.word(offSlots + uint32(4*i))
		}
	}
	for i := range uint32(Channels) {
		if i == n || a&actionReset != 0 {
			c.specify(i)
		}
	}
	if a&actionNoAck == 0 {
		c.post(interruptAck)
	}
	for i := range c.channel {
		c.channel[i].transmit()
	}
}

func (c *Chip) setLoop(l Loop, n uint32) {
	s := &c.State
	switch l {
	case LoopInternal:
		s.Loop = l
	case LoopChannelInternal:
		s.Channel[n].Loop = true
	case LoopExternal, LoopChannelExternal, LoopOff:
		s.Loop = LoopKeep
		for i := range s.Channel {
			s.Channel[i].Loop = false
		}
	}
}

// specify takes over the specification of channel n.
func (c *Chip) specify(n uint32) {
	s := &c.State.Channel[n]
	at := uint32(offChannels + 16*n)
	s.Flags = c.word(at)
	switch {
	case s.Flags&commandRxInit != 0:
		s.Rx = Direction{On: true, Current: c.word(at + 4)}
		c.setWord(offRxCurrent+4*n, s.Rx.Current)
	case s.Flags&commandRxOff != 0:
		s.Rx.On = false
	}
	switch {
	case s.Flags&commandTxInit != 0:
		s.Tx = Direction{On: true, Current: c.word(at + 8)}
		c.setWord(offTxCurrent+4*n, s.Tx.Current)
	case s.Flags&commandTxOff != 0:
		s.Tx.On = false
	}
}

// post puts an interrupt into the queue.
func (c *Chip) post(v uint32) {
	s := &c.State
	if s.Queue == 0 {
		return
	}
	c.cfg.Memory.Write32(uint64(s.QueueNext), interruptSet|v)
	if s.QueueNext += 4; s.QueueNext-s.Queue >= s.QueueSize {
		s.QueueNext = s.Queue
	}
}

// interrupt puts an interrupt of a channel into the queue, unless there is
// nothing to tell, and tells the host.
func (c *Chip) interrupt(n, cause uint32) {
	if cause == 0 || cause == interruptRx {
		return
	}
	c.post(cause | n)
	if c.cfg.Interrupt != nil {
		c.cfg.Interrupt()
	}
}

// looped returns the channel to which a loop brings what channel n sends.
func (c *Chip) looped(n uint32) (to uint32, ok bool) {
	s := &c.State
	if s.Channel[n].Loop {
		return n, true
	}
	if s.Loop != LoopInternal {
		return 0, false
	}
	for _, slot := range s.Slot {
		if slot&(slotTxInhibit|slotRxInhibit) == 0 && slot>>slotTxShift&slotChannelMask == n {
			return slot >> slotRxShift & slotChannelMask, true
		}
	}
	return 0, false
}
