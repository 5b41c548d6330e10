package mips

import (
	"encoding/binary"
	"math/bits"
	"unsafe"

	"dynemu/vm/mem"
)

// The instruction loop.
//
// ip points to the record of the instruction that runs, nip to the one that
// follows it: a taken branch changes nip, so its delay slot runs by itself. pbase
// and pva are the page that ip lies in, as records and as virtual address. A
// branch that leaves the page sets target and makes nip point to the jump record,
// which looks up the page; running into the end of the page does the same.
//
// n counts down one an instruction and is the only thing tested for each. slot is
// the value of n at which the last branch's delay slot runs, so "in a delay slot"
// is slot == n, without cost to other instructions. The loop never ends between a
// branch and its delay slot.
//
// Whatever can raise an exception, touch a device or look at time first stores
// the position (PC, inSlot, n) in the CPU. If it returns false, an exception has
// set a new PC: the loop starts again at enter. If resync is set afterwards, PC's
// page or the interrupt state may have changed: the instruction is finished and
// the loop starts again too.

// loadBE16 and relatives read guest memory through a pointer of the soft TLB.
func loadBE16(p unsafe.Pointer, off uint64) uint16 {
	return binary.BigEndian.Uint16((*[2]byte)(unsafe.Add(p, off))[:])
}
func loadBE32(p unsafe.Pointer, off uint64) uint32 {
	return binary.BigEndian.Uint32((*[4]byte)(unsafe.Add(p, off))[:])
}
func loadBE64(p unsafe.Pointer, off uint64) uint64 {
	return binary.BigEndian.Uint64((*[8]byte)(unsafe.Add(p, off))[:])
}
func storeBE16(p unsafe.Pointer, off uint64, v uint16) {
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Add(p, off))[:], v)
}
func storeBE32(p unsafe.Pointer, off uint64, v uint32) {
	binary.BigEndian.PutUint32((*[4]byte)(unsafe.Add(p, off))[:], v)
}
func storeBE64(p unsafe.Pointer, off uint64, v uint64) {
	binary.BigEndian.PutUint64((*[8]byte)(unsafe.Add(p, off))[:], v)
}

// interpret runs c.n instructions, fewer when there is a reason to return, one
// more when the last would be a branch.
func (c *CPU) interpret() {
	const (
		inPage   = mem.PageSize - 1
		byteMask = ^uint64(inPage)
		noSlot   = -1 << 62
	)
	var (
		s      = &c.s
		g      = &c.s.GPR
		jump   = unsafe.Pointer(&c.jump[0])
		n      = c.n
		slot   int
		ip     unsafe.Pointer
		nip    unsafe.Pointer
		pbase  unsafe.Pointer
		pva    uint64
		target uint64
		r      *record
		x      *context
		page   *codePage
		va     uint64
		taken  bool
		annul  bool
		ok     bool
		code   excCode
	)

enter:
	// s.PC is the next instruction and not in a delay slot.
	c.n, c.inSlot, c.resync = n, false, false
	if n <= 0 || c.irq || c.stop || c.idle {
		return
	}
	if page = c.fetch(); page == nil {
		n--
		goto enter
	}
	x = c.cur
	pbase = unsafe.Pointer(&page.rec[0])
	pva = s.PC &^ inPage
	ip = unsafe.Add(pbase, s.PC&inPage<<recordToAddr)
	nip = unsafe.Add(ip, recordSize)
	slot = noSlot

	for {
		if n <= 0 {
			if slot != n {
				break
			}
			n++
			slot++
			c.n0++
		}
		r = (*record)(ip)
	dispatch:
		switch r.op {
		case opDecode:
			page = (*codePage)(pbase)
			va = uint64(uintptr(ip)-uintptr(pbase)) >> recordToAddr
			s.PC, c.inSlot, c.n = pva+va, slot == n, n
			r = c.decodeAt(page, int(va>>2), s.PC)
			if c.resync {
				// A device answered the fetch and changed something: the
				// instruction still runs, from a copy.
				c.vol = *r
				r = &c.vol
			}
			goto dispatch

		case opNop:

		case opPageEnd:
			s.PC, c.inSlot, c.n = pva+mem.PageSize, slot == n, n
			if !c.inSlot {
				if uintptr(ip)-uintptr(pbase) != pageRecords*recordSize {
					s.PC += 4
				}
				goto enter
			}
			// The slot of the page's last branch. It is looked up like any
			// other instruction, but nip stays unless the branch falls through.
			if page = c.fetch(); page == nil {
				n--
				goto enter
			}
			ok = nip == jump
			pbase = unsafe.Pointer(&page.rec[0])
			pva = s.PC
			ip = pbase
			if !ok {
				nip = unsafe.Add(ip, recordSize)
			}
			continue

		case opJump:
			{
				f := &x.fetch[target>>mem.PageShift&(fetchSize-1)]
				if f.tag == target&^(inPage&^3) {
					pbase = unsafe.Pointer(&f.page.rec[0])
					pva = target &^ inPage
					ip = unsafe.Add(pbase, target&inPage<<recordToAddr)
					nip = unsafe.Add(ip, recordSize)
					continue
				}
			}
			s.PC = target
			goto enter

		case opIdlePC:
			s.PC, c.inSlot, c.n = pva+uint64(uintptr(ip)-uintptr(pbase))>>recordToAddr, slot == n, n
			if s.PC == c.idlePC && !c.inSlot && (c.finder.on || s.CP0.Status&(StatusIE|StatusEXL|StatusERL) == StatusIE) {
				if c.idleCount++; c.idleCount > c.idleMax {
					c.idleCount = 0
					c.idle = true
					goto enter
				}
			}
			c.vol = c.decodeWord((*codePage)(pbase), int(s.PC&inPage>>2), uint32(r.imm), true)
			r = &c.vol
			goto dispatch

		case opIdleSelf:
			s.PC = pva + uint64(uintptr(ip)-uintptr(pbase))>>recordToAddr
			n -= 2
			c.idle = true
			goto enter

		case opReserved:
			code = excRI
			goto exception

		case opLI:
			g[r.rd&31] = uint64(int64(r.imm))
		case opADDI:
			{
				a := int64(int32(g[r.rs&31])) + int64(r.imm)
				if a != int64(int32(a)) {
					code = excOv
					goto exception
				}
				if r.rd != 0 {
					g[r.rd&31] = uint64(a)
				}
			}
		case opADDIU:
			g[r.rd&31] = uint64(int64(int32(g[r.rs&31]) + r.imm))
		case opDADDI:
			{
				a, b := g[r.rs&31], uint64(int64(r.imm))
				d := a + b
				if int64((a^d)&(b^d)) < 0 {
					code = excOv
					goto exception
				}
				if r.rd != 0 {
					g[r.rd&31] = d
				}
			}
		case opDADDIU:
			g[r.rd&31] = g[r.rs&31] + uint64(int64(r.imm))
		case opSLTI:
			g[r.rd&31] = b2u(int64(g[r.rs&31]) < int64(r.imm))
		case opSLTIU:
			g[r.rd&31] = b2u(g[r.rs&31] < uint64(int64(r.imm)))
		case opANDI:
			g[r.rd&31] = g[r.rs&31] & uint64(r.imm)
		case opORI:
			g[r.rd&31] = g[r.rs&31] | uint64(r.imm)
		case opXORI:
			g[r.rd&31] = g[r.rs&31] ^ uint64(r.imm)
		case opMove:
			g[r.rd&31] = g[r.rs&31]
		case opADD:
			{
				a := int64(int32(g[r.rs&31])) + int64(int32(g[r.rt&31]))
				if a != int64(int32(a)) {
					code = excOv
					goto exception
				}
				if r.rd != 0 {
					g[r.rd&31] = uint64(a)
				}
			}
		case opADDU:
			g[r.rd&31] = uint64(int64(int32(g[r.rs&31]) + int32(g[r.rt&31])))
		case opSUB:
			{
				a := int64(int32(g[r.rs&31])) - int64(int32(g[r.rt&31]))
				if a != int64(int32(a)) {
					code = excOv
					goto exception
				}
				if r.rd != 0 {
					g[r.rd&31] = uint64(a)
				}
			}
		case opSUBU:
			g[r.rd&31] = uint64(int64(int32(g[r.rs&31]) - int32(g[r.rt&31])))
		case opDADD:
			{
				a, b := g[r.rs&31], g[r.rt&31]
				d := a + b
				if int64((a^d)&(b^d)) < 0 {
					code = excOv
					goto exception
				}
				if r.rd != 0 {
					g[r.rd&31] = d
				}
			}
		case opDADDU:
			g[r.rd&31] = g[r.rs&31] + g[r.rt&31]
		case opDSUB:
			{
				a, b := g[r.rs&31], g[r.rt&31]
				d := a - b
				if int64((a^b)&(a^d)) < 0 {
					code = excOv
					goto exception
				}
				if r.rd != 0 {
					g[r.rd&31] = d
				}
			}
		case opDSUBU:
			g[r.rd&31] = g[r.rs&31] - g[r.rt&31]
		case opAND:
			g[r.rd&31] = g[r.rs&31] & g[r.rt&31]
		case opOR:
			g[r.rd&31] = g[r.rs&31] | g[r.rt&31]
		case opXOR:
			g[r.rd&31] = g[r.rs&31] ^ g[r.rt&31]
		case opNOR:
			g[r.rd&31] = ^(g[r.rs&31] | g[r.rt&31])
		case opSLT:
			g[r.rd&31] = b2u(int64(g[r.rs&31]) < int64(g[r.rt&31]))
		case opSLTU:
			g[r.rd&31] = b2u(g[r.rs&31] < g[r.rt&31])
		case opSLL:
			g[r.rd&31] = sext32(g[r.rs&31] << (uint32(r.imm) & 31))
		case opSRL:
			g[r.rd&31] = sext32(uint64(uint32(g[r.rs&31]) >> (uint32(r.imm) & 31)))
		case opSRA:
			g[r.rd&31] = uint64(int64(int32(g[r.rs&31]) >> (uint32(r.imm) & 31)))
		case opSLLV: // rs is the amount, as in the instruction
			g[r.rd&31] = sext32(g[r.rt&31] << (g[r.rs&31] & 31))
		case opSRLV:
			g[r.rd&31] = sext32(uint64(uint32(g[r.rt&31]) >> (g[r.rs&31] & 31)))
		case opSRAV:
			g[r.rd&31] = uint64(int64(int32(g[r.rt&31]) >> (g[r.rs&31] & 31)))
		case opDSLL:
			g[r.rd&31] = g[r.rs&31] << (uint32(r.imm) & 63)
		case opDSRL:
			g[r.rd&31] = g[r.rs&31] >> (uint32(r.imm) & 63)
		case opDSRA:
			g[r.rd&31] = uint64(int64(g[r.rs&31]) >> (uint32(r.imm) & 63))
		case opDSLLV:
			g[r.rd&31] = g[r.rt&31] << (g[r.rs&31] & 63)
		case opDSRLV:
			g[r.rd&31] = g[r.rt&31] >> (g[r.rs&31] & 63)
		case opDSRAV:
			g[r.rd&31] = uint64(int64(g[r.rt&31]) >> (g[r.rs&31] & 63))
		case opMOVZ:
			if g[r.rt&31] == 0 {
				g[r.rd&31] = g[r.rs&31]
			}
		case opMOVN:
			if g[r.rt&31] != 0 {
				g[r.rd&31] = g[r.rs&31]
			}
		case opMFHI:
			g[r.rd&31] = s.HI
		case opMFLO:
			g[r.rd&31] = s.LO
		case opMTHI:
			s.HI = g[r.rs&31]
		case opMTLO:
			s.LO = g[r.rs&31]
		case opMULT:
			{
				p := int64(int32(g[r.rs&31])) * int64(int32(g[r.rt&31]))
				s.LO, s.HI = sext32(uint64(p)), uint64(p>>32)
			}
		case opMULTU:
			{
				p := uint64(uint32(g[r.rs&31])) * uint64(uint32(g[r.rt&31]))
				s.LO, s.HI = sext32(p), sext32(p>>32)
			}
		case opMUL:
			g[r.rd&31] = uint64(int64(int32(g[r.rs&31]) * int32(g[r.rt&31])))
		case opDMULTU:
			s.HI, s.LO = bits.Mul64(g[r.rs&31], g[r.rt&31])
		case opDIV, opDIVU, opDMULT, opDDIV, opDDIVU, opMADD, opMADDU, opMSUB, opMSUBU:
			c.mulDiv(r)
		case opCLZ:
			g[r.rd&31] = uint64(bits.LeadingZeros32(uint32(g[r.rs&31])))
		case opCLO:
			g[r.rd&31] = uint64(bits.LeadingZeros32(^uint32(g[r.rs&31])))
		case opDCLZ:
			g[r.rd&31] = uint64(bits.LeadingZeros64(g[r.rs&31]))
		case opDCLO:
			g[r.rd&31] = uint64(bits.LeadingZeros64(^g[r.rs&31]))

		case opBEQ:
			if g[r.rs&31] == g[r.rt&31] {
				goto near
			}
			slot = n - 1
		case opBNE:
			if g[r.rs&31] != g[r.rt&31] {
				goto near
			}
			slot = n - 1
		case opBLEZ:
			if int64(g[r.rs&31]) <= 0 {
				goto near
			}
			slot = n - 1
		case opBGTZ:
			if int64(g[r.rs&31]) > 0 {
				goto near
			}
			slot = n - 1
		case opBLTZ:
			if int64(g[r.rs&31]) < 0 {
				goto near
			}
			slot = n - 1
		case opBGEZ:
			if int64(g[r.rs&31]) >= 0 {
				goto near
			}
			slot = n - 1
		case opBEQL:
			if g[r.rs&31] == g[r.rt&31] {
				goto near
			}
			nip = unsafe.Add(nip, recordSize)
		case opBNEL:
			if g[r.rs&31] != g[r.rt&31] {
				goto near
			}
			nip = unsafe.Add(nip, recordSize)
		case opBLEZL:
			if int64(g[r.rs&31]) <= 0 {
				goto near
			}
			nip = unsafe.Add(nip, recordSize)
		case opBGTZL:
			if int64(g[r.rs&31]) > 0 {
				goto near
			}
			nip = unsafe.Add(nip, recordSize)
		case opBLTZL:
			if int64(g[r.rs&31]) < 0 {
				goto near
			}
			nip = unsafe.Add(nip, recordSize)
		case opBGEZL:
			if int64(g[r.rs&31]) >= 0 {
				goto near
			}
			nip = unsafe.Add(nip, recordSize)
		case opB:
			goto near
		case opBAL:
			g[31] = pva + uint64(uintptr(ip)-uintptr(pbase))>>recordToAddr + 8
			goto near
		case opJR:
			target = g[r.rs&31]
			goto far
		case opJALR:
			target = g[r.rs&31]
			if r.rd != 0 {
				g[r.rd&31] = pva + uint64(uintptr(ip)-uintptr(pbase))>>recordToAddr + 8
			}
			goto far
		case opBranchChecked:
			if slot == n {
				// A branch in a delay slot: unpredictable on the hardware.
				code = excRI
				goto exception
			}
			fallthrough
		case opBranch:
			s.PC, c.inSlot, c.n = pva+uint64(uintptr(ip)-uintptr(pbase))>>recordToAddr, slot == n, n
			if target, taken, annul, ok = c.branch(uint32(r.imm)); !ok {
				n--
				goto enter
			}
			if taken {
				if target == s.PC && (*codePage)(pbase).emptyAt(int(s.PC&inPage>>2)+1) {
					n -= 2
					c.idle = true
					goto enter
				}
				goto far
			}
			if annul {
				ip, nip = jump, unsafe.Add(jump, recordSize)
				target = s.PC + 8
				n--
				continue
			}
			slot = n - 1

		case opLB:
			va = g[r.rs&31] + uint64(int64(r.imm))
			if h := &x.hot[va>>mem.PageShift&(softSlots-1)]; h.rtag == va&byteMask {
				g[r.rd&31] = uint64(int64(*(*int8)(unsafe.Add(h.host, va&inPage))))
			} else {
				goto memory
			}
		case opLBU:
			va = g[r.rs&31] + uint64(int64(r.imm))
			if h := &x.hot[va>>mem.PageShift&(softSlots-1)]; h.rtag == va&byteMask {
				g[r.rd&31] = uint64(*(*uint8)(unsafe.Add(h.host, va&inPage)))
			} else {
				goto memory
			}
		case opLH:
			va = g[r.rs&31] + uint64(int64(r.imm))
			if h := &x.hot[va>>mem.PageShift&(softSlots-1)]; h.rtag == va&(byteMask|1) {
				g[r.rd&31] = uint64(int64(int16(loadBE16(h.host, va&inPage))))
			} else {
				goto memory
			}
		case opLHU:
			va = g[r.rs&31] + uint64(int64(r.imm))
			if h := &x.hot[va>>mem.PageShift&(softSlots-1)]; h.rtag == va&(byteMask|1) {
				g[r.rd&31] = uint64(loadBE16(h.host, va&inPage))
			} else {
				goto memory
			}
		case opLW:
			va = g[r.rs&31] + uint64(int64(r.imm))
			if h := &x.hot[va>>mem.PageShift&(softSlots-1)]; h.rtag == va&(byteMask|3) {
				g[r.rd&31] = uint64(int64(int32(loadBE32(h.host, va&inPage))))
			} else {
				goto memory
			}
		case opLWU:
			va = g[r.rs&31] + uint64(int64(r.imm))
			if h := &x.hot[va>>mem.PageShift&(softSlots-1)]; h.rtag == va&(byteMask|3) {
				g[r.rd&31] = uint64(loadBE32(h.host, va&inPage))
			} else {
				goto memory
			}
		case opLD:
			va = g[r.rs&31] + uint64(int64(r.imm))
			if h := &x.hot[va>>mem.PageShift&(softSlots-1)]; h.rtag == va&(byteMask|7) {
				g[r.rd&31] = loadBE64(h.host, va&inPage)
			} else {
				goto memory
			}
		case opSB:
			va = g[r.rs&31] + uint64(int64(r.imm))
			if h := &x.hot[va>>mem.PageShift&(softSlots-1)]; h.wtag == va&byteMask {
				*(*uint8)(unsafe.Add(h.host, va&inPage)) = uint8(g[r.rt&31])
			} else {
				goto memory
			}
		case opSH:
			va = g[r.rs&31] + uint64(int64(r.imm))
			if h := &x.hot[va>>mem.PageShift&(softSlots-1)]; h.wtag == va&(byteMask|1) {
				storeBE16(h.host, va&inPage, uint16(g[r.rt&31]))
			} else {
				goto memory
			}
		case opSW:
			va = g[r.rs&31] + uint64(int64(r.imm))
			if h := &x.hot[va>>mem.PageShift&(softSlots-1)]; h.wtag == va&(byteMask|3) {
				storeBE32(h.host, va&inPage, uint32(g[r.rt&31]))
			} else {
				goto memory
			}
		case opSD:
			va = g[r.rs&31] + uint64(int64(r.imm))
			if h := &x.hot[va>>mem.PageShift&(softSlots-1)]; h.wtag == va&(byteMask|7) {
				storeBE64(h.host, va&inPage, g[r.rt&31])
			} else {
				goto memory
			}
		case opMem:
			goto memory

		case opCOP0, opCOP1, opTrap, opCache:
			s.PC, c.inSlot, c.n = pva+uint64(uintptr(ip)-uintptr(pbase))>>recordToAddr, slot == n, n
			switch r.op {
			case opCOP0:
				ok = c.cop0(uint32(r.imm))
			case opCOP1:
				ok = c.cop1(uint32(r.imm))
			case opTrap:
				ok = c.trap(uint32(r.imm))
			default:
				ok = c.cache(uint32(r.imm))
			}
			if !ok {
				n--
				goto enter
			}
			if c.resync {
				goto finish
			}
		case opERET:
			s.PC, c.inSlot, c.n = pva+uint64(uintptr(ip)-uintptr(pbase))>>recordToAddr, slot == n, n
			n--
			if c.mode != modeKernel && s.CP0.Status&StatusCU0 == 0 {
				c.raiseCpU(0)
			} else {
				c.eret()
			}
			goto enter
		case opSyscall:
			code = excSys
			goto exception
		case opBreak:
			code = excBp
			goto exception
		}
	next:
		ip = nip
		nip = unsafe.Add(nip, recordSize)
		n--
		continue

	near: // a taken branch within the page
		n--
		slot = n
		ip, nip = nip, unsafe.Add(ip, int(r.imm))
		continue

	far: // a taken branch to target
		n--
		slot = n
		ip = nip
		nip = jump
		continue

	memory:
		s.PC, c.inSlot, c.n = pva+uint64(uintptr(ip)-uintptr(pbase))>>recordToAddr, slot == n, n
		if !c.memOp(r) {
			n--
			goto enter
		}
		if !c.resync {
			goto next
		}

	finish: // the instruction is done; look up the next one
		switch {
		case c.redirect:
			c.redirect = false
		case nip == jump:
			s.PC = target
		default:
			s.PC = pva + uint64(uintptr(nip)-uintptr(pbase))>>recordToAddr
		}
		n--
		goto enter

	exception:
		s.PC, c.inSlot, c.n = pva+uint64(uintptr(ip)-uintptr(pbase))>>recordToAddr, slot == n, n
		if code == excRI && !c.raiseReserved(uint32(r.imm)) {
			goto next
		}
		if code != excRI {
			c.raise(code)
		}
		n--
		goto enter
	}
	// The budget is used up.
	s.PC = target
	if ip != jump {
		s.PC = pva + uint64(uintptr(ip)-uintptr(pbase))>>recordToAddr
	}
	c.n, c.inSlot = n, false
}

func b2u(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// mulDiv executes the rarer multiplications and the divisions. Dividing by zero
// gives what the R4000 family gives: all ones (1 for a negative dividend) and the
// dividend as remainder (cpu reference, 4.3).
func (c *CPU) mulDiv(r *record) {
	s := &c.s
	a, b := s.GPR[r.rs&31], s.GPR[r.rt&31]
	switch r.op {
	case opDIV:
		x, y := int32(a), int32(b)
		switch {
		case y == 0:
			s.HI, s.LO = sext32(a), ^uint64(0)
			if x < 0 {
				s.LO = 1
			}
		case y == -1: // also the one quotient that does not fit
			s.HI, s.LO = 0, uint64(int64(-x))
		default:
			s.HI, s.LO = uint64(int64(x%y)), uint64(int64(x/y))
		}
	case opDIVU:
		x, y := uint32(a), uint32(b)
		if y == 0 {
			s.HI, s.LO = sext32(a), ^uint64(0)
		} else {
			s.HI, s.LO = sext32(uint64(x%y)), sext32(uint64(x/y))
		}
	case opDMULT:
		hi, lo := bits.Mul64(a, b)
		if int64(a) < 0 {
			hi -= b
		}
		if int64(b) < 0 {
			hi -= a
		}
		s.HI, s.LO = hi, lo
	case opDDIV:
		x, y := int64(a), int64(b)
		switch {
		case y == 0:
			s.HI, s.LO = a, ^uint64(0)
			if x < 0 {
				s.LO = 1
			}
		case y == -1:
			s.HI, s.LO = 0, uint64(-x)
		default:
			s.HI, s.LO = uint64(x%y), uint64(x/y)
		}
	case opDDIVU:
		if b == 0 {
			s.HI, s.LO = a, ^uint64(0)
		} else {
			s.HI, s.LO = a%b, a/b
		}
	default:
		var p uint64
		if r.op == opMADD || r.op == opMSUB {
			p = uint64(int64(int32(a)) * int64(int32(b)))
		} else {
			p = uint64(uint32(a)) * uint64(uint32(b))
		}
		acc := s.HI<<32 | s.LO&0xffffffff
		if r.op == opMSUB || r.op == opMSUBU {
			acc -= p
		} else {
			acc += p
		}
		s.HI, s.LO = sext32(acc>>32), sext32(acc)
	}
}

// branch works out any branch or jump at s.PC. annul tells that the delay slot
// is skipped when it is not taken. ok is false when it raised an exception.
func (c *CPU) branch(w uint32) (target uint64, taken, annul, ok bool) {
	g := &c.s.GPR
	rs, rt := g[w>>21&31], g[w>>16&31]
	pc := c.s.PC
	link := func(reg uint32) {
		if reg != 0 {
			g[reg] = pc + 8
		}
	}
	target = pc + 4 + uint64(int64(int16(w)))<<2
	switch op := w >> 26; op {
	case 0:
		target, taken = rs, true
		if w&0x3f == 9 {
			link(w >> 11 & 31)
		}
	case 1:
		taken = (int64(rs) < 0) == (w>>16&1 == 0)
		annul = w>>17&1 != 0
		if w>>20&1 != 0 {
			link(31)
		}
	case 2, 3:
		target = (pc+4)&^0x0fffffff | uint64(w&0x03ffffff)<<2
		taken = true
		if op == 3 {
			link(31)
		}
	case 4, 20:
		taken, annul = rs == rt, op == 20
	case 5, 21:
		taken, annul = rs != rt, op == 21
	case 6, 22:
		taken, annul = int64(rs) <= 0, op == 22
	case 7, 23:
		taken, annul = int64(rs) > 0, op == 23
	default: // BC1F, BC1T, BC1FL, BC1TL
		if !c.fpuUsable(w) {
			return 0, false, false, false
		}
		taken = c.s.FCSR&fccBit(w>>18&7) != 0 == (w>>16&1 != 0)
		annul = w>>17&1 != 0
	}
	return target, taken, annul, true
}

// trap executes TGE and relatives; it returns false when the trap was raised.
func (c *CPU) trap(w uint32) bool {
	g := &c.s.GPR
	a := g[w>>21&31]
	b := g[w>>16&31]
	cond := w & 7
	if w>>26 == 1 {
		b = uint64(int64(int16(w)))
		cond = w >> 16 & 7
	}
	var hit bool
	switch cond {
	case 0:
		hit = int64(a) >= int64(b)
	case 1:
		hit = a >= b
	case 2:
		hit = int64(a) < int64(b)
	case 3:
		hit = a < b
	case 4:
		hit = a == b
	case 6:
		hit = a != b
	}
	if hit {
		c.raise(excTr)
		return false
	}
	return true
}

// cache executes CACHE. There are no caches, and stores find decoded code by
// themselves, so only the privilege is checked. It never faults on its address
// (cpu reference, 4.5).
func (c *CPU) cache(uint32) bool {
	if c.mode != modeKernel && c.s.CP0.Status&StatusCU0 == 0 {
		c.raiseCpU(0)
		return false
	}
	return true
}
