package node_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dynemu/emud/node"
)

// far is the far end of a wire.
type far struct {
	net.Conn
	t *testing.T
}

// send sends a frame that is written in hexadecimal.
func (f far) send(text string) {
	f.t.Helper()
	_, err := f.Write(fromHex(f.t, text))
	must(f.t, err)
}

// expect waits for the next frame, which must be this one.
func (f far) expect(text string) {
	f.t.Helper()
	must(f.t, f.SetReadDeadline(time.Now().Add(10*time.Second)))
	buf := make([]byte, 40000)
	n, err := f.Read(buf)
	if err != nil || !bytes.Equal(buf[:n], fromHex(f.t, text)) {
		f.t.Fatalf("%x came, %v; want %s", buf[:n], err, text)
	}
}

// closed waits for the end of the wire.
func (f far) closed() {
	f.t.Helper()
	must(f.t, f.SetReadDeadline(time.Now().Add(10*time.Second)))
	if n, err := f.Read(make([]byte, 10)); n != 0 || os.IsTimeout(err) {
		f.t.Errorf("a wire that should be closed: %d bytes, %v", n, err)
	}
}

func fromHex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	must(t, err)
	return b
}

// ether is a frame between two stations.
func ether(to, from int, payload string) string {
	return fmt.Sprintf("02000000%04x 02000000%04x 88b5 %s", to, from, payload)
}

// access returns ports in VLANs, numbered from 1.
func access(vlans ...int) (ports []node.SwitchPortSpec) {
	for i, v := range vlans {
		ports = append(ports, node.SwitchPortSpec{Number: i + 1, Kind: node.KindEthernet, Mode: "access", VLAN: v})
	}
	return ports
}

// serials returns ports of an FRSW, numbered from 1.
func serials(count int) (ports []node.SwitchPortSpec) {
	for i := range count {
		ports = append(ports, node.SwitchPortSpec{Number: i + 1, Kind: node.KindSerial})
	}
	return ports
}

// pvc is a circuit of an FRSW.
func pvc(port1, dlci1, port2, dlci2 int) node.CircuitSpec {
	return node.CircuitSpec{From: node.CircuitEnd{Port: port1, DLCI: dlci1, VPI: -1, VCI: -1}, To: node.CircuitEnd{Port: port2, DLCI: dlci2, VPI: -1, VCI: -1}}
}

// setupSwitch prepares a switch whose ports are plugged into pipes; ends are their far
// ends by number.
func setupSwitch(t *testing.T, spec node.SwitchSpec) (b *bench, ends map[int]far) {
	t.Helper()
	b = setup(t)
	b.spec.Switch, b.spec.Device, b.spec.Ports, b.spec.Config.Platform = &spec, "SW", nil, ""
	b.files.NVRAM, b.files.Vars = nil, nil
	ends = map[int]far{}
	for _, p := range spec.Ports {
		name := strconv.Itoa(p.Number)
		theirs, ours := pair(t)
		b.files.Ports[name], ends[p.Number] = theirs, far{ours, t}
		b.spec.Ports = append(b.spec.Ports, node.PortSpec{Name: name, Port: p.Number, Kind: p.Kind, Wire: node.WirePipe})
	}
	return b, ends
}

// startSwitch starts it, and closes the bench's copies of the wires.
func (b *bench) startSwitch() *node.Node {
	b.t.Helper()
	n, err := node.Start(b.opt, b.spec, b.files)
	must(b.t, err)
	b.t.Cleanup(func() { n.Kill() })
	for _, f := range b.files.Ports {
		f.Close()
	}
	return n
}

func text(t *testing.T, fn func() ([]byte, error)) string {
	t.Helper()
	b, err := fn()
	must(t, err)
	return string(b)
}

func TestEthernetSwitch(t *testing.T) {
	b, ends := setupSwitch(t, node.SwitchSpec{Type: node.EthernetSwitch, Ports: access(10, 10, 20, 20)})
	n := b.startSwitch()
	if n.State() != node.Running {
		t.Errorf("state of a switch after its start: %s", n.State())
	}
	ends[1].send(ether(0xffff, 1, "01"))
	ends[2].expect(ether(0xffff, 1, "01"))
	ends[2].send(ether(1, 2, "02"))
	ends[1].expect(ether(1, 2, "02"))
	ends[3].send(ether(0xffff, 3, "03"))
	ends[4].expect(ether(0xffff, 3, "03"))
	ends[4].send(ether(3, 4, "04"))
	ends[3].expect(ether(3, 4, "04")) // and nothing of VLAN 10 before it
	table := "0200.0000.0001  10  1\n0200.0000.0002  10  2\n0200.0000.0003  20  3\n0200.0000.0004  20  4\n"
	if got := text(t, n.Table); got != table {
		t.Errorf("table:\n%swant:\n%s", got, table)
	}
	if got, want := text(t, n.SwitchStatus), "port 1 up access vlan=10\nport 2 up access vlan=10\nport 3 up access vlan=20\nport 4 up access vlan=20\n"; got != want {
		t.Errorf("status:\n%swant:\n%s", got, want)
	}
	ends[1].send(ether(1, 1, "05")) // to itself
	eventually(t, "the counters", func() bool {
		st, err := n.Status()
		must(t, err)
		p := st.Ports["1"]
		return p.RxFrames == 2 && p.TxFrames == 1 && p.RxBytes == 30 && p.TxBytes == 15 && p.Dropped["switch-filtered"] == 1 &&
			len(p.Dropped) == 1 && p.Plugged && p.Carrier && p.Enabled && st.Uptime > 0 && st.State == node.Running
	})
	must(t, n.ClearTable())
	if got := text(t, n.Table); got != "" {
		t.Errorf("table after it was cleared:\n%s", got)
	}
	for what, err := range map[string]error{
		"suspend: an ETHSW has no processor": n.Suspend(),
		"resume: an ETHSW":                   n.Resume(),
		"reset: an ETHSW":                    n.Reset(),
		`unknown operation "insert"`:         n.Insert(1, "PA-4T+", nil, nil),
		`unknown operation "confreg"`:        n.SetConfReg(1),
	} {
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%v, want %q", err, what)
		}
	}
	if _, err := n.NVRAM(); err == nil {
		t.Error("a switch has NVRAM")
	}
	st, err := n.Status()
	must(t, err)
	t.Logf("memory of a switch: %d KiB, %d KiB of it of files", st.RSS>>10, st.Shared>>10)
	if own := st.RSS - st.Shared; own > 16<<20 {
		t.Errorf("the switch uses %d MiB of its own", own>>20)
	}
	must(t, n.Stop(ctx(t, 10*time.Second)))
	ends[1].closed()
}

// A hub has the frames of every port at all others.
func TestHub(t *testing.T) {
	b, ends := setupSwitch(t, node.SwitchSpec{Type: node.Hub, Ports: []node.SwitchPortSpec{{Number: 0, Kind: node.KindEthernet}, {Number: 1, Kind: node.KindEthernet}, {Number: 7, Kind: node.KindEthernet}}})
	n := b.startSwitch()
	ends[0].send(ether(2, 1, "01"))
	ends[1].expect(ether(2, 1, "01"))
	ends[7].expect(ether(2, 1, "01"))
	if _, err := n.Table(); err == nil || !strings.Contains(err.Error(), "an HUB has no table") {
		t.Errorf("the table of a hub: %v", err)
	}
	if got := text(t, n.SwitchStatus); got != "port 0 up\nport 1 up\nport 7 up\n" {
		t.Errorf("status:\n%s", got)
	}
}

// Enquiries and answers of LMI, ANSI Annex D (netio-hypervisor reference, 10.1).
const (
	enquireAll = "0001 03 08 00 75 95 01 01 00 03 02 01 00"
	statusOf   = "0001 03 08 00 7d 95 01 01 00 03 02 01 01 07 03 " // and a circuit
)

func TestFrameRelaySwitch(t *testing.T) {
	b, ends := setupSwitch(t, node.SwitchSpec{Type: node.FrameRelaySwitch, Ports: serials(2), Circuits: []node.CircuitSpec{pvc(1, 102, 2, 201)}})
	n := b.startSwitch()
	ends[1].send("1861 03 cc 45") // DLCI 102
	ends[2].expect("3091 03 cc 45")
	ends[1].send(enquireAll)
	ends[1].expect(statusOf + "06 b0 82") // active
	must(t, n.SetCarrier("2", false))
	eventually(t, "the circuit inactive", func() bool {
		return strings.Contains(text(t, n.SwitchStatus), "circuit 1:102 2:201 inactive frames=1 bytes=5\n")
	})
	// A change of status is told in the answer to whatever is asked next.
	ends[1].send(enquireAll)
	ends[1].expect(statusOf + "06 b0 80") // inactive
	ends[1].send("1861 03 cc 46")
	eventually(t, "a frame dropped at a circuit that is down", func() bool {
		st, err := n.Status()
		must(t, err)
		return st.Ports["1"].Dropped["switch-down"] == 1 && !st.Ports["2"].Carrier && st.Ports["2"].Plugged
	})
	if got, want := text(t, n.SwitchStatus), "port 1 up lmi=ansi enquiries=2 timeouts=0 lost=0\nport 2 down lmi=none enquiries=0 timeouts=0 lost=0\n"+
		"circuit 1:102 2:201 inactive frames=1 bytes=5\ncircuit 2:201 1:102 active frames=0 bytes=0\n"; got != want {
		t.Errorf("status:\n%swant:\n%s", got, want)
	}
	must(t, n.SetCarrier("2", true))
	eventually(t, "the circuit active", func() bool { return !strings.Contains(text(t, n.SwitchStatus), "inactive") })
	ends[1].send(enquireAll)
	ends[1].expect(statusOf + "06 b0 82")
	ends[1].send("1861 03 cc 47")
	ends[2].expect("3091 03 cc 47")
	// The other end's node ends.
	ends[2].Close()
	eventually(t, "the event of a wire that ended", func() bool {
		select {
		case e := <-n.Events():
			return e.Port == "2" && e.NIO == node.WirePipe && e.Error != "" && e.State == node.Running
		default:
			return false
		}
	})
	eventually(t, "the circuit inactive", func() bool { return strings.Contains(text(t, n.SwitchStatus), "2:201 inactive") })
	ends[1].send(enquireAll)
	ends[1].expect(statusOf + "06 b0 80")
	if s := n.Spec(); s.Ports[1].Wire != node.WireNone || s.Ports[0].Wire != node.WirePipe {
		t.Errorf("ports with one wire that ended: %+v", s.Ports)
	}
	// And comes again.
	theirs, ours := pair(t)
	must(t, n.Plug("2", node.WirePipe, theirs))
	eventually(t, "the circuit active", func() bool { return !strings.Contains(text(t, n.SwitchStatus), "inactive") })
	ends[1].send("1861 03 cc 48")
	far{ours, t}.expect("3091 03 cc 48")
}

// Promise: 65.
func TestATMSwitches(t *testing.T) {
	cell := func(vpi, vci int, hec string) string {
		return fmt.Sprintf("%02x%01x%04x0 %s %s", vpi>>4, vpi&15, vci, hec, strings.Repeat("5a", 48))
	}
	atm := []node.SwitchPortSpec{{Number: 1, Kind: node.KindATM}, {Number: 2, Kind: node.KindATM}}
	b, ends := setupSwitch(t, node.SwitchSpec{Type: node.ATMSwitch, Ports: atm, Circuits: []node.CircuitSpec{
		{From: node.CircuitEnd{Port: 1, VPI: 5, VCI: -1}, To: node.CircuitEnd{Port: 2, VPI: 6, VCI: -1}},
		{From: node.CircuitEnd{Port: 1, VPI: 1, VCI: 100}, To: node.CircuitEnd{Port: 2, VPI: 2, VCI: 200}},
	}})
	n := b.startSwitch()
	ends[1].send(cell(1, 100, "00"))
	ends[2].expect(cell(2, 200, "63"))
	if got, want := text(t, n.SwitchStatus), "port 1 up\nport 2 up\ncircuit 1:5 2:6 active cells=0\ncircuit 2:6 1:5 active cells=0\n"+
		"circuit 1:1:100 2:2:200 active cells=1\ncircuit 2:2:200 1:1:100 active cells=0\n"; got != want {
		t.Errorf("status:\n%swant:\n%s", got, want)
	}

	atm[0].Kind = node.KindEthernet
	b, ends = setupSwitch(t, node.SwitchSpec{Type: node.ATMBridge, Ports: atm, Circuits: []node.CircuitSpec{
		{From: node.CircuitEnd{Port: 1, VPI: -1, VCI: -1}, To: node.CircuitEnd{Port: 2, VPI: 0, VCI: 32}},
	}})
	n = b.startSwitch()
	ends[1].send(ether(1, 2, "01"))
	must(t, ends[2].SetReadDeadline(time.Now().Add(10*time.Second)))
	buf := make([]byte, 100)
	if k, err := ends[2].Read(buf); err != nil || k != 53 || hex.EncodeToString(buf[5:15]) != "aaaa030080c200070000" {
		t.Errorf("a bridged frame: %x, %v", buf[:k], err)
	}
	ends[2].send(hex.EncodeToString(buf[:53]))
	ends[1].expect(ether(1, 2, "01"))
	if got, want := text(t, n.SwitchStatus), "port 1 up ethernet\nport 2 up atm\ncircuit 1 2:0:32 active to-atm=1 from-atm=1\n"; got != want {
		t.Errorf("status:\n%swant:\n%s", got, want)
	}
}

// A description that the switch does not take starts nothing.
func TestBadSwitch(t *testing.T) {
	for want, spec := range map[string]node.SwitchSpec{
		`type of switch "ROUTER": wanted ETHSW, FRSW`:              {Type: "ROUTER"},
		`port 1: kind "serial": a port of an ETHSW is ethernet`:    {Type: node.EthernetSwitch, Ports: serials(1)},
		"VLAN 4095: wanted 1 to 4094":                              {Type: node.EthernetSwitch, Ports: access(4095)},
		"DLCI 102 of port 1 is mapped already":                     {Type: node.FrameRelaySwitch, Ports: serials(2), Circuits: []node.CircuitSpec{pvc(1, 102, 2, 201), pvc(1, 102, 2, 202)}},
		"port 3: the switch has no such port":                      {Type: node.FrameRelaySwitch, Ports: serials(2), Circuits: []node.CircuitSpec{pvc(1, 102, 3, 201)}},
		"DLCI 1023: wanted 1 to 1022":                              {Type: node.FrameRelaySwitch, Ports: serials(2), Circuits: []node.CircuitSpec{pvc(1, 102, 2, 1023)}},
		"the switch has this port already":                         {Type: node.FrameRelaySwitch, Ports: slices.Concat(serials(1), serials(1))},
		"port 5000: the number of a port is 0 to 1023":             {Type: node.Hub, Ports: []node.SwitchPortSpec{{Number: 5000, Kind: node.KindEthernet}}},
		"a switch for Ethernet has no circuits":                    {Type: node.EthernetSwitch, Ports: access(1, 1), Circuits: []node.CircuitSpec{pvc(1, 102, 2, 201)}},
		`port type "trunk": wanted access, dot1q or qinq`:          {Type: node.EthernetSwitch, Ports: []node.SwitchPortSpec{{Kind: node.KindEthernet, Mode: "trunk"}}},
		"the description of the switch does not have it":           {Type: node.Hub},
		"port 1: wire of kind \"pipe\": its descriptor is missing": {Type: node.Hub, Ports: access(1)},
	} {
		b, _ := setupSwitch(t, spec)
		if len(spec.Ports) == 0 {
			b.spec.Ports = []node.PortSpec{{Name: "1", Port: 1, Wire: node.WireNull}}
		}
		if strings.Contains(want, "missing") {
			b.files.Ports = nil
		}
		n, err := node.Start(b.opt, b.spec, b.files)
		if err == nil {
			n.Kill()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		if left := b.runtimeFiles(); len(left) != 0 {
			t.Errorf("%q left %v", want, left)
		}
	}
}

// What stays of a configuration is not disturbed by what comes and goes.
func TestConfigureEthernetSwitch(t *testing.T) {
	b, ends := setupSwitch(t, node.SwitchSpec{Type: node.EthernetSwitch, Ports: access(10, 10, 10)})
	n := b.startSwitch()
	for i := 1; i <= 3; i++ {
		ends[i].send(ether(0xffff, i, "01"))
		for k := 1; k <= 3; k++ {
			if k != i {
				ends[k].expect(ether(0xffff, i, "01"))
			}
		}
	}
	must(t, n.SetFilter("1", "in freq_drop 100"))
	// Port 2 goes to VLAN 20, port 3 goes away, 4 comes.
	spec := node.SwitchSpec{Type: node.EthernetSwitch, Ports: access(10, 20, 0, 20)}
	spec.Ports = slices.Delete(spec.Ports, 2, 3)
	spec.Ports[2].Wire = node.WirePipe
	theirs, ours := pair(t)
	ends[4] = far{ours, t}
	must(t, n.Configure(spec, map[string]*os.File{"4": theirs}))
	theirs.Close()
	ends[3].closed()
	if got, want := text(t, n.Table), "0200.0000.0001  10  1\n"; got != want {
		t.Errorf("table:\n%swant:\n%s", got, want)
	}
	ends[4].send(ether(0xffff, 4, "02"))
	ends[2].expect(ether(0xffff, 4, "02"))
	st, err := n.Status()
	must(t, err)
	if p := st.Ports["1"]; p.RxFrames != 1 || p.TxFrames != 2 || p.Filter != "in freq_drop 100" || len(st.Ports) != 3 {
		t.Errorf("port 1 after the change: %+v of %d", p, len(st.Ports))
	}
	if got, want := text(t, n.SwitchStatus), "port 1 up access vlan=10\nport 2 up access vlan=20\nport 4 up access vlan=20\n"; got != want {
		t.Errorf("status:\n%swant:\n%s", got, want)
	}
	want := []node.PortSpec{
		{Name: "1", Port: 1, Kind: node.KindEthernet, Wire: node.WirePipe, Filter: "in freq_drop 100"},
		{Name: "2", Port: 2, Kind: node.KindEthernet, Wire: node.WirePipe},
		{Name: "4", Port: 4, Kind: node.KindEthernet, Wire: node.WirePipe},
	}
	if got := n.Spec().Ports; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("ports %+v, want %+v", got, want)
	}

	// What is refused changes nothing.
	add9 := func(wire string) func(s *node.SwitchSpec) {
		return func(s *node.SwitchSpec) {
			s.Ports = append(s.Ports, node.SwitchPortSpec{Number: 9, Kind: node.KindEthernet, Mode: "access", VLAN: 1, Wire: wire})
		}
	}
	for text, c := range map[string]struct {
		change func(s *node.SwitchSpec)
		files  map[string]*os.File
	}{
		"VLAN 5000: wanted 1 to 4094":         {func(s *node.SwitchSpec) { s.Ports[0].VLAN = 5000 }, nil},
		"an ETHSW and cannot become an FRSW":  {func(s *node.SwitchSpec) { s.Type = node.FrameRelaySwitch }, nil},
		"the switch has this port already":    {func(s *node.SwitchSpec) { s.Ports = append(s.Ports, s.Ports[0]) }, nil},
		"a switch for Ethernet has no":        {func(s *node.SwitchSpec) { s.Circuits = []node.CircuitSpec{pvc(1, 1, 2, 2)} }, nil},
		`the file "port:1" came along`:        {func(s *node.SwitchSpec) {}, map[string]*os.File{"1": os.Stdin}},
		`port 9: wire of kind "pipe": its`:    {add9(node.WirePipe), nil},
		`port 9: wire of kind "fiber": unkn`:  {add9("fiber"), map[string]*os.File{"9": os.Stdin}},
		`port 9: wire of kind "none": unkno`:  {add9(node.WireNone), map[string]*os.File{"9": os.Stdin}},
		`port 9: not a TAP`:                   {add9(node.WireTAP), map[string]*os.File{"9": os.Stdin}},
		`port 9: wire of kind "vde": the des`: {add9(node.WireVDE), map[string]*os.File{"9": os.Stdin}},
	} {
		bad := spec
		bad.Ports = slices.Clone(spec.Ports)
		bad.Ports[1].VLAN = 10 // would join 1 and 2
		c.change(&bad)
		if err := n.Configure(bad, c.files); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v, want %q", err, text)
		}
	}
	if got := n.Spec().Ports; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("ports after what was refused: %+v, want %+v", got, want)
	}
	ends[1].send(ether(0xffff, 1, "03"))
	ends[4].send(ether(0xffff, 4, "04"))
	ends[2].expect(ether(0xffff, 4, "04"))
	if got, want := text(t, n.Table), "0200.0000.0001  10  1\n0200.0000.0004  20  4\n"; got != want {
		t.Errorf("table:\n%swant:\n%s", got, want)
	}
}

func TestConfigureFrameRelaySwitch(t *testing.T) {
	b, ends := setupSwitch(t, node.SwitchSpec{Type: node.FrameRelaySwitch, Ports: serials(3),
		Circuits: []node.CircuitSpec{pvc(1, 102, 2, 201), pvc(1, 103, 3, 301), pvc(2, 203, 3, 302)}})
	n := b.startSwitch()
	ends[1].send(enquireAll)
	ends[1].expect(statusOf + "06 b0 82 07 03 06 b8 82")
	ends[1].send("1861 03 cc 45")
	ends[2].expect("3091 03 cc 45")
	// The first is written the other way round, the second changes, the third goes.
	spec := node.SwitchSpec{Type: node.FrameRelaySwitch, Ports: serials(3), Circuits: []node.CircuitSpec{pvc(2, 201, 1, 102), pvc(1, 103, 2, 203)}}
	must(t, n.Configure(spec, nil))
	if got, want := text(t, n.SwitchStatus), "port 1 up lmi=ansi enquiries=1 timeouts=0 lost=0\nport 2 up lmi=none enquiries=0 timeouts=0 lost=0\n"+
		"port 3 up lmi=none enquiries=0 timeouts=0 lost=0\n"+
		"circuit 1:102 2:201 active frames=1 bytes=5\ncircuit 1:103 2:203 active frames=0 bytes=0\n"+
		"circuit 2:201 1:102 active frames=0 bytes=0\ncircuit 2:203 1:103 active frames=0 bytes=0\n"; got != want {
		t.Errorf("status:\n%swant:\n%s", got, want)
	}
	ends[2].send("30b1 03 cc 46") // DLCI 203
	ends[1].expect("1871 03 cc 46")
	spec.Circuits = append(spec.Circuits, pvc(1, 102, 3, 301))
	if err := n.Configure(spec, nil); err == nil || !strings.Contains(err.Error(), "DLCI 102 of port 1 is mapped already, to 2:201") {
		t.Errorf("a circuit that is there twice: %v", err)
	}
	spec.Circuits = nil
	spec.Ports = spec.Ports[:2]
	must(t, n.Configure(spec, nil))
	ends[3].closed()
	ends[1].send("1861 03 cc 45")
	eventually(t, "a frame without circuit", func() bool {
		st, err := n.Status()
		must(t, err)
		return st.Ports["1"].Dropped["switch-no-circuit"] == 1
	})
}

// A switch of more ports than descriptors go with a datagram, and a description that
// is longer than one.
func TestLargeSwitch(t *testing.T) {
	const count = 600
	var circuits []node.CircuitSpec
	for i := range count {
		circuits = append(circuits, pvc(i+1, 16, (i+1)%count+1, 17), pvc(i+1, 18, (i+2)%count+1, 19), pvc(i+1, 20, (i+3)%count+1, 21))
	}
	b, ends := setupSwitch(t, node.SwitchSpec{Type: node.FrameRelaySwitch, Ports: serials(count), Circuits: circuits})
	n := b.startSwitch()
	for i := 1; i <= count; i += 50 {
		ends[i].send("0401 03 cc 45") // DLCI 16
		ends[i%count+1].expect("0411 03 cc 45")
	}
	st, err := n.Status()
	must(t, err)
	if len(st.Ports) != count || !st.Ports["600"].Plugged {
		t.Errorf("%d ports", len(st.Ports))
	}
	t.Logf("memory: %d KiB, %d KiB of it of files", st.RSS>>10, st.Shared>>10)
	n.Release()
	nodes, err := node.Adopt(b.opt)
	must(t, err)
	if len(nodes) != 1 || len(nodes[0].Spec().Switch.Circuits) != len(circuits) {
		t.Fatalf("adopted %d", len(nodes))
	}
	n = nodes[0]
	ends[600].send("0401 03 cc 45")
	ends[1].expect("0411 03 cc 45")
	// Another 300 come while it runs.
	spec := node.SwitchSpec{Type: node.FrameRelaySwitch, Ports: serials(900), Circuits: append(circuits, pvc(600, 30, 900, 31))}
	files := map[string]*os.File{}
	for i := count + 1; i <= 900; i++ {
		theirs, ours := pair(t)
		files[strconv.Itoa(i)], ends[i] = theirs, far{ours, t}
		spec.Ports[i-1].Wire = node.WirePipe
	}
	must(t, n.Configure(spec, files))
	ends[900].send("04f1 03 cc 46") // DLCI 31
	ends[600].expect("04e1 03 cc 46")
	must(t, n.Stop(ctx(t, 10*time.Second)))
}
