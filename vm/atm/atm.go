// Package atm holds the formats of ATM that chips and switches share: the cell
// as it lies on a wire, and AAL5. It is pure: bytes in, bytes out.
//
// Source: netio-hypervisor reference, section 11; ITU-T I.361 (cell), I.432.1
// (HEC), I.363.5 (AAL5).
package atm

import "encoding/binary"

// Sizes in bytes. A wire carries one cell per datagram.
const (
	CellSize    = 53
	HeaderSize  = 5 // with the HEC
	PayloadSize = 48
	TrailerSize = 8 // AAL5: UU, CPI, 16-bit length, CRC-32
)

// MaxAAL5Cells is the number of cells of the longest AAL5 packet: 65535 bytes
// and the trailer.
const MaxAAL5Cells = (65535 + TrailerSize + PayloadSize - 1) / PayloadSize

// Header is the header of a cell without its HEC: 31:20 VPI (12 bits, also at
// the user's side), 19:4 VCI, 3:1 payload type, 0 CLP.
type Header uint32

// Bits of the payload type within a Header.
const (
	UserEnd Header = 1 << 1 // end of an AAL5 packet
	EFCI    Header = 1 << 2 // congestion was met
	Network Header = 1 << 3 // OAM and resource management
)

// NewHeader returns the header of user data on a circuit.
func NewHeader(vpi, vci uint32) Header { return Header(vpi<<20 | vci&0xFFFF<<4) }

// VPI returns the virtual path identifier, 0..4095.
func (h Header) VPI() uint32 { return uint32(h) >> 20 }

// VCI returns the virtual channel identifier, 0..65535.
func (h Header) VCI() uint32 { return uint32(h) >> 4 & 0xFFFF }

// PTI returns the payload type, 0..7.
func (h Header) PTI() uint32 { return uint32(h) >> 1 & 7 }

// ReadHeader returns the header of a cell. The HEC is not looked at.
func ReadHeader(cell []byte) Header { return Header(binary.BigEndian.Uint32(cell)) }

// Put writes the header and its HEC to the beginning of a cell.
func (h Header) Put(cell []byte) {
	binary.BigEndian.PutUint32(cell, uint32(h))
	cell[4] = h.HEC()
}

// hecCoset is added to the remainder so that an all-zero header has a HEC that is
// not zero.
const hecCoset = 0x55

// HEC returns the header error control: CRC-8 (x^8+x^2+x+1) of the four bytes.
func (h Header) HEC() byte {
	crc := byte(0)
	for shift := 24; shift >= 0; shift -= 8 {
		crc = hecTable[crc^byte(h>>shift)]
	}
	return crc ^ hecCoset
}

var hecTable = func() (t [256]byte) {
	for i := range t {
		crc := byte(i)
		for range 8 {
			if crc&0x80 != 0 {
				crc = crc<<1 ^ 0x07
			} else {
				crc <<= 1
			}
		}
		t[i] = crc
	}
	return t
}()

// UpdateCRC goes on with the CRC-32 of AAL5 over p. The CRC of nothing is 0; what
// stands in a trailer is the CRC of everything before it.
func UpdateCRC(crc uint32, p []byte) uint32 {
	crc = ^crc
	t := &crcTables
	for ; len(p) >= 8; p = p[8:] {
		crc ^= binary.BigEndian.Uint32(p)
		crc = t[7][crc>>24] ^ t[6][crc>>16&0xFF] ^ t[5][crc>>8&0xFF] ^ t[4][crc&0xFF] ^
			t[3][p[4]] ^ t[2][p[5]] ^ t[1][p[6]] ^ t[0][p[7]]
	}
	for _, b := range p {
		crc = crc<<8 ^ t[0][byte(crc>>24)^b]
	}
	return ^crc
}

// crcTables[k][b] is the remainder of byte b with k zero bytes behind it.
var crcTables = func() (t [8][256]uint32) {
	for i := range t[0] {
		crc := uint32(i) << 24
		for range 8 {
			if crc&(1<<31) != 0 {
				crc = crc<<1 ^ 0x04C11DB7
			} else {
				crc <<= 1
			}
		}
		t[0][i] = crc
	}
	for k := 1; k < len(t); k++ {
		for i, crc := range t[k-1] {
			t[k][i] = crc<<8 ^ t[0][crc>>24]
		}
	}
	return t
}()
