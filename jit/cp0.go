//go:build linux && amd64

package jit

import (
	"unsafe"

	"dynemu/vm/mips"
)

// System registers that generated code reads and writes itself: those that are
// plain storage, in kernel mode. The others have effects or are computed.

type cp0Reg struct {
	off   uintptr // in mips.State
	bits  uint8   // 32 or 64
	write uint32  // bits that MTC0 stores; 0 when the interpreter must do it
}

var cp0Regs = [32]cp0Reg{
	0:  {unsafe.Offsetof(mips.State{}.CP0) + unsafe.Offsetof(mips.CP0{}.Index), 32, 1<<31 | mips.MaxTLB - 1},
	2:  {unsafe.Offsetof(mips.State{}.CP0) + unsafe.Offsetof(mips.CP0{}.EntryLo0), 64, 0x7fffffff},
	3:  {unsafe.Offsetof(mips.State{}.CP0) + unsafe.Offsetof(mips.CP0{}.EntryLo1), 64, 0x7fffffff},
	4:  {unsafe.Offsetof(mips.State{}.CP0) + unsafe.Offsetof(mips.CP0{}.Context), 64, 0},
	5:  {unsafe.Offsetof(mips.State{}.CP0) + unsafe.Offsetof(mips.CP0{}.PageMask), 32, 0x01ffe000},
	6:  {unsafe.Offsetof(mips.State{}.CP0) + unsafe.Offsetof(mips.CP0{}.Wired), 32, 0},
	8:  {unsafe.Offsetof(mips.State{}.CP0) + unsafe.Offsetof(mips.CP0{}.BadVAddr), 64, 0},
	10: {unsafe.Offsetof(mips.State{}.CP0) + unsafe.Offsetof(mips.CP0{}.EntryHi), 64, 0xffffffff},
	11: {unsafe.Offsetof(mips.State{}.CP0) + unsafe.Offsetof(mips.CP0{}.Compare), 32, 0},
	12: {unsafe.Offsetof(mips.State{}.CP0) + unsafe.Offsetof(mips.CP0{}.Status), 32, 0xffffffff},
	13: {unsafe.Offsetof(mips.State{}.CP0) + unsafe.Offsetof(mips.CP0{}.Cause), 32, 0},
	14: {unsafe.Offsetof(mips.State{}.CP0) + unsafe.Offsetof(mips.CP0{}.EPC), 64, 0xffffffff},
	30: {unsafe.Offsetof(mips.State{}.CP0) + unsafe.Offsetof(mips.CP0{}.ErrorEPC), 64, 0xffffffff},
}

func plainRead(r uint8) bool  { return cp0Regs[r].bits != 0 }
func plainWrite(r uint8) bool { return cp0Regs[r].write != 0 }

// entryHiBits are the bits of EntryHi that store something.
const entryHiBits = 0xc00000ffffffe0ff
