package node_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coreos/go-systemd/v22/util"

	"dynemu/emud/node"
)

func systemctl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("systemctl", args...).CombinedOutput()
	if err != nil && args[0] != "is-active" {
		t.Fatalf("systemctl %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestTransientUnit(t *testing.T) {
	if !util.IsRunningSystemd() || os.Getuid() != 0 {
		t.Skip("SKIP: needs root, and systemd as the first process")
	}
	b := setup(t)
	b.opt.Spawn = node.SpawnSystemd
	b.spec.Lab = "my lab"
	unit := node.UnitName(b.opt.Prefix, b.spec.Lab, b.spec.Device)

	n := b.start()
	if got := systemctl(t, "show", unit, "--value", "-p", "MainPID"); got != fmt.Sprint(n.PID()) {
		t.Errorf("MainPID %s, want %d", got, n.PID())
	}
	if got := systemctl(t, "show", unit, "--value", "-p", "Slice"); got != "nodetest.slice" {
		t.Errorf("slice %s", got)
	}
	for _, ns := range []string{"net", "ipc"} {
		own, err := os.Readlink("/proc/self/ns/" + ns)
		must(t, err)
		if theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", n.PID(), ns)); err != nil || own == theirs {
			t.Errorf("the node is in the daemon's %s namespace (%v)", ns, err)
		}
	}
	wireFile, end := pair(t)
	must(t, n.Plug("f0/0", "pipe", wireFile))
	echoes(t, end, end.SetReadDeadline)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.PID()))
	must(t, err)
	for _, want := range []string{"Uid:\t65534", "CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"} {
		if !strings.Contains(string(status), want) {
			t.Errorf("/proc/PID/status lacks %q", want)
		}
	}

	n.Release()
	nodes, err := node.Adopt(b.opt)
	must(t, err)
	if len(nodes) != 1 || nodes[0].ID() != n.ID() {
		t.Fatalf("adopted %v", nodes)
	}
	n = nodes[0]
	must(t, n.Stop(ctx(t, 10*time.Second)))
	eventually(t, "the unit gone", func() bool { return systemctl(t, "is-active", unit) == "inactive" })

	// A crash leaves no failed unit behind that would hold the name.
	n = b.start()
	must(t, unix.Kill(n.PID(), unix.SIGKILL))
	if e := lastEvent(t, n); e.State != node.Crashed {
		t.Errorf("last event: %+v", e)
	}
	n = b.start()
	typeKeys(t, n, "!")
	if e := lastEvent(t, n); e.State != node.Crashed || !strings.Contains(b.readLog(), "panic: the fake router crashed") {
		t.Errorf("last event: %+v; log:\n%s", e, b.readLog())
	}
	n = b.start()
	systemctl(t, "stop", unit)
	if e := lastEvent(t, n); e.State != node.Stopped || e.Reason != "terminated" {
		t.Errorf("last event after systemctl stop: %+v", e)
	}
}
