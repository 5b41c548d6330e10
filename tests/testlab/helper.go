package testlab

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// DaemonUID is the user of a daemon beside dynemu-netd. It is neither root nor that of
// the nodes.
const DaemonUID = 64990

// withHelper reports whether $DYNEMU_NETD asks that daemons of tests run without any
// privilege, each beside a dynemu-netd of its own.
func withHelper() bool { return os.Getenv("DYNEMU_NETD") == "1" }

// helper is a running dynemu-netd.
type helper struct {
	socket string
	log    string
	cmd    *exec.Cmd
	exited chan struct{}
}

// StartUnprivileged is Start for a daemon that has no privilege, beside a dynemu-netd.
func StartUnprivileged(t testing.TB) *Daemon {
	t.Helper()
	return start(t, "", nil, true)
}

// daemonGID is the group of such a daemon: dynemu where there is one, since it gives
// files to that group.
func daemonGID() uint32 {
	if g, err := user.LookupGroup("dynemu"); err == nil {
		if id, err := strconv.ParseUint(g.Gid, 10, 32); err == nil {
			return uint32(id)
		}
	}
	return DaemonUID
}

func (d *Daemon) startHelper(dir string) {
	d.t.Helper()
	for _, p := range []string{d.State, d.Runtime} {
		if err := os.Chown(p, DaemonUID, int(daemonGID())); err != nil {
			d.t.Fatal(err)
		}
	}
	d.helper = &helper{socket: filepath.Join(dir, "netd.sock"), log: filepath.Join(dir, "netd.log")}
	d.RunHelper()
}

// RunHelper starts dynemu-netd, anew after KillHelper, and waits until it listens.
func (d *Daemon) RunHelper() {
	d.t.Helper()
	h, bin := d.helper, d.bin
	if bin == "" {
		bin = Bin(d.t)
	}
	log, err := os.OpenFile(h.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	defer log.Close()
	_ = os.Remove(h.socket)
	h.cmd = exec.Command(filepath.Join(bin, "dynemu-netd"), "--mount", d.Mount, "--prefix", d.Prefix, "--spawn", "direct",
		"--socket", h.socket, "--user", strconv.Itoa(DaemonUID), "--log-level", "debug")
	h.cmd.Stdout, h.cmd.Stderr = log, log
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := d.where(h.cmd.Start); err != nil {
		d.t.Fatal(err)
	}
	h.exited = make(chan struct{})
	go func() {
		_ = h.cmd.Wait()
		close(h.exited)
	}()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(h.socket); err == nil {
			return
		}
		select {
		case <-h.exited:
		default:
			if time.Now().Before(deadline) {
				continue
			}
		}
		text, _ := os.ReadFile(h.log)
		d.t.Fatalf("dynemu-netd does not listen:\n%s", text)
	}
}

// KillHelper ends dynemu-netd with SIGKILL; the daemon and its routers go on.
func (d *Daemon) KillHelper() {
	_ = d.helper.cmd.Process.Kill()
	<-d.helper.exited
}

// stopHelper ends dynemu-netd as an administrator does.
func (d *Daemon) stopHelper() {
	if d.helper == nil {
		return
	}
	if d.t.Failed() {
		text, _ := os.ReadFile(d.helper.log)
		d.t.Logf("log of dynemu-netd:\n%s", text)
	}
	_ = d.helper.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.helper.exited:
	case <-time.After(10 * time.Second):
		d.t.Errorf("dynemu-netd does not end 10 s after SIGTERM")
		d.KillHelper()
	}
}
