package mips

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"dynemu/vm/mem"
)

// Loads and stores.
//
// The soft TLB caches translations of 4 KiB pages. Its hot half is what the
// interpreter probes: the page's host memory under a tag that includes the low
// bits of the address, so that a misaligned access never matches. Pages of
// devices, pages that are write-protected and pages with decoded code have no
// tag for the access in question, and the access comes here. The cold half
// remembers what the translation led to, for these accesses.
//
// There is one soft TLB for each operating mode, so that a change of mode costs
// nothing. Each slot knows the TLB entry that it came from; a write of that entry
// drops it, and a change of ASID drops those that are not global.

const (
	softBits  = 12
	softSlots = 1 << softBits
	fetchBits = 10
	fetchSize = 1 << fetchBits

	noTag = ^uint64(0) // matches no address
)

// hotSlot is what the fast path of loads and stores reads.
type hotSlot struct {
	rtag, wtag uint64
	host       unsafe.Pointer
	_          uint64
}

// coldSlot is the translation behind a slot.
type coldSlot struct {
	tag    uint64
	pa     uint64
	region *mem.Region // nil when the page is not wholly in one region
	off    uint64
	entry  int16
	global bool
	cached bool
	write  bool
}

// fetchSlot leads from a virtual page to its decoded page.
type fetchSlot struct {
	tag    uint64
	page   *codePage
	entry  int16
	global bool
}

// context is the soft TLB of one operating mode.
type context struct {
	hot   [softSlots]hotSlot
	cold  [softSlots]coldSlot
	fetch [fetchSize]fetchSlot

	// Slots that depend on the ASID; localMany when too many to list.
	local      []uint16
	localFetch []uint16
	localMany  bool

	wide, erl bool // the view that the translations were made in
}

func (x *context) flush() {
	for i := range x.hot {
		x.hot[i] = hotSlot{rtag: noTag, wtag: noTag}
		x.cold[i] = coldSlot{tag: noTag}
	}
	x.flushFetch()
	x.local, x.localFetch, x.localMany = x.local[:0], x.localFetch[:0], false
}

func (x *context) flushFetch() {
	for i := range x.fetch {
		x.fetch[i] = fetchSlot{tag: noTag}
	}
}

func (x *context) drop(i int) {
	x.hot[i] = hotSlot{rtag: noTag, wtag: noTag}
	x.cold[i].tag = noTag
}

// selectContext makes the soft TLB of mode m current.
func (c *CPU) selectContext(m mode, wide, erl bool) {
	x := c.contexts[m]
	if x == nil {
		x = &context{wide: wide, erl: erl}
		x.flush()
		c.contexts[m] = x
	}
	if x.wide != wide || x.erl != erl {
		x.wide, x.erl = wide, erl
		x.flush()
	}
	if c.cur != x {
		c.cur = x
		c.resync = true
	}
}

// remapped drops everything that depends on the physical map.
func (c *CPU) remapped() {
	c.finder.proof = nil // it points into memory
	c.flushTranslations()
	c.code.init()
	if c.engine != nil {
		c.engine.MapChanged()
	}
	c.resync = true
}

// flushTranslations drops all cached translations.
func (c *CPU) flushTranslations() {
	for _, x := range c.contexts {
		if x != nil {
			x.flush()
		}
	}
	if c.engine != nil {
		c.engine.TranslationsChanged()
	}
	c.resync = true
}

// flushLocal drops the translations that depend on the ASID.
func (c *CPU) flushLocal() {
	if c.engine != nil {
		c.engine.ASIDChanged()
	}
	for _, x := range c.contexts {
		if x == nil {
			continue
		}
		if x.localMany {
			for i := range x.cold {
				if x.cold[i].entry != unmapped && !x.cold[i].global {
					x.drop(i)
				}
			}
			for i := range x.fetch {
				if x.fetch[i].entry != unmapped && !x.fetch[i].global {
					x.fetch[i].tag = noTag
				}
			}
		} else {
			for _, i := range x.local {
				if s := &x.cold[i]; s.entry != unmapped && !s.global {
					x.drop(int(i))
				}
			}
			for _, i := range x.localFetch {
				if s := &x.fetch[i]; s.entry != unmapped && !s.global {
					s.tag = noTag
				}
			}
		}
		x.local, x.localFetch, x.localMany = x.local[:0], x.localFetch[:0], false
	}
}

// flushEntry drops the translations that came from TLB entry i, which was e.
func (c *CPU) flushEntry(i int, e TLBEntry) {
	if e.Lo[0]&entryLoV == 0 && e.Lo[1]&entryLoV == 0 {
		return
	}
	if c.engine != nil {
		c.engine.EntryChanged(i)
	}
	pages := (e.Mask + 0x2000) >> mem.PageShift
	base := e.Hi >> mem.PageShift
	for _, x := range c.contexts {
		if x == nil {
			continue
		}
		if pages > 64 || pages&(pages-1) != 0 { // many, or not contiguous
			for j := range x.cold {
				if int(x.cold[j].entry) == i {
					x.drop(j)
				}
			}
			for j := range x.fetch {
				if int(x.fetch[j].entry) == i {
					x.fetch[j].tag = noTag
				}
			}
			continue
		}
		for p := base; p < base+pages; p++ {
			if j := int(p & (softSlots - 1)); int(x.cold[j].entry) == i {
				x.drop(j)
			}
			if j := p & (fetchSize - 1); int(x.fetch[j].entry) == i {
				x.fetch[j].tag = noTag
			}
		}
	}
}

// revokeWrites takes the right to store to physical page pa from every slot.
func (c *CPU) revokeWrites(pa uint64, pp *physPage) {
	if pp.lost {
		for _, x := range c.contexts {
			if x == nil {
				continue
			}
			for i := range x.cold {
				if x.cold[i].pa == pa {
					x.hot[i].wtag = noTag
				}
			}
		}
	} else {
		for _, w := range pp.writers {
			if w.ctx.cold[w.slot].pa == pa {
				w.ctx.hot[w.slot].wtag = noTag
			}
		}
	}
	pp.writers, pp.lost = pp.writers[:0], false
	if c.engine != nil {
		c.engine.WritesWatched(pa)
	}
}

// wholePage reports whether the page at pa lies wholly in r, with no other
// region before it.
func (c *CPU) wholePage(r *mem.Region, pa uint64, cached bool) bool {
	if !r.Contains(pa) || !r.Contains(pa+mem.PageSize-1) {
		return false
	}
	for _, x := range c.cfg.Map.Regions() {
		if x == r {
			return true
		}
		if (x.Cacheable || !cached) && x.Base < pa+mem.PageSize && pa < x.Base+x.Len {
			return false
		}
	}
	return true
}

// slot returns the cold slot for canonical address va, filling it if need be, or
// raises the exception that stands against the access.
func (c *CPU) slot(va uint64, acc access) *coldSlot {
	x := c.cur
	page := va &^ (mem.PageSize - 1)
	i := int(va >> mem.PageShift & (softSlots - 1))
	s := &x.cold[i]
	if s.tag == page && (acc == accLoad || s.write) {
		if acc == accStore && x.hot[i].wtag == noTag {
			c.allowWrite(x, i, page)
		}
		return s
	}
	t, f := c.translate(va, acc)
	if f != faultNone {
		if f == faultAddress {
			c.raiseAddress(va, acc)
		} else {
			c.raiseTLB(va, acc, f)
		}
		return nil
	}
	pa := t.pa &^ (mem.PageSize - 1)
	*s = coldSlot{tag: page, pa: pa, entry: int16(t.entry), global: t.global, cached: t.cached, write: t.write}
	h := &x.hot[i]
	*h = hotSlot{rtag: noTag, wtag: noTag}
	if t.entry != unmapped && !t.global {
		if len(x.local) < softSlots/2 {
			x.local = append(x.local, uint16(i))
		} else {
			x.localMany = true
		}
	}
	r := c.cfg.Map.Find(pa, t.cached)
	if r == nil || !c.wholePage(r, pa, t.cached) {
		return s
	}
	s.region, s.off = r, pa-r.Base
	if r.RAM != nil {
		h.host = unsafe.Pointer(&r.RAM[s.off])
		h.rtag = page
		c.allowWrite(x, i, page)
	}
	return s
}

// allowWrite lets the fast path store to the page of slot i, unless something
// must see these stores.
func (c *CPU) allowWrite(x *context, i int, page uint64) {
	s := &x.cold[i]
	if !s.write || s.region == nil || s.region.RAM == nil || s.region.ReadOnly || s.region.IsCode(s.off) {
		return
	}
	if pp := c.code.phys[s.pa]; pp != nil {
		if len(pp.writers) < 64 {
			pp.writers = append(pp.writers, writer{x, uint16(i)})
		} else {
			pp.lost = true
		}
	}
	x.hot[i].wtag = page
}

func be16(b []byte) uint16 { return binary.BigEndian.Uint16(b) }
func be32(b []byte) uint32 { return binary.BigEndian.Uint32(b) }
func be64(b []byte) uint64 { return binary.BigEndian.Uint64(b) }

// loadRAM reads size bytes at b as a zero-extended integer.
func loadRAM(b []byte, size int) uint64 {
	switch size {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(be16(b))
	case 4:
		return uint64(be32(b))
	}
	return be64(b)
}

func storeRAM(b []byte, size int, v uint64) {
	switch size {
	case 1:
		b[0] = byte(v)
	case 2:
		binary.BigEndian.PutUint16(b, uint16(v))
	case 4:
		binary.BigEndian.PutUint32(b, uint32(v))
	default:
		binary.BigEndian.PutUint64(b, v)
	}
}

// load reads size bytes at va, zero-extended. It returns false when it raised an
// exception.
func (c *CPU) load(va uint64, size int) (uint64, bool) {
	if va&uint64(size-1) != 0 {
		if c.quirk&QuirkUnaligned == 0 {
			c.raiseAddress(va, accLoad)
			return 0, false
		}
		var v uint64
		for i := range size {
			b, ok := c.load(va+uint64(i), 1)
			if !ok {
				return 0, false
			}
			v = v<<8 | b
		}
		return v, true
	}
	va = c.canonical(va)
	s := c.slot(va, accLoad)
	if s == nil {
		return 0, false
	}
	return c.readAt(s, va, size), true
}

// readAt performs a load through slot s.
func (c *CPU) readAt(s *coldSlot, va uint64, size int) uint64 {
	at := va & (mem.PageSize - 1)
	r, off := s.region, s.off+at
	if r == nil {
		pa := s.pa + at
		if r = c.cfg.Map.Find(pa, s.cached); r == nil {
			c.logf("read access to undefined address 0x%x at pc 0x%x (size=%d)", pa, c.s.PC, size)
			return 0
		}
		off = pa - r.Base
	}
	if r.RAM != nil {
		return loadRAM(r.RAM[off:], size)
	}
	return r.Dev.Read(off, size) & (^uint64(0) >> (64 - 8*size))
}

// store writes the low size bytes of v at va. It returns false when it raised an
// exception.
func (c *CPU) store(va uint64, size int, v uint64) bool {
	if va&uint64(size-1) != 0 {
		if c.quirk&QuirkUnaligned == 0 {
			c.raiseAddress(va, accStore)
			return false
		}
		// All pages must be there before a byte is changed.
		last := va + uint64(size-1)
		if c.slot(c.canonical(va), accStore) == nil || c.slot(c.canonical(last), accStore) == nil {
			return false
		}
		for i := range size {
			if !c.store(va+uint64(i), 1, v>>(8*(size-1-i))) {
				return false
			}
		}
		return true
	}
	va = c.canonical(va)
	s := c.slot(va, accStore)
	if s == nil {
		return false
	}
	c.writeAt(s, va, size, v)
	return true
}

// writeAt performs a store through slot s.
func (c *CPU) writeAt(s *coldSlot, va uint64, size int, v uint64) {
	at := va & (mem.PageSize - 1)
	r, off := s.region, s.off+at
	if r == nil {
		pa := s.pa + at
		if r = c.cfg.Map.Find(pa, s.cached); r == nil {
			c.logf("write access to undefined address 0x%x at pc 0x%x (size=%d, value=0x%x)", pa, c.s.PC, size, v)
			return
		}
		off = pa - r.Base
	}
	switch {
	case r.RAM == nil:
		r.Dev.Write(off, size, v&(^uint64(0)>>(64-8*size)))
	case !r.ReadOnly:
		storeRAM(r.RAM[off:], size, v)
		if r.IsCode(off) && (r.IsWatched(off) || c.overCode(s.pa+at, size)) {
			c.cfg.Map.Written(r, off, uint64(size))
		}
	}
}

// storeLanes writes bytes [from, to) of the naturally aligned unit of size bytes
// that holds va, of which v is the whole value: in the widest aligned pieces, since a
// device must see only the lanes that are written.
func (c *CPU) storeLanes(va uint64, size, from, to int, v uint64) bool {
	s := c.slot(c.canonical(va), accStore)
	if s == nil {
		return false
	}
	va = c.canonical(va) &^ uint64(size-1)
	for at := from; at < to; {
		n := size
		for at%n != 0 || at+n > to {
			n /= 2
		}
		c.writeAt(s, va+uint64(at), n, v>>(8*(size-at-n)))
		at += n
	}
	return true
}

// memOp executes load or store r completely; it returns false when an exception
// was raised.
func (c *CPU) memOp(r *record) bool {
	g := &c.s.GPR
	va := g[r.rs&31] + uint64(int64(r.imm))
	var v uint64
	var ok bool
	switch r.op {
	case opLB:
		if v, ok = c.load(va, 1); ok {
			g[r.rd&31] = uint64(int64(int8(v)))
		}
	case opLBU:
		if v, ok = c.load(va, 1); ok {
			g[r.rd&31] = v
		}
	case opLH:
		if v, ok = c.load(va, 2); ok {
			g[r.rd&31] = uint64(int64(int16(v)))
		}
	case opLHU:
		if v, ok = c.load(va, 2); ok {
			g[r.rd&31] = v
		}
	case opLW:
		if v, ok = c.load(va, 4); ok {
			g[r.rd&31] = sext32(v)
		}
	case opLWU:
		if v, ok = c.load(va, 4); ok {
			g[r.rd&31] = v
		}
	case opLD:
		if v, ok = c.load(va, 8); ok {
			g[r.rd&31] = v
		}
	case opSB:
		ok = c.store(va, 1, g[r.rt&31])
	case opSH:
		ok = c.store(va, 2, g[r.rt&31])
	case opSW:
		ok = c.store(va, 4, g[r.rt&31])
	case opSD:
		ok = c.store(va, 8, g[r.rt&31])
	default:
		return c.memWord(uint32(r.imm))
	}
	return ok
}

// memWord executes the loads and stores that have no record of their own: to
// register 0, unaligned, linked, and of the FPU.
func (c *CPU) memWord(w uint32) bool {
	g := &c.s.GPR
	base, rt := w>>21&31, w>>16&31
	va := g[base] + uint64(int64(int16(w)))
	old := g[rt]
	var v uint64
	var ok bool
	set := func(v uint64) {
		if ok && rt != 0 {
			g[rt] = v
		}
	}
	// The unaligned instructions work within the aligned unit of size bytes.
	unit := func(size uint64) (at uint64, shift uint) {
		at = va & (size - 1)
		return at, uint(at * 8)
	}
	switch w >> 26 {
	case 0x20, 0x24: // LB LBU: to register 0, for what the access does
		_, ok = c.load(va, 1)
	case 0x21, 0x25: // LH LHU
		_, ok = c.load(va, 2)
	case 0x23, 0x27: // LW LWU
		_, ok = c.load(va, 4)
	case 0x37: // LD
		_, ok = c.load(va, 8)
	case 0x22: // LWL
		_, sh := unit(4)
		if v, ok = c.loadUnit(va, 4); ok {
			set(sext32(v<<sh | old&(1<<sh-1)))
		}
	case 0x26: // LWR
		at, _ := unit(4)
		if v, ok = c.loadUnit(va, 4); ok {
			sh := (3 - uint(at)) * 8
			keep := uint64(0xffffffff) << (32 - sh) & 0xffffffff
			r := v>>sh | old&keep
			if at == 3 {
				set(sext32(r))
			} else {
				set(old&^0xffffffff | r)
			}
		}
	case 0x1a: // LDL
		_, sh := unit(8)
		if v, ok = c.loadUnit(va, 8); ok {
			set(v<<sh | old&(1<<sh-1))
		}
	case 0x1b: // LDR
		at, _ := unit(8)
		if v, ok = c.loadUnit(va, 8); ok {
			sh := (7 - uint(at)) * 8
			set(v>>sh | old&^(^uint64(0)>>sh))
		}
	case 0x2a: // SWL
		at, sh := unit(4)
		ok = c.storeLanes(va, 4, int(at), 4, old&0xffffffff>>sh)
	case 0x2e: // SWR
		at, _ := unit(4)
		ok = c.storeLanes(va, 4, 0, int(at)+1, old<<((3-at)*8)&0xffffffff)
	case 0x2c: // SDL
		at, sh := unit(8)
		ok = c.storeLanes(va, 8, int(at), 8, old>>sh)
	case 0x2d: // SDR
		at, _ := unit(8)
		ok = c.storeLanes(va, 8, 0, int(at)+1, old<<((7-at)*8))
	case 0x30, 0x34: // LL LLD
		size := 4
		if w>>26 == 0x34 {
			size = 8
		}
		if va&uint64(size-1) != 0 {
			c.raiseAddress(va, accLoad)
			return false
		}
		if v, ok = c.load(va, size); ok {
			c.s.LL = true
			if t, f := c.translate(c.canonical(va), accLoad); f == faultNone {
				c.s.CP0.LLAddr = t.pa >> 4 & 0xffffffff
			}
			if size == 4 {
				v = sext32(v)
			}
			set(v)
		}
	case 0x38, 0x3c: // SC SCD
		size := 4
		if w>>26 == 0x3c {
			size = 8
		}
		if va&uint64(size-1) != 0 {
			c.raiseAddress(va, accStore)
			return false
		}
		ok = true
		if c.s.LL {
			if ok = c.store(va, size, old); !ok {
				return false
			}
			set(1)
		} else {
			set(0)
		}
		c.s.LL = false
	default:
		return c.memFPU(w)
	}
	return ok
}

// loadUnit reads the aligned unit that holds va; an exception reports va itself.
func (c *CPU) loadUnit(va uint64, size int) (uint64, bool) {
	s := c.slot(c.canonical(va), accLoad)
	if s == nil {
		return 0, false
	}
	return c.readAt(s, va&^uint64(size-1), size), true
}

// fetch returns the decoded page that s.PC lies in, or raises an exception.
func (c *CPU) fetch() *codePage {
	c.s.PC = c.canonical(c.s.PC)
	pc := c.s.PC
	if pc&3 != 0 {
		c.raiseAddress(pc, accFetch)
		return nil
	}
	i := pc >> mem.PageShift & (fetchSize - 1)
	s := &c.cur.fetch[i]
	page := pc &^ (mem.PageSize - 1)
	if s.tag == page {
		return s.page
	}
	t, f := c.translate(pc, accFetch)
	if f != faultNone {
		if f == faultAddress {
			c.raiseAddress(pc, accFetch)
		} else {
			c.raiseTLB(pc, accFetch, f)
		}
		return nil
	}
	p := c.codePageAt(pc, t)
	*s = fetchSlot{tag: page, page: p, entry: int16(t.entry), global: t.global}
	if t.entry != unmapped && !t.global {
		x := c.cur
		if len(x.localFetch) < fetchSize {
			x.localFetch = append(x.localFetch, uint16(i))
		} else {
			x.localMany = true
		}
	}
	return p
}

// pieces walks the bytes of a debugger's access; fn gets each piece that lies in
// one page.
func (c *CPU) pieces(va uint64, size int, fn func(pa uint64, cached bool, from, to int)) error {
	if size != 1 && size != 2 && size != 4 && size != 8 {
		return fmt.Errorf("access of %d bytes: accepted are 1, 2, 4 and 8", size)
	}
	for from := 0; from < size; {
		at := c.canonical(va + uint64(from))
		t, f := c.translate(at, accLoad)
		if f != faultNone {
			return fmt.Errorf("virtual address 0x%x is not mapped", at)
		}
		to := min(size, from+int(mem.PageSize-at%mem.PageSize))
		fn(t.pa, t.cached, from, to)
		from = to
	}
	return nil
}

// Read returns size (1, 2, 4, 8) bytes at virtual address va as a guest integer,
// through the current translation. It raises no exception; a device sees an
// ordinary read.
func (c *CPU) Read(va uint64, size int) (uint64, error) {
	var b [8]byte
	var v uint64
	err := c.pieces(va, size, func(pa uint64, cached bool, from, to int) {
		r := c.cfg.Map.Find(pa, cached)
		switch {
		case r != nil && r.Dev != nil && to-from == size:
			v = r.Dev.Read(pa-r.Base, size)
			for i := range size {
				b[i] = byte(v >> (8 * (size - 1 - i)))
			}
		case r != nil:
			c.cfg.Map.ReadAt(pa, b[from:to])
		}
	})
	if err != nil {
		return 0, err
	}
	v = 0
	for _, x := range b[:size] {
		v = v<<8 | uint64(x)
	}
	return v, nil
}

// Write stores the low size (1, 2, 4, 8) bytes of v at virtual address va, also
// where the guest may not write.
func (c *CPU) Write(va uint64, size int, v uint64) error {
	var b [8]byte
	for i := range min(size, 8) {
		b[i] = byte(v >> (8 * (size - 1 - i)))
	}
	return c.pieces(va, size, func(pa uint64, cached bool, from, to int) {
		r := c.cfg.Map.Find(pa, cached)
		switch {
		case r != nil && r.Dev != nil && to-from == size:
			r.Dev.Write(pa-r.Base, size, v&(^uint64(0)>>(64-8*size)))
		case r != nil:
			c.cfg.Map.WriteAt(pa, b[from:to])
		}
	})
}
