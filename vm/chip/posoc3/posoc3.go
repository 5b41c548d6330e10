// Package posoc3 models the packet-over-SONET engine of the PA-POS-OC3: a ring
// of descriptors in each direction and the status of a framer. No data sheet is
// public, and not even the name of the part: registers and bits are those that
// Dynamips knows, which was written without the hardware.
//
// The engine's registers lie behind three PCI bridges, whose local address
// spaces are RxRing, TxRing and Framer; the Chip itself is the fourth PCI
// function, which has the interrupt.
//
// Source: adapters-7200 reference, sections 5 and 16.
//
// # What starts a transmission
//
// As on the Mueslix no doorbell is known. The engine looks at its ring at each
// write to the registers of the ring, and watches the word with the ownership
// bit of its next descriptor (chip.Doorbell).
//
// # The interrupt
//
// No register is known that tells of the interrupt or takes it away. Dynamips
// lets it go at every twentieth read of the framer's status, and guests that
// run there live with that; so does this model.
//
// # Against Dynamips
//
// Frames leave at once, not one every 10 ms. Descriptors of a port without a
// cable are given back, the frames are lost. A frame whose later descriptors
// are not the engine's yet waits for them. Transmit data cross the bus by lanes
// (chip.Lanes), nothing beyond a fragment is read.
package posoc3

import (
	"dynemu/vm/chip"
	"dynemu/vm/event"
	"dynemu/vm/mem"
)

// WindowSize is the length in bytes of the window of the PCI function that has
// the interrupt.
const WindowSize = 0x10000

// Registers of a ring.
const (
	RegStart   = 0x04 // of the ring; 0: the direction is off
	RegCurrent = 0x08 // descriptor
)

// Registers of the framer.
const (
	RegStatus0   = 0x300000
	RegStatus1   = 0x300004
	RegUnknown8  = 0x300008
	RegStatus2   = 0x30001C
	RegControl   = 0x300028 // 16 bits; 6: CRC of 16 bits, 7: of 32
	valueStatus  = 0xFFF
	valueUnknown = 0x7F
	controlCRC32 = 7
	// statusReads is how many reads of the status it takes until the interrupt
	// goes away.
	statusReads = 20
)

// header is the fixed part of the configuration space, which Dynamips leaves
// without any ID (22, item 21).
var header = chip.Header{MemBase: 0x10, Size: WindowSize}

// Config is what a chip is built from. Memory and Clock must be set.
type Config struct {
	Memory chip.Memory
	Clock  event.Clock
	IRQ    chip.IRQ    // nil: interrupts go nowhere
	Window chip.Window // moved when BAR 0 is written; nil: none
	// Unswap is that of chip.Lanes.
	Unswap func(pa uint64, n int) (uint64, bool)
}

// Ring is the registers of one direction: physical addresses.
type Ring struct{ Start, Current uint32 }

// State is everything that the chip remembers.
type State struct {
	Rx, Tx      Ring
	Control     uint16
	CRC         uint32 // length in bytes; 0 until the control register is written
	StatusReads int
	Interrupt   bool
	PCI         chip.HeaderState
	Enable      chip.EnableState
	// TxResume is the guest time in ns at which a scan that was cut short goes
	// on; 0 when none was.
	TxResume int64
}

// Chip is one engine. Its methods belong on the machine's goroutine.
type Chip struct {
	State State

	cfg      Config
	net      chip.Network
	enable   chip.Enable
	lanes    chip.Lanes
	bell     chip.Doorbell
	timer    event.Timer
	sending  bool
	fragment []uint32 // descriptors of the frame being gathered
	frame    [maxFrame]byte
}

// New returns a chip after power-on, with no cable plugged in.
func New(cfg Config) *Chip {
	c := &Chip{cfg: cfg, lanes: chip.Lanes{Memory: cfg.Memory, Unswap: cfg.Unswap}}
	c.bell.Ring = c.transmit
	c.bell.Init(cfg.Memory, cfg.Clock)
	c.enable.Init(&c.State.Enable, cfg.Clock)
	c.timer.Fire = func() {
		c.State.TxResume = 0
		c.transmit()
	}
	c.Reset()
	return c
}

// Reset is a power-on reset. The cable stays plugged in; the window leaves the
// map.
func (c *Chip) Reset() { c.Restore(State{}) }

// Restore makes s the state of the chip, including its timer, its window and
// its interrupt output.
func (c *Chip) Restore(s State) {
	c.State = s
	header.Place(&c.State.PCI, c.cfg.Window)
	c.enable.Restore()
	c.setIRQ(s.Interrupt)
	c.bell.Off()
	c.cfg.Clock.Disarm(&c.timer)
	if at := s.TxResume; at != 0 {
		c.cfg.Clock.Arm(&c.timer, at)
	}
	c.transmit()
}

// Attach plugs the port into a wire; nil unplugs it. Nothing that is known of the
// framer tells the guest whether it is (16). An Enabler is told whether the guest
// uses the port.
func (c *Chip) Attach(n chip.Network) {
	c.net = n
	c.enable.Attach(n)
}

// updateEnable is called after each write. A ring without a start holds its
// direction.
func (c *Chip) updateEnable() { c.enable.Update(c.State.Rx.Start|c.State.Tx.Start != 0) }

func (c *Chip) setIRQ(on bool) {
	c.State.Interrupt = on
	if c.cfg.IRQ != nil {
		c.cfg.IRQ(on)
	}
}

// ID implements pci.Function.
func (c *Chip) ID() uint32 { return header.ID }

// ConfigRead implements pci.Function.
func (c *Chip) ConfigRead(reg uint8) uint32 { return header.Read(&c.State.PCI, reg) }

// ConfigWrite implements pci.Function.
func (c *Chip) ConfigWrite(reg uint8, v uint32) { header.Write(&c.State.PCI, reg, v, c.cfg.Window) }

// Read implements mem.Device for the window of the PCI function.
func (c *Chip) Read(off uint64, size int) uint64 {
	switch off {
	case 0x404, 0x406, 0x407:
		return 0xFFFFFFFF
	}
	return 0
}

// Write implements mem.Device; nothing is known to take writes.
func (c *Chip) Write(off uint64, size int, v uint64) {}

// RxRing returns the registers of the receive ring. All registers answer at
// their exact offset with their whole value whatever the width.
func (c *Chip) RxRing() mem.Device { return &ring{&c.State.Rx, c.updateEnable} }

// TxRing returns the registers of the transmit ring.
func (c *Chip) TxRing() mem.Device {
	return &ring{&c.State.Tx, func() {
		c.transmit()
		c.updateEnable()
	}}
}

// Framer returns the registers of the framer.
func (c *Chip) Framer() mem.Device { return framer{c} }

// ring is the local address space of one direction.
type ring struct {
	state   *Ring
	written func()
}

// Read implements mem.Device.
func (r *ring) Read(off uint64, size int) uint64 {
	switch off {
	case RegStart:
		return uint64(r.state.Start)
	case RegCurrent:
		return uint64(r.state.Current)
	}
	return 0
}

// Write implements mem.Device.
func (r *ring) Write(off uint64, size int, v uint64) {
	switch off {
	case RegStart:
		r.state.Start = uint32(v)
	case RegCurrent:
		r.state.Current = uint32(v)
	}
	r.written()
}

// framer is the local address space of the framer.
type framer struct{ chip *Chip }

// Read implements mem.Device.
func (f framer) Read(off uint64, size int) uint64 {
	s := &f.chip.State
	switch off {
	case RegStatus0, RegStatus1, RegStatus2:
		if s.StatusReads++; s.StatusReads == statusReads {
			s.StatusReads = 0
			f.chip.setIRQ(false)
		}
		return valueStatus
	case RegUnknown8:
		return valueUnknown
	case RegControl:
		return uint64(s.Control)
	}
	return 0
}

// Write implements mem.Device.
func (f framer) Write(off uint64, size int, v uint64) {
	if off != RegControl {
		return
	}
	s := &f.chip.State
	s.Control, s.CRC = uint16(v), 2
	if s.Control == controlCRC32 {
		s.CRC = 4
	}
	f.chip.updateEnable()
}
