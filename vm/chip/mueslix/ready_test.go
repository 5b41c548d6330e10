package mueslix

import (
	"testing"

	"dynemu/vm/chip/chiptest"
)

// Frames wait for descriptors, and only for them, in each channel by itself.
func TestReady(t *testing.T) {
	bothModes(t, func(t *testing.T, mode Mode) {
		r := newRig(t, mode)
		ready := func() bool { return r.chip.Ready(1) }
		receive := func() { r.chip.Receive(1, chiptest.Pattern(1504)) }
		if !ready() {
			t.Error("a channel that is off holds frames up")
		}
		r.start(1, 1600)
		r.WantRoom(ringSize, ready, receive)
		if !r.chip.Ready(0) {
			t.Error("another channel holds frames up")
		}
		r.Put(rxRing+0x100, descOwn|1600) // one descriptor comes back
		r.WantRoom(1, ready, receive)
		r.set(RegCommand, r.disable()|1)
		if !ready() {
			t.Error("a receiver that is off holds frames up")
		}
		// Two descriptors for each frame.
		r = newRig(t, mode)
		r.start(1, 800)
		r.WantRoom(ringSize/2, ready, receive)
	})
}
