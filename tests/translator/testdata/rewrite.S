/* Writes the instructions that it is about to execute: in its own block, behind a
   branch, in the delay slot, through both unmapped segments. */
#include "guest.h"
__start:
	VECTORS
	la	$23, 1f
	la	$16, 2f
	lui	$8, 0x2000
	or	$17, $16, $8		/* the same by kseg1 */
	lui	$18, 0x2442		/* addiu v0, v0, 0 */
1:	addiu	$19, $19, 1
	andi	$9, $19, 0x7fff
	or	$9, $18, $9
	sw	$9, 0($16)
	sw	$9, 8($17)
	sw	$9, 4($17)
2:	nop
	nop
	nop
	b	3f
	sw	$9, 12($16)		/* over the nop behind the branch */
	nop
3:	sw	$0, 0($17)
	b	1b
	sw	$0, 8($16)
