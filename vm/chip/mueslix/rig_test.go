package mueslix

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"testing"

	"dynemu/vm/chip"
	"dynemu/vm/event"
	"dynemu/vm/mem"
)

// rig is a guest's surroundings: RAM, time, an interrupt line and four cables.
type rig struct {
	*testing.T
	mem    *mem.Map
	loop   *event.Loop
	now    int64
	chip   *Chip
	mode   Mode
	irq    bool
	cable  [Channels]cable
	base   uint64
	mapped bool
	rom    []byte
}

// cable is one end of a line.
type cable struct {
	sent      [][]byte
	count     int
	drop      bool // count frames, do not keep them
	unplugged bool
}

func (c *cable) Send(frame []byte) {
	c.count++
	if !c.drop {
		c.sent = append(c.sent, bytes.Clone(frame))
	}
}
func (c *cable) Plugged() bool { return !c.unplugged }

const (
	ramSize = 1 << 20
	romBase = 0x1FC00000
	romSize = 0x4000

	ringSize = 4
	txRing   = 0x1000 // channel n: + 0x100*n
	rxRing   = 0x2000
	txBuf    = 0x10000 // channel n: + 0x20000*n; descriptor i: + 0x1000*i
	rxBuf    = 0x18000
)

func newRig(t *testing.T, mode Mode) *rig {
	r := &rig{T: t, mem: &mem.Map{}, mode: mode, rom: make([]byte, romSize)}
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
	r.chip = New(Config{Mode: mode, Memory: r.mem, Clock: r.loop, IRQ: func(on bool) { r.irq = on }, Window: r})
	for i := range r.cable {
		r.chip.Attach(i, &r.cable[i])
	}
	return r
}

func (r *rig) MoveTo(base uint64) { r.base, r.mapped = base, base != chip.Unmapped }

func (r *rig) get(off uint64) uint32    { return uint32(r.chip.Read(off, 4)) }
func (r *rig) set(off uint64, v uint32) { r.chip.Write(off, 4, uint64(v)) }
func (r *rig) word(pa uint64) uint32    { return r.mem.Read32(pa) }
func (r *rig) put(pa uint64, v uint32)  { r.mem.Write32(pa, v) }

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

func reg(ch int, off uint64) uint64 { return RegChannel + uint64(ch)*ChannelSize + off }

// end returns the value of the end register of a ring of n descriptors.
func (r *rig) end(ring uint32, n int) uint32 {
	if r.mode == Mode0 {
		return ring + uint32(8*n)
	}
	return ring + uint32(8*(n-1))
}

func (r *rig) disable() uint32 {
	if r.mode == Mode0 {
		return 0x10 << 12
	}
	return 0x30 << 12
}

// start brings channel ch up as a driver does, with receive buffers of size
// bytes.
func (r *rig) start(ch int, size uint32) {
	tx, rx := uint32(txRing+0x100*ch), uint32(rxRing+0x100*ch)
	for i := range ringSize {
		r.put(uint64(tx)+uint64(8*i), 0)
		r.put(uint64(tx)+uint64(8*i)+4, r.txBuf(ch, i))
		r.put(uint64(rx)+uint64(8*i), descOwn|size)
		r.put(uint64(rx)+uint64(8*i)+4, r.rxBuf(ch, i))
	}
	r.set(reg(ch, RegCRC), 8)
	r.set(reg(ch, RegTxStart), tx)
	r.set(reg(ch, RegTxEnd), r.end(tx, ringSize))
	r.set(reg(ch, RegRxStart), rx)
	r.set(reg(ch, RegRxEnd), r.end(rx, ringSize))
	r.set(RegCommand, uint32(ch))
	r.set(RegEnable, r.get(RegEnable)|3<<(2*ch))
	r.set(RegMask, 0xFF)
}

func (r *rig) txBuf(ch, i int) uint32 { return uint32(txBuf + 0x20000*ch + 0x1000*i) }
func (r *rig) rxBuf(ch, i int) uint32 { return uint32(rxBuf + 0x20000*ch + 0x1000*i) }

// control returns word 0 of a transmit descriptor for n bytes.
func (r *rig) control(n int, bits uint32) uint32 {
	if r.mode == Mode0 {
		return descOwn | bits | uint32(n)
	}
	w := descOwn | bits | uint32((n+3)/4)
	if short := uint32(-n & 3); short != 0 {
		w |= txSubtract | short<<txSubtractShift
	}
	return w
}

// queue fills transmit descriptor i with a whole frame.
func (r *rig) queue(ch, i int, frame []byte) {
	r.mem.WriteAt(uint64(r.txBuf(ch, i)), frame)
	r.put(uint64(txRing+0x100*ch+8*i), r.control(len(frame), descFirst|descLast))
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + n)
	}
	return b
}

// putROM stores a descriptor in the ROM.
func (r *rig) putROM(i int, words ...uint32) {
	for j, w := range words {
		binary.BigEndian.PutUint32(r.rom[8*i+4*j:], w)
	}
}

func bothModes(t *testing.T, f func(t *testing.T, mode Mode)) {
	for _, m := range []Mode{Mode0, Mode1} {
		t.Run(fmt.Sprintf("mode %d", m), func(t *testing.T) { f(t, m) })
	}
}
