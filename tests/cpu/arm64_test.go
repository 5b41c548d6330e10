package cpu

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// TestOnARM64 builds the tests of the processor for arm64, which has no translator,
// and runs them and a comparison with qemu's MIPS under qemu's arm64.
func TestOnARM64(t *testing.T) {
	if runtime.GOARCH == "arm64" {
		t.Skip("SKIP: this machine is arm64: the other tests run there by themselves")
	}
	if testing.Short() {
		t.Skip("SKIP: takes long; -short leaves it out")
	}
	needQemu(t)
	const emulator = "qemu-aarch64"
	if _, err := exec.LookPath(emulator); err != nil {
		t.Skipf("SKIP: %s (Debian package qemu-user) is not installed: the CPU is not tested for arm64", emulator)
	}
	for _, c := range []struct {
		folder string
		args   []string
	}{
		{"../../vm/mips", []string{"-test.short"}},
		{".", []string{"-test.short", "-instructions", "1000000"}},
	} {
		program := filepath.Join(t.TempDir(), "arm64.test")
		build := exec.Command("go", "test", "-c", "-o", program, ".")
		build.Dir = c.folder
		build.Env = append(os.Environ(), "GOARCH=arm64", "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("building the tests of %s: %v\n%s", c.folder, err, out)
		}
		run := exec.Command(emulator, append([]string{program}, c.args...)...)
		run.Dir = c.folder
		if out, err := run.CombinedOutput(); err != nil {
			t.Errorf("tests of %s on arm64: %v\n%s", c.folder, err, out)
		}
	}
}
