package i8254x

import (
	"testing"

	"dynemu/vm/chip/bswap"
	"dynemu/vm/chip/chiptest"
	"dynemu/vm/mem"
)

// rig is a guest's surroundings with a chip on a wire.
type rig struct {
	*chiptest.Rig
	chiptest.Wire
	chip *Chip
}

const (
	rxRing = 0x1000
	txRing = 0x2000
	rxBuf  = 0x10000
	txBuf  = 0x40000
	swap   = 0xC0000000 // the window that shows RAM with the bytes of words reversed
)

func newRig(t testing.TB, options ...func(*Config)) *rig {
	r := &rig{Rig: chiptest.New(t)}
	r.Add(&mem.Region{Name: "swapped", Base: swap, Len: chiptest.RAMSize, Dev: &bswap.Window{Mem: r.Mem}})
	cfg := Config{Memory: r.Mem, Clock: r.Loop, IRQ: r.SetIRQ, Window: r}
	for _, o := range options {
		o(&cfg)
	}
	r.chip = New(cfg)
	r.chip.Attach(r)
	return r
}

func (r *rig) get(off uint64) uint32    { return uint32(r.chip.Read(off, 4)) }
func (r *rig) set(off uint64, v uint32) { r.chip.Write(off, 4, uint64(v)) }

func (r *rig) desc(pa uint64, words ...uint32) {
	for i, w := range words {
		r.Put(pa+uint64(4*i), w)
	}
}

var (
	station  = [6]byte{0x00, 0x11, 0x22, 0x33, 0x44, 0x55}
	stranger = [6]byte{0x00, 0x11, 0x22, 0x33, 0x44, 0x56}
)

// ringSize is the number of descriptors of each ring of start.
const ringSize = 8

// start sets up rings of ringSize descriptors with 2048-byte buffers in natural
// order, gives all but one receive descriptor to the chip, and starts both sides.
func (r *rig) start(rctl uint32) {
	r.Helper()
	window := uint32(swap)
	if r.chip.byteInvariant() {
		r.Fatal("start is for a word-invariant bus")
	}
	for i := range uint32(ringSize) {
		r.desc(uint64(rxRing+16*i), window|(rxBuf+0x800*i), 0, 0, 0)
		r.desc(uint64(txRing+16*i), window|(txBuf+0x800*i), 0, 0, 0)
	}
	r.set(0x2800, rxRing)
	r.set(0x2808, 16*ringSize)
	r.set(0x2810, 0)
	r.set(0x2818, ringSize-1)
	r.set(0x3800, txRing)
	r.set(0x3808, 16*ringSize)
	r.set(0x0100, rxEnable|rctl)
	r.set(0x0400, txEnable)
}

// give puts a frame into the buffer of transmit descriptor i, with the bits of
// word 2, and hands it to the chip.
func (r *rig) give(i uint32, frame []byte, bits uint32) {
	i %= ringSize
	r.Mem.WriteAt(uint64(txBuf+0x800*i), frame)
	r.Put(uint64(txRing+16*i+8), bits|uint32(len(frame)))
	r.set(0x3818, (i+1)%ringSize)
}
