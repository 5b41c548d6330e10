package dec21140

import (
	"testing"

	"dynemu/vm/chip/chiptest"
)

func benchRig(b *testing.B) *rig {
	r := newRig(b)
	r.Drop = true
	r.start(64)
	b.SetBytes(1500)
	b.ReportAllocs()
	b.ResetTimer()
	return r
}

// BenchmarkTransmit is one frame of 1500 bytes: descriptor, poll demand,
// acknowledge.
func BenchmarkTransmit(b *testing.B) {
	r := benchRig(b)
	for i := range b.N {
		d := uint64(txRing + 16*(i%64))
		r.Put(d+4, r.Word(d+4)&descEnd|txFirst|txLast|txIntr|1500)
		r.Put(d, descOwn)
		r.set(CSR1TxPoll, 1)
		r.set(CSR5Status, TI|TU)
	}
}

// BenchmarkReceive is one frame of 1500 bytes, acknowledged, its descriptor
// given back.
func BenchmarkReceive(b *testing.B) {
	r := benchRig(b)
	frame := chiptest.Frame(chiptest.GroupCDP, 1500)
	for i := range b.N {
		r.chip.Receive(frame)
		r.Put(uint64(rxRing+16*(i%64)), descOwn)
		r.set(CSR5Status, RI)
	}
}
