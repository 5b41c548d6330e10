// Package mem is the physical address space of an emulated machine: RAM and
// device regions, the accesses of bus masters (DMA), and the record of which
// RAM pages hold decoded guest code.
//
// Guest memory is kept in guest byte order (big-endian). Package mem knows
// nothing of CPUs, chips or boards.
package mem

import (
	"encoding/binary"
	"fmt"
	"sort"
	"sync/atomic"
	"unsafe"
)

// PageShift and PageSize describe the granule in which regions are looked up
// and code is tracked: 4 KiB.
const (
	PageShift = 12
	PageSize  = 1 << PageShift
)

// Device is a region that has behaviour. off is the exact byte offset from the
// region's base, size is 1, 2, 4 or 8. A value narrower than 64 bits is in the
// low bits of v; a read's upper bits are ignored. Values are guest integers:
// no byte order is involved. A register that a chip does not have reads 0 and
// ignores writes; nothing fails (c7200 reference, 3.1 and 3.3).
type Device interface {
	Read(off uint64, size int) uint64
	Write(off uint64, size int, v uint64)
}

// Steady is a Device some registers of which can be read as often as one likes: a
// read has no effect, and gives the same until the guest writes to a device or an
// event of the machine happens. A guest that polls such a register is idle.
type Steady interface {
	Device
	// Steady tells whether that is so for reads of size bytes at off.
	Steady(off uint64, size int) bool
}

// Region is one range of the physical map. Either RAM or Dev is set.
type Region struct {
	Name string
	Base uint64 // physical address, a multiple of PageSize unless Dev is set
	Len  uint64 // bytes

	// RAM is the host memory behind the region, Len bytes, in guest order.
	RAM []byte
	// ReadOnly makes writes to RAM disappear (a ROM).
	ReadOnly bool
	// Dev handles accesses when RAM is nil.
	Dev Device
	// Cacheable regions answer through cached mappings as well; others only
	// answer uncached accesses (cpu reference, 2.2).
	Cacheable bool

	marks []uint32 // a word of marks per RAM page; atomic
}

// Marks of a RAM page.
const (
	markCode  = 1 << 0 // holds decoded code
	markWatch = 1 << 1 // somebody waits for writes
)

// Contains reports whether physical address pa lies in r.
func (r *Region) Contains(pa uint64) bool { return pa-r.Base < r.Len }

// Map is the physical address space. Regions may overlap: devices win over
// RAM, and among devices (or RAM) the lowest base wins.
//
// A Map is used by the machine's goroutine only.
type Map struct {
	regions []*Region // devices first, then RAM; each sorted by base
	onRemap []func()
	onCode  []func(pa uint64)
	onWatch []func(pa uint64)
	watches map[uintptr][]*watch // by host address of the page
	pages   [pageSlots]page
}

// Add puts r into the map. It fails when r has no length, has both or neither
// of RAM and Dev, or when its RAM is not Len bytes.
func (m *Map) Add(r *Region) error {
	switch {
	case r.Len == 0:
		return fmt.Errorf("region %s at %#x has no length", r.Name, r.Base)
	case (r.RAM == nil) == (r.Dev == nil):
		return fmt.Errorf("region %s at %#x needs either memory or a device", r.Name, r.Base)
	case r.RAM != nil && uint64(len(r.RAM)) != r.Len:
		return fmt.Errorf("region %s at %#x: %d bytes of memory for a length of %d", r.Name, r.Base, len(r.RAM), r.Len)
	case r.RAM != nil && (r.Base%PageSize != 0 || r.Len%PageSize != 0):
		return fmt.Errorf("region %s at %#x: memory must start and end at a multiple of %d", r.Name, r.Base, PageSize)
	}
	if r.RAM != nil {
		r.marks = make([]uint32, r.Len>>PageShift)
		m.markWatched(r)
	}
	m.regions = append(m.regions, r)
	m.sort()
	return nil
}

// Remove takes r out of the map. Removing what is not there does nothing.
func (m *Map) Remove(r *Region) {
	for i, x := range m.regions {
		if x == r {
			m.regions = append(m.regions[:i:i], m.regions[i+1:]...)
			m.remapped()
			return
		}
	}
}

// Move puts r, in the map or not, at a new base.
func (m *Map) Move(r *Region, base uint64) error {
	m.Remove(r)
	r.Base = base
	return m.Add(r)
}

func (m *Map) sort() {
	sort.SliceStable(m.regions, func(i, j int) bool {
		a, b := m.regions[i], m.regions[j]
		if (a.Dev != nil) != (b.Dev != nil) {
			return a.Dev != nil
		}
		return a.Base < b.Base
	})
	m.remapped()
}

func (m *Map) remapped() {
	clear(m.pages[:])
	for _, fn := range m.onRemap {
		fn()
	}
}

// OnRemap has fn called after every change of the map; caches of lookups must
// then be dropped.
func (m *Map) OnRemap(fn func()) { m.onRemap = append(m.onRemap, fn) }

// Regions returns the regions in order of lookup. The slice must not be kept.
func (m *Map) Regions() []*Region { return m.regions }

// Find returns the region that answers an access to pa, or nil when nothing
// does. cached tells whether the access goes through a cached mapping.
func (m *Map) Find(pa uint64, cached bool) *Region {
	for _, r := range m.regions {
		if r.Contains(pa) && (r.Cacheable || !cached) {
			return r
		}
	}
	return nil
}

// MarkCode notes that the RAM page of r that holds offset off has decoded code.
// The next write to it by anybody calls the functions given to OnCodeWrite,
// once, after clearing the mark.
func (r *Region) MarkCode(off uint64) { atomic.OrUint32(&r.marks[off>>PageShift], markCode) }

// IsCode reports whether a write to the RAM page of r that holds offset off
// must be followed by a call of Map.Written: the page holds decoded code or is
// watched (see Map.Watch). A CPU keeps such pages out of its fast write path.
func (r *Region) IsCode(off uint64) bool { return atomic.LoadUint32(&r.marks[off>>PageShift]) != 0 }

// IsWatched reports whether the RAM page of r that holds offset off is watched.
func (r *Region) IsWatched(off uint64) bool {
	return atomic.LoadUint32(&r.marks[off>>PageShift])&markWatch != 0
}

// OnCodeWrite has fn called with the physical address of a page that was marked
// with MarkCode and has now been written.
func (m *Map) OnCodeWrite(fn func(pa uint64)) { m.onCode = append(m.onCode, fn) }

// Written must be called after bytes [off, off+n) of r's RAM were changed
// other than through the Map. It drops decoded code and tells the watches.
func (m *Map) Written(r *Region, off, n uint64) {
	if n == 0 {
		return
	}
	if p := off >> PageShift; p == (off+n-1)>>PageShift && atomic.LoadUint32(&r.marks[p]) == 0 {
		return // most writes
	}
	for p := off >> PageShift; p <= (off+n-1)>>PageShift; p++ {
		marks := atomic.LoadUint32(&r.marks[p])
		if marks == 0 {
			continue
		}
		if marks&markCode != 0 {
			atomic.AndUint32(&r.marks[p], ^uint32(markCode))
			for _, fn := range m.onCode {
				fn(r.Base + p<<PageShift)
			}
		}
		if marks&markWatch != 0 {
			start := max(off, p<<PageShift)
			end := min(off+n, (p+1)<<PageShift)
			m.tellWatches(r, start, end-start)
		}
	}
}

// ReadAt fills p from physical address pa as a bus master does: uncached, RAM
// copied, devices read in the widest naturally aligned units, undefined
// addresses read as zero.
func (m *Map) ReadAt(pa uint64, p []byte) { m.read(pa, p, readDevice) }

func (m *Map) read(pa uint64, p []byte, device func(r *Region, pa uint64, p []byte) int) {
	for len(p) > 0 {
		if g := m.page(pa); g != nil {
			b, _ := g.bytes(pa)
			n := copy(p, b)
			pa, p = pa+uint64(n), p[n:]
			continue
		}
		r := m.Find(pa, false)
		var n int
		switch {
		case r == nil:
			n = min(len(p), int(PageSize-pa%PageSize))
			clear(p[:n])
		case r.RAM != nil:
			n = copy(p, r.RAM[pa-r.Base:m.limit(r, pa)])
		default:
			n = device(r, pa, p)
		}
		pa, p = pa+uint64(n), p[n:]
	}
}

// readDevice reads one unit and returns its length.
func readDevice(r *Region, pa uint64, p []byte) int {
	n := unit(pa, len(p))
	putBE(p[:n], r.Dev.Read(pa-r.Base, n))
	return n
}

// WriteAt stores p at physical address pa as a bus master does.
func (m *Map) WriteAt(pa uint64, p []byte) { m.write(pa, p, writeDevice) }

func (m *Map) write(pa uint64, p []byte, device func(r *Region, pa uint64, p []byte) int) {
	for len(p) > 0 {
		if g := m.page(pa); g != nil && !g.region.ReadOnly {
			b, off := g.bytes(pa)
			n := copy(b, p)
			m.Written(g.region, off, uint64(n))
			pa, p = pa+uint64(n), p[n:]
			continue
		}
		r := m.Find(pa, false)
		var n int
		switch {
		case r == nil:
			n = min(len(p), int(PageSize-pa%PageSize))
		case r.RAM != nil:
			off := pa - r.Base
			n = min(len(p), int(m.limit(r, pa)-off))
			if !r.ReadOnly {
				copy(r.RAM[off:], p[:n])
				m.Written(r, off, uint64(n))
			}
		default:
			n = device(r, pa, p)
		}
		pa, p = pa+uint64(n), p[n:]
	}
}

// writeDevice writes one unit and returns its length.
func writeDevice(r *Region, pa uint64, p []byte) int {
	n := unit(pa, len(p))
	r.Dev.Write(pa-r.Base, n, getBE(p[:n]))
	return n
}

// limit returns the offset in r at which a run of RAM that starts at pa ends:
// the end of the region or the start of a device laid over it.
func (m *Map) limit(r *Region, pa uint64) uint64 {
	end := r.Base + r.Len
	for _, x := range m.regions {
		if x.Dev == nil {
			break
		}
		if x.Base > pa && x.Base < end {
			end = x.Base
		}
	}
	return end - r.Base
}

// Read32 reads a 32-bit big-endian word at pa, which must be a multiple of 4.
// The access is atomic in pages that are wholly RAM, so that a descriptor's
// ownership bit can be tested.
func (m *Map) Read32(pa uint64) uint32 { return m.read32(pa, readDevice) }

func (m *Map) read32(pa uint64, device func(r *Region, pa uint64, p []byte) int) uint32 {
	if g := m.page(pa); g != nil && pa%4 == 0 {
		b, _ := g.bytes(pa)
		return swap32(atomic.LoadUint32((*uint32)(unsafe.Pointer(&b[0]))))
	}
	var b [4]byte
	m.read(pa, b[:], device)
	return binary.BigEndian.Uint32(b[:])
}

// Write32 stores a 32-bit big-endian word at pa, which must be a multiple of 4.
func (m *Map) Write32(pa uint64, v uint32) { m.write32(pa, v, writeDevice) }

func (m *Map) write32(pa uint64, v uint32, device func(r *Region, pa uint64, p []byte) int) {
	if g := m.page(pa); g != nil && pa%4 == 0 {
		if !g.region.ReadOnly {
			b, off := g.bytes(pa)
			atomic.StoreUint32((*uint32)(unsafe.Pointer(&b[0])), swap32(v))
			m.Written(g.region, off, 4)
		}
		return
	}
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], v)
	m.write(pa, b[:], device)
}

func unit(pa uint64, n int) int {
	for _, u := range []int{4, 2} {
		if pa%uint64(u) == 0 && n >= u {
			return u
		}
	}
	return 1
}

func putBE(p []byte, v uint64) {
	for i := len(p) - 1; i >= 0; i-- {
		p[i] = byte(v)
		v >>= 8
	}
}

func getBE(p []byte) (v uint64) {
	for _, b := range p {
		v = v<<8 | uint64(b)
	}
	return v
}
