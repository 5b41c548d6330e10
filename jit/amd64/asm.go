// Package amd64 writes x86-64 machine code: the few instruction forms that the
// translator needs, one method a form, into memory that the caller owns.
//
// Encodings are those of the Intel SDM, volume 2. Nothing is checked: registers
// and displacements must be valid for the form.
package amd64

import "encoding/binary"

// Reg is a general register, by its number in the encoding.
type Reg uint8

// The general registers.
const (
	RAX Reg = iota
	RCX
	RDX
	RBX
	RSP
	RBP
	RSI
	RDI
	R8
	R9
	R10
	R11
	R12
	R13
	R14
	R15

	// None stands for no base or no index in a Mem.
	None Reg = 0xff
)

// Mem is a memory operand: Base + Index*Scale + Disp. Without a base the
// displacement is an absolute, sign-extended address. RSP cannot be an index.
type Mem struct {
	Base, Index Reg
	Scale       uint8 // 1, 2, 4 or 8
	Disp        int32
}

// At is the operand [base+disp].
func At(base Reg, disp int32) Mem { return Mem{Base: base, Index: None, Disp: disp} }

// Abs is the operand [addr].
func Abs(addr int32) Mem { return Mem{Base: None, Index: None, Disp: addr} }

// Indexed is the operand [base+index*scale+disp].
func Indexed(base, index Reg, scale uint8, disp int32) Mem {
	return Mem{Base: base, Index: index, Scale: scale, Disp: disp}
}

// ALU selects an operation of the first group of the opcode map.
type ALU uint8

// The operations.
const (
	ADD ALU = 0
	OR  ALU = 1
	AND ALU = 4
	SUB ALU = 5
	XOR ALU = 6
	CMP ALU = 7
)

// Shift selects an operation of the shift group.
type Shift uint8

// The shifts.
const (
	ROL Shift = 0
	ROR Shift = 1
	SHL Shift = 4
	SHR Shift = 5
	SAR Shift = 7
)

// Cond is a condition code, as in Jcc, SETcc and CMOVcc.
type Cond uint8

// The conditions; Cond^1 is the opposite.
const (
	O  Cond = 0
	B  Cond = 2
	AE Cond = 3
	E  Cond = 4
	NE Cond = 5
	L  Cond = 12
	GE Cond = 13
	LE Cond = 14
	G  Cond = 15
)

// Asm writes code to B, whose byte 0 is at offset 0 of the code. N is the
// number of bytes written.
type Asm struct {
	B []byte
	N int
}

func (a *Asm) byte(v byte) {
	a.B[a.N] = v
	a.N++
}

func (a *Asm) imm32(v int32) {
	binary.LittleEndian.PutUint32(a.B[a.N:], uint32(v))
	a.N += 4
}

func (a *Asm) opcode(op uint32) {
	if op > 0xffff {
		a.byte(byte(op >> 16))
	}
	if op > 0xff {
		a.byte(byte(op >> 8))
	}
	a.byte(byte(op))
}

// rex writes the REX prefix that w and the registers need; force writes it even
// when it says nothing, which selects SIL, DIL and the like.
func (a *Asm) rex(w bool, reg, index, base Reg, force bool) {
	r := byte(0x40)
	if w {
		r |= 8
	}
	r |= byte(reg>>3&1)<<2 | byte(index>>3&1)<<1 | byte(base>>3&1)
	if r != 0x40 || force {
		a.byte(r)
	}
}

// rm writes an instruction with a register and a memory operand. prefix 0 is none.
func (a *Asm) rm(prefix byte, op uint32, w, force bool, reg Reg, m Mem) {
	if prefix != 0 {
		a.byte(prefix)
	}
	index, base := m.Index, m.Base
	if index == None {
		index = 0
	}
	if base == None {
		base = 0
	}
	a.rex(w, reg, index, base, force)
	a.opcode(op)
	a.modrm(reg, m)
}

func (a *Asm) modrm(reg Reg, m Mem) {
	r := byte(reg&7) << 3
	scale := byte(0)
	switch m.Scale {
	case 2:
		scale = 1 << 6
	case 4:
		scale = 2 << 6
	case 8:
		scale = 3 << 6
	}
	switch {
	case m.Base == None:
		a.byte(r | 4)
		if m.Index == None {
			a.byte(4<<3 | 5)
		} else {
			a.byte(scale | byte(m.Index&7)<<3 | 5)
		}
		a.imm32(m.Disp)
		return
	case m.Index != None || m.Base&7 == RSP:
		mod := a.mod(m)
		a.byte(mod | r | 4)
		if m.Index == None {
			a.byte(4<<3 | byte(m.Base&7))
		} else {
			a.byte(scale | byte(m.Index&7)<<3 | byte(m.Base&7))
		}
		a.disp(mod, m.Disp)
	default:
		mod := a.mod(m)
		a.byte(mod | r | byte(m.Base&7))
		a.disp(mod, m.Disp)
	}
}

func (a *Asm) mod(m Mem) byte {
	switch {
	case m.Disp == 0 && m.Base&7 != RBP:
		return 0
	case m.Disp == int32(int8(m.Disp)):
		return 1 << 6
	}
	return 2 << 6
}

func (a *Asm) disp(mod byte, d int32) {
	switch mod {
	case 1 << 6:
		a.byte(byte(d))
	case 2 << 6:
		a.imm32(d)
	}
}

// rr writes an instruction with two register operands.
func (a *Asm) rr(prefix byte, op uint32, w, force bool, reg, rm Reg) {
	if prefix != 0 {
		a.byte(prefix)
	}
	a.rex(w, reg, 0, rm, force)
	a.opcode(op)
	a.byte(0xc0 | byte(reg&7)<<3 | byte(rm&7))
}

// Mov copies src to dst; w selects 64 bits, else the upper half becomes 0.
func (a *Asm) Mov(w bool, dst, src Reg) { a.rr(0, 0x8b, w, false, dst, src) }

// Load reads dst from memory.
func (a *Asm) Load(w bool, dst Reg, m Mem) { a.rm(0, 0x8b, w, false, dst, m) }

// Store writes src to memory.
func (a *Asm) Store(w bool, m Mem, src Reg) { a.rm(0, 0x89, w, false, src, m) }

// Store8 writes the low byte of src.
func (a *Asm) Store8(m Mem, src Reg) { a.rm(0, 0x88, false, src >= RSP, src, m) }

// Store16 writes the low half-word of src.
func (a *Asm) Store16(m Mem, src Reg) { a.rm(0x66, 0x89, false, false, src, m) }

// StoreImm writes the sign-extended v.
func (a *Asm) StoreImm(w bool, m Mem, v int32) {
	a.rm(0, 0xc7, w, false, 0, m)
	a.imm32(v)
}

// MovImm sets all of dst to v, in the shortest way. It leaves the flags alone.
func (a *Asm) MovImm(dst Reg, v uint64) {
	switch {
	case v>>32 == 0:
		a.rex(false, 0, 0, dst, false)
		a.byte(0xb8 | byte(dst&7))
		a.imm32(int32(v))
	case uint64(int64(int32(v))) == v:
		a.rex(true, 0, 0, dst, false)
		a.byte(0xc7)
		a.byte(0xc0 | byte(dst&7))
		a.imm32(int32(v))
	default:
		a.rex(true, 0, 0, dst, false)
		a.byte(0xb8 | byte(dst&7))
		binary.LittleEndian.PutUint64(a.B[a.N:], v)
		a.N += 8
	}
}

// Zero clears dst and changes the flags.
func (a *Asm) Zero(dst Reg) { a.Op(XOR, false, dst, dst) }

// Movsxd sign-extends the low 32 bits of src.
func (a *Asm) Movsxd(dst, src Reg) { a.rr(0, 0x63, true, false, dst, src) }

// LoadSX32 reads a sign-extended 32-bit value.
func (a *Asm) LoadSX32(dst Reg, m Mem) { a.rm(0, 0x63, true, false, dst, m) }

// LoadSX8 reads a sign-extended byte.
func (a *Asm) LoadSX8(dst Reg, m Mem) { a.rm(0, 0x0fbe, true, false, dst, m) }

// LoadZX8 reads a zero-extended byte.
func (a *Asm) LoadZX8(dst Reg, m Mem) { a.rm(0, 0x0fb6, false, false, dst, m) }

// LoadZX16 reads a zero-extended half-word.
func (a *Asm) LoadZX16(dst Reg, m Mem) { a.rm(0, 0x0fb7, false, false, dst, m) }

// MovSX16 sign-extends the low half-word of src.
func (a *Asm) MovSX16(dst, src Reg) { a.rr(0, 0x0fbf, true, false, dst, src) }

// MovZX16 zero-extends the low half-word of src.
func (a *Asm) MovZX16(dst, src Reg) { a.rr(0, 0x0fb7, false, false, dst, src) }

// MovZX8 zero-extends the low byte of src.
func (a *Asm) MovZX8(dst, src Reg) { a.rr(0, 0x0fb6, false, src >= RSP, dst, src) }

// LoadBE reads with MOVBE.
func (a *Asm) LoadBE(w bool, dst Reg, m Mem) { a.rm(0, 0x0f38f0, w, false, dst, m) }

// StoreBE writes with MOVBE.
func (a *Asm) StoreBE(w bool, m Mem, src Reg) { a.rm(0, 0x0f38f1, w, false, src, m) }

// StoreBE16 writes a half-word with MOVBE.
func (a *Asm) StoreBE16(m Mem, src Reg) { a.rm(0x66, 0x0f38f1, false, false, src, m) }

// Bswap reverses the bytes of r.
func (a *Asm) Bswap(w bool, r Reg) {
	a.rex(w, 0, 0, r, false)
	a.byte(0x0f)
	a.byte(0xc8 | byte(r&7))
}

// Rol16 rotates the low half-word of r by 8.
func (a *Asm) Rol16(r Reg) {
	a.rr(0x66, 0xc1, false, false, Reg(ROL), r)
	a.byte(8)
}

// Lea computes the address m; 32-bit results are zero-extended.
func (a *Asm) Lea(w bool, dst Reg, m Mem) { a.rm(0, 0x8d, w, false, dst, m) }

// Op is dst = dst op src.
func (a *Asm) Op(op ALU, w bool, dst, src Reg) { a.rr(0, uint32(op)<<3|3, w, false, dst, src) }

// OpMem is dst = dst op [m].
func (a *Asm) OpMem(op ALU, w bool, dst Reg, m Mem) { a.rm(0, uint32(op)<<3|3, w, false, dst, m) }

// OpToMem is [m] = [m] op src.
func (a *Asm) OpToMem(op ALU, w bool, m Mem, src Reg) { a.rm(0, uint32(op)<<3|1, w, false, src, m) }

// OpImm is dst = dst op v.
func (a *Asm) OpImm(op ALU, w bool, dst Reg, v int32) {
	if v == int32(int8(v)) {
		a.rr(0, 0x83, w, false, Reg(op), dst)
		a.byte(byte(v))
		return
	}
	if dst == RAX {
		a.rex(w, 0, 0, 0, false)
		a.byte(byte(op)<<3 | 5)
		a.imm32(v)
		return
	}
	a.rr(0, 0x81, w, false, Reg(op), dst)
	a.imm32(v)
}

// OpMemImm is [m] = [m] op v.
func (a *Asm) OpMemImm(op ALU, w bool, m Mem, v int32) {
	if v == int32(int8(v)) {
		a.rm(0, 0x83, w, false, Reg(op), m)
		a.byte(byte(v))
		return
	}
	a.rm(0, 0x81, w, false, Reg(op), m)
	a.imm32(v)
}

// OpMemImm8 is the byte [m] = [m] op v.
func (a *Asm) OpMemImm8(op ALU, m Mem, v int8) {
	a.rm(0, 0x80, false, false, Reg(op), m)
	a.byte(byte(v))
}

// Not inverts r.
func (a *Asm) Not(w bool, r Reg) { a.rr(0, 0xf7, w, false, 2, r) }

// Neg negates r.
func (a *Asm) Neg(w bool, r Reg) { a.rr(0, 0xf7, w, false, 3, r) }

// Test sets the flags of x & y.
func (a *Asm) Test(w bool, x, y Reg) { a.rr(0, 0x85, w, false, y, x) }

// TestImm sets the flags of x & v, of 32 bits.
func (a *Asm) TestImm(x Reg, v int32) {
	a.rr(0, 0xf7, false, false, 0, x)
	a.imm32(v)
}

// TestMemImm sets the flags of [m] & v, of 32 bits.
func (a *Asm) TestMemImm(m Mem, v int32) {
	a.rm(0, 0xf7, false, false, 0, m)
	a.imm32(v)
}

// TestAL sets the flags of AL & v.
func (a *Asm) TestAL(v byte) {
	a.byte(0xa8)
	a.byte(v)
}

// ShiftImm shifts r by n.
func (a *Asm) ShiftImm(op Shift, w bool, r Reg, n uint8) {
	a.rr(0, 0xc1, w, false, Reg(op), r)
	a.byte(n)
}

// ShiftCL shifts r by CL.
func (a *Asm) ShiftCL(op Shift, w bool, r Reg) { a.rr(0, 0xd3, w, false, Reg(op), r) }

// ShiftDoubleCL shifts dst by CL, left or right, and fills it with bits of src.
func (a *Asm) ShiftDoubleCL(left, w bool, dst, src Reg) {
	if left {
		a.rr(0, 0x0fa5, w, false, src, dst)
	} else {
		a.rr(0, 0x0fad, w, false, src, dst)
	}
}

// vex writes a three-byte VEX prefix of map 0F38 (2) or 0F3A (3).
func (a *Asm) vex(w bool, mapping, pp byte, reg, rm, vvvv Reg) {
	a.byte(0xc4)
	a.byte((byte(reg>>3&1)^1)<<7 | 1<<6 | (byte(rm>>3&1)^1)<<5 | mapping)
	b := (^byte(vvvv)&15)<<3 | pp
	if w {
		b |= 0x80
	}
	a.byte(b)
}

// ShiftX is dst = src op count with SHLX, SHRX or SARX (BMI2).
func (a *Asm) ShiftX(op Shift, w bool, dst, src, count Reg) {
	pp := map[Shift]byte{SHL: 1, SAR: 2, SHR: 3}[op]
	a.vex(w, 2, pp, dst, src, count)
	a.byte(0xf7)
	a.byte(0xc0 | byte(dst&7)<<3 | byte(src&7))
}

// Rorx is dst = src rotated right by n (BMI2).
func (a *Asm) Rorx(w bool, dst, src Reg, n uint8) {
	a.vex(w, 3, 3, dst, src, 0)
	a.byte(0xf0)
	a.byte(0xc0 | byte(dst&7)<<3 | byte(src&7))
	a.byte(n)
}

// Imul is dst = dst * src, low half.
func (a *Asm) Imul(w bool, dst, src Reg) { a.rr(0, 0x0faf, w, false, dst, src) }

// MulWide is RDX:RAX = RAX * src, signed or not.
func (a *Asm) MulWide(signed, w bool, src Reg) {
	if signed {
		a.rr(0, 0xf7, w, false, 5, src)
	} else {
		a.rr(0, 0xf7, w, false, 4, src)
	}
}

// Div divides RDX:RAX by src, signed or not.
func (a *Asm) Div(signed, w bool, src Reg) {
	if signed {
		a.rr(0, 0xf7, w, false, 7, src)
	} else {
		a.rr(0, 0xf7, w, false, 6, src)
	}
}

// Cdq sign-extends RAX (EAX) into RDX (EDX).
func (a *Asm) Cdq(w bool) {
	a.rex(w, 0, 0, 0, false)
	a.byte(0x99)
}

// Set stores cond as 0 or 1 in the low byte of r.
func (a *Asm) Set(cond Cond, r Reg) { a.rr(0, 0x0f90|uint32(cond), false, r >= RSP, 0, r) }

// SetMem stores cond as 0 or 1 in the byte at m.
func (a *Asm) SetMem(cond Cond, m Mem) { a.rm(0, 0x0f90|uint32(cond), false, false, 0, m) }

// Cmov is dst = src when cond holds, 64 bits.
func (a *Asm) Cmov(cond Cond, dst, src Reg) { a.rr(0, 0x0f40|uint32(cond), true, false, dst, src) }

// CmovMem is dst = [m] when cond holds, 64 bits.
func (a *Asm) CmovMem(cond Cond, dst Reg, m Mem) {
	a.rm(0, 0x0f40|uint32(cond), true, false, dst, m)
}

// Jcc jumps to offset to of the code and returns where its displacement is.
func (a *Asm) Jcc(cond Cond, to int) int {
	a.byte(0x0f)
	a.byte(0x80 | byte(cond))
	a.imm32(int32(to - (a.N + 4)))
	return a.N - 4
}

// Jmp jumps to offset to and returns where its displacement is.
func (a *Asm) Jmp(to int) int {
	a.byte(0xe9)
	a.imm32(int32(to - (a.N + 4)))
	return a.N - 4
}

// LeaCode sets dst to the address at which offset to of the code executes, and
// returns where its displacement is.
func (a *Asm) LeaCode(dst Reg, to int) int {
	a.rex(true, dst, 0, 0, false)
	a.byte(0x8d)
	a.byte(byte(dst&7)<<3 | 5)
	a.imm32(int32(to - (a.N + 4)))
	return a.N - 4
}

// JmpMem jumps to the address in memory.
func (a *Asm) JmpMem(m Mem) { a.rm(0, 0xff, false, false, 4, m) }

// Ret returns.
func (a *Asm) Ret() { a.byte(0xc3) }

// Link makes the displacement at offset at lead to offset to.
func (a *Asm) Link(at, to int) {
	binary.LittleEndian.PutUint32(a.B[at:], uint32(int32(to-(at+4))))
}

// Align fills with INT3 up to a multiple of n, a power of two.
func (a *Asm) Align(n int) {
	for a.N&(n-1) != 0 {
		a.byte(0xcc)
	}
}
