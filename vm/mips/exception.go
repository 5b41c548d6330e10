package mips

// Exceptions.
//
// raise is called with s.PC at the faulting instruction and inSlot telling
// whether that is a delay slot. It leaves s.PC at the handler; the interpreter
// then continues there. Interrupts are taken by Run between two instructions,
// never between a branch and its delay slot.

// excCode is a value of Cause.ExcCode.
type excCode uint32

const (
	excInt  excCode = 0
	excMod  excCode = 1
	excTLBL excCode = 2
	excTLBS excCode = 3
	excAdEL excCode = 4
	excAdES excCode = 5
	excSys  excCode = 8
	excBp   excCode = 9
	excRI   excCode = 10
	excCpU  excCode = 11
	excOv   excCode = 12
	excTr   excCode = 13
	excFPE  excCode = 15
)

// Offsets of the vectors from the base (cpu reference, 5.2).
const (
	vectorRefill  = 0x000
	vectorXRefill = 0x080
	vectorGeneral = 0x180

	vectorBase     = 0xffffffff80000000
	vectorBaseBoot = 0xffffffffbfc00200
)

func (c *CPU) raise(code excCode) { c.raiseAt(code, vectorGeneral) }

func (c *CPU) raiseAt(code excCode, vector uint64) {
	p := &c.s.CP0
	if p.Status&StatusEXL == 0 {
		p.EPC = c.s.PC
		p.Cause &^= CauseBD
		if c.inSlot {
			p.EPC -= 4
			p.Cause |= CauseBD
		}
	} else {
		vector = vectorGeneral
	}
	if c.quirk&QuirkRefill180 != 0 {
		vector = vectorGeneral
	}
	p.Cause = p.Cause&^(causeExcCode|3<<causeCEShift) | uint32(code)<<2
	p.Status |= StatusEXL
	c.s.LL = false
	if p.Status&StatusBEV != 0 {
		c.s.PC = vectorBaseBoot + vector
	} else {
		c.s.PC = vectorBase + vector
	}
	c.inSlot = false
	c.statusChanged()
}

// raiseCpU raises Coprocessor Unusable for unit.
func (c *CPU) raiseCpU(unit uint32) {
	c.raise(excCpU)
	c.s.CP0.Cause |= unit << causeCEShift
}

// raiseReserved raises Reserved Instruction, or with the nop quirk reports the
// word and returns false.
func (c *CPU) raiseReserved(word uint32) bool {
	if c.quirk&QuirkNop != 0 {
		c.logf("unknown opcode 0x%08x at 0x%x runs as nop", word, c.s.PC)
		return false
	}
	c.raise(excRI)
	return true
}

// raiseAddress raises Address Error for va.
func (c *CPU) raiseAddress(va uint64, acc access) {
	c.s.CP0.BadVAddr = va
	if acc == accStore {
		c.raise(excAdES)
	} else {
		c.raise(excAdEL)
	}
}

// raiseTLB raises a TLB exception for va with the registers that a refill
// handler reads.
func (c *CPU) raiseTLB(va uint64, acc access, f fault) {
	if va == 0 && f != faultModified && c.mode == modeKernel && c.cfg.NullMiss != nil {
		c.cfg.NullMiss()
		c.Stop()
	}
	p := &c.s.CP0
	p.BadVAddr = va
	p.Context = p.Context&^0x7fffff | va>>13&0x7ffff<<4
	p.XContext = p.XContext&^0x1ffffffff | va>>62<<31 | va>>13&0x7ffffff<<4
	c.setEntryHi(va&entryHiVPN2 | p.EntryHi&entryHiASID)
	code := excTLBL
	switch {
	case f == faultModified:
		code = excMod
	case acc == accStore:
		code = excTLBS
	}
	vector := uint64(vectorGeneral)
	if f == faultRefill {
		vector = vectorRefill
		// The 64-bit refill vector serves regions whose 64-bit view is enabled.
		enabled := p.Status&StatusUX != 0
		switch {
		case va>>62 == 1, va>>29 == 0x7fffffffe:
			enabled = p.Status&StatusSX != 0
		case va>>62 == 3:
			enabled = p.Status&StatusKX != 0
		}
		if enabled {
			vector = vectorXRefill
		}
	}
	c.raiseAt(code, vector)
}

// interrupt takes a pending interrupt before the instruction at s.PC.
func (c *CPU) interrupt() {
	c.inSlot = false
	c.raise(excInt)
}

// updateIRQ recomputes whether an enabled interrupt is pending.
func (c *CPU) updateIRQ() {
	p := &c.s.CP0
	c.irq = p.Status&(StatusIE|StatusEXL|StatusERL) == StatusIE &&
		(p.Cause|c.s.Lines)&p.Status&StatusIM != 0
	if c.irq {
		c.resync = true
	}
}

// eret returns from an exception (cpu reference, 5.7).
func (c *CPU) eret() {
	p := &c.s.CP0
	if p.Status&StatusERL != 0 {
		p.Status &^= StatusERL
		c.s.PC = p.ErrorEPC
	} else {
		p.Status &^= StatusEXL
		c.s.PC = p.EPC
	}
	c.s.LL = false
	c.statusChanged()
}
