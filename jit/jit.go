// Package jit translates the guest's MIPS code to x86-64 machine code and runs it,
// in place of the interpreter of package mips and with the same results.
//
// On other processors, and where the kernel refuses memory for code, New fails
// and the interpreter stays.
package jit

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
	// PerfMap makes the engine append what it translates to
	// /tmp/perf-PID.map, where perf looks for names of generated code.
	PerfMap bool

	// Check, when not nil, makes the interpreter repeat everything that generated
	// code does, and is called with a report when the results differ. It is slow.
	Check func(report string)

	eager bool // translate wherever a run starts, for tests
}

// Stats counts what an engine did.
type Stats struct {
	Blocks  uint64    `json:"blocks"` // regions translated
	Dropped uint64    `json:"dropped"`
	Flushes uint64    `json:"flushes"` // times that everything was dropped
	Bytes   int       `json:"code_bytes"`
	Exits   [9]uint64 `json:"exits"` // budget, interpreter, memory, link, indirect, Cause, TLB, word, part
	Stepped uint64    `json:"interpreted"`
}
