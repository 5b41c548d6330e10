package storage

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/fat16"
)

// partition opens the file system on a disk with a library that others wrote.
func partition(t *testing.T, f *os.File, mib int) *fat16.FileSystem {
	t.Helper()
	l, err := layoutOf(int64(mib) << 20)
	if err != nil {
		t.Fatal(err)
	}
	fs, err := fat16.Read(file.New(f, false), int64(l.partition)*sectorSize, track*sectorSize, sectorSize)
	if err != nil {
		t.Fatal(err)
	}
	return fs
}

// Files go into a disk and come out of it with the host's programs and with a
// library.
func TestFilesOnDisk(t *testing.T) {
	for _, tool := range []string{"mcopy", "fsck.fat"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIP: %s is not installed (Debian: mtools, dosfstools)", tool)
		}
	}
	for _, mib := range []int{8, 32, 64, 128, 512} {
		f := create(t)
		if _, err := OpenDisk(f, mib, "disk0"); err != nil {
			t.Fatal(err)
		}
		fsck(t, f, mib)
		tool := func(name string, args ...string) {
			t.Helper()
			if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
				t.Fatalf("%d MiB: %s %v: %v\n%s", mib, name, args, err, out)
			}
		}
		image := f.Name() + "@@" + strconv.Itoa(track*sectorSize)
		dir := t.TempDir()

		// Written by the library, read by mtools.
		first := bytes.Repeat([]byte("written by a library\n"), 20000)
		w, err := partition(t, f, mib).OpenFile("/FIRST.CFG", os.O_CREATE|os.O_RDWR)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(first); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		tool("mcopy", "-i", image, "::FIRST.CFG", filepath.Join(dir, "first"))
		if got, err := os.ReadFile(filepath.Join(dir, "first")); err != nil || !bytes.Equal(got, first) {
			t.Errorf("%d MiB: mcopy read %d bytes, %v", mib, len(got), err)
		}

		// Written by mtools, read by the library.
		second := bytes.Repeat([]byte("written by mtools\n"), 5000)
		if err := os.WriteFile(filepath.Join(dir, "second"), second, 0o600); err != nil {
			t.Fatal(err)
		}
		tool("mcopy", "-i", image, filepath.Join(dir, "second"), "::SECOND.CFG")
		r, err := partition(t, f, mib).OpenFile("/SECOND.CFG", os.O_RDONLY)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, second) {
			t.Errorf("%d MiB: the library read %d bytes, %v", mib, len(got), err)
		}

		fsck(t, f, mib)
	}
}

// fsck checks the file system with the host's checker, on a copy of the
// partition. The label of the boot sector has no entry in the root directory,
// which is empty in a new disk (c7200 reference, 11.3); nothing else is wrong.
func fsck(t *testing.T, f *os.File, mib int) {
	t.Helper()
	l, err := layoutOf(int64(mib) << 20)
	if err != nil {
		t.Fatal(err)
	}
	part, err := os.Create(filepath.Join(t.TempDir(), "partition"))
	if err != nil {
		t.Fatal(err)
	}
	defer part.Close()
	size := int64(l.partition) * sectorSize
	const written = 4 << 20 // what the test's files reach at most
	if _, err := io.Copy(part, io.NewSectionReader(f, track*sectorSize, min(size, written))); err != nil {
		t.Fatal(err)
	}
	if err := part.Truncate(size); err != nil {
		t.Fatal(err)
	}
	out, _ := exec.Command("fsck.fat", "-n", part.Name()).CombinedOutput()
	clean := regexp.MustCompile(`^fsck\.fat .*\nLabel in boot sector is 'disk0', but there is no volume label in root directory\.\n.*\n\nLeaving filesystem unchanged\.\n.*/partition: \d+ files, \d+/\d+ clusters\n$`)
	if !clean.Match(out) {
		t.Errorf("%d MiB: %s", mib, out)
	}
}
