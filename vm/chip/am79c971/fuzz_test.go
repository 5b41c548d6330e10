package am79c971

import (
	"encoding/binary"
	"testing"
)

// FuzzGuest plays a guest that knows nothing: register writes, descriptors,
// frames and time in any order. The chip must come back from each.
func FuzzGuest(f *testing.F) {
	f.Add([]byte{6, 20, 0, 0, 0, 2, 0, 24, 0, 0, 0, 0, 0, 78, 0, 0, 0xFF, 0xFE, 0, 30, 0, 0, 0, 8, 0, 0, 0, 0, 0, 2, 2, 60, 0, 0, 0, 60})
	f.Add([]byte{6, 20, 0, 0, 0, 3, 0, 31, 0, 0, 0x1F, 0xC0, 0, 78, 0, 0, 0xFF, 0xF0, 0, 0, 0, 0, 0, 2, 3, 9, 9, 9, 9, 9})
	f.Add([]byte{0, 1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0x43, 1, 3, 0x83, 0, 0, 9, 2, 60, 0, 0, 2, 60})
	f.Fuzz(func(t *testing.T, script []byte) {
		r := newRig(t)
		r.dropOut = true
		for i := range romSize / 16 {
			binary.BigEndian.PutUint32(r.rom[16*i+4:], descOwn|descStart|descEnd|uint32(i)<<4)
		}
		frame := make([]byte, 4096)
		for n := 0; len(script) >= 6 && n < 100; n++ {
			op, x, v := script[0], script[1], binary.BigEndian.Uint32(script[2:])
			script = script[6:]
			sent := r.count
			switch op % 8 {
			case 0:
				r.set(uint32(x), v)
			case 1:
				r.put(uint64(x)*4, v) // rings at 0
			case 2:
				copy(frame, script)
				r.chip.Receive(frame[:int(v)%len(frame)])
			case 3:
				r.advance(int64(v) % 10_000_000)
			case 4:
				r.plug = !r.plug
				r.csr(uint32(x))
			case 5:
				r.chip.ConfigWrite(x, v)
				r.chip.ConfigRead(x)
			case 6:
				r.setBCR(uint32(x), v)
				r.bcr(uint32(x))
			case 7:
				r.chip.Read(uint64(x%0x40), 1<<(v%4))
			}
			if r.count-sent > 20*txBudget {
				t.Fatalf("step %d sent %d frames", n, r.count-sent)
			}
		}
	})
}
