package card

import (
	"dynemu/vm/chip/plx9060"
	"dynemu/vm/pci"
)

// mc8te1EEPROM is the image of the PA-MC-8TE1 (adapters-7200 reference, 7.3).
var mc8te1EEPROM = []uint16{
	0x04FF, 0x4003, 0x4E41, 0x0200, 0xC18B, 0x4A41, 0x4530, 0x3834,
	0x3159, 0x3251, 0x3082, 0x491D, 0x7D02, 0x4241, 0x3003, 0x0081,
	0x0000, 0x0000, 0x0400, 0x8000, 0x0127, 0x9BCB, 0x9450, 0x412D,
	0x4D43, 0x2D38, 0x5445, 0x312B, 0x2020, 0x2020, 0x2020, 0x2020,
	0x20C0, 0x4603, 0x2000, 0x4BBB, 0x02FF, 0xFFFF, 0xFFFF, 0xFFFF,
	0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF,
	0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF,
	0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF,
}

// idFREEDM is the PM7380, an HDLC controller of which the card shows the ID
// alone.
const idFREEDM = 0x738011F8

// mc8te1Card is what Dynamips has of the PA-MC-8TE1: identification, and the
// memory through which the guest talks to the card's own processor, which is
// not there (section 18). It passes no traffic.
func mc8te1Card(c *built, s Slot) error {
	if err := c.add(idFunction{pci.IDOnly(idFREEDM)}); err != nil {
		return err
	}
	local := &localMemory{}
	c.ports = append(c.ports, deaf{})
	return c.addBridge(s, plx9060.Config{
		Model: plx9060.PCI9054, Doorbell: func(uint32) { s.RaiseManagement() },
	}, local)
}

// idFunction is a chip of which only the ID is emulated.
type idFunction struct{ pci.IDOnly }

func (idFunction) Read(uint64, int) uint64   { return 0 }
func (idFunction) Write(uint64, int, uint64) {}
func (idFunction) Reset()                    {}

// The local bus of the PA-MC-8TE1 (section 18).
const (
	localRAM     = 0x10000
	localRAMSize = 0x20000
)

// localMarks is what the firmware of the card has left for the guest to find.
var localMarks = map[uint64]uint64{0xFFF0C: 0xDEADBEEF, 0xFFF10: 0xBEEFFEED}

// localMemory is the local bus: 128 KiB of static RAM and the marks. The
// firmware's counters at its start read 0, as everything else does.
type localMemory struct{ ram [localRAMSize]byte }

func (m *localMemory) bytes(off uint64, size int) []byte {
	if o := off - localRAM; o < localRAMSize && uint64(size) <= localRAMSize-o {
		return m.ram[o : o+uint64(size)]
	}
	return nil
}

// Read implements mem.Device.
func (m *localMemory) Read(off uint64, size int) uint64 {
	v := localMarks[off]
	for _, b := range m.bytes(off, size) {
		v = v<<8 | uint64(b)
	}
	return v
}

// Write implements mem.Device.
func (m *localMemory) Write(off uint64, size int, v uint64) {
	b := m.bytes(off, size)
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = byte(v)
		v >>= 8
	}
}
