/* Prints on both lines of the SCN2681 as fast as it can, and asks for interrupts
   that nobody handles. */
#include "guest.h"
__start:
	VECTORS
	lui	$16, 0xbe84
	ori	$16, $16, 0x404
	li	$8, 5
	sb	$8, 0x10($16)
	sb	$8, 0x50($16)
	li	$8, 0xff
	sb	$8, 0x28($16)
	li	$18, 0x1234567
1:	RANDOM	$18, $8
	sb	$18, 0x18($16)
	b	1b
	sb	$18, 0x58($16)
