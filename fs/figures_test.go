package fs

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// grid is a lab of many routers with three links each.
func grid(routers int) string {
	var b strings.Builder
	b.WriteString(server)
	for i := range routers {
		fmt.Fprintf(&b, "[[ROUTER r%d]]\ns1/0 = r%d s1/1\nf2/0 = r%d f3/0\nf4/0 = r%d f5/0\n", i, (i+1)%routers, (i+7)%routers, (i+31)%routers)
	}
	return b.String()
}

// BenchmarkTree measures what the tree itself takes with a lab of 100 routers.
func BenchmarkTree(b *testing.B) {
	w := newWorld(b)
	w.apply("grid", strings.Replace(grid(100), "[localhost]", "autostart = false\n[localhost]", 1))
	for _, name := range []string{"status", "labs/grid/status", "labs/grid/topology.dot", "labs/grid/r5/info", "labs/grid/r5/state", "labs/grid/r5/ports/f2-0/carrier", "metrics", "images/builtin"} {
		b.Run("read "+strings.ReplaceAll(name, "/", ":"), func(b *testing.B) {
			for b.Loop() {
				w.read(name)
			}
		})
	}
	for _, name := range []string{"labs/grid", "labs/grid/r5", "labs/grid/r5/ports/f2-0"} {
		b.Run("ls -l "+strings.ReplaceAll(name, "/", ":"), func(b *testing.B) {
			for b.Loop() {
				entries, err := os.ReadDir(w.path(name))
				if err != nil {
					b.Fatal(err)
				}
				for _, e := range entries {
					if _, err := e.Info(); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
	i := 0
	b.Run("edit of one router", func(b *testing.B) {
		for b.Loop() {
			i++
			w.apply("grid", strings.Replace(grid(100), "[localhost]", "autostart = false\n[localhost]", 1)+fmt.Sprintf("idlepc = 0x6000%04x\n", 4*i))
		}
	})
}
