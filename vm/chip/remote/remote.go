// Package remote is the remote-control device: not a part of any router, but
// the register window through which the boot ROM learns what it runs on and
// asks the emulator for what only the emulator can do (console text, log lines,
// ROM monitor variables, stop, reload). It is that of Dynamips, with one register
// added.
//
// It knows nothing of boards and of the ROM's code.
//
// Source: cpu reference, 8.1 and 8.5; c7200 reference, 13.1.
package remote

import (
	"strings"

	"dynemu/vm/chip"
)

// Offsets of the registers, all of 32 bits. Other offsets read 0.
const (
	RegID          = 0x00 // R: ID
	RegCPU         = 0x04 // R: number of the processor, 0
	RegDumpCPU     = 0x08 // W: write the CPU registers to the log
	RegDumpTLB     = 0x0c // W: write the TLB to the log
	RegRAM         = 0x14 // R: size of main memory in MiB
	RegROM         = 0x18 // R: size of the ROM in MiB
	RegNVRAM       = 0x1c // R: size of NVRAM in KiB
	RegIOMem       = 0x20 // R: size of I/O memory in MiB
	RegConfReg     = 0x24 // R: configuration register in force
	RegEntry       = 0x28 // R: entry point of the image
	RegMachine     = 0x2c // R: ELF machine number of the platform
	RegRestart     = 0x30 // R: 0, the ROM itself does not start the image again
	RegStop        = 0x34 // any access: the machine stops
	RegLogString   = 0x38 // W: physical address of a C string for the log
	RegLogChar     = 0x3c // W: one character of a log line
	RegConsole     = 0x40 // W: one character for the console
	RegNVRAMBase   = 0x44 // R: kseg1 address of NVRAM
	RegSmartInit   = 0x48 // R: I/O memory in percent; 0x8000|n when the operator chose it
	RegCookieIndex = 0x4c // RW: which half-word RegCookie shows
	RegCookie      = 0x50 // R: 0, routers with a MIPS processor have no cookie
	RegVarChar     = 0x54 // RW: next character of the variable buffer
	RegVarCommand  = 0x58 // W: VarSet, VarGet, VarRewind; R: 0 done, 0xffffffff failed
	RegReload      = 0x5c // W: reset the machine and boot again (not in Dynamips)
)

// ID is what RegID reads: the agreement between this device and the ROM.
const ID = 0x1e94b3df

// Values for RegVarCommand.
const (
	VarSet    = 1 // store the buffer, NAME=value
	VarGet    = 2 // replace the name in the buffer by its value
	VarRewind = 3 // go on at the buffer's start
)

// BufferSize is the size of the variable buffer and of the log line buffer in
// bytes, the terminating NUL included.
const BufferSize = 512

const failed = 0xffffffff

// Config is what the device tells the guest and whom it calls. Functions may
// be nil.
type Config struct {
	RAMMiB, ROMMiB, NVRAMKiB, IOMemMiB int

	ConfReg   func() uint16 // configuration register in force
	Entry     func() uint32 // entry point of the image
	MachineID uint32        // ELF machine number of the platform, 0x19 on the 7200
	NVRAMBase uint32        // kseg1 address of NVRAM
	SmartInit uint32        // see RegSmartInit

	Vars     []string             // ROM monitor variables, NAME=value
	SaveVars func(lines []string) // called with all of them after each change

	ConsolePut func(b byte)
	Log        func(module, text string)
	Memory     chip.Memory // for RegLogString

	// OnStop is called when the guest has nothing more to run. The processor
	// goes on until the machine stops it.
	OnStop func()
	// OnReload is called when the guest asks for a reset. When it is nil,
	// OnStop is called instead, as Dynamips does.
	OnReload func()
	// DumpCPU and DumpTLB are called for the registers of those names.
	DumpCPU, DumpTLB func()
}

// State is the device's own state.
type State struct {
	CookieIndex uint32
	Var         [BufferSize]byte // variable buffer, NUL-terminated
	VarPos      int
	VarStatus   uint32
	Line        []byte   // log line under way
	Vars        []string // ROM monitor variables, newest first
}

// Device is the remote-control device; it implements mem.Device.
type Device struct {
	State
	cfg Config
}

// New returns the device. Lines of cfg.Vars that are not of the form
// NAME=value are left out.
func New(cfg Config) *Device {
	d := &Device{cfg: cfg}
	for _, v := range cfg.Vars {
		if strings.IndexByte(v, '=') > 0 {
			d.Vars = append(d.Vars, v)
		}
	}
	return d
}

// Reset puts the device into the state it has at power-on. The ROM monitor
// variables stay.
func (d *Device) Reset() { d.State = State{Vars: d.Vars} }

// Read implements mem.Device.
func (d *Device) Read(off uint64, size int) uint64 {
	c := &d.cfg
	switch off {
	case RegID:
		return ID
	case RegRAM:
		return uint64(uint32(c.RAMMiB))
	case RegROM:
		return uint64(uint32(c.ROMMiB))
	case RegNVRAM:
		return uint64(uint32(c.NVRAMKiB))
	case RegIOMem:
		return uint64(uint32(c.IOMemMiB))
	case RegConfReg:
		if c.ConfReg != nil {
			return uint64(c.ConfReg())
		}
	case RegEntry:
		if c.Entry != nil {
			return uint64(c.Entry())
		}
	case RegMachine:
		return uint64(c.MachineID)
	case RegStop:
		call(c.OnStop)
	case RegNVRAMBase:
		return uint64(c.NVRAMBase)
	case RegSmartInit:
		return uint64(c.SmartInit)
	case RegCookieIndex:
		return uint64(d.CookieIndex)
	case RegVarChar:
		if d.VarPos < BufferSize-1 {
			d.VarPos++
			return uint64(d.Var[d.VarPos-1])
		}
	case RegVarCommand:
		return uint64(d.VarStatus)
	}
	return 0
}

// Write implements mem.Device.
func (d *Device) Write(off uint64, size int, v uint64) {
	c := &d.cfg
	switch off {
	case RegDumpCPU:
		call(c.DumpCPU)
	case RegDumpTLB:
		call(c.DumpTLB)
	case RegStop:
		call(c.OnStop)
	case RegReload:
		if c.OnReload == nil {
			call(c.OnStop)
		}
		call(c.OnReload)
	case RegLogString:
		d.log(d.cString(uint64(uint32(v))))
	case RegLogChar:
		d.logChar(byte(v))
	case RegConsole:
		if c.ConsolePut != nil {
			c.ConsolePut(byte(v))
		}
	case RegCookieIndex:
		d.CookieIndex = uint32(v)
	case RegVarChar:
		if d.VarPos < BufferSize-1 {
			d.Var[d.VarPos] = byte(v)
			d.VarPos++
			d.Var[d.VarPos] = 0
		}
	case RegVarCommand:
		d.varCommand(uint32(v))
	}
}

func call(fn func()) {
	if fn != nil {
		fn()
	}
}

func (d *Device) varCommand(cmd uint32) {
	d.VarStatus = failed
	switch cmd {
	case VarSet:
		if d.set(d.buffer()) {
			d.VarStatus = 0
		}
		d.VarPos = 0
	case VarGet:
		if v, ok := d.Variable(d.buffer()); ok {
			n := copy(d.Var[:BufferSize-1], v)
			d.Var[n] = 0
			d.VarStatus = 0
		}
		d.VarPos = 0
	case VarRewind:
		d.VarPos = 0
		d.VarStatus = 0
	}
}

func (d *Device) buffer() string {
	s, _, _ := strings.Cut(string(d.Var[:]), "\x00")
	return s
}

// Variable returns the value of the ROM monitor variable of that name.
func (d *Device) Variable(name string) (value string, ok bool) {
	for _, l := range d.Vars {
		if n, v, _ := strings.Cut(l, "="); n == name {
			return v, true
		}
	}
	return "", false
}

// set stores NAME=value: in place when the name is there, else first.
func (d *Device) set(line string) bool {
	name, _, ok := strings.Cut(line, "=")
	if !ok || name == "" || strings.ContainsAny(line, "\r\n") {
		return false
	}
	found := false
	for i, l := range d.Vars {
		if n, _, _ := strings.Cut(l, "="); n == name {
			d.Vars[i] = line
			found = true
			break
		}
	}
	if !found {
		d.Vars = append([]string{line}, d.Vars...)
	}
	if d.cfg.SaveVars != nil {
		d.cfg.SaveVars(append([]string(nil), d.Vars...))
	}
	return true
}

func (d *Device) log(text string) {
	if d.cfg.Log != nil {
		d.cfg.Log("ROM", text)
	}
}

func (d *Device) logChar(b byte) {
	if b == '\n' || len(d.Line) == BufferSize-1 {
		d.log(string(d.Line))
		d.Line = d.Line[:0]
	}
	if b != '\n' && b != '\r' {
		d.Line = append(d.Line, b)
	}
}

// cString reads a string of at most BufferSize bytes from guest memory, without
// the newline it may end with.
func (d *Device) cString(pa uint64) string {
	if d.cfg.Memory == nil {
		return ""
	}
	var buf [BufferSize]byte
	for i := range buf {
		d.cfg.Memory.ReadAt(pa+uint64(i), buf[i:i+1])
		if buf[i] == 0 {
			return strings.TrimRight(string(buf[:i]), "\r\n")
		}
	}
	return string(buf[:])
}
