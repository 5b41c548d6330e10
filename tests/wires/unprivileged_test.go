package wires

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"golang.org/x/sys/unix"

	"dynemu/tests/peer"
	"dynemu/vm/wire"
)

// echoKinds in the environment has the test program be a process that sends
// back what comes from wires of these kinds, whose descriptors are 3, 4 and so on,
// two of vde.
const echoKinds = "DYNEMU_TEST_ECHO"

func TestMain(m *testing.M) {
	if kinds := os.Getenv(echoKinds); kinds != "" {
		if err := echo(strings.Fields(kinds)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	atOnce()
	os.Exit(m.Run())
}

// echo has given up what makes descriptors or changes interfaces.
func echo(kinds []string) error {
	if err := seccomp.LoadFilter(seccomp.Filter{
		NoNewPrivs: true, Flag: seccomp.FilterFlagTSync,
		Policy: seccomp.Policy{
			DefaultAction: seccomp.ActionAllow,
			Syscalls: []seccomp.SyscallGroup{{
				Action: seccomp.ActionErrno,
				Names:  []string{"socket", "socketpair", "connect", "bind", "listen", "accept", "open", "openat", "unlink", "unlinkat", "timerfd_create", "inotify_init1"},
				NamesWithCondtions: []seccomp.NameWithConditions{{
					Name: "ioctl", Conditions: seccomp.ArgumentConditions{{Argument: 1, Operation: seccomp.NotEqual, Value: unix.TUNGETIFF}},
				}},
			}},
		},
	}); err != nil {
		return err
	}
	fd := 2
	next := func() *os.File {
		fd++
		return os.NewFile(uintptr(fd), fmt.Sprint(fd))
	}
	ended := make(chan error)
	for _, kind := range kinds {
		file, keep := next(), (*os.File)(nil)
		if kind == "vde" {
			keep = next()
		}
		w, err := wire.FromFiles(kind, file, keep)
		if err != nil {
			return err
		}
		go func() {
			for {
				f, err := receive(w)
				if err != nil {
					ended <- fmt.Errorf("%s: %w", kind, err)
					return
				}
				w.Send(f)
			}
		}()
	}
	fmt.Println("ready")
	if err := <-ended; !errors.Is(err, io.EOF) { // which is the end of the test
		return err
	}
	return nil
}

// A process without privilege, which may open nothing, makes the wires of
// descriptors that another has opened.
func TestUnprivileged(t *testing.T) {
	s := newSpace(t)
	dir := t.TempDir()
	veth(s, "v0", s, "v1")
	sw, _ := s.vdeSwitch()
	p := peer.UDPPorts(t, 4)
	tcp := peer.TCPPort(t)
	var kinds []string
	var files []*os.File
	for _, spec := range []string{
		fmt.Sprintf("udp:%d:127.0.0.1:%d", p[0], p[1]), fmt.Sprintf("udp_auto:127.0.0.1:%d:%d", p[2], p[2]), "unix:" + dir + "/a:" + dir + "/b",
		"vde:" + sw + ":" + dir + "/v", fmt.Sprintf("tcp_ser:%d", tcp), "tap:t0", "linux_eth:v0", "fifo:pair",
	} {
		n, err := wire.ParseNIO(spec)
		if err != nil {
			t.Fatal(err)
		}
		s.do(func() error {
			o, err := n.OpenFiles()
			if err != nil {
				return err
			}
			kinds, files = append(kinds, o.Kind), append(files, o.File)
			if o.Keep != nil {
				files = append(files, o.Keep)
			}
			return nil
		})
		t.Cleanup(func() { _ = n.Remove() })
	}
	s.do(func() error { return linkUp("t0") })

	// The program in a folder that anybody may enter.
	program := filepath.Join(dir, "echo")
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, self, 0o755); err != nil {
		t.Fatal(err)
	}
	for d := dir; d != "/tmp" && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), echoKinds+"="+strings.Join(kinds, " "))
	cmd.ExtraFiles, cmd.Stderr, cmd.Dir = files, os.Stderr, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.start(cmd)
	for _, f := range files {
		f.Close()
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("the process says %q, %v", line, err)
	}

	for kind, w := range map[string]wire.Wire{
		"udp":       s.open(fmt.Sprintf("udp:%d:127.0.0.1:%d", p[1], p[0])),
		"udp_auto":  s.open(fmt.Sprintf("udp:%d:127.0.0.1:%d", p[3], p[2])),
		"unix":      s.open("unix:" + dir + "/b:" + dir + "/a"),
		"vde":       s.open("vde:" + sw + ":" + dir + "/w"),
		"tcp":       s.open(fmt.Sprintf("tcp_cli:127.0.0.1:%d", tcp)),
		"tap":       s.open("linux_eth:t0"),
		"linux_eth": s.open("linux_eth:v1"),
		"fifo":      s.open("fifo:pair"),
	} {
		if kind == "unix" { // made by root, and for root alone
			if err := os.Chmod(dir+"/b", 0o777); err != nil {
				t.Fatal(err)
			}
		}
		for what, f := range map[string][]byte{"tagged": frame("81000064 0800", 64, 1), "long": frame("88b5", 1514, 2)} {
			w.Send(f)
			if got, err := receive(w); err != nil || string(got) != string(f) {
				t.Errorf("%s, %s: %s came back, %v; %+v", kind, what, brief(got), err, w.Stats())
			}
		}
	}
}
