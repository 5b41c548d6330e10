package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"dynemu/vm/fabric"
	"dynemu/vm/fabric/chassis"
	"dynemu/vm/fabric/ethsw"
	"dynemu/vm/fabric/frsw"
	"dynemu/vm/wire"
)

// switches measures virtual switches: FRSW between two UDP NIOs beside
// Dynamips', and ETHSW alone.
func switches(t *testing.T) {
	var b strings.Builder
	fmt.Fprintf(&b, "FRSW between two UDP NIOs, frames of 64 bytes, best of %d\n%-10s %27s %27s\n%-10s %13s %13s %13s %13s",
		frTrials, "", "peers send each alone", "peers send 64 as one", "switch", "1000/s", "ns of CPU", "1000/s", "ns of CPU")
	kinds := []struct {
		name  string
		start func(*testing.T, [4]int) int
	}{{"dynemu", ownFRSW}, {"dynamips", dynamipsFRSW}}
	if _, err := exec.LookPath("dynamips"); err != nil {
		t.Log("dynamips is not installed: no comparison with it")
		kinds = kinds[:1]
	}
	var rates [2][2]float64
	for k, kind := range kinds {
		ports := freeUDP(t)
		pid := kind.start(t, ports)
		fmt.Fprintf(&b, "\n%-10s", kind.name)
		for i, each := range []int{1, 64} {
			from, to := nio(t, ports[1], ports[0]), nio(t, ports[3], ports[2])
			best, cost := 0.0, time.Duration(1<<62)
			for range frTrials {
				rate, cpu := pump(t, from, to, pid, each)
				best, cost = max(best, rate), min(cost, cpu)
			}
			unix.Close(from)
			unix.Close(to)
			rates[k][i] = best
			fmt.Fprintf(&b, " %13.0f %13d", best/1000, cost.Nanoseconds())
		}
	}
	if len(kinds) == 2 {
		fmt.Fprintf(&b, "\ntimes as fast %10.1f %27.1f", rates[0][0]/rates[1][0], rates[0][1]/rates[1][1])
	}
	fmt.Fprintf(&b, "\n\nETHSW alone, one processor: %.1f million frames of 64 bytes a second between 1000 known stations", ethernet(t)/1e6)
	t.Logf("\n%s", b.String())
}

const (
	frTrials = 5
	// frFrames is how many frames a trial sends.
	frFrames = 64 * 1000
)

// freeUDP returns free ports of the loopback address: own and peer's of two
// NIOs.
func freeUDP(t *testing.T) (ports [4]int) {
	for i := range ports {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		ports[i] = c.LocalAddr().(*net.UDPAddr).Port
	}
	return ports
}

// nio returns the other end of a UDP NIO.
func nio(t *testing.T, local, remote int) int {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	loopback := [4]byte{127, 0, 0, 1}
	err = unix.Bind(fd, &unix.SockaddrInet4{Port: local, Addr: loopback})
	if err == nil {
		err = unix.Connect(fd, &unix.SockaddrInet4{Port: remote, Addr: loopback})
	}
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// pump sends frames through the switch, 64 of them under way, each alone or as
// many as one. It returns frames a second and the processor time of process pid
// for each.
func pump(t *testing.T, from, to, pid, each int) (rate float64, cpu time.Duration) {
	frame := append([]byte{0x18, 0x61, 0x08, 0x00}, make([]byte, 60)...) // DLCI 102
	if each > 1 {
		if err := unix.SetsockoptInt(from, unix.SOL_UDP, unix.UDP_SEGMENT, len(frame)); err != nil {
			t.Skipf("SKIP: %v", err)
		}
		if err := unix.SetsockoptInt(to, unix.SOL_UDP, unix.UDP_GRO, 1); err != nil {
			t.Skipf("SKIP: %v", err)
		}
	}
	size := len(frame)
	frame = bytes.Repeat(frame, each)
	buf := make([]byte, 1<<16)
	before, start := processTime(t, pid), time.Now()
	sent, got, heard := 0, 0, start
	for got < frFrames {
		for sent < frFrames && sent-got+each <= 64 {
			if _, err := unix.Write(from, frame); err != nil {
				break
			}
			sent += each
		}
		n, err := unix.Read(to, buf)
		if err == nil {
			got, heard = got+n/size, time.Now()
			continue
		}
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(to), Events: unix.POLLIN}}, 100)
		if time.Since(heard) > 10*time.Second {
			t.Fatalf("%d of %d frames came", got, sent)
		}
	}
	return frFrames / time.Since(start).Seconds(), (processTime(t, pid) - before) / frFrames
}

// processTime returns the processor time of all threads of a process.
func processTime(t *testing.T, pid int) (sum time.Duration) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(files) == 0 {
		t.Fatalf("process %d: %d threads, %v", pid, len(files), err)
	}
	for _, f := range files {
		var ns int64
		text, err := os.ReadFile(f)
		if err != nil {
			continue // the thread has ended
		}
		if _, err := fmt.Sscan(string(text), &ns); err != nil {
			t.Fatal(err)
		}
		sum += time.Duration(ns)
	}
	return sum
}

const frPorts = "FRSW_PORTS" // in the environment of a process that is a switch

// ownFRSW starts a process that is an FRSW, and returns its id.
func ownFRSW(t *testing.T, ports [4]int) int {
	cmd := exec.Command(os.Args[0], "-test.run", "^TestFRSWProcess$")
	cmd.Env = append(os.Environ(), frPorts+"="+strings.Trim(fmt.Sprint(ports), "[]"))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the switch says %q, %v", line, err)
	}
	return cmd.Process.Pid
}

// TestFRSWProcess is the process of ownFRSW.
func TestFRSWProcess(t *testing.T) {
	text := os.Getenv(frPorts)
	if text == "" {
		t.Skip("SKIP: this is a process of the benchmark")
	}
	var s *frsw.Switch
	c := chassis.New(func(out fabric.Output) fabric.Engine {
		s = frsw.New(out)
		return s
	})
	go c.Run()
	var ports [4]int
	if _, err := fmt.Sscan(text, &ports[0], &ports[1], &ports[2], &ports[3]); err != nil {
		t.Fatal(err)
	}
	for n := range 2 {
		p, err := c.AddPort(n, func() error { return s.AddPort(n) })
		if err != nil {
			t.Fatal(err)
		}
		w, err := wire.NewUDP(ports[2*n], "127.0.0.1", ports[2*n+1])
		if err != nil {
			t.Fatal(err)
		}
		p.Plug(wire.NewBatch(w))
	}
	var err error
	c.Do(func(int64) { err = s.Connect(frsw.Endpoint{Port: 0, DLCI: 102}, frsw.Endpoint{Port: 1, DLCI: 201}) })
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("ready")
	select {} // until killed
}

// dynamipsFRSW starts Debian's dynamips as a switch, and returns its process id.
func dynamipsFRSW(t *testing.T, ports [4]int) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	cmd := exec.Command("dynamips", "-H", address)
	cmd.Dir = t.TempDir()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	var conn net.Conn
	for start := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		if conn, err = net.Dial("tcp", address); err == nil {
			break
		}
		if time.Since(start) > 20*time.Second {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { conn.Close() })
	replies := bufio.NewReader(conn)
	for _, command := range []string{
		fmt.Sprintf("nio create_udp a %d 127.0.0.1 %d", ports[0], ports[1]), fmt.Sprintf("nio create_udp b %d 127.0.0.1 %d", ports[2], ports[3]),
		"frsw create F", "frsw create_vc F a 102 b 201", "frsw create_vc F b 201 a 102",
	} {
		fmt.Fprintf(conn, "%s\r\n", command)
		if line, err := replies.ReadString('\n'); err != nil || !strings.HasPrefix(line, "100-") {
			t.Fatalf("%s: %s, %v", command, line, err)
		}
	}
	return cmd.Process.Pid
}

// ethernet returns the frames a second that an ETHSW switches, without wires,
// on one processor.
func ethernet(t *testing.T) float64 {
	sent := 0
	s := ethsw.New(func(int, []byte) { sent++ })
	for n, c := range []ethsw.Config{{Mode: ethsw.Access, VLAN: 1}, {Mode: ethsw.Dot1Q, VLAN: 2}} {
		if err := s.AddPort(n, c); err != nil {
			t.Fatal(err)
		}
	}
	const stations = 1000
	buf := make([]byte, fabric.Headroom+64)
	frame := buf[fabric.Headroom:]
	address := func(at int, side byte, n int) { copy(frame[at:], []byte{2, 0, 0, side, byte(n >> 8), byte(n)}) }
	for n := range stations { // those behind the trunk
		clear(frame)
		address(6, 1, n)
		copy(frame[12:], []byte{0x81, 0, 0, 1})
		s.Forward(0, 1, append([]byte(nil), buf...))
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	best := 0.0
	for range 5 {
		const frames = 1_000_000
		sent = 0
		var before, after unix.Rusage
		err := unix.Getrusage(unix.RUSAGE_THREAD, &before)
		for i := range frames {
			address(0, 1, i%stations)
			address(6, 0, i%stations)
			copy(frame[12:], []byte{8, 0})
			s.Forward(int64(i), 0, buf)
		}
		if err == nil {
			err = unix.Getrusage(unix.RUSAGE_THREAD, &after)
		}
		if err != nil || sent != frames {
			t.Fatalf("%d of %d frames, %v", sent, frames, err)
		}
		used := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
		best = max(best, frames/used.Seconds())
	}
	return best
}
