package ata

import (
	"bytes"
	"encoding/binary"
	"testing"
)

type memory []byte

func (m memory) ReadAt(p []byte, off int64) (int, error)  { return copy(p, m[off:]), nil }
func (m memory) WriteAt(p []byte, off int64) (int, error) { return copy(m[off:], p), nil }
func (m memory) Size() int64                              { return int64(len(m)) }
func (m memory) Sync() error                              { return nil }

const (
	offSector   = 0x100000
	offCylinder = 0x100006
	offCommand  = 0x100004
	offData     = 0x100400
	idle        = StatusReady | StatusSeek
	busy        = idle | StatusDataRequest
)

func newDisk(t *testing.T) (*Disk, memory) {
	m := make(memory, 2*BytesPerCylinder+SectorSize)
	for i := range m {
		m[i] = byte(i / SectorSize)
	}
	return New(m, nil, t.Logf), m
}

func (d *Disk) run(count, sector uint8, cylinder uint16, head, command uint8) {
	d.Write(offSector, 2, uint64(sector)<<8|uint64(count))
	d.Write(offCylinder, 2, uint64(cylinder))
	d.Write(offCommand, 2, uint64(command)<<8|uint64(head))
}

func (d *Disk) status() uint8 { return uint8(d.Read(offCommand, 2) >> 8) }

func (d *Disk) fetch() (b [SectorSize]byte) {
	for i := 0; i < SectorSize; i += 2 {
		binary.LittleEndian.PutUint16(b[i:], uint16(d.Read(offData+uint64(i)%0x200, 2)))
	}
	return b
}

func TestCIS(t *testing.T) {
	d, _ := newDisk(t)
	if len(cis) != 0xBD {
		t.Errorf("%#x bytes", len(cis))
	}
	for off, want := range map[uint64]uint64{0: 0x03, 1: 0x03, 2: 0x01, 4: 0x01, 6: 0xD9, 0x206: 0x22, 0x17A: 0xFF, 0x178: 0, 0x1000: 0} {
		if got := d.Read(off, 2); got != want {
			t.Errorf("offset %#x: %#x, want %#x", off, got, want)
		}
	}
}

func TestIdentify(t *testing.T) {
	d, _ := newDisk(t)
	if s := d.status(); s != idle {
		t.Errorf("status %#x after power-on", s)
	}
	d.run(0, 0, 0, 0xA0, CmdIdentify)
	if s := d.status(); s != busy {
		t.Errorf("status %#x with data", s)
	}
	b := d.fetch()
	if s := d.status(); s != idle {
		t.Errorf("status %#x at the end", s)
	}
	for word, want := range map[int]uint16{0: 0x848A, 1: 2, 3: 4, 6: 32, 7: 0, 8: 256, 22: 4, 53: 3, 54: 2, 55: 4, 56: 32, 57: 256, 58: 0, 60: 0} {
		if got := binary.LittleEndian.Uint16(b[2*word:]); got != want {
			t.Errorf("word %d: %#x, want %#x", word, got, want)
		}
	}
}

func TestReadSectors(t *testing.T) {
	d, _ := newDisk(t)
	for _, c := range []struct {
		name          string
		count, sector uint8
		cylinder      uint16
		head          uint8
		want          []byte
	}{
		{"LBA", 3, 7, 0, 0xE0, []byte{7, 8, 9}},
		{"CHS", 1, 5, 1, 0xA2, []byte{128 + 64 + 4}},
		{"past the end: the buffer stays", 2, 0xFF, 0, 0xE0, []byte{0xFF, 0xFF}},
	} {
		d.run(c.count, c.sector, c.cylinder, c.head, CmdReadSectors)
		for i, want := range c.want {
			if s := d.status(); s != busy {
				t.Errorf("%s: status %#x before sector %d", c.name, s, i)
			}
			if b := d.fetch(); b[0] != want || b[511] != want {
				t.Errorf("%s: sector %d holds %d, want %d", c.name, i, b[0], want)
			}
		}
		if s := d.status(); s != idle {
			t.Errorf("%s: status %#x at the end", c.name, s)
		}
	}
}

func TestWriteSectors(t *testing.T) {
	d, m := newDisk(t)
	old := bytes.Clone(m)
	d.run(2, 10, 0, 0xE0, CmdWriteSectors)
	for i := range SectorSize - 1 {
		if s := d.status(); s != busy {
			t.Fatalf("status %#x at word %d", s, i)
		}
		d.Write(offData, 2, uint64(i)|0xAB00)
	}
	// One word is missing: the first sector is written, the second not.
	want := bytes.Clone(old)
	for i := range SectorSize / 2 {
		want[10*SectorSize+2*i], want[10*SectorSize+2*i+1] = byte(i), 0xAB
	}
	if !bytes.Equal(m, want) {
		t.Error("the disk holds something else than the first sector")
	}
	d.Write(offData, 2, 0xABCD)
	if s := d.status(); s != idle {
		t.Errorf("status %#x at the end", s)
	}
	if !bytes.Equal(m[11*SectorSize+510:][:2], []byte{0xCD, 0xAB}) {
		t.Error("the second sector is not written")
	}
	d.run(1, 0, 0x100, 0xE0, CmdWriteSectors) // sector 65536
	for range SectorSize / 2 {
		d.Write(offData, 2, 1)
	}
	if len(m) != len(old) {
		t.Error("a write past the end made the disk grow")
	}
}

// FuzzAccess writes at random: nothing may fail.
func FuzzAccess(f *testing.F) {
	f.Add([]byte{0, 1, 2, 0xEC, 2, 0x20, 3, 0})
	store := make(memory, BytesPerCylinder)
	offsets := []uint64{offSector, offCylinder, offCommand, offData, 0, 0x206, offSector + 1, WindowSize - 2}
	f.Fuzz(func(t *testing.T, ops []byte) {
		d := New(store, nil, nil)
		for ; len(ops) >= 3; ops = ops[3:] {
			off := offsets[ops[0]%8]
			for range 1 + int(ops[0]>>3)*16 {
				d.Write(off, 2, uint64(ops[1])<<8|uint64(ops[2]))
				d.Read(off, 2)
			}
		}
	})
}
