// Package c7200 is the motherboard of the Cisco 7204 and 7206: the physical
// map, the system controller and the PCI buses of a network processing engine,
// the two FPGAs with console, EEPROMs and sensors, NVRAM, boot ROM, and the
// slots for cards. What differs among the engines is in one table (npe.go).
//
// It knows nothing of lab files, of Linux or of how consoles and storage are
// kept: it is handed lines and functions.
//
// Source: c7200 reference.
package c7200

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"dynemu/vm/card"
	"dynemu/vm/chip"
	"dynemu/vm/chip/ata"
	"dynemu/vm/chip/bswap"
	"dynemu/vm/chip/ds1620"
	"dynemu/vm/chip/gt64k"
	"dynemu/vm/chip/i28f016"
	"dynemu/vm/chip/nmc93c46"
	"dynemu/vm/chip/nvram"
	"dynemu/vm/chip/pd6729"
	"dynemu/vm/chip/remote"
	"dynemu/vm/chip/scn2681"
	"dynemu/vm/event"
	"dynemu/vm/mem"
	"dynemu/vm/mips"
	"dynemu/vm/pci"
	"dynemu/vm/rom"
)

// Physical addresses (c7200 reference, 2.1).
const (
	addrController  = 0x14000000
	addrController2 = 0x15000000
	addrRemote      = 0x16000000
	addrBootflash   = 0x1A000000
	addrNVRAM       = 0x1E000000
	addrMPFPGA      = 0x1E800000
	addrIOFPGA      = 0x1E840000
	addrZero        = 0x1F000000
	addrROM         = rom.Base
	addrIOMem       = 0x20000000
	addrDisk0       = 0x40000000
	addrDisk1       = 0x44000000
	addrSRAM        = 0x4B000000
	addrSwapped     = 0xC0000000
	addrPCIIO       = 0x1_00000000

	lenRegisters = 0x1000
	lenZero      = 0xC00000
	lenSwapped   = 0x40000000
	lenPCIIO     = 0x200000

	sramAlias   = 0x1_00000000 // distance of a bank's alias
	sramSwapped = 0x00800000   // distance of a bank's byte-swapped view

	kseg1    = 0xA0000000
	physMask = 0x1_FFFFFFFF // the bus has 33 bits (c7200 reference, 3.4)

	// machineID is the platform's ELF machine number.
	machineID = 0x19
)

// EEPROMs of format 1 (c7200 reference, 8.4).
const (
	eepromFormat1 = 0x01
	eepromSerial  = 2 // first of the two words of the serial number
)

// idSRAM is the packet SRAM, a PCI function without registers.
const idSRAM = 0x00051137

// confRegIgnoreNVRAM is set in the active configuration register when the
// NVRAM is blank (c7200 reference, 9.1).
const confRegIgnoreNVRAM = 0x0040

// DefaultIOCard is put into an empty slot 0: these NPEs need an I/O card.
const DefaultIOCard = "C7200-IO-FE"

// Line is the user's side of the console or the AUX port.
type Line interface {
	io.ByteWriter
	// Get takes the next byte typed, if there is one.
	Get() (b byte, ok bool)
	// Waiting reports whether Get would find a byte.
	Waiting() bool
	// Notify has fn called, on any goroutine, when a byte arrives.
	Notify(fn func())
}

// Params describes one router's hardware.
type Params struct {
	NPE      string // npe-100 to npe-400; empty: npe-400
	Midplane string // std or vxr; empty: vxr
	RAMMiB   int    // more than the NPE takes is reduced, with a line in the log
	NVRAMKiB int    // 4 to 8191
	ConfReg  uint16 // configuration register as set, in force unless NVRAM is blank
	MAC      [6]byte
	// SystemID is the serial number of NPE and midplane, in decimal; empty: the
	// one that every router has (c7200 reference, 8.11).
	SystemID string
	// Slots names the card in each slot 0 to 6, empty for none.
	Slots  []string
	Quirks mips.Quirks
	// IdlePC is the address of the guest's idle loop, 0 when unknown.
	IdlePC uint64

	// NVRAM is the content to start with; what is missing is zero.
	NVRAM []byte
	// SaveNVRAM stores the whole content. It is called on the machine's
	// goroutine, must not block, and must copy what it keeps.
	SaveNVRAM func(content []byte)
	// ROMMONVars are NAME=value lines; SaveROMMONVars stores them.
	ROMMONVars     []string
	SaveROMMONVars func(lines []string)

	// Bootflash is the content of the flash SIMM, BootflashSize bytes; nil:
	// the SIMM's socket is empty. Disk0 and Disk1 are the PCMCIA disks, nil
	// where a socket is empty.
	Bootflash, Disk0, Disk1 chip.Storage

	Console, AUX Line // nil: not connected
	Log          func(module, text string)
	// AllocRAM returns that many bytes of zeroed, page-aligned host memory.
	AllocRAM func(bytes int) ([]byte, error)
	// Now is the calendar's time; nil is the host's.
	Now func() time.Time
}

// Board is one router's hardware. It is used by the machine's goroutine only.
type Board struct {
	params   Params
	npe      *npe
	midplane *midplane
	loop     *event.Loop

	cpu         *mips.CPU
	mem         *mem.Map
	controllers []*gt64k.Controller
	ports       [2]*pci.Port
	buses       map[busName]*pci.Bus
	bayBus      [numSlots]*pci.Bus

	net    netIRQ
	mp     mpFPGA
	io     ioFPGA
	nvram  *nvram.Device
	saved  []byte // of the NVRAM, as it is stored
	remote *remote.Device

	pcmcia    *pd6729.Controller
	bootflash *i28f016.SIMM
	disks     [pd6729.Sockets]*ata.Disk
	stored    []*stored

	cards          [numSlots]card.Card
	slotEEPROM     [numSlots]nmc93c46.EEPROM
	cpuEEPROM      nmc93c46.EEPROM
	midplaneEEPROM nmc93c46.EEPROM
	pemEEPROM      nmc93c46.EEPROM
	bay7EEPROM     nmc93c46.EEPROM
	newCard        func(name string, s card.Slot) (card.Card, error)
	mainMiB        int
	ioMemMiB       int
	confReg        uint16 // in force
	entry          uint32
	powerOff       []func()
	reload         []func()
	inputIsPosted  atomic.Bool
	attention      *atomic.Uint32
}

// New builds the board with its cards, in the state after power-on.
func New(p Params, loop *event.Loop, attention *atomic.Uint32) (*Board, error) {
	return build(p, loop, attention, card.New)
}

func build(p Params, loop *event.Loop, attention *atomic.Uint32, cards func(string, card.Slot) (card.Card, error)) (*Board, error) {
	b := &Board{params: p, loop: loop, attention: attention, newCard: cards, mem: &mem.Map{}, confReg: p.ConfReg}
	if b.params.Log == nil {
		b.params.Log = func(string, string) {}
	}
	var err error
	if b.npe, err = findNPE(p.NPE); err != nil {
		return nil, err
	}
	if b.midplane, err = findMidplane(p.Midplane); err != nil {
		return nil, err
	}
	for _, step := range []func() error{
		b.sizeRAM, b.buildCPU, b.buildPCI, b.buildMemory, b.buildNVRAM, b.buildStorage, b.buildControllers,
		b.buildSRAM, b.buildFPGAs, b.buildRemote, b.buildCards,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	b.Reset()
	return b, nil
}

// logf returns a log function for a module.
func (b *Board) logf(module string) chip.Logf {
	return func(format string, args ...any) { b.params.Log(module, fmt.Sprintf(format, args...)) }
}

// irq returns CPU interrupt line n.
func (b *Board) irq(n int) chip.IRQ { return func(on bool) { b.cpu.SetIRQ(n, on) } }

func (b *Board) sizeRAM() error {
	n := b.params.RAMMiB
	if n <= 0 {
		return fmt.Errorf("RAM of %d MiB: %s takes 1 to %d", n, b.npe.name, b.npe.maxRAM)
	}
	if n > b.npe.maxRAM {
		b.logf("VM")("RAM of %d MiB reduced to %d, the most that %s takes", n, b.npe.maxRAM, b.npe.name)
		n = b.npe.maxRAM
	}
	b.mainMiB, b.ioMemMiB = n, b.npe.ioMemMiB
	if b.npe.splitRAM && n > maxMainMiB {
		b.mainMiB, b.ioMemMiB = maxMainMiB, n-maxMainMiB
	}
	return nil
}

func (b *Board) buildCPU() error {
	b.cpu = mips.New(mips.Config{
		Model:     b.npe.cpu,
		Map:       b.mem,
		Clock:     b.loop,
		Attention: b.attention,
		CountHz:   b.npe.clockHz / 2,
		PhysMask:  physMask,
		Quirks:    b.params.Quirks,
		IdlePC:    b.params.IdlePC,
		NullMiss:  b.askReload,
		Log:       b.logf("CPU"),
	})
	return nil
}

// buildPCI wires the buses and fixed bridges (c7200 reference, 5.5).
func (b *Board) buildPCI() error {
	b.buses = map[busName]*pci.Bus{}
	for _, n := range []busName{root0, root1, slot0, headA, headB, hidden} {
		b.buses[n] = &pci.Bus{}
	}
	b.ports = [2]*pci.Port{{Root: b.buses[root0]}, {Root: b.buses[root1]}}
	for _, br := range b.npe.bridges {
		if err := b.buses[br.bus].Add(br.device, 0, &pci.Bridge{DeviceID: br.id, Behind: b.buses[br.behind]}); err != nil {
			return err
		}
	}
	for bay := 1; bay < numSlots; bay++ {
		b.bayBus[bay] = &pci.Bus{}
		at := b.npe.bays[bay]
		if err := b.buses[at.bus].Add(at.device, 0, &pci.Bridge{DeviceID: b.midplane.bridge, Behind: b.bayBus[bay]}); err != nil {
			return err
		}
	}
	b.bayBus[0] = b.buses[b.npe.slot0Bus]
	if b.npe.pcmcia.bus == hidden {
		b.buses[slot0].SetHidden(b.buses[hidden])
	}
	b.pcmcia = pd6729.New([...]bool{b.params.Disk0 != nil, b.params.Disk1 != nil})
	return b.buses[b.npe.pcmcia.bus].Add(b.npe.pcmcia.device, 0, b.pcmcia)
}

func (b *Board) addRAM(name string, base uint64, bytes int) error {
	ram, err := b.params.AllocRAM(bytes)
	if err != nil {
		return fmt.Errorf("%d MiB of memory for %s: %w", bytes/mib, name, err)
	}
	return b.mem.Add(&mem.Region{Name: name, Base: base, Len: uint64(bytes), RAM: ram, Cacheable: true})
}

func (b *Board) addDevice(name string, base, length uint64, d mem.Device) error {
	return b.mem.Add(&mem.Region{Name: name, Base: base, Len: length, Dev: d})
}

// zero reads 0 and ignores writes.
type zero struct{}

func (zero) Read(uint64, int) uint64   { return 0 }
func (zero) Write(uint64, int, uint64) {}

func (b *Board) buildMemory() error {
	if err := b.addRAM("ram", 0, b.mainMiB*mib); err != nil {
		return err
	}
	if b.ioMemMiB > 0 {
		if err := b.addRAM("iomem", addrIOMem, b.ioMemMiB*mib); err != nil {
			return err
		}
	}
	window, err := b.params.AllocRAM(romMiB * mib)
	if err != nil {
		return fmt.Errorf("%d MiB of memory for the boot ROM: %w", romMiB, err)
	}
	copy(window, rom.Image())
	return errors.Join(
		b.mem.Add(&mem.Region{Name: "rom", Base: addrROM, Len: romMiB * mib, RAM: window, ReadOnly: true, Cacheable: true}),
		b.addDevice("zero", addrZero, lenZero, zero{}),
		b.addDevice("pci_io", addrPCIIO, lenPCIIO, pciIO{b.pcmcia}),
		b.addDevice("mem_bswap", addrSwapped, lenSwapped, &bswap.Window{Mem: b.mem}),
	)
}

func (b *Board) buildNVRAM() error {
	const minKiB, maxKiB = 4, 8191
	n := b.params.NVRAMKiB
	if n < minKiB || n > maxKiB {
		return fmt.Errorf("NVRAM of %d KiB: %d to %d are accepted", n, minKiB, maxKiB)
	}
	content := make([]byte, n<<10)
	copy(content, b.params.NVRAM)
	b.saved = bytes.Clone(content)
	b.nvram = nvram.New(nvram.Config{
		Content: content, Save: b.saveNVRAM, Clock: b.loop, Now: b.params.Now, Log: b.logf("NVRAM"),
	})
	b.setConfReg()
	return b.addDevice("nvram", addrNVRAM, uint64(len(content)), b.nvram)
}

// romStrings are what the boot ROM writes into NVRAM at each start (c7200
// reference, 13.3).
var romStrings = []struct {
	at   int
	text string
}{{0x80, "IOS"}, {0x200, "BOOTLDR"}}

// saveNVRAM stores the content if the guest has changed it: what only the boot
// ROM wrote is there again after the next start, and must not make a router that
// has just found a damaged NVRAM replace it.
func (b *Board) saveNVRAM(content []byte) {
	if b.params.SaveNVRAM == nil {
		return
	}
	was := bytes.Clone(b.saved)
	for _, s := range romStrings {
		if end := s.at + len(s.text); end <= len(content) && string(content[s.at:end]) == s.text {
			copy(was[s.at:], s.text)
		}
	}
	if bytes.Equal(content, was) {
		return
	}
	copy(b.saved, content)
	b.params.SaveNVRAM(content)
}

func (b *Board) setConfReg() {
	b.confReg = b.params.ConfReg
	if b.nvram.Empty() {
		b.confReg |= confRegIgnoreNVRAM
	}
}

func (b *Board) buildControllers() error {
	for i := range b.npe.controllers {
		cfg := gt64k.Config{
			Model: b.npe.controller, Memory: b.mem.Bus(), Backed: b.backed, PCI: b.ports, Log: b.logf("GT"),
		}
		addr, name := uint64(addrController), "gt"
		if i == 0 {
			cfg.IRQ = b.irq(irqController)
		} else {
			addr, name = addrController2, "gt2"
		}
		c := gt64k.New(cfg)
		b.controllers = append(b.controllers, c)
		if err := b.addDevice(name, addr, lenRegisters, c); err != nil {
			return err
		}
		if i == 0 {
			if err := b.buses[root0].Add(0, 0, c.Function()); err != nil {
				return err
			}
		}
	}
	return nil
}

// backed reports whether the controller's DMA can reach pa: memory, also
// through a byte-swapped window.
func (b *Board) backed(pa uint64) bool {
	r := b.mem.Find(pa, false)
	if r == nil {
		return false
	}
	if w, ok := r.Dev.(*bswap.Window); ok {
		r = b.mem.Find(w.Base+pa-r.Base, false)
	}
	return r != nil && r.RAM != nil
}

// buildSRAM makes the packet SRAM banks of npe-150 and npe-200 (c7200
// reference, 2.3).
func (b *Board) buildSRAM() error {
	n := b.npe.sramKiB << 10
	if n == 0 {
		return nil
	}
	for i, bus := range []busName{headA, headB} {
		ram, err := b.params.AllocRAM(n)
		if err != nil {
			return fmt.Errorf("%d KiB of packet SRAM: %w", n>>10, err)
		}
		name, base := fmt.Sprintf("sram%d", i), uint64(addrSRAM+i*n)
		err = errors.Join(
			b.mem.Add(&mem.Region{Name: name, Base: base, Len: uint64(n), RAM: ram, Cacheable: true}),
			b.mem.Add(&mem.Region{Name: name + "_alias", Base: base + sramAlias, Len: uint64(n), RAM: ram, Cacheable: true}),
			b.addDevice(name+"_bswap", base+sramSwapped, uint64(n), &bswap.Window{Mem: b.mem, Base: base}),
			b.buses[bus].Add(0, 0, pci.IDOnly(idSRAM)),
		)
		if err != nil {
			return err
		}
	}
	return nil
}

// baySocket is the EEPROM of a bay: which pins of which register (c7200
// reference, 8.1). The bits of a bay's pins are those of its byte in the
// register.
func baySocket(e *nmc93c46.EEPROM, shift uint8) nmc93c46.Socket {
	return nmc93c46.Socket{EEPROM: e, CS: shift + 1, CLK: shift + 3, DIN: shift + 4, DOUT: shift + 6}
}

func (b *Board) buildFPGAs() error {
	b.cpuEEPROM.Content = slices.Clone(b.npe.eeprom)
	b.pemEEPROM.Content = b.npe.pem
	b.midplaneEEPROM.Content = b.midplane.eeprom(b.params.MAC)
	b.setSystemID()

	b.net.out = b.irq(irqNetwork)
	e := &b.slotEEPROM
	b.mp = mpFPGA{
		net: &b.net,
		eepromA: &nmc93c46.Group{Sockets: []nmc93c46.Socket{
			baySocket(&e[0], 0), baySocket(&e[1], 8), baySocket(&e[4], 16), baySocket(&e[3], 24),
		}},
		eepromB: &nmc93c46.Group{Sockets: []nmc93c46.Socket{
			baySocket(&e[2], 8), baySocket(&e[6], 16), baySocket(&e[5], 24),
		}},
		present:  func(slot int) bool { return b.cards[slot] != nil },
		irqMgmt:  b.irq(irqManagement),
		irqOI:    b.irq(irqOIR),
		powerOff: func() { b.callAll(b.powerOff) },
	}
	b.io = ioFPGA{
		net: &b.net,
		eeprom: &nmc93c46.Group{Sockets: []nmc93c46.Socket{
			{EEPROM: &b.cpuEEPROM, CS: 2, CLK: 1, DIN: 0, DOUT: 6},
			{EEPROM: &b.midplaneEEPROM, CS: 5, CLK: 4, DIN: 3, DOUT: 7},
		}},
		eeprom7: &nmc93c46.Group{Sockets: []nmc93c46.Socket{baySocket(&b.bay7EEPROM, 24)}},
		pem: &nmc93c46.Group{Sockets: []nmc93c46.Socket{
			{EEPROM: &b.pemEEPROM, CS: 1, CLK: 0, DIN: 2, DOUT: 3},
		}},
		duart:  scn2681.New(b.line(b.params.Console), b.line(b.params.AUX), b.loop, b.irq(irqDUART)),
		power:  func() uint32 { return b.mp.State.Power },
		ioCard: b.hasIOCard,
	}
	return errors.Join(
		b.addDevice("mp_fpga", addrMPFPGA, lenRegisters, &b.mp),
		b.addDevice("io_fpga", addrIOFPGA, lenRegisters, &b.io),
	)
}

// line prepares a line for the DUART: bytes that arrive are told to it on the
// machine's goroutine.
func (b *Board) line(l Line) scn2681.Line {
	if l == nil {
		return nil
	}
	l.Notify(func() {
		if b.inputIsPosted.CompareAndSwap(false, true) {
			b.loop.Post(func() {
				b.inputIsPosted.Store(false)
				b.io.duart.Input()
			})
		}
	})
	return l
}

func (b *Board) buildRemote() error {
	b.remote = remote.New(remote.Config{
		RAMMiB: b.mainMiB, ROMMiB: romMiB, NVRAMKiB: b.params.NVRAMKiB, IOMemMiB: b.ioMemMiB,
		ConfReg:   func() uint16 { return b.confReg },
		Entry:     func() uint32 { return b.entry },
		MachineID: machineID,
		NVRAMBase: kseg1 + addrNVRAM,
		Vars:      b.params.ROMMONVars,
		SaveVars:  b.params.SaveROMMONVars,
		ConsolePut: func(c byte) {
			if b.params.Console != nil {
				_ = b.params.Console.WriteByte(c) // a line that is full has dropped it and knows
			}
		},
		Log:      b.params.Log,
		Memory:   b.mem,
		OnStop:   func() { b.callAll(b.powerOff) },
		OnReload: b.askReload,
	})
	return b.addDevice("remote", addrRemote, lenRegisters, b.remote)
}

func (b *Board) buildCards() error {
	for slot := numSlots; slot < len(b.params.Slots); slot++ {
		if name := b.params.Slots[slot]; name != "" {
			return fmt.Errorf("slot %d (%s): slots are 0 to %d", slot, name, numSlots-1)
		}
	}
	names := make([]string, numSlots)
	copy(names, b.params.Slots)
	if names[0] == "" {
		names[0] = DefaultIOCard
	}
	for slot, name := range names {
		if name == "" {
			continue
		}
		if err := b.insert(slot, name); err != nil {
			return err
		}
	}
	return nil
}

func (b *Board) insert(slot int, name string) error {
	device := 0
	if slot == 0 {
		device = b.npe.slot0Dev
	}
	c, err := b.newCard(name, card.Slot{
		Number: slot, Bus: b.bayBus[slot], Device: device, Map: b.mem, Clock: b.loop,
		IRQ:             func(n int) chip.IRQ { return b.net.line(slot, n) },
		RaiseNetwork:    b.net.raise,
		RaiseManagement: func() { b.mp.irqMgmt(true) },
		Log:             b.logf(fmt.Sprintf("%s(%d)", name, slot)),
	})
	if err != nil {
		return fmt.Errorf("slot %d: %w", slot, err)
	}
	b.cards[slot] = c
	b.slotEEPROM[slot].Content = c.EEPROM()
	return nil
}

// Insert puts a card into a bay of the running router and tells the guest
// (c7200 reference, 15.3). Slot is 1 to 6 and must be empty.
func (b *Board) Insert(slot int, name string) error {
	if err := b.checkBay(slot); err != nil {
		return err
	}
	if c := b.cards[slot]; c != nil {
		return fmt.Errorf("slot %d holds a card already (%s)", slot, c.Name())
	}
	if err := b.insert(slot, name); err != nil {
		return err
	}
	b.cards[slot].Reset()
	b.mp.moved(slot)
	return nil
}

// Remove takes a card out of a bay of the running router and tells the guest.
func (b *Board) Remove(slot int) error {
	if err := b.checkBay(slot); err != nil {
		return err
	}
	c := b.cards[slot]
	if c == nil {
		return fmt.Errorf("slot %d is empty", slot)
	}
	c.Remove()
	b.cards[slot] = nil
	b.slotEEPROM[slot].Content = nil
	b.net.clear(slot)
	b.mp.moved(slot)
	return nil
}

// Noticed reports whether the guest has cleared the events of all cards that
// were moved.
func (b *Board) Noticed() bool { return b.mp.State.OIR == 0 }

func (b *Board) checkBay(slot int) error {
	if slot < 1 || slot >= numSlots {
		return fmt.Errorf("slot %d: cards are inserted and removed in slots 1 to %d only", slot, numSlots-1)
	}
	return nil
}

// hasIOCard reports whether slot 0 holds an I/O controller. The jacket card only
// carries a port adapter (c7200 reference, 15.2).
func (b *Board) hasIOCard() bool {
	return b.cards[0] != nil && b.cards[0].Name() != "C7200-JC-PA"
}

func (b *Board) callAll(fns []func()) {
	for _, fn := range fns {
		fn()
	}
}

func (b *Board) askReload() { b.callAll(b.reload) }

// CPU returns the processor.
func (b *Board) CPU() *mips.CPU { return b.cpu }

// Map returns the physical map.
func (b *Board) Map() *mem.Map { return b.mem }

// Slots returns the cards, index = slot number, nil where there is none.
func (b *Board) Slots() []card.Card { return append([]card.Card(nil), b.cards[:]...) }

// Reset puts every chip and the CPU into its state at power-on, and the
// configuration register in force back to the one set. NVRAM, RAM and the ROM
// monitor variables stay.
func (b *Board) Reset() {
	b.setConfReg()
	b.net.reset()
	b.mp.reset()
	b.io.reset()
	for _, c := range b.controllers {
		c.Reset()
	}
	for _, p := range b.ports {
		p.Reset()
	}
	b.nvram.Reset()
	b.resetStorage()
	b.remote.Reset()
	for _, c := range b.cards {
		if c != nil {
			c.Reset()
		}
	}
	b.cpu.Reset()
}

// OnPowerOff adds a function that is called, on the machine's goroutine and in
// the middle of an instruction, when the guest switches the router off.
func (b *Board) OnPowerOff(fn func()) { b.powerOff = append(b.powerOff, fn) }

// OnReload is OnPowerOff for a guest that asks for a restart.
func (b *Board) OnReload(fn func()) { b.reload = append(b.reload, fn) }

// SetEntry tells the boot ROM where the image starts, a virtual address.
func (b *Board) SetEntry(va uint32) { b.entry = va }

// Flush saves what is not saved yet of NVRAM, bootflash and disks.
func (b *Board) Flush() {
	b.nvram.Flush()
	for _, s := range b.stored {
		s.flush()
	}
}

// NVRAM returns the content as the guest sees it now, for reading; it is the
// board's own memory.
func (b *Board) NVRAM() []byte { return b.nvram.Content() }

// SetNVRAM replaces the content, also under a running guest, and has it
// saved. It fails when the size differs.
func (b *Board) SetNVRAM(content []byte) error {
	if n := len(b.nvram.Content()); len(content) != n {
		return fmt.Errorf("NVRAM content of %d bytes: this router has %d", len(content), n)
	}
	copy(b.nvram.Content(), content)
	b.nvram.Changed()
	return nil
}

// The part of NVRAM that the ROM monitor offers for crash information (c7200
// reference, 9.3).
const (
	crashInfoStart = 0x400
	crashInfoEnd   = crashInfoStart + 0x380
)

// CrashInfo returns the part of NVRAM that is for the guest's own report of a
// crash, for reading; it is the board's own memory.
func (b *Board) CrashInfo() []byte {
	c := b.nvram.Content()
	return c[min(crashInfoStart, len(c)):min(crashInfoEnd, len(c))]
}

// ConfigLayout tells where the configurations are in NVRAM.
func (b *Board) ConfigLayout() nvram.Layout { return nvram.C7200 }

// ConfReg returns the configuration register in force.
func (b *Board) ConfReg() uint16 { return b.confReg }

// SetConfReg changes the configuration register, at once and for resets to
// come.
func (b *Board) SetConfReg(v uint16) {
	b.params.ConfReg = v
	b.confReg = v
}

// SetMAC changes the chassis' base MAC address in the midplane EEPROM.
func (b *Board) SetMAC(mac [6]byte) {
	b.params.MAC = mac
	setMAC(b.midplaneEEPROM.Content, mac)
}

// setSystemID writes the serial number into the EEPROMs of NPE and midplane. An
// NPE whose EEPROM is of format 4 keeps its own, and so does its chassis; what is
// no number becomes 0, as with Dynamips, whose users name routers by it (c7200
// reference, 8.11).
func (b *Board) setSystemID() {
	id := b.params.SystemID
	if id == "" {
		return
	}
	if b.npe.eeprom[0]>>8 != eepromFormat1 {
		b.logf("VM")("the system id %q has no place in the EEPROM of %s", id, b.npe.name)
		return
	}
	serial, err := strconv.ParseUint(id, 10, 32)
	if err != nil {
		b.logf("VM")("the system id %q is no number of 32 bits: the serial number is 0", id)
		serial = 0
	}
	for _, e := range []*nmc93c46.EEPROM{&b.cpuEEPROM, &b.midplaneEEPROM} {
		e.Content[eepromSerial], e.Content[eepromSerial+1] = uint16(serial>>16), uint16(serial)
	}
}

// SetTemperature sets sensor n (0 to 3) to a temperature in degrees Celsius,
// -55 to 125 as the sensors have it, until the next reset.
func (b *Board) SetTemperature(n, celsius int) error {
	if n < 0 || n >= numSensors {
		return fmt.Errorf("temperature sensor %d: sensors are 0 to %d", n, numSensors-1)
	}
	if celsius < ds1620.MinCelsius || celsius > ds1620.MaxCelsius {
		return fmt.Errorf("temperature of %d degrees: the sensors go from %d to %d", celsius, ds1620.MinCelsius, ds1620.MaxCelsius)
	}
	b.io.sensors[n].SetCelsius(celsius)
	return nil
}

// SetPowerSupply tells whether power supply n (0 or 1) is present and good,
// until the next reset.
func (b *Board) SetPowerSupply(n int, good bool) error {
	if n < 0 || n > 1 {
		return fmt.Errorf("power supply %d: supplies are 0 and 1", n)
	}
	b.mp.State.Power &^= 1 << n
	if good {
		b.mp.State.Power |= 1 << n
	}
	return nil
}
