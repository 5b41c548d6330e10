package storage

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func create(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "disk0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func read(t *testing.T, f *os.File, off int64, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := f.ReadAt(b, off); err != nil {
		t.Fatal(err)
	}
	return b
}

// The partition entries and boot sectors of c7200 reference 11.3.
func TestFormat(t *testing.T) {
	for _, c := range []struct {
		mib             int
		partition, boot string // of the boot sector from 0x0B to 0x25
		fat             int64
	}{
		{64, "00 01 01 00 04 03 E0 FF 20 00 00 00 E0 FF 01 00",
			"00 02 04 01 00 02 00 02 00 00 F8 80 00 20 00 04 00 00 00 00 00 E0 FF 01 00 80", 128},
		{8, "00 01 01 00 04 03 20 7F 20 00 00 00 E0 3F 00 00",
			"00 02 02 01 00 02 00 02 00 00 F8 20 00 20 00 04 00 00 00 00 00 E0 3F 00 00 80", 32},
		{1024, "00 01 01 00 04 FE FF FF 20 00 00 00 E0 FF 1F 00",
			"00 02 20 01 00 02 00 02 00 00 F8 01 01 20 00 04 00 00 00 00 00 E0 FF 1F 00 80", 257},
	} {
		f := create(t)
		s, err := OpenDisk(f, c.mib, "disk0")
		if err != nil {
			t.Fatal(err)
		}
		if s.Size() != int64(c.mib)<<20 {
			t.Errorf("%d MiB: size %d", c.mib, s.Size())
		}
		table := read(t, f, 0, 512)
		if want := unhex(t, c.partition+strings.Repeat(" 00", 48)+" 55 AA"); !bytes.Equal(table[0x1BE:], want) {
			t.Errorf("%d MiB: partition % x", c.mib, table[0x1BE:0x1CE])
		}
		boot := read(t, f, 32*512, 512)
		if got := boot[0x0B:0x25]; !bytes.Equal(got, unhex(t, c.boot)) {
			t.Errorf("%d MiB: boot sector\n% x, want\n%s", c.mib, got, c.boot)
		}
		if got := string(boot[0x2B:0x3E]); got != "disk0      FAT16   " {
			t.Errorf("label %q", got)
		}
		for _, at := range []int64{33, 33 + c.fat} {
			if got := read(t, f, at*512, 6); !bytes.Equal(got, []byte{0xF8, 0xFF, 0xFF, 0xFF, 0, 0}) {
				t.Errorf("%d MiB: FAT at sector %d is % x", c.mib, at, got)
			}
		}
		var st syscall.Stat_t
		if err := syscall.Fstat(int(f.Fd()), &st); err != nil {
			t.Fatal(err)
		}
		if st.Blocks*512 > 1<<20 {
			t.Errorf("%d MiB: %d bytes taken on the host", c.mib, st.Blocks*512)
		}
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestExistingFileIsUsedAsItIs(t *testing.T) {
	good := create(t)
	if _, err := OpenDisk(good, 1, "disk0"); err != nil {
		t.Fatal(err)
	}
	whole := read(t, good, 0, 1<<20)
	patched := func(at int, b ...byte) []byte {
		c := bytes.Clone(whole)
		copy(c[at:], b)
		return c
	}
	const cut = "the file has 40000 of 1048576 bytes; the others read as zero"
	for _, c := range []struct {
		name    string
		content []byte
		found   []string
	}{
		{"good", whole, nil},
		{"truncated", whole[:40000], []string{cut}},
		{"text", []byte("no partition table"), []string{"the file has 18 of 1048576 bytes; the others read as zero",
			"its partition table is damaged: the first sector does not end in 55 AA"}},
		{"with more", append(bytes.Clone(whole), 1, 2, 3), []string{"the file has 1048579 bytes; those from 1048576 on are out of reach"}},
		{"zero, complete", make([]byte, 1<<20), []string{"it holds no partition table; the guest has to format it"}},
		{"signature", patched(0x1FE, 0), []string{"its partition table is damaged: the first sector does not end in 55 AA"}},
		{"start", patched(0x1C6, 0, 0, 1, 0), []string{"its first partition starts at sector 65536, and the disk has 2048"}},
		{"boot sector", patched(track*512, 0), []string{"its first partition holds no FAT file system"}},
		{"no partitions", append(bytes.Clone(whole[track*512:]), make([]byte, track*512)...), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := create(t)
			if _, err := f.Write(c.content); err != nil {
				t.Fatal(err)
			}
			s, err := OpenDisk(f, 1, "disk0")
			if err != nil {
				t.Fatal(err)
			}
			if st, err := f.Stat(); err != nil || st.Size() != int64(len(c.content)) || !bytes.Equal(read(t, f, 0, len(c.content)), c.content) {
				t.Errorf("the file was changed, to %d bytes", st.Size())
			}
			if got := s.Found(); !slices.Equal(got, c.found) {
				t.Errorf("found %q, want %q", got, c.found)
			}
			// All of the disk can be read, and written.
			all := make([]byte, 1<<20)
			want := append(bytes.Clone(c.content), make([]byte, 1<<20)...)[:1<<20]
			if n, err := s.ReadAt(all, 0); n != len(all) || err != nil || !bytes.Equal(all, want) {
				t.Errorf("read %d bytes, %v", n, err)
			}
			if n, err := s.ReadAt(make([]byte, 512), 1<<20); len(c.content) <= 1<<20 && (n != 0 || err == nil) {
				t.Errorf("read %d bytes behind the end, %v", n, err)
			}
			if _, err := s.WriteAt([]byte{9}, 1<<20-1); err != nil {
				t.Fatal(err)
			}
			want[1<<20-1] = 9
			if _, err := s.ReadAt(all, 0); err != nil || !bytes.Equal(all, want) {
				t.Errorf("after a write of the last byte: %v", err)
			}
		})
	}
}

// A format that ended early is done again.
func TestInterruptedFormat(t *testing.T) {
	whole := create(t)
	if _, err := OpenDisk(whole, 8, "disk0"); err != nil {
		t.Fatal(err)
	}
	f := create(t)
	if _, err := f.WriteAt([]byte{0xF8, 0xFF, 0xFF, 0xFF}, 33*512); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDisk(f, 8, "disk0"); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(read(t, f, 0, 512), read(t, whole, 0, 512)) {
		t.Error("the disk has no partition table")
	}
}

func TestSizes(t *testing.T) {
	for _, mib := range []int{-1, 0, MaxDiskMiB + 1} {
		if _, err := OpenDisk(create(t), mib, "disk0"); err == nil {
			t.Errorf("a disk of %d MiB was made", mib)
		}
	}
	for _, mib := range []int{1, MaxDiskMiB} {
		if _, err := OpenDisk(create(t), mib, "disk0"); err != nil {
			t.Errorf("%d MiB: %v", mib, err)
		}
	}
}
