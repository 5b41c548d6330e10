package dec21140

import "hash/crc32"

// FilterMode is the kind of the last setup frame.
type FilterMode uint8

// The kinds of filter. NoFilter is the state before any setup frame: the chip
// takes group addresses only (9.6).
const (
	NoFilter    FilterMode = iota
	Perfect                // 16 addresses
	HashPerfect            // hash table for group addresses, one station address
	Inverse                // all but 16 addresses
	HashOnly               // hash table for every address
)

func (m FilterMode) bits() uint32 {
	switch m {
	case HashPerfect:
		return modeHashPerfect
	case HashOnly:
		return modeHashOnly | modeHashPerfect
	case Inverse:
		return modeInverse
	}
	return 0
}

const (
	setupFrameSize = 192
	// physicalEntry is the entry of a setup frame in hash format that holds
	// the station address (bytes 156 to 167).
	physicalEntry = 13
)

// Filter is the destination address filter.
type Filter struct {
	Mode    FilterMode
	Address [16][6]byte
	Hash    [64]byte // bit n is bit n%8 of byte n/8
}

// load takes a setup frame of 192 bytes in memory order: 16 bits of payload
// at the start of each longword (9.6). ft is FT1 FT0 of its descriptor.
func (f *Filter) load(b *[setupFrameSize]byte, ft uint32) {
	f.Mode = [4]FilterMode{Perfect, HashPerfect, Inverse, HashOnly}[ft&3]
	for i := range f.Address {
		for j := 0; j < 3; j++ {
			p := b[i*12+j*4:]
			f.Address[i][j*2], f.Address[i][j*2+1] = p[0], p[1]
		}
	}
	for i := 0; i < 32; i++ {
		f.Hash[2*i], f.Hash[2*i+1] = b[4*i], b[4*i+1]
	}
}

// hashed reports whether the bit of a is set in the hash table: the low nine
// bits of the CRC-32 of the address, without its final inversion.
func (f *Filter) hashed(a *[6]byte) bool {
	n := ^crc32.ChecksumIEEE(a[:]) & 0x1FF
	return f.Hash[n/8]>>(n%8)&1 != 0
}

func (f *Filter) listed(a *[6]byte) bool {
	for i := range f.Address {
		if f.Address[i] == *a {
			return true
		}
	}
	return false
}

var broadcast = [6]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}

// accepts applies the filter and the modes of CSR6 to destination a. Before a
// setup frame every group address passes, and broadcasts always do: Dynamips
// takes every group frame, so guests may lack an entry for them.
func (f *Filter) accepts(a *[6]byte, mode uint32) bool {
	group := a[0]&1 != 0
	switch {
	case mode&modePromiscuous != 0, group && mode&modeAllMulticast != 0, *a == broadcast:
		return true
	}
	switch f.Mode {
	case Perfect:
		return f.listed(a)
	case HashPerfect:
		if group {
			return f.hashed(a)
		}
		return *a == f.Address[physicalEntry]
	case Inverse:
		return !f.listed(a)
	case HashOnly:
		return f.hashed(a)
	}
	return group
}
