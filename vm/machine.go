package vm

import (
	"bytes"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"dynemu/jit"
	"dynemu/vm/card"
	"dynemu/vm/chip/nvram"
	"dynemu/vm/event"
	"dynemu/vm/mem"
	"dynemu/vm/mips"
	"dynemu/vm/rom"
	"dynemu/vm/wire"
)

// board is what a Machine needs of a motherboard.
type board interface {
	CPU() *mips.CPU
	Map() *mem.Map
	// Slots returns the cards, index = slot number, nil where there is none.
	Slots() []card.Card
	// Reset puts every chip and the CPU into its power-on state; NVRAM stays.
	Reset()
	// OnPowerOff, OnReload set what happens when the guest switches the router
	// off, or asks for a restart.
	OnPowerOff(fn func())
	OnReload(fn func())
	// SetEntry tells the boot ROM where the image starts.
	SetEntry(va uint32)
	// NVRAM returns the content as the guest sees it, for reading.
	NVRAM() []byte
	// SetNVRAM replaces the content and has it saved.
	SetNVRAM(content []byte) error
	// SetConfReg changes the configuration register, for resets to come too.
	SetConfReg(v uint16)
	// ConfigLayout tells where the configurations are in NVRAM.
	ConfigLayout() nvram.Layout
	// CrashInfo returns the part of NVRAM that is for the guest's own report of a
	// crash, for reading.
	CrashInfo() []byte
	// Flush saves NVRAM content that is not saved yet.
	Flush()
	// Insert and Remove move a card in a bay of the running router and tell the
	// guest; Noticed reports whether the guest has seen what moved before.
	Insert(slot int, name string) error
	Remove(slot int) error
	Noticed() bool
}

// quantum is how many instructions the CPU runs before the loop looks at
// timers: about 0.1 ms on the interpreter.
const quantum = 20000

// statsEvery is after how many runs of the CPU the translator's counters are
// copied for Stats.
const statsEvery = 32

// State is what a machine is doing.
type State int32

// The states of a machine.
const (
	Halted State = iota // made, or stopped
	Running
	Suspended
)

func (s State) String() string {
	switch s {
	case Running:
		return "running"
	case Suspended:
		return "suspended"
	}
	return "halted"
}

// Machine is one router. Its methods may be called from any goroutine.
type Machine struct {
	cfg   Config
	host  Host
	board board
	cpu   *mips.CPU
	jit   *jit.Engine // nil when the interpreter runs the guest
	loop  *event.Loop
	saver *saver

	attention atomic.Uint32
	state     atomic.Int32
	started   atomic.Int64 // host time of the last Start in Unix ns, 0 before

	portsMu sync.Mutex
	ports   map[portKey]*port
	ram     [][]byte // guest memory, to be given back

	moving sync.Mutex // held while a card is moved

	// Owned by the run loop.
	skipped   int64 // ns of guest time passed over while idle, instruction time only
	suspended bool
	quit      bool
	reload    bool
	byGuest   bool // the guest asked for the reload
	powerOff  bool
	sampling  bool   // the guest's PC is sampled, and it never sleeps
	crashInfo []byte // as it was at the start

	translated   atomic.Pointer[jit.Stats] // as of some ms ago
	idleStats    atomic.Pointer[mips.IdleStats]
	idleness     atomic.Pointer[Idleness]
	asleep       atomic.Int64 // ns spent with nothing to do
	sleeps       atomic.Uint64
	timerWakes   atomic.Uint64
	instructions atomic.Uint64
	resets       atomic.Uint64

	startOnce sync.Once
	done      chan struct{}
	err       error
}

type portKey struct{ slot, port int }

// instructionRate is the modelled speed in instruction-time mode, in
// instructions per second: one per cycle of a 350 MHz processor.
const instructionRate = 350_000_000

// New builds a router, checks its configuration and its image, and leaves it
// halted. It fails when the configuration asks for something that does not
// exist, saying what does, or when the image is not one that this router runs.
func New(cfg Config, host Host) (*Machine, error) {
	if host.Log == nil {
		host.Log = func(string, string) {}
	}
	if err := rom.Check(host.Image); err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	m := &Machine{cfg: cfg, host: host, done: make(chan struct{}), ports: map[portKey]*port{}}
	if cfg.InstructionTime {
		m.loop = event.NewWithSource(&m.attention, func() int64 {
			if m.cpu == nil {
				return 0
			}
			n := int64(m.cpu.Instructions())
			return n/instructionRate*int64(time.Second) + n%instructionRate*int64(time.Second)/instructionRate + m.skipped
		})
	} else {
		m.loop = event.New(&m.attention)
	}
	idleness := cfg.Idleness()
	m.idleness.Store(&idleness)
	m.saver = newSaver(host.SaveNVRAM, func(text string) { host.Log("NVRAM", text) })
	var err error
	if m.board, err = newBoard(cfg, host, m); err != nil {
		return nil, err
	}
	m.cpu = m.board.CPU()
	if have, take := len(host.NVRAM), cfg.NVRAM<<10; have > take {
		host.Log("NVRAM", fmt.Sprintf("%d bytes are stored and %d fit: the rest is left out, and gone when the guest saves", have, take))
	}
	if !cfg.NoJIT {
		o := jit.Options{Exact: cfg.InstructionTime, SharedRAM: true}
		if cfg.PerfMap && host.PerfMap != nil {
			o.PerfMap = host.PerfMap
		}
		if cfg.CheckJIT {
			o.Check = m.translatorDiffers
		}
		if m.jit, err = jit.New(m.cpu, o); err != nil {
			host.Log("CPU", "the interpreter runs the guest: "+err.Error())
		}
	}
	m.board.OnPowerOff(func() { m.powerOff = true; m.cpu.Stop() })
	m.board.OnReload(func() { m.reload, m.byGuest = true, true; m.cpu.Stop() })
	for slot := range m.board.Slots() {
		m.addPorts(slot)
	}
	if err := m.boot(); err != nil {
		return nil, err
	}
	return m, nil
}

// translatorDiffers ends the router after a fault of the translator.
func (m *Machine) translatorDiffers(report string) {
	if m.err != nil {
		return
	}
	for line := range strings.SplitSeq(report, "\n") {
		m.host.Log("CPU", line)
	}
	m.err = errors.New("the translator differs from the interpreter; the log has both states")
	m.quit = true
	m.cpu.Stop()
}

// boot resets the hardware and loads the image, as a power cycle does.
func (m *Machine) boot() error {
	m.board.Reset()
	entry, err := rom.Load(m.host.Image, m.loadBytes, m.loadZeros)
	if err != nil {
		return fmt.Errorf("image: %w", err)
	}
	m.board.SetEntry(entry)
	m.crashInfo = bytes.Clone(m.board.CrashInfo())
	m.applyIdleness()
	return nil
}

// physical returns where the loader's virtual address lies; images are loaded
// through the unmapped segments only (cpu reference, 8.6).
func physical(va uint32) (uint64, error) {
	if va < 0x80000000 || va >= 0xc0000000 {
		return 0, errors.New("needs a TLB mapping; images are loaded at 0x80000000 to 0xbfffffff")
	}
	return uint64(va & 0x1fffffff), nil
}

func (m *Machine) loadBytes(va uint32, p []byte) error {
	return m.loadAt(va, len(p), func(ram []byte) { p = p[copy(ram, p):] })
}

func (m *Machine) loadZeros(va uint32, n int) error {
	return m.loadAt(va, n, func(ram []byte) { clear(ram) })
}

func (m *Machine) loadAt(va uint32, n int, fill func(ram []byte)) error {
	pa, err := physical(va)
	if err != nil {
		return err
	}
	for n > 0 {
		r := m.board.Map().Find(pa, true)
		if r == nil || r.RAM == nil || r.ReadOnly {
			return rom.NoRoom(m.cfg.RAM)
		}
		off := pa - r.Base
		k := min(n, int(r.Len-off), int(mem.PageSize-pa%mem.PageSize))
		fill(r.RAM[off : off+uint64(k)])
		m.board.Map().Written(r, off, uint64(k))
		pa, va, n = pa+uint64(k), va+uint32(k), n-k
	}
	return nil
}

// Start lets the router run, from its boot ROM. It may be called once.
func (m *Machine) Start() error {
	err := errors.New("the router was started already")
	m.startOnce.Do(func() {
		err = nil
		m.started.Store(time.Now().UnixNano())
		m.state.Store(int32(Running))
		go m.run()
	})
	return err
}

func (m *Machine) run() {
	defer close(m.done)
	defer m.state.Store(int32(Halted))
	debug.SetPanicOnFault(true) // the translator says where it was (jit reference, 4.4)
	if m.guarded(m.turn) {
		m.end()
	}
}

// turn runs the guest and what is posted until the machine ends.
func (m *Machine) turn() {
	runs := 0
	for {
		m.loop.RunPending()
		if m.quit {
			break
		}
		if m.suspended {
			m.loop.Sleep()
			continue
		}
		exit := m.cpu.Run(m.budget())
		m.instructions.Store(m.cpu.Instructions())
		if runs++; runs%statsEvery == 1 && m.jit != nil {
			s := m.jit.Stats()
			m.translated.Store(&s)
		}
		if m.cpu.IdleAuto() && (exit == mips.ExitIdle || runs%statsEvery == 1) {
			s := m.cpu.IdleStats()
			m.idleStats.Store(&s)
		}
		switch exit {
		case mips.ExitIdle:
			m.idle()
		case mips.ExitStop:
			m.stopped()
		}
		if m.quit {
			break
		}
	}
}

// end saves what is not saved and gives back what the machine holds.
func (m *Machine) end() {
	m.board.Flush()
	m.saver.close()
	m.portsMu.Lock()
	for _, p := range m.ports {
		p.close()
	}
	m.portsMu.Unlock()
	if m.jit != nil {
		m.cpu.SetEngine(nil)
		m.jit.Close()
	}
	m.free()
}

// idle passes the time until something happens.
func (m *Machine) idle() {
	if m.cfg.InstructionTime {
		if at, ok := m.loop.NextTimer(); ok {
			if d := at - m.loop.Now(); d > 0 {
				m.skipped += d
			}
			return
		}
	}
	at, timed := m.loop.NextTimer()
	t := time.Now()
	m.loop.Sleep()
	m.asleep.Add(int64(time.Since(t)))
	m.sleeps.Add(1)
	if timed && m.loop.Now() >= at {
		m.timerWakes.Add(1)
	}
}

// stopped acts on what made the CPU stop.
func (m *Machine) stopped() {
	switch {
	case m.reload:
		m.host.Log("VM", "reload: restarting the router")
		if m.byGuest {
			m.logCrashInfo()
			if m.host.Restarted != nil {
				m.host.Restarted()
			}
		}
		m.reload, m.byGuest = false, false
		m.resets.Add(1)
		if err := m.boot(); err != nil {
			m.err = err
			m.quit = true
		}
	case m.powerOff:
		m.logCrashInfo()
		m.host.Log("VM", "the guest switched the router off")
		m.quit = true
	}
}

// do runs fn on the loop and waits for it. It reports false when the machine
// has ended.
func (m *Machine) do(fn func()) bool {
	if m.started.Load() == 0 {
		fn()
		return true
	}
	ran := make(chan struct{})
	m.loop.Post(func() { fn(); close(ran) })
	select {
	case <-ran:
		return true
	case <-m.done:
		return false
	}
}

// Suspend makes the router and its time stand still; frames that arrive
// meanwhile are lost, as on a cable to a router that is off.
func (m *Machine) Suspend() {
	m.do(func() {
		if m.State() == Running {
			m.board.Flush() // the timer that would do it stands still
			m.suspended = true
			m.loop.Pause()
			m.state.Store(int32(Suspended))
		}
	})
}

// Resume lets a suspended router go on.
func (m *Machine) Resume() {
	m.do(func() {
		if m.State() == Suspended {
			m.suspended = false
			m.loop.Unpause()
			m.state.Store(int32(Running))
		}
	})
}

// Reset restarts the router as its power switch would. NVRAM stays.
func (m *Machine) Reset() {
	m.do(func() {
		if m.suspended {
			m.suspended = false
			m.loop.Unpause()
			m.state.Store(int32(Running))
		}
		m.reload = true
		m.stopped()
	})
}

// Stop ends the router: NVRAM is saved, wires are closed. It waits until that
// is done. A stopped machine cannot be started again.
func (m *Machine) Stop() {
	first := false
	m.startOnce.Do(func() { first = true })
	if first { // never started
		m.end()
		close(m.done)
		return
	}
	m.loop.Post(func() { m.quit = true })
	<-m.done
}

// Done is closed when the router has ended, by Stop or by itself.
func (m *Machine) Done() <-chan struct{} { return m.done }

// Err tells why the router ended by itself, after Done; nil when the guest
// switched it off or Stop was called.
func (m *Machine) Err() error { return m.err }

// State returns what the machine is doing.
func (m *Machine) State() State { return State(m.state.Load()) }

// Plug attaches w to a port, in place of what was there, which is closed; a
// nil w unplugs the port. What was there is free to be opened anew when Plug
// returns. It fails when the router has no such port.
func (m *Machine) Plug(slot, index int, w wire.Wire) error {
	p, err := m.port(slot, index)
	if err != nil {
		return err
	}
	p.plug(w)
	return nil
}

// Port returns the socket of a port, through which the link's state, filters,
// impairments and monitors are set, and which tells whether the guest has shut the
// port. It is the card's, and goes with it. It fails when the router has no such
// port.
func (m *Machine) Port(slot, index int) (*wire.Port, error) {
	p, err := m.port(slot, index)
	if err != nil {
		return nil, err
	}
	return p.wire, nil
}

func (m *Machine) port(slot, index int) (*port, error) {
	m.portsMu.Lock()
	p, ok := m.ports[portKey{slot, index}]
	m.portsMu.Unlock()
	if !ok {
		return nil, fmt.Errorf("there is no port %d in slot %d; slots hold %s", index, slot, m.describeSlots())
	}
	return p, nil
}

func (m *Machine) describeSlots() string {
	var s []string
	for i, c := range m.slots() {
		if c != nil {
			s = append(s, fmt.Sprintf("%d:%s (%d ports)", i, c.Name(), len(c.Ports())))
		}
	}
	return strings.Join(s, ", ")
}

// Cards returns the names of the cards by slot, empty where there is none.
func (m *Machine) Cards() []string {
	var s []string
	for _, c := range m.slots() {
		if c == nil {
			s = append(s, "")
			continue
		}
		s = append(s, c.Name())
	}
	return s
}

// NVRAM returns a copy of the NVRAM content as the guest sees it now.
func (m *Machine) NVRAM() []byte {
	var b []byte
	read := func() { b = append([]byte(nil), m.board.NVRAM()...) }
	if !m.do(read) {
		read()
	}
	return b
}

// SetNVRAM replaces the NVRAM content, under a running guest too, and saves it.
// It fails when the size differs.
func (m *Machine) SetNVRAM(content []byte) error {
	var err error
	if !m.do(func() { err = m.board.SetNVRAM(content) }) {
		return errEnded
	}
	return err
}

// SetConfigs replaces the startup and the private configuration in NVRAM, of
// which a nil one stays, between two instructions of the guest, and saves them.
// It fails when they do not fit.
func (m *Machine) SetConfigs(startup, private []byte) error {
	err := errEnded
	m.do(func() {
		content := append([]byte(nil), m.board.NVRAM()...)
		if err = nvram.WriteConfigs(content, m.board.ConfigLayout(), startup, private); err == nil && !bytes.Equal(content, m.board.NVRAM()) {
			err = m.board.SetNVRAM(content)
		}
	})
	return err
}

// SetConfReg changes the configuration register, at once and for restarts.
func (m *Machine) SetConfReg(v uint16) { m.do(func() { m.board.SetConfReg(v) }) }

// Stats are counters of a machine.
type Stats struct {
	State        string        `json:"state"`
	Uptime       time.Duration `json:"uptime_ns"` // since Start, host time
	Instructions uint64        `json:"instructions"`
	Asleep       time.Duration `json:"asleep_ns"` // time with nothing to do
	Sleeps       uint64        `json:"sleeps"`    // how often it slept
	// TimerWakes is how often a timer ended that; otherwise a frame, key or command did.
	TimerWakes uint64               `json:"timer_wakes"`
	Reloads    uint64               `json:"reloads"`
	Idleness   Idleness             `json:"idleness"`       // what is in force
	Idle       *mips.IdleStats      `json:"idle,omitempty"` // nil when nobody looks for the idle loop
	Memory     uint64               `json:"memory"`         // guest memory in use, in bytes
	JIT        *jit.Stats           `json:"jit,omitempty"`  // nil when the interpreter runs the guest
	Ports      map[string]PortStats `json:"ports"`          // key SLOT/PORT
}

// PortStats counts the frames of a port, as seen from the router.
type PortStats struct {
	wire.Stats
	Plugged bool
}

// Stats returns the counters now.
func (m *Machine) Stats() Stats {
	s := Stats{
		State:        m.State().String(),
		Instructions: m.instructions.Load(),
		Asleep:       time.Duration(m.asleep.Load()),
		Reloads:      m.resets.Load(),
		Sleeps:       m.sleeps.Load(),
		TimerWakes:   m.timerWakes.Load(),
		Idleness:     *m.idleness.Load(),
		Idle:         m.idleStats.Load(),
		JIT:          m.translated.Load(),
		Ports:        map[string]PortStats{},
	}
	m.do(func() { s.Memory = m.touched() })
	if t := m.started.Load(); t != 0 {
		s.Uptime = time.Since(time.Unix(0, t))
	}
	m.portsMu.Lock()
	defer m.portsMu.Unlock()
	for k, p := range m.ports {
		s.Ports[fmt.Sprintf("%d/%d", k.slot, k.port)] = p.stats()
	}
	return s
}
