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
// Most loads and stores go to memory through kseg0, where nothing can be remapped.
// That memory is mapped a second time, in a window of 4 GiB: guest address a is at
// window+a. Generated code accesses it without a look at any table; rWindow holds
// the window's address. Everything else in the window is inaccessible, and pages
// that hold decoded code or are watched cannot be written, so that an access that
// needs attention faults. The handler of SIGSEGV has the code leave then (fault.go)
// and the instruction is translated anew, with a look at the tables.

const (
	kseg0     = 0x80000000
	kseg0Size = 0x20000000

	windowSize = 1<<32 + mem.PageSize // the last address can be the first of 8 bytes

	// maxAllowed is how often writes to a page of the window are allowed again
	// after they were forbidden.
	maxAllowed = 4
)

// span is memory that the window shows.
type span struct {
	va     uint32 // of its first byte
	region *mem.Region
	off    uint64 // in the region
	size   uint64
}

func (s *span) host() uintptr { return uintptr(unsafe.Pointer(&s.region.RAM[s.off])) }

// window is the second mapping of guest memory.
type window struct {
	b       []byte
	spans   []span
	closed  map[uint32]bool // pages that cannot be written
	allowed map[uint32]int  // how often writes to a page were allowed again
}

func newWindow() (*window, error) {
	b, err := unix.Mmap(-1, 0, windowSize, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("4 GiB of addresses: %w", err)
	}
	return &window{b: b, closed: map[uint32]bool{}, allowed: map[uint32]int{}}, nil
}

func (w *window) base() uintptr { return uintptr(unsafe.Pointer(&w.b[0])) }

func (w *window) free() { _ = unix.Munmap(w.b) }

// clear empties the window.
func (w *window) clear() {
	if len(w.spans) == 0 {
		return
	}
	w.spans = w.spans[:0]
	clear(w.closed)
	clear(w.allowed)
	p := unsafe.Pointer(&w.b[kseg0])
	if _, err := unix.MmapPtr(-1, 0, p, kseg0Size, unix.PROT_NONE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE|unix.MAP_FIXED); err != nil {
		panic(fmt.Sprintf("jit: clearing the window: %v", err)) // the guest's memory must not stay there
	}
}

// show fills the empty window with the memory of m.
func (w *window) show(m *mem.Map) error {
	// Where another region may begin to answer.
	edges := []uint64{0, kseg0Size}
	for _, r := range m.Regions() {
		for _, a := range []uint64{r.Base, r.Base + r.Len} {
			for _, a := range []uint64{a &^ (mem.PageSize - 1), (a + mem.PageSize - 1) &^ (mem.PageSize - 1)} {
				if a < kseg0Size {
					edges = append(edges, a)
				}
			}
		}
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)
	for i, lo := range edges[:len(edges)-1] {
		hi := edges[i+1]
		r := m.Find(lo, true)
		if r == nil || r.RAM == nil || r.ReadOnly || !r.Contains(hi-1) || hidden(m, r, lo, hi) {
			continue
		}
		s := span{va: kseg0 + uint32(lo), region: r, off: lo - r.Base, size: hi - lo}
		// With an old size of 0 a shared mapping is mapped once more.
		if _, err := unix.MremapPtr(unsafe.Pointer(&r.RAM[s.off]), 0, unsafe.Pointer(&w.b[s.va]), uintptr(s.size),
			unix.MREMAP_MAYMOVE|unix.MREMAP_FIXED); err != nil {
			w.clear()
			return fmt.Errorf("mapping %s at %#x again: %w", r.Name, s.va, err)
		}
		w.spans = append(w.spans, s)
		for off := uint64(0); off < s.size; off += mem.PageSize {
			if r.IsCode(s.off + off) {
				w.close(s.va + uint32(off))
			}
		}
	}
	return nil
}

// hidden tells whether cached accesses to [lo, hi) of r, or some of them, are
// answered by a region before it.
func hidden(m *mem.Map, r *mem.Region, lo, hi uint64) bool {
	for _, x := range m.Regions() {
		if x == r {
			return false
		}
		if x.Cacheable && x.Base < hi && lo < x.Base+x.Len {
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
	if w.closed[va] {
		return
	}
	w.closed[va] = true
	w.protect(va, unix.PROT_READ)
}

// closeHost forbids writes to the page at host wherever the window shows it.
func (w *window) closeHost(host uintptr) {
	for i := range w.spans {
		if s := &w.spans[i]; uint64(host-s.host()) < s.size {
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
	w.protect(va, unix.PROT_READ|unix.PROT_WRITE)
	return true
}

func (w *window) protect(va uint32, how int) {
	if err := unix.Mprotect(w.b[va:va+mem.PageSize], how); err != nil && how == unix.PROT_READ {
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
	if err := e.win.show(e.core.Map()); err != nil {
		e.core.Logf("jit: slower access to memory: %v", err)
	}
}

// throughWindow tells whether the current access is to be made through the window.
func (m *emitter) throughWindow() bool {
	e := m.e
	return e.win != nil && len(e.win.spans) > 0 && m.v.mode == 0 && !e.slow[m.physical()]
}

// physical is the address of the current instruction, which slow is indexed with.
func (m *emitter) physical() uint64 { return m.r.page.pa | uint64(m.pc&(mem.PageSize-1)) }

// windowAt tells whether there is memory at address a of the window.
func (m *emitter) windowAt(a uint32) bool { return m.e.win != nil && m.e.win.at(a) != nil }

// mayFault notes that the next host instruction, of the guest's current one, may
// fault. It must be the access alone.
func (m *emitter) mayFault(c *cold, store bool) {
	m.e.accesses = append(m.e.accesses, windowAccess{region: m.r, at: int32(m.N), pc: m.pc, store: store})
	c.access = len(m.e.accesses)
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
	if a.store && e.win.open(uint32(w.regs[0])) {
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
