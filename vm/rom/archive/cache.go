package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Cache is a folder of unpacked images. Each is named by the content of the
// archive that it came from, so that an archive which was replaced is unpacked
// anew and one that was renamed is not. Several programs may share a folder.
type Cache struct {
	Dir string

	mu    sync.Mutex
	known map[identity]string // path of the image of an archive seen before
}

// identity tells an archive's file from itself before and after a change.
type identity struct {
	dev, ino     uint64
	size         int64
	mtime, ctime syscall.Timespec
}

// maxBase is how much of an archive's name goes into that of its image, in bytes.
const maxBase = 100

// staleAfter is how old a half-written file is that nobody writes any more.
const staleAfter = time.Hour

// Open returns the image in the archive f, opened for reading, and its path. It
// is unpacked unless an earlier call, of any program, has done so.
func (c *Cache) Open(f *os.File) (*os.File, string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	st, err := f.Stat()
	if err != nil {
		return nil, "", err
	}
	id := identityOf(st)
	if path, ok := c.known[id]; ok {
		if image, err := os.Open(path); err == nil {
			return image, path, nil
		}
	}
	image, path, err := c.open(f, st.Size())
	if err != nil {
		return nil, "", err
	}
	if c.known == nil {
		c.known = map[identity]string{}
	}
	c.known[id] = path
	return image, path, nil
}

func identityOf(st os.FileInfo) identity {
	s := st.Sys().(*syscall.Stat_t)
	return identity{s.Dev, s.Ino, s.Size, s.Mtim, s.Ctim}
}

func (c *Cache) open(f *os.File, size int64) (*os.File, string, error) {
	m, err := member(f, size)
	if err != nil {
		return nil, "", err
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(f, 0, size)); err != nil {
		return nil, "", err
	}
	path := c.Path(filepath.Base(f.Name()), [sha256.Size]byte(h.Sum(nil)))
	// A disk that lost power may have kept the name and not the content.
	if image, err := os.Open(path); err == nil {
		if intact(image, int64(m.UncompressedSize64), m.CRC32) {
			return image, path, nil
		}
		image.Close()
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, "", err
	}
	c.sweep()
	tmp, err := os.CreateTemp(c.Dir, ".new-*")
	if err != nil {
		return nil, "", fmt.Errorf("cannot unpack: %w", err)
	}
	defer os.Remove(tmp.Name())
	err = unpack(m, tmp)
	if err == nil {
		err = tmp.Sync()
	}
	if err := errors.Join(err, tmp.Close()); err != nil {
		return nil, "", err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return nil, "", fmt.Errorf("cannot unpack: %w", err)
	}
	image, err := os.Open(path)
	return image, path, err
}

// Path is where the image of an archive of that name and SHA-256 lies once it was
// unpacked.
func (c *Cache) Path(name string, sum [sha256.Size]byte) string {
	base := strings.TrimSuffix(name, ".bin")
	base = base[:min(len(base), maxBase)]
	return filepath.Join(c.Dir, base+"-"+hex.EncodeToString(sum[:12])+".image")
}

// intact reports whether a file has the length and checksum of an image.
func intact(f *os.File, size int64, crc uint32) bool {
	st, err := f.Stat()
	if err != nil || st.Size() != size {
		return false
	}
	h := crc32.NewIEEE()
	if _, err := io.Copy(h, io.NewSectionReader(f, 0, size)); err != nil {
		return false
	}
	return h.Sum32() == crc
}

// sweep removes what a program that was killed had not finished.
func (c *Cache) sweep() {
	entries, err := os.ReadDir(c.Dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && strings.HasPrefix(e.Name(), ".new-") && time.Since(info.ModTime()) > staleAfter {
			if err := os.Remove(filepath.Join(c.Dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return
			}
		}
	}
}
