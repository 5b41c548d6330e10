/* lwIP's idea of the compiler; there is only one thread. */
#ifndef ARCH_CC_H
#define ARCH_CC_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "program.h"
#define LWIP_PLATFORM_DIAG(x) do { printf x; } while (0)
#define LWIP_PLATFORM_ASSERT(x) fail(x, __LINE__)
#define LWIP_RAND() random32()
#endif
