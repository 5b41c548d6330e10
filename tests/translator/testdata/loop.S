/* Loops for ever with interrupts off. */
#include "guest.h"
__start:
	VECTORS
1:	addiu	$8, $8, 1
	b	1b
	xor	$9, $8, $9
