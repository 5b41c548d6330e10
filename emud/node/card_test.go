package node_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dynemu/emud/node"
)

// ports of a card in slot 1, as a daemon describes them.
func cardPorts(wire string) []node.PortSpec {
	return []node.PortSpec{{Name: "s1/0", Slot: 1, Port: 0, Wire: wire}, {Name: "s1/1", Slot: 1, Port: 1, Wire: "none"}}
}

func TestInsertAndRemove(t *testing.T) {
	b := setup(t)
	b.spec.Config.Slots = []string{"C7200-IO-FE", ""}
	n := b.start()
	for range 2 {
		f, end := pair(t)
		must(t, n.Insert(1, "PA-4T+", cardPorts("pipe"), map[string]*os.File{"s1/0": f}))
		f.Close()
		echoes(t, end, end.SetReadDeadline)
		st, err := n.Status()
		must(t, err)
		if !st.Ports["s1/0"].Plugged {
			t.Errorf("ports with the card: %+v", st.Ports)
		}
		// The node and what lies beside its socket say the same.
		if s := n.Spec(); s.Config.Slots[1] != "PA-4T+" || len(s.Ports) != 4 || s.Ports[2].Name != "s1/0" {
			t.Errorf("description with the card: %+v", s)
		}
		late, lateEnd := pair(t)
		must(t, n.Plug("s1/1", "pipe", late))
		echoes(t, lateEnd, lateEnd.SetReadDeadline)
		if err := n.Insert(1, "PA-8T", cardPorts("none"), nil); err == nil || !strings.Contains(err.Error(), "taken") {
			t.Errorf("a card into a slot that is taken: %v", err)
		}
		must(t, n.Remove(1))
		if k, err := end.Read(make([]byte, 10)); k != 0 || os.IsTimeout(err) {
			t.Errorf("the wire of a card that is gone: %d bytes, %v", k, err)
		}
		if err := n.Plug("s1/0", "pipe", late); err == nil || !strings.Contains(err.Error(), "there are f0/0, f0/1") {
			t.Errorf("a port of a card that is gone: %v", err)
		}
		if err := n.Remove(1); err == nil {
			t.Error("an empty slot was emptied")
		}
	}
	// A wire that cannot be opened keeps the card out, and the other wires are
	// closed.
	f, end := pair(t)
	g, _ := pair(t)
	ports := cardPorts("pipe")
	ports[1].Wire = "tap"
	err := n.Insert(1, "PA-4T+", ports, map[string]*os.File{"s1/0": f, "s1/1": g})
	f.Close()
	if err == nil || !strings.Contains(err.Error(), "s1/1: not a TAP") {
		t.Errorf("a card with a bad wire: %v", err)
	}
	if k, err := end.Read(make([]byte, 10)); k != 0 || os.IsTimeout(err) {
		t.Errorf("the wire of a card that did not get in: %d bytes, %v", k, err)
	}
	must(t, n.Insert(1, "PA-4T+", cardPorts("none"), nil))
}

// A daemon that died while a card was moved leaves a description that is behind;
// the next one believes the node.
func TestAdoptAfterMove(t *testing.T) {
	b := setup(t)
	b.spec.Config.Slots = []string{"C7200-IO-FE", ""}
	n := b.start()
	path := filepath.Join(b.opt.RuntimeDir, "nodes", "lab.R1.json")
	before, err := os.ReadFile(path)
	must(t, err)
	must(t, n.Insert(1, "PA-4T+", cardPorts("none"), nil))
	want := n.Spec()
	for name, behind := range map[string]bool{"kept": false, "behind": true} {
		n.Release()
		if behind {
			must(t, os.WriteFile(path, before, 0o600))
		}
		nodes, err := node.Adopt(b.opt)
		must(t, err)
		n = nodes[0]
		if got := n.Spec(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("description %s: adopted\n%+v, want\n%+v", name, got, want)
		}
	}
	n.Kill()
}

func TestSetConfigAndConfReg(t *testing.T) {
	b := setup(t)
	n := b.start()
	c, err := n.Console(false, true)
	must(t, err)
	defer c.Close()
	must(t, n.SetConfig(false, []byte("hostname R1\n")))
	must(t, n.SetConfig(true, nil))
	must(t, n.SetConfReg(0x2142))
	expect(t, c, `configs: "hostname R1\n" ""`+"\r\n"+`configs: "" ""`+"\r\nconfreg: 0x2142\r\n")
}
