package dec21140

import (
	"encoding/binary"
	"hash/crc32"

	"dynemu/vm/chip/microwire"
)

// newSROM returns a serial ROM that holds mac in the layout of version 3, whose
// bytes 2k and 2k+1 are the halves of word k, low first: the address at byte
// 20, one controller whose information starts at byte 30 and names an MII
// transceiver, and the checksum of the first 126 bytes at the end. A zero mac
// gives a blank ROM.
func newSROM(mac [6]byte) microwire.EEPROM {
	if mac == [6]byte{} {
		return microwire.New()
	}
	const leaf = 30
	var b [128]byte
	b[18], b[19] = 3, 1 // format version, controllers
	copy(b[20:], mac[:])
	binary.LittleEndian.PutUint16(b[27:], leaf)
	info := b[leaf:]
	binary.LittleEndian.PutUint16(info, 0x0800) // connection: automatic
	info[3] = 1                                 // blocks
	block := info[4:]
	block[0] = 0x80 | 12                             // extended format, length of what follows
	block[1] = 1                                     // MII
	block[2] = 0                                     // PHY number
	block[3] = 0                                     // no general-purpose port sequence
	block[4] = 0                                     // no reset sequence
	binary.LittleEndian.PutUint16(block[5:], 0x7800) // media capabilities
	binary.LittleEndian.PutUint16(block[7:], abilityAll)
	binary.LittleEndian.PutUint16(block[9:], 0x5000)  // full duplex media
	binary.LittleEndian.PutUint16(block[11:], 0x1800) // media at 10 Mb/s threshold
	binary.LittleEndian.PutUint16(b[126:], uint16(crc32.ChecksumIEEE(b[:126])))
	var w [microwire.Words]uint16
	for i := range w {
		w[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return microwire.New(w[:]...)
}
