package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"dynemu/emud/node"
	"dynemu/emud/node/store"
	"dynemu/vm"
)

var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "dynemu-node-test")
	if err != nil {
		panic(err)
	}
	os.Chmod(dir, 0o755)
	program = filepath.Join(dir, "dynemu-node")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// guest is an ELF image of MIPS code at 0x80008000 that prints text through the
// remote-control device of the board and then does what end says.
func guest(text string, end ...uint32) []byte {
	const base = 0x80008000
	code := []uint32{0x3c08b600} // lui t0, 0xb600
	for _, c := range []byte(text) {
		code = append(code, 0x34090000|uint32(c), 0xad090040) // li t1, c; sw t1, 0x40(t0)
	}
	code = append(code, end...)
	names := "\x00.text\x00.shstrtab\x00"
	size := uint32(4 * len(code))
	var b bytes.Buffer
	b.WriteString("\x7fELF\x01\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	for _, v := range []any{
		uint16(2), uint16(8), uint32(1), uint32(base), uint32(0), 52 + size + uint32(len(names)), uint32(0x20000000),
		uint16(52), uint16(0), uint16(0), uint16(40), uint16(3), uint16(2),
		code, []byte(names),
		[10]uint32{},
		[10]uint32{1, 1, 6, base, 52, size, 0, 0, 4, 0},
		[10]uint32{7, 3, 0, 0, 52 + size, uint32(len(names)), 0, 0, 1, 0},
	} {
		binary.Write(&b, binary.BigEndian, v)
	}
	return b.Bytes()
}

var (
	forever = []uint32{0x1000ffff, 0} // b .; nop
	toROM   = []uint32{0x03e00008, 0} // jr ra; nop
)

func start(t *testing.T, image []byte) (*node.Node, *os.File, error) {
	t.Helper()
	dir := t.TempDir()
	open := func(name string, flag int) *os.File {
		f, err := os.OpenFile(filepath.Join(dir, name), flag|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	if err := os.WriteFile(filepath.Join(dir, "image"), image, 0o600); err != nil {
		t.Fatal(err)
	}
	files := node.Files{
		Image: open("image", os.O_RDONLY), NVRAM: open("nvram", os.O_RDWR),
		Vars: open("vars", os.O_RDWR), Log: open("log", os.O_WRONLY|os.O_APPEND),
	}
	opt := node.Options{RuntimeDir: filepath.Join(dir, "run"), Binary: program, Prefix: "nodetest", Spawn: node.SpawnDirect, Log: t.Logf}
	spec := node.Spec{
		Version: 1, Lab: "lab", Device: "R1",
		Config: vm.Config{Name: "R1", Platform: "c7200", NPE: "npe-400", Midplane: "vxr", RAM: 128, NVRAM: 128, ConfReg: 0x2102,
			Slots: []string{"C7200-IO-FE", "PA-FE-TX"}},
		Ports: []node.PortSpec{{Name: "f0/0", Slot: 0, Port: 0, Wire: "none"}, {Name: "f1/0", Slot: 1, Port: 0, Wire: "none"}},
	}
	n, err := node.Start(opt, spec, files)
	if err == nil {
		t.Cleanup(func() {
			n.Kill()
			if t.Failed() {
				log, _ := os.ReadFile(filepath.Join(dir, "log"))
				t.Logf("log of the node:\n%s", log)
			}
		})
	}
	return n, files.NVRAM, err
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("not within 20 s: %s", what)
}

func TestRouterRuns(t *testing.T) {
	n, nvram, err := start(t, guest("hello\r\n", forever...))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "hello on the console", func() bool {
		log, err := n.ConsoleLog()
		return err == nil && bytes.Contains(log, []byte("hello\r\n"))
	})
	eventually(t, "state running", func() bool { return n.State() == node.Running })
	st, err := n.Status()
	if err != nil {
		t.Fatal(err)
	}
	if st.Instructions == 0 || st.Uptime <= 0 || len(st.Ports) != 2 {
		t.Errorf("status: %+v", st)
	}
	// The guest touches next to nothing of its RAM.
	if own := st.RSS - st.Shared; own > 48<<20 {
		t.Errorf("the node uses %d MiB of its own", own>>20)
	}
	t.Logf("memory: %d MiB, of which %d MiB of files; %.0f instructions/s", st.RSS>>20, st.Shared>>20, st.Rate)

	content, err := n.NVRAM()
	if err != nil || len(content) != 128<<10 {
		t.Fatalf("NVRAM: %d bytes, %v", len(content), err)
	}
	copy(content[0x1000:], "startup")
	if err := n.SetNVRAM(content); err != nil {
		t.Fatal(err)
	}
	if err := n.Suspend(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "state suspended", func() bool { return n.State() == node.Suspended })
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := n.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if got, err := store.Read(nvram); err != nil || !bytes.Equal(got, content) {
		t.Errorf("NVRAM on disk: %d bytes, %v", len(got), err)
	}
}

// A switch needs no image and next to no memory.
func TestSwitchRuns(t *testing.T) {
	opt := node.Options{RuntimeDir: t.TempDir(), Binary: program, Prefix: "nodetest", Spawn: node.SpawnDirect, Log: t.Logf}
	spec := node.Spec{Version: 1, Lab: "lab", Device: "SW1", Switch: &node.SwitchSpec{Type: node.EthernetSwitch}}
	for i := range 16 {
		spec.Switch.Ports = append(spec.Switch.Ports, node.SwitchPortSpec{Number: i, Kind: node.KindEthernet, Mode: "dot1q", VLAN: 1})
		spec.Ports = append(spec.Ports, node.PortSpec{Name: strconv.Itoa(i), Port: i, Kind: node.KindEthernet, Wire: node.WireNull})
	}
	n, err := node.Start(opt, spec, node.Files{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Kill() })
	if n.State() != node.Running {
		t.Errorf("state: %s", n.State())
	}
	text, err := n.SwitchStatus()
	if err != nil || !strings.HasPrefix(string(text), "port 0 up dot1q vlan=1\nport 1 up") {
		t.Errorf("status: %s, %v", text, err)
	}
	st, err := n.Status()
	if err != nil || len(st.Ports) != 16 {
		t.Fatalf("status: %+v, %v", st, err)
	}
	t.Logf("memory: %d KiB, of which %d KiB of files", st.RSS>>10, st.Shared>>10)
	if own := st.RSS - st.Shared; own > 12<<20 {
		t.Errorf("the switch uses %d KiB of its own", own>>10)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := n.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func TestGuestReturnsToROM(t *testing.T) {
	n, _, err := start(t, guest("bye\r\n", toROM...))
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-n.Done():
	case <-time.After(20 * time.Second):
		t.Fatal("the node does not end")
	}
	if e := n.End(); e.State != node.Stopped || !strings.Contains(e.Reason, "switched the router off") {
		t.Errorf("end: %+v", e)
	}
}

func TestBadImages(t *testing.T) {
	good := guest("x", forever...)
	le := bytes.Clone(good)
	le[5] = 1
	x86 := bytes.Clone(good)
	x86[19] = 62
	for name, image := range map[string][]byte{
		"empty": nil, "text": []byte("this is no image"), "truncated": good[:60], "little-endian": le, "for another CPU": x86,
	} {
		n, _, err := start(t, image)
		if err == nil {
			n.Kill()
			t.Errorf("%s: started", name)
			continue
		}
		if !strings.Contains(err.Error(), "image") {
			t.Errorf("%s: %v", name, err)
		}
		t.Logf("%s: %v", name, err)
	}
}

func TestNotStartedByDaemon(t *testing.T) {
	for _, args := range [][]string{{}, {"--wrong"}} {
		out, err := exec.Command(program, args...).CombinedOutput()
		if err == nil || !strings.HasPrefix(string(out), "dynemu-node: ") {
			t.Errorf("%q: %v, %s", args, err, out)
		}
	}
}
