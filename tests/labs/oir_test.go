package labs

import (
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"dynemu/tests/console"
	"dynemu/tests/testlab"
)

// swapLab is two routers of which the first has more lines.
func swapLab(lines ...string) string {
	return "[localhost]\n[[7200]]\nram = 64\n[[ROUTER R1]]\n" + strings.Join(lines, "\n") +
		"\n[[ROUTER R2]]\nslot1 = PA-8T\nslot2 = PA-2FE-TX\n"
}

// ask types a command.
func ask(t *testing.T, c *console.Console, line string) string {
	t.Helper()
	out, err := c.Command(line, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// shows waits until what a command prints matches, or does not.
func shows(t *testing.T, c *console.Console, line, re string, want bool) {
	t.Helper()
	out := ""
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if out = ask(t, c, line); regexp.MustCompile(re).MatchString(out) == want {
			return
		}
	}
	t.Fatalf("%s: matches %s is %v, want %v:\n%s", line, re, !want, want, out)
}

// Cards are put into and taken out of a running router by editing its lab file;
// their links come and go with them.
func TestCardsOfARunningRouter(t *testing.T) {
	d := testlab.Start(t)
	d.MustWriteLab("swap", swapLab("s1/0 = R2 s1/0"))
	r1, r2 := d.Console("swap", "R1"), d.Console("swap", "R2")
	pid := d.NodePID("swap", "R1")
	address(t, r1, "R1", "s1/0", "10.0.1.1")
	address(t, r2, "R2", "s1/0", "10.0.1.2")
	ping(t, r1, "10.0.1.2")
	edit := func(want string, lines ...string) {
		t.Helper()
		d.MustWriteLab("swap", swapLab(lines...))
		if _, err := exec.Command("ls", d.Path("labs", "swap")).Output(); err != nil { // waits for the apply
			t.Fatal(err)
		}
		if got := d.Read("labs", "swap", "result"); got != want {
			t.Fatalf("result:\n%s\nwant:\n%s", got, want)
		}
		if got := d.NodePID("swap", "R1"); got != pid {
			t.Fatal("the router was restarted")
		}
	}

	// A link brings its card.
	edit("R1: PA-FE-TX put into slot 2\nR1: link f2/0 - R2 f2/0 added", "s1/0 = R2 s1/0", "f2/0 = R2 f2/0")
	shows(t, r1, "show version", `Slot 2: PA-FE-TX`, true)
	shows(t, r1, "show ip interface brief", `FastEthernet2/0 +unassigned .*administratively down`, true)
	if out := ask(t, r1, "show logging"); !strings.Contains(out, "%OIR-6-INSCARD: Card inserted in slot 2") {
		t.Errorf("the router's log does not tell of the card:\n%s", out)
	}
	if info := d.Read("labs", "swap", "R1", "info"); !strings.Contains(info, "slot 2         PA-FE-TX") || strings.Contains(info, "at next start") {
		t.Errorf("info:\n%s", info)
	}
	if got := d.Read("labs", "swap", "R1", "ports", "f2-0", "peer"); got != "R2 f2/0" {
		t.Errorf("the peer of the new port is %q", got)
	}
	address(t, r1, "R1", "f2/0", "10.0.2.1")
	address(t, r2, "R2", "f2/0", "10.0.2.2")
	ping(t, r1, "10.0.2.2")

	// Taken out, its interface and the kernel's are gone, and the other end's has
	// no carrier.
	edit("R1: link f2/0 - R2 f2/0 removed\nR1: PA-FE-TX taken out of slot 2", "s1/0 = R2 s1/0")
	shows(t, r1, "show ip interface brief", `FastEthernet2/0`, false)
	shows(t, r1, "show diag", `PA-FE-TX`, false)
	shows(t, r1, "show ip route", `10\.0\.2\.`, false)
	d.Wait(10*time.Second, "the other end to lose its carrier", func() bool {
		out, err := exec.Command("ip", "-n", d.Prefix+"-swap-R2", "link", "show", "dev", "f2-0").Output()
		return err == nil && strings.Contains(string(out), "NO-CARRIER")
	})
	if out, err := exec.Command("ip", "-n", d.Prefix+"-swap-R1", "-br", "link").CombinedOutput(); err != nil || strings.Contains(string(out), "f2-0") {
		t.Errorf("interfaces of R1: %s %v", out, err)
	}
	ping(t, r1, "10.0.1.2") // the other card was left alone

	// Put in again, also as a card with more ports of the kind, it is configured
	// as it was.
	edit("R1: PA-2FE-TX put into slot 2\nR1: link f2/0 - R2 f2/0 added\nR1: link f2/1 - R2 f2/1 added",
		"s1/0 = R2 s1/0", "f2/0 = R2 f2/0", "f2/1 = R2 f2/1")
	ping(t, r1, "10.0.2.2")
	address(t, r1, "R1", "f2/1", "10.0.3.1")
	address(t, r2, "R2", "f2/1", "10.0.3.2")
	ping(t, r1, "10.0.3.2")

	// One serial card for another, under the same link, on a suspended router.
	if err := d.Write("suspend", "labs", "swap", "R1", "ctl"); err != nil {
		t.Fatal(err)
	}
	edit("R1: PA-8T in slot 1 replaced by PA-4T+", "slot1 = PA-4T+", "s1/0 = R2 s1/0", "f2/0 = R2 f2/0", "f2/1 = R2 f2/1")
	if err := d.Write("resume", "labs", "swap", "R1", "ctl"); err != nil {
		t.Fatal(err)
	}
	shows(t, r1, "show version", `Slot 1: PA-4T\+`, true)
	shows(t, r1, "show ip interface brief", `Serial1/4`, false)
	ping(t, r1, "10.0.1.2")
	ping(t, r2, "10.0.2.1")

	// A daemon that died and came back knows the cards.
	d.Kill()
	d.Run()
	if info := d.Read("labs", "swap", "R1", "info"); !strings.Contains(info, "slot 1         PA-4T+") || strings.Contains(info, "at next start") {
		t.Errorf("info after the daemon's restart:\n%s", info)
	}
	// The file says what waits for a start: slot 0 is not for moving.
	edit("R1: slots changed, in effect at the next start", "slot0 = C7200-IO-2FE", "slot1 = PA-4T+", "s1/0 = R2 s1/0", "f2/0 = R2 f2/0", "f2/1 = R2 f2/1")
	if info := d.Read("labs", "swap", "R1", "info"); !strings.Contains(info, "at next start  slots") {
		t.Errorf("info does not say what waits:\n%s", info)
	}
	// A guest that restarts finds the cards of now.
	r1 = d.Console("swap", "R1")
	if err := r1.Send("reload\rno\r\r"); err != nil {
		t.Fatal(err)
	}
	if _, err := r1.Expect(regexp.MustCompile(`Slot 1: PA-4T\+\r?\nSlot 2: PA-2FE-TX`), 20*time.Second); err != nil {
		t.Fatal(err)
	}
}

// Every port adapter is told by the guest, on each arrangement of buses and in
// bays of both heads, and none leaves anything behind.
func TestEveryCardMoves(t *testing.T) {
	cards := []struct{ name, iface string }{
		{"PA-FE-TX", "FastEthernet%d/0"}, {"PA-2FE-TX", "FastEthernet%d/1"}, {"PA-GE", "GigabitEthernet%d/0"},
		{"PA-4E", "Ethernet%d/3"}, {"PA-8E", "Ethernet%d/7"}, {"PA-4T+", "Serial%d/3"}, {"PA-8T", "Serial%d/7"},
		{"PA-A1", "ATM%d/0"}, {"PA-POS-OC3", "POS%d/0"}, {"PA-4B", ""}, {"PA-MC-8TE1", ""}, // no interfaces of the last two in the image
	}
	bays := map[string][2]int{"npe-400": {1, 6}, "npe-300": {3, 4}, "npe-200": {5, 2}}
	midplanes := map[string]string{"npe-400": "vxr", "npe-300": "vxr", "npe-200": "std"}
	text := func(card [2]string) string {
		s := "[localhost]\n[[7200]]\nram = 64\n"
		for npe, slots := range bays {
			s += fmt.Sprintf("[[ROUTER %s]]\nnpe = %s\nmidplane = %s\n", npe, npe, midplanes[npe])
			for i, c := range card {
				if c != "" {
					s += fmt.Sprintf("slot%d = %s\n", slots[i], c)
				}
			}
		}
		return s
	}
	d := testlab.Start(t)
	d.MustWriteLab("cards", text([2]string{}))
	consoles := map[string]*console.Console{}
	for npe := range bays {
		consoles[npe] = d.Console("cards", npe)
		// What the router says of its interfaces must not get between what is typed.
		if err := consoles[npe].Configure("no logging console"); err != nil {
			t.Fatal(err)
		}
	}
	memory := map[string][]string{}
	for round := range 2 {
		for i, c := range cards {
			other := cards[(i+3)%len(cards)]
			d.MustWriteLab("cards", text([2]string{c.name, other.name}))
			d.Wait(10*time.Second, "the cards to be put in", func() bool { return strings.Contains(d.Read("labs", "cards", "result"), c.name) })
			for npe, slots := range bays {
				var names, ifaces, lines []string
				for k, card := range []struct{ name, iface string }{c, other} {
					names = append(names, regexp.QuoteMeta(fmt.Sprintf("Slot %d: %s,", slots[k], card.name)))
					if card.iface != "" {
						ifname := fmt.Sprintf(card.iface, slots[k])
						ifaces = append(ifaces, ifname)
						lines = append(lines, "interface "+ifname, "no shutdown")
					}
				}
				slices.Sort(names)
				shows(t, consoles[npe], "show version", "(?s)"+strings.Join(names, ".*"), true)
				if round > 0 { // they are configured as they were
					continue
				}
				brief := ask(t, consoles[npe], "show ip interface brief")
				for _, ifname := range ifaces {
					if !strings.Contains(brief, ifname+" ") {
						t.Errorf("%s: no %s:\n%s", npe, ifname, brief)
					}
				}
				if err := consoles[npe].Configure(lines...); err != nil {
					t.Fatal(err)
				}
			}
		}
		d.MustWriteLab("cards", text([2]string{}))
		for npe, slots := range bays {
			shows(t, consoles[npe], "show diag", fmt.Sprintf("Slot [%d%d]:", slots[0], slots[1]), false)
			memory[npe] = append(memory[npe], ask(t, consoles[npe], "show memory")+ask(t, consoles[npe], "show buffers"))
			if m := memory[npe]; m[0] != m[round] {
				t.Errorf("%s: memory after round %d:\n%s\nafter the first:\n%s", npe, round+1, m[round], m[0])
			}
		}
	}
}
