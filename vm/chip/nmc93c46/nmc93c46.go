// Package nmc93c46 models the National Semiconductor NMC93C46, a serial EEPROM
// of 64 16-bit words, and the register through which several of them are
// driven by the guest bit by bit.
//
// The order of bits is that of Cisco's boards: the six address bits and the
// sixteen data bits travel least significant first, and no dummy bit precedes
// the data (c7200 reference, 8.2). Erase and write commands do nothing.
package nmc93c46

// Words is the capacity of the part in 16-bit words.
const Words = 64

// Bits of a command as they arrive, first bit in bit 0: start bit 1, opcode
// 1 0 (READ), then address bits A0 to A5.
const (
	commandBits = 9
	opcodeMask  = 0x7
	opcodeRead  = 0x3
	addrShift   = 3
	addrMask    = 0x3F
)

// Phase is what a selected EEPROM does with the next rising clock edge.
type Phase uint8

// The phases of a transfer.
const (
	Inactive Phase = iota
	Command        // a bit of the command is taken from DIN
	Data           // the next data bit is put on DOUT
)

// State is the part's shift logic.
type State struct {
	Phase   Phase
	Shift   uint16 // command bits so far, first in bit 0; or the data word
	Count   uint8  // bits shifted in this phase
	DataOut bool   // level of DOUT
}

// EEPROM is one part. Content holds its words; nil is an empty socket, and
// words beyond its length read 0xFFFF.
type EEPROM struct {
	Content []uint16
	State   State
}

func (e *EEPROM) word(addr uint16) uint16 {
	if int(addr) < len(e.Content) {
		return e.Content[addr]
	}
	return 0xFFFF
}

// edges moves the part from one pair of CS and CLK levels to the next.
func (e *EEPROM) edges(oldCS, newCS, oldCLK, newCLK, din bool) {
	s := &e.State
	s.DataOut = true
	switch {
	case !newCS:
		*s = State{DataOut: true}
		return
	case !oldCS:
		*s = State{Phase: Command, DataOut: true}
	}
	if oldCLK || !newCLK {
		return
	}
	switch s.Phase {
	case Command:
		if (s.Count == 0 && !din) || s.Count >= commandBits {
			return
		}
		if din {
			s.Shift |= 1 << s.Count
		}
		s.Count++
		if s.Count == commandBits && s.Shift&opcodeMask == opcodeRead {
			*s = State{Phase: Data, Shift: e.word(s.Shift >> addrShift & addrMask), DataOut: true}
		}
	case Data:
		s.DataOut = s.Shift&1 != 0
		s.Shift >>= 1
		s.Count++
		if s.Count == 16 {
			s.Phase = Inactive
		}
	}
}

// Socket is one EEPROM and the bit numbers of its pins in the register.
type Socket struct {
	EEPROM             *EEPROM
	CS, CLK, DIN, DOUT uint8
}

// Group is a register that drives several EEPROMs. Every write is seen by all
// of them, so several may be clocked at once.
type Group struct {
	Sockets []Socket
	// State is the register's last written value.
	State struct{ Value uint32 }
}

// Reset clears the register and deselects every EEPROM.
func (g *Group) Reset() {
	g.State.Value = 0
	for _, s := range g.Sockets {
		s.EEPROM.State = State{}
	}
}

// Write sets the pins to v.
func (g *Group) Write(v uint32) {
	old := g.State.Value
	for _, s := range g.Sockets {
		s.EEPROM.edges(bit(old, s.CS), bit(v, s.CS), bit(old, s.CLK), bit(v, s.CLK), bit(v, s.DIN))
	}
	g.State.Value = v
}

// Read returns the last written value, with the DOUT bit of every selected
// EEPROM replaced by what that drives.
func (g *Group) Read() uint32 {
	v := g.State.Value
	for _, s := range g.Sockets {
		if !bit(v, s.CS) {
			continue
		}
		v &^= 1 << s.DOUT
		if s.EEPROM.State.DataOut {
			v |= 1 << s.DOUT
		}
	}
	return v
}

func bit(v uint32, n uint8) bool { return v>>n&1 != 0 }
