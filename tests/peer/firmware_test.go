package peer

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"dynemu/tests/console"
)

// router is a bundled router image that runs on some emulator.
type router struct {
	*console.Console
	t    *testing.T
	name string
	dir  string
	cmd  *exec.Cmd
	done chan struct{}
}

// boot starts the image in dir, which keeps its NVRAM, with cards ("slot:name")
// and waits for its prompt.
func boot(t *testing.T, e Emulator, name, dir string, instance int, cards []string, args ...string) *router {
	t.Helper()
	c, cmd, done := Launch(t, e, dir, instance, (*exec.Cmd).Start, cards, args...)
	r := &router{c, t, name, dir, cmd, done}
	t.Cleanup(r.stop)
	if _, err := r.Expect(regexp.MustCompile(`Press RETURN to get started!`), 30*time.Second); err != nil {
		t.Fatalf("%s on %s: %v", name, e.Name, err)
	}
	if err := r.Login(30 * time.Second); err != nil {
		t.Fatalf("%s on %s: %v", name, e.Name, err)
	}
	return r
}

// stop ends the emulator, which keeps the NVRAM; at once when it does not obey.
func (r *router) stop() {
	_ = r.cmd.Process.Signal(unix.SIGTERM) // it may have ended already
	select {
	case <-r.done:
	case <-time.After(5 * time.Second):
		_ = r.cmd.Process.Kill()
		<-r.done
	}
	r.Close()
}

func (r *router) configure(lines ...string) {
	r.t.Helper()
	if err := r.Configure(lines...); err != nil {
		r.t.Fatalf("%s: %v", r.name, err)
	}
}

func (r *router) run(line string) string {
	r.t.Helper()
	out, err := r.Command(line, 30*time.Second)
	if err != nil {
		r.t.Fatalf("%s: %s: %v", r.name, line, err)
	}
	return out
}

// shows checks that the output of a command holds each of the expressions.
func (r *router) shows(line string, want ...string) {
	r.t.Helper()
	out := r.run(line)
	for _, w := range want {
		if !regexp.MustCompile(`(?m)` + w).MatchString(out) {
			r.t.Errorf("%s: %q shows no %q:\n%s", r.name, line, w, out)
		}
	}
}

// eventually repeats a command until its output matches.
func (r *router) eventually(line, want string, timeout time.Duration) {
	r.t.Helper()
	re := regexp.MustCompile(`(?m)` + want)
	for end := time.Now().Add(timeout); ; time.Sleep(200 * time.Millisecond) {
		out := r.run(line)
		if re.MatchString(out) {
			return
		}
		if time.Now().After(end) {
			r.t.Fatalf("%s: %q shows no %q within %v:\n%s", r.name, line, want, timeout, out)
		}
	}
}

func (r *router) pings(args string) {
	r.t.Helper()
	received, sent, err := r.Ping(args, 30*time.Second)
	if err != nil {
		r.t.Fatalf("%s: %v", r.name, err)
	}
	if sent == 0 || received != sent {
		r.t.Errorf("%s: ping %s: %d of %d came back", r.name, args, received, sent)
	}
}

// wire returns the options that join a port of two routers over UDP.
func wire(t *testing.T, port string) (a, b []string) {
	p := UDPPorts(t, 2)
	nio := func(local, remote int) []string {
		return []string{"-s", fmt.Sprintf("%s:udp:%d:127.0.0.1:%d", port, local, remote)}
	}
	return nio(p[0], p[1]), nio(p[1], p[0])
}

// TestFirmware runs two of the bundled router images joined by a serial wire
// and two Ethernet wires, on Dynamips, on dynemu, and on one of each.
func TestFirmware(t *testing.T) {
	debian := Debian(t)
	ours := Dynemu(t)
	for _, pair := range [][2]Emulator{{debian, debian}, {debian, ours}, {ours, ours}} {
		t.Run(pair[0].Name+"-"+pair[1].Name, func(t *testing.T) {
			t.Parallel()
			testPair(t, pair[0], pair[1])
		})
	}
}

// baseCards are those whose protocols testPair tries.
var baseCards = []string{"0:C7200-IO-FE", "1:PA-8T", "2:PA-FE-TX"}

func testPair(t *testing.T, e1, e2 Emulator) {
	var args1, args2 []string
	for _, port := range []string{"0:0", "1:0", "1:5", "2:0"} {
		a, b := wire(t, port)
		args1, args2 = append(args1, a...), append(args2, b...)
	}
	dir1, dir2 := t.TempDir(), t.TempDir()
	r1 := boot(t, e1, "R1", dir1, 1, baseCards, args1...)
	r2 := boot(t, e2, "R2", dir2, 2, baseCards, args2...)

	r1.shows("show version", `^7206VXR \(NPE400\) processor with 131072K/0K`, `^Slot 0: C7200-IO-FE`, `^Slot 1: PA-8T`,
		`^Slot 2: PA-FE-TX`, `^2 FastEthernet interfaces`, `^8 Serial interfaces`, `^Configuration register is 0x2142`)
	r1.shows("show ip interface brief", `^FastEthernet0/0 +unassigned +YES unset +administratively down +down`,
		`^Serial1/7 `, `^FastEthernet2/0 `)

	r1.configure("hostname R1", "interface Loopback0", "ip address 1.1.1.1 255.255.255.255",
		"interface Serial1/0", "description to R2", "ip address 10.0.0.1 255.255.255.252", "no shutdown",
		"int f0/0", "ip address 192.168.1.1 255.255.255.0", "no shut",
		"int s1/5", "ip address 10.0.5.1 255.255.255.252", "no shut",
		"int f2/0", "ip address 192.168.2.1 255.255.255.0", "no shut",
		"ip route 2.2.2.2 255.255.255.255 10.0.0.2", "ip route 3.0.0.0 255.0.0.0 2.2.2.2")
	r2.configure("hostname R2", "interface Loopback0", "ip address 2.2.2.2 255.255.255.255",
		"interface Serial1/0", "ip address 10.0.0.2 255.255.255.252", "no shutdown",
		"int f0/0", "ip address 192.168.1.2 255.255.255.0", "no shut",
		"int s1/5", "ip address 10.0.5.2 255.255.255.252", "no shut",
		"int f2/0", "ip address 192.168.2.2 255.255.255.0", "no shut",
		"ip route 0.0.0.0 0.0.0.0 Serial1/0")

	t.Run("HDLC", func(t *testing.T) {
		r1.eventually("show interfaces s1/0", `^Serial1/0 is up, line protocol is up`, 15*time.Second)
		r1.shows("show interfaces s1/0", `Encapsulation HDLC`, `Description: to R2`, `Keepalive set \(10 sec\)`)
		r1.pings("10.0.0.2")
		r1.pings("10.0.5.2 size 1500")
		r2.pings("1.1.1.1 source Loopback0")
	})
	t.Run("Ethernet", func(t *testing.T) {
		for _, ifname := range []string{"f0/0", "f2/0"} {
			r1.eventually("show interfaces "+ifname, `is up, line protocol is up`, 15*time.Second)
			r2.eventually("show interfaces "+ifname, `is up, line protocol is up`, 15*time.Second)
		}
		r1.pings("192.168.1.2")
		r1.pings("192.168.2.2")
		// The addresses of a chassis: base for slot 0, 28 a slot after that.
		r1.shows("show arp", `192\.168\.1\.2 .* ca02\.....\.0000  ARPA   FastEthernet0/0`,
			`192\.168\.2\.2 .* ca02\.....\.0038  ARPA   FastEthernet2/0`)
		// Fragments both ways, reassembled at both ends.
		r1.pings("192.168.1.2 size 8000 repeat 3")
		r2.pings("192.168.2.1 size 18024 repeat 2")
	})
	t.Run("routing", func(t *testing.T) {
		r1.shows("show ip route", `^C +10\.0\.0\.0 is directly connected, Serial1/0`,
			`^S +2\.2\.2\.2 \[1/0\] via 10\.0\.0\.2`, `^S +3\.0\.0\.0/8 \[1/0\] via 2\.2\.2\.2`)
		r2.shows("show ip route", `^Gateway of last resort is 0\.0\.0\.0 to network 0\.0\.0\.0`)
		r1.pings("2.2.2.2")
		r1.shows("traceroute 2.2.2.2 probe 1", `^ +1 10\.0\.0\.2 `)
		// R2 sends it back through its default route, and so on.
		r1.shows("traceroute 3.3.3.3 probe 1 ttl 1 3", `^ +1 10\.0\.0\.2 `, `^ +2 10\.0\.0\.1 `, `^ +3 10\.0\.0\.2 `)
		r1.shows("show ip traffic", `[1-9]\d* forwarded`)
	})
	t.Run("PPP", func(t *testing.T) {
		r1.configure("interface s1/0", "encapsulation ppp")
		r1.eventually("show interfaces s1/0", `line protocol is down`, 5*time.Second)
		r2.configure("interface s1/0", "encapsulation ppp")
		r1.eventually("show interfaces s1/0", `Open: IPCP`, 15*time.Second)
		r1.shows("show interfaces s1/0", `LCP Open`, `line protocol is up`)
		r1.shows("show ip route", `^C +10\.0\.0\.2/32 is directly connected, Serial1/0`)
		r1.pings("10.0.0.2")
		r2.configure("interface s1/0", "shutdown")
		r1.eventually("show interfaces s1/0", `line protocol is down`, 15*time.Second)
		r2.configure("interface s1/0", "no shutdown")
		r1.eventually("show interfaces s1/0", `Open: IPCP`, 15*time.Second)
	})
	t.Run("Frame Relay", func(t *testing.T) {
		r1.configure("interface s1/0", "encapsulation frame-relay", "frame-relay intf-type dce", "frame-relay interface-dlci 102")
		r2.configure("interface s1/0", "encapsulation frame-relay", "frame-relay lmi-type ansi")
		r2.eventually("show frame-relay map", `ip 10\.0\.0\.1 dlci 102.*dynamic`, 15*time.Second)
		r1.eventually("show frame-relay map", `ip 10\.0\.0\.2 dlci 102.*dynamic`, 15*time.Second)
		r2.shows("show frame-relay pvc", `DLCI = 102, .*PVC STATUS = ACTIVE`)
		r2.shows("show frame-relay lmi", `LMI TYPE = ANSI`)
		r2.pings("10.0.0.1")
	})
	t.Run("NVRAM", func(t *testing.T) {
		r1.shows("copy running-config startup-config\r", `^\[OK\]`)
		r1.shows("show startup-config", `^hostname R1$`, `^ ip address 10\.0\.0\.1 255\.255\.255\.252$`)
		running, startup := configuration(r1.run("show running-config")), configuration(r1.run("show startup-config"))
		if running != startup {
			t.Errorf("startup-config is\n%s\nrunning-config is\n%s", startup, running)
		}
		r1.stop()
		nvram := filepath.Join(dir1, "c7200_i1_nvram")
		image, err := os.ReadFile(nvram)
		if err != nil {
			t.Fatal(err)
		}
		if got := startupConfig(t, image); got != startup {
			t.Errorf("NVRAM holds\n%s\nthe router showed\n%s", got, startup)
		}
		if tool, err := exec.LookPath("nvram_export"); err != nil {
			t.Log("SKIP: nvram_export is not installed")
		} else {
			out := filepath.Join(t.TempDir(), "config")
			if msg, err := exec.Command(tool, nvram, out).CombinedOutput(); err != nil {
				t.Fatalf("nvram_export: %v\n%s", err, msg)
			}
			text, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			if string(text) != startup {
				t.Errorf("nvram_export gives\n%s\nthe router showed\n%s", text, startup)
			}
		}
		// It boots with what it saved.
		r1 = boot(t, e1, "R1", dir1, 1, baseCards, args1...)
		r1.shows("show ip interface brief", `^Serial1/0 +10\.0\.0\.1 +YES NVRAM +up +`)
		r2.eventually("ping 10.0.0.1 repeat 1 timeout 1", `100 percent`, 40*time.Second)
		if again := configuration(r1.run("show running-config")); again != startup {
			t.Errorf("after a restart the running-config is\n%s\nit was saved as\n%s", again, startup)
		}
	})
}

// portTest is a port of a card: its binding, the interface that it is to the
// image, and the name of its hardware.
type portTest struct {
	slot                     int
	card                     string
	port                     int
	ifname, hardware, speeds string
}

// cardPorts has the first and the last port of each card, one card a slot.
var cardPorts = []portTest{
	{0, "C7200-IO-2FE", 0, "FastEthernet0/0", `i82543 \(Livengood\)`, "100Mb/s"},
	{0, "C7200-IO-2FE", 1, "FastEthernet0/1", `i82543 \(Livengood\)`, "100Mb/s"},
	{1, "PA-4E", 0, "Ethernet1/0", "AmdP2", "10Mb/s"},
	{1, "PA-4E", 3, "Ethernet1/3", "AmdP2", "10Mb/s"},
	{2, "PA-GE", 0, "GigabitEthernet2/0", "82543", "1000Mb/s"},
	{3, "PA-2FE-TX", 0, "FastEthernet3/0", `i82543 \(Livengood\)`, "100Mb/s"},
	{3, "PA-2FE-TX", 1, "FastEthernet3/1", `i82543 \(Livengood\)`, "100Mb/s"},
	{4, "PA-8E", 0, "Ethernet4/0", "AmdP2", "10Mb/s"},
	{4, "PA-8E", 7, "Ethernet4/7", "AmdP2", "10Mb/s"},
	{5, "PA-POS-OC3", 0, "POS5/0", "Packet over SONET", ""},
	{6, "PA-A1", 0, "ATM6/0", "TI1570", ""},
}

// gigabitIO is the other I/O controller: the second of its ports is an
// Ethernet that counts for itself.
var gigabitIO = []portTest{
	{0, "C7200-IO-GE-E", 0, "GigabitEthernet0/0", `i82543 \(Livengood\)`, "1000Mb/s"},
}

// TestFirmwareCards joins every port of cardPorts of two routers.
func TestFirmwareCards(t *testing.T) {
	debian := Debian(t)
	ours := Dynemu(t)
	for _, pair := range [][2]Emulator{{debian, debian}, {debian, ours}, {ours, ours}} {
		t.Run(pair[0].Name+"-"+pair[1].Name, func(t *testing.T) {
			t.Parallel()
			testCards(t, pair[0], pair[1], cardPorts)
			testCards(t, pair[0], pair[1], gigabitIO)
		})
	}
}

func testCards(t *testing.T, e1, e2 Emulator, ports []portTest) {
	var args1, args2, cards []string
	for _, p := range ports {
		a, b := wire(t, fmt.Sprintf("%d:%d", p.slot, p.port))
		args1, args2 = append(args1, a...), append(args2, b...)
		if c := fmt.Sprintf("%d:%s", p.slot, p.card); !slices.Contains(cards, c) {
			cards = append(cards, c)
		}
	}
	r1 := boot(t, e1, "R1", t.TempDir(), 1, cards, args1...)
	defer r1.stop()
	r2 := boot(t, e2, "R2", t.TempDir(), 2, cards, args2...)
	defer r2.stop()
	var conf1, conf2 []string
	for i, p := range ports {
		r1.shows("show version", fmt.Sprintf("^Slot %d: %s,", p.slot, p.card))
		for end, conf := range []*[]string{&conf1, &conf2} {
			*conf = append(*conf, "interface "+p.ifname, fmt.Sprintf("ip address 10.1.%d.%d 255.255.255.0", i, end+1), "no shutdown")
			if p.card == "PA-A1" {
				*conf = append(*conf, "pvc 0/100", "exit")
			}
		}
	}
	r1.configure(conf1...)
	r2.configure(conf2...)
	for i, p := range ports {
		r1.eventually("show interfaces "+p.ifname, "^"+p.ifname+" is up, line protocol is up", 15*time.Second)
		r2.eventually("show interfaces "+p.ifname, "^"+p.ifname+" is up, line protocol is up", 15*time.Second)
		r1.shows("show interfaces "+p.ifname, "Hardware is "+p.hardware+"[,\n]")
		if p.speeds != "" {
			r1.shows("show interfaces "+p.ifname, "Full-duplex, "+p.speeds)
		}
		peer := fmt.Sprintf("10.1.%d.2", i)
		r1.eventually("ping "+peer+" repeat 1 timeout 1", `100 percent`, 10*time.Second)
		for _, size := range []int{36, 101, 102, 103, 1500, 8000} {
			r1.pings(fmt.Sprintf("%s size %d repeat 2", peer, size))
		}
		r2.pings(fmt.Sprintf("10.1.%d.1 size 1499", i))
		if p.card == "PA-POS-OC3" {
			// Once round the rings, then the other encapsulation.
			r1.pings(peer + " repeat 70")
			r1.configure("interface "+p.ifname, "encapsulation ppp")
			r2.configure("interface "+p.ifname, "encapsulation ppp")
			r1.eventually("show interfaces "+p.ifname, `Open: IPCP`, 15*time.Second)
			r1.pings(peer + " size 1500")
		}
		if p.card == "PA-A1" {
			testATM(r1, r2, i)
		}
		r1.shows("show interfaces "+p.ifname, " 0 input errors,", " 0 output errors,")
	}
}

// TestFirmwareIdentifiesCards shows that both emulators have the same PCI
// functions in cards that pass no traffic, and in one that does.
func TestFirmwareIdentifiesCards(t *testing.T) {
	cards := []string{"1:PA-4B", "2:PA-MC-8TE1", "3:PA-POS-OC3"}
	var shown []string
	for _, e := range []Emulator{Debian(t), Dynemu(t)} {
		r := boot(t, e, e.Name, t.TempDir(), 1, cards)
		r.shows("show version", `^Slot 1: PA-4B, BRI$`, `^Slot 2: PA-MC-8TE1, 8 T1/E1$`, `^Slot 3: PA-POS-OC3, POS OC3$`)
		r.shows("show pci", `10ee:4013 `, `11f8:7380 `, `10b5:9054 `, `10b5:9060 .*slot 3: PLX 9060`)
		shown = append(shown, r.run("show pci"))
		r.stop()
	}
	if shown[0] != shown[1] {
		t.Errorf("Dynamips shows\n%s\ndynemu shows\n%s", shown[0], shown[1])
	}
}

// configuration cuts a configuration out of what a show command printed.
func configuration(s string) string {
	i, j := strings.Index(s, "!\n"), strings.LastIndex(s, "\nend\n")
	if i < 0 || j < i {
		return s
	}
	return s[i : j+len("\nend\n")]
}

// startupConfig takes the startup configuration out of an NVRAM image and
// checks what surrounds it (c7200 reference, 9.4).
func startupConfig(t *testing.T, nvram []byte) string {
	t.Helper()
	if !bytes.HasPrefix(nvram[0x200:], []byte("7200")) {
		t.Errorf("boot loader name %q, want 7200 first", nvram[0x200:0x208])
	}
	fs := nvram[0x800:]
	be16 := func(off int) int { return int(binary.BigEndian.Uint16(fs[off:])) }
	be32 := func(off int) int { return int(binary.BigEndian.Uint32(fs[off:])) }
	const first = 0x1e000800 + 0x2c
	n := be32(0x18)
	for _, f := range []struct {
		name      string
		got, want int
	}{
		{"file system magic", be16(0x06), 0xf0a5},
		{"startup magic", be16(0x08), 0xabcd},
		{"format", be16(0x0a), 1},
		{"word 0e", be16(0x0e), 0x0c04},
		{"start address", be32(0x10), first},
		{"end address", be32(0x14), first + n},
		{"private magic", be16((0x2c + n + 3) &^ 3), 0xfedc},
	} {
		if f.got != f.want {
			t.Errorf("%s is %#x, want %#x", f.name, f.got, f.want)
		}
	}
	sum := 0
	for off := 8; off < len(fs); off += 2 {
		if off != 0x0c {
			sum += be16(off)
		}
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	if want := ^sum & 0xffff; be16(0x0c) != want {
		t.Errorf("checksum is %#x, want %#x", be16(0x0c), want)
	}
	if n > len(fs)-0x2c {
		t.Fatalf("length %d does not fit", n)
	}
	return string(fs[0x2c : 0x2c+n])
}
