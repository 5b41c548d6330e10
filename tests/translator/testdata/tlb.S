/* Writes random TLB entries with random page masks, loads, stores and jumps through
   them, and changes the ASID. */
#include "guest.h"
__start:
	VECTORS
	la	$23, 1f
	li	$18, 0x6b8b4567
1:	RANDOM	$18, $8
	andi	$9, $18, 6		/* page mask: 4 KiB << 0, 2, 4, 6 */
	ori	$10, $0, 1
	sllv	$10, $10, $9
	addiu	$10, $10, -1
	sll	$10, $10, 13
	mtc0	$10, $5
	srl	$11, $18, 3
	sll	$12, $11, 13
	srl	$12, $12, 2		/* kuseg */
	mtc0	$12, $10
	RANDOM	$18, $8
	lui	$9, 0x000f		/* below 64 MiB; valid, dirty at random */
	ori	$9, $9, 0xffc7
	and	$9, $18, $9
	ori	$9, $9, 0x18
	mtc0	$9, $2
	xori	$9, $9, 0x40
	mtc0	$9, $3
	nop
	tlbwr
	nop
	lw	$8, 0($12)
	ori	$13, $12, 0x1000
	lw	$8, 0($13)
	andi	$8, $18, 0x700
	bnez	$8, 2f
	nop
	jr	$12
	nop
2:	andi	$8, $18, 0x38
	bnez	$8, 1b
	nop
	lui	$8, 0x0010		/* a store somewhere behind the code */
	or	$8, $8, $12
	sw	$18, 0x40($8)
	b	1b
	nop
