// Package chip holds what every chip model shares: how it reaches memory, its
// interrupt output and its wire. One sub-package per chip. A chip knows nothing
// of boards, of Linux or of the tree.
//
// A chip is driven by one goroutine, the machine's; it needs no locks. Its
// registers and internal state are plain fields of one struct named State, so
// that reset is an assignment and a snapshot is an encoding of it.
package chip

// IRQ is an interrupt output. It is called with the new level at every
// change, and may be called with the same level again.
type IRQ func(asserted bool)

// Memory is the bus as a bus master sees it; *mem.Map implements it.
type Memory interface {
	ReadAt(pa uint64, p []byte)
	WriteAt(pa uint64, p []byte)
	Read32(pa uint64) uint32
	Write32(pa uint64, v uint32)
}

// Watcher is a Memory that can tell of writes to RAM; *mem.Map implements it. A
// chip that the guest feeds through descriptors in RAM uses it to learn of them
// without polling (see mem.Map.Watch).
type Watcher interface {
	// Watch has fn called after every write to the RAM page that holds pa
	// until cancel is called. cancel is nil when pa is not in RAM.
	Watch(pa uint64, fn func(pa, n uint64)) (cancel func())
}

// Unmapped is the base that, given to Window.MoveTo, takes the window out of
// the map.
const Unmapped = ^uint64(0)

// Window is the chip's register window in the physical map, which moves when
// the guest writes a base address register.
type Window interface {
	// MoveTo maps the window at physical address base, at once; Unmapped takes
	// it away.
	MoveTo(base uint64)
}

// Network is the outside of a network port as the chip sees it.
type Network interface {
	// Send transmits a frame. It is valid during the call only.
	Send(frame []byte)
	// Plugged reports whether something is attached to the port.
	Plugged() bool
}

// Enabler is a Network that takes note of whether the guest uses the port: the
// far end of a cable has a signal only while the port is not shut.
type Enabler interface {
	Network
	// SetEnabled tells that the guest has shut the port, or uses it again. Until
	// it is told, a port is in use.
	SetEnabled(up bool)
}

// Backpressure is a Network that tells when it has no room. It is for chips that
// cut packets into frames and would spoil many packets with few losses.
type Backpressure interface {
	Network
	// TrySend is Send, but reports false, with nothing sent or counted, where the
	// wire has no room for the frame now.
	TrySend(frame []byte) bool
}

// Logf writes one line to the router's log. It may be nil.
type Logf func(format string, args ...any)
