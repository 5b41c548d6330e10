package mips

import "dynemu/vm/mem"

// Engine executes instructions in place of the interpreter, on the same State
// and with the same results: it may leave any instruction to the interpreter,
// through Core. Its methods are called on the machine's goroutine.
type Engine interface {
	// Execute runs until Core.Left is 0 or Core.Pending is true, as the
	// interpreter does: not ending between a branch and its delay slot. It may
	// return with some instructions left, but not without having executed any.
	Execute()
	// EntryChanged, ASIDChanged and TranslationsChanged tell that translations
	// through a TLB entry, through all entries that are not global, or all of
	// them, are no longer valid.
	EntryChanged(i int)
	ASIDChanged()
	TranslationsChanged()
	// MapChanged tells that the physical map is another, CodeChanged that code
	// must be decoded again.
	MapChanged()
	CodeChanged()
	// CodeWritten tells that somebody wrote to a page marked with MarkCode.
	CodeWritten(pa uint64)
	// WritesWatched tells that stores to the physical page pa must from now on
	// go through Core.Store.
	WritesWatched(pa uint64)
}

// engineQuantum is quantum for an engine: some 10 µs.
const engineQuantum = 20000

// SetEngine has e execute the instructions; nil restores the interpreter. It
// must be called between two calls of Run.
func (c *CPU) SetEngine(e Engine) { c.engine = e }

// Core is what an engine sees of its processor.
type Core struct{ c *CPU }

// Core returns the engine's view of c.
func (c *CPU) Core() Core { return Core{c} }

// State returns the architectural state; the processor keeps it at one address.
func (k Core) State() *State { return &k.c.s }

// Map returns the physical address space.
func (k Core) Map() *mem.Map { return k.c.cfg.Map }

// Quirks returns the leniencies in force.
func (k Core) Quirks() Quirks { return k.c.quirk }

// Model returns the processor type.
func (k Core) Model() Model { return k.c.cfg.Model }

// IdlePC returns the address of the guest's idle loop, 0 for none.
func (k Core) IdlePC() uint64 { return k.c.idlePC }

// Logf writes to the processor's log.
func (k Core) Logf(format string, args ...any) {
	if k.c.cfg.Log != nil {
		k.c.cfg.Log(format, args...)
	}
}

// Left returns how many instructions Execute may still run.
func (k Core) Left() int { return k.c.n }

// SetLeft stores what Left returns.
func (k Core) SetLeft(n int) { k.c.n = n }

// Started tells that Execute has run an instruction.
func (k Core) Started() bool { return k.c.n != k.c.n0 }

// Pending tells that Execute must return before the next instruction.
func (k Core) Pending() bool { return k.c.irq || k.c.stop || k.c.idle }

// Interpret runs what is left.
func (k Core) Interpret() { k.c.interpret() }

// Step runs n instructions from State.PC, with the delay slot if the last is a
// branch; fewer when Pending becomes true or no more are left.
func (k Core) Step(n int) {
	c := k.c
	left, before := c.n, c.Instructions()
	n = max(min(n, left), 1)
	c.n0 -= left - n
	c.n = n
	c.interpret()
	done := c.n0 - c.n
	c.n = max(left-int(c.Instructions()-before), 0)
	c.n0 = c.n + done
}

// Mode returns the operating mode, 0 kernel, 1 supervisor, 2 user; whether
// addresses have 64 bits; whether 64-bit operations are reserved; and whether
// ERL makes kuseg unmapped.
func (k Core) Mode() (mode int, wide, narrow, erl bool) {
	c := k.c
	return int(c.mode), c.wide, c.narrow, c.s.CP0.Status&StatusERL != 0
}

// Page is where a virtual page lies.
type Page struct {
	PA     uint64 // of the page
	Cached bool
	Write  bool // stores are allowed
	Entry  int  // TLB entry, -1 for an unmapped segment
	Global bool
}

// Fetch looks up the page that instruction address pc lies in; it raises
// nothing.
func (k Core) Fetch(pc uint64) (Page, bool) { return k.page(pc, accFetch) }

// Accessed returns where the page of va lies, of which Load or Store has just
// used a byte, and the TLB entry that maps it, -1 for none. r is nil when the page
// is not wholly in one region, ok false when there was no such access.
func (k Core) Accessed(va uint64) (r *mem.Region, off uint64, entry int, write, ok bool) {
	va = k.c.canonical(va)
	s := &k.c.cur.cold[va>>mem.PageShift&(softSlots-1)]
	if s.tag != va&^(mem.PageSize-1) {
		return nil, 0, 0, false, false
	}
	return s.region, s.off, int(s.entry), s.write, true
}

// Mapping is a page of the TLB.
type Mapping struct {
	VA, PA uint64 // of its first byte
	Size   uint64 // bytes
	Cached bool
	Write  bool // stores are allowed
	Entry  int
	Global bool
}

// Mapping returns the page of the TLB through which a load at va goes, if there is
// one whose addresses follow each other.
func (k Core) Mapping(va uint64) (Mapping, bool) {
	va = k.c.canonical(va)
	t, f := k.c.translate(va, accLoad)
	if f != faultNone || t.entry == unmapped {
		return Mapping{}, false
	}
	size := (k.c.s.TLB[t.entry].Mask + 0x2000) >> 1
	if size&(size-1) != 0 {
		return Mapping{}, false
	}
	return Mapping{va &^ (size - 1), t.pa &^ (size - 1), size, t.cached, t.write, t.entry, t.global}, true
}

// Data looks up the page of a load; it raises nothing.
func (k Core) Data(va uint64) (Page, bool) { return k.page(k.c.canonical(va), accLoad) }

func (k Core) page(va uint64, acc access) (Page, bool) {
	t, f := k.c.translate(va, acc)
	if f != faultNone {
		return Page{}, false
	}
	return Page{t.pa &^ (mem.PageSize - 1), t.cached, t.write, t.entry, t.global}, true
}

// Memory returns the region that all of page p lies in, and its offset there;
// nil when there is no such region.
func (k Core) Memory(p Page) (*mem.Region, uint64) {
	r := k.c.cfg.Map.Find(p.PA, p.Cached)
	if r == nil || !k.c.wholePage(r, p.PA, p.Cached) {
		return nil, 0
	}
	return r, p.PA - r.Base
}

// MarkCode notes that the engine has decoded code of the page at pa, which lies
// at off in r.
func (k Core) MarkCode(r *mem.Region, off, pa uint64) {
	r.MarkCode(off)
	for _, x := range k.c.contexts {
		if x == nil {
			continue
		}
		for i := range x.cold {
			if x.cold[i].pa == pa {
				x.hot[i].wtag = noTag
			}
		}
	}
}

// TimerFar tells that IP7 will not be raised in this quantum by time passing, so
// that Cause can be read without a look at the time.
func (k Core) TimerFar() bool {
	const ms = 1_000_000 // ns, many quanta
	t := &k.c.timer
	return !t.event.Pending() || k.c.cfg.Clock.Now()+ms < t.at
}

// TimerAt returns the guest time at which IP7 will be raised.
func (k Core) TimerAt() int64 { return k.c.timer.at }

// Word returns the instruction at pc, if that is in memory.
func (k Core) Word(pc uint64) (uint32, bool) {
	p, ok := k.Fetch(k.c.canonical(pc))
	if !ok || pc&3 != 0 {
		return 0, false
	}
	r, off := k.Memory(p)
	if r == nil || r.RAM == nil {
		return 0, false
	}
	return be32(r.RAM[off+pc&(mem.PageSize-1):]), true
}

// Begin announces a device access by the instruction at State.PC, slot telling that
// it is a delay slot.
func (k Core) Begin(slot bool) { k.c.inSlot, k.c.resync = slot, false }

// Disturbed tells that since Begin the order of instructions may have become
// another: that Pending is true, or that there was a reset or a change of addresses.
func (k Core) Disturbed() bool { return k.c.resync }

// Undisturbed tells that the last access had no effect on the order of
// instructions: neither Pending nor a reset.
func (k Core) Undisturbed() bool {
	c := k.c
	return !(c.irq || c.stop || c.idle || c.redirect)
}

// at sets the position for an access by the engine.
func (k Core) at(pc uint64, slot bool) {
	k.c.s.PC, k.c.inSlot = pc, slot
}

// Load reads size bytes at va for the instruction at pc, slot telling that it is
// a delay slot. When ok is false an exception was raised: PC is at its handler.
func (k Core) Load(pc uint64, slot bool, va uint64, size int) (v uint64, ok bool) {
	c := k.c
	c.s.PC, c.inSlot = pc, slot
	if va&uint64(size-1) == 0 {
		// A device that was looked up before.
		a := c.canonical(va)
		s := &c.cur.cold[a>>mem.PageShift&(softSlots-1)]
		if r := s.region; s.tag == a&^(mem.PageSize-1) && r != nil && r.RAM == nil {
			return r.Dev.Read(s.off+a&(mem.PageSize-1), size) & (^uint64(0) >> (64 - 8*size)), true
		}
	}
	return c.load(va, size)
}

// Store is Load for stores.
func (k Core) Store(pc uint64, slot bool, va uint64, size int, v uint64) (ok bool) {
	k.at(pc, slot)
	return k.c.store(va, size, v)
}

// Reset tells that the last access reset the processor; Redirected, which forgets
// it, must follow.
func (k Core) Reset() bool { return k.c.redirect }

// Redirected tells, once, that the last access reset the processor: PC is set.
func (k Core) Redirected() bool {
	r := k.c.redirect
	k.c.redirect = false
	return r
}

// Execute executes FPU operation, load or store w, which is at State.PC. It reports
// false when an exception was raised or the processor was reset.
func (k Core) Execute(w uint32) (ok bool) {
	c := k.c
	c.inSlot = false
	switch op := w >> 26; {
	case op == 0x11, op == 0x13:
		ok = c.cop1(w)
	default:
		ok = c.memWord(w)
	}
	c.n--
	if c.redirect {
		c.redirect = false
		return false
	}
	if ok {
		c.s.PC = c.canonical(c.s.PC + 4)
	}
	return ok
}

// TLBWrite executes TLBWR, or TLBWI, at State.PC in kernel mode.
func (k Core) TLBWrite(random bool) {
	c := k.c
	c.inSlot = false
	i := c.s.CP0.Index
	if random {
		i = c.random()
	}
	c.tlbWrite(i)
	c.s.PC = c.canonical(c.s.PC + 4)
	c.n--
}

// watched takes the right to store to the page at pa from the fast paths.
func (c *CPU) watched(pa uint64) {
	for _, x := range c.contexts {
		if x == nil {
			continue
		}
		for i := range x.cold {
			if x.cold[i].pa == pa&^(mem.PageSize-1) {
				x.hot[i].wtag = noTag
			}
		}
	}
	if c.engine != nil {
		c.engine.WritesWatched(pa &^ (mem.PageSize - 1))
	}
}
