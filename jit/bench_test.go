//go:build linux && amd64

package jit

import "testing"

// BenchmarkRefill measures TLB refills: one operation is a walk over 128 pages of
// 4 KiB with a load in each.
func BenchmarkRefill(b *testing.B) {
	box := newBox(b)
	e, err := New(box.CPU, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	box.poke(0xffffffff80000000,
		0x401a4000, // mfc0 k0, BadVAddr
		0x001ad342, // srl k0, k0, 13
		0x001ad1c0, // sll k0, k0, 7
		0x335a0fff, // andi k0, k0, 0xfff
		0x375a001f, // ori k0, k0, 0x1f
		0x409a1000, // mtc0 k0, EntryLo0
		0x375a0040, // ori k0, k0, 0x40
		0x409a1800, // mtc0 k0, EntryLo1
		0x00000000,
		0x42000006, // tlbwr
		0x42000018, // eret
	)
	box.poke(codeAt,
		0x3c080100, // lui t0, 0x0100
		0x24090080, // li t1, 128
		0x8d0a0000, // lw t2, 0(t0)
		0x25081000, // addiu t0, t0, 4096
		0x2529ffff, // addiu t1, t1, -1
		0x1520fffc, // bnez t1, -4
		0x00000000,
		0x26100001, // addiu s0, s0, 1
		0x1000fff7, // b start
		0x00000000,
	)
	box.State().PC = codeAt
	for int(box.State().GPR[16]) < b.N {
		box.Run(20000)
		box.loop.RunPending()
	}
	if s := box.State(); s.CP0.Cause>>2&31 != 2 {
		b.Errorf("cause %#x", s.CP0.Cause)
	}
}

// BenchmarkDeviceRead measures loads of a device register; one operation is one.
func BenchmarkDeviceRead(b *testing.B) {
	box := newBox(b)
	e, err := New(box.CPU, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	box.poke(codeAt,
		0x3c08be00, // lui t0, 0xbe00
		0x8d0a0000, // lw t2, 0(t0)
		0x26100001, // addiu s0, s0, 1
		0x1000fffd, // b -3
		0x00000000,
	)
	box.State().PC = codeAt
	for int(box.State().GPR[16]) < b.N {
		box.Run(20000)
		box.loop.RunPending()
	}
}

// BenchmarkFPU measures a loop of two FPU operations and six others; one operation
// is one turn.
func BenchmarkFPU(b *testing.B) {
	for _, name := range []string{"interpreter", "translator"} {
		b.Run(name, func(b *testing.B) {
			box := newBox(b)
			if name == "translator" {
				e, err := New(box.CPU, Options{})
				if err != nil {
					b.Fatal(err)
				}
				defer e.Close()
			}
			box.poke(codeAt,
				0x25080001,                                     // addiu t0, t0, 1
				0x46220000,                                     // add.d f0, f0, f2
				0x01284821, 0x25290003, 0x01095021, 0x254a0001, // integer work
				0x46220002, // mul.d f0, f0, f2
				0x26100001, // addiu s0, s0, 1
				0x1000fff7, // b start
				0x00000000,
			)
			box.State().PC = codeAt
			for int(box.State().GPR[16]) < b.N {
				box.Run(20000)
				box.loop.RunPending()
			}
		})
	}
}

// BenchmarkEnter measures an empty way into generated code and back.
func BenchmarkEnter(b *testing.B) {
	box := newBox(b)
	e, err := New(box.CPU, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	stub := e.code(e.stubs.enter)
	e.words.budget, e.words.entry = 1, e.code(e.stubs.interp)
	for range b.N {
		if exit := enter(e.ptr, stub); exit != exitInterp {
			b.Fatalf("exit %d", exit)
		}
	}
}
