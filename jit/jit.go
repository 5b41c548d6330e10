// Package jit translates the guest's MIPS code to x86-64 machine code and runs it,
// in place of the interpreter of package mips and with the same results.
//
// On other processors, and where the kernel refuses memory for code, New fails
// and the interpreter stays.
package jit

import (
	"io"
	"time"
)

// Options for an engine. The zero value is the default.
type Options struct {
	// CodeBytes is the size of the code memory; 0 means 64 MiB, of which only
	// what is used takes memory.
	CodeBytes int
	// Exact makes a run end where the interpreter would end it: after exactly as
	// many instructions as were asked for. Otherwise it ends with the last block
	// that fits, which is faster. A guest whose time follows its instructions
	// needs it to be the same on both.
	Exact bool
	// PerfMap, when not nil, takes a line for every region translated: address and
	// size of the code in hexadecimal, and a name that holds the guest's address.
	// This is what perf looks for in /tmp/perf-PID.map.
	PerfMap io.Writer

	// Check, when not nil, makes the interpreter repeat everything that generated
	// code does, and is called with a report when the results differ. It is slow.
	Check func(report string)

	// SharedRAM tells that the guest's memory is mapped shared (MAP_SHARED), so that
	// it can be mapped once more for faster access.
	SharedRAM bool

	eager bool // translate wherever a run starts, for tests
}

// Stats counts what an engine did.
type Stats struct {
	Blocks  uint64     `json:"blocks"` // regions translated
	Dropped uint64     `json:"dropped"`
	Flushes uint64     `json:"flushes"` // times that everything was dropped
	Bytes   int        `json:"code_bytes"`
	Exits   [10]uint64 `json:"exits"`       // index: ExitNames
	Stepped uint64     `json:"interpreted"` // instructions
	// Total is the time that the engine ran, Interpreter the part of it that the
	// interpreter did. Both are estimated from samples.
	Total       time.Duration `json:"total_ns"`
	Interpreter time.Duration `json:"interpreter_ns"`
}

// ExitNames say why generated code returned to the engine: the end of a run; an
// instruction for the interpreter; an access to a device, to memory that is watched
// or holds code, or to a page not used before; a direct jump taken for the first
// time; a jump through a register to where it was not lately; a read of Cause; a
// write of a TLB entry; an FPU operation or linked access; a part of an unaligned
// access; an access that turned out not to be simply memory.
var ExitNames = [10]string{"budget", "interpreter", "memory", "link", "indirect", "cause", "tlb", "word", "part", "fault"}
