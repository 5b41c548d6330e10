package lab

import "testing"

// The test cases of the lab-files-and-console reference, section 11, by their
// numbers, all of them: each as far as it is a matter of the file. As there,
// [localhost] precedes where the text does not start with a line of its own
// ("|"), and lines count from it.
var cases = []struct {
	name, text, want string
	// check looks at what the outcome does not show.
	check func(l *Lab) bool
}{
	{name: "TC1 automatic FE and E", text: `
		[[ROUTER R1]]
		f0/0 = R2 e1/7
		[[ROUTER R2]]`, want: `
		R1 7200 0:C7200-IO-FE console 2000
		R2 7200 1:PA-8E console 2001
		R1 f0/0 - R2 e1/7`},
	{name: "TC2 all letters", text: `
		[[ROUTER R1]]
		f1/0 = R2 g2/0
		a3/0 = R2 a3/0
		p4/0 = R2 po4/0
		s5/7 = R2 se5/7
		[[ROUTER R2]]`, want: `
		R1 7200 1:PA-FE-TX 3:PA-A1 4:PA-POS-OC3 5:PA-8T console 2000
		R2 7200 2:PA-GE 3:PA-A1 4:PA-POS-OC3 5:PA-8T console 2001
		R1 f1/0 - R2 g2/0
		R1 a3/0 - R2 a3/0
		R1 p4/0 - R2 p4/0
		R1 s5/7 - R2 s5/7`},
	{name: "TC3 3640 by top-level model", text: `|
		model = 3640
		[localhost]
		[[ROUTER R1]]
		f0/0 = R2 f0/0
		e1/3 = R2 e1/3
		s2/0 = R2 s2/0
		[[ROUTER R2]]`, want: `
		R1 3640 0:NM-1FE-TX 1:NM-4E 2:NM-4T console 2000
		R2 3640 0:NM-1FE-TX 1:NM-4E 2:NM-4T console 2001
		R1 f0/0 - R2 f0/0
		R1 e1/3 - R2 e1/3
		R1 s2/0 - R2 s2/0`},
	{name: "TC4 3660 and 3725", text: `
		[[ROUTER R1]]
		model = 3660
		f0/1 = R2 f0/1
		f1/0 = R2 f1/0
		[[ROUTER R2]]
		model = 3725`, want: `
		R1 3660 0:Leopard-2FE 1:NM-1FE-TX console 2000
		R2 3725 0:GT96100-FE 1:NM-1FE-TX console 2001
		R1 f0/1 - R2 f0/1
		R1 f1/0 - R2 f1/0`},
	{name: "TC5 serial on 2691 and 3745", text: `
		[[ROUTER R1]]
		model = 2691
		s0/0 = R2 s0/1
		s1/0 = R2 s1/3
		[[ROUTER R2]]
		model = 3745`, want: `
		R1 2691 0:GT96100-FE 1:NM-4T w0:WIC-2T console 2000
		R2 3745 0:GT96100-FE 1:NM-4T w0:WIC-2T console 2001
		R1 s0/0 - R2 s0/1
		R1 s1/0 - R2 s1/3`},
	{name: "TC6 Ethernet on 2691", text: `
		[[ROUTER R1]]
		model = 2691
		e1/0 = LAN 1`, want: `
		4:1: unsupported interface e1/0: slot 1 of a 2691 (R1) takes NM-1FE-TX NM-4T NM-16ESW NM-CIDS NM-NAM`},
	{name: "TC7 slot out of range", text: `
		[[ROUTER R1]]
		model = 3640
		f4/0 = LAN 1`, want: `
		4:1: invalid slot 4 in f4/0: R1 is a 3640 with slots 0 to 3`},
	{name: "TC8 manual adapters, port too high", text: `
		[[ROUTER R1]]
		slot1 = PA-FE-TX
		slot2 = PA-4T
		slot3 = PA-4E
		f1/0 = LAN 1
		f1/1 = LAN 1
		s2/3 = R2 s1/0
		[[ROUTER R2]]`, want: `
		7:1: R1 has no interface f1/1: slot 1 holds PA-FE-TX with f1/0`},
	{name: "TC8 without the bad line", text: `
		[[ROUTER R1]]
		slot1 = PA-FE-TX
		slot2 = PA-4T
		slot3 = PA-4E
		f1/0 = LAN 1
		s2/3 = R2 s1/0
		[[ROUTER R2]]`, want: `
		R1 7200 1:PA-FE-TX 2:PA-4T+ 3:PA-4E console 2000
		R2 7200 1:PA-8T console 2001
		R1 f1/0 - LAN 1
		R1 s2/3 - R2 s1/0`},
	{name: "TC9 nonexistent peer", text: `
		[[ROUTER R1]]
		s1/0 = R9 s1/0`, want: `
		3:8: no device "R9" in this file (did you mean R1?)`},
	{name: "TC10 link written on both sides", text: `
		[[ROUTER R1]]
		s1/0 = R2 s1/0
		[[ROUTER R2]]
		s1/0 = R1 s1/0`, want: `
		R1 7200 1:PA-8T console 2000
		R2 7200 1:PA-8T console 2001
		R1 s1/0 - R2 s1/0`},
	{name: "TC11 port used twice", text: `
		[[ROUTER R1]]
		s1/0 = R2 s1/0
		[[ROUTER R2]]
		s1/0 = R1 s1/0
		[[ROUTER R3]]
		s1/0 = R2 s1/0`, want: `
		7:11: R2 s1/0 is already connected to R1 s1/0 (line 3)`},
	{name: "TC12 kinds differ", text: `
		[[ROUTER R1]]
		f0/0 = R2 s1/0
		[[ROUTER R2]]`, want: `
		3:1: cannot connect f0/0 (ethernet) to s1/0 (serial)`},
	{name: "TC13 console clash", text: `
		[[ROUTER R1]]
		console = 2001
		[[ROUTER R2]]
		[[ROUTER R3]]
		console = 2001`, want: `
		6:11: console port 2001 of R3 is already in use by R1 (console)`},
	{name: "TC13 default beside a written port", text: `
		[[ROUTER R1]]
		console = 2001
		[[ROUTER R2]]`, want: `
		R1 7200 console 2001
		R2 7200 console 2002`},
	{name: "TC14 base ports", text: `
		console = 3000
		udp = 15000
		[[ROUTER R1]]
		aux = 3500`, want: `
		3:1: note: all sections of this machine are this daemon; their ports and udp have no effect
		R1 7200 console 3000 aux 3500`},
	{name: "TC14 Frame Relay switch", text: `
		console = 3000
		udp = 15000
		[[ROUTER R1]]
		aux = 3500
		s1/0 = F1 1
		s1/1 = F1 2
		[[FRSW F1]]
		1:100 = 2:200
		3:1 = 1:1`, want: `
		3:1: note: all sections of this machine are this daemon; their ports and udp have no effect
		10:1: nothing is connected to port 3 of F1; write 3 = DEVICE INTERFACE in this section, or INTERFACE = F1 3 in another`},
	{name: "TC14 without the bad line", text: `
		console = 3000
		[[ROUTER R1]]
		aux = 3500
		s1/0 = F1 1
		s1/1 = F1 2
		[[FRSW F1]]
		1:100 = 2:200`, want: `
		R1 7200 1:PA-8T console 3000 aux 3500
		F1 FRSW 1 serial, 2 serial; 1:100 = 2:200
		R1 s1/0 - F1 1
		R1 s1/1 - F1 2`},
	{name: "TC15 ATM switch", text: `
		[[ROUTER R1]]
		a1/0 = A1 1
		a2/0 = A1 2
		[[ATMSW A1]]
		1:10 = 2:20
		1:10:200 = 2:20:100`, want: `
		7:1: warning: this channel has no effect: the path 1:10 = 2:20 (line 6) is switched as a whole
		R1 7200 1:PA-A1 2:PA-A1 console 2000
		A1 ATMSW 1 atm, 2 atm; 1:10 = 2:20
		R1 a1/0 - A1 1
		R1 a2/0 - A1 2`},
	{name: "TC16 Ethernet switch, classic form", text: `
		[[ROUTER R1]]
		f1/0 = S1 1
		[[ETHSW S1]]
		1 = access 10
		2 = dot1q 1
		3 = access 5 NIO_tap:tap0
		4 = dot1q 1 NIO_linux_eth:eth0`, want: `
		6:1: warning: port 2 of S1 is defined, but not used: nothing is connected to it
		R1 7200 1:PA-FE-TX console 2000
		S1 ETHSW 1 access 10, 2 dot1q 1, 3 access 5, 4 dot1q 1
		R1 f1/0 - S1 1
		S1 3 - NIO_tap:tap0
		S1 4 - NIO_linux_eth:eth0`},
	{name: "TC17 switch-side form", text: `
		[[ETHSW S1]]
		1 = access 10 S2 1
		2 = dot1q 1 R1 f1/0
		[[ETHSW S2]]
		1 = dot1q 1
		[[ROUTER R1]]`, want: `
		R1 7200 1:PA-FE-TX console 2000
		S1 ETHSW 1 access 10, 2 dot1q 1
		S2 ETHSW 1 dot1q 1
		S1 1 - S2 1
		S1 2 - R1 f1/0`},
	{name: "TC18 all NIOs", text: `
		[[ROUTER R1]]
		f1/0 = NIO_linux_eth:eth0
		f2/0 = NIO_gen_eth:eth1
		f3/0 = NIO_udp:10000:127.0.0.1:10001
		f4/0 = NIO_tap:tap0
		f5/0 = NIO_unix:/run/a:/run/b
		f6/0 = nio_vde:/ctl:/loc`, want: `
		R1 7200 1:PA-FE-TX 2:PA-FE-TX 3:PA-FE-TX 4:PA-FE-TX 5:PA-FE-TX 6:PA-FE-TX console 2000
		R1 f1/0 - NIO_linux_eth:eth0
		R1 f2/0 - NIO_gen_eth:eth1
		R1 f3/0 - NIO_udp:10000:127.0.0.1:10001
		R1 f4/0 - NIO_tap:tap0
		R1 f5/0 - NIO_unix:/run/a:/run/b
		R1 f6/0 - NIO_vde:/ctl:/loc`,
		check: func(l *Lab) bool {
			return l.Links[2].B.NIO == NIO{Type: "udp", LocalPort: 10000, RemoteHost: "127.0.0.1", RemotePort: 10001} &&
				l.Links[5].B.NIO == NIO{Type: "vde", Remote: "/ctl", Local: "/loc"}
		}},
	{name: "TC19 NIO_null", text: `
		[[ROUTER R1]]
		f1/0 = NIO_null:`, want: `
		R1 7200 1:PA-FE-TX console 2000
		R1 f1/0 - NIO_null:`},
	{name: "TC20 bad values", text: `
		[[ROUTER R1]]
		ram = lots
		npe = npe-500`, want: `
		3:7: ram = "lots": expected a whole number from 1 to 1048576
		4:7: npe = "npe-500": expected npe-400 npe-300 npe-225 npe-200 npe-175 npe-150 npe-100 (did you mean npe-400?)`},
	{name: "TC21 duplicate section", text: `|
		[localhost]
		[[7200]]
		[[7200]]
		[localhost]`, want: `
		3:1: duplicate section [[7200]] (first on line 2)
		4:1: duplicate section [localhost] (first on line 1)
		4:1: note: all sections of this machine are this daemon; their ports and udp have no effect`},
	{name: "TC22 duplicate option", text: `
		[[ROUTER R1]]
		ram = 128
		ram = 160
		RAM = 160`, want: `
		4:1: duplicate option "ram" (first on line 3)
		5:1: duplicate option "RAM" (first on line 3)`},
	{name: "TC23 duplicate device", text: `
		[[ROUTER R1]]
		[[router r1]]
		[[ROUTER  R1]]
		[[ROUTER R1]]`, want: `
		4:1: duplicate device R1 (first on line 2)
		5:1: duplicate device R1 (first on line 2)`},
	{name: "TC24 blank in a name", text: `
		[[ROUTER My Router]]`, want: `
		2:10: bad device name "My Router": it takes letters, digits, _ - and . only`},
	{name: "TC25 unknown device type", text: `
		[[SWITCH S1]]
		[[ROUTR R1]]`, want: `
		2:3: unknown device type "SWITCH"; the types are ROUTER ETHSW FRSW ATMSW ATMBR HUB
		3:3: unknown device type "ROUTR" (did you mean ROUTER?); the types are ROUTER ETHSW FRSW ATMSW ATMBR HUB`},
	{name: "TC26 text without =", text: `
		[[ROUTER R1]]
		just text`, want: `
		3:1: invalid line: expected [section] or option = value`},
	{name: "TC27 every option", text: `
		[[ROUTER R1]]
		image = "/i/my image.bin"   # a comment
		cnfg = /c/r1.cfg
		confreg = 0x2142
		idlepc = 0x60719b98
		exec_area = 32
		disk0 = 32
		disk1 = 0
		mmap = false
		clock = 2
		nvram = 256
		ram = 512
		npe = npe-300
		midplane = std
		idlemax = 2000
		idlesleep = 20
		bogus = 1`, want: `
		13:7: ram = "512": npe-300 takes 1 to 256 MiB (R1)
		18:1: unknown option "bogus"`},
	{name: "TC28 ghosts", text: `|
		ghostios = true
		sparsemem = true
		[localhost]
		[[7200]]
		image = /i/c7200.bin
		[[ROUTER R1]]
		[[ROUTER R2]]
		ram = 512
		[[ROUTER R3]]
		image = /i/other.bin`, want: `
		R1 7200 console 2000
		R2 7200 console 2001
		R3 7200 console 2002`},
	{name: "TC29 iomem", text: `|
		autostart = false
		[localhost]
		[[3640]]
		image = IMG
		iomem = 15
		[[ROUTER R1]]
		model = 3640
		autostart = true
		[[ROUTER R2]]
		model = 3640
		iomem = 7`, want: `
		11:9: iomem = "7": expected a percentage that is a multiple of 5`},
	{name: "TC29 autostart, without the bad line", text: `|
		autostart = false
		[localhost]
		[[3640]]
		image = IMG
		iomem = 15
		[[ROUTER R1]]
		model = 3640
		autostart = true
		[[ROUTER R2]]
		model = 3640`, want: `
		R1 3640 console 2000
		R2 3640 console 2001`,
		check: func(l *Lab) bool { return l.Routers[0].AutoStart && !l.Routers[1].AutoStart }},
	{name: "TC30 superseded: without an image the bundled one is used", text: `
		[[ROUTER R1]]`, want: `
		R1 7200 console 2000`,
		check: func(l *Lab) bool { return l.Routers[0].Image == "builtin" }},
	{name: "TC31 LAN id and mac", text: `
		[[ROUTER R1]]
		mac = 00:11:22:33:44:55
		slot0 = PA-C7200-IO-FE
		f0/0 = LAN a
		Fa1/0 = LAN a`, want: `
		R1 7200 0:C7200-IO-FE 1:PA-FE-TX console 2000
		R1 f0/0 - LAN a
		R1 f1/0 - LAN a`,
		check: func(l *Lab) bool { return l.Routers[0].MAC == "00:11:22:33:44:55" }},
	{name: "TC32 network module in a 7200", text: `
		[[ROUTER R1]]
		slot1 = NM-1E`, want: `
		3:9: NM-1E is not supported in slot 1 of a 7200; it takes PA-FE-TX PA-2FE-TX PA-GE PA-4E PA-8E PA-4T+ PA-8T PA-A1 PA-POS-OC3 PA-4B PA-MC-8TE1`},
	{name: "TC33 NM-16ESW", text: `
		[[ROUTER R1]]
		model = 3640
		slot1 = NM-16ESW
		f1/15 = LAN 1`, want: `
		R1 3640 1:NM-16ESW console 2000
		R1 f1/15 - LAN 1`},
	{name: "TC33 port adapter in a 3640", text: `
		[[ROUTER R1]]
		model = 3640
		slot2 = PA-8T`, want: `
		4:9: PA-8T is not supported in slot 2 of a 3640; it takes NM-1FE-TX NM-1E NM-4E NM-4T NM-16ESW`},
	{name: "TC34 interface alone", text: `
		[[ROUTER R1]]
		f0/0`, want: `
		3:1: invalid line: expected [section] or option = value`},
	{name: "TC35 a server that cannot be reached", text: `|
		[nosuchhost.invalid]
		[[ROUTER R1]]`, want: `
		1:2: other machines are not supported: "nosuchhost.invalid" is not a name of this machine; write localhost, and connect to a router there with NIO_udp`},
	{name: "TC36 two servers", text: `|
		[localhost]
		[[ROUTER R1]]
		image = IMG
		[bender]
		udp = 12000
		[[ROUTER R2]]
		image = IMG
		f0/0 = R1 f0/0
		f1/0 = LAN 5
		[[ROUTER R3]]
		model = 3640
		image = IMG`, want: `
		4:2: other machines are not supported: "bender" is not a name of this machine; write localhost, and connect to a router there with NIO_udp`},
	{name: "TC37 unknown NIO", text: `
		[[ROUTER R1]]
		s1/0 = NIO_bogus:x`, want: `
		3:8: unknown connection "NIO_bogus"; the kinds are NIO_linux_eth NIO_gen_eth NIO_udp NIO_tap NIO_unix NIO_vde NIO_null NIO_host NIO_udp_auto NIO_tcp_cli NIO_tcp_ser`},
	{name: "TC38 unknown model, port too big", text: `
		[[ROUTER R1]]
		model = 9999
		console = 99999
		f9/9 = LAN 1
		[[ROUTER R2]]
		model = 3646`, want: `
		3:9: unknown model "9999"; the models are 2691 3620 3640 3660 3725 3745 7200
		4:11: console = "99999": expected a whole number from 1 to 65535
		7:9: unknown model "3646" (did you mean 3640?); the models are 2691 3620 3640 3660 3725 3745 7200`},
	{name: "TC39 WICs", text: `
		[[ROUTER R1]]
		model = 2691
		wic0/0 = WIC-1T
		wic0/1 = WIC-2T
		s0/0 = R2 s1/0
		s0/2 = R2 s1/1
		[[ROUTER R2]]
		model = 3725
		slot1 = NM-4T`, want: `
		R1 2691 0:GT96100-FE w0:WIC-1T w1:WIC-2T console 2000
		R2 3725 0:GT96100-FE 1:NM-4T console 2001
		R1 s0/0 - R2 s1/0
		R1 s0/2 - R2 s1/1`},
	{name: "TC40 bad targets", text: `
		[[ROUTER R1]]
		s1/0 = F1
		s1/1 = F1 x
		s1/9 = F1 2
		[[FRSW F1]]`, want: `
		3:8: connection to F1 lacks the number of the port: write F1 1
		4:11: "x" is not the number of a port: the ports of FRSW F1 are 0 to 1023
		5:1: R1 has no interface s1/9: slot 1 holds PA-8T with s1/0 to s1/7`},
	{name: "TC40 with a router", text: `
		[[ROUTER R1]]
		s1/0 = R2
		s1/1 = R2 x
		s1/9 = R2 s1/2
		s1/3 = R2 5
		s1/4 = R2 s1/4 extra
		[[ROUTER R2]]`, want: `
		3:8: connection to R2 lacks the interface: write R2 s1/0
		4:11: "x" is not an interface; write it as f0/0 or s1/0
		5:1: R1 has no interface s1/9: slot 1 holds PA-8T with s1/0 to s1/7
		6:11: "5" is not an interface; write it as f0/0 or s1/0
		7:16: connection has 3 words: expected DEVICE INTERFACE`},
	{name: "TC41 an interface twice", text: `
		[[ROUTER R1]]
		f0/0 = LAN 1
		FastEthernet0/0 = LAN 2`, want: `
		4:1: f0/0 is connected twice in this section (first on line 3)`},
	{name: "TC42 ATM bridge", text: `
		[[ROUTER R1]]
		a1/0 = B1 1
		f0/0 = B1 2
		[[ATMBR B1]]
		2 = 1:0:201`, want: `
		R1 7200 0:C7200-IO-FE 1:PA-A1 console 2000
		B1 ATMBR 1 atm, 2 ethernet; 2 = 1:0:201
		R1 a1/0 - B1 1
		R1 f0/0 - B1 2`},
	{name: "TC43 a comma in a value", text: `
		[[ROUTER R1]]
		image = /i/a,b.bin`, want: `
		R1 7200 console 2000`,
		check: func(l *Lab) bool { return l.Routers[0].Image == "/i/a,b.bin" }},
	{name: "TC44 too nested", text: `
		[[[[deep]]]]
		[[ROUTER R1]]`, want: `
		2:1: section too nested: 4 brackets below a section of 1`},
	{name: "TC45 defaults below a router", text: `
		[[ROUTER R1]]
		image = /i/r1.bin
		[[7200]]
		image = /i/def.bin
		ram = 64
		[[ROUTER R2]]`, want: `
		R1 7200 console 2000
		R2 7200 console 2001`,
		check: func(l *Lab) bool {
			a, b := l.Routers[0], l.Routers[1]
			return a.Image == "/i/r1.bin" && a.RAM == 256 && b.Image == "/i/def.bin" && b.RAM == 64
		}},
	{name: "TC46 quotes in a section's name", text: `
		[[ROUTER "R1"]]`, want: `
		2:10: bad device name "\"R1\"": it takes letters, digits, _ - and . only`},
	{name: "TC46 a quoted section name, and # in a value", text: `
		[["ROUTER R1"]]
		image = /i/a#b.bin`, want: `
		3:13: warning: the # starts a comment: the value is "/i/a"; put it in quotes to keep the #
		R1 7200 console 2000`,
		check: func(l *Lab) bool { return l.Routers[0].Image == "/i/a" }},
	{name: "TC47 console in a defaults section", text: `
		[[7200]]
		console = 2500
		[[ROUTER R1]]
		[[ROUTER R2]]`, want: `
		3:11: console port 2500 of R2 is already in use by R1 (console)`},
	{name: "TC48 FR switch port form", text: `
		[[ROUTER R1]]
		[[FRSW F1]]
		1 = R1 s1/0
		2 = R1 s1/1
		1:100 = 2:200`, want: `
		R1 7200 1:PA-8T console 2000
		F1 FRSW 1 serial, 2 serial; 1:100 = 2:200
		F1 1 - R1 s1/0
		F1 2 - R1 s1/1`},
	{name: "TC49 hub", text: `
		[[ROUTER R1]]
		[[Hub H1]]
		1 = R1 f0/0
		2 = NIO_tap:tap3`, want: `
		R1 7200 0:C7200-IO-FE console 2000
		H1 HUB 1 ethernet, 2 ethernet
		H1 1 - R1 f0/0
		H1 2 - NIO_tap:tap3`},
	{name: "TC50 Ethernet to FR switch", text: `
		[[ROUTER R1]]
		f0/0 = F1 1
		[[FRSW F1]]`, want: `
		3:1: cannot connect f0/0 (ethernet) to F1 1 (serial)`},
	{name: "TC51 self link", text: `
		[[ROUTER R1]]
		e3/0 = R1 e3/1`, want: `
		R1 7200 3:PA-8E console 2000
		R1 e3/0 - R1 e3/1`},
	{name: "TC52 router's slot overrides", text: `
		[[7200]]
		slot1 = PA-4T
		[[ROUTER R1]]
		slot1 = PA-8T
		s1/7 = R2 s1/3
		[[ROUTER R2]]`, want: `
		R1 7200 1:PA-8T console 2000
		R2 7200 1:PA-4T+ console 2001
		R1 s1/7 - R2 s1/3`},
	{name: "TC53 tutorial's 3660", text: `
		[[ROUTER R1]]
		model = 3660
		f0/0 = R2 e1/1
		[[ROUTER R2]]
		model = 3660`, want: `
		R1 3660 0:Leopard-2FE console 2000
		R2 3660 0:Leopard-2FE 1:NM-4E console 2001
		R1 f0/0 - R2 e1/1`},
	{name: "TC54 VLAN not a number", text: `
		[[ETHSW S1]]
		1 = access ten`, want: `
		3:1: warning: port 1 of S1 is defined, but not used: nothing is connected to it
		3:12: VLAN "ten": expected a number from 1 to 4094`},
	{name: "TC55 bad port type", text: `
		[[ETHSW S1]]
		1 = trunk 1`, want: `
		3:5: unknown port type "trunk"; the types are access dot1q qinq: write 1 = access 1`},
	{name: "TC56 port option", text: `|
		[localhost:7201]
		port = 7200
		[[ROUTER R1]]`, want: `
		1:1: note: all sections of this machine are this daemon; their ports and udp have no effect
		R1 7200 console 2000`},
	{name: "TC57 saved configuration", text: `
		[[ROUTER R1]]
		configuration = IQpob3N0bmFtZSBSMQo=`, want: `
		R1 7200 console 2000`,
		check: func(l *Lab) bool { return l.Routers[0].Configuration == "!\nhostname R1\n" }},
	{name: "TC58 names differ", text: `
		[[ROUTER R1]]
		fa0/0 = sw 1
		[[ETHSW sw1]]
		1 = access 1`, want: `
		3:9: no device "sw" in this file (did you mean sw1?)
		5:1: warning: port 1 of sw1 is defined, but not used: nothing is connected to it`},
	{name: "TC58 a NIO of four words", text: `
		[[ETHSW sw1]]
		4 = dot1q 1 NIO_gen_eth: NIO_gen_eth:\Device\NPF_{B00A38DD}`, want: `
		3:13: NIO_gen_eth: NIO_gen_eth:\Device\NPF_{B00A38DD} names an interface of Windows; on Linux write NIO_linux_eth:eth0 with an interface that "ip link" lists`},
}

func caseText(text string) string {
	if text[0] == '|' {
		return lines(text[1:])
	}
	return "[localhost]\n" + lines(text)
}

// Promises: 16, 17, 20, 27, 28, 29, 55, 56, 62, 65, 71, 74, 75, 76, 82, 83, 86, 87, 93.
func TestCases(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got, want := outcome(caseText(c.text)), lines(c.want); got != want {
				t.Errorf("got:\n%swant:\n%s", got, want)
			}
			if c.check != nil {
				if l, _ := Parse("x.net", []byte(caseText(c.text))); !c.check(l) {
					t.Errorf("%+v", l)
				}
			}
		})
	}
}
