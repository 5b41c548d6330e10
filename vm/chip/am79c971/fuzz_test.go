package am79c971

import (
	"encoding/binary"
	"testing"

	"dynemu/vm/chip/chiptest"
)

// FuzzGuest plays a guest that knows nothing: register writes, descriptors,
// frames and time in any order. The chip must come back from each.
func FuzzGuest(f *testing.F) {
	f.Add([]byte{6, 20, 0, 0, 0, 2, 0, 24, 0, 0, 0, 0, 0, 78, 0, 0, 0xFF, 0xFE, 0, 30, 0, 0, 0, 8, 0, 0, 0, 0, 0, 2, 2, 60, 0, 0, 0, 60})
	f.Add([]byte{6, 20, 0, 0, 0, 3, 0, 31, 0, 0, 0x1F, 0xC0, 0, 78, 0, 0, 0xFF, 0xF0, 0, 0, 0, 0, 0, 2, 3, 9, 9, 9, 9, 9})
	f.Add([]byte{0, 1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0x43, 1, 3, 0x83, 0, 0, 9, 2, 60, 0, 0, 2, 60})
	f.Add([]byte{6, 20, 0, 0, 0, 2, 0, 31, 0, 0, 0x48, 0, 0, 25, 0, 0, 0x48, 0, 0, 0, 0, 0, 0, 2, 0, 30, 0, 0, 0, 0x10, 2, 60, 0, 0, 0, 60})
	f.Fuzz(func(t *testing.T, script []byte) {
		r := newRig(t)
		r.Drop = true
		for i := range chiptest.ROMSize / 16 {
			binary.BigEndian.PutUint32(r.ROM[16*i+4:], descOwn|descStart|descEnd|uint32(i)<<4)
		}
		frame := make([]byte, 4096)
		r.MapSelf(r.chip, WindowSize)
		chiptest.Play(script, func(op, x byte, v uint32, rest []byte) {
			sent := r.Count
			switch op % 8 {
			case 0:
				r.set(uint32(x), v)
			case 1:
				r.Put(uint64(x)*4, v) // rings at 0
			case 2:
				copy(frame, rest)
				r.chip.Receive(frame[:int(v)%len(frame)])
			case 3:
				r.Advance(int64(v) % 10_000_000)
			case 4:
				r.Unplugged = !r.Unplugged
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
			if r.Count-sent > 20*txBudget {
				t.Fatalf("a step sent %d frames", r.Count-sent)
			}
		})
	})
}
