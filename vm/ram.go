package vm

import (
	"fmt"

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

// free gives the guest's memory back, once nothing uses it any more.
func (m *Machine) free() {
	for _, b := range m.ram {
		_ = unix.Munmap(b)
	}
	m.ram = nil
}
