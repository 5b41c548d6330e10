package mips

import (
	"fmt"
	"strings"
)

// regNames are the names of the o32 calling convention.
var regNames = [32]string{
	"zero", "at", "v0", "v1", "a0", "a1", "a2", "a3",
	"t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7",
	"s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7",
	"t8", "t9", "k0", "k1", "gp", "sp", "fp", "ra",
}

// RegName returns the conventional name of general register i, 0 to 31.
func RegName(i int) string { return regNames[i&31] }

// A form is a mnemonic and the operands that follow it, one letter each:
//
//	s t d   general registers in the fields rs, rt, rd
//	i u     immediate, signed and unsigned        a      shift amount
//	b       branch target    j  jump target       m    offset(base)    x index(base)
//	S T D R floating-point registers fs, ft, fd, fr
//	c       CP0 register     f  FPU control register
//	n       condition code (compare)   N  condition code (branch, move)
//	k h     cache operation or hint, in rt and rd   C 20-bit code   e 10-bit code
type form struct{ name, args string }

var majorForms = [64]form{
	2: {"j", "j"}, 3: {"jal", "j"}, 4: {"beq", "stb"}, 5: {"bne", "stb"}, 6: {"blez", "sb"}, 7: {"bgtz", "sb"},
	8: {"addi", "tsi"}, 9: {"addiu", "tsi"}, 10: {"slti", "tsi"}, 11: {"sltiu", "tsi"},
	12: {"andi", "tsu"}, 13: {"ori", "tsu"}, 14: {"xori", "tsu"}, 15: {"lui", "tu"},
	20: {"beql", "stb"}, 21: {"bnel", "stb"}, 22: {"blezl", "sb"}, 23: {"bgtzl", "sb"},
	24: {"daddi", "tsi"}, 25: {"daddiu", "tsi"}, 26: {"ldl", "tm"}, 27: {"ldr", "tm"},
	32: {"lb", "tm"}, 33: {"lh", "tm"}, 34: {"lwl", "tm"}, 35: {"lw", "tm"},
	36: {"lbu", "tm"}, 37: {"lhu", "tm"}, 38: {"lwr", "tm"}, 39: {"lwu", "tm"},
	40: {"sb", "tm"}, 41: {"sh", "tm"}, 42: {"swl", "tm"}, 43: {"sw", "tm"},
	44: {"sdl", "tm"}, 45: {"sdr", "tm"}, 46: {"swr", "tm"}, 47: {"cache", "km"},
	48: {"ll", "tm"}, 49: {"lwc1", "Tm"}, 51: {"pref", "km"}, 52: {"lld", "tm"}, 53: {"ldc1", "Tm"}, 55: {"ld", "tm"},
	56: {"sc", "tm"}, 57: {"swc1", "Tm"}, 60: {"scd", "tm"}, 61: {"sdc1", "Tm"}, 63: {"sd", "tm"},
}

var specialForms = [64]form{
	0: {"sll", "dta"}, 2: {"srl", "dta"}, 3: {"sra", "dta"}, 4: {"sllv", "dts"}, 6: {"srlv", "dts"}, 7: {"srav", "dts"},
	8: {"jr", "s"}, 9: {"jalr", "ds"}, 10: {"movz", "dst"}, 11: {"movn", "dst"}, 12: {"syscall", "C"}, 13: {"break", "C"}, 15: {"sync", ""},
	16: {"mfhi", "d"}, 17: {"mthi", "s"}, 18: {"mflo", "d"}, 19: {"mtlo", "s"},
	20: {"dsllv", "dts"}, 22: {"dsrlv", "dts"}, 23: {"dsrav", "dts"},
	24: {"mult", "st"}, 25: {"multu", "st"}, 26: {"div", "st"}, 27: {"divu", "st"},
	28: {"dmult", "st"}, 29: {"dmultu", "st"}, 30: {"ddiv", "st"}, 31: {"ddivu", "st"},
	32: {"add", "dst"}, 33: {"addu", "dst"}, 34: {"sub", "dst"}, 35: {"subu", "dst"},
	36: {"and", "dst"}, 37: {"or", "dst"}, 38: {"xor", "dst"}, 39: {"nor", "dst"},
	42: {"slt", "dst"}, 43: {"sltu", "dst"}, 44: {"dadd", "dst"}, 45: {"daddu", "dst"}, 46: {"dsub", "dst"}, 47: {"dsubu", "dst"},
	48: {"tge", "ste"}, 49: {"tgeu", "ste"}, 50: {"tlt", "ste"}, 51: {"tltu", "ste"}, 52: {"teq", "ste"}, 54: {"tne", "ste"},
	56: {"dsll", "dta"}, 58: {"dsrl", "dta"}, 59: {"dsra", "dta"}, 60: {"dsll32", "dta"}, 62: {"dsrl32", "dta"}, 63: {"dsra32", "dta"},
}

var special2Forms = [64]form{
	0: {"madd", "st"}, 1: {"maddu", "st"}, 2: {"mul", "dst"}, 4: {"msub", "st"}, 5: {"msubu", "st"},
	32: {"clz", "ds"}, 33: {"clo", "ds"}, 36: {"dclz", "ds"}, 37: {"dclo", "ds"},
}

var regimmForms = [32]form{
	0: {"bltz", "sb"}, 1: {"bgez", "sb"}, 2: {"bltzl", "sb"}, 3: {"bgezl", "sb"},
	8: {"tgei", "si"}, 9: {"tgeiu", "si"}, 10: {"tlti", "si"}, 11: {"tltiu", "si"}, 12: {"teqi", "si"}, 14: {"tnei", "si"},
	16: {"bltzal", "sb"}, 17: {"bgezal", "sb"}, 18: {"bltzall", "sb"}, 19: {"bgezall", "sb"},
}

var cop1xForms = [64]form{
	0: {"lwxc1", "Dx"}, 1: {"ldxc1", "Dx"}, 8: {"swxc1", "Sx"}, 9: {"sdxc1", "Sx"}, 15: {"prefx", "hx"},
	32: {"madd.s", "DRST"}, 33: {"madd.d", "DRST"}, 40: {"msub.s", "DRST"}, 41: {"msub.d", "DRST"},
	48: {"nmadd.s", "DRST"}, 49: {"nmadd.d", "DRST"}, 56: {"nmsub.s", "DRST"}, 57: {"nmsub.d", "DRST"},
}

// fpForms get the suffix of the operand format.
var fpForms = [64]form{
	0: {"add", "DST"}, 1: {"sub", "DST"}, 2: {"mul", "DST"}, 3: {"div", "DST"}, 4: {"sqrt", "DS"}, 5: {"abs", "DS"}, 6: {"mov", "DS"}, 7: {"neg", "DS"},
	8: {"round.l", "DS"}, 9: {"trunc.l", "DS"}, 10: {"ceil.l", "DS"}, 11: {"floor.l", "DS"},
	12: {"round.w", "DS"}, 13: {"trunc.w", "DS"}, 14: {"ceil.w", "DS"}, 15: {"floor.w", "DS"},
	17: {"movf", "DSN"}, 18: {"movz", "DSt"}, 19: {"movn", "DSt"}, 21: {"recip", "DS"}, 22: {"rsqrt", "DS"},
	32: {"cvt.s", "DS"}, 33: {"cvt.d", "DS"}, 36: {"cvt.w", "DS"}, 37: {"cvt.l", "DS"},
	48: {"c.f", "nST"}, 49: {"c.un", "nST"}, 50: {"c.eq", "nST"}, 51: {"c.ueq", "nST"},
	52: {"c.olt", "nST"}, 53: {"c.ult", "nST"}, 54: {"c.ole", "nST"}, 55: {"c.ule", "nST"},
	56: {"c.sf", "nST"}, 57: {"c.ngle", "nST"}, 58: {"c.seq", "nST"}, 59: {"c.ngl", "nST"},
	60: {"c.lt", "nST"}, 61: {"c.nge", "nST"}, 62: {"c.le", "nST"}, 63: {"c.ngt", "nST"},
}

var cop0Words = map[uint32]string{
	0x42000001: "tlbr", 0x42000002: "tlbwi", 0x42000006: "tlbwr", 0x42000008: "tlbp", 0x42000018: "eret",
}

var moveForms = map[uint32]form{ // by opcode and rs field
	0x10 << 5: {"mfc0", "tc"}, 0x10<<5 | 1: {"dmfc0", "tc"}, 0x10<<5 | 2: {"cfc0", "tc"},
	0x10<<5 | 4: {"mtc0", "tc"}, 0x10<<5 | 5: {"dmtc0", "tc"}, 0x10<<5 | 6: {"ctc0", "tc"},
	0x11 << 5: {"mfc1", "tS"}, 0x11<<5 | 1: {"dmfc1", "tS"}, 0x11<<5 | 2: {"cfc1", "tf"},
	0x11<<5 | 4: {"mtc1", "tS"}, 0x11<<5 | 5: {"dmtc1", "tS"}, 0x11<<5 | 6: {"ctc1", "tf"},
}

// formOf returns the form of w; its name is empty when w is not an instruction.
func formOf(w uint32) form {
	switch op := w >> 26; op {
	case 0:
		if w&0x3f == 1 {
			return form{[]string{"movf", "movt"}[w>>16&1], "dsN"}
		}
		return specialForms[w&0x3f]
	case 1:
		return regimmForms[w>>16&31]
	case 0x10:
		if name := cop0Words[w]; name != "" {
			return form{name, ""}
		}
		if w>>25 == 0x21 && w&0x3f == 0x20 {
			return form{"wait", ""}
		}
		return moveForms[op<<5|w>>21&31]
	case 0x11:
		rs := w >> 21 & 31
		switch {
		case rs < 8:
			return moveForms[op<<5|rs]
		case rs == 8:
			return form{[]string{"bc1f", "bc1t", "bc1fl", "bc1tl"}[w>>16&3], "Nb"}
		}
		suffix := map[uint32]string{fmtS: ".s", fmtD: ".d", fmtW: ".w", fmtL: ".l"}[rs]
		f := fpForms[w&0x3f]
		if suffix == "" || f.name == "" {
			return form{}
		}
		if w&0x3f == 17 && w>>16&1 != 0 {
			f.name = "movt"
		}
		f.name += suffix
		return f
	case 0x13:
		return cop1xForms[w&0x3f]
	case 0x1c:
		return special2Forms[w&0x3f]
	default:
		return majorForms[op]
	}
}

// Disassemble returns the assembly text of instruction word w at address pc, or
// a .word directive for what is not an instruction.
func Disassemble(pc uint64, w uint32) string {
	switch {
	case w == 0:
		return "nop"
	case w>>16 == 0x1000:
		return fmt.Sprintf("b\t0x%x", pc+4+uint64(int64(int16(w)))<<2)
	case w>>26 == 0 && w&0x7ff == 0x25 && w>>16&31 == 0, w>>26 == 0 && w&0x7ff == 0x2d && w>>16&31 == 0:
		return fmt.Sprintf("move\t%s,%s", regNames[w>>11&31], regNames[w>>21&31])
	case w>>21 == 9<<5: // addiu rt, zero
		return fmt.Sprintf("li\t%s,%d", regNames[w>>16&31], int16(w))
	}
	f := formOf(w)
	if f.name == "" {
		return fmt.Sprintf(".word\t0x%08x", w)
	}
	rs, rt, rd, sa := w>>21&31, w>>16&31, w>>11&31, w>>6&31
	var args []string
	add := func(format string, v ...any) { args = append(args, fmt.Sprintf(format, v...)) }
	for _, a := range f.args {
		switch a {
		case 's':
			add("%s", regNames[rs])
		case 't':
			add("%s", regNames[rt])
		case 'd':
			add("%s", regNames[rd])
		case 'i':
			add("%d", int16(w))
		case 'u':
			add("0x%x", w&0xffff)
		case 'a':
			add("%d", sa)
		case 'b':
			add("0x%x", pc+4+uint64(int64(int16(w)))<<2)
		case 'j':
			add("0x%x", (pc+4)&^0xfffffff|uint64(w&0x3ffffff)<<2)
		case 'm':
			add("%d(%s)", int16(w), regNames[rs])
		case 'x':
			add("%s(%s)", regNames[rt], regNames[rs])
		case 'S':
			add("$f%d", rd)
		case 'T':
			add("$f%d", rt)
		case 'D':
			add("$f%d", sa)
		case 'R':
			add("$f%d", rs)
		case 'c', 'f':
			add("$%d", rd)
			if a == 'c' && w&7 != 0 {
				add("%d", w&7)
			}
		case 'n':
			if cc := w >> 8 & 7; cc != 0 {
				add("$fcc%d", cc)
			}
		case 'N':
			if cc := w >> 18 & 7; cc != 0 || f.args[0] != 'N' {
				add("$fcc%d", cc)
			}
		case 'k':
			add("0x%x", rt)
		case 'h':
			add("0x%x", rd)
		case 'C':
			if code := w >> 6 & 0xfffff; code != 0 {
				add("0x%x", code)
			}
		case 'e':
			if code := w >> 6 & 0x3ff; code != 0 {
				add("0x%x", code)
			}
		}
	}
	if len(args) == 0 {
		return f.name
	}
	return f.name + "\t" + strings.Join(args, ",")
}
