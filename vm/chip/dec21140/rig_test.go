package dec21140

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
	rxRing = 0x1000
	txRing = 0x2000
	rxBuf  = 0x10000
	txBuf  = 0x20000
)

func newRig(t testing.TB, options ...func(*Config)) *rig {
	r := &rig{Rig: chiptest.New(t)}
	cfg := Config{Memory: r.Mem, Clock: r.Loop, IRQ: r.SetIRQ, Window: r, MAC: [6]byte{2, 0, 0, 0x12, 0x34, 0x56}}
	for _, o := range options {
		o(&cfg)
	}
	r.chip = New(cfg)
	r.chip.Attach(r)
	return r
}

func (r *rig) csr(n int) uint32    { return uint32(r.chip.Read(uint64(n)*8, 4)) }
func (r *rig) set(n int, v uint32) { r.chip.Write(uint64(n)*8, 4, uint64(v)) }

func (r *rig) desc(pa uint64, words ...uint32) {
	r.Helper()
	// The word with the ownership bit last, as a driver does.
	for i := len(words) - 1; i >= 0; i-- {
		r.Put(pa+uint64(4*i), words[i])
	}
}

var (
	station  = [6]byte{0xCA, 0x01, 0x02, 0x03, 0x00, 0x1C}
	stranger = [6]byte{0xCA, 0x01, 0x02, 0x03, 0x00, 0x1D}
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
		r.Mem.WriteAt(txBuf, setupFrame(addrs...))
		r.desc(txRing, descOwn, txSetup|descEnd|setupFrameSize, txBuf, 0)
		r.set(CSR4TxRing, txRing)
		r.set(CSR6Mode, modeTx)
		r.WantWord("TDES0 of the setup frame", r.Word(txRing), 0)
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
