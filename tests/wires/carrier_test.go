package wires

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// carrierPorts are ports of all kinds that R1 has in common with R2.
var carrierPorts = []struct {
	port, long string
	tells      bool // the hardware tells the guest of its carrier
}{
	{"f0/0", "FastEthernet0/0", true}, // DEC21140
	{"e1/0", "Ethernet1/0", true},
	{"g2/0", "GigabitEthernet2/0", true},
	{"s3/0", "Serial3/0", true},
	{"p4/0", "POS4/0", false},
	{"a5/0", "ATM5/0", false},
}

const carrierCards = `slot0 = C7200-IO-FE
slot1 = PA-4E
slot2 = PA-GE
slot3 = PA-4T+
slot4 = PA-POS-OC3
slot5 = PA-A1
slot6 = PA-FE-TX
`

// carrierLab joins all carrierPorts, the slots that R1 is without excepted, and f6/0.
func carrierLab(without string) string {
	text := "[localhost]\n[[7200]]\nram = 64\n[[ROUTER R2]]\n" + carrierCards + "f6/0 = R1 f6/0\n[[ROUTER R1]]\n"
	for line := range strings.Lines(carrierCards) {
		if !strings.Contains(without, line[4:5]) {
			text += line
		}
	}
	for _, p := range carrierPorts {
		if !strings.Contains(without, p.port[1:2]) {
			text += fmt.Sprintf("%s = R2 %s\n", p.port, p.port)
		}
	}
	return text
}

// logged waits until what a router has logged of an interface ends with changes to
// these states.
func (l *running) logged(name, long string, states ...string) {
	l.t.Helper()
	want := ""
	for _, s := range states {
		want += map[string]string{
			"admin": "%LINK-5-CHANGED: Interface " + long + ", changed state to administratively down\n",
			"down":  "%LINK-3-UPDOWN: Interface " + long + ", changed state to down\n",
			"up":    "%LINK-3-UPDOWN: Interface " + long + ", changed state to up\n",
			"lost":  "%LINEPROTO-5-UPDOWN: Line protocol on Interface " + long + ", changed state to down\n",
			"proto": "%LINEPROTO-5-UPDOWN: Line protocol on Interface " + long + ", changed state to up\n",
		}[s]
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		got := ""
		for line := range strings.Lines(l.show(name, "show logging")) {
			if _, message, ok := strings.Cut(line, ": %"); ok && strings.Contains(message, long+",") {
				got += "%" + message
			}
		}
		if strings.HasSuffix(got, want) {
			return
		}
		if time.Now().After(end) {
			l.t.Fatalf("%s has logged\n%swhich does not end with\n%s", name, got, want)
		}
	}
}

func TestCarrier(t *testing.T) {
	t.Parallel()
	l := run(t, "carrier", carrierLab(""))
	for _, name := range []string{"R1", "R2"} {
		host := name[1:]
		for i, p := range carrierPorts {
			var more []string
			if p.port[0] == 'a' {
				more = []string{"pvc 0/100", "exit"}
			}
			l.address(name, p.port, fmt.Sprintf("10.%d.0.%s", i, host), more...)
		}
		l.address(name, "f6/0", "10.6.0."+host)
	}
	both := func(near, far string) {
		t.Helper()
		for _, p := range carrierPorts {
			l.carrier("R1", p.port, near)
			l.carrier("R2", p.port, far)
		}
	}
	up := func(when string) {
		t.Helper()
		t.Log(when)
		both("up", "up")
		for i, p := range carrierPorts {
			if p.tells {
				l.logged("R2", p.long, "up", "proto")
			}
			l.shows("R2", "show ip interface brief", p.long+` .* up +up`)
			l.pings("R1", fmt.Sprintf("10.%d.0.2", i))
		}
	}
	// down is what R2 and the tree show of R1's ports.
	down := func(when, near, far string) {
		t.Helper()
		t.Log(when)
		for _, p := range carrierPorts {
			if near != "" {
				l.carrier("R1", p.port, near)
			}
			l.carrier("R2", p.port, far)
			if p.tells {
				l.logged("R2", p.long, "down", "lost")
				l.shows("R2", "show ip interface brief", p.long+` .* down +down`)
			}
		}
	}
	up("at first")
	for _, name := range []string{"R1", "R2"} {
		if out := l.show(name, "write memory"); !strings.Contains(out, "OK") {
			t.Fatalf("%s: write memory: %s", name, out)
		}
	}

	every := func(command string) (lines []string) {
		for _, p := range carrierPorts {
			lines = append(lines, "interface "+p.long, command)
		}
		return lines
	}
	l.configure("R1", every("shutdown")...)
	down("R1 shuts its ports", "shut", "down")
	l.configure("R1", every("no shutdown")...)
	up("R1 takes its ports into use again")

	for _, p := range carrierPorts {
		l.ctl("R1", "link down "+p.port)
	}
	down("links are cut at R1's ctl", "cut", "cut")
	for _, p := range carrierPorts {
		l.command("link", "up", "R2", p.port)
	}
	up("links are mended by dynemu link up at R2")

	// A link that is cut survives the daemon, and so does everything else.
	l.command("link", "down", "R1", "f0/0")
	l.command("link", "down", "R2", "s3/0")
	state := func() string {
		out := ""
		for _, name := range []string{"R1", "R2"} {
			out += fmt.Sprintf("%s is process %d\n", name, l.NodePID("carrier", name))
			links, err := exec.Command("ip", "-n", l.netns(name), "-o", "link").Output()
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range regexp.MustCompile(`(?m)^\d+: [^:]+: <[^>]*>`).FindAllString(string(links), -1) {
				out += name + " " + line + "\n"
			}
		}
		return out
	}
	l.carrier("R1", "f0/0", "cut")
	l.carrier("R2", "f0/0", "cut")
	l.carrier("R2", "s3/0", "cut")
	l.logged("R2", "Serial3/0", "down", "lost")
	changes := func() string {
		return strings.Join(regexp.MustCompile(`.* changed state to .*`).FindAllString(l.show("R2", "show logging"), -1), "\n")
	}
	before, logs := state(), changes()
	if err := l.router("R1").Send("ping 10.6.0.2 repeat 2000\r"); err != nil {
		t.Fatal(err)
	}
	l.Kill()
	l.Run()
	l.WaitState("carrier", "R1", "running")
	l.WaitState("carrier", "R2", "running")
	l.Wait(60*time.Second, "R1's pings to end", func() bool {
		text, _ := os.ReadFile(l.Path("labs", "carrier", "R1", "console.log"))
		return bytes.Contains(text, []byte("/2000)"))
	})
	if text := l.Read("labs", "carrier", "R1", "console.log"); !strings.Contains(text, "Success rate is 100 percent (2000/2000)") {
		t.Errorf("pings over another link were lost while the daemon was killed:\n%s", text[max(0, len(text)-600):])
	}
	clear(l.consoles)
	l.carrier("R1", "f0/0", "cut")
	l.carrier("R2", "s3/0", "cut")
	l.carrier("R1", "g2/0", "up")
	if after := state(); after != before {
		t.Errorf("before the daemon was killed:\n%s\nafterwards:\n%s", before, after)
	}
	if after := changes(); after != logs {
		t.Errorf("R2 has seen carriers change while the daemon was killed:\n%s\nbefore:\n%s", after, logs)
	}
	// The new daemon does it all.
	l.configure("R1", "interface g2/0", "shutdown")
	l.carrier("R2", "g2/0", "down")
	l.logged("R2", "GigabitEthernet2/0", "down", "lost")
	l.configure("R1", "interface g2/0", "no shutdown")
	l.command("link", "up", "R1", "f0/0")
	l.command("link", "up", "R1", "s3/0")
	up("a daemon that was started anew mends links that the one before had cut")

	l.ctl("R1", "stop")
	down("R1 is stopped", "none", "down")
	l.start("R1")
	up("R1 is started")

	if err := syscall.Kill(l.NodePID("carrier", "R1"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	l.WaitState("carrier", "R1", "crashed")
	down("R1 is killed", "none", "down")
	l.start("R1")
	up("R1 is started after its crash")

	l.edit(strings.Replace(carrierLab("12345"), "f0/0 = R2 f0/0\n", "", 1))
	down("R1's cards are pulled", "", "none")
	l.edit(carrierLab(""))
	up("R1's cards are put back")
}
