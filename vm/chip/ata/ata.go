// Package ata models a PC Card ATA flash disk in memory mode as the Cisco 7200
// sees it: the card information structure (CIS) in attribute memory, the ATA
// task file, and the data port.
//
// Source: PC Card ATA specification for the tuples, the task file and the
// commands; c7200 reference, 11.2, for how the 7200 decodes it: registers are
// 16-bit cells, and cell i answers at byte offset 2·(i XOR 1).
package ata

import (
	"encoding/binary"

	"dynemu/vm/chip"
)

// SectorSize is the size of a sector in bytes.
const SectorSize = 512

// WindowSize is the length of a card's window in the physical map.
const WindowSize = 0x200000

// Geometry of every disk; the cylinders make its size.
const (
	Heads   = 4
	Sectors = 32 // a track
)

// BytesPerCylinder is the step of disk sizes.
const BytesPerCylinder = Heads * Sectors * SectorSize

// Cells: byte offset/2 XOR 1.
const (
	cellPin      = 0x102   // pin replacement register
	cellSector   = 0x80001 // sector count; sector number in the high byte
	cellCylinder = 0x80002 // low; high in the high byte
	cellCommand  = 0x80003 // drive/head; status or command in the high byte
	cellData     = 0x80200
	cellDataEnd  = 0x80300
)

const pinReplacement = 0x22 // ready

// Status bits.
const (
	StatusReady       = 0x40
	StatusSeek        = 0x10
	StatusDataRequest = 0x08
)

// Commands.
const (
	CmdReadSectors  = 0x20
	CmdWriteSectors = 0x30
	CmdIdentify     = 0xEC
)

const headLBA = 0x40

// Transfer is what the data port does.
type Transfer uint8

// The directions of a transfer.
const (
	None Transfer = iota
	Read
	Write
)

// State is the registers and the sector buffer.
type State struct {
	Count, Sector             uint8
	CylinderLow, CylinderHigh uint8
	Head, Status              uint8
	Transfer                  Transfer
	LBA, Left                 uint32 // the sector in the buffer, sectors to do
	Position                  int    // in the buffer
	Identifying               bool   // the buffer is not a sector
	Buffer                    [SectorSize]byte
}

// Disk is one card. It is a mem.Device.
type Disk struct {
	store chip.Storage
	dirty func()
	log   chip.Logf
	State State
}

// New returns a disk as large as store, in whole cylinders. dirty, if not nil,
// is called after each sector written.
func New(store chip.Storage, dirty func(), log chip.Logf) *Disk {
	if dirty == nil {
		dirty = func() {}
	}
	if log == nil {
		log = func(string, ...any) {}
	}
	d := &Disk{store: store, dirty: dirty, log: log}
	d.Reset()
	return d
}

// Reset puts the registers into their state at power-on.
func (d *Disk) Reset() { d.State = State{Status: StatusReady | StatusSeek} }

func (d *Disk) cylinders() uint32 { return uint32(d.store.Size() / BytesPerCylinder) }

// sectors is the capacity.
func (d *Disk) sectors() uint32 { return d.cylinders() * Heads * Sectors }

// Read implements mem.Device.
func (d *Disk) Read(off uint64, size int) uint64 {
	s := &d.State
	switch cell := off>>1 ^ 1; {
	case cell < uint64(len(cis)):
		return uint64(cis[cell])
	case cell == cellPin:
		return pinReplacement
	case cell == cellSector:
		return uint64(s.Sector)<<8 | uint64(s.Count)
	case cell == cellCylinder:
		return uint64(s.CylinderHigh)<<8 | uint64(s.CylinderLow)
	case cell == cellCommand:
		return uint64(s.Status)<<8 | uint64(s.Head)
	case cell >= cellData && cell < cellDataEnd:
		return d.readData()
	}
	return 0
}

// Write implements mem.Device.
func (d *Disk) Write(off uint64, size int, v uint64) {
	s := &d.State
	low, high := uint8(v), uint8(v>>8)
	switch cell := off>>1 ^ 1; {
	case cell == cellSector:
		s.Count, s.Sector = low, high
	case cell == cellCylinder:
		s.CylinderLow, s.CylinderHigh = low, high
	case cell == cellCommand:
		s.Head = low
		d.command(high)
	case cell >= cellData && cell < cellDataEnd:
		d.writeData(uint16(v))
	}
}

// lba is the sector that the registers name.
func (d *Disk) lba() uint32 {
	s := &d.State
	cylinder := uint32(s.CylinderHigh)<<8 | uint32(s.CylinderLow)
	if s.Head&headLBA != 0 {
		return uint32(s.Head&0xF)<<24 | cylinder<<8 | uint32(s.Sector)
	}
	return (cylinder*Heads+uint32(s.Head&0xF))*Sectors + uint32(s.Sector) - 1
}

// command executes c. Drive and head cannot be written without a command: 0 and
// what is not known do nothing.
func (d *Disk) command(c uint8) {
	s := &d.State
	switch c {
	case CmdIdentify:
		d.identify()
		d.start(Read, 1)
		s.Identifying = true
	case CmdReadSectors, CmdWriteSectors:
		n := uint32(s.Count)
		if n == 0 {
			n = 256
		}
		s.LBA = d.lba()
		if c == CmdWriteSectors {
			d.start(Write, n)
			return
		}
		d.start(Read, n)
		d.load()
	case 0:
	default:
		d.log("unknown command 0x%02x", c)
	}
}

func (d *Disk) start(t Transfer, sectors uint32) {
	s := &d.State
	s.Transfer, s.Left, s.Position, s.Identifying = t, sectors, 0, false
	s.Status = StatusReady | StatusSeek | StatusDataRequest
}

// advance counts a word of the buffer, and reports its end.
func (d *Disk) advance() (end bool) {
	s := &d.State
	s.Position += 2
	if s.Position < SectorSize {
		return false
	}
	s.Position = 0
	s.LBA++
	s.Left--
	if s.Left == 0 {
		s.Transfer, s.Status = None, StatusReady|StatusSeek
	}
	return true
}

func (d *Disk) readData() uint64 {
	s := &d.State
	if s.Transfer != Read {
		return 0
	}
	v := binary.LittleEndian.Uint16(s.Buffer[s.Position:])
	if d.advance() && s.Transfer == Read {
		d.load()
	}
	return uint64(v)
}

func (d *Disk) writeData(v uint16) {
	s := &d.State
	if s.Transfer != Write {
		return
	}
	binary.LittleEndian.PutUint16(s.Buffer[s.Position:], v)
	lba := s.LBA
	if !d.advance() {
		return
	}
	if lba >= d.sectors() {
		d.log("write of sector %d: the disk has %d", lba, d.sectors())
		return
	}
	if _, err := d.store.WriteAt(s.Buffer[:], int64(lba)*SectorSize); err != nil {
		d.log("write of sector %d: %v", lba, err)
		return
	}
	d.dirty()
}

// load fills the buffer with the present sector. One that does not exist leaves
// it unchanged.
func (d *Disk) load() {
	s := &d.State
	if s.LBA >= d.sectors() {
		d.log("read of sector %d: the disk has %d", s.LBA, d.sectors())
		return
	}
	if _, err := d.store.ReadAt(s.Buffer[:], int64(s.LBA)*SectorSize); err != nil {
		d.log("read of sector %d: %v", s.LBA, err)
	}
}

// Identify words.
const (
	idConfiguration = 0
	idCylinders     = 1
	idHeads         = 3
	idSectors       = 6
	idCapacity      = 7 // high word first
	idECC           = 22
	idValid         = 53
	idCurrent       = 54 // cylinders, heads, sectors
	idCurrentSize   = 57 // low word first

	configurationPCCard = 0x848A
)

func (d *Disk) identify() {
	s := &d.State
	s.Buffer = [SectorSize]byte{}
	put := func(word int, v uint32) { binary.LittleEndian.PutUint16(s.Buffer[2*word:], uint16(v)) }
	put(idConfiguration, configurationPCCard)
	put(idECC, 4)
	put(idValid, 3)
	for i, v := range []uint32{d.cylinders(), Heads, Sectors} {
		put([]int{idCylinders, idHeads, idSectors}[i], v)
		put(idCurrent+i, v)
	}
	put(idCapacity, d.sectors()>>16)
	put(idCapacity+1, d.sectors())
	put(idCurrentSize, d.sectors())
	put(idCurrentSize+1, d.sectors()>>16)
}
