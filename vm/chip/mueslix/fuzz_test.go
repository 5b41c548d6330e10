package mueslix

import (
	"testing"

	"dynemu/vm/chip/chiptest"
)

// FuzzGuest plays a guest that knows nothing: register writes, descriptors,
// frames and time in any order. The chip must come back from each.
func FuzzGuest(f *testing.F) {
	f.Add(false, []byte{0, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0xFF, 0, 3, 0, 0, 0, 8, 1, 2, 0xE0, 0, 0, 4, 2, 0, 0, 0, 0, 60})
	f.Add(true, []byte{0, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0xFF, 0, 3, 0x1F, 0xC0, 0, 0, 3, 0, 0, 0x10, 0, 0})
	f.Add(true, []byte{0, 3, 0x48, 0, 1, 0x80, 0, 5, 0x48, 0, 1, 0x80, 0, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0xFF, 0, 6, 0x48, 0, 0, 0, 2, 0, 0, 0, 0, 60})
	offsets := []uint64{
		RegStatus, RegEnable, RegMask, reg(0, RegTxStart), RegCommand, reg(0, RegTxEnd), reg(0, RegRxStart), reg(0, RegRxEnd),
		reg(1, RegTxStart), reg(1, RegTxEnd), reg(1, RegRxStart), reg(0, RegClockShift), reg(0, RegClockDiv), reg(0, RegCRC), RegX + 3, RegMicrocode + 0x7FE,
	}
	f.Fuzz(func(t *testing.T, mode1 bool, script []byte) {
		mode := Mode0
		if mode1 {
			mode = Mode1
		}
		r := newRig(t, mode)
		for i := range r.cable {
			r.cable[i].Drop = true
		}
		for i := range chiptest.ROMSize / 8 {
			r.putROM(i, descOwn|uint32(i)<<20, txBuf)
		}
		frame := make([]byte, 32768)
		sent := func() (n int) {
			for i := range r.cable {
				n += r.cable[i].Count
			}
			return n
		}
		r.MapSelf(r.chip, WindowSize)
		chiptest.Play(script, func(op, x byte, v uint32, rest []byte) {
			before := sent()
			switch op % 5 {
			case 0:
				r.chip.Write(offsets[x%16], 1<<(op/5%4), uint64(v))
			case 1:
				r.Put(uint64(x)*4, v) // rings at 0
			case 2:
				copy(frame, rest)
				r.chip.Receive(int(x%Channels), frame[:int(v)%len(frame)])
			case 3:
				r.Advance(int64(v) % 1_000_000_000)
			case 4:
				r.chip.Read(uint64(v)%WindowSize, 1<<(op/5%4))
				r.cable[x%Channels].Unplugged = op&0x80 != 0
			}
			if k := sent() - before; k > 2*Channels*txBudget {
				t.Fatalf("a step sent %d frames", k)
			}
		})
	})
}
