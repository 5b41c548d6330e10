//go:build linux && amd64

package jit

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestHardenedProcess runs a guest in a process that may never have memory both
// writable and executable, as nodes are.
func TestHardenedProcess(t *testing.T) {
	if os.Getenv("DYNEMU_HARDENED") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestHardenedProcess$", "-test.v")
		cmd.Env = append(os.Environ(), "DYNEMU_HARDENED=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if strings.Contains(string(out), "SKIP:") {
			t.Skip("SKIP: this kernel has no PR_SET_MDWE")
		}
		return
	}
	if err := unix.Prctl(unix.PR_SET_MDWE, unix.PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0); err != nil {
		t.Skipf("SKIP: %v", err)
	}
	if b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS); err == nil {
		_ = unix.Munmap(b)
		t.Fatal("the process may map writable code")
	}
	p := newPair(t, Options{})
	p.code(codeAt, addiu(8, 8, 1), bne(8, 0, -2), addiu(9, 9, 3))
	p.runBoth(10_000, 1)
}

// TestMemoryIsNotWritableCode looks at the process's mappings.
func TestMemoryIsNotWritableCode(t *testing.T) {
	newPair(t, Options{})
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	// The two mappings of code memory have an inode in common.
	rights := map[string]string{}
	for _, l := range strings.Split(string(maps), "\n") {
		if f := strings.Fields(l); len(f) > 5 && strings.HasPrefix(f[5], "/dev/zero") {
			rights[f[4]] += f[1] + " "
		}
		if strings.Contains(l, "rwx") {
			t.Errorf("writable and executable: %s", l)
		}
	}
	seen := 0
	for _, r := range rights {
		if strings.Contains(r, "x") {
			seen++
			if r != "r-xs rw-s " && r != "rw-s r-xs " {
				t.Errorf("code memory is mapped %s", r)
			}
		}
	}
	if seen == 0 {
		t.Error("no mapping of code memory")
	}
}

// TestCodeMemoryRefused checks that a processor without code memory keeps its
// interpreter.
func TestCodeMemoryRefused(t *testing.T) {
	b := newBox(t)
	if e, err := New(b.CPU, Options{CodeBytes: 1 << 60}); err == nil {
		e.Close()
		t.Fatal("an exbibyte of code memory was granted")
	}
	b.poke(codeAt, addiu(8, 8, 1), bne(8, 0, -2), addiu(9, 9, 3))
	b.Run(3000)
	if b.State().GPR[9] != 3000 {
		t.Errorf("t1 = %d, want 3000", b.State().GPR[9])
	}
}
