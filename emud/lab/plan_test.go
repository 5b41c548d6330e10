package lab

import (
	"slices"
	"strings"
	"testing"
)

const before = `[localhost]
[[ROUTER R1]]
s1/0 = R2 s1/0
f0/0 = LAN 1
[[ROUTER R2]]
f0/0 = LAN 1
[[ROUTER R3]]
f0/0 = LAN 1
`

const switched = `[localhost]
[[ROUTER R1]]
f0/0 = S1 1
s1/0 = F1 1
s1/1 = F1 2
[[ETHSW S1]]
1 = access 1
3 = dot1q 1 NIO_tap:tap0
[[FRSW F1]]
1:100 = 2:200
`

func mustParse(t testing.TB, text string) *Lab {
	t.Helper()
	l, m := Parse("x.net", []byte(text))
	if l == nil {
		t.Fatal(m)
	}
	return l
}

func TestDiff(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"from nothing", "", before, `
			R1: router 7200 added
			R2: router 7200 added
			R3: router 7200 added
			LAN 1 added
			R1: link s1/0 - R2 s1/0 added
			R1: link f0/0 - LAN 1 added
			R2: link f0/0 - LAN 1 added
			R3: link f0/0 - LAN 1 added`},
		{"to nothing", before, "", `
			R3: link f0/0 - LAN 1 removed
			R2: link f0/0 - LAN 1 removed
			R1: link f0/0 - LAN 1 removed
			R1: link s1/0 - R2 s1/0 removed
			LAN 1 removed
			R3: router removed
			R2: router removed
			R1: router removed`},
		{"comments and blanks", before, "# hello\n" + strings.ReplaceAll(before, "\n", "\n\n"), ``},
		{"link written from the other side", before,
			"[localhost]\n[[ROUTER R1]]\nf0/0 = LAN 1\n[[ROUTER R2]]\nSerial1/0 = R1 s1/0\nf0/0 = LAN 1\n[[ROUTER R3]]\nf0/0 = LAN 1\n", ``},
		{"a moved link", before, strings.Replace(before, "R2 s1/0", "R2 s1/1", 1), `
			R1: link s1/0 - R2 s1/0 removed
			R1: link s1/0 - R2 s1/1 added`},
		{"a LAN renamed for one router", before, strings.Replace(before, "f0/0 = LAN 1\n[[ROUTER R2]]", "f0/0 = LAN 2\n[[ROUTER R2]]", 1), `
			R1: link f0/0 - LAN 1 removed
			LAN 2 added
			R1: link f0/0 - LAN 2 added`},
		{"options", before, strings.Replace(before, "[[ROUTER R2]]\n", "[[ROUTER R2]]\nram = 512\nidlepc = 0x60000000\nslot2 = PA-8T\nx = 3\n", 1), `
			R2: PA-8T put into slot 2; idlepc changed; ram changed, in effect at the next start`},
		{"cards moved, replaced and taken out", "[localhost]\n[[ROUTER R1]]\nslot1 = PA-8T\nslot2 = PA-FE-TX\nslot4 = PA-GE",
			"[localhost]\n[[ROUTER R1]]\nslot1 = PA-4T+\nslot3 = PA-FE-TX\nslot4 = PA-GE", `
			R1: PA-8T in slot 1 replaced by PA-4T+; PA-FE-TX taken out of slot 2; PA-FE-TX put into slot 3`},
		{"a card that a link brings", before, strings.Replace(before, "s1/0 = R2 s1/0", "s1/0 = R2 s1/0\nf2/0 = LAN 1", 1), `
			R1: PA-FE-TX put into slot 2
			R1: link f2/0 - LAN 1 added`},
		{"the I/O card", before, strings.Replace(before, "[[ROUTER R2]]\n", "[[ROUTER R2]]\nf0/1 = LAN 1\nslot1 = PA-4T+\n", 1), `
			R2: PA-8T in slot 1 replaced by PA-4T+; slots changed, in effect at the next start
			R2: link f0/1 - LAN 1 added`},
		{"another model", before, strings.Replace(before, "[[ROUTER R3]]\n", "[[ROUTER R3]]\nmodel = 3640\nslot1 = NM-4T\n", 1), `
			R3: model, npe, midplane, ram, disk0, slots changed, in effect at the next start`},
		{"a console port", before, strings.Replace(before, "[[ROUTER R2]]\n", "[[ROUTER R2]]\nconsole = 2222\n", 1), `
			R2: console changed`},
		{"a router put first keeps the others' numbers", before, strings.Replace(before, "[[ROUTER R1]]", "[[ROUTER R0]]\n[[ROUTER R1]]", 1), `
			R0: router 7200 added`},
		{"a router taken out", before, strings.Replace(before, "[[ROUTER R3]]\nf0/0 = LAN 1\n", "", 1), `
			R3: link f0/0 - LAN 1 removed
			R3: router removed`},
		{"order of the sections", before, "[localhost]\n[[ROUTER R3]]\nf0/0 = LAN 1\n[[ROUTER R2]]\nf0/0 = LAN 1\n[[ROUTER R1]]\ns1/0 = R2 s1/0\nf0/0 = LAN 1\n", ``},
		{"a card, and a model that waits", before, strings.Replace(before, "[[ROUTER R2]]", "[[ROUTER R2]]\nslot3 = PA-A1\n[[ROUTER R4]]\nmodel = 3640\n[[7200]]", 1), `
			R2: link f0/0 - LAN 1 removed`},
		{"switches", "", switched, `
			R1: router 7200 added
			S1: ETHSW added
			F1: FRSW added
			R1: link f0/0 - S1 1 added
			R1: link s1/0 - F1 1 added
			R1: link s1/1 - F1 2 added
			S1: link 3 - NIO_tap:tap0 added`},
		{"no switches", switched, "", `
			S1: link 3 - NIO_tap:tap0 removed
			R1: link s1/1 - F1 2 removed
			R1: link s1/0 - F1 1 removed
			R1: link f0/0 - S1 1 removed
			F1: FRSW removed
			S1: ETHSW removed
			R1: router removed`},
		{"switches as they were, written in another way", switched, strings.NewReplacer(
			"1 = access 1", "01 = ACCESS 1 R1 f0/0", "f0/0 = S1 1\n", "", "1:100 = 2:200", "2:200 = 1:100", "[[ETHSW S1]]", "[[EthSw S1]]\nx = 4").Replace(switched), ``},
		{"VLANs and modes", switched, strings.NewReplacer("1 = access 1", "1 = access 20", "dot1q 1", "qinq 1 0x88a8").Replace(switched), `
			S1: port 1 is access 20 now, was access 1; port 3 is qinq 1 0x88a8 now, was dot1q 1`},
		{"a port that comes and one that goes, and a circuit of each", switched,
			strings.NewReplacer("3 = dot1q 1", "4 = dot1q 1", "1:100 = 2:200", "1:100 = 2:201\n1:101 = 1:102", "s1/1 = F1 2", "s1/1 = F1 2\ns1/2 = F1 7").Replace(switched), `
			S1: link 3 - NIO_tap:tap0 removed
			S1: port 3 removed; port 4 added (dot1q 1)
			F1: port 7 added; circuit 1:100 = 2:200 removed; circuit 1:100 = 2:201 added; circuit 1:101 = 1:102 added
			R1: link s1/2 - F1 7 added
			S1: link 4 - NIO_tap:tap0 added`},
		{"another NIO", switched, strings.Replace(switched, "tap0", "tap1", 1), `
			S1: link 3 - NIO_tap:tap0 removed
			S1: link 3 - NIO_tap:tap1 added`},
		{"autostart of switches", switched, strings.Replace(switched, "[localhost]\n", "[localhost]\nautostart = no\n", 1), `
			R1: autostart changed
			S1: autostart changed
			F1: autostart changed`},
		{"a switch of another type is another device", switched, strings.NewReplacer("[[ETHSW S1]]\n1 = access 1\n3 = dot1q 1", "[[HUB S1]]\n3 =").Replace(switched), `
			S1: link 3 - NIO_tap:tap0 removed
			R1: link f0/0 - S1 1 removed
			S1: ETHSW removed
			S1: HUB added
			R1: link f0/0 - S1 1 added
			S1: link 3 - NIO_tap:tap0 added`},
		{"a router in place of a switch", "[localhost]\n[[HUB D]]\n1 = LAN 1", "[localhost]\n[[ROUTER D]]\nf0/0 = LAN 1", `
			D: link 1 - LAN 1 removed
			D: HUB removed
			D: router 7200 added
			D: link f0/0 - LAN 1 added`},
		{"a bridge's port that carries something else", "[localhost]\n[[ATMBR B]]\n1 = 2:1:1 NIO_null:\n2 = NIO_null:", "[localhost]\n[[ATMBR B]]\n2 = 1:1:1 NIO_null:\n1 = NIO_null:", `
			B: link 2 - NIO_null: removed
			B: link 1 - NIO_null: removed
			B: port 1 is atm now, was ethernet; port 2 is ethernet now, was atm; circuit 1 = 2:1:1 removed; circuit 2 = 1:1:1 added
			B: link 2 - NIO_null: added
			B: link 1 - NIO_null: added`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.name == "a card, and a model that waits" { // the f0/0 line lands in the defaults section
				c.want = "R2: link f0/0 - LAN 1 removed\nR2: PA-A1 put into slot 3; slots changed, in effect at the next start\nR4: router 3640 added; it cannot start: 3640 is not supported yet"
			}
			old, now := mustParse(t, c.old), mustParse(t, c.new)
			now.Inherit(old)
			got := ""
			for _, s := range Diff(old, now) {
				got += s.String() + "\n"
			}
			if want := lines(c.want); got != strings.TrimLeft(want, "\n") {
				t.Errorf("got:\n%swant:\n%s", got, want)
			}
			checkPlan(t, old, now)
		})
	}
}

// New routers take numbers and consoles that the old ones do not have.
func TestInherit(t *testing.T) {
	old := mustParse(t, "[localhost]\n[[ROUTER A]]\n[[ROUTER B]]\n[[ROUTER C]]\n")
	now := mustParse(t, "[localhost]\n[[ROUTER N]]\n[[ROUTER C]]\n[[ROUTER M]]\n[[ROUTER A]]\n[[ROUTER O]]\nconsole=2001\n")
	now.Inherit(old)
	got := ""
	for _, r := range now.Routers {
		got += r.Name + string(rune('0'+r.Instance)) + " " + string(rune('0'+r.Console-2000)) + ", "
	}
	// B's number 1 is free again; its console 2001 is O's now.
	if want := "N1 3, C2 2, M3 4, A0 0, O4 1, "; got != want {
		t.Errorf("got %s want %s", got, want)
	}
	again := mustParse(t, "[localhost]\n[[ROUTER N]]\n[[ROUTER C]]\n[[ROUTER M]]\n[[ROUTER A]]\n[[ROUTER O]]\nconsole=2001\n")
	again.Inherit(now)
	if p := Diff(now, again); len(p) != 0 {
		t.Errorf("the same text again: %v", p)
	}
}

// state is what a daemon holds while a plan is applied.
type state struct {
	routers  map[string]*Router
	switches map[string]*Switch
	lans     map[string]bool
	links    map[linkKey]bool
}

func stateOf(l *Lab) state {
	s := state{map[string]*Router{}, map[string]*Switch{}, map[string]bool{}, map[linkKey]bool{}}
	for _, r := range l.Routers {
		s.routers[r.Name] = r
	}
	for _, w := range l.Switches {
		s.switches[w.Name] = w
	}
	for _, n := range l.LANs {
		s.lans[n.ID] = true
	}
	for _, k := range l.Links {
		s.links[k.key()] = true
	}
	return s
}

// apply does a step and complains when it is not possible at that point.
func (s state) apply(t testing.TB, step Step) {
	has := func(e End, k Kind) bool {
		switch {
		case e.LAN != "":
			return s.lans[e.LAN]
		case e.NIO != NIO{}:
			return e.NIO.Carries(k)
		}
		if w := s.switches[e.Device]; w != nil {
			return slices.ContainsFunc(w.Ports, func(p SwitchPort) bool { return p.Name() == e.Port && p.Kind == k })
		}
		r := s.routers[e.Device]
		return r != nil && slices.ContainsFunc(r.Ports, func(p Port) bool { return p.Name == e.Port && p.Kind == k })
	}
	// uses reports whether a link ends at a port, or anywhere at a device or LAN.
	uses := func(e End) bool {
		for k := range s.links {
			for _, u := range []End{k.a, k.b} {
				if u == e || e.Port == "" && u.Device == e.Device && u.LAN == e.LAN && u.NIO == e.NIO {
					return true
				}
			}
		}
		return false
	}
	free := func(e End) bool { return e.Device == "" || !uses(e) }
	// plugged reports whether all links of the switch end at ports that it has.
	plugged := func(w *Switch) bool {
		for k := range s.links {
			for _, u := range []End{k.a, k.b} {
				if u.Device == w.Name && !slices.ContainsFunc(w.Ports, func(p SwitchPort) bool { return p.Name() == u.Port && p.Kind == k.kind }) {
					return false
				}
			}
		}
		return true
	}
	ok := false
	switch x := step.(type) {
	case AddRouter:
		ok = s.routers[x.Router.Name] == nil && s.switches[x.Router.Name] == nil
		s.routers[x.Router.Name] = x.Router
	case RemoveRouter:
		ok = s.routers[x.Router.Name] != nil && !uses(End{Device: x.Router.Name})
		delete(s.routers, x.Router.Name)
	case ChangeRouter:
		ok = s.routers[x.Old.Name] == x.Old && x.Old.Name == x.New.Name
		s.routers[x.New.Name] = x.New
	case AddSwitch:
		ok = s.switches[x.Switch.Name] == nil && s.routers[x.Switch.Name] == nil
		s.switches[x.Switch.Name] = x.Switch
	case RemoveSwitch:
		ok = s.switches[x.Switch.Name] != nil && !uses(End{Device: x.Switch.Name})
		delete(s.switches, x.Switch.Name)
	case ChangeSwitch:
		ok = s.switches[x.Old.Name] == x.Old && x.Old.Name == x.New.Name && x.Old.Type == x.New.Type && plugged(x.New)
		s.switches[x.New.Name] = x.New
	case AddLAN:
		ok = !s.lans[x.LAN.ID]
		s.lans[x.LAN.ID] = true
	case RemoveLAN:
		ok = s.lans[x.LAN.ID] && !uses(End{LAN: x.LAN.ID})
		delete(s.lans, x.LAN.ID)
	case AddLink:
		l := x.Link
		ok = has(l.A, l.Kind) && has(l.B, l.Kind) && !s.links[l.key()] && free(l.A) && free(l.B)
		s.links[x.Link.key()] = true
	case RemoveLink:
		ok = s.links[x.Link.key()]
		delete(s.links, x.Link.key())
	}
	if !ok {
		t.Errorf("step not possible at its place: %s", step)
	}
}

// checkPlan applies the plan from a to b to a, and compares with b.
func checkPlan(t testing.TB, a, b *Lab) {
	t.Helper()
	if p := Diff(a, a); len(p) != 0 {
		t.Errorf("plan from a lab to itself: %v", p)
	}
	s, want := stateOf(a), stateOf(b)
	for _, step := range Diff(a, b) {
		s.apply(t, step)
	}
	if len(s.routers) != len(want.routers) || len(s.switches) != len(want.switches) || len(s.lans) != len(want.lans) || len(s.links) != len(want.links) {
		t.Errorf("the plan ends in %v, want %v", s, want)
	}
	for name, r := range want.routers {
		if s.routers[name] == nil {
			t.Errorf("the plan lacks router %s", name)
		} else if c, changed := change(s.routers[name], r); changed {
			t.Errorf("the plan leaves %s", c)
		}
	}
	for name, w := range want.switches {
		if s.switches[name] == nil || s.switches[name].Type != w.Type {
			t.Errorf("the plan lacks %s %s", w.Type, name)
		} else if c := changes(s.switches[name], w); c != nil {
			t.Errorf("the plan leaves %s: %v", name, c)
		}
	}
	for id := range want.lans {
		if !s.lans[id] {
			t.Errorf("the plan lacks LAN %s", id)
		}
	}
	for k := range want.links {
		if !s.links[k] {
			t.Errorf("the plan lacks link %v", k)
		}
	}
}
