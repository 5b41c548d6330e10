// Package mips is the processor of the emulated routers: a 64-bit MIPS IV part
// of the R4700, R5000, RM52xx and RM7000 family with TLB, CP0 and FPU, run by an
// interpreter over pre-decoded instructions.
//
// It behaves as the hardware does; Quirks select leniencies of Dynamips (cpu
// reference, section 0). The package knows the physical map (package mem) and
// guest time (package event) and nothing of boards, chips or images.
//
// One concern is in one file: state.go the architectural state, decode.go the
// decoder, interp.go the instruction loop, memory.go loads and stores, tlb.go
// address translation, cp0.go the system registers, exception.go exceptions and
// interrupts, timer.go Count and Compare, fpu.go and softfloat.go the FPU,
// disasm.go the disassembler.
package mips

import (
	"sync/atomic"

	"dynemu/vm/event"
	"dynemu/vm/mem"
)

// Config is what a processor is built from.
type Config struct {
	Model Model
	Map   *mem.Map
	Clock event.Clock
	// Attention, when not nil, makes Run return soon after it becomes non-zero.
	Attention *atomic.Uint32
	// CountHz is the rate of Count, in Hz of guest time; 0 means 100 MHz.
	CountHz uint64
	// PhysMask is ANDed to physical addresses that come out of the TLB; 0 means
	// none (cpu reference, 1.2).
	PhysMask uint64
	Quirks   Quirks
	// IdlePC is the address of the guest's idle loop, 0 for none. 32-bit values
	// are sign-extended.
	IdlePC uint64
	// NullMiss, when not nil, is called when the kernel uses virtual address 0 and
	// that is not mapped, with
	// which a router's reload ends (cpu reference, 5.3); Run then returns ExitStop.
	NullMiss func()
	// Log, when not nil, receives what a guest does that no correct guest would.
	Log func(format string, args ...any)
}

// Exit tells why Run returned.
type Exit int

const (
	ExitBudget    Exit = iota // the budget is used up
	ExitAttention             // Config.Attention is set
	ExitIdle                  // the guest waits for an interrupt or an event
	ExitStop                  // Stop was called
)

// String returns the name of e.
func (e Exit) String() string {
	switch e {
	case ExitBudget:
		return "budget"
	case ExitAttention:
		return "attention"
	case ExitIdle:
		return "idle"
	case ExitStop:
		return "stop"
	}
	return "unknown"
}

// defaultIdleMax is how often the idle PC must be passed without an interrupt
// before the guest counts as idle. Dynamips uses 500 and then sleeps for a fixed
// time (cpu reference, 6.2); here every event ends the sleep at once, so a wrong
// guess costs little and the loop may be left earlier.
const defaultIdleMax = 100

// quantum bounds the instructions between two looks at Config.Attention.
const quantum = 1024

// CPU is one processor. All methods must be called on the machine's goroutine.
type CPU struct {
	s     State
	cfg   Config
	quirk Quirks

	// Where the interpreter is. n and n0 are what is left of the current
	// quantum and what it started with; inSlot tells whether s.PC is a delay
	// slot. They are up to date whenever code outside the loop runs.
	n, n0  int
	inSlot bool

	irq      bool // an enabled interrupt is pending
	stop     bool
	idle     bool
	redirect bool // PC was changed by Reset within an instruction
	resync   bool // the loop must look up PC again after this instruction

	mode   mode // of Status
	wide   bool // 64-bit addresses in this mode
	narrow bool // 64-bit operations are reserved in this mode

	contexts [3]*context
	cur      *context
	code     codeCache

	finder    idleFinder
	idlePC    uint64
	idleMax   int
	idleCount int

	engine Engine // nil: the interpreter alone
	timer  timer
	jump   [2]record // what a branch out of the page continues with
	vol    record    // an instruction fetched from a device
	logged int
}

// New returns a processor in its power-on state.
func New(cfg Config) *CPU {
	if cfg.Model.TLBSize == 0 {
		cfg.Model = R4700
	}
	if cfg.CountHz == 0 {
		cfg.CountHz = 100_000_000
	}
	c := &CPU{cfg: cfg, quirk: cfg.Quirks, idleMax: defaultIdleMax}
	c.jump[0].op = opJump
	c.jump[1].op = opJump
	c.code.init()
	c.timer.init(c)
	c.SetIdlePC(cfg.IdlePC)
	cfg.Map.OnRemap(c.remapped)
	cfg.Map.OnCodeWrite(c.codeWritten)
	cfg.Map.OnWatch(c.watched)
	c.Reset()
	return c
}

// Reset puts the processor into its power-on state (cpu reference, 1.3): PC at
// the boot vector, TLB empty. The board's interrupt lines keep their level;
// Instructions goes on counting.
func (c *CPU) Reset() {
	lines, retired := c.s.Lines&^(1<<15), c.s.Retired
	if c.n0 != 0 {
		retired = c.Instructions()
		c.n0 = c.n
		c.redirect = true
	}
	c.s = State{PC: resetPC, Lines: lines, Retired: retired}
	c.s.GPR[29] = resetSP
	c.s.CP0.Status = StatusBEV
	c.s.CP0.RandomBase = retired
	c.inSlot, c.stop, c.idle = false, false, false
	c.idleCount = 0
	c.timer.reset()
	c.remapped()
	c.statusChanged()
	c.resync = true
}

// State returns the architectural state. It may be changed between two calls of
// Run, followed by StateChanged.
func (c *CPU) State() *State { return &c.s }

// StateChanged must be called after State was changed from outside in other than
// GPR, HI, LO, FPR, FCSR and PC.
func (c *CPU) StateChanged() {
	c.flushTranslations()
	c.statusChanged()
	c.timer.program()
}

// Instructions returns how many instructions were executed so far. It is exact
// at any moment, also within a device access, where the accessing instruction is
// not counted yet.
func (c *CPU) Instructions() uint64 { return c.s.Retired + uint64(c.n0-c.n) }

// Stop makes Run return ExitStop before the next instruction.
func (c *CPU) Stop() {
	c.stop = true
	c.resync = true
}

// SetIRQ sets the level of interrupt line IPline, 2 to 6 (cpu reference, 1.2).
// Line 7 is the processor's own timer; other numbers are ignored.
func (c *CPU) SetIRQ(line int, on bool) {
	if line < 2 || line > 6 {
		return
	}
	c.setLine(line, on)
}

func (c *CPU) setLine(line int, on bool) {
	bit := uint32(1) << (8 + line)
	if on {
		c.s.Lines |= bit
	} else {
		c.s.Lines &^= bit
	}
	c.updateIRQ()
}

// SetIdlePC sets the address of the guest's idle loop; 0 turns the check off.
// 32-bit values are sign-extended. It ends what SetIdleAuto began.
func (c *CPU) SetIdlePC(pc uint64) {
	if pc>>32 == 0 {
		pc = sext32(pc)
	}
	c.finder.on = false
	c.setIdlePC(pc)
}

func (c *CPU) setIdlePC(pc uint64) {
	c.idlePC = pc
	c.idleCount = 0
	c.code.forgetAll()
	if c.engine != nil {
		c.engine.CodeChanged()
	}
}

// IdlePC returns the address set by SetIdlePC, sign-extended.
func (c *CPU) IdlePC() uint64 { return c.idlePC }

// SetIdleMax sets how often the idle PC must be passed without an interrupt in
// between before Run returns ExitIdle; values below 1 restore the default.
func (c *CPU) SetIdleMax(n int) {
	if n < 1 {
		n = defaultIdleMax
	}
	c.idleMax = n
	c.idleCount = 0
}

// Run executes about budget instructions, at least one unless there is a reason
// to return at once.
func (c *CPU) Run(budget int) Exit {
	for {
		switch {
		case c.stop:
			c.stop = false
			return ExitStop
		case c.irq:
			c.idleCount = 0
			c.s.Waiting = false
			c.interrupt()
		case c.s.Waiting:
			if (c.s.CP0.Cause|c.s.Lines)&c.s.CP0.Status&StatusIM == 0 {
				return ExitIdle
			}
			c.s.Waiting = false
		}
		if budget <= 0 {
			return ExitBudget
		}
		if a := c.cfg.Attention; a != nil && a.Load() != 0 {
			return ExitAttention
		}
		n := min(budget, quantum)
		if c.engine != nil {
			n = min(budget, engineQuantum)
		}
		c.n0, c.n = n, n
		if c.engine != nil {
			c.engine.Execute()
			if c.n > 0 && !c.Core().Pending() {
				budget = min(budget, n-c.n) // what is left is too little
			}
		} else {
			c.interpret()
		}
		done := c.n0 - c.n
		c.s.Retired += uint64(done)
		c.n0, c.n = 0, 0
		budget -= done
		if c.idle {
			c.idle = false
			found := c.finder.on && c.s.PC == c.idlePC
			if !c.irq && !c.stop && (!found || c.asleep()) {
				return ExitIdle
			}
		} else if c.finder.on && c.Instructions() >= c.finder.next && c.seekIdle() {
			return ExitIdle
		}
	}
}

// logf reports guest misbehaviour; after many lines it falls silent, since a
// guest can produce them without end.
func (c *CPU) logf(format string, args ...any) {
	const most = 200
	if c.cfg.Log == nil || c.logged > most {
		return
	}
	c.logged++
	if c.logged > most {
		c.cfg.Log("further messages of this processor are suppressed")
		return
	}
	c.cfg.Log(format, args...)
}

func sext32(v uint64) uint64 { return uint64(int64(int32(uint32(v)))) }
