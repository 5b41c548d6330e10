package mips

import (
	"unsafe"

	"dynemu/vm/mem"
)

// Decoding.
//
// Code is decoded into pages of 1024 records of 8 bytes, one for each word of a
// 4 KiB page of guest memory. A record is filled when it is first executed
// (opDecode is the zero value), so that data between code costs nothing.
//
// A page is known by its physical address, by bits 27:12 of the virtual one
// (the target of J and JAL depends on them) and by whether 64-bit operations are
// reserved; mappings that agree in these share it. Stores and bus masters that
// change a page with decoded words reach codeWritten through package mem, which
// turns its records back into opDecode. The page itself stays, so nothing that
// points to it must be found, and the loop that runs in it simply decodes again.
//
// Writes to register 0 are decoded to opNop, or for loads to opMem, which drops
// the value.

// record is one decoded instruction. rd is the destination; imm the immediate,
// shift amount, distance in records of a branch target, or the whole word.
type record struct {
	op         uint8
	rs, rt, rd uint8
	imm        int32
}

const (
	recordSize   = unsafe.Sizeof(record{})
	recordShift  = 3
	pageRecords  = 1024
	recordToAddr = 1 // record offsets shifted right by this are address offsets
)

const (
	opDecode uint8 = iota
	opNop
	opPageEnd
	opJump
	opIdlePC
	opIdleSelf
	opReserved

	opLI
	opADDI
	opADDIU
	opDADDI
	opDADDIU
	opSLTI
	opSLTIU
	opANDI
	opORI
	opXORI
	opMove
	opADD
	opADDU
	opSUB
	opSUBU
	opDADD
	opDADDU
	opDSUB
	opDSUBU
	opAND
	opOR
	opXOR
	opNOR
	opSLT
	opSLTU
	opSLL
	opSRL
	opSRA
	opSLLV
	opSRLV
	opSRAV
	opDSLL
	opDSRL
	opDSRA
	opDSLLV
	opDSRLV
	opDSRAV
	opMOVZ
	opMOVN
	opMFHI
	opMFLO
	opMTHI
	opMTLO
	opMULT
	opMULTU
	opDIV
	opDIVU
	opDMULT
	opDMULTU
	opDDIV
	opDDIVU
	opMUL
	opMADD
	opMADDU
	opMSUB
	opMSUBU
	opCLZ
	opCLO
	opDCLZ
	opDCLO

	// Branches to a target in the page.
	opBEQ
	opBNE
	opBLEZ
	opBGTZ
	opBLTZ
	opBGEZ
	opBEQL
	opBNEL
	opBLEZL
	opBGTZL
	opBLTZL
	opBGEZL
	opB
	opBAL
	// Other jumps.
	opJR
	opJALR
	opBranch        // any branch or J, JAL; imm is the word
	opBranchChecked // any branch or jump that may be in a delay slot; imm is the word

	opLB
	opLBU
	opLH
	opLHU
	opLW
	opLWU
	opLD
	opSB
	opSH
	opSW
	opSD
	opMem // other loads and stores; imm is the word

	opCOP0 // imm is the word, as in all that follow
	opERET
	opCOP1
	opTrap
	opSyscall
	opBreak
	opCache
)

// codePage is the decoded form of one page. Two records behind the last word
// lead to the next page.
type codePage struct {
	rec [pageRecords + 2]record

	pa     uint64
	va     uint64 // bits 27:12
	narrow bool
	cached bool
	region *mem.Region
	off    uint64 // of the page in region
	first  int    // range of records that may be decoded
	last   int
}

type pageKey struct {
	pa     uint64
	va     uint32
	narrow bool
	cached bool
}

// physPage is what is known of a physical page that holds code.
type physPage struct {
	pages   []*codePage
	marked  bool
	writers []writer // soft-TLB slots that may allow stores to it
	lost    bool     // writers was too long; all slots must be searched
}

type writer struct {
	ctx  *context
	slot uint16
}

// codeCache holds the decoded pages.
type codeCache struct {
	pages map[pageKey]*codePage
	phys  map[uint64]*physPage
}

// maxCodePages bounds the cache, at some 8 KiB a page.
const maxCodePages = 3072

func (k *codeCache) init() {
	k.pages = make(map[pageKey]*codePage)
	k.phys = make(map[uint64]*physPage)
}

// forget turns every record of p back into opDecode.
func (p *codePage) forget() {
	if p.first <= p.last {
		clear(p.rec[p.first : p.last+1])
	}
	p.first, p.last = pageRecords, -1
}

func (k *codeCache) forgetAll() {
	for _, p := range k.pages {
		p.forget()
	}
}

// codeWritten is called when the marked page at pa was written by anybody.
func (c *CPU) codeWritten(pa uint64) {
	if c.engine != nil {
		c.engine.CodeWritten(pa &^ uint64(mem.PageSize-1))
	}
	pp := c.code.phys[pa&^uint64(mem.PageSize-1)]
	if pp == nil {
		return
	}
	pp.marked = false
	for _, p := range pp.pages {
		p.forget()
	}
}

// overCode tells whether a store of size bytes at pa, in a marked page, changes
// what was decoded. Data that shares a page with code would otherwise have the
// whole page decoded again at each store. A word counts with its neighbours,
// since decoding looks at the words before and after a branch.
func (c *CPU) overCode(pa uint64, size int) bool {
	pp := c.code.phys[pa&^uint64(mem.PageSize-1)]
	if pp == nil || !pp.marked || c.engine != nil {
		return true // the mark is not the decoder's, or not its alone
	}
	i := int(pa & (mem.PageSize - 1) >> 2)
	from, to := max(i-1, 0), min((int(pa&(mem.PageSize-1))+size-1)>>2+1, pageRecords-1)
	for _, p := range pp.pages {
		for j := from; j <= to; j++ {
			if p.rec[j].op != opDecode {
				return true
			}
		}
	}
	return false
}

// codePageAt returns the decoded page for a translation of va.
func (c *CPU) codePageAt(va uint64, t translation) *codePage {
	key := pageKey{pa: t.pa &^ (mem.PageSize - 1), va: uint32(va) & 0x0ffff000, narrow: c.narrow, cached: t.cached}
	if p := c.code.pages[key]; p != nil {
		return p
	}
	if len(c.code.pages) >= maxCodePages {
		c.dropCode()
	}
	p := &codePage{pa: key.pa, va: uint64(key.va), narrow: key.narrow, cached: key.cached, first: pageRecords, last: -1}
	if r := c.cfg.Map.Find(key.pa, t.cached); r != nil && c.wholePage(r, key.pa, t.cached) {
		p.region, p.off = r, key.pa-r.Base
	} else if r == nil {
		c.logf("instruction fetch from undefined address 0x%x at pc 0x%x", t.pa, va)
	}
	p.rec[pageRecords].op = opPageEnd
	p.rec[pageRecords+1].op = opPageEnd
	c.code.pages[key] = p
	pp := c.code.phys[key.pa]
	if pp == nil {
		pp = &physPage{lost: true}
		c.code.phys[key.pa] = pp
	}
	pp.pages = append(pp.pages, p)
	return p
}

// dropCode forgets all decoded pages. The loop must not be in one of them.
func (c *CPU) dropCode() {
	c.code.init()
	for _, ctx := range c.contexts {
		if ctx != nil {
			ctx.flushFetch()
		}
	}
}

// decodeAt fills record i of p, which lies at va. It returns the record, or for
// memory that is not RAM a temporary one that is valid for this execution only.
func (c *CPU) decodeAt(p *codePage, i int, va uint64) *record {
	if p.region == nil || p.region.RAM == nil {
		w := c.fetchWord(p, i)
		c.vol = c.decode(p, i, va, w, true)
		return &c.vol
	}
	if pp := c.code.phys[p.pa]; pp != nil && !pp.marked {
		p.region.MarkCode(p.off)
		pp.marked = true
		c.revokeWrites(p.pa, pp)
	}
	w := be32(p.region.RAM[p.off+uint64(i)*4:])
	after := i == 0 || isBranch(be32(p.region.RAM[p.off+uint64(i)*4-4:]))
	p.rec[i] = c.decode(p, i, va, w, after)
	p.first, p.last = min(p.first, i), max(p.last, i)
	return &p.rec[i]
}

// fetchWord reads an instruction from a device or from nothing.
func (c *CPU) fetchWord(p *codePage, i int) uint32 {
	pa := p.pa + uint64(i)*4
	if r := c.cfg.Map.Find(pa, p.cached); r != nil {
		if r.RAM != nil {
			return be32(r.RAM[pa-r.Base:])
		}
		return uint32(r.Dev.Read(pa-r.Base, 4))
	}
	return 0
}

// emptyAt tells whether word i of the page is a nop. It is asked about the delay
// slots of branches to themselves: only an interrupt ends such a loop.
func (p *codePage) emptyAt(i int) bool {
	return i < pageRecords && p.region != nil && p.region.RAM != nil && be32(p.region.RAM[p.off+uint64(i)*4:]) == 0
}

// isBranch reports whether w has a delay slot.
func isBranch(w uint32) bool {
	switch w >> 26 {
	case 0:
		return w&0x3f == 8 || w&0x3f == 9
	case 1:
		return w>>16&31&^0x13 == 0
	case 2, 3, 4, 5, 6, 7, 20, 21, 22, 23:
		return true
	case 17:
		return w>>21&31 == 8
	}
	return false
}

// decode translates the word at record i of p. after tells that the word before
// is, or may be, a branch.
func (c *CPU) decode(p *codePage, i int, va uint64, w uint32, after bool) record {
	if c.idlePC != 0 && va == c.idlePC && p.region != nil {
		return record{op: opIdlePC, imm: int32(w)}
	}
	return c.decodeWord(p, i, w, after)
}

// How the plain SPECIAL instructions use their fields.
const (
	operandsThree  = iota + 1 // rd, rs, rt
	operandsShift             // rd, rt, rs
	operandsMulDiv            // rs, rt
	operandsFromHL            // rd
	operandsToHL              // rs
)

// specialDecode is the table of plain SPECIAL instructions, by function. wide
// marks operations on 64 bits.
var specialDecode = [64]struct {
	op   uint8
	wide bool
	kind uint8
}{
	0x04: {opSLLV, false, operandsShift}, 0x06: {opSRLV, false, operandsShift}, 0x07: {opSRAV, false, operandsShift},
	0x0a: {opMOVZ, false, operandsThree}, 0x0b: {opMOVN, false, operandsThree},
	0x10: {opMFHI, false, operandsFromHL}, 0x11: {opMTHI, false, operandsToHL},
	0x12: {opMFLO, false, operandsFromHL}, 0x13: {opMTLO, false, operandsToHL},
	0x14: {opDSLLV, true, operandsShift}, 0x16: {opDSRLV, true, operandsShift}, 0x17: {opDSRAV, true, operandsShift},
	0x18: {opMULT, false, operandsMulDiv}, 0x19: {opMULTU, false, operandsMulDiv},
	0x1a: {opDIV, false, operandsMulDiv}, 0x1b: {opDIVU, false, operandsMulDiv},
	0x1c: {opDMULT, true, operandsMulDiv}, 0x1d: {opDMULTU, true, operandsMulDiv},
	0x1e: {opDDIV, true, operandsMulDiv}, 0x1f: {opDDIVU, true, operandsMulDiv},
	0x20: {opADD, false, operandsThree}, 0x21: {opADDU, false, operandsThree},
	0x22: {opSUB, false, operandsThree}, 0x23: {opSUBU, false, operandsThree},
	0x24: {opAND, false, operandsThree}, 0x25: {opOR, false, operandsThree},
	0x26: {opXOR, false, operandsThree}, 0x27: {opNOR, false, operandsThree},
	0x2a: {opSLT, false, operandsThree}, 0x2b: {opSLTU, false, operandsThree},
	0x2c: {opDADD, true, operandsThree}, 0x2d: {opDADDU, true, operandsThree},
	0x2e: {opDSUB, true, operandsThree}, 0x2f: {opDSUBU, true, operandsThree},
}

// decodeWord is decode without the check for the idle PC.
func (c *CPU) decodeWord(p *codePage, i int, w uint32, after bool) record {
	rs, rt, rd, sa := uint8(w>>21&31), uint8(w>>16&31), uint8(w>>11&31), uint8(w>>6&31)
	simm := int32(int16(w))
	uimm := int32(w & 0xffff)
	whole := func(op uint8) record { return record{op: op, imm: int32(w)} }
	reserved := whole(opReserved)
	// alu returns the record unless its destination is register 0.
	alu := func(op uint8, rs, rt, rd uint8, imm int32) record {
		if rd == 0 {
			return record{op: opNop}
		}
		return record{op, rs, rt, rd, imm}
	}
	wide := func(r record) record {
		if p.narrow {
			return reserved
		}
		return r
	}
	load := func(op uint8) record {
		if rt == 0 {
			return whole(opMem)
		}
		return record{op, rs, rt, rt, simm}
	}
	store := func(op uint8) record { return record{op, rs, rt, 0, simm} }

	if isBranch(w) {
		return c.decodeBranch(p, i, w, after)
	}
	switch w >> 26 {
	case 0: // SPECIAL
		fn := w & 0x3f
		switch fn {
		case 0x00, 0x02, 0x03: // SLL SRL SRA
			if rs != 0 {
				return reserved
			}
			return alu([...]uint8{0: opSLL, 2: opSRL, 3: opSRA}[fn], rt, 0, rd, int32(sa))
		case 0x38, 0x3a, 0x3b, 0x3c, 0x3e, 0x3f: // DSLL DSRL DSRA, +32
			if rs != 0 {
				return reserved
			}
			n := int32(sa)
			if fn >= 0x3c {
				n += 32
			}
			return wide(alu([...]uint8{0: opDSLL, 2: opDSRL, 3: opDSRA}[fn&3], rt, 0, rd, n))
		case 0x01: // MOVF MOVT
			if w>>17&1 != 0 || sa != 0 {
				return reserved
			}
			return whole(opCOP1)
		case 0x0c:
			return whole(opSyscall)
		case 0x0d:
			return whole(opBreak)
		case 0x0f: // SYNC
			return record{op: opNop}
		case 0x30, 0x31, 0x32, 0x33, 0x34, 0x36:
			return whole(opTrap)
		}
		f := specialDecode[fn]
		if f.wide && p.narrow {
			return reserved
		}
		switch f.kind {
		case operandsThree:
			if sa != 0 {
				return reserved
			}
			trapping := f.op == opADD || f.op == opSUB || f.op == opDADD || f.op == opDSUB
			if trapping && c.quirk&QuirkOverflow != 0 {
				f.op++ // the form without a trap
				trapping = false
			}
			switch {
			case trapping:
				return record{f.op, rs, rt, rd, 0}
			case (f.op == opOR || f.op == opDADDU) && rt == 0:
				return alu(opMove, rs, 0, rd, 0)
			case (f.op == opOR || f.op == opDADDU) && rs == 0:
				return alu(opMove, rt, 0, rd, 0)
			}
			return alu(f.op, rs, rt, rd, 0)
		case operandsShift:
			if sa != 0 {
				return reserved
			}
			return alu(f.op, rs, rt, rd, 0)
		case operandsMulDiv:
			if rd != 0 || sa != 0 {
				return reserved
			}
			return record{f.op, rs, rt, 0, 0}
		case operandsFromHL:
			if rs != 0 || rt != 0 || sa != 0 {
				return reserved
			}
			return alu(f.op, 0, 0, rd, 0)
		case operandsToHL:
			if rt != 0 || rd != 0 || sa != 0 {
				return reserved
			}
			return record{f.op, rs, 0, 0, 0}
		}
		return reserved
	case 1: // REGIMM: TGEI and relatives; branches are done
		switch rt {
		case 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0e:
			return whole(opTrap)
		}
		return reserved
	case 0x08, 0x18: // ADDI DADDI
		op := opADDI
		if w>>26 == 0x18 {
			op = opDADDI
		}
		if c.quirk&QuirkOverflow != 0 {
			return wideIf(op == opDADDI, wide, alu(op+1, rs, 0, rt, simm))
		}
		return wideIf(op == opDADDI, wide, record{op, rs, 0, rt, simm})
	case 0x09: // ADDIU
		if rs == 0 {
			return alu(opLI, 0, 0, rt, simm)
		}
		return alu(opADDIU, rs, 0, rt, simm)
	case 0x19: // DADDIU
		return wide(alu(opDADDIU, rs, 0, rt, simm))
	case 0x0a:
		return alu(opSLTI, rs, 0, rt, simm)
	case 0x0b:
		return alu(opSLTIU, rs, 0, rt, simm)
	case 0x0c:
		return alu(opANDI, rs, 0, rt, uimm)
	case 0x0d:
		if rs == 0 {
			return alu(opLI, 0, 0, rt, uimm)
		}
		return alu(opORI, rs, 0, rt, uimm)
	case 0x0e:
		return alu(opXORI, rs, 0, rt, uimm)
	case 0x0f: // LUI
		if rs != 0 {
			return reserved
		}
		return alu(opLI, 0, 0, rt, int32(w<<16))
	case 0x10: // COP0
		if w == 0x42000018 {
			return whole(opERET)
		}
		return whole(opCOP0)
	case 0x11, 0x13: // COP1, COP1X
		if w>>26 == 0x13 {
			switch w & 0x3f {
			case 0x00, 0x01, 0x08, 0x09: // LWXC1 LDXC1 SWXC1 SDXC1
				return whole(opMem)
			case 0x0f: // PREFX
				return record{op: opNop}
			}
		}
		return whole(opCOP1)
	case 0x1c: // SPECIAL2
		switch w & 0x3f {
		case 0x00, 0x01, 0x04, 0x05:
			if rd != 0 || sa != 0 {
				return reserved
			}
			return record{[...]uint8{0: opMADD, 1: opMADDU, 4: opMSUB, 5: opMSUBU}[w&7], rs, rt, 0, 0}
		case 0x02:
			if sa != 0 {
				return reserved
			}
			return alu(opMUL, rs, rt, rd, 0)
		case 0x20, 0x21, 0x24, 0x25:
			if sa != 0 {
				return reserved
			}
			op := [...]uint8{0: opCLZ, 1: opCLO, 4: opDCLZ, 5: opDCLO}[w&7]
			return wideIf(w&4 != 0, wide, alu(op, rs, 0, rd, 0))
		}
		return reserved
	case 0x20:
		return load(opLB)
	case 0x21:
		return load(opLH)
	case 0x23:
		return load(opLW)
	case 0x24:
		return load(opLBU)
	case 0x25:
		return load(opLHU)
	case 0x27:
		return wide(load(opLWU))
	case 0x37:
		return wide(load(opLD))
	case 0x28:
		return store(opSB)
	case 0x29:
		return store(opSH)
	case 0x2b:
		return store(opSW)
	case 0x3f:
		return wide(store(opSD))
	case 0x1a, 0x1b, 0x2c, 0x2d, 0x34, 0x3c: // LDL LDR SDL SDR LLD SCD
		return wide(whole(opMem))
	case 0x22, 0x26, 0x2a, 0x2e, 0x30, 0x38, 0x31, 0x35, 0x39, 0x3d: // LWL LWR SWL SWR LL SC LWC1 LDC1 SWC1 SDC1
		return whole(opMem)
	case 0x2f:
		return whole(opCache)
	case 0x33: // PREF
		return record{op: opNop}
	case 0x12, 0x32, 0x36, 0x3a, 0x3e: // COP2, LWC2, LDC2, SWC2, SDC2
		return whole(opReserved)
	}
	return reserved
}

func wideIf(is bool, wide func(record) record, r record) record {
	if is {
		return wide(r)
	}
	return r
}

// decodeBranch decodes an instruction with a delay slot. Those whose target is
// in the page get a record of their own; the others are worked out when they run.
func (c *CPU) decodeBranch(p *codePage, i int, w uint32, after bool) record {
	rs, rt := uint8(w>>21&31), uint8(w>>16&31)
	generic := record{op: opBranch, imm: int32(w)}
	if after {
		generic.op = opBranchChecked
	}
	switch w >> 26 {
	case 0:
		rd := uint8(w >> 11 & 31)
		if w&0x3f == 8 {
			if rt != 0 || rd != 0 {
				return record{op: opReserved, imm: int32(w)}
			}
			if !after {
				return record{op: opJR, rs: rs}
			}
		} else {
			if rt != 0 {
				return record{op: opReserved, imm: int32(w)}
			}
			if !after {
				return record{op: opJALR, rs: rs, rd: rd}
			}
		}
		return generic
	case 6, 7, 22, 23:
		if rt != 0 {
			return record{op: opReserved, imm: int32(w)}
		}
	}
	if after || i == pageRecords-1 || p.region == nil || p.region.RAM == nil {
		return generic
	}
	// The target as a record of this page, and its distance from the slot.
	var target int
	switch w >> 26 {
	case 2, 3:
		if uint64(w&0x03ffffff<<2)&^(mem.PageSize-1) != p.va || i+1 >= pageRecords {
			return generic
		}
		target = int(w & 0x3ff)
	default:
		target = i + 1 + int(int16(w))
	}
	if target < 0 || target >= pageRecords {
		return generic
	}
	dist := int32(target-i) << recordShift
	always := false
	op := opBranch
	switch w >> 26 {
	case 1:
		switch rt {
		case 0:
			op, always = opBLTZ, false
		case 1:
			op, always = opBGEZ, rs == 0
		case 2:
			op = opBLTZL
		case 3:
			op = opBGEZL
		case 0x11:
			if rs != 0 {
				return generic
			}
			return record{op: opBAL, imm: dist}
		default:
			return generic
		}
	case 2:
		always = true
	case 3:
		return record{op: opBAL, imm: dist}
	case 4:
		op, always = opBEQ, rs == rt
	case 5:
		op = opBNE
	case 6:
		op = opBLEZ
	case 7:
		op = opBGTZ
	case 20:
		op = opBEQL
	case 21:
		op = opBNEL
	case 22:
		op = opBLEZL
	case 23:
		op = opBGTZL
	default: // BC1
		return generic
	}
	if target == i && p.emptyAt(i+1) {
		if always {
			return record{op: opIdleSelf}
		}
		return generic // it never ends either, once it is taken
	}
	if always {
		return record{op: opB, imm: dist}
	}
	return record{op: op, rs: rs, rt: rt, imm: dist}
}
