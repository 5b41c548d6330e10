package dec21140

import (
	"encoding/binary"
	"testing"

	"dynemu/vm/chip/chiptest"
)

// FuzzGuest plays a guest that knows nothing: register writes, descriptors,
// frames and time in any order. The chip must come back from each.
func FuzzGuest(f *testing.F) {
	f.Add([]byte{0, 3, 0, 0, 0x10, 0, 0, 6, 0, 0, 0x20, 0x42, 2, 60, 0, 0, 0, 0})
	f.Add([]byte{1, 0, 0x80, 0, 0, 0, 1, 1, 0x20, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 6, 0, 0, 0x20, 0})
	f.Add([]byte{0, 4, 0x1F, 0xC0, 0, 0, 0, 6, 0xFF, 0xFF, 0xFF, 0xFF, 3, 9, 9, 9, 9, 9})
	f.Add([]byte{0, 3, 0x48, 0, 0, 0, 0, 4, 0x48, 0, 0, 0x10, 0, 2, 0x80, 0, 0, 0, 0, 6, 0, 0, 0x20, 0x42, 2, 60, 0, 0, 0, 60})
	f.Fuzz(func(t *testing.T, script []byte) {
		r := newRig(t)
		r.Drop = true
		for i := range 16 {
			binary.BigEndian.PutUint32(r.ROM[16*i:], descOwn)
			binary.BigEndian.PutUint32(r.ROM[16*i+4:], descNext|uint32(i)<<20)
			binary.BigEndian.PutUint32(r.ROM[16*i+12:], uint32(chiptest.ROMBase+(i*7%16)*16))
		}
		frame := make([]byte, 4096)
		r.MapSelf(r.chip, WindowSize)
		chiptest.Play(script, func(op, x byte, v uint32, rest []byte) {
			sent := r.Count
			switch op % 6 {
			case 0:
				r.set(int(x%16), v)
			case 1:
				r.Put(uint64(x)*4, v) // rings at 0
			case 2:
				copy(frame, rest)
				r.chip.Receive(frame[:int(v)%len(frame)])
			case 3:
				r.Advance(int64(v) % 10_000_000)
			case 4:
				r.Unplugged = !r.Unplugged
				r.csr(int(x % 16))
			case 5:
				r.chip.ConfigWrite(x, v)
				r.chip.ConfigRead(x)
			}
			if r.Count-sent > 20*txBudget {
				t.Fatalf("a step sent %d frames", r.Count-sent)
			}
		})
	})
}

// FuzzMII clocks management frames and serial ROM commands of any shape.
func FuzzMII(f *testing.F) {
	f.Add([]byte("\x01\x03\x01\x03\x00\x02"))
	f.Fuzz(func(t *testing.T, script []byte) {
		r := newRig(t)
		for _, b := range script {
			r.set(CSR9SROMAndMII, uint32(b&0xF)<<16|uint32(b>>4)<<11|uint32(b&0xF))
			r.csr(9)
		}
	})
}
