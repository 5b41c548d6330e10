package vm

import (
	"io"
	"os"
)

// Config describes one router. It is plain data: it crosses from the daemon to
// the node as JSON.
type Config struct {
	Name     string `json:"name"`
	Instance int    `json:"instance"` // instance number, the ID of Dynamips
	Platform string `json:"platform"` // c7200
	NPE      string `json:"npe,omitempty"`
	Midplane string `json:"midplane,omitempty"` // std, vxr
	RAM      int    `json:"ram"`                // MiB
	NVRAM    int    `json:"nvram"`              // KiB
	// Disk0 and Disk1 are the sizes of the PCMCIA disks in MiB, 0 for none.
	Disk0   int    `json:"disk0,omitempty"`
	Disk1   int    `json:"disk1,omitempty"`
	ConfReg uint16 `json:"confreg"`
	MAC     string `json:"mac,omitempty"` // base MAC, aa:bb:cc:dd:ee:ff; empty: chosen from Instance and Name
	// SystemID is the serial number of processor board and chassis, in decimal, for
	// the engines that have it (c7200 reference, 8.11); empty: that of every router.
	SystemID string `json:"system_id,omitempty"`
	// Slots names the card in each slot; empty strings are empty slots.
	Slots []string `json:"slots,omitempty"`
	// IdlePC is the address of the guest's idle loop, 0 when unknown. 32-bit
	// values are sign-extended.
	IdlePC uint64 `json:"idlepc,omitempty"`
	// NoIdle makes a guest that has nothing to do run on at full speed. Otherwise,
	// with IdlePC 0, its idle loop is found while it runs.
	NoIdle bool `json:"no_idle,omitempty"`
	// IdleMax is how often IdlePC must be passed, see Idleness.Max.
	IdleMax int `json:"idlemax,omitempty"`
	// Quirks are the leniencies of Dynamips to apply (cpu reference, section 0).
	Quirks []string `json:"quirks,omitempty"`
	// InstructionTime makes guest time follow executed instructions, so that a
	// run is repeatable.
	InstructionTime bool `json:"instruction_time,omitempty"`
	// NoJIT makes the interpreter run the guest, as it does on processors that the
	// translator does not know.
	NoJIT bool `json:"no_jit,omitempty"`
	// CheckJIT makes the interpreter repeat everything that the translator does and
	// stops the router, with both states in its log, when they differ. It is
	// slow; it is for finding faults of the translator.
	CheckJIT bool `json:"check_jit,omitempty"`
	// PerfMap makes the translator note in Host.PerfMap the guest addresses of
	// generated code.
	PerfMap bool `json:"perf_map,omitempty"`
}

// Host is what the surrounding process hands to a machine.
type Host struct {
	// Image is the router image, an ELF file. It must stay valid.
	Image []byte
	// NVRAM is the content to start with; short or nil means zeros behind it.
	NVRAM []byte
	// SaveNVRAM stores the whole NVRAM so that a crash at any instant leaves
	// the old content or the new. It is called on a goroutine of its own, one
	// call at a time, once the guest has paused writing, and at Stop.
	SaveNVRAM func(content []byte) error
	// ROMMONVars are NAME=value lines; SaveROMMONVars stores them.
	ROMMONVars     []string
	SaveROMMONVars func(lines []string) error
	// Bootflash, Disk0 and Disk1 are the files behind the flash and the PCMCIA
	// disks, read and written in place, which must stay open while the machine
	// lives. An empty file becomes a flash that was never erased, or a disk with
	// an empty FAT16 file system. Without one the part is missing, as it is when
	// Config gives a disk no size.
	Bootflash, Disk0, Disk1 *os.File
	// PerfMap is where perf finds the guest addresses of generated code, usually
	// /tmp/perf-PID.map; needed only when Config asks for it.
	PerfMap *os.File
	// Console and AUX are the two lines of the DUART.
	Console, AUX Line
	// Restarted is called when the guest restarts the router, by itself or after a
	// crash, before anything of the next start is printed. It must not block. May
	// be nil.
	Restarted func()
	// Log receives the router's log, one line a call; module as Dynamips has it.
	Log func(module, text string)
}

// Line is a serial line towards a user; *console.Console implements it.
type Line interface {
	io.ByteWriter
	// Get takes the next byte typed, if there is one.
	Get() (b byte, ok bool)
	// Waiting reports whether Get would find a byte.
	Waiting() bool
	// Notify has fn called, on any goroutine, when a byte arrives.
	Notify(fn func())
}
