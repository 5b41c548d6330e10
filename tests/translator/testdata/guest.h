/* What the hostile guests share. They are entered in kernel mode, in kseg0.
   After VECTORS every exception goes on at the address in s7, with interrupts off. */
	.set	noreorder
	.set	noat
	.globl	__start

	.macro	VECTORS
	mfc0	$8, $12
	li	$9, 0x0040ff07		/* BEV, IM, ERL, EXL, IE off */
	nor	$9, $9, $0
	and	$8, $8, $9
	lui	$9, 0x2000		/* CU1 */
	or	$8, $8, $9
	mtc0	$8, $12
	la	$8, 90f
	lui	$9, 0x8000
91:	lw	$10, 0($8)
	sw	$10, 0($9)		/* TLB refill */
	sw	$10, 0x80($9)		/* XTLB refill */
	sw	$10, 0x180($9)		/* all others */
	addiu	$8, $8, 4
	la	$10, 92f
	bne	$8, $10, 91b
	addiu	$9, $9, 4
	b	92f
	nop
90:	mtc0	$23, $14
	mfc0	$26, $12		/* no interrupts */
	ori	$26, $26, 1
	xori	$26, $26, 1
	mtc0	$26, $12
	nop
	eret
92:
	.endm

	/* The next random number of reg; tmp is lost. */
	.macro	RANDOM reg, tmp
	sll	\tmp, \reg, 13
	xor	\reg, \reg, \tmp
	srl	\tmp, \reg, 17
	xor	\reg, \reg, \tmp
	sll	\tmp, \reg, 5
	xor	\reg, \reg, \tmp
	.endm
