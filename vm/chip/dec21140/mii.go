package dec21140

import "dynemu/vm/chip"

// Bits of CSR9 (9.7).
const (
	miiIn     = 1 << 19 // MDI: data from the PHY
	miiRead   = 1 << 18 // the chip does not drive the data line
	miiOut    = 1 << 17 // MDO: data to the PHY
	miiClock  = 1 << 16 // MDC
	romRead   = 1 << 14
	romWrite  = 1 << 13
	romSelect = 1 << 11
	romOut    = 1 << 3 // from the ROM
	romIn     = 1 << 2 // to the ROM
	romClock  = 1 << 1
	romCS     = 1 << 0

	// The two writes that Dynamips takes for a clock, bit 17 aside.
	dataBookWrite = romWrite | miiClock
	dataBookRead  = miiRead | romRead | miiClock
)

// phyAddress is the address at which the DP83840A answers.
const phyAddress = 1

// Registers of the transceiver.
const (
	phyControl     = 0
	phyStatus      = 1
	phyID1         = 2
	phyID2         = 3
	phyAdvertise   = 4
	phyPartner     = 5
	controlReset   = 1 << 15
	controlRestart = 1 << 9
	controlDefault = 0x3100 // autonegotiation, 100 Mb/s, full duplex
	statusAbility  = 0x7809 // 10/100, half and full, autonegotiation
	statusLink     = 1 << 2
	statusAutoneg  = 1 << 5
	idDP83840A1    = 0x2000
	idDP83840A2    = 0x5C01
	abilityAll     = 0x01E1
	partnerAll     = 0x45E1
)

// MIIPhase is where the management frame decoder is.
type MIIPhase uint8

// The parts of a management frame.
const (
	MIIIdle MIIPhase = iota
	MIIStart
	MIIHeader    // opcode, PHY address, register
	MIIReadData  // turnaround and data from the PHY
	MIIWriteData // turnaround and data to the PHY
)

// MII is the management interface with the PHYs behind it.
//
// A router image clocks it with the bit pattern of the data book, RD and WR
// included, and must see what Dynamips shows: every PHY address answers, BMSR
// is 0004 with a link and 0000 without, every other register holds what was
// written to it. A driver that leaves RD and WR clear, as Linux does, gets no
// answer at all from Dynamips; it finds a DP83840A at address 1 (9.7).
type MII struct {
	Phase MIIPhase
	Shift uint32 // bits of the current part, the last one in bit 0
	Count int    // bits in Shift, or bits of Out that were sent
	Out   uint16 // register being read
	Line  bool   // level of MDI: the PHY's, or the pull-up's
	// DataBook selects the view of Dynamips for the current frame.
	DataBook bool

	Stored [32][32]uint16 // Dynamips' registers, by PHY address
	PHY    [32]uint16     // the DP83840A
	Link   chip.Link
	// Off tells that the guest has taken the PHY off the wire.
	Off bool
}

func newMII(plugged bool) MII {
	m := MII{Line: true, Link: chip.Link{Up: plugged}}
	m.resetPHY()
	return m
}

func (m *MII) resetPHY() {
	m.PHY = [32]uint16{
		phyControl:   controlDefault,
		phyID1:       idDP83840A1,
		phyID2:       idDP83840A2,
		phyAdvertise: abilityAll,
	}
}

func (c *Chip) readCSR9() uint32 {
	s := &c.State
	v := s.CSR[CSR9SROMAndMII]
	if v&miiRead != 0 {
		v &^= miiIn
		if s.MII.Line {
			v |= miiIn
		}
	}
	if v&romSelect != 0 && v&romCS != 0 {
		v &^= romOut
		if s.SROM.Out {
			v |= romOut
		}
	}
	return v
}

func (c *Chip) writeCSR9(v uint32) {
	s := &c.State
	old := s.CSR[CSR9SROMAndMII]
	s.CSR[CSR9SROMAndMII] = v
	s.SROM.Pins(v&romSelect != 0 && v&romCS != 0, v&romClock != 0, v&romIn != 0)
	pattern := v &^ (miiOut | miiIn)
	// A clock of the data book counts without a falling edge before it: guests
	// made for Dynamips may not lower the line.
	if v&miiClock != 0 && (old&miiClock == 0 || pattern == dataBookWrite || pattern == dataBookRead) {
		c.clockMII(v&miiRead == 0, v&miiOut != 0, pattern == dataBookWrite)
	}
}

// clockMII is a rising edge of MDC.
func (c *Chip) clockMII(driven, bit, dataBook bool) {
	m := &c.State.MII
	if m.Phase == MIIReadData && !driven {
		switch {
		case m.Count == 0: // second half of the turnaround
			m.Line = false
		case m.Count <= 16:
			m.Line = m.Out>>(16-m.Count)&1 != 0
		default:
			m.Phase, m.Line = MIIIdle, true
		}
		m.Count++
		return
	}
	m.Line = true
	if !driven {
		bit = true // the pull-up
	}
	b := uint32(0)
	if bit {
		b = 1
	}
	m.Shift = m.Shift<<1 | b
	m.Count++
	switch m.Phase {
	case MIIIdle, MIIReadData: // a driven bit ends a read
		m.Phase = MIIIdle
		if !bit {
			m.Phase = MIIStart
		}
	case MIIStart:
		if bit {
			m.Phase, m.Count, m.Shift = MIIHeader, 0, 0
		}
	case MIIHeader:
		if m.Count == 2 && m.Shift != 1 && m.Shift != 2 {
			m.Phase = MIIIdle
		}
		if m.Count == 12 {
			c.miiAddressed(dataBook)
		}
	case MIIWriteData:
		if m.Count == 14 && m.Shift&3 != 2 { // turnaround
			m.Phase = MIIIdle
		}
		if m.Count == 30 {
			m.Phase = MIIIdle
			c.writePHY(int(m.Shift>>23&0x1F), int(m.Shift>>18&0x1F), uint16(m.Shift))
		}
	}
}

// miiAddressed is called with opcode, PHY address and register in Shift.
func (c *Chip) miiAddressed(dataBook bool) {
	m := &c.State.MII
	m.DataBook = dataBook
	if m.Shift>>10 == 1 {
		m.Phase = MIIWriteData
		return
	}
	m.Phase, m.Count = MIIReadData, 0
	phy, reg := int(m.Shift>>5&0x1F), int(m.Shift&0x1F)
	switch {
	case m.DataBook:
		m.Out = m.Stored[phy][reg]
		if reg == phyStatus {
			m.Out = 0
			if c.readLink() {
				m.Out = statusLink
			}
		}
	case phy == phyAddress:
		m.Out = c.readPHY(reg)
	default:
		m.Phase = MIIIdle // nobody drives the line
	}
}

// readLink reads the link bit of the PHY's status.
func (c *Chip) readLink() bool {
	link := &c.State.MII.Link
	link.See(c.plugged())
	return link.Read()
}

func (c *Chip) readPHY(reg int) uint16 {
	m := &c.State.MII
	switch reg {
	case phyStatus:
		if c.readLink() {
			return statusAbility | statusLink | statusAutoneg
		}
		return statusAbility
	case phyPartner:
		if c.plugged() {
			return partnerAll
		}
		return 0
	}
	return m.PHY[reg]
}

func (c *Chip) writePHY(phy, reg int, v uint16) {
	m := &c.State.MII
	if reg == phyControl {
		defer func() {
			m.Off = chip.TransceiversOff(&m.Stored) || chip.TransceiverOff(m.PHY[phyControl])
		}()
	}
	if m.DataBook {
		m.Stored[phy][reg] = v
		return
	}
	if phy != phyAddress {
		return
	}
	switch reg {
	case phyControl:
		if v&controlReset != 0 {
			m.resetPHY()
			return
		}
		m.PHY[reg] = v &^ controlRestart
	case phyStatus, phyID1, phyID2, phyPartner: // read-only
	default:
		m.PHY[reg] = v
	}
}
