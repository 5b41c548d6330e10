package mem

// pageSlots is the size of the cache that spares bus masters the search for the
// region: the pages of the descriptors and buffers of busy rings.
const pageSlots = 512

// page is a page of memory that nothing but one region answers for.
type page struct {
	number uint64 // plus 1; 0: none
	region *Region
	off    uint64 // of the page in region
}

// page returns the page that holds pa, nil when that is not simply memory.
func (m *Map) page(pa uint64) *page {
	n := pa >> PageShift
	p := &m.pages[n%pageSlots]
	if p.number != n+1 && !m.lookUp(p, n) {
		return nil
	}
	return p
}

// lookUp makes page n the content of *p if it is simply memory.
func (m *Map) lookUp(p *page, n uint64) bool {
	base := n << PageShift
	r := m.Find(base, false)
	if r == nil || r.RAM == nil {
		return false
	}
	for _, x := range m.regions {
		if x.Dev == nil {
			break
		}
		if x.Base-base < PageSize || x.Contains(base) {
			return false
		}
	}
	*p = page{n + 1, r, base - r.Base}
	return true
}

// bytes returns the part of the page from pa on, and its offset in the region.
func (p *page) bytes(pa uint64) (b []byte, off uint64) {
	off = p.off + pa%PageSize
	return p.region.RAM[off : p.off+PageSize], off
}
