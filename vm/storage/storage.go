// Package storage keeps the content of a router's flash and disks in files,
// and makes the file system of a new disk. It knows nothing of chips.
package storage

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
)

// File is storage of a fixed size in a file. A write goes to the file at once,
// so that it survives the end of the process; Sync makes it survive the
// machine's. It implements chip.Storage.
type File struct {
	f     *os.File
	size  int64
	dirty atomic.Bool
	found []string
}

// Open takes a file as storage of size bytes. An empty file becomes that long,
// without taking space. Any other is left as it is until something is written:
// what it lacks reads as zero, what it has beyond stays out of the guest's reach.
// The file remains the caller's and must stay open.
func Open(f *os.File, size int64) (*File, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	s := &File{f: f, size: size}
	switch n := st.Size(); {
	case n == 0:
		if err := f.Truncate(size); err != nil {
			return nil, fmt.Errorf("cannot make %s %d bytes long: %w", f.Name(), size, err)
		}
	case n < size:
		s.found = append(s.found, fmt.Sprintf("the file has %d of %d bytes; the others read as zero", n, size))
	case n > size:
		s.found = append(s.found, fmt.Sprintf("the file has %d bytes; those from %d on are out of reach", n, size))
	}
	return s, nil
}

// OpenDisk is Open for a disk of so many MiB, 1 to MaxDiskMiB. An empty file
// gets a partition table and a FAT16 file system with that label; any other is
// left as it is.
func OpenDisk(f *os.File, mib int, label string) (*File, error) {
	if mib < 1 || mib > MaxDiskMiB {
		return nil, fmt.Errorf("disk %s of %d MiB: 1 to %d are accepted", label, mib, MaxDiskMiB)
	}
	size := int64(mib) << 20
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.Size() == 0 || interrupted(f, st.Size(), size) {
		if err := Format(f, size, label); err != nil {
			return nil, fmt.Errorf("cannot format %s: %w", f.Name(), err)
		}
		if err := f.Truncate(size); err != nil {
			return nil, fmt.Errorf("cannot make %s %d bytes long: %w", f.Name(), size, err)
		}
	}
	s, err := Open(f, size)
	if err != nil {
		return nil, err
	}
	s.found = append(s.found, s.inspect()...)
	return s, nil
}

// Found says what is odd about the file, a line each, for the router's log: a
// guest will meet it.
func (s *File) Found() []string { return s.found }

// ReadAt implements chip.Storage.
func (s *File) ReadAt(p []byte, off int64) (int, error) {
	n, err := s.f.ReadAt(p, off)
	if err != io.EOF || off < 0 || off >= s.size {
		return n, err
	}
	if end := int(min(int64(len(p)), s.size-off)); n < end {
		clear(p[n:end])
		n = end
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements chip.Storage.
func (s *File) WriteAt(p []byte, off int64) (int, error) {
	s.dirty.Store(true)
	return s.f.WriteAt(p, off)
}

// Size implements chip.Storage.
func (s *File) Size() int64 { return s.size }

// Sync implements chip.Storage.
func (s *File) Sync() error {
	if !s.dirty.Swap(false) {
		return nil
	}
	if err := s.f.Sync(); err != nil {
		s.dirty.Store(true)
		return err
	}
	return nil
}
