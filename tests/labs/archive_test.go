package labs

import (
	"archive/zip"
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"dynemu/tests/testlab"
)

// zipped is the bundled image as vendors pack theirs.
func zipped(t *testing.T) []byte {
	t.Helper()
	image, err := os.ReadFile("../../vm/firmware/router.elf")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("C7200-AD.BIN")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(image); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// An image in a ZIP archive is unpacked once, for all routers and starts; a bad
// archive leaves its router stopped and says why.
// Promises: 2, 9.
func TestZippedImage(t *testing.T) {
	d := testlab.Start(t)
	dir := t.TempDir()
	good := zipped(t)
	bad := bytes.Clone(good)
	bad[len(bad)/2] ^= 0x55
	for name, content := range map[string][]byte{"c7200.bin": good, "bad.bin": bad, "cut.bin": good[:len(good)/2]} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := "[localhost]\n[[7200]]\nram = 64\n"
	for router, image := range map[string]string{"R1": "c7200.bin", "R2": "c7200.bin", "Bad": "bad.bin", "Cut": "cut.bin"} {
		text += fmt.Sprintf("[[ROUTER %s]]\nimage = %s\n", router, filepath.Join(dir, image))
	}
	d.MustWriteLab("zip", text)
	r1 := d.Console("zip", "R1")
	d.Console("zip", "R2")
	if out := ask(t, r1, "show version"); !strings.Contains(out, "dynemu router software") {
		t.Errorf("show version:\n%s", out)
	}
	cache := filepath.Join(d.State, "cache")
	list := func() (names []string) {
		t.Helper()
		entries, err := os.ReadDir(cache)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	before := list()
	if len(before) != 1 || !strings.HasPrefix(before[0], "c7200-") {
		t.Fatalf("the cache holds %q", before)
	}
	st, err := os.Stat(filepath.Join(cache, before[0]))
	if err != nil {
		t.Fatal(err)
	}
	d.Kill()
	d.Run()
	if err := d.Write("reload", "labs", "zip", "R1", "ctl"); err != nil {
		t.Fatal(err)
	}
	d.Console("zip", "R1")
	if now, err := os.Stat(filepath.Join(cache, before[0])); err != nil || !os.SameFile(st, now) || len(list()) != 1 {
		t.Errorf("unpacked again: %v, %v", list(), err)
	}
	if info := d.Read("labs", "zip", "R1", "info"); !strings.Contains(info, filepath.Join(dir, "c7200.bin")) {
		t.Errorf("info does not name the archive:\n%s", info)
	}
	for router, want := range map[string]string{
		"Bad": `bad\.bin: (damaged )?ZIP archive`, "Cut": `cut\.bin: damaged ZIP archive: zip: not a valid zip file`,
	} {
		d.WaitState("zip", router, "stopped")
		if err := d.Write("start", "labs", "zip", router, "ctl"); err == nil {
			t.Errorf("%s was started", router)
		}
		if why := d.Read("labs", "zip", router, "errors"); !regexp.MustCompile(want).MatchString(why) {
			t.Errorf("errors of %s: %q, want %s", router, why, want)
		}
	}
}

// extractor is an image that unpacks another over itself, as a vendor's does:
// it moves a decompressor to the top of the memory that it knows to be there,
// which writes the packed image to where it belongs and starts it. The packing
// is runs: a length, 0 for the end; a byte; with bit 15 of the length set, so
// many bytes as they are.
const extractor = `
	.set noreorder
	.section .text
	.globl __start
__start:
	move	$s0, $a0
	lui	$t0, %hi(mover)
	addiu	$t0, $t0, %lo(mover)
	lui	$t1, %hi(end)
	addiu	$t1, $t1, %lo(end)
	lui	$t2, 0xa180		# 24 MiB, past the caches
1:	lw	$t3, 0($t0)
	sw	$t3, 0($t2)
	addiu	$t0, $t0, 4
	bne	$t0, $t1, 1b
	addiu	$t2, $t2, 4
	lui	$t9, 0xa180
	jr	$t9
	nop
	.align	2
mover:	# position-independent from here on
	bal	2f
	nop
2:	addiu	$t0, $ra, packed - 2b
	lui	$t1, 0xa000
	ori	$t1, $t1, 0x8000
3:	lbu	$t2, 0($t0)
	lbu	$t3, 1($t0)
	sll	$t2, $t2, 8
	or	$t2, $t2, $t3
	beq	$t2, $zero, 9f
	addiu	$t0, $t0, 2
	andi	$t3, $t2, 0x8000
	andi	$t2, $t2, 0x7fff
4:	lbu	$t4, 0($t0)
	sb	$t4, 0($t1)
	addiu	$t1, $t1, 1
	addiu	$t2, $t2, -1
	beq	$t3, $zero, 5f
	nop
	addiu	$t0, $t0, 1
5:	bne	$t2, $zero, 4b
	nop
	bne	$t3, $zero, 3b
	nop
	b	3b
	addiu	$t0, $t0, 1
9:	# nothing of the old code may stay in the caches
	lui	$t1, 0x8000
	lui	$t2, 0x8001
6:	cache	1, 0($t1)
	cache	0, 0($t1)
	addiu	$t1, $t1, 16
	bne	$t1, $t2, 6b
	nop
	move	$a0, $s0
	lui	$t9, 0x8000
	ori	$t9, $t9, 0x8000
	jr	$t9
	nop
packed:
	.incbin "packed"
	.align	2
end:
`

// pack is the packing of the extractor.
func pack(image []byte) (out []byte) {
	run := func(i int) int {
		n := 1
		for i+n < len(image) && image[i+n] == image[i] && n < 0x7fff {
			n++
		}
		return n
	}
	for i := 0; i < len(image); {
		if n := run(i); n >= 4 {
			out = append(out, byte(n>>8), byte(n), image[i])
			i += n
			continue
		}
		n := 0
		for i+n < len(image) && n < 0x7fff && run(i+n) < 4 {
			n++
		}
		out = append(out, byte(n>>8)|0x80, byte(n))
		out = append(out, image[i:i+n]...)
		i += n
	}
	return append(out, 0, 0)
}

// A self-extracting image runs as it is: the guest writes over the code that it
// has run, and an archive behind an ELF file makes it no archive.
// Promises: 2, 10.
func TestSelfExtractingImage(t *testing.T) {
	compiler, err := exec.LookPath("mips-linux-gnu-gcc")
	if err != nil {
		t.Skip("SKIP: mips-linux-gnu-gcc is not installed (Debian: gcc-mips-linux-gnu)")
	}
	f, err := elf.Open("../../vm/firmware/router.elf")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const base = 0x80008000
	var flat []byte
	for _, s := range f.Sections {
		if s.Flags&elf.SHF_ALLOC == 0 || s.Type == elf.SHT_NOBITS || s.Size == 0 {
			continue
		}
		b, err := s.Data()
		if err != nil {
			t.Fatal(err)
		}
		if end := int(s.Addr-base) + len(b); end > len(flat) {
			flat = append(flat, make([]byte, end-len(flat))...)
		}
		copy(flat[s.Addr-base:], b)
	}
	if f.Entry != base {
		t.Fatalf("the image starts at %#x", f.Entry)
	}
	dir := t.TempDir()
	for name, content := range map[string][]byte{"packed": pack(flat), "extractor.S": []byte(extractor)} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(compiler, "-march=mips3", "-mabi=32", "-EB", "-mno-abicalls", "-fno-pic", "-G0", "-nostdlib", "-static", "-no-pie",
		"-Wl,-Ttext=0x80008000", "-Wl,--build-id=none", "-o", "image.bin", "extractor.S")
	strip := exec.Command("mips-linux-gnu-strip", "-R", ".MIPS.abiflags", "-R", ".reginfo", "image.bin")
	for _, c := range []*exec.Cmd{cmd, strip} {
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", c.Args, err, out)
		}
	}
	image, err := os.ReadFile(filepath.Join(dir, "image.bin"))
	if err != nil {
		t.Fatal(err)
	}
	image = append(image, zipped(t)...)
	if err := os.WriteFile(filepath.Join(dir, "image.bin"), image, 0o600); err != nil {
		t.Fatal(err)
	}
	d := testlab.Start(t)
	d.MustWriteLab("self", "[localhost]\n[[7200]]\nram = 64\nimage = "+filepath.Join(dir, "image.bin")+
		"\n[[ROUTER R1]]\n[[ROUTER R2]]\njit = false\n")
	for _, name := range []string{"R1", "R2"} {
		c := d.Console("self", name)
		if out := ask(t, c, "show version"); !strings.Contains(out, "dynemu router software") {
			t.Errorf("%s: show version:\n%s", name, out)
		}
	}
	if _, err := os.Stat(filepath.Join(d.State, "cache")); err == nil {
		t.Error("a self-extracting image was unpacked by the emulator")
	}
}
