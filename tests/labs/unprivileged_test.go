package labs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"dynemu/tests/console"
	"dynemu/tests/testlab"
)

// The lab of a daemon without privilege: Ethernet, serial and switched links, and NIOs of
// which one needs privilege to open and two do not.
const unprivilegedLab = `[localhost]
[[7200]]
ram = 64
[[ROUTER R1]]
slot1 = PA-4T+
slot2 = PA-4E
f0/0 = R2 f0/0
s1/0 = R2 s1/0
e2/0 = S1 1
[[ROUTER R2]]
slot1 = PA-4T+
slot2 = PA-4E
e2/0 = S1 2
[[ETHSW S1]]
1 = access 1
2 = access 1
3 = access 1 NIO_tap:%s
4 = access 1 NIO_udp:%d:127.0.0.1:%d
`

// credentials returns the user of a process and its effective and permitted
// capabilities, as /proc shows them.
func credentials(t *testing.T, pid int) (uid, effective, permitted string) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		switch f[0] {
		case "Uid:":
			uid = f[2]
		case "CapEff:":
			effective = f[1]
		case "CapPrm:":
			permitted = f[1]
		}
	}
	return uid, effective, permitted
}

// A daemon without any capability runs labs through dynemu-netd, over the end of either.
func TestDaemonWithoutPrivilege(t *testing.T) {
	d := testlab.StartUnprivileged(t)
	uid, effective, permitted := credentials(t, d.PID())
	if uid != fmt.Sprint(testlab.DaemonUID) || strings.Trim(effective+permitted, "0") != "" {
		t.Fatalf("the daemon runs as user %s with capabilities %s, %s", uid, effective, permitted)
	}
	tap := fmt.Sprintf("dtu%d", os.Getpid())
	port := 20000 + os.Getpid()%10000
	d.MustWriteLab("bare", fmt.Sprintf(unprivilegedLab, tap, port, port+10000))
	r1, r2 := d.Console("bare", "R1"), d.Console("bare", "R2")
	configure := func(c *console.Console, n int) {
		t.Helper()
		var lines []string
		for i, name := range []string{"f0/0", "s1/0", "e2/0"} {
			lines = append(lines, "interface "+name, fmt.Sprintf("ip address 10.0.%d.%d 255.255.255.0", i, n), "no shutdown")
		}
		if err := c.Configure(lines...); err != nil {
			t.Fatal(err)
		}
	}
	configure(r1, 1)
	configure(r2, 2)
	pings := func(when string) {
		t.Helper()
		for _, address := range []string{"10.0.0.2", "10.0.1.2", "10.0.2.2"} {
			d.Wait(20*time.Second, fmt.Sprintf("R1 to ping %s %s", address, when), func() bool {
				received, sent, err := r1.Ping(address, 20*time.Second)
				return err == nil && received == 5 && sent == 5
			})
		}
	}
	pings("at first")
	for _, port := range []string{"3", "4"} {
		d.Wait(10*time.Second, "the NIO of port "+port, func() bool {
			text, err := os.ReadFile(d.Path("labs", "bare", "S1", "ports", port, "carrier"))
			return err == nil && strings.TrimSpace(string(text)) != "" && !strings.Contains(string(text), "none")
		})
	}
	if out, err := exec.Command("ip", "-br", "link", "show", tap).CombinedOutput(); err != nil || !strings.Contains(string(out), "UP") {
		t.Errorf("the TAP of the host: %v\n%s", err, out)
	}
	pids := [3]int{d.NodePID("bare", "R1"), d.NodePID("bare", "R2"), d.NodePID("bare", "S1")}
	for _, pid := range pids {
		if uid, effective, _ := credentials(t, pid); uid != "65534" || strings.Trim(effective, "0") != "" {
			t.Errorf("node %d runs as user %s with capabilities %s", pid, uid, effective)
		}
	}
	info, err := os.Stat(filepath.Join(d.State, "labs", "bare.net"))
	if err != nil || info.Sys().(*syscall.Stat_t).Uid != testlab.DaemonUID {
		t.Errorf("the stored lab file is not the daemon's: %v", err)
	}
	shown := func() string {
		t.Helper()
		info, err := os.Stat(d.Path("labs", "bare.net"))
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(info.Sys().(*syscall.Stat_t).Uid, info.Mode())
	}
	owner := shown()

	// The helper dies: all goes on, and what is asked meanwhile is done by the next.
	d.KillHelper()
	pings("without dynemu-netd")
	if err := d.Write("stop", "labs", "bare", "R2", "ctl"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- d.Write("start", "labs", "bare", "R2", "ctl") }()
	time.Sleep(200 * time.Millisecond)
	d.RunHelper()
	if err := <-done; err != nil {
		t.Fatalf("a command over the end of dynemu-netd: %v", err)
	}
	d.WaitState("bare", "R2", "running")
	r2.Close()
	pids[1] = d.NodePID("bare", "R2")
	r2 = d.Console("bare", "R2")
	configure(r2, 2)
	pings("with the next dynemu-netd")

	// The daemon dies: its tree goes at once, its routers stay, the next one adopts them.
	r1.Close()
	r2.Close()
	d.Kill()
	d.Wait(5*time.Second, "the dead tree to be detached", func() bool {
		mounts, err := os.ReadFile("/proc/self/mountinfo")
		return err == nil && !strings.Contains(string(mounts), d.Mount+" ")
	})
	d.Run()
	if got := [3]int{d.NodePID("bare", "R1"), d.NodePID("bare", "R2"), d.NodePID("bare", "S1")}; got != pids {
		t.Errorf("nodes %v after the daemon's end, %v before", got, pids)
	}
	if got := shown(); got != owner {
		t.Errorf("the lab file belongs to %s, before to %s", got, owner)
	}
	r1 = d.Console("bare", "R1")
	pings("with the next daemon")
}
