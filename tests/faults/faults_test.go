// Package faults tests what goes wrong around a daemon: disks that are full or
// read-only, and kills at any moment.
package faults

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"dynemu/tests/console"
	"dynemu/tests/testlab"
)

const one = "[localhost]\n[[ROUTER R1]]\nram = 64\ndisk0 = 0\n"

// onSmallDisk runs a daemon whose state directory is a file system of so many KiB.
func onSmallDisk(t *testing.T, kib int) *testlab.Daemon {
	t.Helper()
	d := testlab.Start(t)
	d.Stop()
	if err := syscall.Mount("tmpfs", d.State, "tmpfs", 0, fmt.Sprintf("size=%dk", kib)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.Stop()
		if err := syscall.Unmount(d.State, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	d.Run()
	return d
}

// fill takes the space that is left, and returns the file that has it.
func fill(t *testing.T, d *testlab.Daemon) string {
	t.Helper()
	path := filepath.Join(d.State, "ballast")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for {
		if _, err := f.Write(make([]byte, 4096)); errors.Is(err, syscall.ENOSPC) {
			return path
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func save(t *testing.T, c *console.Console, hostname string) {
	t.Helper()
	if err := c.Configure("hostname " + hostname); err != nil {
		t.Fatal(err)
	}
	if out, err := c.Command("write memory", 10*time.Second); err != nil || !strings.Contains(out, "[OK]") {
		t.Fatalf("write memory: %v, %s", err, out)
	}
}

// On a full disk a running router goes on, what it saves is tried again until
// there is room, and what a user writes is refused and changes nothing.
func TestFullDisk(t *testing.T) {
	d := onSmallDisk(t, 2048)
	d.MustWriteLab("full", one)
	r1 := d.Console("full", "R1")
	d.WaitState("full", "R1", "running")
	pid := d.NodePID("full", "R1")
	ballast := fill(t, d)

	// No room for a second router, nor for a longer text.
	before := d.Read("labs", "full.net")
	err := d.WriteLab("full", one+"[[ROUTER R2]]\n# "+strings.Repeat("long ", 2000)+"\n")
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("writing a lab file on a full disk: %v", err)
	}
	if got := d.Read("labs", "full", "result"); !strings.Contains(got, "full.net:1:1: cannot be applied: ") || !strings.Contains(got, "no space left on device") {
		t.Errorf("result: %s", got)
	}
	if status := d.Read("labs", "full", "status"); strings.Contains(status, "R2") || d.NodePID("full", "R1") != pid {
		t.Errorf("a text that could not be stored was applied:\n%s", status)
	}
	save(t, r1, "Kept")
	log := func() string {
		b, err := os.ReadFile(filepath.Join(d.State, "labs", "full", "R1", "log"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	// The log itself has no room; what was in it is still there.
	if !strings.Contains(log(), "R1 of lab full started") {
		t.Errorf("log:\n%s", log())
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	stored := func() bool {
		b, _ := os.ReadFile(filepath.Join(d.State, "labs", "full", "R1", "nvram.store"))
		return strings.Contains(string(b), "hostname Kept")
	}
	d.Wait(20*time.Second, "the NVRAM to be saved once there is room", stored)
	d.MustWriteLab("full", before+"\n[[ROUTER R2]]\nram = 64\ndisk0 = 0\n")
	d.WaitState("full", "R2", "running")
	if d.NodePID("full", "R1") != pid {
		t.Error("R1 was restarted")
	}
}

// A router can be stopped on a full disk, and when there is room again it starts
// with what it had saved.
func TestStopOnFullDisk(t *testing.T) {
	d := onSmallDisk(t, 2048)
	d.MustWriteLab("full", one)
	r1 := d.Console("full", "R1")
	save(t, r1, "First")
	path := filepath.Join(d.State, "labs", "full", "R1", "nvram.store")
	d.Wait(10*time.Second, "the NVRAM to be saved", func() bool {
		b, _ := os.ReadFile(path)
		return strings.Contains(string(b), "hostname First")
	})
	ballast := fill(t, d)
	// That it should stay stopped cannot be noted, which is said.
	if err := d.Write("stop", "labs", "full", "R1", "ctl"); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("stop: %v", err)
	}
	if state := d.Read("labs", "full", "R1", "state"); state != "stopped" {
		t.Errorf("state is %s", state)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := d.Write("start", "labs", "full", "R1", "ctl"); err != nil {
		t.Fatal(d.Read("labs", "full", "R1", "errors"))
	}
	r1 = d.Console("full", "R1")
	if out, err := r1.Command("show running-config", 5*time.Second); err != nil || !strings.Contains(out, "hostname First") {
		t.Errorf("show running-config: %v\n%s", err, out)
	}
}

// With a read-only state directory the daemon serves the tree, its routers stay
// stopped and say why, and nothing can be changed; writable again, all works.
func TestReadOnlyState(t *testing.T) {
	d := onSmallDisk(t, 4096)
	d.MustWriteLab("ro", one)
	d.WaitState("ro", "R1", "running")
	d.Stop()
	remount := func(flags uintptr) {
		t.Helper()
		if err := syscall.Mount("", d.State, "", syscall.MS_REMOUNT|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	remount(syscall.MS_RDONLY)
	defer remount(0)
	d.Run()
	d.WaitState("ro", "R1", "stopped")
	if err := d.Write("start", "labs", "ro", "R1", "ctl"); !errors.Is(err, syscall.EROFS) && !errors.Is(err, syscall.EINVAL) {
		t.Errorf("start: %v", err)
	}
	if why := d.Read("labs", "ro", "R1", "errors"); !strings.Contains(why, "read-only file system") {
		t.Errorf("errors: %s", why)
	}
	if err := d.WriteLab("ro", one+"[[ROUTER R2]]\n"); !errors.Is(err, syscall.EROFS) {
		t.Errorf("writing a lab file: %v", err)
	}
	if err := d.WriteLab("new", one); !errors.Is(err, syscall.EROFS) {
		t.Errorf("writing a new lab file: %v", err)
	}
	if text := d.Read("labs", "ro", "status"); !strings.Contains(text, "R1") {
		t.Errorf("status:\n%s", text)
	}
	remount(0)
	if err := d.Write("start", "labs", "ro", "R1", "ctl"); err != nil {
		t.Fatal(d.Read("labs", "ro", "R1", "errors"))
	}
	d.WaitState("ro", "R1", "running")
}

// A daemon that is killed at any moment of an apply leaves what the next one
// brings to what is asked; a router whose section did not change is never
// touched.
func TestKillsWhileApplying(t *testing.T) {
	const stay = "[localhost]\n[[7200]]\nram = 64\ndisk0 = 0\n[[ROUTER Stay]]\ns1/0 = Peer s1/0\n[[ROUTER Peer]]\n"
	labs := []string{
		stay + "f2/0 = A f2/0\ns3/0 = A s3/0\n[[ROUTER A]]\n",
		stay + "f2/0 = B f2/1\nf4/0 = LAN 1\n[[ROUTER B]]\nf4/0 = LAN 1\n",
		stay + "[[ROUTER A]]\nslot2 = PA-8E\n[[ROUTER B]]\nslot1 = PA-4T+\n",
	}
	wanted := [][]string{{"A", "Peer", "Stay"}, {"B", "Peer", "Stay"}, {"A", "B", "Peer", "Stay"}}
	slots := [][]string{{"PA-8T", "PA-FE-TX", "PA-8T", ""}, {"PA-8T", "PA-FE-TX", "", "PA-FE-TX"}, {"PA-8T", "", "", ""}}
	d := testlab.Start(t)
	d.MustWriteLab("kill", labs[2])
	for _, name := range wanted[2] {
		d.WaitState("kill", name, "running")
	}
	stayPID := d.NodePID("kill", "Stay")
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for round := range 9 {
		i := round % len(labs)
		d.MustWriteLab("kill", labs[i])
		// The quiet time of 0.2 s, and an apply of about as long.
		time.Sleep(150*time.Millisecond + time.Duration(random.IntN(400))*time.Millisecond)
		d.Kill()
		d.Run()
		for _, name := range wanted[i] {
			d.WaitState("kill", name, "running")
		}
		settled := func() string {
			spaces, _ := filepath.Glob("/run/netns/" + d.Prefix + "-kill-*")
			var names []string
			for _, s := range spaces {
				names = append(names, strings.TrimPrefix(filepath.Base(s), d.Prefix+"-kill-"))
			}
			names = slices.DeleteFunc(names, func(n string) bool { return strings.HasPrefix(n, "LAN") })
			if !slices.Equal(names, wanted[i]) {
				return fmt.Sprintf("namespaces of %q, want %q", names, wanted[i])
			}
			info := d.Read("labs", "kill", "Peer", "info")
			if strings.Contains(info, "at next start") {
				return "Peer waits for a start:\n" + info
			}
			for k, card := range slots[i] {
				if has := strings.Contains(info, fmt.Sprintf("slot %d         %s", k+1, card)); has != (card != "") {
					return fmt.Sprintf("Peer's slot %d should hold %q:\n%s", k+1, card, info)
				}
			}
			out, err := exec.Command("ip", "-n", d.Prefix+"-kill-Peer", "-br", "link").Output()
			if err != nil || strings.Contains(string(out), "f2-0") != (slots[i][1] != "") || strings.Contains(string(out), "f4-0") != (slots[i][3] != "") {
				return fmt.Sprintf("Peer's interfaces: %s %v", out, err)
			}
			return ""
		}
		why := ""
		for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			if why = settled(); why == "" || time.Now().After(deadline) {
				break
			}
		}
		if why != "" {
			t.Fatalf("round %d: %s", round, why)
		}
		if got := d.NodePID("kill", "Stay"); got != stayPID {
			t.Fatalf("round %d: Stay was restarted", round)
		}
	}
	stayC, peer := d.Console("kill", "Stay"), d.Console("kill", "Peer")
	for i, c := range []*console.Console{stayC, peer} {
		if err := c.Configure("interface s1/0", fmt.Sprintf("ip address 10.0.0.%d 255.255.255.0", i+1), "no shutdown"); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		if got, sent, err := stayC.Ping("10.0.0.2", 20*time.Second); err == nil && got == sent {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("ping over the link that nobody touched: %d of %d, %v", got, sent, err)
		}
	}
}
