//go:build linux && amd64

package jit

import "testing"

// TestParts executes each part of an unaligned access at each place of its unit, with
// and without its register used elsewhere, in memory of all kinds, alone and in a
// delay slot.
func TestParts(t *testing.T) {
	for name, op := range map[string]uint32{"lwl": 0x22, "lwr": 0x26, "ldl": 0x1a, "ldr": 0x1b, "swl": 0x2a, "swr": 0x2e, "sdl": 0x2c, "sdr": 0x2d} {
		for place, base := range map[string]uint64{"kseg0": dataAt, "kseg1": 0xffffffffa0010000, "device": devAt, "nothing": 0xffffffff9f000000, "code": codeAt + 0x800} {
			t.Run(name+"/"+place, func(t *testing.T) {
				p := newPair(t, Options{})
				var code []uint32
				for at := range 9 {
					code = append(code, iw(op, 8, 9, at), addu(10, 10, 9), iw(op, 8, 9, at+3),
						bne(4, 0, 1), iw(op, 8, 11, at), // in a slot
						iw(op, 8, 8, at), addu(8, 12, 0)) // its own base
				}
				p.code(codeAt, append(code, 0x08000000|(codeAt&0x0fffffff)>>2, addiu(4, 4, 1))...)
				p.both(func(b *box) {
					s := b.State()
					s.GPR[8], s.GPR[12] = base, base
					s.GPR[9], s.GPR[11] = 0x8123456789abcdef, 0xfedcba9876543210
					b.m.WriteAt(0x10000, []byte{0x81, 2, 3, 0x84, 5, 6, 7, 8, 0x99, 10, 11, 12, 13, 14, 15, 16})
				})
				p.runBoth(3000, 5)
			})
		}
	}
}
