package wires

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"dynemu/tests/console"
	"dynemu/tests/testlab"
)

// machine is a computer of its own as far as the network goes, with a daemon.
type machine struct {
	*space
	*testlab.Daemon
}

func newMachine(t testing.TB) *machine {
	t.Helper()
	s := newSpace(t)
	return &machine{s, testlab.StartWhere(t, s.try)}
}

// output runs a program in the namespace to its end.
func (s *space) output(name string, args ...string) (string, error) {
	s.t.Helper()
	var out bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	err := s.try(cmd.Start)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		err = fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out.Bytes())
	}
	return out.String(), err
}

// run is output for a command line that must succeed.
func (s *space) run(line string) string {
	s.t.Helper()
	words := strings.Fields(line)
	out, err := s.output(words[0], words[1:]...)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// pings has the namespace's own stack ping an address until echoes come back.
func (s *space) pings(address string) {
	s.t.Helper()
	var err error
	for range 5 {
		if _, err = s.output("ping", "-n", "-c", "2", "-i", "0.05", "-W", "2", address); err == nil {
			return
		}
	}
	s.t.Error(err)
}

// router is the console of a device that runs the bundled image.
type router struct {
	*console.Console
	t    testing.TB
	name string
}

func (m *machine) router(lab, device string) *router {
	m.space.t.Helper()
	r := &router{m.Console(lab, device), m.space.t, lab + "/" + device}
	// What the router tells must not get between what is typed; until then, it may.
	var err error
	for range 5 {
		if err = r.Configure("no logging console"); err == nil {
			return r
		}
	}
	m.space.t.Fatalf("%s: %v", r.name, err)
	return nil
}

func (r *router) configure(lines ...string) {
	r.t.Helper()
	if err := r.Configure(lines...); err != nil {
		r.t.Fatalf("%s: %v", r.name, err)
	}
}

// address gives an interface an address with a prefix of 24 bits, and brings it
// up.
func (r *router) address(ifname, ip string, more ...string) {
	r.t.Helper()
	r.configure(append(append([]string{"interface " + ifname, "ip address " + ip + " 255.255.255.0"}, more...), "no shutdown")...)
}

func (r *router) shows(line string, timeout time.Duration) string {
	r.t.Helper()
	out, err := r.Command(line, timeout)
	if err != nil {
		r.t.Fatalf("%s: %v", r.name, err)
	}
	return out
}

// pings pings until all echoes come back: the first get lost while links and
// addresses are found.
func (r *router) pings(to string) {
	r.t.Helper()
	var got, sent int
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		var err error
		if got, sent, err = r.Ping(to, 30*time.Second); err != nil {
			r.t.Fatalf("%s: %v", r.name, err)
		}
		if got == sent && sent > 0 {
			return
		}
	}
	r.t.Errorf("%s: ping %s: %d of %d came back\n%s", r.name, to, got, sent, r.shows("show ip interface brief", 5*time.Second))
}

// fact is a file of a port.
func (m *machine) fact(lab, device, port, name string) string {
	m.space.t.Helper()
	return m.Read("labs", lab, device, "ports", strings.ReplaceAll(port, "/", "-"), name)
}

// carrier waits until a port shows that it has a carrier, or none, wherever it
// shows: in the tree, and at its TAP.
func (m *machine) carrier(lab, device, port string, up bool) {
	m.space.t.Helper()
	want := "down"
	if up {
		want = "up"
	}
	m.Wait(20*time.Second, fmt.Sprintf("carrier %s at %s %s", want, device, port), func() bool {
		return m.fact(lab, device, port, "carrier") == want
	})
	ifname, err := os.ReadFile(m.Path("labs", lab, device, "ports", strings.ReplaceAll(port, "/", "-"), "ifname"))
	if err != nil {
		return
	}
	m.Wait(5*time.Second, fmt.Sprintf("carrier %s at the interface of %s %s", want, device, port), func() bool {
		out := m.run("ip -d -n " + m.fact(lab, device, port, "netns") + " link show dev " + strings.TrimSpace(string(ifname)))
		return strings.Contains(out, "LOWER_UP") == up || !strings.Contains(out, "tun type tap")
	})
}

// counter is a line of a port's stats, zero where it is not there.
func (m *machine) counter(lab, device, port, name string) (n uint64) {
	m.space.t.Helper()
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\d+)$`).FindStringSubmatch(m.fact(lab, device, port, "stats"))
	if found != nil {
		_, _ = fmt.Sscan(found[1], &n)
	}
	return n
}
