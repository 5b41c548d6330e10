//go:build linux

#include "textflag.h"

// func enter(state, code uintptr) uint64
//
// Generated code keeps the stack where CALL leaves it and may change every
// register but SP, which an ABI0 function is allowed to do; BP is saved by the
// prologue that the assembler makes for the frame.
TEXT ·enter(SB), NOSPLIT, $64-24
	MOVQ state+0(FP), BX
	MOVQ code+8(FP), AX
	CALL AX
	MOVQ AX, ret+16(FP)
	RET

// func cpuid(leaf, sub uint32) (a, b, c, d uint32)
TEXT ·cpuid(SB), NOSPLIT, $0-24
	MOVL leaf+0(FP), AX
	MOVL sub+4(FP), CX
	CPUID
	MOVL AX, a+8(FP)
	MOVL BX, b+12(FP)
	MOVL CX, c+16(FP)
	MOVL DX, d+20(FP)
	RET
