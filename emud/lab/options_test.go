package lab

import (
	"bytes"
	"os"
	"reflect"
	"strings"
	"testing"
)

func parseRouter(t *testing.T, text string) *Router {
	t.Helper()
	l, m := Parse("x.net", []byte(text))
	if l == nil || len(m) != 0 {
		t.Fatalf("messages %v", m)
	}
	return l.Routers[len(l.Routers)-1]
}

// Promises: 1, 74.
func TestRouterDefaults(t *testing.T) {
	for model, want := range map[string]Router{
		"7200": {NPE: "npe-400", Midplane: "vxr", RAM: 256, NVRAM: 128, Disk0: 64},
		"7206": {NPE: "npe-400", Midplane: "vxr", RAM: 256, NVRAM: 128, Disk0: 64},
		"3620": {RAM: 128, NVRAM: 128},
		"3640": {RAM: 128, NVRAM: 128},
		"3660": {RAM: 128, NVRAM: 128},
		"2691": {RAM: 128, NVRAM: 55, Disk0: 16},
		"3725": {RAM: 128, NVRAM: 55, Disk0: 16},
		"3745": {RAM: 128, NVRAM: 151, Disk0: 16},
	} {
		r := parseRouter(t, "[localhost]\n[[ROUTER R1]]\nmodel = "+model)
		if r.NPE != want.NPE || r.Midplane != want.Midplane || r.RAM != want.RAM || r.NVRAM != want.NVRAM || r.Disk0 != want.Disk0 || r.Disk1 != 0 {
			t.Errorf("%s: %+v", model, *r)
		}
		if r.Image != "builtin" || r.IdlePC != "" || r.ConfReg != 0x2102 || !r.AutoStart || r.MAC != "" || r.AUX != 0 {
			t.Errorf("%s: common defaults: %+v", model, *r)
		}
	}
}

// Promises: 11, 13, 20, 25.
func TestRouterOptions(t *testing.T) {
	r := parseRouter(t, `
Idlemax = 900
[localhost]
[[7200]]
image = /i/def.bin
RAM = 64
npe = npe-300
slot1 = PA-4T
[[ROUTER R1]]
Image = "/i/my image.bin"   # a comment
cnfg = /c/r1.cfg
configuration = IQpob3N0bmFtZSBSMQo=
confreg = 0x2142
idlepc = 0x60719b98
exec_area = 32
disk0 = 32
disk1 = 8
mmap = false
clock = 2
nvram = 256
midplane = std
idlesleep = 20
mac = 00:11:22:33:44:AA
quirks = unaligned, nofpu
slot1 = PA-8T
aux = 2500
rom = 4
x = -12.5
symbol = router
`)
	want := &Router{
		Name: "R1", Line: 9, Model: "7200", NPE: "npe-300", Midplane: "std", Image: "/i/my image.bin",
		RAM: 64, NVRAM: 256, Disk0: 32, Disk1: 8, ConfReg: 0x2142, Console: 2000, AUX: 2500,
		MAC: "00:11:22:33:44:aa", IdlePC: "0x60719b98", Quirks: []string{"unaligned", "nofpu"}, AutoStart: true,
		Config: "/c/r1.cfg", Configuration: "!\nhostname R1\n", IdleMax: 900, IdleSleep: 20, ExecArea: 32,
		Slots:  []string{"", "PA-8T", "", "", "", "", ""},
		Window: map[string]string{"x": "-12.5", "symbol": "router"},
		Ports:  r.Ports, auxSet: true, consoleBase: 2000,
	}
	if !reflect.DeepEqual(r, want) {
		t.Errorf("got  %+v\nwant %+v", *r, *want)
	}
	if len(r.Ports) != 8 || r.Ports[7] != (Port{Name: "s1/7", Kind: Serial, Slot: 1, Index: 7}) || r.Ports[7].FileName() != "s1-7" {
		t.Errorf("ports %v", r.Ports)
	}
}

// Options in the wrong place, of the wrong model, or with values out of range.
// Promises: 28, 67, 68, 78.
func TestOptionMessages(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"top level", "image = x\nram = 1\nautostrat = false\nautostart = maybe\nudp = 1\n[localhost]\n", `
			1:1: warning: option "image" belongs in a router section; it is ignored
			2:1: warning: option "ram" belongs in a router section; it is ignored
			3:1: warning: unknown option "autostrat" (did you mean autostart?); it is ignored
			4:13: autostart = "maybe": expected true or false
			5:1: warning: option "udp" belongs in a server section; it is ignored`},
		{"defaults section", "[localhost]\n[[7200]]\niomem = 15\nbogus = 1\nautostart = false\nmodel = 3640\nslot9 = PA-8T\n[[ROUTER R1]]", `
			3:1: warning: option "iomem" does not apply to model 7200; it is ignored
			4:1: warning: unknown option "bogus"; it is ignored
			5:1: note: autostart has no effect in a defaults section; write it at the top, in the server section or in a router's
			6:1: warning: option "model" belongs in a router section; it is ignored
			7:1: invalid slot 9: a 7200 has slots 0 to 6`},
		{"router section", "[localhost]\n[[ROUTER R1]]\niomem = 15\nimgae = x\nudp = 1\ndebug = 1\nwic0/0 = WIC-1T\nslot7 = PA-POS-OC3\nslot1 = PA-FEE-TX\nslot0 = C7200-IO-FEE", `
			3:1: option "iomem" does not apply to model 7200
			4:1: unknown option "imgae" (did you mean image?)
			5:1: option "udp" belongs in a server section
			6:1: option "debug" belongs at the top of the file
			7:1: option "wic0/0" does not apply to model 7200: it has no WIC slots
			8:1: invalid slot 7: it needs npe-g2, which is not emulated; a 7200 has slots 0 to 6
			9:9: unknown adapter "PA-FEE-TX" (did you mean PA-FE-TX?); slot 1 of a 7200 takes PA-FE-TX PA-2FE-TX PA-GE PA-4E PA-8E PA-4T+ PA-8T PA-A1 PA-POS-OC3 PA-4B PA-MC-8TE1
			10:9: unknown adapter "C7200-IO-FEE" (did you mean C7200-IO-FE?); slot 0 of a 7200 takes C7200-IO-FE C7200-IO-2FE C7200-IO-GE-E C7200-JC-PA`},
		{"values", "[localhost]\n[[ROUTER R1]]\nconfreg = 0x12345\nidlepc = 60719b98\nmac = 01:11:22:33:44:55\nmidplane = VXR\nquirks = nofpu unalined\nconfiguration = *\nnvram = 0x80\nconsole = 0", `
			3:11: confreg = "0x12345": expected a register value from 0x0 to 0xffff, such as 0x2102
			4:10: idlepc = "60719b98": expected auto, none or an address such as 0x60719b98
			5:7: mac = "01:11:22:33:44:55": expected a unicast address such as 00:11:22:33:44:55
			6:12: midplane = "VXR": expected std vxr (did you mean vxr?)
			7:10: quirks = "nofpu unalined": expected a list of unaligned dirty refill180 overflow nop timer250 nofpu (did you mean unaligned?)
			8:17: configuration = "*": expected a configuration in base64
			9:9: nvram = "0x80": expected a whole number from 4 to 4096
			10:11: console = "0": expected a whole number from 1 to 65535`},
		{"WICs", "[localhost]\n[[ROUTER R1]]\nmodel = 3725\nwic0/3 = WIC-1T\nwic1/0 = WIC-1T\nwic0/0 = WIC-3T\nnpe = npe-400\ns0/9 = LAN 1", `
			4:1: invalid WIC slot wic0/3: a 3725 has wic0/0 to wic0/2
			5:1: invalid WIC slot wic1/0: a 3725 has wic0/0 to wic0/2
			6:10: unknown WIC "WIC-3T" (did you mean WIC-1T?); a 3725 takes WIC-1T WIC-2T
			7:1: option "npe" does not apply to model 3725
			8:1: R1 has no interface s0/9: slot 0 holds GT96100-FE with f0/0 to s0/5`},
		{"interfaces", "[localhost]\n[[ROUTER R1]]\nx1/0 = LAN 1\nf1 = LAN 1\nf1/0/0 = LAN 1\nf1/0 = LAN a!\ns1/0 = LAN 1\na0/0 = LAN 1\nf7/0 = LAN 1\ne4/0 = LAN\ne4/1 = R1 e4/1", `
			3:1: unknown interface type "x" in "x1/0"; the types are e f g s a p i an
			4:1: unknown option "f1"
			5:1: "f1/0/0" is not an interface; write slot and port as f0/0
			6:8: a LAN is written as LAN and a name of letters, digits, _ - and .: LAN 1
			7:1: R1 has no interface s1/0: slot 1 holds PA-FE-TX with f1/0
			8:1: unsupported interface a0/0: slot 0 of a 7200 (R1) takes C7200-IO-FE C7200-IO-2FE C7200-IO-GE-E C7200-JC-PA
			9:1: invalid slot 7 in f7/0: R1 is a 7200 with slots 0 to 6
			10:8: a LAN is written as LAN and a name of letters, digits, _ - and .: LAN 1
			11:1: R1 e4/1 is connected to itself`},
		{"LAN kind", "[localhost]\n[[ROUTER R1]]\ns1/0 = LAN 1", `
			3:1: cannot connect s1/0 (serial) to a LAN (ethernet)`},
		{"Windows interface", "[localhost]\n[[ROUTER R1]]\nf1/0 = NIO_gen_eth:\\Device\\NPF_{B00A}", `
			3:8: NIO_gen_eth:\Device\NPF_{B00A} names an interface of Windows; on Linux write NIO_linux_eth:eth0 with an interface that "ip link" lists`},
		{"names", "[localhost]\n[[ROUTER é]]\n[[ROUTER status]]\n[[ROUTER lan]]\n[[ROUTER ..]]\n[[ROUTER]]\n[[ROUTER a_b-c.d]]", `
			2:10: bad device name "é": it takes letters, digits, _ - and . only
			3:10: a device cannot be named "status": the word has a meaning of its own
			4:10: a device cannot be named "lan": the word has a meaning of its own
			5:10: bad device name "..": it takes letters, digits, _ - and . only
			6:1: [[ROUTER]] needs a device name: [[ROUTER NAME]]`},
		{"servers", "[localhost:0]\n[my host]\n[127.0.0.2 : 7201]\n[::1:7202]\n[::1]\n[10.0.0.1:7200]\n[LocalHost]", `
			1:2: bad server name "localhost:0": the port is a number from 1 to 65535
			2:2: bad server name "my host": expected [localhost] or [localhost:7200]
			3:1: note: all sections of this machine are this daemon; their ports and udp have no effect
			6:2: other machines are not supported: "10.0.0.1" is not a name of this machine; write localhost, and connect to a router there with NIO_udp`},
		{"chassis", "[localhost]\n[[ROUTER R1]]\nchassis = 3640\n[[ROUTER R2]]\nchassis = 7200\n[[ROUTER R3]]\nchassis = 2621XM", `
			3:11: warning: chassis 3640 contradicts model 7200; the model holds
			R1 7200 console 2000
			R2 7200 console 2001
			R3 7200 console 2002`},
		{"jacket card", "[localhost]\n[[ROUTER R1]]\nslot0 = C7200-JC-PA\nslot7 = PA-POS-OC3\np7/0 = R1 p1/0\nf0/0 = LAN 1", `
			4:1: invalid slot 7: it needs npe-g2, which is not emulated; a 7200 has slots 0 to 6
			5:1: invalid slot 7 in p7/0: R1 is a 7200 with slots 0 to 6
			6:1: R1 has no interface f0/0: slot 0 holds C7200-JC-PA without ports`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, want := outcome(c.text), lines(c.want); got != want {
				t.Errorf("got:\n%swant:\n%s", got, want)
			}
		})
	}
}

// Files of GNS3 0.8 hold more than a lab.
// Promises: 78, 79.
func TestGNS3File(t *testing.T) {
	text := `autostart = False
version = 0.8.7
[127.0.0.1:7200]
    workingdir = C:\Users\me\Temp
    udp = 10001
    [[7200]]
        image = C:\Images\c7200.bin
        npe = npe-400
        idlepc = 0x60c09aa0
        ghostios = True
    [[ROUTER R1]]
        console = 2101
        aux = 2501
        cnfg = configs\R1.cfg
        f0/0 = R2 f0/0
        e1/0 = ASA1 e0
        x = -250.0
        y = -100.0
        z = 1.0
        hx = 1.5
        key = a
[127.0.0.1:7201]
    [[ROUTER R2]]
        console = 2101
        aux = 2101
[qemu 127.0.0.1:10525]
    workingdir = /tmp
    [[5520]]
        image = /x
    [[ASA ASA1]]
        e0 = R1 e1/0
[vbox 127.0.0.1:11525]
[GNS3-DATA]
    configs = configs
    m11 = 0.7
    anything goes
    [[NOTE 1]]
        text = "a" b
        text = "twice"
    [[NOTE 1]]
        text = """over
lines"""
    [[Cloud C1]]
        connections = R1:f0/0:nio_gen_eth:eth0
`
	if got, want := outcome(text), lines(`
		4:5: note: workingdir has no effect: a lab's files are kept with the lab
		5:5: note: all sections of this machine are this daemon; their ports and udp have no effect
		24:19: warning: console port 2101 is already in use by R1: R2 gets 2102
		25:15: warning: aux port 2101 is already in use by R1: R2 gets 2103
		26:1: warning: [qemu 127.0.0.1:10525] is for another emulator: its devices, and links to them, are left out
		32:1: warning: [vbox 127.0.0.1:11525] is for another emulator: its devices, and links to them, are left out
		R1 7200 0:C7200-IO-FE 1:PA-8E console 2101 aux 2501
		R2 7200 0:C7200-IO-FE console 2102 aux 2103
		R1 f0/0 - R2 f0/0`); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
	l, _ := Parse("x.net", []byte(text))
	if r := l.Routers[0]; r.AutoStart || r.Window["x"] != "-250.0" || Base(r.Image) != "c7200.bin" || Base(r.Config) != "R1.cfg" {
		t.Errorf("R1: %+v", *r)
	}
}

// The sections that count for autostart, weakest first.
// Promise: 62.
func TestAutoStart(t *testing.T) {
	l, m := Parse("x.net", []byte("autostart = false\n[localhost]\n[[ROUTER A]]\n[[ROUTER B]]\nautostart = yes\n"+
		"[127.0.0.1]\nautostart = true\n[[ROUTER C]]\n[[ROUTER D]]\nautostart = 0"))
	if l == nil {
		t.Fatal(m)
	}
	got := ""
	for _, r := range l.Routers {
		if r.AutoStart {
			got += r.Name
		}
	}
	if got != "BC" {
		t.Errorf("started: %s, want BC", got)
	}
}

// Promise: 74.
func TestUnsupported(t *testing.T) {
	for _, c := range []struct{ options, want string }{
		{"f0/0 = LAN 1\nf1/0 = LAN 1\nslot2 = PA-8T\nslot3 = PA-4T", ""},
		{"e1/7 = LAN 1\nslot2 = PA-4E", ""},
		{"slot0 = C7200-JC-PA", ""},
		{"slot2 = PA-A1", ""},
		{"f0/1 = LAN 1\nf1/0 = LAN 1\nf1/1 = LAN 1\ng2/0 = LAN 1", ""},
		{"slot2 = PA-POS-OC3\nslot3 = PA-4B\nslot4 = PA-MC-8TE1", ""},
		{"npe = npe-100\nmidplane = std\nram = 256", ""},
		{"model = 3640", "3640 is not supported yet"},
		{"model = 2691\nslot1 = NM-CIDS", "2691 is not supported yet"},
	} {
		if r := parseRouter(t, "[localhost]\n[[ROUTER R1]]\n"+c.options); r.Unsupported != c.want {
			t.Errorf("%s: %q, want %q", c.options, r.Unsupported, c.want)
		}
	}
}

// Interface names of any length lead to the same port.
// Promises: 25, 87.
func TestInterfaceNames(t *testing.T) {
	for written, want := range map[string]string{
		"f1/0": "f1/0", "FA1/0": "f1/0", "FastEthernet1/0": "f1/0", "fast1/0": "f1/0",
		"e2/7": "e2/7", "Et2/7": "e2/7", "ethernet2/7": "e2/7",
		"s3/0": "s3/0", "Serial3/0": "s3/0", "ser3/0": "s3/0",
		"a4/0": "a4/0", "at4/0": "a4/0", "ATM4/0": "a4/0",
		"p5/0": "p5/0", "po5/0": "p5/0", "POS5/0": "p5/0",
		"g6/0": "g6/0", "GigabitEthernet6/0": "g6/0",
		"i1/0": "i1/0", "IDS-Sensor1/0": "i1/0", "an1/0": "an1/0", "Analysis-Module1/0": "an1/0",
	} {
		i, err := parseInterface(written)
		if err != nil || i.String() != want {
			t.Errorf("%s: %v, %v; want %s", written, i, err, want)
		}
	}
}

// WIC ports keep the emulator's numbers (reference, 6.5).
func TestWICPorts(t *testing.T) {
	index := func(r *Router, name string) int {
		for _, p := range r.Ports {
			if p.Name == name {
				return p.Index
			}
		}
		return -1
	}
	r := parseRouter(t, "[localhost]\n[[ROUTER R1]]\nmodel = 2691\nwic0/0 = WIC-1T\nwic0/1 = WIC-2T")
	for name, want := range map[string]int{"f0/0": 0, "f0/1": 1, "s0/0": 16, "s0/1": 32, "s0/2": 33} {
		if got := index(r, name); got != want {
			t.Errorf("%s is port %d, want %d", name, got, want)
		}
	}
	r = parseRouter(t, "[localhost]\n[[ROUTER R1]]\nmodel = 2691\nwic0/2 = WIC-2T\ns0/5 = R1 s0/0")
	if got := index(r, "s0/5"); got != 49 {
		t.Errorf("s0/5 is port %d, want 49", got)
	}
}

// The tutorial's own files.
// Promises: 16, 17, 20, 22, 23, 26, 27, 29, 57, 77.
func TestTutorialLabs(t *testing.T) {
	for file, want := range map[string]string{
		"simple1.net": `
			R1 7200 1:PA-8T console 2000
			R2 7200 1:PA-8T console 2001
			R1 s1/0 - R2 s1/0`,
		"simple2.net": `
			Zapp 7200 0:C7200-IO-FE 1:PA-FE-TX console 2001
			Leela 7200 0:C7200-IO-FE 1:PA-FE-TX console 2002
			Kif 7200 0:C7200-IO-FE 1:PA-FE-TX console 2003
			Zapp f0/0 - LAN 1
			Zapp f1/0 - LAN 2
			Leela f0/0 - LAN 1
			Leela f1/0 - LAN 2
			Kif f0/0 - LAN 1
			Kif f1/0 - LAN 2`,
		"ethsw1.net": `27:17: NIO_gen_eth:\Device\NPF_{B00A38DD-F10B-43B4-99F4-B4A07848448… names an interface of Windows; on Linux write NIO_linux_eth:eth0 with an interface that "ip link" lists`,
		"frame_relay1.net": `
			R1 7200 1:PA-8T console 2000
			R2 7200 1:PA-8T console 2001
			R3 7200 1:PA-8T console 2002
			F1 FRSW 1 serial, 2 serial, 3 serial; 1:102 = 2:201; 1:103 = 3:301; 2:203 = 3:302
			R1 s1/0 - F1 1
			R2 s1/0 - F1 2
			R3 s1/0 - F1 3`,
		"multiserver.net": `
			5:2: other machines are not supported: "xplt" is not a name of this machine; write localhost, and connect to a router there with NIO_udp
			17:2: other machines are not supported: "bender" is not a name of this machine; write localhost, and connect to a router there with NIO_udp`,
	} {
		text, err := os.ReadFile("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := outcome(string(text)), lines(want); got != want {
			t.Errorf("%s: got:\n%swant:\n%s", file, got, want)
		}
	}
	// The host's interface as the comment in the file has it for Linux.
	text, _ := os.ReadFile("testdata/ethsw1.net")
	i := bytes.LastIndex(text, []byte("NIO_gen_eth:"))
	if got, want := outcome(string(text[:i])+"NIO_gen_eth:eth0\n"), lines(`
		R1 7200 1:PA-FE-TX console 2000
		R2 7200 1:PA-FE-TX console 2001
		R3 7200 1:PA-FE-TX console 2002
		S1 ETHSW 1 access 1, 2 access 20, 3 dot1q 1, 4 dot1q 1
		R1 f1/0 - S1 1
		R2 f1/0 - S1 2
		R3 f1/0 - S1 3
		S1 4 - NIO_gen_eth:eth0`); got != want {
		t.Errorf("ethsw1.net for Linux: got:\n%swant:\n%s", got, want)
	}
	text, _ = os.ReadFile("testdata/simple1.net")
	l, _ := Parse("simple1.net", text)
	for _, r := range l.Routers {
		if l.Name != "simple1" || r.RAM != 160 || r.NPE != "npe-400" || r.Unsupported != "" || !r.AutoStart ||
			Base(r.Image) != "c7200-jk9o3s-mz.124-7a.image" {
			t.Errorf("%s: %+v", l.Name, *r)
		}
	}
	if _, peer, ok := l.LinkAt("R2", "s1/0"); !ok || peer.String() != "R1 s1/0" {
		t.Errorf("R2 s1/0 leads to %v", peer)
	}
}

// Promise: 19.
func TestLocalNames(t *testing.T) {
	l, m := Parse("multiserver.net", []byte("[xplt]\n[[ROUTER R1]]\n"), "XPLT", "192.0.2.1")
	if l == nil || len(m) != 0 {
		t.Error(m)
	}
	for _, name := range []string{"a b.net", "..net", ""} {
		if l, m := Parse(name, nil); l != nil || !strings.Contains(m[0].Text, "lab's name") {
			t.Errorf("%q: %v", name, m)
		}
	}
}

func TestReferences(t *testing.T) {
	got := References([]byte("[bender]\n[[7200]]\ncnfg = configs\\base.cfg\n[[ROUTER R1]]\nCnfg = \"/a b/R1.cfg\"\njunk\n[[ROUTER R2]]\ncnfg = /a b/R1.cfg\n[[ROUTER R3]]\ncnfg = None\n"))
	if want := []string{`configs\base.cfg`, "/a b/R1.cfg"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
