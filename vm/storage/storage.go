// Package storage keeps the content of a router's flash and disks in files,
// and makes the file system of a new disk. It knows nothing of chips.
package storage

import (
	"fmt"
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
}

// Open takes a file as storage of size bytes. What the file lacks is zero and
// takes no space; what it has beyond stays there, out of the guest's reach. The
// file remains the caller's and must stay open.
func Open(f *os.File, size int64) (*File, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.Size() < size {
		if err := f.Truncate(size); err != nil {
			return nil, fmt.Errorf("cannot make %s %d bytes long: %w", f.Name(), size, err)
		}
	}
	return &File{f: f, size: size}, nil
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
	}
	return Open(f, size)
}

// ReadAt implements chip.Storage.
func (s *File) ReadAt(p []byte, off int64) (int, error) { return s.f.ReadAt(p, off) }

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
