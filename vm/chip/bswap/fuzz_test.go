package bswap

import (
	"encoding/binary"
	"testing"
)

// FuzzAccess compares the window with its definition: byte a of it is byte a
// XOR 3 of the target.
func FuzzAccess(f *testing.F) {
	f.Add([]byte{0, 8, 3, 0xAA, 0, 4, 2, 1, 0, 2, 1, 7, 0, 1, 0, 9})
	f.Fuzz(func(t *testing.T, ops []byte) {
		m, w, _ := fixture(t)
		for ; len(ops) >= 4; ops = ops[4:] {
			size := 1 << (ops[2] & 3)
			off, v := uint64(binary.BigEndian.Uint16(ops))&0xFFF&^uint64(size-1), uint64(ops[3])*0x0123456789ABCDEF
			w.Write(off, size, v)
			for i := range size {
				var b [1]byte
				m.ReadAt(w.Base+(off+uint64(i))^3, b[:])
				if want := byte(v >> (8 * (size - 1 - i))); b[0] != want {
					t.Fatalf("byte %d of %d bytes at %#x is %02x, want %02x", i, size, off, b[0], want)
				}
			}
			if got := w.Read(off, size) << (64 - 8*size); got != v<<(64-8*size) {
				t.Fatalf("%d bytes at %#x read %#x, want %#x", size, off, got, v)
			}
		}
	})
}
