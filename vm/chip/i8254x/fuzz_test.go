package i8254x

import (
	"testing"

	"dynemu/vm/chip/chiptest"
)

// FuzzGuest plays a guest that knows nothing: register writes, descriptors,
// frames and time in any order. The chip must come back from each.
func FuzzGuest(f *testing.F) {
	f.Add([]byte{0, 0x80, 4, 0, 0, 0, 2, 0, 0x80, 6, 0, 0, 0, 8, 1, 2, 0x01, 0, 0, 60, 0, 0, 0x80, 8, 0, 0, 0, 1})
	f.Add([]byte{2, 60, 0, 0, 0, 60, 0, 0x40, 0, 0, 0, 0, 2, 3, 0, 0, 0, 1, 0})
	f.Add([]byte{1, 2, 0x25, 0x10, 0xFF, 0xFF, 1, 3, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0x81, 6, 0, 0, 0, 4})
	f.Add([]byte{1, 0, 0x48, 0, 0x38, 0x18, 1, 2, 0x0B, 0, 0, 60, 1, 4, 0x48, 0, 0x28, 0, 0, 0x81, 0, 0, 0, 2, 2, 60, 0, 0, 0, 60})
	offsets := make([]uint64, 0, 256)
	for _, reg := range registers {
		offsets = append(offsets, uint64(reg.offset), uint64(reg.old))
	}
	offsets = append(offsets, offSTATUS, offICS, offIMC, offRXCW, offRA, offRA+4, offMTA, offVFTA, offStats+0x88, offStats+0x8C)
	f.Fuzz(func(t *testing.T, script []byte) {
		r := newRig(t)
		r.Drop = true
		for _, kv := range [][2]uint64{{0x3808, 0x80}, {0x2808, 0x80}, {0x2818, 7}, {0x400, txEnable}, {0x100, rxEnable}} {
			r.set(kv[0], uint32(kv[1])) // rings at 0
		}
		frame := make([]byte, 20000)
		r.MapSelf(r.chip, WindowSize)
		chiptest.Play(script, func(op, x byte, v uint32, rest []byte) {
			sent := r.Count
			switch op % 6 {
			case 0:
				r.set(offsets[int(x)%len(offsets)], v)
			case 1:
				r.Put(uint64(x)*4, v)
			case 2:
				copy(frame, rest)
				r.chip.Receive(frame[:int(v)%len(frame)])
			case 3:
				r.Advance(int64(v) % 10_000_000)
			case 4:
				r.Unplugged = !r.Unplugged
				r.get(offsets[int(x)%len(offsets)])
			case 5:
				r.chip.ConfigWrite(x, v)
				r.chip.ConfigRead(x)
			}
			if r.Count-sent > 40*txBudget {
				t.Fatalf("a step sent %d frames", r.Count-sent)
			}
		})
	})
}
