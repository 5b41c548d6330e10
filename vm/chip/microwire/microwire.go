// Package microwire models the 93C46, the serial EEPROM of 64 words of 16 bits
// that sits beside Ethernet controllers, with address and data most significant
// bit first. (The EEPROMs of the router's own cards answer the other way round;
// see package nmc93c46.)
//
// Source: adapters-7200 reference 6.3 and 21, which follow the 93C46 data sheet.
package microwire

// Words is the number of 16-bit words of an EEPROM.
const Words = 64

// EEPROM is the whole state of a 93C46: its words and where it is in a command.
type EEPROM struct {
	Word [Words]uint16

	Out bool // level of DO

	Selected, Clock bool   // levels of CS and SK
	Enabled         bool   // erase and write are enabled
	Shift           uint32 // bits since the start bit, the last one in bit 0
	Count           int    // bits since the start bit, itself included
	Reading         bool
}

// Opcodes behind the start bit.
const (
	extended = 0 // the top address bits tell: 11 enable, 00 disable, 10 erase all, 01 write all
	store    = 1
	fetch    = 2
	erase    = 3
)

// New returns an EEPROM that holds words; the rest is erased, all ones.
func New(words ...uint16) EEPROM {
	e := EEPROM{Out: true}
	for i := range e.Word {
		e.Word[i] = 0xFFFF
	}
	copy(e.Word[:], words)
	return e
}

// Pins takes new levels of the three inputs.
func (e *EEPROM) Pins(cs, clock, in bool) {
	rising := clock && !e.Clock
	e.Clock = clock
	if !cs || !e.Selected {
		e.Selected = cs
		e.Shift, e.Count, e.Reading, e.Out = 0, 0, false, true
		return
	}
	if !rising {
		return
	}
	if e.Reading {
		// Words follow one another while the clock runs.
		n := e.Count
		e.Count = (n + 1) % (16 * Words)
		e.Out = e.Word[(e.Shift+uint32(n/16))%Words]>>(15-n%16)&1 != 0
		return
	}
	if e.Count == 0 && !in {
		return // before the start bit
	}
	e.Shift <<= 1
	if in {
		e.Shift |= 1
	}
	e.Count++
	switch e.Count {
	case 9:
		e.addressed()
	case 25:
		e.stored()
	}
}

func (e *EEPROM) fill(v uint16) {
	for i := range e.Word {
		e.Word[i] = v
	}
}

func (e *EEPROM) addressed() {
	addr := e.Shift & (Words - 1)
	switch e.Shift >> 6 & 3 {
	case fetch:
		e.Reading, e.Shift, e.Count = true, addr, 0
		e.Out = false // the dummy bit before the data
	case erase:
		if e.Enabled {
			e.Word[addr] = 0xFFFF
		}
	case extended:
		switch addr >> 4 {
		case 3:
			e.Enabled = true
		case 0:
			e.Enabled = false
		case 2:
			if e.Enabled {
				e.fill(0xFFFF)
			}
		}
	}
}

// stored is called with 16 data bits behind the address.
func (e *EEPROM) stored() {
	addr, data := e.Shift>>16&(Words-1), uint16(e.Shift)
	if !e.Enabled {
		return
	}
	switch op := e.Shift >> 22 & 3; {
	case op == store:
		e.Word[addr] = data
	case op == extended && addr>>4 == 1:
		e.fill(data)
	}
}
