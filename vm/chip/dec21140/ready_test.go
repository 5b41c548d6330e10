package dec21140

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
	r.start(4, station)
	r.WantRoom(4, r.chip.Ready, receive)
	r.WantWord("missed frames", r.csr(CSR8Missed), 0)
	// One descriptor comes back, without a poll demand.
	r.Put(rxRing, descOwn)
	r.WantRoom(1, r.chip.Ready, receive)
	r.WantWord("missed frames", r.csr(CSR8Missed), 0)
	r.set(CSR6Mode, modeTx)
	if !r.chip.Ready() {
		t.Error("a receiver that is off holds frames up")
	}
}

// A frame may need more than one descriptor. A ring that is too small for a full
// frame takes short ones.
func TestReadyWithSmallBuffers(t *testing.T) {
	for _, c := range []struct{ descriptors, size, frames int }{
		{8, 512, 2}, // three for each full frame
		{8, 1518, 8},
		{2, 128, 1},
		{1, 0, 1},
	} {
		r := newRig(t)
		r.start(c.descriptors, station)
		for i := range c.descriptors {
			r.Put(rxRing+uint64(16*i)+4, r.Word(rxRing+uint64(16*i)+4)&descEnd|uint32(c.size))
		}
		r.WantRoom(c.frames, r.chip.Ready, func() { r.chip.Receive(chiptest.Frame(station, 1514)) })
	}
}

// A chain of descriptors that never comes back to where it began ends the search.
func TestReadyInEndlessChain(t *testing.T) {
	r := newRig(t)
	r.start(1, station)
	r.desc(rxRing, descOwn, descNext, 0, 0x8000)
	r.desc(0x8000, descOwn, descNext, 0, 0x8000)
	if !r.chip.Ready() {
		t.Error("waits for room that will never be there")
	}
}
