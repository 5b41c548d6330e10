package runner

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"dynemu/emud/node"
)

// newTestSwitch returns a running switch whose ports have null wires.
func newTestSwitch(t testing.TB, spec node.SwitchSpec) *virtualSwitch {
	t.Helper()
	r := &runner{
		conns: map[*node.Conn]bool{}, log: &logger{w: io.Discard}, captures: map[string]*capturing{}, events: make(chan event, maxEvents),
		spec: &node.Spec{Switch: &spec},
	}
	d, err := newSwitch(r, spec)
	if err != nil {
		t.Fatal(err)
	}
	r.device = d
	var ports []node.PortSpec
	for _, p := range spec.Ports {
		ports = append(ports, node.PortSpec{Name: strconv.Itoa(p.Number), Port: p.Number, Kind: p.Kind, Wire: node.WireNull})
	}
	opened, err := r.openPorts(ports, &node.Received{})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.build(); err != nil {
		t.Fatal(err)
	}
	if err := r.addPorts(opened); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.stop)
	return d
}

// randomSwitch makes a description of which many are wrong.
func randomSwitch(kind string, rnd *rand.Rand) node.SwitchSpec {
	spec := node.SwitchSpec{Type: kind}
	kinds := engines[kind].kinds
	for n := range 6 {
		if rnd.IntN(4) == 0 {
			continue
		}
		p := node.SwitchPortSpec{Number: n, Kind: kinds[rnd.IntN(len(kinds))], Wire: node.WireNull}
		if kind == node.EthernetSwitch {
			p.Mode, p.VLAN = []string{"access", "dot1q", "qinq"}[rnd.IntN(3)], 1+rnd.IntN(3)
			if p.Mode == "qinq" {
				p.EtherType = []int{0, 0x8100, 0x88a8, 0x9100}[rnd.IntN(4)]
			}
		}
		spec.Ports = append(spec.Ports, p)
	}
	end := func() node.CircuitEnd {
		e := node.CircuitEnd{Port: rnd.IntN(6), VPI: -1, VCI: -1}
		switch kind {
		case node.FrameRelaySwitch:
			e.DLCI = 16 + rnd.IntN(8)
		case node.ATMSwitch, node.ATMBridge:
			e.VPI, e.VCI = rnd.IntN(4), rnd.IntN(8)-1
		}
		return e
	}
	if kind != node.EthernetSwitch && kind != node.Hub {
		for range rnd.IntN(5) {
			c := node.CircuitSpec{From: end(), To: end()}
			if rnd.IntN(2) == 0 && c.From.VCI != -1 {
				c.To.VCI = c.From.VCI
			} else if kind == node.ATMSwitch {
				c.From.VCI, c.To.VCI = -1, -1
			}
			spec.Circuits = append(spec.Circuits, c)
		}
	}
	return spec
}

// However a switch came to its configuration, it is as one that was made with it; what
// is refused leaves it as it was.
func TestConfigureEqualsNew(t *testing.T) {
	for kind := range engines {
		rnd := rand.New(rand.NewPCG(1, 2))
		var spec node.SwitchSpec
		for spec = randomSwitch(kind, rnd); try(spec) != nil; spec = randomSwitch(kind, rnd) {
		}
		d := newTestSwitch(t, spec)
		done, refused := 0, 0
		for done < 60 {
			next := randomSwitch(kind, rnd)
			if rnd.IntN(3) == 0 { // a part of it only, as users do
				next.Ports = spec.Ports
			}
			body, err := json.Marshal(next)
			if err != nil {
				t.Fatal(err)
			}
			before := d.describe()
			d.r.wiring.Lock()
			_, _, err = d.handle(&node.Received{Message: node.Message{Op: node.OpConfigure, Body: body}, Files: map[string]*os.File{}})
			d.r.wiring.Unlock()
			if good := try(next) == nil; good != (err == nil) {
				t.Fatalf("%s: configured: %v; a new one: %v; %s", kind, err, good, body)
			}
			if err != nil {
				refused++
				if after := d.describe(); after != before {
					t.Fatalf("%s: what was refused (%v) changed\n%sto\n%s", kind, err, before, after)
				}
				continue
			}
			done++
			spec = next
			if got, want := d.describe(), newTestSwitch(t, spec).describe(); got != want {
				t.Fatalf("%s: configured:\n%snew:\n%s", kind, got, want)
			}
			var names []string
			for _, p := range d.r.hello().Spec.Ports {
				names = append(names, fmt.Sprint(p.Name, p.Kind, p.Wire))
			}
			var want []string
			for _, p := range spec.Ports {
				want = append(want, fmt.Sprint(p.Number, p.Kind, node.WireNull))
			}
			if fmt.Sprint(names) != fmt.Sprint(want) {
				t.Fatalf("%s: ports %v, want %v", kind, names, want)
			}
		}
		t.Logf("%s: %d done, %d refused", kind, done, refused)
	}
}

// Requests of several connections, and frames, at once: for the race detector.
func TestRequestsAtOnce(t *testing.T) {
	spec := node.SwitchSpec{Type: node.EthernetSwitch}
	for n := range 4 {
		spec.Ports = append(spec.Ports, node.SwitchPortSpec{Number: n, Kind: node.KindEthernet, Mode: "access", VLAN: 1, Wire: node.WireNull})
	}
	d := newTestSwitch(t, spec)
	r := d.r
	r.started = make(chan struct{})
	close(r.started)
	go r.deliver()
	pipe := func() (near, far *os.File) {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Error(err)
			return os.Stdin, os.Stdin
		}
		return os.NewFile(uintptr(fds[0]), "near"), os.NewFile(uintptr(fds[1]), "far")
	}
	dir := t.TempDir()
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(worker), 3))
			frame := []byte{2, 0, 0, 0, 0, byte(rnd.IntN(8)), 2, 0, 0, 0, 0, byte(worker), 0x88, 0xb5, 1}
			for i := range 150 {
				port, id := strconv.Itoa(rnd.IntN(4)), fmt.Sprint(worker, "-", i)
				ask := func(op string, body any, files map[string]*os.File) error {
					b, err := json.Marshal(body)
					if err != nil {
						t.Error(err)
					}
					m := &node.Received{Message: node.Message{Op: op, Body: b}, Files: files}
					_, content, err := r.handle(m)
					m.CloseFiles()
					if content != nil {
						content.Close()
					}
					return err
				}
				switch rnd.IntN(10) {
				case 0, 1:
					near, far := pipe()
					if err := ask(node.OpPlug, node.PlugRequest{Port: port, Kind: node.WirePipe}, map[string]*os.File{node.FileWire: near}); err != nil && port != "3" {
						t.Error(err)
					}
					for range 20 {
						far.Write(frame)
					}
					far.Close() // the wire ends by itself
				case 2:
					ask(node.OpUnplug, node.PlugRequest{Port: port}, nil)
				case 3:
					ask(node.OpCarrier, node.CarrierRequest{Port: port, Up: rnd.IntN(2) == 0}, nil)
				case 4:
					ask(node.OpFilter, node.TextRequest{Port: port, Text: "freq_drop 3"}, nil)
				case 5:
					ask(node.OpImpair, node.TextRequest{Port: port, Text: "both delay 1ms loss 1%"}, nil)
				case 6:
					f, err := os.Create(filepath.Join(dir, id))
					if err != nil {
						t.Error(err)
						return
					}
					if err := ask(node.OpCapture, node.CaptureRequest{ID: id, Port: port}, map[string]*os.File{node.FileContent: f}); err != nil && port != "3" {
						t.Error(err)
					}
					if rnd.IntN(2) == 0 {
						ask(node.OpNoCapture, node.CaptureEnd{ID: id}, nil)
					}
				case 7:
					// Port 3 comes and goes.
					s := spec
					s.Ports = s.Ports[:3+rnd.IntN(2)]
					if err := ask(node.OpConfigure, s, map[string]*os.File{}); err != nil {
						t.Error(err)
					}
				case 8:
					ask(node.OpStatus, nil, nil)
					ask(node.OpHello, nil, nil)
				case 9:
					ask(node.OpTable, nil, nil)
					ask(node.OpSwitchStatus, nil, nil)
				}
			}
		})
	}
	wg.Wait()
	r.endWires()
	if len(r.captures) > 0 {
		t.Errorf("captures after the end: %v", r.captures)
	}
}

// No request ends the node, and one that is refused changes nothing.
func FuzzRequests(f *testing.F) {
	ops := []string{node.OpConfigure, node.OpPlug, node.OpUnplug, node.OpCarrier, node.OpFilter, node.OpImpair, node.OpOutlet, node.OpNoOutlet, node.OpCapture,
		node.OpNoCapture, node.OpInterface, node.OpNoInterface, node.OpTable, node.OpClearTable, node.OpSwitchStatus, node.OpSuspend, node.OpStatus, node.OpHello, "dance"}
	for i := range ops {
		f.Add(byte(i), []byte(`{"port":"1","kind":"null","up":true,"text":"none","id":"x"}`))
	}
	f.Add(byte(0), []byte(`{"type":"FRSW","ports":[{"number":1,"kind":"serial"},{"number":7,"kind":"serial","wire":"null"}],"circuits":[{"from":{"port":1,"dlci":16,"vpi":-1,"vci":-1},"to":{"port":7,"dlci":1007,"vpi":-1,"vci":-1}}]}`))
	f.Add(byte(4), []byte(`{"port":"2","text":"in freq_drop 3; out freq_drop -1"}`))
	f.Add(byte(5), []byte(`{"port":"2","text":"both delay 10ms jitter 2ms loss 1% rate 2mbit"}`))
	spec := node.SwitchSpec{Type: node.FrameRelaySwitch, Ports: []node.SwitchPortSpec{{Number: 1, Kind: node.KindSerial}, {Number: 2, Kind: node.KindSerial}}}
	f.Fuzz(func(t *testing.T, op byte, body []byte) {
		if !json.Valid(body) {
			body = nil
		}
		d := newTestSwitch(t, spec)
		d.r.started = make(chan struct{})
		close(d.r.started)
		say := func() string {
			b, err := json.Marshal(d.r.hello())
			if err != nil {
				t.Fatal(err)
			}
			return string(b) + d.describe()
		}
		before := say()
		m := &node.Received{Message: node.Message{Op: ops[int(op)%len(ops)], Body: body}, Files: map[string]*os.File{}}
		answer, content, err := d.r.handle(m)
		if content != nil {
			content.Close()
		}
		if _, jsonErr := json.Marshal(answer); jsonErr != nil {
			t.Fatal(jsonErr)
		}
		if after := say(); err != nil && after != before {
			t.Fatalf("%s %s was refused (%v) and changed\n%s\nto\n%s", m.Op, body, err, before, after)
		}
		d.r.endWires()
	})
}
