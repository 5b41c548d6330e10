// Package pd6729 models the Cirrus Logic CL-PD6729 PCI-to-PCMCIA controller as
// far as guests use it: its PCI identity, and the index and data registers of
// its two sockets. The windows that a guest programs do not move the cards,
// which a board decodes at fixed addresses.
//
// Source: PD6729 data sheet for the registers; c7200 reference, 11.1.
package pd6729

// ID is the PCI identity: Cirrus Logic, PD6729. There are no other registers in
// configuration space here.
const ID = 0x11001013

// Register indices of socket A; those of socket B are SocketB higher.
const (
	RegRevision  = 0x00
	RegStatus    = 0x01
	RegInterrupt = 0x03
	RegFIFO      = 0x17
	SocketB      = 0x40

	registers = 0x80
)

// What the registers read.
const (
	revision      = 0x48
	statusEmpty   = 0x80
	statusPresent = 0xEF // powered, ready, card detected
	interrupt     = 0x40 // no reset
	fifoEmpty     = 0x80

	regExtendedIndex = 0x2E
)

// Sockets is how many cards the controller has.
const Sockets = 2

// State is the controller's registers.
type State struct {
	Index uint8
	Regs  [registers]uint8
}

// Controller is one PD6729.
type Controller struct {
	present [Sockets]bool
	State   State
}

// New returns a controller with cards in some sockets.
func New(present [Sockets]bool) *Controller { return &Controller{present: present} }

// Reset clears the registers.
func (c *Controller) Reset() { c.State = State{} }

// ID implements pci.Function.
func (*Controller) ID() uint32 { return ID }

// ConfigRead implements pci.Function.
func (*Controller) ConfigRead(uint8) uint32 { return 0 }

// ConfigWrite implements pci.Function.
func (*Controller) ConfigWrite(uint8, uint32) {}

// Index reads the index register.
func (c *Controller) Index() uint8 { return c.State.Index }

// SetIndex selects a register.
func (c *Controller) SetIndex(v uint8) { c.State.Index = v }

// Data reads the selected register.
func (c *Controller) Data() uint8 {
	i := c.State.Index
	if i >= registers {
		return 0
	}
	switch i % SocketB {
	case RegRevision:
		return revision
	case RegStatus:
		if c.present[i/SocketB] {
			return statusPresent
		}
		return statusEmpty
	case RegInterrupt:
		return interrupt
	case RegFIFO:
		return fifoEmpty
	case regExtendedIndex:
		return 0
	}
	return c.State.Regs[i]
}

// SetData writes the selected register.
func (c *Controller) SetData(v uint8) {
	i := c.State.Index
	if i >= registers {
		return
	}
	switch i % SocketB {
	case RegRevision, RegStatus, RegInterrupt, RegFIFO, regExtendedIndex:
	default:
		c.State.Regs[i] = v
	}
}
