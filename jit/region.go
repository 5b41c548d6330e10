//go:build linux && amd64

package jit

import (
	"encoding/binary"

	"dynemu/vm/mem"
)

// block is straight code with one entry, at its start.
type block struct {
	pc    uint32
	body  []insn
	end   insn // what ends it; opNop when it runs on into the next address
	slot  insn // delay slot of end
	n     int  // instructions, the last ones included
	label int  // where its code is, -1 before
}

// next returns the address behind b.
func (b *block) next() uint32 { return b.pc + 4*uint32(b.n) }

// region is what is translated at once: blocks of one page that lead to each
// other, entered at the first.
type region struct {
	key    key
	pc     uint32
	page   *codePage
	lo, hi int    // byte range of the page that was decoded
	src    []byte // what was there
	entry  int    // offset of the code
	in     []int32
	dead   bool
}

// Limits of a region, in instructions; a block's count must fit in a byte.
const (
	maxBlock  = 64
	maxRegion = 64
	maxLoop   = 160 // with a loop
)

// scanner forms regions.
type scanner struct {
	decoder
	ram    []byte // of the page
	va     uint32 // of the page
	idle   uint32
	idleOK bool

	blocks []block
	buf    []insn
	lo, hi int
	total  int
	loops  bool // the region has a loop

	targets  [16]uint32 // forward targets, which start a block of their own
	ntargets int
}

// scan decodes the region that starts at pc: the blocks that follow each other
// without a taken branch and, when there is a loop among them, those that its
// branches lead to, so that the loop stays in the region.
func (s *scanner) scan(pc uint32) []block {
	s.blocks, s.buf = s.blocks[:0], s.buf[:0]
	s.lo, s.hi = mem.PageSize, 0
	if cap(s.buf) < 2*maxRegion {
		s.buf = make([]insn, 0, 2*maxRegion)
	}
	s.total, s.ntargets = 0, 0
	s.trace(pc)
	s.loops = s.hasLoop()
	if !s.loops {
		return s.blocks
	}
	for i := 0; i < len(s.blocks) && s.total < maxLoop; i++ {
		b := &s.blocks[i]
		switch b.end.op {
		case opBranch:
			target, next := b.end.target(), b.next()
			s.include(target)
			s.include(next)
		case opJump:
			s.include(b.end.target())
		}
	}
	return s.blocks
}

// include adds the blocks at pc, unless they are there or too many.
func (s *scanner) include(pc uint32) {
	if pc-s.va < mem.PageSize && s.total < maxLoop && find(s.blocks, pc) == nil {
		s.trace(pc)
	}
}

// hasLoop tells whether a block leads to itself or to an earlier one.
func (s *scanner) hasLoop() bool {
	for i := range s.blocks {
		b := &s.blocks[i]
		if b.end.op != opBranch && b.end.op != opJump {
			continue
		}
		t := b.end.target()
		for j := range s.blocks[:i+1] {
			if s.blocks[j].pc == t {
				return true
			}
		}
	}
	return false
}

// trace adds the blocks from pc on, up to one that goes elsewhere for certain.
func (s *scanner) trace(pc uint32) {
	for {
		b := block{pc: pc, label: -1, end: insn{op: opNop}}
		first := len(s.buf)
		at := pc
		follow := false
		for {
			if at-s.va >= mem.PageSize || b.n >= maxBlock {
				follow = at-s.va < mem.PageSize
				break
			}
			if at != pc && (s.isTarget(at) || find(s.blocks, at) != nil) {
				follow = true
				break
			}
			in := s.fetch(at)
			if s.idleOK && at == s.idle {
				in = insn{op: opInterp, pc: at, w: in.w}
			}
			if in.branches() {
				if !s.delaySlot(&b, in) {
					b.end = insn{op: opInterp, pc: at}
					break
				}
				b.n += 2
				follow = in.op == opBranch
				if t := in.target(); in.op == opBranch && t > at && t-s.va < mem.PageSize && s.ntargets < len(s.targets) {
					s.targets[s.ntargets] = t
					s.ntargets++
				}
				break
			}
			if (in.op == opLoadPart || in.op == opStorePart) && at+4-s.va < mem.PageSize && b.n+2 <= maxBlock && !(s.narrow && needs64(in.w)) &&
				!s.isTarget(at+4) && !(s.idleOK && (at == s.idle || at+4 == s.idle)) {
				if two, ok := unalignedPair(at, in.w, s.fetch(at+4).w); ok {
					s.buf = append(s.buf, two, insn{op: opNop, pc: at + 4})
					b.n += 2
					at += 8
					continue
				}
			}
			if in.op == opInterp || in.op >= opSyscall && in.op <= opWord {
				if in.op != opInterp {
					b.n++
				}
				b.end = in
				break
			}
			s.buf = append(s.buf, in)
			b.n++
			at += 4
		}
		b.body = s.buf[first:len(s.buf):len(s.buf)]
		s.blocks = append(s.blocks, b)
		s.total += b.n
		pc = b.next()
		if !follow || s.total >= maxRegion || pc-s.va >= mem.PageSize || find(s.blocks, pc) != nil {
			return
		}
	}
}

func (s *scanner) isTarget(pc uint32) bool {
	for _, t := range s.targets[:s.ntargets] {
		if t == pc {
			return true
		}
	}
	return false
}

// delaySlot completes b with branch in; it fails when the interpreter must
// execute the pair.
func (s *scanner) delaySlot(b *block, in insn) bool {
	at := in.pc + 4
	if at-s.va >= mem.PageSize || s.idleOK && at == s.idle {
		return false
	}
	slot := s.fetch(at)
	if isBranch(slot.w) || slot.op == opInterp || slot.op >= opMFC0 {
		return false
	}
	// Idle loops are for the interpreter, which knows them.
	switch in.op {
	case opJR, opJALR:
		if slot.w == 0 && (in.pc == s.va || isBranch(s.fetch(in.pc-4).w)) {
			return false // it looks at the target of these
		}
	default:
		if in.target() == in.pc {
			return false
		}
	}
	if s.wide && in.op != opJR && in.op != opJALR {
		// A target outside the 32-bit segments has no place in the tables.
		if t := uint64(int64(int32(in.pc))) + 4 + uint64(int64(in.imm))<<2; in.w>>26&^1 != 2 && sext(t) != t {
			return false
		}
	}
	b.end, b.slot = in, slot
	return true
}

func (s *scanner) fetch(at uint32) insn {
	off := int(at & (mem.PageSize - 1))
	s.lo, s.hi = min(s.lo, off), max(s.hi, off+4)
	return s.decode(at, binary.BigEndian.Uint32(s.ram[off:]))
}
