package lab

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Plan is what turns one lab into another, in an order that is safe to apply:
// what goes is unplugged and removed, what stays is changed, and then what is
// new is added and plugged in.
type Plan []Step

// Step is one step of a plan. String gives the line that a result file shows.
type Step interface{ String() string }

// The steps.
type (
	// AddRouter makes a router, stopped.
	AddRouter struct{ Router *Router }
	// RemoveRouter stops a router and takes it away. Its links are gone by then.
	RemoveRouter struct{ Router *Router }
	// ChangeRouter gives a router another description. NeedsRestart names the
	// options that take effect at its next start, Live those that take effect
	// at once, and Moves the cards that go into and out of it at once.
	ChangeRouter struct {
		Old, New           *Router
		NeedsRestart, Live []string
		Moves              []Move
	}
	// AddSwitch makes a switch with nothing plugged into it.
	AddSwitch struct{ Switch *Switch }
	// RemoveSwitch takes a switch away. Its links are gone by then.
	RemoveSwitch struct{ Switch *Switch }
	// ChangeSwitch gives a switch other ports, VLANs, circuits or autostart, in
	// effect at once. Old and New are of one type; ports that go are unplugged by
	// then, and ports that are new are not plugged in yet.
	ChangeSwitch struct{ Old, New *Switch }
	// AddLAN makes a LAN with nothing plugged into it.
	AddLAN struct{ LAN *LAN }
	// RemoveLAN removes a LAN. Its links are gone by then.
	RemoveLAN struct{ LAN *LAN }
	// AddLink plugs two ends together.
	AddLink struct{ Link Link }
	// RemoveLink unplugs two ends.
	RemoveLink struct{ Link Link }
)

func (s AddRouter) String() string {
	if s.Router.Unsupported != "" {
		return fmt.Sprintf("%s: router %s added; it cannot start: %s", s.Router.Name, s.Router.Model, s.Router.Unsupported)
	}
	return fmt.Sprintf("%s: router %s added", s.Router.Name, s.Router.Model)
}

func (s RemoveRouter) String() string { return s.Router.Name + ": router removed" }

// Move is a change of the adapter in one slot of a router; "" is an empty slot.
type Move struct {
	Slot     int
	Old, New string
}

func (m Move) String() string {
	switch {
	case m.Old == "":
		return fmt.Sprintf("%s put into slot %d", m.New, m.Slot)
	case m.New == "":
		return fmt.Sprintf("%s taken out of slot %d", m.Old, m.Slot)
	}
	return fmt.Sprintf("%s in slot %d replaced by %s", m.Old, m.Slot, m.New)
}

// Moves are the changes of adapters between two descriptions of a router that
// it takes while it runs.
func Moves(old, now *Router) (moves []Move) {
	if old.Model != now.Model || now.Unsupported != "" {
		return nil
	}
	for slot := range min(len(old.Slots), len(now.Slots)) {
		if a, b := old.Slots[slot], now.Slots[slot]; a != b && now.Swappable(slot) {
			moves = append(moves, Move{slot, a, b})
		}
	}
	return moves
}

func (s ChangeRouter) String() string {
	var parts []string
	for _, m := range s.Moves {
		parts = append(parts, m.String())
	}
	if len(s.Live) > 0 {
		parts = append(parts, strings.Join(s.Live, ", ")+" changed")
	}
	if len(s.NeedsRestart) > 0 {
		parts = append(parts, strings.Join(s.NeedsRestart, ", ")+" changed, in effect at the next start")
	}
	return s.New.Name + ": " + strings.Join(parts, "; ")
}

func (s AddLAN) String() string    { return "LAN " + s.LAN.ID + " added" }
func (s RemoveLAN) String() string { return "LAN " + s.LAN.ID + " removed" }

func (s AddLink) String() string    { return s.Link.String() + " added" }
func (s RemoveLink) String() string { return s.Link.String() + " removed" }

// String names the link by its ends: "R1: link s1/0 - R2 s1/0".
func (l Link) String() string {
	a, b := l.A, l.B
	if a.LAN != "" {
		a, b = b, a
	}
	return fmt.Sprintf("%s: link %s - %s", a.Device, a.Port, b)
}

func (s AddSwitch) String() string {
	return fmt.Sprintf("%s: %s added", s.Switch.Name, s.Switch.Type)
}

func (s RemoveSwitch) String() string {
	return fmt.Sprintf("%s: %s removed", s.Switch.Name, s.Switch.Type)
}

func (s ChangeSwitch) String() string {
	return s.New.Name + ": " + strings.Join(changes(s.Old, s.New), "; ")
}

// changes tells what differs between two descriptions of a switch, to users and
// to what passes through it.
func changes(old, now *Switch) (parts []string) {
	had, has := index(old.Ports, SwitchPort.Name), index(now.Ports, SwitchPort.Name)
	for _, p := range old.Ports {
		if _, stays := has[p.Name()]; !stays {
			parts = append(parts, fmt.Sprintf("port %s removed", p.Name()))
		}
	}
	for _, p := range now.Ports {
		o, was := had[p.Name()]
		switch {
		case !was && p.Config() != "":
			parts = append(parts, fmt.Sprintf("port %s added (%s)", p.Name(), p.Config()))
		case !was:
			parts = append(parts, fmt.Sprintf("port %s added", p.Name()))
		case o.Kind != p.Kind:
			parts = append(parts, fmt.Sprintf("port %s is %s now, was %s", p.Name(), p.Kind, o.Kind))
		case o.Config() != p.Config():
			parts = append(parts, fmt.Sprintf("port %s is %s now, was %s", p.Name(), p.Config(), o.Config()))
		}
	}
	oldCircuits, newCircuits := index(old.Circuits, Circuit.key), index(now.Circuits, Circuit.key)
	for _, c := range old.Circuits {
		if _, stays := newCircuits[c.key()]; !stays {
			parts = append(parts, fmt.Sprintf("circuit %s removed", c))
		}
	}
	for _, c := range now.Circuits {
		if _, was := oldCircuits[c.key()]; !was {
			parts = append(parts, fmt.Sprintf("circuit %s added", c))
		}
	}
	if old.AutoStart != now.AutoStart {
		parts = append(parts, "autostart changed")
	}
	return parts
}

// setting is an option whose change matters to a router.
type setting struct {
	name string
	live bool
	get  func(r *Router) any
}

var compared = []setting{
	{"model", false, func(r *Router) any { return r.Model }},
	{"npe", false, func(r *Router) any { return r.NPE }},
	{"midplane", false, func(r *Router) any { return r.Midplane }},
	{"image", false, func(r *Router) any { return r.Image }},
	{"ram", false, func(r *Router) any { return r.RAM }},
	{"nvram", false, func(r *Router) any { return r.NVRAM }},
	{"disk0", false, func(r *Router) any { return r.Disk0 }},
	{"disk1", false, func(r *Router) any { return r.Disk1 }},
	{"confreg", false, func(r *Router) any { return r.ConfReg }},
	{"mac", false, func(r *Router) any {
		if r.MAC == "" { // the emulator derives it
			return r.Instance
		}
		return r.MAC
	}},
	{"slots", false, func(r *Router) any { return join(r.fixedSlots()) }},
	{"wics", false, func(r *Router) any { return join(r.WICs) }},
	{"quirks", false, func(r *Router) any { return join(r.Quirks) }},
	{"jit", false, func(r *Router) any { return [2]bool{r.NoJIT, r.CheckJIT} }},
	{"perf_map", false, func(r *Router) any { return r.PerfMap }},
	{"exec_area", false, func(r *Router) any { return r.ExecArea }},
	{"cnfg", false, func(r *Router) any { return r.Config }},
	{"configuration", false, func(r *Router) any { return r.Configuration }},
	{"console", true, func(r *Router) any { return r.Console }},
	{"aux", true, func(r *Router) any { return r.AUX }},
	{"idlepc", true, func(r *Router) any { return r.IdlePC }},
	{"idlemax", true, func(r *Router) any { return r.IdleMax }},
	{"idlesleep", true, func(r *Router) any { return r.IdleSleep }},
	{"limits", true, func(r *Router) any { return r.Limits }},
	{"autostart", true, func(r *Router) any { return r.AutoStart }},
}

// fixedSlots are the slots with those left out whose adapters can be moved.
func (r *Router) fixedSlots() []string {
	s := slices.Clone(r.Slots)
	for slot := range s {
		if r.Swappable(slot) && r.Unsupported == "" {
			s[slot] = ""
		}
	}
	return s
}

func join(words []string) string { return strings.Join(words, "\x00") }

// change compares two descriptions of a router; ok is false when they are the
// same to users and guests. The line in the file, and what a graphical program
// keeps, do not count.
func change(old, now *Router) (c ChangeRouter, ok bool) {
	c = ChangeRouter{Old: old, New: now, Moves: Moves(old, now)}
	for _, s := range compared {
		a, b := s.get(old), s.get(now)
		if reflect.DeepEqual(a, b) {
			continue
		}
		if s.live {
			c.Live = append(c.Live, s.name)
		} else {
			c.NeedsRestart = append(c.NeedsRestart, s.name)
		}
	}
	return c, c.Live != nil || c.NeedsRestart != nil || c.Moves != nil
}

// linkKey identifies a link by its ends, the lesser first.
type linkKey struct {
	a, b End
	kind Kind
}

func (l Link) key() linkKey {
	a, b := l.A, l.B
	if a.String() > b.String() {
		a, b = b, a
	}
	return linkKey{a, b, l.Kind}
}

// Diff returns the steps from old to new; either may be nil, which is a lab
// with nothing in it. Call new.Inherit(old) first, so that routers that stay
// keep their numbers.
func Diff(old, new *Lab) Plan {
	if old == nil {
		old = &Lab{}
	}
	if new == nil {
		new = &Lab{}
	}
	oldRouters, newRouters := index(old.Routers, routerName), index(new.Routers, routerName)
	oldLANs, newLANs := index(old.LANs, lanName), index(new.LANs, lanName)
	oldSwitches, newSwitches := index(old.Switches, switchName), index(new.Switches, switchName)
	oldLinks, newLinks := index(old.Links, Link.key), index(new.Links, Link.key)
	// A switch of another type is another device, though it has the name.
	replaced := map[string]bool{}
	for _, s := range old.Switches {
		if n := newSwitches[s.Name]; n != nil && n.Type != s.Type {
			replaced[s.Name] = true
		}
	}
	stays := func(l Link, in map[linkKey]Link) bool {
		_, there := in[l.key()]
		return there && !replaced[l.A.Device] && !replaced[l.B.Device]
	}

	var p Plan
	for _, l := range slices.Backward(old.Links) {
		if !stays(l, newLinks) {
			p = append(p, RemoveLink{l})
		}
	}
	for _, l := range slices.Backward(old.LANs) {
		if _, stays := newLANs[l.ID]; !stays {
			p = append(p, RemoveLAN{l})
		}
	}
	for _, s := range slices.Backward(old.Switches) {
		if newSwitches[s.Name] == nil || replaced[s.Name] {
			p = append(p, RemoveSwitch{s})
		}
	}
	for _, r := range slices.Backward(old.Routers) {
		if _, stays := newRouters[r.Name]; !stays {
			p = append(p, RemoveRouter{r})
		}
	}
	for _, r := range new.Routers {
		if o, was := oldRouters[r.Name]; was {
			if c, ok := change(o, r); ok {
				p = append(p, c)
			}
		}
	}
	for _, s := range new.Switches {
		if o := oldSwitches[s.Name]; o != nil && !replaced[s.Name] && changes(o, s) != nil {
			p = append(p, ChangeSwitch{o, s})
		}
	}
	for _, r := range new.Routers {
		if _, was := oldRouters[r.Name]; !was {
			p = append(p, AddRouter{r})
		}
	}
	for _, s := range new.Switches {
		if oldSwitches[s.Name] == nil || replaced[s.Name] {
			p = append(p, AddSwitch{s})
		}
	}
	for _, l := range new.LANs {
		if _, was := oldLANs[l.ID]; !was {
			p = append(p, AddLAN{l})
		}
	}
	for _, l := range new.Links {
		if !stays(l, oldLinks) {
			p = append(p, AddLink{l})
		}
	}
	return p
}

func routerName(r *Router) string { return r.Name }
func switchName(s *Switch) string { return s.Name }
func lanName(l *LAN) string       { return l.ID }

func index[K comparable, V any](list []V, key func(V) K) map[K]V {
	m := make(map[K]V, len(list))
	for _, v := range list {
		m[key(v)] = v
	}
	return m
}
