package c7200

import (
	"dynemu/vm/chip"
	"dynemu/vm/chip/nmc93c46"
)

// Registers of the midplane FPGA at 0x1E800000 (c7200 reference, 7.1).
const (
	mpNetStatusA = 0x10
	mpNetStatusB = 0x18
	mpNetMaskA   = 0x20
	mpNetMaskB   = 0x28
	mpPAMgmt     = 0x40
	mpUnknown48  = 0x48
	mpPAStatus   = 0x50
	mpPAControl  = 0x58
	mpEEPROMA    = 0x60 // bays 0, 1, 3, 4
	mpEEPROMB    = 0x68 // bays 2, 5, 6; bits 1:0 are the power supplies
	mpOIRStatus  = 0x70
)

const (
	// bayPowered is the field of a bay in PA status: 3.3 V and 5 V good.
	bayPowered = 0x6
	// paMgmtMask is what register 0x40 shows of PA status.
	paMgmtMask = 0x66666600
	// powerMask are the bits of the two power supplies.
	powerMask = 0x3
)

// bayField is the bit at which a bay's field starts in PA status (c7200
// reference, 7.3).
var bayField = [numSlots]uint{0: 0, 1: 8, 2: 12, 3: 24, 4: 16, 5: 28, 6: 20}

// mpState is what the midplane FPGA stores.
type mpState struct {
	PAControl uint32
	OIR       uint32 // bit n: card moved in bay n
	Power     uint32 // bit n: supply n is good
}

// mpFPGA is the midplane FPGA. It is a mem.Device.
type mpFPGA struct {
	net            *netIRQ
	eepromA        *nmc93c46.Group
	eepromB        *nmc93c46.Group
	present        func(slot int) bool
	irqMgmt, irqOI chip.IRQ
	powerOff       func()
	State          mpState
}

func (f *mpFPGA) reset() {
	f.State = mpState{Power: powerMask}
	f.eepromA.Reset()
	f.eepromB.Reset()
	f.irqMgmt(false)
	f.irqOI(false)
}

// paStatus is the presence of cards; slot 0 is always powered.
func (f *mpFPGA) paStatus() uint32 {
	v := uint32(bayPowered) << bayField[0]
	for slot := 1; slot < numSlots; slot++ {
		if f.present(slot) {
			v |= bayPowered << bayField[slot]
		}
	}
	return v
}

// moved notes that a card was inserted in a bay or taken out of it (c7200
// reference, 15.3). Events of several bays add up until the guest clears them.
func (f *mpFPGA) moved(slot int) {
	f.State.OIR |= 1 << slot
	f.irqOI(true)
}

// Read implements mem.Device.
func (f *mpFPGA) Read(off uint64, size int) uint64 {
	switch off {
	case mpNetStatusA, mpNetStatusA + 1, mpNetStatusA + 2, mpNetStatusA + 3:
		return uint64(f.net.State.Status[wordA])
	case mpNetStatusB, mpNetStatusB + 1, mpNetStatusB + 2, mpNetStatusB + 3:
		return uint64(f.net.State.Status[wordB])
	case mpNetMaskA:
		return uint64(f.net.State.Mask[wordA])
	case mpNetMaskB:
		return uint64(f.net.State.Mask[wordB])
	case mpPAMgmt:
		f.irqMgmt(false)
		return uint64(f.paStatus() & paMgmtMask)
	case mpUnknown48:
		return 0xFFFFFFFF
	case mpPAStatus:
		return uint64(f.paStatus())
	case mpPAControl:
		return uint64(f.State.PAControl)
	case mpEEPROMA:
		return uint64(f.eepromA.Read())
	case mpEEPROMB:
		return uint64(f.eepromB.Read()&^powerMask | f.State.Power)
	case mpOIRStatus:
		f.irqOI(false)
		return uint64(f.State.OIR)
	}
	return 0
}

// Write implements mem.Device.
func (f *mpFPGA) Write(off uint64, size int, v64 uint64) {
	v := uint32(v64)
	switch off {
	case mpNetMaskA:
		f.net.setMask(wordA, v)
	case mpNetMaskB:
		f.net.setMask(wordB, v)
	case mpPAMgmt:
		f.irqMgmt(false)
	case mpPAControl:
		f.State.PAControl = v
	case mpEEPROMA:
		f.eepromA.Write(v)
	case mpEEPROMB:
		f.eepromB.Write(v)
		f.State.Power = v & powerMask
		if f.State.Power == 0 {
			f.powerOff()
		}
	case mpOIRStatus:
		f.State.OIR &^= v
		f.irqOI(false)
	}
}
