package nvram

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Layout says where a platform keeps the configuration file system in its
// NVRAM and how addresses in it are written.
type Layout struct {
	Platform string
	Offset   int    // of the file system in the NVRAM, in bytes
	Address  uint32 // what the headers write for the file system's first byte
	// WidePad is the padding of the 3600: where the end of the startup-config
	// is not a multiple of 4, four bytes more than needed.
	WidePad bool
}

// C7200 is the layout of the Cisco 7200 with its NVRAM at physical 0x1E000000
// (c7200 reference, 9.4).
var C7200 = Layout{Platform: "c7200", Offset: 0x800, Address: 0x1E000800}

// ErrNoFileSystem says that an NVRAM holds no configuration file system: no
// router has saved anything in it.
var ErrNoFileSystem = errors.New("NVRAM holds no configuration file system (no magic number 0xF0A5)")

// The file system, all big-endian, offsets from its start (c7200 reference,
// 9.4).
const (
	fsMagic      = 0xF0A5
	startupMagic = 0xABCD
	privateMagic = 0xFEDC
	fileMagic    = 0xDCBA

	offMagic        = 0x06
	offStartup      = 0x08 // startup-config magic
	offFormat       = 0x0A
	offChecksum     = 0x0C
	offVersion      = 0x0E
	offStart        = 0x10
	offEnd          = 0x14
	offLength       = 0x18
	offPacked32     = 0x20
	offPacked16     = 0x24
	offUncompressed = 0x28
	offData         = 0x2C

	// The private-config header: magic, format, start, end, length.
	privateHeader    = 16
	offPrivateFormat = 2
	offPrivateStart  = 4
	offPrivateEnd    = 8
	offPrivateLength = 12

	formatRaw        = 1
	formatCompressed = 2
	headerVersion    = 0x0C04

	sectorSize = 0x400

	// A file's sector: magic, number of the next sector, flags, bytes used.
	offFileNext = 2
)

var be = binary.BigEndian

// area returns the file system in nv.
func (l Layout) area(nv []byte) ([]byte, error) {
	n := (len(nv) - l.Offset) / sectorSize * sectorSize
	if n < sectorSize {
		return nil, fmt.Errorf("NVRAM of %d bytes is too small for the %s configuration file system, which starts at %d and needs %d bytes",
			len(nv), l.Platform, l.Offset, sectorSize)
	}
	return nv[l.Offset : l.Offset+n], nil
}

// pad returns where the private-config header lies when the startup-config
// ends at off.
func (l Layout) pad(off int) int {
	switch r := off % 4; {
	case r == 0:
		return off
	case l.WidePad:
		return off + 8 - r
	default:
		return off + 4 - r
	}
}

// part is a configuration as it is stored.
type part struct {
	format       uint16
	data         []byte
	uncompressed uint32
}

// stored is what the headers of a file system say.
type stored struct {
	startup, private part
	end              int // first byte after both configurations; 0 when there are none
}

// span checks a start, end and length triple and returns the bytes' offsets.
func (l Layout) span(fs []byte, what string, start, end, length uint32) (from, to int, err error) {
	off := start - l.Address
	if end-start != length || off < offData || uint64(off)+uint64(length) > uint64(len(fs)) {
		return 0, 0, fmt.Errorf("NVRAM: %s from address %#x to %#x with length %d does not lie in the file system (%#x to %#x)",
			what, start, end, length, l.Address+offData, l.Address+uint32(len(fs)))
	}
	return int(off), int(off + length), nil
}

// parse reads the headers. The parts' data lie in fs.
func (l Layout) parse(fs []byte) (s stored, err error) {
	if be.Uint16(fs[offMagic:]) != fsMagic {
		return s, ErrNoFileSystem
	}
	if be.Uint16(fs[offStartup:]) != startupMagic {
		return s, nil
	}
	from, to, err := l.span(fs, "startup-config", be.Uint32(fs[offStart:]), be.Uint32(fs[offEnd:]), be.Uint32(fs[offLength:]))
	if err != nil {
		return s, err
	}
	s.startup = part{be.Uint16(fs[offFormat:]), fs[from:to], be.Uint32(fs[offUncompressed:])}
	s.end = to
	h := l.pad(to)
	if h+privateHeader > len(fs) || be.Uint16(fs[h:]) != privateMagic {
		return s, nil
	}
	p := fs[h:]
	from, to, err = l.span(fs, "private-config", be.Uint32(p[offPrivateStart:]), be.Uint32(p[offPrivateEnd:]), be.Uint32(p[offPrivateLength:]))
	if err != nil {
		return s, err
	}
	s.private = part{be.Uint16(p[offPrivateFormat:]), fs[from:to], 0}
	s.end = max(s.end, to, h+privateHeader)
	return s, nil
}

// text returns a configuration as the user knows it.
func (p part) text(what string, limit int) ([]byte, error) {
	switch p.format {
	case 0: // absent
		return nil, nil
	case formatRaw:
		return append([]byte(nil), p.data...), nil
	case formatCompressed:
		b, err := uncompress(p.data, limit)
		if err == nil && p.uncompressed != 0 && int64(len(b)) != int64(p.uncompressed) {
			err = fmt.Errorf("it has %d bytes, its header says %d", len(b), p.uncompressed)
		}
		if err != nil {
			return nil, fmt.Errorf("NVRAM: compressed %s: %w", what, err)
		}
		return b, nil
	}
	return nil, fmt.Errorf("NVRAM: %s has format %d; known are 1 (text) and 2 (compressed)", what, p.format)
}

// maxText is the largest uncompressed configuration accepted, in bytes.
const maxText = 16 << 20

// ReadConfigs returns the startup-config and private-config in the NVRAM
// content nv, nil where there is none. A compressed startup-config is
// uncompressed. It returns ErrNoFileSystem when nothing was ever saved there,
// and another error when headers or data are damaged.
func ReadConfigs(nv []byte, layout Layout) (startup, private []byte, err error) {
	fs, err := layout.area(nv)
	if err != nil {
		return nil, nil, err
	}
	s, err := layout.parse(fs)
	if err != nil {
		return nil, nil, err
	}
	if startup, err = s.startup.text("startup-config", maxText); err != nil {
		return nil, nil, err
	}
	if private, err = s.private.text("private-config", maxText); err != nil {
		return nil, nil, err
	}
	return startup, private, nil
}

// WriteConfigs stores the two configurations, as text, in the NVRAM content
// nv. nil keeps what is there; an empty one that is not nil removes it. The
// file system is made when there is none. Files in the file system are kept:
// one that lies where the configurations must grow is moved. On an error, as
// when there is no space, nv is unchanged.
func WriteConfigs(nv []byte, layout Layout, startup, private []byte) error {
	area, err := layout.area(nv)
	if err != nil {
		return err
	}
	fs := append([]byte(nil), area...)
	old, err := layout.parse(fs)
	switch {
	case errors.Is(err, ErrNoFileSystem):
		clear(fs)
		be.PutUint16(fs[offMagic:], fsMagic)
	case err != nil && (startup == nil || private == nil):
		return err
	case err != nil: // damaged headers, of which nothing is kept
		old = stored{end: sectorSize}
	}
	if startup != nil {
		old.startup = part{format: formatRaw, data: startup}
	}
	if private != nil {
		old.private = part{format: formatRaw, data: private}
	}
	if err := layout.store(fs, old); err != nil {
		return err
	}
	copy(area, fs)
	return nil
}

// store rewrites fs with the two configurations of s; s.end is where the
// present ones end.
func (l Layout) store(fs []byte, s stored) error {
	head := l.pad(offData + len(s.startup.data))
	need := head + privateHeader + len(s.private.data)
	if need > len(fs) {
		return fmt.Errorf("no space in NVRAM: startup-config of %d bytes and private-config of %d bytes need %d bytes, the %s file system has %d",
			len(s.startup.data), len(s.private.data), need, l.Platform, len(fs))
	}
	startup, private := append([]byte(nil), s.startup.data...), append([]byte(nil), s.private.data...)
	if err := makeRoom(fs, sectors(s.end), sectors(need)); err != nil {
		return err
	}
	clear(fs[:offMagic])
	clear(fs[offStartup : max(sectors(s.end), sectors(need))*sectorSize])
	if len(startup) > 0 || len(private) > 0 {
		be.PutUint16(fs[offStartup:], startupMagic)
		l.putStartup(fs, s.startup, startup)
		p := fs[head:]
		be.PutUint16(p, privateMagic)
		be.PutUint16(p[offPrivateFormat:], formatRaw)
		start := l.Address + uint32(head+privateHeader)
		be.PutUint32(p[offPrivateStart:], start)
		be.PutUint32(p[offPrivateEnd:], start+uint32(len(private)))
		be.PutUint32(p[offPrivateLength:], uint32(len(private)))
		copy(p[privateHeader:], private)
	}
	be.PutUint16(fs[offChecksum:], Checksum(fs))
	return nil
}

func (l Layout) putStartup(fs []byte, p part, data []byte) {
	format := max(p.format, formatRaw)
	be.PutUint16(fs[offFormat:], format)
	be.PutUint16(fs[offVersion:], headerVersion)
	be.PutUint32(fs[offStart:], l.Address+offData)
	be.PutUint32(fs[offEnd:], l.Address+offData+uint32(len(data)))
	be.PutUint32(fs[offLength:], uint32(len(data)))
	if format == formatCompressed {
		be.PutUint32(fs[offPacked32:], 1)
		be.PutUint16(fs[offPacked16:], 1)
		be.PutUint32(fs[offUncompressed:], p.uncompressed)
	}
	copy(fs[offData:], data)
}

// sectors returns how many sectors the first n bytes take, at least 1.
func sectors(n int) int { return max(1, (n+sectorSize-1)/sectorSize) }

// makeRoom moves the files' sectors among the sectors [from, to) behind them,
// into free sectors at the far end, and corrects the numbers in their chains.
func makeRoom(fs []byte, from, to int) error {
	total := len(fs) / sectorSize
	sector := func(i int) []byte { return fs[i*sectorSize : (i+1)*sectorSize] }
	isFile := func(i int) bool { return be.Uint16(sector(i)) == fileMagic }
	free := total - 1
	for i := from; i < to && i < total; i++ {
		if !isFile(i) {
			continue
		}
		for free >= to && !empty(sector(free)) {
			free--
		}
		if free < to {
			return fmt.Errorf("no space in NVRAM: the configurations need %d sectors of %d bytes, and files in the NVRAM take the others of its %d",
				to, sectorSize, total)
		}
		copy(sector(free), sector(i))
		clear(sector(i))
		for j := from; j < total; j++ {
			if isFile(j) && int(be.Uint16(sector(j)[offFileNext:])) == i {
				be.PutUint16(sector(j)[offFileNext:], uint16(free))
			}
		}
	}
	return nil
}

func empty(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// Checksum returns the checksum of a file system: the inverted ones'
// complement sum of its 16-bit words from offset 8 to the end, the checksum
// field taken as 0.
func Checksum(fs []byte) uint16 {
	var sum uint32
	for i := offStartup; i+1 < len(fs); i += 2 {
		if i != offChecksum {
			sum += uint32(be.Uint16(fs[i:]))
		}
		sum = sum&0xFFFF + sum>>16
	}
	return ^uint16(sum)
}
