package am79c971

import "dynemu/vm/chip/microwire"

// phyAddress is the address at which the LXT971 answers.
const phyAddress = 0

// Registers of the transceiver (10.4).
const (
	phyControl     = 0
	phyStatus      = 1
	phyAdvertise   = 4
	phyPartner     = 5
	phyExpansion   = 6
	phyNextPage    = 7
	phyStatus2     = 17
	controlReset   = 1 << 15
	controlRestart = 1 << 9

	statusNoLink  = 0x7809 // 10/100, half and full, autonegotiation
	status2NoLink = 0x0100 // autonegotiation is on
)

// newPHY returns the registers as they read with a link.
func newPHY() [32]uint16 {
	p := [32]uint16{
		phyControl: 0x1000, phyStatus: 0x782D, 2: 0x0013, 3: 0x78E2, phyAdvertise: 0x01E1, phyPartner: 0xC9E1,
		phyExpansion: 0x000F, phyNextPage: 0x2001, 16: 0x0104, phyStatus2: 0x4780, 26: 0x00C8, 28: 0xFFFF,
	}
	for i := 9; i < 16; i++ {
		p[i] = 0xFFFF
	}
	return p
}

// readPHY reads the register that BCR33 names. Absent PHYs leave the pull-up.
func (c *Chip) readPHY(addr uint32) uint16 {
	phy, reg := addr>>5&0x1F, addr&0x1F
	if phy != phyAddress {
		return 0xFFFF
	}
	c.checkLink()
	up := c.State.Link.Up
	if reg == phyStatus {
		up = c.State.Link.Read()
	}
	if !up {
		switch reg {
		case phyStatus:
			return statusNoLink
		case phyPartner, phyExpansion:
			return 0
		case phyStatus2:
			return status2NoLink
		}
	}
	return c.State.PHY[reg]
}

func (c *Chip) writePHY(addr uint32, v uint16) {
	phy, reg := addr>>5&0x1F, addr&0x1F
	if phy != phyAddress {
		return
	}
	switch reg {
	case phyControl:
		if v&controlReset != 0 {
			c.State.PHY = newPHY()
			return
		}
		c.State.PHY[reg] = v &^ controlRestart
	case phyAdvertise, phyNextPage, 16, 18, 20, 30:
		c.State.PHY[reg] = v
	}
}

// newEEPROM returns an EEPROM that holds mac as drivers look for it: the
// address, zeros, a checksum of the first twelve bytes and the two letters,
// and "WW".
func newEEPROM(mac [6]byte) microwire.EEPROM {
	if mac == [6]byte{} {
		return microwire.New()
	}
	var w [8]uint16
	sum := uint16(2 * 'W')
	for i := range 3 {
		w[i] = uint16(mac[2*i]) | uint16(mac[2*i+1])<<8
		sum += uint16(mac[2*i]) + uint16(mac[2*i+1])
	}
	w[6], w[7] = sum, 'W'<<8|'W'
	return microwire.New(w[:]...)
}

// readEEPROM reads BCR19, which is plain storage on a card without EEPROM.
func (c *Chip) readEEPROM() uint32 {
	s := &c.State
	v := s.BCR[BCREEPROM]
	if c.cfg.MAC == [6]byte{} {
		return v
	}
	v = v&^(eepromReread) | eepromPresent | eepromValid
	if v&eepromPins != 0 {
		v &^= eepromData
		if s.EEPROM.Out {
			v |= eepromData
		}
	}
	return v
}

func (c *Chip) writeEEPROM(v uint32) {
	s := &c.State
	s.BCR[BCREEPROM] = v
	if c.cfg.MAC == [6]byte{} {
		return
	}
	s.EEPROM.Pins(v&eepromPins != 0 && v&eepromCS != 0, v&eepromClock != 0, v&eepromData != 0)
	if v&eepromReread != 0 && s.CSR[CSRStatus]&STOP != 0 {
		for i := range 3 {
			s.CSR[CSRAddress+i] = uint32(s.EEPROM.Word[i])
		}
	}
}
