package testlab

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Assemble makes a router's image in dir of an assembly program that runs in kernel
// mode at 0x80010000, and returns its path. The test is skipped without an assembler.
func Assemble(t testing.TB, dir, source string) string {
	t.Helper()
	const tools = "mips-linux-gnu-"
	if _, err := exec.LookPath(tools + "gcc"); err != nil {
		t.Skipf("SKIP: %sgcc (Debian package gcc-mips-linux-gnu) is not installed: no guests of our own", tools)
	}
	out := filepath.Join(dir, strings.TrimSuffix(filepath.Base(source), ".S")+".elf")
	run := func(args ...string) {
		if text, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, text)
		}
	}
	run(tools+"gcc", "-march=mips3", "-mabi=32", "-mno-abicalls", "-fno-pic", "-G0", "-nostdlib", "-static",
		"-Wl,-Ttext=0x80010000", "-Wl,--build-id=none", "-o", out, source)
	run(tools+"objcopy", "-R", ".MIPS.abiflags", "-R", ".reginfo", out)
	if err := os.Chmod(out, 0o644); err != nil {
		t.Fatal(err)
	}
	return out
}
