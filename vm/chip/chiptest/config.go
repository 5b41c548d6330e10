package chiptest

import "fmt"

// Function is a chip as PCI sees it.
type Function interface {
	ID() uint32
	ConfigRead(reg uint8) uint32
	ConfigWrite(reg uint8, v uint32)
	Reset()
}

// WantConfig checks the configuration space of a chip whose window is the Rig:
// its ID; want, what registers read after all ones were written to each; that
// the window follows the base in register bar, whose size bytes are a power of
// two, and is nowhere while that is 0 or all ones. A reset takes everything
// back.
func (r *Rig) WantConfig(f Function, id uint32, bar uint8, size uint32, want map[uint8]uint32) {
	r.Helper()
	r.WantWord("ID", f.ID(), id)
	atReset := map[uint8]uint32{bar: 0}
	for reg := range want {
		atReset[reg] = f.ConfigRead(reg)
	}
	write := func(reg uint8, want uint32) {
		r.Helper()
		f.ConfigWrite(reg, 0xFFFFFFFF)
		r.WantWord(fmt.Sprintf("register %02X after all ones", reg), f.ConfigRead(reg), want)
	}
	for reg, w := range want {
		write(reg, w)
	}
	write(bar, -size)
	for _, base := range []uint32{0xFFFFFFFF, 0x48000000, 0, 0x4D000000 + size} {
		f.ConfigWrite(bar, base)
		mapped := base != 0 && base != 0xFFFFFFFF
		if r.Mapped != mapped || mapped && r.Base != uint64(base) {
			r.Errorf("base %08X: window at %#x, mapped %v", base, r.Base, r.Mapped)
		}
	}
	f.Reset()
	if r.Mapped {
		r.Error("the window stays after a reset")
	}
	for reg, w := range atReset {
		r.WantWord(fmt.Sprintf("register %02X after a reset", reg), f.ConfigRead(reg), w)
	}
}
