package labs

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"dynemu/tests/testlab"
)

// Files go into and come out of a stopped router's disk with the host's own
// programs; while it runs, the disk is for reading only.
func TestDiskInTheTree(t *testing.T) {
	if _, err := exec.LookPath("mcopy"); err != nil {
		t.Skip("SKIP: mtools are not installed")
	}
	d := testlab.Start(t)
	d.MustWriteLab("disk", "[localhost]\n[[ROUTER R1]]\nram = 64\ndisk0 = 16\n")
	d.WaitState("disk", "R1", "running")
	image := d.Path("labs", "disk", "R1", "disk0") + "@@16384"
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	if err := os.WriteFile(in, []byte("hostname R1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if msg, err := exec.Command("mcopy", "-i", image, in, "::STARTUP.CFG").CombinedOutput(); err == nil {
		t.Errorf("a running router's disk was written: %s", msg)
	}
	if err := d.Write("stop", "labs", "disk", "R1", "ctl"); err != nil {
		t.Fatal(err)
	}
	if msg, err := exec.Command("mcopy", "-i", image, in, "::STARTUP.CFG").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, msg)
	}
	for _, verb := range []string{"start", "stop"} {
		if err := d.Write(verb, "labs", "disk", "R1", "ctl"); err != nil {
			t.Fatal(err)
		}
		if msg, err := exec.Command("mcopy", "-n", "-o", "-i", image, "::STARTUP.CFG", out).CombinedOutput(); err != nil {
			t.Fatalf("after %s: %v: %s", verb, err, msg)
		}
		if got, err := os.ReadFile(out); err != nil || string(got) != "hostname R1\n" {
			t.Errorf("after %s: %q, %v", verb, got, err)
		}
	}
}
