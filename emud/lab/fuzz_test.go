package lab

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func seeds(f *testing.F) []string {
	out := []string{plain, before, switched, "\xff\xfe[\x00", "[localhost]\n[[ROUTER R1]]\nimage = '''a\nb'''\n"}
	for _, c := range cases {
		out = append(out, caseText(c.text))
	}
	for _, c := range switchCases {
		out = append(out, caseText(c.text))
	}
	files, err := filepath.Glob("testdata/*.net")
	if err != nil || len(files) == 0 {
		f.Fatal("no sample labs", err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		out = append(out, string(text))
	}
	return out
}

// Whatever the text: no panic, messages within the file and in its order, a
// lab exactly when nothing is wrong, and a lab that makes sense.
func FuzzParse(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		l, messages := Parse("x.net", text)
		var p parser
		decoded := p.decode(text)
		failed := false
		var last Message
		for _, m := range messages {
			if m.Line < 1 || m.Line > max(len(decoded), 1) && decoded != nil {
				t.Errorf("line outside of the file: %s", m)
			} else if len(decoded) > 0 && m.Column > len(decoded[m.Line-1])+1 {
				t.Errorf("column outside of the line: %s", m)
			}
			if m.Column < 1 || m.Text == "" || m.File != "x.net" {
				t.Errorf("incomplete message: %+v", m)
			}
			if m.Line < last.Line || m.Line == last.Line && m.Column < last.Column {
				t.Errorf("%s comes after %s", m, last)
			}
			last = m
			failed = failed || m.Severity == Error
		}
		if failed != (l == nil) {
			t.Fatalf("lab %v with messages %v", l, messages)
		}
		if l != nil {
			checkLab(t, l)
			checkPlan(t, &Lab{}, l)
			checkPlan(t, l, &Lab{})
		}
	})
}

func FuzzDiff(f *testing.F) {
	all := seeds(f)
	for i, s := range all {
		f.Add([]byte(s), []byte(all[(i+1)%len(all)]))
	}
	f.Fuzz(func(t *testing.T, old, now []byte) {
		a, _ := Parse("x.net", old)
		b, _ := Parse("x.net", now)
		if a == nil || b == nil {
			return
		}
		checkPlan(t, a, b)
		b.Inherit(a)
		checkLab(t, b)
		checkPlan(t, a, b)
		again, _ := Parse("x.net", now)
		again.Inherit(b)
		if p := Diff(b, again); len(p) != 0 {
			t.Errorf("the same text again: %v", p)
		}
	})
}

// checkLab checks what every lab promises.
func checkLab(t *testing.T, l *Lab) {
	names, ports, instances := map[string]bool{}, map[int]string{}, map[int]bool{}
	for _, r := range l.Routers {
		if names[r.Name] || !validName(r.Name) || instances[r.Instance] || modelTable[r.Model] == nil || r.Image == "" {
			t.Errorf("router %+v", *r)
		}
		names[r.Name], instances[r.Instance] = true, true
		for _, p := range []int{r.Console, r.AUX} {
			if p == 0 {
				continue
			}
			if ports[p] != "" || p > 65535 {
				t.Errorf("%s and %s share port %d", r.Name, ports[p], p)
			}
			ports[p] = r.Name
		}
		if r.Console == 0 {
			t.Errorf("%s has no console", r.Name)
		}
		seen := map[string]bool{}
		for _, p := range r.Ports {
			if seen[p.Name] || p.Slot >= len(r.Slots) || r.Slots[p.Slot] == "" || p.Kind == "" {
				t.Errorf("%s: port %+v", r.Name, p)
			}
			seen[p.Name] = true
		}
	}
	kinds := map[End]Kind{}
	for _, r := range l.Routers {
		for _, p := range r.Ports {
			kinds[End{Device: r.Name, Port: p.Name}] = p.Kind
		}
	}
	for _, w := range l.Switches {
		if names[w.Name] || !validName(w.Name) {
			t.Errorf("switch %+v", *w)
		}
		names[w.Name] = true
		checkSwitch(t, w)
		for _, p := range w.Ports {
			kinds[End{Device: w.Name, Port: p.Name()}] = p.Kind
		}
	}
	used, owned := map[End]bool{}, map[string]bool{}
	for _, k := range l.Links {
		for _, e := range []End{k.A, k.B} {
			switch {
			case e.Device == "" && (e == k.A || (e.LAN == "") == (e.NIO == NIO{}) || e.Port != ""):
				t.Errorf("%+v is no end", e)
			case e.LAN != "" && k.Kind != Ethernet || !e.NIO.Carries(k.Kind):
				t.Errorf("%s carries %s", e, k.Kind)
			case e.Device == "" && owned[e.NIO.own()], e.Device != "" && used[e]:
				t.Errorf("%s is used twice", e)
			case e.Device != "" && kinds[e] != k.Kind:
				t.Errorf("%s is %q, its link %s", e, kinds[e], k.Kind)
			}
			used[e], owned[e.NIO.own()] = true, e.NIO.own() != ""
		}
	}
}

// checkSwitch checks what every switch promises.
func checkSwitch(t *testing.T, w *Switch) {
	last := -1
	kinds := map[int]Kind{}
	for _, p := range w.Ports {
		kind := map[string]Kind{"ETHSW": Ethernet, "HUB": Ethernet, "FRSW": Serial, "ATMSW": ATM, "ATMBR": p.Kind}[w.Type]
		vlan := w.Type == "ETHSW" && slices.Contains(modes, p.Mode) && p.VLAN >= 1 && p.VLAN <= 4094 &&
			(p.Mode == "qinq") == (p.EtherType != 0) && (p.EtherType == 0 || slices.Contains(etherTypes, p.EtherType))
		if p.Number <= last || p.Number > maxPort || p.Kind != kind || p.Kind != Ethernet && p.Kind != Serial && p.Kind != ATM ||
			!vlan && (w.Type == "ETHSW" || p.Mode != "" || p.VLAN != 0 || p.EtherType != 0) {
			t.Errorf("%s %s: port %+v", w.Type, w.Name, p)
		}
		last = p.Number
		kinds[p.Number] = p.Kind
	}
	ends := map[CircuitEnd]bool{}
	for _, c := range w.Circuits {
		for i, e := range []CircuitEnd{c.From, c.To} {
			var kind Kind
			var ok bool
			switch {
			case w.Type == "FRSW":
				kind, ok = Serial, e.DLCI >= 1 && e.DLCI <= 1022 && e.VPI == -1 && e.VCI == -1
			case w.Type == "ATMBR" && i == 0:
				kind, ok = Ethernet, e.DLCI == 0 && e.VPI == -1 && e.VCI == -1
			default:
				kind, ok = ATM, e.DLCI == 0 && e.VPI >= 0 && e.VPI <= 4095 && e.VCI >= -1 && e.VCI <= 65535
				ok = ok && (e.VCI == -1) == (c.From.VCI == -1 && w.Type == "ATMSW")
			}
			if !ok || kinds[e.Port] != kind || ends[e] || w.Type == "ETHSW" || w.Type == "HUB" {
				t.Errorf("%s %s: circuit %s: %+v at a port that is %q", w.Type, w.Name, c, e, kinds[e.Port])
			}
			ends[e] = true
		}
	}
}
