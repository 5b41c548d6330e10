package archive

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// img is what passes for an image here.
func img(text string) string { return "\x7fELF" + text }

type entry struct{ name, content string }

// pack makes an archive.
func pack(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		w, err := z.Create(e.name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func write(t testing.TB, path string, content []byte) *os.File {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// open returns the content of the image in an archive, and its path.
func open(t testing.TB, c *Cache, f *os.File) (string, string) {
	t.Helper()
	image, path, err := c.Open(f)
	if err != nil {
		t.Fatal(err)
	}
	defer image.Close()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), path
}

func TestUnpackOnce(t *testing.T) {
	dir := t.TempDir()
	c := &Cache{Dir: filepath.Join(dir, "cache", "images")}
	one, two := img(strings.Repeat("one", 1000)), img("two")
	archive := filepath.Join(dir, "c7200.bin")
	f := write(t, archive, pack(t, entry{"C7200-AD.BIN", one}))
	if !Is(f) {
		t.Error("not taken for an archive")
	}
	got, path := open(t, c, f)
	if got != one || filepath.Dir(path) != c.Dir || !strings.HasPrefix(filepath.Base(path), "c7200-") {
		t.Fatalf("unpacked %d bytes into %s", len(got), path)
	}
	// A mark shows whether it is unpacked again: the size and checksum are right.
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, next := range map[string]*Cache{"same program": c, "another program": {Dir: c.Dir}} {
		if _, again := open(t, next, f); again != path {
			t.Errorf("%s: unpacked into %s", name, again)
		}
		if now, err := os.Stat(path); err != nil || !os.SameFile(st, now) {
			t.Errorf("%s: unpacked again", name)
		}
	}
	// Another content under the same name and of the same age.
	g := write(t, archive, pack(t, entry{"C7200-AD.BIN", two}))
	if err := os.Chtimes(archive, time.Time{}, st.ModTime()); err != nil {
		t.Fatal(err)
	}
	if got, other := open(t, c, g); got != two || other == path {
		t.Errorf("replaced archive: %q in %s", got, other)
	}
	// An image that was damaged, or is gone, is unpacked again.
	g = write(t, archive, pack(t, entry{"C7200-AD.BIN", one}))
	for _, damage := range []func() error{
		func() error { return os.WriteFile(path, []byte(img(strings.Repeat("0ne", 1000))), 0o600) },
		func() error { return os.Truncate(path, 10) },
		func() error { return os.Remove(path) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		if got, _ := open(t, &Cache{Dir: c.Dir}, g); got != one {
			t.Errorf("over a damaged image: %d bytes", len(got))
		}
	}
	if left, _ := filepath.Glob(filepath.Join(c.Dir, ".new-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestTogether(t *testing.T) {
	dir := t.TempDir()
	image := img(strings.Repeat("image", 100000))
	f := write(t, filepath.Join(dir, "a.bin"), pack(t, entry{"a", image}))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			c := &Cache{Dir: filepath.Join(dir, "cache")}
			out, path, err := c.Open(f)
			if err != nil {
				t.Error(err)
				return
			}
			out.Close()
			if b, err := os.ReadFile(path); err != nil || string(b) != image {
				t.Errorf("%d bytes, %v", len(b), err)
			}
		})
	}
	wg.Wait()
	if all, _ := os.ReadDir(filepath.Join(dir, "cache")); len(all) != 1 {
		t.Errorf("the cache holds %v", all)
	}
}

func TestWhatIsTaken(t *testing.T) {
	image := img("image")
	good := pack(t, entry{"x/C7200.BIN", image})
	patch := func(at int, b ...byte) []byte {
		c := bytes.Clone(good)
		copy(c[at:], b)
		return c
	}
	directory := bytes.Index(good, []byte("PK\x01\x02"))
	huge := make([]byte, 4)
	binary.LittleEndian.PutUint32(huge, MaxImage+1)
	var many []entry
	for i := range 30000 {
		many = append(many, entry{fmt.Sprintf("file%05d", i), ""})
	}
	for _, c := range []struct {
		name    string
		content []byte
		want    string // in the error; "" for none
	}{
		{"one", good, ""},
		{"with a folder and a note", pack(t, entry{"x/", ""}, entry{"README", "text"}, entry{"c7200", image}), ""},
		{"text", pack(t, entry{"README", "text"}), "README in it is no router image: an ELF file is accepted"},
		{"two", pack(t, entry{"a", image}, entry{"b", image}), `2 router images ("a", "b"); one is expected`},
		{"no image", pack(t, entry{"a", "1"}, entry{"b", "2"}, entry{"c", "3"}, entry{"d", "4"}, entry{"e", "5"}, entry{"f", "6"}), `0 router images ("a", "b", "c", "d", "e", and 1 more)`},
		{"nothing", pack(t), "0 router images (no files)"},
		{"empty image", pack(t, entry{"a", ""}), "a in it is empty"},
		{"cut short", good[:len(good)-30], "damaged ZIP archive: zip: not a valid zip file"},
		{"only the beginning", good[:20], "damaged ZIP archive"},
		{"bad checksum", patch(directory+16, 1, 2, 3, 4), "cannot be unpacked"},
		{"too large", patch(directory+24, huge...), "at most 536870912 are accepted"},
		{"larger than it says", patch(directory+24, 5, 0, 0, 0), "cannot be unpacked"},
		{"encrypted", patch(directory+8, 1), "encrypted"},
		{"unknown method", patch(directory+10, 99), "no router image"},
		{"many files", pack(t, many...), "directory is larger than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			cache := &Cache{Dir: filepath.Join(dir, "cache")}
			f := write(t, filepath.Join(dir, "a.bin"), c.content)
			out, path, err := cache.Open(f)
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				out.Close()
				if b, err := os.ReadFile(path); err != nil || string(b) != image {
					t.Errorf("%q, %v", b, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if left, _ := os.ReadDir(cache.Dir); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
	for name, content := range map[string]string{"ELF": image, "empty": "", "short": "PK", "text": "PKZIP is a program"} {
		if Is(strings.NewReader(content)) {
			t.Errorf("%s is taken for an archive", name)
		}
	}
}

// A few kilobytes that unpack to gigabytes are refused before they are
// unpacked, or when they turn out to be more than they say.
func TestBomb(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("bomb")
	if err != nil {
		t.Fatal(err)
	}
	chunk := make([]byte, 1<<20)
	copy(chunk, img(""))
	for range MaxImage>>20 + 1 {
		if _, err := w.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c := &Cache{Dir: filepath.Join(dir, "cache")}
	if _, _, err := c.Open(write(t, filepath.Join(dir, "a.bin"), b.Bytes())); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("honest bomb: %v", err)
	}
	// The same with a directory that says 64 bytes.
	lie := b.Bytes()
	at := bytes.LastIndex(lie, []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint32(lie[at+24:], 64)
	if _, _, err := c.Open(write(t, filepath.Join(dir, "b.bin"), lie)); err == nil || !strings.Contains(err.Error(), "cannot be unpacked") {
		t.Errorf("bomb that lies: %v", err)
	}
	if left, _ := os.ReadDir(c.Dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func FuzzMember(f *testing.F) {
	f.Add(pack(f, entry{"a", img("image")}))
	f.Add(pack(f, entry{"a", img("image")}, entry{"README", "text"}))
	f.Add([]byte("PK\x05\x06"))
	f.Fuzz(func(t *testing.T, content []byte) {
		m, err := member(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := unpack(m, &out); err == nil && uint64(out.Len()) != m.UncompressedSize64 {
			t.Errorf("%d bytes unpacked, the directory says %d", out.Len(), m.UncompressedSize64)
		}
	})
}
