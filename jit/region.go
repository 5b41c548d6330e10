//go:build linux && amd64

package jit

import "encoding/binary"

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
	maxRegion = 96
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
}

// scan decodes the region that starts at pc.
func (s *scanner) scan(pc uint32) []block {
	s.blocks, s.buf = s.blocks[:0], s.buf[:0]
	s.lo, s.hi = 4096, 0
	if cap(s.buf) < 2*maxRegion {
		s.buf = make([]insn, 0, 2*maxRegion)
	}
	total := 0
	var targets [16]uint32 // forward targets that start a block of their own
	nt := 0
	for {
		b := block{pc: pc, label: -1, end: insn{op: opNop}}
		first := len(s.buf)
		at := pc
		follow := false
		for {
			if at-s.va >= 4096 || b.n >= maxBlock {
				follow = at-s.va < 4096
				break
			}
			if at != pc {
				stop := false
				for _, t := range targets[:nt] {
					stop = stop || t == at
				}
				if stop {
					follow = true
					break
				}
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
				if t := in.target(); in.op == opBranch && t > at && t-s.va < 4096 && nt < len(targets) {
					targets[nt] = t
					nt++
				}
				break
			}
			if in.op == opInterp || in.op == opSyscall || in.op == opERET {
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
		total += b.n
		pc = b.next()
		if !follow || total >= maxRegion-maxBlock/2 || pc-s.va >= 4096 {
			return s.blocks
		}
		for i := range s.blocks {
			if s.blocks[i].pc == pc {
				return s.blocks
			}
		}
	}
}

// delaySlot completes b with branch in; it fails when the interpreter must
// execute the pair.
func (s *scanner) delaySlot(b *block, in insn) bool {
	at := in.pc + 4
	if at-s.va >= 4096 || s.idleOK && at == s.idle {
		return false
	}
	slot := s.fetch(at)
	if isBranch(slot.w) || slot.op == opInterp || slot.op >= opMFC0 {
		return false
	}
	if (in.op == opJump || in.op == opBranch) && in.target() == in.pc {
		return false // an idle loop, which the interpreter knows
	}
	b.end, b.slot = in, slot
	return true
}

func (s *scanner) fetch(at uint32) insn {
	off := int(at & 4095)
	s.lo, s.hi = min(s.lo, off), max(s.hi, off+4)
	return s.decode(at, binary.BigEndian.Uint32(s.ram[off:]))
}
