package wires

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

const wired = `[localhost]
[[7200]]
ram = 64
[[ROUTER R1]]
slot1 = PA-8E
slot2 = PA-4T
e1/0 = S 1
e1/1 = NIO_udp:10000:127.0.0.1:10001
s2/0 = F 1
[[ROUTER R2]]
slot1 = PA-8E
slot2 = PA-4T
e1/0 = S 2
s2/0 = F 2
[[ETHSW S]]
1 = access 1
2 = access 1
[[FRSW F]]
1:102 = 2:201
`

// A lab file that asks for what cannot be is refused where its writer sees it, with
// the place and the reason; what runs goes on as if it had not been written.
func TestBadWires(t *testing.T) {
	m := newMachine(t)
	m.MustWriteLab("w", wired)
	r1, r2 := m.router("w", "R1"), m.router("w", "R2")
	r1.address("e1/0", "10.0.0.1")
	r2.address("e1/0", "10.0.0.2")
	fr := []string{"encapsulation frame-relay", "keepalive 2"}
	r1.address("s2/0", "10.1.0.1", fr...)
	r2.address("s2/0", "10.1.0.2", fr...)
	r1.pings("10.0.0.2")
	r2.pings("10.1.0.1")
	devices := []string{"R1", "R2", "S", "F"}
	before := map[string]string{}
	state := func() map[string]string {
		now := map[string]string{}
		for _, d := range devices {
			info := m.Read("labs", "w", d, "info")
			now[d] = m.Read("labs", "w", d, "state") + regexp.MustCompile(`(?mi)^pid.*$`).FindString(info)
		}
		now["links"] = strings.Join(regexp.MustCompile(`(?m)^\d+`).FindAllString(m.run("ip -n "+m.Prefix+"-w-R1 link"), -1), " ")
		return now
	}
	for k, v := range state() {
		before[k] = v
	}
	cases := []struct {
		name     string
		from, to string // what is changed in the file
		at       string // LINE:COLUMN
		want     string // expression that the message matches
	}{
		{"two links at a port", "e1/1 = NIO_udp:10000:127.0.0.1:10001", "e1/0 = R2 e1/1", `8:1`, `e1/0.*first on line 7`},
		{"two links at a port, at the far end", "e1/1 = NIO_udp:10000:127.0.0.1:10001", "e1/1 = R2 e1/0", `\d+:\d+`, `R2 e1/0.*already|e1/0.*connected`},
		{"a port that is not there", "e1/1 =", "e1/8 =", `8:1`, `e1/8.*PA-8E|PA-8E.*e1/0`},
		{"a port of another card", "e1/1 =", "s1/0 =", `8:1`, `s1/0.*PA-8E`},
		{"a port that the far router has not", "e1/1 = NIO_udp:10000:127.0.0.1:10001", "e1/1 = R2 e1/9", `8:11`, `e1/9`},
		{"a router that is not there", "e1/1 = NIO_udp:10000:127.0.0.1:10001", "e1/1 = R7 e1/0", `8:8`, `R7`},
		{"Ethernet to serial", "e1/1 = NIO_udp:10000:127.0.0.1:10001", "e1/1 = R2 s2/1", `8:\d+`, `e1/1|s2/1`},
		{"a DLCI mapped twice", "1:102 = 2:201\n", "1:102 = 2:201\n1:102 = 2:202\n", `20:1`, `1:102|DLCI 102`},
		{"a DLCI mapped twice, at the far end", "1:102 = 2:201\n", "1:102 = 2:201\n1:103 = 2:201\n", `20:\d+`, `2:201|DLCI 201`},
		{"a DLCI out of range", "1:102 =", "1:1023 =", `19:3`, `1 to 1022`},
		{"a circuit through a port with nothing", "1:102 = 2:201\n", "1:102 = 2:201\n1:103 = 3:301\n", `20:\d+`, `port 3`},
		{"VLAN 0", "2 = access 1", "2 = access 0", `17:12`, `1 to 4094`},
		{"VLAN 4095", "2 = access 1", "2 = access 4095", `17:12`, `1 to 4094`},
		{"VLAN without number", "2 = access 1", "2 = access", `17:5`, `VLAN`},
		{"unknown mode", "2 = access 1", "2 = trunk 1", `17:5`, `access dot1q qinq`},
		{"a UDP port twice", "s2/0 = F 2", "s2/0 = F 2\ne1/1 = NIO_udp:10000:127.0.0.1:10009", `15:8`, `UDP port 10000`},
		{"a VDE switch at a serial port", "s2/0 = F 2", "s2/0 = F 2\ns2/1 = NIO_vde:/run/vde:/tmp/a", `15:\d+`, `vde`},
		{"an interface at a serial port", "s2/0 = F 2", "s2/0 = F 2\ns2/1 = NIO_linux_eth:eth0", `15:\d+`, `linux_eth`},
		{"an interface of Windows", "e1/1 = NIO_udp:10000:127.0.0.1:10001", `e1/1 = NIO_gen_eth:\Device\NPF_{AB5}`, `8:\d+`, `Windows.*NIO_linux_eth:eth0`},
		{"an unknown NIO", "NIO_udp:", "NIO_upd:", `8:8`, `NIO_udp`},
		{"no port of UDP", "NIO_udp:10000:", "NIO_udp:0:", `8:16`, `1 to 65535`},
		{"a name that is none of an interface", "e1/1 = NIO_udp:10000:127.0.0.1:10001", "e1/1 = NIO_tap:a_much_too_long_name", `8:\d+`, `15`},
		{"an address that is none", "e1/1 = NIO_udp:10000:127.0.0.1:10001", "e1/1 = NIO_host:lab0:10.0.0.300/24", `8:\d+`, `10.0.0.300`},
		{"another machine", "[localhost]", "[192.0.2.77]", `1:2`, `other machines`},
	}
	// The routers ping each other all the while.
	const echoes = 2000
	pinging := make(chan string, 2)
	for r, to := range map[*router]string{r1: "10.0.0.2", r2: "10.1.0.1"} {
		go func() {
			out, err := r.Command(fmt.Sprintf("ping %s repeat %d", to, echoes), 2*time.Minute)
			pinging <- fmt.Sprint(r.name, ": ", out, err)
		}()
	}
	for _, c := range cases {
		bad := strings.Replace(wired, c.from, c.to, 1)
		if bad == wired {
			t.Fatalf("%s: the file has no %q", c.name, c.from)
		}
		if err := m.WriteLab("w", bad); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%s: closing the file: %v, want EINVAL", c.name, err)
		}
		result, text := m.Read("labs", "w", "result"), m.Read("labs", "w", "errors")
		if !regexp.MustCompile(`(?m)^w\.net:` + c.at + `: .*(` + c.want + `)`).MatchString(result) {
			t.Errorf("%s: no message at %s about %q:\n%s", c.name, c.at, c.want, result)
		}
		if text == "" || strings.Contains(text, "\n") || !strings.Contains(result, text) {
			t.Errorf("%s: errors has %q, want a line of the result:\n%s", c.name, text, result)
		}
	}
	for range 2 {
		if out := <-pinging; !strings.Contains(out, fmt.Sprintf("(%d/%d)", echoes, echoes)) {
			t.Errorf("echoes were lost: %s", out)
		}
	}
	for k, v := range state() {
		if before[k] != v {
			t.Errorf("%s was %q, is %q", k, before[k], v)
		}
	}
	// The good file is in force, and changes nothing either.
	m.MustWriteLab("w", wired)
	if result := m.Read("labs", "w", "result"); result != "nothing changed" {
		t.Errorf("after the good file: %s", result)
	}
}
