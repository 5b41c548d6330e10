package c7200

import (
	"dynemu/vm/chip/ds1620"
	"dynemu/vm/chip/nmc93c46"
	"dynemu/vm/chip/scn2681"
)

// Registers of the IO FPGA at 0x1E840000 (c7200 reference, 6.1).
const (
	ioControl    = 0x204
	ioTempPins   = 0x20C
	ioTempOut    = 0x214 // also the A/D converter's multiplexer
	ioEEPROM     = 0x21C // CPU and midplane
	ioTempIn     = 0x22C
	ioFlashID    = 0x23C
	ioVoltages   = 0x254
	ioADResult   = 0x257
	ioNetStatusC = 0x294
	ioNetMaskC   = 0x2A4
	ioPAStatus2  = 0x2D4
	ioPAControl2 = 0x2DC
	ioEEPROM7    = 0x2E4
	ioOIRStatus2 = 0x2F4
	ioPEM        = 0x388
	ioPresence   = 0x390
	ioPCMCIA     = 0x3D6
	ioDUART      = 0x404
	ioDUARTEnd   = 0x480
)

const (
	ioControlPacked = 0x04   // NVRAM is packed
	flashID         = 0x2704 // one bank, 8 MB (c7200 reference, 6.5)
	fpgaVersion     = 0x0102
	ioCardPresent   = 1 << 24
	pcmciaStatus    = 0x33
	tempClock       = 1 << 4
	numSensors      = 4
	adGood          = 127 // every voltage reads right
)

// ioState is what the IO FPGA stores.
type ioState struct {
	Control, Mux     uint32
	PAControl2, OIR2 uint32
}

// ioFPGA is the IO FPGA with what hangs on it. It is a mem.Device.
type ioFPGA struct {
	net     *netIRQ
	eeprom  *nmc93c46.Group // CPU and midplane
	eeprom7 *nmc93c46.Group // bay 7
	pem     *nmc93c46.Group
	sensors [numSensors]ds1620.Sensor
	duart   *scn2681.DUART
	power   func() uint32 // the two power supplies' bits
	ioCard  func() bool   // an I/O card is in slot 0
	State   ioState
}

func (f *ioFPGA) reset() {
	f.State = ioState{}
	f.eeprom.Reset()
	f.eeprom7.Reset()
	f.pem.Reset()
	for i := range f.sensors {
		f.sensors[i].Reset()
	}
	f.duart.Reset()
}

// voltage is the A/D converter's result for the multiplexer's setting (c7200
// reference, 6.4).
func (f *ioFPGA) voltage() uint64 {
	switch f.State.Mux {
	case 0x00: // power supply 0
		return adGood * uint64(f.power()&1)
	case 0x02: // power supply 1
		return adGood * uint64(f.power()>>1&1)
	case 0x04, 0x08, 0x0A, 0x0C: // +3.3, +12, +5, -12 V
		return adGood
	}
	return 0
}

// Read implements mem.Device.
func (f *ioFPGA) Read(off uint64, size int) uint64 {
	if off >= ioDUART && off < ioDUARTEnd {
		return f.duart.Read(off-ioDUART, size)
	}
	switch off {
	case ioControl:
		return uint64(f.State.Control | ioControlPacked)
	case ioEEPROM:
		return uint64(f.eeprom.Read())
	case ioTempIn:
		var v uint64
		for i := range f.sensors {
			if f.sensors[i].DQ() {
				v |= 1 << i
			}
		}
		return v
	case ioFlashID:
		return flashID
	case ioVoltages:
		return 0xFFFFFFFF
	case ioADResult:
		return f.voltage()
	case ioNetStatusC:
		return uint64(f.net.State.Status[wordC])
	case ioNetMaskC:
		return uint64(f.net.State.Mask[wordC])
	case ioPAControl2:
		return uint64(f.State.PAControl2)
	case ioEEPROM7:
		return uint64(f.eeprom7.Read())
	case ioOIRStatus2:
		return uint64(f.State.OIR2)
	case ioPEM:
		return uint64(f.pem.Read())
	case ioPresence:
		if f.ioCard() {
			return fpgaVersion | ioCardPresent
		}
		return fpgaVersion
	case ioPCMCIA:
		return pcmciaStatus
	}
	return 0
}

// Write implements mem.Device.
func (f *ioFPGA) Write(off uint64, size int, v64 uint64) {
	if off >= ioDUART && off < ioDUARTEnd {
		f.duart.Write(off-ioDUART, size, v64)
		return
	}
	switch v := uint32(v64); off {
	case ioControl:
		f.State.Control = v
	case ioTempPins:
		for i := range f.sensors {
			f.sensors[i].Pins(v>>i&1 != 0, v&tempClock != 0)
		}
	case ioTempOut:
		f.State.Mux = v
		for i := range f.sensors {
			f.sensors[i].SetDQ(v&1 != 0)
		}
	case ioEEPROM:
		f.eeprom.Write(v)
	case ioNetMaskC:
		f.net.setMask(wordC, v)
	case ioPAControl2:
		f.State.PAControl2 = v
	case ioEEPROM7:
		f.eeprom7.Write(v)
	case ioOIRStatus2:
		f.State.OIR2 &^= v
	case ioPEM:
		f.pem.Write(v)
	}
}
