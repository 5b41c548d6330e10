package am79c971

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"testing"

	"dynemu/vm/chip"
	"dynemu/vm/event"
	"dynemu/vm/mem"
)

// rig is a guest's surroundings: RAM, time, an interrupt line and a wire.
type rig struct {
	*testing.T
	mem     *mem.Map
	loop    *event.Loop
	now     int64
	chip    *Chip
	irq     bool
	sent    [][]byte
	plug    bool
	base    uint64
	mapped  bool
	rom     []byte
	dropOut bool // count frames, do not keep them
	count   int
}

const (
	ramSize = 1 << 20
	romBase = 0x1FC00000
	romSize = 0x1000

	block  = 0x800
	rxRing = 0x1000
	txRing = 0x2000
	rxBuf  = 0x10000
	txBuf  = 0x20000
)

func newRig(t *testing.T, options ...func(*Config)) *rig {
	r := &rig{T: t, mem: &mem.Map{}, plug: true, rom: make([]byte, romSize)}
	for _, region := range []*mem.Region{
		{Name: "ram", Base: 0, Len: ramSize, RAM: make([]byte, ramSize), Cacheable: true},
		{Name: "rom", Base: romBase, Len: romSize, RAM: r.rom, ReadOnly: true},
	} {
		if err := r.mem.Add(region); err != nil {
			t.Fatal(err)
		}
	}
	var attention atomic.Uint32
	r.loop = event.NewWithSource(&attention, func() int64 { return r.now })
	cfg := Config{Model: Am79C970A, Memory: r.mem, Clock: r.loop, IRQ: func(on bool) { r.irq = on }, Window: r}
	for _, o := range options {
		o(&cfg)
	}
	r.chip = New(cfg)
	r.chip.Attach(r)
	return r
}

func (r *rig) Send(frame []byte) {
	r.count++
	if !r.dropOut {
		r.sent = append(r.sent, bytes.Clone(frame))
	}
}
func (r *rig) Plugged() bool      { return r.plug }
func (r *rig) MoveTo(base uint64) { r.base, r.mapped = base, base != chip.Unmapped }

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

func (r *rig) word(pa uint64) uint32   { return r.mem.Read32(pa) }
func (r *rig) put(pa uint64, v uint32) { r.mem.Write32(pa, v) }

// desc writes words, the one with the ownership bit last, as a driver does.
func (r *rig) desc(pa uint64, words ...uint32) {
	r.Helper()
	for i, w := range words {
		if i != 1 {
			r.put(pa+uint64(4*i), w)
		}
	}
	r.put(pa+4, words[1])
}

func (r *rig) bytes(pa uint64, n int) []byte {
	b := make([]byte, n)
	r.mem.ReadAt(pa, b)
	return b
}

func (r *rig) advance(ns int64) {
	r.now += ns
	r.loop.RunPending()
}

func (r *rig) wantWord(what string, got, want uint32) {
	r.Helper()
	if got != want {
		r.Errorf("%s = %08X, want %08X", what, got, want)
	}
}

func (r *rig) wantWords(what string, pa uint64, want ...uint32) {
	r.Helper()
	for i, w := range want {
		r.wantWord(fmt.Sprintf("%s: word %d", what, i), r.word(pa+uint64(4*i)), w)
	}
}

func (r *rig) wantIRQ(when string, want bool) {
	r.Helper()
	if r.irq != want {
		r.Errorf("%s: interrupt line is %v, want %v", when, r.irq, want)
	}
}

// pattern returns a frame of n bytes to dst.
func pattern(dst [6]byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + 1)
	}
	copy(b, dst[:])
	return b
}

var (
	station   = [6]byte{0x00, 0x11, 0x22, 0x33, 0x44, 0x55}
	stranger  = [6]byte{0x00, 0x11, 0x22, 0x33, 0x44, 0x56}
	groupCDP  = [6]byte{0x01, 0x00, 0x0C, 0xCC, 0xCC, 0xCC}
	groupOSPF = [6]byte{0x01, 0x00, 0x5E, 0x00, 0x00, 0x05}
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
		r.put(block+uint64(4*i), w)
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
	r.put(txRing+uint64(16*i)+4, descOwn|descStart|descEnd|neg(n))
}
