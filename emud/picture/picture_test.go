package picture

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// needDot skips where nothing can be laid out.
func needDot(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("dot")
	if err != nil {
		t.Skip("SKIP: no dot here (Debian: graphviz)")
	}
	if os.Getuid() != 0 {
		t.Skip("SKIP: not root: Graphviz cannot be confined")
	}
	return program
}

// wellFormed fails for what is no XML, and returns its text.
func wellFormed(t *testing.T, svg []byte) string {
	t.Helper()
	var text strings.Builder
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return text.String()
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
		if c, ok := token.(xml.CharData); ok {
			text.Write(c)
			text.WriteByte('\n')
		}
	}
}

var small = Graph{
	Name: "small", Title: []string{"small: 1 of 3 devices runs"},
	Nodes: []Node{
		{ID: "R1", Shape: Router, Lines: []string{"R1", "7200"}, State: "running"},
		{ID: "R2", Shape: Router, Lines: []string{"R2", "7200"}, State: "crashed"},
		{ID: "S1", Shape: Switch, Lines: []string{"S1", "ETHSW"}, State: "stopped"},
		{ID: "LAN 1", Shape: Cloud, Lines: []string{"LAN 1"}},
	},
	Edges: []Edge{
		{A: End{"R1", []string{"f0/0", "10.0.0.1/24"}}, B: End{"LAN 1", nil}, State: "up"},
		{A: End{"R1", []string{"f1/0"}}, B: End{"S1", []string{"1"}}, State: "cut"},
		{A: End{"R1", []string{"s2/0"}}, B: End{"R2", []string{"s2/0"}}, State: "down"},
	},
}

func TestSVG(t *testing.T) {
	needDot(t)
	svg := SVG(small.DOT())
	text := wellFormed(t, svg)
	for _, want := range []string{"R1", "7200", "S1", "ETHSW", "LAN 1", "f0/0", "10.0.0.1/24", "s2/0", "small: 1 of 3 devices runs"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not written in it", want)
		}
	}
	for shape, want := range map[string]int{"<ellipse": 0, `class="node cloud"`: 1, "stroke-dasharray": 2, colours["crashed"][0]: 1} {
		if n := bytes.Count(svg, []byte(shape)); n != want {
			t.Errorf("%d of %s, want %d", n, shape, want)
		}
	}
}

// Nodes that are placed stay where they are, the others are laid out around them.
func TestPlaced(t *testing.T) {
	program := needDot(t)
	g := small
	g.Nodes = append([]Node(nil), small.Nodes...)
	for i, at := range [][2]float64{{-100, -50}, {300, -50}, {100, 200}} {
		g.Nodes[i].X, g.Nodes[i].Y, g.Nodes[i].Placed = at[0], at[1], true
	}
	cmd := exec.Command(program, "-Tplain")
	cmd.Stdin = bytes.NewReader(g.DOT())
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	at := map[string][2]float64{}
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); f[0] == "node" && len(f) > 3 {
			var x, y float64
			if _, err := fmt.Sscan(f[2], &x); err != nil {
				t.Fatal(err)
			}
			if _, err := fmt.Sscan(f[3], &y); err != nil {
				t.Fatal(err)
			}
			at[f[1]] = [2]float64{x, y}
		}
	}
	// In inches, with up counting.
	near := func(a, b float64) bool { return a-b < 0.02 && b-a < 0.02 }
	if dx, dy := at["R2"][0]-at["R1"][0], at["R2"][1]-at["R1"][1]; !near(dx, 400./72) || !near(dy, 0) {
		t.Errorf("R2 lies %.2f, %.2f from R1", dx, dy)
	}
	if dx, dy := at["S1"][0]-at["R1"][0], at["S1"][1]-at["R1"][1]; !near(dx, 200./72) || !near(dy, -250./72) {
		t.Errorf("S1 lies %.2f, %.2f from R1", dx, dy)
	}
}

// What users may write into a lab file is text in the picture, whatever it is.
func TestQuoting(t *testing.T) {
	needDot(t)
	hostile := `a"b\N\G]; & <i>x</i> &lt; ` + "é {|} %s"
	g := Graph{Name: hostile, Title: []string{hostile}, Nodes: []Node{{ID: hostile, Shape: Cloud, Lines: []string{hostile}}, {ID: "R1", Lines: []string{"R1"}}},
		Edges: []Edge{{A: End{"R1", []string{strings.ReplaceAll(hostile, `\`, "")}}, B: End{hostile, nil}, State: "up"}}}
	svg := SVG(g.DOT())
	text := wellFormed(t, svg)
	if n := strings.Count(text, hostile); n != 2 { // as title and in a node
		t.Errorf("it is written %d times in\n%s", n, svg)
	}
	if !strings.Contains(text, strings.ReplaceAll(hostile, `\`, "")) {
		t.Errorf("it is not written at the end of a link:\n%s", svg)
	}
}

// A picture that cannot be laid out says why, and the program cannot do anything else.
func TestConfined(t *testing.T) {
	needDot(t)
	dir := t.TempDir()
	os.Chmod(dir, 0o755)
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	script := func(text string) string {
		path := filepath.Join("/usr/local/bin", "dynemu-picture-test")
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
			t.Skip("SKIP: /usr/local/bin cannot be written: ", err)
		}
		t.Cleanup(func() { os.Remove(path) })
		return path
	}
	for name, text := range map[string]string{
		"reads a file":       "cat " + secret,
		"reads /etc/passwd":  "cat /etc/passwd",
		"writes a file":      "echo x > /tmp/dynemu-picture-test && echo written && rm /tmp/dynemu-picture-test",
		"sees a process":     "kill -0 " + "1 && ls /proc/1/fd && echo seen",
		"has an interface":   "cat /sys/class/net/*/address",
		"is somebody":        `[ "$(id -u)" != 65534 ] && echo root`,
		"opens many files":   `for i in 3 4 5 6 7 8 9; do eval "exec $i</usr/bin/env"; done; ulimit -n | grep -vx 32`,
		"uses a lot of room": `ulimit -v | grep -vx 1048576`,
	} {
		out, err := layOut(script(text+"\ntrue\n"), []byte("graph {}"))
		if err != nil || len(out) > 0 {
			t.Errorf("a program that %s: %q %v", name, out, err)
		}
	}
	if _, err := layOut(script("exec head -c 100000000 /usr/bin/*\n"), nil); err == nil || !strings.Contains(err.Error(), "larger than 16 MiB") {
		t.Errorf("a picture without end: %v", err)
	}
	start := time.Now()
	if _, err := layOut(script("exec sleep 60\n"), nil); err == nil || !strings.Contains(err.Error(), "takes longer than 5s") {
		t.Errorf("a layout without end: %v", err)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("a layout without end took %v", took)
	}
	svg := SVG([]byte("nonsense"))
	if text := wellFormed(t, svg); !strings.Contains(text, "syntax error") {
		t.Errorf("what is no graph: %s", text)
	}
}

func TestWithoutGraphviz(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if text := wellFormed(t, SVG(small.DOT())); !strings.Contains(text, "apt install graphviz") {
		t.Errorf("it does not say what to install: %s", text)
	}
}

// A lab of many routers is laid out in the time that there is.
func TestMany(t *testing.T) {
	needDot(t)
	for _, count := range []int{few, crowd, 500} {
		g := Graph{Name: "many"}
		for i := range count {
			id := func(n int) string { return fmt.Sprint("r", n%count) }
			g.Nodes = append(g.Nodes, Node{ID: id(i), Lines: []string{id(i)}, State: "running"})
			for _, step := range []int{1, 7, 31} {
				g.Edges = append(g.Edges, Edge{A: End{id(i), []string{"f0/0", "10.0.0.1/24"}}, B: End{id(i + step), []string{"f1/0"}}, State: "up"})
			}
		}
		svg := SVG(g.DOT())
		if n := bytes.Count(svg, []byte(`class="node"`)); n != count && !bytes.Contains(svg, []byte("takes longer than")) {
			t.Errorf("%d nodes of %d in %.300s", n, count, svg)
		} else if n != count {
			t.Logf("%d nodes: this machine is too slow now", count)
		}
	}
}
