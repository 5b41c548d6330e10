package c7200

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"dynemu/vm/storage"
)

// file is storage in a file that counts what reaches the medium.
type file struct {
	*storage.File
	syncs chan struct{}
}

func (f file) Sync() error {
	f.syncs <- struct{}{}
	return f.File.Sync()
}

func newFile(t *testing.T, mib int) file {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "content"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	s, err := storage.OpenDisk(f, mib, "disk0")
	if err != nil {
		t.Fatal(err)
	}
	return file{s, make(chan struct{}, 16)}
}

func TestBootflash(t *testing.T) {
	content := newFile(t, BootflashSize/mib)
	g := newGuest(t, func(p *Params) { p.Bootflash = content })
	g.put(addrBootflash, 0x90909090)
	if a, b := g.get(addrBootflash), g.get(addrBootflash+4); a != 0x89898989 || b != 0xA0A0A0A0 {
		t.Errorf("identifier %08x %08x", a, b)
	}
	g.put(addrBootflash, 0x20202020)
	g.put(addrBootflash, 0xD0D0D0D0)
	g.put(addrBootflash, 0x40404040)
	g.put(addrBootflash+8, 0x12345678)
	g.pass(syncDelay)
	select {
	case <-content.syncs:
	case <-time.After(10 * time.Second):
		t.Error("what was written is not synced")
	}
	// Another router with the same flash.
	h := newGuest(t, func(p *Params) { p.Bootflash = content })
	if got := h.get(addrBootflash + 8); got != 0x12345678 {
		t.Errorf("stored %08x", got)
	}
	if got := h.get(addrBootflash + 0x40000 - 4); got != 0xFFFFFFFF {
		t.Errorf("end of the erased block %08x", got)
	}
}

func TestPCMCIA(t *testing.T) {
	disk := newFile(t, 8)
	g := newGuest(t, func(p *Params) { p.Disk0 = disk })
	for index, want := range map[uint64]uint64{0: 0x48, 1: 0xEF, 0x41: 0x80, 3: 0x40, 0x17: 0x80} {
		g.write(addrPCIIO+portPCMCIAIndex, 1, index)
		if got := g.read(addrPCIIO+portPCMCIAData, 1); got != want {
			t.Errorf("controller register %#x: %#x, want %#x", index, got, want)
		}
	}
	if r := g.mem.Find(addrDisk0, true); r == nil || r.Name != "disk0" {
		t.Errorf("cached access to disk0 finds %+v", r)
	}
	if r := g.mem.Find(addrDisk1, false); r != nil {
		t.Errorf("an empty socket is %s", r.Name)
	}
	const count, cylinder, command, data = addrDisk0 + 0x100000, addrDisk0 + 0x100006, addrDisk0 + 0x100004, addrDisk0 + 0x100400
	start := func(sector, cmd uint64) {
		g.write(count, 2, sector<<8|1)
		g.write(cylinder, 2, 0)
		g.write(command, 2, cmd<<8|0xE0)
	}
	start(32, 0x20)
	if got := g.read(data, 2); got != 0x3CEB {
		t.Errorf("boot sector starts %04x", got)
	}
	start(100, 0x30)
	for i := range uint64(256) {
		g.write(data, 2, i*0x0101)
	}
	b := make([]byte, 4)
	if _, err := disk.ReadAt(b, 100*512+508); err != nil || string(b) != "\xFE\xFE\xFF\xFF" {
		t.Errorf("the sector ends % x, %v", b, err)
	}
	g.Flush()
	if len(disk.syncs) != 1 {
		t.Errorf("%d syncs at the end", len(disk.syncs))
	}
}
