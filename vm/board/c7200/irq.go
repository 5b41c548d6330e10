package c7200

import "dynemu/vm/chip"

// CPU interrupt lines, n is Cause bit 8+n (c7200 reference, 12.1).
const (
	irqNetwork    = 2
	irqManagement = 3
	irqController = 4
	irqDUART      = 5
	irqOIR        = 6
)

// numSlots is the number of slots that NPEs with a GT-64xxx have: the I/O card
// and six bays.
const numSlots = 7

// netWord is one of the status and mask pairs of network interrupts.
type netWord int

const (
	wordA    netWord = iota // MP FPGA 0x10, 0x20
	wordB                   // MP FPGA 0x18, 0x28
	wordC                   // IO FPGA 0x294, 0x2A4: slot 7, which these NPEs lack
	netWords = 3
)

// netByte says which byte of which word belongs to a slot; bit p of it is the
// card's interrupt p (c7200 reference, 7.2).
var netByte = [numSlots]struct {
	word  netWord
	shift uint
}{
	0: {wordA, 0}, 1: {wordA, 8}, 4: {wordA, 16}, 3: {wordA, 24},
	2: {wordB, 8}, 6: {wordB, 16}, 5: {wordB, 24},
}

// netIRQ gathers the interrupts of all cards on CPU line 2. Status follows the
// cards' lines.
type netIRQ struct {
	out   chip.IRQ
	State netState
}

type netState struct{ Status, Mask [netWords]uint32 }

func (n *netIRQ) reset() {
	n.State = netState{}
	n.update()
}

func (n *netIRQ) setMask(w netWord, v uint32) {
	n.State.Mask[w] = v
	n.update()
}

// line returns the interrupt output for interrupt bit p (0..7) of a slot.
func (n *netIRQ) line(slot, p int) chip.IRQ {
	at := netByte[slot]
	bit := uint32(1) << (at.shift + uint(p&7))
	return func(on bool) {
		if on {
			n.State.Status[at.word] |= bit
		} else {
			n.State.Status[at.word] &^= bit
		}
		n.update()
	}
}

// clear drops every interrupt of a slot whose card is gone.
func (n *netIRQ) clear(slot int) {
	at := netByte[slot]
	n.State.Status[at.word] &^= 0xFF << at.shift
	n.update()
}

// raise asserts the line until the next update, whatever the status is: the
// PA-4B has no bit there (12.3).
func (n *netIRQ) raise() { n.out(true) }

func (n *netIRQ) update() {
	on := false
	for w := range netWords {
		on = on || n.State.Status[w]&n.State.Mask[w] != 0
	}
	n.out(on)
}
