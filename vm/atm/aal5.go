package atm

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"
)

// AppendAAL5 appends the cells of one AAL5 packet to b: the parts, one behind
// the other, up to 65535 bytes in all, zeros up to the trailer, and the trailer
// with UU and CPI zero. h has the circuit and the bits that all cells share; the
// last cell has UserEnd beside them.
func AppendAAL5(b []byte, h Header, parts ...[]byte) []byte {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	cells := (size + TrailerSize + PayloadSize - 1) / PayloadSize
	start := len(b)
	b = slices.Grow(b, cells*CellSize)[:start+cells*CellSize]
	all := b[start:]
	h &^= UserEnd | Network
	var head [HeaderSize]byte
	h.Put(head[:])
	crc := uint32(0)
	var rest []byte // of the part that is under way
	for {
		copy(all, head[:])
		payload := all[HeaderSize:CellSize]
		n := 0
		for n < PayloadSize && len(rest)+len(parts) > 0 {
			if len(rest) == 0 {
				rest, parts = parts[0], parts[1:]
			}
			k := copy(payload[n:], rest)
			n, rest = n+k, rest[k:]
		}
		clear(payload[n:])
		if len(all) == CellSize {
			(h | UserEnd).Put(all)
			trailer := payload[PayloadSize-TrailerSize:]
			binary.BigEndian.PutUint16(trailer[2:], uint16(size))
			crc = UpdateCRC(crc, payload[:PayloadSize-4])
			binary.BigEndian.PutUint32(trailer[4:], crc)
			return b
		}
		crc = UpdateCRC(crc, payload)
		all = all[CellSize:]
	}
}

// What a packet is lost for.
var (
	ErrCRC     = errors.New("AAL5: wrong CRC")
	ErrLength  = errors.New("AAL5: the length does not fit the number of cells") // 0, an aborted packet, too
	ErrTooLong = errors.New("AAL5: the packet is too long")
)

// Reassembler puts the AAL5 packets of one circuit together. It never keeps
// more than MaxCells cells, whatever arrives.
type Reassembler struct {
	// MaxCells is the number of cells of the longest packet that is taken, at
	// most and by default (0) MaxAAL5Cells.
	MaxCells int

	packet []byte
	cells  int // of this packet; those beyond MaxCells are not kept
}

// Add takes the next cell of user data (CellSize bytes, without Network). With
// the last cell of a packet it returns the packet's data, valid until the next
// call, or what it is lost for; otherwise neither.
func (r *Reassembler) Add(cell []byte) (data []byte, err error) {
	limit := r.MaxCells
	if limit <= 0 || limit > MaxAAL5Cells {
		limit = MaxAAL5Cells
	}
	if r.cells < limit {
		r.packet = append(r.packet, cell[HeaderSize:CellSize]...)
	}
	r.cells = min(r.cells+1, limit+1)
	if ReadHeader(cell)&UserEnd == 0 {
		return nil, nil
	}
	packet, long := r.packet, r.cells > limit
	r.Reset()
	if long {
		return nil, ErrTooLong
	}
	trailer := packet[len(packet)-TrailerSize:]
	room, size := len(packet)-TrailerSize, int(binary.BigEndian.Uint16(trailer[2:]))
	switch {
	case !validCRC(packet):
		return nil, ErrCRC
	case size == 0 || size > room || room-size >= PayloadSize:
		return nil, ErrLength
	}
	return packet[:size], nil
}

// validCRC checks the CRC at the end of a packet. Beside the standard's it takes
// the ones of Dynamips, which has the CRC-32 of Ethernet in its place: inverted
// in the end by its ATM bridge, not inverted by its PA-A1 (adapters-7200
// reference, 14.4). It checks none itself.
func validCRC(packet []byte) bool {
	body := packet[:len(packet)-4]
	crc := binary.BigEndian.Uint32(packet[len(body):])
	if crc == UpdateCRC(0, body) {
		return true
	}
	other := crc32.ChecksumIEEE(body)
	return crc == other || crc == ^other
}

// Reset forgets the cells of a packet that is not complete.
func (r *Reassembler) Reset() { r.packet, r.cells = r.packet[:0], 0 }
