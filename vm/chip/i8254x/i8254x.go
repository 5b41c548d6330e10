// Package i8254x models the Intel 82543GC, a gigabit PCI Ethernet controller
// ("Livengood", "Wiseman"), with the transceiver and the 93C46 EEPROM beside it.
//
// Sources: adapters-7200 reference, sections 3 to 5, 12 and 21.3, which follow
// Intel's software developer's manual of the family; "12.3" in a comment is a
// section of that reference.
//
// # When things happen
//
// The chip acts in the register access that asks for it: a write of TDT, or of
// TCTL with the transmitter on. A received frame is written to memory and raises
// its interrupt in the call of Receive. The delay registers (RDTR, RADV, TIDV)
// are kept and delay nothing; ITR holds back the interrupt line.
//
// # Against Dynamips
//
// The manual is followed where a correct driver can tell: reset, statistics,
// EEPROM, context and data descriptors with checksum insertion and segmentation,
// VLAN tags, padding, loopback, a read of ICR that clears for good. What Dynamips
// does is kept where only a router image can tell: identification, registers
// that start at 0, the receive status IXSM, frames on the wire that are exactly
// what the descriptors hold (IFCS is not looked at). Where the two ways conflict
// the Profile chooses.
package i8254x

import (
	"math/bits"

	"dynemu/vm/chip"
	"dynemu/vm/chip/microwire"
	"dynemu/vm/event"
)

// WindowSize is the length of the register window in bytes.
const WindowSize = 0x20000

// Register numbers of the registers with a place in State.Reg.
const (
	CTRL = iota
	EECD
	CTRLExt
	MDIC
	FCAL
	FCAH
	FCT
	VET
	ICR
	ITR
	IMS
	RCTL
	FCTTV
	TXCW
	TCTL
	TIPG
	AIT
	LEDCTL
	PBA
	FCRTL
	FCRTH
	RDBAL
	RDBAH
	RDLEN
	RDH
	RDT
	RDTR
	RXDCTL
	RADV
	TXDMAC
	TDBAL
	TDBAH
	TDLEN
	TDH
	TDT
	TIDV
	TXDCTL
	TADV
	RXCSUM
	numRegs
)

// registers lists the offsets of the registers above, the one of the 82542
// where it differs (0: none), and the bits that can be written (12.1).
var registers = [numRegs]struct{ offset, old, mask uint32 }{
	CTRL:    {0x0000, 0, 0xFFFFFFFF},
	EECD:    {0x0010, 0, 0xFFFFFFFF},
	CTRLExt: {0x0018, 0, 0xFFFFFFFF},
	MDIC:    {0x0020, 0, 0xFFFFFFFF},
	FCAL:    {0x0028, 0, 0xFFFFFFFF},
	FCAH:    {0x002C, 0, 0xFFFF},
	FCT:     {0x0030, 0, 0xFFFF},
	VET:     {0x0038, 0, 0xFFFF},
	ICR:     {0x00C0, 0, 0},
	ITR:     {0x00C4, 0, 0xFFFF},
	IMS:     {0x00D0, 0, 0},
	RCTL:    {0x0100, 0, 0xFFFFFFFF},
	FCTTV:   {0x0170, 0, 0xFFFF},
	TXCW:    {0x0178, 0, 0xFFFFFFFF},
	TCTL:    {0x0400, 0, 0xFFFFFFFF},
	TIPG:    {0x0410, 0, 0xFFFFFFFF},
	AIT:     {0x0458, 0, 0xFFFF},
	LEDCTL:  {0x0E00, 0, 0xFFFFFFFF},
	PBA:     {0x1000, 0, 0xFFFFFFFF},
	FCRTL:   {0x2160, 0x0168, 0xFFFFFFFF},
	FCRTH:   {0x2168, 0x0160, 0xFFFFFFFF},
	RDBAL:   {0x2800, 0x0110, 0xFFFFFFFF},
	RDBAH:   {0x2804, 0x0114, 0xFFFFFFFF},
	RDLEN:   {0x2808, 0x0118, 0x000FFF80},
	RDH:     {0x2810, 0x0120, 0xFFFF},
	RDT:     {0x2818, 0x0128, 0xFFFF},
	RDTR:    {0x2820, 0x0108, 0xFFFF},
	RXDCTL:  {0x2828, 0, 0xFFFFFFFF},
	RADV:    {0x282C, 0, 0xFFFF},
	TXDMAC:  {0x3000, 0, 0xFFFFFFFF},
	TDBAL:   {0x3800, 0x0420, 0xFFFFFFFF},
	TDBAH:   {0x3804, 0x0424, 0xFFFFFFFF},
	TDLEN:   {0x3808, 0x0428, 0x000FFF80},
	TDH:     {0x3810, 0x0430, 0xFFFF},
	TDT:     {0x3818, 0x0438, 0xFFFF},
	TIDV:    {0x3820, 0x0440, 0xFFFF},
	TXDCTL:  {0x3828, 0, 0xFFFFFFFF},
	TADV:    {0x382C, 0, 0xFFFF},
	RXCSUM:  {0x5000, 0, 0xFFFFFFFF},
}

// numbers finds a register by its offset divided by 4.
var numbers = func() map[uint32]int {
	m := map[uint32]int{}
	for n, r := range registers {
		m[r.offset/4] = n
		if r.old != 0 {
			m[r.old/4] = n
		}
	}
	return m
}()

// Offsets of the registers without a place in State.Reg, and of the tables.
const (
	offSTATUS = 0x0008
	offICS    = 0x00C8
	offIMC    = 0x00D8
	offRXCW   = 0x0180

	offStats  = 0x4000 // 64 counters
	offMTA    = 0x5200 // 128 words, as VFTA
	offRA     = 0x5400 // 16 pairs of low and high
	offVFTA   = 0x5600
	oldRA     = 0x0040 // the places of the 82542
	oldMTA    = 0x0200
	oldVFTA   = 0x0600
	statWords = 64
	raWords   = 32
	mtaWords  = 128
)

// Bits of CTRL.
const (
	ctrlReset   = 1 << 26
	ctrlVLAN    = 1 << 30 // VME
	ctrlPHY     = 1 << 31 // PHY_RST
	ctrlMDIO    = 1 << 20 // SWDPIN2
	ctrlMDC     = 1 << 21 // SWDPIN3
	ctrlMDIODir = 1 << 24
	ctrlMDCDir  = 1 << 25
)

// Bits of STATUS.
const (
	statusFD   = 1 << 0
	statusLU   = 1 << 1
	statusTBI  = 1 << 5
	status1000 = 2 << 6
)

// Bits of CTRL_EXT to which router cards wire the transceiver (12.4).
const (
	extMDC     = 1 << 6  // SDP6
	extMDIO    = 1 << 7  // SDP7
	extMDIODir = 1 << 11 // SDP7 is an output
)

// Bits of EECD.
const (
	eecdClock   = 1 << 0
	eecdCS      = 1 << 1
	eecdIn      = 1 << 2
	eecdOut     = 1 << 3
	eecdRequest = 1 << 6
	eecdGrant   = 1 << 7
	eecdPresent = 1 << 8
)

// Interrupt causes (12.1).
const (
	TXDW   = 1 << 0 // a transmit descriptor was written back
	TXQE   = 1 << 1 // the transmit ring is empty
	LSC    = 1 << 2 // the link has changed
	RXDMT0 = 1 << 4 // few receive descriptors are left
	RXO    = 1 << 6 // no receive descriptor for a frame
	RXT0   = 1 << 7 // a frame was received
	MDAC   = 1 << 9 // a management access is done
)

// Bits of RCTL.
const (
	rxEnable     = 1 << 1
	rxUnicast    = 1 << 3 // UPE: every unicast address
	rxMulticast  = 1 << 4 // MPE
	rxLong       = 1 << 5 // LPE
	rxLoopback   = 3 << 6 // LBM
	rxThreshold  = 8      // RDMTS
	rxOffset     = 12     // MO
	rxBroadcast  = 1 << 15
	rxSizeShift  = 16
	rxVLANFilter = 1 << 18 // VFE
	rxBigSize    = 1 << 25 // BSEX
)

// Bits of TCTL.
const (
	txEnable = 1 << 1
	txPad    = 1 << 3 // PSP
)

const (
	rahValid = 1 << 31 // RAH.AV

	// What RXCW shows of a partner that has agreed: the base page with
	// acknowledge and both duplexes.
	rxcwAgreed = 0xE0004060 // autonegotiation complete, synchronised, configuration received

	itrTick = 256 // of ITR, in nanoseconds
)

// Profile chooses between the ways of Dynamips and of the manual where a chip
// cannot go both.
type Profile int

const (
	// Router is a chip of a router card, with a copper transceiver whose
	// management interface is wired to SDP6 and SDP7. STATUS reads 3 with a
	// link. Every frame is received until the guest has put an address into
	// the receive address registers. Frames of any size are received, and one
	// that the ring has too few descriptors for leaves its beginning there.
	Router Profile = iota
	// Adapter is a chip of Intel's fibre adapter: STATUS and RXCW show a link
	// at 1000 Mb/s that was negotiated, filters hold from the start, frames
	// above 1522 bytes are dropped unless RCTL.LPE is set, and a frame for
	// which there are too few descriptors is dropped whole.
	Adapter
)

// Config is what a chip is built from. Memory and Clock must be set.
type Config struct {
	Profile Profile
	Memory  chip.Memory
	Clock   event.Clock
	IRQ     chip.IRQ    // nil: interrupts go nowhere
	Window  chip.Window // moved when base address register 0 is written; nil: none
	// MAC is the address in the EEPROM; zero means that there is none, as on
	// the router cards, whose addresses come from the chassis.
	MAC [6]byte
	// ByteInvariant reports whether the system controller keeps the order of
	// bytes between this chip and the CPU and memory. nil or false: it keeps
	// the value of 32-bit words, so that byte n of a buffer is at address
	// n XOR 3 (section 4). true: registers and descriptors are little-endian
	// and buffers in natural order.
	ByteInvariant func() bool
	// Unswap may spare detours on a word-invariant bus: it returns the address
	// of the memory behind n bytes at pa when they are within a window that
	// shows memory with the bytes of each word reversed. Through such a window
	// buffers are in natural order. nil: the window is used as it is.
	Unswap func(pa uint64, n int) (behind uint64, ok bool)
}

// State is everything that the chip remembers.
type State struct {
	Reg  [numRegs]uint32
	RA   [raWords]uint32
	MTA  [mtaWords]uint32
	VFTA [mtaWords]uint32
	Stat [statWords]uint32 // counters, by (offset - 0x4000) / 4

	Context Context
	Link    chip.Link

	// NextIRQ is the guest time in ns before which ITR keeps the line down.
	NextIRQ int64
	// TxContinue is the guest time in ns at which a scan that was cut short
	// goes on; 0 when none was.
	TxContinue int64

	SDP, SWDP MDIO // the two ways to the PHYs by pins
	PHY       [32][32]uint16
	PHYOff    bool // the guest has taken the PHY off the wire
	EEPROM    microwire.EEPROM
	PCI       chip.HeaderState
	Enable    chip.EnableState
}

// Chip is one 82543. Its methods belong on the machine's goroutine.
type Chip struct {
	State State

	cfg      Config
	net      chip.Network
	enable   chip.Enable
	level    bool
	irqTimer event.Timer
	txTimer  event.Timer
	sending  bool
	fragment []descriptor // of the frame being gathered
	frame    []byte       // maxGather bytes
	segment  []byte       // of a frame that is cut into pieces
	scratch  [16]byte     // descriptor being read
	lanes    chip.Lanes
	untagged [maxFrame]byte
	dst      [6]byte // destination of the frame being received
}

// New returns a chip after power-on, with nothing plugged in.
func New(cfg Config) *Chip {
	c := &Chip{
		cfg: cfg, frame: make([]byte, maxGather), segment: make([]byte, maxFrame),
		lanes: chip.Lanes{Memory: cfg.Memory, Unswap: cfg.Unswap},
	}
	c.irqTimer.Fire = c.updateIRQ
	c.txTimer.Fire = func() {
		c.State.TxContinue = 0
		c.transmit()
	}
	c.enable.Init(&c.State.Enable, cfg.Clock)
	c.Reset()
	return c
}

// Reset is a power-on reset. What is plugged in stays; the window leaves the
// map.
func (c *Chip) Reset() {
	c.State = State{EEPROM: newEEPROM(c.cfg.MAC), Link: chip.Link{Up: c.plugged()}}
	c.enable.Restore()
	c.softReset()
	c.moveWindow()
}

// softReset is the reset by CTRL.RST: configuration space, PHYs, EEPROM and what
// is known of the port's use keep their state.
func (c *Chip) softReset() {
	c.cfg.Clock.Disarm(&c.irqTimer)
	c.cfg.Clock.Disarm(&c.txTimer)
	s := &c.State
	*s = State{PHY: s.PHY, PHYOff: s.PHYOff, EEPROM: s.EEPROM, PCI: s.PCI, Link: s.Link, Enable: s.Enable}
	s.Reg[MDIC] = mdicReady
	s.SWDP.Line = true // SDP7 reads 0, as in Dynamips
	if c.cfg.MAC != [6]byte{} {
		w := &s.EEPROM.Word
		s.RA[0] = uint32(w[0]) | uint32(w[1])<<16
		s.RA[1] = uint32(w[2]) | rahValid
	}
	c.updateIRQ()
}

// Restore makes s the state of the chip, including its timers, its window and
// its interrupt output.
func (c *Chip) Restore(s State) {
	c.cfg.Clock.Disarm(&c.irqTimer)
	c.cfg.Clock.Disarm(&c.txTimer)
	c.State = s
	c.enable.Restore()
	c.moveWindow()
	if s.TxContinue != 0 {
		c.cfg.Clock.Arm(&c.txTimer, s.TxContinue)
	}
	c.updateIRQ()
	c.transmit()
}

// Attach plugs the port into n; nil unplugs it. There is a link while n says
// that it is plugged; the chip tells of a change when Attach is called after it.
// An Enabler is told whether the guest uses the port.
func (c *Chip) Attach(n chip.Network) {
	c.net = n
	c.checkLink()
	c.enable.Attach(n)
}

func (c *Chip) plugged() bool { return c.net != nil && c.net.Plugged() }

// checkLink raises LSC when the link is not as it was last seen. The cards of
// routers must not find a cause in ICR that Dynamips never sets, so there it
// comes only when it is enabled.
func (c *Chip) checkLink() {
	s := &c.State
	if !s.Link.See(c.plugged()) {
		return
	}
	if c.cfg.Profile == Adapter || s.Reg[IMS]&LSC != 0 {
		c.event(LSC)
	}
}

func (c *Chip) byteInvariant() bool { return c.cfg.ByteInvariant != nil && c.cfg.ByteInvariant() }

// Read implements mem.Device for the register window. Any width at the exact
// offset of a register transfers the register, as in Dynamips (12.1); other
// offsets read 0.
func (c *Chip) Read(off uint64, size int) uint64 {
	if off%4 != 0 || off >= WindowSize {
		return 0
	}
	v := c.readReg(uint32(off))
	if c.byteInvariant() {
		v = bits.ReverseBytes32(v)
	}
	return uint64(v)
}

// Write implements mem.Device; see Read.
func (c *Chip) Write(off uint64, size int, v uint64) {
	if off%4 != 0 || off >= WindowSize {
		return
	}
	w := uint32(v)
	if c.byteInvariant() {
		w = bits.ReverseBytes32(w)
	}
	c.writeReg(uint32(off), w)
	s := &c.State
	c.enable.Update(s.Reg[RCTL]&rxEnable|s.Reg[TCTL]&txEnable != 0 && !s.PHYOff)
}

// table returns the word of a table that lies at off, or nil.
func (c *Chip) table(off uint32) *uint32 {
	s := &c.State
	for _, t := range [...]struct {
		at    uint32
		words []uint32
	}{
		{offRA, s.RA[:]}, {oldRA, s.RA[:]}, {offMTA, s.MTA[:]}, {oldMTA, s.MTA[:]}, {offVFTA, s.VFTA[:]}, {oldVFTA, s.VFTA[:]},
	} {
		if n := (off - t.at) / 4; off >= t.at && n < uint32(len(t.words)) {
			return &t.words[n]
		}
	}
	return nil
}

func (c *Chip) readReg(off uint32) uint32 {
	s := &c.State
	n, known := numbers[off/4]
	if !known {
		switch {
		case off == offSTATUS:
			return c.status()
		case off == offRXCW:
			if c.cfg.Profile == Adapter && c.plugged() {
				return rxcwAgreed
			}
			return 0
		case off >= offStats && off < offStats+4*statWords:
			return c.readStat(int(off-offStats) / 4)
		}
		if p := c.table(off); p != nil {
			return *p
		}
		return 0
	}
	v := s.Reg[n]
	switch n {
	case ICR:
		s.Reg[ICR] = 0
		c.updateIRQ()
	case CTRL:
		if v&ctrlMDCDir != 0 && v&ctrlMDIODir == 0 {
			v &^= ctrlMDIO
			if s.SWDP.Line {
				v |= ctrlMDIO
			}
		}
	case CTRLExt:
		if v&extMDIODir == 0 {
			v &^= extMDIO
			if s.SDP.Line {
				v |= extMDIO
			}
		}
	case EECD:
		return c.readEECD()
	}
	return v
}

func (c *Chip) writeReg(off, v uint32) {
	s := &c.State
	n, known := numbers[off/4]
	if !known {
		switch off {
		case offICS:
			c.event(v)
			return
		case offIMC:
			s.Reg[IMS] &^= v
			c.updateIRQ()
			return
		}
		if p := c.table(off); p != nil {
			*p = v
		}
		return
	}
	old := s.Reg[n]
	s.Reg[n] = old&^registers[n].mask | v&registers[n].mask
	switch n {
	case CTRL:
		c.writeCTRL(old, v)
	case CTRLExt:
		if v&^old&extMDC != 0 {
			c.clockMDIO(&s.SDP, v&extMDIODir != 0, v&extMDIO != 0)
		}
	case EECD:
		s.EEPROM.Pins(v&eecdCS != 0, v&eecdClock != 0, v&eecdIn != 0)
	case MDIC:
		c.writeMDIC(v)
	case ICR:
		s.Reg[ICR] &^= v
		c.updateIRQ()
	case IMS:
		s.Reg[IMS] |= v
		c.updateIRQ()
	case TCTL, TDBAL, TDBAH, TDLEN, TDH, TDT:
		c.transmit()
	}
}

func (c *Chip) writeCTRL(old, v uint32) {
	s := &c.State
	if v&ctrlPHY != 0 {
		s.PHY, s.PHYOff = [32][32]uint16{}, false
		s.Reg[CTRL] &^= ctrlPHY
	}
	if v&ctrlReset != 0 {
		c.softReset()
		return
	}
	if v&ctrlMDCDir != 0 && v&^old&ctrlMDC != 0 {
		c.clockMDIO(&s.SWDP, v&ctrlMDIODir != 0, v&ctrlMDIO != 0)
	}
}

func (c *Chip) status() uint32 {
	c.checkLink()
	v := uint32(statusFD)
	if c.State.Link.Up {
		v |= statusLU
	}
	if c.cfg.Profile == Adapter {
		v |= statusTBI | status1000
	}
	return v
}

func (c *Chip) event(mask uint32) {
	c.State.Reg[ICR] |= mask
	c.updateIRQ()
}

func (c *Chip) updateIRQ() {
	s := &c.State
	level := s.Reg[ICR]&s.Reg[IMS] != 0
	if level == c.level {
		return
	}
	if level && s.Reg[ITR] != 0 {
		now := c.cfg.Clock.Now()
		if now < s.NextIRQ {
			c.cfg.Clock.Arm(&c.irqTimer, s.NextIRQ)
			return
		}
		s.NextIRQ = now + int64(s.Reg[ITR])*itrTick
	}
	c.level = level
	if c.cfg.IRQ != nil {
		c.cfg.IRQ(level)
	}
}
