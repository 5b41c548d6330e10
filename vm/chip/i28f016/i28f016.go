// Package i28f016 models a flash SIMM of four Intel 28F016SA chips, 2 MB each
// and 8 bits wide, side by side on a 32-bit bus: byte address a is byte a/4 of
// chip a mod 4. Each chip has its own command register.
//
// Source: 28F016SA data sheet; c7200 reference, section 10. As in the data
// sheet, and unlike in Dynamips, programming only clears bits, an erase command
// erases the 64 KB block that its address lies in, and a chip that was asked for
// its status shows it until it gets another command.
package i28f016

import "dynemu/vm/chip"

// Geometry: bytes.
const (
	Chips     = 4
	ChipSize  = 2 << 20
	Size      = Chips * ChipSize
	BlockSize = 64 << 10 // of one chip; 256 KB of the SIMM
)

// Identifier codes, at chip offsets 0 and 1.
const (
	Manufacturer = 0x89
	Device       = 0xA0
)

// Commands.
const (
	CmdReadArray      = 0xFF
	CmdReadIdentifier = 0x90
	CmdReadStatus     = 0x70
	CmdClearStatus    = 0x50
	CmdProgram        = 0x40
	CmdProgramAlt     = 0x10
	CmdErase          = 0x20
	CmdConfirm        = 0xD0
	CmdWriteToBuffer  = 0xE8 // of the family's later parts; up to 32 bytes
)

// StatusReady is the status register: ready, no error. Nothing takes time here.
const StatusReady = 0x80

// bufferSize is how much CmdWriteToBuffer takes.
const bufferSize = 32

// Mode is what a chip does with the next access.
type Mode uint8

// The modes.
const (
	Array         Mode = iota
	Identifier         // reads give the identifier codes
	Status             // reads give the status, writes are commands
	Program            // the next write is the byte to program
	Erase              // the next write confirms
	BufferCount        // the next write is the number of bytes less 1
	BufferData         // the next writes are the bytes
	BufferConfirm      // the next write commits them
)

// Chip is the state of one of the chips.
type Chip struct {
	Mode   Mode
	Start  int // chip offset of the buffered write
	Count  int // bytes that it has
	Filled int // bytes written so far
	Buffer [bufferSize]byte
	Set    [bufferSize]bool
}

// State is the SIMM without its content.
type State struct {
	Chip [Chips]Chip
}

// line is how much of the content is kept at hand, in bytes.
const line = 4096

// SIMM is the four chips. It is a mem.Device.
type SIMM struct {
	store chip.Storage
	dirty func()
	log   chip.Logf

	// The content around the last access, so that reading the array does not
	// ask the store for every word.
	at     int64 // -1: nothing
	cached [line]byte

	State State
}

// New returns a SIMM whose content is in store. Where store is shorter than
// Size it reads as erased and takes nothing. dirty, if not nil, is called after
// every change of the content.
func New(store chip.Storage, dirty func(), log chip.Logf) *SIMM {
	if dirty == nil {
		dirty = func() {}
	}
	if log == nil {
		log = func(string, ...any) {}
	}
	return &SIMM{store: store, dirty: dirty, log: log, at: -1}
}

// Reset puts every chip into array mode. The content stays.
func (s *SIMM) Reset() { s.State = State{} }

func (s *SIMM) byteAt(off int64) byte {
	base := off &^ (line - 1)
	if base != s.at {
		for i := range s.cached {
			s.cached[i] = 0xFF
		}
		if n := min(line, s.store.Size()-base); n > 0 {
			if _, err := s.store.ReadAt(s.cached[:n], base); err != nil {
				s.log("read at 0x%x: %v", base, err)
			}
		}
		s.at = base
	}
	return s.cached[off-base]
}

// put stores p at off.
func (s *SIMM) put(p []byte, off int64) {
	s.at = -1
	if n := s.store.Size() - off; int64(len(p)) > n {
		p = p[:max(n, 0)]
	}
	if _, err := s.store.WriteAt(p, off); err != nil {
		s.log("write at 0x%x: %v", off, err)
	}
	s.dirty()
}

// Read implements mem.Device.
func (s *SIMM) Read(off uint64, size int) (v uint64) {
	for i := range uint64(size) {
		v = v<<8 | uint64(s.read(off+i))
	}
	return v
}

func (s *SIMM) read(off uint64) byte {
	off %= Size
	switch c := &s.State.Chip[off%Chips]; c.Mode {
	case Array:
		return s.byteAt(int64(off))
	case Identifier:
		switch off / Chips {
		case 0:
			return Manufacturer
		case 1:
			return Device
		}
		return 0
	default:
		return StatusReady
	}
}

// Write implements mem.Device.
func (s *SIMM) Write(off uint64, size int, v uint64) {
	for i := range uint64(size) {
		s.write(off+i, byte(v>>(8*(uint64(size)-1-i))))
	}
}

func (s *SIMM) write(off uint64, v byte) {
	off %= Size
	n, at := int(off%Chips), int(off/Chips)
	c := &s.State.Chip[n]
	switch c.Mode {
	case Array, Identifier, Status:
		s.command(c, at, v)
	case Program:
		s.put([]byte{s.byteAt(int64(off)) & v}, int64(off))
		c.Mode = Status
	case Erase:
		if v == CmdConfirm {
			s.erase(n, at&^(BlockSize-1))
			c.Mode = Status
		}
	case BufferCount:
		c.Count, c.Mode = int(v)%bufferSize+1, BufferData
	case BufferData:
		if i := at - c.Start; i >= 0 && i < c.Count {
			c.Buffer[i], c.Set[i] = v, true
		}
		if c.Filled++; c.Filled == c.Count {
			c.Mode = BufferConfirm
		}
	case BufferConfirm:
		if v == CmdConfirm {
			s.commit(n, c)
		}
		c.Mode = Array
	}
}

func (s *SIMM) command(c *Chip, at int, v byte) {
	switch v {
	case CmdReadArray, CmdClearStatus:
		c.Mode = Array
	case CmdReadIdentifier:
		c.Mode = Identifier
	case CmdReadStatus:
		c.Mode = Status
	case CmdProgram, CmdProgramAlt:
		c.Mode = Program
	case CmdErase:
		c.Mode = Erase
	case CmdWriteToBuffer:
		*c = Chip{Mode: BufferCount, Start: at}
	default:
		s.log("unknown command 0x%02x at chip offset 0x%x", v, at)
	}
}

// span returns the content from byte at of a chip, n bytes of the chip long.
func (s *SIMM) span(at, n int) []byte {
	p := make([]byte, n*Chips)
	for i := range p {
		p[i] = 0xFF
	}
	off := int64(at) * Chips
	if k := min(int64(len(p)), s.store.Size()-off); k > 0 {
		if _, err := s.store.ReadAt(p[:k], off); err != nil {
			s.log("read at 0x%x: %v", off, err)
		}
	}
	return p
}

// erase sets the block of chip n that starts at byte at to 0xFF.
func (s *SIMM) erase(n, at int) {
	p := s.span(at, BlockSize)
	for i := n; i < len(p); i += Chips {
		p[i] = 0xFF
	}
	s.put(p, int64(at)*Chips)
}

// commit programs what was buffered.
func (s *SIMM) commit(n int, c *Chip) {
	count := min(c.Count, ChipSize-c.Start)
	p := s.span(c.Start, count)
	for i := range count {
		if c.Set[i] {
			p[i*Chips+n] &= c.Buffer[i]
		}
	}
	s.put(p, int64(c.Start)*Chips)
}
