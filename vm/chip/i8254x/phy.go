package i8254x

import (
	"dynemu/vm/chip"
	"dynemu/vm/chip/microwire"
)

// Registers of the transceiver (12.4).
const (
	phyControl   = 0
	phyStatus    = 1
	phyID1       = 2
	phyID2       = 3
	phyPartner   = 5
	phyExpansion = 6
	phyStatus2   = 17

	controlReset   = 1 << 15
	controlRestart = 1 << 9
	control100     = 1 << 13

	statusUp    = 0x782C
	statusDown  = 0x7808
	status2Up   = 0x4700
	status2Down = 0x0100
)

// Bits of MDIC.
const (
	mdicData  = 0xFFFF
	mdicWrite = 1 << 26
	mdicRead  = 2 << 26
	mdicOp    = 3 << 26
	mdicReady = 1 << 28
	mdicIntr  = 1 << 29
)

// MDIOPhase is where a decoder of management frames is.
type MDIOPhase uint8

// The parts of a management frame.
const (
	MDIOIdle MDIOPhase = iota
	MDIOStart
	MDIOHeader    // opcode, PHY address, register
	MDIOReadData  // turnaround and data from the PHY
	MDIOWriteData // turnaround and data to the PHY
)

// MDIO is a management interface that the guest clocks by hand.
type MDIO struct {
	Phase MDIOPhase
	Shift uint32 // bits of the current part, the last one in bit 0
	Count int    // bits in Shift, or clocks of the read data
	Out   uint16 // register being read
	Line  bool   // level of the data pin when the guest does not drive it
}

// clockMDIO is a rising edge of the clock with the guest driving the data line
// or not. In a read the line keeps the last bit sent for one clock, and then has
// a data bit a clock (12.4).
func (c *Chip) clockMDIO(m *MDIO, driven, bit bool) {
	if m.Phase == MDIOReadData && !driven {
		if m.Count > 0 {
			m.Line = m.Out>>(16-m.Count)&1 != 0
		}
		if m.Count++; m.Count > 16 {
			m.Phase = MDIOIdle
		}
		return
	}
	if !driven {
		bit = true // the pull-up
	}
	m.Line = bit
	m.Shift <<= 1
	if bit {
		m.Shift |= 1
	}
	m.Count++
	switch m.Phase {
	case MDIOIdle, MDIOReadData: // a driven bit ends a read
		m.Phase = MDIOIdle
		if !bit {
			m.Phase = MDIOStart
		}
	case MDIOStart:
		if bit {
			m.Phase, m.Count, m.Shift = MDIOHeader, 0, 0
		}
	case MDIOHeader:
		if m.Count == 2 && m.Shift != 1 && m.Shift != 2 {
			m.Phase = MDIOIdle
		}
		if m.Count == 12 {
			m.Phase = MDIOWriteData
			if m.Shift>>10 == 2 {
				m.Phase, m.Count = MDIOReadData, 0
				m.Out = c.readPHY(m.Shift>>5&0x1F, m.Shift&0x1F)
			}
		}
	case MDIOWriteData:
		if m.Count == 30 {
			m.Phase = MDIOIdle
			c.writePHY(m.Shift>>23&0x1F, m.Shift>>18&0x1F, uint16(m.Shift))
		}
	}
}

// readPHY reads a register of a PHY; every address answers, as in Dynamips.
func (c *Chip) readPHY(phy, reg uint32) uint16 {
	c.checkLink()
	up := c.State.Link.Up
	stored := c.State.PHY[phy][reg]
	switch reg {
	case phyControl:
		return stored&^(controlReset|controlRestart) | control100
	case phyStatus:
		if c.State.Link.Read() {
			return statusUp
		}
		return statusDown
	case phyID1:
		return 0x0013
	case phyID2:
		return 0x61D4
	case phyPartner:
		if up {
			return 0x41E1
		}
		return 0
	case phyExpansion:
		if up {
			return 0x0001
		}
		return 0
	case phyStatus2:
		if up {
			return status2Up
		}
		return status2Down
	}
	return stored
}

func (c *Chip) writePHY(phy, reg uint32, v uint16) {
	s := &c.State
	s.PHY[phy][reg] = v
	if reg == phyControl {
		s.PHYOff = chip.TransceiversOff(&s.PHY)
	}
}

// writeMDIC does a management access through the register that later chips of
// the family have; it is ready at once.
func (c *Chip) writeMDIC(v uint32) {
	phy, reg := v>>21&0x1F, v>>16&0x1F
	switch v & mdicOp {
	case mdicRead:
		v = v&^mdicData | uint32(c.readPHY(phy, reg))
	case mdicWrite:
		c.writePHY(phy, reg, uint16(v))
	}
	c.State.Reg[MDIC] = v | mdicReady
	if v&mdicIntr != 0 {
		c.event(MDAC)
	}
}

// newEEPROM returns an EEPROM that holds mac, and a checksum in the last word
// that makes the sum of all words BABA.
func newEEPROM(mac [6]byte) microwire.EEPROM {
	if mac == [6]byte{} {
		return microwire.New()
	}
	w := [microwire.Words]uint16{
		0x0A: 0x4408,               // initialisation control 1: signature
		0x0B: 0x1001, 0x0C: 0x8086, // subsystem
		0x0D: idDevice, 0x0E: idVendor,
	}
	for i := range 3 {
		w[i] = uint16(mac[2*i]) | uint16(mac[2*i+1])<<8
	}
	sum := uint16(0)
	for _, x := range w {
		sum += x
	}
	w[microwire.Words-1] = 0xBABA - sum
	return microwire.New(w[:]...)
}

// readEECD reads 0 on a card without EEPROM.
func (c *Chip) readEECD() uint32 {
	s := &c.State
	if c.cfg.MAC == [6]byte{} {
		return 0
	}
	v := s.Reg[EECD]&^(eecdOut|eecdGrant) | eecdPresent
	if s.EEPROM.Out {
		v |= eecdOut
	}
	if v&eecdRequest != 0 {
		v |= eecdGrant
	}
	return v
}
