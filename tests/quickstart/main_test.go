package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"dynemu/tests/testlab"
)

// TestMakeRun does what `make run` and `make stop` do, on the machine's real
// paths, where no service of its own uses them.
func TestMakeRun(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIP: not root: the quick start is not tried")
	}
	if pid, _ := holder(filepath.Join(runtime, "lock")); pid != 0 || running() || systemd() {
		t.Skip("SKIP: this machine has a service of its own, which is left alone: the quick start is not tried")
	}
	if labs, _ := filepath.Glob(filepath.Join(state, "labs", "*")); len(labs) > 0 {
		t.Skip("SKIP: this machine has labs of its own, which are left alone: the quick start is not tried")
	}
	testlab.ConsolePorts(t)
	program := filepath.Join(t.TempDir(), "quickstart")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	do := func(args ...string) string {
		cmd := exec.Command(program, append([]string{"-bin", testlab.Bin(t)}, args...)...)
		cmd.Dir = "../.."
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	t.Cleanup(func() { do("-stop") })
	for _, want := range []string{"starting dynemud", "is running already"} {
		out := do()
		if !strings.Contains(out, want) || !strings.HasSuffix(out, "\nping R1 -> R2: 100% (5/5)") {
			t.Errorf("no %q, or not the ping at the end:\n%s", want, out)
		}
	}
	if err := os.Remove(filepath.Join(mount, "labs", "simple1.net")); err != nil {
		t.Error(err)
	}
	do("-stop")
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil || strings.Contains(string(mounts), " "+mount+" ") {
		t.Errorf("%s is still mounted (%v)", mount, err)
	}
	if spaces, _ := filepath.Glob("/run/netns/dynemu-*"); len(spaces) > 0 {
		t.Errorf("namespaces are left: %v", spaces)
	}
	if running() {
		t.Error("the daemon is still there")
	}
}
