package mips

// System control coprocessor (cpu reference, section 3). A write to a 64-bit
// register with MTC0 stores the sign-extended word. Writes that change the
// translation or the interrupt state take effect at the next instruction.

// Numbers of the CP0 registers.
const (
	cp0Index    = 0
	cp0Random   = 1
	cp0EntryLo0 = 2
	cp0EntryLo1 = 3
	cp0Context  = 4
	cp0PageMask = 5
	cp0Wired    = 6
	cp0Info     = 7
	cp0BadVAddr = 8
	cp0Count    = 9
	cp0EntryHi  = 10
	cp0Compare  = 11
	cp0Status   = 12
	cp0Cause    = 13
	cp0EPC      = 14
	cp0PRId     = 15
	cp0Config   = 16
	cp0LLAddr   = 17
	cp0XContext = 20
	cp0ErrorEPC = 30
)

// readCP0 returns the whole register; MFC0 takes its low word.
func (c *CPU) readCP0(reg uint32) uint64 {
	p := &c.s.CP0
	switch reg {
	case cp0Index:
		return sext32(uint64(p.Index))
	case cp0Random:
		return uint64(c.random())
	case cp0EntryLo0:
		return p.EntryLo0
	case cp0EntryLo1:
		return p.EntryLo1
	case cp0Context:
		return p.Context
	case cp0PageMask:
		return uint64(p.PageMask)
	case cp0Wired:
		return uint64(p.Wired)
	case cp0Info:
		return infoValue
	case cp0BadVAddr:
		return p.BadVAddr
	case cp0Count:
		return sext32(uint64(c.timer.readCount()))
	case cp0EntryHi:
		return p.EntryHi
	case cp0Compare:
		return sext32(uint64(p.Compare))
	case cp0Status:
		return sext32(uint64(p.Status))
	case cp0Cause:
		c.timer.poll()
		return sext32(uint64(p.Cause | c.s.Lines))
	case cp0EPC:
		return p.EPC
	case cp0PRId:
		return sext32(uint64(c.cfg.Model.PRId))
	case cp0Config:
		return configValue
	case cp0LLAddr:
		return p.LLAddr
	case cp0XContext:
		return p.XContext
	case cp0ErrorEPC:
		return p.ErrorEPC
	}
	return p.Other[reg&31]
}

func (c *CPU) writeCP0(reg uint32, v uint64) {
	p := &c.s.CP0
	switch reg {
	case cp0Index:
		p.Index = uint32(v) & (1<<31 | MaxTLB - 1)
	case cp0Random, cp0Info, cp0BadVAddr, cp0PRId, cp0Config:
		// Read-only.
	case cp0EntryLo0:
		p.EntryLo0 = v & entryLoMask
	case cp0EntryLo1:
		p.EntryLo1 = v & entryLoMask
	case cp0Context:
		p.Context = v&^0x7fffff | p.Context&0x7fffff
	case cp0PageMask:
		p.PageMask = uint32(v) & pageMaskBits
	case cp0Wired:
		p.Wired = uint32(v) & (MaxTLB - 1)
		p.RandomBase = c.Instructions() + 1
	case cp0Count:
		c.timer.writeCount(uint32(v))
	case cp0EntryHi:
		c.setEntryHi(v)
	case cp0Compare:
		c.timer.writeCompare(uint32(v))
	case cp0Status:
		c.writeStatus(uint32(v))
	case cp0Cause:
		p.Cause = p.Cause&^causeSoftIP | uint32(v)&causeSoftIP
		c.updateIRQ()
	case cp0EPC:
		p.EPC = v
	case cp0LLAddr:
		p.LLAddr = v & 0xffffffff
	case cp0XContext:
		p.XContext = v&^0x1ffffffff | p.XContext&0x1ffffffff
	case cp0ErrorEPC:
		p.ErrorEPC = v
	default:
		p.Other[reg&31] = v
	}
}

func (c *CPU) writeStatus(v uint32) {
	old := c.s.CP0.Status
	c.s.CP0.Status = v
	c.statusChanged()
	if old != v {
		c.resync = true
	}
}

// Set 1 of the RM7000 (cpu reference, 1.4).
func readableSet1(reg uint32) bool {
	switch reg {
	case 18, 19, 20, 26, 27:
		return true
	}
	return false
}

func (c *CPU) readSet1(reg uint32) uint64 {
	switch {
	case reg == 16:
		return config1Value
	case readableSet1(reg):
		return sext32(uint64(c.s.CP0.Set1[reg]))
	}
	c.logf("read of unknown set 1 register %d at 0x%x", reg, c.s.PC)
	return 0
}

func (c *CPU) writeSet1(reg uint32, v uint64) {
	if readableSet1(reg) {
		c.s.CP0.Set1[reg] = uint32(v)
		return
	}
	c.logf("write of 0x%x to set 1 register %d at 0x%x is ignored", v, reg, c.s.PC)
}

// cop0 executes one COP0 instruction other than ERET. It returns false when an
// exception was raised.
func (c *CPU) cop0(w uint32) bool {
	if c.mode != modeKernel && c.s.CP0.Status&StatusCU0 == 0 {
		c.raiseCpU(0)
		return false
	}
	rt, rd := w>>16&31, w>>11&31
	set := func(v uint64) {
		if rt != 0 {
			c.s.GPR[rt] = v
		}
	}
	low := w & 0x7ff
	switch rs := w >> 21 & 31; {
	case rs == 0 && low == 0: // MFC0
		set(sext32(c.readCP0(rd)))
	case rs == 0 && low == 1: // MFC0 rt, rd, 1
		set(c.readSet1(rd))
	case rs == 1 && low&^7 == 0: // DMFC0
		if c.narrow {
			return !c.raiseReserved(w)
		}
		set(c.readCP0(rd))
	case rs == 2 && low == 0: // CFC0
		set(c.readSet1(rd))
	case rs == 4 && low == 0: // MTC0
		c.writeCP0(rd, sext32(c.s.GPR[rt]))
	case rs == 4 && low == 1: // MTC0 rt, rd, 1
		c.writeSet1(rd, c.s.GPR[rt])
	case rs == 5 && low&^7 == 0: // DMTC0
		if c.narrow {
			return !c.raiseReserved(w)
		}
		c.writeCP0(rd, c.s.GPR[rt])
	case rs == 6 && low == 0: // CTC0
		c.writeSet1(rd, c.s.GPR[rt])
	case w == 0x42000001:
		c.tlbRead()
	case w == 0x42000002:
		c.tlbWrite(c.s.CP0.Index)
	case w == 0x42000006:
		c.tlbWrite(c.random())
	case w == 0x42000008:
		c.tlbProbe()
	case w>>25 == 0x21 && w&0x3f == 0x20: // WAIT
		if (c.s.CP0.Cause|c.s.Lines)&c.s.CP0.Status&StatusIM == 0 {
			c.s.Waiting = true
			c.idle = true
			c.resync = true
		}
	default:
		return !c.raiseReserved(w)
	}
	return true
}
