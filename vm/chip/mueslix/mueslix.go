// Package mueslix models the four-channel serial controller that Cisco's serial
// port adapters are built on; router images call it M4T. No data sheet is
// public: registers and bits are those that Dynamips knows, and most names are
// guesses.
//
// Source: adapters-7200 reference, sections 5, 11 and 20.1; "11.3" in a comment
// is a section of that reference.
//
// # What starts a transmission
//
// No doorbell register is known. A guest sets the ownership bit of a descriptor
// in RAM, and Dynamips finds it when it scans the rings every 10 ms. This model
// has two signs instead. Each access to the register window makes it look at
// the rings of the running channels: drivers enable channels, write ring
// addresses and acknowledge interrupts there. And a channel that waits watches
// the word with the ownership bit of its next descriptor (chip.Doorbell), so
// that the guest's own store to RAM sends the frame, at once, and an idle
// channel costs nothing. Only descriptors in memory that cannot be watched are
// looked at by the clock, once a millisecond.
//
// # Against Dynamips
//
// The interrupt output is a plain level; Dynamips drops it late, at every third
// look that finds no cause (11.1). Descriptors of a port without a cable are
// given back, the frames are lost (5.1). A frame whose later descriptors are
// not the chip's yet waits for them.
package mueslix

import (
	"dynemu/vm/chip"
	"dynemu/vm/event"
)

// WindowSize is the length of the register window in bytes.
const WindowSize = 0x4000

// Channels is the number of serial channels of a chip.
const Channels = 4

// Registers of the chip (11.1).
const (
	RegStatus       = 0x0000 // interrupt status, write one to clear
	RegMask         = 0x0010 // interrupt mask
	RegEnable       = 0x0014 // channel n: bit 2n transmit, 2n+1 receive
	RegUnknown18    = 0x0018
	RegUnknown7C    = 0x007C
	RegChannel      = 0x0100 // channel n is at RegChannel + n*ChannelSize
	ChannelSize     = 0x0100
	RegMicrocode    = 0x2000 // memory, 2 KiB
	RegX            = 0x2A00 // memory, 256 bytes
	RegY            = 0x2B00 // memory, 256 bytes
	RegOptions      = 0x2C00
	RegCommand      = 0x2C24 // 19:12 opcode, 1:0 channel
	RegResponse     = 0x2C2C
	microcodeSize   = 0x800
	memorySize      = 0x100
	valueUnknown18  = 0x7F7F7F7F
	valueUnknown7C  = 0x00000492
	valueResponseOK = 0x0000FFFF
)

// Registers of a channel (11.2).
const (
	RegCRC        = 0x00 // 8: 16-bit CRC, A: 32-bit
	RegClockShift = 0x40
	RegClockDiv   = 0x44
	RegModem      = 0x60 // modem signals: all ones with a cable, else 0
	RegCable      = 0x64
	RegTxStart    = 0x80
	RegTxEnd      = 0x84
	RegRxStart    = 0x88
	RegRxEnd      = 0x8C
	RegUnknown90  = 0x90
	crc32Control  = 0x0A
	valueCable    = 0x7B
	valueUnknown  = 0x11111111
)

// Bits of the interrupt status for channel 0; channel n is n bits further up.
const (
	StatusTx = 1 << 0
	StatusRx = 1 << 4
)

// Opcodes of RegCommand.
const (
	commandEnable   = 0x00
	commandDisable0 = 0x10 // mode 0
	commandDisable1 = 0x30 // mode 1
	commandStop1    = 0x50 // mode 1
)

// baseClock is the clock in Hz that the channels' rates are divided from (11.4).
const baseClock = 8_064_000

// Mode is the firmware dialect of the chip.
type Mode int

// The dialects (11).
const (
	Mode0 Mode = iota // NM-4T: ring end exclusive, lengths in bytes
	Mode1             // PA-4T+, PA-8T: ring end is the last descriptor, lengths in longwords
)

// Config is what a chip is built from. Memory and Clock must be set.
type Config struct {
	Mode   Mode
	Memory chip.Memory
	Clock  event.Clock
	IRQ    chip.IRQ    // nil: interrupts go nowhere
	Window chip.Window // moved when BAR 0 is written; nil: none
	Log    chip.Logf
}

// State is everything that the chip remembers.
type State struct {
	Status, Mask, Enable uint32
	Options              uint32
	Microcode            [microcodeSize]byte
	X, Y                 [memorySize]byte
	Channel              [Channels]ChannelState
	PCI                  chip.HeaderState
}

// ChannelState is the part of one channel.
type ChannelState struct {
	Enabled              bool // by a TPU command
	CRC                  uint32
	ClockShift, ClockDiv uint32
	TxStart, TxEnd       uint32
	RxStart, RxEnd       uint32
	TxPtr, RxPtr         uint32 // current descriptors
	// Limit is the rate of the line in units of 1024 bits per second, 0 while
	// the clock has not been set.
	Limit uint32
	// TxFree is the guest time in ns at which everything sent so far has left
	// at the rate of the line.
	TxFree int64
	// TxResume is the guest time in ns at which a scan that was cut short goes
	// on; 0 when none was.
	TxResume int64
	Enable   chip.EnableState
}

// channel is one channel with its cable.
type channel struct {
	chip   *Chip
	n      int
	net    chip.Network
	enable chip.Enable
	timer  event.Timer
	bell   chip.Doorbell
}

// Chip is one controller. Its methods belong on the machine's goroutine.
type Chip struct {
	State State

	cfg      Config
	level    bool
	channel  [Channels]channel
	sending  *channel // whose frame is being gathered
	fragment []uint32 // its descriptors
	frame    [maxFrame]byte
}

// New returns a chip after power-on, with no cable plugged in.
func New(cfg Config) *Chip {
	c := &Chip{cfg: cfg}
	for i := range c.channel {
		ch := &c.channel[i]
		ch.chip, ch.n = c, i
		ch.timer.Fire = func() {
			ch.state().TxResume = 0
			ch.transmit()
		}
		ch.bell.Ring = ch.transmit
		ch.bell.Init(cfg.Memory, cfg.Clock)
		ch.enable.Init(&ch.state().Enable, cfg.Clock)
	}
	c.Reset()
	return c
}

// Reset is a power-on reset. Cables stay plugged in; the window leaves the map.
func (c *Chip) Reset() { c.Restore(State{}) }

// Restore makes s the state of the chip, including its timers, its window and
// its interrupt output.
func (c *Chip) Restore(s State) {
	c.State = s
	c.moveWindow()
	c.updateIRQ()
	for i := range c.channel {
		ch := &c.channel[i]
		ch.bell.Off()
		ch.enable.Restore()
		c.cfg.Clock.Disarm(&ch.timer)
		if at := ch.state().TxResume; at != 0 {
			c.cfg.Clock.Arm(&ch.timer, at)
		}
		ch.transmit()
	}
}

// Attach plugs channel n (0..3) into a wire; nil unplugs it. While the wire
// says that it is plugged, the modem signals are active; nothing known tells of a
// change. An Enabler is told whether the guest uses the channel.
func (c *Chip) Attach(n int, net chip.Network) {
	c.channel[n].net = net
	c.channel[n].enable.Attach(net)
}

func (c *Chip) logf(format string, args ...any) {
	if c.cfg.Log != nil {
		c.cfg.Log(format, args...)
	}
}

func (c *Chip) updateIRQ() {
	level := c.State.Status&c.State.Mask != 0
	if level != c.level {
		c.level = level
		if c.cfg.IRQ != nil {
			c.cfg.IRQ(level)
		}
	}
}

func (c *Chip) interrupt(bit uint32) {
	c.State.Status |= bit
	c.updateIRQ()
}

// kick looks at the transmit rings of all channels.
func (c *Chip) kick() {
	for i := range c.channel {
		c.channel[i].transmit()
	}
}

// Read implements mem.Device. Registers answer at their exact offset with
// their whole value whatever the width, the three memories byte by byte.
func (c *Chip) Read(off uint64, size int) uint64 {
	if m := c.memory(off, size); m != nil {
		v := uint64(0)
		for _, b := range m {
			v = v<<8 | uint64(b)
		}
		return v
	}
	v := c.readRegister(off)
	c.kick()
	return uint64(v)
}

// Write implements mem.Device; see Read.
func (c *Chip) Write(off uint64, size int, v uint64) {
	if m := c.memory(off, size); m != nil {
		for i := len(m) - 1; i >= 0; i-- {
			m[i] = byte(v)
			v >>= 8
		}
		return
	}
	c.writeRegister(off, uint32(v))
	for i := range c.channel {
		c.channel[i].enable.Update(c.channel[i].runs())
	}
	c.kick()
}

// memory returns the bytes of one of the memories that an access touches, nil
// when it goes elsewhere or beyond the end.
func (c *Chip) memory(off uint64, size int) []byte {
	s := &c.State
	for _, m := range [...]struct {
		base uint64
		b    []byte
	}{{RegMicrocode, s.Microcode[:]}, {RegX, s.X[:]}, {RegY, s.Y[:]}} {
		if o := off - m.base; o < uint64(len(m.b)) && o+uint64(size) <= uint64(len(m.b)) {
			return m.b[o : o+uint64(size)]
		}
	}
	return nil
}

// channelAt returns the channel and the register in it that an offset means.
func (c *Chip) channelAt(off uint64) (ch *channel, reg uint64) {
	o := off - RegChannel
	if o >= Channels*ChannelSize {
		return nil, 0
	}
	return &c.channel[o/ChannelSize], o % ChannelSize
}

func (c *Chip) readRegister(off uint64) uint32 {
	s := &c.State
	if ch, reg := c.channelAt(off); ch != nil {
		return ch.read(reg)
	}
	switch off {
	case RegStatus:
		return s.Status
	case RegMask:
		return s.Mask
	case RegEnable:
		return s.Enable
	case RegUnknown18:
		return valueUnknown18
	case RegUnknown7C:
		return valueUnknown7C
	case RegOptions:
		return s.Options
	case RegResponse:
		return valueResponseOK
	}
	return 0
}

func (c *Chip) writeRegister(off uint64, v uint32) {
	s := &c.State
	if ch, reg := c.channelAt(off); ch != nil {
		ch.write(reg, v)
		return
	}
	switch off {
	case RegStatus:
		s.Status &^= v
		c.updateIRQ()
	case RegMask:
		s.Mask = v
		c.updateIRQ()
	case RegEnable:
		s.Enable = v
	case RegOptions:
		s.Options = v
	case RegCommand:
		c.command(v)
	}
}

func (c *Chip) command(v uint32) {
	ch := &c.State.Channel[v&3]
	op := v >> 12 & 0xFF
	switch {
	case op == commandEnable:
		ch.Enabled = true
	case c.cfg.Mode == Mode0 && op == commandDisable0,
		c.cfg.Mode == Mode1 && (op == commandDisable1 || op == commandStop1):
		ch.Enabled = false
	default:
		c.logf("unknown TPU command %#x", v)
	}
}

func (ch *channel) state() *ChannelState { return &ch.chip.State.Channel[ch.n] }

func (ch *channel) plugged() bool { return ch.net != nil && ch.net.Plugged() }

func (ch *channel) read(reg uint64) uint32 {
	s := ch.state()
	switch reg {
	case RegCRC:
		return s.CRC
	case RegClockShift:
		ch.setRate()
		return s.ClockShift
	case RegClockDiv:
		return s.ClockDiv
	case RegModem:
		if ch.plugged() {
			return 0xFFFFFFFF
		}
		return 0
	case RegCable:
		return valueCable
	case RegTxStart:
		return s.TxStart
	case RegTxEnd:
		return s.TxEnd
	case RegRxStart:
		return s.RxStart
	case RegRxEnd:
		return s.RxEnd
	case RegUnknown90:
		return valueUnknown
	}
	return 0
}

func (ch *channel) write(reg uint64, v uint32) {
	s := ch.state()
	switch reg {
	case RegCRC:
		s.CRC = v
	case RegClockShift:
		s.ClockShift = v
		ch.setRate()
	case RegClockDiv:
		s.ClockDiv = v
	case RegTxStart:
		s.TxStart, s.TxPtr = v, v
	case RegTxEnd:
		s.TxEnd = v
	case RegRxStart:
		s.RxStart, s.RxPtr = v, v
	case RegRxEnd:
		s.RxEnd = v
	}
}

// crcSize returns the length in bytes of the frame check sequence, which counts
// in the length of a received frame.
func (s *ChannelState) crcSize() uint32 {
	if s.CRC == crc32Control {
		return 4
	}
	return 2
}

// setRate takes over the clock registers (11.4).
func (ch *channel) setRate() {
	s := ch.state()
	shift := s.ClockShift
	if shift == 8 {
		shift = 0
	}
	rate := uint64(0)
	if shift < 32 {
		rate = baseClock >> shift / (uint64(s.ClockDiv) + 1)
	}
	s.Limit = uint32((rate + 1000) / 1000)
}
