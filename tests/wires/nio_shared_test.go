package wires

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What a NIO has of the machine belongs to the lab that was first. Another one waits
// for it, disturbs nothing, and gets it when it is free; a router that starts again
// gets its own again.
func TestNIOsOfTwoLabs(t *testing.T) {
	m := newMachine(t)
	sw, _ := m.vdeSwitch()
	dir := t.TempDir()
	ports := []string{"e1/0", "e1/1", "e1/2", "e1/3", "e1/4", "e1/5"}
	lab := fmt.Sprintf(`[localhost]
[[7200]]
ram = 64
[[ROUTER R1]]
slot1 = PA-8E
slot2 = PA-4T
e1/0 = NIO_unix:%s/a:%s/b
e1/1 = NIO_vde:%s:%s/c
e1/2 = NIO_udp:10000:127.0.0.1:10001
e1/3 = NIO_tcp_ser:10002
e1/4 = NIO_tap:tap7
e1/5 = NIO_host:lab0:10.0.5.2/24
s2/0 = NIO_unix:%s/d:%s/e
`, dir, dir, sw, dir, dir, dir)
	ports = append(ports, "s2/0")
	configure := func(name string) {
		t.Helper()
		r := m.router(name, "R1")
		for i, p := range ports {
			r.address(p, fmt.Sprintf("10.0.%d.1", i))
		}
	}
	works := func(name string) {
		t.Helper()
		for _, p := range ports {
			m.carrier(name, "R1", p, true)
		}
		m.Wait(10*time.Second, "tap7", func() bool { return strings.Contains(m.run("ip -br link"), "tap7") })
		m.run("ip addr replace 10.0.4.2/24 dev tap7")
		m.pings("10.0.4.1")
		m.pings("10.0.5.1")
		if left, _ := filepath.Glob(dir + "/*"); len(left) != 3 {
			t.Errorf("sockets of the lab: %v", left)
		}
	}
	remove := func(name string) {
		t.Helper()
		if err := os.Remove(m.Path("labs", name+".net")); err != nil {
			t.Fatal(err)
		}
		m.Wait(20*time.Second, "lab "+name+" to go", func() bool {
			_, err := os.Stat(m.Path("labs", name))
			return os.IsNotExist(err)
		})
	}
	m.MustWriteLab("a", lab)
	configure("a")
	works("a")
	for _, command := range []string{"stop", "start"} {
		if err := m.Write(command, "labs", "a", "R1", "ctl"); err != nil {
			t.Fatal(err)
		}
		m.WaitState("a", "R1", map[string]string{"stop": "stopped", "start": "running"}[command])
		if left, _ := filepath.Glob(dir + "/*"); command == "stop" && len(left) > 0 {
			t.Errorf("sockets of a router that is stopped: %v", left)
		}
	}
	configure("a")
	works("a")

	m.MustWriteLab("b", lab)
	m.router("b", "R1")
	result := m.Read("labs", "b", "result")
	for i := range ports {
		if !strings.Contains(result, fmt.Sprintf("b.net:%d:1: warning: ", 7+i)) {
			t.Errorf("line %d has no warning:\n%s", 7+i, result)
		}
	}
	for _, p := range ports {
		m.carrier("b", "R1", p, false)
	}
	works("a")
	remove("b")
	works("a")
	m.MustWriteLab("b", lab)
	configure("b")
	remove("a")
	works("b")
	remove("b")
	if left, _ := filepath.Glob(dir + "/*"); len(left) > 0 || strings.Contains(m.run("ip -br link"), "lab0") {
		t.Errorf("left behind: %v\n%s", left, m.run("ip -br link"))
	}
}
