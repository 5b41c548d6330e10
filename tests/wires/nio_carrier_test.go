package wires

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The carrier of a port follows the NIO that it leads to: what is missing when the
// lab is applied is told with its line and waited for; what goes takes the carrier
// along, and gives it back when it comes again. The ports beside it go on.
func TestNIOCarrier(t *testing.T) {
	m, outside := newMachine(t), newSpace(t)
	dir := filepath.Join(t.TempDir(), "switch")
	var busy [2]net.PacketConn
	for i := range busy {
		m.do(func() (err error) {
			busy[i], err = net.ListenPacket("udp", fmt.Sprint(":", 10000+i))
			return err
		})
		defer busy[i].Close()
	}
	listen := func() net.Listener {
		var l net.Listener
		m.do(func() (err error) {
			l, err = net.Listen("tcp", "127.0.0.1:10002")
			return err
		})
		return l
	}
	text := `[localhost]
[[7200]]
ram = 64
[[ROUTER R1]]
slot1 = PA-8E
slot2 = PA-4T
e1/0 = NIO_linux_eth:late0
e1/1 = NIO_tcp_cli:127.0.0.1:10002
e1/2 = NIO_vde:` + dir + `:` + dir + `.local
e1/3 = NIO_udp:10000:127.0.0.1:20000
e1/4 = NIO_host:lab0:10.1.4.2/24
e1/5 = NIO_tap:tap7
e1/6 = R2 e1/6
s2/0 = NIO_udp:10001:127.0.0.1:20001
[[ROUTER R2]]
slot1 = PA-8E
[[ETHSW S]]
1 = access 1 NIO_linux_eth:late0
`
	m.MustWriteLab("c", text)
	result := m.Read("labs", "c", "result")
	for line, want := range map[int]string{
		7: "late0", 8: "10002", 9: dir, 10: "in use", 14: "in use", 18: "late0",
	} {
		if !strings.Contains(result, fmt.Sprintf("c.net:%d:", line)) || !strings.Contains(result, want) {
			t.Errorf("the result has no warning for line %d about %s:\n%s", line, want, result)
		}
	}
	r1, r2 := m.router("c", "R1"), m.router("c", "R2")
	var lines []string
	for _, p := range []string{"e1/0", "e1/1", "e1/2", "e1/3", "e1/4", "e1/5", "s2/0"} {
		lines = append(lines, "interface "+p, fmt.Sprintf("ip address 10.1.%s.1 255.255.255.0", p[3:]), "no shutdown")
	}
	lines[len(lines)-2] = "ip address 10.2.0.1 255.255.255.0"
	r1.configure(lines...)
	r1.address("e1/6", "10.1.6.1")
	r2.address("e1/6", "10.1.6.2")
	r1.pings("10.1.6.2")
	expect := func(want map[string]bool) {
		t.Helper()
		for port, up := range want {
			device := "R1"
			if port == "1" {
				device = "S"
			}
			m.carrier("c", device, port, up)
		}
	}
	expect(map[string]bool{"e1/0": false, "e1/1": false, "e1/2": false, "e1/3": false, "e1/4": true, "e1/5": true, "s2/0": false, "1": false})
	// What is disturbed is this one port.
	bystander := make(chan string)
	go func() {
		out, err := r2.Command("ping 10.1.6.1 repeat 3000", 5*60e9)
		bystander <- fmt.Sprint(out, err)
	}()

	// What was missing comes.
	veth(m.space, "late0", outside, "eth0")
	outside.address("eth0", "10.1.0.2/24")
	l := listen()
	defer func() { l.Close() }()
	vdeSwitch := func() *exec.Cmd {
		if _, err := exec.LookPath("vde_switch"); err != nil {
			t.Skip("SKIP: vde_switch is not installed (Debian package vde2)")
		}
		cmd := exec.Command("vde_switch", "-hub", "-sock", dir)
		in, err := cmd.StdinPipe() // its console, whose end is its end
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { in.Close() })
		m.start(cmd)
		return cmd
	}
	sw := vdeSwitch()
	for _, b := range busy {
		b.Close()
	}
	expect(map[string]bool{"e1/0": true, "1": true, "e1/1": true, "e1/2": true, "e1/3": true, "s2/0": true})
	outside.pings("10.1.0.1")
	m.pings("10.1.4.1")
	m.address("tap7", "10.1.5.2/24")
	m.pings("10.1.5.1")

	// It loses its carrier, it closes, it ends, it is set down, it is deleted.
	outside.run("ip link set eth0 down")
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	l.Close()
	_ = sw.Process.Kill()
	m.run("ip link set lab0 down")
	m.run("ip link del tap7") // which is made again
	expect(map[string]bool{"e1/0": false, "1": false, "e1/1": false, "e1/2": false, "e1/4": false})
	expect(map[string]bool{"e1/3": true, "s2/0": true, "e1/5": true})

	outside.run("ip link set eth0 up")
	l = listen()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	vdeSwitch()
	m.run("ip link set lab0 up")
	expect(map[string]bool{"e1/0": true, "1": true, "e1/1": true, "e1/2": true, "e1/4": true})
	outside.pings("10.1.0.1")
	m.pings("10.1.4.1")
	m.address("tap7", "10.1.5.2/24")
	m.pings("10.1.5.1")

	// They vanish.
	m.run("ip link del late0")
	m.run("ip link del lab0") // which is made again
	expect(map[string]bool{"e1/0": false, "1": false})
	expect(map[string]bool{"e1/4": true})
	m.Wait(5e9, "lab0 with its address", func() bool {
		out, _ := m.output("ip", "-br", "addr", "show", "dev", "lab0")
		return strings.Contains(out, "10.1.4.2/24")
	})
	m.pings("10.1.4.1")
	veth(m.space, "late0", outside, "eth0")
	outside.address("eth0", "10.1.0.2/24")
	expect(map[string]bool{"e1/0": true, "1": true})
	outside.pings("10.1.0.1")

	// Whoever looks for a reason finds it.
	log, err := os.ReadFile(filepath.Join(m.State, "..", "dynemud.log"))
	if err != nil {
		t.Fatal(err)
	}
	for port, reason := range map[string]string{
		"e1/0": "no interface late0 that is up", "e1/1": "EOF|nobody listens", "e1/2": "vde", "e1/3": "in use", "e1/4": "set down", "s2/0": "in use",
	} {
		if !regexp.MustCompile(`NIO has no connection.* R1 ` + port + `" reason=.*(` + reason + `)`).Match(log) {
			t.Errorf("the log does not say that %s of R1 has no carrier since %q", port, reason)
		}
	}
	if out := <-bystander; !strings.Contains(out, "Success rate is 100 percent (3000/3000)") {
		t.Errorf("a link beside was disturbed: %s", out)
	}
}
