package dec21140

import (
	"bytes"
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
	cfg := Config{Memory: r.mem, Clock: r.loop, IRQ: func(on bool) { r.irq = on }, Window: r, MAC: [6]byte{2, 0, 0, 0x12, 0x34, 0x56}}
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

func (r *rig) csr(n int) uint32        { return uint32(r.chip.Read(uint64(n)*8, 4)) }
func (r *rig) set(n int, v uint32)     { r.chip.Write(uint64(n)*8, 4, uint64(v)) }
func (r *rig) word(pa uint64) uint32   { return r.mem.Read32(pa) }
func (r *rig) put(pa uint64, v uint32) { r.mem.Write32(pa, v) }

func (r *rig) desc(pa uint64, words ...uint32) {
	r.Helper()
	// The word with the ownership bit last, as a driver does.
	for i := len(words) - 1; i >= 0; i-- {
		r.put(pa+uint64(4*i), words[i])
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
	station   = [6]byte{0xCA, 0x01, 0x02, 0x03, 0x00, 0x1C}
	stranger  = [6]byte{0xCA, 0x01, 0x02, 0x03, 0x00, 0x1D}
	groupCDP  = [6]byte{0x01, 0x00, 0x0C, 0xCC, 0xCC, 0xCC}
	groupOSPF = [6]byte{0x01, 0x00, 0x5E, 0x00, 0x00, 0x05}
)

// setupFrame lays out 16 addresses, the last one given repeated.
func setupFrame(addrs ...[6]byte) []byte {
	b := make([]byte, setupFrameSize)
	for i := range 16 {
		a := addrs[min(i, len(addrs)-1)]
		for j := range 3 {
			copy(b[i*12+j*4:], a[2*j:2*j+2])
		}
	}
	return b
}

// start loads a setup frame and starts both sides on rings of n descriptors.
func (r *rig) start(n int, addrs ...[6]byte) {
	r.Helper()
	if len(addrs) > 0 {
		r.mem.WriteAt(txBuf, setupFrame(addrs...))
		r.desc(txRing, descOwn, txSetup|descEnd|setupFrameSize, txBuf, 0)
		r.set(CSR4TxRing, txRing)
		r.set(CSR6Mode, modeTx)
		r.wantWord("TDES0 of the setup frame", r.word(txRing), 0)
		r.set(CSR6Mode, 0)
	}
	for i := range n {
		end := uint32(0)
		if i == n-1 {
			end = descEnd
		}
		r.desc(rxRing+uint64(16*i), descOwn, end|0x600, uint32(rxBuf+0x800*i), 0)
		r.desc(txRing+uint64(16*i), 0, end, uint32(txBuf+0x800*i), 0)
	}
	r.set(CSR3RxRing, rxRing)
	r.set(CSR4TxRing, txRing)
	r.set(CSR6Mode, modeRx|modeTx)
	r.set(CSR5Status, ^uint32(0))
}
