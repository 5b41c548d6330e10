package mem

import (
	"slices"
	"sync/atomic"
	"unsafe"
)

// watch is one call of Map.Watch that has not been cancelled.
type watch struct {
	page uint64 // physical address of the page, as it was given to Watch
	fn   func(pa, n uint64)
}

// Watch has fn called after every write to the RAM page (PageSize bytes) that
// holds physical address pa, by the CPU or a bus master, until cancel is
// called. fn gets the address and the number of bytes that were written within
// the page. It runs on the machine's goroutine, inside the write, and may write
// memory itself, which calls it again.
//
// It is for devices that the guest feeds through memory alone, without a
// doorbell register: they learn of a new descriptor without polling. A watched
// page is slower to write, so a device watches the one page that matters.
//
// The page is followed through every region that shows the same memory. cancel
// is nil when pa is not in writable RAM; there is nothing to wait for then.
func (m *Map) Watch(pa uint64, fn func(pa, n uint64)) (cancel func()) {
	r := m.Find(pa, false)
	if r == nil || r.RAM == nil || r.ReadOnly {
		return nil
	}
	key := r.hostPage((pa - r.Base) >> PageShift)
	w := &watch{page: pa &^ (PageSize - 1), fn: fn}
	if m.watches == nil {
		m.watches = map[uintptr][]*watch{}
	}
	m.watches[key] = append(m.watches[key], w)
	for _, x := range m.regions {
		if p, ok := x.showsPage(key); ok && atomic.OrUint32(&x.marks[p], markWatch)&markWatch == 0 {
			m.newlyWatched(x.Base + p<<PageShift)
		}
	}
	return func() { m.unwatch(key, w) }
}

// OnWatch has fn called with the physical address of a page that was not
// watched and now is; a CPU then takes it out of its fast write path. Without
// any such function the ones given to OnRemap are called instead.
func (m *Map) OnWatch(fn func(pa uint64)) { m.onWatch = append(m.onWatch, fn) }

func (m *Map) newlyWatched(pa uint64) {
	if len(m.onWatch) == 0 {
		m.remapped()
	}
	for _, fn := range m.onWatch {
		fn(pa)
	}
}

func (m *Map) unwatch(key uintptr, w *watch) {
	// A copy, since this may run inside tellWatches.
	list := slices.DeleteFunc(slices.Clone(m.watches[key]), func(x *watch) bool { return x == w })
	if len(list) > 0 {
		m.watches[key] = list
		return
	}
	delete(m.watches, key)
	for _, x := range m.regions {
		if p, ok := x.showsPage(key); ok {
			atomic.AndUint32(&x.marks[p], ^uint32(markWatch))
		}
	}
}

func (m *Map) tellWatches(r *Region, off, n uint64) {
	for _, w := range m.watches[r.hostPage(off>>PageShift)] {
		w.fn(w.page+off%PageSize, n)
	}
}

// markWatched marks the pages of a new region whose memory is watched already.
func (m *Map) markWatched(r *Region) {
	for key := range m.watches {
		if p, ok := r.showsPage(key); ok {
			r.marks[p] |= markWatch
		}
	}
}

// hostPage returns the host address of RAM page p of r, the identity of the
// page whatever region shows it.
func (r *Region) hostPage(p uint64) uintptr {
	return uintptr(unsafe.Pointer(&r.RAM[p<<PageShift]))
}

// showsPage returns the number of the page of r that lies at host address key.
func (r *Region) showsPage(key uintptr) (p uint64, ok bool) {
	if r.RAM == nil {
		return 0, false
	}
	off := uint64(key - r.hostPage(0))
	return off >> PageShift, off < r.Len && off%PageSize == 0
}
