package nvram

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"
)

// FuzzAccess lets a guest do anything with the memory: it holds what was
// written, byte by byte, and what is saved in the end is what it holds.
func FuzzAccess(f *testing.F) {
	f.Add([]byte{0xFF, 0xFC, 3, 0xAA, 0, 0, 0, 1, 0, 3, 0, 1})
	f.Fuzz(func(t *testing.T, ops []byte) {
		b := newBench(0x1000)
		model := make([]byte, 0x1000)
		for ; len(ops) >= 4; ops = ops[4:] {
			off, size, v := uint64(binary.BigEndian.Uint16(ops))%0x1010, 1<<(ops[2]&3), uint64(ops[3])*0x0123456789ABCDEF
			switch {
			case ops[2]&0x80 != 0:
				b.pass(time.Duration(ops[3]) * time.Millisecond)
			case ops[2]&0x40 != 0:
				b.Read(off, size)
			default:
				b.Write(off, size, v)
				for i := range size {
					if a := int(off) + i; a < len(model) && off != CalendarOffset {
						model[a] = byte(v >> (8 * (size - 1 - i)))
					}
				}
			}
		}
		if !bytes.Equal(b.Content(), model) {
			t.Fatal("the memory does not hold what was written")
		}
		b.Flush()
		last := make([]byte, len(model))
		if n := len(b.saves); n > 0 {
			last = b.saves[n-1]
		}
		if !bytes.Equal(last, model) {
			t.Error("what was saved last is not what the memory holds")
		}
	})
}
