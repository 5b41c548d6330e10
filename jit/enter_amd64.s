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

// func sigsegv()
//
// Called by the kernel with the signal, siginfo and ucontext in DI, SI and DX. The
// registers that it changes are those that C functions may.
TEXT ·sigsegv(SB), NOSPLIT|NOFRAME, $0
	CMPL 8(SI), $0        // si_code: sent by somebody
	JLE  other
	MOVQ 168(DX), AX      // RIP
	MOVQ ·codeBase(SB), CX
	MOVQ AX, R8
	SUBQ CX, R8
	CMPQ R8, ·codeSize(SB)
	JAE  other
	ANDQ $~((1<<26)-1), R8 // slotShift
	ADDQ CX, R8
	MOVQ AX, 96(DX)       // R15
	MOVQ R8, 168(DX)
	RET
other:
	MOVQ ·goHandler(SB), AX
	JMP  AX

// func sigsegvAddress() uintptr
TEXT ·sigsegvAddress(SB), NOSPLIT, $0-8
	LEAQ ·sigsegv(SB), AX
	MOVQ AX, ret+0(FP)
	RET
