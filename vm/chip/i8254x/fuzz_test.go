package i8254x

import (
	"encoding/binary"
	"testing"
)

// FuzzGuest plays a guest that knows nothing: register writes, descriptors,
// frames and time in any order. The chip must come back from each.
func FuzzGuest(f *testing.F) {
	f.Add([]byte{0, 0x80, 4, 0, 0, 0, 2, 0, 0x80, 6, 0, 0, 0, 8, 1, 2, 0x01, 0, 0, 60, 0, 0, 0x80, 8, 0, 0, 0, 1})
	f.Add([]byte{2, 60, 0, 0, 0, 60, 0, 0x40, 0, 0, 0, 0, 2, 3, 0, 0, 0, 1, 0})
	f.Add([]byte{1, 2, 0x25, 0x10, 0xFF, 0xFF, 1, 3, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0x81, 6, 0, 0, 0, 4})
	offsets := make([]uint64, 0, 256)
	for _, reg := range registers {
		offsets = append(offsets, uint64(reg.offset), uint64(reg.old))
	}
	offsets = append(offsets, offSTATUS, offICS, offIMC, offRXCW, offRA, offRA+4, offMTA, offVFTA, offStats+0x88, offStats+0x8C)
	f.Fuzz(func(t *testing.T, script []byte) {
		r := newRig(t)
		r.dropOut = true
		for _, kv := range [][2]uint64{{0x3808, 0x80}, {0x2808, 0x80}, {0x2818, 7}, {0x400, txEnable}, {0x100, rxEnable}} {
			r.set(kv[0], uint32(kv[1])) // rings at 0
		}
		frame := make([]byte, 20000)
		for n := 0; len(script) >= 6 && n < 100; n++ {
			op, x, v := script[0], script[1], binary.BigEndian.Uint32(script[2:])
			script = script[6:]
			sent := r.count
			switch op % 6 {
			case 0:
				r.set(offsets[int(x)%len(offsets)], v)
			case 1:
				r.put(uint64(x)*4, v)
			case 2:
				copy(frame, script)
				r.chip.Receive(frame[:int(v)%len(frame)])
			case 3:
				r.advance(int64(v) % 10_000_000)
			case 4:
				r.plug = !r.plug
				r.get(offsets[int(x)%len(offsets)])
			case 5:
				r.chip.ConfigWrite(x, v)
				r.chip.ConfigRead(x)
			}
			if r.count-sent > 40*txBudget {
				t.Fatalf("step %d sent %d frames", n, r.count-sent)
			}
		}
	})
}
