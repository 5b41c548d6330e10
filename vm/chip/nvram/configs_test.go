package nvram

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

const size = 128 << 10

// The worked example of c7200 reference 9.4, at file offset 0x800.
const (
	exampleStartup = "hostname R1\n!\nend\n"
	examplePrivate = "priv\n"
	exampleHex     = `
		00 00 00 00 00 00 F0 A5 AB CD 00 01 D8 B5 0C 04
		1E 00 08 2C 1E 00 08 3E 00 00 00 12 00 00 00 00
		00 00 00 00 00 00 00 00 00 00 00 00
		68 6F 73 74 6E 61 6D 65 20 52 31 0A 21 0A 65 6E 64 0A
		00 00
		FE DC 00 01 1E 00 08 50 1E 00 08 55 00 00 00 05
		70 72 69 76 0A`
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, nv []byte, startup, private []byte) {
	t.Helper()
	if err := WriteConfigs(nv, C7200, startup, private); err != nil {
		t.Fatal(err)
	}
	fs := nv[C7200.Offset:]
	if got := be.Uint16(fs[offChecksum:]); got != Checksum(fs) {
		t.Fatalf("checksum field %#x, computed %#x", got, Checksum(fs))
	}
}

func read(t *testing.T, nv []byte) (startup, private string) {
	t.Helper()
	s, p, err := ReadConfigs(nv, C7200)
	if err != nil {
		t.Fatal(err)
	}
	return string(s), string(p)
}

func TestWorkedExample(t *testing.T) {
	nv := make([]byte, size)
	write(t, nv, []byte(exampleStartup), []byte(examplePrivate))
	want := make([]byte, size)
	copy(want[0x800:], unhex(t, exampleHex))
	if !bytes.Equal(nv, want) {
		t.Errorf("got\n%swant\n%s", hex.Dump(nv[0x800:0x860]), hex.Dump(want[0x800:0x860]))
	}
	if s, p := read(t, want); s != exampleStartup || p != examplePrivate {
		t.Errorf("read %q and %q", s, p)
	}
}

// What "vm push_config" of Dynamips 0.2.14 writes for a startup-config alone.
func TestStartupAlone(t *testing.T) {
	nv := make([]byte, size)
	write(t, nv, []byte(exampleStartup), nil)
	fs := nv[0x800:]
	if got := be.Uint16(fs[offChecksum:]); got != 0xBCA8 {
		t.Errorf("checksum %#x", got)
	}
	want := unhex(t, "FEDC 0001 1E000850 1E000850 00000000")
	if got := fs[0x40:0x50]; !bytes.Equal(got, want) {
		t.Errorf("private-config header % x", got)
	}
}

func TestErased(t *testing.T) {
	nv := make([]byte, size)
	write(t, nv, []byte(exampleStartup), []byte(examplePrivate))
	write(t, nv, []byte{}, []byte{})
	want := make([]byte, size)
	copy(want[0x800:], unhex(t, "000000000000 F0A5 0000 0000 FFFF"))
	if !bytes.Equal(nv, want) {
		t.Errorf("%s", hex.Dump(nv[0x800:0x860]))
	}
	if s, p := read(t, nv); s != "" || p != "" {
		t.Errorf("read %q and %q", s, p)
	}
}

func TestNoFileSystem(t *testing.T) {
	nv := make([]byte, size)
	if _, _, err := ReadConfigs(nv, C7200); !errors.Is(err, ErrNoFileSystem) {
		t.Errorf("%v", err)
	}
	for _, n := range []int{0, 0x7FF, 0x800, 0xBFF} {
		if _, _, err := ReadConfigs(make([]byte, n), C7200); err == nil || errors.Is(err, ErrNoFileSystem) {
			t.Errorf("%d bytes: %v", n, err)
		}
		if err := WriteConfigs(make([]byte, n), C7200, []byte("x"), nil); err == nil {
			t.Errorf("%d bytes: written", n)
		}
	}
}

// The area in front of the file system belongs to the ROM.
func TestROMAreaIsKept(t *testing.T) {
	nv := bytes.Repeat([]byte{0x5A}, size)
	write(t, nv, []byte("a"), nil)
	if !bytes.Equal(nv[:0x800], bytes.Repeat([]byte{0x5A}, 0x800)) {
		t.Error("the first 2048 bytes were changed")
	}
}

func TestKeepAndReplace(t *testing.T) {
	nv := make([]byte, size)
	long := strings.Repeat("interface Serial1/0\n no shutdown\n", 300)
	for _, c := range []struct {
		what                     string
		startup, private         []byte
		wantStartup, wantPrivate string
	}{
		{"both", []byte("one\n"), []byte("p1"), "one\n", "p1"},
		{"longer startup, private kept", []byte(long), nil, long, "p1"},
		{"private replaced, startup kept", nil, []byte("p2\n"), long, "p2\n"},
		{"shorter startup", []byte("x"), nil, "x", "p2\n"},
		{"nothing", nil, nil, "x", "p2\n"},
		{"startup removed", []byte{}, nil, "", "p2\n"},
		{"startup again", []byte("y\n"), []byte{}, "y\n", ""},
	} {
		write(t, nv, c.startup, c.private)
		if s, p := read(t, nv); s != c.wantStartup || p != c.wantPrivate {
			t.Errorf("%s: %.40q and %q", c.what, s, p)
		}
		// Nothing of what was there before remains behind the new content.
		fs := nv[C7200.Offset:]
		st, err := C7200.parse(fs)
		if err != nil {
			t.Fatal(err)
		}
		if i := bytes.IndexFunc(fs[st.end:], func(r rune) bool { return r != 0 }); i >= 0 {
			t.Errorf("%s: byte %#x behind the configurations is not zero", c.what, st.end+i)
		}
	}
}

func TestNoSpace(t *testing.T) {
	nv := make([]byte, size)
	write(t, nv, []byte(exampleStartup), []byte(examplePrivate))
	before := bytes.Clone(nv)
	room := size - 0x800 - offData - privateHeader
	err := WriteConfigs(nv, C7200, make([]byte, room+1), []byte{})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{fmt.Sprint(room + 1), fmt.Sprint(size - 0x800)} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not name %s", err, want)
		}
	}
	if !bytes.Equal(nv, before) {
		t.Error("changed in spite of the error")
	}
	write(t, nv, bytes.Repeat([]byte("a"), room), []byte{}) // fits exactly
	if s, _ := read(t, nv); len(s) != room {
		t.Errorf("%d bytes", len(s))
	}
}

func TestPadding(t *testing.T) {
	c3600 := Layout{Platform: "c3600", Offset: 0x800, Address: 0xFFFFFFF8, WidePad: true}
	for _, c := range []struct {
		layout Layout
		length int
		header int // offset of the private-config header
		start  uint32
	}{
		{C7200, 16, 0x3C, 0x1E00082C}, {C7200, 17, 0x40, 0x1E00082C}, {C7200, 19, 0x40, 0x1E00082C},
		{c3600, 16, 0x3C, 0x24}, {c3600, 17, 0x44, 0x24}, {c3600, 19, 0x44, 0x24},
	} {
		nv := make([]byte, size)
		startup := bytes.Repeat([]byte("s"), c.length)
		if err := WriteConfigs(nv, c.layout, startup, []byte("private")); err != nil {
			t.Fatal(err)
		}
		fs := nv[0x800:]
		if got := be.Uint16(fs[c.header:]); got != privateMagic {
			t.Errorf("%s, %d bytes: %#x at %#x", c.layout.Platform, c.length, got, c.header)
		}
		if got := be.Uint32(fs[offStart:]); got != c.start {
			t.Errorf("%s: start address %#x", c.layout.Platform, got)
		}
		s, p, err := ReadConfigs(nv, c.layout)
		if err != nil || !bytes.Equal(s, startup) || string(p) != "private" {
			t.Errorf("%s: read %q %q %v", c.layout.Platform, s, p, err)
		}
	}
}

// putFile writes an ordinary file into the given sectors of the file system.
func putFile(nv []byte, name string, sectors ...int) {
	for i, s := range sectors {
		p := nv[C7200.Offset+s*sectorSize:][:sectorSize]
		be.PutUint16(p, fileMagic)
		flags := uint16(0)
		if i == 0 {
			flags |= 1
		}
		if i == len(sectors)-1 {
			flags |= 2
		} else {
			be.PutUint16(p[2:], uint16(sectors[i+1]))
		}
		be.PutUint16(p[4:], flags)
		be.PutUint16(p[6:], 992)
		copy(p[8:], name)
		for j := 0x20; j < sectorSize; j++ {
			p[j] = byte(len(name)*7 + i*13 + j)
		}
	}
}

// files reads every ordinary file back: name to content.
func files(t *testing.T, nv []byte) map[string]string {
	fs, got := nv[C7200.Offset:], map[string]string{}
	st, err := C7200.parse(fs)
	if err != nil {
		t.Fatal(err)
	}
	for s := sectors(st.end); s < len(fs)/sectorSize; s++ {
		p := fs[s*sectorSize:][:sectorSize]
		if be.Uint16(p) != fileMagic || be.Uint16(p[4:])&1 == 0 {
			continue
		}
		name := strings.TrimRight(string(p[8:0x20]), "\x00")
		for {
			got[name] += string(p[0x20:])
			if be.Uint16(p[4:])&2 != 0 {
				break
			}
			p = fs[int(be.Uint16(p[2:]))*sectorSize:][:sectorSize]
			if be.Uint16(p) != fileMagic {
				t.Fatalf("chain of %s leads to a sector without magic", name)
			}
		}
	}
	return got
}

func TestFilesAreMovedOutOfTheWay(t *testing.T) {
	nv := make([]byte, size)
	write(t, nv, []byte("short\n"), nil)
	putFile(nv, "ifIndex-table", 3, 5, 4)
	putFile(nv, "rf_cold_starts", 6)
	want := files(t, nv)
	if len(want) != 2 {
		t.Fatalf("%d files", len(want))
	}
	big := bytes.Repeat([]byte("!"), 5*sectorSize)
	write(t, nv, big, nil)
	if s, _ := read(t, nv); s != string(big) {
		t.Errorf("startup-config damaged")
	}
	got := files(t, nv)
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s lost or changed", name)
		}
	}
}

func TestFilesThatCannotMoveRefuse(t *testing.T) {
	nv := make([]byte, 0x800+8*sectorSize)
	write(t, nv, []byte("short\n"), nil)
	putFile(nv, "a", 2, 3, 4, 5, 6, 7)
	before := bytes.Clone(nv)
	err := WriteConfigs(nv, C7200, make([]byte, 2*sectorSize), nil)
	if err == nil || !strings.Contains(err.Error(), "no space") {
		t.Errorf("%v", err)
	}
	if !bytes.Equal(nv, before) {
		t.Error("changed in spite of the error")
	}
}

func TestDamagedHeaders(t *testing.T) {
	for _, c := range []struct {
		what   string
		offset int
		v      uint32
	}{
		{"start below the data", offStart, 0x1E000800},
		{"end before start", offEnd, 0x1E000800},
		{"length not end - start", offLength, 17},
		{"private start", 0x44, 0x10},
	} {
		nv := make([]byte, size)
		write(t, nv, []byte(exampleStartup), []byte(examplePrivate))
		be.PutUint32(nv[0x800+c.offset:], c.v)
		if _, _, err := ReadConfigs(nv, C7200); err == nil {
			t.Errorf("%s: read without an error", c.what)
		}
		if err := WriteConfigs(nv, C7200, nil, []byte("x")); err == nil {
			t.Errorf("%s: kept what cannot be read", c.what)
		}
		write(t, nv, []byte("new"), []byte("x"))
		if s, p := read(t, nv); s != "new" || p != "x" {
			t.Errorf("%s: after replacing both, read %q %q", c.what, s, p)
		}
	}
}

// compressed is made by compress(1) from compressedText.
const (
	compressedText = "hostname R1\n!\ninterface FastEthernet0/0\n!\ninterface FastEthernet1/0\n!\nend\n"
	compressedHex  = "1f9d9068decca1e3264c9b3220a4c4501042411a3774cac83113660c4223610616a18346a29b327460bc80c1d0214489142d82c0a891a347903146962ce3868c02"
)

// putCompressed stores a .Z startup-config as "service compress-config" does.
func putCompressed(t *testing.T, nv, z []byte, length int) {
	t.Helper()
	write(t, nv, z, nil)
	fs := nv[C7200.Offset:]
	be.PutUint16(fs[offFormat:], formatCompressed)
	be.PutUint32(fs[offPacked32:], 1)
	be.PutUint16(fs[offPacked16:], 1)
	be.PutUint32(fs[offUncompressed:], uint32(length))
	be.PutUint16(fs[offChecksum:], Checksum(fs))
}

func TestCompressed(t *testing.T) {
	nv := make([]byte, size)
	z := unhex(t, compressedHex)
	putCompressed(t, nv, z, len(compressedText))
	if s, _ := read(t, nv); s != compressedText {
		t.Errorf("%q", s)
	}
	// Kept as it is when only the private-config is written.
	write(t, nv, nil, []byte("p"))
	if s, p := read(t, nv); s != compressedText || p != "p" {
		t.Errorf("%q %q", s, p)
	}
	if fs := nv[C7200.Offset:]; !bytes.Equal(fs[offData:offData+len(z)], z) {
		t.Error("stored form changed")
	}
	// A wrong length in the header and damaged data are told of.
	be.PutUint32(nv[C7200.Offset+offUncompressed:], 1)
	if _, _, err := ReadConfigs(nv, C7200); err == nil {
		t.Error("wrong uncompressed length accepted")
	}
	be.PutUint16(nv[C7200.Offset+offFormat:], 3)
	if _, _, err := ReadConfigs(nv, C7200); err == nil || !strings.Contains(err.Error(), "format 3") {
		t.Errorf("unknown format: %v", err)
	}
}

// compress is the test's own writer of the .Z format: plain LZW with growing
// codes, which empties the table when it is full.
func compress(p []byte, maxBits uint, block bool) []byte {
	flags := byte(maxBits)
	first := 256
	if block {
		flags |= lzcBlockMode
		first = 257
	}
	out := []byte{lzcMagic0, lzcMagic1, flags}
	var group []byte // bits of the group of eight codes under way
	nbits, codes := 0, 0
	bits := uint(9)
	flush := func(pad bool) {
		if pad && codes > 0 {
			group = append(group, make([]byte, int(bits)-len(group))...)
		}
		out = append(out, group...)
		group, nbits, codes = nil, 0, 0
	}
	emit := func(code int) {
		for i := range bits {
			if nbits/8 == len(group) {
				group = append(group, 0)
			}
			group[nbits/8] |= byte(code>>i&1) << (nbits % 8)
			nbits++
		}
		if codes++; codes == 8 {
			flush(false)
		}
	}
	table, next, cur := map[string]int{}, first, ""
	code := func(s string) int {
		if len(s) == 1 {
			return int(s[0])
		}
		return table[s]
	}
	for i := range p {
		s := cur + string(p[i:i+1])
		if _, ok := table[s]; ok || len(s) == 1 {
			cur = s
			continue
		}
		emit(code(cur))
		// The reader's table is one entry behind ours.
		if next > 1<<bits-1 && bits < maxBits {
			flush(true)
			bits++
		}
		switch {
		case next < 1<<maxBits:
			table[s] = next
			next++
		case block:
			emit(lzcClear)
			flush(true)
			table, next, bits = map[string]int{}, first, 9
		}
		cur = s[len(cur):]
	}
	if cur != "" {
		emit(code(cur))
	}
	flush(false)
	return out
}

func text(n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "interface Serial%d/%d\n ip address 10.%d.%d.1 255.255.255.%d\n no shutdown\n!\n", i%7, i*3%8, i*i%256, i%251, i*5%256)
	}
	return b.Bytes()[:n]
}

func TestUncompressOwnWriter(t *testing.T) {
	for _, bits := range []uint{9, 10, 12, 16} {
		for _, block := range []bool{false, true} {
			for _, n := range []int{0, 1, 2, 3, 255, 300, 5000, 100000} {
				want := text(n)
				got, err := uncompress(compress(want, bits, block), maxText)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%d bits, block %t, %d bytes: %d bytes, %v", bits, block, n, len(got), err)
				}
			}
		}
	}
	want := bytes.Repeat([]byte("a"), 10000) // codes that are not in the table yet
	if got, err := uncompress(compress(want, 16, true), maxText); err != nil || !bytes.Equal(got, want) {
		t.Errorf("run: %d bytes, %v", len(got), err)
	}
}

// TestUncompressProgram compares with compress(1), where it is installed
// (Debian package ncompress). It cannot read back its own output with a limit of
// 9 bits, so that is left out.
func TestUncompressProgram(t *testing.T) {
	prog, err := exec.LookPath("compress")
	if err != nil {
		t.Skip("compress(1) is not installed")
	}
	for _, bits := range []string{"-b10", "-b12", "-b16"} {
		for _, n := range []int{1000, 20000, 300000} {
			want := text(n)
			cmd := exec.Command(prog, "-c", "-f", bits)
			cmd.Stdin = bytes.NewReader(want)
			z, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			got, err := uncompress(z, maxText)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s, %d bytes: %d bytes, %v", bits, n, len(got), err)
			}
		}
	}
}

func TestUncompressRefuses(t *testing.T) {
	for _, c := range []struct{ what, in string }{
		{"empty", ""},
		{"no magic", "1F8B08"},
		{"8 bits", "1F9D88"},
		{"17 bits", "1F9D91"},
		{"first code not a literal", "1F9D90FFFF"},
		{"code beyond the table", "1F9D9061FEFFFF"},
	} {
		if _, err := uncompress(unhex(t, c.in), maxText); err == nil {
			t.Errorf("%s accepted", c.what)
		}
	}
	if _, err := uncompress(compress(bytes.Repeat([]byte("a"), 10000), 16, true), 9999); err == nil {
		t.Error("limit not kept")
	}
}

func FuzzReadConfigs(f *testing.F) {
	nv := make([]byte, 0x800+4*sectorSize)
	if err := WriteConfigs(nv, C7200, []byte(exampleStartup), []byte(examplePrivate)); err != nil {
		f.Fatal(err)
	}
	f.Add(nv)
	z, _ := hex.DecodeString(compressedHex)
	f.Add(append(append([]byte(nil), nv[:0x82C]...), z...))
	f.Fuzz(func(t *testing.T, nv []byte) {
		startup, private, err := ReadConfigs(nv, C7200)
		if err != nil {
			return
		}
		// What could be read survives being written to a fresh NVRAM.
		fresh := make([]byte, (4+(len(startup)+len(private))/sectorSize)*sectorSize)
		if startup == nil && private == nil {
			return
		}
		if err := WriteConfigs(fresh, C7200, startup, private); err != nil {
			t.Fatal(err)
		}
		s, p, err := ReadConfigs(fresh, C7200)
		if err != nil || !bytes.Equal(s, startup) || !bytes.Equal(p, private) {
			t.Fatalf("%q %q %v", s, p, err)
		}
	})
}

func FuzzWriteConfigs(f *testing.F) {
	nv := make([]byte, 0x800+6*sectorSize)
	if err := WriteConfigs(nv, C7200, []byte(exampleStartup), nil); err != nil {
		f.Fatal(err)
	}
	putFile(nv, "file", 3, 4)
	f.Add(nv, []byte("hostname x\n"), []byte("p"), true)
	f.Add(nv, bytes.Repeat([]byte("x"), 3000), []byte{}, false)
	f.Fuzz(func(t *testing.T, nv, startup, private []byte, keep bool) {
		if startup == nil {
			startup = []byte{}
		}
		if private == nil {
			private = []byte{}
		}
		before := bytes.Clone(nv)
		kept := private
		if keep {
			private = nil
			_, kept, _ = ReadConfigs(nv, C7200)
		}
		if err := WriteConfigs(nv, C7200, startup, private); err != nil {
			if !bytes.Equal(nv, before) {
				t.Fatal("changed in spite of an error")
			}
			return
		}
		s, p, err := ReadConfigs(nv, C7200)
		if err != nil && keep {
			return // a private-config in an unknown form was kept
		}
		if err != nil || !bytes.Equal(s, startup) || !bytes.Equal(p, kept) {
			t.Fatalf("%q %q %v", s, p, err)
		}
		if !bytes.Equal(nv[:C7200.Offset], before[:C7200.Offset]) {
			t.Fatal("ROM area changed")
		}
		fs := nv[C7200.Offset:]
		fs = fs[:len(fs)/sectorSize*sectorSize]
		if be.Uint16(fs[offChecksum:]) != Checksum(fs) {
			t.Fatal("checksum")
		}
	})
}

func FuzzUncompress(f *testing.F) {
	z, _ := hex.DecodeString(compressedHex)
	f.Add(z)
	f.Add(compress(text(3000), 10, true))
	f.Fuzz(func(t *testing.T, z []byte) {
		if out, err := uncompress(z, 1<<20); err == nil && len(out) > 1<<20 {
			t.Fatal(len(out))
		}
	})
}
