/* Reads all sizes from random addresses of kseg1, aligned and not, the
   emulator's own device aside. */
#include "guest.h"
__start:
	VECTORS
	la	$23, 1f
	li	$18, 0x0badcafe
1:	RANDOM	$18, $8
	lui	$9, 0x1fff
	ori	$9, $9, 0xffff
	and	$9, $18, $9
	lui	$10, 0xa000
	or	$9, $9, $10
	srl	$10, $9, 24
	addiu	$10, $10, -0xb6		/* there a read switches the router off */
	beqz	$10, 1b
	nop
	lbu	$8, 0($9)
	srl	$9, $9, 1
	sll	$9, $9, 1
	lhu	$8, 0($9)
	srl	$9, $9, 2
	sll	$9, $9, 2
	lw	$8, 0($9)
	andi	$8, $18, 0x70
	bnez	$8, 1b
	nop
	b	1b
	lw	$8, 1($9)
