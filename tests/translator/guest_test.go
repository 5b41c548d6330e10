// Package translator tests what only a whole router can show of the engines that
// execute guest code: guests that mean harm, the switches that users have, and many
// routers at once.
package translator

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// assemble makes an image of testdata/NAME.S in dir and returns its path.
func assemble(t testing.TB, dir, name string) string {
	t.Helper()
	const tools = "mips-linux-gnu-"
	if _, err := exec.LookPath(tools + "gcc"); err != nil {
		t.Skipf("SKIP: %sgcc (Debian package gcc-mips-linux-gnu) is not installed: no guests of our own", tools)
	}
	out := filepath.Join(dir, name+".elf")
	run := func(args ...string) {
		if text, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, text)
		}
	}
	run(tools+"gcc", "-march=mips3", "-mabi=32", "-mno-abicalls", "-fno-pic", "-G0", "-nostdlib", "-static",
		"-Wl,-Ttext=0x80010000", "-Wl,--build-id=none", "-o", out, filepath.Join("testdata", name+".S"))
	run(tools+"objcopy", "-R", ".MIPS.abiflags", "-R", ".reginfo", out)
	if err := os.Chmod(out, 0o644); err != nil {
		t.Fatal(err)
	}
	return out
}

// guests returns the names of all guests in testdata.
func guests(t testing.TB) []string {
	files, err := filepath.Glob("testdata/*.S")
	if err != nil || len(files) == 0 {
		t.Fatalf("no guests: %v", err)
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(filepath.Base(f), ".S")
	}
	return files
}
