// Package cpu compares the CPU with an independent oracle, qemu's MIPS: random
// instruction streams and compiled programs run on both in user mode, and
// everything that they write must be the same.
package cpu

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"dynemu/jit"
	"dynemu/vm/event"
	"dynemu/vm/mem"
	"dynemu/vm/mips"
)

// A program is what both sides run: segments of a 64-bit user process.
type program struct {
	entry    uint32
	segments []segment
}

type segment struct {
	va   uint32 // 16 MiB aligned regions; see window
	data []byte
}

// Where a program's parts live. Each window is one 16 MiB page of the guest.
const (
	codeVA    = 0x10000000
	inputVA   = 0x14000000
	scratchVA = 0x20000000
	stateVA   = 0x30000000
)

var windows = []struct{ va, pa uint32 }{
	{codeVA, 0x01000000},
	{inputVA, 0x02000000},
	{scratchVA, 0x03000000},
	{stateVA, 0x04000000},
}

const ramSize = 0x05000000

// Numbers of the n64 system calls that programs use.
const (
	sysWrite = 5001
	sysExit  = 5058
)

// kernel is the device through which the exception handler of the harness
// carries out system calls.
type kernel struct {
	ram    []byte
	cpu    *mips.CPU
	out    bytes.Buffer
	regs   [8]uint32
	exited bool
	err    error
}

func (k *kernel) Read(uint64, int) uint64 { return 0 }

func (k *kernel) Write(off uint64, _ int, v uint64) {
	k.regs[off/4&7] = uint32(v)
	if off != 0 {
		return
	}
	number, buf, n, cause, epc := k.regs[0], k.regs[1], k.regs[2], k.regs[3], k.regs[4]
	switch {
	case cause>>2&31 != 8:
		k.err = fmt.Errorf("exception %d at %#x", cause>>2&31, epc)
		k.cpu.Stop()
	case number == sysWrite:
		for _, w := range windows {
			if buf-w.va < 1<<24 && buf-w.va+n <= 1<<24 {
				pa := buf - w.va + w.pa
				k.out.Write(k.ram[pa : pa+n])
				return
			}
		}
		k.err = fmt.Errorf("write of %d bytes at %#x, outside the program", n, buf)
		k.cpu.Stop()
	case number == sysExit:
		k.exited = true
		k.cpu.Stop()
	default:
		k.err = fmt.Errorf("system call %d at %#x", number, epc)
		k.cpu.Stop()
	}
}

// engines are what executes guest code: the interpreter, and the translator where
// there is one.
var engines = func() []string {
	if runtime.GOOS == "linux" && runtime.GOARCH == "amd64" {
		return []string{"interpreter", "translator"}
	}
	return []string{"interpreter"}
}()

// runHere runs p on dynemu's CPU, with the engine of the given name, and returns
// what it wrote and how many instructions that took.
func runHere(p program, engine string) ([]byte, uint64, error) {
	ram := make([]byte, ramSize)
	rom := make([]byte, mem.PageSize)
	put := func(to []byte, words ...uint32) {
		for i, w := range words {
			binary.BigEndian.PutUint32(to[4*i:], w)
		}
	}

	// The general exception handler: hand number, buffer, length, cause and
	// EPC to the device, then return behind the system call.
	const k0, k1 = 26, 27
	h := []uint32{
		lui(k0, 0xb600),
		mfc0(k1, 13), sw(k1, 12, k0),
		mfc0(k1, 14), sw(k1, 16, k0),
		sw(a1, 4, k0), sw(a2, 8, k0), sw(v0, 0, k0),
		dmfc0(k0, 14), daddiu(k0, k0, 4), dmtc0(k0, 14),
	}
	h = append(h, li(k0, scratchVA+0x8000)...)
	h = append(h, li(k1, stateVA)...)
	h = append(h, eret)
	put(ram[0x180:], h...)

	// Reset: map the windows and go to user mode.
	const r = 8
	var boot []uint32
	set := func(reg uint32, v uint32) {
		boot = append(boot, li(r, v)...)
		boot = append(boot, mtc0(r, reg))
	}
	for i, w := range windows {
		set(5, 0x01ffe000)       // PageMask: 16 MiB
		set(10, w.va)            // EntryHi
		set(2, w.pa>>6|3<<3|0x7) // EntryLo0: cached, dirty, valid, global
		set(3, 3<<3|0x1)         // EntryLo1: invalid, global
		set(0, uint32(i))        // Index
		boot = append(boot, tlbwi)
	}
	set(14, p.entry)                    // EPC
	set(12, 1<<29|1<<26|1<<5|1<<4|1<<1) // Status: CU1 FR UX user EXL
	boot = append(boot, eret)
	put(rom, boot...)

	for _, s := range p.segments {
		for _, w := range windows {
			if s.va-w.va < 1<<24 {
				copy(ram[w.pa+s.va-w.va:], s.data)
			}
		}
	}

	k := &kernel{ram: ram}
	m := &mem.Map{}
	for _, reg := range []*mem.Region{
		{Name: "ram", Len: ramSize, RAM: ram, Cacheable: true},
		{Name: "rom", Base: 0x1fc00000, Len: mem.PageSize, RAM: rom, ReadOnly: true, Cacheable: true},
		{Name: "kernel", Base: 0x16000000, Len: mem.PageSize, Dev: k},
	} {
		if err := m.Add(reg); err != nil {
			return nil, 0, err
		}
	}
	var attention atomic.Uint32
	k.cpu = mips.New(mips.Config{
		Model: mips.RM7000, Map: m, Clock: event.New(&attention), Attention: &attention,
		CountHz: 100_000_000,
	})
	k.cpu.Reset()
	if engine == "translator" {
		e, err := jit.New(k.cpu, jit.Options{})
		if err != nil {
			return nil, 0, err
		}
		defer e.Close()
	}
	for k.err == nil && !k.exited {
		if k.cpu.Instructions() > 4e9 {
			return nil, 0, fmt.Errorf("the program does not end")
		}
		k.cpu.Run(1 << 20)
	}
	return k.out.Bytes(), k.cpu.Instructions(), k.err
}

// elf64 packs p as a static big-endian n64 executable.
func elf64(p program) []byte {
	var b bytes.Buffer
	w := func(v any) { _ = binary.Write(&b, binary.BigEndian, v) }
	b.WriteString("\x7fELF\x02\x02\x01")
	b.Write(make([]byte, 9))
	w(uint16(2))          // ET_EXEC
	w(uint16(8))          // EM_MIPS
	w(uint32(1))          // version
	w(uint64(p.entry))    // entry
	w(uint64(64))         // program headers
	w(uint64(0))          // section headers
	w(uint32(0x60000000)) // MIPS64
	for _, v := range []uint16{64, 56, uint16(len(p.segments)), 64, 0, 0} {
		w(v)
	}
	off := uint64(0x1000)
	for _, s := range p.segments {
		n := uint64(len(s.data))
		w(uint32(1)) // PT_LOAD
		w(uint32(7)) // rwx
		w(off)
		w(uint64(s.va))
		w(uint64(s.va))
		w(n)
		w(n)
		w(uint64(0x1000))
		off += (n + 0xfff) &^ 0xfff
	}
	b.Write(make([]byte, 0x1000-b.Len()))
	for _, s := range p.segments {
		b.Write(s.data)
		b.Write(make([]byte, (0x1000-b.Len()%0x1000)%0x1000))
	}
	return b.Bytes()
}

// runQemu runs the executable at path under qemu's user-mode MIPS64.
func runQemu(path string) ([]byte, error) {
	cmd := exec.Command("qemu-mips64", "-cpu", "5Kf", path)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("qemu-mips64: %w: %s", err, stderr.String())
	}
	return out, nil
}

func needQemu(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("qemu-mips64"); err != nil {
		t.Skip("SKIP: qemu-mips64 (Debian package qemu-user) is not installed: the CPU is not compared with it")
	}
}
