package mueslix

import (
	"testing"

	"dynemu/vm/chip/chiptest"
)

func benchRig(b *testing.B) *rig {
	r := newRig(b, Mode1)
	r.cable[0].Drop = true
	r.start(0, 2048)
	b.SetBytes(1500)
	b.ReportAllocs()
	b.ResetTimer()
	return r
}

// BenchmarkTransmit is one frame of 1500 bytes: the store of the descriptor,
// and its acknowledge.
func BenchmarkTransmit(b *testing.B) {
	r := benchRig(b)
	for i := range b.N {
		r.Put(uint64(txRing+8*(i%ringSize)), r.control(1500, descFirst|descLast))
		r.set(RegStatus, StatusTx)
	}
}

// BenchmarkReceive is one frame of 1500 bytes, acknowledged, its descriptor
// given back.
func BenchmarkReceive(b *testing.B) {
	r := benchRig(b)
	frame := chiptest.Pattern(1500)
	for i := range b.N {
		r.chip.Receive(0, frame)
		r.Put(uint64(rxRing+8*(i%ringSize)), descOwn|2048)
		r.set(RegStatus, StatusRx)
	}
}
