// Package store keeps one blob, a router's NVRAM or its ROMMON variables, in a
// file so that a crash at any instant leaves the old content or the new. It
// works on an open file: whoever holds only the descriptor can use it. It knows
// nothing of what the content means.
//
// # Format
//
// The file begins with two headers, in a block of 4096 bytes each; the rest
// holds the contents that they point to, on block boundaries. Header, big endian:
//
//	0   8  magic "dynstor1"
//	8   8  sequence number, from 1
//	16  8  offset of the content in bytes
//	24  8  length of the content in bytes
//	32  4  CRC-32C of the content
//	36  4  CRC-32C of bytes 0 to 35
//
// The valid header with the highest sequence number whose content matches its
// CRC holds the current content. A write puts the new content where the current
// one is not, makes it durable, and only then writes the other header, which
// fits in one disk sector.
package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

const (
	magic     = "dynstor1"
	block     = 4096
	headerLen = 40
	data      = 2 * block // where contents begin
)

// MaxSize is the largest content in bytes.
const MaxSize = 64 << 20

// ErrCorrupt is returned by Read for a file that holds something, but no
// content that its checksum confirms.
var ErrCorrupt = errors.New("no intact content in store")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// file is what the store needs of a file.
type file interface {
	io.ReaderAt
	io.WriterAt
	size() (int64, error)
	sync() error // makes all writes so far durable
}

type osFile struct{ *os.File }

func (f osFile) size() (int64, error) {
	fi, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return fi.Size(), nil
}

func (f osFile) sync() error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	if ctlErr := c.Control(func(fd uintptr) { err = unix.Fdatasync(int(fd)) }); ctlErr != nil {
		return ctlErr
	}
	return err
}

type header struct {
	sequence       uint64
	offset, length int64
	crc            uint32
}

// Read returns the content, nil when the file is empty. It returns ErrCorrupt
// when the file is not a store or both contents are damaged.
func Read(f *os.File) ([]byte, error) {
	content, err := read(osFile{f})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return content, nil
}

// Load is Read for a router, which starts with what there is: from a damaged
// file it takes what it can. found says what is wrong with the file, "" for
// nothing; err is for a file that cannot be read at all. Nothing is written.
func Load(f *os.File) (content []byte, found string, err error) {
	content, found, err = load(osFile{f})
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", f.Name(), err)
	}
	return content, found, nil
}

// Write replaces the content, of at most MaxSize bytes. When it returns, the new
// content is on disk; when it fails or is cut short, the old one still is. One
// process may write at a time.
func Write(f *os.File, content []byte) error {
	if err := write(osFile{f}, content); err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	return nil
}

func read(f file) ([]byte, error) {
	content, _, _, err := current(f)
	return content, err
}

// current returns the content in force, its header, and the slot of that
// header; slot -1 when there is none.
func current(f file) (content []byte, h header, slot int, err error) {
	size, err := f.size()
	if err != nil || size == 0 {
		return nil, header{}, -1, err
	}
	slot = -1
	for i := range 2 {
		c, ok, err := readHeader(f, i, size)
		if err != nil {
			return nil, header{}, -1, err
		}
		if !ok || slot >= 0 && c.sequence < h.sequence {
			continue
		}
		b := make([]byte, c.length)
		if _, err := f.ReadAt(b, c.offset); err != nil && err != io.EOF {
			return nil, header{}, -1, err
		}
		if crc32.Checksum(b, castagnoli) == c.crc {
			content, h, slot = b, c, i
		}
	}
	if slot < 0 && used(f, size) {
		return nil, header{}, -1, ErrCorrupt
	}
	return content, h, slot, nil
}

// load does the work of Load.
func load(f file) (content []byte, found string, err error) {
	content, h, slot, err := current(f)
	switch {
	case err != nil && !errors.Is(err, ErrCorrupt):
		return nil, "", err
	case err != nil:
		return salvage(f)
	case slot < 0:
		return nil, "", nil
	}
	size, err := f.size()
	if err != nil {
		return nil, "", err
	}
	other, ok, err := readHeader(f, otherSlot(slot), size)
	switch {
	case err != nil:
		return nil, "", err
	case ok && other.sequence > h.sequence:
		return content, "the newer of its two copies is damaged; the older one is used", nil
	case !ok && !blank(f, otherSlot(slot)):
		return content, "one of its two copies is damaged; the other one is used", nil
	}
	return content, "", nil
}

// salvage returns the newest content of a file without an intact one, as it is:
// the guest has a checksum of its own, as it has for memory whose battery died.
func salvage(f file) (content []byte, found string, err error) {
	size, err := f.size()
	if err != nil {
		return nil, "", err
	}
	var newest header
	for i := range 2 {
		h, ok, err := readHeader(f, i, size)
		if err != nil {
			return nil, "", err
		}
		if ok && h.sequence > newest.sequence {
			newest = h
		}
	}
	if newest.sequence == 0 {
		return nil, "it is damaged beyond use and taken as empty", nil
	}
	content = make([]byte, newest.length)
	if _, err := f.ReadAt(content, newest.offset); err != nil && err != io.EOF {
		return nil, "", err
	}
	return content, "both of its copies are damaged; the newer one is used as it is", nil
}

// blank reports whether a header was never written.
func blank(f file, slot int) bool {
	b := make([]byte, headerLen)
	if _, err := f.ReadAt(b, int64(slot)*block); err != nil && err != io.EOF {
		return false
	}
	return bytes.Equal(b, make([]byte, headerLen))
}

// used reports whether the file ever held content: a first write that was cut
// short before its header leaves both headers zero.
func used(f file, size int64) bool {
	b := make([]byte, min(size, data))
	if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
		return true
	}
	for _, c := range b {
		if c != 0 {
			return true
		}
	}
	return false
}

func readHeader(f file, slot int, size int64) (h header, ok bool, err error) {
	b := make([]byte, headerLen)
	if n, err := f.ReadAt(b, int64(slot)*block); err == io.EOF && n < headerLen {
		return h, false, nil
	} else if err != nil && err != io.EOF {
		return h, false, err
	}
	if string(b[:8]) != magic || crc32.Checksum(b[:36], castagnoli) != binary.BigEndian.Uint32(b[36:]) {
		return h, false, nil
	}
	h = header{
		sequence: binary.BigEndian.Uint64(b[8:]),
		offset:   int64(binary.BigEndian.Uint64(b[16:])),
		length:   int64(binary.BigEndian.Uint64(b[24:])),
		crc:      binary.BigEndian.Uint32(b[32:]),
	}
	ok = h.length >= 0 && h.length <= MaxSize && h.offset >= data && h.offset <= size-h.length
	return h, ok, nil
}

func write(f file, content []byte) error {
	if len(content) > MaxSize {
		return fmt.Errorf("content of %d bytes: at most %d fit", len(content), MaxSize)
	}
	_, old, slot, err := current(f)
	if err != nil && !errors.Is(err, ErrCorrupt) {
		return err
	}
	h := header{sequence: 1, offset: data, length: int64(len(content)), crc: crc32.Checksum(content, castagnoli)}
	if slot >= 0 {
		h.sequence = old.sequence + 1
		if old.length > 0 && old.offset < data+h.length { // no room before the old content
			h.offset = roundUp(old.offset + old.length)
		}
	}
	if _, err := f.WriteAt(content, h.offset); err != nil {
		return err
	}
	if err := f.sync(); err != nil {
		return err
	}
	// Of no content in force, the headers may be anything: sequence number 1
	// must win over what the other slot pretends, so that one goes first.
	if slot < 0 {
		if err := clearHeader(f, 1); err != nil {
			return err
		}
	}
	if _, err := f.WriteAt(h.encode(), int64(otherSlot(slot))*block); err != nil {
		return err
	}
	return f.sync()
}

func clearHeader(f file, slot int) error {
	if _, err := f.WriteAt(make([]byte, headerLen), int64(slot)*block); err != nil {
		return err
	}
	return f.sync()
}

// otherSlot is the header that the next write uses when slot holds the current
// one, -1 none.
func otherSlot(slot int) int {
	if slot == 0 {
		return 1
	}
	return 0
}

func (h header) encode() []byte {
	b := make([]byte, headerLen)
	copy(b, magic)
	binary.BigEndian.PutUint64(b[8:], h.sequence)
	binary.BigEndian.PutUint64(b[16:], uint64(h.offset))
	binary.BigEndian.PutUint64(b[24:], uint64(h.length))
	binary.BigEndian.PutUint32(b[32:], h.crc)
	binary.BigEndian.PutUint32(b[36:], crc32.Checksum(b[:36], castagnoli))
	return b
}

func roundUp(n int64) int64 { return (n + block - 1) / block * block }
