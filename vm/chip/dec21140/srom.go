package dec21140

import (
	"encoding/binary"
	"hash/crc32"
)

// SROM is the 93C46 serial ROM, 64 words of 16 bits, with address and data
// most significant bit first. Its words are bytes 2k (low half) and 2k+1 of the
// layout that the chip's drivers know.
type SROM struct {
	Word [64]uint16

	Selected, Clock bool
	Out             bool   // level of DO
	Enabled         bool   // erase and write enabled
	Shift           uint32 // bits since the start bit, the last one in bit 0
	Count           int    // bits since the start bit, itself included
	Reading         bool
}

// Opcodes behind the start bit.
const (
	romExtended = 0 // the top address bits tell: 11 enable, 00 disable, 10 erase all, 01 write all
	romStore    = 1
	romFetch    = 2
	romErase    = 3
)

// pins takes new levels of the three input pins.
func (r *SROM) pins(cs, clock, in bool) {
	rising := clock && !r.Clock
	r.Clock = clock
	if !cs || !r.Selected {
		r.Selected = cs
		r.Shift, r.Count, r.Reading, r.Out = 0, 0, false, true
		return
	}
	if !rising {
		return
	}
	if r.Reading {
		// Words follow one another while the clock runs.
		n := r.Count
		r.Count++
		addr := r.Shift + uint32(n/16)
		r.Out = r.Word[addr%64]>>(15-n%16)&1 != 0
		return
	}
	if r.Count == 0 && !in {
		return // before the start bit
	}
	b := uint32(0)
	if in {
		b = 1
	}
	r.Shift = r.Shift<<1 | b
	r.Count++
	switch {
	case r.Count == 9:
		r.addressed()
	case r.Count == 25:
		r.store()
	}
}

func (r *SROM) addressed() {
	addr := r.Shift & 0x3F
	switch r.Shift >> 6 & 3 {
	case romFetch:
		r.Reading, r.Shift, r.Count = true, addr, 0
		r.Out = false // the dummy bit before the data
	case romErase:
		if r.Enabled {
			r.Word[addr] = 0xFFFF
		}
	case romExtended:
		switch addr >> 4 {
		case 3:
			r.Enabled = true
		case 0:
			r.Enabled = false
		case 2:
			if r.Enabled {
				for i := range r.Word {
					r.Word[i] = 0xFFFF
				}
			}
		}
	}
}

// store is called with 16 data bits behind the address.
func (r *SROM) store() {
	addr, data := r.Shift>>16&0x3F, uint16(r.Shift)
	if !r.Enabled {
		return
	}
	switch op := r.Shift >> 22 & 3; {
	case op == romStore:
		r.Word[addr] = data
	case op == romExtended && addr>>4 == 1:
		for i := range r.Word {
			r.Word[i] = data
		}
	}
}

// newSROM returns a ROM that holds mac in the layout of version 3: the address
// at byte 20, one controller whose information starts at byte 30 and names an
// MII transceiver, and the checksum of the first 126 bytes at the end. A zero
// mac gives a blank ROM.
func newSROM(mac [6]byte) SROM {
	r := SROM{Out: true}
	if mac == [6]byte{} {
		for i := range r.Word {
			r.Word[i] = 0xFFFF
		}
		return r
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
	for i := range r.Word {
		r.Word[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return r
}
