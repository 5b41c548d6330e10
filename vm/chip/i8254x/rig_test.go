package i8254x

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"testing"

	"dynemu/vm/chip"
	"dynemu/vm/chip/bswap"
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

	rxRing = 0x1000
	txRing = 0x2000
	rxBuf  = 0x10000
	txBuf  = 0x40000
	swap   = 0xC0000000 // the window that shows RAM with the bytes of words reversed
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
	if err := r.mem.Add(&mem.Region{Name: "swapped", Base: swap, Len: ramSize, Dev: &bswap.Window{Mem: r.mem}}); err != nil {
		t.Fatal(err)
	}
	var attention atomic.Uint32
	r.loop = event.NewWithSource(&attention, func() int64 { return r.now })
	cfg := Config{Memory: r.mem, Clock: r.loop, IRQ: func(on bool) { r.irq = on }, Window: r}
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

func (r *rig) get(off uint64) uint32    { return uint32(r.chip.Read(off, 4)) }
func (r *rig) set(off uint64, v uint32) { r.chip.Write(off, 4, uint64(v)) }

func (r *rig) word(pa uint64) uint32   { return r.mem.Read32(pa) }
func (r *rig) put(pa uint64, v uint32) { r.mem.Write32(pa, v) }

func (r *rig) desc(pa uint64, words ...uint32) {
	for i, w := range words {
		r.put(pa+uint64(4*i), w)
	}
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
	r.mem.WriteAt(uint64(txBuf+0x800*i), frame)
	r.put(uint64(txRing+16*i+8), bits|uint32(len(frame)))
	r.set(0x3818, (i+1)%ringSize)
}
