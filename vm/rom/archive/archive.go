// Package archive unpacks router images that come as ZIP archives, once, into a
// folder of its own. Images that unpack themselves are ELF files and none of its
// business. It knows nothing of labs or routers.
package archive

import (
	"archive/zip"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

const (
	// MaxImage bounds an unpacked image in bytes: the RAM of the largest router.
	MaxImage = 512 << 20
	// maxDirectory bounds what is read of an archive's directory, in bytes: about
	// 20000 files, of which an image's archive has one.
	maxDirectory = 1 << 20
)

// Is reports whether a file begins as a ZIP archive does.
func Is(r io.ReaderAt) bool {
	var b [4]byte
	_, err := r.ReadAt(b[:], 0)
	return err == nil && (string(b[:]) == "PK\x03\x04" || string(b[:]) == "PK\x05\x06")
}

// metered is a reader that allows so many bytes to be read.
type metered struct {
	r    io.ReaderAt
	left int64
}

var errDirectory = fmt.Errorf("its directory is larger than %d bytes; an image's archive holds one file", maxDirectory)

func (m *metered) ReadAt(p []byte, off int64) (int, error) {
	if m.left -= int64(len(p)); m.left < 0 {
		return 0, errDirectory
	}
	return m.r.ReadAt(p, off)
}

// member finds the image in an archive of size bytes.
func member(r io.ReaderAt, size int64) (*zip.File, error) {
	m := &metered{r, maxDirectory}
	z, err := zip.NewReader(m, size)
	if err != nil {
		return nil, fmt.Errorf("damaged ZIP archive: %w", err)
	}
	m.left = 1<<63 - 1
	var files, images []*zip.File
	for _, f := range z.File {
		if f.FileInfo().Mode().IsRegular() {
			files = append(files, f)
		}
	}
	for _, f := range files {
		if len(files) == 1 || isImage(f) {
			images = append(images, f)
		}
	}
	if len(images) != 1 {
		return nil, fmt.Errorf("ZIP archive with %d router images (%s); one is expected", len(images), names(files))
	}
	switch f := images[0]; {
	case f.Flags&1 != 0:
		return nil, fmt.Errorf("ZIP archive: %s in it is encrypted", f.Name)
	case f.UncompressedSize64 == 0:
		return nil, fmt.Errorf("ZIP archive: %s in it is empty", f.Name)
	case f.UncompressedSize64 > MaxImage:
		return nil, fmt.Errorf("ZIP archive: %s in it has %d bytes; at most %d are accepted", f.Name, f.UncompressedSize64, int64(MaxImage))
	case !isImage(f):
		return nil, fmt.Errorf("ZIP archive: %s in it is no router image: an ELF file is accepted", f.Name)
	}
	return images[0], nil
}

// isImage reports whether a file in an archive begins as an ELF file does.
func isImage(f *zip.File) bool {
	r, err := f.Open()
	if err != nil {
		return false
	}
	defer r.Close()
	var b [4]byte
	_, err = io.ReadFull(r, b[:])
	return err == nil && string(b[:]) == elf.ELFMAG
}

// names lists files for a message.
func names(files []*zip.File) string {
	const most = 5
	var s []string
	for i, f := range files {
		if i == most {
			s = append(s, fmt.Sprintf("and %d more", len(files)-most))
			break
		}
		s = append(s, fmt.Sprintf("%q", path.Base(f.Name)))
	}
	if s == nil {
		return "no files"
	}
	return strings.Join(s, ", ")
}

// unpack writes the image to w. No more than its directory says is written,
// whatever the archive holds.
func unpack(f *zip.File, w io.Writer) error {
	r, err := f.Open()
	if err != nil {
		return fmt.Errorf("ZIP archive: %s in it: %w", f.Name, err)
	}
	defer r.Close()
	n, err := io.Copy(w, io.LimitReader(r, int64(f.UncompressedSize64)+1))
	var damage error
	switch {
	case errors.Is(err, zip.ErrChecksum):
		damage = errors.New("its checksum is wrong")
	case err != nil:
		damage = err
	case uint64(n) != f.UncompressedSize64:
		damage = fmt.Errorf("it has not the %d bytes that the directory says", f.UncompressedSize64)
	}
	if damage != nil {
		return fmt.Errorf("ZIP archive: %s in it cannot be unpacked: %w", f.Name, damage)
	}
	return nil
}
