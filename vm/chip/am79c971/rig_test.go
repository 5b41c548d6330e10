package am79c971

import (
	"testing"

	"dynemu/vm/chip/chiptest"
)

// rig is a guest's surroundings with a chip on a wire.
type rig struct {
	*chiptest.Rig
	chiptest.Wire
	chip *Chip
}

const (
	block  = 0x800
	rxRing = 0x1000
	txRing = 0x2000
	rxBuf  = 0x10000
	txBuf  = 0x20000
)

func newRig(t testing.TB, options ...func(*Config)) *rig {
	r := &rig{Rig: chiptest.New(t)}
	cfg := Config{Model: Am79C970A, Memory: r.Mem, Clock: r.Loop, IRQ: r.SetIRQ, Window: r}
	for _, o := range options {
		o(&cfg)
	}
	r.chip = New(cfg)
	r.chip.Attach(r)
	return r
}

func (r *rig) csr(n uint32) uint32 {
	r.chip.Write(regRAP, 4, uint64(n))
	return uint32(r.chip.Read(regRDP, 4))
}

func (r *rig) set(n, v uint32) {
	r.chip.Write(regRAP, 4, uint64(n))
	r.chip.Write(regRDP, 4, uint64(v))
}

func (r *rig) bcr(n uint32) uint32 {
	r.chip.Write(regRAP, 4, uint64(n))
	return uint32(r.chip.Read(regBDP, 4))
}

func (r *rig) setBCR(n, v uint32) {
	r.chip.Write(regRAP, 4, uint64(n))
	r.chip.Write(regBDP, 4, uint64(v))
}

// desc writes words, the one with the ownership bit last, as a driver does.
func (r *rig) desc(pa uint64, words ...uint32) {
	r.Helper()
	for i, w := range words {
		if i != 1 {
			r.Put(pa+uint64(4*i), w)
		}
	}
	r.Put(pa+4, words[1])
}

var (
	station  = [6]byte{0x00, 0x11, 0x22, 0x33, 0x44, 0x55}
	stranger = [6]byte{0x00, 0x11, 0x22, 0x33, 0x44, 0x56}
)

// neg is a length as descriptors hold it, with the ones above it.
func neg(n int) uint32 { return uint32(-n) & 0xFFFF }

// start initialises rings of 1<<log style-2 descriptors with 1536-byte receive
// buffers and starts both sides.
func (r *rig) start(log uint32, mode uint32) {
	r.Helper()
	for i := range uint64(1) << log {
		r.desc(rxRing+16*i, uint32(rxBuf+0x800*i), descOwn|neg(0x600), 0, 0)
		r.desc(txRing+16*i, uint32(txBuf+0x800*i), 0, 0, 0)
	}
	for i, w := range []uint32{log<<20 | log<<28 | mode, 0x33221100, 0x00005544, 0, 0, rxRing, txRing} {
		r.Put(block+uint64(4*i), w)
	}
	r.setBCR(BCRStyle, style2)
	r.set(CSRStatus, STOP)
	r.set(CSRInitLow, block)
	r.set(CSRInitHigh, 0)
	r.set(CSRStatus, INIT)
	r.set(CSRStatus, IDON|STRT)
}

// give hands transmit descriptor i with n bytes of its buffer to the chip.
func (r *rig) give(i, n int) {
	r.Put(txRing+uint64(16*i)+4, descOwn|descStart|descEnd|neg(n))
}
