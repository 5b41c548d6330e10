//go:build linux && amd64

package jit

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Faults in generated code.
//
// The code of all engines lies in one range of addresses, cut into slots. A
// SIGSEGV with the program counter there makes the processor go on at the start of
// its slot, where a stub saves all registers and leaves; the handler puts the
// address of the fault into rWindow, whose value the engine knows. All other
// faults go to the handler that the Go runtime installed (jit reference, 4.4).

const (
	slotShift = 26 // 64 MiB, the largest arena that can have faults
	slots     = 1024
)

// What the handler reads.
var (
	codeBase   uintptr
	codeSize   uintptr = slots << slotShift
	goHandler  uintptr //lint:ignore U1000 used in assembly
	codeOnce   sync.Once
	codeErr    error
	codeMu     sync.Mutex
	codeInUse  [slots]bool
	codeMemory []byte
)

// sigsegv is the handler, in assembly.
//
//lint:ignore U1000 sigsegvAddress returns its address
func sigsegv()

// sigsegvAddress returns the address of sigsegv.
func sigsegvAddress() uintptr

// sigaction is the kernel's struct for rt_sigaction(2).
type sigaction struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

// catchFaults reserves the range of code and installs the handler, once.
func catchFaults() error {
	codeOnce.Do(func() {
		b, err := unix.Mmap(-1, 0, int(codeSize)+1<<slotShift, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
		if err != nil {
			codeErr = fmt.Errorf("addresses for code: %w", err)
			return
		}
		codeMemory = b
		p := uintptr(unsafe.Pointer(&b[0]))
		codeBase = (p + 1<<slotShift - 1) &^ (1<<slotShift - 1)
		// The runtime's own action, with another function.
		var act sigaction
		if _, _, e := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGSEGV), 0, uintptr(unsafe.Pointer(&act)), 8, 0, 0); e != 0 {
			codeErr = fmt.Errorf("handler of SIGSEGV: %w", e)
			return
		}
		if act.handler <= 1 {
			codeErr = errors.New("handler of SIGSEGV: the Go runtime has none")
			return
		}
		goHandler = act.handler
		act.handler = sigsegvAddress()
		if _, _, e := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGSEGV), uintptr(unsafe.Pointer(&act)), 0, 8, 0, 0); e != 0 {
			codeErr = fmt.Errorf("handler of SIGSEGV: %w", e)
		}
	})
	return codeErr
}

// takeSlot returns a free slot of the range of code; -1 when there is none.
func takeSlot() int {
	codeMu.Lock()
	defer codeMu.Unlock()
	for i, used := range codeInUse {
		if !used {
			codeInUse[i] = true
			return i
		}
	}
	return -1
}

func slotMemory(i int) unsafe.Pointer {
	off := codeBase - uintptr(unsafe.Pointer(&codeMemory[0])) + uintptr(i)<<slotShift
	return unsafe.Pointer(&codeMemory[off])
}

// giveSlot returns slot i, of which size bytes are mapped.
func giveSlot(i, size int) {
	if _, err := unix.MmapPtr(-1, 0, slotMemory(i), uintptr(size), unix.PROT_NONE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE|unix.MAP_FIXED); err != nil {
		return // it stays in use
	}
	codeMu.Lock()
	defer codeMu.Unlock()
	codeInUse[i] = false
}
