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
	check(Done, "R2    7200  stopped", "", "list")
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
	check(Done, "R1    7200  running", "", "list")
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
	check(Done, "Name  Type  State  Server  Console  Lab\n", "", "list")
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
