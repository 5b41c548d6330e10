package card

import (
	"dynemu/vm/chip"
	"dynemu/vm/chip/munich32"
	"dynemu/vm/chip/xc4013"
)

// briEEPROM is the image of the PA-4B (adapters-7200 reference, 7.3).
var briEEPROM = []uint16{
	0x013D, 0x0202, 0xFFFF, 0xFFFF, 0x490C, 0x7806, 0x0000, 0x0000,
	0x5000, 0x0000, 0x0208, 0x1900, 0x0000, 0xFFFF, 0xFFFF, 0xFFFF,
}

// briCard is a Munich32 and four TP3420As behind a gate array, which has no bit
// in the interrupt status of the slot (section 17). As in Dynamips, where the
// card is an experiment, a guest can identify it, set its controller up and
// send; nothing reaches a wire, and nothing comes from one.
func briCard(c *built, s Slot) error {
	m := munich32.New(munich32.Config{Memory: s.Map.Bus(), Clock: s.Clock, Interrupt: s.RaiseNetwork})
	w := newWindow(c, s, xc4013.WindowSize)
	g := gateArray{xc4013.New(xc4013.Config{Munich: m, Window: w, Activated: s.RaiseManagement}), m}
	w.region.Dev = g
	c.ports = append(c.ports, deaf{})
	return c.add(g)
}

// gateArray is the gate array with the Munich32 behind it, which has the same
// reset.
type gateArray struct {
	*xc4013.Chip
	munich *munich32.Chip
}

// Reset implements part.
func (g gateArray) Reset() {
	g.Chip.Reset()
	g.munich.Reset()
}

// deaf is a port that can be attached to a wire and carries nothing, as the
// ports of the cards that Dynamips calls not working. There is one a card, and
// lab files have no name for it.
type deaf struct{}

func (deaf) Kind() Kind          { return Serial }
func (deaf) Letter() string      { return "" }
func (deaf) Attach(chip.Network) {}
func (deaf) Ready() bool         { return true }
func (deaf) Receive([]byte)      {}
