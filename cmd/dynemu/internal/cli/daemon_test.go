package cli

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"dynemu/emud"
	"dynemu/emud/emudtest"
	"dynemu/fs"
	"dynemu/vm/wire"
)

// tempPrefix begins the names of the directories that trees are mounted in.
const tempPrefix = "dynemu-cli-test-"

// serve mounts the daemon's own tree, over a network and nodes in memory.
func serve(t *testing.T) (mount string, nodes *emudtest.Nodes) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIP: mounting a FUSE file system needs root")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skip("SKIP: this machine has no /dev/fuse")
	}
	dir, err := os.MkdirTemp("", tempPrefix)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	mount, nodes = filepath.Join(dir, "mnt"), emudtest.NewNodes()
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	d, err := emud.New(emud.Options{
		State: filepath.Join(dir, "state"), Runtime: filepath.Join(dir, "run"), Version: "test",
		Network: emudtest.NewNetwork(), Nodes: nodes, Group: -1, Log: logger,
		Builtin:    func() []byte { return []byte("\x7fELF image") },
		CheckImage: func(string, []byte) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	served, err := fs.Mount(mount, d, logger)
	if err != nil {
		t.Fatal(err)
	}
	d.Run()
	t.Cleanup(func() {
		served.Unmount()
		d.Shutdown(t.Context())
	})
	return mount, nodes
}

// The client and the daemon's tree agree: a lab's life by commands alone.
// Promises: 6, 31, 39, 40, 43.
func TestWithDaemon(t *testing.T) {
	mount, nodes := serve(t)
	home := t.TempDir()
	file := filepath.Join(home, "lab.net")
	put(t, "autostart = false\n[localhost]\n[[ROUTER R1]]\ncnfg = cfg\\R1.cfg\ns1/0 = R2 s1/0\n[[ROUTER R2]]\n", file)
	put(t, "hostname R1\n", home, "cfg", "R1.cfg")

	check := func(wantCode int, wantOut, wantErr string, args ...string) {
		t.Helper()
		code, out, errs := run(t, mount, args...)
		if code != wantCode || !strings.Contains(out, wantOut) || !strings.Contains(errs, wantErr) || wantErr == "" && errs != "" {
			t.Fatalf("%v: code %d\n%s%s", args, code, out, errs)
		}
	}
	check(Done, "R1: link s1/0 - R2 s1/0 added", "", "up", file)
	if got := content(t, mount, "labs/lab/files/cfg/R1.cfg"); got != "hostname R1\n" {
		t.Errorf("configuration: %q", got)
	}
	check(Done, "nothing changed", "", "up", file)
	check(Done, "nothing changed", "", "up", file)
	check(Done, "R2         7200       stopped", "", "list")
	check(Done, "lab/R1 started\nlab/R2 started\n", "", "start", "/all")
	check(Done, `"state": "running"`, "", "list", "--json", "R1")
	check(Done, "lab/R1 suspended", "", "suspend", "R1")
	check(Done, "lab/R1 resumed", "", "resume", "R1")
	check(Done, "", "", "send", "R2", "show", "version")
	eventually(t, func() bool { return nodes.Get("lab", "R2").Typed() == "show version\r" }, "send types nothing")
	consoleWithDaemon(t, mount, nodes.Get("lab", "R1"))

	check(Done, "lab/R2 stopped", "", "stop", "R2")
	check(Failed, "", "send lab/R2: ", "send", "R2", "x")
	check(Failed, "", "resume lab/R2: ", "resume", "R2")

	put(t, "[localhost]\n[[ROUTER R1]]\nram = lots\nbogus = 1\n", file)
	bad := "lab.net:3:7: ram = \"lots\": expected a whole number from 1 to 1048576\nlab.net:4:1: unknown option \"bogus\"\n"
	check(Failed, "", bad, "up", file)
	check(Failed, "", bad, "up", file)
	check(Done, "R1         7200       running", "", "list")
	if got := content(t, mount, "labs/lab.net"); !strings.Contains(got, "s1/0 = R2 s1/0") {
		t.Errorf("the refused file took the place of the other:\n%s", got)
	}

	other := filepath.Join(home, "other.net")
	put(t, "[localhost]\n[[ROUTER R1]]\ncnfg = cfg/R1.cfg\nf0/0 = R3 f0/0\n", other)
	check(Failed, "", "other.net:4:8: no device \"R3\" in this file (did you mean R1?)\n", "up", other)
	if _, err := os.Stat(filepath.Join(mount, "labs/other")); !os.IsNotExist(err) {
		t.Errorf("the refused lab left its directory: %v", err)
	}

	check(Done, "lab removed\n", "", "down", "lab")
	check(Failed, "", "no lab lab: there is none", "down", "lab")
	check(Done, "Name       Type       State      Server          Console Lab\n", "", "list")
}

// The client and the daemon's tree agree about wires.
// Promises: 73, 92.
func TestWiresWithDaemon(t *testing.T) {
	mount, nodes := serve(t)
	file := filepath.Join(t.TempDir(), "lab.net")
	put(t, "[localhost]\n[[7200]]\nslot1 = PA-4T+\n[[ROUTER R1]]\nf0/0 = S1 1\ns1/0 = F1 1\n[[ROUTER R2]]\nf0/0 = S1 2\ns1/0 = F1 2\n"+
		"[[ETHSW S1]]\n1 = access 1\n2 = access 1\n[[FRSW F1]]\n1:102 = 2:201\n", file)
	check := func(wantCode int, wantOut, wantErr string, args ...string) {
		t.Helper()
		code, out, errs := run(t, mount, args...)
		if code != wantCode || !strings.Contains(out, wantOut) || !strings.Contains(errs, wantErr) || wantErr == "" && errs != "" {
			t.Errorf("%v: code %d\n%s%s", args, code, out, errs)
		}
	}
	check(Done, "R1: router", "", "up", file)
	_, out, _ := run(t, mount, "ports", "R1")
	rows := strings.Split(out, "\n")
	for i, want := range []string{"Device Port Interface Namespace Peer Carrier In Out Drops", "R1 f0/0 f0-0 test-lab-R1 S1 1 up 7 0 3", "R1 s1/0 s1-0 test-lab-R1 F1 1 up 0 0 0",
		"R1 s1/1 s1-1 test-lab-R1 none none 0 0 0"} {
		if got := strings.Join(strings.Fields(rows[i]), " "); got != want {
			t.Errorf("row %d of ports: %q, want %q", i, got, want)
		}
	}
	check(Done, `"peer": "R2 f0/0"`, "", "ports", "--json", "S1")

	check(Done, "", "", "link", "down", "R1", "f0/0")
	check(Done, "R1      f0/0  f0-0       test-lab-R1  S1 1  cut ", "", "ports", "R1")
	check(Done, "", "", "link", "up", "R1", "FastEthernet0/0")
	check(Done, "S1 1  up ", "", "ports", "R1")
	check(Failed, "", "dynemu: link down lab/R1 s1/1: nothing is plugged into", "link", "down", "R1", "s1/1")

	check(Done, "", "", "filter", "R1", "f0/0", "freq_drop", "in", "50")
	check(Done, "", "", "filter", "R1", "f0/0", "freq_drop", "out", "-1")
	check(Done, "in freq_drop 50\nout freq_drop -1\n", "", "filter", "R1", "f0/0")
	check(Failed, "", "dynemu: filter lab/R1 f0/0: ", "filter", "R1", "f0/0", "freq_drop", "in", "many")
	check(Done, "", "", "filter", "R1", "f0/0", "none", "in")
	if got := nodes.Get("lab", "R1").Port("f0/0").Filter; got != "out freq_drop -1" {
		t.Errorf("the node filters %q", got)
	}
	check(Done, "", "", "filter", "R1", "f0/0", "none")
	check(Done, "none\n", "", "filter", "R1", "f0/0")
	check(Done, "", "", "impair", "R1", "s1/0", "in loss 5%; out delay 100ms")
	check(Done, "out delay 100ms\n", "", "impair", "R1", "s1/0")
	check(Failed, "", "dynemu: impair lab/R1 s1/0: link \"loss x\"", "impair", "R1", "s1/0", "loss", "x")
	check(Done, "", "", "impair", "R1", "s1/0", "none")

	check(Done, "", "", "show", "mac", "S1")
	check(Done, "aabb.cc00.0100", "", "show", "mac", "S1")
	check(Done, "", "", "clear", "mac", "S1")
	check(Failed, "", "lab/F1 is of type FRSW", "show", "mac", "F1")

	check(Done, "lab/R1 s1/0 is captured into "+mount+"/labs/lab/captures/r1.cap\n", "", "capture", "R1", "s1/0", "r1.cap", "HDLC")
	check(Failed, "", "dynemu: capture lab/R2 s1/0: r1.cap is being written", "capture", "R2", "s1/0", "r1.cap")
	check(Failed, "", "dynemu: capture lab/R2 s1/0: ", "capture", "R2", "s1/0", "r2.cap", "TOKENRING9")
	r1 := nodes.Get("lab", "R1")
	r1.Pass("s1/0", wire.Out, []byte("frame"))
	eventually(t, func() bool { return strings.HasSuffix(content(t, mount, "labs/lab/captures/r1.cap"), "frame") }, "nothing is captured")
	check(Failed, "", "is not being captured into \"r2.cap\"", "no", "capture", "R1", "s1/0", "r2.cap")
	check(Done, "", "", "no", "capture", "R1", "s1/0")
	check(Failed, "", "dynemu: no capture lab/R1 s1/0: R1 s1/0 is not being captured", "no", "capture", "R1", "s1/0")

	// By the client itself, in a process of its own as consoleWithDaemon does.
	mine := filepath.Join(t.TempDir(), "mine.cap")
	cmd := exec.Command(os.Args[0], "--mount", mount, "capture", "R1", "f0/0", mine)
	cmd.Env = append(os.Environ(), clientVariable+"=1")
	var errs lockedBuffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	eventually(t, func() bool { return len(r1.Port("f0/0").Captures) == 1 }, "the client does not capture")
	r1.Pass("f0/0", wire.In, []byte("frame"))
	eventually(t, func() bool { b, _ := os.ReadFile(mine); return len(b) == 24+16+5 }, "the client writes nothing")
	cmd.Process.Signal(syscall.SIGINT)
	if err := cmd.Wait(); err != nil || !strings.HasSuffix(errs.String(), "45 bytes captured.\n") {
		t.Errorf("after Ctrl-C: %v %s", err, errs.String())
	}
	eventually(t, func() bool { return len(r1.Port("f0/0").Captures) == 0 }, "the node goes on capturing")
}

// consoleWithDaemon attaches to R1: what its node prints comes out, what goes
// in is typed.
func consoleWithDaemon(t *testing.T, mount string, node *emudtest.Node) {
	t.Helper()
	// In a process of its own: one that serves a tree cannot end while it holds
	// an unfinished read from that tree.
	cmd := exec.Command(os.Args[0], "--mount", mount, "console", "--linger", "200ms", "R1")
	cmd.Env = append(os.Environ(), clientVariable+"=1")
	w, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out, errs lockedBuffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	io.WriteString(w, "enable\n")
	eventually(t, func() bool { return node.Typed() == "enable\r" }, "the console types nothing")
	node.Print("R1#")
	eventually(t, func() bool { return out.String() == "R1#" }, "the console prints nothing")
	w.Close()
	if err := cmd.Wait(); err != nil || errs.String() != "" {
		t.Errorf("console: %v, %s", err, errs.String())
	}
}

// clientVariable makes the test binary the client.
const clientVariable = "DYNEMU_TEST_CLIENT"

func TestMain(m *testing.M) {
	if os.Getenv(clientVariable) != "" {
		os.Exit(Run(os.Args[1:], Streams{os.Stdin, os.Stdout, os.Stderr}))
	}
	// A mount whose server is gone answers ENOTCONN: that of a crashed run.
	stale, _ := filepath.Glob(filepath.Join(os.TempDir(), tempPrefix+"*"))
	for _, dir := range stale {
		mount := filepath.Join(dir, "mnt")
		if _, err := os.Stat(mount); errors.Is(err, syscall.ENOTCONN) {
			unix.Unmount(mount, unix.MNT_DETACH)
			os.RemoveAll(dir)
		}
	}
	os.Exit(m.Run())
}
