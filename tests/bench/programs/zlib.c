/* zlib: deflate and inflate of a log. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "program.h"

#define SIZE (1 << 20)

uint32_t work(unsigned turn)
{
    static unsigned char text[SIZE], packed[SIZE], back[SIZE];
    uLongf n = sizeof packed, m = sizeof back;
    int level = (int)(turn % 3) * 3 + 3, err;

    random_seed(turn + 1);
    log_text((char *)text, SIZE);
    if ((err = compress2(packed, &n, text, SIZE, level)) != Z_OK)
        fail("compress2", err);
    if ((err = uncompress(back, &m, packed, n)) != Z_OK)
        fail("uncompress", err);
    if (m != SIZE || memcmp(text, back, SIZE))
        fail("zlib: another text came back", (int)m);
    return checksum(CHECKSUM, packed, n);
}
