/* Jumps to unaligned and to unmapped addresses, with and without a link, also from
   a delay slot's register. */
#include "guest.h"
__start:
	VECTORS
	li	$18, 0x2545f491
	la	$23, 1f
1:	RANDOM	$18, $8
	andi	$8, $18, 3
	beqz	$8, 2f
	srl	$9, $18, 4
	lui	$10, 0x8001		/* unaligned, in the code */
	andi	$9, $9, 0xffff
	or	$9, $9, $10
	ori	$9, $9, 1
	jalr	$9
	addiu	$11, $11, 1
2:	andi	$8, $18, 4
	lui	$10, 0xc000		/* kseg2 */
	bnez	$8, 3f
	lui	$11, 0x3fff
	move	$10, $0			/* kuseg */
3:	ori	$11, $11, 0xfffc
	and	$9, $18, $11
	or	$9, $9, $10
	jr	$9
	move	$9, $0
