// Package card holds the port adapters, network modules and I/O cards: each is
// an EEPROM image and the chips behind it. A card knows nothing of boards; a
// board gives it a Slot.
//
// Source: adapters-7200 reference sections 1 to 8 and 20.
package card

import (
	"dynemu/vm/chip"
	"dynemu/vm/event"
	"dynemu/vm/mem"
	"dynemu/vm/pci"
)

// Slot is what a board offers to the card in one of its slots.
type Slot struct {
	Number int      // slot number on the board
	Bus    *pci.Bus // the bus that the card's functions sit on
	Device int      // PCI device number of the card's first function
	Map    *mem.Map // for register windows and DMA
	Clock  event.Clock
	// IRQ returns the interrupt output for the card's interrupt bit n (0..7).
	IRQ func(n int) chip.IRQ
	// RaiseNetwork raises the processor's network interrupt without any bit of
	// the slot, until the board looks at the bits of its slots again.
	RaiseNetwork func()
	// RaiseManagement raises the interrupt of the cards' management, which the
	// guest takes away at the board.
	RaiseManagement func()
	Log             chip.Logf
}

// Kind tells what a port carries.
type Kind int

// The kinds of port.
const (
	Ethernet Kind = iota
	Serial
	ATM
	POS
)

// Port is one network port of a card.
type Port interface {
	Kind() Kind
	// Letter is the interface letter of lab files: e, f, g, s, a or p.
	Letter() string
	// Attach connects the port to a wire; nil unplugs it.
	Attach(n chip.Network)
	// Ready reports whether a frame that arrives now is either taken or
	// unwanted: false tells that the guest has left the chip no room for it.
	Ready() bool
	// Receive takes a frame that came from the wire. It is called on the
	// machine's goroutine; the chip copies what it keeps.
	Receive(frame []byte)
}

// Card is a card in a slot.
type Card interface {
	// Name is the driver name as the Dynamips command line has it: PA-FE-TX.
	Name() string
	// EEPROM returns the image, 16-bit words, byte 2k in the high half of word k.
	EEPROM() []uint16
	Ports() []Port
	Reset()
	// Remove takes the card's functions and windows away.
	Remove()
}
