package peer

import (
	"fmt"
	"testing"
	"time"
)

// testATM goes on with ATM6/0 of two routers, which have 0/100 and the addresses
// 10.1.net.1 and .2 there, found by inverse ARP.
func testATM(r1, r2 *router, net int) {
	ip := func(n int) string { return fmt.Sprintf("10.1.%d.%d", net, n) }
	both := func(lines ...string) {
		r1.configure(append([]string{"interface ATM6/0"}, lines...)...)
		r2.configure(append([]string{"interface ATM6/0"}, lines...)...)
	}
	r1.shows("show interfaces ATM6/0", `MTU 4470 bytes, BW 155000 Kbit, DLY 80 usec`, `Encapsulation ATM`, `1 current VCCs`)
	r1.shows("show atm map", `^Map list ATM6/0_ATM_INARP : DYNAMIC`, "ip "+ip(2)+" maps to VC 1, VPI 0, VCI 100, ATM6/0")
	r1.shows("show atm pvc", `^6/0 +1 +0 +100 +PVC +SNAP +UBR +155000 +UP`)

	// A packet in many cells, and once round the rings.
	for _, size := range []int{4470, 8940} {
		r1.pings(fmt.Sprintf("%s size %d repeat 3", ip(2), size))
	}
	r1.pings(ip(2) + " repeat 140 size 500")
	r1.shows("show atm pvc 0/100", `InPkts: [1-9]\d\d`, `OutPkts: [1-9]\d\d`, `InPktDrops: 0, OutPktDrops: 0`, `^Status: UP`)

	// A circuit that only one of them has.
	r1.configure("interface ATM6/0", "no pvc 0/100", "pvc 0/101", "protocol ip "+ip(2))
	r1.shows("ping "+ip(2)+" repeat 2 timeout 1", `0 percent`)
	r1.shows("show atm map", `PERMANENT`, "ip "+ip(2)+" maps to VC 1, VPI 0, VCI 101")

	// The ends of the range, a name, a static map on both sides, and broadcasts.
	r1.configure("interface ATM6/0", "no pvc 0/101", "pvc long 255/1023", "protocol ip "+ip(2)+" broadcast", "pvc 3/32", "no protocol ip inarp")
	r2.configure("interface ATM6/0", "no pvc 0/100", "pvc 255/1023", "protocol ip "+ip(1)+" broadcast", "encapsulation aal5snap")
	r1.pings(ip(2) + " size 1500")
	r2.pings(ip(1))
	r1.shows("ping "+ip(255), `[1-9]\d* percent`)
	r1.shows("show running-config interface ATM6/0", `^ pvc long 255/1023 $`, `^  protocol ip `+ip(2)+` broadcast$`, `^ !$`,
		`^ pvc 3/32 $`, `^  no protocol ip inarp$`)

	// IP alone on a circuit.
	both("pvc 255/1023", "encapsulation aal5mux ip")
	r1.pings(ip(2) + " size 1500")
	r2.shows("show atm pvc", `255 +1023 +PVC +MUX +UBR`)

	// Ethernet frames: ARP finds the peer, whatever circuit it is on.
	both("pvc 255/1023", "no encapsulation aal5mux ip", "atm route-bridged ip")
	r1.pings(ip(2) + " size 36")
	r1.pings(ip(2) + " size 1500")
	r1.shows("show arp", "Internet +"+ip(2)+` +0 +ca02\.....\.....  ARPA   ATM6/0`)
	both("no atm route-bridged ip")
	r1.pings(ip(2))

	// Down and up again.
	r2.configure("interface ATM6/0", "shutdown")
	r1.shows("ping "+ip(2)+" repeat 2 timeout 1", `0 percent`)
	r2.shows("show atm pvc", `INAC`)
	r2.configure("interface ATM6/0", "no shutdown")
	r2.eventually("show interfaces ATM6/0", "line protocol is up", 5*time.Second)
	r1.pings(ip(2) + " size 1500")
}

// TestATMSwitches joins two routers on dynemu by Dynamips' own ATM switch and ATM
// bridge: cells are switched from circuit to circuit, and Ethernet frames taken
// out of those on a circuit.
func TestATMSwitches(t *testing.T) {
	debian, ours := Debian(t), Dynemu(t)
	p := UDPPorts(t, 8)
	nio := func(name string, local, remote int) string {
		return fmt.Sprintf("nio create_udp %s %d 127.0.0.1 %d", name, p[local], p[remote])
	}
	h := StartManager(t, debian, t.TempDir())
	for _, command := range []string{
		nio("a1", 0, 1), nio("a2", 2, 3), nio("a3", 4, 5), nio("e1", 6, 7),
		"atmsw create S", "atmsw create_vcc S a1 10 100 a2 20 200", "atmsw create_vcc S a2 20 200 a1 10 100",
		"atmsw create_vpc S a1 5 a2 6", "atmsw create_vpc S a2 6 a1 5",
		"atm_bridge create B", "atm_bridge configure B e1 a3 0 201",
	} {
		h.Do("%s", command)
	}
	bind := func(port string, local, remote int) []string {
		return []string{"-s", fmt.Sprintf("%s:udp:%d:127.0.0.1:%d", port, p[local], p[remote])}
	}
	r1 := boot(t, ours, "R1", t.TempDir(), 1, []string{"0:C7200-IO-FE", "1:PA-A1", "2:PA-A1"}, append(bind("1:0", 1, 0), bind("2:0", 5, 4)...)...)
	defer r1.stop()
	r2 := boot(t, ours, "R2", t.TempDir(), 2, []string{"0:C7200-IO-FE", "1:PA-A1"}, append(bind("1:0", 3, 2), bind("0:0", 7, 6)...)...)
	defer r2.stop()
	r1.configure("interface ATM1/0", "ip address 10.0.1.1 255.255.255.0", "pvc 10/100", "protocol ip 10.0.1.2", "pvc 5/77",
		"protocol ip 10.0.1.3", "exit", "no shutdown",
		"interface ATM2/0", "atm route-bridged ip", "ip address 10.0.2.1 255.255.255.0", "pvc 0/201", "exit", "no shutdown")
	r2.configure("interface ATM1/0", "ip address 10.0.1.2 255.255.255.0", "pvc 20/200", "exit", "no shutdown",
		"interface f0/0", "ip address 10.0.2.2 255.255.255.0", "no shutdown")
	r2.eventually("show interfaces f0/0", "line protocol is up", 15*time.Second)

	r1.eventually("ping 10.0.1.2 repeat 1 timeout 1", "100 percent", 15*time.Second)
	for _, size := range []int{36, 1500, 4470} {
		r1.pings(fmt.Sprintf("10.0.1.2 size %d", size))
	}
	r2.shows("show atm pvc 20/200", "^Status: UP", "InPktDrops: 0")
	// The path through, on which the channel stays what it is.
	r2.configure("interface ATM1/0", "ip address 10.0.1.3 255.255.255.0", "no pvc 20/200", "pvc 6/77")
	r1.eventually("ping 10.0.1.3 repeat 1 timeout 1", "100 percent", 15*time.Second)
	r1.pings("10.0.1.3 size 1500")

	r1.eventually("ping 10.0.2.2 repeat 1 timeout 1", "100 percent", 15*time.Second)
	r1.pings("10.0.2.2 size 36")
	r1.pings("10.0.2.2 size 1500")
	r2.pings("10.0.2.1 size 1500")
	r1.shows("show arp", `10\.0\.2\.2 .*ca02\.....\.0000  ARPA   ATM2/0`)
	for _, ifname := range []string{"ATM1/0", "ATM2/0"} {
		r1.shows("show interfaces "+ifname, " 0 input errors, 0 CRC")
	}
}
