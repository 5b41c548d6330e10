// Package labs runs labs end to end: files written into the tree become routers
// in processes of their own, with real interfaces in real namespaces, running
// the bundled image; they are spoken to as a user speaks to them.
package labs

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"dynemu/tests/console"
	"dynemu/tests/testlab"
)

// simple1 is the tutorial's first lab, on the bundled image.
const simple1 = `# Simple lab
[localhost]
    [[7200]]
    npe = npe-400
    ram = 64
    [[ROUTER R1]]
    s1/0 = R2 s1/0
    [[router R2]]
`

// address gives a router's interface an address and brings it up.
func address(t *testing.T, c *console.Console, name, ifname, ip string, more ...string) {
	t.Helper()
	lines := append([]string{"hostname " + name, "interface " + ifname, "ip address " + ip + " 255.255.255.0"}, more...)
	if err := c.Configure(append(lines, "no shutdown")...); err != nil {
		t.Fatal(err)
	}
}

// ping pings until all five echoes come back, since the first go while links
// and ARP come up.
func ping(t *testing.T, c *console.Console, to string) {
	t.Helper()
	var got, sent int
	for range 12 {
		var err error
		if got, sent, err = c.Ping(to, 30*time.Second); err != nil {
			t.Fatal(err)
		}
		if got == sent && sent == 5 {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
	brief, _ := c.Command("show ip interface brief", 5*time.Second)
	t.Fatalf("ping %s: %d of %d came back\n%s", to, got, sent, brief)
}

// TestSerialLink joins serial ports, and ports of packet over SONET, which carry
// the same frames.
// Promises: 1, 26.
func TestSerialLink(t *testing.T) {
	for _, c := range []struct{ port, ifname string }{{"s1/0", "Serial1/0"}, {"p1/0", "POS1/0"}} {
		t.Run(c.ifname, func(t *testing.T) { testSerialLink(t, c.port, c.ifname) })
	}
}

func testSerialLink(t *testing.T, port, ifname string) {
	d := testlab.Start(t)
	d.MustWriteLab("simple1", strings.ReplaceAll(simple1, "s1/0", port))
	r1, r2 := d.Console("simple1", "R1"), d.Console("simple1", "R2")
	address(t, r1, "R1", ifname, "10.0.0.1")
	address(t, r2, "R2", port, "10.0.0.2")
	ping(t, r1, "10.0.0.2")
	ping(t, r2, "10.0.0.1")

	for _, encapsulation := range []string{"ppp", "hdlc"} {
		address(t, r1, "R1", port, "10.0.0.1", "encapsulation "+encapsulation)
		address(t, r2, "R2", port, "10.0.0.2", "encapsulation "+encapsulation)
		ping(t, r1, "10.0.0.2")
	}

	d.WaitState("simple1", "R1", "running")
	d.WaitState("simple1", "R2", "running")
	table := d.Read("status")
	for _, want := range []string{"R1", "R2", "simple1", "running"} {
		if !strings.Contains(table, want) {
			t.Errorf("status does not show %s:\n%s", want, table)
		}
	}
	file := strings.ReplaceAll(port, "/", "-")
	stats := d.Read("labs", "simple1", "R1", "ports", file, "stats")
	if !regexp.MustCompile(`(?m)rx.*[1-9]`).MatchString(stats) {
		t.Errorf("%s counted nothing received:\n%s", file, stats)
	}
}

func TestEthernetLinkAndCapture(t *testing.T) {
	d := testlab.Start(t)
	d.MustWriteLab("eth", `
[localhost]
[[7200]]
ram = 64
[[ROUTER R1]]
f0/0 = R2 f1/0
[[ROUTER R2]]
`)
	r1, r2 := d.Console("eth", "R1"), d.Console("eth", "R2")
	address(t, r1, "R1", "f0/0", "10.1.0.1")
	address(t, r2, "R2", "f1/0", "10.1.0.2")
	ping(t, r1, "10.1.0.2")

	netns := d.Read("labs", "eth", "R1", "ports", "f0-0", "netns")
	if want := d.Prefix + "-eth-R1"; netns != want {
		t.Errorf("netns of R1's f0/0 is %q, want %q", netns, want)
	}
	if got := d.Read("labs", "eth", "R1", "ports", "f0-0", "ifname"); got != "f0-0" {
		t.Errorf("ifname of R1's f0/0 is %q", got)
	}

	// tcpdump on the TAP sees both directions.
	if _, err := exec.LookPath("tcpdump"); err != nil {
		t.Skip("SKIP: tcpdump is not installed: the TAP is not looked at with it")
	}
	dump := exec.Command("ip", "netns", "exec", netns, "tcpdump", "-lni", "f0-0", "-c", "4", "icmp")
	out, err := dump.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := dump.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := dump.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, stderr, "listening")
	ping(t, r1, "10.1.0.2")
	var seen bytes.Buffer
	done := make(chan struct{})
	go func() { _, _ = seen.ReadFrom(out); close(done) }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		_ = dump.Process.Kill()
		<-done
	}
	_ = dump.Wait()
	for _, want := range []string{"10.1.0.1 > 10.1.0.2: ICMP echo request", "10.1.0.2 > 10.1.0.1: ICMP echo reply"} {
		if !strings.Contains(seen.String(), want) {
			t.Errorf("tcpdump on f0-0 does not show %q:\n%s", want, seen.String())
		}
	}
	// Nothing of the kernel's own on these interfaces.
	addresses, err := exec.Command("ip", "-n", netns, "-br", "address", "show", "dev", "f0-0").CombinedOutput()
	if err != nil || regexp.MustCompile(`\d+\.\d+\.\d+\.\d+|fe80`).Match(addresses) {
		t.Errorf("f0-0 has addresses: %s (%v)", addresses, err)
	}
}

func waitFor(t *testing.T, r interface{ Read([]byte) (int, error) }, what string) {
	t.Helper()
	var text []byte
	buf := make([]byte, 256)
	for !bytes.Contains(text, []byte(what)) {
		n, err := r.Read(buf)
		text = append(text, buf[:n]...)
		if err != nil {
			t.Fatalf("no %q: %s (%v)", what, text, err)
		}
	}
	go func() {
		for {
			if _, err := r.Read(buf); err != nil {
				return
			}
		}
	}()
}

// TestLANs is the tutorial's simple2: three routers on two LANs.
// Promises: 34, 55, 56.
func TestLANs(t *testing.T) {
	text, err := os.ReadFile("../../docs/labs/simple2.net")
	if err != nil {
		t.Fatal(err)
	}
	lab := regexp.MustCompile(`(?m)^(\s*)image = .*$`).ReplaceAllString(string(text), "${1}image = builtin")
	// Free ports instead of the tutorial's, which may be in use.
	ports := freePorts(t, 3)
	for i, p := range ports {
		lab = strings.Replace(lab, fmt.Sprintf("console = %d", 2001+i), fmt.Sprintf("console = %d", p), 1)
	}
	d := testlab.Start(t)
	d.MustWriteLab("simple2", lab)
	names := []string{"Zapp", "Leela", "Kif"}
	consoles := make([]*console.Console, 3)
	for i, n := range names {
		consoles[i] = d.Console("simple2", n)
		address(t, consoles[i], n, "f0/0", fmt.Sprintf("10.0.0.%d", i+1))
		address(t, consoles[i], n, "f1/0", fmt.Sprintf("10.0.1.%d", i+1))
	}
	for i, c := range consoles {
		for j := range names {
			if i != j {
				ping(t, c, fmt.Sprintf("10.0.0.%d", j+1))
				ping(t, c, fmt.Sprintf("10.0.1.%d", j+1))
			}
		}
	}
	// The console of the lab file's port, several clients at once.
	var clients []*console.Console
	for range 3 {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", ports[0]))
		if err != nil {
			t.Fatal(err)
		}
		c := console.New(conn, conn)
		defer c.Close()
		clients = append(clients, c)
	}
	if err := clients[0].Login(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	if _, err := clients[0].Command("show version", 5*time.Second); err != nil {
		t.Fatal(err)
	}
	for i, c := range clients[1:] {
		if _, err := c.Expect(regexp.MustCompile(`show version`), 5*time.Second); err != nil {
			t.Errorf("client %d does not see what another types: %v", i+2, err)
		}
	}
}

func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// A client that stops reading never stalls the router.
func TestStalledConsoleClient(t *testing.T) {
	port := freePorts(t, 1)[0]
	d := testlab.Start(t)
	d.MustWriteLab("one", fmt.Sprintf("[localhost]\n[[ROUTER R1]]\nram = 64\nconsole = %d\n", port))
	c := d.Console("one", "R1")
	stalled, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer stalled.Close()
	if err := stalled.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		if _, err := c.Command("show running-config", 10*time.Second); err != nil {
			t.Fatalf("after %d listings: %v", i, err)
		}
	}
}

func TestBadLabFile(t *testing.T) {
	d := testlab.Start(t)
	d.MustWriteLab("lab", simple1)
	r1 := d.Console("lab", "R1")
	d.WaitState("lab", "R1", "running")
	pid := d.NodePID("lab", "R1")

	bad := strings.Replace(simple1, "ram = 64", "ram = lots\n    bogus = 1", 1) + "    s9/0 = R1 s1/1\n"
	err := d.WriteLab("lab", bad)
	if !errors.Is(err, syscall.EINVAL) {
		t.Errorf("writing a lab file with errors: %v, want EINVAL from its close", err)
	}
	result := d.Read("labs", "lab", "result")
	for _, want := range []string{`lab.net:5:`, `lab.net:10:`} {
		if !strings.Contains(result, want) {
			t.Errorf("result names no error at %s:\n%s", want, result)
		}
	}
	if d.NodePID("lab", "R1") != pid || d.Read("labs", "lab", "R1", "state") != "running" {
		t.Error("the running router was touched by a lab file with errors")
	}
	if _, err := r1.Command("show version", 5*time.Second); err != nil {
		t.Error(err)
	}
	// The text is kept, so that the user can mend it.
	if got := d.Read("labs", "lab.net"); got != strings.TrimSpace(bad) {
		t.Errorf("the refused text is not kept:\n%s", got)
	}

	// A new lab with an error starts nothing.
	if err := d.WriteLab("fresh", "[localhost]\n[[ROUTER R1]]\nnpe = npe-401\n"); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("writing a new lab file with an error: %v, want EINVAL", err)
	}
	result = d.Read("labs", "fresh", "result")
	if !strings.Contains(result, "fresh.net:3:") || !strings.Contains(result, "npe-400") {
		t.Errorf("result should name line 3 and what is accepted:\n%s", result)
	}
}

// Images that cannot be run leave their router stopped, with the reason; the
// others start.
func TestBadImages(t *testing.T) {
	d := testlab.Start(t)
	dir := t.TempDir()
	good, err := os.ReadFile("../../vm/firmware/router.elf")
	if err != nil {
		t.Fatal(err)
	}
	patch := func(at int, b byte) []byte {
		img := bytes.Clone(good)
		img[at] = b
		return img
	}
	images := map[string]struct {
		content []byte
		reason  string
	}{
		"missing":   {nil, "missing"},
		"truncated": {good[:len(good)/3], "truncated|ends"},
		"notelf":    {[]byte(strings.Repeat("this is not an image\n", 100)), "ELF"},
		"little":    {patch(5, 1), "little-endian"},
		"x86":       {patch(19, 62), "another CPU|processor|machine"},
	}
	var lab strings.Builder
	lab.WriteString("[localhost]\n[[7200]]\nram = 64\n[[ROUTER good]]\n")
	for name, img := range images {
		path := filepath.Join(dir, name+".image")
		if img.content != nil {
			if err := os.WriteFile(path, img.content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		fmt.Fprintf(&lab, "[[ROUTER %s]]\nimage = %s\n", name, path)
	}
	d.MustWriteLab("images", lab.String())
	d.WaitState("images", "good", "running")
	result := d.Read("labs", "images", "result")
	for name, img := range images {
		if got := d.Read("labs", "images", name, "state"); got != "stopped" {
			t.Errorf("%s: state %q, want stopped", name, got)
		}
		why := d.Read("labs", "images", name, "errors")
		if !regexp.MustCompile(img.reason).MatchString(why) {
			t.Errorf("%s: errors says %q, want something of %q", name, why, img.reason)
		}
		if !strings.Contains(result, name) {
			t.Errorf("result does not mention %s:\n%s", name, result)
		}
		if err := d.Write("start", "labs", "images", name, "ctl"); err == nil {
			t.Errorf("%s: starting it succeeded", name)
		}
	}
}

// Promise: 24.
func TestConfigSurvivesCrashOfTheNode(t *testing.T) {
	d := testlab.Start(t)
	d.MustWriteLab("simple1", simple1)
	r1, r2 := d.Console("simple1", "R1"), d.Console("simple1", "R2")
	address(t, r1, "Alpha", "s1/0", "10.0.0.1")
	address(t, r2, "Beta", "s1/0", "10.0.0.2")
	ping(t, r1, "10.0.0.2")
	if out, err := r1.Command("write memory", 10*time.Second); err != nil || !strings.Contains(out, "OK") {
		t.Fatalf("write memory: %q, %v", out, err)
	}
	// Saved is what the router's storage holds, a quarter of a second later at most.
	d.Wait(10*time.Second, "the configuration in R1's storage", func() bool {
		stored, err := os.ReadFile(filepath.Join(d.State, "labs", "simple1", "R1", "nvram.store"))
		return err == nil && bytes.Contains(stored, []byte("hostname Alpha"))
	})
	if got := d.Read("labs", "simple1", "R1", "startup-config"); !strings.Contains(got, "hostname Alpha") {
		t.Errorf("the tree shows as startup-config:\n%s", got)
	}

	d.WaitState("simple1", "R2", "running")
	pid2 := d.NodePID("simple1", "R2")
	if err := syscall.Kill(d.NodePID("simple1", "R1"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	d.WaitState("simple1", "R1", "crashed")
	if d.Read("labs", "simple1", "R2", "state") != "running" || d.NodePID("simple1", "R2") != pid2 {
		t.Error("R2 noticed that R1 was killed")
	}
	if got := d.Read("labs", "simple1", "R1", "startup-config"); !strings.Contains(got, "hostname Alpha") {
		t.Errorf("NVRAM of the killed router holds:\n%s", got)
	}
	if err := d.Write("start", "labs", "simple1", "R1", "ctl"); err != nil {
		t.Fatal(err)
	}
	r1 = d.Console("simple1", "R1")
	if out, err := r1.Command("show running-config", 5*time.Second); err != nil || !strings.Contains(out, "hostname Alpha") {
		t.Errorf("R1 did not come back with its configuration: %v\n%s", err, out)
	}
	ping(t, r1, "10.0.0.2")
	ping(t, r2, "10.0.0.1")
}

// reload restarts a router with what it saved, and the wire stays.
// Promise: 41.
func TestReload(t *testing.T) {
	d := testlab.Start(t)
	d.MustWriteLab("simple1", simple1)
	r1, r2 := d.Console("simple1", "R1"), d.Console("simple1", "R2")
	address(t, r1, "R1", "s1/0", "10.0.0.1")
	address(t, r2, "R2", "s1/0", "10.0.0.2")
	if _, err := r1.Command("write memory", 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if err := r1.Send("reload\r"); err != nil {
		t.Fatal(err)
	}
	if _, err := r1.Expect(regexp.MustCompile(`confirm`), 5*time.Second); err != nil {
		t.Fatal(err)
	}
	if err := r1.Send("\r"); err != nil {
		t.Fatal(err)
	}
	if _, err := r1.Expect(regexp.MustCompile(`Launching IOS image`), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if err := r1.Login(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	ping(t, r1, "10.0.0.2")
	// The same from the tree.
	if err := os.Chtimes(d.Path("labs", "simple1", "R2", "reload"), time.Now(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := r2.Expect(regexp.MustCompile(`Launching IOS image`), 10*time.Second); err != nil {
		t.Fatal(err)
	}
}

// Pings going on between two routers lose nothing when the daemon is killed,
// and the next daemon takes over what runs.
func TestDaemonKilledAndAdopted(t *testing.T) {
	d := testlab.Start(t)
	d.MustWriteLab("simple1", strings.Replace(simple1, "s1/0 = R2 s1/0", "s1/0 = R2 s1/0\n    f0/0 = R2 f0/0", 1))
	r1, r2 := d.Console("simple1", "R1"), d.Console("simple1", "R2")
	for _, port := range []struct{ name, net string }{{"s1/0", "10.0.0"}, {"f0/0", "10.1.0"}} {
		address(t, r1, "R1", port.name, port.net+".1")
		address(t, r2, "R2", port.name, port.net+".2")
		ping(t, r1, port.net+".2")
	}
	pids := []int{d.NodePID("simple1", "R1"), d.NodePID("simple1", "R2")}
	before := d.Read("labs", "simple1", "R1", "ports", "f0-0", "mac")

	// The routers ping each other through the tree's console of R1, which ends
	// with the daemon: the pings go on, and their outcome is read afterwards
	// from the router's own history of its console.
	if err := r1.Send("ping 10.0.0.2 repeat 3000\r"); err != nil {
		t.Fatal(err)
	}
	if err := r2.Send("ping 10.1.0.1 repeat 3000\r"); err != nil {
		t.Fatal(err)
	}
	d.Kill()
	d.Run()
	for i, name := range []string{"R1", "R2"} {
		d.WaitState("simple1", name, "running")
		if got := d.NodePID("simple1", name); got != pids[i] {
			t.Errorf("%s is process %d, was %d", name, got, pids[i])
		}
		d.Wait(60*time.Second, name+"'s pings to end", func() bool {
			text, _ := os.ReadFile(d.Path("labs", "simple1", name, "console.log"))
			return bytes.Contains(text, []byte("/3000)"))
		})
		text := d.Read("labs", "simple1", name, "console.log")
		if !strings.Contains(text, "Success rate is 100 percent (3000/3000)") {
			t.Errorf("%s lost pings while the daemon was killed:\n%s", name, text[max(0, len(text)-600):])
		}
	}
	if got := d.Read("labs", "simple1", "R1", "ports", "f0-0", "mac"); got != before {
		t.Errorf("R1's f0-0 was made anew: MAC %s, was %s", got, before)
	}
	// What was adopted is managed as before.
	if err := d.Write("stop", "labs", "simple1", "R2", "ctl"); err != nil {
		t.Fatal(err)
	}
	d.WaitState("simple1", "R2", "stopped")
	if err := d.Write("start", "labs", "simple1", "R2", "ctl"); err != nil {
		t.Fatal(err)
	}
	r1, r2 = d.Console("simple1", "R1"), d.Console("simple1", "R2")
	address(t, r2, "R2", "s1/0", "10.0.0.2")
	address(t, r2, "R2", "f0/0", "10.1.0.2")
	ping(t, r1, "10.0.0.2")
	ping(t, r1, "10.1.0.2")
}

// A lab is edited while it runs: what did not change is not touched, a moved
// link is rewired under running routers.
func TestLiveEdit(t *testing.T) {
	d := testlab.Start(t)
	lab := `[localhost]
[[7200]]
ram = 64
[[ROUTER R1]]
s1/0 = R2 s1/0
slot2 = PA-FE-TX
[[ROUTER R2]]
slot2 = PA-FE-TX
`
	d.MustWriteLab("edit", lab)
	r1, r2 := d.Console("edit", "R1"), d.Console("edit", "R2")
	address(t, r1, "R1", "s1/0", "10.0.0.1")
	address(t, r2, "R2", "s1/1", "10.0.0.2")
	if got, _, err := r1.Ping("10.0.0.2", 30*time.Second); err != nil || got != 0 {
		t.Fatalf("%d pings arrived over a link that is not there (%v)", got, err)
	}
	pids := []int{d.NodePID("edit", "R1"), d.NodePID("edit", "R2")}

	lab = strings.Replace(lab, "R2 s1/0", "R2 s1/1", 1)
	d.MustWriteLab("edit", lab)
	ping(t, r1, "10.0.0.2")

	// An Ethernet link and a third router, added under the running ones.
	lab = strings.Replace(lab, "R2 s1/1\n", "R2 s1/1\nf2/0 = R2 f2/0\n", 1) + "[[ROUTER R3]]\ns1/0 = R1 s1/3\n"
	d.MustWriteLab("edit", lab)
	address(t, r1, "R1", "f2/0", "10.2.0.1")
	address(t, r2, "R2", "f2/0", "10.2.0.2")
	ping(t, r1, "10.2.0.2")
	r3 := d.Console("edit", "R3")
	address(t, r3, "R3", "s1/0", "10.3.0.3")
	address(t, r1, "R1", "s1/3", "10.3.0.1")
	ping(t, r3, "10.3.0.1")

	// The third goes again, with its namespace.
	lab = lab[:strings.Index(lab, "[[ROUTER R3]]")]
	d.MustWriteLab("edit", lab)
	d.Wait(10*time.Second, "R3 to go", func() bool {
		_, err := os.Stat(d.Path("labs", "edit", "R3"))
		return errors.Is(err, os.ErrNotExist)
	})
	d.Wait(10*time.Second, "R3's namespace to go", func() bool {
		_, err := os.Stat("/run/netns/" + d.Prefix + "-edit-R3")
		return errors.Is(err, os.ErrNotExist)
	})
	ping(t, r1, "10.2.0.2")
	for i, name := range []string{"R1", "R2"} {
		if d.NodePID("edit", name) != pids[i] {
			t.Errorf("%s was restarted by edits that did not concern it", name)
		}
	}

	// Removing the file removes the lab.
	if err := os.Remove(d.Path("labs", "edit.net")); err != nil {
		t.Fatal(err)
	}
	d.Wait(10*time.Second, "the lab to go", func() bool {
		_, err := os.Stat(d.Path("labs", "edit"))
		return errors.Is(err, os.ErrNotExist)
	})
	if left, _ := filepath.Glob("/run/netns/" + d.Prefix + "-edit-*"); len(left) > 0 {
		t.Errorf("namespaces of a removed lab: %v", left)
	}
}

// startup-config is a file: what is written to it is what the router boots with.
func TestStartupConfigFile(t *testing.T) {
	d := testlab.Start(t)
	d.MustWriteLab("cfg", "autostart = false\n[localhost]\n[[ROUTER R1]]\nram = 64\n")
	if got := d.Read("labs", "cfg", "R1", "state"); got != "stopped" {
		t.Fatalf("state is %q with autostart = false", got)
	}
	config := "hostname FromFile\n!\ninterface FastEthernet0/0\n ip address 10.9.0.1 255.255.255.0\n no shutdown\n!\nend\n"
	if err := os.WriteFile(d.Path("labs", "cfg", "R1", "startup-config"), []byte(config), 0o640); err != nil {
		t.Fatal(err)
	}
	if got := d.Read("labs", "cfg", "R1", "startup-config"); got != strings.TrimSpace(config) {
		t.Errorf("startup-config reads back as:\n%s", got)
	}
	if err := d.Write("start", "labs", "cfg", "R1", "ctl"); err != nil {
		t.Fatal(err)
	}
	c := d.Console("cfg", "R1")
	out, err := c.Command("show running-config", 5*time.Second)
	if err != nil || !strings.Contains(out, "hostname FromFile") || !strings.Contains(out, "10.9.0.1") {
		t.Errorf("the router did not boot with it (%v):\n%s", err, out)
	}
}

// A node has no privilege.
func TestNodeIsConfined(t *testing.T) {
	d := testlab.Start(t)
	d.MustWriteLab("one", "[localhost]\n[[ROUTER R1]]\nram = 64\n")
	d.WaitState("one", "R1", "running")
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.NodePID("one", "R1")))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`CapEff:\s+0+\n`, `CapBnd:\s+0+\n`, `NoNewPrivs:\s+1\n`, `Seccomp:\s+2\n`, `Uid:\s+[1-9]`} {
		if !regexp.MustCompile(want).Match(status) {
			t.Errorf("no %q in the node's status:\n%s", want, status)
		}
	}
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", d.NodePID("one", "R1")))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(maps, []byte("rwx")) {
		t.Error("memory of the node is writable and executable")
	}
}

// Suspending stops a router's time; a control file refuses what makes no sense
// and says why.
// Promise: 43.
func TestControlFiles(t *testing.T) {
	d := testlab.Start(t)
	d.MustWriteLab("one", "[localhost]\n[[ROUTER R1]]\nram = 64\n")
	c := d.Console("one", "R1")
	if err := d.Write("suspend", "labs", "one", "R1", "ctl"); err != nil {
		t.Fatal(err)
	}
	d.WaitState("one", "R1", "suspended")
	if _, err := c.Command("show version", 300*time.Millisecond); err == nil {
		t.Error("a suspended router answers")
	}
	if err := d.Write("resume", "labs", "one", "R1", "ctl"); err != nil {
		t.Fatal(err)
	}
	d.WaitState("one", "R1", "running")
	if err := c.Login(5 * time.Second); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"frobnicate", "start now"} {
		if err := d.Write(bad, "labs", "one", "R1", "ctl"); err == nil {
			t.Errorf("%q was accepted", bad)
		}
		if why := d.Read("labs", "one", "R1", "errors"); why == "" || strings.Contains(why, "\n") {
			t.Errorf("%q: errors holds %q, want one line", bad, why)
		}
	}
	if got := d.Read("labs", "one", "R1", "ctl"); !strings.Contains(got, "start") || !strings.Contains(got, "suspend") {
		t.Errorf("ctl does not print its commands:\n%s", got)
	}
	if err := d.Write("stop", "labs", "one", "ctl"); err != nil {
		t.Fatal(err)
	}
	d.WaitState("one", "R1", "stopped")
	if err := d.Write("suspend", "labs", "one", "R1", "ctl"); err == nil {
		t.Error("a stopped router was suspended")
	}
	if why := d.Read("labs", "one", "R1", "errors"); !strings.Contains(why, "R1") {
		t.Errorf("errors holds %q, want a line that names R1", why)
	}
}
