package tree

import (
	"bufio"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dynemu/tests/testlab"
)

const pair = `[localhost]
[[ROUTER R1]]
x = 0
y = 0
s1/0 = R2 s1/0
f0/0 = LAN 1
[[ROUTER R2]]
x = 300
y = 50
`

// TestWhole looks at every file of the tree that shows what a router of a daemon does.
func TestWhole(t *testing.T) {
	d := testlab.Start(t)
	events := make(chan string, 1000)
	f, err := os.Open(d.Path("events"))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer f.Close()
		defer close(events)
		for lines := bufio.NewScanner(f); lines.Scan(); {
			events <- lines.Text()
		}
	}()
	// see waits for an event with these values.
	see := func(want map[string]any) {
		t.Helper()
		var seen []string
		for deadline := time.After(60 * time.Second); ; {
			select {
			case line, ok := <-events:
				if !ok {
					t.Fatalf("events ended; it had\n%s", strings.Join(seen, "\n"))
				}
				seen = append(seen, line)
				var e map[string]any
				if err := json.Unmarshal([]byte(line), &e); err != nil {
					t.Fatalf("%q: %v", line, err)
				}
				same := true
				for k, v := range want {
					same = same && e[k] == v
				}
				if same {
					return
				}
			case <-deadline:
				t.Fatalf("no event %v in\n%s", want, strings.Join(seen, "\n"))
			}
		}
	}
	aux := make(chan *os.File, 1)
	d.MustWriteLab("pair", pair)
	see(map[string]any{"event": "state", "device": "R1", "state": "booting"})
	go func() {
		f, _ := os.OpenFile(d.Path("labs", "pair", "R1", "aux"), os.O_RDWR, 0)
		aux <- f
	}()
	see(map[string]any{"event": "apply", "lab": "pair", "ok": true})
	d.WaitState("pair", "R1", "running")
	d.WaitState("pair", "R2", "running")
	(<-aux).Close()

	c := d.Console("pair", "R1")
	configure := func(lines ...string) {
		t.Helper()
		if err := c.Configure(append([]string{"interface FastEthernet0/0"}, lines...)...); err != nil {
			t.Fatal(err)
		}
	}
	configure("ip address 10.1.2.3 255.255.255.0", "no shutdown")
	time.Sleep(time.Second)
	configure("shutdown")
	see(map[string]any{"event": "carrier", "device": "R1", "port": "f0/0", "state": "shut"})
	configure("no shutdown")
	see(map[string]any{"event": "carrier", "device": "R1", "port": "f0/0", "state": "up"})
	if _, err := c.Command("write memory", 20*time.Second); err != nil {
		t.Fatal(err)
	}

	metrics := d.Read("metrics")
	m := regexp.MustCompile(`(?m)^dynemu_router_instructions_total\{device="R1",lab="pair"\} (\S+)$`).FindStringSubmatch(metrics)
	if m == nil {
		t.Fatalf("no instructions in\n%s", metrics)
	}
	if n, err := strconv.ParseFloat(m[1], 64); err != nil || n < 1e6 {
		t.Errorf("%s instructions executed", m[1])
	}
	if !strings.Contains(metrics, `dynemu_port_up{device="R1",lab="pair",port="f0/0"} 1`) {
		t.Error("the port is not up in metrics")
	}
	d.Wait(10*time.Second, "the address in the picture", func() bool {
		return strings.Contains(d.Read("labs", "pair", "topology.dot"), "10.1.2.3/24")
	})
	if dot := d.Read("labs", "pair", "topology.dot"); !strings.Contains(dot, `pos="300.0,-50.0!"`) {
		t.Errorf("R2 is not where the lab file puts it:\n%s", dot)
	}
	if svg := d.Read("labs", "pair", "topology.svg"); !strings.Contains(svg, "10.1.2.3/24") && !strings.Contains(svg, "apt install graphviz") {
		t.Errorf("topology.svg:\n%s", svg)
	}
	image := d.Read("images", "builtin")
	if !strings.Contains(image, "platform       MIPS") || !strings.Contains(image, "used by        pair/R1 pair/R2") {
		t.Errorf("images/builtin:\n%s", image)
	}
	if entries, err := os.ReadDir(d.Path("images")); err != nil || !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == "builtin" }) {
		t.Errorf("images: %v %v", entries, err)
	}
	if stats := d.Read("labs", "pair", "R1", "stats"); !strings.Contains(stats, "cpu-share ") {
		t.Errorf("stats:\n%s", stats)
	}
}
