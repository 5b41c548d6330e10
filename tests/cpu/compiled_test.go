package cpu

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestCompiledPrograms compiles C programs for MIPS64 and compares what they
// print on dynemu's CPU and under qemu.
func TestCompiledPrograms(t *testing.T) {
	needQemu(t)
	const compiler = "mips64-linux-gnuabi64-gcc"
	if _, err := exec.LookPath(compiler); err != nil {
		t.Skipf("SKIP: %s (Debian package gcc-mips64-linux-gnuabi64) is not installed: no compiled programs are compared", compiler)
	}
	for _, name := range []string{"integer", "float"} {
		for _, flags := range [][]string{{"-O0"}, {"-O2"}, {"-O3", "-funroll-loops"}} {
			t.Run(name+flags[0], func(t *testing.T) {
				path := filepath.Join(t.TempDir(), name)
				args := append([]string{"-march=mips4", "-mabi=64", "-mhard-float", "-mno-abicalls", "-fno-pic", "-G0", "-ffreestanding",
					"-fno-tree-loop-distribute-patterns", "-nostdlib", "-static", "-Wl,--build-id=none", "-T", "testdata/program.ld", "-o", path,
					"testdata/start.S", "testdata/" + name + ".c"}, flags...)
				if out, err := exec.Command(compiler, args...).CombinedOutput(); err != nil {
					t.Fatalf("%s: %v\n%s", compiler, err, out)
				}
				p := load(t, path)
				// qemu gets the same segments, the stack among them.
				packed := path + ".packed"
				if err := os.WriteFile(packed, elf64(p), 0o755); err != nil {
					t.Fatal(err)
				}
				want, err := runQemu(packed)
				if err != nil {
					t.Fatal(err)
				}
				for _, engine := range engines {
					got, n, err := runHere(p, engine)
					if err != nil {
						t.Errorf("%s: after %d instructions: %v", engine, n, err)
					}
					compareLines(t, got, want)
					t.Logf("%s: %d instructions, %d bytes of output", engine, n, len(want))
				}
			})
		}
	}
}

func load(t *testing.T, path string) program {
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	image := make([]byte, 1<<23)
	for _, s := range f.Progs {
		if s.Type != elf.PT_LOAD {
			continue
		}
		if s.Vaddr < codeVA || s.Vaddr+s.Memsz > codeVA+uint64(len(image)) {
			t.Fatalf("segment at %#x of %#x bytes is outside the program's window", s.Vaddr, s.Memsz)
		}
		if _, err := s.ReadAt(image[s.Vaddr-codeVA:][:s.Filesz], 0); err != nil {
			t.Fatal(err)
		}
	}
	return program{entry: uint32(f.Entry), segments: []segment{{codeVA, image}, {scratchVA, make([]byte, 0x10000)}}}
}

func compareLines(t *testing.T, got, want []byte) {
	t.Helper()
	g, w := bytes.Split(got, []byte("\n")), bytes.Split(want, []byte("\n"))
	bad := 0
	for i := range w {
		if i >= len(g) {
			t.Fatalf("output ends after line %d of %d", len(g), len(w))
		}
		if !bytes.Equal(g[i], w[i]) && bad < 10 {
			bad++
			t.Errorf("line %d: here %q, qemu %q", i+1, g[i], w[i])
		}
	}
	if len(w) < 50 {
		t.Errorf("qemu printed only %d lines: the program did not run", len(w))
	}
}
