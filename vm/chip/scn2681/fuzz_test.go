package scn2681

import (
	"testing"
	"time"
)

// FuzzRegisters lets a guest do anything with the registers while somebody
// types: bytes leave in order, one a read, and nothing else takes any.
func FuzzRegisters(f *testing.F) {
	f.Add([]byte{0, 5, 0x22, 1, 1, 'x', 2, 3, 0, 3, 20, 0, 0, 3, 'a'})
	f.Fuzz(func(t *testing.T, ops []byte) {
		b := newBench()
		for ; len(ops) >= 3; ops = ops[3:] {
			off, v, want := uint64(ops[1]), ops[2], b.a.typed
			switch ops[0] % 4 {
			case 0:
				b.Write(off, 1<<(v&3), uint64(v))
			case 1:
				key := string(rune(v & 0x7F))
				b.typeKeys(b.a, key)
				want += key
			case 2:
				b.Read(off, 1<<(v&3))
				if len(b.a.typed) < len(want) {
					want = want[1:]
				}
			case 3:
				b.pass(time.Duration(v) * time.Millisecond)
			}
			if b.a.typed != want {
				t.Fatalf("operation %d at %#x: %q waits, want %q", ops[0]%4, off, b.a.typed, want)
			}
		}
	})
}
