package wires

import (
	"strings"
	"testing"
	"time"
)

const atmLab = `[localhost]
[[7200]]
ram = 64
[[ROUTER R1]]
a1/0 = A1 1
a2/0 = B1 2
[[ROUTER R2]]
a1/0 = A1 2
f0/0 = B1 1
[[ATMSW A1]]
1:10:100 = 2:20:200
1:5 = 2:6
[[ATMBR B1]]
1 = 2:0:201
`

// Cells through a switch, on a channel and on a path, and Ethernet frames through a
// bridge; both are changed while they run.
func TestATMSwitches(t *testing.T) {
	t.Parallel()
	l := run(t, "atm", atmLab)
	l.configure("R1", "interface ATM1/0", "ip address 10.0.1.1 255.255.255.0", "pvc 10/100", "protocol ip 10.0.1.2",
		"pvc 5/77", "protocol ip 10.0.1.3", "exit", "no shutdown",
		"interface ATM2/0", "atm route-bridged ip", "ip address 10.0.2.1 255.255.255.0", "pvc 0/201", "exit", "no shutdown")
	l.configure("R2", "interface ATM1/0", "ip address 10.0.1.2 255.255.255.0", "pvc 20/200", "exit", "no shutdown",
		"interface f0/0", "ip address 10.0.2.2 255.255.255.0", "no shutdown")
	l.pings("R1", "10.0.1.2")
	l.pings("R1", "10.0.1.2 size 4470")
	l.pings("R1", "10.0.2.2 size 36")
	l.pings("R2", "10.0.2.1 size 1500")
	for _, p := range []struct{ device, port string }{{"R1", "a1/0"}, {"R1", "a2/0"}, {"R2", "a1/0"}, {"R2", "f0/0"}, {"A1", "1"}, {"A1", "2"}, {"B1", "1"}, {"B1", "2"}} {
		l.carrier(p.device, p.port, "up")
	}
	pids := []int{l.NodePID("atm", "A1"), l.NodePID("atm", "B1"), l.NodePID("atm", "R1")}

	// A channel less, the path stays; the channel elsewhere.
	if got := l.change("1:10:100 = 2:20:200\n", ""); !strings.Contains(got, "A1") {
		t.Errorf("result of a circuit that is removed: %s", got)
	}
	l.silent("R1", "10.0.1.2", "no circuit")
	l.configure("R2", "interface ATM1/0", "ip address 10.0.1.3 255.255.255.0", "pvc 6/77", "exit")
	l.pings("R1", "10.0.1.3 size 1500")
	l.change("1:5 = 2:6\n", "1:10:100 = 2:21:210\n")
	l.silent("R1", "10.0.1.3", "no path")
	l.configure("R2", "interface ATM1/0", "ip address 10.0.1.2 255.255.255.0", "no pvc 20/200", "no pvc 6/77", "pvc 21/210", "exit")
	l.pings("R1", "10.0.1.2 size 1500")
	l.change("1 = 2:0:201", "1 = 2:0:202")
	l.silent("R1", "10.0.2.2", "another channel at the bridge")
	l.configure("R1", "interface ATM2/0", "no pvc 0/201", "pvc 0/202", "exit")
	l.pings("R1", "10.0.2.2")
	if got := []int{l.NodePID("atm", "A1"), l.NodePID("atm", "B1"), l.NodePID("atm", "R1")}; got[0] != pids[0] || got[1] != pids[1] || got[2] != pids[2] {
		t.Errorf("processes of A1, B1 and R1 are %v, were %v", got, pids)
	}

	// A capture at a port of the switch shows packets.
	l.command("capture", "A1", "2", "switch.cap", "ATM")
	l.pings("R1", "10.0.1.2 size 1000")
	path := l.Path("labs", "atm", "captures", "switch.cap")
	l.Wait(10*time.Second, "ten packets in the capture of A1", func() bool { _, frames, err := readPcap(path); return err == nil && len(frames) >= 10 })
	if requests, replies, text := echoes(t, path); requests != 5 || replies != 5 {
		t.Errorf("the capture of a switch's port holds:\n%s", text)
	}

	// What is not up at one end of a bridge is seen at its port.
	l.configure("R2", "interface f0/0", "shutdown", "interface ATM1/0", "shutdown")
	l.carrier("B1", "1", "down")
	l.carrier("A1", "2", "down")
	l.carrier("A1", "1", "up")
	l.configure("R2", "interface f0/0", "no shutdown", "interface ATM1/0", "no shutdown")
	l.carrier("B1", "1", "up")
	l.carrier("A1", "2", "up")
	l.pings("R1", "10.0.1.2")
	l.pings("R1", "10.0.2.2")
}
