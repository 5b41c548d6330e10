/* Busy all the time; what is typed on the console comes back from the interrupt
   handler, as its first action. SCN2681 of the 7200 (c7200 reference, 6.2). */
	.set	noreorder
	.set	noat
	.globl	__start
__start:
	mfc0	$8, $12
	li	$9, 0x0040ffff		/* no BEV, no interrupts yet */
	nor	$9, $9, $0
	and	$8, $8, $9
	mtc0	$8, $12
	la	$9, handler
	la	$10, end
	lui	$11, 0x8000
1:	lw	$12, 0($9)
	sw	$12, 0x180($11)
	addiu	$9, $9, 4
	bne	$9, $10, 1b
	addiu	$11, $11, 4
	lui	$26, 0xbe84
	ori	$26, $26, 0x404
	li	$9, 5			/* enable receiver and transmitter */
	sb	$9, 0x10($26)
	li	$9, 2			/* interrupt on a received byte */
	sb	$9, 0x28($26)
	ori	$8, $8, 0x7c01		/* IM of the hardware lines, IE */
	mtc0	$8, $12
	li	$9, 0x2a		/* ready */
	sb	$9, 0x18($26)
	lui	$16, 0x8010
2:	addiu	$8, $8, 1		/* something to do */
	andi	$9, $8, 0xfc
	addu	$9, $9, $16
	lw	$10, 0($9)
	xor	$10, $10, $8
	sw	$10, 0($9)
	jal	3f
	nop
	b	2b
	nop
3:	jr	$31
	addu	$11, $11, $10

handler:
	lbu	$27, 0x18($26)		/* the byte, there and back */
	sb	$27, 0x18($26)
	lbu	$27, 0x08($26)		/* status: the line goes down */
	eret
end:
