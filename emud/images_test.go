package emud_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dynemu/vm/firmware"
)

// Promise: 8.
func TestImages(t *testing.T) {
	h := newHost(t)
	dir := filepath.Join(h.dir, "state", "images")
	image := slices.Clone(firmware.Router())
	image[18], image[19] = 0, 0x19 // as an image for one platform has it
	write := func(path string, data []byte) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(dir, "c7200.image"), image)
	write(filepath.Join(dir, "text"), []byte("no image"))
	write(filepath.Join(dir, ".hidden"), image)
	var packed bytes.Buffer
	z := zip.NewWriter(&packed)
	f, err := z.Create("c7200.image")
	if err != nil {
		t.Fatal(err)
	}
	f.Write(image)
	z.Close()
	write(filepath.Join(dir, "c7200.bin"), packed.Bytes())
	elsewhere := filepath.Join(t.TempDir(), "c7200.image")
	write(elsewhere, append(slices.Clone(image), 0))

	h.mustApply("x", "autostart = false\n[localhost]\n[[ROUTER R1]]\nimage = "+elsewhere+"\n[[ROUTER R2]]\n[[ROUTER R3]]\nimage = c7200.image\n[[ROUTER R4]]\nimage = /nowhere/none\n")
	want := []string{"builtin", "c7200.bin", "c7200.image", "c7200.image@x", "text"}
	if got := h.d.Images(); !slices.Equal(got, want) {
		t.Errorf("images: %q, want %q", got, want)
	}
	has := func(name string, lines ...string) {
		t.Helper()
		text, err := h.d.ImageText(name)
		if err != nil {
			t.Error(err)
		}
		for _, l := range lines {
			if !strings.Contains("\n"+string(text), "\n"+l+"\n") {
				t.Errorf("%s has no line %q:\n%s", name, l, text)
			}
		}
	}
	sum := fmt.Sprintf("sha256         %x", sha256.Sum256(image))
	has("c7200.image", "name           c7200.image", "path           "+filepath.Join(dir, "c7200.image"), "platform       Cisco 7200",
		fmt.Sprintf("size           %d", len(image)), sum, "used by        x/R3")
	has("c7200.image@x", "path           "+elsewhere, "used by        x/R1")
	has("text", "size           8", "cannot run     not a router image: not an ELF file")
	has("builtin", "size           13", "used by        x/R2")
	has("c7200.bin", "archive        ZIP, unpacked when a router is started with it", fmt.Sprintf("size           %d", packed.Len()))
	if _, err := h.d.ImageText("none"); err == nil {
		t.Error("an image that is not there is described")
	}

	if err := h.d.SetIdleDB([]byte("c7200.image = 0x60001234\n")); err != nil {
		t.Fatal(err)
	}
	has("c7200.image", "idle-pc        0x60001234")
	h.mustApply("y", "[localhost]\n[[ROUTER Y1]]\nimage = c7200.bin\n")
	has("c7200.bin", "unpacked from  "+filepath.Join(dir, "c7200.bin"), "platform       Cisco 7200", sum, "used by        y/Y1")

	// What was replaced is read anew.
	write(filepath.Join(dir, "text"), []byte("another text"))
	has("text", "size           12", fmt.Sprintf("sha256         %x", sha256.Sum256([]byte("another text"))))
}
