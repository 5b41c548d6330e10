package chip

// Header is what is fixed in the configuration space of a network chip: a type 0
// header with a memory window, perhaps an I/O window, and an interrupt pin. What
// is not in it reads 0 and ignores writes (adapters-7200 reference, 3.1, 3.2).
type Header struct {
	ID        uint32 // register 0x00: device ID << 16 | vendor ID
	Class     uint32 // register 0x08: class code and revision
	Status    uint32 // upper half of register 0x04, in place
	Command   uint32 // writable bits of the lower half
	Interrupt uint32 // register 0x3C but for the line: pin, minimum grant, latency
	MemBase   uint8  // register of the memory base: 0x10 or 0x14
	IOBase    uint8  // register of the I/O base; 0: there is none
	Size      uint32 // of either window in bytes, a power of two
}

// HeaderState is the writable part of the configuration space.
type HeaderState struct {
	Command, Latency, IOBase, MemBase, InterruptLine uint32
}

// Configuration registers that every header has.
const (
	CfgCommand   = 0x04
	CfgClass     = 0x08
	CfgLatency   = 0x0C
	CfgInterrupt = 0x3C

	latencyWritable = 0xFFFF
	ioSpace         = 1
)

// Read returns a configuration register.
func (h *Header) Read(s *HeaderState, reg uint8) uint32 {
	switch {
	case reg == 0:
		return h.ID
	case reg == CfgCommand:
		return h.Status | s.Command
	case reg == CfgClass:
		return h.Class
	case reg == CfgLatency:
		return s.Latency
	case reg == h.MemBase:
		return s.MemBase
	case reg == h.IOBase:
		return s.IOBase | ioSpace
	case reg == CfgInterrupt:
		return h.Interrupt | s.InterruptLine
	}
	return 0
}

// Write sets a configuration register. A memory base takes effect at once,
// whatever the command register enables, since router images rely on it.
func (h *Header) Write(s *HeaderState, reg uint8, v uint32, w Window) {
	switch {
	case reg == 0: // also what IOBase says where there is none
	case reg == CfgCommand:
		s.Command = v & h.Command
	case reg == CfgLatency:
		s.Latency = v & latencyWritable
	case reg == h.MemBase:
		s.MemBase = v & h.mask()
		h.Place(s, w)
	case reg == h.IOBase:
		s.IOBase = v & h.mask()
	case reg == CfgInterrupt:
		s.InterruptLine = v & 0xFF
	}
}

// Place maps the memory window where the base says; 0 and all ones, which is
// what sizing writes, take it out of the map. A nil w is no window.
func (h *Header) Place(s *HeaderState, w Window) {
	if w == nil {
		return
	}
	switch s.MemBase {
	case 0, h.mask():
		w.MoveTo(Unmapped)
	default:
		w.MoveTo(uint64(s.MemBase))
	}
}

func (h *Header) mask() uint32 { return ^(h.Size - 1) }
