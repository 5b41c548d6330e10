// Package dec21140 models the DECchip 21140, a 10/100 Mb/s PCI Ethernet
// controller, with the DP83840A transceiver and the 93C46 serial ROM that sit
// beside it on a card.
//
// Sources: adapters-7200 reference, sections 3 to 5, 9 and 21.1, which follows
// the 21140 hardware reference manual; "9.4" in a comment is a section of that
// reference.
//
// # When things happen
//
// A transmit is acted on in the very register access that asks for it: a write
// of the transmit poll demand, of the ring base, or of the operating mode with
// the transmitter on. Guests written for an emulator that scans the rings every
// 10 ms give no such sign, and automatic polling (CSR0 bits 19:17) needs none
// either, so a suspended transmitter also watches the word with the ownership
// bit of the descriptor it waits for (chip.Doorbell). A received frame is
// written to memory and raises its interrupt in the call of Receive.
//
// # Against Dynamips
//
// The data sheet is followed where a correct driver can tell: software reset,
// interrupt mask, RU, TU, RPS, TPS, missed frames, filters, buffer 2 size,
// descriptor skip length, IC in the last descriptor. What Dynamips does is kept
// where only a router image can tell: reset values, the PCI class word, TDES0
// written back as 0, no padding and no FCS on the wire, the view of the PHYs
// through the data book's bit pattern on CSR9 (see mii.go), and broadcasts
// accepted whatever the filter holds.
package dec21140

import (
	"math/bits"

	"dynemu/vm/chip"
	"dynemu/vm/chip/microwire"
	"dynemu/vm/event"
)

// WindowSize is the length of the register window in bytes.
const WindowSize = 0x80

// Register numbers: register n is at offset 8*n of the window.
const (
	CSR0BusMode    = 0
	CSR1TxPoll     = 1
	CSR2RxPoll     = 2
	CSR3RxRing     = 3
	CSR4TxRing     = 4
	CSR5Status     = 5
	CSR6Mode       = 6
	CSR7Mask       = 7
	CSR8Missed     = 8
	CSR9SROMAndMII = 9
	CSR10BootROM   = 10
	CSR11Timer     = 11
	CSR12Port      = 12
	CSR15Watchdog  = 15
)

// Bits of CSR0.
const (
	busSoftReset = 1 << 0
	busSkipShift = 2 // descriptor skip length, longwords
	busSkipMask  = 0x1F
	busBigData   = 1 << 7  // BLE: data buffers are big-endian
	busBigDesc   = 1 << 20 // DBO: descriptors are big-endian
)

// Bits of CSR5 and CSR7 (9.2).
const (
	TI  = 1 << 0  // a frame was transmitted
	TPS = 1 << 1  // transmitter stopped
	TU  = 1 << 2  // transmit descriptor not owned by the chip
	TJT = 1 << 3  // transmit jabber timer
	UNF = 1 << 5  // transmit underflow
	RI  = 1 << 6  // a frame was received
	RU  = 1 << 7  // receive descriptor not owned by the chip
	RPS = 1 << 8  // receiver stopped
	RWT = 1 << 9  // receive watchdog: frame too long
	ETI = 1 << 10 // early transmit
	GTE = 1 << 11 // general-purpose timer expired
	FBE = 1 << 13 // fatal bus error
	ERI = 1 << 14 // early receive
	AIS = 1 << 15 // abnormal interrupt summary
	NIS = 1 << 16 // normal interrupt summary

	normalEvents   = TI | TU | RI | ERI
	abnormalEvents = TPS | TJT | UNF | RU | RPS | RWT | ETI | GTE | FBE

	statusOnes    = 0xFC000000 // reserved, read as ones
	statusRxShift = 17
	statusTxShift = 20
)

// States of the receive and transmit processes as CSR5 shows them.
const (
	processStopped = 0
	processWaiting = 3 // receiver: for a frame; transmitter: reading a buffer
	rxSuspended    = 4
	txSuspended    = 6
)

// Bits of CSR6.
const (
	modeHashPerfect  = 1 << 0 // HP, read-only: hash and one perfect address
	modeRx           = 1 << 1 // SR
	modeHashOnly     = 1 << 2 // HO, read-only
	modeInverse      = 1 << 4 // IF, read-only
	modePromiscuous  = 1 << 6 // PR
	modeAllMulticast = 1 << 7 // PM
	modeLoopShift    = 10     // OM: 0 normal, 1 internal, 2 external loopback
	modeTx           = 1 << 13
	modeReceiveAll   = 1 << 30 // RA
)

// Values of the registers after a reset. CSR0 and CSR5 are as Dynamips has
// them (9.2).
const resetBusMode = 0xFFF80000

const (
	timerContinuous = 1 << 16
	timerCountMask  = 0xFFFF
	// timerTick is a count of the general-purpose timer in nanoseconds: 2048
	// cycles of the 25 MHz MII clock.
	timerTick = 81920
)

// Config is what a chip is built from. Memory and Clock must be set.
type Config struct {
	Memory chip.Memory
	Clock  event.Clock
	IRQ    chip.IRQ    // nil: interrupts go nowhere
	Window chip.Window // moved when CBMA is written; nil: none
	// MAC is the address in the serial ROM; zero leaves the ROM blank, as on
	// the router cards, whose addresses come from the chassis.
	MAC [6]byte
	// ByteInvariant reports whether the system controller keeps the order of
	// bytes between this chip and the CPU and memory. nil or false: it keeps
	// the value of 32-bit words, CSR0.BLE and CSR0.DBO have no effect,
	// and data buffers are in natural order, as router images expect (section
	// 4). true: registers are little-endian, and descriptors and setup frames
	// and data buffers too unless DBO and BLE say otherwise.
	ByteInvariant func() bool
}

// State is everything that the chip remembers.
type State struct {
	CSR [16]uint32 // as last written, but for CSR5: event bits, and CSR8: counter

	RxPtr, TxPtr             uint32 // current descriptors
	RxSuspended, TxSuspended bool
	// BusModeWritten tells that CSR0 has been written since the reset, whose
	// value is for reading only.
	BusModeWritten bool

	Filter Filter

	// TimerDeadline is the guest time in ns at which the general-purpose timer
	// expires next; 0 when it stands.
	TimerDeadline int64
	// TxContinue is the guest time in ns at which a scan that was cut short
	// goes on; 0 when none was.
	TxContinue int64

	MII    MII
	SROM   microwire.EEPROM
	PCI    PCI
	Enable chip.EnableState
}

// Chip is one 21140. Its methods belong on the machine's goroutine.
type Chip struct {
	State State

	cfg      Config
	net      chip.Network
	enable   chip.Enable
	level    bool
	timer    event.Timer
	txTimer  event.Timer
	txBell   chip.Doorbell
	sending  bool
	fragment []uint32 // descriptors of the frame being gathered
	frame    [maxFrame]byte
	scratch  [16]byte // descriptor being read
	dst      [6]byte  // destination of the frame being received
}

// New returns a chip after power-on, with nothing plugged in.
func New(cfg Config) *Chip {
	c := &Chip{cfg: cfg}
	c.timer.Fire = c.timerExpired
	c.txTimer.Fire = func() {
		c.State.TxContinue = 0
		c.transmit()
	}
	c.txBell.Ring = c.transmit
	c.txBell.Init(cfg.Memory, cfg.Clock)
	c.enable.Init(&c.State.Enable, cfg.Clock)
	c.Reset()
	return c
}

// Reset is a power-on reset. What is plugged in stays; the window leaves the
// map.
func (c *Chip) Reset() {
	c.softReset()
	c.State.MII = newMII(c.plugged())
	c.State.SROM = newSROM(c.cfg.MAC)
	c.State.PCI = PCI{}
	c.State.Enable = chip.EnableState{}
	c.enable.Restore()
	c.moveWindow()
}

// softReset puts everything but the configuration space, the PHY, the serial ROM
// and what is known of the port's use back to its state after power-on.
func (c *Chip) softReset() {
	c.cfg.Clock.Disarm(&c.timer)
	c.cfg.Clock.Disarm(&c.txTimer)
	c.txBell.Off()
	c.State = State{MII: c.State.MII, SROM: c.State.SROM, PCI: c.State.PCI, Enable: c.State.Enable}
	c.State.CSR[CSR0BusMode] = resetBusMode
	c.updateIRQ()
}

// Restore makes s the state of the chip, including its timers, its window and
// its interrupt output.
func (c *Chip) Restore(s State) {
	c.cfg.Clock.Disarm(&c.timer)
	c.cfg.Clock.Disarm(&c.txTimer)
	c.txBell.Off()
	c.State = s
	c.enable.Restore()
	c.moveWindow()
	if s.TimerDeadline != 0 {
		c.cfg.Clock.Arm(&c.timer, s.TimerDeadline)
	}
	if s.TxContinue != 0 {
		c.cfg.Clock.Arm(&c.txTimer, s.TxContinue)
	}
	c.updateIRQ()
	c.transmit()
}

// Attach plugs the port into n; nil unplugs it. The transceiver reports a link
// while n says that it is plugged, and the loss of one when Attach is called
// after it. An Enabler is told whether the guest uses the port.
func (c *Chip) Attach(n chip.Network) {
	c.net = n
	c.State.MII.Link.See(c.plugged())
	c.enable.Attach(n)
}

func (c *Chip) plugged() bool { return c.net != nil && c.net.Plugged() }

func (c *Chip) byteInvariant() bool { return c.cfg.ByteInvariant != nil && c.cfg.ByteInvariant() }

// Read implements mem.Device for the register window. Any width at the exact
// offset of a register transfers the register, as in Dynamips (9.2); other
// offsets read 0.
func (c *Chip) Read(off uint64, size int) uint64 {
	if off%8 != 0 || off >= WindowSize {
		return 0
	}
	v := c.readCSR(int(off / 8))
	if c.byteInvariant() {
		v = bits.ReverseBytes32(v)
	}
	return uint64(v)
}

// Write implements mem.Device; see Read.
func (c *Chip) Write(off uint64, size int, v uint64) {
	if off%8 != 0 || off >= WindowSize {
		return
	}
	w := uint32(v)
	if c.byteInvariant() {
		w = bits.ReverseBytes32(w)
	}
	c.writeCSR(int(off/8), w)
	c.enable.Update(c.State.CSR[CSR6Mode]&(modeRx|modeTx) != 0 && !c.State.MII.Off)
}

func (c *Chip) readCSR(n int) uint32 {
	s := &c.State
	switch n {
	case CSR5Status:
		return c.status()
	case CSR6Mode:
		return s.CSR[n]&^(modeHashPerfect|modeHashOnly|modeInverse) | s.Filter.Mode.bits()
	case CSR8Missed:
		v := s.CSR[n]
		s.CSR[n] = 0
		return v
	case CSR9SROMAndMII:
		return c.readCSR9()
	case CSR11Timer:
		return c.readTimer()
	}
	return s.CSR[n]
}

func (c *Chip) writeCSR(n int, v uint32) {
	s := &c.State
	switch n {
	case CSR0BusMode:
		if v&busSoftReset != 0 {
			c.softReset()
			return
		}
		s.CSR[n] = v
		s.BusModeWritten = true
	case CSR1TxPoll:
		s.CSR[n] = v
		c.txBell.Demanded()
		c.transmit()
	case CSR2RxPoll:
		s.CSR[n] = v
		c.rxFetch()
	case CSR3RxRing:
		s.CSR[n] = v
		s.RxPtr = v &^ 3
		s.RxSuspended = false
		c.rxFetch()
	case CSR4TxRing:
		s.CSR[n] = v
		s.TxPtr = v &^ 3
		s.TxSuspended = false
		c.txBell.Off()
		c.transmit()
	case CSR5Status:
		s.CSR[n] &^= v
		c.updateIRQ()
	case CSR6Mode:
		c.writeMode(v)
	case CSR7Mask:
		s.CSR[n] = v
		c.updateIRQ()
	case CSR8Missed: // read-only
	case CSR9SROMAndMII:
		c.writeCSR9(v)
	case CSR11Timer:
		c.writeTimer(v)
	default:
		s.CSR[n] = v
	}
}

func (c *Chip) writeMode(v uint32) {
	s := &c.State
	old := s.CSR[CSR6Mode]
	s.CSR[CSR6Mode] = v
	if old&modeRx != 0 && v&modeRx == 0 {
		s.RxSuspended = false
		c.event(RPS)
	}
	if old&modeTx != 0 && v&modeTx == 0 {
		s.TxSuspended = false
		s.TxContinue = 0
		c.cfg.Clock.Disarm(&c.txTimer)
		c.txBell.Off()
		c.event(TPS)
	}
	if old&modeRx == 0 && v&modeRx != 0 {
		c.rxFetch()
	}
	c.transmit()
}

// status composes CSR5.
func (c *Chip) status() uint32 {
	s := &c.State
	v := statusOnes | s.CSR[CSR5Status] | c.summary()
	if s.CSR[CSR6Mode]&modeRx != 0 {
		rx := uint32(processWaiting)
		if s.RxSuspended {
			rx = rxSuspended
		}
		v |= rx << statusRxShift
	}
	if s.CSR[CSR6Mode]&modeTx != 0 {
		tx := uint32(processWaiting)
		if s.TxSuspended {
			tx = txSuspended
		}
		v |= tx << statusTxShift
	}
	return v
}

// summary returns NIS and AIS, to which only unmasked events contribute.
func (c *Chip) summary() (v uint32) {
	pending := c.State.CSR[CSR5Status] & c.State.CSR[CSR7Mask]
	if pending&normalEvents != 0 {
		v |= NIS
	}
	if pending&abnormalEvents != 0 {
		v |= AIS
	}
	return v
}

func (c *Chip) event(mask uint32) {
	c.State.CSR[CSR5Status] |= mask
	c.updateIRQ()
}

func (c *Chip) updateIRQ() {
	level := c.summary()&c.State.CSR[CSR7Mask] != 0
	if level != c.level {
		c.level = level
		if c.cfg.IRQ != nil {
			c.cfg.IRQ(level)
		}
	}
}

// skip returns the gap between two descriptors of a ring in bytes.
func (c *Chip) skip() uint32 {
	if !c.State.BusModeWritten {
		return 0
	}
	return c.State.CSR[CSR0BusMode] >> busSkipShift & busSkipMask * 4
}

func (c *Chip) writeTimer(v uint32) {
	s := &c.State
	s.CSR[CSR11Timer] = v
	if v&timerCountMask == 0 {
		s.TimerDeadline = 0
		c.cfg.Clock.Disarm(&c.timer)
		return
	}
	s.TimerDeadline = c.cfg.Clock.Now() + int64(v&timerCountMask)*timerTick
	c.cfg.Clock.Arm(&c.timer, s.TimerDeadline)
}

// readTimer returns the count that is left, and the mode bit.
func (c *Chip) readTimer() uint32 {
	s := &c.State
	v := s.CSR[CSR11Timer] & timerContinuous
	if left := s.TimerDeadline - c.cfg.Clock.Now(); s.TimerDeadline != 0 && left > 0 {
		v |= uint32((left+timerTick-1)/timerTick) & timerCountMask
	}
	return v
}

func (c *Chip) timerExpired() {
	s := &c.State
	s.TimerDeadline = 0
	if v := s.CSR[CSR11Timer]; v&timerContinuous != 0 {
		// From now on and not from the old deadline, so that a machine that
		// was stopped does not catch up on expirations.
		s.TimerDeadline = c.cfg.Clock.Now() + int64(v&timerCountMask)*timerTick
		c.cfg.Clock.Arm(&c.timer, s.TimerDeadline)
	}
	c.event(GTE)
}
