package peer

import (
	"fmt"
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
