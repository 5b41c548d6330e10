// Package systemd runs the service under a systemd of its own, in a container,
// as `make run` does where systemd is process 1. `make test-systemd` makes the
// container's root and runs it.
package systemd

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dynemu/tests/testlab"
)

// script runs inside, in the folder of the payload. It prints one line for each
// thing that must be so.
const script = `#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
cd /payload
say() { echo "CHECK $1 $2"; }
./quickstart -bin bin && say quickstart ok
[ "$(systemctl is-active dynemu)" = active ] && say service active
[ "$(systemctl is-active dynemu-simple1-R1)" = active ] && say unit-per-router active
pid() { sed -n 's/^pid *//p' /run/dynemu/labs/simple1/R1/info; }
before=$(pid)
[ -n "$before" ] || exit 1
systemctl restart dynemu && [ "$(pid)" = "$before" ] && say restart "keeps routers"
systemctl kill -s KILL --kill-who=main dynemu
for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.5; [ -e /run/dynemu/version ] && break; done
[ "$(pid)" = "$before" ] && say kill "keeps routers"
./quickstart -bin bin | grep -q '^ping R1 -> R2: 100% (5/5)$' && say again ok
./quickstart -bin bin -stop && say stop ok
left=$(ls /run/netns 2>/dev/null; mount | grep dynemu; pgrep dynemu)
[ -z "$left" ] && say left nothing || echo "left: $left"
systemctl status 'dynemu*' --no-pager; journalctl -u dynemu --no-pager | tail -40
`

const unit = `[Unit]
After=multi-user.target
SuccessAction=exit-force
FailureAction=exit-force
[Service]
Type=oneshot
ExecStart=/bin/sh /payload/run.sh
StandardOutput=append:/payload/out.log
StandardError=append:/payload/out.log
`

func TestService(t *testing.T) {
	root := os.Getenv("DYNEMU_SYSTEMD_ROOT")
	if root == "" {
		t.Skip("SKIP: no container root: the service is not tried under systemd; `make test-systemd` does it")
	}
	payload := t.TempDir()
	for name, content := range map[string]string{"run.sh": script, "payload.service": unit} {
		if err := os.WriteFile(filepath.Join(payload, name), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"cp", "-r", testlab.Bin(t), filepath.Join(payload, "bin")},
		{"cp", "-r", "../../systemd", payload},
		{"mkdir", filepath.Join(payload, "docs")},
		{"cp", "-r", "../../docs/labs", filepath.Join(payload, "docs")},
		{"go", "build", "-o", filepath.Join(payload, "quickstart"), "../quickstart"},
	} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "systemd-nspawn", "-q", "-D", root, "--volatile=overlay", "--boot", "--register=no", "--keep-unit",
		"--private-network", "--console=pipe", fmt.Sprintf("--machine=dynemu-test-%d", os.Getpid()), "--capability=all",
		"--bind=/dev/net/tun", "--bind=/dev/fuse", "--bind="+payload+":/payload",
		"--bind-ro="+filepath.Join(payload, "payload.service")+":/etc/systemd/system/payload.service", "systemd.unit=payload.service")
	cmd.Env = append(os.Environ(), "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1")
	boot, err := cmd.CombinedOutput()
	out, _ := os.ReadFile(filepath.Join(payload, "out.log"))
	if err != nil {
		t.Errorf("systemd-nspawn: %v\n%s", err, boot)
	}
	for _, want := range []string{
		"quickstart ok", "service active", "unit-per-router active", "restart keeps routers", "kill keeps routers", "again ok", "stop ok", "left nothing",
	} {
		if !strings.Contains(string(out), "CHECK "+want+"\n") {
			t.Errorf("not so: %s", want)
		}
	}
	if t.Failed() {
		t.Logf("inside:\n%s", out)
	}
}
