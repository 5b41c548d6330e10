/* Writes all of NVRAM, which is to be saved, again and again. */
#include "guest.h"
__start:
	VECTORS
	la	$23, 1f
	li	$18, 0x1234567
1:	lui	$16, 0xbe00
	lui	$17, 0xbe02
2:	RANDOM	$18, $8
	sb	$18, 0($16)
	addiu	$16, $16, 1
	bne	$16, $17, 2b
	nop
	b	1b
	nop
