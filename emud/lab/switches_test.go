package lab

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"dynemu/vm/fabric"
	"dynemu/vm/fabric/atmsw"
	"dynemu/vm/fabric/frsw"
)

// What sections of switches may hold, beside the reference's cases. The texts
// are seeds of the fuzz tests too.
var switchCases = []struct{ name, text, want string }{
	{"ports of every type, and the default of those that no line has", `
		[[ETHSW S1]]
		0 = Access 4094
		3 = qinq 100 R1 f0/0
		2 = QinQ 200 0x88A8 NIO_tap:tap0
		1023 = dot1q 1 LAN 7
		[[ROUTER R1]]
		f1/0 = S1 5
		f2/0 = S1 0`, `
		R1 7200 0:C7200-IO-FE 1:PA-FE-TX 2:PA-FE-TX console 2000
		S1 ETHSW 0 access 4094, 2 qinq 200 0x88a8, 3 qinq 100, 5 access 1, 1023 dot1q 1
		S1 3 - R1 f0/0
		S1 2 - NIO_tap:tap0
		S1 1023 - LAN 7
		R1 f1/0 - S1 5
		R1 f2/0 - S1 0`},
	{"lines of an ETHSW", `
		[[ETHSW S1]]
		1 = access
		2 = dotq1 1
		3 = access 0
		4 = dot1q 4095
		5 = access -1
		6 = qinq 1 0x1234
		7 = access 1 0x8100
		8 = access 1 S1
		9 = access 1 S1 x
		10 = access 1 S1 1 1
		1024 = access 1
		01 = access 1
		x1 = access 1
		1:100 = 2:200
		ram = 5
		symbool = y
		11 = None
		12 = access 1 R9 f0/0
		13 = qinq 1 0x99999`, `
		3:5: access lacks the VLAN: write 1 = access 1
		4:5: unknown port type "dotq1" (did you mean dot1q?); the types are access dot1q qinq: write 2 = access 1
		5:1: warning: port 3 of S1 is defined, but not used: nothing is connected to it
		5:12: VLAN "0": expected a number from 1 to 4094
		6:1: warning: port 4 of S1 is defined, but not used: nothing is connected to it
		6:11: VLAN "4095": expected a number from 1 to 4094
		7:1: warning: port 5 of S1 is defined, but not used: nothing is connected to it
		7:12: VLAN "-1": expected a number from 1 to 4094
		8:1: warning: port 6 of S1 is defined, but not used: nothing is connected to it
		8:12: Ethernet type "0x1234": expected 0x8100, 0x88a8, 0x9100 or 0x9200
		9:1: warning: port 7 of S1 is defined, but not used: nothing is connected to it
		9:14: 0x8100: only a qinq port has an Ethernet type
		10:14: connection to S1 lacks the number of the port: write S1 1
		11:17: "x" is not the number of a port: the ports of ETHSW S1 are 0 to 1023
		12:20: connection has 3 words: expected S1 and the number of a port
		13:1: "1024" is not the number of a port: the ports of a switch are 0 to 1023
		14:1: port 1 is written twice in this section (first on line 3)
		15:1: unknown option "x1"; a line of ETHSW is PORT = access VLAN, PORT = dot1q VLAN or PORT = qinq VLAN, with what it connects to behind it or not
		16:1: unknown line "1:100"; a line of ETHSW is PORT = access VLAN, PORT = dot1q VLAN or PORT = qinq VLAN, with what it connects to behind it or not
		17:1: option "ram" belongs in a router section; a line of ETHSW is PORT = access VLAN, PORT = dot1q VLAN or PORT = qinq VLAN, with what it connects to behind it or not
		18:1: unknown option "symbool" (did you mean symbol?); a line of ETHSW is PORT = access VLAN, PORT = dot1q VLAN or PORT = qinq VLAN, with what it connects to behind it or not
		20:15: no device "R9" in this file
		21:1: warning: port 13 of S1 is defined, but not used: nothing is connected to it
		21:13: Ethernet type "0x99999": expected 0x8100, 0x88a8, 0x9100 or 0x9200`},
	{"two links on one port of a switch", `
		[[ROUTER R1]]
		f0/0 = S1 1
		f1/0 = S1 1
		[[ETHSW S1]]
		1 = access 1 R1 f0/0
		2 = access 1 R1 f1/0
		3 = access 1 R1 f0/0
		4 = access 1 S1 4
		5 = access 1 S1 6
		6 = access 1 R1 f9/0`, `
		4:11: S1 1 is already connected to R1 f0/0 (line 3)
		8:17: R1 f0/0 is already connected to S1 1 (line 3)
		9:1: S1 4 is connected to itself
		11:17: invalid slot 9 in f9/0: R1 is a 7200 with slots 0 to 6`},
	{"circuits in both directions, at one port, with port 0 and between switches", `
		[[FRSW F1]]
		0 = R1 s1/0
		2 = F2 0
		3 = F2 1
		0:102 = 2:201
		2:201 = 0:102
		00:102 = 2:201
		2:203 = 2:204
		0 : 16 = 3 : 1022
		[[FRSW F2]]
		0:201 = 1:1
		[[ROUTER R1]]`, `
		R1 7200 1:PA-8T console 2000
		F1 FRSW 0 serial, 2 serial, 3 serial; 0:102 = 2:201; 2:203 = 2:204; 0:16 = 3:1022
		F2 FRSW 0 serial, 1 serial; 0:201 = 1:1
		F1 0 - R1 s1/0
		F1 2 - F2 0
		F1 3 - F2 1`},
	{"circuits that contradict, and numbers out of range", `
		[[FRSW F1]]
		1 = R1 s1/0
		2 = R1 s1/1
		1:102 = 2:201
		1:0102 = 2:202
		2:203 = 1:102
		2:201 = 1:103
		1:104 = 1:104
		1:0 = 2:300
		1:1023 = 2:300
		1:300 = 2:-1
		1:301 = 2:x
		1:302 = 2
		1:303 = 2:3:4
		1:304 = 4444:1
		1:305:1 = 2:305
		:306 = 2:306
		1:307 = 2:307 R1 s1/3
		1:308 = 7:308
		8:309 = 7:309
		[[ROUTER R1]]`, `
		6:1: 1:102 is already mapped to 2:201 (line 5)
		7:9: 1:102 is already mapped to 2:201 (line 5)
		8:1: 2:201 is already mapped to 1:102 (line 5)
		9:9: circuit 1:104 = 1:104 leads back to itself
		10:3: DLCI "0": expected a number from 1 to 1022
		11:3: DLCI "1023": expected a number from 1 to 1022
		12:11: DLCI "-1": expected a number from 1 to 1022
		13:11: DLCI "x": expected a number from 1 to 1022
		14:9: "2": expected PORT:DLCI
		15:9: "2:3:4": expected PORT:DLCI
		16:9: port "4444": expected a number from 0 to 1023
		17:1: "1:305:1": expected PORT:DLCI
		18:1: unknown option ":306"; a line of FRSW is PORT:DLCI = PORT:DLCI or PORT = DEVICE INTERFACE
		19:11: DLCI "307 R1 s1/3": expected a number from 1 to 1022
		20:9: nothing is connected to port 7 of F1; write 7 = DEVICE INTERFACE in this section, or INTERFACE = F1 7 in another
		21:1: nothing is connected to port 8 of F1; write 8 = DEVICE INTERFACE in this section, or INTERFACE = F1 8 in another`},
	{"ATM circuits", `
		[[ATMSW A1]]
		1 = R1 a1/0
		2 = R1 a2/0
		1:0 = 2:4095
		1:1:0 = 2:1:65535
		2:1:65535 = 1:1:0
		2:1:1 = 1:1:1
		[[ROUTER R1]]`, `
		R1 7200 1:PA-A1 2:PA-A1 console 2000
		A1 ATMSW 1 atm, 2 atm; 1:0 = 2:4095; 1:1:0 = 2:1:65535; 2:1:1 = 1:1:1
		A1 1 - R1 a1/0
		A1 2 - R1 a2/0`},
	{"ATM circuits that contradict, and numbers out of range", `
		[[ATMSW A1]]
		1 = R1 a1/0
		2 = R1 a2/0
		1:10:1 = 2:20:1
		2:21:2 = 1:10:2
		1:10 = 2:20
		1:10 = 2:22
		1:4096 = 2:1
		1:11:65536 = 2:1:1
		1:12 = 2:12:1
		1 :13:1:1 = 2:12:1
		[[ROUTER R1]]
		s3/0 = A1 2`, `
		5:1: warning: this channel has no effect: the path 1:10 = 2:20 (line 7) is switched as a whole
		6:10: 1:10:2 is in the path 1:10 = 2:20 (line 7), which is switched as a whole and leads elsewhere
		8:1: duplicate option "1:10" (first on line 7)
		9:3: VPI "4096": expected a number from 0 to 4095
		10:6: VCI "65536": expected a number from 0 to 65535
		11:1: a virtual path cannot be joined to a virtual channel: expected PORT:VPI = PORT:VPI or PORT:VPI:VCI = PORT:VPI:VCI
		12:1: "1 :13:1:1": expected PORT:VPI or PORT:VPI:VCI
		14:1: cannot connect s3/0 (serial) to A1 2 (atm)`},
	{"an ATM bridge", `
		[[ATMBR B1]]
		1 = A1 1
		2 = 1:0:201 R1 f0/0
		3 = 1:0:202 S1 1
		4 = 1:0:203
		5 = R1 a3/0
		6 = NIO_tap:tap0
		7 = NIO_udp:10000:h:10001
		8 = 7:1:1 NIO_null:
		[[HUB H1]]
		1 = B1 4
		2 = H1 3
		[[ETHSW S1]]
		[[ATMSW A1]]
		[[ROUTER R1]]`, `
		R1 7200 0:C7200-IO-FE 3:PA-A1 console 2000
		B1 ATMBR 1 atm, 2 ethernet, 3 ethernet, 4 ethernet, 5 atm, 6 ethernet, 7 atm, 8 ethernet; 2 = 1:0:201; 3 = 1:0:202; 4 = 1:0:203; 8 = 7:1:1
		H1 HUB 1 ethernet, 2 ethernet, 3 ethernet
		S1 ETHSW 1 access 1
		A1 ATMSW 1 atm
		B1 1 - A1 1
		B1 2 - R1 f0/0
		B1 3 - S1 1
		B1 5 - R1 a3/0
		B1 6 - NIO_tap:tap0
		B1 7 - NIO_udp:10000:h:10001
		B1 8 - NIO_null:
		H1 1 - B1 4
		H1 2 - H1 3`},
	{"what an ATM bridge refuses", `
		[[ATMBR B1]]
		1 = NIO_null:
		2 = 2:0:1
		3 = 4:0:1 R1 f0/0
		5 = 3:0:1
		6 = 4:0:1
		7 = 4:0
		8 = 4:0:1:1
		9 = R1 s1/0
		10 = B1 11
		12 = 4:0:2
		13 = NIO_tap:tap0
		4 = R1 f2/0
		1:2 = 3
		[[ROUTER R1]]`, `
		3:1: cannot tell whether port 1 of B1 is ethernet or atm: no circuit names it; write 1 = PORT:VPI:VCI or PORT = 1:VPI:VCI
		4:5: port 2 of B1 is ethernet (line 4) and cannot be atm too
		6:5: port 3 of B1 is ethernet (line 5) and cannot be atm too
		7:5: 4:0:1 is already mapped to 3 (line 5)
		8:5: "4:0": expected PORT:VPI:VCI
		9:5: "4:0:1:1": expected PORT:VPI:VCI
		10:1: cannot connect B1 9 (ethernet or atm) to s1/0 (serial)
		11:1: cannot tell whether port 10 of B1 is ethernet or atm: no circuit names it; write 10 = PORT:VPI:VCI or PORT = 10:VPI:VCI
		12:1: nothing is connected to port 12 of B1; write 12 = DEVICE INTERFACE in this section, or INTERFACE = B1 12 in another
		14:1: cannot connect B1 4 (atm) to f2/0 (ethernet)
		15:1: unknown line "1:2"; a line of ATMBR is PORT = PORT:VPI:VCI or PORT = DEVICE INTERFACE`},
	{"kinds that do not agree", `
		[[ROUTER R1]]
		s1/0 = S1 1
		p2/0 = F1 1
		a3/0 = H1 1
		f0/0 = A1 1
		s1/1 = NIO_tap:tap0
		a3/0 = NIO_udp:1:h:1
		[[ETHSW S1]]
		2 = access 1 F1 2
		[[FRSW F1]]
		3 = LAN 1
		4 = NIO_linux_eth:eth0
		5 = NIO_host:h0
		[[HUB H1]]
		[[ATMSW A1]]
		6 = NIO_vde:/a:/b`, `
		3:1: cannot connect s1/0 (serial) to S1 1 (ethernet)
		4:1: cannot connect p2/0 (pos) to F1 1 (serial)
		5:1: cannot connect a3/0 (atm) to H1 1 (ethernet)
		6:1: cannot connect f0/0 (ethernet) to A1 1 (atm)
		7:8: cannot connect s1/1 (serial) to NIO_tap:tap0 (ethernet)
		8:1: duplicate option "a3/0" (first on line 5)
		10:1: cannot connect S1 2 (ethernet) to F1 2 (serial)
		12:1: cannot connect F1 3 (serial) to a LAN (ethernet)
		13:5: cannot connect F1 4 (serial) to NIO_linux_eth:eth0 (ethernet)
		14:5: cannot connect F1 5 (serial) to NIO_host:h0 (ethernet)
		17:5: cannot connect A1 6 (atm) to NIO_vde:/a:/b (ethernet)`},
	{"devices of other emulators and machines bring no complaints", `|
		[localhost]
		[[ROUTER R1]]
		e1/0 = ASA1 e0
		s2/0 = F1 1
		[[FRSW F1]]
		1:1 = 2:2
		1:3 = 3:3
		3 = FAR s1/1
		[[ETHSW S1]]
		1 = access 1
		2 = access 1 ASA1 e2
		3 = access 1 ROUTER9 f0/0
		[qemu localhost:10525]
		[[ASA ASA1]]
		e1 = S1 1
		[bender]
		udp = 10000
		[[ROUTER FAR]]
		s1/0 = F1 2
		bogus line
		ram = lots
		[[FRSW FARSW]]
		1:1 = 9:9`, `
		12:14: no device "ROUTER9" in this file
		13:1: warning: [qemu localhost:10525] is for another emulator: its devices, and links to them, are left out
		16:2: other machines are not supported: "bender" is not a name of this machine; write localhost, and connect to a router there with NIO_udp
		20:1: invalid line: expected [section] or option = value`},
	{"a switch joined to a device of another emulator", `|
		[localhost]
		[[ROUTER R1]]
		s1/0 = F1 1
		[[FRSW F1]]
		1:1 = 2:2
		2 = VM1 s0
		[[ETHSW S1]]
		1 = access 1
		[vbox localhost]
		[[VBOX VM1]]
		e0 = S1 1`, `
		9:1: warning: [vbox localhost] is for another emulator: its devices, and links to them, are left out
		R1 7200 1:PA-8T console 2000
		F1 FRSW 1 serial, 2 serial; 1:1 = 2:2
		S1 ETHSW 1 access 1
		R1 s1/0 - F1 1`},
	{"one complaint for each mistake", `
		[[ROUTER R1]]
		model = 9999
		s1/0 = F1 1
		q1/0 = F1 2
		[[FRSW F1]]
		1:1 = 2:2
		[[FRSW F1]]
		[[ETHSW R1]]`, `
		3:9: unknown model "9999"; the models are 2691 3620 3640 3660 3725 3745 7200
		5:1: unknown interface type "q" in "q1/0"; the types are e f g s a p i an
		8:1: duplicate device F1 (first on line 6)
		9:1: duplicate device R1 (first on line 2)`},
	{"values over several lines", `
		[[ETHSW S1]]
		1 = '''access 1
		R1
		f0/0'''
		2 = """dot1q
		x"""
		[[ROUTER R1]]`, `
		6:1: warning: port 2 of S1 is defined, but not used: nothing is connected to it
		7:1: VLAN "x": expected a number from 1 to 4094`},
	{"switches without ports", `
		[[ETHSW S1]]
		[[FRSW F1]]
		[[ATMSW A1]]
		[[ATMBR B1]]
		[[HUB live.pcapng]]`, `
		6:7: a device cannot be named "live.pcapng": the word has a meaning of its own`},
}

func TestSwitches(t *testing.T) {
	for _, c := range switchCases {
		t.Run(c.name, func(t *testing.T) {
			if got, want := outcome(caseText(c.text)), lines(c.want); got != want {
				t.Errorf("got:\n%swant:\n%s", got, want)
			}
		})
	}
}

// What the emulated switches take is what the lab file may ask of them.
func TestLimits(t *testing.T) {
	got := []int{maxPort, minDLCI, maxDLCI, maxVPI, maxVCI}
	if want := []int{fabric.MaxPort, frsw.MinDLCI, frsw.MaxDLCI, atmsw.MaxVPI, atmsw.MaxVCI}; !slices.Equal(got, want) {
		t.Errorf("ports, DLCIs, VPIs and VCIs: %d, want %d", got, want)
	}
}

// A switch as other packages get it.
func TestSwitch(t *testing.T) {
	l := mustParse(t, lines(`
		autostart = false
		[localhost]
		[[ETHSW S1]]
		2 = qinq 100 0x9100 R1 f0/0
		1 = dot1q 7
		x = 4
		symbol = ethernet_switch
		key = None
		[[ROUTER R1]]
		f1/0 = S1 1
		[127.0.0.1]
		autostart = true
		[[ATMBR B1]]
		1 = 2:1:32 NIO_udp:10000:[fe80::1%eth0]:10001
		2 = NIO_tcp_ser:5000`))
	want := []*Switch{
		{Name: "S1", Line: 3, Type: "ETHSW", Window: map[string]string{"x": "4", "symbol": "ethernet_switch"}, Ports: []SwitchPort{
			{Number: 1, Kind: Ethernet, Mode: "dot1q", VLAN: 7, Line: 5},
			{Number: 2, Kind: Ethernet, Mode: "qinq", VLAN: 100, EtherType: 0x9100, Line: 4}}},
		{Name: "B1", Line: 13, Type: "ATMBR", AutoStart: true, Ports: []SwitchPort{
			{Number: 1, Kind: Ethernet, Line: 14}, {Number: 2, Kind: ATM, Line: 14}},
			Circuits: []Circuit{{CircuitEnd{1, 0, -1, -1}, CircuitEnd{2, 0, 1, 32}, 14}}},
	}
	if !reflect.DeepEqual(l.Switches, want) {
		t.Errorf("got  %+v %+v\nwant %+v %+v", *l.Switches[0], *l.Switches[1], *want[0], *want[1])
	}
	s := l.Switch("S1")
	if p, ok := s.Port(2); !ok || p.Name() != "2" || p.Ifname() != "p2" || l.Switch("R1") != nil || l.Router("S1") != nil {
		t.Errorf("S1's port 2: %+v, %v", p, ok)
	}
	if _, ok := s.Port(3); ok {
		t.Error("S1 has a port 3")
	}
	link, peer, ok := l.LinkAt("S1", "2")
	if !ok || peer != (End{Device: "R1", Port: "f0/0"}) || link.Kind != Ethernet || link.Line != 4 {
		t.Errorf("S1 2: %+v, %v", link, peer)
	}
	if _, peer, ok := l.LinkAt("R1", "f1/0"); !ok || peer.String() != "S1 1" {
		t.Errorf("R1 f1/0 leads to %v", peer)
	}
	udp := NIO{Type: "udp", LocalPort: 10000, RemoteHost: "fe80::1%eth0", RemotePort: 10001}
	if link, peer, ok := l.LinkAt("B1", "1"); !ok || peer.NIO != udp || link.String() != "B1: link 1 - NIO_udp:10000:[fe80::1%eth0]:10001" {
		t.Errorf("B1 1 leads to %+v", peer)
	}
	if link, _, ok := l.LinkAt("B1", "2"); !ok || link.Kind != ATM {
		t.Errorf("B1 2: %+v", link)
	}
}

// NIOs: what is written, what is understood, or the message and its column in
// the line "1 = ...".
func TestNIOs(t *testing.T) {
	path107 := "/" + strings.Repeat("p", 106)
	for _, c := range []struct {
		written string
		want    NIO
		message string
	}{
		{"NIO_linux_eth:eth0", NIO{Type: "linux_eth", Interface: "eth0"}, ""},
		{"nio_Gen_Eth:enp0s31f6.100", NIO{Type: "gen_eth", Interface: "enp0s31f6.100"}, ""},
		{"NIO_tap:a-name-of-15-by", NIO{Type: "tap", Interface: "a-name-of-15-by"}, ""},
		{"NIO_udp:1:h-1.example:65535", NIO{Type: "udp", LocalPort: 1, RemoteHost: "h-1.example", RemotePort: 65535}, ""},
		{"NIO_udp:10000:[2001:db8::1]:10001", NIO{Type: "udp", LocalPort: 10000, RemoteHost: "2001:db8::1", RemotePort: 10001}, ""},
		{"NIO_udp_auto:127.0.0.1:10000:10100", NIO{Type: "udp_auto", LocalHost: "127.0.0.1", PortStart: 10000, PortEnd: 10100}, ""},
		{"NIO_udp_auto:[::]:1:1", NIO{Type: "udp_auto", LocalHost: "::", PortStart: 1, PortEnd: 1}, ""},
		{"NIO_tcp_cli:h:5000", NIO{Type: "tcp_cli", RemoteHost: "h", RemotePort: 5000}, ""},
		{"NIO_tcp_cli:[::1]:5000", NIO{Type: "tcp_cli", RemoteHost: "::1", RemotePort: 5000}, ""},
		{"NIO_tcp_ser:5000", NIO{Type: "tcp_ser", LocalPort: 5000}, ""},
		{"NIO_unix:" + path107 + ":/b", NIO{Type: "unix", Local: path107, Remote: "/b"}, ""},
		{"NIO_vde:/run/vde.ctl/ctl:/tmp/R1", NIO{Type: "vde", Remote: "/run/vde.ctl/ctl", Local: "/tmp/R1"}, ""},
		{"NIO_null:a:b", NIO{Type: "null", Name: "a:b"}, ""},
		{"NIO_null", NIO{Type: "null"}, ""},
		{"NIO_host:lab0", NIO{Type: "host", Interface: "lab0"}, ""},
		{"NIO_host:lab0:192.0.2.1/24", NIO{Type: "host", Interface: "lab0", Address: "192.0.2.1/24"}, ""},
		{"NIO_host:lab0:2001:DB8::1/64", NIO{Type: "host", Interface: "lab0", Address: "2001:db8::1/64"}, ""},

		{"NIO_", NIO{}, `5: unknown connection "NIO_"`},
		{"NIO_upd:1:h:1", NIO{}, `5: unknown connection "NIO_upd" (did you mean NIO_udp?)`},
		{"NIO_tap", NIO{}, `12: the name of the interface is missing`},
		{"NIO_tap:", NIO{}, `13: the name of the interface is missing`},
		{"NIO_tap: tap0", NIO{}, `14: a NIO is one word without blanks: NIO_tap:tap0`},
		{"NIO_tap:a-name-of-16-byt", NIO{}, `13: interface name "a-name-of-16-byt" has 16 bytes; Linux takes at most 15`},
		{"NIO_tap:éééééééé", NIO{}, `13: interface name "éééééééé" has 16 bytes; Linux takes at most 15`},
		{"NIO_linux_eth:a/b", NIO{}, `19: bad interface name "a/b": it takes no / : % and blanks`},
		{"NIO_tap:tap%d", NIO{}, `13: bad interface name "tap%d": it takes no / : % and blanks`},
		{"NIO_host:..", NIO{}, `14: bad interface name "..": it takes no / : % and blanks`},
		{"NIO_linux_eth:eth0:1", NIO{}, `5: NIO_linux_eth takes INTERFACE, such as NIO_linux_eth:eth0`},
		{"NIO_udp:10000:127.0.0.1", NIO{}, `5: NIO_udp takes LOCALPORT:HOST:REMOTEPORT, such as NIO_udp:10000:127.0.0.1:10001`},
		{"NIO_udp:10000:::1:10001", NIO{}, `5: NIO_udp takes LOCALPORT:HOST:REMOTEPORT, such as NIO_udp:10000:127.0.0.1:10001; an IPv6 address stands in brackets`},
		{"NIO_udp:0:h:1", NIO{}, `13: port "0": expected a number from 1 to 65535`},
		{"NIO_udp:1:h:65536", NIO{}, `17: port "65536": expected a number from 1 to 65535`},
		{"NIO_udp:1::1", NIO{}, `15: host "": expected a name or address, an IPv6 address in brackets`},
		{"NIO_udp:1:[127.0.0.1]:1", NIO{}, `15: "[127.0.0.1]": expected an IPv6 address in the brackets, such as [::1]`},
		{"NIO_udp:1:[::1:1", NIO{}, `5: NIO_udp takes LOCALPORT:HOST:REMOTEPORT`},
		{"NIO_udp:1:[::1]x:1", NIO{}, `15: "[::1]x": expected an IPv6 address in the brackets, such as [::1]`},
		{"NIO_udp:1:a$b:1", NIO{}, `15: host "a$b": expected a name or address, an IPv6 address in brackets`},
		{"NIO_udp_auto:h:2:1", NIO{}, `22: the last port, 1, is below the first, 2`},
		{"NIO_unix:a:/b", NIO{}, `14: path "a": expected the whole path of a socket, from /`},
		{"NIO_unix:/a:", NIO{}, `17: path "": expected the whole path of a socket, from /`},
		{"NIO_vde:/b:" + path107 + "p", NIO{}, `16: path "/ppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp…" has 108 bytes; a socket's has at most 107`},
		{"NIO_host:lab0:192.0.2.1", NIO{}, `19: "192.0.2.1": expected the address that the host gets and the length of its network's prefix, such as 192.0.2.1/24`},
		{"NIO_host:lab0:0.0.0.0/0", NIO{}, `19: "0.0.0.0/0": expected the address`},
		{"NIO_host:lab0:192.0.2.1/33", NIO{}, `19: "192.0.2.1/33": expected the address`},
		{`NIO_udp:\x`, NIO{}, `5: NIO_udp:\x names an interface of Windows`},
	} {
		l, m := Parse("x.net", []byte("[localhost]\n[[HUB H1]]\n1 = "+c.written+"\n"))
		switch {
		case c.message == "" && (l == nil || len(m) != 0):
			t.Errorf("%s: %v", c.written, m)
		case c.message == "":
			n := l.Links[0].B.NIO
			if n != c.want {
				t.Errorf("%s: %+v", c.written, n)
			}
			if again, _ := Parse("x.net", []byte("[localhost]\n[[HUB H1]]\n1 = "+n.String())); again == nil || again.Links[0].B.NIO != n {
				t.Errorf("%s: written again as %s", c.written, n)
			}
		case l != nil || len(m) != 1 || m[0].Line != 3 || !strings.HasPrefix(m[0].String(), "x.net:3:"+c.message):
			t.Errorf("%s: %v, want %s", c.written, m, c.message)
		}
	}
}

// What a NIO has for itself in the machine is given once in a lab.
func TestSharedNIOs(t *testing.T) {
	got := outcome(lines(`
		[localhost]
		[[ROUTER R1]]
		f1/0 = NIO_linux_eth:eth0
		f2/0 = NIO_linux_eth:eth0
		f3/0 = NIO_null:
		f4/0 = NIO_null:
		f5/0 = NIO_udp:10000:h:1
		s6/0 = NIO_udp:10000:h:2
		s6/1 = NIO_tcp_ser:10000
		s6/2 = NIO_unix:/a:/b
		s6/3 = NIO_unix:/c:/b
		[[HUB H1]]
		1 = NIO_tcp_ser:10000
		2 = NIO_vde:/ctl://a
		3 = NIO_tap:t0
		4 = NIO_host:t0
		5 = NIO_tap:t0
		6 = NIO_udp_auto:h:10000:10001
		7 = NIO_gen_eth:eth0`))
	want := lines(`
		8:8: UDP port 10000 is already used by R1 f5/0 (line 7)
		13:5: TCP port 10000 is already used by R1 s6/1 (line 9)
		14:5: socket /a is already used by R1 s6/2 (line 10)
		16:5: interface t0 is already used by H1 3 (line 15)
		17:5: interface t0 is already used by H1 3 (line 15)`)
	if got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

func TestNIOCarries(t *testing.T) {
	for _, typ := range nioTypes {
		n := NIO{Type: typ.name}
		for _, k := range []Kind{Ethernet, Serial, ATM, POS} {
			want := k == Ethernet || !slices.Contains([]string{"linux_eth", "gen_eth", "tap", "vde", "host"}, typ.name)
			if n.Carries(k) != want {
				t.Errorf("%s carries %s: %v", typ.name, k, !want)
			}
		}
	}
}
