package wires

import (
	"encoding/binary"
	"fmt"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"dynemu/vm/wire"
)

const switchLab = `[localhost]
[[7200]]
ram = 64
[[ROUTER R1]]
f0/0 = S1 1
s1/0 = F1 1
[[ROUTER R2]]
f0/0 = S1 2
s1/0 = F1 2
[[ROUTER R3]]
f0/0 = S1 3
slot2 = PA-FE-TX
[[ETHSW S1]]
1 = access 10
2 = access 10
3 = access 20
5 = access 10 NIO_tap:tap5
6 = access 10 NIO_tap:tap6
[[FRSW F1]]
1:102 = 2:201
`

// switched is the lab with addresses and all circuits up.
func switched(t *testing.T) *running {
	t.Helper()
	l := run(t, "switches", switchLab)
	for i := 1; i <= 3; i++ {
		l.address(fmt.Sprintf("R%d", i), "f0/0", fmt.Sprintf("10.0.0.%d", i))
	}
	for i := 1; i <= 2; i++ {
		// Every sixth poll tells of all circuits.
		l.address(fmt.Sprintf("R%d", i), "s1/0", fmt.Sprintf("10.1.0.%d", i), "encapsulation frame-relay", "keepalive 1")
	}
	l.pings("R1", "10.0.0.2")
	l.pings("R1", "10.1.0.2")
	return l
}

// station is the address of a router's port as tables show it.
func (l *running) station(name, port string) string {
	s := strings.ReplaceAll(l.port(name, port, "mac"), ":", "")
	return s[:4] + "." + s[4:8] + "." + s[8:]
}

// stations are the lines of the table of S1 that name a station.
func (l *running) stations(station string) string {
	return strings.Join(regexp.MustCompile(`(?m)^.*`+regexp.QuoteMeta(station)+`.*$`).FindAllString(l.Read("labs", l.name, "S1", "mac"), -1), "\n")
}

func TestCarrierAcrossSwitches(t *testing.T) {
	t.Parallel()
	l := switched(t)
	m1, m2 := l.station("R1", "f0/0"), l.station("R2", "f0/0")
	up := func(when string) {
		t.Helper()
		t.Log(when)
		for _, name := range []string{"R1", "R2"} {
			l.carrier(name, "f0/0", "up")
			l.carrier(name, "s1/0", "up")
			l.carrier("S1", name[1:], "up")
			l.carrier("F1", name[1:], "up")
		}
		l.pings("R1", "10.0.0.2")
		l.pings("R1", "10.1.0.2")
		l.shows("R2", "show frame-relay pvc", `DLCI = 201, .* STATUS = ACTIVE`)
		for i, m := range []string{m1, m2} {
			if got := l.stations(m); !regexp.MustCompile(`\b` + fmt.Sprint(i+1) + `$`).MatchString(strings.TrimSpace(got)) {
				t.Errorf("R%d's station %s is not at port %d of S1:\n%s", i+1, m, i+1, l.Read("labs", l.name, "S1", "mac"))
			}
		}
	}
	// down is what is seen when R1's ports are down; near is what is shown of R1.
	down := func(when, near, far string) {
		t.Helper()
		t.Log(when)
		l.carrier("R1", "f0/0", near)
		l.carrier("R1", "s1/0", near)
		l.carrier("S1", "1", far)
		l.carrier("F1", "1", far)
		// A switch has ports of its own: others keep their carrier.
		l.carrier("S1", "2", "up")
		l.carrier("R2", "f0/0", "up")
		l.carrier("R2", "s1/0", "up")
		if got := l.stations(m1); got != "" {
			t.Errorf("a port without carrier keeps its station:\n%s", got)
		}
		if l.stations(m2) == "" {
			t.Errorf("R2's station is gone:\n%s", l.Read("labs", l.name, "S1", "mac"))
		}
		l.shows("R2", "show frame-relay pvc", `DLCI = 201, .* STATUS = INACTIVE`)
		l.shows("R2", "show frame-relay map", `inactive|^$`)
	}
	up("at first")
	l.configure("R1", "interface f0/0", "shutdown", "interface s1/0", "shutdown")
	down("R1 shuts its ports", "shut", "down")
	l.configure("R1", "interface f0/0", "no shutdown", "interface s1/0", "no shutdown")
	up("R1 takes them into use")
	l.command("link", "down", "S1", "1")
	l.command("link", "down", "F1", "1")
	down("the links are cut at the switches", "cut", "cut")
	l.Kill()
	l.Run()
	clear(l.consoles)
	down("and a daemon is started anew", "cut", "cut")
	l.command("link", "up", "R1", "f0/0")
	l.command("link", "up", "R1", "s1/0")
	up("the links are mended at R1")

	// A switch that dies takes its ports along, and then runs again.
	for _, sw := range []string{"S1", "F1"} {
		pid := fmt.Sprint(l.NodePID(l.name, sw))
		if err := syscall.Kill(l.NodePID(l.name, sw), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		l.Wait(20*time.Second, sw+" to run again", func() bool {
			m := regexp.MustCompile(`(?m)^pid +(\d+)`).FindStringSubmatch(l.Read("labs", l.name, sw, "info"))
			return m != nil && m[1] != pid
		})
	}
	up("the switches were killed and run again")
	for _, name := range []string{"R1", "R2", "R3"} {
		l.logged(name, "FastEthernet0/0", "down", "lost", "up", "proto")
	}
	l.logged("R1", "Serial1/0", "down", "lost", "up", "proto")
}

// flow sends numbered frames from one port of a machine to another until stop is
// called, which returns how many were sent and arrived, and the first that was not
// as expected.
func flow(t *testing.T, s *space, from, to string) (stop func() (sent, received int, wrong string)) {
	t.Helper()
	a, b := s.open("linux_eth:"+from), s.open("linux_eth:"+to)
	end, done := make(chan struct{}), make(chan struct{})
	next := func(n int) []byte {
		f := frame("88b5", 64, n)
		copy(f, "\x02\xbb\x00\x00\x00\x02")
		binary.BigEndian.PutUint32(f[20:], uint32(n))
		return f
	}
	back := next(0)
	copy(back, "\xff\xff\xff\xff\xff\xff\x02\xbb\x00\x00\x00\x02")
	b.Send(back) // so that the switch knows where the others are to go
	if _, err := receive(a); err != nil {
		t.Fatal(err)
	}
	sent, received, wrong := 0, 0, ""
	buf := make([]byte, wire.MaxFrame)
	take := func() {
		for {
			n, err := b.Receive(buf)
			if n == 0 || err != nil {
				return
			}
			if n < 24 || string(buf[:6]) != "\x02\xbb\x00\x00\x00\x02" {
				continue // what routers say
			}
			if string(buf[:n]) != string(next(received)) && wrong == "" {
				wrong = fmt.Sprintf("frame %d is %x, want %x", received, buf[:n], next(received))
			}
			received++
		}
	}
	go func() {
		defer close(done)
		for {
			select {
			case <-end:
				for last := time.Now(); time.Since(last) < time.Second && received < sent; time.Sleep(time.Millisecond) {
					take()
				}
				return
			default:
			}
			a.Send(next(sent))
			sent++
			take()
			time.Sleep(time.Millisecond)
		}
	}()
	return func() (int, int, string) {
		close(end)
		<-done
		return sent, received, wrong
	}
}

func TestSwitchesChange(t *testing.T) {
	t.Parallel()
	l := switched(t)
	pids := map[string]int{}
	for _, name := range []string{"R1", "R2", "R3", "S1", "F1"} {
		pids[name] = l.NodePID(l.name, name)
	}
	lives := func(names ...string) {
		t.Helper()
		for _, name := range names {
			if got := l.NodePID(l.name, name); got != pids[name] {
				t.Errorf("%s was started anew", name)
			}
		}
	}
	m1 := l.station("R1", "f0/0")
	stop := flow(t, l.host, "tap5", "tap6")

	// The table, shown and cleared.
	table := l.command("show", "mac", "S1")
	if got := l.Read("labs", l.name, "S1", "mac"); !strings.Contains(table, m1) || !strings.Contains(got, m1) {
		t.Errorf("R1's station %s is not in the table:\n%s\nnor in the tree's:\n%s", m1, table, got)
	}
	if got := l.stations("02bb.0000.0002"); !strings.Contains(got, "6") {
		t.Errorf("the table does not have the station behind the NIO of port 6:\n%s", table)
	}
	l.command("clear", "mac", "S1")
	if got := l.stations(m1); got != "" {
		t.Errorf("after clear mac there is still %s", got)
	}
	l.pings("R1", "10.0.0.2")
	if l.stations(m1) == "" {
		t.Errorf("R1's station is not learned again:\n%s", l.Read("labs", l.name, "S1", "mac"))
	}
	if err := l.Write("clear", "labs", l.name, "S1", "mac"); err != nil {
		t.Errorf("clear, written to the table: %v", err)
	}

	// Another VLAN.
	l.silent("R3", "10.0.0.1", "VLAN 20 to VLAN 10")
	if got := l.change("3 = access 20", "3 = access 10"); !strings.Contains(got, "S1") {
		t.Errorf("result of the change of a VLAN: %s", got)
	}
	l.pings("R3", "10.0.0.1")
	l.change("1 = access 10", "1 = access 20")
	l.silent("R3", "10.0.0.1", "VLAN 10 to VLAN 20")
	if got := l.stations(m1); strings.Contains(got, " 10 ") {
		t.Errorf("R1's station is still in VLAN 10: %s", got)
	}
	l.change("1 = access 20", "1 = access 10")
	l.pings("R3", "10.0.0.1")
	lives("R1", "R2", "R3", "S1", "F1")

	// A port more, and one less.
	l.change("slot2 = PA-FE-TX\n", "slot2 = PA-FE-TX\nf2/0 = S1 4\n")
	l.change("5 = access 10", "4 = access 10\n5 = access 10")
	// Both ports are on the same LAN now; only one of them is used.
	l.configure("R3", "interface f0/0", "shutdown", "no ip address")
	l.address("R3", "f2/0", "10.0.0.33")
	l.carrier("S1", "4", "up")
	l.pings("R3", "10.0.0.1")
	l.configure("R3", "interface f2/0", "no ip address", "interface f0/0", "ip address 10.0.0.3 255.255.255.0", "no shutdown")
	l.change("f2/0 = S1 4\n", "")
	l.change("4 = access 10\n", "")
	l.carrier("R3", "f2/0", "none")
	if _, err := os.Stat(l.Path("labs", l.name, "S1", "ports", "4")); !os.IsNotExist(err) {
		t.Errorf("port 4 of S1 is still there: %v", err)
	}
	lives("R1", "R2", "R3", "S1", "F1")

	sent, received, wrong := stop()
	if sent < 100 || received != sent || wrong != "" {
		t.Errorf("of %d frames between two ports that did not change %d arrived; %s", sent, received, wrong)
	}

	// A circuit less, one more, and one elsewhere.
	l.change("1:102 = 2:201\n", "")
	l.shows("R1", "show frame-relay pvc", `DLCI = 102, .* STATUS = DELETED|\A[^=]*\z`)
	l.silent("R1", "10.1.0.2", "no circuit")
	l.change("[[FRSW F1]]\n", "[[FRSW F1]]\n1:102 = 2:202\n")
	l.shows("R2", "show frame-relay pvc", `DLCI = 202, .* STATUS = ACTIVE`)
	l.pings("R1", "10.1.0.2")
	lives("R1", "R2", "F1")

	// A hub in place of the switch: another node, the routers stay.
	i, j := strings.Index(l.text, "[[ETHSW S1]]"), strings.Index(l.text, "[[FRSW F1]]")
	l.edit(l.text[:i] + "[[HUB S1]]\n" + l.text[j:])
	l.WaitState(l.name, "S1", "running")
	for _, name := range []string{"R1", "R2", "R3"} {
		l.carrier(name, "f0/0", "up")
	}
	third := l.live("R3", "f0/0")
	l.pings("R1", "10.0.0.2")
	echo := func(f []byte) bool { return len(f) > 34 && f[23] == 1 && f[34] == 8 && f[33] == 2 }
	if third.until(10*time.Second, echo) == nil {
		t.Error("the third port of a hub does not get what goes to the second")
	}
	if status := l.Read("labs", l.name, "S1", "status"); !strings.Contains(status, "HUB") {
		t.Errorf("status of S1:\n%s", status)
	}
	lives("R1", "R2", "R3", "F1")
}
