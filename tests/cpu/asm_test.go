package cpu

// A few encoders of MIPS instructions, enough for the harness and generator.

func rType(op, rs, rt, rd, sa, fn uint32) uint32 {
	return op<<26 | rs<<21 | rt<<16 | rd<<11 | sa<<6 | fn
}

func iType(op, rs, rt uint32, imm int) uint32 {
	return op<<26 | rs<<21 | rt<<16 | uint32(uint16(imm))
}

// Register numbers with a fixed meaning here.
const (
	zero    = 0
	v0      = 2
	a0      = 4
	a1      = 5
	a2      = 6
	counter = 25 // of the innermost loop, written by loop control only
	base    = 26 // middle of the scratch memory, never written by random code
	state   = 27 // the state block, never written by random code
)

func lui(rt uint32, imm uint32) uint32          { return iType(15, 0, rt, int(imm)) }
func ori(rt, rs uint32, imm uint32) uint32      { return iType(13, rs, rt, int(imm)) }
func daddiu(rt, rs uint32, imm int) uint32      { return iType(25, rs, rt, imm) }
func addiu(rt, rs uint32, imm int) uint32       { return iType(9, rs, rt, imm) }
func ld(rt uint32, off int, rs uint32) uint32   { return iType(55, rs, rt, off) }
func sd(rt uint32, off int, rs uint32) uint32   { return iType(63, rs, rt, off) }
func sw(rt uint32, off int, rs uint32) uint32   { return iType(43, rs, rt, off) }
func lw(rt uint32, off int, rs uint32) uint32   { return iType(35, rs, rt, off) }
func ldc1(ft uint32, off int, rs uint32) uint32 { return iType(53, rs, ft, off) }
func sdc1(ft uint32, off int, rs uint32) uint32 { return iType(61, rs, ft, off) }
func sll0(r uint32) uint32                      { return rType(0, 0, r, r, 0, 0) } // canonical 32-bit value

func mfc0(rt, rd uint32) uint32  { return rType(16, 0, rt, rd, 0, 0) }
func dmfc0(rt, rd uint32) uint32 { return rType(16, 1, rt, rd, 0, 0) }
func mtc0(rt, rd uint32) uint32  { return rType(16, 4, rt, rd, 0, 0) }
func dmtc0(rt, rd uint32) uint32 { return rType(16, 5, rt, rd, 0, 0) }

const (
	nop     = 0
	eret    = 0x42000018
	tlbwi   = 0x42000002
	syscall = 0x0000000c
)

// li loads a positive 31-bit constant.
func li(rt uint32, v uint32) []uint32 { return []uint32{lui(rt, v>>16), ori(rt, rt, v&0xffff)} }
