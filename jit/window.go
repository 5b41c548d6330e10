//go:build linux && amd64

package jit

import (
	"fmt"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"

	"dynemu/vm/mem"
)

// The window.
//
// Most loads and stores of a router go to memory that hardly ever moves: through
// kseg0 and kseg1, where nothing can be remapped, and through large global pages of
// the TLB. That memory is mapped a second time, in a window of 4 GiB: guest address
// a is at window+a. Generated code in kernel mode accesses it without a look at any
// table; rWindow holds the window's address. Everything else in the window is
// inaccessible, and pages that hold decoded code, are watched or are clean in the TLB
// cannot be written, so that an access that needs attention faults. The handler of
// SIGSEGV has the code leave then (fault.go). What can be shown in the window is, and
// the access goes on; otherwise the instruction is translated anew, with a look at
// the tables.

const (
	kseg0    = 0x80000000
	kseg1    = 0xa0000000
	ksegSize = 0x20000000

	windowSize = 1<<32 + mem.PageSize // the last address can be the first of 8 bytes

	// minShown is the smallest page of the TLB that is worth a mapping.
	minShown = 64 << 10
	// maxShown is how often one page of the TLB is shown, and maxAllowed how often
	// writes to a page of 4 KiB are allowed again after they were forbidden. What
	// changes more often is left to the tables.
	maxShown   = 16
	maxAllowed = 4
)

// span is memory that the window shows.
type span struct {
	va     uint32 // of its first byte
	region *mem.Region
	off    uint64 // in the region
	size   uint64
	write  bool // stores are allowed
}

func (s *span) host() uintptr { return uintptr(unsafe.Pointer(&s.region.RAM[s.off])) }

// window is the second mapping of guest memory.
type window struct {
	b       []byte
	spans   []span
	kseg1   bool            // kseg1 is shown
	shown   map[uint32]int  // how often a page of the TLB was shown, by its address
	closed  map[uint32]bool // pages of 4 KiB that cannot be written
	allowed map[uint32]int  // how often writes to a page were allowed again
}

func newWindow() (*window, error) {
	b, err := unix.Mmap(-1, 0, windowSize, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("4 GiB of addresses: %w", err)
	}
	return &window{b: b, shown: map[uint32]int{}, closed: map[uint32]bool{}, allowed: map[uint32]int{}}, nil
}

func (w *window) base() uintptr { return uintptr(unsafe.Pointer(&w.b[0])) }

func (w *window) free() { _ = unix.Munmap(w.b) }

// clear empties the window.
func (w *window) clear() {
	w.hide(0, 1<<32)
	w.kseg1 = false
	clear(w.shown)
	clear(w.closed)
	clear(w.allowed)
}

// hide makes size bytes at va inaccessible. No span lies across the ends of them.
func (w *window) hide(va uint32, size uint64) {
	w.spans = slices.DeleteFunc(w.spans, func(s span) bool {
		if uint64(s.va-va) >= size {
			return false
		}
		if _, err := unix.MmapPtr(-1, 0, unsafe.Pointer(&w.b[s.va]), uintptr(s.size), unix.PROT_NONE,
			unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE|unix.MAP_FIXED); err != nil {
			panic(fmt.Sprintf("jit: clearing the window: %v", err)) // the guest's memory must not stay there
		}
		return true
	})
	if size < 1<<32 {
		for p := uint64(0); p < size && len(w.closed) > 0; p += mem.PageSize {
			delete(w.closed, va+uint32(p))
		}
	}
}

// show makes what memory there is at the size bytes from physical address pa
// appear at va, where nothing is shown yet. cached and write tell how accesses go
// there.
func (w *window) show(m *mem.Map, va uint32, pa, size uint64, cached, write bool) error {
	// Where another region may begin to answer.
	edges := []uint64{pa, pa + size}
	for _, r := range m.Regions() {
		for _, a := range []uint64{r.Base, r.Base + r.Len} {
			for _, a := range []uint64{a &^ (mem.PageSize - 1), (a + mem.PageSize - 1) &^ (mem.PageSize - 1)} {
				if a-pa < size {
					edges = append(edges, a)
				}
			}
		}
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)
	for i, lo := range edges[:len(edges)-1] {
		hi := edges[i+1]
		r := m.Find(lo, cached)
		if r == nil || r.RAM == nil || r.ReadOnly || !r.Contains(hi-1) || hidden(m, r, lo, hi, cached) {
			continue
		}
		s := span{va: va + uint32(lo-pa), region: r, off: lo - r.Base, size: hi - lo, write: write}
		// With an old size of 0 a shared mapping is mapped once more.
		if _, err := unix.MremapPtr(unsafe.Pointer(&r.RAM[s.off]), 0, unsafe.Pointer(&w.b[s.va]), uintptr(s.size),
			unix.MREMAP_MAYMOVE|unix.MREMAP_FIXED); err != nil {
			w.hide(va, size)
			return fmt.Errorf("mapping %s at %#x again: %w", r.Name, s.va, err)
		}
		w.spans = append(w.spans, s)
		if !write {
			w.protect(s.va, s.size, unix.PROT_READ)
			continue
		}
		for off := uint64(0); off < s.size; off += mem.PageSize {
			if r.IsCode(s.off + off) {
				w.close(s.va + uint32(off))
			}
		}
	}
	return nil
}

// hidden tells whether accesses to [lo, hi) of r, or some of them, are answered by a
// region before it.
func hidden(m *mem.Map, r *mem.Region, lo, hi uint64, cached bool) bool {
	for _, x := range m.Regions() {
		if x == r {
			return false
		}
		if (x.Cacheable || !cached) && x.Base < hi && lo < x.Base+x.Len {
			return true
		}
	}
	return true
}

// at returns the span of address va, nil for none.
func (w *window) at(va uint32) *span {
	for i := range w.spans {
		if s := &w.spans[i]; uint64(va-s.va) < s.size {
			return s
		}
	}
	return nil
}

// close forbids writes to the page of va.
func (w *window) close(va uint32) {
	va &^= mem.PageSize - 1
	if !w.closed[va] {
		w.closed[va] = true
		w.protect(va, mem.PageSize, unix.PROT_READ)
	}
}

// closeHost forbids writes to the page at host wherever the window shows it.
func (w *window) closeHost(host uintptr) {
	for i := 0; i < len(w.spans); i++ {
		if s := &w.spans[i]; s.write && uint64(host-s.host()) < s.size {
			w.close(s.va + uint32(host-s.host()))
		}
	}
}

// open allows writes to the page of va again, if nothing stands against it any
// more, and tells whether it did.
func (w *window) open(va uint32) bool {
	va &^= mem.PageSize - 1
	s := w.at(va)
	if s == nil || !w.closed[va] || w.allowed[va] >= maxAllowed || s.region.IsCode(s.off+uint64(va-s.va)) {
		return false
	}
	w.allowed[va]++
	delete(w.closed, va)
	w.protect(va, mem.PageSize, unix.PROT_READ|unix.PROT_WRITE)
	return true
}

func (w *window) protect(va uint32, size uint64, how int) {
	if err := unix.Mprotect(w.b[va:uint64(va)+size], how); err != nil && how == unix.PROT_READ {
		// Too many mappings, most likely. What cannot be protected must go.
		w.clear()
	}
}

// windowAccess is an access of generated code through the window.
type windowAccess struct {
	region *region
	at     int32 // of the instruction that may fault, in the code
	cold   int32 // where to go then
	pc     uint32
	store  bool
}

func (e *Engine) openWindow() error {
	if err := catchFaults(); err != nil {
		return err
	}
	w, err := newWindow()
	if err != nil {
		return err
	}
	e.win, e.winStale, e.slow = w, true, map[uint64]bool{}
	return nil
}

func (e *Engine) closeWindow() {
	if e.win != nil {
		e.win.free()
		e.win = nil
	}
}

// fillWindow shows the guest's memory in the window if it does not yet. It must not
// be called while generated code is to be resumed.
func (e *Engine) fillWindow() {
	if e.win == nil || !e.winStale {
		return
	}
	e.winStale = false
	e.win.clear()
	clear(e.slow)
	if err := e.win.show(e.core.Map(), kseg0, 0, ksegSize, true, true); err != nil {
		e.core.Logf("jit: slower access to memory: %v", err)
	}
}

// shown tells whether there is memory at va in the window, after making it appear
// there if it can.
func (e *Engine) shown(va uint32) bool {
	w := e.win
	if w.at(va) != nil {
		return true
	}
	if len(w.spans) == 0 {
		return false // it could not be filled
	}
	m := e.core.Map()
	switch {
	case va >= kseg0 && va < kseg1:
		return false
	case va >= kseg1 && va < kseg1+ksegSize:
		if r := m.Find(uint64(va-kseg1), false); w.kseg1 || r == nil || r.RAM == nil || r.ReadOnly {
			return false
		}
		w.kseg1 = true
		if err := w.show(m, kseg1, 0, ksegSize, false, true); err != nil {
			e.core.Logf("jit: slower access to memory: %v", err)
		}
	default:
		p, ok := e.core.Mapping(sext(uint64(va)))
		base := uint32(p.VA)
		if !ok || !p.Global || p.Size < minShown || w.shown[base] >= maxShown {
			return false
		}
		w.shown[base]++
		e.entryShown[p.Entry] = append(e.entryShown[p.Entry], shownPage{base, p.Size})
		if err := w.show(m, base, p.PA, p.Size, p.Cached, p.Write); err != nil {
			e.core.Logf("jit: slower access to memory: %v", err)
		}
	}
	return w.at(va) != nil
}

// shownPage is a page of the TLB that the window shows.
type shownPage struct {
	va   uint32
	size uint64
}

// hideEntry takes the pages of TLB entry i out of the window.
func (e *Engine) hideEntry(i int) {
	for _, p := range e.entryShown[i] {
		e.win.hide(p.va, p.size)
	}
	e.entryShown[i] = e.entryShown[i][:0]
}

// throughWindow tells whether the current access is to be made through the window.
func (m *emitter) throughWindow() bool {
	e := m.e
	return e.win != nil && len(e.win.spans) > 0 && m.v.mode == 0 && !e.slow[m.physical()]
}

// physical is the address of the current instruction, which slow is indexed with.
func (m *emitter) physical() uint64 { return m.r.page.pa | uint64(m.pc&(mem.PageSize-1)) }

// windowAt tells whether there is memory at address a of the window.
func (m *emitter) windowAt(a uint32) bool { return m.e.win != nil && m.v.mode == 0 && m.e.shown(a) }

// mayFault notes that the next host instruction, of the guest's current one, may
// fault. It must be the access alone.
func (m *emitter) mayFault(c *cold, store bool) {
	m.e.accesses = append(m.e.accesses, windowAccess{region: m.r, at: int32(m.N), pc: m.pc, store: store})
	if c.faults++; c.faults == 1 {
		c.access = len(m.e.accesses) - 1
	}
}

// fault acts on a fault of generated code: the next entry goes on at the access, if
// it can now be made, or at the cold code of it.
func (e *Engine) fault() {
	e.stats.Exits[exitFault]++
	w := e.words
	at := int32(w.fault - e.arena.base())
	i, ok := slices.BinarySearchFunc(e.accesses, at, func(a windowAccess, at int32) int { return int(a.at - at) })
	if !ok {
		panic(fmt.Sprintf("jit: fault in generated code at %#x of %#x, guest PC about %#x", at, e.pos, e.state.PC))
	}
	a := &e.accesses[i]
	va := uint32(w.regs[0])
	if e.win.at(va) == nil && e.shown(va) || a.store && e.win.open(va) {
		w.entry = w.fault
		return
	}
	if len(e.slow) >= maxSlow {
		clear(e.slow)
	}
	e.slow[a.region.page.pa|uint64(a.pc&(mem.PageSize-1))] = true
	if !a.region.dead {
		e.drop(a.region)
		a.region.page.forget(a.region)
	}
	e.faulted = true
	w.entry = e.code(int(a.cold))
}

// maxSlow bounds Engine.slow, for guests that make code without end.
const maxSlow = 64 << 10
