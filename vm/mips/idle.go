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
// One thing is allowed that a proof does not allow: up to maxCounters words of
// memory may change by the same amount every turn. Schedulers count their turns.

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
	on      bool
	next    uint64 // instructions at which a busy guest is looked at
	wait    uint64 // instructions between two looks
	proof   *idleProof
	visited []visit
	turn    turn
	stats   IdleStats
	cut     bool // the last turn was not watched to its end since something waits
}

// idleProof is what the turn of an idle loop depends on.
type idleProof struct {
	start State
	reads []wordRead
	regs  []registerRead
}

type wordRead struct {
	at    *uint64
	value uint64
}

type registerRead struct {
	dev   mem.Device
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
	if !c.turnFrom(true) {
		f.stats.Failed++
		if !f.cut {
			f.wait = min(f.wait*2, idleTryMax)
		}
		return false
	}
	f.wait = min(f.wait*2, idleTryMax)
	// Of the instructions that a turn passes once take the first of the outermost
	// function: the loop itself, not what it calls.
	times := map[uint64]int{}
	for _, v := range f.visited {
		times[v.pc]++
	}
	best := visit{}
	for _, v := range f.visited {
		if times[v.pc] == 1 && (best.pc == 0 || int64(v.sp) > int64(best.sp)) {
			best = v
		}
	}
	for n := 0; best.pc != 0 && c.s.PC != best.pc; n++ {
		if n > maxIdleTurn || !c.watchedStep() {
			return false
		}
	}
	if best.pc == 0 || !c.prove() {
		return false
	}
	if c.idlePC != best.pc {
		f.stats.Found++
		c.setIdlePC(best.pc)
		c.idleMax = idlePasses
	}
	f.stats.Sleeps++
	f.proved(c)
	return true
}

// prove watches a turn from the current instruction, or three of them when they
// count, and keeps the proof.
func (c *CPU) prove() bool {
	f := &c.finder
	f.stats.Proofs++
	f.proof = nil
	var counters []counter
	for turns := 0; ; turns++ {
		start := c.s
		if !c.turnFrom(false) {
			break
		}
		now := f.turn.changes()
		switch {
		case len(now) > maxCounters:
			f.stats.Failed++
			return false
		case len(now) == 0 && turns == 0, turns == 2 && sameCounters(counters, now):
			f.proof = f.turn.proof(start, now)
			return true
		case turns > 0 && !sameCounters(counters, now), turns == 2:
			f.stats.Failed++
			return false
		}
		counters = now
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
}

// counter is a word of memory that changes by step each turn.
type counter struct {
	at   *uint64
	step uint64
}

func (t *turn) reset() {
	if t.first == nil {
		t.first, t.read = map[*uint64]uint64{}, map[*uint64]bool{}
	}
	clear(t.first)
	clear(t.read)
	t.regs = t.regs[:0]
	t.broken = false
}

// changes returns the words that are not what they were before the turn.
func (t *turn) changes() (list []counter) {
	for at, v := range t.first {
		if *at != v {
			list = append(list, counter{at, memoryWord(at) - memoryWord(&v)})
		}
	}
	return list
}

// memoryWord returns the 8 bytes at p as the guest sees them.
func memoryWord(p *uint64) uint64 {
	return be64(unsafe.Slice((*byte)(unsafe.Pointer(p)), 8))
}

func sameCounters(a, b []counter) bool {
	if len(a) != len(b) {
		return false
	}
	steps := map[*uint64]uint64{}
	for _, x := range a {
		steps[x.at] = x.step
	}
	for _, x := range b {
		if s, ok := steps[x.at]; !ok || s != x.step {
			return false
		}
	}
	return true
}

// proof makes a proof of a turn from start in which counters changed.
func (t *turn) proof(start State, counters []counter) *idleProof {
	p := &idleProof{start: start, regs: append([]registerRead(nil), t.regs...)}
	for _, x := range counters {
		delete(t.read, x.at)
	}
	for at := range t.read {
		p.reads = append(p.reads, wordRead{at, *at})
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
		if *p.reads[i].at != p.reads[i].value {
			return false
		}
	}
	for _, r := range p.regs {
		if r.dev.Read(r.off, r.size) != r.value {
			return false
		}
	}
	return true
}

// turnFrom executes the guest until it is where it is now, with the same registers.
// It reports false when it does not come there soon or does something that cannot be
// part of an idle loop. list keeps what was passed, in visited.
func (c *CPU) turnFrom(list bool) bool {
	f := &c.finder
	f.cut = c.irq || c.stop || c.s.Waiting
	if f.cut {
		return false
	}
	start := c.s
	f.turn.reset()
	f.visited = f.visited[:0]
	for range maxIdleTurn {
		if a := c.cfg.Attention; a != nil && a.Load() != 0 {
			f.cut = true
			return false
		}
		if list {
			f.visited = append(f.visited, visit{c.s.PC, c.s.GPR[29]})
		}
		if !c.watchedStep() {
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
		c.watch(c.watchFetch(c.s.PC + 4))
	}
	if t.broken {
		return false
	}
	before := c.Instructions()
	for range 2 {
		c.n0, c.n = 1, 1
		c.interpret()
		c.s.Retired += uint64(c.n0 - c.n)
		c.n0, c.n = 0, 0
		c.idle, c.idleCount = false, 0
		if c.Instructions() != before {
			break // else it was at the idle PC and only counted
		}
	}
	return !c.irq && !c.stop && !c.s.Waiting && c.s.CP0.Status&(StatusEXL|StatusERL) == 0 && c.Instructions() != before
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
		} else {
			c.watchRegister(va, w)
		}
	case 0x28, 0x29, 0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x3f:
		if at := c.watched8(va, accStore); at != nil {
			t.noteWrite(at)
		} else {
			t.broken = true
		}
	case 0x11, 0x12, 0x13, 0x2f, 0x30, 0x31, 0x32, 0x34, 0x35, 0x36, 0x38, 0x39, 0x3a, 0x3c, 0x3d, 0x3e:
		t.broken = true // coprocessors, CACHE, linked accesses
	}
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
	t.regs = append(t.regs, registerRead{r.Dev, off, size, r.Dev.Read(off, size)})
}
