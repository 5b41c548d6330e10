package c7200

import (
	"errors"
	"time"

	"dynemu/vm/chip"
	"dynemu/vm/chip/ata"
	"dynemu/vm/chip/i28f016"
	"dynemu/vm/chip/pd6729"
	"dynemu/vm/event"
	"dynemu/vm/mem"
)

// BootflashSize is the size of the flash SIMM in bytes.
const BootflashSize = i28f016.Size

// Ports of the PCMCIA controller in PCI I/O space (c7200 reference, 11.1): those
// of the data sheet, 0x3E0 and 0x3E1 moved, with their byte lanes exchanged.
const (
	portPCMCIAData  = 0x402
	portPCMCIAIndex = 0x403
)

// pciIO is PCI I/O space. It is a mem.Device.
type pciIO struct{ pcmcia *pd6729.Controller }

// Read implements mem.Device.
func (p pciIO) Read(off uint64, size int) uint64 {
	switch off {
	case portPCMCIAData:
		return uint64(p.pcmcia.Data())
	case portPCMCIAIndex:
		return uint64(p.pcmcia.Index())
	}
	return 0
}

// Write implements mem.Device.
func (p pciIO) Write(off uint64, size int, v uint64) {
	switch off {
	case portPCMCIAData:
		p.pcmcia.SetData(uint8(v))
	case portPCMCIAIndex:
		p.pcmcia.SetIndex(uint8(v))
	}
}

// syncDelay is how long after a write the medium is asked to have it.
const syncDelay = time.Second

// stored is the content of a flash or a disk, which gets to the medium a while
// after the guest wrote it, and not on the machine's goroutine.
type stored struct {
	store chip.Storage
	clock event.Clock
	timer event.Timer
	log   chip.Logf
	State struct{ Dirty bool }
}

func (b *Board) newStored(store chip.Storage, log chip.Logf) *stored {
	s := &stored{store: store, clock: b.loop, log: log}
	s.timer.Fire = func() {
		s.State.Dirty = false
		go s.sync()
	}
	b.stored = append(b.stored, s)
	return s
}

// written notes a write.
func (s *stored) written() {
	if !s.State.Dirty {
		s.State.Dirty = true
		s.clock.Arm(&s.timer, s.clock.Now()+int64(syncDelay))
	}
}

func (s *stored) sync() {
	if err := s.store.Sync(); err != nil {
		s.log("what was written may be lost: %v", err)
	}
}

// flush has the medium take everything, now.
func (s *stored) flush() {
	s.clock.Disarm(&s.timer)
	s.State.Dirty = false
	s.sync()
}

// buildStorage fits the bootflash (c7200 reference, section 10) and the disks
// (11.2).
func (b *Board) buildStorage() error {
	var errs []error
	if store := b.params.Bootflash; store != nil {
		log := b.logf("BOOTFLASH")
		b.bootflash = i28f016.New(store, b.newStored(store, log).written, log)
		errs = append(errs, b.addDevice("bootflash", addrBootflash, BootflashSize, b.bootflash))
	}
	for i, d := range []struct {
		name  string
		base  uint64
		store chip.Storage
	}{{"disk0", addrDisk0, b.params.Disk0}, {"disk1", addrDisk1, b.params.Disk1}} {
		if d.store == nil {
			continue
		}
		log := b.logf(d.name)
		b.disks[i] = ata.New(d.store, b.newStored(d.store, log).written, log)
		errs = append(errs, b.mem.Add(&mem.Region{
			Name: d.name, Base: d.base, Len: ata.WindowSize, Dev: b.disks[i], Cacheable: true,
		}))
	}
	return errors.Join(errs...)
}

func (b *Board) resetStorage() {
	b.pcmcia.Reset()
	if b.bootflash != nil {
		b.bootflash.Reset()
	}
	for _, d := range b.disks {
		if d != nil {
			d.Reset()
		}
	}
}
