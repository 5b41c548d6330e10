package vm

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// alloc returns zeroed guest memory outside the Go heap: pages cost nothing
// until the guest touches them. It is mapped shared, so that the translator can map
// it once more.
func (m *Machine) alloc(bytes int) ([]byte, error) {
	b, err := unix.Mmap(-1, 0, bytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("%d bytes of guest memory: %w", bytes, err)
	}
	m.ram = append(m.ram, b)
	return b, nil
}

// touched returns how many bytes of guest memory are in use. It must run on the
// machine's loop, while the memory is there.
func (m *Machine) touched() (bytes uint64) {
	size := os.Getpagesize()
	for _, b := range m.ram {
		pages := make([]byte, (len(b)+size-1)/size)
		if _, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), uintptr(unsafe.Pointer(&pages[0]))); errno != 0 {
			continue
		}
		for _, p := range pages {
			bytes += uint64(p&1) * uint64(size)
		}
	}
	return bytes
}

// free gives the guest's memory back, once nothing uses it any more.
func (m *Machine) free() {
	for _, b := range m.ram {
		_ = unix.Munmap(b)
	}
	m.ram = nil
}
