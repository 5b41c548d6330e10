/* Entry of the guest, and monitor calls that check which registers survive. */
	.set	noreorder
	.set	noat
	.set	mips3
	.set	gp=64

	.section .text.start, "ax", @progbits
	.globl	_start
_start:
	lui	$t0, %hi(launched)
	addiu	$t0, $t0, %lo(launched)
	sw	$a0, 0($t0)
	sw	$a1, 4($t0)
	sw	$a2, 8($t0)
	sw	$sp, 12($t0)
	mfc0	$t1, $12
	sw	$t1, 16($t0)
	mfc0	$t1, $11
	sw	$t1, 20($t0)
	mfc0	$t1, $6
	sw	$t1, 24($t0)
	mfc0	$t1, $9
	sw	$t1, 28($t0)
	lui	$t0, %hi(back)
	sw	$sp, %lo(back)($t0)
	sw	$ra, %lo(back)+4($t0)
	lui	$sp, %hi(stack_top)
	jal	main
	addiu	$sp, $sp, %lo(stack_top)
	lui	$t0, %hi(back)
	lw	$sp, %lo(back)($t0)
	lw	$ra, %lo(back)+4($t0)
	jr	$ra
	nop

/* uint32_t service(n, a1, a2, a3) */
	.globl	service
service:
	syscall
	jr	$ra
	nop

/* uint32_t service_in_slot(n, a1, a2, a3): the call is in a delay slot. */
	.globl	service_in_slot
service_in_slot:
	b	1f
	syscall
1:	jr	$ra
	nop

/*
 * uint32_t survives(n): makes the call with a pattern in every register and
 * returns a mask of those that came back changed. k0 is not looked at.
 */
	.globl	survives
survives:
	addiu	$sp, $sp, -128
	.irp	r, 16,17,18,19,20,21,22,23,28,30,31
	sd	$\r, (\r - 16) * 8($sp)
	.endr
	lui	$k1, 0x1234
	dsll	$k1, $k1, 16
	ori	$k1, $k1, 0x5678
	.irp	r, 1,3,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,28,30,31
	daddiu	$\r, $k1, \r
	.endr
	mtlo	$3
	mthi	$5
	syscall
	li	$v0, 0
	.macro	check_high r
	daddiu	$k0, $\r, -\r
	beq	$k0, $k1, 1f
	nop
	lui	$k0, 1 << (\r & 15)
	or	$v0, $v0, $k0
1:
	.endm
	.macro	check_low r
	daddiu	$k0, $\r, -\r
	beq	$k0, $k1, 1f
	nop
	ori	$k0, $zero, 1 << \r
	or	$v0, $v0, $k0
1:
	.endm
	.irp	r, 1,3,5,6,7,8,9,10,11,12,13,14,15
	check_low \r
	.endr
	.irp	r, 16,17,18,19,20,21,22,23,24,25,28,30,31
	check_high \r
	.endr
	mflo	$1
	beq	$1, $3, 1f
	nop
	ori	$v0, $v0, 1
1:	mfhi	$1
	beq	$1, $5, 1f
	nop
	ori	$v0, $v0, 1
1:
	.irp	r, 16,17,18,19,20,21,22,23,28,30,31
	ld	$\r, (\r - 16) * 8($sp)
	.endr
	jr	$ra
	addiu	$sp, $sp, 128

/* uint32_t high_half(n, a1): the upper half of v0 after the call. */
	.globl	high_half
high_half:
	syscall
	jr	$ra
	dsra32	$v0, $v0, 0

	.globl	get_status
get_status:
	mfc0	$v0, $12
	jr	$ra
	nop
	.globl	get_compare
get_compare:
	mfc0	$v0, $11
	jr	$ra
	nop
	.globl	get_count
get_count:
	mfc0	$v0, $9
	jr	$ra
	nop
	.globl	set_compare
set_compare:
	mtc0	$a0, $11
	jr	$ra
	nop
/* uint32_t set_sp_and_call(sp, n): makes call n on another stack. */
	.globl	set_sp_and_call
set_sp_and_call:
	move	$t0, $sp
	move	$sp, $a0
	move	$a0, $a1
	syscall
	move	$t1, $sp
	jr	$ra
	move	$sp, $t0

	.bss
	.globl	launched
	.align	3
launched: .space 32
back:	.space	8
	.space	8192
stack_top: .space 16
