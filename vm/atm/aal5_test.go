package atm

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"strings"
	"testing"
)

func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i*7 + i>>8 + 1)
	}
	return p
}

// A packet of each interesting length, against the definition of I.363.5.
func TestAAL5(t *testing.T) {
	h := NewHeader(5, 77) | 1
	for _, n := range []int{1, 39, 40, 41, 47, 48, 49, 87, 88, 89, 96, 1500, 65535} {
		data := pattern(n)
		before := []byte{1, 2, 3}
		b := AppendAAL5(before, h, data[:n/3], nil, data[n/3:])
		if !bytes.HasPrefix(b, before) {
			t.Fatalf("%d bytes: what was there is gone", n)
		}
		cells := b[len(before):]
		count := (n + 8 + 47) / 48
		if len(cells) != count*CellSize {
			t.Fatalf("%d bytes make %d bytes of cells, want %d cells", n, len(cells), count)
		}
		var packet []byte
		var r Reassembler
		for i := range count {
			cell := cells[i*CellSize:][:CellSize]
			want := h
			if i == count-1 {
				want |= UserEnd
			}
			if ReadHeader(cell) != want || cell[4] != want.HEC() {
				t.Errorf("%d bytes: cell %d has header %x", n, i, cell[:5])
			}
			packet = append(packet, cell[HeaderSize:]...)
			got, err := r.Add(cell)
			if err != nil || (got != nil) != (i == count-1) || got != nil && !bytes.Equal(got, data) {
				t.Errorf("%d bytes: cell %d of %d makes %d bytes, %v", n, i, count, len(got), err)
			}
		}
		end := len(packet)
		if !bytes.Equal(packet[:n], data) || len(bytes.Trim(packet[n:end-8], "\x00")) != 0 {
			t.Errorf("%d bytes: packet %x", n, packet)
		}
		crc := slowCRC(packet[:end-4])
		if want := []byte{0, 0, byte(n >> 8), byte(n), byte(crc >> 24), byte(crc >> 16), byte(crc >> 8), byte(crc)}; !bytes.Equal(packet[end-8:], want) {
			t.Errorf("%d bytes: trailer %x, want %x", n, packet[end-8:], want)
		}
	}
}

// An empty packet is what an aborted one looks like, and cells of what is no
// user data have a bit that must not be set here.
func TestAAL5Header(t *testing.T) {
	b := AppendAAL5(nil, NewHeader(4095, 65535)|Network|UserEnd|EFCI)
	if got := hex.EncodeToString(b); !strings.HasPrefix(got, "fffffff6") || len(b) != CellSize {
		t.Errorf("cell %s", got)
	}
	var r Reassembler
	if data, err := r.Add(b); data != nil || !errors.Is(err, ErrLength) {
		t.Errorf("an empty packet is %x, %v", data, err)
	}
}

func TestReassemblerErrors(t *testing.T) {
	h := NewHeader(1, 100)
	good := pattern(100)
	add := func(r *Reassembler, cells []byte) (data []byte, err error) {
		for ; len(cells) > 0; cells = cells[CellSize:] {
			if data, err = r.Add(cells[:CellSize]); err != nil && len(cells) > CellSize {
				t.Fatalf("an error before the end: %v", err)
			}
		}
		return data, err
	}
	// withLength makes a packet of good with another length and a right CRC.
	withLength := func(n int) []byte {
		cells := AppendAAL5(nil, h, good)
		var packet []byte
		for c := cells; len(c) > 0; c = c[CellSize:] {
			packet = append(packet, c[HeaderSize:CellSize]...)
		}
		packet[len(packet)-6], packet[len(packet)-5] = byte(n>>8), byte(n)
		crc := slowCRC(packet[:len(packet)-4])
		last := cells[len(cells)-8:]
		copy(last[2:], []byte{byte(n >> 8), byte(n), byte(crc >> 24), byte(crc >> 16), byte(crc >> 8), byte(crc)})
		return cells
	}
	// otherCRC makes a packet of good with the CRC-32 of Ethernet, changed by x.
	otherCRC := func(x uint32) []byte {
		cells := AppendAAL5(nil, h, good)
		var packet []byte
		for c := cells; len(c) > 0; c = c[CellSize:] {
			packet = append(packet, c[HeaderSize:CellSize]...)
		}
		binary.BigEndian.PutUint32(cells[len(cells)-4:], crc32.ChecksumIEEE(packet[:len(packet)-4])^x)
		return cells
	}
	flipped := AppendAAL5(nil, h, good)
	flipped[60] ^= 4
	lostOne := AppendAAL5(nil, h, good)[CellSize:]
	lostEnd := AppendAAL5(nil, h, good)
	lostEnd = lostEnd[:len(lostEnd)-CellSize]
	for _, c := range []struct {
		what  string
		cells []byte
		err   error
	}{
		{"a bit flipped", flipped, ErrCRC},
		{"a cell lost", lostOne, ErrCRC},
		{"the end lost", append(bytes.Clone(lostEnd), AppendAAL5(nil, h, good)...), ErrCRC},
		{"the CRC of Dynamips' ATM bridge", otherCRC(0), nil},
		{"the CRC of Dynamips' PA-A1", otherCRC(1<<32 - 1), nil},
		{"neither", otherCRC(1), ErrCRC},
		{"length 0", withLength(0), ErrLength},
		{"longer than the cells", withLength(137), ErrLength},
		{"a cell too many", withLength(88), ErrLength},
		{"nothing wrong", withLength(89), nil},
		{"nothing wrong", withLength(136), nil},
		{"too long", AppendAAL5(nil, h, pattern(6*48)), ErrTooLong},
		{"much too long", AppendAAL5(nil, h, pattern(40000)), ErrTooLong},
		{"the longest", AppendAAL5(nil, h, pattern(6*48-8)), nil},
	} {
		r := Reassembler{MaxCells: 6}
		if _, err := add(&r, c.cells); !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", c.what, err, c.err)
		}
		if len(r.packet) != 0 || cap(r.packet) > 2*6*PayloadSize {
			t.Errorf("%s: %d bytes are kept, room for %d", c.what, len(r.packet), cap(r.packet))
		}
		if got, err := add(&r, AppendAAL5(nil, h, good)); err != nil || !bytes.Equal(got, good) {
			t.Errorf("after %s: %x, %v", c.what, got, err)
		}
	}
	var r Reassembler
	if _, err := add(&r, lostEnd); err != nil {
		t.Fatal(err)
	}
	r.Reset()
	if got, err := add(&r, AppendAAL5(nil, h, good)); err != nil || !bytes.Equal(got, good) {
		t.Errorf("after Reset: %x, %v", got, err)
	}
	// Cells without end are not kept without end.
	endless := make([]byte, CellSize)
	h.Put(endless)
	for range 10 * MaxAAL5Cells {
		if _, err := r.Add(endless); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.packet) > MaxAAL5Cells*PayloadSize {
		t.Errorf("%d bytes are kept", len(r.packet))
	}
	(h | UserEnd).Put(endless)
	if _, err := r.Add(endless); !errors.Is(err, ErrTooLong) {
		t.Errorf("cells without end: %v", err)
	}
}

// FuzzReassembler gives any cells, and a packet behind them that must come
// through when what was there before has ended.
func FuzzReassembler(f *testing.F) {
	f.Add(AppendAAL5(nil, NewHeader(1, 2), pattern(100)), uint8(4), []byte("x"))
	f.Add(make([]byte, 5*CellSize), uint8(2), pattern(60))
	f.Fuzz(func(t *testing.T, cells []byte, limit uint8, data []byte) {
		r := Reassembler{MaxCells: int(limit)}
		most := int(limit)
		if most == 0 {
			most = MaxAAL5Cells
		}
		for ; len(cells) >= CellSize; cells = cells[CellSize:] {
			got, err := r.Add(cells[:CellSize])
			if end := ReadHeader(cells)&UserEnd != 0; end != (got != nil || err != nil) || len(got) > most*PayloadSize {
				t.Fatalf("cell %x: %d bytes, %v", cells[:CellSize], len(got), err)
			}
			if len(r.packet) > most*PayloadSize {
				t.Fatalf("%d bytes kept", len(r.packet))
			}
		}
		end := make([]byte, CellSize)
		UserEnd.Put(end)
		_, _ = r.Add(end)
		if len(data) == 0 || len(data) > 65535 {
			return
		}
		all := AppendAAL5(nil, 0, data)
		fits := len(all)/CellSize <= most
		for ; len(all) > CellSize; all = all[CellSize:] {
			_, _ = r.Add(all[:CellSize])
		}
		got, err := r.Add(all)
		if fits && (err != nil || !bytes.Equal(got, data)) || !fits && !errors.Is(err, ErrTooLong) {
			t.Fatalf("%d bytes: %d, %v", len(data), len(got), err)
		}
	})
}

func BenchmarkAAL5(b *testing.B) {
	data := pattern(1500)
	var r Reassembler
	var cells []byte
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		cells = AppendAAL5(cells[:0], NewHeader(1, 100), data)
		for c := cells; len(c) > 0; c = c[CellSize:] {
			if _, err := r.Add(c[:CellSize]); err != nil {
				b.Fatal(err)
			}
		}
	}
}
