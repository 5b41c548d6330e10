//go:build linux && amd64

package jit

// The translator.
//
// Goals. Compiled router code must run several times faster than on the
// interpreter, with results that nobody can tell from the interpreter's: the same
// registers, the same memory, the same exceptions at the same instruction, the
// same number of instructions counted. Whatever is rare is not translated: the
// interpreter of package mips executes it, on the same state.
//
// Terms. A block is straight guest code with one entry. A region is what is
// translated at once: the blocks of one guest page that follow each other, and,
// when there is a loop among them, the other blocks that its branches lead to. An
// exit is a return of generated code to the engine. Hot code is what runs when all
// is well; cold code lies behind it and prepares exits. A link is a jump from one
// region to another. A view is the guest's address space in one operating mode.
//
// State. Generated code works on mips.State itself, whose address is in RBX. Nine
// guest registers live in host registers wherever a region is entered or left
// (table fixed); the others live in the state. A region with loops moves the
// registers that its loops use most into the host registers of those that they do
// not use, from its entry to its exits. HI and LO count as registers. All 64 bits
// of a register are always what the guest would see; results of 32-bit operations
// are sign-extended at once. RAX, RCX and RDX are scratch, R14 is the budget.
//
// Budget. Every block takes its number of instructions from the budget when it is
// entered, and goes nowhere when they are not there. So generated code always
// comes back, within microseconds, which the Go runtime, the devices' timers and
// interrupts rely on: it cannot be preempted otherwise. Cold code gives back
// what the block has not executed, so that the count is exact at every exit.
//
// Memory. Two tables for each view, one for loads and one for stores, have for
// each of the 2^20 pages of 4 KiB the distance from guest to host address, or 0
// when the access must not be made directly: devices, pages not looked up
// yet, and for stores pages that are write-protected, watched, or hold decoded
// code. The access leaves then with its address; the engine does it through
// package mips, fills the tables, and lets the code go on behind it. An exception
// instead leaves a new PC and the code is not resumed. Tables are filled page by
// page, and each TLB entry knows the pages that were filled through it, so that
// writing it takes out exactly those. Addresses of tables are below 2 GiB and are
// part of the instructions. In kernel mode most accesses do without: they go through
// the window (window.go), and only those that have once gone elsewhere use the
// tables.
//
// Lifecycle of a region. An address that is to be executed is looked up in the
// jump cache of its view, then translated by the guest's TLB, then looked up in
// the map of regions. If it is not there, its region is formed (region.go),
// translated in one pass over its blocks, and put into the map, the jump cache and
// the list of its page, which is marked so that package mem reports stores to it.
// A direct jump out of a region leaves once, and is then linked. A jump through
// a register looks into the jump cache. When its page is written, by whomever, the
// region stays if its instructions are still the same; otherwise it is dropped:
// taken out of the map and the cache, links to it undone. When code memory is
// full, or the physical map changes, all regions are dropped.
//
// What ends a block: a branch with its delay slot; the end of the page; an address
// that another block starts at; 64 instructions; SYSCALL and ERET, which in kernel
// mode are done here; TLBWI, TLBWR, FPU operations, linked loads and parts of
// unaligned words that do not come in pairs, which package mips executes one by
// one; and every instruction for the interpreter, which is not part of the block.
// The latter are TLB reads and probes, accesses to system registers that have
// effects, WAIT, reserved words, branches on FPU conditions, a branch whose slot is
// one of all these or lies in the next page, a branch to itself, and the
// instruction at the idle PC.
//
// Delay slots. The slot's code comes before the comparison of its branch, which is
// the same unless the slot writes what the branch reads; then the condition is
// kept in memory. A slot that must leave says so, and EPC and BD are right
// because package mips is told that the access was in a slot.
//
// The cache key is the physical address (and whether it is cached), the virtual
// address, and the operating mode. The virtual address is there because branch
// targets and return addresses are constants in the code. A link to another page
// that the TLB maps is undone when its entry changes.
//
// Everything runs on the machine's goroutine. Generated code uses no stack, calls
// nothing, and knows no Go pointer but the state's, which the processor's
// owner keeps alive.

import (
	"unsafe"

	"dynemu/jit/amd64"
	"dynemu/vm/mips"
)

// Host registers.
const (
	rState  = amd64.RBX // the state, biased
	rBudget = amd64.R14 // instructions left, 32 bits
	rWindow = amd64.R15 // the window
)

// bias makes registers 1 to 31 and HI lie within a byte's displacement of rState.
const bias = int32(unsafe.Offsetof(mips.State{}.GPR)) + 8 + 128

func field(off uintptr) amd64.Mem { return amd64.At(rState, int32(off)-bias) }

var (
	statePC     = field(unsafe.Offsetof(mips.State{}.PC))
	stateLL     = field(unsafe.Offsetof(mips.State{}.LL))
	stateLines  = field(unsafe.Offsetof(mips.State{}.Lines))
	stateStatus = field(unsafe.Offsetof(mips.State{}.CP0) + unsafe.Offsetof(mips.CP0{}.Status))
	stateCause  = field(unsafe.Offsetof(mips.State{}.CP0) + unsafe.Offsetof(mips.CP0{}.Cause))
	stateEPC    = field(unsafe.Offsetof(mips.State{}.CP0) + unsafe.Offsetof(mips.CP0{}.EPC))
)

// home is where guest register g lives between regions when no host register
// holds it.
func home(g int) amd64.Mem { return amd64.At(rState, int32(8*g)-bias) }

// fixed is the mapping that holds wherever a region is entered or left: the
// registers that compilers use most.
var fixed = [...]struct {
	guest int
	host  amd64.Reg
}{
	{2, amd64.RSI}, {3, amd64.RDI}, {4, amd64.R8}, {5, amd64.R9}, {6, amd64.R10},
	{7, amd64.R11}, {8, amd64.R12}, {29, amd64.R13}, {16, amd64.RBP},
}

// Kinds of cold code.
const (
	coldMem = iota
	coldInterp
	coldBudget
	coldLink
	coldPart
)

// cold is code that a block needs rarely; it lies behind the region's hot code.
type cold struct {
	kind   uint8
	from   [3]int // displacements that lead here, 0 for none
	pc     uint32
	refund int // instructions of the block that were not executed
	desc   uint32
	back   int
	target uint32
	access int // the first in Engine.accesses of those that can fault,
	faults int // of which there are so many
}

// residue is what is known of the low bits of a register: modulo mod it is val.
// mod is a power of two, at most 8; 0 stands for 1.
type residue struct{ mod, val uint8 }

type move struct {
	host    amd64.Reg
	out, in int  // guest registers that leave and enter it
	written bool // in is written in the region
	spilled bool // out is written in the region, in memory
}

// emitter turns blocks into code.
type emitter struct {
	amd64.Asm
	e    *Engine
	v    *view
	r    *region
	host [nRegs]int8 // of each guest register, -1 for none

	moves []move
	cold  []cold

	known    [nRegs]bool // constants of the block
	value    [nRegs]uint64
	residues [nRegs]residue // low bits of what is not constant
	lenient  bool           // unaligned accesses succeed

	// A result of 32 bits that is overwritten before anybody sees its upper half
	// is not sign-extended: loose registers are those with such a value.
	loose   [nRegs]bool
	loosely bool // the current instruction need not sign-extend

	pcRefund int // of the instruction being translated
	pc       uint32
	inSlot   bool
	branchPC uint32
}

func (m *emitter) reset() {
	for i := range m.host {
		m.host[i] = -1
	}
	for _, f := range fixed {
		m.host[f.guest] = int8(f.host)
	}
	m.moves = m.moves[:0]
	m.cold = m.cold[:0]
}

// assign gives the host registers of a region with loops to the guest registers
// that the loops use most. Those of the fixed mapping that are used stay where
// they are.
func (m *emitter) assign(blocks []block) {
	var weight [nRegs]int
	var written [nRegs]bool
	// What lies between the target of a backward branch and the branch counts, the
	// more the deeper it is nested.
	depth := make([]int, len(blocks))
	for j := range blocks {
		b := &blocks[j]
		if b.end.op != opBranch && b.end.op != opJump {
			continue
		}
		t := b.end.target()
		if t > b.end.pc || find(blocks, t) == nil {
			continue
		}
		longest := true // of the branches to t, which make one loop
		for k := range blocks {
			x := &blocks[k].end
			if (x.op == opBranch || x.op == opJump) && x.target() == t && (x.pc > b.end.pc || x.pc == b.end.pc && k < j) {
				longest = false
			}
		}
		if !longest {
			continue
		}
		for i := range blocks {
			if pc := blocks[i].pc; pc >= t && pc <= b.end.pc {
				depth[i]++
			}
		}
	}
	for i := range blocks {
		b := &blocks[i]
		w := 1 << (3 * min(depth[i], 5))
		count := func(in *insn) {
			for _, g := range in.uses() {
				weight[g] += w
			}
			for _, g := range in.defines() {
				weight[g] += w
				written[g] = true
			}
		}
		for j := range b.body {
			count(&b.body[j])
		}
		if b.end.branches() {
			count(&b.end)
			count(&b.slot)
		}
	}
	weight[0] = 0
	for {
		best := 0
		for g := 1; g < nRegs; g++ {
			if m.host[g] < 0 && weight[g] > weight[best] {
				best = g
			}
		}
		least := -1
		for i, f := range fixed {
			if m.host[f.guest] >= 0 && (least < 0 || weight[f.guest] < weight[fixed[least].guest]) {
				least = i
			}
		}
		if best == 0 || least < 0 || weight[best] < weight[fixed[least].guest]+8 {
			return
		}
		f := fixed[least]
		m.host[best] = int8(f.host)
		m.host[f.guest] = -1
		m.moves = append(m.moves, move{host: f.host, out: f.guest, in: best, written: written[best], spilled: written[f.guest]})
	}
}

func (m *emitter) mapped(g uint8) (amd64.Reg, bool) {
	h := m.host[g]
	return amd64.Reg(h), h >= 0
}

// src returns a host register that holds guest register g: its own, or scratch.
func (m *emitter) src(g uint8, scratch amd64.Reg) amd64.Reg {
	if h, ok := m.mapped(g); ok {
		return h
	}
	m.fill(true, scratch, g)
	return scratch
}

// fill copies guest register g to host register h. It keeps the flags.
func (m *emitter) fill(w bool, h amd64.Reg, g uint8) {
	if g == 0 {
		m.MovImm(h, 0)
	} else if x, ok := m.mapped(g); ok {
		if x != h || !w {
			m.Mov(w, h, x)
		}
	} else {
		m.Load(w, h, home(int(g)))
	}
}

// with does h = h op guest register g.
func (m *emitter) with(op amd64.ALU, w bool, h amd64.Reg, g uint8) {
	if g == 0 {
		m.OpImm(op, w, h, 0)
	} else if x, ok := m.mapped(g); ok {
		m.Op(op, w, h, x)
	} else {
		m.OpMem(op, w, h, home(int(g)))
	}
}

// dst returns where to compute guest register g: its own register or RAX.
func (m *emitter) dst(g uint8) amd64.Reg {
	if h, ok := m.mapped(g); ok {
		return h
	}
	return amd64.RAX
}

// put makes guest register g the value of h.
func (m *emitter) put(g uint8, h amd64.Reg) {
	if x, ok := m.mapped(g); !ok {
		m.Store(true, home(int(g)), h)
	} else if x != h {
		m.Mov(true, x, h)
	}
}

// putSX makes guest register g the sign-extended low half of h.
func (m *emitter) putSX(g uint8, h amd64.Reg) {
	if x, ok := m.mapped(g); ok {
		if m.loosely {
			if x != h {
				m.Mov(false, x, h)
			}
			m.loose[g] = true
		} else {
			m.Movsxd(x, h)
		}
		return
	}
	m.Movsxd(amd64.RAX, h)
	m.Store(true, home(int(g)), amd64.RAX)
}

// constant makes guest register g the value v.
func (m *emitter) constant(g uint8, v uint64) {
	if x, ok := m.mapped(g); ok {
		m.MovImm(x, v)
	} else if uint64(int64(int32(v))) == v {
		m.StoreImm(true, home(int(g)), int32(v))
	} else {
		m.MovImm(amd64.RAX, v)
		m.Store(true, home(int(g)), amd64.RAX)
	}
	m.known[g], m.value[g] = true, v
}

func (m *emitter) isKnown(g uint8) (uint64, bool) {
	if g == 0 {
		return 0, true
	}
	return m.value[g], m.known[g]
}

func sext(v uint64) uint64 { return uint64(int64(int32(v))) }

// toInterp adds cold code that has the interpreter execute the current
// instruction, reached by the jump at from.
func (m *emitter) toInterp(from int) {
	pc, refund := m.pc, m.pcRefund
	if m.inSlot {
		pc, refund = m.branchPC, refund+1
	}
	m.cold = append(m.cold, cold{kind: coldInterp, from: [3]int{from}, pc: pc, refund: refund})
}

// region translates blocks; the code starts at r.entry.
func (m *emitter) region(blocks []block) {
	m.prologue()
	for i := range blocks {
		m.block(blocks, i)
	}
	for i := range m.cold {
		m.emitCold(&m.cold[i])
	}
}

func (m *emitter) prologue() {
	for _, v := range m.moves {
		if v.out != 0 {
			m.Store(true, home(v.out), v.host)
		}
		m.Load(true, v.host, home(v.in))
	}
}

// epilogue restores the fixed mapping. It keeps the flags and RAX, RCX and RDX.
func (m *emitter) epilogue() {
	for _, v := range m.moves {
		if v.written {
			m.Store(true, home(v.in), v.host)
		}
	}
	for _, v := range m.moves {
		if v.out != 0 {
			m.Load(true, v.host, home(v.out))
		}
	}
}

// reload undoes epilogue.
func (m *emitter) reload() {
	for _, v := range m.moves {
		m.Load(true, v.host, home(v.in))
	}
}

func (m *emitter) block(blocks []block, i int) {
	b := &blocks[i]
	b.label = m.N
	if entered(blocks, i) {
		m.known = [nRegs]bool{}
		m.residues = [nRegs]residue{}
	}
	m.inSlot = false
	if b.n > 0 {
		m.OpImm(amd64.SUB, false, rBudget, int32(b.n))
		m.cold = append(m.cold, cold{kind: coldBudget, from: [3]int{m.Jcc(amd64.L, 0)}, pc: b.pc, refund: b.n})
	}
	for j := range b.body {
		in := &b.body[j]
		m.pc, m.pcRefund = in.pc, b.n-j
		m.loosely = in.upper() != upperMatters && overwritten(b.body, j)
		m.insn(in)
	}
	m.loosely = false
	m.pcRefund = 2
	m.branchPC = b.end.pc
	switch b.end.op {
	case opNop:
		m.to(blocks, b.next(), i)
	case opInterp:
		m.pc, m.pcRefund = b.end.pc, 0
		m.epilogue()
		m.StoreImm(true, statePC, int32(b.end.pc))
		m.Jmp(m.e.stubs.interp)
	case opSyscall, opERET:
		m.pc, m.pcRefund = b.end.pc, 1
		m.system(&b.end)
	case opTLBW:
		m.epilogue()
		m.StoreImm(true, statePC, int32(b.end.pc))
		m.OpImm(amd64.ADD, false, rBudget, 1)
		m.MovImm(amd64.RCX, uint64(b.end.imm))
		m.Jmp(m.e.stubs.tlb)
	case opWord:
		m.epilogue()
		m.StoreImm(true, statePC, int32(b.end.pc))
		m.OpImm(amd64.ADD, false, rBudget, 1)
		m.MovImm(amd64.RCX, uint64(b.end.w))
		m.Jmp(m.e.stubs.word)
	case opJump:
		m.slot(b)
		m.to(blocks, b.end.target(), i)
	case opCall:
		m.constant(b.end.rd, sext(uint64(b.end.pc+8)))
		m.slot(b)
		m.to(blocks, b.end.target(), i)
	case opJR, opJALR:
		m.indirect(b)
	case opBranch:
		m.branch(blocks, i)
	}
}

// entered tells whether block i can be reached other than from the one before it,
// so that nothing is known of the registers.
func entered(blocks []block, i int) bool {
	if i == 0 {
		return true
	}
	pc := blocks[i].pc
	if p := &blocks[i-1]; p.next() != pc || p.end.op != opNop && (p.end.op != opBranch || p.end.likely()) {
		return true
	}
	for j := range blocks {
		b := &blocks[j]
		switch b.end.op {
		case opBranch, opJump, opCall:
			if b.end.target() == pc {
				return true
			}
		}
		if j != i-1 && b.next() == pc && (b.end.op == opNop || b.end.op == opBranch) {
			return true
		}
	}
	return false
}

func (m *emitter) slot(b *block) {
	m.inSlot = true
	m.pc, m.pcRefund = b.slot.pc, 1
	m.insn(&b.slot)
	m.inSlot = false
}

// label returns the block of the region that starts at pc.
func find(blocks []block, pc uint32) *block {
	for i := range blocks {
		if blocks[i].pc == pc {
			return &blocks[i]
		}
	}
	return nil
}

// fixup is a jump within the region to a block that has no code yet.
type fixup struct {
	at int
	to uint32
}

// to continues at pc after block i.
func (m *emitter) to(blocks []block, pc uint32, i int) {
	if t := find(blocks, pc); t != nil {
		if t.label >= 0 {
			m.Jmp(t.label)
			return
		}
		if i+1 < len(blocks) && t == &blocks[i+1] {
			return
		}
		m.e.fixups = append(m.e.fixups, fixup{m.Jmp(0), pc})
		return
	}
	m.exit(pc, -1)
}

// exit leaves the region for pc. from is a conditional jump to do it, or -1.
func (m *emitter) exit(pc uint32, from int) {
	if from < 0 {
		m.epilogue()
		from = m.Jmp(0)
		m.cold = append(m.cold, cold{kind: coldLink, from: [3]int{from}, target: pc, back: 1})
		return
	}
	m.cold = append(m.cold, cold{kind: coldLink, from: [3]int{from}, target: pc})
}

// condition emits the comparison of branch in and returns when it is taken.
func (m *emitter) condition(in *insn) amd64.Cond {
	switch in.w >> 26 {
	case 4, 20, 5, 21:
		rs, rt := in.rs, in.rt
		if rs == 0 {
			rs, rt = rt, rs
		}
		switch {
		case rt == 0:
			m.testZero(rs)
		default:
			if _, ok := m.mapped(rs); !ok {
				if _, ok := m.mapped(rt); ok {
					rs, rt = rt, rs
				}
			}
			m.with(amd64.CMP, true, m.src(rs, amd64.RAX), rt)
		}
		if in.w>>26&1 == 0 {
			return amd64.E
		}
		return amd64.NE
	case 6, 22:
		m.testZero(in.rs)
		return amd64.LE
	case 7, 23:
		m.testZero(in.rs)
		return amd64.G
	}
	m.testZero(in.rs)
	if in.w>>16&1 == 0 {
		return amd64.L
	}
	return amd64.GE
}

func (m *emitter) testZero(g uint8) {
	if h, ok := m.mapped(g); ok {
		m.Test(true, h, h)
	} else if g == 0 {
		m.Zero(amd64.RAX)
	} else {
		m.OpMemImm(amd64.CMP, true, home(int(g)), 0)
	}
}

func (m *emitter) branch(blocks []block, i int) {
	b := &blocks[i]
	in := &b.end
	taken := func(c amd64.Cond) {
		if t := find(blocks, in.target()); t != nil {
			if t.label >= 0 {
				m.Jcc(c, t.label)
			} else {
				m.e.fixups = append(m.e.fixups, fixup{m.Jcc(c, 0), in.target()})
			}
			return
		}
		m.exit(in.target(), m.Jcc(c, 0))
	}
	if in.likely() {
		// The slot belongs to the taken path; what is not taken refunds it.
		skip := m.Jcc(m.condition(in)^1, 0)
		m.slot(b)
		m.to(blocks[:i+1], in.target(), i) // never by falling through
		m.Link(skip, m.N)
		m.OpImm(amd64.ADD, false, rBudget, 1)
		m.to(blocks, b.next(), i)
		return
	}
	d := b.slot.dest()
	if d >= 0 && (d == int(in.rs) || d == int(in.rt) && in.w>>26 < 6 && in.w>>26 >= 4) {
		m.SetMem(m.condition(in), m.v.e.word(wordCond))
		m.slot(b)
		m.OpMemImm8(amd64.CMP, m.v.e.word(wordCond), 0)
		taken(amd64.NE)
	} else {
		m.slot(b)
		taken(m.condition(in))
	}
	m.to(blocks, b.next(), i)
}

// indirect ends b with a jump through a register.
func (m *emitter) indirect(b *block) {
	in := &b.end
	saved := b.slot.dest() == int(in.rs) && in.rs != 0
	if saved {
		m.Store(true, m.e.word(wordTarget), m.src(in.rs, amd64.RAX))
	}
	if in.op == opJALR && in.rd != 0 {
		m.constant(in.rd, sext(uint64(in.pc+8)))
	}
	m.slot(b)
	if saved {
		m.Load(true, amd64.RAX, m.e.word(wordTarget))
	} else {
		m.fill(true, amd64.RAX, in.rs)
	}
	m.epilogue()
	m.dispatch()
}

// dispatch goes to guest address RAX.
func (m *emitter) dispatch() {
	miss := m.e.stubs.indirect
	if m.v.wide {
		m.Movsxd(amd64.RCX, amd64.RAX)
		m.Op(amd64.CMP, true, amd64.RCX, amd64.RAX)
		m.Jcc(amd64.NE, miss)
	}
	m.Mov(false, amd64.RCX, amd64.RAX)
	m.OpImm(amd64.AND, false, amd64.RCX, jumpMask)
	m.OpMem(amd64.CMP, false, amd64.RAX, amd64.Indexed(amd64.None, amd64.RCX, 4, m.v.jumps))
	m.Jcc(amd64.NE, miss)
	m.JmpMem(amd64.Indexed(amd64.None, amd64.RCX, 4, m.v.jumps+8))
}

// system ends a block with SYSCALL or ERET. In kernel mode the exception is
// entered and left here, unless something is unusual.
func (m *emitter) system(in *insn) {
	const (
		rax = amd64.RAX
		rcx = amd64.RCX
	)
	if m.v.mode != 0 {
		m.toInterp(m.Jmp(0))
		return
	}
	m.Load(false, rax, stateStatus)
	if in.op == opSyscall {
		m.TestImm(rax, mips.StatusEXL|mips.StatusERL|mips.StatusBEV)
		m.toInterp(m.Jcc(amd64.NE, 0))
		m.OpImm(amd64.OR, false, rax, mips.StatusEXL)
		m.Store(false, stateStatus, rax)
		m.StoreImm(true, stateEPC, int32(in.pc))
		m.Load(false, rax, stateCause)
		const keep = ^int32(0x3000007c) & 0x7fffffff // without BD, CE and ExcCode
		m.OpImm(amd64.AND, false, rax, keep)
		m.OpImm(amd64.OR, false, rax, 8<<2)
		m.Store(false, stateCause, rax)
		m.OpMemImm8(amd64.AND, stateLL, 0)
		m.exit(0x80000180, -1)
		return
	}
	// ERET to kernel mode with no interrupt waiting.
	m.TestImm(rax, mips.StatusERL|mips.StatusKSU)
	m.toInterp(m.Jcc(amd64.NE, 0))
	m.OpImm(amd64.AND, false, rax, ^mips.StatusEXL)
	m.interruptFree(rax)
	m.Store(false, stateStatus, rax)
	m.OpMemImm8(amd64.AND, stateLL, 0)
	m.Load(true, rax, stateEPC)
	m.epilogue()
	m.dispatch()
}

// interruptFree leaves for the interpreter if with Status = h, in which EXL and
// ERL are 0, an interrupt is deliverable. It changes RCX.
func (m *emitter) interruptFree(h amd64.Reg) {
	m.Load(false, amd64.RCX, stateCause)
	m.OpMem(amd64.OR, false, amd64.RCX, stateLines)
	m.Op(amd64.AND, false, amd64.RCX, h)
	m.OpImm(amd64.AND, false, amd64.RCX, mips.StatusIM)
	m.Neg(false, amd64.RCX) // carry: not 0
	m.Op(sbb, false, amd64.RCX, amd64.RCX)
	m.Op(amd64.AND, false, amd64.RCX, h)
	m.TestImm(amd64.RCX, mips.StatusIE)
	m.toInterp(m.Jcc(amd64.NE, 0))
}

const sbb amd64.ALU = 3

// moveToStatus translates MTC0 of guest register g to Status where only
// interrupt bits change.
func (m *emitter) moveToStatus(g uint8) {
	const (
		rax = amd64.RAX
		rcx = amd64.RCX
	)
	m.fill(false, rax, g)
	m.Load(false, rcx, stateStatus)
	m.Op(amd64.XOR, false, rcx, rax)
	m.TestImm(rcx, ^(mips.StatusIE | mips.StatusIM))
	m.toInterp(m.Jcc(amd64.NE, 0))
	m.TestImm(rax, mips.StatusEXL|mips.StatusERL)
	skip := m.Jcc(amd64.NE, 0)
	m.interruptFree(rax)
	m.Link(skip, m.N)
	m.Store(false, stateStatus, rax)
}

func (m *emitter) emitCold(c *cold) {
	for _, f := range c.from {
		if f != 0 {
			m.Link(f, m.N)
		}
	}
	for i := range c.faults {
		m.e.accesses[c.access+i].cold = int32(m.N)
	}
	switch c.kind {
	case coldMem:
		m.epilogue()
		m.StoreImm(true, statePC, int32(c.pc))
		m.MovImm(amd64.RCX, uint64(c.desc))
		m.OpImm(amd64.ADD, false, rBudget, int32(c.refund))
		// Not a CALL: without its RET it would spoil the prediction of returns.
		at := m.LeaCode(amd64.RDX, 0)
		m.Jmp(m.e.stubs.mem)
		m.Link(at, m.N)
		m.OpImm(amd64.SUB, false, rBudget, int32(c.refund))
		m.reload()
		m.Jmp(c.back)
	case coldInterp, coldPart:
		m.epilogue()
		m.StoreImm(true, statePC, int32(c.pc))
		m.OpImm(amd64.ADD, false, rBudget, int32(c.refund))
		if c.kind == coldPart {
			m.Jmp(m.e.stubs.part)
		} else if c.desc != 0 {
			m.Jmp(m.e.stubs.cause)
		} else {
			m.Jmp(m.e.stubs.interp)
		}
	case coldBudget:
		m.epilogue()
		m.StoreImm(true, statePC, int32(c.pc))
		m.OpImm(amd64.ADD, false, rBudget, int32(c.refund))
		m.Jmp(m.e.stubs.budget)
	case coldLink:
		at := c.from[0]
		if c.back == 0 && len(m.moves) > 0 {
			// A conditional jump comes here first and restores the mapping.
			m.epilogue()
			at = m.Jmp(m.N + 5)
		}
		s := m.e.newSite(m.r, c.target, at, m.N)
		m.MovImm(amd64.RCX, uint64(s))
		m.Jmp(m.e.stubs.link)
	}
}
