//go:build linux && amd64

package jit

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Supported reports whether there is a translator for this processor.
const Supported = true

// arena is code memory: one memfd seen through two mappings, one to write and
// one to execute, so that no page is ever both (jit reference, 4.6). Pages cost
// nothing until they are touched.
type arena struct {
	rw, rx []byte
	slot   int // in the range of code, -1 when it is elsewhere
}

// newArena makes code memory of size bytes; faults tells that its code may fault,
// for which it must not be larger than a slot.
func newArena(size int, faults bool) (*arena, error) {
	// MFD_EXEC is unknown to kernels before 6.3, which need no such flag.
	fd, err := unix.MemfdCreate("jit", unix.MFD_CLOEXEC|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) {
		fd, err = unix.MemfdCreate("jit", unix.MFD_CLOEXEC)
	}
	if err != nil {
		return nil, fmt.Errorf("code memory: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		return nil, fmt.Errorf("code memory of %d bytes: %w", size, err)
	}
	a := &arena{slot: -1}
	if a.rw, err = unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return nil, fmt.Errorf("code memory, to write: %w", err)
	}
	if faults {
		a.slot = takeSlot()
	}
	if a.slot >= 0 {
		p := slotMemory(a.slot)
		_, err = unix.MmapPtr(fd, 0, p, uintptr(size), unix.PROT_READ|unix.PROT_EXEC, unix.MAP_SHARED|unix.MAP_FIXED)
		a.rx = unsafe.Slice((*byte)(p), size)
	} else {
		a.rx, err = unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_SHARED)
	}
	if err != nil {
		_ = unix.Munmap(a.rw)
		if a.slot >= 0 {
			giveSlot(a.slot, size)
		}
		return nil, fmt.Errorf("code memory, to execute: %w", err)
	}
	return a, nil
}

// base is the address at which the code executes.
func (a *arena) base() uintptr { return uintptr(unsafe.Pointer(&a.rx[0])) }

func (a *arena) free() {
	_ = unix.Munmap(a.rw)
	if a.slot >= 0 {
		giveSlot(a.slot, len(a.rx))
		return
	}
	_ = unix.Munmap(a.rx)
}

// lowMemory maps size bytes of zeros in the first 2 GiB, where generated code
// reaches them with absolute 32-bit addresses.
func lowMemory(size int) ([]byte, error) {
	b, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE|unix.MAP_32BIT)
	if err != nil {
		return nil, fmt.Errorf("tables below 2 GiB: %w", err)
	}
	if uint64(uintptr(unsafe.Pointer(&b[0])))+uint64(size) > 1<<31 {
		_ = unix.Munmap(b)
		return nil, errors.New("tables below 2 GiB: the kernel placed them elsewhere")
	}
	return b, nil
}

func freeLow(b []byte) { _ = unix.Munmap(b) }
