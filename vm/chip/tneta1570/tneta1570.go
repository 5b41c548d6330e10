// Package tneta1570 models the Texas Instruments TNETA1570, the segmentation
// and reassembly device of the PA-A1: it cuts packets in host memory into ATM
// cells and puts cells together again.
//
// Source: adapters-7200 reference, section 14, which follows the data sheet
// SDNS033; "14.3" in a comment is a section of that reference.
//
// # What starts a transmission
//
// There is no doorbell. The device walks its schedule, one entry a cell time,
// and looks at the packet segmentation ring of each circuit that it finds;
// Dynamips does so every 10 ms. This model looks at a circuit when the guest
// writes its entry in control memory or a schedule entry that names it, and
// then watches the one word in host memory for which the circuit waits
// (chip.Doorbell), so that the guest's own store sends the packet and an idle
// circuit costs nothing. All circuits share the rate of the line: the schedule
// says which of them take part, not how fast each is, as in Dynamips.
//
// # Against Dynamips
//
// A read of the status register clears it; Dynamips does that at every fifth.
// Receive errors are reported, and a circuit that found no free buffer goes on
// with the next packet. A packet whose completion finds no room waits. The CRC of
// AAL5 is the standard's; of what arrives, those that Dynamips makes are
// taken as well. The enable bits of the configuration register are not looked
// at, as there.
package tneta1570

import (
	"slices"

	"dynemu/vm/atm"
	"dynemu/vm/chip"
	"dynemu/vm/event"
)

// WindowSize is the length of the register window in bytes.
const WindowSize = 0x200000

// MemorySize is the length of the control memory, at the beginning of the
// window, in bytes.
const MemorySize = 0x100000

// Tables in control memory, by offset in bytes (14.1).
const (
	TxSchedule    = 0x00000 // two indexes a word
	Registers     = 0x03200
	FreeRings     = 0x03800 // 8 bytes a ring
	VPITable      = 0x04000 // a word a VPI
	TxTable       = 0x08000 // 32 bytes a circuit
	RxTable       = 0x10000 // 32 bytes a circuit
	scheduleWords = 3100
	entrySize     = 32
	txEntries     = (RxTable - TxTable) / entrySize
	indexMask     = txEntries - 1
)

// RegBoard is outside of the control memory: the port adapter's physical layer.
// Router images want to see valueBoard there.
const (
	RegBoard   = 0x18000C
	valueBoard = 0xA6
)

// Registers, by offset in bytes (14.2).
const (
	RegConfig    = Registers + 0x00
	RegStatus    = Registers + 0x04
	RegMask      = Registers + 0x08
	RegTxRings   = Registers + 0x14 // last index: 12:0 ring with interrupt, 28:16 without
	RegRxRings   = Registers + 0x18 // last index: 9:0 ring with interrupt, 25:16 without
	RegSegment   = Registers + 0x1C // 23:16 last index of segmentation rings, 15:0 size of FIFO buffers in cells
	RegVCIMask   = Registers + 0x30 // 31:16
	RegReset     = Registers + 0x38 // any access
	RegTxQuiet   = Registers + 0x200
	RegTxNotify  = Registers + 0x204 // completion rings: address
	RegRxQuiet   = Registers + 0x208
	RegRxNotify  = Registers + 0x20C
	configBuffer = 1 << 1 // interrupt at the end of each buffer
	configEnable = 3 << 4 // EN_RX, EN_TX
)

// Bits of the status register. All of them are cleared by a read.
const (
	StatusTx       = 1 << 0 // an entry in the transmit completion ring
	StatusRx       = 1 << 7
	StatusTxFreeze = 1 << 8 // no room in a transmit completion ring
	StatusRxFreeze = 1 << 9
	statusClear    = 0x3FF
)

// Config is what a chip is built from. Memory and Clock must be set.
type Config struct {
	Memory chip.Memory
	Clock  event.Clock
	IRQ    chip.IRQ    // nil: interrupts go nowhere
	Window chip.Window // moved when BAR 0 is written; nil: none
	Log    chip.Logf
}

// State is everything that the chip remembers.
type State struct {
	// Memory is the control memory, in words. Registers and tables live there.
	Memory []uint32
	// Position is the next entry of each completion ring.
	TxPosition, RxPosition [rings]uint32
	// Partial holds, by index of the transmit entry, payload that is waiting for
	// the next buffer of its packet to fill a cell.
	Partial map[uint32][]byte
	// Packet holds, by word of the receive entry, the packets that are being put
	// together.
	Packet map[uint32]Packet
	// Held is a cell for which the wire had no room, nil when there is none, and
	// StuckAt the guest time in ns since when there has been none, 0 while there
	// is.
	Held    []byte
	StuckAt int64
	// TxFree is the guest time in ns at which everything sent so far has left at
	// the rate of the line.
	TxFree int64
	// TxResume is the guest time in ns at which a look at the schedule that was
	// cut short goes on; 0 when none was. TxNext is the circuit that it begins
	// with.
	TxResume int64
	TxNext   uint32
	PCI      chip.HeaderState
	Enable   chip.EnableState
}

// Packet is what the receive entry of a circuit has no room for.
type Packet struct {
	Cells uint32
	CRC   uint32 // of AAL5, up to the last cell
	Other uint32 // of Ethernet, over the same
}

// Completion rings; the numbers are those of the bit that selects them.
const (
	ringQuiet  = 0 // without interrupt
	ringNotify = 1
	rings      = 2
)

// Chip is one device. Its methods belong on the machine's goroutine.
type Chip struct {
	State State

	cfg     Config
	net     chip.Network
	enable  chip.Enable
	level   bool
	uses    [txEntries]uint32 // how often the schedule names a circuit
	named   int               // circuits that it names
	circuit [txEntries]*circuit
	timer   event.Timer
	sending bool
	last    uint32 // offset of the receive entry of the last cell
	cell    [atm.CellSize]byte
}

// circuit is the transmit side of a circuit that the schedule names.
type circuit struct {
	index uint32
	bell  chip.Doorbell
}

// New returns a chip after power-on, with no cable plugged in.
func New(cfg Config) *Chip {
	c := &Chip{cfg: cfg}
	c.timer.Fire = func() {
		c.State.TxResume = 0
		c.serveAll()
	}
	c.enable.Init(&c.State.Enable, cfg.Clock)
	c.Reset()
	return c
}

// Reset is a power-on reset. The cable stays plugged in; the window leaves the
// map.
func (c *Chip) Reset() { c.Restore(State{}) }

// Restore makes s the state of the chip, including its timer, its window and
// its interrupt output. It takes s over.
func (c *Chip) Restore(s State) {
	if len(s.Memory) != MemorySize/4 {
		s.Memory = slices.Grow(s.Memory, MemorySize/4)[:MemorySize/4]
	}
	if s.Partial == nil {
		s.Partial = map[uint32][]byte{}
	}
	if s.Packet == nil {
		s.Packet = map[uint32]Packet{}
	}
	c.State = s
	c.last = 0
	header.Place(&c.State.PCI, c.cfg.Window)
	c.updateIRQ()
	c.enable.Restore()
	c.cfg.Clock.Disarm(&c.timer)
	if s.TxResume != 0 {
		c.cfg.Clock.Arm(&c.timer, s.TxResume)
	}
	for _, v := range c.circuit {
		if v != nil {
			v.bell.Off()
		}
	}
	clear(c.circuit[:])
	clear(c.uses[:])
	c.named = 0
	for _, w := range s.Memory[:scheduleWords] {
		c.schedule(w)
	}
	c.serveAll()
}

// Attach plugs the port into a wire; nil unplugs it. Nothing that the guest
// can read tells whether it is. An Enabler is told whether the guest uses the
// port.
func (c *Chip) Attach(n chip.Network) {
	c.net = n
	c.State.StuckAt = 0
	c.enable.Attach(n)
}

// updateEnable is called after each write. The enable bits alone do not stop the
// model, so neither do they shut the port while the schedule names a circuit.
func (c *Chip) updateEnable() { c.enable.Update(*c.word(RegConfig)&configEnable != 0 || c.named > 0) }

func (c *Chip) logf(format string, args ...any) {
	if c.cfg.Log != nil {
		c.cfg.Log(format, args...)
	}
}

// word returns the word of control memory at an offset in bytes.
func (c *Chip) word(off uint32) *uint32 { return &c.State.Memory[off/4] }

func (c *Chip) updateIRQ() {
	level := *c.word(RegStatus)&*c.word(RegMask) != 0
	if level != c.level {
		c.level = level
		if c.cfg.IRQ != nil {
			c.cfg.IRQ(level)
		}
	}
}

func (c *Chip) interrupt(bits uint32) {
	*c.word(RegStatus) |= bits
	c.updateIRQ()
}

// Read implements mem.Device. Control memory answers with the whole word
// whatever the width of the access.
func (c *Chip) Read(off uint64, size int) uint64 {
	if off >= MemorySize {
		if off == RegBoard {
			return valueBoard
		}
		return 0
	}
	w := c.word(uint32(off))
	v := *w
	switch off {
	case RegStatus:
		*w &^= statusClear
		c.updateIRQ()
	case RegReset:
		c.softReset()
	}
	return uint64(v)
}

// Write implements mem.Device; see Read.
func (c *Chip) Write(off uint64, size int, v uint64) {
	if off >= MemorySize {
		return
	}
	off &^= 3
	w := c.word(uint32(off))
	old := *w
	*w = uint32(v)
	switch {
	case off < TxSchedule+4*scheduleWords:
		c.unschedule(old)
		c.schedule(uint32(v))
		c.serveWord(uint32(v))
	case off >= TxTable && off < RxTable:
		c.serve(uint32(off-TxTable) / entrySize)
	case off == RegStatus || off == RegMask:
		c.updateIRQ()
	case off == RegReset:
		c.softReset()
	}
	c.updateEnable()
}

// softReset empties what is between memory and wire; control memory stays
// (14.2).
func (c *Chip) softReset() {
	s := &c.State
	s.TxPosition, s.RxPosition = [rings]uint32{}, [rings]uint32{}
	s.Held = nil
	clear(s.Partial)
	clear(s.Packet)
}

// indexes returns the two circuits of a word of the schedule; 0 is none.
func indexes(w uint32) [2]uint32 { return [2]uint32{w & indexMask, w >> 16 & indexMask} }

func (c *Chip) schedule(w uint32) {
	for _, i := range indexes(w) {
		if i == 0 {
			continue
		}
		c.uses[i]++
		if c.circuit[i] == nil {
			v := &circuit{index: i}
			v.bell.Ring = func() { c.serve(v.index) }
			v.bell.Init(c.cfg.Memory, c.cfg.Clock)
			c.circuit[i] = v
			c.named++
		}
	}
}

func (c *Chip) unschedule(w uint32) {
	for _, i := range indexes(w) {
		if i == 0 {
			continue
		}
		if c.uses[i]--; c.uses[i] == 0 {
			c.circuit[i].bell.Off()
			c.circuit[i] = nil
			c.named--
		}
	}
}

func (c *Chip) serveWord(w uint32) {
	for _, i := range indexes(w) {
		c.serve(i)
	}
}
