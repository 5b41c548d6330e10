package tneta1570

import (
	"encoding/binary"
	"testing"

	"dynemu/vm/chip/chiptest"
	"dynemu/vm/mem"
)

// FuzzGuest plays a guest that knows nothing: control memory, rings, buffers,
// cells and time in any order, a cable that brings back what is sent, and a
// register window that lies where DMA goes. The chip must come back from each,
// and its picture of the schedule must be right.
func FuzzGuest(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 1, 1, 3, 0x80, 0, 0x04, 0, 2, 0, 0x80, 0, 0, 0x20, 3, 0, 0xE4, 0, 0, 60})
	f.Add([]byte{4, 1, 0, 0x54, 0, 0, 4, 1, 0, 0x54, 0, 0, 5, 0, 0, 0x10, 0, 0, 4, 9, 0xFF, 0xFF, 0xFF, 0xF2})
	f.Add([]byte{1, 4, 0xFF, 0xFF, 0xFF, 0xFF, 6, 1, 0, 0, 0, 0, 4, 1, 0, 0x54, 0, 2})
	words := []uint64{
		TxSchedule, TxSchedule + 4, RegConfig, RegStatus, RegMask, RegTxRings, RegRxRings, RegSegment, RegVCIMask, RegReset,
		RegTxQuiet, RegTxNotify, RegRxQuiet, RegRxNotify, FreeRings, FreeRings + 4, VPITable + 4*5, VPITable,
	}
	for k := range uint64(8) {
		words = append(words, TxTable+32+4*k, RxTable+(16+77)*32+4*k, RxTable+4*k)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		r := newRig(t)
		r.cable.Drop = true
		r.Add(&mem.Region{Name: "chip", Base: 0x80000, Len: WindowSize, Dev: r.chip}) // over RAM
		r.start()
		for i := uint32(1); i < 4; i++ {
			r.open(i, 5, 77, aalAAL5)
		}
		r.set(TxSchedule, 1|2<<16)
		r.set(TxSchedule+4, 3)
		cell := make([]byte, 53)
		chiptest.Play(script, func(op, x byte, v uint32, rest []byte) {
			before := r.cable.Count
			switch op % 8 {
			case 0:
				r.set(words[int(x)%len(words)], v)
			case 1:
				r.Put(segRing+0x400*uint64(x%4)+4*uint64(x>>5), v)
			case 2:
				r.Put(txBuf+uint64(x>>4)*bufSize+4*uint64(x%16), v)
			case 3:
				r.queue(uint32(x%4), r.buffer(int(x>>4), v, v&0x3FF000+txBuf, 5<<20|77<<4, nil))
			case 4:
				binary.BigEndian.PutUint32(cell, v)
				copy(cell[5:], rest)
				for range x%16 + 1 {
					r.chip.Receive(cell)
				}
			case 5:
				r.Advance(int64(v) % 10_000_000)
			case 6:
				if x&1 != 0 {
					r.chip.Attach(loop{r.chip})
				} else {
					r.chip.Attach(&r.cable)
				}
				r.chip.Read(uint64(v)%(WindowSize+8), 1<<(x>>1%4))
				r.chip.ConfigWrite(x, v)
				r.chip.ConfigRead(x)
				r.chip.Ready()
			case 7:
				r.Put(uint64(x)<<12|uint64(v&0xFFC), v)
			}
			if k := r.cable.Count - before; k > 20*maxSteps {
				t.Fatalf("operation %d sent %d cells", op%8, k)
			}
		})
		for i, k := range r.chip.uses {
			if (k != 0) != (r.chip.circuit[i] != nil) || k > 2*scheduleWords {
				t.Fatalf("circuit %d is used %d times", i, k)
			}
		}
	})
}
