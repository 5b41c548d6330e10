/* Runs random words as code, and what they jump to. */
#include "guest.h"
__start:
	VECTORS
	lui	$16, 0x8010		/* 1 MiB of random words */
	li	$17, 0x40000
	li	$18, 0x12345678
1:	RANDOM	$18, $8
	sw	$18, 0($16)
	addiu	$17, $17, -1
	bnez	$17, 1b
	addiu	$16, $16, 4
	lui	$8, 0x8008
	sw	$18, 0($8)
2:	la	$23, 2b			/* again after every exception */
	lui	$8, 0x8008		/* registers hold whatever random code left */
	lw	$18, 0($8)
	RANDOM	$18, $9
	sw	$18, 0($8)
	sll	$8, $18, 12
	srl	$8, $8, 12
	lui	$9, 0x8010
	addu	$9, $9, $8
	srl	$9, $9, 2
	sll	$9, $9, 2
	jr	$9
	nop
