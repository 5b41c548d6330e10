// Package pci models conventional PCI as the routers' system controllers use
// it: buses, functions in them, and bridges between them. It knows nothing of
// particular chips or boards.
//
// Source: c7200 reference section 5, adapters-7200 reference section 3.
package pci

import "fmt"

// Function is one function of a device, as configuration accesses see it. reg
// is the register number as the configuration address gave it (bits 7:0,
// including 1:0). Register 0 is answered from ID and never passed on.
type Function interface {
	// ID returns device ID << 16 | vendor ID.
	ID() uint32
	ConfigRead(reg uint8) uint32
	ConfigWrite(reg uint8, v uint32)
}

// Bus is one PCI bus. The zero value is an empty bus.
type Bus struct {
	functions map[int]Function // key: device<<3 | function
}

// Add puts a function at a device number (0..31) and function number (0..7).
// It fails when the place is taken.
func (b *Bus) Add(device, function int, f Function) error {
	key := device<<3 | function
	if device < 0 || device > 31 || function < 0 || function > 7 {
		return fmt.Errorf("no PCI device %d function %d: devices are 0..31, functions 0..7", device, function)
	}
	if _, taken := b.functions[key]; taken {
		return fmt.Errorf("PCI device %d function %d is already taken", device, function)
	}
	if b.functions == nil {
		b.functions = map[int]Function{}
	}
	b.functions[key] = f
	return nil
}

// Remove takes a function away; an empty place is no error.
func (b *Bus) Remove(device, function int) { delete(b.functions, device<<3|function) }
