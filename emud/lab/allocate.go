package lab

import "slices"

// Console and AUX ports. A port that the file names is kept; every other
// console gets its server section's base plus the router's instance number, or
// the next port upward that nobody in the lab has.
//
// Source: lab-files-and-console reference, 7.2; the design, 1.4, for clashes.

// tcpPort is one of the two TCP ports of a router.
type tcpPort struct {
	name string // the option
	port func(r *Router) *int
	set  func(r *Router) bool
	base func(r *Router) int // 0: none unless written
}

var tcpPorts = []tcpPort{
	{"console", func(r *Router) *int { return &r.Console }, func(r *Router) bool { return r.consoleSet }, func(r *Router) int { return r.consoleBase }},
	{"aux", func(r *Router) *int { return &r.AUX }, func(r *Router) bool { return r.auxSet }, func(r *Router) int { return r.auxBase }},
}

// allocatePorts checks the written ports and gives the others.
func (b *builder) allocatePorts() {
	type holder struct {
		d    *device
		name string
	}
	taken := map[int]holder{}
	used := map[int]bool{}
	type move struct {
		d *device
		t tcpPort
	}
	var moved []move
	routers := slices.DeleteFunc(slices.Clone(b.order), func(d *device) bool { return d.router == nil })
	for _, d := range routers {
		for _, t := range tcpPorts {
			if !t.set(d.router) {
				continue
			}
			n := *t.port(d.router)
			first, clash := taken[n]
			if !clash {
				taken[n] = holder{d, t.name}
				used[n] = true
				continue
			}
			at := d.values[t.name].opt.valueAt
			if first.d.section == d.section {
				b.errorf(at.line, at.column, "%s port %d of %s is already in use by %s (%s)", t.name, n, d.name, first.d.name, first.name)
				continue
			}
			moved = append(moved, move{d, t})
		}
	}
	for _, m := range moved {
		p := m.t.port(m.d.router)
		was := *p
		at := m.d.values[m.t.name].opt.valueAt
		if *p = nextFree(used, was); *p == 0 {
			b.errorf(at.line, at.column, "no free port from %d upward for the %s of %s", was, m.t.name, m.d.name)
			continue
		}
		b.warnf(at.line, at.column, "%s port %d is already in use by %s: %s gets %d", m.t.name, was, taken[was].d.name, m.d.name, *p)
	}
	for _, t := range tcpPorts {
		for _, d := range routers {
			r := d.router
			if t.set(r) || t.base(r) == 0 {
				continue
			}
			if *t.port(r) = nextFree(used, t.base(r)+r.Instance); *t.port(r) == 0 {
				b.errorf(d.at.line, d.at.column, "no free port from %d upward for the %s of %s", t.base(r)+r.Instance, t.name, r.Name)
				return
			}
		}
	}
}

// nextFree takes the first unused port from n upward; 0 when there is none.
func nextFree(used map[int]bool, n int) int {
	for ; n <= 65535; n++ {
		if !used[n] {
			used[n] = true
			return n
		}
	}
	return 0
}

// Inherit keeps what users see of the routers that old has too: their instance
// numbers, which default MAC addresses follow, and the ports that they were
// given, so that a router written above others does not renumber them. Routers
// that are new take what is free. old may be nil; of its routers only names,
// instance numbers and ports matter.
func (l *Lab) Inherit(old *Lab) {
	if old == nil {
		return
	}
	before := index(old.Routers, routerName)
	taken := map[int]bool{}
	fresh := map[*Router]bool{}
	for _, r := range l.Routers {
		if o, ok := before[r.Name]; ok && !taken[o.Instance] {
			r.Instance = o.Instance
			taken[r.Instance] = true
		} else {
			fresh[r] = true
		}
	}
	next := 0
	for _, r := range l.Routers {
		if !fresh[r] {
			continue
		}
		if taken[r.Instance] {
			for taken[next] {
				next++
			}
			r.Instance = next
		}
		taken[r.Instance] = true
	}

	used := map[int]bool{}
	for _, r := range l.Routers {
		for _, t := range tcpPorts {
			if t.set(r) {
				used[*t.port(r)] = true
			}
		}
	}
	given := make([]map[*Router]bool, len(tcpPorts))
	for i, t := range tcpPorts {
		given[i] = map[*Router]bool{}
		for _, r := range l.Routers {
			o := before[r.Name]
			if t.set(r) || fresh[r] || t.set(o) || t.base(r) == 0 || t.base(o) != 0 && t.base(o) != t.base(r) {
				continue
			}
			if n := *t.port(o); n != 0 && !used[n] {
				*t.port(r) = n
				used[n] = true
				given[i][r] = true
			}
		}
	}
	for i, t := range tcpPorts {
		for _, r := range l.Routers {
			if !t.set(r) && t.base(r) != 0 && !given[i][r] {
				*t.port(r) = nextFree(used, t.base(r)+r.Instance)
			}
		}
	}
}
