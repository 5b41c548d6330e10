//go:build linux && amd64

package jit

import (
	"math/rand/v2"
	"testing"

	"dynemu/vm/mips"
)

// TestPageMasks changes the size of a pair of pages in every turn, from 4 KiB to 16
// MiB, and calls, loads and stores through both of them.
func TestPageMasks(t *testing.T) {
	const window, target = 0x04000000, 0x40000
	p := newPair(t, Options{})
	// The same words wherever the pages lie: the offset in the page is what is left
	// of the physical address.
	p.code(0xffffffff80000000|target, lw(11, 0x40, 31), jr(ra), addiu(3, 3, 1))
	p.code(0xffffffff80080000|target, jr(ra), addiu(3, 3, 100))
	p.code(0xffffffff80000000, addiu(27, 27, 1), eret)
	p.code(0xffffffff80000180, addiu(27, 27, 1), eret)
	p.code(codeAt,
		// a0 = turn mod 7 * 2; t0 = 1<<a0; PageMask = (t0-1)<<13
		addiu(16, 16, 1), ori(9, 0, 7), rw(0x1b, 16, 9, 0, 0), rw(0x10, 0, 0, 4, 0), rw(0, 0, 4, 4, 1),
		ori(8, 0, 1), rw(4, 4, 8, 8, 0), addiu(9, 8, -1), rw(0, 0, 9, 9, 13), mtc0(9, 5),
		// t0 <<= 12: the page size; t1 = target's offset in the page, t2 its page
		rw(0, 0, 8, 8, 12), addiu(9, 8, -1), lui(10, target>>16), rw(0x24, 9, 10, 9, 0), rw(0x23, 10, 9, 10, 0),
		rw(2, 0, 10, 10, 6), ori(10, 10, 0x1e), mtc0(10, 2), mtc0(10, 3),
		lui(12, window>>16), mtc0(12, 10), ori(13, 0, 5), mtc0(13, 0), nop, tlbwi, nop,
		// Call and use the even page, then the odd one.
		addu(13, 12, 9), jalr(13), sw(3, 0x40, 13), lw(14, 0x40, 13),
		addu(13, 13, 8), jalr(13), sw(14, 0x44, 13), iw(0x37, 13, 15, 0x40),
		// The next turn has the same page elsewhere, now and then.
		beq(0, 0, -36), addu(17, 17, 15))
	p.both(func(b *box) {
		b.State().GPR[31] = dataAt
		b.StateChanged()
	})
	p.runBoth(200_000, 11)
	if turns := p.reg(16); turns < 4000 || p.reg(3) < 2*turns-2 || p.reg(27) != 0 {
		t.Errorf("%d turns, %d calls, %d exceptions", turns, p.reg(3), p.reg(27))
	}
	if s := p.e.Stats(); s.Flushes > 3 {
		t.Errorf("everything was dropped %d times", s.Flushes)
	}
}

// refillPages is a handler that maps page n of kuseg, and n+1, to the physical pages
// 0x40 + (n mod 64) and so on; k1 counts.
var refillPages = []uint32{
	mfc0(26, 8), rw(2, 0, 26, 26, 13),
	iw(12, 26, 26, 31), rw(0, 0, 26, 26, 7), addiu(26, 26, 0x1000),
	ori(26, 26, 0x1e), mtc0(26, 2), iw(14, 26, 26, 0x40), mtc0(26, 3),
	tlbwr, addiu(27, 27, 1), eret,
}

// TestRefillOfCode calls functions in more mapped pages than the TLB has entries,
// in random order, with the ASID changing; each refill throws out a random entry.
func TestRefillOfCode(t *testing.T) {
	p := newPair(t, Options{})
	r := rand.New(rand.NewPCG(4, 4))
	w := words{r}
	for page := range uint64(64) {
		body := []uint32{addiu(3, 3, int(page))}
		for range r.IntN(12) {
			body = append(body, rw(w.pick(0x21, 0x23, 0x25, 0x26, 0x2b), w.Uint32N(8), w.Uint32N(8), 2+w.Uint32N(6), 0))
		}
		body = append(body, lw(5, 0x800, 13), sw(6, 0x804, 13), jr(ra), addiu(4, 4, 1))
		p.code(0xffffffff80040000+page<<12, body...)
	}
	p.code(0xffffffff80000000, refillPages...)
	p.code(codeAt,
		lui(12, 0x0040), ori(22, 0, 12345),
		// loop: s6 = s6*5+1; t0 = s6>>5 mod 256: page
		rw(0, 0, 22, 23, 2), addu(22, 22, 23), addiu(22, 22, 1),
		rw(2, 0, 22, 8, 5), iw(12, 8, 8, 255), rw(0, 0, 8, 8, 12), addu(13, 12, 8),
		jalr(13), addiu(16, 16, 1),
		iw(12, 16, 9, 63), bne(9, 0, -11), nop,
		rw(2, 0, 16, 9, 6), iw(12, 9, 9, 3), mtc0(9, 10), // ASID
		beq(0, 0, -16), nop)
	p.runBoth(600_000, 12)
	if calls, refills := p.reg(16), p.reg(27); calls < 10_000 || refills < calls/2 {
		t.Errorf("%d calls, %d refills", calls, refills)
	}
	t.Logf("%d calls, %d refills, %+v", p.reg(16), p.reg(27), p.e.Stats())
}

// TestWiredEntries runs code and uses data in pages of wired entries while TLBWR
// overwrites all others all the time: there must be no exception for them.
func TestWiredEntries(t *testing.T) {
	const fn, data, other = 0x00800000, 0x00900000, 0x00400000
	p := newPair(t, Options{})
	p.code(0xffffffff80040000, lw(5, 0, 14), addiu(5, 5, 1), sw(5, 0, 14), jr(ra), addiu(3, 3, 1))
	p.code(0xffffffff80000000, refillPages...)
	// Anything else: s7 counts, and the loop ends there.
	p.code(0xffffffff80000180, addiu(23, 23, 1), beq(0, 0, -1), nop)
	p.code(codeAt,
		lui(12, fn>>16), lui(14, data>>16), lui(13, other>>16),
		// loop: a refill, two calls
		addiu(16, 16, 1), iw(12, 16, 8, 0xff), rw(0, 0, 8, 8, 13), addu(8, 8, 13), lw(9, 0, 8),
		jalr(12), sw(9, 8, 14),
		jalr(12), lw(10, 8, 14),
		// and one entry written without being asked for
		mtc0(8, 10), tlbwr,
		beq(0, 0, -12), nop)
	p.both(func(b *box) {
		s := b.State()
		s.CP0.Wired = 3
		s.CP0.RandomBase = s.Retired
		s.TLB[0] = mips.TLBEntry{Hi: fn, Lo: [2]uint64{0x40000>>6 | 3<<3 | 6, 0}, Global: true}
		s.TLB[2] = mips.TLBEntry{Hi: data, Lo: [2]uint64{0x50000>>6 | 3<<3 | 6, 0}, Global: true}
		b.StateChanged()
	})
	p.runBoth(300_000, 13)
	if p.reg(16) < 1000 || p.reg(27) < p.reg(16)/4 || p.reg(23) != 0 || p.reg(3) < 2*p.reg(16)-2 {
		t.Errorf("%d turns, %d refills, %d calls, %d other exceptions", p.reg(16), p.reg(27), p.reg(3), p.reg(23))
	}
	for _, i := range []int{0, 2} {
		if e := p.side[1].State().TLB[i]; e.Hi != []uint64{fn, 0, data}[i] {
			t.Errorf("entry %d was overwritten: %+v", i, e)
		}
	}
}
