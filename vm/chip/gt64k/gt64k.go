// Package gt64k models the Galileo GT-64010 and GT-64120 system controllers of
// the Cisco 7200 as far as the routers use them: DRAM decode values, four DMA
// channels, interrupt cause and mask, and the PCI configuration ports.
//
// The registers are little-endian; a big-endian CPU sees each of them with its
// four bytes reversed, and the values in this package are in the controller's
// own order. Registers that are not listed here read 0 and ignore writes,
// timers included.
//
// Source: c7200 reference section 4.
package gt64k

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"dynemu/vm/chip"
	"dynemu/vm/pci"
)

// Model is the part.
type Model int

// The two parts.
const (
	GT64010 Model = iota
	GT64120
)

// Register offsets.
const (
	RegRAS10Low      = 0x008
	RegRAS10High     = 0x010
	RegRAS32Low      = 0x018
	RegRAS32High     = 0x020
	RegRAS0Low       = 0x400 // low and high of RAS0 to RAS3 alternate up to 0x41C
	RegDMACount      = 0x800 // channels 0 to 3 are 4 bytes apart, likewise below
	RegDMASource     = 0x810
	RegDMADest       = 0x820
	RegDMANext       = 0x830
	RegDMAControl    = 0x840
	RegPCICommand    = 0xC00
	RegPCIRAS10Size  = 0xC08
	RegPCIRAS32Size  = 0xC0C
	RegCause         = 0xC18
	RegMask          = 0xC1C
	RegConfig1Addr   = 0xCF0 // GT-64120 only
	RegConfig1Data   = 0xCF4 // GT-64120 only
	RegConfig0Addr   = 0xCF8
	RegConfig0Data   = 0xCFC
	registerDistance = 4
	registers        = 0x1000 / registerDistance
)

// Bits of a DMA channel's control register.
const (
	DMANonChained = 1 << 9
	DMAEnable     = 1 << 12
	DMAFetchNext  = 1 << 13
)

// CauseDMA0 is the cause bit of DMA channel 0; channel n is n bits above.
const CauseDMA0 = 1 << 4

const (
	channels   = 4
	recordSize = 16
	countMask  = 0xFFFF // a record moves up to 65535 bytes
	// maxRecords and maxBytes bound one activation of a channel. A list longer
	// than this, or one that comes back to a record it has been at, is cut: the
	// transfer happens within the guest's store, which must end soon.
	maxRecords = 65536
	maxBytes   = 64 << 20
	copyUnit   = 4096 // a transfer is checked and copied page by page
)

// fixed are the registers that always read the same (c7200 reference, 4.2).
// The decode values do not follow the memory size. The index is the offset in
// words.
var fixed = [registers]uint32{
	RegRAS10Low / 4: 0x000, RegRAS10High / 4: 0x7F, RegRAS32High / 4: 0x7F,
	RegRAS0Low / 4: 0x00, 0x404 / 4: 0xFF, // RAS0
	0x408 / 4: 0x7F, 0x40C / 4: 0x00, // RAS1
	0x410 / 4: 0x00, 0x414 / 4: 0xFF, // RAS2
	0x418 / 4: 0x7F, 0x41C / 4: 0x00, // RAS3
	RegPCICommand / 4: 0x00008001, RegPCIRAS10Size / 4: 0xFFF, RegPCIRAS32Size / 4: 0xFFF,
}

// live tells which registers do not read as in fixed, by their offset in words.
var live = func() (t [registers]bool) {
	for _, off := range []uint64{RegRAS32Low, RegCause, RegMask, RegConfig0Addr, RegConfig0Data, RegConfig1Addr, RegConfig1Data} {
		t[off/registerDistance] = true
	}
	for i := range uint64(registers) {
		t[i] = t[i] || isDMA(i*registerDistance)
	}
	return t
}()

// Config is what a board gives to a controller.
type Config struct {
	Model Model
	// Memory is the bus, for DMA.
	Memory chip.Memory
	// Backed reports whether DMA can reach physical address pa: memory, or a
	// window onto memory.
	Backed func(pa uint64) bool
	// PCI are the configuration ports 0 and 1. Port 1 may be nil and is not
	// used by a GT-64010.
	PCI [2]*pci.Port
	// IRQ is the CPU interrupt output; nil for a controller that drives none.
	IRQ chip.IRQ
	Log chip.Logf
}

// Channel is a DMA channel.
type Channel struct {
	Count, Source, Dest, Next, Control uint32
}

// State is the registers that hold something.
type State struct {
	DMA         [channels]Channel
	Cause, Mask uint32
}

// Controller is one system controller. It is a mem.Device.
type Controller struct {
	cfg   Config
	State State
}

// New returns a controller after power-on.
func New(cfg Config) *Controller { return &Controller{cfg: cfg} }

// Reset is power-on. The PCI ports belong to the board and are not touched.
func (c *Controller) Reset() {
	c.State = State{}
	c.updateIRQ()
}

// Read implements mem.Device. 64-bit accesses are two registers, the first in
// the high half.
func (c *Controller) Read(off uint64, size int) uint64 {
	if i := off / registerDistance; i < registers && off%registerDistance == 0 && size <= 4 && !live[i] {
		return uint64(bits.ReverseBytes32(fixed[i]))
	}
	if size == 8 {
		return c.Read(off, 4)<<32 | c.Read(off+4, 4)
	}
	return uint64(bits.ReverseBytes32(c.read(off)))
}

// Steady implements mem.Steady: all registers are but the ports to PCI configuration
// space.
func (c *Controller) Steady(off uint64, size int) bool {
	return off+uint64(size) <= RegConfig1Addr || off > RegConfig0Data
}

// Write implements mem.Device.
func (c *Controller) Write(off uint64, size int, v uint64) {
	if size == 8 {
		c.Write(off, 4, v>>32)
		c.Write(off+4, 4, v&0xFFFFFFFF)
		return
	}
	c.write(off, bits.ReverseBytes32(uint32(v)))
}

// isDMA tells whether off is among the registers of the channels.
func isDMA(off uint64) bool {
	return off >= RegDMACount && off < RegDMAControl+channels*registerDistance
}

// dmaRegister returns the register of a channel at off, or nil.
func (c *Controller) dmaRegister(off uint64) *uint32 {
	if off%registerDistance != 0 {
		return nil
	}
	ch := &c.State.DMA[off>>2&3]
	return []*uint32{&ch.Count, &ch.Source, &ch.Dest, &ch.Next, &ch.Control}[(off-RegDMACount)>>4]
}

func (c *Controller) read(off uint64) uint32 {
	if isDMA(off) {
		if r := c.dmaRegister(off); r != nil {
			return *r
		}
		return 0
	}
	switch off {
	case RegRAS32Low:
		if c.cfg.Model == GT64010 {
			return 0x080
		}
		return 0x100
	case RegCause:
		return c.State.Cause
	case RegMask:
		return c.State.Mask
	case RegConfig0Addr, RegConfig1Addr:
		if p := c.port(off); p != nil {
			return p.Address()
		}
	case RegConfig0Data, RegConfig1Data:
		if p := c.port(off); p != nil {
			return p.ReadData()
		}
	}
	if i := off / registerDistance; i < registers && off%registerDistance == 0 {
		return fixed[i]
	}
	return 0
}

func (c *Controller) write(off uint64, v uint32) {
	if isDMA(off) {
		if r := c.dmaRegister(off); r != nil {
			*r = v
			if off >= RegDMAControl {
				c.runDMA(int(off >> 2 & 3))
			}
		}
		return
	}
	switch off {
	case RegCause:
		c.State.Cause &= v
		c.updateIRQ()
	case RegMask:
		c.State.Mask = v
		c.updateIRQ()
	case RegConfig0Addr, RegConfig1Addr:
		if p := c.port(off); p != nil {
			p.SetAddress(v)
		}
	case RegConfig0Data, RegConfig1Data:
		if p := c.port(off); p != nil {
			p.WriteData(v)
		}
	}
}

// port returns the configuration port whose registers off is one of, or nil.
func (c *Controller) port(off uint64) *pci.Port {
	if off >= RegConfig0Addr {
		return c.cfg.PCI[0]
	}
	if c.cfg.Model == GT64010 {
		return nil
	}
	return c.cfg.PCI[1]
}

func (c *Controller) updateIRQ() {
	if c.cfg.IRQ != nil {
		c.cfg.IRQ(c.State.Cause&c.State.Mask != 0)
	}
}

func (c *Controller) logf(format string, args ...any) {
	if c.cfg.Log != nil {
		c.cfg.Log(format, args...)
	}
}

// runDMA acts on a channel's control register (c7200 reference, 4.4). The
// transfer is finished when it returns.
func (c *Controller) runDMA(n int) {
	ch := &c.State.DMA[n]
	if ch.Control&DMAFetchNext != 0 {
		if ch.Next == 0 {
			c.logf("DMA %d: fetch of a record at address 0 ignored", n)
			return
		}
		c.fetch(ch)
		ch.Control &^= DMAFetchNext
	}
	if ch.Control&DMAEnable == 0 {
		return
	}
	var seen map[uint32]bool // records of this list, from the second on
	moved, complained := uint32(0), false
	for {
		if moved += ch.Count & countMask; moved > maxBytes {
			c.logf("DMA %d: list of more than %d bytes cut at %#x", n, maxBytes, ch.Source)
			break
		}
		if err := c.transfer(ch); err != nil && !complained {
			complained = true
			c.logf("DMA %d: %v", n, err)
		}
		if ch.Control&DMANonChained != 0 || ch.Next == 0 {
			break
		}
		if seen[ch.Next] || len(seen) == maxRecords {
			c.logf("DMA %d: endless record list cut at %#x", n, ch.Next)
			break
		}
		if seen == nil {
			seen = map[uint32]bool{}
		}
		seen[ch.Next] = true
		c.fetch(ch)
	}
	c.State.Cause |= CauseDMA0 << n
	c.updateIRQ()
}

// fetch loads the record that the next pointer names: byte count, source,
// destination and next pointer, little-endian words.
func (c *Controller) fetch(ch *Channel) {
	var rec [recordSize]byte
	c.cfg.Memory.ReadAt(uint64(ch.Next), rec[:])
	le := binary.LittleEndian
	ch.Count, ch.Source, ch.Dest, ch.Next =
		le.Uint32(rec[0:]), le.Uint32(rec[4:]), le.Uint32(rec[8:]), le.Uint32(rec[12:])
}

// transfer moves the bytes of one record, up to the first page that is not
// there.
func (c *Controller) transfer(ch *Channel) error {
	var buf [copyUnit]byte
	src, dst, left := uint64(ch.Source), uint64(ch.Dest), uint64(ch.Count&countMask)
	for left > 0 {
		if !c.cfg.Backed(src) || !c.cfg.Backed(dst) {
			return fmt.Errorf("no memory at source %#x or destination %#x; %d bytes not copied", src, dst, left)
		}
		k := min(left, copyUnit-src%copyUnit, copyUnit-dst%copyUnit)
		c.cfg.Memory.ReadAt(src, buf[:k])
		c.cfg.Memory.WriteAt(dst, buf[:k])
		src, dst, left = src+k, dst+k, left-k
	}
	return nil
}

// function is the controller's own PCI function.
type function Model

// Function returns the controller's PCI function, device 0 of bus 0
// (c7200 reference, 4.6).
func (c *Controller) Function() pci.Function { return function(c.cfg.Model) }

func (f function) ID() uint32 {
	if Model(f) == GT64010 {
		return 0x014611AB
	}
	return 0x462011AB
}

func (f function) ConfigRead(reg uint8) uint32 {
	if Model(f) == GT64120 && reg == 0x08 {
		return 0x03008005
	}
	return 0
}

func (f function) ConfigWrite(uint8, uint32) {}
