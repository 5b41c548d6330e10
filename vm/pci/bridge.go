package pci

// IDs of PCI-to-PCI bridges, device ID << 16 | vendor ID (c7200 reference, 5.3).
const (
	DEC21050 = 0x00011011
	DEC21052 = 0x00211011
	DEC21150 = 0x00231011
	DEC21152 = 0x00241011
	DEC21154 = 0x00261011
	PI7C8150 = 0x815012D8 // Pericom
	PCI2050B = 0xAC28104C // Texas Instruments
)

// Configuration registers of a bridge.
const (
	regClass   = 0x08 // class code and revision
	regBusInfo = 0x18 // 7:0 primary, 15:8 secondary, 23:16 subordinate bus

	// classBridge is class 06 04 00, revision 0.
	classBridge = 0x06040000
)

// Bridge is a PCI-to-PCI bridge. Its memory and I/O windows have no effect:
// every mapped window is reachable always, so only the bus numbers are kept
// (c7200 reference, 5.3).
type Bridge struct {
	DeviceID uint32 // device ID << 16 | vendor ID
	Behind   *Bus   // the secondary bus; nil when nothing is wired to it
	State    BridgeState
}

// BridgeState is what the guest can change in a Bridge.
type BridgeState struct {
	// BusInfo is register 0x18 as last written.
	BusInfo uint32
	// Programmed tells that the guest has written register 0x18; until then
	// nothing behind the bridge is reachable.
	Programmed bool
}

func (b *Bridge) secondary() int   { return int(b.State.BusInfo >> 8 & 0xFF) }
func (b *Bridge) subordinate() int { return int(b.State.BusInfo >> 16 & 0xFF) }

func (b *Bridge) leadsTo(bus int) bool {
	return b.State.Programmed && b.secondary() <= bus && bus <= b.subordinate()
}

// ID implements Function.
func (b *Bridge) ID() uint32 { return b.DeviceID }

// ConfigRead implements Function.
func (b *Bridge) ConfigRead(reg uint8) uint32 {
	switch reg {
	case regClass:
		return classBridge
	case regBusInfo:
		return b.State.BusInfo
	}
	return 0
}

// ConfigWrite implements Function. Register 0x18 takes effect at once.
func (b *Bridge) ConfigWrite(reg uint8, v uint32) {
	if reg == regBusInfo {
		b.State = BridgeState{BusInfo: v, Programmed: true}
	}
}
