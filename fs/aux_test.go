package fs

import (
	"os"
	"testing"
)

// The AUX port is a line of its own beside the console.
func TestAUX(t *testing.T) {
	w := newWorld(t)
	w.apply("x", one)
	f, err := os.OpenFile(w.path("labs/x/R1/aux"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := w.nodes.Get("x", "R1")
	n.Print("console")
	n.PrintAUX("aux")
	buf := make([]byte, 100)
	k, err := f.Read(buf)
	if got := string(buf[:k]); err != nil || got != "aux" {
		t.Errorf("the AUX port prints %q, %v", got, err)
	}
	if _, err := f.WriteString("keys"); err != nil {
		t.Fatal(err)
	}
	w.eventually("keys arrive", func() bool { return n.TypedAUX() == "keys" })
	if got := n.Typed(); got != "" {
		t.Errorf("keys for the AUX port arrived at the console: %q", got)
	}
}
