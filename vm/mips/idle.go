package mips

import (
	"unsafe"

	"dynemu/vm/mem"
)

// Idle loops, found without being told.
//
// A guest that waits runs in a loop: its scheduler's, or one that polls a status
// register. When it comes back to the same place with the same registers, and
// memory is what it was, it will do the same for ever, until somebody else changes
// something: an interrupt, a bus master, a register of a device. All these come
// from events of the machine (package event), so that sleeping until the next one
// loses nothing. This is proven, not guessed: the interpreter executes one turn of
// the loop and watches every access. A loop that reads the time is none of these.
//
// Where such a loop was found, its outermost instruction becomes the idle PC. When
// the guest has passed it twice without an interrupt the proof is looked at again:
// the turn depends on nothing but registers, the words of memory that it reads and
// registers of devices, so that it holds as long as these are the same; otherwise
// another turn is watched. A proof that fails again and again makes the idle PC be
// looked at ever more rarely, and at last it is given up.
//
// Schedulers count their turns, in memory. A word that changes is allowed when its
// value goes nowhere: it is loaded, something is added, and it is stored where it
// was. Registers with such a value are followed through the turn (turn.follow): nothing
// else may read them.

const (
	// maxIdleTurn is the longest turn of an idle loop, in instructions.
	maxIdleTurn = 4000
	maxCounters = 8

	// A busy guest is looked at after idleTryMin instructions, and after each try in
	// vain after twice as many, up to idleTryMax.
	idleTryMin = 1 << 22
	idleTryMax = 1 << 31

	// idlePasses is how often the idle PC is passed before the proof is looked at.
	// It doubles with each failure up to idleMaxPasses, where the idle PC is given up.
	idlePasses    = 2
	idleMaxPasses = 1 << 16
)

// IdleStats tells what the search for idle loops did.
type IdleStats struct {
	PC     uint64 `json:"pc"`     // the idle PC that was found, 0 for none
	Sleeps uint64 `json:"sleeps"` // times that the guest was proven idle
	Proofs uint64 `json:"proofs"` // turns that were watched for it
	Failed uint64 `json:"failed"` // of which in vain
	Found  uint64 `json:"found"`  // idle PCs that were found
	Lost   uint64 `json:"lost"`   // idle PCs that were given up
}

// idleFinder is the search for idle loops of a processor.
type idleFinder struct {
	on    bool
	next  uint64 // instructions at which a busy guest is looked at
	wait  uint64 // instructions between two looks
	proof *idleProof
	turn  turn
	stats IdleStats
	cut   bool // the last turn was not watched to its end since something waits
}

// idleProof is what the turn of an idle loop depends on.
type idleProof struct {
	start State
	reads []wordRead
	regs  []registerRead
}

type wordRead struct {
	at          *uint64
	value, mask uint64
}

type registerRead struct {
	dev   mem.Steady
	off   uint64
	size  int
	value uint64
}

type visit struct{ pc, sp uint64 }

// SetIdleAuto has the processor look for the idle loop of its guest by itself, as
// long as SetIdlePC has named none. Run then returns ExitIdle when the guest is
// proven to do nothing until the next event.
func (c *CPU) SetIdleAuto(on bool) {
	c.finder = idleFinder{on: on, wait: idleTryMin, next: c.Instructions() + idleTryMin, stats: c.finder.stats}
}

// IdleAuto tells whether the processor looks for the idle loop.
func (c *CPU) IdleAuto() bool { return c.finder.on }

// IdleStats returns what the search for idle loops has done so far.
func (c *CPU) IdleStats() IdleStats {
	s := c.finder.stats
	s.PC = 0
	if c.finder.on {
		s.PC = c.idlePC
	}
	return s
}

// asleep decides, with the guest at the idle PC, whether it is idle.
func (c *CPU) asleep() bool {
	f := &c.finder
	if f.proof.holds(c) {
		f.stats.Sleeps++
		f.proved(c)
		return true
	}
	if c.prove() {
		f.stats.Sleeps++
		f.proved(c)
		return true
	}
	if f.cut {
		return false
	}
	if c.idleMax *= 2; c.idleMax > idleMaxPasses {
		f.stats.Lost++
		c.giveUpIdle()
	}
	return false
}

// proved notes that the guest is idle at the idle PC.
func (f *idleFinder) proved(c *CPU) {
	c.idleMax = idlePasses
	f.wait = idleTryMin
	f.next = c.Instructions() + f.wait
}

func (c *CPU) giveUpIdle() {
	c.finder.proof = nil
	c.setIdlePC(0)
}

// seekIdle looks whether the guest, which has been busy for a while, is in an idle
// loop. It executes some of it.
func (c *CPU) seekIdle() (idle bool) {
	f := &c.finder
	defer func() { f.next = c.Instructions() + f.wait }()
	f.stats.Proofs++
	turn := c.findTurn()
	if !f.cut {
		f.wait = min(f.wait*2, idleTryMax)
	}
	if turn == nil {
		f.stats.Failed++
		return false
	}
	// Of the instructions that a turn passes once the first of the outermost function
	// is best: the loop itself, not what it calls. If that holds a count in a register,
	// the one where the guest was found again will do.
	times := map[uint64]int{}
	for _, v := range turn {
		times[v.pc]++
	}
	best := visit{pc: turn[0].pc, sp: 1 << 63}
	for _, v := range turn {
		if times[v.pc] == 1 && int64(v.sp) > int64(best.sp) {
			best = v
		}
	}
	for _, pc := range []uint64{best.pc, turn[0].pc} {
		for n := 0; c.s.PC != pc; n++ {
			if n > maxIdleTurn || !c.watchedStep() {
				return false
			}
		}
		if !c.prove() {
			if f.cut {
				return false
			}
			continue
		}
		if c.idlePC != pc {
			f.stats.Found++
			c.setIdlePC(pc)
			c.idleMax = idlePasses
		}
		f.stats.Sleeps++
		f.proved(c)
		return true
	}
	return false
}

// findTurn executes the guest until it is at an instruction where it has been before
// with the same registers, and returns what it passed from there on; nil when that
// does not happen soon.
func (c *CPU) findTurn() []visit {
	f := &c.finder
	if !c.undisturbed() {
		return nil
	}
	f.turn.reset()
	f.turn.counters = nil
	var visited []visit
	var registers [][32]uint64
	last := map[uint64]int{} // the latest visit of an address
	for i := range maxIdleTurn {
		if j, ok := last[c.s.PC]; ok && registers[j] == c.s.GPR {
			return visited[j:]
		}
		last[c.s.PC] = i
		visited = append(visited, visit{c.s.PC, c.s.GPR[29]})
		registers = append(registers, c.s.GPR)
		if !c.undisturbed() || !c.watchedStep() {
			return nil
		}
	}
	return nil
}

// undisturbed tells whether nothing waits for the guest, or for the machine, and
// notes that otherwise what is watched was cut short.
func (c *CPU) undisturbed() bool {
	a := c.cfg.Attention
	c.finder.cut = c.irq || c.stop || c.s.Waiting || a != nil && a.Load() != 0
	return !c.finder.cut
}

// prove watches a turn from the current instruction, or two of them when it counts,
// and keeps the proof.
func (c *CPU) prove() bool {
	f := &c.finder
	f.stats.Proofs++
	f.proof = nil
	f.turn.counters = nil
	start := c.s
	if c.turnFrom() {
		f.turn.counters = f.turn.changes()
		n := len(f.turn.counters)
		ok := n == 0
		if n > 0 && n <= maxCounters {
			start = c.s
			ok = c.turnFrom() && f.turn.changesOnly()
		}
		if ok {
			f.proof = f.turn.proof(start)
			return true
		}
	}
	f.stats.Failed++
	return false
}

// turn is what is watched of one turn of a loop.
type turn struct {
	first  map[*uint64]uint64 // what a word held before the turn
	read   map[*uint64]bool   // words read that the turn had not written before
	regs   []registerRead
	broken bool // something that no proof allows

	counters map[*uint32]bool // words that may change if their value goes nowhere
	tainted  uint32           // registers with such a value
}

func (t *turn) reset() {
	if t.first == nil {
		t.first, t.read = map[*uint64]uint64{}, map[*uint64]bool{}
	}
	clear(t.first)
	clear(t.read)
	t.regs = t.regs[:0]
	t.broken = false
	t.tainted = 0
}

// halves returns the two words at p.
func halves(p *uint64) *[2]uint32 { return (*[2]uint32)(unsafe.Pointer(p)) }

// changes returns the words that are not what they were before the turn.
func (t *turn) changes() map[*uint32]bool {
	list := map[*uint32]bool{}
	for at, v := range t.first {
		now, then := halves(at), halves(&v)
		for i := range now {
			if now[i] != then[i] {
				list[&now[i]] = true
			}
		}
	}
	return list
}

// changesOnly tells whether nothing but counters changed.
func (t *turn) changesOnly() bool {
	if t.tainted != 0 {
		return false
	}
	for at := range t.changes() {
		if !t.counters[at] {
			return false
		}
	}
	return true
}

// follow follows the values of counters through instruction w, which accesses the
// words of memory given. What reads a register with such a value breaks the proof,
// but for ADDIU and DADDIU, whose result is one, and a store to the very counter.
func (t *turn) follow(w uint32, load, store []uint32) {
	if len(t.counters) == 0 {
		return
	}
	rs, rt, rd := w>>21&31, w>>16&31, w>>11&31
	has := func(r uint32) bool { return t.tainted>>r&1 != 0 }
	touches := func(words []uint32) (n int) {
		for i := range words {
			if t.counters[&words[i]] {
				n++
			}
		}
		return n
	}
	dest, value := uint32(0), false
	switch op := w >> 26; {
	case op == 0:
		t.broken = t.broken || has(rs) || has(rt)
		dest = rd
	case op == 1:
		t.broken = t.broken || has(rs)
		if rt&0x10 != 0 {
			dest = 31
		}
	case op == 2:
	case op == 3:
		dest = 31
	case op < 8, op >= 20 && op < 24: // branches
		t.broken = t.broken || has(rs) || has(rt)
	case op == 9, op == 25: // ADDIU, DADDIU
		dest, value = rt, has(rs)
	case op < 16, op == 24:
		t.broken = t.broken || has(rs)
		dest = rt
	case op == 0x10: // MFC0, MTC0
		if w>>21&31 < 4 {
			dest = rt
		} else {
			t.broken = t.broken || has(rt)
		}
	case store != nil:
		n := touches(store)
		whole := (op == 0x2b && len(store) == 1 || op == 0x3f && len(store) == 2) && n == len(store)
		t.broken = t.broken || has(rs) || has(rt) != (n > 0) || n > 0 && !whole
	case load != nil:
		n := touches(load)
		whole := (op == 0x23 || op == 0x27 || op == 0x37) && n == len(load)
		parts := op == 0x22 || op == 0x26 || op == 0x1a || op == 0x1b // keep some of rt
		t.broken = t.broken || has(rs) || parts && has(rt) || n > 0 && !whole
		dest, value = rt, n > 0
	default:
		t.broken = t.broken || has(rs) || has(rt)
		dest = rt
	}
	if dest != 0 {
		t.tainted &^= 1 << dest
		if value {
			t.tainted |= 1 << dest
		}
	}
}

// memoryWord returns the 8 bytes at p as the guest sees them.
func memoryWord(p *uint64) uint64 {
	return be64(unsafe.Slice((*byte)(unsafe.Pointer(p)), 8))
}

// proof makes a proof of a turn from start.
func (t *turn) proof(start State) *idleProof {
	p := &idleProof{start: start, regs: append([]registerRead(nil), t.regs...)}
	for at := range t.read {
		r := wordRead{at: at, mask: ^uint64(0)}
		for i := range halves(at) {
			if t.counters[&halves(at)[i]] {
				halves(&r.mask)[i] = 0
			}
		}
		r.value = *at & r.mask
		p.reads = append(p.reads, r)
	}
	return p
}

// holds tells whether the turn that c is about to run is the one of the proof.
func (p *idleProof) holds(c *CPU) bool {
	if p == nil || c.s.GPR != p.start.GPR {
		return false
	}
	p.start.Retired = c.s.Retired
	if c.s != p.start {
		return false
	}
	for i := range p.reads {
		if r := &p.reads[i]; *r.at&r.mask != r.value {
			return false
		}
	}
	for _, r := range p.regs {
		if !r.dev.Steady(r.off, r.size) || r.dev.Read(r.off, r.size) != r.value {
			return false
		}
	}
	return true
}

// turnFrom executes the guest until it is where it is now, with the same registers.
// It reports false when it does not come there soon or does something that cannot be
// part of an idle loop.
func (c *CPU) turnFrom() bool {
	start := c.s
	c.finder.turn.reset()
	for range maxIdleTurn {
		if !c.undisturbed() || !c.watchedStep() {
			return false
		}
		if c.s.PC == start.PC && c.s.GPR == start.GPR {
			start.Retired = c.s.Retired
			if c.s == start {
				return true
			}
		}
	}
	return false
}

// watchedStep executes one instruction, a branch with its slot, and notes in turn
// what it accesses.
func (c *CPU) watchedStep() bool {
	t := &c.finder.turn
	w := c.watchFetch(c.s.PC)
	c.watch(w)
	if isBranch(w) {
		slot := c.watchFetch(c.s.PC + 4)
		c.watch(slot)
		// The slot may see a new return address, and that of a likely branch may not
		// be executed.
		if slot>>26 >= 0x1a && slot>>21&31 == linkOf(w) || t.tainted != 0 && isLikely(w) {
			t.broken = true
		}
	}
	if t.broken {
		return false
	}
	return c.step() && !c.irq && !c.stop && !c.s.Waiting && c.s.CP0.Status&(StatusEXL|StatusERL) == 0
}

// step has the interpreter execute one instruction, a branch with its slot, between two
// calls of Run. It reports whether one was executed.
func (c *CPU) step() bool {
	before := c.Instructions()
	for range 2 {
		c.n0, c.n = 1, 1
		c.interpret()
		c.s.Retired += uint64(c.n0 - c.n)
		c.n0, c.n = 0, 0
		c.idle, c.idleCount = false, 0
		if c.Instructions() != before {
			return true // else it was at the idle PC and only counted
		}
	}
	return false
}

// linkOf returns the register that branch w puts its return address into, 0 for none.
func linkOf(w uint32) uint32 {
	switch {
	case w>>26 == 0 && w&0x3f == 9:
		return w >> 11 & 31
	case w>>26 == 1 && w>>20&1 != 0, w>>26 == 3:
		return 31
	}
	return 0
}

// isLikely tells whether branch w skips its slot when it is not taken.
func isLikely(w uint32) bool {
	return w>>26 >= 20 && w>>26 < 24 || w>>26 == 1 && w>>17&1 != 0
}

// watchFetch notes the instruction at pc and returns it.
func (c *CPU) watchFetch(pc uint64) uint32 {
	at := c.watched8(pc, accFetch)
	if at == nil || pc&3 != 0 {
		c.finder.turn.broken = true
		return 0
	}
	c.finder.turn.noteRead(at)
	return uint32(memoryWord(at) >> (32 - 8*(pc&4)))
}

func (t *turn) noteRead(at *uint64) {
	if _, ok := t.first[at]; !ok {
		t.first[at] = *at
		t.read[at] = true
	}
}

func (t *turn) noteWrite(at *uint64) {
	if _, ok := t.first[at]; !ok {
		t.first[at] = *at
		// Part of it may remain, so it counts as read.
		t.read[at] = true
	}
}

// watched8 returns the 8 aligned bytes of memory that hold va, nil when there is no
// memory.
func (c *CPU) watched8(va uint64, acc access) *uint64 {
	va = c.canonical(va)
	tr, f := c.translate(va, acc)
	if f != faultNone {
		return nil
	}
	r := c.cfg.Map.Find(tr.pa, tr.cached)
	if r == nil || r.RAM == nil || acc == accStore && r.ReadOnly {
		return nil
	}
	off := (tr.pa - r.Base) &^ 7
	return (*uint64)(unsafe.Pointer(&r.RAM[off]))
}

// watch notes what instruction w, which is about to be executed, accesses.
func (c *CPU) watch(w uint32) {
	t := &c.finder.turn
	va := c.s.GPR[w>>21&31] + uint64(int64(int16(w)))
	var load, store []uint32
	defer func() { t.follow(w, load, store) }()
	switch op := w >> 26; op {
	case 0x00:
		if fn := w & 0x3f; fn == 0x0c || fn == 0x0d { // SYSCALL, BREAK
			t.broken = true
		}
	case 0x10:
		rd := w >> 11 & 31
		switch w >> 21 & 31 {
		case 0, 1: // MFC0, DMFC0 of anything but Random and Count
			t.broken = t.broken || rd == 1 || rd == 9
		case 4, 5: // MTC0, DMTC0 to Status
			t.broken = t.broken || rd != 12
		default:
			t.broken = true
		}
	case 0x1a, 0x1b, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x37:
		if at := c.watched8(va, accLoad); at != nil {
			t.noteRead(at)
			load = wordsOf(at, va, op)
		} else {
			c.watchRegister(va, w)
		}
	case 0x28, 0x29, 0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x3f:
		if at := c.watched8(va, accStore); at != nil {
			t.noteWrite(at)
			store = wordsOf(at, va, op)
		} else {
			t.broken = true
		}
	case 0x11, 0x12, 0x13, 0x2f, 0x30, 0x31, 0x32, 0x34, 0x35, 0x36, 0x38, 0x39, 0x3a, 0x3c, 0x3d, 0x3e:
		t.broken = true // coprocessors, CACHE, linked accesses
	}
}

// wordsOf returns the words of the 8 bytes at p that instruction op accesses at va.
func wordsOf(p *uint64, va uint64, op uint32) []uint32 {
	switch op {
	case 0x1a, 0x1b, 0x2c, 0x2d, 0x37, 0x3f:
		return halves(p)[:]
	}
	i := va >> 2 & 1
	return halves(p)[i : i+1]
}

// watchRegister notes load w of a device register, if nothing depends on how often
// that is read.
func (c *CPU) watchRegister(va uint64, w uint32) {
	t := &c.finder.turn
	size := map[uint32]int{0x20: 1, 0x24: 1, 0x21: 2, 0x25: 2, 0x23: 4, 0x27: 4, 0x37: 8}[w>>26]
	tr, f := c.translate(c.canonical(va), accLoad)
	if size == 0 || f != faultNone || va&uint64(size-1) != 0 {
		t.broken = true
		return
	}
	r := c.cfg.Map.Find(tr.pa, tr.cached)
	if r == nil || r.Dev == nil {
		t.broken = true
		return
	}
	off := tr.pa - r.Base
	s, ok := r.Dev.(mem.Steady)
	if !ok || !s.Steady(off, size) {
		t.broken = true
		return
	}
	t.regs = append(t.regs, registerRead{s, off, size, s.Read(off, size)})
}
