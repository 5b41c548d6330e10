package peer

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"dynemu/tests/console"
	"dynemu/vm/firmware"
)

// TestFirmwareOIR moves cards in a running router on Dynamips, whose guest is the
// bundled image, and talks over them with a router on dynemu: the events are
// the same for a guest on both.
func TestFirmwareOIR(t *testing.T) {
	debian, dynemu := Debian(t), Dynemu(t)
	dir := t.TempDir()
	image := filepath.Join(dir, "router.elf")
	if err := os.WriteFile(image, firmware.Router(), 0o600); err != nil {
		t.Fatal(err)
	}
	udp, port := UDPPorts(t, 4), TCPPort(t)
	other := boot(t, dynemu, "R2", t.TempDir(), 2, []string{"3:PA-FE-TX", "4:PA-4T+"},
		"-s", fmt.Sprintf("3:0:udp:%d:127.0.0.1:%d", udp[1], udp[0]), "-s", fmt.Sprintf("4:0:udp:%d:127.0.0.1:%d", udp[3], udp[2]))
	other.configure("hostname R2", "interface f3/0", "ip address 10.3.0.2 255.255.255.0", "no shutdown",
		"interface s4/0", "ip address 10.4.0.2 255.255.255.0", "no shutdown")

	h := StartManager(t, debian, dir)
	h.Do("vm create R1 1 c7200")
	h.Do("vm set_con_tcp_port R1 %d", port)
	h.Do("vm set_ios R1 %s", image)
	h.Do("vm set_ram R1 128")
	h.Do("vm set_ram_mmap R1 0")
	h.Do("vm set_idle_pc R1 0x%x", firmware.IdlePC())
	h.Do("nio create_udp ether %d 127.0.0.1 %d", udp[0], udp[1])
	h.Do("nio create_udp serial %d 127.0.0.1 %d", udp[2], udp[3])
	h.Do("vm start R1")
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	c := console.New(conn, conn)
	t.Cleanup(c.Close)
	if err := c.Login(30 * time.Second); err != nil {
		t.Fatal(err)
	}
	run := func(line string) string {
		t.Helper()
		out, err := c.Command(line, 20*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	shows := func(line, re string, want bool) {
		t.Helper()
		out := ""
		for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
			if out = run(line); regexp.MustCompile(re).MatchString(out) == want {
				return
			}
		}
		t.Fatalf("%s: matches %s is %v:\n%s", line, re, !want, out)
	}
	insert := func(slot int, card, nio string) {
		t.Helper()
		h.Do("vm slot_add_binding R1 %d 0 %s", slot, card)
		h.Do("vm slot_add_nio_binding R1 %d 0 %s", slot, nio)
		h.Do("vm slot_oir_start R1 %d 0", slot)
		shows("show diag", regexp.QuoteMeta(fmt.Sprintf("Slot %d: %s,", slot, card)), true)
	}
	remove := func(slot int, card string) {
		t.Helper()
		h.Do("vm slot_oir_stop R1 %d 0", slot)
		shows("show diag", regexp.QuoteMeta(card), false)
		h.Do("vm slot_remove_nio_binding R1 %d 0", slot)
		h.Do("vm slot_remove_binding R1 %d 0", slot)
	}
	ping := func(to string) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); ; {
			got, sent, err := c.Ping(to, 30*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			if got == sent {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("ping %s: %d of %d", to, got, sent)
			}
		}
	}
	insert(3, "PA-FE-TX", "ether")
	if err := c.Configure("hostname R1", "interface f3/0", "ip address 10.3.0.1 255.255.255.0", "no shutdown"); err != nil {
		t.Fatal(err)
	}
	ping("10.3.0.2")
	insert(4, "PA-8T", "serial")
	if err := c.Configure("interface s4/0", "ip address 10.4.0.1 255.255.255.0", "no shutdown"); err != nil {
		t.Fatal(err)
	}
	ping("10.4.0.2")
	remove(3, "PA-FE-TX")
	shows("show ip interface brief", "FastEthernet3/0", false)
	ping("10.4.0.2")
	insert(3, "PA-FE-TX", "ether")
	ping("10.3.0.2")
}
