package cmdline

import (
	"archive/zip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"dynemu/tests/testlab"
)

// An image in a ZIP archive is unpacked once, into the user's cache.
func TestZippedImage(t *testing.T) {
	cache, dir := t.TempDir(), t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	content, err := os.ReadFile(image(t))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "c7200.bin")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	w, err := z.Create("C7200-AD.BIN")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r := start(t, dir, "-r", "64", path)
		r.login(t)
		r.end(t)
		if got, _ := filepath.Glob(filepath.Join(cache, "dynemu", "c7200-*.image")); len(got) != 1 {
			t.Errorf("the cache holds %q", got)
		}
	}
	if err := os.Truncate(path, 5000); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(testlab.Bin(t), "dynamips"), path)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "c7200.bin: damaged ZIP archive") {
		t.Errorf("a damaged archive: %v, %s", err, out)
	}
}
