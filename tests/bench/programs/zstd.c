/* Zstandard: three strategies of compression, and decompression. */
#include <string.h>
#include <zstd.h>

#include "program.h"

#define SIZE (1 << 20)

uint32_t work(unsigned turn)
{
    static const int levels[] = {1, 5, 13};
    static char text[SIZE], packed[SIZE + 4096], back[SIZE];
    size_t n;

    random_seed(turn + 13);
    log_text(text, SIZE);
    n = ZSTD_compress(packed, sizeof packed, text, SIZE, levels[turn % 3]);
    if (ZSTD_isError(n))
        fail(ZSTD_getErrorName(n), levels[turn % 3]);
    if (ZSTD_decompress(back, SIZE, packed, n) != SIZE || memcmp(text, back, SIZE))
        fail("zstd: another text came back", (int)n);
    return checksum(CHECKSUM, packed, n);
}
