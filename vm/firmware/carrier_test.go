package firmware_test

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	expect "dynemu/tests/console"
	"dynemu/vm"
	"dynemu/vm/console"
	"dynemu/vm/firmware"
	"dynemu/vm/wire"
)

// router is a machine that runs the image, with its console.
type router struct {
	*expect.Console
	t    *testing.T
	name string
	m    *vm.Machine
}

// keyboard types on a console.
type keyboard struct{ *console.Console }

func (k keyboard) Write(p []byte) (int, error) { return k.Type(context.Background(), p) }

func boot(t *testing.T, name string, instance int, slots []string) *router {
	t.Helper()
	con := console.New()
	m, err := vm.New(vm.Config{
		Name: name, Instance: instance, Platform: "c7200", NPE: "npe-400", RAM: 128, NVRAM: 128, ConfReg: 0x2102,
		IdlePC: firmware.IdlePC(), Slots: slots,
	}, vm.Host{Image: firmware.Router(), Console: con, AUX: console.New()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Stop)
	r := &router{expect.New(con.Subscribe(true), keyboard{con}), t, name, m}
	t.Cleanup(r.Close)
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Expect(regexp.MustCompile(`Press RETURN to get started!`), time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := r.Login(time.Minute); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *router) configure(lines ...string) {
	r.t.Helper()
	if err := r.Configure(lines...); err != nil {
		r.t.Fatalf("%s: %v", r.name, err)
	}
}

func (r *router) run(line string) string {
	r.t.Helper()
	out, err := r.Command(line, time.Minute)
	if err != nil {
		r.t.Fatalf("%s: %s: %v", r.name, line, err)
	}
	return out
}

func (r *router) port(slot, n int) *wire.Port {
	r.t.Helper()
	p, err := r.m.Port(slot, n)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// eventually waits until ok reports true.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// shows waits until the output of a command matches.
func (r *router) shows(line, want string) {
	r.t.Helper()
	re, out := regexp.MustCompile(`(?m)`+want), ""
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if out = r.run(line); re.MatchString(out) {
			return
		}
		if time.Now().After(end) {
			r.t.Fatalf("%s: %q shows no %q:\n%s", r.name, line, want, out)
		}
	}
}

// logs waits until the log's messages about an interface end with want, without
// their times.
func (r *router) logs(ifname, want string) {
	r.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		got := ""
		for line := range strings.Lines(r.run("show logging")) {
			if _, message, ok := strings.Cut(line, ": %"); ok && strings.Contains(message, ifname+",") {
				got += "%" + message
			}
		}
		if strings.HasSuffix(got, want) {
			return
		}
		if time.Now().After(end) {
			r.t.Fatalf("%s has logged\n%swhich does not end with\n%s", r.name, got, want)
		}
	}
}

// cable is a link between the same port of two routers. A port has a signal while
// both ports are in use and the link is not cut.
type cable struct {
	a, b *wire.Port

	mu  sync.Mutex
	cut bool
}

func join(t *testing.T, a, b *router, slot, n int) *cable {
	t.Helper()
	c := &cable{a: a.port(slot, n), b: b.port(slot, n)}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range []*wire.Port{c.a, c.b} {
		w, err := wire.NewPipe(os.NewFile(uintptr(fds[i]), "pipe"))
		if err != nil {
			t.Fatal(err)
		}
		p.OnEnabled(func(bool) { c.settle() })
		p.Plug(w)
	}
	c.settle()
	return c
}

func (c *cable) settle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	up := c.a.Enabled() && c.b.Enabled() && !c.cut
	c.a.SetLink(up)
	c.b.SetLink(up)
}

func (c *cable) setCut(cut bool) {
	c.mu.Lock()
	c.cut = cut
	c.mu.Unlock()
	c.settle()
}

// TestCarrier has two routers see what happens at the other end of their cables, on
// the cards whose hardware tells of a carrier.
func TestCarrier(t *testing.T) {
	slots := []string{"C7200-IO-FE", "PA-2FE-TX", "PA-4E", "PA-8T", "PA-GE", "PA-POS-OC3", "PA-A1"}
	r1, r2 := boot(t, "R1", 1, slots), boot(t, "R2", 2, slots)
	pass := func(t *testing.T, ifname string, n int, c *cable) {
		r1.t, r2.t = t, t
		network := func(host int) string { return fmt.Sprintf("10.%d.0.%d", n, host) }
		config := func(host int) []string {
			return []string{"interface " + ifname, "ip address " + network(host) + " 255.255.255.0", "no shutdown"}
		}
		connected := fmt.Sprintf(`^C +10\.%d\.0\.0.* is directly connected, %s`, n, ifname)
		static := fmt.Sprintf(`^S +10\.%d\.1\.0.* via 10\.%d\.0\.2`, n, n)
		direct := fmt.Sprintf(`^S +10\.%d\.2\.0.* is directly connected, %s`, n, ifname)
		up := func(when string) {
			t.Helper()
			r1.shows("show interfaces "+ifname, ifname+` is up, line protocol is up`)
			r2.shows("show interfaces "+ifname, ifname+` is up, line protocol is up`)
			r1.shows("show ip interface brief", ifname+` .* up +up`)
			for _, route := range []string{connected, static, direct} {
				r1.shows("show ip route", route)
			}
			if got, sent, err := r1.Ping(network(2), time.Minute); err != nil || got == 0 {
				t.Errorf("%s: ping: %d of %d, %v", when, got, sent, err)
			}
		}
		// The last messages about the interface tell what has happened last.
		logged := func(r *router, states ...string) {
			t.Helper()
			want := ""
			for _, s := range states {
				want += map[string]string{
					"admin": "%LINK-5-CHANGED: Interface " + ifname + ", changed state to administratively down\n",
					"down":  "%LINK-3-UPDOWN: Interface " + ifname + ", changed state to down\n",
					"up":    "%LINK-3-UPDOWN: Interface " + ifname + ", changed state to up\n",
					"lost":  "%LINEPROTO-5-UPDOWN: Line protocol on Interface " + ifname + ", changed state to down\n",
					"proto": "%LINEPROTO-5-UPDOWN: Line protocol on Interface " + ifname + ", changed state to up\n",
				}[s]
			}
			r.logs(ifname, want)
		}
		down := func() {
			t.Helper()
			r1.shows("show interfaces "+ifname, ifname+` is down, line protocol is down`)
			r1.shows("show ip interface brief", ifname+` .* down +down`)
			if out := r1.run("show ip route"); strings.Contains(out, fmt.Sprintf("10.%d.", n)) {
				t.Errorf("routes without a carrier:\n%s", out)
			}
			if got, _, err := r1.Ping(network(2)+" repeat 1 timeout 1", time.Minute); err != nil || got != 0 {
				t.Errorf("ping without a carrier: %d came back, %v", got, err)
			}
		}
		r1.configure(append(config(1), fmt.Sprintf("ip route 10.%d.1.0 255.255.255.0 %s", n, network(2)),
			fmt.Sprintf("ip route 10.%d.2.0 255.255.255.0 %s", n, ifname))...)
		r2.configure(config(2)...)
		up("first")

		r2.configure("interface "+ifname, "shutdown")
		logged(r1, "down", "lost")
		logged(r2, "admin", "lost")
		down()
		r2.shows("show interfaces "+ifname, ifname+` is administratively down, line protocol is down`)
		if !c.a.Enabled() || c.b.Enabled() {
			t.Errorf("R1's port is enabled %v, R2's %v", c.a.Enabled(), c.b.Enabled())
		}
		r2.configure("interface "+ifname, "no shutdown")
		logged(r1, "up", "proto")
		logged(r2, "up", "proto")
		up("after no shutdown")

		c.setCut(true)
		logged(r1, "down", "lost")
		logged(r2, "down", "lost")
		down()
		c.setCut(false)
		logged(r1, "up", "proto")
		up("after the link was mended")

		r1.configure("interface "+ifname, "shutdown")
		eventually(t, "R1's port is shut", func() bool { return !c.a.Enabled() })
		r2.configure("interface "+ifname, "shutdown")
		eventually(t, "R2's port is shut", func() bool { return !c.b.Enabled() })
		r1.configure("interface "+ifname, "no shutdown")
		// Which waits for a carrier before it complains.
		logged(r1, "down")
		down()
		r2.configure("interface "+ifname, "no shutdown")
		up("after both were shut")
		out := r2.run("show logging")
		if strings.Contains(out[strings.LastIndex(out, "administratively"):], "%LINK-3-UPDOWN: Interface "+ifname+", changed state to down") {
			t.Errorf("the other end was up, and still a line that had just been started was said to be down:\n%s", out)
		}

		// A loss that is over when the guest looks.
		if !strings.HasPrefix(ifname, "Serial") {
			c.setCut(true)
			time.Sleep(10 * time.Millisecond)
			c.setCut(false)
			logged(r1, "down", "lost", "up", "proto")
			up("after a short loss")
		}
		r1.configure("interface "+ifname, "shutdown")
		r2.configure("interface "+ifname, "shutdown")
	}
	for n, c := range []struct {
		ifname     string
		slot, port int
	}{
		{"FastEthernet0/0", 0, 0},
		{"FastEthernet1/1", 1, 1},
		{"Ethernet2/3", 2, 3},
		{"Serial3/5", 3, 5},
		{"GigabitEthernet4/0", 4, 0},
	} {
		link := join(t, r1, r2, c.slot, c.port)
		t.Run(c.ifname, func(t *testing.T) { pass(t, c.ifname, n+1, link) })
	}
	r1.t, r2.t = t, t

	// Cards that cannot tell their guest still tell the other end.
	for _, c := range []struct {
		ifname string
		slot   int
	}{{"POS5/0", 5}, {"ATM6/0", 6}} {
		p := r2.port(c.slot, 0)
		for range 2 {
			r2.configure("interface "+c.ifname, "no shutdown")
			eventually(t, c.ifname+" is in use", p.Enabled)
			r2.configure("interface "+c.ifname, "shutdown")
			eventually(t, c.ifname+" is shut", func() bool { return !p.Enabled() })
		}
	}
	// Ports that were never configured.
	for _, n := range []int{0, 7} {
		p := r2.port(3, n)
		eventually(t, fmt.Sprintf("Serial3/%d counts as shut", n), func() bool { return !p.Enabled() })
	}
	p := r2.port(1, 1)
	r2.m.Reset()
	if !p.Enabled() {
		t.Error("a port is shut after a reset")
	}
	eventually(t, "the port is shut again", func() bool { return !p.Enabled() })
}
