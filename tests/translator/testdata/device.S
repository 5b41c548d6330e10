/* Jumps to every 16 KiB of kseg1, where the devices are; what is there runs
   until the timer ends it. */
#include "guest.h"
__start:
	VECTORS
	la	$23, 2f
1:	lui	$16, 0xa000
2:	addiu	$16, $16, 0x4000
	lui	$8, 0xc000
	sltu	$8, $16, $8
	beqz	$8, 1b
	srl	$8, $16, 16
	li	$9, 0xbfc0		/* but for the ROM, which would start over */
	sltu	$9, $8, $9
	beqz	$9, 1b
	li	$9, 0xb600		/* the device where a read switches it off */
	beq	$8, $9, 2b
	li	$9, 0xa800		/* and memory */
	sltu	$9, $8, $9
	bnez	$9, 2b
	nop
	mfc0	$8, $9			/* the timer ends it */
	li	$9, 2000
	addu	$8, $8, $9
	mtc0	$8, $11
	mfc0	$8, $12
	ori	$8, $8, 0x8001
	mtc0	$8, $12
	jr	$16
	nop
