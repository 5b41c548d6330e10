package atm

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// Cells measured: netio-hypervisor reference, 11.2.
func TestHeader(t *testing.T) {
	for _, c := range []struct {
		header        Header
		vpi, vci, pti uint32
		bytes         string
	}{
		{NewHeader(2, 200) | UserEnd | 1, 2, 200, 1, "00200c836a"},
		{NewHeader(6, 777), 6, 777, 0, "0060309090"},
		{0, 0, 0, 0, "0000000055"},
		{NewHeader(4095, 65535) | Network | EFCI, 4095, 65535, 6, "fffffffc82"},
	} {
		var cell [CellSize]byte
		c.header.Put(cell[:])
		if got := hex.EncodeToString(cell[:HeaderSize]); got != c.bytes {
			t.Errorf("header %08X is %s, want %s", c.header, got, c.bytes)
		}
		h := ReadHeader(cell[:])
		if h.VPI() != c.vpi || h.VCI() != c.vci || h.PTI() != c.pti {
			t.Errorf("%s: %d/%d payload type %d", c.bytes, h.VPI(), h.VCI(), h.PTI())
		}
	}
}

// slowCRC is the definition: the highest bit first, polynomial 04C11DB7, preset
// to ones, inverted in the end.
func slowCRC(p []byte) uint32 {
	crc := ^uint32(0)
	for _, b := range p {
		crc ^= uint32(b) << 24
		for range 8 {
			top := crc >> 31
			crc <<= 1
			if top != 0 {
				crc ^= 0x04C11DB7
			}
		}
	}
	return ^crc
}

func TestCRC(t *testing.T) {
	// The check value of CRC-32/BZIP2, which is the same.
	if got := UpdateCRC(0, []byte("123456789")); got != 0xFC891918 {
		t.Errorf("CRC %08X", got)
	}
	p := make([]byte, 700)
	for i := range p {
		p[i] = byte(i*i + 3*i)
	}
	for n := 0; n <= len(p); n += 13 {
		if got, want := UpdateCRC(0, p[:n]), slowCRC(p[:n]); got != want {
			t.Errorf("CRC of %d bytes is %08X, want %08X", n, got, want)
		}
		// In parts, none of them of a whole number of words.
		part := 0
		crc := uint32(0)
		for rest := p[:n]; len(rest) > 0; part++ {
			k := min(len(rest), 1+part*5)
			crc = UpdateCRC(crc, rest[:k])
			rest = rest[k:]
		}
		if want := slowCRC(p[:n]); crc != want {
			t.Errorf("CRC of %d bytes in parts is %08X, want %08X", n, crc, want)
		}
	}
	if !bytes.Equal(p[:2], []byte{0, 4}) {
		t.Error("the input was changed")
	}
}
