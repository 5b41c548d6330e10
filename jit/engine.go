//go:build linux && amd64

package jit

import (
	"fmt"
	"io"
	"slices"
	"unsafe"

	"dynemu/jit/amd64"
	"dynemu/vm/mem"
	"dynemu/vm/mips"
)

// Why generated code returned.
const (
	exitBudget   = iota // State.PC is a block that does not fit in what is left
	exitInterp          // the instruction at State.PC is for the interpreter
	exitMem             // a load or store that is not simply memory
	exitLink            // a direct jump to a block that is not linked yet
	exitIndirect        // a jump through a register that the jump cache does not know
	exitCause           // exitInterp for a read of Cause
	exitTLB             // a write of a TLB entry
	exitWord            // an instruction that package mips executes by itself
	exitPart            // exitInterp for an access to a page that the tables may show
	exitFault           // an access through the window that was not possible
	exits
)

// shared is what generated code and the engine tell each other, in low memory.
type shared struct {
	budget  int64
	entry   uintptr // where the entry stub goes
	resume  uintptr // where a memory access goes on
	address uint64
	desc    uint64
	cond    uint64 // condition of a branch whose slot changes its operands
	target  uint64 // the same for jumps through a register
	cause   uint64 // not 0: Cause may be read without a look at the timer
	fault   uintptr
	spare   uint64
	regs    [16]uint64 // host registers at a fault
}

// Offsets in shared.
const (
	wordBudget  = int32(unsafe.Offsetof(shared{}.budget))
	wordEntry   = int32(unsafe.Offsetof(shared{}.entry))
	wordResume  = int32(unsafe.Offsetof(shared{}.resume))
	wordAddress = int32(unsafe.Offsetof(shared{}.address))
	wordDesc    = int32(unsafe.Offsetof(shared{}.desc))
	wordCond    = int32(unsafe.Offsetof(shared{}.cond))
	wordTarget  = int32(unsafe.Offsetof(shared{}.target))
	wordCause   = int32(unsafe.Offsetof(shared{}.cause))
	wordSpare   = int32(unsafe.Offsetof(shared{}.spare))
	wordFault   = int32(unsafe.Offsetof(shared{}.fault))
	wordRegs    = int32(unsafe.Offsetof(shared{}.regs))
)

// A descriptor of a memory access: the major opcode, the register from bit 8,
// descSlot, and from bit 24 what the cold code added to the budget.
const descSlot = 1 << 16

const deviceSlots = 64

// interpRun is how many instructions the interpreter executes in a row where the
// guest's are its own.
const interpRun = 12

// devicePage is a page of a device.
type devicePage struct {
	page  uint64 // its number plus 1
	dev   mem.Device
	off   uint64 // of the page in the device
	write bool   // stores are allowed
}

const (
	jumpSlots = 4096
	jumpMask  = (jumpSlots - 1) << 2

	pageTable = 1 << 20 * 8 // bytes
)

// jumpSlot is an entry of the jump cache; the layout is known to dispatch.
type jumpSlot struct {
	tag  uint32 // guest address, 1 when empty
	_    uint32
	code uintptr
}

// view is address translation in one operating mode: what the guest's virtual
// pages are in host memory, for loads and for stores, and where its code is.
type view struct {
	e            *Engine
	mode         int
	wide, narrow bool

	low         []byte
	read, write int32 // addresses of the tables
	jumps       int32
	reads       []uint64
	writes      []uint64
	jump        []jumpSlot
	fixedPages  []uint32 // filled for unmapped segments
	devices     [deviceSlots]devicePage
	deviceSeen  bool // devices has an entry
}

// key names a region: the physical page and offset of its start, the virtual
// address that it was translated for, and the mode.
type key struct {
	pa   uint64 // bit 0: uncached
	va   uint32
	mode uint8
}

// codePage is a physical page with translated code.
type codePage struct {
	region  *mem.Region
	off     uint64
	pa      uint64
	regions []*region
	marked  bool
	bare    int // writes since there was a region
}

// maxBare is how many writes to a page that had code are watched for more.
const maxBare = 16

// maxRegions bounds the memory that describes code, where a guest has a great many
// small regions.
const maxRegions = 256 << 10

// site is a direct jump out of a region.
type site struct {
	from   *region
	to     *region
	target uint32
	at     int32 // of the displacement
	stub   int32 // where it leads while it is not linked
}

type filled struct {
	page uint32
	view *view
}

// Engine translates and runs the code of one processor. It implements
// mips.Engine.
type Engine struct {
	core  mips.Core
	state *mips.State
	ptr   uintptr // biased address of the state
	low   []byte
	words *shared
	base  int32 // address of words
	arena *arena
	pos   int // in the arena
	stubs struct {
		enter, again, restore, budget, interp, cause, part, tlb, word, mem, link, indirect int
		end                                                                                int
	}
	movbe, bmi2 bool

	views   [3]*view
	regions map[key]*region
	pages   map[uint64]*codePage
	sites   []site
	fixups  []fixup

	entryPages [mips.MaxTLB][]filled // pages filled from each TLB entry
	entrySites [mips.MaxTLB][]int32  // jumps into pages of each TLB entry
	entryExec  [mips.MaxTLB]bool     // code was reached through the entry

	timer   int64  // next match when Cause was last read
	exact   bool   // run all of the budget
	eager   bool   // translate wherever the guest happens to be
	midway  bool   // the last budget ended within a block
	over    bool   // the budget is used up but for less than a block
	resumed bool   // generated code goes on behind a memory access
	stepped uint64 // where the interpreter last gave back control
	hidden  int    // of the budget, to end at the next block
	stale   bool   // everything must be dropped before the next translation
	dropped bool   // a region was dropped

	done bool // the access that generated code left for was made

	win        *window                  // nil: there is none
	winStale   bool                     // the window must be filled again
	entryShown [mips.MaxTLB][]shownPage // what it shows of each TLB entry
	accesses   []windowAccess
	slow       map[uint64]bool // physical addresses of instructions that do not use the window
	faulted    bool            // the access in progress faulted

	check *checker // nil: what generated code does is not repeated

	scan  scanner
	emit  emitter
	perf  io.Writer // nil: nobody wants to know what is where
	stats Stats
	meter meter
}

// Stats returns the counters.
func (e *Engine) Stats() Stats {
	s := e.stats
	s.Bytes = e.pos
	s.Total, s.Interpreter = e.meter.total, e.meter.interpreter
	return s
}

// New makes an engine for cpu and attaches it. It fails when the host does not
// give memory for code; the processor then stays with its interpreter.
func New(cpu *mips.CPU, o Options) (*Engine, error) {
	size := o.CodeBytes
	if size == 0 {
		size = 64 << 20
	}
	e := &Engine{core: cpu.Core(), exact: o.Exact, eager: o.eager, regions: map[key]*region{}, pages: map[uint64]*codePage{}}
	e.state = e.core.State()
	e.ptr = uintptr(unsafe.Pointer(e.state)) + uintptr(bias)
	e.movbe, e.bmi2 = features()
	var err error
	if e.low, err = lowMemory(mem.PageSize); err != nil {
		return nil, err
	}
	e.words = (*shared)(unsafe.Pointer(&e.low[0]))
	e.base = int32(uintptr(unsafe.Pointer(e.words)))
	if o.SharedRAM && o.Check == nil && size <= 1<<slotShift {
		if err := e.openWindow(); err != nil {
			e.core.Logf("jit: slower access to memory: %v", err)
		}
	}
	if e.arena, err = newArena(size, e.win != nil); err != nil {
		e.closeWindow()
		return nil, err
	}
	if e.win != nil && e.arena.slot < 0 {
		e.core.Logf("jit: slower access to memory: there are more than %d routers in this process", slots)
		e.closeWindow()
	}
	if e.views[0], err = e.newView(0); err != nil {
		e.arena.free()
		e.closeWindow()
		return nil, err
	}
	e.perf = o.PerfMap
	if o.Check != nil {
		e.check = &checker{failed: o.Check}
	}
	e.meter = newMeter()
	e.emit.e = e
	e.emit.B = e.arena.rw
	e.makeStubs()
	e.flush()
	cpu.SetEngine(e)
	return e, nil
}

// word is the operand of a shared word.
func (e *Engine) word(w int32) amd64.Mem { return amd64.Abs(e.base + w) }

func (e *Engine) newView(mode int) (*view, error) {
	const jumpBytes = jumpSlots * 16
	low, err := lowMemory(jumpBytes + 2*pageTable)
	if err != nil {
		return nil, err
	}
	v := &view{e: e, mode: mode, low: low}
	p := unsafe.Pointer(&low[0])
	v.jumps = int32(uintptr(p))
	v.read = v.jumps + jumpBytes
	v.write = v.read + pageTable
	v.jump = unsafe.Slice((*jumpSlot)(p), jumpSlots)
	v.reads = unsafe.Slice((*uint64)(unsafe.Add(p, jumpBytes)), 1<<20)
	v.writes = unsafe.Slice((*uint64)(unsafe.Add(p, jumpBytes+pageTable)), 1<<20)
	return v, nil
}

// makeStubs writes the code that every region shares.
func (e *Engine) makeStubs() {
	m := &e.emit
	m.N = 0
	s := &e.stubs
	// At the start of the code, where the handler of faults goes.
	all := [...]amd64.Reg{amd64.RAX, amd64.RCX, amd64.RDX, amd64.RBP, amd64.RSI, amd64.RDI,
		amd64.R8, amd64.R9, amd64.R10, amd64.R11, amd64.R12, amd64.R13, rBudget}
	m.Store(true, e.word(wordFault), rWindow)
	for i, h := range all {
		m.Store(true, e.word(wordRegs+8*int32(i)), h)
	}
	m.MovImm(amd64.RAX, exitFault)
	m.Ret()
	var base uint64
	if e.win != nil {
		base = uint64(e.win.base())
	}
	m.Align(16)
	s.restore = m.N
	for i, h := range all {
		m.Load(true, h, e.word(wordRegs+8*int32(i)))
	}
	m.MovImm(rWindow, base)
	m.JmpMem(e.word(wordEntry))
	come := func(to int32) int {
		m.Align(16)
		at := m.N
		m.Load(false, rBudget, e.word(wordBudget))
		m.MovImm(rWindow, base)
		for _, f := range fixed {
			m.Load(true, f.host, home(f.guest))
		}
		m.JmpMem(e.word(to))
		return at
	}
	s.enter = come(wordEntry)
	s.again = come(wordResume)
	leave := func(code int) {
		for _, f := range fixed {
			m.Store(true, home(f.guest), f.host)
		}
		m.Movsxd(rBudget, rBudget)
		m.Store(true, e.word(wordBudget), rBudget)
		m.MovImm(amd64.RAX, uint64(code))
		m.Ret()
		m.Align(16)
	}
	m.Align(16)
	s.budget = m.N
	leave(exitBudget)
	s.interp = m.N
	leave(exitInterp)
	s.cause = m.N
	leave(exitCause)
	s.part = m.N
	m.Store(true, e.word(wordAddress), amd64.RAX)
	leave(exitPart)
	s.mem = m.N
	m.Store(true, e.word(wordResume), amd64.RDX)
	m.Store(true, e.word(wordAddress), amd64.RAX)
	m.Store(true, e.word(wordDesc), amd64.RCX)
	leave(exitMem)
	s.tlb = m.N
	m.Store(true, e.word(wordDesc), amd64.RCX)
	leave(exitTLB)
	s.word = m.N
	m.Store(true, e.word(wordDesc), amd64.RCX)
	leave(exitWord)
	s.link = m.N
	m.Store(true, e.word(wordDesc), amd64.RCX)
	leave(exitLink)
	s.indirect = m.N
	m.Store(true, statePC, amd64.RAX)
	leave(exitIndirect)
	s.end = m.N
	e.pos = s.end
}

func (e *Engine) code(off int) uintptr { return e.arena.base() + uintptr(off) }

// Execute implements mips.Engine.
func (e *Engine) Execute() {
	defer e.explain()
	k := e.core
	e.words.cause = 0
	e.over = false
	e.meter.begin()
	for k.Left() > 0 && !k.Pending() && !e.over {
		v := e.current()
		pc := e.state.PC
		var code uintptr
		if v != nil && pc&3 == 0 && (!v.wide || sext(pc) == pc) {
			if j := &v.jump[uint32(pc)>>2&(jumpSlots-1)]; j.tag == uint32(pc) {
				code = j.code
			} else if e.midway && !e.eager {
				// The last budget ended in the middle of a block. Where the
				// interpreter stopped is no place for another region.
				e.interpret(1)
				e.midway = e.state.PC == pc+4
				continue
			} else if r := e.lookup(v, pc); r != nil {
				code = e.code(r.entry)
			}
		}
		if code == 0 {
			e.interpret(1)
			continue
		}
		e.midway = false
		e.run(v, code)
	}
	e.meter.end()
}

// run enters generated code at code, acts on its exits, and goes on as long as
// they say where.
func (e *Engine) run(v *view, code uintptr) {
	k := e.core
	w := e.words
	stub, again, restore := e.code(e.stubs.enter), e.code(e.stubs.again), e.code(e.stubs.restore)
	for code != 0 {
		if e.check != nil && e.hidden == 0 && !e.resumed {
			e.check.begin(e)
		}
		w.budget = int64(k.Left() - e.hidden)
		w.entry = code
		code = 0
		exit := enter(e.ptr, stub)
		for {
			if exit == exitMem && e.check == nil && e.device(v) {
				exit = enter(e.ptr, again)
			} else if exit == exitFault {
				e.fault()
				exit = enter(e.ptr, restore)
			} else {
				break
			}
		}
		k.SetLeft(int(w.budget) + e.hidden)
		e.hidden = 0
		e.resumed = false
		e.stats.Exits[exit]++
		if e.check != nil && exit != exitMem {
			if exit == exitLink {
				e.state.PC = sext(uint64(e.sites[int32(w.desc)].target))
			}
			e.check.compare(e, false)
		}
		switch exit {
		case exitMem:
			if e.check != nil {
				code = e.check.access(e, v)
			} else {
				code = e.access(v)
			}
		case exitBudget:
			if !k.Pending() && (e.exact || !k.Started()) {
				e.interpret(0)
				e.midway = true
			}
			e.over = true
		case exitInterp, exitCause, exitPart:
			if e.faulted {
				// The region is gone, and the next instruction is no place for another.
				e.faulted, e.midway = false, true
			}
			if k.Left() > 0 && !k.Pending() {
				// Where one follows the other, as FPU operations do, the interpreter
				// goes on for a while.
				n := 1
				if exit == exitInterp && e.state.PC == e.stepped {
					n = interpRun
				}
				e.interpret(n)
				e.stepped = e.state.PC
				if exit == exitPart && e.current() == v {
					e.fill(v, e.words.address)
				}
				if exit == exitCause && k.TimerFar() {
					w.cause, e.timer = 1, k.TimerAt()
				} else if e.timer != k.TimerAt() {
					w.cause = 0
				}
			}
		case exitTLB:
			if k.Left() > 0 && !k.Pending() {
				k.TLBWrite(w.desc != 0)
				code = e.next(v)
			}
		case exitWord:
			if k.Left() > 0 && !k.Pending() && e.execute(uint32(w.desc)) {
				code = e.next(v)
			}
		case exitLink:
			code = e.follow(v)
		}
	}
}

// next returns the code at State.PC, in view v still, if the jump cache has it and
// nothing stands against going there; else 0.
func (e *Engine) next(v *view) uintptr {
	pc := e.state.PC
	j := &v.jump[uint32(pc)>>2&(jumpSlots-1)]
	if j.tag != uint32(pc) || v.wide && sext(pc) != pc || e.stale || e.core.Left() <= 0 || e.core.Pending() {
		return 0
	}
	return j.code
}

// follow goes to the target of a direct jump, and links it.
func (e *Engine) follow(v *view) uintptr {
	k := e.core
	s := int32(e.words.desc)
	target := e.sites[s].target
	e.state.PC = sext(uint64(target))
	if k.Left() <= 0 || k.Pending() || e.stale {
		return 0
	}
	flushes := e.stats.Flushes
	r := e.lookup(v, e.state.PC)
	if r == nil {
		return 0
	}
	if e.stats.Flushes == flushes && !e.sites[s].from.dead {
		e.link(s, r)
	}
	return e.code(r.entry)
}

// device performs the load or store that generated code left for when it is one of
// a device register on a page that was accessed before, and reports whether the
// code can go on at once. This is the short way for what drivers do most: access
// can do it too.
func (e *Engine) device(v *view) bool {
	w, s := e.words, e.state
	desc, va := uint32(w.desc), w.address
	d := &v.devices[va>>mem.PageShift%deviceSlots]
	a := &kinds[desc&0x3f]
	if d.page != va>>mem.PageShift+1 || va&a.align != 0 {
		return false
	}
	k := e.core
	if e.exact { // otherwise nobody looks at the count meanwhile
		k.SetLeft(int(w.budget) + e.hidden)
	}
	k.Begin(desc&descSlot != 0)
	e.dropped = false
	reg := desc >> 8 & 31
	off := d.off + va&(mem.PageSize-1)
	if a.store {
		if !d.write {
			return false
		}
		d.dev.Write(off, int(a.size), s.GPR[reg]<<(a.shift&63)>>(a.shift&63))
	} else {
		x := a.extend(d.dev.Read(off, int(a.size)))
		if reg != 0 {
			s.GPR[reg] = x
		}
	}
	if k.Disturbed() || e.stale || e.dropped || e.faulted {
		e.done = true
		return false
	}
	e.stats.Exits[exitMem]++
	return true
}

// access performs the load or store that generated code left for, and returns
// where to resume it.
func (e *Engine) access(v *view) uintptr {
	k := e.core
	s := e.state
	desc := uint32(e.words.desc)
	va := e.words.address
	if !v.wide {
		va = sext(va)
	}
	slot := desc&descSlot != 0
	reg := desc >> 8 & 31
	pc := s.PC
	if !e.done {
		e.dropped = e.faulted // the region is gone then
	}
	e.faulted = false
	var ok bool
	major := desc & 0x3f
	size := int(kinds[major].size)
	if va&uint64(size-1) != 0 && !v.wide {
		// BadVAddr shows all 64 bits.
		if w, ok := k.Word(pc); ok {
			va = s.GPR[w>>21&31] + uint64(int64(int16(w)))
		}
	}
	switch {
	case e.done:
		e.done, ok = false, true
	case !kinds[major].store:
		var x uint64
		if x, ok = k.Load(pc, slot, va, size); ok && reg != 0 {
			s.GPR[reg] = kinds[major].extend(x)
		}
	default:
		ok = k.Store(pc, slot, va, size, s.GPR[reg])
	}
	if !ok {
		k.SetLeft(k.Left() - 1)
		return 0
	}
	e.fill(v, va)
	if k.Undisturbed() && !e.stale && !e.dropped {
		return e.words.resume
	}
	if slot && !k.Reset() {
		// The branch must still be taken: the rest runs up to the next block, which
		// finds no budget.
		e.hidden = k.Left() - int(desc>>24)
		return e.words.resume
	}
	return e.after(pc)
}

// after ends the instruction at pc, which was disturbed. It returns 0.
func (e *Engine) after(pc uint64) uintptr {
	if !e.core.Redirected() {
		e.state.PC = sext(pc + 4)
	}
	e.core.SetLeft(e.core.Left() - 1)
	e.midway = true
	return 0
}

// current returns the view of the operating mode, nil when the interpreter must
// run in it.
func (e *Engine) current() *view {
	if e.stale {
		e.flush()
	}
	mode, wide, narrow, erl := e.core.Mode()
	if erl {
		return nil
	}
	v := e.views[mode]
	if v == nil {
		var err error
		if v, err = e.newView(mode); err != nil {
			e.core.Logf("jit: %v", err)
			return nil
		}
		v.wide, v.narrow = wide, narrow
		e.views[mode] = v
		e.clearJumps()
	}
	if v.wide != wide || v.narrow != narrow {
		v.wide, v.narrow = wide, narrow
		e.flush()
	}
	return v
}

// fill makes the tables show the page of va, if it is plain memory.
func (e *Engine) fill(v *view, va uint64) {
	if !v.wide {
		va = sext(va)
	}
	if sext(va) != va {
		return
	}
	i := uint32(va) >> mem.PageShift
	page := uint64(i)
	if v.wide {
		page = va >> mem.PageShift
	}
	d := &v.devices[page%deviceSlots]
	if d.page == page+1 {
		return
	}
	r, off, entry, write, ok := e.core.Accessed(va)
	if !ok || r == nil {
		return
	}
	if r.RAM == nil {
		*d = devicePage{page + 1, r.Dev, off, write}
		v.deviceSeen = true
		return
	}
	addend := uint64(uintptr(unsafe.Pointer(&r.RAM[off]))) - uint64(i)<<mem.PageShift
	if v.reads[i] == 0 {
		if entry < 0 {
			v.fixedPages = append(v.fixedPages, i)
		} else {
			e.entryPages[entry] = append(e.entryPages[entry], filled{i, v})
		}
	}
	v.reads[i] = addend
	if write && !r.ReadOnly && !r.IsCode(off) && e.check == nil {
		v.writes[i] = addend
	}
}

// lookup returns the region for pc in view v, translating it if need be; nil
// when the interpreter must run there. The jump cache then knows it.
func (e *Engine) lookup(v *view, pc uint64) *region {
	if !v.wide {
		pc = sext(pc)
	}
	if pc&3 != 0 || sext(pc) != pc {
		return nil
	}
	if v.wide && pc>>mem.PageShift == 1<<31>>mem.PageShift-1 {
		return nil // the next page has another sign
	}
	p, ok := e.core.Fetch(pc)
	if !ok {
		return nil
	}
	k := key{pa: p.PA | pc&(mem.PageSize-1), va: uint32(pc), mode: uint8(v.mode)}
	if !p.Cached {
		k.pa |= 1
	}
	r := e.regions[k]
	if r == nil {
		if r = e.translate(v, k, p); r == nil {
			return nil
		}
	}
	if p.Entry >= 0 {
		e.entryExec[p.Entry] = true
	}
	v.jump[k.va>>2&(jumpSlots-1)] = jumpSlot{tag: k.va, code: e.code(r.entry)}
	return r
}

// translate makes the region k of page p.
func (e *Engine) translate(v *view, k key, p mips.Page) *region {
	mr, off := e.core.Memory(p)
	if mr == nil || mr.RAM == nil {
		return nil
	}
	const most = 32 << 10 // bytes of code of one region
	if e.pos+most > len(e.arena.rw) || len(e.regions) >= maxRegions {
		e.flush()
	}
	s := &e.scan
	q := e.core.Quirks()
	s.decoder = decoder{wide: v.wide, narrow: v.narrow, kernel: v.mode == 0, overflow: q&mips.QuirkOverflow != 0}
	s.ram = mr.RAM[off : off+mem.PageSize]
	s.va = k.va &^ (mem.PageSize - 1)
	idle := e.core.IdlePC()
	s.idle, s.idleOK = uint32(idle), idle != 0 && sext(idle) == idle
	blocks := s.scan(k.va)
	r := &region{key: k, pc: k.va, lo: s.lo, hi: s.hi}
	r.src = append([]byte(nil), s.ram[r.lo:r.hi]...)

	pg := e.pages[p.PA]
	if pg == nil {
		pg = &codePage{region: mr, off: off, pa: p.PA}
		e.pages[p.PA] = pg
	}
	if !pg.marked {
		pg.marked = true
		e.mark(pg)
	}
	pg.bare = 0
	r.page = pg
	pg.regions = append(pg.regions, r)
	e.regions[k] = r

	m := &e.emit
	m.v, m.r = v, r
	m.N = e.pos
	m.Align(16)
	r.entry = m.N
	e.fixups = e.fixups[:0]
	m.reset()
	m.lenient = q&mips.QuirkUnaligned != 0
	if s.loops {
		m.assign(blocks)
	}
	m.region(blocks)
	for _, f := range e.fixups {
		m.Link(f.at, find(blocks, f.to).label)
	}
	if e.perf != nil {
		fmt.Fprintf(e.perf, "%x %x guest_%08x\n", e.code(r.entry), m.N-r.entry, k.va)
	}
	e.pos = m.N
	e.stats.Blocks++
	return r
}

// mark has stores to a page with code reported.
func (e *Engine) mark(pg *codePage) {
	e.core.MarkCode(pg.region, pg.off, pg.pa)
	e.revoke(uintptr(unsafe.Pointer(&pg.region.RAM[pg.off])))
}

// revoke takes the page of host memory at host out of the tables of stores.
func (e *Engine) revoke(host uintptr) {
	if e.win != nil {
		e.win.closeHost(host)
	}
	for _, v := range e.views {
		if v == nil {
			continue
		}
		for _, p := range v.fixedPages {
			if v.writes[p]+uint64(p)<<mem.PageShift == uint64(host) {
				v.writes[p] = 0
			}
		}
	}
	for i := range e.entryPages {
		for _, f := range e.entryPages[i] {
			if f.view.writes[f.page]+uint64(f.page)<<mem.PageShift == uint64(host) {
				f.view.writes[f.page] = 0
			}
		}
	}
}

func (e *Engine) newSite(from *region, target uint32, at, stub int) int32 {
	e.sites = append(e.sites, site{from: from, target: target, at: int32(at), stub: int32(stub)})
	return int32(len(e.sites) - 1)
}

// link makes jump s go to r directly.
func (e *Engine) link(s int32, r *region) {
	t := &e.sites[s]
	if t.to != nil {
		return
	}
	if t.target&^(mem.PageSize-1) != t.from.pc&^(mem.PageSize-1) {
		if p, ok := e.core.Fetch(sext(uint64(t.target))); ok && p.Entry >= 0 {
			e.entrySites[p.Entry] = append(e.entrySites[p.Entry], s)
		}
	}
	t.to = r
	r.in = append(r.in, s)
	e.emit.Link(int(t.at), r.entry)
}

func (e *Engine) unlink(s int32) {
	t := &e.sites[s]
	if t.to == nil {
		return
	}
	t.to = nil
	e.emit.Link(int(t.at), int(t.stub))
}

// drop makes r unreachable.
func (e *Engine) drop(r *region) {
	r.dead = true
	e.dropped = true
	delete(e.regions, r.key)
	for _, s := range r.in {
		if e.sites[s].to == r {
			e.unlink(s)
		}
	}
	v := e.views[r.key.mode]
	if j := &v.jump[r.pc>>2&(jumpSlots-1)]; j.code == e.code(r.entry) {
		*j = e.emptyJump()
	}
	e.stats.Dropped++
}

// forget takes r out of the list of its page.
func (pg *codePage) forget(r *region) {
	pg.regions = slices.DeleteFunc(pg.regions, func(x *region) bool { return x == r })
}

func (e *Engine) emptyJump() jumpSlot { return jumpSlot{tag: 1, code: e.code(e.stubs.indirect)} }

func (e *Engine) clearJumps() {
	for _, v := range e.views {
		if v == nil {
			continue
		}
		for i := range v.jump {
			v.jump[i] = e.emptyJump()
		}
	}
}

// flush drops all code.
func (e *Engine) flush() {
	e.stale = false
	e.dropped = true
	clear(e.regions)
	clear(e.pages)
	e.sites = e.sites[:0]
	for i := range e.entrySites {
		e.entrySites[i] = e.entrySites[i][:0]
		e.entryExec[i] = false
	}
	e.pos = e.stubs.end
	e.accesses = e.accesses[:0]
	e.fillWindow()
	e.clearJumps()
	e.stats.Flushes++
}

func (e *Engine) forgetDevices() {
	for _, v := range e.views {
		if v != nil && v.deviceSeen {
			v.devices = [deviceSlots]devicePage{}
			v.deviceSeen = false
		}
	}
}

// EntryChanged implements mips.Engine.
func (e *Engine) EntryChanged(i int) {
	e.forgetDevices()
	e.hideEntry(i)
	for _, f := range e.entryPages[i] {
		f.view.reads[f.page], f.view.writes[f.page] = 0, 0
	}
	e.entryPages[i] = e.entryPages[i][:0]
	if !e.entryExec[i] {
		return
	}
	e.entryExec[i] = false
	for _, s := range e.entrySites[i] {
		e.unlink(s)
	}
	e.entrySites[i] = e.entrySites[i][:0]
	e.clearJumps()
	e.dropped = true
}

// ASIDChanged implements mips.Engine.
func (e *Engine) ASIDChanged() {
	e.forgetDevices()
	for i := range e.state.TLB {
		if !e.state.TLB[i].Global && (len(e.entryPages[i]) > 0 || e.entryExec[i]) {
			e.EntryChanged(i)
		}
	}
}

// TranslationsChanged implements mips.Engine.
func (e *Engine) TranslationsChanged() {
	e.forgetDevices()
	for i := range e.entryPages {
		e.hideEntry(i)
		for _, f := range e.entryPages[i] {
			f.view.reads[f.page], f.view.writes[f.page] = 0, 0
		}
		e.entryPages[i] = e.entryPages[i][:0]
	}
	for _, v := range e.views {
		if v == nil {
			continue
		}
		for _, p := range v.fixedPages {
			v.reads[p], v.writes[p] = 0, 0
		}
		v.fixedPages = v.fixedPages[:0]
	}
	e.stale = true
}

// MapChanged implements mips.Engine.
func (e *Engine) MapChanged() {
	e.TranslationsChanged()
	if e.win != nil {
		e.win.clear()
		e.winStale = true
	}
}

// CodeChanged implements mips.Engine.
func (e *Engine) CodeChanged() { e.stale = true }

// CodeWritten implements mips.Engine: it drops the regions whose code is no
// longer what it was.
func (e *Engine) CodeWritten(pa uint64) {
	pg := e.pages[pa]
	if pg == nil || !pg.marked {
		return
	}
	kept := pg.regions[:0]
	ram := pg.region.RAM[pg.off:]
	for _, r := range pg.regions {
		if string(r.src) == string(ram[r.lo:r.hi]) {
			kept = append(kept, r)
		} else {
			e.drop(r)
		}
	}
	clear(pg.regions[len(kept):])
	pg.regions = kept
	// Code that is patched is soon translated again, so the page stays marked, up
	// to a point; nobody was allowed to write meanwhile.
	if len(kept) > 0 {
		pg.bare = 0
	} else if pg.bare++; pg.bare > maxBare {
		pg.marked, pg.bare = false, 0
		return
	}
	pg.region.MarkCode(pg.off)
}

// WritesWatched implements mips.Engine.
func (e *Engine) WritesWatched(pa uint64) {
	if r := e.core.Map().Find(pa, false); r != nil && r.RAM != nil {
		e.revoke(uintptr(unsafe.Pointer(&r.RAM[pa-r.Base])))
	}
}

// Close gives back the memory of e. The processor must not run any more, or
// have another engine.
func (e *Engine) Close() {
	e.arena.free()
	e.closeWindow()
	freeLow(e.low)
	for _, v := range e.views {
		if v != nil {
			freeLow(v.low)
		}
	}
}
