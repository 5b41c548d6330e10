package firmware

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const compiler = "mips-linux-gnu-gcc"

// TestRebuild builds the image from the sources beside it and compares it with
// the committed one. Another compiler release may choose other instructions,
// so the release that built the committed image is part of the source.
func TestRebuild(t *testing.T) {
	version, err := exec.Command(compiler, "-dumpfullversion").Output()
	if err != nil {
		t.Skipf("SKIP: %s is not installed (Debian: gcc-mips-linux-gnu)", compiler)
	}
	want, err := os.ReadFile("src/COMPILER")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.TrimSpace(string(version)), strings.TrimSpace(string(want)); got != want {
		t.Skipf("SKIP: %s is %s, the committed image was built by %s", compiler, got, want)
	}
	dir := t.TempDir()
	out := filepath.Join(dir, "router.elf")
	cmd := exec.Command("make", "-s", "-j2", "OUT="+out, "BUILD="+filepath.Join(dir, "build"))
	cmd.Dir = "src"
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make: %v\n%s", err, msg)
	}
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, Router()) {
		t.Errorf("the image built from src (%d bytes) differs from router.elf (%d bytes): run make in vm/firmware/src",
			len(got), len(Router()))
	}
}

// TestImage checks what loaders rely on (cpu reference, 8.6): sections are
// copied to their addresses, so every allocated one must lie in RAM.
func TestImage(t *testing.T) {
	f, err := elf.NewFile(bytes.NewReader(Router()))
	if err != nil {
		t.Fatal(err)
	}
	if f.Class != elf.ELFCLASS32 || f.Data != elf.ELFDATA2MSB || f.Machine != elf.EM_MIPS || f.Type != elf.ET_EXEC {
		t.Errorf("image is %v %v %v %v", f.Class, f.Data, f.Machine, f.Type)
	}
	if f.Entry != 0x80008000 {
		t.Errorf("entry %#x, want 0x80008000", f.Entry)
	}
	const ramStart, ramEnd = 0x80008000, 0x81000000
	for _, s := range f.Sections {
		if s.Flags&elf.SHF_ALLOC != 0 && s.Size > 0 && (s.Addr < ramStart || s.Addr+s.Size > ramEnd) {
			t.Errorf("section %s at %#x, %#x bytes: outside RAM", s.Name, s.Addr, s.Size)
		}
	}
	if pc := IdlePC(); pc>>32 != 0xffffffff || uint32(pc) < ramStart || uint32(pc) >= ramEnd || pc%4 != 0 {
		t.Errorf("idle-PC %#x is no instruction of the image", pc)
	}
	if !bytes.Contains(Router(), []byte("dynemu router software, version ")) {
		t.Error("the image does not name itself")
	}
}

// TestVersion keeps Version and the image's own idea of it together.
func TestVersion(t *testing.T) {
	h, err := os.ReadFile("src/version.h")
	if err != nil {
		t.Fatal(err)
	}
	if want := `FIRMWARE_VERSION "` + Version + `"`; !strings.Contains(string(h), want) {
		t.Errorf("src/version.h does not say %s", want)
	}
}
