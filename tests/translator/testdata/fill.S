/* Calls every 16 bytes of most of its memory, full of functions, so that it needs
   more code memory than there is. */
#include "guest.h"
__start:
	VECTORS
	lui	$16, 0x8010		/* from 1 MiB */
	lui	$17, 0x83f0		/* to 63 MiB */
	lui	$18, 0x2442		/* addiu v0, v0, 1 */
	ori	$18, $18, 1
	lui	$19, 0x03e0		/* jr ra */
	ori	$19, $19, 8
	lui	$20, 0x0082		/* xor v0, a0, v0 */
	ori	$20, $20, 0x1026
	move	$8, $16
1:	sw	$18, 0($8)
	sw	$20, 4($8)
	sw	$19, 8($8)
	sw	$18, 12($8)
	addiu	$8, $8, 16
	bne	$8, $17, 1b
	nop
2:	move	$8, $16
3:	jalr	$8
	addiu	$8, $8, 16
	bne	$8, $17, 3b
	nop
	b	2b
	nop
