package rom

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

// sec describes a section for build.
type sec struct {
	name        string
	kind, flags uint32
	addr        uint32
	data        []byte
	size        uint32 // when data is nil
	link        uint32
}

// build makes a big-endian ELF32 file; section names come last.
func build(machine uint16, entry uint32, secs ...sec) []byte {
	be := binary.BigEndian
	img := make([]byte, elfHeaderSize)
	copy(img, "\x7fELF\x01\x02\x01")
	be.PutUint16(img[16:], 2)
	be.PutUint16(img[18:], machine)
	be.PutUint32(img[20:], 1)
	be.PutUint32(img[24:], entry)
	names := []byte{0}
	headers := make([]byte, elfSectionSize)
	add := func(s sec) {
		h := make([]byte, elfSectionSize)
		be.PutUint32(h, uint32(len(names)))
		names = append(names, s.name+"\x00"...)
		be.PutUint32(h[4:], s.kind)
		be.PutUint32(h[8:], s.flags)
		be.PutUint32(h[12:], s.addr)
		be.PutUint32(h[16:], uint32(len(img)))
		if s.data != nil {
			s.size = uint32(len(s.data))
			img = append(img, s.data...)
		}
		be.PutUint32(h[20:], s.size)
		be.PutUint32(h[24:], s.link)
		headers = append(headers, h...)
	}
	for _, s := range secs {
		add(s)
	}
	add(sec{name: ".shstrtab", kind: 3, data: append(names[:len(names):len(names)], ".shstrtab\x00"...)})
	be.PutUint32(img[32:], uint32(len(img)))
	be.PutUint16(img[46:], elfSectionSize)
	be.PutUint16(img[48:], uint16(len(headers)/elfSectionSize))
	be.PutUint16(img[50:], uint16(len(secs)+1))
	return append(img, headers...)
}

func small() []byte {
	return build(0x19, 0x80008000,
		sec{name: ".text", kind: 1, flags: 6, addr: 0x80008000, data: []byte("code")},
		sec{name: ".bss", kind: 8, flags: 3, addr: 0x80009000, size: 0x100},
		sec{name: ".comment", kind: 1, addr: 0x1234, data: []byte("not loaded")},
		sec{name: ".empty", kind: 1, flags: 2, addr: 0xffffffff},
	)
}

type written struct {
	va uint32
	p  string
}

func load(img []byte) (got []written, entry uint32, err error) {
	entry, err = Load(img,
		func(va uint32, p []byte) error { got = append(got, written{va, string(p)}); return nil },
		func(va uint32, n int) error {
			got = append(got, written{va, string(make([]byte, n))})
			return nil
		})
	return
}

func TestLoadBySections(t *testing.T) {
	got, entry, err := load(small())
	if err != nil {
		t.Fatal(err)
	}
	want := []written{{0x80008000, "code"}, {0x80009000, string(make([]byte, 0x100))}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("wrote %v, want %v", got, want)
	}
	if entry != 0x80008000 {
		t.Errorf("entry %#x", entry)
	}
}

func patch(img []byte, off int, p ...byte) []byte {
	img = bytes.Clone(img)
	copy(img[off:], p)
	return img
}

func TestBadImages(t *testing.T) {
	ok := small()
	shoff := int(binary.BigEndian.Uint32(ok[32:]))
	for _, c := range []struct {
		name string
		img  []byte
		want string
	}{
		{"empty", nil, "is empty"},
		{"text", []byte("hostname R1\n"), "not an ELF file"},
		{"archive", []byte("PK\x03\x04rest"), "ZIP archive"},
		{"gzip", []byte("\x1f\x8b\x08"), "gzip"},
		{"header cut", ok[:40], "truncated: 40 bytes"},
		{"64-bit", patch(ok, 4, 2), "64-bit ELF"},
		{"class 9", patch(ok, 4, 9), "ELF class 9"},
		{"little-endian MIPS", patch(ok, 5, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 8, 0), "is little-endian"},
		{"32-bit Intel", patch(ok, 5, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 3, 0), "another CPU: little-endian, machine Intel 80386 (3)"},
		{"byte order 0", patch(ok, 5, 0), "byte order 0"},
		{"PowerPC", patch(ok, 18, 0, 20), "another CPU: machine PowerPC (20)"},
		{"Cisco 2600", patch(ok, 18, 0, 0x2b), "another CPU: machine SPARC V9 (43)"},
		{"unknown machine", patch(ok, 18, 0x12, 0x34), "another CPU: machine 0x1234"},
		{"object file", patch(ok, 16, 0, 1), "not an executable: ELF type 1"},
		{"no sections", patch(ok, 48, 0, 0), "no loadable section"},
		{"short section headers", patch(ok, 46, 0, 8), "section headers of 8 bytes"},
		{"cut in the headers", ok[:len(ok)-1], "truncated: section headers end"},
		{"headers far away", patch(ok, 32, 0xff, 0xff, 0xff, 0xff), "truncated: section headers end"},
		{"section beyond the file", patch(ok, shoff+40+16, 0, 1, 0, 0), "truncated: section .text ends at byte 65540"},
		{"section beyond the world", patch(ok, shoff+40+12, 0xff, 0xff, 0xff, 0xfe), "beyond the address space"},
		{"only notes", build(8, 0, sec{name: ".comment", kind: 1, data: []byte("x")}), "no loadable section"},
		{"odd entry", patch(ok, 24, 0x80, 0, 0x80, 2), "not a multiple of 4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := Check(c.img)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want …%s…", err, c.want)
			}
			got, _, lerr := load(c.img)
			if lerr == nil || len(got) != 0 {
				t.Errorf("Load: wrote %d sections, error %v", len(got), lerr)
			}
		})
	}
}

func TestMachines(t *testing.T) {
	for m := range machines {
		if err := Check(patch(small(), 18, byte(m>>8), byte(m))); err != nil {
			t.Errorf("machine %#x: %v", m, err)
		}
	}
}

func TestNoRoom(t *testing.T) {
	_, err := Load(small(), func(uint32, []byte) error { return nil },
		func(va uint32, n int) error { return NoRoom(64) })
	if want := "section .bss at 0x80009000 (256 bytes) does not fit in 64 MiB of RAM"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	bang := errors.New("bang")
	if _, err := Load(small(), func(uint32, []byte) error { return bang }, nil); !errors.Is(err, bang) {
		t.Errorf("got %v", err)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(small())
	f.Add([]byte("PK\x03\x04"))
	f.Add(small()[:60])
	f.Fuzz(func(t *testing.T, img []byte) {
		_, _, err := load2(img)
		if cerr := Check(img); (cerr == nil) != (err == nil) {
			t.Errorf("Check says %v, Load says %v", cerr, err)
		}
	})
}

// load2 loads without keeping a copy: sections that are zeroed may be large.
func load2(img []byte) (n uint64, entry uint32, err error) {
	entry, err = Load(img,
		func(va uint32, p []byte) error { n += uint64(len(p)); return nil },
		func(va uint32, l int) error { n += uint64(l); return nil })
	return
}
