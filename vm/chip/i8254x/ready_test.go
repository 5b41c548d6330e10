package i8254x

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
	r.start(rxUnicast)
	r.WantRoom(ringSize-1, r.chip.Ready, receive)
	r.set(0x2818, (r.get(0x2818)+1)%ringSize) // one descriptor comes back
	r.WantRoom(1, r.chip.Ready, receive)
	r.set(0x0100, 0)
	if !r.chip.Ready() {
		t.Error("a receiver that is off holds frames up")
	}
}

// A frame may need more than one descriptor.
func TestReadyWithSmallBuffers(t *testing.T) {
	r := newRig(t)
	r.start(rxUnicast | 2<<rxSizeShift) // 512 bytes
	r.WantRoom((ringSize-1)/3, r.chip.Ready, func() { r.chip.Receive(chiptest.Frame(station, 1514)) })
}
