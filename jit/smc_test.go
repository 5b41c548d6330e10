//go:build linux && amd64

package jit

import (
	"fmt"
	"testing"

	"dynemu/vm/mips"
)

// TestPatchedCode patches an instruction in each turn of a loop, by each kind of
// store, through each segment, and by a bus master, with and without CACHE: the
// next instruction of the same block, a delay slot, a function in the same page and
// in another, and an instruction that was executed before.
func TestPatchedCode(t *testing.T) {
	const (
		rWord, rTwo, rNext, rPlace, rTurn, rDev = 9, 10, 11, 16, 17, 19
		perPlace                                = 6000 // instructions
		mapped                                  = 0x00400000
	)
	stores := map[string][]uint32{
		"sw":         {sw(rWord, 0, rPlace)},
		"sh":         {iw(0x29, rPlace, rWord, 2)},
		"sb":         {iw(0x28, rPlace, rWord, 3)},
		"sd":         {rw(0x3c, 0, rWord, rTwo, 0), rw(0x25, rTwo, rNext, rTwo, 0), iw(0x3f, rPlace, rTwo, 0)},
		"swl, swr":   {iw(0x2a, rPlace, rWord, 0), iw(0x2e, rPlace, rWord, 3)},
		"swr, swl":   {iw(0x2e, rPlace, rWord, 3), iw(0x2a, rPlace, rWord, 0)},
		"ll, sc":     {iw(0x30, rPlace, rTwo, 0), addu(rTwo, rWord, 0), iw(0x38, rPlace, rTwo, 0)},
		"swc1":       {rw(0, 4, rWord, 2, 0) | 0x11<<26, iw(0x39, rPlace, 2, 0)},
		"bus master": {sw(rWord, 0, rDev)},
	}
	caches := map[string][]uint32{
		"no CACHE": nil,
		"CACHE":    {iw(0x2f, rPlace, 0x19, 0), iw(0x2f, rPlace, 0x10, 0)}, // hit write-back D, hit invalidate I
	}
	aliases := map[string]uint64{"kseg0": 0xffffffff80000000, "kseg1": 0xffffffffa0000000, "mapped": mapped}
	const empty = 0x24630000 // addiu v1, v1, 0
	for _, place := range []string{"next", "slot", "page", "other page", "before"} {
		for store, words := range stores {
			for cache, cacheWords := range caches {
				for alias, segment := range aliases {
					t.Run(fmt.Sprintf("%s/%s/%s/%s", place, store, alias, cache), func(t *testing.T) {
						p := newPair(t, Options{})
						var code []uint32
						at := func() uint64 { return codeAt + 4*uint64(len(code)) }
						align := func() {
							for at()%8 != 0 {
								code = append(code, nop)
							}
						}
						where := uint64(codeAt + 0x400)
						switch place {
						case "other page":
							where = codeAt + 0x2000
						case "before":
							where = at()
							code = append(code, empty, nop)
						}
						code = append(code, iw(12, rTurn, rWord, 0x7f), addu(rWord, rWord, 21))
						code = append(code, words...)
						code = append(code, cacheWords...)
						switch place {
						case "next":
							align()
							where = at()
							code = append(code, empty, nop)
						case "slot":
							for at()%8 != 4 {
								code = append(code, nop)
							}
							code = append(code, beq(0, 0, 2))
							where = at()
							code = append(code, empty, nop)
						case "page", "other page":
							code = append(code, jal(where), nop)
							p.code(where, empty, nop, jr(ra), nop)
						}
						code = append(code, addiu(rTurn, rTurn, 1), 2<<26|codeAt>>2&0x3ffffff, nop)
						p.code(codeAt, code...)
						p.both(func(b *box) {
							b.dev.hook = func(write bool, off, v uint64) {
								if write {
									b.m.Write32(where&0x1fffffff, uint32(v))
								}
							}
							s := b.State()
							s.GPR[rPlace] = segment | where&0x1fffffff
							s.GPR[21], s.GPR[rNext], s.GPR[rDev] = empty, 0x24420001, devAt
							s.TLB[0] = mips.TLBEntry{Hi: mapped, Lo: [2]uint64{3<<3 | 6, 0x1000>>6 | 3<<3 | 6}, Global: true}
							s.TLB[1] = mips.TLBEntry{Hi: mapped + 0x2000, Lo: [2]uint64{0x2000>>6 | 3<<3 | 6, 0x3000>>6 | 3<<3 | 6}, Global: true}
							b.StateChanged()
						})
						p.runBoth(perPlace, 7)
						turns := p.reg(rTurn)
						sum := turns / 128 * (127 * 128 / 2)
						for i := range turns % 128 {
							sum += i
						}
						if d := int64(p.reg(3) - sum); d < -127 || d > 127 || turns < 200 {
							t.Errorf("%d turns, v1 is %d, want about %d", turns, p.reg(3), sum)
						}
					})
				}
			}
		}
	}
}
