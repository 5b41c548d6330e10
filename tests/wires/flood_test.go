package wires

import (
	"encoding/hex"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"dynemu/tests/traffic"
)

var soak = flag.Duration("soak", 10*time.Second, "how long ports are flooded")

const flooded = `[localhost]
[[7200]]
ram = 64
[[ROUTER R1]]
slot1 = PA-FE-TX
slot2 = PA-8E
slot3 = PA-4T
slot4 = PA-A1
slot5 = PA-A1
f1/0 = LAN 1
e2/0 = NIO_udp:10000:127.0.0.1:11000
e2/1 = S 2
s3/0 = F 2
s3/1 = NIO_udp:10001:127.0.0.1:11001
a4/0 = NIO_udp:10002:127.0.0.1:11002
a5/0 = W 2
[[ROUTER R2]]
slot2 = PA-8E
slot3 = PA-4T
slot5 = PA-A1
e2/1 = S 3
s3/0 = F 3
a5/0 = W 3
[[ETHSW S]]
1 = dot1q 7 NIO_udp:10003:127.0.0.1:11003
2 = access 1
3 = access 1
4 = access 7 NIO_null:a
[[FRSW F]]
1 = NIO_udp:10004:127.0.0.1:11004
1:50 = 2:150
2:102 = 3:201
[[ATMSW W]]
1 = NIO_udp:10005:127.0.0.1:11005
1:1:10 = 2:1:11
2:0:100 = 3:0:100
[[ATMBR B]]
1 = 2:0:50 NIO_null:b
2 = NIO_udp:10006:127.0.0.1:11006
`

// noise makes frames of all lengths that are nearly right, and others.
type noise struct{ *rand.Rand }

func (r noise) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// after returns one of the beginnings, maybe cut off, with random bytes behind it.
func (r noise) after(size int, beginnings ...string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(beginnings[r.IntN(len(beginnings))], " ", ""))
	if err != nil {
		panic(err)
	}
	return append(b, r.bytes(size)...)[:max(1, r.IntN(len(b)+size+1))]
}

func (r noise) size() int {
	switch r.IntN(20) {
	case 0:
		return 1600 + r.IntN(30000)
	case 1:
		return 1500 + r.IntN(100)
	}
	return 1 + r.IntN(120)
}

func (r noise) ethernet() []byte {
	const from = "0200000000fe"
	return r.after(r.size(), "", "ffffffffffff"+from+"0800 4500", "ffffffffffff"+from+"0806 0001 0800 0604 0001", "ffffffffffff"+from+"8100",
		"ffffffffffff"+from+"8100 0001 0800 45", "01000ccccccc"+from+"0040 aaaa0300000c2000", "0180c2000000"+from+"0026 424203", "ffffffffffff 01ffffffffff 0800",
		"ffffffffffff"+from+"8100 0007 88b5", "ffffffffffff"+from+"9000 0000")
}

func (r noise) frameRelay() []byte {
	return r.after(r.size(), "", "0001", "0001 03 08 00 75 95 01 01", "0001 03 08 00 75 95 01 01 00 03 02", "0001 03 08 00 7d 95 01 01 00", "0001 03 09 00 75 51 01 00 53 02",
		"fcf1 03 09 00 75 01 01 00 03 02", "0c21 0800 45", "0c21 03 cc 45", "1861 0800 4500", "fcf1", "ffff", "0000")
}

func (r noise) serial() []byte {
	return r.after(r.size(), "", "0f00 0800 45", "8f00 8035 00000002", "0f00 8035", "8f00 2000", "ff03 c021 01 01", "ff03 0021 45", "1861 0800")
}

// cell makes cells, and what is none.
func (r noise) cell() []byte {
	b := r.bytes(53)
	switch r.IntN(4) {
	case 0: // of a circuit that is there, the last one of a packet or not
		circuits := [][4]byte{{0x00, 0x10, 0x00, 0xa0}, {0x00, 0x00, 0x06, 0x40}, {0x00, 0x00, 0x03, 0x20}}
		c := circuits[r.IntN(len(circuits))]
		c[3] |= byte(r.IntN(8)) << 1
		copy(b, c[:])
	case 1:
		return b[:1+r.IntN(53)]
	case 2:
		return append(b, r.bytes(r.IntN(2000))...)
	}
	return b
}

// resident is what a process has in memory, in KiB.
func resident(t *testing.T, pid int) (kib int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`VmRSS:\s+(\d+)`).FindSubmatch(text)
	if m == nil {
		t.Fatalf("status of %d: %s", pid, text)
	}
	_, _ = fmt.Sscan(string(m[1]), &kib)
	return kib
}

// Ports of every kind are flooded with what is no frame, or nearly one. It is counted
// and dropped; what is flooded stays as it is, and answers.
func TestFloods(t *testing.T) {
	m := newMachine(t)
	m.MustWriteLab("f", flooded)
	r1, r2 := m.router("f", "R1"), m.router("f", "R2")
	for i, r := range []*router{r1, r2} {
		r.address("e2/1", fmt.Sprintf("10.0.0.%d", 1+i))
		r.address("s3/0", fmt.Sprintf("10.1.0.%d", 1+i), "encapsulation frame-relay", "keepalive 2")
		r.address("a5/0", fmt.Sprintf("10.2.0.%d", 1+i), "pvc 0/100", "exit")
	}
	r1.address("f1/0", "10.3.0.1")
	r1.address("e2/0", "10.4.0.1")
	r1.address("s3/1", "10.5.0.1")
	r1.address("a4/0", "10.6.0.1", "pvc 0/50", "exit")
	pings := func() {
		t.Helper()
		for _, to := range []string{"10.0.0.2", "10.1.0.2", "10.2.0.2"} {
			r1.pings(to)
		}
	}
	pings()
	devices := []string{"R1", "R2", "S", "F", "W", "B"}
	pids := map[string]int{"the daemon": m.PID()}
	for _, d := range devices {
		pids[d] = m.NodePID("f", d)
	}

	tap, err := traffic.Open("/run/netns/"+m.fact("f", "R1", "f1/0", "netns"), "f1-0")
	if err != nil {
		t.Fatal(err)
	}
	defer tap.Close()
	r := noise{rand.New(rand.NewPCG(1, 2))}
	kinds := []func() []byte{r.ethernet, r.serial, r.cell, r.ethernet, r.frameRelay, r.cell, r.cell}
	var conns []net.Conn
	var frames [8][][]byte
	for i := range 8 {
		for range 512 {
			if i == 7 {
				f := r.ethernet()
				frames[i] = append(frames[i], append(f, r.bytes(14)...)[:min(1514, len(f)+14)])
			} else {
				frames[i] = append(frames[i], kinds[i]())
			}
		}
		if i == 7 {
			continue
		}
		m.do(func() error {
			c, err := net.DialUDP("udp4", &net.UDPAddr{Port: 11000 + i}, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 10000 + i})
			conns = append(conns, c)
			return err
		})
	}
	stop, done := make(chan bool), make(chan [8]uint64, 1)
	go func() {
		var sent [8]uint64
		for n := 0; ; n += 32 {
			select {
			case <-stop:
				done <- sent
				for _, c := range conns {
					c.Close()
				}
				return
			default:
			}
			for i := range 8 {
				burst := frames[i][n%512:][:32]
				if i == 7 {
					k, _ := tap.Send(burst)
					sent[i] += uint64(k)
					continue
				}
				for _, f := range burst {
					if _, err := conns[i].Write(f); err == nil {
						sent[i]++
					}
				}
			}
		}
	}()

	// At first, it takes what it needs; from then on, no more.
	base := map[string]int{}
	start, warm := time.Now(), *soak*2/5
	var answers []time.Duration
	for time.Since(start) < *soak {
		if len(base) == 0 && time.Since(start) > warm {
			for who, pid := range pids {
				base[who] = resident(t, pid)
			}
		}
		for _, file := range []string{"R1/ports/f1-0/stats", "R1/state", "S/mac", "S/status", "F/ports/1/stats", "W/ports/1/carrier", "B/ports/2/stats", "result"} {
			before := time.Now()
			m.Read("labs", "f", file)
			if d := time.Since(before); d > 100*time.Millisecond {
				t.Logf("%s answers after %v", file, d)
			}
			answers = append(answers, time.Since(before))
		}
		before := time.Now()
		r1.shows("show clock", 20*time.Second)
		if d := time.Since(before); d > 5*time.Second {
			t.Errorf("R1 answers after %v", d)
		}
		time.Sleep(50 * time.Millisecond)
	}
	for who, pid := range pids {
		now := resident(t, pid)
		t.Logf("%s: %d KiB, then %d", who, base[who], now)
		if now > base[who]+16<<10 {
			t.Errorf("%s has grown from %d to %d KiB", who, base[who], now)
		}
	}
	close(stop)
	sent := <-done
	slices.Sort(answers)
	median, most := answers[len(answers)/2], answers[len(answers)-1]
	t.Logf("frames sent in %v: %v; answers of the tree: median %v, longest %v", *soak, sent, median, most)
	if most > 5*time.Second {
		t.Errorf("an answer of the tree took %v", most)
	}
	// What was sent has arrived, or is counted as dropped.
	for i, p := range []struct{ device, port, nio string }{{"R1", "e2/0", "nio-"}, {"R1", "s3/1", ""}, {"R1", "a4/0", ""}, {"S", "1", "nio-"}, {"F", "1", ""}, {"W", "1", ""}, {"B", "2", ""}} {
		var passed, dropped uint64
		m.Wait(20*time.Second, fmt.Sprintf("all of %d frames to %s %s to be counted", sent[i], p.device, p.port), func() bool {
			passed, dropped = m.counter("f", p.device, p.port, p.nio+"rx-packets"), m.counter("f", p.device, p.port, p.nio+"rx-drops")
			return passed+dropped == sent[i]
		})
		t.Logf("%s %s: %d frames, %d dropped before", p.device, p.port, passed, dropped)
	}
	for p, reasons := range map[string][]string{
		"S 1": {"group-source", "no-port"},
		"F 1": {"runt", "malformed", "no-circuit", "bad-lmi", "other-lmi"},
		"W 1": {"runt", "giant", "no-circuit"},
		"B 2": {"runt", "giant", "no-circuit", "oam", "bad-crc"},
	} {
		for _, reason := range reasons {
			if m.counter("f", p[:1], p[2:], "dropped-switch-"+reason) == 0 {
				t.Errorf("%s has dropped nothing as %s: %s", p, reason, m.fact("f", p[:1], p[2:], "stats"))
			}
		}
	}
	for _, d := range devices {
		if got := m.NodePID("f", d); got != pids[d] {
			t.Errorf("%s is process %d, was %d", d, got, pids[d])
		}
	}
	pings()
}
