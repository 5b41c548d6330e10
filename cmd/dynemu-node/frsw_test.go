package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"dynemu/emud/node"
	"dynemu/tests/console"
	"dynemu/vm"
	"dynemu/vm/firmware"
)

// bundled is a router with the bundled image in a node of its own.
type bundled struct {
	*node.Node
	*console.Console
	t *testing.T
}

func startBundled(t *testing.T, n int, serial *os.File) *bundled {
	t.Helper()
	dir := t.TempDir()
	open := func(name string) *os.File {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	image := open("image")
	if _, err := image.Write(firmware.Router()); err != nil {
		t.Fatal(err)
	}
	r, err := node.Start(
		node.Options{RuntimeDir: filepath.Join(dir, "run"), Binary: program, Prefix: "nodetest", Spawn: node.SpawnDirect, Log: t.Logf},
		node.Spec{
			Version: 1, Lab: "lab", Device: fmt.Sprint("R", n),
			Config: vm.Config{Name: fmt.Sprint("R", n), Instance: n, Platform: "c7200", NPE: "npe-400", Midplane: "vxr", RAM: 128, NVRAM: 128, ConfReg: 0x2102,
				IdlePC: firmware.IdlePC(), Slots: []string{"C7200-IO-FE", "PA-4T+"}},
			Ports: []node.PortSpec{
				{Name: "f0/0", Kind: node.KindEthernet, Wire: node.WireNone},
				{Name: "s1/0", Slot: 1, Kind: node.KindSerial, Wire: node.WirePipe},
			},
		},
		node.Files{Image: image, NVRAM: open("nvram"), Vars: open("vars"), Ports: map[string]*os.File{"s1/0": serial}})
	if err != nil {
		t.Fatal(err)
	}
	serial.Close()
	t.Cleanup(func() { r.Kill() })
	conn, err := r.Console(false, true)
	if err != nil {
		t.Fatal(err)
	}
	b := &bundled{r, console.New(conn, conn), t}
	t.Cleanup(func() { b.Console.Close(); conn.Close() })
	if err := b.Login(time.Minute); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bundled) configure(lines ...string) {
	b.t.Helper()
	if err := b.Console.Configure(lines...); err != nil {
		b.t.Fatal(err)
	}
}

// shows waits until the output of a command matches.
func (b *bundled) shows(line, want string) {
	b.t.Helper()
	re, out := regexp.MustCompile(want), ""
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		var err error
		if out, err = b.Command(line, time.Minute); err != nil {
			b.t.Fatal(err)
		}
		if re.MatchString(out) {
			return
		}
	}
	b.t.Fatalf("%q shows no %q:\n%s", line, want, out)
}

// Two routers on a Frame Relay switch see its circuits, and the carrier of each other's
// port, as far as a daemon passes it on.
func TestFrameRelay(t *testing.T) {
	opt := node.Options{RuntimeDir: t.TempDir(), Binary: program, Prefix: "nodetest", Spawn: node.SpawnDirect, Log: t.Logf}
	end := func(port, dlci int) node.CircuitEnd { return node.CircuitEnd{Port: port, DLCI: dlci, VPI: -1, VCI: -1} }
	spec := node.Spec{Version: 1, Lab: "lab", Device: "FR", Switch: &node.SwitchSpec{
		Type: node.FrameRelaySwitch, Circuits: []node.CircuitSpec{{From: end(1, 102), To: end(2, 201)}},
	}}
	files := node.Files{Ports: map[string]*os.File{}}
	var cables [2]*os.File
	for i := range cables {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		name := strconv.Itoa(i + 1)
		cables[i], files.Ports[name] = os.NewFile(uintptr(fds[0]), "pipe"), os.NewFile(uintptr(fds[1]), "pipe")
		spec.Switch.Ports = append(spec.Switch.Ports, node.SwitchPortSpec{Number: i + 1, Kind: node.KindSerial})
		spec.Ports = append(spec.Ports, node.PortSpec{Name: name, Port: i + 1, Kind: node.KindSerial, Wire: node.WirePipe})
	}
	sw, err := node.Start(opt, spec, files)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sw.Kill() })
	for _, f := range files.Ports {
		f.Close()
	}
	r1, r2 := startBundled(t, 1, cables[0]), startBundled(t, 2, cables[1])
	for i, r := range []*bundled{r1, r2} {
		r.configure("interface s1/0", fmt.Sprintf("ip address 10.0.0.%d 255.255.255.0", i+1), "encapsulation frame-relay", "keepalive 2", "no shutdown")
	}
	r1.shows("show frame-relay map", `ip 10\.0\.0\.2 dlci 102`)
	if got, sent, err := r1.Ping("10.0.0.2", 30*time.Second); err != nil || got != sent {
		t.Errorf("ping through the switch: %d of %d, %v", got, sent, err)
	}
	eventually(t, "the encapsulation seen", func() bool { return r1.Spec().Ports[1].Encapsulation == "frame-relay" })
	// R2 shuts its port: its node tells, the daemon (here) takes the carrier from the
	// switch's port, and the switch tells R1.
	for _, up := range []bool{false, true} {
		state, command := "INACTIVE", "shutdown"
		if up {
			state, command = "ACTIVE", "no shutdown"
		}
		r2.configure("interface s1/0", command)
		eventually(t, "the event of "+command, func() bool { return r2.Spec().Ports[1].Shut != up })
		if err := sw.SetCarrier("2", up); err != nil {
			t.Fatal(err)
		}
		r1.shows("show frame-relay pvc", `DLCI = 102, .*PVC STATUS = `+state)
		if st, err := r2.Status(); err != nil || st.Ports["s1/0"].Enabled != up {
			t.Errorf("status of the port after %s: %+v, %v", command, st.Ports["s1/0"], err)
		}
	}
	// The link of R1's own port is cut, and mended.
	for _, up := range []bool{false, true} {
		if err := r1.SetCarrier("s1/0", up); err != nil {
			t.Fatal(err)
		}
		r1.shows("show interfaces s1/0", map[bool]string{false: "Serial1/0 is down", true: "Serial1/0 is up"}[up])
	}
	r1.shows("ping 10.0.0.2", `100 percent`)
}
