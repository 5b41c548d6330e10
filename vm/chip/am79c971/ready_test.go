package am79c971

import (
	"testing"

	"dynemu/vm/chip/chiptest"
)

// Frames wait for descriptors, and only for them.
func TestReady(t *testing.T) {
	r := newRig(t)
	receive := func() { r.chip.Receive(chiptest.Frame(station, 1514)) }
	if !r.chip.Ready() {
		t.Error("a chip that is off holds frames up")
	}
	r.start(2, 0)
	r.WantRoom(4, r.chip.Ready, receive)
	r.WantWord("missed frames", r.csr(CSRMissed), 0)
	r.Put(rxRing+4, descOwn|neg(0x600)) // one descriptor comes back
	r.WantRoom(1, r.chip.Ready, receive)
	r.set(CSRStatus, STOP)
	if !r.chip.Ready() {
		t.Error("a receiver that is off holds frames up")
	}
}

// A frame may need more than one descriptor. A ring that is too small for a full
// frame takes short ones.
func TestReadyWithSmallBuffers(t *testing.T) {
	for _, c := range []struct {
		log          uint32
		size, frames int
	}{{3, 512, 2}, {1, 128, 1}, {0, 0, 1}} {
		r := newRig(t)
		r.start(c.log, 0)
		for i := range 1 << c.log {
			r.Put(rxRing+uint64(16*i)+4, descOwn|neg(c.size))
		}
		r.WantRoom(c.frames, r.chip.Ready, func() { r.chip.Receive(chiptest.Frame(station, 1514)) })
	}
}
