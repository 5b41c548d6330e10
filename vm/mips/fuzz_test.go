package mips

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// seedState gives the registers values from which loads, stores and jumps hit
// RAM, the device, mapped, unmapped and misaligned addresses.
func seedState(m *machine, r *rand.Rand) {
	s := m.State()
	bases := []uint64{dataAt, codeAt, devAt, romAt, 0x4000, 0x5ff8, 0x70000000, 0xffffffffc0004000, 0x9000000000008000, 0}
	for i := 1; i < 32; i++ {
		switch r.IntN(4) {
		case 0:
			s.GPR[i] = r.Uint64()
		case 1:
			s.GPR[i] = sext32(r.Uint64())
		case 2:
			s.GPR[i] = bases[r.IntN(len(bases))] + uint64(r.IntN(64))
		default:
			s.GPR[i] = bases[r.IntN(len(bases))] + uint64(r.IntN(256)*8)
		}
		s.FPR[i] = randDouble(r)
	}
	s.FPR[0], s.HI, s.LO = r.Uint64(), r.Uint64(), r.Uint64()
	m.tlb(0, 0, 0x4000, pfn(0x8000, 7), pfn(0x9000, 3))
	m.tlb(1, 0x6000, 0xffffffffc0000000, pfn(0xc000, 7), pfn(devPhys, 7)&^(7<<3)|2<<3)
	m.status(StatusCU1 | StatusFR)
}

// FuzzInstructions runs arbitrary words from arbitrary registers: nothing may
// harm the host, $zero stays 0, and every Run makes progress.
func FuzzInstructions(f *testing.F) {
	f.Add([]byte{0x42, 0, 0, 2, 0x42, 0, 0, 6, 0x40, 0x84, 0x60, 0}, uint64(1))
	f.Add([]byte{0x10, 0, 0xff, 0xff, 0, 0, 0, 0}, uint64(2))
	f.Add([]byte{0x03, 0xe0, 0, 8, 0x10, 0, 0xff, 0xff}, uint64(3))
	f.Add([]byte{0x4c, 0, 0, 0x21, 0x46, 0x22, 0, 3, 0xf4, 0x82, 0, 0}, uint64(4))
	m := newMachine(f)
	f.Fuzz(func(t *testing.T, code []byte, seed uint64) {
		fuzzOne(t, m, code, rand.New(rand.NewPCG(seed, 0)))
	})
}

func fuzzOne(t testing.TB, m *machine, code []byte, r *rand.Rand) {
	m.Reset()
	m.dev.log = nil
	m.dev.value = r.Uint64()
	seedState(m, r)
	m.SetIRQ(2, r.IntN(2) == 0)
	code = code[:min(len(code)&^3, 0x4000)]
	m.m.WriteAt(codeAt&0x1fffffff, code)
	m.State().PC = codeAt
	for range 20 {
		m.now += 1000
		before := m.Instructions()
		e := m.Run(50)
		if m.reg(0) != 0 {
			t.Fatalf("$zero = %#x", m.reg(0))
		}
		if n := m.Instructions() - before; e == ExitBudget && (n < 50 || n > 60) {
			t.Fatalf("ran %d instructions", n)
		}
		if e == ExitIdle {
			return
		}
	}
}

// TestRandomInstructions is a short run of the fuzz target over words that are
// mostly instructions.
func TestRandomInstructions(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	m := newMachine(t)
	majors := []uint32{0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x10, 0x11, 0x11, 0x11, 0x13, 0x1a, 0x1b, 0x1c, 0x20, 0x22, 0x23, 0x25, 0x26, 0x28, 0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f, 0x30, 0x31, 0x34, 0x35, 0x37, 0x38, 0x39, 0x3c, 0x3d, 0x3f}
	for range 3000 {
		code := make([]byte, 4*64)
		for i := 0; i < len(code); i += 4 {
			w := r.Uint32()
			if r.IntN(8) != 0 {
				w = majors[r.IntN(len(majors))]<<26 | w&0x03ffffff
			}
			switch {
			case w>>26 == 0x11 && r.IntN(4) != 0: // likely formats
				w = w&^(31<<21) | []uint32{0, 1, 2, 4, 5, 6, 8, 16, 17, 20, 21}[r.IntN(11)]<<21
			case w>>26 == 0 && r.IntN(2) != 0:
				w &^= 31 << 6
			case w>>26 == 0x10 && r.IntN(2) != 0:
				w = []uint32{tlbr, tlbwi, tlbwr, tlbp, eret, wait, w &^ 0x7ff}[r.IntN(7)]
			}
			binary.BigEndian.PutUint32(code[i:], w)
		}
		fuzzOne(t, m, code, r)
	}
}
