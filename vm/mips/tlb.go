package mips

// Address translation (cpu reference, section 2).
//
// In the 32-bit view only the low 32 bits of a virtual address count; the upper
// ones are replaced by their sign extension. The 64-bit view is in force in
// kernel, supervisor and user mode when Status.KX, SX and UX are set.

// mode is the operating mode; EXL or ERL make it kernel whatever KSU says.
type mode uint8

const (
	modeKernel mode = iota
	modeSupervisor
	modeUser
)

// access is the kind of a memory access.
type access uint8

const (
	accLoad access = iota
	accStore
	accFetch
)

// fault is why a translation failed.
type fault uint8

const (
	faultNone fault = iota
	faultAddress
	faultRefill
	faultInvalid
	faultModified
)

// unmapped is the TLB index of a translation that does not use the TLB.
const unmapped = -1

// translation is where one virtual page of 4 KiB lies.
type translation struct {
	pa     uint64 // of the byte asked for
	cached bool
	write  bool // stores are allowed
	entry  int  // TLB index or unmapped
	global bool
}

// statusChanged recomputes everything that depends on Status.
func (c *CPU) statusChanged() {
	st := c.s.CP0.Status
	m := modeKernel
	if st&(StatusEXL|StatusERL) == 0 {
		switch st & StatusKSU >> 3 {
		case 1:
			m = modeSupervisor
		case 2:
			m = modeUser
		}
	}
	c.mode = m
	switch m {
	case modeKernel:
		c.wide, c.narrow = st&StatusKX != 0, false
	case modeSupervisor:
		c.wide, c.narrow = st&StatusSX != 0, st&StatusSX == 0
	case modeUser:
		c.wide, c.narrow = st&StatusUX != 0, st&StatusUX == 0
	}
	c.selectContext(m, c.wide, m == modeKernel && st&StatusERL != 0)
	c.updateIRQ()
}

// canonical returns the address that va stands for in the current view.
func (c *CPU) canonical(va uint64) uint64 {
	if c.wide {
		return va
	}
	return sext32(va)
}

// cacheable tells whether coherency attribute attr means a cached access.
func cacheable(attr uint64) bool { return attr != 2 && attr != 7 }

// translate looks up va, which must be canonical. It changes nothing.
func (c *CPU) translate(va uint64, acc access) (translation, fault) {
	const gib = 1 << 30
	if va == sext32(va) {
		// The part that both views have.
		switch {
		case va < 2*gib:
			if c.mode == modeKernel && c.s.CP0.Status&StatusERL != 0 {
				return translation{pa: va, write: true, entry: unmapped}, faultNone
			}
			return c.lookup(va, acc)
		case uint32(va)>>29 == 4, uint32(va)>>29 == 5:
			if c.mode != modeKernel {
				return translation{}, faultAddress
			}
			return translation{
				pa: va & 0x1fffffff, cached: uint32(va)>>29 == 4, write: true, entry: unmapped,
			}, faultNone
		case uint32(va)>>29 == 6:
			if c.mode == modeUser {
				return translation{}, faultAddress
			}
		default:
			if c.mode != modeKernel {
				return translation{}, faultAddress
			}
		}
		return c.lookup(va, acc)
	}
	// 64-bit segments: 40-bit spaces below, xkphys.
	switch va >> 62 {
	case 0:
		if va>>40 != 0 {
			return translation{}, faultAddress
		}
	case 1:
		if c.mode == modeUser || va>>40 != 0x400000 {
			return translation{}, faultAddress
		}
	case 2:
		if c.mode != modeKernel || va>>36&0x7fffff != 0 {
			return translation{}, faultAddress
		}
		return translation{
			pa: va & 0xfffffffff, cached: cacheable(va >> 59 & 7), write: true, entry: unmapped,
		}, faultNone
	case 3:
		if c.mode != modeKernel || va >= 0xc00000ff80000000 {
			return translation{}, faultAddress
		}
	}
	return c.lookup(va, acc)
}

// lookup searches the TLB; the first matching entry wins.
func (c *CPU) lookup(va uint64, acc access) (translation, fault) {
	asid := c.s.CP0.EntryHi & entryHiASID
	for i := range c.s.TLB[:c.cfg.Model.TLBSize] {
		e := &c.s.TLB[i]
		if (va^e.Hi)&entryHiVPN2&^e.Mask != 0 || !e.Global && e.Hi&entryHiASID != asid {
			continue
		}
		size := (e.Mask + 0x2000) >> 1
		lo := e.Lo[0]
		if va&size != 0 {
			lo = e.Lo[1]
		}
		switch {
		case lo&entryLoV == 0:
			return translation{}, faultInvalid
		case acc == accStore && lo&entryLoD == 0 && c.quirk&QuirkDirty == 0:
			return translation{}, faultModified
		}
		pa := lo&entryLoPFN<<6&^(size-1) | va&(size-1)
		if m := c.cfg.PhysMask; m != 0 {
			pa &= m
		}
		return translation{
			pa:     pa,
			cached: cacheable(lo >> 3 & 7),
			write:  lo&entryLoD != 0 || c.quirk&QuirkDirty != 0,
			entry:  i,
			global: e.Global,
		}, faultNone
	}
	return translation{}, faultRefill
}

// setEntryHi changes the current address space.
func (c *CPU) setEntryHi(v uint64) {
	v &= entryHiVPN2 | entryHiASID
	if (v^c.s.CP0.EntryHi)&entryHiASID != 0 {
		c.s.CP0.EntryHi = v
		c.flushLocal()
		c.resync = true
	}
	c.s.CP0.EntryHi = v
}

// random returns the value of CP0 register 1: it starts at the top when Wired is
// written and goes down by one an instruction, from the last entry to Wired.
func (c *CPU) random() uint32 {
	size := uint32(c.cfg.Model.TLBSize)
	wired := min(c.s.CP0.Wired, size-1)
	return size - 1 - uint32((c.Instructions()-c.s.CP0.RandomBase)%uint64(size-wired))
}

// tlbWrite stores the entry registers at index i. An index that the part does
// not have is ignored (cpu reference, 2.6).
func (c *CPU) tlbWrite(i uint32) {
	if i >= uint32(c.cfg.Model.TLBSize) {
		return
	}
	p := &c.s.CP0
	mask := uint64(p.PageMask)
	e := TLBEntry{
		Mask:   mask,
		Hi:     p.EntryHi &^ mask,
		Lo:     [2]uint64{p.EntryLo0 &^ entryLoG, p.EntryLo1 &^ entryLoG},
		Global: p.EntryLo0&p.EntryLo1&entryLoG != 0,
	}
	old := c.s.TLB[i]
	c.s.TLB[i] = e
	if old != e {
		c.flushEntry(int(i), old)
		// The new entry can also hide a later one that matched before; guests
		// must not have two that match, so this is not looked for.
		c.resync = true
	}
}

func (c *CPU) tlbRead() {
	p := &c.s.CP0
	i := p.Index
	if i >= uint32(c.cfg.Model.TLBSize) {
		return
	}
	e := c.s.TLB[i]
	var g uint64
	if e.Global {
		g = entryLoG
	}
	p.PageMask = uint32(e.Mask)
	p.EntryLo0, p.EntryLo1 = e.Lo[0]|g, e.Lo[1]|g
	c.setEntryHi(e.Hi)
}

func (c *CPU) tlbProbe() {
	p := &c.s.CP0
	p.Index = 1 << 31
	for i := range c.s.TLB[:c.cfg.Model.TLBSize] {
		e := &c.s.TLB[i]
		if (p.EntryHi^e.Hi)&entryHiVPN2&^e.Mask == 0 && (e.Global || (p.EntryHi^e.Hi)&entryHiASID == 0) {
			p.Index = uint32(i)
			return
		}
	}
}
