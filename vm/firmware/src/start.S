/* Entry, exception entry, calls into the boot ROM and the idle point. */

#define CP0_COUNT   $9
#define CP0_COMPARE $11
#define CP0_STATUS  $12
#define CP0_CAUSE   $13
#define CP0_EPC     $14
#define CP0_PRID    $15
#define CP0_BADVA   $8

#define ST_IE  0x00000001
#define ST_EXL 0x00000002
#define ST_BEV 0x00400000

/* Offsets in struct trap_frame (cpu.h). */
#define TF_HI     128
#define TF_LO     132
#define TF_STATUS 136
#define TF_CAUSE  140
#define TF_EPC    144
#define TF_BADVA  148
#define TF_SIZE   152
/* o32: the callee may store four arguments above its return frame. */
#define ARG_SPACE 16

	.set noreorder
	.set noat

	.section .text.start, "ax"
	.globl _start
	.ent _start
_start:
	/* Keep the ROM's exception vectors (BEV), take no interrupt. */
	li	$8, ST_BEV
	mtc0	$8, CP0_STATUS
	nop
	nop
	nop
	la	$8, _bss_start
	la	$9, _bss_end
1:	sltu	$10, $8, $9
	beqz	$10, 2f
	nop
	sw	$0, 0($8)
	b	1b
	addiu	$8, $8, 4
2:	la	$29, _stack_top - 32
	la	$8, router_main
	jalr	$8
	move	$30, $0
3:	b	3b
	nop
	.end _start

	.text
/* u32 rom_call(u32 service, u32 a1, u32 a2, u32 a3): the ROM answers SYSCALL
 * while BEV is set, with interrupts of its own (cpu reference, 8.4). */
	.globl rom_call
	.ent rom_call
rom_call:
	mfc0	$8, CP0_STATUS
	nop
	nop
	lui	$9, 0x0040
	mtc0	$9, CP0_STATUS
	nop
	nop
	nop
	addiu	$29, $29, -32
	sw	$8, 16($29)
	sw	$31, 20($29)
	syscall
	nop
	lw	$8, 16($29)
	lw	$31, 20($29)
	addiu	$29, $29, 32
	mtc0	$8, CP0_STATUS
	nop
	nop
	nop
	jr	$31
	nop
	.end rom_call

/* Copied to each exception vector in RAM. */
	.globl vector_stub, vector_stub_end
	.ent vector_stub
vector_stub:
	la	$26, exception_entry
	jr	$26
	nop
vector_stub_end:
	nop
	.end vector_stub

	.globl exception_entry
	.ent exception_entry
exception_entry:
	/* k1 keeps the interrupted sp; the frame goes below it. */
	move	$27, $29
	addiu	$29, $29, -(TF_SIZE + ARG_SPACE + 8)
	li	$26, -8
	and	$29, $29, $26
	addiu	$26, $29, ARG_SPACE
	sw	$27, 29*4($26)
	sw	$1, 1*4($26)
	sw	$2, 2*4($26)
	sw	$3, 3*4($26)
	sw	$4, 4*4($26)
	sw	$5, 5*4($26)
	sw	$6, 6*4($26)
	sw	$7, 7*4($26)
	sw	$8, 8*4($26)
	sw	$9, 9*4($26)
	sw	$10, 10*4($26)
	sw	$11, 11*4($26)
	sw	$12, 12*4($26)
	sw	$13, 13*4($26)
	sw	$14, 14*4($26)
	sw	$15, 15*4($26)
	sw	$16, 16*4($26)
	sw	$17, 17*4($26)
	sw	$18, 18*4($26)
	sw	$19, 19*4($26)
	sw	$20, 20*4($26)
	sw	$21, 21*4($26)
	sw	$22, 22*4($26)
	sw	$23, 23*4($26)
	sw	$24, 24*4($26)
	sw	$25, 25*4($26)
	sw	$28, 28*4($26)
	sw	$30, 30*4($26)
	sw	$31, 31*4($26)
	mfhi	$8
	mflo	$9
	mfc0	$10, CP0_STATUS
	mfc0	$11, CP0_CAUSE
	mfc0	$12, CP0_EPC
	mfc0	$13, CP0_BADVA
	sw	$8, TF_HI($26)
	sw	$9, TF_LO($26)
	sw	$10, TF_STATUS($26)
	sw	$11, TF_CAUSE($26)
	sw	$12, TF_EPC($26)
	sw	$13, TF_BADVA($26)
	la	$8, exception_dispatch
	jalr	$8
	move	$4, $26
	addiu	$26, $29, ARG_SPACE
	lw	$8, TF_HI($26)
	lw	$9, TF_LO($26)
	lw	$12, TF_EPC($26)
	mthi	$8
	mtlo	$9
	/* Not mtc0: Dynamips then loses the sign, and with it the segment. */
	dmtc0	$12, CP0_EPC
	lw	$1, 1*4($26)
	lw	$2, 2*4($26)
	lw	$3, 3*4($26)
	lw	$4, 4*4($26)
	lw	$5, 5*4($26)
	lw	$6, 6*4($26)
	lw	$7, 7*4($26)
	lw	$8, 8*4($26)
	lw	$9, 9*4($26)
	lw	$10, 10*4($26)
	lw	$11, 11*4($26)
	lw	$12, 12*4($26)
	lw	$13, 13*4($26)
	lw	$14, 14*4($26)
	lw	$15, 15*4($26)
	lw	$16, 16*4($26)
	lw	$17, 17*4($26)
	lw	$18, 18*4($26)
	lw	$19, 19*4($26)
	lw	$20, 20*4($26)
	lw	$21, 21*4($26)
	lw	$22, 22*4($26)
	lw	$23, 23*4($26)
	lw	$24, 24*4($26)
	lw	$25, 25*4($26)
	lw	$28, 28*4($26)
	lw	$30, 30*4($26)
	lw	$31, 31*4($26)
	lw	$29, 29*4($26)
	nop
	eret
	nop
	.end exception_entry

/* void idle_turn(void): one turn of the scheduler's idle loop. An interrupt
 * taken anywhere from here to dynemu_idle resumes at idle_turn (trap.c), so
 * that an emulator that sleeps at dynemu_idle never sleeps on work that the
 * interrupt has just queued. dynemu_idle is the idle-PC: it is reached by a
 * register jump, since Dynamips compares the idle-PC only there (cpu
 * reference, 6.2). */
	.globl idle_turn, dynemu_idle
	.ent idle_turn
idle_turn:
	/* Dynamips delivers one timer tick in 1000 register jumps, and sleeps
	 * 30 ms in 500 turns: with fewer than 15 jumps a turn its clock would
	 * fall behind (cpu reference, 5.5 and 6.2). */
	li	$10, 16
	la	$9, 2f
1:	jr	$9
	addiu	$10, $10, -1
2:	bgtz	$10, 1b
	nop
	la	$8, sched_pending
	lw	$8, 0($8)
	bnez	$8, 3f
	nop
	la	$9, dynemu_idle
	jr	$9
	nop
dynemu_idle:
	jr	$31
	nop
3:	jr	$31
	nop
	.end idle_turn
