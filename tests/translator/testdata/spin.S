/* A branch to itself with interrupts off: nothing will ever end it. */
#include "guest.h"
__start:
	VECTORS
1:	b	1b
	nop
