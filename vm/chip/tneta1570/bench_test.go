package tneta1570

import (
	"testing"

	"dynemu/vm/chip/chiptest"
)

func benchRig(b *testing.B) *rig {
	r := newRig(b)
	r.cable.Drop = true
	r.start()
	r.open(1, 5, 77, aalAAL5)
	b.SetBytes(1500)
	b.ReportAllocs()
	b.ResetTimer()
	return r
}

// BenchmarkTransmit is one packet of 1500 bytes, 32 cells: the store in the
// segmentation ring, and the completion entry given back.
func BenchmarkTransmit(b *testing.B) {
	r := benchRig(b)
	buf := r.buffer(0, ready, 0, line, chiptest.Pattern(1500))
	for i := range b.N {
		r.Advance(33 * cellTime)
		r.store(1, buf)
		r.Put(txDone+4*uint64(i%(doneLast+1)), ownBit)
	}
	if r.cable.Count != 32*b.N {
		b.Errorf("%d cells sent", r.cable.Count)
	}
}

// BenchmarkReceive is one packet of 1500 bytes in one buffer, acknowledged, its
// buffer given back.
func BenchmarkReceive(b *testing.B) {
	r := benchRig(b)
	r.set(FreeRings+4, 40<<freeSizeShift)
	all := aal5(line, chiptest.Pattern(1500), standard)
	for i := range b.N {
		r.receive(all)
		if _, ok := r.done(); !ok {
			b.Fatal("no completion")
		}
		r.Put(uint64(freeRing+4*(i%freeSize)), ownBit|uint32(rxBuf)>>2)
		r.get(RegStatus)
	}
}
