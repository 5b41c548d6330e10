package mem

// Bus is the memory of a Map as the cards' bus masters reach it: RAM and ROM,
// also through a View. No other device answers them; it reads 0 and takes no
// writes. Otherwise a guest could have two cards feed each other's registers,
// one access of the first being a ring full of work for the second, and hold
// the machine up for minutes.
type Bus struct {
	*Map
	read, write func(r *Region, pa uint64, p []byte) int // of a device
}

// View is a Device that shows other memory: a byte-swapped window.
type View interface {
	Device
	// ReadThrough fills p with what is shown from offset off on, read from b.
	ReadThrough(b *Bus, off uint64, p []byte)
	// WriteThrough stores p from offset off on in what is shown, through b.
	WriteThrough(b *Bus, off uint64, p []byte)
}

// Bus returns the memory of m as bus masters reach it.
func (m *Map) Bus() *Bus {
	b := &Bus{Map: m}
	b.read = func(r *Region, pa uint64, p []byte) int {
		p = r.from(pa, p)
		if v, ok := r.Dev.(View); ok {
			v.ReadThrough(b, pa-r.Base, p)
		} else {
			clear(p)
		}
		return len(p)
	}
	b.write = func(r *Region, pa uint64, p []byte) int {
		p = r.from(pa, p)
		if v, ok := r.Dev.(View); ok {
			v.WriteThrough(b, pa-r.Base, p)
		}
		return len(p)
	}
	return b
}

// from returns the part of p, which starts at pa, that lies in r.
func (r *Region) from(pa uint64, p []byte) []byte {
	return p[:min(uint64(len(p)), r.Len-(pa-r.Base))]
}

// ReadAt fills p from physical address pa.
func (b *Bus) ReadAt(pa uint64, p []byte) { b.Map.read(pa, p, b.read) }

// WriteAt stores p at physical address pa.
func (b *Bus) WriteAt(pa uint64, p []byte) { b.Map.write(pa, p, b.write) }

// Read32 reads a big-endian word; see Map.Read32.
func (b *Bus) Read32(pa uint64) uint32 { return b.Map.read32(pa, b.read) }

// Write32 stores a big-endian word; see Map.Write32.
func (b *Bus) Write32(pa uint64, v uint32) { b.Map.write32(pa, v, b.write) }
