// Package bench measures the figures that dynemu promises, with its peers
// (Debian's dynamips and qemu) in the same run, and prints them as a table. It
// judges nothing: figures depend on the machine. `make bench` runs it.
package bench

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"dynemu/tests/console"
	"dynemu/tests/testlab"
)

var figures = flag.Bool("figures", false, "measure")

func TestFigures(t *testing.T) {
	if !*figures {
		t.Skip("SKIP: figures are measured by `make bench`")
	}
	t.Run("cpu", cpu)
	t.Run("programs", programs)
	t.Run("boot", boot)
	t.Run("ping", ping)
	t.Run("forward", forward)
	t.Run("switches", switches)
	t.Run("links", links)
	t.Run("tree", tree)
	t.Run("memory", memory)
	t.Run("idle", idle)
	t.Run("interrupts", interrupts)
	t.Run("pauses", pauses)
}

// peer is one way to run a 7200 image in the foreground with its console on a
// pseudo-terminal.
type peer struct {
	name string
	args []string // before the image
	elf  string   // of the CPU benchmark
}

func peers(t *testing.T) []peer {
	own := filepath.Join(testlab.Bin(t), "dynamips")
	all := []peer{
		{"dynemu", []string{own, "-P", "7200", "-X"}, "bench-c7200.elf"},
		{"dynemu, interpreter", []string{own, "-j", "-P", "7200", "-X"}, "bench-c7200.elf"},
	}
	if path, err := exec.LookPath("dynamips"); err == nil {
		all = append(all, peer{"dynamips -j", []string{path, "-j", "-P", "7200", "-X"}, "bench-c7200.elf"},
			peer{"dynamips, JIT", []string{path, "-P", "7200", "-X"}, "bench-c7200.elf"})
	} else {
		t.Log("dynamips is not installed: no comparison with it")
	}
	return all
}

// session starts a program on a pseudo-terminal of its own, in a scratch
// folder.
func session(t *testing.T, args ...string) (*os.File, *exec.Cmd) {
	t.Helper()
	master, slave, err := console.Terminal()
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = t.TempDir()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end := func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		master.Close()
	}
	t.Cleanup(end)
	return master, cmd
}

// boot measures the time from the start of the program to the router's prompt.
func boot(t *testing.T) {
	elf, err := filepath.Abs("../../vm/firmware/router.elf")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range peers(t) {
		var times []time.Duration
		for range 5 {
			start := time.Now()
			tty, cmd := session(t, append(slices.Clone(p.args), "-r", "128", elf)...)
			c := console.New(tty, tty)
			if err := c.Login(20 * time.Second); err != nil {
				t.Fatalf("%s: %v", p.name, err)
			}
			times = append(times, time.Since(start))
			_ = cmd.Process.Kill()
		}
		t.Logf("bundled image to its prompt, %-20s median %v of %d", p.name+":", median(times).Round(time.Millisecond), len(times))
	}
}

func median[T int | float64 | time.Duration](v []T) T {
	v = slices.Clone(v)
	slices.Sort(v)
	return v[len(v)/2]
}

const pingLab = `
[localhost]
[[7200]]
ram = 128
[[ROUTER R1]]
f0/0 = R2 f0/0
[[ROUTER R2]]
`

// ping measures the round trip between two routers over one Ethernet link: the
// time from one echo request to the next, which the router sends as soon as it
// has the reply, seen on the router's TAP. For Dynamips, over a UDP link, it is
// the time of the whole ping command.
func ping(t *testing.T) {
	const count = 2000
	d := testlab.Start(t)
	d.MustWriteLab("ping", pingLab)
	r1, r2 := d.Console("ping", "R1"), d.Console("ping", "R2")
	configure(t, r1, r2)
	dump := exec.Command("ip", "netns", "exec", d.Prefix+"-ping-R1", "tcpdump", "-ttnli", "f0-0", "icmp[icmptype] == icmp-echo")
	out, err := dump.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := dump.Start(); err != nil {
		t.Fatal(err)
	}
	seen := make(chan []byte, 1)
	go func() {
		text, _ := io.ReadAll(out)
		seen <- text
	}()
	time.Sleep(time.Second)
	start := time.Now()
	if _, err := r1.Command(fmt.Sprintf("ping 10.0.0.2 repeat %d", count), 60*time.Second); err != nil {
		t.Fatal(err)
	}
	total := time.Since(start)
	time.Sleep(time.Second)
	_ = dump.Process.Signal(syscall.SIGINT)
	text := <-seen
	_ = dump.Wait()
	var gaps []float64
	var last float64
	for _, line := range bytes.Split(text, []byte("\n")) {
		f := bytes.Fields(line)
		if len(f) == 0 {
			continue
		}
		at, err := strconv.ParseFloat(string(f[0]), 64)
		if err != nil {
			continue
		}
		if last != 0 {
			gaps = append(gaps, (at-last)*1000)
		}
		last = at
	}
	if len(gaps) < count/2 {
		t.Fatalf("tcpdump saw only %d echo requests of %d", len(gaps), count)
	}
	slices.Sort(gaps)
	t.Logf("ping round trip over Ethernet, dynemu: median %.3f ms, 99th percentile %.3f ms, mean %.3f ms",
		median(gaps), gaps[len(gaps)*99/100], float64(total.Microseconds())/1000/count)

	if path, err := exec.LookPath("dynamips"); err == nil {
		elf, err := filepath.Abs("../../vm/firmware/router.elf")
		if err != nil {
			t.Fatal(err)
		}
		start := func(id, mine, other int) *console.Console {
			tty, _ := session(t, path, "-P", "7200", "-X", "-r", "128", "-i", strconv.Itoa(id), "-p", "0:C7200-IO-FE",
				"-s", fmt.Sprintf("0:0:udp:%d:127.0.0.1:%d", mine, other), elf)
			c := console.New(tty, tty)
			if err := c.Login(20 * time.Second); err != nil {
				t.Fatal(err)
			}
			return c
		}
		a, b := start(1, 42001, 42002), start(2, 42002, 42001)
		configure(t, a, b)
		begin := time.Now()
		if _, err := a.Command("ping 10.0.0.2 repeat 100", 60*time.Second); err != nil {
			t.Fatal(err)
		}
		t.Logf("ping round trip over Ethernet, Dynamips (JIT, UDP link): mean %.3f ms", float64(time.Since(begin).Microseconds())/1000/100)
	}
}

func configure(t *testing.T, r1, r2 *console.Console) {
	t.Helper()
	for i, c := range []*console.Console{r1, r2} {
		if err := c.Configure(fmt.Sprintf("hostname R%d", i+1), "interface f0/0", fmt.Sprintf("ip address 10.0.0.%d 255.255.255.0", i+1), "no shutdown"); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		got, _, err := r1.Ping("10.0.0.2", 30*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if got == 5 {
			return
		}
	}
	t.Fatal("the routers do not reach each other")
}

// memory measures what a node at its prompt holds besides the guest's RAM, and
// what twenty idle routers cost.
func memory(t *testing.T) {
	const routers, ram = 20, 64
	d := testlab.Start(t)
	var lab strings.Builder
	fmt.Fprintf(&lab, "[localhost]\n[[7200]]\nram = %d\n", ram)
	for i := range routers {
		fmt.Fprintf(&lab, "[[ROUTER R%d]]\n", i+1)
	}
	start := time.Now()
	d.MustWriteLab("many", lab.String())
	var pids []int
	for i := range routers {
		d.Console("many", fmt.Sprintf("R%d", i+1)).Close()
		pids = append(pids, d.NodePID("many", fmt.Sprintf("R%d", i+1)))
	}
	t.Logf("%d routers at their prompts after %v", routers, time.Since(start).Round(10*time.Millisecond))
	var own, code, guestRAM []float64
	for _, pid := range pids {
		m := testlab.Resident(t, pid)
		own, code, guestRAM = append(own, m.Own), append(code, m.Code), append(guestRAM, m.Guest)
	}
	t.Logf("memory of a node at its prompt: median %.1f MiB of its own, of which %.1f MiB translated code, beside %.1f MiB of touched guest RAM",
		median(own), median(code), median(guestRAM))
	time.Sleep(2 * time.Second)
	before := cpuTime(pids)
	const wait = 10 * time.Second
	time.Sleep(wait)
	t.Logf("CPU of %d idle routers: %.1f %% of a core together", routers, 100*(cpuTime(pids)-before).Seconds()/wait.Seconds())
}

// cpuTime adds up the user and system time of processes.
func cpuTime(pids []int) (total time.Duration) {
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		f := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		u, _ := strconv.Atoi(f[11])
		s, _ := strconv.Atoi(f[12])
		total += time.Duration(u+s) * 10 * time.Millisecond
	}
	return total
}
