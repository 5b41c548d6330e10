/* An exception handler that is itself an exception. */
#include "guest.h"
__start:
	VECTORS
	lui	$8, 0x8000
	li	$9, 0xffffffff		/* reserved */
	sw	$9, 0x180($8)
	sw	$9, 0($8)
	sw	$9, 0x80($8)
	syscall
