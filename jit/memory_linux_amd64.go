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

// arena is code memory: one piece of shared memory seen through two mappings, one to
// write and one to execute, so that no page is ever both (jit reference, 4.6). Pages
// cost nothing until they are touched. It is anonymous: what perf looks up in its map
// of names (tools/perf/util/map.c, is_anon_memory), and what vm.memfd_noexec does not
// refuse.
type arena struct {
	rw, rx []byte
	slot   int // in the range of code, -1 when it is elsewhere
}

// newArena makes code memory of size bytes; faults tells that its code may fault,
// for which it must not be larger than a slot.
func newArena(size int, faults bool) (*arena, error) {
	a := &arena{slot: -1}
	if faults {
		a.slot = takeSlot()
	}
	var at unsafe.Pointer
	flags := unix.MAP_SHARED | unix.MAP_ANONYMOUS | unix.MAP_NORESERVE
	if a.slot >= 0 {
		at = slotMemory(a.slot)
		flags |= unix.MAP_FIXED
	}
	rx, err := unix.MmapPtr(-1, 0, at, uintptr(size), unix.PROT_READ|unix.PROT_EXEC, flags)
	if err != nil {
		if a.slot >= 0 {
			giveSlot(a.slot, size)
		}
		return nil, fmt.Errorf("code memory of %d bytes: %w", size, err)
	}
	a.rx = unsafe.Slice((*byte)(rx), size)
	// An old size of 0 has the same memory mapped once more (mremap(2)). That which
	// may not become executable may become writable instead.
	rw, err := unix.MremapPtr(rx, 0, nil, uintptr(size), unix.MREMAP_MAYMOVE)
	if err == nil {
		a.rw = unsafe.Slice((*byte)(rw), size)
		err = unix.Mprotect(a.rw, unix.PROT_READ|unix.PROT_WRITE)
	}
	if err != nil {
		a.free()
		return nil, fmt.Errorf("code memory, to write: %w", err)
	}
	return a, nil
}

// base is the address at which the code executes.
func (a *arena) base() uintptr { return uintptr(unsafe.Pointer(&a.rx[0])) }

func (a *arena) free() {
	if a.rw != nil {
		_ = unix.MunmapPtr(unsafe.Pointer(&a.rw[0]), uintptr(len(a.rw)))
	}
	if a.slot >= 0 {
		giveSlot(a.slot, len(a.rx))
		return
	}
	_ = unix.MunmapPtr(unsafe.Pointer(&a.rx[0]), uintptr(len(a.rx)))
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
