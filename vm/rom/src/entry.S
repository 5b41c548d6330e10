/*
 * Reset, exception vectors, exception frames and the launch of the image.
 * Runs uncached at its link address, 0xbfc00000, on any MIPS III processor.
 *
 * Sources: cpu reference, 8.2 (launch), 8.3 (vectors and frame), 8.4 (table of
 * service 42).
 */
	.set	noreorder
	.set	noat
	.set	mips3
	.set	gp=64

#define FRAME_SIZE	512
#define F_REG(n)	((n) * 8)
#define F_SR		256
#define F_LO		264
#define F_HI		272
#define F_BADVADDR	280
#define F_CAUSE		288
#define F_EPC		296
#define F_ERROREPC	304

#define C0_BADVADDR	$8
#define C0_COUNT	$9
#define C0_COMPARE	$11
#define C0_SR		$12
#define C0_CAUSE	$13
#define C0_EPC		$14
#define C0_ERROREPC	$30

/* The stack until the image has one, and for exceptions whose stack pointer
 * is not in unmapped memory. */
#define ROM_STACK	0xa0004000

/*
 * First stage: allocates the frame below the interrupted stack pointer and
 * saves there what the second stage is entered with changed. k0 is lost, as
 * the architecture's conventions allow. A stack pointer outside kseg0 and
 * kseg1 may not be backed by memory, and a miss while EXL is set could not be
 * returned from, so the ROM's own stack is used then.
 */
	.macro	first_stage handler
	sra	$k0, $sp, 30
	addiu	$k0, $k0, 2
	beqz	$k0, 1f
	move	$k0, $sp
	lui	$sp, %hi(ROM_STACK)
	addiu	$sp, $sp, %lo(ROM_STACK)
1:	dsrl	$sp, $sp, 3
	dsll	$sp, $sp, 3
	addiu	$sp, $sp, -FRAME_SIZE
	sd	$k0, F_REG(29)($sp)
	sd	$k1, F_REG(27)($sp)
	sd	$ra, F_REG(31)($sp)
	lui	$k1, %hi(\handler)
	j	second_stage
	addiu	$k1, $k1, %lo(\handler)
	.endm

	.section .vectors, "ax", @progbits
	.globl	_start
_start:
	j	reset
	nop

	.org	0x200			/* TLB refill */
	first_stage exception
	.org	0x280			/* XTLB refill */
	first_stage exception
	.org	0x300			/* cache error */
	first_stage cache_error
	.org	0x380			/* everything else */
	first_stage exception

	.org	0x400
full_frame:
	first_stage exception

/*
 * Second stage: SP is the frame, k1 the handler, which is called with the
 * frame as its argument. Images enter here with a frame and a handler of their
 * own through the table of service 42.
 */
second_stage:
	sd	$1, F_REG(1)($sp)
	sd	$2, F_REG(2)($sp)
	sd	$3, F_REG(3)($sp)
	sd	$4, F_REG(4)($sp)
	sd	$5, F_REG(5)($sp)
	sd	$6, F_REG(6)($sp)
	sd	$7, F_REG(7)($sp)
	sd	$8, F_REG(8)($sp)
	sd	$9, F_REG(9)($sp)
	sd	$10, F_REG(10)($sp)
	sd	$11, F_REG(11)($sp)
	sd	$12, F_REG(12)($sp)
	sd	$13, F_REG(13)($sp)
	sd	$14, F_REG(14)($sp)
	sd	$15, F_REG(15)($sp)
	sd	$16, F_REG(16)($sp)
	sd	$17, F_REG(17)($sp)
	sd	$18, F_REG(18)($sp)
	sd	$19, F_REG(19)($sp)
	sd	$20, F_REG(20)($sp)
	sd	$21, F_REG(21)($sp)
	sd	$22, F_REG(22)($sp)
	sd	$23, F_REG(23)($sp)
	sd	$24, F_REG(24)($sp)
	sd	$25, F_REG(25)($sp)
	sd	$28, F_REG(28)($sp)
	sd	$30, F_REG(30)($sp)
	mflo	$t0
	mfhi	$t1
	sd	$t0, F_LO($sp)
	sd	$t1, F_HI($sp)
	mfc0	$t0, C0_SR
	mfc0	$t1, C0_CAUSE
	sw	$t0, F_SR($sp)
	sw	$t1, F_CAUSE($sp)
	dmfc0	$t0, C0_BADVADDR
	dmfc0	$t1, C0_EPC
	dmfc0	$t2, C0_ERROREPC
	sd	$t0, F_BADVADDR($sp)
	sd	$t1, F_EPC($sp)
	sd	$t2, F_ERROREPC($sp)
	move	$a0, $sp
	jalr	$k1
	addiu	$sp, $sp, -32		/* argument area of the callee */
	addiu	$sp, $sp, 32

	/* Status first: it sets EXL again, or a timer interrupt could come
	 * between here and ERET and overwrite EPC. */
	lw	$t0, F_SR($sp)
	mtc0	$t0, C0_SR
	nop
	nop
	ld	$t0, F_EPC($sp)
	ld	$t1, F_ERROREPC($sp)
	dmtc0	$t0, C0_EPC
	dmtc0	$t1, C0_ERROREPC
	ld	$t0, F_LO($sp)
	ld	$t1, F_HI($sp)
	mtlo	$t0
	mthi	$t1
	ld	$1, F_REG(1)($sp)
	ld	$2, F_REG(2)($sp)
	ld	$3, F_REG(3)($sp)
	ld	$4, F_REG(4)($sp)
	ld	$5, F_REG(5)($sp)
	ld	$6, F_REG(6)($sp)
	ld	$7, F_REG(7)($sp)
	ld	$8, F_REG(8)($sp)
	ld	$9, F_REG(9)($sp)
	ld	$10, F_REG(10)($sp)
	ld	$11, F_REG(11)($sp)
	ld	$12, F_REG(12)($sp)
	ld	$13, F_REG(13)($sp)
	ld	$14, F_REG(14)($sp)
	ld	$15, F_REG(15)($sp)
	ld	$16, F_REG(16)($sp)
	ld	$17, F_REG(17)($sp)
	ld	$18, F_REG(18)($sp)
	ld	$19, F_REG(19)($sp)
	ld	$20, F_REG(20)($sp)
	ld	$21, F_REG(21)($sp)
	ld	$22, F_REG(22)($sp)
	ld	$23, F_REG(23)($sp)
	ld	$24, F_REG(24)($sp)
	ld	$25, F_REG(25)($sp)
	ld	$27, F_REG(27)($sp)
	ld	$28, F_REG(28)($sp)
	ld	$30, F_REG(30)($sp)
	ld	$31, F_REG(31)($sp)
	ld	$sp, F_REG(29)($sp)
	nop
	eret

	.align	2
	.globl	exception_table
exception_table:
	.word	full_frame
	.rept	7
	.word	second_stage
	.endr
	.word	full_frame
	.rept	26
	.word	second_stage
	.endr

reset:
	lui	$sp, %hi(ROM_STACK)
	addiu	$sp, $sp, %lo(ROM_STACK)
	jal	boot
	addiu	$sp, $sp, -32

/*
 * void launch(uint32_t entry): calls the image. It may return with anything in
 * any register, and low memory may be its own by then: the ROM goes on from
 * nothing, in image_returned.
 */
	.globl	launch
launch:
	li	$t1, -7
	addiu	$sp, $a0, -64
	and	$sp, $sp, $t1
	move	$t9, $a0
	li	$a0, 2
	move	$a1, $zero
	jalr	$t9
	move	$a2, $zero
	lui	$sp, %hi(ROM_STACK)
	addiu	$sp, $sp, %lo(ROM_STACK)
	j	image_returned
	addiu	$sp, $sp, -32

/* void halt(void): the machine has been told to stop or to reset, and does so
 * at its leisure. */
	.globl	halt
halt:
	mfc0	$t0, C0_SR
	li	$t1, -2
	and	$t0, $t0, $t1
	mtc0	$t0, C0_SR
1:	b	1b
	nop

/* Accessors for the C part. */
	.macro	accessors name, reg
	.globl	get_\name
get_\name:
	mfc0	$v0, \reg
	jr	$ra
	nop
	.globl	set_\name
set_\name:
	mtc0	$a0, \reg
	nop
	jr	$ra
	nop
	.endm
	accessors status, C0_SR
	accessors cause, C0_CAUSE
	accessors count, C0_COUNT
	accessors compare, C0_COMPARE
