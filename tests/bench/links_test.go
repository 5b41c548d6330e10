package bench

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"dynemu/netns"
	"dynemu/tests/testlab"
)

// links measures an Ethernet link of a lab, from one router's TAP to the other's,
// beside what a link of Dynamips is, a pair of UDP sockets; and how long a large lab
// takes to come and go.
func links(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIP: not root: no TAPs")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "one link, one processor sends and another receives; best of %d\n%-22s %15s %15s %15s %15s\n%-22s %15s %15s %15s %15s", linkTrials,
		"", "64 bytes", "1500 bytes", "", "one-way latency", "link", "1000 frames/s", "1000 frames/s", "Gbit/s", "median, µs")
	for _, k := range []struct {
		name string
		open func(*testing.T) (a, b int)
	}{{"TAP to TAP", tapLink}, {"Dynamips' (UDP)", udpLink}} {
		from, to := k.open(t)
		small, large := 0.0, 0.0
		latency := time.Duration(1 << 62)
		for range linkTrials {
			small = max(small, stream(t, from, to, 64))
			large = max(large, stream(t, from, to, 1500))
			latency = min(latency, pingPong(t, from, to))
		}
		fmt.Fprintf(&b, "\n%-22s %15.0f %15.0f %15.2f %15.1f", k.name, small/1000, large/1000, large*1500*8/1e9, latency.Seconds()*1e6)
	}
	b.WriteString("\n\n")
	b.WriteString(bigLab(t))
	t.Logf("\n%s", b.String())
}

const (
	linkTrials = 5
	linkFrames = 100_000
	linkPings  = 5_000
)

// tapLink returns the TAPs of two ports that are linked, as their nodes hold them.
func tapLink(t *testing.T) (a, b int) {
	m := netns.New(fmt.Sprintf("dynbench%d", os.Getpid()))
	t.Cleanup(func() {
		if err := m.Cleanup(nil); err != nil {
			t.Error(err)
		}
	})
	var ends []netns.Endpoint
	var fds []int
	for _, name := range []string{"R1", "R2"} {
		e := netns.Endpoint{Namespace: m.Name("bench", name), Ifname: "f0-0"}
		if err := m.EnsureNamespace(e.Namespace); err != nil {
			t.Fatal(err)
		}
		f, err := m.OpenTAP(e.Namespace, e.Ifname, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		ends, fds = append(ends, e), append(fds, int(f.Fd()))
	}
	if err := m.LinkVeth(ends[0], ends[1], true, true); err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if err := unix.SetNonblock(fd, true); err != nil {
			t.Fatal(err)
		}
	}
	return fds[0], fds[1]
}

// udpLink returns two sockets that send to each other.
func udpLink(t *testing.T) (a, b int) {
	ports := freeUDP(t)
	a, b = nio(t, ports[0], ports[1]), nio(t, ports[1], ports[0])
	t.Cleanup(func() {
		unix.Close(a)
		unix.Close(b)
	})
	return a, b
}

func linkFrame(size int) []byte {
	frame := make([]byte, size)
	copy(frame, []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xB5})
	return frame
}

// linkWindow is how many frames are under way at most: fewer than the queue of a TAP or the
// buffer of a socket holds.
const linkWindow = 80

// stream sends frames on one thread and reads them on another. It returns frames a
// second; none may be lost.
func stream(t *testing.T, from, to, size int) float64 {
	frame, buf := linkFrame(size), make([]byte, 1<<16)
	var got atomic.Int64
	failed := make(chan error, 1)
	start := time.Now()
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for sent := int64(0); sent < linkFrames; sent++ {
			for sent-got.Load() >= linkWindow {
				if time.Since(start) > time.Minute {
					failed <- errors.New("frames were lost")
					return
				}
			}
			if _, err := unix.Write(from, frame); err != nil {
				failed <- err
				return
			}
		}
		failed <- nil
	}()
	for range linkFrames {
		receive(t, to, buf)
		got.Add(1)
	}
	took := time.Since(start)
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	return linkFrames / took.Seconds()
}

// receive waits for a frame.
func receive(t *testing.T, fd int, buf []byte) {
	for {
		if _, err := unix.Read(fd, buf); err == nil {
			return
		}
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 5000)
		if n == 0 && err == nil {
			t.Fatal("a frame was lost")
		}
	}
}

// pingPong returns half the median time of a frame there and back.
func pingPong(t *testing.T, a, b int) time.Duration {
	frame, buf := linkFrame(64), make([]byte, 1<<16)
	times := make([]time.Duration, linkPings)
	for i := range times {
		start := time.Now()
		for _, way := range [2][2]int{{a, b}, {b, a}} {
			if _, err := unix.Write(way[0], frame); err != nil {
				t.Fatal(err)
			}
			receive(t, way[1], buf)
		}
		times[i] = time.Since(start) / 2
	}
	slices.Sort(times)
	return times[len(times)/2]
}

const (
	bigRouters = 100
	bigLinks   = 200
)

// bigLabText is a lab of routers with two links each to others.
func bigLabText(autostart bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "autostart = %v\n[localhost]\n", autostart)
	used := make([]int, bigRouters)
	lines := make([]string, bigRouters)
	for i := range bigLinks {
		from := i % bigRouters
		to := (from + []int{1, 7}[i/bigRouters]) % bigRouters
		lines[from] += fmt.Sprintf("e1/%d = R%d e1/%d\n", used[from], to, used[to])
		used[from]++
		used[to]++
	}
	for i := range bigRouters {
		fmt.Fprintf(&b, "[[ROUTER R%d]]\nram = 64\nslot1 = PA-4E\n%s", i, lines[i])
	}
	return b.String()
}

// bigLab measures how long a large lab takes to be wired, and to be wired with all its
// routers started, and to go.
func bigLab(t *testing.T) string {
	var b strings.Builder
	fmt.Fprintf(&b, "a lab of %d routers and %d links, seconds\n%-22s %15s %15s", bigRouters, bigLinks, "", "up", "down")
	for _, start := range []bool{false, true} {
		name := "wired, none started"
		if start {
			name = "all started"
		}
		t.Run(name, func(t *testing.T) {
			d := testlab.Start(t)
			began := time.Now()
			d.MustWriteLab("big", bigLabText(start))
			d.Wait(2*time.Minute, "the lab is applied", func() bool { return d.Read("labs", "big", "result") != "" })
			up := time.Since(began)
			began = time.Now()
			if err := os.Remove(d.Path("labs", "big.net")); err != nil {
				t.Fatal(err)
			}
			d.Wait(2*time.Minute, "the lab is gone", func() bool {
				_, err := os.Stat(d.Path("labs", "big"))
				return os.IsNotExist(err)
			})
			fmt.Fprintf(&b, "\n%-22s %15.2f %15.2f", name, up.Seconds(), time.Since(began).Seconds())
			d.Stop()
			if left := d.Leftovers(); len(left) > 0 {
				t.Errorf("left over: %q", left)
			}
		})
	}
	return b.String()
}
