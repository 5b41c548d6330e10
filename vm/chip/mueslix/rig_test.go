package mueslix

import (
	"encoding/binary"
	"fmt"
	"testing"

	"dynemu/vm/chip/chiptest"
)

// rig is a guest's surroundings with a chip and its four cables.
type rig struct {
	*chiptest.Rig
	chip  *Chip
	mode  Mode
	cable [Channels]chiptest.Wire
}

const (
	ringSize = 4
	txRing   = 0x1000 // channel n: + 0x100*n
	rxRing   = 0x2000
	txBuf    = 0x10000 // channel n: + 0x20000*n; descriptor i: + 0x1000*i
	rxBuf    = 0x18000
)

func newRig(t testing.TB, mode Mode) *rig {
	r := &rig{Rig: chiptest.New(t), mode: mode}
	r.chip = New(Config{Mode: mode, Memory: r.Mem, Clock: r.Loop, IRQ: r.SetIRQ, Window: r})
	for i := range r.cable {
		r.chip.Attach(i, &r.cable[i])
	}
	return r
}

func (r *rig) get(off uint64) uint32    { return uint32(r.chip.Read(off, 4)) }
func (r *rig) set(off uint64, v uint32) { r.chip.Write(off, 4, uint64(v)) }

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
		r.Put(uint64(tx)+uint64(8*i), 0)
		r.Put(uint64(tx)+uint64(8*i)+4, r.txBuf(ch, i))
		r.Put(uint64(rx)+uint64(8*i), descOwn|size)
		r.Put(uint64(rx)+uint64(8*i)+4, r.rxBuf(ch, i))
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
	r.Mem.WriteAt(uint64(r.txBuf(ch, i)), frame)
	r.Put(uint64(txRing+0x100*ch+8*i), r.control(len(frame), descFirst|descLast))
}

// putROM stores a descriptor in the ROM.
func (r *rig) putROM(i int, words ...uint32) {
	for j, w := range words {
		binary.BigEndian.PutUint32(r.ROM[8*i+4*j:], w)
	}
}

func bothModes(t *testing.T, f func(t *testing.T, mode Mode)) {
	for _, m := range []Mode{Mode0, Mode1} {
		t.Run(fmt.Sprintf("mode %d", m), func(t *testing.T) { f(t, m) })
	}
}
