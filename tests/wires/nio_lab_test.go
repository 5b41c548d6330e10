package wires

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// nioCase is a NIO at a port of R1 in a lab.
type nioCase struct {
	name string
	near string // the NIO at R1
	far  string // the NIO at R2 that it leads to; empty: it leads elsewhere
	// host is where the kernel's own stack has address 2 of its network; nil: R2 has
	// it, or nobody.
	host *space
}

// nioCases are NIOs of each type, those that serial ports take first.
func nioCases(m, outside *space, dir, sw string) (any, ethernet []nioCase) {
	at := func(name string) string { return filepath.Join(dir, name) }
	any = []nioCase{
		{"udp", "NIO_udp:10000:127.0.0.1:10001", "NIO_udp:10001:127.0.0.1:10000", nil},
		{"udp_auto", "NIO_udp_auto:127.0.0.1:10002:10002", "NIO_udp:10003:127.0.0.1:10002", nil},
		{"unix", "NIO_unix:" + at("a") + ":" + at("b"), "NIO_unix:" + at("b") + ":" + at("a"), nil},
		{"tcp_ser", "NIO_tcp_ser:10004", "NIO_tcp_cli:127.0.0.1:10004", nil},
		{"tcp_cli", "NIO_tcp_cli:127.0.0.1:10005", "NIO_tcp_ser:10005", nil},
		{"null", "NIO_null:nothing", "", nil},
	}
	ethernet = []nioCase{
		{"vde", "NIO_vde:" + sw + "/ctl:" + at("c"), "NIO_vde:" + sw + ":" + at("d"), nil},
		{"tap", "NIO_tap:tap7", "", m},
		{"linux_eth", "NIO_linux_eth:out0", "", outside},
		{"gen_eth", "NIO_gen_eth:out1", "", outside},
		{"host", "NIO_host:lab0:10.1.10.2/24", "", m},
	}
	return any, ethernet
}

// Every type of NIO, at a router's ports and then, in the same lab while it runs,
// at those of a switch.
// Promises: 66, 67.
func TestNIOsOfALab(t *testing.T) {
	m, outside := newMachine(t), newSpace(t)
	sw, _ := m.vdeSwitch()
	for i, n := range []int{8, 9} {
		veth(m.space, fmt.Sprint("out", i), outside, fmt.Sprint("eth", i))
		outside.address(fmt.Sprint("eth", i), fmt.Sprintf("10.1.%d.2/24", n))
	}
	dir := t.TempDir()
	any, ethernet := nioCases(m.space, outside, dir, sw)
	serial := any
	ethernet = append(any[:len(any):len(any)], ethernet...)
	etherPort := func(i int) string { return fmt.Sprintf("e%d/%d", 1+i/8, i%8) }
	serialPort := func(i int) string { return fmt.Sprintf("s3/%d", i) }
	// The serial ports have NIOs of their own.
	other := strings.NewReplacer(":1000", ":1010", dir+"/", dir+"/s")

	lab := func(switches bool) string {
		var r1, r2, s, f strings.Builder
		for i, c := range ethernet {
			if switches {
				fmt.Fprintf(&r1, "%s = S %d\n", etherPort(i), i)
				fmt.Fprintf(&s, "%d = access %d\n%d = access %d %s\n", i, 11+i, 20+i, 11+i, c.near)
			} else {
				fmt.Fprintf(&r1, "%s = %s\n", etherPort(i), c.near)
			}
			if c.far != "" {
				fmt.Fprintf(&r2, "%s = %s\n", etherPort(i), c.far)
			}
		}
		for i, c := range serial {
			if switches {
				fmt.Fprintf(&r1, "%s = F %d\n", serialPort(i), i)
				fmt.Fprintf(&f, "%d:102 = %d:201\n%d = %s\n", i, 20+i, 20+i, other.Replace(c.near))
			} else {
				fmt.Fprintf(&r1, "%s = %s\n", serialPort(i), other.Replace(c.near))
			}
			if c.far != "" {
				fmt.Fprintf(&r2, "%s = %s\n", serialPort(i), other.Replace(c.far))
			}
		}
		text := "[localhost]\n[[7200]]\nram = 64\n"
		for i, ports := range []string{r1.String(), r2.String()} {
			text += fmt.Sprintf("[[ROUTER R%d]]\nslot1 = PA-8E\nslot2 = PA-8E\nslot3 = PA-8T\n%s", 1+i, ports)
		}
		if switches {
			text += "[[ETHSW S]]\n" + s.String() + "[[FRSW F]]\n" + f.String()
		}
		return text
	}

	m.MustWriteLab("nios", lab(false))
	r1, r2 := m.router("nios", "R1"), m.router("nios", "R2")
	var lines1, lines2 []string
	for i, c := range ethernet {
		lines1 = append(lines1, "interface "+etherPort(i), fmt.Sprintf("ip address 10.1.%d.1 255.255.255.0", i), "no shutdown")
		if c.far != "" {
			lines2 = append(lines2, "interface "+etherPort(i), fmt.Sprintf("ip address 10.1.%d.2 255.255.255.0", i), "no shutdown")
		}
	}
	for i := range serial {
		lines1 = append(lines1, "interface "+serialPort(i), fmt.Sprintf("ip address 10.2.%d.1 255.255.255.0", i), "no shutdown")
		lines2 = append(lines2, "interface "+serialPort(i), fmt.Sprintf("ip address 10.2.%d.2 255.255.255.0", i), "no shutdown")
	}
	r1.configure(lines1...)
	r2.configure(lines2...)
	m.address("tap7", "10.1.7.2/24")

	check := func(device string, etherPort, serialPort func(int) string) {
		t.Helper()
		for i, c := range ethernet {
			m.carrier("nios", device, etherPort(i), true)
			switch {
			case c.host != nil:
				c.host.pings(fmt.Sprintf("10.1.%d.1", i)) // R1 learns its new address
				r1.pings(fmt.Sprintf("10.1.%d.2", i))
			case c.far != "":
				r2.pings(fmt.Sprintf("10.1.%d.1", i)) // udp_auto answers who has spoken
				r1.pings(fmt.Sprintf("10.1.%d.2", i))
			}
		}
		if device == "S" {
			device = "F"
		}
		for i, c := range serial {
			m.carrier("nios", device, serialPort(i), true)
			if c.far != "" {
				r2.pings(fmt.Sprintf("10.2.%d.1", i))
				r1.pings(fmt.Sprintf("10.2.%d.2", i))
			}
		}
	}
	check("R1", etherPort, serialPort)

	// All NIOs move to the switches; R1's addresses stay.
	m.MustWriteLab("nios", lab(true))
	m.WaitState("nios", "S", "running")
	m.WaitState("nios", "F", "running")
	lines1, lines2 = nil, nil
	for i := range serial {
		lines := []string{"interface " + serialPort(i), "encapsulation frame-relay", "keepalive 2"}
		lines1, lines2 = append(lines1, lines...), append(lines2, lines...)
	}
	r1.configure(lines1...)
	r2.configure(lines2...)
	m.address("tap7", "10.1.7.2/24") // it was made anew
	number := func(i int) string { return fmt.Sprint(20 + i) }
	check("S", number, number)

	// Nothing is left of them.
	if err := os.Remove(m.Path("labs", "nios.net")); err != nil {
		t.Fatal(err)
	}
	m.Wait(20*time.Second, "the lab to go", func() bool {
		_, err := os.Stat(m.Path("labs", "nios"))
		return os.IsNotExist(err)
	})
	links := m.run("ip -br link")
	for _, name := range []string{"tap7", "lab0"} {
		if strings.Contains(links, name) {
			t.Errorf("interface %s of the removed lab is there:\n%s", name, links)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("sockets of the removed lab: %v", left)
	}
}

// NIOs come with the ports that they belong to: of a card that is put in, of another
// card in its place, of a switch that gets ports while it runs.
func TestNIOsOfNewPorts(t *testing.T) {
	m := newMachine(t)
	lab := `[localhost]
[[7200]]
ram = 64
[[ROUTER R1]]
slot1 = PA-4E
e1/0 = S 1
[[ETHSW S]]
1 = access 1
2 = access 1 NIO_host:lab1:10.0.0.2/24
`
	change := func(from, to string) {
		t.Helper()
		if !strings.Contains(lab, from) {
			t.Fatalf("the lab has no %q:\n%s", from, lab)
		}
		lab = strings.Replace(lab, from, to, 1)
		m.MustWriteLab("n", lab)
		if result := m.Read("labs", "n", "result"); strings.Contains(result, "warning") {
			t.Errorf("%q: %s", to, result)
		}
	}
	change("R1", "R1")
	r1 := m.router("n", "R1")
	r1.address("e1/0", "10.0.0.1")
	r1.pings("10.0.0.2")

	change("e1/0 = S 1\n", "e1/0 = S 1\nslot2 = PA-4E\nslot3 = PA-4T\ne2/0 = NIO_udp:10000:127.0.0.1:10001\ns3/0 = NIO_udp:10002:127.0.0.1:10003\n")
	r1.address("e2/0", "10.2.0.1")
	r1.address("s3/0", "10.3.0.1")
	m.carrier("n", "R1", "e2/0", true)
	m.carrier("n", "R1", "s3/0", true)

	change("2 = access 1 NIO_host:lab1:10.0.0.2/24\n", "2 = access 1 NIO_host:lab1:10.0.0.2/24\n3 = access 2 NIO_udp:10001:127.0.0.1:10000\n4 = access 2 NIO_host:lab2:10.2.0.2/24\n")
	m.carrier("n", "S", "3", true)
	m.carrier("n", "S", "4", true)
	m.pings("10.2.0.1")
	r1.pings("10.2.0.2")

	change("slot2 = PA-4E", "slot2 = PA-8E")
	r1.address("e2/0", "10.2.0.1")
	m.carrier("n", "R1", "e2/0", true)
	m.pings("10.2.0.1")
	r1.pings("10.0.0.2")
	change("slot3 = PA-4T", "slot3 = PA-8T")
	r1.address("s3/0", "10.3.0.1")
	m.carrier("n", "R1", "s3/0", true)
	m.Wait(20*time.Second, "keepalives at s3/0", func() bool { return m.counter("n", "R1", "s3/0", "tx-packets") > 0 })
}
