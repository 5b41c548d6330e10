package posoc3

import (
	"testing"

	"dynemu/vm/chip/chiptest"
)

// Frames wait for descriptors, and only for them.
func TestReady(t *testing.T) {
	r := newRig(t)
	receive := func() { r.chip.Receive(chiptest.Pattern(4474)) }
	if !r.chip.Ready() {
		t.Error("a chip that is off holds frames up")
	}
	r.start(4600)
	r.WantRoom(ringSize, r.chip.Ready, receive)
	r.Put(rxRing, descOwn|4600) // one descriptor comes back
	r.WantRoom(1, r.chip.Ready, receive)
	// Two descriptors for each frame.
	r = newRig(t)
	r.start(2300)
	r.WantRoom(ringSize/2, r.chip.Ready, receive)
}
