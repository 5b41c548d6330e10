package storage

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
)

// The layout of a new disk (c7200 reference, 11.3). It is written here, not by
// a library: the FAT16 makers there are (go-diskfs and its like) have their own
// geometry and reserved sectors, while routers want what a CompactFlash card
// has: 4 heads, 32 sectors, the partition in the second track, one reserved
// sector.
const (
	sectorSize  = 512
	heads       = 4
	track       = 32 // sectors; also where the partition starts
	fats        = 2
	rootEntries = 512
	rootSectors = rootEntries * 32 / sectorSize
	maxCylinder = 1023

	offPartition = 0x1BE
	offSignature = 0x1FE
	typeFAT16    = 0x04
	mediaDisk    = 0xF8
)

// MaxDiskMiB is the size of the largest disk.
const MaxDiskMiB = 4096

var le = binary.LittleEndian

// clusters says how many sectors a cluster has in a partition of up to that
// many sectors.
var clusters = []struct{ sectors, cluster uint32 }{
	{32680, 2}, {262144, 4}, {524288, 8}, {1048576, 16}, {2097152, 32}, {4194304, 64}, {8388608, 128},
}

// layout is the sizes in a partition, in sectors.
type layout struct{ partition, cluster, fat uint32 }

func layoutOf(size int64) (l layout, err error) {
	total := size / sectorSize
	for _, c := range clusters {
		if n := total - track; n > 0 && n <= int64(c.sectors) {
			return layout{uint32(n), c.cluster, (uint32(n)/c.cluster+1)/256 + 1}, nil
		}
	}
	return l, fmt.Errorf("a disk of %d sectors does not hold a FAT16 file system: %d to %d do", total, track+1, clusters[len(clusters)-1].sectors+track)
}

// end is the first byte that Format leaves alone.
func (l layout) end() int64 { return int64(track+1+fats*l.fat+rootSectors) * sectorSize }

// interrupted reports whether a Format did not come to its end, whose last
// steps are the partition table and the file's length.
func interrupted(f io.ReaderAt, length, size int64) bool {
	l, err := layoutOf(size)
	if err != nil || length > l.end() || length >= size {
		return false
	}
	var b [sectorSize]byte
	_, err = f.ReadAt(b[:], 0)
	return b == [sectorSize]byte{} && (err == nil || err == io.EOF)
}

// Format writes a partition table and an empty FAT16 file system to a blank
// disk of size bytes. What is zero is not written, so that a sparse file stays
// sparse. The partition table comes last.
func Format(w io.WriterAt, size int64, label string) error {
	l, err := layoutOf(size)
	if err != nil {
		return err
	}
	for i := range uint32(fats) {
		if _, err := w.WriteAt([]byte{mediaDisk, 0xFF, 0xFF, 0xFF}, int64(track+1+i*l.fat)*sectorSize); err != nil {
			return err
		}
	}
	if _, err := w.WriteAt(l.bootSector(label), track*sectorSize); err != nil {
		return err
	}
	_, err = w.WriteAt(l.partitionTable(), 0)
	return err
}

// inspect looks for what a guest expects of a formatted disk: a partition table
// whose first entry is a FAT file system, or such a file system without one.
func (s *File) inspect() []string {
	first, err := s.sector(0)
	if err != nil {
		return []string{"it cannot be read: " + err.Error()}
	}
	switch {
	case first == [sectorSize]byte{}:
		return []string{"it holds no partition table; the guest has to format it"}
	case le.Uint16(first[offSignature:]) != 0xAA55:
		return []string{"its partition table is damaged: the first sector does not end in 55 AA"}
	case isFAT(first):
		return nil
	}
	start := int64(le.Uint32(first[offPartition+8:]))
	if start == 0 || start >= s.size/sectorSize {
		return []string{fmt.Sprintf("its first partition starts at sector %d, and the disk has %d", start, s.size/sectorSize)}
	}
	boot, err := s.sector(start)
	if err != nil {
		return []string{"its first partition cannot be read: " + err.Error()}
	}
	if !isFAT(boot) {
		return []string{"its first partition holds no FAT file system"}
	}
	return nil
}

func (s *File) sector(n int64) (b [sectorSize]byte, err error) {
	_, err = s.ReadAt(b[:], n*sectorSize)
	return b, err
}

// isFAT reports whether a sector is the boot sector of a FAT file system: a
// jump, 512 bytes a sector, and the signature.
func isFAT(b [sectorSize]byte) bool {
	return (b[0] == 0xEB || b[0] == 0xE9) && le.Uint16(b[0x0B:]) == sectorSize && b[0x0D] != 0 &&
		le.Uint16(b[offSignature:]) == 0xAA55
}

func (l layout) partitionTable() []byte {
	b := make([]byte, sectorSize)
	p := b[offPartition:]
	putCHS(p[1:], track)
	p[4] = typeFAT16
	putCHS(p[5:], track+l.partition-1)
	le.PutUint32(p[8:], track)
	le.PutUint32(p[12:], l.partition)
	le.PutUint16(b[offSignature:], 0xAA55)
	return b
}

// putCHS writes a sector's address as partition tables have it.
func putCHS(p []byte, sector uint32) {
	c, h, s := sector/(heads*track), sector/track%heads, sector%track+1
	if c > maxCylinder {
		p[0], p[1], p[2] = 0xFE, 0xFF, 0xFF
		return
	}
	p[0], p[1], p[2] = byte(h), byte(s|c>>8<<6), byte(c)
}

func (l layout) bootSector(label string) []byte {
	b := make([]byte, sectorSize)
	copy(b, "\xEB\x3C\x90dynemu  ")
	le.PutUint16(b[0x0B:], sectorSize)
	b[0x0D] = byte(l.cluster)
	le.PutUint16(b[0x0E:], 1) // reserved
	b[0x10] = fats
	le.PutUint16(b[0x11:], rootEntries)
	b[0x15] = mediaDisk
	le.PutUint16(b[0x16:], uint16(l.fat))
	le.PutUint16(b[0x18:], track)
	le.PutUint16(b[0x1A:], heads)
	le.PutUint32(b[0x20:], l.partition)
	b[0x24] = 0x80 // drive
	b[0x26] = 0x29 // what follows is there
	le.PutUint32(b[0x27:], rand.Uint32())
	copy(b[0x2B:], fmt.Sprintf("%-11.11s", label))
	copy(b[0x36:], "FAT16   ")
	le.PutUint16(b[offSignature:], 0xAA55)
	return b
}
