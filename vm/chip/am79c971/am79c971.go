// Package am79c971 models the AMD PCnet family of PCI Ethernet controllers: the
// Am79C970A (10 Mb/s) and the Am79C971 (PCnet-FAST, 10/100 Mb/s with an LXT971
// transceiver on its MII).
//
// Sources: adapters-7200 reference, sections 3 to 5, 10 and 21.2, which follow
// the Am79C970A and Am79C971 data sheets; "10.3" in a comment is a section of
// that reference.
//
// # When things happen
//
// A transmit is acted on in the register access that asks for it (TDMD, STRT,
// the end of a suspension). The chip also polls its ring by itself, and guests
// written for an emulator that scans the rings rely on that; here a waiting
// transmitter watches the word with the ownership bit instead (chip.Doorbell),
// unless CSR4.TXDPOLL says not to. A received frame is written to memory and
// raises its interrupt in the call of Receive.
//
// # Against Dynamips
//
// The data sheet is followed where a correct driver can tell: CSR0 after a
// reset, IENA, write-1-to-clear, ERR, MISS and the missed frame counter, software
// reset, hash filter, software style 0, ring addresses in CSRs, suspension,
// padding and stripping, loopback, loss of carrier. What Dynamips does is kept
// where only a router image can tell: identification, storage registers that
// start at 0 and keep 32 bits, the length of a received frame (with an FCS that
// is not stored), descriptors that keep their other bits, short frames on the
// wire.
package am79c971

import (
	"math/bits"

	"dynemu/vm/chip"
	"dynemu/vm/chip/microwire"
	"dynemu/vm/event"
)

// WindowSize is the length of the register window in bytes.
const WindowSize = 0x20

// Offsets in the register window in double-word mode (10.2).
const (
	regRDP   = 0x10
	regRAP   = 0x14
	regReset = 0x18
	regBDP   = 0x1C
	apromEnd = 0x10

	// The same registers in word mode.
	wordRDP   = 0x10
	wordRAP   = 0x12
	wordReset = 0x14
	wordBDP   = 0x16
)

// Control and status registers with a meaning of their own; the others are
// storage (10.3).
const (
	CSRStatus       = 0
	CSRInitLow      = 1
	CSRInitHigh     = 2
	CSRMask         = 3
	CSRFeatures     = 4
	CSRExtended     = 5
	CSRRingLengths  = 6
	CSRExtended2    = 7
	CSRFilter       = 8 // 8 to 11
	CSRAddress      = 12
	CSRMode         = 15
	CSRRxRingLow    = 24
	CSRRxRingHigh   = 25
	CSRTxRingLow    = 30
	CSRTxRingHigh   = 31
	CSRStyle        = 58 // BCR20
	CSRRxRingLength = 76
	CSRTxRingLength = 78
	CSRChipIDLow    = 88
	CSRChipIDHigh   = 89
	CSRMissed       = 112
)

// Bits of CSR0.
const (
	ERR  = 1 << 15
	BABL = 1 << 14
	CERR = 1 << 13
	MISS = 1 << 12
	MERR = 1 << 11
	RINT = 1 << 10
	TINT = 1 << 9
	IDON = 1 << 8
	INTR = 1 << 7
	IENA = 1 << 6
	RXON = 1 << 5
	TXON = 1 << 4
	TDMD = 1 << 3
	STOP = 1 << 2
	STRT = 1 << 1
	INIT = 1 << 0

	statusEvents = BABL | CERR | MISS | MERR | RINT | TINT | IDON
	// CERR is reported in ERR and interrupts nobody.
	statusInterrupts = statusEvents &^ CERR
)

// Bits of CSR3; those of the events above mask them.
const busSwap = 1 << 2 // BSWP

// Bits of CSR4. Each event has its mask one bit lower, but for UINT.
const (
	noTxPoll   = 1 << 12 // TXDPOLL
	padTx      = 1 << 11 // APAD_XMT
	stripRx    = 1 << 10 // ASTRP_RCV
	missedOver = 1 << 9  // MFCO
	userCmd    = 1 << 7  // UINTCMD
	userIntr   = 1 << 6  // UINT
	collOver   = 1 << 5  // RCVCCO
	txStart    = 1 << 3  // TXSTRT
	jabber     = 1 << 1  // JAB

	featureEvents = missedOver | userIntr | collOver | txStart | jabber
	featureReset  = 0x0115 // every event masked
)

// Bits of CSR5 and CSR7: events have their enable one bit lower.
const (
	onErrorOnly     = 1 << 15 // TOKINTD: no TINT for what went well
	onRequest       = 1 << 14 // LTINTEN: TINT when the descriptor asks for it
	extendedEvents  = 1<<11 | 1<<9 | 1<<7 | 1<<4
	suspended       = 1 << 0
	softTimer       = 1 << 11                                      // CSR7.STINT
	phyChanged      = 1 << 7                                       // CSR7.MAPINT
	extended2Events = softTimer | 1<<9 | 1<<7 | 1<<5 | 1<<3 | 1<<1 // MREINT MAPINT MCCINT MCCIINT MIIPDTINT
)

// Bits of CSR15, the mode.
const (
	promiscuous = 1 << 15
	noBroadcast = 1 << 14 // DRCVBC
	noPhysical  = 1 << 13 // DRCVPA
	internal    = 1 << 6  // INTL
	noFCS       = 1 << 3  // DXMTFCS
	loop        = 1 << 2
	txOff       = 1 << 1 // DTX
	rxOff       = 1 << 0 // DRX
)

// Bus configuration registers with a meaning of their own (10.4).
const (
	BCRBurst      = 18
	BCREEPROM     = 19
	BCRStyle      = 20
	BCRTimer      = 31
	BCRMII        = 32
	BCRMIIAddress = 33
	BCRMIIData    = 34
	BCRFullDuplex = 9

	burstDWIO = 1 << 7  // BCR18
	autoPoll  = 1 << 11 // BCR32.APEP
)

// Bits of BCR19.
const (
	eepromValid   = 1 << 15 // PVALID
	eepromReread  = 1 << 14 // PREAD
	eepromPresent = 1 << 13 // EEDET
	eepromPins    = 1 << 4  // EEN
	eepromCS      = 1 << 2
	eepromClock   = 1 << 1
	eepromData    = 1 << 0
)

// timerTick is a count of the software timer in nanoseconds.
const timerTick = 12800

// Model says which part of the family a chip is; the value is CSR88.
type Model uint32

// The two parts, as router images identify them (10.3).
const (
	Am79C970A Model = 0x02621003 // 10BASE-T
	Am79C971  Model = 0x02623003 // 100BASE-TX
)

// Config is what a chip is built from. Model, Memory and Clock must be set.
type Config struct {
	Model  Model
	Memory chip.Memory
	Clock  event.Clock
	IRQ    chip.IRQ    // nil: interrupts go nowhere
	Window chip.Window // moved when base address register 1 is written; nil: none
	// MAC is the address in the serial EEPROM; zero means that there is none,
	// as on the router cards, whose addresses come from the chassis.
	MAC [6]byte
	// ByteInvariant reports whether the system controller keeps the order of
	// bytes between this chip and the CPU and memory. nil or false: it keeps
	// the value of 32-bit words, registers are in the double-word layout
	// whatever the width of an access, and data buffers are in natural order
	// whatever CSR3.BSWP is, as router images expect (section 4). true:
	// registers and descriptors are little-endian, the word layout holds until
	// RDP is written with 32 bits, and BSWP reverses the bytes of data buffers.
	ByteInvariant func() bool
}

// State is everything that the chip remembers.
type State struct {
	CSR [256]uint32 // as last written; CSR0 without ERR and INTR
	BCR [256]uint32
	RAP uint8
	// DWIO tells that RDP has been written with 32 bits.
	DWIO bool

	RxPos, TxPos uint32 // numbers of the current descriptors

	// TimerDeadline is the guest time in ns at which the software timer
	// expires next; 0 when it stands.
	TimerDeadline int64
	// TxContinue is the guest time in ns at which a scan that was cut short
	// goes on; 0 when none was.
	TxContinue int64

	PHY    [32]uint16
	Link   chip.Link
	EEPROM microwire.EEPROM
	PCI    chip.HeaderState
	Enable chip.EnableState
}

// Chip is one controller. Its methods belong on the machine's goroutine.
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
	fragment []descriptor // of the frame being gathered
	frame    [maxFrame]byte
	scratch  [28]byte // descriptor or initialisation block being read
	lanes    [maxFrame]byte
	dst      [6]byte // destination of the frame being received
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
	c.cfg.Clock.Disarm(&c.timer)
	c.State = State{PHY: newPHY(), Link: chip.Link{Up: c.plugged()}, EEPROM: newEEPROM(c.cfg.MAC)}
	c.enable.Restore()
	c.softReset()
	c.moveWindow()
}

// softReset is the reset by reading the reset register: the bus configuration
// registers, the PHY and the EEPROM keep their state.
func (c *Chip) softReset() {
	s := &c.State
	c.cfg.Clock.Disarm(&c.txTimer)
	c.txBell.Off()
	s.CSR = [256]uint32{CSRStatus: STOP, CSRFeatures: featureReset}
	s.RAP, s.RxPos, s.TxPos, s.TxContinue = 0, 0, 0, 0
	if c.cfg.MAC != [6]byte{} {
		for i := range 3 {
			s.CSR[CSRAddress+i] = uint32(s.EEPROM.Word[i])
		}
	}
	c.updateIRQ()
}

func (c *Chip) readReset() {
	c.softReset()
	c.updateEnable()
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
	c.checkLink()
	c.enable.Attach(n)
}

// checkLink takes note of the link. A chip that polls its PHY for the guest tells
// of a change (data sheet of the Am79C971, BCR32 and CSR7).
func (c *Chip) checkLink() {
	s := &c.State
	if s.Link.See(c.plugged()) && s.BCR[BCRMII]&autoPoll != 0 {
		s.CSR[CSRExtended2] |= phyChanged
		c.updateIRQ()
	}
}

func (c *Chip) updateEnable() {
	s := &c.State
	c.enable.Update(s.CSR[CSRStatus]&(RXON|TXON) != 0 && !chip.TransceiverOff(s.PHY[phyControl]))
}

func (c *Chip) plugged() bool { return c.net != nil && c.net.Plugged() }

func (c *Chip) byteInvariant() bool { return c.cfg.ByteInvariant != nil && c.cfg.ByteInvariant() }

// Read implements mem.Device for the register window. Offsets that are no
// register read 0.
func (c *Chip) Read(off uint64, size int) uint64 {
	if off < apromEnd {
		return c.readAPROM(int(off), size)
	}
	little := c.byteInvariant()
	if little && size < 4 && !c.State.DWIO {
		switch off {
		case wordRDP:
			return swap16(c.readCSR(c.State.RAP))
		case wordRAP:
			return swap16(uint32(c.State.RAP))
		case wordReset:
			c.readReset()
		case wordBDP:
			return swap16(c.readBCR(c.State.RAP))
		}
		return 0
	}
	v := uint32(0)
	switch off {
	case regRDP:
		v = c.readCSR(c.State.RAP)
	case regRAP:
		v = uint32(c.State.RAP)
	case regReset:
		c.readReset()
	case regBDP:
		v = c.readBCR(c.State.RAP)
	}
	if little {
		v = bits.ReverseBytes32(v)
	}
	return uint64(v)
}

// Write implements mem.Device; see Read.
func (c *Chip) Write(off uint64, size int, v uint64) {
	c.write(off, size, v)
	c.updateEnable()
}

func (c *Chip) write(off uint64, size int, v uint64) {
	w := uint32(v)
	if c.byteInvariant() {
		if size < 4 && !c.State.DWIO {
			w = uint32(bits.ReverseBytes16(uint16(v)))
			switch off {
			case wordRDP:
				c.writeCSR(c.State.RAP, w)
			case wordRAP:
				c.State.RAP = uint8(w)
			case wordBDP:
				c.writeBCR(c.State.RAP, w)
			}
			return
		}
		w = bits.ReverseBytes32(w)
	}
	switch off {
	case regRDP:
		c.State.DWIO = c.State.DWIO || size >= 4
		c.writeCSR(c.State.RAP, w)
	case regRAP:
		c.State.RAP = uint8(w)
	case regBDP:
		c.writeBCR(c.State.RAP, w)
	}
}

func swap16(v uint32) uint64 { return uint64(bits.ReverseBytes16(uint16(v))) }

// readAPROM reads the first 16 bytes of the EEPROM, which the chip shows as
// bytes. On a word-invariant bus byte n of a word is byte n XOR 3.
func (c *Chip) readAPROM(off, size int) (v uint64) {
	if c.cfg.MAC == [6]byte{} {
		return 0
	}
	flip := 3
	if c.byteInvariant() {
		flip = 0
	}
	for i := off; i < off+size; i++ {
		at := (i ^ flip) % apromEnd
		v = v<<8 | uint64(byte(c.State.EEPROM.Word[at/2]>>(at%2*8)))
	}
	return v
}

func (c *Chip) readCSR(n uint8) uint32 {
	s := &c.State
	switch n {
	case CSRStatus:
		v := s.CSR[n]
		if v&(BABL|CERR|MISS|MERR) != 0 {
			v |= ERR
		}
		if c.pending() {
			v |= INTR
		}
		return v
	case CSRRingLengths:
		return s.CSR[n] & 0xFF00
	case CSRStyle:
		return s.BCR[BCRStyle]
	case CSRChipIDLow:
		return uint32(c.cfg.Model)
	case CSRChipIDHigh:
		return uint32(c.cfg.Model >> 16)
	}
	return s.CSR[n]
}

func (c *Chip) writeCSR(n uint8, v uint32) {
	s := &c.State
	switch n {
	case CSRStatus:
		c.writeStatus(v)
		return
	case CSRFeatures:
		s.CSR[n] = v&^(featureEvents|userCmd) | s.CSR[n]&featureEvents&^v
		if v&userCmd != 0 {
			s.CSR[n] |= userIntr
		}
	case CSRExtended:
		s.CSR[n] = v&^extendedEvents | s.CSR[n]&extendedEvents&^v
	case CSRExtended2:
		s.CSR[n] = v&^extended2Events | s.CSR[n]&extended2Events&^v
	case CSRRingLengths:
		s.CSR[n] = v & 0xFF00
		c.setRingLengths(v>>8&0xF, v>>12&0xF)
	case CSRMode:
		s.CSR[n] = v
		c.updateRunning()
	case CSRStyle:
		s.BCR[BCRStyle] = v
	case CSRChipIDLow, CSRChipIDHigh: // read-only
	default:
		s.CSR[n] = v
	}
	c.updateIRQ()
	c.transmit()
}

func (c *Chip) writeStatus(v uint32) {
	s := &c.State
	if v&STOP != 0 {
		s.CSR[CSRStatus] = STOP
		s.RxPos, s.TxPos, s.TxContinue = 0, 0, 0
		c.cfg.Clock.Disarm(&c.txTimer)
		c.txBell.Off()
		c.updateIRQ()
		return
	}
	s.CSR[CSRStatus] &^= v & statusEvents
	s.CSR[CSRStatus] = s.CSR[CSRStatus]&^IENA | v&IENA
	if v&INIT != 0 {
		s.CSR[CSRStatus] = s.CSR[CSRStatus]&^STOP | INIT
		c.initialise()
	}
	if v&STRT != 0 {
		s.CSR[CSRStatus] = s.CSR[CSRStatus]&^STOP | STRT
		c.updateRunning()
	}
	if v&TDMD != 0 {
		c.txBell.Demanded()
	}
	c.updateIRQ()
	c.transmit() // STRT and TDMD; a scan that finds nothing is cheap
}

// updateRunning takes the mode into account once the chip has been started.
func (c *Chip) updateRunning() {
	s := &c.State
	if s.CSR[CSRStatus]&STRT == 0 {
		return
	}
	s.CSR[CSRStatus] &^= RXON | TXON
	if s.CSR[CSRMode]&rxOff == 0 {
		s.CSR[CSRStatus] |= RXON
	}
	if s.CSR[CSRMode]&txOff == 0 {
		s.CSR[CSRStatus] |= TXON
	} else {
		c.txBell.Off()
	}
}

func (c *Chip) readBCR(n uint8) uint32 {
	s := &c.State
	switch n {
	case BCRFullDuplex:
		return 1
	case BCRBurst:
		if c.byteInvariant() && s.DWIO {
			return s.BCR[n] | burstDWIO
		}
	case BCREEPROM:
		return c.readEEPROM()
	case BCRMIIData:
		return uint32(c.readPHY(s.BCR[BCRMIIAddress]))
	}
	return s.BCR[n]
}

func (c *Chip) writeBCR(n uint8, v uint32) {
	s := &c.State
	switch n {
	case BCREEPROM:
		c.writeEEPROM(v)
		return
	case BCRMIIData:
		c.writePHY(s.BCR[BCRMIIAddress], uint16(v))
		return
	case BCRTimer:
		s.BCR[n] = v
		c.startTimer()
		return
	}
	s.BCR[n] = v
}

// pending reports whether some unmasked event is set.
func (c *Chip) pending() bool {
	csr := &c.State.CSR
	features := csr[CSRFeatures]
	// UINT has no mask; the others' masks are one bit lower.
	enabled := ^(features << 1) | userIntr
	return csr[CSRStatus]&statusInterrupts&^csr[CSRMask]|
		features&featureEvents&enabled|
		csr[CSRExtended]&extendedEvents&(csr[CSRExtended]<<1)|
		csr[CSRExtended2]&extended2Events&(csr[CSRExtended2]<<1) != 0
}

func (c *Chip) event(mask uint32) {
	c.State.CSR[CSRStatus] |= mask
	c.updateIRQ()
}

func (c *Chip) updateIRQ() {
	level := c.State.CSR[CSRStatus]&IENA != 0 && c.pending()
	if level != c.level {
		c.level = level
		if c.cfg.IRQ != nil {
			c.cfg.IRQ(level)
		}
	}
}

// startTimer sets the software timer off, which then comes again with the
// period in BCR31. 0, which the data sheet leaves open, stops it.
func (c *Chip) startTimer() {
	s := &c.State
	period := int64(s.BCR[BCRTimer]&0xFFFF) * timerTick
	if period == 0 {
		s.TimerDeadline = 0
		c.cfg.Clock.Disarm(&c.timer)
		return
	}
	// From now on and not from the old deadline, so that a machine that was
	// stopped does not catch up on expirations.
	s.TimerDeadline = c.cfg.Clock.Now() + period
	c.cfg.Clock.Arm(&c.timer, s.TimerDeadline)
}

func (c *Chip) timerExpired() {
	c.startTimer()
	c.State.CSR[CSRExtended2] |= softTimer
	c.updateIRQ()
}
