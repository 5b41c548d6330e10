// Package pci models conventional PCI as the routers' system controllers use
// it: buses, functions in them, bridges between them, and the configuration
// port through which a guest reaches them. It knows nothing of particular
// boards.
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

// Bus is one PCI bus. The zero value is an empty bus. A bus has no number of
// its own: a root bus is always 0, any other has the secondary number that the
// guest wrote to the bridge in front of it.
type Bus struct {
	functions map[int]Function // key: device<<3 | function
	bridges   []*Bridge        // in order of Add
	hidden    *Bus             // bus behind the hidden bridge
	// hiddenNumber is the number that the hidden bus is bound to, 0 while
	// unbound.
	hiddenNumber int
}

// Add puts a function at a device number (0..31) and function number (0..7).
// It fails when the place is taken. A *Bridge becomes a way to the bus behind
// it.
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
	if br, ok := f.(*Bridge); ok {
		b.bridges = append(b.bridges, br)
	}
	return nil
}

// Remove takes a function away; an empty place is no error.
func (b *Bus) Remove(device, function int) {
	key := device<<3 | function
	if br, ok := b.functions[key].(*Bridge); ok {
		for i, x := range b.bridges {
			if x == br {
				b.bridges = append(b.bridges[:i:i], b.bridges[i+1:]...)
				break
			}
		}
	}
	delete(b.functions, key)
}

// SetHidden puts behind at the other side of a bridge on b that is not a PCI
// function itself (c7200 reference, 5.4). The first lookup that arrives on b
// for another bus number binds behind to that number until Reset.
func (b *Bus) SetHidden(behind *Bus) { b.hidden = behind }

// Reset puts every bridge on b and on the buses behind it back to its state
// after power-on, and unbinds hidden buses.
func (b *Bus) Reset() {
	b.hiddenNumber = 0
	for _, br := range b.bridges {
		br.State = BridgeState{}
		if br.Behind != nil {
			br.Behind.Reset()
		}
	}
	if b.hidden != nil {
		b.hidden.Reset()
	}
}

// lookup returns the bus numbered want at or below b, whose own number is own,
// or nil. Of several bridges whose interval holds the number the one added
// last is followed (c7200 reference, 5.3).
func (b *Bus) lookup(own, want int) *Bus {
	if own == want {
		return b
	}
	for i := len(b.bridges) - 1; i >= 0; i-- {
		br := b.bridges[i]
		if br.leadsTo(want) {
			if br.Behind == nil {
				return nil
			}
			return br.Behind.lookup(br.secondary(), want)
		}
	}
	if b.hidden != nil {
		if b.hiddenNumber == 0 {
			b.hiddenNumber = want
		}
		return b.hidden.lookup(b.hiddenNumber, want)
	}
	return nil
}

// Port is a configuration address and data register pair, mechanism 1, in
// front of a root bus. Several controllers may share one Port: the address
// latch belongs to the bus (c7200 reference, 5.1).
type Port struct {
	Root *Bus
	// State is the address latch: bits 23:16 bus, 15:11 device, 10:8
	// function, 7:0 register. The enable bit 31 is stored and not checked.
	State struct{ Address uint32 }
}

func (p *Port) function() Function {
	a := p.State.Address
	bus := p.Root.lookup(0, int(a>>16&0xFF))
	if bus == nil {
		return nil
	}
	return bus.functions[int(a>>8&0xFF)] // device<<3 | function
}

// Address returns the address latch.
func (p *Port) Address() uint32 { return p.State.Address }

// SetAddress writes the address latch.
func (p *Port) SetAddress(v uint32) { p.State.Address = v }

// ReadData reads the register that the latch names. An absent function reads
// all ones in register 0 and zero elsewhere (c7200 reference, 5.2).
func (p *Port) ReadData() uint32 {
	f, reg := p.function(), uint8(p.State.Address)
	switch {
	case f == nil && reg == 0:
		return 0xFFFFFFFF
	case f == nil:
		return 0
	case reg == 0:
		return f.ID()
	}
	return f.ConfigRead(reg)
}

// WriteData writes the register that the latch names. Writes to an absent
// function and to register 0 are ignored.
func (p *Port) WriteData(v uint32) {
	if f, reg := p.function(), uint8(p.State.Address); f != nil && reg != 0 {
		f.ConfigWrite(reg, v)
	}
}

// Reset clears the latch and resets the tree behind the port.
func (p *Port) Reset() {
	p.State.Address = 0
	p.Root.Reset()
}

// IDOnly is a function that answers its ID and nothing else: every other
// register reads 0 and ignores writes. Its value is device ID << 16 | vendor ID.
type IDOnly uint32

// ID implements Function.
func (f IDOnly) ID() uint32 { return uint32(f) }

// ConfigRead implements Function.
func (f IDOnly) ConfigRead(uint8) uint32 { return 0 }

// ConfigWrite implements Function.
func (f IDOnly) ConfigWrite(uint8, uint32) {}
